// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H

/* What the files of the daemon's engine share: engine.c (start, stop, events), scan.c (rescan), intake.c (acceptance), sched.c (claims, deferrals), feed.c (one
 * source: which job sends next), limits.c (its limits), aside.c (budgets that are spent), control.c (what persons paused or changed), run.c (one job),
 * begin.c (its beginning), guard.c (what it may buy), group.c (units that wait together), attempt.c (one page), replay*.c (what a journal leaves to do),
 * shift.c (moves), loaders.c, errands.c (exports, retention), schedules.c (recurring jobs), notices*.c. All of it belongs to the loop's thread; what a lane may
 * touch is said at each struct. */

#include "base/buf.h"
#include "base/limits.h"
#include "base/heap.h"
#include "engine/engine.h"
#include "engine/estimate.h"
#include "engine/keyset.h"
#include "engine/sources.h"
#include "net/fetch.h"
#include "net/governor.h"
#include "net/throttle.h"
#include "os/watch.h"
#include "os/worker.h"
#include "source/answer.h"
#include "source/criteria.h"
#include "source/probe.h"
#include "source/units.h"
#include "spool/drop.h"
#include "spool/members.h"
#include "spool/move.h"
#include "spool/payload.h"
#include "spool/recover.h"
#include "store/index.h"

#define SHORT_WAIT_US 60000000 /* what waits longer lies in deferred/ (DESIGN 3) */
#define UNAUTHORIZED_WAIT_US (15 * 60 * 1000000LL)
#define DISK_RETRY_MS 1000
#define OWNER_MS 60000

struct run;
struct attempt;
struct parked;
struct intake;

/* The access token of a source that wants one (OAuth 2.0): in memory alone, for all jobs of the source. */
struct token {
    struct buf text; /* empty: none */
    uint64_t serial; /* of the token; a request remembers which it had. 0: there was none yet */
    int64_t renew_mono_ms;
    unsigned failures;   /* of asking for it, in a row */
    struct fetch *fetch; /* one is on the way */
    struct request request;
};

/* One source: its limits, shared by all its jobs, and the jobs that are running. */
struct feed {
    struct feed *next;
    struct engine *engine;
    const struct source *source;
    struct governor *governor;
    struct throttle *throttle; /* groups of its units that wait; in memory, and made again from journals */
    int64_t began_us;          /* since when it knows */
    void *saved;               /* of it, as the index has it; or NULL */
    size_t saved_bytes;
    struct run *runs;
    uint64_t round; /* of offering */
    uint64_t sends; /* requests that were sent, and of each priority which of them was its last, and when */
    uint64_t served[PRIORITY_URGENT + 1];
    int64_t served_ms[PRIORITY_URGENT + 1];
    struct dec in_flight_price; /* their highest price */
    struct dec open_price;      /* of it, what the index knows of: their `requested` is journalled */
    uint64_t in_flight_bytes;   /* disk room that answers in flight may need */
    struct token token;
    struct loop_timer timer;
    int64_t left_us;                 /* when the last request left */
    char trouble[200];               /* why its host could not be reached, last */
    char refused[SOURCE_NAMES_SIZE]; /* the secrets of the request whose credentials were refused last */
    char silent_id[JOBID_SIZE];      /* of the page that was not answered in time last; "": an answer came since */
    uint32_t silent_batch;
    struct estimate_source looked[PRIORITY_URGENT + 1]; /* kept for a moment: jobs come in floods */
};

/* A page that was asked for, or must be, and is not captured. */
enum due_state { DUE_SEND, DUE_IN_FLIGHT, DUE_UNKNOWN };
struct due_page {
    struct due_page *next; /* by batch */
    struct page page;
    enum due_state state;
    unsigned step, way;               /* what of it is to be done next */
    uint32_t part;                    /* of a step that has parts, from 1; else 0 */
    bool uncached;                    /* the answer of its first step was looked for among earlier ones */
    int64_t cached_us;                /* it was there, and is of this time; 0: it is its own */
    unsigned refusals;                /* in a row, for the wait */
    unsigned apart;                   /* tries that a filter counts by itself (source_filter.max_retries) */
    unsigned attempts, retries;       /* attempts: ever, numbers them; retries: of this run, against max_retries */
    uint16_t tries[SOURCE_MAX_STEPS]; /* of them those of each step; an earlier unit's answer takes none */
    bool renewed;                     /* a 401 came, and it is asked for again with a new access token */
    bool ungrouped;                   /* its group was given up: what it does now is another way */
    uint64_t period;                  /* of its group (net/throttle), when it failed last; 0: it did not */
    int64_t not_before_us;
    int64_t took_ms; /* for the answers of its steps so far; of all parts */
};

