// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/str.h"
#include "helper/chunks.h"
#include "helper/quotes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two bytes of options, then pages with form feeds between them: parts are valid when the pages are, in order, and nothing is lost; what stands on a page is
 * found there. */

#define PAGES 50u

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void check_parts(const struct pages *pages, const struct chunks_options *options, bool utf8) {
    struct chunk *chunks;
    struct err err = {0};
    size_t count, bytes = 0, found = 0;
    require(chunks_cut(pages, options, &chunks, &count, &err) == RC_OK && count >= 1);
    for (size_t i = 0; i < pages->count; i++)
        bytes += strlen(pages->list[i].text);
    for (size_t i = 0; i < count; i++) {
        require(!utf8 || str_is_utf8(buf_text(&chunks[i].text), chunks[i].text.length));
        require(i == 0 || (chunks[i].first_page >= chunks[i - 1].first_page && chunks[i].last_page >= chunks[i - 1].last_page));
        found += chunks[i].text.length;
    }
    require(found >= bytes);
    chunks_free(chunks, count);
}

static void check_quotes(const struct pages *pages) {
    struct quotes *quotes = quotes_new(pages);
    struct date dates[2];
    unsigned day, month;
    require(quotes != NULL);
    for (size_t i = 0; i < pages->count; i++) {
        unsigned page = quotes_find(quotes, pages->list[i].text, pages->list[i].number);
        require(page == 0 || page == pages->list[i].number || strstr(pages->list[i].text, "..") != NULL);
        (void)date_read(pages->list[i].text, DATE_ORDER_NONE, dates);
        date_count_orders(pages->list[i].text, &day, &month);
    }
    quotes_free(quotes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct page list[PAGES] = {{.number = 1, .text = ""}};
    struct pages pages = {.list = list, .count = 1, .page_count = PAGES};
    if (size < 2)
        return 0;
    struct chunks_options options = {.tokens = CHUNKS_TOKENS_LEAST + data[0]};
    options.overlap = options.tokens * (data[1] % 50) / 100;
    char *text = malloc(size - 1);
    if (text == NULL)
        return 0;
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0';
    bool utf8 = str_is_utf8(text, strlen(text));
    list[0].text = text;
    for (char *at = strchr(text, '\f'); at != NULL && pages.count < PAGES; at = strchr(at + 1, '\f')) {
        *at = '\0';
        list[pages.count] = (struct page){.number = (unsigned)pages.count + 1, .text = at + 1};
        pages.count++;
    }
    check_parts(&pages, &options, utf8);
    check_quotes(&pages);
    free(text);
    return 0;
}
