// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_REPORT_RECORDS_H
#define REPORT_REPORT_RECORDS_H

#include <cjson/cJSON.h>

#include "report/report.h"

/* What models are given: the records of a job, and what is to be said of the job itself. Pure: who gathers them is engine/results_report.c. */

struct report_records { /* NDJSON: a record's exact text a line; borrowed, usually a mapped file */
    struct slice text;
    uint64_t count;
};

/* The record at *at, which goes on to the next one; false: no more. */
bool report_records_next(const struct report_records *records, size_t *at, struct slice *record);

/* Members of a record, by Pointer: empty when it is null or not there. */
struct slice report_get(struct slice record, const char *pointer);
/* The same of the member of this name, whatever is in it, of the object at `place`. */
struct slice report_get_in(struct slice record, const char *place, const char *name);
bool report_get_number(struct slice record, const char *pointer, double *number);
/* The same as text, as report_values_cells would show it; "" when it is not there. The caller frees; NULL: out of memory. */
char *report_get_text(struct slice record, const char *pointer);

struct report_job {
    const char *id, *name, *source, *campaign; /* "" when there is none */
    int64_t completed_us;                      /* or what is known of it last */
    uint64_t failed_units;
    const char *unfinished; /* the status of a job that is not complete, for people ("deferred"); NULL: it is */
    const char *tmp_dir;    /* as in report_head */
};

/* What follows what a report says of itself: "" of a complete job; else that much may be missing. */
#define REPORT_UNFINISHED_SIZE 120
void report_tell_unfinished(const struct report_job *job, char out[REPORT_UNFINISHED_SIZE]);

/* A value as a cell: text of strings decoded into hold (which must keep its bytes until the row is told: see report_value_text), null and what is missing
 * empty, arrays and objects as JSON text. */
struct report_values {
    struct buf hold;
    struct report_values_part {
        size_t from, length; /* in hold */
    } * parts;
    size_t capacity;
};
void report_values_init(struct report_values *values);
void report_values_release(struct report_values *values);
/* Cells of count JSON values; numbers are REPORT_NUMBER. They borrow from values and from the JSON text until the next call. RC_TEMP: out of memory. */
enum rc report_values_cells(struct report_values *values, const struct slice *json, size_t count, struct report_cell *cells);

/* A row that is put together cell by cell. The texts are copied; what fails (out of memory) is told by report_line_tell. */
struct report_line {
    struct buf text;
    struct report_cell *cells;
    size_t *from, *length; /* of each cell in text */
    size_t count, most;
    bool failed;
};
bool report_line_init(struct report_line *line, size_t columns);
void report_line_release(struct report_line *line);
void report_line_begin(struct report_line *line);
/* The next cell. Its text is what is added until the one after it. */
void report_line_cell(struct report_line *line, enum report_kind kind, enum report_tone tone);
void report_line_add(struct report_line *line, const char *text);
void report_line_printf(struct report_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON value for people: text decoded, elements one after the other with "; ", members as "name: value". */
void report_line_add_value(struct report_line *line, struct slice json);
/* The next cell and its text or value; a number is REPORT_NUMBER. */
void report_line_text(struct report_line *line, const char *text);
void report_line_value(struct report_line *line, struct slice json);
/* Tell the row; cells that were not begun are empty. False: out of memory. */
bool report_line_tell(struct report_line *line, struct report *report);

#endif
