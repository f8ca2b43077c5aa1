// SPDX-License-Identifier: Apache-2.0
#include "engine/export.h"

#include "base/clock.h"
#include "base/json.h"
#include "report/csv.h"
#include "engine/keyset.h"
#include "os/dirscan.h"
#include "sink/sink.h"
#include "source/answer.h"
#include "spool/job.h"
#include "spool/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COST_SLOTS 64u

struct job_ids {
    const char **list;
    size_t count, capacity;
    bool out_of_memory;
};

struct cost_slot { /* what a page's record cost; neighbours come from few pages */
    char job_id[JOBID_SIZE];
    uint32_t batch;
    char cost[DEC_TEXT_SIZE]; /* "" when unknown */
};

struct export {
    const struct export_options *options;
    struct sources *sources;
    struct sink *sink;
    FILE *out;
    uint64_t *rows;
    struct keyset *left_out; /* what was written already or must not be; NULL: every key comes once */
    struct csv csv;
    struct buf row, scratch;
    struct cost_slot costs[COST_SLOTS];
    uint64_t seen, most;           /* records; of one job with `take` no more than that */
    struct sink_position from, at; /* of since: where it begins, and how far the walk is */
    struct job_ids listed;         /* of the jobs those that bought only what was not owned: their members are in a file */
    /* of children */
    const struct source *source;
    const struct source_child *child;
    char source_name[65];
    char *key_names[SOURCE_MAX_KEYS];
    enum rc rc;
    struct err *err;
};

static bool note_job(void *context, const char *job_id) {
    struct job_ids *ids = context;

    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity == 0 ? 16 : ids->capacity * 2;
        const char **larger = realloc(ids->list, capacity * sizeof(const char *));
        ids->out_of_memory = larger == NULL;
        if (larger == NULL)
            return false;
        ids->list = larger;
        ids->capacity = capacity;
    }
    ids->list[ids->count] = strdup(job_id);
    ids->out_of_memory = ids->list[ids->count] == NULL;
    return ids->list[ids->count++] != NULL;
}

static void job_ids_release(struct job_ids *ids) {
    for (size_t i = 0; i < ids->count; i++)
        free((void *)(uintptr_t)ids->list[i]);
    free(ids->list);
}

static enum rc campaign_jobs(struct export *export, const char *campaign, struct job_ids *ids) {
    enum rc rc = sink_jobs(export->sink, campaign, note_job, ids, export->err);

    if (rc == RC_OK && ids->out_of_memory)
        rc = err_set(export->err, RC_TEMP, "out of memory");
    if (rc == RC_OK && ids->count == 0 && export->listed.count == 0)
        rc = err_set(export->err, RC_GONE, "nothing of campaign \"%s\" was ever loaded", campaign);
    return rc;
}

static bool note_file(void *context, const struct sink_file_row *row) {
    (void)row;
    *(bool *)context = true;
    return false;
}

/* Members in a file */

static bool has_list(const struct spool *spool, const char *job_id) {
    struct members *members;
    enum rc rc = members_open(spool, job_id, NULL, &members, NULL);

    members_close(members);
    return rc == RC_OK;
}

static enum rc note_listed(struct export *export, const char *job_id) {
    return note_job(&export->listed, job_id) ? RC_OK : err_set(export->err, RC_TEMP, "out of memory");
}

/* A member whose record was not loaded, or never came, is passed over. */
static enum rc walk_members(struct export *export, const struct spool *spool, const char *job_id, bool owned_only, sink_record_seen *fn) {
    struct members *members;
    struct member member;
    struct job_row row;
    struct buf key = BUF_INIT(SIZE_MAX / 2);
    enum rc rc = job_row_read(spool, job_id, &row, NULL, NULL, export->err);

