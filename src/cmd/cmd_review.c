// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"

#include "base/json.h"
#include "engine/review.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct review_ask {
    struct cmd_list confirm, set, withdraw;
    const char *document, *unit, *note;
    bool done, reopen;
};

/* "field=value": the value as JSON when it is some, else as text. */
static cJSON *value_of(const char *text) {
    struct err ignored = {0};
    return json_check(text, strlen(text), &json_rules_config, &ignored) == RC_OK ? cJSON_Parse(text) : cJSON_CreateString(text);
}

static void add_word(cJSON *fields, const struct review_ask *ask, const char *name, const char *decision, cJSON *value) {
    cJSON *word = cJSON_CreateObject();
    cJSON_AddStringToObject(word, "decision", decision);
    if (value)
        cJSON_AddItemToObject(word, "value", value);
    if (ask->unit)
        cJSON_AddStringToObject(word, "unit", ask->unit);
    if (ask->note)
        cJSON_AddStringToObject(word, "note", ask->note);
    cJSON_AddItemToObject(fields, name, word);
}

/* The one document that the job has, when the command does not say which. */
static int document_of(struct cmd *cmd, const char *job_id, const char *given, char document[65]) {
    char *text;
    size_t length;
    if (given)
        return str_copy(document, 65, given) ? EXIT_DONE : cmd_fail(cmd, EXIT_USAGE, "--document: must be the SHA-256 of a document");
    struct err err = {0};
    enum rc rc = job_text_read(cmd->spool, job_id, &text, &length, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    cJSON *job = cJSON_ParseWithLength(text, length);
    const cJSON *documents = cJSON_GetObjectItemCaseSensitive(job, "documents"), *one = cJSON_GetArrayItem(documents, 0);
    const char *sha256 = cJSON_IsString(one) ? one->valuestring : cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "sha256"));
    const bool found = cJSON_GetArraySize(documents) == 1 && sha256 && str_copy(document, 65, sha256);
    cJSON_Delete(job);
    free(text);
    return found ? EXIT_DONE : cmd_fail(cmd, EXIT_USAGE, "the job has not just one document: say which by --document SHA256");
}

static int change_of(struct cmd *cmd, const char *job_id, const struct review_ask *ask, cJSON *change) {
    char document[65];
    if (ask->done || ask->reopen)
        cJSON_AddBoolToObject(change, "reviewed", ask->done);
    if (!ask->confirm.count && !ask->set.count && !ask->withdraw.count)
        return EXIT_DONE;
    int code = document_of(cmd, job_id, ask->document, document);
    if (code)
        return code;
    cJSON *fields = cJSON_AddObjectToObject(cJSON_AddObjectToObject(change, "fields"), document);
    for (size_t i = 0; i < ask->confirm.count; i++)
        add_word(fields, ask, ask->confirm.items[i], "confirmed", NULL);
    for (size_t i = 0; i < ask->withdraw.count; i++)
        cJSON_AddNullToObject(fields, ask->withdraw.items[i]);
    for (size_t i = 0; i < ask->set.count; i++) {
        const char *equals = strchr(ask->set.items[i], '=');
        char name[200];
        if (!equals || equals == ask->set.items[i] || !str_format(name, sizeof name, "%.*s", (int)(equals - ask->set.items[i]), ask->set.items[i]))
            return cmd_fail(cmd, EXIT_USAGE, "--set %s: must be FIELD=VALUE", ask->set.items[i]);
        add_word(fields, ask, name, "corrected", value_of(equals + 1));
    }
    return EXIT_DONE;
}

static void print_review(const cJSON *review) {
    const cJSON *document, *field;
    printf("%-10s %s\n", "reviewed", cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(review, "reviewed")) ? "yes" : "no");
    cJSON_ArrayForEach(document, cJSON_GetObjectItemCaseSensitive(review, "fields")) {
        cJSON_ArrayForEach(field, document) {
            char shown[400], name[200];
            const cJSON *value = cJSON_GetObjectItemCaseSensitive(field, "value");
            const char *decision = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(field, "decision"));
            const char *reviewer = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(field, "reviewer"));
            const char *at = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(field, "at"));
            char *text = value ? cJSON_PrintUnformatted(value) : NULL;
            printf("%.12s %s %s by %s at %s %s\n", document->string, cmd_shown(name, sizeof name, field->string, true), decision ? decision : "?",
                   reviewer ? reviewer : "?", at ? at : "?", cmd_shown(shown, sizeof shown, text ? text : "", false));
            cJSON_free(text);
        }
    }
}

static int run(struct cmd *cmd, const char *job_id, const struct review_ask *ask) {
    const struct passwd *person = getpwuid(geteuid());
    const struct review_by by = {.by = "command line", .reviewer = person ? person->pw_name : "command line"};
    cJSON *change = cJSON_CreateObject(), *review = NULL;
    struct err err = {0};
    int code = change_of(cmd, job_id, ask, change);
    enum rc rc = code ? RC_OK : review_check(change, NULL, &err);
    if (rc)
        code = cmd_fail(cmd, EXIT_DATA, "%s", err.text);
    if (!code) {
        rc = change->child ? review_change(cmd->spool, job_id, change, &by, &review, &err) : review_read(cmd->spool, job_id, &review, &err);
        code = rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
    }
    if (!code && change->child)
        cmd_say(cmd, "`batchspool results %s` makes the reports anew", job_id);
    cJSON_Delete(change);
    if (!code && cmd->json)
        return cmd_print_json(cmd, review);
    if (!code)
        print_review(review);
    cJSON_Delete(review);
    return code;
}

int cmd_review(struct cmd *cmd, int argc, char **argv) {
    struct review_ask ask = {.document = NULL};
    const struct cmd_option table[] = {
        {"confirm", CMD_LIST, &ask.confirm, "FIELD", "the value of the analysis is right; may be repeated"},
        {"set", CMD_LIST, &ask.set, "FIELD=VALUE", "it is this one: JSON, or else text; may be repeated"},
        {"withdraw", CMD_LIST, &ask.withdraw, "FIELD", "take back what was said of it; may be repeated"},
        {"document", CMD_TEXT, &ask.document, "SHA256", "the document that these fields are of, when the job has several"},
        {"unit", CMD_TEXT, &ask.unit, "UNIT", "of the values that are set"},
        {"note", CMD_TEXT, &ask.note, "TEXT", "why"},
        {"done", CMD_FLAG, &ask.done, NULL, "the review is done: reports are no draft any more"},
        {"reopen", CMD_FLAG, &ask.reopen, NULL, "it is not"},
        {.name = NULL},
    };
    struct jobs_entry job = {.file = NULL};
    int code;
    if (!cmd_parse(cmd, &argc, &argv, table, &code))
        return code;
    if (argc != 1 || (ask.done && ask.reopen))
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_job_find(cmd, argv[0], &job)) != EXIT_DONE)
        return code;
    code = job.id[0] ? run(cmd, job.id, &ask) : cmd_fail(cmd, EXIT_NOINPUT, "%s: it was never accepted", job.file);
    free(job.file);
    return code;
}
