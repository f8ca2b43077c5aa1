// SPDX-License-Identifier: Apache-2.0
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "api/request.h"

/* Every path of the API is a row of one table (routes.c): DESIGN 9 and docs/openapi.yaml, which a test holds against each other. */

enum route_flag {
    ROUTE_PUBLIC = 1,    /* needs nobody to be signed in (who may be there all the same) */
    ROUTE_JOB = 2,       /* {id} is a job; 404 unless the board knows it and the principal may see it; r->job is its row */
    ROUTE_LANE = 4,      /* handle runs on a worker lane: it may block, and uses neither board nor index nor events */
    ROUTE_JSON = 8,      /* the body must be a JSON object: r->json */
    ROUTE_JSON_OPT = 16, /* the same, or no body at all */
    ROUTE_UPLOAD = 32,   /* the body goes piece by piece to `upload`; stricter rate limit */
    ROUTE_LOGIN = 64,    /* the strictest rate limit */
    ROUTE_SESSION = 512, /* begins a session or goes on with one: programs and our own pages may, forms of other sites not */
    ROUTE_USERS = 256,   /* of ROUTE_LANE: on the one lane that hashes passwords, with ROUTE_LOGIN */
    ROUTE_SOURCES = 128, /* of ROUTE_LANE: on the one lane that api->sources belongs to */
    ROUTE_HEAVY = 1024,  /* of ROUTE_LANE: reads all journals, or acts on many jobs: one after another, and not many at a time */
    ROUTE_FETCH = 2048,  /* of ROUTE_LANE: asks other hosts, which may take a minute, on lanes of its own; with ROUTE_SOURCES a body that has a sitemap does so
                            first, and its handler is called once more then (request.h, again) */
    ROUTE_SHOWN = 4096   /* answers with a document that the browser shows (GATE_SHOWN) */
};

/* On the loop. A piece of the body. False: the reply is set, and what still comes is thrown away. */
typedef bool route_upload(struct request *r, const char *bytes, size_t length);

struct route {
    const char *method, *path; /* "{name}" stands for one segment */
    const char *operation;     /* operationId */
    enum role role;            /* the least that may */
    unsigned flags;
    enum scope scope;     /* of a key; SCOPE_PERSON: no key may */
    enum scope env_scope; /* SCOPE_PROCESS, SCOPE_CRON: secrets of the environment are good here, too; else SCOPE_PERSON */
    void (*handle)(struct request *r);
    /* For ROUTE_LANE: called on the loop first; false: the reply is set. May be NULL. */
    bool (*prepare)(struct request *r);
    /* For ROUTE_LANE: called on the loop with what handle answered: changes it, or waits for something (r->waiting, server_answer). May be NULL. */
    void (*finish)(struct request *r);
    size_t body_max; /* bytes; 0: no body */
    route_upload *upload;
};

extern const struct route routes[]; /* ends with method NULL */

/* The row for a request, vars filled with the decoded segments (malloc'ed). NULL: none; *allowed then lists the methods of the path ("GET, POST"), "" when
 * there is no such path. */
const struct route *route_find(const char *method, const char *path, char *vars[REQUEST_VARS], char allowed[64]);
/* One line a row: "METHOD PATH operationId role flags". */
void route_print(void);

#endif
