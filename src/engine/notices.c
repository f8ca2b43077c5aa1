// SPDX-License-Identifier: Apache-2.0
#include "engine/notices_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "os/fsio.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What waits to be sent, by recipient, and when the next one may go: a recipient gets one at a time, within his rate, and together what came within the digest
 * interval. Files are the truth; what is here is made from them again at the next start. */

#define HOUR_US INT64_C(3600000000)
#define SEEN_MS 5000
#define TIDY_MS (6 * 3600 * 1000)
#define LOOK_MS 30000 /* for what no event told: another time of a deferred one, a lost event */
#define STOP_MS 10000 /* for the verdict on what a server has in its hands */
#define LOOK_SOON_MS 20
#define NEVER_US INT64_MAX

/* --- entries and recipients -------------------------------------------------------------------------------------------- */

static bool entry_before(const struct heap_node *x, const struct heap_node *y) {
    const struct notices_entry *a = HEAP_ENTRY(x, const struct notices_entry, node), *b = HEAP_ENTRY(y, const struct notices_entry, node);
    const bool a_test = a->kind == NOTICE_TEST, b_test = b->kind == NOTICE_TEST;
    return a_test != b_test ? a_test : a->due_us != b->due_us ? a->due_us < b->due_us : strcmp(a->id, b->id) < 0;
}

static bool recipient_before(const struct heap_node *x, const struct heap_node *y) {
    const struct recipient *a = HEAP_ENTRY(x, const struct recipient, node), *b = HEAP_ENTRY(y, const struct recipient, node);
    return a->due_us < b->due_us;
}

