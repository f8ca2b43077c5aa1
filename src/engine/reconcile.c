// SPDX-License-Identifier: Apache-2.0
#include "engine/reconcile.h"

#include "os/sorter.h"

#include <stdlib.h>
#include <string.h>

#define DAY_US (INT64_C(24) * 3600 * 1000000)
#define KEY_BYTES (INVOICE_ID_SIZE + 40)

struct item { /* one side of a join */
    bool is_charge;
    uint64_t number;     /* the line, or the how-manieth charge */
    int64_t from, until; /* when it was; of what tells no time: always */
    union {
        struct invoice_line line;
        struct ledger_charge charge;
    };
};

struct reconcile {
    struct reconcile_options options;
    struct sorter *lines, *charges; /* of the pass that comes next */
    struct sorter *results;
    uint64_t line_count, charge_count;
    int64_t first_us, last_us; /* of the lines */
    bool any_id, any_match, any_records;
};

/* --- records of the sorters ------------------------------------------------------------------------------------------ */

struct key {
    char bytes[KEY_BYTES];
    size_t length;
};

static void key_bytes(struct key *key, const void *bytes, size_t length) {
    memcpy(key->bytes + key->length, bytes, length);
    key->length += length;
}

static void key_number(struct key *key, uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8)
        key->bytes[key->length++] = (char)(value >> shift);
}

static void key_time(struct key *key, int64_t us) {
    key_number(key, (uint64_t)us ^ UINT64_C(1) << 63);
}

static const char *id_of(const struct item *item) {
    return item->is_charge ? item->charge.request_id : item->line.request_id;
}

/* What is equal of a line and a charge that match. */
static struct key rule_key(const struct item *item, enum reconcile_rule rule) {
    struct key key = {.length = 0};
    struct dec amount = item->is_charge ? item->charge.amount : item->line.amount;
    const char *currency = item->is_charge ? item->charge.currency : item->line.currency;
    uint64_t records = item->is_charge ? item->charge.records : item->line.records;
    if (rule == RECONCILE_BY_ID)
        key_bytes(&key, id_of(item), strlen(id_of(item)) + 1);
    if (rule == RECONCILE_BY_AMOUNT || rule == RECONCILE_BY_AMOUNT_RECORDS) {
        key_bytes(&key, currency, strlen(currency) + 1);
        key_number(&key, (uint64_t)(amount.nano >> 64));
        key_number(&key, (uint64_t)amount.nano);
    }
    if (rule == RECONCILE_BY_RECORDS || rule == RECONCILE_BY_AMOUNT_RECORDS)
        key_number(&key, records);
    return key;
}

/* Most of these structures is the empty end of texts: a run of zeros is stored as one and its length. */
static size_t pack(const void *from, size_t length, char *out) {
    const char *in = from;
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        size_t run = 0;
        while (i + run < length && in[i + run] == '\0' && run < 255)
            run++;
        out[used++] = in[i];
        if (run)
            out[used++] = (char)run;
        i += run ? run : 1;
    }
    return used;
}

static void unpack(struct slice packed, void *to, size_t length) {
    char *out = to;
    memset(to, 0, length);
    for (size_t i = 0, used = 0; i < packed.length && used < length; i++) {
        if (packed.data[i] != '\0')
            out[used++] = packed.data[i];
        else
            used += (unsigned char)packed.data[++i];
    }
}

static enum rc put(struct sorter *sorter, const struct item *item, enum reconcile_rule rule, struct err *err) {
    struct key key = rule_key(item, rule);
    key_time(&key, item->from);
    key_number(&key, item->number);
    char packed[2 * sizeof *item];
    size_t length = pack(item, sizeof *item, packed);
    return sorter_add(sorter, (struct slice){key.bytes, key.length}, (struct slice){packed, length}, err);
}

/* --- adding ---------------------------------------------------------------------------------------------------------- */

struct reconcile *reconcile_new(const struct reconcile_options *options) {
    struct reconcile *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->options = *options;
    r->first_us = INT64_MAX;
    r->last_us = INT64_MIN;
    r->lines = sorter_new(0);
    r->charges = sorter_new(0);
    r->results = sorter_new(0);
    if (r->lines != NULL && r->charges != NULL && r->results != NULL)
        return r;
    reconcile_free(r);
    return NULL;
}

