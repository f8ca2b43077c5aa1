// SPDX-License-Identifier: Apache-2.0
#include "engine/stuck.h"

#include "base/clock.h"
#include "engine/paused.h"
#include "os/dirscan.h"
#include "os/fsio.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

struct known { /* a source that was looked at */
    char name[65];
    bool is_paused, told;
    struct paused paused;
    const struct source *source; /* NULL: its definition is not known */
};

struct finder {
    const struct spool *spool;
    struct index *index;
    struct sources *sources;
    const struct stuck_options *options;
    stuck_found *found;
    void *context;
    int64_t now_us;
    bool daemon_runs;
    struct known *known;
    size_t known_count, known_capacity;
    char **names; /* of the directory that is looked at */
    size_t name_count, name_capacity;
    struct err *err;
};

const char *stuck_kind_name(enum stuck_kind kind) {
    static const char *const names[] = {[STUCK_SOURCE_PAUSED] = "source_paused",
                                        [STUCK_DROP] = "not_taken_in",
                                        [STUCK_WAITING] = "waiting",
                                        [STUCK_NO_DAEMON] = "no_daemon",
                                        [STUCK_SILENT] = "silent",
                                        [STUCK_OVERDUE] = "overdue",
                                        [STUCK_HELD] = "held",
                                        [STUCK_FILE_FAILED] = "file_failed",
                                        [STUCK_FILE_WAITING] = "file_waiting",
                                        [STUCK_FILE_ABANDONED] = "file_abandoned"};
    return names[kind];
}

/* --- directories ---------------------------------------------------------------------------------------------------- */

static void names_clear(struct finder *f) {
    for (size_t i = 0; i < f->name_count; i++)
        free(f->names[i]);
    f->name_count = 0;
}

static enum rc names_add(struct finder *f, const char *name) {
    if (f->name_count == f->name_capacity) {
        size_t capacity = f->name_capacity ? f->name_capacity * 2 : 256;
        char **names = realloc(f->names, capacity * sizeof *names);
        if (!names)
            return err_set(f->err, RC_TEMP, "out of memory");
        f->names = names;
        f->name_capacity = capacity;
    }
    if (!(f->names[f->name_count] = strdup(name)))
        return err_set(f->err, RC_TEMP, "out of memory");
    f->name_count++;
    return RC_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum rc names_read(struct finder *f, int fd, unsigned char wanted) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    names_clear(f);
    enum rc rc = dirscan_open(fd, ".", &scan, f->err);
    if (rc)
        return rc;
    while ((rc = dirscan_next(scan, &name, &type, f->err)) == RC_OK)
        if (type == wanted && name[0] != '.' && str_ends(name, ".json") && (rc = names_add(f, name)) != RC_OK)
            break;
    dirscan_close(scan);
    if (f->name_count)
        qsort(f->names, f->name_count, sizeof *f->names, by_name);
    return rc == RC_GONE ? RC_OK : rc;
}

/* When the file came under its name; 0: it is gone. */
static int64_t since(int dir_fd, const char *name) {
    struct stat st;
    if (fsio_stat(dir_fd, name, &st, NULL))
        return 0;
    return (int64_t)st.st_ctim.tv_sec * 1000000 + st.st_ctim.tv_nsec / 1000;
}

static const char *span(char out[24], int64_t us) {
    clock_format_span(us, out);
    return out;
}

/* --- sources -------------------------------------------------------------------------------------------------------- */

/* NULL: out of memory, or nothing is known of it. */
static struct known *look_at_source(struct finder *f, const char *name) {
    for (size_t i = 0; i < f->known_count; i++)
        if (strcmp(f->known[i].name, name) == 0)
            return &f->known[i];
    if (f->known_count == f->known_capacity) {
        size_t capacity = f->known_capacity ? f->known_capacity * 2 : 16;
        struct known *known = realloc(f->known, capacity * sizeof *known);
        if (!known)
            return NULL;
        f->known = known;
        f->known_capacity = capacity;
    }
    struct known *k = &f->known[f->known_count];
    const struct source *source = NULL;
    *k = (struct known){.is_paused = false};
    if (!str_copy(k->name, sizeof k->name, name))
        return NULL;
    f->known_count++;
    if (f->sources && sources_get(f->sources, name, &source, NULL))
        source = NULL;
    k->source = source;
    k->is_paused = paused_look(f->index, name, source, f->now_us, &k->paused);
    return k;
}

