// SPDX-License-Identifier: Apache-2.0
#include "spool/payload.h"

#include "base/digest.h"
#include "base/str.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "os/lockfile.h"
#include "spool/journal.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAW_PREFIX "../raw/"
#define SUMS_NAME "SHA256SUMS"
#define SUMS_MOST_BYTES (512u * 1024u * 1024u)

/* --- names ---------------------------------------------------------------------------------------------------------- */

void payload_raw_path(const char *job_id, const char *campaign, uint32_t batch, const char *step, char out[PAYLOAD_PATH_SIZE]) {
    char time[17], hex[13];
    const char *slug;
    jobid_parts(job_id, time, hex, &slug);
    str_format(out, PAYLOAD_PATH_SIZE, "%.4s-%.2s/%s_batch%04u%s%s_%s-%s.json", time, time + 4, campaign, batch, step ? "." : "", step ? step : "", time, hex);
}

void payload_step_name(const char *step, uint32_t part, char out[PAYLOAD_STEP_SIZE]) {
    str_format(out, PAYLOAD_STEP_SIZE, part ? "%s.%04u" : "%s", step, part);
}

void payload_marker_name(const char *job_id, uint32_t batch, char out[PAYLOAD_PATH_SIZE]) {
    str_format(out, PAYLOAD_PATH_SIZE, "%s_batch%04u.json", job_id, batch);
}

bool payload_marker_parse(const char *name, char job_id[JOBID_SIZE], uint32_t *batch) {
    char again[PAYLOAD_PATH_SIZE];
    uint64_t number;
    const char *at = strstr(name, "_batch"), *end = strrchr(name, '.');
    if (!at || !end || end < at || (size_t)(at - name) >= JOBID_SIZE || end - at - 6 > 10)
        return false;
    memcpy(job_id, name, (size_t)(at - name));
    job_id[at - name] = '\0';
    char digits[16];
    str_format(digits, sizeof digits, "%.*s", (int)(end - at - 6), at + 6);
    if (!jobid_valid(job_id) || !str_to_u64(digits, 1, UINT32_MAX, &number))
        return false;
    *batch = (uint32_t)number;
    payload_marker_name(job_id, *batch, again);
    return strcmp(again, name) == 0;
}

void payload_tmp_name(const char *job_id, uint32_t batch, uint32_t attempt, char out[PAYLOAD_PATH_SIZE]) {
    str_format(out, PAYLOAD_PATH_SIZE, "%s_batch%04u.%u.body", job_id, batch, attempt);
}

/* --- publishing ----------------------------------------------------------------------------------------------------- */

static enum rc sum_of(int dir, const char *path, char sum[DIGEST_HEX_SIZE], struct stat *st, struct err *err) {
    int fd;
    const char *data;
    size_t length;
    enum rc rc = fsio_open_read(dir, path, &fd, st, err);
    if (rc)
        return rc;
    rc = fsio_map(fd, &data, &length, err);
    close(fd);
    if (rc)
        return rc;
    digest_of_hex(data, length, sum);
    fsio_unmap(data, length);
    return RC_OK;
}

/* The raw file is there already: it must be this very body. */
static enum rc same_as_raw(const struct spool *spool, const char *tmp, const char *raw_path, const char *sha256, struct err *err) {
    struct stat of_tmp, of_raw;
    char sum[DIGEST_HEX_SIZE];
    enum rc rc = fsio_stat(spool->raw_fd, raw_path, &of_raw, err);
    if (rc)
        return rc;
    if (fsio_stat(spool->payloads_tmp_fd, tmp, &of_tmp, NULL) == RC_OK && of_tmp.st_ino == of_raw.st_ino && of_tmp.st_dev == of_raw.st_dev)
        return RC_OK;
    rc = sum_of(spool->raw_fd, raw_path, sum, NULL, err);
    if (!rc && strcmp(sum, sha256) != 0)
        rc = err_set(err, RC_CORRUPT, "payloads/raw/%s is there with other bytes (SHA-256 %s, not %s)", raw_path, sum, sha256);
    return rc;
}

