// SPDX-License-Identifier: Apache-2.0
#ifndef STORE_CODEC_H
#define STORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dec.h"
#include "spool/job.h"

/*
 * The values of the index as bytes: a version byte, then each field in the order of its table: integers little-endian of fixed width, money 16 bytes, flags and
 * enums one byte, text a length of 2 bytes and its bytes. Reading takes any bytes: false when they are not such a value to the last byte. A change of anything
 * here needs another CODEC_VERSION; an index of another version is built again (index_open: RC_CORRUPT).
 */

#define CODEC_VERSION 4
#define CODEC_ROW_BYTES 4096 /* room for every row */

size_t codec_job_write(const struct job_row *row, unsigned char out[CODEC_ROW_BYTES]);
bool codec_job_read(const void *bytes, size_t length, struct job_row *row);

size_t codec_file_write(const struct file_row *row, unsigned char out[CODEC_ROW_BYTES]);
bool codec_file_read(const void *bytes, size_t length, struct file_row *row);

struct codec_money {
    struct dec spent, in_doubt, open;
};
size_t codec_money_write(const struct codec_money *money, unsigned char out[CODEC_ROW_BYTES]);
bool codec_money_read(const void *bytes, size_t length, struct codec_money *money);

/* batch is in the key. */
size_t codec_unknown_write(const struct job_unknown *unknown, unsigned char out[CODEC_ROW_BYTES]);
bool codec_unknown_read(const void *bytes, size_t length, struct job_unknown *unknown);

struct codec_counts {
    uint64_t jobs[PLACE_COUNT];
};
size_t codec_counts_write(const struct codec_counts *counts, unsigned char out[CODEC_ROW_BYTES]);
bool codec_counts_read(const void *bytes, size_t length, struct codec_counts *counts);

struct codec_span { /* a quarter of an hour of one source */
    uint64_t requests;
    struct dec spent, in_doubt;
};
size_t codec_span_write(const struct codec_span *span, unsigned char out[CODEC_ROW_BYTES]);
bool codec_span_read(const void *bytes, size_t length, struct codec_span *span);

#endif