/* The list of a job that buys only what is not owned yet. */
struct delta {
    uint64_t total, owned, to_buy; /* ids */
    uint64_t size;                 /* of a page, as journalled: the plan must be the same again */
    struct members *members;       /* NULL: of a preview, nothing is bought by it */
    size_t *starts;                /* where in it the ids of each page begin */
};

enum run_phase { RUN_CLAIMING, RUN_REPLAY, RUN_PREVIEW, RUN_PAGES, RUN_LOADING, RUN_ERRAND, RUN_ENDING };

/* They share five syncs, and wait for each other for as long as it takes to check that many. */
#define RECORD_TOGETHER 8u

struct run { /* one claimed job; a lane with the job's number may use id, source, engine->spool and journal while work of it is out */
    struct run *next_by_id, *next_of_feed;
    struct engine *engine;
    struct feed *feed;
    char id[JOBID_SIZE];
    struct job_row row;
    struct journal *journal;
    struct criteria *criteria;
    const struct source *source;
    struct paginator *paginator;
    struct units *units; /* when the source's units are no pages; else NULL */
    uint64_t units_in, units_failed;
    char unit_error[420]; /* of the last that failed for good */
    struct keyset *keys;
    enum run_phase phase;
    struct due_page *due;
    struct parked *parked;    /* units that wait for their group (group.c) */
    unsigned looked_ahead;    /* units that were put aside by this look for one that can be sent */
    struct attempt *attempts; /* in flight, at any stage */
    unsigned attempt_count;
    unsigned sending;      /* of them those that take a place among the requests in flight */
    unsigned checking;     /* of them those that a lane checks */
    uint64_t synced;       /* its journal is known to be on the disk up to here */
    uint64_t refused;      /* round of the feed in which it had nothing to send */
    bool busy;             /* a lane or a move has it: nothing else is begun */
    struct replay *replay; /* what the journal said; kept for the plan */
    bool leaving;          /* moved away or the daemon stops: finish what is paid for, begin nothing */
    bool accept_duplicates, accept_coverage;
    struct attempt *to_record[RECORD_TOGETHER]; /* good pages, by the order in which they were checked */
    unsigned to_record_count;
    bool told_repeat; /* the log has a warning of pages with the same bytes */
    enum place end;   /* where it goes when nothing is in flight any more; PLACE_NONE: nowhere yet */
    char end_reason[48];
    char end_error[600];
    int64_t end_until_us;
    char reuses[JOBID_SIZE]; /* the job whose payloads are its own */
    bool errand;             /* of mode results or cleanup: it has no source, and takes no slot */
    cJSON *told;             /* what `completed` says besides, or NULL */
    char *results;           /* as in struct shift, which takes it over; or NULL */
    uint64_t total;          /* named last; JOB_UNKNOWN */
    uint32_t total_batch;    /* by that page; 0: the preview */
    uint64_t records, duplicates, keyless, unkeyed;
    struct dec price; /* highest price of one record */
    bool price_known;
    struct dec in_flight_price;
    struct page ask;         /* what is asked before anything is bought: batch 0 */
    struct listing *listing; /* ids are being listed; or NULL */
    struct delta *delta;     /* they are; or NULL */
    struct probe *probe;     /* of mode probe, or NULL */
    char *start;             /* where an incremental source begins, JSON text; NULL: it is none */
    struct buf bookmark;     /* the greatest value that came, JSON text; empty: none */
    int64_t waits_until_us;  /* with nothing in flight it does nothing before then; 0: it has something to do */
    unsigned preview_retries, preview_refusals;
    bool preview_renewed; /* as in due_page */
    int64_t preview_due_us;
    uint64_t joined, served;      /* the feed's sends when it came, and of its own last request */
    int64_t joined_ms, waited_ms; /* waited: before it was claimed, when its age had it claimed */
    struct loop_timer timer;
};

