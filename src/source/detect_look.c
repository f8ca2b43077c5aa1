// SPDX-License-Identifier: Apache-2.0
#include "source/detect_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DEPTH 2u    /* objects inside the document that are looked into: Pointers of three tokens */
#define MOST_NAME 200u   /* bytes of a member's name */
#define MOST_KEYS 64u    /* members of a record that may be its key */
#define MOST_TOKEN 4096u /* bytes of a cursor */
#define NOT_NAMED 1000u

/* --- walking ------------------------------------------------------------------------------------------------------- */

struct member {
    const char *pointer, *name; /* name: "" of the whole document */
    char plain[64];
    struct slice value;
    unsigned depth;
};
typedef void member_seen(void *context, const struct member *member);

void detect_plain(const char *text, char out[64]) {
    size_t length = 0;

    for (; *text != '\0' && length < 63; text++) {
        if (isalnum((unsigned char)*text)) {
            out[length++] = (char)tolower((unsigned char)*text);
        }
    }
    out[length] = '\0';
}

/* name is between its quotes. */
static bool decode_name(struct slice name, struct buf *out) {
    buf_reset(out);
    return json_decode_string((struct slice){.data = name.data - 1, .length = name.length + 2}, out) == RC_OK && strlen(buf_text(out)) == out->length;
}

/* Every member of the objects at the top, but of those inside lists. */
static void walk(struct slice document, member_seen *fn, void *context) {
    struct json_iter iters[MOST_DEPTH + 1];
    size_t lengths[MOST_DEPTH + 1] = {0};
    char pointer[DETECT_POINTER] = "";
    struct buf text = BUF_INIT(MOST_NAME);
    struct member member = {.pointer = pointer, .name = "", .value = document};
    unsigned depth = 0;
    struct slice name;

    fn(context, &member);
    if (json_type(document) != JSON_OBJECT || !json_iter_init(&iters[0], document)) {
        return;
    }
    for (;;) {
        if (!json_iter_next(&iters[depth], &name, &member.value)) {
            if (depth-- == 0) {
                break;
            }
            continue;
        }
        pointer[lengths[depth]] = '\0';
        if (!decode_name(name, &text) || !json_pointer_add(pointer, sizeof(pointer), buf_text(&text))) {
            continue;
        }
        member.name = buf_text(&text);
        member.depth = depth;
        detect_plain(member.name, member.plain);
        fn(context, &member);
        if (depth < MOST_DEPTH && json_type(member.value) == JSON_OBJECT && json_iter_init(&iters[depth + 1], member.value)) {
            depth++;
            lengths[depth] = strlen(pointer);
        }
    }
    buf_release(&text);
}

/* Its place in a list of names, the best first. */
static unsigned rank(const char *plain, const char *const *names) {
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], plain) == 0) {
            return i;
        }
    }
    return NOT_NAMED;
}

/* --- where the records are ------------------------------------------------------------------------------------------ */

struct lists {
    struct detect_look *look;
    unsigned rank, depth;
};

static void see_list(void *context, const struct member *m) {
    static const char *const names[] = {"data",    "results",  "items",   "records", "value",  "rows", "hits",
                                        "entries", "elements", "objects", "content", "values", NULL};
    struct lists *best = context;
    struct detect_look *look = best->look;
    struct json_iter iter;
    struct slice name, first = {.data = NULL, .length = 0};
    uint64_t count;
    unsigned named;
    bool bare, better;

    if (json_type(m->value) != JSON_ARRAY || !json_iter_init(&iter, m->value)) {
        return;
    }
    (void)json_iter_next(&iter, &name, &first);
    bare = json_type(first) == JSON_STRING || json_type(first) == JSON_NUMBER;
    if (!bare && json_type(first) != JSON_OBJECT && first.length > 0) {
        return;
    }
    count = json_count(m->value);
    named = rank(m->plain, names) == NOT_NAMED ? 1 : 0;
    better = !look->has_records                 ? true
             : (count > 0) != (look->count > 0) ? count > 0
             : named != best->rank              ? named < best->rank
             : bare != look->bare               ? !bare
             : count != look->count             ? count > look->count
                                                : m->depth < best->depth;
    if (better && str_copy(look->records, sizeof(look->records), m->pointer)) {
        look->has_records = true;
        look->bare = bare;
        look->count = count;
        best->rank = named;
        best->depth = m->depth;
    }
}

