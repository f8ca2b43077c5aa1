// SPDX-License-Identifier: Apache-2.0
#include "engine/notices_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/strset.h"
#include "engine/errand.h"
#include "spool/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From the line of a journal to a notice for each recipient. The id of a notice is made of the line and the recipient, and before one is made it is looked for
 * in every directory, so that a line which is heard twice, or told of again after a kill, has one notice. */

#define DISK_WAIT_MS 2000
#define CATCH_UP_PIECE 64

/* --- values ------------------------------------------------------------------------------------------------------------ */

void notices_value(cJSON *values, const char *name, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (*text)
        cJSON_AddStringToObject(values, name, text);
}

static void add_cost(cJSON *values, const struct job_row *row) {
    char cost[DEC_TEXT_SIZE], doubt[DEC_TEXT_SIZE];
    if (!row->currency[0])
        return;
    dec_format(row->cost, cost);
    notices_value(values, "cost", "%s %s", cost, row->currency);
    dec_format(row->cost_in_doubt, doubt);
    if (dec_compare(row->cost_in_doubt, dec_zero()) > 0)
        notices_value(values, "cost_in_doubt", "%s %s", doubt, row->currency);
}

static void add_how(cJSON *values, const struct job_row *row) {
    char text[2048];
    job_why_format(row, text, sizeof text);
    const char *how = strstr(text, "go on:  ");
    if (how)
        notices_value(values, "go_on", "%.*s", (int)strcspn(how + 8, "\n"), how + 8);
}

static void job_values(const struct notices *n, const struct job_row *row, cJSON *values) {
    notices_value(values, "name", "%s", row->name[0] ? row->name : row->id);
    notices_value(values, "job_id", "%s", row->id);
    notices_value(values, "source", "%s", row->source);
    notices_value(values, "campaign_id", "%s", row->campaign);
    notices_value(values, "created_by", "%s", row->created_by);
    notices_value(values, "status", "%s", place_status(row->place));
    notices_value(values, "records", "%llu", (unsigned long long)row->processed_records);
    if (row->success_count || row->error_count) {
        notices_value(values, "loaded", "%llu", (unsigned long long)row->success_count);
        notices_value(values, "errors", "%llu", (unsigned long long)row->error_count);
    }
    add_cost(values, row);
    if (n->settings->link[0])
        notices_value(values, "link", "%s%sjobs/%s", n->settings->link, str_ends(n->settings->link, "/") ? "" : "/", row->id);
}

static void line_values(const struct journal_line *line, cJSON *values) {
    const char *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "reason"));
    const char *error = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "error"));
    const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "file"));
    notices_value(values, "reason", "%s", reason ? reason : "");
    notices_value(values, "error", "%.1000s", error ? error : "");
    notices_value(values, "file", "%.250s", file ? file : "");
}

/* What of it fits into a subject, and a sentence. */
static void words(enum notice_kind kind, const struct job_row *row, cJSON *values) {
    const char *name = row->name[0] ? row->name : row->id, *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(values, "reason"));
    const unsigned long long records = (unsigned long long)row->processed_records;
    reason = reason && *reason ? reason : "no reason was given";
    if (kind == NOTICE_COMPLETED && row->failed_units) {
        const unsigned long long failed = (unsigned long long)row->failed_units, units = (unsigned long long)row->total_records;
        notices_value(values, "subject", "%s: completed, %llu records, %llu of %llu failed", name, records, failed, units);
        notices_value(values, "text",
                      "The job is complete: %llu records were captured; %llu of its %llu units failed for good; `batchspool why %s` names them.", records,
                      failed, units, row->id);
        notices_value(values, "failed", "%llu", failed);
    } else if (kind == NOTICE_COMPLETED && row->reuses[0]) {
        notices_value(values, "subject", "%s: completed, by an earlier job", name);
        notices_value(values, "text", "The job is complete: its records, and reports, are those of job %s; nothing was asked for.", row->reuses);
    } else if (kind == NOTICE_COMPLETED) {
        notices_value(values, "subject", "%s: completed, %llu records", name, records);
        notices_value(values, "text", "The job is complete: %llu records were captured.", records);
    } else if (kind == NOTICE_JOB_FAILED) {
        notices_value(values, "subject", "%s: failed (%s)", name, reason);
        notices_value(values, "text", "The job has failed: %s. %s", reason, row->captured_batches ? "What was captured stays." : "Nothing was captured.");
    } else if (kind == NOTICE_HELD) {
        notices_value(values, "subject", "%s: waits for a decision (%s)", name, reason);
        notices_value(values, "text", "The job waits until a person decides: %s.", reason);
    } else if (kind == NOTICE_FILE_FAILED) {
        notices_value(values, "subject", "%s: a payload could not be loaded (%s)", name, reason);
        notices_value(values, "text", "A payload that was captured could not be loaded: %s.", reason);
    } else {
        notices_value(values, "subject", "source %s: it refuses the credentials", row->source);
        notices_value(values, "text", "The source %s refuses the credentials (%s). Its jobs wait, nothing is lost.", row->source, reason);
    }
}

