// SPDX-License-Identifier: Apache-2.0
#include "report/report_lease_internal.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rent, dates, options and clauses are lists: each document may have rows of its own. */

#define COLUMNS_MOST 14u
#define EVIDENCE 4u /* document, page, quote, verified */

struct member {
    const char *title, *pointer;
    unsigned width;
    enum report_kind kind;
    bool right;
};

static const struct list {
    const char *title, *pointer;
    const char *same[2]; /* the Pointers by which a newer row supersedes an older one; the second may be NULL */
    struct member members[7];
} lists[LEASE_LISTS] = {
    [LEASE_RENT] = {"Rent",
                    "/rent",
                    {"/from", NULL},
                    {{"From", "/from", 11, REPORT_DATE, false},
                     {"To", "/to", 11, REPORT_DATE, false},
                     {"Amount", "/amount", 12, REPORT_NUMBER, true},
                     {"Currency", "/currency", 9, REPORT_TEXT, false},
                     {"Frequency", "/frequency", 11, REPORT_TEXT, false},
                     {"Tax", "/tax", 10, REPORT_TEXT, false}}},
    [LEASE_DATES] = {"Dates", "/dates", {"/what", NULL}, {{"Date", "/date", 11, REPORT_DATE, false}, {"What", "/what", 34, REPORT_TEXT, false}}},
    [LEASE_OPTIONS] = {"Options",
                       "/options",
                       {"/kind", "/window_from"},
                       {{"Kind", "/kind", 11, REPORT_TEXT, false},
                        {"Window from", "/window_from", 11, REPORT_DATE, false},
                        {"Window to", "/window_to", 11, REPORT_DATE, false},
                        {"Notice", "/notice", 16, REPORT_TEXT, false},
                        {"Conditions", "/conditions", 30, REPORT_TEXT, false}}},
    [LEASE_CLAUSES] = {"Clauses", "/clauses", {"/topic", NULL}, {{"Topic", "/topic", 15, REPORT_TEXT, false}, {"Text", "/text", 44, REPORT_TEXT, false}}},
};

static bool same_value(struct slice a, struct slice b, const char *pointer) {
    const struct slice x = report_get(a, pointer), y = report_get(b, pointer);
    return x.length == y.length && (!x.length || memcmp(x.data, y.data, x.length) == 0);
}

/* A newer document of the lease has a row for the same thing. */
static bool is_superseded(const struct lease *lease, size_t document, const struct list *list, struct slice row) {
    for (size_t i = 0; i < document; i++) {
        const struct slice rows = report_get(lease->documents[i].record, list->pointer);
        struct json_iter iter;
        struct slice name, other;
        if (json_type(rows) != JSON_ARRAY || !json_iter_init(&iter, rows))
            continue;
        while (json_iter_next(&iter, &name, &other))
            if (same_value(row, other, list->same[0]) && (!list->same[1] || same_value(row, other, list->same[1])))
                return true;
    }
    return false;
}

typedef bool row_seen(void *context, const struct lease *lease, size_t document, struct slice row, bool superseded);

/* In document order, the newest document first. False: seen said so. */
static bool each_row(const struct lease *lease, const struct list *list, row_seen *seen, void *context) {
    for (size_t i = 0; i < lease->count; i++) {
        const struct slice rows = report_get(lease->documents[i].record, list->pointer);
        struct json_iter iter;
        struct slice name, row;
        if (json_type(rows) != JSON_ARRAY || !json_iter_init(&iter, rows))
            continue;
        while (json_iter_next(&iter, &name, &row))
            if (!seen(context, lease, i, row, is_superseded(lease, i, list, row)))
                return false;
    }
    return true;
}

/* --- tables ------------------------------------------------------------------------------------------------------------- */

struct telling {
    struct lease_model *m;
    const struct list *list;
    struct report_line line;
    bool whole; /* with the lease, and a column that says whether it holds */
};

static bool put_row(void *context, const struct lease *lease, size_t document, struct slice row, bool superseded) {
    struct telling *t = context;
    const enum report_tone tone = superseded ? REPORT_QUIET : REPORT_PLAIN;
    report_line_begin(&t->line);
    if (t->whole) {
        report_line_text(&t->line, lease->name);
        report_line_text(&t->line, superseded ? "superseded" : "holds");
    }
    for (const struct member *member = t->list->members; member->title; member++) {
        const struct slice value = report_get(row, member->pointer);
        report_line_cell(&t->line, json_type(value) == JSON_NUMBER ? REPORT_NUMBER : member->kind == REPORT_NUMBER ? REPORT_TEXT : member->kind, tone);
        report_line_add_value(&t->line, value);
        if (superseded && !t->whole && member == t->list->members)
            report_line_add(&t->line, value.length ? " (superseded)" : "(superseded)");
    }
    report_lease_put_evidence(&t->line, &lease->documents[document], row, tone);
    return report_line_tell(&t->line, t->m->report);
}

