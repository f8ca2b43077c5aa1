// SPDX-License-Identifier: Apache-2.0
#include "source/schedule.h"

#include "base/clock.h"
#include "base/json.h"
#include "source/check.h"

#include <string.h>

#define DAY_S INT64_C(86400)
#define SECOND_US INT64_C(1000000)

/* --- reading --------------------------------------------------------------------------------------------------------- */

static void read_time(struct check *check, const char *name, int64_t *out_s) {
    const cJSON *item = check_string(check, check->root, name, 64);
    int64_t us;
    if (!item)
        return;
    if (clock_parse_rfc3339(item->valuestring, &us))
        *out_s = us / SECOND_US;
    else
        check_fail(check, name, "must be a time such as \"2026-11-24T06:00:00Z\" (RFC 3339)");
}

static void read_cron(struct check *check, struct schedule *s) {
    const cJSON *item = check_string(check, check->root, "cron", sizeof s->when - 1);
    struct err wrong = {0};
    if (!item)
        return;
    if (cron_parse(item->valuestring, &s->cron, &wrong))
        check_fail(check, "cron", "%s", wrong.text);
    str_copy(s->when, sizeof s->when, item->valuestring);
}

static void read_every(struct check *check, struct schedule *s) {
    const cJSON *item = check_string(check, check->root, "every", 64);
    int64_t ms = 0;
    if (!item)
        return;
    check_duration(check, check->root, "every", 1, &ms);
    if (check->rc == RC_OK && (ms < 1000 || ms % 1000))
        check_fail(check, "every", "must be of whole seconds, one at least");
    s->every_s = ms / 1000;
    str_copy(s->when, sizeof s->when, item->valuestring);
}

static void read_zone(struct check *check, struct schedule *s) {
    const cJSON *item = check_string(check, check->root, "timezone", 1024);
    if (!item)
        return;
    if (!zone_known(item->valuestring) || !str_copy(s->zone, sizeof s->zone, item->valuestring))
        check_fail(check, "timezone", "\"%.64s\" is no time zone of this machine: a name such as \"America/New_York\", or \"UTC\"", item->valuestring);
}

static void read_label(struct check *check, struct schedule *s) {
    const cJSON *item = check_string(check, check->root, "name", sizeof s->label - 1);
    if (item)
        str_copy(s->label, sizeof s->label, item->valuestring);
}

static void read_when(struct check *check, struct schedule *s) {
    bool cron = cJSON_HasObjectItem(check->root, "cron"), every = cJSON_HasObjectItem(check->root, "every");
    int64_t first;
    if (check->rc == RC_OK && cron == every)
        check_fail(check, every ? "every" : NULL, every ? "stands beside cron: only one of them says when" : "needs \"cron\" or \"every\" to say when");
    read_cron(check, s);
    read_every(check, s);
    read_zone(check, s);
    read_time(check, "start", &s->start_s);
    read_time(check, "until", &s->until_s);
    if (check->rc == RC_OK && !schedule_next(s, s->start_s == INT64_MIN ? 0 : s->start_s - 1, &first))
        check_fail(check, s->until_s == SCHEDULE_NEVER ? NULL : "until", "is never due%s", s->until_s == SCHEDULE_NEVER ? "" : " before that");
}

static void read_all(struct check *check, struct schedule *s) {
    static const char *const members[] = {"name", "cron", "every", "timezone", "start", "until", "missed", "enabled", "job", NULL};
    static const char *const choices[] = {"skip", "once", NULL};
    unsigned missed = 0;
    if (!check_object(check, check->root, members, NULL))
        return;
    read_label(check, s);
    read_when(check, s);
    check_choice(check, check->root, "missed", choices, &missed);
    s->once = missed == 1;
    check_flag(check, check->root, "enabled", &s->enabled);
    const cJSON *job = cJSON_GetObjectItemCaseSensitive(check->root, "job");
    if (!job)
        check_lacks(check, "job", "needs a \"job\": what a job file says");
    else if (!cJSON_IsObject(job))
        check_fail(check, "job", "must be an object: what a job file says");
}

static void sum_up(struct schedule *s) {
    char start[CLOCK_RFC3339_SIZE] = "";
    if (s->start_s != INT64_MIN)
        clock_format_rfc3339(s->start_s * SECOND_US, 0, start);
    if (s->every_s)
        str_format(s->times, sizeof s->times, "every %s%s%s", s->when, *start ? " from " : "", start);
    else
        str_format(s->times, sizeof s->times, "cron %s in %s%s%s", s->when, s->zone, *start ? " from " : "", start);
}

enum rc schedule_parse(const char *file, const char *text, size_t length, struct schedule *schedule, struct slice *job, struct err *err) {
    return schedule_parse_at(file, text, length, schedule, job, NULL, err);
}

