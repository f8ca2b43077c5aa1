// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_sources.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "cmd/cmd_drop.h"
#include "cmd/cmd_pause.h"
#include "engine/limits_look.h"
#include "engine/paused.h"
#include "engine/unit_probe.h"
#include "os/fsio.h"
#include "source/criteria.h"
#include "source/rehearse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what the subcommands share ------------------------------------------------------------------------------------ */

int sources_definition_load(struct cmd *cmd, const struct sources_options *options, const char *name, struct sources_definition *definition) {
    struct err err = {0};
    *definition = (struct sources_definition){.source = NULL};
    int code = cmd_sources(cmd);
    if (code)
        return code;
    if (!options->source_file) {
        enum rc rc = sources_get(cmd->sources, name, &definition->source, &err);
        return rc == RC_PERM ? cmd_fail(cmd, EXIT_CONFIG, "%s", err.text) : rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
    }
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    char file[LIMIT_NAME_BYTES + 8] = "";
    errno = 0;
    enum rc rc = cmd_read(options->source_file, &text, &err);
    if (!rc && (!str_is_name(name) || !str_format(file, sizeof file, "%s.json", name)))
        rc = err_set(&err, RC_PERM, "%s: is no name of a source", name);
    if (!rc) {
        errno = 0;
        rc = source_parse_with(file, buf_text(&text), text.length, sources_settings(cmd->sources, name), &definition->own, &err);
        if (rc)
            err_prefix(&err, rc, "%s, as", options->source_file);
    }
    buf_release(&text);
    definition->source = definition->own;
    return rc == RC_PERM && errno == 0 ? cmd_fail(cmd, EXIT_CONFIG, "%s", err.text) : rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

void sources_definition_release(struct sources_definition *definition) {
    source_free(definition->own);
}

const char *sources_text(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

/* One member or element, without what is inside it. */
static void print_one(const cJSON *item, int depth) {
    char label[80], shown[1200];
    snprintf(label, sizeof label, "%*s%s", 2 * depth, "", item->string ? item->string : "-");
    for (char *c = label; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    cmd_shown(shown, sizeof shown, label, false);
    if ((cJSON_IsObject(item) || cJSON_IsArray(item)) && item->child)
        puts(shown);
    else if (cJSON_IsNumber(item))
        printf("%-20s %.15g\n", shown, item->valuedouble);
    else {
        char value[1200];
        const char *text = cJSON_IsString(item)  ? item->valuestring
                           : cJSON_IsTrue(item)  ? "yes"
                           : cJSON_IsFalse(item) ? "no"
                           : cJSON_IsNull(item)  ? "not known"
                                                 : "none";
        printf("%-20s %s\n", shown, cmd_shown(value, sizeof value, text, true));
    }
}

#define MOST_DEPTH 6

int sources_print(struct cmd *cmd, cJSON *result) {
    if (cmd->json || !result)
        return cmd_print_json(cmd, result);
    const cJSON *at[MOST_DEPTH] = {result->child};
    for (int depth = 0; depth >= 0;) {
        const cJSON *item = at[depth];
        if (!item) {
            depth--;
            continue;
        }
        print_one(item, depth);
        at[depth] = item->next;
        if ((cJSON_IsObject(item) || cJSON_IsArray(item)) && depth + 1 < MOST_DEPTH)
            at[++depth] = item->child;
    }
    cJSON_Delete(result);
    return EXIT_DONE;
}

int sources_write(struct cmd *cmd, const char *file, const char *text, size_t length) {
    struct err err = {0};
    int fd;
    if (strcmp(file, "-") == 0)
        return fwrite(text, 1, length, stdout) == length ? EXIT_DONE : cmd_fail(cmd, EXIT_IO, "standard output: %s", strerror(errno));
    enum rc rc = fsio_create(AT_FDCWD, file, 0640, &fd, &err);
    if (rc)
        return errno == EEXIST ? cmd_fail(cmd, EXIT_CANTCREATE, "%s: is there already, and is not overwritten: --output FILE names another", file)
               : errno == EACCES || errno == EPERM ? cmd_fail(cmd, EXIT_NOPERM, "%s", err.text)
                                                   : cmd_fail(cmd, EXIT_CANTCREATE, "%s", err.text);
    rc = fsio_write(fd, text, length, &err);
    rc = rc ? rc : fsio_sync(fd, &err);
    close(fd);
    if (rc)
        unlink(file);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

/* --- list ---------------------------------------------------------------------------------------------------------- */

struct listing {
    struct cmd *cmd;
    cJSON *list, *secrets; /* secrets: of the source that is looked at */
};

static void see_secret(void *context, const char *name, bool optional) {
    (void)optional;
    struct listing *l = context;
    const char *dir = l->cmd->config.credentials;
    struct buf secret = BUF_INIT(LIMIT_HEADER_BYTES);
    struct err err = {0};
    enum rc rc = sources_secret(dir, name, &secret, &err);
    /* Where none can be looked for, the daemon may well have it. */
    const bool looked = *dir && access(dir, R_OK | X_OK) == 0;
    const char *state = !rc && secret.length ? "there" : !rc ? "empty" : rc == RC_GONE && looked ? "missing" : "unknown";
    if (secret.data)
        explicit_bzero(secret.data, secret.capacity);
    buf_release(&secret);
    cJSON_AddStringToObject(l->secrets, name, state);
}

/* Where there is a spool: whether its daemon sends anything to the source now. */
static void add_pause(struct cmd *cmd, const char *name, const struct source *source, cJSON *json) {
    struct paused paused;
    char until[CLOCK_RFC3339_SIZE];
    struct err ignored = {0};
    if (!cmd->spool && spool_open(cmd->config.spool, cmd->config.node, &cmd->spool, &ignored) != RC_OK)
        return;
    if (!paused_look(cmd_index(cmd), name, source, clock_wall_us(), &paused))
        return;
    clock_format_rfc3339(paused.until_us, 0, until);
    cJSON_AddStringToObject(json, "paused_until", until);
    cJSON_AddStringToObject(json, "paused_reason", paused.reason);
}

static bool list_one(void *context, const char *name) {
    struct listing *l = context;
    const struct source *source = NULL;
    struct err err = {0};
    char price[DEC_TEXT_SIZE];
    cJSON *json = cJSON_CreateObject();
    const bool good = sources_get(l->cmd->sources, name, &source, &err) == RC_OK;
    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddBoolToObject(json, "ok", good);
    cJSON_AddItemToArray(l->list, json);
    add_pause(l->cmd, name, source, json);
    if (!good) {
        cJSON_AddStringToObject(json, "error", err.text);
        return true;
    }
    if (l->cmd->spool)
        pauses_of_source(l->cmd->spool, name, json);
    cJSON_AddStringToObject(json, "paginator", source->paginator_type);
    cJSON_AddNumberToObject(json, "steps", source->step_count);
    cJSON_AddBoolToObject(json, "metered", source->metered);
    if (source->metered && source->has_cost_per_record) {
        dec_format(source->cost_per_record, price);
        cJSON_AddStringToObject(json, "cost_per_record", price);
        cJSON_AddStringToObject(json, "currency", source->currency);
    }
    l->secrets = cJSON_AddObjectToObject(json, "secrets");
    source_secrets(source, see_secret, l);
    cJSON *limits = limits_look_json(l->cmd->spool ? cmd_index(l->cmd) : NULL, source);
    if (limits)
        cJSON_AddItemToObject(json, "limits", limits);
    return true;
}

static void print_listed(struct cmd *cmd, const cJSON *json) {
    char shown[700];
    const bool good = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "ok"));
    const bool metered = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "metered"));
    const char *price = sources_text(json, "cost_per_record"), *separator = "  secret";
    const cJSON *secret;
    printf("%-24s  %-13s  %s%s%s%s%s", cmd_shown(shown, sizeof shown, sources_text(json, "name"), true), good ? sources_text(json, "paginator") : "-",
           !good     ? "does not check"
           : metered ? "metered"
                     : "free",
           *price ? ", " : "", price, *price ? " " : "", sources_text(json, "currency"));
    cJSON_ArrayForEach(secret, cJSON_GetObjectItemCaseSensitive(json, "secrets")) {
        printf("%s %s: %s", separator, cmd_shown(shown, sizeof shown, secret->string, true), secret->valuestring);
        separator = ",";
    }
    if (*sources_text(json, "paused"))
        printf("  paused %s", cmd_shown(shown, sizeof shown, sources_text(json, "paused"), false));
    if (*sources_text(json, "limits"))
        printf("  limits: %s", cmd_shown(shown, sizeof shown, sources_text(json, "limits"), false));
    const char *until = sources_text(json, "paused_until");
    if (*until)
        printf("  paused until %s: %s", until, cmd_shown(shown, sizeof shown, sources_text(json, "paused_reason"), true));
    putchar('\n');
    sources_limits_print(cJSON_GetObjectItemCaseSensitive(json, "limits"));
    if (!good)
        cmd_say(cmd, "%s", sources_text(json, "error"));
}