void reconcile_free(struct reconcile *r) {
    if (r == NULL)
        return;
    sorter_free(r->lines);
    sorter_free(r->charges);
    sorter_free(r->results);
    free(r);
}

enum rc reconcile_add_charge(struct reconcile *r, const struct ledger_charge *charge, struct err *err) {
    struct item item;
    memset(&item, 0, sizeof item);
    item.is_charge = true;
    item.number = ++r->charge_count;
    item.from = item.until = charge->time_us;
    item.charge = *charge;
    return put(r->charges, &item, RECONCILE_BY_ID, err);
}

enum rc reconcile_add_line(struct reconcile *r, const struct invoice_line *line, struct err *err) {
    struct item item;
    memset(&item, 0, sizeof item);
    item.number = ++r->line_count;
    item.from = line->has_time ? line->from_us : INT64_MIN;
    item.until = line->has_time ? line->until_us : INT64_MAX;
    item.line = *line;
    if (line->has_time) {
        r->first_us = line->from_us < r->first_us ? line->from_us : r->first_us;
        r->last_us = line->until_us > r->last_us ? line->until_us : r->last_us;
    }
    r->any_id = r->any_id || line->request_id[0] != '\0';
    r->any_records = r->any_records || line->has_records;
    return put(r->lines, &item, RECONCILE_BY_ID, err);
}

/* --- results --------------------------------------------------------------------------------------------------------- */

static enum rc tell(struct reconcile *r, const struct reconcile_result *result, struct err *err) {
    struct key key = {.length = 0};
    key_number(&key, !result->has_line);
    key_number(&key, result->has_line ? result->line.line : 0);
    key_time(&key, result->has_line ? 0 : result->charge.time_us);
    char packed[2 * sizeof *result];
    size_t length = pack(result, sizeof *result, packed);
    return sorter_add(r->results, (struct slice){key.bytes, key.length}, (struct slice){packed, length}, err);
}

enum rc reconcile_add_bad(struct reconcile *r, uint64_t line, const char *error, struct err *err) {
    struct reconcile_result result;
    memset(&result, 0, sizeof result);
    result.status = RECONCILE_BAD;
    result.has_line = true;
    result.line.line = line;
    str_copy(result.error, sizeof result.error, error);
    return tell(r, &result, err);
}

static enum rc tell_pair(struct reconcile *r, const struct item *line, const struct item *charge, enum reconcile_rule rule, struct err *err) {
    struct reconcile_result result;
    memset(&result, 0, sizeof result);
    result.has_line = result.has_charge = true;
    result.rule = rule;
    result.line = line->line;
    result.charge = charge->charge;
    bool same = dec_compare(line->line.amount, charge->charge.amount) == 0 && strcmp(line->line.currency, charge->charge.currency) == 0;
    bool records = !line->line.has_records || !charge->charge.has_records || line->line.records == charge->charge.records;
    result.status = !same ? RECONCILE_AMOUNT : records ? RECONCILE_OK : RECONCILE_RECORDS;
    return tell(r, &result, err);
}

static enum rc tell_line(struct reconcile *r, const struct item *item, uint64_t twice_of, struct err *err) {
    struct reconcile_result result;
    memset(&result, 0, sizeof result);
    result.status = RECONCILE_NOT_OURS;
    result.has_line = true;
    result.line = item->line;
    result.twice_of = twice_of;
    return tell(r, &result, err);
}

static bool in_period(const struct reconcile *r, int64_t us) {
    if (r->options.has_period)
        return us >= r->options.since_us && us < r->options.until_us;
    if (r->first_us > r->last_us) /* the invoice tells no times */
        return true;
    return us >= r->first_us - r->first_us % DAY_US && us < (r->last_us + DAY_US - 1) / DAY_US * DAY_US;
}

