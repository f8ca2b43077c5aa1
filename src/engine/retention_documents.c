// SPDX-License-Identifier: Apache-2.0
#include "engine/retention_internal.h"

#include "base/log.h"
#include "base/strset.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Documents that no job names any more, but one that has been cleaned up: handed in longer ago than jobs of documents are kept, and than a day, in which a job
 * may still come. */

#define DAY_US (INT64_C(24) * 3600 * 1000000)

struct named {
    struct strset sums;
    enum rc rc;
};

static void text_seen(struct named *named, const char *text) {
    cJSON *job = strstr(text, "\"documents\"") ? cJSON_Parse(text) : NULL;
    const cJSON *document;
    cJSON_ArrayForEach(document, cJSON_GetObjectItemCaseSensitive(job, "documents")) {
        const char *sum = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "sha256"));
        if (sum && !strset_keep(&named->sums, sum, NULL))
            named->rc = RC_TEMP;
    }
    cJSON_Delete(job);
}

/* What a job names that is still there. A journal that is damaged could name anything: nothing goes then. */
static enum rc read_job(struct retention *r, const char *id, struct named *named) {
    struct job_row row;
    char *text = NULL;
    size_t length;
    enum rc rc = job_row_read(r->spool, id, &row, NULL, NULL, r->err);
    if (rc || row.archived_us || strset_has(&r->going, id))
        return rc == RC_GONE ? RC_OK : rc;
    rc = job_text_read(r->spool, id, &text, &length, r->err);
    if (!rc)
        text_seen(named, text);
    free(text);
    return rc == RC_GONE ? RC_OK : rc ? rc : named->rc;
}

static enum rc read_jobs(struct retention *r, struct named *named) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    char id[JOBID_SIZE];
    enum rc rc = dirscan_open(r->spool->journal_fd, ".", &scan, r->err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, r->err)) == RC_OK)
        if (str_ends(name, ".ndjson") && str_format(id, sizeof id, "%.*s", (int)(strlen(name) - 7), name) && jobid_valid(id) &&
            (rc = read_job(r, id, named)) != RC_OK)
            break;
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

static bool old_document(const struct retention *r, const struct stat *st) {
    const int64_t least = retention_days_least(r, true), days = least ? least : 1;
    return (int64_t)st->st_mtime * 1000000 < r->now_us - days * DAY_US;
}

/* One month: what is old is counted; with named, what nobody names goes. */
static enum rc clean_month(struct retention *r, int month_fd, const struct named *named, uint64_t *old) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    bool removed = false;
    enum rc rc = dirscan_open(month_fd, ".", &scan, r->err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, r->err)) == RC_OK) {
        char sum[DIGEST_HEX_SIZE];
        struct stat st;
        str_format(sum, sizeof sum, "%.64s", name);
        if (type != DT_REG || strspn(name, "0123456789abcdef") != 64 || (name[64] && strcmp(name + 64, ".zst") != 0) ||
            fsio_stat(month_fd, name, &st, NULL) != RC_OK || !old_document(r, &st))
            continue;
        ++*old;
        if (!named || strset_has(&named->sums, sum))
            continue;
        r->documents++;
        r->document_bytes += (uint64_t)st.st_size;
        if (!r->options->dry_run && (rc = fsio_unlink(month_fd, name, r->err)) != RC_OK)
            break;
        removed = !r->options->dry_run;
    }
    dirscan_close(scan);
    rc = rc == RC_GONE ? RC_OK : rc;
    if (removed) {
        enum rc synced = fsio_sync_dir(month_fd, ".", r->err);
        rc = rc ? rc : synced;
    }
    return rc;
}

static enum rc each_month(struct retention *r, const struct named *named, uint64_t *old) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    int raw_fd, month_fd;
    enum rc rc = fsio_open_dir(r->spool->root_fd, "documents/raw", &raw_fd, r->err);
    if (rc)
        return rc == RC_GONE ? RC_OK : rc;
    rc = dirscan_open(raw_fd, ".", &scan, r->err);
    if (rc) {
        close(raw_fd);
        return rc;
    }
    while (!rc && (rc = dirscan_next(scan, &name, &type, r->err)) == RC_OK) {
        if (type != DT_DIR || (rc = fsio_open_dir(raw_fd, name, &month_fd, r->err)) != RC_OK)
            continue;
        rc = clean_month(r, month_fd, named, old);
        close(month_fd);
    }
    dirscan_close(scan);
    close(raw_fd);
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc retention_documents(struct retention *r) {
    struct named named = {.rc = RC_OK};
    uint64_t old = 0;
    enum rc rc = each_month(r, NULL, &old);
    if (rc || !old)
        return rc;
    rc = read_jobs(r, &named);
    if (rc == RC_CORRUPT) {
        log_warn("cleanup: documents stay: %s", r->err->text);
        retention_keep(r, "damaged");
        rc = RC_OK;
    } else if (!rc)
        rc = each_month(r, &named, &old);
    strset_release(&named.sums);
    return rc;
}
