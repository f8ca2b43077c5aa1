// SPDX-License-Identifier: Apache-2.0
#include "engine/invoice.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADER_ROWS 30u /* a header is looked for in so many */
#define NAME_BYTES 80u

static const char *const column_names[] = {"request_id", "time", "records", "amount", "currency"};

/* What columns are called, in lower case with _ for all else, the surest first. */
static const char *const usual[INVOICE_COLUMNS][32] = {
    [INVOICE_REQUEST_ID] = {"request_id", "requestid", "x_request_id", "api_request_id", "request", "req_id", "transaction_id", "transactionid", "txn_id",
                            "transaction", "trace_id", "correlation_id", "event_id", "call_id", "charge_id", "reference_id", "reference", "ref", "id"},
    [INVOICE_TIME] = {"timestamp", "date_time", "datetime", "date_time_utc", "timestamp_utc", "time_utc", "time", "created_at", "charged_at", "request_time",
                      "occurred_at", "transaction_date", "usage_date", "charge_date", "created", "date", "day"},
    [INVOICE_RECORDS] = {"records", "record_count", "number_of_records", "no_of_records", "records_returned", "records_purchased", "quantity", "qty", "count",
                         "units", "rows", "items", "usage", "results"},
    [INVOICE_AMOUNT] = {"amount", "cost", "charge", "charged", "amount_charged", "total_cost", "total_amount", "line_total", "extended_price", "net_amount",
                        "amount_due", "total_price", "total", "price"},
    [INVOICE_CURRENCY] = {"currency", "currency_code", "iso_currency", "ccy", "cur"},
};

const char *invoice_column_name(enum invoice_column column) {
    return column_names[column];
}

/* "Date / Time (UTC)" becomes "date_time_utc". */
static void normalize(struct slice cell, char out[NAME_BYTES]) {
    size_t used = 0;
    for (size_t i = 0; i < cell.length && used + 1 < NAME_BYTES; i++) {
        char c = cell.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 32);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            out[used++] = c;
        else if (used && out[used - 1] != '_')
            out[used++] = '_';
    }
    while (used && out[used - 1] == '_')
        used--;
    out[used] = '\0';
}

/* How sure it is that the column is this one: 0 no, else more is surer. */
static size_t likeness(const char *name, enum invoice_column column) {
    for (size_t i = 0; i < sizeof usual[column] / sizeof usual[column][0] && usual[column][i]; i++)
        if (strcmp(name, usual[column][i]) == 0)
            return 100 - i;
    return 0;
}

