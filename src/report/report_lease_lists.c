// SPDX-License-Identifier: Apache-2.0
#include "report/report_lease_internal.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rent, dates, options and clauses are lists: each document may have rows of its own. */

#define COLUMNS_MOST 18u
#define EVIDENCE 4u /* document, page, quote, verified */
#define REVIEW 5u   /* of a workbook: review, what the analysis has, reviewer, when, note; of pages one column */

struct member {
    const char *title, *pointer;
    unsigned width;
    enum report_kind kind;
    bool right;
};

static const struct list { /* as lease_lists has them */
    const char *title;
    struct member members[7];
} lists[LEASE_LISTS] = {
    [LEASE_RENT] = {"Rent",
                    {{"From", "/from", 11, REPORT_DATE, false},
                     {"To", "/to", 11, REPORT_DATE, false},
                     {"Amount", "/amount", 12, REPORT_NUMBER, true},
                     {"Currency", "/currency", 9, REPORT_TEXT, false},
                     {"Frequency", "/frequency", 11, REPORT_TEXT, false},
                     {"Tax", "/tax", 10, REPORT_TEXT, false}}},
    [LEASE_DATES] = {"Dates", {{"Date", "/date", 11, REPORT_DATE, false}, {"What", "/what", 34, REPORT_TEXT, false}}},
    [LEASE_OPTIONS] = {"Options",
                       {{"Kind", "/kind", 11, REPORT_TEXT, false},
                        {"Window from", "/window_from", 11, REPORT_DATE, false},
                        {"Window to", "/window_to", 11, REPORT_DATE, false},
                        {"Notice", "/notice", 16, REPORT_TEXT, false},
                        {"Conditions", "/conditions", 30, REPORT_TEXT, false}}},
    [LEASE_CLAUSES] = {"Clauses", {{"Topic", "/topic", 15, REPORT_TEXT, false}, {"Text", "/text", 44, REPORT_TEXT, false}}},
};

/* --- what reviewers said of a row --------------------------------------------------------------------------------------- */

static struct slice cell_word(struct slice row, const struct member *member) {
    char pointer[64];
    str_format(pointer, sizeof pointer, "/review/cells%s", member->pointer);
    return report_get(row, pointer);
}

static bool is_text(struct slice value, const char *text) {
    return value.length == strlen(text) + 2 && memcmp(value.data + 1, text, strlen(text)) == 0;
}

/* The word on the row, or the first of those on its cells. */
static struct slice word_of(struct slice row, const struct list *list) {
    const struct slice review = report_get(row, "/review");
    if (report_get(review, "/decision").length)
        return review;
    for (const struct member *member = list->members; member->title; member++)
        if (cell_word(row, member).length)
            return cell_word(row, member);
    return (struct slice){.length = 0};
}

static bool is_corrected(struct slice row, const struct member *member) {
    return is_text(report_get(cell_word(row, member), "/decision"), "corrected") && !is_text(report_get(row, "/review/decision"), "added");
}

/* The analysis has another row than the one that holds. */
static bool has_other(struct slice row, const struct list *list) {
    for (const struct member *member = list->members; member->title; member++)
        if (is_corrected(row, member))
            return true;
    return false;
}

/* "corrected" of a row that was confirmed with other cells. */
static void add_decision(struct report_line *line, struct slice row, const struct list *list) {
    const struct slice decision = report_get(word_of(row, list), "/decision");
    if (has_other(row, list) && is_text(decision, "confirmed"))
        report_line_add(line, "corrected");
    else
        report_line_add_value(line, decision);
}

/* "Amount 58000; To nothing, page 5: ...": what the analysis has of corrected cells. */
static void add_analysis(struct report_line *line, struct slice row, const struct list *list) {
    bool some = false;
    for (const struct member *member = list->members; member->title; member++) {
        const struct slice was = report_get(cell_word(row, member), "/was");
        if (!is_corrected(row, member))
            continue;
        report_line_printf(line, "%s%s ", some ? "; " : "", member->title);
        if (was.length)
            report_line_add_value(line, was);
        else
            report_line_add(line, "nothing");
        some = true;
    }
    report_lease_add_place(line, some ? row : (struct slice){.length = 0}, ", ");
}

/* What the document says for this row. Its words prove what the analysis read there, not what a person put in its place. */
static struct slice evidence_of(struct slice row, const struct list *list) {
    const struct slice none = {.length = 0};
    return has_other(row, list) ? none : row;
}

