// SPDX-License-Identifier: Apache-2.0
#include "engine/ready.h"

#include "base/clock.h"
#include "base/limits.h"
#include "os/child.h"
#include "os/fsio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_FILE "index/ready.json"
#define READY_TMP "index/.ready.tmp"
#define MOST_ARGUMENTS 66
#define WORDS 600
#define USUAL_PATH "/usr/local/bin:/usr/bin:/bin"

/* --- programs ------------------------------------------------------------------------------------------------------ */

static bool find_in(const char *dirs, const char *name, char *out, size_t size) {
    while (*dirs) {
        size_t length = strcspn(dirs, ":");
        if (length && *dirs == '/' && str_format(out, size, "%.*s/%s", (int)length, dirs, name) && access(out, X_OK) == 0)
            return true;
        dirs += length + (dirs[length] == ':');
    }
    return false;
}

bool ready_program(const char *helpers_dir, const char *name, char *out, size_t size) {
    const char *path = getenv("PATH");
    if (*name == '/')
        return str_copy(out, size, name) && access(out, X_OK) == 0;
    return find_in(helpers_dir, name, out, size) || find_in(path && *path ? path : USUAL_PATH, name, out, size);
}

void ready_helpers_dir(const char *program, char *out, size_t size) {
    const char *slash = strrchr(program, '/');
    const int length = slash && slash > program ? (int)(slash - program) : 1;
    if (!str_format(out, size, "%.*s/../libexec/batchspool", length, program) || access(out, X_OK) != 0)
        str_format(out, size, "%.*s", length, program);
}

/* The last line that it wrote. */
static void last_line(FILE *file, char *out, size_t size) {
    char line[WORDS] = "";
    rewind(file);
    while (fgets(line, sizeof line, file))
        str_printable(out, size, line, strcspn(line, "\n"));
}

/* As it is for a step at work (helper.c), but for HOME and TMPDIR: what a program would find here alone it has not, and no secret is its business. */
struct surroundings {
    char path[4096], helpers[4096];
    const char *environment[5];
};

static bool surround(struct surroundings *s, const char *helpers_dir) {
    const char *path = getenv("PATH");
    s->environment[0] = s->path;
    s->environment[1] = "LANG=C.UTF-8";
    s->environment[2] = "LC_ALL=C.UTF-8";
    s->environment[3] = s->helpers;
    s->environment[4] = NULL;
    return str_format(s->path, sizeof s->path, "PATH=%s", path && *path ? path : USUAL_PATH) &&
           str_format(s->helpers, sizeof s->helpers, "BATCHSPOOL_HELPERS=%s", helpers_dir);
}

