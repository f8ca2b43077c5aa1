// SPDX-License-Identifier: Apache-2.0
#include "sink/lmdb_codec.h"

#include "base/clock.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_HEAD_BYTES 18
#define VERSION_FORMAT 1
#define HASH_TAIL_BYTES (2 + 2 * DIGEST_BYTES)

static void put_u32(unsigned char *out, uint32_t value) {
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void put_u64(unsigned char *out, uint64_t value) {
    put_u32(out, (uint32_t)(value >> 32));
    put_u32(out + 4, (uint32_t)value);
}

static uint32_t get_u32(const unsigned char *in) {
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static uint64_t get_u64(const unsigned char *in) {
    return (uint64_t)get_u32(in) << 32 | get_u32(in + 4);
}

/* All parts are bounded (names of 64 bytes, job ids of 70, keys by their limits), so that a whole key always fits. */
void lmdb_key_raw(struct lmdb_key *key, const void *bytes, size_t length) {
    if (length > sizeof(key->bytes) - key->length)
        length = sizeof(key->bytes) - key->length;
    memcpy(key->bytes + key->length, bytes, length);
    key->length += length;
}

void lmdb_key_text(struct lmdb_key *key, const char *text) {
    lmdb_key_raw(key, text, strlen(text) + 1);
}

void lmdb_key_u32(struct lmdb_key *key, uint32_t value) {
    unsigned char bytes[4];

    put_u32(bytes, value);
    lmdb_key_raw(key, bytes, sizeof(bytes));
}

void lmdb_key_u64(struct lmdb_key *key, uint64_t value) {
    unsigned char bytes[8];

    put_u64(bytes, value);
    lmdb_key_raw(key, bytes, sizeof(bytes));
}

void lmdb_key_pk(struct lmdb_key *key, struct slice pk, size_t limit) {
    size_t start = key->length, cut = start, i;
    char hex[DIGEST_HEX_SIZE];

    for (i = 0; i < pk.length && key->length - start <= limit - 2; i++) {
        unsigned char c = (unsigned char)pk.data[i];
        unsigned char pair[2] = {1, (unsigned char)(c + 1)};
        if (c <= 1)
            lmdb_key_raw(key, pair, 2);
        else
            lmdb_key_raw(key, &c, 1);
        if (key->length - start <= limit - HASH_TAIL_BYTES)
            cut = key->length;
    }
    if (i == pk.length)
        return;
    digest_of_hex(pk.data, pk.length, hex);
    key->length = cut;
    lmdb_key_raw(key, "\1\3", 2);
    lmdb_key_raw(key, hex, DIGEST_HEX_SIZE - 1);
}

void lmdb_key_record(struct lmdb_key *key, const char *source, struct slice pk) {
    key->length = 0;
    lmdb_key_text(key, source);
    lmdb_key_pk(key, pk, LMDB_PK_BYTES);
}

void lmdb_key_place(struct lmdb_key *key, const char *job_id, uint32_t batch) {
    key->length = 0;
    lmdb_key_text(key, job_id);
    lmdb_key_u32(key, batch);
}

void lmdb_key_indexed(struct lmdb_key *key, const char *job_id, uint32_t batch, uint32_t index) {
    lmdb_key_place(key, job_id, batch);
    lmdb_key_u32(key, index);
}

void lmdb_key_version(struct lmdb_key *key, struct slice record_key, const struct lmdb_version *version) {
    key->length = 0;
    lmdb_key_raw(key, record_key.data, record_key.length);
    lmdb_key_raw(key, "", 1);
    lmdb_key_u64(key, (uint64_t)version->captured_us);
    lmdb_key_raw(key, version->job_id.data, version->job_id.length);
    lmdb_key_raw(key, "", 1);
    lmdb_key_u32(key, version->batch);
}

size_t lmdb_version_size(const struct lmdb_version *version) {
    return VERSION_HEAD_BYTES + version->job_id.length + version->text.length;
}

void lmdb_version_write(const struct lmdb_version *version, void *out) {
    unsigned char *at = out;

    at[0] = VERSION_FORMAT;
    put_u64(at + 1, (uint64_t)version->captured_us);
    put_u32(at + 9, version->batch);
    put_u32(at + 13, version->index);
    at[17] = (unsigned char)version->job_id.length;
    memcpy(at + VERSION_HEAD_BYTES, version->job_id.data, version->job_id.length);
    memcpy(at + VERSION_HEAD_BYTES + version->job_id.length, version->text.data, version->text.length);
}

bool lmdb_version_read(const void *data, size_t length, struct lmdb_version *version) {
    const unsigned char *at = data;

    if (length < VERSION_HEAD_BYTES || at[0] != VERSION_FORMAT || at[17] >= JOBID_SIZE || length - VERSION_HEAD_BYTES < at[17])
        return false;
    version->captured_us = (int64_t)get_u64(at + 1);
    version->batch = get_u32(at + 9);
    version->index = get_u32(at + 13);
    version->job_id = (struct slice){.data = (const char *)at + VERSION_HEAD_BYTES, .length = at[17]};
    version->text.data = version->job_id.data + version->job_id.length;
    version->text.length = length - VERSION_HEAD_BYTES - version->job_id.length;
    return true;
}

static int slice_order(struct slice a, struct slice b) {
    int order = memcmp(a.data, b.data, a.length < b.length ? a.length : b.length);

    if (order != 0)
        return order;
    return (a.length > b.length) - (a.length < b.length);
}

int lmdb_version_order(const struct lmdb_version *a, const struct lmdb_version *b) {
    int order;

    if (a->captured_us != b->captured_us)
        return a->captured_us < b->captured_us ? -1 : 1;
    order = slice_order(a->job_id, b->job_id);
    if (order != 0)
        return order;
    return (a->batch > b->batch) - (a->batch < b->batch);
}

enum rc lmdb_file_write(const struct sink_file_row *row, struct buf *out) {
    char captured[CLOCK_RFC3339_SIZE], cost[DEC_TEXT_SIZE];
    enum rc rc;

    clock_format_rfc3339(row->captured_us, 6, captured);
    dec_format(row->cost, cost);
    buf_reset(out);
    /* Names, ids, digests and raw paths need no escapes. */
    rc = buf_printf(out, "{\"v\":1,\"source\":\"%s\",\"campaign_id\":\"%s\",\"file\":\"%s\",\"sha256\":\"%s\",\"definition\":\"%s\",\"captured_at\":\"%s\"",
                    row->source, row->campaign, row->path, row->sha256, row->definition, captured);
    if (rc == RC_OK && row->has_cost)
        rc = buf_printf(out, ",\"cost\":\"%s\"", cost);
    if (rc == RC_OK)
        rc = buf_printf(out, ",\"properties_count\":%llu,\"success_count\":%llu,\"error_count\":%llu}", (unsigned long long)row->properties_count,
                        (unsigned long long)row->success_count, (unsigned long long)row->error_count);
    return rc;
}

static bool read_text(const cJSON *json, const char *name, char *out, size_t size) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return text != NULL && str_copy(out, size, text);
}

static bool read_count(const cJSON *json, const char *name, uint64_t *out) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

    if (!cJSON_IsNumber(item) || item->valuedouble < 0)
        return false;
    *out = (uint64_t)item->valuedouble;
    return true;
}

