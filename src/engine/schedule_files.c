// SPDX-License-Identifier: Apache-2.0
#include "engine/schedule_files.h"

#include "engine/submit.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "spool/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MOST 100000u

/* --- which there are -------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static enum rc names_add(struct schedule_names *names, const char *file, struct err *err) {
    size_t length = strlen(file) - (str_ends(file, ".off") ? 9 : 5);
    if (length > LIMIT_NAME_BYTES)
        return RC_OK;
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? names->capacity * 2 : 64;
        void *list = capacity <= NAMES_MOST ? realloc(names->list, capacity * sizeof *names->list) : NULL;
        if (!list)
            return err_set(err, RC_TEMP, "schedules/: too many files");
        names->list = list;
        names->capacity = capacity;
    }
    memcpy(names->list[names->count], file, length);
    names->list[names->count++][length] = '\0';
    return RC_OK;
}

enum rc schedule_files_names(const struct spool *spool, struct schedule_names *names, struct err *err) {
    struct dirscan *scan;
    const char *file;
    unsigned char type;
    enum rc rc = dirscan_open(spool->schedules_fd, ".", &scan, err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &file, &type, err)) == RC_OK)
        if (file[0] != '.' && (str_ends(file, ".json") || str_ends(file, ".json.off")) && (rc = names_add(names, file, err)) != RC_OK)
            break;
    dirscan_close(scan);
    if (names->count)
        qsort(names->list, names->count, sizeof *names->list, by_name);
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) /* x.json beside x.json.off */
        if (!i || strcmp(names->list[i], names->list[kept - 1]) != 0)
            memmove(names->list[kept++], names->list[i], sizeof *names->list);
    names->count = kept;
    return rc == RC_GONE ? RC_OK : rc;
}

void schedule_files_names_release(struct schedule_names *names) {
    free(names->list);
    *names = (struct schedule_names){NULL, 0, 0};
}

static bool there(const struct spool *spool, const char *name, const char *suffix) {
    char file[LIMIT_NAME_BYTES + 16];
    struct stat st;
    return str_format(file, sizeof file, "%s%s", name, suffix) && fsio_stat(spool->schedules_fd, file, &st, NULL) == RC_OK;
}

/* What was switched off is not checked against its source. */
static void see_off(const struct spool *spool, struct schedule_seen *seen) {
    char file[LIMIT_NAME_BYTES + 16];
    seen->off = true;
    seen->file = (struct schedule_file){.text = BUF_INIT(LIMIT_JOB_FILE_BYTES)};
    str_format(file, sizeof file, "%s.json.off", seen->name);
    seen->rc = fsio_stat(spool->schedules_fd, file, &seen->file.st, &seen->err);
    if (!seen->rc)
        seen->rc = fsio_read_file(spool->schedules_fd, file, &seen->file.text, &seen->err);
    if (!seen->rc)
        seen->rc = schedule_parse(file, buf_text(&seen->file.text), seen->file.text.length, &seen->file.schedule, &seen->file.job, &seen->err);
}

enum rc schedule_files_see(const struct spool *spool, struct sources *sources, const char *name, struct schedule_seen *seen) {
    int64_t now_s = clock_wall_us() / 1000000;
    *seen = (struct schedule_seen){.next_s = RECURRENCE_NONE};
    str_copy(seen->name, sizeof seen->name, name);
    seen->rc = schedule_file_read(spool, sources, name, true, &seen->file, &seen->err);
    if (seen->rc == RC_GONE && there(spool, name, ".json.off"))
        see_off(spool, seen);
    recurrence_read(spool, name, &seen->state, NULL);
    int64_t after_s = seen->state.after_s > now_s ? seen->state.after_s : now_s;
    if (!seen->rc && !seen->off && seen->file.schedule.enabled && !schedule_next(&seen->file.schedule, after_s, &seen->next_s))
        seen->next_s = RECURRENCE_NONE;
    return seen->rc;
}

/* --- as documents ----------------------------------------------------------------------------------------------------- */

const char *schedule_files_utc(char out[CLOCK_RFC3339_SIZE], int64_t at_s) {
    clock_format_rfc3339(at_s * 1000000, 0, out);
    return out;
}

/* "2026-11-24T06:00:00-05:00": what the clock shows there. */
const char *schedule_files_local(char out[CLOCK_RFC3339_SIZE + 8], const char *zone, int64_t at_s) {
    int64_t offset_s = zone_offset_s(zone, at_s), minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    clock_format_rfc3339((at_s + offset_s) * 1000000, 0, out);
    snprintf(out + strlen(out) - 1, 8, "%c%02u:%02u", offset_s < 0 ? '-' : '+', (unsigned)(minutes / 60) % 100, (unsigned)(minutes % 60));
    return out;
}

