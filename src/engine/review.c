// SPDX-License-Identifier: Apache-2.0
#include "engine/review.h"

#include "base/clock.h"
#include "base/str.h"
#include "os/fsio.h"
#include "spool/jobid.h"
#include "spool/journal.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES ((size_t)16 * 1024)
#define NOTE_BYTES 2000u
#define UNIT_BYTES 64u
#define FIELD_BYTES 128u

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

/* --- reading ------------------------------------------------------------------------------------------------------------ */

static cJSON *object_in(cJSON *json, const char *name) {
    cJSON *object = cJSON_GetObjectItemCaseSensitive(json, name);
    return object ? object : cJSON_AddObjectToObject(json, name);
}

/* One `reviewed` laid over what was said before. */
static void apply(cJSON *review, const struct journal_line *line) {
    static const char *const kept[] = {"decision", "value", "unit", "note", "reviewer"};
    const char *document = text_of(line->json, "document"), *field = text_of(line->json, "field"), *decision = text_of(line->json, "decision");
    const cJSON *reviewed = cJSON_GetObjectItemCaseSensitive(line->json, "reviewed");
    char at[CLOCK_RFC3339_SIZE];
    if (cJSON_IsBool(reviewed))
        cJSON_ReplaceItemInObjectCaseSensitive(review, "reviewed", cJSON_CreateBool(cJSON_IsTrue(reviewed)));
    if (!document[0] || !field[0])
        return;
    cJSON *all = object_in(review, "fields"), *fields = object_in(all, document);
    cJSON_DeleteItemFromObjectCaseSensitive(fields, field);
    if (strcmp(decision, "withdrawn") == 0) {
        if (!fields->child)
            cJSON_DeleteItemFromObjectCaseSensitive(all, document);
        return;
    }
    cJSON *said = cJSON_AddObjectToObject(fields, field);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        cJSON *value = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(line->json, kept[i]), true);
        if (value)
            cJSON_AddItemToObject(said, kept[i], value);
    }
    clock_format_rfc3339(line->ts_us, 0, at);
    cJSON_AddStringToObject(said, "at", at);
}

enum rc review_read(const struct spool *spool, const char *job_id, cJSON **review, struct err *err) {
    struct journal_reader *reader;
    struct journal_line line;
    enum rc rc = journal_reader_open(spool, job_id, 0, 0, NULL, &reader, err);
    *review = NULL;
    if (rc)
        return rc;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddFalseToObject(json, "reviewed");
    cJSON_AddObjectToObject(json, "fields");
    while ((rc = journal_reader_find(reader, "reviewed", &line, err)) == RC_OK)
        apply(json, &line);
    journal_reader_close(reader);
    if (rc != RC_GONE) {
        cJSON_Delete(json);
        return rc;
    }
    *review = json;
    return RC_OK;
}

/* --- checking ----------------------------------------------------------------------------------------------------------- */

struct spot {
    char *pointer;
    struct err *err;
    const char *document, *field;
};

static enum rc wrong(const struct spot *at, const char *member, const char *text) {
    if (at->pointer)
        str_format(at->pointer, 600, "%s%s%s%s%s%s%s", at->document ? "/fields/" : "", at->document ? at->document : "", at->field ? "/" : "",
                   at->field ? at->field : "", member[0] ? "/" : "", member, "");
    return err_set(at->err, RC_PERM, "%s%s%s%s%s",
                   at->field      ? at->field
                   : at->document ? at->document
                                  : "the review",
                   member[0] ? ": " : "", member, text[0] ? " " : "", text);
}

