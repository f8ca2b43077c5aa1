// SPDX-License-Identifier: Apache-2.0
#ifndef API_BUCKET_H
#define API_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

/*
 * How often a client may ask: a token bucket for each client (its address, or who it is) and class, and for failed logins a delay that grows. Bounded: of more
 * than BUCKET_CLIENTS the one that asked longest ago is forgotten. The loop's own; times are clock_mono_ms.
 */

#define BUCKET_CLIENTS 8192u
#define BUCKET_KEY_SIZE 72 /* longer keys are cut */

enum bucket_class {
    BUCKET_GENERAL,
    BUCKET_UPLOAD,
    BUCKET_LOGIN, /* by address: login and refresh */
    BUCKET_CLASSES
};

struct bucket_rate {
    double per_s; /* refill; 0: no limit */
    double burst; /* what a rested client may ask at once; at least 1 */
};
extern const struct bucket_rate bucket_defaults[BUCKET_CLASSES]; /* general 50/s of 200, upload 1/s of 20, login one in 6 s of 10 */

struct buckets;
struct buckets *buckets_new(const struct bucket_rate rates[BUCKET_CLASSES]); /* copied; NULL: out of memory */
void buckets_free(struct buckets *buckets);

/* The key of an address as inet_ntop writes it: IPv4 whole, IPv6 by its /64, which one client has for itself; anything else as it is. */
void bucket_address(const char *address, char out[BUCKET_KEY_SIZE]);

/* One request. 0: let it in; else the seconds after which the next one may be (at least 1, for Retry-After with 429). */
unsigned bucket_take(struct buckets *buckets, enum bucket_class class, const char *key, int64_t now_ms);

/*
 * Failed logins. From one address to one name: 3 are free, then 1, 2, 4 ... 900 s must pass between two. From everywhere to one name: 10 are free, then 1, 2,
 * 4 ... 30 s: whoever guesses from a thousand addresses has two guesses a minute, and cannot keep the user out for longer than half a minute. What was not
 * tried for an hour is forgotten. The name need not exist.
 */
#define BUCKET_LOGIN_FREE 3u
#define BUCKET_LOGIN_MOST_S 900u
#define BUCKET_NAME_FREE 10u
#define BUCKET_NAME_MOST_S 30u
#define BUCKET_FORGET_S 3600u

/* Before the password is looked at: 0, or the seconds to wait (429). An attempt that is let in counts as failed until bucket_login_good: many at once gain
 * nothing. */
unsigned bucket_login(struct buckets *buckets, const char *address, const char *name, int64_t now_ms);
/* It was the right one: both are forgotten. */
void bucket_login_good(struct buckets *buckets, const char *address, const char *name);

#endif
