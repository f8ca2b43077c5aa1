// SPDX-License-Identifier: Apache-2.0
#include "api/uploads.h"

#include "api/api.h"
#include "api/submission.h"
#include "api/url_jobs.h"
#include "net/url_list.h"
#include "os/fsio.h"
#include "spool/document.h"

#include <string.h>

#define URLS_TOLD 10000u
#define LINES_TOLD 1000u                   /* that are wrong; of which something is left out */
#define SPARE_BYTES (128u * 1024u * 1024u) /* that uploads leave for the answers of sources */

static void release(void *own) {
    document_drop(own);
}

/* What was paid for must find room, documents may come again. False: the reply is set. */
static bool is_room(struct request *r, uint64_t length) {
    uint64_t bytes, inodes;
    if (fsio_room(r->api->spool->root_fd, &bytes, &inodes, NULL) || bytes >= length + SPARE_BYTES)
        return true;
    reply_problem(r, 507, "there is no room for the file: %llu bytes are free, of which %u stay", (unsigned long long)bytes, SPARE_BYTES);
    return false;
}

bool uploads_piece(struct request *r, const char *bytes, size_t length) {
    struct err err = {0};
    uint64_t whole = 0;
    if (!r->own && request_header(r, "Content-Length"))
        (void)str_to_u64(request_header(r, "Content-Length"), 0, UINT64_MAX / 2, &whole);
    if (!is_room(r, whole > length ? whole : length))
        return false;
    enum rc rc = r->own ? RC_OK : document_begin(r->api->spool, (struct document_upload **)&r->own, &err);
    if (rc) {
        reply_problem(r, 507, "the upload cannot be kept: %s", err.text);
        return false;
    }
    r->own_release = release;
    rc = document_add(r->own, bytes, length, &err);
    if (rc)
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
    return !rc;
}

/* --- the whole file ----------------------------------------------------------------------------------------------------- */

static const char *given_name(const struct request *r) {
    return request_query(r, "name");
}

static cJSON *upload_json(const struct request *r, const struct document *document) {
    char shown[200];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "document_id", document->sha256);
    cJSON_AddNumberToObject(json, "bytes", (double)document->bytes);
    if (given_name(r)) {
        str_printable(shown, sizeof shown, given_name(r), strlen(given_name(r)));
        cJSON_AddStringToObject(json, "name", shown);
    } else
        cJSON_AddNullToObject(json, "name");
    return json;
}

/* Something came, under a name that can be told. NULL: the reply is set. */
static struct document_upload *whole(struct request *r) {
    struct document_upload *u = r->own;
    if (!u || !document_bytes(u))
        reply_invalid(r, "", "the file is empty");
    else if (given_name(r) && (!*given_name(r) || strlen(given_name(r)) > 128))
        reply_problem(r, 400, "name must have 1 to 128 bytes");
    else
        return u;
    return NULL;
}

/* Durable under its sum. False: the reply is set. */
static bool kept(struct request *r, struct document_upload *u, struct document *document) {
    struct err err = {0};
    enum rc rc = document_keep(u, document, &err);
    if (rc)
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
    return !rc;
}

/* One that can be worked on. False: the reply is set. */
static bool keep_document(struct request *r, struct document_upload *u, struct document *document, struct docform *form) {
    struct err err = {0};
    enum rc rc = u ? document_look(u, form, &err) : RC_OK;
    if (rc == RC_PERM && form->type == DOCFORM_NONE)
        reply_problem(r, 415, "the file %s", err.text);
    else if (rc == RC_PERM)
        reply_invalid(r, "", "the file %s", err.text);
    else if (rc)
        reply_rc(r, rc, &err);
    return u && !rc && kept(r, u, document);
}

cJSON *uploads_keep(struct request *r) {
    struct document_upload *u = whole(r);
    struct document document;
    struct docform form;
    char shown[DOCUMENT_NAME_MOST];
    if (!keep_document(r, u, &document, &form))
        return NULL;
    const char *name = given_name(r) ? given_name(r) : docform_name(form.type);
    str_printable(shown, sizeof shown, name, strlen(name));
    return document_json(&document, form.type, shown, NULL);
}

