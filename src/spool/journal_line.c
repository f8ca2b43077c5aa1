// SPDX-License-Identifier: Apache-2.0
#include "spool/journal_line.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

#include <string.h>
#include <unistd.h>

/* What cJSON would read differently from others (duplicate names, NUL) is no line of ours. */
static const struct json_rules LINE_RULES = {.max_depth = LIMIT_JSON_DEPTH, .max_members = LIMIT_JSON_KEYS, .unique_names = true, .no_nul = true};

enum rc journal_name(const char *job_id, char out[JOURNAL_NAME_SIZE], struct err *err) {
    if (!jobid_valid(job_id) || !str_format(out, JOURNAL_NAME_SIZE, "%s.ndjson", job_id))
        return err_set(err, RC_PERM, "\"%.80s\" is no job id", job_id);
    return RC_OK;
}

/* Names of files come from outside and need not be UTF-8; a journal must be. */
static void scrub(char *text, size_t length) {
    if (str_is_utf8(text, length))
        return;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] >= 0x80)
            text[i] = '?';
}

static enum rc add_members(struct buf *out, const cJSON *members) {
    if (members == NULL || members->child == NULL)
        return RC_OK;
    char *text = cJSON_PrintUnformatted(members);
    if (text == NULL)
        return RC_TEMP;
    size_t length = strlen(text);
    scrub(text, length);
    enum rc rc = buf_add_char(out, ',');
    if (rc == RC_OK)
        rc = buf_add(out, text + 1, length - 2);
    cJSON_free(text);
    return rc;
}

static enum rc format_line(struct buf *out, const struct line_head *head, const cJSON *members) {
    char ts[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(clock_wall_us(), 6, ts);
    enum rc rc = buf_printf(out, "{\"v\":1,\"seq\":%llu,\"prev\":\"%s\",\"ts\":\"%s\",\"event\":\"%s\",\"node\":\"%s\"", (unsigned long long)head->seq,
                            head->prev, ts, head->event, head->node);
    if (rc == RC_OK && head->by != NULL)
        rc = buf_printf(out, ",\"by\":\"%s\"", head->by);
    if (rc == RC_OK && head->by != NULL && cJSON_GetObjectItemCaseSensitive(members, "uid") == NULL)
        rc = buf_printf(out, ",\"uid\":%lu", (unsigned long)geteuid());
    if (rc == RC_OK)
        rc = add_members(out, members);
    if (rc == RC_OK)
        rc = buf_add_text(out, "}\n");
    return rc;
}

enum rc journal_line_format(struct buf *out, const struct line_head *head, const cJSON *members, struct err *err) {
    size_t before = out->length;
    enum rc rc = format_line(out, head, members);
    if (rc == RC_OK && out->length - before > LIMIT_EVENT_BYTES)
        rc = RC_PERM;
    if (rc != RC_OK)
        err_set(err, rc, rc == RC_TEMP ? "%s: out of memory" : "%s: the event is too long", head->event);
    return rc;
}

bool journal_line_u64(const cJSON *json, const char *name, uint64_t *out) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= 9007199254740991.0))
        return false;
    *out = (uint64_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

static bool has_text(const cJSON *json, const char *name) {
    return cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, name));
}

enum rc journal_line_parse(const char *text, size_t length, cJSON **json, struct err *err) {
    *json = NULL;
    if (json_check(text, length, &LINE_RULES, err) != RC_OK)
        return err_prefix(err, RC_CORRUPT, "not an event");
    cJSON *object = cJSON_ParseWithLength(text, length);
    if (object == NULL)
        return err_set(err, RC_TEMP, "out of memory");
    uint64_t v, seq;
    if (!cJSON_IsObject(object) || !journal_line_u64(object, "v", &v) || v != 1 || !journal_line_u64(object, "seq", &seq) || !has_text(object, "prev") ||
        !has_text(object, "ts") || !has_text(object, "event")) {
        cJSON_Delete(object);
        return err_set(err, RC_CORRUPT, "not an event: v (1), seq, prev, ts or event is missing");
    }
    *json = object;
    return RC_OK;
}

enum rc journal_line_seq(const char *text, size_t length, uint64_t *seq, struct err *err) {
    cJSON *json;
    enum rc rc = journal_line_parse(text, length, &json, err);
    if (rc != RC_OK)
        return rc;
    bool good = journal_line_u64(json, "seq", seq);
    cJSON_Delete(json);
    return good ? RC_OK : err_set(err, RC_CORRUPT, "seq is no number");
}