/* A move that the daemon makes, on the job's lane. then() is called on the loop with the result; the shift is freed after it. Failures of the disk are tried
 * again until they succeed. */
struct shift;
typedef void shift_then(struct engine *engine, struct shift *shift);
struct shift {
    struct work work;
    struct engine *engine;
    struct run *run; /* or NULL */
    char id[JOBID_SIZE];
    struct move move;
    struct job_row row; /* of a completion: the run's own changes meanwhile */
    char *bookmark;
    char *results; /* the text of the job that makes the results of this one, dropped before it is moved; or NULL */
    bool told;
    cJSON *members;
    char *why;
    enum rc rc;
    struct err err;
    struct loop_timer timer;
    shift_then *then;
};

struct again { /* a job to be looked at once more */
    struct heap_node node;
    char id[JOBID_SIZE];
    int64_t at_mono_ms;
    bool second;
};

#define RUN_BUCKETS 1024u

struct engine {
    struct loop *loop;
    const struct spool *spool;
    struct engine_options options;
    struct worker *worker;
    struct watch *watch;
    struct fetcher *fetcher;
    struct index *index;
    struct sources *sources;
    struct feed *feeds;
    struct run *runs[RUN_BUCKETS];
    unsigned run_count;
    bool stopping, stopped;
    bool scanned; /* the first scan has been through pending/ */
    /* intake.c */
    struct heap intakes;
    struct intakes *intake;
    struct owner { /* of the file that was dropped last */
        uid_t uid;
        char name[65];
        int64_t asked_ms;
    } owner;
    size_t intake_bytes;
    struct intake *accepting;
    unsigned accepting_count;
    /* sched.c */
    struct loop_timer sched_timer, deferred_timer;
    unsigned claiming_count;
    int64_t sched_by_ms; /* dispatch waits for files that are being taken in until then; 0: nothing to dispatch */
    bool deferred_moving;
    struct turn *turns;
    uint64_t claims;
    struct control *control; /* control.c */
    /* scan.c */
    struct scan *scan;
    struct loop_timer scan_timer;
    struct heap agains;
    struct loop_timer again_timer;
    /* loaders.c */
    struct loaders *loaders;
    struct errands *errands;  /* errands.c */
    unsigned helpers;         /* programs of exec steps that run */
    struct ready_look *ready; /* ready_look.c */
    unsigned shifts;          /* moves under way */
    struct schedules *schedules;
    struct notices *notices; /* notices*.c */
    /* aside.c */
    char back_after[JOBID_SIZE];
    unsigned coming_back;
};

/* engine.c */
uint32_t engine_lane(const char *job_id);
size_t engine_bucket(const char *job_id);
/* Fold the job's journal into the index; row may be NULL. What fails is logged and made good by the next rescan. */
enum rc engine_follow(struct engine *engine, const char *job_id, struct job_row *row);
struct run *engine_run(struct engine *engine, const char *job_id);
void engine_settle_stop(struct engine *engine); /* when stopping: end the loop once nothing is in flight */
cJSON *engine_members(void);                    /* an empty object; never NULL (out of memory ends the program) */
/* Text of a .why (job_why_format) for a job that comes to lie there now; the caller frees. until_us 0: none. */
char *engine_why(struct engine *engine, const char *job_id, enum place place, const char *reason, const char *error, int64_t until_us);
void *engine_alloc(size_t size); /* zeroed; never NULL (out of memory ends the program) */

/* scan.c */
enum rc scan_start(struct engine *engine, struct err *err);
void scan_free(struct engine *engine);
void scan_all(struct engine *engine);  /* after an overflow, and at start */
void scan_soon(struct engine *engine); /* a second from now */
void scan_look(struct engine *engine, const char *job_id, bool second, int64_t delay_ms);

