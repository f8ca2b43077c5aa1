// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "source/rehearse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A cassette that somebody hands on: what is read of it is found again, and is the same when it is written and read once more. */

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void require_findable(struct cassette *c) {
    char differs[400];

    for (size_t i = 0; i < c->page_count; i++) {
        const char *request = c->pages[i].request;
        const struct cassette_page *found = cassette_find(c, request);

        require(json_check(request, strlen(request), &json_rules_payload, NULL) == RC_OK);
        require(found != NULL && strcmp(found->request, request) == 0);
        require(!c->steps || cassette_at(c, c->pages[i].batch, c->pages[i].step, c->pages[i].part, c->pages[i].way) != NULL);
        require(cassette_nearest(c, request, differs, sizeof(differs)) != NULL && str_is_utf8(differs, strlen(differs)));
    }
    require((cassette_nearest(c, "{\"method\":\"GET\",\"url\":\"https://h/\"}", differs, sizeof(differs)) != NULL) == (c->page_count > 0));
}

static void write_all(const struct cassette *c, struct buf *out) {
    require(cassette_write_head(out, c->source, c->steps ? c->job_id : NULL, c->total, c->parts, c->job) == RC_OK);
    for (size_t i = 0; i < c->document_count; i++) {
        require(cassette_write_document(out, c->documents[i].sha256, (struct slice){c->documents[i].bytes, c->documents[i].length}) == RC_OK);
    }
    for (size_t i = 0; i < c->page_count; i++) {
        require(cassette_write_page(out, &c->pages[i], NULL) == RC_OK);
    }
}

static bool same_text(const char *a, const char *b) {
    return a == NULL ? b == NULL : b != NULL && strcmp(a, b) == 0;
}

static void require_same(const struct cassette *c, const struct cassette *again) {
    require(strcmp(c->source, again->source) == 0 && c->total == again->total && c->page_count == again->page_count && c->steps == again->steps &&
            strcmp(c->job_id, again->job_id) == 0 && c->document_count == again->document_count);
    for (size_t i = 0; i < c->page_count; i++) {
        const struct cassette_page *a = &c->pages[i], *b = &again->pages[i];

        require(a->batch == b->batch && a->paid == b->paid && a->status == b->status && strcmp(a->request, b->request) == 0);
        require(a->body_length == b->body_length && (a->body == NULL) == (b->body == NULL));
        require(a->body == NULL || memcmp(a->body, b->body, a->body_length) == 0);
        require(strcmp(a->step, b->step) == 0 && a->part == b->part && a->way == b->way && a->attempt == b->attempt && a->end == b->end);
        require(same_text(a->reason, b->reason) && same_text(a->error, b->error) && a->cached_us == b->cached_us);
    }
}

static void differ(void *context, const char *text) {
    (void)context;
    require(text[0] != '\0' && str_is_utf8(text, strlen(text)));
}

/* Answers as they are recorded, or a program that fails. */
static enum rehearse_ran run(void *context, struct rehearse_program *program) {
    const cJSON *job = context;

    if (cJSON_HasObjectItem(job, "fails")) {
        program_failed(program->exec, ACTION_FAIL, "helper", "no", program->failed);
        return REHEARSE_FAILED;
    }
    return REHEARSE_NOT_RUN;
}

/* Whatever answers it has, units are gone through to an end. */
static void require_walk(struct cassette *c) {
    static const char definition[] =
        "{\"name\":\"x\",\"foreach\":[{\"name\":\"n\",\"in\":\"/ns\"}],\"job_members\":{\"ns\":{\"type\":\"array\"}},"
        "\"steps\":[{\"name\":\"a\",\"http\":{\"url\":\"https://h.example/${item.n}\"}},"
        "{\"name\":\"p\",\"for_each\":\"${steps.a/"
        "l}\",\"exec\":{\"command\":[\"p\",\"${part}\",\"${cached_at}\"]},\"fallback\":[{\"exec\":{\"command\":[\"q\"]}}]},"
        "{\"name\":\"r\",\"exec\":{\"command\":[\"r\"],\"stdin\":[\"${steps.p}\",\"${steps.p/0/v}\",\"${steps.a}\"]}}],\"data_selector\":\"/r\"}";
    static struct source *source;
    struct units *units;
    struct err err = {0};

    if (source == NULL) {
        require(source_parse("x.json", definition, strlen(definition), &source, &err) == RC_OK);
    }
    if (units_new(source, c->job, 4, &units, &err) != RC_OK) {
        return;
    }
    for (uint32_t batch = 1; batch <= units->count; batch++) {
        struct rehearse rehearse = {.source = source, .job = c->job, .cassette = c, .units = units, .run = run, .differ = differ, .context = c->job};
        const struct page page = {.batch = batch, .limit = 1};
        struct rehearsed unit;

        require(rehearse_unit(&rehearse, &page, &unit, &err) == RC_OK);
        require(unit.state == REHEARSED_DONE || unit.reason[0] != '\0');
        rehearsed_release(&unit);
    }
    units_free(units);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size > 0 ? size : 1);
    struct cassette *c, *again;
    struct err err = {0};

    if (copy == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    if (cassette_read(copy, size, &c, &err) == RC_OK) {
        struct buf out = BUF_INIT(CASSETTE_MOST_BYTES);

        require_findable(c);
        write_all(c, &out);
        require(cassette_read(buf_text(&out), out.length, &again, &err) == RC_OK);
        require_same(c, again);
        if (c->steps) {
            require_walk(c);
        }
        cassette_free(again);
        buf_release(&out);
        cassette_free(c);
    } else {
        require(c == NULL && err.text[0] != '\0');
    }
    free(copy);
    return 0;
}
