// SPDX-License-Identifier: Apache-2.0
#include "report/report_records.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

bool report_records_next(const struct report_records *records, size_t *at, struct slice *record) {
    const size_t left = records->text.length - *at;
    if (!left)
        return false;
    const char *from = records->text.data + *at, *end = memchr(from, '\n', left);
    const size_t length = end ? (size_t)(end - from) : left;
    *record = (struct slice){from, length};
    *at += length + (end ? 1 : 0);
    return true;
}

struct slice report_get(struct slice record, const char *pointer) {
    struct slice value;
    if (!record.length || !json_find(record, pointer, &value) || json_type(value) == JSON_NULL)
        return (struct slice){.length = 0};
    return value;
}

struct slice report_get_in(struct slice record, const char *place, const char *name) {
    char pointer[700];
    return str_copy(pointer, sizeof pointer, place) && json_pointer_add(pointer, sizeof pointer, name) ? report_get(record, pointer)
                                                                                                       : (struct slice){.length = 0};
}

bool report_get_number(struct slice record, const char *pointer, double *number) {
    const struct slice value = report_get(record, pointer);
    char text[64];
    if (json_type(value) != JSON_NUMBER || value.length >= sizeof text)
        return false;
    memcpy(text, value.data, value.length);
    text[value.length] = '\0';
    *number = strtod(text, NULL);
    return true;
}

char *report_get_text(struct slice record, const char *pointer) {
    const struct slice value = report_get(record, pointer);
    struct buf text = BUF_INIT(SIZE_MAX / 4);
    enum rc rc = RC_OK;
    if (json_type(value) == JSON_STRING)
        rc = json_decode_string(value, &text);
    else if (value.length)
        rc = json_fold_lines(value, &text);
    char *taken = rc ? NULL : buf_take(&text);
    buf_release(&text);
    return taken;
}

void report_values_init(struct report_values *values) {
    memset(values, 0, sizeof *values);
    buf_init(&values->hold, SIZE_MAX / 4);
}

void report_values_release(struct report_values *values) {
    buf_release(&values->hold);
    free(values->parts);
}

/* What has to be written anew goes to hold, which may move meanwhile: so by its place. */
static enum rc hold_text(struct report_values *values, struct slice json, struct report_values_part *part) {
    part->from = values->hold.length;
    const enum rc rc = json_type(json) == JSON_STRING ? json_decode_string(json, &values->hold) : json_fold_lines(json, &values->hold);
    part->length = values->hold.length - part->from;
    return rc;
}

static bool is_plain(struct slice json) {
    return json.length < 2 || !memchr(json.data, '\\', json.length);
}

enum rc report_values_cells(struct report_values *values, const struct slice *json, size_t count, struct report_cell *cells) {
    buf_reset(&values->hold);
    if (count > values->capacity) {
        struct report_values_part *parts = realloc(values->parts, count * sizeof *parts);
        if (!parts)
            return RC_TEMP;
        values->parts = parts;
        values->capacity = count;
    }
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count && !rc; i++) {
        const enum json_type type = json_type(json[i]);
        cells[i] = (struct report_cell){.kind = type == JSON_NUMBER ? REPORT_NUMBER : REPORT_TEXT};
        values->parts[i].length = 0;
        if (type == JSON_NONE || type == JSON_NULL)
            continue;
        if (type == JSON_STRING && is_plain(json[i]))
            cells[i].text = (struct slice){json[i].data + 1, json[i].length - 2};
        else if (type == JSON_STRING || type == JSON_ARRAY || type == JSON_OBJECT)
            rc = hold_text(values, json[i], &values->parts[i]);
        else
            cells[i].text = json[i];
    }
    for (size_t i = 0; i < count && !rc; i++)
        if (values->parts[i].length)
            cells[i].text = (struct slice){values->hold.data + values->parts[i].from, values->parts[i].length};
    return rc;
}

void report_tell_unfinished(const struct report_job *job, char out[REPORT_UNFINISHED_SIZE]) {
    out[0] = '\0';
    if (job->unfinished)
        str_format(out, REPORT_UNFINISHED_SIZE, " NOT COMPLETE: the job is %s; what it has not done yet is missing here.", job->unfinished);
}
