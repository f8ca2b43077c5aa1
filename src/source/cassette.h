// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_CASSETTE_H
#define SOURCE_CASSETTE_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fields.h"
#include "base/limits.h"
#include "source/request.h"

/*
 * A cassette: one captured job, to run a definition on without a network (`sources record`, `sources replay`). Pure: texts in, texts out. NDJSON. Of a source
 * of pages and one step:
 *
 *   {"cassette":1,"source":NAME,"total":N,"parts":[{"part":TOKEN,"total":N}],"job":{...}}
 *                                                  total: that a preview named; parts: the same of each part of a split search; absent without
 *   {"batch":N,"paid":B,"request":{"method","url","headers":[],"body"},"status":N,"headers":{...},"body":TEXT}      a line a page, or "base64" for "body"
 *
 * Of units, and of pages with several steps (version 2), a line for each way of a step, or of a part of one, that was tried to its end:
 *
 *   {"cassette":2,"source":NAME,"job_id":ID,"total":N,"parts":[...],"job":{...}}
 *   {"batch":N,"step":NAME,"part":N,"way":N,"attempt":N,"end":END,"reason":TEXT,"error":TEXT,"cached_at":TIME,"paid":B,"request":{...},"status":N,...}
 *                                                  end, reason, error: absent when it was captured; part 0, way 0, attempt 1, body and status: absent
 *   {"document":SHA256,"base64":TEXT}              when documents were asked for
 *
 * Requests are as request_make builds them with "${secret:NAME}" in the place of each secret ("document": the sum of the document that is their body); headers
 * of answers are those that paging reads; bodies are exactly what came, base64 where that is no UTF-8. Of a program the request is {"command":[],"document",
 * "stdin"}, where a member of stdin that is long is named by its sum. How often a way was tried before it was over is not told.
 */

#define CASSETTE_MOST_BYTES (512u * 1024u * 1024u)
#define CASSETTE_MOST_LINES (4u * LIMIT_BATCHES) /* of version 2 */
#define CASSETTE_REQUEST_BYTES (16u * LIMIT_JOB_FILE_BYTES)

/* For template_scope.secret: a secret's own template in its place. context: a struct cassette_mask. */
struct cassette_mask {
    char text[80];
};
const char *cassette_secret(void *context, const char *name);
/* The request as canonical JSON, appended to out: what is compared. document: the sum of what is its body, or NULL. */
enum rc cassette_request(const struct request *request, const char *document, struct buf *out);
/* The same of a program: its name and arguments, what it reads, and the sum of the document that it sees, or NULL. */
enum rc cassette_program(char *const *command, struct slice input, const char *document, struct buf *out);

enum cassette_end { CASSETTE_CAPTURED, CASSETTE_FAILED, CASSETTE_OTHER_WAY, CASSETTE_IN_DOUBT, CASSETTE_ENDS };

struct cassette_page { /* a line: a page, or a way of a step */
    uint32_t batch;
    bool paid, used; /* used: for the reader's marks */
    int status;      /* 0: none came */
    char *request;   /* canonical JSON; owned, as are the next two */
    struct fields fields;
    char *body; /* NULL: it was not kept */
    size_t body_length;
    /* of version 2 */
    char step[65];
    unsigned way, attempt;
    uint32_t part;
    enum cassette_end end;
    char *reason, *error; /* owned; NULL: none */
    int64_t cached_us;    /* it was an earlier unit's answer, of this time; 0: it was not */
};
struct cassette_document {
    char sha256[DIGEST_HEX_SIZE];
    char *bytes; /* owned */
    size_t length;
};
struct cassette {
    bool steps; /* version 2 */
    char source[65], job_id[128];
    uint64_t total; /* UINT64_MAX: no preview named one */
    cJSON *parts;   /* or NULL */
    cJSON *job;
    struct cassette_page *pages;
    size_t page_count, hint; /* hint: where cassette_at looks first */
    struct cassette_document *documents;
    size_t document_count;
};

/* Append the first line (job_id NULL: of version 1), a line, and a document's. RC_PERM: out is full; RC_TEMP. Borrowed: line->request is of cassette_request,
 * or NULL when none could be made; line->fields are not looked at, headers is: an object of texts, or NULL; parts: a list, or NULL. */
enum rc cassette_write_head(struct buf *out, const char *source, const char *job_id, uint64_t total, const cJSON *parts, const cJSON *job);
enum rc cassette_write_page(struct buf *out, const struct cassette_page *line, const cJSON *headers);
enum rc cassette_write_document(struct buf *out, const char *sha256, struct slice bytes);

/* RC_PERM: what is wrong, with its line, in err. */
enum rc cassette_read(const char *text, size_t length, struct cassette **cassette, struct err *err);
void cassette_free(struct cassette *cassette);
/* The page of this request, one that is not used yet if there is one; NULL: none. */
struct cassette_page *cassette_find(struct cassette *cassette, const char *request);
/* Of version 2: the line of this way; NULL: there is none. */
struct cassette_page *cassette_at(struct cassette *cassette, uint32_t batch, const char *step, uint32_t part, unsigned way);
const struct cassette_document *cassette_document(const struct cassette *cassette, const char *sha256);
/* What differs between a request and the one that was recorded, for people. */
void cassette_differs(const char *request, const struct cassette_page *page, char *differs, size_t size);
/* The page whose request is the nearest, and what differs, for people. NULL: there is no page. */
const struct cassette_page *cassette_nearest(const struct cassette *cassette, const char *request, char *differs, size_t size);

#endif
