// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include "api/admit.h"
#include "api/events.h"
#include "api/head.h"
#include "api/metrics.h"
#include "api/rests.h"
#include "api/route.h"
#include "api/web.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_S 75u /* an answer that nobody reads */
#define DRAIN_MS 5000
#define SERVER_REST_BYTES (1024u * 1024u)

struct server {
    struct api *api;
    struct MHD_Daemon *daemon;
    struct loop_fd watch;
    struct loop_timer timer;       /* MHD's own time, or at once after a resume */
    size_t requests;               /* between their first byte and their end */
    struct server_request *asleep; /* those whose answer a lane makes, or that wait */
    struct rests rests;
    bool stopping;
    bool freed; /* a connection ended in this run: where there were too many, libmicrohttpd takes new ones again only from its next run on, and nothing else may
                   call it */
};

struct connection { /* from accept to close */
    struct server *server;
    struct loop_timer deadline;
    int fd;
    uint64_t seen; /* bytes of an upload when the deadline was set */
    struct server_request *now;
    size_t rest; /* of a body that was refused before it was read */
};

struct server_request {
    struct server *server;
    struct connection *connection;
    struct MHD_Connection *mhd;
    struct request r;
    uint64_t received;
    bool begun, done, queued;
    bool on_lane, left /* its connection has gone meanwhile */;
    struct server_request *before, *after; /* in asleep */
};

static void lane_run(struct work **items, size_t count);
static void lane_done(struct work *item);
static const struct work_class request_class = {.name = "request", .run = lane_run, .done = lane_done, .max = 1};

/* --- the loop ----------------------------------------------------------------------------------------------------------- */

static void timer_due(struct loop_timer *timer);

static void plan(struct server *s) {
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    if (s->freed || MHD_get_timeout(s->daemon, &wait_ms) == MHD_YES)
        loop_timer_start(s->api->loop, &s->timer, clock_mono_ms() + (int64_t)(wait_ms < 3600000 ? wait_ms : 3600000), timer_due);
    else
        loop_timer_cancel(s->api->loop, &s->timer);
}

static void run(struct server *s) {
    s->freed = false;
    MHD_run(s->daemon);
    plan(s);
}

static void timer_due(struct loop_timer *timer) {
    run(HEAP_ENTRY(timer, struct server, timer));
}

static void ready(struct loop_fd *watch, uint32_t events) {
    (void)events;
    run(HEAP_ENTRY(watch, struct server, watch));
}

/* A resumed connection is looked at by the next MHD_run. */
static void soon(struct server *s) {
    loop_timer_start(s->api->loop, &s->timer, clock_mono_ms(), timer_due);
}

void server_sleep(struct server *s, struct MHD_Connection *connection) {
    (void)s;
    MHD_suspend_connection(connection);
}

void server_wake(struct server *s, struct MHD_Connection *connection) {
    MHD_resume_connection(connection);
    soon(s);
}

/* --- connections -------------------------------------------------------------------------------------------------------- */

static void late(struct loop_timer *timer) {
    struct connection *c = HEAP_ENTRY(timer, struct connection, deadline);
    const struct server_request *q = c->now;
    if (q && !q->done && q->r.route && (q->r.route->flags & ROUTE_UPLOAD) && q->received >= c->seen + SERVER_UPLOAD_BYTES) {
        c->seen = q->received;
        loop_timer_start(c->server->api->loop, &c->deadline, clock_mono_ms() + SERVER_BODY_MS, late);
        return;
    }
    /* libmicrohttpd sees the end and closes it. */
    shutdown(c->fd, SHUT_RDWR);
}

static void set_deadline(struct connection *c, int64_t ms) {
    c->seen = c->now ? c->now->received : 0;
    loop_timer_start(c->server->api->loop, &c->deadline, clock_mono_ms() + ms, late);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code) {
    struct server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct connection *c = *context;
        s->freed = true;
        if (c) {
            if (c->rest)
                rests_take(&s->rests, c->fd, c->rest);
            loop_timer_cancel(s->api->loop, &c->deadline);
            free(c);
        }
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *c = calloc(1, sizeof *c);
    *context = c;
    if (!c || !info)
        return; /* its requests are refused */
    c->server = s;
    c->fd = info->connect_fd;
    set_deadline(c, SERVER_HEAD_MS);
}

