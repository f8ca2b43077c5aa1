// SPDX-License-Identifier: Apache-2.0
#ifndef API_API_H
#define API_API_H

#include "api/board.h"
#include "engine/engine.h"
#include "engine/sources.h"
#include "os/loop.h"
#include "os/worker.h"
#include "spool/layout.h"

#define API_VERSION "1" /* of docs/openapi.yaml */

/* What all parts of the web program share. Made once at start; spool, options and web_root do not change until it ends. */

struct events;
struct server;
struct follow;
struct payload_runs;
struct tidy;
struct who;
struct gate;
struct buckets;
struct trend;
struct recent;
struct suggestions;
struct outlook;
struct metrics;
struct health;
struct notice_watch;
struct notify_settings;

struct api_options {
    const char *web_root; /* "" : the dashboard that is built in */
    const char *sources_dir;
    const char *ca_file; /* "": the system's alone */
    bool sitemap_private_hosts;
    const char *source_settings; /* as of engine_options */
    const char *origin;          /* of the proxy in front, "https://batch.example.com"; "" none */
    bool tls;
    uint64_t upload_max_bytes;
    unsigned stuck_after_s, stuck_waiting_s;
    unsigned max_concurrent_jobs; /* of the daemon */
    const struct cost_cap *caps;  /* daily_cost_caps */
    unsigned cap_count;
    const struct notify_settings *notices;
};

struct api {
    struct loop *loop;
    struct worker *worker;
    const struct spool *spool;
    const struct api_options *options;
    struct sources *sources; /* of the lane of ROUTE_SOURCES */
    int stop_fd;             /* an eventfd: readable once the program is to end; for what waits on a lane */
    int64_t started_us;
    struct board *board;       /* loop only */
    struct follow *follow;     /* loop only */
    struct events *events;     /* loop only */
    struct server *server;     /* loop only */
    struct payload_runs *runs; /* loop only */
    struct tidy *tidy;         /* loop only */
    struct who *who;           /* loop only, but for who_secret */
    const struct gate *gate;
    struct buckets *buckets;         /* loop only */
    struct trend *trend;             /* loop only */
    struct recent *recent;           /* loop only */
    struct outlook *outlook;         /* loop only */
    struct suggestions *suggestions; /* loop only */
    struct metrics *metrics;         /* loop only */
    struct health *health;           /* loop only */
    struct notice_watch *notices;    /* loop only */
};

#endif
