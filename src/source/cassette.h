// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_CASSETTE_H
#define SOURCE_CASSETTE_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fields.h"
#include "base/limits.h"
#include "source/request.h"

/*
 * A cassette: the pages of one captured job, to run a definition on without a network (`sources record`, `sources replay`). Pure: texts in, texts out. NDJSON:
 *
 *   {"cassette":1,"source":NAME,"total":N,"parts":[{"part":TOKEN,"total":N}],"job":{...}}
 *                                                  total: that a preview named; parts: the same of each part of a split search; absent without
 *   {"batch":N,"paid":B,"request":{"method","url","headers":[],"body"},"status":N,"headers":{...},"body":TEXT}      a line a page, or "base64" for "body"
 *
 * Requests are as request_make builds them with "${secret:NAME}" in the place of each secret; headers of answers are those that paging reads; bodies are
 * exactly what came, base64 where that is no UTF-8.
 */

#define CASSETTE_MOST_BYTES (512u * 1024u * 1024u)
#define CASSETTE_REQUEST_BYTES (16u * LIMIT_JOB_FILE_BYTES)

/* For template_scope.secret: a secret's own template in its place. context: a struct cassette_mask. */
struct cassette_mask {
    char text[80];
};
const char *cassette_secret(void *context, const char *name);
/* The request as canonical JSON, appended to out: what is compared. */
enum rc cassette_request(const struct request *request, struct buf *out);

/* Append the first line, and a page's line. RC_PERM: out is full; RC_TEMP. request: of cassette_request. headers: an object of texts, or NULL; parts: a list,
 * or NULL. */
enum rc cassette_write_head(struct buf *out, const char *source, uint64_t total, const cJSON *parts, const cJSON *job);
enum rc cassette_write_page(struct buf *out, uint32_t batch, bool paid, const char *request, int status, const cJSON *headers, struct slice body);

struct cassette_page {
    uint32_t batch;
    bool paid, used; /* used: for the reader's marks */
    int status;
    char *request; /* canonical JSON; owned, as are the next two */
    struct fields fields;
    char *body;
    size_t body_length;
};
struct cassette {
    char source[65];
    uint64_t total; /* UINT64_MAX: no preview named one */
    cJSON *parts;   /* or NULL */
    cJSON *job;
    struct cassette_page *pages;
    size_t page_count;
};

/* RC_PERM: what is wrong, with its line, in err. */
enum rc cassette_read(const char *text, size_t length, struct cassette **cassette, struct err *err);
void cassette_free(struct cassette *cassette);
/* The page of this request, one that is not used yet if there is one; NULL: none. */
struct cassette_page *cassette_find(struct cassette *cassette, const char *request);
/* The page whose request is the nearest, and what differs, for people. NULL: there is no page. */
const struct cassette_page *cassette_nearest(const struct cassette *cassette, const char *request, char *differs, size_t size);

#endif
