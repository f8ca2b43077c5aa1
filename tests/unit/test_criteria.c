// SPDX-License-Identifier: Apache-2.0
#include "source/criteria.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_fixture.h"

#define METERED                                                                                                                                                \
    "{\"name\":\"items\",\"steps\":[{\"http\":{\"method\":\"POST\",\"url\":\"https://h/\",\"params\":{\"Fields\":\"${job.fields}\"},"                          \
    "\"json\":{\"Criteria\":\"${job.criteria}\"}}}],"                                                                                                          \
    "\"paginator\":{\"type\":\"offset\",\"limit\":400,\"max_limit\":500},\"metering\":{},"                                                                     \
    "\"job_members\":{\"fields\":{\"type\":\"string\",\"default\":\"Overview\",\"maximum\":20},\"depth\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":3}}}"
#define FREE "{\"job_members\":{\"urls\":{\"type\":\"array\",\"required\":true,\"maximum\":2}}}"

static enum rc parse(const struct source *s, const char *text, struct criteria **c, struct err *err) {
    *err = (struct err){0};
    return criteria_parse("job.json", text, strlen(text), s, c, err);
}

static struct criteria *good(const struct source *s, const char *text) {
    struct criteria *c;
    struct err err;

    if (parse(s, text, &c, &err) != RC_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return c;
}

#define URLS                                                                                                                                                   \
    "{\"job_members\":{\"urls\":{\"type\":\"urls\",\"required\":true,\"minimum\":1,\"maximum\":4%s},\"strategies\":{\"type\":\"array\",\"default\":["          \
    "\"mobile\"],"                                                                                                                                             \
    "\"minimum\":1,\"values\":[\"mobile\",\"desktop\"]},\"engine\":{\"type\":\"string\",\"default\":\"service\",\"values\":[\"service\",\"local\"]}}}"

/* A list of URLs is what it means, whoever wrote it; so two that mean the same are the same search. */
static void test_urls(void **state) {
    static const struct {
        const char *members, *told;
    } wrong[] = {
        {"\"urls\":[]", "/urls: its length must be at least 1"},
        {"\"urls\":\"example.com\"", "/urls: must be a list of URLs"},
        {"\"urls\":[\"example.com\",\"example\"]", "/urls/1: \"example\" has no host name"},
        {"\"urls\":[{\"url\":\"ftp://example.com\"}]", "/urls/0/url: \"ftp://example.com\" is neither http nor https"},
        {"\"urls\":[{\"url\":\"http://10.0.0.1\"},\"b\",\"c\",\"http://[::1]\"]",
         "/urls/0/url: \"http://10.0.0.1\" is a host of this machine or of a private network, which the source does not allow (private_hosts); "
         "3 more are wrong: \"b\", \"c\", \"http://[::1]\""},
        {"\"urls\":[\"b\",\"c\"]", "/urls/0: \"b\" has no host name; 1 more is wrong: \"c\""},
        {"\"urls\":[{\"url\":7}]", "/urls/0/url: must be a text"},
        {"\"urls\":[7]", "/urls/0: must be a URL"},
        {"\"urls\":[{\"url\":\"example.com\",\"label\":{}}]", "did you mean \"labels\"?"},
        {"\"urls\":[{\"url\":\"example.com\",\"labels\":{\"a\":[]}}]", "/urls/0/labels/a: must be a text"},
        {"\"urls\":[\"http://127.0.0.1/\"]", "private network"},
        {"\"urls\":[\"a.example\",\"b.example\",\"c.example\",\"d.example\",\"e.example\"]", "/urls: its length must be at most 4"},
        {"\"urls\":[\"a.example\"],\"strategies\":[\"mobile\",\"tablet\"]", "/strategies: must be a list of \"mobile\", \"desktop\", each once at most"},
        {"\"urls\":[\"a.example\"],\"strategies\":[\"mobile\",\"mobile\"]", "each once at most"},
        {"\"urls\":[\"a.example\"],\"strategies\":[\"mobile\",1]", "each once at most"},
        {"\"urls\":[\"a.example\"],\"engine\":\"remote\"", "/engine: must be one of \"service\", \"local\""},
    };
    char definition_text[600], text[600];
    struct source *s, *inside;
    struct criteria *c, *d;
    struct err err;
    char *printed;

    (void)state;
    assert_true(str_format(definition_text, sizeof(definition_text), URLS, ""));
    s = source_of(definition_text);
    assert_true(str_format(definition_text, sizeof(definition_text), URLS, ",\"private_hosts\":true"));
    inside = source_of(definition_text);
    c = good(s, "{\"source\":\"items\",\"urls\":[\"Example.com/\",{\"url\":\"example.org\",\"labels\":{\"client\":\"A\",\"n\":1}},\"https://example.com\"]}");
    printed = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(c->json, "urls"));
    assert_string_equal(printed, "[{\"url\":\"https://example.com\",\"labels\":{}},{\"url\":\"https://example.org\",\"labels\":{\"client\":\"A\",\"n\":1}}]");
    cJSON_free(printed);
    d = good(s, "{\"source\":\"items\",\"urls\":[\"https://example.com\",{\"labels\":{\"n\":1,\"client\":\"A\"},\"url\":\"https://example.org/"
                "\"}],\"strategies\":[\"mobile\"]}");
    assert_string_equal(c->hash, d->hash);
    criteria_free(c);
    criteria_free(d);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_true(str_format(text, sizeof(text), "{\"source\":\"items\",%s}", wrong[i].members));
        if (parse(s, text, &c, &err) != RC_PERM || strstr(err.text, wrong[i].told) == NULL) {
            fail_msg("%s: %s", text, err.text);
        }
    }
    criteria_free(good(inside, "{\"source\":\"items\",\"urls\":[\"http://127.0.0.1:8080/\"]}"));
    source_free(s);
    source_free(inside);
}

