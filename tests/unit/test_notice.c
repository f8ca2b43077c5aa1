// SPDX-License-Identifier: Apache-2.0
#include "spool/notice.h"

#include "spool_scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID "20261128T100000Z-0123456789ab-completed"

static enum rc parse(const char *text) {
    struct notice notice;
    struct err err = {0};
    enum rc rc = notice_parse(ID, text, strlen(text), &notice, &err);
    notice_release(&notice);
    return rc;
}

static void test_ids(void **state) {
    char a[JOBID_SIZE], b[JOBID_SIZE];
    (void)state;
    notice_id_make(NOTICE_FILE_FAILED, INT64_C(1795860000000000), "job 9", "mailto:a@example.com", a);
    assert_true(jobid_valid(a));
    assert_non_null(strstr(a, "-file-failed"));
    notice_id_make(NOTICE_FILE_FAILED, INT64_C(1795860000000000), "job 9", "mailto:a@example.com", b);
    assert_string_equal(a, b);
    notice_id_make(NOTICE_FILE_FAILED, INT64_C(1795860000000000), "job 10", "mailto:a@example.com", b);
    assert_string_not_equal(a, b);
    notice_id_make(NOTICE_FILE_FAILED, INT64_C(1795860000000000), "job 9", "mailto:b@example.com", b);
    assert_string_not_equal(a, b);
    notice_id_make(NOTICE_HELD, INT64_C(1795860000000000), "job 9", "mailto:a@example.com", b);
    assert_string_not_equal(a, b);
}

static void test_parse(void **state) {
    (void)state;
    assert_int_equal(parse("{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\"}"), RC_OK);
    assert_int_equal(parse("{\"v\":1,\"event\":\"digest\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"digest_of\":[\"" ID "\"]}"),
                     RC_OK);
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"v\":2,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\"}",
        "{\"v\":1,\"event\":\"nothing\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\"}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\\r\\nBcc: b@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\"}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"now\"}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"more\":1}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"seq\":1}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"job_id\":\"../x\"}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"awaits\":\"results/../../etc/passwd\"}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"awaits\":\"journal/x\"}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"values\":[]}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"values\":{\"a\":1}}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"values\":{\"a b\":\"x\"}}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"digest_of\":[\"" ID "\"]}",
        "{\"v\":1,\"event\":\"digest\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\"}",
        "{\"v\":1,\"event\":\"digest\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\",\"digest_of\":[\"x/../y\"]}",
        "{\"v\":1,\"event\":\"completed\",\"to\":\"mailto:a@example.com\",\"created_at\":\"2026-11-28T10:00:00Z\"} x",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(bad[i]), RC_PERM);
}

static struct notice make(void) {
    struct notice notice = {.kind = NOTICE_COMPLETED, .seq = 7, .created_us = INT64_C(1795860000123456)};
    strcpy(notice.id, ID);
    strcpy(notice.to, "mailto:a@example.com");
    strcpy(notice.job_id, "20261128T100000Z-aaaaaaaaaaaa-x");
    notice.values = cJSON_CreateObject();
    cJSON_AddStringToObject(notice.values, "name", "A \"<b>\" \xc3\xbc\n");
    return notice;
}

static void test_files(void **state) {
    struct bench *b = *state;
    struct spool *spool = b->spool;
    struct err err = {0};
    struct notice notice = make(), again;
    struct stat st;
    struct buf why = BUF_INIT(1000);
    assert_int_equal(notice_find(spool, ID), NOTICE_NONE);
    assert_int_equal(notice_put(spool, &notice, NOTICE_PENDING, 0, &err), RC_OK);
    assert_int_equal(notice_put(spool, &notice, NOTICE_PENDING, 0, &err), RC_OK); /* there already */
    assert_int_equal(notice_find(spool, ID), NOTICE_PENDING);
    assert_int_equal(notice_read(spool, NOTICE_PENDING, ID, &again, &st, &err), RC_OK);
    assert_int_equal(again.seq, 7);
    assert_true(again.created_us == notice.created_us);
    assert_string_equal(again.to, notice.to);
    assert_true(cJSON_Compare(again.values, notice.values, true));
    notice_release(&again);
    assert_int_equal(notice_move(spool, ID, NOTICE_PENDING, NOTICE_DEFERRED, INT64_C(1999999999000000), true, &err), RC_OK);
    notice_why_write(spool, NOTICE_DEFERRED, ID, "what:   later\n");
    assert_int_equal(notice_read(spool, NOTICE_DEFERRED, ID, &again, &st, &err), RC_OK);
    notice_release(&again);
    assert_int_equal(st.st_mtim.tv_sec, 1999999999);
    assert_int_equal(notice_why_read(spool, NOTICE_DEFERRED, ID, &why, &err), RC_OK);
    assert_string_equal(buf_text(&why), "what:   later\n");
    assert_int_equal(notice_move(spool, ID, NOTICE_DEFERRED, NOTICE_PENDING, 0, true, &err), RC_OK);
    assert_int_equal(notice_why_read(spool, NOTICE_DEFERRED, ID, &why, NULL), RC_GONE);
    assert_int_equal(notice_move(spool, ID, NOTICE_DEFERRED, NOTICE_PENDING, 0, true, &err), RC_GONE);
    assert_int_equal(notice_read(spool, NOTICE_PENDING, "../x", &again, &st, &err), RC_PERM);
    assert_int_equal(notice_remove(spool, NOTICE_PENDING, ID, &err), RC_OK);
    assert_int_equal(notice_find(spool, ID), NOTICE_NONE);
    buf_release(&why);
    notice_release(&notice);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ids), cmocka_unit_test(test_parse),
                                       cmocka_unit_test_setup_teardown(test_files, bench_setup, bench_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
