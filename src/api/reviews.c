// SPDX-License-Identifier: Apache-2.0
#include "api/reviews.h"

#include "api/api.h"
#include "base/docform.h"
#include "engine/review_view.h"
#include "spool/document.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The ETag is the revision: it names what everybody said so far, and the analyses never change. */
static bool is_known(const struct request *r, const cJSON *json, char tag[32]) {
    const char *known = strcmp(r->method, "GET") == 0 ? request_header(r, "If-None-Match") : NULL;
    str_format(tag, 32, "\"%.0f\"", cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, "revision")));
    return known && strstr(known, tag);
}

/* What a request is about. Definitions are read for each, so that no other lane waits for the payloads of this job. */
struct looking {
    struct sources *sources;
    struct review_records records;
    cJSON *review;
};

static enum rc look(struct request *r, struct looking *l, struct err *err) {
    *l = (struct looking){.review = NULL};
    enum rc rc = sources_new(r->api->options->sources_dir, r->api->options->source_settings, &l->sources, err);
    rc = rc ? rc : review_records_read(r->api->spool, l->sources, r->job->id, &l->records, err);
    return rc ? rc : review_read(r->api->spool, r->job->id, &l->review, err);
}

static void look_away(struct looking *l) {
    review_records_release(&l->records);
    if (l->sources)
        sources_free(l->sources);
    cJSON_Delete(l->review);
}

static void reply_review(struct request *r, cJSON *json) {
    char tag[32];
    const bool known = is_known(r, json, tag);
    reply_json(r, 200, json);
    reply_header(r, "ETag", "%s", tag);
    if (known)
        reply_not_modified(r);
}

/* Who asks again and again, for what others say, costs no reading of payloads. */
static bool answered(struct request *r) {
    char tag[32];
    cJSON *review;
    if (review_read(r->api->spool, r->job->id, &review, NULL))
        return false;
    const bool known = is_known(r, review, tag);
    cJSON_Delete(review);
    if (!known)
        return false;
    reply_empty(r, 304);
    reply_header(r, "ETag", "%s", tag);
    return true;
}

void reviews_get(struct request *r) {
    struct looking l;
    struct err err = {0};
    if (answered(r))
        return;
    enum rc rc = look(r, &l, &err);
    rc = rc ? rc : review_settle(&l.records, l.review, &err);
    if (rc)
        reply_rc(r, rc, &err);
    else {
        reply_review(r, l.review);
        l.review = NULL;
    }
    look_away(&l);
}

void reviews_documents(struct request *r) {
    struct looking l;
    struct err err = {0};
    cJSON *view = NULL;
    enum rc rc = look(r, &l, &err);
    rc = rc ? rc : review_view_job(&l.records, l.review, &view, &err);
    if (rc)
        reply_rc(r, rc, &err);
    else
        reply_review(r, view);
    look_away(&l);
}

void reviews_document(struct request *r) {
    struct looking l;
    struct err err = {0};
    cJSON *view = NULL;
    enum rc rc = look(r, &l, &err);
    rc = rc ? rc : review_view_document(r->api->spool, r->job->id, &l.records, l.review, r->vars[1], &view, &err);
    if (rc)
        reply_rc(r, rc, &err);
    else
        reply_review(r, view);
    look_away(&l);
}

/* --- changing ----------------------------------------------------------------------------------------------------------- */

/* "12", W/ before it or not; "*" is any. False: the reply is set. */
static bool take_match(struct request *r, struct review_ask *ask) {
    const char *match = request_header(r, "If-Match"), *at = match;
    char digits[24];
    if (!match || strcmp(match, "*") == 0)
        return true;
    at += str_starts(at, "W/") ? 2 : 0;
    const size_t length = strlen(at);
    ask->match = true;
    if (length > 2 && *at == '"' && at[length - 1] == '"' && str_format(digits, sizeof digits, "%.*s", (int)length - 2, at + 1) &&
        str_to_u64(digits, 0, UINT64_MAX / 2, &ask->revision))
        return true;
    reply_problem(r, 412, "the review was changed meanwhile; read it again");
    return false;
}

static void refuse(struct request *r, const struct review_ask *ask, const struct err *err) {
    switch (ask->why) {
    case REVIEW_WRONG:
        reply_invalid(r, ask->pointer, "%s", err->text);
        return;
    case REVIEW_OLD:
        reply_problem(r, 412, "%s", err->text);
        return;
    case REVIEW_CONFLICT:
    case REVIEW_OPEN:
        break;
    }
    reply_conflict(r, ask->pointer, "%s", err->text);
}

void reviews_put(struct request *r) {
    struct review_ask ask = {.change = r->json, .by = r->who.name, .reviewer = r->who.name};
    struct looking l;
    struct err err = {0};
    cJSON *review = NULL;
    if (!take_match(r, &ask))
        return;
    if (review_check(&ask, &err)) {
        refuse(r, &ask, &err);
        return;
    }
    enum rc rc = look(r, &l, &err);
    if (rc)
        reply_rc(r, rc, &err);
    else {
        rc = review_change(r->api->spool, r->job->id, &l.records, &ask, &review, &err);
        if (rc == RC_PERM)
            refuse(r, &ask, &err);
        else if (rc)
            reply_rc(r, rc, &err);
        else
            reply_review(r, review);
    }
    look_away(&l);
}

/* --- the document itself ------------------------------------------------------------------------------------------------ */

/* What the job says of it; false: it is none of the job's. */
static bool of_job(struct request *r, const char *sha256, char name[DOCUMENT_NAME_MOST + 1], enum docform_type *type, struct err *err) {
    char *text = NULL;
    size_t length;
    bool found = false;
    if (job_text_read(r->api->spool, r->job->id, &text, &length, err))
        return false;
    cJSON *job = cJSON_ParseWithLength(text, length), *document;
    free(text);
    cJSON_ArrayForEach(document, cJSON_GetObjectItemCaseSensitive(job, "documents")) {
        const char *sum = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "sha256"));
        const char *form = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "type"));
        const char *given = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "name"));
        if (!sum || strcmp(sum, sha256) != 0)
            continue;
        found = true;
        *type = form ? docform_from_name(form) : DOCFORM_NONE;
        if (!given || !str_copy(name, DOCUMENT_NAME_MOST + 1, given))
            str_copy(name, DOCUMENT_NAME_MOST + 1, "document");
    }
    cJSON_Delete(job);
    return found;
}

/* PDF, JPEG and PNG are shown by the browser; others are kept. The bytes were looked at when they came, and are checked against their sum now. */
void reviews_original(struct request *r) {
    const char *sha256 = r->vars[1];
    char name[DOCUMENT_NAME_MOST + 1];
    enum docform_type type;
    struct err err = {0};
    uint64_t bytes;
    int fd;
    if (!document_is_sum(sha256) || !of_job(r, sha256, name, &type, &err)) {
        reply_problem(r, 404, "the job has no document %.64s", sha256);
        return;
    }
    const enum rc rc = document_open(r->api->spool, sha256, &fd, &bytes, &err);
    if (rc) {
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
        return;
    }
    const bool shown = type == DOCFORM_PDF || type == DOCFORM_JPEG || type == DOCFORM_PNG;
    reply_file(r, type == DOCFORM_NONE ? "application/octet-stream" : docform_media_type(type), shown ? NULL : name, sha256, fd, bytes);
    if (shown)
        reply_header(r, "Content-Disposition", "inline");
}
