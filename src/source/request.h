// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_REQUEST_H
#define SOURCE_REQUEST_H

#include "source/paginator.h"
#include "source/template.h"

/* One HTTP request, ready to send. */

enum request_kind { REQUEST_FREE, REQUEST_PREVIEW, REQUEST_LIST, REQUEST_PAID }; /* LIST: a preview whose rows are wanted, for their ids */

struct request {
    char method[16];
    char *url;      /* with the query, percent-encoded (RFC 3986) */
    char **headers; /* "Name: value", NULL at the end; no CR, LF or NUL in them */
    char *body;     /* or NULL */
    size_t body_length;
};

/* Fill the templates of a way of the step, lay preview or purchase over the first step (a member of params, headers or json replaces the one of its name; list
 * lies over preview, and by_id over purchase when scope->item has ids), place the page (NULL: of units that are no pages) in the last. A param that is a list
 * is sent once for each element, null not at all; a body gets Content-Type: application/json unless the source gives one. In the URL what is inserted is
 * percent-encoded, and a path that would have "." or ".." in it is refused. RC_PERM: a template's value is missing, or a header value has a line break (err
 * never shows a secret). */
enum rc request_make(const struct source *source, unsigned step, unsigned way, enum request_kind kind, const struct page *page,
                     const struct template_scope *scope, struct request *request, struct err *err);
/* The request for suggestions; the templates see scope->job alone, and the source's auth lets it in. */
enum rc request_suggest(const struct source *source, const struct source_suggest *field, const struct template_scope *scope, struct request *request,
                        struct err *err);
/* Where the page is asked from, without query parameters and without anything secret: what relative links in its answer begin at. job: its members. The caller
 * frees *url. RC_TEMP: out of memory. */
enum rc request_base(const struct source *source, const struct page *page, const cJSON *job, char **url, struct err *err);
/* The whole URL of the first page, without anything secret: paginator_start.first_url. The caller frees *url. */
enum rc request_first_url(const struct source *source, const struct page *page, const cJSON *job, const char *start_value, char **url, struct err *err);
void request_release(struct request *request);

#endif