bool report_lease_tell_list(struct lease_model *m, enum lease_list which, const struct lease *lease) {
    static const struct report_column evidence[EVIDENCE] = {
        {.title = "Document", .width = 14}, {.title = "Page", .width = 6, .right = true}, {.title = "Quote", .width = 32}, {.title = "Verified", .width = 8}};
    struct report_column columns[COLUMNS_MOST];
    struct telling t = {.m = m, .list = &lists[which], .whole = !lease};
    size_t count = 0;
    if (t.whole) {
        columns[count++] = (struct report_column){.title = "Lease", .head = true};
        columns[count++] = (struct report_column){.title = "Holds"};
    }
    for (const struct member *member = t.list->members; member->title; member++)
        columns[count++] = (struct report_column){.title = member->title,
                                                  .width = member->width,
                                                  .right = member->right,
                                                  .format = member->right ? "#,##0.00" : NULL,
                                                  .head = !t.whole && member == t.list->members};
    memcpy(&columns[count], evidence, sizeof evidence);
    count += EVIDENCE;
    const struct report_table table = {
        .title = t.list->title, .formats = lease ? REPORT_HTML | REPORT_PDF : REPORT_XLSX, .wide = lease != NULL, .column_count = count, .columns = columns};
    bool good = report_line_init(&t.line, count);
    report_table_begin(m->report, &table);
    for (size_t i = 0; good && i < m->lease_count; i++)
        if (!lease || lease == &m->leases[i])
            good = each_row(&m->leases[i], t.list, put_row, &t);
    report_table_end(m->report);
    report_line_release(&t.line);
    return good;
}

/* --- dates that lie ahead ----------------------------------------------------------------------------------------------- */

struct moment {
    char date[16], what[200];
    const struct lease *lease;
    const struct lease_document *document;
    struct slice row;
};

struct moments {
    struct moment *list;
    size_t count, capacity;
};

static bool has_room(struct moments *moments) {
    if (moments->count < moments->capacity)
        return true;
    const size_t capacity = moments->capacity ? moments->capacity * 2 : 32;
    struct moment *larger = realloc(moments->list, capacity * sizeof *larger);
    if (!larger)
        return false;
    moments->list = larger;
    moments->capacity = capacity;
    return true;
}

static void put_moment(struct moments *moments, const struct lease *lease, const struct lease_document *document, struct slice row, const char *date,
                       const char *what) {
    struct moment *moment = &moments->list[moments->count++];
    *moment = (struct moment){.lease = lease, .document = document, .row = row};
    str_copy(moment->date, sizeof moment->date, date);
    str_printable(moment->what, sizeof moment->what, what, strlen(what));
}

static bool is_date(const char *text) {
    char day[32];
    int64_t us;
    return strlen(text) == 10 && str_format(day, sizeof day, "%sT00:00:00Z", text) && clock_parse_rfc3339(day, &us);
}

static bool add_moment(struct moments *moments, const struct lease *lease, size_t document, struct slice row, const char *pointer, const char *prefix,
                       const char *suffix) {
    char *date = report_get_text(row, pointer), *what = report_get_text(row, suffix), text[400];
    const bool good = date && what && has_room(moments);
    if (good && is_date(date)) {
        snprintf(text, sizeof text, "%s%s", prefix, what);
        put_moment(moments, lease, &lease->documents[document], row, date, text);
    }
    free(date);
    free(what);
    return good;
}

/* Fields that are dates, where no row of a list has the same day. */
static bool add_field_dates(const struct lease_model *m, const struct lease *lease, struct moments *moments) {
    for (size_t i = 0; i < m->field_count; i++) {
        const struct lease_field field = report_lease_field(m, lease, m->fields[i]);
        char title[128], *date = report_lease_found(&field) ? report_lease_text(&field) : NULL;
        bool there = false;
        if (!report_lease_found(&field))
            continue;
        if (!date || !has_room(moments)) {
            free(date);
            return false;
        }
        for (size_t k = 0; k < moments->count; k++)
            there = there || (moments->list[k].lease == lease && strcmp(moments->list[k].date, date) == 0);
        if (!there && is_date(date))
            put_moment(moments, lease, field.document, field.field, date, report_lease_title(m->fields[i], title));
        free(date);
    }
    return true;
}