static int list(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    (void)argv;
    (void)options;
    struct listing l = {.cmd = cmd};
    struct err err = {0};
    if (argc)
        return cmd_usage(cmd);
    int code = cmd_sources(cmd);
    if (code)
        return code;
    if (spool_open(cmd->config.spool, cmd->config.node, &cmd->spool, &err)) /* without one nothing is known of their limits */
        cmd->spool = NULL;
    l.list = cJSON_CreateArray();
    enum rc rc = l.list ? sources_list(cmd->sources, list_one, &l, &err) : err_set(&err, RC_TEMP, "out of memory");
    if (!rc && cmd->json)
        return cmd_print_json(cmd, l.list);
    const cJSON *item;
    cJSON_ArrayForEach(item, l.list) {
        print_listed(cmd, item);
    }
    cJSON_Delete(l.list);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

/* --- test ---------------------------------------------------------------------------------------------------------- */

/* The job of the file, or an empty one. */
static enum rc read_job(const char *file, cJSON **job, struct err *err) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    *job = NULL;
    errno = 0;
    enum rc rc = file ? cmd_read(file, &text, err) : RC_OK;
    if (!rc && file) {
        errno = 0;
        rc = json_check(buf_text(&text), text.length, &json_rules_config, err);
        if (rc)
            err_prefix(err, rc, "%s", file);
    }
    if (!rc) {
        *job = file ? cJSON_ParseWithLength(buf_text(&text), text.length) : cJSON_CreateObject();
        if (!cJSON_IsObject(*job))
            rc = err_set(err, RC_PERM, "%s: is no JSON object", file ? file : "-");
    }
    buf_release(&text);
    return rc;
}

