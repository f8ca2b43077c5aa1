// SPDX-License-Identifier: Apache-2.0
#include "spool/job.h"

#include "base/clock.h"
#include "base/limits.h"
#include "spool/journal_line.h"
#include "spool/payload.h"

#include <stdlib.h>
#include <string.h>

#define RUN_SILENCE_US INT64_C(120000000) /* a job that is silent for a minute waits in deferred/ */

static const char *const PRIORITIES[] = {"low", "normal", "high", "urgent"};

const char *priority_name(enum priority priority) {
    return PRIORITIES[priority];
}

bool priority_parse(const char *name, enum priority *priority) {
    for (enum priority p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
        if (strcmp(name, PRIORITIES[p]) == 0) {
            *priority = p;
            return true;
        }
    return false;
}

void job_row_init(struct job_row *row, const char *id) {
    *row = (struct job_row){.place = PLACE_NONE, .priority = PRIORITY_NORMAL, .automatic = false};
    str_copy(row->id, sizeof row->id, id);
    row->total_records = row->take = row->unique_records = row->duplicate_records = row->missing_records = JOB_UNKNOWN;
    row->guess.requests = row->guess.records = row->guess.ms = JOB_UNKNOWN;
    str_copy(row->journal_hash, sizeof row->journal_hash, JOURNAL_FIRST_PREV);
}

void job_memory_release(struct job_memory *memory) {
    free(memory->unknown);
    *memory = (struct job_memory){0};
}

/* Members of a line. What is absent, or not of the kind expected, leaves the row as it is. */

static const char *text_of(const struct journal_line *line, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line->json, name);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* Cut where it does not fit, between characters. */
static void take_text(const struct journal_line *line, const char *name, char *out, size_t size) {
    const char *text = text_of(line, name);
    if (text == NULL)
        return;
    size_t length = strlen(text);
    if (length >= size)
        for (length = size - 1; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80; length--)
            ;
    memcpy(out, text, length);
    out[length] = '\0';
}

static void take_count(const struct journal_line *line, const char *name, uint64_t *out) {
    journal_line_u64(line->json, name, out);
}

static uint64_t count_of(const struct journal_line *line, const char *name) {
    uint64_t count = 0;
    take_count(line, name, &count);
    return count;
}

static void take_bool(const struct journal_line *line, const char *name, bool *out) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line->json, name);
    if (cJSON_IsBool(item))
        *out = cJSON_IsTrue(item);
}

static void take_time(const struct journal_line *line, const char *name, int64_t *out) {
    const char *text = text_of(line, name);
    if (text != NULL)
        clock_parse_rfc3339(text, out);
}

static struct dec money_of(const struct journal_line *line, const char *name) {
    struct dec money;
    const char *text = text_of(line, name);
    return text != NULL && dec_parse(slice_of(text), &money) ? money : dec_zero();
}

uint32_t job_line_batch(const struct journal_line *line) {
    uint64_t batch = count_of(line, "batch");
    return batch <= UINT32_MAX ? (uint32_t)batch : 0;
}

bool job_line_inner(const struct journal_line *line) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line->json, "inner"));
}

/* Money */

static void move_money(struct job_row *row, int64_t ts_us, struct job_money moved) {
    row->cost = dec_add(row->cost, moved.spent);
    row->cost_in_doubt = dec_add(row->cost_in_doubt, moved.in_doubt);
    row->cost_open = dec_add(row->cost_open, moved.open);
    if (row->memory != NULL && row->memory->money != NULL)
        row->memory->money(row->memory->context, ts_us, &moved);
}

static struct dec less(struct dec money) {
    return dec_sub(dec_zero(), money);
}

/* The place of the batch in the list of undecided and open charges, or where it would go. */
static size_t unknown_at(const struct job_memory *memory, uint32_t batch) {
    size_t low = 0, high = memory->unknown_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memory->unknown[middle].batch < batch)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum rc unknown_reserve(struct job_memory *memory) {
    if (memory->unknown_count < memory->unknown_capacity)
        return RC_OK;
    size_t capacity = memory->unknown_capacity == 0 ? 8 : memory->unknown_capacity * 2;
    struct job_unknown *grown = realloc(memory->unknown, capacity * sizeof *grown);
    if (grown == NULL)
        return RC_TEMP;
    memory->unknown = grown;
    memory->unknown_capacity = capacity;
    return RC_OK;
}

static bool unknown_here(const struct job_memory *memory, size_t at, uint32_t batch) {
    return at < memory->unknown_count && memory->unknown[at].batch == batch;
}

