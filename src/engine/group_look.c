// SPDX-License-Identifier: Apache-2.0
#include "engine/group_look.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

const char *group_look_name(const struct throttle_group *group) {
    return strchr(group->key, ' ') + 1;
}

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

bool group_look_line(struct throttle *throttle, const struct journal_line *line) {
    char key[THROTTLE_KEY_BYTES];
    const cJSON *json = line->json, *tries = cJSON_GetObjectItemCaseSensitive(json, "throttled");
    int64_t since_us, until_us;
    if (!*text_of(json, "group") || !str_format(key, sizeof key, "%s %s", text_of(json, "step"), text_of(json, "group")))
        return true;
    if (!clock_parse_rfc3339(text_of(json, "since"), &since_us))
        since_us = line->ts_us;
    if (!clock_parse_rfc3339(text_of(json, "until"), &until_us))
        until_us = line->ts_us;
    return throttle_recall(throttle, key, cJSON_IsNumber(tries) && tries->valuedouble >= 1 && tries->valuedouble < 1e6 ? (unsigned)tries->valuedouble : 0,
                           since_us, until_us, text_of(json, "error"), line->ts_us);
}

struct looking {
    struct throttle *throttle;
    int64_t now_us;
    const struct throttle_group *list[GROUP_LOOK_SHOWN]; /* by until_us */
    size_t shown, count;
    bool out_of_memory;
};

static void on_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct looking *l = context;
    (void)row;
    if (!group_look_line(l->throttle, line))
        l->out_of_memory = true;
}

static void on_group(void *context, const struct throttle_group *group) {
    struct looking *l = context;
    size_t at = l->shown;
    if (group->until_us <= l->now_us)
        return;
    l->count++;
    while (at > 0 && l->list[at - 1]->until_us > group->until_us)
        at--;
    if (at == GROUP_LOOK_SHOWN)
        return;
    l->shown += l->shown < GROUP_LOOK_SHOWN;
    memmove(&l->list[at + 1], &l->list[at], (l->shown - at - 1) * sizeof l->list[0]);
    l->list[at] = group;
}

enum rc group_look(const struct spool *spool, const char *job_id, int64_t now_us, group_look_told *told, void *context, size_t *count, struct err *err) {
    struct looking l = {.throttle = throttle_new(), .now_us = now_us};
    struct job_row row;
    *count = 0;
    if (!l.throttle)
        return err_set(err, RC_TEMP, "out of memory");
    enum rc rc = job_row_read(spool, job_id, &row, on_line, &l, err);
    if (!rc && l.out_of_memory)
        rc = err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        throttle_each(l.throttle, on_group, &l);
    for (size_t i = 0; i < l.shown; i++)
        told(context, l.list[i]);
    *count = l.count;
    throttle_free(l.throttle);
    return rc;
}
