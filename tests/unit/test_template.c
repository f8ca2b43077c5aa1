// SPDX-License-Identifier: Apache-2.0
#include "source/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *secret(void *context, const char *name) {
    (void)context;
    return strcmp(name, "key") == 0 ? "s3cr3t" : NULL;
}

struct world {
    cJSON *job, *item, *steps;
    struct template_scope scope;
};

static void open_world(struct world *w) {
    w->job =
        cJSON_Parse("{\"name\":\"a \\\"b\\\"/ä\",\"n\":9007199254740991,\"list\":[1,{\"x\":null}],\"yes\":true,\"trap\":\"${secret:key}\",\"empty\":\"\"}");
    w->item = cJSON_Parse("{\"url\":\"https://e.example/?a=b\"}");
    w->steps = cJSON_Parse("{\"steps.first/a~1b/0\":10,\"steps.first/a~1b/1/~0\":\"deep\",\"part\":{\"n\":3},\"part/n\":3,\"job_id\":\"J\"}");
    w->scope = (struct template_scope){.job = w->job, .item = w->item, .known = w->steps, .secret = secret};
}

static void close_world(struct world *w) {
    cJSON_Delete(w->job);
    cJSON_Delete(w->item);
    cJSON_Delete(w->steps);
}

static void test_check(void **state) {
    static const char *const good[] = {"",
                                       "plain",
                                       "$",
                                       "$$",
                                       "a$b",
                                       "${job.x}",
                                       "x${job.x}y${secret:k}",
                                       "${steps.a}",
                                       "${steps.a/b~1c/0}",
                                       "${item.url}",
                                       "$${anything",
                                       "$$${job.x}",
                                       "${item}",
                                       "${item.url/a/0}",
                                       "${part}",
                                       "${part/a~1b}",
                                       "${part_number}",
                                       "${job_id}",
                                       "${attempt}",
                                       "${attempts.run}"};
    static const char *const bad[] = {"${",
                                      "${job.x",
                                      "${}",
                                      "${job.}",
                                      "${jobs.x}",
                                      "${job.a b}",
                                      "${job.x/y}",
                                      "${secret.x}",
                                      "${secret:a/b}",
                                      "${steps.a/~2}",
                                      "${job.../x}",
                                      "${ job.x}",
                                      "${env:HOME}",
                                      "${job.${job.x}}",
                                      "${items}",
                                      "${item/x}",
                                      "${part.x}",
                                      "${parts}",
                                      "${job_id/x}",
                                      "${jobid}",
                                      "${part_number/1}",
                                      "${item.}",
                                      "${attempts}",
                                      "${attempts.a/b}"};
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (template_check(good[i], &err) != RC_OK) {
            fail_msg("%s: %s", good[i], err.text);
        }
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (template_check(bad[i], &err) != RC_PERM) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
}

static void assert_text(const struct world *w, const char *text, const char *expected, bool url) {
    struct buf out = BUF_INIT(4096);
    struct err err = {0};

    if ((url ? template_url : template_text)(text, &w->scope, &out, &err) != RC_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    assert_string_equal(buf_text(&out), expected);
    buf_release(&out);
}

static void test_text(void **state) {
    struct world w;

    (void)state;
    open_world(&w);
    assert_text(&w, "", "", false);
    assert_text(&w, "a$b$${job.name}$$", "a$b${job.name}$$", false);
    assert_text(&w, "<${job.name}>", "<a \"b\"/ä>", false);
    assert_text(&w, "${job.n}${job.yes}${job.empty}", "9007199254740991true", false);
    assert_text(&w, "${job.list}", "[1,{\"x\":null}]", false);
    assert_text(&w, "Bearer ${secret:key}", "Bearer s3cr3t", false);
    assert_text(&w, "${item.url}", "https://e.example/?a=b", false);
    assert_text(&w, "${steps.first/a~1b/0} ${steps.first/a~1b/1/~0}", "10 deep", false);
    assert_text(&w, "${part/n} ${part} ${job_id} ${item}", "3 {\"n\":3} J {\"url\":\"https://e.example/?a=b\"}", false);
    assert_text(&w, "${job.trap}", "${secret:key}", false);
    assert_text(&w, "https://h/${job.name}?u=${item.url}", "https://h/a%20%22b%22%2F%C3%A4?u=https%3A%2F%2Fe.example%2F%3Fa%3Db", true);
    close_world(&w);
}

static void test_missing(void **state) {
    static const struct {
        const char *text, *said;
    } missing[] = {{"${job.nothing}", "\"nothing\""},
                   {"${secret:other}", "secret other"},
                   {"${item.x}", "item.x"},
                   {"${steps.first/x}", "step first"},
                   {"${steps.second}", "second"},
                   {"${steps.first/a~1b/00}", "first"},
                   {"${steps.first/a~1b/2}", "first"},
                   {"${job.Name}", "Name"}};
    struct world w;

    (void)state;
    open_world(&w);
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        struct buf out = BUF_INIT(4096);
        struct err err = {0};

        assert_int_equal(template_text(missing[i].text, &w.scope, &out, &err), RC_PERM);
        if (strstr(err.text, missing[i].said) == NULL) {
            fail_msg("%s: %s", missing[i].text, err.text);
        }
        buf_release(&out);
    }
    close_world(&w);
}

