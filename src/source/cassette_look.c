// SPDX-License-Identifier: Apache-2.0
#include "source/cassette.h"

#include <string.h>

#include "base/json.h"

/* What a request that is made again finds in a cassette. */

#define MOST_SHOWN 300

struct cassette_page *cassette_find(struct cassette *cassette, const char *request) {
    struct cassette_page *found = NULL;

    for (size_t i = 0; i < cassette->page_count && (found == NULL || found->used); i++) {
        if (strcmp(cassette->pages[i].request, request) == 0) {
            found = &cassette->pages[i];
        }
    }
    return found;
}

static bool is_at(const struct cassette_page *page, uint32_t batch, const char *step, uint32_t part, unsigned way) {
    return page->batch == batch && page->part == part && page->way == way && strcmp(page->step, step) == 0;
}

/* Lines are mostly looked for in the order in which they were written. */
struct cassette_page *cassette_at(struct cassette *cassette, uint32_t batch, const char *step, uint32_t part, unsigned way) {
    for (size_t i = 0; i < cassette->page_count; i++) {
        size_t at = (cassette->hint + i) % cassette->page_count;

        if (is_at(&cassette->pages[at], batch, step, part, way)) {
            cassette->hint = at;
            return &cassette->pages[at];
        }
    }
    return NULL;
}

const struct cassette_document *cassette_document(const struct cassette *cassette, const char *sha256) {
    for (size_t i = 0; i < cassette->document_count; i++) {
        if (strcmp(cassette->documents[i].sha256, sha256) == 0) {
            return &cassette->documents[i];
        }
    }
    return NULL;
}

static const char *const parts[] = {"/method", "/url", "/headers", "/body", "/document", "/command", "/stdin"};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

static struct slice part_of(const char *request, size_t part) {
    struct slice value;

    return json_find(slice_of(request), parts[part], &value) ? value : slice_of("");
}

static size_t common(struct slice a, struct slice b) {
    size_t length = 0;

    while (length < a.length && length < b.length && a.data[length] == b.data[length]) {
        length++;
    }
    return length;
}

static bool is_same(struct slice a, struct slice b) {
    return a.length == b.length && common(a, b) == a.length;
}

/* Equal parts first, then how far the others are alike. */
static uint64_t likeness(const char *a, const char *b) {
    uint64_t alike = 0, length = 0;

    for (size_t i = 0; i < PART_COUNT; i++) {
        struct slice one = part_of(a, i), other = part_of(b, i);

        alike += is_same(one, other);
        length += common(one, other);
    }
    return alike << 40 | length;
}

/* From a little before the first byte that differs. */
static void show(struct slice text, size_t from, char out[MOST_SHOWN]) {
    size_t start = from > 60 ? from - 60 : 0;
    char *to = out;

    while (start > 0 && start < text.length && ((unsigned char)text.data[start] & 0xc0) == 0x80) {
        start--;
    }
    if (start > 0) {
        memcpy(out, "...", 3);
        to += 3;
    }
    (void)str_printable(to, MOST_SHOWN - 3, start < text.length ? text.data + start : "", start < text.length ? text.length - start : 0);
    if (text.length == 0) {
        (void)str_copy(out, MOST_SHOWN, "none");
    }
}

void cassette_differs(const char *request, const struct cassette_page *page, char *differs, size_t size) {
    struct buf text = BUF_INIT(PART_COUNT * (2 * MOST_SHOWN + 40));

    for (size_t i = 0; i < PART_COUNT; i++) {
        struct slice one = part_of(request, i), other = part_of(page->request, i);
        char here[MOST_SHOWN], there[MOST_SHOWN];

        if (!is_same(one, other)) {
            show(one, common(one, other), here);
            show(other, common(one, other), there);
            (void)buf_printf(&text, "%s%s: %s, recorded: %s", text.length > 0 ? "; " : "", parts[i] + 1, here, there);
        }
    }
    (void)str_printable(differs, size, buf_text(&text), text.length);
    buf_release(&text);
}

const struct cassette_page *cassette_nearest(const struct cassette *cassette, const char *request, char *differs, size_t size) {
    const struct cassette_page *nearest = NULL;
    uint64_t best = 0;

    *differs = '\0';
    for (size_t i = 0; i < cassette->page_count; i++) {
        uint64_t like = likeness(request, cassette->pages[i].request) + 1;

        if (like > best) {
            best = like;
            nearest = &cassette->pages[i];
        }
    }
    if (nearest != NULL) {
        cassette_differs(request, nearest, differs, size);
    }
    return nearest;
}
