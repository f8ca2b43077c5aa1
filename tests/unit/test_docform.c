// SPDX-License-Identifier: Apache-2.0
#include "base/docform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define BYTES(text) text, sizeof(text) - 1
#define JPEG_HEAD "\xff\xd8\xff\xe0\x00\x04JF"
#define JPEG_FRAME "\xff\xc0\x00\x0b\x08\x00\x10\x00\x20\x01\x01\x11\x00"
#define JPEG_SCAN "\xff\xda\x00\x04\x00\x00"
#define PNG_HEAD "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\0\0\0\0crc0"

static void test_kinds(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        enum docform_type type;
        const char *problem; /* a part of it; NULL: none */
    } cases[] = {
        {BYTES(""), DOCFORM_NONE, "is empty"},
        {BYTES("PK\x03\x04..."), DOCFORM_NONE, "DOCX"},
        {BYTES("PK\x03\x04 %PDF-1.4 %%EOF"), DOCFORM_NONE, "DOCX"},
        {BYTES("\xd0\xcf\x11\xe0..."), DOCFORM_NONE, "save it as PDF"},
        {BYTES("{\\rtf1 x}"), DOCFORM_NONE, "RTF"},
        {BYTES("hello"), DOCFORM_NONE, "neither PDF"},
        {BYTES("%PDF"), DOCFORM_NONE, "neither PDF"},
        {BYTES("%PDF-1.4\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"), DOCFORM_PDF, NULL},
        {BYTES("\xef\xbb\xbf%PDF-1.4\ntrailer << >>\nstartxref\n0\n%%EOF"), DOCFORM_PDF, NULL},
        {BYTES("%PDF-1.4\n1 0 obj"), DOCFORM_PDF, "ends too early"},
        {BYTES("%PDF-1.4\nxref\n0 1\ntrailer << /Encrypt 5 0 R >>\nstartxref\n9\n%%EOF\n"), DOCFORM_PDF, "encrypted"},
        {BYTES("%PDF-1.4\nxref\n0 1\ntrailer << /EncryptMetadata false >>\nstartxref\n9\n%%EOF\n"), DOCFORM_PDF, NULL},
        {BYTES("%PDF-1.5\n7 0 obj\n<< /Type /XRef /Encrypt 5 0 R >>\nstream\nxx\nendstream\nstartxref\n9\n%%EOF\n"), DOCFORM_PDF, "encrypted"},
        {BYTES("%PDF-1.5\n7 0 obj\n<< /Type /XRef >>\nstream\n/Encrypt \nendstream\nstartxref\n9\n%%EOF\n"), DOCFORM_PDF, NULL},
        {BYTES("%PDF-1.5\nstartxref\n99999999999999999999\n%%EOF\n"), DOCFORM_PDF, NULL},
        {BYTES("%PDF-1.5\ntrailer << /Encrypt 3 0 R>> %%EOF\n"), DOCFORM_PDF, "encrypted"},
        {BYTES(JPEG_HEAD JPEG_FRAME JPEG_SCAN "data\xff\xd9"), DOCFORM_JPEG, NULL},
        {BYTES(JPEG_HEAD JPEG_FRAME JPEG_SCAN "data"), DOCFORM_JPEG, "ends too early"},
        {BYTES(JPEG_HEAD JPEG_SCAN "data\xff\xd9"), DOCFORM_JPEG, "ends too early"},
        {BYTES(JPEG_HEAD), DOCFORM_JPEG, "ends too early"},
        {BYTES("\xff\xd8\xff"), DOCFORM_JPEG, "ends too early"},
        {BYTES("\xff\xd8\xff\xff\xff\xff\xff\xff\xff"), DOCFORM_JPEG, "ends too early"},
        {BYTES(JPEG_HEAD "\xff\xc0\x00\x0b\x08\x00\x00\x00\x20\x01\x01\x11\x00"), DOCFORM_JPEG, "without pixels"},
        {BYTES(JPEG_HEAD "\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00"), DOCFORM_JPEG, "65535 x 65535"},
        {BYTES(PNG_HEAD "\0\0\0\0IENDcrc0"), DOCFORM_PNG, NULL},
        {BYTES(PNG_HEAD "\0\0\0\x02IDATxycrc0"), DOCFORM_PNG, "ends too early"},
        {BYTES(PNG_HEAD "\xff\xff\xff\xffIDATxycrc0"), DOCFORM_PNG, "ends too early"},
        {BYTES("\x89PNG\r\n\x1a\n"), DOCFORM_PNG, "ends too early"},
        {BYTES("II*\0\0\0\0\0"), DOCFORM_TIFF, "without a page"},
        {BYTES("II*\0\x08\0\0\0"), DOCFORM_TIFF, "ends too early"},
        {BYTES("MM\0*\xff\xff\xff\xff"), DOCFORM_TIFF, "ends too early"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct docform form;
        struct err err = {0};
        enum rc rc = docform_look((struct slice){.data = cases[i].bytes, .length = cases[i].length}, &form, &err);
        if (rc != (cases[i].problem ? RC_PERM : RC_OK) || form.type != cases[i].type)
            fail_msg("case %zu: %s, type %d", i, err.text, form.type);
        if (cases[i].problem && !strstr(err.text, cases[i].problem))
            fail_msg("case %zu says: %s", i, err.text);
    }
}

