// SPDX-License-Identifier: Apache-2.0
#include "net/url_list.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void one_url(void **state) {
    static const char *const good[][2] = {
        {"example.com", "https://example.com"},
        {"EXAMPLE.com/Path/", "https://example.com/Path"},
        {"HTTP://Example.COM//", "http://example.com"},
        {"https://example.com/a//b/?q=1", "https://example.com/a//b?q=1"},
        {"https://example.com?u=http://x.example/", "https://example.com/?u=http://x.example/"},
        {"https://example.com/#part", "https://example.com"},
        {"https://example.com:443/x", "https://example.com/x"},
        {"http://example.com:80", "http://example.com"},
        {"http://example.com:443/", "http://example.com:443"},
        {"example.com:8443/x", "https://example.com:8443/x"},
        {"localhost:3000", "https://localhost:3000"},
        {"http://127.0.0.1:8080/", "http://127.0.0.1:8080"},
        {"http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"},
        {"b\xc3\xbc"
         "cher.example",
         "https://xn--bcher-kva.example"},
        {"https://B\xc3\x9c"
         "CHER.example/x",
         "https://xn--bcher-kva.example/x"},
        {"stra\xc3\x9f"
         "e.example",
         "https://xn--strae-oqa.example"},
        {"www.example.co.uk/a,b;c", "https://www.example.co.uk/a,b;c"},
        {"https://exa_mple.com", "https://exa_mple.com"},
    };
    static const char *const bad[] = {"",
                                      "example",
                                      "https://",
                                      "https:///x",
                                      "ftp://example.com",
                                      "javascript:alert(1)",
                                      "mailto:a@example.com",
                                      "http://ops@example.com",
                                      "http://ops:x@example.com",
                                      "http://:x@example.com",
                                      "exa mple.com",
                                      "example.com/\x7f",
                                      "example.com/\t",
                                      "https://example.com:99999",
                                      "https://example.com:port",
                                      "https://example..com",
                                      "https://.example.com",
                                      "https://.",
                                      "https://..",
                                      "https://[::1",
                                      "https://exam<ple.com",
                                      "example.com/\xff",
                                      "https://\xe2\x80\xae.com"};
    char out[URL_LIST_URL_MOST], again[URL_LIST_URL_MOST];
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (url_list_clean(good[i][0], out, &err) != RC_OK || strcmp(out, good[i][1]) != 0)
            fail_msg("%s: %s %s", good[i][0], out, err.text);
        assert_int_equal(url_list_clean(out, again, &err), RC_OK);
        assert_string_equal(out, again);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err.text[0] = '\0';
        if (url_list_clean(bad[i], out, &err) != RC_PERM || !err.text[0])
            fail_msg("%s: %s", bad[i], out);
    }
}

struct heard {
    char text[4000]; /* "1 https://example.com\n", "2! nonsense: why\n" */
    size_t used, urls;
};

static void put(struct heard *h, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(h->text + h->used, sizeof h->text - h->used, format, args);
    va_end(args);
    if (length > 0 && (size_t)length < sizeof h->text - h->used)
        h->used += (size_t)length;
    else
        h->text[h->used] = '\0';
}

static void on_url(void *context, size_t line, const char *url) {
    ((struct heard *)context)->urls++;
    put(context, "%zu %s\n", line, url);
}

static void on_wrong(void *context, size_t line, const char *text, const char *why) {
    (void)why;
    assert_true(str_is_utf8(text, strlen(text)));
    put(context, "%zu! %.40s\n", line, text);
}

static struct url_list_counts read_list(const char *text, size_t length, struct heard *h) {
    const struct url_list_told told = {.url = on_url, .wrong = on_wrong, .context = h};
    struct url_list_counts counts;
    struct err err = {0};
    *h = (struct heard){.used = 0};
    assert_int_equal(url_list_read(text, length, &told, &counts, &err), RC_OK);
    assert_int_equal(counts.urls, h->urls);
    return counts;
}

