// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/ready.h"
#include "os/fsio.h"
#include "os/tree.h"
#include "source/template.h"
#include "spool/document.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A unit runs through the steps of its source, one after the other (DESIGN 5). Where it stands is in the journal: the last step, and part of one, that was
 * captured. What a step needs of earlier ones is read from their payloads, as much of it as its templates name. */

bool unit_has_steps(const struct run *run) {
    return run->units || run->source->step_count > 1;
}

void unit_enter(const struct run *run, struct due_page *due, unsigned step) {
    const struct source *source = run->source;
    const cJSON *job = run->criteria->json;
    unsigned way = source_first_way(&source->steps[step], 0, job);
    while (way == source->steps[step].way_count && step + 1 < source->step_count)
        way = source_first_way(&source->steps[++step], 0, job);
    due->step = step;
    due->way = way < source->steps[step].way_count ? way : 0;
    due->part = source->steps[step].for_each ? 1 : 0;
    due->retries = due->refusals = due->apart = 0;
    due->renewed = false;
    due->not_before_us = 0;
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
    due->state = DUE_SEND;
    due->cached_us = a->cached_us;
    if (!a->part || a->passed)
        unit_enter(run, due, a->step + 1);
    else {
        const unsigned way = due->way; /* what did the last part does the next one too */
        unit_enter(run, due, a->step);
        due->part = a->part + 1;
        due->way = way;
    }
}

/* --- answers of earlier units --------------------------------------------------------------------------------------- */

/* Of the source and the key's templates, filled in. */
static enum rc make_key(struct attempt *a) {
    const struct source *source = a->run->source;
    const struct template_scope scope = {.job = a->run->criteria->json, .item = a->item, .known = a->known};
    struct buf text = BUF_INIT((size_t)LIMIT_JOB_FILE_BYTES);
    cJSON *filled = NULL;
    a->unit_key[0] = '\0';
    if (!source->unit_cache_key)
        return RC_OK;
    enum rc rc = template_json(source->unit_cache_key, &scope, &filled, &a->err);
    if (!rc && ((rc = buf_printf(&text, "unit %s ", source->name)) || (rc = template_print(filled, &text))))
        rc = err_set(&a->err, rc, "unit_cache: the key is too long");
    if (!rc)
        digest_of_hex(buf_text(&text), text.length, a->unit_key);
    cJSON_Delete(filled);
    buf_release(&text);
    return rc;
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
    const struct source_step *step = &run->source->steps[a->step];
    const unsigned way = source_first_way(step, a->way + 1, run->criteria->json);
    if (!a->page.batch || a->final || way >= step->way_count)
        return false;
    struct due_page *due = run_due(a->run, &a->page, a->number);
    due->way = way;
    due->retries = due->refusals = due->apart = 0;
    due->not_before_us = 0;
    due->state = DUE_SEND;
    return true;
}

/* --- lane: what templates name of earlier steps ---------------------------------------------------------------------- */

struct reading {
    struct attempt *a;
    struct slice part; /* the element of for_each; its text is in part_text */
    struct buf part_text;
    enum rc rc;
};

static enum rc no_memory(struct attempt *a) {
    return err_set(&a->err, RC_TEMP, "out of memory");
}

