// SPDX-License-Identifier: Apache-2.0
#include "net/fetch.h"

#include "tls_bench.h"

/* The way to a server: private CAs, client certificates, proxies. */

static struct bench bench;
static char url[128];

/* ---- certificates ---- */

static void way_is_refused(struct fetch_request *request) {
    bench_expect_broken(bench_run(&bench, request), "tls", false);
}

static void test_private_ca(void **state) {
    static const char *const www[] = {"-www", NULL};
    struct tls_server server;
    (void)state;
    tls_start(&server, www);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server.port);
    struct fetch_request request = bench_request(url);
    bench_open(&bench, NULL);
    way_is_refused(&request);
    request.way.ca_file = ca_file;
    assert_int_equal(bench_run(&bench, &request)->status, 200);
    request.way.ca_file = NULL; /* for that request alone */
    way_is_refused(&request);
    bench_close(&bench);

    bench_open(&bench, ca_file);
    assert_int_equal(bench_run(&bench, &request)->status, 200);
    request.way.ca_file = other_ca_file;
    way_is_refused(&request);
    bench_close(&bench);
    tls_stop(&server);
    tls_close(&server);
}

static void test_client_certificate(void **state) {
    /* With TLS 1.2 the handshake fails; with 1.3 the client hears of it after its request has left. */
    const char *const strict[] = {"-www", "-tls1_2", "-Verify", "1", "-verify_return_error", "-CAfile", ca_file, NULL};
    struct tls_server server;
    char both[300], line[4096];
    (void)state;
    tls_start(&server, strict);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server.port);
    struct fetch_request request = bench_request(url);
    bench_open(&bench, ca_file);
    way_is_refused(&request);
    request.way.cert_file = client_cert_file;
    request.way.key_file = client_key_file;
    assert_int_equal(bench_run(&bench, &request)->status, 200);
    assert_non_null(strstr(bench.body, "the client"));

    request.way.key_file = key_file; /* of another certificate */
    way_is_refused(&request);

    tls_name(both, "both.pem");
    FILE *out = fopen(both, "w");
    const char *const parts[] = {client_cert_file, client_key_file};
    for (size_t i = 0; i < 2; i++) {
        FILE *in = fopen(parts[i], "r");
        while (fgets(line, sizeof(line), in) != NULL) {
            (void)fputs(line, out);
        }
        (void)fclose(in);
    }
    (void)fclose(out);
    request.way.cert_file = both;
    request.way.key_file = NULL;
    assert_int_equal(bench_run(&bench, &request)->status, 200);
    request.way.cert_file = NULL;
    way_is_refused(&request);
    bench_close(&bench);
    tls_stop(&server);
    tls_close(&server);
}

static void test_a_redirect_leaves_the_certificate_behind(void **state) {
    static const char *const files[] = {"-HTTP", NULL};
    const char *const asks[] = {"-www", "-tls1_2", "-verify", "1", "-CAfile", ca_file, NULL};
    struct tls_server first, second;
    char path[300];
    (void)state;
    tls_start(&first, files);
    tls_start(&second, asks);
    tls_name(path, "redirect");
    FILE *file = fopen(path, "w");
    (void)fprintf(file, "HTTP/1.0 302 Found\r\nContent-Length: 0\r\nLocation: https://127.0.0.1:%u/\r\n\r\n", second.port);
    (void)fclose(file);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/redirect", first.port);
    struct fetch_request request = bench_request(url);
    request.way = (struct fetch_way){.ca_file = ca_file, .cert_file = client_cert_file, .key_file = client_key_file};
    request.max_redirects = 1;
    bench_open(&bench, NULL);
    assert_int_equal(bench_run(&bench, &request)->status, 200);
    assert_non_null(strstr(bench.body, "no client certificate"));
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", second.port);
    assert_int_equal(bench_run(&bench, &request)->status, 200);
    assert_non_null(strstr(bench.body, "the client"));
    bench_close(&bench);
    tls_stop(&first);
    tls_stop(&second);
    tls_close(&first);
    tls_close(&second);
}

