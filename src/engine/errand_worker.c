// SPDX-License-Identifier: Apache-2.0
#include "engine/errand.h"

#include "base/digest.h"
#include "base/fault.h"
#include "engine/sources.h"
#include "os/fsio.h"
#include "source/criteria.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct arguments {
    const char *spool, *sources, *settings, *job;
    results_report *report;
    struct retention_limits limits;
};

void errand_worker_args(const char *program, const struct spool *spool, const char *sources_dir, const char *source_settings, const char *job_id,
                        const struct retention_limits *limits, struct errand_args *args) {
    str_format(args->days, sizeof args->days, "%u%s", limits->job_days, limits->job_days_hold ? "!" : "");
    str_format(args->months, sizeof args->months, "%u", limits->payload_months);
    const char *const argv[ERRAND_ARGS] = {program,
                                           "--errand-worker",
                                           "--spool",
                                           spool->root,
                                           "--sources",
                                           sources_dir,
                                           "--source-settings",
                                           source_settings ? source_settings : "",
                                           "--job",
                                           job_id,
                                           "--job-days",
                                           args->days,
                                           "--payload-months",
                                           args->months,
                                           "--archive",
                                           limits->archive ? "1" : "0"};
    memcpy(args->argv, argv, sizeof argv);
}

enum rc errand_program(const char *program, const char *helpers_dir, const struct errand *errand, char *out, size_t size, struct err *err) {
    const char *slash = strrchr(program, '/');
    if (errand->kind != ERRAND_RESULTS || errand_exports(errand))
        return str_copy(out, size, program) ? RC_OK : err_set(err, RC_PERM, "%.200s: the name is too long", program);
    if (helpers_dir && str_format(out, size, "%s/batchspool-report", helpers_dir) && access(out, X_OK) == 0)
        return RC_OK;
    if (slash && str_format(out, size, "%.*s/batchspool-report", (int)(slash - program), program) && access(out, X_OK) == 0)
        return RC_OK;
    return err_set(err, RC_PERM, "batchspool-report, which makes reports, is neither in %.200s nor beside batchspoold: install it there",
                   helpers_dir ? helpers_dir : "a directory of helpers");
}

char *errand_automatic(const char *job_id, const char *created_by, unsigned formats) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "mode", "results");
    if (created_by[0])
        cJSON_AddStringToObject(json, "created_by", created_by);
    cJSON *results = cJSON_AddObjectToObject(json, "results"), *list = cJSON_AddArrayToObject(results, "formats");
    for (unsigned i = 0; i < FORM_COUNT; i++)
        if (formats & FORM_BIT(i))
            cJSON_AddItemToArray(list, cJSON_CreateString(forms_name((enum form)i)));
    cJSON_AddStringToObject(results, "job", job_id);
    cJSON_AddTrueToObject(results, "wait");
    char *text = cJSON_Print(json);
    cJSON_Delete(json);
    return text;
}

void errand_automatic_id(const char *job_id, char out[JOBID_SIZE]) {
    char time[17], hex[13], seed[JOBID_SIZE + 16], sum[DIGEST_HEX_SIZE];
    const char *slug;
    jobid_parts(job_id, time, hex, &slug);
    str_format(seed, sizeof seed, "results of %s", job_id);
    digest_of_hex(seed, strlen(seed), sum);
    str_format(out, JOBID_SIZE, "%s-%.12s-results", time, sum);
}

static bool read_count(const char *text, unsigned *out) {
    uint64_t count;
    bool good = str_to_u64(text, 0, 1000000, &count);
    *out = good ? (unsigned)count : 0;
    return good;
}

/* With ! behind it, it holds over what sources say. */
static bool read_days(const char *text, struct retention_limits *limits) {
    char digits[16];
    const size_t length = strcspn(text, "!");
    limits->job_days_hold = text[length] == '!';
    return (!limits->job_days_hold || !text[length + 1]) && str_format(digits, sizeof digits, "%.*s", (int)length, text) &&
           read_count(digits, &limits->job_days);
}