static bool tell_source(void *context, const char *name) {
    struct finder *f = context;
    struct known *k = look_at_source(f, name);
    struct stuck s = {.kind = STUCK_SOURCE_PAUSED, .where = ""};
    char until[CLOCK_RFC3339_SIZE], names[SOURCE_NAMES_SIZE] = "";
    if (!k || k->told || !k->is_paused || !paused_for_access(k->paused.reason))
        return true;
    k->told = true;
    clock_format_rfc3339(k->paused.until_us, 0, until);
    str_copy(s.source, sizeof s.source, name);
    str_copy(s.reason, sizeof s.reason, k->paused.reason);
    str_format(s.text, sizeof s.text, "nothing is sent before %s: %s", until,
               strcmp(s.reason, "token") == 0 ? "no access token can be had" : "it refused the credentials (401 or 403)");
    if (k->source)
        source_secret_names(k->source, NULL, 0, names);
    str_format(s.go_on, sizeof s.go_on, "renew its credentials%s%s%s, then `batchspool reload`; its jobs go on by themselves", *names ? " (" : "", names,
               *names ? ")" : "");
    f->found(f->context, &s);
    return true;
}

static bool source_waits(struct finder *f, const char *name) {
    struct known *k = look_at_source(f, name);
    tell_source(f, name); /* the definition may have gone */
    return k && k->is_paused;
}

/* --- jobs ----------------------------------------------------------------------------------------------------------- */

static void tell(struct finder *f, struct stuck *s, const struct job_row *row) {
    if (row) {
        str_copy(s->job_id, sizeof s->job_id, row->id);
        str_copy(s->source, sizeof s->source, row->source);
    }
    f->found(f->context, s);
}

static void look_pending(struct finder *f, const struct job_row *row, struct stuck *s) {
    char waited[24];
    s->kind = STUCK_WAITING;
    s->since_us = row->placed_us;
    if (f->now_us - row->placed_us < f->options->waiting_us || source_waits(f, row->source))
        return;
    str_format(s->text, sizeof s->text, "it has waited for %s at priority %s%s", span(waited, f->now_us - row->placed_us), priority_name(row->priority),
               f->daemon_runs ? " though its source is open" : ", and no daemon runs");
    str_format(s->go_on, sizeof s->go_on,
               f->daemon_runs ? "`batchspool why %s` tells what comes before it; `batchspool priority %s high`" : "start batchspoold", row->id, row->id);
    tell(f, s, row);
}

static void look_processing(struct finder *f, const struct job_row *row, struct stuck *s) {
    char silent[24];
    const char *reason;
    s->since_us = job_heard_us(row);
    if (!f->daemon_runs) {
        s->kind = STUCK_NO_DAEMON;
        str_copy(s->text, sizeof s->text, "it runs, but no daemon does");
        str_copy(s->go_on, sizeof s->go_on, "start batchspoold: it goes on with the missing pages");
        tell(f, s, row);
        return;
    }
    s->kind = STUCK_SILENT;
    if (f->now_us - s->since_us < f->options->after_us || f->now_us < row->quiet_until_us || job_waits_until(row, f->now_us, &reason) ||
        source_waits(f, row->source))
        return;
    str_format(s->text, sizeof s->text, "nothing was asked or answered for %s; %llu records are captured", span(silent, f->now_us - s->since_us),
               (unsigned long long)row->processed_records);
    str_format(s->go_on, sizeof s->go_on, "see the daemon's log; `batchspool requeue %s` puts it back into the queue, only missing pages are requested",
               row->id);
    tell(f, s, row);
}

static void look_deferred(struct finder *f, const struct job_row *row, struct stuck *s) {
    char late[24];
    s->kind = STUCK_OVERDUE;
    s->since_us = row->until_us;
    if (row->until_us == 0 || f->now_us - row->until_us < f->options->after_us)
        return;
    str_format(s->text, sizeof s->text, "it was to go on %s ago%s", span(late, f->now_us - row->until_us), f->daemon_runs ? "" : ", and no daemon runs");
    str_format(s->go_on, sizeof s->go_on, f->daemon_runs ? "see the daemon's log; `batchspool requeue %s`" : "start batchspoold", row->id);
    tell(f, s, row);
}