static void test_all_members(void **state) {
    struct source *s = source_of(METERED);
    struct criteria *c =
        good(s, "{\"source\":\"items\",\"name\":\"Absentee owners, Reno\",\"campaign_id\":\"CA-2026-11\","
                "\"criteria\":[{\"name\":\"State\",\"value\":[\"CA\"]}],\"priority\":\"high\",\"not_before\":\"2026-11-24T06:00:00Z\","
                "\"max_records\":10000,\"max_cost\":\"250.00\",\"take\":400,\"batch_size\":450,\"process\":\"auto\",\"on_duplicate\":\"reuse\","
                "\"duplicate_window\":\"P7D\",\"notify\":[\"mailto:ops@example.com\"],\"created_by\":\"ops\",\"fields\":\"All\"}");
    char cost[DEC_TEXT_SIZE];

    (void)state;
    assert_string_equal(c->mode, "run");
    assert_string_equal(c->source, "items");
    assert_string_equal(c->name, "Absentee owners, Reno");
    assert_string_equal(c->campaign_id, "CA-2026-11");
    assert_int_equal(c->priority, PRIORITY_HIGH);
    assert_int_equal(c->not_before_us, 1795500000000000);
    assert_int_equal(c->max_records, 10000);
    assert_true(c->has_max_cost);
    dec_format(c->max_cost, cost);
    assert_string_equal(cost, "250.00");
    assert_int_equal(c->take, 400);
    assert_int_equal(c->batch_size, 450);
    assert_true(c->automatic);
    assert_int_equal(c->on_duplicate, ON_DUPLICATE_REUSE);
    assert_int_equal(c->duplicate_window_ms, INT64_C(7) * 24 * 3600 * 1000);
    assert_string_equal(c->created_by, "ops");
    assert_string_equal(cJSON_GetObjectItem(c->json, "fields")->valuestring, "All");
    criteria_free(c);
    source_free(s);
}

static void test_defaults(void **state) {
    struct source *s = source_of(METERED), *f = source_of(FREE);
    struct criteria *c = good(s, "{\"source\":\"items\",\"criteria\":[],\"max_cost\":12.5}");
    char cost[DEC_TEXT_SIZE];

    (void)state;
    assert_int_equal(c->priority, PRIORITY_NORMAL);
    assert_int_equal(c->max_records, JOB_UNKNOWN);
    assert_int_equal(c->take, JOB_UNKNOWN);
    assert_int_equal(c->batch_size, 400);
    assert_int_equal(c->on_duplicate, ON_DUPLICATE_REJECT);
    assert_int_equal(c->duplicate_window_ms, INT64_C(30) * 24 * 3600 * 1000);
    assert_true(c->cache);
    assert_false(c->automatic);
    assert_string_equal(c->campaign_id, "");
    assert_string_equal(cJSON_GetObjectItem(c->json, "fields")->valuestring, "Overview");
    assert_null(cJSON_GetObjectItem(c->json, "depth"));
    dec_format(c->max_cost, cost);
    assert_string_equal(cost, "12.50");
    criteria_free(c);
    c = good(f, "{\"source\":\"items\",\"urls\":[]}");
    assert_int_equal(c->on_duplicate, ON_DUPLICATE_RUN);
    assert_true(c->cache);
    criteria_free(c);
    c = good(f, "{\"source\":\"items\",\"urls\":[],\"on_duplicate\":\"run\",\"cache\":true}");
    assert_false(c->cache); /* it was asked for, not left out */
    criteria_free(c);
    c = good(f, "{\"source\":\"items\",\"urls\":[],\"on_duplicate\":\"reject\",\"cache\":false}");
    assert_false(c->cache);
    criteria_free(c);
    c = good(s, "{\"source\":\"items\",\"mode\":\"preview\",\"criteria\":[]}");
    assert_string_equal(c->mode, "preview");
    criteria_free(c);
    c = good(s, "{\"source\":\"items\",\"mode\":\"source\",\"action\":\"pause\"}");
    assert_string_equal(c->mode, "source");
    criteria_free(c);
    source_free(s);
    source_free(f);
}

