// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* A literal with its length, for those with a NUL inside. */
#define TEXT(literal)                                                                                                                                          \
    { literal, sizeof(literal) - 1 }

struct text {
    const char *data;
    size_t length;
};

/* The text in a block of its own size, so that a sanitizer sees a read past its end. */
static enum rc check_text(const char *data, size_t length, const struct json_rules *rules, struct err *err) {
    char *copy = malloc(length > 0 ? length : 1);
    enum rc rc;

    assert_non_null(copy);
    memcpy(copy, data, length);
    rc = json_check(copy, length, rules, err);
    free(copy);
    return rc;
}

static void assert_accepts(const struct text *texts, size_t count, const struct json_rules *rules) {
    for (size_t i = 0; i < count; i++) {
        struct err err = {{0}};

        if (check_text(texts[i].data, texts[i].length, rules, &err) != RC_OK) {
            fail_msg("refused: %s: %s", texts[i].data, err.text);
        }
    }
}

static void assert_refuses(const struct text *texts, size_t count, const struct json_rules *rules) {
    for (size_t i = 0; i < count; i++) {
        struct err err = {{0}};

        if (check_text(texts[i].data, texts[i].length, rules, &err) != RC_PERM) {
            fail_msg("accepted: %s", texts[i].data);
        }
        assert_memory_equal(err.text, "line ", 5);
    }
}

static void test_accepts(void **state) {
    static const struct text good[] = {
        TEXT("[]"),
        TEXT("{}"),
        TEXT("[ ]"),
        TEXT("{ }"),
        TEXT("\t\r\n [] \n"),
        TEXT("null"),
        TEXT("true"),
        TEXT("false"),
        TEXT(" 1 "),
        TEXT("\"\""),
        TEXT("\"a\""),
        TEXT("[null]"),
        TEXT("[true,false]"),
        TEXT("[[[[]]]]"),
        TEXT("[[],{},[],{}]"),
        TEXT("{\"a\":{}}"),
        TEXT("{\"\":0}"),
        TEXT("{\"a\":1,\"b\":2}"),
        TEXT("{\"a\" : [ 1 , 2 ] , \"b\" : { } }"),
        TEXT("0"),
        TEXT("[-0]"),
        TEXT("-0.0"),
        TEXT("[-1]"),
        TEXT("[10]"),
        TEXT("[0.1]"),
        TEXT("[1.0e0]"),
        TEXT("[1E5]"),
        TEXT("[1e+5]"),
        TEXT("[1e-5]"),
        TEXT("[0e1]"),
        TEXT("[0e+1]"),
        TEXT("[123.456e78]"),
        TEXT("[1e999]"),
        TEXT("[-1e-9999]"),
        TEXT("[123456789012345678901234567890]"),
        TEXT("[-0.000000000000000000000000000000000000000000000001]"),
        TEXT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
        TEXT("[\"\\u0000\"]"),
        TEXT("[\"\\u0041\\u00e9\\u20AC\"]"),
        TEXT("[\"\\uD834\\uDd1e\"]"),
        TEXT("[\"\\uDBFF\\uDFFF\"]"),
        TEXT("[\"\\uFFFF\"]"),
        TEXT("[\"\\\\u0000\"]"),
        TEXT("[\"\\u005C\"]"),
        TEXT("[\"\x7f\"]"),
        TEXT("[\"\xc2\x80\"]"),
        TEXT("[\"\xe2\x82\xac\"]"),
        TEXT("[\"\xed\x9f\xbf\"]"),
        TEXT("[\"\xee\x80\x80\"]"),
        TEXT("[\"\xef\xbf\xbf\"]"),
        TEXT("[\"\xef\xbb\xbf\"]"),
        TEXT("[\"\xf0\x90\x80\x80\"]"),
        TEXT("[\"\xf4\x8f\xbf\xbf\"]"),
        TEXT("[\"a/*b*/c//d\"]"),
        TEXT("[\"exactly8\",\"exactly_16_bytes\",\"seven77\"]"),
        TEXT("{\"a\":1,\"a\":2}"),
        TEXT("{\"a\":1,\"\\u0061\":2}"),
        TEXT("[1,\n2\r,3\t, 4]"),
        TEXT("{\"1234567\\\\\":\"\\\\\"}"),
    };

    (void)state;
    assert_accepts(good, COUNT(good), &json_rules_payload);
}

