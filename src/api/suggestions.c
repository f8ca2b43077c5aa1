// SPDX-License-Identifier: Apache-2.0
#include "api/suggestions.h"

#include "api/api.h"
#include "api/follow.h"
#include "api/outlook.h"
#include "api/server.h"
#include "api/submission.h"
#include "base/clock.h"
#include "source/suggest.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MS SUGGEST_TIMEOUT_MS

struct kept {
    char *key; /* source, field and text; NULL: free */
    cJSON *list;
    int64_t until_ms;
};

struct suggestions {
    struct kept kept[SUGGESTIONS_KEPT];
    size_t next; /* the oldest goes first */
};

struct suggestions *suggestions_new(void) {
    return calloc(1, sizeof(struct suggestions));
}

static void drop(struct kept *k) {
    free(k->key);
    cJSON_Delete(k->list);
    *k = (struct kept){.key = NULL};
}

void suggestions_free(struct suggestions *s) {
    for (size_t i = 0; s && i < SUGGESTIONS_KEPT; i++)
        drop(&s->kept[i]);
    free(s);
}

/* --- what is kept ------------------------------------------------------------------------------------------------------- */

#define KEY_SIZE 400

/* Whether letters are capital makes no other question. */
static void key_of(const struct request *r, char key[KEY_SIZE]) {
    str_format(key, KEY_SIZE, "%s\n%s\n%s", r->vars[0], request_query(r, "field"), request_query(r, "q"));
    for (char *at = strrchr(key, '\n'); *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
}

static struct kept *look_up(struct suggestions *s, const char *key) {
    for (size_t i = 0; i < SUGGESTIONS_KEPT; i++)
        if (s->kept[i].key && strcmp(s->kept[i].key, key) == 0)
            return &s->kept[i];
    return NULL;
}

static void keep(struct request *r, const cJSON *list, double ttl_s) {
    struct suggestions *s = r->api->suggestions;
    char key[KEY_SIZE];
    if (!(ttl_s >= 1))
        return;
    key_of(r, key);
    struct kept *k = look_up(s, key);
    if (!k) {
        k = &s->kept[s->next];
        s->next = (s->next + 1) % SUGGESTIONS_KEPT;
    }
    drop(k);
    k->key = strdup(key);
    k->list = cJSON_Duplicate(list, true);
    k->until_ms = clock_mono_ms() + (int64_t)(ttl_s < 1e9 ? ttl_s : 1e9) * 1000;
    if (!k->key || !k->list)
        drop(k);
}

/* --- asking ------------------------------------------------------------------------------------------------------------- */

/* list is taken; NULL: there are none. */
static void answer(struct request *r, cJSON *list) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddBoolToObject(json, "available", list != NULL);
    if (list)
        cJSON_AddItemToObject(json, "suggestions", list);
    else
        cJSON_AddArrayToObject(json, "suggestions");
    reply_json(r, 200, json);
}

bool suggestions_prepare(struct request *r) {
    const char *field = request_query(r, "field"), *text = request_query(r, "q");
    const struct outlook_view view = outlook_now(r->api->outlook);
    char key[KEY_SIZE];
    if (!str_is_name(r->vars[0]) || !outlook_source(&view, r->vars[0])) {
        reply_problem(r, 404, "there is no source %.64s", r->vars[0]);
        return false;
    }
    if (!field || !str_is_name(field) || !text || !*text || strlen(text) > SUGGEST_QUERY_BYTES) {
        reply_problem(r, 400, "field must be a name, q a text of 1 to %u bytes", SUGGEST_QUERY_BYTES);
        return false;
    }
    key_of(r, key);
    const struct kept *k = look_up(r->api->suggestions, key);
    if (k && clock_mono_ms() < k->until_ms)
        answer(r, cJSON_Duplicate(k->list, true));
    else if (!view.daemon)
        answer(r, NULL);
    else
        return true;
    return false;
}

void suggestions_ask(struct request *r) {
    const char *field = request_query(r, "field");
    const struct source *source;
    struct err err = {0};
    if (!submission_sources(r) || sources_get(r->api->sources, r->vars[0], &source, &err) != RC_OK || !suggest_find(source, field)) {
        answer(r, NULL);
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "mode", "probe");
    cJSON_AddStringToObject(json, "source", r->vars[0]);
    cJSON_AddStringToObject(json, "priority", "urgent");
    cJSON *suggest = cJSON_AddObjectToObject(json, "suggest");
    cJSON_AddStringToObject(suggest, "field", field);
    cJSON_AddStringToObject(suggest, "q", request_query(r, "q"));
    submission_ask(r, "suggest", json);
    if (r->reply.status != 202)
        answer(r, NULL);
}

/* It has ended, or nobody waits longer: a daemon that is stopped or has much to do is as good as none. */
static bool over(struct request *r, const char *id) {
    struct job_row row;
    struct err err = {0};
    if (clock_mono_us() - r->begun_us > WAIT_MS * 1000 || server_stopping(r->api->server))
        return true;
    return follow_row(r->api->follow, id, &row, &err) == RC_OK && (row.place == PLACE_FAILED || row.place == PLACE_HOLD || row.place == PLACE_CANCELLED);
}

static bool ready(struct request *r, const char *id) {
    cJSON *json = submission_answer(r, id);
    cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(json, "suggestions");
    const cJSON *ttl = cJSON_GetObjectItemCaseSensitive(json, "cache_ttl_s");
    const bool done = json || over(r, id);
    if (cJSON_IsArray(list))
        keep(r, list, cJSON_IsNumber(ttl) ? ttl->valuedouble : 0);
    if (done)
        answer(r, cJSON_IsArray(list) ? list : NULL);
    if (!cJSON_IsArray(list))
        cJSON_Delete(list);
    cJSON_Delete(json);
    return done;
}

void suggestions_wait(struct request *r) {
    if (r->reply.status == 202)
        submission_wait(r, WAIT_MS * 2, ready); /* ready ends it sooner */
}