static enum rc tell_charge(struct reconcile *r, const struct item *item, struct err *err) {
    struct reconcile_result result;
    const struct ledger_charge *charge = &item->charge;
    if (charge->state == LEDGER_REFUSED || !in_period(r, charge->time_us))
        return RC_OK;
    memset(&result, 0, sizeof result);
    result.status = charge->state == LEDGER_UNDECIDED || charge->state == LEDGER_OPEN ? RECONCILE_NOT_CHARGED : RECONCILE_MISSING;
    result.has_charge = true;
    result.charge = *charge;
    return tell(r, &result, err);
}

/* --- joining --------------------------------------------------------------------------------------------------------- */

/* Which of the two sides may match in a pass, by whether they have a request id. */
enum who { WHO_ANY, WHO_WITHOUT_ID, WHO_WITH_ID };

struct pass {
    enum reconcile_rule rule, next; /* next: of the keys of what is left */
    enum who lines, charges;
    bool in_doubt; /* it is about charges that are not sure; those that are come first */
};

struct side {
    struct sorter *from, *left;
    struct item item;
    struct key key; /* without time and number */
    bool there;
};

static bool takes_part(const struct reconcile *r, const struct item *item, const struct pass *pass) {
    enum who who = item->is_charge ? pass->charges : pass->lines;
    bool has_id = id_of(item)[0] != '\0', records = item->is_charge ? item->charge.has_records : item->line.has_records;
    if (pass->rule == RECONCILE_BY_ID)
        return has_id;
    /* Only an id can say that a request was charged although it was refused, or stands on the invoice of another period. */
    if (item->is_charge && (item->charge.state == LEDGER_REFUSED || !in_period(r, item->from) || pass->in_doubt != (item->charge.state != LEDGER_CAPTURED)))
        return false;
    if (pass->rule == RECONCILE_BY_AMOUNT ? !item->is_charge && records : !records)
        return false;
    return who == WHO_ANY || has_id == (who == WHO_WITH_ID);
}

/* The next one that takes part; the others are left for the passes behind. */
static enum rc step(const struct reconcile *r, struct side *side, const struct pass *pass, struct err *err) {
    struct slice key, value;
    for (;;) {
        enum rc rc = sorter_next(side->from, &key, &value, err);
        side->there = rc == RC_OK;
        if (rc != RC_OK)
            return rc == RC_GONE ? RC_OK : rc;
        unpack(value, &side->item, sizeof side->item);
        if (takes_part(r, &side->item, pass)) {
            side->key = rule_key(&side->item, pass->rule);
            return RC_OK;
        }
        rc = put(side->left, &side->item, pass->next, err);
        if (rc != RC_OK)
            return rc;
    }
}

static enum rc leave(const struct reconcile *r, struct side *side, const struct pass *pass, struct err *err) {
    enum rc rc = put(side->left, &side->item, pass->next, err);
    return rc != RC_OK ? rc : step(r, side, pass, err);
}

