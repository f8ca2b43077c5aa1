// SPDX-License-Identifier: Apache-2.0
#include "source/paginator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "source_fixture.h"

#define NONE UINT64_MAX
#define MOST 4096

/* A server with so many records, which gives at most `page` of them at once. */
struct server {
    uint64_t base, records, page;
    bool names_total;
};

static uint64_t give(const struct server *server, const struct page *page) {
    uint64_t at = page->offset - server->base, left = at < server->records ? server->records - at : 0;
    uint64_t most = page->limit < server->page ? page->limit : server->page;

    return left < most ? left : most;
}

struct seen {
    struct page pages[MOST];
    uint64_t records[MOST], total[MOST];
    size_t count;
};

static struct paginator *start(const struct source *s, uint64_t take, uint64_t total, uint64_t size) {
    struct paginator_start begin = {.take = take, .total = total, .page_size = size};
    struct paginator *p;
    struct err err = {0};

    if (paginator_new(s, &begin, &p, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    return p;
}

static void answer(struct paginator *p, const struct page *page, uint64_t records, uint64_t total) {
    const struct page_facts facts = {.records = records, .total = total};

    paginator_answer(p, page, &facts);
}

/* Run to the end with up to `width` pages out, of which the newest is answered first when newest is set. */
static void run(struct paginator *p, const struct server *server, unsigned width, bool newest, struct seen *seen) {
    struct page out[16], page;
    size_t waiting = 0;
    enum rc rc = RC_OK;

    seen->count = 0;
    for (;;) {
        while (waiting < width && (rc = paginator_next(p, &page)) == RC_OK) {
            assert_true(page.limit > 0);
            assert_true(seen->count < MOST);
            assert_int_equal(page.batch, seen->count + 1);
            seen->pages[seen->count++] = page;
            out[waiting++] = page;
        }
        if (waiting == 0) {
            assert_int_equal(rc, RC_GONE);
            assert_true(paginator_ended(p));
            return;
        }
        assert_false(paginator_ended(p));
        page = out[newest ? waiting - 1 : 0];
        if (!newest) {
            memmove(out, out + 1, (waiting - 1) * sizeof(out[0]));
        }
        waiting--;
        seen->records[page.batch - 1] = give(server, &page);
        seen->total[page.batch - 1] = server->names_total ? server->records : NONE;
        answer(p, &page, seen->records[page.batch - 1], seen->total[page.batch - 1]);
    }
}

/* Each position below `until` was given exactly once, none above. */
static void assert_covers(const struct seen *seen, uint64_t base, uint64_t until) {
    char *given = calloc(until + 1, 1);

    for (size_t i = 0; i < seen->count; i++) {
        for (uint64_t k = 0; k < seen->records[i]; k++) {
            uint64_t at = seen->pages[i].offset - base + k;

            if (at >= until || given[at]++ != 0) {
                fail_msg("position %llu is beyond the end or came twice", (unsigned long long)at);
            }
        }
    }
    for (uint64_t at = 0; at < until; at++) {
        if (given[at] == 0) {
            fail_msg("position %llu did not come", (unsigned long long)at);
        }
    }
    free(given);
}

/* What is read of an answer with this document, and this X-Total unless it is NULL. */
static void read_page(const struct source *s, const char *document, const char *total, struct page_facts *facts) {
    struct fields fields = {.count = 0};

    assert_true(total == NULL || fields_add(&fields, "x-total", total, strlen(total)));
    paginator_read(s, &(struct page_answer){.document = slice_of(document), .fields = &fields, .url = "https://api.example.com/items"}, facts);
    fields_release(&fields);
}

static struct source *offset_source(unsigned base) {
    char patch[256];

    (void)snprintf(patch, sizeof(patch), "{\"paginator\":{\"type\":\"offset\",\"limit\":100,\"offset\":%u,\"total_path\":\"/total\"}}", base);
    return source_of(patch);
}

static void test_every_size(void **state) {
    static const uint64_t sizes[] = {0, 1, 99, 100, 101, 250, 1000}, server_pages[] = {1000, 100, 99, 33, 7}, takes[] = {NONE, 1, 99, 100, 150, 1000, 5000};
    static struct seen seen;

    (void)state;
    for (unsigned n = 0; n < 7 * 5 * 7 * 2 * 2 * 3; n++) {
        struct server server = {.base = n & 1, .names_total = (n >> 1) & 1, .records = sizes[n / 12 % 7], .page = server_pages[n / 84 % 5]};
        uint64_t take = takes[n / 420 % 7], until = take < server.records ? take : server.records;
        struct source *s = offset_source((unsigned)server.base);

        for (unsigned newest = 0; newest < 2; newest++) {
            struct paginator *p = start(s, take, NONE, 100);

            run(p, &server, 1 + n / 4 % 3 * 2, newest != 0, &seen);
            assert_covers(&seen, server.base, until);
            paginator_free(p);
        }
        source_free(s);
    }
}

static void test_one_alone(void **state) {
    struct source *s = offset_source(0);
    struct paginator *p = start(s, NONE, 350, 100);
    struct page first, page;

    (void)state;
    assert_int_equal(paginator_next(p, &first), RC_OK);
    assert_int_equal(first.batch, 1);
    assert_int_equal(first.offset, 0);
    assert_int_equal(first.limit, 100);
    assert_int_equal(paginator_next(p, &page), RC_AGAIN);
    answer(p, &first, 100, 350);
    for (uint32_t batch = 2; batch <= 4; batch++) {
        assert_int_equal(paginator_next(p, &page), RC_OK);
        assert_int_equal(page.batch, batch);
        assert_int_equal(page.offset, (batch - 1) * 100);
        assert_int_equal(page.limit, 100); /* the last too: only take trims */
    }
    assert_int_equal(paginator_next(p, &page), RC_AGAIN);
    paginator_free(p);
    source_free(s);
}

static void test_preview_says_none(void **state) {
    struct source *s = offset_source(0);
    struct paginator *p = start(s, NONE, 0, 100);
    struct page page;

    (void)state;
    assert_int_equal(paginator_next(p, &page), RC_GONE);
    assert_true(paginator_ended(p));
    paginator_free(p);
    source_free(s);
}

static void test_gap(void **state) {
    struct source *s = offset_source(1);
    struct paginator *p = start(s, NONE, NONE, 100);
    struct page page[5];

    (void)state;
    assert_int_equal(paginator_next(p, &page[0]), RC_OK);
    answer(p, &page[0], 100, 400);
    assert_int_equal(paginator_next(p, &page[1]), RC_OK);
    assert_int_equal(paginator_next(p, &page[2]), RC_OK);
    answer(p, &page[1], 60, 400); /* 101..160 came, 201..300 is out */
    assert_int_equal(paginator_next(p, &page[3]), RC_OK);
    assert_int_equal(page[3].batch, 4);
    assert_int_equal(page[3].offset, 161);
    assert_int_equal(page[3].limit, 40); /* nothing that is out is bought twice */
    assert_int_equal(paginator_next(p, &page[4]), RC_OK);
    assert_int_equal(page[4].offset, 301);
    answer(p, &page[3], 0, 400); /* empty: asked once, not again */
    answer(p, &page[2], 100, 400);
    answer(p, &page[4], 100, 400);
    assert_int_equal(paginator_next(p, &page[0]), RC_GONE);
    assert_true(paginator_ended(p));
    paginator_free(p);
    source_free(s);
}

static void test_empty_page_ends(void **state) {
    struct source *s = offset_source(0);
    struct paginator *p = start(s, NONE, NONE, 100);
    struct page page, next;

    (void)state;
    assert_int_equal(paginator_next(p, &page), RC_OK);
    answer(p, &page, 100, 1000);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(paginator_next(p, &next), RC_OK);
    answer(p, &page, 0, 1000);
    assert_int_equal(paginator_next(p, &page), RC_AGAIN);
    answer(p, &next, 0, 1000);
    assert_int_equal(paginator_next(p, &page), RC_GONE);
    assert_true(paginator_ended(p));
    paginator_free(p);
    source_free(s);
}

/* An empty page, and records behind it all the same: those of a server that drops a page now and then. */
static void test_empty_page_between(void **state) {
    for (unsigned order = 0; order < 2; order++) {
        struct source *s = offset_source(0);
        struct paginator *p = start(s, NONE, NONE, 100);
        struct page page[3], next;

        (void)state;
        assert_int_equal(paginator_next(p, &page[0]), RC_OK);
        answer(p, &page[0], 100, 1000);
        assert_int_equal(paginator_next(p, &page[1]), RC_OK);
        assert_int_equal(paginator_next(p, &page[2]), RC_OK);
        answer(p, &page[1 + order], order == 0 ? 0 : 100, 1000);
        answer(p, &page[2 - order], order == 0 ? 100 : 0, 1000);
        assert_int_equal(paginator_next(p, &next), RC_OK);
        assert_int_equal(next.offset, 300);
        paginator_free(p);
        source_free(s);
    }
}

static void test_changing_total(void **state) {
    struct source *s = offset_source(0);
    struct paginator *p = start(s, NONE, 200, 100);
    struct page page, other;

    (void)state;
    assert_int_equal(paginator_next(p, &page), RC_OK);
    answer(p, &page, 100, 300); /* more than the preview said */
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(paginator_next(p, &other), RC_OK);
    assert_int_equal(other.offset, 200);
    answer(p, &other, 100, 500);
    answer(p, &page, 100, 150); /* asked before: what batch 3 was told is newer */
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.offset, 300);
    answer(p, &page, 50, 350); /* less */
    assert_int_equal(paginator_next(p, &page), RC_GONE);
    assert_true(paginator_ended(p));
    paginator_free(p);
    source_free(s);
}

static void test_total_of_zero(void **state) {
    struct source *s = offset_source(0);
    struct paginator *p = start(s, NONE, NONE, 100);
    struct page page;

    (void)state;
    assert_int_equal(paginator_next(p, &page), RC_OK);
    answer(p, &page, 100, 0); /* records and a total of 0: it names none */
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.offset, 100);
    answer(p, &page, 0, 0);
    assert_int_equal(paginator_next(p, &page), RC_GONE);
    paginator_free(p);
    source_free(s);
}

