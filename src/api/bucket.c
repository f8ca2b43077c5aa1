// SPDX-License-Identifier: Apache-2.0
#include "api/bucket.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (BUCKET_CLIENTS * 2) /* heads of the chains; a power of two */
#define NONE UINT32_MAX
#define KIND_PAIR 'p' /* address and name */
#define KIND_NAME 'n'
#define KEY_SIZE (1 + 2 * BUCKET_KEY_SIZE)

const struct bucket_rate bucket_defaults[BUCKET_CLASSES] = {
    [BUCKET_GENERAL] = {.per_s = 50, .burst = 200},
    [BUCKET_UPLOAD] = {.per_s = 1, .burst = 20},
    [BUCKET_LOGIN] = {.per_s = 1.0 / 6, .burst = 10},
};

struct entry {
    char key[KEY_SIZE]; /* the kind, then whose */
    uint32_t next;      /* in its chain */
    uint32_t newer, older;
    double tokens;     /* of a bucket */
    unsigned failures; /* of logins */
    int64_t at_ms;     /* of the last request that counted */
};

struct buckets {
    struct bucket_rate rates[BUCKET_CLASSES];
    unsigned char seed[crypto_shorthash_KEYBYTES]; /* so that nobody can fill one chain */
    uint32_t heads[SLOTS];
    struct entry entries[BUCKET_CLIENTS];
    uint32_t count, newest, oldest;
};

struct buckets *buckets_new(const struct bucket_rate rates[BUCKET_CLASSES]) {
    struct buckets *b = sodium_init() < 0 ? NULL : calloc(1, sizeof *b);
    if (!b)
        return NULL;
    memcpy(b->rates, rates, sizeof b->rates);
    memset(b->heads, 0xff, sizeof b->heads);
    b->newest = b->oldest = NONE;
    crypto_shorthash_keygen(b->seed);
    return b;
}

void buckets_free(struct buckets *buckets) {
    free(buckets);
}

void bucket_address(const char *address, char out[BUCKET_KEY_SIZE]) {
    unsigned char bytes[16];
    char text[INET6_ADDRSTRLEN];
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (inet_pton(AF_INET6, address, bytes) != 1) {
        snprintf(out, BUCKET_KEY_SIZE, "%s", address);
        return;
    }
    const bool v4 = memcmp(bytes, mapped, sizeof mapped) == 0;
    if (!v4)
        memset(bytes + 8, 0, 8);
    inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + 12 : bytes, text, sizeof text);
    snprintf(out, BUCKET_KEY_SIZE, "%s%s", text, v4 ? "" : "/64");
}

/* --- the table ----------------------------------------------------------------------------------------------------------- */

static uint32_t *head_of(struct buckets *b, const char *key) {
    unsigned char hash[crypto_shorthash_BYTES];
    uint32_t slot;
    crypto_shorthash(hash, (const unsigned char *)key, strlen(key), b->seed);
    memcpy(&slot, hash, sizeof slot);
    return &b->heads[slot & (SLOTS - 1)];
}

static void unlink_age(struct buckets *b, uint32_t i) {
    const struct entry *e = &b->entries[i];
    *(e->newer == NONE ? &b->newest : &b->entries[e->newer].older) = e->older;
    *(e->older == NONE ? &b->oldest : &b->entries[e->older].newer) = e->newer;
}

static void make_newest(struct buckets *b, uint32_t i) {
    struct entry *e = &b->entries[i];
    e->newer = NONE;
    e->older = b->newest;
    *(b->newest == NONE ? &b->oldest : &b->entries[b->newest].newer) = i;
    b->newest = i;
}

static uint32_t find(struct buckets *b, const char *key) {
    uint32_t i = *head_of(b, key);
    while (i != NONE && strcmp(b->entries[i].key, key) != 0)
        i = b->entries[i].next;
    return i;
}

/* Out of its chain and its place by age; its room is for who comes next. */
static void drop(struct buckets *b, uint32_t i) {
    uint32_t *at = head_of(b, b->entries[i].key);
    while (*at != i)
        at = &b->entries[*at].next;
    *at = b->entries[i].next;
    unlink_age(b, i);
}

