// SPDX-License-Identifier: Apache-2.0
#include "api/account.h"
#include "api/apikey.h"
#include "api/webaudit.h"
#include "base/clock.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "spool/pause.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* `user`: who may sign in at batchspool-httpd, and the keys of machines. It works on web/, whether that program runs or not; one that runs sees at once what
 * changed. */

struct user_options {
    const char *role, *password_file, *name, *days;
    struct cmd_list scopes;
};

/* The code of a result; what is there standing against it is no reason to try later. */
static int fail(const struct cmd *cmd, enum rc rc, const struct err *err) {
    return rc == RC_AGAIN ? cmd_fail(cmd, EXIT_DATA, "%s", err->text) : cmd_fail_rc(cmd, rc, err);
}

/* The act was done; not being able to say so is told, but is no failure of it. */
static int done(struct cmd *cmd, const char *act, const char *target) {
    char by[65];
    struct err err = {0};
    pause_user(geteuid(), by);
    if (webaudit_add(cmd->spool, &(struct webaudit){.by = by, .client = "command", .act = act, .target = target, .outcome = "ok"}, &err))
        cmd_say(cmd, "not in the audit: %s", err.text);
    return EXIT_DONE;
}

static bool take_role(const struct cmd *cmd, const char *text, enum role *role) {
    *role = ROLE_NONE;
    if (text && role_from_name(text, role))
        return true;
    cmd_say(cmd, "a role is viewer, operator or admin");
    return false;
}

/* --- passwords ------------------------------------------------------------------------------------------------------- */

static void wake(int number) {
    (void)number;
}

/* A line from the terminal that is not shown. A signal ends the reading, so that the terminal gets its echo back first. */
static bool read_hidden(int tty, const char *prompt, char *out, size_t size) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    const size_t count = sizeof signals / sizeof *signals;
    struct sigaction before[sizeof signals / sizeof *signals];
    const struct sigaction interrupt = {.sa_handler = wake};
    struct termios shown, hidden;
    size_t length = 0;
    ssize_t got = -1;
    char c = '\0';
    if (tcgetattr(tty, &shown) != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        sigaction(signals[i], &interrupt, &before[i]);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    if (tcsetattr(tty, TCSAFLUSH, &hidden) == 0) {
        dprintf(tty, "%s", prompt);
        while ((got = read(tty, &c, 1)) == 1 && c != '\n' && length < size - 1)
            out[length++] = c;
        tcsetattr(tty, TCSAFLUSH, &shown);
        dprintf(tty, "\n");
    }
    for (size_t i = 0; i < count; i++)
        sigaction(signals[i], &before[i], NULL);
    out[length] = '\0';
    return got == 1 && c == '\n';
}

static int ask_password(const struct cmd *cmd, const char *name, char out[USERS_PASSWORD_MOST + 2]) {
    char again[USERS_PASSWORD_MOST + 2], prompt[128];
    struct err err = {0};
    int code = EXIT_DONE;
    const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return cmd_fail(cmd, EXIT_USAGE, "there is no terminal to ask for a password at: --password-file FILE, or - for standard input");
    str_format(prompt, sizeof prompt, "Password of %.64s (%u characters or more): ", name, USERS_PASSWORD_LEAST);
    if (!read_hidden(tty, prompt, out, USERS_PASSWORD_MOST + 2))
        code = cmd_fail(cmd, EXIT_LATER, "no password was given; nothing was changed");
    else if (users_password_check(name, out, &err))
        code = cmd_fail(cmd, EXIT_DATA, "%s", err.text);
    else if (!read_hidden(tty, "Once more: ", again, sizeof again) || strcmp(out, again) != 0)
        code = cmd_fail(cmd, EXIT_DATA, "the two are not the same; nothing was changed");
    close(tty);
    sodium_memzero(again, sizeof again);
    return code;
}

