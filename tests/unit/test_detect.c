// SPDX-License-Identifier: Apache-2.0
#include "source/detect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/source.h"

/* An API as a function of its URL: so many records, cut as the spelling says. */
struct api {
    const char *limit_param, *place_param; /* NULL: it has none */
    bool by_page;
    uint64_t base, default_limit, cap, records;
    const char *total;  /* member, or NULL */
    const char *cursor; /* member that names the next place, or NULL */
    const char *link;   /* member that names the next URL; "Link": the header; or NULL */
    bool rooted;        /* the answer is the list */
};

static uint64_t param_of(const char *url, const char *name, uint64_t otherwise) {
    const char *at = strchr(url, '?');
    char wanted[80], value[40];

    while (name != NULL && at != NULL) {
        at++;
        (void)str_format(wanted, sizeof(wanted), "%s%s=", strncmp(name, "$", 1) == 0 ? "%24" : "", name + (*name == '$'));
        if (str_starts(at, wanted)) {
            (void)str_format(value, sizeof(value), "%.*s", (int)strcspn(at + strlen(wanted), "&"), at + strlen(wanted));
            return strtoull(value, NULL, 10);
        }
        at = strchr(at, '&');
    }
    return otherwise;
}

static void answer(const struct api *api, const char *url, struct buf *body, struct fields *fields) {
    uint64_t limit = param_of(url, api->limit_param, api->default_limit), place = param_of(url, api->place_param, api->base), start;
    bool first = true;

    limit = limit > api->cap ? api->cap : limit;
    place = place < api->base ? api->base : place;
    start = (place - api->base) * (api->by_page ? limit : 1);
    (void)buf_printf(body, "%s", api->rooted ? " [" : "{\"meta\":{\"tags\":[\"a\",\"b\"],\"limit\":10},\"things\":[");
    for (uint64_t i = start; i < start + limit && i < api->records; i++) {
        (void)buf_printf(body, "%s{\"kind\":\"x\",\"n\":%d,\"id\":\"r%d\"}", first ? "" : ",", (int)(i % 7), (int)i);
        first = false;
    }
    (void)buf_printf(body, "]");
    if (api->total != NULL) {
        (void)buf_printf(body, ",\"%s\":%d", api->total, (int)api->records);
    }
    if (api->cursor != NULL && start + limit < api->records) {
        (void)buf_printf(body, ",\"page\":{\"%s\":\"%d\"}", api->cursor, (int)(start + limit));
    }
    if (api->link != NULL && strcmp(api->link, "Link") == 0) {
        static const char link[] = "<https://x.example/b>; rel=\"last\", </b?p=2>; rel=next";

        assert_true(fields_add(fields, "link", link, strlen(link)));
    } else if (api->link != NULL) {
        (void)buf_printf(body, ",\"%s\":\"https:\\/\\/x.example\\/v1\\/things?p=2\"", api->link);
    }
    (void)buf_add_text(body, api->rooted ? "" : "}");
}

/* The draft of an API, read back; *text gets it too. */
static struct source *draft_of(const struct api *api, const char *url, const char *const *headers, char **text) {
    static const char *const none[] = {NULL};
    const struct detect_setup setup = {.name = "things", .url = url, .headers = headers != NULL ? headers : none};
    struct buf out = BUF_INIT(1000000);
    struct source *source = NULL;
    struct detect *d;
    struct err err = {0};
    unsigned requests = 0;
    char *next;