/* The entry of a key, made when there is none (*fresh), and now the newest. */
static struct entry *look(struct buckets *b, const char *key, bool *fresh) {
    uint32_t i = find(b, key);
    *fresh = i == NONE;
    if (!*fresh)
        unlink_age(b, i);
    else {
        i = b->count < BUCKET_CLIENTS ? b->count++ : b->oldest;
        if (*b->entries[i].key)
            drop(b, i);
        uint32_t *head = head_of(b, key);
        b->entries[i] = (struct entry){.next = *head};
        str_copy(b->entries[i].key, KEY_SIZE, key);
        *head = i;
    }
    make_newest(b, i);
    return &b->entries[i];
}

/* --- requests ---------------------------------------------------------------------------------------------------------- */

unsigned bucket_take(struct buckets *b, enum bucket_class class, const char *key, int64_t now_ms) {
    const struct bucket_rate *rate = &b->rates[class];
    char full[KEY_SIZE];
    bool fresh;
    if (rate->per_s <= 0)
        return 0;
    snprintf(full, sizeof full, "%c%.*s", '0' + (int)class, BUCKET_KEY_SIZE - 1, key);
    struct entry *e = look(b, full, &fresh);
    const double passed_s = fresh || now_ms < e->at_ms ? 0 : (double)(now_ms - e->at_ms) / 1000;
    e->tokens = fresh ? rate->burst : e->tokens + passed_s * rate->per_s;
    if (e->tokens > rate->burst)
        e->tokens = rate->burst;
    e->at_ms = now_ms;
    if (e->tokens >= 1 - 1e-6) { /* sums of tenths */
        e->tokens -= 1;
        return 0;
    }
    const double wait_ms = (1 - e->tokens) / rate->per_s * 1000;
    return wait_ms > 3600e3 ? 3600 : wait_ms < 1000 ? 1 : ((unsigned)wait_ms + 999) / 1000;
}

/* --- logins ------------------------------------------------------------------------------------------------------------ */

static void login_keys(const char *address, const char *name, char pair[KEY_SIZE], char alone[KEY_SIZE]) {
    snprintf(pair, KEY_SIZE, "%c%.*s %.*s", KIND_PAIR, BUCKET_KEY_SIZE - 1, address, BUCKET_KEY_SIZE - 2, name);
    snprintf(alone, KEY_SIZE, "%c%.*s", KIND_NAME, BUCKET_KEY_SIZE - 1, name);
}

/* What must have passed since the last attempt after so many. */
static int64_t delay_ms(unsigned failures, unsigned free_count, unsigned most_s) {
    if (failures < free_count)
        return 0;
    const unsigned doublings = failures - free_count;
    const unsigned s = doublings > 20 ? most_s : 1u << doublings;
    return (int64_t)(s < most_s ? s : most_s) * 1000;
}

/* Milliseconds to wait; what lies back long enough is forgotten. */
static int64_t wait_of(struct buckets *b, const char *key, unsigned free_count, unsigned most_s, int64_t now_ms) {
    const uint32_t i = find(b, key);
    if (i == NONE)
        return 0;
    struct entry *e = &b->entries[i];
    if (now_ms - e->at_ms > (int64_t)BUCKET_FORGET_S * 1000)
        e->failures = 0;
    return e->at_ms + delay_ms(e->failures, free_count, most_s) - now_ms;
}

static void count_failure(struct buckets *b, const char *key, int64_t now_ms) {
    bool fresh;
    struct entry *e = look(b, key, &fresh);
    e->failures += e->failures < 1000;
    e->at_ms = now_ms;
}

unsigned bucket_login(struct buckets *b, const char *address, const char *name, int64_t now_ms) {
    char pair[KEY_SIZE], alone[KEY_SIZE];
    login_keys(address, name, pair, alone);
    const int64_t one = wait_of(b, pair, BUCKET_LOGIN_FREE, BUCKET_LOGIN_MOST_S, now_ms);
    const int64_t all = wait_of(b, alone, BUCKET_NAME_FREE, BUCKET_NAME_MOST_S, now_ms);
    const int64_t wait = one > all ? one : all;
    if (wait > 0)
        return (unsigned)((wait + 999) / 1000);
    count_failure(b, pair, now_ms);
    count_failure(b, alone, now_ms);
    return 0;
}

void bucket_login_good(struct buckets *b, const char *address, const char *name) {
    char pair[KEY_SIZE], alone[KEY_SIZE];
    uint32_t i;
    login_keys(address, name, pair, alone);
    if ((i = find(b, pair)) != NONE)
        b->entries[i].failures = 0;
    if ((i = find(b, alone)) != NONE)
        b->entries[i].failures = 0;
}