static void test_more_than_asked(void **state) {
    struct source *s = offset_source(0);
    struct paginator *p = start(s, NONE, NONE, 100);
    struct page page;

    (void)state;
    assert_int_equal(paginator_next(p, &page), RC_OK);
    answer(p, &page, 500, 620); /* the server knows no limit */
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.offset, 500);
    assert_int_equal(page.limit, 100);
    answer(p, &page, 120, 620);
    assert_int_equal(paginator_next(p, &page), RC_GONE);
    paginator_free(p);
    source_free(s);
}

static void test_smaller_server_page(void **state) {
    struct source *s = offset_source(0);
    struct paginator *p = start(s, NONE, NONE, 100);
    struct page page, other;

    (void)state;
    assert_int_equal(paginator_next(p, &page), RC_OK);
    answer(p, &page, 30, 100);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(paginator_next(p, &other), RC_OK);
    assert_int_equal(page.offset, 30);
    assert_int_equal(page.limit, 30);
    assert_int_equal(other.offset, 60);
    paginator_free(p);
    source_free(s);
}

static void test_take(void **state) {
    struct source *s = offset_source(0);
    struct paginator *p = start(s, 150, 1000, 100);
    struct page page;

    (void)state;
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.limit, 100);
    answer(p, &page, 100, 1000);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.offset, 100);
    assert_int_equal(page.limit, 50);
    answer(p, &page, 50, 1000);
    assert_int_equal(paginator_next(p, &page), RC_GONE);
    assert_true(paginator_ended(p));
    paginator_free(p);
    p = start(s, 20, NONE, 100);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.limit, 20);
    paginator_free(p);
    source_free(s);
}

