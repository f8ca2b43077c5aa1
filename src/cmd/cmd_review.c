// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_jobs.h"

#include "base/json.h"
#include "base/str.h"
#include "engine/review_view.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* What is spoken of is FIELD, LIST/ROW or LIST/ROW/CELL. */

struct review_ask_line {
    struct cmd_list confirm, set, withdraw, remove, add;
    const char *document, *unit, *note;
    bool done, reopen, replace, rest, rows;
};

/* "field=value": the value as JSON when it is some, else as text. */
static cJSON *value_of(const char *text) {
    struct err ignored = {0};
    return json_check(text, strlen(text), &json_rules_config, &ignored) == RC_OK ? cJSON_Parse(text) : cJSON_CreateString(text);
}

static cJSON *object_in(cJSON *json, const char *name) {
    cJSON *object = cJSON_GetObjectItemCaseSensitive(json, name);
    return object ? object : cJSON_AddObjectToObject(json, name);
}

static cJSON *word_of(const struct review_ask_line *ask, const char *decision, cJSON *value) {
    cJSON *word = decision ? cJSON_CreateObject() : cJSON_CreateNull();
    if (!decision)
        return word;
    cJSON_AddStringToObject(word, "decision", decision);
    if (value)
        cJSON_AddItemToObject(word, strcmp(decision, "added") == 0 ? "values" : "value", value);
    if (ask->unit && strcmp(decision, "corrected") == 0)
        cJSON_AddStringToObject(word, "unit", ask->unit);
    if (ask->note)
        cJSON_AddStringToObject(word, "note", ask->note);
    return word;
}

/* Put a word on what `name` says into the change. */
static void put_word(cJSON *change, const char *document, const char *name, cJSON *word) {
    char list[200], *row, *cell;
    if (!strchr(name, '/') || !str_copy(list, sizeof list, name)) {
        cJSON *fields = object_in(object_in(change, "fields"), document);
        cJSON_DeleteItemFromObjectCaseSensitive(fields, name);
        cJSON_AddItemToObject(fields, name, word);
        return;
    }
    row = strchr(list, '/');
    *row++ = '\0';
    cell = strchr(row, '/');
    cJSON *rows = object_in(object_in(object_in(change, "rows"), document), list);
    if (!cell) {
        cJSON *there = cJSON_DetachItemFromObjectCaseSensitive(rows, row), *cells = cJSON_DetachItemFromObjectCaseSensitive(there, "cells");
        cJSON_Delete(there);
        if (cells)
            cJSON_AddItemToObject(word, "cells", cells);
        cJSON_AddItemToObject(rows, row, word);
        return;
    }
    *cell++ = '\0';
    cJSON_DeleteItemFromObjectCaseSensitive(word, "unit");
    cJSON *cells = object_in(object_in(rows, row), "cells");
    cJSON_DeleteItemFromObjectCaseSensitive(cells, cell);
    cJSON_AddItemToObject(cells, cell, word);
}

/* [{"sha256","name"}] of the job, or, when it names none, of its records. */
static cJSON *documents_of(const struct review_records *records) {
    cJSON *all = cJSON_Duplicate(records->documents, true);
    struct slice record;
    size_t at = 0;
    if (cJSON_GetArraySize(all))
        return all;
    cJSON_Delete(all);
    all = cJSON_CreateArray();
    while (report_records_next(&records->input.records, &at, &record)) {
        char *sum = report_get_text(record, "/document/sha256"), *name = report_get_text(record, "/document/name");
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "sha256", sum ? sum : "");
        cJSON_AddStringToObject(one, "name", name ? name : "");
        cJSON_AddItemToArray(all, one);
        free(sum);
        free(name);
    }
    return all;
}

