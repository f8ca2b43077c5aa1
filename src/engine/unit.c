// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/ready.h"
#include "os/fsio.h"
#include "os/tree.h"
#include "spool/document.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A unit runs through the steps of its source, one after the other (DESIGN 5). Where it stands is in the journal: the last step, and part of one, that was
 * captured. What a step needs of earlier ones is read from their payloads, as much of it as its templates name. */

bool unit_has_steps(const struct run *run) {
    return run->units || run->source->step_count > 1;
}

static void put(struct due_page *due, const struct step_place *at) {
    due->step = at->step;
    due->way = at->way;
    due->part = at->part;
    due->retries = due->refusals = due->apart = 0;
    due->not_before_us = 0;
}

void unit_enter(const struct run *run, struct due_page *due, unsigned step) {
    struct step_place at;
    step_enter(run->source, run->criteria->json, step, &at);
    put(due, &at);
    due->renewed = due->ungrouped = false;
    due->period = 0;
}

bool unit_by_helper(const struct run *run, const struct due_page *due) {
    return run->source->steps[due->step].ways[due->way].helper;
}

void unit_pump(struct run *run) {
    struct engine *engine = run->engine;
    const int64_t now = clock_wall_us();
    if (run->phase != RUN_PAGES || run->end != PLACE_NONE || run->leaving || run->busy || engine->stopping)
        return;
    for (struct due_page *d = run->due; d && engine->helpers < engine->options.max_helpers; d = d->next)
        if (d->state == DUE_SEND && d->not_before_us <= now && unit_by_helper(run, d) && guard_disk_room(run))
            attempt_page(run, d);
    group_fail(run);
}

bool unit_inner(const struct attempt *a) {
    return a->page.batch && a->step + 1 < a->run->source->step_count;
}

void unit_raw_path(const struct run *run, const char *campaign, uint32_t batch, unsigned step, uint32_t part, char out[PAYLOAD_PATH_SIZE]) {
    char name[PAYLOAD_STEP_SIZE];
    payload_step_name(run->source->steps[step].name, part, name);
    payload_raw_path(run->id, campaign, batch, step + 1 < run->source->step_count ? name : NULL, out);
}

void unit_work_path(const char *job_id, uint32_t batch, char out[PAYLOAD_PATH_SIZE]) {
    str_format(out, PAYLOAD_PATH_SIZE, "%s_batch%04u.work", job_id, batch);
}

void unit_work_remove(const struct spool *spool, const char *job_id, uint32_t batch) {
    char name[PAYLOAD_PATH_SIZE], path[sizeof spool->root + PAYLOAD_PATH_SIZE + 16];
    struct err err = {0};
    unit_work_path(job_id, batch, name);
    str_format(path, sizeof path, "%s/payloads/tmp/%s", spool->root, name);
    if (tree_remove(path, &err))
        log_warn("%s", err.text);
}

void unit_inner_done(struct attempt *a) {
    struct run *run = a->run;
    struct due_page *due = run_due(run, &a->page, a->number);
    struct step_place at = {a->step, due->way, a->part};
    due->state = DUE_SEND;
    due->cached_us = a->cached_us;
    due->took_ms += a->passed ? 0 : attempt_took_ms(a);
    step_next(run->source, run->criteria->json, a->passed, &at);
    put(due, &at);
    due->renewed = due->ungrouped = false;
    due->period = 0;
}

/* --- answers of earlier units --------------------------------------------------------------------------------------- */

static enum rc make_key(struct attempt *a) {
    a->unit_key[0] = '\0';
    return a->run->source->unit_cache_key ? units_key(a->run->source, a->run->criteria->json, a->item, a->known, a->unit_key, &a->err) : RC_OK;
}

struct looking_back {
    int64_t since_us, found_us;
    struct file_row found;
};

static bool earlier(void *context, const struct file_row *file) {
    struct looking_back *l = context;
    if (!file->archived_us && file->captured_us >= l->since_us && file->captured_us > l->found_us) {
        l->found_us = file->captured_us;
        l->found = *file;
    }
    return true;
}

void unit_look_back(struct attempt *a) {
    struct run *run = a->run;
    struct looking_back l = {.since_us = clock_wall_us() - run->source->unit_cache_ttl_ms * 1000};
    char name[PAYLOAD_STEP_SIZE];
    if (!run->source->unit_cache_key || a->step || !run->criteria->cache)
        return;
    struct due_page *due = run_due(run, &a->page, a->number);
    if (due->uncached)
        return;
    due->uncached = true;
    a->item = units_item(run->units, a->page.batch);
    if (!a->item || make_key(a) || index_files_by_sha256(a->engine->index, a->unit_key, NULL, earlier, &l, NULL) || !l.found_us)
        return;
    payload_step_name(run->source->steps[0].name, 0, name);
    payload_raw_path(l.found.job_id, l.found.campaign, l.found.batch, name, a->cached_path);
    a->cached_us = l.found_us;
}