    if (rc == RC_OK)
        rc = members_open(spool, job_id, NULL, &members, export->err);
    if (rc != RC_OK)
        return rc;
    while (rc == RC_OK && export->rc == RC_OK && export->most > 0 && members_next(members, &member)) {
        const char *owner = member.job_id[0] != '\0' ? member.job_id : job_id;
        if ((owned_only && owner == job_id) || !answer_key(member.key, &key))
            continue;
        rc = sink_find(export->sink, row.source, (struct slice){.data = buf_text(&key), .length = key.length}, owner, fn, export, export->err);
        rc = rc == RC_GONE ? RC_OK : rc;
    }
    buf_release(&key);
    members_close(members);
    return rc;
}

/* The listed jobs of a campaign, those among them too that had nothing to buy. */
static enum rc campaign_lists(struct export *export, const struct spool *spool, const char *campaign) {
    struct dirscan *scan;
    struct job_row row;
    const char *name;
    unsigned char type;
    enum rc rc = dirscan_open(spool->results_fd, ".", &scan, export->err);

    if (rc != RC_OK)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, export->err)) == RC_OK)
        if (jobid_valid(name) && has_list(spool, name) && job_row_read(spool, name, &row, NULL, NULL, NULL) == RC_OK && strcmp(row.campaign, campaign) == 0 &&
            (rc = note_listed(export, name)) != RC_OK)
            break;
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

/* --- by change */

static enum rc read_cursor(const char *text, struct sink_position *position, struct err *err) {
    unsigned long long load;
    unsigned next;
    int length = 0;

    if (strcmp(text, "0") == 0)
        return RC_OK;
    if (sscanf(text, "%16[0-9a-f]-%20llu-%10u%n", position->store, &load, &next, &length) != 3 || text[length] != '\0' || strlen(position->store) != 16)
        return err_set(err, RC_PERM, "\"%.64s\" is no cursor of an export; the first one is 0", text);
    position->load = load;
    position->next = next;
    return RC_OK;
}

static void write_cursor(const struct sink_position *position, char *out) {
    str_format(out, EXPORT_CURSOR_SIZE, "%s-%llu-%u", position->store, (unsigned long long)position->load, (unsigned)position->next);
}

static enum rc walk_changes(struct export *export, const struct sink_pick *pick, sink_record_seen *fn) {
    enum rc rc;

    export->at = export->from;
    export->most = export->options->limit > 0 ? export->options->limit : JOB_UNKNOWN;
    rc = sink_changes(export->sink, &export->at, pick, fn, export, export->err);
    return rc == RC_OK ? export->rc : rc;
}

static enum rc walk(struct export *export, const struct spool *spool, const struct sink_pick *pick, sink_record_seen *fn) {
    if (export->options->since != NULL)
        return walk_changes(export, pick, fn);
    bool alone = export->listed.count > 0 && export->options->job != NULL;
    bool none = export->listed.count > 0 && pick->job_count == 0; /* which would be every record */
    enum rc rc = alone || none ? RC_OK : sink_walk(export->sink, pick, fn, export, export->err);

    for (size_t i = 0; i < export->listed.count && rc == RC_OK && export->rc == RC_OK; i++)
        rc = walk_members(export, spool, export->listed.list[i], !alone, fn);
    return rc == RC_OK ? export->rc : rc;
}

/* A job that was complete at once by another's payloads stands for that one. */
static enum rc one_job(struct export *export, const struct spool *spool, const char *job_id, struct job_ids *ids) {
    struct job_row row;
    struct err own = {0};
    bool found = false;
    enum rc rc = sink_files(export->sink, job_id, note_file, &found, export->err);

    if (rc == RC_OK && job_row_read(spool, job_id, &row, NULL, NULL, &own) == RC_OK) {
        export->most = row.take;
        if (!found && row.reuses[0] != '\0') {
            job_id = row.reuses;
            rc = sink_files(export->sink, job_id, note_file, &found, export->err);
        }
    }
    if (rc == RC_OK && has_list(spool, job_id)) {
        rc = note_listed(export, job_id);
        found = true;
    }
    if (rc == RC_OK && !found)
        rc = err_set(export->err, RC_GONE, "nothing of job %s was ever loaded; run `batchspool process`", job_id);
    if (rc == RC_OK && !note_job(ids, job_id))
        rc = err_set(export->err, RC_TEMP, "out of memory");
    return rc;
}