/* intake.c, intake_check.c */
void intake_start(struct engine *engine);
void intake_file(struct engine *engine, const char *name, bool closed);
/* The file of a job that waits in pending/ may have been edited. */
void intake_edited(struct engine *engine, const char *job_id);
/* What is no job file is left alone and reported once. */
void intake_strange(struct engine *engine, enum place place, const char *name, const char *text);
bool intake_full(const struct engine *engine);
bool intake_busy(const struct engine *engine); /* files are being taken in, or the first scan has not seen pending/ yet */
void intake_free(struct engine *engine);
/* What a file of this user says of who made it (`created_by`) is believed: our own, and the web program's, which has asked for a password. */
bool intake_believes(const struct engine *engine, uid_t uid);
const char *intake_owner(struct engine *engine, uid_t uid); /* the user's name; borrowed until the next call */

/* sched.c */
/* Nothing waits, and a job of this source could run at once; another one that comes in the same breath and is more urgent would still find a place. */
bool sched_idle(struct engine *engine, const char *source);
void sched_claimed(struct engine *engine, const char *job_id, enum rc rc); /* how its move to processing/ went */
void sched_kick(struct engine *engine);                                    /* dispatch at the end of this turn */
void sched_deferred(struct engine *engine);                                /* the earliest `until` may have changed */
/* The priority of a job whose class has waited so long, or was passed over so often that it counts as so many higher. */
enum priority sched_aged(const struct engine *engine, enum priority own, int64_t waited_ms, uint64_t passed_over);
void sched_free(struct engine *engine);
void sched_reload(struct engine *engine); /* credentials may be new: jobs whose source refused them are tried now */

/* feed.c */
struct feed *feed_get(struct engine *engine, const struct source *source);
bool feed_open(struct feed *feed);       /* a request could leave now */
int64_t feed_wait_us(struct feed *feed); /* until the source takes more; 0 also when only those in flight keep it */
bool feed_long_wait(struct feed *feed);  /* its jobs belong into deferred/ */
void feed_save(struct feed *feed);
void feed_pump(struct feed *feed);
void feed_sent(struct feed *feed);
void feed_allow(struct feed *feed, uint64_t remaining, int64_t now_us, int64_t until_us);
void feed_pause(struct feed *feed, int64_t until_us, const char *reason);
/* What a job will take; total as in estimate_job. */
void feed_estimate(struct engine *engine, const struct source *source, const struct criteria *criteria, uint64_t total, const char *job_id,
                   struct estimate *estimate);
void feed_add(struct feed *feed, struct run *run);
void feed_remove(struct feed *feed, struct run *run);
void feed_free(struct engine *engine);
void feed_reload(struct engine *engine);

/* limits.c */
void limits_configure(struct feed *feed, bool lost); /* as its source says now; lost: nothing is known of it, journals are asked */
bool limits_today(const struct feed *feed, struct dec *spent, int64_t *day_end_us); /* spent or in doubt on the day of daily_cost_cap; false: not to be had */
bool limits_may_spend(const struct feed *feed);                                     /* daily_cost_cap lets a page be bought, as far as its price is known */
int64_t limits_gate_us(const struct feed *feed, int64_t now_us); /* 0, or how long the next request must stand back so that all leave at even distances */
void limits_why(struct feed *feed, const char *reason, char *out, size_t size); /* the error text of a deferral for that reason; may be "" */

/* aside.c */
void aside_pending(struct feed *feed);  /* its fixed window is spent for long: its jobs in pending/ go to deferred/, a few at a time */
void aside_back(struct engine *engine); /* budgets may be others now: what they deferred and would not any more goes back to pending/ */