static struct connection *connection_of(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* --- requests ----------------------------------------------------------------------------------------------------------- */

static void request_free(struct server_request *q) {
    struct request *r = &q->r;
    loop_timer_cancel(q->server->api->loop, &r->timer);
    if (r->own && r->own_release)
        r->own_release(r->own);
    for (size_t i = 0; i < r->query_count; i++) {
        free(r->query[i].name);
        free(r->query[i].value);
    }
    for (size_t i = 0; i < r->header_count; i++) {
        free(r->headers[i].name);
        free(r->headers[i].value);
    }
    for (size_t i = 0; i < REQUEST_VARS; i++)
        free(r->vars[i]);
    free(r->path);
    free(r->job);
    cJSON_Delete(r->json);
    cJSON_Delete(r->beside);
    if (r->body.data && r->route && (r->route->flags & ROUTE_USERS)) /* passwords */
        explicit_bzero(r->body.data, r->body.length);
    buf_release(&r->body);
    reply_release(&r->reply);
    q->server->requests--;
    free(q);
}

/* --- those that sleep --------------------------------------------------------------------------------------------------- */

static void to_lane(struct server_request *q, uint32_t lane) {
    struct server *s = q->server;
    q->on_lane = true;
    q->before = NULL;
    q->after = s->asleep;
    if (s->asleep)
        s->asleep->before = q;
    s->asleep = q;
    MHD_suspend_connection(q->mhd);
    worker_submit(s->api->worker, &q->r.work, &request_class, lane);
}

static void awake(struct server_request *q) {
    *(q->before ? &q->before->after : &q->server->asleep) = q->after;
    if (q->after)
        q->after->before = q->before;
    server_wake(q->server, q->mhd);
}

/* --- the end of a request ----------------------------------------------------------------------------------------------- */

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code) {
    struct server_request *q = *context;
    (void)cls;
    (void)mhd;
    (void)code;
    *context = NULL;
    if (!q)
        return;
    struct connection *c = q->connection;
    if (c) {
        c->now = NULL;
        set_deadline(c, SERVER_HEAD_MS);
    }
    if (q->on_lane)
        q->left = true; /* freed when it comes back */
    else
        request_free(q);
}

/* Called when the request's line is there. */
static void *on_line(void *cls, const char *uri, struct MHD_Connection *mhd) {
    struct server *s = cls;
    struct server_request *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->server = s;
    q->mhd = mhd;
    q->connection = connection_of(mhd);
    q->r.api = s->api;
    q->r.begun_us = clock_mono_us();
    q->r.server = q;
    q->r.path = strndup(uri, strcspn(uri, "?"));
    buf_init(&q->r.body, 0);
    reply_init(&q->r.reply);
    if (q->connection) {
        q->connection->now = q;
        q->connection->rest = 0;
    }
    s->requests++;
    return q;
}

static size_t keep_escaped(void *cls, struct MHD_Connection *mhd, char *text) {
    (void)cls;
    (void)mhd;
    return strlen(text);
}

/* Before any of the body is read. False: the reply is set. */
static bool begin(struct server_request *q, const char *method) {
    struct request *r = &q->r;
    char allowed[64];
    if (!q->connection) {
        reply_later(r, 1, "out of memory");
        return false;
    }
    if (!head_take(r, q->mhd, method))
        return false;
    if (!admit_host(r))
        return false;
    r->route = route_find(strcmp(method, "HEAD") == 0 ? "GET" : method, r->path, r->vars, allowed);
    if (!r->route && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) && web_serves(r->path))
        r->route = &web_route;
    if (!r->route) {
        if (*allowed) {
            reply_problem(r, 405, "%s takes %s", r->path, allowed);
            reply_header(r, "Allow", "%s", allowed);
        } else
            reply_problem(r, 404, "there is no %s", r->path);
        return false;
    }
    if (!admit_request(r) || !head_allows_body(r))
        return false;
    buf_init(&r->body, r->route->body_max);
    set_deadline(q->connection, SERVER_BODY_MS);
    return true;
}

/* Of a body that was refused. */
static size_t rest_max(const struct request *r) {
    return (r->route ? head_body_max(r) : 0) + SERVER_REST_BYTES;
}

