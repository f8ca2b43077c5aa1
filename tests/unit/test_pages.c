// SPDX-License-Identifier: Apache-2.0
#include "helper/pages.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "1:text 2:more /3 by" : pages, page count, by; or the error. */
static void read_by(enum rc (*reader)(cJSON *json, struct pages *pages, struct err *err), const char *text, char out[400]) {
    cJSON *json = cJSON_Parse(text);
    struct pages pages;
    struct err err = {0};
    size_t used = 0;
    out[0] = '\0';
    if (reader(json, &pages, &err)) {
        str_copy(out, 400, err.text);
    } else {
        for (size_t i = 0; i < pages.count; i++)
            used += (size_t)snprintf(out + used, 400 - used, "%u:%s%s%s ", pages.list[i].number, pages.list[i].text, pages.list[i].illegible ? "?" : "",
                                     pages.list[i].damaged ? "!" : "");
        snprintf(out + used, 400 - used, "/%u %s", pages.page_count, pages.text_by);
    }
    pages_release(&pages);
    cJSON_Delete(json);
}

static void test_read(void **state) {
    (void)state;
    static const struct {
        const char *json, *wanted;
    } cases[] = {
        {"{\"pages\":[{\"page\":1,\"text\":\"a\",\"by\":\"pdf\"},{\"page\":2,\"text\":\"b\",\"illegible\":true}],\"page_count\":3,\"text_by\":\"pdf\"}",
         "1:a 2:b? /3 pdf"},
        {"{\"pages\":[{\"page\":2,\"text\":\"b\"},{\"page\":1,\"text\":\"\",\"damaged\":\"it cannot be drawn\"}]}", "1:! 2:b /2 service"},
        {"{\"pages\":[{\"page_number\":1,\"content\":\"a\"},{\"text\":\"b\"}]}", "1:a 2:b /2 service"},
        {"{\"text\":\"one\\ftwo\\f\"}", "1:one 2:two /2 service"},
        {"[{\"choices\":[{\"message\":{\"content\":\"seen\"}}]},{\"choices\":[{\"message\":{\"content\":\"{\\\"page\\\":2,\\\"text\\\":\\\"read\\\"}\"}}]}]",
         "1:seen 2:read /2 vision"},
        {"[{\"choices\":[{\"message\":{\"content\":\"se\"},\"finish_reason\":\"length\"}]}]",
         "page 1: the model's answer was cut off at its limit of tokens (finish_reason length): raise max_completion_tokens, or make the chunks smaller"},
        {"{\"pages\":[{\"page\":1,\"text\":\"a\"},{\"page\":1,\"text\":\"b\"}]}", "the text has page 1 twice"},
        {"{\"pages\":[{\"page\":1}]}", "page 1 of the text has no \"text\""},
        {"{\"pages\":[{\"page\":0,\"text\":\"\"}]}", "the text has a page number that cannot be, or more than 10000 pages"},
        {"{\"pages\":[{\"page\":1e9,\"text\":\"\"}]}", "the text has a page number that cannot be, or more than 10000 pages"},
        {"{\"pages\":[]}", "the text has no pages"},
        {"{}", "the text has no pages"},
        {"3", "the text has no pages"},
        {"{\"pages\":[1]}", "page 1 of the text has no \"text\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[400];
        read_by(pages_read, cases[i].json, out);
        assert_string_equal(out, cases[i].wanted);
    }
}

#define SEEN(text) "{\"choices\":[{\"message\":{\"content\":\"" text "\"}}]}"

static void test_input(void **state) {
    (void)state;
    static const struct {
        const char *json, *wanted;
    } cases[] = {
        {"{\"text\":{\"text\":\"a\"},\"vision\":[]}", "1:a /1 service"},
        {"{\"text\":{\"text\":\"a\"},\"vision\":null}", "1:a /1 service"},
        {"{\"vision\":[" SEEN("a") "," SEEN("b [illegible]") "]}", "1:a 2:b [illegible]? /2 vision"},
        {"{\"text\":{\"images\":[{\"page\":2},{\"page\":4}],\"page_count\":6,\"left_out\":[{\"page\":3,\"why\":\"x\"}]},\"vision\":[" SEEN("two") "," SEEN(
             "four") "]}",
         "2:two 3:! 4:four /6 vision"},
        {"{\"text\":{\"images\":[{\"page\":2},{\"page\":2}]},\"vision\":[" SEEN("two") "," SEEN("four") "]}", "the text has page 2 twice"},
        {"{\"text\":{\"images\":[{\"page\":1},{\"page\":2}]},\"vision\":[" SEEN("{\\\"page\\\":2,\\\"text\\\":\\\"one\\\"}") "," SEEN(
             "{\\\"page\\\":2,\\\"text\\\":\\\"two\\\"}") "]}",
         "1:one 2:two /2 vision"},
        {"{\"text\":{\"images\":[{\"page\":1},{\"page\":2}]},\"vision\":[" SEEN("{\\\"page\\\":2,\\\"text\\\":\\\"one\\\"}") "," SEEN(
             "{\\\"page\\\":2,\\\"text\\\":\\\"two\\\"}") "]}",
         "1:one 2:two /2 vision"},
        {"{\"text\":{\"images\":[{\"page\":0}]},\"vision\":[" SEEN("two") "]}", "the text has a page without a number"},
        {"{}", "the text has no pages"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[400];
        read_by(pages_read_input, cases[i].json, out);
        assert_string_equal(out, cases[i].wanted);
    }
}

static void test_letters(void **state) {
    (void)state;
    assert_int_equal(pages_letters("a 1, \xc3\xa4-\xf0\x9f\x98\x80"), 4);
    assert_false(pages_garbage("The Tenant shall pay"));
    assert_false(pages_garbage(""));
    assert_true(pages_garbage("\xee\x80\x81\xee\x80\x82 \xef\xbf\xbd"));
    assert_true(pages_garbage("\x01\x02\x03 ab"));
    assert_true(pages_garbage("\xff\xfe\xfd"));
    assert_false(pages_garbage("\xef\xac\x81rst")); /* a ligature */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_input), cmocka_unit_test(test_letters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
