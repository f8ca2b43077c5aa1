// SPDX-License-Identifier: Apache-2.0
#include "engine/why.h"

#include "base/clock.h"
#include "base/str.h"
#include "engine/batches.h"
#include "engine/group_look.h"
#include "engine/paused.h"
#include "engine/pauses.h"
#include "engine/ready.h"
#include "os/fsio.h"
#include "spool/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MOST_FILES 20

static const char *printable(char *out, size_t size, const char *text) {
    text = *text ? text : "-";
    str_printable(out, size, text, strlen(text));
    return out;
}

/* What ends a sentence that ends with this text. */
static const char *stop(const char *text) {
    return str_ends(text, ".") ? "" : ".";
}

static const char *span(char out[24], int64_t us) {
    clock_format_span(us, out);
    return out;
}

static void tell_daemon(const struct why *why, struct buf *out) {
    if (!spool_daemon_runs(why->look->spool))
        buf_printf(out, "No daemon runs on %s: start batchspoold.\n", why->look->spool->root);
}

static bool before(const struct job_row *a, const struct job_row *b) {
    return a->priority != b->priority ? a->priority > b->priority : strcmp(a->id, b->id) < 0;
}

static bool tell_pause(const struct why *why, const char *name, struct buf *out) {
    const struct source *source = NULL;
    struct paused paused;
    char when[CLOCK_RFC3339_SIZE], shown[200], advice[PAUSED_ADVICE_SIZE];
    if (why->look->sources && sources_get(why->look->sources, name, &source, NULL) != RC_OK)
        source = NULL;
    if (!paused_look(why->look->index, name, source, clock_wall_us(), &paused))
        return false;
    clock_format_rfc3339(paused.until_us, 0, when);
    printable(shown, sizeof shown, paused.reason);
    paused_advice(paused.reason, source, advice);
    buf_printf(out, "The source %s is paused until %s: %s%s%s%s\n", name, when, shown, stop(shown), *advice ? " " : "", advice);
    return true;
}

/* Its place in the queue, and whether there is room for it to run. */
static void tell_queue(const struct why *why, const struct job_row *row, bool paused, struct buf *out) {
    struct jobs jobs;
    struct err err = {0};
    const int64_t now_us = clock_wall_us();
    char reason[48];
    if (why->no_queue) {
        buf_printf(out, "It waits for its turn at priority %s.\n", priority_name(row->priority));
        return;
    }
    if (jobs_scan(why->look->spool, &jobs, &err) != RC_OK)
        return;
    size_t ahead = 0, running = 0, busy = 0;
    for (size_t i = 0; i < jobs.count; i++) {
        struct job_row other;
        const enum place place = jobs.list[i].place;
        if ((place != PLACE_PENDING && place != PLACE_PROCESSING) || look_row(why->look, &jobs.list[i], &other, &err) != RC_OK)
            continue;
        const bool same = strcmp(other.source, row->source) == 0;
        busy += place == PLACE_PROCESSING && !look_waits(why->look, &other, now_us, reason);
        running += same && place == PLACE_PROCESSING;
        ahead += same && place == PLACE_PENDING && before(&other, row);
    }
    jobs_release(&jobs);
    buf_printf(out, "It waits for its turn at priority %s: %zu jobs of source %s run, %zu come before it.\n", priority_name(row->priority), running,
               row->source, ahead);
    if (busy >= why->max_concurrent_jobs)
        buf_printf(out, "All %u slots (max_concurrent_jobs) are used.\n", why->max_concurrent_jobs);
    if (!paused && ahead && row->priority != PRIORITY_URGENT)
        buf_printf(out, "`batchspool priority %s urgent` puts it in front.\n", row->id);
}

static void tell_group(void *context, const struct throttle_group *group) {
    char when[CLOCK_RFC3339_SIZE], name[200], error[200];
    clock_format_rfc3339(group->until_us, 0, when);
    printable(error, sizeof error, group->error);
    buf_printf(context, "Waits for %s until %s: %u tries in a row failed, the last: %s%s\n", printable(name, sizeof name, group_look_name(group)), when,
               group->tries, error, stop(error));
}

