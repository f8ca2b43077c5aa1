// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/json_internal.h"
#include "json_reference.h"

/* Random documents, the same each run. */
static uint64_t seed;

static unsigned draw(unsigned below) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

static void add(struct buf *b, const char *text) {
    assert_int_equal(buf_add_text(b, text), RC_OK);
}

static void add_many(struct buf *b, const char *text, unsigned count) {
    while (count-- > 0) {
        add(b, text);
    }
}

#define ADD_ONE_OF(b, list) add((b), (list)[draw(sizeof(list) / sizeof((list)[0]))])

static void add_blank(struct buf *b) {
    static const char *const blanks[] = {"", "", "", "", " ", "\n    ", "\r\n\t", "\n                                    "};

    ADD_ONE_OF(b, blanks);
}

/* What could be taken for structure, and runs that end where they like. */
static void add_string(struct buf *b) {
    static const char *const parts[] = {
        "a",    "bcdefghijk", " ",     "\\n",       "\\\"", "\\\\",      "\\/", "\\u0041",         "\\ud83D\\uDe00", "\xc3\xa9", "\xf0\x9f\x98\x80",
        "{[{[", "]}]}",       "\\\"{", "\\\\\\\"}", ",",    "\\\":\\\"", ":",   "0123456789ABCDEF"};

    add(b, "\"");
    for (unsigned count = draw(8); count > 0; count--) {
        ADD_ONE_OF(b, parts);
    }
    if (draw(8) == 0) {
        add_many(b, draw(2) == 0 ? "\\\\" : "x", draw(200));
        add(b, draw(2) == 0 ? "\\\"" : "");
    }
    add(b, "\"");
}

static void add_name(struct buf *b) {
    static const char *const names[] = {"\"a\"",          "\"b\"",     "\"ab\"",       "\"\"",        "\"\\u0061\"", "\"a/b\"",
                                        "\"m~n\"",        "\"~1\"",    "\"x\\\"a\"",   "\"\\\"\"",    "\"a\\\\\"",   "\"\\\\\\\"b\"",
                                        "\"\\\":\\\"a\"", "\"{\\\\\"", "\"\xc3\xa9\"", "\"\\u00e9\"", "\":1,a\"",    "\"\\\":1,\\\"a\""};

    if (draw(4) == 0) {
        add_string(b);
    } else {
        ADD_ONE_OF(b, names);
    }
}

static void add_scalar(struct buf *b) {
    static const char *const scalars[] = {"null", "true", "false", "0", "-1.5e+10", "123456789012345678901234567890", "[]", "{}", "[ ]", "{\n}"};

    if (draw(2) == 0) {
        add_string(b);
    } else {
        ADD_ONE_OF(b, scalars);
    }
}

static void add_value(struct buf *b, unsigned depth) {
    bool object = draw(3) > 0;
    unsigned count = draw(depth == 0 ? 12 : 6);

    add_blank(b);
    if (depth > 4 || draw(3) == 0) {
        add_scalar(b);
    } else {
        add(b, object ? "{" : "[");
        for (unsigned i = 0; i < count; i++) {
            add(b, i > 0 ? "," : "");
            add_blank(b);
            if (object) {
                add_name(b);
                add_blank(b);
                add(b, ":");
            }
            add_value(b, depth + 1);
        }
        add(b, object ? "}" : "]");
    }
    add_blank(b);
}

/* A page between two that nobody may touch: text is put at its first or at its last bytes. */
enum { ROOM = 1 << 16 };
static char *room;

static int make_room(void **state) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *all = mmap(NULL, ROOM + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    room = all + page;
    return all == MAP_FAILED || mprotect(room, ROOM, PROT_READ | PROT_WRITE) != 0 ? -1 : 0;
}

static struct slice place_text(const struct buf *b, bool last) {
    char *at = room + (last ? ROOM - b->length : 0);

    assert_in_range(b->length, 1, ROOM);
    memcpy(at, b->data, b->length);
    return (struct slice){.data = at, .length = b->length};
}