/* run.c */
bool run_wants(const struct run *run);                        /* it would send if it could */
void run_claiming(struct engine *engine, const char *job_id); /* its file is on the way to processing/ */
void run_unclaimed(struct engine *engine, const char *job_id, bool failed); /* failed: not to be claimed again for a while */ /* it did not get there */
void run_claimed(struct engine *engine, const char *job_id); /* its file is in processing/ and journalled */
void run_leave(struct run *run);
/* A page names the total: that of the highest page counts; 0 beside records is none, and that of a part is not the search's. */
void run_total(struct run *run, const struct page *page, uint64_t total);
/* Send one more request when one may go; true when it did. The feed's governor is open. */
bool run_offer(struct run *run);
/* Something changed: send, wait, or end. */
void run_step(struct run *run);
void run_loaded(struct run *run);
void run_end(struct run *run, enum place place, const char *reason, const char *error);
struct due_page *run_due(struct run *run, const struct page *page, unsigned attempts);
void run_due_remove(struct run *run, struct due_page *due);
void run_due_unlink(struct run *run, struct due_page *due); /* out of the list, and into it, by batch */
void run_due_link(struct run *run, struct due_page *due);
void run_page_in(struct run *run, const struct page *page, const struct page_facts *facts, uint64_t advance);
int64_t run_backoff_us(const struct run *run, unsigned retries, int64_t retry_after_s);
struct due_page *run_due_add(struct run *run, const struct page *page, unsigned attempts, enum due_state state);
/* The page to send now, or the one that waits least; asks the paginator when too few are waiting. NULL: none. */
struct due_page *run_due_next(struct run *run, int64_t now_us);
void run_end_now(struct run *run, enum place place, const char *reason, const char *error); /* run_end, and it leaves at once */
void run_finish(struct run *run);
uint64_t run_unique(const struct run *run); /* different records that it has, bought or owned */
void run_timer(struct loop_timer *timer);
void run_wake_at(struct run *run, int64_t wall_us);
bool run_lies_in(const struct run *run, enum place place); /* its file does: what a hand did while a lane had the job was not looked at */

/* begin.c */
void begin_run(struct run *run);       /* read the journal, and go on where it ends */
void begin_previewed(struct run *run); /* total and price are known */
void begin_probed(struct run *run);    /* paginator_probed was told */
void begin_listed(struct run *run);    /* the ids are listed (run->delta), or it ends for want of them */
/* An answer for mode probe. */
/* results/<id>/preview.json (m is taken); with it the job is done. */
void begin_answer(struct run *run, cJSON *m);
void begin_taught(struct run *run, const struct page *page, const struct answer *answer, const struct verdict *verdict);

/* delta.c: purchase of what is not owned yet */
struct replay;
bool delta_wanted(const struct run *run, const struct replay *replay);
void delta_list(struct run *run);                                /* begin to list: run->ask */
void delta_take(struct run *run, const struct verdict *verdict); /* a page of the list */
void delta_go_on(struct run *run);                               /* to the next one, or begin_listed */
bool delta_first(const struct run *run);                         /* what came is the first page */
/* delta: the numbers of the journal. On a lane. RC_GONE, RC_CORRUPT: its file is not there, or another one. */
enum rc delta_open(const struct spool *spool, const char *job_id, const char *sha256, struct delta *delta, struct err *err);
void delta_free(struct delta *delta);
void delta_release(struct run *run);
void delta_facts(struct page_facts *facts); /* what an answer to ids says of the search is not said of the job's */
struct delta_request {                      /* what asks for the ids of a page */
    cJSON *item, *job;                      /* for template_scope; job NULL: the job's own */
    struct page page;                       /* as it is placed in the request */
};
enum rc delta_request(const struct run *run, const struct page *page, struct delta_request *request, struct err *err);
void delta_request_release(struct delta_request *request); /* after a failure, too */

/* guard.c: what the job, the source and the disk allow. Those that forbid end the run (run_end) with the reason. */
uint64_t guard_planned(const struct run *run);                /* records that the job is to have, as far as is known; JOB_UNKNOWN */
uint64_t guard_bought(const struct run *run);                 /* of them those that are asked for: the owned ones are not */
void guard_check(struct run *run);                            /* max_records, max_cost against what is planned */
void guard_repeats(struct run *run, const struct page *page); /* none of its records was new */
bool guard_reached(const struct run *run);                    /* max_records of a source that names no total */
void guard_duplicates(struct run *run);
void guard_limit(struct run *run, const struct page *page, uint64_t advance); /* a source that ignores the limit */
void guard_trim(const struct run *run, struct page *page);
struct dec guard_page_price(const struct run *run, uint64_t limit); /* the highest that a page can cost */
bool guard_may_buy(struct run *run, uint64_t limit);
bool guard_disk_room(struct run *run);