/* job NUL batch, with extra bytes after it; the id stays NUL-terminated inside the key. */
static bool split_place(struct slice key, size_t extra, const char **job_id, uint32_t *batch) {
    size_t length = strnlen(key.data, key.length);

    if (length >= JOBID_SIZE || key.length != length + 1 + 4 + extra)
        return false;
    *job_id = key.data;
    *batch = get_u32((const unsigned char *)key.data + length + 1);
    return true;
}

bool lmdb_file_read(struct slice key, struct slice value, struct sink_file_row *row) {
    cJSON *json = cJSON_ParseWithLength(value.data, value.length);
    char captured[CLOCK_RFC3339_SIZE], cost[DEC_TEXT_SIZE];
    const char *job_id;
    bool good;

    memset(row, 0, sizeof(*row));
    good = json != NULL && split_place(key, 0, &job_id, &row->batch) && str_copy(row->job_id, sizeof(row->job_id), job_id) &&
           read_text(json, "source", row->source, sizeof(row->source)) && read_text(json, "campaign_id", row->campaign, sizeof(row->campaign)) &&
           read_text(json, "file", row->path, sizeof(row->path)) && read_text(json, "sha256", row->sha256, sizeof(row->sha256)) &&
           read_text(json, "definition", row->definition, sizeof(row->definition)) && read_text(json, "captured_at", captured, sizeof(captured)) &&
           clock_parse_rfc3339(captured, &row->captured_us) && read_count(json, "properties_count", &row->properties_count) &&
           read_count(json, "success_count", &row->success_count) && read_count(json, "error_count", &row->error_count);
    if (good && read_text(json, "cost", cost, sizeof(cost)))
        good = row->has_cost = dec_parse(slice_of(cost), &row->cost);
    cJSON_Delete(json);
    return good;
}

enum rc lmdb_error_write(const struct sink_bad *bad, struct buf *out) {
    cJSON *head = cJSON_CreateObject();
    char *text = NULL;
    enum rc rc = RC_TEMP;

    buf_reset(out);
    if (cJSON_AddStringToObject(head, "pointer", bad->pointer) != NULL && cJSON_AddStringToObject(head, "reason", bad->reason) != NULL)
        text = cJSON_PrintUnformatted(head);
    if (text != NULL)
        rc = buf_add_text(out, text);
    if (rc == RC_OK)
        rc = buf_add_char(out, '\n');
    if (rc == RC_OK)
        rc = buf_add(out, bad->text.data, bad->text.length);
    free(text);
    cJSON_Delete(head);
    return rc;
}

bool lmdb_error_read(struct slice key, struct slice value, struct sink_error *error, struct cJSON **head) {
    const char *line_end = memchr(value.data, '\n', value.length);

    *head = NULL;
    if (line_end == NULL || !split_place(key, 4, &error->job_id, &error->batch))
        return false;
    error->index = get_u32((const unsigned char *)key.data + key.length - 4);
    *head = cJSON_ParseWithLength(value.data, (size_t)(line_end - value.data));
    error->pointer = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(*head, "pointer"));
    error->reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(*head, "reason"));
    error->text = (struct slice){.data = line_end + 1, .length = value.length - (size_t)(line_end + 1 - value.data)};
    return error->pointer != NULL && error->reason != NULL;
}
