// SPDX-License-Identifier: Apache-2.0
#include "helper/chunks.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void cut(const struct pages *pages, size_t tokens, size_t overlap, struct chunk **chunks, size_t *count) {
    const struct chunks_options options = {.tokens = tokens, .overlap = overlap};
    struct err err = {0};
    assert_int_equal(chunks_cut(pages, &options, chunks, count, &err), RC_OK);
}

static void test_one(void **state) {
    (void)state;
    struct page list[] = {{.number = 1, .text = "first"}, {.number = 2, .text = ""}, {.number = 3, .text = "third\n"}};
    const struct pages pages = {.list = list, .count = 3, .page_count = 4};
    struct chunk *chunks;
    size_t count;
    char nonce[CHUNKS_NONCE_SIZE], wanted[200];
    cut(&pages, 1000, 100, &chunks, &count);
    chunks_nonce(&pages, nonce);
    snprintf(wanted, sizeof wanted, "[[page 1 of 4 | %s]]\nfirst\n\n[[page 3 of 4 | %s]]\nthird\n", nonce, nonce);
    assert_int_equal(count, 1);
    assert_string_equal(buf_text(&chunks[0].text), wanted);
    assert_int_equal(chunks[0].first_page, 1);
    assert_int_equal(chunks[0].last_page, 3);
    assert_int_equal(strlen(nonce), 12);
    chunks_free(chunks, count);
}

static void test_borders(void **state) {
    (void)state;
    /* Clauses of about 110 bytes; parts of 600. A cut comes before a clause, and the line before it is repeated. */
    char text[4001] = "";
    for (int i = 0; i < 20; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d.1 The Tenant shall%*s\n    keep the Premises in repair and shall%*s.\n", i + 1, 20, "",
                 20, "");
    struct page list[] = {{.number = 5, .text = text}};
    const struct pages pages = {.list = list, .count = 1, .page_count = 5};
    struct chunk *chunks;
    size_t count;
    cut(&pages, 200, 50, &chunks, &count);
    assert_true(count > 4);
    for (size_t i = 0; i < count; i++) {
        const char *line = strchr(buf_text(&chunks[i].text), '\n') + 1;
        assert_true(chunks[i].tokens <= 201);
        assert_int_equal(chunks[i].first_page, 5);
        if (i == 0)
            assert_true(str_starts(line, "1.1 The"));
        else {
            assert_non_null(strstr(buf_text(&chunks[i].text), "(continued)"));
            assert_true(str_starts(line, "    keep the Premises") || strstr(line, ".1 The Tenant") == line + 1 || strstr(line, ".1 The Tenant") == line + 2);
        }
        if (!str_ends(buf_text(&chunks[i].text), ".\n")) /* no clause is torn */
            fail_msg("%s", buf_text(&chunks[i].text));
    }
    chunks_free(chunks, count);
}

/* Whatever the text: each byte is in a part, in order, parts are valid UTF-8, and not much longer than allowed. */
static void check_whole(const struct pages *pages, size_t tokens, size_t overlap) {
    struct chunk *chunks;
    size_t count, letters = 0, found = 0;
    cut(pages, tokens, overlap, &chunks, &count);
    for (size_t i = 0; i < pages->count; i++)
        letters += strlen(pages->list[i].text);
    for (size_t i = 0; i < count; i++) {
        assert_true(str_is_utf8(buf_text(&chunks[i].text), chunks[i].text.length));
        assert_true(chunks[i].tokens <= tokens + 30);
        found += chunks[i].text.length;
        if (i > 0)
            assert_true(chunks[i].first_page >= chunks[i - 1].first_page && chunks[i].last_page >= chunks[i - 1].last_page);
    }
    assert_true(found >= letters);
    assert_int_equal(chunks[0].first_page, pages->list[0].number);
    chunks_free(chunks, count);
}

static void test_any_text(void **state) {
    (void)state;
    static char long_word[5001], umlauts[6001], smiles[8001], lines[4001];
    memset(long_word, 'x', 5000);
    memset(lines, '\n', 4000);
    for (int i = 0; i < 3000; i++)
        memcpy(umlauts + 2 * i, "\xc3\xa4", 2);
    for (int i = 0; i < 2000; i++)
        memcpy(smiles + 4 * i, "\xf0\x9f\x98\x80", 4);
    struct page list[] = {{.number = 1, .text = long_word}, {.number = 2, .text = umlauts}, {.number = 3, .text = ""},
                          {.number = 4, .text = smiles},    {.number = 5, .text = lines},   {.number = 6, .text = "end"}};
    const struct pages pages = {.list = list, .count = 6, .page_count = 6};
    for (size_t tokens = CHUNKS_TOKENS_LEAST; tokens < 3000; tokens = tokens * 3 / 2)
        for (size_t overlap = 0; overlap < tokens / 2; overlap += tokens / 5)
            check_whole(&pages, tokens, overlap);
}

static void test_many_empty(void **state) {
    (void)state;
    struct page *list = calloc(PAGES_MOST, sizeof *list);
    assert_non_null(list);
    for (unsigned i = 0; i < PAGES_MOST; i++)
        list[i] = (struct page){.number = i + 1, .text = i == 5000 ? "a word" : ""};
    const struct pages pages = {.list = list, .count = PAGES_MOST, .page_count = PAGES_MOST};
    struct chunk *chunks;
    size_t count;
    cut(&pages, 200, 0, &chunks, &count);
    assert_true(count <= 2);
    chunks_free(chunks, count);
    free(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one), cmocka_unit_test(test_borders), cmocka_unit_test(test_any_text),
                                       cmocka_unit_test(test_many_empty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