/* What was open is over; what was in doubt is spent. */
static void settle(struct job_row *row, size_t at) {
    struct job_memory *memory = row->memory;
    struct job_unknown was = memory->unknown[at];
    memory->unknown_count--;
    memmove(&memory->unknown[at], &memory->unknown[at + 1], (memory->unknown_count - at) * sizeof was);
    if (was.open) {
        row->open_batches--;
        move_money(row, was.ts_us, (struct job_money){.open = less(was.cost)});
    } else {
        row->unknown_batches--;
        move_money(row, was.ts_us, (struct job_money){.spent = was.cost, .in_doubt = less(was.cost)});
    }
}

/* A charge that is still undecided when its page is asked for again, or is lost again (`retry` sources), may have been one: it is spent. */
static enum rc doubt(struct job_row *row, const struct job_unknown *unknown) {
    struct job_memory *memory = row->memory;
    if (memory == NULL)
        return RC_OK;
    if (unknown_reserve(memory) != RC_OK)
        return RC_TEMP;
    size_t at = unknown_at(memory, unknown->batch);
    if (unknown_here(memory, at, unknown->batch))
        settle(row, at);
    memmove(&memory->unknown[at + 1], &memory->unknown[at], (memory->unknown_count - at) * sizeof *unknown);
    memory->unknown[at] = *unknown;
    memory->unknown_count++;
    row->unknown_batches += !unknown->open;
    row->open_batches += unknown->open;
    struct job_money moved = {.open = dec_zero()};
    *(unknown->open ? &moved.open : &moved.in_doubt) = unknown->cost;
    move_money(row, unknown->ts_us, moved);
    return RC_OK;
}

/* The lines that put money in doubt, or begin to spend it: the only ones that need memory. */
static enum rc apply_doubt(struct job_row *row, const struct journal_line *line) {
    struct job_unknown unknown = {.batch = job_line_batch(line), .ts_us = line->ts_us};
    if (strcmp(line->event, "charge_unknown") == 0) {
        unknown.cost = money_of(line, "cost");
        return doubt(row, &unknown);
    }
    bool paid = false;
    take_bool(line, "paid", &paid);
    if (strcmp(line->event, "requested") != 0 || !paid)
        return RC_OK;
    unknown.open = true;
    unknown.cost = money_of(line, "max_cost");
    return doubt(row, &unknown);
}

/* Something was heard of the batch's request. */
static void heard(struct job_row *row, const struct journal_line *line) {
    struct job_memory *memory = row->memory;
    if (memory == NULL)
        return;
    uint32_t batch = job_line_batch(line);
    size_t at = unknown_at(memory, batch);
    if (unknown_here(memory, at, batch) && memory->unknown[at].open)
        settle(row, at);
}

/* Only a decision about charges decides them: a bare release, as `mv` makes, leaves them in doubt. */
static void apply_released(struct job_row *row, const struct journal_line *line) {
    const char *decision = text_of(line, "decision");
    struct job_memory *memory = row->memory;
    if (memory == NULL || decision == NULL || (strcmp(decision, "accept_charge") != 0 && strcmp(decision, "give_up") != 0))
        return;
    if (cJSON_GetObjectItemCaseSensitive(line->json, "batch") == NULL) {
        for (size_t at = memory->unknown_count; at-- > 0;)
            if (!memory->unknown[at].open)
                settle(row, at);
        return;
    }
    uint32_t batch = job_line_batch(line);
    size_t at = unknown_at(memory, batch);
    if (unknown_here(memory, at, batch) && !memory->unknown[at].open)
        settle(row, at);
}

/* Counts */

static void set_total(struct job_row *row, uint64_t total) {
    row->total_records = row->take != JOB_UNKNOWN && row->take < total ? row->take : total;
}

static void apply_total(struct job_row *row, const struct journal_line *line, const char *name) {
    uint64_t total;
    if (journal_line_u64(line->json, name, &total))
        set_total(row, total);
}

static struct job_batch batch_before(const struct job_row *row) {
    return row->memory != NULL ? row->memory->batch : (struct job_batch){0};
}

static void apply_same_bytes(struct job_row *row, const struct journal_line *line) {
    const char *file = text_of(line, "file"), *same_as = text_of(line, "same_as");
    if (file == NULL || same_as == NULL)
        return;
    row->same_batches++;
    row->repeats += payload_same_job(file, same_as);
}

