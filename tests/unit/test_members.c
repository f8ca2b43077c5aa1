// SPDX-License-Identifier: Apache-2.0
#include "spool/members.h"

#include "os/fsio.h"
#include "spool_scratch.h"

#define FILE_A ID_A "/members.ndjson"

static enum rc write_list(struct bench *b, uint64_t count, char sha256[DIGEST_HEX_SIZE]) {
    struct members_writer *w;
    enum rc rc = members_begin(b->spool, ID_A, &w, &b->err);
    if (rc)
        return rc;
    for (uint64_t i = 0; !rc && i < count; i++) {
        char key[40];
        str_format(key, sizeof key, i % 2 ? "\"P%06llu\"" : "%llu", (unsigned long long)i);
        rc = members_add(w, slice_of(key), i % 3 ? "" : ID_B, &b->err);
    }
    if (rc) {
        members_abort(w);
        return rc;
    }
    return members_commit(w, sha256, &b->err);
}

static void written_and_read(void **state) {
    struct bench *b = *state;
    char sha256[DIGEST_HEX_SIZE], key[40];
    struct members *m;
    struct member member;
    assert_int_equal(members_open(b->spool, ID_A, NULL, &m, &b->err), RC_GONE);
    assert_int_equal(write_list(b, 20000, sha256), RC_OK);
    assert_int_equal(members_open(b->spool, ID_A, sha256, &m, &b->err), RC_OK);
    size_t middle = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        middle = i == 10001 ? members_at(m) : middle;
        assert_true(members_next(m, &member));
        str_format(key, sizeof key, i % 2 ? "\"P%06llu\"" : "%llu", (unsigned long long)i);
        assert_true(slice_equals(member.key, key));
        assert_string_equal(member.job_id, i % 3 ? "" : ID_B);
    }
    assert_false(members_next(m, &member));
    members_seek(m, middle);
    assert_true(members_next(m, &member));
    assert_true(slice_equals(member.key, "\"P010001\""));
    members_close(m);
}

static void empty(void **state) {
    struct bench *b = *state;
    char sha256[DIGEST_HEX_SIZE];
    struct members *m;
    struct member member;
    assert_int_equal(write_list(b, 0, sha256), RC_OK);
    assert_int_equal(members_open(b->spool, ID_A, sha256, &m, &b->err), RC_OK);
    assert_false(members_next(m, &member));
    members_close(m);
}

static void changed(void **state) {
    struct bench *b = *state;
    char sha256[DIGEST_HEX_SIZE];
    struct members *m;
    struct member member;
    assert_int_equal(write_list(b, 10, sha256), RC_OK);
    bench_put(b->spool->results_fd, FILE_A, "{\"key\":1}\n{\"key\":2,\"job\":\"../../x\"}\n");
    assert_int_equal(members_open(b->spool, ID_A, sha256, &m, &b->err), RC_CORRUPT);
    assert_int_equal(members_open(b->spool, ID_A, NULL, &m, &b->err), RC_OK);
    assert_true(members_next(m, &member));
    assert_false(members_next(m, &member));
    members_close(m);
}

static int write_again(struct bench *b) {
    char sha256[DIGEST_HEX_SIZE];
    return (int)write_list(b, 7, sha256);
}

/* After any stop there is no list, or the whole one, and the next try succeeds. */
static void stopped_at_every_step(void **state) {
    struct bench *b = *state;
    static const char *const actions[] = {"kill", "eio", "enospc", "short"};
    char first[DIGEST_HEX_SIZE], second[DIGEST_HEX_SIZE];
    struct members *m;
    assert_int_equal(write_list(b, 7, first), RC_OK);
    for (size_t action = 0; action < 4; action++) {
        bool stopped = true;
        for (int point = 1; stopped; point++) {
            char spec[32];
            int code;
            unlinkat(b->spool->results_fd, FILE_A, 0);
            str_format(spec, sizeof spec, "%d:%s", point, actions[action]);
            stopped = bench_faulty(b, spec, write_again, &code) || code != RC_OK;
            enum rc rc = members_open(b->spool, ID_A, first, &m, &b->err);
            assert_true(rc == RC_OK || (stopped && rc == RC_GONE));
            members_close(m);
            assert_int_equal(write_list(b, 7, second), RC_OK);
            assert_string_equal(first, second);
            assert_true(point < 30);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {BENCH_TEST(written_and_read), BENCH_TEST(empty), BENCH_TEST(changed), BENCH_TEST(stopped_at_every_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
