// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd.h"

#include "base/clock.h"
#include "base/str.h"
#include "engine/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_OPTIONS 24

void cmd_say(const struct cmd *cmd, const char *format, ...) {
    char text[4096], shown[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    str_printable(shown, sizeof shown, text, strlen(text));
    if (cmd->said) {
        buf_printf(cmd->said, "%s%s", cmd->said->length ? "\n" : "", shown);
        return;
    }
    fprintf(stderr, "batchspool %s: %s\n", cmd->row->name, shown);
}

int cmd_fail(const struct cmd *cmd, int code, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cmd_say(cmd, "%s", text);
    return code;
}

static int exit_code(enum rc rc) {
    switch (rc) {
    case RC_OK:
        return EXIT_DONE;
    case RC_GONE:
        return EXIT_NOINPUT;
    case RC_AGAIN:
    case RC_CANCELLED:
        return EXIT_LATER;
    case RC_PERM:
        return errno == EACCES || errno == EPERM ? EXIT_NOPERM : EXIT_DATA;
    case RC_CORRUPT:
        return EXIT_DATA;
    case RC_NOSPACE:
        return EXIT_CANTCREATE;
    case RC_TEMP:
        return EXIT_IO;
    case RC_FATAL:
        return EXIT_CONFIG;
    }
    return EXIT_IO;
}

int cmd_fail_rc(const struct cmd *cmd, enum rc rc, const struct err *err) {
    int code = exit_code(rc);
    cmd_say(cmd, "%s", err->text[0] ? err->text : rc_name(rc));
    return code;
}

int cmd_usage(const struct cmd *cmd) {
    fprintf(stderr, "usage: batchspool %s %s\n", cmd->row->name, cmd->row->usage);
    return EXIT_USAGE;
}

#define LEFT_WIDTH 22 /* of the options in --help */

static void print_help(const struct cmd *cmd, const struct cmd_option *options, size_t count) {
    printf("usage: batchspool %s %s\n\n%s.\n\n", cmd->row->name, cmd->row->usage, cmd->row->summary);
    for (size_t i = 0; i < count; i++) {
        char left[64];
        int length = snprintf(left, sizeof left, "--%s%s%s", options[i].name, options[i].argument ? " " : "", options[i].argument ? options[i].argument : "");
        if (length > LEFT_WIDTH) /* a line of its own */
            printf("  %s\n  %*s %s\n", left, LEFT_WIDTH, "", options[i].help);
        else
            printf("  %-*s %s\n", LEFT_WIDTH, left, options[i].help);
    }
}

static bool take_option(const struct cmd *cmd, const struct cmd_option *option, const char *value) {
    switch (option->kind) {
    case CMD_FLAG:
        *(bool *)option->target = true;
        return true;
    case CMD_TEXT:
        *(const char **)option->target = value;
        return true;
    case CMD_LIST: {
        struct cmd_list *list = option->target;
        if (list->count == CMD_LIST_MAX) {
            cmd_say(cmd, "--%s: at most %d times", option->name, CMD_LIST_MAX);
            return false;
        }
        list->items[list->count++] = value;
        return true;
    }
    }
    return false;
}

/* The table for getopt_long; `all` is the subcommand's options and then those that every subcommand has. */
static size_t gather(struct cmd *cmd, const struct cmd_option *options, bool *help, struct cmd_option all[MAX_OPTIONS], struct option table[MAX_OPTIONS + 1]) {
    const struct cmd_option common[] = {
        {"spool", CMD_TEXT, &cmd->spool_dir, "DIR", "the spool to work on"},
        {"config", CMD_TEXT, &cmd->config_file, "FILE", "the configuration to read"},
        {"json", CMD_FLAG, &cmd->json, NULL, "print JSON"},
        {"help", CMD_FLAG, help, NULL, "this text"},
    };
    size_t count = 0;
    for (; options && options->name && count < MAX_OPTIONS - 4; options++)
        all[count++] = *options;
    for (size_t i = 0; i < 4; i++)
        all[count++] = common[i];
    for (size_t i = 0; i < count; i++)
        table[i] = (struct option){all[i].name, all[i].kind == CMD_FLAG ? no_argument : required_argument, NULL, (int)i + 256};
    table[count] = (struct option){NULL, 0, NULL, 0};
    return count;
}

bool cmd_parse(struct cmd *cmd, int *argc, char ***argv, const struct cmd_option *options, int *code) {
    struct cmd_option all[MAX_OPTIONS];
    struct option table[MAX_OPTIONS + 1];
    bool help = false;
    size_t count = gather(cmd, options, &help, all, table);
    char program[80], *name = (*argv)[0];
    str_format(program, sizeof program, "batchspool %s", cmd->row->name);
    (*argv)[0] = program;
    optind = 0;
    int found;
    *code = EXIT_USAGE;
    while ((found = getopt_long(*argc, *argv, "h", table, NULL)) != -1) {
        if (found == 'h')
            help = true;
        else if (found < 256 || !take_option(cmd, &all[found - 256], optarg))
            break;
    }
    (*argv)[0] = name;
    if (found != -1) {
        cmd_usage(cmd);
        return false;
    }
    if (help) {
        print_help(cmd, all, count);
        *code = EXIT_DONE;
        return false;
    }
    *argc -= optind;
    *argv += optind;
    return true;
}

int cmd_configure(struct cmd *cmd) {
    if (cmd->configured)
        return EXIT_DONE;
    struct err err = {0};
    enum rc rc = config_load(cmd->config_file, cmd->spool_dir, &cmd->config, &err);
    if (rc)
        return cmd_fail(cmd, EXIT_CONFIG, "%s", err.text);
    cmd->configured = true;
    return EXIT_DONE;
}

int cmd_open(struct cmd *cmd) {
    int code = cmd_configure(cmd);
    if (code || cmd->spool)
        return code;
    struct err err = {0};
    errno = 0;
    enum rc rc = spool_open(cmd->config.spool, cmd->config.node, &cmd->spool, &err);
    if (rc == RC_PERM && errno != EACCES && errno != EPERM)
        return cmd_fail(cmd, EXIT_CONFIG, "%s", err.text);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

int cmd_sources(struct cmd *cmd) {
    int code = cmd_configure(cmd);
    if (code || cmd->sources)
        return code;
    struct err err = {0};
    enum rc rc = sources_new(cmd->config.sources, cmd->config.source_settings, &cmd->sources, &err);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

int cmd_credentials(struct cmd *cmd, const char *dir) {
    int code = cmd_configure(cmd);
    if (!code && dir && !str_copy(cmd->config.credentials, sizeof cmd->config.credentials, dir))
        code = cmd_fail(cmd, EXIT_USAGE, "--credentials: the path is too long");
    return code;
}

void cmd_helpers_dir(const struct cmd *cmd, char *out, size_t size) {
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    if (*cmd->config.helpers)
        str_copy(out, size, cmd->config.helpers);
    else
        ready_helpers_dir(self, out, size);
}

struct index *cmd_index(struct cmd *cmd) {
    if (!cmd->index_looked && cmd->spool) {
        struct err err = {0};
        cmd->index_looked = true;
        if (index_open(cmd->spool, INDEX_OF_DAEMON, false, &cmd->index, &err) != RC_OK)
            cmd->index = NULL;
    }
    return cmd->index;
}

void cmd_close(struct cmd *cmd) {
    if (cmd->index)
        index_close(cmd->index);
    sources_free(cmd->sources);
    if (cmd->spool)
        spool_close(cmd->spool);
}

static enum rc read_to_end(int fd, const char *shown, struct buf *text, struct err *err) {
    char bytes[16384];
    ssize_t got;
    while ((got = read(fd, bytes, sizeof bytes)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(err, "%s", shown);
        enum rc rc = buf_add(text, bytes, (size_t)got);
        if (rc == RC_PERM)
            return err_set(err, rc, "%s: is longer than %zu bytes", shown, text->max);
        if (rc)
            return err_set(err, rc, "%s: out of memory", shown);
    }
    return RC_OK;
}

enum rc cmd_read(const char *file, struct buf *text, struct err *err) {
    if (strcmp(file, "-") == 0)
        return read_to_end(STDIN_FILENO, "standard input", text, err);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "%s", file);
    enum rc rc = read_to_end(fd, file, text, err);
    close(fd);
    return rc;
}

int cmd_print_json(const struct cmd *cmd, cJSON *json) {
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (!text)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    puts(text);
    cJSON_free(text);
    return EXIT_DONE;
}

const char *cmd_shown(char *out, size_t size, const char *text, bool dash) {
    if (!*text && dash)
        text = "-";
    str_printable(out, size, text, strlen(text));
    return out;
}

const char *cmd_span(char out[24], int64_t us) {
    clock_format_span(us, out);
    return out;
}

const char *cmd_money(char out[128], struct dec cost, struct dec in_doubt, const char *currency) {
    char spent[DEC_TEXT_SIZE], doubt[DEC_TEXT_SIZE];
    dec_format(cost, spent);
    dec_format(in_doubt, doubt);
    int length = snprintf(out, 128, "%s%s%s", spent, *currency ? " " : "", currency);
    if (dec_compare(in_doubt, dec_zero()) != 0 && length > 0 && length < 128)
        snprintf(out + length, 128 - (size_t)length, " + %s in doubt", doubt);
    return out;
}
