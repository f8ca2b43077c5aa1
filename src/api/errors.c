// SPDX-License-Identifier: Apache-2.0
#include "api/errors.h"

#include "api/admit.h"
#include "api/board.h"
#include "api/follow.h"
#include "base/clock.h"
#include "base/digest.h"
#include "engine/act.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 16384u /* a power of two; half of them are used at most */
#define KEY_SIZE 17
#define FILES_LOOKED 20000u /* rows of payloads that are looked at for one answer */
#define FAILED_TOLD 100

enum kind { FAILED_JOBS, HELD_JOBS, FAILED_FILES };

struct group {
    enum kind kind;
    const char *source, *reason, *cause; /* kept by the board, so that equal ones are one pointer; or literals */
    uint64_t count;
    int64_t first_us, last_us;
    char example[JOBID_SIZE]; /* the newest */
    uint32_t batch;
    char error[600]; /* of a payload: the row of a job has its own */
};

struct member {
    char id[JOBID_SIZE];
    uint32_t batch; /* 0: the job */
};

struct grouping {
    struct api *api;
    const char *owner; /* NULL: all */
    struct group *list;
    size_t count, capacity;
    uint32_t slots[SLOTS]; /* place in list + 1 */
    uint64_t files;        /* looked at */
    bool cut;              /* not everything was looked at */
    const struct board_row *row;
    const struct group *found; /* of who acts: its members are taken along */
    struct member *members;
    size_t member_count;
};

static const char *const kind_names[] = {[FAILED_JOBS] = "FAILED", [HELD_JOBS] = "HELD", [FAILED_FILES] = "FILES"};

/* --- grouping ----------------------------------------------------------------------------------------------------------- */