static void assert_same_find(struct slice document, const struct json_outline *outline, const char *pointer) {
    struct slice expected, found, outlined;
    bool is = reference_find(document, pointer, &expected);

    if (json_find(document, pointer, &found) != is || (is && (found.data != expected.data || found.length != expected.length))) {
        fail_msg("json_find %s in %.*s", pointer, (int)document.length, document.data);
    }
    if (json_outline_find(outline, pointer, &outlined) != is || (is && (outlined.data != expected.data || outlined.length != expected.length))) {
        fail_msg("json_outline_find %s in %.*s", pointer, (int)document.length, document.data);
    }
}

static void assert_document(struct slice document) {
    static const char *const tokens[] = {"/a",    "/b",       "/ab",       "/",  "/a~1b", "/m~0n", "/~01", "/x\"a", "/\"",  "/a\\",   "/\\\"b", "/\":\"a",
                                         "/,\"a", "/x\",\"a", "/\xc3\xa9", "/0", "/1",    "/2",    "/00",  "/-",    "/key", "/u0061", "/~",     "/\\u0061"};
    struct json_outline outline;
    struct err err;
    char pointer[64];

    if (json_outline(document.data, document.length, &json_rules_payload, &outline, &err) != RC_OK) {
        fail_msg("%s: %.*s", err.text, (int)document.length, document.data);
    }
    if (!reference_agrees(document, &outline, 0)) {
        fail_msg("differs: %.*s", (int)document.length, document.data);
    }
    assert_same_find(document, &outline, "");
    assert_same_find(document, &outline, "a");
    for (unsigned i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        assert_same_find(document, &outline, tokens[i]);
        (void)snprintf(pointer, sizeof(pointer), "%s%s%s", tokens[i], tokens[draw(sizeof(tokens) / sizeof(tokens[0]))], draw(2) == 0 ? "/a" : "");
        assert_same_find(document, &outline, pointer);
    }
}

static void test_random_documents(void **state) {
    struct buf b = BUF_INIT(1u << 20);

    (void)state;
    for (unsigned round = 0; round < 1500; round++) {
        seed = round;
        buf_reset(&b);
        add_value(&b, 0);
        if (b.length <= ROOM) {
            assert_document(place_text(&b, draw(2) == 0));
        }
    }
    buf_release(&b);
}

/* One document, pushed on byte by byte through the blocks by a text, by escapes and by blanks before what matters. */
static void test_every_border(void **state) {
    static const char *const pads[] = {"x", "\\\\", "\\\"", "\xc3\xa9"};
    struct buf b = BUF_INIT(4096);

    (void)state;
    for (unsigned pad = 0; pad < 130; pad++) {
        for (unsigned kind = 0; kind < 5; kind++) {
            buf_reset(&b);
            add(&b, "{\"a\":\"");
            add_many(&b, kind < 4 ? pads[kind] : "", pad);
            add(&b, kind == 0 ? "\\n\"," : "\",");
            add_many(&b, kind == 4 ? " " : "", pad);
            add(&b, "\"b\":{\"a\":[1,{\"ab\":\"]}\\\\\"}],\"x\\\"a\":2},\"a\\\\\":\"\\\\\\\"\",\"m~n\" : {\"\":[]},\"ab\":\"\\\\\\\\\", \"a\":[\"");
            add_many(&b, kind < 4 ? pads[kind] : "", 129 - pad);
            add(&b, "\"],\"\\u0062\":7}");
            assert_document(place_text(&b, pad % 2 == 0));
        }
    }
    buf_release(&b);
}

/* Names that could be taken for others. */
static void test_lookalikes(void **state) {
    static const char *const documents[] = {"{\"b\":\"x\",\"a\":2}", "{\"\\\"a\":1}", "{\"x\\\\\\\"a\":1,\"\\\\\":2}", "{\"\":\"a\",\"b\" :\"/a\"}",
                                            "{\"a\":{\"b\":1},\"c\":[{\"b\":2}]}"};
    struct buf b = BUF_INIT(4096);

    (void)state;
    for (unsigned i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        buf_reset(&b);
        add(&b, documents[i]);
        assert_document(place_text(&b, true));
    }
    buf_release(&b);
}