/* --- lines ------------------------------------------------------------------------------------------------------------- */

/* Which lines are told of. False: this one is not. */
static bool kind_of(const struct job_row *row, const struct journal_line *line, enum notice_kind *kind) {
    const char *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "by"));
    const bool batch = job_line_batch(line) > 0, runs = !row->mode[0] || strcmp(row->mode, "run") == 0;
    if (!runs)
        return false;
    if (strcmp(line->event, "rejected") == 0)
        *kind = batch ? NOTICE_FILE_FAILED : NOTICE_JOB_FAILED;
    else if (strcmp(line->event, "completed") == 0)
        *kind = NOTICE_COMPLETED;
    else if (strcmp(line->event, "failed") == 0 && !batch)
        *kind = NOTICE_JOB_FAILED;
    else if (strcmp(line->event, "held") == 0 && by && strcmp(by, "daemon") == 0)
        *kind = NOTICE_HELD;
    else if (strcmp(line->event, "deferred") == 0 && (strcmp(row->reason, "unauthorized") == 0 || strcmp(row->reason, "token") == 0))
        *kind = NOTICE_UNAUTHORIZED;
    else
        return false;
    return true;
}

static struct notices_make *make_of(struct notices *n, enum notice_kind kind, const struct job_row *row, const struct journal_line *line) {
    char subject[200], day[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(line->ts_us, 0, day);
    if (kind == NOTICE_UNAUTHORIZED) /* one a day, however many jobs wait */
        str_format(subject, sizeof subject, "source %s %.10s", row->source, day);
    else
        str_format(subject, sizeof subject, "%s %llu", row->id, (unsigned long long)line->seq);
    struct notices_make *make = notices_make_new(n, kind, line->ts_us, subject);
    if (kind != NOTICE_UNAUTHORIZED) {
        str_copy(make->job_id, sizeof make->job_id, row->id);
        make->seq = line->seq;
        make->of_job = true;
        job_values(n, row, make->values);
        make->automatic = row->automatic;
        str_copy(make->text_sha256, sizeof make->text_sha256, row->text_sha256);
        str_copy(make->source, sizeof make->source, row->source);
    } else
        notices_value(make->values, "source", "%s", row->source);
    line_values(line, make->values);
    words(kind, row, make->values);
    if (kind != NOTICE_COMPLETED)
        add_how(make->values, row);
    return make;
}

void notices_heard(void *context, const struct job_row *before, const struct job_row *row, const struct journal_line *line) {
    struct notices *n = context;
    enum notice_kind kind;
    (void)before;
    if (!kind_of(row, line, &kind))
        return;
    n->heard = true;
    if (n->making >= NOTICES_MAKING_MOST || n->engine->stopped)
        n->behind = true;
    else
        notices_make_start(n, make_of(n, kind, row, line));
}

/* --- files ------------------------------------------------------------------------------------------------------------- */

struct notices_make *notices_make_new(struct notices *n, enum notice_kind kind, int64_t when_us, const char *subject) {
    char when[CLOCK_RFC3339_SIZE];
    struct notices_make *make = engine_alloc(sizeof *make);
    make->notices = n;
    make->kind = kind;
    make->when_us = when_us;
    str_copy(make->subject, sizeof make->subject, subject);
    make->values = engine_members();
    clock_format_rfc3339(when_us, 0, when);
    notices_value(make->values, "event", "%s", notice_kind_name(kind));
    notices_value(make->values, "time", "%s", when);
    notices_value(make->values, "node", "%s", n->engine->spool->node);
    return make;
}

static void make_free(struct notices_make *make) {
    cJSON_Delete(make->values);
    free(make->made);
    free(make);
}

static enum rc make_for(struct notices_make *make, const char *to) {
    const struct spool *spool = make->notices->engine->spool;
    struct notice notice = {.kind = make->kind, .seq = make->seq, .created_us = clock_wall_us(), .values = make->values};
    if (!str_copy(notice.to, sizeof notice.to, to))
        return RC_OK;
    notice_id_make(make->kind, make->when_us, make->subject, to, notice.id);
    for (size_t i = 0; i < make->made_count; i++)
        if (strcmp(make->made[i].id, notice.id) == 0)
            return RC_OK;
    str_copy(notice.job_id, sizeof notice.job_id, make->job_id);
    str_copy(notice.awaits, sizeof notice.awaits, make->awaits);
    if (notice_find(spool, notice.id) != NOTICE_NONE || (make->job_id[0] && notices_told(spool, make->job_id, notice.id)))
        return RC_OK;
    enum rc rc = notice_put(spool, &notice, NOTICE_PENDING, 0, &make->err);
    if (rc)
        return rc;
    struct notices_made *more = realloc(make->made, (make->made_count + 1) * sizeof *more);
    if (!more)
        return err_set(&make->err, RC_TEMP, "out of memory");
    make->made = more;
    str_copy(more[make->made_count].id, sizeof more->id, notice.id);
    str_copy(more[make->made_count++].to, sizeof more->to, to);
    return RC_OK;
}

/* The text of its first `accepted`, when that is the one that holds: most journals need not be read on. The caller frees; NULL: it is not. */
static char *first_text(const struct notices_make *make) {
    struct journal_reader *reader;
    struct journal_line line;
    char *text = NULL;
    if (journal_reader_open(make->notices->engine->spool, make->job_id, 0, 0, NULL, &reader, NULL))
        return NULL;
    if (journal_reader_find(reader, "accepted", &line, NULL) == RC_OK) {
        const char *sum = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line.json, "sha256"));
        const char *found = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line.json, "text"));
        if (sum && found && strcmp(sum, make->text_sha256) == 0)
            text = strdup(found);
    }
    journal_reader_close(reader);
    return text;
}

