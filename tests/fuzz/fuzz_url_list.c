// SPDX-License-Identifier: Apache-2.0
#include "net/url_list.h"

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lists of URLs: what is told is clean (so cleaning it again changes nothing), each once in order of the lines; what is wrong is told in printable UTF-8;
 * the counts are those of what was told. */

#define KEPT 64

struct heard {
    bool public_only;
    size_t line, urls, wrong, kept;
    char list[KEPT][URL_LIST_URL_MOST];
};

static void require(bool holds) {
    if (!holds)
        abort();
}

static void on_line(struct heard *h, size_t line) {
    require(line >= h->line);
    h->line = line;
}

static void on_url(void *context, size_t line, const char *url, const struct url_list_labels *labels) {
    struct heard *h = context;
    struct err err = {0};
    char again[URL_LIST_URL_MOST];
    on_line(h, line);
    h->urls++;
    require(str_starts(url, "https://") || str_starts(url, "http://"));
    require(strlen(url) < URL_LIST_URL_MOST && strpbrk(url, " \t\r\n#") == NULL);
    require(url_list_clean(url, again, &err) == RC_OK && strcmp(url, again) == 0);
    require(!h->public_only || !url_list_is_private(url));
    for (size_t i = 0; labels && i < labels->count; i++)
        require(*labels->names[i] && str_is_utf8(labels->names[i], strlen(labels->names[i])) && str_is_utf8(labels->values[i].data, labels->values[i].length) &&
                labels->values[i].length <= URL_LIST_LABEL_BYTES);
    for (size_t i = 0; i < h->kept; i++)
        require(strcmp(h->list[i], url) != 0);
    if (h->kept < KEPT)
        str_copy(h->list[h->kept++], URL_LIST_URL_MOST, url);
}

static void on_wrong(void *context, size_t line, const char *text, const char *why) {
    struct heard *h = context;
    on_line(h, line);
    h->wrong++;
    require(*why && strlen(text) < 200 && str_is_utf8(text, strlen(text)));
}

static void on_sitemap(void *context, size_t line, const char *url) {
    on_line(context, line);
    require(str_starts(url, "https://") || str_starts(url, "http://"));
}

/* In pieces of a size that the first byte says: how they are cut makes no difference. */
static enum rc read_pieces(const char *text, size_t length, size_t piece, const struct url_list_told *told, struct url_list_counts *counts) {
    struct url_list *list;
    struct err err = {0};
    require(url_list_new(told, &list, &err) == RC_OK);
    enum rc rc = RC_OK;
    for (size_t at = 0; at < length && !rc; at += piece)
        rc = url_list_take(list, text + at, at + piece < length ? piece : length - at, &err);
    rc = rc ? rc : url_list_end(list, counts, &err);
    require(rc == RC_OK || (rc == RC_PERM && err.text[0]));
    url_list_free(list);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct heard heard, once;
    struct url_list_told told = {.url = on_url, .wrong = on_wrong, .sitemap = on_sitemap, .context = &heard};
    struct url_list_counts counts = {0, 0, 0}, pieces = {0, 0, 0};
    struct err err = {0};
    if (size < 1)
        return 0;
    char *copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    told.public_only = heard.public_only = once.public_only = data[0] & 1;
    heard.line = heard.urls = heard.wrong = heard.kept = 0;
    const enum rc rc = url_list_read(copy, size - 1, &told, &counts, &err);
    require(rc == RC_OK || (rc == RC_PERM && err.text[0]));
    require(rc || (counts.urls == heard.urls && counts.wrong == heard.wrong));
    once.line = once.urls = once.wrong = once.kept = 0;
    told.context = &once;
    require(read_pieces(copy, size - 1, 1 + (data[0] >> 1) % 64, &told, &pieces) == rc);
    /* Of what ends in an error more or less of the beginning may have been told. */
    require(rc || (heard.urls == once.urls && heard.wrong == once.wrong && counts.duplicates == pieces.duplicates));
    free(copy);
    return 0;
}