static size_t hash(const struct group *g) {
    uint64_t h = UINT64_C(14695981039346656037) ^ (uint64_t)g->kind;
    const uintptr_t texts[] = {(uintptr_t)g->source, (uintptr_t)g->reason, (uintptr_t)g->cause};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        h = (h ^ texts[i]) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

static bool same(const struct group *a, const struct group *b) {
    return a->kind == b->kind && a->source == b->source && a->reason == b->reason && a->cause == b->cause;
}

/* NULL: there are too many, or no memory. */
static struct group *group_of(struct grouping *g, const struct group *like) {
    size_t at = hash(like) & (SLOTS - 1);
    for (; g->slots[at]; at = (at + 1) & (SLOTS - 1))
        if (same(&g->list[g->slots[at] - 1], like))
            return &g->list[g->slots[at] - 1];
    if (g->count == g->capacity) {
        const size_t capacity = g->capacity ? g->capacity * 2 : 64;
        struct group *list = capacity <= SLOTS / 2 ? realloc(g->list, capacity * sizeof *list) : NULL;
        if (!list) {
            g->cut = true;
            return NULL;
        }
        g->list = list;
        g->capacity = capacity;
    }
    g->list[g->count++] = *like;
    g->slots[at] = (uint32_t)g->count;
    return &g->list[g->count - 1];
}

static void key_of(const struct group *group, char key[KEY_SIZE]) {
    struct buf text = BUF_INIT(4096);
    char sum[DIGEST_HEX_SIZE];
    buf_printf(&text, "%s\n%s\n%s\n%s", kind_names[group->kind], group->source, group->reason, group->cause);
    digest_of_hex(buf_text(&text), text.length, sum);
    buf_release(&text);
    memcpy(key, sum, KEY_SIZE - 1);
    key[KEY_SIZE - 1] = '\0';
}

static void add(struct grouping *g, const struct group *like, int64_t at_us, uint32_t batch, const char *error) {
    struct group *group = group_of(g, like);
    if (!group)
        return;
    if (!group->count || at_us < group->first_us)
        group->first_us = at_us;
    if (!group->count || at_us >= group->last_us) {
        group->last_us = at_us;
        group->batch = batch;
        memcpy(group->example, g->row->id, sizeof group->example);
        str_copy(group->error, sizeof group->error, error);
    }
    group->count++;
}

static bool by_person(const struct board_row *row) {
    return !row->unknown_batches && (!*row->reason || strcmp(row->reason, "asked") == 0 || strcmp(row->reason, "mv") == 0);
}

static struct group job_group(const struct board_row *row) {
    return (struct group){.kind = row->place == PLACE_FAILED ? FAILED_JOBS : HELD_JOBS, .source = row->source, .reason = row->reason, .cause = row->cause};
}

static bool is_error(const struct board_row *row) {
    return row->place == PLACE_FAILED || (row->place == PLACE_HOLD && !by_person(row));
}

static struct group file_group(struct grouping *g, const struct file_row *file) {
    return (struct group){.kind = FAILED_FILES, .source = g->row->source, .reason = "load", .cause = board_cause(g->api->board, file->error_details)};
}

static bool add_file(void *context, const struct file_row *file) {
    struct grouping *g = context;
    if (file->status == FILE_FAILED) {
        const struct group like = file_group(g, file);
        add(g, &like, file->processed_us, file->batch, file->error_details);
    }
    if (++g->files < FILES_LOOKED)
        return true;
    g->cut = true;
    return false;
}

static void each_job(struct grouping *g, void (*job)(struct grouping *g), index_file_seen *file) {
    struct err err = {0};
    const struct board *board = g->api->board;
    g->files = 0;
    for (size_t i = board_count(board); i > 0; i--) { /* the newest first: of very many payloads those are looked at */
        g->row = board_at(board, i - 1);
        if (!g->row->runs || (g->owner && strcmp(g->row->owner, g->owner) != 0))
            continue;
        if (is_error(g->row))
            job(g);
        if (g->row->failed_batches && g->files < FILES_LOOKED)
            index_files(follow_index(g->api->follow), g->row->id, file, g, &err);
    }
}

static void add_job(struct grouping *g) {
    const struct group like = job_group(g->row);
    add(g, &like, g->row->placed_us, 0, "");
}

static struct grouping *grouping_new(struct request *r) {
    struct grouping *g = calloc(1, sizeof *g);
    if (!g) {
        reply_later(r, 1, "out of memory");
        return NULL;
    }
    g->api = r->api;
    g->owner = admit_owner(&r->who);
    each_job(g, add_job, add_file);
    return g;
}

static void grouping_free(void *own) {
    struct grouping *g = own;
    free(g->list);
    free(g->members);
    free(g);
}

/* --- what can be done --------------------------------------------------------------------------------------------------- */

enum bit { RETRY = 1, RELEASE = 2, CANCEL = 4, PROCESS = 8, REQUEUE = 16, ACCEPT_COVERAGE = 32, ACCEPT_DUPLICATES = 64, BUY_ALL = 128 };

static const struct {
    const char *name;
    unsigned bit;
    enum act_verb verb;
    enum act_decision decision;
} acts[] = {{"retry", RETRY, ACT_RETRY, ACT_NO_DECISION},
            {"requeue", REQUEUE, ACT_REQUEUE, ACT_NO_DECISION},
            {"process", PROCESS, ACT_REQUEUE, ACT_NO_DECISION},
            {"release", RELEASE, ACT_RELEASE, ACT_NO_DECISION},
            {"accept_coverage", ACCEPT_COVERAGE, ACT_RELEASE, ACT_ACCEPT_COVERAGE},
            {"accept_duplicates", ACCEPT_DUPLICATES, ACT_RELEASE, ACT_ACCEPT_DUPLICATES},
            {"buy_all", BUY_ALL, ACT_RELEASE, ACT_BUY_ALL},
            {"cancel", CANCEL, ACT_CANCEL, ACT_NO_DECISION}};
#define ACT_COUNT (sizeof acts / sizeof acts[0])

/* Of the reasons that want something else than their kind does. A charge in doubt is decided job by job. */
static const struct {
    enum kind kind;
    const char *reason;
    unsigned acts;
} special[] = {{FAILED_JOBS, "load", REQUEUE | CANCEL},
               {FAILED_JOBS, "coverage", RETRY | ACCEPT_COVERAGE | CANCEL},
               {FAILED_JOBS, "damaged", 0},
               {HELD_JOBS, "charge_unknown", CANCEL},
               {HELD_JOBS, "duplicates", ACCEPT_DUPLICATES | CANCEL},
               {HELD_JOBS, "depth_limit", RELEASE | ACCEPT_COVERAGE | CANCEL},
               {HELD_JOBS, "no_ids", RELEASE | BUY_ALL | CANCEL},
               {HELD_JOBS, "listing", RELEASE | BUY_ALL | CANCEL},
               {HELD_JOBS, "damaged", 0}};

static unsigned acts_of(const struct group *group) {
    static const unsigned usual[] = {[FAILED_JOBS] = RETRY | CANCEL, [HELD_JOBS] = RELEASE | CANCEL, [FAILED_FILES] = PROCESS};
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (special[i].kind == group->kind && strcmp(special[i].reason, group->reason) == 0)
            return special[i].acts;
    return usual[group->kind];
}

/* --- the list ----------------------------------------------------------------------------------------------------------- */

static int largest_first(const void *a, const void *b) {
    const struct group *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->last_us < y->last_us) - (x->last_us > y->last_us);
}