static void test_refuses(void **state) {
    static const struct text bad[] = {
        TEXT(""),
        TEXT(" "),
        TEXT("\n\n"),
        TEXT("["),
        TEXT("]"),
        TEXT("{"),
        TEXT("}"),
        TEXT("[]]"),
        TEXT("[}"),
        TEXT("{]"),
        TEXT("[1}"),
        TEXT("{\"a\":1]"),
        TEXT("[[]"),
        TEXT("[1,]"),
        TEXT("[,1]"),
        TEXT("[,]"),
        TEXT("[1,,2]"),
        TEXT("[1 2]"),
        TEXT("[\"a\" \"b\"]"),
        TEXT("[1:2]"),
        TEXT("[] []"),
        TEXT("1 2"),
        TEXT("{},"),
        TEXT("[]x"),
        TEXT("{\"a\":1,}"),
        TEXT("{,\"a\":1}"),
        TEXT("{\"a\":1,,\"b\":2}"),
        TEXT("{\"a\"}"),
        TEXT("{\"a\":}"),
        TEXT("{\"a\" 1}"),
        TEXT("{\"a\"::1}"),
        TEXT("{\"a\",1}"),
        TEXT("{:1}"),
        TEXT("{1:1}"),
        TEXT("{a:1}"),
        TEXT("{'a':1}"),
        TEXT("{null:1}"),
        TEXT("{\"a\":1 \"b\":2}"),
        TEXT("{\"a\":1;\"b\":2}"),
        TEXT("{\"a\":\"b\"}/**/"),
        TEXT("// x\n[]"),
        TEXT("[1/**/]"),
        TEXT("# x\n[]"),
        TEXT("nul"),
        TEXT("nulL"),
        TEXT("Null"),
        TEXT("truE"),
        TEXT("tru"),
        TEXT("truee"),
        TEXT("fals"),
        TEXT("[nullx]"),
        TEXT("undefined"),
        TEXT("NaN"),
        TEXT("-NaN"),
        TEXT("Infinity"),
        TEXT("-Infinity"),
        TEXT("+1"),
        TEXT("-"),
        TEXT("[-]"),
        TEXT("--1"),
        TEXT("- 1"),
        TEXT("01"),
        TEXT("-01"),
        TEXT("00"),
        TEXT("[012]"),
        TEXT("1."),
        TEXT("[1.]"),
        TEXT(".5"),
        TEXT("-.5"),
        TEXT("1.e1"),
        TEXT("1e"),
        TEXT("1e+"),
        TEXT("1E-"),
        TEXT("[1e]"),
        TEXT("1e1.5"),
        TEXT("1e1e1"),
        TEXT("1.2.3"),
        TEXT("0x10"),
        TEXT("1_000"),
        TEXT("1,000"),
        TEXT("1f"),
        TEXT("\xef\xbc\x91"),
        TEXT("\""),
        TEXT("\"a"),
        TEXT("a\""),
        TEXT("'a'"),
        TEXT("\"\\"),
        TEXT("\"\\\""),
        TEXT("\"\\x41\""),
        TEXT("\"\\a\""),
        TEXT("\"\\'\""),
        TEXT("\"\\0\""),
        TEXT("\"\\U0041\""),
        TEXT("\"\\\n\""),
        TEXT("\"\\u\""),
        TEXT("\"\\u1\""),
        TEXT("\"\\u123\""),
        TEXT("\"\\u123g\""),
        TEXT("\"\\u 123\""),
        TEXT("\"\\u-123\""),
        TEXT("\"\\u00\xc3\xa9\""),
        TEXT("\"\\uD800\""),
        TEXT("\"\\uD800x\""),
        TEXT("\"\\uD800\\n\""),
        TEXT("\"\\uD800\\uD800\""),
        TEXT("\"\\uD800\\u0041\""),
        TEXT("\"\\uD800\\u\""),
        TEXT("\"\\uD800\\uDC0\""),
        TEXT("\"\\uDC00\""),
        TEXT("\"\\uDFFF\\uD800\""),
        TEXT("\"\n\""),
        TEXT("\"\t\""),
        TEXT("\"\r\""),
        TEXT("\"\x1f\""),
        TEXT("\"\0\""),
        TEXT("\"1234567\x01\""),
        TEXT("\"12345678\x1f\""),
        TEXT("\"\x80\""),
        TEXT("\"\xff\""),
        TEXT("\"\xc0\xaf\""),
        TEXT("\"\xc3\""),
        TEXT("\"\xc3("),
        TEXT("\"\xe2\x82\""),
        TEXT("\"\xe0\x80\x80\""),
        TEXT("\"\xed\xa0\x80\""),
        TEXT("\"\xf0\x80\x80\x80\""),
        TEXT("\"\xf4\x90\x80\x80\""),
        TEXT("\"\xf8\x88\x80\x80\x80\""),
        TEXT("\"12345678\x80\""),
        TEXT("{\"\xff\":1}"),
        TEXT("\xef\xbb\xbf[]"),
        TEXT("\xef\xbb\xbf"),
        TEXT("\xfe\xff"),
        TEXT("[]\0"),
        TEXT("\0"),
        TEXT("[\0]"),
        TEXT("[1]\x1a"),
        TEXT("[\x0c]"),
        TEXT("\x0b[]"),
        TEXT("[\xc2\xa0]"),
        TEXT("[\xe2\x80\xa8]"),
        TEXT("\x7f"),
        TEXT("{\"a\":1,}"),
        TEXT("{\"a\":1,\"b\"}"),
        TEXT("{\"a\":1,\"b\":}"),
        TEXT("{\"a\":1,\"b\":1 \"c\":2}"),
        TEXT("{\"a\":1,b:1}"),
        TEXT("{\"a\":1,\"b\":01}"),
        TEXT("{\"a\":1,\"b\":-}"),
        TEXT("{\"a\":1,\"b\":1.}"),
        TEXT("{\"a\":1,\"b\":\"\x1f\"}"),
        TEXT("{\"a\":1,\"b\":\"\\x\"}"),
        TEXT("{\"a\":1,\"b\n\":1}"),
        TEXT("{\"a\":1,\"b\":1]"),
        TEXT("{\"a\":1,\"b\":1"),
        TEXT("{\"a\":1,\"b"),
        TEXT("{\"a\":1,,\"b\":1}"),
        TEXT("[{\"a\":1,\"b\":\"c\"d}]"),
        TEXT("<html>"),
        TEXT("callback([])"),
        TEXT(")]}',\n[]"),
        TEXT("[1]\n[2]\n"),
        TEXT("{\"a\":tru}"),
        TEXT("[\\n]"),
        TEXT("\\u0061"),
        TEXT("[\"a\",\n4\n,1,"),
        TEXT("{\"a\":{\"b\":[{\"c\":"),
    };

    (void)state;
    assert_refuses(bad, COUNT(bad), &json_rules_payload);
    assert_refuses(bad, COUNT(bad), &json_rules_config);
    assert_int_equal(json_check("x", 1, &json_rules_payload, NULL), RC_PERM);
    assert_int_equal(json_check(NULL, 0, &json_rules_payload, NULL), RC_PERM);
}

