// SPDX-License-Identifier: Apache-2.0
#include "engine/notices_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "os/fsio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One notice on its way, on a lane: pending/ -> processing/, sent, then where the answer puts it. What the other end has taken goes to processed/ with the next
 * system call; only then is it synced, journalled, and the line hung up. */

#define DISK_WAIT_MS 1000
#define WAY_MOST_US INT64_C(300000000)
#define RETRY_MOST_US INT64_C(3600000000)
#define AWAIT_US INT64_C(5000000)
#define AWAIT_MOST_US INT64_C(3600000000)

struct delivery {
    struct work work;
    struct notices *notices;
    struct notices_entry *entry; /* of the loop */
    unsigned sender;
    char id[JOBID_SIZE];
    const struct notifier_row *row;
    enum notice_state from, to; /* to: NOTICE_NONE until it is known */
    bool gone;                  /* somebody has taken it away */
    bool moved;                 /* it lies where it belongs */
    struct notice notice;
    struct notify_outcome outcome;
    int64_t until_us;
    enum rc rc; /* of the disk */
    struct err err;
    struct loop_timer timer;
};

static enum rc secret_of(void *context, const char *name, struct buf *out, struct err *err) {
    const struct engine *engine = context;
    return sources_secret(engine->options.credentials_dir, name, out, err);
}

bool notices_trusts(const struct engine *engine, uid_t uid) {
    return intake_believes(engine, uid) || uid == 0;
}

/* --- when it is tried again -------------------------------------------------------------------------------------------- */

/* The older a notice, the rarer: a quarter of its age. */
static int64_t again_us(const struct notices *n, const struct notice *notice, const struct notify_outcome *outcome) {
    const int64_t now_us = clock_wall_us(), least_us = (int64_t)n->settings->retry_s * 1000000;
    int64_t wait_us = (now_us - notice->created_us) / 4;
    wait_us = wait_us < least_us ? least_us : wait_us > RETRY_MOST_US ? RETRY_MOST_US : wait_us;
    if (outcome->retry_after_s * 1000000 > wait_us)
        wait_us = outcome->retry_after_s * 1000000;
    return now_us + wait_us + (now_us % 1000) * wait_us / 10000; /* not all at once */
}

static bool too_old(const struct notices *n, const struct notice *notice) {
    return clock_wall_us() - notice->created_us > (int64_t)n->settings->give_up_s * 1000000;
}

/* --- on the lane ------------------------------------------------------------------------------------------------------- */

static void fail(struct delivery *d, const char *text) {
    d->to = NOTICE_FAILED;
    notify_outcome_set(&d->outcome, NOTIFY_NEVER, "%s", text);
}

/* Whoever may drop a file here may have the way out tried, no more. */
static bool allowed(struct delivery *d, uid_t owner) {
    const struct engine *engine = d->notices->engine;
    if (notices_trusts(engine, owner))
        return true;
    if (d->notice.kind == NOTICE_TEST && notify_allowed(d->notices->settings, d->notice.to))
        return true;
    fail(d, d->notice.kind == NOTICE_TEST
                ? "the recipient is not in notices.allow of the configuration: add it there, or have the daemon's user or root send it"
                : "it was not made by the daemon: only notices of the kind test may be dropped by others");
    return false;
}

/* Its report is not there yet. After an hour it goes without. */
static bool waits(struct delivery *d) {
    struct stat st;
    if (!d->notice.awaits[0] || fsio_stat(d->notices->engine->spool->root_fd, d->notice.awaits, &st, NULL) != RC_GONE ||
        clock_wall_us() - d->notice.created_us > AWAIT_MOST_US)
        return false;
    d->to = NOTICE_DEFERRED;
    d->until_us = clock_wall_us() + AWAIT_US;
    notify_outcome_set(&d->outcome, NOTIFY_LATER, "waits for %s", d->notice.awaits);
    return true;
}

static void judge(struct delivery *d) {
    struct notices *n = d->notices;
    const struct notify_outcome *o = &d->outcome;
    if (o->result == NOTIFY_SENT)
        d->to = NOTICE_PROCESSED;
    else if (o->result == NOTIFY_CANCELLED)
        d->to = NOTICE_PENDING;
    else if (o->result == NOTIFY_NEVER || d->notice.kind == NOTICE_TEST) /* who tries the way out wants to know now */
        d->to = NOTICE_FAILED;
    else if (too_old(n, &d->notice)) {
        char text[sizeof o->text];
        str_copy(text, sizeof text, o->text);
        notify_outcome_set(&d->outcome, NOTIFY_NEVER, "given up after %u s: %.300s", n->settings->give_up_s, text);
        d->to = NOTICE_FAILED;
    } else {
        d->to = NOTICE_DEFERRED;
        d->until_us = again_us(n, &d->notice, o);
    }
}

