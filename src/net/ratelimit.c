// SPDX-License-Identifier: Apache-2.0
#include "net/ratelimit.h"

#include <curl/curl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/str.h"

#define LEAST_WAIT_S 0.25
#define UNKNOWN_WAIT_S 1.0
#define EPOCH_LEAST 1e9     /* seconds; a limit that is reset in 30 years is none */
#define EPOCH_MS_LEAST 1e11 /* milliseconds */

const char *const ratelimit_headers[] = {"ratelimit",
                                         "ratelimit-remaining",
                                         "ratelimit-reset",
                                         "x-ratelimit-remaining",
                                         "x-ratelimit-reset",
                                         "x-rate-limit-remaining",
                                         "x-rate-limit-reset",
                                         "x-ratelimit-remaining-requests",
                                         "x-ratelimit-reset-requests",
                                         "date",
                                         NULL};

/* When the server sent it, by its own clock where it tells. */
static double sent_s(const struct fields *fields, int64_t now_us) {
    const char *date = fields_get(fields, "date");
    time_t at = date != NULL ? curl_getdate(date, NULL) : -1;

    return at > 0 ? (double)at : (double)now_us / 1e6;
}

/* "1h2m3.5s", "12ms"; a plain number is seconds. Negative: not readable. */
static double duration_s(const char *text) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ms", 0.001}, {"us", 1e-6}, {"ns", 1e-9}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    double sum = 0;

    if (*text < '0' || *text > '9') {
        return -1;
    }
    while (*text != '\0') {
        char *end;
        double value = strtod(text, &end);
        size_t unit = 0;

        if (end == text || !isfinite(value) || value < 0) {
            return -1;
        }
        if (*end == '\0') {
            return sum + value;
        }
        while (unit < sizeof(units) / sizeof(units[0]) && !str_starts(end, units[unit].name)) {
            unit++;
        }
        if (unit == sizeof(units) / sizeof(units[0])) {
            return -1;
        }
        sum += value * units[unit].seconds;
        text = end + strlen(units[unit].name);
    }
    return sum;
}

/* Seconds from the answer's coming; negative: not readable. Whole seconds since 1970 may be cut: the next one is waited for. */
static double wait_s(const struct fields *fields, const char *text, int64_t now_us) {
    double value = duration_s(text);

    if (value >= EPOCH_LEAST) {
        value = (value >= EPOCH_MS_LEAST ? value / 1000 : value) - sent_s(fields, now_us) + 1;
        return value > 0 ? value : 0;
    }
    return value;
}

/* Of several policies the one with the least left counts; of those, the one that holds longest. */
static void keep(struct ratelimit *out, bool *found, uint64_t remaining, double wait) {
    int64_t wait_us;

    if (!(wait >= 0)) {
        wait = UNKNOWN_WAIT_S;
    }
    wait = wait < LEAST_WAIT_S ? LEAST_WAIT_S : wait > LIMIT_RETRY_AFTER_S ? LIMIT_RETRY_AFTER_S : wait;
    wait_us = (int64_t)(wait * 1e6);
    if (*found && (remaining > out->remaining || (remaining == out->remaining && wait_us <= out->wait_us))) {
        return;
    }
    *out = (struct ratelimit){.remaining = remaining, .wait_us = wait_us};
    *found = true;
}

static void read_pair(const struct fields *fields, const char *remaining_header, const char *reset_header, int64_t now_us, struct ratelimit *out, bool *found) {
    const char *remaining = fields_get(fields, remaining_header), *reset = fields_get(fields, reset_header);
    uint64_t count;

    /* Of several values, joined by a comma, the first is that of the policy that bites. */
    char first[32];
    if (remaining != NULL && str_format(first, sizeof(first), "%.*s", (int)strcspn(remaining, ",; "), remaining) && str_to_u64(first, 0, UINT64_MAX, &count)) {
        keep(out, found, count, reset != NULL ? wait_s(fields, reset, now_us) : -1);
    }
}

/* name=value behind at, up to end; NULL: none. Names are one letter or a word, in any order. */
static const char *parameter(const char *at, const char *end, const char *name) {
    size_t length = strlen(name);

    for (; at < end; at++) {
        at += strspn(at, " \t;,");
        if (at < end && strncasecmp(at, name, length) == 0 && at[length] == '=') {
            return at + length + 1;
        }
        at += strcspn(at, ";,");
    }
    return NULL;
}

static void read_item(const char *at, const char *end, const char *remaining_name, const char *reset_name, struct ratelimit *out, bool *found) {
    const char *remaining = parameter(at, end, remaining_name), *reset = parameter(at, end, reset_name);
    char *stop;

    if (remaining != NULL && *remaining >= '0' && *remaining <= '9') {
        uint64_t count = strtoull(remaining, &stop, 10);

        keep(out, found, count, reset != NULL && *reset >= '0' && *reset <= '9' ? strtod(reset, NULL) : -1);
    }
}

static void read_combined(const char *text, struct ratelimit *out, bool *found) {
    const char *all = text + strlen(text);

    if (parameter(text, all, "remaining") != NULL) {
        read_item(text, all, "remaining", "reset", out, found);
        return;
    }
    while (*text != '\0') {
        const char *end = text + strcspn(text, ",");

        read_item(text, end, "r", "t", out, found);
        text = *end != '\0' ? end + 1 : end;
    }
}

bool ratelimit_read(const struct fields *fields, const char *remaining_header, const char *reset_header, int64_t now_us, struct ratelimit *out) {
    static const char *const pairs[][2] = {{"ratelimit-remaining", "ratelimit-reset"},
                                           {"x-ratelimit-remaining", "x-ratelimit-reset"},
                                           {"x-rate-limit-remaining", "x-rate-limit-reset"},
                                           {"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"}};
    const char *combined = fields_get(fields, "ratelimit");
    bool found = false;

    if (remaining_header != NULL) {
        read_pair(fields, remaining_header, reset_header != NULL ? reset_header : "ratelimit-reset", now_us, out, &found);
        return found;
    }
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        read_pair(fields, pairs[i][0], reset_header != NULL ? reset_header : pairs[i][1], now_us, out, &found);
    }
    if (combined != NULL) {
        read_combined(combined, out, &found);
    }
    return found;
}

int64_t ratelimit_wait_s(const struct fields *fields, const char *header, int64_t now_us) {
    const char *text = fields_get(fields, header);
    double wait = text != NULL ? wait_s(fields, text, now_us) : -1;

    if (text != NULL && wait < 0) {
        time_t at = curl_getdate(text, NULL);

        wait = at > 0 ? (double)at - sent_s(fields, now_us) : -1;
        wait = at > 0 && wait < 1 ? 1 : wait;
    }
    return wait < 0 ? 0 : wait < 1 ? 1 : wait > LIMIT_RETRY_AFTER_S ? LIMIT_RETRY_AFTER_S : (int64_t)wait + (wait > (double)(int64_t)wait);
}
