// SPDX-License-Identifier: Apache-2.0
#include "source/incremental.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/dec.h"
#include "source/source_parts.h"
#include "spool/bookmark.h"

#define VALUE_BYTES 1024u

void source_incremental(struct check *check, const cJSON *definition, struct source *source) {
    static const char *const names[] = {"cursor_path", "start_param", "start_body_path", "start_header", "initial_value", "lookback", NULL};
    const cJSON *incremental = cJSON_GetObjectItemCaseSensitive(definition, "incremental"), *initial, *lookback;
    int64_t ms = 0;
    size_t mark;

    if (incremental == NULL || check->rc != RC_OK) {
        return;
    }
    mark = check_enter(check, "incremental", 0);
    if (check_object(check, incremental, names, NULL)) {
        source->incremental = incremental;
        check_pointer(check, incremental, "cursor_path", &source->cursor_path);
        if (source->cursor_path == NULL) {
            (void)check_fail(check, NULL, "needs cursor_path, the Pointer to a record's value");
        }
        initial = cJSON_GetObjectItemCaseSensitive(incremental, "initial_value");
        if (initial != NULL && !cJSON_IsString(initial) && !cJSON_IsNumber(initial)) {
            (void)check_fail(check, "initial_value", "must be text or a number");
        }
        lookback = cJSON_GetObjectItemCaseSensitive(incremental, "lookback");
        if (cJSON_IsString(lookback)) {
            check_duration(check, incremental, "lookback", 0, &ms);
        } else if (lookback != NULL && !(cJSON_IsNumber(lookback) && lookback->valuedouble >= 0)) {
            (void)check_fail(check, "lookback", "must be a duration such as \"PT1H\", or a number for values that are numbers");
        }
        paginator_check_place_in(check, source, incremental, "start");
        if (cJSON_GetObjectItemCaseSensitive(incremental, "start_param") == NULL && cJSON_GetObjectItemCaseSensitive(incremental, "start_body_path") == NULL &&
            cJSON_GetObjectItemCaseSensitive(incremental, "start_header") == NULL) {
            (void)check_fail(check, NULL, "needs start_param, start_body_path or start_header: where the value to begin at goes");
        }
    }
    check_leave(check, mark);
}

enum rc incremental_max(const struct source *source, struct slice records, struct buf *max) {
    struct json_iter iter;
    struct slice name, record, value, best = {buf_text(max), max->length};
    struct buf copy = BUF_INIT(VALUE_BYTES);
    enum rc rc = RC_OK;

    if (!json_iter_init(&iter, records)) {
        return RC_OK;
    }
    while (json_iter_next(&iter, &name, &record)) {
        if (json_find(record, source->cursor_path, &value) && (json_type(value) == JSON_STRING || json_type(value) == JSON_NUMBER) &&
            value.length <= VALUE_BYTES && (best.length == 0 || bookmark_compare(value, best) > 0)) {
            best = value;
        }
    }
    if (best.data != buf_text(max)) {
        rc = buf_add(&copy, best.data, best.length);
        if (rc == RC_OK) {
            buf_reset(max);
            rc = buf_add(max, buf_text(&copy), copy.length);
        }
    }
    buf_release(&copy);
    return rc;
}

/* A time or date, in the form that it came in. */
static bool earlier(const char *text, int64_t ms, struct buf *out) {
    char whole[80], result[CLOCK_RFC3339_SIZE];
    const char *point = strchr(text, '.');
    bool date = strlen(text) == 10;
    int digits = 0;
    int64_t us;

    if (!str_format(whole, sizeof(whole), date ? "%sT00:00:00Z" : "%s", text) || !clock_parse_rfc3339(whole, &us)) {
        return false;
    }
    if (point != NULL) {
        digits = (int)strspn(point + 1, "0123456789");
        digits = digits > 6 ? 6 : digits;
    }
    clock_format_rfc3339(us - ms * 1000, digits, result);
    if (date) {
        result[10] = '\0';
    }
    return buf_printf(out, "\"%s\"", result) == RC_OK;
}

static bool less(struct slice value, double by, struct buf *out) {
    struct dec number, lookback;
    char text[DEC_TEXT_SIZE];

    (void)str_format(text, sizeof(text), "%.9f", by);
    if (!dec_parse(value, &number) || !dec_parse(slice_of(text), &lookback)) {
        return false;
    }
    dec_format(dec_sub(number, lookback), text);
    if (str_ends(text, ".00")) {
        text[strlen(text) - 3] = '\0';
    }
    return buf_add_text(out, text) == RC_OK;
}

static enum rc value_text(const cJSON *item, struct buf *out) {
    return cJSON_IsString(item) ? json_quote(slice_of(item->valuestring), out) : template_print(item, out);
}

enum rc incremental_start(const struct source *source, const char *last_value, struct buf *start, struct err *err) {
    const cJSON *initial = cJSON_GetObjectItemCaseSensitive(source->incremental, "initial_value");
    const cJSON *lookback = cJSON_GetObjectItemCaseSensitive(source->incremental, "lookback");
    struct buf text = BUF_INIT(VALUE_BYTES);
    int64_t ms = 0;
    bool done = false;

    if (last_value[0] == '\0') {
        return initial == NULL || value_text(initial, start) == RC_OK ? RC_OK : err_set(err, RC_PERM, "initial_value is too long");
    }
    if (lookback == NULL) {
        return buf_add_text(start, last_value) == RC_OK ? RC_OK : err_set(err, RC_PERM, "the bookmark's last_value is too long");
    }
    if (cJSON_IsNumber(lookback)) {
        done = last_value[0] != '"' && less(slice_of(last_value), lookback->valuedouble, start);
    } else if (json_decode_string(slice_of(last_value), &text) == RC_OK) {
        done = str_duration_ms(lookback->valuestring, &ms) && earlier(buf_text(&text), ms, start);
    }
    buf_release(&text);
    return done ? RC_OK : err_set(err, RC_PERM, "lookback of the source %s cannot be taken from the value %.100s", source->name, last_value);
}

enum rc incremental_place(const struct source *source, const char *start, struct placement *placement) {
    return source->incremental == NULL || start == NULL || start[0] == '\0' ? RC_OK
                                                                            : paginator_put_in(source->incremental, "start", NULL, slice_of(start), placement);
}