/* Groups of its units that wait, while those of others go on. */
static void tell_groups(const struct why *why, const struct job_row *row, struct buf *out) {
    const struct source *source;
    struct err ignored = {0};
    size_t count = 0;
    if (why->look->sources && (sources_get(why->look->sources, row->source, &source, &ignored) || !source->throttle.group))
        return;
    group_look(why->look->spool, row->id, clock_wall_us(), tell_group, out, &count, &ignored);
    if (count > GROUP_LOOK_SHOWN)
        buf_printf(out, "... and for %zu more\n", count - GROUP_LOOK_SHOWN);
}

static void tell_run(const struct why *why, const struct job_row *row, struct buf *out) {
    const int64_t now_us = clock_wall_us();
    const struct job_progress progress = look_progress(why->look, row, now_us);
    char reason[48], when[CLOCK_RFC3339_SIZE], rate[24], eta[24], silent[24];
    buf_printf(out, "It runs: %" PRIu64 " records captured", row->processed_records);
    if (row->total_records != JOB_UNKNOWN)
        buf_printf(out, " of %" PRIu64, row->total_records);
    if (progress.rate_per_s >= 0)
        buf_printf(out, ", %s records/s", look_rate(rate, &progress));
    if (progress.eta_us)
        buf_printf(out, ", done in %s", look_eta(eta, &progress, now_us));
    buf_add_text(out, ".\n");
    const int64_t until_us = look_waits(why->look, row, now_us, reason);
    if (until_us) {
        clock_format_rfc3339(until_us, 0, when);
        buf_printf(out, "It waits until %s (%s) and then goes on by itself.\n", when, reason);
    } else if (row->total_records != JOB_UNKNOWN && row->processed_records + row->failed_units >= row->total_records && row->automatic)
        buf_printf(out, "It waits for its payloads to be loaded: %" PRIu64 " of %" PRIu64 " are.\n", row->loaded_batches, row->captured_batches);
    tell_groups(why, row, out);
    tell_pause(why, row->source, out);
    if (now_us - job_heard_us(row) > (int64_t)why->stuck_after_s * 1000000)
        buf_printf(out, "Nothing was heard of it for %s: see the daemon's log; `batchspool requeue %s` puts it back into the queue.\n",
                   span(silent, now_us - job_heard_us(row)), row->id);
}

static void tell_files(const struct why *why, const struct job_row *row, struct buf *out) {
    struct batches batches;
    struct err err = {0};
    char shown[700];
    size_t failed = 0;
    if (!row->failed_batches)
        return;
    enum rc rc = batches_read(why->look->spool, row->id, &batches, &err);
    for (size_t i = 0; (!rc || rc == RC_CORRUPT) && i < batches.count; i++) {
        const struct file_row *file = batches.list[i].file;
        if (!file || file->status != FILE_FAILED || ++failed > MOST_FILES)
            continue;
        buf_printf(out, "payload %04zu (%s) could not be loaded: %s\n", i + 1, file->file_path, printable(shown, sizeof shown, file->error_details));
    }
    batches_release(&batches);
    if (failed > MOST_FILES)
        buf_printf(out, "... and %zu more\n", failed - MOST_FILES);
    if (row->place == PLACE_FAILED && strcmp(row->reason, "load") == 0)
        buf_printf(out, "Mend the cause, then `batchspool requeue %s` puts these payloads and the job back.\n", row->id);
    else
        buf_printf(out, "Mend the cause, then `batchspool requeue --files %s` puts these payloads back to be loaded.\n", row->id);
}

