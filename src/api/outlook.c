// SPDX-License-Identifier: Apache-2.0
#include "api/outlook.h"

#include "api/admit.h"
#include "api/events.h"
#include "base/clock.h"
#include "engine/limits_look.h"
#include "engine/paused.h"
#include "engine/pauses.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "os/lockfile.h"
#include "spool/payload.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* What one look finds. */
struct seen {
    struct work work;
    struct outlook *outlook;
    const struct spool *spool;
    const char *sources_dir, *source_settings;
    int64_t now_us;
    struct sources *sources; /* while it looks */
    struct index *index;     /* or NULL */
    size_t count;
    cJSON *list, *paused;
    uint64_t ready, processing;
};

struct outlook {
    struct api *api;
    struct seen *seen;
    int64_t seen_ms;
    bool looking, stopped, changed /* since it began to look */, tell;
    struct loop_timer timer;
};

/* --- sources; on the lane ----------------------------------------------------------------------------------------------- */

static void add_time(cJSON *json, const char *name, int64_t us) {
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(us, 0, text);
    cJSON_AddStringToObject(json, name, text);
}

/* A person's pause, or what the source itself or its limits have brought about. */
static void add_pause(struct seen *s, const char *name, const struct source *source, cJSON *json) {
    cJSON *persons = cJSON_CreateObject();
    char text[100], until[CLOCK_RFC3339_SIZE];
    struct paused paused;
    pauses_of_source(s->spool, name, persons);
    cJSON *sentence = cJSON_DetachItemFromObjectCaseSensitive(persons, "paused"), *rate = cJSON_DetachItemFromObjectCaseSensitive(persons, "limits");
    cJSON_Delete(persons);
    if (sentence)
        cJSON_AddStringToObject(json, "paused_reason", "asked");
    else if (paused_look(s->index, name, source, s->now_us, &paused)) {
        clock_format_rfc3339(paused.until_us, 0, until);
        str_format(text, sizeof text, "%s until %s", paused.reason, until);
        sentence = cJSON_CreateString(text);
        cJSON_AddStringToObject(json, "paused_reason", paused.reason);
        add_time(json, "paused_until", paused.until_us);
    }
    cJSON_AddItemToObject(json, "paused", sentence ? sentence : cJSON_CreateNull());
    cJSON_AddItemToObject(json, "rate", rate ? rate : cJSON_CreateNull());
}

static bool see_source(void *context, const char *name) {
    struct seen *s = context;
    const struct source *source = NULL;
    struct err err = {0};
    char money[DEC_TEXT_SIZE];
    cJSON *json = cJSON_CreateObject();
    const bool ok = sources_get(s->sources, name, &source, &err) == RC_OK;
    cJSON_AddStringToObject(json, "source", name);
    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddBoolToObject(json, "ok", ok);
    if (!ok)
        cJSON_AddStringToObject(json, "error", err.text);
    add_pause(s, name, ok ? source : NULL, json);
    cJSON *limits = ok ? limits_look_json(s->index, source) : NULL;
    cJSON_AddItemToObject(json, "limits", limits ? limits : cJSON_CreateNull());
    cJSON_AddBoolToObject(json, "metered", ok && source->metered);
    if (ok) {
        cJSON_AddStringToObject(json, "paginator", source->paginator_type);
        cJSON_AddNumberToObject(json, "steps", source->step_count);
    }
    if (ok && source->has_cost_per_record) {
        dec_format(source->cost_per_record, money);
        cJSON_AddStringToObject(json, "cost_per_record", money);
    }
    if (ok && source->metered) {
        dec_format(source->reserve, money);
        cJSON_AddStringToObject(json, "currency", source->currency);
        cJSON_AddStringToObject(json, "reserve", money);
    }
    cJSON_AddItemToArray(s->list, json);
    return ++s->count < OUTLOOK_SOURCES;
}

/* Without an index, or with one that a crash of the machine has left behind, only definitions and paused/ are known. */
static void see_sources(struct seen *s) {
    struct err err = {0};
    s->list = cJSON_CreateArray();
    if (!s->sources_dir || sources_new(s->sources_dir, s->source_settings, &s->sources, &err))
        return;
    if (index_open(s->spool, INDEX_OF_DAEMON, false, &s->index, &err))
        s->index = NULL;
    sources_list(s->sources, see_source, s, &err);
    index_close(s->index);
    sources_free(s->sources);
}

static uint64_t count_markers(int dir_fd) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char id[JOBID_SIZE];
    uint32_t batch;
    uint64_t count = 0;
    if (dirscan_open(dir_fd, ".", &scan, NULL))
        return 0;
    while (count < OUTLOOK_MARKERS && dirscan_next(scan, &name, &type, NULL) == RC_OK)
        count += type == DT_LNK && payload_marker_parse(name, id, &batch);
    dirscan_close(scan);
    return count;
}

