// SPDX-License-Identifier: Apache-2.0
#include "api/outlook.h"

#include "base/clock.h"
#include "engine/paused.h"
#include "engine/pauses.h"
#include "engine/limits_look.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "os/lockfile.h"
#include "spool/payload.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

struct outlook {
    struct api *api;
    int64_t looked_ms; /* 0: never */
    struct outlook_view view;
};

struct outlook *outlook_new(struct api *api) {
    struct outlook *l = calloc(1, sizeof *l);
    if (l)
        l->api = api;
    return l;
}

static void view_release(struct outlook_view *view) {
    cJSON_Delete(view->paused);
    cJSON_Delete(view->sources);
    *view = (struct outlook_view){.at_us = 0};
}

void outlook_free(struct outlook *l) {
    if (!l)
        return;
    view_release(&l->view);
    free(l);
}

/* --- sources ------------------------------------------------------------------------------------------------------------ */

struct looking {
    struct outlook_view *view;
    const struct spool *spool;
    struct sources *sources;
    struct index *index; /* or NULL */
    size_t count;
};

static void add_time(cJSON *json, const char *name, int64_t us) {
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(us, 0, text);
    cJSON_AddStringToObject(json, name, text);
}

/* A person's pause, or what the source itself or its limits have brought about. */
static void add_pause(struct looking *l, const char *name, const struct source *source, cJSON *json) {
    cJSON *persons = cJSON_CreateObject();
    char text[100], until[CLOCK_RFC3339_SIZE];
    struct paused paused;
    pauses_of_source(l->spool, name, persons);
    cJSON *sentence = cJSON_DetachItemFromObjectCaseSensitive(persons, "paused"), *rate = cJSON_DetachItemFromObjectCaseSensitive(persons, "limits");
    cJSON_Delete(persons);
    const bool by_itself = paused_look(l->index, name, source, l->view->at_us, &paused);
    if (!sentence && by_itself) {
        clock_format_rfc3339(paused.until_us, 0, until);
        str_format(text, sizeof text, "%s until %s", paused.reason, until);
        sentence = cJSON_CreateString(text);
        cJSON_AddStringToObject(json, "paused_reason", paused.reason);
        add_time(json, "paused_until", paused.until_us);
    } else if (sentence)
        cJSON_AddStringToObject(json, "paused_reason", "asked");
    cJSON_AddItemToObject(json, "paused", sentence ? sentence : cJSON_CreateNull());
    cJSON_AddItemToObject(json, "rate", rate ? rate : cJSON_CreateNull());
}

static bool see_source(void *context, const char *name) {
    struct looking *l = context;
    const struct source *source = NULL;
    struct err err = {0};
    char money[DEC_TEXT_SIZE];
    cJSON *json = cJSON_CreateObject();
    const bool ok = sources_get(l->sources, name, &source, &err) == RC_OK;
    cJSON_AddStringToObject(json, "source", name);
    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddBoolToObject(json, "ok", ok);
    if (!ok)
        cJSON_AddStringToObject(json, "error", err.text);
    add_pause(l, name, ok ? source : NULL, json);
    cJSON *limits = ok ? limits_look_json(l->index, source) : NULL;
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
    cJSON_AddItemToArray(l->view->sources, json);
    return ++l->count < OUTLOOK_SOURCES;
}

/* Without an index, or with one that a crash of the machine has left behind, only definitions and paused/ are known. */
static void look_at_sources(struct outlook *l) {
    struct looking looking = {.view = &l->view, .spool = l->api->spool};
    struct err err = {0};
    l->view.sources = cJSON_CreateArray();
    if (!l->api->options->sources_dir || sources_new(l->api->options->sources_dir, &looking.sources, &err))
        return;
    if (index_open(l->api->spool, INDEX_OF_DAEMON, false, &looking.index, &err))
        looking.index = NULL;
    sources_list(looking.sources, see_source, &looking, &err);
    index_close(looking.index);
    sources_free(looking.sources);
}

/* --- the rest ----------------------------------------------------------------------------------------------------------- */

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

static void look_at_daemon(struct outlook_view *view, const struct spool *spool) {
    struct stat st;
    view->daemon = lockfile_held(spool->root_fd, SPOOL_LOCK, &view->pid);
    if (view->daemon && fsio_stat(spool->root_fd, SPOOL_LOCK, &st, NULL) == RC_OK)
        view->since_us = clock_file_us(st.st_mtim);
}

static void look_at_room(struct outlook_view *view, const struct spool *spool) {
    struct err ignored = {0};
    view->room = fsio_room(spool->root_fd, &view->free_bytes, &view->free_inodes, &ignored) == RC_OK;
}

const struct outlook_view *outlook_now(struct outlook *l) {
    const int64_t now_ms = clock_mono_ms();
    if (l->looked_ms && now_ms < l->looked_ms + OUTLOOK_KEEP_MS)
        return &l->view;
    view_release(&l->view);
    l->looked_ms = now_ms;
    l->view.at_us = clock_wall_us();
    look_at_daemon(&l->view, l->api->spool);
    look_at_room(&l->view, l->api->spool);
    l->view.ready = count_markers(l->api->spool->shelf_fd[SHELF_READY]);
    l->view.processing = count_markers(l->api->spool->shelf_fd[SHELF_PROCESSING]);
    l->view.paused = pauses_list(l->api->spool);
    look_at_sources(l);
    return &l->view;
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

cJSON *outlook_source(const struct outlook_view *view, const char *name) {
    cJSON *source;
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
