// SPDX-License-Identifier: Apache-2.0
#include "spool/layout.h"

#include "base/log.h"
#include "base/str.h"
#include "os/fsio.h"
#include "os/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const PLACE_NAMES[PLACE_COUNT] = {"none", "pending", "processing", "processed", "deferred", "hold", "failed", "cancelled"};
static const char *const PLACE_STATUSES[PLACE_COUNT] = {"NONE", "PENDING", "PROCESSING", "COMPLETED", "DEFERRED", "HELD", "FAILED", "CANCELLED"};
static const char *const SHELF_NAMES[SHELF_COUNT] = {"none", "pending", "ready", "processing", "processed", "failed"};
static const char *const NOTICE_NAMES[NOTICE_STATE_COUNT] = {"none", "pending", "processing", "processed", "deferred", "failed"};

#define FD_NONE SIZE_MAX
#define FD(member) offsetof(struct spool, member)
#define FD_PLACE(place) (offsetof(struct spool, place_fd) + sizeof(int) * (place))
#define FD_SHELF(shelf) (offsetof(struct spool, shelf_fd) + sizeof(int) * (shelf))
#define FD_NOTICE(state) (offsetof(struct spool, notice_fd) + sizeof(int) * (state))

/* Parents come before their children. */
static const struct row {
    const char *path;
    mode_t mode;
    size_t fd; /* where struct spool keeps its descriptor */
} ROWS[] = {
    {"jobs", 02770, FD_NONE},
    {"jobs/tmp", 02770, FD(jobs_tmp_fd)},
    {"jobs/pending", 02770, FD_PLACE(PLACE_PENDING)},
    {"jobs/processing", 02770, FD_PLACE(PLACE_PROCESSING)},
    {"jobs/processed", 02770, FD_PLACE(PLACE_PROCESSED)},
    {"jobs/deferred", 02770, FD_PLACE(PLACE_DEFERRED)},
    {"jobs/hold", 02770, FD_PLACE(PLACE_HOLD)},
    {"jobs/failed", 02770, FD_PLACE(PLACE_FAILED)},
    {"jobs/cancelled", 02770, FD_PLACE(PLACE_CANCELLED)},
    {"payloads", 02770, FD(payloads_fd)},
    {"payloads/tmp", 02750, FD(payloads_tmp_fd)},
    {"payloads/raw", 02750, FD(raw_fd)},
    {"payloads/pending", 02770, FD_SHELF(SHELF_PENDING)},
    {"payloads/ready", 02770, FD_SHELF(SHELF_READY)},
    {"payloads/processing", 02770, FD_SHELF(SHELF_PROCESSING)},
    {"payloads/processed", 02770, FD_SHELF(SHELF_PROCESSED)},
    {"payloads/failed", 02770, FD_SHELF(SHELF_FAILED)},
    {"notices", 02770, FD_NONE},
    {"notices/tmp", 02770, FD(notices_tmp_fd)},
    {"notices/pending", 02770, FD_NOTICE(NOTICE_PENDING)},
    {"notices/processing", 02770, FD_NOTICE(NOTICE_PROCESSING)},
    {"notices/processed", 02770, FD_NOTICE(NOTICE_PROCESSED)},
    {"notices/deferred", 02770, FD_NOTICE(NOTICE_DEFERRED)},
    {"notices/failed", 02770, FD_NOTICE(NOTICE_FAILED)},
    {"documents", 02770, FD_NONE},
    {"documents/tmp", 02770, FD_NONE},
    {"documents/raw", 02770, FD_NONE},
    {"journal", 02770, FD(journal_fd)},
    {"results", 02770, FD(results_fd)},
    {"bookmarks", 02770, FD(bookmarks_fd)},
    {"paused", 02770, FD(paused_fd)},
    {"records", 02770, FD_NONE},
    {"index", 02750, FD_NONE},
    {"archive", 02770, FD(archive_fd)},
    {"web", 02770, FD(web_fd)},
    {"web/searches", 02770, FD_NONE},
    {"web/index", 02770, FD_NONE},
    {"web/sessions", 02770, FD_NONE},
    {"schedules", 02770, FD(schedules_fd)},
};
#define ROW_COUNT (sizeof ROWS / sizeof ROWS[0])
#define ROOT_MODE 02770

const char *place_name(enum place place) {
    return place < PLACE_COUNT ? PLACE_NAMES[place] : PLACE_NAMES[PLACE_NONE];
}

const char *place_status(enum place place) {
    return place < PLACE_COUNT ? PLACE_STATUSES[place] : PLACE_STATUSES[PLACE_NONE];
}

enum place place_from_name(const char *name) {
    for (enum place place = PLACE_PENDING; place < PLACE_COUNT; place++)
        if (strcmp(name, PLACE_NAMES[place]) == 0)
            return place;
    return PLACE_NONE;
}

