// SPDX-License-Identifier: Apache-2.0
#include "source/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/str.h"

#define MOST_NAMES 128u

enum rc check_open(struct check *check, const char *file, const char *text, size_t length, const struct json_rules *rules, struct err *err) {
    struct err wrong = {0};

    *check = (struct check){.file = file, .err = err};
    if (length > (size_t)LIMIT_JOB_FILE_BYTES) {
        return check->rc = err_set(err, RC_PERM, "%s: larger than %u bytes", file, LIMIT_JOB_FILE_BYTES);
    }
    if (json_check(text, length, rules, &wrong) != RC_OK) {
        return check->rc = err_set(err, RC_PERM, "%s: %s", file, wrong.text);
    }
    check->text = malloc(length + 1);
    if (check->text == NULL) {
        return check_no_memory(check);
    }
    memcpy(check->text, text, length);
    check->text[length] = '\0';
    check->length = length;
    if (rules->comments) {
        json_strip_comments(check->text, length);
    }
    check->root = cJSON_ParseWithLength(check->text, length + 1);
    return check->root != NULL ? RC_OK : check_no_memory(check);
}

void check_replace(struct check *check, struct buf *text) {
    cJSON_Delete(check->root);
    free(check->text);
    check->length = text->length;
    check->text = buf_take(text);
    check->root = check->text != NULL ? cJSON_ParseWithLength(check->text, check->length + 1) : NULL;
    if (check->root == NULL) {
        (void)check_no_memory(check);
    }
}

void check_release(struct check *check) {
    cJSON_Delete(check->root);
    free(check->text);
    check->root = NULL;
    check->text = NULL;
}

cJSON *check_take_root(struct check *check) {
    cJSON *root = check->root;

    check->root = NULL;
    return root;
}

bool check_slice(const struct check *check, const char *pointer, struct slice *value) {
    return json_find((struct slice){.data = check->text, .length = check->length}, pointer, value);
}

size_t check_enter(struct check *check, const char *name, unsigned index) {
    size_t mark = strlen(check->path);
    char number[16];

    if (name == NULL) {
        (void)snprintf(number, sizeof(number), "%u", index);
        name = number;
    }
    (void)json_pointer_add(check->path, sizeof(check->path), name);
    return mark;
}

void check_leave(struct check *check, size_t mark) {
    check->path[mark] = '\0';
}

static void place_of(const struct check *check, const char *path, char *out, size_t size) {
    struct slice value;
    unsigned line = 1, column = 1;

    out[0] = '\0';
    if (check->text == NULL || !check_slice(check, path, &value)) {
        return;
    }
    for (const char *at = check->text; at < value.data; at++) {
        column = *at == '\n' ? 1 : column + 1;
        line += *at == '\n';
    }
    (void)str_format(out, size, "line %u column %u: ", line, column);
}

__attribute__((format(printf, 4, 0))) static enum rc fail(struct check *check, const char *member, const char *lacks, const char *format, va_list args) {
    char path[sizeof(check->path) + 80], text[400], where[64];

    if (check->rc != RC_OK) {
        return check->rc;
    }
    (void)str_copy(path, sizeof(path), check->path);
    if (member != NULL) {
        (void)json_pointer_add(path, sizeof(path), member);
    }
    (void)vsnprintf(text, sizeof(text), format, args);
    place_of(check, path, where, sizeof(where));
    if (check->fault != NULL) {
        (void)str_copy(check->fault->pointer, sizeof(check->fault->pointer), path);
        if (lacks != NULL) {
            (void)json_pointer_add(check->fault->pointer, sizeof(check->fault->pointer), lacks);
        }
        (void)str_copy(check->fault->detail, sizeof(check->fault->detail), text);
    }
    return check->rc = err_set(check->err, RC_PERM, "%s: %s%s%s%s", check->file, where, path, path[0] != '\0' ? ": " : "", text);
}

enum rc check_fail(struct check *check, const char *member, const char *format, ...) {
    va_list args;
    enum rc rc;

    va_start(args, format);
    rc = fail(check, member, NULL, format, args);
    va_end(args);
    return rc;
}

enum rc check_lacks(struct check *check, const char *member, const char *format, ...) {
    va_list args;
    enum rc rc;

