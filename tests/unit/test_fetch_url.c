// SPDX-License-Identifier: Apache-2.0
#include "net/fetch_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum rc check(const char *text, bool allow_http, struct fetch_url *url) {
    struct err err = {{0}};
    enum rc rc = fetch_url_init(url, text, allow_http, &err);
    assert_int_equal(rc == RC_OK, err.text[0] == '\0');
    assert_null(strstr(err.text, "SECRET"));
    return rc;
}

static void test_accepted(void **state) {
    (void)state;
    static const struct {
        const char *text, *shown;
        bool allow_http, loopback;
    } good[] = {
        {"https://api.example.com/v1?key=SECRET#part", "https://api.example.com/v1", false, false},
        {"http://example.com/a", "http://example.com/a", true, false},
        {"http://127.0.0.1:8080/a", "http://127.0.0.1:8080/a", false, true},
        {"http://127.1/a", "http://127.0.0.1/a", false, true},
        {"http://LOCALHOST/", "http://LOCALHOST/", false, true},
        {"http://[::1]:1/", "http://[::1]:1/", false, true},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct fetch_url url;
        assert_int_equal(check(good[i].text, good[i].allow_http, &url), RC_OK);
        assert_string_equal(url.shown, good[i].shown);
        assert_int_equal(url.loopback, good[i].loopback);
        fetch_url_release(&url);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"http://example.com/?key=SECRET",
                                      "http://127.0.0.1.example.com/",
                                      "http://localhost.example.com/",
                                      "ftp://127.0.0.1/",
                                      "file:///etc/passwd",
                                      "https://me:SECRET@example.com/",
                                      "https://me@example.com/",
                                      "gopher://x/",
                                      "//example.com/",
                                      "example.com/SECRET",
                                      "",

                                      "https://a b/",
                                      "https://example.com/\r\nX: SECRET"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct fetch_url url;
        assert_int_equal(check(bad[i], false, &url), RC_PERM);
        assert_null(url.text);
    }
}

static void test_redirects(void **state) {
    (void)state;
    static const struct {
        const char *from, *location, *target; /* NULL: not followed */
        bool same_origin;
    } cases[] = {
        {"https://a.example/x/y?q", "z", "https://a.example/x/z", true},
        {"https://a.example/x/y", "/z?w", "https://a.example/z?w", true},
        {"https://a.example/x", "//b.example/z", "https://b.example/z", false},
        {"https://a.example/x", "https://A.EXAMPLE:443/z", "https://A.EXAMPLE:443/z", true},
        {"https://a.example/x", "https://a.example:444/z", "https://a.example:444/z", false},
        {"https://a.example/x", "https://b.example/has a blank", "https://b.example/has%20a%20blank", false},
        {"https://a.example/x", "http://a.example/z", NULL, false},
        {"http://a.example/x", "https://a.example/z", NULL, false},
        {"https://a.example/x", "https://127.0.0.1/z", NULL, false},
        {"https://a.example/x", "https://0x7f000001/z", NULL, false},
        {"https://a.example/x", "https://localhost/z", NULL, false},
        {"https://127.0.0.1/x", "https://localhost/z", "https://localhost/z", false},
        {"http://127.0.0.1/x", "http://a.example/z", NULL, false},
        {"https://a.example/x", "file:///etc/passwd", NULL, false},
        {"https://a.example/x", "https://me:pw@a.example/z", NULL, false},
        {"https://a.example/x", "https://", NULL, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fetch_url from, to;
        bool same_origin = false;
        assert_int_equal(fetch_url_init(&from, cases[i].from, true, NULL), RC_OK);
        enum rc rc = fetch_url_redirect(&to, &from, cases[i].location, false, &same_origin, NULL);
        if (cases[i].target == NULL) {
            assert_int_equal(rc, RC_PERM);
            assert_null(to.text);
        } else {
            assert_int_equal(rc, RC_OK);
            assert_string_equal(to.text, cases[i].target);
            assert_int_equal(same_origin, cases[i].same_origin);
        }
        fetch_url_release(&to);
        fetch_url_release(&from);
    }
}

static void test_origins(void **state) {
    (void)state;
    static const struct {
        const char *text, *origin;
    } cases[] = {
        {"https://A.example/x?y#z", "https://a.example"},
        {"https://a.example:443", "https://a.example"},
        {"http://a.example:443/", "http://a.example:443"},
        {"HTTP://a.example:80/", "http://a.example"},
        {"https://a.example:8443/", "https://a.example:8443"},
        {"https://[::1]:8443/", "https://[::1]:8443"},
        {"https://me:pw@a.example/", "https://a.example"},
        {"a.example", NULL},
        {"", NULL},
        {"https://", NULL},
    };
    char out[100], few[10];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(fetch_url_origin(cases[i].text, out, sizeof out), cases[i].origin != NULL);
        if (cases[i].origin != NULL) {
            assert_string_equal(out, cases[i].origin);
        }
    }
    assert_false(fetch_url_origin("https://a.example", few, sizeof few));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
