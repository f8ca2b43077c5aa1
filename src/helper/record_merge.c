// SPDX-License-Identifier: Apache-2.0
#include "helper/record.h"

#include "base/str.h"
#include "helper/tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FOLDED_MOST ((size_t)16 * 1024 * 1024)

static const cJSON *value_of(const cJSON *field) {
    return cJSON_GetObjectItemCaseSensitive(field, "value");
}

static bool is_status(const cJSON *field, const char *status) {
    return strcmp(tool_text(field, "status", ""), status) == 0;
}

enum likeness { DIFFERENT, SAME, LEFT_HAS_MORE, RIGHT_HAS_MORE };

/* Texts are the same when one has all of the other in it. */
static enum likeness compare_texts(const char *a, const char *b) {
    struct buf left = BUF_INIT(FOLDED_MOST), right = BUF_INIT(FOLDED_MOST);
    enum likeness likeness = DIFFERENT;
    if (quotes_fold(a, false, &left) == RC_OK && quotes_fold(b, false, &right) == RC_OK) {
        if (strcmp(buf_text(&left), buf_text(&right)) == 0)
            likeness = SAME;
        else if (right.length && strstr(buf_text(&left), buf_text(&right)))
            likeness = LEFT_HAS_MORE;
        else if (left.length && strstr(buf_text(&right), buf_text(&left)))
            likeness = RIGHT_HAS_MORE;
    }
    buf_release(&left);
    buf_release(&right);
    return likeness;
}

static bool same_number(const cJSON *a, const cJSON *b) {
    return fabs(a->valuedouble - b->valuedouble) <= 1e-9 * fmax(fabs(a->valuedouble), fabs(b->valuedouble));
}

static enum likeness compare_fields(const cJSON *a, const cJSON *b, enum record_kind kind) {
    const cJSON *x = value_of(a), *y = value_of(b);
    const char *left = tool_text(a, "unit", NULL), *right = tool_text(b, "unit", NULL);
    if (left && right && compare_texts(left, right) == DIFFERENT)
        return DIFFERENT;
    if (cJSON_IsNumber(x) && cJSON_IsNumber(y))
        return !same_number(x, y) ? DIFFERENT : left || !right ? SAME : RIGHT_HAS_MORE;
    if (cJSON_IsString(x) && cJSON_IsString(y)) {
        if (kind != RECORD_TEXT)
            return strcmp(x->valuestring, y->valuestring) == 0 ? SAME : DIFFERENT;
        return compare_texts(x->valuestring, y->valuestring);
    }
    return cJSON_Compare(x, y, true) ? SAME : DIFFERENT;
}

static bool is_verified(const cJSON *field) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(field, "quote_verified"));
}

/* Put a found field among those that are already there: in the place of one that says less, or not at all when one says as much. */
static void add_candidate(cJSON *list, cJSON *field, enum record_kind kind) {
    int i = 0;
    for (cJSON *one = list->child; one; one = one->next, i++) {
        enum likeness likeness = compare_fields(one, field, kind);
        if (likeness == DIFFERENT)
            continue;
        if (likeness == RIGHT_HAS_MORE || (likeness == SAME && !is_verified(one) && is_verified(field)))
            cJSON_ReplaceItemInArray(list, i, field);
        else
            cJSON_Delete(field);
        return;
    }
    cJSON_AddItemToArray(list, field);
}

static cJSON *empty_field(const char *status) {
    static const char *const members[] = {"document", "page", "quote", "quote_verified"};
    cJSON *field = cJSON_CreateObject();
    cJSON_AddNullToObject(field, "value");
    cJSON_AddNullToObject(field, "unit");
    cJSON_AddStringToObject(field, "status", status);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        cJSON_AddNullToObject(field, members[i]);
    return field;
}