/* --- what tells them apart ------------------------------------------------------------------------------------------ */

/* How much a name says that it is a key: the least is the best. */
static unsigned key_rank(const char *name) {
    static const char *const names[] = {"id", "uuid", "guid", "key", "pk", "sku", "code", NULL};
    char plain[64];
    unsigned known;

    detect_plain(name, plain);
    known = rank(plain, names);
    if (known != NOT_NAMED) {
        return known;
    }
    if (str_ends(name, "_id") || str_ends(name, "Id") || str_ends(name, "ID") || str_ends(name, "_uuid") || str_ends(plain, "key")) {
        return 20;
    }
    return NOT_NAMED;
}

static int compare_sums(const void *a, const void *b) {
    return memcmp(a, b, DIGEST_BYTES);
}

/* Every record that is looked at has text or a number there, and no two the same. */
static bool is_key(struct slice records, const char *pointer, unsigned char (*sums)[DIGEST_BYTES]) {
    struct json_iter iter;
    struct slice name, record, value;
    size_t count = 0;

    if (!json_iter_init(&iter, records)) {
        return false;
    }
    while (count < DETECT_MOST_RECORDS && json_iter_next(&iter, &name, &record)) {
        if (!json_find(record, pointer, &value) || (json_type(value) != JSON_NUMBER && (json_type(value) != JSON_STRING || value.length <= 2))) {
            return false;
        }
        digest_of(value.data, value.length, sums[count++]);
    }
    qsort(sums, count, DIGEST_BYTES, compare_sums);
    for (size_t i = 1; i < count; i++) {
        if (memcmp(sums[i - 1], sums[i], DIGEST_BYTES) == 0) {
            return false;
        }
    }
    return count > 0;
}

/* The best key among the members of the first record. */
static enum rc find_key(struct slice records, struct detect_look *look) {
    unsigned char(*sums)[DIGEST_BYTES] = calloc(DETECT_MOST_RECORDS, DIGEST_BYTES);
    struct buf text = BUF_INIT(MOST_NAME);
    struct json_iter iter;
    struct slice name, first, value;
    char pointer[DETECT_POINTER];
    unsigned best = NOT_NAMED + 1, seen = 0;

    if (sums == NULL) {
        return RC_TEMP;
    }
    if (json_iter_init(&iter, records) && json_iter_next(&iter, &name, &first) && json_iter_init(&iter, first)) {
        while (seen++ < MOST_KEYS && json_iter_next(&iter, &name, &value)) {
            pointer[0] = '\0';
            bool fit = decode_name(name, &text) && json_pointer_add(pointer, sizeof(pointer), buf_text(&text));
            unsigned named = fit ? key_rank(buf_text(&text)) : best;

            /* Of members that no name recommends a number may be a price: text and integers of one record alone say too little. */
            if (named < best && (look->count > 1 || named < NOT_NAMED) && is_key(records, pointer, sums)) {
                best = named;
                (void)str_copy(look->key, sizeof(look->key), pointer);
            }
        }
    }
    look->sure_key = best < NOT_NAMED;
    buf_release(&text);
    free(sums);
    return RC_OK;
}

void detect_sum(const struct detect_look *look, struct slice record, unsigned char sum[DIGEST_BYTES]) {
    struct slice value = record;

    if (look->key[0] != '\0') {
        (void)json_find(record, look->key, &value);
    }
    digest_of(value.data, value.length, sum);
}

/* --- what it says of the rest ---------------------------------------------------------------------------------------- */

struct words {
    struct detect_look *look;
    const char *not_total;
    unsigned total_rank, next_rank, cursor_rank;
};

static void see_total(struct words *w, const struct member *m) {
    static const char *const names[] = {
        "total",    "totalcount", "totalresultcount", "totalresults", "totalrecords", "totalitems",  "totalelements", "totalrows", "recordstotal",
        "numfound", "totalhits",  "odatacount",       "totalnumber",  "count",        "resultcount", "size",          NULL};
    unsigned named = rank(m->plain, names);
    struct slice inner;
    uint64_t value;

    /* Elasticsearch: {"total": {"value": 10}}. */
    const bool wrapped = json_type(m->value) == JSON_OBJECT && json_find(m->value, "/value", &inner);
    if (named == NOT_NAMED || strcmp(m->pointer, w->not_total) == 0 || !json_to_u64(wrapped ? inner : m->value, true, &value)) {
        return;
    }
    if (named < w->total_rank && value >= w->look->count && str_format(w->look->total, sizeof(w->look->total), "%s%s", m->pointer, wrapped ? "/value" : "")) {
        w->total_rank = named;
        w->look->total_value = value;
        w->look->weak_total = named >= 13;
    }
}

