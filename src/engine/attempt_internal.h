// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_ATTEMPT_INTERNAL_H
#define ENGINE_ATTEMPT_INTERNAL_H

#include "engine/engine_internal.h"
#include "source/step.h"

/*
 * One attempt at one page, in the order of DESIGN 6: `requested` durable -> body streamed to payloads/tmp while it is hashed -> checked -> file and directory
 * fsynced, `answered` durable -> published -> `captured` durable -> marker -> index. Each step can be repeated; what the disk refuses after the money is spent
 * is tried until it succeeds.
 */

/* What attempt_start.c (up to the request) and attempt.c (from the answer on: the loop's parts), attempt_lane.c (the lanes' part), attempt_send.c (the request)
 * and attempt_decide.c share. */

enum stage { STAGE_REQUEST, STAGE_FETCH, STAGE_CHECK, STAGE_SETTLE, STAGE_ANSWERED, STAGE_PUBLISH, STAGE_CAPTURED, STAGE_MARK, STAGE_MARKED, STAGE_REPORT };

struct attempt { /* a lane has it while work is out */
    struct work work;
    struct attempt *next;
    struct run *run;
    struct engine *engine;
    enum request_kind kind;
    struct page page;
    unsigned step, way;                  /* of the unit that the page is */
    uint32_t part;                       /* 0: the step has none */
    bool final;                          /* no other way would help */
    bool over;                           /* its unit is: what helpers left goes with the report */
    bool passed;                         /* the step has no such part: it is over */
    struct helper *helper;               /* a program does it, not a request, or checks its answer (helper.c); or NULL */
    bool checking;                       /* it checks */
    struct throttle_group *group;        /* of the unit, when it matters: it is closed, or this attempt closed or opened it; or NULL */
    uint64_t group_probe;                /* as throttle_sent has it */
    unsigned group_tries;                /* of it, when this one failed; 0: it did not, for the group */
    bool group_opened;                   /* by this one */
    bool spent;                          /* the answer that is of no use was paid for: cost */
    char unit_key[DIGEST_HEX_SIZE];      /* of a source with unit_cache; "" none */
    char cached_path[PAYLOAD_PATH_SIZE]; /* the payload of an earlier unit that answers this step; "" none */
    int64_t cached_us;                   /* the time of the unit's first answer, when it is an earlier unit's; 0: it is not */
    cJSON *item, *known;                 /* for template_scope */
    const char *document;                /* mapped, of a request whose body it is; or NULL */
    size_t document_length;
    unsigned number;
    uint16_t tries[SOURCE_MAX_STEPS]; /* as in due_page, when it began */
    int64_t earlier_ms;               /* due_page.took_ms, when it began */
    struct dec price;
    bool open; /* its price is in the feed's open_price */
    uint64_t room_bytes;
    enum stage stage;
    enum rc rc;
    struct err err;
    bool durable;
    bool marked;      /* its marker was begun before: it may be there */
    bool holds;       /* a place among the requests in flight */
    bool gated;       /* its request may leave, but not so soon after the one before */
    bool unreachable; /* no connection: that is the host's fault, and uses up no retry */
    bool automatic;   /* as the job was accepted; its row changes while a lane has this */
    int body_fd;
    char tmp[PAYLOAD_PATH_SIZE], raw[PAYLOAD_PATH_SIZE];
    struct fetch *fetch;
    struct fetch_held *held; /* the body, not written yet; or NULL */
    struct request request;  /* its body is sent from here */
    uint64_t token_serial;   /* of the access token that it went with; 0: none */
    bool sent, complete;
    int status;
    char reason[48], error[400], sha256[DIGEST_HEX_SIZE], request_id[128];
    char same_as[PAYLOAD_PATH_SIZE]; /* the payload that has the same bytes; "" none */
    int64_t retry_after_s, sent_us, asked_us, answered_us;
    uint64_t synced, before;            /* size of the journal after its last line, and before it */
    uint64_t unmarked;                  /* before `captured` of a page that still lacks its marker: the index goes no further; 0: none does */
    uint64_t bytes, advance;            /* advance: from this page's offset to where the next one begins */
    const char *wanted[FIELDS_MAX + 1]; /* header fields */
    struct fields fields;               /* those that came */
    char *url;                          /* that the page is asked from, without secrets */
    struct verdict verdict;             /* its slices are gone once the check is over */
    struct dec cost;
    struct keys keys;
    struct buf bookmark; /* the greatest value of an incremental source's records */
    /* STAGE_REPORT */
    const char *event;
    cJSON *members;
    bool keep_body;
    struct loop_timer timer;
};

/* attempt_lane.c: the kinds of work (struct work_class.run), and what they say of a page. */
void attempt_lane_request(struct work **items, size_t count);
void attempt_lane_check(struct work **items, size_t count);
void attempt_lane_checker(struct work **items, size_t count); /* what the program that checks the answer needs */
void attempt_lane_record(struct work **items, size_t count);  /* to the marker, if it was paid for; else to STAGE_MARK */
void attempt_lane_mark(struct work **items, size_t count);
void attempt_lane_report(struct work **items, size_t count);
enum rc attempt_lane_body(void *attempt, int *body_fd, struct err *err); /* fetch_open: makes the file of its body */
cJSON *attempt_lane_members(const struct attempt *a);                    /* batch, step, attempt of its events */
bool attempt_lane_good(const struct attempt *a);
int64_t attempt_took_ms(const struct attempt *a); /* from the request to the answer; 0: not known */