/* A part that is itself in conflict (a date that can be read in two ways) brings its candidates, unless one of them was found elsewhere. */
static void add_doubtful(cJSON *list, cJSON *field, enum record_kind kind) {
    cJSON *candidates = cJSON_GetObjectItemCaseSensitive(field, "candidates");
    for (const cJSON *one = candidates ? candidates->child : NULL; one; one = one->next)
        for (const cJSON *found = list->child; found; found = found->next)
            if (compare_fields(found, one, kind) != DIFFERENT)
                candidates = NULL;
    while (candidates && candidates->child)
        add_candidate(list, cJSON_DetachItemFromArray(candidates, 0), kind);
}

cJSON *record_merge_field(cJSON *parts, enum record_kind kind) {
    cJSON *found = cJSON_CreateArray(), *doubtful = cJSON_CreateArray(), *field;
    bool none = false;
    while ((field = cJSON_DetachItemFromArray(parts, 0))) {
        if (is_status(field, "found")) {
            add_candidate(found, field, kind);
            continue;
        }
        none |= is_status(field, "n/a");
        if (is_status(field, "conflict"))
            cJSON_AddItemToArray(doubtful, field);
        else
            cJSON_Delete(field);
    }
    while ((field = cJSON_DetachItemFromArray(doubtful, 0))) {
        add_doubtful(found, field, kind);
        cJSON_Delete(field);
    }
    bool unclear = cJSON_GetArraySize(found) > 1 || (found->child && is_status(found->child, "conflict"));
    if (!found->child)
        field = empty_field(none ? "n/a" : "not_found");
    else if (!unclear)
        field = cJSON_DetachItemFromArray(found, 0);
    else {
        field = empty_field("conflict");
        for (cJSON *one = found->child; one; one = one->next)
            cJSON_ReplaceItemInObjectCaseSensitive(one, "status", cJSON_CreateString("found"));
        cJSON_AddItemToObject(field, "candidates", found);
        found = NULL;
    }
    cJSON_Delete(found);
    cJSON_Delete(doubtful);
    return field;
}

/* --- rows --------------------------------------------------------------------------------------------------------------- */

/* What one row lacks, the other may say. */
static bool same_member(const cJSON *a, const cJSON *b) {
    if (cJSON_IsNull(a) || cJSON_IsNull(b))
        return true;
    if (cJSON_IsString(a) && cJSON_IsString(b))
        return compare_texts(a->valuestring, b->valuestring) != DIFFERENT;
    if (cJSON_IsNumber(a) && cJSON_IsNumber(b))
        return same_number(a, b);
    return cJSON_Compare(a, b, true);
}

/* Rows are the same when no member of those named differs, and the first one that any of them has is in both. */
static bool same_row(const cJSON *a, const cJSON *b, const char *const *members) {
    bool shared = false;
    for (; *members; members++) {
        const cJSON *x = cJSON_GetObjectItemCaseSensitive(a, *members), *y = cJSON_GetObjectItemCaseSensitive(b, *members);
        if (!same_member(x, y) || (!shared && cJSON_IsNull(x) != cJSON_IsNull(y)))
            return false;
        shared |= !cJSON_IsNull(x) && !cJSON_IsNull(y);
    }
    return shared;
}

static void complete_row(cJSON *row, cJSON *other) {
    for (cJSON *member = other->child, *next; member; member = next) {
        next = member->next;
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(row, member->string);
        bool more =
            cJSON_IsString(own) && cJSON_IsString(member) && strcmp(member->string, "text") == 0 && strlen(member->valuestring) > strlen(own->valuestring);
        if (cJSON_IsNull(own) || more)
            cJSON_ReplaceItemInObjectCaseSensitive(row, member->string, cJSON_Duplicate(member, true));
    }
}

void record_merge_rows(cJSON *list, cJSON *rows, const char *const *members) {
    cJSON *row;
    while ((row = cJSON_DetachItemFromArray(rows, 0))) {
        cJSON *one = list->child;
        while (one && !same_row(one, row, members))
            one = one->next;
        if (!one) {
            cJSON_AddItemToArray(list, row);
            continue;
        }
        complete_row(one, row);
        cJSON_Delete(row);
    }
}
