// SPDX-License-Identifier: Apache-2.0
#include "api/gate.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static void make(struct gate *gate, const char *listen, const char *allowed, const char *origin, bool tls) {
    struct err err = {0};
    const struct gate_options options = {
        .listen_host = listen, .allowed_hosts = &allowed, .allowed_count = allowed ? 1 : 0, .proxy_origin = origin, .tls = tls};
    if (gate_init(gate, &options, &err) != RC_OK)
        fail_msg("%s", err.text);
}

static void test_hosts(void **state) {
    static const struct {
        const char *host;
        bool good;
    } cases[] = {
        {"localhost", true},
        {"localhost:8080", true},
        {"LocalHost:9", true},
        {"127.0.0.1:8080", true},
        {"[::1]", true},
        {"[::1]:8080", true},
        {"192.0.2.7:8080", true},
        {"box.example", true},
        {"BOX.example:443", true},
        {"batch.example", true},
        {"[2001:db8::7]:1", false},
        {NULL, false},
        {"", false},
        {"evil.example", false},
        {"localhost.evil.example", false},
        {"evil.localhost", false},
        {"127.0.0.1.nip.example", false},
        {"localhost:", true}, /* RFC 3986 allows it */
        {"localhost:x", false},
        {"localhost:80:80", false},
        {"localhost:123456", false},
        {"localhost/", false},
        {"user@localhost", false},
        {" localhost", false},
        {"localhost ", false},
        {"localhost,evil.example", false},
        {"[::1", false},
        {"[]", false},
        {"::1", false},
        {"[::1]x", false},
        {"0.0.0.0", false},
        {"127.1", false},
        {"2130706433", false},
        {"localhost.", false},
    };
    struct gate gate;
    char longest[600];
    (void)state;
    make(&gate, "192.0.2.7", "box.example", "https://Batch.example", false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (gate_host(&gate, cases[i].host) != cases[i].good)
            fail_msg("%s", cases[i].host ? cases[i].host : "no host");
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_false(gate_host(&gate, longest));
    make(&gate, "0.0.0.0", NULL, NULL, false);
    assert_int_equal(gate.host_count, 3);
    make(&gate, "::", NULL, NULL, false);
    assert_int_equal(gate.host_count, 3);
    make(&gate, "2001:db8::7", NULL, NULL, false);
    assert_true(gate_host(&gate, "[2001:db8::7]:8080"));
    make(&gate, NULL, NULL, NULL, false); /* a unix socket */
    assert_true(gate_host(&gate, "localhost"));
}

static void test_wrong_options(void **state) {
    static const char *const origins[] = {
        "batch.example",         "https://", "https://batch.example/", "ftp://batch.example", "https://a@batch.example", "https://b.example/x",
        "https://b.example:1:2", "null"};
    static const char *const hosts[] = {"", "a b", "box.example:80", "https://box.example", "a/b", "*.example"};
    struct gate gate;
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++)
        assert_int_equal(gate_init(&gate, &(struct gate_options){.proxy_origin = origins[i]}, &err), RC_FATAL);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        assert_int_equal(gate_init(&gate, &(struct gate_options){.allowed_hosts = &hosts[i], .allowed_count = 1}, &err), RC_FATAL);
}