/* The pages of a run double: a new mark. */
static void mark_page(struct job_row *row, const struct journal_line *line) {
    const uint64_t batches = row->captured_batches - row->started_batches;
    if (row->mark_us != 0 && batches < 2 * (row->mark_batches - row->started_batches))
        return;
    row->earlier_us = row->mark_us;
    row->earlier_records = row->mark_records;
    row->earlier_batches = row->mark_batches;
    row->mark_us = line->ts_us;
    row->mark_records = row->processed_records;
    row->mark_batches = row->captured_batches;
}

static int64_t charged_at(const struct journal_line *line) {
    int64_t charged_us = line->ts_us;
    take_time(line, "captured_at", &charged_us);
    return charged_us;
}

static void apply_captured(struct job_row *row, const struct journal_line *line) {
    struct job_batch before = batch_before(row);
    heard(row, line);
    row->outcome_us = line->ts_us;
    if (before.captured)
        return;
    if (job_line_inner(line)) {
        row->progress_us = line->ts_us;
        move_money(row, charged_at(line), (struct job_money){.spent = money_of(line, "cost")});
        return;
    }
    apply_same_bytes(row, line);
    apply_total(row, line, "total");
    row->captured_batches++;
    row->processed_records += count_of(line, "records");
    row->progress_us = line->ts_us;
    mark_page(row, line);
    if (before.failed_unit) {
        row->failed_units--;
        row->error_count--;
    }
    move_money(row, charged_at(line), (struct job_money){.spent = money_of(line, "cost")});
}

/* Take back what an earlier `loaded` or `rejected` of the payload counted. */
static void uncount(struct job_row *row, const struct job_batch *before) {
    if (!before->captured)
        return;
    if (before->status == FILE_COMPLETED)
        row->loaded_batches--;
    if (before->status == FILE_FAILED)
        row->failed_batches--;
    row->success_count -= before->success_count;
    row->error_count -= before->error_count;
}

static void apply_loaded(struct job_row *row, const struct journal_line *line) {
    struct job_batch before = batch_before(row);
    row->outcome_us = line->ts_us;
    if (!before.captured)
        return;
    uncount(row, &before);
    row->loaded_batches++;
    row->success_count += count_of(line, "success_count");
    row->error_count += count_of(line, "error_count");
}

static void apply_file_rejected(struct job_row *row) {
    struct job_batch before = batch_before(row);
    if (!before.captured)
        return;
    uncount(row, &before);
    row->failed_batches++;
}

/* A payload that could not be loaded is to be loaded once more. */
static void apply_reshelved(struct job_row *row, const struct journal_line *line) {
    struct job_batch before = batch_before(row);
    (void)line;
    uncount(row, &before);
}

static void apply_unit_failed(struct job_row *row) {
    struct job_batch before = batch_before(row);
    if (before.captured || before.failed_unit)
        return;
    row->failed_units++;
    row->error_count++;
}

/* Places */

static void put(struct job_row *row, const struct journal_line *line, enum place place) {
    row->place = place;
    row->placed_us = line->ts_us;
    row->until_us = row->until_mtime_us = 0;
    row->reason[0] = row->error_details[0] = '\0';
    take_text(line, "reason", row->reason, sizeof row->reason);
    take_text(line, "error", row->error_details, sizeof row->error_details);
    row->archived_us = 0;
    bool final = place == PLACE_PROCESSED || place == PLACE_FAILED || place == PLACE_CANCELLED;
    row->completed_us = final ? line->ts_us : 0;
}

static void apply_guess(struct job_row *row, const struct journal_line *line) {
    const struct journal_line guess = {.json = cJSON_GetObjectItemCaseSensitive(line->json, "estimate")};
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(guess.json, "seconds");
    row->guess = (struct job_guess){.requests = JOB_UNKNOWN, .records = JOB_UNKNOWN, .ms = JOB_UNKNOWN, .cost = money_of(&guess, "cost")};
    row->guess.priced = text_of(&guess, "cost") != NULL;
    take_count(&guess, "requests", &row->guess.requests);
    take_count(&guess, "records", &row->guess.records);
    take_text(&guess, "basis", row->guess.basis, sizeof row->guess.basis);
    if (cJSON_IsNumber(seconds) && seconds->valuedouble >= 0 && seconds->valuedouble < 1e12)
        row->guess.ms = (uint64_t)(seconds->valuedouble * 1000 + 0.5);
}

static bool by_person(const struct journal_line *line) {
    const char *by = text_of(line, "by");
    return by != NULL && strcmp(by, "daemon") != 0;
}

static void set_owned(struct job_row *row, uint64_t owned);