/* The document that the command names by the first digits of its sum, or the one that the job has. */
static int document_of(struct cmd *cmd, const struct review_records *records, const char *given, char document[65]) {
    cJSON *all = documents_of(records);
    const cJSON *one;
    char told[1500] = "";
    size_t found = 0, used = 0;
    cJSON_ArrayForEach(one, all) {
        const char *sum = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "sha256")),
                   *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "name"));
        char shown[100];
        found += sum && (!given || str_starts(sum, given)) && str_copy(document, 65, sum);
        if (sum && str_format(told + used, sizeof told - used, "%s%.12s %s", used ? ", " : "", sum, cmd_shown(shown, sizeof shown, name ? name : "", true)))
            used += strlen(told + used);
    }
    cJSON_Delete(all);
    if (found == 1)
        return EXIT_DONE;
    return given ? cmd_fail(cmd, EXIT_DATA, "--document %.70s: must be the SHA-256, or its first digits, of one document of the job: %s", given, told)
                 : cmd_fail(cmd, EXIT_USAGE, "the job has not just one document: say which by --document: %s", told);
}

static int put_sets(struct cmd *cmd, const struct review_ask_line *ask, const char *document, cJSON *change) {
    for (size_t i = 0; i < ask->set.count; i++) {
        const char *equals = strchr(ask->set.items[i], '=');
        char name[200];
        if (!equals || equals == ask->set.items[i] || !str_format(name, sizeof name, "%.*s", (int)(equals - ask->set.items[i]), ask->set.items[i]))
            return cmd_fail(cmd, EXIT_USAGE, "--set %s: must be FIELD=VALUE", ask->set.items[i]);
        put_word(change, document, name, word_of(ask, "corrected", value_of(equals + 1)));
    }
    return EXIT_DONE;
}

static int put_adds(struct cmd *cmd, const struct review_ask_line *ask, const char *document, cJSON *change) {
    for (size_t i = 0; i < ask->add.count; i++) {
        const char *equals = strchr(ask->add.items[i], '=');
        unsigned char random[6];
        char name[200], hex[13];
        cJSON *values = equals ? value_of(equals + 1) : NULL;
        if (!cJSON_IsObject(values) || getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
            cJSON_Delete(values);
            return cmd_fail(cmd, EXIT_USAGE, "--add %s: must be LIST={\"cell\": value, ...}", ask->add.items[i]);
        }
        str_hex(random, sizeof random, hex);
        str_format(name, sizeof name, "%.*s/a%s", (int)(equals - ask->add.items[i]), ask->add.items[i], hex);
        put_word(change, document, name, word_of(ask, "added", values));
    }
    return EXIT_DONE;
}

/* All that is open, of one document or all: into the change, and into rest as the view has it. */
static int put_rest(struct cmd *cmd, const struct review_ask_line *ask, const struct review_records *records, cJSON *review, cJSON *change, cJSON *rest) {
    struct err err = {0};
    cJSON *view;
    const cJSON *need;
    const enum rc rc = review_view_job(records, review, &view, &err);
    if (rc)
        return cmd_fail_rc(cmd, rc, &err);
    cJSON_ArrayForEach(need, cJSON_GetObjectItemCaseSensitive(view, "needs")) {
        const char *document = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(need, "document"));
        const char *field = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(need, "field"));
        char name[200];
        if (!document || (ask->document && strcmp(document, ask->document) != 0))
            continue;
        if (!field)
            str_format(name, sizeof name, "%s/%s", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(need, "list")),
                       cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(need, "row")));
        put_word(change, document, field ? field : name, word_of(ask, "confirmed", NULL));
        cJSON_AddItemToArray(rest, cJSON_Duplicate(need, true));
    }
    cJSON_Delete(view);
    return EXIT_DONE;
}

