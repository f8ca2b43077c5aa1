// SPDX-License-Identifier: Apache-2.0
#include "engine/unit_probe.h"

#include "engine/engine_internal.h"
#include "engine/helper_child.h"
#include "engine/ready.h"
#include "net/fetch.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 10000
#define KNOCK_MS 15000
#define WORDS 600

struct probing {
    const struct source *source;
    const char *credentials_dir, *helpers_dir, *ca_file;
    cJSON *secrets, *programs, *endpoints, *warnings;
};

static void warn(struct probing *p, const char *what, const char *name, const char *why) {
    char text[WORDS + 400];
    str_format(text, sizeof text, "%s %.300s: %s", what, name, why);
    cJSON_AddItemToArray(p->warnings, cJSON_CreateString(text));
}

static void look_at_secret(void *context, const char *name, bool optional) {
    struct probing *p = context;
    struct buf secret = BUF_INIT(LIMIT_HEADER_BYTES);
    struct err err = {0};
    const enum rc rc = sources_secret(p->credentials_dir, name, &secret, &err);
    const char *state = !rc && secret.length ? "there" : !rc ? "empty" : rc == RC_GONE ? "missing" : "unknown";
    cJSON_AddStringToObject(p->secrets, name, state);
    if ((rc || !secret.length) && !(optional && rc == RC_GONE))
        warn(p, "the secret", name, rc ? err.text : "is empty");
    if (secret.data)
        explicit_bzero(secret.data, secret.capacity);
    buf_release(&secret);
}

/* --- programs ------------------------------------------------------------------------------------------------------ */

static void look_at_program(struct probing *p, const struct source_helper *exec) {
    const char *name = exec->command->child->valuestring;
    char program[4096], why[WORDS] = "";
    if (cJSON_HasObjectItem(p->programs, name))
        return;
    cJSON *json = cJSON_AddObjectToObject(p->programs, name);
    const bool found = ready_program(p->helpers_dir, name, program, sizeof program),
               starts = found && helper_child_starts(program, p->helpers_dir, why, sizeof why);
    cJSON_AddBoolToObject(json, "installed", found);
    if (found) {
        cJSON_AddStringToObject(json, "path", program);
        cJSON_AddBoolToObject(json, "starts", starts);
    }
    if (found && !starts)
        warn(p, "the program does not start:", name, why);
}

/* --- hosts --------------------------------------------------------------------------------------------------------- */

struct knocking {
    bool over, reached;
    int64_t time_ms;
    char error[300];
};

static void knocked(void *context, const struct fetch_answer *answer) {
    struct knocking *k = context;
    k->over = true;
    k->reached = strcmp(answer->reason, "reached") == 0;
    k->time_ms = answer->time_ms;
    str_printable(k->error, sizeof k->error, answer->error, strlen(answer->error));
}

static enum rc knock(const struct probing *p, const char *origin, struct knocking *k, struct err *err) {
    struct secrets secrets = {.dir = p->credentials_dir};
    struct fetcher *fetcher = NULL;
    struct loop *loop;
    struct fetch_way way;
    struct fetch *fetch = NULL;
    enum rc rc = loop_new(&loop, err);
    if (rc)
        return rc;
    rc = fetcher_new(loop, *p->ca_file ? p->ca_file : NULL, &fetcher, err);
    rc = rc ? rc : secrets_way(&secrets, p->source, &way, err);
    if (!rc) {
        const struct fetch_request request = {.method = "GET",
                                              .url = origin,
                                              .timeout_ms = KNOCK_MS,
                                              .connect_timeout_ms = CONNECT_MS,
                                              .knock = true,
                                              .once = true,
                                              .allow_http = p->source->allow_http,
                                              .way = way,
                                              .body_fd = -1};
        rc = fetch_start(fetcher, &request, knocked, k, &fetch, err);
    } else if (secrets.err.text[0])
        *err = secrets.err;
    while (!rc && !k->over)
        rc = loop_turn(loop, -1, err);
    if (fetch && !k->over)
        fetch_cancel(fetch);
    secrets_wipe(&secrets);
    fetcher_free(fetcher);
    loop_free(loop);
    return rc;
}

