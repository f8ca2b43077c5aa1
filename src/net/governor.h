// SPDX-License-Identifier: Apache-2.0
#ifndef NET_GOVERNOR_H
#define NET_GOVERNOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When the next request of one source may leave: moving and fixed windows, pauses, concurrency, a breaker; shared by all jobs of the source. Within any closed
 * span of a rate's interval at most `limit` requests leave. Times are wall clock microseconds (they are kept over a restart); a clock that jumps back makes it
 * wait at most one interval. */

struct governor;

struct governor_rate {
    uint64_t limit;
    int64_t interval_ms;
};

struct governor_window { /* of a day or more: from midnight to midnight, those of more days from a Monday; shorter ones one after the other from midnight */
    uint64_t limit;
    int64_t period_ms; /* whole days when it is longer than one */
    const char *zone;  /* base/zone.h; copied */
};
#define GOVERNOR_WINDOWS_MAX 4

struct governor *governor_new(void); /* no limits; NULL when out of memory */
void governor_free(struct governor *governor);
/* Set or change the limits; what was sent is remembered (always at least the last 1,000 requests). max_in_flight 0: no limit. At most 9 rates of at least one
 * request in 1 ms to 100 years; limits above 100,000 are held as 100,000. False: out of range or out of memory, nothing changed. */
bool governor_configure(struct governor *governor, const struct governor_rate *rates, unsigned count, unsigned max_in_flight);

/* Fixed windows, at most four: not more than `limit` requests from one reset to the next. What was counted by the same period and zone stays; else it is what
 * is remembered of sendings, and governor_counted may know of more. Loop thread only (zones). False: out of range, nothing changed. */
bool governor_configure_windows(struct governor *governor, const struct governor_window *windows, unsigned count, int64_t now_us);
struct governor_window_state {
    uint64_t limit, used;
    int64_t period_ms, begin_us, end_us;
    const char *zone; /* borrowed */
};
bool governor_window_state(struct governor *governor, unsigned window, int64_t now_us, struct governor_window_state *state); /* false: no such window */
void governor_counted(struct governor *governor, unsigned window, uint64_t used); /* at least so many were sent in it */
int64_t governor_spent_until_us(struct governor *governor, int64_t now_us);       /* when the last of the windows that are used up begins anew; 0: none is */
/* Requests within the last interval of rate `rate`, and when the oldest of them leaves it; false: no such rate. */
bool governor_rate_state(const struct governor *governor, unsigned rate, int64_t now_us, uint64_t *used, int64_t *next_us);
/* Sendings of the past, in order, older than all that are known: after the index was lost. */
void governor_recall(struct governor *governor, const int64_t *sent_us, size_t count);

/* Concurrency that adapts as Postfix's does (SCHEDULER_README): up by one after as many good answers as are in flight at most, down by one at a failure and
 * then after as many failures; between 1 and max_in_flight, from `initial` on. initial 0: it stays at max_in_flight. */
void governor_adapt(struct governor *governor, unsigned initial);
unsigned governor_concurrency(const struct governor *governor); /* at most so many in flight; 0: no limit */
void governor_succeeded(struct governor *governor, int64_t now_us);
void governor_failed(struct governor *governor); /* timeout, 5xx, no connection */
/* It was refused for its rate (429): a failure, and pace.h learns from it. True: it stands alone, nothing but its page needs to wait. */
bool governor_refused(struct governor *governor, int64_t sent_us, int64_t now_us);
unsigned governor_refusals(const struct governor *governor); /* in a row */
/* Distances: floor_us is that of the declared limit; governor_gap_us the one that is kept now, because refusals taught it, or 0. */
void governor_spread(struct governor *governor, int64_t floor_us);
int64_t governor_gap_us(const struct governor *governor);

/* A host that cannot be reached. After `failures` in a row (0: never) the breaker opens: a pause of reset_ms, reason "dead_host"; then one request at a time
 * tries, and each that fails doubles the pause, up to LIMIT_RETRY_AFTER_S. */
void governor_breaker(struct governor *governor, unsigned failures, int64_t reset_ms);
bool governor_unreachable(struct governor *governor, int64_t now_us); /* true: it has opened just now */
bool governor_reachable(struct governor *governor);                   /* any answer; true: it has closed just now */
bool governor_dead(const struct governor *governor);                  /* it is open, or one request tries */

/* 0: a request may leave now; else microseconds until it is worth asking again (INT64_MAX: only after governor_done of one in flight). Not const: a clock seen
 * to have jumped back is noted. */
int64_t governor_wait_us(struct governor *governor, int64_t now_us);
const char *governor_wait_reason(const struct governor *governor); /* of the last wait: that of the pause, or "api_budget" */
/* A request leaves: counts in every window from its sending, and in flight until governor_done. Call governor_wait_us first. */
void governor_sent(struct governor *governor, int64_t now_us);
unsigned governor_in_flight(const struct governor *governor);
void governor_done(struct governor *governor);
/* The source says that until then it takes so many requests more; those in flight beside the one that was answered may not be counted in it yet. Of several
 * words on one span of time the one that leaves least holds. None left: a pause, reason "ratelimit". */
void governor_allow(struct governor *governor, uint64_t remaining, int64_t now_us, int64_t until_us);
/* Nothing leaves before this time (Retry-After, 401); of several pauses the one that ends last holds. reason is kept (at most 47 bytes). */
void governor_pause(struct governor *governor, int64_t until_us, const char *reason);
void governor_resume(struct governor *governor);
int64_t governor_paused_until_us(const struct governor *governor, const char **reason); /* 0: not paused */

/* For index_put_governor: what must survive. Returns bytes written (room of 64 KiB always suffices for windows of up to 8,000 requests; of more the newest are
 * kept and the others counted as sent together with the oldest of these, so that the limits hold). 0: room of less than 1 KiB. */
size_t governor_save(const struct governor *governor, void *blob, size_t room);
bool governor_load(struct governor *governor, const void *blob, size_t length); /* false: not ours; state unchanged */

#endif
