// SPDX-License-Identifier: Apache-2.0
#include "base/period.h"

#include "base/str.h"

#include <string.h>

#define DAY_US (INT64_C(24) * 3600 * 1000000)

void period_init(struct period *period) {
    *period = (struct period){INT64_MIN, INT64_MAX};
}

bool period_time(const char *text, bool until, int64_t *us) {
    char time[CLOCK_RFC3339_SIZE];
    int64_t ms;
    if (clock_parse_rfc3339(text, us))
        return true;
    if (str_duration_ms(text, &ms)) {
        *us = clock_wall_us() - ms * 1000;
        return true;
    }
    if (strlen(text) != strlen("2026-11-23") || !str_format(time, sizeof time, "%sT00:00:00Z", text) || !clock_parse_rfc3339(time, us))
        return false;
    *us += until ? DAY_US : 0;
    return true;
}

bool period_has(const struct period *period, int64_t us) {
    return us >= period->since_us && us < period->until_us;
}

void period_of_day(struct period *period, int64_t us) {
    *period = (struct period){us / DAY_US * DAY_US, us / DAY_US * DAY_US + DAY_US};
}

void period_day(char out[CLOCK_RFC3339_SIZE], int64_t us) {
    clock_format_rfc3339(us, 0, out);
    out[strlen("2026-11-23")] = '\0';
}
