// SPDX-License-Identifier: Apache-2.0
#include "engine/audit.h"

#include "os/sorter.h"
#include "spool/jobs.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USERS 64u
#define RECORD_BYTES (SORTER_RECORD_BYTES - 256)

struct user {
    bool known;
    uint64_t uid;
    char name[64];
};

struct audit {
    const struct spool *spool;
    const struct audit_options *options;
    audit_form *form;
    void (*damage)(void *context, const struct err *err);
    void *context;
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
        struct passwd entry, *found = NULL;
        char room[4096];
        *user = (struct user){.known = true, .uid = uid};
        if (getpwuid_r((uid_t)uid, &entry, room, sizeof room, &found) == 0 && found)
            str_copy(user->name, sizeof user->name, found->pw_name);
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
    const char *wanted = audit->options->by;
    char number[24];
    if (!wanted || strcmp(wanted, by) == 0 || (!*by && strcmp(wanted, "daemon") == 0))
        return true;
    snprintf(number, sizeof number, "%" PRIu64, uid);
    return has_uid && (strcmp(wanted, number) == 0 || strcmp(wanted, user_name(audit, uid)) == 0);
}

static bool is_wanted_event(const struct audit_options *options, const char *event, const char *by) {
    if (!options->event_count)
        return options->all || is_act(event, by);
    for (size_t i = 0; i < options->event_count; i++)
        if (strcmp(options->events[i], event) == 0)
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

const char *const audit_told[] = {"decision",   "reason", "batch",      "from",  "to",    "priority", "name",
                                  "created_by", "status", "request_id", "until", "error", NULL};

static void add_line(const struct audit_event *event, cJSON *json) {
    char amount[DEC_TEXT_SIZE];
    cJSON_AddStringToObject(json, "source", event->row->source);
    cJSON_AddStringToObject(json, "campaign_id", event->row->campaign);
    cJSON_AddNumberToObject(json, "seq", (double)event->seq);
    cJSON_AddStringToObject(json, "event", event->line->event);
    cJSON_AddStringToObject(json, "node", text_of(event->line->json, "node"));
    cJSON_AddStringToObject(json, "by", event->by);
    if (event->has_uid) {
        cJSON_AddNumberToObject(json, "uid", (double)event->uid);
        cJSON_AddStringToObject(json, "user", event->user);
        cJSON_AddStringToObject(json, "uid_of", event->uid_of_file ? "file" : "program");
    }
    for (size_t i = 0; audit_told[i]; i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(event->line->json, audit_told[i]);
        if (member)
            cJSON_AddItemToObject(json, audit_told[i], cJSON_Duplicate(member, true));
    }
    if (event->money_is) {
        dec_format(event->money, amount);
        cJSON_AddStringToObject(json, "money", amount);
        cJSON_AddStringToObject(json, "money_is", event->money_is);
        cJSON_AddStringToObject(json, "currency", event->row->currency);
    }
}

bool audit_json(void *context, const struct audit_event *event, struct buf *out) {
    char when[CLOCK_RFC3339_SIZE];
    cJSON *json = cJSON_CreateObject();
    (void)context;
    clock_format_rfc3339(event->ts_us, 6, when);
    cJSON_AddStringToObject(json, "ts", when);
    cJSON_AddStringToObject(json, "job_id", event->row->id);
    if (event->line)
        add_line(event, json);
    else {
        cJSON_AddStringToObject(json, "event", "damaged");
        cJSON_AddStringToObject(json, "error", event->damage->text);
    }
    char *text = cJSON_PrintUnformatted(json);
    const bool good = text && buf_add_text(out, text) == RC_OK;
    cJSON_free(text);
    cJSON_Delete(json);
    return good;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* Ordered by time, then job, then place in the journal. */
static void keep(struct audit *audit, const struct audit_event *event) {
    struct buf text = BUF_INIT(RECORD_BYTES);
    char key[JOBID_SIZE + 16];
    const size_t id = strlen(audit->row.id) + 1;
    if (!audit->form(audit->context, event, &text)) {
        audit->rc = err_set(audit->err, RC_TEMP, "journal/%s.ndjson: line %" PRIu64 ": out of memory, or too long to be told", audit->row.id, event->seq);
        buf_release(&text);
        return;
    }
    for (size_t i = 0; i < 8; i++) {
        key[i] = (char)((uint64_t)event->ts_us >> (56 - 8 * i)); /* never before 1970 */
        key[8 + id + i] = (char)(event->seq >> (56 - 8 * i));
    }
    memcpy(key + 8, audit->row.id, id);
    for (size_t i = 0; audit->options->newest_first && i < 16 + id; i++)
        key[i] = (char)~key[i];
    enum rc rc = sorter_add(audit->sorter, (struct slice){key, 16 + id}, (struct slice){buf_text(&text), text.length}, audit->err);
    audit->rc = audit->rc ? audit->rc : rc;
    buf_release(&text);
}

static bool is_wanted(struct audit *audit, const struct journal_line *line, const char *by, bool has_uid, uint64_t uid) {
    const struct audit_options *o = audit->options;
    return period_has(&o->period, line->ts_us) && is_wanted_event(o, line->event, by) && is_by(audit, by, has_uid, uid) &&
           (!o->source || strcmp(o->source, audit->row.source) == 0) && (!o->campaign || strcmp(o->campaign, audit->row.campaign) == 0);
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
    const struct audit_event event = {.row = &audit->row, .ts_us = audit->ts_us, .seq = audit->row.journal_seq, .damage = err, .by = "", .user = ""};
    audit->damages++;
    if (audit->damage)
        audit->damage(audit->context, err);
    if (!audit->rc)
        keep(audit, &event);
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
    const cJSON *owner = cJSON_GetObjectItemCaseSensitive(line->json, "uid");
    const char *by = text_of(line->json, "by");
    const bool has_uid = cJSON_IsNumber(owner) && owner->valuedouble >= 0 && owner->valuedouble <= UINT32_MAX;
    const uint64_t uid = has_uid ? (uint64_t)owner->valuedouble : 0;
    (void)row;
    audit->ts_us = line->ts_us;
    if (!audit->rc && is_wanted(audit, line, by, has_uid, uid)) {
        struct audit_event event = {.row = &audit->row,
                                    .ts_us = line->ts_us,
                                    .seq = line->seq,
                                    .line = line,
                                    .by = *by ? by : "daemon",
                                    .has_uid = has_uid,
                                    .uid_of_file = is_owner(line->event, by),
                                    .uid = uid,
                                    .user = has_uid ? user_name(audit, uid) : ""};
        if (!money_of(&audit->moved, &event.money, &event.money_is))
            event.money_is = NULL;
        keep(audit, &event);
    }
    audit->moved = (struct job_money){.open = dec_zero()};
    check_end(audit, line);
}

static enum rc read_journal(void *context, const char *id, struct err *err) {
    struct audit *audit = context;
    const struct job_listener listener = {on_line, on_money, on_damage, audit};
    struct index *index = audit->options->index;
    struct err ignored = {0};
    audit->indexed = index && index_job(index, id, &audit->index_row, &ignored) == RC_OK;
    audit->reached = false;
    audit->ts_us = 0;
    audit->err = err;
    audit->moved = (struct job_money){.open = dec_zero()};
    enum rc rc = job_row_listen(audit->spool, id, &audit->row, &listener, err);
    if (!rc && audit->indexed && !audit->reached && audit->index_row.journal_offset) {
        struct err seen = {0};
        err_set(&seen, RC_CORRUPT, "journal/%s.ndjson: the index has read it up to byte %" PRIu64 ", where no line ends now: it was changed", id,
                audit->index_row.journal_offset);
        on_damage(audit, &seen);
    }
    return rc ? rc : audit->rc;
}

enum rc audit_read(const struct spool *spool, const struct audit_options *options, audit_form *form, void (*damage)(void *context, const struct err *err),
                   void *context, struct audit **out, struct err *err) {
    struct audit *audit = calloc(1, sizeof *audit);
    *out = NULL;
    if (!audit || !(audit->sorter = sorter_new(0))) {
        free(audit);
        return err_set(err, RC_TEMP, "out of memory");
    }
    audit->spool = spool;
    audit->options = options;
    audit->form = form;
    audit->damage = damage;
    audit->context = context;
    enum rc rc = options->job ? read_journal(audit, options->job, err) : jobs_journals(spool, read_journal, audit, err);
    if (rc)
        audit_free(audit);
    else
        *out = audit;
    return rc;
}

enum rc audit_next(struct audit *audit, struct slice *event, struct err *err) {
    struct slice key;
    return sorter_next(audit->sorter, &key, event, err);
}

uint64_t audit_count(const struct audit *audit) {
    return sorter_count(audit->sorter);
}

uint64_t audit_damages(const struct audit *audit) {
    return audit->damages;
}

void audit_free(struct audit *audit) {
    if (audit)
        sorter_free(audit->sorter);
    free(audit);
}
