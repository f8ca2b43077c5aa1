// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_sources.h"

#include "base/limits.h"
#include "engine/helper_child.h"
#include "os/fsio.h"
#include "os/tree.h"
#include "source/rehearse.h"
#include "spool/document.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `sources replay` of units, and of pages with several steps. */

#define MOST_TOLD 20 /* kinds of differences, and for people units */

struct rehearsal {
    struct cmd *cmd;
    const struct sources_options *options;
    struct rehearse rehearse;
    struct sources_keys keys;
    struct buf *records;                  /* that were made, a line each; NULL: nobody asks for them */
    cJSON *differences, *units, *not_run; /* differences: by kind, the first and how many there are */
    uint64_t different, counts[REHEARSED_UNKNOWN + 1], unrecorded, total;
    bool full;          /* records was */
    char helpers[4200]; /* where programs are looked for first */
    char dir[1024];     /* where they work; "" none has yet */
    uint64_t number;    /* of their directories */
};

static bool is(const char *option, const char *value) {
    return option && strcmp(option, value) == 0;
}

static void differ(void *context, const char *kind, const char *text) {
    struct rehearsal *r = context;
    cJSON *same = cJSON_GetObjectItemCaseSensitive(r->differences, kind), *count = cJSON_GetObjectItemCaseSensitive(same, "count");
    r->different++;
    if (count)
        cJSON_SetNumberValue(count, count->valuedouble + 1);
    else if (cJSON_GetArraySize(r->differences) < MOST_TOLD) {
        same = cJSON_AddObjectToObject(r->differences, kind);
        cJSON_AddStringToObject(same, "first", text);
        cJSON_AddNumberToObject(same, "count", 1);
    }
}

/* One that is no unit's. */
static void differ_alone(void *context, const char *text) {
    differ(context, text, text);
}

static cJSON *differences_told(const cJSON *differences) {
    cJSON *list = cJSON_CreateArray();
    const cJSON *same;
    cJSON_ArrayForEach(same, differences) {
        const double count = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(same, "count"));
        char text[3100], more[64] = "";
        if (count > 1)
            str_format(more, sizeof more, " (and %.0f more like it)", count - 1);
        str_format(text, sizeof text, "%s%s", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(same, "first")), more);
        cJSON_AddItemToArray(list, cJSON_CreateString(text));
    }
    return list;
}

/* --- programs ------------------------------------------------------------------------------------------------------ */

/* It is told once that a program was not run. */
static enum rehearse_ran not_run(struct rehearsal *r, const struct source_helper *exec, const char *why) {
    const char *name = exec->command->child->valuestring;
    if (!cJSON_HasObjectItem(r->not_run, name))
        cJSON_AddStringToObject(r->not_run, name, why);
    return REHEARSE_NOT_RUN;
}

