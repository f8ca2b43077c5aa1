// SPDX-License-Identifier: Apache-2.0
#include "spool/job.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* What was seen of each batch, for a fold without an index. */
struct batches {
    struct job_batch *items; /* by batch - 1 */
    size_t count;
};

static enum rc batches_reserve(struct batches *batches, uint32_t batch) {
    if (batch <= batches->count || batch > LIMIT_BATCHES)
        return RC_OK;
    size_t count = batches->count < 64 ? 64 : batches->count * 2;
    if (count < batch)
        count = batch;
    struct job_batch *grown = realloc(batches->items, count * sizeof *grown);
    if (grown == NULL)
        return RC_TEMP;
    memset(grown + batches->count, 0, (count - batches->count) * sizeof *grown);
    batches->items = grown;
    batches->count = count;
    return RC_OK;
}

static void note(struct job_batch *batch, const struct journal_line *line) {
    struct file_row file = {.batch = job_line_batch(line),
                            .status = batch->status,
                            .success_count = batch->success_count,
                            .error_count = batch->error_count,
                            .archived_us = batch->archived};
    struct job_row nobody = {.place = PLACE_NONE};
    if (strcmp(line->event, "failed") == 0) {
        batch->failed_unit = !batch->captured;
        return;
    }
    /* What a line does to a file's counts is said in file_row_apply alone. */
    if (batch->captured)
        str_copy(file.file_path, sizeof file.file_path, "captured");
    if (!file_row_apply(&file, &nobody, line) || (batch->captured && strcmp(line->event, "captured") == 0))
        return;
    *batch = (struct job_batch){
        .captured = true, .status = file.status, .archived = file.archived_us != 0, .success_count = file.success_count, .error_count = file.error_count};
}

static enum rc fold(struct job_row *row, struct batches *batches, const struct journal_line *line) {
    uint32_t batch = job_line_batch(line);
    enum rc rc = batches_reserve(batches, batch);
    if (rc != RC_OK)
        return rc;
    struct job_batch *seen = batch > 0 && batch <= batches->count ? &batches->items[batch - 1] : NULL;
    row->memory->batch = seen != NULL ? *seen : (struct job_batch){0};
    rc = job_row_apply(row, line);
    if (rc == RC_OK && seen != NULL)
        note(seen, line);
    return rc;
}

enum rc job_row_read(const struct spool *spool, const char *id, struct job_row *row, job_line_seen *on_line, void *context, struct err *err) {
    const struct job_listener listener = {.line = on_line, .context = context};
    return job_row_listen(spool, id, row, &listener, err);
}

enum rc job_row_listen(const struct spool *spool, const char *id, struct job_row *row, const struct job_listener *listener, struct err *err) {
    struct job_memory memory = {.money = listener->money, .context = listener->context};
    struct batches batches = {0};
    struct journal_reader *reader;
    struct journal_line line;
    job_row_init(row, id);
    enum rc rc = journal_reader_open(spool, id, 0, 0, NULL, &reader, err);
    if (rc != RC_OK)
        return rc;
    row->memory = &memory; // cppcheck-suppress autoVariables
    for (;;) {
        line.text = NULL;
        rc = journal_reader_next(reader, &line, err);
        if (rc == RC_CORRUPT && listener->damage != NULL && line.text != NULL)
            listener->damage(listener->context, err);
        else if (rc != RC_OK)
            break;
        if (rc == RC_CORRUPT && (line.event == NULL || line.ts_us == 0))
            continue;
        if ((rc = fold(row, &batches, &line)) != RC_OK) {
            err_set(err, rc, "out of memory");
            break;
        }
        if (listener->line != NULL)
            listener->line(listener->context, row, &line);
    }
    row->memory = NULL;
    journal_reader_close(reader);
    job_memory_release(&memory);
    free(batches.items);
    if (rc == RC_GONE && row->journal_seq > 0)
        return RC_OK;
    return rc == RC_GONE ? err_set(err, rc, "journal/%s.ndjson: it is empty", id) : rc;
}

/* The text of one `accepted` line, checked against its sum. */
static enum rc take_job_text(const struct journal_line *line, char **text, size_t *length, struct err *err) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line->json, "text"), *sum = cJSON_GetObjectItemCaseSensitive(line->json, "sha256");
    char sha256[DIGEST_HEX_SIZE];
    if (!cJSON_IsString(item))
        return err_set(err, RC_CORRUPT, "line %llu: `accepted` without the job's text", (unsigned long long)line->seq);
    *length = strlen(item->valuestring);
    digest_of_hex(item->valuestring, *length, sha256);
    if (cJSON_IsString(sum) && strcmp(sum->valuestring, sha256) != 0)
        return err_set(err, RC_CORRUPT, "line %llu: the job's text is not what its sha256 says", (unsigned long long)line->seq);
    free(*text);
    *text = strdup(item->valuestring);
    return *text != NULL ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

