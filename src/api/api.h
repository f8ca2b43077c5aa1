// SPDX-License-Identifier: Apache-2.0
#ifndef API_API_H
#define API_API_H

#include "api/board.h"
#include "engine/sources.h"
#include "os/loop.h"
#include "os/worker.h"
#include "spool/layout.h"

/* What all parts of the web program share. Made once at start; spool, options and web_root do not change until it ends. */

struct events;
struct server;
struct follow;
struct payload_runs;

struct api_options {
    const char *web_root; /* "" : the dashboard that is built in */
    const char *sources_dir;
    const char *origin; /* of the proxy in front, "https://batch.example.com"; "" none */
    bool tls;
    uint64_t upload_max_bytes;
    unsigned stuck_after_s, stuck_waiting_s;
};

struct api {
    struct loop *loop;
    struct worker *worker;
    const struct spool *spool;
    const struct api_options *options;
    struct sources *sources; /* of the lane of ROUTE_SOURCES */
    int64_t started_us;
    struct board *board;   /* loop only */
    struct follow *follow; /* loop only */
    struct events *events; /* loop only */
    struct server *server; /* loop only */
    struct payload_runs *runs; /* loop only */
};

#endif
