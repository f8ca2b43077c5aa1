// SPDX-License-Identifier: Apache-2.0
#include "source/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_fixture.h"

static const char *token = "s3cr3t";

static const char *secret(void *context, const char *name) {
    (void)context;
    (void)name;
    return token;
}

static enum rc make(const struct source *s, enum request_kind kind, const char *job, struct request *r, struct err *err) {
    cJSON *members = cJSON_Parse(job);
    const struct page page = {.batch = 2, .offset = 400, .limit = 100};
    const struct template_scope scope = {.job = members, .secret = secret};
    enum rc rc;

    assert_non_null(members);
    *err = (struct err){0};
    rc = request_make(s, 0, 0, kind, &page, &scope, r, err);
    cJSON_Delete(members);
    return rc;
}

static void made(const struct source *s, enum request_kind kind, const char *job, struct request *r) {
    struct err err;

    if (make(s, kind, job, r, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
}

static bool has_header(const struct request *r, const char *line) {
    for (char **header = r->headers; *header != NULL; header++) {
        if (strcmp(*header, line) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned header_count(const struct request *r) {
    unsigned count = 0;

    while (r->headers[count] != NULL) {
        count++;
    }
    return count;
}

#define PAID                                                                                                                                                   \
    "{\"steps\":[{\"http\":{\"method\":\"POST\",\"url\":\"https://h/v1/properties\",\"params\":{\"Fields\":\"${job.fields}\",\"Purchase\":\"0\"},"             \
    "\"headers\":{\"Authorization\":\"Bearer ${secret:t}\",\"X-A\":\"1\"},\"json\":{\"Criteria\":\"${job.criteria}\"}}}],"                                     \
    "\"paginator\":{\"type\":\"offset\",\"limit\":400,\"limit_param\":\"Limit\",\"offset_param\":\"Start\"},\"job_members\":{\"fields\":{\"type\":\"string\"}" \
    "},"                                                                                                                                                       \
    "\"metering\":{\"preview\":{\"params\":{\"Purchase\":\"0\"}},\"purchase\":{\"params\":{\"Purchase\":1},\"headers\":{\"x-a\":\"2\"},\"json\":{\"Buy\":"     \
    "true}}}}"
#define JOB "{\"fields\":\"A,B\",\"criteria\":[{\"name\":\"Id\",\"value\":[9007199254740991]}]}"

static void test_paid(void **state) {
    struct source *s = source_of(PAID);
    struct request r;

    (void)state;
    made(s, REQUEST_PAID, JOB, &r);
    assert_string_equal(r.method, "POST");
    assert_string_equal(r.url, "https://h/v1/properties?Fields=A%2CB&Purchase=1&Limit=100&Start=400");
    assert_string_equal(r.body, "{\"Criteria\":[{\"name\":\"Id\",\"value\":[9007199254740991]}],\"Buy\":true}");
    assert_int_equal(r.body_length, strlen(r.body));
    assert_true(has_header(&r, "Authorization: Bearer s3cr3t"));
    assert_true(has_header(&r, "x-a: 2"));
    assert_true(has_header(&r, "Content-Type: application/json"));
    assert_int_equal(header_count(&r), 3);
    request_release(&r);
    made(s, REQUEST_PREVIEW, JOB, &r);
    assert_string_equal(r.url, "https://h/v1/properties?Fields=A%2CB&Purchase=0&Limit=100&Start=400");
    assert_string_equal(r.body, "{\"Criteria\":[{\"name\":\"Id\",\"value\":[9007199254740991]}]}");
    assert_true(has_header(&r, "X-A: 1"));
    request_release(&r);
    source_free(s);
}

#define LISTS                                                                                                                                                  \
    "\"primary_key\":\"/"                                                                                                                                      \
    "id\",\"metering\":{\"preview\":{\"params\":{\"Purchase\":\"0\"}},\"purchase\":{\"params\":{\"Purchase\":\"1\"}},\"free_fields\":[\"id\",\"state\"]"
#define LISTING(steps, more) "{\"steps\":[{\"http\":" steps "}],\"paginator\":{\"type\":\"offset\",\"limit\":400}," LISTS more "}}"

/* Ids are listed by the preview, with the free fields alone; by_id lies over the purchase. */
static void test_delta(void **state) {
    struct source *s =
        source_of(LISTING("{\"method\":\"POST\",\"url\":\"https://h/p\",\"params\":{\"Fields\":\"All\"},\"json\":{\"c\":\"${job.criteria}\"}}", ""));
    struct source *own = source_of(
        LISTING("{\"method\":\"POST\",\"url\":\"https://h/p\"}", ",\"list\":{\"params\":{\"only\":\"id\"}},\"by_id\":{\"json\":{\"ids\":\"${item.ids}\"}}"));
    cJSON *job = cJSON_Parse("{\"criteria\":[]}"), *item = cJSON_Parse("{\"ids\":[1,\"b\"]}");
    struct template_scope scope = {.job = job, .secret = secret};
    struct request r;

    (void)state;
    assert_int_equal(request_make(s, 0, 0, REQUEST_LIST, NULL, &scope, &r, NULL), RC_OK);
    assert_string_equal(r.url, "https://h/p?Purchase=0&Fields=id%2Cstate");
    request_release(&r);
    assert_int_equal(request_make(own, 0, 0, REQUEST_LIST, NULL, &scope, &r, NULL), RC_OK);
    assert_string_equal(r.url, "https://h/p?Purchase=0&only=id");
    assert_null(r.body);
    request_release(&r);
    scope.item = item;
    assert_int_equal(request_make(own, 0, 0, REQUEST_PAID, NULL, &scope, &r, NULL), RC_OK);
    assert_string_equal(r.url, "https://h/p?Purchase=1");
    assert_string_equal(r.body, "{\"ids\":[1,\"b\"]}");
    request_release(&r);
    cJSON_Delete(job);
    cJSON_Delete(item);
    source_free(s);
    source_free(own);
}

static void test_params(void **state) {
    struct source *s = source_of(
        "{\"steps\":[{\"http\":{\"url\":\"https://h/${job.name}?a=${job.name}\",\"params\":{\"n\":1.5,\"b\":true,\"list\":[1,\"x y\",\"${job.name}\"],"
        "\"none\":null,\"ä&\":\"${job.criteria}\"}}}]}");
    struct request r;
    struct err err;

    (void)state;
    made(s, REQUEST_FREE, "{\"name\":\"a/b?c#d&e=ü\",\"criteria\":[\"p\",2]}", &r);
    assert_string_equal(r.url,
                        "https://h/a%2Fb%3Fc%23d%26e%3D%C3%BC?a=a%2Fb%3Fc%23d%26e%3D%C3%BC&n=1.5&b=true&list=1&list=x%20y&list=a%2Fb%3Fc%23d%26e%3D%C3%BC&"
                        "%C3%A4%26=p&%C3%A4%26=2&limit=100&offset=400");
    assert_null(r.body);
    assert_int_equal(header_count(&r), 0);
    request_release(&r);
    assert_int_equal(make(s, REQUEST_FREE, "{\"name\":\"x\",\"criteria\":{}}", &r, &err), RC_PERM);
    assert_int_equal(make(s, REQUEST_FREE, "{\"name\":\"x\",\"criteria\":[[1]]}", &r, &err), RC_PERM);
    assert_int_equal(make(s, REQUEST_FREE, "{\"name\":\"..\",\"criteria\":[]}", &r, &err), RC_PERM);
    assert_int_equal(make(s, REQUEST_FREE, "{\"criteria\":[]}", &r, &err), RC_PERM);
    assert_non_null(strstr(err.text, "name"));
    source_free(s);
}

static void test_injection(void **state) {
    static const char *const values[] = {"a\\r\\nX: y", "a\\nb", "a\\rb", "a\\u0001b", "a\\u007fb"};
    struct source *s = source_of("{\"steps\":[{\"http\":{\"url\":\"https://h/\",\"headers\":{\"X-Name\":\"${job.name}\",\"Key\":\"${secret:k}\"}}}]}");
    struct request r;
    struct err err;
    char job[64];

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        (void)snprintf(job, sizeof(job), "{\"name\":\"%s\"}", values[i]);
        assert_int_equal(make(s, REQUEST_FREE, job, &r, &err), RC_PERM);
        assert_non_null(strstr(err.text, "X-Name"));
        assert_null(r.url);
        assert_null(r.headers);
    }
    token = "bad\r\nsecret";
    assert_int_equal(make(s, REQUEST_FREE, "{\"name\":\"x\"}", &r, &err), RC_PERM);
    assert_non_null(strstr(err.text, "Key"));
    assert_null(strstr(err.text, "bad"));
    assert_null(strstr(err.text, "secret"));
    token = "s3cr3t";
    made(s, REQUEST_FREE, "{\"name\":\"${secret:k}\\tä\"}", &r);
    assert_true(has_header(&r, "X-Name: ${secret:k}\tä"));
    request_release(&r);
    assert_int_equal(make(s, REQUEST_FREE, "{\"name\":[1]}", &r, &err), RC_PERM);
    source_free(s);
}

static void test_own_content_type(void **state) {
    struct source *s = source_of("{\"steps\":[{\"http\":{\"method\":\"PUT\",\"url\":\"https://h/\",\"headers\":{\"content-type\":\"application/"
                                 "vnd.api+json\",\"N\":5},\"json\":[1]}}]}");
    struct request r;

    (void)state;
    made(s, REQUEST_FREE, "{}", &r);
    assert_int_equal(header_count(&r), 2);
    assert_true(has_header(&r, "N: 5"));
    assert_string_equal(r.body, "[1]");
    request_release(&r);
    source_free(s);
}

static void test_several_steps(void **state) {
    struct source *s =
        source_of("{\"steps\":[{\"name\":\"a\",\"http\":{\"url\":\"https://h/a\"}},{\"name\":\"b\",\"http\":{\"url\":\"https://h/b/${steps.a/id}\"}}]}");
    cJSON *job = cJSON_CreateObject(), *steps = cJSON_Parse("{\"steps.a/id\":7}");
    const struct page page = {.batch = 1, .offset = 0, .limit = 100};
    const struct template_scope scope = {.job = job, .known = steps};
    struct request r;
    struct err err;

    (void)state;
    assert_int_equal(request_make(s, 0, 0, REQUEST_FREE, &page, &scope, &r, &err), RC_OK);
    assert_string_equal(r.url, "https://h/a");
    request_release(&r);
    assert_int_equal(request_make(s, 1, 0, REQUEST_FREE, &page, &scope, &r, &err), RC_OK);
    assert_string_equal(r.url, "https://h/b/7?limit=100&offset=0");
    request_release(&r);
    cJSON_Delete(job);
    cJSON_Delete(steps);
    source_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paid),          cmocka_unit_test(test_params), cmocka_unit_test(test_injection), cmocka_unit_test(test_own_content_type),
        cmocka_unit_test(test_several_steps), cmocka_unit_test(test_delta),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
