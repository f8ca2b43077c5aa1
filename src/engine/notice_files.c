// SPDX-License-Identifier: Apache-2.0
#include "engine/notice_files.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The line "what:   ..." of a note. */
static void read_why(const struct spool *spool, enum notice_state state, const char *id, char *out, size_t size) {
    struct buf text = BUF_INIT(8192);
    out[0] = '\0';
    if (notice_why_read(spool, state, id, &text, NULL) == RC_OK) {
        const char *what = strstr(buf_text(&text), "what:   ");
        if (what != NULL)
            str_printable(out, size, what + 8, strcspn(what + 8, "\n"));
    }
    buf_release(&text);
}

enum rc notice_files_look(const struct spool *spool, const char *id, struct notice_seen_file *seen, struct err *err) {
    struct stat st = {.st_size = 0};
    memset(seen, 0, sizeof *seen);
    seen->state = notice_find(spool, id);
    if (seen->state == NOTICE_NONE)
        return err_set(err, RC_GONE, "there is no notice \"%.80s\"", id);
    seen->rc = notice_read(spool, seen->state, id, &seen->notice, &st, &seen->err);
    if (seen->rc == RC_GONE) { /* it moved in this moment */
        seen->state = notice_find(spool, id);
        seen->rc = notice_read(spool, seen->state, id, &seen->notice, &st, &seen->err);
    }
    if (seen->rc == RC_GONE)
        return err_set(err, RC_GONE, "there is no notice \"%.80s\"", id);
    str_copy(seen->notice.id, sizeof seen->notice.id, id);
    if (seen->state == NOTICE_DEFERRED)
        seen->until_us = clock_file_us(st.st_mtim);
    read_why(spool, seen->state, id, seen->why, sizeof seen->why);
    return RC_OK;
}

void notice_files_release(struct notice_seen_file *seen) {
    notice_release(&seen->notice);
}

cJSON *notice_files_json(const struct notice_seen_file *seen, bool values) {
    char time[CLOCK_RFC3339_SIZE];
    const struct notice *notice = &seen->notice;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "notice_id", notice->id);
    cJSON_AddStringToObject(json, "state", notice_state_name(seen->state));
    if (seen->rc == RC_OK) {
        cJSON_AddStringToObject(json, "event", notice_kind_name(notice->kind));
        cJSON_AddStringToObject(json, "to", notice->to);
        if (notice->job_id[0] != '\0')
            cJSON_AddStringToObject(json, "job_id", notice->job_id);
        if (notice->seq > 0)
            cJSON_AddNumberToObject(json, "sequence", (double)notice->seq);
        clock_format_rfc3339(notice->created_us, 0, time);
        cJSON_AddStringToObject(json, "created_at", time);
        if (values)
            cJSON_AddItemToObject(json, "values", cJSON_Duplicate(notice->values, true));
    }
    if (seen->until_us != 0) {
        clock_format_rfc3339(seen->until_us, 0, time);
        cJSON_AddStringToObject(json, "until", time);
    }
    if (seen->why[0] != '\0' || seen->rc != RC_OK)
        cJSON_AddStringToObject(json, "error", seen->why[0] != '\0' ? seen->why : seen->err.text);
    return json;
}

/* --- which there are --------------------------------------------------------------------------------------------------- */

struct ids {
    char (*list)[JOBID_SIZE];
    size_t count, room;
    uint64_t most;
    bool failed, counts;
};

static bool take_id(void *context, const char *id, const struct stat *st) {
    struct ids *ids = context;
    (void)st;
    if (ids->counts)
        return ++ids->count < ids->most;
    if (ids->count == ids->room) {
        const size_t room = ids->room ? 2 * ids->room : 64;
        char(*more)[JOBID_SIZE] = realloc(ids->list, room * sizeof *more);
        if (more == NULL) {
            ids->failed = true;
            return false;
        }
        ids->list = more;
        ids->room = room;
    }
    str_copy(ids->list[ids->count++], JOBID_SIZE, id);
    return true;
}

