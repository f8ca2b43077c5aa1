// SPDX-License-Identifier: Apache-2.0
#include "api/health.h"

#include "api/admit.h"
#include "api/board.h"
#include "api/follow.h"
#include "api/notice_watch.h"
#include "api/outlook.h"
#include "base/clock.h"
#include "engine/ready.h"
#include "engine/stuck.h"

#include <stdlib.h>
#include <string.h>

#define LIST_MOST 100u
#define STUCK_KINDS (STUCK_FILE_ABANDONED + 1)

struct found {
    uint64_t counts[STUCK_KINDS];
    struct stuck list[LIST_MOST];
    size_t count; /* in the list: the first ones */
    bool failed;  /* it could not be looked for */
    cJSON *lacking;
    const struct spool *spool;
    struct stuck_options options;
};

static void found_free(void *own) {
    struct found *found = own;
    if (found)
        cJSON_Delete(found->lacking);
    free(found);
}

struct health {
    struct found *found; /* NULL: never looked */
    int64_t found_ms;
    bool looking;   /* a lane does */
    cJSON *lacking; /* what sources lack (engine/ready.h); NULL: nothing */
};

struct health *health_new(void) {
    return calloc(1, sizeof(struct health));
}

void health_free(struct health *h) {
    if (!h)
        return;
    found_free(h->found);
    cJSON_Delete(h->lacking);
    free(h);
}

/* --- what is stuck ------------------------------------------------------------------------------------------------------ */

static void take(void *context, const struct stuck *stuck) {
    struct found *found = context;
    found->counts[stuck->kind]++;
    if (found->count < LIST_MOST)
        found->list[found->count++] = *stuck;
}

/* Pauses are told by the look at the sources, and need the daemon's index, which this program opens on the loop alone. */
void health_find(struct request *r) {
    struct found *found = r->own;
    struct err err = {0};
    if (found)
        found->lacking = ready_read(found->spool);
    if (found)
        found->failed = stuck_find(found->spool, NULL, NULL, &found->options, take, found, &err) != RC_OK;
}

static bool stands_still(const struct found *found) {
    return found && (found->counts[STUCK_DROP] || found->counts[STUCK_OVERDUE]);
}

static bool something(const struct found *found) {
    if (!found)
        return false;
    for (size_t i = 0; i < STUCK_KINDS; i++)
        if (found->counts[i])
            return true;
    return found->failed;
}

/* --- telling ------------------------------------------------------------------------------------------------------------ */

static void add_time(cJSON *json, const char *name, int64_t us) {
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(us, 0, text);
    cJSON_AddStringToObject(json, name, text);
}

static void add_text(cJSON *json, const char *name, const char *text) {
    if (text && *text)
        cJSON_AddStringToObject(json, name, text);
}

static cJSON *stuck_json(const struct stuck *stuck) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "kind", stuck_kind_name(stuck->kind));
    add_text(json, "job_id", stuck->job_id);
    if (stuck->batch)
        cJSON_AddNumberToObject(json, "batch", stuck->batch);
    add_text(json, "source", stuck->source);
    add_text(json, "where", stuck->where);
    add_text(json, "file", stuck->file);
    add_text(json, "reason", stuck->reason);
    add_text(json, "text", stuck->text);
    add_text(json, "go_on", stuck->go_on);
    if (stuck->since_us)
        add_time(json, "since", stuck->since_us);
    return json;
}

/* An operator hears of the own jobs, and of what is no job's. */
static void add_stuck(cJSON *json, const struct request *r, const struct found *found) {
    const char *owner = admit_owner(&r->who);
    uint64_t seen[STUCK_KINDS] = {0};
    cJSON *counts = cJSON_AddObjectToObject(json, "stuck"), *list = cJSON_AddArrayToObject(json, "stuck_list");
    for (size_t i = 0; found && i < found->count; i++) {
        const struct stuck *stuck = &found->list[i];
        const struct board_row *row = *stuck->job_id ? board_find(r->api->board, stuck->job_id) : NULL;
        if (!owner || (row ? strcmp(row->owner, owner) == 0 : !*stuck->job_id && stuck->kind != STUCK_DROP)) {
            seen[stuck->kind]++;
            cJSON_AddItemToArray(list, stuck_json(stuck));
        }
    }
    for (int kind = 0; found && kind < (int)STUCK_KINDS; kind++) {
        const uint64_t count = owner ? seen[kind] : found->counts[kind];
        if (count)
            cJSON_AddNumberToObject(counts, stuck_kind_name((enum stuck_kind)kind), (double)count);
    }
}

static void add_notices(cJSON *json, const struct request *r) {
    const struct notice_counts *counts = notice_watch_counts(r->api->notices);
    cJSON *notices = cJSON_AddObjectToObject(json, "notices");
    cJSON_AddNumberToObject(notices, "pending", (double)counts->pending);
    cJSON_AddNumberToObject(notices, "deferred", (double)counts->deferred);
    cJSON_AddNumberToObject(notices, "failed", (double)counts->failed);
    if (r->who.role == ROLE_ADMIN) /* it may name addresses */
        add_text(notices, "last_error", counts->last_error);
}

