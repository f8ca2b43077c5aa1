// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_journals.h"

#include "os/sorter.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who did what: the journals, one after the other, put in order of time in bounded memory, and printed. */

#define USERS 64u
#define RECORD_BYTES (SORTER_RECORD_BYTES - 256)

struct user {
    bool known;
    uint64_t uid;
    char name[64];
};

struct audit {
    struct cmd *cmd;
    const char *job, *source, *campaign, *by;
    struct cmd_list events;
    struct period period;
    bool all;
    struct sorter *sorter;
    struct user users[USERS];
    uint64_t damages;
    enum rc rc;
    struct err *err;
    /* the journal that is being read */
    struct job_row row;
    struct job_row index_row;
    bool indexed, reached;
    int64_t ts_us;
    struct job_money moved; /* by the line that is told next */
};

/* --- one event ------------------------------------------------------------------------------------------------------ */

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

/* The name of a user; "" when this machine does not know it. */
static const char *user_name(struct audit *audit, uint64_t uid) {
    struct user *user = &audit->users[uid % USERS];
    if (!user->known || user->uid != uid) {
        const struct passwd *entry = getpwuid((uid_t)uid);
        *user = (struct user){.known = true, .uid = uid};
        str_copy(user->name, sizeof user->name, entry ? entry->pw_name : "");
    }
    return user->name;
}

static bool is_one_of(const char *event, const char *const *events) {
    while (*events && strcmp(event, *events) != 0)
        events++;
    return *events;
}

static bool by_person(const char *by) {
    return *by && strcmp(by, "daemon") != 0;
}

/* What people did, and what was decided. */
static bool is_act(const char *event, const char *by) {
    static const char *const acts[] = {"accepted", "rejected", "held", "released", "cancelled", "reprioritised", NULL};
    return by_person(by) || is_one_of(event, acts);
}

/* What nobody signed, the daemon and its loaders wrote. */
static bool is_by(struct audit *audit, const char *by, bool has_uid, uint64_t uid) {
    char number[24];
    if (!audit->by || strcmp(audit->by, by) == 0 || (!*by && strcmp(audit->by, "daemon") == 0))
        return true;
    snprintf(number, sizeof number, "%" PRIu64, uid);
    return has_uid && (strcmp(audit->by, number) == 0 || strcmp(audit->by, user_name(audit, uid)) == 0);
}

static bool is_wanted_event(const struct audit *audit, const char *event, const char *by) {
    if (!audit->events.count)
        return audit->all || is_act(event, by);
    for (size_t i = 0; i < audit->events.count; i++)
        if (strcmp(audit->events.items[i], event) == 0)
            return true;
    return false;
}

/* Whose the uid is: of what lay in the spool only the owner of the file can be known, of a program its own. */
static bool is_owner(const char *event, const char *by) {
    return strcmp(by, "mv") == 0 || strcmp(event, "accepted") == 0 || strcmp(event, "rejected") == 0;
}

static bool money_of(const struct job_money *moved, struct dec *money, const char **is) {
    const struct dec zero = dec_zero();
    *money = dec_compare(moved->spent, zero) > 0 ? moved->spent : dec_compare(moved->in_doubt, zero) > 0 ? moved->in_doubt : moved->open;
    *is = dec_compare(moved->spent, zero) > 0 ? "spent" : dec_compare(moved->in_doubt, zero) > 0 ? "in_doubt" : "in_flight";
    return dec_compare(*money, zero) > 0;
}

static const char *const told[] = {"decision",   "reason", "batch",      "from",  "to",    "priority", "name",
                                   "created_by", "status", "request_id", "until", "error", NULL};

static bool add_json(struct audit *audit, const struct journal_line *line, const char *by, bool has_uid, uint64_t uid, struct buf *out) {
    char when[CLOCK_RFC3339_SIZE], amount[DEC_TEXT_SIZE];
    struct dec money;
    const char *is;
    cJSON *json = cJSON_CreateObject();
    clock_format_rfc3339(line->ts_us, 6, when);
    cJSON_AddStringToObject(json, "ts", when);
    cJSON_AddStringToObject(json, "job_id", audit->row.id);
    cJSON_AddStringToObject(json, "source", audit->row.source);
    cJSON_AddStringToObject(json, "campaign_id", audit->row.campaign);
    cJSON_AddNumberToObject(json, "seq", (double)line->seq);
    cJSON_AddStringToObject(json, "event", line->event);
    cJSON_AddStringToObject(json, "node", text_of(line->json, "node"));
    cJSON_AddStringToObject(json, "by", *by ? by : "daemon");
    if (has_uid) {
        cJSON_AddNumberToObject(json, "uid", (double)uid);
        cJSON_AddStringToObject(json, "user", user_name(audit, uid));
        cJSON_AddStringToObject(json, "uid_of", is_owner(line->event, by) ? "file" : "program");
    }
    for (size_t i = 0; told[i]; i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(line->json, told[i]);
        if (member)
            cJSON_AddItemToObject(json, told[i], cJSON_Duplicate(member, true));
    }
    if (money_of(&audit->moved, &money, &is)) {
        dec_format(money, amount);
        cJSON_AddStringToObject(json, "money", amount);
        cJSON_AddStringToObject(json, "money_is", is);
        cJSON_AddStringToObject(json, "currency", audit->row.currency);
    }
    char *text = cJSON_PrintUnformatted(json);
    bool good = text && buf_add_text(out, text) == RC_OK;
    cJSON_free(text);
    cJSON_Delete(json);
    return good;
}