static bool parse_body(struct request *r) {
    struct err err = {0};
    if (!(r->route->flags & (ROUTE_JSON | ROUTE_JSON_OPT)) || (r->body.length == 0 && (r->route->flags & ROUTE_JSON_OPT)))
        return true;
    if (json_check(buf_text(&r->body), r->body.length, &json_rules_config, &err)) {
        reply_problem(r, 400, "the body is no JSON: %s", err.text);
        return false;
    }
    r->json = cJSON_ParseWithLength(buf_text(&r->body), r->body.length);
    if (!cJSON_IsObject(r->json)) {
        reply_invalid(r, "", "must be an object");
        return false;
    }
    return true;
}

/* On the lane. */
static void lane_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct request *r = HEAP_ENTRY(items[i], struct request, work);
        r->route->handle(r);
    }
}

static void finish(struct server_request *q) {
    struct request *r = &q->r;
    if (r->route && r->route->finish)
        r->route->finish(r);
    if (!r->reply.status && !r->waiting)
        reply_problem(r, 500, "no answer was made");
    q->done = !r->waiting;
}

void server_answer(struct request *r) {
    struct server_request *q = r->server;
    r->waiting = false;
    loop_timer_cancel(q->server->api->loop, &r->timer);
    if (!r->reply.status)
        reply_problem(r, 500, "no answer was made");
    q->done = true;
    awake(q);
}

/* Its handler wants to be called on another lane, too. */
static bool on_again(struct server_request *q) {
    struct request *r = &q->r;
    const uint32_t lane = admit_lane(r);
    if (!r->again || r->reply.status || !admit_lane_free(r, lane))
        return false;
    r->again = false;
    q->on_lane = true;
    worker_submit(q->server->api->worker, &r->work, &request_class, lane);
    return true;
}

static void lane_done(struct work *item) {
    struct request *r = HEAP_ENTRY(item, struct request, work);
    struct server_request *q = r->server;
    q->on_lane = false;
    if (q->left) {
        request_free(q);
        return;
    }
    if (on_again(q))
        return;
    finish(q);
    if (q->done)
        awake(q);
}

/* The whole request is there. True: it waits for a lane. */
static bool serve(struct server_request *q) {
    struct request *r = &q->r;
    loop_timer_cancel(q->server->api->loop, &q->connection->deadline);
    if (!parse_body(r)) {
        q->done = true;
        return false;
    }
    if (!(r->route->flags & ROUTE_LANE)) {
        r->route->handle(r);
        finish(q);
        return false;
    }
    const uint32_t lane = admit_lane(r);
    if (!admit_lane_free(r, lane)) {
        q->done = true;
        return false;
    }
    if (r->route->prepare && !r->route->prepare(r)) {
        finish(q);
        return false;
    }
    to_lane(q, lane);
    return true;
}

/* --- answers ------------------------------------------------------------------------------------------------------------ */

static struct MHD_Response *response_of(struct server_request *q) {
    struct reply *reply = &q->r.reply;
    if (reply->stream)
        return events_response(q->server->api->events, &q->r, q->mhd);
    if (reply->fd >= 0) {
        struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(reply->length, reply->fd, reply->offset);
        if (response)
            reply->fd = -1;
        return response;
    }
    if (reply->fixed) {
        /* Never written to: the constant bytes of the program. */
        union {
            const void *in;
            void *out;
        } bytes = {.in = reply->fixed};
        return MHD_create_response_from_buffer(reply->fixed_length, bytes.out, MHD_RESPMEM_PERSISTENT);
    }
    size_t length = reply->body.length;
    char *bytes = length ? buf_take(&reply->body) : NULL;
    struct MHD_Response *response = MHD_create_response_from_buffer(length, bytes, bytes ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!response)
        free(bytes);
    return response;
}