/* Of the cassette, else of the spool; -1: it is nowhere. */
static int open_document(struct rehearsal *r, const char *sha256, int dir_fd) {
    const struct cassette_document *document = cassette_document(r->rehearse.cassette, sha256);
    struct err ignored = {0};
    int fd = -1;
    if (!document) {
        if (!r->cmd->spool && spool_open(r->cmd->config.spool, r->cmd->config.node, &r->cmd->spool, &ignored))
            r->cmd->spool = NULL;
        return r->cmd->spool && document_open(r->cmd->spool, sha256, &fd, NULL, &ignored) == RC_OK ? fd : -1;
    }
    if (fsio_create_unnamed(dir_fd, 0600, &fd, &ignored))
        return -1;
    if (fsio_write(fd, document->bytes, document->length, &ignored) || lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static enum rc make_dir(struct rehearsal *r, char *path, size_t size, int *fd, struct err *err) {
    if (!*r->dir) {
        const char *tmp = getenv("TMPDIR");
        if (!str_format(r->dir, sizeof r->dir, "%s/batchspool-replay.XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp")) {
            *r->dir = '\0';
            return err_set(err, RC_PERM, "TMPDIR is too long");
        }
        if (!mkdtemp(r->dir)) {
            *r->dir = '\0';
            return err_sys(err, "a directory for programs");
        }
    }
    str_format(path, size, "%s/%" PRIu64, r->dir, ++r->number);
    enum rc rc = fsio_make_dirs(AT_FDCWD, path, 0700, err);
    return rc ? rc : fsio_open_dir(AT_FDCWD, path, fd, err);
}

static enum rehearse_ran run_there(struct rehearsal *r, struct rehearse_program *program, const char *dir, int dir_fd) {
    const struct source_helper *exec = program->exec;
    const int document_fd = program->document ? open_document(r, program->document, dir_fd) : -1;
    const struct helper_place place = {
        .helpers_dir = r->helpers, .dir = dir, .document_fd = document_fd, .timeout_s = step_timeout_s(r->rehearse.job, exec->timeout_s)};
    struct err err = {0};
    enum rc rc;
    program->blind = program->document && document_fd < 0;
    const bool good = helper_child_run(r->rehearse.source, exec, program->scope, &place, program->answer, program->failed, &program->final, &rc, &err);
    if (document_fd >= 0)
        close(document_fd);
    if (rc)
        return not_run(r, exec, err.text);
    if (!good && program->blind)
        not_run(r, exec, "the document is not here");
    return good ? REHEARSE_DID : REHEARSE_FAILED;
}

static enum rehearse_ran run(void *context, struct rehearse_program *program) {
    struct rehearsal *r = context;
    char dir[sizeof r->dir + 24];
    struct err err = {0};
    int fd = -1;
    if (program->exec->network && !is(r->options->programs, "all"))
        return not_run(r, program->exec, "it uses the network");
    if (make_dir(r, dir, sizeof dir, &fd, &err))
        return not_run(r, program->exec, err.text);
    const enum rehearse_ran ran = run_there(r, program, dir, fd);
    close(fd);
    if (tree_remove(dir, &err))
        cmd_say(r->cmd, "%s", err.text);
    return ran;
}

/* --- units --------------------------------------------------------------------------------------------------------- */

static void tell_unit(struct rehearsal *r, uint32_t number, struct rehearsed *unit, uint64_t records, bool differs) {
    const bool done = unit->state == REHEARSED_DONE;
    if (!r->cmd->json && ((done && !differs) || cJSON_GetArraySize(r->units) >= MOST_TOLD))
        return;
    cJSON *json = cJSON_CreateObject();
    sources_add_count(json, r->rehearse.units ? "unit" : "page", number);
    cJSON_AddStringToObject(json, "state", rehearsed_state_name(unit->state));
    if (done)
        sources_add_count(json, "records", records);
    else {
        cJSON_AddStringToObject(json, "step", unit->step);
        cJSON_AddStringToObject(json, "reason", unit->reason);
        if (unit->state != REHEARSED_UNKNOWN)
            cJSON_AddStringToObject(json, "action", source_action_name(unit->action));
        if (*unit->error)
            cJSON_AddStringToObject(json, "error", unit->error);
    }
    if (r->cmd->json) {
        cJSON_AddItemToObject(json, "steps", unit->steps);
        unit->steps = NULL;
    }
    cJSON_AddItemToArray(r->units, json);
}

static void keep_records(struct rehearsal *r, struct slice records) {
    struct json_iter iter;
    struct slice name, record;
    if (!r->records || !json_iter_init(&iter, records))
        return;
    while (json_iter_next(&iter, &name, &record))
        if (json_fold_lines(record, r->records) || buf_add_char(r->records, '\n'))
            r->full = true;
}

/* Of a unit that could not go on, what comes later is no difference of its own. Its lines lie together. */
static void pass_over(struct cassette *cassette, uint32_t batch) {
    for (size_t i = cassette->hint; i < cassette->page_count && cassette->pages[i].batch == batch; i++)
        cassette->pages[i].used = true;
    for (size_t i = cassette->hint; i-- > 0 && cassette->pages[i].batch == batch;)
        cassette->pages[i].used = true;
}

static enum rc do_unit(struct rehearsal *r, const struct page *page, struct page_facts *facts, struct err *err) {
    struct rehearsed unit;
    const uint64_t records = r->keys.records, different = r->different;
    enum rc rc = rehearse_unit(&r->rehearse, page, &unit, err);
    *facts = unit.facts;
    if (!rc) {
        r->counts[unit.state]++;
        if (unit.state == REHEARSED_DONE) {
            sources_keys_add(&r->keys, r->rehearse.source, unit.records);
            keep_records(r, unit.records);
            if (unit.facts.total != UINT64_MAX)
                r->total = unit.facts.total;
        } else {
            facts->given_up = true;
            facts->records = page->limit;
            if (unit.state == REHEARSED_UNKNOWN)
                pass_over(r->rehearse.cassette, page->batch);
        }
        tell_unit(r, page->batch, &unit, r->keys.records - records, r->different > different);
    }
    rehearsed_release(&unit);
    return rc;
}

/* A job that was not captured to its end: what it did not come to is not asked for. */
static bool is_recorded(const struct cassette *cassette, uint32_t batch) {
    for (size_t i = 0; i < cassette->page_count; i++) {
        const size_t at = (cassette->hint + i) % cassette->page_count;
        if (cassette->pages[at].batch == batch)
            return true;
    }
    return false;
}

static enum rc do_all(struct rehearsal *r, const struct criteria *criteria, struct err *err) {
    const struct source *source = r->rehearse.source;
    struct cassette *cassette = r->rehearse.cassette;
    struct paginator *paginator = NULL;
    struct page page;
    enum rc rc;
    uint64_t done = 0;
    const uint64_t most = cassette->page_count * 2 + MOST_TOLD; /* a plan that has lost its way need not be followed to its end */
    r->total = r->rehearse.units ? UINT64_MAX : cassette->total;
    const struct paginator_start start = {
        .take = criteria->take, .total = paginator_total_is_records(source) ? cassette->total : UINT64_MAX, .page_size = criteria->batch_size};
    rc = r->rehearse.units ? units_plan(r->rehearse.units->count, &paginator) : paginator_new(source, &start, &paginator, err);
    if (!rc && !r->rehearse.units)
        sources_replay_parts(cassette, paginator, differ_alone, r);
    while (!rc && (r->rehearse.units || done < most) && (rc = paginator_next(paginator, &page)) == RC_OK) {
        struct page_facts facts = {.given_up = true, .total = UINT64_MAX, .count = UINT64_MAX};
        if (!r->rehearse.units)
            paginator_trim(source, r->total, r->keys.records, &page);
        if (r->rehearse.units && !is_recorded(cassette, page.batch))
            r->unrecorded++;
        else
            rc = do_unit(r, &page, &facts, err);
        done++;
        paginator_answer(paginator, &page, &facts);
    }
    if (!rc || rc == RC_GONE || rc == RC_AGAIN)
        rc = r->keys.failed ? err_set(err, RC_TEMP, "out of memory") : RC_OK;
    if (!rc && paginator_fault(paginator))
        differ_alone(r, paginator_fault(paginator));
    paginator_free(paginator);
    for (size_t i = 0; !rc && i < cassette->page_count; i++) {
        const struct cassette_page *line = &cassette->pages[i];
        char text[240], kind[160];
        rehearse_line_name(&r->rehearse, line, text, 200);
        strcat(text, " is not asked for any more");
        str_format(kind, sizeof kind, "%.65s %u unused", line->step, line->way);
        if (!line->used)
            differ(r, kind, text);
    }
    return rc;
}

static int tell(struct rehearsal *r) {
    const struct source *source = r->rehearse.source;
    const uint64_t unique = sources_keys_unique(&r->keys, source);
    const bool units = r->rehearse.units != NULL;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "source", source->name);
    cJSON_AddBoolToObject(json, "ok", !r->different);
    sources_add_count(json, "recorded_answers", r->rehearse.cassette->page_count);
    if (units)
        sources_add_count(json, "units", r->rehearse.units->count);
    for (enum rehearsed_state state = REHEARSED_DONE; state <= REHEARSED_UNKNOWN; state++)
        sources_add_count(json, rehearsed_state_name(state), r->counts[state]);
    if (units)
        sources_add_count(json, "not_recorded", r->unrecorded);
    sources_add_count(json, "records", r->keys.records);
    sources_add_count(json, "unique", unique);
    sources_add_count(json, "duplicates", source->key_count ? r->keys.count - unique : 0);
    sources_add_count(json, "without_key", r->keys.missing);
    if (!units)
        sources_add_count(json, "total", r->total);
    sources_add_count(json, "programs_run", r->rehearse.ran);
    sources_add_count(json, "programs_recorded", r->rehearse.taken);
    if (cJSON_GetArraySize(r->not_run)) {
        cJSON_AddItemToObject(json, "not_run", r->not_run);
        r->not_run = NULL;
    }
    sources_add_count(json, "different", r->different);
    cJSON_AddItemToObject(json, "differences", differences_told(r->differences));
    cJSON_AddItemToObject(json, "list", r->units);
    r->units = NULL;
    const int printed = sources_print(r->cmd, json);
    return printed ? printed : r->different ? EXIT_DATA : EXIT_DONE;
}

int sources_replay_steps(struct cmd *cmd, const struct sources_options *options, const struct source *source, const struct criteria *criteria,
                         struct cassette *cassette) {
    struct units *units = NULL;
    struct buf records = BUF_INIT(CASSETTE_MOST_BYTES);
    struct err err = {0};
    const bool none = is(options->programs, "none");
    if (options->programs && !none && !is(options->programs, "all") && !is(options->programs, "local"))
        return cmd_fail(cmd, EXIT_USAGE, "--programs %s: must be local, all or none", options->programs);
    int code = cmd_configure(cmd);
    if (code)
        return code;
    struct rehearsal r = {.cmd = cmd,
                          .options = options,
                          .records = options->output ? &records : NULL,
                          .differences = cJSON_CreateObject(),
                          .units = cJSON_CreateArray(),
                          .not_run = cJSON_CreateObject()};
    enum rc rc = source->list_count ? units_new(source, criteria->json, criteria->take, &units, &err) : RC_OK;
    cmd_helpers_dir(cmd, r.helpers, sizeof r.helpers);
    r.rehearse = (struct rehearse){
        .source = source, .job = criteria->json, .cassette = cassette, .units = units, .run = none ? NULL : run, .differ = differ, .context = &r};
    rc = rc ? rc : do_all(&r, criteria, &err);
    if (!rc && r.full)
        rc = err_set(&err, RC_PERM, "the records are longer than %u bytes", CASSETTE_MOST_BYTES);
    code = rc ? cmd_fail_rc(cmd, rc, &err) : EXIT_DONE;
    if (!code && options->output)
        code = sources_write(cmd, options->output, buf_text(&records), records.length);
    if (!code && !is(options->output, "-"))
        code = tell(&r);
    else if (!code)
        code = r.different ? EXIT_DATA : EXIT_DONE;
    if (*r.dir && tree_remove(r.dir, &err))
        cmd_say(cmd, "%s", err.text);
    cJSON_Delete(r.differences);
    cJSON_Delete(r.units);
    cJSON_Delete(r.not_run);
    free(r.keys.sums);
    buf_release(&records);
    units_free(units);
    return code;
}