static void test_wrong(void **state) {
    static const struct {
        const char *members, *said;
    } wrong[] = {
        {"\"criteria\":[],\"max_record\":1", "unknown member \"max_record\"; did you mean \"max_records\"?"},
        {"\"criteria\":[],\"Take\":1", "did you mean \"take\"?"},
        {"\"criteria\":[],\"feilds\":\"x\"", "did you mean \"fields\"?"},
        {"\"criteria\":[],\"xyzzyxyzzy\":1", "unknown member \"xyzzyxyzzy\""},
        {"\"fields\":\"x\"", "needs the member \"criteria\""},
        {"\"criteria\":\"CA\"", "/criteria: must be a list or an object"},
        {"\"criteria\":[],\"campaign_id\":\"../x\"", "/campaign_id: must be 1 to 64"},
        {"\"criteria\":[],\"campaign_id\":\"\"", "/campaign_id"},
        {"\"criteria\":[],\"priority\":\"hihg\"", "did you mean \"high\"?"},
        {"\"criteria\":[],\"priority\":2", "must be one of low, normal, high, urgent"},
        {"\"criteria\":[],\"not_before\":\"2026-11-24\"", "/not_before: must be a time"},
        {"\"criteria\":[],\"max_records\":0", "/max_records"},
        {"\"criteria\":[],\"max_records\":\"10\"", "/max_records"},
        {"\"criteria\":[],\"max_cost\":\"1,000\"", "/max_cost: must be an amount"},
        {"\"criteria\":[],\"max_cost\":-1", "/max_cost"},
        {"\"criteria\":[],\"max_cost\":null", "/max_cost"},
        {"\"criteria\":[],\"take\":0", "/take"},
        {"\"criteria\":[],\"batch_size\":501", "/batch_size: must be a whole number from 1 to 500"},
        {"\"criteria\":[],\"process\":\"now\"", "must be one of manual, auto"},
        {"\"criteria\":[],\"on_duplicate\":\"ignore\"", "must be one of reject, reuse, run"},
        {"\"criteria\":[],\"duplicate_window\":\"1M\"", "ISO 8601"},
        {"\"criteria\":[],\"cache\":\"no\"", "/cache: must be true or false"},
        {"\"criteria\":[],\"notify\":\"mailto:a@b\"", "/notify: must be a list"},
        {"\"criteria\":[],\"notify\":[\"mailto:a@b\",\"mailto:a@b\\r\\nBcc: c@d\"]", "/notify/1"},
        {"\"criteria\":[],\"notify\":[\"ftp://x\"]", "/notify/0"},
        {"\"criteria\":[],\"name\":\"a\\u001bb\"", "control character"},
        {"\"criteria\":[],\"fields\":\"123456789012345678901\"", "at most 20"},
        {"\"criteria\":[],\"fields\":1", "/fields: must be of type string"},
        {"\"criteria\":[],\"depth\":4", "/depth: it must be at most 3"},
        {"\"criteria\":[],\"depth\":1.5", "of type integer"},
        {"\"criteria\":[],\"mode\":\"runn\"", "did you mean \"run\"?"},
        {"\"criteria\":[1e999]", "line 1 column"},
        {"\"criteria\":[9007199254740993]", "line 1 column"},
        {"\"criteria\":[],\"criteria\":[]", "line 1 column"},
        {"\"criteria\":[] // no", "line 1 column"},
    };
    struct source *s = source_of(METERED);

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct criteria *c;
        struct err err;
        char text[512];

        (void)snprintf(text, sizeof(text), "{\"source\":\"items\",%s}", wrong[i].members);
        if (parse(s, text, &c, &err) != RC_PERM) {
            fail_msg("accepted: %s", text);
        }
        assert_null(c);
        if (strstr(err.text, wrong[i].said) == NULL || strncmp(err.text, "job.json: ", 10) != 0) {
            fail_msg("%s\n  said: %s\n  not: %s", text, err.text, wrong[i].said);
        }
    }
    source_free(s);
}