/* control.c: spool/paused/, and jobs of mode source. */
enum rc control_start(struct engine *engine, struct err *err);
void control_free(struct engine *engine);
void control_look(struct engine *engine);                                          /* a file there may have changed */
bool control_paused(const struct engine *engine, const char *source);              /* the source is, or the whole queue */
const struct steer *control_rate(const struct engine *engine, const char *source); /* what holds in place of its definition's limits; NULL: nothing */
void control_run(struct run *run);                                                 /* a claimed job of mode source: do it, answer and end */
/* The file of a running job was written: another priority holds at once. */
void control_edited(struct engine *engine, const char *job_id);

/* token.c */
struct secrets { /* that one request uses; wiped after it is made */
    const char *dir;
    struct buf texts[16], proxy_username, proxy_password;
    char files[3][4096];
    size_t count;
    struct err err; /* of the last secret that could not be read */
};
const char *secrets_text(void *context, const char *name); /* for template_scope; context: struct secrets */
/* The source's tls and proxy; way borrows from secrets and source. RC_PERM: a secret or the credentials directory is missing. */
enum rc secrets_way(struct secrets *secrets, const struct source *source, struct fetch_way *way, struct err *err);
void secrets_wipe(struct secrets *secrets);
/* Put *** in place of every secret of the source, and of its access token, in what a server or the network said: it is to be kept and shown. */
void secrets_hide(const struct feed *feed, char *text);
/* A request can leave as far as tokens go. If not, one is on the way as soon as a job wants to send (feed_pump follows), or the feed is paused. */
bool token_ready(struct feed *feed);
void token_drop(struct feed *feed, uint64_t serial); /* it was refused; another that came meanwhile stays */
void token_reset(struct feed *feed);                 /* forget it, and what is on the way */

/* attempt_start.c; attempt.c */
void attempt_page(struct run *run, struct due_page *due);
void attempt_preview(struct run *run);
void attempt_give_up(struct run *run, struct due_page *due, struct throttle_group *group); /* without a request: its group is given up */
void attempt_cancel_free(struct run *run);
uint64_t attempt_synced(const struct run *run); /* how far the index may follow the journal: no page is in it without its marker */

/* unit.c: the steps of a unit, one after the other */
void unit_probe_run(struct run *run);       /* of mode probe: unit_probe on a lane, then begin_answer */
bool unit_has_steps(const struct run *run); /* its units are no pages, or have several steps */
/* What is to be done next of a unit: from this step (and part) on, the first that the job does not pass over. */
void unit_enter(const struct run *run, struct due_page *due, unsigned step);
bool unit_by_helper(const struct run *run, const struct due_page *due); /* next by a program, not a request */
/* Start programs for what waits for one. */
void unit_pump(struct run *run);
/* The names of the index, the raw payload, and the directory of its helpers below payloads/tmp. */
void unit_raw_path(const struct run *run, const char *campaign, uint32_t batch, unsigned step, uint32_t part, char out[PAYLOAD_PATH_SIZE]);
/* On a lane: what helpers left there; nothing when there is none. */
void unit_work_remove(const struct spool *spool, const char *job_id, uint32_t batch);
void unit_work_path(const char *job_id, uint32_t batch, char out[PAYLOAD_PATH_SIZE]);

