// SPDX-License-Identifier: Apache-2.0
#include "engine/notices_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* What lies in notices/: files that a person moved or dropped, and what a crash left. */

#define READ_MOST 512u
#define DAY_US INT64_C(86400000000)

/* --- a look at pending/ and deferred/ ---------------------------------------------------------------------------------- */

struct found { /* a file */
    char id[JOBID_SIZE];
    enum notice_state state;
    int64_t mtime_us;
    bool fresh; /* nobody knows it yet: it is to be read */
    bool good;
    enum notice_kind kind;
    int64_t created_us;
    char *to;
};

struct looking {
    struct work work;
    struct notices *notices;
    struct found *list;
    size_t count, room, at;
    enum notice_state state;
    bool full; /* there are more */
    bool read; /* the second half: those that are fresh are read */
    struct err err;
};

static bool see(void *context, const char *id, const struct stat *st) {
    struct looking *l = context;
    if (l->count >= NOTICES_ACTIVE_MOST + READ_MOST) {
        l->full = true;
        return false;
    }
    if (l->count == l->room) {
        const size_t room = l->room ? 2 * l->room : 64;
        struct found *more = realloc(l->list, room * sizeof *more);
        if (!more) {
            l->full = true;
            return false;
        }
        l->list = more;
        l->room = room;
    }
    struct found *f = &l->list[l->count++];
    *f = (struct found){.state = l->state, .mtime_us = clock_file_us(st->st_mtim)};
    str_copy(f->id, sizeof f->id, id);
    return true;
}

static void list_files(struct looking *l) {
    static const enum notice_state states[] = {NOTICE_PENDING, NOTICE_DEFERRED};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        l->state = states[i];
        if (notice_each(l->notices->engine->spool, l->state, true, see, l, &l->err))
            log_warn("notices: %s", l->err.text);
    }
}

/* What is no notice goes to failed/ and says why. */
static void read_one(const struct spool *spool, struct found *f) {
    struct notice notice;
    struct err err = {0};
    char text[1024];
    enum rc rc = notice_read(spool, f->state, f->id, &notice, NULL, &err);
    if (!rc && (f->to = strdup(notice.to)) != NULL) {
        f->good = true;
        f->kind = notice.kind;
        f->created_us = notice.created_us;
    }
    notice_release(&notice);
    if (rc != RC_PERM && rc != RC_CORRUPT)
        return;
    log_error("notice %s: %s", f->id, err.text);
    if (notice_move(spool, f->id, f->state, NOTICE_FAILED, 0, true, &err) == RC_OK) {
        str_format(text, sizeof text, "notice: %s\nwhat:   %.500s\ngo on:  mend the file, then move it to notices/pending/\n", f->id, err.text);
        notice_why_write(spool, NOTICE_FAILED, f->id, text);
    }
}

static void look_run(struct work **items, size_t count) {
    struct looking *l = HEAP_ENTRY(items[0], struct looking, work);
    (void)count;
    if (!l->read) {
        list_files(l);
        return;
    }
    unsigned some = 0;
    for (; l->at < l->count && some < READ_MOST; l->at++)
        if (l->list[l->at].fresh) {
            read_one(l->notices->engine->spool, &l->list[l->at]);
            some++;
        }
}

/* What is known already: its place or time may be another one now. */
static void compare(struct notices *n, struct found *f) {
    struct notices_entry *e = notices_entry_of(n, f->id);
    const int64_t until_us = f->state == NOTICE_DEFERRED ? f->mtime_us : 0;
    if (!e) {
        f->fresh = true;
        return;
    }
    e->round = n->round;
    if (!e->busy && (e->state != f->state || (f->state == NOTICE_DEFERRED && e->due_us != until_us)))
        notices_wait(n, e, f->state, until_us);
}

/* Those that somebody has taken away. */
static void drop_vanished(struct notices *n) {
    for (size_t i = 0; i < NOTICES_BUCKETS; i++)
        for (struct notices_entry *e = n->entries[i], *next; e; e = next) {
            next = e->next;
            if (!e->busy && e->round != n->round && notice_find(n->engine->spool, e->id) != e->state)
                notices_forget(n, e);
        }
}

static void look_done(struct work *work);
static const struct work_class look_class = {.name = "look", .run = look_run, .done = look_done, .max = 1};

static void look_end(struct looking *l) {
    struct notices *n = l->notices;
    for (size_t i = 0; i < l->count; i++)
        free(l->list[i].to);
    free(l->list);
    free(l);
    n->looking = false;
    if (n->look_again && !n->engine->stopping) {
        n->look_again = false;
        notices_look(n);
    }
    notices_settled(n);
}

