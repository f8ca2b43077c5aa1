// SPDX-License-Identifier: Apache-2.0
#include "base/zone.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_S INT64_C(86400)
#define ZONE_DIRECTORY "/usr/share/zoneinfo/"

/* The environment holds this very buffer, which is only written over: setenv would move what other threads may be reading. */
static char variable[3 + sizeof ZONE_DIRECTORY + ZONE_NAME_SIZE] = "TZ=UTC0";
static bool installed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of both, and of what TZ is for the C library */

static bool shaped(const char *name) {
    size_t length = strlen(name);
    return length > 0 && length < ZONE_NAME_SIZE && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == length &&
           name[0] != '/' && !strstr(name, "//");
}

bool zone_known(const char *name) {
    char path[sizeof ZONE_DIRECTORY + ZONE_NAME_SIZE], magic[4];
    if (strcmp(name, "UTC") == 0)
        return true;
    if (!shaped(name))
        return false;
    snprintf(path, sizeof path, "%s%s", ZONE_DIRECTORY, name);
    FILE *file = fopen(path, "re");
    bool known = file && fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
    if (file)
        fclose(file);
    return known;
}

static void enter(const char *name) {
    if (!installed) {
        putenv(variable);
        installed = true;
    }
    if (strcmp(name, "UTC") == 0)
        snprintf(variable + 3, sizeof variable - 3, "UTC0");
    else
        snprintf(variable + 3, sizeof variable - 3, ":%s%s", ZONE_DIRECTORY, name);
    tzset();
}

int64_t zone_offset_s(const char *name, int64_t utc_s) {
    struct tm tm;
    time_t at = (time_t)utc_s;
    pthread_mutex_lock(&lock);
    enter(name);
    const int64_t offset_s = localtime_r(&at, &tm) ? (int64_t)tm.tm_gmtoff : 0;
    pthread_mutex_unlock(&lock);
    return offset_s;
}

unsigned zone_instants(const char *name, int64_t local_s, int64_t out[2]) {
    unsigned count = 0;
    /* No zone is a day from UTC, and none changes twice in two days: both offsets that can hold then. */
    const int64_t offsets[2] = {zone_offset_s(name, local_s - DAY_S), zone_offset_s(name, local_s + DAY_S)};
    for (unsigned i = 0; i < 2; i++) {
        int64_t at = local_s - offsets[i];
        if ((i == 0 || offsets[1] != offsets[0]) && zone_offset_s(name, at) == offsets[i])
            out[count++] = at;
    }
    if (count == 2 && out[0] > out[1]) {
        int64_t later = out[0];
        out[0] = out[1];
        out[1] = later;
    }
    return count;
}

int64_t zone_first_s(const char *name, int64_t local_s) {
    int64_t instants[2];
    if (zone_instants(name, local_s, instants))
        return instants[0];
    /* In a gap: the clock is put forward over it. */
    int64_t low = local_s - zone_offset_s(name, local_s + DAY_S) - DAY_S / 2, high = low + DAY_S;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (middle + zone_offset_s(name, middle) < local_s)
            low = middle;
        else
            high = middle;
    }
    return high;
}

int64_t zone_day_start_s(const char *name, int64_t utc_s, int days) {
    int64_t local = utc_s + zone_offset_s(name, utc_s), day = local / DAY_S - (local % DAY_S < 0) + days;
    return zone_first_s(name, day * DAY_S);
}
