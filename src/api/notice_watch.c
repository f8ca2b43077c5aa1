// SPDX-License-Identifier: Apache-2.0
#include "api/notice_watch.h"

#include "api/board.h"
#include "api/events.h"
#include "api/server.h"
#include "api/signin.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/notice_files.h"
#include "notify/notifier.h"
#include "os/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#define KEEP_MS 10000
#define COUNT_MOST 100000u
#define TOLD_COUNT 64u
#define TEST_LOOK_MS 50
#define TEST_MOST_MS 15000

struct notice_watch {
    struct api *api;
    struct watch *watch;
    struct notice_counts counts;
    int64_t counted_ms;
    bool dirty;
    uint64_t told[TOLD_COUNT]; /* what was told last: several recipients have a notice of one thing */
    size_t told_at;
};

/* --- live events ------------------------------------------------------------------------------------------------------- */

static const char *level_of(enum notice_kind kind) {
    return kind == NOTICE_COMPLETED ? "info" : kind == NOTICE_JOB_FAILED || kind == NOTICE_FILE_FAILED || kind == NOTICE_UNAUTHORIZED ? "error" : "warning";
}

static bool told_before(struct notice_watch *w, const char *kind, const char *text, const char *job_id) {
    uint64_t hash = UINT64_C(14695981039346656037);
    const char *const parts[] = {kind, text, job_id};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (const char *at = parts[i]; *at; at++)
            hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    for (size_t i = 0; i < TOLD_COUNT; i++)
        if (w->told[i] == hash)
            return true;
    w->told[w->told_at++ % TOLD_COUNT] = hash;
    return false;
}

static void tell(struct notice_watch *w, const struct notice *notice, const char *level, const char *kind, const char *text, bool admin) {
    const struct board_row *row = notice->job_id[0] ? board_find(w->api->board, notice->job_id) : NULL;
    const char *source = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(notice->values, "source"));
    char now[CLOCK_RFC3339_SIZE];
    cJSON *json = cJSON_CreateObject();
    clock_format_rfc3339(clock_wall_us(), 3, now);
    cJSON_AddStringToObject(json, "level", level);
    cJSON_AddStringToObject(json, "kind", kind);
    cJSON_AddStringToObject(json, "text", text);
    if (notice->job_id[0])
        cJSON_AddStringToObject(json, "job_id", notice->job_id);
    if (source && *source)
        cJSON_AddStringToObject(json, "source", source);
    cJSON_AddStringToObject(json, "ts", now);
    events_put(w->api->events, "notice", row ? row->owner : NULL, admin || !row, json);
}

static void came(struct notice_watch *w, enum notice_state state, const char *name) {
    struct notice_seen_file seen;
    struct err err = {0};
    char id[JOBID_SIZE], text[1200];
    if (!jobid_from_file(name, id) || notice_files_look(w->api->spool, id, &seen, &err))
        return;
    const struct notice *notice = &seen.notice;
    const char *subject = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(notice->values, "subject"));
    if (!seen.rc && state == NOTICE_FAILED) {
        str_format(text, sizeof text, "A notice was not sent%s%.300s", *seen.why ? ": " : "", seen.why);
        tell(w, notice, "error", "notice_failed", text, true);
    } else if (!seen.rc && state == NOTICE_PENDING && notice->kind != NOTICE_TEST && notice->kind != NOTICE_DIGEST && subject &&
               !told_before(w, notice_kind_name(notice->kind), subject, notice->job_id)) {
        str_printable(text, sizeof text, subject, strlen(subject));
        tell(w, notice, level_of(notice->kind), notice_kind_name(notice->kind), text, false);
    }
    notice_files_release(&seen);
}

static void changed(void *context, int tag, uint32_t mask, const char *name) {
    struct notice_watch *w = context;
    w->dirty = true;
    if (mask & IN_MOVED_TO)
        came(w, (enum notice_state)tag, name);
}

/* --- counts ------------------------------------------------------------------------------------------------------------ */

static bool newest_error(struct notice_watch *w, enum notice_state state) {
    char(*ids)[JOBID_SIZE] = NULL;
    size_t count = 0;
    struct notice_seen_file seen;
    struct err err = {0};
    bool found = false;
    if (notice_files_ids(w->api->spool, state, 1, &ids, &count, &err) == RC_OK && count && notice_files_look(w->api->spool, ids[0], &seen, &err) == RC_OK) {
        str_copy(w->counts.last_error, sizeof w->counts.last_error, seen.why);
        found = *seen.why != '\0';
        notice_files_release(&seen);
    }
    free(ids);
    return found;
}

const struct notice_counts *notice_watch_counts(struct notice_watch *w) {
    static const struct notice_counts none = {.pending = 0};
    const int64_t now_ms = clock_mono_ms();
    struct err err = {0};
    if (!w)
        return &none;
    if (w->counted_ms && (!w->dirty || now_ms < w->counted_ms + KEEP_MS / 10) && now_ms < w->counted_ms + KEEP_MS)
        return &w->counts;
    w->counts = (struct notice_counts){.pending = 0};
    w->counted_ms = now_ms;
    w->dirty = false;
    if (notice_files_count(w->api->spool, NOTICE_PENDING, COUNT_MOST, &w->counts.pending, &err) ||
        notice_files_count(w->api->spool, NOTICE_DEFERRED, COUNT_MOST, &w->counts.deferred, &err) ||
        notice_files_count(w->api->spool, NOTICE_FAILED, COUNT_MOST, &w->counts.failed, &err))
        log_warn("notices: %s", err.text);
    if (!(w->counts.failed && newest_error(w, NOTICE_FAILED)) && w->counts.deferred)
        newest_error(w, NOTICE_DEFERRED);
    return &w->counts;
}

