// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_HELPER_CHILD_H
#define ENGINE_HELPER_CHILD_H

#include "os/child.h"
#include "source/program.h"

/* A program of a step as a child process: its limits, environment and words. helper.c runs it for the daemon; helper_child_run waits for it, for replays. */

enum { HELPER_ENVIRONMENT_COUNT = 6 };

struct child_limits helper_child_limits(const struct source_helper *exec);
/* "NAME=value", NULL at the end; all owned: helper_child_environment_free, in any case. dir: its working directory. */
enum rc helper_child_environment(const char *dir, const char *helpers_dir, char *environment[HELPER_ENVIRONMENT_COUNT + 1], struct err *err);
void helper_child_environment_free(char *environment[HELPER_ENVIRONMENT_COUNT + 1]);
/* The last line that it wrote to standard error, fit for people's eyes. */
void helper_child_words(int error_fd, char *out, size_t size);

/* Whether the program (its full path) starts at all: PROGRAM --help, without input, network and secrets, for at most five seconds. words: why not. */
bool helper_child_starts(const char *program, const char *helpers_dir, char *words, size_t size);

struct helper_place {
    const char *helpers_dir, *dir; /* dir: an absolute path, its working directory */
    int document_fd;               /* -1: none */
    unsigned timeout_s;
};
/* Run it and wait. answer: what it wrote. True: as program_judge. RC_GONE in *rc: it is not installed; other results but RC_OK: it could not be run. */
bool helper_child_run(const struct source *source, const struct source_helper *exec, const struct template_scope *scope, const struct helper_place *place,
                      struct buf *answer, struct verdict *verdict, bool *final, enum rc *rc, struct err *err);

#endif