const char *schedule_files_state(const struct schedule_seen *seen) {
    return seen->off ? "off" : seen->rc ? "wrong" : !seen->file.schedule.enabled ? "off" : seen->next_s == RECURRENCE_NONE ? "ended" : "on";
}

const char *schedule_files_status(const struct spool *spool, const char *job_id) {
    enum place place = *job_id ? jobs_place(spool, job_id) : PLACE_NONE;
    return place == PLACE_NONE ? "" : place_status(place);
}

static void add_text(cJSON *json, const char *name, const char *text) {
    if (*text)
        cJSON_AddStringToObject(json, name, text);
    else
        cJSON_AddNullToObject(json, name);
}

static void add_utc(cJSON *json, const char *name, int64_t at_s) {
    char text[CLOCK_RFC3339_SIZE] = "";
    add_text(json, name, at_s == RECURRENCE_NONE ? "" : schedule_files_utc(text, at_s));
}

cJSON *schedule_files_json(const struct spool *spool, const struct schedule_seen *seen) {
    const struct schedule *s = &seen->file.schedule;
    char text[CLOCK_RFC3339_SIZE + 8];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "schedule", seen->name);
    cJSON_AddStringToObject(json, "state", schedule_files_state(seen));
    cJSON_AddBoolToObject(json, "enabled", !seen->off && !seen->rc && s->enabled);
    if (seen->rc)
        cJSON_AddStringToObject(json, "error", seen->err.text);
    else {
        add_text(json, "name", s->label);
        cJSON_AddStringToObject(json, s->every_s ? "every" : "cron", s->when);
        cJSON_AddStringToObject(json, "timezone", s->zone);
        cJSON_AddStringToObject(json, "missed_runs", s->once ? "once" : "skip");
        add_utc(json, "next", seen->next_s);
        add_text(json, "next_local", seen->next_s == RECURRENCE_NONE ? "" : schedule_files_local(text, s->zone, seen->next_s));
    }
    add_utc(json, "last", seen->state.due_s);
    add_text(json, "job_id", seen->state.job_id);
    add_text(json, "status", schedule_files_status(spool, seen->state.job_id));
    cJSON_AddNumberToObject(json, "missed", (double)seen->state.missed);
    add_utc(json, "missed_until", seen->state.missed_until_s);
    return json;
}

/* --- changing them ---------------------------------------------------------------------------------------------------- */

static enum rc put_new(const struct spool *spool, const char *name, const struct buf *text, struct err *err) {
    char tmp[LIMIT_NAME_BYTES + 32], file[LIMIT_NAME_BYTES + 8];
    int fd;
    str_format(tmp, sizeof tmp, ".%s.%ld.new", name, (long)gettid());
    str_format(file, sizeof file, "%s.json", name);
    fsio_unlink(spool->schedules_fd, tmp, NULL); /* left by a thread of this number that was killed */
    enum rc rc = fsio_create(spool->schedules_fd, tmp, 0660, &fd, err);
    if (rc)
        return rc;
    rc = fsio_write(fd, buf_text(text), text->length, err);
    rc = rc ? rc : fsio_sync(fd, err);
    close(fd);
    rc = rc ? rc : fsio_rename_new(spool->schedules_fd, tmp, spool->schedules_fd, file, err);
    if (rc) {
        int kept = errno;
        fsio_unlink(spool->schedules_fd, tmp, NULL);
        errno = kept;
        return rc;
    }
    return fsio_sync_dir(spool->schedules_fd, ".", err);
}

static enum rc check_text(struct sources *sources, const char *shown, const char *text, size_t length, struct schedule_file *file, struct err *err) {
    *file = (struct schedule_file){.text = BUF_INIT(LIMIT_JOB_FILE_BYTES)};
    enum rc rc = buf_add(&file->text, text, length);
    if (rc)
        return err_set(err, rc, "%s: is longer than %u bytes, or out of memory", shown, LIMIT_JOB_FILE_BYTES);
    return schedule_file_check(sources, shown, file, err);
}

enum rc schedule_files_add(const struct spool *spool, struct sources *sources, const char *name, const char *shown, const char *text, size_t length,
                           struct schedule_file *file, struct err *err) {
    enum rc rc = check_text(sources, shown, text, length, file, err);
    if (rc) {
        errno = 0;
        return rc;
    }
    errno = EEXIST;
    rc = there(spool, name, ".json.off") ? RC_PERM : put_new(spool, name, &file->text, err);
    return rc == RC_PERM && errno == EEXIST ? err_set(err, RC_PERM, "there is a schedule %s already", name) : rc;
}

