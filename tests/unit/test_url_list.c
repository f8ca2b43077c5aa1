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
#include <zlib.h>

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
    char text[4000]; /* "1 https://example.com label=value\n", "2! nonsense\n", "3 -> https://example.com/sitemap.xml\n" */
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

static void on_url(void *context, size_t line, const char *url, const struct url_list_labels *labels) {
    ((struct heard *)context)->urls++;
    put(context, "%zu %s", line, url);
    for (size_t i = 0; labels && i < labels->count; i++)
        put(context, " %s=%.*s", labels->names[i], (int)labels->values[i].length, labels->values[i].data);
    put(context, "\n");
}

static void on_sitemap(void *context, size_t line, const char *url) {
    put(context, "%zu -> %s\n", line, url);
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
        {"URL,label\nexample.com,home\nexample.com/x;other\n", "2 https://example.com label=home\n3 https://example.com/x;other label=\n", 0},
        {"example.com,home\nexample.com/x;other\n", "1 https://example.com\n2 https://example.com/x\n", 0},
        {"client;Url;team\r\nA;example.com;\r\n\"B; C\";example.org/;x\r\n;;\r\n#;#example.net;\r\nB;example.com/;x\r\n",
         "2 https://example.com client=A team=\n3 https://example.org client=B; C team=x\n", 1},
        {"url\tclient\tclient\nexample.com\tA\tB\n", "1! client\n2 https://example.com client=A\n", 0},
        {"url,client\nexample.com,\xff\nexample.org,\"a\nb\"\nexample.net,c\n", "2! client\n3! client\n5 https://example.net client=c\n", 0},
        {"client,name\nexample.com,A\n", "1! client\n2 https://example.com\n", 0}, /* no column for URLs: a list */
        {"\"url\",\"label\"\n\"example.com/a,b\",\"a, b\"\r\n \"example.org\" ,x\n", "2 https://example.com/a,b label=a, b\n3 https://example.org label=x\n",
         0},
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

static void on_note(void *context, size_t line, const char *text, const char *why) {
    put(context, "%zu~ %s %.15s\n", line, text, why);
}

static void on_fault(void *context, size_t line, const char *text, const char *why) {
    put(context, "%zu! %s %s\n", line, text, why);
}

/* What is left out is told, though nothing is wrong. */
static void notes(void **state) {
    static const struct {
        const char *text, *heard;
    } cases[] = {
        {"url,client,\nexample.com,A,\nexample.org,B,spare\nexample.net,C,,more\n",
         "2 https://example.com client=A\n3~ spare stands in a col\n3 https://example.org client=B\n4~ more stands in a col\n4 https://example.net client=C\n"},
        {"client,url\nA,\n,\n#,#remark\nB,example.com\n", "2~ A stands in a row\n5 https://example.com client=B\n"},
        {"url\nexample.com,x\n", "2~ x stands in a col\n2 https://example.com\n"},
        {"example.com, A;B\nexample.org,C\n,D\n\"example.net\",\n#x,y\n , ;\n",
         "1~ A;B is left out, as\n1 https://example.com\n2 https://example.org\n3~ D stands behind a\n4 https://example.net\n"},
        {"url,client\nexample.com,\"a\nb\"\nexample.org,\xff\nexample.net,a\x01\n",
         "2! client is a label with a line break in it\n4! client is a label that is no UTF-8\n5! client is a label with a control character in it\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct heard heard = {.used = 0};
        const struct url_list_told told = {.url = on_url, .wrong = on_fault, .note = on_note, .context = &heard};
        struct url_list_counts counts;
        struct err err = {0};
        assert_int_equal(url_list_read(cases[i].text, strlen(cases[i].text), &told, &counts, &err), RC_OK);
        assert_string_equal(heard.text, cases[i].heard);
    }
}

/* The reason is the one that helps. */
static void reasons(void **state) {
    static const char *const cases[][2] = {
        {"mailto:x@example.com", "is neither http nor https"},  {"MAILTO:x@example.com", "is neither http nor https"},
        {"tel:+4930123", "is neither http nor https"},          {"ftp://example.com", "is neither http nor https"},
        {"https://x@example.com", "has a user name"},           {"x@example.com", "has a user name"},
        {"https://example.com:99999", "a port that is none"},   {"example.com:65536/x", "a port that is none"},
        {"http://[2001:db8::1]:70000/", "a port that is none"},
    };
    char out[URL_LIST_URL_MOST];
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (url_list_clean(cases[i][0], out, &err) != RC_PERM || !strstr(err.text, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], err.text);
    assert_int_equal(url_list_clean("example.com:65535", out, &err), RC_OK);
}

#define SITEMAP(text) "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">" text "</urlset>\n"

static void sitemaps(void **state) {
    static const struct {
        const char *text, *heard;
        enum rc rc;
    } cases[] = {
        {SITEMAP(""), "", RC_OK},
        {SITEMAP("<url><loc>https://example.com/</loc><lastmod>2026-01-01</lastmod></url>\n<url><loc>\n https://example.com/?a=1&amp;b=2 </loc></url>"),
         "2 https://example.com\n3 https://example.com/?a=1&b=2\n", RC_OK},
        {"\xef\xbb\xbf<urlset><url><loc><![CDATA[https://example.com/x]]></loc></url></urlset>", "1 https://example.com/x\n", RC_OK},
        {"\n  <s:urlset xmlns:s=\"x\"><s:url><s:loc>https://example.com/x</s:loc></s:url></s:urlset>", "1 https://example.com/x\n", RC_OK},
        {SITEMAP("<url xmlns:i=\"i\"><i:image><i:loc>https://example.com/a.png</i:loc></i:image><loc>https://example.com</loc></url>"),
         "2 https://example.com\n", RC_OK},
        {SITEMAP("<url><loc>ftp://example.com</loc></url>"), "2! ftp://example.com\n", RC_OK},
        {SITEMAP("<url><loc/></url>"), "2! \n", RC_OK},
        {"<sitemapindex><sitemap><loc>https://example.com/a.xml.gz</loc></sitemap></sitemapindex>", "1 -> https://example.com/a.xml.gz\n", RC_OK},
        {"<html><body/></html>", "", RC_PERM},
        {"<urlset><url>", "", RC_PERM},
        {"<", "", RC_PERM},
        {"<!DOCTYPE urlset [<!ENTITY a \"b\">]><urlset><url><loc>&a;</loc></url></urlset>", "", RC_PERM},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece < 4000; piece *= 5) {
            struct heard heard = {.used = 0};
            const struct url_list_told told = {.url = on_url, .wrong = on_wrong, .sitemap = on_sitemap, .context = &heard};
            struct url_list *list;
            struct err err = {0};
            assert_int_equal(url_list_new(&told, &list, &err), RC_OK);
            enum rc rc = RC_OK;
            const size_t length = strlen(cases[i].text);
            for (size_t at = 0; at < length && !rc; at += piece)
                rc = url_list_take(list, cases[i].text + at, at + piece < length ? piece : length - at, &err);
            rc = rc ? rc : url_list_end(list, NULL, &err);
            if (rc != cases[i].rc || strcmp(heard.text, cases[i].heard) != 0)
                fail_msg("%s in pieces of %zu: %s %s\n%s", cases[i].text, piece, rc_name(rc), err.text, heard.text);
            url_list_free(list);
        }
}

static void utf16(void **state) {
    static const char text[] = "<?xml version='1.0'?>\n<urlset><url><loc>https://example.com/x</loc></url></urlset>";
    char wide[2 * sizeof text];
    struct heard heard;
    (void)state;
    for (int big = 0; big < 2; big++) {
        size_t used = 0;
        wide[used++] = big ? '\xfe' : '\xff';
        wide[used++] = big ? '\xff' : '\xfe';
        for (size_t i = 0; i + 1 < sizeof text; i++) {
            wide[used++] = big ? '\0' : text[i];
            wide[used++] = big ? text[i] : '\0';
        }
        read_list(wide, used, &heard);
        assert_string_equal(heard.text, "2 https://example.com/x\n");
    }
}

/* Dates are labels where they are wanted and dates; several files are one list. */
static void files(void **state) {
    static const char *const texts[] = {
        SITEMAP("<url><lastmod> 2026-01-01 </lastmod><loc>https://example.com/a</loc></url><url><loc>https://example.com/b</loc><lastmod>soon</lastmod></url>"),
        "https://example.com/a\nhttps://example.com/c\n",
        SITEMAP("<url><loc>https://example.com/c</loc></url><url><loc>https://example.com/d</loc><lastmod>2026-11-28T10:00:00Z</lastmod></url>")};
    struct heard heard = {.used = 0};
    const struct url_list_told told = {.url = on_url, .wrong = on_wrong, .context = &heard, .lastmod = true};
    struct url_list_counts counts;
    struct url_list *list;
    struct err err = {0};
    (void)state;
    assert_int_equal(url_list_new(&told, &list, &err), RC_OK);
    for (size_t i = 0; i < 3; i++) {
        if (i)
            url_list_next(list);
        assert_int_equal(url_list_take(list, texts[i], strlen(texts[i]), &err), RC_OK);
        assert_int_equal(url_list_end(list, &counts, &err), RC_OK);
    }
    url_list_free(list);
    assert_string_equal(heard.text, "2 https://example.com/a lastmod=2026-01-01\n2 https://example.com/b\n2 https://example.com/c\n"
                                    "2 https://example.com/d lastmod=2026-11-28T10:00:00Z\n");
    assert_int_equal(counts.urls, 4);
    assert_int_equal(counts.duplicates, 2);
}

static void limits(void **state) {
    const size_t size = 2u << 20;
    char *text = malloc(size);
    struct heard heard = {.used = 0};
    struct url_list_told told = {.url = on_url, .wrong = on_wrong, .context = &heard, .entries_most = 2};
    struct url_list_counts counts;
    struct err err = {0};
    static const char three[] = SITEMAP("<url><loc>https://e.com/1</loc></url><url><loc>https://e.com/2</loc></url><url><loc>https://e.com/3</loc></url>");
    (void)state;
    assert_non_null(text);
    assert_int_equal(url_list_read(three, strlen(three), &told, &counts, &err), RC_PERM);
    assert_non_null(strstr(err.text, "line 2: has more than 2 entries"));
    told.entries_most = 3;
    assert_int_equal(url_list_read(three, strlen(three), &told, &counts, &err), RC_OK);
    told.bytes_most = strlen(three) - 1;
    assert_int_equal(url_list_read(three, strlen(three), &told, &counts, &err), RC_PERM);
    /* expat would read a tag without end anew with each piece. */
    told.bytes_most = 0;
    memset(text, ' ', size);
    memcpy(text, "<urlset><!--", 12);
    const int64_t begin_ms = clock_mono_ms();
    assert_int_equal(url_list_read(text, size, &told, &counts, &err), RC_PERM);
    assert_non_null(strstr(err.text, "more than 256 KiB"));
    memset(text, '\n', size);
    memcpy(text, "<urlset>", 8);
    memcpy(text + size - 9, "</urlset>", 9);
    assert_int_equal(url_list_read(text, size, &told, &counts, &err), RC_OK);
    assert_true(clock_mono_ms() - begin_ms < 10000);
    free(text);
}

static size_t squeeze(const char *text, size_t length, char *out, size_t room) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)length, .next_out = (Bytef *)out, .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    const size_t used = room - z.avail_out;
    deflateEnd(&z);
    return used;
}

