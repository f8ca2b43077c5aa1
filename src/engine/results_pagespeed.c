// SPDX-License-Identifier: Apache-2.0
#include "engine/results_internal.h"

#include "base/json.h"
#include "base/strset.h"
#include "engine/sources.h"
#include "os/fsio.h"
#include "report/report_pagespeed.h"
#include "sink/sink.h"
#include "source/criteria.h"
#include "spool/journal.h"

#include <stdlib.h>
#include <string.h>

/* --- what they are of --------------------------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

/* The list of the job that a name of `foreach` goes through; without a definition that of the same name. */
static const cJSON *list_of(const cJSON *job, const struct source *source, const char *name, const char *otherwise) {
    const cJSON *foreach = source ? cJSON_GetObjectItemCaseSensitive(source->definition, "foreach") : NULL, *item;
    cJSON_ArrayForEach(item, foreach) {
        const char *in = text_of(item, "in");
        if (strcmp(text_of(item, "name"), name) == 0 && in[0] == '/' && !strchr(in + 1, '/'))
            return cJSON_GetObjectItemCaseSensitive(job, in + 1);
    }
    return cJSON_GetObjectItemCaseSensitive(job, otherwise);
}

struct failures {
    struct report_failed *list;
    char **labels; /* texts that they borrow; owned */
    size_t count;
    struct results_failed units;
    struct criteria *criteria;
    cJSON *job; /* when there is no definition */
};

