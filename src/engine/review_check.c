// SPDX-License-Identifier: Apache-2.0
#include "engine/review.h"

#include "base/str.h"
#include "report/lease_review.h"
#include "spool/document.h"

#include <stdarg.h>
#include <string.h>

/* The form of a change, before anything is read: what members there are, and of which kind. What they say is held against the records by review_words.c. */

#define NOTE_BYTES 2000u
#define UNIT_BYTES 64u
#define FIELD_BYTES 128u

struct spot { /* where one is: names from the root of the change */
    struct review_ask *ask;
    struct err *err;
    const char *names[7];
    size_t count, words;
};

/* The Pointer (RFC 6901) of the member below where one is; "" is that itself. */
static enum rc wrong(const struct spot *at, const char *member, const char *text) {
    char *out = at->ask->pointer, *end = out + REVIEW_POINTER_SIZE - 3;
    for (size_t i = 0; i <= at->count; i++) {
        const char *name = i < at->count ? at->names[i] : member;
        if (out < end && *name)
            *out++ = '/';
        for (; *name && out < end; name++) {
            if (*name == '~' || *name == '/')
                *out++ = '~';
            *out++ = (char)(*name == '~' ? '0' : *name == '/' ? '1' : *name);
        }
    }
    *out = '\0';
    at->ask->why = REVIEW_WRONG;
    const char *last = at->count ? at->names[at->count - 1] : "the review";
    return err_set(at->err, RC_PERM, "%s%s%s %s", last, *member ? ": " : "", member, text);
}

static bool is_name(const char *name) {
    const size_t length = strlen(name);
    return length > 0 && length <= FIELD_BYTES && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == length;
}

/* Members that words have: a bit each. */
enum { DECISION = 1, VALUE = 2, UNIT = 4, NOTE = 8, OVER = 16, VALUES = 32, CELLS = 64 };

static enum rc check_members(const cJSON *word, unsigned known, const struct spot *at) {
    static const char *const names[] = {"decision", "value", "unit", "note", "over", "values", "cells"};
    const cJSON *item;
    cJSON_ArrayForEach(item, word) {
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strcmp(item->string, names[i]) == 0)
                bit = 1u << i;
        if (!(bit & known))
            return wrong(at, item->string, "is not known there");
        if ((bit & (UNIT | NOTE)) && !cJSON_IsNull(item) && (!cJSON_IsString(item) || strlen(item->valuestring) > (bit == UNIT ? UNIT_BYTES : NOTE_BYTES)))
            return wrong(at, item->string, "must be a short text");
        if (bit == OVER && (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > 9e15))
            return wrong(at, item->string, "must be the seq of the word that this one replaces, or 0");
        if ((bit & (VALUES | CELLS)) && !cJSON_IsObject(item))
            return wrong(at, item->string, "must be an object");
        if (bit == DECISION && !cJSON_IsString(item))
            return wrong(at, item->string, "must be a text");
    }
    return RC_OK;
}

static enum rc count_word(struct spot *at) {
    return ++at->words > REVIEW_WORDS_MOST ? wrong(at, "", "is one word too many for one change") : RC_OK;
}

/* Of a field or a cell. */
static enum rc check_word(const cJSON *word, unsigned known, struct spot *at) {
    enum rc rc = count_word(at);
    if (rc || cJSON_IsNull(word))
        return rc;
    if (!cJSON_IsObject(word))
        return wrong(at, "", "must be an object with a decision, or null to take back what was said");
    rc = check_members(word, known, at);
    if (rc)
        return rc;
    cJSON *value = cJSON_GetObjectItemCaseSensitive(word, "value");
    const char *decision = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(word, "decision"));
    if (decision && strcmp(decision, "corrected") == 0)
        return value && lease_review_fit(LEASE_ANY, &value, NULL) == RC_OK
                   ? RC_OK
                   : wrong(at, "value", "must be a text, a number, true, false, an array of these, or null");
    if (!decision || strcmp(decision, "confirmed") != 0)
        return wrong(at, "decision", "must be \"confirmed\" or \"corrected\"");
    return value ? wrong(at, "value", "goes with \"corrected\" alone") : RC_OK;
}

