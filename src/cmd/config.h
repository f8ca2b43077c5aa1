// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CONFIG_H
#define CMD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "cmd/config_httpd.h"
#include "cmd/config_notices.h"
#include "cmd/config_sources.h"
#include "engine/engine.h"

/* etc/batchspool.json: comments allowed, every key overridable by BATCHSPOOL_<KEY> (DESIGN 8). */

#define CONFIG_CAPS_MAX 16

struct config {
    char file[4096];    /* what was read; "" when defaults were taken */
    char spool[4096];   /* absolute */
    char sources[4096]; /* absolute; default: sources/ beside the configuration */
    char source_settings[CONFIG_SOURCE_SETTINGS_BYTES];
    char credentials[4096];       /* "" none; default $CREDENTIALS_DIRECTORY */
    char record_store[32];        /* "lmdb" */
    char node[65];                /* default: the host's name */
    char ca_file[4096];           /* "" none */
    unsigned rescan_interval_s;   /* 10 */
    unsigned max_concurrent_jobs; /* 8 */
    unsigned max_active;          /* 1000 */
    char helpers[4096];           /* "": beside the program itself */
    unsigned max_helpers;         /* 0: one for each processor */
    unsigned sync_threads;        /* 4 */
    unsigned loaders;             /* 1 */
    unsigned priority_ageing_s;   /* 60; 0: no ageing */
    enum log_level log_level;
    bool log_json;
    unsigned job_retention_days, payload_retention_months; /* 90, 1 */
    bool job_retention_hold;                               /* the environment said it: over what sources say */
    bool archive;                                          /* true */
    bool sitemap_private_hosts;                            /* false */
    struct cost_cap daily_cost_caps[CONFIG_CAPS_MAX];      /* one a currency */
    unsigned daily_cost_cap_count;
    unsigned stuck_after_s;   /* 900; struct stuck_options */
    unsigned stuck_waiting_s; /* 21600 */
    struct config_httpd httpd;
    struct notify_settings notices;
};

/* file: --config FILE or NULL (BATCHSPOOL_CONFIG, else etc/batchspool.json in the working directory when it is there, else /etc/batchspool/batchspool.json,
 * else defaults). spool_override: --spool or NULL (then BATCHSPOOL_SPOOL, the file, spool/ in a checkout, /var/spool/batchspool). Unknown keys are errors with
 * the nearest name. RC_FATAL with err (exit code 78). */
enum rc config_load(const char *file, const char *spool_override, struct config *config, struct err *err);

/* Take over from a configuration that was read later what can change while a daemon runs. told hears of each key that differs: live, or only after a restart.
 */
typedef void config_told(void *context, const char *key, bool live);
void config_adopt(struct config *config, const struct config *fresh, config_told *told, void *context);

struct retention_limits config_retention(const struct config *config);

#endif