static enum rc whole_campaign(struct export *export, const struct spool *spool, const char *campaign, struct job_ids *ids) {
    enum rc rc = campaign_lists(export, spool, campaign);

    return rc == RC_OK ? campaign_jobs(export, campaign, ids) : rc;
}

/* Both a job and a campaign: the job, when it is one of the campaign's. */
static enum rc pick_jobs(struct export *export, const struct spool *spool, struct job_ids *ids) {
    const struct export_options *options = export->options;
    struct job_ids all = {0};
    bool is_there = false;
    enum rc rc;

    if (options->job == NULL)
        return options->campaign != NULL ? whole_campaign(export, spool, options->campaign, ids) : RC_OK;
    rc = one_job(export, spool, options->job, ids);
    if (rc != RC_OK || options->campaign == NULL)
        return rc;
    rc = campaign_jobs(export, options->campaign, &all);
    for (size_t i = 0; i < all.count; i++)
        is_there = is_there || strcmp(all.list[i], ids->list[0]) == 0;
    job_ids_release(&all);
    if (rc == RC_OK && !is_there)
        rc = err_set(export->err, RC_GONE, "job %s is none of campaign \"%s\"", options->job, options->campaign);
    return rc;
}

/* Keys */

/* RC_OK: this key for the first time. RC_GONE: it is left out. */
static enum rc take_key(struct export *export, struct slice key) {
    unsigned char sum[DIGEST_BYTES];
    bool fresh;
    enum rc rc;

    if (export->left_out == NULL)
        return RC_OK;
    digest_of(key.data, key.length, sum);
    rc = keyset_add(export->left_out, sum, &fresh, export->err);
    return rc == RC_OK && !fresh ? RC_GONE : rc;
}

static bool leave_out(void *context, const struct sink_seen *seen) {
    struct export *export = context;
    enum rc rc = take_key(export, seen->key);

    export->rc = rc == RC_GONE ? RC_OK : rc;
    return export->rc == RC_OK;
}

static enum rc prepare_keys(struct export *export, const struct spool *spool, bool by_jobs) {
    struct sink_pick pick = {.source = export->options->source};
    struct job_ids ids = {0}, listed = export->listed;
    enum rc rc = RC_OK;

    if (!by_jobs && export->options->not_in == NULL)
        return RC_OK;
    export->left_out = keyset_new(spool->results_fd);
    if (export->left_out == NULL)
        return err_set(export->err, RC_TEMP, "out of memory");
    if (export->options->not_in == NULL)
        return RC_OK;
    export->listed = (struct job_ids){0};
    rc = campaign_lists(export, spool, export->options->not_in);
    if (rc == RC_OK)
        rc = campaign_jobs(export, export->options->not_in, &ids);
    pick.jobs = ids.list;
    pick.job_count = ids.count;
    if (rc == RC_OK && ids.count > 0)
        rc = sink_walk(export->sink, &pick, leave_out, export, export->err);
    for (size_t i = 0; i < export->listed.count && rc == RC_OK && export->rc == RC_OK; i++)
        rc = walk_members(export, spool, export->listed.list[i], true, leave_out);
    job_ids_release(&ids);
    job_ids_release(&export->listed);
    export->listed = listed;
    return rc == RC_OK ? export->rc : rc;
}

/* Origin */

static const char *cost_of(struct export *export, const struct sink_seen *seen) {
    struct cost_slot *slot = &export->costs[seen->batch % COST_SLOTS];
    struct sink_file_row row;

    if (slot->batch == seen->batch && strcmp(slot->job_id, seen->job_id) == 0)
        return slot->cost;
    (void)str_copy(slot->job_id, sizeof(slot->job_id), seen->job_id);
    slot->batch = seen->batch;
    slot->cost[0] = '\0';
    if (sink_file(export->sink, seen->job_id, seen->batch, &row, NULL) == RC_OK && row.has_cost && row.properties_count > 0)
        dec_format(dec_share(row.cost, 1, row.properties_count), slot->cost);
    return slot->cost;
}

