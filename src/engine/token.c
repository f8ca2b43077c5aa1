// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/retry.h"
#include "source/auth.h"

#include <stdlib.h>
#include <string.h>

#define MARGIN_MS 60000 /* a token is renewed so long before its end, or a tenth of its life when that is shorter */

/* --- secrets, and the way that leads to a source ------------------------------------------------------------------------ */

const char *secrets_text(void *context, const char *name) {
    struct secrets *s = context;
    if (s->count == sizeof s->texts / sizeof *s->texts) {
        err_set(&s->err, RC_PERM, "one request uses more than %zu secrets", s->count);
        return NULL;
    }
    struct buf *text = &s->texts[s->count];
    buf_init(text, 65536);
    if (sources_secret(s->dir, name, text, &s->err)) {
        buf_release(text);
        return NULL;
    }
    s->count++;
    return buf_text(text);
}

static void wipe(struct buf *text) {
    if (text->data)
        explicit_bzero(text->data, text->capacity);
    buf_release(text);
}

void secrets_wipe(struct secrets *secrets) {
    for (size_t i = 0; i < secrets->count; i++)
        wipe(&secrets->texts[i]);
    secrets->count = 0;
    wipe(&secrets->proxy_username);
    wipe(&secrets->proxy_password);
}

/* Shorter ones would be found everywhere. */
#define HIDDEN_LEAST 4u

static void cut_out(char *text, const char *secret) {
    size_t length = strlen(secret);
    if (length < HIDDEN_LEAST)
        return;
    for (char *at = text; (at = strstr(at, secret)) != NULL;) {
        memcpy(at, "***", 3);
        memmove(at + 3, at + length, strlen(at + length) + 1);
        at += 3;
    }
}

/* As it is, and as it stands in a URL. */
static void hide_one(char *text, const char *secret) {
    struct buf encoded = BUF_INIT(3 * 65536);
    cut_out(text, secret);
    if (template_percent(secret, strlen(secret), &encoded) == RC_OK)
        cut_out(text, buf_text(&encoded));
    wipe(&encoded);
}

struct hiding {
    struct secrets secrets;
    char *text;
};

static void hide_named(void *context, const char *name, bool optional) {
    struct hiding *h = context;
    (void)optional;
    const char *secret = secrets_text(&h->secrets, name);
    if (secret)
        hide_one(h->text, secret);
    secrets_wipe(&h->secrets); /* there may be more of them than it holds */
}

/* What auth makes of them: a name and a password together, for one. */
static void hide_auth(struct hiding *h, const struct feed *feed) {
    const struct template_scope scope = {
        .secret = secrets_text, .secret_context = &h->secrets, .access_token = feed->token.text.length ? buf_text(&feed->token.text) : NULL};
    cJSON *params = engine_members(), *headers = engine_members();
    const cJSON *item;
    auth_apply(feed->source, &scope, params, headers, NULL);
    cJSON_ArrayForEach(item, headers) {
        char *value = cJSON_GetStringValue(item), *blank = value ? strchr(value, ' ') : NULL;
        if (value)
            hide_one(h->text, blank ? blank + 1 : value);
        if (value)
            explicit_bzero(value, strlen(value));
    }
    cJSON_ArrayForEach(item, params) {
        char *value = cJSON_GetStringValue(item);
        if (value)
            hide_one(h->text, value);
        if (value)
            explicit_bzero(value, strlen(value));
    }
    cJSON_Delete(params);
    cJSON_Delete(headers);
    secrets_wipe(&h->secrets);
}

void secrets_hide(const struct feed *feed, char *text) {
    struct hiding h = {.secrets = {.dir = feed->engine->options.credentials_dir}, .text = text};
    if (!*text)
        return;
    hide_auth(&h, feed);
    source_secrets(feed->source, hide_named, &h);
}

static enum rc place_file(const struct secrets *secrets, const char *member, const char *file, char *out, size_t size, const char **path, struct err *err) {
    if (!file)
        return RC_OK;
    bool absolute = file[0] == '/';
    if (!absolute && !(secrets->dir && *secrets->dir))
        return err_set(err, RC_PERM, "tls.%s: \"%s\" is a file of the credentials directory, and there is none: give the daemon --credentials DIR", member,
                       file);
    if (!str_format(out, size, "%s%s%s", absolute ? "" : secrets->dir, absolute ? "" : "/", file))
        return err_set(err, RC_PERM, "tls.%s: the path is too long", member);
    *path = out;
    return RC_OK;
}

static enum rc fill(struct secrets *secrets, const char *text, struct buf *out, const char **filled, struct err *err) {
    if (!text)
        return RC_OK;
    buf_init(out, 65536);
    const struct template_scope scope = {.secret = secrets_text, .secret_context = secrets};
    enum rc rc = template_text(text, &scope, out, err);
    *filled = buf_text(out);
    return rc;
}

enum rc secrets_way(struct secrets *secrets, const struct source *source, struct fetch_way *way, struct err *err) {
    const struct source_tls *tls = &source->tls;
    const size_t size = sizeof secrets->files[0];
    *way = (struct fetch_way){.proxy = source->proxy.url};
    enum rc rc = place_file(secrets, "ca_file", tls->ca_file, secrets->files[0], size, &way->ca_file, err);
    if (!rc)
        rc = place_file(secrets, "cert_file", tls->cert_file, secrets->files[1], size, &way->cert_file, err);
    if (!rc)
        rc = place_file(secrets, "key_file", tls->key_file, secrets->files[2], size, &way->key_file, err);
    if (!rc)
        rc = fill(secrets, source->proxy.username, &secrets->proxy_username, &way->proxy_username, err);
    if (!rc)
        rc = fill(secrets, source->proxy.password, &secrets->proxy_password, &way->proxy_password, err);
    return rc;
}

