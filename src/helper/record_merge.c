// SPDX-License-Identifier: Apache-2.0
#include "helper/record.h"

#include "helper/tool.h"
#include "helper/wording.h"

#include <math.h>
#include <string.h>

/* What the parts of a long text say, as one. Parts overlap, and each says what it saw in words of its own: other words are no conflict (helper/wording.h). */

#define ALSO_MOST 8 /* other readings that are kept beside one */
#define QUOTE_MOST ((size_t)1024 * 1024)
#define SHARE_LEAST 0.6 /* of rows read in different places */
#define SAID_LEAST 0.5  /* of a reading, so that it need not be kept beside another */

static const cJSON *value_of(const cJSON *field) {
    return cJSON_GetObjectItemCaseSensitive(field, "value");
}

static bool is_status(const cJSON *field, const char *status) {
    return strcmp(tool_text(field, "status", ""), status) == 0;
}

static enum wording compare_fields(const cJSON *a, const cJSON *b, enum record_kind kind) {
    const cJSON *x = value_of(a), *y = value_of(b);
    const char *left = tool_text(a, "unit", NULL), *right = tool_text(b, "unit", NULL);
    if (cJSON_IsNumber(x) && cJSON_IsNumber(y))
        return !wording_quantity(x->valuedouble, left, y->valuedouble, right) ? WORDING_DIFFERENT : left || !right ? WORDING_SAME : WORDING_RIGHT_HAS_MORE;
    if (cJSON_IsString(x) && cJSON_IsString(y)) {
        if (kind == RECORD_NAME)
            return wording_names(x->valuestring, y->valuestring);
        if (kind == RECORD_TEXT)
            return wording_compare(x->valuestring, y->valuestring);
        return strcmp(x->valuestring, y->valuestring) == 0 ? WORDING_SAME : WORDING_DIFFERENT;
    }
    return cJSON_Compare(x, y, true) ? WORDING_SAME : WORDING_DIFFERENT;
}

static bool is_verified(const cJSON *field) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(field, "quote_verified"));
}

/* The one that is kept: whose quote is in the text, then what says more. */
static bool is_better(const cJSON *field, const cJSON *than, enum wording wording) {
    if (is_verified(field) != is_verified(than))
        return is_verified(field);
    if (wording != WORDING_RELATED)
        return wording == WORDING_RIGHT_HAS_MORE;
    return strlen(tool_text(field, "value", "")) > strlen(tool_text(than, "value", ""));
}

/* Put a reading beside the field, unless it is there. Takes it. */
static void put_beside(cJSON *field, cJSON *reading) {
    cJSON *also = cJSON_GetObjectItemCaseSensitive(field, "also"), *one;
    bool known = cJSON_Compare(value_of(field), value_of(reading), true);
    cJSON_ArrayForEach(one, also) {
        known = known || cJSON_Compare(value_of(one), value_of(reading), true);
    }
    if (known || cJSON_GetArraySize(also) >= ALSO_MOST) {
        cJSON_Delete(reading);
        return;
    }
    cJSON_AddItemToArray(also ? also : cJSON_AddArrayToObject(field, "also"), reading);
}

/* Take another one (owned) into the field: what it says that the field does not goes beside it, with what stood beside it. */
static void take_in(cJSON *field, cJSON *other, enum wording wording) {
    cJSON *own = cJSON_DetachItemFromObjectCaseSensitive(other, "also");
    const char *text = cJSON_GetStringValue(value_of(field)), *more = cJSON_GetStringValue(value_of(other));
    const bool said = wording == WORDING_SAME || (text && more && is_verified(field) >= is_verified(other) && wording_share(more, text) >= SAID_LEAST);
    while (own && own->child)
        put_beside(field, cJSON_DetachItemFromArray(own, 0));
    cJSON_Delete(own);
    if (said)
        cJSON_Delete(other);
    else
        put_beside(field, other);
}

/* Put a found field among those that are already there: in the place of one that says the same with less right, or beside it. */
static void add_candidate(cJSON *list, cJSON *field, enum record_kind kind) {
    int i = 0;
    for (cJSON *one = list->child; one; one = one->next, i++) {
        const enum wording wording = compare_fields(one, field, kind);
        if (wording == WORDING_DIFFERENT)
            continue;
        if (is_better(field, one, wording)) {
            cJSON *other = cJSON_DetachItemFromArray(list, i);
            cJSON_InsertItemInArray(list, i, field);
            take_in(field, other, wording);
        } else
            take_in(one, field, wording);
        return;
    }
    cJSON_AddItemToArray(list, field);
}

