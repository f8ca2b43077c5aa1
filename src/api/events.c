// SPDX-License-Identifier: Apache-2.0
#include "api/events.h"

#include "api/admit.h"
#include "api/listing.h"
#include "api/server.h"
#include "base/clock.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MS 2000
#define BLOCK_BYTES 8192u
#define OUT_MOST (1024u * 1024u)

struct event {
    char name[16];
    char *owner; /* NULL: for all */
    char *data;
    bool admin;
};

struct listener {
    struct events *events;
    struct MHD_Connection *connection;
    struct principal who;
    uint64_t next; /* number of the event that it gets next */
    struct buf out;
    size_t sent; /* of out */
    int64_t end_ms;
    bool asleep, beat, resync, closed;
    struct listener *before, *after;
};

struct events {
    struct api *api;
    struct event ring[EVENTS_KEPT];
    uint64_t count; /* events there ever were: the newest is count */
    int64_t epoch;  /* tells the numbers of this start from those of another */
    struct listener *first;
    size_t listeners;
    struct loop_timer beat, queue;
    uint64_t queue_hash;
};

static void wake(struct listener *l) {
    if (!l->asleep)
        return;
    l->asleep = false;
    server_wake(l->events->api->server, l->connection);
}

static void wake_all(struct events *e) {
    for (struct listener *l = e->first; l; l = l->after)
        wake(l);
}

static bool hears(const struct listener *l, const struct event *event) {
    if (event->admin)
        return l->who.role == ROLE_ADMIN;
    return !event->owner || admit_sees(&l->who, event->owner);
}

static struct event *event_of(struct events *e, uint64_t number) {
    return &e->ring[number % EVENTS_KEPT];
}

void events_put(struct events *e, const char *name, const char *owner, bool admin, cJSON *json) {
    char *data = json ? cJSON_PrintUnformatted(json) : NULL;
    char *whose = owner ? strdup(owner) : NULL;
    cJSON_Delete(json);
    if (!data || (owner && !whose)) {
        cJSON_free(data);
        free(whose);
        return;
    }
    struct event *event = event_of(e, ++e->count);
    free(event->owner);
    cJSON_free(event->data);
    *event = (struct event){.owner = whose, .data = data, .admin = admin};
    str_copy(event->name, sizeof event->name, name);
    for (struct listener *l = e->first; l; l = l->after)
        if (hears(l, event))
            wake(l);
}

void events_resync(struct events *e) {
    for (struct listener *l = e->first; l; l = l->after)
        l->resync = true;
    wake_all(e);
}

size_t events_listeners(const struct events *e) {
    return e->listeners;
}

/* --- jobs and figures --------------------------------------------------------------------------------------------------- */

static cJSON *files_json(const struct board_row *row) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "job_id", row->id);
    cJSON_AddNumberToObject(json, "captured_batches", row->captured_batches);
    cJSON_AddNumberToObject(json, "loaded_batches", row->loaded_batches);
    cJSON_AddNumberToObject(json, "failed_batches", row->failed_batches);
    cJSON_AddNumberToObject(json, "unknown_batches", row->unknown_batches);
    return json;
}

/* What waits and runs, when it is not what was told last. */
static void tell_queue(struct events *e) {
    cJSON *json = listing_figures(e->api);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = text; at && *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    cJSON_free(text);
    if (hash == e->queue_hash) {
        cJSON_Delete(json);
        return;
    }
    e->queue_hash = hash;
    events_put(e, "queue", NULL, false, json);
}

void events_queue(struct events *e) {
    e->queue_hash = 0;
    if (e->listeners)
        tell_queue(e);
}

static void queue_due(struct loop_timer *timer) {
    tell_queue(HEAP_ENTRY(timer, struct events, queue));
}

void events_job(struct events *e, const struct board_change *change, const struct job_row *row) {
    const struct board_row *on = change->row;
    if (!loop_timer_started(&e->queue) && e->listeners && (change->fresh || change->moved))
        loop_timer_start(e->api->loop, &e->queue, clock_mono_ms() + QUEUE_MS, queue_due);
    if (!change->fresh && !change->moved && !change->progressed)
        return;
    events_put(e, "job", row->created_by, false, listing_row_json(row, on->waiting));
    if (change->files)
        events_put(e, "file", row->created_by, false, files_json(on));
}

/* --- streams ------------------------------------------------------------------------------------------------------------ */

static void format_event(const struct events *e, const struct event *event, uint64_t number, struct buf *out) {
    (void)buf_printf(out, "id: %lld-%llu\nevent: %s\ndata: %s\n\n", (long long)e->epoch, (unsigned long long)number, event->name, event->data);
}

