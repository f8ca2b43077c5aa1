// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_SOURCES_H
#define CMD_CMD_SOURCES_H

#include "cmd/cmd.h"
#include "source/source.h"

/* What the subcommands of `batchspool sources` share. */

struct sources_options {
    struct cmd_list set, headers;
    const char *name, *output, *credentials, *source_file;
    bool allow_http;
};

/* The definition: the installed one, or that of --source-file, which need not be installed nor named as it must be then. */
struct sources_definition {
    const struct source *source;
    struct source *own; /* NULL when it is an installed one */
};
/* 0, or the exit code after a message. Release in any case. */
int sources_definition_load(struct cmd *cmd, const struct sources_options *options, const char *name, struct sources_definition *definition);
void sources_definition_release(struct sources_definition *definition);

/* Print a result: as it is with --json, else a line a member, with those of objects and lists each on their own. Frees it. Returns 0 or the exit code. */
int sources_print(struct cmd *cmd, cJSON *result);

/* Write text to --output (NULL: to fallback), "-" for standard output; a file that is there is not touched (73). */
int sources_write(struct cmd *cmd, const char *file, const char *text, size_t length);

/* argc, argv: the arguments behind the subcommand. */
int sources_new_draft(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_record(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_replay(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_try(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);

#endif
