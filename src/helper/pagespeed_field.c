// SPDX-License-Identifier: Apache-2.0
#include "helper/pagespeed.h"

#include <string.h>

#include "base/json.h"

/* Field data: what the Chrome UX Report has of real visits over 28 days, of the page or of its origin. */

static const struct metric {
    const char *name, *id; /* in the record; in the answer */
    double divisor;        /* a percentile of CLS is 100 times the value */
    double good;           /* p75 up to here passes; negative: does not count for the assessment */
} metrics[] = {
    {"lcp_ms", "/metrics/LARGEST_CONTENTFUL_PAINT_MS", 1, 2500},    {"inp_ms", "/metrics/INTERACTION_TO_NEXT_PAINT", 1, 200},
    {"cls", "/metrics/CUMULATIVE_LAYOUT_SHIFT_SCORE", 100, 0.1},    {"fcp_ms", "/metrics/FIRST_CONTENTFUL_PAINT_MS", 1, -1},
    {"ttfb_ms", "/metrics/EXPERIMENTAL_TIME_TO_FIRST_BYTE", 1, -1},
};
#define METRICS (sizeof(metrics) / sizeof(metrics[0]))
#define INP 1

static struct slice metric_of(struct slice experience, const struct metric *metric) {
    struct slice value = pagespeed_at(experience, metric->id);
    double ignored;

    return pagespeed_number(pagespeed_at(value, "/percentile"), &ignored) ? value : (struct slice){.data = NULL, .length = 0};
}

static enum rc put_metric(struct slice value, const struct metric *metric, struct buf *out) {
    static const char *const shares[][2] = {
        {",\"good\":", "/distributions/0/proportion"},
        {",\"needs_improvement\":", "/distributions/1/proportion"},
        {",\"poor\":", "/distributions/2/proportion"},
    };
    double percentile;
    enum rc rc;

    if (!pagespeed_number(pagespeed_at(value, "/percentile"), &percentile)) {
        return buf_add_text(out, "null");
    }
    rc = buf_printf(out, "{\"p75\":%.15g,\"category\":", percentile / metric->divisor);
    rc = rc == RC_OK ? pagespeed_put_text(pagespeed_at(value, "/category"), 40, out) : rc;
    for (size_t i = 0; i < 3 && rc == RC_OK; i++) {
        rc = buf_add_text(out, shares[i][0]);
        rc = rc == RC_OK ? pagespeed_put_number(pagespeed_at(value, shares[i][1]), out) : rc;
    }
    return rc == RC_OK ? buf_add_char(out, '}') : rc;
}

static bool has_data(struct slice experience) {
    for (size_t i = 0; i < METRICS; i++) {
        if (metric_of(experience, &metrics[i]).length > 0) {
            return true;
        }
    }
    return false;
}

static enum rc put_field(struct slice experience, const char *scope, struct buf *out) {
    enum rc rc;

    if (!has_data(experience)) {
        return buf_add_text(out, "null");
    }
    rc = buf_printf(out, "{\"scope\":\"%s\",\"category\":", scope);
    rc = rc == RC_OK ? pagespeed_put_text(pagespeed_at(experience, "/overall_category"), 40, out) : rc;
    for (size_t i = 0; i < METRICS && rc == RC_OK; i++) {
        rc = buf_printf(out, ",\"%s\":", metrics[i].name);
        rc = rc == RC_OK ? put_metric(pagespeed_at(experience, metrics[i].id), &metrics[i], out) : rc;
    }
    return rc == RC_OK ? buf_add_char(out, '}') : rc;
}

/* Google's rule: all three good at p75; without enough data for INP the other two decide; without LCP or CLS nothing can be said. */
static const char *assessment(struct slice experience) {
    bool pass = true;

    for (size_t i = 0; i < METRICS; i++) {
        double percentile;

        if (metrics[i].good < 0) {
            continue;
        }
        if (pagespeed_number(pagespeed_at(metric_of(experience, &metrics[i]), "/percentile"), &percentile)) {
            pass = pass && percentile / metrics[i].divisor <= metrics[i].good;
        } else if (i != INP) {
            return "null";
        }
    }
    return pass ? "true" : "false";
}

enum rc pagespeed_field(struct slice page, struct slice origin, struct buf *out) {
    bool fallback = json_type(pagespeed_at(page, "/origin_fallback")) == JSON_TRUE;
    enum rc rc = buf_add_text(out, ",\"field\":");

    rc = rc == RC_OK ? put_field(page, fallback ? "origin_fallback" : "page", out) : rc;
    rc = rc == RC_OK ? buf_add_text(out, ",\"origin\":") : rc;
    rc = rc == RC_OK ? put_field(origin, "origin", out) : rc;
    return rc == RC_OK ? buf_printf(out, ",\"cwv_pass\":%s", assessment(page)) : rc;
}