static void look_done(struct work *work) {
    struct looking *l = HEAP_ENTRY(work, struct looking, work);
    struct notices *n = l->notices;
    if (!l->read) {
        n->more = l->full;
        for (size_t i = 0; i < l->count; i++)
            compare(n, &l->list[i]);
        if (!l->full)
            drop_vanished(n);
        l->read = true;
    }
    for (size_t i = 0; i < l->at; i++) {
        struct found *f = &l->list[i];
        if (f->good)
            notices_add(n, f->id, f->to, f->kind, f->state, f->created_us, f->state == NOTICE_DEFERRED ? f->mtime_us : 0);
        f->good = false;
    }
    while (l->at < l->count && !l->list[l->at].fresh)
        l->at++;
    if (l->at < l->count && !n->engine->stopping)
        worker_submit(n->lanes, &l->work, &look_class, NOTICES_LANE_MAKE);
    else
        look_end(l);
}

void notices_look(struct notices *n) {
    if (n->engine->stopping)
        return;
    if (n->looking) {
        n->look_again = true;
        return;
    }
    struct looking *l = engine_alloc(sizeof *l);
    l->notices = n;
    n->looking = true;
    n->round++;
    n->busy++;
    worker_submit(n->lanes, &l->work, &look_class, NOTICES_LANE_MAKE);
}

/* --- what a crash left ------------------------------------------------------------------------------------------------- */

struct first {
    struct work work;
    struct notices *notices;
    enum notice_state state;
    int64_t since_us;
    struct sent {
        char *to;
        int64_t when_us;
    } * sent; /* of the last hour: they count for the rate */
    size_t sent_count, sent_room;
    bool failed;
};

enum rc notices_settle_digest(const struct spool *spool, const struct notice *digest, struct err *err) {
    const cJSON *item;
    enum rc rc = RC_OK;
    cJSON_ArrayForEach(item, digest->digest_of) {
        struct notice one = {.values = NULL};
        const enum notice_state state = notice_find(spool, item->valuestring);
        if (rc || (state != NOTICE_PENDING && state != NOTICE_DEFERRED))
            continue;
        rc = notice_read(spool, state, item->valuestring, &one, NULL, err);
        if (!rc)
            rc = notice_move(spool, one.id, state, NOTICE_PROCESSED, 0, true, err);
        if (!rc)
            rc = notices_tell(spool, &one, "digest", digest->id, err);
        rc = rc == RC_GONE ? RC_OK : rc;
        notice_release(&one);
    }
    return rc;
}

static bool back_to_pending(void *context, const char *id, const struct stat *st) {
    struct first *f = context;
    struct err err = {0};
    (void)st;
    if (notice_move(f->notices->engine->spool, id, NOTICE_PROCESSING, NOTICE_PENDING, 0, true, &err))
        log_error("notice %s: %s", id, err.text);
    else
        log_info("notice %s: processing/ -> pending/: it was on its way when the daemon ended", id);
    return true;
}

/* A digest that was made, while what it stands for lies where it lay. */
static bool finish_digest(void *context, const char *id, const struct stat *st) {
    struct first *f = context;
    struct notice notice;
    struct err err = {0};
    (void)st;
    if (!str_ends(id, "-digest"))
        return true;
    enum rc rc = notice_read(f->notices->engine->spool, f->state, id, &notice, NULL, &err);
    if (!rc && notice.kind == NOTICE_DIGEST)
        rc = notices_settle_digest(f->notices->engine->spool, &notice, &err);
    notice_release(&notice);
    if (rc)
        log_warn("notice %s: %s", id, err.text);
    return true;
}

static void keep_sent(struct first *f, const char *to, int64_t when_us) {
    if (f->sent_count == f->sent_room) {
        const size_t room = f->sent_room ? 2 * f->sent_room : 64;
        struct sent *more = realloc(f->sent, room * sizeof *more);
        if (!more)
            return;
        f->sent = more;
        f->sent_room = room;
    }
    f->sent[f->sent_count] = (struct sent){.to = strdup(to), .when_us = when_us};
    f->sent_count += f->sent[f->sent_count].to != NULL;
}

/* Sent, and perhaps not in the journal yet. */
static bool finish_sent(void *context, const char *id, const struct stat *st) {
    struct first *f = context;
    const struct spool *spool = f->notices->engine->spool;
    const int64_t when_us = clock_file_us(st->st_ctim), hour_us = clock_wall_us() - INT64_C(3600000000);
    struct notice notice;
    struct err err = {0};
    if (when_us < f->since_us && when_us < hour_us)
        return true;
    enum rc rc = notice_read(spool, NOTICE_PROCESSED, id, &notice, NULL, &err);
    if (!rc && when_us >= hour_us)
        keep_sent(f, notice.to, when_us);
    if (!rc && when_us >= f->since_us && notice.job_id[0] && !notices_told(spool, notice.job_id, id))
        rc = notices_tell(spool, &notice, "sent", NULL, &err);
    notice_release(&notice);
    if (rc)
        log_warn("notice %s: %s", id, err.text);
    return true;
}