/* PROGRAM ARGUMENTS --ready: 0, or the last line on standard error says what is missing. */
static bool says_ready(const struct source_helper *exec, const char *program, const char *helpers_dir, char *why, size_t size) {
    const char *argv[MOST_ARGUMENTS] = {program};
    const struct child_limits limits = {.cpu_s = 20, .confined = true, .no_network = true};
    struct buf output = BUF_INIT(64);
    struct err err = {0};
    const cJSON *argument;
    size_t count = 1;
    int status = 0;
    for (argument = exec->command->child->next; argument && count < MOST_ARGUMENTS - 2; argument = argument->next)
        if (!strstr(argument->valuestring, "${"))
            argv[count++] = argument->valuestring;
    argv[count] = "--ready";
    struct surroundings around;
    FILE *errors = surround(&around, helpers_dir) ? tmpfile() : NULL;
    if (!errors)
        return true; /* nobody knows */
    const struct child_place place = {
        .input_fd = -1, .output_fd = -1, .error_fd = fileno(errors), .more_fd = -1, .dir_fd = -1, .wall_fd = -1, .environment = around.environment};
    str_copy(why, size, "it is not ready");
    enum rc rc = child_run_in(argv, &limits, &place, &output, &status, &err);
    if (rc)
        str_copy(why, size, err.text);
    else
        last_line(errors, why, size);
    fclose(errors);
    buf_release(&output);
    return !rc && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* --- a way of a step ----------------------------------------------------------------------------------------------- */

struct looking {
    const char *credentials_dir, *helpers_dir;
    bool secrets;    /* they are looked for, too */
    char why[WORDS]; /* "" nothing is missing */
};

static enum rc secret_seen(void *context, const struct template_reference *reference) {
    struct looking *l = context;
    struct buf secret = BUF_INIT(LIMIT_HEADER_BYTES);
    struct err err = {0};
    if (reference->kind != TEMPLATE_SECRET || reference->optional || l->why[0])
        return RC_OK;
    if (sources_secret(l->credentials_dir, reference->name, &secret, &err) != RC_OK)
        str_copy(l->why, sizeof l->why, err.text);
    if (secret.data)
        explicit_bzero(secret.data, secret.capacity);
    buf_release(&secret);
    return RC_OK;
}

static void look_at_program(struct looking *l, const struct source_helper *exec) {
    char program[4096];
    const char *name = exec->command->child->valuestring;
    if (!ready_program(l->helpers_dir, name, program, sizeof program))
        str_format(l->why, sizeof l->why, "the program %s is not installed", name);
    else if (exec->ready) {
        char why[WORDS] = "";
        if (!says_ready(exec, program, l->helpers_dir, why, sizeof why))
            str_copy(l->why, sizeof l->why, why);
    }
}

static bool usable(const struct source_step *step, unsigned way, struct looking *l) {
    const struct source_way *w = &step->ways[way];
    if (w->unset)
        return false; /* it is not looked for */
    l->why[0] = '\0';
    if (l->secrets)
        source_each_way_reference(step, way, secret_seen, l);
    if (!l->why[0] && w->helper)
        look_at_program(l, &w->exec);
    else if (!l->why[0] && w->http.checked)
        look_at_program(l, &w->http.check);
    return !l->why[0];
}

/* "step vision", then "steps vision; analyse, fallback 1". */
static void add_way_name(char *ways, size_t size, const struct source_step *step, unsigned way) {
    char before[READY_USES_SIZE], which[32] = "";
    str_copy(before, sizeof before, ways);
    if (way)
        str_format(which, sizeof which, ", fallback %u", way);
    const char *others = str_starts(before, "steps ") ? before + 6 : before[0] ? before + 5 : "";
    str_format(ways, size, "%s %s%s%s%s", before[0] ? "steps" : "step", others, before[0] ? "; " : "", step->name[0] ? step->name : "1", which);
}

/* Ways that lack the same thing are told of together. */
static void note_missing(cJSON *by_why, const char *why, const struct source_step *step, unsigned way) {
    char ways[READY_USES_SIZE] = "";
    cJSON *there = cJSON_GetObjectItemCaseSensitive(by_why, why);
    if (there)
        str_copy(ways, sizeof ways, there->valuestring);
    add_way_name(ways, sizeof ways, step, way);
    if (there)
        cJSON_SetValuestring(there, ways);
    else
        cJSON_AddStringToObject(by_why, why, ways);
}

static cJSON *find_missing(const struct source *source, struct looking *l, bool *able) {
    cJSON *list = cJSON_CreateArray(), *by_why = cJSON_CreateObject();
    const cJSON *ways;
    *able = true;
    for (unsigned i = 0; i < source->step_count; i++) {
        const struct source_step *step = &source->steps[i];
        bool any = false;
        for (unsigned way = 0; way < step->way_count; way++) {
            if (usable(step, way, l))
                any = true;
            else if (!step->ways[way].unset)
                note_missing(by_why, l->why, step, way);
        }
        *able = *able && any;
    }
    cJSON_ArrayForEach(ways, by_why) {
        char text[WORDS + READY_USES_SIZE];
        str_format(text, sizeof text, "%s: %s", ways->valuestring, ways->string);
        cJSON_AddItemToArray(list, cJSON_CreateString(text));
    }
    cJSON_Delete(by_why);
    return list;
}

cJSON *ready_missing(const struct source *source, const char *credentials_dir, const char *helpers_dir, bool *able) {
    struct looking l = {.credentials_dir = credentials_dir, .helpers_dir = helpers_dir, .secrets = true};
    return find_missing(source, &l, able);
}

cJSON *ready_missing_programs(const struct source *source, const char *helpers_dir, bool *able) {
    struct looking l = {.helpers_dir = helpers_dir};
    return find_missing(source, &l, able);
}

struct using {
    const char *name;
    bool found;
};

static enum rc use_seen(void *context, const struct template_reference *reference) {
    struct using *u = context;
    u->found = u->found || (reference->kind == TEMPLATE_SECRET && strcmp(reference->name, u->name) == 0);
    return RC_OK;
}

const char *ready_uses(const struct source *source, const char *secret, char out[READY_USES_SIZE]) {
    *out = '\0';
    for (unsigned i = 0; i < source->step_count; i++)
        for (unsigned way = 0; way < source->steps[i].way_count; way++) {
            struct using u = {.name = secret};
            if (!source->steps[i].ways[way].unset)
                source_each_way_reference(&source->steps[i], way, use_seen, &u);
            if (u.found)
                add_way_name(out, READY_USES_SIZE, &source->steps[i], way);
        }
    return out;
}

/* --- ways that settings turn on -------------------------------------------------------------------------------------- */

static void add_way(cJSON *list, const struct source_step *step, unsigned way) {
    const struct source_way *w = &step->ways[way];
    cJSON *one = cJSON_CreateObject();
    cJSON_AddStringToObject(one, "step", step->name[0] ? step->name : "1");
    if (way)
        cJSON_AddNumberToObject(one, "alternative", way);
    cJSON_AddItemToObject(one, "settings", cJSON_Duplicate(w->when_set, true));
    cJSON_AddBoolToObject(one, "configured", w->unset == NULL);
    cJSON_AddItemToArray(list, one);
}

cJSON *ready_optional(const struct source *source) {
    cJSON *list = cJSON_CreateArray();
    for (unsigned i = 0; i < source->step_count && list; i++)
        for (unsigned way = 0; way < source->steps[i].way_count; way++)
            if (source->steps[i].ways[way].when_set)
                add_way(list, &source->steps[i], way);
    return list;
}

/* "ocr_url": the settings that turn it on. */
static void name_settings(const cJSON *settings, char *out, size_t size) {
    const cJSON *setting;
    *out = '\0';
    cJSON_ArrayForEach(setting, settings) {
        const size_t at = strlen(out);
        str_format(out + at, size - at, "%s%.64s", at ? ", " : "", setting->valuestring);
    }
}

const char *ready_refused_text(const struct source *source, const struct source_step *step, unsigned way, int status, int64_t at_us,
                               char out[READY_REFUSED_SIZE]) {
    char names[SOURCE_NAMES_SIZE], settings[200], when[CLOCK_RFC3339_SIZE];
    name_settings(step->ways[way].when_set, settings, sizeof settings);
    source_secret_names(source, step, way, names);
    clock_format_rfc3339(at_us, 0, when);
    str_format(out, READY_REFUSED_SIZE, "The service of %s (step %s) refused the key (%d) at %s; the next way of the step is taken instead; mend %s.", settings,
               step->name[0] ? step->name : "1", status, when, *names ? names : "its credentials");
    return out;
}

const char *ready_optional_text(const cJSON *way, char out[READY_WAY_SIZE]) {
    const cJSON *alternative = cJSON_GetObjectItemCaseSensitive(way, "alternative");
    char which[32] = "", names[200];
    if (cJSON_IsNumber(alternative))
        str_format(which, sizeof which, ", fallback %d", alternative->valueint);
    name_settings(cJSON_GetObjectItemCaseSensitive(way, "settings"), names, sizeof names);
    str_format(out, READY_WAY_SIZE, "step %.64s%s: %s (settings: %s)", cJSON_GetObjectItemCaseSensitive(way, "step")->valuestring, which,
               cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(way, "configured")) ? "configured" : "not configured", names);
    return out;
}

