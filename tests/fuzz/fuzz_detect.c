// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "source/detect.h"
#include "source/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A URL, then answers with a NUL between them, the last one again and again: whatever an API says, the asking ends, and the draft is a definition that checks
 * and has no credential in it. */

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static struct slice cut(struct slice *rest) {
    const char *stop = rest->length > 0 ? memchr(rest->data, '\0', rest->length) : NULL;
    struct slice part = {.data = rest->data, .length = stop != NULL ? (size_t)(stop - rest->data) : rest->length};

    if (stop != NULL) {
        *rest = (struct slice){.data = stop + 1, .length = rest->length - part.length - 1};
    }
    return part;
}

/* The first byte of an answer says its status; its header fields are its body, from where a link may begin. */
static enum rc answer(struct detect *detect, struct slice part) {
    static const int statuses[] = {200, 200, 200, 404, 500, 401, 0};
    const int status = part.length > 0 && part.data[0] >= '0' && part.data[0] <= '6' ? statuses[part.data[0] - '0'] : 200;
    const struct slice body = part.length > 0 ? (struct slice){.data = part.data + 1, .length = part.length - 1} : part;
    const char *link = body.length > 0 ? memchr(body.data, '<', body.length) : NULL, *from = link != NULL ? link : body.data;
    const size_t length = body.length - (link != NULL ? (size_t)(link - body.data) : 0);
    struct fields fields = {.count = 0};
    struct err err = {0};
    enum rc rc;

    for (const char *const *wanted = detect_headers; *wanted != NULL; wanted++) {
        require(fields_add(&fields, *wanted, length > 0 ? from : "", length < 1000 ? length : 1000));
    }
    rc = detect_answer(detect, status, body, &fields, &err);
    require(rc == RC_OK || err.text[0] != '\0');
    fields_release(&fields);
    return rc;
}

/* A definition that only asks this URL checks; where it does not, a draft cannot either. */
static bool is_usable(const char *url) {
    struct buf text = BUF_INIT(1u << 20);
    struct source *source = NULL;
    struct err err = {0};

    require(
        buf_add_text(
            &text, "{\"name\":\"fuzzed\",\"allow_http\":true,\"paginator\":{\"type\":\"single_page\"},\"data_selector\":\"\",\"steps\":[{\"http\":{\"url\":") ==
            RC_OK &&
        json_quote((struct slice){.data = url, .length = strcspn(url, "?#")}, &text) == RC_OK && buf_add_text(&text, "}}]}") == RC_OK);
    enum rc rc = source_parse("fuzzed.json", buf_text(&text), text.length, &source, &err);
    source_free(source);
    buf_release(&text);
    return rc == RC_OK;
}

static void require_draft(const struct detect *detect, const char *url, bool may_show) {
    struct buf draft = BUF_INIT(1u << 20);
    struct source *source;
    struct err err = {0};
    cJSON *summary = detect_summary(detect);

    require(summary != NULL);
    cJSON_Delete(summary);
    if (detect_draft(detect, &draft, &err) == RC_OK) {
        const bool checks = source_parse("fuzzed.json", buf_text(&draft), draft.length, &source, &err) == RC_OK;

        require(checks || !is_usable(url));
        require(may_show || strstr(buf_text(&draft), "CANARY") == NULL);
        if (checks) {
            source_free(source);
        }
    } else {
        require(err.text[0] != '\0');
    }
    buf_release(&draft);
}

static void run(const char *url, struct slice answers, bool may_show) {
    static const char *const headers[] = {"Authorization: Bearer CANARY", "X-Api-Key: CANARY", NULL};
    const struct detect_setup setup = {.name = "fuzzed", .url = url, .headers = headers, .allow_http = true};
    struct detect *detect;
    struct err err = {0};
    char *asked;
    enum rc rc = RC_OK;

    if (detect_new(&setup, &detect, &err) != RC_OK) {
        require(err.text[0] != '\0');
        return;
    }
    for (unsigned requests = 0; rc == RC_OK && detect_next(detect, &asked); requests++) {
        require(requests < DETECT_MOST_REQUESTS);
        require(strncmp(asked, "https://", 8) == 0 || strncmp(asked, "http://", 7) == 0);
        rc = answer(detect, cut(&answers));
        free(asked);
    }
    require_draft(detect, url, may_show);
    detect_free(detect);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size > 0 ? size : 1), *url;
    struct slice rest = {.data = copy, .length = size}, first;

    if (copy == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    first = cut(&rest);
    url = strndup(first.data, first.length);
    if (url != NULL) {
        /* What an answer says itself may be in the draft, escaped or not. */
        run(url, rest, size > 0 && (memmem(copy, size, "CANARY", 6) != NULL || memchr(copy, '\\', size) != NULL || memchr(copy, '%', size) != NULL));
    }
    free(url);
    free(copy);
    return 0;
}
