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

bool errand_exports(const struct errand *errand) {
    const bool records = errand->formats == FORM_BIT(FORM_NDJSON) || (errand->formats == FORM_BIT(FORM_CSV) && errand->report == FORMS_TABLE);
    return !errand->set && records;
}

static enum form form_of(const struct errand *errand) {
    unsigned form = 0;
    while (form + 1 < FORM_COUNT && !(errand->formats & FORM_BIT(form)))
        form++;
    return (enum form)form;
}

/* A name that can be nothing but a plain file beside others: no path, no dot file, none of the spool's own. */
static void read_name(struct check *check, const cJSON *object, struct errand *errand) {
    const enum form form = form_of(errand);
    char suffix[16];
    str_format(suffix, sizeof suffix, ".%s", forms_name(form));
    const cJSON *item = check_string(check, object, "name", sizeof errand->name - 1);
    if (!item) {
        if (errand->children[0])
            str_format(errand->name, sizeof errand->name, "%s%s", errand->children, suffix);
        else
            str_copy(errand->name, sizeof errand->name, forms_file(form));
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

/* Which files: one form, several, or the standard set. */
static void read_formats(struct check *check, const cJSON *object, struct errand *errand) {
    static const char *const formats[] = {"ndjson", "csv", "xlsx", "html", "pdf", "ics", NULL}; /* as enum form */
    bool standard = false;
    unsigned format = FORM_NDJSON;
    check_choice(check, object, "format", formats, &format);
    check_flag(check, object, "standard", &standard);
    forms_read(check, object, "formats", &errand->formats);
    errand->set = standard || errand->formats;
    if (errand->set && cJSON_HasObjectItem(object, "format"))
        (void)check_fail(check, "format", "does not go with formats or standard");
    else if (standard && errand->formats)
        (void)check_fail(check, "standard", "does not go with formats");
    if (!errand->set)
        errand->formats = FORM_BIT(format);
    errand->reported = cJSON_HasObjectItem(object, "report");
    forms_read_report(check, object, &errand->report);
    const cJSON *baseline = check_string(check, object, "baseline", JOBID_SIZE - 1);
    if (baseline && !jobid_valid(baseline->valuestring))
        (void)check_fail(check, "baseline", "must be the whole id of a job");
    else if (baseline)
        str_copy(errand->baseline, sizeof errand->baseline, baseline->valuestring);
}

/* A report is of one job, all of it. */
static void check_report(struct check *check, const cJSON *object, const struct errand *errand) {
    static const char *const others[] = {"campaign", "children", "not_in", "since", "columns", "with_origin"};
    if (errand_exports(errand))
        return;
    if (!errand->job[0])
        (void)check_lacks(check, "job", "a report is of one job: its id is missing");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (cJSON_HasObjectItem(object, others[i]))
            (void)check_fail(check, others[i], "goes with format \"ndjson\" or \"csv\" alone");
    if (errand->set && cJSON_HasObjectItem(object, "name"))
        (void)check_fail(check, "name", "does not go with formats or standard, whose files have names");
}

static void read_results(struct check *check, const cJSON *object, struct errand *errand) {
    static const char *const names[] = {"job",      "campaign",    "format", "formats", "standard", "report", "baseline", "columns",
                                        "children", "with_origin", "not_in", "since",   "limit",    "wait",   "name",     NULL};
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
    read_formats(check, object, errand);
    errand->columns = check_array(check, object, "columns", 1, COLUMNS_MOST);
    if (errand->columns && errand->formats != FORM_BIT(FORM_CSV))
        (void)check_fail(check, "columns", "goes with format \"csv\" alone");
    check_flag(check, object, "with_origin", &errand->with_origin);
    check_flag(check, object, "wait", &errand->wait);
    read_cursor(check, object, errand);
    check_report(check, object, errand);
    if (!errand->set)
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
