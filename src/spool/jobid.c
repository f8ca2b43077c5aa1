// SPDX-License-Identifier: Apache-2.0
#include "spool/jobid.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define TIME_LENGTH 16
#define HEX_LENGTH 12
#define SLUG_AT (TIME_LENGTH + 1 + HEX_LENGTH + 1)

static bool slug_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

void jobid_slug(const char *dropped_name, char out[JOBID_SLUG_SIZE]) {
    size_t length = strlen(dropped_name);
    if (str_ends(dropped_name, ".json"))
        length -= strlen(".json");
    if (length > JOBID_SLUG_SIZE - 1)
        length = JOBID_SLUG_SIZE - 1;
    for (size_t i = 0; i < length; i++) {
        char c = dropped_name[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        out[i] = slug_char(c) ? c : '-';
    }
    out[length] = '\0';
    if (length == 0)
        str_copy(out, JOBID_SLUG_SIZE, "job");
}

enum rc jobid_new(int64_t wall_us, const char *slug, char out[JOBID_SIZE], struct err *err) {
    unsigned char random[HEX_LENGTH / 2];
    ssize_t got;
    do
        got = getrandom(random, sizeof random, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof random)
        return err_sys(err, "getrandom");

    char hex[HEX_LENGTH + 1], time[20];
    str_hex(random, sizeof random, hex);
    clock_format_basic(wall_us, time);
    if (!str_format(out, JOBID_SIZE, "%s-%s-%s", time, hex, slug))
        return err_set(err, RC_PERM, "job id: the slug \"%.60s\" is longer than %d bytes", slug, JOBID_SLUG_SIZE - 1);
    return RC_OK;
}

bool jobid_valid(const char *text) {
    size_t length = strnlen(text, JOBID_SIZE);
    if (length <= SLUG_AT || length >= JOBID_SIZE)
        return false;
    char time[TIME_LENGTH + 1];
    int64_t wall_us;
    memcpy(time, text, TIME_LENGTH);
    time[TIME_LENGTH] = '\0';
    if (!clock_parse_basic(time, &wall_us) || text[TIME_LENGTH] != '-' || text[SLUG_AT - 1] != '-')
        return false;
    for (size_t i = TIME_LENGTH + 1; i < SLUG_AT - 1; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    for (size_t i = SLUG_AT; i < length; i++)
        if (!slug_char(text[i]) && text[i] != '-')
            return false;
    return true;
}

bool jobid_from_file(const char *file_name, char out[JOBID_SIZE]) {
    out[0] = '\0';
    size_t length = strlen(file_name);
    if (!str_ends(file_name, ".json") || length - strlen(".json") >= JOBID_SIZE)
        return false;
    length -= strlen(".json");
    memcpy(out, file_name, length);
    out[length] = '\0';
    if (jobid_valid(out))
        return true;
    out[0] = '\0';
    return false;
}

void jobid_parts(const char *id, char out_time[17], char out_hex[13], const char **slug) {
    memcpy(out_time, id, TIME_LENGTH);
    out_time[TIME_LENGTH] = '\0';
    memcpy(out_hex, id + TIME_LENGTH + 1, HEX_LENGTH);
    out_hex[HEX_LENGTH] = '\0';
    *slug = id + SLUG_AT;
}
