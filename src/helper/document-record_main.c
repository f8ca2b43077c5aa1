// SPDX-License-Identifier: Apache-2.0
#include "helper/tool.h"
#include "helper/record.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "batchspool-document-record"

static const char USAGE[] = "usage: " PROGRAM " [--check] [--schema NAME] [--lease DIRECTORY]\n";

struct options {
    const char *schema, *lease;
    bool check;
};

static enum rc options_read(int argc, char **argv, struct options *options, struct err *err) {
    static const struct option longs[] = {
        {"schema", required_argument, NULL, 's'}, {"lease", required_argument, NULL, 'l'}, {"check", no_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 's')
            options->schema = optarg;
        else if (c == 'l')
            options->lease = optarg;
        else if (c == 'c')
            options->check = true;
        else
            return err_set(err, RC_FATAL, "%.200s", USAGE);
    }
    return optind == argc ? RC_OK : err_set(err, RC_FATAL, "%.200s", USAGE);
}

static cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static enum rc put(cJSON *json, struct err *err) {
    enum rc rc = tool_put_json(json, err);
    if (!rc)
        rc = tool_put("\n", err);
    return rc ? rc : tool_flush(err);
}

static enum rc check(const struct lease *lease, cJSON *input, struct err *err) {
    cJSON *answer = member(input, "answer"), *checked = NULL;
    if (!answer)
        return err_set(err, RC_PERM, "standard input has no \"answer\"");
    enum rc rc = record_check(lease, answer, &checked, err);
    if (!rc)
        rc = put(checked, err);
    cJSON_Delete(checked);
    return rc;
}

/* As many answers as there were parts. */
static enum rc answers_of(cJSON *input, cJSON **answers, struct err *err) {
    cJSON *given = member(input, "answers"), *one = member(input, "answer"), *parts = member(member(input, "chunks"), "chunks");
    if (!given && one) {
        given = cJSON_AddArrayToObject(input, "answers");
        cJSON_AddItemToArray(given, cJSON_DetachItemFromObjectCaseSensitive(input, "answer"));
    }
    *answers = given;
    if (!cJSON_IsArray(given))
        return err_set(err, RC_PERM, "standard input has no \"answers\"");
    if (cJSON_IsArray(parts) && cJSON_GetArraySize(parts) != cJSON_GetArraySize(given))
        return err_set(err, RC_PERM, "there are %d answers to %d parts of the text", cJSON_GetArraySize(given), cJSON_GetArraySize(parts));
    return RC_OK;
}

static enum rc make(const struct lease *lease, cJSON *input, struct err *err) {
    const cJSON *document = member(input, "document"), *chunks = member(input, "chunks");
    struct pages pages = {.list = NULL};
    struct record_input in = {.lease = lease,
                              .pages = &pages,
                              .run = tool_text(input, "run", ""),
                              .name = tool_text(document, "name", ""),
                              .sha256 = tool_text(document, "sha256", ""),
                              .group = tool_text(document, "group", tool_text(input, "group", NULL)),
                              .schema_version = tool_text(chunks, "schema_version", NULL),
                              .prompt_version = tool_text(chunks, "prompt_version", NULL)};
    cJSON *record = NULL;
    enum rc rc = *in.run && *in.sha256 ? lease_date_order(tool_text(input, "date_order", NULL), &in.order, err)
                                       : err_set(err, RC_PERM, "standard input needs \"run\" and \"document\" with \"sha256\"");
    if (!rc)
        rc = answers_of(input, &in.answers, err);
    if (!rc)
        rc = pages_read_input(input, &pages, err);
    if (!rc)
        rc = record_make(&in, &record, err);
    if (!rc) {
        cJSON *answer = cJSON_CreateObject();
        cJSON_AddItemToArray(cJSON_AddArrayToObject(answer, "results"), record);
        rc = put(answer, err);
        cJSON_Delete(answer);
    }
    pages_release(&pages);
    return rc;
}

static enum rc work(const struct options *options, cJSON *input, struct err *err) {
    const char *schema = tool_text(input, "schema", tool_text(member(input, "chunks"), "schema", options->schema));
    struct lease lease;
    if (!schema)
        return err_set(err, RC_PERM, "schema is missing: name one of the directory lease, such as \"commercial\"");
    enum rc rc = lease_open(options->lease, schema, &lease, err);
    if (!rc)
        rc = options->check ? check(&lease, input, err) : make(&lease, input, err);
    lease_release(&lease);
    return rc;
}

int main(int argc, char **argv) {
    struct options options = {.check = false};
    struct err err = {0};
    cJSON *input = NULL;
    enum rc rc = options_read(argc, argv, &options, &err);
    if (!rc)
        rc = tool_read_input(&input, &err);
    if (!rc)
        rc = work(&options, input, &err);
    cJSON_Delete(input);
    return tool_end(PROGRAM, rc, &err);
}
