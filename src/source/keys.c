// SPDX-License-Identifier: Apache-2.0
#include "source/keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "source/answer.h"

#define KEY_BYTES_MOST (64u * 1024u)

/* Known to everybody: who makes two records look alike could as well send one of them twice. */
static const unsigned char sum_key[crypto_shorthash_siphashx24_KEYBYTES] = {0};
_Static_assert(crypto_shorthash_siphashx24_BYTES == KEYS_BYTES, "a sum is a key");

void keys_init(struct keys *keys) {
    *keys = (struct keys){.list = NULL};
    buf_init(&keys->text, KEY_BYTES_MOST);
}

void keys_release(struct keys *keys) {
    free(keys->list);
    buf_release(&keys->text);
    *keys = (struct keys){.list = NULL};
}

void keys_clear(struct keys *keys) {
    keys->count = 0;
    keys->keyless = 0;
}

static bool room_for_one(struct keys *keys) {
    size_t capacity = keys->capacity > 0 ? keys->capacity * 2 : 512;
    unsigned char(*list)[KEYS_BYTES];

    if (keys->count < keys->capacity) {
        return true;
    }
    list = realloc(keys->list, capacity * sizeof(*list));
    if (list != NULL) {
        keys->list = list;
        keys->capacity = capacity;
    }
    return list != NULL;
}

void keys_add(struct keys *keys, const struct source *source, struct slice record, struct slice value) {
    if (source->key_count == 0 || keys->failed) {
        return;
    }
    if (!(value.data != NULL ? answer_key(value, &keys->text) : answer_record_key(source, record, &keys->text))) {
        keys->keyless++;
        return;
    }
    if (!room_for_one(keys)) {
        keys->failed = true;
        return;
    }
    (void)crypto_shorthash_siphashx24(keys->list[keys->count++], (const unsigned char *)buf_text(&keys->text), keys->text.length, sum_key);
}

void keys_add_all(struct keys *keys, const struct source *source, struct slice records) {
    const struct slice none = {.data = NULL, .length = 0};
    struct json_iter iter;
    struct slice name, record;

    if (source->key_count > 0 && json_iter_init(&iter, records)) {
        while (json_iter_next(&iter, &name, &record)) {
            keys_add(keys, source, record, none);
        }
    }
}

static int by_bytes(const void *a, const void *b) {
    return memcmp(a, b, KEYS_BYTES);
}

uint64_t keys_advance(const struct keys *keys, const struct source *source, uint64_t limit, uint64_t records) {
    unsigned char(*sorted)[KEYS_BYTES];
    uint64_t different = 0;

    if (limit == 0 || records <= limit || source->key_count == 0) {
        return records;
    }
    sorted = malloc((keys->count > 0 ? keys->count : 1) * sizeof(*sorted));
    if (sorted == NULL) {
        return limit;
    }
    if (keys->count > 0) {
        memcpy(sorted, keys->list, keys->count * sizeof(*sorted));
        qsort(sorted, keys->count, sizeof(*sorted), by_bytes);
    }
    for (size_t i = 0; i < keys->count; i++) {
        different += i == 0 || memcmp(sorted[i], sorted[i - 1], KEYS_BYTES) != 0;
    }
    free(sorted);
    return different > limit ? different : limit;
}
