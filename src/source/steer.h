// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_STEER_H
#define SOURCE_STEER_H

#include "source/check.h"
#include "source/source.h"

/* What a job of mode source asks for (DESIGN 2), and the file paused/rate.<name> that a change of rate is kept in. */

enum steer_action { STEER_NONE, STEER_PAUSE, STEER_RESUME, STEER_RATE };

struct steer {
    enum steer_action action;
    int64_t until_us; /* of a pause; 0: until somebody resumes it */
    char reason[200];
    bool back;                                  /* rate: to what the definition says */
    struct source_rate rates[SOURCE_MAX_RATES]; /* in place of those of the definition's api_budget, when there are any */
    unsigned rate_count;
    unsigned concurrency; /* in place of its max_concurrency; 0: that holds */
};

/* The members of a job of mode source, as criteria_parse has opened it: action, until, reason, rates, concurrency, default. */
void steer_read(struct check *check, const cJSON *root, struct steer *steer);
/* The file: rates and concurrency, at least one of them; by, since, reason and job are for people. RC_PERM with err, which names file, line and column. */
enum rc steer_parse(const char *file, const char *text, size_t length, struct steer *steer, struct err *err);

/* "30/PT1M" into a rate; false: it is none. */
bool steer_rate(const char *text, cJSON *rates);
/* {"limit":30,"interval":"PT1M"} ... as "30/PT1M, ..." */
void steer_rates_text(const cJSON *rates, char *out, size_t size);

#endif
