// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_LOAD_FIXTURE_H
#define TESTS_UNIT_LOAD_FIXTURE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_dump.h"

#include "base/clock.h"
#include "engine/load.h"
#include "os/fsio.h"
#include "spool/payload.h"

/* A spool with captured payloads, made by hand, and the definition of a source "leads". */

#define JOB_A "20261101T000000Z-00000000000a-leads"
#define JOB_B "20261102T000000Z-00000000000b-leads"
#define JOB_C "20261103T000000Z-00000000000c-leads"
#define JOB_D "20261104T000000Z-00000000000d-leads"

#define LEADS_HEAD                                                                                                                                             \
    "{\"name\":\"leads\",\"steps\":[{\"name\":\"search\",\"http\":{\"method\":\"GET\",\"url\":\"https://api.example.com/leads\"}}],"                           \
    "\"paginator\":{\"type\":\"offset\",\"limit\":400,\"offset\":0,\"limit_param\":\"Limit\",\"offset_param\":\"Start\",\"total_path\":\"/total\"},"           \
    "\"data_selector\":\"/results\","
#define LEADS_TAIL ",\"children\":{\"owners\":{\"data_selector\":\"/Persons\",\"primary_key\":\"/PersonKey\"}}}"
#define LEADS LEADS_HEAD "\"primary_key\":\"/RadarID\"" LEADS_TAIL

struct fixture {
    char root[256], path[320], sources_dir[320];
    struct spool *spool;
    struct sources *sources;
};

static inline void write_text(int dir_fd, const char *name, mode_t mode, const char *text) {
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static inline void define_source(struct fixture *f, const char *text) {
    char path[400];

    (void)snprintf(path, sizeof(path), "%s/leads.json", f->sources_dir);
    write_text(AT_FDCWD, path, 0660, text);
    sources_free(f->sources);
    assert_int_equal(sources_new(f->sources_dir, NULL, &f->sources, NULL), RC_OK);
}

static inline void start(struct fixture *f) {
    const char *base = getenv("TMPDIR");
    struct err err = {0};

    memset(f, 0, sizeof(*f));
    (void)snprintf(f->root, sizeof(f->root), "%s/load-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(f->root));
    (void)snprintf(f->path, sizeof(f->path), "%s/spool", f->root);
    (void)snprintf(f->sources_dir, sizeof(f->sources_dir), "%s/sources", f->root);
    assert_int_equal(mkdir(f->sources_dir, 0770), 0);
    define_source(f, LEADS);
    if (spool_init(f->path, &err) != RC_OK || spool_open(f->path, "test", &f->spool, &err) != RC_OK)
        fail_msg("%s", err.text);
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static inline void stop(struct fixture *f) {
    spool_close(f->spool);
    sources_free(f->sources);
    nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void put_event(struct fixture *f, const char *job_id, const char *event, const char *json) {
    cJSON *members = cJSON_Parse(json);
    struct err err = {0};

    assert_non_null(members);
    if (journal_put(f->spool, job_id, event, "daemon", members, &err) != RC_OK)
        fail_msg("%s", err.text);
    cJSON_Delete(members);
}

static inline void accept_job(struct fixture *f, const char *job_id, const char *campaign) {
    char json[512];

    (void)snprintf(
        json, sizeof(json),
        "{\"text\":\"{}\",\"sha256\":\"00\",\"name\":\"leads\",\"source\":\"leads\",\"campaign_id\":\"%s\",\"priority\":\"normal\",\"process\":\"manual\","
        "\"mode\":\"run\",\"metered\":true}",
        campaign);
    put_event(f, job_id, "accepted", json);
    put_event(f, job_id, "claimed", "{}");
}

/* A payload as capture leaves it; day orders the captures. cost may be NULL. */
static inline void capture(struct fixture *f, const char *job_id, const char *campaign, uint32_t batch, unsigned day, const char *body, const char *cost) {
    char raw[PAYLOAD_PATH_SIZE], month[16], sha256[DIGEST_HEX_SIZE], json[1024], price[64] = "";
    struct err err = {0};

    payload_raw_path(job_id, campaign, batch, NULL, raw);
    (void)snprintf(month, sizeof(month), "%.7s", raw);
    (void)mkdirat(f->spool->raw_fd, month, 02750);
    write_text(f->spool->raw_fd, raw, 0440, body);
    digest_of_hex(body, strlen(body), sha256);
    if (cost != NULL)
        (void)snprintf(price, sizeof(price), ",\"cost\":\"%s\"", cost);
    (void)snprintf(
        json, sizeof(json),
        "{\"batch\":%u,\"attempt\":1,\"paid\":true,\"file\":\"%s\",\"sha256\":\"%s\",\"bytes\":%zu,\"captured_at\":\"2026-11-%02uT00:00:00.000001Z\"%s}", batch,
        raw, sha256, strlen(body), day, price);
    put_event(f, job_id, "captured", json);
    if (payload_mark(f->spool, job_id, batch, raw, SHELF_PENDING, &err) != RC_OK)
        fail_msg("%s", err.text);
}

static inline struct load_report load(struct fixture *f, struct load_options options) {
    struct load_report report;
    struct err err = {0};

    options.shelves = 1u << SHELF_PENDING | 1u << SHELF_READY;
    if (load_run(f->spool, f->sources, &options, &report, &err) != RC_OK)
        fail_msg("%s", err.text);
    return report;
}

/* Start a worker as the programs do, with a planned fault (NULL: none). */
static inline pid_t start_worker(struct fixture *f, const char *fault) {
    const struct load_options options = {.shelves = 1u << SHELF_PENDING | 1u << SHELF_READY};
    const char *args[16];
    pid_t pid;

    load_worker_args("/proc/self/exe", f->path, f->sources_dir, "", &options, args);
    assert_string_equal(args[1], "--load-worker");
    (void)fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR), count = 2;
        char *argv[16];
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        if (fault != NULL)
            setenv("BATCHSPOOL_FAULT", fault, 1);
        for (; args[count] != NULL; count++)
            argv[count - 2] = strdup(args[count]);
        _exit(load_worker_main(count - 2, argv));
    }
    return pid;
}

static inline int end_worker(pid_t pid) {
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* The events of this name in a job's journal (of one batch, or 0: all). */
struct event_count {
    const char *event;
    uint32_t batch;
    unsigned count;
};

static inline void count_event(void *context, const struct job_row *row, const struct journal_line *line) {
    struct event_count *wanted = context;
    const cJSON *batch = cJSON_GetObjectItemCaseSensitive(line->json, "batch");

    (void)row;
    wanted->count += strcmp(line->event, wanted->event) == 0 && (wanted->batch == 0 || (cJSON_IsNumber(batch) && batch->valueint == (int)wanted->batch));
}

static inline unsigned events(struct fixture *f, const char *job_id, const char *event, uint32_t batch) {
    struct event_count wanted = {.event = event, .batch = batch};
    struct job_row row;
    struct err err = {0};

    if (job_row_read(f->spool, job_id, &row, count_event, &wanted, &err) != RC_OK)
        fail_msg("%s", err.text);
    return wanted.count;
}

static inline enum shelf shelf_of(struct fixture *f, const char *job_id, uint32_t batch) {
    char marker[PAYLOAD_PATH_SIZE];

    payload_marker_name(job_id, batch, marker);
    return payload_marker_shelf(f->spool, marker);
}

#endif