static void test_origins(void **state) {
    static const struct {
        const char *host, *origin, *site;
        bool good;
    } cases[] = {
        {"localhost:8080", "http://localhost:8080", NULL, true},
        {"localhost:8080", "http://LOCALHOST:8080", "same-origin", true},
        {"localhost:8080", "http://localhost:8080", "none", true},
        {"localhost:8080", "http://localhost:8080", "same-site", false},
        {"localhost:8080", "http://localhost:8080", "cross-site", false},
        {"localhost:8080", "http://localhost:8081", NULL, false}, /* another program of the same host */
        {"localhost:8080", "https://localhost:8080", NULL, false},
        {"localhost:8080", "http://localhost", NULL, false},
        {"localhost:8080", "http://evil.example", NULL, false},
        {"localhost:8080", "http://localhost:8080.evil.example", NULL, false},
        {"localhost:8080", "http://localhost:8080/", NULL, false},
        {"localhost:8080", "null", NULL, false},
        {"localhost:8080", "", NULL, false},
        {"localhost:8080", NULL, NULL, false},
        {"localhost:8080", NULL, "same-origin", false},
        {NULL, "http://", NULL, false},
        {"localhost:8080", "https://batch.example", NULL, true}, /* through the proxy, which keeps Host or not */
        {"batch.example", "https://batch.example", "same-origin", true},
        {"batch.example", "https://batch.example", "cross-site", false},
        {"batch.example", "http://evil.example", NULL, false},
    };
    struct gate gate;
    (void)state;
    make(&gate, "127.0.0.1", NULL, "https://batch.example", false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (gate_origin(&gate, cases[i].host, cases[i].origin, cases[i].site) != cases[i].good)
            fail_msg("Host %s, Origin %s, Sec-Fetch-Site %s", cases[i].host, cases[i].origin ? cases[i].origin : "-", cases[i].site ? cases[i].site : "-");
    assert_true(gate_origin_or_none(&gate, "localhost", NULL, NULL));
    assert_false(gate_origin_or_none(&gate, "localhost", NULL, "cross-site"));
    assert_false(gate_origin_or_none(&gate, "localhost", "http://evil.example", NULL));
    make(&gate, "127.0.0.1", NULL, NULL, true);
    assert_true(gate_origin(&gate, "localhost:8443", "https://localhost:8443", NULL));
    assert_false(gate_origin(&gate, "localhost:8443", "http://localhost:8443", NULL));
    assert_false(gate_origin(&gate, "localhost:8443", "", NULL));
    assert_true(gate_secure(&gate));
    make(&gate, "127.0.0.1", NULL, "https://batch.example", false);
    assert_true(gate_secure(&gate));
    make(&gate, "127.0.0.1", NULL, "http://batch.example", false);
    assert_false(gate_secure(&gate));
}

static void test_methods(void **state) {
    static const char *const unsafe[] = {"POST", "PUT", "PATCH", "DELETE", "get", "", "TRACE", "CONNECT"};
    (void)state;
    assert_true(gate_safe_method("GET") && gate_safe_method("HEAD") && gate_safe_method("OPTIONS"));
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        assert_false(gate_safe_method(unsafe[i]));
}

static void test_csrf(void **state) {
    const struct secret secret = {.key = {1}}, other = {.key = {2}};
    char token[GATE_CSRF_SIZE], again[GATE_CSRF_SIZE];
    (void)state;
    gate_csrf(&secret, "family", token);
    gate_csrf(&secret, "family", again);
    assert_string_equal(token, again);
    assert_true(gate_csrf_ok(&secret, "family", token));
    assert_false(gate_csrf_ok(&secret, "another", token));
    assert_false(gate_csrf_ok(&other, "family", token));
    assert_false(gate_csrf_ok(&secret, "family", NULL));
    assert_false(gate_csrf_ok(&secret, "family", ""));
    gate_csrf(&secret, "", again);
    assert_false(gate_csrf_ok(&secret, "", again)); /* a key has no family */
    token[42] = token[42] == 'A' ? 'B' : 'A';
    assert_false(gate_csrf_ok(&secret, "family", token));
}

static const char *header(const struct gate *gate, enum gate_kind kind, const char *name) {
    struct gate_header h;
    const char *found = NULL;
    for (size_t i = 0; gate_header(gate, kind, i, &h); i++)
        if (strcmp(h.name, name) == 0) {
            assert_null(found);
            found = h.value;
        }
    return found;
}

static void test_headers(void **state) {
    struct gate gate;
    (void)state;
    make(&gate, "127.0.0.1", NULL, NULL, false);
    for (enum gate_kind kind = GATE_PAGE; kind <= GATE_SHOWN; kind++) {
        assert_string_equal(header(&gate, kind, "X-Content-Type-Options"), "nosniff");
        assert_non_null(strstr(header(&gate, kind, "Content-Security-Policy"), "frame-ancestors 'none'"));
        assert_null(strstr(header(&gate, kind, "Content-Security-Policy"), "unsafe"));
        assert_non_null(header(&gate, kind, "Cross-Origin-Opener-Policy"));
        assert_null(header(&gate, kind, "Strict-Transport-Security"));
    }
    assert_string_equal(header(&gate, GATE_DATA, "Cache-Control"), "no-store");
    assert_null(header(&gate, GATE_PAGE, "Cache-Control"));
    assert_non_null(strstr(header(&gate, GATE_PAGE, "Content-Security-Policy"), "default-src 'self'"));
    make(&gate, "127.0.0.1", NULL, NULL, true);
    assert_non_null(header(&gate, GATE_DATA, "Strict-Transport-Security"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),   cmocka_unit_test(test_wrong_options), cmocka_unit_test(test_origins),
        cmocka_unit_test(test_methods), cmocka_unit_test(test_csrf),          cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