enum rc schedule_files_replace(const struct spool *spool, struct sources *sources, const char *name, const char *shown, const char *text, size_t length,
                               struct schedule_file *file, struct err *err) {
    char tmp[LIMIT_NAME_BYTES + 32], path[LIMIT_NAME_BYTES + 16];
    const char *suffix = there(spool, name, ".json") ? ".json" : ".json.off";
    *file = (struct schedule_file){.text = BUF_INIT(LIMIT_JOB_FILE_BYTES)};
    errno = 0;
    if (!there(spool, name, suffix))
        return err_set(err, RC_GONE, "there is no schedule %s", name);
    enum rc rc = check_text(sources, shown, text, length, file, err);
    errno = 0;
    if (rc)
        return rc;
    str_format(tmp, sizeof tmp, ".%s.%ld.new", name, (long)gettid());
    str_format(path, sizeof path, "%s%s", name, suffix);
    return fsio_put_file(spool->schedules_fd, tmp, path, 0660, buf_text(&file->text), file->text.length, err);
}

/* With the member `enabled` set in the text; owner and mode stay where the user may give it away. */
static enum rc set_enabled(const struct spool *spool, const char *name, const struct schedule_file *old, bool enabled, struct err *err) {
    char tmp[LIMIT_NAME_BYTES + 32], file[LIMIT_NAME_BYTES + 8];
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES + 64);
    str_format(tmp, sizeof tmp, ".%s.%ld.new", name, (long)gettid());
    str_format(file, sizeof file, "%s.json", name);
    enum rc rc = schedule_enable((struct slice){buf_text(&old->text), old->text.length}, enabled, &text);
    rc = rc ? err_set(err, rc, "schedules/%s: is too long", file)
            : fsio_put_file(spool->schedules_fd, tmp, file, old->st.st_mode & 0777, buf_text(&text), text.length, err);
    buf_release(&text);
    if (!rc && fchownat(spool->schedules_fd, file, old->st.st_uid, old->st.st_gid, AT_SYMLINK_NOFOLLOW) != 0 && errno != EPERM)
        rc = err_sys(err, "schedules/%s", file);
    return rc;
}

/* disable: mv x.json x.json.off; enable: back, and where the file itself says that it is not enabled, in there. */
enum rc schedule_files_enable(const struct spool *spool, struct sources *sources, const char *name, bool on, struct err *err) {
    char file[LIMIT_NAME_BYTES + 8], off[LIMIT_NAME_BYTES + 16];
    str_format(file, sizeof file, "%s.json", name);
    str_format(off, sizeof off, "%s.json.off", name);
    bool is_on = there(spool, name, ".json"), is_off = there(spool, name, ".json.off");
    if (!is_on && !is_off)
        return RC_GONE;
    errno = 0;
    if (is_on && is_off)
        return err_set(err, RC_PERM, "schedules/%s lies beside schedules/%s: remove one of them", off, file);
    enum rc rc = RC_OK;
    if (is_on != on) {
        rc = on ? fsio_rename_new(spool->schedules_fd, off, spool->schedules_fd, file, err)
                : fsio_rename_new(spool->schedules_fd, file, spool->schedules_fd, off, err);
        rc = rc ? rc : fsio_sync_dir(spool->schedules_fd, ".", err);
    }
    if (rc || !on)
        return rc;
    struct schedule_seen seen;
    if (schedule_files_see(spool, sources, name, &seen) == RC_OK && !seen.file.schedule.enabled)
        rc = set_enabled(spool, name, &seen.file, true, err);
    else if (seen.rc) {
        errno = 0;
        rc = err_set(err, seen.rc, "%.500s", seen.err.text);
    }
    schedule_file_release(&seen.file);
    return rc;
}

/* The state first: where it is gone the daemon writes none for a file that goes. */
enum rc schedule_files_remove(const struct spool *spool, const char *name, struct err *err) {
    static const char *const suffixes[] = {".state", ".json", ".json.off", ".why"};
    if (!there(spool, name, ".json") && !there(spool, name, ".json.off"))
        return RC_GONE;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char file[LIMIT_NAME_BYTES + 16];
        str_format(file, sizeof file, "%s%s", name, suffixes[i]);
        enum rc rc = there(spool, name, suffixes[i]) ? fsio_unlink(spool->schedules_fd, file, err) : RC_OK;
        if (rc && rc != RC_GONE)
            return rc;
    }
    return fsio_sync_dir(spool->schedules_fd, ".", err);
}

enum rc schedule_files_run(const struct spool *spool, const struct schedule_seen *seen, const char *created_by, char id[JOBID_SIZE], struct err *err) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES + 4096);
    errno = 0;
    enum rc rc = seen->rc ? err_set(err, RC_PERM, "%s", seen->err.text) : schedule_job(seen->file.job, created_by, &text);
    if (rc && !seen->rc)
        rc = err_set(err, RC_PERM, "schedules/%s.json: the job is too long", seen->name);
    if (!rc)
        rc = submit_drop(spool, seen->name, buf_text(&text), text.length, id, err);
    buf_release(&text);
    return rc;
}
