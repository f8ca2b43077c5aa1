// SPDX-License-Identifier: Apache-2.0
#include "api/filter.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NOW_US INT64_C(1795000000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The one box: what is refused says why, what is taken is within its bounds and can be asked of any job; more words never have more jobs. */

static void require(bool holds) {
    if (!holds)
        abort();
}

static void check_list(const struct filter_list *list) {
    require(list->count <= FILTER_LIST_MAX);
    for (unsigned i = 0; i < list->count; i++)
        require(*list->items[i] && memchr(list->items[i], '\0', sizeof list->items[i]));
}

static void check(const struct filter *f) {
    const struct filter_list *const lists[] = {&f->sources, &f->campaigns, &f->owners, &f->reasons, &f->modes};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        check_list(lists[i]);
    require(f->word_count <= FILTER_WORDS_MAX && memchr(f->id, '\0', sizeof f->id));
    for (unsigned i = 0; i < f->word_count; i++) {
        require(memchr(f->words[i], '\0', sizeof f->words[i]));
        for (const char *at = f->words[i]; *at; at++)
            require(!isupper((unsigned char)*at));
    }
    require(!(f->places & ~(1u << PLACE_PENDING | 1u << PLACE_PROCESSING | 1u << PLACE_PROCESSED | 1u << PLACE_FAILED | 1u << PLACE_DEFERRED |
                            1u << PLACE_HOLD | 1u << PLACE_CANCELLED)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char all[] = "20261123t170501z-4f9c2a01b7d3-reno reno c-1 items";
    struct filter_glance glance = {.source = "items",
                                   .campaign = "C-1",
                                   .owner = "ops",
                                   .reason = "",
                                   .name = "Reno",
                                   .place = PLACE_PROCESSED,
                                   .priority = PRIORITY_NORMAL,
                                   .runs = true,
                                   .loaded = true,
                                   .created_us = NOW_US - INT64_C(86400000000),
                                   .updated_us = NOW_US};
    const struct filter_job job = {.glance = &glance, .id = "20261123T170501Z-4f9c2a01b7d3-reno", .mode = "run", .text = all};
    struct filter filter = {0}, narrower;
    struct err err = {0};
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    filter_pairs(all, glance.pairs);
    if (filter_parse(&filter, text, NOW_US, &err) != RC_OK)
        require(err.text[0] != '\0');
    else {
        check(&filter);
        const bool has = filter_has(&filter, &job);
        require(!has || filter_may_have(&filter, &glance));
        narrower = filter;
        if (filter_parse(&narrower, "older:1h newer:2d reno is:loaded", NOW_US, &err) == RC_OK)
            require(has == filter_has(&narrower, &job));
        narrower = filter;
        if (filter_parse(&narrower, "older:2d", NOW_US, &err) == RC_OK)
            require(!filter_has(&narrower, &job));
    }
    free(text);
    return 0;
}