/* Of a job that is complete. */
static void tell_failed_units(const struct why *why, const struct job_row *row, struct buf *out) {
    struct batches batches;
    struct err err = {0};
    char error[500], item[400];
    size_t failed = 0;
    if (!row->failed_units)
        return;
    buf_printf(out, "%" PRIu64 " of its %" PRIu64 " units failed for good; `batchspool submit --failed %s` makes a new job of them.\n", row->failed_units,
               row->total_records, row->id);
    enum rc rc = batches_read(why->look->spool, row->id, &batches, &err);
    for (size_t i = 0; (!rc || rc == RC_CORRUPT) && i < batches.count; i++) {
        const struct batch *batch = &batches.list[i];
        if (batch->state == BATCH_FAILED && ++failed <= MOST_FILES)
            buf_printf(out, "unit %04zu (%s): %s\n", i + 1, printable(item, sizeof item, batch->item ? batch->item : ""),
                       printable(error, sizeof error, batch->error));
    }
    batches_release(&batches);
    if (failed > MOST_FILES)
        buf_printf(out, "... and %zu more: `batchspool show %s`\n", failed - MOST_FILES, row->id);
}

static void tell_in_doubt(const struct why *why, const struct job_row *row, struct buf *out) {
    struct batches batches;
    struct err err = {0};
    char money[DEC_TEXT_SIZE];
    if (!row->unknown_batches)
        return;
    enum rc rc = batches_read(why->look->spool, row->id, &batches, &err);
    for (size_t i = 0; (!rc || rc == RC_CORRUPT) && i < batches.count; i++)
        if (batches.list[i].state == BATCH_IN_DOUBT)
            buf_printf(out, "batch %zu: it is not known whether the request was charged: %s\n", i + 1, batches.list[i].error);
    batches_release(&batches);
    dec_format(row->cost_in_doubt, money);
    buf_printf(
        out,
        "Up to %s %s may have been charged without an answer. Ask the provider, then: `batchspool release %s --accept-charge` buys these pages once more, "
        "`batchspool release %s --give-up` goes on without them.\n",
        money, row->currency, row->id, row->id);
}

static void tell_file(const struct why *why, const struct jobs_entry *job, struct buf *out) {
    char name[JOBID_SIZE + 8];
    struct buf text = BUF_INIT(WHY_BYTES / 2);
    struct err ignored = {0};
    str_format(name, sizeof name, "%s.why", job->id);
    if (job->id[0] && fsio_read_file(why->look->spool->place_fd[job->place], name, &text, &ignored) == RC_OK && text.length) {
        buf_add(out, text.data, text.length);
        if (text.data[text.length - 1] != '\n')
            buf_add_char(out, '\n');
    }
    buf_release(&text);
}

static void tell_place(const struct why *why, const struct jobs_entry *job, const struct job_row *row, struct buf *out) {
    char when[CLOCK_RFC3339_SIZE];
    switch (job->place) {
    case PLACE_PENDING:
        if (!job->id[0] || !jobs_has_journal(why->look->spool, job->id))
            buf_add_text(out, "It was dropped and waits to be accepted by the daemon.\n");
        else
            tell_queue(why, row, tell_pause(why, row->source, out), out);
        tell_daemon(why, out);
        return;
    case PLACE_PROCESSING:
        tell_run(why, row, out);
        tell_daemon(why, out);
        return;
    case PLACE_DEFERRED:
        clock_format_rfc3339(row->until_us, 0, when);
        buf_printf(out, "It waits until %s; `batchspool retry %s` goes on at once.\n", row->until_us ? when : "it is due", row->id);
        if (strcmp(row->reason, "throttled") == 0)
            tell_groups(why, row, out);
        tell_daemon(why, out);
        return;
    case PLACE_PROCESSED:
        buf_add_text(out, "It is complete.\n");
        if (*row->reuses)
            buf_printf(out, "Its payloads are those of job %s; nothing was asked for.\n", row->reuses);
        tell_failed_units(why, row, out);
        return;
    case PLACE_HOLD:
        buf_printf(out, "A person must let it go on: `batchspool release %s`.\n", row->id);
        return;
    case PLACE_FAILED:
        buf_printf(out, "`batchspool retry %s` goes on with the missing pages under the same id.\n", row->id);
        return;
    case PLACE_CANCELLED:
        buf_printf(out, "`batchspool retry %s` goes on with it.\n", row->id);
        return;
    case PLACE_NONE:
    case PLACE_COUNT:
        buf_add_text(out, "Its file is in no directory; the daemon will make it again in hold/.\n");
        return;
    }
}

