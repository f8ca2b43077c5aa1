// SPDX-License-Identifier: Apache-2.0
#include "helper/pagespeed.h"

#include <string.h>

#include "base/json.h"

/*
 * What a page would gain: the audits that name milliseconds or bytes. Lighthouse up to 12 has them as opportunities (details.overallSavingsMs and
 * overallSavingsBytes), from 12.6 on also as insights (metricSavings, details.debugData.wastedBytes), which alone are left in 13.
 */

#define MOST 5u

struct saving {
    struct slice id, title; /* of the id what is between its quotes */
    double ms, bytes;
    bool has_ms, has_bytes;
};

/* An insight takes the place of these: of a result that has both only the insight counts. */
static const struct {
    const char *old, *insight;
} replaced[] = {
    {"uses-long-cache-ttl", "/cache-insight"},
    {"redirects", "/document-latency-insight"},
    {"server-response-time", "/document-latency-insight"},
    {"uses-text-compression", "/document-latency-insight"},
    {"dom-size", "/dom-size-insight"},
    {"duplicated-javascript", "/duplicated-javascript-insight"},
    {"font-display", "/font-display-insight"},
    {"modern-image-formats", "/image-delivery-insight"},
    {"uses-optimized-images", "/image-delivery-insight"},
    {"uses-responsive-images", "/image-delivery-insight"},
    {"efficient-animated-content", "/image-delivery-insight"},
    {"prioritize-lcp-image", "/lcp-discovery-insight"},
    {"legacy-javascript", "/legacy-javascript-insight"},
    {"uses-http2", "/modern-http-insight"},
    {"uses-rel-preconnect", "/network-dependency-tree-insight"},
    {"render-blocking-resources", "/render-blocking-insight"},
    {"third-party-summary", "/third-parties-insight"},
};

static bool is_replaced(struct slice audits, struct slice id) {
    for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++) {
        if (slice_equals(id, replaced[i].old)) {
            return pagespeed_at(audits, replaced[i].insight).length > 0;
        }
    }
    return false;
}

static void raise_ms(struct saving *saving, struct slice value) {
    double ms;

    if (pagespeed_number(value, &ms)) {
        saving->ms = !saving->has_ms || ms > saving->ms ? ms : saving->ms;
        saving->has_ms = true;
    }
}

static bool is_insight(struct slice id) {
    static const char end[] = "-insight";

    return id.length > sizeof(end) - 1 && memcmp(id.data + id.length - (sizeof(end) - 1), end, sizeof(end) - 1) == 0;
}

/* False: it promises nothing. */
static bool read_saving(struct slice id, struct slice audit, struct saving *saving) {
    static const char *const gains[] = {"/metricSavings/FCP", "/metricSavings/LCP", "/metricSavings/TBT", "/metricSavings/INP"};
    struct slice details = pagespeed_at(audit, "/details");

    *saving = (struct saving){.id = id, .title = pagespeed_at(audit, "/title")};
    raise_ms(saving, pagespeed_at(details, "/overallSavingsMs"));
    saving->has_bytes = pagespeed_number(pagespeed_at(details, "/overallSavingsBytes"), &saving->bytes);
    if (is_insight(id)) {
        for (size_t i = 0; i < sizeof(gains) / sizeof(gains[0]); i++) {
            raise_ms(saving, pagespeed_at(audit, gains[i]));
        }
        if (!saving->has_bytes) {
            saving->has_bytes = pagespeed_number(pagespeed_at(details, "/debugData/wastedBytes"), &saving->bytes);
        }
    }
    return saving->ms > 0 || saving->bytes > 0;
}

static bool is_more(const struct saving *a, const struct saving *b) {
    if (a->ms > b->ms || a->ms < b->ms) {
        return a->ms > b->ms;
    }
    return a->bytes > b->bytes;
}

static void keep(struct saving list[MOST], size_t *count, const struct saving *saving) {
    size_t at = *count;

    while (at > 0 && is_more(saving, &list[at - 1])) {
        at--;
    }
    if (at == MOST) {
        return;
    }
    if (*count < MOST) {
        (*count)++;
    }
    memmove(&list[at + 1], &list[at], (*count - at - 1) * sizeof(list[0]));
    list[at] = *saving;
}

static enum rc put_amount(bool known, double value, struct buf *out) {
    return known ? buf_printf(out, "%.15g", value) : buf_add_text(out, "null");
}

static enum rc put_saving(const struct saving *saving, struct buf *out) {
    enum rc rc = buf_printf(out, "{\"id\":\"%.*s\",\"title\":", (int)saving->id.length, saving->id.data);

    rc = rc == RC_OK ? pagespeed_put_text(saving->title, 300, out) : rc;
    rc = rc == RC_OK ? buf_add_text(out, ",\"ms\":") : rc;
    rc = rc == RC_OK ? put_amount(saving->has_ms, saving->ms, out) : rc;
    rc = rc == RC_OK ? buf_add_text(out, ",\"bytes\":") : rc;
    rc = rc == RC_OK ? put_amount(saving->has_bytes, saving->bytes, out) : rc;
    return rc == RC_OK ? buf_add_char(out, '}') : rc;
}

enum rc pagespeed_savings(struct slice audits, struct buf *out) {
    struct saving list[MOST], saving;
    struct json_iter iter;
    struct slice id, audit;
    size_t count = 0;
    enum rc rc = buf_add_text(out, ",\"savings\":[");

    if (json_iter_init(&iter, audits)) {
        while (json_iter_next(&iter, &id, &audit)) {
            if (id.length <= 200 && read_saving(id, audit, &saving) && !is_replaced(audits, id)) {
                keep(list, &count, &saving);
            }
        }
    }
    for (size_t i = 0; i < count && rc == RC_OK; i++) {
        rc = i > 0 ? buf_add_char(out, ',') : RC_OK;
        rc = rc == RC_OK ? put_saving(&list[i], out) : rc;
    }
    return rc == RC_OK ? buf_add_char(out, ']') : rc;
}
