// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND_US INT64_C(1000000)
#define DAY_S INT64_C(86400)
#define LAST_US (INT64_C(253402300799) * SECOND_US + SECOND_US - 1) /* 9999-12-31T23:59:59.999999Z */

struct civil {
    int year, month, day, hour, minute, second, micro;
};

int64_t clock_mono_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_mono_us(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

int64_t clock_wall_us(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

int64_t clock_file_us(struct timespec time) {
    return time.tv_sec < 0 ? 0 : time.tv_sec > LAST_US / SECOND_US ? LAST_US : (int64_t)time.tv_sec * SECOND_US + time.tv_nsec / 1000;
}

/* Days since 1970-01-01 of a Gregorian date. Years are counted from March, so that the leap day is the last of its year. */
static int64_t days_of(int year, int month, int day) {
    int y = month > 2 ? year : year - 1;
    int from_march = month > 2 ? month - 3 : month + 9;

    return INT64_C(365) * y + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 + day - 1 - 719468;
}

static struct civil civil_of(int64_t wall_us) {
    struct civil c = {0};
    time_t seconds;
    struct tm tm;

    wall_us = wall_us < 0 ? 0 : wall_us > LAST_US ? LAST_US : wall_us;
    seconds = (time_t)(wall_us / SECOND_US);
    (void)gmtime_r(&seconds, &tm);
    c.year = tm.tm_year + 1900;
    c.month = tm.tm_mon + 1;
    c.day = tm.tm_mday;
    c.hour = tm.tm_hour;
    c.minute = tm.tm_min;
    c.second = tm.tm_sec;
    c.micro = (int)(wall_us % SECOND_US);
    return c;
}

void clock_format_rfc3339(int64_t wall_us, int digits, char out[CLOCK_RFC3339_SIZE]) {
    struct civil c = civil_of(wall_us);
    char fraction[16] = "";

    if (digits == 3) {
        (void)snprintf(fraction, sizeof(fraction), ".%03u", (unsigned)c.micro / 1000u % 1000u);
    } else if (digits == 6) {
        (void)snprintf(fraction, sizeof(fraction), ".%06u", (unsigned)c.micro % 1000000u);
    }
    (void)snprintf(out, CLOCK_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u%sZ", (unsigned)c.year % 10000u, (unsigned)c.month % 100u, (unsigned)c.day % 100u,
                   (unsigned)c.hour % 100u, (unsigned)c.minute % 100u, (unsigned)c.second % 100u, fraction);
}

void clock_format_basic(int64_t wall_us, char out[20]) {
    struct civil c = civil_of(wall_us);

    (void)snprintf(out, 20, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)c.year % 10000u, (unsigned)c.month % 100u, (unsigned)c.day % 100u, (unsigned)c.hour % 100u,
                   (unsigned)c.minute % 100u, (unsigned)c.second % 100u);
}

/* Exactly `count` digits, then on. */
static bool take_digits(const char **at, int count, int *out) {
    int value = 0;

    for (int i = 0; i < count; i++) {
        char c = (*at)[i];

        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += count;
    *out = value;
    return true;
}

static bool take_char(const char **at, const char *any_of) {
    if (**at == '\0' || strchr(any_of, **at) == NULL) {
        return false;
    }
    (*at)++;
    return true;
}

static bool date_exists(const struct civil *c) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;

    return c->year >= 1 && c->month >= 1 && c->month <= 12 && c->day >= 1 && c->day <= days[c->month - 1] + (leap && c->month == 2 ? 1 : 0);
}

/* To microseconds. A leap second (RFC 3339, appendix D) counts as the second after it, as in POSIX time. */
static bool civil_to_us(const struct civil *c, int offset_s, int64_t *wall_us) {
    int64_t minute_s, us;

    if (!date_exists(c) || c->hour > 23 || c->minute > 59 || c->second > 60) {
        return false;
    }
    minute_s = days_of(c->year, c->month, c->day) * DAY_S + c->hour * 3600 + c->minute * 60 - offset_s;
    if (c->second == 60 && (minute_s % DAY_S + DAY_S) % DAY_S != DAY_S - 60) {
        return false;
    }
    us = (minute_s + c->second) * SECOND_US + c->micro;
    if (us < 0 || us > LAST_US) {
        return false;
    }
    *wall_us = us;
    return true;
}

static bool take_fraction(const char **at, int *micro) {
    int scale = 100000;

    *micro = 0;
    if (**at != '.') {
        return true;
    }
    (*at)++;
    if (**at < '0' || **at > '9') {
        return false;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        *micro += (**at - '0') * scale;
        scale /= 10;
    }
    return true;
}

static bool take_offset(const char **at, int *offset_s) {
    int sign, hours, minutes;

    *offset_s = 0;
    if (take_char(at, "Zz")) {
        return true;
    }
    sign = **at == '-' ? -1 : 1;
    if (!take_char(at, "+-") || !take_digits(at, 2, &hours) || !take_char(at, ":") || !take_digits(at, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool clock_parse_rfc3339(const char *text, int64_t *wall_us) {
    struct civil c = {0};
    int offset_s;

    return take_digits(&text, 4, &c.year) && take_char(&text, "-") && take_digits(&text, 2, &c.month) && take_char(&text, "-") &&
           take_digits(&text, 2, &c.day) && take_char(&text, "Tt") && take_digits(&text, 2, &c.hour) && take_char(&text, ":") &&
           take_digits(&text, 2, &c.minute) && take_char(&text, ":") && take_digits(&text, 2, &c.second) && take_fraction(&text, &c.micro) &&
           take_offset(&text, &offset_s) && *text == '\0' && civil_to_us(&c, offset_s, wall_us);
}

bool clock_parse_basic(const char *text, int64_t *wall_us) {
    struct civil c = {0};

    c.micro = 0;
    return take_digits(&text, 4, &c.year) && take_digits(&text, 2, &c.month) && take_digits(&text, 2, &c.day) && take_char(&text, "T") &&
           take_digits(&text, 2, &c.hour) && take_digits(&text, 2, &c.minute) && take_digits(&text, 2, &c.second) && take_char(&text, "Z") && *text == '\0' &&
           c.second < 60 && civil_to_us(&c, 0, wall_us);
}

void clock_format_span(int64_t us, char out[24]) {
    const int64_t s = us < 0 ? 0 : us / 1000000;
    if (s < 120)
        snprintf(out, 24, "%" PRId64 "s", s);
    else if (s < INT64_C(120) * 60)
        snprintf(out, 24, "%" PRId64 "m", s / 60);
    else if (s < INT64_C(48) * 3600)
        snprintf(out, 24, "%" PRId64 "h", s / 3600);
    else
        snprintf(out, 24, "%" PRId64 "d", s / 86400);
}
