// SPDX-License-Identifier: Apache-2.0
#include "store/codec.h"

#include <assert.h>
#include <string.h>

enum kind { KIND_TEXT, KIND_U32, KIND_64, KIND_BOOL, KIND_ENUM, KIND_DEC };

__extension__ typedef __int128 signed_wide;
__extension__ typedef unsigned __int128 unsigned_wide;

struct field {
    enum kind kind;
    size_t offset;
    size_t size; /* of text, with its NUL; of an enum: how many values it has */
};

#define TEXT(type, member)                                                                                                                                     \
    { KIND_TEXT, offsetof(type, member), sizeof(((type *)0)->member) }
#define U32(type, member)                                                                                                                                      \
    { KIND_U32, offsetof(type, member), 0 }
#define WIDE(type, member)                                                                                                                                     \
    { KIND_64, offsetof(type, member), 0 }
#define BOOL(type, member)                                                                                                                                     \
    { KIND_BOOL, offsetof(type, member), 0 }
#define ENUM(type, member, count)                                                                                                                              \
    { KIND_ENUM, offsetof(type, member), count }
#define MONEY(type, member)                                                                                                                                    \
    { KIND_DEC, offsetof(type, member), 0 }
#define COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

static_assert(sizeof(enum place) == sizeof(unsigned) && sizeof(enum priority) == sizeof(unsigned) && sizeof(enum file_status) == sizeof(unsigned),
              "enums are read and written as unsigned");
static_assert(sizeof(struct job_row) + 256 < CODEC_ROW_BYTES && sizeof(struct file_row) + 256 < CODEC_ROW_BYTES, "a row fits");

/* Every member but `memory`, which only lives while a journal is folded. */
static const struct field JOB_FIELDS[] = {
    TEXT(struct job_row, id),
    ENUM(struct job_row, place, PLACE_COUNT),
    TEXT(struct job_row, mode),
    TEXT(struct job_row, reason),
    TEXT(struct job_row, error_details),
    TEXT(struct job_row, source),
    TEXT(struct job_row, campaign),
    TEXT(struct job_row, name),
    TEXT(struct job_row, created_by),
    ENUM(struct job_row, priority, PRIORITY_URGENT + 1),
    BOOL(struct job_row, automatic),
    BOOL(struct job_row, metered),
    BOOL(struct job_row, accepted),
    BOOL(struct job_row, requested),
    BOOL(struct job_row, override_wait),
    WIDE(struct job_row, created_us),
    WIDE(struct job_row, updated_us),
    WIDE(struct job_row, completed_us),
    WIDE(struct job_row, until_us),
    WIDE(struct job_row, placed_us),
    WIDE(struct job_row, until_mtime_us),
    WIDE(struct job_row, not_before_us),
    WIDE(struct job_row, total_records),
    WIDE(struct job_row, take),
    WIDE(struct job_row, processed_records),
    WIDE(struct job_row, success_count),
    WIDE(struct job_row, error_count),
    WIDE(struct job_row, failed_units),
    WIDE(struct job_row, captured_batches),
    WIDE(struct job_row, loaded_batches),
    WIDE(struct job_row, failed_batches),
    WIDE(struct job_row, unknown_batches),
    WIDE(struct job_row, unique_records),
    WIDE(struct job_row, duplicate_records),
    WIDE(struct job_row, missing_records),
    MONEY(struct job_row, cost),
    MONEY(struct job_row, cost_in_doubt),
    TEXT(struct job_row, currency),
    TEXT(struct job_row, criteria_hash),
    TEXT(struct job_row, text_sha256),
    TEXT(struct job_row, reuses),
    WIDE(struct job_row, journal_offset),
    WIDE(struct job_row, journal_seq),
    TEXT(struct job_row, journal_hash),
    WIDE(struct job_row, owned_records),
    WIDE(struct job_row, open_batches),
    MONEY(struct job_row, cost_open),
    WIDE(struct job_row, started_us),
    WIDE(struct job_row, progress_us),
    WIDE(struct job_row, started_records),
    WIDE(struct job_row, started_batches),
    WIDE(struct job_row, requested_us),
    WIDE(struct job_row, quiet_until_us),
    WIDE(struct job_row, outcome_us),
    WIDE(struct job_row, retry_us),
    TEXT(struct job_row, retry_reason),
    WIDE(struct job_row, mark_us),
    WIDE(struct job_row, mark_records),
    WIDE(struct job_row, mark_batches),
    WIDE(struct job_row, earlier_us),
    WIDE(struct job_row, earlier_records),
    WIDE(struct job_row, earlier_batches),
    WIDE(struct job_row, same_batches),
    WIDE(struct job_row, repeats),
    WIDE(struct job_row, guess.requests),
    WIDE(struct job_row, guess.records),
    WIDE(struct job_row, guess.ms),
    MONEY(struct job_row, guess.cost),
    BOOL(struct job_row, guess.priced),
    TEXT(struct job_row, guess.basis),
    WIDE(struct job_row, archived_us),
    WIDE(struct job_row, archived_batches),
};

