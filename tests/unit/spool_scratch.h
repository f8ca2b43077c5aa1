// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SPOOL_SCRATCH_H
#define TESTS_SPOOL_SCRATCH_H

#include "os_scratch.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "spool/job.h"
#include "spool/journal.h"
#include "spool/layout.h"

#include <sys/stat.h>
#include <sys/wait.h>

#define ID_A "20261123T170501Z-4f9c2a01b7d3-ca-absentee"
#define ID_B "20261123T170502Z-4f9c2a01b7d4-nv"
#define SUM_A "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* of "abc" */

/* A spool of one test: setup and teardown functions for cmocka, *state is a struct bench. */
struct bench {
    struct scratch *scratch;
    struct spool *spool;
    char root[300];
    struct err err;
};

static inline int bench_setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    void *scratch;
    assert_non_null(b);
    scratch_setup(&scratch);
    b->scratch = scratch;
    snprintf(b->root, sizeof b->root, "%s/spool", b->scratch->path);
    assert_int_equal(spool_init(b->root, &b->err), RC_OK);
    assert_int_equal(spool_open(b->root, "node-1", &b->spool, &b->err), RC_OK);
    *state = b;
    return 0;
}

static inline int bench_teardown(void **state) {
    struct bench *b = *state;
    void *scratch = b->scratch;
    spool_close(b->spool);
    scratch_teardown(&scratch);
    free(b);
    return 0;
}

static inline void bench_put(int dir_fd, const char *name, const char *text) {
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static inline bool bench_has(int dir_fd, const char *name) {
    struct stat st;
    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The place of "<id>.json"; PLACE_NONE when it is in none, PLACE_COUNT when in several. */
static inline enum place bench_place(const struct bench *b, const char *id) {
    char name[JOBID_SIZE + 8];
    enum place where = PLACE_NONE;
    snprintf(name, sizeof name, "%s.json", id);
    for (enum place place = PLACE_PENDING; place < PLACE_COUNT; place++)
        if (bench_has(b->spool->place_fd[place], name))
            where = where == PLACE_NONE ? place : PLACE_COUNT;
    return where;
}

/* One event; members is a JSON object or NULL. */
static inline void bench_event(const struct bench *b, const char *id, const char *event, const char *by, const char *members) {
    struct err err = {0};
    cJSON *json = members != NULL ? cJSON_Parse(members) : NULL;
    assert_true(members == NULL || json != NULL);
    assert_int_equal(journal_put(b->spool, id, event, by, json, &err), RC_OK);
    cJSON_Delete(json);
}

#define JOB_TEXT "{\"source\":\"test\"}"

/* An accepted job with its file in pending/. */
static inline void bench_job(const struct bench *b, const char *id) {
    char name[JOBID_SIZE + 8], sum[DIGEST_HEX_SIZE];
    struct err err = {0};
    snprintf(name, sizeof name, "%s.json", id);
    bench_put(b->spool->place_fd[PLACE_PENDING], name, JOB_TEXT);
    digest_of_hex(JOB_TEXT, strlen(JOB_TEXT), sum);
    cJSON *members = cJSON_CreateObject();
    cJSON_AddStringToObject(members, "text", JOB_TEXT);
    cJSON_AddStringToObject(members, "sha256", sum);
    cJSON_AddStringToObject(members, "source", "test");
    cJSON_AddStringToObject(members, "campaign_id", "CA");
    cJSON_AddStringToObject(members, "criteria_hash", sum);
    assert_int_equal(journal_put(b->spool, id, "accepted", "daemon", members, &err), RC_OK);
    cJSON_Delete(members);
}

static inline struct job_row bench_row(const struct bench *b, const char *id) {
    struct job_row row;
    struct err err = {0};
    assert_int_equal(job_row_read(b->spool, id, &row, NULL, NULL, &err), RC_OK);
    return row;
}

static inline void bench_mv(const struct bench *b, const char *id, enum place from, enum place to) {
    char name[JOBID_SIZE + 8];
    snprintf(name, sizeof name, "%s.json", id);
    assert_int_equal(renameat(b->spool->place_fd[from], name, b->spool->place_fd[to], name), 0);
}

/* Run fn in a process with this fault plan ("N:ACTION[:NAME]"). True when it was killed; else *code is what fn returned. */
static inline bool bench_faulty(struct bench *b, const char *plan, int (*fn)(struct bench *b), int *code) {
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("BATCHSPOOL_FAULT", plan, 1);
        fault_init();
        _exit(fn(b));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

#endif
