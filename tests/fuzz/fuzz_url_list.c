// SPDX-License-Identifier: Apache-2.0
#include "net/url_list.h"

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lists of URLs: what is told is clean (so cleaning it again changes nothing), each once and in order of the lines; what is wrong is told in printable UTF-8;
 * the counts are those of what was told. */

#define KEPT 64

struct heard {
    size_t line, urls, wrong, kept;
    char list[KEPT][URL_LIST_URL_MOST];
};

static void require(bool holds) {
    if (!holds)
        abort();
}

static void on_line(struct heard *h, size_t line) {
    require(line > h->line);
    h->line = line;
}

static void on_url(void *context, size_t line, const char *url) {
    struct heard *h = context;
    struct err err = {0};
    char again[URL_LIST_URL_MOST];
    on_line(h, line);
    h->urls++;
    require(str_starts(url, "https://") || str_starts(url, "http://"));
    require(strlen(url) < URL_LIST_URL_MOST && strpbrk(url, " \t\r\n#") == NULL);
    require(url_list_clean(url, again, &err) == RC_OK && strcmp(url, again) == 0);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct heard heard;
    const struct url_list_told told = {.url = on_url, .wrong = on_wrong, .context = &heard};
    struct url_list_counts counts;
    struct err err = {0};
    char *copy = malloc(size + !size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    heard.line = heard.urls = heard.wrong = heard.kept = 0;
    require(url_list_read(copy, size, &told, &counts, &err) == RC_OK);
    require(counts.urls == heard.urls && counts.wrong == heard.wrong);
    free(copy);
    return 0;
}