void uploads_document(struct request *r) {
    struct document_upload *u = whole(r);
    struct document document;
    struct docform form;
    if (keep_document(r, u, &document, &form))
        reply_json(r, document.known ? 200 : 201, upload_json(r, &document));
}

/* All of it, from the disk, into r->body. */
static bool read_back(struct request *r, const struct document_upload *u) {
    struct err err = {0};
    enum rc rc = fsio_read_all(document_fd(u), &r->body, &err);
    if (rc)
        reply_rc(r, rc, &err);
    return !rc;
}

void uploads_criteria(struct request *r) {
    struct document_upload *u = whole(r);
    struct document document;
    if (!u || !read_back(r, u) || !submission_check(r) || !kept(r, u, &document))
        return;
    cJSON *json = upload_json(r, &document);
    cJSON_AddItemToObject(json, "job", cJSON_Duplicate(r->json, true));
    reply_json(r, 201, json);
}

struct told {
    cJSON *urls, *labels, *rejected, *notes; /* labels: by URL, of those that have some */
    size_t url_count, rejected_count, note_count;
};

static void told_url(void *context, size_t line, const char *url, const struct url_list_labels *labels) {
    struct told *t = context;
    cJSON *all = NULL;
    (void)line;
    if (t->url_count++ >= URLS_TOLD)
        return;
    cJSON_AddItemToArray(t->urls, cJSON_CreateString(url));
    for (size_t i = 0; labels && i < labels->count; i++) {
        char value[URL_LIST_LABEL_BYTES + 1];
        if (!labels->values[i].length || !str_format(value, sizeof value, "%.*s", (int)labels->values[i].length, labels->values[i].data))
            continue;
        all = all ? all : cJSON_AddObjectToObject(t->labels, url);
        cJSON_AddStringToObject(all, labels->names[i], value);
    }
}

static void add_line(cJSON *list, size_t *count, size_t line, const char *text, const char *why) {
    if ((*count)++ >= LINES_TOLD)
        return;
    cJSON *one = cJSON_CreateObject();
    cJSON_AddNumberToObject(one, "line", (double)line);
    cJSON_AddStringToObject(one, "text", text);
    cJSON_AddStringToObject(one, "detail", why);
    cJSON_AddItemToArray(list, one);
}

static void told_wrong(void *context, size_t line, const char *text, const char *why) {
    struct told *t = context;
    add_line(t->rejected, &t->rejected_count, line, text, why);
}

static void told_note(void *context, size_t line, const char *text, const char *why) {
    struct told *t = context;
    add_line(t->notes, &t->note_count, line, text, why);
}

void uploads_urls(struct request *r) {
    struct document_upload *u = whole(r);
    struct document document;
    struct url_list_counts counts;
    struct err err = {0};
    bool public_only;
    if (!u || !read_back(r, u) || !url_jobs_public_only(r, request_query(r, "source"), &public_only))
        return;
    struct told told = {.urls = cJSON_CreateArray(), .labels = cJSON_CreateObject(), .rejected = cJSON_CreateArray(), .notes = cJSON_CreateArray()};
    const struct url_list_told listener = {.url = told_url, .wrong = told_wrong, .note = told_note, .public_only = public_only, .context = &told};
    enum rc rc = url_list_read(buf_text(&r->body), r->body.length, &listener, &counts, &err);
    if (rc)
        reply_rc(r, rc, &err);
    else if (!counts.urls)
        reply_invalid(r, "", "there is no URL in it%s", counts.wrong ? " that can be used" : "");
    else if (kept(r, u, &document)) {
        cJSON *json = upload_json(r, &document);
        cJSON_AddItemToObject(json, "urls", told.urls);
        cJSON_AddItemToObject(json, "labels", told.labels);
        cJSON_AddItemToObject(json, "rejected", told.rejected);
        cJSON_AddItemToObject(json, "notes", told.notes);
        cJSON_AddNumberToObject(json, "total", (double)counts.urls);
        cJSON_AddNumberToObject(json, "duplicates", (double)counts.duplicates);
        reply_json(r, 201, json);
        return;
    }
    cJSON_Delete(told.urls);
    cJSON_Delete(told.labels);
    cJSON_Delete(told.rejected);
    cJSON_Delete(told.notes);
}