/* The job's text; *job NULL: it cannot be read. */
static enum rc read_job(struct notices_make *make, cJSON **job) {
    char *text = first_text(make);
    size_t length = text ? strlen(text) : 0;
    struct err ignored = {0};
    enum rc rc = text ? RC_OK : job_text_read(make->notices->engine->spool, make->job_id, &text, &length, &ignored);
    *job = rc ? NULL : cJSON_ParseWithLength(text, length);
    free(text);
    return rc == RC_TEMP ? err_set(&make->err, rc, "%s", ignored.text) : RC_OK;
}

/* Which groups its documents are of. */
static void group_value(struct notices_make *make, const cJSON *job) {
    struct strset seen = {.slots = NULL};
    const cJSON *document;
    char groups[1000] = "";
    size_t used = 0;
    cJSON_ArrayForEach(document, cJSON_GetObjectItemCaseSensitive(job, "documents")) {
        const char *group = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "group"));
        bool fresh = false;
        if (group && strset_keep(&seen, group, &fresh) && fresh && str_format(groups + used, sizeof groups - used, "%s%s", used ? ", " : "", group))
            used += strlen(groups + used);
    }
    strset_release(&seen);
    cJSON_DeleteItemFromObjectCaseSensitive(make->values, "group"); /* of a try before */
    notices_value(make->values, "group", "%.*s", (int)used, groups);
}

static void make_all(struct notices_make *make) {
    const struct notify_settings *settings = make->notices->settings;
    const char *to = NULL;
    const cJSON *item;
    cJSON *job = NULL;
    make->rc = make->of_job ? read_job(make, &job) : RC_OK;
    if (!make->rc)
        group_value(make, job);
    while (!make->rc && (to = notify_settings_next(settings, &settings->recipients[make->kind], to)))
        make->rc = make_for(make, to);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(job, "notify")) { /* whom the job names */
        if (!make->rc && cJSON_IsString(item) && notice_target_valid(item->valuestring))
            make->rc = make_for(make, item->valuestring);
    }
    cJSON_Delete(job);
}