/* Cut or changed text is not read out of bounds, nor is what lies beyond given out. */
static void test_any_bytes(void **state) {
    static const char odd[] = "\"\\{}[]:, \n\x80u";
    static const char *const pointers[] = {"/a", "/b/a/1", "/", "/x\"a", "/0/1", "/m~0n"};
    struct buf b = BUF_INIT(1u << 20);
    struct json_outline outline;
    struct slice document, found;

    (void)state;
    for (unsigned round = 0; round < 10000; round++) {
        seed = round;
        buf_reset(&b);
        add_value(&b, draw(3));
        if (b.length > 2000) {
            b.length = 2000;
        }
        b.length -= draw((unsigned)b.length);
        for (unsigned i = draw(4); i > 0; i--) {
            b.data[draw((unsigned)b.length)] = odd[draw(sizeof(odd) - 1)];
        }
        document = place_text(&b, draw(2) == 0);
        (void)json_count(document);
        for (unsigned i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
            if (json_find(document, pointers[i], &found)) {
                assert_true(found.data >= document.data && found.data + found.length <= document.data + document.length);
            }
        }
        if (json_outline(document.data, document.length, &json_rules_payload, &outline, NULL) != RC_OK) {
            assert_false(json_outline_find(&outline, "", &found) || json_outline_find(&outline, "/a", &found));
        }
    }
    buf_release(&b);
}

/* Each byte at each place, among bytes that do not stop and bytes behind that do. */
static void test_stops(void **state) {
    (void)state;
    for (unsigned length = 0; length < 70; length++) {
        char *text = room + ROOM - length;

        for (unsigned c = 0; c < 256; c++) {
            for (unsigned place = 0; place < length; place++) {
                bool special = c == '"' || c == '\\', blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';

                memset(text, 'x', length);
                memset(text + place, '"', length - place);
                text[place] = (char)c;
                assert_ptr_equal(json_skip_plain(text, text + length), text + place + (special || c < 0x20 || c >= 0x80 ? 0 : 1));
                assert_ptr_equal(json_skip_unquoted(text, text + length), text + place + (special ? 0 : 1));
                memset(text, " \t\n\r"[place % 4], length);
                text[place] = (char)c;
                assert_ptr_equal(json_skip_blank(text, text + length), blank ? text + length : text + place);
            }
        }
        memset(text, 'x', length);
        assert_ptr_equal(json_skip_plain(text, text + length), text + length);
        assert_ptr_equal(json_skip_unquoted(text, text + length), text + length);
    }
}

static void assert_value(const struct json_outline *outline, const char *pointer, const char *expected) {
    struct slice value;

    if (json_outline_find(outline, pointer, &value) != (expected != NULL) || (expected != NULL && !slice_equals(value, expected))) {
        fail_msg("%s", pointer);
    }
}

static struct json_outline outline_of(const char *text, const struct json_rules *rules) {
    struct json_outline outline;

    assert_int_equal(json_outline(text, strlen(text), rules, &outline, NULL), RC_OK);
    return outline;
}

