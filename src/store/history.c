// SPDX-License-Identifier: Apache-2.0
#include "store/history.h"

#include <string.h>

#define PAGE_BYTES 29u
#define PAID 1u

/* A total order of all that is kept, so that of equal times the same one goes, whichever came first. */
static int compare(const struct history_page *a, const struct history_page *b) {
    if (a->answered_us != b->answered_us)
        return a->answered_us < b->answered_us ? -1 : 1;
    if (a->job != b->job)
        return a->job < b->job ? -1 : 1;
    if (a->took_ms != b->took_ms)
        return a->took_ms < b->took_ms ? -1 : 1;
    if (a->records != b->records)
        return a->records < b->records ? -1 : 1;
    if (a->paid != b->paid)
        return a->paid ? 1 : -1;
    return dec_compare(a->cost, b->cost);
}

bool history_add(struct history *history, const struct history_page *page) {
    bool full = history->count == HISTORY_PAGES;
    size_t at = history->count;
    while (at > 0 && compare(&history->pages[at - 1], page) > 0)
        at--;
    if (full && at == 0)
        return false;
    if (full) { /* the oldest goes */
        at--;
        memmove(&history->pages[0], &history->pages[1], at * sizeof *page);
    } else {
        memmove(&history->pages[at + 1], &history->pages[at], (history->count - at) * sizeof *page);
        history->count++;
    }
    history->pages[at] = *page;
    return true;
}

uint32_t history_job(const char *job_id) {
    uint32_t number = 2166136261u; /* FNV-1a */
    for (; *job_id != '\0'; job_id++)
        number = (number ^ (unsigned char)*job_id) * 16777619u;
    return number;
}

static unsigned char *put(unsigned char *at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        *at++ = (unsigned char)(value >> (8 * i));
    return at;
}

static uint64_t get(const unsigned char **at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;)
        value = value << 8 | (*at)[i];
    *at += bytes;
    return value;
}

/* Of a page's cost what 64 bits hold: nine milliards. */
static uint64_t nano_of(struct dec cost) {
    return cost.nano < 0 ? 0 : cost.nano > INT64_MAX ? (uint64_t)INT64_MAX : (uint64_t)cost.nano;
}

size_t history_write(const struct history *history, unsigned char out[CODEC_ROW_BYTES]) {
    unsigned char *at = put(out, CODEC_VERSION, 1);
    for (size_t i = 0; i < history->count; i++) {
        const struct history_page *page = &history->pages[i];
        at = put(at, (uint64_t)page->answered_us, 8);
        at = put(at, page->job, 4);
        at = put(at, page->took_ms, 4);
        at = put(at, page->records, 4);
        at = put(at, page->paid ? PAID : 0, 1);
        at = put(at, nano_of(page->cost), 8);
    }
    return (size_t)(at - out);
}

bool history_read(const void *bytes, size_t length, struct history *history) {
    const unsigned char *at = bytes;
    *history = (struct history){.count = 0};
    if (length == 0 || (length - 1) % PAGE_BYTES != 0 || (length - 1) / PAGE_BYTES > HISTORY_PAGES || get(&at, 1) != CODEC_VERSION)
        return false;
    for (size_t count = (length - 1) / PAGE_BYTES; history->count < count; history->count++) {
        struct history_page *page = &history->pages[history->count];
        page->answered_us = (int64_t)get(&at, 8);
        page->job = (uint32_t)get(&at, 4);
        page->took_ms = (uint32_t)get(&at, 4);
        page->records = (uint32_t)get(&at, 4);
        page->paid = get(&at, 1) == PAID;
        page->cost.nano = (int64_t)get(&at, 8);
        if (history->count > 0 && compare(page - 1, page) > 0)
            return false;
    }
    return true;
}
