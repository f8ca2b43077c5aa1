// SPDX-License-Identifier: Apache-2.0
#include "net/fetch.h"

#include "fetch_bench.h"
#include "play_server.h"

/* What becomes of one request over more than one exchange or connection: redirects, sending again, fetches started and cancelled by others. */

static struct play_server *server, *other;
static struct bench bench;
static const char normal_body[] = "{\"a\": [1]}\n";

/* ---- the plays ---- */

static bool play_normal(struct play_conn *conn) {
    return play_text(
        conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Total-Count: 7132\r\nX-Request-Id: r-77\r\nContent-Length: 11\r\n\r\n{\"a\": [1]}\n");
}

static bool play_silence(struct play_conn *conn) {
    play_wait_for_close(conn);
    return false;
}

/* "?303": a 303 to /normal here; "?303o": of the other server; "?302l": to itself; "?302s": to https. */
static bool play_redirect(struct play_conn *conn) {
    char to[128] = "/normal";
    switch (conn->query[3]) {
    case 'o':
        (void)snprintf(to, sizeof(to), "http://127.0.0.1:%u/normal", conn->server->other_port);
        break;
    case 'l':
        (void)snprintf(to, sizeof(to), "?302l");
        break;
    case 's':
        (void)snprintf(to, sizeof(to), "https://127.0.0.1:%u/normal", conn->server->port);
        break;
    default:
        break;
    }
    return play_text(conn, "HTTP/1.1 %.3s Elsewhere\r\nLocation: %s\r\nContent-Length: 5\r\n\r\nmoved", conn->query, to);
}

/* A keep-alive connection that dies upon its second request, when that has been read. */
static bool play_close_on_reuse(struct play_conn *conn) {
    return conn->served == 1 && play_normal(conn);
}

static const struct play plays[] = {
    {"/normal", play_normal}, {"/silence", play_silence}, {"/redirect", play_redirect}, {"/close-on-reuse", play_close_on_reuse}, {NULL, NULL},
};

static int set_up(void **state) {
    (void)state;
    other = play_start(plays, 0);
    server = play_start(plays, other->port);
    bench_open(&bench, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bench_close(&bench);
    play_stop(server);
    play_stop(other);
    return 0;
}

static const char *url_of(const char *path) {
    static char url[256];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server->port, path);
    return url;
}

/* ---- the tests ---- */

static void test_redirects(void **state) {
    (void)state;
    static const struct {
        const char *method, *path;
        int status;            /* of the answer at the end */
        unsigned here, there;  /* requests seen by each server */
        const char *last_line; /* of the last request */
    } cases[] = {
        {"GET", "/redirect?301", 200, 2, 0, "GET /normal"},      {"GET", "/redirect?307o", 200, 1, 1, "GET /normal"},
        {"GET", "/redirect?302l", 302, 4, 0, "GET /redirect"},   {"GET", "/redirect?302s", 302, 1, 0, "GET /redirect"},
        {"GET", "/redirect?304", 304, 1, 0, "GET /redirect"},    {"POST", "/redirect?303", 200, 2, 0, "GET /normal"},
        {"POST", "/redirect?302", 200, 2, 0, "GET /normal"},     {"POST", "/redirect?307", 200, 2, 0, "POST /normal"},
        {"POST", "/redirect?307o", 307, 1, 0, "POST /redirect"}, {"POST", "/redirect?303o", 200, 1, 1, "GET /normal"},
        {"PUT", "/redirect?301", 200, 2, 0, "PUT /normal"},      {"PUT", "/redirect?308o", 308, 1, 0, "PUT /redirect"},
    };
    char *headers[] = {(char[]){"Authorization: Bearer SECRET"}, (char[]){"X-Api-Key: SECRET"}, NULL};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        unsigned here = play_request_count(server), there = play_request_count(other);
        struct fetch_request request = bench_request(url_of(cases[i].path));
        request.method = cases[i].method;
        request.headers = headers;
        request.max_redirects = 3;
        if (cases[i].method[0] == 'P') {
            request.body = "body";
            request.body_length = 4;
        }
        const struct fetch_answer *answer = bench_run(&bench, &request);
        assert_int_equal(answer->status, cases[i].status);
        assert_true(answer->complete);
        assert_string_equal(answer->body, cases[i].status == 200 ? normal_body : cases[i].status == 304 ? "" : "moved");
        assert_int_equal(play_request_count(server) - here, cases[i].here);
        assert_int_equal(play_request_count(other) - there, cases[i].there);
        struct play_server *last = cases[i].there > 0 ? other : server;
        assert_true(play_last_head_has(last, cases[i].last_line));
        assert_int_equal(play_last_head_has(last, "SECRET"), last == server);
        assert_string_equal(last->last_body, cases[i].last_line[0] == 'P' ? "body" : "");
        if (cases[i].status == 304) {
            tear_down(state); /* the play sends a body all the same */
            set_up(state);
        }
    }
}

