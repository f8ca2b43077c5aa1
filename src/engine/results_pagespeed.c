// SPDX-License-Identifier: Apache-2.0
#include "engine/results_internal.h"

#include "engine/sources.h"
#include "engine/unit_look.h"
#include "report/report_pagespeed.h"
#include "source/criteria.h"

#include <stdlib.h>
#include <string.h>

/* --- what failed, and what it is of -------------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

/* The list of the job that a name of `foreach` goes through; without a definition that of the same name. */
static const cJSON *list_of(const cJSON *job, const struct source *source, const char *name, const char *otherwise) {
    const cJSON *foreach = source ? cJSON_GetObjectItemCaseSensitive(source->definition, "foreach") : NULL, *item;
    cJSON_ArrayForEach(item, foreach) {
        const char *in = text_of(item, "in");
        if (strcmp(text_of(item, "name"), name) == 0 && in[0] == '/' && !strchr(in + 1, '/'))
            return cJSON_GetObjectItemCaseSensitive(job, in + 1);
    }
    return cJSON_GetObjectItemCaseSensitive(job, otherwise);
}

static enum rc read_job(const struct results_ask *ask, const char *job_id, struct results_failures *f, const struct source **source, struct err *err) {
    char *text;
    size_t length;
    enum rc rc = job_text_read(ask->spool, job_id, &text, &length, err);
    if (rc)
        return rc;
    *source = NULL;
    if (sources_get(ask->sources, ask->job->source, source, NULL) != RC_OK || criteria_parse("the accepted text", text, length, *source, &f->criteria, NULL))
        f->job = cJSON_ParseWithLength(text, length); /* the definition is another one by now */
    free(text);
    return f->criteria || f->job ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

static bool name_failure(struct results_failures *f, const struct results_unit *unit, const cJSON *urls, const cJSON *strategies) {
    const int per_url = cJSON_GetArraySize(strategies) > 0 ? cJSON_GetArraySize(strategies) : 1;
    const cJSON *url = cJSON_GetArrayItem(urls, (int)(unit->batch - 1) / per_url);
    const cJSON *strategy = cJSON_GetArrayItem(strategies, (int)(unit->batch - 1) % per_url);
    const cJSON *labels = cJSON_GetObjectItemCaseSensitive(url, "labels");
    const char *address = cJSON_IsString(url) ? url->valuestring : text_of(url, "url");
    const struct unit_look look = {.reason = unit->reason, .error = unit->error};
    struct report_failed *failed = &f->list[f->count];
    unit_look_class(&look, f->classes[f->count]);
    *failed = (struct report_failed){.url = address[0] ? address : "(a URL that the job does not name)",
                                     .strategy = cJSON_IsString(strategy) ? strategy->valuestring : "",
                                     .error_class = f->classes[f->count],
                                     .error = unit->error,
                                     .attempts = unit->attempts};
    if (cJSON_IsObject(labels)) {
        f->labels[f->count] = cJSON_PrintUnformatted(labels);
        if (!f->labels[f->count])
            return false;
        failed->labels = slice_of(f->labels[f->count]);
    }
    f->count++;
    return true;
}

enum rc results_failures_read(const struct results_ask *ask, const char *job_id, struct results_failures *f, struct err *err) {
    const struct source *source;
    *f = (struct results_failures){.count = 0};
    enum rc rc = results_failed_read(ask->spool, job_id, &f->units, err);
    if (!rc && f->units.count)
        rc = read_job(ask, job_id, f, &source, err);
    if (rc || !f->units.count)
        return rc;
    const cJSON *job = f->criteria ? f->criteria->json : f->job;
    const cJSON *urls = list_of(job, source, "url", "urls"), *strategies = list_of(job, source, "strategy", "strategies");
    f->list = calloc(f->units.count, sizeof *f->list);
    f->labels = calloc(f->units.count, sizeof *f->labels);
    f->classes = calloc(f->units.count, sizeof *f->classes);
    bool good = f->list && f->labels && f->classes;
    for (size_t i = 0; good && i < f->units.count; i++)
        good = name_failure(f, &f->units.list[i], urls, strategies);
    return good ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

void results_failures_release(struct results_failures *f) {
    for (size_t i = 0; f->labels && i < f->count; i++)
        cJSON_free(f->labels[i]);
    free(f->labels);
    free(f->classes);
    free(f->list);
    results_failed_release(&f->units);
    criteria_free(f->criteria);
    cJSON_Delete(f->job);
}

/* ------------------------------------------------------------------------------------------------------------------------ */

enum rc results_pagespeed_write(const struct results_ask *ask, int fd, struct err *err) {
    struct results_failures failures = {.count = 0};
    struct results_before before = RESULTS_BEFORE_NONE;
    struct gathered baseline = GATHERED_NONE;
    enum rc rc = results_failures_read(ask, ask->errand->job, &failures, err);
    if (!rc && (ask->gathered->records.count || failures.count))
        rc = results_before_read(ask, &failures, &before, err);
    if (!rc && ask->errand->baseline[0])
        rc = results_gather_job(ask->spool, ask->sources, ask->errand->baseline, &baseline, err);
    if (!rc) {
        const struct report_pagespeed input = {.records = ask->gathered->records,
                                               .failed = failures.list,
                                               .failed_count = failures.count,
                                               .previous = before.found.records,
                                               .failed_before = before.failed,
                                               .failed_before_count = before.failed_count,
                                               .baseline = baseline.records,
                                               .baseline_id = ask->errand->baseline[0] ? ask->errand->baseline : NULL};
        rc = report_pagespeed_write(&input, ask->job, ask->form, fd, err);
    }
    results_before_release(&before);
    results_gather_release(&baseline);
    results_failures_release(&failures);
    return rc;
}