static int step_number(const struct source *source, const char *name) {
    for (unsigned i = 0; i < source->step_count; i++)
        if (strcmp(source->steps[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* A value of an answer as templates take it: text decoded, anything else as it is written. */
static cJSON *value_of(struct slice value) {
    struct buf text = BUF_INIT(value.length + 1);
    cJSON *json = NULL;
    if (json_type(value) == JSON_STRING) {
        if (json_decode_string(value, &text) == RC_OK && memchr(buf_text(&text), '\0', text.length) == NULL)
            json = cJSON_CreateString(buf_text(&text));
    } else if (buf_add(&text, value.data, value.length) == RC_OK)
        json = cJSON_CreateRaw(buf_text(&text));
    buf_release(&text);
    return json;
}

static enum rc know(struct attempt *a, const char *name, struct slice value) {
    cJSON *json = value_of(value);
    if (json && cJSON_AddItemToObject(a->known, name, json))
        return RC_OK;
    cJSON_Delete(json);
    return no_memory(a);
}

enum rc unit_know_answer(struct attempt *a, struct slice answer) {
    if (!a->known)
        a->known = cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(a->known, "answer");
    return a->known ? know(a, "answer", answer) : no_memory(a);
}

/* The answer of an earlier step, mapped and checked. RC_GONE: it has none (the step was passed over, or has no such part). */
static enum rc open_answer(struct attempt *a, unsigned step, uint32_t part, const char **data, size_t *length) {
    const struct run *run = a->run;
    char path[PAYLOAD_PATH_SIZE];
    int fd;
    unit_raw_path(run, run->row.campaign, a->page.batch, step, part, path);
    enum rc rc = fsio_open_read(run->engine->spool->raw_fd, path, &fd, NULL, &a->err);
    if (rc)
        return rc;
    rc = fsio_map(fd, data, length, &a->err);
    close(fd);
    if (rc)
        return rc;
    rc = json_check(*data, *length, &json_rules_payload, &a->err);
    if (rc == RC_PERM)
        rc = err_set(&a->err, RC_CORRUPT, "payloads/raw/%s is damaged", path);
    if (rc)
        fsio_unmap(*data, *length);
    return rc;
}

/* One place in the answer of a step that has no parts. */
static enum rc add_place(struct attempt *a, unsigned step, const char *name, const char *pointer) {
    const char *data;
    size_t length;
    struct slice value;
    enum rc rc = open_answer(a, step, 0, &data, &length);
    if (rc == RC_GONE) /* it was passed over: null, and nothing below it */
        return *pointer ? RC_OK : know(a, name, slice_of("null"));
    if (rc)
        return rc;
    if (json_find((struct slice){data, length}, pointer, &value))
        rc = know(a, name, value);
    fsio_unmap(data, length);
    return rc;
}

/* All parts of a step as one array. */
static enum rc add_parts(struct attempt *a, unsigned step, const char *name) {
    struct buf all = BUF_INIT((size_t)a->run->source->max_response_bytes * 4);
    enum rc rc = buf_add_char(&all, '[');
    for (uint32_t part = 1; !rc && part <= SOURCE_MAX_PARTS; part++) {
        const char *data;
        size_t length;
        rc = open_answer(a, step, part, &data, &length);
        if (rc == RC_GONE)
            break;
        if (rc)
            continue;
        rc = part > 1 ? buf_add_char(&all, ',') : RC_OK;
        rc = rc ? rc : buf_add(&all, data, length);
        fsio_unmap(data, length);
        if (rc)
            rc = err_set(&a->err, rc, "the answers of the parts of step %s are longer than %zu bytes together", a->run->source->steps[step].name, all.max);
    }
    rc = rc == RC_GONE ? RC_OK : rc;
    rc = rc ? rc : buf_add_char(&all, ']');
    if (!rc)
        rc = know(a, name, (struct slice){buf_text(&all), all.length});
    buf_release(&all);
    return rc;
}

/* A place in one of the parts: the Pointer begins with its index. */
static enum rc add_part_place(struct attempt *a, unsigned step, const char *name, const char *pointer) {
    char index[16];
    const char *data, *rest = strchr(pointer + 1, '/');
    size_t length;
    uint64_t number;
    struct slice value;
    rest = rest ? rest : pointer + strlen(pointer);
    if (!str_format(index, sizeof index, "%.*s", (int)(rest - pointer - 1), pointer + 1) || !str_to_u64(index, 0, SOURCE_MAX_PARTS, &number))
        return RC_OK;
    enum rc rc = open_answer(a, step, (uint32_t)number + 1, &data, &length);
    if (rc)
        return rc == RC_GONE ? RC_OK : rc;
    if (json_find((struct slice){data, length}, rest, &value))
        rc = know(a, name, value);
    fsio_unmap(data, length);
    return rc;
}

static enum rc reference_seen(void *context, const struct template_reference *reference) {
    struct reading *r = context;
    struct attempt *a = r->a;
    const struct source *source = a->run->source;
    char name[TEMPLATE_REFERENCE_SIZE];
    struct slice value;
    if (reference->kind != TEMPLATE_STEP && reference->kind != TEMPLATE_PART)
        return RC_OK;
    template_reference_text(reference, name, sizeof name);
    if (cJSON_GetObjectItemCaseSensitive(a->known, name))
        return RC_OK;
    if (reference->kind == TEMPLATE_PART)
        r->rc = json_find(r->part, reference->pointer, &value) ? know(a, name, value) : RC_OK;
    else {
        const int step = step_number(source, reference->name);
        if (step < 0)
            return RC_OK;
        if (!source->steps[step].for_each)
            r->rc = add_place(a, (unsigned)step, name, reference->pointer);
        else if (!*reference->pointer)
            r->rc = add_parts(a, (unsigned)step, name);
        else
            r->rc = add_part_place(a, (unsigned)step, name, reference->pointer);
    }
    return r->rc;
}

/* The element of an array that this part is about. */
static enum rc take_element(struct reading *r, struct slice array) {
    struct attempt *a = r->a;
    struct json_iter iter;
    struct slice key, value = {NULL, 0};
    uint32_t number = 0;
    if (!json_iter_init(&iter, array) || iter.object)
        return err_set(&a->err, RC_PERM, "for_each: what %s names is no array", a->run->source->steps[a->step].for_each);
    while (number < a->part && json_iter_next(&iter, &key, &value))
        number++;
    a->passed = number < a->part;
    if (a->passed)
        return RC_OK;
    enum rc rc = buf_add(&r->part_text, value.data, value.length);
    r->part = (struct slice){buf_text(&r->part_text), r->part_text.length};
    while (a->part == 1 && json_iter_next(&iter, &key, &value)) /* before the first of them is begun, or bought */
        number++;
    if (!rc && number > SOURCE_MAX_PARTS)
        return err_set(&a->err, RC_PERM, "for_each: there are %u parts, at most %u may be", number, SOURCE_MAX_PARTS);
    return rc ? no_memory(a) : RC_OK;
}

static enum rc for_each_seen(void *context, const struct template_reference *reference) {
    struct reading *r = context;
    struct attempt *a = r->a;
    const struct source *source = a->run->source;
    const int step = step_number(source, reference->name);
    const bool parts = step >= 0 && source->steps[step].for_each;
    const char *data;
    size_t length;
    struct slice array = {NULL, 0};
    if (step < 0)
        return RC_PERM;
    r->rc = open_answer(a, (unsigned)step, parts ? a->part : 0, &data, &length);
    a->passed = r->rc == RC_GONE; /* the step was passed over, or has no such part */
    if (r->rc) {
        r->rc = a->passed ? RC_OK : r->rc;
        return r->rc;
    }
    if (!json_find((struct slice){data, length}, reference->pointer, &array) || json_type(array) == JSON_NULL)
        a->passed = true; /* an array that is not there has no elements */
    else if (parts) {
        r->rc = buf_add(&r->part_text, array.data, array.length) ? no_memory(a) : RC_OK;
        r->part = (struct slice){buf_text(&r->part_text), r->part_text.length};
    } else
        r->rc = take_element(r, array);
    fsio_unmap(data, length);
    return r->rc;
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
    const struct source_step *step = &run->source->steps[a->step];
    struct reading r = {.a = a, .part_text = BUF_INIT((size_t)run->source->max_response_bytes)};
    if (!unit_has_steps(run))
        return RC_OK;
    cJSON_Delete(a->item);
    cJSON_Delete(a->known);
    a->item = run->units ? units_item(run->units, a->page.batch) : NULL;
    a->known = cJSON_CreateObject();
    if ((run->units && !a->item) || !a->known || !cJSON_AddStringToObject(a->known, "job_id", run->id) ||
        !cJSON_AddNumberToObject(a->known, "attempt", a->number) || (a->part && !cJSON_AddNumberToObject(a->known, "part_number", a->part)))
        return no_memory(a);
    char at[CLOCK_RFC3339_SIZE] = "";
    if (a->cached_us)
        clock_format_rfc3339(a->cached_us, 0, at);
    cJSON_AddItemToObject(a->known, "cached_at", *at ? cJSON_CreateString(at) : cJSON_CreateNull());
    if (source_first_way(step, a->way, run->criteria->json) != a->way) /* only the last step is not passed over then */
        r.rc = err_set(&a->err, RC_PERM, "no way of step %s is for this job: see its `when`", step->name);
    else
        r.rc = make_key(a);
    if (r.rc || a->cached_path[0])
        goto out;
    if (step->for_each) {
        template_each(step->for_each, for_each_seen, &r);
        if (!r.rc && a->part > SOURCE_MAX_PARTS && !a->passed)
            r.rc = err_set(&a->err, RC_PERM, "for_each: there are more than %u parts", SOURCE_MAX_PARTS);
        if (r.rc || a->passed)
            goto out;
    }
    r.rc = check_checker(a);
    if (r.rc)
        goto out;
    source_each_way_reference(step, a->way, reference_seen, &r);
    if (!r.rc && a->helper)
        r.rc = helper_prepare(a);
    else if (!r.rc && step->ways[a->way].http.document)
        r.rc = map_document(a);
out:
    buf_release(&r.part_text);
    return r.rc;
}