static int change_of(struct cmd *cmd, const struct review_ask_line *line, const struct review_records *records, cJSON *review, cJSON *change, cJSON *rest) {
    char document[65];
    struct review_ask_line named = *line;
    const struct review_ask_line *ask = &named;
    int code = line->document ? document_of(cmd, records, line->document, document) : EXIT_DONE;
    if (code)
        return code;
    named.document = line->document ? document : NULL;
    code = ask->rest ? put_rest(cmd, ask, records, review, change, rest) : EXIT_DONE;
    if (!code && (ask->done || ask->reopen))
        cJSON_AddBoolToObject(change, "reviewed", ask->done);
    if (code || (!ask->confirm.count && !ask->set.count && !ask->withdraw.count && !ask->remove.count && !ask->add.count))
        return code;
    code = ask->document ? EXIT_DONE : document_of(cmd, records, NULL, document);
    for (size_t i = 0; !code && i < ask->confirm.count; i++)
        put_word(change, document, ask->confirm.items[i], word_of(ask, "confirmed", NULL));
    for (size_t i = 0; !code && i < ask->withdraw.count; i++)
        put_word(change, document, ask->withdraw.items[i], word_of(ask, NULL, NULL));
    for (size_t i = 0; !code && i < ask->remove.count; i++)
        put_word(change, document, ask->remove.items[i], word_of(ask, "removed", NULL));
    code = code ? code : put_sets(cmd, ask, document, change);
    return code ? code : put_adds(cmd, ask, document, change);
}

/* --- showing ------------------------------------------------------------------------------------------------------------ */

static const char *text_of(const cJSON *json, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

static void print_word(const char *document, const char *name, const cJSON *word) {
    char shown[400], shown_name[300];
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(word, "value");
    char *text = cJSON_PrintUnformatted(value ? value : cJSON_GetObjectItemCaseSensitive(word, "values"));
    if (text_of(word, "decision")[0])
        printf("%.12s %s %s by %s at %s %s\n", document, cmd_shown(shown_name, sizeof shown_name, name, true), text_of(word, "decision"),
               text_of(word, "reviewer"), text_of(word, "at"), cmd_shown(shown, sizeof shown, text ? text : "", false));
    cJSON_free(text);
}

static void print_row_words(const char *document, const cJSON *list) {
    const cJSON *row, *cell;
    char name[300];
    cJSON_ArrayForEach(row, list) {
        str_format(name, sizeof name, "%s/%s", list->string, row->string);
        print_word(document, name, row);
        cJSON_ArrayForEach(cell, cJSON_GetObjectItemCaseSensitive(row, "cells")) {
            str_format(name, sizeof name, "%s/%s/%s", list->string, row->string, cell->string);
            print_word(document, name, cell);
        }
    }
}

static void print_review(const cJSON *review) {
    const cJSON *document, *item;
    printf("%-10s %s\n", "reviewed", cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(review, "reviewed")) ? "yes" : "no");
    printf("%-10s %.0f\n", "open", cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(review, "open")));
    cJSON_ArrayForEach(document, cJSON_GetObjectItemCaseSensitive(review, "fields")) {
        for (item = document->child; item; item = item->next)
            print_word(document->string, item->string, item);
    }
    cJSON_ArrayForEach(document, cJSON_GetObjectItemCaseSensitive(review, "rows")) {
        for (item = document->child; item; item = item->next)
            print_row_words(document->string, item);
    }
}

static void name_need(const cJSON *need, char out[300]) {
    str_format(out, 300, "%s%s%s%s", text_of(need, "field"), text_of(need, "list"), text_of(need, "list")[0] ? "/" : "", text_of(need, "row"));
}

/* What --confirm-rest has confirmed, each with what it says and where. */
static void print_rest(const cJSON *rest) {
    const cJSON *need;
    cJSON_ArrayForEach(need, rest) {
        char shown[1000], why[400], name[300], shown_name[300], page[40] = "";
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(need, "value"), *number = cJSON_GetObjectItemCaseSensitive(need, "page");
        char *text = cJSON_IsNull(value) ? NULL : cJSON_PrintUnformatted(value);
        name_need(need, name);
        if (cJSON_IsNumber(number))
            str_format(page, sizeof page, ", page %.0f", number->valuedouble);
        printf("confirmed  %.12s %s%s%s%s (%s)\n", text_of(need, "document"), cmd_shown(shown_name, sizeof shown_name, name, true), text ? " = " : "",
               cmd_shown(shown, sizeof shown, text ? text : "", false), page, cmd_shown(why, sizeof why, text_of(need, "why"), false));
        cJSON_free(text);
    }
}