static void test_outline(void **state) {
    char commented[] = " // one\n{ /* \"x\": */ \"a\" /*:*/ : /*,*/ [1, 2] /*]*/ ,\n\"b\" : { \"c\" : null } // }\n} // \"z\"";
    struct json_outline outline = outline_of(" { \"items\" : [ {\"total\":1} ] , \"total\" : 2 , \"t\\u006ftal\":3 } ", &json_rules_payload);
    struct err err = {{0}};

    (void)state;
    assert_true(outline.complete);
    assert_int_equal(outline.count, 3);
    assert_true(slice_equals(outline.members[2].name, "t\\u006ftal"));
    assert_value(&outline, "", "{ \"items\" : [ {\"total\":1} ] , \"total\" : 2 , \"t\\u006ftal\":3 }");
    assert_value(&outline, "/items", "[ {\"total\":1} ]");
    assert_value(&outline, "/items/0/total", "1");
    assert_value(&outline, "/items/1", NULL);
    assert_value(&outline, "/total", "3");
    assert_value(&outline, "/none", NULL);
    assert_value(&outline, "total", NULL);
    outline = outline_of(" [7, {\"a\":8}] ", &json_rules_payload);
    assert_false(outline.complete);
    assert_value(&outline, "/1/a", "8");
    assert_value(&outline, "/a", NULL);
    outline = outline_of(" \"a\" ", &json_rules_payload);
    assert_value(&outline, "", "\"a\"");
    assert_value(&outline, "/a", NULL);
    outline = outline_of("{}", &json_rules_config);
    assert_true(outline.complete);
    assert_value(&outline, "", "{}");
    assert_value(&outline, "/", NULL);
    assert_int_equal(json_outline(commented, sizeof(commented) - 1, &json_rules_config_commented, &outline, NULL), RC_OK);
    json_strip_comments(commented, sizeof(commented) - 1);
    assert_value(&outline, "/a", "[1, 2]");
    assert_value(&outline, "/a/1", "2");
    assert_value(&outline, "/b/c", "null");
    assert_int_equal(outline.root.data[outline.root.length - 1], '}');
    assert_int_equal(json_outline("{\"a\":1,}", 8, &json_rules_payload, &outline, &err), RC_PERM);
    assert_string_equal(err.text, "line 1 column 8: '}' where a name in double quotes is expected");
    assert_value(&outline, "", NULL);
    assert_value(&outline, "/a", NULL);
    assert_int_equal(json_outline("{\"a\":1,\"a\":2}", 13, &json_rules_config, &outline, NULL), RC_PERM);
    assert_int_equal(json_outline(NULL, 0, &json_rules_payload, &outline, NULL), RC_PERM);
    assert_value(&outline, "", NULL);
}

static void test_outline_of_many(void **state) {
    struct buf b = BUF_INIT(4096);
    char pointer[16], expected[16];

    (void)state;
    for (unsigned count = JSON_OUTLINE_MOST - 1; count < JSON_OUTLINE_MOST + 3; count++) {
        struct json_outline outline;

        buf_reset(&b);
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(buf_printf(&b, "%s\"m%u\":%u", i == 0 ? "{" : ",", i, i), RC_OK);
        }
        add(&b, "}");
        outline = outline_of(b.data, &json_rules_config);
        assert_int_equal(outline.complete, count <= JSON_OUTLINE_MOST);
        for (unsigned i = 0; i <= count; i++) {
            (void)snprintf(pointer, sizeof(pointer), "/m%u", i);
            (void)snprintf(expected, sizeof(expected), "%u", i);
            assert_value(&outline, pointer, i < count ? expected : NULL);
        }
        assert_document(place_text(&b, true));
    }
    buf_release(&b);
}

/* What is added finds the member of that name, and nothing is written where it does not fit. */
static void test_pointer_add(void **state) {
    static const char *const names[] = {"", "a", "~", "/", "~1", "a/b~c", "0"};
    char pointer[16];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[64];
        struct slice value;

        (void)snprintf(text, sizeof(text), "{\"x\":{\"%s\":1}}", names[i]);
        (void)snprintf(pointer, sizeof(pointer), "/x");
        assert_true(json_pointer_add(pointer, sizeof(pointer), names[i]));
        assert_true(json_find((struct slice){text, strlen(text)}, pointer, &value));
        assert_int_equal(*value.data, '1');
    }
    for (size_t size = 3; size < 9; size++) {
        (void)snprintf(pointer, sizeof(pointer), "/x");
        memset(pointer + 3, '#', sizeof(pointer) - 3);
        bool fits = json_pointer_add(pointer, size, "ab~");

        assert_string_equal(pointer, fits ? "/x/ab~0" : "/x");
        assert_int_equal(fits, size > strlen("/x/ab~0"));
        assert_int_equal(pointer[size], '#');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_documents), cmocka_unit_test(test_every_border), cmocka_unit_test(test_lookalikes),
        cmocka_unit_test(test_any_bytes),        cmocka_unit_test(test_stops),        cmocka_unit_test(test_outline),
        cmocka_unit_test(test_outline_of_many),  cmocka_unit_test(test_pointer_add),
    };

    return cmocka_run_group_tests(tests, make_room, NULL);
}
