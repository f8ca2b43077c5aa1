// SPDX-License-Identifier: Apache-2.0
#include "api/filter.h"

#include "base/clock.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool list_has(const struct filter_list *list, const char *text) {
    for (unsigned i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

/* "2h", "90s", "1w", or an ISO 8601 duration. */
static bool span_us(const char *text, int64_t *us) {
    static const struct {
        char unit;
        int64_t seconds;
    } UNITS[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    char digits[16];
    uint64_t count;
    int64_t ms;
    size_t length = strlen(text);
    if (str_duration_ms(text, &ms)) {
        *us = ms * 1000;
        return true;
    }
    if (length < 2 || length > sizeof digits)
        return false;
    memcpy(digits, text, length - 1);
    digits[length - 1] = '\0';
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++)
        if (UNITS[i].unit == text[length - 1] && str_to_u64(digits, 0, 1000000, &count)) {
            *us = (int64_t)count * UNITS[i].seconds * 1000000;
            return true;
        }
    return false;
}

static enum rc add_place(struct filter *f, const char *item, struct err *err) {
    for (int place = PLACE_PENDING; place < PLACE_COUNT; place++)
        if (strcasecmp(item, place_status((enum place)place)) == 0 || strcasecmp(item, place_name((enum place)place)) == 0) {
            f->places |= 1u << place;
            return RC_OK;
        }
    return err_set(err, RC_PERM, "status \"%.40s\": must be pending, processing, completed, failed, deferred, held or cancelled", item);
}

static enum rc add_priority(struct filter *f, const char *item, struct err *err) {
    enum priority priority;
    if (!priority_parse(item, &priority))
        return err_set(err, RC_PERM, "priority \"%.40s\": must be low, normal, high or urgent", item);
    f->priorities |= 1u << priority;
    return RC_OK;
}

static enum rc add_item(struct filter_list *list, const char *key, const char *item, struct err *err) {
    if (list->count == FILTER_LIST_MAX)
        return err_set(err, RC_PERM, "%s: at most %u at once", key, FILTER_LIST_MAX);
    if (!*item || !str_copy(list->items[list->count], sizeof list->items[0], item))
        return err_set(err, RC_PERM, "%s \"%.40s\": must be a name", key, item);
    list->count++;
    return RC_OK;
}

static enum rc add_is(struct filter *f, const char *item, struct err *err) {
    if (strcmp(item, "loaded") == 0)
        f->loaded = true;
    else if (strcmp(item, "unloaded") == 0)
        f->unloaded = true;
    else if (strcmp(item, "error") == 0)
        f->error = true;
    else if (strcmp(item, "auto") == 0)
        f->automatic = true;
    else if (strcmp(item, "manual") == 0)
        f->manual = true;
    else
        return err_set(err, RC_PERM, "is \"%.40s\": must be loaded, unloaded, error, auto or manual", item);
    return RC_OK;
}

static struct filter_list *list_of(struct filter *f, const char *key) {
    return strcmp(key, "source") == 0     ? &f->sources
           : strcmp(key, "campaign") == 0 ? &f->campaigns
           : strcmp(key, "owner") == 0    ? &f->owners
           : strcmp(key, "reason") == 0   ? &f->reasons
           : strcmp(key, "mode") == 0     ? &f->modes
                                          : NULL;
}

static enum rc add_one(struct filter *f, const char *key, const char *item, struct err *err) {
    struct filter_list *list = list_of(f, key);
    return list                           ? add_item(list, key, item, err)
           : strcmp(key, "status") == 0   ? add_place(f, item, err)
           : strcmp(key, "priority") == 0 ? add_priority(f, item, err)
           : strcmp(key, "is") == 0       ? add_is(f, item, err)
                                          : err_set(err, RC_PERM, "%s", key);
}

/* The items between commas. */
static enum rc add_items(struct filter *f, const char *key, const char *value, struct err *err) {
    enum rc rc = RC_OK;
    for (const char *at = value; !rc; at++) {
        char item[65];
        size_t length = strcspn(at, ",");
        if (length >= sizeof item)
            return err_set(err, RC_PERM, "%s: \"%.40s\" is too long", key, at);
        memcpy(item, at, length);
        item[length] = '\0';
        rc = add_one(f, key, item, err);
        at += length;
        if (!*at)
            break;
    }
    return rc;
}

void filter_pairs(const char *text, uint64_t pairs[2]) {
    for (; text[0] && text[1]; text++) {
        unsigned bit = ((unsigned char)text[0] * 37u + (unsigned char)text[1] * 101u) >> 1 & 127;
        pairs[bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

static enum rc add_word(struct filter *f, const char *word, struct err *err) {
    char *out = f->words[f->word_count < FILTER_WORDS_MAX ? f->word_count : 0];
    if (f->word_count == FILTER_WORDS_MAX || !str_copy(out, sizeof f->words[0], word))
        return err_set(err, RC_PERM, "at most %u words of %zu bytes", FILTER_WORDS_MAX, sizeof f->words[0] - 1);
    for (char *at = out; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    filter_pairs(out, f->pairs);
    f->word_count++;
    return RC_OK;
}

/* All bounds hold: the narrowest counts. 0 is none, which no time is. */
static void bound(int64_t *at, int64_t us, bool after) {
    us = us ? us : 1;
    if (!*at || (after ? us > *at : us < *at))
        *at = us;
}

enum rc filter_add(struct filter *f, const char *key, const char *value, int64_t now_us, struct err *err) {
    static const char *const KEYS[] = {"status", "source", "campaign", "owner", "priority", "mode", "reason", "id", "older", "newer", "is", "q"};
    const struct {
        const char *key;
        int64_t *at;
        bool after;
    } times[] = {{"created_after", &f->created_after_us, true},
                 {"created_before", &f->created_before_us, false},
                 {"updated_after", &f->updated_after_us, true},
                 {"updated_before", &f->updated_before_us, false}};
    int64_t us;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (strcmp(key, times[i].key) == 0) {
            if (!clock_parse_rfc3339(value, &us))
                return err_set(err, RC_PERM, "%s: must be a time like 2026-11-24T06:00:00Z", key);
            bound(times[i].at, us, times[i].after);
            return RC_OK;
        }
    if (strcmp(key, "older") == 0 || strcmp(key, "newer") == 0) {
        if (!span_us(value, &us))
            return err_set(err, RC_PERM, "%s \"%.40s\": must be a time like 30m, 2h, 3d", key, value);
        bound(*key == 'o' ? &f->created_before_us : &f->created_after_us, now_us - us, *key == 'n');
        return RC_OK;
    }
    if (strcmp(key, "id") == 0)
        return str_copy(f->id, sizeof f->id, value) ? RC_OK : err_set(err, RC_PERM, "id: is too long");
    if (strcmp(key, "q") == 0)
        return add_word(f, value, err);
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++)
        if (strcmp(key, KEYS[i]) == 0)
            return add_items(f, key, value, err);
    const char *near = str_nearest(key, KEYS, sizeof KEYS / sizeof KEYS[0] - 1);
    return err_set(err, RC_PERM, "there is no \"%.40s:\"%s%s%s; put quotes around a word with a colon", key, near ? "; did you mean \"" : "", near ? near : "",
                   near ? ":\"?" : "");
}

/* The next word of the box, quotes taken off. *colon: where its key ends, or NULL. False at the end. */
static bool next_word(const char **at, char word[FILTER_TEXT_MAX + 1], char **colon) {
    size_t used = 0;
    bool quoted = false;
    *colon = NULL;
    *at += strspn(*at, " \t");
    if (!**at)
        return false;
    for (; **at && (quoted || (**at != ' ' && **at != '\t')); ++*at) {
        if (**at == '"') {
            quoted = !quoted;
            continue;
        }
        if (**at == ':' && !quoted && !*colon && used)
            *colon = &word[used];
        word[used++] = **at;
    }
    word[used] = '\0';
    return true;
}

enum rc filter_parse(struct filter *f, const char *text, int64_t now_us, struct err *err) {
    char word[FILTER_TEXT_MAX + 1], *colon;
    enum rc rc = strlen(text) <= FILTER_TEXT_MAX ? RC_OK : err_set(err, RC_PERM, "the filter may have at most %u bytes", FILTER_TEXT_MAX);
    while (!rc && next_word(&text, word, &colon)) {
        if (colon)
            *colon = '\0';
        if (!colon)
            rc = *word ? add_word(f, word, err) : RC_OK;
        else
            rc = filter_add(f, word, colon + 1, now_us, err);
    }
    return rc;
}

static bool has_words(const struct filter *f, const struct filter_job *job) {
    for (unsigned i = 0; i < f->word_count; i++)
        if (!strstr(job->text, f->words[i]))
            return false;
    return true;
}

static bool has_list(const struct filter_list *list, const char *text) {
    return !list->count || list_has(list, text);
}

bool filter_may_have(const struct filter *f, const struct filter_glance *glance) {
    return (!f->places || (f->places & 1u << glance->place)) && (!f->priorities || (f->priorities & 1u << glance->priority)) &&
           (glance->runs || f->modes.count) && (!f->created_after_us || glance->created_us >= f->created_after_us) &&
           (!f->created_before_us || glance->created_us < f->created_before_us) && (!f->updated_after_us || glance->updated_us >= f->updated_after_us) &&
           (!f->updated_before_us || glance->updated_us < f->updated_before_us) && (!f->loaded || glance->loaded) && (!f->unloaded || glance->unloaded) &&
           (!f->error || glance->error) && (!f->automatic || glance->automatic) && (!f->manual || !glance->automatic) && !(f->pairs[0] & ~glance->pairs[0]) &&
           !(f->pairs[1] & ~glance->pairs[1]) && has_list(&f->sources, glance->source) && has_list(&f->campaigns, glance->campaign) &&
           has_list(&f->owners, glance->owner) && has_list(&f->reasons, glance->reason);
}

bool filter_is_plain(const struct filter *f) {
    return !f->modes.count && !*f->id && !f->word_count;
}

bool filter_has(const struct filter *f, const struct filter_job *job) {
    return filter_may_have(f, job->glance) && has_list(&f->modes, job->mode) && str_starts(job->id, f->id) && has_words(f, job);
}
