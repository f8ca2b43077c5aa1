// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "source/answer.h"
#include "source/criteria.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Three texts with a NUL between them: a definition, a job, an answer. What the first two accept must hold for requests and verdicts. */

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static const char *secret(void *context, const char *name) {
    (void)context;
    return strlen(name) % 2 == 0 ? "a secret" : NULL;
}

static struct slice cut(struct slice *rest) {
    const char *stop = rest->length > 0 ? memchr(rest->data, '\0', rest->length) : NULL;
    struct slice part = {.data = rest->data, .length = stop != NULL ? (size_t)(stop - rest->data) : rest->length};
    size_t used = part.length + (stop != NULL);

    *rest = (struct slice){.data = rest->data + used, .length = rest->length - used};
    return part;
}

static void require_request(const struct request *r) {
    require(strncmp(r->url, "https://", 8) == 0 || strncmp(r->url, "http://", 7) == 0);
    for (const char *at = r->url; *at != '\0'; at++) {
        require(*at > ' ' && *at < 0x7f);
    }
    for (char **header = r->headers; *header != NULL; header++) {
        require(strpbrk(*header, "\r\n") == NULL && strchr(*header, ':') != NULL);
    }
    require(r->body == NULL || json_check(r->body, r->body_length, &json_rules_payload, NULL) == RC_OK);
}

static void judge(const struct source *source, const struct answer *answer) {
    struct buf key = BUF_INIT(1024);
    struct slice name, record;
    struct json_iter iter;

    for (int status = 0; status < 600; status += 100 + (status == 400)) {
        struct answer of_status = *answer;

        of_status.status = status;
        for (int kind = REQUEST_FREE; kind <= REQUEST_PAID; kind++) {
            struct verdict v;

            answer_judge(source, (enum request_kind)kind, &of_status, &v);
            require(v.charge == CHARGE_NONE || kind == REQUEST_PAID);
            require(kind != REQUEST_PAID || status != 200 || v.charge != CHARGE_NONE);
            require((v.charge == CHARGE_SPENT) == (kind == REQUEST_PAID && v.action == ACTION_SUCCESS && status == 200));
            require(v.facts.fault[0] == '\0' || v.facts.token[0] == '\0');
            if (v.records.length > 0 && json_iter_init(&iter, v.records)) {
                while (json_iter_next(&iter, &name, &record)) {
                    (void)answer_record_key(source, record, &key);
                }
            }
        }
    }
    buf_release(&key);
}

/* Every page has this answer: whatever it says, the search comes to an end, a fault or a page after the other. */
static void turn_pages(const struct source *source, const struct template_scope *scope, struct paginator *paginator, const struct answer *answer) {
    struct page page;
    struct request request;
    struct err err;

    for (int pages = 0; pages < 4 && paginator_next(paginator, &page) == RC_OK; pages++) {
        struct verdict v;

        if (request_make(source, source->step_count - 1, 0, REQUEST_FREE, &page, scope, &request, &err) == RC_OK) {
            require_request(&request);
            request_release(&request);
        }
        answer_judge(source, REQUEST_FREE, answer, &v);
        if (v.action != ACTION_SUCCESS) {
            return;
        }
        paginator_answer(paginator, &page, &v.facts);
        require(!paginator_ended(paginator) || paginator_fault(paginator) == NULL);
    }
}

static void run(const struct source *source, struct slice text, struct slice body) {
    struct criteria *criteria;
    struct paginator *paginator;
    struct page page;
    struct request request;
    struct fields fields = {.count = 0};
    struct err err;

    if (criteria_parse("job.json", text.data, text.length, source, &criteria, &err) != RC_OK) {
        return;
    }
    const struct paginator_start start = {.take = criteria->take, .total = UINT64_MAX, .page_size = criteria->batch_size};
    const struct template_scope scope = {.job = criteria->json, .secret = secret};
    const struct answer answer = {.sent = true, .complete = true, .status = 200, .body = body, .fields = &fields, .url = "https://api.example.com/items"};

    /* All that is wanted of its header is its body, from where a link may begin. */
    for (const char *const *wanted = source->wanted; *wanted != NULL; wanted++) {
        const char *link = body.length > 0 ? memchr(body.data, '<', body.length) : NULL, *from = link != NULL ? link : body.data;
        size_t length = body.length - (link != NULL ? (size_t)(link - body.data) : 0);

        require(fields_add(&fields, *wanted, length > 0 ? from : "", length < 10000 ? length : 10000));
    }
    require(criteria_may_differ(criteria, criteria, &err) == RC_OK);
    require(paginator_new(source, &start, &paginator, &err) == RC_OK);
    require(paginator_next(paginator, &page) == RC_OK);
    for (int kind = REQUEST_FREE; kind <= REQUEST_PAID; kind++) {
        if (request_make(source, 0, 0, (enum request_kind)kind, &page, &scope, &request, &err) == RC_OK) {
            require_request(&request);
            request_release(&request);
        }
    }
    judge(source, &answer);
    paginator_free(paginator);
    require(paginator_new(source, &start, &paginator, &err) == RC_OK);
    turn_pages(source, &scope, paginator, &answer);
    fields_release(&fields);
    paginator_free(paginator);
    criteria_free(criteria);
}

/* The definition's name is that of its file. */
static enum rc parse(struct slice text, struct source **source) {
    char file[80] = "x.json";
    struct slice name;
    struct err err;

    if (json_check(text.data, text.length, &json_rules_config, NULL) == RC_OK && json_find(text, "/name", &name) && name.length > 2 && name.length < 68) {
        (void)str_format(file, sizeof(file), "%.*s.json", (int)name.length - 2, name.data + 1);
    }
    return source_parse(file, text.data, text.length, source, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size > 0 ? size : 1);
    struct slice rest = {.data = copy, .length = size}, definition, job;
    struct source *source;

    if (copy == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    definition = cut(&rest);
    job = cut(&rest);
    if (parse(definition, &source) == RC_OK) {
        run(source, job, rest);
        source_free(source);
    }
    free(copy);
    return 0;
}