static void put_row_review(struct report_line *line, struct slice row, const struct list *list, bool apart) {
    const struct slice word = word_of(row, list), note = report_get(word, "/note");
    report_line_text(line, "");
    if (!word.length)
        return;
    add_decision(line, row, list);
    if (apart) {
        report_line_text(line, "");
        add_analysis(line, row, list);
        report_line_value(line, report_get(word, "/reviewer"));
        report_line_cell(line, REPORT_DATE, REPORT_PLAIN);
        report_line_add_value(line, report_get(word, "/at"));
        report_line_value(line, note);
        return;
    }
    report_line_add(line, " by ");
    report_line_add_value(line, report_get(word, "/reviewer"));
    if (note.length) {
        report_line_add(line, ": ");
        report_line_add_value(line, note);
    }
}

/* --- tables ------------------------------------------------------------------------------------------------------------- */

struct telling {
    struct lease_model *m;
    const struct list *list;
    enum lease_list which;
    struct report_line *line;
    bool whole; /* with the lease, and a column that says whether it holds */
};

static const char *const holds_words[] = {[LEASE_HOLDS] = "holds", [LEASE_SUPERSEDED] = "superseded", [LEASE_REMOVED] = "removed"};

static void put_cell(const struct telling *t, struct slice value, const struct member *member, enum report_tone tone) {
    report_line_cell(t->line, json_type(value) == JSON_NUMBER ? REPORT_NUMBER : member->kind == REPORT_NUMBER ? REPORT_TEXT : member->kind, tone);
    report_line_add_value(t->line, value);
}

/* On pages, below a row that was corrected: the one that the analysis has, with its words. */
static bool put_analysis(const struct telling *t, const struct lease_document *d, struct slice row) {
    report_line_begin(t->line);
    for (const struct member *member = t->list->members; member->title; member++) {
        put_cell(t, is_corrected(row, member) ? report_get(cell_word(row, member), "/was") : report_get(row, member->pointer), member, REPORT_QUIET);
        report_line_add(t->line, member == t->list->members ? " (the analysis)" : "");
    }
    report_lease_put_evidence(t->line, d, row, REPORT_QUIET);
    return report_line_tell(t->line, t->m->report);
}

static bool put_row(void *context, const struct lease_bundle *lease, size_t document, struct slice row, enum lease_holds holds) {
    const struct telling *t = context;
    const struct lease_document *d = &lease->documents[document];
    report_line_begin(t->line);
    if (t->whole) {
        report_line_text(t->line, lease->name);
        report_line_text(t->line, holds_words[holds]);
    }
    for (const struct member *member = t->list->members; member->title; member++) {
        const struct slice value = report_get(row, member->pointer);
        const bool corrected = is_text(report_get(cell_word(row, member), "/decision"), "corrected");
        put_cell(t, value, member, holds != LEASE_HOLDS ? REPORT_QUIET : corrected ? REPORT_GOOD : REPORT_PLAIN);
        if (holds != LEASE_HOLDS && !t->whole && member == t->list->members)
            report_line_printf(t->line, "%s(%s)", value.length ? " " : "", holds_words[holds]);
    }
    report_lease_put_evidence(t->line, d, evidence_of(row, t->list), holds == LEASE_HOLDS ? REPORT_PLAIN : REPORT_QUIET);
    put_row_review(t->line, row, t->list, t->whole);
    return report_line_tell(t->line, t->m->report) && (t->whole || !has_other(row, t->list) || put_analysis(t, d, row));
}

static size_t list_columns(const struct list *list, bool whole, struct report_column columns[COLUMNS_MOST]) {
    static const struct report_column evidence[EVIDENCE] = {
        {.title = "Document", .width = 14}, {.title = "Page", .width = 6, .right = true}, {.title = "Quote", .width = 32}, {.title = "Verified", .width = 8}};
    static const struct report_column review[REVIEW] = {
        {.title = "Review", .width = 16}, {.title = "The analysis has"}, {.title = "Reviewer"}, {.title = "Reviewed at"}, {.title = "Note"}};
    size_t count = 0;
    if (whole) {
        columns[count++] = (struct report_column){.title = "Lease", .head = true};
        columns[count++] = (struct report_column){.title = "Holds"};
    }
    for (const struct member *member = list->members; member->title; member++)
        columns[count++] = (struct report_column){.title = member->title,
                                                  .width = member->width,
                                                  .right = member->right,
                                                  .format = member->right ? "#,##0.00" : NULL,
                                                  .head = !whole && member == list->members};
    memcpy(&columns[count], evidence, sizeof evidence);
    count += EVIDENCE;
    memcpy(&columns[count], review, whole ? sizeof review : sizeof *review);
    return count + (whole ? REVIEW : 1);
}