static void test_files_that_cannot_be_read(void **state) {
    const struct fetch_way ways[] = {
        {.ca_file = "/nonexistent/x.pem"}, {.cert_file = "/nonexistent/x.pem"}, {.cert_file = ca_file, .key_file = "/nonexistent/x.pem"}};
    (void)state;
    bench_open(&bench, NULL);
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        struct fetch_request request = bench_request("https://127.0.0.1:1/");
        struct fetch *fetch = NULL;
        struct err err = {{0}};
        request.way = ways[i];
        assert_int_equal(fetch_start(bench.fetcher, &request, bench_done, &bench, &fetch, &err), RC_PERM);
        assert_null(fetch);
        assert_non_null(strstr(err.text, "/nonexistent/x.pem"));
    }
    bench_close(&bench);
}

/* ---- proxies ---- */

static uint16_t behind_port; /* where a tunnel leads, whatever was asked for */

/* Copy bytes both ways until one side ends. */
static void tunnel(int a, int b) {
    struct pollfd ends[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    char bytes[16384];
    for (;;) {
        if (poll(ends, 2, -1) < 0) {
            return;
        }
        for (int i = 0; i < 2; i++) {
            ssize_t got = ends[i].revents != 0 ? recv(ends[i].fd, bytes, sizeof(bytes), 0) : 1;
            if (got <= 0 || (ends[i].revents != 0 && send(ends[1 - i].fd, bytes, (size_t)got, MSG_NOSIGNAL) != got)) {
                return;
            }
        }
    }
}

static void tunnel_to_behind(int fd) {
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(behind_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(other, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        tunnel(fd, other);
    }
    close(other);
}

static bool play_ok(struct play_conn *conn) {
    return play_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static bool play_connect(struct play_conn *conn) {
    if (play_text(conn, "HTTP/1.1 200 Connected\r\nX-Request-Id: of the proxy\r\n\r\n")) {
        tunnel_to_behind(conn->fd);
    }
    return false;
}

static bool play_connect_refused(struct play_conn *conn) {
    return play_text(conn, "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0\r\n\r\n");
}

static const struct play proxy_plays[] = {
    {"http://example.invalid/a", play_ok},
    {"http://127.0.0.1:1/a", play_ok},
    {"api.invalid:443", play_connect},
    {"127.0.0.1:443", play_connect},
    {"refused.invalid:443", play_connect_refused},
    {NULL, NULL},
};

static const char *proxy_url(const struct play_server *proxy) {
    static char text[64];
    (void)snprintf(text, sizeof(text), "http://127.0.0.1:%u", proxy->port);
    return text;
}

/* "user:pass" and "other:pass" in base64. */
#define USER "\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n"
#define OTHER "\r\nProxy-Authorization: Basic b3RoZXI6cGFzcw==\r\n"

static void test_plain_proxy(void **state) {
    char *headers[] = {(char[]){"Authorization: Bearer T"}, NULL};
    struct play_server *proxy = play_start(proxy_plays, 0);
    (void)state;
    bench_open(&bench, NULL);
    struct fetch_request request = bench_request("http://example.invalid/a?q=1");
    request.allow_http = true;
    request.headers = headers;
    request.way.proxy = proxy_url(proxy);
    bench_expect_whole(bench_run(&bench, &request), 200, "ok");
    assert_true(play_last_head_has(proxy, "GET http://example.invalid/a?q=1 HTTP/1.1\r\n"));
    assert_true(play_last_head_has(proxy, "\r\nAuthorization: Bearer T\r\n"));
    assert_false(play_last_head_has(proxy, "\r\nProxy-Authorization:"));
    request.way.proxy_username = "user";
    request.way.proxy_password = "pass";
    bench_expect_whole(bench_run(&bench, &request), 200, "ok");
    assert_true(play_last_head_has(proxy, USER));
    request.url = "http://127.0.0.1:1/a"; /* loopback too, and whatever no_proxy says: see main() */
    bench_expect_whole(bench_run(&bench, &request), 200, "ok");
    bench_close(&bench);
    play_stop(proxy);
}

static void test_connections_are_shared_by_the_same_way_alone(void **state) {
    struct play_server *proxy = play_start(proxy_plays, 0);
    (void)state;
    bench_open(&bench, NULL);
    struct fetch_request request = bench_request("http://example.invalid/a");
    request.allow_http = true;
    request.way = (struct fetch_way){.proxy = proxy_url(proxy), .proxy_username = "user", .proxy_password = "pass"};
    for (int i = 0; i < 3; i++) {
        bench_expect_whole(bench_run(&bench, &request), 200, "ok");
    }
    assert_int_equal(play_connection_count(proxy), 1);
    request.way.proxy_username = "other";
    bench_expect_whole(bench_run(&bench, &request), 200, "ok");
    assert_true(play_last_head_has(proxy, OTHER));
    assert_int_equal(play_connection_count(proxy), 2);
    request.way.proxy_username = "user";
    bench_expect_whole(bench_run(&bench, &request), 200, "ok");
    assert_true(play_last_head_has(proxy, USER));
    assert_int_equal(play_connection_count(proxy), 2);
    bench_close(&bench);
    play_stop(proxy);
}

static void test_tunnel(void **state) {
    static const char *const www[] = {"-www", NULL};
    char *headers[] = {(char[]){"Authorization: Bearer T"}, NULL};
    struct play_server *proxy = play_start(proxy_plays, 0);
    struct tls_server server;
    (void)state;
    tls_start(&server, www);
    behind_port = server.port;
    bench_open(&bench, NULL);
    struct fetch_request request = bench_request("https://127.0.0.1/");
    request.headers = headers;
    request.once = true;
    request.way = (struct fetch_way){.ca_file = ca_file, .proxy = proxy_url(proxy), .proxy_username = "user", .proxy_password = "pass"};
    const struct fetch_answer *answer = bench_run(&bench, &request);
    assert_string_equal(answer->error, "");
    assert_int_equal(answer->status, 200);
    assert_non_null(strstr(bench.body, "s_server"));
    assert_string_equal(answer->request_id, ""); /* what the proxy said is no answer */
    assert_true(play_last_head_has(proxy, "CONNECT 127.0.0.1:443 HTTP/1.1\r\n"));
    assert_true(play_last_head_has(proxy, USER));
    assert_false(play_last_head_has(proxy, "\r\nAuthorization:"));
    request.url = "https://api.invalid/"; /* looked up by the proxy, and its certificate is for another */
    bench_expect_broken(bench_run(&bench, &request), "tls", false);
    request.url = "https://refused.invalid/"; /* nothing of a paid request left */
    bench_expect_broken(bench_run(&bench, &request), "connect", false);
    assert_int_equal(bench.answer.status, 0);
    assert_non_null(strstr(bench.answer.error, "407"));
    bench_close(&bench);
    tls_stop(&server);
    tls_close(&server);
    play_stop(proxy);
}

/* HTTP/1.1 behind `openssl s_server -quiet`, which serves one connection: it is kept open. */
static void *keep_alive_main(void *context) {
    const struct tls_server *server = context;
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    unsigned matched = 0;
    char c;
    while (read(server->out_fd, &c, 1) == 1) {
        matched = c == "\r\n\r\n"[matched] ? matched + 1 : c == '\r';
        if (matched == 4 && write(server->in_fd, ok, sizeof(ok) - 1) < 0) {
            break;
        }
        matched = matched == 4 ? 0 : matched;
    }
    return NULL;
}

static void test_tunnels_are_for_those_who_opened_them(void **state) {
    static const char *const quiet[] = {"-quiet", NULL};
    struct play_server *proxy = play_start(proxy_plays, 0);
    struct tls_server servers[2];
    pthread_t threads[2];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tls_start(&servers[i], quiet);
        assert_int_equal(pthread_create(&threads[i], NULL, keep_alive_main, &servers[i]), 0);
    }
    behind_port = servers[0].port;
    bench_open(&bench, NULL);
    struct fetch_request request = bench_request("https://127.0.0.1/");
    request.way = (struct fetch_way){.ca_file = ca_file, .proxy = proxy_url(proxy), .proxy_username = "user", .proxy_password = "pass"};
    for (int i = 0; i < 3; i++) {
        bench_expect_whole(bench_run(&bench, &request), 200, "ok");
        assert_int_equal(play_request_count(proxy), 1);
    }
    behind_port = servers[1].port;
    request.way.proxy_username = "other";
    bench_expect_whole(bench_run(&bench, &request), 200, "ok");
    assert_int_equal(play_request_count(proxy), 2);
    assert_true(play_last_head_has(proxy, OTHER));
    bench_close(&bench);
    for (size_t i = 0; i < 2; i++) {
        tls_stop(&servers[i]);
        pthread_join(threads[i], NULL);
        tls_close(&servers[i]);
    }
    play_stop(proxy);
}

static void test_a_proxy_that_is_not_there(void **state) {
    uint16_t port;
    char text[64];
    (void)state;
    close(play_listen(&port));
    (void)snprintf(text, sizeof(text), "http://127.0.0.1:%u", port);
    bench_open(&bench, NULL);
    struct fetch_request request = bench_request("https://example.invalid/");
    request.way.proxy = text;
    bench_expect_broken(bench_run(&bench, &request), "connect", false);
    bench_close(&bench);
}

/* ---- SOCKS 5 (RFC 1928, RFC 1929) ---- */

struct socks {
    int listen_fd;
    char name[256], credentials[64];
};

static void *socks_main(void *context) {
    struct socks *socks = context;
    unsigned char bytes[512];
    int fd = accept4(socks->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    if (recv(fd, bytes, 2, MSG_WAITALL) == 2 && recv(fd, bytes + 2, bytes[1], MSG_WAITALL) == bytes[1] && send(fd, "\5\2", 2, MSG_NOSIGNAL) == 2 &&
        recv(fd, bytes, 2, MSG_WAITALL) == 2 && recv(fd, bytes + 2, bytes[1] + 1u, MSG_WAITALL) == bytes[1] + 1) {
        size_t user = bytes[1], password = bytes[2 + user];
        if (recv(fd, bytes + 3 + user, password, MSG_WAITALL) == (ssize_t)password) {
            (void)snprintf(socks->credentials, sizeof(socks->credentials), "%.*s:%.*s", (int)user, (char *)bytes + 2, (int)password, (char *)bytes + 3 + user);
        }
        if (send(fd, "\1\0", 2, MSG_NOSIGNAL) == 2 && recv(fd, bytes, 5, MSG_WAITALL) == 5 && bytes[3] == 3 /* a name */ &&
            recv(fd, bytes + 5, bytes[4] + 2u, MSG_WAITALL) == bytes[4] + 2) {
            (void)snprintf(socks->name, sizeof(socks->name), "%.*s", bytes[4], (char *)bytes + 5);
            if (send(fd, "\5\0\0\1\0\0\0\0\0\0", 10, MSG_NOSIGNAL) == 10) {
                tunnel_to_behind(fd);
            }
        }
    }
    close(fd);
    return NULL;
}

static const struct play behind_plays[] = {{"/a", play_ok}, {NULL, NULL}};

static void test_socks(void **state) {
    struct play_server *behind = play_start(behind_plays, 0);
    struct socks socks = {.listen_fd = -1};
    uint16_t port;
    pthread_t thread;
    char text[64];
    (void)state;
    behind_port = behind->port;
    socks.listen_fd = play_listen(&port);
    assert_int_equal(pthread_create(&thread, NULL, socks_main, &socks), 0);
    (void)snprintf(text, sizeof(text), "socks5h://127.0.0.1:%u", port);
    bench_open(&bench, NULL);
    struct fetch_request request = bench_request("http://only.the.proxy.knows.invalid/a");
    request.allow_http = true;
    request.way = (struct fetch_way){.proxy = text, .proxy_username = "user", .proxy_password = "pass"};
    bench_expect_whole(bench_run(&bench, &request), 200, "ok");
    assert_true(play_last_head_has(behind, "GET /a HTTP/1.1\r\n"));
    assert_false(play_last_head_has(behind, "\r\nProxy-Authorization:"));
    bench_close(&bench);
    shutdown(socks.listen_fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(socks.listen_fd);
    assert_string_equal(socks.name, "only.the.proxy.knows.invalid");
    assert_string_equal(socks.credentials, "user:pass");
    play_stop(behind);
}

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    setenv("no_proxy", "*", 1); /* of no account for a request's own proxy */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_ca),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_a_redirect_leaves_the_certificate_behind),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_plain_proxy),
        cmocka_unit_test(test_connections_are_shared_by_the_same_way_alone),
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_tunnels_are_for_those_who_opened_them),
        cmocka_unit_test(test_a_proxy_that_is_not_there),
        cmocka_unit_test(test_socks),
    };
    return cmocka_run_group_tests(tests, tls_make_certificates, tls_remove_certificates);
}
