// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_SOURCES_H
#define CMD_CMD_SOURCES_H

#include "base/digest.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "source/request.h"
#include "source/source.h"

/* What the subcommands of `batchspool sources` share. */

struct sources_options {
    struct cmd_list set, headers;
    const char *name, *output, *credentials, *source_file;
    bool allow_http;
    const char *until, *reason, *concurrency; /* pause, rate */
    bool back;
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

/* A member's text, borrowed; "" when there is none. */
const char *sources_text(const cJSON *json, const char *name);
/* A number, or null for UINT64_MAX. */
void sources_add_count(cJSON *json, const char *name, uint64_t value);

/* The request of a page with its secrets' templates in the place of the secrets, in the cassette's form. */
enum rc sources_request(const struct source *source, enum request_kind kind, const struct page *page, const cJSON *job, struct buf *out, struct err *err);

/* The primary keys of records. {0} is none; the caller frees sums. */
struct sources_keys {
    unsigned char (*sums)[DIGEST_BYTES];
    size_t count, capacity;
    uint64_t records, missing;
    cJSON *missing_at; /* Pointers of the first few, or NULL */
    bool failed;
};
/* Take in the records of a list. */
void sources_keys_add(struct sources_keys *k, const struct source *source, struct slice records);
/* How many differ; without a primary_key all records count. Sorts. */
uint64_t sources_keys_unique(struct sources_keys *k, const struct source *source);

/* limits_look_json in one line for people. */
void sources_limits_print(const cJSON *limits);

/* argc, argv: the arguments behind the subcommand. */
int sources_check(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_new_draft(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_record(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_replay(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_try(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);

#endif