struct bytes {
    char data[4096];
    size_t length;
    bool big_endian;
};

static void put(struct bytes *b, unsigned size, unsigned value) {
    for (unsigned i = 0; i < size; i++)
        b->data[b->length++] = (char)(value >> 8 * (b->big_endian ? size - 1 - i : i));
}

/* A page of 4 x 4 pixels whose data are at `data`; next is where the following directory is, or 0. */
static void put_page(struct bytes *b, unsigned width, unsigned data, unsigned length, unsigned next) {
    const unsigned entries[][2] = {{256, width}, {257, 4}, {273, data}, {279, length}};
    put(b, 2, 4);
    for (size_t i = 0; i < 4; i++) {
        put(b, 2, entries[i][0]);
        put(b, 2, 4);
        put(b, 4, 1);
        put(b, 4, entries[i][1]);
    }
    put(b, 4, next);
}

static enum rc look(const struct bytes *b, struct docform *form, struct err *err) {
    *err = (struct err){0};
    return docform_look((struct slice){.data = b->data, .length = b->length}, form, err);
}

/* 10,000 times round one directory with 200,000 strips: 20 s of CPU, for 1.6 MB. */
static void test_tiff_bomb(void **state) {
    enum { STRIPS = 200000, DIRECTORY = 8, PLACES = DIRECTORY + 2 + 4 * 12 + 4, LENGTH = PLACES + 8 * STRIPS };
    static unsigned char bomb[LENGTH];
    const uint32_t entries[4][3] = {
        {256 | 4 << 16, 1, 100}, {257 | 4 << 16, 1, 100}, {273 | 4 << 16, STRIPS, PLACES}, {279 | 4 << 16, STRIPS, PLACES + 4 * STRIPS}};
    struct docform form;
    struct err err;
    (void)state;
    memcpy(bomb, "II*\0\010\0\0\0\004\0", 10);
    memcpy(bomb + 10, entries, sizeof entries); /* little-endian here, as in the file */
    bomb[10 + sizeof entries] = DIRECTORY;
    for (unsigned i = 0; i < STRIPS; i++) {
        bomb[PLACES + 4 * i] = 8;
        bomb[PLACES + 4 * STRIPS + 4 * i] = 1;
    }
    const clock_t from = clock();
    assert_int_equal(docform_look((struct slice){.data = (const char *)bomb, .length = LENGTH}, &form, &err), RC_PERM);
    assert_non_null(strstr(err.text, "circle"));
    assert_true(clock() - from < CLOCKS_PER_SEC);
}

static void test_tiff(void **state) {
    (void)state;
    struct docform form;
    struct err err;
    for (int big = 0; big < 2; big++) {
        struct bytes b = {.big_endian = big};
        memcpy(b.data, big ? "MM\0*" : "II*\0", 4);
        b.length = 4;
        put(&b, 4, 8);
        put_page(&b, 4, 8, 16, 62);
        assert_int_equal(b.length, 62);
        put_page(&b, 4, 8, 16, 0);
        assert_int_equal(look(&b, &form, &err), RC_OK);
        assert_int_equal(form.pages, 2);
        struct bytes cut = b;
        cut.length -= 30;
        assert_int_equal(look(&cut, &form, &err), RC_PERM);
        assert_non_null(strstr(err.text, "ends too early"));
        struct bytes round = b;
        round.length = 8;
        put_page(&round, 4, 8, 16, 8);
        assert_int_equal(look(&round, &form, &err), RC_PERM);
        assert_non_null(strstr(err.text, "circle"));
        struct bytes beyond = b;
        beyond.length = 8;
        put_page(&beyond, 4, 8, 5000, 0);
        assert_int_equal(look(&beyond, &form, &err), RC_PERM);
        struct bytes wide = b;
        wide.length = 8;
        put_page(&wide, 0x7fffffff, 8, 16, 0);
        assert_int_equal(look(&wide, &form, &err), RC_PERM);
        assert_non_null(strstr(err.text, "pixels"));
    }
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(docform_name(DOCFORM_TIFF), "tiff");
    assert_string_equal(docform_media_type(DOCFORM_JPEG), "image/jpeg");
    assert_int_equal(docform_from_name("png"), DOCFORM_PNG);
    assert_int_equal(docform_from_name("none"), DOCFORM_NONE);
    assert_int_equal(docform_from_name("doc"), DOCFORM_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds), cmocka_unit_test(test_tiff), cmocka_unit_test(test_tiff_bomb),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