static void look_at_host(struct probing *p, const char *url) {
    const char *authority = strstr(url, "://");
    char origin[300];
    struct knocking k = {.over = false};
    struct err err = {0};
    if (!authority || !str_format(origin, sizeof origin, "%.*s/", (int)(authority + 3 - url + (ptrdiff_t)strcspn(authority + 3, "/?")), url) ||
        cJSON_HasObjectItem(p->endpoints, origin))
        return;
    cJSON *json = cJSON_AddObjectToObject(p->endpoints, origin);
    if (knock(p, origin, &k, &err)) {
        k.reached = false;
        str_printable(k.error, sizeof k.error, err.text, strlen(err.text));
    }
    cJSON_AddBoolToObject(json, "reachable", k.reached);
    cJSON_AddBoolToObject(json, "tls", str_starts(url, "https://"));
    if (k.reached)
        cJSON_AddNumberToObject(json, "time_ms", (double)k.time_ms);
    else {
        cJSON_AddStringToObject(json, "error", k.error);
        warn(p, "cannot be reached:", origin, k.error);
    }
}

cJSON *unit_probe(const struct source *source, const char *credentials_dir, const char *helpers_dir, const char *ca_file) {
    cJSON *json = cJSON_CreateObject(), *text;
    bool able = true;
    struct probing p = {.source = source, .credentials_dir = credentials_dir, .helpers_dir = helpers_dir, .ca_file = ca_file};
    cJSON_AddStringToObject(json, "source", source->name);
    cJSON_AddBoolToObject(json, "metered", source->metered);
    cJSON_AddNumberToObject(json, "steps", source->step_count);
    cJSON_AddNumberToObject(json, "requests", 0); /* knocking is none */
    cJSON *missing = ready_missing(source, credentials_dir, helpers_dir, &able);
    cJSON_AddBoolToObject(json, "able", able);
    cJSON_AddItemToObject(json, "missing", missing);
    p.secrets = cJSON_AddObjectToObject(json, "secrets");
    p.programs = cJSON_AddObjectToObject(json, "programs");
    p.endpoints = cJSON_AddObjectToObject(json, "endpoints");
    p.warnings = cJSON_AddArrayToObject(json, "warnings");
    cJSON_ArrayForEach(text, missing) {
        if (!able)
            cJSON_AddItemToArray(p.warnings, cJSON_CreateString(text->valuestring));
    }
    if (p.warnings)
        source_secrets(source, look_at_secret, &p);
    for (unsigned i = 0; i < source->step_count && p.warnings; i++)
        for (unsigned way = 0; way < source->steps[i].way_count; way++) {
            const struct source_way *w = &source->steps[i].ways[way];
            if (w->unset) /* never taken */
                continue;
            if (w->helper)
                look_at_program(&p, &w->exec);
            else
                look_at_host(&p, w->http.url);
            if (w->http.checked)
                look_at_program(&p, &w->http.check);
        }
    if (source->auth.access_token_url && p.warnings)
        look_at_host(&p, source->auth.access_token_url);
    if (!p.warnings || !p.secrets || !p.programs || !p.endpoints || !missing) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

/* --- mode probe in the daemon ---------------------------------------------------------------------------------------- */

struct probe_work {
    struct work work;
    struct run *run;
    cJSON *result;
};

static void probe_work_run(struct work **items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct probe_work *p = HEAP_ENTRY(items[i], struct probe_work, work);
        const struct engine_options *options = &p->run->engine->options;
        p->result = unit_probe(p->run->source, options->credentials_dir, options->helpers_dir, options->ca_file);
    }
}

static void probe_work_done(struct work *work) {
    struct probe_work *p = HEAP_ENTRY(work, struct probe_work, work);
    struct run *run = p->run;
    cJSON *result = p->result;
    free(p);
    run->busy = false;
    if (run->leaving || run->engine->stopping) {
        cJSON_Delete(result);
        run->leaving = true;
        run_wake_at(run, 0);
        return;
    }
    begin_answer(run, result);
    run_step(run);
    feed_pump(run->feed);
}

void unit_probe_run(struct run *run) {
    static const struct work_class class = {.name = "unit_probe", .run = probe_work_run, .done = probe_work_done, .max = 1};
    struct probe_work *p = engine_alloc(sizeof *p);
    p->run = run;
    run->busy = true;
    worker_submit(run->engine->worker, &p->work, &class, WORKER_ANY);
}
