// SPDX-License-Identifier: Apache-2.0
#include "spool/job.h"

#include "base/clock.h"
#include "base/str.h"
#include "spool/journal_line.h"

#include <string.h>

static const char *const FILE_STATUSES[] = {"PENDING", "PROCESSING", "COMPLETED", "FAILED"};

const char *file_status_name(enum file_status status) {
    return FILE_STATUSES[status];
}

void file_id_format(const char *job_id, uint32_t batch, char *out, size_t size) {
    str_format(out, size, "%s_batch%04u", job_id, (unsigned)batch);
}

static const char *text_of(const struct journal_line *line, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line->json, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static void apply_captured(struct file_row *row, const struct job_row *job, const struct journal_line *line) {
    if (row->file_path[0] != '\0')
        return; /* the first is final */
    str_format(row->file_path, sizeof row->file_path, "payloads/raw/%s", text_of(line, "file"));
    str_copy(row->sha256, sizeof row->sha256, text_of(line, "sha256"));
    str_copy(row->campaign, sizeof row->campaign, job->campaign);
    if (text_of(line, "same_as")[0] != '\0')
        str_format(row->same_as, sizeof row->same_as, "payloads/raw/%s", text_of(line, "same_as"));
    str_copy(row->item, sizeof row->item, text_of(line, "item"));
    journal_line_u64(line->json, "bytes", &row->bytes);
    journal_line_u64(line->json, "records", &row->records);
    row->status = FILE_PENDING;
    row->created_us = row->captured_us = line->ts_us;
    clock_parse_rfc3339(text_of(line, "captured_at"), &row->captured_us);
}

static void apply_outcome(struct file_row *row, const struct journal_line *line, enum file_status status) {
    row->status = status;
    row->processed_us = line->ts_us;
    row->properties_count = row->success_count = row->error_count = row->processing_time_ms = 0;
    journal_line_u64(line->json, "properties_count", &row->properties_count);
    journal_line_u64(line->json, "success_count", &row->success_count);
    journal_line_u64(line->json, "error_count", &row->error_count);
    journal_line_u64(line->json, "processing_time_ms", &row->processing_time_ms);
    const char *error = text_of(line, "error");
    size_t length = strnlen(error, sizeof row->error_details - 1);
    while (length > 0 && ((unsigned char)error[length] & 0xc0) == 0x80)
        length--; /* cut between characters */
    memcpy(row->error_details, error, length);
    row->error_details[length] = '\0';
}

static void apply_reshelved(struct file_row *row) {
    row->status = FILE_PENDING;
    row->processed_us = 0;
    row->properties_count = row->success_count = row->error_count = row->processing_time_ms = 0;
    row->error_details[0] = '\0';
}

static void apply_archived(struct file_row *row, const struct journal_line *line) {
    row->archived_us = line->ts_us;
    str_copy(row->archive, sizeof row->archive, text_of(line, "archive"));
}

static void apply_restored(struct file_row *row) {
    row->archived_us = 0;
    row->archive[0] = '\0';
}

bool file_row_apply(struct file_row *row, const struct job_row *job, const struct journal_line *line) {
    if (row->batch == 0 || job_line_batch(line) != row->batch || job_line_inner(line))
        return false;
    if (strcmp(line->event, "captured") == 0)
        apply_captured(row, job, line);
    else if (row->file_path[0] == '\0')
        return false;
    else if (strcmp(line->event, "loaded") == 0)
        apply_outcome(row, line, FILE_COMPLETED);
    else if (strcmp(line->event, "rejected") == 0)
        apply_outcome(row, line, FILE_FAILED);
    else if (strcmp(line->event, "reshelved") == 0)
        apply_reshelved(row);
    else if (strcmp(line->event, "archived") == 0)
        apply_archived(row, line);
    else if (strcmp(line->event, "restored") == 0)
        apply_restored(row);
    else
        return false;
    return true;
}

static void add_text(cJSON *json, const char *name, const char *text) {
    if (text[0] != '\0')
        cJSON_AddStringToObject(json, name, text);
    else
        cJSON_AddNullToObject(json, name);
}

static void add_count(cJSON *json, const char *name, uint64_t count) {
    if (count != JOB_UNKNOWN)
        cJSON_AddNumberToObject(json, name, (double)count);
    else
        cJSON_AddNullToObject(json, name);
}

static void add_time(cJSON *json, const char *name, int64_t wall_us) {
    char text[CLOCK_RFC3339_SIZE] = "";
    if (wall_us != 0)
        clock_format_rfc3339(wall_us, 6, text);
    add_text(json, name, text);
}

static void add_money(cJSON *json, const char *name, struct dec money) {
    char text[DEC_TEXT_SIZE];
    dec_format(money, text);
    cJSON_AddStringToObject(json, name, text);
}

/* null when nothing was known. */
static void add_guess(cJSON *json, const struct job_guess *guess, const char *currency) {
    if (guess->records == JOB_UNKNOWN && guess->requests == JOB_UNKNOWN) {
        cJSON_AddNullToObject(json, "estimate");
        return;
    }
    cJSON *estimate = cJSON_AddObjectToObject(json, "estimate");
    add_count(estimate, "requests", guess->requests);
    add_count(estimate, "records", guess->records);
    if (guess->priced)
        add_money(estimate, "cost", guess->cost);
    else
        cJSON_AddNullToObject(estimate, "cost");
    add_text(estimate, "currency", guess->priced ? currency : "");
    if (guess->ms != JOB_UNKNOWN)
        cJSON_AddNumberToObject(estimate, "seconds", (double)guess->ms / 1000);
    else
        cJSON_AddNullToObject(estimate, "seconds");
    add_text(estimate, "basis", guess->basis);
}

cJSON *job_row_json(const struct job_row *row) {
    cJSON *json = cJSON_CreateObject();
    if (json == NULL)
        return NULL;
    add_text(json, "job_id", row->id);
    add_text(json, "status", place_status(row->place));
    add_text(json, "reason", row->reason);
    add_text(json, "name", row->name);
    add_text(json, "source", row->source);
    add_text(json, "campaign_id", row->campaign);
    add_text(json, "mode", row->mode);
    add_text(json, "process", row->automatic ? "auto" : "manual");
    add_text(json, "priority", priority_name(row->priority));
    add_count(json, "total_records", row->total_records);
    add_count(json, "processed_records", row->processed_records);
    add_count(json, "success_count", row->success_count);
    add_count(json, "error_count", row->error_count);
    if (row->owned_records > 0)
        add_count(json, "owned_records", row->owned_records);
    add_count(json, "unique_records", row->unique_records);
    add_count(json, "duplicate_records", row->duplicate_records);
    add_count(json, "missing_records", row->missing_records);
    add_count(json, "captured_batches", row->captured_batches);
    add_count(json, "loaded_batches", row->loaded_batches);
    add_count(json, "failed_batches", row->failed_batches);
    add_count(json, "failed_units", row->failed_units);
    add_count(json, "unknown_batches", row->unknown_batches);
    add_text(json, "error_details", row->error_details);
    add_money(json, "cost", row->cost);
    add_money(json, "cost_in_doubt", row->cost_in_doubt);
    add_text(json, "currency", row->currency);
    add_text(json, "reuses", row->reuses);
    add_text(json, "created_by", row->created_by);
    add_time(json, "created_at", row->created_us);
    add_time(json, "updated_at", row->updated_us);
    add_time(json, "completed_at", row->completed_us);
    add_time(json, "not_before", row->not_before_us);
    add_time(json, "until", row->until_us);
    add_count(json, "same_batches", row->same_batches);
    add_time(json, "archived_at", row->archived_us);
    add_count(json, "archived_batches", row->archived_batches);
    add_guess(json, &row->guess, row->currency);
    return json;
}

void job_progress_json(const struct job_row *row, const struct job_progress *progress, int64_t now_us, cJSON *json) {
    const char *reason = "";
    char rate[40];
    if (progress->rate_per_s < 0)
        cJSON_AddNullToObject(json, "rate_per_s");
    else if (str_format(rate, sizeof rate, "%.3f", progress->rate_per_s))
        cJSON_AddRawToObject(json, "rate_per_s", rate);
    add_time(json, "eta", progress->eta_us);
    if (progress->eta_us != 0)
        cJSON_AddNumberToObject(json, "eta_s", (double)((progress->eta_us - now_us) / 1000000));
    else
        cJSON_AddNullToObject(json, "eta_s");
    add_time(json, "waiting_until", job_waits_until(row, now_us, &reason));
    add_text(json, "waiting_for", reason);
}

cJSON *file_row_json(const struct file_row *row) {
    cJSON *json = cJSON_CreateObject();
    if (json == NULL)
        return NULL;
    char id[JOBID_SIZE + 20];
    file_id_format(row->job_id, row->batch, id, sizeof id);
    add_text(json, "file_id", id);
    add_text(json, "file_path", row->file_path);
    add_text(json, "sha256", row->sha256);
    add_text(json, "job_id", row->job_id);
    add_text(json, "campaign_id", row->campaign);
    add_count(json, "batch_number", row->batch);
    add_text(json, "item", row->item);
    add_text(json, "status", file_status_name(row->status));
    add_count(json, "bytes", row->bytes);
    add_count(json, "records", row->records);
    add_time(json, "created_at", row->created_us);
    add_time(json, "captured_at", row->captured_us);
    add_time(json, "processed_at", row->processed_us);
    add_text(json, "error_details", row->error_details);
    add_count(json, "properties_count", row->properties_count);
    add_count(json, "success_count", row->success_count);
    add_count(json, "error_count", row->error_count);
    add_count(json, "processing_time_ms", row->processing_time_ms);
    add_text(json, "same_as", row->same_as);
    add_time(json, "archived_at", row->archived_us);
    add_text(json, "archive", row->archive);
    return json;
}
