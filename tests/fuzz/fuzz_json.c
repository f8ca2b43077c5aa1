// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/json_reference.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static struct slice all_of(const struct buf *b) {
    return (struct slice){.data = buf_text(b), .length = b->length};
}

static void require_inside(struct slice part, struct slice whole) {
    require(part.length == 0 || (part.data >= whole.data && part.data + part.length <= whole.data + whole.length));
}

/* What holds for any bytes: nothing is read or given out beyond them. */
static void look_anywhere(struct slice text) {
    static const char *const pointers[] = {"", "/", "/a", "/a/0", "/0/a", "/a~1b/~0", "/results/0/Persons/1"};
    struct buf out = BUF_INIT(1u << 16);
    struct json_iter iter;
    struct slice name, value;
    uint64_t number;

    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        if (json_find(text, pointers[i], &value)) {
            require_inside(value, text);
        }
    }
    if (json_iter_init(&iter, text)) {
        while (json_iter_next(&iter, &name, &value)) {
            require_inside(name, text);
            require_inside(value, text);
            (void)json_to_u64(value, true, &number);
            (void)json_decode_string(value, &out);
        }
    }
    (void)json_canonical(text, &out);
    (void)json_fold_lines(text, &out);
    buf_release(&out);
}

/* A form of accepted text is accepted, and its form is itself. */
static void require_stable(enum rc form(struct slice, struct buf *), struct slice text) {
    struct json_rules rules = json_rules_payload;
    struct buf once = BUF_INIT(SIZE_MAX / 4), twice = BUF_INIT(SIZE_MAX / 4);

    require(form(text, &once) == RC_OK);
    require(json_check(buf_text(&once), once.length, &rules, NULL) == RC_OK);
    require(memchr(buf_text(&once), '\n', once.length) == NULL);
    require(form(all_of(&once), &twice) == RC_OK);
    require(once.length == twice.length && memcmp(buf_text(&once), buf_text(&twice), once.length) == 0);
    buf_release(&once);
    buf_release(&twice);
}

static void require_readable(struct slice text) {
    struct json_iter iter;
    struct slice name, value;
    struct buf out = BUF_INIT(SIZE_MAX / 4);
    size_t count = 0;

    require(json_type(text) != JSON_NONE);
    if (json_iter_init(&iter, text)) {
        while (json_iter_next(&iter, &name, &value)) {
            count++;
            require(json_check(value.data, value.length, &json_rules_payload, NULL) == RC_OK);
            if (json_type(value) == JSON_STRING) {
                buf_reset(&out);
                require(json_decode_string(value, &out) == RC_OK);
                require(str_is_utf8(buf_text(&out), out.length));
            }
        }
        require(count == json_count(text));
    }
    buf_release(&out);
}

/* Checking, walking and finding give what going through byte by byte gives. */
static void require_same(struct slice text) {
    static const char *const pointers[] = {"", "/", "/a", "/a/0", "/0/a", "/a~1b/~0", "/results/0/Persons/1", "/x\"a", "/\\"};
    struct json_outline outline;
    struct slice expected, value;

    require(json_outline(text.data, text.length, &json_rules_payload, &outline, NULL) == RC_OK);
    require(reference_agrees(text, &outline, 0));
    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        bool is = reference_find(text, pointers[i], &expected);

        require(json_find(text, pointers[i], &value) == is && (!is || (value.data == expected.data && value.length == expected.length)));
        require(json_outline_find(&outline, pointers[i], &value) == is && (!is || (value.data == expected.data && value.length == expected.length)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size > 0 ? size : 1); /* its own size, so that one byte too far is seen */
    struct slice text = {.data = copy, .length = size};
    struct err err;

    if (copy == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    look_anywhere(text);
    if (json_check(copy, size, &json_rules_payload, &err) == RC_OK) {
        require_readable(text);
        require_same(text);
        require_stable(json_canonical, text);
        require_stable(json_fold_lines, text);
    }
    if (json_check(copy, size, &json_rules_config, &err) == RC_OK) { /* the stricter rules accept nothing more */
        require(json_check(copy, size, &json_rules_payload, &err) == RC_OK);
    }
    if (json_check(copy, size, &json_rules_config_commented, &err) == RC_OK) {
        json_strip_comments(copy, size);
        require(json_check(copy, size, &json_rules_config, &err) == RC_OK);
    }
    free(copy);
    return 0;
}