static void test_given_up(void **state) {
    struct source *s = offset_source(0);
    struct paginator *p = start(s, NONE, 250, 100);
    struct page page;

    (void)state;
    assert_int_equal(paginator_next(p, &page), RC_OK);
    answer(p, &page, page.limit, NONE);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    assert_int_equal(page.offset, 100);
    paginator_free(p);
    source_free(s);
}

/* The journal of a run, cut at every event, gives the plan of the run itself; whatever the order in which it is told. */
static void test_replay(void **state) {
    static const struct server servers[] = {{0, 1000, 1000, true}, {1, 1000, 1000, true}, {0, 730, 45, true}, {1, 777, 1000, false}, {0, 10, 1000, true}};
    static struct seen seen;

    (void)state;
    for (size_t n = 0; n < sizeof(servers) / sizeof(servers[0]); n++) {
        struct source *s = offset_source((unsigned)servers[n].base);
        struct paginator *p = start(s, 700, NONE, 100);

        run(p, &servers[n], 4, n % 2 != 0, &seen);
        paginator_free(p);
        for (size_t cut = 0; cut <= seen.count; cut++) {
            struct page forward, backward;
            struct paginator *a = start(s, 700, NONE, 100), *b = start(s, 700, NONE, 100);
            enum rc one, other;

            for (size_t i = 0; i < cut; i++) {
                paginator_restore(a, &seen.pages[i]);
                paginator_restore(b, &seen.pages[cut - 1 - i]);
            }
            for (size_t i = 0; i + 1 < cut; i++) { /* one is still out */
                answer(a, &seen.pages[i], seen.records[i], seen.total[i]);
                answer(b, &seen.pages[cut - 2 - i], seen.records[cut - 2 - i], seen.total[cut - 2 - i]);
            }
            do {
                one = paginator_next(a, &forward);
                other = paginator_next(b, &backward);
                assert_int_equal(one, other);
                assert_true(one != RC_OK || memcmp(&forward, &backward, sizeof(forward)) == 0);
                assert_true(one != RC_OK || forward.batch > cut);
            } while (one == RC_OK);
            assert_int_equal(paginator_ended(a), paginator_ended(b));
            assert_int_equal(one == RC_GONE, paginator_ended(a));
            paginator_free(a);
            paginator_free(b);
        }
        source_free(s);
    }
}

