// SPDX-License-Identifier: Apache-2.0
#include "source/step.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"

/* --- from step to step --------------------------------------------------------------------------------------------- */

void step_enter(const struct source *source, const cJSON *job, unsigned step, struct step_place *place) {
    unsigned way = source_first_way(&source->steps[step], 0, job);

    while (way == source->steps[step].way_count && step + 1 < source->step_count) {
        way = source_first_way(&source->steps[++step], 0, job);
    }
    place->step = step;
    place->way = way < source->steps[step].way_count ? way : 0;
    place->part = source->steps[step].for_each != NULL ? 1 : 0;
}

void step_next(const struct source *source, const cJSON *job, bool over, struct step_place *place) {
    if (place->part > 0 && !over) {
        place->part++;
    } else {
        step_enter(source, job, place->step + 1, place);
    }
}

bool step_other_way(const struct source *source, const cJSON *job, struct step_place *place) {
    const struct source_step *step = &source->steps[place->step];
    unsigned way = source_first_way(step, place->way + 1, job);

    if (way >= step->way_count) {
        return false;
    }
    place->way = way;
    return true;
}

int step_number(const struct source *source, const char *name) {
    for (unsigned i = 0; i < source->step_count; i++) {
        if (strcmp(source->steps[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

unsigned step_timeout_s(const cJSON *job, unsigned otherwise) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(job, "timeout_s");

    return cJSON_IsNumber(own) && own->valuedouble >= 1 && own->valuedouble <= 86400 ? (unsigned)own->valuedouble : otherwise;
}

/* --- what templates name of earlier steps -------------------------------------------------------------------------- */

struct filling {
    const struct step_view *view;
    cJSON *known;
    bool over;
    struct slice part; /* the element of for_each; its text is in part_text */
    struct buf part_text;
    enum rc rc;
    struct err *err;
};

static enum rc no_memory(struct err *err) {
    return err_set(err, RC_TEMP, "out of memory");
}

/* A value of an answer as templates take it: text decoded, anything else as it is written. */
static cJSON *value_of(struct slice value) {
    struct buf text = BUF_INIT(value.length + 1);
    cJSON *json = NULL;

    if (json_type(value) == JSON_STRING) {
        if (json_decode_string(value, &text) == RC_OK && memchr(buf_text(&text), '\0', text.length) == NULL) {
            json = cJSON_CreateString(buf_text(&text));
        }
    } else if (buf_add(&text, value.data, value.length) == RC_OK) {
        json = cJSON_CreateRaw(buf_text(&text));
    }
    buf_release(&text);
    return json;
}

static enum rc know(cJSON *known, const char *name, struct slice value, struct err *err) {
    cJSON *json = value_of(value);

    if (json != NULL && cJSON_AddItemToObject(known, name, json)) {
        return RC_OK;
    }
    cJSON_Delete(json);
    return no_memory(err);
}

enum rc step_known_answer(cJSON *known, struct slice answer, struct err *err) {
    cJSON_DeleteItemFromObjectCaseSensitive(known, "answer");
    return know(known, "answer", answer, err);
}

static enum rc open_answer(const struct filling *f, unsigned step, uint32_t part, struct slice *answer) {
    return f->view->open(f->view->context, step, part, answer, f->err);
}

static void close_answer(const struct filling *f, struct slice answer) {
    if (f->view->close != NULL) {
        f->view->close(f->view->context, answer);
    }
}

/* One place in the answer of a step that has no parts. */
static enum rc add_place(const struct filling *f, unsigned step, const char *name, const char *pointer) {
    struct slice answer, value;
    enum rc rc = open_answer(f, step, 0, &answer);

    if (rc == RC_GONE) { /* it was passed over: null, and nothing below it */
        return *pointer != '\0' ? RC_OK : know(f->known, name, slice_of("null"), f->err);
    }
    if (rc != RC_OK) {
        return rc;
    }
    if (json_find(answer, pointer, &value)) {
        rc = know(f->known, name, value, f->err);
    }
    close_answer(f, answer);
    return rc;
}

/* All parts of a step as one array. */
static enum rc add_parts(const struct filling *f, unsigned step, const char *name) {
    struct buf all = BUF_INIT((size_t)f->view->source->max_response_bytes * 4);
    enum rc rc = buf_add_char(&all, '[');

    for (uint32_t part = 1; rc == RC_OK && part <= SOURCE_MAX_PARTS; part++) {
        struct slice answer;

        rc = open_answer(f, step, part, &answer);
        if (rc == RC_GONE) {
            break;
        }
        if (rc != RC_OK) {
            continue;
        }
        rc = part > 1 ? buf_add_char(&all, ',') : RC_OK;
        rc = rc == RC_OK ? buf_add(&all, answer.data, answer.length) : rc;
        close_answer(f, answer);
        if (rc != RC_OK) {
            rc = err_set(f->err, rc, "the answers of the parts of step %s are longer than %zu bytes together", f->view->source->steps[step].name, all.max);
        }
    }
    rc = rc == RC_GONE ? RC_OK : rc;
    rc = rc == RC_OK ? buf_add_char(&all, ']') : rc;
    if (rc == RC_OK) {
        rc = know(f->known, name, (struct slice){buf_text(&all), all.length}, f->err);
    }
    buf_release(&all);
    return rc;
}

/* A place in one of the parts: the Pointer begins with its index. */
static enum rc add_part_place(const struct filling *f, unsigned step, const char *name, const char *pointer) {
    char index[16];
    const char *rest = strchr(pointer + 1, '/');
    struct slice answer, value;
    uint64_t number;
    enum rc rc;

    rest = rest != NULL ? rest : pointer + strlen(pointer);
    if (!str_format(index, sizeof(index), "%.*s", (int)(rest - pointer - 1), pointer + 1) || !str_to_u64(index, 0, SOURCE_MAX_PARTS, &number)) {
        return RC_OK;
    }
    rc = open_answer(f, step, (uint32_t)number + 1, &answer);
    if (rc != RC_OK) {
        return rc == RC_GONE ? RC_OK : rc;
    }
    if (json_find(answer, rest, &value)) {
        rc = know(f->known, name, value, f->err);
    }
    close_answer(f, answer);
    return rc;
}

static enum rc reference_seen(void *context, const struct template_reference *reference) {
    struct filling *f = context;
    char name[TEMPLATE_REFERENCE_SIZE];
    struct slice value;
    int step;

    if (reference->kind != TEMPLATE_STEP && reference->kind != TEMPLATE_PART) {
        return RC_OK;
    }
    (void)template_reference_text(reference, name, sizeof(name));
    if (cJSON_GetObjectItemCaseSensitive(f->known, name) != NULL) {
        return RC_OK;
    }
    if (reference->kind == TEMPLATE_PART) {
        f->rc = json_find(f->part, reference->pointer, &value) ? know(f->known, name, value, f->err) : RC_OK;
        return f->rc;
    }
    step = step_number(f->view->source, reference->name);
    if (step < 0) {
        return RC_OK;
    }
    if (f->view->source->steps[step].for_each == NULL) {
        f->rc = add_place(f, (unsigned)step, name, reference->pointer);
    } else if (*reference->pointer == '\0') {
        f->rc = add_parts(f, (unsigned)step, name);
    } else {
        f->rc = add_part_place(f, (unsigned)step, name, reference->pointer);
    }
    return f->rc;
}

/* The element of an array that this part is about. */
static enum rc take_element(struct filling *f, struct slice array) {
    const struct step_place *at = &f->view->at;
    struct json_iter iter;
    struct slice key, value = {NULL, 0};
    uint32_t number = 0;

    if (!json_iter_init(&iter, array) || iter.object) {
        return err_set(f->err, RC_PERM, "for_each: what %s names is no array", f->view->source->steps[at->step].for_each);
    }
    while (number < at->part && json_iter_next(&iter, &key, &value)) {
        number++;
    }
    f->over = number < at->part;
    if (f->over) {
        return RC_OK;
    }
    if (buf_add(&f->part_text, value.data, value.length) != RC_OK) {
        return no_memory(f->err);
    }
    f->part = (struct slice){buf_text(&f->part_text), f->part_text.length};
    while (at->part == 1 && json_iter_next(&iter, &key, &value)) { /* before the first of them is begun, or bought */
        number++;
    }
    return number <= SOURCE_MAX_PARTS ? RC_OK : err_set(f->err, RC_PERM, "for_each: there are %u parts, at most %u may be", number, SOURCE_MAX_PARTS);
}

static enum rc for_each_seen(void *context, const struct template_reference *reference) {
    struct filling *f = context;
    const struct source *source = f->view->source;
    int step = step_number(source, reference->name);
    bool parts = step >= 0 && source->steps[step].for_each != NULL;
    struct slice answer, array = {NULL, 0};

    if (step < 0) {
        return RC_PERM;
    }
    f->rc = open_answer(f, (unsigned)step, parts ? f->view->at.part : 0, &answer);
    f->over = f->rc == RC_GONE; /* the step was passed over, or has no such part */
    if (f->rc != RC_OK) {
        f->rc = f->over ? RC_OK : f->rc;
        return f->rc;
    }
    if (!json_find(answer, reference->pointer, &array) || json_type(array) == JSON_NULL) {
        f->over = true; /* an array that is not there has no elements */
    } else if (parts) {
        f->rc = buf_add(&f->part_text, array.data, array.length) == RC_OK ? RC_OK : no_memory(f->err);
        f->part = (struct slice){buf_text(&f->part_text), f->part_text.length};
    } else {
        f->rc = take_element(f, array);
    }
    close_answer(f, answer);
    return f->rc;
}

enum rc step_known_new(const struct step_view *view, cJSON **known, struct err *err) {
    const struct source_step *step = &view->source->steps[view->at.step];
    char at[CLOCK_RFC3339_SIZE] = "";
    cJSON *json = *known = cJSON_CreateObject();

    if (view->cached_us != 0) {
        clock_format_rfc3339(view->cached_us, 0, at);
    }
    if (json == NULL || cJSON_AddStringToObject(json, "job_id", view->job_id) == NULL || cJSON_AddNumberToObject(json, "attempt", view->attempt) == NULL ||
        (view->at.part > 0 && cJSON_AddNumberToObject(json, "part_number", view->at.part) == NULL) ||
        !cJSON_AddItemToObject(json, "cached_at", *at != '\0' ? cJSON_CreateString(at) : cJSON_CreateNull())) {
        return no_memory(err);
    }
    for (unsigned i = 0; i < view->at.step; i++) {
        char name[LIMIT_NAME_BYTES + 16];

        (void)str_format(name, sizeof(name), "attempts.%s", view->source->steps[i].name);
        if (cJSON_AddNumberToObject(json, name, view->tries != NULL ? view->tries[i] : 1) == NULL) {
            return no_memory(err);
        }
    }
    /* Only the last step is not passed over then. */
    return source_first_way(step, view->at.way, view->job) == view->at.way
               ? RC_OK
               : err_set(err, RC_PERM, "no way of step %s is for this job: see its `when`", step->name);
}

enum rc step_known_fill(const struct step_view *view, cJSON *known, bool *over, struct err *err) {
    const struct source_step *step = &view->source->steps[view->at.step];
    struct filling f = {.view = view, .known = known, .part_text = BUF_INIT((size_t)view->source->max_response_bytes), .rc = RC_OK, .err = err};

    if (step->for_each != NULL) {
        (void)template_each(step->for_each, for_each_seen, &f);
        if (f.rc == RC_OK && view->at.part > SOURCE_MAX_PARTS && !f.over) {
            f.rc = err_set(err, RC_PERM, "for_each: there are more than %u parts", SOURCE_MAX_PARTS);
        }
    }
    *over = f.over;
    if (f.rc == RC_OK && !f.over) {
        (void)source_each_way_reference(step, view->at.way, reference_seen, &f);
    }
    buf_release(&f.part_text);
    return f.rc;
}
