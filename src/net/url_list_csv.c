// SPDX-License-Identifier: Apache-2.0
#include "net/url_list_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* CSV whose first row names its columns. */

#define NO_COLUMN ((size_t)-1)

/* Without blanks around it, and without quotes that stand within blanks. */
static struct slice trimmed(struct slice cell) {
    for (int quotes = 0; quotes < 2; quotes++) {
        while (cell.length && isspace((unsigned char)*cell.data)) {
            cell.data++;
            cell.length--;
        }
        while (cell.length && isspace((unsigned char)cell.data[cell.length - 1]))
            cell.length--;
        if (quotes || cell.length < 2 || *cell.data != '"' || cell.data[cell.length - 1] != '"')
            break;
        cell.data++;
        cell.length -= 2;
    }
    return cell;
}

/* Names of the column that has the URL; what stands before others goes before them: beside `url` a `page` is a label. */
static const char *const url_names[] = {"url", "urls", "loc", "address", "website", "page"};
#define NO_NAME (sizeof url_names / sizeof *url_names)

static size_t url_name(struct slice cell) {
    size_t i = 0;
    while (i < NO_NAME && (cell.length != strlen(url_names[i]) || strncasecmp(cell.data, url_names[i], cell.length) != 0))
        i++;
    return i;
}

/* The one of them that a line has most of. */
static char separator_of(const char *line, size_t length) {
    static const char marks[] = ",;\t";
    size_t most = 0, found[3] = {0, 0, 0};
    for (size_t i = 0; i < length; i++)
        for (size_t j = 0; j < 3; j++)
            found[j] += line[i] == marks[j];
    for (size_t j = 1; j < 3; j++)
        most = found[j] > found[most] ? j : most;
    return marks[most];
}

enum rc url_list_csv_begin(struct url_list *list, const char *header, size_t length, bool *is_csv) {
    const char *feed = memchr(header, '\n', length);
    struct csv_reader probe;
    size_t used = 0;
    const size_t line = feed ? (size_t)(feed - header) + 1 : length;
    const char separator = separator_of(header, line);
    *is_csv = false;
    csv_reader_init(&probe, separator);
    enum csv_step step = csv_reader_feed(&probe, header, line, &used);
    if (step == CSV_MORE)
        step = csv_reader_end(&probe);
    for (size_t i = 0; step == CSV_ROW && i < csv_reader_count(&probe) && !*is_csv; i++)
        *is_csv = url_name(trimmed(csv_reader_cell(&probe, i))) < NO_NAME;
    csv_reader_release(&probe);
    if (*is_csv) {
        csv_reader_release(&list->csv);
        csv_reader_init(&list->csv, separator);
        list->url_column = NO_COLUMN;
    }
    return RC_OK;
}

/* Why it is neither a label nor a column's name; or NULL. */
static const char *label_fault(struct slice text) {
    _Static_assert(URL_LIST_LABEL_BYTES == 1024, "the text says so");
    if (text.length > URL_LIST_LABEL_BYTES)
        return "is a label of more than 1024 bytes";
    if (!str_is_utf8(text.data, text.length))
        return "is a label that is no UTF-8";
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\n' || text.data[i] == '\r')
            return "is a label with a line break in it";
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return "is a label with a control character in it";
    }
    return NULL;
}

static bool is_named(const struct url_list *list, struct slice name) {
    for (size_t i = 0; i < list->names_count; i++)
        if (slice_equals(name, list->names[i]))
            return true;
    return false;
}