static enum rc probe_job(const struct source *source, const char *file, const struct sources_options *options, struct buf *text, struct err *err) {
    cJSON *job;
    enum rc rc = read_job(file, &job, err);
    const char *named = rc ? NULL : cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(job, "source"));
    if (named && strcmp(named, source->name) != 0)
        rc = err_set(err, RC_PERM, "%s: is a job of the source %s", file, named);
    for (size_t i = 0; !rc && i < options->set.count; i++)
        rc = cmd_drop_set(job, options->set.items[i], err);
    if (!rc) {
        cJSON_DeleteItemFromObjectCaseSensitive(job, "source");
        cJSON_DeleteItemFromObjectCaseSensitive(job, "mode");
        cJSON_AddStringToObject(job, "source", source->name);
        cJSON_AddStringToObject(job, "mode", "probe");
        rc = template_print(job, text);
        rc = rc ? err_set(err, rc, "out of memory, or the job is too long") : RC_OK;
    }
    cJSON_Delete(job);
    return rc;
}

/* The first page's request, as far as it can be made without secrets: that nothing is missing is seen here. */
static enum rc first_request(const struct source *source, const struct criteria *criteria, struct buf *shown, struct err *err) {
    const struct paginator_start start = {.take = UINT64_MAX, .total = UINT64_MAX, .page_size = criteria->batch_size};
    const enum request_kind kind = !source->metered ? REQUEST_FREE : source->preview ? REQUEST_PREVIEW : REQUEST_PAID;
    struct paginator *paginator;
    struct page page;
    enum rc rc = paginator_new(source, &start, &paginator, err);
    if (rc)
        return rc;
    rc = paginator_next(paginator, &page);
    paginator_free(paginator);
    return rc ? err_set(err, rc, "there is no first page") : sources_request(source, kind, &page, criteria->json, shown, err);
}

