// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_sources.h"

#include "base/limits.h"
#include "engine/ready.h"
#include "notify/notifier.h"
#include "os/fsio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INODES_LEAST 1000 /* a job and its pages need a few dozen */

struct report {
    struct cmd *cmd;
    cJSON *list; /* NULL: lines */
    size_t problems, sources;
    const struct source *source; /* whose secrets are looked at; NULL: those of notices */
};

enum finding { FOUND_GOOD, FOUND_WARNING, FOUND_PROBLEM };

static void find(struct report *r, enum finding finding, const char *what, const char *format, va_list args) __attribute__((format(printf, 4, 0)));
static void tell(struct report *r, bool good, const char *what, const char *format, ...) __attribute__((format(printf, 4, 5)));
static void warn(struct report *r, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void find(struct report *r, enum finding finding, const char *what, const char *format, va_list args) {
    static const char *const names[] = {"ok", "warning", "problem"};
    char text[1500], shown[1500], shown_what[200];
    vsnprintf(text, sizeof text, format, args);
    cmd_shown(shown, sizeof shown, text, false);
    cmd_shown(shown_what, sizeof shown_what, what, false);
    r->problems += finding == FOUND_PROBLEM;
    if (!r->list) {
        printf("%-7s  %s: %s\n", names[finding], shown_what, shown);
        return;
    }
    cJSON *item = cJSON_CreateObject();
    cJSON_AddBoolToObject(item, "ok", finding != FOUND_PROBLEM);
    if (finding == FOUND_WARNING)
        cJSON_AddBoolToObject(item, "warning", true);
    cJSON_AddStringToObject(item, "what", shown_what);
    cJSON_AddStringToObject(item, "detail", shown);
    cJSON_AddItemToArray(r->list, item);
}

static void tell(struct report *r, bool good, const char *what, const char *format, ...) {
    va_list args;
    va_start(args, format);
    find(r, good ? FOUND_GOOD : FOUND_PROBLEM, what, format, args);
    va_end(args);
}

static void warn(struct report *r, const char *what, const char *format, ...) {
    va_list args;
    va_start(args, format);
    find(r, FOUND_WARNING, what, format, args);
    va_end(args);
}

static const char no_directory[] = "not looked for: no directory of secrets is known here (--credentials DIR)";

static bool has_steps(const struct source *source) {
    return source && (source->list_count || source->step_count > 1);
}

static void check_secret(void *context, const char *name, bool optional) {
    struct report *r = context;
    struct err err = {0};
    struct buf secret = BUF_INIT(LIMIT_HEADER_BYTES);
    char what[160], ways[READY_USES_SIZE];
    const char *uses = has_steps(r->source) ? ready_uses(r->source, name, ways) : "";
    str_format(what, sizeof what, r->source ? "secret %s of source %s" : "secret %s of notices", name, r->source ? r->source->name : "");
    enum rc rc = sources_secret(r->cmd->config.credentials, name, &secret, &err);
    if (rc == RC_GONE && !*r->cmd->config.credentials) /* the daemon may well be given it */
        tell(r, true, what, "%s", no_directory);
    else if (!rc && !secret.length)
        tell(r, false, what, "is empty");
    else if (rc == RC_GONE && optional)
        tell(r, true, what, "is not there: what it would be for is not sent");
    else
        tell(r, rc == RC_OK, what, "%s%s%s", rc ? err.text : "is there", rc && *uses ? "; it is for " : "", rc ? uses : "");
    if (secret.data)
        explicit_bzero(secret.data, secret.capacity);
    buf_release(&secret);
}

/* A relative path is one below the directory of secrets. */
static void check_file(struct report *r, const char *member, const char *file, bool secret) {
    const char *dir = file && *file != '/' ? r->cmd->config.credentials : NULL;
    char what[160], path[sizeof r->cmd->config.credentials + 1100];
    struct stat st;
    if (!file)
        return;
    str_format(what, sizeof what, "%s of source %s", member, r->source->name);
    str_format(path, sizeof path, "%s%s%s", dir ? dir : "", dir ? "/" : "", file);
    if (dir && !*dir)
        tell(r, true, what, "%s", no_directory);
    else if (stat(path, &st) || access(path, R_OK))
        tell(r, false, what, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        tell(r, false, what, "%s: is no file", path);
    else if (secret && st.st_mode & 077)
        warn(r, what, "%s: others can read it: chmod 600", path);
    else
        tell(r, true, what, "%s: is there", path);
}

/* Programs of its steps. What a fallback lacks is no problem as long as another way is there. */
static void check_ready(struct report *r, const struct source *source) {
    char what[100], dir[4200];
    bool able = true;
    const cJSON *text;
    if (!has_steps(source))
        return;
    str_format(what, sizeof what, "steps of source %.80s", source->name);
    cmd_helpers_dir(r->cmd, dir, sizeof dir);
    cJSON *missing = ready_missing_programs(source, dir, &able); /* its secrets were told */
    cJSON_ArrayForEach(text, missing) {
        if (able)
            warn(r, what, "%s", text->valuestring);
        else
            tell(r, false, what, "%s", text->valuestring);
    }
    if (!cJSON_GetArraySize(missing))
        tell(r, true, what, "have the programs that they need");
    cJSON_Delete(missing);
    cJSON *ways = ready_optional(source);
    cJSON_ArrayForEach(text, ways) {
        char shown[READY_WAY_SIZE];
        tell(r, true, what, "%s", ready_optional_text(text, shown));
    }
    cJSON_Delete(ways);
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
    r->source = source;
    source_secrets(source, check_secret, r);
    check_ready(r, source);
    check_file(r, "tls.ca_file", source->tls.ca_file, false);
    check_file(r, "tls.cert_file", source->tls.cert_file, false);
    check_file(r, "tls.key_file", source->tls.key_file, true);
    return true;
}

static bool check_unknown(void *context, const char *name) {
    tell(context, false, "source_settings", "there is no source %s", name);
    return true;
}

static void check_sources(struct report *r) {
    struct err err = {0};
    sources_unknown_settings(r->cmd->sources, check_unknown, r);
    if (sources_list(r->cmd->sources, check_source, r, &err) != RC_OK)
        tell(r, false, "sources", "%s", err.text);
    else if (!r->sources)
        tell(r, false, "sources", "%s has no *.json: a job needs a source", r->cmd->config.sources);
}

/* Each template that there is, filled with nothing. */
static void check_templates(struct report *r) {
    const char *dir = r->cmd->config.notices.templates;
    struct stat st;
    if (*dir && (stat(dir, &st) || !S_ISDIR(st.st_mode))) {
        tell(r, false, "notices", "%s: is no directory of templates", dir);
        return;
    }
    for (enum notice_kind kind = 0; kind < NOTICE_KIND_COUNT; kind++) {
        struct notice notice = {.kind = kind, .values = cJSON_CreateObject()};
        struct letter letter;
        struct err err = {0};
        if (letter_make(dir, &notice, &letter, &err) != RC_OK)
            tell(r, false, "notices", "%s/: %s", dir, err.text);
        letter_release(&letter);
        notice_release(&notice);
    }
}

static void check_notices(struct report *r) {
    const struct notify_settings *s = &r->cmd->config.notices;
    bool mail = false, hook = false;
    for (enum notice_kind kind = 0; kind < NOTICE_KIND_COUNT; kind++)
        for (const char *to = NULL; (to = notify_settings_next(s, &s->recipients[kind], to));) {
            mail = mail || notice_target_address(to);
            hook = hook || !notice_target_address(to);
        }
    r->source = NULL;
    if (mail && !*s->smtp_url && !*s->resend_url)
        tell(r, false, "notices", "%s", notifier_missing("mailto:"));
    if (*s->smtp_password)
        check_secret(r, s->smtp_password, false);
    if (*s->resend_url && !*s->smtp_url)
        check_secret(r, s->resend_key, false);
    if (hook)
        check_secret(r, s->webhook_secret, false);
    if (*s->heartbeat_secret)
        check_secret(r, s->heartbeat_secret, false);
    check_templates(r);
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

/* What the daemon met with: services that steps can do without, and that refused their credentials. */
static void check_refused(struct report *r) {
    cJSON *all = ready_read(r->cmd->spool);
    const cJSON *source, *way;
    cJSON_ArrayForEach(source, all) {
        cJSON_ArrayForEach(way, cJSON_GetObjectItemCaseSensitive(source, "optional")) {
            const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(way, "refused"));
            char what[100];
            str_format(what, sizeof what, "steps of source %.80s", source->string);
            if (text)
                warn(r, what, "%s", text);
        }
    }
    cJSON_Delete(all);
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
    check_refused(r);
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

int cmd_check(struct cmd *cmd, int argc, char **argv) {
    const char *credentials = NULL;
    const struct cmd_option options[] = {{"credentials", CMD_TEXT, &credentials, "DIR", "the directory of secrets that the daemon is given"}, {.name = NULL}};
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_credentials(cmd, credentials)) != EXIT_DONE || (code = cmd_sources(cmd)) != EXIT_DONE)
        return code;
    struct report r = {.cmd = cmd, .list = cmd->json ? cJSON_CreateArray() : NULL};
    tell(&r, true, "configuration", "%s", *cmd->config.file ? cmd->config.file : "no file: the defaults");
    check_sources(&r);
    check_notices(&r);
    check_spool(&r);
    return end_report(&r);
}

int sources_check(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    (void)options;
    int code = cmd_sources(cmd);
    if (code)
        return code;
    struct report r = {.cmd = cmd, .list = cmd->json ? cJSON_CreateArray() : NULL};
    for (int i = 0; i < argc; i++)
        check_source(&r, argv[i]);
    if (!argc)
        check_sources(&r);
    return end_report(&r);
}