enum rc schedule_parse_at(const char *file, const char *text, size_t length, struct schedule *schedule, struct slice *job, struct check_fault *fault,
                          struct err *err) {
    struct check check;
    *schedule = (struct schedule){.zone = "UTC", .start_s = INT64_MIN, .until_s = SCHEDULE_NEVER, .enabled = true};
    enum rc rc = check_open(&check, file, text, length, &json_rules_config, err);
    check.fault = fault;
    if (!rc) {
        read_all(&check, schedule);
        rc = check.rc;
    }
    check_release(&check);
    if (rc)
        return rc;
    sum_up(schedule);
    return json_find((struct slice){text, length}, "/job", job) ? RC_OK : err_set(err, RC_PERM, "%s: has no job", file);
}

/* --- when ------------------------------------------------------------------------------------------------------------ */

/* Counted from the start, or from the epoch: no restart shifts it. */
static int64_t next_of_every(const struct schedule *s, int64_t after_s) {
    int64_t base = s->start_s == INT64_MIN ? 0 : s->start_s;
    return after_s < base ? base : base + ((after_s - base) / s->every_s + 1) * s->every_s;
}

bool schedule_next(const struct schedule *s, int64_t after_s, int64_t *due_s) {
    if (s->start_s != INT64_MIN && after_s < s->start_s)
        after_s = s->start_s - 1;
    if (s->every_s)
        *due_s = next_of_every(s, after_s);
    else if (!cron_next(&s->cron, s->zone, after_s, due_s))
        return false;
    return *due_s <= s->until_s;
}

/* The last due time up to now_s, of which there is one after after_s: looked for in longer and longer spans, so that few are gone through. */
static int64_t last_of(const struct schedule *s, int64_t after_s, int64_t now_s) {
    int64_t at, last = after_s;
    for (int64_t span = 3600; last == after_s; span *= 24) {
        int64_t from = now_s - span > after_s ? now_s - span : after_s;
        while (schedule_next(s, from, &at) && at <= now_s)
            last = from = at;
    }
    return last;
}

bool schedule_passed(const struct schedule *s, int64_t after_s, int64_t now_s, struct schedule_passed *passed) {
    int64_t at = after_s;
    *passed = (struct schedule_passed){.count = 0};
    while (passed->count < SCHEDULE_PASSED_MOST && schedule_next(s, at, &at) && at <= now_s) {
        passed->first_s = passed->count++ ? passed->first_s : at;
        passed->last_s = at;
    }
    if (passed->count < SCHEDULE_PASSED_MOST)
        return passed->count > 0;
    int64_t end = s->until_s < now_s ? s->until_s : now_s;
    passed->last_s = s->every_s ? end - (end - passed->last_s) % s->every_s : last_of(s, passed->last_s - 1, end);
    return true;
}

/* --- texts ----------------------------------------------------------------------------------------------------------- */

static enum rc add_member(const char **comma, struct slice name, struct slice value, struct buf *out) {
    enum rc rc = buf_printf(out, "%s\n  \"%.*s\": ", *comma, (int)name.length, name.data);
    *comma = ",";
    return rc ? rc : buf_add(out, value.data, value.length);
}

enum rc schedule_job(struct slice job, const char *created_by, struct buf *out) {
    struct json_iter iter;
    struct slice name, value;
    struct buf quoted = BUF_INIT(1024);
    bool duplicate = false, other_mode = false;
    const char *comma = "";
    enum rc rc = created_by ? json_quote(slice_of(created_by), &quoted) : RC_OK;
    if (!json_iter_init(&iter, job))
        rc = RC_PERM;
    rc = rc ? rc : buf_add_char(out, '{');
    while (!rc && json_iter_next(&iter, &name, &value)) {
        duplicate = duplicate || slice_equals(name, "on_duplicate");
        other_mode = other_mode || (slice_equals(name, "mode") && !slice_equals(value, "\"run\""));
        if (!created_by || !slice_equals(name, "created_by"))
            rc = add_member(&comma, name, value, out);
    }
    if (!rc && !duplicate && !other_mode)
        rc = add_member(&comma, slice_of("on_duplicate"), slice_of("\"run\""), out);
    if (!rc && created_by)
        rc = add_member(&comma, slice_of("created_by"), (struct slice){buf_text(&quoted), quoted.length}, out);
    buf_release(&quoted);
    return rc ? rc : buf_add_text(out, "\n}\n");
}

enum rc schedule_enable(struct slice text, bool enabled, struct buf *out) {
    struct slice had;
    const char *word = enabled ? "true" : "false";
    const char *brace = memchr(text.data, '{', text.length), *end = text.data + text.length;
    bool there = json_find(text, "/enabled", &had);
    const char *cut = there ? had.data : brace + 1, *on = there ? had.data + had.length : cut;
    enum rc rc = buf_add(out, text.data, (size_t)(cut - text.data));
    rc = rc ? rc : buf_printf(out, there ? "%s" : "\n  \"enabled\": %s,", word);
    return rc ? rc : buf_add(out, on, (size_t)(end - on));
}
