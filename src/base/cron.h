// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_CRON_H
#define BASE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Times in the five fields of cron(8): minute hour day-of-month month day-of-week; or @hourly, @daily (@midnight), @weekly, @monthly, @yearly (@annually).
 * A field is a list of `*`, a number or name (JAN, MON; 7 is Sunday), a range, and `*` or a range with a step. When day of month and day of week are both
 * restricted (neither begins with `*`), a day that fits one of them is enough.
 *
 * When the zone's clock is put forward or back: times of which neither minute nor hour begins with `*` are kept to: what falls into the gap is due once, when
 * the clock is put forward over it, and what is there twice is due the first time. All others go by what the clock shows: in the gap nothing is due, and what
 * is there twice is due twice.
 */
struct cron {
    uint64_t minutes;                       /* bit 0 to 59 */
    uint32_t hours, days, months, weekdays; /* bit 0 to 23, 1 to 31, 1 to 12, 0 (Sunday) to 6 */
    bool kept;                              /* neither minute nor hour begins with `*` */
    bool either;                            /* neither day of month nor day of week does */
};

/* RC_PERM with err that names the field: it is wrong, or there is no such day in any year. */
enum rc cron_parse(const char *text, struct cron *cron, struct err *err);

/* The first instant after after_s (seconds since the epoch) that is due in the zone (zone_known). False: none in the next 50 years. The thread of base/zone.h.
 */
bool cron_next(const struct cron *cron, const char *zone, int64_t after_s, int64_t *due_s);

#endif
