// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_stuck.h"

#include "base/clock.h"

#include <stdio.h>

struct listing {
    struct cmd *cmd;
    size_t count;
    int64_t now_us;
};

static cJSON *stuck_json(const struct stuck *s, int64_t now_us) {
    cJSON *json = cJSON_CreateObject();
    char since[CLOCK_RFC3339_SIZE], file[2 * PAYLOAD_PATH_SIZE];
    cJSON_AddStringToObject(json, "kind", stuck_kind_name(s->kind));
    if (*s->job_id)
        cJSON_AddStringToObject(json, "job_id", s->job_id);
    if (s->batch)
        cJSON_AddNumberToObject(json, "batch_number", s->batch);
    if (*s->file)
        cJSON_AddStringToObject(json, "file", cmd_shown(file, sizeof file, s->file, false));
    if (*s->where)
        cJSON_AddStringToObject(json, "where", s->where);
    if (*s->source)
        cJSON_AddStringToObject(json, "source", s->source);
    cJSON_AddStringToObject(json, "reason", s->reason);
    cJSON_AddStringToObject(json, "text", s->text);
    cJSON_AddStringToObject(json, "go_on", s->go_on);
    if (s->since_us) {
        clock_format_rfc3339(s->since_us, 0, since);
        cJSON_AddStringToObject(json, "since", since);
        cJSON_AddNumberToObject(json, "age_s", (double)((now_us - s->since_us) / 1000000));
    }
    return json;
}

static void print(void *context, const struct stuck *s) {
    struct listing *l = context;
    char name[2 * PAYLOAD_PATH_SIZE], text[1600], go_on[800];
    l->count++;
    if (l->cmd->json) {
        cmd_print_json(l->cmd, stuck_json(s, l->now_us));
        return;
    }
    cmd_shown(name, sizeof name, *s->file ? s->file : s->source, true);
    printf("%-14s %s%s%s: %s\n%-14s %s\n", stuck_kind_name(s->kind), *s->file ? s->where : "source ", *s->file ? "/" : "", name,
           cmd_shown(text, sizeof text, s->text, false), "  go on:", cmd_shown(go_on, sizeof go_on, s->go_on, true));
}

int cmd_stuck_find(struct cmd *cmd, stuck_found *found, void *context) {
    int code;
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_sources(cmd)) != EXIT_DONE)
        return code;
    const struct stuck_options options = {.after_us = (int64_t)cmd->config.stuck_after_s * 1000000,
                                          .waiting_us = (int64_t)cmd->config.stuck_waiting_s * 1000000};
    struct err err = {0};
    enum rc rc = stuck_find(cmd->spool, cmd_index(cmd), cmd->sources, &options, found, context, &err);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

int cmd_stuck(struct cmd *cmd, int argc, char **argv) {
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    struct listing l = {.cmd = cmd, .now_us = clock_wall_us()};
    code = cmd_stuck_find(cmd, print, &l);
    return code ? code : l.count ? EXIT_INCOMPLETE : EXIT_DONE;
}