static void lists(void **state) {
    static const struct {
        const char *text, *heard;
        size_t duplicates;
    } cases[] = {
        {"", "", 0},
        {"\n\n  \n", "", 0},
        {"example.com", "1 https://example.com\n", 0},
        {"\xef\xbb\xbf"
         "example.com\r\n\r\nexample.org\r\n",
         "1 https://example.com\n3 https://example.org\n", 0},
        {"\xef\xbb\xbf"
         "url\nexample.com\n",
         "2 https://example.com\n", 0},
        {"URL,label\nexample.com,home\nexample.com/x;other\n", "2 https://example.com\n3 https://example.com/x\n", 0},
        {"\"url\",\"label\"\n\"example.com/a,b\",\"a, b\"\r\n \"example.org\" ,x\n", "2 https://example.com/a,b\n3 https://example.org\n", 0},
        {"# mine\nexample.com\n#example.org\n", "2 https://example.com\n", 0},
        {"example.com\nurl\n", "1 https://example.com\n2! url\n", 0},
        {"example.com\nEXAMPLE.com/\nhttps://example.com:443\nhttp://example.com\nexample.com/#top", "1 https://example.com\n4 http://example.com\n", 3},
        {"nonsense\n\nnot a url,x\nexample.com\n", "1! nonsense\n3! not a url\n4 https://example.com\n", 0},
        {"\xff\xfe\nexample.com\n", "1! \\xff\\xfe\n2 https://example.com\n", 0},
        {",example.com\n", "", 0},
    };
    struct heard heard;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct url_list_counts counts = read_list(cases[i].text, strlen(cases[i].text), &heard);
        if (strcmp(heard.text, cases[i].heard) != 0 || counts.duplicates != cases[i].duplicates)
            fail_msg("%s\n--- heard:\n%s--- %zu duplicates", cases[i].text, heard.text, counts.duplicates);
    }
    const struct url_list_counts counts = read_list("a\0b.com\nexample.com", 19, &heard);
    assert_int_equal(counts.wrong, 1);
    assert_string_equal(heard.text, "1! a b.com\n2 https://example.com\n");
}

/* A URL that is too long is told, never cut: its beginning is another page. */
static void lengths(void **state) {
    char *line = malloc(3 * URL_LIST_URL_MOST);
    struct heard heard;
    (void)state;
    for (size_t length = URL_LIST_URL_MOST - 20; length < URL_LIST_URL_MOST + 20; length++)
        for (int quoted = 0; quoted < 2; quoted++) {
            char *url = line + quoted;
            strcpy(line, quoted ? "\"" : "");
            strcat(line, "https://example.com/");
            memset(url + 20, 'x', length - 20);
            strcpy(url + length, quoted ? "\",more" : ",more");
            const struct url_list_counts counts = read_list(line, strlen(line), &heard);
            if (counts.urls != (length < URL_LIST_URL_MOST) || counts.wrong != (length >= URL_LIST_URL_MOST))
                fail_msg("%zu bytes: %zu, %zu wrong", length, counts.urls, counts.wrong);
        }
    memset(line, 'y', 3 * URL_LIST_URL_MOST);
    memcpy(line, "example.com/", 12);
    assert_int_equal(read_list(line, 3 * URL_LIST_URL_MOST, &heard).wrong, 1);
    assert_true(strlen(heard.text) < 60);
    free(line);
}

static void a_hundred_thousand(void **state) {
    const size_t lines = 100000, size = lines * 40;
    char *text = malloc(size);
    struct heard heard;
    size_t used = 0;
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < lines; i++)
        used += (size_t)snprintf(text + used, size - used, "host%zu.example/page/\n", i % 75000);
    const int64_t begin_ms = clock_mono_ms();
    const struct url_list_counts counts = read_list(text, used, &heard);
    assert_int_equal(counts.urls, 75000);
    assert_int_equal(counts.duplicates, 25000);
    assert_int_equal(counts.wrong, 0);
    assert_true(clock_mono_ms() - begin_ms < 20000);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_url),
        cmocka_unit_test(lists),
        cmocka_unit_test(lengths),
        cmocka_unit_test(a_hundred_thousand),
    };
    return cmocka_run_group_tests_name("url_list", tests, NULL, NULL);
}