/* A job of units that was given: what is asked for first. */
static enum rc no_answer(void *context, unsigned step, uint32_t part, struct slice *answer, struct err *err) {
    (void)context;
    (void)step;
    (void)part;
    (void)answer;
    return err_set(err, RC_GONE, "there is no answer yet");
}

static enum rc first_unit(const struct source *source, const struct criteria *criteria, struct buf *shown, struct err *err) {
    struct step_view view = {.source = source, .job = criteria->json, .job_id = "JOB", .attempt = 1, .open = no_answer};
    struct units *units = NULL;
    cJSON *known = NULL;
    bool over;
    enum rc rc = units_new(source, criteria->json, criteria->take, &units, err);
    if (rc)
        return rc;
    cJSON *item = units_item(units, 1);
    step_enter(source, criteria->json, 0, &view.at);
    rc = step_known_new(&view, &known, err);
    rc = rc ? rc : step_known_fill(&view, known, &over, err);
    rc = rc ? rc : rehearse_request(&view, item, known, NULL, shown, err);
    cJSON_Delete(item);
    cJSON_Delete(known);
    units_free(units);
    return rc;
}

static int tell_learnt(struct cmd *cmd, cJSON *json) {
    const cJSON *warnings = cJSON_GetObjectItemCaseSensitive(json, "warnings"), *warning;
    const int code = cJSON_GetArraySize(warnings) ? EXIT_DATA : EXIT_DONE;
    if (!cmd->json) {
        cJSON_ArrayForEach(warning, warnings) {
            cmd_say(cmd, "%s", cJSON_IsString(warning) ? warning->valuestring : "?");
        }
        cJSON_DeleteItemFromObjectCaseSensitive(json, "warnings");
    }
    const int printed = sources_print(cmd, json);
    return printed ? printed : code;
}

static int ask_daemon(struct cmd *cmd, const char *source, const struct buf *job, const struct buf *request) {
    char label[LIMIT_NAME_BYTES + 8];
    cJSON *json = NULL;
    int code = cmd_open(cmd);
    str_format(label, sizeof label, "probe-%s", source);
    if (!code)
        code = cmd_drop_ask(cmd, label, job, &json);
    if (code)
        return code;
    if (request->length)
        cJSON_AddItemToObject(json, "request", cJSON_Parse(request->data));
    return tell_learnt(cmd, json);
}

/* A draft is not the daemon's: pages are not asked for, and of units is told what this command can see. */
static int tell_draft(struct cmd *cmd, const struct source *source, const struct buf *request) {
    char helpers[4200];
    cmd_helpers_dir(cmd, helpers, sizeof helpers);
    cJSON *json = source->list_count ? unit_probe(source, cmd->config.credentials, helpers, cmd->config.ca_file) : cJSON_CreateObject();
    if (!source->list_count)
        cJSON_AddStringToObject(json, "source", source->name);
    if (request->length)
        cJSON_AddItemToObject(json, "request", cJSON_Parse(request->data));
    return tell_learnt(cmd, json);
}

