// SPDX-License-Identifier: Apache-2.0
#include "net/fetch.h"

#include "fetch_bench.h"
#include "play_server.h"

#include "base/fault.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <time.h>

static struct play_server *server;
static struct bench bench;
static char gzip_bomb[65536];
static size_t gzip_bomb_length;

/* ---- the plays ---- */

static bool play_normal(struct play_conn *conn) {
    return play_text(
        conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Total-Count: 7132\r\nX-Request-Id: r-77\r\nContent-Length: 11\r\n\r\n{\"a\": [1]}\n");
}

static bool play_chunked(struct play_conn *conn) {
    return play_text(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;ext=1\r\n, world\r\n0\r\nX-Request-Id: trailer\r\n\r\n");
}

static bool play_gzip(struct play_conn *conn) {
    static const unsigned char hello[] = {0x1f, 0x8b, 0x08, 0, 0,    0,    0,    0,    0x02, 0x03, 0xcb, 0x48, 0xcd,
                                          0xc9, 0xc9, 0x07, 0, 0x86, 0xa6, 0x10, 0x36, 0x05, 0,    0,    0};
    return play_text(conn, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", sizeof(hello)) && play_send(conn, hello, sizeof(hello));
}

static bool play_gzip_bomb(struct play_conn *conn) {
    return play_text(conn, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", gzip_bomb_length) &&
           play_send(conn, gzip_bomb, gzip_bomb_length);
}

static bool play_gzip_nonsense(struct play_conn *conn) {
    return play_text(conn, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 14\r\n\r\nnot gzip at all");
}

static bool play_truncated(struct play_conn *conn) {
    (void)play_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    return false;
}

static bool play_truncated_chunks(struct play_conn *conn) {
    (void)play_text(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    return false;
}

static bool play_no_answer(struct play_conn *conn) {
    (void)conn;
    return false;
}

static bool play_reset(struct play_conn *conn) {
    play_reset_on_close(conn);
    return false;
}

static bool play_stall(struct play_conn *conn) {
    (void)play_text(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    play_wait_for_close(conn);
    return false;
}

static bool play_silence(struct play_conn *conn) {
    play_wait_for_close(conn);
    return false;
}

/* A byte every few milliseconds, until the client has had enough. */
static bool play_slow_headers(struct play_conn *conn) {
    struct pollfd hung_up = {.fd = conn->fd, .events = POLLIN};
    bool going = play_text(conn, "HTTP/1.1 200 OK\r\nX-Slow: ");
    while (going && poll(&hung_up, 1, 5) == 0) {
        going = play_text(conn, "s");
    }
    return false;
}

static bool play_huge_header(struct play_conn *conn) {
    static char value[70000];
    memset(value, 'h', sizeof(value));
    (void)(play_text(conn, "HTTP/1.1 200 OK\r\nX-Huge: ") && play_send(conn, value, sizeof(value)) && play_text(conn, "\r\nContent-Length: 0\r\n\r\n"));
    return false;
}

static bool play_many_headers(struct play_conn *conn) {
    bool going = play_text(conn, "HTTP/1.1 200 OK\r\n");
    while (going) {
        going = play_text(conn, "X-Another: one\r\n");
    }
    return false;
}

static bool play_many_interims(struct play_conn *conn) {
    while (play_text(conn, "HTTP/1.1 103 Early Hints\r\n\r\n")) {
    }
    return false;
}

static bool play_endless_chunks(struct play_conn *conn) {
    bool going = play_text(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (going) {
        going = play_text(conn, "10\r\n0123456789abcdef\r\n");
    }
    return false;
}

static bool play_continue(struct play_conn *conn) {
    return play_text(conn, "HTTP/1.1 100 Continue\r\nX-Total-Count: 1\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
}

static bool play_continue_only(struct play_conn *conn) {
    (void)play_text(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    return false;
}

static bool play_http10(struct play_conn *conn) {
    (void)play_text(conn, "HTTP/1.0 200 OK\r\n\r\nuntil the end");
    return false;
}

static bool play_http09(struct play_conn *conn) {
    (void)play_text(conn, "no status line here");
    return false;
}

/* The answer is the Retry-After that the query names: a text, or @ and seconds from now for a date. */
static bool play_retry_after(struct play_conn *conn) {
    char value[64];
    (void)snprintf(value, sizeof(value), "%.60s", conn->query);
    if (conn->query[0] == '@') {
        time_t when = time(NULL) + strtol(conn->query + 1, NULL, 10);
        struct tm parts;
        (void)strftime(value, sizeof(value), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &parts));
    }
    return play_text(conn, "HTTP/1.1 429 Too Many\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", value);
}

static const struct play plays[] = {
    {"/normal", play_normal},
    {"/chunked", play_chunked},
    {"/gzip", play_gzip},
    {"/gzip-bomb", play_gzip_bomb},
    {"/gzip-nonsense", play_gzip_nonsense},
    {"/truncated", play_truncated},
    {"/truncated-chunks", play_truncated_chunks},
    {"/no-answer", play_no_answer},
    {"/reset", play_reset},
    {"/stall", play_stall},
    {"/silence", play_silence},
    {"/slow-headers", play_slow_headers},
    {"/huge-header", play_huge_header},
    {"/many-headers", play_many_headers},
    {"/many-interims", play_many_interims},
    {"/endless-chunks", play_endless_chunks},
    {"/continue", play_continue},
    {"/continue-only", play_continue_only},
    {"/http10", play_http10},
    {"/http09", play_http09},
    {"/retry-after", play_retry_after},
    {NULL, NULL},
};

static int set_up(void **state) {
    (void)state;
    server = play_start(plays, 0);
    bench_open(&bench, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bench_close(&bench);
    play_stop(server);
    return 0;
}

static const char *url_of(const char *path) {
    static char url[256];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server->port, path);
    return url;
}

static const struct fetch_answer *get(const char *path) {
    struct fetch_request request = bench_request(url_of(path));
    return bench_run(&bench, &request);
}

/* ---- the tests ---- */

static const char normal_body[] = "{\"a\": [1]}\n";

static void test_normal(void **state) {
    (void)state;
    char *headers[] = {(char[]){"Authorization: Bearer SECRET"}, (char[]){"Content-Type: application/json"}, NULL};
    struct fetch_request request = bench_request(url_of("/normal?x=1"));
    request.method = "POST";
    request.headers = headers;
    request.body = "{\"q\":1}";
    request.body_length = 7;
    static const char *const wanted[] = {"x-total-count", "link", NULL};
    request.wanted = wanted;
    const struct fetch_answer *answer = bench_run(&bench, &request);
    bench_expect_whole(answer, 200, normal_body);
    assert_string_equal(bench.total, "7132");
    assert_int_equal(bench.field_count, 1);
    assert_string_equal(answer->content_type, "application/json");
    assert_string_equal(answer->request_id, "r-77");
    assert_int_equal(answer->retry_after_s, 0);
    assert_in_range(answer->time_ms, 0, 5000);
    assert_true(play_last_head_has(server, "POST /normal?x=1 HTTP/1.1\r\n"));
    assert_true(play_last_head_has(server, "\r\nAuthorization: Bearer SECRET\r\n"));
    assert_true(play_last_head_has(server, "\r\nAccept-Encoding: "));
    assert_false(play_last_head_has(server, "\r\nExpect:"));
    assert_false(play_last_head_has(server, "x-www-form-urlencoded"));
    assert_string_equal(server->last_body, "{\"q\":1}");
}

static void test_methods(void **state) {
    (void)state;
    static const struct {
        const char *method, *body, *line;
    } cases[] = {
        {"GET", NULL, "GET /normal "},   {"GET", "b", "GET /normal "}, {"HEAD", NULL, "HEAD /normal "},
        {"POST", NULL, "POST /normal "}, {"PUT", "b", "PUT /normal "}, {"DELETE", NULL, "DELETE /normal "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fetch_request request = bench_request(url_of("/normal"));
        request.method = cases[i].method;
        request.body = cases[i].body;
        request.body_length = 1; /* of no meaning without a body */
        request.timeout_ms = 3000;
        const struct fetch_answer *answer = bench_run(&bench, &request);
        assert_true(play_last_head_has(server, cases[i].line));
        assert_string_equal(server->last_body, cases[i].body == NULL ? "" : cases[i].body);
        if (strcmp(cases[i].method, "HEAD") == 0) {
            bench_expect_whole(answer, 200, "");
            tear_down(state); /* the play sends a body all the same: not on this connection again */
            set_up(state);
        } else {
            bench_expect_whole(answer, 200, normal_body);
        }
    }
}

static void test_codings(void **state) {
    (void)state;
    bench_expect_whole(get("/chunked"), 200, "hello, world");
    assert_string_equal(bench.answer.request_id, "");
    bench_expect_whole(get("/gzip"), 200, "hello");
    bench_expect_broken(get("/gzip-nonsense"), "protocol", true);
    bench_expect_whole(get("/continue"), 201, "ok");
    bench_expect_whole(get("/http10"), 200, "until the end");
    bench_expect_broken(get("/http09"), "protocol", true);
}

static void test_body_to_file(void **state) {
    (void)state;
    char bytes[64] = "";
    struct fetch_request request = bench_request(url_of("/normal"));
    request.body_fd = memfd_create("body", MFD_CLOEXEC);
    assert_true(request.body_fd >= 0);
    request.max_body_bytes = sizeof(normal_body) - 1;
    const struct fetch_answer *answer = bench_run(&bench, &request);
    assert_true(answer->complete);
    assert_int_equal(answer->body_bytes, sizeof(normal_body) - 1);
    assert_int_equal(pread(request.body_fd, bytes, sizeof(bytes), 0), sizeof(normal_body) - 1);
    assert_string_equal(bytes, normal_body);
    close(request.body_fd);
}

static int opened_fd;

static enum rc open_body(void *context, int *body_fd, struct err *err) {
    assert_ptr_equal(context, &bench);
    assert_int_equal(opened_fd, -1);
    opened_fd = memfd_create("body", MFD_CLOEXEC);
    *body_fd = opened_fd;
    return opened_fd < 0 ? err_set(err, RC_NOSPACE, "no file") : RC_OK;
}

static enum rc open_nothing(void *context, int *body_fd, struct err *err) {
    (void)context;
    (void)body_fd;
    errno = ENOSPC;
    return err_sys(err, "a body");
}

/* The file of a body is asked for when something is written: not for one that is handed over. */
static void test_body_file_comes_late(void **state) {
    (void)state;
    char bytes[64] = "";
    struct fetch_request request = bench_request(url_of("/normal"));
    request.body_fd = opened_fd = -1;
    request.body_open = open_body;
    request.hold = true;
    const struct fetch_answer *answer = bench_run(&bench, &request);
    assert_true(answer->complete);
    assert_int_equal(opened_fd, -1);
    assert_int_equal(answer->held->length, sizeof(normal_body) - 1);
    assert_memory_equal(answer->held->bytes, normal_body, sizeof(normal_body) - 1);
    fetcher_give_back(bench.fetcher, answer->held);
    request.hold = false;
    answer = bench_run(&bench, &request);
    assert_true(answer->complete);
    assert_int_equal(pread(opened_fd, bytes, sizeof(bytes), 0), sizeof(normal_body) - 1);
    assert_string_equal(bytes, normal_body);
    close(opened_fd);
    request.body_open = open_nothing;
    bench_expect_broken(bench_run(&bench, &request), "disk", true);
    assert_int_equal(bench.answer.disk_errno, ENOSPC);
}

static void test_disk_full(void **state) {
    (void)state;
    struct fetch_request request = bench_request(url_of("/normal"));
    request.body_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(request.body_fd >= 0);
    const struct fetch_answer *answer = bench_run(&bench, &request);
    bench_expect_broken(answer, "disk", true);
    assert_int_equal(answer->disk_errno, ENOSPC);
    assert_int_equal(answer->status, 200);
    close(request.body_fd);
}

static void test_broken_answers(void **state) {
    (void)state;
    const struct fetch_answer *answer = get("/truncated");
    bench_expect_broken(answer, "truncated", true);
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer->body, "only this");
    assert_int_equal(answer->body_bytes, 9);
    bench_expect_broken(get("/truncated-chunks"), "truncated", true);
    bench_expect_broken(get("/no-answer"), "reset", true);
    assert_int_equal(bench.answer.status, 0);
    bench_expect_broken(get("/reset"), "reset", true);
    bench_expect_broken(get("/continue-only"), "reset", true);
    assert_int_equal(bench.answer.status, 0);
    assert_int_equal(play_request_count(server), 5); /* each once */
}

static void test_limits(void **state) {
    (void)state;
    static const char *const heads[] = {"/huge-header", "/many-headers", "/many-interims"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        bench_expect_broken(get(heads[i]), "headers_too_large", true);
        assert_int_equal(bench.answer.body_bytes, 0);
    }
    static const char *const bodies[] = {"/endless-chunks", "/gzip-bomb"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        struct fetch_request request = bench_request(url_of(bodies[i]));
        request.max_body_bytes = 100000;
        const struct fetch_answer *answer = bench_run(&bench, &request);
        bench_expect_broken(answer, "too_large", true);
        assert_in_range(answer->body_bytes, 0, 100000);
    }
    struct fetch_request request = bench_request(url_of("/normal"));
    request.max_body_bytes = sizeof(normal_body) - 2;
    bench_expect_broken(bench_run(&bench, &request), "too_large", true);
}

static void test_times(void **state) {
    (void)state;
    struct fetch_request request = bench_request(url_of("/stall"));
    request.stall_ms = 40;
    const struct fetch_answer *answer = bench_run(&bench, &request);
    bench_expect_broken(answer, "timeout", true);
    assert_in_range(answer->time_ms, 40, 5000);
    assert_string_equal(answer->body, "only this");

    request = bench_request(url_of("/silence")); /* thinking is no stall */
    request.stall_ms = 20;
    request.timeout_ms = 150;
    answer = bench_run(&bench, &request);
    bench_expect_broken(answer, "timeout", true);
    assert_in_range(answer->time_ms, 140, 5000);

    request = bench_request(url_of("/slow-headers"));
    request.timeout_ms = 100;
    bench_expect_broken(bench_run(&bench, &request), "timeout", true);
}

static void test_not_sent(void **state) {
    (void)state;
    uint16_t port;
    char url[256];
    close(play_listen(&port));
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    struct fetch_request request = bench_request(url);
    bench_expect_broken(bench_run(&bench, &request), "connect", false);

    request = bench_request("http://a-label-that-is-longer-than-the-sixty-three-bytes-that-dns-allows-for-one.invalid/");
    request.allow_http = true;
    bench_expect_broken(bench_run(&bench, &request), "resolve", false);

    int silent_fd = play_listen(&port); /* connects by its backlog, and never says a word of TLS */
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", port);
    request = bench_request(url);
    request.connect_timeout_ms = 50;
    bench_expect_broken(bench_run(&bench, &request), "timeout", false);
    request.connect_timeout_ms = 5000;
    request.timeout_ms = 50;
    bench_expect_broken(bench_run(&bench, &request), "timeout", false);
    close(silent_fd);
}

/* Of a private address nothing is asked: not by a new connection, nor by one that another request has left. */
static void test_public_only(void **state) {
    (void)state;
    struct fetch_request request = bench_request(url_of("/normal"));
    request.public_only = true;
    bench_expect_broken(bench_run(&bench, &request), "private", false);
    assert_int_equal(play_request_count(server), 0);
    request.public_only = false;
    assert_true(bench_run(&bench, &request)->complete);
    request.public_only = true;
    bench_expect_broken(bench_run(&bench, &request), "private", false);
    assert_int_equal(play_request_count(server), 1);
}

/* The way is there: a connection came to be, and nothing was asked over it. */
static void test_knock(void **state) {
    (void)state;
    uint16_t port;
    char url[256];
    struct fetch_request request = bench_request(url_of("/normal"));
    request.knock = true;
    const struct fetch_answer *answer = bench_run(&bench, &request);
    assert_string_equal(answer->reason, "reached");
    assert_string_equal(answer->error, "");
    assert_false(answer->sent);
    assert_int_equal(answer->status, 0);
    assert_int_equal(play_request_count(server), 0);
    close(play_listen(&port));
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    request = bench_request(url);
    request.knock = true;
    bench_expect_broken(bench_run(&bench, &request), "connect", false);
}

static void test_refused_requests(void **state) {
    (void)state;
    char *headers[] = {(char[]){"X-Good: yes"}, (char[]){"X-Bad: a\r\nX-Injected: b"}, NULL};
    struct fetch *fetch = NULL;
    struct err err = {{0}};
    struct fetch_request request = bench_request("http://example.com/?key=SECRET");
    assert_int_equal(fetch_start(bench.fetcher, &request, bench_done, &bench, &fetch, &err), RC_PERM);
    assert_null(fetch);
    assert_null(strstr(err.text, "SECRET"));
    request = bench_request(url_of("/normal"));
    request.headers = headers;
    assert_int_equal(fetch_start(bench.fetcher, &request, bench_done, &bench, &fetch, &err), RC_PERM);
    request.headers = NULL;
    request.method = "AVERYLONGMETHODNAME";
    assert_int_equal(fetch_start(bench.fetcher, &request, bench_done, &bench, &fetch, &err), RC_PERM);
    assert_int_equal(play_request_count(server), 0);
}

static void test_retry_after(void **state) {
    (void)state;
    static const struct {
        const char *path;
        int64_t least, most;
    } cases[] = {
        {"/retry-after?17", 17, 17},  {"/retry-after?0", 1, 1},
        {"/retry-after?-1", 1, 1},    {"/retry-after?1000000000000", INT64_C(1000000000000), INT64_C(1000000000000)},
        {"/retry-after?@90", 85, 91}, {"/retry-after?@-9999", 1, 1},
        {"/retry-after?soon", 0, 0},  {"/retry-after?99999999999999999999", LIMIT_RETRY_AFTER_S, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        bench_expect_whole(get(cases[i].path), 429, "");
        assert_in_range(bench.answer.retry_after_s, cases[i].least, cases[i].most);
    }
    bench_expect_whole(get("/normal"), 200, normal_body);
    assert_int_equal(bench.answer.retry_after_s, 0);
}

static void test_fault_point(void **state) {
    (void)state;
    struct fetch *fetch = NULL;
    struct err err = {{0}};
    struct fetch_request request = bench_request(url_of("/normal?key=SECRET"));
    assert_int_equal(fetch_start(bench.fetcher, &request, bench_done, &bench, &fetch, &err), RC_TEMP);
    assert_null(fetch);
    assert_null(strstr(err.text, "SECRET"));
    assert_int_equal(play_request_count(server), 0);
    bench_expect_whole(bench_run(&bench, &request), 200, normal_body);
}

int main(void) {
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    setenv("BATCHSPOOL_FAULT", "1:eio:request", 1); /* test_fault_point runs first */
    fault_init();
    FILE *pipe = popen("head -c 20000000 /dev/zero | gzip -9", "r");
    gzip_bomb_length = pipe == NULL ? 0 : fread(gzip_bomb, 1, sizeof(gzip_bomb), pipe);
    if (pipe == NULL || pclose(pipe) != 0) {
        return 1;
    }
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_fault_point),
        CASE(test_normal),
        CASE(test_methods),
        CASE(test_codings),
        CASE(test_body_to_file),
        CASE(test_disk_full),
        CASE(test_body_file_comes_late),
        CASE(test_broken_answers),
        CASE(test_limits),
        CASE(test_times),
        CASE(test_not_sent),
        CASE(test_public_only),
        CASE(test_knock),
        CASE(test_refused_requests),
        CASE(test_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