/* A job of documents of one group is called like it, where it says no name and that can be one. */
static void test_group_name(void **state) {
    static const char definition_text[] = "{\"name\":\"items\",\"documents\":true,\"steps\":[{\"name\":\"read\",\"exec\":{\"command\":[\"cat\"]}}],"
                                          "\"data_selector\":\"/results\"}";
    static const struct {
        const char *members, *first, *second, *name;
    } jobs[] = {
        {"", "\"Harbour House\"", "\"Harbour House\"", "Harbour House"},
        {"\"name\":\"Own\",", "\"Harbour House\"", "\"Harbour House\"", "Own"},
        {"", "\"Harbour House\"", "\"Dock House\"", ""},
        {"", "\"Harbour House\"", "null", ""},
        {"", "null", "null", ""},
        {"", "\"a\\nb\"", "\"a\\nb\"", ""},
    };
    struct source *s = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(source_parse("items.json", definition_text, strlen(definition_text), &s, &err), RC_OK);
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        struct criteria *c;
        char text[800];

        (void)snprintf(text, sizeof(text),
                       "{\"source\":\"items\",%s\"documents\":[{\"sha256\":\"%064d\",\"name\":\"a.pdf\",\"bytes\":1,\"type\":\"pdf\",\"group\":%s},"
                       "{\"sha256\":\"%064d\",\"name\":\"b.pdf\",\"bytes\":1,\"type\":\"pdf\",\"group\":%s}]}",
                       jobs[i].members, 1, jobs[i].first, 2, jobs[i].second);
        c = good(s, text);
        assert_string_equal(c->name, jobs[i].name);
        criteria_free(c);
    }
    source_free(s);
}

static void test_free_source(void **state) {
    struct source *s = source_of(FREE);
    struct criteria *c;
    struct err err;

    (void)state;
    assert_int_equal(parse(s, "{\"source\":\"items\"}", &c, &err), RC_PERM);
    assert_non_null(strstr(err.text, "needs the member \"urls\""));
    assert_int_equal(parse(s, "{\"source\":\"items\",\"urls\":[1,2,3]}", &c, &err), RC_PERM);
    assert_non_null(strstr(err.text, "/urls: its length must be at most 2"));
    assert_int_equal(parse(s, "{\"source\":\"items\",\"urls\":[],\"criteria\":[]}", &c, &err), RC_PERM);
    assert_non_null(strstr(err.text, "does not use them"));
    assert_int_equal(parse(s, "{\"source\":\"items\",\"urls\":[],\"refresh_older_than\":\"P1D\"}", &c, &err), RC_PERM);
    assert_non_null(strstr(err.text, "/refresh_older_than: the source items does not list ids for free"));
    assert_int_equal(parse(s, "{\"source\":\"other\",\"urls\":[]}", &c, &err), RC_PERM);
    assert_int_equal(parse(s, "[]", &c, &err), RC_PERM);
    assert_int_equal(parse(s, "", &c, &err), RC_PERM);
    source_free(s);
}

static void test_source(void **state) {
    char source[65], mode[16];
    struct err err = {0};

    (void)state;
#define SOURCE(text) criteria_source("job.json", text, strlen(text), source, mode, &err)
    assert_int_equal(SOURCE("{\"source\":\"a-b\",\"mode\":\"preview\"}"), RC_OK);
    assert_string_equal(source, "a-b");
    assert_string_equal(mode, "preview");
    assert_int_equal(SOURCE("{\"source\":\"a-b\",\"anything\":1}"), RC_OK);
    assert_string_equal(mode, "run");
    assert_int_equal(SOURCE("{\"sorce\":\"a\"}"), RC_PERM);
    assert_non_null(strstr(err.text, "did you mean \"source\"?"));
    assert_int_equal(SOURCE("{}"), RC_PERM);
    assert_int_equal(SOURCE("{\"source\":\"../x\"}"), RC_PERM);
    assert_int_equal(SOURCE("{\"source\":5}"), RC_PERM);
    assert_int_equal(SOURCE("{\"source\":\"a\",\"mode\":\"\"}"), RC_PERM);
    assert_int_equal(SOURCE("[\"source\"]"), RC_PERM);
    assert_int_equal(SOURCE("{\"source\":\"a\"} x"), RC_PERM);
    assert_non_null(strstr(err.text, "job.json: line 1 column 16"));
#undef SOURCE
}

