// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST 256

struct told {
    struct slice elements[MOST], values[MOST];
    size_t count, begun;
    const char *open;
};

static void begin(void *context, const char *open) {
    struct told *told = context;

    told->begun++;
    told->count = 0;
    told->open = open;
}

static void element(void *context, struct slice one, struct slice value) {
    struct told *told = context;

    assert_true(told->count < MOST);
    told->elements[told->count] = one;
    told->values[told->count++] = value;
}

static bool same(struct slice a, struct slice b) {
    return a.data == b.data && a.length == b.length;
}

/* What is told is what json_find and json_iter find. Returns how many values were told without a look. */
static size_t compare(const char *text, const char *array, const char *member) {
    static struct told told;
    const struct json_tap tap = {.array = array, .member = member, .begin = begin, .element = element, .context = &told};
    struct json_outline outline;
    struct json_iter iter;
    struct slice found, name, one, value;
    size_t count = 0, known = 0;

    told = (struct told){.count = 0};
    if (json_outline_tap(text, strlen(text), &json_rules_payload, &outline, &tap, NULL) != RC_OK) {
        return 0;
    }
    if (!json_outline_find(&outline, array, &found) || json_type(found) != JSON_ARRAY || told.open != found.data) {
        return 0; /* what is told then is of another array, and the caller sees that by its bracket */
    }
    json_iter_init(&iter, found);
    while (json_iter_next(&iter, &name, &one)) {
        bool there = json_find(one, member, &value);

        if (count == told.count || !same(told.elements[count], one)) {
            fail_msg("%s: element %zu is \"%.*s\"", text, count, (int)one.length, one.data);
        }
        if (told.values[count].data != NULL) {
            known++;
            if (!there || !same(told.values[count], value)) {
                fail_msg("%s: element %zu: told \"%.*s\"", text, count, (int)told.values[count].length, told.values[count].data);
            }
        }
        count++;
    }
    assert_int_equal(count, told.count);
    return known;
}

static void test_shapes(void **state) {
    static const struct {
        const char *text, *array;
        size_t known;
    } cases[] = {
        {"{\"a\":[{\"k\":1},{\"k\":\"x\"}]}", "/a", 2},
        {" { \"b\" : 0 , \"a\" : [ { \"j\" : [ { \"k\" : 5 } ] , \"k\" : { \"k\" : 2 } } , { } , 7 , \"k\" , [ { \"k\" : 3 } ] ] , \"z\" : [ 1 ] } ", "/a", 1},
        {"{\"a\":[]}", "/a", 0},
        {"{\"a\":[ ],\"b\":{\"k\":1}}", "/a", 0},
        {"{\"a\":[{\"k\":1}],\"a\":[{\"k\":2},{\"k\":3}]}", "/a", 2},
        {"{\"a\":[{\"k\":1}],\"a\":5}", "/a", 0},
        {"{\"a\":5,\"a\":[{\"k\":1}]}", "/a", 1},
        {"{\"a\":[{\"k\":1,\"k\":2}]}", "/a", 1},
        {"{\"a\":[{\"k\":1,\"\\u006b\":2},{\"k\":3}]}", "/a", 1},
        {"{\"a\":[{\"\\n\":1,\"k\":2}]}", "/a", 0},
        {"{\"\\u0061\":[{\"k\":1}]}", "/a", 0},
        {"{\"o\":{\"a\":[{\"k\":1}]},\"a\":[{\"k\":2}]}", "/a", 1},
        {"[{\"k\":1},[{\"k\":2}],{\"k\":[1,2]}]", "", 2},
        {"[[1],[2]]", "", 0},
        {"[]", "", 0},
        {"{\"a\":[{\"k\":1}]}", "", 0},
        {"{\"a\":{\"b\":[{\"k\":1}]}}", "/a/b", 0},
        {"5", "", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t known = compare(cases[i].text, cases[i].array, "/k");

        if (known != cases[i].known) {
            fail_msg("%s: %zu values told, %zu wanted", cases[i].text, known, cases[i].known);
        }
    }
}

static uint32_t seed = 1;

static unsigned draw(unsigned most) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 16) % most;
}

static void add(char *out, const char *text) {
    (void)strcat(out, text);
}

static void grow(char *out, unsigned depth) {
    static const char *const names[] = {"\"k\":", "\"a\":", "\"j\":", "\"\\u006b\":", "\"kk\":", "\"\":", " \"k\" : "};
    static const char *const leaves[] = {"1", "\"k\"", "null", "true", "\"\\\"k\\\":[\"", " {} ", "[ ]", "-1.5e3", "\"]}\""};
    unsigned what = depth == 0 ? 0 : draw(3), count = draw(4);

    if (strlen(out) > 3000 || what == 0) {
        add(out, leaves[draw(9)]);
        return;
    }
    add(out, what == 1 ? "{" : "[");
    for (unsigned i = 0; i < count; i++) {
        add(out, i > 0 ? "," : "");
        add(out, what == 1 ? names[draw(7)] : "");
        grow(out, depth - 1);
    }
    add(out, what == 1 ? "}" : "]");
}

static void test_random(void **state) {
    static char text[8192];
    size_t known = 0;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        text[0] = '\0';
        grow(text, 6);
        known += compare(text, draw(3) > 0 ? "/a" : "", "/k");
    }
    assert_true(known > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_random)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
