// SPDX-License-Identifier: Apache-2.0
#include "source/paginator_cursor.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/number.h"
#include "source/paginator_chain.h"

static void fault(struct page_facts *facts, const char *text) {
    (void)str_copy(facts->fault, sizeof(facts->fault), text);
}

static void keep(struct page_facts *facts, struct slice token) {
    if (token.length >= sizeof(facts->token)) {
        (void)str_format(facts->fault, sizeof(facts->fault), "the cursor is longer than %u bytes", LIMIT_TOKEN_BYTES - 1);
        return;
    }
    memcpy(facts->token, token.data, token.length);
    facts->token[token.length] = '\0';
}

static enum rc put_cursor(const struct source *source, struct slice json, struct placement *placement) {
    return paginator_put(source, "cursor", "cursor", json, placement);
}

/* --- cursor -------------------------------------------------------------------------------------------------------- */

static const char *const cursor_options[] = {"cursor_path", "cursor_param", "cursor_body_path", "cursor_header", NULL};

static void cursor_check(struct check *check, struct source *source) {
    char *path = NULL;

    check_pointer(check, source->paginator, "cursor_path", &path);
    free(path);
    paginator_check_place(check, source, "cursor");
}

/* "", 0, false and null name nothing, as in dlt. */
static bool is_nothing(struct slice value) {
    struct number number;

    switch (json_type(value)) {
    case JSON_NONE:
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_STRING:
        return value.length == 2;
    case JSON_NUMBER:
        return number_parse(value, &number) && number.count == 0;
    case JSON_TRUE:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return false;
    }
    return true;
}

/* Its characters go into a param or header: there must be some, and in a header no control characters. */
static void check_text(const struct source *source, struct slice value, struct page_facts *facts) {
    struct buf text = BUF_INIT(LIMIT_TOKEN_BYTES);
    bool in_header = paginator_option(source, "cursor_header") != NULL;

    if (json_type(value) == JSON_ARRAY || json_type(value) == JSON_OBJECT) {
        fault(facts, "the cursor is an array or object, which has a place only in the body (cursor_body_path)");
        return;
    }
    if (json_type(value) != JSON_STRING) {
        return;
    }
    if (json_decode_string(value, &text) == RC_TEMP) {
        fault(facts, "out of memory");
    }
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c == '\0' || (in_header && ((c < ' ' && c != '\t') || c == 0x7f))) {
            fault(facts, "the cursor has a control character in it, which has no place in the request");
        }
    }
    buf_release(&text);
}

static void cursor_read(const struct source *source, const struct page_answer *answer, struct page_facts *facts) {
    const char *path = cJSON_GetStringValue(paginator_option(source, "cursor_path"));
    struct slice value;

    if (!paginator_find(answer, path != NULL ? path : "/cursors/next", &value) || is_nothing(value)) {
        return;
    }
    keep(facts, value);
    if (facts->token[0] != '\0' && paginator_option(source, "cursor_body_path") == NULL) {
        check_text(source, value, facts);
    }
    if (facts->fault[0] != '\0') {
        facts->token[0] = '\0';
    }
}

static enum rc cursor_place(const struct source *source, const struct page *page, struct placement *placement) {
    return page->token[0] != '\0' ? put_cursor(source, slice_of(page->token), placement) : RC_OK;
}

const struct paginator_row paginator_cursor = {
    PAGINATOR_CHAIN, .type = "cursor", .trims = true, .options = cursor_options, .check = cursor_check, .place = cursor_place, .read = cursor_read,
};

/* --- header_cursor ------------------------------------------------------------------------------------------------- */

static const char *const header_options[] = {"cursor_key", "cursor_param", "cursor_body_path", "cursor_header", NULL};

static void header_check(struct check *check, struct source *source) {
    paginator_want(check, source, "cursor_key", "next");
    paginator_check_place(check, source, "cursor");
}

static void header_read(const struct source *source, const struct page_answer *answer, struct page_facts *facts) {
    const char *key = cJSON_GetStringValue(paginator_option(source, "cursor_key"));
    const char *text = answer->fields != NULL ? fields_get(answer->fields, key != NULL ? key : "next") : NULL;

    if (text != NULL && !str_is_utf8(text, strlen(text))) {
        fault(facts, "the cursor is not UTF-8");
    } else if (text != NULL) {
        keep(facts, slice_of(text));
    }
}

static enum rc header_place(const struct source *source, const struct page *page, struct placement *placement) {
    struct buf json = BUF_INIT(LIMIT_TOKEN_BYTES - 1); /* paginator_put takes no more */
    enum rc rc = RC_OK;

    if (page->token[0] != '\0') {
        rc = json_quote(slice_of(page->token), &json);
        rc = rc == RC_OK ? put_cursor(source, slice_of(buf_text(&json)), placement) : rc;
    }
    buf_release(&json);
    return rc;
}

const struct paginator_row paginator_header_cursor = {
    PAGINATOR_CHAIN, .type = "header_cursor", .trims = true, .options = header_options, .check = header_check, .place = header_place, .read = header_read,
};