static void apply_accepted(struct job_row *row, const struct journal_line *line) {
    const char *text;
    put(row, line, PLACE_PENDING);
    row->accepted = true;
    row->override_wait = false;
    row->not_before_us = 0;
    row->take = JOB_UNKNOWN;
    row->metered = false;
    row->automatic = (text = text_of(line, "process")) != NULL && strcmp(text, "auto") == 0;
    row->priority = PRIORITY_NORMAL;
    if ((text = text_of(line, "priority")) != NULL)
        priority_parse(text, &row->priority);
    str_copy(row->mode, sizeof row->mode, "run");
    row->campaign[0] = row->name[0] = row->criteria_hash[0] = row->currency[0] = row->text_sha256[0] = row->reuses[0] = '\0';
    take_text(line, "mode", row->mode, sizeof row->mode);
    take_text(line, "source", row->source, sizeof row->source);
    take_text(line, "campaign_id", row->campaign, sizeof row->campaign);
    take_text(line, "name", row->name, sizeof row->name);
    take_text(line, "created_by", row->created_by, sizeof row->created_by);
    take_text(line, "criteria_hash", row->criteria_hash, sizeof row->criteria_hash);
    take_text(line, "sha256", row->text_sha256, sizeof row->text_sha256);
    take_text(line, "currency", row->currency, sizeof row->currency);
    take_text(line, "reuses", row->reuses, sizeof row->reuses);
    take_bool(line, "metered", &row->metered);
    take_count(line, "take", &row->take);
    take_time(line, "not_before", &row->not_before_us);
    apply_guess(row, line);
    if (!row->requested) {
        row->total_records = JOB_UNKNOWN;
        apply_total(row, line, "units");
        set_owned(row, 0);
    }
}

static void apply_rejected(struct job_row *row, const struct journal_line *line) {
    if (job_line_batch(line) > 0) {
        row->outcome_us = line->ts_us;
        apply_file_rejected(row);
        return;
    }
    put(row, line, PLACE_FAILED);
    take_text(line, "name", row->name, sizeof row->name);
    take_text(line, "created_by", row->created_by, sizeof row->created_by);
}

static void apply_previewed(struct job_row *row, const struct journal_line *line) {
    row->outcome_us = line->ts_us;
    apply_total(row, line, "total");
    take_text(line, "currency", row->currency, sizeof row->currency);
}

/* Of a delta purchase: what is owned already counts as captured and loaded. */
static void set_owned(struct job_row *row, uint64_t owned) {
    row->processed_records += owned - row->owned_records;
    row->success_count += owned - row->owned_records;
    row->owned_records = owned;
}

static void apply_listed(struct job_row *row, const struct journal_line *line) {
    apply_total(row, line, "total");
    set_owned(row, count_of(line, "owned"));
}

static void apply_deferred(struct job_row *row, const struct journal_line *line) {
    put(row, line, PLACE_DEFERRED);
    take_time(line, "until", &row->until_us);
    row->until_mtime_us = row->until_us;
    take_time(line, "mtime", &row->until_mtime_us);
    if (by_person(line))
        row->override_wait = true;
}

/* A file that was put back has not changed its place: why and since when it is there stays. */
static void apply_requeued(struct job_row *row, const struct journal_line *line) {
    const char *to = text_of(line, "to"), *reason = text_of(line, "reason");
    enum place place = to == NULL ? PLACE_PENDING : place_from_name(to);
    if (place == PLACE_NONE || (reason != NULL && strcmp(reason, "put_back") == 0 && place == row->place))
        return;
    put(row, line, place);
    if (place == PLACE_PENDING && by_person(line))
        row->override_wait = true;
}

static void apply_reprioritised(struct job_row *row, const struct journal_line *line) {
    const char *text = text_of(line, "priority");
    if (text != NULL)
        priority_parse(text, &row->priority);
}

static void apply_coverage(struct job_row *row, const struct journal_line *line, const char *total) {
    apply_total(row, line, total);
    take_count(line, "unique", &row->unique_records);
    take_count(line, "duplicates", &row->duplicate_records);
    take_count(line, "missing", &row->missing_records);
}

static void apply_completed(struct job_row *row, const struct journal_line *line) {
    put(row, line, PLACE_PROCESSED);
    apply_coverage(row, line, "total");
    take_text(line, "reuses", row->reuses, sizeof row->reuses);
}