static void write_why(const struct delivery *d) {
    char text[1024], when[CLOCK_RFC3339_SIZE], until[CLOCK_RFC3339_SIZE] = "";
    clock_format_rfc3339(clock_wall_us(), 0, when);
    if (d->until_us)
        clock_format_rfc3339(d->until_us, 0, until);
    str_format(text, sizeof text, "notice: %s\nwhat:   %s\nsince:  %s\n%s%s%sgo on:  %s\n", d->id, d->outcome.text, when, d->until_us ? "until:  " : "", until,
               d->until_us ? "\n" : "",
               d->to == NOTICE_FAILED ? "mend the cause, then `batchspool notices retry ID` or move it to notices/pending/"
                                      : "it is tried again at that time; moving it to notices/pending/ tries it now");
    notice_why_write(d->notices->engine->spool, d->to, d->id, text);
}

/* Where the answer puts it. Can be done again until the disk has it. */
static void keep(struct delivery *d) {
    const struct spool *spool = d->notices->engine->spool;
    d->rc = RC_OK;
    if (!d->moved) {
        d->rc = notice_move(spool, d->id, NOTICE_PROCESSING, d->to, d->until_us, true, &d->err);
        if (d->rc == RC_GONE && notice_find(spool, d->id) != d->to)
            log_warn("notice %s: it was taken out of notices/processing/ meanwhile", d->id);
        else if (d->rc == RC_PERM && errno == EEXIST) /* a copy that somebody made of it is there */
            d->rc = notice_remove(spool, NOTICE_PROCESSING, d->id, &d->err);
        d->moved = !d->rc || d->rc == RC_GONE || d->rc == RC_PERM;
        d->rc = d->moved ? RC_OK : d->rc;
        if (d->moved && (d->to == NOTICE_FAILED || d->to == NOTICE_DEFERRED))
            write_why(d);
    }
    if (d->rc)
        return;
    if (d->to == NOTICE_PROCESSED)
        d->rc = notices_tell(spool, &d->notice, "sent", NULL, &d->err);
    else if (d->to == NOTICE_FAILED && d->notice.values) /* one that can be read */
        d->rc = notices_tell(spool, &d->notice, "failed", d->outcome.text, &d->err);
}

static void talk(struct delivery *d) {
    struct notices *n = d->notices;
    struct notify_link *link = NULL;
    const struct notify_order order = {
        .notice = &d->notice, .settings = n->settings, .ca_file = n->engine->options.ca_file, .secret = secret_of, .context = n->engine, .cancel = &n->cancel};
    notifier_send(d->row, &order, &link, &d->outcome);
    judge(d);
    keep(d);
    notify_link_free(link);
}

static void deliver(struct delivery *d) {
    const struct spool *spool = d->notices->engine->spool;
    struct stat st;
    if (d->to != NOTICE_NONE) { /* sent, but the disk refused what came of it */
        keep(d);
        return;
    }
    d->rc = notice_move(spool, d->id, d->from, NOTICE_PROCESSING, 0, false, &d->err);
    d->gone = d->rc == RC_GONE;
    if (d->rc)
        return;
    notice_release(&d->notice);
    enum rc rc = notice_read(spool, NOTICE_PROCESSING, d->id, &d->notice, &st, &d->err);
    if (rc == RC_PERM || rc == RC_CORRUPT)
        fail(d, d->err.text);
    else if (rc) {
        d->to = NOTICE_DEFERRED;
        d->until_us = clock_wall_us() + AWAIT_US;
        notify_outcome_set(&d->outcome, NOTIFY_LATER, "%s", d->err.text);
    } else if (!d->row)
        fail(d, notifier_missing(d->notice.to));
    else if (allowed(d, st.st_uid) && !waits(d)) {
        talk(d);
        return;
    }
    keep(d);
}

static void deliver_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++)
        deliver(HEAP_ENTRY(items[i], struct delivery, work));
}

/* --- on the loop ------------------------------------------------------------------------------------------------------- */

static void deliver_done(struct work *work);
static const struct work_class deliver_class = {.name = "deliver", .run = deliver_run, .done = deliver_done, .max = 1};

static void deliver_again(struct loop_timer *timer) {
    struct delivery *d = HEAP_ENTRY(timer, struct delivery, timer);
    worker_submit(d->notices->lanes, &d->work, &deliver_class, 1 + d->sender);
}

