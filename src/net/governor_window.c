// SPDX-License-Identifier: Apache-2.0
#include "net/governor_internal.h"

#include <string.h>

#include "base/str.h"

/* Fixed windows: resets at midnight of a zone. */

#define MONDAY 4                /* 1970-01-05, in days */
#define EDGE_US INT64_C(250000) /* what leaves so shortly before a reset may arrive behind it: it is counted on both sides */

/* The window that holds now. */
static void place_window(struct window *window, int64_t now_us) {
    int64_t now_s = now_us / 1000000, day_ms = GOVERNOR_DAY_MS;
    if (window->period_ms >= day_ms) {
        int days = (int)(window->period_ms / day_ms);
        int64_t local_s = now_s + zone_offset_s(window->zone, now_s);
        int into = (int)((local_s / (day_ms / 1000) - MONDAY) % days);
        into += into < 0 ? days : 0;
        window->begin_us = zone_day_start_s(window->zone, now_s, -into) * 1000000;
        window->end_us = zone_day_start_s(window->zone, now_s, days - into) * 1000000;
        return;
    }
    int64_t day_us = zone_day_start_s(window->zone, now_s, 0) * 1000000, next_us = zone_day_start_s(window->zone, now_s, 1) * 1000000;
    int64_t period_us = window->period_ms * 1000;
    window->begin_us = day_us + (now_us - day_us) / period_us * period_us;
    window->end_us = window->begin_us + period_us < next_us ? window->begin_us + period_us : next_us;
}

/* A clock that was set back makes no spent window a new one. */
static void roll_window(struct window *window, int64_t now_us) {
    if (now_us >= window->begin_us && now_us < window->end_us) {
        return;
    }
    int64_t ended_us = window->end_us;
    bool back = now_us < window->begin_us;
    place_window(window, now_us);
    if (!back) {
        window->used = window->begin_us == ended_us ? window->edge : 0;
    }
    window->edge = 0;
}

bool governor_configure_windows(struct governor *governor, const struct governor_window *windows, unsigned count, int64_t now_us) {
    struct window new[GOVERNOR_WINDOWS_MAX];
    if (count > GOVERNOR_WINDOWS_MAX) {
        return false;
    }
    memset(new, 0, sizeof(new));
    for (unsigned i = 0; i < count; i++) {
        if (windows[i].limit < 1 || windows[i].period_ms < 1 || windows[i].period_ms > GOVERNOR_INTERVAL_MAX_MS ||
            (windows[i].period_ms > GOVERNOR_DAY_MS && windows[i].period_ms % GOVERNOR_DAY_MS != 0) ||
            !str_copy(new[i].zone, ZONE_NAME_SIZE, windows[i].zone)) {
            return false;
        }
        new[i].period_ms = windows[i].period_ms;
        for (unsigned j = 0; j < governor->window_count; j++) {
            if (governor->windows[j].period_ms == new[i].period_ms && strcmp(governor->windows[j].zone, new[i].zone) == 0) {
                new[i] = governor->windows[j];
            }
        }
        new[i].limit = windows[i].limit;
        if (new[i].end_us == 0) {
            place_window(&new[i], now_us);
            new[i].used = governor_remembered_since(governor, new[i].begin_us);
        }
    }
    memcpy(governor->windows, new, sizeof(new));
    governor->window_count = count;
    return true;
}

bool governor_window_state(struct governor *governor, unsigned window, int64_t now_us, struct governor_window_state *state) {
    if (window >= governor->window_count) {
        return false;
    }
    struct window *w = &governor->windows[window];
    roll_window(w, now_us);
    *state = (struct governor_window_state){w->limit, w->used, w->period_ms, w->begin_us, w->end_us, w->zone};
    return true;
}

void governor_counted(struct governor *governor, unsigned window, uint64_t used) {
    if (window < governor->window_count && governor->windows[window].used < used) {
        governor->windows[window].used = used;
    }
}

int64_t governor_spent_until_us(struct governor *governor, int64_t now_us) {
    int64_t until_us = 0;
    for (unsigned i = 0; i < governor->window_count; i++) {
        struct window *window = &governor->windows[i];
        roll_window(window, now_us);
        if (window->used >= window->limit && window->end_us > until_us) {
            until_us = window->end_us;
        }
    }
    return until_us;
}

void governor_window_sent(struct governor *governor, int64_t now_us) {
    for (unsigned i = 0; i < governor->window_count; i++) {
        struct window *window = &governor->windows[i];
        roll_window(window, now_us);
        window->used++;
        window->edge += now_us > window->end_us - EDGE_US;
    }
}