static void test_config_rules(void **state) {
    static const struct text good[] = {
        TEXT("{\"a\":9007199254740991,\"A\":-9007199254740991}"),
        TEXT("[1e308,5e-324,0.0,0e5,123456789.123456789]"),
        TEXT("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}"),
        TEXT("{\"a\":\"\\\\u0000\"}"),
        TEXT("{\"\\u0061b\":1,\"a\":2,\"abc\":3}"),
    };
    static const struct text bad[] = {
        TEXT("9007199254740992"),
        TEXT("[-9007199254740992]"),
        TEXT("[1e309]"),
        TEXT("[1e-400]"),
        TEXT("-0"),
        TEXT("[-0.0]"),
        TEXT("\"\\u0000\""),
        TEXT("{\"\\u0000\":1}"),
        TEXT("{\"a\":1,\"a\":1}"),
        TEXT("{\"a\":1,\"b\":2,\"\\u0061\":3}"),
        TEXT("{\"\":1,\"\":1}"),
        TEXT("{\"x\":[{\"a\":1,\"b\":{\"a\":1},\"a\":2}]}"),
        TEXT("{\"\xf0\x9d\x84\x9e\":1,\"\\uD834\\uDD1E\":2}"),
        TEXT("{\"/\":1,\"\\/\":2}"),
        TEXT("/* c */ {}"),
    };
    const struct json_rules few = {.max_depth = 4, .max_members = 2};

    (void)state;
    assert_accepts(good, COUNT(good), &json_rules_config);
    assert_refuses(bad, COUNT(bad), &json_rules_config);
    assert_int_equal(check_text("{\"a\":1,\"a\":2}", 13, &few, NULL), RC_OK);
    assert_int_equal(check_text("{\"a\":{\"a\":1,\"b\":2},\"b\":2}", 25, &few, NULL), RC_OK);
    assert_int_equal(check_text("{\"a\":1,\"b\":2,\"c\":3}", 19, &few, NULL), RC_PERM);
}

static void assert_error(const char *text, const struct json_rules *rules, const char *expected) {
    struct err err = {{0}};

    assert_int_equal(check_text(text, strlen(text), rules, &err), RC_PERM);
    assert_string_equal(err.text, expected);
}

static void test_error_texts(void **state) {
    (void)state;
    assert_error("", &json_rules_payload, "line 1 column 1: the text ends where a value is expected");
    assert_error("{\n  \"a\": 1,\n}", &json_rules_payload, "line 3 column 1: '}' where a name in double quotes is expected");
    assert_error("[1,\n 2\n  3]", &json_rules_payload, "line 3 column 3: '3' where ',' or ']' is expected");
    assert_error("{\"a\" 1}", &json_rules_payload, "line 1 column 6: '1' where ':' is expected");
    assert_error("[\"abc\n\"]", &json_rules_payload, "line 1 column 6: raw control character 0x0a in a string");
    assert_error("[\"abc", &json_rules_payload, "line 1 column 2: a string is not closed");
    assert_error("[\"\xc3\xa9\xff\"]", &json_rules_payload, "line 1 column 5: byte 0xff is not UTF-8 here");
    assert_error("[1] x", &json_rules_payload, "line 1 column 5: 'x' where the end of the text is expected");
    assert_error("[01]", &json_rules_payload, "line 1 column 2: a number with a leading zero");
    assert_error("[\xa0]", &json_rules_payload, "line 1 column 2: byte 0xa0 where a value is expected");
    assert_error("\xef\xbb\xbf{}", &json_rules_payload, "line 1 column 1: the text begins with a byte order mark: save it as UTF-8 without one");
    assert_error("[\"\\ud800\"]", &json_rules_payload, "line 1 column 3: \\ud800 is half of a surrogate pair");
    assert_error("{\"b\":1,\n \"a\":1,\"\\u0062\":2,\"a\":3}", &json_rules_config, "line 2 column 8: the name \"\\u0062\" stands twice in one object");
    assert_error("[\n9007199254740993]", &json_rules_config, "line 2 column 1: the number does not fit a double (write it as text)");
    assert_error("{} /* x", &json_rules_config_commented, "line 1 column 4: a comment is not closed, or '/' stands alone");
}

static char *nested(size_t depth, const char *open, const char *close, size_t *length) {
    char *text = malloc(depth * (strlen(open) + strlen(close)) + 1);

    assert_non_null(text);
    text[0] = '\0';
    *length = 0;
    for (size_t i = 0; i < 2 * depth; i++) {
        const char *part = i < depth ? open : close;

        memcpy(text + *length, part, strlen(part));
        *length += strlen(part);
    }
    text[*length] = '\0';
    return text;
}

