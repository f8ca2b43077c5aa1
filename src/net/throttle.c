// SPDX-License-Identifier: Apache-2.0
#include "net/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define BUCKETS 1024u /* a power of two */

struct throttle {
    struct throttle_group *buckets[BUCKETS];
    size_t closed;
    uint64_t periods;
};

/* FNV-1a */
static size_t bucket_of(const char *key) {
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *key != '\0'; key++) {
        hash = (hash ^ (unsigned char)*key) * UINT64_C(1099511628211);
    }
    return (size_t)(hash ^ hash >> 32) & (BUCKETS - 1);
}

struct throttle *throttle_new(void) {
    return calloc(1, sizeof(struct throttle));
}

static void group_free(struct throttle_group *group) {
    free(group->key);
    free(group);
}

void throttle_free(struct throttle *throttle) {
    if (throttle == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (throttle->buckets[i] != NULL) {
            struct throttle_group *group = throttle->buckets[i];

            throttle->buckets[i] = group->next;
            group_free(group);
        }
    }
    free(throttle);
}

size_t throttle_closed(const struct throttle *throttle) {
    return throttle->closed;
}

/* A clock that jumped back makes it old, too: nobody waits for longer than that. */
static bool is_old(const struct throttle_group *group, int64_t now_us) {
    return group->tries > 0 && (now_us - group->until_us > THROTTLE_FORGET_US || group->since_us - now_us > THROTTLE_FORGET_US);
}

static void open_group(struct throttle *throttle, struct throttle_group *group) {
    throttle->closed -= group->tries > 0;
    group->tries = 0;
    group->probing = false;
}

static void sweep(struct throttle *throttle, struct throttle_group **at, int64_t now_us) {
    while (*at != NULL) {
        struct throttle_group *group = *at;

        if (group->references == 0 && (group->tries == 0 || is_old(group, now_us))) {
            *at = group->next;
            open_group(throttle, group);
            group_free(group);
        } else {
            at = &group->next;
        }
    }
}

struct throttle_group *throttle_find(struct throttle *throttle, const char *key) {
    struct throttle_group *group = throttle->buckets[bucket_of(key)];

    while (group != NULL && strcmp(group->key, key) != 0) {
        group = group->next;
    }
    return group;
}

struct throttle_group *throttle_take(struct throttle *throttle, const char *key, int64_t now_us) {
    struct throttle_group *group = throttle_find(throttle, key), **bucket = &throttle->buckets[bucket_of(key)];

    if (group == NULL) {
        sweep(throttle, bucket, now_us);
        group = strlen(key) < THROTTLE_KEY_BYTES ? calloc(1, sizeof(*group)) : NULL;
        if (group == NULL) {
            return NULL;
        }
        group->key = strdup(key);
        if (group->key == NULL) {
            free(group);
            return NULL;
        }
        group->next = *bucket;
        *bucket = group;
    }
    group->references++;
    return group;
}

void throttle_give(struct throttle *throttle, struct throttle_group *group) {
    struct throttle_group **at;

    if (group == NULL || --group->references > 0 || group->tries > 0) {
        return;
    }
    at = &throttle->buckets[bucket_of(group->key)];
    while (*at != group) {
        at = &(*at)->next;
    }
    *at = group->next;
    group_free(group);
}

bool throttle_lets(const struct throttle_group *group, int64_t now_us) {
    return group->tries == 0 || (!group->probing && (now_us >= group->until_us || is_old(group, now_us)));
}

uint64_t throttle_sent(struct throttle_group *group) {
    if (group->tries == 0) {
        return 0;
    }
    group->probing = true;
    return group->period;
}

bool throttle_failed(struct throttle *throttle, struct throttle_group *group, uint64_t probe, int64_t now_us, const char *error) {
    bool tried = group->tries > 0 && probe == group->period;

    if (group->tries > 0 && !tried) {
        return false;
    }
    if (group->tries == 0 || is_old(group, now_us)) {
        open_group(throttle, group);
        throttle->closed++;
        group->since_us = now_us;
        group->period = ++throttle->periods;
    }
    group->probing = false;
    group->tries++;
    group->until_us = now_us;
    (void)str_format(group->error, sizeof(group->error), "%.290s", error);
    return true;
}

void throttle_wait(struct throttle_group *group, int64_t until_us) {
    group->until_us = until_us;
}

bool throttle_succeeded(struct throttle *throttle, struct throttle_group *group) {
    bool closed = group->tries > 0;

    open_group(throttle, group);
    return closed;
}

void throttle_probed(struct throttle_group *group, uint64_t probe) {
    if (probe > 0 && group->tries > 0 && group->period == probe) {
        group->probing = false;
    }
}

bool throttle_spent(const struct throttle_group *group, const struct throttle_limits *limits, int64_t now_us) {
    return group->tries > 0 && (group->tries >= limits->max_tries || (limits->max_us > 0 && now_us - group->since_us >= limits->max_us));
}

bool throttle_recall(struct throttle *throttle, const char *key, unsigned tries, int64_t since_us, int64_t until_us, const char *error, int64_t now_us) {
    struct throttle_group *group = throttle_take(throttle, key, now_us);

    if (group == NULL) {
        return false;
    }
    open_group(throttle, group);
    if (tries > 0) {
        throttle->closed++;
        group->period = ++throttle->periods;
        group->tries = tries;
        group->since_us = since_us;
        group->until_us = until_us;
        (void)str_format(group->error, sizeof(group->error), "%.290s", error);
    }
    throttle_give(throttle, group);
    return true;
}

void throttle_each(const struct throttle *throttle, void (*told)(void *context, const struct throttle_group *group), void *context) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct throttle_group *group = throttle->buckets[i]; group != NULL; group = group->next) {
            if (group->tries > 0) {
                told(context, group);
            }
        }
    }
}

struct adoption {
    struct throttle *throttle;
    int64_t now_us;
};

static void adopt(void *context, const struct throttle_group *group) {
    const struct adoption *a = context;
    const struct throttle_group *known = throttle_find(a->throttle, group->key);

    if (!is_old(group, a->now_us) && (known == NULL || known->tries == 0)) {
        (void)throttle_recall(a->throttle, group->key, group->tries, group->since_us, group->until_us, group->error, a->now_us);
    }
}

void throttle_adopt(struct throttle *throttle, const struct throttle *from, int64_t now_us) {
    struct adoption adoption = {.throttle = throttle, .now_us = now_us};

    throttle_each(from, adopt, &adoption);
}