static enum rc read_job(const struct results_ask *ask, struct failures *f, const struct source **source, struct err *err) {
    char *text;
    size_t length;
    enum rc rc = job_text_read(ask->spool, ask->errand->job, &text, &length, err);
    if (rc)
        return rc;
    *source = NULL;
    if (sources_get(ask->sources, ask->job->source, source, NULL) != RC_OK || criteria_parse("the accepted text", text, length, *source, &f->criteria, NULL))
        f->job = cJSON_ParseWithLength(text, length); /* the definition is another one by now */
    free(text);
    return f->criteria || f->job ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

static bool name_failure(struct failures *f, const struct results_unit *unit, const cJSON *urls, const cJSON *strategies) {
    const int per_url = cJSON_GetArraySize(strategies) > 0 ? cJSON_GetArraySize(strategies) : 1;
    const cJSON *url = cJSON_GetArrayItem(urls, (int)(unit->batch - 1) / per_url);
    const cJSON *strategy = cJSON_GetArrayItem(strategies, (int)(unit->batch - 1) % per_url);
    const cJSON *labels = cJSON_GetObjectItemCaseSensitive(url, "labels");
    const char *address = cJSON_IsString(url) ? url->valuestring : text_of(url, "url");
    struct report_failed *failed = &f->list[f->count];
    *failed = (struct report_failed){.url = address[0] ? address : "(a URL that the job does not name)",
                                     .strategy = cJSON_IsString(strategy) ? strategy->valuestring : "",
                                     .reason = unit->reason,
                                     .error = unit->error,
                                     .attempts = unit->attempts};
    if (cJSON_IsObject(labels)) {
        f->labels[f->count] = cJSON_PrintUnformatted(labels);
        if (!f->labels[f->count])
            return false;
        failed->labels = slice_of(f->labels[f->count]);
    }
    f->count++;
    return true;
}

static enum rc read_failures(const struct results_ask *ask, struct failures *f, struct err *err) {
    const struct source *source;
    enum rc rc = results_failed_read(ask->spool, ask->errand->job, &f->units, err);
    if (!rc && f->units.count)
        rc = read_job(ask, f, &source, err);
    if (rc || !f->units.count)
        return rc;
    const cJSON *job = f->criteria ? f->criteria->json : f->job;
    const cJSON *urls = list_of(job, source, "url", "urls"), *strategies = list_of(job, source, "strategy", "strategies");
    f->list = calloc(f->units.count, sizeof *f->list);
    f->labels = calloc(f->units.count, sizeof *f->labels);
    bool good = f->list && f->labels;
    for (size_t i = 0; good && i < f->units.count; i++)
        good = name_failure(f, &f->units.list[i], urls, strategies);
    return good ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

static void failures_release(struct failures *f) {
    for (size_t i = 0; f->labels && i < f->count; i++)
        cJSON_free(f->labels[i]);
    free(f->labels);
    free(f->list);
    results_failed_release(&f->units);
    criteria_free(f->criteria);
    cJSON_Delete(f->job);
}

/* --- the run before ----------------------------------------------------------------------------------------------------- */

struct pair {   /* a URL and strategy of this job, and the run of it that came last before */
    char *name; /* URL, line feed, strategy; owned */
    char run[JOBID_SIZE];
    char tested[48]; /* fetched_at of an answer that came from the cache, which runs before have too; "": it is of this run */
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

static char *pair_name(struct slice record) {
    char *url = report_get_text(record, "/url"), *strategy = report_get_text(record, "/strategy"), *name = NULL;
    struct buf text = BUF_INIT(SIZE_MAX / 4);
    if (url && strategy && buf_printf(&text, "%s\n%s", url, strategy) == RC_OK)
        name = buf_take(&text);
    buf_release(&text);
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

static enum rc list_pairs(const struct report_records *records, struct before *b) {
    struct slice record;
    size_t at = 0;
    b->pairs = calloc(records->count + 1, sizeof *b->pairs);
    while (b->pairs && b->count < records->count && report_records_next(records, &at, &record)) {
        b->pairs[b->count].name = pair_name(record);
        if (!b->pairs[b->count].name || !note_tested(record, b->pairs[b->count++].tested))
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
static void owner_of(const struct spool *spool, const char *job_id, char owner[65]) {
    struct journal_reader *reader;
    struct journal_line line;
    owner[0] = '\0';
    if (journal_reader_open(spool, job_id, 0, 0, NULL, &reader, NULL))
        return;
    if (journal_reader_find(reader, "accepted", &line, NULL) == RC_OK)
        str_copy(owner, 65, text_of(line.json, "created_by"));
    journal_reader_close(reader);
}

/* A report tells nobody of another one's jobs. */
static bool is_own(struct before *b, const char *run) {
    char owner[65];
    if (strset_has(&b->own, run) || strset_has(&b->others, run))
        return strset_has(&b->own, run);
    owner_of(b->spool, run, owner);
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
static enum rc find_before(const struct results_ask *ask, struct gathered *found, struct err *err) {
    struct before b = {.spool = ask->spool, .job_id = ask->errand->job, .line = BUF_INIT(SIZE_MAX / 4), .err = err};
    const struct sink_pick pick = {.source = ask->job->source};
    struct sink *sink = NULL;
    enum rc rc = list_pairs(&ask->gathered->records, &b) ? err_set(err, RC_TEMP, "out of memory") : results_gather_open(ask->spool, found, err);
    if (!rc)
        rc = sink_open(NULL, ask->spool, false, &sink, err);
    owner_of(ask->spool, b.job_id, b.owner);
    for (int walk = 0; walk < 2 && !rc; walk++) {
        b.found = walk ? found : NULL;
        rc = sink_walk(sink, &pick, see_record, &b, err);
        rc = rc ? rc : b.rc;
    }
    sink_close(sink);
    for (size_t i = 0; i < b.count; i++)
        free(b.pairs[i].name);
    free(b.pairs);
    strset_release(&b.own);
    strset_release(&b.others);
    buf_release(&b.line);
    return rc ? rc : results_gather_map(found, err);
}

/* ------------------------------------------------------------------------------------------------------------------------ */

enum rc results_pagespeed_write(const struct results_ask *ask, int fd, struct err *err) {
    struct failures failures = {.count = 0};
    struct gathered before = GATHERED_NONE, baseline = GATHERED_NONE;
    enum rc rc = read_failures(ask, &failures, err);
    if (!rc && ask->gathered->records.count)
        rc = find_before(ask, &before, err);
    if (!rc && ask->errand->baseline[0])
        rc = results_gather_job(ask->spool, ask->sources, ask->errand->baseline, &baseline, err);
    if (!rc) {
        const struct report_pagespeed input = {.records = ask->gathered->records,
                                               .failed = failures.list,
                                               .failed_count = failures.count,
                                               .previous = before.records,
                                               .baseline = baseline.records,
                                               .baseline_id = ask->errand->baseline[0] ? ask->errand->baseline : NULL};
        rc = report_pagespeed_write(&input, ask->job, ask->form, fd, err);
    }
    results_gather_release(&before);
    results_gather_release(&baseline);
    failures_release(&failures);
    return rc;
}
