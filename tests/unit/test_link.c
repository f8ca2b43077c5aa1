// SPDX-License-Identifier: Apache-2.0
#include "source/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static void test_find(void **state) {
    static const struct {
        const char *field, *target; /* NULL: there is none */
    } cases[] = {
        {"</a>; rel=\"next\"", "/a"},
        {"</a>;rel=next", "/a"},
        {"</a>; rel='next'", "/a"},
        {"</a>; rel='prev, x', </b>; rel='last next'", "/b"},
        {"</a>; title='; rel=next", "/a"},
        {"</a> ; rel = \"next\" ", "/a"},
        {"\t</a>\t;\trel\t=\tnext\t", "/a"},
        {"</a>; REL=NEXT", "/a"},
        {"</a>; rel=\"prev  next last\"", "/a"},
        {"</a>; rel=\" next \"", "/a"},
        {"</a>; rel=\"ne\\xt\"", "/a"},
        {"</a>; rel=\"prev\", </b>; rel=\"next\"", "/b"},
        {"</a>; rel=prev,</b>;rel=next", "/b"},
        {"</a>; rel=next, </b>; rel=next", "/a"},
        {",, ,</a>; rel=next", "/a"},
        {"<>; rel=next", ""},
        {"<https://h/a,b;c?d=\"e\">; rel=next", "https://h/a,b;c?d=\"e\""},
        {"</a>; title=\"x, <y>; rel=next\"; rel=prev, </b>; rel=next", "/b"},
        {"</a>; title=\"\\\", </c>; rel=next\"; rel=prev, </b>; rel=next", "/b"},
        {"</a>; title*=UTF-8'de'n%c3%a4; rel=next; type=\"text/html\"", "/a"},
        {"</a>; foo; ; bar=; rel=next", "/a"},
        {"</a> junk; rel=next", "/a"},
        {"</a>; rel=\"next\" junk, </b>; rel=next", "/a"},
        {"</a>; rel=prev; rel=next", NULL},
        {"</a>; rel=next; rel=prev", "/a"},
        {"</a>; rel=next; anchor=\"/x\", </b>; rel=next", "/b"},
        {"</a>; anchor=\"\"; rel=next", NULL},
        {"/a; rel=next, </b>; rel=next", "/b"},
        {"junk \", </a>; rel=next\", </b>; rel=next", "/b"},
        {"</a>; rel=nextpage", NULL},
        {"</a>; rel=\"nex\"", NULL},
        {"</a>; rel=\"next,\"", NULL},
        {"</a>; xrel=next", NULL},
        {"</a>; rel", NULL},
        {"</a>; rel=", NULL},
        {"</a>; rel=\"next", "/a"}, /* what is missing at the end is forgiven */
        {"</a>; rel=\"nex\\", NULL},
        {"</a", NULL},
        {"<", NULL},
        {"</a>", NULL},
        {"</a>; rel=prev, <", NULL},
        {"</a>,</b>;rel=next", "/b"},
        {"", NULL},
        {" , ", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *field = strdup(cases[i].field); /* so that a sanitizer sees its end */
        struct slice target = {.data = NULL, .length = 0};
        bool found = link_find(field, "next", &target);

        if (found != (cases[i].target != NULL) || (found && !slice_equals(target, cases[i].target))) {
            fail_msg("%s: %.*s", cases[i].field, (int)target.length, target.data != NULL ? target.data : "-");
        }
        free(field);
    }
}

static void test_find_extension(void **state) {
    struct slice target;

    (void)state;
    assert_true(link_find("</a>; rel=\"next https://h/rel#More\"", "https://h/rel#more", &target));
    assert_false(link_find("</a>; rel=\"next\"", "https://h/rel#more", &target));
}