static void make_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++)
        make_all(HEAP_ENTRY(items[i], struct notices_make, work));
}

static void make_done(struct work *work);
static const struct work_class make_class = {.name = "notice", .run = make_run, .done = make_done, .max = 32};

static void make_again(struct loop_timer *timer) {
    struct notices_make *make = HEAP_ENTRY(timer, struct notices_make, timer);
    worker_submit(make->notices->lanes, &make->work, &make_class, NOTICES_LANE_MAKE);
}

static void make_done(struct work *work) {
    struct notices_make *make = HEAP_ENTRY(work, struct notices_make, work);
    struct notices *n = make->notices;
    for (size_t i = 0; i < make->made_count; i++)
        notices_add(n, make->made[i].id, make->made[i].to, make->kind, NOTICE_PENDING, clock_wall_us(), 0);
    make->made_count = 0;
    if (make->rc && make->rc != RC_PERM && !n->engine->stopping) {
        log_warn("notice of %s: %s; it is made again", make->subject, make->err.text);
        loop_timer_start(n->engine->loop, &make->timer, clock_mono_ms() + DISK_WAIT_MS, make_again);
        return;
    }
    if (make->rc) {
        log_error("notice of %s: %s", make->subject, make->err.text);
        n->behind = n->behind || make->rc != RC_PERM;
    }
    n->making--;
    make_free(make);
    notices_settled(n);
}

static void link_value(struct notices_make *make, const char *name, const char *before, const char *behind) {
    const char *link = make->notices->settings->link;
    if (*link)
        notices_value(make->values, name, "%s%s%s%s%s", link, str_ends(link, "/") ? "" : "/", before, make->job_id, behind);
}

/* Of a source whose reports are made when a job has completed, its notice waits for them: it awaits the file, below the spool, that is there last. It waits an
 * hour at most. It says where they are, and of an analysis of leases, which nobody has looked at yet, that they are drafts. On the loop, which has the
 * definitions. */
static void tell_results(struct notices_make *make) {
    const struct source *source;
    char names[200] = "";
    size_t used = 0;
    if (sources_get(make->notices->engine->sources, make->source, &source, NULL) != RC_OK)
        return;
    if (make->automatic && source->results) {
        str_format(make->awaits, sizeof make->awaits, "results/%s/" RESULTS_READY, make->job_id);
        for (unsigned form = 0; form < FORM_COUNT; form++)
            if (source->results & FORM_BIT(form) && str_format(names + used, sizeof names - used, "%s%s", used ? ", " : "", forms_file((enum form)form)))
                used += strlen(names + used);
        notices_value(make->values, "reports", "results/%s/ (%s)", make->job_id, names);
        link_value(make, "reports_link", source->documents ? "documents?id=" : "jobs/", "");
    }
    if (source->report == FORMS_LEASE) {
        notices_value(make->values, "review", "is open: reports are drafts until it is done (`batchspool review %s`)", make->job_id);
        link_value(make, "review_link", "jobs/", "/review");
    }
}

void notices_make_start(struct notices *n, struct notices_make *make) {
    if (make->kind == NOTICE_COMPLETED)
        tell_results(make);
    n->busy++;
    n->making++;
    worker_submit(n->lanes, &make->work, &make_class, NOTICES_LANE_MAKE);
}

/* --- what the journal has ---------------------------------------------------------------------------------------------- */

bool notices_told(const struct spool *spool, const char *job_id, const char *notice_id) {
    struct journal_reader *reader;
    struct journal_line line;
    bool told = false;
    if (journal_reader_open(spool, job_id, 0, 0, NULL, &reader, NULL))
        return false;
    while (!told && journal_reader_find(reader, "notified", &line, NULL) == RC_OK) {
        const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line.json, "notice"));
        told = id && strcmp(id, notice_id) == 0;
    }
    journal_reader_close(reader);
    return told;
}

