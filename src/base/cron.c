// SPDX-License-Identifier: Apache-2.0
#include "base/cron.h"

#include "base/str.h"
#include "base/zone.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#define DAY_S INT64_C(86400)
#define SEARCH_DAYS 18263 /* 50 years: 29 February on one day of the week comes in 40 at the latest */
#define TEXT_MOST 256

static const char *const months[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const weekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const struct field {
    const char *name;
    unsigned least, most, values;
    const char *const *names; /* of least, least + 1 ... */
} fields[FIELDS] = {
    {"minute", 0, 59, 60, NULL}, {"hour", 0, 23, 24, NULL}, {"day of month", 1, 31, 31, NULL}, {"month", 1, 12, 12, months}, {"day of week", 0, 7, 7, weekdays},
};

static const struct {
    const char *name, *text;
} nicknames[] = {{"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
                 {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}};

#define NICKNAMES (sizeof nicknames / sizeof nicknames[0])

/* --- parsing --------------------------------------------------------------------------------------------------------- */

static enum rc wrong(const struct field *field, const char *item, const char *what, struct err *err) {
    return err_set(err, RC_PERM, "field %d (%s): \"%s\" %s", (int)(field - fields) + 1, field->name, item, what);
}

static enum rc out_of_range(const struct field *field, const char *item, struct err *err) {
    char what[120];
    str_format(what, sizeof what, "is no number from %u to %u%s", field->least, field->most,
               field->names == months     ? ", nor a month (JAN to DEC)"
               : field->names == weekdays ? ", nor a day (SUN to SAT)"
                                          : "");
    return wrong(field, item, what, err);
}

/* A number or a name, up to one of the signs behind it. */
static bool take_value(const struct field *field, const char **at, unsigned *value) {
    size_t length = strcspn(*at, "-/");
    uint64_t number;
    char word[8];
    if (length == 0 || length >= sizeof word)
        return false;
    memcpy(word, *at, length);
    word[length] = '\0';
    *at += length;
    for (unsigned i = 0; field->names && field->names[i]; i++) {
        if (strcasecmp(word, field->names[i]) == 0) {
            *value = field->least + i;
            return true;
        }
    }
    if (!str_to_u64(word, field->least, field->most, &number))
        return false;
    *value = (unsigned)number;
    return true;
}

/* One element of the list: item is all of it. */
static enum rc take_item(const struct field *field, const char *item, uint64_t *bits, struct err *err) {
    const char *at = item;
    unsigned low = field->least, high = field->most;
    uint64_t step = 1;
    bool range = true;
    if (*at == '*')
        at++;
    else {
        if (!take_value(field, &at, &low))
            return out_of_range(field, item, err);
        range = *at == '-';
        high = low;
        if (range && (at++, !take_value(field, &at, &high)))
            return out_of_range(field, item, err);
        if (field->names == weekdays && high == 0 && low > 0)
            high = 7; /* to Sunday */
        if (high < low)
            return wrong(field, item, "goes backwards: give two ranges, with a comma between", err);
    }
    if (*at == '/' && !range) {
        char what[80];
        str_format(what, sizeof what, "has a step and no range: \"%u-%u%.8s\" is one", low, field->most, at);
        return wrong(field, item, what, err);
    }
    if (*at == '/' && (!str_to_u64(at + 1, 1, field->values, &step))) {
        char what[80];
        str_format(what, sizeof what, "has a step that is no number from 1 to %u", field->values);
        return wrong(field, item, what, err);
    }
    if (*at != '/' && *at != '\0')
        return out_of_range(field, item, err);
    for (uint64_t value = low; value <= high; value += step)
        *bits |= UINT64_C(1) << value;
    return RC_OK;
}

static enum rc take_field(const struct field *field, char *text, uint64_t *bits, struct err *err) {
    *bits = 0;
    for (char *item = text; item;) {
        char *comma = strchr(item, ',');
        if (comma)
            *comma++ = '\0';
        enum rc rc =
            *item ? take_item(field, item, bits, err) : err_set(err, RC_PERM, "field %d (%s) has an empty element", (int)(field - fields) + 1, field->name);
        if (rc)
            return rc;
        item = comma;
    }
    return RC_OK;
}

/* The days that a month has at the most. */
static bool some_day_exists(const struct cron *cron) {
    static const unsigned lengths[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (unsigned month = 1; month <= 12; month++)
        if (cron->months >> month & 1 && cron->days & ((UINT64_C(2) << lengths[month]) - 1))
            return true;
    return cron->either;
}

static enum rc split(char *text, char *list[FIELDS], struct err *err) {
    unsigned count = 0;
    char *rest = NULL;
    for (char *field = strtok_r(text, " \t", &rest); field; field = strtok_r(NULL, " \t", &rest)) {
        if (count < FIELDS)
            list[count] = field;
        count++;
    }
    if (count != FIELDS)
        return err_set(err, RC_PERM, "has %u field%s in the place of five: minute hour day-of-month month day-of-week", count, count == 1 ? "" : "s");
    return RC_OK;
}

static const char *nickname(const char *text, struct err *err) {
    const char *names[NICKNAMES], *near;
    for (size_t i = 0; i < NICKNAMES; i++) {
        if (strcmp(text, nicknames[i].name) == 0)
            return nicknames[i].text;
        names[i] = nicknames[i].name;
    }
    near = str_nearest(text, names, NICKNAMES);
    err_set(err, RC_PERM, "\"%.40s\" is none of @hourly, @daily, @weekly, @monthly, @yearly%s%s%s", text, near ? "; did you mean " : "", near ? near : "",
            near ? "?" : "");
    return NULL;
}

enum rc cron_parse(const char *text, struct cron *cron, struct err *err) {
    char copy[TEXT_MOST], *list[FIELDS] = {NULL};
    uint64_t bits[FIELDS];
    *cron = (struct cron){.minutes = 0};
    if (*text == '@' && !(text = nickname(text, err)))
        return RC_PERM;
    if (!str_copy(copy, sizeof copy, text))
        return err_set(err, RC_PERM, "is longer than %d bytes", TEXT_MOST - 1);
    enum rc rc = split(copy, list, err);
    if (rc)
        return rc;
    cron->kept = *list[MINUTE] != '*' && *list[HOUR] != '*';
    cron->either = *list[DAY] != '*' && *list[WEEKDAY] != '*';
    for (int i = 0; !rc && i < FIELDS; i++)
        rc = take_field(&fields[i], list[i], &bits[i], err);
    if (rc)
        return rc;
    cron->minutes = bits[MINUTE];
    cron->hours = (uint32_t)bits[HOUR];
    cron->days = (uint32_t)bits[DAY];
    cron->months = (uint32_t)bits[MONTH];
    cron->weekdays = (uint32_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f);
    if (!some_day_exists(cron))
        return err_set(err, RC_PERM, "field 3 (day of month): no month of field 4 has such a day: it is never due");
    return RC_OK;
}

/* --- the next instant -------------------------------------------------------------------------------------------------- */

static bool day_fits(const struct cron *cron, int64_t day) {
    struct tm tm;
    time_t at = (time_t)(day * DAY_S);
    if (!gmtime_r(&at, &tm) || !(cron->months >> (tm.tm_mon + 1) & 1))
        return false;
    bool of_month = cron->days >> tm.tm_mday & 1, of_week = cron->weekdays >> tm.tm_wday & 1;
    return cron->either ? of_month || of_week : of_month && of_week;
}

/* The clock is not changed in this day, nor near it. */
static bool steady(const char *zone, int64_t day, int64_t *offset_s) {
    *offset_s = zone_offset_s(zone, day * DAY_S);
    for (int64_t near = day - 1; near <= day + 2; near++)
        if (zone_offset_s(zone, near * DAY_S) != *offset_s)
            return false;
    return true;
}

/* The first instant after after_s at which the clock reads face_s and that counts. */
static bool instant(const struct cron *cron, const char *zone, int64_t face_s, int64_t after_s, int64_t *at) {
    int64_t instants[2];
    if (cron->kept) {
        *at = zone_first_s(zone, face_s);
        return *at > after_s;
    }
    unsigned count = zone_instants(zone, face_s, instants);
    for (unsigned i = 0; i < count; i++) {
        *at = instants[i];
        if (*at > after_s)
            return true;
    }
    return false;
}

static bool first_of_day(const struct cron *cron, const char *zone, int64_t day, int64_t after_s, int64_t *due_s) {
    int64_t offset_s, at;
    bool same = steady(zone, day, &offset_s), found = false;
    for (int64_t minute = 0; minute < 24 * 60; minute++) {
        int64_t face_s = day * DAY_S + minute * 60;
        if (!(cron->hours >> (minute / 60) & 1)) {
            minute += 59;
            continue;
        }
        if (!(cron->minutes >> (minute % 60) & 1))
            continue;
        at = face_s - offset_s;
        if (same ? at > after_s : instant(cron, zone, face_s, after_s, &at)) {
            *due_s = found && *due_s < at ? *due_s : at;
            found = true;
            if (same)
                return true;
        }
    }
    return found;
}

bool cron_next(const struct cron *cron, const char *zone, int64_t after_s, int64_t *due_s) {
    int64_t local_s = after_s + zone_offset_s(zone, after_s), day = local_s / DAY_S - (local_s % DAY_S < 0) - 1, next;
    for (const int64_t last = day + SEARCH_DAYS; day < last; day++) {
        if (!day_fits(cron, day) || !first_of_day(cron, zone, day, after_s, due_s))
            continue;
        /* A clock that is put back over midnight shows some of the next day before the end of this one. */
        if (day_fits(cron, day + 1) && first_of_day(cron, zone, day + 1, after_s, &next) && next < *due_s)
            *due_s = next;
        return true;
    }
    return false;
}
