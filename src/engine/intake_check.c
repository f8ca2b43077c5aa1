// SPDX-License-Identifier: Apache-2.0
#include "engine/intake_internal.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/reuse.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a dropped file says: its owner, its criteria, what it will take, and which earlier job is the same. */

/* The user data base is asked once a minute at most for the same owner: the answer takes longer than all else that is done for a drop but its syncs. */
const char *intake_owner(struct engine *engine, uid_t uid) {
    struct owner *owner = &engine->owner;
    struct passwd entry, *found = NULL;
    char room[1024];
    if (owner->name[0] && owner->uid == uid && clock_mono_ms() - owner->asked_ms < OWNER_MS)
        return owner->name;
    *owner = (struct owner){.uid = uid, .asked_ms = clock_mono_ms()};
    if (getpwuid_r(uid, &entry, room, sizeof room, &found) == 0 && found)
        str_copy(owner->name, sizeof owner->name, found->pw_name);
    if (!owner->name[0])
        str_format(owner->name, sizeof owner->name, "uid %u", (unsigned)uid);
    return owner->name;
}

bool intake_believes(const struct engine *engine, uid_t uid) {
    return uid == geteuid() || uid == engine->options.web_uid;
}

void intake_created_by(const struct intake *in, const struct criteria *criteria, char *out, size_t size) {
    if (criteria->created_by[0] && intake_believes(in->engine, in->st.st_uid))
        str_copy(out, size, criteria->created_by);
    else
        str_copy(out, size, intake_owner(in->engine, in->st.st_uid));
}

static const char *shown_name(const struct intake *in, char *room, size_t size) {
    if (in->criteria && in->criteria->name[0])
        return in->criteria->name;
    if (!in->drop.fresh_id) { /* it is named by its id: the slug is what is left of a name */
        char time[17], hex[13];
        const char *slug;
        jobid_parts(in->drop.job_id, time, hex, &slug);
        return slug;
    }
    str_format(room, size, "%.*s", (int)(strlen(in->name) - 5), in->name);
    return room;
}

static void accepted_members(struct intake *in, const struct source *source) {
    const struct criteria *c = in->criteria;
    cJSON *m = in->members = engine_members();
    char room[NAME_MAX + 1], sum[DIGEST_HEX_SIZE], slug[JOBID_SLUG_SIZE];
    digest_of_hex(buf_text(&in->text), in->text.length, sum);
    cJSON_AddStringToObject(m, "text", buf_text(&in->text));
    cJSON_AddStringToObject(m, "sha256", sum);
    cJSON_AddStringToObject(m, "name", shown_name(in, room, sizeof room));
    cJSON_AddStringToObject(m, "source", c->source);
    jobid_slug(in->name, slug);
    const char *id_slug = slug;
    char time[17], hex[13];
    if (!in->drop.fresh_id)
        jobid_parts(in->drop.job_id, time, hex, &id_slug);
    cJSON_AddStringToObject(m, "campaign_id", c->campaign_id[0] ? c->campaign_id : id_slug);
    cJSON_AddStringToObject(m, "priority", priority_name(c->priority));
    cJSON_AddStringToObject(m, "process", c->automatic ? "auto" : "manual");
    cJSON_AddStringToObject(m, "mode", c->mode);
    cJSON_AddBoolToObject(m, "metered", source && source->metered);
    intake_created_by(in, c, room, sizeof room);
    cJSON_AddStringToObject(m, "created_by", room);
    cJSON_AddStringToObject(m, "criteria_hash", c->hash);
    if (c->not_before_us) {
        clock_format_rfc3339(c->not_before_us, 0, room);
        cJSON_AddStringToObject(m, "not_before", room);
    }
    if (c->take != JOB_UNKNOWN)
        cJSON_AddNumberToObject(m, "take", (double)c->take);
    if (c->unit_count)
        cJSON_AddNumberToObject(m, "units", (double)c->unit_count);
    const cJSON *missing = source ? ready_known(in->engine, source->name) : NULL;
    if (missing)
        cJSON_AddItemToObject(m, "missing", cJSON_Duplicate(missing, true));
    if (source && source->currency[0])
        cJSON_AddStringToObject(m, "currency", source->currency);
}

static void add_estimate(struct intake *in, const struct source *source) {
    struct estimate estimate;
    if (strcmp(in->criteria->mode, "run") != 0)
        return;
    feed_estimate(in->engine, source, in->criteria, JOB_UNKNOWN, in->drop.job_id, &estimate);
    if (estimate.guess.records != JOB_UNKNOWN)
        estimate_add(&estimate, source, false, cJSON_AddObjectToObject(in->members, "estimate"));
}

