// SPDX-License-Identifier: Apache-2.0
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/principal.h"
#include "api/reply.h"
#include "base/buf.h"
#include "os/loop.h"
#include "os/worker.h"
#include "spool/job.h"

/*
 * One request from its first byte to its answer. The loop has it until a handler that belongs on a lane is submitted, then the lane has it, then the loop again
 * (os/worker.h): nobody else touches it meanwhile. What a client sent is decoded and bounded before a handler sees it: no NUL, valid UTF-8.
 */

#define REQUEST_VARS 2          /* {id} and {batch} of a path */
#define REQUEST_FIELDS_MAX 48   /* query parameters and header fields, each */
#define REQUEST_VALUE_MAX 4096u /* bytes of one of them */

struct api;
struct route;

struct request_field {
    char *name, *value; /* decoded; owned by the request */
};

struct request {
    struct api *api; /* spool and configuration may be read on a lane; board, index and events on the loop alone */
    const struct route *route;
    char method[8];
    char *path; /* as sent, without the query */
    char *vars[REQUEST_VARS];
    struct request_field query[REQUEST_FIELDS_MAX], headers[REQUEST_FIELDS_MAX];
    size_t query_count, header_count;
    int64_t begun_us; /* clock_mono_us when its first line was there */
    char client[64];  /* address of the peer, or what a trusted proxy says of it; "unix" */
    struct principal who;
    struct job_row *job; /* of routes with ROUTE_JOB: the row of {id} as the board knew it when the request came; owned */
    struct buf body;
    cJSON *json; /* of routes with ROUTE_JSON: the body, an object that json_check accepted; owned */
    struct reply reply;
    void *own; /* what the handler keeps from its part on the loop to that on the lane, or between calls */
    void (*own_release)(void *own);
    struct work work;
    struct loop_timer timer;       /* for a route whose `finish` waits for something */
    bool waiting;                  /* set by `finish`: the answer comes by server_answer */
    bool again;                    /* set by `handle` on a lane, and no reply: it is called once more, on the lane that the request belongs to now */
    cJSON *beside;                 /* what the answer says beside the rest; owned */
    struct server_request *server; /* the server's */
};

/* A query parameter or header field (any case); NULL when it was not sent. Of several the first. */
const char *request_query(const struct request *r, const char *name);
const char *request_header(const struct request *r, const char *name);
/* A number parameter: *out stays as it is when it was not sent. False, and a reply of 400 that names it, when it is none from least to most. */
bool request_number(struct request *r, const char *name, uint64_t least, uint64_t most, uint64_t *out);
/* `true`, `false`, `1`, `0`; like request_number. */
bool request_flag(struct request *r, const char *name, bool *out);
/* A member of the JSON body: NULL when it is not there. False, and a reply of 422 with its Pointer, when it is there and no string (longer than max bytes, or
 * empty), or missing though required. */
bool request_text(struct request *r, const char *member, size_t max_bytes, bool required, const char **out);
/* Refuse members of the body that are not in the list (ends with NULL): 422 with the Pointer and the nearest name. */
bool request_members(struct request *r, const char *const *known);

#endif
