// SPDX-License-Identifier: Apache-2.0
#include "source/request.h"
#include "source/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN "{\"name\":\"items\",\"data_selector\":\"\","

static enum rc parse(const char *rest, const char *over, struct source **source, struct err *err) {
    char text[4096];
    cJSON *settings = over != NULL ? cJSON_Parse(over) : NULL;
    enum rc rc;

    (void)snprintf(text, sizeof(text), PLAIN "%s%s}", strstr(rest, "foreach") != NULL ? "" : "\"paginator\":{\"type\":\"single_page\"},", rest);
    assert_true(over == NULL || settings != NULL);
    rc = source_parse_with("items.json", text, strlen(text), settings, source, err);
    cJSON_Delete(settings);
    return rc;
}

static const char *no_secret(void *context, const char *name) {
    (void)context;
    return strcmp(name, "there") == 0 ? "s3cret" : NULL;
}

/* The request of the first step, as lines; the caller frees. */
static char *made(const struct source *source) {
    cJSON *job = cJSON_Parse("{\"campaign_id\":\"${secret:there}\"}");
    const struct template_scope scope = {.job = job, .secret = no_secret};
    struct request request;
    struct err err = {0};
    char *out = calloc(1, 4096);

    if (request_make(source, 0, 0, REQUEST_FREE, NULL, &scope, &request, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    (void)snprintf(out, 4096, "%s\n%s\n", request.url, request.body != NULL ? request.body : "");
    for (char **header = request.headers; *header != NULL; header++) {
        (void)strncat(out, *header, 4096 - strlen(out) - 1);
        (void)strncat(out, "\n", 4096 - strlen(out) - 1);
    }
    request_release(&request);
    cJSON_Delete(job);
    return out;
}

static void test_put_in(void **state) {
    static const struct {
        const char *rest, *over, *made;
    } cases[] = {
        {"\"settings\":{\"url\":\"https://h/a\"},\"steps\":[{\"http\":{\"url\":\"${settings.url}\"}}]", NULL, "https://h/a\n\n"},
        {"\"settings\":{\"url\":\"https://h/a\"},\"steps\":[{\"http\":{\"url\":\"${settings.url}/b?x=1\"}}]", "{\"url\":\"http://127.0.0.1:1/c\"}",
         "http://127.0.0.1:1/c/b?x=1\n\n"},
        {"\"settings\":{\"n\":7,\"t\":\"a\\\"b\",\"f\":false,\"z\":null},\"steps\":[{\"http\":{\"method\":\"POST\",\"url\":\"https://h/\",\"json\":"
         "{\"n\":\"${settings.n}\",\"t\":\"${settings.t}\",\"x\":\"<${settings.t}${settings.n}${settings.z}>\",\"f\":\"${settings.f}\",\"z\":\"${settings.z}\","
         "\"$${settings.n}\":\"$${settings.n}\"}}}]",
         NULL,
         "https://h/\n{\"n\":7,\"t\":\"a\\\"b\",\"x\":\"<a\\\"b7>\",\"f\":false,\"z\":null,\"$${settings.n}\":\"${settings.n}\"}\n"
         "Content-Type: application/json\n"},
        /* headers and params that are null, or for which a secret is missing, are not sent */
        {"\"settings\":{\"a\":\"Bearer ${secret:there}\",\"b\":\"Bearer ${secret:gone?}\",\"c\":\"x\"},\"steps\":[{\"http\":{\"url\":\"https://h/\",\"params\":"
         "{\"p\":\"${secret:gone?}\",\"q\":1},\"headers\":{\"A\":\"${settings.a}\",\"B\":\"${settings.b}\",\"C\":\"${settings.c}\"}}}]",
         "{\"c\":null}", "https://h/?q=1\n\nA: Bearer s3cret\n"},
        {"\"settings\":{\"k\":\"there\"},\"steps\":[{\"http\":{\"url\":\"https://h/\",\"headers\":{\"A\":\"${secret:${settings.k}}\"}}}]", NULL,
         "https://h/\n\nA: s3cret\n"},
        /* what a job says is never looked at again */
        {"\"settings\":{\"k\":\"x\"},\"steps\":[{\"http\":{\"url\":\"https://h/\",\"headers\":{\"A\":\"${settings.k}${job.campaign_id}\"}}}]", NULL,
         "https://h/\n\nA: x${secret:there}\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source *s = NULL;
        struct err err = {0};

        if (parse(cases[i].rest, cases[i].over, &s, &err) != RC_OK) {
            fail_msg("%s: %s", cases[i].rest, err.text);
        }
        char *text = made(s);
        assert_string_equal(text, cases[i].made);
        free(text);
        source_free(s);
    }
}

static void test_wrong(void **state) {
#define STEP "\"steps\":[{\"http\":{\"url\":\"https://h/\"}}]"
    static const struct {
        const char *rest, *over, *said;
    } cases[] = {
        {"\"settings\":[]," STEP, NULL, "/settings: must be an object"},
        {"\"settings\":{\"a b\":1}," STEP, NULL, "1 to 64 of A-Z"},
        {"\"settings\":{\"a\":{}}," STEP, NULL, "/settings/a: must be text, a number, true, false or null"},
        {"\"settings\":{\"a\":\"${job.name}\"}," STEP, NULL, "nothing else: it is the same for all jobs"},
        {"\"settings\":{\"a\":\"${settings.b}\",\"b\":1}," STEP, NULL, "settings are constants"},
        {"\"settings\":{\"a\":\"x$\"}," STEP, NULL, "must not end with $"},
        {"\"settings\":{\"a\":\"x\\n\"}," STEP, NULL, "line break"},
        {"\"settings\":{\"a\":\"${x\"}," STEP, NULL, "/settings/a"},
        {"\"settings\":{\"a\":1},\"steps\":[{\"http\":{\"url\":\"https://h/${settings.b}\"}}]", NULL, "line 1 column"},
        {"\"steps\":[{\"http\":{\"url\":\"https://h/${settings.b}\"}}]", NULL, "\"${settings.b}\": the definition has no such setting"},
        {"\"settings\":{\"a\":1},\"steps\":[{\"http\":{\"url\":\"https://h/${settings.a\"}}]", NULL, "no such setting"},
        {"\"settings\":{\"url\":\"ftp://h/\"},\"steps\":[{\"http\":{\"url\":\"${settings.url}\"}}]", NULL, "must begin with https"},
        {"\"settings\":{\"url\":\"\"},\"steps\":[{\"http\":{\"url\":\"${settings.url}\"}}]", NULL, "must begin with https"},
        {"\"settings\":{\"url\":\"https://${secret:host}/\"},\"steps\":[{\"http\":{\"url\":\"${settings.url}\"}}]", NULL, "host must be written out"},
        {"\"settings\":{\"u\":\"https://h/\"},\"steps\":[{\"http\":{\"url\":\"${settings.u}\"}}]", "{\"v\":\"https://h/\"}",
         "which the definition does not have"},
        {"\"settings\":{\"u\":\"https://h/\"},\"steps\":[{\"http\":{\"url\":\"${settings.u}\"}}]", "{\"u\":true}", "u of items must be text, or null"},
        {STEP, "{\"u\":true}", "which the definition does not have"},
        {"\"steps\":[{\"http\":{\"url\":\"https://h/${secret:x?}\"}}]", NULL, "params and headers of a request alone"},
        {"\"steps\":[{\"http\":{\"url\":\"https://h/\"},\"when_set\":[\"x\"]}]", NULL, "/steps/0/when_set: must be a list of names of settings"},
        {"\"settings\":{\"n\":0},\"timeout_s\":\"${settings.n}\"," STEP, NULL, "/timeout_s: must be a whole number from 1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source *s = NULL;
        struct err err = {0};

        if (parse(cases[i].rest, cases[i].over, &s, &err) != RC_PERM) {
            fail_msg("accepted: %s", cases[i].rest);
        }
        assert_null(s);
        if (strstr(err.text, cases[i].said) == NULL || strncmp(err.text, "items.json: ", 12) != 0) {
            fail_msg("%s\n  said: %s\n  not: %s", cases[i].rest, err.text, cases[i].said);
        }
    }
}

static void note(void *context, const char *name, bool optional) {
    char *names = context;

    (void)strcat(strcat(strcat(names, name), optional ? "?" : ""), " ");
}

#define TWO                                                                                                                                                    \
    "\"foreach\":[{\"name\":\"x\",\"in\":\"/criteria\"}],\"settings\":{\"a\":\"\",\"b\":\"https://b/\",\"n\":0},\"steps\":[{\"http\":{\"url\":\"https://h/"    \
    "\",\"headers\":{\"K\":\"${secret:k?}\"}},\"fallback\":["                                                                                                  \
    "{\"when_set\":[\"b\",\"a\"],\"http\":{\"url\":\"${settings.a}\",\"headers\":{\"K\":\"${secret:l}\"},\"timeout_s\":7,\"cost_per_record\":\"0.5\"}},"       \
    "{\"when_set\":[\"n\"],\"http\":{\"url\":\"${settings.b}\"}}]}]"

static void test_ways(void **state) {
    struct source *s = NULL;
    struct err err = {0};
    char names[100] = "";

    (void)state;
    if (parse(TWO, NULL, &s, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(s->steps[0].ways[1].unset, "a");
    assert_int_equal(source_first_way(&s->steps[0], 1, NULL), 2); /* a number is set, whichever it is */
    source_secrets(s, note, names);
    assert_string_equal(names, "k? ");
    source_free(s);

    assert_int_equal(parse(TWO, "{\"a\":\"https://a/\"}", &s, &err), RC_OK);
    assert_null(s->steps[0].ways[1].unset);
    assert_int_equal(source_first_way(&s->steps[0], 1, NULL), 1);
    assert_string_equal(s->steps[0].ways[1].http.url, "https://a/");
    assert_int_equal(s->steps[0].ways[1].http.timeout_s, 7);
    assert_true(s->steps[0].ways[1].http.has_cost);
    names[0] = '\0';
    source_secrets(s, note, names);
    assert_string_equal(names, "k? l ");
    source_free(s);

    assert_int_equal(parse(TWO, "{\"a\":\"nonsense\"}", &s, &err), RC_PERM);
    assert_non_null(strstr(err.text, "/steps/0/fallback/0/http/url"));
}

/* Money is exact, from text and from numbers. */
static void test_money(void **state) {
    static const char rest[] = "\"settings\":{\"p\":\"0.00000015\",\"q\":1.10},\"metering\":{\"currency\":\"USD\",\"cost_terms\":[{\"path\":\"/a\",\"price\":"
                               "\"${settings.p}\"},{\"path\":\"/b\",\"price\":\"${settings.q}\"}],\"cost_per_record\":\"1\"},\"foreach\":[{\"name\":\"x\","
                               "\"in\":\"/criteria\"}],\"steps\":[{\"http\":{\"url\":\"https://h/\"}}]";
    struct source *s = NULL;
    struct err err = {0};
    char text[DEC_TEXT_SIZE];

    (void)state;
    if (parse(rest, NULL, &s, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    dec_format(s->terms[0].price, text);
    assert_string_equal(text, "0.00000015");
    dec_format(s->terms[1].price, text);
    assert_string_equal(text, "1.10");
    source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_put_in), cmocka_unit_test(test_wrong), cmocka_unit_test(test_ways), cmocka_unit_test(test_money)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
