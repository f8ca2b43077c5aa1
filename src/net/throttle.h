// SPDX-License-Identifier: Apache-2.0
#ifndef NET_THROTTLE_H
#define NET_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a source answers badly for one group of units at a time (the pages of one origin) makes that group wait, and nothing else. A group is open until an
 * error counts against it; then it is closed until its wait is over, and one request tries it. Each try that fails in the same way makes the row longer, any
 * other answer ends it. How long a wait is says the caller (net/retry.h). Pure; times are wall clock microseconds. */

#define THROTTLE_KEY_BYTES 2200u /* of a key, with its NUL */

struct throttle; /* the groups of one source */

struct throttle_group { /* to be read; changed by the functions below */
    char *key;
    unsigned tries;             /* that failed in a row; 0: it is open */
    int64_t since_us, until_us; /* since the first of them; the next one not before */
    uint64_t period;            /* a number of its own for each time that it is closed; of an open group without meaning */
    bool probing;               /* a request tries it now */
    char error[300];            /* of the last */
    unsigned references;
    struct throttle_group *next;
};

struct throttle_limits {
    unsigned max_tries; /* in a row */
    int64_t max_us;     /* since the first of them; 0: for as long as it takes */
};

/* A group that nobody tried for so long begins a new row. */
#define THROTTLE_FORGET_US INT64_C(3600000000)

struct throttle *throttle_new(void); /* NULL: out of memory */
void throttle_free(struct throttle *throttle);
size_t throttle_closed(const struct throttle *throttle); /* groups that are not open */

/* The group of a key, for as long as the caller has it (throttle_give). NULL: out of memory, or the key is too long. Groups that are open are forgotten with
 * their last reference; closed ones when nobody tries them. */
struct throttle_group *throttle_take(struct throttle *throttle, const char *key, int64_t now_us);
void throttle_give(struct throttle *throttle, struct throttle_group *group);      /* NULL: nothing */
struct throttle_group *throttle_find(struct throttle *throttle, const char *key); /* borrowed; NULL: it is open, and nobody has it */

/* Whether a request of the group may leave now: it is open, or its wait is over and nobody tries it. */
bool throttle_lets(const struct throttle_group *group, int64_t now_us);
/* One leaves. Its period, when it is the one that tries a closed group, else 0. */
uint64_t throttle_sent(struct throttle_group *group);
/* An error that counts against the group. probe: of throttle_sent. True: the row is longer by one, and throttle_wait is to say until when it is closed now;
 * false: the request had left before the group was closed, which says nothing new. */
bool throttle_failed(struct throttle *throttle, struct throttle_group *group, uint64_t probe, int64_t now_us, const char *error);
void throttle_wait(struct throttle_group *group, int64_t until_us);
bool throttle_succeeded(struct throttle *throttle, struct throttle_group *group); /* true: it was closed */
void throttle_probed(struct throttle_group *group, uint64_t probe);               /* the one that tries it ended, and nothing was learned; or was told */
/* Enough: its units are to fail. */
bool throttle_spent(const struct throttle_group *group, const struct throttle_limits *limits, int64_t now_us);

/* What a journal says of a group: it was closed for the `tries`th time, or opened (tries 0). */
bool throttle_recall(struct throttle *throttle, const char *key, unsigned tries, int64_t since_us, int64_t until_us, const char *error, int64_t now_us);
/* Take over the groups that another one has closed lately, and this one does not know to be. */
void throttle_adopt(struct throttle *throttle, const struct throttle *from, int64_t now_us);
/* Every group that is closed, in no order. */
void throttle_each(const struct throttle *throttle, void (*told)(void *context, const struct throttle_group *group), void *context);

#endif
