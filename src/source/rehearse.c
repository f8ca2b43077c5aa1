// SPDX-License-Identifier: Apache-2.0
#include "source/rehearse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_differ.h"

const char *rehearsed_state_name(enum rehearsed_state state) {
    static const char *const names[] = {"done", "failed", "in_doubt", "unknown"};

    return names[state];
}

/* --- what a step asks ---------------------------------------------------------------------------------------------- */

static enum rc no_memory(struct err *err) {
    return err_set(err, RC_TEMP, "out of memory");
}

static const char *document_of(const struct source *source, const cJSON *item) {
    return source->documents ? cJSON_GetStringValue(template_at(item, "/document/sha256")) : NULL;
}

static enum rc http_request(const struct step_view *view, const struct source_way *way, const struct template_scope *scope, const struct page *page,
                            struct buf *out, struct err *err) {
    const enum request_kind kind = view->source->metered ? REQUEST_PAID : REQUEST_FREE;
    struct request request;
    enum rc rc = request_make(view->source, view->at.step, view->at.way, kind, page, scope, &request, err);

    if (rc != RC_OK) {
        return rc;
    }
    rc = cassette_request(&request, way->http.document ? document_of(view->source, scope->item) : NULL, out);
    request_release(&request);
    return rc == RC_OK ? rc : no_memory(err);
}

static enum rc program_request(const struct step_view *view, const struct source_way *way, const struct template_scope *scope, struct buf *out,
                               struct err *err) {
    struct buf input = BUF_INIT((size_t)view->source->max_response_bytes * 8);
    char **argv = NULL;
    enum rc rc = program_arguments(&way->exec, way->exec.command->child->valuestring, scope, &argv, err);

    rc = rc == RC_OK ? program_input(&way->exec, scope, &input, err) : rc;
    if (rc == RC_OK && cassette_program(argv, (struct slice){buf_text(&input), input.length}, document_of(view->source, scope->item), out) != RC_OK) {
        rc = no_memory(err);
    }
    program_arguments_free(argv);
    buf_release(&input);
    return rc;
}

enum rc rehearse_request(const struct step_view *view, const cJSON *item, const cJSON *known, const struct page *page, struct buf *out, struct err *err) {
    const struct source_way *way = &view->source->steps[view->at.step].ways[view->at.way];
    struct cassette_mask mask;
    const struct template_scope scope = {
        .job = view->job, .item = item, .known = known, .secret = cassette_secret, .secret_context = &mask, .access_token = "${access_token}"};

    return way->helper ? program_request(view, way, &scope, out, err) : http_request(view, way, &scope, page, out, err);
}

/* --- one unit ------------------------------------------------------------------------------------------------------ */

struct rehearsed_answer {
    struct slice text;
    char *own; /* what text is in, of a program that ran; NULL: the cassette's */
};

struct walking {
    struct rehearse *r;
    struct rehearsed *unit;
    const struct page *page;
    struct step_view view;
    cJSON *item, *known;
    struct cassette_page *line; /* of the way that is gone */
    struct verdict verdict;
    unsigned attempts; /* of the unit so far, as they were recorded; beside it those of each step */
    uint16_t tries[SOURCE_MAX_STEPS];
    bool over, final;
    struct err *err;
};

static const struct source_step *step_of(const struct walking *w) {
    return &w->r->source->steps[w->view.at.step];
}

static const struct source_way *way_of(const struct walking *w) {
    return &step_of(w)->ways[w->view.at.way];
}

static bool is_last(const struct walking *w) {
    return w->view.at.step + 1 == w->r->source->step_count;
}

static void name_place(bool unit, uint32_t batch, const char *step, uint32_t part, unsigned way, char *out, size_t size) {
    char of_part[32] = "", of_way[32] = "";

    if (part > 0) {
        (void)str_format(of_part, sizeof(of_part), " part %" PRIu32, part);
    }
    if (way > 0) {
        (void)str_format(of_way, sizeof(of_way), ", fallback %u", way);
    }
    (void)str_format(out, size, "%s %" PRIu32 " step %s%s%s", unit ? "unit" : "page", batch, *step != '\0' ? step : "1", of_part, of_way);
}

void rehearse_line_name(const struct rehearse *rehearse, const struct cassette_page *line, char *out, size_t size) {
    name_place(rehearse->units != NULL, line->batch, line->step, line->part, line->way, out, size);
}

