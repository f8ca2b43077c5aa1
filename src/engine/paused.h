// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_PAUSED_H
#define ENGINE_PAUSED_H

#include <stdbool.h>
#include <stdint.h>

#include "source/source.h"
#include "store/index.h"

/* Until when nothing is sent to a source, seen from outside the daemon, which keeps it in the index: for everything that looks. */

struct paused {
    int64_t until_us;
    char reason[48]; /* "unauthorized", "rate_limited", "retry_after", "ratelimit" ...; "api_budget": its own limits are used up for now */
};

/* source may be NULL: its own limits are not looked at then. False: it is open, or nothing is known. */
bool paused_look(struct index *index, const char *name, const struct source *source, int64_t now_us, struct paused *paused);
/* It was refused (401, 403), or no access token can be had: it goes on when somebody has mended the credentials. */
bool paused_for_access(const char *reason);
/* A start and a SIGHUP are a try: with the credentials, the address and the network of today. */
bool paused_tried_anew(const char *reason);
/* What a person can do about it, a sentence; "" nothing but wait. source may be NULL. */
#define PAUSED_ADVICE_SIZE 400
const char *paused_advice(const char *reason, const struct source *source, char out[PAUSED_ADVICE_SIZE]);

#endif