static void test_redirects_off(void **state) {
    (void)state;
    struct fetch_request request = bench_request(url_of("/redirect?302"));
    bench_expect_whole(bench_run(&bench, &request), 302, "moved");
    request.max_redirects = 3;
    request.once = true;
    bench_expect_whole(bench_run(&bench, &request), 302, "moved");
    assert_int_equal(play_request_count(server), 2);
}

static void test_kept_connection_dies(void **state) {
    (void)state;
    struct fetch_request request = bench_request(url_of("/close-on-reuse"));
    request.method = "POST";
    request.body = "buy";
    request.body_length = 3;
    bench_expect_whole(bench_run(&bench, &request), 200, normal_body);
    assert_int_equal(play_request_count(server), 1);

    /* What libcurl does by itself: the POST reaches the server twice. A libcurl that stopped doing so would make `once` superfluous. */
    bench_expect_whole(bench_run(&bench, &request), 200, normal_body);
    assert_int_equal(play_request_count(server), 3);
    assert_int_equal(play_connection_count(server), 2);

    request.once = true;
    bench_expect_broken(bench_run(&bench, &request), "reset", true);
    assert_int_equal(bench.answer.status, 0);
    assert_int_equal(play_request_count(server), 4); /* once, on the kept connection */

    bench_expect_whole(bench_run(&bench, &request), 200, normal_body); /* and on a new one it works again */
    assert_int_equal(play_request_count(server), 5);
}

static void test_connections_are_kept(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct fetch_request request = bench_request(url_of("/normal"));
        request.once = i % 2 == 0;
        bench_expect_whole(bench_run(&bench, &request), 200, normal_body);
    }
    assert_int_equal(play_connection_count(server), 1);
    assert_int_equal(play_request_count(server), 5);
}

/* ---- callbacks that start and cancel ---- */

struct chain {
    struct fetch *own, *victim;
    int done, wanted;
};

static void chain_done(void *context, const struct fetch_answer *answer) {
    struct chain *chain = context;
    assert_true(answer->complete);
    fetch_cancel(chain->own); /* of no effect, and no harm */
    if (chain->victim != NULL) {
        fetch_cancel(chain->victim);
        chain->victim = NULL;
    }
    if (++chain->done < chain->wanted) {
        struct fetch_request request = bench_request(url_of("/normal"));
        assert_int_equal(fetch_start(bench.fetcher, &request, chain_done, chain, &chain->own, NULL), RC_OK);
    }
}

static void never_done(void *context, const struct fetch_answer *answer) {
    (void)context;
    (void)answer;
    fail_msg("a cancelled fetch was called back");
}

static void test_callbacks(void **state) {
    (void)state;
    struct chain chain = {.wanted = 20};
    struct fetch *cancelled = NULL;
    struct fetch_request request = bench_request(url_of("/silence"));
    assert_int_equal(fetch_start(bench.fetcher, &request, never_done, NULL, &chain.victim, NULL), RC_OK);
    request = bench_request(url_of("/normal"));
    assert_int_equal(fetch_start(bench.fetcher, &request, never_done, NULL, &cancelled, NULL), RC_OK);
    assert_int_equal(fetch_start(bench.fetcher, &request, chain_done, &chain, &chain.own, NULL), RC_OK);
    fetch_cancel(cancelled);
    bench_turn_until(&bench, &chain.done, chain.wanted);
    assert_null(chain.victim);
}

/* Two answers that are ready in the same turn: whichever comes first cancels the other. */
static struct fetch *pair[2];
static int pair_done_count;

static void pair_done(void *context, const struct fetch_answer *answer) {
    (void)answer;
    fetch_cancel(pair[1 - *(int *)context]);
    pair_done_count++;
}

static void test_cancel_of_what_is_ready(void **state) {
    (void)state;
    static int numbers[2] = {0, 1};
    uint16_t port;
    char url[64];
    close(play_listen(&port));
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    pair_done_count = 0;
    for (int i = 0; i < 2; i++) {
        struct fetch_request request = bench_request(url);
        assert_int_equal(fetch_start(bench.fetcher, &request, pair_done, &numbers[i], &pair[i], NULL), RC_OK);
    }
    bench_turn_until(&bench, &pair_done_count, 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(loop_turn(bench.loop, 0, NULL), RC_OK);
    }
    assert_int_equal(pair_done_count, 1);
}

int main(void) {
    setenv("http_proxy", "http://127.0.0.1:9", 1); /* loopback is never asked for by a proxy */
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_redirects), CASE(test_redirects_off),           CASE(test_kept_connection_dies), CASE(test_connections_are_kept),
        CASE(test_callbacks), CASE(test_cancel_of_what_is_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