/* attempt.c: on to the next kind of work, on the loop */
void attempt_report(struct attempt *a, const char *event, bool keep_body); /* its event is written; then it ends, or is decided about anew */
void attempt_record(struct run *run, bool now); /* good pages wait for those that are still being checked, unless they are paid for */
void attempt_end(struct attempt *a);            /* gives its share of limits back, frees it, and lets the job go on */
void attempt_on_job_lane(struct attempt *a, const struct work_class *class); /* in order with all else that touches the job's journal */
enum rc attempt_follow(struct attempt *a);                                   /* its line is on the disk: the index goes that far, as attempt_synced lets it */
void attempt_fetched(void *attempt, const struct fetch_answer *answer);      /* fetch_done of its request */
void attempt_answered_here(struct attempt *a);                               /* the answer is in body_fd, and no request brought it */
/* Of a good answer to this way of a step that was paid for. */
struct dec attempt_cost(const struct source *source, unsigned step, unsigned way, const struct verdict *verdict);
/* What its way of the step alone lacks is no trouble of the source: the next way is taken. */
bool attempt_optional(const struct attempt *a);

/* attempt_decide.c: what a verdict means. All but the first two end with attempt_report, attempt_record or attempt_end, and true says that they did. */
struct due_page *attempt_due(struct attempt *a);
void attempt_add_failure(struct attempt *a, const char *reason); /* the members of its event */
int64_t attempt_wait_until(struct attempt *a, unsigned retries); /* the back-off; a pause that the source asked for holds for all its jobs */
void attempt_decide(struct attempt *a);
void attempt_try_again(struct attempt *a, int64_t until_us, const char *reason, bool counts); /* counts: as one of max_retries */
void attempt_page_failed(struct attempt *a, const char *reason);                              /* unless there is another way to do the step */
void attempt_page_in_doubt(struct attempt *a);
bool attempt_renew_token(struct attempt *a); /* a 401 to an access token: asked for once more with a new one; nothing was charged */

/* unit.c, on a lane: what the step's templates say of earlier steps, the item and the part. RC_PERM: an answer does not have it. a->passed: there is no such
 * part. Nothing for a page of a source of one step. */
enum rc unit_prepare(struct attempt *a);
enum rc unit_open_document(struct attempt *a, int *fd); /* on a lane; RC_CORRUPT: it is not what was uploaded, or not there */
/* On the loop: look for an earlier unit whose first answer this one may have. */
void unit_look_back(struct attempt *a);
enum rc unit_copy_back(struct attempt *a); /* on a lane: its bytes become the body. RC_GONE: they are not there any more */
bool unit_inner(const struct attempt *a);  /* of a step before the last */
void unit_inner_done(struct attempt *a);   /* its answer is captured, or it was passed over: the unit goes on */
/* Another way to do the step is left, and the unit is to take it. */
bool unit_takes_other_way(struct attempt *a);

/* helper.c: a step that a program does */
/* On a lane: its arguments, input, directory and document. RC_GONE: the program is not installed. */
enum rc helper_prepare(struct attempt *a);
enum rc helper_prepare_check(struct attempt *a); /* the same for the program that checks the answer in body_fd */
void helper_new(struct attempt *a);
bool helper_runs(const struct attempt *a);
void helper_start(struct attempt *a); /* helper_over follows, not at once */
void helper_unfit(struct attempt *a); /* the program that checks cannot be started (a->rc, a->err): nobody has looked at the answer */
void helper_over(struct attempt *a);  /* attempt.c: it ended; a->reason "" when it did its work, else a->verdict is set */
void helper_cancel(struct attempt *a);
void helper_free(struct attempt *a);

/* group.c */
void group_sent(struct attempt *a);         /* its request is about to leave */
void group_over(struct attempt *a);         /* it ends, however it did */
bool group_counts(const struct attempt *a); /* what went wrong counts against its group */
bool group_knew(struct attempt *a);         /* it does, and the group was closed before: it is no news of the source */
void group_judged(struct attempt *a);       /* its verdict is there: it may open the group */
/* It counts. WAITS: until then (group_park, once the page is told of). PAGE: so it does, but others of the group were answered meanwhile: it uses up a retry of
 * the page. SPENT: the group is given up, for this job. */
enum group_verdict { GROUP_WAITS, GROUP_PAGE, GROUP_SPENT };
enum group_verdict group_failed(struct attempt *a, struct due_page *due, int64_t *until_us);
void group_park(struct attempt *a, struct due_page *due);
void group_members(const struct attempt *a, cJSON *members); /* what its journal line says of its group; on any thread */

/* limits.c */
void limits_heard(struct attempt *a);  /* its answer came, or none; before it is judged */
void limits_judged(struct attempt *a); /* its verdict is there: what its status means for the concurrency, where a filter may say that it means nothing */
/* It was refused for its rate, so often in a row: the time until which its page waits, and where it is no single case the source. */
int64_t limits_refused(struct attempt *a, unsigned refusals);

/* attempt_send.c */
enum rc attempt_send(struct attempt *a, fetch_done *fetched);
void attempt_send_want(struct attempt *a); /* the header fields that paging, limits and back-off look at */
void attempt_send_heed(struct attempt *a); /* what the source says of its own limit holds for all its jobs */

#endif