static void compressed(void **state) {
    static const char one[] = "example.com\nexample.org\n", two[] = "example.net\n";
    char out[400];
    struct heard heard;
    const struct url_list_told told = {.url = on_url, .wrong = on_wrong, .context = &heard};
    struct url_list_counts counts;
    struct err err = {0};
    (void)state;
    size_t length = squeeze(one, strlen(one), out, sizeof out);
    read_list(out, length, &heard);
    assert_string_equal(heard.text, "1 https://example.com\n2 https://example.org\n");
    for (size_t cut = 1; cut < length; cut++) {
        heard = (struct heard){.used = 0};
        assert_int_equal(url_list_read(out, cut, &told, &counts, &err), RC_PERM);
    }
    length += squeeze(two, strlen(two), out + length, sizeof out - length);
    read_list(out, length, &heard);
    assert_string_equal(heard.text, "1 https://example.com\n2 https://example.org\n3 https://example.net\n");
    out[12] ^= 0x55;
    heard = (struct heard){.used = 0};
    assert_int_equal(url_list_read(out, length, &told, &counts, &err), RC_PERM);
}

static void private_hosts(void **state) {
    FILE *file = fopen("tests/private-hosts.txt", "r");
    char line[200], url[200], kind[16], clean[URL_LIST_URL_MOST];
    unsigned count = 0;
    struct err err = {0};
    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (*line == '#')
            continue;
        count++;
        assert_int_equal(sscanf(line, "%15s %199s", kind, url), 2);
        const bool taken = url_list_clean(url, clean, &err) == RC_OK && !url_list_is_private(clean);
        if (taken != (strcmp(kind, "public") == 0))
            fail_msg("%s is not %s", url, kind);
    }
    assert_int_equal(fclose(file), 0);
    assert_true(count > 40);
    struct heard heard = {.used = 0};
    const struct url_list_told told = {.url = on_url, .wrong = on_wrong, .public_only = true, .context = &heard};
    struct url_list_counts counts;
    assert_int_equal(url_list_read("127.0.0.1\nexample.com\n", 22, &told, &counts, &err), RC_OK);
    assert_string_equal(heard.text, "1! 127.0.0.1\n2 https://example.com\n");
}