static enum rc origin_json(struct export *export, const struct sink_seen *seen) {
    const char *cost = cost_of(export, seen), *quote = cost[0] != '\0' ? "\"" : "";
    char captured[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(seen->captured_us, 6, captured);
    return buf_printf(&export->row, "\"origin\":{\"source\":\"%s\",\"job\":\"%s\",\"batch\":%u,\"captured_at\":\"%s\",\"cost\":%s%s%s},", seen->source,
                      seen->job_id, seen->batch, captured, quote, cost[0] != '\0' ? cost : "null", quote);
}

static enum rc origin_cells(struct export *export, const struct sink_seen *seen) {
    char captured[CLOCK_RFC3339_SIZE];

    clock_format_rfc3339(seen->captured_us, 6, captured);
    return buf_printf(&export->row, "%s,%s,%u,%s,%s,", seen->source, seen->job_id, seen->batch, captured, cost_of(export, seen));
}

/* Rows */

static enum rc parent_json(struct export *export, struct slice parent) {
    struct slice value;
    enum rc rc = buf_add_text(&export->row, "\"parent\":{");

    for (unsigned i = 0; i < export->source->key_count && rc == RC_OK; i++) {
        if (i > 0)
            rc = buf_add_char(&export->row, ',');
        if (rc == RC_OK)
            rc = json_quote(slice_of(export->key_names[i]), &export->row);
        if (rc == RC_OK)
            rc = buf_add_char(&export->row, ':');
        if (rc == RC_OK)
            rc = json_find(parent, export->source->primary_key[i], &value) ? json_fold_lines(value, &export->row) : buf_add_text(&export->row, "null");
    }
    return rc == RC_OK ? buf_add_text(&export->row, "},") : rc;
}

static enum rc make_json(struct export *export, const struct sink_seen *seen, const struct slice *parent, struct slice text) {
    bool wrapped = export->options->with_origin;
    enum rc rc = wrapped ? buf_add_char(&export->row, '{') : RC_OK;

    if (rc == RC_OK && export->options->with_origin)
        rc = origin_json(export, seen);
    if (rc == RC_OK && wrapped && parent != NULL)
        rc = parent_json(export, *parent);
    if (rc == RC_OK && wrapped)
        rc = buf_add_text(&export->row, "\"record\":");
    if (rc == RC_OK)
        rc = json_fold_lines(text, &export->row);
    return rc == RC_OK ? buf_add_text(&export->row, wrapped ? "}\n" : "\n") : rc;
}

static enum rc make_csv(struct export *export, const struct sink_seen *seen, const struct slice *parent, struct slice text) {
    struct slice value;
    enum rc rc = export->options->with_origin ? origin_cells(export, seen) : RC_OK;

    for (unsigned i = 0; parent != NULL && i < export->source->key_count && rc == RC_OK; i++) {
        if (!json_find(*parent, export->source->primary_key[i], &value))
            value = (struct slice){.length = 0};
        rc = csv_cell_json(&export->csv, value, false, &export->row);
    }
    if (rc == RC_OK)
        rc = csv_record(&export->csv, text, &export->row);
    return rc == RC_OK ? csv_row_end(&export->row) : rc;
}

static enum rc write_row(struct export *export) {
    if (fwrite(export->row.data, 1, export->row.length, export->out) == export->row.length)
        return RC_OK;
    (void)err_sys(export->err, "writing the export");
    return RC_TEMP;
}

static enum rc put_row(struct export *export, const struct sink_seen *seen, const struct slice *parent, struct slice text) {
    enum rc rc;

    buf_reset(&export->row);
    rc = export->options->csv ? make_csv(export, seen, parent, text) : make_json(export, seen, parent, text);
    if (rc != RC_OK)
        return err_set(export->err, RC_TEMP, "out of memory");
    ++*export->rows;
    return write_row(export);
}

/* Children */

static enum rc meet_source(struct export *export, const char *name) {
    enum rc rc;

