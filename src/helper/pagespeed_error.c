// SPDX-License-Identifier: Apache-2.0
#include "helper/pagespeed.h"

#include <string.h>

#include "base/json.h"

/*
 * Errors of Lighthouse, by the codes of its core/lib/lh-error.js and of Chrome's net errors. The first row counts whose code is the error's (NULL: any) and
 * whose part stands in its text (NULL: always). etc/sources/pagespeed.json says the same to the daemon of errors that the service answers with.
 *
 * What speaks of the page is for good: the address has no host, the host is no web server, its certificate is bad, it says 404. What speaks of the moment, or
 * of the Chrome that was used, is not: another try may end well, and costs nothing but time.
 */
static const struct {
    const char *code, *part;
    enum rc rc;
} rows[] = {
    /* The page's server was slow or overloaded, or the line to it broke. */
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_TIMED_OUT", RC_TEMP},
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_CONNECTION_TIMED_OUT", RC_TEMP},
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_CONNECTION_RESET", RC_TEMP},
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_CONNECTION_CLOSED", RC_TEMP},
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_EMPTY_RESPONSE", RC_TEMP},
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_NETWORK_CHANGED", RC_TEMP},
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_NAME_RESOLUTION_FAILED", RC_TEMP}, /* the resolver failed; that there is no such name is ERR_NAME_NOT_RESOLVED */
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_DNS_TIMED_OUT", RC_TEMP},
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_HTTP2_PROTOCOL_ERROR", RC_TEMP},
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_QUIC_PROTOCOL_ERROR", RC_TEMP},
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_ABORTED", RC_TEMP}, /* also a page that is a download; that one fails again, and then for good */
    {"FAILED_DOCUMENT_REQUEST", "net::ERR_FAILED", RC_TEMP},  /* says nothing; often gone at the next try */
    /* No host, nobody listens, access denied, a bad certificate, too many redirects ... */
    {"FAILED_DOCUMENT_REQUEST", NULL, RC_PERM},
    {"ERRORED_DOCUMENT_REQUEST", "Status code: 408", RC_TEMP},
    {"ERRORED_DOCUMENT_REQUEST", "Status code: 425", RC_TEMP},
    {"ERRORED_DOCUMENT_REQUEST", "Status code: 429", RC_TEMP},
    {"ERRORED_DOCUMENT_REQUEST", "Status code: 5", RC_TEMP},
    {"ERRORED_DOCUMENT_REQUEST", NULL, RC_PERM},
    {"DNS_FAILURE", NULL, RC_PERM},
    {"INVALID_URL", NULL, RC_PERM},
    {"NOT_HTML", NULL, RC_PERM},
    {"INSECURE_DOCUMENT_REQUEST", NULL, RC_PERM},
    {"CHROME_INTERSTITIAL_ERROR", NULL, RC_PERM},
    {"UNSUPPORTED_OLD_CHROME", NULL, RC_PERM},
    /* Everything else is of the moment: no trace or screenshots (NO_FCP, NO_NAVSTART, NO_SCREENSHOTS, SPEEDINDEX_OF_ZERO ...), PAGE_HUNG, PROTOCOL_TIMEOUT,
     * TARGET_CRASHED, CRI_TIMEOUT, "Something went wrong", and what a newer Lighthouse calls by another name. */
};

enum rc pagespeed_error_class(const char *code, const char *text) {
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].code, code) == 0 && (rows[i].part == NULL || strstr(text, rows[i].part) != NULL)) {
            return rows[i].rc;
        }
    }
    return RC_TEMP;
}

/* A text that is for people and for the table; nothing of one that is too long to be either. */
static void take_text(struct slice value, struct buf *out) {
    if (json_type(value) == JSON_STRING) {
        (void)json_decode_string(value, out);
    }
}

enum rc pagespeed_error(struct slice lighthouse, struct err *err) {
    struct slice error = pagespeed_at(lighthouse, "/runtimeError");
    struct buf code = BUF_INIT(4096), text = BUF_INIT(65536);
    char shown_code[64], shown[400];
    enum rc rc = RC_OK;

    if (json_type(error) != JSON_OBJECT) {
        return RC_OK;
    }
    take_text(pagespeed_at(error, "/code"), &code);
    take_text(pagespeed_at(error, "/message"), &text);
    if (strcmp(buf_text(&code), "NO_ERROR") != 0) {
        (void)str_printable(shown_code, sizeof(shown_code), buf_text(&code), code.length);
        (void)str_printable(shown, sizeof(shown), buf_text(&text), text.length);
        rc = err_set(err, pagespeed_error_class(buf_text(&code), buf_text(&text)), "Lighthouse: %s%s%s", code.length > 0 ? shown_code : "an error without code",
                     text.length > 0 ? ": " : "", shown);
    }
    buf_release(&code);
    buf_release(&text);
    return rc;
}