static void close_way(struct notices *n, struct recipient *r, const struct notify_outcome *outcome) {
    struct notices_way *way = notices_way_of(n, r);
    int64_t wait_us = (int64_t)n->settings->retry_s * 1000000;
    for (unsigned i = 0; i < way->failures && wait_us < WAY_MOST_US; i++)
        wait_us *= 2;
    way->open_us = clock_wall_us() + (wait_us < WAY_MOST_US ? wait_us : WAY_MOST_US);
    if (way->failures++ == 0)
        log_error("notices: %s does not work: %s; nothing is lost, what is to be sent waits", r->row->name, outcome->text);
}

static void open_way(struct notices *n, struct recipient *r) {
    struct notices_way *way = notices_way_of(n, r);
    if (way->failures)
        log_info("notices: %s works again", r->row->name);
    *way = (struct notices_way){.failures = 0};
}

static void conclude(struct delivery *d) {
    struct notices *n = d->notices;
    struct notices_entry *e = d->entry;
    struct recipient *r = e->recipient;
    char shown[NOTICE_TARGET_SIZE];
    notice_target_shown(r->to, shown);
    if (d->outcome.result == NOTIFY_WAY && d->row)
        close_way(n, r, &d->outcome);
    if (d->to == NOTICE_PROCESSED) {
        log_info("notice %s: sent to %s by %s (%s)", d->id, shown, d->row->name, d->outcome.text);
        open_way(n, r);
        notices_sent(n, r, clock_wall_us());
        notices_forget(n, e);
    } else if (d->to == NOTICE_FAILED) {
        log_error("notice %s: not sent to %s: %s", d->id, shown, d->outcome.text);
        notices_forget(n, e);
    } else {
        if (d->to == NOTICE_DEFERRED)
            log_warn("notice %s: not sent to %s yet: %s", d->id, shown, d->outcome.text);
        notices_wait(n, e, d->to, d->to == NOTICE_DEFERRED ? d->until_us : 0);
    }
}

static void deliver_done(struct work *work) {
    struct delivery *d = HEAP_ENTRY(work, struct delivery, work);
    struct notices *n = d->notices;
    if (d->to != NOTICE_NONE && d->rc && !n->engine->stopped) {
        log_warn("notice %s: %s; tried again", d->id, d->err.text);
        loop_timer_start(n->engine->loop, &d->timer, clock_mono_ms() + DISK_WAIT_MS, deliver_again);
        return;
    }
    n->sending[d->sender] = false;
    d->entry->recipient->out--;
    if (d->to != NOTICE_NONE)
        conclude(d);
    else if (d->gone || d->rc == RC_PERM) { /* the next look says where it is */
        if (!d->gone)
            log_warn("notice %s: %s", d->id, d->err.text);
        notices_forget(n, d->entry);
        notices_look(n);
    } else
        notices_wait(n, d->entry, d->from, clock_wall_us() + (int64_t)DISK_WAIT_MS * 1000);
    notice_release(&d->notice);
    free(d);
    notices_settled(n);
}

void notices_send_start(struct notices *n, struct notices_entry *e, unsigned sender) {
    struct delivery *d = engine_alloc(sizeof *d);
    d->notices = n;
    d->entry = e;
    d->sender = sender;
    d->from = e->state;
    d->row = e->recipient->row;
    str_copy(d->id, sizeof d->id, e->id);
    n->busy++;
    worker_submit(n->lanes, &d->work, &deliver_class, 1 + sender);
}

/* --- several as one ---------------------------------------------------------------------------------------------------- */

struct gathering {
    struct work work;
    struct notices *notices;
    struct recipient *recipient;
    struct notices_entry *entries[NOTICE_DIGEST_MOST];
    size_t count;
    char id[JOBID_SIZE];
    int64_t created_us;
    enum rc rc;
    struct err err;
};

static void add_item(const struct notice *notice, struct buf *items, cJSON *ids) {
    char when[CLOCK_RFC3339_SIZE];
    const char *subject = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(notice->values, "subject"));
    const char *error = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(notice->values, "error"));
    clock_format_rfc3339(notice->created_us, 0, when);
    (void)buf_printf(items, "%s%s  %s%s%s%s%s", items->length ? "\n" : "", when, subject ? subject : notice_kind_name(notice->kind), error ? "\n    " : "",
                     error ? error : "", notice->job_id[0] ? "\n    " : "", notice->job_id);
    cJSON_AddItemToArray(ids, cJSON_CreateString(notice->id));
}