static enum rc month_dir(const struct spool *spool, const char *raw_path, char month[16], struct err *err) {
    const char *slash = strchr(raw_path, '/');
    struct stat st;
    if (!slash || !str_format(month, 16, "%.*s", (int)(slash - raw_path), raw_path))
        return err_set(err, RC_PERM, "\"%s\" is no raw payload's path", raw_path);
    if (fsio_stat(spool->raw_fd, month, &st, NULL) == RC_OK)
        return RC_OK;
    return fsio_make_dirs(spool->raw_fd, month, 02750, err);
}

enum rc payload_publish_link(const struct spool *spool, const char *tmp, const char *raw_path, const char *sha256, struct err *err) {
    char month[16];
    enum rc rc = month_dir(spool, raw_path, month, err);
    if (rc)
        return rc;
    if (fchmodat(spool->payloads_tmp_fd, tmp, 0440, 0) && errno != ENOENT)
        return err_sys(err, "payloads/tmp/%s: mode", tmp);
    rc = fsio_link(spool->payloads_tmp_fd, tmp, spool->raw_fd, raw_path, err);
    bool was_there = (rc == RC_PERM && errno == EEXIST) || rc == RC_GONE;
    return was_there ? same_as_raw(spool, tmp, raw_path, sha256, err) : rc;
}

bool payload_same_month(const char *raw_path, const char *other) {
    return strncmp(raw_path, other, 8) == 0;
}

bool payload_same_job(const char *raw_path, const char *other) {
    const char *end = strrchr(raw_path, '_'), *other_end = strrchr(other, '_');
    return end != NULL && other_end != NULL && strcmp(end, other_end) == 0;
}

enum rc payload_publish_sync(const struct spool *spool, const char *raw_path, struct err *err) {
    char month[16];
    enum rc rc = month_dir(spool, raw_path, month, err);
    return rc ? rc : fsio_sync_dir(spool->raw_fd, month, err);
}

