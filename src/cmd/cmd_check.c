// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd.h"

#include "base/limits.h"
#include "base/str.h"
#include "os/fsio.h"
#include "source/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INODES_LEAST 1000 /* a job and its pages need a few dozen */

struct report {
    struct cmd *cmd;
    cJSON *list; /* NULL: lines */
    size_t problems, sources;
    const char *source; /* whose secrets are looked at */
};

static void tell(struct report *r, bool good, const char *what, const char *format, ...) __attribute__((format(printf, 4, 5)));

static void tell(struct report *r, bool good, const char *what, const char *format, ...) {
    char text[1500], shown[1500], shown_what[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cmd_shown(shown, sizeof shown, text, false);
    cmd_shown(shown_what, sizeof shown_what, what, false);
    r->problems += !good;
    if (!r->list) {
        printf("%-7s  %s: %s\n", good ? "ok" : "problem", shown_what, shown);
        return;
    }
    cJSON *item = cJSON_CreateObject();
    cJSON_AddBoolToObject(item, "ok", good);
    cJSON_AddStringToObject(item, "what", shown_what);
    cJSON_AddStringToObject(item, "detail", shown);
    cJSON_AddItemToArray(r->list, item);
}

static void check_secret(void *context, const char *name) {
    struct report *r = context;
    struct err err = {0};
    struct buf secret = BUF_INIT(LIMIT_HEADER_BYTES);
    char what[160];
    str_format(what, sizeof what, "secret %s of source %s", name, r->source);
    enum rc rc = sources_secret(r->cmd->config.credentials, name, &secret, &err);
    if (rc == RC_GONE && !*r->cmd->config.credentials) /* the daemon may well be given it */
        tell(r, true, what, "not looked for: no directory of secrets is known here (--credentials DIR)");
    else if (!rc && !secret.length)
        tell(r, false, what, "is empty");
    else
        tell(r, rc == RC_OK, what, "%s", rc ? err.text : "is there");
    if (secret.data)
        explicit_bzero(secret.data, secret.capacity);
    buf_release(&secret);
}

static bool check_source(void *context, const char *name) {
    struct report *r = context;
    const struct source *source;
    struct err err = {0};
    char what[100];
    str_format(what, sizeof what, "source %.80s", name);
    r->sources++;
    if (sources_get(r->cmd->sources, name, &source, &err) != RC_OK) {
        tell(r, false, what, "%s", err.text);
        return true;
    }
    tell(r, true, what, "%s, %u steps, %s", source->paginator_type, source->step_count, source->metered ? "metered" : "free");
    r->source = name;
    source_secrets(source, check_secret, r);
    return true;
}

static void check_sources(struct report *r) {
    struct err err = {0};
    if (sources_list(r->cmd->sources, check_source, r, &err) != RC_OK)
        tell(r, false, "sources", "%s", err.text);
    else if (!r->sources)
        tell(r, false, "sources", "%s has no *.json: a job needs a source", r->cmd->config.sources);
}

static void check_leases(struct report *r) {
    char name[40];
    struct err err = {0};
    struct stat st;
    int fd;
    str_format(name, sizeof name, ".check-%ld", (long)getpid());
    enum rc rc = fsio_create(r->cmd->spool->jobs_tmp_fd, name, 0660, &fd, &err);
    if (rc) {
        tell(r, false, "jobs/tmp", "%s", err.text);
        return;
    }
    close(fd);
    rc = fsio_open_read(r->cmd->spool->jobs_tmp_fd, name, &fd, &st, &err);
    if (!rc) {
        rc = fsio_probe_writers(fd);
        close(fd);
        tell(r, true, "leases", "%s",
             rc == RC_OK ? "granted: a file that is written straight into pending/ is taken as soon as its writer is done"
                         : "refused here: a file that is written straight into pending/ is taken when it was left alone for 5 s");
    } else
        tell(r, false, "jobs/tmp", "%s", err.text);
    fsio_unlink(r->cmd->spool->jobs_tmp_fd, name, NULL);
}

static void check_room(struct report *r) {
    uint64_t bytes, inodes, wanted = (uint64_t)LIMIT_RESPONSE_BYTES * r->cmd->config.max_concurrent_jobs;
    struct err err = {0};
    if (fsio_room(r->cmd->spool->raw_fd, &bytes, &inodes, &err) != RC_OK)
        tell(r, false, "disk", "%s", err.text);
    else
        tell(r, bytes >= wanted && inodes >= INODES_LEAST, "disk",
             "%" PRIu64 " MiB and %" PRIu64 " inodes are free; %" PRIu64 " MiB hold the largest answer of each job that may run", bytes >> 20, inodes,
             wanted >> 20);
}

static void check_spool(struct report *r) {
    struct cmd *cmd = r->cmd;
    struct err err = {0};
    if (spool_open(cmd->config.spool, cmd->config.node, &cmd->spool, &err) != RC_OK) {
        cmd->spool = NULL;
        tell(r, false, "spool", "%s", err.text);
        return;
    }
    tell(r, true, "spool", "%s", cmd->spool->root);
    tell(r, true, "daemon", "%s", spool_daemon_runs(cmd->spool) ? "runs" : "does not run");
    check_leases(r);
    check_room(r);
}

static int end_report(struct report *r) {
    int code = EXIT_DONE;
    if (r->list) {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddBoolToObject(json, "ok", r->problems == 0);
        cJSON_AddItemToObject(json, "checks", r->list);
        code = cmd_print_json(r->cmd, json);
    }
    if (r->problems)
        return cmd_fail(r->cmd, EXIT_CONFIG, "%zu problem%s", r->problems, r->problems == 1 ? "" : "s");
    return code;
}

/* As the daemon takes it. */
static int set_credentials(struct cmd *cmd, const char *dir) {
    if (dir && !str_copy(cmd->config.credentials, sizeof cmd->config.credentials, dir))
        return cmd_fail(cmd, EXIT_USAGE, "--credentials: the path is too long");
    return EXIT_DONE;
}

int cmd_check(struct cmd *cmd, int argc, char **argv) {
    const char *credentials = NULL;
    const struct cmd_option options[] = {{"credentials", CMD_TEXT, &credentials, "DIR", "the directory of secrets that the daemon is given"}, {.name = NULL}};
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_sources(cmd)) != EXIT_DONE || (code = set_credentials(cmd, credentials)) != EXIT_DONE)
        return code;
    struct report r = {.cmd = cmd, .list = cmd->json ? cJSON_CreateArray() : NULL};
    tell(&r, true, "configuration", "%s", *cmd->config.file ? cmd->config.file : "no file: the defaults");
    check_sources(&r);
    check_spool(&r);
    return end_report(&r);
}

