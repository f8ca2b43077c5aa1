// SPDX-License-Identifier: Apache-2.0
#include "engine/review.h"

#include "base/clock.h"
#include "base/str.h"
#include "os/fsio.h"
#include "report/lease_model.h"
#include "spool/jobid.h"
#include "spool/journal.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

/* --- one word laid over what was said before ---------------------------------------------------------------------------- */

static cJSON *object_in(cJSON *json, const char *name) {
    cJSON *object = cJSON_GetObjectItemCaseSensitive(json, name);
    return object ? object : cJSON_AddObjectToObject(json, name);
}

/* Go down the path, of which depth names are given, and take what is empty away on the way back: nothing that was taken back leaves a trace. */
static void prune(cJSON *json, const char *const *path, size_t depth) {
    cJSON *levels[4] = {json};
    for (size_t i = 0; i < depth; i++)
        if (!(levels[i + 1] = cJSON_GetObjectItemCaseSensitive(levels[i], path[i])))
            return;
    for (size_t i = depth; i > 0 && !levels[i]->child; i--)
        cJSON_DeleteItemFromObjectCaseSensitive(levels[i - 1], path[i - 1]);
}

static void put_word(cJSON *said, const cJSON *word, uint64_t seq, const char *at) {
    static const char *const kept[] = {"decision", "value", "values", "unit", "note", "was", "reviewer"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        cJSON *value = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(word, kept[i]), true);
        cJSON_DeleteItemFromObjectCaseSensitive(said, kept[i]);
        if (value)
            cJSON_AddItemToObject(said, kept[i], value);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(said, "at");
    cJSON_DeleteItemFromObjectCaseSensitive(said, "seq");
    cJSON_AddStringToObject(said, "at", at);
    cJSON_AddNumberToObject(said, "seq", (double)seq);
}

static void apply_row(cJSON *review, const cJSON *word, const char *document, uint64_t seq, const char *at) {
    const char *list = text_of(word, "list"), *name = text_of(word, "row"), *cell = text_of(word, "cell");
    const char *const path[] = {document, list, name};
    const bool withdrawn = strcmp(text_of(word, "decision"), "withdrawn") == 0;
    cJSON *all = object_in(review, "rows"), *rows = object_in(object_in(all, document), list), *row = object_in(rows, name);
    if (cell[0]) {
        cJSON *cells = object_in(row, "cells");
        cJSON_DeleteItemFromObjectCaseSensitive(cells, cell);
        if (!withdrawn)
            put_word(cJSON_AddObjectToObject(cells, cell), word, seq, at);
        if (!cells->child)
            cJSON_DeleteItemFromObjectCaseSensitive(row, "cells");
    } else if (withdrawn)
        cJSON_DeleteItemFromObjectCaseSensitive(rows, name);
    else
        put_word(row, word, seq, at);
    prune(all, path, 3);
}

static void apply_field(cJSON *review, const cJSON *word, const char *document, uint64_t seq, const char *at) {
    const char *field = text_of(word, "field");
    cJSON *all = object_in(review, "fields"), *fields = object_in(all, document);
    cJSON_DeleteItemFromObjectCaseSensitive(fields, field);
    if (strcmp(text_of(word, "decision"), "withdrawn") != 0)
        put_word(cJSON_AddObjectToObject(fields, field), word, seq, at);
    prune(all, &document, 1);
}

void review_apply(cJSON *review, const cJSON *word, uint64_t seq, const char *at) {
    const cJSON *reviewed = cJSON_GetObjectItemCaseSensitive(word, "reviewed");
    const char *document = text_of(word, "document");
    cJSON_ReplaceItemInObjectCaseSensitive(review, "revision", cJSON_CreateNumber((double)seq));
    cJSON_ReplaceItemInObjectCaseSensitive(review, "revised_at", cJSON_CreateString(at));
    if (cJSON_IsBool(reviewed))
        cJSON_ReplaceItemInObjectCaseSensitive(review, "declared", cJSON_CreateString(cJSON_IsTrue(reviewed) ? "done" : "reopened"));
    else if (document[0] && text_of(word, "list")[0] && text_of(word, "row")[0])
        apply_row(review, word, document, seq, at);
    else if (document[0] && text_of(word, "field")[0])
        apply_field(review, word, document, seq, at);
}

enum rc review_read(const struct spool *spool, const char *job_id, cJSON **review, struct err *err) {
    struct journal_reader *reader;
    struct journal_line line;
    enum rc rc = journal_reader_open(spool, job_id, 0, 0, NULL, &reader, err);
    *review = NULL;
    if (rc)
        return rc;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNullToObject(json, "declared");
    cJSON_AddNumberToObject(json, "revision", 0);
    cJSON_AddNullToObject(json, "revised_at");
    cJSON_AddObjectToObject(json, "fields");
    cJSON_AddObjectToObject(json, "rows");
    while ((rc = journal_reader_find(reader, "reviewed", &line, err)) == RC_OK) {
        char at[CLOCK_RFC3339_SIZE];
        clock_format_rfc3339(line.ts_us, 0, at);
        review_apply(json, line.json, line.seq, at);
    }
    journal_reader_close(reader);
    if (rc != RC_GONE) {
        cJSON_Delete(json);
        return rc;
    }
    *review = json;
    return RC_OK;
}

