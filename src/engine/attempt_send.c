// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "net/ratelimit.h"

#include <string.h>
#include <strings.h>

/* The access token, where the source wants one. RC_AGAIN: it was dropped since the page was offered. */
static enum rc take_token(struct attempt *a, struct template_scope *scope) {
    const struct feed *feed = a->run->feed;
    if (a->run->source->auth.type != AUTH_OAUTH2)
        return RC_OK;
    if (feed->source->auth.type != AUTH_OAUTH2)
        return err_set(&a->err, RC_PERM, "the source's auth has changed since the job began");
    if (!feed->token.text.length)
        return err_set(&a->err, RC_AGAIN, "the access token was dropped");
    scope->access_token = buf_text(&feed->token.text);
    a->token_serial = feed->token.serial;
    return RC_OK;
}

enum rc attempt_send(struct attempt *a, fetch_done *fetched) {
    struct run *run = a->run;
    const struct source *source = run->source;
    struct secrets secrets = {.dir = a->engine->options.credentials_dir};
    struct template_scope scope = {.job = run->criteria->json, .secret = secrets_text, .secret_context = &secrets, .start_value = run->start};
    const struct suggest *suggest = run->criteria->suggest;
    const struct source_http *http = &source->steps[a->step].ways[a->way].http;
    const uint64_t most = http->max_response_bytes ? http->max_response_bytes : source->max_response_bytes;
    struct fetch_way way;
    struct delta_request by_ids = {.page = a->page};
    enum rc rc = run->delta && a->page.batch ? delta_request(run, &a->page, &by_ids, &a->err) : RC_OK;
    scope.item = by_ids.item ? by_ids.item : a->item;
    scope.known = a->known;
    scope.job = by_ids.job ? by_ids.job : suggest ? suggest->job : scope.job;
    if (!rc && !suggest && !run->units)
        rc = request_base(source, &a->page, run->criteria->json, &a->url, &a->err);
    if (!rc)
        rc = secrets_way(&secrets, source, &way, &a->err);
    if (!rc)
        rc = take_token(a, &scope);
    if (!rc)
        rc = suggest ? request_suggest(source, suggest->field, &scope, &a->request, &a->err)
                     : request_make(source, a->step, a->way, a->kind, run->units ? NULL : &by_ids.page, &scope, &a->request, &a->err);
    if (!rc) {
        struct fetch_request f = {.method = a->request.method,
                                  .url = a->request.url,
                                  .headers = a->request.headers,
                                  .body = a->document ? a->document : a->request.body,
                                  .body_length = a->document ? a->document_length : a->request.body_length,
                                  .timeout_ms =
                                      suggest ? SUGGEST_TIMEOUT_MS
                                              : (int64_t)step_timeout_s(a->run->criteria->json, http->timeout_s ? http->timeout_s : source->timeout_s) * 1000,
                                  .connect_timeout_ms = 30000,
                                  .max_body_bytes = suggest && SUGGEST_BODY_BYTES < source->max_response_bytes ? SUGGEST_BODY_BYTES : most,
                                  .max_redirects = source->metered || suggest ? 0 : 3,
                                  .allow_http = source->allow_http,
                                  .wanted = a->wanted,
                                  .way = way,
                                  .body_fd = a->body_fd,
                                  .body_open = a->tmp[0] ? attempt_lane_body : NULL,
                                  .once = a->kind == REQUEST_PAID,
                                  .hold = a->kind == REQUEST_FREE};
        a->asked_us = clock_wall_us();
        rc = fetch_start(a->engine->fetcher, &f, fetched, a, &a->fetch, &a->err);
    } else if (secrets.err.text[0])
        a->err = secrets.err;
    secrets_wipe(&secrets);
    delta_request_release(&by_ids);
    return rc;
}

static void want(struct attempt *a, const char *header) {
    size_t i = 0;
    while (a->wanted[i] && strcasecmp(a->wanted[i], header) != 0)
        i++;
    if (i < FIELDS_MAX)
        a->wanted[i] = header;
}

void attempt_send_want(struct attempt *a) {
    const struct source *source = a->run->source;
    for (const char *const *name = source->wanted; *name; name++)
        want(a, *name);
    for (const char *const *name = ratelimit_headers; *name; name++)
        want(a, *name);
    if (source->remaining_header)
        want(a, source->remaining_header);
    if (source->reset_header)
        want(a, source->reset_header);
    for (unsigned i = 0; i < source->backoff_count; i++)
        if (source->backoffs[i].header)
            want(a, source->backoffs[i].header);
    for (const char *const *name = probe_headers; a->run->probe && *name; name++)
        want(a, *name);
}

void attempt_send_heed(struct attempt *a) {
    const struct source *source = a->run->source;
    struct ratelimit limit;
    int64_t now = clock_wall_us();
    if (!attempt_optional(a) && ratelimit_read(&a->fields, source->remaining_header, source->reset_header, now, &limit))
        feed_allow(a->run->feed, limit.remaining, now, now + limit.wait_us);
    for (unsigned i = 0; a->status >= 300 && !a->retry_after_s && i < source->backoff_count; i++)
        if (source->backoffs[i].header)
            a->retry_after_s = ratelimit_wait_s(&a->fields, source->backoffs[i].header, now);
}
