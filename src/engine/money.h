// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_MONEY_H
#define ENGINE_MONEY_H

#include "base/period.h"
#include "engine/engine.h"
#include "engine/sources.h"
#include "spool/job.h"

/* What was spent, is in doubt, in flight and left: read from the journals alone, so that it holds whatever the index says. Currencies are never added up. In
 * the thread that owns sources. */

enum money_by { MONEY_BY_SOURCE, MONEY_BY_CAMPAIGN, MONEY_BY_DAY, MONEY_BY_JOB, MONEY_BY_OWNER };
const char *money_by_name(enum money_by by);
bool money_by_parse(const char *name, enum money_by *by);

struct money_options {
    enum money_by by;
    const char *source, *campaign, *owner; /* NULL: whatever it is; borrowed */
    struct period period;
    const struct cost_cap *caps; /* daily_cost_caps of the configuration; borrowed while the report is used */
    unsigned cap_count;
};

struct money_sum {
    struct job_money money;
    uint64_t records; /* bought */
};

struct money_row {
    char name[JOBID_SIZE]; /* of what it is the sum; "" of a total */
    char currency[9];
    char source[65]; /* of MONEY_BY_JOB, to tell */
    struct money_sum sum;
};

struct money_rows {
    struct money_row *list;
    size_t count, capacity;
    size_t *slots; /* place in list + 1, by name and currency; while it is read */
    size_t slot_count;
};

struct money {
    struct money_options options;
    struct sources *sources;
    struct money_rows rows;   /* in order */
    struct money_rows totals; /* by currency */
    struct money_rows used;   /* of today, by source: what caps count */
    uint64_t damages;         /* lines of journals that could not be read */
};

/* damage (may be NULL) hears of lines that cannot be read; what they say is counted as far as it can be. */
enum rc money_read(const struct spool *spool, struct sources *sources, const struct money_options *options,
                   void (*damage)(void *context, const struct err *err), void *context, struct money **money, struct err *err);
void money_free(struct money *money);

struct money_left {
    struct dec cap, reserve, used, left;
};
/* What the caps of today leave of a row or a total. False: there is no cap. */
bool money_left(const struct money *money, const struct money_row *row, struct money_left *left);
bool money_left_of_total(const struct money *money, const char *currency, struct money_left *left);

/* {"by", "days": "UTC", "rows", "totals", "daily_cost_caps", "damaged_journal_lines"}; the caller frees. */
cJSON *money_json(const struct money *money);

#endif
