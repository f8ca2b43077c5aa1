// SPDX-License-Identifier: Apache-2.0
#include "helper/tool.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "os/child.h"
#include "os/fsio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define ARGUMENTS_MOST 32u
#define STDERR_LINE 400

/* Of JSON that people or programs hand in: nothing that two readers would read differently. */
static const struct json_rules RULES = {.max_depth = LIMIT_PAYLOAD_DEPTH, .unique_names = true, .no_nul = true};

int tool_exit_code(enum rc rc) {
    switch (rc) {
    case RC_OK:
        return 0;
    case RC_PERM:
    case RC_CORRUPT:
        return EX_DATAERR;
    case RC_GONE:
        return EX_UNAVAILABLE;
    case RC_FATAL:
        return EX_USAGE;
    case RC_AGAIN:
    case RC_TEMP:
    case RC_NOSPACE:
    case RC_CANCELLED:
        break;
    }
    return EX_TEMPFAIL;
}

int tool_end(const char *program, enum rc rc, const struct err *err) {
    if (rc)
        fprintf(stderr, "%s: %.*s\n", program, STDERR_LINE - 40, err->text);
    return tool_exit_code(rc);
}

/* --- JSON --------------------------------------------------------------------------------------------------------------- */

enum rc tool_parse(const char *text, size_t length, const char *what, cJSON **json, struct err *err) {
    *json = NULL;
    enum rc rc = json_check(text, length, &RULES, err);
    if (rc)
        return err_prefix(err, rc, "%s is no JSON", what);
    *json = cJSON_ParseWithLength(text, length);
    return *json ? RC_OK : err_set(err, RC_TEMP, "%s: out of memory", what);
}

enum rc tool_read_stdin(struct buf *text, struct err *err) {
    for (;;) {
        enum rc rc = buf_reserve(text, text->max - text->length < 65536 ? text->max - text->length : 65536);
        if (rc)
            return err_set(err, rc, "standard input: out of memory");
        size_t room = text->capacity - text->length - 1;
        ssize_t got = read(STDIN_FILENO, text->data + text->length, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(err, "standard input");
        if (got == 0)
            return RC_OK;
        text->length += (size_t)got;
        text->data[text->length] = '\0';
        if (text->length >= text->max)
            return err_set(err, RC_PERM, "standard input has more than %zu bytes", text->max);
    }
}

enum rc tool_read_input(cJSON **input, struct err *err) {
    struct buf text = BUF_INIT(TOOL_INPUT_MOST);
    *input = NULL;
    enum rc rc = tool_read_stdin(&text, err);
    if (!rc && text.length == 0)
        rc = buf_add_text(&text, "{}");
    if (!rc)
        rc = tool_parse(buf_text(&text), text.length, "standard input", input, err);
    buf_release(&text);
    if (!rc && !cJSON_IsObject(*input)) {
        cJSON_Delete(*input);
        *input = NULL;
        rc = err_set(err, RC_PERM, "standard input must be a JSON object");
    }
    return rc;
}

enum rc tool_read_json_file(const char *path, size_t most, cJSON **json, struct err *err) {
    struct buf text = BUF_INIT(most);
    *json = NULL;
    enum rc rc = fsio_read_file(AT_FDCWD, path, &text, err);
    if (!rc)
        rc = tool_parse(buf_text(&text), text.length, path, json, err);
    buf_release(&text);
    return rc;
}

const char *tool_text(const cJSON *object, const char *name, const char *otherwise) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : otherwise;
}

double tool_number(const cJSON *object, const char *name, double otherwise) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

enum rc tool_put(const char *text, struct err *err) {
    return fputs(text, stdout) >= 0 ? RC_OK : err_set(err, RC_TEMP, "standard output: %s", strerror(errno));
}

enum rc tool_put_json(const cJSON *json, struct err *err) {
    char *text = cJSON_PrintUnformatted(json);
    enum rc rc = text ? tool_put(text, err) : err_set(err, RC_TEMP, "out of memory");
    free(text);
    return rc;
}

enum rc tool_flush(struct err *err) {
    return fflush(stdout) == 0 && !ferror(stdout) ? RC_OK : err_set(err, RC_TEMP, "standard output: %s", strerror(errno));
}

/* --- programs ----------------------------------------------------------------------------------------------------------- */

enum rc tool_find(const char *name, const char *package, char path[TOOL_PATH_SIZE], struct err *err) {
    const char *at = getenv("PATH");
    for (at = at ? at : "/usr/local/bin:/usr/bin:/bin"; *at;) {
        size_t length = strcspn(at, ":");
        bool fits = str_format(path, TOOL_PATH_SIZE, "%.*s/%s", (int)length, at, name);
        if (length && *at == '/' && fits && access(path, X_OK) == 0)
            return RC_OK;
        at += length + (at[length] == ':');
    }
    return err_set(err, RC_GONE, "the program %s is missing: install it (`apt-get install %s`)", name, package);
}

enum rc tool_run(const struct tool_run *run, struct buf *out, int *status, struct err *err) {
    const struct child_limits limits = {.address_space_bytes = run->address_space_bytes, .cpu_s = run->cpu_s};
    char path[TOOL_PATH_SIZE];
    const char *argv[ARGUMENTS_MOST + 1] = {path};
    enum rc rc = tool_find(run->name, run->package, path, err);
    if (rc)
        return rc;
    for (size_t i = 1; i < ARGUMENTS_MOST && run->argv[i]; i++)
        argv[i] = run->argv[i];
    return child_run(argv, &limits, out, status, err);
}

/* --- files -------------------------------------------------------------------------------------------------------------- */

void tool_document_path(char path[64]) {
    str_format(path, 64, "/proc/%ld/fd/%d", (long)getpid(), TOOL_DOCUMENT_FD);
}

enum rc tool_document_look(struct docform *form, struct err *err) {
    struct stat st;
    const char *bytes;
    size_t length;
    *form = (struct docform){.type = DOCFORM_NONE};
    if (fstat(TOOL_DOCUMENT_FD, &st) != 0)
        return err_set(err, RC_PERM, "there is no document on descriptor %d", TOOL_DOCUMENT_FD);
    if (!S_ISREG(st.st_mode))
        return err_set(err, RC_PERM, "the document on descriptor %d is no regular file", TOOL_DOCUMENT_FD);
    enum rc rc = fsio_map(TOOL_DOCUMENT_FD, &bytes, &length, err);
    if (rc)
        return rc;
    rc = docform_look((struct slice){.data = bytes, .length = length}, form, err);
    fsio_unmap(bytes, length);
    return rc ? err_prefix(err, rc, "the document") : RC_OK;
}

enum rc tool_write_file(const char *name, const char *text, size_t length, struct err *err) {
    char tmp[256];
    FILE *file = str_format(tmp, sizeof tmp, "%s.tmp", name) ? fopen(tmp, "we") : NULL;
    if (!file)
        return err_sys(err, "%s", name);
    bool written = fwrite(text, 1, length, file) == length;
    written = fclose(file) == 0 && written;
    enum rc rc = written ? fsio_rename(AT_FDCWD, tmp, AT_FDCWD, name, err) : err_sys(err, "%s", tmp);
    if (rc)
        (void)fsio_unlink(AT_FDCWD, tmp, NULL);
    return rc;
}