static void test_depth(void **state) {
    static const struct { const char *open, *close; } shapes[] = {{"[", "]"}, {"{\"a\":[", "]}"}, {"[ {\"b\":1,\"a\":", "} ]"}};
    const uint32_t limits[] = {2, 32, 64, 66, 128, 1024};

    (void)state;
    for (size_t i = 0; i < COUNT(limits); i++) {
        for (size_t shape = 0; shape < COUNT(shapes); shape++) {
            struct json_rules rules = {.max_depth = limits[i], .unique_names = true};
            size_t length, levels = shape == 0 ? limits[i] : limits[i] / 2;
            const char *middle = shape == 2 ? "0" : "";
            char *text = nested(levels, shapes[shape].open, shapes[shape].close, &length);
            struct buf whole = BUF_INIT(1u << 20);
            struct err err;

            for (size_t more = 0; more < 2; more++) { /* at the limit, and one container past it */
                buf_reset(&whole);
                assert_int_equal(buf_add(&whole, text, levels * strlen(shapes[shape].open)), RC_OK);
                assert_int_equal(buf_add_text(&whole, more == 1 ? "[]" : middle), RC_OK);
                assert_int_equal(buf_add_text(&whole, text + levels * strlen(shapes[shape].open)), RC_OK);
                assert_int_equal(check_text(whole.data, whole.length, &rules, &err), more == 1 ? RC_PERM : RC_OK);
            }
            assert_non_null(strstr(err.text, "deep"));
            buf_release(&whole);
            free(text);
        }
    }
    {
        struct json_rules rules = {.max_depth = UINT32_MAX};
        size_t length;
        char *text = nested(1025, "[", "]", &length);

        assert_int_equal(check_text(text + 1, length - 2, &rules, NULL), RC_OK);
        assert_int_equal(check_text(text, length, &rules, NULL), RC_PERM);
        free(text);
        text = nested(1000000, "[", "]", &length);
        assert_int_equal(check_text(text, length, &rules, NULL), RC_PERM);
        free(text);
    }
}

static const char sample[] = "{\"source\":\"propertyradar\",\"name\":\"Absentee \\\"owners\\\", R\\u00e9no \\uD83D\\uDE00 \xe2\x82\xac\",\n"
                             "  \"criteria\":[{\"name\":\"State\",\"value\":[\"CA\",\"NV\"]},{\"name\":\"x\",\"value\":[0,-1.5e+3,true,false,null]}],\n"
                             "  \"max_cost\":\"250.00\" , \"take\" : 400, \"empty\":{}, \"none\":[]}";

static void test_truncations(void **state) {
    struct err err;

    (void)state;
    assert_int_equal(check_text(sample, sizeof(sample) - 1, &json_rules_config, &err), RC_OK);
    for (size_t length = 0; length < sizeof(sample) - 1; length++) {
        assert_int_equal(check_text(sample, length, &json_rules_config, &err), RC_PERM);
    }
}

static void test_members(void **state) {
    struct buf b = BUF_INIT(64u << 20);
    struct json_rules rules = {.max_depth = 4, .unique_names = true};
    struct err err;

    (void)state;
    for (int twice = 0; twice < 2; twice++) {
        buf_reset(&b);
        assert_int_equal(buf_add_char(&b, '{'), RC_OK);
        for (unsigned i = 0; i < 100000; i++) {
            assert_int_equal(buf_printf(&b, "%s\"k%u\":%u", i > 0 ? "," : "", i * 2654435761u % 4294967291u, i), RC_OK);
        }
        assert_int_equal(buf_add_text(&b, twice == 1 ? ",\"\\u006b0\":0}" : "}"), RC_OK);
        assert_int_equal(json_check(b.data, b.length, &rules, &err), twice == 1 ? RC_PERM : RC_OK);
        assert_int_equal(json_check(b.data, b.length, &json_rules_payload, &err), RC_OK);
        assert_int_equal(json_check(b.data, b.length, &json_rules_config, &err), RC_PERM);
        assert_non_null(strstr(err.text, "more than 1000 members"));
    }
    buf_release(&b);
}

static void test_comments(void **state) {
    static const struct text good[] = {TEXT("// a\n{} // b"),          TEXT("/**/[/*x*/1/***/,//\n2]/* * / // */"),
                                       TEXT("{/*\"a\":1*/}"),          TEXT("{\"a\"/*:*/:/*1*/1/*,*/}"),
                                       TEXT("[\"/*\",\"*/\",\"//\"]"), TEXT("//\r\n1")};
    static const struct text bad[] = {TEXT("[] /"), TEXT("[] /*"), TEXT("[] /*/"), TEXT("[/ 1]"), TEXT("// only"), TEXT("[1 // ]"), TEXT("#\n1"), TEXT("/")};
    char text[] = "{ // one \"\n \"a//\": /* two\r\n */ \"/*x*/\\\"/*\", \"b\":1 } // end";
    char same[sizeof(text)];

    (void)state;
    assert_accepts(good, COUNT(good), &json_rules_config_commented);
    assert_refuses(bad, COUNT(bad), &json_rules_config_commented);
    assert_int_equal(json_check(text, sizeof(text) - 1, &json_rules_config_commented, NULL), RC_OK);
    memcpy(same, text, sizeof(text));
    json_strip_comments(text, sizeof(text) - 1);
    assert_string_equal(text, "{         \n \"a//\":       \r\n    \"/*x*/\\\"/*\", \"b\":1 }       ");
    assert_int_equal(json_check(text, sizeof(text) - 1, &json_rules_config, NULL), RC_OK);
    for (size_t length = 0; length < sizeof(same); length++) { /* in bounds on any text */
        char *cut = malloc(length + 1);

        assert_non_null(cut);
        memcpy(cut, same, length);
        json_strip_comments(cut, length);
        free(cut);
    }
}

