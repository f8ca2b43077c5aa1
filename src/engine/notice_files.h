// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_NOTICE_FILES_H
#define ENGINE_NOTICE_FILES_H

#include "spool/notice.h"

/* Notices as programs beside the daemon see them: listing, sending once more, trying the way out. Files alone, so any thread may call. */

struct notice_seen_file {
    enum notice_state state;
    struct notice notice;
    int64_t until_us; /* of a deferred one */
    char why[400];    /* what stands in its `.why`; "" nothing */
    enum rc rc;       /* it cannot be read: err says why, and only the id is there */
    struct err err;
};

/* RC_GONE: there is none of this id. notice_files_release in any case. */
enum rc notice_files_look(const struct spool *spool, const char *id, struct notice_seen_file *seen, struct err *err);
void notice_files_release(struct notice_seen_file *seen);
/* {"notice_id", "state", "event", "to", "job_id", "sequence", "created_at", "until", "error", "values"}; the caller frees. */
cJSON *notice_files_json(const struct notice_seen_file *seen, bool values);

/* The ids of a state (NOTICE_NONE: of all), sorted; at most `most`, the newest. The caller frees. */
enum rc notice_files_ids(const struct spool *spool, enum notice_state state, size_t most, char (**ids)[JOBID_SIZE], size_t *count, struct err *err);
/* How many there are; of more than `most` it does not go on counting. */
enum rc notice_files_count(const struct spool *spool, enum notice_state state, uint64_t most, uint64_t *count, struct err *err);

/* Have it sent again: out of deferred/, failed/ or processed/ to pending/. RC_GONE: there is none. RC_PERM: it is there, or on its way. */
enum rc notice_files_retry(const struct spool *spool, const char *id, struct err *err);

/* Drop a notice of kind test. by: who asks, for the text. RC_PERM with errno 0: `to` is nobody that could be written to. */
enum rc notice_files_test(const struct spool *spool, const char *to, const char *by, char id[JOBID_SIZE], struct err *err);
/* What came of it: RC_AGAIN: nothing yet. RC_OK: it was taken. RC_PERM: it was not, err says why. RC_GONE: somebody took it away. */
enum rc notice_files_outcome(const struct spool *spool, const char *id, struct err *err);

#endif