/* An answer that was paid for and is of no use: what it cost is known. */
static void apply_spent(struct job_row *row, const struct journal_line *line) {
    if (text_of(line, "cost") != NULL)
        move_money(row, line->ts_us, (struct job_money){.spent = money_of(line, "cost")});
}

static void apply_failed(struct job_row *row, const struct journal_line *line) {
    if (job_line_batch(line) > 0) {
        heard(row, line);
        row->outcome_us = line->ts_us;
        apply_spent(row, line);
        apply_unit_failed(row);
        return;
    }
    put(row, line, PLACE_FAILED);
    apply_coverage(row, line, "expected");
}

static void apply_requested(struct job_row *row, const struct journal_line *line) {
    row->requested = true;
    if (row->started_us == 0 || line->ts_us - row->updated_us > RUN_SILENCE_US) {
        row->started_us = line->ts_us;
        row->started_records = row->processed_records;
        row->started_batches = row->captured_batches;
        row->progress_us = 0;
        row->mark_us = row->earlier_us = 0;
    }
    row->requested_us = line->ts_us;
    uint64_t timeout_s = 0;
    take_count(line, "timeout_s", &timeout_s);
    if (timeout_s > 0 && timeout_s < 1000000 && line->ts_us + (int64_t)timeout_s * 1000000 > row->quiet_until_us)
        row->quiet_until_us = line->ts_us + (int64_t)timeout_s * 1000000;
}

/* Of several pages that wait the one that comes first counts. */
static void apply_retrying(struct job_row *row, const struct journal_line *line) {
    int64_t until_us = 0;
    heard(row, line);
    row->outcome_us = line->ts_us;
    apply_spent(row, line);
    take_time(line, "until", &until_us);
    if (until_us == 0 || (row->retry_us > line->ts_us && row->retry_us <= until_us))
        return;
    row->retry_us = until_us;
    row->retry_reason[0] = '\0';
    take_text(line, "reason", row->retry_reason, sizeof row->retry_reason);
}

static void apply_claimed(struct job_row *row, const struct journal_line *line) {
    put(row, line, PLACE_PROCESSING);
    row->started_us = row->progress_us = row->retry_us = row->mark_us = row->earlier_us = 0;
    row->retry_reason[0] = '\0';
}

static void apply_held(struct job_row *row, const struct journal_line *line) {
    put(row, line, PLACE_HOLD);
}

static void apply_cancelled(struct job_row *row, const struct journal_line *line) {
    put(row, line, PLACE_CANCELLED);
}

/* Retention: of a batch its payload, else the job's file. The place is where it was last. */
static void apply_archived(struct job_row *row, const struct journal_line *line) {
    if (job_line_batch(line) == 0)
        row->archived_us = line->ts_us;
    else if (!job_line_inner(line) && batch_before(row).captured && !batch_before(row).archived)
        row->archived_batches++;
}

static void apply_restored(struct job_row *row, const struct journal_line *line) {
    if (!job_line_inner(line) && batch_before(row).archived)
        row->archived_batches--;
}

static const struct {
    const char *event;
    void (*apply)(struct job_row *row, const struct journal_line *line);
} EVENTS[] = {
    {"accepted", apply_accepted},   {"rejected", apply_rejected},
    {"previewed", apply_previewed}, {"listed", apply_listed},
    {"claimed", apply_claimed},     {"requested", apply_requested},
    {"captured", apply_captured},   {"loaded", apply_loaded},
    {"deferred", apply_deferred},   {"held", apply_held},
    {"released", apply_released},   {"cancelled", apply_cancelled},
    {"requeued", apply_requeued},   {"reprioritised", apply_reprioritised},
    {"completed", apply_completed}, {"failed", apply_failed},
    {"retrying", apply_retrying},   {"reshelved", apply_reshelved},
    {"archived", apply_archived},   {"restored", apply_restored},
};

enum rc job_row_apply(struct job_row *row, const struct journal_line *line) {
    if (apply_doubt(row, line) != RC_OK)
        return RC_TEMP;
    if (strcmp(line->event, "charge_unknown") == 0)
        row->outcome_us = line->ts_us;
    for (size_t i = 0; i < sizeof EVENTS / sizeof EVENTS[0]; i++)
        if (strcmp(line->event, EVENTS[i].event) == 0) {
            EVENTS[i].apply(row, line);
            break;
        }
    if (row->created_us == 0)
        row->created_us = line->ts_us;
    row->updated_us = line->ts_us;
    row->journal_offset = line->end;
    row->journal_seq = line->seq;
    memcpy(row->journal_hash, line->hash, sizeof row->journal_hash);
    return RC_OK;
}