static const struct field FILE_FIELDS[] = {
    TEXT(struct file_row, job_id),
    U32(struct file_row, batch),
    TEXT(struct file_row, file_path),
    TEXT(struct file_row, sha256),
    TEXT(struct file_row, campaign),
    ENUM(struct file_row, status, FILE_FAILED + 1),
    WIDE(struct file_row, bytes),
    WIDE(struct file_row, records),
    WIDE(struct file_row, created_us),
    WIDE(struct file_row, processed_us),
    WIDE(struct file_row, captured_us),
    TEXT(struct file_row, error_details),
    WIDE(struct file_row, properties_count),
    WIDE(struct file_row, success_count),
    WIDE(struct file_row, error_count),
    WIDE(struct file_row, processing_time_ms),
    TEXT(struct file_row, same_as),
    TEXT(struct file_row, item),
    WIDE(struct file_row, archived_us),
    TEXT(struct file_row, archive),
};

static const struct field MONEY_FIELDS[] = {MONEY(struct codec_money, spent), MONEY(struct codec_money, in_doubt), MONEY(struct codec_money, open)};
static const struct field UNKNOWN_FIELDS[] = {WIDE(struct job_unknown, ts_us), MONEY(struct job_unknown, cost), BOOL(struct job_unknown, open)};
static const struct field SPAN_FIELDS[] = {WIDE(struct codec_span, requests), MONEY(struct codec_span, spent), MONEY(struct codec_span, in_doubt)};

static unsigned char *put_number(unsigned char *at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        *at++ = (unsigned char)(value >> (8 * i));
    return at;
}

static uint64_t get_number(const unsigned char *at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static unsigned char *put_text(unsigned char *at, const char *text, size_t size) {
    size_t length = strnlen(text, size - 1);
    at = put_number(at, length, 2);
    memcpy(at, text, length);
    return at + length;
}

static unsigned char *put_field(unsigned char *at, const struct field *field, const unsigned char *member) {
    uint32_t narrow;
    uint64_t wide;
    bool flag;
    struct dec money;
    switch (field->kind) {
    case KIND_TEXT:
        return put_text(at, (const char *)member, field->size);
    case KIND_U32:
        memcpy(&narrow, member, sizeof narrow);
        return put_number(at, narrow, 4);
    case KIND_64:
        memcpy(&wide, member, sizeof wide);
        return put_number(at, wide, 8);
    case KIND_BOOL:
        memcpy(&flag, member, sizeof flag);
        return put_number(at, flag ? 1 : 0, 1);
    case KIND_ENUM:
        memcpy(&narrow, member, sizeof narrow);
        return put_number(at, narrow, 1);
    case KIND_DEC:
        memcpy(&money, member, sizeof money);
        at = put_number(at, (uint64_t)money.nano, 8);
        return put_number(at, (uint64_t)(money.nano >> 64), 8);
    }
    return at;
}

static size_t write_fields(const struct field *fields, size_t count, const void *value, unsigned char *out) {
    unsigned char *at = out;
    *at++ = CODEC_VERSION;
    for (size_t i = 0; i < count; i++)
        at = put_field(at, &fields[i], (const unsigned char *)value + fields[i].offset);
    return (size_t)(at - out);
}

struct input {
    const unsigned char *at;
    size_t left;
};

static const unsigned char *take(struct input *in, size_t bytes) {
    const unsigned char *at = in->at;
    if (in->left < bytes)
        return NULL;
    in->at += bytes;
    in->left -= bytes;
    return at;
}

static bool get_text(struct input *in, char *text, size_t size) {
    const unsigned char *at = take(in, 2);
    size_t length = at != NULL ? (size_t)get_number(at, 2) : size;
    if (length >= size || (at = take(in, length)) == NULL || memchr(at, '\0', length) != NULL)
        return false;
    memcpy(text, at, length);
    text[length] = '\0';
    return true;
}

/* The bytes of one member in the form of this machine. */
static bool get_field(struct input *in, const struct field *field, unsigned char *member) {
    static const size_t bytes[] = {[KIND_TEXT] = 0, [KIND_U32] = 4, [KIND_64] = 8, [KIND_BOOL] = 1, [KIND_ENUM] = 1, [KIND_DEC] = 16};
    if (field->kind == KIND_TEXT)
        return get_text(in, (char *)member, field->size);
    const unsigned char *at = take(in, bytes[field->kind]);
    if (at == NULL)
        return false;
    uint64_t wide = get_number(at, field->kind == KIND_DEC ? 8 : bytes[field->kind]);
    uint32_t narrow = (uint32_t)wide;
    bool flag = wide != 0;
    struct dec money;
    switch (field->kind) {
    case KIND_TEXT:
        break;
    case KIND_U32:
        memcpy(member, &narrow, sizeof narrow);
        break;
    case KIND_64:
        memcpy(member, &wide, sizeof wide);
        break;
    case KIND_BOOL:
        memcpy(member, &flag, sizeof flag);
        return wide <= 1;
    case KIND_ENUM:
        memcpy(member, &narrow, sizeof narrow);
        return wide < field->size;
    case KIND_DEC:
        money.nano = (signed_wide)((unsigned_wide)get_number(at + 8, 8) << 64 | wide);
        memcpy(member, &money, sizeof money);
        break;
    }
    return true;
}

static bool read_fields(const struct field *fields, size_t count, const void *bytes, size_t length, void *value) {
    struct input in = {bytes, length};
    const unsigned char *version = take(&in, 1);
    if (version == NULL || *version != CODEC_VERSION)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!get_field(&in, &fields[i], (unsigned char *)value + fields[i].offset))
            return false;
    return in.left == 0;
}

