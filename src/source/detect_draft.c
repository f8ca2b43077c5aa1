// SPDX-License-Identifier: Apache-2.0
#include "source/detect_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "source/paginator.h"

static const char *const kinds[] = {[DETECT_SINGLE] = "single_page", [DETECT_HEADER_LINK] = "header_link", [DETECT_JSON_LINK] = "json_link",
                                    [DETECT_CURSOR] = "cursor",      [DETECT_OFFSET] = "offset",           [DETECT_PAGE] = "page_number"};

static const char *total_path(const struct detect *d) {
    const bool sure = !d->look.weak_total || d->total_checked || d->look.total_value > d->look.count;

    return d->look.total[0] != '\0' && sure && d->total_header == NULL ? d->look.total : NULL;
}

static uint64_t limit_of(const struct detect *d) {
    const bool whole = total_path(d) != NULL && d->look.total_value <= d->look.count;

    return d->limit > 0 ? d->limit : d->limit_param != NULL && (whole || d->look.count == 0) ? 100 : d->look.count > 0 ? d->look.count : 100;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

struct draft {
    struct buf *out;
    enum rc rc;
    unsigned secrets;
    const struct detect *detect;
};

static void put(struct draft *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct draft *w, const char *format, ...) {
    va_list args;

    va_start(args, format);
    if (w->rc == RC_OK) {
        w->rc = buf_vprintf(w->out, format, args);
    }
    va_end(args);
}

static void put_json(struct draft *w, const char *text) {
    if (w->rc == RC_OK) {
        w->rc = json_quote(slice_of(text), w->out);
    }
}

/* A text that stays what it is when templates are filled in. */
static void put_literal(struct draft *w, const char *text) {
    struct buf escaped = BUF_INIT(LIMIT_JOB_FILE_BYTES);

    for (; w->rc == RC_OK && *text != '\0'; text++) {
        w->rc = str_starts(text, "${") ? buf_add_text(&escaped, "$$") : buf_add_char(&escaped, *text);
    }
    put_json(w, buf_text(&escaped));
    buf_release(&escaped);
}

static void secret_name(const struct detect *d, unsigned index, char out[LIMIT_NAME_BYTES + 1]) {
    char end[16] = "";

    if (index > 0) {
        (void)str_format(end, sizeof(end), "_%u", index + 1);
    }
    /* A long name is cut so that the whole is a name still. */
    (void)str_format(out, LIMIT_NAME_BYTES + 1, "%.*s_token%s", (int)(LIMIT_NAME_BYTES - 10), d->setup.name, end);
}

/* "Bearer " and the like stay. */
static size_t scheme_length(const char *value) {
    static const char *const schemes[] = {"Bearer ", "Basic ", "Token ", "ApiKey ", "Api-Key ", "Key ", "OAuth ", NULL};

    for (const char *const *scheme = schemes; *scheme != NULL; scheme++) {
        if (strncasecmp(value, *scheme, strlen(*scheme)) == 0) {
            return strlen(*scheme);
        }
    }
    return 0;
}

static void put_secret(struct draft *w, const char *value) {
    char name[LIMIT_NAME_BYTES + 1], text[LIMIT_NAME_BYTES + 40];

    secret_name(w->detect, w->secrets++, name);
    (void)str_format(text, sizeof(text), "%.*s${secret:%s}", (int)scheme_length(value), value, name);
    put_json(w, text);
}

/* Of a parameter that stays in the definition: those that pages are cut by do not. */
static bool stays(const struct detect *d, const char *name) {
    return d->kind == DETECT_SINGLE ||
           ((d->limit_param == NULL || strcmp(name, d->limit_param) != 0) && (d->place_param == NULL || strcmp(name, d->place_param) != 0));
}

static bool is_first(const struct detect *d, unsigned at) {
    for (unsigned i = 0; i < at; i++) {
        if (strcmp(d->params[i].name, d->params[at].name) == 0) {
            return false;
        }
    }
    return true;
}

static void put_values(struct draft *w, unsigned at) {
    const struct detect *d = w->detect;
    unsigned count = 0;

    for (unsigned i = at; i < d->param_count; i++) {
        count += strcmp(d->params[i].name, d->params[at].name) == 0;
    }
    put(w, "%s", count > 1 ? "[" : "");
    for (unsigned i = at, put_count = 0; i < d->param_count; i++) {
        if (strcmp(d->params[i].name, d->params[at].name) == 0) {
            put(w, "%s", put_count++ > 0 ? ", " : "");
            if (detect_is_secret(d->params[i].name, false)) {
                put_secret(w, "");
            } else {
                put_literal(w, d->params[i].value);
            }
        }
    }
    put(w, "%s", count > 1 ? "]" : "");
}

static void put_params(struct draft *w) {
    const struct detect *d = w->detect;
    bool begun = false;

    for (unsigned i = 0; i < d->param_count; i++) {
        if (stays(d, d->params[i].name) && is_first(d, i)) {
            put(w, begun ? ", " : ",\n      \"params\": {");
            begun = true;
            put_json(w, d->params[i].name);
            put(w, ": ");
            put_values(w, i);
        }
    }
    put(w, "%s", begun ? "}" : "");
}

static void put_headers(struct draft *w) {
    const struct detect *d = w->detect;
    char name[256];
    bool begun = false;

    for (const char *const *header = d->setup.headers; *header != NULL; header++) {
        const char *value = strchr(*header, ':') + 1;

        value += strspn(value, " \t");
        if (!str_format(name, sizeof(name), "%.*s", (int)strcspn(*header, ":"), *header)) {
            w->rc = w->rc != RC_OK ? w->rc : RC_PERM;
            return;
        }
        put(w, begun ? ", " : ",\n      \"headers\": {");
        begun = true;
        put_json(w, name);
        put(w, ": ");
        if (detect_is_secret(name, true)) {
            put_secret(w, value);
        } else {
            put_literal(w, value);
        }
    }
    put(w, "%s", begun ? "}" : "");
}

static void put_member(struct draft *w, const char *name, const char *value) {
    if (value != NULL && *value != '\0') {
        put(w, ", \"%s\": ", name);
        put_json(w, value);
    }
}

static void comment_pages(struct draft *w) {
    const struct detect *d = w->detect;

    switch (d->kind) {
    case DETECT_SINGLE:
        put(w, d->look.count < 3
                   ? "  // CHECK: too few records were there to see how pages are cut. Give a URL that finds more, or say it here.\n"
                   : "  // CHECK: no way to a next page was found, so one request is taken to be all. See what the API's documents say of pages.\n");
        break;
    case DETECT_HEADER_LINK:
        put(w, "  // Seen: the header Link names the next page.\n");
        break;
    case DETECT_JSON_LINK:
        put(w, "  // Seen: the answer names the next page's URL.\n");
        break;
    case DETECT_CURSOR:
        put(w, "  // Seen: the answer names a cursor, and with it in the query another page came.\n");
        break;
    case DETECT_OFFSET:
    case DETECT_PAGE:
        put(w, "  // Seen by asking for small pages and comparing their records: they are cut by %s, the first is %" PRIu64 ".\n",
            d->kind == DETECT_PAGE ? "page number" : "offset", d->base_number);
        break;
    }
    if (d->refused_cursor) {
        put(w, "  // CHECK: the answer has a cursor, but none of the usual parameters takes it: \"cursor_param\" of a paginator \"cursor\" would name it.\n");
    }
    if (d->limit_param != NULL && d->max_limit == 0 && d->kind != DETECT_SINGLE) {
        put(w, "  // CHECK: \"max_limit\", the most records of a page, is not known: `batchspool sources test %s` asks.\n", d->setup.name);
    }
    if (total_path(d) == NULL && d->total_header == NULL && d->kind != DETECT_SINGLE) {
        put(w, "  // CHECK: no total was found. Without one a job cannot tell that records are missing.\n");
    }
}

static void put_paginator(struct draft *w) {
    const struct detect *d = w->detect;
    const bool numbered = d->kind == DETECT_OFFSET || d->kind == DETECT_PAGE;

    comment_pages(w);
    put(w, "  \"paginator\": {\"type\": \"%s\"", kinds[d->kind]);
    if (d->kind != DETECT_SINGLE && (d->limit_param != NULL || numbered)) {
        put(w, ", \"limit\": %" PRIu64, limit_of(d));
    }
    if (d->max_limit > 0) {
        put(w, ", \"max_limit\": %" PRIu64, d->max_limit);
    }
    if (d->kind != DETECT_SINGLE) {
        put_member(w, "limit_param", d->limit_param);
    }
    if (numbered) {
        put(w, ", \"%s\": %" PRIu64, d->kind == DETECT_OFFSET ? "offset" : "base_page", d->base_number);
        put_member(w, d->kind == DETECT_OFFSET ? "offset_param" : "page_param", d->place_param);
    }
    if (d->kind == DETECT_JSON_LINK) {
        put_member(w, "next_url_path", d->look.next_url);
    }
    if (d->kind == DETECT_CURSOR) {
        put_member(w, "cursor_path", d->look.cursor);
        put_member(w, "cursor_param", d->place_param);
    }
    put_member(w, "total_path", total_path(d));
    put_member(w, "total_header", d->total_header);
    if (numbered && total_path(d) == NULL && d->total_header == NULL) {
        put(w, ", \"total_path\": null");
    } else if (d->kind == DETECT_PAGE) {
        put(w, ", \"total_unit\": \"records\"");
    }
    put_member(w, "has_more_path", d->kind != DETECT_SINGLE ? d->look.has_more : "");
    put(w, "},\n");
}

static void put_records(struct draft *w) {
    const struct detect *d = w->detect;
    char shown[300];

    (void)str_printable(shown, sizeof(shown), d->look.records, strlen(d->look.records));
    put(w, "  // Seen: %" PRIu64 " records %s%s.\n  \"data_selector\": ", d->look.count, shown[0] != '\0' ? "at " : "",
        shown[0] != '\0' ? shown : "that are the whole answer");
    put_json(w, d->look.records);
    put(w, ",\n");
    if (d->look.bare) {
        put(w, "  // Seen: records are bare values: each is its own key.\n  \"primary_key\": \"\",\n");
    } else if (d->look.key[0] != '\0') {
        put(w, d->look.sure_key ? "  // Seen: in every record, and no two the same.\n  \"primary_key\": "
                                : "  // CHECK: in every record, and no two the same; but its name does not say that it is a key.\n  \"primary_key\": ");
        put_json(w, d->look.key);
        put(w, ",\n");
    } else {
        put(w, "  // CHECK: no member tells records apart. Without a key they are only counted: \"primary_key\": \"/...\" or [\"/a\", \"/b\"].\n");
    }
}

static void put_rest(struct draft *w) {
    put(w,
        "  // CHECK: nothing is known of the API's limits. This is a cautious guess.\n"
        "  \"api_budget\": {\"policies\": [{\"type\": \"moving_window\", \"rates\": [{\"limit\": 60, \"interval\": \"PT1M\"}]}]},\n"
        "  \"concurrency_level\": {\"default_concurrency\": 1, \"max_concurrency\": 2},\n"
        "  \"error_handler\": {\n"
        "    \"max_retries\": 5,\n"
        "    \"backoff_strategies\": [\n"
        "      {\"type\": \"wait_time_from_header\", \"header\": \"Retry-After\"},\n"
        "      {\"type\": \"exponential\", \"factor\": 2, \"jitter_range_in_seconds\": 1, \"max_s\": 300}\n"
        "    ]\n"
        "  },\n"
        "  // CHECK: does it charge for answers? Then \"metering\" must say so before the first job: batchspool-source(5).\n"
        "  \"timeout_s\": 60%s\n}\n",
        w->detect->setup.allow_http && str_starts(w->detect->setup.url, "http://")
            ? ",\n  // CHECK: what is sent and received can be read and changed on the way.\n  \"allow_http\": true"
            : "");
}

static unsigned secret_count(const struct detect *d) {
    unsigned count = 0;

    for (const char *const *header = d->setup.headers; *header != NULL; header++) {
        char name[256];

        count += str_format(name, sizeof(name), "%.*s", (int)strcspn(*header, ":"), *header) && detect_is_secret(name, true);
    }
    for (unsigned i = 0; i < d->param_count; i++) {
        count += stays(d, d->params[i].name) && detect_is_secret(d->params[i].name, false);
    }
    return count;
}

enum rc detect_draft(const struct detect *detect, struct buf *out, struct err *err) {
    struct draft w = {.out = out, .detect = detect};
    const unsigned secrets = secret_count(detect);

    if (detect->failed || !detect->look.has_records) {
        return err_set(err, detect->failed ? RC_TEMP : RC_PERM, detect->failed ? "out of memory" : "no records were seen");
    }
    put(&w, "// A draft, made from %u answers. What was seen is said beside it; look at every CHECK before the first job.\n{\n  \"name\": ", detect->requests);
    put_json(&w, detect->setup.name);
    put(&w, ",\n");
    if (secrets > 0) {
        put(&w, "  // Credentials are never written here: the file named behind \"secret:\" in the credentials directory holds each.\n");
    }
    put(&w, "  \"steps\": [{\n    \"http\": {\n      \"method\": \"GET\",\n      \"url\": ");
    put_literal(&w, detect->base);
    put_params(&w);
    put_headers(&w);
    put(&w, "\n    }\n  }],\n");
    put_paginator(&w);
    put_records(&w);
    put_rest(&w);
    if (w.rc != RC_OK) {
        return err_set(err, w.rc, w.rc == RC_TEMP ? "out of memory" : "the draft is too long");
    }
    return RC_OK;
}

/* --- for people and programs ---------------------------------------------------------------------------------------- */

static void add_text(bool *good, cJSON *out, const char *name, const char *value) {
    *good = *good && (value != NULL && *value != '\0' ? cJSON_AddStringToObject(out, name, value) : cJSON_AddNullToObject(out, name)) != NULL;
}

static void add_number(bool *good, cJSON *out, const char *name, bool known, uint64_t value) {
    *good = *good && (known ? cJSON_AddNumberToObject(out, name, (double)value) : cJSON_AddNullToObject(out, name)) != NULL;
}

cJSON *detect_summary(const struct detect *detect) {
    const struct detect *d = detect;
    cJSON *out = cJSON_CreateObject(), *secrets = cJSON_AddArrayToObject(out, "secrets");
    const bool header = d->total_header != NULL, total = header || total_path(d) != NULL;
    bool good = secrets != NULL;
    char name[LIMIT_NAME_BYTES + 1];

    add_text(&good, out, "name", d->setup.name);
    add_number(&good, out, "requests", true, d->requests);
    good = good && cJSON_AddStringToObject(out, "data_selector", d->look.records) != NULL;
    add_number(&good, out, "records", true, d->look.count);
    good = good && (d->look.bare ? cJSON_AddStringToObject(out, "primary_key", "") != NULL : true);
    if (!d->look.bare) {
        add_text(&good, out, "primary_key", d->look.key);
    }
    add_number(&good, out, "total", total, header ? d->total_header_value : d->look.total_value);
    add_text(&good, out, "total_at", header ? d->total_header : total_path(d));
    add_text(&good, out, "paginator", kinds[d->kind]);
    add_text(&good, out, "limit_param", d->kind != DETECT_SINGLE ? d->limit_param : NULL);
    add_text(&good, out, d->kind == DETECT_CURSOR ? "cursor_param" : d->kind == DETECT_PAGE ? "page_param" : "offset_param", d->place_param);
    for (unsigned i = 0; good && i < secret_count(d); i++) {
        secret_name(d, i, name);
        good = cJSON_AddItemToArray(secrets, cJSON_CreateString(name));
    }
    if (!good) {
        cJSON_Delete(out);
    }
    return good ? out : NULL;
}