void intake_refuse(struct intake *in, const char *reason, const char *error) {
    char room[NAME_MAX + 1];
    cJSON_Delete(in->members);
    in->members = engine_members();
    cJSON_AddStringToObject(in->members, "reason", reason);
    cJSON_AddStringToObject(in->members, "error", error);
    cJSON_AddStringToObject(in->members, "name", shown_name(in, room, sizeof room));
    if (in->source[0])
        cJSON_AddStringToObject(in->members, "source", in->source);
    free(in->why);
    in->why = engine_why(in->engine, in->drop.job_id, PLACE_FAILED, reason, error, 0);
    str_copy(in->reason, sizeof in->reason, reason);
    in->refused = true;
    in->drop.to = PLACE_FAILED;
    in->drop.event = "rejected";
    log_info("%s: not accepted (%s): %s", in->name, reason, error);
}

void intake_check(struct intake *in, enum rc read_rc, const struct err *read_err) {
    struct err err = {0};
    char mode[16];
    enum errand_kind kind;
    const struct source *source = NULL;
    if (read_rc == RC_CORRUPT) {
        intake_refuse(in, in->st.st_size > (off_t)LIMIT_JOB_FILE_BYTES ? "invalid" : "unreadable", read_err->text);
        return;
    }
    enum rc rc = criteria_source(in->name, buf_text(&in->text), in->text.length, in->source, mode, &err);
    if (!rc && !errand_mode(mode, &kind)) {
        rc = sources_get(in->engine->sources, in->source, &source, &err);
        if (rc == RC_GONE || rc == RC_PERM) {
            intake_refuse(in, "source", err.text);
            return;
        }
    }
    if (!rc)
        rc = criteria_parse(in->name, buf_text(&in->text), in->text.length, source, &in->criteria, &err);
    if (rc) {
        intake_refuse(in, "invalid", err.text);
        return;
    }
    if (!notices_allows(in->engine, in->criteria->json, in->st.st_uid, &err)) {
        intake_refuse(in, "invalid", err.text);
        return;
    }
    in->priority = in->criteria->priority;
    if (strcmp(in->criteria->mode, "run") != 0)
        in->criteria->not_before_us = 0; /* a preview of a scheduled job is wanted now */
    str_copy(in->hash, sizeof in->hash, in->criteria->hash);
    in->cache_ttl_ms = source ? source->cache_ttl_ms : 0;
    in->drop.to = PLACE_PENDING;
    in->drop.event = "accepted";
    accepted_members(in, source);
    add_estimate(in, source);
}

static struct reuse_search search_of(const struct intake *in) {
    return (struct reuse_search){
        .source = in->source, .hash = in->hash, .take = in->criteria->take, .automatic = in->criteria->automatic, .except_id = in->drop.job_id};
}

bool intake_duplicate(const struct intake *in, char other[JOBID_SIZE]) {
    if (strcmp(in->criteria->mode, "run") != 0 || in->criteria->on_duplicate == ON_DUPLICATE_RUN)
        return false;
    bool exactly = in->criteria->on_duplicate == ON_DUPLICATE_REUSE; /* what is reused must be the whole answer */
    for (const struct intake *a = in->engine->accepting; a; a = a->next_accepting) {
        if (a == in || !a->criteria || a->refused || strcmp(a->criteria->mode, "run") != 0)
            continue;
        bool fits = exactly ? a->criteria->take == in->criteria->take : reuse_covers(a->criteria->take, in->criteria->take);
        if (fits && strcmp(a->hash, in->hash) == 0 && strcmp(a->source, in->source) == 0) {
            str_copy(other, JOBID_SIZE, a->id);
            return true;
        }
    }
    const struct reuse_search search = search_of(in);
    int64_t since = clock_wall_us() - in->criteria->duplicate_window_ms * 1000;
    return reuse_duplicate(in->engine->index, &search, since, exactly, other, NULL) == RC_OK;
}

bool intake_cached(const struct intake *in, char other[JOBID_SIZE]) {
    const struct criteria *c = in->criteria;
    int64_t now = clock_wall_us();
    if (!in->cache_ttl_ms || !c->cache || strcmp(c->mode, "run") != 0 || c->not_before_us > now)
        return false;
    const struct reuse_search search = search_of(in);
    return reuse_completed(in->engine->index, &search, now - in->cache_ttl_ms * 1000, other, NULL) == RC_OK;
}

bool intake_complete_at_once(const struct intake *in) {
    return in->duplicate_of[0] && (in->cached || in->criteria->on_duplicate == ON_DUPLICATE_REUSE);
}

enum rc intake_may_go_on(const struct intake *in, const struct job_row *row, struct err *err) {
    char *text = NULL;
    size_t length = 0;
    struct criteria *before = NULL;
    const struct source *source;
    if (!row->requested)
        return RC_OK;
    enum rc rc = sources_get(in->engine->sources, row->source, &source, err);
    if (!rc)
        rc = job_text_read(in->engine->spool, row->id, &text, &length, err);
    if (!rc)
        rc = criteria_parse("the accepted text", text, length, source, &before, err);
    if (!rc)
        rc = criteria_may_differ(before, in->criteria, err);
    criteria_free(before);
    free(text);
    return rc;
}
