// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_NOTICES_INTERNAL_H
#define ENGINE_NOTICES_INTERNAL_H

#include "engine/engine_internal.h"
#include "notify/notifier.h"
#include "spool/notice.h"

/* The daemon's notices: notices.c (what waits, and when it goes), notices_make.c (from lines of journals to files), notices_send.c (one on its way),
 * notices_look.c (files that others put there, and what a crash left), notices_watch.c (queue, budget, what is stuck, heartbeat). They have lanes of their own,
 * so that a mail server that thinks for ten minutes holds up nothing: lane 0 makes and looks, the next ones send, the last one looks for what is stuck. */

#define NOTICES_LANE_MAKE 0u
#define NOTICES_SENDERS 4u
#define NOTICES_LANE_STUCK (NOTICES_SENDERS + 1u)
#define NOTICES_LANES (NOTICES_SENDERS + 2u)
#define NOTICES_ACTIVE_MOST 20000u /* in memory; more wait in notices/pending/ */
#define NOTICES_MAKING_MOST 2000u  /* lines that are to be told of; of more is heard by catching up */
#define NOTICES_BUCKETS 4096u
#define NOTICES_SEEN "notices/.seen"      /* its mtime: of everything before the notices were made */
#define NOTICES_SLACK_US INT64_C(5000000) /* a line is heard so long after its time at most */

struct recipient;

/* A way out that did not work: nobody goes there until then. */
struct notices_way {
    int64_t open_us;
    unsigned failures; /* in a row */
};

struct notices_entry { /* a notice in pending/ or deferred/ */
    struct heap_node node;
    struct notices_entry *next;
    struct recipient *recipient;
    char id[JOBID_SIZE];
    enum notice_kind kind;
    enum notice_state state;
    int64_t created_us, due_us; /* due_us 0: now */
    uint64_t round;             /* of the look that saw it last */
    bool busy;                  /* on a lane, and in no heap */
};

struct recipient {
    struct heap_node node; /* by due_us */
    struct recipient *next;
    struct heap waiting; /* entries, the next one first */
    unsigned out;        /* on a lane: one at a time */
    int64_t due_us;
    int64_t *sent_us; /* of the last hour, the oldest first */
    unsigned sent_count, sent_room;
    bool limited; /* the rate kept something back: what waits goes together */
    const struct notifier_row *row;
    struct notices_way own; /* of a webhook */
    char to[];
};

struct notices {
    struct engine *engine;
    const struct notify_settings *settings;
    struct worker *lanes;
    struct notices_entry *entries[NOTICES_BUCKETS];
    struct recipient *recipients[NOTICES_BUCKETS];
    size_t entry_count;
    struct heap due;            /* recipients */
    struct notices_way ways[4]; /* of the rows of notifier_rows that send mail */
    bool sending[NOTICES_SENDERS];
    unsigned busy; /* work items on lanes but for what is stuck */
    unsigned making;
    atomic_int cancel;
    bool behind; /* lines were passed over: catch up */
    bool more;   /* there are notices on the disk that are not in memory */
    bool looking, look_again;
    bool started, stopped, catching;
    uint64_t round;
    int64_t seen_us; /* of the file */
    bool heard;      /* something since then */
    int64_t seen_ms; /* when it was written */
    struct loop_timer timer, look_timer, seen_timer, stop_timer, watch_timer, beat_timer, stuck_timer, tidy_timer;
    /* notices_watch.c */
    struct fetch *beat;
    struct buf beat_url;
    bool beat_failed, queue_over, stuck_busy;
};

/* What is to be told, and whom. On the lane only what is in it is touched. */
struct notices_make {
    struct work work;
    struct notices *notices;
    enum notice_kind kind;
    int64_t when_us;
    char subject[200]; /* of notice_id_make */
    char job_id[JOBID_SIZE];
    uint64_t seq;
    char text_sha256[DIGEST_HEX_SIZE]; /* of the job's text */
    char source[65];                   /* of the job */
    bool automatic;                    /* it is */
    char awaits[300];
    cJSON *values;
    bool of_job; /* the recipients that the job names are told, too */
    /* the result */
    struct notices_made {
        char id[JOBID_SIZE];
        char to[NOTICE_TARGET_SIZE];
    } * made;
    size_t made_count;
    enum rc rc;
    struct err err;
    struct loop_timer timer; /* when the disk refused */
};

/* notices.c */
void notices_add(struct notices *n, const char *id, const char *to, enum notice_kind kind, enum notice_state state, int64_t created_us, int64_t due_us);
struct notices_entry *notices_entry_of(struct notices *n, const char *id);
void notices_forget(struct notices *n, struct notices_entry *entry);
void notices_wait(struct notices *n, struct notices_entry *entry, enum notice_state state, int64_t due_us); /* back into its heap */
void notices_arrange(struct notices *n, struct recipient *recipient); /* something about it has changed; it may be gone after that */
void notices_pump(struct notices *n);
void notices_settled(struct notices *n); /* a work item is done */
struct notices_way *notices_way_of(struct notices *n, struct recipient *recipient);
void notices_sent(struct notices *n, struct recipient *recipient, int64_t when_us); /* for its rate */
struct recipient *notices_recipient(struct notices *n, const char *to);

/* notices_make.c */
void notices_make_start(struct notices *n, struct notices_make *make); /* taken */
struct notices_make *notices_make_new(struct notices *n, enum notice_kind kind, int64_t when_us, const char *subject);
void notices_value(cJSON *values, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void notices_heard(void *context, const struct job_row *before, const struct job_row *row, const struct journal_line *line); /* index_listen */
void notices_catch_up(struct notices *n);
/* The journal has a `notified` of this notice. Any thread. */
bool notices_told(const struct spool *spool, const char *job_id, const char *notice_id);
/* Write it there. about: the line's seq. RC_OK too when there is no journal that could be written to. */
enum rc notices_tell(const struct spool *spool, const struct notice *notice, const char *result, const char *error, struct err *err);

/* notices_send.c */
void notices_send_start(struct notices *n, struct notices_entry *entry, unsigned sender);
/* Those of the recipient that could go now as one mail. */
void notices_digest_start(struct notices *n, struct recipient *recipient);
bool notices_trusts(const struct engine *engine, uid_t uid);

/* notices_look.c */
void notices_look(struct notices *n); /* at pending/ and deferred/ */
void notices_first_look(struct notices *n);
void notices_tidy(struct notices *n); /* remove what was sent long ago */
/* The members of a digest that still lie somewhere as if they were to be sent go to processed/. On a lane. */
enum rc notices_settle_digest(const struct spool *spool, const struct notice *digest, struct err *err);

/* notices_watch.c */
void notices_watch_start(struct notices *n);
void notices_watch_stop(struct notices *n);

#endif