static bool looks_like_url(struct slice text) {
    static const char *const starts[] = {"\"https://", "\"http://", "\"/", "\"?", "\"https:\\/\\/", "\"http:\\/\\/", "\"\\/", NULL};

    for (unsigned i = 0; starts[i] != NULL; i++) {
        size_t length = strlen(starts[i]);

        if (text.length > length && memcmp(text.data, starts[i], length) == 0) {
            return true;
        }
    }
    return false;
}

static void see_next(struct words *w, const struct member *m) {
    static const char *const links[] = {"next", "nextlink", "odatanextlink", "nexturl", "nextpageurl", "nextpage", "nexthref", "nexturi", NULL};
    static const char *const cursors[] = {"nextcursor", "nextpagetoken", "nexttoken", "continuationtoken", "nextcontinuationtoken",
                                          "endcursor",  "nextpagekey",   "pagetoken", "nextmarker",        "scrollid",
                                          "after",      "next",          "cursor",    "nextpage",          NULL};
    unsigned named = rank(m->plain, links), cursor = rank(m->plain, cursors);
    const bool inside = str_ends(m->pointer, "/next/href") || str_ends(m->pointer, "/next/url");
    enum json_type type = json_type(m->value);

    if (type == JSON_STRING && looks_like_url(m->value)) {
        named = inside ? 0 : named;
        if (named < w->next_rank && str_copy(w->look->next_url, sizeof(w->look->next_url), m->pointer)) {
            w->next_rank = named;
        }
        return;
    }
    if (cursor < w->cursor_rank && ((type == JSON_STRING && m->value.length > 2) || (type == JSON_NUMBER && *m->value.data != '-'))) {
        buf_reset(&w->look->token);
        if ((type == JSON_STRING ? json_decode_string(m->value, &w->look->token) : buf_add(&w->look->token, m->value.data, m->value.length)) == RC_OK &&
            str_copy(w->look->cursor, sizeof(w->look->cursor), m->pointer)) {
            w->cursor_rank = cursor;
        }
    }
}

static void see_words(void *context, const struct member *m) {
    static const char *const more[] = {"hasmore", "hasnext", "hasnextpage", "morerecords", "more", NULL};
    struct words *w = context;
    enum json_type type = json_type(m->value);

    if (m->name[0] == '\0') {
        return;
    }
    see_total(w, m);
    see_next(w, m);
    if (w->look->has_more[0] == '\0' && (type == JSON_TRUE || type == JSON_FALSE) && rank(m->plain, more) != NOT_NAMED) {
        (void)str_copy(w->look->has_more, sizeof(w->look->has_more), m->pointer);
    }
}

static struct slice trimmed(struct slice text) {
    while (text.length > 0 && strchr(" \t\r\n", *text.data) != NULL) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && strchr(" \t\r\n", text.data[text.length - 1]) != NULL) {
        text.length--;
    }
    return text;
}

enum rc detect_look_at(struct slice document, const char *not_total, struct detect_look *look, struct err *err) {
    struct lists lists = {.look = look};
    struct words words = {.look = look, .not_total = not_total, .total_rank = NOT_NAMED, .next_rank = NOT_NAMED, .cursor_rank = NOT_NAMED};
    struct slice records;

    memset(look, 0, sizeof(*look));
    buf_init(&look->token, MOST_TOKEN);
    if (document.length == 0) {
        return err_set(err, RC_PERM, "the answer is empty");
    }
    if (json_check(document.data, document.length, &json_rules_payload, err) != RC_OK) {
        return err_prefix(err, RC_PERM, "the answer is no JSON");
    }
    document = trimmed(document);
    walk(document, see_list, &lists);
    walk(document, see_words, &words);
    if (look->has_records && !look->bare && json_find(document, look->records, &records)) {
        return find_key(records, look) == RC_OK ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    }
    return RC_OK;
}
