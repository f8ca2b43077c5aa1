// SPDX-License-Identifier: Apache-2.0
#include "notify/fill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static cJSON *values;

static int setup(void **state) {
    (void)state;
    values = cJSON_CreateObject();
    cJSON_AddStringToObject(values, "name", "A <b> & \"c\" 'd'");
    cJSON_AddStringToObject(values, "empty", "");
    cJSON_AddStringToObject(values, "lines", "one\r\ntwo\nthree");
    cJSON_AddStringToObject(values, "evil", "x\r\nBcc: y@example.com\x1b[31m\xe2\x80\xae");
    cJSON_AddStringToObject(values, "mark", "{{name}}");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    cJSON_Delete(values);
    return 0;
}

static void gives(const char *template, enum fill_form form, const char *wanted) {
    struct buf out = BUF_INIT(4096);
    struct err err = {0};
    assert_int_equal(fill(template, values, form, &out, &err), RC_OK);
    assert_string_equal(buf_text(&out), wanted);
    buf_release(&out);
}

static void fails(const char *template, const char *with) {
    struct buf out = BUF_INIT(4096);
    struct err err = {0};
    assert_int_equal(fill(template, values, FILL_TEXT, &out, &err), RC_PERM);
    assert_non_null(strstr(err.text, with));
    buf_release(&out);
}

static void test_values(void **state) {
    (void)state;
    gives("", FILL_TEXT, "");
    gives("Hello {{name}}!", FILL_TEXT, "Hello A <b> & \"c\" 'd'!");
    gives("<p title=\"{{name}}\">", FILL_HTML, "<p title=\"A &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\">");
    gives("[{{nobody}}{{empty}}]", FILL_TEXT, "[]");
    gives("{{lines}}", FILL_TEXT, "one\ntwo\nthree");
    gives("{{lines}}", FILL_LINE, "one two three");
    gives("{{mark}}", FILL_TEXT, "{{name}}"); /* a value is never a template */
    gives("{ {x} }} {{a b}} {{}} {{", FILL_TEXT, "{ {x} }} {{a b}} {{}} {{");
}

/* Nothing that a value has can begin a new header, colour a terminal, or turn the direction of the text. */
static void test_injection(void **state) {
    struct buf out = BUF_INIT(4096);
    struct err err = {0};
    (void)state;
    assert_int_equal(fill("{{evil}}", values, FILL_LINE, &out, &err), RC_OK);
    assert_null(strpbrk(buf_text(&out), "\r\n\x1b"));
    assert_null(strstr(buf_text(&out), "\xe2\x80\xae"));
    buf_release(&out);
}

static void test_sections(void **state) {
    (void)state;
    gives("{{#name}}yes{{/name}}{{#empty}}no{{/empty}}{{#nobody}}no{{/nobody}}", FILL_TEXT, "yes");
    gives("a\n{{#name}}\nb\n{{/name}}\nc\n", FILL_TEXT, "a\nb\nc\n");
    gives("a\n{{#empty}}\nb\n{{/empty}}\nc\n", FILL_TEXT, "a\nc\n");
    gives("{{#name}}1{{#empty}}2{{/empty}}3{{/name}}", FILL_TEXT, "13");
    gives("{{#empty}}1{{#name}}2{{/name}}3{{/empty}}", FILL_TEXT, "");
    fails("a\n{{#name}}", "ends within");
    fails("a\nb {{/name}}", "line 2");
    fails("{{#name}}{{#empty}}{{/name}}{{/empty}}", "closed");
    fails("{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}", "too deep");
}

static void test_bounds(void **state) {
    struct buf out = BUF_INIT(10);
    struct err err = {0};
    (void)state;
    assert_int_equal(fill("{{name}}", values, FILL_TEXT, &out, &err), RC_PERM);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_injection), cmocka_unit_test(test_sections),
                                       cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