    va_start(args, format);
    rc = fail(check, NULL, member, format, args);
    va_end(args);
    return rc;
}

enum rc check_no_memory(struct check *check) {
    if (check->rc == RC_OK) {
        check->rc = err_set(check->err, RC_TEMP, "%s: out of memory", check->file);
    }
    return check->rc;
}

static size_t gather(const char *const *names, const char **all, size_t count) {
    for (; names != NULL && *names != NULL && count < MOST_NAMES; names++) {
        all[count++] = *names;
    }
    return count;
}

static bool known(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool check_object(struct check *check, const cJSON *object, const char *const *names, const char *const *more) {
    const char *all[MOST_NAMES], *nearest;
    size_t count = gather(more, all, gather(names, all, 0));
    const cJSON *member;

    if (check->rc != RC_OK) {
        return false;
    }
    if (!cJSON_IsObject(object)) {
        return check_fail(check, NULL, "must be an object") == RC_OK;
    }
    cJSON_ArrayForEach(member, object) {
        if (known(member->string, all, count)) {
            continue;
        }
        nearest = str_nearest(member->string, all, count);
        if (nearest != NULL) {
            return check_fail(check, member->string, "unknown member \"%.64s\"; did you mean \"%s\"?", member->string, nearest) == RC_OK;
        }
        return check_fail(check, member->string, "unknown member \"%.64s\"", member->string) == RC_OK;
    }
    return true;
}

static const cJSON *member_of(const struct check *check, const cJSON *object, const char *name) {
    return check->rc == RC_OK ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

const cJSON *check_array(struct check *check, const cJSON *object, const char *name, unsigned least, unsigned most) {
    const cJSON *item = member_of(check, object, name);
    int count;

    if (item == NULL) {
        return NULL;
    }
    count = cJSON_GetArraySize(item);
    if (!cJSON_IsArray(item) || count < (int)least || count > (int)most) {
        (void)check_fail(check, name, "must be a list of %u to %u", least, most);
        return NULL;
    }
    return item;
}

const cJSON *check_string(struct check *check, const cJSON *object, const char *name, size_t most_bytes) {
    const cJSON *item = member_of(check, object, name);

    if (item == NULL) {
        return NULL;
    }
    if (!cJSON_IsString(item)) {
        (void)check_fail(check, name, "must be text");
        return NULL;
    }
    if (strlen(item->valuestring) > most_bytes) {
        (void)check_fail(check, name, "longer than %zu bytes", most_bytes);
        return NULL;
    }
    return item;
}

void check_name(struct check *check, const cJSON *object, const char *name, char out[65]) {
    const cJSON *item = member_of(check, object, name);

    if (item == NULL) {
        return;
    }
    if (!cJSON_IsString(item) || !str_is_name(item->valuestring)) {
        (void)check_fail(check, name, "must be 1 to 64 of A-Z a-z 0-9 _ -");
        return;
    }
    (void)str_copy(out, 65, item->valuestring);
}

void check_header_name(struct check *check, const char *member, const char *name, bool sent) {
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    /* Two of them would be a way to smuggle a request. */
    static const char *const reserved[] = {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Trailer", "Expect"};

    if (name[0] == '\0' || strspn(name, token) != strlen(name)) {
        (void)check_fail(check, member, "is no name of a header (RFC 9110)");
    }
    for (size_t i = 0; sent && i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strcasecmp(name, reserved[i]) == 0) {
            (void)check_fail(check, member, "is set by the transport and must not be given");
        }
    }
}

const char *check_header(struct check *check, const cJSON *object, const char *member, bool sent) {
    const cJSON *name = check_string(check, object, member, 128);

    if (name != NULL) {
        check_header_name(check, member, name->valuestring, sent);
    }
    return cJSON_GetStringValue(name);
}

void check_pointer(struct check *check, const cJSON *object, const char *name, char **out) {
    const cJSON *item = member_of(check, object, name);

    if (item == NULL) {
        return;
    }
    if (!cJSON_IsString(item) || !json_pointer_valid(item->valuestring)) {
        (void)check_fail(check, name, "must be a JSON Pointer such as \"/results\" (RFC 6901)");
        return;
    }
    free(*out);
    *out = strdup(item->valuestring);
    if (*out == NULL) {
        (void)check_no_memory(check);
    }
}

void check_u64(struct check *check, const cJSON *object, const char *name, uint64_t least, uint64_t most, uint64_t *out) {
    const cJSON *item = member_of(check, object, name);
    double d;

    if (item == NULL) {
        return;
    }
    d = item->valuedouble;
    if (!cJSON_IsNumber(item) || d < 0 || d > 9007199254740991.0 || (double)(uint64_t)d < d || (uint64_t)d < least || (uint64_t)d > most) {
        if (most >= 9007199254740991u) {
            (void)check_fail(check, name, "must be a whole number from %llu on", (unsigned long long)least);
        } else {
            (void)check_fail(check, name, "must be a whole number from %llu to %llu", (unsigned long long)least, (unsigned long long)most);
        }
        return;
    }
    *out = (uint64_t)d;
}

void check_unsigned(struct check *check, const cJSON *object, const char *name, unsigned least, unsigned most, unsigned *out) {
    uint64_t value = *out;

    check_u64(check, object, name, least, most, &value);
    *out = (unsigned)value;
}

void check_real(struct check *check, const cJSON *object, const char *name, double least, double most, double *out) {
    const cJSON *item = member_of(check, object, name);

    if (item == NULL) {
        return;
    }
    if (!cJSON_IsNumber(item) || item->valuedouble < least || item->valuedouble > most) {
        (void)check_fail(check, name, "must be a number from %g to %g", least, most);
        return;
    }
    *out = item->valuedouble;
}

void check_flag(struct check *check, const cJSON *object, const char *name, bool *out) {
    const cJSON *item = member_of(check, object, name);

    if (item == NULL) {
        return;
    }
    if (!cJSON_IsBool(item)) {
        (void)check_fail(check, name, "must be true or false");
        return;
    }
    *out = cJSON_IsTrue(item);
}

void check_money(struct check *check, const cJSON *object, const char *name, struct dec *out, bool *has) {
    const cJSON *item = member_of(check, object, name);
    char path[sizeof(check->path)];
    struct slice text = {.data = "", .length = 0};

    if (item == NULL) {
        return;
    }
    /* A number is read from its text: a double would not be exact. */
    (void)str_copy(path, sizeof(path), check->path);
    if (cJSON_IsString(item)) {
        text = slice_of(item->valuestring);
    } else if (!cJSON_IsNumber(item) || !json_pointer_add(path, sizeof(path), name) || !check_slice(check, path, &text)) {
        text = slice_of("");
    }
    if (!dec_parse(text, out) || dec_compare(*out, dec_zero()) < 0) {
        *out = dec_zero();
        (void)check_fail(check, name, "must be an amount such as \"250.00\", at most 18 digits before the point and 9 after");
        return;
    }
    *has = true;
}

void check_duration(struct check *check, const cJSON *object, const char *name, int64_t least_ms, int64_t *out_ms) {
    const cJSON *item = member_of(check, object, name);
    int64_t ms = 0;

    if (item == NULL) {
        return;
    }
    if (!cJSON_IsString(item) || !str_duration_ms(item->valuestring, &ms) || ms < least_ms) {
        (void)check_fail(check, name, "must be an ISO 8601 duration such as \"PT1M\" or \"P30D\"%s", least_ms > 0 ? ", longer than nothing" : "");
        return;
    }
    *out_ms = ms;
}

void check_choice(struct check *check, const cJSON *object, const char *name, const char *const *choices, unsigned *out) {
    const cJSON *item = member_of(check, object, name);
    char all[200] = "";
    const char *nearest;
    size_t count = 0;

    if (item == NULL) {
        return;
    }
    for (; choices[count] != NULL; count++) {
        size_t at = strlen(all);

        if (cJSON_IsString(item) && strcmp(item->valuestring, choices[count]) == 0) {
            *out = (unsigned)count;
            return;
        }
        (void)snprintf(all + at, sizeof(all) - at, "%s%s", count > 0 ? ", " : "", choices[count]);
    }
    nearest = cJSON_IsString(item) ? str_nearest(item->valuestring, choices, count) : NULL;
    if (nearest != NULL) {
        (void)check_fail(check, name, "must be one of %s; did you mean \"%s\"?", all, nearest);
    } else {
        (void)check_fail(check, name, "must be one of %s", all);
    }
}