/* The digest is made of the first one that it has: made twice after a crash, it is the same. */
static enum rc gather(struct gathering *g, struct notice *digest) {
    const struct spool *spool = g->notices->engine->spool;
    struct buf items = BUF_INIT(96 * 1024);
    enum rc rc = RC_OK;
    digest->digest_of = cJSON_CreateArray();
    digest->values = engine_members();
    for (size_t i = 0; i < g->count && items.length < 64 * 1024; i++) {
        struct notice one;
        rc = notice_read(spool, NOTICE_PENDING, g->entries[i]->id, &one, NULL, &g->err);
        if (!rc)
            add_item(&one, &items, digest->digest_of);
        notice_release(&one);
        if (rc == RC_TEMP || rc == RC_NOSPACE)
            break;
        rc = RC_OK; /* went away, or is none: looked at by itself */
    }
    const int count = cJSON_GetArraySize(digest->digest_of);
    notices_value(digest->values, "event", "digest");
    notices_value(digest->values, "count", "%d", count);
    notices_value(digest->values, "subject", "%d notices", count);
    notices_value(digest->values, "node", "%s", spool->node);
    cJSON_AddStringToObject(digest->values, "items", buf_text(&items));
    cJSON_AddStringToObject(digest->values, "text", buf_text(&items));
    if (g->notices->settings->link[0])
        notices_value(digest->values, "link", "%s", g->notices->settings->link);
    buf_release(&items);
    return rc ? rc : count ? RC_OK : RC_GONE;
}

static void gather_run(struct work **items, size_t count) {
    struct gathering *g = HEAP_ENTRY(items[0], struct gathering, work);
    const struct spool *spool = g->notices->engine->spool;
    const enum notice_state there = notice_find(spool, g->id);
    struct notice digest = {.kind = NOTICE_DIGEST, .created_us = g->created_us};
    (void)count;
    if (there != NOTICE_NONE) /* the disk refused what follows, the last time: what it has is what it stands for */
        g->rc = notice_read(spool, there, g->id, &digest, NULL, &g->err);
    else {
        str_copy(digest.id, sizeof digest.id, g->id);
        str_copy(digest.to, sizeof digest.to, g->recipient->to);
        g->rc = gather(g, &digest);
        if (!g->rc)
            g->rc = notice_put(spool, &digest, NOTICE_PENDING, 0, &g->err);
    }
    if (!g->rc)
        g->rc = notices_settle_digest(spool, &digest, &g->err);
    notice_release(&digest);
}

static void gather_done(struct work *work) {
    struct gathering *g = HEAP_ENTRY(work, struct gathering, work);
    struct notices *n = g->notices;
    struct recipient *r = g->recipient;
    if (g->rc && g->rc != RC_GONE)
        log_warn("notices: digest: %s", g->err.text);
    for (size_t i = 0; i < g->count; i++) {
        if (g->rc == RC_TEMP || g->rc == RC_NOSPACE)
            notices_wait(n, g->entries[i], NOTICE_PENDING, clock_wall_us() + (int64_t)DISK_WAIT_MS * 1000);
        else
            notices_forget(n, g->entries[i]); /* the look finds those that it has no room for */
    }
    if (!g->rc)
        notices_add(n, g->id, r->to, NOTICE_DIGEST, NOTICE_PENDING, g->created_us, 0);
    r->out--;
    notices_arrange(n, r);
    free(g);
    notices_look(n);
    notices_settled(n);
}

static const struct work_class gather_class = {.name = "digest", .run = gather_run, .done = gather_done, .max = 1};

void notices_digest_start(struct notices *n, struct recipient *r) {
    struct gathering *g = engine_alloc(sizeof *g);
    struct heap_node *top;
    char when[20];
    int64_t when_us;
    g->notices = n;
    g->recipient = r;
    while (g->count < NOTICE_DIGEST_MOST && (top = heap_top(&r->waiting))) {
        struct notices_entry *e = HEAP_ENTRY(top, struct notices_entry, node);
        if (e->kind == NOTICE_TEST || e->kind == NOTICE_DIGEST || e->state != NOTICE_PENDING)
            break;
        heap_pop(&r->waiting);
        e->busy = true;
        g->entries[g->count++] = e;
    }
    str_format(when, sizeof when, "%.16s", g->entries[0]->id);
    g->created_us = clock_wall_us();
    if (!clock_parse_basic(when, &when_us))
        when_us = g->created_us;
    notice_id_make(NOTICE_DIGEST, when_us, g->entries[0]->id, r->to, g->id);
    n->busy++;
    worker_submit(n->lanes, &g->work, &gather_class, NOTICES_LANE_MAKE);
}