enum rc payload_publish_unlink(const struct spool *spool, const char *tmp, struct err *err) {
    enum rc rc = fsio_unlink(spool->payloads_tmp_fd, tmp, err);
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc payload_publish(const struct spool *spool, const char *tmp, const char *raw_path, const char *sha256, struct err *err) {
    enum rc rc = payload_publish_link(spool, tmp, raw_path, sha256, err);
    if (!rc)
        rc = payload_publish_sync(spool, raw_path, err);
    if (!rc)
        rc = payload_publish_unlink(spool, tmp, err);
    if (!rc)
        rc = fsio_sync_dir(spool->payloads_tmp_fd, ".", err);
    return rc;
}

enum rc payload_keep_failed(const struct spool *spool, const char *tmp, struct err *err) {
    enum rc rc = fsio_rename(spool->payloads_tmp_fd, tmp, spool->shelf_fd[SHELF_FAILED], tmp, err);
    if (!rc)
        rc = fsio_sync_dir(spool->shelf_fd[SHELF_FAILED], ".", err);
    if (!rc)
        rc = fsio_sync_dir(spool->payloads_tmp_fd, ".", err);
    return rc;
}

/* --- markers -------------------------------------------------------------------------------------------------------- */

enum shelf payload_marker_shelf(const struct spool *spool, const char *marker) {
    struct stat st;
    for (enum shelf s = SHELF_PENDING; s < SHELF_COUNT; s++)
        if (fsio_stat(spool->shelf_fd[s], marker, &st, NULL) == RC_OK)
            return s;
    return SHELF_NONE;
}

enum rc payload_mark_put(const struct spool *spool, const char *job_id, uint32_t batch, const char *raw_path, enum shelf shelf, bool fresh, struct err *err) {
    char marker[PAYLOAD_PATH_SIZE], target[PAYLOAD_PATH_SIZE + sizeof RAW_PREFIX];
    payload_marker_name(job_id, batch, marker);
    if (!fresh && payload_marker_shelf(spool, marker) != SHELF_NONE)
        return RC_OK;
    str_format(target, sizeof target, RAW_PREFIX "%s", raw_path);
    enum rc rc = fsio_symlink(target, spool->shelf_fd[shelf], marker, err);
    return rc == RC_PERM && errno == EEXIST ? RC_OK : rc;
}

enum rc payload_mark_sync(const struct spool *spool, enum shelf shelf, struct err *err) {
    return fsio_sync_dir(spool->shelf_fd[shelf], ".", err);
}

enum rc payload_mark(const struct spool *spool, const char *job_id, uint32_t batch, const char *raw_path, enum shelf shelf, struct err *err) {
    char marker[PAYLOAD_PATH_SIZE];
    payload_marker_name(job_id, batch, marker);
    if (payload_marker_shelf(spool, marker) != SHELF_NONE)
        return RC_OK;
    enum rc rc = payload_mark_put(spool, job_id, batch, raw_path, shelf, true, err);
    return rc ? rc : payload_mark_sync(spool, shelf, err);
}

enum rc payload_marker_move(const struct spool *spool, const char *marker, enum shelf from, enum shelf to, bool durable, struct err *err) {
    enum rc rc = fsio_rename(spool->shelf_fd[from], marker, spool->shelf_fd[to], marker, err);
    if (!rc && durable)
        rc = fsio_sync_dir(spool->shelf_fd[to], ".", err);
    if (!rc && durable)
        rc = fsio_sync_dir(spool->shelf_fd[from], ".", err);
    return rc;
}

static bool digits_only(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

/* YYYY-MM/NAME with a name that is no dot name and no path. */
static bool raw_path_valid(const char *path) {
    return strlen(path) > 8 && digits_only(path, 4) && path[4] == '-' && digits_only(path + 5, 2) && path[7] == '/' && path[8] != '.' && path[8] != '\0' &&
           !strchr(path + 8, '/');
}

enum rc payload_open(const struct spool *spool, enum shelf shelf, const char *marker, int *fd, char raw_path[PAYLOAD_PATH_SIZE], struct err *err) {
    char target[PAYLOAD_PATH_SIZE + 16];
    enum rc rc = fsio_readlink(spool->shelf_fd[shelf], marker, target, sizeof target, err);
    if (rc)
        return rc;
    if (!str_starts(target, RAW_PREFIX) || !raw_path_valid(target + strlen(RAW_PREFIX)) || !str_copy(raw_path, PAYLOAD_PATH_SIZE, target + strlen(RAW_PREFIX)))
        return err_set(err, RC_PERM, "payloads/%s/%s: the marker does not lead to ../raw/YYYY-MM/NAME", shelf_name(shelf), marker);
    rc = fsio_open_read(spool->raw_fd, raw_path, fd, NULL, err);
    if (rc == RC_GONE)
        return err_set(err, RC_CORRUPT, "payloads/%s/%s: its raw file payloads/raw/%s is missing", shelf_name(shelf), marker, raw_path);
    return rc;
}

bool payload_abandoned(const struct spool *spool, const char *marker) {
    int fd = -1;
    char raw[PAYLOAD_PATH_SIZE];
    if (payload_open(spool, SHELF_PROCESSING, marker, &fd, raw, NULL))
        return true;
    bool free_now = lockfile_try(fd, NULL) == RC_OK;
    close(fd);
    return free_now;
}

static enum rc tell_reshelved(const struct spool *spool, const char *job_id, uint32_t batch, enum shelf from, enum shelf to, const char *by, struct err *err) {
    cJSON *members = cJSON_CreateObject();
    if (!members)
        return err_set(err, RC_TEMP, "out of memory");
    cJSON_AddNumberToObject(members, "batch", batch);
    cJSON_AddStringToObject(members, "from", shelf_name(from));
    cJSON_AddStringToObject(members, "to", shelf_name(to));
    enum rc rc = journal_put(spool, job_id, "reshelved", by, members, err);
    cJSON_Delete(members);
    return rc;
}

/* The event comes first: a loader that takes the marker at once must find its `loaded` behind it. */
enum rc payload_reshelve(const struct spool *spool, const char *job_id, uint32_t batch, enum shelf from, enum shelf to, const char *by, struct err *err) {
    char marker[PAYLOAD_PATH_SIZE], raw[PAYLOAD_PATH_SIZE];
    struct stat st;
    int fd = -1;
    payload_marker_name(job_id, batch, marker);
    enum rc rc = payload_open(spool, from, marker, &fd, raw, err);
    if (rc)
        return rc;
    rc = lockfile_try(fd, err);
    if (!rc) /* its loader may have finished before it was locked here */
        rc = fsio_stat(spool->shelf_fd[from], marker, &st, err);
    if (!rc)
        rc = tell_reshelved(spool, job_id, batch, from, to, by, err);
    if (from != SHELF_PROCESSING) /* there nobody takes it, and who finds it where it goes must not find it locked */
        lockfile_unlock(fd);
    if (!rc)
        rc = payload_marker_move(spool, marker, from, to, true, err);
    close(fd);
    return rc;
}

/* --- SHA256SUMS ----------------------------------------------------------------------------------------------------- */

enum rc payload_sums_add(const struct spool *spool, const char *raw_path, const char *sha256, struct err *err) {
    char month[16], path[32], line[PAYLOAD_PATH_SIZE + 80];
    bool created;
    int fd;
    enum rc rc = month_dir(spool, raw_path, month, err);
    if (rc)
        return rc;
    str_format(path, sizeof path, "%s/" SUMS_NAME, month);
    rc = fsio_open_append(spool->raw_fd, path, 0640, &fd, &created, err);
    if (rc)
        return rc;
    str_format(line, sizeof line, "%s  %s\n", sha256, strchr(raw_path, '/') + 1);
    rc = fsio_write(fd, line, strlen(line), err);
    close(fd);
    return rc;
}

/* Other names than SHA256SUMS and its temporary one. */
static bool month_empty(const struct spool *spool, const char *month) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    enum rc rc = dirscan_open(spool->raw_fd, month, &scan, NULL);
    if (rc)
        return false;
    while ((rc = dirscan_next(scan, &name, &type, NULL)) == RC_OK && strcmp(name, SUMS_NAME) == 0)
        ;
    dirscan_close(scan);
    return rc == RC_GONE;
}

/* Lines whose file is there. */
static enum rc lines_left(const struct spool *spool, const char *month, const struct buf *text, struct buf *left) {
    char path[PAYLOAD_PATH_SIZE];
    struct stat st;
    enum rc rc = RC_OK;
    for (const char *at = buf_text(text), *end = at + text->length, *stop; !rc && at < end; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            break;
        bool named = stop - at > 66 && str_format(path, sizeof path, "%s/%.*s", month, (int)(stop - at - 66), at + 66);
        if (!named || fsio_stat(spool->raw_fd, path, &st, NULL) != RC_GONE)
            rc = buf_add(left, at, (size_t)(stop - at) + 1);
    }
    return rc;
}

enum rc payload_month_tidy(const struct spool *spool, const char *month, struct err *err) {
    char path[32], tmp[32];
    struct buf text = BUF_INIT(SUMS_MOST_BYTES), left = BUF_INIT(SUMS_MOST_BYTES);
    str_format(path, sizeof path, "%.7s/" SUMS_NAME, month);
    str_format(tmp, sizeof tmp, "%.7s/." SUMS_NAME, month);
    enum rc rc = RC_OK;
    if (month_empty(spool, month)) {
        rc = fsio_unlink(spool->raw_fd, path, err);
        if (!rc || rc == RC_GONE)
            rc = fsio_remove_dir(spool->raw_fd, month, err);
        return rc == RC_OK ? fsio_sync_dir(spool->raw_fd, ".", err) : RC_OK; /* something came at this moment: it stays */
    }
    rc = fsio_read_file(spool->raw_fd, path, &text, err);
    if (!rc && (rc = lines_left(spool, month, &text, &left)) != RC_OK)
        rc = err_set(err, rc, "out of memory");
    if (!rc && left.length != text.length)
        rc = fsio_put_file(spool->raw_fd, tmp, path, 0640, buf_text(&left), left.length, err);
    buf_release(&text);
    buf_release(&left);
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc payload_mark_captured(const struct spool *spool, const char *job_id, enum shelf shelf, struct err *err) {
    struct journal_reader *reader;
    struct journal_line line;
    enum rc rc = journal_reader_open(spool, job_id, 0, 0, NULL, &reader, err);
    if (rc)
        return rc;
    while (!rc && (rc = journal_reader_find(reader, "captured", &line, err)) == RC_OK) {
        const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line.json, "file"));
        struct stat st;
        if (file && !job_line_inner(&line) && raw_path_valid(file) &&
            fsio_stat(spool->raw_fd, file, &st, NULL) != RC_GONE) /* archived; or lost, as verify tells */
            rc = payload_mark(spool, job_id, job_line_batch(&line), file, shelf, err);
    }
    journal_reader_close(reader);
    return rc == RC_GONE ? RC_OK : rc;
}

