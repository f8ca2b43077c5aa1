// SPDX-License-Identifier: Apache-2.0
#include "spool/pause.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MOST 4096u

bool pause_name(const char *prefix, const char *source, char out[PAUSE_NAME_SIZE]) {
    return str_is_name(source) && str_format(out, PAUSE_NAME_SIZE, "%s%s", prefix, source);
}

bool pause_known(const char *name, const char **source) {
    const char *of = strcmp(name, PAUSE_QUEUE) == 0   ? ""
                     : str_starts(name, PAUSE_SOURCE) ? name + strlen(PAUSE_SOURCE)
                     : str_starts(name, PAUSE_RATE)   ? name + strlen(PAUSE_RATE)
                                                      : NULL;
    if (source)
        *source = of;
    return of && (!*of ? strcmp(name, PAUSE_QUEUE) == 0 : str_is_name(of));
}

void pause_user(uid_t uid, char out[65]) {
    struct passwd entry, *found = NULL;
    char room[1024];
    if (getpwuid_r(uid, &entry, room, sizeof room, &found) == 0 && found && str_copy(out, 65, found->pw_name))
        return;
    str_format(out, 65, "uid %u", (unsigned)uid);
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* Cut to what fits, on one line, printable. */
static void take_line(char *out, size_t size, const char *text, size_t length) {
    const char *end = memchr(text, '\n', length);
    char line[200];
    str_format(line, sizeof line, "%.*s", (int)(end ? end - text : (ptrdiff_t)(length < sizeof line - 1 ? length : sizeof line - 1)), text);
    str_printable(out, size, line, strlen(line));
}

static void take_time(const cJSON *json, const char *name, int64_t *us, struct pause *pause) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    if (item && !(cJSON_IsString(item) && clock_parse_rfc3339(item->valuestring, us)))
        str_format(pause->wrong, sizeof pause->wrong, "%s must be a time such as \"2026-11-24T06:00:00Z\" (RFC 3339)", name);
}

static void take_text(const cJSON *json, const char *name, char *out, size_t size) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    if (text && *text)
        take_line(out, size, text, strlen(text));
}

static void take_object(const char *text, size_t length, struct pause *pause) {
    static const char *const names[] = {"by", "since", "until", "reason", "job", "source"};
    const size_t count = sizeof names / sizeof *names;
    struct err err = {0};
    if (json_check(text, length, &json_rules_config, &err)) {
        str_format(pause->wrong, sizeof pause->wrong, "%.250s", err.text);
        return;
    }
    cJSON *json = cJSON_ParseWithLength(text, length);
    take_text(json, "by", pause->by, sizeof pause->by);
    take_text(json, "reason", pause->reason, sizeof pause->reason);
    take_time(json, "since", &pause->since_us, pause);
    take_time(json, "until", &pause->until_us, pause);
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        const char *near = str_nearest(item->string, names, count);
        if (near && strcmp(near, item->string) != 0)
            str_format(pause->wrong, sizeof pause->wrong, "unknown member \"%.64s\" (did you mean \"%s\"?)", item->string, near);
    }
    cJSON_Delete(json);
}

void pause_parse(const char *text, size_t length, const struct stat *st, struct pause *pause) {
    *pause = (struct pause){.owner = st->st_uid, .since_us = (int64_t)st->st_mtim.tv_sec * 1000000};
    pause_user(st->st_uid, pause->by);
    while (length && strchr(" \t\r\n", *text)) {
        text++;
        length--;
    }
    if (length && *text == '{')
        take_object(text, length, pause);
    else if (length)
        take_line(pause->reason, sizeof pause->reason, text, length);
}

enum rc pause_read(const struct spool *spool, const char *name, struct pause *pause, struct err *err) {
    struct buf text = BUF_INIT(PAUSE_FILE_BYTES);
    struct err wrong = {0};
    struct stat st;
    int fd;
    enum rc rc = fsio_open_read(spool->paused_fd, name, &fd, &st, &wrong);
    if (rc == RC_GONE)
        return rc;
    if (!rc) {
        rc = fsio_read_all(fd, &text, &wrong);
        close(fd);
    } else if (fsio_stat(spool->paused_fd, name, &st, NULL))
        memset(&st, 0, sizeof st);
    pause_parse(buf_text(&text), rc ? 0 : text.length, &st, pause);
    buf_release(&text);
    if (rc)
        str_format(pause->wrong, sizeof pause->wrong, "%.290s", wrong.text);
    return rc ? err_set(err, RC_PERM, "paused/%s: %s", name, wrong.text) : RC_OK;
}

static bool holds(const struct spool *spool, const char *name, struct pause *pause) {
    struct err ignored = {0};
    return pause_read(spool, name, pause, &ignored) != RC_GONE && (!pause->until_us || pause->until_us > clock_wall_us());
}

bool pause_holds(const struct spool *spool, const char *source, struct pause *pause, const char **name) {
    char file[PAUSE_NAME_SIZE];
    const char *which = "the queue";
    bool held = holds(spool, PAUSE_QUEUE, pause);
    if (!held && source && pause_name(PAUSE_SOURCE, source, file)) {
        held = holds(spool, file, pause);
        which = source;
    }
    if (name)
        *name = which;
    return held;
}

void pause_text(const struct pause *pause, char *out, size_t size) {
    char since[CLOCK_RFC3339_SIZE], until[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(pause->since_us, 0, since);
    clock_format_rfc3339(pause->until_us, 0, until);
    str_format(out, size, "by %s since %s%s%s%s%s", pause->by, since, pause->until_us ? " until " : "", pause->until_us ? until : "",
               *pause->reason ? ": " : "", pause->reason);
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

enum rc pause_write(const struct spool *spool, const char *name, const cJSON *members, struct err *err) {
    char tmp[PAUSE_NAME_SIZE + 32], now[CLOCK_RFC3339_SIZE], by[65];
    cJSON *json = cJSON_Duplicate(members, true);
    clock_format_rfc3339(clock_wall_us(), 0, now);
    pause_user(geteuid(), by);
    if (json && !cJSON_HasObjectItem(json, "by"))
        cJSON_AddStringToObject(json, "by", by);
    if (json && !cJSON_HasObjectItem(json, "since"))
        cJSON_AddStringToObject(json, "since", now);
    char *text = json ? cJSON_Print(json) : NULL;
    cJSON_Delete(json);
    if (!text)
        return err_set(err, RC_TEMP, "out of memory");
    str_format(tmp, sizeof tmp, ".%s.%ld", name, (long)gettid());
    struct buf file = BUF_INIT(PAUSE_FILE_BYTES);
    enum rc rc = buf_printf(&file, "%s\n", text);
    cJSON_free(text);
    rc = rc ? err_set(err, rc, "paused/%s: too long", name) : fsio_put_file(spool->paused_fd, tmp, name, 0660, buf_text(&file), file.length, err);
    buf_release(&file);
    return rc;
}

enum rc pause_remove(const struct spool *spool, const char *name, struct err *err) {
    enum rc rc = fsio_unlink(spool->paused_fd, name, err);
    return rc ? rc : fsio_sync_dir(spool->paused_fd, ".", err);
}

enum rc pause_each(const struct spool *spool, bool (*fn)(void *context, const char *name), void *context, struct err *err) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    enum rc rc = dirscan_open(spool->paused_fd, ".", &scan, err);
    if (rc)
        return rc;
    for (unsigned seen = 0; seen < FILES_MOST && (rc = dirscan_next(scan, &name, &type, err)) == RC_OK; seen++)
        if (name[0] != '.' && !fn(context, name))
            break;
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}