    if (strcmp(export->source_name, name) == 0)
        return RC_OK;
    if (export->source != NULL)
        return err_set(export->err, RC_PERM, "--children: the records are of several sources (%s, %s); choose one with --source", export->source_name, name);
    rc = sources_get(export->sources, name, &export->source, export->err);
    if (rc != RC_OK)
        return rc;
    (void)str_copy(export->source_name, sizeof(export->source_name), name);
    for (unsigned i = 0; i < export->source->child_count; i++)
        if (strcmp(export->source->children[i].name, export->options->children) == 0)
            export->child = &export->source->children[i];
    if (export->child == NULL)
        return err_set(export->err, RC_PERM, "--children: source \"%s\" has no children \"%s\"", name, export->options->children);
    for (unsigned i = 0; i < export->source->key_count; i++) {
        export->key_names[i] = csv_name_of_pointer(export->source->primary_key[i]);
        if (export->key_names[i] == NULL)
            return err_set(export->err, RC_TEMP, "out of memory");
    }
    return RC_OK;
}

typedef enum rc row_maker(struct export *export, const struct sink_seen *seen, const struct slice *parent, struct slice text);

static enum rc each_child(struct export *export, const struct sink_seen *seen, row_maker *make) {
    struct slice list, name, value;
    struct json_iter iter;
    enum rc rc = meet_source(export, seen->source);

    if (rc != RC_OK || !json_find(seen->text, export->child->data_selector, &list))
        return rc;
    if (json_type(list) != JSON_ARRAY || !json_iter_init(&iter, list))
        return json_type(list) == JSON_NULL ? RC_OK : make(export, seen, &seen->text, list);
    while (rc == RC_OK && json_iter_next(&iter, &name, &value))
        if (json_type(value) != JSON_NULL)
            rc = make(export, seen, &seen->text, value);
    return rc;
}

static enum rc each_row(struct export *export, const struct sink_seen *seen, row_maker *make) {
    return export->options->children != NULL ? each_child(export, seen, make) : make(export, seen, NULL, seen->text);
}

static bool write_record(void *context, const struct sink_seen *seen) {
    struct export *export = context;
    enum rc rc = take_key(export, seen->key);

    export->seen++;
    if (rc == RC_OK && export->most == 0)
        return false;
    if (rc == RC_OK) {
        export->most--;
        rc = each_row(export, seen, put_row);
    }
    export->rc = rc == RC_GONE ? RC_OK : rc;
    return export->rc == RC_OK && !(export->options->since != NULL && export->most == 0); /* the cursor is behind it */
}

/* Columns */

static enum rc learn_row(struct export *export, const struct sink_seen *seen, const struct slice *parent, struct slice text) {
    (void)seen;
    (void)parent;
    return export->options->columns_text == NULL ? csv_columns_learn(&export->csv, text, export->err) : RC_OK;
}

static bool learn_record(void *context, const struct sink_seen *seen) {
    struct export *export = context;

    export->rc = each_row(export, seen, learn_row);
    return export->rc == RC_OK;
}

/* A child's column that has the name of a parent's key gets the list's name before it. */
static enum rc tell_apart(struct export *export) {
    for (unsigned k = 0; export->source != NULL && k < export->source->key_count; k++) {
        for (size_t i = 0; i < export->csv.count; i++) {
            struct csv_column *column = &export->csv.columns[i];
            if (strcmp(column->name, export->key_names[k]) != 0)
                continue;
            buf_reset(&export->scratch);
            char *name = NULL;
            if (buf_printf(&export->scratch, "%s.%s", export->options->children, column->name) == RC_OK)
                name = strdup(buf_text(&export->scratch));
            if (name == NULL)
                return err_set(export->err, RC_TEMP, "out of memory");
            free(column->name);
            column->name = name;
        }
    }
    return RC_OK;
}

static enum rc write_header(struct export *export) {
    enum rc rc = tell_apart(export);

