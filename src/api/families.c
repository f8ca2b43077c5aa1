// SPDX-License-Identifier: Apache-2.0
#include "api/families.h"

#include "api/admit.h"
#include "api/api.h"
#include "api/signin.h"
#include "api/submission.h"
#include "api/uploads.h"
#include "engine/act.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEASE_SOURCE "lease"

/* --- new jobs ----------------------------------------------------------------------------------------------------------- */

/* The document, then the job that names it: what a kill leaves between is a document without a job, which the same upload finds again. */
void families_upload(struct request *r) {
    cJSON *document = uploads_keep(r);
    if (!document)
        return;
    cJSON *job = cJSON_CreateObject();
    cJSON_AddStringToObject(job, "source", LEASE_SOURCE);
    if (request_query(r, "name"))
        cJSON_AddStringToObject(job, "name", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "name")));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(job, "documents"), document);
    char *text = cJSON_PrintUnformatted(job);
    cJSON_Delete(r->json);
    r->json = job;
    buf_reset(&r->body);
    if (text && buf_add_text(&r->body, text) == RC_OK)
        submission_create(r);
    else
        reply_later(r, 1, "out of memory");
    cJSON_free(text);
}

/* --- the processor ------------------------------------------------------------------------------------------------------ */

/* What waits for its back-off goes into the queue now, the highest priority first, as many as there are free slots. */
struct processor {
    char (*ids)[JOBID_SIZE];
    size_t count, slots;
};

static void processor_release(void *own) {
    struct processor *p = own;
    free(p->ids);
    free(p);
}

bool families_processor_prepare(struct request *r) {
    struct processor *p = calloc(1, sizeof *p);
    size_t running = 0, room = r->api->options->max_concurrent_jobs;
    r->own = p;
    r->own_release = processor_release;
    for (size_t i = 0; i < board_count(r->api->board); i++)
        running += board_at(r->api->board, i)->place == PLACE_PROCESSING;
    if (!p || !(p->ids = calloc(room + 1, sizeof *p->ids))) {
        reply_later(r, 1, "out of memory");
        return false;
    }
    p->slots = room > running ? room - running : 0;
    for (int priority = PRIORITY_URGENT; priority >= PRIORITY_LOW; priority--)
        for (size_t i = 0; i < board_count(r->api->board) && p->count < p->slots; i++) {
            const struct board_row *row = board_at(r->api->board, i);
            if (row->place == PLACE_DEFERRED && row->priority == priority && strcmp(row->reason, "backoff") == 0 && admit_sees(&r->who, row->owner))
                memcpy(p->ids[p->count++], row->id, JOBID_SIZE);
        }
    return true;
}

void families_processor(struct request *r) {
    const struct processor *p = r->own;
    const struct act act = {.verb = ACT_RETRY, .by = r->who.name};
    cJSON *json = cJSON_CreateObject(), *started = cJSON_AddArrayToObject(json, "started");
    for (size_t i = 0; i < p->count; i++) {
        struct jobs_entry job = {.id = ""};
        struct err err = {0};
        errno = 0;
        if (act_find(r->api->spool, p->ids[i], &job, &err) == RC_OK && job.place == PLACE_DEFERRED && act_move(r->api->spool, &job, &act, NULL, &err) == RC_OK)
            cJSON_AddItemToArray(started, cJSON_CreateString(p->ids[i]));
        free(job.file);
    }
    cJSON_AddNumberToObject(json, "slots_free", (double)(p->slots - (size_t)cJSON_GetArraySize(started)));
    reply_json(r, 202, json);
}

/* --- the rest ----------------------------------------------------------------------------------------------------------- */

void families_cleanup(struct request *r) {
    bool dry_run = false;
    if (!request_flag(r, "dry_run", &dry_run))
        return;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "mode", "cleanup");
    if (dry_run)
        cJSON_AddTrueToObject(json, "dry_run");
    submission_ask(r, "cleanup", json);
    signin_audit(r, "cleanup", dry_run ? "dry run" : "", NULL);
}
