// SPDX-License-Identifier: Apache-2.0
#include "engine/ledger.h"

#include "base/clock.h"
#include "spool/journal_line.h"

#include <stdlib.h>
#include <string.h>

struct reading {
    ledger_seen *fn;
    void (*on_damage)(void *context, const struct err *err);
    void *context;
    struct ledger_charge *list; /* those without an outcome yet, and undecided ones */
    size_t count, capacity;
    const struct job_row *row;
    enum rc rc;
    struct err *err;
};

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

static bool money_of(const cJSON *json, const char *name, struct dec *money) {
    return dec_parse(slice_of(text_of(json, name)), money);
}

static void take_id(struct ledger_charge *charge, const char *id) {
    if (*id)
        str_copy(charge->request_id, sizeof charge->request_id, id);
}

static void tell(struct reading *reading, struct ledger_charge *charge) {
    str_copy(charge->currency, sizeof charge->currency, reading->row->currency);
    if (!reading->rc)
        reading->rc = reading->fn(reading->context, reading->row, charge, reading->err);
}

static void drop(struct reading *reading, struct ledger_charge *charge) {
    size_t at = (size_t)(charge - reading->list);
    memmove(charge, charge + 1, (--reading->count - at) * sizeof *charge);
}

static void end(struct reading *reading, struct ledger_charge *charge, enum ledger_state state) {
    charge->state = state;
    tell(reading, charge);
    drop(reading, charge);
}

/* The request of this batch whose outcome is not told yet; NULL. */
static struct ledger_charge *open_of(struct reading *reading, uint32_t batch) {
    for (size_t i = reading->count; i-- > 0;)
        if (reading->list[i].batch == batch && reading->list[i].state == LEDGER_OPEN)
            return &reading->list[i];
    return NULL;
}

static struct ledger_charge *begin(struct reading *reading, uint32_t batch, const struct journal_line *line) {
    for (size_t i = reading->count; i-- > 0;)
        if (reading->list[i].batch == batch && reading->list[i].state == LEDGER_UNDECIDED) /* asked again without a decision: it counts as spent */
            end(reading, &reading->list[i], LEDGER_DECIDED);
    struct ledger_charge *before = open_of(reading, batch);
    if (before) /* nothing says what became of it: the source is idempotent */
        drop(reading, before);
    if (reading->count == reading->capacity) {
        size_t capacity = reading->capacity ? reading->capacity * 2 : 16;
        struct ledger_charge *list = realloc(reading->list, capacity * sizeof *list);
        if (!list) {
            reading->rc = err_set(reading->err, RC_TEMP, "out of memory");
            return NULL;
        }
        reading->list = list;
        reading->capacity = capacity;
    }
    struct ledger_charge *charge = &reading->list[reading->count++];
    uint64_t attempt = 0;
    memset(charge, 0, sizeof *charge);
    str_copy(charge->job_id, sizeof charge->job_id, reading->row->id);
    journal_line_u64(line->json, "attempt", &attempt);
    charge->attempt = (uint32_t)attempt;
    charge->batch = batch;
    charge->state = LEDGER_OPEN;
    charge->time_us = line->ts_us;
    money_of(line->json, "max_cost", &charge->amount);
    charge->has_records = journal_line_u64(line->json, "limit", &charge->records) && charge->records;
    return charge;
}

static void captured(struct reading *reading, struct ledger_charge *charge, const struct journal_line *line) {
    charge->has_records = journal_line_u64(line->json, "records", &charge->records);
    charge->amount = dec_zero();
    money_of(line->json, "cost", &charge->amount);
    clock_parse_rfc3339(text_of(line->json, "captured_at"), &charge->time_us);
    end(reading, charge, LEDGER_CAPTURED);
}

/* Its time stays that of the request: who waited for an answer, or came back after a crash, tells of it later. */
static void in_doubt(struct ledger_charge *charge, const struct journal_line *line) {
    money_of(line->json, "cost", &charge->amount);
    take_id(charge, text_of(line->json, "request_id"));
    charge->state = LEDGER_UNDECIDED;
}

/* What a refusal's answer named may stand on an invoice all the same; what never had one was not sent, or is asked for again. */
static void refused(struct reading *reading, struct ledger_charge *charge, const struct journal_line *line) {
    take_id(charge, text_of(line->json, "request_id"));
    charge->time_us = line->ts_us;
    charge->amount = dec_zero();
    if (money_of(line->json, "cost", &charge->amount)) /* it was paid for, and of no use */
        end(reading, charge, LEDGER_DECIDED);
    else if (charge->request_id[0])
        end(reading, charge, LEDGER_REFUSED);
    else
        drop(reading, charge);
}

static void released(struct reading *reading, const struct journal_line *line) {
    const char *decision = text_of(line->json, "decision");
    uint32_t batch = job_line_batch(line);
    if (strcmp(decision, "accept_charge") != 0 && strcmp(decision, "give_up") != 0)
        return;
    for (size_t i = 0; i < reading->count;) {
        struct ledger_charge *charge = &reading->list[i];
        if (charge->state == LEDGER_UNDECIDED && (!batch || charge->batch == batch))
            end(reading, charge, LEDGER_DECIDED);
        else
            i++;
    }
}

static void on_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct reading *reading = context;
    uint32_t batch = job_line_batch(line);
    reading->row = row;
    if (strcmp(line->event, "released") == 0)
        released(reading, line);
    else if (batch && strcmp(line->event, "requested") == 0 && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line->json, "paid")))
        begin(reading, batch, line);
    struct ledger_charge *charge = batch ? open_of(reading, batch) : NULL;
    if (!charge)
        return;
    if (strcmp(line->event, "answered") == 0) {
        charge->time_us = line->ts_us;
        take_id(charge, text_of(cJSON_GetObjectItemCaseSensitive(line->json, "headers"), "request_id"));
    } else if (strcmp(line->event, "captured") == 0)
        captured(reading, charge, line);
    else if (strcmp(line->event, "charge_unknown") == 0)
        in_doubt(charge, line);
    else if (strcmp(line->event, "retrying") == 0 || strcmp(line->event, "failed") == 0)
        refused(reading, charge, line);
}

static void damaged(void *context, const struct err *err) {
    struct reading *reading = context;
    reading->on_damage(reading->context, err);
}

enum rc ledger_read(const struct spool *spool, const char *job_id, ledger_seen *fn, void (*on_damage)(void *context, const struct err *err), void *context,
                    struct err *err) {
    struct job_row row;
    struct reading reading = {.fn = fn, .on_damage = on_damage, .context = context, .row = &row, .err = err};
    const struct job_listener listener = {.line = on_line, .damage = on_damage ? damaged : NULL, .context = &reading};
    enum rc rc = job_row_listen(spool, job_id, &row, &listener, err);
    reading.row = &row;
    for (size_t i = 0; !rc && i < reading.count; i++)
        tell(&reading, &reading.list[i]);
    free(reading.list);
    return rc ? rc : reading.rc;
}
