// SPDX-License-Identifier: Apache-2.0
#include "engine/results_internal.h"

#include "base/json.h"
#include "base/strset.h"
#include "os/fsio.h"
#include "sink/sink.h"
#include "spool/jobs.h"
#include "spool/journal.h"

#include <stdlib.h>
#include <string.h>

/* The run before of a report of page speed: records from the store, what failed from the journals. */

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

struct pair {   /* a URL and strategy of this job, and the run of it that came last before */
    char *name; /* URL, line feed, strategy; owned */
    char run[JOBID_SIZE];
    char tested[48];                    /* fetched_at of an answer that came from the cache, which runs before have too; "": it is of this run */
    bool fails;                         /* in this job */
    const struct report_failed *failed; /* in a run after `run`, the last one of its kind; NULL: in none that was looked at */
};

struct before {
    struct pair *pairs;
    size_t count;
    const struct spool *spool;
    const char *job_id;
    char owner[65];
    struct strset own, others; /* runs that were looked at */
    struct gathered *found;    /* NULL: the first walk, which finds the runs */
    struct buf line;
    enum rc rc;
    struct err *err;
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

static char *name_of(const char *url, const char *strategy) {
    struct buf text = BUF_INIT(SIZE_MAX / 4);
    char *name = buf_printf(&text, "%s\n%s", url, strategy) == RC_OK ? buf_take(&text) : NULL;
    buf_release(&text);
    return name;
}

static char *pair_name(struct slice record) {
    char *url = report_get_text(record, "/url"), *strategy = report_get_text(record, "/strategy");
    char *name = url && strategy ? name_of(url, strategy) : NULL;
    free(url);
    free(strategy);
    return name;
}

/* False: out of memory. */
static bool note_tested(struct slice record, char out[48]) {
    if (json_type(report_get(record, "/cached_at")) != JSON_STRING)
        return true;
    char *tested = report_get_text(record, "/fetched_at");
    if (tested && !str_copy(out, 48, tested))
        out[0] = '\0';
    free(tested);
    return tested != NULL;
}

static enum rc list_pairs(const struct report_records *records, const struct results_failures *now, struct before *b) {
    struct slice record;
    size_t at = 0;
    b->pairs = calloc(records->count + now->count + 1, sizeof *b->pairs);
    while (b->pairs && b->count < records->count && report_records_next(records, &at, &record)) {
        b->pairs[b->count].name = pair_name(record);
        if (!b->pairs[b->count].name || !note_tested(record, b->pairs[b->count++].tested))
            return RC_TEMP;
    }
    for (size_t i = 0; b->pairs && i < now->count; i++) {
        b->pairs[b->count] = (struct pair){.name = name_of(now->list[i].url, now->list[i].strategy), .fails = true};
        if (!b->pairs[b->count++].name)
            return RC_TEMP;
    }
    if (b->pairs)
        qsort(b->pairs, b->count, sizeof *b->pairs, by_name);
    return b->pairs ? RC_OK : RC_TEMP;
}

static enum rc keep_record(struct before *b, struct slice text) {
    buf_reset(&b->line);
    enum rc rc = json_fold_lines(text, &b->line) || buf_add_char(&b->line, '\n') ? err_set(b->err, RC_TEMP, "out of memory") : RC_OK;
    rc = rc ? rc : fsio_write(b->found->fd, b->line.data, b->line.length, b->err);
    b->found->records.count += rc == RC_OK;
    return rc;
}

/* "": nobody knows. */
static void origin_of(const struct spool *spool, const char *job_id, char owner[65], char source[65]) {
    struct journal_reader *reader;
    struct journal_line line;
    owner[0] = source[0] = '\0';
    if (journal_reader_open(spool, job_id, 0, 0, NULL, &reader, NULL))
        return;
    if (journal_reader_find(reader, "accepted", &line, NULL) == RC_OK) {
        str_copy(owner, 65, text_of(line.json, "created_by"));
        str_copy(source, 65, text_of(line.json, "source"));
    }
    journal_reader_close(reader);
}

/* A report tells nobody of another one's jobs. */
static bool is_own(struct before *b, const char *run) {
    char owner[65], source[65];
    if (strset_has(&b->own, run) || strset_has(&b->others, run))
        return strset_has(&b->own, run);
    origin_of(b->spool, run, owner, source);
    const bool own = strcmp(owner, b->owner) == 0;
    if (!strset_keep(own ? &b->own : &b->others, run, NULL))
        b->rc = err_set(b->err, RC_TEMP, "out of memory");
    return own;
}

/* The answer of this run, which it took from the cache. */
static bool is_same_answer(const struct pair *pair, struct slice record) {
    const struct slice tested = report_get(record, "/fetched_at"); /* with its quotes */
    const size_t length = strlen(pair->tested);
    return length && tested.length == length + 2 && memcmp(tested.data + 1, pair->tested, length) == 0;
}

static bool see_record(void *context, const struct sink_seen *seen) {
    struct before *b = context;
    struct pair key = {.name = NULL};
    char *run = report_get_text(seen->text, "/run");
    key.name = run ? pair_name(seen->text) : NULL;
    if (!key.name)
        b->rc = err_set(b->err, RC_TEMP, "out of memory");
    struct pair *pair = key.name ? bsearch(&key, b->pairs, b->count, sizeof key, by_name) : NULL;
    if (pair && !b->found && jobid_valid(run) && strcmp(run, b->job_id) < 0 && strcmp(run, pair->run) > 0 && !is_same_answer(pair, seen->text) &&
        is_own(b, run))
        str_copy(pair->run, sizeof pair->run, run);
    else if (pair && b->found && strcmp(run, pair->run) == 0)
        b->rc = keep_record(b, seen->text);
    free(run);
    free(key.name);
    return b->rc == RC_OK;
}

/* The one that came last of the same owner's and has another answer. Ids begin with the time, so that it is the greatest that is less than this one. The store
 * is walked twice, which keeps the records that are not wanted out of memory and off the disk. */
static enum rc find_records(const struct results_ask *ask, struct before *b, struct gathered *found) {
    const struct sink_pick pick = {.source = ask->job->source};
    struct sink *sink = NULL;
    enum rc rc = sink_open(NULL, ask->spool, false, &sink, b->err);
    if (rc)
        return rc == RC_GONE ? RC_OK : rc; /* nothing was ever loaded */
    for (int walk = 0; walk < 2 && !rc; walk++) {
        b->found = walk ? found : NULL;
        rc = sink_walk(sink, &pick, see_record, b, b->err);
        rc = rc ? rc : b->rc;
    }
    sink_close(sink);
    return rc;
}

/* --- what failed in it -------------------------------------------------------------------------------------------------- */

#define JOURNALS_MOST 2000u /* that are opened to see whose they are */

struct ids {
    char (*list)[JOBID_SIZE];
    size_t count, capacity;
    const char *job_id;
};

static enum rc note_id(void *context, const char *job_id, struct err *err) {
    struct ids *ids = context;
    if (strcmp(job_id, ids->job_id) >= 0)
        return RC_OK;
    if (ids->count == ids->capacity) {
        const size_t capacity = ids->capacity ? ids->capacity * 2 : 256;
        char(*larger)[JOBID_SIZE] = realloc(ids->list, capacity * sizeof *larger);
        if (!larger)
            return err_set(err, RC_TEMP, "out of memory");
        ids->list = larger;
        ids->capacity = capacity;
    }
    if (str_copy(ids->list[ids->count], JOBID_SIZE, job_id))
        ids->count++;
    return RC_OK;
}

static int newest_first(const void *a, const void *b) {
    return strcmp(b, a);
}

/* True: a run like this one could still say something of one of the pairs. Once one of them was met in a run before, those that no run has a record of are new.
 */
static bool is_open(const struct before *b, const char *run, bool met) {
    for (size_t i = 0; i < b->count; i++) {
        const struct pair *pair = &b->pairs[i];
        if (!pair->failed && !pair->tested[0] && strcmp(pair->run, run) < 0 && (pair->run[0] || !met))
            return true;
    }
    return false;
}

/* True: the run has any of the pairs. */
static bool match_run(struct before *b, const char *run, const struct results_failures *failures) {
    bool met = false;
    for (size_t i = 0; i < b->count && !met; i++)
        met = strcmp(b->pairs[i].run, run) == 0;
    for (size_t i = 0; i < failures->count; i++) {
        struct pair key = {.name = name_of(failures->list[i].url, failures->list[i].strategy)};
        struct pair *pair = key.name ? bsearch(&key, b->pairs, b->count, sizeof key, by_name) : NULL;
        if (!key.name)
            b->rc = err_set(b->err, RC_TEMP, "out of memory");
        met = met || pair;
        if (pair && !pair->failed && strcmp(pair->run, run) < 0)
            pair->failed = &failures->list[i];
        free(key.name);
    }
    return met;
}

/* Of runs before, the newest first, those that still matter. A journal that is damaged says nothing. */
static enum rc look_through(const struct results_ask *ask, struct before *b, const struct ids *ids, struct results_before *before) {
    bool met = false;
    for (size_t i = 0; i < ids->count && i < JOURNALS_MOST && before->run_count < BEFORE_RUNS && !b->rc && is_open(b, ids->list[i], met); i++) {
        char owner[65], source[65];
        origin_of(ask->spool, ids->list[i], owner, source);
        if (strcmp(owner, b->owner) != 0 || strcmp(source, ask->job->source) != 0)
            continue;
        struct results_failures *run = &before->runs[before->run_count++];
        const enum rc rc = results_failures_read(ask, ids->list[i], run, b->err);
        if (rc == RC_TEMP)
            return rc;
        if (!rc)
            met = match_run(b, ids->list[i], run) || met;
    }
    return b->rc;
}

/* What an answer from the cache says is older than what failed since. */
static enum rc keep_failed(struct before *b, struct results_before *before) {
    before->failed = calloc(b->count + 1, sizeof *before->failed);
    for (size_t i = 0; before->failed && i < b->count; i++)
        if (b->pairs[i].failed && !b->pairs[i].tested[0])
            before->failed[before->failed_count++] = *b->pairs[i].failed;
    return before->failed ? RC_OK : err_set(b->err, RC_TEMP, "out of memory");
}

static enum rc find_failed(const struct results_ask *ask, struct before *b, struct results_before *before) {
    struct ids ids = {.job_id = b->job_id};
    enum rc rc = jobs_journals(ask->spool, note_id, &ids, b->err);
    if (!rc && ids.count)
        qsort(ids.list, ids.count, sizeof *ids.list, newest_first);
    rc = rc ? rc : look_through(ask, b, &ids, before);
    rc = rc ? rc : keep_failed(b, before);
    free(ids.list);
    return rc;
}

/* ------------------------------------------------------------------------------------------------------------------------ */

enum rc results_before_read(const struct results_ask *ask, const struct results_failures *now, struct results_before *before, struct err *err) {
    struct before b = {.spool = ask->spool, .job_id = ask->errand->job, .line = BUF_INIT(SIZE_MAX / 4), .err = err};
    char source[65];
    enum rc rc = list_pairs(&ask->gathered->records, now, &b) ? err_set(err, RC_TEMP, "out of memory") : results_gather_open(ask->spool, &before->found, err);
    origin_of(ask->spool, b.job_id, b.owner, source);
    rc = rc ? rc : find_records(ask, &b, &before->found);
    if (!rc && ask->form->bit != REPORT_CSV) /* which has rows alone */
        rc = find_failed(ask, &b, before);
    for (size_t i = 0; i < b.count; i++)
        free(b.pairs[i].name);
    free(b.pairs);
    strset_release(&b.own);
    strset_release(&b.others);
    buf_release(&b.line);
    return rc ? rc : results_gather_map(&before->found, err);
}

void results_before_release(struct results_before *before) {
    results_gather_release(&before->found);
    for (size_t i = 0; i < before->run_count; i++)
        results_failures_release(&before->runs[i]);
    free(before->failed);
}
