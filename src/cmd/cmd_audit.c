// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"
#include "cmd/cmd_period.h"

#include "engine/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_who(const struct audit_event *event, struct buf *out) {
    char who[120] = "", shown[100];
    const char *of = event->uid_of_file ? ", file of " : " ";
    if (*event->user)
        snprintf(who, sizeof who, "%s%s(%" PRIu64 ")", of, event->user, event->uid);
    else if (event->has_uid)
        snprintf(who, sizeof who, "%suid %" PRIu64, of, event->uid);
    buf_printf(out, "%s%s", cmd_shown(shown, sizeof shown, event->by, false), who);
}

static void add_members(const struct audit_event *event, struct buf *out) {
    char shown[700];
    for (size_t i = 0; audit_told[i]; i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(event->line->json, audit_told[i]);
        if (cJSON_IsString(member) && *member->valuestring)
            buf_printf(out, "  %s=%s", audit_told[i], cmd_shown(shown, sizeof shown, member->valuestring, false));
        else if (cJSON_IsNumber(member))
            buf_printf(out, "  %s=%.15g", audit_told[i], member->valuedouble);
    }
}

static bool add_text(void *context, const struct audit_event *event, struct buf *out) {
    char when[CLOCK_RFC3339_SIZE], shown[700], amount[DEC_TEXT_SIZE];
    (void)context;
    clock_format_rfc3339(event->ts_us, 3, when);
    buf_printf(out, "%s  %s  %-14s  ", when, event->row->id, event->line ? cmd_shown(shown, sizeof shown, event->line->event, true) : "DAMAGED");
    if (!event->line) {
        buf_add_text(out, cmd_shown(shown, sizeof shown, event->damage->text, false));
        return out->length > 0;
    }
    add_who(event, out);
    add_members(event, out);
    if (event->money_is) {
        dec_format(event->money, amount);
        buf_printf(out, "  %s=%s %s", event->money_is, amount, cmd_shown(shown, sizeof shown, event->row->currency, true));
    }
    return out->length > 0;
}

static void tell_damage(void *context, const struct err *err) {
    cmd_say(context, "%s", err->text);
}

static int print_all(struct cmd *cmd, struct audit *audit) {
    struct slice event;
    struct err err = {0};
    enum rc rc;
    while ((rc = audit_next(audit, &event, &err)) == RC_OK) {
        if (fwrite(event.data, 1, event.length, stdout) != event.length || putchar('\n') == EOF)
            return EXIT_DONE; /* main tells why */
    }
    return rc == RC_GONE ? EXIT_DONE : cmd_fail_rc(cmd, rc, &err);
}

static int run(struct cmd *cmd, struct audit_options *options, const char *part) {
    struct jobs_entry job = {.file = NULL};
    struct audit *audit = NULL;
    struct err err = {0};
    int code = part ? cmd_job_find(cmd, part, &job) : EXIT_DONE;
    if (code)
        return code;
    options->job = part ? job.id : NULL;
    options->index = cmd_index(cmd);
    enum rc rc = part && !job.id[0] ? RC_GONE : audit_read(cmd->spool, options, cmd->json ? audit_json : add_text, tell_damage, cmd, &audit, &err);
    if (part && rc == RC_GONE)
        code = cmd_fail(cmd, EXIT_NOINPUT, "%s has no journal", job.file ? job.file : job.id);
    else
        code = rc ? cmd_fail_rc(cmd, rc, &err) : print_all(cmd, audit);
    if (!code && audit_damages(audit))
        code = cmd_fail(cmd, EXIT_DATA, "%" PRIu64 " places where a journal was edited or damaged", audit_damages(audit));
    audit_free(audit);
    options->job = NULL;
    free(job.file);
    return code;
}

int cmd_audit(struct cmd *cmd, int argc, char **argv) {
    struct audit_options audit = {.job = NULL};
    struct cmd_list events = {.count = 0};
    const char *job = NULL, *since = NULL, *until = NULL;
    const struct cmd_option options[] = {
        {"job", CMD_TEXT, &job, "ID", "only this job"},
        {"source", CMD_TEXT, &audit.source, "NAME", "only jobs of this source"},
        {"campaign", CMD_TEXT, &audit.campaign, "ID", "only jobs of this campaign"},
        {"by", CMD_TEXT, &audit.by, "WHO", "daemon, mv, \"command line\", web, or a user's name or number"},
        {"event", CMD_LIST, &events, "EVENT", "only these events, of whomever"},
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
    audit.events = events.items;
    audit.event_count = events.count;
    return run(cmd, &audit, job);
}