static enum MHD_Result answer(struct server_request *q) {
    struct request *r = &q->r;
    admit_seal(r);
    metrics_count(r);
    struct MHD_Response *response = response_of(q);
    if (!response)
        return MHD_NO;
    q->queued = true;
    if (r->reply.type)
        MHD_add_response_header(response, "Content-Type", r->reply.type);
    for (size_t i = 0; i < r->reply.header_count; i++)
        MHD_add_response_header(response, r->reply.headers[i].name, r->reply.headers[i].value);
    enum MHD_Result result = MHD_queue_response(q->mhd, r->reply.status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result take_piece(struct server_request *q, const char *bytes, size_t *length) {
    struct request *r = &q->r;
    size_t got = *length;
    *length = 0;
    q->received += got;
    /* The rest of a body that was refused in its middle: an answer can be given at its end only, which is not waited for long. */
    if (q->done)
        return q->received > rest_max(r) ? MHD_NO : MHD_YES;
    if (r->route->upload) {
        if (q->received > head_body_max(r))
            reply_problem(r, 413, "the body may have at most %zu bytes", head_body_max(r));
        else if (r->route->upload(r, bytes, got))
            return MHD_YES;
        q->done = true;
        return MHD_YES;
    }
    enum rc rc = buf_add(&r->body, bytes, got);
    if (rc) {
        if (rc == RC_PERM)
            reply_problem(r, 413, "the body may have at most %zu bytes", r->route->body_max);
        else
            reply_later(r, 1, "out of memory");
        q->done = true;
    }
    return MHD_YES;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method, const char *version, const char *bytes,
                              size_t *length, void **context) {
    struct server_request *q = *context;
    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    if (!q)
        return MHD_NO;
    if (!q->begun) {
        q->begun = true;
        if (!begin(q, method)) {
            q->done = true;
            if (q->connection)
                q->connection->rest = rest_max(&q->r);
            return answer(q);
        }
        return MHD_YES;
    }
    if (*length)
        return take_piece(q, bytes, length);
    if (!q->done && serve(q))
        return MHD_YES;
    return q->done && !q->queued ? answer(q) : MHD_YES;
}

/* --- start and stop ----------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *format, va_list args) {
    char text[400];
    (void)cls;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    log_debug("http: %s", text);
}

enum rc server_start(struct api *api, int listen_fd, const char *certificate, const char *key, struct server **out, struct err *err) {
    struct server *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) {
        close(listen_fd);
        return err_set(err, RC_TEMP, "out of memory");
    }
    s->api = api;
    s->rests.loop = api->loop;
    const bool tls = certificate && key;
    struct MHD_OptionItem options[] = {{MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, NULL}, /* first, so that it hears of the others */
                                       {MHD_OPTION_LISTEN_SOCKET, listen_fd, NULL},
                                       {MHD_OPTION_CONNECTION_LIMIT, SERVER_CONNECTIONS, NULL},
                                       {MHD_OPTION_PER_IP_CONNECTION_LIMIT, *api->options->origin ? 0 : SERVER_CONNECTIONS_OF_ONE, NULL},
                                       {MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, NULL},
                                       {MHD_OPTION_CONNECTION_MEMORY_LIMIT, SERVER_HEAD_BYTES, NULL},
                                       {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
                                       {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, NULL},
                                       {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
                                       {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_line, s},
                                       {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escaped, NULL},
                                       {tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, tls ? (void *)(uintptr_t)certificate : NULL},
                                       {MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? (void *)(uintptr_t)key : NULL},
                                       {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)(const void *)"NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3"},
                                       {MHD_OPTION_END, 0, NULL}};
    s->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, handle, s,
                                 MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!s->daemon) {
        close(listen_fd);
        free(s);
        return err_set(err, RC_FATAL, "the HTTP server cannot start%s", tls ? ": are certificate and key a pair of PEM files?" : "");
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    enum rc rc = info ? loop_fd_start(api->loop, &s->watch, info->epoll_fd, EPOLLIN, ready, err) : err_set(err, RC_FATAL, "libmicrohttpd has no epoll");
    if (rc) {
        MHD_stop_daemon(s->daemon);
        free(s);
        return rc;
    }
    plan(s);
    *out = s;
    return RC_OK;
}

void server_stop(struct server *s) {
    struct err ignored = {0};
    if (!s)
        return;
    MHD_socket listening = MHD_quiesce_daemon(s->daemon);
    if (listening != MHD_INVALID_SOCKET)
        close(listening);
    events_close(s->api->events);
    s->stopping = true;
    eventfd_write(s->api->stop_fd, 1);
    const int64_t end = clock_mono_ms() + DRAIN_MS;
    run(s);
    while ((s->requests || worker_pending(s->api->worker)) && clock_mono_ms() < end)
        loop_turn(s->api->loop, 50, &ignored);
    /* libmicrohttpd ends the program when a connection sleeps. What lanes still have comes back to lane_done. */
    for (const struct server_request *q = s->asleep; q; q = q->after)
        MHD_resume_connection(q->mhd);
    loop_timer_cancel(s->api->loop, &s->timer);
    loop_fd_cancel(s->api->loop, &s->watch);
    MHD_stop_daemon(s->daemon);
    rests_end(&s->rests);
}

bool server_stopping(const struct server *s) {
    return s->stopping;
}

void server_free(struct server *s) {
    free(s);
}