enum rc job_text_read(const struct spool *spool, const char *id, char **text, size_t *length, struct err *err) {
    struct journal_reader *reader;
    struct journal_line line;
    *text = NULL;
    *length = 0;
    enum rc rc = journal_reader_open(spool, id, 0, 0, NULL, &reader, err);
    if (rc != RC_OK)
        return rc;
    while ((rc = journal_reader_find(reader, "accepted", &line, err)) == RC_OK)
        if ((rc = take_job_text(&line, text, length, err)) != RC_OK)
            break;
    journal_reader_close(reader);
    if (rc == RC_GONE && *text != NULL)
        return RC_OK;
    free(*text);
    *text = NULL;
    return rc == RC_GONE ? err_set(err, rc, "%s was never accepted", id) : err_prefix(err, rc, "journal/%s.ndjson", id);
}

/* What a person can do about a reason; those of no row get what their place allows. */
static const struct {
    const char *reason, *how;
} hows[] = {
    {"duplicate", "set \"on_duplicate\": \"run\" in the file, then move it to jobs/pending/"},
    {"never_accepted", "move it to jobs/pending/"},
    {"invalid", "mend the file, then move it to jobs/pending/"},
    {"edited", "undo the edit, then move it to jobs/pending/; for another search drop a new file"},
    {"max_records", "raise the limit in the file, or narrow the search in a new job; then `batchspool release ID`, or move it to jobs/pending/"},
    {"max_cost", "raise the limit in the file, or narrow the search in a new job; then `batchspool release ID`, or move it to jobs/pending/"},
    {"price_unknown", "take max_cost out of the file, or give the source a cost_per_record; then `batchspool release ID`, or move it to jobs/pending/"},
    {"duplicates", "`batchspool release --accept-duplicates ID` buys on, `batchspool cancel ID` ends it"},
    {"coverage", "`batchspool retry ID` tries again; `batchspool release --accept-coverage ID` completes it as it is; what was captured can be loaded"},
    {"no_ids", "`batchspool release --buy-all ID` buys all of the search, what is owned once more; or mend `list` of the source's metering"},
    {"listing", "`batchspool release ID` lists the search again; `batchspool release --buy-all ID` buys all of it, what is owned once more"},
    {"depth_limit", "mend `split` of the source, or narrow the search in a new job; `batchspool release --accept-coverage ID` takes what can be reached"},
    {"limit_ignored", "mend the source's paginator, then `batchspool release ID`, which asks for the next page; `batchspool cancel ID` ends it"},
    {"incremental", "mend or remove the bookmark, then `batchspool release ID`"},
    {"load", "mend the cause, which `batchspool why ID` tells; then `batchspool requeue ID`"},
    {"dead_host", "it goes on by itself at that time. When the address is wrong, " JOB_WRONG_ADDRESS},
    {"unauthorized", "renew the source's credentials, then `batchspool reload`; it also goes on by itself at that time"},
};

static const char *how_to_go_on(const struct job_row *row) {
    if (row->unknown_batches > 0 && row->place == PLACE_HOLD)
        return "ask the provider whether it charged; then `batchspool release --accept-charge ID` buys the page once more, "
               "`batchspool release --give-up ID` does without it";
    for (size_t i = 0; i < sizeof hows / sizeof *hows; i++)
        if (strcmp(row->reason, hows[i].reason) == 0)
            return hows[i].how;
    if (!row->accepted)
        return "mend the file, then move it to jobs/pending/";
    if (row->place == PLACE_DEFERRED)
        return "it goes on by itself at that time; `touch -d TIME` on its file gives another time, moving it to jobs/pending/ overrides back-off, "
               "never a budget";
    if (row->place == PLACE_FAILED)
        return "mend the cause, then `batchspool retry ID` or move it to jobs/pending/; only missing pages are requested";
    return "`batchspool release ID` or move it to jobs/pending/; `batchspool cancel ID` ends it";
}

void job_why_format(const struct job_row *row, char *out, size_t size) {
    char since[CLOCK_RFC3339_SIZE], until[CLOCK_RFC3339_SIZE + 16] = "", time[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(row->placed_us, 0, since);
    if (row->until_us != 0) {
        clock_format_rfc3339(row->until_us, 0, time);
        str_format(until, sizeof until, "until:  %s\n", time);
    }
    str_format(out, size, "job:    %s\nwhat:   %s%s%s\nsince:  %s\n%sgo on:  %s\n", row->id, row->reason[0] != '\0' ? row->reason : "no reason was given",
               row->error_details[0] != '\0' ? ": " : "", row->error_details, since, until, how_to_go_on(row));
}