/* --- who may ----------------------------------------------------------------------------------------------------------- */

bool notice_watch_allows(struct request *r, const cJSON *job, const char *at) {
    const cJSON *item;
    unsigned index = 0;
    char pointer[32], shown[NOTICE_TARGET_SIZE];
    if (r->who.role == ROLE_ADMIN)
        return true;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(job, "notify")) {
        str_format(pointer, sizeof pointer, "%s/notify/%u", at, index++);
        if (!cJSON_IsString(item) || !notice_target_valid(item->valuestring) || notify_allowed(r->api->options->notices, item->valuestring))
            continue; /* what is wrong is told by the check of the job */
        notice_target_shown(item->valuestring, shown);
        reply_invalid(r, pointer, "%.200s is not among those that anybody may have notices sent to: leave it out, or ask an admin", shown);
        return false;
    }
    return true;
}

/* --- trying the way out ------------------------------------------------------------------------------------------------ */

struct trial {
    char id[JOBID_SIZE];
    int64_t end_ms;
};

void notice_test(struct request *r) {
    static const char *const known[] = {"email", NULL};
    const char *address;
    char to[NOTICE_TARGET_SIZE];
    struct err err = {0};
    if (!request_members(r, known) || !request_text(r, "email", 254, true, &address))
        return;
    str_format(to, sizeof to, "mailto:%s", address);
    if (!notice_address_valid(address)) {
        reply_invalid(r, "/email", "must be an address");
        return;
    }
    if (!notifier_for(r->api->options->notices, to)) {
        reply_later(r, 3600, "no way out for notices is configured");
        return;
    }
    if (!spool_daemon_runs(r->api->spool)) {
        reply_later(r, 10, "no daemon runs, and it is the daemon that sends notices");
        return;
    }
    struct trial *trial = r->own = calloc(1, sizeof *trial);
    r->own_release = free;
    enum rc rc = trial ? notice_files_test(r->api->spool, to, r->who.name, trial->id, &err) : err_set(&err, RC_TEMP, "out of memory");
    if (rc)
        reply_rc(r, rc == RC_PERM ? RC_TEMP : rc, &err);
    else {
        signin_audit(r, "test-email", address, NULL);
        reply_empty(r, 202);
    }
}

static void answer(struct request *r, const char *state, const char *error) {
    const struct trial *trial = r->own;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "notice_id", trial->id);
    cJSON_AddStringToObject(json, "state", state);
    if (*error)
        cJSON_AddStringToObject(json, "error", error);
    reply_json(r, 202, json);
}

static void look(struct loop_timer *timer) {
    struct request *r = HEAP_ENTRY(timer, struct request, timer);
    struct trial *trial = r->own;
    struct err err = {0};
    enum rc rc = notice_files_outcome(r->api->spool, trial->id, &err);
    if (rc == RC_AGAIN && clock_mono_ms() < trial->end_ms && !server_stopping(r->api->server)) {
        loop_timer_start(r->api->loop, timer, clock_mono_ms() + TEST_LOOK_MS, look);
        return;
    }
    answer(r, !rc ? "processed" : rc == RC_AGAIN ? "pending" : "failed", rc && rc != RC_AGAIN ? err.text : "");
    server_answer(r);
}

void notice_tested(struct request *r) {
    struct trial *trial = r->own;
    if (r->reply.status != 202 || !trial)
        return;
    trial->end_ms = clock_mono_ms() + TEST_MOST_MS;
    r->waiting = loop_timer_start(r->api->loop, &r->timer, clock_mono_ms() + TEST_LOOK_MS, look) == RC_OK;
    if (!r->waiting)
        answer(r, "pending", "");
}

/* --- start and stop ---------------------------------------------------------------------------------------------------- */

struct notice_watch *notice_watch_new(struct api *api) {
    static const enum notice_state states[] = {NOTICE_PENDING, NOTICE_DEFERRED, NOTICE_FAILED};
    struct notice_watch *w = calloc(1, sizeof *w);
    struct err err = {0};
    char path[sizeof api->spool->root + 32];
    if (!w)
        return NULL;
    w->api = api;
    if (watch_new(api->loop, changed, w, &w->watch, &err)) {
        log_warn("notices: %s", err.text);
        return w;
    }
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        str_format(path, sizeof path, "%s/notices/%s", api->spool->root, notice_state_name(states[i]));
        if (watch_add(w->watch, path, IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR, (int)states[i], &err))
            log_warn("notices: %s", err.text);
    }
    return w;
}

void notice_watch_free(struct notice_watch *w) {
    if (!w)
        return;
    watch_free(w->watch);
    free(w);
}