static void see(struct seen *s) {
    s->now_us = clock_wall_us();
    s->ready = count_markers(s->spool->shelf_fd[SHELF_READY]);
    s->processing = count_markers(s->spool->shelf_fd[SHELF_PROCESSING]);
    s->paused = pauses_list(s->spool);
    see_sources(s);
}

static void lane_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++)
        see(HEAP_ENTRY(items[i], struct seen, work));
}

/* --- looking; on the loop ----------------------------------------------------------------------------------------------- */

static void look_done(struct work *item);
static const struct work_class look_class = {.name = "outlook", .run = lane_run, .done = look_done, .max = 1};

static void seen_free(struct seen *s) {
    if (!s)
        return;
    cJSON_Delete(s->list);
    cJSON_Delete(s->paused);
    free(s);
}

static struct seen *seen_new(struct outlook *o) {
    struct seen *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->outlook = o;
    s->spool = o->api->spool;
    s->sources_dir = o->api->options->sources_dir;
    s->source_settings = o->api->options->source_settings;
    return s;
}

static void look(struct outlook *o) {
    struct seen *s = o->looking || o->stopped ? NULL : seen_new(o);
    if (!s)
        return;
    o->looking = true;
    worker_submit(o->api->worker, &s->work, &look_class, ADMIT_LANE_SOURCES);
}

static void timer_due(struct loop_timer *timer) {
    struct outlook *o = HEAP_ENTRY(timer, struct outlook, timer);
    loop_timer_start(o->api->loop, &o->timer, clock_mono_ms() + OUTLOOK_EVERY_MS, timer_due);
    look(o);
}

static void take(struct outlook *o, struct seen *s) {
    seen_free(o->seen);
    o->seen = s;
    o->seen_ms = clock_mono_ms();
    if (!o->stopped)
        loop_timer_start(o->api->loop, &o->timer, clock_mono_ms() + OUTLOOK_EVERY_MS, timer_due);
}

static void look_done(struct work *item) {
    struct seen *s = HEAP_ENTRY(item, struct seen, work);
    struct outlook *o = s->outlook;
    o->looking = false;
    take(o, s);
    if (o->changed) {
        o->changed = false;
        look(o);
        o->tell = true;
    } else if (o->tell) {
        o->tell = false;
        events_queue(o->api->events);
    }
}

void outlook_changed(struct outlook *o) {
    o->changed = o->looking;
    o->tell = !o->looking;
    look(o);
}

struct outlook *outlook_new(struct api *api) {
    struct outlook *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->api = api;
    struct seen *s = seen_new(o);
    if (!s) {
        free(o);
        return NULL;
    }
    see(s);
    take(o, s);
    return o;
}

void outlook_stop(struct outlook *o) {
    if (!o)
        return;
    o->stopped = true;
    loop_timer_cancel(o->api->loop, &o->timer);
}

void outlook_free(struct outlook *o) {
    if (!o)
        return;
    seen_free(o->seen);
    free(o);
}

/* --- telling ------------------------------------------------------------------------------------------------------------ */

struct outlook_view outlook_now(struct outlook *o) {
    const struct spool *spool = o->api->spool;
    struct outlook_view view = {.ready = o->seen->ready, .processing = o->seen->processing, .paused = o->seen->paused, .sources = o->seen->list};
    struct stat st;
    struct err ignored = {0};
    if (clock_mono_ms() > o->seen_ms + OUTLOOK_FRESH_MS)
        look(o);
    view.daemon = lockfile_held(spool->root_fd, SPOOL_LOCK, &view.pid);
    if (view.daemon && fsio_stat(spool->root_fd, SPOOL_LOCK, &st, NULL) == RC_OK)
        view.since_us = clock_file_us(st.st_mtim);
    view.room = fsio_room(spool->root_fd, &view.free_bytes, &view.free_inodes, &ignored) == RC_OK;
    return view;
}

cJSON *outlook_daemon_json(const struct outlook_view *view) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddBoolToObject(json, "running", view->daemon);
    if (view->daemon && view->pid > 0)
        cJSON_AddNumberToObject(json, "pid", view->pid);
    if (view->daemon && view->since_us)
        add_time(json, "since", view->since_us);
    return json;
}

const cJSON *outlook_source(const struct outlook_view *view, const char *name) {
    const cJSON *source;
    cJSON_ArrayForEach(source, view->sources) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(source, "source"));
        if (text && strcmp(text, name) == 0)
            return source;
    }
    return NULL;
}

bool outlook_source_stopped(const cJSON *source) {
    const char *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(source, "paused_reason"));
    return reason && (strcmp(reason, "asked") == 0 || paused_for_access(reason));
}