static void assert_finds(const char *text, const char *pointer, const char *expected) {
    struct slice value;

    assert_int_equal(json_check(text, strlen(text), &json_rules_payload, NULL), RC_OK);
    if (!json_find(slice_of(text), pointer, &value)) {
        if (expected != NULL) {
            fail_msg("not found: %s", pointer);
        }
    } else if (expected == NULL || !slice_equals(value, expected)) {
        fail_msg("%s found %.*s", pointer, (int)value.length, value.data);
    }
}

static void test_find(void **state) {
    /* RFC 6901, section 5. */
    static const char rfc[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}";
    static const char nested_text[] = " { \"a\" : [ 10 , { \"b\" : [ ] , \"c\":\"]}\\\"\" } , -1.5 ] , \"d\" : { \"e\":null } , \"d\":{\"f\":true}}\n";
    struct slice value;

    (void)state;
    assert_finds(rfc, "", rfc);
    assert_finds(rfc, "/foo", "[\"bar\",\"baz\"]");
    assert_finds(rfc, "/foo/0", "\"bar\"");
    assert_finds(rfc, "/foo/1", "\"baz\"");
    assert_finds(rfc, "/foo/2", NULL);
    assert_finds(rfc, "/foo/-", NULL);
    assert_finds(rfc, "/foo/00", NULL);
    assert_finds(rfc, "/foo/01", NULL);
    assert_finds(rfc, "/foo/1e0", NULL);
    assert_finds(rfc, "/foo/-0", NULL);
    assert_finds(rfc, "/foo/99999999999999999999999", NULL);
    assert_finds(rfc, "/foo/", NULL);
    assert_finds(rfc, "/foo/0/x", NULL);
    assert_finds(rfc, "/", "0");
    assert_finds(rfc, "/a~1b", "1");
    assert_finds(rfc, "/a/b", NULL);
    assert_finds(rfc, "/c%d", "2");
    assert_finds(rfc, "/e^f", "3");
    assert_finds(rfc, "/g|h", "4");
    assert_finds(rfc, "/i\\j", "5");
    assert_finds(rfc, "/k\"l", "6");
    assert_finds(rfc, "/ ", "7");
    assert_finds(rfc, "/m~0n", "8");
    assert_finds(rfc, "/m~n", NULL);
    assert_finds(rfc, "/fo", NULL);
    assert_finds(rfc, "/fooo", NULL);
    assert_finds(rfc, "foo", NULL);
    assert_finds(nested_text, "/a/0", "10");
    assert_finds(nested_text, "/a/1/b", "[ ]");
    assert_finds(nested_text, "/a/1/b/0", NULL);
    assert_finds(nested_text, "/a/1/c", "\"]}\\\"\"");
    assert_finds(nested_text, "/a/2", "-1.5");
    assert_finds(nested_text, "/d/f", "true");
    assert_finds(nested_text, "/d/e", NULL);
    assert_finds("{\"~1\":1,\"/\":2,\"~\":3}", "/~01", "1");
    assert_finds("{\"~1\":1,\"/\":2,\"~\":3}", "/~1", "2");
    assert_finds("{\"~1\":1,\"/\":2,\"~\":3}", "/~0", "3");
    assert_finds("{\"a\":1,\"\\u0061\":2}", "/a", "2");
    assert_finds("{\"\\u00e9\\uD83D\\uDE00\":1}", "/\xc3\xa9\xf0\x9f\x98\x80", "1");
    assert_finds("{\"a\\u0000b\":1}", "/a", NULL);
    assert_finds(" 7 ", "", "7");
    assert_false(json_find((struct slice){.data = NULL, .length = 0}, "", &value));
}

static void test_pointer_valid(void **state) {
    char longest[LIMIT_POINTER_BYTES + 2];

    (void)state;
    assert_true(json_pointer_valid(""));
    assert_true(json_pointer_valid("/"));
    assert_true(json_pointer_valid("/a~0b~1c/0//"));
    assert_false(json_pointer_valid("a"));
    assert_false(json_pointer_valid("#/a"));
    assert_false(json_pointer_valid("/~"));
    assert_false(json_pointer_valid("/~2"));
    assert_false(json_pointer_valid("/~~0"));
    memset(longest, '/', sizeof(longest));
    longest[LIMIT_POINTER_BYTES] = '\0';
    assert_true(json_pointer_valid(longest));
    longest[LIMIT_POINTER_BYTES] = '/';
    longest[LIMIT_POINTER_BYTES + 1] = '\0';
    assert_false(json_pointer_valid(longest));
}

