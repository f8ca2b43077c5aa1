// SPDX-License-Identifier: Apache-2.0
#include "engine/results_internal.h"

#include "os/dirscan.h"
#include "os/fsio.h"
#include "report/report_table.h"

#include <dirent.h>
#include <ctype.h>
#include <string.h>
#include <unistd.h>

void results_gather_release(struct gathered *g) {
    if (g->records.text.length)
        fsio_unmap(g->records.text.data, g->records.text.length);
    if (g->fd >= 0)
        close(g->fd);
    *g = (struct gathered)GATHERED_NONE;
}

/* Where the file system has none without a name, one that loses its name at once. */
enum rc results_gather_open(const struct spool *spool, struct gathered *g, struct err *err) {
    char tmp[64];
    *g = (struct gathered)GATHERED_NONE;
    if (fsio_create_unnamed(spool->results_fd, 0600, &g->fd, NULL) == RC_OK)
        return RC_OK;
    str_format(tmp, sizeof tmp, ".records.%ld", (long)getpid());
    const enum rc rc = fsio_create(spool->results_fd, tmp, 0600, &g->fd, err);
    return rc ? rc : fsio_unlink(spool->results_fd, tmp, err);
}

enum rc results_gather_map(struct gathered *g, struct err *err) {
    return fsio_map(g->fd, &g->records.text.data, &g->records.text.length, err);
}

enum rc results_gather_job(const struct spool *spool, struct sources *sources, const char *job_id, struct gathered *g, struct err *err) {
    struct errand all = {.kind = ERRAND_RESULTS};
    str_copy(all.job, sizeof all.job, job_id);
    enum rc rc = results_gather_open(spool, g, err);
    if (!rc)
        rc = results_export(spool, sources, &all, FORM_NDJSON, g->fd, &g->records.count, NULL, err);
    return rc ? rc : results_gather_map(g, err);
}

/* A workbook's own temporary files go when they are open; of one that was killed before that they are left. Reports are made one at a time. */
static void sweep(const struct spool *spool) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    if (dirscan_open(spool->results_fd, ".", &scan, NULL))
        return;
    while (dirscan_next(scan, &name, &type, NULL) == RC_OK)
        if (type == DT_REG && str_starts(name, "tmp."))
            fsio_unlink(spool->results_fd, name, NULL);
    dirscan_close(scan);
}

static enum rc write_model(const struct results_ask *ask, int fd, struct err *err) {
    switch (ask->errand->report) {
    case FORMS_PAGESPEED:
        return results_pagespeed_write(ask, fd, err);
    case FORMS_LEASE:
        return results_lease_write(ask, fd, err);
    case FORMS_TABLE:
        break;
    }
    return report_table_write(&ask->gathered->records, ask->job, ask->form, fd, err);
}

enum rc results_report_write(const struct spool *spool, struct sources *sources, const struct errand *errand, enum form form, int fd, uint64_t *rows,
                             struct err *err) {
    struct job_row row;
    struct gathered g = GATHERED_NONE;
    if (form == FORM_ICS && errand->report != FORMS_LEASE)
        return err_set(err, RC_PERM, "a calendar is made of leases alone: the results of job %s are of another kind", errand->job);
    if (form == FORM_CSV && errand->report == FORMS_TABLE)
        return results_export(spool, sources, errand, form, fd, rows, NULL, err);
    enum rc rc = job_row_read(spool, errand->job, &row, NULL, NULL, err);
    if (rc)
        return rc;
    char tmp_dir[sizeof spool->root + 16];
    sweep(spool);
    str_format(tmp_dir, sizeof tmp_dir, "%s/results", spool->root);
    char status[16];
    str_copy(status, sizeof status, place_status(row.place));
    for (char *c = status; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    const struct report_job job = {.unfinished = row.place == PLACE_PROCESSED  ? NULL
                                                 : strcmp(status, "held") == 0 ? "on hold"
                                                                               : status,
                                   .tmp_dir = tmp_dir,
                                   .id = row.id,
                                   .name = row.name,
                                   .source = row.source,
                                   .campaign = row.campaign,
                                   .completed_us = row.completed_us ? row.completed_us : row.placed_us,
                                   .failed_units = row.failed_units};
    const struct results_ask ask = {
        .spool = spool, .sources = sources, .errand = errand, .form = report_form_named(forms_name(form)), .job = &job, .gathered = &g};
    rc = results_gather_job(spool, sources, errand->job, &g, err);
    *rows = g.records.count;
    rc = rc ? rc : write_model(&ask, fd, err);
    results_gather_release(&g);
    return rc;
}