struct sum {
    char month[8];
    char line[PAYLOAD_PATH_SIZE + 80];
    bool archived;
    size_t order;
};

struct sums {
    struct sum *list;
    size_t count, capacity;
};

static void sum_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct sums *sums = context;
    const bool archived = strcmp(line->event, "archived") == 0 && job_line_batch(line), restored = strcmp(line->event, "restored") == 0;
    (void)row;
    if (!archived && !restored && strcmp(line->event, "captured") != 0)
        return;
    const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "file"));
    const char *sha256 = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, "sha256"));
    if (!file || !sha256 || !raw_path_valid(file))
        return;
    if (sums->count == sums->capacity) {
        size_t capacity = sums->capacity ? sums->capacity * 2 : 256;
        struct sum *list = realloc(sums->list, capacity * sizeof *list);
        if (!list)
            return;
        sums->list = list;
        sums->capacity = capacity;
    }
    struct sum *s = &sums->list[sums->count++];
    s->archived = archived;
    s->order = sums->count;
    str_format(s->month, sizeof s->month, "%.7s", file);
    str_format(s->line, sizeof s->line, "%s  %s\n", sha256, file + 8);
}

/* By month, then by name, then by time: sorted is what was put down in that order, in one array. */
static int sum_order(const void *a, const void *b) {
    const struct sum *x = a, *y = b;
    int months = strcmp(x->month, y->month), names = months ? months : strcmp(x->line + 64, y->line + 64);
    return names ? names : (x->order > y->order) - (x->order < y->order);
}