static int test(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    if (argc < 1 || argc > 2)
        return cmd_usage(cmd);
    struct sources_definition definition;
    int code = sources_definition_load(cmd, options, argv[0], &definition);
    struct buf job = BUF_INIT(LIMIT_JOB_FILE_BYTES), request = BUF_INIT(CASSETTE_REQUEST_BYTES);
    struct criteria *criteria = NULL;
    struct err err = {0};
    if (!code) {
        errno = 0;
        enum rc rc = probe_job(definition.source, argc == 2 ? argv[1] : NULL, options, &job, &err);
        if (!rc) {
            errno = 0;
            rc = criteria_parse(argc == 2 ? argv[1] : "the job", buf_text(&job), job.length, definition.source, &criteria, &err);
            if (!rc && !definition.source->list_count)
                rc = first_request(definition.source, criteria, &request, &err);
            else if (!rc && criteria->unit_count)
                rc = first_unit(definition.source, criteria, &request, &err);
        }
        code = rc == RC_FATAL            ? cmd_fail(cmd, EXIT_USAGE, "%s", err.text)
               : rc == RC_PERM && !errno ? cmd_fail(cmd, EXIT_DATA, "%s", err.text)
               : rc                      ? cmd_fail_rc(cmd, rc, &err)
                                         : EXIT_DONE;
    }
    if (!code && definition.own)
        code = tell_draft(cmd, definition.source, &request);
    else if (!code) {
        if (!definition.source->list_count) /* the daemon's answer tells of pages what they are like */
            buf_reset(&request);
        code = ask_daemon(cmd, definition.source->name, &job, &request);
    }
    criteria_free(criteria);
    buf_release(&job);
    buf_release(&request);
    sources_definition_release(&definition);
    return code;
}

/* --- NAME ---------------------------------------------------------------------------------------------------------- */

static int show(struct cmd *cmd, const struct sources_options *options, const char *name) {
    struct sources_definition definition;
    int code = sources_definition_load(cmd, options, name, &definition);
    if (!code) {
        /* Secrets stand in a definition by name only. */
        char *text = cmd->json ? cJSON_PrintUnformatted(definition.source->definition) : cJSON_Print(definition.source->definition);
        code = text ? EXIT_DONE : cmd_fail(cmd, EXIT_IO, "out of memory");
        if (text)
            puts(text);
        cJSON_free(text);
    }
    sources_definition_release(&definition);
    return code;
}

/* --- the table ----------------------------------------------------------------------------------------------------- */

static const struct subcommand {
    const char *name;
    int (*run)(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
} subcommands[] = {
    {"list", list},
    {"check", sources_check},
    {"test", test},
    {"probe", test},
    {"new", sources_new_draft},
    {"record", sources_record},
    {"replay", sources_replay},
    {"try", sources_try},
    {"pause", sources_pause},
    {"resume", sources_resume},
    {"rate", sources_set_rate},
};

int cmd_sources_command(struct cmd *cmd, int argc, char **argv) {
    struct sources_options o = {.name = NULL};
    const struct cmd_option options[] = {
        {"set", CMD_LIST, &o.set, "MEMBER=VALUE", "test: set a member of the job"},
        {"name", CMD_TEXT, &o.name, "NAME", "new: the name of the source"},
        {"header", CMD_LIST, &o.headers, "NAME: VALUE", "new: a header to send; credentials are not written down"},
        {"output", CMD_TEXT, &o.output, "FILE", "new, record: where to write, - for standard output; replay of units: where their records go"},
        {"documents", CMD_FLAG, &o.documents, NULL, "record: the documents go into the cassette, too"},
        {"programs", CMD_TEXT, &o.programs, "local|all|none", "replay: which programs of steps are run, not answered from the cassette"},
        {"allow-http", CMD_FLAG, &o.allow_http, NULL, "new: also without TLS to other hosts"},
        {"source-file", CMD_TEXT, &o.source_file, "FILE", "test, replay, try: a definition that is not installed"},
        {"credentials", CMD_TEXT, &o.credentials, "DIR", "list, check: the directory of secrets that the daemon is given"},
        {"until", CMD_TEXT, &o.until, "TIME", "pause: go on at this time, such as 2026-11-24T06:00:00Z"},
        {"reason", CMD_TEXT, &o.reason, "TEXT", "pause, rate: what everybody who looks is told"},
        {"concurrency", CMD_TEXT, &o.concurrency, "N", "rate: requests at a time, in place of max_concurrency"},
        {"default", CMD_FLAG, &o.back, NULL, "rate: back to what the definition says"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if ((code = cmd_credentials(cmd, o.credentials)) != EXIT_DONE)
        return code;
    if (!argc)
        return list(cmd, &o, 0, argv);
    for (size_t i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++)
        if (strcmp(argv[0], subcommands[i].name) == 0)
            return subcommands[i].run(cmd, &o, argc - 1, argv + 1);
    return argc == 1 ? show(cmd, &o, argv[0]) : cmd_usage(cmd);
}
