// SPDX-License-Identifier: Apache-2.0
#include "engine/submit.h"

#include "base/clock.h"
#include "base/limits.h"
#include "os/fsio.h"
#include "source/request.h"
#include "source/units.h"
#include "spool/drop.h"
#include "spool/jobs.h"
#include "spool/recurrence.h"

#include <errno.h>
#include <string.h>

#define DRAWS 8 /* of an id until one is free */

static const char *no_secret(void *context, const char *name) {
    (void)context;
    (void)name;
    return "secret";
}

/* The first request of the first unit, when no other step's answer is in it. */
static enum rc try_unit(const struct source *source, const struct criteria *criteria, struct err *err) {
    struct units *units;
    struct request request;
    cJSON *known = cJSON_Parse("{\"job_id\":\"-\",\"attempt\":1}");
    unsigned way = source_first_way(&source->steps[0], 0, criteria->json);
    enum rc rc = known ? units_new(source, criteria->json, criteria->take, &units, err) : err_set(err, RC_TEMP, "out of memory");
    if (rc || way == source->steps[0].way_count || source->steps[0].ways[way].helper) {
        cJSON_Delete(known);
        if (!rc)
            units_free(units);
        return rc;
    }
    cJSON *item = units_item(units, 1);
    const struct template_scope scope = {.job = criteria->json, .item = item, .known = known, .secret = no_secret};
    rc = item ? request_make(source, 0, way, REQUEST_FREE, NULL, &scope, &request, err) : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        request_release(&request);
    cJSON_Delete(item);
    cJSON_Delete(known);
    units_free(units);
    return rc;
}

static enum rc try_request(const struct source *source, const struct criteria *criteria, struct err *err) {
    const struct paginator_start start = {.take = criteria->take, .total = JOB_UNKNOWN, .page_size = criteria->batch_size};
    struct paginator *paginator;
    struct page page;
    enum rc rc = paginator_new(source, &start, &paginator, err);
    if (rc)
        return rc;
    rc = paginator_next(paginator, &page);
    paginator_free(paginator);
    if (rc)
        return RC_OK;
    const struct template_scope scope = {.job = criteria->json, .secret = no_secret};
    struct request request;
    rc = request_make(source, 0, 0, source->metered ? REQUEST_PAID : REQUEST_FREE, &page, &scope, &request, err);
    if (!rc)
        request_release(&request);
    return rc;
}

static enum rc check_all(struct sources *sources, const char *file, const char *text, size_t length, struct submit *s, struct check_fault *fault,
                         struct err *err) {
    enum rc rc = criteria_source_at(file, text, length, s->source, s->mode, fault, err);
    if (rc)
        return rc;
    enum errand_kind kind;
    if (!errand_mode(s->mode, &kind)) /* those need no definition */
        rc = sources_get(sources, s->source, &s->definition, err);
    if (rc) { /* the job names it: the job's data are wrong, not a file that was asked for */
        str_copy(fault->pointer, sizeof fault->pointer, "/source");
        str_copy(fault->detail, sizeof fault->detail, err->text);
        return err_prefix(err, rc == RC_GONE ? RC_PERM : rc, "%s: source", file);
    }
    rc = criteria_parse_at(file, text, length, s->definition, &s->criteria, fault, err);
    if (rc || !s->definition || strcmp(s->mode, "source") == 0) /* nothing will be asked of it */
        return rc;
    rc = (s->definition->list_count ? try_unit : try_request)(s->definition, s->criteria, err);
    if (rc)
        str_copy(fault->detail, sizeof fault->detail, err->text);
    return rc ? err_prefix(err, rc, "%s", file) : RC_OK;
}

enum rc submit_check(struct sources *sources, const char *file, const char *text, size_t length, struct submit *submit, struct check_fault *fault,
                     struct err *err) {
    struct check_fault found = {.pointer = ""};
    struct err told = {0};
    *submit = (struct submit){.criteria = NULL};
    enum rc rc = check_all(sources, file, text, length, submit, &found, &told);
    if (rc && !*found.detail) /* no JSON at all: the text without the name of the file */
        str_copy(found.detail, sizeof found.detail,
                 str_starts(told.text, file) ? told.text + strlen(file) + strspn(told.text + strlen(file), ": ") : told.text);
    if (fault)
        *fault = found;
    return rc ? err_set(err, rc, "%s", told.text) : RC_OK;
}

void submit_release(struct submit *submit) {
    criteria_free(submit->criteria);
    submit->criteria = NULL;
}

enum rc submit_drop(const struct spool *spool, const char *label, const char *text, size_t length, char id[JOBID_SIZE], struct err *err) {
    char slug[JOBID_SLUG_SIZE], name[JOBID_SIZE + 8];
    enum rc rc = RC_PERM;
    jobid_slug(label, slug);
    for (int draw = 0; draw < DRAWS; draw++) {
        rc = jobid_new(clock_wall_us(), slug, id, err);
        if (rc)
            break;
        if (jobs_has_journal(spool, id))
            continue;
        str_format(name, sizeof name, "%s.json", id);
        errno = 0;
        rc = drop_submit(spool, name, text, length, err);
        if (rc != RC_PERM || errno != EEXIST)
            break;
    }
    return rc;
}

enum rc submit_drop_as(const struct spool *spool, const char *id, const char *text, size_t length, struct err *err) {
    return recurrence_drop(spool, id, text, length, err); /* what a due time needs, too */
}

enum rc submit_answer(const struct spool *spool, const char *id, cJSON **answer, struct err *err) {
    char path[JOBID_SIZE + 20];
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    *answer = NULL;
    str_format(path, sizeof path, "%s/preview.json", id);
    enum rc rc = fsio_read_file(spool->results_fd, path, &text, err);
    cJSON *json = rc ? NULL : cJSON_ParseWithLength(buf_text(&text), text.length);
    buf_release(&text);
    if (rc)
        return rc;
    if (!cJSON_IsObject(json)) {
        cJSON_Delete(json);
        return err_set(err, RC_CORRUPT, "results/%s: is no JSON object", path);
    }
    if (!cJSON_HasObjectItem(json, "job_id"))
        cJSON_AddStringToObject(json, "job_id", id);
    *answer = json;
    return RC_OK;
}