static void differ(struct walking *w, const char *kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* kind: which of its step's differences it is, in whatever unit. */
static void differ(struct walking *w, const char *kind, const char *format, ...) {
    char text[3000], place[160], whole[400];
    size_t used;
    va_list args;

    name_place(w->r->units != NULL, w->page->batch, step_of(w)->name, w->view.at.part, w->view.at.way, place, sizeof(place));
    (void)str_format(text, sizeof(text), "%s ", place);
    used = strlen(text);
    va_start(args, format);
    (void)vsnprintf(text + used, sizeof(text) - used, format, args);
    va_end(args);
    (void)str_format(whole, sizeof(whole), "%s %u %s", step_of(w)->name, w->view.at.way, kind);
    w->r->differ(w->r->context, whole, text);
}

static enum rc open_answer(void *context, unsigned step, uint32_t part, struct slice *answer, struct err *err) {
    const struct rehearsed *unit = context;
    const size_t index = unit->first[step] + (part > 0 ? part - 1 : 0);

    if (index >= unit->first[step + 1]) {
        return err_set(err, RC_GONE, "it has no answer");
    }
    *answer = unit->answers[index].text;
    return RC_OK;
}

static enum rc keep_answer(struct walking *w, struct slice text, char *own) {
    struct rehearsed *unit = w->unit;

    if (unit->count == unit->capacity) {
        size_t capacity = unit->capacity * 2 + 8;
        void *answers = realloc(unit->answers, capacity * sizeof(*unit->answers));

        if (answers == NULL) {
            free(own);
            return no_memory(w->err);
        }
        unit->answers = answers;
        unit->capacity = capacity;
    }
    unit->answers[unit->count++] = (struct rehearsed_answer){.text = text, .own = own};
    for (unsigned step = w->view.at.step + 1; step <= SOURCE_MAX_STEPS; step++) {
        unit->first[step] = unit->count;
    }
    return RC_OK;
}

static void end_unit(struct walking *w, enum rehearsed_state state) {
    struct rehearsed *unit = w->unit;

    w->over = true;
    unit->state = state;
    unit->step = step_of(w)->name;
    unit->action = w->verdict.action;
    (void)str_copy(unit->reason, sizeof(unit->reason), w->verdict.reason);
    (void)str_copy(unit->error, sizeof(unit->error), w->verdict.error);
}

/* As the daemon decides, once nothing is tried again any more (attempt_decide). */
static void go_on_without(struct walking *w) {
    const struct verdict *v = &w->verdict;

    if (v->charge == CHARGE_IN_DOUBT && v->action != ACTION_RETRY) {
        end_unit(w, REHEARSED_IN_DOUBT);
        return;
    }
    switch (v->action) {
    case ACTION_SUCCESS:
    case ACTION_FAIL:
    case ACTION_RETRY:
        if (w->final || !step_other_way(w->r->source, w->r->job, &w->view.at)) {
            end_unit(w, REHEARSED_FAILED);
        }
        return;
    case ACTION_IGNORE:
    case ACTION_RATE_LIMITED:
    case ACTION_HOLD: /* the job would wait, for a time or a person */
        end_unit(w, REHEARSED_FAILED);
        return;
    }
}

static void fail_step(struct walking *w, const char *reason) {
    memset(&w->verdict, 0, sizeof(w->verdict));
    w->verdict.action = ACTION_FAIL;
    (void)str_copy(w->verdict.reason, sizeof(w->verdict.reason), reason);
    (void)str_format(w->verdict.error, sizeof(w->verdict.error), "%.390s", w->err->text);
}

/* No answer came that could be judged: a program failed, or a connection, or what came was not kept. */
static bool has_no_answer(const struct cassette_page *line) {
    return line->body == NULL || (line->end != CASSETTE_CAPTURED && line->status == 0);
}

/* What was recorded stands for itself: there is no answer that could be judged, or nobody to judge it. */
static void take_recorded(struct walking *w) {
    const struct cassette_page *line = w->line;

    fail_step(w, line->reason != NULL ? line->reason : "failed");
    (void)str_format(w->verdict.error, sizeof(w->verdict.error), "%.390s", line->error != NULL ? line->error : "");
    w->final = strcmp(w->verdict.reason, "helper_data") == 0;
    if (line->end == CASSETTE_IN_DOUBT) {
        w->verdict.charge = CHARGE_IN_DOUBT;
    }
}

static bool is_good(const struct verdict *v) {
    return v->action == ACTION_SUCCESS && v->charge != CHARGE_IN_DOUBT;
}

static void judge(struct walking *w, struct slice body, int status, const struct fields *fields) {
    const bool helper = way_of(w)->helper;
    char *url = NULL;

    if (w->r->units == NULL) {
        (void)request_base(w->r->source, w->page, w->r->job, &url, NULL);
    }
    const struct answer answer = {.sent = true, .complete = true, .status = status, .body = body, .fields = fields, .url = url, .inner = !is_last(w)};
    answer_judge(w->r->source, w->r->source->metered && !helper ? REQUEST_PAID : REQUEST_FREE, &answer, &w->verdict);
    if (w->verdict.action == ACTION_IGNORE) { /* a unit has no empty page in its place */
        (void)str_copy(w->verdict.reason, sizeof(w->verdict.reason), "ignored");
    }
    free(url);
}

/* --- programs ------------------------------------------------------------------------------------------------------ */

static enum rehearse_ran run_program(struct walking *w, const struct source_helper *exec, struct buf *answer) {
    const struct template_scope scope = {.job = w->r->job, .item = w->item, .known = w->known};
    struct verdict failed = {.reason = ""};
    struct rehearse_program program = {.exec = exec, .scope = &scope, .document = document_of(w->r->source, w->item), .answer = answer, .failed = &failed};
    enum rehearse_ran ran = w->r->run != NULL ? w->r->run(w->r->context, &program) : REHEARSE_NOT_RUN;

    /* It may have failed for want of the document. */
    if (ran == REHEARSE_FAILED && program.blind && w->line != NULL) {
        ran = REHEARSE_NOT_RUN;
    }
    w->r->ran += ran != REHEARSE_NOT_RUN;
    w->r->taken += ran == REHEARSE_NOT_RUN;
    if (ran == REHEARSE_FAILED) {
        w->verdict = failed;
        w->final = program.final;
    }
    return ran;
}

/* An answer that passed is shown to the program that checks it. */
static enum rc check_answer(struct walking *w, struct slice body) {
    struct buf output = BUF_INIT(1024);
    enum rc rc = step_known_answer(w->known, body, w->err);

    if (rc == RC_OK && run_program(w, &way_of(w)->http.check, &output) == REHEARSE_NOT_RUN && w->line->end != CASSETTE_CAPTURED) {
        take_recorded(w);
    }
    buf_release(&output);
    return rc;
}

static enum rc compare_answers(struct walking *w, struct slice answer) {
    struct slice recorded = {.data = w->line->body, .length = w->line->body_length};
    char pointer[JSON_DIFFER_POINTER], here[200], there[200];
    enum rc rc = RC_OK;

    if (json_check(recorded.data, recorded.length, &json_rules_payload, NULL) != RC_OK) {
        differ(w, "none", "answers JSON; recorded is none");
    } else if (json_differ(&answer, &recorded, pointer, &rc)) {
        (void)str_printable(here, sizeof(here), answer.data, answer.length);
        (void)str_printable(there, sizeof(there), recorded.data, recorded.length);
        differ(w, pointer, "answers something else at \"%s\": %s, recorded: %s", pointer, here, there);
    }
    return rc == RC_OK ? rc : no_memory(w->err);
}

static enum rc do_program(struct walking *w) {
    struct buf answer = BUF_INIT((size_t)w->r->source->max_response_bytes + 1);
    enum rehearse_ran ran;
    struct slice body = {NULL, 0};
    char *own = NULL;
    enum rc rc = RC_OK;

    if (w->line != NULL) {
        w->line->used = true;
    }
    ran = run_program(w, &way_of(w)->exec, &answer);
    body.length = answer.length;
    if (ran == REHEARSE_DID) {
        body.data = own = buf_take(&answer);
    } else if (ran == REHEARSE_NOT_RUN && w->line == NULL) {
        differ(w, "not run", "is not recorded, and its program is not run");
        (void)str_copy(w->verdict.reason, sizeof(w->verdict.reason), "not_recorded");
        end_unit(w, REHEARSED_UNKNOWN);
    } else if (ran == REHEARSE_NOT_RUN && has_no_answer(w->line)) {
        take_recorded(w);
    } else if (ran == REHEARSE_NOT_RUN) {
        body = (struct slice){w->line->body, w->line->body_length};
    }
    buf_release(&answer);
    if (body.data != NULL) {
        judge(w, body, 200, NULL);
    }
    if (ran == REHEARSE_DID && is_good(&w->verdict) && w->line != NULL && w->line->end == CASSETTE_CAPTURED) {
        rc = compare_answers(w, body);
    }
    if (rc == RC_OK && !w->over && is_good(&w->verdict)) {
        return keep_answer(w, body, own);
    }
    free(own);
    return rc;
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

static void tell_missing(struct walking *w, const char *request) {
    char differs[2200], place[160], kind[64];
    const struct cassette_page *nearest = w->line;

    if (nearest != NULL) {
        w->line->used = true;
        cassette_differs(request, nearest, differs, sizeof(differs));
    } else {
        nearest = cassette_nearest(w->r->cassette, request, differs, sizeof(differs));
    }
    if (nearest == NULL) {
        differ(w, "empty", "is not recorded: the cassette is empty");
        return;
    }
    rehearse_line_name(w->r, nearest, place, sizeof(place));
    (void)str_format(kind, sizeof(kind), "not recorded, by its %.*s", (int)strcspn(differs, ":"), differs);
    differ(w, kind, "is not recorded; the nearest is %s: %s", place, differs);
}

static enum rc do_request(struct walking *w, const char *request) {
    struct cassette_page *line = w->line != NULL && strcmp(w->line->request, request) == 0 ? w->line : cassette_find(w->r->cassette, request);
    struct slice body;
    enum rc rc = RC_OK;

    if (line == NULL) {
        tell_missing(w, request);
        (void)str_copy(w->verdict.reason, sizeof(w->verdict.reason), "not_recorded");
        end_unit(w, REHEARSED_UNKNOWN);
        return RC_OK;
    }
    w->line = line;
    line->used = true;
    if (has_no_answer(line)) {
        take_recorded(w);
        return RC_OK;
    }
    body = (struct slice){line->body, line->body_length};
    judge(w, body, line->status, &line->fields);
    if (is_good(&w->verdict) && way_of(w)->http.checked) {
        rc = check_answer(w, body);
    }
    return rc == RC_OK && is_good(&w->verdict) ? keep_answer(w, body, NULL) : rc;
}

/* --- from step to step --------------------------------------------------------------------------------------------- */

static void compare_ends(struct walking *w) {
    const struct cassette_page *line = w->line;
    const bool good = is_good(&w->verdict);
    const char *recorded = line != NULL && line->reason != NULL ? line->reason : "";

    if (line == NULL) {
        return;
    }
    if (good && line->end != CASSETTE_CAPTURED) {
        differ(w, recorded, "passes; recorded: %s%s%s", recorded, line->error != NULL ? ": " : "", line->error != NULL ? line->error : "");
    } else if (!good && line->end == CASSETTE_CAPTURED) {
        differ(w, w->verdict.reason, "does not pass: %s%s%s", w->verdict.reason, w->verdict.error[0] != '\0' ? ": " : "", w->verdict.error);
    } else if (!good && strcmp(recorded, w->verdict.reason) != 0) {
        differ(w, w->verdict.reason, "fails with %s; recorded: %s", w->verdict.reason, recorded);
    }
}

/* Attempts are numbered through a unit, so that a line tells how often its way was tried. What an earlier unit had was not asked for. */
static void count_tries(struct walking *w) {
    const struct cassette_page *line = w->line;
    const unsigned now = line != NULL && line->attempt > w->attempts ? line->attempt : w->attempts + 1;

    if (line == NULL || line->cached_us == 0) {
        w->tries[w->view.at.step] = (uint16_t)(w->tries[w->view.at.step] + now - w->attempts);
    }
    w->attempts = now;
}

static bool tell_step(struct walking *w, uint64_t ran) {
    cJSON *json = cJSON_CreateObject();
    bool good = cJSON_AddStringToObject(json, "step", step_of(w)->name) != NULL;

    good = good && (w->view.at.part == 0 || cJSON_AddNumberToObject(json, "part", w->view.at.part) != NULL);
    good = good && (w->view.at.way == 0 || cJSON_AddNumberToObject(json, "way", w->view.at.way) != NULL);
    good = good && cJSON_AddStringToObject(json, "from", way_of(w)->helper && ran < w->r->ran ? "program" : "cassette") != NULL;
    if (!good || !cJSON_AddItemToArray(w->unit->steps, json)) {
        cJSON_Delete(json);
        return false;
    }
    return true;
}

static enum rc captured(struct walking *w, uint64_t ran) {
    if (!tell_step(w, ran)) {
        return no_memory(w->err);
    }
    if (!is_last(w)) {
        step_next(w->r->source, w->r->job, false, &w->view.at);
        return RC_OK;
    }
    w->over = true;
    w->unit->state = REHEARSED_DONE;
    w->unit->records = w->verdict.records;
    w->unit->facts = w->verdict.facts;
    return RC_OK;
}

/* What the templates name, and the request. RC_GONE: the step has no such part. */
static enum rc prepare(struct walking *w, struct buf *request) {
    struct step_view *view = &w->view;
    bool over = false;
    enum rc rc;

    w->line = cassette_at(w->r->cassette, w->page->batch, step_of(w)->name, view->at.part, view->at.way);
    if (w->line != NULL) {
        view->attempt = w->line->attempt;
        view->cached_us = w->line->cached_us != 0 ? w->line->cached_us : view->cached_us;
    }
    cJSON_Delete(w->known);
    rc = step_known_new(view, &w->known, w->err);
    rc = rc == RC_OK ? step_known_fill(view, w->known, &over, w->err) : rc;
    if (rc != RC_OK || over) {
        return rc == RC_OK ? RC_GONE : rc;
    }
    return rehearse_request(view, w->item, w->known, w->r->units != NULL ? NULL : w->page, request, w->err);
}

static enum rc take_step(struct walking *w) {
    struct buf request = BUF_INIT(CASSETTE_REQUEST_BYTES);
    const uint64_t ran = w->r->ran;
    enum rc rc;

    w->view.attempt = 1;
    w->final = false;
    memset(&w->verdict, 0, sizeof(w->verdict));
    rc = prepare(w, &request);
    if (rc == RC_GONE) {
        step_next(w->r->source, w->r->job, true, &w->view.at);
        rc = RC_OK;
    } else if (rc == RC_PERM) {
        fail_step(w, "step");
        compare_ends(w);
        go_on_without(w);
        rc = RC_OK;
    } else if (rc == RC_OK) {
        rc = way_of(w)->helper ? do_program(w) : do_request(w, buf_text(&request));
        if (rc == RC_OK && !w->over) {
            compare_ends(w);
            count_tries(w);
            if (is_good(&w->verdict)) {
                rc = captured(w, ran);
            } else {
                go_on_without(w);
            }
        }
    }
    buf_release(&request);
    return rc;
}

enum rc rehearse_unit(struct rehearse *rehearse, const struct page *page, struct rehearsed *unit, struct err *err) {
    struct walking w = {.r = rehearse, .unit = unit, .page = page, .err = err};
    enum rc rc = RC_OK;

    *unit = (struct rehearsed){.state = REHEARSED_UNKNOWN, .steps = cJSON_CreateArray(), .facts = {.total = UINT64_MAX, .count = UINT64_MAX}};
    w.view = (struct step_view){
        .source = rehearse->source, .job = rehearse->job, .job_id = rehearse->cassette->job_id, .tries = w.tries, .open = open_answer, .context = unit};
    w.item = rehearse->units != NULL ? units_item(rehearse->units, page->batch) : NULL;
    if (unit->steps == NULL || (rehearse->units != NULL && w.item == NULL)) {
        rc = no_memory(err);
    }
    step_enter(rehearse->source, rehearse->job, 0, &w.view.at);
    while (rc == RC_OK && !w.over) {
        rc = take_step(&w);
    }
    cJSON_Delete(w.item);
    cJSON_Delete(w.known);
    return rc;
}

void rehearsed_release(struct rehearsed *unit) {
    for (size_t i = 0; i < unit->count; i++) {
        free(unit->answers[i].own);
    }
    free(unit->answers);
    cJSON_Delete(unit->steps);
}
