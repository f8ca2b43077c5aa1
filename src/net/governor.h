// SPDX-License-Identifier: Apache-2.0
#ifndef NET_GOVERNOR_H
#define NET_GOVERNOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When the next request of one source may leave: moving windows, pauses, concurrency; shared by all jobs of the source. Within any closed span of a rate's
 * interval at most `limit` requests leave. Times are wall clock microseconds (they are kept over a restart); a clock that jumps back makes it wait at most one
 * interval. */

struct governor;

struct governor_rate {
    uint64_t limit;
    int64_t interval_ms;
};

struct governor *governor_new(void); /* no limits; NULL when out of memory */
void governor_free(struct governor *governor);
/* Set or change the limits; what was sent is remembered (always at least the last 1,000 requests). max_in_flight 0: no limit. At most 8 rates of at least one
 * request in 1 ms to 100 years; limits above 100,000 are held as 100,000. False: out of range or out of memory, nothing changed. */
bool governor_configure(struct governor *governor, const struct governor_rate *rates, unsigned count, unsigned max_in_flight);

/* 0: a request may leave now; else microseconds until it is worth asking again (INT64_MAX: only after governor_done of one in flight). Not const: a clock seen
 * to have jumped back is noted. */
int64_t governor_wait_us(struct governor *governor, int64_t now_us);
/* A request leaves: counts in every window from its sending, and in flight until governor_done. Call governor_wait_us first. */
void governor_sent(struct governor *governor, int64_t now_us);
void governor_done(struct governor *governor);
/* The source says that until then it takes so many requests more; those in flight beside the one that was answered may not be counted in it yet. Of several
 * words on one span of time the one that leaves least holds. None left: a pause, reason "ratelimit". */
void governor_allow(struct governor *governor, uint64_t remaining, int64_t now_us, int64_t until_us);
/* Nothing leaves before this time (Retry-After, 401); of several pauses the one that ends last holds. reason is kept (at most 47 bytes). */
void governor_pause(struct governor *governor, int64_t until_us, const char *reason);
void governor_resume(struct governor *governor);
int64_t governor_paused_until_us(const struct governor *governor, const char **reason); /* 0: not paused */

/* For index_put_governor: what must survive. Returns bytes written (room of 64 KiB always suffices for windows of up to 8,000 requests; of more the newest are
 * kept and the others counted as sent together with the oldest of these, so that the limits hold). 0: room of less than 256 bytes. */
size_t governor_save(const struct governor *governor, void *blob, size_t room);
bool governor_load(struct governor *governor, const void *blob, size_t length); /* false: not ours; state unchanged */

#endif