static void print_needs(const cJSON *view) {
    const cJSON *need;
    cJSON_ArrayForEach(need, cJSON_GetObjectItemCaseSensitive(view, "needs")) {
        char shown[400], name[300], shown_name[300];
        name_need(need, name);
        printf("%.12s %s needs review: %s\n", text_of(need, "document"), cmd_shown(shown_name, sizeof shown_name, name, true),
               cmd_shown(shown, sizeof shown, text_of(need, "why"), false));
    }
}

/* 'HASH rent/r1a2b... holds {"from": ...}': a row as it is now. */
static bool print_row(const char *document, const cJSON *list, const cJSON *row) {
    cJSON *values = cJSON_CreateObject();
    const cJSON *cell;
    cJSON_ArrayForEach(cell, cJSON_GetObjectItemCaseSensitive(list, "cells")) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, text_of(cell, "name"));
        cJSON_AddItemToObject(values, text_of(cell, "name"), value ? cJSON_Duplicate(value, true) : cJSON_CreateNull());
    }
    char *text = cJSON_PrintUnformatted(values);
    const size_t size = text ? strlen(text) * 4 + 1 : 0;
    char *shown = text ? malloc(size) : NULL;
    if (shown)
        printf("%.12s %s/%s %s %s\n", document, list->string, text_of(row, "row"), text_of(row, "holds"), cmd_shown(shown, size, text, false));
    const bool good = shown != NULL;
    free(shown);
    cJSON_free(text);
    cJSON_Delete(values);
    return good;
}

static enum rc print_rows(const struct cmd *cmd, const char *job_id, const struct review_records *records, cJSON *review, const cJSON *job, struct err *err) {
    const cJSON *document, *list, *row;
    enum rc rc = RC_OK;
    cJSON_ArrayForEach(document, cJSON_GetObjectItemCaseSensitive(job, "documents")) {
        cJSON *view = NULL;
        rc = rc ? rc : review_view_document(cmd->spool, job_id, records, review, text_of(document, "sha256"), &view, err);
        cJSON_ArrayForEach(list, cJSON_GetObjectItemCaseSensitive(view, "rows")) {
            cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(list, "rows")) {
                if (!print_row(text_of(document, "sha256"), list, row))
                    rc = err_set(err, RC_TEMP, "out of memory");
            }
        }
        cJSON_Delete(view);
    }
    return rc;
}

static int show(struct cmd *cmd, const char *job_id, const struct review_ask_line *ask, const struct review_records *records, cJSON *review,
                const cJSON *rest) {
    struct err err = {0};
    cJSON *view = NULL;
    enum rc rc = review_view_job(records, review, &view, &err);
    if (!rc && cmd->json) {
        cJSON_AddItemToObject(review, "needs", cJSON_DetachItemFromObjectCaseSensitive(view, "needs"));
        if (ask->rest)
            cJSON_AddItemToObject(review, "confirmed", cJSON_Duplicate(rest, true));
        cmd_print_json(cmd, cJSON_Duplicate(review, true));
    } else if (!rc) {
        print_rest(rest);
        print_review(review);
        print_needs(view);
        if (ask->rows)
            rc = print_rows(cmd, job_id, records, review, view, &err);
    }
    cJSON_Delete(view);
    return rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
}