/* --- told to others ------------------------------------------------------------------------------------------------ */

enum rc ready_write(const struct spool *spool, const cJSON *all, struct err *err) {
    struct stat st;
    if (!cJSON_GetArraySize(all)) { /* mostly there is nothing to tell, and was nothing */
        enum rc rc = fsio_stat(spool->root_fd, READY_FILE, &st, NULL) == RC_GONE ? RC_GONE : fsio_unlink(spool->root_fd, READY_FILE, err);
        return rc == RC_GONE ? RC_OK : rc;
    }
    char *text = cJSON_Print(all);
    enum rc rc = text ? fsio_put_file(spool->root_fd, READY_TMP, READY_FILE, 0640, text, strlen(text), err) : err_set(err, RC_TEMP, "out of memory");
    cJSON_free(text);
    return rc;
}

const cJSON *ready_of(const cJSON *all, const char *source) {
    const cJSON *missing = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(all, source), "missing");
    return cJSON_GetArraySize(missing) ? missing : NULL;
}

cJSON *ready_read(const struct spool *spool) {
    struct buf text = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    cJSON *all = fsio_read_file(spool->root_fd, READY_FILE, &text, NULL) == RC_OK ? cJSON_ParseWithLength(buf_text(&text), text.length) : NULL;
    buf_release(&text);
    return all;
}
