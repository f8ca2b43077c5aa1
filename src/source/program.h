// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PROGRAM_H
#define SOURCE_PROGRAM_H

#include "source/answer.h"

/* A program of a step (DESIGN 5 exec): what it is told, and what its end means. Pure; engine/helper_child.h runs it. */

/* argv[0] is program, its full path; the others are filled in. The caller frees them with program_arguments_free, in any case. RC_PERM, RC_TEMP. */
enum rc program_arguments(const struct source_helper *exec, const char *program, const struct template_scope *scope, char ***argv, struct err *err);
void program_arguments_free(char **argv);
/* What it reads: one JSON document, or nothing. RC_PERM: out is full, or a value is missing. */
enum rc program_input(const struct source_helper *exec, const struct template_scope *scope, struct buf *out, struct err *err);

struct program_end {
    int wait_status;   /* as of waitpid(2) */
    bool timed_out;    /* it was ended for that */
    uint64_t bytes;    /* that it wrote */
    const char *words; /* the last line on its standard error; "" none */
};
/* True: it did its work, and what it wrote is judged like an answer that came with 200. Else the verdict says what to do: FAIL, or RETRY; *final: no other way
 * of the step would help. */
bool program_judge(const struct source *source, const struct source_helper *exec, const struct program_end *end, struct verdict *verdict, bool *final);
/* A verdict of a program that is not judged by its end: it could not be started, say. */
void program_failed(const struct source_helper *exec, enum source_action action, const char *reason, const char *text, struct verdict *verdict);

#endif
