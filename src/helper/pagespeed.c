// SPDX-License-Identifier: Apache-2.0
#include "helper/pagespeed.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"

#define MOST_WARNINGS 20u
#define MOST_WARNING_BYTES 500u
#define MOST_LABELS 64u
#define MOST_LABEL_BYTES 4096u
#define MOST_URL_BYTES 8192u

/* --- values ---------------------------------------------------------------------------------------------------------- */

struct slice pagespeed_at(struct slice document, const char *pointer) {
    struct slice value;

    return document.length > 0 && json_find(document, pointer, &value) ? value : (struct slice){.data = NULL, .length = 0};
}

bool pagespeed_number(struct slice value, double *out) {
    char text[64];

    *out = 0;
    if (json_type(value) != JSON_NUMBER || value.length >= sizeof(text)) {
        return false;
    }
    memcpy(text, value.data, value.length);
    text[value.length] = '\0';
    *out = strtod(text, NULL);
    if (*out >= 0 && *out <= 1e15) {
        return true;
    }
    *out = 0;
    return false;
}

enum rc pagespeed_put_number(struct slice value, struct buf *out) {
    double number;

    return pagespeed_number(value, &number) ? buf_add(out, value.data, value.length) : buf_add_text(out, "null");
}

/* How much of a text's characters as they are written fits into most bytes. */
static size_t fitting(const char *text, size_t length, size_t most) {
    size_t at = 0, step = 0;

    while (at + step <= most && at < length) {
        at += step;
        if (at < length && text[at] == '\\') {
            step = text[at + 1] != 'u'                                                   ? 2
                   : (text[at + 2] == 'd' || text[at + 2] == 'D') && text[at + 3] >= '8' ? 12
                                                                                         : 6; /* a pair of surrogates stays together */
        } else {
            step = at < length ? str_utf8_length(text + at, length - at) : 1;
        }
    }
    return at;
}

enum rc pagespeed_put_text(struct slice value, size_t most, struct buf *out) {
    enum rc rc;

    if (json_type(value) != JSON_STRING || value.length <= 2) {
        return buf_add_text(out, "null");
    }
    rc = buf_add_char(out, '"');
    rc = rc == RC_OK ? buf_add(out, value.data + 1, value.length - 2 <= most ? value.length - 2 : fitting(value.data + 1, value.length - 2, most)) : rc;
    return rc == RC_OK ? buf_add_char(out, '"') : rc;
}

/* --- parts of the record --------------------------------------------------------------------------------------------- */

static enum rc put_member(const char *name, struct slice value, size_t most, struct buf *out) {
    enum rc rc = buf_printf(out, ",\"%s\":", name);

    return rc == RC_OK ? pagespeed_put_text(value, most, out) : rc;
}

/* The first that is a text which says something. */
static struct slice first_text(struct slice document, const char *const *pointers) {
    for (; *pointers != NULL; pointers++) {
        struct slice value = pagespeed_at(document, *pointers);

        if (json_type(value) == JSON_STRING && value.length > 2) {
            return value;
        }
    }
    return (struct slice){.data = NULL, .length = 0};
}

static bool has_member(struct slice object, struct slice wanted) {
    struct json_iter iter;
    struct slice name, value;

    if (!json_iter_init(&iter, object)) {
        return false;
    }
    while (json_iter_next(&iter, &name, &value)) {
        if (name.length == wanted.length && memcmp(name.data, wanted.data, name.length) == 0) {
            return true;
        }
    }
    return false;
}

/* Texts, numbers and true or false of `labels`, but for those that `above` has too. */
static enum rc put_labels(struct slice labels, struct slice above, size_t *count, struct buf *out) {
    struct json_iter iter;
    struct slice name, value;
    enum rc rc = RC_OK;

    if (json_type(labels) != JSON_OBJECT || !json_iter_init(&iter, labels)) {
        return RC_OK;
    }
    while (rc == RC_OK && *count < MOST_LABELS && json_iter_next(&iter, &name, &value)) {
        enum json_type type = json_type(value);

        if (type == JSON_ARRAY || type == JSON_OBJECT || name.length > MOST_LABEL_BYTES || value.length > MOST_LABEL_BYTES || has_member(above, name)) {
            continue;
        }
        rc = buf_printf(out, "%s\"", (*count)++ > 0 ? "," : "");
        rc = rc == RC_OK ? buf_add(out, name.data, name.length) : rc;
        rc = rc == RC_OK ? buf_add_text(out, "\":") : rc;
        rc = rc == RC_OK ? buf_add(out, value.data, value.length) : rc;
    }
    return rc;
}