static int compare(const struct key *a, const struct key *b) {
    int order = memcmp(a->bytes, b->bytes, a->length < b->length ? a->length : b->length);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* <0: the charge is too early for the line, >0: too late. */
static int apart(const struct reconcile *r, const struct item *line, const struct item *charge) {
    if (!line->line.has_time)
        return 0;
    return charge->from < line->from - r->options.window_us ? -1 : charge->from >= line->until + r->options.window_us;
}

static enum rc join(struct reconcile *r, struct side *lines, struct side *charges, const struct pass *pass, struct err *err) {
    struct key matched = {.length = 0};
    uint64_t matched_line = 0;
    enum rc rc = step(r, lines, pass, err);
    if (rc == RC_OK)
        rc = step(r, charges, pass, err);
    while (rc == RC_OK && (lines->there || charges->there)) {
        int order = !lines->there ? 1 : !charges->there ? -1 : compare(&lines->key, &charges->key);
        if (order == 0 && pass->rule != RECONCILE_BY_ID)
            order = -apart(r, &lines->item, &charges->item);
        if (order > 0) {
            rc = leave(r, charges, pass, err);
        } else if (order == 0) {
            rc = tell_pair(r, &lines->item, &charges->item, pass->rule, err);
            matched = lines->key;
            matched_line = lines->item.line.line;
            r->any_match = r->any_match || pass->rule == RECONCILE_BY_ID;
            if (rc == RC_OK)
                rc = step(r, lines, pass, err);
            if (rc == RC_OK)
                rc = step(r, charges, pass, err);
        } else if (pass->rule == RECONCILE_BY_ID && matched.length && compare(&matched, &lines->key) == 0) {
            rc = tell_line(r, &lines->item, matched_line, err); /* the same request once more: nothing else can be it */
            if (rc == RC_OK)
                rc = step(r, lines, pass, err);
        } else
            rc = leave(r, lines, pass, err);
    }
    return rc;
}

static enum rc run_pass(struct reconcile *r, const struct pass *pass, struct err *err) {
    if (sorter_count(r->lines) == 0 || sorter_count(r->charges) == 0)
        return RC_OK; /* in whatever order, they are left */
    struct side lines = {.from = r->lines, .left = sorter_new(0)}, charges = {.from = r->charges, .left = sorter_new(0)};
    enum rc rc = lines.left != NULL && charges.left != NULL ? join(r, &lines, &charges, pass, err) : err_set(err, RC_TEMP, "out of memory");
    sorter_free(r->lines);
    sorter_free(r->charges);
    r->lines = lines.left;
    r->charges = charges.left;
    return rc;
}

static enum rc tell_rest(struct reconcile *r, struct err *err) {
    struct slice key, value;
    struct item item;
    enum rc rc;
    while ((rc = sorter_next(r->lines, &key, &value, err)) == RC_OK) {
        unpack(value, &item, sizeof item);
        if ((rc = tell_line(r, &item, 0, err)) != RC_OK)
            return rc;
    }
    while (rc == RC_GONE && (rc = sorter_next(r->charges, &key, &value, err)) == RC_OK) {
        unpack(value, &item, sizeof item);
        if ((rc = tell_charge(r, &item, err)) != RC_OK)
            return rc;
        rc = RC_GONE;
    }
    return rc == RC_GONE ? RC_OK : rc;
}

/* By another rule than the request id; next: the rule that follows. */
static enum rc run_rule(struct reconcile *r, enum reconcile_rule rule, enum reconcile_rule next, bool in_doubt, struct err *err) {
    const struct pass any = {rule, next, WHO_ANY, WHO_ANY, in_doubt};
    const struct pass lost = {rule, rule, WHO_ANY, WHO_WITHOUT_ID, in_doubt}; /* an answer that was lost has no id */
    const struct pass bare = {rule, next, WHO_WITHOUT_ID, WHO_WITH_ID, in_doubt};
    if (!r->any_id || !r->any_match) /* the invoice has no ids, or others than the answers had */
        return run_pass(r, &any, err);
    enum rc rc = run_pass(r, &lost, err);
    return rc == RC_OK ? run_pass(r, &bare, err) : rc;
}

enum rc reconcile_match(struct reconcile *r, struct err *err) {
    static const enum reconcile_rule all[] = {RECONCILE_BY_AMOUNT_RECORDS, RECONCILE_BY_AMOUNT, RECONCILE_BY_RECORDS};
    const enum reconcile_rule *rules = r->any_records ? all : all + 1;
    const size_t count = r->any_records ? 3 : 1; /* without records only the amounts can tell */
    const struct pass by_id = {.rule = RECONCILE_BY_ID, .next = rules[0]};
    enum rc rc = run_pass(r, &by_id, err);
    for (size_t i = 0; rc == RC_OK && i < 2 * count; i++)
        rc = run_rule(r, rules[i / 2], rules[(i + 1) / 2 < count ? (i + 1) / 2 : count - 1], i % 2 == 1, err);
    return rc == RC_OK ? tell_rest(r, err) : rc;
}

enum rc reconcile_next(struct reconcile *r, struct reconcile_result *result, struct err *err) {
    struct slice key, value;
    enum rc rc = sorter_next(r->results, &key, &value, err);
    if (rc == RC_OK)
        unpack(value, result, sizeof *result);
    return rc;
}