struct refusal {
    const struct source_step *step;
    unsigned way;
    int status;
    int64_t at_us;
};

/* Of a line that says which way of a step is tried next: the optional one before it, whose credentials were refused. */
static void see_refusal(const struct source *source, const struct journal_line *line, struct refusal *refusal) {
    const cJSON *next = cJSON_GetObjectItemCaseSensitive(line->json, "alternative"), *status = cJSON_GetObjectItemCaseSensitive(line->json, "status");
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "step"));
    const char *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "reason"));
    if (!cJSON_IsNumber(next) || !cJSON_IsNumber(status) || !reason || strcmp(reason, "unauthorized") != 0)
        return;
    for (unsigned i = 0; i < source->step_count; i++)
        for (unsigned way = 0; strcmp(source->steps[i].name, name ? name : "") == 0 && way < source->steps[i].way_count && (int)way < next->valueint; way++)
            if (source->steps[i].ways[way].when_set)
                *refusal = (struct refusal){&source->steps[i], way, status->valueint, line->ts_us};
}

/* A way that it could do without refused the credentials: nothing stopped, so nothing else tells of it. */
static void tell_refusal(const struct why *why, const struct job_row *row, struct buf *out) {
    const struct source *source;
    struct refusal refusal = {.step = NULL};
    struct journal_reader *reader;
    struct journal_line line;
    struct err ignored = {0};
    char text[READY_REFUSED_SIZE];
    if (!why->look->sources || !row->accepted || sources_get(why->look->sources, row->source, &source, &ignored) || source->step_count < 2 ||
        journal_reader_open(why->look->spool, row->id, 0, 0, NULL, &reader, &ignored))
        return;
    while (journal_reader_find(reader, "retrying", &line, &ignored) == RC_OK)
        see_refusal(source, &line, &refusal);
    journal_reader_close(reader);
    if (refusal.step)
        buf_printf(out, "%s\n", ready_refused_text(source, refusal.step, refusal.way, refusal.status, refusal.at_us, text));
}

static void tell_repeats(const struct job_row *row, struct buf *out) {
    if (row->repeats)
        buf_printf(out,
                   "Warning: %" PRIu64 " of its %" PRIu64 " pages have the same bytes as another page of it: does the source ignore where a page begins? "
                   "`batchspool show %s` names them.\n",
                   row->repeats, row->captured_batches, row->id);
}

enum rc why_tell(const struct why *why, const struct jobs_entry *job, struct job_row *row, struct buf *out, struct err *err) {
    enum rc rc = look_row(why->look, job, row, err);
    if (rc && rc != RC_CORRUPT)
        return rc;
    if (job->file)
        str_copy(row->id, sizeof row->id, "FILE");
    pauses_reason(why->look->spool, row);
    if (strcmp(row->reason, "paused") == 0)
        pauses_tell(why->look->spool, row->source, out);
    const size_t told = out->length;
    if (job->place != PLACE_NONE)
        tell_file(why, job, out);
    if (out->length == told) {
        if (*row->reason && !told)
            buf_printf(out, "%s%s%s\n", row->reason, *row->error_details ? ": " : "", row->error_details);
        tell_in_doubt(why, row, out);
        if (!row->unknown_batches || job->place != PLACE_HOLD)
            tell_place(why, job, row, out);
    }
    tell_files(why, row, out);
    tell_refusal(why, row, out);
    tell_repeats(row, out);
    return RC_OK;
}

cJSON *why_json(const struct jobs_entry *job, const struct job_row *row, const struct buf *text) {
    char file[JOBID_SIZE + 8], shown[512];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "job_id", job->id);
    cJSON_AddStringToObject(json, "file", printable(shown, sizeof shown, jobs_file(job, file)));
    cJSON_AddStringToObject(json, "status", place_status(row->place));
    cJSON_AddStringToObject(json, "place", place_name(job->place));
    cJSON_AddStringToObject(json, "reason", row->reason);
    cJSON_AddStringToObject(json, "why", buf_text(text));
    return json;
}
