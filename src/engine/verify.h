// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_VERIFY_H
#define ENGINE_VERIFY_H

#include <stdint.h>

#include "spool/layout.h"
#include "store/index.h"

/* `batchspool verify` (DESIGN 8): every checksum, marker, journal chain, directory and index row against each other. Reads only. */

struct verify_options {
    bool quick;        /* leave out the checksums of the payloads */
    unsigned pause_ms; /* between the two looks */
};

struct verify_counts {
    uint64_t jobs, payloads, markers, index_rows, bytes, differences;
    uint64_t documents, document_bytes; /* as they lie there */
    uint64_t archived;                  /* payloads that the journals say are in archive/, or gone */
    uint64_t same;                      /* payloads whose bytes another one, that is not counted, has by the journals; no difference */
};

/* kind: one word, path: below the spool, detail: what is different.
 *   journal-damaged   a line is no event, or the chain of seq and prev breaks       journal-changed  the index has seen another line there
 *   job-double        the same id in two directories                                job-missing      in none
 *   job-place         the file lies where the journal does not have it              job-foreign      a file that no journal knows where only accepted jobs lie
 *   payload-changed   other bytes than the journal says                             payload-missing  captured, and not there
 *   payload-unknown   a raw file that no journal names                              sums-changed     SHA256SUMS says otherwise than the journal
 *   marker-missing, marker-double, marker-place, marker-foreign, marker-dangling    index-changed    a row is not what the journal gives
 *   index-stray       a row without a journal                                       pause-foreign    a file of paused/ whose name is none
 *   pause-wrong       one that does not check                                       archive-changed  other bytes than the sum beside it says
 *   document-changed  other bytes than its name says, or damaged                    document-missing a job names it, and it is not stored
 *   document-size     another size than a job says                                  document-double  stored twice
 *   document-foreign  a file of documents/ that is none */
typedef void verify_found(void *context, const char *kind, const char *path, const char *detail);

/* index may be NULL. What differs at the first look is looked at again after pause_ms and told only if it still does, so that work in progress is none. RC_OK,
 * whatever was found; RC_TEMP, RC_PERM: it could not be read (err). */
enum rc verify_run(const struct spool *spool, struct index *index, const struct verify_options *options, verify_found *found, void *context,
                   struct verify_counts *counts, struct err *err);

#endif