static enum rc take_names(struct url_list *list) {
    size_t best = NO_NAME;
    for (size_t i = 0; i < csv_reader_count(&list->csv); i++) {
        const size_t known = url_name(trimmed(csv_reader_cell(&list->csv, i)));
        if (known < best) {
            best = known;
            list->url_column = i;
        }
    }
    for (size_t i = 0; i < csv_reader_count(&list->csv); i++) {
        const struct slice name = trimmed(csv_reader_cell(&list->csv, i));
        char shown[200] = "";
        if (!name.length || i == list->url_column)
            continue;
        str_printable(shown, sizeof shown, name.data, name.length);
        if (label_fault(name) || is_named(list, name) || list->names_count == URL_LIST_LABELS_MOST) {
            url_list_wrong(list, 1, shown,
                           label_fault(name)      ? "is no name for a column"
                           : is_named(list, name) ? "is the name of two columns"
                                                  : "is one column too many");
            continue;
        }
        list->columns[list->names_count] = i;
        if (!(list->names[list->names_count] = strndup(name.data, name.length)))
            return RC_TEMP;
        list->names_count++;
    }
    return RC_OK;
}

/* The first cell with something in it that is no label: in a column without a name, or behind the last one. Without a URL: any. */
static struct slice spare_cell(const struct url_list *list, bool any) {
    size_t named = 0; /* of columns, which go up */
    for (size_t i = 0; i < csv_reader_count(&list->csv); i++) {
        const struct slice cell = trimmed(csv_reader_cell(&list->csv, i));
        while (named < list->names_count && list->columns[named] < i)
            named++;
        const bool used = i == list->url_column || (named < list->names_count && list->columns[named] == i);
        if (cell.length && (any || !used))
            return cell;
    }
    return (struct slice){"", 0};
}

static enum rc take_row(struct url_list *list) {
    struct slice values[URL_LIST_LABELS_MOST], cell = trimmed(csv_reader_cell(&list->csv, list->url_column));
    const struct url_list_labels labels = {.names = (const char *const *)list->names, .values = values, .count = list->names_count};
    char url[URL_LIST_URL_MOST];
    const size_t line = (size_t)list->csv.line;
    const struct slice spare = spare_cell(list, !cell.length);
    if (cell.length && *cell.data == '#')
        return RC_OK;
    if (spare.length)
        url_list_note(list, line, spare,
                      cell.length ? "stands in a column without a name, and is left out" : "stands in a row without a URL, which is left out");
    if (!cell.length)
        return RC_OK;
    const size_t length = cell.length < sizeof url ? cell.length : sizeof url - 1;
    for (size_t i = 0; i < length; i++)
        url[i] = cell.data[i] ? cell.data[i] : ' ';
    url[length] = '\0';
    if (cell.length > length) {
        url_list_wrong(list, line, url, URL_LIST_TOO_LONG);
        return RC_OK;
    }
    for (size_t i = 0; i < list->names_count; i++) {
        values[i] = trimmed(csv_reader_cell(&list->csv, list->columns[i]));
        const char *fault = label_fault(values[i]);
        if (fault) {
            url_list_wrong(list, line, list->names[i], fault);
            return RC_OK;
        }
    }
    return url_list_one(list, line, url, list->names_count ? &labels : NULL);
}

static enum rc take_step(struct url_list *list, enum csv_step step, struct err *err) {
    enum rc rc = RC_OK;
    if (step == CSV_BAD)
        url_list_wrong(list, (size_t)list->csv.line, "", list->csv.problem);
    else if (list->url_column == NO_COLUMN)
        rc = take_names(list);
    else
        rc = take_row(list);
    if (!rc && list->csv.line > URL_LIST_LINES_MOST)
        return err_set(err, RC_PERM, "has more than %u lines", URL_LIST_LINES_MOST);
    return rc ? err_set(err, rc, "out of memory") : RC_OK;
}

enum rc url_list_csv_take(struct url_list *list, const char *bytes, size_t length, struct err *err) {
    enum rc rc = RC_OK;
    while (length && !rc) {
        size_t used = 0;
        const enum csv_step step = csv_reader_feed(&list->csv, bytes, length, &used);
        bytes += used;
        length -= used;
        if (step == CSV_MORE)
            break;
        rc = take_step(list, step, err);
    }
    return rc;
}

enum rc url_list_csv_end(struct url_list *list, struct err *err) {
    const enum csv_step step = csv_reader_end(&list->csv);
    return step == CSV_MORE ? RC_OK : take_step(list, step, err);
}