static enum rc put_warnings(struct slice warnings, struct buf *out) {
    struct json_iter iter;
    struct slice name, value;
    size_t count = 0;
    enum rc rc = buf_add_text(out, ",\"warnings\":[");

    if (json_type(warnings) == JSON_ARRAY && json_iter_init(&iter, warnings)) {
        while (rc == RC_OK && count < MOST_WARNINGS && json_iter_next(&iter, &name, &value)) {
            if (json_type(value) == JSON_STRING) {
                rc = count++ > 0 ? buf_add_char(out, ',') : RC_OK;
                rc = rc == RC_OK ? pagespeed_put_text(value, MOST_WARNING_BYTES, out) : rc;
            }
        }
    }
    return rc == RC_OK ? buf_add_char(out, ']') : rc;
}

static enum rc put_scores(struct slice categories, struct buf *out) {
    static const char *const names[][2] = {
        {"\"performance\":", "/performance/score"},
        {",\"accessibility\":", "/accessibility/score"},
        {",\"best_practices\":", "/best-practices/score"},
        {",\"seo\":", "/seo/score"},
    };
    enum rc rc = buf_add_text(out, ",\"scores\":{");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == RC_OK; i++) {
        double score;
        bool known = pagespeed_number(pagespeed_at(categories, names[i][1]), &score) && score <= 1;

        rc = buf_add_text(out, names[i][0]);
        rc = rc != RC_OK ? rc : known ? buf_printf(out, "%d", (int)(score * 100 + 0.5)) : buf_add_text(out, "null");
    }
    return rc == RC_OK ? buf_add_char(out, '}') : rc;
}

static enum rc put_lab(struct slice audits, struct buf *out) {
    static const char *const names[][2] = {
        {"\"fcp_ms\":", "/first-contentful-paint/numericValue"},  {",\"lcp_ms\":", "/largest-contentful-paint/numericValue"},
        {",\"cls\":", "/cumulative-layout-shift/numericValue"},   {",\"tbt_ms\":", "/total-blocking-time/numericValue"},
        {",\"speed_index_ms\":", "/speed-index/numericValue"},    {",\"server_response_ms\":", "/server-response-time/numericValue"},
        {",\"total_bytes\":", "/total-byte-weight/numericValue"},
    };
    enum rc rc = buf_add_text(out, ",\"lab\":{");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == RC_OK; i++) {
        struct slice value = pagespeed_at(audits, names[i][1]);

        if (value.length == 0 && strstr(names[i][1], "server-response") != NULL) { /* where Lighthouse 13 has it */
            value = pagespeed_at(audits, "/document-latency-insight/details/debugData/serverResponseTime");
        }
        rc = buf_add_text(out, names[i][0]);
        rc = rc == RC_OK ? pagespeed_put_number(value, out) : rc;
    }
    return rc == RC_OK ? buf_add_char(out, '}') : rc;
}

/* --- the record ------------------------------------------------------------------------------------------------------ */

struct input {
    struct slice answer, lighthouse, audits; /* lighthouse: the object that has the audits, whoever ran it */
    struct slice item, url, strategy;
};

static enum rc read_input(struct slice document, struct input *input, struct err *err) {
    input->answer = pagespeed_at(document, "/answer");
    input->item = pagespeed_at(document, "/item");
    input->url = pagespeed_at(input->item, "/url");
    if (json_type(input->url) == JSON_OBJECT) {
        input->item = input->url; /* what has the labels */
        input->url = pagespeed_at(input->url, "/url");
    }
    input->strategy = pagespeed_at(document, "/item/strategy");
    if (json_type(input->url) != JSON_STRING || input->url.length <= 2 || input->url.length > MOST_URL_BYTES) {
        return err_set(err, RC_PERM, "item/url: is no URL");
    }
    input->lighthouse = pagespeed_at(input->answer, "/lighthouseResult");
    if (input->lighthouse.length == 0) {
        input->lighthouse = input->answer;
    }
    input->audits = pagespeed_at(input->lighthouse, "/audits");
    if (json_type(pagespeed_at(input->lighthouse, "/runtimeError")) != JSON_OBJECT && json_type(input->audits) != JSON_OBJECT) {
        return err_set(err, RC_PERM, "answer: is neither one of PageSpeed Insights nor one of Lighthouse: it has no audits");
    }
    return pagespeed_error(input->lighthouse, err);
}

