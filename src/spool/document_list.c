// SPDX-License-Identifier: Apache-2.0
#include "spool/document.h"

#include "base/str.h"
#include "base/strset.h"

#include <string.h>

cJSON *document_json(const struct document *document, enum docform_type type, const char *name, const char *group) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "sha256", document->sha256);
    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddNumberToObject(json, "bytes", (double)document->bytes);
    cJSON_AddStringToObject(json, "type", docform_name(type));
    cJSON_AddItemToObject(json, "group", group ? cJSON_CreateString(group) : cJSON_CreateNull());
    return json;
}

static bool is_short_text(const cJSON *item, size_t most) {
    return cJSON_IsString(item) && *item->valuestring && strlen(item->valuestring) <= most;
}

/* NULL when the object is one; else what is wrong. */
static const char *wrong_with(const cJSON *item) {
    static const char *const names[] = {"sha256", "name", "bytes", "type", "group"};
    const cJSON *sum = cJSON_GetObjectItemCaseSensitive(item, "sha256"), *bytes = cJSON_GetObjectItemCaseSensitive(item, "bytes");
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(item, "type"), *group = cJSON_GetObjectItemCaseSensitive(item, "group"), *member;
    if (!cJSON_IsObject(item))
        return "must be an object {\"sha256\", \"name\", \"bytes\", \"type\", \"group\"}";
    cJSON_ArrayForEach(member, item) {
        size_t i = 0;
        while (i < sizeof names / sizeof *names && strcmp(names[i], member->string) != 0)
            i++;
        if (i == sizeof names / sizeof *names)
            return "has a member that is not foreseen";
    }
    if (!cJSON_IsString(sum) || !document_is_sum(sum->valuestring))
        return "/sha256 must be 64 lower-case hexadecimal digits";
    if (!is_short_text(cJSON_GetObjectItemCaseSensitive(item, "name"), DOCUMENT_NAME_MOST))
        return "/name must be a text of 1 to 255 bytes";
    if (!cJSON_IsNumber(bytes) || !(bytes->valuedouble >= 1 && bytes->valuedouble <= (double)DOCUMENT_BYTES_MOST))
        return "/bytes must be the document's size";
    if (!cJSON_IsString(type) || docform_from_name(type->valuestring) == DOCFORM_NONE)
        return "/type must be pdf, tiff, jpeg or png";
    return !group || cJSON_IsNull(group) || is_short_text(group, DOCUMENT_GROUP_MOST) ? NULL : "/group must be a text of 1 to 200 bytes, or null";
}

enum rc document_check_list(const cJSON *list, unsigned most, struct err *err) {
    struct strset sums = {.slots = NULL};
    enum rc rc = RC_OK;
    int count = cJSON_GetArraySize(list), i = 0;
    if (!cJSON_IsArray(list) || count < 1 || (unsigned)count > most)
        return err_set(err, RC_PERM, "documents must be a list of 1 to %u documents", most);
    for (const cJSON *item = list->child; item && !rc; item = item->next, i++) {
        bool fresh = true;
        const char *wrong = wrong_with(item);
        if (wrong)
            rc = err_set(err, RC_PERM, "documents/%d%s%s", i, *wrong == '/' ? "" : " ", wrong);
        else if (!strset_keep(&sums, cJSON_GetObjectItemCaseSensitive(item, "sha256")->valuestring, &fresh))
            rc = err_set(err, RC_TEMP, "out of memory");
        else if (!fresh)
            rc = err_set(err, RC_PERM, "documents/%d is the same document as one before it", i);
    }
    strset_release(&sums);
    return rc;
}