static void add_time(cJSON *json, const char *name, int64_t us) {
    char text[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(us, 0, text);
    cJSON_AddStringToObject(json, name, text);
}

static cJSON *example_json(struct api *api, const struct group *group) {
    cJSON *json = cJSON_CreateObject();
    const struct board_row *row = board_find(api->board, group->example);
    struct job_row job;
    struct err err = {0};
    char file_id[JOBID_SIZE + 16];
    cJSON_AddStringToObject(json, "job_id", group->example);
    if (row)
        cJSON_AddStringToObject(json, "name", row->name);
    if (group->kind == FAILED_FILES) {
        file_id_format(group->example, group->batch, file_id, sizeof file_id);
        cJSON_AddStringToObject(json, "file_id", file_id);
        cJSON_AddStringToObject(json, "error", group->error);
    } else
        cJSON_AddStringToObject(json, "error", index_job(follow_index(api->follow), group->example, &job, &err) == RC_OK ? job.error_details : "");
    return json;
}

static cJSON *group_json(struct api *api, const struct group *group) {
    char key[KEY_SIZE];
    const unsigned can = acts_of(group);
    cJSON *json = cJSON_CreateObject();
    key_of(group, key);
    cJSON_AddStringToObject(json, "key", key);
    if (group->kind != FAILED_FILES)
        cJSON_AddStringToObject(json, "status", kind_names[group->kind]);
    if (*group->source)
        cJSON_AddStringToObject(json, "source", group->source);
    else
        cJSON_AddNullToObject(json, "source"); /* of drops that could not be read */
    cJSON_AddStringToObject(json, "reason", group->reason);
    cJSON_AddStringToObject(json, "cause", group->cause);
    cJSON_AddNumberToObject(json, "jobs", group->kind == FAILED_FILES ? 0 : (double)group->count);
    cJSON_AddNumberToObject(json, "files", group->kind == FAILED_FILES ? (double)group->count : 0);
    add_time(json, "first_at", group->first_us);
    add_time(json, "last_at", group->last_us);
    cJSON_AddItemToObject(json, "example", example_json(api, group));
    cJSON *list = cJSON_AddArrayToObject(json, "acts");
    for (size_t i = 0; i < ACT_COUNT; i++)
        if (acts[i].bit & can)
            cJSON_AddItemToArray(list, cJSON_CreateString(acts[i].name));
    return json;
}

void errors_list(struct request *r) {
    struct grouping *g = grouping_new(r);
    if (!g)
        return;
    if (g->count)
        qsort(g->list, g->count, sizeof *g->list, largest_first);
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "groups");
    for (size_t i = 0; i < g->count && i < ERRORS_GROUPS; i++)
        cJSON_AddItemToArray(list, group_json(r->api, &g->list[i]));
    cJSON_AddNumberToObject(json, "total", (double)g->count);
    cJSON_AddBoolToObject(json, "complete", !g->cut);
    reply_json_cached(r, json);
    grouping_free(g);
}

/* --- acting ------------------------------------------------------------------------------------------------------------- */

static const struct group *find(const struct grouping *g, const char *wanted) {
    char key[KEY_SIZE];
    for (size_t i = 0; i < g->count; i++) {
        key_of(&g->list[i], key);
        if (strcmp(key, wanted) == 0)
            return &g->list[i];
    }
    return NULL;
}

static void take(struct grouping *g, const struct group *like, uint32_t batch) {
    if (!same(like, g->found) || g->member_count == g->found->count)
        return;
    struct member *member = &g->members[g->member_count++];
    memcpy(member->id, g->row->id, sizeof member->id);
    member->batch = batch;
}

