// SPDX-License-Identifier: Apache-2.0
#include "report/report_records.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- a row cell by cell ------------------------------------------------------------------------------------------------- */

bool report_line_init(struct report_line *line, size_t columns) {
    *line = (struct report_line){.most = columns};
    buf_init(&line->text, SIZE_MAX / 4);
    line->cells = calloc(columns + 1, sizeof *line->cells);
    line->from = calloc(columns + 1, sizeof *line->from);
    line->length = calloc(columns + 1, sizeof *line->length);
    return line->cells && line->from && line->length;
}

void report_line_release(struct report_line *line) {
    buf_release(&line->text);
    free(line->cells);
    free(line->from);
    free(line->length);
}

void report_line_begin(struct report_line *line) {
    buf_reset(&line->text);
    line->count = 0;
    line->failed = false;
}

static void end_cell(struct report_line *line) {
    if (line->count)
        line->length[line->count - 1] = line->text.length - line->from[line->count - 1];
}

void report_line_cell(struct report_line *line, enum report_kind kind, enum report_tone tone) {
    if (line->count == line->most) {
        line->failed = true;
        return;
    }
    end_cell(line);
    line->cells[line->count] = (struct report_cell){.kind = kind, .tone = tone};
    line->from[line->count++] = line->text.length;
}

void report_line_add(struct report_line *line, const char *text) {
    line->failed = buf_add_text(&line->text, text) || line->failed;
}

void report_line_printf(struct report_line *line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    line->failed = buf_vprintf(&line->text, format, args) || line->failed;
    va_end(args);
}

static void add_scalar(struct report_line *line, struct slice json) {
    if (json_type(json) == JSON_STRING)
        line->failed = json_decode_string(json, &line->text) || line->failed;
    else if (json.length && json_type(json) != JSON_NULL)
        line->failed = json_fold_lines(json, &line->text) || line->failed;
}

void report_line_add_value(struct report_line *line, struct slice json) {
    const enum json_type type = json_type(json);
    struct json_iter iter;
    struct slice name, value;
    bool first = true;
    if ((type != JSON_ARRAY && type != JSON_OBJECT) || !json_iter_init(&iter, json)) {
        add_scalar(line, json);
        return;
    }
    while (json_iter_next(&iter, &name, &value)) {
        if (!first)
            report_line_add(line, "; ");
        first = false;
        if (type == JSON_OBJECT) { /* the iterator gives a name between its quotes */
            add_scalar(line, (struct slice){name.data - 1, name.length + 2});
            report_line_add(line, ": ");
        }
        add_scalar(line, value);
    }
}

void report_line_text(struct report_line *line, const char *text) {
    report_line_cell(line, REPORT_TEXT, REPORT_PLAIN);
    report_line_add(line, text);
}

void report_line_value(struct report_line *line, struct slice json) {
    report_line_cell(line, json_type(json) == JSON_NUMBER ? REPORT_NUMBER : REPORT_TEXT, REPORT_PLAIN);
    report_line_add_value(line, json);
}

bool report_line_tell(struct report_line *line, struct report *report) {
    end_cell(line);
    for (size_t i = 0; i < line->most; i++) {
        if (i >= line->count)
            line->cells[i] = (struct report_cell){.kind = REPORT_TEXT};
        else
            line->cells[i].text = (struct slice){buf_text(&line->text) + line->from[i], line->length[i]};
    }
    if (!line->failed)
        report_row(report, line->cells);
    return !line->failed;
}
