// SPDX-License-Identifier: Apache-2.0
#include "base/json_differ.h"

#include <string.h>

struct forms { /* canonical, of two values that are compared */
    struct buf one, other;
};

static bool is_same(struct forms *forms, struct slice a, struct slice b, enum rc *rc) {
    buf_reset(&forms->one);
    buf_reset(&forms->other);
    *rc = json_canonical(a, &forms->one);
    *rc = *rc == RC_OK ? json_canonical(b, &forms->other) : *rc;
    return *rc != RC_OK || (forms->one.length == forms->other.length && memcmp(buf_text(&forms->one), buf_text(&forms->other), forms->one.length) == 0);
}

/* The first member, or element, that differs becomes *a and *b. False: what differs are the containers themselves. */
static bool go_down(struct forms *forms, struct slice *a, struct slice *b, char pointer[JSON_DIFFER_POINTER], enum rc *rc) {
    struct json_iter iter, beside;
    struct slice name, value, its_name, its;
    size_t index = 0, used = strlen(pointer);

    if (json_type(*a) != json_type(*b) || !json_iter_init(&iter, *a) || !json_iter_init(&beside, *b)) {
        return false;
    }
    for (; json_iter_next(&iter, &name, &value); index++) {
        if (!json_iter_next(&beside, &its_name, &its) ||
            (iter.object && (name.length != its_name.length || memcmp(name.data, its_name.data, name.length) != 0))) {
            return false;
        }
        if (is_same(forms, value, its, rc)) {
            if (*rc != RC_OK) {
                return false;
            }
            continue;
        }
        *a = value;
        *b = its;
        return iter.object ? str_format(pointer + used, JSON_DIFFER_POINTER - used, "/%.*s", (int)name.length, name.data)
                           : str_format(pointer + used, JSON_DIFFER_POINTER - used, "/%zu", index);
    }
    return false;
}

bool json_differ(struct slice *a, struct slice *b, char pointer[JSON_DIFFER_POINTER], enum rc *rc) {
    struct forms forms = {.one = BUF_INIT(8 * a->length + 64), .other = BUF_INIT(8 * b->length + 64)};
    bool differ;

    pointer[0] = '\0';
    differ = !is_same(&forms, *a, *b, rc);
    while (differ && *rc == RC_OK && go_down(&forms, a, b, pointer, rc)) {
    }
    buf_release(&forms.one);
    buf_release(&forms.other);
    return differ;
}
