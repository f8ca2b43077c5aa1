// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include "os/fsio.h"
#include "report/csv.h"

#include <stdlib.h>

/* The tables that are for CSV, of which a report has one. */

#define ROW_MOST (SIZE_MAX / 4)
#define FLUSH_BYTES ((size_t)256 * 1024)

struct csv_paper {
    struct report_paper paper;
    int fd;
    size_t columns;
    struct buf out, cell;
};

static enum rc csv_open(int fd, const struct report_head *head, struct report_paper **paper, struct err *err) {
    (void)head;
    struct csv_paper *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(err, RC_TEMP, "out of memory");
    c->fd = fd;
    buf_init(&c->out, ROW_MOST);
    buf_init(&c->cell, ROW_MOST);
    *paper = &c->paper;
    return RC_OK;
}

static enum rc flush(struct csv_paper *c, size_t least) {
    if (c->out.length < least)
        return RC_OK;
    const enum rc rc = fsio_write(c->fd, c->out.data, c->out.length, &c->paper.err);
    buf_reset(&c->out);
    return rc;
}

static enum rc add_text(struct csv_paper *c, struct slice text) {
    buf_reset(&c->cell);
    const enum rc rc = report_clean(text, 0, &c->cell);
    return rc ? rc : csv_cell_text(&c->out, (struct slice){buf_text(&c->cell), c->cell.length});
}

static enum rc csv_paper_table(struct report_paper *paper, const struct report_table *table) {
    struct csv_paper *c = (struct csv_paper *)paper;
    enum rc rc = RC_OK;
    c->columns = table->column_count;
    for (size_t i = 0; i < table->column_count && !rc; i++)
        rc = add_text(c, slice_of(table->columns[i].title));
    return rc ? rc : csv_row_end(&c->out);
}

static enum rc csv_paper_row(struct report_paper *paper, const struct report_cell *cells) {
    struct csv_paper *c = (struct csv_paper *)paper;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < c->columns && !rc; i++) {
        if (cells[i].kind == REPORT_NUMBER) { /* digit for digit, also below zero */
            rc = buf_add(&c->out, cells[i].text.data, cells[i].text.length);
            rc = rc ? rc : buf_add_char(&c->out, ',');
        } else
            rc = add_text(c, cells[i].text);
    }
    rc = rc ? rc : csv_row_end(&c->out);
    return rc ? rc : flush(c, FLUSH_BYTES);
}

static enum rc csv_paper_end(struct report_paper *paper, uint64_t left_out) {
    (void)left_out;
    return flush((struct csv_paper *)paper, 1);
}

static enum rc csv_close(struct report_paper *paper, bool complete, struct err *err) {
    struct csv_paper *c = (struct csv_paper *)paper;
    const enum rc rc = complete ? flush(c, 1) : RC_OK;
    if (rc)
        (void)err_set(err, rc, "%s", c->paper.err.text);
    buf_release(&c->out);
    buf_release(&c->cell);
    free(c);
    return rc;
}

const struct report_form report_csv = {
    .name = "csv", .bit = REPORT_CSV, .open = csv_open, .table = csv_paper_table, .row = csv_paper_row, .table_end = csv_paper_end, .close = csv_close};
