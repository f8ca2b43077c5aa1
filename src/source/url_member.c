// SPDX-License-Identifier: Apache-2.0
#include "source/url_member.h"

#include <string.h>

#include "base/strset.h"
#include "net/url_list.h"

static bool is_label(const cJSON *value) {
    return cJSON_IsNumber(value) || cJSON_IsBool(value) || (cJSON_IsString(value) && strlen(value->valuestring) <= URL_LIST_LABEL_BYTES);
}

static void check_labels(struct check *check, const cJSON *labels) {
    const cJSON *label;
    size_t mark;

    if (labels == NULL) {
        return;
    }
    if (!cJSON_IsObject(labels) || cJSON_GetArraySize(labels) > (int)URL_LIST_LABELS_MOST) {
        (void)check_fail(check, "labels", "must be an object of at most %u labels", URL_LIST_LABELS_MOST);
        return;
    }
    mark = check_enter(check, "labels", 0);
    cJSON_ArrayForEach(label, labels) {
        if (!is_label(label)) {
            (void)check_fail(check, label->string, "must be a text of at most %u bytes, a number, or true or false", URL_LIST_LABEL_BYTES);
        }
    }
    check_leave(check, mark);
}

/* The text of an element, checked but for what it says; NULL: wrong, and told. */
static const char *text_of(struct check *check, const cJSON *item) {
    static const char *const names[] = {"url", "labels", NULL};
    const cJSON *url;

    if (cJSON_IsString(item)) {
        return item->valuestring;
    }
    if (!cJSON_IsObject(item)) {
        (void)check_fail(check, NULL, "must be a URL, or an object of url and labels");
        return NULL;
    }
    if (!check_object(check, item, names, NULL)) {
        return NULL;
    }
    check_labels(check, cJSON_GetObjectItemCaseSensitive(item, "labels"));
    url = cJSON_GetObjectItemCaseSensitive(item, "url");
    if (!cJSON_IsString(url)) {
        (void)check_fail(check, "url", "must be a text");
    }
    return check->rc == RC_OK ? url->valuestring : NULL;
}

static bool keep(const char *clean, cJSON *item, cJSON *out) {
    cJSON *one = cJSON_CreateObject(), *labels = cJSON_IsObject(item) ? cJSON_DetachItemFromObjectCaseSensitive(item, "labels") : NULL;

    labels = labels != NULL ? labels : cJSON_CreateObject();
    if (one != NULL && cJSON_AddStringToObject(one, "url", clean) != NULL && cJSON_AddItemToObject(one, "labels", labels)) {
        return cJSON_AddItemToArray(out, one);
    }
    cJSON_Delete(one);
    cJSON_Delete(labels);
    return false;
}

static void read_one(struct check *check, const struct source_member *member, struct strset *seen, cJSON *item, cJSON *out) {
    const char *text = text_of(check, item);
    char clean[URL_LIST_URL_MOST];
    struct err why = {.text = ""};
    bool fresh = false;
    enum rc rc;

    if (text == NULL) {
        return;
    }
    rc = url_list_clean(text, clean, &why);
    if (rc == RC_OK && !member->private_hosts && url_list_is_private(clean)) {
        rc = err_set(&why, RC_PERM, "is a host of this machine or of a private network, which the source does not allow (private_hosts)");
    }
    if (rc == RC_PERM) {
        char shown[160];

        (void)str_printable(shown, sizeof(shown), text, strlen(text));
        (void)check_fail(check, cJSON_IsObject(item) ? "url" : NULL, "\"%s\" %s", shown, why.text);
    } else if (rc != RC_OK || strset_keep(seen, clean, &fresh) == NULL || (fresh && !keep(clean, item, out))) {
        (void)check_no_memory(check);
    }
}

void url_member_read(struct check *check, const struct source_member *member, cJSON *list) {
    struct strset seen = {.slots = NULL};
    cJSON *out = cJSON_CreateArray(), *item;
    unsigned index = 0;
    size_t mark = check_enter(check, member->name, 0);

    if (out == NULL) {
        (void)check_no_memory(check);
    }
    cJSON_ArrayForEach(item, list) {
        size_t inner = check_enter(check, NULL, index++);

        if (check->rc == RC_OK) {
            read_one(check, member, &seen, item, out);
        }
        check_leave(check, inner);
    }
    check_leave(check, mark);
    strset_release(&seen);
    if (check->rc == RC_OK) { /* the two change their elements */
        item = list->child;
        list->child = out->child;
        out->child = item;
    }
    cJSON_Delete(out);
}
