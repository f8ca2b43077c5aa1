// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_reconcile.h"

#include "base/clock.h"
#include "cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>

/* One line of a comparison, for people and as JSON. */

static const char *const statuses[] = {[RECONCILE_OK] = "OK",
                                       [RECONCILE_AMOUNT] = "AMOUNT DIFFERS",
                                       [RECONCILE_RECORDS] = "RECORDS DIFFER",
                                       [RECONCILE_NOT_OURS] = "NOT IN JOURNALS",
                                       [RECONCILE_MISSING] = "MISSING FROM INVOICE",
                                       [RECONCILE_NOT_CHARGED] = "NOT CHARGED",
                                       [RECONCILE_BAD] = "BAD LINE"};
static const char *const rules[] = {"request id", "time, amount and records", "time and amount", "time and records"};
static const char *const states[] = {"captured", "decided", "undecided", "open", "refused"};

bool cmd_reconcile_undecided(const struct reconcile_result *result) {
    return result->has_charge && (result->charge.state == LEDGER_UNDECIDED || result->charge.state == LEDGER_OPEN);
}

/* What to do about an undecided charge; false: nothing is to be decided. */
static bool suggestion(const struct reconcile_result *result, char *command, size_t size) {
    return cmd_reconcile_undecided(result) &&
           str_format(command, size, "batchspool release --accept-charge --batch %" PRIu32 " %s", result->charge.batch, result->charge.job_id);
}

static const char *note_of(const struct reconcile_result *result, char out[200]) {
    const enum ledger_state state = result->has_charge ? result->charge.state : LEDGER_CAPTURED;
    out[0] = '\0';
    if (result->status == RECONCILE_BAD)
        str_copy(out, 200, "it counts for nothing");
    else if (result->twice_of)
        str_format(out, 200, "its request id stands in line %" PRIu64 " already", result->twice_of);
    else if (state == LEDGER_REFUSED)
        str_copy(out, 200, "by the source's own answer this request was not charged");
    else if (result->status == RECONCILE_MISSING && state == LEDGER_DECIDED)
        str_copy(out, 200, "its answer was lost; it was released, and counts as spent");
    else if (state == LEDGER_OPEN)
        str_copy(out, 200, "nothing was heard of this request yet: decide when batchspoold has run and put it in doubt");
    else if (cmd_reconcile_undecided(result) && result->has_line)
        str_copy(out, 200, "charged: the page is bought once more; --give-up in place of --accept-charge does without it");
    else if (cmd_reconcile_undecided(result))
        str_copy(out, 200, "not charged: the page is bought");
    return out;
}

void cmd_reconcile_amount(cJSON *json, const char *name, struct dec amount) {
    char text[DEC_TEXT_SIZE];
    dec_format(amount, text);
    cJSON_AddStringToObject(json, name, text);
}

static void add_line(cJSON *json, const struct invoice_line *line, bool bad) {
    char when[CLOCK_RFC3339_SIZE];
    cJSON_AddNumberToObject(json, "line", (double)line->line);
    if (bad)
        return;
    if (line->request_id[0])
        cJSON_AddStringToObject(json, "request_id", line->request_id);
    if (line->has_time) {
        clock_format_rfc3339(line->from_us, 0, when);
        cJSON_AddStringToObject(json, "time", when);
    }
    if (line->has_records)
        cJSON_AddNumberToObject(json, "records", (double)line->records);
    cmd_reconcile_amount(json, "amount", line->amount);
    cJSON_AddStringToObject(json, "currency", line->currency);
}

static void add_charge(cJSON *json, const struct ledger_charge *charge) {
    char when[CLOCK_RFC3339_SIZE];
    cJSON *object = cJSON_AddObjectToObject(json, "charge");
    cJSON_AddStringToObject(object, "job_id", charge->job_id);
    cJSON_AddNumberToObject(object, "batch", charge->batch);
    cJSON_AddNumberToObject(object, "attempt", charge->attempt);
    cJSON_AddStringToObject(object, "state", states[charge->state]);
    clock_format_rfc3339(charge->time_us, 3, when);
    cJSON_AddStringToObject(object, "time", when);
    if (charge->has_records)
        cJSON_AddNumberToObject(object, "records", (double)charge->records);
    cmd_reconcile_amount(object, "amount", charge->amount);
    cJSON_AddStringToObject(object, "currency", charge->currency);
    if (charge->request_id[0])
        cJSON_AddStringToObject(object, "request_id", charge->request_id);
}

cJSON *cmd_reconcile_object(const struct reconcile_result *result) {
    char command[JOBID_SIZE + 100], note[200];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "status", statuses[result->status]);
    if (result->has_line)
        add_line(json, &result->line, result->status == RECONCILE_BAD);
    if (result->status == RECONCILE_BAD)
        cJSON_AddStringToObject(json, "error", result->error);
    if (result->has_line && result->has_charge)
        cJSON_AddStringToObject(json, "matched_by", rules[result->rule]);
    if (result->has_charge)
        add_charge(json, &result->charge);
    if (cmd_reconcile_undecided(result))
        cJSON_AddStringToObject(json, "verdict", result->has_line ? "charged" : "not charged");
    if (suggestion(result, command, sizeof command))
        cJSON_AddStringToObject(json, "command", command);
    if (*note_of(result, note))
        cJSON_AddStringToObject(json, "note", note);
    return json;
}

void cmd_reconcile_line(const struct reconcile_result *result) {
    char line[32] = "", command[JOBID_SIZE + 100], note[200], shown[600], amount[DEC_TEXT_SIZE], when[CLOCK_RFC3339_SIZE];
    if (result->has_line)
        snprintf(line, sizeof line, "line %" PRIu64, result->line.line);
    printf("%-12s  %-20s", line, statuses[result->status]);
    if (result->status == RECONCILE_BAD)
        printf("  %s", cmd_shown(shown, sizeof shown, result->error, false));
    else if (result->has_line) {
        dec_format(result->line.amount, amount);
        printf("  %s %s", amount, cmd_shown(shown, sizeof shown, result->line.currency, true));
        if (result->line.request_id[0])
            printf("  %s", cmd_shown(shown, sizeof shown, result->line.request_id, false));
    }
    if (result->has_charge) {
        const struct ledger_charge *charge = &result->charge;
        dec_format(charge->amount, amount);
        clock_format_rfc3339(charge->time_us, 0, when);
        printf("  %s batch %" PRIu32 "  %s %s", charge->job_id, charge->batch, amount, cmd_shown(shown, sizeof shown, charge->currency, true));
        if (charge->has_records)
            printf("  %" PRIu64 " records", charge->records);
        printf("  %s", when);
    }
    if (result->has_line && result->has_charge)
        printf("  (by %s)", rules[result->rule]);
    if (cmd_reconcile_undecided(result))
        printf("  %s", result->has_line ? "CHARGED" : "not charged");
    putchar('\n');
    if (*note_of(result, note))
        printf("%14s%s\n", "", note);
    if (suggestion(result, command, sizeof command))
        printf("%14s%s\n", "", command);
}