bool report_lease_tell_list(struct lease_model *m, enum lease_list which, const struct lease_bundle *lease) {
    struct report_column columns[COLUMNS_MOST];
    struct report_line line;
    struct telling t = {.m = m, .list = &lists[which], .which = which, .line = &line, .whole = !lease};
    const size_t count = list_columns(t.list, t.whole, columns);
    const struct report_table table = {
        .title = t.list->title, .formats = lease ? REPORT_HTML | REPORT_PDF : REPORT_XLSX, .wide = lease != NULL, .column_count = count, .columns = columns};
    bool good = report_line_init(&line, count);
    report_table_begin(m->report, &table);
    for (size_t i = 0; good && i < m->lease_count; i++)
        if (!lease || lease == &m->leases[i])
            good = lease_model_rows(&m->leases[i], which, put_row, &t);
    report_table_end(m->report);
    report_line_release(&line);
    return good;
}

/* --- cells as lines of fields ------------------------------------------------------------------------------------------- */

static bool put_cells(void *context, const struct lease_bundle *lease, size_t document, struct slice row, enum lease_holds holds) {
    const struct telling *t = context;
    const struct slice none = {.length = 0};
    char *id = report_get_text(row, "/row");
    bool good = id != NULL;
    for (const struct member *member = t->list->members; good && member->title; member++) {
        const struct slice value = report_get(row, member->pointer), own = cell_word(row, member);
        const struct slice word = own.length ? own : report_get(row, "/review"), was = report_get(own, "/was");
        const bool moved = is_corrected(row, member);
        if (!value.length && !own.length)
            continue;
        report_line_begin(t->line);
        report_line_text(t->line, lease->name);
        report_line_text(t->line, "");
        report_line_printf(t->line, "%s/%s%s", lease_lists[t->which].name, id, member->pointer);
        report_line_text(t->line, "");
        report_line_printf(t->line, "%s: %s", t->list->title, member->title);
        report_line_cell(t->line, json_type(value) == JSON_NUMBER ? REPORT_NUMBER : REPORT_DATE, REPORT_PLAIN);
        report_line_add_value(t->line, value);
        report_line_value(t->line, member->kind == REPORT_NUMBER ? report_get(row, "/currency") : (struct slice){.length = 0});
        report_line_text(t->line, holds == LEASE_HOLDS ? "found" : holds_words[holds]);
        report_line_value(t->line, moved ? was : none);
        report_line_text(t->line, "");
        report_lease_add_place(t->line, moved ? row : none, "");
        report_lease_put_evidence(t->line, &lease->documents[document], moved ? none : row, REPORT_PLAIN);
        report_line_value(t->line, report_get(word, "/decision"));
        report_line_value(t->line, report_get(word, "/reviewer"));
        report_line_cell(t->line, REPORT_DATE, REPORT_PLAIN);
        report_line_add_value(t->line, report_get(word, "/at"));
        report_line_value(t->line, report_get(word, "/note"));
        good = report_line_tell(t->line, t->m->report);
    }
    free(id);
    return good;
}

bool report_lease_tell_cells(struct lease_model *m, struct report_line *line) {
    for (size_t i = 0; i < m->lease_count; i++)
        for (unsigned list = 0; list < LEASE_LISTS; list++) {
            struct telling t = {.m = m, .list = &lists[list], .which = (enum lease_list)list, .line = line};
            if (!lease_model_rows(&m->leases[i], t.which, put_cells, &t))
                return false;
        }
    return true;
}

/* --- dates that lie ahead ----------------------------------------------------------------------------------------------- */

struct moment {
    char date[16], what[200];
    const struct lease_bundle *lease;
    const struct lease_document *document;
    struct slice row;
    const struct list *list; /* NULL: a field */
    const cJSON *review;     /* of a field */
};

struct moments {
    struct moment *list;
    size_t count, capacity;
};

static struct slice words_of(const struct moment *moment) {
    if (moment->list)
        return evidence_of(moment->row, moment->list);
    const struct slice none = {.length = 0};
    return lease_model_corrected(moment->review) ? none : moment->row;
}

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

