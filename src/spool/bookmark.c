// SPDX-License-Identifier: Apache-2.0
#include "spool/bookmark.h"

#include "base/clock.h"
#include "base/dec.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "os/fsio.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES 65536u
#define PATH_BYTES 160u

/* --- values -------------------------------------------------------------------------------------------------------- */

static bool text_of(struct slice value, char *out, size_t size) {
    return value.length >= 2 && value.data[0] == '"' && str_format(out, size, "%.*s", (int)(value.length - 2), value.data + 1);
}

static bool time_of(struct slice value, int64_t *us) {
    char text[64], whole[80];
    if (!text_of(value, text, sizeof text))
        return false;
    if (clock_parse_rfc3339(text, us))
        return true;
    return strlen(text) == 10 && str_format(whole, sizeof whole, "%sT00:00:00Z", text) && clock_parse_rfc3339(whole, us);
}

int bookmark_compare(struct slice a, struct slice b) {
    int64_t a_us, b_us;
    struct dec a_number, b_number;
    if (time_of(a, &a_us) && time_of(b, &b_us))
        return a_us < b_us ? -1 : a_us > b_us;
    if (dec_parse(a, &a_number) && dec_parse(b, &b_number))
        return dec_compare(a_number, b_number);
    size_t least = a.length < b.length ? a.length : b.length;
    int order = memcmp(a.data, b.data, least);
    return order ? order : a.length < b.length ? -1 : a.length > b.length;
}

/* --- names --------------------------------------------------------------------------------------------------------- */

void bookmark_name(const struct job_row *row, char out[129]) {
    char time[17], hex[13];
    const char *slug;
    jobid_parts(row->id, time, hex, &slug);
    str_copy(out, 129, row->name[0] ? row->name : slug);
}

void bookmark_path(const char *source, const char *name, char *out, size_t size) {
    char slug[JOBID_SLUG_SIZE], sum[DIGEST_HEX_SIZE];
    jobid_slug(name, slug);
    digest_of_hex(name, strlen(name), sum);
    if (strcmp(slug, name) == 0)
        str_format(out, size, "%s/%s.json", source, slug);
    else
        str_format(out, size, "%s/%s-%.8s.json", source, slug, sum);
}

/* --- the file ------------------------------------------------------------------------------------------------------ */

/* Text of the file, checked. RC_GONE: none. */
static enum rc read_file(const struct spool *spool, const char *path, struct buf *text, struct err *err) {
    struct err wrong = {0};
    enum rc rc = fsio_read_file(spool->bookmarks_fd, path, text, err);
    if (rc)
        return rc;
    rc = json_check(buf_text(text), text->length, &json_rules_payload, &wrong);
    struct slice document = {buf_text(text), text->length}, value;
    if (rc)
        return err_set(err, RC_PERM, "bookmarks/%s: %.300s; mend it, or remove it to begin from initial_value", path, wrong.text);
    if (json_find(document, "/last_value", &value) && json_type(value) != JSON_STRING && json_type(value) != JSON_NUMBER && json_type(value) != JSON_NULL)
        return err_set(err, RC_PERM, "bookmarks/%s: last_value must be text, a number or null", path);
    return RC_OK;
}

static bool member(const struct buf *text, const char *pointer, struct slice *value) {
    return json_find((struct slice){buf_text(text), text->length}, pointer, value) && json_type(*value) != JSON_NULL;
}

enum rc bookmark_read(const struct spool *spool, const char *source, const char *name, struct buf *value, struct err *err) {
    char path[PATH_BYTES];
    struct buf text = BUF_INIT(FILE_BYTES);
    struct slice found;
    bookmark_path(source, name, path, sizeof path);
    enum rc rc = read_file(spool, path, &text, err);
    if (!rc)
        rc = member(&text, "/last_value", &found) ? buf_add(value, found.data, found.length) : RC_GONE;
    buf_release(&text);
    return rc;
}

/* Two jobs of one name may complete at the same time, on different lanes. */
static pthread_mutex_t advancing = PTHREAD_MUTEX_INITIALIZER;

static enum rc write_file(const struct spool *spool, const char *path, const char *source, const char *name, const char *value, const char *job_id,
                          struct err *err) {
    char now[CLOCK_RFC3339_SIZE], tmp[PATH_BYTES + 8];
    cJSON *m = cJSON_CreateObject();
    clock_format_rfc3339(clock_wall_us(), 0, now);
    cJSON_AddStringToObject(m, "source", source);
    cJSON_AddStringToObject(m, "name", name);
    cJSON_AddRawToObject(m, "last_value", value);
    cJSON_AddStringToObject(m, "job_id", job_id);
    cJSON_AddStringToObject(m, "updated_at", now);
    char *text = cJSON_Print(m);
    cJSON_Delete(m);
    if (!text)
        return err_set(err, RC_TEMP, "out of memory");
    str_format(tmp, sizeof tmp, "%s/.%s.tmp", source, strchr(path, '/') + 1);
    enum rc rc = fsio_make_dirs(spool->bookmarks_fd, source, 02770, err);
    if (!rc)
        rc = fsio_put_file(spool->bookmarks_fd, tmp, path, 0660, text, strlen(text), err);
    free(text);
    return rc;
}

static enum rc advance(const struct spool *spool, const struct job_row *row, const char *value, struct err *err) {
    char name[129], path[PATH_BYTES];
    struct buf text = BUF_INIT(FILE_BYTES);
    struct slice had, by;
    bool moves = true;
    bookmark_name(row, name);
    bookmark_path(row->source, name, path, sizeof path);
    enum rc rc = read_file(spool, path, &text, err);
    if (rc == RC_PERM) {
        log_error("job %s: its bookmark %s is left as it is: %s", row->id, value, err ? err->text : "");
        moves = false;
        rc = RC_OK;
    } else if (!rc) {
        if (member(&text, "/job_id", &by) && by.length == strlen(row->id) + 2 && memcmp(by.data + 1, row->id, by.length - 2) == 0)
            moves = false;
        if (member(&text, "/last_value", &had) && bookmark_compare(slice_of(value), had) <= 0)
            moves = false;
    }
    buf_release(&text);
    if (rc && rc != RC_GONE)
        return rc;
    return moves ? write_file(spool, path, row->source, name, value, row->id, err) : RC_OK;
}

enum rc bookmark_advance(const struct spool *spool, const struct job_row *row, const char *value, struct err *err) {
    pthread_mutex_lock(&advancing);
    enum rc rc = advance(spool, row, value, err);
    pthread_mutex_unlock(&advancing);
    return rc;
}

/* --- recovery ------------------------------------------------------------------------------------------------------ */

static void line_seen(void *context, const struct job_row *row, const struct journal_line *line) {
    char **value = context;
    (void)row;
    if (strcmp(line->event, "completed") != 0)
        return;
    cJSON *item = cJSON_GetObjectItemCaseSensitive(line->json, "bookmark");
    free(*value);
    *value = cJSON_IsString(item) ? strdup(item->valuestring) : NULL;
}

enum rc bookmark_recover(const struct spool *spool, const struct job_row *row, struct err *err) {
    struct job_row read;
    char *value = NULL;
    enum rc rc = job_row_read(spool, row->id, &read, line_seen, &value, err);
    if (!rc && value)
        rc = bookmark_advance(spool, row, value, err);
    free(value);
    return rc;
}