static bool note_date(void *context, const struct lease *lease, size_t document, struct slice row, bool superseded) {
    return superseded || add_moment(context, lease, document, row, "/date", "", "/what");
}

static bool note_rent(void *context, const struct lease *lease, size_t document, struct slice row, bool superseded) {
    return superseded || add_moment(context, lease, document, row, "/from", "Rent from this day: ", "/amount");
}

static bool note_option(void *context, const struct lease *lease, size_t document, struct slice row, bool superseded) {
    return superseded || (add_moment(context, lease, document, row, "/window_from", "Window opens: ", "/kind") &&
                          add_moment(context, lease, document, row, "/window_to", "Window closes: ", "/kind"));
}

static int by_date(const void *a, const void *b) {
    const struct moment *x = a, *y = b;
    int order = strcmp(x->date, y->date);
    order = order ? order : strcmp(x->lease->name, y->lease->name);
    order = order ? order : strcmp(x->what, y->what);
    return order ? order : strcmp(x->document->sha256, y->document->sha256);
}

static bool list_moments(const struct lease_model *m, struct moments *moments) {
    *moments = (struct moments){.count = 0};
    for (size_t i = 0; i < m->lease_count; i++)
        if (!each_row(&m->leases[i], &lists[LEASE_DATES], note_date, moments) || !each_row(&m->leases[i], &lists[LEASE_RENT], note_rent, moments) ||
            !each_row(&m->leases[i], &lists[LEASE_OPTIONS], note_option, moments) || !add_field_dates(m, &m->leases[i], moments))
            return false;
    if (moments->count)
        qsort(moments->list, moments->count, sizeof *moments->list, by_date);
    return true;
}

bool report_lease_next_date(const struct lease_model *m, char date[16], char what[128]) {
    struct moments moments;
    bool found = false;
    (void)list_moments(m, &moments);
    for (size_t i = 0; i < moments.count && !found; i++) {
        found = strcmp(moments.list[i].date, m->today) >= 0;
        if (found) {
            str_copy(date, 16, moments.list[i].date);
            str_printable(what, 128, moments.list[i].what, strlen(moments.list[i].what));
        }
    }
    free(moments.list);
    return found;
}

bool report_lease_tell_next(struct lease_model *m, size_t most) {
    static const struct report_column columns[] = {{.title = "Date", .width = 11, .head = true},
                                                   {.title = "What", .width = 36},
                                                   {.title = "Lease", .width = 22},
                                                   {.title = "Document", .width = 18},
                                                   {.title = "Page", .width = 6, .right = true}};
    const struct report_table table = {
        .title = "Next dates", .empty = "No date lies ahead.", .formats = REPORT_HTML | REPORT_PDF, .most = most, .column_count = 5, .columns = columns};
    struct moments moments;
    struct report_line line;
    bool good = list_moments(m, &moments);
    good = report_line_init(&line, 5) && good;
    report_table_begin(m->report, &table);
    for (size_t i = 0; good && i < moments.count; i++) {
        const struct moment *moment = &moments.list[i];
        if (strcmp(moment->date, m->today) < 0)
            continue;
        report_line_begin(&line);
        report_line_cell(&line, REPORT_DATE, REPORT_PLAIN);
        report_line_add(&line, moment->date);
        report_line_text(&line, moment->what);
        report_line_text(&line, moment->lease->name);
        report_line_text(&line, moment->document->name);
        report_line_value(&line, report_get(moment->row, "/page"));
        good = report_line_tell(&line, m->report);
    }
    report_table_end(m->report);
    report_line_release(&line);
    free(moments.list);
    return good;
}