static void add_who(struct audit *audit, const char *event, const char *by, bool has_uid, uint64_t uid, struct buf *out) {
    char who[120] = "", shown[100];
    const char *name = has_uid ? user_name(audit, uid) : "";
    const char *of = is_owner(event, by) ? ", file of " : " ";
    if (*name)
        snprintf(who, sizeof who, "%s%s(%" PRIu64 ")", of, name, uid);
    else if (has_uid)
        snprintf(who, sizeof who, "%suid %" PRIu64, of, uid);
    buf_printf(out, "%s%s", cmd_shown(shown, sizeof shown, *by ? by : "daemon", false), who);
}

static bool add_text(struct audit *audit, const struct journal_line *line, const char *by, bool has_uid, uint64_t uid, struct buf *out) {
    char when[CLOCK_RFC3339_SIZE], shown[700], amount[DEC_TEXT_SIZE];
    struct dec money;
    const char *is;
    clock_format_rfc3339(line->ts_us, 3, when);
    buf_printf(out, "%s  %s  %-14s  ", when, audit->row.id, cmd_shown(shown, sizeof shown, line->event, true));
    add_who(audit, line->event, by, has_uid, uid, out);
    for (size_t i = 0; told[i]; i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(line->json, told[i]);
        if (cJSON_IsString(member) && *member->valuestring)
            buf_printf(out, "  %s=%s", told[i], cmd_shown(shown, sizeof shown, member->valuestring, false));
        else if (cJSON_IsNumber(member))
            buf_printf(out, "  %s=%.15g", told[i], member->valuedouble);
    }
    if (money_of(&audit->moved, &money, &is)) {
        dec_format(money, amount);
        buf_printf(out, "  %s=%s %s", is, amount, cmd_shown(shown, sizeof shown, audit->row.currency, true));
    }
    return out->length > 0;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* Ordered by time, then job, then place in the journal. */
static void keep(struct audit *audit, int64_t ts_us, uint64_t seq, const struct buf *text) {
    char key[JOBID_SIZE + 16];
    size_t id = strlen(audit->row.id) + 1;
    for (size_t i = 0; i < 8; i++) {
        key[i] = (char)((uint64_t)ts_us >> (56 - 8 * i)); /* never before 1970 */
        key[8 + id + i] = (char)(seq >> (56 - 8 * i));
    }
    memcpy(key + 8, audit->row.id, id);
    enum rc rc = sorter_add(audit->sorter, (struct slice){key, 16 + id}, (struct slice){buf_text(text), text->length}, audit->err);
    audit->rc = audit->rc ? audit->rc : rc;
}

static bool is_wanted(struct audit *audit, const struct journal_line *line, const char *by, bool has_uid, uint64_t uid) {
    return period_has(&audit->period, line->ts_us) && is_wanted_event(audit, line->event, by) && is_by(audit, by, has_uid, uid) &&
           (!audit->source || strcmp(audit->source, audit->row.source) == 0) && (!audit->campaign || strcmp(audit->campaign, audit->row.campaign) == 0);
}

static void on_money(void *context, int64_t ts_us, const struct job_money *moved) {
    struct audit *audit = context;
    (void)ts_us;
    audit->moved.spent = dec_add(audit->moved.spent, moved->spent);
    audit->moved.in_doubt = dec_add(audit->moved.in_doubt, moved->in_doubt);
    audit->moved.open = dec_add(audit->moved.open, moved->open);
}

static void on_damage(void *context, const struct err *err) {
    struct audit *audit = context;
    struct buf text = BUF_INIT(RECORD_BYTES);
    char when[CLOCK_RFC3339_SIZE], shown[700];
    audit->damages++;
    cmd_say(audit->cmd, "%s", err->text);
    clock_format_rfc3339(audit->ts_us, audit->cmd->json ? 6 : 3, when);
    if (audit->cmd->json) {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "ts", when);
        cJSON_AddStringToObject(json, "job_id", audit->row.id);
        cJSON_AddStringToObject(json, "event", "damaged");
        cJSON_AddStringToObject(json, "error", err->text);
        char *printed = cJSON_PrintUnformatted(json);
        buf_add_text(&text, printed ? printed : "");
        cJSON_free(printed);
        cJSON_Delete(json);
    } else
        buf_printf(&text, "%s  %s  %-14s  %s", when, audit->row.id, "DAMAGED", cmd_shown(shown, sizeof shown, err->text, false));
    keep(audit, audit->ts_us, audit->row.journal_seq, &text);
    buf_release(&text);
}

