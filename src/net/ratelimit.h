// SPDX-License-Identifier: Apache-2.0
#ifndef NET_RATELIMIT_H
#define NET_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fields.h"

/*
 * What an answer's header fields say of the source's own limit: how many requests it will still take before when. Known are RateLimit-Remaining and
 * RateLimit-Reset (seconds), X-RateLimit-* and X-Rate-Limit-* (seconds, or seconds or milliseconds since 1970, or "6m0s"), X-RateLimit-*-Requests,
 * and RateLimit in both forms of draft-ietf-httpapi-ratelimit-headers ("limit=100, remaining=0, reset=30" and "\"default\";r=0;t=30", of several policies the
 * one with the least left).
 */

struct ratelimit {
    uint64_t remaining;
    int64_t wait_us; /* until it is reset, from the coming of the answer; at least 0.25 s, at most LIMIT_RETRY_AFTER_S; 1 s when it is not told */
};

/* Names for fetch_request.wanted; NULL at the end. */
extern const char *const ratelimit_headers[];
/* remaining_header, reset_header: other names that the source's definition gives, or NULL. now_us: for times since 1970 when the answer has no Date. False: the
 * answer says nothing of it. */
bool ratelimit_read(const struct fields *fields, const char *remaining_header, const char *reset_header, int64_t now_us, struct ratelimit *out);
/* Seconds to wait of a header such as Retry-After under another name: a number, a duration as above, a time since 1970, or an HTTP date. 0: not readable;
 * otherwise rounded up, at least 1. */
int64_t ratelimit_wait_s(const struct fields *fields, const char *header, int64_t now_us);

#endif
