// SPDX-License-Identifier: Apache-2.0
#include "engine/retention_internal.h"

#include "engine/sources.h"

#include <stdlib.h>
#include <string.h>

/* How long finished jobs are kept, by source: what the environment says, else the source, else the configuration. */

#define DAY_US (INT64_C(24) * 3600 * 1000000)

struct learning {
    struct retention *r;
    struct sources *sources;
    bool out_of_memory;
};

static bool learn(void *context, const char *name) {
    struct learning *l = context;
    struct retention *r = l->r;
    const struct source *source;
    if (sources_get(l->sources, name, &source, NULL) != RC_OK || !source->has_job_retention) /* a broken one says nothing */
        return true;
    struct retention_source *list = realloc(r->sources, (r->source_count + 1) * sizeof *list);
    l->out_of_memory = !list;
    if (!list)
        return false;
    r->sources = list;
    list[r->source_count] = (struct retention_source){.days = source->job_retention_days, .documents = source->documents};
    str_copy(list[r->source_count++].name, sizeof list->name, name);
    return true;
}

enum rc retention_days_learn(struct retention *r, struct sources *sources) {
    struct learning l = {.r = r, .sources = sources};
    if (!sources || r->options->limits.job_days_hold)
        return RC_OK;
    enum rc rc = sources_list(sources, learn, &l, r->err);
    return l.out_of_memory ? err_set(r->err, RC_TEMP, "out of memory") : rc == RC_GONE ? RC_OK : rc;
}

unsigned retention_days(const struct retention *r, const char *source, const char **by) {
    for (size_t i = 0; i < r->source_count; i++)
        if (strcmp(r->sources[i].name, source) == 0) {
            *by = "source";
            return r->sources[i].days;
        }
    *by = r->options->limits.job_days_hold ? "environment" : "configuration";
    return r->options->limits.job_days;
}

unsigned retention_days_least(const struct retention *r, bool documents) {
    unsigned least = r->options->limits.job_days;
    for (size_t i = 0; i < r->source_count; i++)
        if ((!documents || r->sources[i].documents) && r->sources[i].days < least)
            least = r->sources[i].days;
    return least;
}

bool retention_days_over(const struct retention *r, const char *source, int64_t at_us) {
    const char *by;
    return at_us <= r->now_us - (int64_t)retention_days(r, source, &by) * DAY_US;
}

enum rc retention_went(struct retention *r, const struct job_row *row) {
    struct retention_gone *g = r->gone;
    size_t i = 0;
    while (i < r->gone_count && strcmp(g[i].source, row->source) != 0)
        i++;
    if (i == r->gone_count) {
        g = realloc(r->gone, (i + 1) * sizeof *g);
        if (!g)
            return err_set(r->err, RC_TEMP, "out of memory");
        r->gone = g;
        g[r->gone_count++] = (struct retention_gone){.jobs = 0};
        str_copy(g[i].source, sizeof g[i].source, row->source);
    }
    g[i].jobs++;
    return r->options->dry_run && !strset_keep(&r->going, row->id, NULL) ? err_set(r->err, RC_TEMP, "out of memory") : RC_OK;
}

cJSON *retention_days_report(const struct retention *r) {
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < r->gone_count; i++) {
        cJSON *one = cJSON_CreateObject();
        const char *by;
        const unsigned days = retention_days(r, r->gone[i].source, &by);
        if (r->gone[i].source[0])
            cJSON_AddStringToObject(one, "source", r->gone[i].source);
        cJSON_AddNumberToObject(one, "jobs", (double)r->gone[i].jobs);
        cJSON_AddNumberToObject(one, "days", days);
        cJSON_AddStringToObject(one, "by", by);
        cJSON_AddItemToArray(list, one);
    }
    return list;
}

void retention_days_release(struct retention *r) {
    free(r->sources);
    free(r->gone);
    strset_release(&r->going);
}
