// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_SOURCES_H
#define CMD_CMD_SOURCES_H

#include "base/digest.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "source/cassette.h"
#include "source/criteria.h"
#include "source/request.h"
#include "source/source.h"
#include "spool/journal_line.h"

/* What the subcommands of `batchspool sources` share. */

struct sources_options {
    struct cmd_list set, headers;
    const char *name, *output, *credentials, *source_file, *programs;
    bool allow_http, documents;
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
/* A member's number, otherwise what is given. */
uint64_t sources_number(const cJSON *json, const char *name, uint64_t otherwise);
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

/* What previews named, of a job's journal. */
struct sources_totals {
    uint64_t total; /* UINT64_MAX: none */
    cJSON *parts;   /* of a split search: their totals, in the order of asking; made by the caller */
    bool failed;
};
void sources_totals_see(struct sources_totals *totals, const struct journal_line *line);
/* Tell a split search's paginator the totals of its parts, as they were named then. */
void sources_replay_parts(const struct cassette *cassette, struct paginator *paginator, void (*missing)(void *context, const char *text), void *context);

/* Cassettes of units, and of pages with several steps. told: what is told of it. */
enum rc sources_record_steps(struct cmd *cmd, const struct sources_options *options, const char *id, const struct source *source,
                             const struct criteria *criteria, struct buf *out, cJSON *told, struct err *err);
/* Prints; returns the exit code. */
int sources_replay_steps(struct cmd *cmd, const struct sources_options *options, const struct source *source, const struct criteria *criteria,
                         struct cassette *cassette);

/* limits_look_json in one line for people. */
void sources_limits_print(const cJSON *limits);

/* argc, argv: the arguments behind the subcommand. */
int sources_check(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_new_draft(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_record(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_replay(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);
int sources_try(struct cmd *cmd, const struct sources_options *options, int argc, char **argv);

#endif