enum rc notices_tell(const struct spool *spool, const struct notice *notice, const char *result, const char *error, struct err *err) {
    if (!notice->job_id[0])
        return RC_OK;
    char shown[NOTICE_TARGET_SIZE];
    cJSON *members = engine_members();
    notice_target_shown(notice->to, shown); /* what is behind a webhook's host may be a secret */
    cJSON_AddStringToObject(members, "notice", notice->id);
    cJSON_AddStringToObject(members, "to", shown);
    cJSON_AddStringToObject(members, "result", result);
    cJSON_AddStringToObject(members, "about", notice_kind_name(notice->kind));
    if (notice->seq)
        cJSON_AddNumberToObject(members, "about_seq", (double)notice->seq);
    if (error && *error)
        cJSON_AddStringToObject(members, "error", error);
    struct journal *journal = NULL;
    enum rc rc = journal_open(spool, notice->job_id, false, &journal, err);
    if (!rc)
        rc = journal_lock(journal, err);
    if (!rc)
        rc = journal_add(journal, "notified", "daemon", members, err);
    if (!rc)
        rc = journal_commit(journal, true, err);
    journal_close(journal);
    cJSON_Delete(members);
    if (rc == RC_GONE || rc == RC_CORRUPT || rc == RC_PERM) {
        log_warn("notice %s: journal of %s: %s", notice->id, notice->job_id, err->text);
        return RC_OK;
    }
    return rc;
}

/* --- catching up ------------------------------------------------------------------------------------------------------- */

/* Jobs that changed since the lines of all were told of: their journals are read again, and each line that has no notice yet gets one. */
struct catch_up {
    struct work work;
    struct notices *notices;
    char (*ids)[JOBID_SIZE];
    size_t count, room, at, piece;
    int64_t since_us;
    struct notices_make **makes; /* found by the piece */
    size_t make_count;
};

static void see_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct catch_up *c = context;
    enum notice_kind kind;
    if (line->ts_us < c->since_us || !kind_of(row, line, &kind))
        return;
    struct notices_make **more = realloc(c->makes, (c->make_count + 1) * sizeof(*more));
    if (!more)
        return;
    c->makes = more;
    more[c->make_count++] = make_of(c->notices, kind, row, line);
}

static void catch_up_run(struct work **items, size_t count) {
    struct catch_up *c = HEAP_ENTRY(items[0], struct catch_up, work);
    (void)count;
    c->piece = 0;
    for (; c->at + c->piece < c->count && c->piece < CATCH_UP_PIECE; c->piece++) {
        struct job_row row;
        struct err err = {0};
        enum rc rc = job_row_read(c->notices->engine->spool, c->ids[c->at + c->piece], &row, see_line, c, &err);
        if (rc && rc != RC_GONE)
            log_warn("notices of %s: %s", c->ids[c->at + c->piece], err.text);
    }
}

static void catch_up_done(struct work *work);
static const struct work_class catch_up_class = {.name = "catch-up", .run = catch_up_run, .done = catch_up_done, .max = 1};

static void catch_up_done(struct work *work) {
    struct catch_up *c = HEAP_ENTRY(work, struct catch_up, work);
    struct notices *n = c->notices;
    for (size_t i = 0; i < c->make_count; i++)
        notices_make_start(n, c->makes[i]);
    free(c->makes);
    c->makes = NULL;
    c->make_count = 0;
    c->at += c->piece;
    if (c->at < c->count && !n->engine->stopping) {
        worker_submit(n->lanes, &c->work, &catch_up_class, NOTICES_LANE_MAKE);
        return;
    }
    n->behind = n->behind || c->at < c->count;
    n->catching = false;
    free(c->ids);
    free(c);
    notices_settled(n);
}

static bool changed_since(void *context, const struct job_row *row) {
    struct catch_up *c = context;
    if (row->updated_us < c->since_us)
        return true;
    if (c->count == c->room) {
        const size_t room = c->room ? 2 * c->room : 64;
        char(*more)[JOBID_SIZE] = realloc(c->ids, room * sizeof *more);
        if (!more)
            return false;
        c->ids = more;
        c->room = room;
    }
    memcpy(c->ids[c->count++], row->id, JOBID_SIZE);
    return true;
}

void notices_catch_up(struct notices *n) {
    struct err err = {0};
    if (n->catching)
        return;
    struct catch_up *c = engine_alloc(sizeof *c);
    c->notices = n;
    c->since_us = n->seen_us - NOTICES_SLACK_US;
    n->behind = false;
    n->catching = true;
    if (index_jobs(n->engine->index, PLACE_NONE, "", changed_since, c, &err))
        log_warn("notices: %s", err.text);
    n->busy++;
    worker_submit(n->lanes, &c->work, &catch_up_class, NOTICES_LANE_MAKE);
}