    if (rc != RC_OK)
        return rc;
    buf_reset(&export->row);
    if (export->options->with_origin)
        rc = buf_add_text(&export->row, "source,job,batch,captured_at,cost,");
    for (unsigned i = 0; export->source != NULL && i < export->source->key_count && rc == RC_OK; i++)
        rc = csv_cell_text(&export->row, slice_of(export->key_names[i]));
    if (rc == RC_OK)
        rc = csv_header(&export->csv, &export->row);
    if (rc == RC_OK && export->row.length == 0)
        return RC_OK;
    if (rc == RC_OK)
        rc = csv_row_end(&export->row);
    return rc == RC_OK ? write_row(export) : err_set(export->err, RC_TEMP, "out of memory");
}

static enum rc prepare_columns(struct export *export, const struct spool *spool, const struct sink_pick *pick) {
    const struct export_options *options = export->options;
    enum rc rc = RC_OK;

    if (!options->csv)
        return options->columns_text == NULL ? RC_OK : err_set(export->err, RC_PERM, "--columns needs --format csv");
    if (options->columns_text != NULL)
        rc = csv_columns_parse(&export->csv, options->columns_text, options->columns_length, export->err);
    if (rc == RC_OK && (options->columns_text == NULL || options->children != NULL)) {
        rc = walk(export, spool, pick, learn_record);
    }
    export->seen = 0;
    return rc == RC_OK ? write_header(export) : rc;
}

static enum rc run(struct export *export, const struct spool *spool) {
    const struct export_options *options = export->options;
    struct sink_pick pick = {.source = options->source};
    struct job_ids ids = {0};
    enum rc rc = options->since != NULL ? read_cursor(options->since, &export->from, export->err) : RC_OK;

    if (rc == RC_OK)
        rc = pick_jobs(export, spool, &ids);
    pick.jobs = ids.list;
    pick.job_count = ids.count;
    if (rc == RC_OK)
        rc = prepare_keys(export, spool, ids.count > 0 || export->listed.count > 0);
    if (rc == RC_OK)
        rc = prepare_columns(export, spool, &pick);
    if (rc == RC_OK)
        rc = walk(export, spool, &pick, write_record);
    if (rc == RC_OK && options->since != NULL && options->cursor != NULL)
        write_cursor(&export->at, options->cursor);
    if (rc == RC_OK && export->seen == 0 && options->since == NULL && ids.count == 0 && export->listed.count == 0)
        rc = options->source != NULL ? err_set(export->err, RC_GONE, "nothing of source \"%s\" was ever loaded", options->source)
                                     : err_set(export->err, RC_GONE, "nothing was ever loaded");
    if (rc == RC_OK && fflush(export->out) != 0) {
        (void)err_sys(export->err, "writing the export");
        rc = RC_TEMP;
    }
    job_ids_release(&ids);
    job_ids_release(&export->listed);
    return rc;
}

enum rc export_run(const struct spool *spool, struct sources *sources, const struct export_options *options, FILE *out, uint64_t *rows, struct err *err) {
    struct export *export = calloc(1, sizeof(*export));
    enum rc rc;

    *rows = 0;
    if (export == NULL)
        return err_set(err, RC_TEMP, "out of memory");
    export->options = options;
    export->sources = sources;
    export->out = out;
    export->rows = rows;
    export->most = JOB_UNKNOWN;
    export->err = err;
    csv_init(&export->csv);
    buf_init(&export->row, SIZE_MAX / 2);
    buf_init(&export->scratch, SIZE_MAX / 2);
    rc = options->since != NULL && options->job != NULL ? err_set(err, RC_PERM, "a job's records do not change: since does not go with a job")
                                                        : sink_open(NULL, spool, false, &export->sink, err);
    if (rc == RC_OK)
        rc = run(export, spool);
    sink_close(export->sink);
    keyset_free(export->left_out);
    csv_release(&export->csv);
    buf_release(&export->row);
    buf_release(&export->scratch);
    for (size_t i = 0; i < SOURCE_MAX_KEYS; i++)
        free(export->key_names[i]);
    free(export);
    return rc;
}