enum rc review_settle(const struct review_records *records, cJSON *review, struct err *err) {
    struct report_lease input = records->input;
    input.review = review;
    struct lease_model m = {.input = &input};
    const enum rc rc = lease_model_read(&m, false, err);
    if (!rc) {
        cJSON_DeleteItemFromObjectCaseSensitive(review, "reviewed");
        cJSON_DeleteItemFromObjectCaseSensitive(review, "open");
        cJSON_AddBoolToObject(review, "reviewed", !lease_model_draft(&m));
        cJSON_AddNumberToObject(review, "open", (double)lease_model_open(&m));
    }
    lease_model_release(&m);
    return rc;
}

/* --- changing ----------------------------------------------------------------------------------------------------------- */

static bool first_need(void *context, const struct lease_need *need) {
    if (need->lost && !need->lost->sha256)
        return true;
    str_format(context, 200, "%.100s of %.90s", need->name, need->lost ? need->lost->name : need->document->name);
    return false;
}

/* Done means that nothing is open, with what this change decides. */
static enum rc check_done(const struct review_records *records, const cJSON *review, struct review_ask *ask, struct err *err) {
    struct report_lease input = records->input;
    char first[200] = "";
    input.review = review;
    struct lease_model m = {.input = &input};
    enum rc rc = lease_model_read(&m, false, err);
    const size_t open = rc ? 0 : lease_model_open(&m);
    if (open) {
        (void)lease_model_needs(&m, first_need, first);
        ask->why = REVIEW_OPEN;
        str_copy(ask->pointer, sizeof ask->pointer, "/reviewed");
        rc = err_set(err, RC_PERM, "%zu thing%s to be reviewed still, the first is %s: confirm or correct it", open, open == 1 ? " is" : "s are", first);
    }
    lease_model_release(&m);
    return rc;
}

static enum rc add_all(struct journal *journal, const cJSON *words, const struct review_ask *ask, struct err *err) {
    cJSON *word;
    enum rc rc = RC_OK;
    cJSON_ArrayForEach(word, words) {
        rc = rc ? rc : journal_add(journal, "reviewed", ask->by, word, err);
    }
    return rc;
}

/* Under the journal's lock: what is refused leaves no trace. */
static enum rc decide(const struct spool *spool, const char *job_id, const struct review_records *records, struct review_ask *ask, cJSON **words,
                      struct err *err) {
    cJSON *review, *word;
    enum rc rc = review_read(spool, job_id, &review, err);
    if (rc)
        return rc;
    const double revision = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(review, "revision"));
    if (ask->match && (uint64_t)revision != ask->revision) {
        ask->why = REVIEW_OLD;
        rc = err_set(err, RC_PERM, "the review was changed meanwhile; read it again");
    }
    rc = rc ? rc : review_words(records, review, ask, words, err);
    const cJSON *made = rc ? NULL : *words;
    cJSON_ArrayForEach(word, made) {
        cJSON_AddStringToObject(word, "reviewer", ask->reviewer);
        review_apply(review, word, (uint64_t)revision, "");
    }
    if (!rc && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(ask->change, "reviewed")))
        rc = check_done(records, review, ask, err);
    cJSON_Delete(review);
    return rc;
}

/* Under the journal's lock, so that of two changes the later one's file stays. */
static enum rc put_file(const struct spool *spool, const char *job_id, const cJSON *review, struct err *err) {
    char path[JOBID_SIZE + 24], tmp[JOBID_SIZE + 24], *text = cJSON_Print(review);
    struct buf line = BUF_INIT(SIZE_MAX / 4);
    str_format(path, sizeof path, "%s/review.json", job_id);
    str_format(tmp, sizeof tmp, "%s/.review.tmp", job_id);
    enum rc rc = text && buf_printf(&line, "%s\n", text) == RC_OK ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = fsio_make_dirs(spool->results_fd, job_id, 02770, err);
    if (!rc)
        rc = fsio_put_file(spool->results_fd, tmp, path, 0660, buf_text(&line), line.length, err);
    cJSON_free(text);
    buf_release(&line);
    return rc;
}

enum rc review_change(const struct spool *spool, const char *job_id, const struct review_records *records, struct review_ask *ask, cJSON **review,
                      struct err *err) {
    struct journal *journal;
    cJSON *now = NULL, *words = NULL;
    enum rc rc = journal_open(spool, job_id, false, &journal, err);
    if (rc)
        return rc;
    rc = journal_lock(journal, err);
    if (!rc)
        rc = decide(spool, job_id, records, ask, &words, err);
    if (!rc)
        rc = add_all(journal, words, ask, err);
    if (!rc)
        rc = journal_commit(journal, true, err);
    if (!rc)
        rc = review_read(spool, job_id, &now, err);
    if (!rc)
        rc = review_settle(records, now, err);
    if (!rc)
        rc = put_file(spool, job_id, now, err);
    journal_close(journal);
    cJSON_Delete(words);
    if (rc || !review)
        cJSON_Delete(now);
    else
        *review = now;
    return rc;
}
