// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "spool/pack.h"

#define COUNT 3u

static const char *const names[COUNT] = {"a.json", "b.json",
                                         "a-campaign-whose-name-is-as-long-as-one-may-be-0123456789-0123456_batch0001_20261123T170501Z-4f9c2a01b7d3.json"};

/* Raw payloads of 2026-11, and one that is large. */
static void make_files(struct bench *b, struct pack_file files[COUNT]) {
    static char large[700000];
    memset(large, 'x', sizeof large - 1);
    const char *const texts[COUNT] = {"abc", "", large};
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(files[i].path, sizeof files[i].path, "2026-11/%s", names[i]);
        digest_of_hex(texts[i], strlen(texts[i]), files[i].sha256);
        bench_put(b->spool->payloads_tmp_fd, "x", texts[i]);
        assert_int_equal(payload_publish(b->spool, "x", files[i].path, files[i].sha256, &b->err), RC_OK);
    }
}

static void make(struct bench *b, const struct pack_file *files, size_t count, struct pack *pack) {
    if (pack_make(b->spool, "2026-11", files, count, pack, &b->err) != RC_OK)
        fail_msg("%s", b->err.text);
}

static void what_is_packed_is_listed_and_checked(void **state) {
    struct bench *b = *state;
    struct pack_file files[COUNT], *listed;
    struct pack pack, last;
    size_t count;
    make_files(b, files);
    assert_int_equal(pack_last(b->spool, "2026-11", &last, &listed, &count, &b->err), RC_OK);
    assert_true(count == 0 && last.name[0] == '\0');
    make(b, files, COUNT, &pack);
    assert_string_equal(pack.name, "2026-11.tar.zst");
    assert_int_equal(pack_check(b->spool, pack.name, &last, &b->err), RC_OK);
    assert_string_equal(last.sha256, pack.sha256);
    assert_true(last.bytes == pack.bytes);
    assert_int_equal(pack_last(b->spool, "2026-11", &last, &listed, &count, &b->err), RC_OK);
    assert_int_equal(count, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(pack_has(listed, count, files[i].path, files[i].sha256));
    assert_false(pack_has(listed, count, files[0].path, files[1].sha256));
    assert_false(pack_has(listed, count, "2026-11/c.json", files[0].sha256));
    free(listed);
    make(b, files, 1, &pack);
    assert_string_equal(pack.name, "2026-11.2.tar.zst");
    assert_int_equal(pack_last(b->spool, "2026-11", &last, &listed, &count, &b->err), RC_OK);
    assert_true(count == 1 && strcmp(last.name, pack.name) == 0);
    free(listed);
    assert_false(bench_has(b->spool->archive_fd, ".pack"));
}

static void lists_that_a_kill_left_out_are_made_again(void **state) {
    struct bench *b = *state;
    struct pack_file files[COUNT], *listed;
    struct pack pack, last;
    size_t count;
    make_files(b, files);
    make(b, files, COUNT, &pack);
    assert_int_equal(unlinkat(b->spool->archive_fd, "2026-11.tar.zst.sha256", 0), 0);
    assert_int_equal(unlinkat(b->spool->archive_fd, "2026-11.SHA256SUMS", 0), 0);
    assert_int_equal(pack_last(b->spool, "2026-11", &last, &listed, &count, &b->err), RC_OK);
    assert_int_equal(count, COUNT);
    assert_true(pack_has(listed, count, files[2].path, files[2].sha256));
    assert_int_equal(pack_check(b->spool, pack.name, &last, &b->err), RC_OK);
    free(listed);
    /* One that was taken away is no help, and its name is not given again. */
    assert_int_equal(unlinkat(b->spool->archive_fd, "2026-11.tar.zst", 0), 0);
    assert_int_equal(pack_last(b->spool, "2026-11", &last, &listed, &count, &b->err), RC_OK);
    assert_int_equal(count, 0);
    make(b, files, 1, &pack);
    assert_string_equal(pack.name, "2026-11.2.tar.zst");
}

static void what_is_damaged_is_not_packed(void **state) {
    struct bench *b = *state;
    struct pack_file files[COUNT];
    struct pack pack;
    make_files(b, files);
    memcpy(files[1].sha256, files[0].sha256, sizeof files[1].sha256);
    assert_int_equal(pack_make(b->spool, "2026-11", files, COUNT, &pack, &b->err), RC_CORRUPT);
    snprintf(files[1].path, sizeof files[1].path, "2026-11/gone.json");
    assert_int_equal(pack_make(b->spool, "2026-11", files, COUNT, &pack, &b->err), RC_CORRUPT);
    assert_false(bench_has(b->spool->archive_fd, ".pack"));
    assert_false(bench_has(b->spool->archive_fd, "2026-11.tar.zst"));
}

static enum rc count_file(void *context, const char *path, const char *sha256, struct err *err) {
    (void)sha256;
    (void)err;
    assert_int_equal(strncmp(path, "2026-11/", 8), 0);
    ++*(size_t *)context;
    return RC_OK;
}

static void what_was_packed_comes_back(void **state) {
    struct bench *b = *state;
    struct pack_file files[COUNT];
    struct pack pack;
    char sum[DIGEST_HEX_SIZE];
    uint64_t bytes;
    size_t count = 0;
    make_files(b, files);
    assert_int_equal(pack_restore(b->spool, "2026-11", count_file, &count, &b->err), RC_GONE);
    make(b, files, 2, &pack);
    make(b, files + 2, 1, &pack);
    for (size_t i = 0; i < COUNT; i += 2) /* the other one is there still */
        assert_int_equal(unlinkat(b->spool->raw_fd, files[i].path, 0), 0);
    assert_int_equal(pack_sum(b->spool, files[0].path, sum, NULL, &b->err), RC_GONE);
    assert_int_equal(pack_restore(b->spool, "2026-11", count_file, &count, &b->err), RC_OK);
    assert_int_equal(count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(pack_sum(b->spool, files[i].path, sum, &bytes, &b->err), RC_OK);
        assert_string_equal(sum, files[i].sha256);
    }
    assert_true(bytes == 699999);
    assert_false(bench_has(b->spool->payloads_tmp_fd, ".restored.body"));
}

static void a_damaged_archive_is_found(void **state) {
    struct bench *b = *state;
    struct pack_file files[COUNT];
    struct pack pack;
    size_t count = 0;
    make_files(b, files);
    make(b, files, COUNT, &pack);
    int fd = openat(b->spool->archive_fd, pack.name, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "XXXX", 4, 60), 4);
    close(fd);
    assert_int_equal(pack_check(b->spool, pack.name, &pack, &b->err), RC_CORRUPT);
    assert_int_equal(pack_restore(b->spool, "2026-11", count_file, &count, &b->err), RC_CORRUPT);
    assert_int_equal(pack_check(b->spool, "2026-10.tar.zst", &pack, &b->err), RC_GONE);
}

static void one_at_a_time(void **state) {
    struct bench *b = *state;
    struct spool *other;
    assert_int_equal(pack_lock(b->spool, &b->err), RC_OK);
    assert_int_equal(spool_open(b->root, "node-1", &other, &b->err), RC_OK);
    assert_int_equal(pack_lock(other, &b->err), RC_AGAIN);
    spool_close(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(what_is_packed_is_listed_and_checked), BENCH_TEST(lists_that_a_kill_left_out_are_made_again),
        BENCH_TEST(what_is_damaged_is_not_packed),        BENCH_TEST(what_was_packed_comes_back),
        BENCH_TEST(a_damaged_archive_is_found),           BENCH_TEST(one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
