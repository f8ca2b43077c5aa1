// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_documents.h"
#include "cmd/cmd_drop.h"
#include "cmd/cmd_estimate.h"
#include "cmd/cmd_jobs.h"
#include "cmd/cmd_urls.h"

#include "base/json.h"
#include "base/limits.h"
#include "engine/ready.h"
#include "engine/submit.h"
#include "engine/unit_look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct submission {
    const char *file; /* as given; "-" is standard input; of --sitemap its address */
    struct buf text;  /* as read, made of what --document or --urls named, or changed by --set */
    bool made;        /* of what --document, --urls, --sitemap or --failed named: nobody wrote it */
    bool urls;        /* it is long, and nobody's to read */
    char source[65], mode[16];
    char id[JOBID_SIZE]; /* once dropped */
    char estimate[CMD_ESTIMATE_TEXT];
};

static enum rc apply_settings(struct submission *s, const struct cmd_list *settings, struct err *err) {
    if (!settings->count)
        return RC_OK;
    cJSON *json = cJSON_ParseWithLength(buf_text(&s->text), s->text.length);
    enum rc rc = cJSON_IsObject(json) ? RC_OK : err_set(err, RC_PERM, "%s: is no JSON object", s->file);
    for (size_t i = 0; !rc && i < settings->count; i++)
        rc = cmd_drop_set(json, settings->items[i], err);
    char *text = rc ? NULL : s->urls ? cJSON_PrintUnformatted(json) : cJSON_Print(json);
    cJSON_Delete(json);
    if (rc)
        return rc;
    buf_reset(&s->text);
    rc = text ? buf_printf(&s->text, "%s\n", text) : RC_TEMP;
    cJSON_free(text);
    return rc ? err_set(err, rc, "%s: out of memory, or longer than %u bytes", s->file, LIMIT_JOB_FILE_BYTES) : RC_OK;
}

/* The one that made the member that is wrong; or NULL. */
static const char *setting_of(const struct cmd_list *settings, const char *pointer) {
    const size_t length = *pointer ? strcspn(pointer + 1, "/") : 0;
    for (size_t i = settings->count; i > 0 && length; i--)
        if (strncmp(settings->items[i - 1], pointer + 1, length) == 0 && settings->items[i - 1][length] == '=')
            return settings->items[i - 1];
    return NULL;
}

/* Line and column count for a text that the caller has, not for one that was made here. */
static enum rc tell_fault(const struct submission *s, const char *file, const struct cmd_list *settings, const struct check_fault *fault, struct err *err) {
    const char *setting = setting_of(settings, fault->pointer), *colon = *fault->pointer ? ": " : "";
    if (setting)
        return err_set(err, RC_PERM, "--set %.100s: %s: %s", setting, fault->pointer, fault->detail);
    if (s->made || settings->count)
        return err_set(err, RC_PERM, "%s: %s%s%s", file, fault->pointer, colon, fault->detail);
    return RC_PERM;
}

static enum rc check_text(struct cmd *cmd, struct submission *s, const struct cmd_list *settings, struct err *err) {
    const char *file = strcmp(s->file, "-") == 0 ? "standard input" : s->file;
    struct check_fault fault = {.pointer = ""};
    struct submit submit;
    enum rc rc = submit_check(cmd->sources, file, buf_text(&s->text), s->text.length, &submit, &fault, err);
    if (rc == RC_PERM)
        rc = tell_fault(s, file, settings, &fault, err);
    str_copy(s->source, sizeof s->source, submit.source);
    str_copy(s->mode, sizeof s->mode, submit.mode);
    if (!rc && submit.definition && isatty(STDERR_FILENO))
        cmd_estimate(cmd, submit.definition, submit.criteria, s->estimate);
    submit_release(&submit);
    return rc;
}

