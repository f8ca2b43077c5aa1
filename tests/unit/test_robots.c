// SPDX-License-Identifier: Apache-2.0
#include "net/robots.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_sitemap(void *context, size_t line, const char *url) {
    char *heard = context;
    snprintf(heard + strlen(heard), 1000 - strlen(heard), "%zu %s\n", line, url);
}

static void lines(void **state) {
    static const struct {
        const char *text, *heard;
    } cases[] = {
        {"", ""},
        {"User-agent: *\nDisallow: /\n", ""},
        {"Sitemap: https://example.com/sitemap.xml", "1 https://example.com/sitemap.xml\n"},
        {"User-agent: x\r\nSITEMAP :\thttps://example.com/a.xml \r\n\rsitemap:HTTP://EXAMPLE.com/b.xml.gz # old\n",
         "2 https://example.com/a.xml\n4 http://example.com/b.xml.gz\n"},
        {"\xef\xbb\xbfSitemap: https://example.com/a", "1 https://example.com/a\n"},
        {"Sitemap: /sitemap.xml\nSitemap: ftp://example.com/x\nSitemap: example.com/x\nSitemap:\nSitemap https://example.com\n", ""},
        {"Sitemaps: https://example.com/a\nSite: https://example.com/a\n# Sitemap: https://example.com/a\n", ""},
        {"<html>Sitemap: https://example.com/a</html>", ""},
        {"Sitemap: https://b\xc3\xbc"
         "cher.example/s.xml\nSitemap: https://user@example.com/\nSitemap: https://\xff.com/",
         "1 https://xn--bcher-kva.example/s.xml\n"},
    };
    char heard[1000];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        *heard = '\0';
        robots_read(cases[i].text, strlen(cases[i].text), on_sitemap, heard);
        if (strcmp(heard, cases[i].heard) != 0)
            fail_msg("%s\n--- heard:\n%s", cases[i].text, heard);
    }
    *heard = '\0';
    robots_read("Sitemap: https://example.com/\0x\nSitemap: https://example.com/b", 63, on_sitemap, heard);
    assert_string_equal(heard, "2 https://example.com/b\n");
}

static void large(void **state) {
    static const char line[] = "Sitemap: https://example.com/last\n";
    char *text = malloc(ROBOTS_BYTES_MOST + 100), heard[1000] = "";
    (void)state;
    assert_non_null(text);
    memset(text, 'x', ROBOTS_BYTES_MOST + 100);
    text[ROBOTS_BYTES_MOST - 1] = '\n';
    memcpy(text + ROBOTS_BYTES_MOST, line, strlen(line));
    robots_read(text, ROBOTS_BYTES_MOST + 100, on_sitemap, heard);
    assert_string_equal(heard, "");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