enum rc unit_copy_back(struct attempt *a) {
    const char *data;
    size_t length;
    int fd;
    enum rc rc = fsio_open_read(a->engine->spool->raw_fd, a->cached_path, &fd, NULL, &a->err);
    if (rc)
        return rc;
    rc = fsio_map(fd, &data, &length, &a->err);
    close(fd);
    if (rc)
        return rc;
    rc = a->body_fd < 0 ? attempt_lane_body(a, &a->body_fd, &a->err) : RC_OK;
    rc = rc ? rc : fsio_write(a->body_fd, data, length, &a->err);
    a->bytes = length;
    fsio_unmap(data, length);
    return rc;
}

bool unit_takes_other_way(struct attempt *a) {
    const struct run *run = a->run;
    struct step_place at = {a->step, a->way, a->part};
    if (!a->page.batch || a->final || !step_other_way(run->source, run->criteria->json, &at))
        return false;
    struct due_page *due = run_due(a->run, &a->page, a->number);
    put(due, &at);
    due->state = DUE_SEND;
    return true;
}

/* --- lane: what templates name of earlier steps ---------------------------------------------------------------------- */

/* The answer of an earlier step, mapped and checked: step_view.open. */
static enum rc open_answer(void *context, unsigned step, uint32_t part, struct slice *answer, struct err *err) {
    const struct attempt *a = context;
    const struct run *run = a->run;
    char path[PAYLOAD_PATH_SIZE];
    int fd;
    unit_raw_path(run, run->row.campaign, a->page.batch, step, part, path);
    enum rc rc = fsio_open_read(run->engine->spool->raw_fd, path, &fd, NULL, err);
    if (rc)
        return rc;
    rc = fsio_map(fd, &answer->data, &answer->length, err);
    close(fd);
    if (rc)
        return rc;
    rc = json_check(answer->data, answer->length, &json_rules_payload, err);
    if (rc == RC_PERM)
        rc = err_set(err, RC_CORRUPT, "payloads/raw/%s is damaged", path);
    if (rc)
        fsio_unmap(answer->data, answer->length);
    return rc;
}

static void close_answer(void *context, struct slice answer) {
    (void)context;
    fsio_unmap(answer.data, answer.length);
}

enum rc unit_open_document(struct attempt *a, int *fd) {
    const cJSON *document = cJSON_GetObjectItemCaseSensitive(a->item, "document");
    const char *sha256 = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "sha256"));
    uint64_t bytes;
    enum rc rc = document_open(a->engine->spool, sha256 ? sha256 : "", fd, &bytes, &a->err);
    return rc == RC_GONE ? RC_CORRUPT : rc; /* no other way would find it */
}

static enum rc map_document(struct attempt *a) {
    int fd;
    enum rc rc = unit_open_document(a, &fd);
    if (rc)
        return rc;
    if (a->document)
        fsio_unmap(a->document, a->document_length);
    rc = fsio_map(fd, &a->document, &a->document_length, &a->err);
    close(fd);
    return rc;
}

/* What nobody could look at when it comes is not asked for, let alone bought. */
static enum rc check_checker(struct attempt *a) {
    const struct source_way *way = &a->run->source->steps[a->step].ways[a->way];
    char program[4096];
    if (way->helper || !way->http.checked)
        return RC_OK;
    const char *name = way->http.check.command->child->valuestring;
    return ready_program(a->engine->options.helpers_dir, name, program, sizeof program)
               ? RC_OK
               : err_set(&a->err, RC_GONE, "the program %s, which is to check the answer, is not installed: nothing was asked", name);
}

enum rc unit_prepare(struct attempt *a) {
    const struct run *run = a->run;
    const struct step_view view = {.source = run->source,
                                   .job = run->criteria->json,
                                   .job_id = run->id,
                                   .attempt = a->number,
                                   .tries = a->tries,
                                   .cached_us = a->cached_us,
                                   .at = {a->step, a->way, a->part},
                                   .open = open_answer,
                                   .close = close_answer,
                                   .context = a};
    if (!unit_has_steps(run))
        return RC_OK;
    cJSON_Delete(a->item);
    cJSON_Delete(a->known);
    a->known = NULL;
    a->item = run->units ? units_item(run->units, a->page.batch) : NULL;
    if (run->units && !a->item)
        return err_set(&a->err, RC_TEMP, "out of memory");
    enum rc rc = step_known_new(&view, &a->known, &a->err);
    rc = rc ? rc : make_key(a);
    if (rc || a->cached_path[0])
        return rc;
    rc = step_known_fill(&view, a->known, &a->passed, &a->err);
    if (rc || a->passed || (rc = check_checker(a)))
        return rc;
    if (a->helper)
        return helper_prepare(a);
    return run->source->steps[a->step].ways[a->way].http.document ? map_document(a) : RC_OK;
}
