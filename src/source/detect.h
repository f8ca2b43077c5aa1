// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_DETECT_H
#define SOURCE_DETECT_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fields.h"
#include "base/str.h"

/* From the answers of an unknown URL to a draft definition (`sources new`). Pure: it says what to ask for and is told what came.
 *
 *   detect_new; while (detect_next) { GET the URL; detect_answer } detect_draft; detect_free
 */

#define DETECT_MOST_REQUESTS 30

struct detect_setup { /* borrowed until detect_free */
    const char *name, *url;
    const char *const *headers; /* "Name: value" as they were sent; NULL at the end */
    bool allow_http;
};

struct detect;

/* Header fields that are wanted of each answer; NULL at the end. */
extern const char *const detect_headers[];

/* RC_PERM: the URL or a header cannot be used (err says why); RC_TEMP: out of memory. */
enum rc detect_new(const struct detect_setup *setup, struct detect **detect, struct err *err);
void detect_free(struct detect *detect);
/* The next URL to GET, one after the other; the caller frees it. False: all is seen (or out of memory, which detect_draft tells). */
bool detect_next(struct detect *detect, char **url);
/* A whole answer; the body is no longer needed afterwards. status 0: none came. RC_PERM: the first answer is of no use, and err says why; nothing follows. */
enum rc detect_answer(struct detect *detect, int status, struct slice body, const struct fields *fields, struct err *err);
/* The definition with its comments; it passes source_parse as <name>.json. Values of headers and parameters that look like credentials are not in it, but
 * ${secret:...}. RC_PERM: it does not fit out, or nothing was seen; RC_TEMP. */
enum rc detect_draft(const struct detect *detect, struct buf *out, struct err *err);
/* What was seen, for people and programs; the caller frees. NULL: out of memory. */
cJSON *detect_summary(const struct detect *detect);

/* A name for a source from a URL: its last path segment that says something, else its host's. */
void detect_name(const char *url, char out[65]);

#endif