/* A parameter too long for anybody is none, and ends where it ends. */
static void test_find_long(void **state) {
    char field[8192];
    struct slice target;

    (void)state;
    for (int length = 1000; length < 1060; length++) {
        (void)snprintf(field, sizeof(field), "</a>; rel=\"next %0*d\", </b>; x%0*d=y; rel=next", length, 0, length, 0);
        assert_true(link_find(field, "next", &target));
        assert_true(slice_equals(target, length + 5 < 1023 ? "/a" : "/b"));
        (void)snprintf(field, sizeof(field), "</a>; rel=%0*d, </b>; rel=next", length, 0);
        assert_true(link_find(field, "next", &target));
        assert_true(slice_equals(target, "/b"));
    }
}

static void test_resolve(void **state) {
    static const struct {
        const char *base, *target, *url, *fault; /* fault: when url is NULL */
    } cases[] = {
        {"https://h.example/v1/items", "https://h.example/x?a=1", "https://h.example/x?a=1", NULL},
        {"https://h.example/v1/items", "/x?a=1", "https://h.example/x?a=1", NULL},
        {"https://h.example/v1/items", "x", "https://h.example/v1/x", NULL},
        {"https://h.example/v1/items", "?page=2", "https://h.example/v1/items?page=2", NULL},
        {"https://h.example/v1/items?page=2&a", "?page=3", "https://h.example/v1/items?page=3", NULL},
        {"https://h.example/v1/items", "../v2/./x", "https://h.example/v2/x", NULL},
        {"https://h.example/v1/items", "/../../x", "https://h.example/x", NULL},
        {"https://h.example/v1/items", "//h.example/x", "https://h.example/x", NULL},
        {"https://h.example/v1/items", "", "https://h.example/v1/items", NULL},
        {"https://h.example/v1/items", "/x#part", "https://h.example/x", NULL},
        {"https://h.example", "?page=2", "https://h.example/?page=2", NULL},
        {"https://h.example/v1/items", "HTTPS://H.Example:443/x", "https://H.Example/x", NULL},
        {"https://h.example:443/v1/items", "https://h.example/x", "https://h.example/x", NULL},
        {"https://h.example:8443/v1/items", "https://h.example:8443/x", "https://h.example:8443/x", NULL},
        {"https://h.example/v1/items", "http://h.example/x?a", "https://h.example/x?a", NULL},
        {"https://h.example/v1/items", "http://h.example:80/x", "https://h.example/x", NULL},
        {"http://127.0.0.1:8080/v1/items", "http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x", NULL},
        {"https://h.example/v1/items", "/x?q=a b&u=\xc3\xbc", "https://h.example/x?q=a+b&u=%c3%bc", NULL},
        {"https://h.example/v1/items", "/x?q=%2F%26%3d+%20'()*;,", "https://h.example/x?q=%2F%26%3d+%20'()*;,", NULL},
        {"https://h.example/v1/items", "https://evil.example/x", NULL, "the next link leads to https://evil.example, the source is https://h.example"},
        {"https://h.example/v1/items", "//evil.example/x", NULL, "leads to https://evil.example, "},
        {"https://h.example/v1/items", "https://h.example.evil.example/x", NULL, "leads to https://h.example.evil.example, "},
        {"https://h.example/v1/items", "https://h.example:8443/x", NULL, "leads to https://h.example:8443, the source is https://h.example"},
        {"https://h.example/v1/items", "http://h.example:443/x", NULL, "leads to http://h.example:443, "},
        {"https://h.example:8443/v1/items", "http://h.example/x", NULL, "leads to http://h.example, the source is https://h.example:8443"},
        {"http://h.example/v1/items", "https://h.example/x", NULL, "leads to https://h.example, the source is http://h.example"},
        {"https://h.example/v1/items", "ftp://h.example/x", NULL, "leads to ftp://h.example, "},
        {"https://h.example/v1/items", "file:///etc/passwd", NULL, "leads to file://, "},
        {"https://h.example/v1/items", "https://me:pw@h.example/x", NULL, "has a user name in it"},
        {"https://h.example/v1/items", "https://h.example@evil.example/x", NULL, "has a user name in it"},
        {"https://h.example/v1/items", "gopherx://h.example/x", NULL, "is no URL"},
        {"https://h.example/v1/items", "https://h.example:99999/x", NULL, "is no URL"},
        {"https://h.example/v1/items", "https://", NULL, "is no URL"},
        {"https://h.example/v1/items", "/a\tb", NULL, "is no URL"},
        {"https://h.example/v1/items", "/a\x7f", NULL, "is no URL"},
        {"", "/a", NULL, "is no URL"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char url[256] = "old", fault[LINK_FAULT_SIZE] = "";
        enum rc rc = link_resolve(cases[i].base, slice_of(cases[i].target), url, sizeof(url), fault);

        if (rc != (cases[i].url != NULL ? RC_OK : RC_PERM) || strcmp(url, cases[i].url != NULL ? cases[i].url : "") != 0 ||
            (cases[i].url == NULL && strstr(fault, cases[i].fault) == NULL)) {
            fail_msg("%s to %s: %s, %s, %s", cases[i].base, cases[i].target, rc_name(rc), url, fault);
        }
    }
}

static void test_resolve_long(void **state) {
    char target[700], url[256], fault[LINK_FAULT_SIZE];

    (void)state;
    for (int length = 230; length < 240; length++) { /* "https://h.example/" are 18 bytes */
        bool fits = 18 + length < (int)sizeof(url);

        (void)snprintf(target, sizeof(target), "/%0*d", length, 0);
        assert_int_equal(link_resolve("https://h.example/", slice_of(target), url, sizeof(url), fault), fits ? RC_OK : RC_PERM);
        assert_int_equal(strlen(url), fits ? 18 + length : 0);
        assert_true(fits || strcmp(fault, "the next link is longer than 255 bytes") == 0);
    }
    (void)snprintf(target, sizeof(target), "https://%0250d.example/", 0);
    assert_int_equal(link_resolve("https://h.example/", slice_of(target), url, sizeof(url), fault), RC_PERM);
    assert_non_null(strstr(fault, "..., the source is https://h.example"));
}

static void test_same_origin(void **state) {
    (void)state;
    assert_true(link_same_origin("https://h.example/a?b", "https://H.example:443/c"));
    assert_false(link_same_origin("https://h.example/", "http://h.example/"));
    assert_false(link_same_origin("https://h.example/", "https://i.example/"));
    assert_false(link_same_origin("https://h.example/", "https://h.example:444/"));
    assert_false(link_same_origin("https://h.example/", "h"));
    assert_false(link_same_origin("", ""));
}

static bool is_key(const void *context, const char *name) {
    return strcasecmp(context, name) == 0;
}

static void test_drop(void **state) {
    static const struct {
        const char *url, *left;
    } cases[] = {
        {"https://h/", "https://h/"},
        {"https://h/?", "https://h/"},
        {"https://h/?a b=1", "https://h/"},
        {"https://h/?a%20b=1&c=2", "https://h/?c=2"},
        {"https://h/?c=2&a+b", "https://h/?c=2"},
        {"https://h/?c=2&A%20B=x&a+b=&d=%20+", "https://h/?c=2&d=%20+"},
        {"https://h/?c=a b&&d&", "https://h/?c=a b&d"},
        {"https://h/?a%2", "https://h/?a%2"},
        {"https://h/?%61%20%62%3D=1&%61%20%62=1", "https://h/?%61%20%62%3D=1"},
        {"https://h/?=a b&a b c", "https://h/?=a b&a b c"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *url = strdup(cases[i].url);

        link_drop_params(url, is_key, "a b");
        assert_string_equal(url, cases[i].left);
        free(url);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),         cmocka_unit_test(test_find_extension), cmocka_unit_test(test_find_long), cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_resolve_long), cmocka_unit_test(test_same_origin),    cmocka_unit_test(test_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
