// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "cmd/config.h"
#include "engine/sources.h"
#include "spool/layout.h"
#include "store/index.h"

/* What the subcommands of `batchspool` share: one table row and one function a subcommand. */

/* Exit codes (DESIGN 8), as in sysexits.h. */
enum {
    EXIT_DONE = 0,
    EXIT_INCOMPLETE = 1, /* a job waited for did not complete */
    EXIT_USAGE = 64,
    EXIT_DATA = 65,
    EXIT_NOINPUT = 66,
    EXIT_NO_DAEMON = 69,
    EXIT_CANTCREATE = 73,
    EXIT_IO = 74,
    EXIT_LATER = 75,
    EXIT_NOPERM = 77,
    EXIT_CONFIG = 78
};

struct cmd;

struct cmd_row {
    const char *name;
    const char *usage;                                  /* the arguments, as in a synopsis */
    const char *summary;                                /* one line */
    int (*run)(struct cmd *cmd, int argc, char **argv); /* argv[0] is the subcommand; returns the exit code */
};

struct cmd {
    const struct cmd_row *row;
    const char *spool_dir, *config_file; /* --spool, --config, or NULL */
    bool json;                           /* --json */
    struct config config;                /* after cmd_configure */
    struct spool *spool;                 /* after cmd_open */
    struct sources *sources;             /* after cmd_sources */
    struct index *index;                 /* see cmd_index */
    bool configured, index_looked;
    struct buf *said; /* where messages go in place of standard error, a line each; or NULL */
};

enum cmd_option_kind { CMD_FLAG, CMD_TEXT, CMD_LIST };

#define CMD_LIST_MAX 64
struct cmd_list {
    const char *items[CMD_LIST_MAX];
    size_t count;
};

struct cmd_option {
    const char *name; /* without the dashes; NULL ends the table */
    enum cmd_option_kind kind;
    void *target;         /* bool *, const char **, struct cmd_list * */
    const char *argument; /* what --help calls its argument; NULL for flags */
    const char *help;
};

/* Read the options of a subcommand (options may be NULL) and those that all have. On true argv[0..argc) are the remaining arguments; on false the program ends
 * with *code: 0 after --help, 64 after a message. */
bool cmd_parse(struct cmd *cmd, int *argc, char ***argv, const struct cmd_option *options, int *code);

/* A message on standard error, control characters escaped; cmd_fail returns code. */
void cmd_say(const struct cmd *cmd, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cmd_fail(const struct cmd *cmd, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The exit code of a result; prints err's text. */
int cmd_fail_rc(const struct cmd *cmd, enum rc rc, const struct err *err);
int cmd_usage(const struct cmd *cmd); /* prints the synopsis; returns 64 */

/* Each returns 0, or the exit code after a message. */
int cmd_configure(struct cmd *cmd);
int cmd_open(struct cmd *cmd); /* configuration and spool */
int cmd_sources(struct cmd *cmd);
/* The configuration, and dir (NULL: none given) as its directory of secrets, as the daemon takes it. */
int cmd_credentials(struct cmd *cmd, const char *dir);

/* Where programs of steps are looked for first, as the daemon does; after cmd_configure. */
void cmd_helpers_dir(const struct cmd *cmd, char *out, size_t size);

/* The index for reading, or NULL when there is none that can be used: then the journals are read. */
struct index *cmd_index(struct cmd *cmd);

void cmd_close(struct cmd *cmd);

/* Read a file that the caller named, "-" for standard input; links and pipes are as good as files. */
enum rc cmd_read(const char *file, struct buf *text, struct err *err);

/* Print one JSON value and a line feed on standard output, and free it. */
int cmd_print_json(const struct cmd *cmd, cJSON *json);

/* Text for people: control characters escaped. "-" for empty text when dash. Returns out. */
const char *cmd_shown(char *out, size_t size, const char *text, bool dash);
/* "3s", "5m", "2h", "4d" of a span of time. */
const char *cmd_span(char out[24], int64_t us);
/* "20.00 USD", and what is in doubt: "20.00 USD + 20.00 in doubt". */
const char *cmd_money(char out[128], struct dec cost, struct dec in_doubt, const char *currency);

/* The subcommands. */
int cmd_init(struct cmd *cmd, int argc, char **argv);
int cmd_submit(struct cmd *cmd, int argc, char **argv);
int cmd_preview(struct cmd *cmd, int argc, char **argv);
int cmd_list(struct cmd *cmd, int argc, char **argv);
int cmd_stats(struct cmd *cmd, int argc, char **argv);
int cmd_show(struct cmd *cmd, int argc, char **argv);
int cmd_why(struct cmd *cmd, int argc, char **argv);
int cmd_watch(struct cmd *cmd, int argc, char **argv);
int cmd_process(struct cmd *cmd, int argc, char **argv);
int cmd_export(struct cmd *cmd, int argc, char **argv);
int cmd_results(struct cmd *cmd, int argc, char **argv);
int cmd_review(struct cmd *cmd, int argc, char **argv);
int cmd_retry(struct cmd *cmd, int argc, char **argv);
int cmd_cancel(struct cmd *cmd, int argc, char **argv);
int cmd_hold(struct cmd *cmd, int argc, char **argv);
int cmd_release(struct cmd *cmd, int argc, char **argv);
int cmd_priority(struct cmd *cmd, int argc, char **argv);
int cmd_verify(struct cmd *cmd, int argc, char **argv);
int cmd_reindex(struct cmd *cmd, int argc, char **argv);
int cmd_cleanup(struct cmd *cmd, int argc, char **argv);
int cmd_sources_command(struct cmd *cmd, int argc, char **argv);
int cmd_pause(struct cmd *cmd, int argc, char **argv);
int cmd_resume(struct cmd *cmd, int argc, char **argv);
int cmd_reload(struct cmd *cmd, int argc, char **argv);
int cmd_check(struct cmd *cmd, int argc, char **argv);
int cmd_audit(struct cmd *cmd, int argc, char **argv);
int cmd_money_command(struct cmd *cmd, int argc, char **argv);
int cmd_reconcile(struct cmd *cmd, int argc, char **argv);
int cmd_schedules(struct cmd *cmd, int argc, char **argv);
int cmd_stuck(struct cmd *cmd, int argc, char **argv);
int cmd_requeue(struct cmd *cmd, int argc, char **argv);
int cmd_top(struct cmd *cmd, int argc, char **argv);
int cmd_user(struct cmd *cmd, int argc, char **argv);
int cmd_notices(struct cmd *cmd, int argc, char **argv);

#endif