static int prepare(struct cmd *cmd, struct submission *s, const struct cmd_list *settings) {
    struct err err = {0};
    errno = 0;
    enum rc rc = s->text.length ? RC_OK : cmd_read(s->file, &s->text, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    errno = 0;
    const char *file = strcmp(s->file, "-") == 0 ? "standard input" : s->file;
    rc = json_check(buf_text(&s->text), s->text.length, &json_rules_config, &err);
    if (rc)
        return cmd_fail(cmd, EXIT_DATA, "%s: %s", file, err.text);
    rc = apply_settings(s, settings, &err);
    if (rc == RC_FATAL)
        return cmd_fail(cmd, EXIT_USAGE, "%s", err.text);
    if (!rc)
        rc = check_text(cmd, s, settings, &err);
    return rc == RC_PERM ? cmd_fail(cmd, EXIT_DATA, "%s", err.text) : rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

/* What the id's slug is made of; of an address its host alone says something. */
static const char *label_of(const struct submission *s) {
    const char *slash = strstr(s->file, "://") ? strstr(s->file, "://") + 2 : strrchr(s->file, '/');
    return strcmp(s->file, "-") == 0 ? (s->source[0] ? s->source : s->mode) : slash ? slash + 1 : s->file;
}

static int wait_for(struct cmd *cmd, const struct submission *list, size_t count) {
    struct cmd_follow *follows = calloc(count, sizeof *follows);
    if (!follows)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    for (size_t i = 0; i < count; i++)
        cmd_follow_init(&follows[i], list[i].id);
    int code = cmd_follow_wait(cmd, follows, count, NULL);
    free(follows);
    return code;
}

/* What the daemon found missing for the steps of the source. */
static void tell_missing(struct cmd *cmd, const char *source) {
    cJSON *all = ready_read(cmd->spool);
    const cJSON *text;
    cJSON_ArrayForEach(text, ready_of(all, source)) {
        if (cJSON_IsString(text))
            cmd_say(cmd, "source %s lacks something: %s", source, text->valuestring);
    }
    cJSON_Delete(all);
}

/* Every file is checked before the first is dropped. */
static int submit_all(struct cmd *cmd, struct submission *list, size_t count, const struct cmd_list *settings) {
    int code = EXIT_DONE;
    for (size_t i = 0; i < count; i++) {
        int one = prepare(cmd, &list[i], settings);
        code = code ? code : one;
    }
    for (size_t i = 0; !code && i < count; i++) {
        code = cmd_drop(cmd, label_of(&list[i]), &list[i].text, list[i].id);
        if (!code && !cmd->json)
            puts(list[i].id);
        else if (!code) {
            cJSON *json = cJSON_CreateObject();
            cJSON_AddStringToObject(json, "job_id", list[i].id);
            cJSON_AddStringToObject(json, "file", list[i].file);
            cmd_print_json(cmd, json);
        }
        if (!code)
            tell_missing(cmd, list[i].source);
        if (!code && list[i].estimate[0])
            cmd_say(cmd, "%s: %s", list[i].id, list[i].estimate);
    }
    return code;
}

static int finish_submissions(struct cmd *cmd, struct submission *list, size_t count, const struct cmd_list *settings, bool wait) {
    int code = submit_all(cmd, list, count, settings);
    if (!code && wait) {
        fflush(stdout);
        code = wait_for(cmd, list, count);
    }
    return code;
}

/* One job for all documents. */
static int with_documents(struct cmd *cmd, const struct cmd_list *documents, const char *source, const char *group, const struct cmd_list *settings,
                          bool wait) {
    struct submission one = {.file = documents->items[0], .text = BUF_INIT(LIMIT_JOB_FILE_BYTES), .made = true};
    int code = cmd_documents(cmd, documents, source, group, &one.text);
    if (!code)
        code = finish_submissions(cmd, &one, 1, settings, wait);
    buf_release(&one.text);
    return code;
}

/* One job for a list of URLs. */
static int with_urls(struct cmd *cmd, const char *urls, const struct cmd_urls_site *site, const char *source, const struct cmd_list *settings, bool wait) {
    struct submission one = {.file = urls ? urls : site->where, .text = BUF_INIT(LIMIT_JOB_FILE_BYTES), .made = true, .urls = true};
    source = source ? source : "pagespeed";
    int code = urls ? cmd_urls(cmd, urls, source, &one.text) : cmd_urls_sitemap(cmd, site, source, &one.text);
    if (!code)
        code = finish_submissions(cmd, &one, 1, settings, wait);
    buf_release(&one.text);
    return code;
}

/* One job for the units of another one that failed. */
static int with_failed(struct cmd *cmd, const char *part, const struct cmd_list *settings, bool wait) {
    struct submission one = {.text = BUF_INIT(LIMIT_JOB_FILE_BYTES), .made = true, .urls = true};
    struct jobs_entry job;
    struct job_row row;
    struct err err = {0};
    char time[17], hex[13], *text = NULL;
    int code = cmd_job_find(cmd, part, &job);
    if (code)
        return code;
    errno = 0;
    enum rc rc = cmd_job_row(cmd, &job, &row, &err);
    free(job.file);
    if (!rc && !row.accepted)
        return cmd_fail(cmd, EXIT_DATA, "%s: it was never accepted, so that nothing of it failed", part);
    rc = rc ? rc : unit_look_again(cmd->spool, cmd->sources, &row, &text, &err);
    if (rc)
        return rc == RC_PERM ? cmd_fail(cmd, EXIT_DATA, "%s", err.text) : cmd_fail_rc(cmd, rc, &err);
    jobid_parts(row.id, time, hex, &one.file);
    code = buf_printf(&one.text, "%s\n", text) ? cmd_fail(cmd, EXIT_DATA, "the job is longer than %u bytes", LIMIT_JOB_FILE_BYTES)
                                               : finish_submissions(cmd, &one, 1, settings, wait);
    free(text);
    buf_release(&one.text);
    return code;
}

static int with_submissions(struct cmd *cmd, int argc, char **argv, const struct cmd_list *settings, bool wait) {
    struct submission *list = calloc((size_t)argc, sizeof *list);
    if (!list)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    for (int i = 0; i < argc; i++) {
        list[i].file = argv[i];
        buf_init(&list[i].text, LIMIT_JOB_FILE_BYTES);
    }
    int code = finish_submissions(cmd, list, (size_t)argc, settings, wait);
    for (int i = 0; i < argc; i++)
        buf_release(&list[i].text);
    free(list);
    return code;
}

int cmd_submit(struct cmd *cmd, int argc, char **argv) {
    struct cmd_list settings = {.count = 0}, documents = {.count = 0};
    const char *urls = NULL, *source = NULL, *group = NULL, *failed = NULL;
    struct cmd_urls_site site = {.where = NULL};
    bool wait = false;
    const struct cmd_option options[] = {
        {"document", CMD_LIST, &documents, "FILE", "a document (PDF, TIFF, JPEG, PNG) instead of a job; several make one job"},
        {"urls", CMD_TEXT, &urls, "FILE", "a list of URLs instead of a job: one a line, CSV with a column url, or a sitemap; - is standard input"},
        {"sitemap", CMD_TEXT, &site.where, "URL", "the URLs of a site instead of a job: its sitemap, or a bare host, whose robots.txt names them"},
        {"labels", CMD_FLAG, &site.labels, NULL, "with --sitemap: each URL has the labels sitemap (the file's name) and lastmod"},
        {"any-host", CMD_FLAG, &site.any_host, NULL, "with --sitemap: URLs of other hosts, too"},
        {"private-hosts", CMD_FLAG, &site.private_hosts, NULL, "with --sitemap: it may lie on this machine or in a private network"},
        {"failed", CMD_TEXT, &failed, "JOB", "what failed of a job that is complete (URLs, documents) as a new job, by its id"},
        {"source", CMD_TEXT, &source, "NAME", "with --document, --urls or --sitemap: the source that works on it (of URLs pagespeed, if none is named)"},
        {"group", CMD_TEXT, &group, "NAME", "with --document: what the documents belong to, such as one lease with its amendments"},
        {"set", CMD_LIST, &settings, "MEMBER=VALUE", "set a member of the job; the value as JSON when it is some, else as text"},
        {"wait", CMD_FLAG, &wait, NULL, "wait for the jobs: 0 processed, 1 failed or cancelled, 75 held, 69 no daemon"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    const int kinds = (argc > 0) + (urls != NULL) + (site.where != NULL) + (documents.count > 0) + (failed != NULL);
    if (kinds != 1 || (source && (argc || failed)) || (documents.count ? !source : group != NULL) ||
        (!site.where && (site.labels || site.any_host || site.private_hosts)))
        return cmd_usage(cmd);
    if (urls && (strncmp(urls, "https://", 8) == 0 || strncmp(urls, "http://", 7) == 0))
        return cmd_fail(cmd, EXIT_USAGE, "--urls reads a file; --sitemap %s reads what lies there", urls);
    int inputs = 0;
    for (int i = 0; i < argc; i++)
        inputs += strcmp(argv[i], "-") == 0;
    if (inputs > 1)
        return cmd_fail(cmd, EXIT_USAGE, "standard input can be read once only");
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_sources(cmd)) != EXIT_DONE)
        return code;
    if (failed)
        return with_failed(cmd, failed, &settings, wait);
    if (urls || site.where)
        return with_urls(cmd, urls, &site, source, &settings, wait);
    return documents.count ? with_documents(cmd, &documents, source, group, &settings, wait) : with_submissions(cmd, argc, argv, &settings, wait);
}

static void print_time(const cJSON *json) {
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(json, "seconds"), *queue = cJSON_GetObjectItemCaseSensitive(json, "queue_seconds");
    const cJSON *days = cJSON_GetObjectItemCaseSensitive(json, "days");
    const char *basis = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "basis"));
    char text[32], shown[200];
    if (!cJSON_IsNumber(seconds)) {
        printf("%-10s not known\n", "time");
        return;
    }
    printf("%-10s %s (%s)\n", "time", cmd_duration(text, seconds->valuedouble), cmd_shown(shown, sizeof shown, basis ? basis : "", true));
    if (cJSON_IsNumber(queue) && queue->valuedouble > 0)
        printf("%-10s %s of it until it begins\n", "", cmd_duration(text, queue->valuedouble));
    if (cJSON_IsNumber(days) && days->valuedouble > 1)
        printf("%-10s %.0f, by the daily cap\n", "days", days->valuedouble);
}

