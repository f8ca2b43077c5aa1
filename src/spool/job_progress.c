// SPDX-License-Identifier: Apache-2.0
#include "spool/job.h"

#define SILENT_US INT64_C(10000000) /* longer than what is measured took, and nothing came: nobody knows when it will be done */
#define BURST 8                     /* so many pages may come at once, and then none for as long */

struct span {
    int64_t from_us;
    uint64_t records, batches; /* that came in it */
};

/* What the rate is taken from: of a job that runs the later part, half of its pages or more, since a source is tried with more and more requests at first, and
 * changes later. */
static struct span measured(const struct job_row *row) {
    const struct span run = {row->started_us, row->processed_records - row->started_records, row->captured_batches - row->started_batches};
    const struct span late = {row->earlier_us, row->processed_records - row->earlier_records, row->captured_batches - row->earlier_batches};
    return row->place == PLACE_PROCESSING && late.from_us != 0 && late.batches > 2 && row->progress_us > late.from_us ? late : run;
}

/*
 * A mean over many pages: they come in bursts (several requests in flight, windows of a rate), and what is shown must not jump. Silence counts once it
 * is longer than BURST pages take; until then the next page is taken to come in time.
 */
struct job_progress job_progress(const struct job_row *row, int64_t now_us) {
    struct job_progress progress = {.rate_per_s = -1};
    if (row->started_us == 0 || row->progress_us <= row->started_us || row->captured_batches <= row->started_batches)
        return progress;
    const bool runs = row->place == PLACE_PROCESSING;
    const struct span span = measured(row);
    const int64_t span_us = row->progress_us - span.from_us;
    const int64_t gap_us = span.batches > BURST ? span_us / (int64_t)span.batches * BURST : span_us;
    const uint64_t over = row->processed_records + row->failed_units;                 /* units that failed have their outcome, too */
    const bool all = row->total_records != JOB_UNKNOWN && over >= row->total_records; /* it waits for its loads */
    const int64_t until_us = runs && !all && now_us - gap_us > row->progress_us ? now_us - gap_us : row->progress_us;
    progress.rate_per_s = (double)span.records * 1e6 / (double)(until_us - span.from_us);
    const bool silent = now_us - row->progress_us > span_us + SILENT_US;
    if (!runs || all || silent || row->total_records == JOB_UNKNOWN || span.records == 0)
        return progress;
    const double left_us = (double)(row->total_records - over) / progress.rate_per_s * 1e6;
    if (left_us < 1e16) {
        progress.eta_us = until_us + (int64_t)left_us;
        progress.eta_us = progress.eta_us > now_us ? progress.eta_us : now_us;
    }
    return progress;
}

int64_t job_waits_until(const struct job_row *row, int64_t now_us, const char **reason) {
    if (row->place != PLACE_PROCESSING || row->retry_us <= now_us || row->requested_us > row->outcome_us)
        return 0;
    *reason = row->retry_reason;
    return row->retry_us;
}

int64_t job_heard_us(const struct job_row *row) {
    const int64_t asked_us = row->requested_us > row->outcome_us ? row->requested_us : row->outcome_us;
    return asked_us > row->placed_us ? asked_us : row->placed_us;
}