static cJSON *source_json(const char *name, const struct source *source, const char *error) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddBoolToObject(json, "ok", source != NULL);
    if (!source) {
        cJSON_AddStringToObject(json, "error", error);
        return json;
    }
    cJSON_AddStringToObject(json, "paginator", source->paginator_type);
    cJSON_AddNumberToObject(json, "steps", source->step_count);
    cJSON_AddBoolToObject(json, "metered", source->metered);
    if (source->metered && source->has_cost_per_record) {
        char price[DEC_TEXT_SIZE];
        dec_format(source->cost_per_record, price);
        cJSON_AddStringToObject(json, "cost_per_record", price);
        cJSON_AddStringToObject(json, "currency", source->currency);
    }
    return json;
}

static bool list_source(void *context, const char *name) {
    struct report *r = context;
    const struct source *source = NULL;
    struct err err = {0};
    if (sources_get(r->cmd->sources, name, &source, &err) != RC_OK)
        source = NULL;
    if (r->list) {
        cJSON_AddItemToArray(r->list, source_json(name, source, err.text));
        return true;
    }
    char shown[200], price[DEC_TEXT_SIZE] = "";
    if (source && source->has_cost_per_record)
        dec_format(source->cost_per_record, price);
    printf("%-24s  %-13s  %s%s%s%s%s\n", cmd_shown(shown, sizeof shown, name, true), source ? source->paginator_type : "-",
           !source           ? "does not check"
           : source->metered ? "metered"
                             : "free",
           *price ? ", " : "", price, *price ? " " : "", *price && source ? source->currency : "");
    if (!source)
        cmd_say(r->cmd, "%s", err.text);
    return true;
}

static int list_sources(struct cmd *cmd) {
    struct report r = {.cmd = cmd, .list = cmd->json ? cJSON_CreateArray() : NULL};
    struct err err = {0};
    enum rc rc = sources_list(cmd->sources, list_source, &r, &err);
    if (rc) {
        cJSON_Delete(r.list);
        return cmd_fail_rc(cmd, rc, &err);
    }
    return r.list ? cmd_print_json(cmd, r.list) : EXIT_DONE;
}

static int show_source(struct cmd *cmd, const char *name) {
    const struct source *source;
    struct err err = {0};
    enum rc rc = sources_get(cmd->sources, name, &source, &err);
    if (rc)
        return rc == RC_PERM ? cmd_fail(cmd, EXIT_CONFIG, "%s", err.text) : cmd_fail_rc(cmd, rc, &err);
    /* Secrets stand in a definition by name only. */
    char *text = cmd->json ? cJSON_PrintUnformatted(source->definition) : cJSON_Print(source->definition);
    if (!text)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    puts(text);
    cJSON_free(text);
    return EXIT_DONE;
}

static int check_named(struct cmd *cmd, int argc, char **argv) {
    struct report r = {.cmd = cmd, .list = cmd->json ? cJSON_CreateArray() : NULL};
    for (int i = 0; i < argc; i++)
        check_source(&r, argv[i]);
    if (!argc)
        check_sources(&r);
    return end_report(&r);
}

int cmd_list_sources(struct cmd *cmd, int argc, char **argv) {
    const char *credentials = NULL;
    const struct cmd_option options[] = {{"credentials", CMD_TEXT, &credentials, "DIR", "check: the directory of secrets that the daemon is given"},
                                         {.name = NULL}};
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    const bool check = argc > 0 && strcmp(argv[0], "check") == 0;
    if (argc > 1 && !check)
        return cmd_usage(cmd);
    if ((code = cmd_sources(cmd)) != EXIT_DONE || (code = set_credentials(cmd, credentials)) != EXIT_DONE)
        return code;
    return check ? check_named(cmd, argc - 1, argv + 1) : argc ? show_source(cmd, argv[0]) : list_sources(cmd);
}