static int run(struct cmd *cmd, const char *job_id, const struct review_ask_line *ask) {
    const struct passwd *person = getpwuid(geteuid());
    struct review_records records;
    struct review_ask change = {.by = "command line", .reviewer = person ? person->pw_name : "command line", .replace = ask->replace};
    cJSON *json = cJSON_CreateObject(), *rest = cJSON_CreateArray(), *review = NULL;
    struct err err = {0};
    enum rc rc = review_records_read(cmd->spool, cmd->sources, job_id, &records, &err);
    if (!rc)
        rc = review_read(cmd->spool, job_id, &review, &err);
    if (!rc)
        rc = review_settle(&records, review, &err);
    int code = rc ? cmd_fail_rc(cmd, rc, &err) : change_of(cmd, ask, &records, review, json, rest);
    change.change = json;
    if (!code && json->child) {
        cJSON_Delete(review);
        review = NULL;
        rc = review_check(&change, &err);
        rc = rc ? rc : review_change(cmd->spool, job_id, &records, &change, &review, &err);
        if (rc == RC_PERM)
            code = cmd_fail(cmd, EXIT_DATA, "%s: %s%s", change.pointer, err.text, change.why == REVIEW_CONFLICT ? "; --replace puts yours in its place" : "");
        else if (rc)
            code = cmd_fail_rc(cmd, rc, &err);
        if (!code)
            cmd_say(cmd, "`batchspool results %s` makes the reports anew", job_id);
    }
    if (!code)
        code = show(cmd, job_id, ask, &records, review, rest);
    cJSON_Delete(json);
    cJSON_Delete(rest);
    cJSON_Delete(review);
    review_records_release(&records);
    return code;
}

int cmd_review(struct cmd *cmd, int argc, char **argv) {
    struct review_ask_line ask = {.document = NULL};
    const struct cmd_option table[] = {
        {"confirm", CMD_LIST, &ask.confirm, "WHAT", "what the analysis has is right: FIELD, LIST/ROW or LIST/ROW/CELL; may be repeated"},
        {"set", CMD_LIST, &ask.set, "WHAT=VALUE", "FIELD or LIST/ROW/CELL is this: JSON, or else text; null: there is none; may be repeated"},
        {"remove", CMD_LIST, &ask.remove, "LIST/ROW", "the document has no such row; may be repeated"},
        {"add", CMD_LIST, &ask.add, "LIST={...}", "a row that the analysis lacks, its cells as JSON, with page and quote; may be repeated"},
        {"withdraw", CMD_LIST, &ask.withdraw, "WHAT", "take back what was said of it; may be repeated"},
        {"confirm-rest", CMD_FLAG, &ask.rest, NULL, "confirm all that needs review still, and list it"},
        {"document", CMD_TEXT, &ask.document, "SHA256", "the document that these are of, when the job has several; the first digits will do"},
        {"unit", CMD_TEXT, &ask.unit, "UNIT", "of the fields that are set"},
        {"note", CMD_TEXT, &ask.note, "TEXT", "why"},
        {"replace", CMD_FLAG, &ask.replace, NULL, "also what another reviewer said"},
        {"done", CMD_FLAG, &ask.done, NULL, "the review is done; refused while something needs review"},
        {"reopen", CMD_FLAG, &ask.reopen, NULL, "reports are drafts again until it is done"},
        {"rows", CMD_FLAG, &ask.rows, NULL, "show the rows with their ids, too"},
        {.name = NULL},
    };
    struct jobs_entry job = {.file = NULL};
    int code;
    if (!cmd_parse(cmd, &argc, &argv, table, &code))
        return code;
    if (argc != 1 || (ask.done && ask.reopen))
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_sources(cmd)) != EXIT_DONE || (code = cmd_job_find(cmd, argv[0], &job)) != EXIT_DONE)
        return code;
    code = job.id[0] ? run(cmd, job.id, &ask) : cmd_fail(cmd, EXIT_NOINPUT, "%s: it was never accepted", job.file);
    free(job.file);
    return code;
}