static void test_iterate(void **state) {
    struct json_iter iter;
    struct slice name, value;

    (void)state;
    assert_true(json_iter_init(&iter, slice_of(" { \"a\" : 1 , \"b\\\"\":[2,{\"c\":3}] ,\"a\":\"x\" } ")));
    assert_true(iter.object);
    assert_true(json_iter_next(&iter, &name, &value));
    assert_true(slice_equals(name, "a") && slice_equals(value, "1"));
    assert_true(json_iter_next(&iter, &name, &value));
    assert_true(slice_equals(name, "b\\\"") && slice_equals(value, "[2,{\"c\":3}]"));
    assert_true(json_iter_next(&iter, &name, &value));
    assert_true(slice_equals(name, "a") && slice_equals(value, "\"x\""));
    assert_false(json_iter_next(&iter, &name, &value));
    assert_false(json_iter_next(&iter, &name, &value));
    assert_true(json_iter_init(&iter, slice_of("[ true , [] , {} ]")));
    assert_false(iter.object);
    assert_true(json_iter_next(&iter, &name, &value));
    assert_true(name.length == 0 && slice_equals(value, "true"));
    assert_true(json_iter_next(&iter, &name, &value));
    assert_true(slice_equals(value, "[]"));
    assert_true(json_iter_next(&iter, &name, &value));
    assert_true(slice_equals(value, "{}"));
    assert_false(json_iter_next(&iter, &name, &value));
    assert_false(json_iter_init(&iter, slice_of("\"[]\"")));
    assert_false(json_iter_init(&iter, slice_of("")));
    assert_int_equal(json_count(slice_of("[1,[2,3],{\"a\":4}]")), 3);
    assert_int_equal(json_count(slice_of("{\"a\":1,\"a\":2}")), 2);
    assert_int_equal(json_count(slice_of(" [ ] ")), 0);
    assert_int_equal(json_count(slice_of("12")), 0);
    assert_int_equal(json_type(slice_of("")), JSON_NONE);
    assert_int_equal(json_type(slice_of(" null")), JSON_NULL);
    assert_int_equal(json_type(slice_of("true")), JSON_TRUE);
    assert_int_equal(json_type(slice_of("false")), JSON_FALSE);
    assert_int_equal(json_type(slice_of("-1")), JSON_NUMBER);
    assert_int_equal(json_type(slice_of("\"\"")), JSON_STRING);
    assert_int_equal(json_type(slice_of("[]")), JSON_ARRAY);
    assert_int_equal(json_type(slice_of("{}")), JSON_OBJECT);
}

static void test_decode(void **state) {
    struct buf b = BUF_INIT(40);
    uint64_t number = 0;

    (void)state;
    assert_int_equal(json_decode_string(slice_of("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00E9\\u20ac\\uD834\\uDD1Ez\""), &b), RC_OK);
    assert_int_equal(b.length, 20);
    assert_memory_equal(b.data, "a\"\\/\b\f\n\r\t\0\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9ez", 21);
    assert_int_equal(json_decode_string(slice_of("\"12345678901234567890\\n\""), &b), RC_PERM);
    assert_int_equal(b.length, 20);
    assert_int_equal(json_decode_string(slice_of("12"), &b), RC_PERM);
    assert_int_equal(json_decode_string(slice_of("\""), &b), RC_PERM);
    assert_int_equal(json_decode_string(slice_of("\"\""), &b), RC_OK);
    assert_int_equal(b.length, 20);
    buf_release(&b);
    assert_true(json_to_u64(slice_of("12"), false, &number) && number == 12);
    assert_true(json_to_u64(slice_of("12.0"), false, &number) && number == 12);
    assert_true(json_to_u64(slice_of("1.3e1"), false, &number) && number == 13);
    assert_true(json_to_u64(slice_of("18446744073709551615"), false, &number) && number == UINT64_MAX);
    assert_true(json_to_u64(slice_of("\"12345\""), true, &number) && number == 12345);
    assert_false(json_to_u64(slice_of("\"12345\""), false, &number));
    assert_false(json_to_u64(slice_of("18446744073709551616"), false, &number));
    assert_false(json_to_u64(slice_of("-1"), false, &number));
    assert_false(json_to_u64(slice_of("1.5"), false, &number));
    assert_false(json_to_u64(slice_of("\"\""), true, &number));
    assert_false(json_to_u64(slice_of("\" 1\""), true, &number));
    assert_false(json_to_u64(slice_of("\"012\""), true, &number));
    assert_false(json_to_u64(slice_of("null"), true, &number));
    assert_false(json_to_u64(slice_of("[1]"), true, &number));
    assert_false(json_to_u64(slice_of(""), true, &number));
}

static void assert_form(enum rc form(struct slice, struct buf *), const char *text, const char *expected) {
    struct buf b = BUF_INIT(4096);

    assert_int_equal(form(slice_of(text), &b), RC_OK);
    assert_string_equal(buf_text(&b), expected);
    buf_release(&b);
}

