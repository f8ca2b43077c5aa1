// SPDX-License-Identifier: Apache-2.0
#include "net/fetch.h"

#include "tls_bench.h"

/* TLS and HTTP/2. Behind `openssl s_server -quiet` a thread here plays an HTTP/2 server (RFC 9113) frame by frame. */

static void test_verification(void **state) {
    (void)state;
    static const char *const www[] = {"-www", NULL};
    struct tls_server server;
    struct bench bench;
    char url[64], name_url[64];
    tls_start(&server, www);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server.port);
    (void)snprintf(name_url, sizeof(name_url), "https://localhost:%u/", server.port);
    struct fetch_request request = bench_request(url);

    bench_open(&bench, NULL);
    bench_expect_broken(bench_run(&bench, &request), "tls", false);
    bench_close(&bench);

    bench_open(&bench, ca_file);
    const struct fetch_answer *answer = bench_run(&bench, &request);
    assert_string_equal(answer->error, "");
    assert_true(answer->complete);
    assert_int_equal(answer->status, 200);
    assert_non_null(strstr(bench.body, "s_server"));
    request.url = name_url; /* a good certificate, but not for this name */
    bench_expect_broken(bench_run(&bench, &request), "tls", false);
    bench_close(&bench);
    tls_stop(&server);
    tls_close(&server);
}

static void test_old_tls_is_refused(void **state) {
    (void)state;
    static const char *const old[] = {"-www", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", NULL};
    struct tls_server server;
    struct bench bench;
    char url[64];
    tls_start(&server, old);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server.port);
    struct fetch_request request = bench_request(url);
    bench_open(&bench, ca_file);
    bench_expect_broken(bench_run(&bench, &request), "tls", false);
    bench_close(&bench);
    tls_stop(&server);
    tls_close(&server);
}

static void test_ca_file_that_is_missing(void **state) {
    (void)state;
    struct loop *loop = NULL;
    struct fetcher *fetcher = NULL;
    struct err err = {{0}};
    assert_int_equal(loop_new(&loop, NULL), RC_OK);
    assert_int_equal(fetcher_new(loop, "/nonexistent/ca.pem", &fetcher, &err), RC_PERM);
    assert_null(fetcher);
    assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
    loop_free(loop);
}

/* ---- HTTP/2, frame by frame ---- */

enum { H2_DATA = 0, H2_HEADERS = 1, H2_RST_STREAM = 3, H2_SETTINGS = 4, H2_GOAWAY = 7 };
enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4 };
enum { H2_REFUSED_STREAM = 7, H2_HTTP_1_1_REQUIRED = 13 };

/* What is done with the second request of a connection; all others are answered 200 when they are complete, and at once by H2_EARLY. */
enum h2_trick { H2_REFUSE, H2_GO_AWAY, H2_WANT_HTTP_1_1, H2_EARLY };

struct h2_server {
    struct tls_server tls;
    enum h2_trick trick;
    pthread_t thread;
    pthread_mutex_t mutex;
    unsigned requests; /* guarded by mutex: HEADERS frames seen, over all connections */
};

static bool read_exactly(int fd, void *bytes, size_t length) {
    for (char *at = bytes; length > 0;) {
        ssize_t got = read(fd, at, length);
        if (got <= 0) {
            return false;
        }
        at += got;
        length -= (size_t)got;
    }
    return true;
}

static void h2_send(const struct h2_server *h2, int type, int flags, uint32_t stream, const void *payload, size_t length) {
    unsigned char frame[64] = {0, 0, (unsigned char)length,        (unsigned char)type,  (unsigned char)flags,
                               0, 0, (unsigned char)(stream >> 8), (unsigned char)stream};
    if (length > 0) {
        memcpy(frame + 9, payload, length);
    }
    if (write(h2->tls.in_fd, frame, 9 + length) < 0) {
        return; /* stopped meanwhile */
    }
}

static void h2_answer(const struct h2_server *h2, uint32_t stream) {
    static const unsigned char status_200 = 0x88; /* RFC 7541: static table entry 8 */
    bool second = stream == 3 && h2->trick != H2_EARLY;
    const unsigned char refused[4] = {0, 0, 0, H2_REFUSED_STREAM}, downgrade[4] = {0, 0, 0, H2_HTTP_1_1_REQUIRED}, last_is_1[8] = {0, 0, 0, 1};
    if (second && h2->trick == H2_REFUSE) {
        h2_send(h2, H2_RST_STREAM, 0, stream, refused, sizeof(refused));
    } else if (second && h2->trick == H2_WANT_HTTP_1_1) {
        h2_send(h2, H2_RST_STREAM, 0, stream, downgrade, sizeof(downgrade));
    } else if (second) {
        h2_send(h2, H2_GOAWAY, 0, 0, last_is_1, sizeof(last_is_1));
    } else {
        h2_send(h2, H2_HEADERS, H2_END_HEADERS, stream, &status_200, 1);
        h2_send(h2, H2_DATA, H2_END_STREAM, stream, "two", 3);
    }
}

