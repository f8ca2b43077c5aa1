// SPDX-License-Identifier: Apache-2.0
#ifndef NET_PACE_H
#define NET_PACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The distance between requests that is learned from being refused (429), where nobody says what a source's limit is, or where it is another one than its
 * definition says. Refused soon after the last refusal: twice the distance. Refused after a long stretch that went well: what that stretch and the waiting
 * behind it come to on average is what the source really gives. Then the distance shrinks slowly, so that few are refused. Times in microseconds; one thread.
 */
struct pace {
    int64_t gap_us;   /* between two requests; 0: none was learned. May be set from what was kept */
    int64_t floor_us; /* even distances of the limit that is declared, or 0: where learning begins, and never less once it began */
    /* the rest is pace.c's */
    unsigned stretch;     /* answers in a row that were not refused */
    unsigned row;         /* refusals in a row */
    unsigned before;      /* the stretch in front of them */
    int64_t busy_us;      /* time of that stretch, without idleness, and of the waiting behind it */
    int64_t succeeded_us; /* the last one, 0: none */
    int64_t refused_us;   /* the distance that was too short, last */
    int64_t learned_us;   /* what left before this says nothing new */
};

void pace_succeeded(struct pace *pace, int64_t now_us);
/* One that left at sent_us was refused. True: it stands alone, so only its own page needs to wait; false: all should (pace_waited). */
bool pace_refused(struct pace *pace, int64_t sent_us, int64_t now_us);
void pace_waited(struct pace *pace, int64_t wait_us); /* the source is left alone for so long because of a refusal */

#endif
