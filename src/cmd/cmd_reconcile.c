// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"
#include "cmd/cmd_period.h"
#include "cmd/cmd_reconcile.h"

#include "base/zone.h"
#include "engine/reconcile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A provider's invoice against the journals: reading both, and telling. */

#define CURRENCIES 16u
#define WINDOW_US (INT64_C(15) * 60 * 1000000)

struct total { /* of one currency */
    char currency[9];
    uint64_t lines, charges, undecided;
    struct dec invoice, spent, in_doubt;
};

struct work {
    struct cmd *cmd;
    const char *file;
    struct cmd_list sources;
    bool differences; /* only those are printed */
    struct invoice invoice;
    struct reconcile *reconcile;
    uint64_t damages, bad;
    char found[CURRENCIES][65]; /* sources that have charges */
    size_t found_count;
    char currency[9]; /* of all charges, when they have but one */
    bool currencies;  /* they have several */
    struct total totals[CURRENCIES];
    size_t total_count;
    uint64_t counts[RECONCILE_BAD + 1], charged;
    bool first;
};

/* --- journals ------------------------------------------------------------------------------------------------------- */

static bool wanted(const struct work *work, const char *source) {
    for (size_t i = 0; i < work->sources.count; i++)
        if (strcmp(work->sources.items[i], source) == 0)
            return true;
    return !work->sources.count;
}

static void note_source(struct work *work, const char *source) {
    for (size_t i = 0; i < work->found_count; i++)
        if (strcmp(work->found[i], source) == 0)
            return;
    if (work->found_count < CURRENCIES)
        str_copy(work->found[work->found_count++], sizeof work->found[0], source);
}

static enum rc on_charge(void *context, const struct job_row *row, const struct ledger_charge *charge, struct err *err) {
    struct work *work = context;
    if (!wanted(work, row->source))
        return RC_OK;
    note_source(work, row->source);
    work->currencies = work->currencies || (work->currency[0] && strcmp(work->currency, charge->currency) != 0);
    str_copy(work->currency, sizeof work->currency, charge->currency);
    return reconcile_add_charge(work->reconcile, charge, err);
}

static void on_damage(void *context, const struct err *err) {
    struct work *work = context;
    work->damages++;
    cmd_say(work->cmd, "%s; what it says is counted as far as it can be read", err->text);
}

static enum rc read_journal(void *context, const char *id, struct err *err) {
    struct work *work = context;
    return ledger_read(work->cmd->spool, id, on_charge, on_damage, work, err);
}