static bool is_document(const char *name) {
    return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

static bool is_field(const char *name) {
    const size_t length = strlen(name);
    return length > 0 && length <= FIELD_BYTES && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == length;
}

static bool is_value(const cJSON *value) {
    const cJSON *item;
    if (cJSON_IsString(value) || cJSON_IsNumber(value) || cJSON_IsBool(value))
        return !cJSON_IsString(value) || strlen(value->valuestring) <= VALUE_BYTES;
    if (!cJSON_IsArray(value))
        return false;
    size_t length = 0;
    cJSON_ArrayForEach(item, value) {
        if (!cJSON_IsString(item) && !cJSON_IsNumber(item) && !cJSON_IsBool(item))
            return false;
        length += cJSON_IsString(item) ? strlen(item->valuestring) : 20;
    }
    return length <= VALUE_BYTES;
}

static enum rc check_word(const cJSON *word, const struct spot *at) {
    const cJSON *item, *value = cJSON_GetObjectItemCaseSensitive(word, "value");
    const char *decision = text_of(word, "decision");
    if (cJSON_IsNull(word))
        return RC_OK;
    if (!cJSON_IsObject(word))
        return wrong(at, "", "must be an object with a decision, or null to take back what was said");
    cJSON_ArrayForEach(item, word) {
        const bool unit = strcmp(item->string, "unit") == 0, note = strcmp(item->string, "note") == 0;
        if ((unit || note) && !cJSON_IsNull(item) && (!cJSON_IsString(item) || strlen(item->valuestring) > (unit ? UNIT_BYTES : NOTE_BYTES)))
            return wrong(at, item->string, "must be a short text");
        if (!unit && !note && strcmp(item->string, "decision") != 0 && strcmp(item->string, "value") != 0)
            return wrong(at, item->string, "is not known; there are decision, value, unit and note");
    }
    if (strcmp(decision, "corrected") == 0)
        return is_value(value) ? RC_OK : wrong(at, "value", "must be a text, a number, true, false, or an array of these");
    if (strcmp(decision, "confirmed") != 0)
        return wrong(at, "decision", "must be \"confirmed\" or \"corrected\"");
    return value ? wrong(at, "value", "goes with \"corrected\" alone") : RC_OK;
}

enum rc review_check(const cJSON *change, char *pointer, struct err *err) {
    struct spot at = {.pointer = pointer, .err = err};
    const cJSON *item, *field, *fields = cJSON_GetObjectItemCaseSensitive(change, "fields"), *reviewed = cJSON_GetObjectItemCaseSensitive(change, "reviewed");
    size_t count = 0;
    if (!cJSON_IsObject(change))
        return wrong(&at, "", "must be an object");
    cJSON_ArrayForEach(item, change) if (item != fields && item != reviewed) return wrong(&at, item->string, "is not known; there are reviewed and fields");
    if (reviewed && !cJSON_IsBool(reviewed))
        return wrong(&at, "reviewed", "must be true or false");
    if (fields && !cJSON_IsObject(fields))
        return wrong(&at, "fields", "must be an object");
    cJSON_ArrayForEach(item, fields) {
        at.document = item->string;
        at.field = NULL;
        if (!is_document(item->string) || !cJSON_IsObject(item))
            return wrong(&at, "", "must be the SHA-256 of a document, and an object");
        cJSON_ArrayForEach(field, item) {
            at.field = field->string;
            if (!is_field(field->string))
                return wrong(&at, "", "is no name of a field");
            if (++count > REVIEW_FIELDS_MOST)
                return wrong(&at, "", "is one field too many for one change");
            const enum rc rc = check_word(field, &at);
            if (rc)
                return rc;
        }
    }
    return RC_OK;
}

/* --- changing ----------------------------------------------------------------------------------------------------------- */

static enum rc add_word(struct journal *journal, const struct review_by *by, const char *document, const cJSON *word, struct err *err) {
    cJSON *members = cJSON_IsObject(word) ? cJSON_Duplicate(word, true) : cJSON_CreateObject();
    if (!members)
        return err_set(err, RC_TEMP, "out of memory");
    cJSON_AddStringToObject(members, "document", document);
    cJSON_AddStringToObject(members, "field", word->string);
    cJSON_AddStringToObject(members, "reviewer", by->reviewer);
    if (cJSON_IsNull(word))
        cJSON_AddStringToObject(members, "decision", "withdrawn");
    const enum rc rc = journal_add(journal, "reviewed", by->by, members, err);
    cJSON_Delete(members);
    return rc;
}

static enum rc add_all(struct journal *journal, const cJSON *change, const struct review_by *by, struct err *err) {
    const cJSON *document, *word, *reviewed = cJSON_GetObjectItemCaseSensitive(change, "reviewed");
    enum rc rc = RC_OK;
    cJSON_ArrayForEach(document, cJSON_GetObjectItemCaseSensitive(change, "fields")) {
        cJSON_ArrayForEach(word, document) {
            rc = rc ? rc : add_word(journal, by, document->string, word, err);
        }
    }
    if (rc || !cJSON_IsBool(reviewed))
        return rc;
    cJSON *members = cJSON_CreateObject();
    cJSON_AddBoolToObject(members, "reviewed", cJSON_IsTrue(reviewed));
    cJSON_AddStringToObject(members, "reviewer", by->reviewer);
    rc = journal_add(journal, "reviewed", by->by, members, err);
    cJSON_Delete(members);
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

enum rc review_change(const struct spool *spool, const char *job_id, const cJSON *change, const struct review_by *by, cJSON **review, struct err *err) {
    struct journal *journal;
    cJSON *now = NULL;
    enum rc rc = journal_open(spool, job_id, false, &journal, err);
    if (rc)
        return rc;
    rc = journal_lock(journal, err);
    if (!rc)
        rc = add_all(journal, change, by, err);
    if (!rc)
        rc = journal_commit(journal, true, err);
    if (!rc)
        rc = review_read(spool, job_id, &now, err);
    if (!rc)
        rc = put_file(spool, job_id, now, err);
    journal_close(journal);
    if (rc || !review)
        cJSON_Delete(now);
    else
        *review = now;
    return rc;
}