/* group.c: units that wait together (error_handler.throttle) */
/* The unit's request cannot leave now, for its group waits: it was taken out of those that are due. */
bool group_stops(struct run *run, struct due_page *due, int64_t now_us);
struct due_page *group_next(struct run *run, int64_t now_us); /* one that waited, and may be sent now, among those that are due again; or NULL */
bool group_looks(const struct run *run);                      /* so many were put aside that the loop goes on with others first; the run's timer is set */
/* When the first of the run's groups can be tried, and which; at most now: at once, as far as the group goes. 0: none waits. */
int64_t group_until(const struct run *run, int64_t now_us, const struct throttle_group **group);
void group_wake(struct run *run, int64_t now_us);              /* the run's timer is set to that */
void group_why(const struct run *run, char *out, size_t size); /* what a run that has nothing else waits for */
void group_error(const struct throttle_group *group, char *out, size_t size);
bool group_fail(struct run *run);    /* begin to fail units whose group was given up; true: some are on their way */
void group_release(struct run *run); /* forget which units wait */
void group_anew(struct run *run);    /* a person has it go on: groups of its units wait no longer, whichever job made them */

/* ready_look.c */
void ready_look(struct engine *engine);                                    /* now, and again from time to time */
const cJSON *ready_known(const struct engine *engine, const char *source); /* what it misses: a list of texts, borrowed; NULL: nothing, as far as is known */
void ready_reload(struct engine *engine);                                  /* now, with the credentials of today */
/* An optional way was asked: whether its service refused the credentials is told to others, until it does not, or a reload. */
void ready_answered(struct engine *engine, const struct source *source, unsigned step, unsigned way, int status, bool refused);
void ready_free(struct engine *engine);

/* replay.c, replay_mend.c */
/* What the journal says of one page. */
struct replay_page {
    uint32_t batch;
    unsigned attempts;
    char *asked_step, *done_step; /* of a unit: its last request, its last answer before the last step; NULL: none */
    uint32_t asked_part, done_part;
    uint16_t tries[SOURCE_MAX_STEPS];         /* as in due_page, by the replay's names of steps */
    unsigned way;                             /* of the step that it stands at */
    bool failed;                              /* a unit, for good */
    int64_t took_ms;                          /* as in due_page */
    int64_t cached_us;                        /* as in due_page */
    uint64_t offset, limit, records, advance; /* advance: from its offset to where the next page begins */
    uint64_t total, count;                    /* as in struct page_facts */
    char *token, *next, *fault;               /* NULL: none */
    enum page_more more;
    struct answered *answered; /* answered, not captured: to be adopted */
    struct dec price;          /* highest, of its last paid request */
    bool paid, open;           /* open: requested, nothing heard of it since */
    bool unknown, captured, closed, loaded;
    bool given_up;         /* closed, and nothing is known of its answer */
    bool adopted;          /* captured by this run */
    uint64_t captured_seq; /* of its line */
};
struct answered {
    char sha256[DIGEST_HEX_SIZE], body[PAYLOAD_PATH_SIZE];
    char same_as[PAYLOAD_PATH_SIZE]; /* the payload that has these bytes too; "" none */
    int status;
    unsigned attempt;
    uint64_t bytes;
    struct fields fields; /* its headers */
    int64_t at_us;
};
struct replay { /* a lane may use all of it, and run->source and run->criteria, while it is out */
    struct work work;
    struct run *run;
    void (*done)(struct replay *replay);
    enum rc rc;
    struct err err;
    struct job_row row;
    struct replay_page *pages;        /* by batch */
    char steps[SOURCE_MAX_STEPS][65]; /* their names, in the order in which the journal has them */
    unsigned step_count;
    size_t page_count, page_capacity;
    struct throttle *groups; /* that wait, as journalled; or NULL */
    int64_t groups_us;       /* when that was written last */
    bool groups_anew;        /* a person has the job go on since */
    bool accept_duplicates, accept_coverage, edited;
    bool buy_all;        /* a person decided against the saving */
    struct delta *delta; /* as journalled, opened by replay_mend; or NULL */
    char delta_sha256[DIGEST_HEX_SIZE];
    uint64_t keyless, duplicates, unkeyed;
    struct keyset *keys;
    char *text; /* of the job, as accepted */
    size_t text_length;
    struct asked { /* parts of a search that the source was asked about, in that order */
        char token[80];
        uint64_t total;
    } * asked;
    size_t asked_count, asked_capacity;
    bool failed;         /* the job had, when its last line came */
    uint64_t looked_seq; /* somebody was told of the limit that is ignored by this line */
    char *start;         /* as in struct run */
    struct buf bookmark; /* likewise */
    const char *reason;  /* of rc, when it is not damage */
};
/* First half: read the journal and the job's file. Second half, with the source known: adopt what was answered, journal what is lost as CHARGE_UNKNOWN, collect
 * the keys of what is captured. */