/* What there is to send now, a block or a little more. */
static void fill(struct listener *l) {
    struct events *e = l->events;
    buf_reset(&l->out);
    l->sent = 0;
    if (e->count >= EVENTS_KEPT && l->next <= e->count - EVENTS_KEPT)
        l->resync = true;
    if (l->resync) {
        l->resync = false;
        l->next = e->count + 1;
        (void)buf_printf(&l->out, "id: %lld-%llu\nevent: resync\ndata: {}\n\n", (long long)e->epoch, (unsigned long long)e->count);
    }
    for (; l->next <= e->count && l->out.length < BLOCK_BYTES; l->next++) {
        const struct event *event = event_of(e, l->next);
        if (hears(l, event))
            format_event(e, event, l->next, &l->out);
    }
    if (l->beat && !l->out.length)
        (void)buf_add_text(&l->out, ": still here\n\n");
    l->beat = false;
}

static ssize_t read_some(void *cls, uint64_t at, char *bytes, size_t most) {
    struct listener *l = cls;
    (void)at;
    if (l->sent == l->out.length)
        fill(l);
    size_t some = l->out.length - l->sent < most ? l->out.length - l->sent : most;
    if (some) {
        memcpy(bytes, l->out.data + l->sent, some);
        l->sent += some;
        return (ssize_t)some;
    }
    if (l->closed || clock_mono_ms() >= l->end_ms)
        return MHD_CONTENT_READER_END_OF_STREAM;
    l->asleep = true;
    server_sleep(l->events->api->server, l->connection);
    return 0;
}

static void listener_free(void *cls) {
    struct listener *l = cls;
    struct events *e = l->events;
    if (l->before)
        l->before->after = l->after;
    else
        e->first = l->after;
    if (l->after)
        l->after->before = l->before;
    e->listeners--;
    buf_release(&l->out);
    free(l);
}

static void beat_due(struct loop_timer *timer) {
    struct events *e = HEAP_ENTRY(timer, struct events, beat);
    for (struct listener *l = e->first; l; l = l->after) {
        l->beat = true;
        l->closed = l->closed || !admit_holds(e->api, &l->who);
    }
    wake_all(e);
    if (e->listeners)
        loop_timer_start(e->api->loop, &e->beat, clock_mono_ms() + EVENTS_BEAT_MS, beat_due);
}

/* From where a client that comes back goes on. */
static void find_start(struct listener *l, const char *last) {
    struct events *e = l->events;
    char text[64];
    uint64_t epoch, number;
    l->next = e->count + 1;
    if (!last)
        return;
    l->resync = true;
    if (!str_copy(text, sizeof text, last) || !strchr(text, '-'))
        return;
    char *dash = strchr(text, '-');
    *dash = '\0';
    if (!str_to_u64(text, 0, INT64_MAX, &epoch) || !str_to_u64(dash + 1, 0, UINT64_MAX / 2, &number) || (int64_t)epoch != e->epoch || number > e->count)
        return;
    l->resync = false;
    l->next = number + 1;
}

void events_handle(struct request *r) {
    if (r->api->events->listeners >= EVENTS_LISTENERS) {
        reply_later(r, 30, "too many listeners");
        return;
    }
    reply_body(r, 200, "text/event-stream");
    r->reply.stream = true;
    reply_header(r, "X-Accel-Buffering", "no");
}

struct MHD_Response *events_response(struct events *e, struct request *r, struct MHD_Connection *connection) {
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->events = e;
    l->connection = connection;
    l->who = r->who;
    l->end_ms = clock_mono_ms() + EVENTS_LIFE_MS;
    buf_init(&l->out, OUT_MOST);
    find_start(l, request_header(r, "Last-Event-ID") ? request_header(r, "Last-Event-ID") : request_query(r, "last_event_id"));
    l->after = e->first;
    if (e->first)
        e->first->before = l;
    e->first = l;
    e->listeners++;
    if (!loop_timer_started(&e->beat))
        loop_timer_start(e->api->loop, &e->beat, clock_mono_ms() + EVENTS_BEAT_MS, beat_due);
    l->beat = true; /* a first byte, so that the client knows that it is heard */
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_some, l, listener_free);
    if (!response)
        listener_free(l);
    return response;
}

/* --- start and stop ----------------------------------------------------------------------------------------------------- */

struct events *events_new(struct api *api) {
    struct events *e = calloc(1, sizeof *e);
    if (e) {
        e->api = api;
        e->epoch = clock_wall_us() / 1000;
    }
    return e;
}

void events_close(struct events *e) {
    for (struct listener *l = e->first; l; l = l->after)
        l->closed = true;
    wake_all(e);
}

void events_free(struct events *e) {
    if (!e)
        return;
    loop_timer_cancel(e->api->loop, &e->beat);
    loop_timer_cancel(e->api->loop, &e->queue);
    for (size_t i = 0; i < EVENTS_KEPT; i++) {
        free(e->ring[i].owner);
        cJSON_free(e->ring[i].data);
    }
    free(e);
}