/* --- when there is none -------------------------------------------------------------------------------------------------- */

/* Nothing of this source can leave for a while: its jobs wait, and where that is long lie in deferred/ with the reason. */
static void hold_back(struct feed *feed, int64_t until_us, const char *reason, const char *text) {
    log_warn("source %s: no access token: %s", feed->source->name, text);
    feed_pause(feed, until_us, reason);
    bool away = until_us - clock_wall_us() > SHORT_WAIT_US;
    for (struct run *run = feed->runs; run && away;) {
        struct run *next = run->next_of_feed;
        if (run_wants(run) && !run->attempt_count) {
            run_end(run, PLACE_DEFERRED, reason, text);
            run->end_until_us = until_us;
            run_step(run);
        }
        run = next;
    }
    feed_pump(feed);
}

static void try_later(struct feed *feed, int64_t retry_after_s, const char *text) {
    struct token *token = &feed->token;
    int64_t wait_ms = retry_after_s > 0 ? retry_after_ms(retry_after_s) : retry_exponential_ms(++token->failures, 1, 1, 300);
    hold_back(feed, clock_wall_us() + wait_ms * 1000, "token", text);
}

static void refused(struct feed *feed, const char *text) {
    hold_back(feed, clock_wall_us() + UNAUTHORIZED_WAIT_US, "unauthorized", text);
}

/* --- asking -------------------------------------------------------------------------------------------------------------- */

static void forget(struct token *token) {
    wipe(&token->text);
    token->text = (struct buf)BUF_INIT(AUTH_ANSWER_BYTES);
}

static void granted(struct feed *feed, struct auth_token *granted) {
    struct token *token = &feed->token;
    int64_t life_ms = granted->life_s * 1000, margin_ms = life_ms / 10 < MARGIN_MS ? life_ms / 10 : MARGIN_MS;
    forget(token);
    token->text = granted->text;
    token->serial++;
    token->failures = 0;
    token->renew_mono_ms = clock_mono_ms() + life_ms - margin_ms;
    log_info("source %s: has an access token for %lld s", feed->source->name, (long long)granted->life_s);
    feed_pump(feed);
}

static void answered(void *context, const struct fetch_answer *answer) {
    struct feed *feed = context;
    struct secrets secrets = {.dir = feed->engine->options.credentials_dir};
    const struct template_scope scope = {.secret = secrets_text, .secret_context = &secrets};
    struct auth_token got = {.life_s = 0};
    struct err err = {0};
    enum auth_grant grant = AUTH_LATER;
    feed->token.fetch = NULL;
    auth_wipe(&feed->token.request);
    if (answer->complete)
        grant = auth_read_token(feed->source, &scope, answer->status, (struct slice){answer->body, (size_t)answer->body_bytes}, &got, &err);
    else
        err_set(&err, RC_TEMP, "%s: %s: %s", feed->source->auth.access_token_url, answer->reason, answer->error);
    secrets_wipe(&secrets);
    switch (grant) {
    case AUTH_GRANTED:
        granted(feed, &got);
        return;
    case AUTH_REFUSED:
        refused(feed, err.text);
        return;
    case AUTH_LATER:
        try_later(feed, answer->retry_after_s, err.text);
        return;
    }
}

static void ask(struct feed *feed) {
    struct token *token = &feed->token;
    const struct source *source = feed->source;
    struct secrets secrets = {.dir = feed->engine->options.credentials_dir};
    const struct template_scope scope = {.secret = secrets_text, .secret_context = &secrets};
    struct fetch_request f = {.timeout_ms = (int64_t)source->timeout_s * 1000,
                              .connect_timeout_ms = 30000,
                              .max_body_bytes = AUTH_ANSWER_BYTES,
                              .allow_http = source->allow_http,
                              .body_fd = -1};
    struct err err = {0};
    enum rc rc = secrets_way(&secrets, source, &f.way, &err);
    if (!rc)
        rc = auth_token_request(source, &scope, &token->request, &err);
    if (rc && secrets.err.text[0])
        err = secrets.err;
    if (!rc) {
        f.method = token->request.method;
        f.url = token->request.url;
        f.headers = token->request.headers;
        f.body = token->request.body; /* sent from there */
        f.body_length = token->request.body_length;
        rc = fetch_start(feed->engine->fetcher, &f, answered, feed, &token->fetch, &err);
        if (rc)
            auth_wipe(&token->request);
    }
    secrets_wipe(&secrets);
    if (rc == RC_TEMP || rc == RC_NOSPACE || rc == RC_AGAIN)
        try_later(feed, 0, err.text);
    else if (rc)
        refused(feed, err.text);
}

bool token_ready(struct feed *feed) {
    struct token *token = &feed->token;
    if (feed->source->auth.type != AUTH_OAUTH2 || (token->text.length && clock_mono_ms() < token->renew_mono_ms))
        return true;
    for (const struct run *run = feed->runs; run && !token->fetch; run = run->next_of_feed) {
        if (run_wants(run)) {
            ask(feed);
            break;
        }
    }
    return false;
}

void token_drop(struct feed *feed, uint64_t serial) {
    if (feed->token.serial == serial)
        forget(&feed->token);
}

void token_reset(struct feed *feed) {
    struct token *token = &feed->token;
    if (token->fetch) {
        fetch_cancel(token->fetch);
        token->fetch = NULL;
        auth_wipe(&token->request);
    }
    token->failures = 0;
    forget(token);
}