void report_lease_tell_events(struct lease_model *m) {
    struct moments moments;
    struct err err = {0};
    const bool draft = !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(m->input->review, "reviewed"));
    if (!list_moments(m, &moments))
        report_fail(m->report, err_set(&err, RC_TEMP, "out of memory"), &err);
    for (size_t i = 0; i < moments.count; i++) {
        const struct moment *moment = &moments.list[i];
        struct buf key = BUF_INIT(4096), text = BUF_INIT(64 * 1024);
        char sum[DIGEST_HEX_SIZE], uid[64], summary[400];
        char *quote = report_get_text(moment->row, "/quote"), *page = report_get_text(moment->row, "/page");
        (void)buf_printf(&key, "%s|%s|%s", moment->document->sha256, moment->date, moment->what);
        digest_of_hex(buf_text(&key), key.length, sum);
        snprintf(uid, sizeof uid, "%.32s@batchspool", sum);
        snprintf(summary, sizeof summary, "%s%.180s: %s", draft ? "[Draft] " : "", moment->lease->name, moment->what);
        (void)buf_printf(&text, "%s%s%s%s%s%s\nFrom a machine's abstract%s. Not legal advice.", moment->document->name, page && *page ? ", page " : "",
                         page ? page : "", quote && *quote ? "\n\"" : "", quote ? quote : "", quote && *quote ? "\"" : "",
                         draft ? ", which nobody has reviewed yet" : "");
        const struct report_event event = {.uid = uid, .date = moment->date, .summary = summary, .description = buf_text(&text)};
        report_event(m->report, &event);
        buf_release(&key);
        buf_release(&text);
        free(quote);
        free(page);
    }
    free(moments.list);
}

/* --- checks ------------------------------------------------------------------------------------------------------------- */

static bool result_is(struct slice check, const char *result) {
    const struct slice value = report_get(check, "/result");
    return value.length == strlen(result) + 2 && memcmp(value.data + 1, result, strlen(result)) == 0;
}

struct checks {
    struct lease_model *m;
    struct report_line line;
    bool whole;
    size_t failed;
};

static bool put_check(struct checks *c, const struct lease *lease, const struct lease_document *d, struct slice check) {
    const bool failed = result_is(check, "failed");
    char *id = report_get_text(check, "/id");
    char title[128];
    if (!id)
        return false;
    report_line_begin(&c->line);
    if (c->whole)
        report_line_text(&c->line, lease->name);
    report_line_text(&c->line, report_lease_title(id, title));
    report_line_cell(&c->line, REPORT_TEXT, failed ? REPORT_BAD : result_is(check, "ok") ? REPORT_GOOD : REPORT_QUIET);
    report_line_add(&c->line, failed ? "failed" : result_is(check, "ok") ? "ok" : "not possible");
    report_line_value(&c->line, report_get(check, "/text"));
    report_line_text(&c->line, d->name);
    free(id);
    return report_line_tell(&c->line, c->m->report);
}

static bool each_check(struct checks *c, const struct lease *only, bool count) {
    for (size_t i = 0; i < c->m->lease_count; i++) {
        const struct lease *lease = &c->m->leases[i];
        for (size_t k = 0; k < lease->count && (!only || only == lease); k++) {
            const struct slice checks = report_get(lease->documents[k].record, "/checks");
            struct json_iter iter;
            struct slice name, check;
            if (json_type(checks) != JSON_ARRAY || !json_iter_init(&iter, checks))
                continue;
            while (json_iter_next(&iter, &name, &check)) {
                c->failed += result_is(check, "failed");
                if (!count && !put_check(c, lease, &lease->documents[k], check))
                    return false;
            }
        }
    }
    return true;
}

size_t report_lease_failed_checks(const struct lease_model *m) {
    struct lease_model copy = *m;
    struct checks c = {.m = &copy};
    (void)each_check(&c, NULL, true);
    return c.failed;
}

bool report_lease_tell_checks(struct lease_model *m, const struct lease *lease) {
    static const struct report_column columns[] = {{.title = "Lease", .width = 18},
                                                   {.title = "Check", .width = 20, .head = true},
                                                   {.title = "Result", .width = 12},
                                                   {.title = "What was found", .width = 50},
                                                   {.title = "Document", .width = 18}};
    const size_t skip = lease ? 1 : 0;
    const struct report_table table = {.title = "Checks",
                                       .formats = lease ? REPORT_HTML | REPORT_PDF : REPORT_XLSX,
                                       .column_count = 5 - skip,
                                       .wide = lease != NULL,
                                       .columns = columns + skip};
    struct checks c = {.m = m, .whole = !lease};
    bool good = report_line_init(&c.line, 5 - skip);
    report_table_begin(m->report, &table);
    good = good && each_check(&c, lease, false);
    report_table_end(m->report);
    report_line_release(&c.line);
    return good;
}