static int by_id(const void *a, const void *b) {
    return strcmp(a, b);
}

enum rc notice_files_ids(const struct spool *spool, enum notice_state state, size_t most, char (**out)[JOBID_SIZE], size_t *count, struct err *err) {
    struct ids ids = {.list = NULL};
    enum rc rc = RC_OK;
    for (enum notice_state s = NOTICE_PENDING; s < NOTICE_STATE_COUNT && rc == RC_OK; s++)
        if (state == NOTICE_NONE || state == s)
            rc = notice_each(spool, s, false, take_id, &ids, err);
    if (ids.failed)
        rc = err_set(err, RC_TEMP, "out of memory");
    if (ids.count > 0)
        qsort(ids.list, ids.count, sizeof *ids.list, by_id);
    if (ids.count > most) {
        memmove(ids.list, ids.list + (ids.count - most), most * sizeof *ids.list);
        ids.count = most;
    }
    *out = ids.list;
    *count = ids.count;
    return rc;
}

enum rc notice_files_count(const struct spool *spool, enum notice_state state, uint64_t most, uint64_t *count, struct err *err) {
    struct ids ids = {.counts = true, .most = most};
    enum rc rc = notice_each(spool, state, false, take_id, &ids, err);
    *count = ids.count;
    return rc;
}

/* --- acts -------------------------------------------------------------------------------------------------------------- */

enum rc notice_files_retry(const struct spool *spool, const char *id, struct err *err) {
    const enum notice_state state = notice_find(spool, id);
    if (state == NOTICE_NONE)
        return err_set(err, RC_GONE, "there is no notice \"%.80s\"", id);
    if (state == NOTICE_PENDING || state == NOTICE_PROCESSING)
        return err_set(err, RC_PERM, "notice %s is in notices/%s/: it is being sent", id, notice_state_name(state));
    return notice_move(spool, id, state, NOTICE_PENDING, 0, true, err);
}

enum rc notice_files_test(const struct spool *spool, const char *to, const char *by, char id[JOBID_SIZE], struct err *err) {
    struct notice notice = {.kind = NOTICE_TEST, .created_us = clock_wall_us()};
    char subject[64], text[300];
    errno = 0;
    if (!notice_target_valid(to) || !str_copy(notice.to, sizeof notice.to, to))
        return err_set(err, RC_PERM, "\"%.200s\": must be " NOTICE_TARGET_RULE, to);
    str_format(subject, sizeof subject, "%lld %ld", (long long)notice.created_us, (long)getpid());
    notice_id_make(NOTICE_TEST, notice.created_us, subject, to, notice.id);
    notice.values = cJSON_CreateObject();
    str_format(text, sizeof text, "This is a test: %.200s asked whether notices arrive here. They do.", by);
    cJSON_AddStringToObject(notice.values, "event", "test");
    cJSON_AddStringToObject(notice.values, "subject", "a test");
    cJSON_AddStringToObject(notice.values, "text", text);
    cJSON_AddStringToObject(notice.values, "node", spool->node);
    enum rc rc = notice_put(spool, &notice, NOTICE_PENDING, 0, err);
    str_copy(id, JOBID_SIZE, notice.id);
    notice_release(&notice);
    return rc;
}

enum rc notice_files_outcome(const struct spool *spool, const char *id, struct err *err) {
    char why[400];
    switch (notice_find(spool, id)) {
    case NOTICE_PROCESSED:
        return RC_OK;
    case NOTICE_PENDING:
    case NOTICE_PROCESSING:
        return RC_AGAIN;
    case NOTICE_DEFERRED:
    case NOTICE_FAILED:
        break;
    case NOTICE_NONE:
    case NOTICE_STATE_COUNT:
        return err_set(err, RC_GONE, "the notice was taken away");
    }
    read_why(spool, notice_find(spool, id), id, why, sizeof why);
    return why[0] == '\0' ? RC_AGAIN : err_set(err, RC_PERM, "%s", why); /* the note follows the file */
}
