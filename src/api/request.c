// SPDX-License-Identifier: Apache-2.0
#include "api/request.h"

#include "api/reply.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

const char *request_query(const struct request *r, const char *name) {
    for (size_t i = 0; i < r->query_count; i++)
        if (r->query[i].name && strcmp(r->query[i].name, name) == 0)
            return r->query[i].value;
    return NULL;
}

const char *request_header(const struct request *r, const char *name) {
    for (size_t i = 0; i < r->header_count; i++)
        if (r->headers[i].name && strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

bool request_number(struct request *r, const char *name, uint64_t least, uint64_t most, uint64_t *out) {
    const char *text = request_query(r, name);
    if (!text || str_to_u64(text, least, most, out))
        return true;
    reply_parameter(r, name, "%s must be a number from %llu to %llu", name, (unsigned long long)least, (unsigned long long)most);
    return false;
}

bool request_flag(struct request *r, const char *name, bool *out) {
    const char *text = request_query(r, name);
    if (!text)
        return true;
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
        *out = true;
    else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        *out = false;
    else {
        reply_parameter(r, name, "%s must be true or false", name);
        return false;
    }
    return true;
}

bool request_text(struct request *r, const char *member, size_t max_bytes, bool required, const char **out) {
    char pointer[100];
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(r->json, member);
    *out = NULL;
    str_format(pointer, sizeof pointer, "/%s", member);
    if (!value && !required)
        return true;
    if (!value)
        reply_invalid(r, pointer, "%s is missing", member);
    else if (!cJSON_IsString(value) || !*value->valuestring || strlen(value->valuestring) > max_bytes)
        reply_invalid(r, pointer, "%s must be a text of 1 to %zu bytes", member, max_bytes);
    else {
        *out = value->valuestring;
        return true;
    }
    return false;
}

bool request_members(struct request *r, const char *const *known) {
    size_t count = 0;
    while (known[count])
        count++;
    const cJSON *member;
    cJSON_ArrayForEach(member, r->json) {
        bool found = false;
        for (size_t i = 0; i < count && !found; i++)
            found = strcmp(member->string, known[i]) == 0;
        if (found)
            continue;
        char pointer[200];
        const char *near = str_nearest(member->string, known, count);
        if (!str_format(pointer, sizeof pointer, "/%s", member->string))
            str_copy(pointer, sizeof pointer, "");
        reply_invalid(r, pointer, "there is no member \"%.100s\"%s%s%s", member->string, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return false;
    }
    return true;
}
