// SPDX-License-Identifier: Apache-2.0
#include "source/errand.h"

#include <string.h>

#include "base/str.h"

#define COLUMNS_MOST 4096u
#define LIMIT_MOST 9007199254740991u

bool errand_mode(const char *mode, enum errand_kind *kind) {
    *kind = strcmp(mode, "cleanup") == 0 ? ERRAND_CLEANUP : ERRAND_RESULTS;
    return *kind == ERRAND_CLEANUP || strcmp(mode, "results") == 0;
}

/* A name that can be nothing but a plain file beside others: no path, no dot file, none of the spool's own. */
static void read_name(struct check *check, const cJSON *object, struct errand *errand) {
    static const char *const suffixes[] = {".ndjson", ".csv"}; /* by errand->csv */
    const char *suffix = suffixes[errand->csv];
    const cJSON *item = check_string(check, object, "name", sizeof errand->name - 1);
    if (!item) {
        str_format(errand->name, sizeof errand->name, "%s%s", errand->children[0] ? errand->children : "records", suffix);
        return;
    }
    const char *name = item->valuestring;
    for (const char *at = name; *at; at++) {
        char one[2] = {*at, '\0'};
        if (*at != '.' && !str_is_name(one)) {
            (void)check_fail(check, "name", "has a character that is none of letters, digits, \".\", \"_\" and \"-\"");
            return;
        }
    }
    if (name[0] == '.' || !str_ends(name, suffix) || strlen(name) == strlen(suffix))
        (void)check_fail(check, "name", "must be a file's name that ends in %s", suffix);
    else if (strcmp(name, "members.ndjson") == 0)
        (void)check_fail(check, "name", "is that of the list of a job's records");
    str_copy(errand->name, sizeof errand->name, name);
}

static void read_cursor(struct check *check, const cJSON *object, struct errand *errand) {
    const cJSON *item = check_string(check, object, "since", sizeof errand->since - 1);
    if (item)
        str_copy(errand->since, sizeof errand->since, item->valuestring);
    check_u64(check, object, "limit", 1, LIMIT_MOST, &errand->limit);
    if (errand->limit && !item)
        (void)check_fail(check, "limit", "goes with since alone");
    if (item && errand->job[0])
        (void)check_fail(check, "since", "does not go with a job: its records do not change any more");
}

static void read_results(struct check *check, const cJSON *object, struct errand *errand) {
    static const char *const names[] = {"job", "campaign", "format", "columns", "children", "with_origin", "not_in", "since", "limit", "name", NULL};
    static const char *const formats[] = {"ndjson", "csv", NULL};
    unsigned format = 0;
    if (!check_object(check, object, names, NULL))
        return;
    const cJSON *job = check_string(check, object, "job", JOBID_SIZE - 1);
    if (job && !jobid_valid(job->valuestring))
        (void)check_fail(check, "job", "must be the whole id of a job");
    else if (job)
        str_copy(errand->job, sizeof errand->job, job->valuestring);
    check_name(check, object, "campaign", errand->campaign);
    check_name(check, object, "children", errand->children);
    check_name(check, object, "not_in", errand->not_in);
    check_choice(check, object, "format", formats, &format);
    errand->csv = format == 1;
    errand->columns = check_array(check, object, "columns", 1, COLUMNS_MOST);
    if (errand->columns && !errand->csv)
        (void)check_fail(check, "columns", "goes with format \"csv\" alone");
    check_flag(check, object, "with_origin", &errand->with_origin);
    read_cursor(check, object, errand);
    read_name(check, object, errand);
}

void errand_read(struct check *check, const cJSON *root, const char *source, struct errand *errand) {
    static const char *const names[] = {"source", "mode", "name", "created_by", "campaign_id", "priority", "notify", NULL};
    static const char *const of_results[] = {"results", NULL}, *const of_cleanup[] = {"dry_run", NULL};
    const bool results = errand->kind == ERRAND_RESULTS;
    if (!check_object(check, root, names, results ? of_results : of_cleanup))
        return;
    if (!results) {
        check_flag(check, root, "dry_run", &errand->dry_run);
        if (source[0])
            (void)check_fail(check, "source", "does not go with mode \"cleanup\", which is of the whole spool");
        return;
    }
    str_copy(errand->source, sizeof errand->source, source);
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(root, "results");
    if (!cJSON_IsObject(object)) {
        (void)check_fail(check, object ? "results" : NULL,
                         "needs results, an object that says which records are wanted, such as {\"job\": \"ID\", \"format\": \"csv\"}");
        return;
    }
    const size_t mark = check_enter(check, "results", 0);
    read_results(check, object, errand);
    check_leave(check, mark);
}
