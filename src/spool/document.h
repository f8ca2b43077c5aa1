// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_DOCUMENT_H
#define SPOOL_DOCUMENT_H

#include <cjson/cJSON.h>

#include "base/digest.h"
#include "base/docform.h"
#include "spool/layout.h"

/*
 * documents/: what people hand in, stored by its SHA-256 (DESIGN 2): raw/YYYY-MM/<sha256>, or <sha256>.zst when compressed by zstd it is at least a tenth
 * smaller. One document is stored once, whatever the month. Bytes go into tmp/<random>.upload while they come; when all are there the file is synced, moved
 * without replacing, and both directories are synced: then it is durable. What a kill left in tmp is removed by document_sweep. All functions may block: on a
 * lane, or in a program without a loop.
 */

#define DOCUMENT_BYTES_MOST (UINT64_C(4) * 1024 * 1024 * 1024)
#define DOCUMENT_NAME_MOST 255u  /* bytes of the name that a person gave */
#define DOCUMENT_GROUP_MOST 200u /* bytes */

struct document {
    char sha256[DIGEST_HEX_SIZE];
    uint64_t bytes; /* of the document itself */
    bool known;     /* it was there already */
    bool compressed;
};

/* --- coming in ---------------------------------------------------------------------------------------------------------- */

struct document_upload; /* one document that comes piece by piece; opaque */

/* A new file in tmp. RC_NOSPACE, RC_TEMP: as fsio_create. */
enum rc document_begin(const struct spool *spool, struct document_upload **upload, struct err *err);
/* RC_PERM: too long; RC_NOSPACE, RC_TEMP: as fsio_write, the upload can only be dropped then. */
enum rc document_add(struct document_upload *upload, const void *bytes, size_t length, struct err *err);
uint64_t document_bytes(const struct document_upload *upload);
int document_fd(const struct document_upload *upload); /* borrowed, for reading back what came */
/* All has come: may it be worked on (docform_look)? RC_PERM: no; err begins behind "the file". Not for what is no document. */
enum rc document_look(const struct document_upload *upload, struct docform *form, struct err *err);
/* Make it durable under its sum. A stored one that was damaged meanwhile is replaced. RC_TEMP, RC_NOSPACE: nothing is stored, it can be sent again. */
enum rc document_keep(struct document_upload *upload, struct document *document, struct err *err);
/* Frees; what was not kept is removed. upload may be NULL. */
void document_drop(struct document_upload *upload);
/* Remove what a kill left in tmp; what is coming in, in any process, is locked and stays. */
void document_sweep(const struct spool *spool);

/* A file of the operator's, in: copied, looked at, kept. RC_PERM: it cannot be worked on; err begins with the path. */
enum rc document_put_file(const struct spool *spool, const char *path, struct document *document, struct docform *form, struct err *err);

/* --- going out ---------------------------------------------------------------------------------------------------------- */

/* A descriptor of the document's own bytes: read-only, seekable, a regular file (of a compressed one a file without a name), checked against its sum. RC_GONE:
 * it is not stored. RC_CORRUPT: other bytes are; put the file in again. sha256: 64 lower-case hexadecimal digits, else
 * RC_PERM. bytes may be NULL. */
enum rc document_open(const struct spool *spool, const char *sha256, int *fd, uint64_t *bytes, struct err *err);

/* Where it is stored, below the spool; its bytes are not looked at. RC_GONE: nowhere. */
enum rc document_find(const struct spool *spool, const char *sha256, char *path, size_t size, struct err *err);
enum rc document_stored(const struct spool *spool, const char *sha256, struct err *err);
/* Whether a file of raw/, YYYY-MM/<sha256> or YYYY-MM/<sha256>.zst, is the document of its name; read piece by piece, nothing is written. *bytes: of the
 * document itself. RC_CORRUPT: it is not (err). */
enum rc document_check(const struct spool *spool, const char *name, uint64_t *bytes, struct err *err);

/* 64 lower-case hexadecimal digits. */
bool document_is_sum(const char *sha256);

/* --- in a job ----------------------------------------------------------------------------------------------------------- */

/* {"sha256", "name", "bytes", "type", "group"}: an element of the job's member `documents`. group NULL: null. The caller frees. */
cJSON *document_json(const struct document *document, enum docform_type type, const char *name, const char *group);
/* The member `documents` of a job: a list of 1 to most such objects, no sum twice. RC_PERM: err says which element and why. Whether the documents are stored is
 * not looked at. */
enum rc document_check_list(const cJSON *list, unsigned most, struct err *err);

#endif