struct replay *replay_read(struct run *run, void (*done)(struct replay *replay));
void replay_mend(struct replay *replay, void (*done)(struct replay *replay));
void replay_free(struct replay *replay);
void replay_due(const struct run *run, const struct replay_page *page, struct due_page *due); /* where its unit goes on */
/* The members of a `captured` line; the caller frees. */
struct captured {
    struct page page;
    const struct page_facts *facts;
    unsigned attempt;
    bool paid;
    const char *raw, *sha256;
    uint64_t bytes, advance;
    const struct buf *bookmark; /* the greatest value of an incremental source's records */
    struct dec cost;
    int64_t answered_us;
    const char *same_as;  /* below payloads/raw; "" none */
    int64_t took_ms;      /* from the request to the answer; 0: not known */
    int64_t unit_ms;      /* for the answers of the unit's earlier steps; 0: none */
    const char *item;     /* which unit it is, for people; "" or NULL none */
    const char *unit_key; /* what later units may find its first answer by; "" or NULL none */
    int64_t cached_us;    /* when an answer that was taken from an earlier unit came; 0: it is its own */
    const char *step;     /* its name, "" none */
    uint32_t part;
    bool inner; /* of a step before the last: its unit goes on */
};
cJSON *replay_captured_members(const struct captured *captured);
/* Keep the greater of two values of an incremental source. */
void replay_bookmark(struct buf *bookmark, struct slice value);
#define BOOKMARK_BYTES 1024u

/* shift.c */
/* members, and why, are taken. run may be NULL. */
void shift_start(struct engine *engine, struct run *run, const char *id, enum place from, enum place to, const char *event, cJSON *members, char *why,
                 int64_t until_us, shift_then *then);
/* A job in pending/ is complete by another one's payloads. Of row: id, source, automatic, created_by. */
void shift_reuse(struct engine *engine, const struct job_row *row, const char *reason, const char *reuses, shift_then *then);
/* The completion of a job, which moves its bookmark on to a value (copied). */
void shift_complete(struct engine *engine, struct run *run, cJSON *members, const char *bookmark, shift_then *then);

/* schedules.c */
void schedules_start(struct engine *engine);
void schedules_event(struct engine *engine, const char *name); /* something happened to that file of schedules/ */
void schedules_scan(struct engine *engine);                    /* look at every file there */
void schedules_free(struct engine *engine);

/* notices.c (engine/notices_internal.h has the rest): what people, and programs of theirs, are told. A notice never touches the job that it tells of. */
enum rc notices_start(struct engine *engine, struct err *err);
void notices_listen(struct engine *engine);                  /* to the lines that the index folds in, from here on */
void notices_event(struct engine *engine, const char *name); /* something came into notices/pending/ */
void notices_scan(struct engine *engine);                    /* look at every file there */
void notices_reload(struct engine *engine);
/* Whether a job text of this user's may have notices sent to whom it names. False: err says what to do. */
bool notices_allows(struct engine *engine, const cJSON *job, uid_t uid, struct err *err);
void notices_stop(struct engine *engine); /* nothing more is sent */
bool notices_busy(const struct engine *engine);
void notices_free(struct engine *engine);

/* loaders.c */
void loaders_start(struct engine *engine);
void loaders_kick(struct engine *engine); /* payloads/ready/ may have something */
void loaders_free(struct engine *engine);

/* errands.c: jobs of modes results and cleanup, one at a time in a child process (engine/errand.h). */
void errands_start(struct engine *engine);
bool errands_busy(const struct engine *engine); /* one is claimed, or on its way */
void errands_mark(struct run *run);             /* it is one: it takes no slot from here on */
void errands_run(struct run *run);              /* it is claimed, and run->criteria is read */
void errands_leave(struct run *run);            /* it is being freed: what is done for it ends */
void errands_free(struct engine *engine);

#endif
