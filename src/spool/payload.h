// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_PAYLOAD_H
#define SPOOL_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/job.h"

#define PAYLOAD_PATH_SIZE 256

/* Names (DESIGN 3 Raw payload, Payload markers): pure functions. step is NULL when the source has one step or it is the last. */
void payload_raw_path(const char *job_id, const char *campaign, uint32_t batch, const char *step,
                      char out[PAYLOAD_PATH_SIZE]); /* "2026-11/CA_batch0001_2026...-hex.json" below payloads/raw */
/* The step in the name of a payload: "text", or of one of its parts (from 1; 0: it has none) "analyse.0003". */
#define PAYLOAD_STEP_SIZE 80
void payload_step_name(const char *step, uint32_t part, char out[PAYLOAD_STEP_SIZE]);
void payload_marker_name(const char *job_id, uint32_t batch, char out[PAYLOAD_PATH_SIZE]); /* "<job id>_batch0001.json" */
bool payload_marker_parse(const char *name, char job_id[JOBID_SIZE], uint32_t *batch);
void payload_tmp_name(const char *job_id, uint32_t batch, uint32_t attempt,
                      char out[PAYLOAD_PATH_SIZE]); /* "<job id>_batch0001.1.body" in payloads/tmp and payloads/failed */

/* Publish payloads/tmp/<tmp> as its raw name: make the month's directory (fsync its parent), link without replacing, unlink tmp, fsync both. Repeatable: when
 * the raw file is there with the same inode or the same bytes (sha256) it is RC_OK; with other bytes RC_CORRUPT. RC_GONE: neither is there. The file's mode is
 * 0440 before it is linked. */
enum rc payload_publish(const struct spool *spool, const char *tmp, const char *raw_path, const char *sha256, struct err *err);
/* The same for several bodies that share their syncs: link each, then payload_publish_sync once a month that raw paths name, then unlink each. That the name in
 * tmp/ is gone is durable with the next sync of payloads/tmp; what a loss of power leaves there has been published. */
enum rc payload_publish_link(const struct spool *spool, const char *tmp, const char *raw_path, const char *sha256, struct err *err);
enum rc payload_publish_sync(const struct spool *spool, const char *raw_path, struct err *err);
enum rc payload_publish_unlink(const struct spool *spool, const char *tmp, struct err *err); /* RC_OK too when it is gone */
/* Both are in the same month, whose directory one sync covers. */
bool payload_same_month(const char *raw_path, const char *other);
/* Both are pages of one job: their names end alike. */
bool payload_same_job(const char *raw_path, const char *other);
/* Move payloads/tmp/<tmp> to payloads/failed/<tmp>, fsync both: evidence of an answer that was not good. RC_GONE: there was none. */
enum rc payload_keep_failed(const struct spool *spool, const char *tmp, struct err *err);

/* Make the marker on a shelf (relative link to ../raw/...), fsync the shelf. An existing marker on any shelf: RC_OK, nothing done. */
enum rc payload_mark(const struct spool *spool, const char *job_id, uint32_t batch, const char *raw_path, enum shelf shelf, struct err *err);
/* The same without the sync, which is the caller's: payload_mark_sync. fresh: there cannot be one yet, so the other shelves are not looked at. */
enum rc payload_mark_put(const struct spool *spool, const char *job_id, uint32_t batch, const char *raw_path, enum shelf shelf, bool fresh, struct err *err);
enum rc payload_mark_sync(const struct spool *spool, enum shelf shelf, struct err *err);
/* Make those that payloads of this job lack and that are there: a kill between `captured` and marker leaves it so, and the job may never run again. */
enum rc payload_mark_captured(const struct spool *spool, const char *job_id, enum shelf shelf, struct err *err);
/* Where a marker is; SHELF_NONE. */
enum shelf payload_marker_shelf(const struct spool *spool, const char *marker);
/* rename between shelves; RC_GONE when it is not there (another took it). durable: fsync both. */
enum rc payload_marker_move(const struct spool *spool, const char *marker, enum shelf from, enum shelf to, bool durable, struct err *err);
/* Put a payload that could not be loaded, or whose claim was abandoned, back to be loaded: journal `reshelved`, then move its marker. RC_GONE: it is not there
 * (any more), or has no journal. RC_AGAIN: a loader has it. */
enum rc payload_reshelve(const struct spool *spool, const char *job_id, uint32_t batch, enum shelf from, enum shelf to, const char *by, struct err *err);
/* A marker in processing/ that no loader has locked. */
bool payload_abandoned(const struct spool *spool, const char *marker);
/* Open the raw file that a marker names: the link must read ../raw/YYYY-MM/NAME and lead to a regular file below payloads/raw, no links on the way (openat2
 * RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS). raw_path gets the path below payloads/raw. RC_PERM: a foreign or malformed marker; RC_GONE: no marker; RC_CORRUPT:
 * dangling. */
enum rc payload_open(const struct spool *spool, enum shelf shelf, const char *marker, int *fd, char raw_path[PAYLOAD_PATH_SIZE], struct err *err);

/* Append a line to payloads/raw/YYYY-MM/SHA256SUMS (what `sha256sum -c` reads); rebuilt from the journals by payload_sums_rebuild. */
enum rc payload_sums_add(const struct spool *spool, const char *raw_path, const char *sha256, struct err *err);
enum rc payload_sums_rebuild(const struct spool *spool, struct err *err);
/* After payloads of a month went to archive/: leave their lines out of its SHA256SUMS; the last one takes the month's directory along. A line that the daemon
 * appends at that moment may be lost, as by a crash. */
enum rc payload_month_tidy(const struct spool *spool, const char *month, struct err *err);

#endif