static void test_fold(void **state) {
    (void)state;
    assert_form(json_fold_lines, "{\"a\":1}", "{\"a\":1}");
    assert_form(json_fold_lines, "{\n  \"a\": 1,\r\n\t\"b \\n  \": [\n\n   1 , 2\n  ]\n}", "{\"a\": 1,\"b \\n  \": [1 , 2]}");
    assert_form(json_fold_lines, "[1 \n ,2]", "[1 ,2]");
    assert_form(json_fold_lines, "[ 1,  2 ]", "[ 1,  2 ]");
    assert_form(json_fold_lines, "\"x\"\n", "\"x\"");
    assert_form(json_fold_lines, "12", "12");
    {
        struct buf small = BUF_INIT(3);

        assert_int_equal(json_fold_lines(slice_of("[\n1]"), &small), RC_OK);
        assert_int_equal(json_fold_lines(slice_of("[1]"), &small), RC_PERM);
        buf_release(&small);
    }
}

static void test_canonical(void **state) {
    struct buf b = BUF_INIT(5);

    (void)state;
    assert_form(json_canonical, " { \"b\" : [ 1.0 , 1e0, 10e-1 ], \"a\" : { } } ", "{\"a\":{},\"b\":[1,1,1]}");
    assert_form(json_canonical, "{\"\\u0062\":1,\"a\":\"\\u0041\\/\\n\\u001F\\u00e9\",\"b\":2}", "{\"a\":\"A/\\n\\u001f\xc3\xa9\",\"b\":2}");
    assert_form(json_canonical, "[true,false,null,[],{},\"\",-0]", "[true,false,null,[],{},\"\",0]");
    assert_form(json_canonical, "{\"ab\":1,\"a\":2,\"\":3,\"\xc3\xa9\":4,\"z\":5,\"\\u0000\":6}",
                "{\"\":3,\"\\u0000\":6,\"a\":2,\"ab\":1,\"z\":5,\"\xc3\xa9\":4}");
    assert_form(json_canonical, "[9007199254740993,0.10,1e99999999999999999999]", "[9007199254740993,0.1,1e99999999999999999999]");
    assert_form(json_canonical, "{\"x\":[{\"b\":1,\"a\":[{\"d\":1,\"c\":2}]}]}", "{\"x\":[{\"a\":[{\"c\":2,\"d\":1}],\"b\":1}]}");
    assert_form(json_canonical, "\"\\\"\\\\\\b\\f\\r\\t\"", "\"\\\"\\\\\\b\\f\\r\\t\"");
    assert_int_equal(json_canonical(slice_of("[1,2,3,4]"), &b), RC_PERM);
    buf_reset(&b);
    assert_int_equal(json_canonical(slice_of(""), &b), RC_PERM);
    buf_release(&b);
}

static void test_quote(void **state) {
    struct buf b = BUF_INIT(100);

    (void)state;
    assert_form(json_quote, "plain", "\"plain\"");
    assert_form(json_quote, "", "\"\"");
    assert_form(json_quote, "a\"\\/\b\f\n\r\t\x01\x7f\xe2\x82\xac", "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f\xe2\x82\xac\"");
    assert_form(json_quote, "bad\xff\xc3|", "\"bad\xef\xbf\xbd\xef\xbf\xbd|\"");
    assert_int_equal(json_quote((struct slice){.data = "a\0b", .length = 3}, &b), RC_OK);
    assert_string_equal(buf_text(&b), "\"a\\u0000b\"");
    buf_release(&b);
    buf_init(&b, 3);
    assert_int_equal(json_quote(slice_of("ab"), &b), RC_PERM);
    buf_release(&b);
}

/* Random documents, the same each run. */
static uint64_t seed;

static unsigned draw(unsigned below) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

static void add(struct buf *b, const char *text) {
    assert_int_equal(buf_add_text(b, text), RC_OK);
}

static void add_blank(struct buf *b) {
    static const char *const blanks[] = {"", "", "", " ", "\n", "\r\n  ", "\t", "          \n          "};

    add(b, blanks[draw(COUNT(blanks))]);
}

static void add_string(struct buf *b, const char *prefix) {
    static const char *const parts[] = {"a",
                                        "bcdefghijk",
                                        " ",
                                        "\\n",
                                        "\\\"",
                                        "\\\\",
                                        "\\/",
                                        "\\u0041",
                                        "\\u00E9",
                                        "\\ud83D\\uDe00",
                                        "\xc3\xa9",
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x98\x80",
                                        "{",
                                        "]",
                                        ",",
                                        ":",
                                        "/*",
                                        "0123456789ABCDEF",
                                        "\x7f"};

    add(b, "\"");
    add(b, prefix);
    for (unsigned count = draw(12); count > 0; count--) {
        add(b, parts[draw(COUNT(parts))]);
    }
    add(b, "\"");
}

static void add_number(struct buf *b) {
    assert_int_equal(buf_printf(b, "%s%u", draw(3) == 0 ? "-" : "", draw(4) == 0 ? draw(1000000000) : 1 + draw(20)), RC_OK);
    if (draw(3) == 0) {
        assert_int_equal(buf_printf(b, ".%0*u", 1 + (int)draw(6), draw(1000)), RC_OK);
    }
    if (draw(5) == 0) {
        assert_int_equal(buf_printf(b, "%c%s%u", draw(2) == 0 ? 'e' : 'E', draw(2) == 0 ? "-" : draw(2) == 0 ? "+" : "", draw(20)), RC_OK);
    }
}

