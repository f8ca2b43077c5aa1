// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "source/cassette.h"

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
        require(cassette_nearest(c, request, differs, sizeof(differs)) != NULL && str_is_utf8(differs, strlen(differs)));
    }
    require((cassette_nearest(c, "{\"method\":\"GET\",\"url\":\"https://h/\"}", differs, sizeof(differs)) != NULL) == (c->page_count > 0));
}

static void write_all(const struct cassette *c, struct buf *out) {
    require(cassette_write_head(out, c->source, c->total, c->parts, c->job) == RC_OK);
    for (size_t i = 0; i < c->page_count; i++) {
        const struct cassette_page *page = &c->pages[i];

        require(cassette_write_page(out, page->batch, page->paid, page->request, page->status, NULL, (struct slice){page->body, page->body_length}) == RC_OK);
    }
}

static void require_same(const struct cassette *c, const struct cassette *again) {
    require(strcmp(c->source, again->source) == 0 && c->total == again->total && c->page_count == again->page_count);
    for (size_t i = 0; i < c->page_count; i++) {
        const struct cassette_page *a = &c->pages[i], *b = &again->pages[i];

        require(a->batch == b->batch && a->paid == b->paid && a->status == b->status && strcmp(a->request, b->request) == 0);
        require(a->body_length == b->body_length && memcmp(a->body, b->body, a->body_length) == 0);
    }
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
        cassette_free(again);
        buf_release(&out);
        cassette_free(c);
    } else {
        require(c == NULL && err.text[0] != '\0');
    }
    free(copy);
    return 0;
}