static struct notices_entry **entry_slot(struct notices *n, const char *id) {
    struct notices_entry **at = &n->entries[engine_lane(id) % NOTICES_BUCKETS];
    while (*at && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

struct notices_entry *notices_entry_of(struct notices *n, const char *id) {
    return *entry_slot(n, id);
}

static struct recipient **recipient_slot(struct notices *n, const char *to) {
    struct recipient **at = &n->recipients[engine_lane(to) % NOTICES_BUCKETS];
    while (*at && strcmp((*at)->to, to) != 0)
        at = &(*at)->next;
    return at;
}

struct recipient *notices_recipient(struct notices *n, const char *to) {
    struct recipient **slot = recipient_slot(n, to);
    if (!*slot) {
        const size_t size = strlen(to) + 1;
        struct recipient *r = engine_alloc(sizeof *r + size);
        memcpy(r->to, to, size);
        r->row = notifier_for(n->settings, to);
        heap_init(&r->waiting, entry_before);
        *slot = r;
    }
    return *slot;
}

static void recipient_free(struct recipient *r) {
    heap_release(&r->waiting);
    free(r->sent_us);
    free(r);
}

/* What was sent longer than an hour ago counts no more; who then has nothing at all is forgotten. True: it is gone. */
static bool recipient_tidy(struct notices *n, struct recipient *r) {
    const int64_t now_us = clock_wall_us();
    unsigned old = 0;
    while (old < r->sent_count && (r->sent_us[old] <= now_us - HOUR_US || r->sent_us[old] > now_us + HOUR_US))
        old++;
    r->sent_count -= old;
    if (old && r->sent_count)
        memmove(r->sent_us, r->sent_us + old, r->sent_count * sizeof *r->sent_us);
    if (r->sent_count || r->waiting.count || r->out || r->own.failures)
        return false;
    heap_remove(&n->due, &r->node);
    *recipient_slot(n, r->to) = r->next;
    recipient_free(r);
    return true;
}

void notices_sent(struct notices *n, struct recipient *r, int64_t when_us) {
    (void)n;
    if (r->sent_count == r->sent_room) {
        const unsigned room = r->sent_room ? 2 * r->sent_room : 8;
        int64_t *more = realloc(r->sent_us, room * sizeof *more);
        if (!more)
            return;
        r->sent_us = more;
        r->sent_room = room;
    }
    r->sent_us[r->sent_count++] = when_us;
}

struct notices_way *notices_way_of(struct notices *n, struct recipient *r) {
    for (size_t i = 0; notifier_rows[i]; i++)
        if (r->row == notifier_rows[i] && r->row->mail)
            return &n->ways[i];
    return &r->own;
}

/* --- when -------------------------------------------------------------------------------------------------------------- */

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static bool gathers(const struct notices *n, const struct recipient *r, const struct notices_entry *e) {
    return n->settings->digest_s && notice_target_address(r->to) && e->state == NOTICE_PENDING && e->kind != NOTICE_TEST && e->kind != NOTICE_DIGEST;
}

/* When the rate lets the next one go; 0: now. */
static int64_t rate_us(const struct notices *n, const struct recipient *r) {
    const unsigned most = n->settings->rate_per_hour;
    return r->sent_count < most ? 0 : r->sent_us[r->sent_count - most] + HOUR_US;
}

static int64_t due_us(struct notices *n, struct recipient *r) {
    const struct heap_node *top = heap_top(&r->waiting);
    if (!top || r->out)
        return NEVER_US;
    const struct notices_entry *e = HEAP_ENTRY(top, const struct notices_entry, node);
    if (e->kind == NOTICE_TEST) /* a person waits for what comes of it */
        return e->due_us;
    const int64_t rate = rate_us(n, r), now_us = clock_wall_us();
    int64_t due = later(e->due_us, notices_way_of(n, r)->open_us);
    if (gathers(n, r, e))
        due = later(due, e->created_us + (int64_t)n->settings->digest_s * 1000000);
    r->limited = r->limited || rate > now_us;
    return later(due, rate);
}

static void timer_due(struct loop_timer *timer) {
    notices_pump(HEAP_ENTRY(timer, struct notices, timer));
}

void notices_arrange(struct notices *n, struct recipient *r) {
    heap_remove(&n->due, &r->node);
    if (recipient_tidy(n, r))
        return;
    r->due_us = due_us(n, r);
    if (r->due_us == NEVER_US && (r->sent_count || r->own.failures) && !r->out)
        r->due_us = clock_wall_us() + HOUR_US; /* to be forgotten */
    if (r->due_us != NEVER_US && !heap_push(&n->due, &r->node))
        log_error("notices: out of memory");
}

/* The ones whose way, or rate, opens meanwhile. */
static void set_timer(struct notices *n) {
    const struct heap_node *top = heap_top(&n->due);
    if (!top || n->engine->stopping) {
        loop_timer_cancel(n->engine->loop, &n->timer);
        return;
    }
    int64_t wait_ms = (HEAP_ENTRY(top, const struct recipient, node)->due_us - clock_wall_us()) / 1000 + 1;
    wait_ms = wait_ms < 0 ? 0 : wait_ms > 30000 ? 30000 : wait_ms; /* the wall clock may jump */
    loop_timer_start(n->engine->loop, &n->timer, clock_mono_ms() + wait_ms, timer_due);
}

/* --- what waits -------------------------------------------------------------------------------------------------------- */

void notices_wait(struct notices *n, struct notices_entry *e, enum notice_state state, int64_t until_us) {
    struct recipient *r = e->recipient;
    heap_remove(&r->waiting, &e->node);
    e->busy = false;
    e->state = state;
    e->due_us = until_us;
    if (!heap_push(&r->waiting, &e->node))
        log_error("notices: out of memory");
    notices_arrange(n, r);
}

void notices_forget(struct notices *n, struct notices_entry *e) {
    struct recipient *r = e->recipient;
    heap_remove(&r->waiting, &e->node);
    *entry_slot(n, e->id) = e->next;
    n->entry_count--;
    free(e);
    notices_arrange(n, r);
    if (n->more && n->entry_count < NOTICES_ACTIVE_MOST / 2)
        notices_look(n);
}

void notices_add(struct notices *n, const char *id, const char *to, enum notice_kind kind, enum notice_state state, int64_t created_us, int64_t until_us) {
    struct notices_entry **slot = entry_slot(n, id);
    if (*slot)
        return;
    if (n->entry_count >= NOTICES_ACTIVE_MOST) {
        n->more = true;
        return;
    }
    struct notices_entry *e = engine_alloc(sizeof *e);
    str_copy(e->id, sizeof e->id, id);
    e->kind = kind;
    e->created_us = created_us;
    e->round = n->round;
    e->recipient = notices_recipient(n, to);
    *slot = e;
    n->entry_count++;
    notices_wait(n, e, state, until_us);
}

/* --- going ------------------------------------------------------------------------------------------------------------- */

static bool free_sender(const struct notices *n, unsigned *sender) {
    for (*sender = 0; *sender < NOTICES_SENDERS; (*sender)++)
        if (!n->sending[*sender])
            return true;
    return false;
}

static bool together(const struct notices *n, const struct recipient *r) {
    const struct notices_entry *e = HEAP_ENTRY(heap_top(&r->waiting), const struct notices_entry, node);
    return r->waiting.count > 1 && notice_target_address(r->to) && e->kind != NOTICE_TEST && e->kind != NOTICE_DIGEST && e->state == NOTICE_PENDING &&
           (n->settings->digest_s || r->limited);
}

static void start(struct notices *n, struct recipient *r, unsigned sender) {
    if (together(n, r)) {
        r->limited = false;
        r->out++;
        notices_digest_start(n, r);
        return;
    }
    struct notices_entry *e = HEAP_ENTRY(heap_pop(&r->waiting), struct notices_entry, node);
    if (!r->waiting.count)
        r->limited = false;
    e->busy = true;
    r->out++;
    n->sending[sender] = true;
    notices_send_start(n, e, sender);
}

void notices_pump(struct notices *n) {
    unsigned sender;
    struct heap_node *top;
    while (!n->engine->stopping && n->started && free_sender(n, &sender) && (top = heap_top(&n->due)) != NULL) {
        struct recipient *r = HEAP_ENTRY(top, struct recipient, node);
        if (r->due_us > clock_wall_us())
            break;
        heap_remove(&n->due, &r->node);
        if (recipient_tidy(n, r))
            continue;
        if (due_us(n, r) <= clock_wall_us()) /* its way may have been closed since */
            start(n, r, sender);
        else
            notices_arrange(n, r);
    }
    set_timer(n);
}

/* --- how far lines were told of ---------------------------------------------------------------------------------------- */

/* Without the file everything counts as told of, so it is there for good before the first line is heard. */
static void make_seen(struct notices *n) {
    const int root = n->engine->spool->root_fd;
    struct err err = {0};
    int fd;
    enum rc rc = fsio_create(root, NOTICES_SEEN, 0660, &fd, &err);
    if (!rc) {
        rc = fsio_sync(fd, &err);
        close(fd);
    }
    if (!rc)
        rc = fsio_sync_dir(root, "notices", &err);
    if (rc)
        log_warn("%s: %s", NOTICES_SEEN, err.text);
}

/* Its time is not synced, nor need it be: an older one only makes the next start look at more. */
static void write_seen(struct notices *n, int64_t at_us) {
    struct err err = {0};
    const int root = n->engine->spool->root_fd;
    if (fsio_set_mtime(root, NOTICES_SEEN, at_us, &err))
        log_warn("%s: %s", NOTICES_SEEN, err.text);
    else
        n->seen_us = at_us;
}

static void look_at_seen(struct notices *n);

static void seen_due(struct loop_timer *timer) {
    look_at_seen(HEAP_ENTRY(timer, struct notices, seen_timer));
}

/* All that was heard has its notices: a line that is folded into the index from here on, and heard, is a later one. */
static void look_at_seen(struct notices *n) {
    const int64_t now_ms = clock_mono_ms();
    if (!n->started || n->busy || n->behind || !n->heard)
        return;
    if (n->seen_ms && now_ms < n->seen_ms + SEEN_MS) {
        if (!loop_timer_started(&n->seen_timer))
            loop_timer_start(n->engine->loop, &n->seen_timer, n->seen_ms + SEEN_MS, seen_due);
        return;
    }
    n->heard = false;
    n->seen_ms = now_ms;
    write_seen(n, clock_wall_us());
}

void notices_settled(struct notices *n) {
    n->busy--;
    if (!n->busy && n->behind && !n->engine->stopping)
        notices_catch_up(n);
    notices_pump(n);
    look_at_seen(n);
    engine_settle_stop(n->engine);
}

/* --- from outside ------------------------------------------------------------------------------------------------------ */

static void look_due(struct loop_timer *timer) {
    struct notices *n = HEAP_ENTRY(timer, struct notices, look_timer);
    if (n->started)
        notices_look(n);
    loop_timer_start(n->engine->loop, timer, clock_mono_ms() + LOOK_MS, look_due);
}

void notices_event(struct engine *engine, const char *name) {
    struct notices *n = engine->notices;
    char id[JOBID_SIZE];
    if (jobid_from_file(name, id) && !notices_entry_of(n, id) && n->look_timer.at_mono_ms > clock_mono_ms() + LOOK_SOON_MS)
        loop_timer_start(engine->loop, &n->look_timer, clock_mono_ms() + LOOK_SOON_MS, look_due);
}

void notices_scan(struct engine *engine) {
    if (engine->notices->started)
        notices_look(engine->notices);
}

/* Secrets may be new: every way is tried now. */
void notices_reload(struct engine *engine) {
    struct notices *n = engine->notices;
    for (size_t i = 0; i < sizeof n->ways / sizeof *n->ways; i++)
        n->ways[i].open_us = 0;
    for (size_t i = 0; i < NOTICES_BUCKETS; i++)
        for (struct recipient *r = n->recipients[i], *next; r; r = next) {
            next = r->next;
            r->own.open_us = 0;
            notices_arrange(n, r);
        }
    notices_scan(engine);
    notices_pump(n);
}

bool notices_allows(struct engine *engine, const cJSON *job, uid_t uid, struct err *err) {
    const cJSON *item;
    char shown[NOTICE_TARGET_SIZE];
    if (notices_trusts(engine, uid))
        return true;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(job, "notify")) {
        if (notify_allowed(engine->options.notices, item->valuestring))
            continue;
        notice_target_shown(item->valuestring, shown);
        err_set(err, RC_PERM,
                "/notify: %s is not among those that anybody may have notices sent to: leave it out, have an administrator submit the job, or have it added to "
                "notices.allow of the configuration",
                shown);
        return false;
    }
    return true;
}

/* --- start and stop ---------------------------------------------------------------------------------------------------- */

static void tidy_due(struct loop_timer *timer) {
    struct notices *n = HEAP_ENTRY(timer, struct notices, tidy_timer);
    notices_tidy(n);
    loop_timer_start(n->engine->loop, &n->tidy_timer, clock_mono_ms() + TIDY_MS, tidy_due);
}

enum rc notices_start(struct engine *engine, struct err *err) {
    struct notices *n = engine->notices = engine_alloc(sizeof *n);
    struct stat st;
    n->engine = engine;
    n->settings = engine->options.notices;
    heap_init(&n->due, recipient_before);
    buf_init(&n->beat_url, NOTICE_TARGET_SIZE);
    enum rc rc = worker_new(engine->loop, NOTICES_LANES, &n->lanes, err);
    if (rc)
        return rc;
    if (fsio_stat(engine->spool->root_fd, NOTICES_SEEN, &st, NULL) == RC_OK)
        n->seen_us = clock_file_us(st.st_mtim);
    else {
        make_seen(n);
        write_seen(n, clock_wall_us() + NOTICES_SLACK_US); /* what was before is nobody's */
    }
    notices_first_look(n);
    loop_timer_start(engine->loop, &n->look_timer, clock_mono_ms() + LOOK_MS, look_due);
    loop_timer_start(engine->loop, &n->tidy_timer, clock_mono_ms() + TIDY_MS / 10, tidy_due);
    notices_watch_start(n);
    return RC_OK;
}

void notices_listen(struct engine *engine) {
    index_listen(engine->index, notices_heard, engine->notices);
}

static void stop_due(struct loop_timer *timer) {
    atomic_store(&HEAP_ENTRY(timer, struct notices, stop_timer)->cancel, 2);
}

void notices_stop(struct engine *engine) {
    struct notices *n = engine->notices;
    atomic_store(&n->cancel, 1);
    notices_watch_stop(n);
    loop_timer_cancel(engine->loop, &n->timer);
    loop_timer_start(engine->loop, &n->stop_timer, clock_mono_ms() + STOP_MS, stop_due);
}

bool notices_busy(const struct engine *engine) {
    return engine->notices->busy > 0;
}

static void free_all(struct notices *n) {
    for (size_t i = 0; i < NOTICES_BUCKETS; i++) {
        for (struct notices_entry *e = n->entries[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
        for (struct recipient *r = n->recipients[i], *next; r; r = next) {
            next = r->next;
            recipient_free(r);
        }
    }
    heap_release(&n->due);
    buf_release(&n->beat_url);
}

void notices_free(struct engine *engine) {
    struct notices *n = engine->notices;
    if (!n)
        return;
    atomic_store(&n->cancel, 2);
    notices_watch_stop(n);
    if (engine->index)
        index_listen(engine->index, NULL, NULL);
    if (n->lanes)
        worker_free(n->lanes);
    if (n->started && !n->busy && !n->behind) /* in good order: what the index has folded in has its notices, the next start hears the rest */
        write_seen(n, clock_wall_us() + NOTICES_SLACK_US);
    struct loop_timer *const timers[] = {&n->timer, &n->look_timer, &n->seen_timer, &n->stop_timer, &n->tidy_timer};
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
        loop_timer_cancel(engine->loop, timers[i]);
    free_all(n);
    free(n);
    engine->notices = NULL;
}