/* The last word on a file is said of it. */
static bool is_last(const struct sums *sums, size_t i) {
    return i + 1 == sums->count || strcmp(sums->list[i + 1].month, sums->list[i].month) != 0 || strcmp(sums->list[i + 1].line, sums->list[i].line) != 0;
}

static enum rc write_sums(const struct spool *spool, const struct sums *sums, struct err *err) {
    enum rc rc = RC_OK;
    for (size_t i = 0, next; !rc && i < sums->count; i = next) {
        struct buf text = BUF_INIT(SUMS_MOST_BYTES);
        char path[32], tmp[32];
        for (next = i; !rc && next < sums->count && strcmp(sums->list[next].month, sums->list[i].month) == 0; next++)
            if (is_last(sums, next) && !sums->list[next].archived)
                rc = buf_add_text(&text, sums->list[next].line);
        str_format(path, sizeof path, "%s/" SUMS_NAME, sums->list[i].month);
        str_format(tmp, sizeof tmp, "%s/." SUMS_NAME, sums->list[i].month);
        struct stat st;
        if (!rc && fsio_stat(spool->raw_fd, sums->list[i].month, &st, NULL) == RC_OK) /* an archived month has none */
            rc = fsio_put_file(spool->raw_fd, tmp, path, 0640, text.data, text.length, err);
        buf_release(&text);
    }
    return rc;
}

enum rc payload_sums_rebuild(const struct spool *spool, struct err *err) {
    struct dirscan *scan;
    struct sums sums = {0};
    const char *name;
    unsigned char type;
    enum rc rc = dirscan_open(spool->journal_fd, ".", &scan, err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        char id[JOBID_SIZE];
        struct job_row row;
        size_t length = strlen(name);
        if (!str_ends(name, ".ndjson") || length - 7 >= sizeof id)
            continue;
        str_format(id, sizeof id, "%.*s", (int)(length - 7), name);
        if (jobid_valid(id))
            job_row_read(spool, id, &row, sum_line, &sums, NULL); /* a damaged journal gives what comes before the damage */
    }
    dirscan_close(scan);
    if (rc == RC_GONE) {
        if (sums.count)
            qsort(sums.list, sums.count, sizeof *sums.list, sum_order);
        rc = write_sums(spool, &sums, err);
    }
    free(sums.list);
    return rc;
}
