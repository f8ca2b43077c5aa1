// SPDX-License-Identifier: Apache-2.0
#include "source/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_fixture.h"

static void read_file(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "r");
    size_t length;

    if (file == NULL) {
        fail_msg("%s: run it in the checkout", path);
    }
    length = fread(out, 1, size - 1, file);
    out[length] = '\0';
    fclose(file);
}

static void test_propertyradar(void **state) {
    static char text[65536];
    struct source *s;
    struct err err = {0};
    char cost[DEC_TEXT_SIZE];

    (void)state;
    read_file("etc/sources/propertyradar.json", text, sizeof(text));
    if (source_parse("etc/sources/propertyradar.json", text, strlen(text), &s, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(s->name, "propertyradar");
    assert_int_equal(s->step_count, 1);
    assert_string_equal(s->steps[0].ways[0].http.method, "POST");
    assert_string_equal(s->paginator_type, "offset");
    assert_int_equal(s->limit, 400);
    assert_int_equal(s->max_limit, 500);
    assert_string_equal(s->data_selector, "/results");
    assert_int_equal(s->key_count, 1);
    assert_string_equal(s->primary_key[0], "/RadarID");
    assert_int_equal(s->child_count, 1);
    assert_string_equal(s->children[0].primary_key, "/PersonKey");
    assert_true(s->metered);
    assert_non_null(s->preview);
    assert_non_null(s->purchase);
    assert_int_equal(s->max_in_flight, 1);
    assert_false(s->retry_unknown);
    assert_string_equal(s->currency, "USD");
    assert_true(s->has_cost_per_record && s->has_daily_cost_cap);
    dec_format(s->cost_per_record, cost);
    assert_string_equal(cost, "0.05");
    assert_int_equal(s->rate_count, 1);
    assert_int_equal(s->rates[0].limit, 60);
    assert_int_equal(s->rates[0].interval_ms, 60000);
    assert_int_equal(s->filter_count, 4);
    assert_int_equal(s->filters[0].action, ACTION_HOLD);
    assert_int_equal(s->filters[0].http_codes[0], 402);
    assert_string_equal(s->filters[3].has, "/error");
    assert_int_equal(s->backoff_count, 2);
    assert_int_equal(s->backoffs[1].type, BACKOFF_EXPONENTIAL);
    assert_int_equal(s->member_count, 1);
    assert_string_equal(s->members[0].initial->valuestring, "Overview");
    assert_true(source_uses(s, "criteria"));
    assert_false(source_uses(s, "name"));
    source_free(s);
}

static void test_json_server(void **state) {
    static char text[65536];
    struct source *s;
    struct err err = {0};

    (void)state;
    read_file("etc/sources/json-server.json", text, sizeof(text));
    if (source_parse("etc/sources/json-server.json", text, strlen(text), &s, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    assert_false(s->metered);
    assert_string_equal(s->data_selector, "");
    assert_string_equal(s->steps[0].ways[0].http.method, "GET");
    assert_int_equal(s->max_retries, 5);
    assert_int_equal(s->backoff_count, 2);
    assert_int_equal(s->timeout_s, 30);
    assert_false(source_uses(s, "criteria"));
    source_free(s);
}

static void test_defaults(void **state) {
    struct source *s = source_of("{}");

    (void)state;
    assert_int_equal(s->timeout_s, 120);
    assert_int_equal(s->max_response_bytes, 67108864);
    assert_int_equal(s->default_concurrency, 2);
    assert_int_equal(s->max_concurrency, 2);
    assert_int_equal(s->coverage_tolerance, 0);
    assert_int_equal(s->cache_ttl_ms, 0);
    assert_string_equal(s->data_selector, "");
    assert_int_equal(s->key_count, 0);
    source_free(s);
    s = source_of("{\"concurrency_level\":{\"max_concurrency\":1},\"cache_ttl\":\"PT1H30M\"}");
    assert_int_equal(s->default_concurrency, 1);
    assert_int_equal(s->cache_ttl_ms, 5400000);
    assert_int_equal(s->breaker_failures, 5);
    assert_int_equal(s->breaker_reset_ms, 60000);
    source_free(s);
}

static void test_limits(void **state) {
    struct source *s =
        source_of("{\"api_budget\":{\"policies\":[{\"type\":\"fixed_window\",\"period\":\"P1D\",\"call_limit\":5000,\"timezone\":\"America/Los_Angeles\"},"
                  "{\"type\":\"moving_window\",\"rates\":[{\"limit\":5,\"interval\":\"PT1S\"}]},"
                  "{\"type\":\"fixed_window\",\"period\":\"PT1M\",\"call_limit\":60}]},\"circuit_breaker\":{\"failures\":0,\"reset\":\"PT5S\"}}");

    (void)state;
    assert_int_equal(s->window_count, 2);
    assert_int_equal(s->windows[0].limit, 5000);
    assert_int_equal(s->windows[0].period_ms, 86400000);
    assert_string_equal(s->windows[0].zone, "America/Los_Angeles");
    assert_int_equal(s->windows[1].period_ms, 60000);
    assert_string_equal(s->windows[1].zone, "UTC");
    assert_int_equal(s->rate_count, 1);
    assert_int_equal(s->breaker_failures, 0);
    assert_int_equal(s->breaker_reset_ms, 5000);
    source_free(s);
}

static void test_keys(void **state) {
    struct source *s = source_of("{\"primary_key\":[\"/a\",\"/b/c\"]}");

    (void)state;
    assert_int_equal(s->key_count, 2);
    assert_string_equal(s->primary_key[1], "/b/c");
    source_free(s);
    s = source_of("{\"primary_key\":\"\"}");
    assert_int_equal(s->key_count, 1);
    assert_string_equal(s->primary_key[0], "");
    source_free(s);
}

/* What is wrong, and a part of what must be said about it: the place and the mend. */
static const struct {
    const char *patch, *said;
} wrong[] = {
    {"{\"steps\":null}", "/steps: must be a list"},
    {"{\"stepps\":1}", "/stepps: unknown member \"stepps\"; did you mean \"steps\"?"},
    {"{\"zzzzzzzz\":1}", "unknown member \"zzzzzzzz\""},
    {"{\"name\":\"other\"}", "the file must be named other.json"},
    {"{\"name\":\"a b\"}", "/name: must be 1 to 64"},
    {"{\"steps\":[]}", "/steps: must be a list of 1 to 8"},
    {"{\"steps\":[{\"http\":{}}]}", "/steps/0/http: needs a url"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/\",\"metod\":\"GET\"}}]}", "did you mean \"method\"?"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/\",\"method\":\"GTE\"}}]}", "must be one of GET, POST, PUT, PATCH; did you mean \"GET\"?"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/\",\"json\":{}}}]}", "a GET has no body"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/\"}},{\"http\":{\"url\":\"https://h/\"}}]}", "needs a name, as there are several steps"},
    {"{\"steps\":[{\"name\":\"a\",\"http\":{\"url\":\"https://h/\"}},{\"name\":\"a\",\"http\":{\"url\":\"https://h/\"}}]}",
     "an earlier step has the same name"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/${steps.later}\"}}]}", "no earlier step"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/${job.criteriq}\"}}]}", "did you mean \"criteria\"?"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/${item.x}\"}}]}", "no items"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/${nothing}\"}}]}", "is none of ${job.x}"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/\",\"params\":{\"a\":{}}}}]}", "/steps/0/http/params/a: must be text"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/\",\"headers\":{\"a b\":\"x\"}}}]}", "no name of a header"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/\",\"headers\":{\"A\":\"x\\r\\nB: y\"}}}]}", "has a line break"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/\",\"headers\":{\"A\":\"x\",\"a\":\"y\"}}}]}", "is given twice"},
    {"{\"steps\":[{\"http\":{\"url\":\"https://h/\",\"headers\":{\"content-length\":\"1\"}}}]}", "set by the transport"},
    {"{\"paginator\":null}", "/paginator: must be an object"},
    {"{\"paginator\":{\"type\":\"ofset\",\"limit\":1}}", "did you mean \"offset\"?"},
    {"{\"paginator\":{\"type\":\"offset\"}}", "/paginator: needs limit"},
    {"{\"paginator\":{\"type\":\"offset\",\"limit\":0}}", "/paginator/limit: must be a whole number from 1"},
    {"{\"paginator\":{\"type\":\"offset\",\"limit\":1.5}}", "/paginator/limit: must be a whole number"},
    {"{\"paginator\":{\"type\":\"offset\",\"limit\":500,\"max_limit\":400}}", "above max_limit"},
    {"{\"paginator\":{\"type\":\"offset\",\"limit\":5,\"offset\":2}}", "/paginator/offset"},
    {"{\"paginator\":{\"type\":\"offset\",\"limit\":5,\"limt_param\":\"x\"}}", "did you mean \"limit_param\"?"},
    {"{\"paginator\":{\"type\":\"offset\",\"limit\":5,\"limit_param\":\"x\",\"limit_header\":\"X\"}}", "give one of limit_param"},
    {"{\"paginator\":{\"type\":\"offset\",\"limit\":5,\"limit_body_path\":\"/x\"}}", "a GET has no body"},
    {"{\"paginator\":{\"type\":\"offset\",\"limit\":5,\"total_path\":\"total\"}}", "must be a JSON Pointer"},
    {"{\"paginator\":{\"type\":\"offset\",\"limit\":5,\"stop_after_empty_page\":false}}", "there is no end"},
    {"{\"paginator\":{\"type\":\"offset\",\"limit\":5,\"total_header\":\"a:b\"}}", "name of a header"},
    {"{\"data_selector\":\"results\"}", "/data_selector: must be a JSON Pointer"},
    {"{\"primary_key\":[\"/a\",\"\"]}", "/primary_key"},
    {"{\"children\":{\"a\":{\"data_selector\":\"/x\"}}}", "/children/a: needs data_selector and primary_key"},
    {"{\"metering\":{\"cost_per_record\":\"0.05\"}}", "needs a currency"},
    {"{\"metering\":{\"cost_per_record\":\"-1\",\"currency\":\"USD\"}}", "/metering/cost_per_record: must be an amount"},
    {"{\"metering\":{\"cost_per_record\":\"$1\",\"currency\":\"USD\"}}", "must be an amount"},
    {"{\"metering\":{\"currency\":\"usd\"}}", "three letters"},
    {"{\"metering\":{\"on_charge_unknown\":\"rety\"}}", "did you mean \"retry\"?"},
    {"{\"metering\":{\"purchase\":{\"parms\":{}}}}", "did you mean \"params\"?"},
    {"{\"metering\":{\"purchase\":{\"params\":{\"P\":\"${job.nme}\"}}}}", "/metering/purchase: ${job.nme}"},
    {"{\"metering\":{\"purchase\":{\"json\":{}}}}", "a GET has no body"},
    {"{\"api_budget\":{\"policies\":[{\"type\":\"moving_window\",\"rates\":[{\"limit\":1,\"interval\":\"1 minute\"}]}]}}",
     "/api_budget/policies/0/rates/0/interval: must be an ISO 8601"},
    {"{\"api_budget\":{\"policies\":[{\"type\":\"moving_window\",\"rates\":[{\"limit\":1,\"interval\":\"PT0S\"}]}]}}", "longer than nothing"},
    {"{\"api_budget\":{\"policies\":[{\"rates\":[]}]}}", "needs a type"},
    {"{\"api_budget\":{\"policies\":[{\"type\":\"fixed_window\",\"period\":\"P1D\"}]}}", "/api_budget/policies/0: needs period and call_limit"},
    {"{\"api_budget\":{\"policies\":[{\"type\":\"fixed_window\",\"period\":\"PT36H\",\"call_limit\":5}]}}", "/period: must be whole days"},
    {"{\"api_budget\":{\"policies\":[{\"type\":\"fixed_window\",\"period\":\"P1D\",\"call_limit\":0}]}}", "/call_limit"},
    {"{\"api_budget\":{\"policies\":[{\"type\":\"fixed_window\",\"period\":\"P1D\",\"call_limit\":5,\"rates\":[]}]}}", "unknown member \"rates\""},
    {"{\"api_budget\":{\"policies\":[{\"type\":\"fixed_window\",\"period\":\"P1D\",\"call_limit\":5,\"timezone\":\"Mars/Olympus\"}]}}",
     "/timezone: is no time zone that this machine knows"},
    {"{\"api_budget\":{\"policies\":[{\"type\":\"fixed_window\",\"period\":\"P1D\",\"call_limit\":5,\"timezone\":\"../../etc/passwd\"}]}}", "/timezone: is no"},
    {"{\"circuit_breaker\":{\"failures\":-1}}", "/circuit_breaker/failures"},
    {"{\"circuit_breaker\":{\"reset\":\"PT2H\"}}", "/circuit_breaker/reset: must be at most an hour"},
    {"{\"circuit_breaker\":{\"resett\":\"PT2S\"}}", "did you mean \"reset\""},
    {"{\"concurrency_level\":{\"default_concurrency\":5,\"max_concurrency\":4}}", "above max_concurrency"},
    {"{\"error_handler\":{\"response_filters\":[{\"action\":\"FAIL\"}]}}", "/error_handler/response_filters/0: needs http_codes"},
    {"{\"error_handler\":{\"response_filters\":[{\"http_codes\":[99],\"action\":\"FAIL\"}]}}", "100 to 599"},
    {"{\"error_handler\":{\"response_filters\":[{\"http_codes\":[400],\"action\":\"RETRYY\"}]}}", "did you mean \"RETRY\"?"},
    {"{\"job_members\":{\"a\":{\"type\":\"integer\",\"values\":[\"1\"]}}}", "are for a string"},
    {"{\"job_members\":{\"a\":{\"type\":\"string\",\"values\":[1]}}}", "must be texts"},
    {"{\"job_members\":{\"a\":{\"type\":\"string\",\"values\":[\"x\"],\"default\":\"y\"}}}", "/job_members/a/default: must be one of"},
    {"{\"job_members\":{\"a\":{\"type\":\"array\",\"private_hosts\":true}}}", "is for the type urls"},
    {"{\"error_handler\":{\"response_filters\":[{\"error_message_contains\":[],\"action\":\"FAIL\"}]}}",
     "/error_handler/response_filters/0/error_message_contains"},
    {"{\"error_handler\":{\"response_filters\":[{\"error_message_contains\":[\"a\",1],\"action\":\"FAIL\"}]}}", "a text or a list of texts"},
    {"{\"error_handler\":{\"response_filters\":[{\"http_codes\":[500],\"action\":\"FAIL\",\"max_retries\":3}]}}", "is for the action RETRY"},
    {"{\"error_handler\":{\"response_filters\":[{\"http_codes\":[429],\"action\":\"FAIL\",\"until\":\"window\"}]}}", "for the action RATE_LIMITED"},
    {"{\"error_handler\":{\"response_filters\":[{\"http_codes\":[429],\"action\":\"RATE_LIMITED\",\"until\":\"window\"}]}}",
     "needs a policy of type fixed_window"},
    {"{\"error_handler\":{\"response_filters\":[{\"http_codes\":[429],\"action\":\"RATE_LIMITED\",\"until\":\"noon\"}]}}", "/until"},
    {"{\"error_handler\":{\"response_filters\":[{\"http_codes\":[500],\"action\":\"FAIL\",\"throttle\":true}]}}", "is for the action RETRY"},
    {"{\"error_handler\":{\"response_filters\":[{\"http_codes\":[500],\"action\":\"RETRY\",\"throttle\":1}]}}", "/throttle: must be true or false"},
    {"{\"error_handler\":{\"response_filters\":[{\"http_codes\":[500],\"action\":\"RETRY\",\"throttle\":true}]}}", "needs a throttle beside them"},
    {"{\"error_handler\":{\"throttle\":{}}}", "/error_handler/throttle: needs group"},
    {"{\"error_handler\":{\"throttle\":{\"group\":7}}}", "/error_handler/throttle/group"},
    {"{\"error_handler\":{\"throttle\":{\"group\":\"${item.url\"}}}", "/error_handler/throttle/group"},
    {"{\"error_handler\":{\"throttle\":{\"group\":\"${item.url}\",\"off\":\"origin\"}}}", "did you mean \"of\""},
    {"{\"error_handler\":{\"throttle\":{\"group\":\"${item.url}\",\"of\":\"host\"}}}", "/of: must be one of text, origin"},
    {"{\"error_handler\":{\"throttle\":{\"group\":\"${item.url}\",\"max_tries\":0}}}", "/max_tries"},
    {"{\"error_handler\":{\"throttle\":{\"group\":\"${item.url}\",\"max_time\":\"an hour\"}}}", "/max_time: must be an ISO 8601"},
    {"{\"error_handler\":{\"throttle\":{\"group\":\"${secret:key}\"}}}", "is of ${item} and ${job}"},
    {"{\"error_handler\":{\"throttle\":{\"group\":\"${job.name}\"}}}", "must name something of ${item}"},
    {"{\"error_handler\":{\"throttle\":{\"group\":\"${item.url}\"}}}", "is for units that are no pages"},
    {"{\"error_handler\":{\"backoff_strategies\":[{\"type\":\"constant\",\"factor\":1}]}}", "unknown member \"factor\""},
    {"{\"error_handler\":{\"backoff_strategies\":[{\"type\":\"wait_time_from_header\",\"header\":\"X Y\"}]}}", "is no name of a header"},
    {"{\"metering\":{\"free_fields\":[\"id\"]}}", "needs a preview"},
    {"{\"metering\":{\"preview\":{},\"free_fields\":[]}}", "/metering/free_fields: must be a list of 1"},
    {"{\"metering\":{\"preview\":{},\"free_fields\":[\"a,b\"]}}", "names of fields"},
    {"{\"metering\":{\"preview\":{},\"free_fields\":[\"id\"]}}", "needs a primary_key of one Pointer"},
    {"{\"primary_key\":\"/id\",\"metering\":{\"preview\":{},\"free_fields\":[\"id\"]}}", "needs by_id"},
    {"{\"metering\":{\"list\":{}}}", "/metering/list: needs free_fields"},
    {"{\"metering\":{\"list\":{\"params\":{\"a\":\"${item.ids}\"}},\"preview\":{},\"free_fields\":[\"id\"],\"by_id\":{}},\"primary_key\":\"/id\"}", "no items"},
    {"{\"metering\":{\"preview\":{},\"refresh_older_than\":\"a month\"}}", "/metering/refresh_older_than: must be an ISO 8601"},
    {"{\"steps\":[{\"http\":{\"method\":\"GET\",\"url\":\"https://a.example/x\",\"params\":{\"n\":\"${attempts.run}\"}}}]}",
     "${attempts.run}: no earlier step"},
    {"{\"timeout_s\":0}", "/timeout_s"},
    {"{\"cache_ttl\":\"1h\"}", "/cache_ttl: must be an ISO 8601"},
    {"{\"cache_ttl\":3600}", "/cache_ttl"},
    {"{\"job_members\":{\"cache\":{\"type\":\"boolean\"}}}", "every job has this member"},
    {"{\"max_response_bytes\":1e15}", "/max_response_bytes"},
    {"{\"allow_http\":\"yes\"}", "must be true or false"},
    {"{\"job_members\":{\"criteria\":{\"type\":\"array\"}}}", "every job has this member"},
    {"{\"job_members\":{\"n\":{\"type\":\"int\"}}}", "must be one of string, integer"},
    {"{\"job_members\":{\"n\":{\"type\":\"integer\",\"default\":1.5}}}", "/job_members/n/default: must be of type integer"},
    {"{\"job_members\":{\"n\":{\"type\":\"integer\",\"default\":5,\"maximum\":4}}}", "at most 4"},
    {"{\"job_members\":{\"n\":{\"type\":\"integer\",\"minimum\":4,\"maximum\":3}}}", "/job_members/n/maximum"},
};

static void test_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct source *s = NULL;
        struct err err = {0};
        char *text = definition(wrong[i].patch);

        if (source_parse("sources/items.json", text, strlen(text), &s, &err) != RC_PERM) {
            fail_msg("accepted: %s", wrong[i].patch);
        }
        assert_null(s);
        if (strstr(err.text, wrong[i].said) == NULL || strncmp(err.text, "sources/items.json: ", 20) != 0) {
            fail_msg("%s\n  said: %s\n  not: %s", wrong[i].patch, err.text, wrong[i].said);
        }
        free(text);
    }
}

static void test_url(void **state) {
    static const struct {
        const char *url;
        bool plain, good;
    } urls[] = {
        {"https://api.example.com/v1/x?y=1", false, true},
        {"https://api.example.com:8443/${job.name}?q=${secret:key}", false, true},
        {"http://api.example.com/", false, false},
        {"http://api.example.com/", true, true},
        {"http://127.0.0.1:3000/x", false, true},
        {"http://127.255.0.9/x", false, true},
        {"http://localhost/x", false, true},
        {"http://LOCALHOST:80", false, true},
        {"http://[::1]:8080/x", false, true},
        {"http://[::2]/x", false, false},
        {"http://[::ffff:1.2.3.4]/x", false, false},
        {"http://128.0.0.1/", false, false},
        {"http://127.0.0.1@evil.example/", false, false},
        {"http://127.0.0.1:80@evil.example/", false, false},
        {"http://127.0.0.1.evil.example/", false, false},
        {"http://localhost.evil.example/", false, false},
        {"http://127.1/", false, false},
        {"https://user:pw@h/", false, false},
        {"https://${job.name}/", false, false},
        {"https://h${job.name}/", false, false},
        {"https://h:${job.name}/", false, false},
        {"${job.name}", false, false},
        {"ftp://h/", true, false},
        {"file:///etc/passwd", true, false},
        {"HTTPS://h/", false, false},
        {"https://", false, false},
        {"https:///x", false, false},
        {"https://h:0/", false, false},
        {"https://h:99999/", false, false},
        {"https://h:/", false, false},
        {"https://h/a b", false, false},
        {"https://h/#x", false, false},
        {"https://h/\\n", false, false},
        {"https://h/{x}", false, false},
        {"https://h/$${x", false, false},
        {"https://h\\\\evil/", false, false},
        {"https://[::1/", false, false},
        {"https://h/\xc3\xa4", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct source *s = NULL;
        struct err err = {0};
        char patch[512], *text;
        bool good;

        (void)snprintf(patch, sizeof(patch), "{\"allow_http\":%s,\"steps\":[{\"http\":{\"url\":\"%s\"}}]}", urls[i].plain ? "true" : "false", urls[i].url);
        text = definition(patch);
        good = source_parse("items.json", text, strlen(text), &s, &err) == RC_OK;
        if (good != urls[i].good) {
            fail_msg("%s: %s %s", urls[i].url, good ? "accepted" : "refused", err.text);
        }
        source_free(s);
        free(text);
    }
}

static void test_place(void **state) {
    static const char text[] =
        "// a comment\n{\n  \"name\": \"items\", /* another */\n  \"timeout_s\": \"x\",\n \"steps\": [{\"http\": {\"url\": \"https://h/\"}}],\n"
        " \"paginator\": {\"type\": \"offset\", \"limit\": 1}}";
    static const char broken[] = "{\n  \"name\": \"items\",,\n}";
    struct source *s;
    struct err err = {0};

    (void)state;
    assert_int_equal(source_parse("items.json", text, strlen(text), &s, &err), RC_PERM);
    assert_string_equal(err.text, "items.json: line 4 column 16: /timeout_s: must be a whole number from 1 to 3600");
    assert_int_equal(source_parse("items.json", broken, strlen(broken), &s, &err), RC_PERM);
    assert_non_null(strstr(err.text, "items.json: line 2 column"));
    assert_int_equal(source_parse("items.json", "[]", 2, &s, &err), RC_PERM);
    assert_int_equal(source_parse("items.json", "", 0, &s, &err), RC_PERM);
    assert_int_equal(source_parse("items.json", "{\"a\":1,\"a\":2}", 13, &s, &err), RC_PERM);
}

static void note(void *context, const char *name, bool optional) {
    (void)optional;
    strcat(context, name);
    strcat(context, ";");
}

static void test_secrets(void **state) {
    struct source *s = source_of(
        "{\"steps\":[{\"http\":{\"method\":\"POST\",\"url\":\"https://h/${secret:one}\",\"params\":{\"k\":[\"${secret:two}\",\"${secret:one}\"]},"
        "\"json\":{\"a\":{\"b\":[\"x${secret:three}y\",\"$${secret:not}\"]}}}}],\"metering\":{\"purchase\":{\"headers\":{\"K\":\"${secret:four}\"}}}}");
    char seen[256] = "";

    (void)state;
    source_secrets(s, note, seen);
    assert_string_equal(seen, "one;two;three;four;");
    source_free(s);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(source_action_name(ACTION_RATE_LIMITED), "RATE_LIMITED");
    assert_string_equal(source_action_name(ACTION_SUCCESS), "SUCCESS");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_propertyradar), cmocka_unit_test(test_json_server), cmocka_unit_test(test_defaults), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_keys),          cmocka_unit_test(test_wrong),       cmocka_unit_test(test_url),      cmocka_unit_test(test_place),
        cmocka_unit_test(test_secrets),       cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
