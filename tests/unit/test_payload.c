// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "os/fsio.h"
#include "spool/payload.h"

#define RAW "2026-11/CA_batch0001_20261123T170501Z-4f9c2a01b7d3.json"
#define TMP ID_A "_batch0001.1.body"
#define MARKER ID_A "_batch0001.json"

static void names(void **state) {
    (void)state;
    char name[PAYLOAD_PATH_SIZE], id[JOBID_SIZE];
    uint32_t batch;
    payload_raw_path(ID_A, "CA", 1, NULL, name);
    assert_string_equal(name, RAW);
    payload_raw_path(ID_A, "CA", 12345, "audit", name);
    assert_string_equal(name, "2026-11/CA_batch12345.audit_20261123T170501Z-4f9c2a01b7d3.json");
    payload_tmp_name(ID_A, 1, 1, name);
    assert_string_equal(name, TMP);
    payload_marker_name(ID_A, 1, name);
    assert_string_equal(name, MARKER);
    assert_true(payload_marker_parse(name, id, &batch));
    assert_string_equal(id, ID_A);
    assert_int_equal(batch, 1);
    payload_marker_name(ID_A, 1000000, name);
    assert_true(payload_marker_parse(name, id, &batch));
    assert_int_equal(batch, 1000000);
    static const char *const BAD[] = {ID_A "_batch001.json", ID_A "_batch0000.json",       ID_A "_batch00001.json", ID_A "_batch0001", ID_A ".json", TMP,
                                      "x_batch0001.json",    ID_A "_batch99999999999.json"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(payload_marker_parse(BAD[i], id, &batch));
}

static void publishing_is_repeatable(void **state) {
    struct bench *b = *state;
    struct stat st;
    assert_int_equal(payload_publish(b->spool, TMP, RAW, SUM_A, &b->err), RC_GONE);
    bench_put(b->spool->payloads_tmp_fd, TMP, "abc");
    assert_int_equal(payload_publish(b->spool, TMP, RAW, SUM_A, &b->err), RC_OK);
    assert_false(bench_has(b->spool->payloads_tmp_fd, TMP));
    assert_int_equal(fstatat(b->spool->raw_fd, RAW, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0440);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(fstatat(b->spool->raw_fd, "2026-11", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 02750);
    assert_int_equal(payload_publish(b->spool, TMP, RAW, SUM_A, &b->err), RC_OK);
    bench_put(b->spool->payloads_tmp_fd, TMP, "abc");
    assert_int_equal(payload_publish(b->spool, TMP, RAW, SUM_A, &b->err), RC_OK);
    assert_false(bench_has(b->spool->payloads_tmp_fd, TMP));
}

static void other_bytes_never_replace_a_payload(void **state) {
    struct bench *b = *state;
    char sum[DIGEST_HEX_SIZE];
    digest_of_hex("xyz", 3, sum);
    bench_put(b->spool->payloads_tmp_fd, TMP, "abc");
    assert_int_equal(payload_publish(b->spool, TMP, RAW, SUM_A, &b->err), RC_OK);
    bench_put(b->spool->payloads_tmp_fd, TMP, "xyz");
    assert_int_equal(payload_publish(b->spool, TMP, RAW, sum, &b->err), RC_CORRUPT);
    assert_true(bench_has(b->spool->payloads_tmp_fd, TMP));
}

static int publish(struct bench *b) {
    return (int)payload_publish(b->spool, TMP, RAW, SUM_A, &b->err);
}

static void stopped_at_every_step(void **state) {
    struct bench *b = *state;
    static const char *const ACTIONS[] = {"kill", "eio", "enospc"};
    for (size_t action = 0; action < 3; action++) {
        bool stopped = true;
        for (int point = 1; stopped; point++) {
            char plan[32];
            int code;
            struct stat st;
            unlinkat(b->spool->raw_fd, RAW, 0);
            unlinkat(b->spool->raw_fd, "2026-11", AT_REMOVEDIR);
            bench_put(b->spool->payloads_tmp_fd, TMP, "abc");
            snprintf(plan, sizeof plan, "%d:%s", point, ACTIONS[action]);
            stopped = bench_faulty(b, plan, publish, &code) || code != RC_OK;
            assert_true(bench_has(b->spool->payloads_tmp_fd, TMP) || bench_has(b->spool->raw_fd, RAW));
            assert_int_equal(publish(b), RC_OK);
            assert_false(bench_has(b->spool->payloads_tmp_fd, TMP));
            assert_int_equal(fstatat(b->spool->raw_fd, RAW, &st, 0), 0);
            assert_int_equal(st.st_nlink, 1);
            assert_true(point < 40);
        }
    }
}

static void evidence_is_kept(void **state) {
    struct bench *b = *state;
    assert_int_equal(payload_keep_failed(b->spool, TMP, &b->err), RC_GONE);
    bench_put(b->spool->payloads_tmp_fd, TMP, "abc");
    assert_int_equal(payload_keep_failed(b->spool, TMP, &b->err), RC_OK);
    assert_true(bench_has(b->spool->shelf_fd[SHELF_FAILED], TMP));
}

static void markers(void **state) {
    struct bench *b = *state;
    char raw[PAYLOAD_PATH_SIZE], text[4];
    int fd;
    bench_put(b->spool->payloads_tmp_fd, TMP, "abc");
    assert_int_equal(payload_publish(b->spool, TMP, RAW, SUM_A, &b->err), RC_OK);
    assert_int_equal(payload_marker_shelf(b->spool, MARKER), SHELF_NONE);
    assert_int_equal(payload_mark(b->spool, ID_A, 1, RAW, SHELF_PENDING, &b->err), RC_OK);
    assert_int_equal(payload_marker_shelf(b->spool, MARKER), SHELF_PENDING);
    assert_int_equal(payload_marker_move(b->spool, MARKER, SHELF_PENDING, SHELF_READY, true, &b->err), RC_OK);
    assert_int_equal(payload_marker_move(b->spool, MARKER, SHELF_PENDING, SHELF_READY, true, &b->err), RC_GONE);
    assert_int_equal(payload_mark(b->spool, ID_A, 1, RAW, SHELF_PENDING, &b->err), RC_OK); /* it has one already */
    assert_int_equal(payload_marker_shelf(b->spool, MARKER), SHELF_READY);
    assert_int_equal(payload_open(b->spool, SHELF_READY, MARKER, &fd, raw, &b->err), RC_OK);
    assert_string_equal(raw, RAW);
    assert_int_equal(read(fd, text, sizeof text), 3);
    close(fd);
    assert_int_equal(payload_open(b->spool, SHELF_PENDING, MARKER, &fd, raw, &b->err), RC_GONE);
    assert_int_equal(unlinkat(b->spool->raw_fd, RAW, 0), 0);
    assert_int_equal(payload_open(b->spool, SHELF_READY, MARKER, &fd, raw, &b->err), RC_CORRUPT);
}

static void markers_that_are_missing_are_made(void **state) {
    struct bench *b = *state;
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":1,\"file\":\"" RAW "\",\"sha256\":\"" SUM_A "\"}");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":2,\"file\":\"2026-11/CA_batch0002.json\",\"sha256\":\"" SUM_A "\"}");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":3,\"file\":\"2026-11/CA_batch0003.json\",\"sha256\":\"" SUM_A "\"}"); /* archived since */
    bench_put(b->spool->payloads_tmp_fd, TMP, "abc");
    assert_int_equal(payload_publish(b->spool, TMP, "2026-11/CA_batch0002.json", SUM_A, &b->err), RC_OK);
    assert_int_equal(payload_mark(b->spool, ID_A, 1, RAW, SHELF_PROCESSED, &b->err), RC_OK);
    assert_int_equal(payload_mark_captured(b->spool, ID_A, SHELF_READY, &b->err), RC_OK);
    assert_int_equal(payload_marker_shelf(b->spool, MARKER), SHELF_PROCESSED);
    assert_int_equal(payload_marker_shelf(b->spool, ID_A "_batch0002.json"), SHELF_READY);
    assert_int_equal(payload_marker_shelf(b->spool, ID_A "_batch0003.json"), SHELF_NONE);
}