    if (detect_new(&setup, &d, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    for (; detect_next(d, &next); free(next)) {
        struct buf body = BUF_INIT(1000000);
        struct fields fields = {.count = 0};

        answer(api, next, &body, &fields);
        if (detect_answer(d, 200, (struct slice){buf_text(&body), body.length}, &fields, &err) != RC_OK) {
            fail_msg("%s", err.text);
        }
        assert_true(++requests <= DETECT_MOST_REQUESTS);
        fields_release(&fields);
        buf_release(&body);
    }
    if (detect_draft(d, &out, &err) != RC_OK || source_parse("things.json", buf_text(&out), out.length, &source, &err) != RC_OK) {
        fail_msg("%s\n%s", err.text, buf_text(&out));
    }
    cJSON_Delete(detect_summary(d));
    detect_free(d);
    *text = buf_take(&out);
    buf_release(&out);
    return source;
}

static const char *option(const struct source *source, const char *name) {
    static char number[32];
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(source->paginator, name);

    if (cJSON_IsNumber(item)) {
        (void)str_format(number, sizeof(number), "%.0f", item->valuedouble);
        return number;
    }
    return cJSON_IsString(item) ? item->valuestring : "-";
}

static void test_numbered(void **state) {
    static const struct {
        struct api api;
        const char *type, *base_option, *base, *place_option, *place, *limit_param, *limit;
    } cases[] = {
        {{"limit", "offset", false, 0, 25, 500, 90, "total", NULL, NULL, false}, "offset", "offset", "0", "offset_param", "offset", "limit", "90"},
        {{"limit", "start", false, 1, 25, 500, 900, "total", NULL, NULL, false}, "offset", "offset", "1", "offset_param", "start", "limit", "100"},
        {{"per_page", "page", true, 1, 30, 50, 900, "total_count", NULL, NULL, false}, "page_number", "base_page", "1", "page_param", "page", "per_page", "50"},
        {{"size", "page", true, 0, 20, 500, 900, "totalElements", NULL, NULL, false}, "page_number", "base_page", "0", "page_param", "page", "size", "100"},
        {{"_limit", "_start", false, 0, 10, 500, 900, NULL, NULL, NULL, true}, "offset", "offset", "0", "offset_param", "_start", "_limit", "100"},
        {{"$top", "$skip", false, 0, 25, 500, 900, "@odata.count", NULL, NULL, false}, "offset", "offset", "0", "offset_param", "$skip", "$top", "100"},
        {{NULL, "page", true, 1, 30, 50, 900, "total", NULL, NULL, false}, "page_number", "base_page", "1", "page_param", "page", "-", "30"},
        {{NULL, "page", true, 0, 30, 50, 900, NULL, NULL, NULL, false}, "page_number", "base_page", "0", "page_param", "page", "-", "30"},
        {{NULL, "skip", false, 0, 30, 50, 900, NULL, NULL, NULL, false}, "offset", "offset", "0", "offset_param", "skip", "-", "30"},
        {{NULL, NULL, false, 0, 30, 50, 900, "total", NULL, NULL, false}, "single_page", "offset", "-", "offset_param", "-", "-", "-"},
        {{"limit", "offset", false, 0, 25, 500, 2, "total", NULL, NULL, false}, "single_page", "offset", "-", "offset_param", "-", "-", "-"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text;
        struct source *s = draft_of(&cases[i].api, "https://x.example/v1/things?q=a%20b&q=c&from=2026-01-01", NULL, &text);

        print_message("case %zu\n", i);
        assert_string_equal(s->paginator_type, cases[i].type);
        assert_string_equal(option(s, cases[i].base_option), cases[i].base);
        assert_string_equal(option(s, cases[i].place_option), cases[i].place);
        assert_string_equal(option(s, "limit_param"), cases[i].limit_param);
        assert_string_equal(option(s, "limit"), cases[i].limit);
        assert_string_equal(s->data_selector, cases[i].api.rooted ? "" : "/things");
        assert_string_equal(s->primary_key[0], "/id");
        assert_string_equal(s->steps[0].ways[0].http.url, "https://x.example/v1/things");
        assert_non_null(strstr(text, "\"params\": {\"q\": [\"a b\", \"c\"], \"from\": \"2026-01-01\"}"));
        assert_true(s->rate_count == 1 && s->rates[0].limit == 60 && s->rates[0].interval_ms == 60000);
        free(text);
        source_free(s);
    }
}

static void test_named_next(void **state) {
    static const struct {
        struct api api;
        const char *type, *path_option, *path, *param;
    } cases[] = {
        {{"limit", "cursor", false, 0, 25, 500, 900, "total", "next_cursor", NULL, false}, "cursor", "cursor_path", "/page/next_cursor", "cursor"},
        {{"pageSize", "pageToken", false, 0, 25, 500, 900, NULL, "nextPageToken", NULL, false}, "cursor", "cursor_path", "/page/nextPageToken", "pageToken"},
        {{"limit", "after", false, 0, 25, 500, 900, NULL, "next", NULL, false}, "cursor", "cursor_path", "/page/next", "after"},
        {{"limit", NULL, false, 0, 25, 500, 900, NULL, NULL, "next", false}, "json_link", "next_url_path", "/next", "-"},
        {{"limit", NULL, false, 0, 25, 500, 900, NULL, NULL, "@odata.nextLink", false}, "json_link", "next_url_path", "/@odata.nextLink", "-"},
        {{"limit", NULL, false, 0, 25, 500, 900, NULL, NULL, "Link", true}, "header_link", "next_url_path", "-", "-"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text;
        struct source *s = draft_of(&cases[i].api, "https://x.example/v1/things", NULL, &text);

        print_message("case %zu\n", i);
        assert_string_equal(s->paginator_type, cases[i].type);
        assert_string_equal(option(s, cases[i].path_option), cases[i].path);
        assert_string_equal(option(s, "cursor_param"), cases[i].param);
        assert_string_equal(option(s, "limit_param"), cases[i].api.limit_param);
        free(text);
        source_free(s);
    }
}

struct got {
    unsigned count;
    char names[4][80];
};

static void see_secret(void *context, const char *name, bool optional) {
    (void)optional;
    struct got *got = context;

    (void)str_copy(got->names[got->count++], 80, name);
}

/* No value that looks like a credential is in the draft; the others are, and stay what they are. */
static void test_secrets(void **state) {
    static const char *const headers[] = {"Authorization: Bearer TOPSECRET1", "X-Api-Key:TOPSECRET2", "X-Tenant: a ${job.x} b", "Cookie: TOPSECRET3", NULL};
    const struct api api = {"limit", "offset", false, 0, 25, 500, 90, "total", NULL, NULL, false};
    struct got got = {.count = 0};
    char *text;
    struct source *s = draft_of(&api, "https://x.example/v1/things?token=TOPSECRET4&keyword=house&limit=5", headers, &text);

    (void)state;
    assert_null(strstr(text, "TOPSECRET"));
    assert_non_null(strstr(text, "\"Authorization\": \"Bearer ${secret:things_token"));
    assert_non_null(strstr(text, "\"X-Tenant\": \"a $${job.x} b\""));
    assert_non_null(strstr(text, "\"keyword\": \"house\""));
    assert_null(strstr(text, "\"limit\": \"5\""));
    source_secrets(s, see_secret, &got);
    assert_int_equal(got.count, 4);
    assert_string_equal(got.names[0], "things_token");
    free(text);
    source_free(s);
}

/* Where records, keys and totals are found in one answer. */
static void test_look(void **state) {
    static const struct {
        const char *body, *records, *key, *total; /* key NULL: none */
    } cases[] = {
        {"[{\"id\":1},{\"id\":2},{\"id\":3}]", "", "/id", NULL},
        {"[\"a\",\"b\",\"c\"]", "", "", NULL},
        {"{\"facets\":[{\"n\":1},{\"n\":2},{\"n\":3},{\"n\":4}],\"results\":[{\"a_id\":\"x\"},{\"a_id\":\"y\"}],\"totalResultCount\":\"7\"}", "/results",
         "/a_id", "/totalResultCount"},
        {"{\"a\":{\"b\":{\"c\":[{\"x\":1,\"uuid\":\"p\"},{\"x\":2,\"uuid\":\"q\"}]}},\"data\":[]}", "/a/b/c", "/uuid", NULL},
        {"{\"hits\":{\"total\":{\"value\":40,\"relation\":\"eq\"},\"hits\":[{\"_id\":\"1\"},{\"_id\":\"2\"}]}}", "/hits/hits", "/_id", "/hits/total/value"},
        {"{\"data\":[{\"x\":1},{\"x\":1}],\"count\":2}", "/data", NULL, NULL},
        {"{\"data\":[{\"id\":1},{\"id\":1},{\"id\":2}]}", "/data", NULL, NULL},
        {"{\"data\":[{\"id\":1},{\"ID\":2}]}", "/data", NULL, NULL},
        {"{\"data\":[{\"id\":null,\"k\":\"a\"},{\"id\":null,\"k\":\"b\"}]}", "/data", "/k", NULL},
        {"{\"a/b~c\":[{\"RadarID\":\"P1\"},{\"RadarID\":\"P2\"}],\"total\":1}", "/a~1b~0c", "/RadarID", NULL},
        {"{\"items\":[]}", "/items", NULL, NULL},
    };
    static const char *const none[] = {NULL};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct detect_setup setup = {.name = "things", .url = "http://127.0.0.1/things", .headers = none};
        struct buf out = BUF_INIT(100000);
        struct detect *d;
        struct source *s;
        struct err err = {0};
        char *url;

        print_message("case %zu\n", i);
        assert_int_equal(detect_new(&setup, &d, &err), RC_OK);
        while (detect_next(d, &url)) {
            free(url);
            /* The same whatever is asked for. */
            assert_int_equal(detect_answer(d, 200, slice_of(cases[i].body), NULL, &err), RC_OK);
        }
        assert_int_equal(detect_draft(d, &out, &err), RC_OK);
        if (source_parse("things.json", buf_text(&out), out.length, &s, &err) != RC_OK) {
            fail_msg("%s\n%s", err.text, buf_text(&out));
        }
        assert_string_equal(s->data_selector, cases[i].records);
        assert_int_equal(s->key_count, cases[i].key != NULL);
        assert_string_equal(cases[i].key != NULL ? s->primary_key[0] : "", cases[i].key != NULL ? cases[i].key : "");
        assert_string_equal(s->total_path != NULL ? s->total_path : "-", cases[i].total != NULL ? cases[i].total : "-");
        source_free(s);
        detect_free(d);
        buf_release(&out);
    }
}

static void test_refused(void **state) {
    static const struct {
        int status;
        const char *body, *error;
    } cases[] = {
        {200, "", "empty"},        {200, "<html>", "no JSON"}, {200, "{\"a\":1}", "no list"}, {401, "{}", "--header"},
        {500, "{}", "status 500"}, {301, "", "leads to"},      {200, "[[1],[2]]", "no list"}, {200, "{\"a\":{\"b\":{\"c\":{\"d\":[{}]}}}}", "no list"},
    };
    static const char *const none[] = {NULL}, *const bad[] = {"no colon", NULL};
    static const char *const urls[] = {"ftp://x/", "x", "https://u:p@x.example/", "https://x.example/a b"};
    struct detect *d;
    struct err err = {0};
    char *url;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(detect_new(&(struct detect_setup){.name = "t", .url = "https://x.example/t", .headers = none}, &d, &err), RC_OK);
        assert_true(detect_next(d, &url));
        free(url);
        assert_int_equal(detect_answer(d, cases[i].status, slice_of(cases[i].body), NULL, &err), RC_PERM);
        if (strstr(err.text, cases[i].error) == NULL) {
            fail_msg("%zu: %s", i, err.text);
        }
        assert_false(detect_next(d, &url));
        detect_free(d);
    }
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        assert_int_equal(detect_new(&(struct detect_setup){.name = "t", .url = urls[i], .headers = none}, &d, &err), RC_PERM);
    }
    assert_int_equal(detect_new(&(struct detect_setup){.name = "t", .url = "https://x.example/t", .headers = bad}, &d, &err), RC_PERM);
}

/* Whatever comes, the draft is one that can be read, or there is none. */
static void test_mutations(void **state) {
    static const char *const bodies[] = {
        "{\"meta\":{\"total\":\"12\",\"next_cursor\":\"a\\u00e9\"},\"links\":{\"next\":{\"href\":\"\\/a?b=c\"}},\"da~t/"
        "a\":[{\"id\":1.0e1,\"x\":\"\"},{\"id\":2},{\"id\":3}]}",
        "[{\"a\":{\"id\":\"x\"},\"${job.b}\":\"y\"},{\"${job.b}\":\"z\"},{\"${job.b}\":\"w\"}]",
    };
    static const char *const headers[] = {"X-Key: a", NULL};
    uint32_t random = 1;

    (void)state;
    for (unsigned round = 0; round < 4000; round++) {
        const struct detect_setup setup = {.name = "things", .url = "https://x.example/a?b=${c&key=%41", .headers = headers};
        char body[400], *url;
        size_t length = strlen(bodies[round % 2]);
        struct buf out = BUF_INIT(100000);
        struct source *s = NULL;
        struct detect *d;
        struct err err = {0};

        assert_int_equal(detect_new(&setup, &d, &err), RC_OK);
        while (detect_next(d, &url)) {
            memcpy(body, bodies[round % 2], length);
            for (unsigned i = 0; i < round % 4; i++) {
                random = random * 1664525u + 1013904223u;
                body[(random >> 8) % length] = "{}[]\",:0a~/$\\\n"[(random >> 24) % 14];
            }
            free(url);
            (void)detect_answer(d, 200, (struct slice){body, length - (round % 7 == 6 ? (random >> 16) % length : 0)}, NULL, &err);
        }
        if (detect_draft(d, &out, &err) == RC_OK && source_parse("things.json", buf_text(&out), out.length, &s, &err) != RC_OK) {
            fail_msg("%s\n%s", err.text, buf_text(&out));
        }
        source_free(s);
        detect_free(d);
        buf_release(&out);
    }
}

static void test_name(void **state) {
    static const struct {
        const char *url, *name;
    } cases[] = {
        {"https://api.example.com/v1/properties?x=/y", "properties"},
        {"https://api.example.com/", "api-example-com"},
        {"http://127.0.0.1:80/Items.json", "items"},
        {"https://api.example.com/api/v2/open-data/12", "open-data"},
        {"https://api.example.com:8443", "api-example-com"},
    };
    char name[65];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        detect_name(cases[i].url, name);
        assert_string_equal(name, cases[i].name);
        assert_true(str_is_name(name));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbered), cmocka_unit_test(test_named_next), cmocka_unit_test(test_secrets), cmocka_unit_test(test_look),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_mutations),  cmocka_unit_test(test_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
