// SPDX-License-Identifier: Apache-2.0
#include "base/csv_reader.h"

#include <string.h>

enum state {
    AT_CELL,  /* before the first byte of a cell */
    PLAIN,    /* in a cell without quotes */
    QUOTED,   /* in a cell with quotes */
    AT_QUOTE, /* behind a quote in such a cell: its end, or the first of two */
};

void csv_reader_init(struct csv_reader *reader, char separator) {
    memset(reader, 0, sizeof *reader);
    reader->separator = separator;
    reader->next_line = 1;
    buf_init(&reader->text, CSV_READER_ROW_BYTES);
}

void csv_reader_release(struct csv_reader *reader) {
    buf_release(&reader->text);
}

static void spoil(struct csv_reader *reader, const char *problem) {
    if (!reader->spoilt)
        reader->problem = problem;
    reader->spoilt = true;
    reader->state = PLAIN; /* the next line break is the end of it */
}

static void begin_row(struct csv_reader *reader) {
    reader->line = reader->next_line;
    reader->count = 0;
    reader->spoilt = false;
    reader->state = AT_CELL;
    buf_reset(&reader->text);
    reader->starts[0] = 0;
    reader->started = true;
}

static void end_cell(struct csv_reader *reader) {
    if (reader->count == CSV_READER_CELLS) {
        spoil(reader, "it has too many cells");
        return;
    }
    reader->starts[++reader->count] = reader->text.length;
    if (!reader->spoilt)
        reader->state = AT_CELL;
}

static void add(struct csv_reader *reader, char c) {
    if (!reader->spoilt && buf_add_char(&reader->text, c) != RC_OK)
        spoil(reader, "it is too long; is a quote missing that ends a cell?");
}

static enum csv_step end_row(struct csv_reader *reader) {
    end_cell(reader);
    reader->started = false;
    /* The mark at the very beginning is no part of the first cell. */
    if (reader->line == 1 && reader->starts[1] >= 3 && memcmp(reader->text.data, "\xEF\xBB\xBF", 3) == 0) {
        reader->starts[0] = 3;
    }
    return reader->spoilt ? CSV_BAD : CSV_ROW;
}

/* One byte that is no line break outside of quotes. */
static void take(struct csv_reader *reader, char c) {
    bool mark = reader->line == 1 && reader->count == 0 && reader->text.length == 3 && memcmp(reader->text.data, "\xEF\xBB\xBF", 3) == 0;
    switch ((enum state)reader->state) {
    case AT_CELL:
    case PLAIN:
        if (c == reader->separator)
            end_cell(reader);
        else if (c == '"' && !reader->spoilt && (reader->state == AT_CELL || mark))
            reader->state = QUOTED;
        else {
            reader->state = PLAIN;
            add(reader, c);
        }
        break;
    case QUOTED:
        if (c == '"')
            reader->state = AT_QUOTE;
        else
            add(reader, c);
        break;
    case AT_QUOTE:
        if (c == '"') {
            reader->state = QUOTED;
            add(reader, c);
        } else if (c == reader->separator)
            end_cell(reader);
        else if (c != ' ')
            spoil(reader, "text follows the quote that ends a cell");
        break;
    }
    if (c == '\0')
        spoil(reader, "it has a NUL byte; is the file UTF-16? Save it as UTF-8");
}

enum csv_step csv_reader_feed(struct csv_reader *reader, const char *bytes, size_t length, size_t *used) {
    for (*used = 0; *used < length;) {
        char c = bytes[(*used)++];
        if (c == '\n' && reader->after_cr) { /* of CRLF: the row ended before it */
            reader->after_cr = false;
            continue;
        }
        bool quoted = reader->started && reader->state == QUOTED;
        reader->after_cr = c == '\r' && !quoted;
        if (!reader->started)
            begin_row(reader);
        if (c == '\n' || (c == '\r' && !quoted))
            reader->next_line++;
        if ((c != '\n' && c != '\r') || quoted)
            take(reader, c);
        else
            return end_row(reader);
    }
    return CSV_MORE;
}

enum csv_step csv_reader_end(struct csv_reader *reader) {
    if (!reader->started)
        return CSV_MORE;
    if (reader->state == QUOTED)
        spoil(reader, "the file ends inside of quotes");
    return end_row(reader);
}

size_t csv_reader_count(const struct csv_reader *reader) {
    return reader->count;
}

struct slice csv_reader_cell(const struct csv_reader *reader, size_t i) {
    if (i >= reader->count)
        return (struct slice){"", 0};
    return (struct slice){buf_text(&reader->text) + reader->starts[i], reader->starts[i + 1] - reader->starts[i]};
}
