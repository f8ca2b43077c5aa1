// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_journals.h"

#include "cmd/cmd_jobs.h"
#include "os/dirscan.h"

#include <stdlib.h>
#include <string.h>

#define DAY_US (INT64_C(24) * 3600 * 1000000)

void cmd_day(char out[CLOCK_RFC3339_SIZE], int64_t us) {
    clock_format_rfc3339(us, 0, out);
    out[strlen("2026-11-23")] = '\0';
}

static bool parse_time(const char *text, bool until, int64_t *us) {
    char time[CLOCK_RFC3339_SIZE];
    int64_t ms;
    if (clock_parse_rfc3339(text, us))
        return true;
    if (str_duration_ms(text, &ms)) {
        *us = clock_wall_us() - ms * 1000;
        return true;
    }
    if (strlen(text) != strlen("2026-11-23") || !str_format(time, sizeof time, "%sT00:00:00Z", text) || !clock_parse_rfc3339(time, us))
        return false;
    *us += until ? DAY_US : 0;
    return true;
}

int cmd_period_parse(struct cmd *cmd, const char *since, const char *until, struct cmd_period *period) {
    static const char how[] = "must be a time such as 2026-11-23T17:00:00Z, a UTC day such as 2026-11-23, or how long ago, such as P7D or PT2H";
    *period = (struct cmd_period){INT64_MIN, INT64_MAX};
    if (since && !parse_time(since, false, &period->since_us))
        return cmd_fail(cmd, EXIT_USAGE, "--since %s: %s", since, how);
    if (until && !parse_time(until, true, &period->until_us))
        return cmd_fail(cmd, EXIT_USAGE, "--until %s: %s", until, how);
    if (period->since_us >= period->until_us)
        return cmd_fail(cmd, EXIT_USAGE, "--since must be before --until");
    return EXIT_DONE;
}

bool cmd_period_has(const struct cmd_period *period, int64_t us) {
    return us >= period->since_us && us < period->until_us;
}

static enum rc read_all(struct cmd *cmd, const struct cmd_journals *journals, struct err *err) {
    struct dirscan *scan;
    enum rc rc = dirscan_open(cmd->spool->journal_fd, ".", &scan, err);
    if (rc)
        return err_prefix(err, rc, "journal");
    const char *name;
    unsigned char type;
    while ((rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        char id[JOBID_SIZE];
        size_t length = strlen(name);
        if (!str_ends(name, ".ndjson") || length - 7 >= sizeof id)
            continue;
        memcpy(id, name, length - 7);
        id[length - 7] = '\0';
        if (!jobid_valid(id))
            continue;
        rc = journals->read(journals->context, id, err);
        if (rc && rc != RC_GONE)
            break;
    }
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

int cmd_journals_each(struct cmd *cmd, const char *part, const struct cmd_journals *journals) {
    struct err err = {0};
    if (!part) {
        enum rc rc = read_all(cmd, journals, &err);
        return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
    }
    struct jobs_entry job;
    int code = cmd_job_find(cmd, part, &job);
    if (code)
        return code;
    enum rc rc = job.id[0] ? journals->read(journals->context, job.id, &err) : RC_GONE;
    if (rc == RC_GONE)
        code = cmd_fail(cmd, EXIT_NOINPUT, "%s has no journal", job.file ? job.file : job.id);
    else if (rc)
        code = cmd_fail_rc(cmd, rc, &err);
    free(job.file);
    return code;
}