static void a_month_loses_what_was_archived(void **state) {
    struct bench *b = *state;
    struct buf text = BUF_INIT(4096);
    struct stat st;
    for (int i = 1; i <= 2; i++) {
        char raw[PAYLOAD_PATH_SIZE];
        payload_raw_path(ID_A, "CA", (uint32_t)i, NULL, raw);
        bench_put(b->spool->payloads_tmp_fd, TMP, "abc");
        assert_int_equal(payload_publish(b->spool, TMP, raw, SUM_A, &b->err), RC_OK);
        assert_int_equal(payload_sums_add(b->spool, raw, SUM_A, &b->err), RC_OK);
    }
    assert_int_equal(unlinkat(b->spool->raw_fd, RAW, 0), 0);
    assert_int_equal(payload_month_tidy(b->spool, "2026-11", &b->err), RC_OK);
    assert_int_equal(fstatat(b->spool->raw_fd, "2026-11/SHA256SUMS", &st, 0), 0);
    assert_int_equal(st.st_size, 66 + strlen("CA_batch0002_20261123T170501Z-4f9c2a01b7d3.json\n"));
    assert_int_equal(unlinkat(b->spool->raw_fd, "2026-11/CA_batch0002_20261123T170501Z-4f9c2a01b7d3.json", 0), 0);
    assert_int_equal(payload_month_tidy(b->spool, "2026-11", &b->err), RC_OK);
    assert_false(bench_has(b->spool->raw_fd, "2026-11"));
    /* Made again, SHA256SUMS has what the journals say last. */
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":1,\"file\":\"" RAW "\",\"sha256\":\"" SUM_A "\"}");
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":2,\"file\":\"2026-11/b.json\",\"sha256\":\"" SUM_A "\"}");
    bench_event(b, ID_A, "archived", "daemon", "{\"batch\":1,\"file\":\"" RAW "\",\"sha256\":\"" SUM_A "\"}");
    bench_event(b, ID_A, "archived", "daemon", "{\"batch\":2,\"file\":\"2026-11/b.json\",\"sha256\":\"" SUM_A "\"}");
    bench_event(b, ID_A, "restored", "daemon", "{\"batch\":2,\"file\":\"2026-11/b.json\",\"sha256\":\"" SUM_A "\"}");
    assert_int_equal(mkdirat(b->spool->raw_fd, "2026-11", 0750), 0);
    assert_int_equal(payload_sums_rebuild(b->spool, &b->err), RC_OK);
    assert_int_equal(fsio_read_file(b->spool->raw_fd, "2026-11/SHA256SUMS", &text, &b->err), RC_OK);
    assert_string_equal(buf_text(&text), SUM_A "  b.json\n");
    buf_release(&text);
}