static void first_run(struct work **items, size_t count) {
    static const enum notice_state states[] = {NOTICE_PENDING, NOTICE_DEFERRED, NOTICE_FAILED, NOTICE_PROCESSED};
    struct first *f = HEAP_ENTRY(items[0], struct first, work);
    const struct spool *spool = f->notices->engine->spool;
    struct err err = {0};
    (void)count;
    enum rc rc = notice_each(spool, NOTICE_PROCESSING, false, back_to_pending, f, &err);
    for (size_t i = 0; !rc && i < sizeof states / sizeof *states; i++) {
        f->state = states[i];
        rc = notice_each(spool, states[i], false, finish_digest, f, &err);
    }
    if (!rc)
        rc = notice_each(spool, NOTICE_PROCESSED, true, finish_sent, f, &err);
    if (rc)
        log_error("notices: %s", err.text);
}

static int by_time(const void *x, const void *y) {
    const struct sent *a = x, *b = y;
    return (a->when_us > b->when_us) - (a->when_us < b->when_us);
}

static void first_done(struct work *work) {
    struct first *f = HEAP_ENTRY(work, struct first, work);
    struct notices *n = f->notices;
    if (f->sent_count)
        qsort(f->sent, f->sent_count, sizeof *f->sent, by_time);
    for (size_t i = 0; i < f->sent_count; i++) {
        struct recipient *r = notices_recipient(n, f->sent[i].to);
        notices_sent(n, r, f->sent[i].when_us);
        free(f->sent[i].to);
    }
    free(f->sent);
    free(f);
    n->started = true;
    if (!n->engine->stopping) {
        notices_catch_up(n);
        notices_look(n);
    }
    notices_settled(n);
}

void notices_first_look(struct notices *n) {
    static const struct work_class first_class = {.name = "first look", .run = first_run, .done = first_done, .max = 1};
    struct first *f = engine_alloc(sizeof *f);
    f->notices = n;
    f->since_us = n->seen_us - NOTICES_SLACK_US;
    n->busy++;
    worker_submit(n->lanes, &f->work, &first_class, NOTICES_LANE_MAKE);
}

/* --- what was sent long ago -------------------------------------------------------------------------------------------- */

struct tidying {
    struct work work;
    struct notices *notices;
    int64_t before_us;
};

static bool remove_old(void *context, const char *id, const struct stat *st) {
    const struct tidying *t = context;
    const struct spool *spool = t->notices->engine->spool;
    struct notice notice;
    struct err err = {0};
    if (clock_file_us(st->st_ctim) >= t->before_us)
        return true;
    enum rc rc = notice_read(spool, NOTICE_PROCESSED, id, &notice, NULL, &err);
    /* Nothing else will say then that it was sent. */
    if (!rc && notice.job_id[0] && !notices_told(spool, notice.job_id, id))
        rc = notices_tell(spool, &notice, "sent", NULL, &err);
    notice_release(&notice);
    if (!rc || rc == RC_PERM)
        rc = notice_remove(spool, NOTICE_PROCESSED, id, &err);
    if (rc && rc != RC_GONE)
        log_warn("notice %s: %s", id, err.text);
    return true;
}

static void tidy_run(struct work **items, size_t count) {
    struct tidying *t = HEAP_ENTRY(items[0], struct tidying, work);
    struct err err = {0};
    (void)count;
    if (notice_each(t->notices->engine->spool, NOTICE_PROCESSED, true, remove_old, t, &err))
        log_warn("notices: %s", err.text);
}

static void tidy_done(struct work *work) {
    struct tidying *t = HEAP_ENTRY(work, struct tidying, work);
    struct notices *n = t->notices;
    free(t);
    notices_settled(n);
}

void notices_tidy(struct notices *n) {
    static const struct work_class tidy_class = {.name = "tidy", .run = tidy_run, .done = tidy_done, .max = 1};
    if (n->engine->stopping)
        return;
    struct tidying *t = engine_alloc(sizeof *t);
    t->notices = n;
    t->before_us = clock_wall_us() - (int64_t)n->settings->keep_days * DAY_US;
    n->busy++;
    worker_submit(n->lanes, &t->work, &tidy_class, NOTICES_LANE_MAKE);
}
