// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "os/lockfile.h"

static void assert_mode(const struct bench *b, const char *path, mode_t mode) {
    struct stat st;
    assert_int_equal(fstatat(b->spool->root_fd, path, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void names_go_both_ways(void **state) {
    (void)state;
    for (enum place place = PLACE_PENDING; place < PLACE_COUNT; place++)
        assert_int_equal(place_from_name(place_name(place)), place);
    for (enum shelf shelf = SHELF_PENDING; shelf < SHELF_COUNT; shelf++)
        assert_int_equal(shelf_from_name(shelf_name(shelf)), shelf);
    assert_int_equal(place_from_name("none"), PLACE_NONE);
    assert_int_equal(shelf_from_name("hold"), SHELF_NONE);
    assert_string_equal(place_status(PLACE_PROCESSED), "COMPLETED");
    assert_string_equal(place_status(PLACE_HOLD), "HELD");
}

static void modes_are_those_of_the_design(void **state) {
    struct bench *b = *state;
    assert_mode(b, ".", 02770);
    assert_mode(b, "jobs/pending", 02770);
    assert_mode(b, "journal", 02770);
    assert_mode(b, "payloads/raw", 02750);
    assert_mode(b, "payloads/tmp", 02750);
    assert_mode(b, "index", 02750);
    assert_mode(b, "web", 02770);
    assert_mode(b, "web/index", 02770);
}

static void init_repairs(void **state) {
    struct bench *b = *state;
    assert_int_equal(unlinkat(b->spool->root_fd, "results", AT_REMOVEDIR), 0);
    assert_int_equal(fchmodat(b->spool->root_fd, "jobs/hold", 0777, 0), 0);
    struct spool *again;
    assert_int_equal(spool_open(b->root, NULL, &again, &b->err), RC_PERM);
    assert_non_null(strstr(b->err.text, "init"));
    assert_int_equal(spool_init(b->root, &b->err), RC_OK);
    assert_int_equal(spool_init(b->root, &b->err), RC_OK);
    assert_mode(b, "jobs/hold", 02770);
    assert_int_equal(spool_open(b->root, NULL, &again, &b->err), RC_OK);
    assert_true(again->node[0] != '\0');
    spool_close(again);
}

static void something_else_in_the_way(void **state) {
    struct bench *b = *state;
    assert_int_equal(unlinkat(b->spool->root_fd, "archive", AT_REMOVEDIR), 0);
    assert_int_equal(symlinkat("results", b->spool->root_fd, "archive"), 0);
    assert_int_equal(spool_init(b->root, &b->err), RC_PERM);
    struct spool *again;
    assert_int_equal(spool_open(b->root, NULL, &again, &b->err), RC_PERM);
    assert_null(again);
}

static void world_access_is_refused(void **state) {
    struct bench *b = *state;
    struct spool *again;
    assert_int_equal(chmod(b->root, 02775), 0);
    assert_int_equal(spool_open(b->root, NULL, &again, &b->err), RC_PERM);
    assert_non_null(strstr(b->err.text, "chmod o-rwx"));
}

static void no_spool_there(void **state) {
    struct bench *b = *state;
    struct spool *again;
    assert_int_equal(spool_open(b->scratch->path, NULL, &again, &b->err), RC_GONE);
    assert_non_null(strstr(b->err.text, "batchspool init"));
    char path[320];
    snprintf(path, sizeof path, "%s/nothing", b->scratch->path);
    assert_int_equal(spool_open(path, NULL, &again, &b->err), RC_GONE);
}

static void a_node_name_is_made_safe(void **state) {
    struct bench *b = *state;
    struct spool *again;
    assert_int_equal(spool_open(b->root, "a/b \"c", &again, &b->err), RC_OK);
    assert_string_equal(again->node, "a-b--c");
    spool_close(again);
}

static void why_files(void **state) {
    struct bench *b = *state;
    assert_int_equal(spool_why_write(b->spool, PLACE_HOLD, ID_A, "one\n", &b->err), RC_OK);
    assert_int_equal(spool_why_write(b->spool, PLACE_HOLD, ID_A, "two\n", &b->err), RC_OK);
    char text[32];
    int fd = openat(b->spool->place_fd[PLACE_HOLD], ID_A ".why", O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, text, sizeof text), 4);
    assert_memory_equal(text, "two\n", 4);
    close(fd);
    spool_why_remove(b->spool, PLACE_HOLD, ID_A);
    spool_why_remove(b->spool, PLACE_HOLD, ID_A);
    assert_false(bench_has(b->spool->place_fd[PLACE_HOLD], ID_A ".why"));
}

static void the_daemons_lock_is_seen(void **state) {
    struct bench *b = *state;
    int fd;
    assert_false(spool_daemon_runs(b->spool));
    assert_int_equal(lockfile_hold(b->spool->root_fd, SPOOL_LOCK, &fd, &b->err), RC_OK);
    assert_true(spool_daemon_runs(b->spool));
    close(fd);
    assert_false(spool_daemon_runs(b->spool));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_both_ways),
        BENCH_TEST(modes_are_those_of_the_design),
        BENCH_TEST(init_repairs),
        BENCH_TEST(something_else_in_the_way),
        BENCH_TEST(world_access_is_refused),
        BENCH_TEST(no_spool_there),
        BENCH_TEST(a_node_name_is_made_safe),
        BENCH_TEST(why_files),
        BENCH_TEST(the_daemons_lock_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
