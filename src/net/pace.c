// SPDX-License-Identifier: Apache-2.0
#include "net/pace.h"

#define FIRST_US 25000
#define LONGEST_US (INT64_C(60) * 1000000)
#define NO_GAP_US 2000 /* shorter ones are none */
#define LONG_STRETCH 20u
#define STEP 40u /* answers for one step to a shorter gap */
#define FAR 400u /* so many without a refusal: the limit is elsewhere by now, larger steps */
#define IDLE_US 1000000

static int64_t at_least(int64_t value, int64_t least) {
    return value < least ? least : value;
}

static void set_gap(struct pace *pace, int64_t gap_us) {
    pace->gap_us = gap_us < LONGEST_US ? gap_us : LONGEST_US;
}

/* What a source gives over a long time: all that went well, in the time that it took with the waiting behind it; a little less. */
static void learn_average(struct pace *pace) {
    int64_t average_us = pace->busy_us / pace->before;
    set_gap(pace, at_least(average_us + average_us / 20, at_least(pace->gap_us, at_least(pace->floor_us, FIRST_US))));
}

/* Half-way to where it was refused last; near that in small steps, and after very many answers in large ones: the limit is elsewhere by now. */
static void shorten(struct pace *pace) {
    int64_t gap_us = pace->gap_us;
    if (pace->stretch >= FAR)
        gap_us -= gap_us / 4;
    else if (gap_us > pace->refused_us + pace->refused_us / 10)
        gap_us = (gap_us + pace->refused_us) / 2;
    else if (pace->stretch % (2 * STEP) == 0)
        gap_us -= gap_us / 40;
    pace->gap_us = gap_us < pace->floor_us ? pace->floor_us : gap_us < NO_GAP_US ? 0 : gap_us;
}

void pace_succeeded(struct pace *pace, int64_t now_us) {
    if (pace->row > 0 && pace->before >= LONG_STRETCH)
        learn_average(pace);
    if (pace->row > 0) {
        pace->row = 0;
        pace->busy_us = 0;
        pace->succeeded_us = 0;
    }
    if (pace->succeeded_us > 0 && now_us > pace->succeeded_us) {
        int64_t most_us = at_least(2 * pace->gap_us, IDLE_US), since_us = now_us - pace->succeeded_us;
        pace->busy_us += since_us < most_us ? since_us : most_us;
    }
    pace->succeeded_us = now_us;
    pace->stretch++;
    if (pace->gap_us > 0 && pace->stretch % STEP == 0)
        shorten(pace);
}

bool pace_refused(struct pace *pace, int64_t sent_us, int64_t now_us) {
    bool alone = (pace->gap_us > 0 || pace->floor_us > 0) && pace->stretch >= LONG_STRETCH;
    if (sent_us < pace->learned_us)
        return false; /* with others that left together: one lesson */
    pace->learned_us = now_us;
    pace->row++;
    if (pace->stretch == 0)
        return false;
    pace->refused_us = pace->gap_us;
    if (pace->stretch < LONG_STRETCH)
        set_gap(pace, at_least(2 * pace->gap_us, at_least(pace->floor_us, FIRST_US)));
    pace->before = pace->stretch;
    pace->stretch = 0;
    return alone;
}

void pace_waited(struct pace *pace, int64_t wait_us) {
    pace->busy_us += wait_us;
}