/* Where one has a quote that is in the text, those without are no match for it. */
static void prefer_verified(cJSON *found) {
    cJSON *best = NULL, *one;
    cJSON_ArrayForEach(one, found) {
        best = best || !is_verified(one) ? best : one;
    }
    for (cJSON *next = best ? found->child : NULL; (one = next);) {
        next = one->next;
        if (!is_verified(one))
            take_in(best, cJSON_DetachItemViaPointer(found, one), WORDING_DIFFERENT);
    }
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
            if (compare_fields(found, one, kind) != WORDING_DIFFERENT)
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
    prefer_verified(found);
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

/* Whether two say the same, or one says nothing. */
static bool same_member(const cJSON *a, const cJSON *b, enum record_kind kind) {
    if (cJSON_IsNull(a) || cJSON_IsNull(b))
        return true;
    if (cJSON_IsNumber(a) && cJSON_IsNumber(b))
        return wording_quantity(a->valuedouble, NULL, b->valuedouble, NULL);
    if (!cJSON_IsString(a) || !cJSON_IsString(b))
        return cJSON_Compare(a, b, true);
    const char *left = a->valuestring, *right = b->valuestring;
    return kind == RECORD_TEXT       ? wording_compare(left, right) != WORDING_DIFFERENT
           : kind == RECORD_CURRENCY ? wording_currency(left, right)
                                     : strcmp(left, right) == 0;
}

/* The same words of the same place: what two parts that overlap both saw. */
static bool same_quote(const cJSON *a, const cJSON *b) {
    const char *left = tool_text(a, "quote", ""), *right = tool_text(b, "quote", "");
    if (!is_verified(a) || !is_verified(b) || fabs(tool_number(a, "page", 0) - tool_number(b, "page", 0)) > 1)
        return false;
    struct buf x = BUF_INIT(QUOTE_MOST), y = BUF_INIT(QUOTE_MOST);
    const bool folded = quotes_fold(left, false, &x) == RC_OK && quotes_fold(right, false, &y) == RC_OK && x.length && y.length;
    const bool same = folded && (strstr(buf_text(&x), buf_text(&y)) || strstr(buf_text(&y), buf_text(&x)));
    buf_release(&x);
    buf_release(&y);
    return same;
}

/* Rows are the same when no member of those named contradicts, and either the first one that any of them has is in both, or they were read in the same place.
 */
static bool same_row(const cJSON *a, const cJSON *b, const struct record_member *members) {
    bool shared = false, first = true, text = false;
    for (const struct record_member *m = members; m->name; m++) {
        const cJSON *x = cJSON_GetObjectItemCaseSensitive(a, m->name), *y = cJSON_GetObjectItemCaseSensitive(b, m->name);
        const bool both = !cJSON_IsNull(x) && !cJSON_IsNull(y);
        if (m->kind == RECORD_TEXT) {
            text = true; /* dearer, and last */
            continue;
        }
        if (!same_member(x, y, m->kind))
            return false;
        first = first && (shared || cJSON_IsNull(x) == cJSON_IsNull(y));
        shared |= both;
    }
    if ((!shared || !first) && !text && !same_quote(a, b))
        return false;
    const bool place = same_quote(a, b);
    for (const struct record_member *m = members; m->name; m++) {
        const cJSON *x = cJSON_GetObjectItemCaseSensitive(a, m->name), *y = cJSON_GetObjectItemCaseSensitive(b, m->name);
        if (m->kind != RECORD_TEXT)
            continue;
        if (!same_member(x, y, m->kind))
            return false;
        const bool both = cJSON_IsString(x) && cJSON_IsString(y);
        /* Read elsewhere, it must say much the same, not only nothing else. */
        if (both && !place && fmax(wording_share(x->valuestring, y->valuestring), wording_share(y->valuestring, x->valuestring)) < SHARE_LEAST)
            return false;
        first = first && (shared || both || (cJSON_IsNull(x) && cJSON_IsNull(y)));
        shared |= both;
    }
    return shared && (first || place);
}

/* What one row lacks, the other may say; the one whose quote is in the text holds. */
static void complete_row(cJSON *row, cJSON *other) {
    const bool better = is_verified(other) && !is_verified(row);
    for (cJSON *member = other->child, *next; member; member = next) {
        next = member->next;
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(row, member->string);
        const bool more = is_verified(other) >= is_verified(row) && cJSON_IsString(own) && cJSON_IsString(member) && strcmp(member->string, "text") == 0 &&
                          strlen(member->valuestring) > strlen(own->valuestring);
        if (own && (cJSON_IsNull(own) || more || (better && !cJSON_IsNull(member))))
            cJSON_ReplaceItemInObjectCaseSensitive(row, member->string, cJSON_Duplicate(member, true));
    }
}

void record_merge_rows(cJSON *list, cJSON *rows, const struct record_member *members) {
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