const char *shelf_name(enum shelf shelf) {
    return shelf < SHELF_COUNT ? SHELF_NAMES[shelf] : SHELF_NAMES[SHELF_NONE];
}

enum shelf shelf_from_name(const char *name) {
    for (enum shelf shelf = SHELF_PENDING; shelf < SHELF_COUNT; shelf++)
        if (strcmp(name, SHELF_NAMES[shelf]) == 0)
            return shelf;
    return SHELF_NONE;
}

const char *notice_state_name(enum notice_state state) {
    return state < NOTICE_STATE_COUNT ? NOTICE_NAMES[state] : NOTICE_NAMES[NOTICE_NONE];
}

static int *row_fd(struct spool *spool, const struct row *row) {
    return (int *)(void *)((char *)spool + row->fd);
}

/* Owner, group and mode of a directory; only root can give one away, and only to the owner of the root. */
static enum rc repair_dir(int dir_fd, const char *path, mode_t mode, const struct stat *owner, struct err *err) {
    int fd;
    enum rc rc = fsio_open_dir(dir_fd, path, &fd, err);
    if (rc != RC_OK)
        return rc;
    struct stat st;
    if (fstat(fd, &st) != 0)
        rc = err_sys(err, "%s", path);
    else if (owner != NULL && geteuid() == 0 && (st.st_uid != owner->st_uid || st.st_gid != owner->st_gid) && fchown(fd, owner->st_uid, owner->st_gid) != 0)
        rc = err_sys(err, "%s: give to user %u", path, (unsigned)owner->st_uid);
    else if ((st.st_mode & 07777) != mode && fchmod(fd, mode) != 0)
        rc = err_sys(err, "%s: set mode %04o", path, (unsigned)mode);
    close(fd);
    return rc;
}

/* Links in the path that leads to the spool are the administrator's business; links inside it are never followed. */
static enum rc make_root(const char *root, int *fd, struct err *err) {
    if (mkdir(root, ROOT_MODE) != 0 && errno != EEXIST)
        return err_sys(err, "%s: make directory", root);
    char *resolved = realpath(root, NULL);
    if (resolved == NULL)
        return err_sys(err, "%s", root);
    enum rc rc = fsio_open_dir(AT_FDCWD, resolved, fd, err);
    free(resolved);
    return rc;
}

enum rc spool_init(const char *root, struct err *err) {
    int fd = -1;
    enum rc rc = make_root(root, &fd, err);
    if (rc != RC_OK)
        return rc == RC_GONE ? RC_PERM : rc;
    struct stat owner;
    rc = fstat(fd, &owner) == 0 ? repair_dir(fd, ".", ROOT_MODE, NULL, err) : err_sys(err, "%s", root);
    for (size_t i = 0; rc == RC_OK && i < ROW_COUNT; i++) {
        rc = fsio_make_dirs(fd, ROWS[i].path, ROWS[i].mode, err);
        if (rc == RC_OK)
            rc = repair_dir(fd, ROWS[i].path, ROWS[i].mode, &owner, err);
    }
    for (size_t i = 0; rc == RC_OK && i < ROW_COUNT; i++)
        rc = fsio_sync_dir(fd, ROWS[i].path, err);
    if (rc == RC_OK)
        rc = fsio_sync_dir(fd, ".", err);
    close(fd);
    return rc == RC_OK ? rc : err_prefix(err, rc, "%s", root);
}

static enum rc check_dir(int fd, const char *root, const char *path, struct err *err) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_sys(err, "%s/%s", root, path);
    if ((st.st_mode & 0007) != 0)
        return err_set(err, RC_PERM,
                       "%s/%s is open to everybody (mode %04o): run `chmod o-rwx %s/%s`, or `batchspool init --spool %s` to repair the whole spool", root, path,
                       (unsigned)(st.st_mode & 07777), root, path, root);
    return RC_OK;
}

static enum rc open_rows(struct spool *spool, struct err *err) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        int fd;
        enum rc rc = fsio_open_dir(spool->root_fd, ROWS[i].path, &fd, err);
        if (rc == RC_TEMP)
            return rc;
        if (rc != RC_OK)
            return err_prefix(err, RC_PERM, "%s is no complete spool: run `batchspool init --spool %s`", spool->root, spool->root);
        rc = check_dir(fd, spool->root, ROWS[i].path, err);
        if (rc == RC_OK && ROWS[i].fd != FD_NONE)
            *row_fd(spool, &ROWS[i]) = fd;
        else
            close(fd);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* The node's name goes into every event and, in a cluster, into directory names. */
