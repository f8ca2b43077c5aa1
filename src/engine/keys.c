// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_internal.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define KEY_BYTES_MOST (64u * 1024u)

enum rc page_keys(const struct source *source, struct slice records, uint64_t most, unsigned char (**keys)[KEYSET_KEY_BYTES], size_t *count,
                  uint64_t *keyless) {
    *count = 0;
    *keyless = 0;
    *keys = NULL;
    if (!source->key_count || !most)
        return RC_OK;
    *keys = malloc((size_t)most * sizeof **keys);
    if (!*keys)
        return RC_TEMP;
    struct digest *digest = digest_new();
    if (!digest)
        return RC_TEMP;
    struct buf key = BUF_INIT(KEY_BYTES_MOST);
    struct json_iter iter;
    struct slice name, record;
    json_iter_init(&iter, records);
    while (json_iter_next(&iter, &name, &record)) {
        unsigned char sum[DIGEST_BYTES];
        if (!answer_record_key(source, record, &key)) {
            ++*keyless;
            continue;
        }
        digest_add(digest, buf_text(&key), key.length);
        digest_next(digest, sum);
        memcpy((*keys)[(*count)++], sum, KEYSET_KEY_BYTES);
    }
    buf_release(&key);
    digest_free(digest);
    return RC_OK;
}

static int by_bytes(const void *a, const void *b) {
    return memcmp(a, b, KEYSET_KEY_BYTES);
}

uint64_t page_advance(const struct source *source, uint64_t limit, uint64_t records, unsigned char (*keys)[KEYSET_KEY_BYTES], size_t count) {
    uint64_t different = 0;
    if (!limit || records <= limit || !source->key_count)
        return records;
    unsigned char(*sorted)[KEYSET_KEY_BYTES] = malloc((count ? count : 1) * sizeof *sorted);
    if (!sorted)
        return limit;
    memcpy(sorted, keys, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_bytes);
    for (size_t i = 0; i < count; i++)
        different += i == 0 || memcmp(sorted[i], sorted[i - 1], KEYSET_KEY_BYTES) != 0;
    free(sorted);
    return different > limit ? different : limit;
}