/* The file's one line. */
static int read_password(const struct cmd *cmd, const char *file, char out[USERS_PASSWORD_MOST + 2]) {
    struct buf text = BUF_INIT(USERS_PASSWORD_MOST + 2);
    struct err err = {0};
    enum rc rc = buf_reserve(&text, text.max); /* it does not grow, so no copy of it is left in memory */
    rc = rc ? err_set(&err, rc, "out of memory") : cmd_read(file, &text, &err);
    if (!rc && text.length && text.data[text.length - 1] == '\n')
        text.data[--text.length] = '\0';
    if (!rc && (strlen(buf_text(&text)) != text.length || !str_copy(out, USERS_PASSWORD_MOST + 2, buf_text(&text))))
        rc = err_set(&err, RC_PERM, "%s: is no password", file);
    if (text.data)
        sodium_memzero(text.data, text.capacity);
    buf_release(&text);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

static int get_password(const struct cmd *cmd, const char *name, const struct user_options *o, char out[USERS_PASSWORD_MOST + 2]) {
    return o->password_file ? read_password(cmd, o->password_file, out) : ask_password(cmd, name, out);
}

/* --- users ----------------------------------------------------------------------------------------------------------- */

static int user_add(struct cmd *cmd, const char *name, const struct user_options *o) {
    char password[USERS_PASSWORD_MOST + 2];
    struct err err = {0};
    struct user there;
    enum role role;
    if (!take_role(cmd, o->role, &role))
        return EXIT_USAGE;
    if (!users_name_valid(name))
        return cmd_fail(cmd, EXIT_DATA, "a user's name is 1 to 64 of A-Z a-z 0-9 _ . @ -, the first a letter, a digit or _");
    if (users_get(cmd->spool, name, &there, &err) == RC_OK) /* before somebody types a password twice */
        return cmd_fail(cmd, EXIT_DATA, "there is a user \"%s\" already", name);
    int code = get_password(cmd, name, o, password);
    enum rc rc = code ? RC_OK : users_add(cmd->spool, name, password, role, &err);
    sodium_memzero(password, sizeof password);
    return code ? code : rc ? fail(cmd, rc, &err) : done(cmd, "user.add", name);
}

static int user_passwd(struct cmd *cmd, const char *name, const struct user_options *o) {
    char password[USERS_PASSWORD_MOST + 2];
    struct err err = {0};
    struct user there;
    enum rc rc = users_get(cmd->spool, name, &there, &err);
    if (rc)
        return fail(cmd, rc, &err);
    int code = get_password(cmd, name, o, password);
    rc = code ? RC_OK : account_set_password(cmd->spool, name, password, &err);
    sodium_memzero(password, sizeof password);
    return code ? code : rc ? fail(cmd, rc, &err) : done(cmd, "user.passwd", name);
}

static int user_role(struct cmd *cmd, const char *name, const char *text) {
    struct err err = {0};
    enum role role;
    if (!take_role(cmd, text, &role))
        return EXIT_USAGE;
    enum rc rc = users_set_role(cmd->spool, name, role, &err);
    return rc ? fail(cmd, rc, &err) : done(cmd, "user.role", name);
}

static int user_change(struct cmd *cmd, const char *act, const char *name) {
    char audited[32];
    struct err err = {0};
    enum rc rc =
        strcmp(act, "remove") == 0 ? account_remove(cmd->spool, name, &err) : account_set_disabled(cmd->spool, name, strcmp(act, "disable") == 0, &err);
    str_format(audited, sizeof audited, "user.%s", act);
    return rc ? fail(cmd, rc, &err) : done(cmd, audited, name);
}

static int user_list(struct cmd *cmd) {
    struct err err = {0};
    struct users *users = users_new(cmd->spool);
    enum rc rc = users ? users_refresh(users, &err) : err_set(&err, RC_TEMP, "out of memory");
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; !rc && i < users_count(users); i++) {
        const struct user *user = users_at(users, i);
        char since[CLOCK_RFC3339_SIZE];
        clock_format_rfc3339(user->created_us, 0, since);
        if (cmd->json)
            cJSON_AddItemToArray(list, users_json(user));
        else
            printf("%-24s %-9s %-9s since %s\n", user->name, role_name(user->role), user->disabled ? "disabled" : "enabled", since);
    }
    if (!rc && !cmd->json && users_count(users) == 0)
        cmd_say(cmd, "there is no user yet: `batchspool user add NAME --role admin`");
    users_free(users);
    if (!rc && cmd->json)
        return cmd_print_json(cmd, list);
    cJSON_Delete(list);
    return rc ? fail(cmd, rc, &err) : EXIT_DONE;
}

/* --- keys ------------------------------------------------------------------------------------------------------------ */

/* --scope may be given often, and may be a list with commas. */
static enum rc gather_scopes(const struct cmd_list *given, uint32_t *scopes, struct err *err) {
    char text[512] = "", *at = text, *one;
    const char *names[32];
    size_t count = 0;
    for (size_t i = 0; i < given->count; i++)
        if (!str_format(text + strlen(text), sizeof text - strlen(text), "%s,", given->items[i]))
            return err_set(err, RC_PERM, "--scope: too many");
    while ((one = strsep(&at, ",")) != NULL)
        if (*one && count < sizeof names / sizeof *names)
            names[count++] = one;
    return apikey_scopes(names, count, scopes, err);
}

static int key_add(struct cmd *cmd, const char *owner, const struct user_options *o) {
    struct apikey_wish wish = {.name = o->name ? o->name : "command", .owner = owner};
    struct apikey key;
    struct err err = {0};
    char text[APIKEY_SIZE];
    uint64_t days = APIKEY_LIFE_DAYS;
    if (o->role && !take_role(cmd, o->role, &wish.role))
        return EXIT_USAGE;
    if (o->days && !str_to_u64(o->days, 1, APIKEY_LIFE_MOST_DAYS, &days))
        return cmd_fail(cmd, EXIT_USAGE, "--days: from 1 to %u", APIKEY_LIFE_MOST_DAYS);
    wish.life_days = (unsigned)days;
    enum rc rc = gather_scopes(&o->scopes, &wish.scopes, &err);
    rc = rc ? rc : apikey_add(cmd->spool, &wish, &key, text, &err);
    if (rc)
        return fail(cmd, rc, &err);
    cJSON *json = cmd->json ? apikey_json(&key) : NULL;
    int code = EXIT_DONE;
    if (json) {
        cJSON_AddStringToObject(json, "key", text);
        code = cmd_print_json(cmd, json);
    } else
        puts(text);
    sodium_memzero(text, sizeof text);
    done(cmd, "key.add", key.id);
    return code;
}