/* What sources lack, and which ways of theirs are configured. */
static void add_ready(cJSON *json, const cJSON *all) {
    cJSON *lacking = cJSON_CreateObject(), *optional = cJSON_CreateObject();
    const cJSON *source;
    cJSON_ArrayForEach(source, all) {
        const cJSON *missing = ready_of(all, source->string), *ways = cJSON_GetObjectItemCaseSensitive(source, "optional");
        if (cJSON_GetArraySize(ways))
            cJSON_AddItemToObject(optional, source->string, cJSON_Duplicate(ways, true));
        cJSON *one = missing ? cJSON_AddObjectToObject(lacking, source->string) : NULL;
        if (!one)
            continue;
        cJSON_AddItemToObject(one, "able", cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(source, "able"), true));
        cJSON_AddItemToObject(one, "missing", cJSON_Duplicate(missing, true));
    }
    if (!cJSON_GetArraySize(lacking) || !cJSON_AddItemToObject(json, "lacking", lacking))
        cJSON_Delete(lacking);
    if (!cJSON_GetArraySize(optional) || !cJSON_AddItemToObject(json, "optional", optional))
        cJSON_Delete(optional);
}

static void add_details(cJSON *json, const struct request *r, const struct outlook_view *view) {
    const struct api *api = r->api;
    const int64_t now_us = clock_wall_us();
    const cJSON *source;
    cJSON_AddStringToObject(json, "version", API_VERSION);
    add_time(json, "started_at", api->started_us);
    cJSON_AddNumberToObject(json, "uptime_s", (double)((now_us - api->started_us) / 1000000));
    cJSON_AddItemToObject(json, "daemon", outlook_daemon_json(view));
    cJSON *index = cJSON_AddObjectToObject(json, "index");
    cJSON_AddBoolToObject(index, "ready", follow_complete(api->follow));
    cJSON_AddNumberToObject(index, "jobs", (double)board_count(api->board));
    cJSON_AddNumberToObject(index, "behind", (double)follow_behind(api->follow));
    const struct board_row *newest = admit_owner(&r->who) ? NULL : board_at(api->board, board_count(api->board) - 1);
    add_text(index, "newest_job", newest ? newest->id : "");
    cJSON *disk = cJSON_AddObjectToObject(json, "disk");
    if (view->room)
        cJSON_AddNumberToObject(disk, "free_bytes", (double)view->free_bytes);
    if (view->room && view->free_inodes != UINT64_MAX)
        cJSON_AddNumberToObject(disk, "free_inodes", (double)view->free_inodes);
    add_stuck(json, r, api->health->found);
    add_ready(json, api->health->lacking);
    add_notices(json, r);
    cJSON *paused = cJSON_AddArrayToObject(json, "paused");
    cJSON_ArrayForEach(source, view->sources) {
        if (outlook_source_stopped(source))
            cJSON_AddItemToArray(paused, cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(source, "source"), true));
    }
}

static bool a_source_is_stopped(const struct outlook_view *view) {
    const cJSON *source;
    cJSON_ArrayForEach(source, view->sources) {
        if (outlook_source_stopped(source))
            return true;
    }
    return false;
}

static void tell(struct request *r) {
    const struct outlook_view view = outlook_now(r->api->outlook);
    const struct found *found = r->api->health->found;
    const bool down = !view.daemon || stands_still(found);
    const bool degraded = something(found) || a_source_is_stopped(&view) || !follow_complete(r->api->follow);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "status", down ? "down" : degraded ? "degraded" : "ok");
    if (principal_may(&r->who, ROLE_VIEWER, SCOPE_READ))
        add_details(json, r, &view);
    reply_json(r, down ? 503 : 200, json);
    if (down)
        reply_header(r, "Retry-After", "10");
}

/* One looks, the others hear of what was found last meanwhile. */
bool health_prepare(struct request *r) {
    struct health *h = r->api->health;
    const int64_t now_ms = clock_mono_ms();
    if ((h->found && now_ms < h->found_ms + HEALTH_KEEP_MS) || h->looking) {
        tell(r);
        return false;
    }
    struct found *found = calloc(1, sizeof *found);
    if (!found) {
        tell(r);
        return false;
    }
    found->spool = r->api->spool;
    found->options = (struct stuck_options){.after_us = (int64_t)r->api->options->stuck_after_s * 1000000,
                                            .waiting_us = (int64_t)r->api->options->stuck_waiting_s * 1000000};
    r->own = found;
    r->own_release = found_free;
    h->looking = true;
    return true;
}

void health_finish(struct request *r) {
    struct health *h = r->api->health;
    if (!r->own)
        return; /* answered at once */
    found_free(h->found);
    h->found = r->own;
    cJSON_Delete(h->lacking);
    h->lacking = cJSON_GetArraySize(h->found->lacking) ? h->found->lacking : NULL;
    if (!h->lacking)
        cJSON_Delete(h->found->lacking);
    h->found->lacking = NULL;
    h->found_ms = clock_mono_ms();
    h->looking = false;
    r->own = NULL;
    tell(r);
}