/* What errand_worker_args made; anything else is no command line for people. */
static bool read_arguments(int argc, char **argv, struct arguments *a) {
    unsigned archive = 0;
    bool good = argc % 2 == 0;
    for (int i = 0; good && i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--spool") == 0)
            a->spool = value;
        else if (strcmp(name, "--sources") == 0)
            a->sources = value;
        else if (strcmp(name, "--source-settings") == 0)
            a->settings = value;
        else if (strcmp(name, "--job") == 0)
            a->job = value;
        else if (strcmp(name, "--job-days") == 0)
            good = read_days(value, &a->limits);
        else if (strcmp(name, "--payload-months") == 0)
            good = read_count(value, &a->limits.payload_months);
        else
            good = strcmp(name, "--archive") == 0 && read_count(value, &archive);
    }
    a->limits.archive = archive != 0;
    return good && a->spool && a->sources && a->job && jobid_valid(a->job);
}

static enum rc run(const struct spool *spool, struct sources *sources, const struct arguments *a, const struct errand *errand, cJSON **answer,
                   struct err *err) {
    if (errand->kind == ERRAND_RESULTS)
        return results_make(spool, sources, a->job, errand, a->report, answer, err);
    const struct retention_options options = {.limits = a->limits, .dry_run = errand->dry_run, .by = "daemon"};
    enum rc rc = retention_run(spool, sources, &options, answer, err);
    if (rc) {
        cJSON_Delete(*answer);
        *answer = NULL;
    }
    return rc;
}

/* results/<id>/preview.json, where every job that asks the daemon for something finds its answer. */
static enum rc write_answer(const struct spool *spool, const char *job_id, const cJSON *answer, struct err *err) {
    char path[JOBID_SIZE + 32], tmp[JOBID_SIZE + 32], *text = cJSON_Print(answer);
    str_format(path, sizeof path, "%s/preview.json", job_id);
    str_format(tmp, sizeof tmp, "%s/.preview.tmp", job_id);
    enum rc rc = text ? fsio_make_dirs(spool->results_fd, job_id, 02770, err) : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = fsio_put_file(spool->results_fd, tmp, path, 0660, text, strlen(text), err);
    cJSON_free(text);
    return rc;
}

static enum rc work(const struct spool *spool, struct sources *sources, const struct arguments *a, cJSON **answer, struct err *err) {
    struct criteria *criteria = NULL;
    char *text = NULL;
    size_t length = 0;
    enum rc rc = job_text_read(spool, a->job, &text, &length, err);
    if (!rc)
        rc = criteria_parse("the accepted text", text, length, NULL, &criteria, err);
    free(text);
    if (!rc)
        rc = run(spool, sources, a, criteria->errand, answer, err);
    if (!rc) {
        cJSON_AddStringToObject(*answer, "job_id", a->job);
        cJSON_AddStringToObject(*answer, "mode", criteria->mode);
        rc = write_answer(spool, a->job, *answer, err);
    }
    criteria_free(criteria);
    return rc;
}

static int print_line(cJSON *json, int code) {
    char *text = cJSON_PrintUnformatted(json);
    const bool printed = text != NULL && printf("%s\n", text) >= 0 && fflush(stdout) == 0;
    cJSON_free(text);
    cJSON_Delete(json);
    return printed ? code : EX_IOERR;
}

static int tell_failure(enum rc rc, const struct err *err) {
    const bool disk = rc == RC_TEMP || rc == RC_NOSPACE || rc == RC_FATAL;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "reason", disk ? "disk" : "unavailable");
    cJSON_AddStringToObject(json, "error", err->text);
    return print_line(json, rc == RC_AGAIN ? EX_TEMPFAIL : disk ? EX_IOERR : EX_DATAERR);
}

int errand_worker_main(int argc, char **argv, results_report *report) {
    struct arguments a = {.report = report};
    struct sources *sources = NULL;
    struct spool *spool = NULL;
    struct err err = {0};
    cJSON *answer = NULL;

    fault_init();
    (void)umask(007);
    if (!read_arguments(argc, argv, &a)) {
        (void)fprintf(stderr, "--errand-worker: started by the daemon itself\n");
        return EX_USAGE;
    }
    enum rc rc = spool_open(a.spool, NULL, &spool, &err);
    if (!rc)
        rc = sources_new(a.sources, a.settings, &sources, &err);
    if (!rc)
        rc = work(spool, sources, &a, &answer, &err);
    int code = rc ? tell_failure(rc, &err) : print_line(answer, EX_OK);
    if (rc)
        cJSON_Delete(answer);
    sources_free(sources);
    if (spool)
        spool_close(spool);
    return code;
}