static void test_has_more(void **state) {
    struct source *s = source_of("{\"paginator\":{\"type\":\"offset\",\"limit\":100,\"has_more_path\":\"/more\"}}");
    struct paginator *p = start(s, NONE, NONE, 100);
    struct page_facts facts = {.records = 100};
    struct page page;

    (void)state;
    read_page(s, "{\"more\":true}", NULL, &facts);
    assert_int_equal(facts.total, UINT64_MAX);
    assert_int_equal(facts.more, MORE_YES);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    paginator_answer(p, &page, &facts);
    read_page(s, "{\"more\":\"no\"}", NULL, &facts);
    assert_int_equal(facts.more, MORE_UNKNOWN);
    read_page(s, "{\"more\":false}", NULL, &facts);
    assert_int_equal(facts.more, MORE_NO);
    assert_int_equal(paginator_next(p, &page), RC_OK);
    paginator_answer(p, &page, &facts);
    assert_int_equal(paginator_next(p, &page), RC_GONE);
    assert_true(paginator_ended(p));
    paginator_free(p);
    source_free(s);
}

static void test_bounds(void **state) {
    struct source *s = source_of("{\"paginator\":{\"type\":\"offset\",\"limit\":100,\"maximum_offset\":250,\"stop_after_empty_page\":false}}");
    struct paginator *p = start(s, NONE, NONE, 100);
    struct page page = {.batch = LIMIT_BATCHES, .offset = 0, .limit = 100};

    (void)state;
    for (uint64_t at = 0; at < 300; at += 100) {
        assert_int_equal(paginator_next(p, &page), RC_OK);
        assert_int_equal(page.offset, at);
        answer(p, &page, at == 100 ? 0 : 100, NONE);
    }
    assert_int_equal(paginator_next(p, &page), RC_GONE);
    paginator_free(p);
    source_free(s);
    s = offset_source(0);
    p = start(s, NONE, NONE, 100);
    page = (struct page){.batch = LIMIT_BATCHES, .offset = 0, .limit = 100};
    paginator_restore(p, &page);
    answer(p, &page, 100, UINT64_MAX - 1);
    assert_int_equal(paginator_next(p, &page), RC_PERM);
    assert_false(paginator_ended(p));
    paginator_free(p);
    source_free(s);
}