static enum rc put_head(struct slice document, const struct input *input, struct buf *out) {
    static const char *const shown[] = {"/finalDisplayedUrl", "/finalUrl", NULL}, *const times[] = {"/fetchTime", NULL}, *const service[] = {"/id", NULL};
    static const char *const stamps[] = {"/analysisUTCTimestamp", NULL}, *const forms[] = {"/configSettings/formFactor", "/configSettings/emulatedFormFactor",
                                                                                           NULL};
    struct slice final_url = first_text(input->lighthouse, shown), fetched = first_text(input->lighthouse, times), strategy = input->strategy;
    struct slice item_labels = pagespeed_at(input->item, "/labels");
    size_t count = 0;
    enum rc rc = buf_add_text(out, "{\"results\":[{\"url\":");

    final_url = final_url.length > 0 ? final_url : first_text(input->answer, service);
    fetched = fetched.length > 0 ? fetched : first_text(input->answer, stamps);
    strategy = json_type(strategy) == JSON_STRING ? strategy : first_text(input->lighthouse, forms);
    rc = rc == RC_OK ? pagespeed_put_text(input->url, MOST_URL_BYTES, out) : rc;
    rc = rc == RC_OK ? put_member("final_url", final_url, MOST_URL_BYTES, out) : rc;
    rc = rc == RC_OK ? buf_add_text(out, ",\"labels\":{") : rc;
    rc = rc == RC_OK ? put_labels(item_labels, (struct slice){.data = NULL, .length = 0}, &count, out) : rc;
    rc = rc == RC_OK ? put_labels(pagespeed_at(document, "/labels"), item_labels, &count, out) : rc;
    rc = rc == RC_OK ? buf_add_char(out, '}') : rc;
    rc = rc == RC_OK ? put_member("strategy", strategy, 40, out) : rc;
    rc = rc == RC_OK ? put_member("run", pagespeed_at(document, "/run"), 200, out) : rc;
    rc = rc == RC_OK ? put_member("engine", pagespeed_at(document, "/engine"), 40, out) : rc;
    rc = rc == RC_OK ? put_member("lighthouse_version", pagespeed_at(input->lighthouse, "/lighthouseVersion"), 40, out) : rc;
    rc = rc == RC_OK ? put_member("fetched_at", fetched, 40, out) : rc;
    rc = rc == RC_OK ? put_member("cached_at", pagespeed_at(document, "/cached_at"), 40, out) : rc;
    rc = rc == RC_OK ? buf_add_text(out, ",\"attempts\":") : rc;
    return rc == RC_OK ? pagespeed_put_number(pagespeed_at(document, "/attempts"), out) : rc;
}

static enum rc put_record(struct slice document, const struct input *input, struct buf *out) {
    enum rc rc = put_head(document, input, out);

    rc = rc == RC_OK ? buf_add_text(out, ",\"status\":\"ok\",\"error_class\":null,\"error\":null") : rc;
    rc = rc == RC_OK ? put_warnings(pagespeed_at(input->lighthouse, "/runWarnings"), out) : rc;
    rc = rc == RC_OK ? put_scores(pagespeed_at(input->lighthouse, "/categories"), out) : rc;
    rc = rc == RC_OK ? put_lab(input->audits, out) : rc;
    rc = rc == RC_OK ? pagespeed_savings(input->audits, out) : rc;
    rc = rc == RC_OK ? pagespeed_field(pagespeed_at(input->answer, "/loadingExperience"), pagespeed_at(input->answer, "/originLoadingExperience"), out) : rc;
    return rc == RC_OK ? buf_add_text(out, "}]}\n") : rc;
}

enum rc pagespeed_record(const char *text, size_t length, struct buf *out, struct err *err) {
    struct slice document = {.data = text, .length = length};
    struct input input = {.url = {.data = NULL, .length = 0}};
    const size_t begin = out->length;
    enum rc rc = json_check(text, length, &json_rules_payload, err);

    if (rc == RC_OK) {
        rc = read_input(document, &input, err);
    }
    if (rc != RC_OK) {
        return rc;
    }
    rc = put_record(document, &input, out);
    if (rc != RC_OK) {
        out->length = begin;
        return rc == RC_PERM ? err_set(err, rc, "the record would be longer than %zu bytes", out->max) : err_set(err, rc, "out of memory");
    }
    return RC_OK;
}