static void print_preview(const cJSON *json) {
    static const char *const names[] = {"job_id", "total", "planned", "owned", "to_buy", "requests", "cost", "saving", "currency"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, names[i]);
        bool delta = strcmp(names[i], "owned") == 0 || strcmp(names[i], "to_buy") == 0 || strcmp(names[i], "saving") == 0;
        if (delta && !value)
            continue;
        const char *label = i ? names[i] : "job";
        char shown[200];
        if (cJSON_IsString(value))
            printf("%-10s %s\n", label, cmd_shown(shown, sizeof shown, value->valuestring, true));
        else if (cJSON_IsNumber(value))
            printf("%-10s %.15g\n", label, value->valuedouble);
        else
            printf("%-10s not known\n", label);
    }
    print_time(json);
    const cJSON *guard;
    cJSON_ArrayForEach(guard, cJSON_GetObjectItemCaseSensitive(json, "guards")) {
        char shown[800], *text = cJSON_IsString(guard) ? NULL : cJSON_PrintUnformatted(guard);
        printf("%-10s %s\n", "guard", cmd_shown(shown, sizeof shown, text ? text : cJSON_IsString(guard) ? guard->valuestring : "", true));
        cJSON_free(text);
    }
}

static int run_preview(struct cmd *cmd, struct submission *s) {
    const struct cmd_list settings = {.items = {"mode=preview"}, .count = 1};
    cJSON *json = NULL;
    int code = prepare(cmd, s, &settings);
    if (!code)
        code = cmd_drop_ask(cmd, label_of(s), &s->text, &json);
    if (code || cmd->json)
        return code ? code : cmd_print_json(cmd, json);
    print_preview(json);
    cJSON_Delete(json);
    return EXIT_DONE;
}

int cmd_preview(struct cmd *cmd, int argc, char **argv) {
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc != 1)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_sources(cmd)) != EXIT_DONE)
        return code;
    struct submission s = {.file = argv[0], .text = BUF_INIT(LIMIT_JOB_FILE_BYTES)};
    code = run_preview(cmd, &s);
    buf_release(&s.text);
    return code;
}