static void markers_lead_nowhere_else(void **state) {
    struct bench *b = *state;
    static const char *const TARGETS[] = {
        "/etc/passwd", "../raw/../../../etc/passwd", "../raw/2026-11/../../tmp/x", "../../jobs/pending/x.json", "../raw/2026-11", "../raw/2026-11/",
        "../raw/x/y",  "../raw/2026-11/.hidden",     "raw/2026-11/x.json"};
    char raw[PAYLOAD_PATH_SIZE];
    int fd;
    assert_int_equal(mkdirat(b->spool->raw_fd, "2026-11", 0750), 0);
    for (size_t i = 0; i < sizeof TARGETS / sizeof TARGETS[0]; i++) {
        assert_int_equal(symlinkat(TARGETS[i], b->spool->shelf_fd[SHELF_READY], MARKER), 0);
        assert_int_equal(payload_open(b->spool, SHELF_READY, MARKER, &fd, raw, &b->err), RC_PERM);
        assert_int_equal(unlinkat(b->spool->shelf_fd[SHELF_READY], MARKER, 0), 0);
    }
    bench_put(b->spool->shelf_fd[SHELF_READY], MARKER, "abc");
    assert_int_equal(payload_open(b->spool, SHELF_READY, MARKER, &fd, raw, &b->err), RC_PERM);
    /* A raw name that is itself a link. */
    assert_int_equal(unlinkat(b->spool->shelf_fd[SHELF_READY], MARKER, 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", b->spool->raw_fd, RAW), 0);
    assert_int_equal(payload_mark(b->spool, ID_A, 1, RAW, SHELF_READY, &b->err), RC_OK);
    assert_int_not_equal(payload_open(b->spool, SHELF_READY, MARKER, &fd, raw, &b->err), RC_OK);
}

static void read_sums(struct bench *b, char *out, size_t size) {
    int fd = openat(b->spool->raw_fd, "2026-11/SHA256SUMS", O_RDONLY);
    assert_true(fd >= 0);
    ssize_t length = read(fd, out, size - 1);
    assert_true(length >= 0);
    out[length] = '\0';
    close(fd);
}

static void sums_can_be_checked(void **state) {
    struct bench *b = *state;
    char before[2048], after[2048], command[600];
    bench_put(b->spool->payloads_tmp_fd, TMP, "abc");
    assert_int_equal(payload_publish(b->spool, TMP, RAW, SUM_A, &b->err), RC_OK);
    bench_event(b, ID_A, "captured", "daemon", "{\"batch\":1,\"file\":\"" RAW "\",\"sha256\":\"" SUM_A "\"}");
    assert_int_equal(payload_sums_add(b->spool, RAW, SUM_A, &b->err), RC_OK);
    read_sums(b, before, sizeof before);
    snprintf(command, sizeof command, "cd %s/payloads/raw/2026-11 && sha256sum --strict --status -c SHA256SUMS", b->root);
    assert_int_equal(system(command), 0);
    assert_int_equal(unlinkat(b->spool->raw_fd, "2026-11/SHA256SUMS", 0), 0);
    bench_event(b, "20261201T000000Z-4f9c2a01b7d3-x", "captured", "daemon", "{\"batch\":1,\"file\":\"2026-12/x.json\",\"sha256\":\"" SUM_A "\"}");
    assert_int_equal(payload_sums_rebuild(b->spool, &b->err), RC_OK);
    read_sums(b, after, sizeof after);
    assert_string_equal(before, after);
    assert_false(bench_has(b->spool->raw_fd, "2026-12/SHA256SUMS")); /* archived */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        BENCH_TEST(publishing_is_repeatable),
        BENCH_TEST(other_bytes_never_replace_a_payload),
        BENCH_TEST(stopped_at_every_step),
        BENCH_TEST(evidence_is_kept),
        BENCH_TEST(markers),
        BENCH_TEST(markers_that_are_missing_are_made),
        BENCH_TEST(a_month_loses_what_was_archived),
        BENCH_TEST(markers_lead_nowhere_else),
        BENCH_TEST(sums_can_be_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
