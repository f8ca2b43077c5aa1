// SPDX-License-Identifier: Apache-2.0
#include "helper/chat.h"

#include "base/rc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHOICE(content, rest)                                                                                                                                  \
    "{\"model\":\"m-1\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":" content rest                                               \
    "}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7}}"

static void test_read(void **state) {
    (void)state;
    static const struct {
        const char *answer, *problem; /* a part of it */
        enum rc rc;
        const char *content;
    } cases[] = {
        {CHOICE("\"hello\"", ",\"refusal\":null},\"finish_reason\":\"stop\""), NULL, RC_OK, "hello"},
        {CHOICE("\"hello\"", "}"), NULL, RC_OK, "hello"},
        {CHOICE("[{\"type\":\"text\",\"text\":\"hel\"},{\"type\":\"text\",\"text\":\"lo\"}]", "},\"finish_reason\":\"stop\""), NULL, RC_OK, "hello"},
        {CHOICE("\"{\\\"a\\\":\"", "},\"finish_reason\":\"length\""), "cut off at its limit of tokens", RC_PERM, NULL},
        {CHOICE("null", ",\"refusal\":\"I cannot\"},\"finish_reason\":\"stop\""), "the model refused: I cannot", RC_PERM, NULL},
        {CHOICE("null", "},\"finish_reason\":\"content_filter\""), "content filter", RC_PERM, NULL},
        {CHOICE("null", "},\"finish_reason\":\"tool_calls\""), "asked for a tool", RC_PERM, NULL},
        {CHOICE("null", "},\"finish_reason\":\"stop\""), "answered nothing", RC_TEMP, NULL},
        {CHOICE("\"\"", "},\"finish_reason\":\"stop\""), "answered nothing", RC_TEMP, NULL},
        {"{\"error\":{\"message\":\"x\"}}", "no chat completion", RC_PERM, NULL},
        {"[]", "no chat completion", RC_PERM, NULL},
        {"{\"choices\":[]}", "no chat completion", RC_PERM, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *answer = cJSON_Parse(cases[i].answer);
        struct chat chat;
        struct err err = {0};
        assert_non_null(answer);
        assert_int_equal(chat_read(answer, &chat, &err), cases[i].rc);
        if (cases[i].problem && !strstr(err.text, cases[i].problem))
            fail_msg("%s says %s", cases[i].answer, err.text);
        if (cases[i].content) {
            assert_string_equal(chat.content, cases[i].content);
            assert_string_equal(chat.model, "m-1");
            assert_int_equal(chat.tokens.total, 12);
        }
        cJSON_Delete(answer);
    }
}

static void test_extract(void **state) {
    (void)state;
    static const struct {
        const char *content, *json; /* NULL: none */
    } cases[] = {
        {"{\"a\":1}", "{\"a\":1}"},
        {" \n[1,2]\n", "[1,2]"},
        {"```json\n{\"a\":[1,{\"b\":\"}\"}]}\n```", "{\"a\":[1,{\"b\":\"}\"}]}"},
        {"Here you are: {\"a\":\"\\\"{\"} and more {\"b\":2}", "{\"a\":\"\\\"{\"}"},
        {"a set {of things}, then {\"a\":1}", "{\"a\":1}"},
        {"<think>maybe {\"a\":2}?</think>{\"a\":1}", "{\"a\":1}"},
        {"{\"a\":1", NULL},
        {"{\"a\":{\"b\":1},\"c\":", NULL}, /* not what is whole in it */
        {"{\"a\":1,\"a\":2}", NULL},       /* which one? */
        {"no JSON", NULL},
        {"}}}]]", NULL},
        {"{{{{{{", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        cJSON *json;
        enum rc rc = chat_extract(cases[i].content, &json, &err);
        assert_int_equal(rc, cases[i].json ? RC_OK : RC_TEMP);
        if (!cases[i].json) {
            assert_null(json);
            continue;
        }
        char *text = cJSON_PrintUnformatted(json);
        assert_string_equal(text, cases[i].json);
        free(text);
        cJSON_Delete(json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_extract)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