/* The chain proves every line but the last; of that one the index keeps the sum. */
static void check_end(struct audit *audit, const struct journal_line *line) {
    struct err err = {0};
    if (!audit->indexed || line->end != audit->index_row.journal_offset)
        return;
    audit->reached = true;
    if (strcmp(line->hash, audit->index_row.journal_hash) == 0)
        return;
    err_set(&err, RC_CORRUPT, "journal/%s.ndjson: line %" PRIu64 ": is not the one that the index has seen: it was changed", audit->row.id, line->seq);
    on_damage(audit, &err);
}

static void on_line(void *context, const struct job_row *row, const struct journal_line *line) {
    struct audit *audit = context;
    struct buf text = BUF_INIT(RECORD_BYTES);
    uint64_t uid = 0;
    const cJSON *owner = cJSON_GetObjectItemCaseSensitive(line->json, "uid");
    const char *by = text_of(line->json, "by");
    bool has_uid = cJSON_IsNumber(owner) && owner->valuedouble >= 0 && owner->valuedouble <= UINT32_MAX;
    (void)row;
    audit->ts_us = line->ts_us;
    if (has_uid)
        uid = (uint64_t)owner->valuedouble;
    if (!audit->rc && is_wanted(audit, line, by, has_uid, uid)) {
        if (!(audit->cmd->json ? add_json : add_text)(audit, line, by, has_uid, uid, &text))
            audit->rc = err_set(audit->err, RC_TEMP, "journal/%s.ndjson: line %" PRIu64 ": out of memory, or too long to be told", audit->row.id, line->seq);
        else
            keep(audit, line->ts_us, line->seq, &text);
    }
    buf_release(&text);
    audit->moved = (struct job_money){.open = dec_zero()};
    check_end(audit, line);
}

static enum rc read_journal(void *context, const char *id, struct err *err) {
    struct audit *audit = context;
    const struct job_listener listener = {on_line, on_money, on_damage, audit};
    struct index *index = cmd_index(audit->cmd);
    struct err ignored = {0};
    audit->indexed = index && index_job(index, id, &audit->index_row, &ignored) == RC_OK;
    audit->reached = false;
    audit->ts_us = 0;
    audit->err = err;
    audit->moved = (struct job_money){.open = dec_zero()};
    enum rc rc = job_row_listen(audit->cmd->spool, id, &audit->row, &listener, err);
    if (!rc && audit->indexed && !audit->reached && audit->index_row.journal_offset) {
        struct err seen = {0};
        err_set(&seen, RC_CORRUPT, "journal/%s.ndjson: the index has read it up to byte %" PRIu64 ", where no line ends now: it was changed", id,
                audit->index_row.journal_offset);
        on_damage(audit, &seen);
    }
    return rc ? rc : audit->rc;
}

/* --- telling -------------------------------------------------------------------------------------------------------- */

static int print_all(struct audit *audit) {
    struct slice key, value;
    struct err err = {0};
    enum rc rc;
    while ((rc = sorter_next(audit->sorter, &key, &value, &err)) == RC_OK) {
        if (fwrite(value.data, 1, value.length, stdout) != value.length || putchar('\n') == EOF)
            return EXIT_DONE; /* main tells why */
    }
    return rc == RC_GONE ? EXIT_DONE : cmd_fail_rc(audit->cmd, rc, &err);
}

int cmd_audit(struct cmd *cmd, int argc, char **argv) {
    struct audit audit = {.cmd = cmd};
    const char *since = NULL, *until = NULL;
    const struct cmd_option options[] = {
        {"job", CMD_TEXT, &audit.job, "ID", "only this job"},
        {"source", CMD_TEXT, &audit.source, "NAME", "only jobs of this source"},
        {"campaign", CMD_TEXT, &audit.campaign, "ID", "only jobs of this campaign"},
        {"by", CMD_TEXT, &audit.by, "WHO", "daemon, mv, \"command line\", web, or a user's name or number"},
        {"event", CMD_LIST, &audit.events, "EVENT", "only these events, of whomever"},
        {"since", CMD_TEXT, &since, "TIME", "only from then on: a time, a UTC day, or how long ago (P7D)"},
        {"until", CMD_TEXT, &until, "TIME", "only before then, or to the end of that day"},
        {"all", CMD_FLAG, &audit.all, NULL, "every event, not only what people did and what was decided"},
        {.name = NULL},
    };
    int code;
    if (!cmd_parse(cmd, &argc, &argv, options, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_period_parse(cmd, since, until, &audit.period)) != EXIT_DONE || (code = cmd_open(cmd)) != EXIT_DONE)
        return code;
    audit.sorter = sorter_new(0);
    if (!audit.sorter)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    const struct cmd_journals journals = {read_journal, &audit};
    code = cmd_journals_each(cmd, audit.job, &journals);
    if (!code)
        code = print_all(&audit);
    sorter_free(audit.sorter);
    if (!code && audit.damages)
        code = cmd_fail(cmd, EXIT_DATA, "%" PRIu64 " places where a journal was edited or damaged", audit.damages);
    return code;
}
