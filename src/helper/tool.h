// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_TOOL_H
#define HELPER_TOOL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/docform.h"
#include "base/err.h"

/*
 * What the helper programs of exec steps share (batchspool-documents(7)): one JSON document on standard input, one on standard output, the last line of
 * standard error tells what went wrong, the exit code what to do about it. The document is descriptor 3, the working directory is kept from one attempt to the
 * next.
 *
 * Results below this layer mean: RC_PERM and RC_CORRUPT the input is bad (65), RC_GONE this way cannot do it, take the next alternative (69), RC_FATAL wrong
 * usage (64), everything else may go better another time (75).
 */

#define TOOL_DOCUMENT_FD 3
#define TOOL_INPUT_MOST ((size_t)256 * 1024 * 1024)
#define TOOL_PATH_SIZE 4096

int tool_exit_code(enum rc rc);
/* For the end of a main: the error's line on standard error, and the code. */
int tool_end(const char *program, enum rc rc, const struct err *err);

/* All of standard input, appended to text. RC_PERM: it is longer than text->max. */
enum rc tool_read_stdin(struct buf *text, struct err *err);
/* Standard input as JSON that json_check accepted; the caller frees. An empty one is {}. RC_PERM: it is none. */
enum rc tool_read_input(cJSON **input, struct err *err);
/* Any JSON text that is not ours, checked before cJSON sees it; what: for the error. */
enum rc tool_parse(const char *text, size_t length, const char *what, cJSON **json, struct err *err);
enum rc tool_read_json_file(const char *path, size_t most, cJSON **json, struct err *err);

/* Members; false or the default when they are not there or of another type. */
const char *tool_text(const cJSON *object, const char *name, const char *otherwise);
double tool_number(const cJSON *object, const char *name, double otherwise);

/* Writing JSON to standard output in pieces. RC_TEMP: it is closed or full. */
enum rc tool_put(const char *text, struct err *err);
enum rc tool_put_json(const cJSON *json, struct err *err);
enum rc tool_flush(struct err *err);

/* A program that is on the machine, by PATH. RC_GONE: it is not; err names the Debian package to install. */
enum rc tool_find(const char *name, const char *package, char path[TOOL_PATH_SIZE], struct err *err);

struct tool_run {
    const char *name, *package;   /* of the program */
    const char *const *argv;      /* argv[0] is put in; NULL-terminated */
    uint32_t cpu_s;               /* 0: no limit of its own */
    uint64_t address_space_bytes; /* the same */
};
/* Run it and wait; its standard output goes to out (cut at its max). *status as of waitpid(2). RC_GONE: the program is missing. RC_TEMP: it cannot be started.
 */
enum rc tool_run(const struct tool_run *run, struct buf *out, int *status, struct err *err);

/* Another process's way to this one's descriptor 3. */
void tool_document_path(char path[64]);
/* What it is, and that it can be worked on (docform_look). RC_PERM: it cannot, or is not there, or no regular file. *form is set in any case. */
enum rc tool_document_look(struct docform *form, struct err *err);

/* Small files of the working directory, complete or not there (write, rename; not synced). */
enum rc tool_write_file(const char *name, const char *text, size_t length, struct err *err);

#endif