/* "amount_usd": an amount whose currency its name tells. */
static bool split_currency(char name[NAME_BYTES], char currency[9]) {
    size_t length = strlen(name);
    if (length < 5 || name[length - 4] != '_')
        return false;
    for (size_t i = 0; i < 3; i++)
        currency[i] = (char)(name[length - 3 + i] & ~0x20);
    currency[3] = '\0';
    name[length - 4] = '\0';
    return strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

static void take_name(char out[NAME_BYTES], struct slice cell) {
    str_printable(out, NAME_BYTES, cell.data, cell.length);
}

static void guess(struct invoice *found, const struct csv_reader *row) {
    size_t best[INVOICE_COLUMNS] = {0};
    for (size_t i = 0; i < csv_reader_count(row); i++) {
        char name[NAME_BYTES], currency[9] = "";
        normalize(csv_reader_cell(row, i), name);
        for (enum invoice_column c = INVOICE_REQUEST_ID; c < INVOICE_COLUMNS; c++) {
            size_t like = likeness(name, c);
            if (!like && c == INVOICE_AMOUNT && split_currency(name, currency))
                like = likeness(name, c);
            if (like <= best[c])
                continue;
            best[c] = like;
            found->has[c] = true;
            found->at[c] = i;
            take_name(found->names[c], csv_reader_cell(row, i));
            if (c == INVOICE_AMOUNT)
                str_copy(found->currency, sizeof found->currency, currency);
        }
    }
}

/* The columns that options name. False: this row has not all of them. */
static bool named(struct invoice *found, const struct csv_reader *row, const char *columns) {
    for (const char *at = columns; *at;) {
        size_t length = strcspn(at, ","), equals = strcspn(at, "=");
        char wanted[NAME_BYTES], name[NAME_BYTES];
        normalize((struct slice){at + equals + 1, length - equals - 1}, wanted);
        enum invoice_column c = INVOICE_REQUEST_ID;
        while (strncmp(column_names[c], at, equals) != 0 || column_names[c][equals])
            c++;
        size_t i = 0;
        for (; i < csv_reader_count(row); i++) {
            normalize(csv_reader_cell(row, i), name);
            if (strcmp(name, wanted) == 0)
                break;
        }
        if (i == csv_reader_count(row))
            return false;
        found->has[c] = true;
        found->at[c] = i;
        take_name(found->names[c], csv_reader_cell(row, i));
        if (c == INVOICE_AMOUNT && !split_currency(name, found->currency))
            found->currency[0] = '\0';
        at += length + (at[length] == ',');
    }
    return true;
}

static enum rc check_named(const char *columns, struct err *err) {
    for (const char *at = columns; *at;) {
        size_t length = strcspn(at, ","), equals = strcspn(at, "=");
        bool known = false;
        for (size_t c = 0; equals < length && c < INVOICE_COLUMNS; c++)
            known = known || (strlen(column_names[c]) == equals && strncmp(at, column_names[c], equals) == 0);
        if (!known || equals + 1 >= length)
            return err_set(err, RC_PERM, "--columns %s: must be request_id=NAME, time=NAME, records=NAME, amount=NAME or currency=NAME, with commas between",
                           columns);
        at += length + (at[length] == ',');
    }
    return RC_OK;
}

/* A header names amounts and something that tells one line from another. */
static unsigned score(const struct invoice *found) {
    unsigned count = 0;
    for (size_t c = 0; c < INVOICE_COLUMNS; c++)
        count += found->has[c];
    return found->has[INVOICE_AMOUNT] && count > 1 ? count : 0;
}

/* This row as a header, with the columns that options name and, of the others, those that are found. */
static struct invoice as_header(const struct invoice_options *options, const struct csv_reader *row) {
    struct invoice found = {.separator = row->separator, .header_line = row->line}, guessed = found;
    const struct invoice none = {.header_line = 0};
    if (options->columns && !named(&found, row, options->columns))
        return none;
    guess(&guessed, row);
    for (size_t c = 0; c < INVOICE_COLUMNS; c++) {
        if (found.has[c] || !guessed.has[c])
            continue;
        found.has[c] = true;
        found.at[c] = guessed.at[c];
        memcpy(found.names[c], guessed.names[c], sizeof found.names[c]);
        if (c == INVOICE_AMOUNT)
            memcpy(found.currency, guessed.currency, sizeof found.currency);
    }
    return found.has[INVOICE_AMOUNT] && (options->columns || score(&found)) ? found : none;
}

/* The cells of the row that has most, for the error. */
static void note_cells(const struct csv_reader *row, struct buf *shown, size_t *most) {
    if (csv_reader_count(row) <= *most)
        return;
    *most = csv_reader_count(row);
    buf_reset(shown);
    for (size_t i = 0; i < *most; i++) {
        char name[NAME_BYTES];
        take_name(name, csv_reader_cell(row, i));
        buf_printf(shown, "%s\"%s\"", i ? ", " : "", name);
    }
}

/* The header with this separator; header_line 0: there is none. */
static struct invoice look(const struct invoice_options *options, char separator, const char *sample, size_t length, struct buf *shown, size_t *most) {
    struct invoice best = {.header_line = 0};
    struct csv_reader reader;
    size_t at = 0;
    bool end = false;
    csv_reader_init(&reader, separator);
    for (unsigned rows = 0; rows < HEADER_ROWS && !end; rows++) {
        size_t used = 0;
        enum csv_step step = csv_reader_feed(&reader, sample + at, length - at, &used);
        at += used;
        end = step == CSV_MORE;
        if (end)
            step = csv_reader_end(&reader);
        if (step != CSV_ROW)
            continue;
        struct invoice found = as_header(options, &reader);
        if (found.header_line && (!best.header_line || score(&found) > score(&best)))
            best = found;
        note_cells(&reader, shown, most);
    }
    csv_reader_release(&reader);
    return best;
}

enum rc invoice_detect(struct invoice *invoice, const struct invoice_options *options, const char *sample, size_t length, struct err *err) {
    static const char separators[] = {',', ';', '\t', '|'};
    struct buf shown = BUF_INIT(400);
    size_t most = 0;
    enum rc rc = options->columns ? check_named(options->columns, err) : RC_OK;
    if (rc)
        return rc;
    memset(invoice, 0, sizeof *invoice);
    if (length >= 2 && (memcmp(sample, "\xFF\xFE", 2) == 0 || memcmp(sample, "\xFE\xFF", 2) == 0))
        return err_set(err, RC_PERM, "it is UTF-16; save it as UTF-8");
    for (size_t i = 0; i < sizeof separators; i++) {
        if (options->separator && options->separator != separators[i])
            continue;
        struct invoice found = look(options, separators[i], sample, length, &shown, &most);
        if (found.header_line && (!invoice->header_line || score(&found) > score(invoice)))
            *invoice = found;
    }
    invoice->options = *options;
    if (!invoice->header_line)
        rc = err_set(err, RC_PERM,
                     "no header with a column of amounts is found in its first lines; it has %s: name them with --columns "
                     "amount=NAME,request_id=NAME,time=NAME,records=NAME",
                     shown.length ? buf_text(&shown) : "no cells");
    buf_release(&shown);
    return rc;
}

/* --- lines ---------------------------------------------------------------------------------------------------------- */

static struct slice cell_of(const struct invoice *invoice, const struct csv_reader *row, enum invoice_column column) {
    struct slice cell = invoice->has[column] ? csv_reader_cell(row, invoice->at[column]) : (struct slice){"", 0};
    while (cell.length && (cell.data[0] == ' ' || cell.data[0] == '\t')) {
        cell.data++;
        cell.length--;
    }
    while (cell.length && (cell.data[cell.length - 1] == ' ' || cell.data[cell.length - 1] == '\t'))
        cell.length--;
    return cell;
}

static enum rc wrong(const struct invoice *invoice, const struct csv_reader *row, enum invoice_column column, const char *problem, struct err *err) {
    char shown[100];
    struct slice cell = cell_of(invoice, row, column);
    str_printable(shown, sizeof shown, cell.data, cell.length);
    return err_set(err, RC_CORRUPT, "line %llu, column \"%s\": \"%s\" %s", (unsigned long long)row->line, invoice->names[column], shown, problem);
}

/* A sum below the lines: no id, no time, and it says what it is. */
static bool is_total(const struct invoice *invoice, const struct csv_reader *row) {
    static const char *const words[] = {"total", "subtotal", "grand_total", "sum", "balance", "amount_due", "invoice_total", "total_due", "tax", "vat"};
    if ((!invoice->has[INVOICE_REQUEST_ID] && !invoice->has[INVOICE_TIME]) || (cell_of(invoice, row, INVOICE_TIME).length && invoice->at[INVOICE_TIME] != 0))
        return false;
    for (size_t i = 0; i < csv_reader_count(row); i++) {
        char name[NAME_BYTES];
        normalize(csv_reader_cell(row, i), name);
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
            if (strcmp(name, words[w]) == 0)
                return true;
    }
    return false;
}

static bool is_blank(const struct csv_reader *row) {
    for (size_t i = 0; i < csv_reader_count(row); i++) {
        struct slice cell = csv_reader_cell(row, i);
        for (size_t k = 0; k < cell.length; k++)
            if (cell.data[k] != ' ' && cell.data[k] != '\t')
                return false;
    }
    return true;
}

static enum rc take_currency(const struct invoice *invoice, const struct csv_reader *row, struct invoice_line *line, struct err *err) {
    struct slice cell = cell_of(invoice, row, INVOICE_CURRENCY);
    if (cell.length == 0) {
        if (!line->currency[0])
            str_copy(line->currency, sizeof line->currency, invoice->currency);
        return RC_OK;
    }
    if (cell.length == 3 && str_format(line->currency, sizeof line->currency, "%.3s", cell.data)) {
        for (size_t i = 0; i < 3; i++)
            line->currency[i] = line->currency[i] >= 'a' && line->currency[i] <= 'z' ? (char)(line->currency[i] - 32) : line->currency[i];
        return RC_OK;
    }
    return wrong(invoice, row, INVOICE_CURRENCY, "is no code of a currency, such as USD", err);
}

enum rc invoice_read(const struct invoice *invoice, const struct csv_reader *row, struct invoice_line *line, struct err *err) {
    const struct invoice_options *options = &invoice->options;
    const char *problem;
    bool day;
    *line = (struct invoice_line){.line = row->line};
    if (row->line <= invoice->header_line || is_blank(row) || is_total(invoice, row))
        return RC_GONE;
    struct slice id = cell_of(invoice, row, INVOICE_REQUEST_ID), time = cell_of(invoice, row, INVOICE_TIME), records = cell_of(invoice, row, INVOICE_RECORDS);
    if (id.length >= INVOICE_ID_SIZE)
        return wrong(invoice, row, INVOICE_REQUEST_ID, "is too long for a request id", err);
    memcpy(line->request_id, id.data, id.length);
    if ((problem = invoice_value_money(cell_of(invoice, row, INVOICE_AMOUNT), options->decimal, invoice->separator == ';', &line->amount, line->currency)) !=
        NULL)
        return wrong(invoice, row, INVOICE_AMOUNT, problem, err);
    if (time.length && (problem = invoice_value_time(time, options->dates, options->zone, &line->from_us, &line->until_us, &day)) != NULL)
        return wrong(invoice, row, INVOICE_TIME, problem, err);
    if (records.length && (problem = invoice_value_count(records, &line->records)) != NULL)
        return wrong(invoice, row, INVOICE_RECORDS, problem, err);
    line->has_time = time.length > 0;
    line->has_records = records.length > 0;
    return take_currency(invoice, row, line, err);
}