/* What a person put there waits because that is wanted. */
static bool held_by_person(const struct job_row *row) {
    return row->unknown_batches == 0 && (row->reason[0] == '\0' || strcmp(row->reason, "asked") == 0 || strcmp(row->reason, "mv") == 0);
}

static void look_held(struct finder *f, const struct job_row *row, struct stuck *s) {
    char why[1500];
    if (held_by_person(row))
        return;
    s->kind = STUCK_HELD;
    s->since_us = row->placed_us;
    str_copy(s->reason, sizeof s->reason, row->reason);
    str_format(s->text, sizeof s->text, "a person must decide: %s%s%s", row->reason, row->error_details[0] ? ": " : "", row->error_details);
    job_why_format(row, why, sizeof why);
    const char *go_on = strstr(why, "\ngo on:  ");
    if (go_on)
        str_format(s->go_on, sizeof s->go_on, "%.*s", (int)strcspn(go_on + 9, "\n"), go_on + 9);
    tell(f, s, row);
}

static void look_drop(struct finder *f, const char *name, struct stuck *s) {
    char waited[24];
    s->kind = STUCK_DROP;
    s->since_us = since(f->spool->place_fd[PLACE_PENDING], name);
    if (s->since_us == 0 || f->now_us - s->since_us < f->options->after_us)
        return;
    str_format(s->text, sizeof s->text, "it has not been taken in for %s%s", span(waited, f->now_us - s->since_us), f->daemon_runs ? "" : ": no daemon runs");
    str_copy(s->go_on, sizeof s->go_on,
             f->daemon_runs ? "does a program still write it, or is it a link? Drop it anew: write it in jobs/tmp/, then mv; see the daemon's log"
                            : "start batchspoold");
    tell(f, s, NULL);
}

/* The time in an id is when the job came: what is younger than the limit needs no look at its row. */
static bool too_young(const struct finder *f, const char *id) {
    char time[20];
    int64_t came_us;
    str_format(time, sizeof time, "%.16s", id);
    return clock_parse_basic(time, &came_us) && f->now_us - came_us < f->options->waiting_us;
}

static void look_at_job(struct finder *f, enum place place, const char *where, const char *name) {
    struct stuck s = {.where = where};
    struct job_row row;
    char id[JOBID_SIZE];
    str_format(s.file, sizeof s.file, "%s", name);
    const bool has_id = jobid_from_file(name, id);
    if (has_id && place == PLACE_PENDING && f->options->after_us <= f->options->waiting_us && too_young(f, id) && f->daemon_runs)
        return;
    enum rc rc = has_id ? index_job_now(f->index, f->spool, id, &row, NULL) : RC_GONE;
    if (rc && rc != RC_CORRUPT) {
        if (rc == RC_GONE && place == PLACE_PENDING)
            look_drop(f, name, &s);
        return;
    }
    /* A rename whose event is still to come, or the other way round, is seen again the next time. */
    if (rc == RC_OK && row.place != place)
        return;
    row.place = place;
    if (place == PLACE_PENDING)
        look_pending(f, &row, &s);
    else if (place == PLACE_PROCESSING)
        look_processing(f, &row, &s);
    else if (place == PLACE_DEFERRED)
        look_deferred(f, &row, &s);
    else
        look_held(f, &row, &s);
}

static enum rc look_at_jobs(struct finder *f) {
    static const struct {
        enum place place;
        const char *where;
    } places[] = {{PLACE_PENDING, "jobs/pending"}, {PLACE_PROCESSING, "jobs/processing"}, {PLACE_DEFERRED, "jobs/deferred"}, {PLACE_HOLD, "jobs/hold"}};
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < sizeof places / sizeof *places; i++) {
        rc = names_read(f, f->spool->place_fd[places[i].place], DT_REG);
        for (size_t k = 0; !rc && k < f->name_count; k++)
            look_at_job(f, places[i].place, places[i].where, f->names[k]);
    }
    return rc;
}

/* --- payloads ------------------------------------------------------------------------------------------------------- */

struct refusal { /* of one batch */
    uint32_t batch;
    char reason[48], error[300];
};