static void put_moment(struct moments *moments, const struct lease_bundle *lease, const struct lease_document *document, struct slice row, const char *date,
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

static bool add_moment(struct moments *moments, const struct lease_bundle *lease, size_t document, struct slice row, const char *pointer, const char *prefix,
                       enum lease_list which) {
    static const char *const suffixes[LEASE_LISTS] = {[LEASE_DATES] = "/what", [LEASE_RENT] = "/amount", [LEASE_OPTIONS] = "/kind"};
    char *date = report_get_text(row, pointer), *what = report_get_text(row, suffixes[which]), text[400];
    const bool good = date && what && has_room(moments);
    if (good && is_date(date)) {
        snprintf(text, sizeof text, "%s%s", prefix, what);
        put_moment(moments, lease, &lease->documents[document], row, date, text);
        moments->list[moments->count - 1].list = &lists[which];
    }
    free(date);
    free(what);
    return good;
}

/* Fields that are dates, where no row of a list has the same day. */
static bool add_field_dates(const struct lease_model *m, const struct lease_bundle *lease, struct moments *moments) {
    for (size_t i = 0; i < m->field_count; i++) {
        const struct lease_field field = lease_model_field(m, lease, m->fields[i]);
        char title[128], *date = lease_model_found(&field) ? report_lease_text(&field) : NULL;
        bool there = false;
        if (!lease_model_found(&field))
            continue;
        if (!date || !has_room(moments)) {
            free(date);
            return false;
        }
        for (size_t k = 0; k < moments->count; k++)
            there = there || (moments->list[k].lease == lease && strcmp(moments->list[k].date, date) == 0);
        if (!there && is_date(date)) {
            put_moment(moments, lease, field.document, field.field, date, report_lease_title(m->fields[i], title));
            moments->list[moments->count - 1].review = field.review;
        }
        free(date);
    }
    return true;
}

static bool note_date(void *context, const struct lease_bundle *lease, size_t document, struct slice row, enum lease_holds holds) {
    return holds != LEASE_HOLDS || add_moment(context, lease, document, row, "/date", "", LEASE_DATES);
}

static bool note_rent(void *context, const struct lease_bundle *lease, size_t document, struct slice row, enum lease_holds holds) {
    return holds != LEASE_HOLDS || add_moment(context, lease, document, row, "/from", "Rent from this day: ", LEASE_RENT);
}

static bool note_option(void *context, const struct lease_bundle *lease, size_t document, struct slice row, enum lease_holds holds) {
    return holds != LEASE_HOLDS || (add_moment(context, lease, document, row, "/window_from", "Window opens: ", LEASE_OPTIONS) &&
                                    add_moment(context, lease, document, row, "/window_to", "Window closes: ", LEASE_OPTIONS));
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
        if (!lease_model_rows(&m->leases[i], LEASE_DATES, note_date, moments) || !lease_model_rows(&m->leases[i], LEASE_RENT, note_rent, moments) ||
            !lease_model_rows(&m->leases[i], LEASE_OPTIONS, note_option, moments) || !add_field_dates(m, &m->leases[i], moments))
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
        report_line_value(&line, report_get(words_of(moment), "/page"));
        good = report_line_tell(&line, m->report);
    }
    report_table_end(m->report);
    report_line_release(&line);
    free(moments.list);
    return good;
}

/* Where it stands, its words, and what a reviewer said of it. */
static bool describe(const struct moment *moment, bool draft, struct buf *text) {
    const struct slice words = words_of(moment);
    char *quote = report_get_text(words, "/quote"), *page = report_get_text(words, "/page");
    const struct lease_field field = {.document = moment->document, .field = moment->row, .review = moment->review};
    struct report_line said;
    bool good = report_line_init(&said, 1) && quote && page;
    if (good) {
        report_line_begin(&said);
        if (moment->list)
            put_row_review(&said, moment->row, moment->list, false);
        else
            report_lease_put_review(&said, &field, false);
        if (moment->list && has_other(moment->row, moment->list)) {
            report_line_add(&said, "; the analysis has ");
            add_analysis(&said, moment->row, moment->list);
        } else if (!moment->list)
            report_lease_add_analysis(&said, &field);
        const char *review = buf_text(&said.text);
        (void)buf_printf(text, "%s%s%s%s%s%s", moment->document->name, *page ? ", page " : "", page, *quote ? "\n\"" : "", quote, *quote ? "\"" : "");
        (void)buf_printf(text, "%s%s\nFrom a machine's abstract%s. Not legal advice.", *review ? "\nReview: " : "", review,
                         draft ? ", a draft that was not reviewed to its end yet" : "");
        good = !said.failed;
    }
    report_line_release(&said);
    free(quote);
    free(page);
    return good;
}

void report_lease_tell_events(struct lease_model *m) {
    struct moments moments;
    struct err err = {0};
    const bool draft = lease_model_draft(m);
    bool good = list_moments(m, &moments);
    for (size_t i = 0; i < moments.count; i++) {
        const struct moment *moment = &moments.list[i];
        struct buf key = BUF_INIT(4096), text = BUF_INIT(64 * 1024);
        char sum[DIGEST_HEX_SIZE], uid[64], summary[400];
        (void)buf_printf(&key, "%s|%s|%s", moment->document->sha256, moment->date, moment->what);
        digest_of_hex(buf_text(&key), key.length, sum);
        snprintf(uid, sizeof uid, "%.32s@batchspool", sum);
        snprintf(summary, sizeof summary, "%s%.180s: %s", draft ? "[Draft] " : "", moment->lease->name, moment->what);
        good = describe(moment, draft, &text) && good;
        const struct report_event event = {.uid = uid, .date = moment->date, .summary = summary, .description = buf_text(&text)};
        report_event(m->report, &event);
        buf_release(&key);
        buf_release(&text);
    }
    free(moments.list);
    if (!good)
        report_fail(m->report, err_set(&err, RC_TEMP, "out of memory"), &err);
}
