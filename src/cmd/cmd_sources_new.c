// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_sources.h"

#include "base/clock.h"
#include "base/limits.h"
#include "net/fetch.h"
#include "source/detect.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PAUSE_MOST_S 60 /* that an answer may ask for */
#define PAUSE_S 5       /* when it does not say how long */
#define TIMEOUT_MS 60000
#define MOST_PATH 4200

struct asking {
    struct cmd *cmd;
    struct loop *loop;
    struct fetcher *fetcher;
    struct detect *detect;
    char *headers[CMD_LIST_MAX + 2];
    bool allow_http, done, again;
    unsigned requests;
    int64_t pause_s;
    enum rc rc;
    struct err err;
};

static bool is_busy(const struct fetch_answer *answer) {
    return answer->complete && (answer->status == 429 || (answer->status == 503 && answer->retry_after_s > 0));
}

static void answered(void *context, const struct fetch_answer *answer) {
    struct asking *a = context;
    a->done = true;
    a->again = is_busy(answer);
    if (a->again) {
        a->pause_s = answer->retry_after_s > 0 ? answer->retry_after_s : PAUSE_S;
        return;
    }
    if (!answer->complete && a->requests == 1) {
        a->rc = err_set(&a->err, RC_TEMP, "%s", *answer->error ? answer->error : "the answer did not come to its end");
        return;
    }
    const struct slice body = {answer->body ? answer->body : "", answer->complete ? (size_t)answer->body_bytes : 0};
    a->rc = detect_answer(a->detect, answer->complete ? answer->status : 0, body, answer->fields, &a->err);
}

/* One GET, to its end. */
static enum rc get(struct asking *a, const char *url) {
    const struct fetch_request request = {.method = "GET",
                                          .url = url,
                                          .headers = a->headers,
                                          .timeout_ms = TIMEOUT_MS,
                                          .max_body_bytes = LIMIT_RESPONSE_BYTES,
                                          .allow_http = a->allow_http,
                                          .wanted = detect_headers,
                                          .body_fd = -1};
    struct fetch *fetch;
    a->done = a->again = false;
    a->requests++;
    a->rc = fetch_start(a->fetcher, &request, answered, a, &fetch, &a->err);
    while (!a->rc && !a->done) {
        enum rc rc = loop_turn(a->loop, -1, &a->err);
        if (rc)
            return rc; /* the fetch goes with its fetcher and the program */
    }
    return a->rc;
}

/* The same again after the pause that it asked for. */
static enum rc get_patiently(struct asking *a, const char *url) {
    enum rc rc = get(a, url);
    while (!rc && a->again) {
        if (a->pause_s > PAUSE_MOST_S)
            return err_set(&a->err, RC_AGAIN, "the source asks for a pause of %lld s: try later", (long long)a->pause_s);
        if (a->requests >= DETECT_MOST_REQUESTS)
            return err_set(&a->err, RC_AGAIN, "the source lets too few requests through: try later");
        cmd_say(a->cmd, "the source asks for a pause of %lld s", (long long)a->pause_s);
        const int64_t until = clock_mono_ms() + a->pause_s * 1000;
        for (int64_t now = clock_mono_ms(); now < until; now = clock_mono_ms())
            poll(NULL, 0, (int)(until - now));
        rc = get(a, url);
    }
    return rc;
}

static enum rc ask_all(struct asking *a) {
    enum rc rc = RC_OK;
    char *url;
    while (!rc && a->requests < DETECT_MOST_REQUESTS && detect_next(a->detect, &url)) {
        rc = get_patiently(a, url);
        free(url);
        /* What was seen until then is enough for a draft. */
        if (rc == RC_AGAIN && a->requests > 1 && a->pause_s > PAUSE_MOST_S) {
            cmd_say(a->cmd, "%s; the draft holds what was seen until now", a->err.text);
            return RC_OK;
        }
    }
    return rc;
}

static int run_requests(struct asking *a) {
    enum rc rc = loop_new(&a->loop, &a->err);
    if (!rc)
        rc = fetcher_new(a->loop, *a->cmd->config.ca_file ? a->cmd->config.ca_file : NULL, &a->fetcher, &a->err);
    errno = 0;
    if (!rc)
        rc = ask_all(a);
    const int code = rc == RC_PERM || rc == RC_TEMP ? cmd_fail(a->cmd, rc == RC_PERM ? EXIT_DATA : EXIT_IO, "%s", a->err.text)
                     : rc                           ? cmd_fail_rc(a->cmd, rc, &a->err)
                                                    : EXIT_DONE;
    if (a->fetcher)
        fetcher_free(a->fetcher);
    if (a->loop)
        loop_free(a->loop);
    return code;
}

/* --- the draft ----------------------------------------------------------------------------------------------------- */

static const char *shown_or(const cJSON *json, const char *name, const char *otherwise) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : otherwise;
}

static void print_summary(FILE *out, const cJSON *json) {
    char where[600], key[600], total[600], limit[300];
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(json, "total");
    const char *selector = shown_or(json, "data_selector", "");
    fprintf(out, "requests   %.0f\n", cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, "requests")));
    fprintf(out, "records    %.0f %s%s\n", cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, "records")), *selector ? "at " : "in the whole answer",
            cmd_shown(where, sizeof where, selector, false));
    const char *pointer = shown_or(json, "primary_key", NULL);
    fprintf(out, "key        %s\n", !pointer ? "none found" : !*pointer ? "the value itself" : cmd_shown(key, sizeof key, pointer, false));
    if (cJSON_IsNumber(count))
        fprintf(out, "total      %.0f at %s\n", count->valuedouble, cmd_shown(total, sizeof total, shown_or(json, "total_at", ""), true));
    else
        fprintf(out, "total      none found\n");
    const char *place = shown_or(json, "offset_param", shown_or(json, "page_param", shown_or(json, "cursor_param", NULL)));
    fprintf(out, "paginator  %s (limit: %s, next page: %s)\n", shown_or(json, "paginator", "?"),
            cmd_shown(limit, sizeof limit, shown_or(json, "limit_param", ""), true), place ? place : "-");
}