static void test_read(void **state) {
    struct source *s = source_of("{\"paginator\":{\"type\":\"offset\",\"limit\":100,\"total_path\":\"/total\",\"total_header\":\"X-Total\"}}");
    static const struct {
        const char *document, *header;
        uint64_t records, total;
    } reads[] = {{"{\"total\":12}", NULL, 5, 12},
                 {"{\"total\":\"12\"}", "7", 5, 12},
                 {"{\"total\":-1}", "7", 5, 7},
                 {"{\"total\":1.5}", NULL, 5, NONE},
                 {"{\"total\":0}", NULL, 5, NONE},
                 {"{\"total\":0}", NULL, 0, 0},
                 {"[]", "7", 5, 7},
                 {"[]", "7, 8", 5, NONE},
                 {"{\"total\":null}", NULL, 0, NONE}};

    (void)state;
    assert_string_equal(s->wanted[0], "X-Total");
    assert_null(s->wanted[1]);
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        struct page_facts facts = {.records = reads[i].records, .token = "old", .fault = "old"};

        read_page(s, reads[i].document, reads[i].header, &facts);
        assert_true(facts.total == reads[i].total);
        assert_string_equal(facts.token, "");
        assert_string_equal(facts.fault, "");
    }
    source_free(s);
}

static void test_place(void **state) {
    struct source *s = source_of("{\"steps\":[{\"http\":{\"method\":\"POST\",\"url\":\"https://h/\"}}],\"paginator\":{\"type\":\"offset\",\"limit\":100,"
                                 "\"limit_body_path\":\"/page/size\",\"offset_body_path\":\"/list/1/from\"}}");
    const struct page page = {.batch = 1, .offset = 300, .limit = 100};
    struct placement to = {.params = cJSON_CreateObject(), .json = cJSON_Parse("{\"list\":[1,{\"from\":\"x\"}]}")};
    struct err err = {0};
    char *text;

    (void)state;
    assert_int_equal(paginator_place(s, &page, &to, &err), RC_OK);
    text = cJSON_PrintUnformatted(to.json);
    assert_string_equal(text, "{\"list\":[1,{\"from\":300}],\"page\":{\"size\":100}}");
    free(text);
    cJSON_Delete(to.json);
    to.json = cJSON_Parse("{\"list\":\"x\"}");
    assert_int_equal(paginator_place(s, &page, &to, &err), RC_PERM);
    cJSON_Delete(to.json);
    cJSON_Delete(to.params);
    source_free(s);
}

static void test_rows(void **state) {
    (void)state;
    assert_null(paginator_row("nothing"));
    for (const struct paginator_row *const *row = paginator_rows; *row != NULL; row++) {
        assert_ptr_equal(paginator_row((*row)->type), *row);
        assert_true((*row)->options != NULL && (*row)->check != NULL && (*row)->create != NULL && (*row)->destroy != NULL && (*row)->next != NULL);
        assert_true((*row)->restore != NULL && (*row)->answer != NULL && (*row)->ended != NULL && (*row)->place != NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size),    cmocka_unit_test(test_one_alone),       cmocka_unit_test(test_preview_says_none),
        cmocka_unit_test(test_gap),           cmocka_unit_test(test_empty_page_ends), cmocka_unit_test(test_changing_total),
        cmocka_unit_test(test_total_of_zero), cmocka_unit_test(test_more_than_asked), cmocka_unit_test(test_empty_page_between),
        cmocka_unit_test(test_take),          cmocka_unit_test(test_given_up),        cmocka_unit_test(test_smaller_server_page),
        cmocka_unit_test(test_replay),        cmocka_unit_test(test_has_more),        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_read),          cmocka_unit_test(test_place),           cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