static void test_hash(void **state) {
    struct source *s = source_of(METERED);
    static const struct {
        const char *one, *other;
        bool same;
    } pairs[] = {
        {"\"criteria\":[{\"name\":\"A\",\"value\":[1]}]",
         "\"criteria\": [ {\"value\":[1.0], \"n\\u0061me\":\"A\"} ], \"name\":\"x\", \"take\":5, \"priority\":\"low\"", true},
        {"\"criteria\":[1,2]", "\"criteria\":[2,1]", false},
        {"\"criteria\":[],\"fields\":\"Overview\"", "\"criteria\":[]", true},
        {"\"criteria\":[],\"fields\":\"All\"", "\"criteria\":[]", false},
        {"\"criteria\":[9007199254740991]", "\"criteria\":[9007199254740990]", false},
        {"\"criteria\":[400,0.5]", "\"criteria\":[4e2,5.0e-1]", true},
        {"\"criteria\":[400]", "\"criteria\":[\"400\"]", false},
        {"\"criteria\":[0.1]", "\"criteria\":[0.1000000000000001]", false},
        {"\"criteria\":{\"a\":{\"x\":1,\"y\":[true,null]},\"b\":\"\\u00e9\\/\"}", "\"criteria\":{\"b\":\"é/\",\"a\":{\"y\":[true,null],\"x\":1}}", true},
        {"\"criteria\":{\"a\":null}", "\"criteria\":{}", false},
        {"\"criteria\":[],\"depth\":2", "\"depth\":2.0,\"criteria\":[]", true},
        {"\"criteria\":[],\"depth\":2", "\"criteria\":[]", false},
        {"\"criteria\":[]",
         "\"criteria\":[],\"mode\":\"run\",\"priority\":\"normal\",\"process\":\"manual\",\"on_duplicate\":\"reject\",\"duplicate_window\":\"P30D\","
         "\"cache\":true,\"batch_size\":400,\"max_records\":9,\"max_cost\":\"1\",\"campaign_id\":\"c\",\"created_by\":\"x\",\"notify\":[],"
         "\"not_before\":\"2026-11-24T06:00:00Z\",\"fields\":\"Overview\"",
         true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char one[512], other[512];
        struct criteria *a, *b;

        (void)snprintf(one, sizeof(one), "{\"source\":\"items\",%s}", pairs[i].one);
        (void)snprintf(other, sizeof(other), "{%s,\"source\":\"items\"}", pairs[i].other);
        a = good(s, one);
        b = good(s, other);
        assert_int_equal(strlen(a->hash), 64);
        assert_int_equal(strcmp(a->hash, b->hash) == 0, pairs[i].same);
        criteria_free(a);
        criteria_free(b);
    }
    source_free(s);
}

static void test_may_differ(void **state) {
    static const struct {
        const char *after, *said;
    } edits[] = {
        {"\"criteria\":[1]", NULL},
        {"\"criteria\":[1.0],\"priority\":\"low\",\"not_before\":\"2026-11-24T06:00:00Z\",\"max_records\":5,\"max_cost\":\"1\",\"process\":\"auto\",\"notify\":"
         "[]",
         NULL},
        {"\"criteria\":[1],\"fields\":\"Overview\"", NULL},
        {"\"criteria\":[2]", "criteria was changed"},
        {"\"criteria\":[1],\"take\":5", "take was changed"},
        {"\"criteria\":[1],\"batch_size\":5", "batch_size was changed"},
        {"\"criteria\":[1],\"fields\":\"All\"", "fields was changed"},
        {"\"criteria\":[1],\"campaign_id\":\"x\"", "campaign_id was changed"},
    };
    struct source *s = source_of(METERED);
    struct criteria *before = good(s, "{\"source\":\"items\",\"criteria\":[1],\"priority\":\"high\"}");

    (void)state;
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        struct criteria *after;
        struct err err = {0};
        char text[512];

        (void)snprintf(text, sizeof(text), "{\"source\":\"items\",%s}", edits[i].after);
        after = good(s, text);
        assert_int_equal(criteria_may_differ(before, after, &err), edits[i].said == NULL ? RC_OK : RC_PERM);
        assert_true(edits[i].said == NULL || strstr(err.text, edits[i].said) != NULL);
        assert_int_equal(criteria_may_differ(after, before, &err), edits[i].said == NULL ? RC_OK : RC_PERM);
        criteria_free(after);
    }
    criteria_free(before);
    source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),  cmocka_unit_test(test_all_members), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_wrong), cmocka_unit_test(test_free_source), cmocka_unit_test(test_source),
        cmocka_unit_test(test_hash),  cmocka_unit_test(test_may_differ),  cmocka_unit_test(test_group_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