static void too_many(void **state) {
    const size_t size = 2 * ((size_t)URL_LIST_LINES_MOST + 1);
    char *text = malloc(size);
    struct heard heard = {.used = 0};
    const struct url_list_told told = {.url = on_url, .wrong = on_wrong, .context = &heard};
    struct url_list_counts counts;
    struct err err = {0};
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < size; i += 2)
        memcpy(text + i, "#\n", 2);
    assert_int_equal(url_list_read(text, size - 2, &told, &counts, &err), RC_OK);
    assert_int_equal(url_list_read(text, size, &told, &counts, &err), RC_PERM);
    assert_non_null(strstr(err.text, "1000000 lines"));
    free(text);
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
        cmocka_unit_test(utf16),
        cmocka_unit_test(files),
        cmocka_unit_test(limits),
        cmocka_unit_test(one_url),
        cmocka_unit_test(lists),
        cmocka_unit_test(notes),
        cmocka_unit_test(reasons),
        cmocka_unit_test(sitemaps),
        cmocka_unit_test(compressed),
        cmocka_unit_test(private_hosts),
        cmocka_unit_test(too_many),
        cmocka_unit_test(lengths),
        cmocka_unit_test(a_hundred_thousand),
    };
    return cmocka_run_group_tests_name("url_list", tests, NULL, NULL);
}