static void take_job(struct grouping *g) {
    const struct group like = job_group(g->row);
    take(g, &like, 0);
}

static bool take_file(void *context, const struct file_row *file) {
    struct grouping *g = context;
    if (file->status == FILE_FAILED) {
        const struct group like = file_group(g, file);
        take(g, &like, file->batch);
    }
    return ++g->files < FILES_LOOKED;
}

/* NULL: the reply is set. */
static const struct group *agreed(struct request *r, const struct grouping *g, const char *key, const char *act, double count) {
    const struct group *group = find(g, key);
    size_t i = 0;
    if (!group) {
        reply_problem(r, 404, "there is no such group of errors any more; look again");
        return NULL;
    }
    while (i < ACT_COUNT && strcmp(acts[i].name, act) != 0)
        i++;
    if (i == ACT_COUNT)
        reply_invalid(r, "/act", "must be one of the group's acts");
    else if (!(acts[i].bit & acts_of(group)))
        reply_problem(r, 409, "%s is nothing that these errors take", act);
    else if ((double)group->count != count)
        reply_problem(r, 409, "the group has %llu now, not %.0f; look again", (unsigned long long)group->count, count);
    else if (group->count > ERRORS_MOST)
        reply_problem(r, 409, "more than %u at once; use a filter with /api/bulk", ERRORS_MOST);
    else
        return group;
    return NULL;
}

bool errors_act_prepare(struct request *r) {
    static const char *const known[] = {"key", "act", "count", NULL};
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(r->json, "count");
    const char *key, *act;
    if (!request_members(r, known) || !request_text(r, "key", 64, true, &key) || !request_text(r, "act", 20, true, &act))
        return false;
    if (!cJSON_IsNumber(count) || count->valuedouble < 0) {
        reply_invalid(r, "/count", "must be the number of jobs or payloads that the group had");
        return false;
    }
    struct grouping *g = grouping_new(r);
    if (!g)
        return false;
    r->own = g;
    r->own_release = grouping_free;
    g->found = agreed(r, g, key, act, count->valuedouble);
    if (!g->found)
        return false;
    g->members = malloc((size_t)g->found->count * sizeof *g->members);
    if (!g->members) {
        reply_later(r, 1, "out of memory");
        return false;
    }
    each_job(g, take_job, take_file);
    return true;
}

static enum rc act_on(struct request *r, size_t which, const struct member *member, struct err *err) {
    const struct act act = {.verb = acts[which].verb, .decision = acts[which].decision, .by = r->who.name};
    struct jobs_entry job = {.id = ""};
    if (member->batch)
        return act_load_file(r->api->spool, member->id, member->batch, r->who.name, err);
    enum rc rc = act_find(r->api->spool, member->id, &job, err);
    if (!rc)
        rc = act_move(r->api->spool, &job, &act, NULL, err);
    free(job.file);
    return rc;
}

static cJSON *failure_json(const struct member *member, const struct err *err) {
    char file_id[JOBID_SIZE + 16];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "job_id", member->id);
    if (member->batch) {
        file_id_format(member->id, member->batch, file_id, sizeof file_id);
        cJSON_AddStringToObject(json, "file_id", file_id);
    }
    cJSON_AddStringToObject(json, "detail", err->text);
    return json;
}

/* Neither board nor index are touched here: the members were taken along. */
void errors_act(struct request *r) {
    const struct grouping *g = r->own;
    const char *name = cJSON_GetObjectItemCaseSensitive(r->json, "act")->valuestring;
    size_t which = 0, done = 0;
    while (strcmp(acts[which].name, name) != 0)
        which++;
    cJSON *json = cJSON_CreateObject(), *failed = cJSON_CreateArray();
    for (size_t i = 0; i < g->member_count; i++) {
        struct err err = {0};
        errno = 0;
        if (act_on(r, which, &g->members[i], &err) == RC_OK)
            done++;
        else if (cJSON_GetArraySize(failed) < FAILED_TOLD)
            cJSON_AddItemToArray(failed, failure_json(&g->members[i], &err));
    }
    cJSON_AddNumberToObject(json, "matched", (double)g->member_count);
    cJSON_AddNumberToObject(json, "done", (double)done);
    cJSON_AddItemToObject(json, "failed", failed);
    reply_json(r, 200, json);
}