static void print_steps(FILE *out, const struct cmd *cmd, const char *file, const char *name, const cJSON *json) {
    const char *dir = *cmd->config.credentials ? cmd->config.credentials : "CREDENTIALS";
    const cJSON *secret;
    char shown[MOST_PATH];
    int step = 1;
    fprintf(out, "\nNext:\n  %d. look at every CHECK in %s\n", step++, cmd_shown(shown, sizeof shown, file, true));
    cJSON_ArrayForEach(secret, cJSON_GetObjectItemCaseSensitive(json, "secrets")) {
        fprintf(out, "  %d. write the credential, nothing else, into the file %s/%s, readable by the daemon's user alone\n", step++,
                cmd_shown(shown, sizeof shown, dir, true), secret->valuestring);
    }
    fprintf(out, "  %d. batchspool sources check %s\n", step++, name);
    fprintf(out, "  %d. batchspool sources test %s\n", step++, name);
    fprintf(out, "  %d. a first job: {\"source\": \"%s\"}\n", step, name);
}

static int tell(struct cmd *cmd, const struct detect *detect, const char *file, const char *name) {
    cJSON *json = detect_summary(detect);
    const bool piped = strcmp(file, "-") == 0;
    if (!json)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    if (cmd->json && !piped) {
        cJSON_AddStringToObject(json, "file", file);
        return cmd_print_json(cmd, json);
    }
    print_summary(piped ? stderr : stdout, json);
    print_steps(piped ? stderr : stdout, cmd, file, name, json);
    cJSON_Delete(json);
    return EXIT_DONE;
}

/* That it can be read back is seen before anything is written. */
static int write_draft(struct cmd *cmd, const struct detect *detect, const char *file, const char *name) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    struct source *source = NULL;
    struct err err = {0};
    char named[LIMIT_NAME_BYTES + 8];
    str_format(named, sizeof named, "%s.json", name);
    enum rc rc = detect_draft(detect, &text, &err);
    if (!rc)
        rc = source_parse(named, buf_text(&text), text.length, &source, &err);
    source_free(source);
    const int code = rc ? cmd_fail(cmd, EXIT_DATA, "the draft: %s", err.text) : sources_write(cmd, file, buf_text(&text), text.length);
    buf_release(&text);
    return code ? code : tell(cmd, detect, file, name);
}

/* Name and file: what is not given follows from the other, or from the URL and the directory of sources. */
static int choose(struct cmd *cmd, const struct sources_options *o, const char *url, char name[65], char file[MOST_PATH]) {
    const char *output = o->output, *slash = output ? strrchr(output, '/') : NULL, *base = slash ? slash + 1 : output;
    const bool is_file = output && strcmp(output, "-") != 0;
    char wanted[LIMIT_NAME_BYTES + 8];
    if (o->name && !str_is_name(o->name))
        return cmd_fail(cmd, EXIT_USAGE, "--name %s: a name has letters, digits, - and _, at most 64", o->name);
    if (o->name)
        str_copy(name, 65, o->name);
    else if (is_file && str_ends(base, ".json"))
        str_format(name, 65, "%.*s", (int)(strlen(base) - 5 < 64 ? strlen(base) - 5 : 64), base);
    else
        detect_name(url, name);
    str_format(wanted, sizeof wanted, "%s.json", name);
    if (!str_is_name(name) || (is_file && strcmp(base, wanted) != 0))
        return cmd_fail(cmd, EXIT_USAGE, "--output %s: a definition is named as its source, here %s", output, wanted);
    if (output ? !str_copy(file, MOST_PATH, output) : !str_format(file, MOST_PATH, "%s/%s", cmd->config.sources, wanted))
        return cmd_fail(cmd, EXIT_USAGE, "the path of the file is too long");
    if (strcmp(file, "-") != 0 && access(file, F_OK) == 0)
        return cmd_fail(cmd, EXIT_CANTCREATE, "%s: is there already, and is not overwritten: give --name or --output", file);
    return EXIT_DONE;
}

int sources_new_draft(struct cmd *cmd, const struct sources_options *options, int argc, char **argv) {
    static const char accept[] = "Accept: application/json";
    char name[65], file[MOST_PATH];
    struct asking a = {.cmd = cmd, .allow_http = options->allow_http};
    const char *given[CMD_LIST_MAX + 1] = {NULL};
    if (argc != 1)
        return cmd_usage(cmd);
    int code = choose(cmd, options, argv[0], name, file);
    if (code)
        return code;
    bool has_accept = false;
    for (size_t i = 0; i < options->headers.count; i++) {
        given[i] = options->headers.items[i];
        has_accept = has_accept || strncasecmp(given[i], "accept:", 7) == 0;
        a.headers[i] = strdup(given[i]);
    }
    if (!has_accept)
        a.headers[options->headers.count] = strdup(accept);
    const struct detect_setup setup = {.name = name, .url = argv[0], .headers = given, .allow_http = options->allow_http};
    enum rc rc = detect_new(&setup, &a.detect, &a.err);
    code = rc ? cmd_fail(cmd, rc == RC_PERM ? EXIT_USAGE : EXIT_IO, "%s", a.err.text) : run_requests(&a);
    if (!code)
        code = write_draft(cmd, a.detect, file, name);
    detect_free(a.detect);
    for (char **header = a.headers; *header; header++) {
        explicit_bzero(*header, strlen(*header));
        free(*header);
    }
    return code;
}