static void take(char *out, size_t size, const struct journal_line *line, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line->json, name));
    str_printable(out, size, text ? text : "", text ? strlen(text) : 0);
}

static void see_refusal(void *context, const struct job_row *row, const struct journal_line *line) {
    struct refusal *refusal = context;
    (void)row;
    if (strcmp(line->event, "rejected") != 0 || job_line_batch(line) != refusal->batch)
        return;
    take(refusal->reason, sizeof refusal->reason, line, "reason");
    take(refusal->error, sizeof refusal->error, line, "error");
}

static void tell_failed(struct finder *f, struct stuck *s) {
    struct refusal refusal = {.batch = s->batch};
    struct job_row row;
    enum rc rc = job_row_read(f->spool, s->job_id, &row, see_refusal, &refusal, NULL);
    str_copy(s->reason, sizeof s->reason, refusal.reason);
    str_copy(s->source, sizeof s->source, rc == RC_OK || rc == RC_CORRUPT ? row.source : "");
    str_format(s->text, sizeof s->text, "it could not be loaded: %s", rc == RC_GONE ? "there is no journal of its job" : refusal.error);
    str_format(s->go_on, sizeof s->go_on,
               "mend the cause (`batchspool why %s`), then `batchspool requeue --files %s`; a payload that was damaged on the disk is not fetched again",
               s->job_id, s->job_id);
    f->found(f->context, s);
}

static void tell_late(struct finder *f, struct stuck *s) {
    char waited[24];
    struct job_row row;
    if (f->now_us - s->since_us < f->options->after_us)
        return;
    if (s->kind == STUCK_FILE_ABANDONED && !payload_abandoned(f->spool, s->file))
        return;
    if (index_job_now(f->index, f->spool, s->job_id, &row, NULL) == RC_OK)
        str_copy(s->source, sizeof s->source, row.source);
    span(waited, f->now_us - s->since_us);
    if (s->kind == STUCK_FILE_ABANDONED)
        str_format(s->text, sizeof s->text, "its loader has gone, %s ago or later", waited);
    else
        str_format(s->text, sizeof s->text, "it has waited to be loaded for %s%s", waited, f->daemon_runs ? "" : ", and no daemon runs");
    str_format(s->go_on, sizeof s->go_on, "`batchspool process %s` loads it now", s->job_id);
    f->found(f->context, s);
}

static enum rc look_at_files(struct finder *f) {
    static const struct {
        enum shelf shelf;
        enum stuck_kind kind;
        const char *where;
    } shelves[] = {{SHELF_READY, STUCK_FILE_WAITING, "payloads/ready"},
                   {SHELF_PROCESSING, STUCK_FILE_ABANDONED, "payloads/processing"},
                   {SHELF_FAILED, STUCK_FILE_FAILED, "payloads/failed"}};
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < sizeof shelves / sizeof *shelves; i++) {
        rc = names_read(f, f->spool->shelf_fd[shelves[i].shelf], DT_LNK);
        for (size_t k = 0; !rc && k < f->name_count; k++) {
            struct stuck s = {.kind = shelves[i].kind, .where = shelves[i].where};
            s.since_us = since(f->spool->shelf_fd[shelves[i].shelf], f->names[k]);
            if (s.since_us == 0 || !payload_marker_parse(f->names[k], s.job_id, &s.batch) || !str_copy(s.file, sizeof s.file, f->names[k]))
                continue;
            if (s.kind == STUCK_FILE_FAILED)
                tell_failed(f, &s);
            else
                tell_late(f, &s);
        }
    }
    return rc;
}

enum rc stuck_find(const struct spool *spool, struct index *index, struct sources *sources, const struct stuck_options *options, stuck_found *found,
                   void *context, struct err *err) {
    struct err unread = {0};
    struct finder f = {.spool = spool, .index = index, .sources = sources, .options = options, .found = found, .context = context, .err = err};
    f.now_us = clock_wall_us();
    f.daemon_runs = spool_daemon_runs(spool);
    if (sources)
        sources_list(sources, tell_source, &f, &unread); /* without a directory there is none to tell of */
    enum rc rc = look_at_jobs(&f);
    if (!rc)
        rc = look_at_files(&f);
    names_clear(&f);
    free(f.names);
    free(f.known);
    return rc;
}