static void print_key(const struct apikey *key) {
    char expires[CLOCK_RFC3339_SIZE], used[CLOCK_RFC3339_SIZE], name[APIKEY_NAME_SIZE * 4], scopes[128] = "";
    clock_format_rfc3339(key->expires_us, 0, expires);
    clock_format_rfc3339(key->last_used_us, 0, used);
    for (enum scope s = SCOPE_READ; s < SCOPE_COUNT; s++)
        if (key->scopes & SCOPE_BIT(s))
            str_format(scopes + strlen(scopes), sizeof scopes - strlen(scopes), "%s%s", *scopes ? "," : "", scope_name(s));
    printf("%s %-16s %-9s %s until %s, %s%s: %s\n", key->id, key->owner, role_name(key->role), scopes, expires, key->last_used_us ? "used " : "never used",
           key->last_used_us ? used : "", cmd_shown(name, sizeof name, key->name, true));
}

static int key_list(struct cmd *cmd, const char *owner) {
    struct err err = {0};
    struct apikeys *keys = apikeys_new(cmd->spool);
    enum rc rc = keys ? apikeys_refresh(keys, &err) : err_set(&err, RC_TEMP, "out of memory");
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; !rc && i < apikeys_count(keys); i++) {
        const struct apikey *key = apikeys_at(keys, i);
        if (owner && strcmp(key->owner, owner) != 0)
            continue;
        if (cmd->json)
            cJSON_AddItemToArray(list, apikey_json(key));
        else
            print_key(key);
    }
    apikeys_free(keys);
    if (!rc && cmd->json)
        return cmd_print_json(cmd, list);
    cJSON_Delete(list);
    return rc ? fail(cmd, rc, &err) : EXIT_DONE;
}

static int key_remove(struct cmd *cmd, const char *id) {
    struct err err = {0};
    enum rc rc = apikey_remove(cmd->spool, id, NULL, &err);
    return rc ? fail(cmd, rc, &err) : done(cmd, "key.remove", id);
}

static int user_key(struct cmd *cmd, int argc, char **argv, const struct user_options *o) {
    const char *act = argc > 0 ? argv[0] : "";
    if (strcmp(act, "add") == 0 && argc == 2)
        return key_add(cmd, argv[1], o);
    if (strcmp(act, "list") == 0 && argc <= 2)
        return key_list(cmd, argc == 2 ? argv[1] : NULL);
    if (strcmp(act, "remove") == 0 && argc == 2)
        return key_remove(cmd, argv[1]);
    return cmd_usage(cmd);
}

int cmd_user(struct cmd *cmd, int argc, char **argv) {
    struct user_options o = {0};
    int code;
    const struct cmd_option options[] = {
        {"role", CMD_TEXT, &o.role, "ROLE", "add, key add: viewer, operator or admin"},
        {"password-file", CMD_TEXT, &o.password_file, "FILE", "add, passwd: the password is its one line (- for standard input)"},
        {"name", CMD_TEXT, &o.name, "TEXT", "key add: what the key is called"},
        {"scope", CMD_LIST, &o.scopes, "SCOPE", "key add: read, submit, control, process, admin, metrics, cron"},
        {"days", CMD_TEXT, &o.days, "N", "key add: how long it lives (90)"},
        {NULL, CMD_FLAG, NULL, NULL, NULL},
    };
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    const char *act = argc > 0 ? argv[0] : "";
    const bool change = strcmp(act, "disable") == 0 || strcmp(act, "enable") == 0 || strcmp(act, "remove") == 0;
    if ((code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    if (sodium_init() < 0)
        return cmd_fail(cmd, EXIT_IO, "libsodium does not start");
    if (strcmp(act, "add") == 0 && argc == 2)
        return user_add(cmd, argv[1], &o);
    if (strcmp(act, "passwd") == 0 && argc == 2)
        return user_passwd(cmd, argv[1], &o);
    if (strcmp(act, "role") == 0 && argc == 3)
        return user_role(cmd, argv[1], argv[2]);
    if (change && argc == 2)
        return user_change(cmd, act, argv[1]);
    if (strcmp(act, "list") == 0 && argc == 1)
        return user_list(cmd);
    return strcmp(act, "key") == 0 ? user_key(cmd, argc - 1, argv + 1, &o) : cmd_usage(cmd);
}