static int read_journals(struct work *work) {
    struct err err = {0};
    enum rc rc = jobs_journals(work->cmd->spool, read_journal, work, &err);
    int code = rc ? cmd_fail_rc(work->cmd, rc, &err) : EXIT_DONE;
    if (code || work->sources.count || work->found_count < 2)
        return code;
    struct buf names = BUF_INIT(1000);
    for (size_t i = 0; i < work->found_count; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", work->found[i]);
    code = cmd_fail(work->cmd, EXIT_USAGE, "%s were paid for; --source NAME says which of them the invoice is about (more than once for several)",
                    buf_text(&names));
    buf_release(&names);
    return code;
}

/* --- the invoice ---------------------------------------------------------------------------------------------------- */

static enum rc add_bad(struct work *work, const struct csv_reader *reader, const char *problem, struct err *err) {
    work->bad++;
    cmd_say(work->cmd, "%s: %s", work->file, problem);
    return reconcile_add_bad(work->reconcile, reader->line, problem, err);
}

static enum rc add_row(struct work *work, const struct csv_reader *reader, enum csv_step step, struct err *err) {
    struct invoice_line line;
    struct err seen = {0};
    if (step == CSV_BAD) {
        if (reader->line <= work->invoice.header_line)
            return RC_OK;
        err_set(&seen, RC_CORRUPT, "line %" PRIu64 ": %s", reader->line, reader->problem);
        return add_bad(work, reader, seen.text, err);
    }
    enum rc rc = invoice_read(&work->invoice, reader, &line, &seen);
    if (rc == RC_GONE)
        return RC_OK;
    if (rc)
        return add_bad(work, reader, seen.text, err);
    if (!line.currency[0])
        str_copy(line.currency, sizeof line.currency, work->currency);
    return reconcile_add_line(work->reconcile, &line, err);
}

static enum rc add_rows(struct work *work, struct csv_reader *reader, const char *bytes, size_t length, struct err *err) {
    enum rc rc = RC_OK;
    for (size_t at = 0, used = 0; !rc && at < length; at += used) {
        enum csv_step step = csv_reader_feed(reader, bytes + at, length - at, &used);
        if (step != CSV_MORE)
            rc = add_row(work, reader, step, err);
    }
    return rc;
}

/* As many bytes as there are, up to length; they may come from a pipe. */
static enum rc read_bytes(int fd, const char *file, char *bytes, size_t length, size_t *got, struct err *err) {
    for (*got = 0; *got < length;) {
        ssize_t more = read(fd, bytes + *got, length - *got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return err_sys(err, "%s", file);
        if (!more)
            break;
        *got += (size_t)more;
    }
    return RC_OK;
}

static enum rc read_rows(struct work *work, int fd, char *bytes, size_t got, struct err *err) {
    struct csv_reader reader;
    csv_reader_init(&reader, work->invoice.separator);
    enum rc rc = RC_OK;
    while (!rc && got) {
        rc = add_rows(work, &reader, bytes, got, err);
        if (!rc)
            rc = read_bytes(fd, work->file, bytes, INVOICE_SAMPLE_BYTES, &got, err);
    }
    enum csv_step step = rc ? CSV_MORE : csv_reader_end(&reader);
    if (step != CSV_MORE)
        rc = add_row(work, &reader, step, err);
    csv_reader_release(&reader);
    return rc;
}

static void say_columns(struct work *work) {
    struct buf text = BUF_INIT(1000);
    for (enum invoice_column c = INVOICE_REQUEST_ID; c < INVOICE_COLUMNS; c++)
        if (work->invoice.has[c])
            buf_printf(&text, "%s%s=\"%s\"", text.length ? ", " : "", invoice_column_name(c), work->invoice.names[c]);
    cmd_say(work->cmd, "%s: columns %s", work->file, buf_text(&text));
    buf_release(&text);
}

static int read_invoice(struct work *work, const struct invoice_options *options) {
    struct err err = {0};
    int fd = strcmp(work->file, "-") == 0 ? STDIN_FILENO : open(work->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cmd_fail_rc(work->cmd, err_sys(&err, "%s", work->file), &err);
    char *bytes = malloc(INVOICE_SAMPLE_BYTES);
    size_t got = 0;
    int code = EXIT_DONE;
    enum rc rc = bytes ? read_bytes(fd, work->file, bytes, INVOICE_SAMPLE_BYTES, &got, &err) : err_set(&err, RC_TEMP, "out of memory");
    if (!rc && (rc = invoice_detect(&work->invoice, options, bytes, got, &err)) != RC_OK)
        code = cmd_fail(work->cmd, EXIT_DATA, "%s: %s", work->file, err.text);
    if (!rc)
        say_columns(work);
    if (!rc && !work->invoice.has[INVOICE_CURRENCY] && !work->invoice.currency[0] && work->currencies)
        code = cmd_fail(work->cmd, EXIT_USAGE, "%s names no currency, and the sources are paid in several; name one with --source", work->file);
    else if (!rc)
        rc = read_rows(work, fd, bytes, got, &err);
    if (rc && !code)
        code = cmd_fail_rc(work->cmd, rc, &err);
    free(bytes);
    if (fd != STDIN_FILENO)
        close(fd);
    return code;
}

/* --- totals --------------------------------------------------------------------------------------------------------- */

static struct total *total_of(struct work *work, const char *currency) {
    for (size_t i = 0; i < work->total_count; i++)
        if (strcmp(work->totals[i].currency, currency) == 0)
            return &work->totals[i];
    if (work->total_count == CURRENCIES)
        return NULL;
    struct total *total = &work->totals[work->total_count++];
    memset(total, 0, sizeof *total);
    str_copy(total->currency, sizeof total->currency, currency);
    return total;
}

/* False: more currencies than are counted. */
static bool count(struct work *work, const struct reconcile_result *result) {
    struct total *line = result->has_line && result->status != RECONCILE_BAD ? total_of(work, result->line.currency) : NULL;
    struct total *charge = result->has_charge ? total_of(work, result->charge.currency) : NULL;
    work->counts[result->status]++;
    work->charged += cmd_reconcile_undecided(result) && result->has_line;
    if ((result->has_line && result->status != RECONCILE_BAD && !line) || (result->has_charge && !charge))
        return false;
    if (line) {
        line->lines++;
        line->invoice = dec_add(line->invoice, result->line.amount);
    }
    if (charge && cmd_reconcile_undecided(result)) {
        charge->undecided++;
        charge->in_doubt = dec_add(charge->in_doubt, result->charge.amount);
    } else if (charge && result->charge.state != LEDGER_REFUSED) {
        charge->charges++;
        charge->spent = dec_add(charge->spent, result->charge.amount);
    }
    return true;
}

static bool agrees(const struct work *work) {
    uint64_t differences = work->charged + work->damages;
    for (size_t i = RECONCILE_OK + 1; i <= RECONCILE_BAD; i++)
        differences += work->counts[i];
    return !differences;
}

/* --- telling -------------------------------------------------------------------------------------------------------- */

static int print_object(struct work *work, const struct reconcile_result *result) {
    cJSON *json = cmd_reconcile_object(result);
    fputs(work->first ? "" : ",\n", stdout);
    work->first = false;
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (!text)
        return cmd_fail(work->cmd, EXIT_IO, "out of memory");
    fputs(text, stdout);
    cJSON_free(text);
    return EXIT_DONE;
}

static void print_totals(const struct work *work) {
    for (size_t i = 0; i < work->total_count; i++) {
        const struct total *total = &work->totals[i];
        char invoice[DEC_TEXT_SIZE], spent[DEC_TEXT_SIZE], doubt[DEC_TEXT_SIZE], difference[DEC_TEXT_SIZE];
        dec_format(total->invoice, invoice);
        dec_format(total->spent, spent);
        dec_format(total->in_doubt, doubt);
        dec_format(dec_sub(total->invoice, total->spent), difference);
        printf("%s: invoice %s in %" PRIu64 " lines; journals %s in %" PRIu64 " charges, and %s in doubt in %" PRIu64 "; difference %s\n",
               *total->currency ? total->currency : "-", invoice, total->lines, spent, total->charges, doubt, total->undecided, difference);
    }
    printf("%" PRIu64 " ok, %" PRIu64 " amounts and %" PRIu64 " records differ, %" PRIu64 " not in the journals, %" PRIu64 " missing from the invoice, %" PRIu64
           " undecided and charged, %" PRIu64 " undecided and not charged, %" PRIu64 " bad lines\n",
           work->counts[RECONCILE_OK], work->counts[RECONCILE_AMOUNT], work->counts[RECONCILE_RECORDS], work->counts[RECONCILE_NOT_OURS],
           work->counts[RECONCILE_MISSING], work->charged, work->counts[RECONCILE_NOT_CHARGED], work->counts[RECONCILE_BAD]);
}

static int print_end(struct work *work) {
    static const char *const names[] = {"ok", "amount_differs", "records_differ", "not_in_journals", "missing_from_invoice", "not_charged", "bad_lines"};
    cJSON *json = cJSON_CreateObject(), *totals = cJSON_AddArrayToObject(json, "totals"), *counts = cJSON_AddObjectToObject(json, "counts");
    cJSON *columns = cJSON_AddObjectToObject(json, "columns");
    for (enum invoice_column c = INVOICE_REQUEST_ID; c < INVOICE_COLUMNS; c++)
        if (work->invoice.has[c])
            cJSON_AddStringToObject(columns, invoice_column_name(c), work->invoice.names[c]);
    for (size_t i = 0; i < work->total_count; i++) {
        const struct total *total = &work->totals[i];
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "currency", total->currency);
        cJSON_AddNumberToObject(one, "invoice_lines", (double)total->lines);
        cmd_reconcile_amount(one, "invoice", total->invoice);
        cJSON_AddNumberToObject(one, "journal_charges", (double)total->charges);
        cmd_reconcile_amount(one, "journals", total->spent);
        cJSON_AddNumberToObject(one, "undecided", (double)total->undecided);
        cmd_reconcile_amount(one, "in_doubt", total->in_doubt);
        cmd_reconcile_amount(one, "difference", dec_sub(total->invoice, total->spent));
        cJSON_AddItemToArray(totals, one);
    }
    for (size_t i = 0; i <= RECONCILE_BAD; i++)
        cJSON_AddNumberToObject(counts, names[i], (double)work->counts[i]);
    cJSON_AddNumberToObject(counts, "charged", (double)work->charged);
    cJSON_AddBoolToObject(json, "agrees", agrees(work));
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (!text)
        return cmd_fail(work->cmd, EXIT_IO, "out of memory");
    printf("],%s\n", text + 1);
    cJSON_free(text);
    return EXIT_DONE;
}

static int print_all(struct work *work) {
    struct reconcile_result result;
    struct err err = {0};
    int code = EXIT_DONE;
    enum rc rc = reconcile_match(work->reconcile, &err);
    if (!rc && work->cmd->json)
        fputs("{\"results\":[", stdout);
    work->first = true;
    while (!rc && !code && (rc = reconcile_next(work->reconcile, &result, &err)) == RC_OK) {
        if (!count(work, &result))
            code = cmd_fail(work->cmd, EXIT_DATA, "%s has more than %u currencies", work->file, CURRENCIES);
        if (work->differences && result.status == RECONCILE_OK && !cmd_reconcile_undecided(&result))
            continue;
        if (work->cmd->json)
            code = code ? code : print_object(work, &result);
        else
            cmd_reconcile_line(&result);
    }
    if (rc && rc != RC_GONE)
        return cmd_fail_rc(work->cmd, rc, &err);
    if (!code && work->cmd->json)
        code = print_end(work);
    else if (!code)
        print_totals(work);
    return code ? code : agrees(work) ? EXIT_DONE : EXIT_DATA;
}

/* --- options -------------------------------------------------------------------------------------------------------- */

struct words { /* options that are one of a few words */
    const char *separator, *decimal, *dates, *window, *zone;
};

static int take_words(struct cmd *cmd, const struct words *words, struct invoice_options *options, int64_t *window_us) {
    int64_t ms;
    if (words->separator) {
        const char *separator = strcmp(words->separator, "tab") == 0 ? "\t" : words->separator;
        if (strlen(separator) != 1 || !strchr(",;\t|", *separator))
            return cmd_fail(cmd, EXIT_USAGE, "--separator %s: must be , or ; or | or tab", words->separator);
        options->separator = *separator;
    }
    if (words->decimal) {
        if (strcmp(words->decimal, ".") != 0 && strcmp(words->decimal, ",") != 0)
            return cmd_fail(cmd, EXIT_USAGE, "--decimal %s: must be . or ,", words->decimal);
        options->decimal = *words->decimal;
    }
    if (words->dates) {
        if (strcmp(words->dates, "mdy") != 0 && strcmp(words->dates, "dmy") != 0)
            return cmd_fail(cmd, EXIT_USAGE, "--dates %s: must be mdy or dmy", words->dates);
        options->dates = *words->dates == 'm' ? INVOICE_DATES_MDY : INVOICE_DATES_DMY;
    }
    if (words->window) {
        if (!str_duration_ms(words->window, &ms))
            return cmd_fail(cmd, EXIT_USAGE, "--window %s: must be a span of time such as PT15M", words->window);
        *window_us = ms * 1000;
    }
    if (!zone_known(words->zone))
        return cmd_fail(cmd, EXIT_USAGE, "--time-zone %s: must be UTC or a name such as America/New_York", words->zone);
    options->zone = words->zone;
    return EXIT_DONE;
}

static int run(struct work *work, const struct invoice_options *options, const struct reconcile_options *how) {
    work->reconcile = reconcile_new(how);
    if (!work->reconcile)
        return cmd_fail(work->cmd, EXIT_IO, "out of memory");
    int code = read_journals(work);
    if (!code)
        code = read_invoice(work, options);
    if (!code)
        code = print_all(work);
    reconcile_free(work->reconcile);
    return code;
}

int cmd_reconcile(struct cmd *cmd, int argc, char **argv) {
    struct work work = {.cmd = cmd};
    struct words words = {.zone = "UTC"};
    struct invoice_options options = {.zone = "UTC"};
    struct reconcile_options how = {.window_us = WINDOW_US};
    struct period period;
    const char *since = NULL, *until = NULL;
    const struct cmd_option table[] = {
        {"source", CMD_LIST, &work.sources, "NAME", "the source that the invoice is about; more than once for several"},
        {"columns", CMD_TEXT, &options.columns, "MAP", "request_id=NAME,time=NAME,records=NAME,amount=NAME,currency=NAME"},
        {"since", CMD_TEXT, &since, "TIME", "the period that the invoice is about: from then on"},
        {"until", CMD_TEXT, &until, "TIME", "before then, or to the end of that day"},
        {"window", CMD_TEXT, &words.window, "SPAN", "how far times may be apart where no request id tells (PT15M)"},
        {"time-zone", CMD_TEXT, &words.zone, "ZONE", "of times that name none (UTC)"},
        {"decimal", CMD_TEXT, &words.decimal, "SIGN", ". or , where amounts leave it open"},
        {"dates", CMD_TEXT, &words.dates, "ORDER", "mdy or dmy where dates leave it open"},
        {"separator", CMD_TEXT, &words.separator, "SIGN", ", ; | or tab"},
        {"differences", CMD_FLAG, &work.differences, NULL, "leave out what agrees"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, table, &code))
        return code;
    if (argc != 1)
        return cmd_usage(cmd);
    work.file = argv[0];
    if ((code = take_words(cmd, &words, &options, &how.window_us)) != EXIT_DONE || (code = cmd_period_parse(cmd, since, until, &period)) != EXIT_DONE ||
        (code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    how.has_period = since || until;
    how.since_us = period.since_us;
    how.until_us = period.until_us;
    return run(&work, &options, &how);
}