static void add_value(struct buf *b, unsigned depth) {
    static const char *const words[] = {"null", "true", "false", "0", "[]", "{}"};
    unsigned kind = draw(depth > 5 ? 4 : 8);
    char prefix[16];

    add_blank(b);
    if (kind < 2) {
        add_string(b, "");
    } else if (kind == 2) {
        add_number(b);
    } else if (kind == 3) {
        add(b, words[draw(COUNT(words))]);
    } else {
        bool object = kind < 6;

        add(b, object ? "{" : "[");
        for (unsigned i = 0, count = draw(6); i < count; i++) {
            add(b, i > 0 ? "," : "");
            add_blank(b);
            if (object) {
                (void)snprintf(prefix, sizeof(prefix), "%u:", i); /* makes names unique */
                add_string(b, prefix);
                add_blank(b);
                add(b, ":");
            }
            add_value(b, depth + 1);
        }
        add_blank(b);
        add(b, object ? "}" : "]");
    }
    add_blank(b);
}

static void assert_decodes_to(struct slice inside, const char *expected) {
    struct buf b = BUF_INIT(4096);

    assert_int_equal(json_decode_string((struct slice){.data = inside.data - 1, .length = inside.length + 2}, &b), RC_OK);
    assert_string_equal(buf_text(&b), expected);
    buf_release(&b);
}

static void assert_same(struct slice value, const cJSON *item) {
    struct json_iter iter;
    struct slice name, each;
    const cJSON *child;
    char text[64];

    switch (json_type(value)) {
    case JSON_NONE:
        fail();
        break;
    case JSON_NULL:
        assert_true(cJSON_IsNull(item));
        break;
    case JSON_FALSE:
        assert_true(cJSON_IsFalse(item));
        break;
    case JSON_TRUE:
        assert_true(cJSON_IsTrue(item));
        break;
    case JSON_NUMBER:
        assert_true(cJSON_IsNumber(item));
        (void)snprintf(text, sizeof(text), "%.*s", (int)value.length, value.data);
        assert_true(!(strtod(text, NULL) < item->valuedouble) && !(strtod(text, NULL) > item->valuedouble));
        break;
    case JSON_STRING:
        assert_true(cJSON_IsString(item));
        assert_decodes_to((struct slice){.data = value.data + 1, .length = value.length - 2}, item->valuestring);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        assert_true(json_iter_init(&iter, value));
        assert_int_equal(iter.object, cJSON_IsObject(item));
        child = item->child;
        while (json_iter_next(&iter, &name, &each)) {
            assert_non_null(child);
            if (iter.object) {
                assert_decodes_to(name, child->string);
            }
            assert_same(each, child);
            child = child->next;
        }
        assert_null(child);
        break;
    }
}

static void assert_accepted_same(enum rc form(struct slice, struct buf *), const struct buf *document, const cJSON *item) {
    struct buf b = BUF_INIT(1u << 20), again = BUF_INIT(1u << 20);
    struct err err;
    cJSON *back;

    assert_int_equal(form((struct slice){.data = document->data, .length = document->length}, &b), RC_OK);
    assert_int_equal(check_text(b.data, b.length, &json_rules_payload, &err), RC_OK);
    back = cJSON_ParseWithLength(b.data, b.length);
    assert_true(cJSON_Compare(item, back, true));
    cJSON_Delete(back);
    assert_int_equal(form((struct slice){.data = b.data, .length = b.length}, &again), RC_OK);
    assert_string_equal(buf_text(&again), buf_text(&b));
    buf_release(&b);
    buf_release(&again);
}

static void test_against_cjson(void **state) {
    struct buf b = BUF_INIT(1u << 20);

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        struct err err = {{0}};
        struct slice whole;
        cJSON *item;

        seed = round;
        buf_reset(&b);
        add_value(&b, 0);
        if (check_text(b.data, b.length, &json_rules_config, &err) != RC_OK) {
            fail_msg("round %u: %s in %s", round, err.text, b.data);
        }
        item = cJSON_ParseWithLength(b.data, b.length);
        assert_non_null(item);
        assert_true(json_find((struct slice){.data = b.data, .length = b.length}, "", &whole)); /* without the blanks around it */
        assert_same(whole, item);
        assert_accepted_same(json_canonical, &b, item);
        assert_accepted_same(json_fold_lines, &b, item);
        cJSON_Delete(item);
    }
    buf_release(&b);
}

/* A valid document with some bytes changed is never read out of bounds, checked or not. */
static void test_any_bytes_in_bounds(void **state) {
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        static const char odd[] = "\"\\{}[]:,0-/*\n\x80u";
        size_t length = 1 + round % (sizeof(sample) - 1);
        char *text = malloc(length);
        struct buf b = BUF_INIT(4096);
        struct slice document = {.data = text, .length = length}, value;
        uint64_t number;

        seed = round;
        assert_non_null(text);
        memcpy(text, sample, length);
        for (unsigned i = draw(4); i > 0; i--) {
            text[draw((unsigned)length)] = odd[draw(sizeof(odd) - 1)];
        }
        (void)json_check(text, length, &json_rules_config_commented, NULL);
        (void)json_find(document, "/criteria/1/value/1", &value);
        (void)json_count(document);
        (void)json_decode_string(document, &b);
        (void)json_to_u64(document, true, &number);
        (void)json_fold_lines(document, &b);
        (void)json_canonical(document, &b);
        buf_release(&b);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_config_rules),
        cmocka_unit_test(test_error_texts),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_pointer_valid),
        cmocka_unit_test(test_iterate),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_against_cjson),
        cmocka_unit_test(test_any_bytes_in_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