static void test_too_long(void **state) {
    struct buf out = BUF_INIT(8);
    struct err err = {0};
    struct world w;

    (void)state;
    open_world(&w);
    assert_int_equal(template_text("pass ${secret:key}", &w.scope, &out, &err), RC_PERM);
    assert_null(strstr(err.text, "s3cr3t"));
    buf_release(&out);
    close_world(&w);
}

static void assert_json(const struct world *w, const char *text, const char *expected) {
    struct buf out = BUF_INIT(65536);
    struct err err = {0};
    cJSON *value = cJSON_Parse(text), *made;

    assert_non_null(value);
    if (template_json(value, &w->scope, &made, &err) != RC_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    assert_int_equal(template_print(made, &out), RC_OK);
    assert_string_equal(buf_text(&out), expected);
    cJSON_Delete(made);
    cJSON_Delete(value);
    buf_release(&out);
}

static void test_json(void **state) {
    struct world w;

    (void)state;
    open_world(&w);
    assert_json(&w, "\"${job.list}\"", "[1,{\"x\":null}]");
    assert_json(&w, "{\"Criteria\":\"${job.list}\",\"n\":\"${job.n}\",\"k\":\"${secret:key}\"}",
                "{\"Criteria\":[1,{\"x\":null}],\"n\":9007199254740991,\"k\":\"s3cr3t\"}");
    assert_json(&w, "[[\"${job.yes}\",\"x${job.yes}\"],{},[],[{\"a\":[\"${job.empty}\"]}],null,false,1.5]",
                "[[true,\"xtrue\"],{},[],[{\"a\":[\"\"]}],null,false,1.5]");
    assert_json(&w, "{\"a\":\"$${job.n}\",\"b\":\"${job.trap}\",\"c\":[\"${job.list}\",\"${job.trap}\"]}",
                "{\"a\":\"${job.n}\",\"b\":\"${secret:key}\",\"c\":[[1,{\"x\":null}],\"${secret:key}\"]}");
    assert_json(&w, "{\"a~/\\\"\\n\":1}", "{\"a~/\\\"\\n\":1}");
    close_world(&w);
}

static void test_json_missing(void **state) {
    cJSON *value = cJSON_Parse("{\"a\":[1,\"${job.nothing}\",2]}"), *made;
    struct err err = {0};
    struct world w;

    (void)state;
    open_world(&w);
    assert_int_equal(template_json(value, &w.scope, &made, &err), RC_PERM);
    assert_null(made);
    assert_non_null(strstr(err.text, "nothing"));
    cJSON_Delete(value);
    close_world(&w);
}

static void test_depth(void **state) {
    char text[1001];
    cJSON *value, *made = NULL;
    struct err err = {0};
    struct world w;

    (void)state;
    open_world(&w);
    memset(text, '[', 500);
    memset(text + 500, ']', 500);
    text[1000] = '\0';
    value = cJSON_Parse(text);
    assert_non_null(value);
    assert_int_equal(template_json(value, &w.scope, &made, &err), RC_PERM);
    assert_non_null(strstr(err.text, "deep"));
    cJSON_Delete(value);
    close_world(&w);
}

static void test_print_numbers(void **state) {
    static const struct {
        double value;
        const char *text;
    } numbers[] = {{0, "0"},
                   {-5, "-5"},
                   {9007199254740991.0, "9007199254740991"},
                   {-9007199254740991.0, "-9007199254740991"},
                   {4503599627370497.0, "4503599627370497"},
                   {0.1, "0.1"},
                   {0.30000000000000004, "0.30000000000000004"},
                   {1e300, "1e+300"},
                   {39.52651234567891, "39.52651234567891"}};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct buf out = BUF_INIT(64);
        cJSON *number = cJSON_CreateNumber(numbers[i].value);

        assert_int_equal(template_print(number, &out), RC_OK);
        assert_true(strtod(buf_text(&out), NULL) >= numbers[i].value && strtod(buf_text(&out), NULL) <= numbers[i].value);
        assert_string_equal(buf_text(&out), numbers[i].text);
        cJSON_Delete(number);
        buf_release(&out);
    }
}

static enum rc note(void *context, const struct template_reference *reference) {
    char *seen = context;

    (void)sprintf(seen + strlen(seen), "%d%s ", (int)reference->kind, reference->name);
    return strcmp(reference->name, "stop") == 0 ? RC_GONE : RC_OK;
}

static void test_each(void **state) {
    cJSON *value = cJSON_Parse(
        "{\"a\":\"${job.a}${secret:b}\",\"c\":[[\"${steps.d/e}\"],\"$${job.no}\",\"${item.f}\",\"${range.to}\"],\"g\":\"${job.stop}\",\"h\":\"${job.i}\"}");
    char seen[256] = "";

    (void)state;
    assert_int_equal(template_each_value(value, note, seen), RC_GONE);
    assert_string_equal(seen, "0a 6b 1d 2f 5to 0stop ");
    cJSON_Delete(value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),    cmocka_unit_test(test_text),          cmocka_unit_test(test_missing),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_json),          cmocka_unit_test(test_json_missing),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_print_numbers), cmocka_unit_test(test_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
