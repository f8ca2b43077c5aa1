// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/invoice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An invoice, given in pieces of a size that its first byte says: the same rows as in one piece, within all bounds. */

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

/* A sum over all that was read. */
static uint64_t read_all(const struct invoice *invoice, const char *text, size_t length, size_t piece) {
    struct csv_reader reader;
    uint64_t sum = 0;
    csv_reader_init(&reader, invoice->separator);
    for (size_t at = 0; at <= length;) {
        size_t now = length - at < piece ? length - at : piece, used = 0;
        enum csv_step step = at < length ? csv_reader_feed(&reader, text + at, now, &used) : csv_reader_end(&reader);
        require(used <= now && (step != CSV_MORE || used == now));
        if (step == CSV_ROW) {
            struct invoice_line line;
            struct err err = {0};
            char shown[DEC_TEXT_SIZE];
            enum rc rc = invoice_read(invoice, &reader, &line, &err);
            require(rc == RC_OK || rc == RC_GONE || (rc == RC_CORRUPT && err.text[0] != '\0'));
            require(csv_reader_count(&reader) >= 1 && csv_reader_count(&reader) <= CSV_READER_CELLS);
            if (rc == RC_OK) {
                dec_format(line.amount, shown);
                require(!line.has_time || line.until_us > line.from_us);
                sum = sum * 31 + line.line + line.records + (uint64_t)line.amount.nano + strlen(line.request_id) + strlen(shown);
            }
        }
        sum = step == CSV_MORE ? sum : sum * 31 + (uint64_t)step;
        if (at == length) {
            break;
        }
        at += used;
    }
    csv_reader_release(&reader);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct invoice invoice;
    struct err err = {0};
    const struct invoice_options options = {.zone = "UTC", .dates = INVOICE_DATES_DMY};
    const char *text = (const char *)data + 1;
    if (size < 2) {
        return 0;
    }
    enum rc rc = invoice_detect(&invoice, &options, text, size - 1, &err);
    require(rc == RC_OK || (rc == RC_PERM && err.text[0] != '\0'));
    if (rc == RC_OK) {
        require(read_all(&invoice, text, size - 1, size) == read_all(&invoice, text, size - 1, (size_t)data[0] + 1));
    }
    return 0;
}