/* Connections come one after the other in one stream of bytes: each begins with the client's preface, "PRI * HTTP/2.0...SM". */
static void *h2_main(void *context) {
    struct h2_server *h2 = context;
    unsigned char head[9], payload[65536];
    while (read_exactly(h2->tls.out_fd, head, sizeof(head))) {
        if (memcmp(head, "PRI * HTT", 9) == 0) {
            if (!read_exactly(h2->tls.out_fd, payload, 24 - 9)) {
                break;
            }
            h2_send(h2, H2_SETTINGS, 0, 0, NULL, 0);
            continue;
        }
        if (memcmp(head, "POST / HT", 9) == 0) { /* a client that took HTTP_1_1_REQUIRED at its word: seen, and left without an answer */
            pthread_mutex_lock(&h2->mutex);
            h2->requests++;
            pthread_mutex_unlock(&h2->mutex);
            break;
        }
        size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (length > sizeof(payload) || !read_exactly(h2->tls.out_fd, payload, length)) {
            break;
        }
        if (head[3] == H2_SETTINGS && !(head[4] & H2_ACK)) {
            h2_send(h2, H2_SETTINGS, H2_ACK, 0, NULL, 0);
        } else if (head[3] == H2_HEADERS) {
            pthread_mutex_lock(&h2->mutex);
            h2->requests++;
            pthread_mutex_unlock(&h2->mutex);
        }
        bool whole = (head[3] == H2_HEADERS || head[3] == H2_DATA) && (head[4] & H2_END_STREAM);
        if (h2->trick == H2_EARLY ? head[3] == H2_HEADERS : whole) {
            h2_answer(h2, (uint32_t)head[7] << 8 | head[8]);
        }
    }
    return NULL;
}

static unsigned h2_requests(struct h2_server *h2) {
    pthread_mutex_lock(&h2->mutex);
    unsigned requests = h2->requests;
    pthread_mutex_unlock(&h2->mutex);
    return requests;
}

static void h2_start(struct h2_server *h2, enum h2_trick trick) {
    static const char *const options[] = {"-quiet", "-alpn", "h2,http/1.1", NULL};
    *h2 = (struct h2_server){.trick = trick};
    pthread_mutex_init(&h2->mutex, NULL);
    tls_start(&h2->tls, options);
    assert_int_equal(pthread_create(&h2->thread, NULL, h2_main, h2), 0);
}

static void h2_stop(struct h2_server *h2) {
    tls_stop(&h2->tls);
    pthread_join(h2->thread, NULL);
    tls_close(&h2->tls);
    pthread_mutex_destroy(&h2->mutex);
}

static struct fetch_request h2_request(const struct h2_server *h2, bool once) {
    static char url[64];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", h2->tls.port);
    struct fetch_request request = bench_request(url);
    request.method = "POST";
    request.body = "buy";
    request.body_length = 3;
    request.once = once;
    return request;
}

/* Two requests: the first is answered, the second suffers the trick. Returns how many reached the server. */
static unsigned play_h2(enum h2_trick trick, bool once, struct bench *bench) {
    static struct h2_server h2;
    h2_start(&h2, trick);
    bench_open(bench, ca_file);
    struct fetch_request request = h2_request(&h2, once);
    bench_expect_whole(bench_run(bench, &request), 200, "two");
    assert_int_equal(h2_requests(&h2), 1);
    (void)bench_run(bench, &request);
    bench_close(bench);
    h2_stop(&h2);
    return h2.requests;
}

static void test_http2_sends_again_by_itself(void **state) {
    (void)state;
    struct bench bench;
    assert_int_equal(play_h2(H2_REFUSE, false, &bench), 3);
    bench_expect_whole(&bench.answer, 200, "two");
    assert_int_equal(play_h2(H2_GO_AWAY, false, &bench), 2); /* not upon this, yet */
    bench_expect_broken(&bench.answer, "reset", true);
}

static void test_http2_once(void **state) {
    (void)state;
    static const enum h2_trick tricks[] = {H2_REFUSE, H2_GO_AWAY, H2_WANT_HTTP_1_1};
    for (size_t i = 0; i < sizeof(tricks) / sizeof(*tricks); i++) {
        struct bench bench;
        assert_int_equal(play_h2(tricks[i], true, &bench), 2);
        bench_expect_broken(&bench.answer, "reset", true);
        assert_int_equal(bench.answer.status, 0);
    }
}

/* Answered before their bodies are sent, sometimes: it is a race, so several times. */
static void test_http2_early_answers(void **state) {
    (void)state;
    static struct h2_server h2;
    struct bench bench;
    h2_start(&h2, H2_EARLY);
    bench_open(&bench, ca_file);
    struct fetch_request request = h2_request(&h2, true);
    for (int i = 0; i < 8; i++) {
        bench_expect_whole(bench_run(&bench, &request), 200, "two");
        assert_in_range(bench.answer.time_ms, 0, 5000);
    }
    assert_int_equal(h2_requests(&h2), 8);
    bench_close(&bench);
    h2_stop(&h2);
}

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verification),
        cmocka_unit_test(test_old_tls_is_refused),
        cmocka_unit_test(test_ca_file_that_is_missing),
        cmocka_unit_test(test_http2_sends_again_by_itself),
        cmocka_unit_test(test_http2_once),
        cmocka_unit_test(test_http2_early_answers),
    };
    return cmocka_run_group_tests(tests, tls_make_certificates, tls_remove_certificates);
}
