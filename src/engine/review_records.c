// SPDX-License-Identifier: Apache-2.0
#include "engine/review_records.h"

#include "base/json.h"
#include "base/limits.h"
#include "engine/results_internal.h"
#include "os/fsio.h"
#include "source/source.h"
#include "spool/document.h"
#include "spool/journal.h"
#include "spool/payload.h"

#include <stdlib.h>
#include <string.h>

#define PAYLOAD_BYTES_MOST ((size_t)128 * 1024 * 1024)
#define TEXT_BYTES_MOST ((size_t)512 * 1024 * 1024) /* of all records of a job */

/* --- documents that could not be analysed ------------------------------------------------------------------------------- */

static enum rc read_job(const struct spool *spool, const char *job_id, cJSON **job, struct err *err) {
    char *text = NULL;
    size_t length;
    const enum rc rc = job_text_read(spool, job_id, &text, &length, err);
    *job = rc ? NULL : cJSON_ParseWithLength(text, length);
    free(text);
    return rc;
}

enum rc review_lost_read(const struct spool *spool, const char *job_id, struct review_lost *lost, struct err *err) {
    struct results_failed *units = calloc(1, sizeof *units);
    *lost = (struct review_lost){.units = units};
    enum rc rc = units ? results_failed_read(spool, job_id, units, err) : err_set(err, RC_TEMP, "out of memory");
    if (rc || !units->count)
        return rc;
    rc = read_job(spool, job_id, &lost->job, err);
    if (rc)
        return rc;
    lost->list = calloc(units->count, sizeof *lost->list);
    lost->numbers = calloc(units->count, sizeof *lost->numbers);
    if (!lost->list || !lost->numbers)
        return err_set(err, RC_TEMP, "out of memory");
    const cJSON *documents = cJSON_GetObjectItemCaseSensitive(lost->job, "documents");
    for (size_t i = 0; i < units->count; i++) {
        const struct results_unit *unit = &units->list[i];
        const cJSON *document = cJSON_GetArrayItem(documents, (int)unit->batch - 1);
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "name"));
        str_format(lost->numbers[i], sizeof lost->numbers[i], "document %u", (unsigned)unit->batch);
        lost->list[i] = (struct report_lost){
            .name = name ? name : lost->numbers[i], .error = unit->error, .sha256 = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "sha256"))};
    }
    lost->count = units->count;
    return RC_OK;
}

void review_lost_release(struct review_lost *lost) {
    if (lost->units)
        results_failed_release(lost->units);
    free(lost->units);
    free(lost->list);
    free(lost->numbers);
    cJSON_Delete(lost->job);
    *lost = (struct review_lost){.count = 0};
}

/* --- records ------------------------------------------------------------------------------------------------------------ */

static enum rc take_records(struct slice list, struct review_records *records, struct err *err) {
    struct json_iter iter;
    struct slice name, record;
    enum rc rc = RC_OK;
    if (json_type(list) != JSON_ARRAY || !json_iter_init(&iter, list))
        return err_set(err, RC_PERM, "it has no records where the source says");
    while (!rc && json_iter_next(&iter, &name, &record)) {
        rc = json_fold_lines(record, &records->text);
        rc = rc ? rc : buf_add_text(&records->text, "\n");
        records->input.records.count++;
    }
    return rc ? err_set(err, RC_TEMP, "the records of the job are too long") : RC_OK;
}

static enum rc read_payload(const struct spool *spool, const struct source *source, const char *file, struct review_records *records, struct err *err) {
    char path[PAYLOAD_PATH_SIZE + 20];
    struct buf body = BUF_INIT(PAYLOAD_BYTES_MOST);
    struct slice list;
    enum rc rc = str_format(path, sizeof path, "payloads/raw/%s", file) ? fsio_read_file(spool->root_fd, path, &body, err) : RC_PERM;
    if (rc == RC_GONE)
        rc = err_set(err, RC_PERM, "it is not in the spool: when it was archived, restore it");
    if (!rc)
        rc = json_check(buf_text(&body), body.length, &json_rules_payload, err);
    if (!rc)
        rc = json_find((struct slice){buf_text(&body), body.length}, source->data_selector, &list)
                 ? take_records(list, records, err)
                 : err_set(err, RC_PERM, "it has no records where the source says");
    buf_release(&body);
    return rc ? err_prefix(err, rc, "payload %s", file) : RC_OK;
}

static enum rc read_payloads(const struct spool *spool, const struct source *source, const char *job_id, struct review_records *records, struct err *err) {
    struct journal_reader *reader;
    struct journal_line line;
    enum rc rc = journal_reader_open(spool, job_id, 0, 0, NULL, &reader, err);
    if (rc)
        return rc;
    while ((rc = journal_reader_find(reader, "captured", &line, err)) == RC_OK) {
        const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line.json, "file"));
        if (!file || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line.json, "inner")))
            continue;
        rc = read_payload(spool, source, file, records, err);
        if (rc)
            break;
    }
    journal_reader_close(reader);
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc review_records_read(const struct spool *spool, struct sources *sources, const char *job_id, struct review_records *records, struct err *err) {
    struct job_row row;
    const struct source *source;
    cJSON *job = NULL;
    *records = (struct review_records){.text = BUF_INIT(TEXT_BYTES_MOST)};
    enum rc rc = job_row_read(spool, job_id, &row, NULL, NULL, err);
    if (rc)
        return rc;
    rc = sources_get(sources, row.source, &source, err);
    if (rc)
        return rc == RC_GONE ? RC_PERM : rc;
    if (source->report != FORMS_LEASE)
        return err_set(err, RC_PERM, "the results of job %s are no analyses of documents: its source \"%s\" does not say \"report\": \"lease\"", job_id,
                       row.source);
    rc = read_payloads(spool, source, row.reuses[0] ? row.reuses : job_id, records, err);
    rc = rc ? rc : review_lost_read(spool, job_id, &records->lost, err);
    rc = rc ? rc : read_job(spool, job_id, &job, err);
    records->documents = cJSON_DetachItemFromObjectCaseSensitive(job, "documents");
    cJSON_Delete(job);
    records->input.records.text = (struct slice){buf_text(&records->text), records->text.length};
    records->input.lost = records->lost.list;
    records->input.lost_count = records->lost.count;
    return rc;
}

void review_records_release(struct review_records *records) {
    buf_release(&records->text);
    review_lost_release(&records->lost);
    cJSON_Delete(records->documents);
    *records = (struct review_records){.documents = NULL};
}
