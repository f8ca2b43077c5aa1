// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_PACK_H
#define SPOOL_PACK_H

#include "base/digest.h"
#include "spool/payload.h"

/*
 * archive/: raw payloads of a month packed (DESIGN 3). YYYY-MM.tar.zst, then YYYY-MM.2.tar.zst ... for what was packed later; each is never changed. Its
 * members are named as below payloads/raw, so that `tar --zstd -xf` there puts them back. Beside it YYYY-MM.tar.zst.sha256 has its own sum and
 * YYYY-MM.SHA256SUMS those of its members, as sha256sum reads them. It is written under another name, synced, read back and compared before it gets its own:
 * what has that name is whole. The lists come behind it, and are made again from it when a kill left it without.
 */

#define PACK_NAME_SIZE 40

struct pack_file {
    char path[PAYLOAD_PATH_SIZE]; /* below payloads/raw */
    char sha256[DIGEST_HEX_SIZE];
};

struct pack {
    char name[PACK_NAME_SIZE]; /* "2026-09.tar.zst"; "" none */
    char sha256[DIGEST_HEX_SIZE];
    uint64_t bytes;
};

/* One process at a time packs, and removes what is packed: lock until spool_close. RC_AGAIN: another one does. */
enum rc pack_lock(const struct spool *spool, struct err *err);
/* Pack these files of one month. RC_CORRUPT: a file is not what its sum says, or the archive is not when it is read back; RC_NOSPACE, RC_TEMP: nothing is left
 * of it. Lock held. */
enum rc pack_make(const struct spool *spool, const char month[8], const struct pack_file *files, size_t count, struct pack *pack, struct err *err);

/* The files of the archive of a month that was made last, sorted by path: what a kill left before the journals were told. pack->name "" and count 0: none. */
enum rc pack_last(const struct spool *spool, const char month[8], struct pack *pack, struct pack_file **files, size_t *count, struct err *err);
bool pack_has(const struct pack_file *files, size_t count, const char *path, const char *sha256);
/* Compare an archive with the sum beside it; fills in pack. RC_GONE: it is not there. RC_CORRUPT: other bytes. */
enum rc pack_check(const struct spool *spool, const char *name, struct pack *pack, struct err *err);

/* Put the members of all archives of a month back below payloads/raw, each checked by its sum: told as it is there again, or was all along. fn returns what
 * ends the walk. RC_GONE: no archive of that month is here. */
typedef enum rc pack_restored(void *context, const char *path, const char *sha256, struct err *err);
enum rc pack_restore(const struct spool *spool, const char month[8], pack_restored *fn, void *context, struct err *err);

/* The SHA-256 of a raw payload. RC_GONE: it is not there. bytes may be NULL. */
enum rc pack_sum(const struct spool *spool, const char *raw_path, char sha256[DIGEST_HEX_SIZE], uint64_t *bytes, struct err *err);

#endif
