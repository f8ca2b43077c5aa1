// SPDX-License-Identifier: Apache-2.0
#ifndef SINK_LMDB_CODEC_H
#define SINK_LMDB_CODEC_H

#include "base/buf.h"
#include "sink/sink.h"

/*
 * Keys and values of the embedded record store. Format 2 (meta "format"); a change of anything here needs another number and a step in HACKING that loads again
 * from raw.
 *
 *   records    source NUL pk                                     version
 *   children   source NUL pk NUL child name NUL child key        exact text
 *   versions   source NUL pk NUL captured job NUL batch          version
 *   members    job NUL batch index                               key in records
 *   errors     job NUL batch index                               {"pointer","reason"} LF exact text
 *   files      job NUL batch                                     JSON
 *   campaigns  campaign NUL job                                  (nothing)
 *   loads      number of the load, from 1                        key in files; of 0: the store's id, 16 hex digits
 *   loaded     key in files                                      number of its last load
 *
 * batch and index are 4 bytes, captured and numbers of loads 8, all big endian, so that keys sort as numbers do. Keys of providers: NUL is 01 01, 01 is 01 02;
 * longer than their limit they are cut and end in 01 03 and the SHA-256 in hex. version: a byte 1, captured, batch, index, length of the job id in a byte, the
 * job id, exact text.
 */

#define LMDB_KEY_BYTES 511 /* of LMDB */
#define LMDB_PK_BYTES 300
#define LMDB_CHILD_KEY_BYTES 70

struct lmdb_key {
    unsigned char bytes[LMDB_KEY_BYTES];
    size_t length;
};

void lmdb_key_text(struct lmdb_key *key, const char *text); /* and a NUL */
void lmdb_key_u32(struct lmdb_key *key, uint32_t value);
void lmdb_key_u64(struct lmdb_key *key, uint64_t value);
void lmdb_key_raw(struct lmdb_key *key, const void *bytes, size_t length);
void lmdb_key_pk(struct lmdb_key *key, struct slice pk, size_t limit); /* escaped, at most limit bytes (at least 70) */

/* Whole keys. */
void lmdb_key_record(struct lmdb_key *key, const char *source, struct slice pk);
void lmdb_key_place(struct lmdb_key *key, const char *job_id, uint32_t batch);                   /* of files, and the prefix of members and errors */
void lmdb_key_indexed(struct lmdb_key *key, const char *job_id, uint32_t batch, uint32_t index); /* of members and errors */

struct lmdb_version { /* borrowed from the value */
    int64_t captured_us;
    uint32_t batch, index;
    struct slice job_id, text;
};

size_t lmdb_version_size(const struct lmdb_version *version);
void lmdb_version_write(const struct lmdb_version *version, void *out);                /* lmdb_version_size bytes */
bool lmdb_version_read(const void *data, size_t length, struct lmdb_version *version); /* false: damaged */
int lmdb_version_order(const struct lmdb_version *a, const struct lmdb_version *b);    /* by captured, job id, batch; index plays no part */
void lmdb_key_version(struct lmdb_key *key, struct slice record_key, const struct lmdb_version *version);

/* A file's row as JSON. */
enum rc lmdb_file_write(const struct sink_file_row *row, struct buf *out);
bool lmdb_file_read(struct slice key, struct slice value, struct sink_file_row *row);

/* A bad record's value. */
enum rc lmdb_error_write(const struct sink_bad *bad, struct buf *out);
struct cJSON;
/* error->pointer and reason are borrowed from *head, which the caller frees by cJSON_Delete; job_id is borrowed from the key. */
bool lmdb_error_read(struct slice key, struct slice value, struct sink_error *error, struct cJSON **head);

#endif
