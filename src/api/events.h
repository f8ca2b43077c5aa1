// SPDX-License-Identifier: Apache-2.0
#ifndef API_EVENTS_H
#define API_EVENTS_H

#include "api/api.h"
#include "api/request.h"

/*
 * Live events (text/event-stream). One ring of the newest EVENTS_KEPT events serves all listeners, each of whom has only a position in it: a slow one that
 * falls out of the ring, and one that comes back with a Last-Event-ID that is too old or of another start of the program, gets `resync` and must ask again.
 * Names: `job` (a row as the list has it), `file` (counts of a job's payloads), `queue` (figures), `notice`, `resync`. A listener hears of the jobs that it may
 * see. The loop's alone.
 */
#define EVENTS_KEPT 4096u
#define EVENTS_LISTENERS 1000u
#define EVENTS_BEAT_MS 15000
#define EVENTS_LIFE_MS 840000 /* then the stream ends and the client comes back, signed in afresh */

struct events;
struct MHD_Connection;
struct MHD_Response;

struct events *events_new(struct api *api); /* NULL: out of memory */
void events_free(struct events *events);
void events_close(struct events *events); /* every stream ends */

void events_job(struct events *events, const struct board_change *change, const struct job_row *row);
/* json is taken. owner: whose job it is about, NULL: for all; admin: only for those. */
void events_put(struct events *events, const char *name, const char *owner, bool admin, cJSON *json);
/* The figures of the queue, whether they changed or not: something about it has. */
void events_queue(struct events *events);
void events_resync(struct events *events);
size_t events_listeners(const struct events *events);

/* The handler of GET /api/events, and the server's part of it: the response of a reply that is a stream. NULL: out of memory. */
void events_handle(struct request *r);
struct MHD_Response *events_response(struct events *events, struct request *r, struct MHD_Connection *connection);

#endif