static void set_node(struct spool *spool, const char *node) {
    char host[256] = "localhost";
    if (node == NULL || node[0] == '\0') {
        if (gethostname(host, sizeof host - 1) != 0)
            str_copy(host, sizeof host, "localhost");
        node = host;
    }
    size_t length = strnlen(node, sizeof spool->node - 1);
    for (size_t i = 0; i < length; i++) {
        char one[2] = {node[i], '\0'};
        spool->node[i] = str_is_name(one) || node[i] == '.' ? node[i] : '-';
    }
    spool->node[length] = '\0';
}

static struct spool *spool_new(void) {
    struct spool *spool = calloc(1, sizeof *spool);
    if (spool == NULL)
        return NULL;
    spool->root_fd = -1;
    spool->place_fd[PLACE_NONE] = -1;
    spool->shelf_fd[SHELF_NONE] = -1;
    spool->notice_fd[NOTICE_NONE] = -1;
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].fd != FD_NONE)
            *row_fd(spool, &ROWS[i]) = -1;
    return spool;
}

enum rc spool_open(const char *root, const char *node, struct spool **out, struct err *err) {
    *out = NULL;
    struct spool *spool = spool_new();
    if (spool == NULL)
        return err_set(err, RC_TEMP, "out of memory");
    enum rc rc;
    char *resolved = realpath(root, NULL);
    if (resolved == NULL) {
        rc = err_sys(err, "%s", root);
        if (rc == RC_GONE)
            rc = err_set(err, RC_GONE, "%s: there is no spool: run `batchspool init --spool %s`", root, root);
        goto fail;
    }
    bool fits = str_copy(spool->root, sizeof spool->root, resolved);
    free(resolved);
    if (!fits) {
        rc = err_set(err, RC_PERM, "%.200s...: the path is too long", root);
        goto fail;
    }
    set_node(spool, node);
    if ((rc = fsio_open_dir(AT_FDCWD, spool->root, &spool->root_fd, err)) != RC_OK)
        goto fail;
    struct stat st;
    if (fsio_stat(spool->root_fd, "jobs", &st, NULL) == RC_GONE) {
        rc = err_set(err, RC_GONE, "%s: there is no spool: run `batchspool init --spool %s`", spool->root, spool->root);
        goto fail;
    }
    if ((rc = check_dir(spool->root_fd, spool->root, ".", err)) != RC_OK || (rc = open_rows(spool, err)) != RC_OK)
        goto fail;
    *out = spool;
    return RC_OK;

fail:
    spool_close(spool);
    return rc;
}

void spool_close(struct spool *spool) {
    if (spool == NULL)
        return;
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].fd != FD_NONE && *row_fd(spool, &ROWS[i]) >= 0)
            close(*row_fd(spool, &ROWS[i]));
    if (spool->root_fd >= 0)
        close(spool->root_fd);
    free(spool);
}

bool spool_daemon_runs(const struct spool *spool) {
    pid_t pid;
    return lockfile_held(spool->root_fd, SPOOL_LOCK, &pid);
}

#define WHY_NAME_SIZE 128

enum rc spool_note_write(const struct spool *spool, int dir_fd, const char *name, const char *text, struct err *err) {
    char tmp[WHY_NAME_SIZE], to[WHY_NAME_SIZE];
    if (!str_format(tmp, sizeof tmp, ".%s.%ld.why", name, (long)getpid()) || !str_format(to, sizeof to, "%s.why", name))
        return err_set(err, RC_PERM, "%.60s: is too long a name", name);
    int fd;
    enum rc rc = fsio_create(spool->jobs_tmp_fd, tmp, 0660, &fd, err);
    if (rc == RC_PERM && errno == EEXIST && fsio_unlink(spool->jobs_tmp_fd, tmp, err) == RC_OK)
        rc = fsio_create(spool->jobs_tmp_fd, tmp, 0660, &fd, err); /* left by a process of this number that was killed */
    if (rc != RC_OK)
        return rc;
    rc = fsio_write(fd, text, strlen(text), err);
    close(fd);
    if (rc == RC_OK)
        rc = fsio_rename(spool->jobs_tmp_fd, tmp, dir_fd, to, err);
    if (rc != RC_OK)
        fsio_unlink(spool->jobs_tmp_fd, tmp, NULL);
    return rc;
}

void spool_note_remove(int dir_fd, const char *name) {
    char file[WHY_NAME_SIZE];
    struct stat st;
    struct err err = {0};
    if (!str_format(file, sizeof file, "%s.why", name) || fsio_stat(dir_fd, file, &st, NULL) != RC_OK)
        return;
    enum rc rc = fsio_unlink(dir_fd, file, &err);
    if (rc != RC_OK && rc != RC_GONE)
        log_warn("%s: %s", file, err.text);
}

enum rc spool_why_write(const struct spool *spool, enum place place, const char *job_id, const char *text, struct err *err) {
    return spool_note_write(spool, spool->place_fd[place], job_id, text, err);
}

void spool_why_remove(const struct spool *spool, enum place place, const char *job_id) {
    spool_note_remove(spool->place_fd[place], job_id);
}