static enum rc check_cells(const cJSON *cells, struct spot *at) {
    const cJSON *cell;
    enum rc rc = RC_OK;
    at->names[at->count++] = "cells";
    cJSON_ArrayForEach(cell, cells) {
        at->names[at->count++] = cell->string;
        rc = rc ? rc : check_word(cell, DECISION | VALUE | NOTE | OVER, at);
        at->count--;
    }
    at->count--;
    return rc;
}

static enum rc check_row(const cJSON *word, struct spot *at) {
    enum rc rc = count_word(at);
    if (rc || cJSON_IsNull(word))
        return rc;
    if (!cJSON_IsObject(word))
        return wrong(at, "", "must be an object with a decision, cells or both, or null to take back what was said");
    rc = check_members(word, DECISION | NOTE | OVER | VALUES | CELLS, at);
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(word, "values"), *cells = cJSON_GetObjectItemCaseSensitive(word, "cells");
    const char *decision = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(word, "decision"));
    if (rc)
        return rc;
    const bool added = decision && strcmp(decision, "added") == 0;
    if (decision && !added && strcmp(decision, "confirmed") != 0 && strcmp(decision, "removed") != 0)
        return wrong(at, "decision", "must be \"confirmed\", \"removed\" or \"added\"");
    if (!decision && !cells)
        return wrong(at, "", "must have a decision or cells");
    if (added != (values != NULL))
        return wrong(at, "values", "goes with \"added\", and with it alone");
    return check_cells(cells, at);
}

static enum rc check_rows(const cJSON *lists, struct spot *at) {
    const cJSON *list, *row;
    enum rc rc = RC_OK;
    cJSON_ArrayForEach(list, lists) {
        at->names[at->count++] = list->string;
        if (!rc && (!lease_review_list(list->string) || !cJSON_IsObject(list)))
            rc = wrong(at, "", "is no list of rows; there are rent, dates, options and clauses");
        cJSON_ArrayForEach(row, list) {
            at->names[at->count++] = row->string;
            if (!rc)
                rc = is_name(row->string) ? check_row(row, at) : wrong(at, "", "is no id of a row");
            at->count--;
        }
        at->count--;
    }
    return rc;
}

static enum rc check_fields(const cJSON *fields, struct spot *at) {
    const cJSON *field;
    enum rc rc = RC_OK;
    cJSON_ArrayForEach(field, fields) {
        at->names[at->count++] = field->string;
        if (!rc)
            rc = is_name(field->string) ? check_word(field, DECISION | VALUE | UNIT | NOTE | OVER, at) : wrong(at, "", "is no name of a field");
        at->count--;
    }
    return rc;
}

static enum rc check_documents(const cJSON *documents, const char *name, enum rc (*check)(const cJSON *, struct spot *), struct spot *at) {
    const cJSON *document;
    enum rc rc = RC_OK;
    if (documents && !cJSON_IsObject(documents))
        return wrong(at, name, "must be an object");
    at->names[at->count++] = name;
    cJSON_ArrayForEach(document, documents) {
        at->names[at->count++] = document->string;
        if (!rc && (!document_is_sum(document->string) || !cJSON_IsObject(document)))
            rc = wrong(at, "", "must be the SHA-256 of a document, and an object");
        rc = rc ? rc : check(document, at);
        at->count--;
    }
    at->count--;
    return rc;
}

enum rc review_check(struct review_ask *ask, struct err *err) {
    const cJSON *change = ask->change, *item, *reviewed = cJSON_GetObjectItemCaseSensitive(change, "reviewed");
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(change, "fields"), *rows = cJSON_GetObjectItemCaseSensitive(change, "rows");
    struct spot at = {.ask = ask, .err = err};
    if (!cJSON_IsObject(change))
        return wrong(&at, "", "must be an object");
    cJSON_ArrayForEach(item, change) if (item != fields && item != rows && item != reviewed) return wrong(&at, item->string,
                                                                                                          "is not known; there are reviewed, fields and rows");
    if (reviewed && !cJSON_IsBool(reviewed))
        return wrong(&at, "reviewed", "must be true or false");
    const enum rc rc = check_documents(fields, "fields", check_fields, &at);
    return rc ? rc : check_documents(rows, "rows", check_rows, &at);
}