size_t codec_job_write(const struct job_row *row, unsigned char out[CODEC_ROW_BYTES]) {
    return write_fields(JOB_FIELDS, COUNT(JOB_FIELDS), row, out);
}

bool codec_job_read(const void *bytes, size_t length, struct job_row *row) {
    memset(row, 0, sizeof *row);
    return read_fields(JOB_FIELDS, COUNT(JOB_FIELDS), bytes, length, row);
}

size_t codec_file_write(const struct file_row *row, unsigned char out[CODEC_ROW_BYTES]) {
    return write_fields(FILE_FIELDS, COUNT(FILE_FIELDS), row, out);
}

bool codec_file_read(const void *bytes, size_t length, struct file_row *row) {
    memset(row, 0, sizeof *row);
    return read_fields(FILE_FIELDS, COUNT(FILE_FIELDS), bytes, length, row);
}

size_t codec_money_write(const struct codec_money *money, unsigned char out[CODEC_ROW_BYTES]) {
    return write_fields(MONEY_FIELDS, COUNT(MONEY_FIELDS), money, out);
}

bool codec_money_read(const void *bytes, size_t length, struct codec_money *money) {
    return read_fields(MONEY_FIELDS, COUNT(MONEY_FIELDS), bytes, length, money);
}

size_t codec_unknown_write(const struct job_unknown *unknown, unsigned char out[CODEC_ROW_BYTES]) {
    return write_fields(UNKNOWN_FIELDS, COUNT(UNKNOWN_FIELDS), unknown, out);
}

bool codec_unknown_read(const void *bytes, size_t length, struct job_unknown *unknown) {
    return read_fields(UNKNOWN_FIELDS, COUNT(UNKNOWN_FIELDS), bytes, length, unknown);
}

size_t codec_counts_write(const struct codec_counts *counts, unsigned char out[CODEC_ROW_BYTES]) {
    unsigned char *at = out;
    *at++ = CODEC_VERSION;
    for (size_t i = 0; i < PLACE_COUNT; i++)
        at = put_number(at, counts->jobs[i], 8);
    return (size_t)(at - out);
}

bool codec_counts_read(const void *bytes, size_t length, struct codec_counts *counts) {
    const unsigned char *at = bytes;
    if (length != 1 + 8 * (size_t)PLACE_COUNT || at[0] != CODEC_VERSION)
        return false;
    for (size_t i = 0; i < PLACE_COUNT; i++)
        counts->jobs[i] = get_number(at + 1 + 8 * i, 8);
    return true;
}

size_t codec_span_write(const struct codec_span *span, unsigned char out[CODEC_ROW_BYTES]) {
    return write_fields(SPAN_FIELDS, COUNT(SPAN_FIELDS), span, out);
}

bool codec_span_read(const void *bytes, size_t length, struct codec_span *span) {
    return read_fields(SPAN_FIELDS, COUNT(SPAN_FIELDS), bytes, length, span);
}
