// SPDX-License-Identifier: Apache-2.0
#include "store/index.h"

#include "os_scratch.h"

#include "base/clock.h"
#include "store/index_internal.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct bench {
    struct scratch *scratch;
    struct spool *spool;
    struct err err;
};

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    char root[400];
    void *scratch;
    assert_non_null(b);
    scratch_setup(&scratch);
    b->scratch = scratch;
    snprintf(root, sizeof root, "%s/spool", b->scratch->path);
    assert_int_equal(spool_init(root, &b->err), RC_OK);
    assert_int_equal(spool_open(root, "here", &b->spool, &b->err), RC_OK);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    void *scratch = b->scratch;
    spool_close(b->spool);
    scratch_teardown(&scratch);
    free(b);
    return 0;
}

static struct index *open_index(struct bench *b) {
    struct index *index;
    if (index_open(b->spool, INDEX_OF_DAEMON, true, &index, &b->err) != RC_OK)
        fail_msg("%s", b->err.text);
    return index;
}

static void id_of(unsigned number, char out[JOBID_SIZE]) {
    snprintf(out, JOBID_SIZE, "20261123T170501Z-%012x-job", number);
}

/* One more line, not synced. */
static void say(struct bench *b, const char *id, const char *event, const char *members) {
    struct journal *journal;
    cJSON *json = cJSON_Parse(members);
    assert_non_null(json);
    assert_int_equal(journal_open(b->spool, id, true, &journal, &b->err), RC_OK);
    assert_int_equal(journal_lock(journal, &b->err), RC_OK);
    assert_int_equal(journal_add(journal, event, "daemon", json, &b->err), RC_OK);
    assert_int_equal(journal_commit(journal, false, &b->err), RC_OK);
    journal_close(journal);
    cJSON_Delete(json);
}

static void accept_job(struct bench *b, const char *id, const char *source, const char *priority, const char *hash) {
    char members[500];
    snprintf(members, sizeof members,
             "{\"text\":\"{}\",\"source\":\"%s\",\"campaign_id\":\"camp\",\"priority\":\"%s\",\"process\":\"manual\",\"mode\":\"run\",\"metered\":true,"
             "\"criteria_hash\":\"%s\",\"currency\":\"USD\"}",
             source, priority, hash);
    say(b, id, "accepted", members);
}

static void follow(struct bench *b, struct index *index, const char *id, struct job_row *row) {
    if (index_follow(index, b->spool, id, row, &b->err) != RC_OK)
        fail_msg("%s", b->err.text);
}

/* The rows and keys of every table, one after the other, but for what belongs to this run of the machine and the governor. */
static void dump(struct index *index, char out[DIGEST_HEX_SIZE]) {
    struct digest *sum = digest_new();
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(index->env, NULL, MDB_RDONLY, &txn), 0);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        if (i == TABLE_GOVERNOR)
            continue;
        MDB_cursor *cursor;
        MDB_val key, value;
        assert_int_equal(mdb_cursor_open(txn, index->tables[i], &cursor), 0);
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            size_t sizes[3] = {i, key.mv_size, value.mv_size};
            digest_add(sum, sizes, sizeof sizes);
            digest_add(sum, key.mv_data, key.mv_size);
            digest_add(sum, value.mv_data, value.mv_size);
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    digest_hex(sum, out);
    digest_free(sum);
}

static void assert_money(struct bench *b, struct index *index, const char *source, const char *day, const char *spent, const char *in_doubt) {
    struct job_money money;
    char text[DEC_TEXT_SIZE];
    assert_int_equal(index_spent(index, source, day, &money, &b->err), RC_OK);
    dec_format(money.spent, text);
    assert_string_equal(text, spent);
    dec_format(money.in_doubt, text);
    assert_string_equal(text, in_doubt);

    /* Its quarters of an hour come to the same. */
    char begin[40];
    int64_t begin_us;
    struct index_sums sums;
    (void)snprintf(begin, sizeof begin, "%sT00:00:00Z", day);
    assert_true(clock_parse_rfc3339(begin, &begin_us));
    assert_int_equal(index_sums(index, source, begin_us, begin_us + INT64_C(86400000000), &sums, &b->err), RC_OK);
    assert_int_equal(dec_compare(sums.spent, money.spent), 0);
    assert_int_equal(dec_compare(sums.in_doubt, money.in_doubt), 0);
}

/* A page bought on the day of its answer. */
static void capture(struct bench *b, const char *id, unsigned batch, const char *day) {
    char members[500];
    snprintf(
        members, sizeof members,
        "{\"batch\":%u,\"attempt\":1,\"paid\":true,\"file\":\"2026-11/x_batch%04u.json\",\"sha256\":\"%064x\",\"bytes\":100,\"records\":400,\"total\":1000,"
        "\"cost\":\"20.00\",\"captured_at\":\"%sT10:00:00Z\"}",
        batch, batch, batch, day);
    say(b, id, "captured", members);
}

static void today(char out[CLOCK_RFC3339_SIZE]) {
    clock_format_rfc3339(clock_wall_us(), 0, out);
    out[10] = '\0';
}

static bool count_file(void *context, const struct file_row *row) {
    unsigned *count = context;
    assert_true(row->batch > 0 && row->file_path[0] != '\0');
    (*count)++;
    return true;
}

static void test_follow(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    struct job_row row, read;
    struct file_row file;
    char id[JOBID_SIZE], day[CLOCK_RFC3339_SIZE], sum[DIGEST_HEX_SIZE];
    unsigned files = 0;
    id_of(1, id);
    assert_int_equal(index_follow(index, b->spool, id, &row, &b->err), RC_GONE);
    assert_int_equal(index_job(index, id, &row, &b->err), RC_GONE);
    accept_job(b, id, "props", "high", "h1");
    follow(b, index, id, &row);
    assert_int_equal(row.place, PLACE_PENDING);
    assert_int_equal(index_count(index, PLACE_PENDING), 1);

    say(b, id, "claimed", "{}");
    say(b, id, "requested", "{\"batch\":1,\"paid\":true}");
    capture(b, id, 1, "2025-11-22");
    follow(b, index, id, NULL);
    capture(b, id, 2, "2025-11-23");
    capture(b, id, 2, "2025-11-23"); /* a second one counts for nothing */
    say(b, id, "charge_unknown", "{\"batch\":3,\"cost\":\"20\"}");
    say(b, id, "charge_unknown", "{\"batch\":4,\"cost\":\"10\"}");
    say(b, id, "failed", "{\"batch\":5,\"reason\":\"status\"}");
    follow(b, index, id, &row);
    today(day);
    assert_money(b, index, "props", "2025-11-22", "20.00", "0.00");
    assert_money(b, index, "props", day, "0.00", "30.00");
    assert_int_equal(row.unknown_batches, 2);
    assert_int_equal(row.failed_units, 1);

    say(b, id, "released", "{\"decision\":\"accept_charge\",\"batch\":3}");
    say(b, id, "loaded", "{\"batch\":2,\"success_count\":399,\"error_count\":1,\"properties_count\":400}");
    follow(b, index, id, NULL);
    say(b, id, "loaded", "{\"batch\":2,\"success_count\":400,\"error_count\":0,\"properties_count\":400}");
    capture(b, id, 5, "2025-11-24");
    follow(b, index, id, &row);
    assert_money(b, index, "props", day, "20.00", "10.00");
    assert_int_equal(row.success_count, 400);
    assert_int_equal(row.error_count, 0);
    assert_int_equal(row.failed_units, 0);
    assert_int_equal(row.captured_batches, 3);

    assert_int_equal(job_row_read(b->spool, id, &read, NULL, NULL, &b->err), RC_OK);
    unsigned char left[CODEC_ROW_BYTES], right[CODEC_ROW_BYTES];
    size_t length = codec_job_write(&row, left);
    assert_int_equal(codec_job_write(&read, right), length);
    assert_memory_equal(left, right, length);

    assert_int_equal(index_file(index, id, 2, &file, &b->err), RC_OK);
    assert_int_equal(file.status, FILE_COMPLETED);
    assert_int_equal(index_file(index, id, 3, &file, &b->err), RC_GONE);
    assert_int_equal(index_files(index, id, count_file, &files, &b->err), RC_OK);
    assert_int_equal(files, 3);
    snprintf(sum, sizeof sum, "%064x", 5u);
    assert_int_equal(index_files_by_sha256(index, sum, NULL, count_file, &files, &b->err), RC_OK);
    assert_int_equal(files, 4);
    index_close(index);
}

static const char *const EVENTS[][2] = {
    {"claimed", "{}"},
    {"captured", "{\"batch\":%u,\"file\":\"f%u\",\"sha256\":\"%064x\",\"records\":3,\"bytes\":9,\"cost\":\"0.15\","
                 "\"took_ms\":%u,\"same_as\":\"x_y\"}"},
    {"charge_unknown", "{\"batch\":%u,\"cost\":\"1.5\"}"},
    {"released", "{\"decision\":\"give_up\",\"batch\":%u}"},
    {"released", "{\"decision\":\"accept_charge\"}"},
    {"loaded", "{\"batch\":%u,\"success_count\":2,\"error_count\":1}"},
    {"rejected", "{\"batch\":%u,\"reason\":\"load\"}"},
    {"failed", "{\"batch\":%u,\"reason\":\"status\"}"},
    {"held", "{\"reason\":\"max_cost\"}"},
    {"deferred", "{\"until\":\"2027-01-01T00:00:00Z\",\"reason\":\"back_off\"}"},
    {"requeued", "{\"from\":\"hold\"}"},
    {"reprioritised", "{\"priority\":\"urgent\"}"},
    {"completed", "{\"total\":9,\"unique\":9,\"duplicates\":0,\"missing\":0}"},
    {"failed", "{\"reason\":\"coverage\",\"expected\":9}"},
    {"cancelled", "{}"},
    {"notified", "{}"},
};

static void say_something(struct bench *b, const char *id) {
    size_t pick = (size_t)rand() % (sizeof EVENTS / sizeof EVENTS[0]);
    unsigned batch = (unsigned)rand() % 6 + 1;
    char members[300], number[12];
    snprintf(number, sizeof number, "%u", batch);
    const char *at = EVENTS[pick][1];
    size_t length = 0;
    for (; *at != '\0' && length < sizeof members - 80; at++) {
        if (strncmp(at, "%u", 2) == 0) {
            length += (size_t)snprintf(members + length, sizeof members - length, "%u", batch);
            at++;
        } else if (strncmp(at, "%064x", 5) == 0) {
            length += (size_t)snprintf(members + length, sizeof members - length, "%064x", batch);
            at += 4;
        } else {
            members[length++] = *at;
        }
    }
    members[length] = '\0';
    say(b, id, EVENTS[pick][0], members);
}

static void count_progress(void *context, uint64_t jobs) {
    *(uint64_t *)context = jobs;
}

/* Journals that grow bit by bit and are followed now and then give what a rebuild gives. */
static void test_follow_is_rebuild(void **state) {
    enum { JOBS = 40, EVENTS_EACH = 30 };
    struct bench *b = *state;
    struct index *index = open_index(b);
    char id[JOBID_SIZE], before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];
    uint64_t jobs = 0;
    srand(7);
    for (unsigned i = 0; i < JOBS; i++) {
        id_of(i, id);
        accept_job(b, id, i % 2 == 0 ? "props" : "items", "low", i % 3 == 0 ? "h1" : "h2");
    }
    for (unsigned round = 0; round < EVENTS_EACH; round++) {
        if (round % 3 == 0)
            assert_int_equal(index_begin(index, &b->err), RC_OK);
        for (unsigned i = 0; i < JOBS; i++) {
            id_of(i, id);
            say_something(b, id);
            if (rand() % 4 == 0)
                follow(b, index, id, NULL);
        }
        if (round % 3 == 0)
            assert_int_equal(index_commit(index, &b->err), RC_OK);
    }
    for (unsigned i = 0; i < JOBS; i++) {
        struct job_row row;
        struct job_row read;
        id_of(i, id);
        follow(b, index, id, &row);
        assert_int_equal(job_row_read(b->spool, id, &read, NULL, NULL, &b->err), RC_OK);
        unsigned char left[CODEC_ROW_BYTES], right[CODEC_ROW_BYTES];
        size_t length = codec_job_write(&row, left);
        assert_int_equal(codec_job_write(&read, right), length);
        assert_memory_equal(left, right, length);
    }
    dump(index, before);
    index_close(index);
    assert_int_equal(index_rebuild(b->spool, INDEX_OF_DAEMON, &index, count_progress, &jobs, &b->err), RC_OK);
    assert_int_equal(jobs, JOBS);
    dump(index, after);
    assert_string_equal(before, after);
    index_close(index);
    index = open_index(b);
    dump(index, after);
    assert_string_equal(before, after);
    index_close(index);
}

struct heard {
    unsigned lines, captures;
    uint64_t records, batches; /* what lines have moved */
};

static void hear(void *context, const struct job_row *before, const struct job_row *row, const struct journal_line *line) {
    struct heard *heard = context;
    heard->lines++;
    heard->captures += strcmp(line->event, "captured") == 0;
    heard->records += row->processed_records - before->processed_records;
    heard->batches += row->captured_batches - before->captured_batches;
}

/* Each line once, with what it changed. */
static void test_listener(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    struct heard heard = {0};
    struct job_row row;
    char id[JOBID_SIZE];
    id_of(1, id);
    accept_job(b, id, "items", "normal", "aa");
    follow(b, index, id, NULL);
    index_listen(index, hear, &heard);
    follow(b, index, id, NULL);
    assert_int_equal(heard.lines, 0); /* it was folded in before */
    capture(b, id, 1, "2026-11-23");
    capture(b, id, 2, "2026-11-23");
    follow(b, index, id, &row);
    assert_int_equal(heard.captures, 2);
    assert_int_equal(heard.batches, 2);
    assert_int_equal(heard.records, row.processed_records);
    const unsigned lines = heard.lines;
    follow(b, index, id, NULL);
    assert_int_equal(heard.lines, lines);
    index_listen(index, NULL, NULL);
    capture(b, id, 3, "2026-11-23");
    follow(b, index, id, NULL);
    assert_int_equal(heard.lines, lines);
    index_close(index);
}

static void test_queue(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    static const char *const priorities[] = {"low", "high", "normal", "urgent", "high"};
    static const unsigned order[] = {3, 1, 4, 2, 0};
    char id[JOBID_SIZE], expected[JOBID_SIZE], after[JOBID_SIZE] = "", source[65];
    enum priority priority = PRIORITY_URGENT;
    for (unsigned i = 0; i < 5; i++) {
        id_of(i, id);
        accept_job(b, id, "props", priorities[i], "h");
        follow(b, index, id, NULL);
    }
    id_of(9, id);
    accept_job(b, id, "props-2", "urgent", "h");
    follow(b, index, id, NULL);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(index_next_pending(index, "props", priority, after, id, &priority, &b->err), RC_OK);
        id_of(order[i], expected);
        assert_string_equal(id, expected);
        assert_string_equal(priority_name(priority), priorities[order[i]]);
        str_copy(after, sizeof after, id);
    }
    assert_int_equal(index_next_pending(index, "props", priority, after, id, &priority, &b->err), RC_GONE);
    assert_int_equal(index_next_pending(index, "prop", PRIORITY_URGENT, "", id, &priority, &b->err), RC_GONE);

    assert_int_equal(index_next_pending(index, "props", PRIORITY_NORMAL, "", id, &priority, &b->err), RC_OK);
    id_of(2, expected);
    assert_string_equal(id, expected); /* the first of that priority */
    assert_int_equal(index_next_source(index, "", source, &b->err), RC_OK);
    assert_string_equal(source, "props");
    assert_int_equal(index_next_source(index, source, source, &b->err), RC_OK);
    assert_string_equal(source, "props-2");
    assert_int_equal(index_next_source(index, source, source, &b->err), RC_GONE);

    id_of(8, id); /* mode source: in a queue of its own */
    say(b, id, "accepted", "{\"text\":\"{}\",\"source\":\"props-3\",\"priority\":\"normal\",\"mode\":\"source\"}");
    follow(b, index, id, NULL);
    assert_int_equal(index_next_source(index, "props-2", source, &b->err), RC_GONE);
    id_of(7, id); /* modes results and cleanup likewise, with a source or without */
    say(b, id, "accepted", "{\"text\":\"{}\",\"source\":\"\",\"priority\":\"normal\",\"mode\":\"cleanup\"}");
    follow(b, index, id, NULL);
    assert_int_equal(index_next_source(index, "", source, &b->err), RC_OK);
    assert_string_equal(source, "props");
    assert_int_equal(index_next_pending(index, INDEX_ERRANDS, PRIORITY_URGENT, "", expected, &priority, &b->err), RC_OK);
    assert_string_equal(id, expected);
    id_of(8, id);
    assert_int_equal(index_next_pending(index, INDEX_NO_SOURCE, PRIORITY_URGENT, "", expected, &priority, &b->err), RC_OK);
    assert_string_equal(id, expected);

    id_of(0, id);
    say(b, id, "reprioritised", "{\"priority\":\"urgent\"}");
    follow(b, index, id, NULL);
    assert_int_equal(index_next_pending(index, "props", PRIORITY_URGENT, "", expected, &priority, &b->err), RC_OK);
    assert_string_equal(id, expected);
    say(b, id, "claimed", "{}");
    follow(b, index, id, NULL);
    assert_int_equal(index_next_pending(index, "props", PRIORITY_URGENT, "", expected, &priority, &b->err), RC_OK);
    assert_string_not_equal(id, expected);
    assert_int_equal(index_count(index, PLACE_PENDING), 5);
    assert_int_equal(index_count(index, PLACE_PROCESSING), 1);
    index_close(index);
}

static void test_deferred(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    char id[JOBID_SIZE], next[JOBID_SIZE];
    int64_t until_us, expected_us;
    assert_int_equal(index_next_deferred(index, next, &until_us, &b->err), RC_GONE);
    for (unsigned i = 0; i < 2; i++) {
        id_of(i, id);
        accept_job(b, id, "props", "low", "h");
        say(b, id, "deferred", i == 0 ? "{\"until\":\"2099-01-01T00:00:00Z\"}" : "{\"until\":\"2027-01-01T00:00:00Z\"}");
        follow(b, index, id, NULL);
    }
    assert_int_equal(index_next_deferred(index, next, &until_us, &b->err), RC_OK);
    assert_string_equal(next, id);
    assert_true(clock_parse_rfc3339("2027-01-01T00:00:00Z", &expected_us));
    assert_true(until_us == expected_us);
    say(b, id, "requeued", "{}");
    follow(b, index, id, NULL);
    assert_int_equal(index_next_deferred(index, next, &until_us, &b->err), RC_OK);
    id_of(0, id);
    assert_string_equal(next, id);
    index_close(index);
}

struct seen {
    char ids[8][JOBID_SIZE];
    unsigned count, most;
};

static bool see_job(void *context, const struct job_row *row) {
    struct seen *seen = context;
    str_copy(seen->ids[seen->count++], JOBID_SIZE, row->id);
    return seen->count < seen->most;
}

static bool see_id(void *context, const struct job_row *row) {
    char *all = context;
    size_t used = strlen(all);
    snprintf(all + used, 100 - used, "%.*s ", 1, row->id + strlen("20261123T170501Z-00000000000"));
    return used < 6;
}

static void test_jobs_of_criteria(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    char id[JOBID_SIZE], all[100] = "";
    static const char *const hashes[] = {"h1", "h10", "h1", "h1", "h", "h1", "h1"};
    for (unsigned i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        id_of(i, id);
        accept_job(b, id, "props", "low", hashes[i]);
        follow(b, index, id, NULL);
    }
    id_of(9, id);
    accept_job(b, id, "other", "low", "h1");
    follow(b, index, id, NULL);
    assert_int_equal(index_jobs_of_criteria(index, "props", "h10", see_id, all, &b->err), RC_OK);
    assert_string_equal(all, "1 ");
    all[0] = '\0';
    assert_int_equal(index_jobs_of_criteria(index, "props", "h1", see_id, all, &b->err), RC_OK);
    assert_string_equal(all, "6 5 3 2 "); /* the newest first, until it was told to stop */
    all[0] = '\0';
    assert_int_equal(index_jobs_of_criteria(index, "props", "h2", see_id, all, &b->err), RC_OK);
    assert_string_equal(all, "");
    index_close(index);
}

/* Of a source's pages the newest are kept, whatever the order of the journals in which they are found. */
static void test_history(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    struct history history;
    char id[JOBID_SIZE], members[400];
    assert_int_equal(index_history(index, "props", &history, &b->err), RC_OK);
    assert_int_equal(history.count, 0);
    for (unsigned job = 0; job < 3; job++) {
        id_of(job, id);
        accept_job(b, id, "props", "low", "h");
        for (unsigned batch = 1; batch <= 60; batch++) { /* the first job's pages are the newest */
            snprintf(members, sizeof members,
                     "{\"batch\":%u,\"file\":\"2026-11/x.json\",\"sha256\":\"%064x\",\"records\":%u,\"cost\":\"0.05\",\"took_ms\":%u,"
                     "\"captured_at\":\"2026-11-2%uT10:00:%02uZ\"}",
                     batch, batch, batch, 100 + batch, 3 - job, batch - 1);
            say(b, id, "captured", members);
        }
        say(b, id, "captured", "{\"batch\":61,\"file\":\"2026-11/x.json\",\"sha256\":\"\",\"captured_at\":\"2026-12-01T10:00:00Z\"}");
        say(b, id, "captured", "{\"batch\":60,\"file\":\"2026-11/x.json\",\"took_ms\":5,\"captured_at\":\"2026-12-01T10:00:00Z\"}");
        follow(b, index, id, NULL);
    }
    assert_int_equal(index_history(index, "props", &history, &b->err), RC_OK);
    assert_int_equal(history.count, HISTORY_PAGES);
    assert_int_equal(history.pages[HISTORY_PAGES - 1].records, 60);
    assert_int_equal(history.pages[HISTORY_PAGES - 1].took_ms, 160); /* not of what told no time, nor of a second capture of a page */
    assert_int_equal(history.pages[0].records, 53);                  /* of the third job eight are left */
    id_of(0, id);
    assert_int_equal(history.pages[HISTORY_PAGES - 1].job, history_job(id));
    assert_int_equal(index_history(index, "other", &history, &b->err), RC_OK);
    assert_int_equal(history.count, 0);
    index_close(index);
}

static void test_walks(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    struct seen seen = {.most = 2};
    char id[JOBID_SIZE];
    for (unsigned i = 0; i < 5; i++) {
        id_of(i, id);
        accept_job(b, id, "props", "low", "h");
        if (i == 2)
            say(b, id, "held", "{}");
        follow(b, index, id, NULL);
    }
    assert_int_equal(index_jobs(index, PLACE_PENDING, "", see_job, &seen, &b->err), RC_OK);
    assert_int_equal(seen.count, 2);
    seen.most = 8;
    assert_int_equal(index_jobs(index, PLACE_PENDING, seen.ids[1], see_job, &seen, &b->err), RC_OK);
    assert_int_equal(seen.count, 4);
    id_of(3, id);
    assert_string_equal(seen.ids[2], id);
    seen.count = 0;
    assert_int_equal(index_jobs(index, PLACE_NONE, "", see_job, &seen, &b->err), RC_OK);
    assert_int_equal(seen.count, 5);
    seen.count = 0;
    assert_int_equal(index_jobs_of_campaign(index, "camp", see_job, &seen, &b->err), RC_OK);
    assert_int_equal(seen.count, 5);
    assert_int_equal(index_jobs_of_campaign(index, "cam", see_job, &seen, &b->err), RC_OK);
    assert_int_equal(seen.count, 5);
    index_close(index);
}

static void test_many(void **state) {
    enum { ROWS = 100000 };
    struct bench *b = *state;
    struct index *index = open_index(b);
    struct job_row row;
    char id[JOBID_SIZE], after[JOBID_SIZE] = "";
    enum priority priority = PRIORITY_URGENT;
    int64_t start = clock_mono_ms();
    assert_int_equal(index_begin(index, &b->err), RC_OK);
    for (unsigned i = 0; i < ROWS; i++) {
        id_of(i * 2654435761u, id);
        job_row_init(&row, id);
        row.place = PLACE_PENDING;
        row.accepted = true;
        str_copy(row.source, sizeof row.source, "props");
        str_copy(row.mode, sizeof row.mode, "run");
        str_copy(row.campaign, sizeof row.campaign, "camp");
        row.priority = (enum priority)(i % 4);
        assert_int_equal(index_put_job(index, NULL, &row, &b->err), RC_OK);
    }
    assert_int_equal(index_commit(index, &b->err), RC_OK);
    print_message("%d rows put in %lld ms\n", ROWS, (long long)(clock_mono_ms() - start));
    assert_int_equal(index_count(index, PLACE_PENDING), ROWS);
    start = clock_mono_ms();
    unsigned taken = 0;
    enum priority before = PRIORITY_URGENT;
    while (index_next_pending(index, "props", priority, after, id, &priority, &b->err) == RC_OK) {
        assert_true(priority < before || (priority == before && strcmp(after, id) < 0));
        before = priority;
        str_copy(after, sizeof after, id);
        taken++;
    }
    assert_int_equal(taken, ROWS);
    print_message("%d rows taken in order in %lld ms\n", ROWS, (long long)(clock_mono_ms() - start));
    index_close(index);
}

static size_t map_bytes(struct index *index) {
    MDB_envinfo info;
    assert_int_equal(mdb_env_info(index->env, &info), 0);
    return info.me_mapsize;
}

static void test_growth(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    static char blob[64 * 1024], back[sizeof blob];
    size_t length = sizeof back, most = (size_t)1 << 20;
    struct index_key key = {.length = 0};
    enum rc rc = RC_OK;
    assert_true(map_bytes(index) >= (size_t)256 << 20);
    memset(blob, 'b', sizeof blob);

    /* A group that would not fit is committed in parts. */
    assert_int_equal(mdb_env_set_mapsize(index->env, most), 0);
    assert_int_equal(index_begin(index, &b->err), RC_OK);
    for (unsigned i = 0; i < 64; i++) {
        char name[20];
        snprintf(name, sizeof name, "source-%u", i);
        assert_int_equal(index_put_governor(index, name, blob, sizeof blob, &b->err), RC_OK);
    }
    assert_int_equal(index_commit(index, &b->err), RC_OK);
    assert_true(map_bytes(index) > most * 4);
    assert_int_equal(index_get_governor(index, "source-63", back, &length, &b->err), RC_OK);
    assert_int_equal(length, sizeof back);
    assert_memory_equal(blob, back, length);
    length = 10;
    assert_int_equal(index_get_governor(index, "source-0", back, &length, &b->err), RC_PERM);
    assert_int_equal(index_get_governor(index, "nobody", back, &length, &b->err), RC_GONE);
    assert_int_equal(index_put_governor(index, "source-0", blob, sizeof blob + 1, &b->err), RC_PERM);

    /* What runs full all the same is undone, and fits the next time. */
    assert_int_equal(index_begin(index, &b->err), RC_OK);
    most = map_bytes(index);
    for (unsigned i = 0; rc == RC_OK && i < 10000; i++) {
        key.length = 0;
        index_key_number(&key, i, 4);
        rc = index_put(index, TABLE_GOVERNOR, &key, blob, sizeof blob, &b->err);
    }
    assert_int_equal(rc, RC_TEMP);
    assert_int_equal(index_commit(index, &b->err), RC_TEMP);
    assert_int_equal(map_bytes(index), most * 2);
    assert_int_equal(index_put_governor(index, "source-99", blob, 5, &b->err), RC_OK);
    length = sizeof back;
    assert_int_equal(index_get_governor(index, "source-99", back, &length, &b->err), RC_OK);
    assert_int_equal(length, 5);
    index_close(index);
}

/* What a process does that does not close the index; LMDB is never taken across a fork. */
static void in_child(struct bench *b, void (*run)(struct bench *b)) {
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        run(b);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

static void child_follow(struct bench *b) {
    struct index *index;
    char id[JOBID_SIZE];
    id_of(1, id);
    if (index_open(b->spool, INDEX_OF_DAEMON, true, &index, NULL) != RC_OK || index_follow(index, b->spool, id, NULL, NULL) != RC_OK)
        _exit(1);
    kill(getpid(), SIGKILL);
}

static struct index *child_other_boot(struct bench *b) {
    struct index *index;
    struct index_key key = {.length = 0};
    index_key_text(&key, "boot");
    if (index_open(b->spool, INDEX_OF_DAEMON, true, &index, NULL) != RC_OK || index_begin(index, NULL) != RC_OK ||
        index_put(index, TABLE_META, &key, "other", 5, NULL) != RC_OK || index_commit(index, NULL) != RC_OK)
        _exit(1);
    return index;
}

static void child_unclean(struct bench *b) {
    child_other_boot(b);
}

static void child_clean(struct bench *b) {
    index_close(child_other_boot(b));
}

static void test_unclean(void **state) {
    struct bench *b = *state;
    struct index *index;
    struct job_row row;
    char id[JOBID_SIZE];
    id_of(1, id);
    accept_job(b, id, "props", "low", "h");
    in_child(b, child_follow);
    index = open_index(b);
    assert_int_equal(index_job(index, id, &row, &b->err), RC_OK);
    index_close(index);

    in_child(b, child_clean);
    index_close(open_index(b));

    in_child(b, child_unclean);
    assert_int_equal(index_open(b->spool, INDEX_OF_DAEMON, false, &index, &b->err), RC_CORRUPT);
    assert_int_equal(index_open(b->spool, INDEX_OF_DAEMON, true, &index, &b->err), RC_CORRUPT);
    assert_null(index);
    assert_non_null(strstr(b->err.text, "not closed"));
    assert_int_equal(index_rebuild(b->spool, INDEX_OF_DAEMON, &index, NULL, NULL, &b->err), RC_OK);
    assert_int_equal(index_job(index, id, &row, &b->err), RC_OK);
    index_close(index);
    assert_int_equal(index_open(b->spool, INDEX_OF_DAEMON, false, &index, &b->err), RC_OK);
    assert_int_equal(index_job(index, id, &row, &b->err), RC_OK);
    index_close(index);
}

/* The web program keeps its own beside the daemon's. */
static void test_two_homes(void **state) {
    struct bench *b = *state;
    struct index *index, *web;
    struct job_row row;
    struct stat st;
    char id[JOBID_SIZE], noise[8192];
    memset(noise, 'x', sizeof noise);
    id_of(1, id);
    accept_job(b, id, "props", "low", "h");
    assert_int_equal(index_open(b->spool, INDEX_OF_WEB, false, &web, &b->err), RC_GONE);
    assert_non_null(strstr(b->err.text, "web/index: there is no index; batchspool-httpd"));
    assert_int_equal(index_open(b->spool, INDEX_OF_DAEMON, true, &index, &b->err), RC_OK);
    assert_int_equal(index_rebuild(b->spool, INDEX_OF_WEB, &web, NULL, NULL, &b->err), RC_OK);
    assert_int_equal(index_job(web, id, &row, &b->err), RC_OK);
    assert_int_equal(index_job(index, id, &row, &b->err), RC_GONE);
    assert_int_equal(fstatat(b->spool->root_fd, "web/index/data.mdb", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(fstatat(b->spool->root_fd, "index/data.mdb", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    index_close(index);
    index_close(web);
    int fd = openat(b->spool->root_fd, "web/index/data.mdb", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, noise, sizeof noise, 0), sizeof noise);
    close(fd);
    assert_int_equal(index_open(b->spool, INDEX_OF_WEB, true, &web, &b->err), RC_CORRUPT);
    assert_non_null(strstr(b->err.text, "web/index/: open: "));
    assert_non_null(strstr(b->err.text, "batchspool-httpd"));
    assert_int_equal(index_rebuild(b->spool, INDEX_OF_WEB, &web, NULL, NULL, &b->err), RC_OK);
    index_close(web);
    assert_int_equal(index_open(b->spool, INDEX_OF_DAEMON, false, &index, &b->err), RC_OK);
    index_close(index);
}

static int from_child[2], to_child[2];

/* Reads while another process writes and makes the map larger. */
static void child_read(struct bench *b) {
    struct index *index;
    struct job_row row;
    char id[JOBID_SIZE], c = 0;
    id_of(1, id);
    if (index_open(b->spool, INDEX_OF_DAEMON, false, &index, NULL) != RC_OK || index_job(index, id, &row, NULL) != RC_OK || index_begin(index, NULL) == RC_OK)
        _exit(1);
    if (write(from_child[1], "r", 1) != 1 || read(to_child[0], &c, 1) != 1)
        _exit(2);
    id_of(2, id);
    if (index_job(index, id, &row, NULL) != RC_OK || index_count(index, PLACE_PENDING) != 2)
        _exit(3);
    index_close(index);
}

static void test_reader(void **state) {
    struct bench *b = *state;
    char id[JOBID_SIZE], c;
    int status;
    struct stat st;
    struct index *index;
    assert_int_equal(index_open(b->spool, INDEX_OF_DAEMON, false, &index, &b->err), RC_GONE);
    assert_non_null(strstr(b->err.text, "reindex"));
    assert_int_equal(pipe(from_child), 0);
    assert_int_equal(pipe(to_child), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { /* before the parent opens it */
        if (read(to_child[0], &c, 1) != 1)
            _exit(4);
        child_read(b);
        _exit(0);
    }
    mode_t mask = umask(077);
    index = open_index(b);
    umask(mask);
    assert_int_equal(fstatat(b->spool->root_fd, "index/data.mdb", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(fstatat(b->spool->root_fd, "index/lock.mdb", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    id_of(1, id);
    accept_job(b, id, "props", "low", "h");
    follow(b, index, id, NULL);
    assert_int_equal(write(to_child[1], "g", 1), 1);
    assert_int_equal(read(from_child[0], &c, 1), 1);
    assert_int_equal(mdb_env_set_mapsize(index->env, map_bytes(index) * 2), 0);
    id_of(2, id);
    accept_job(b, id, "props", "low", "h");
    follow(b, index, id, NULL);
    assert_int_equal(write(to_child[1], "g", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    index_close(index);
    for (int i = 0; i < 2; i++) {
        close(from_child[i]);
        close(to_child[i]);
    }
}

static void test_damaged_files(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    struct stat st;
    char id[JOBID_SIZE], noise[65536];
    for (unsigned i = 0; i < 50; i++) {
        id_of(i, id);
        accept_job(b, id, "props", "low", "h");
        follow(b, index, id, NULL);
    }
    index_close(index);
    assert_int_equal(fstatat(b->spool->root_fd, "index/data.mdb", &st, 0), 0);
    int fd = openat(b->spool->root_fd, "index/data.mdb", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, st.st_size / 2), 0);
    assert_int_equal(index_open(b->spool, INDEX_OF_DAEMON, true, &index, &b->err), RC_CORRUPT);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)rand();
    assert_int_equal(pwrite(fd, noise, sizeof noise, 0), sizeof noise);
    assert_int_equal(index_open(b->spool, INDEX_OF_DAEMON, false, &index, &b->err), RC_CORRUPT);
    assert_int_equal(index_open(b->spool, INDEX_OF_DAEMON, true, &index, &b->err), RC_CORRUPT);
    close(fd);
    assert_int_equal(index_rebuild(b->spool, INDEX_OF_DAEMON, &index, NULL, NULL, &b->err), RC_OK);
    assert_int_equal(index_count(index, PLACE_PENDING), 50);
    index_close(index);
}

static void test_damaged_row(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    struct index_key key = {.length = 0};
    struct job_row row;
    struct seen seen = {.most = 8};
    char id[JOBID_SIZE];
    id_of(1, id);
    accept_job(b, id, "props", "low", "h");
    follow(b, index, id, NULL);
    index_key_text(&key, id);
    assert_int_equal(index_begin(index, &b->err), RC_OK);
    assert_int_equal(index_put(index, TABLE_JOBS, &key, "\1damaged", 8, &b->err), RC_OK);
    assert_int_equal(index_commit(index, &b->err), RC_OK);
    assert_int_equal(index_job(index, id, &row, &b->err), RC_CORRUPT);
    assert_non_null(strstr(b->err.text, id));
    assert_int_equal(index_follow(index, b->spool, id, &row, &b->err), RC_CORRUPT);
    assert_int_equal(index_jobs(index, PLACE_PENDING, "", see_job, &seen, &b->err), RC_CORRUPT);
    assert_int_equal(seen.count, 0);
    index_close(index);
}

static void test_damaged_journal(void **state) {
    struct bench *b = *state;
    struct index *index = open_index(b);
    struct job_row row;
    char id[JOBID_SIZE], name[JOBID_SIZE + 8], before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];
    id_of(1, id);
    accept_job(b, id, "props", "low", "h");
    say(b, id, "held", "{\"reason\":\"max_cost\"}");
    snprintf(name, sizeof name, "%s.ndjson", id);
    int fd = openat(b->spool->journal_fd, name, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "garbage\n", 8), 8);
    assert_int_equal(index_follow(index, b->spool, id, &row, &b->err), RC_CORRUPT);
    assert_non_null(strstr(b->err.text, "line 3"));
    assert_int_equal(row.place, PLACE_HOLD);
    assert_int_equal(index_job(index, id, &row, &b->err), RC_OK);
    assert_int_equal(row.journal_seq, 2);
    dump(index, before);
    index_close(index);
    assert_int_equal(index_rebuild(b->spool, INDEX_OF_DAEMON, &index, NULL, NULL, &b->err), RC_OK);
    dump(index, after);
    assert_string_equal(before, after);
    assert_int_equal(ftruncate(fd, 10), 0);
    assert_int_equal(index_follow(index, b->spool, id, &row, &b->err), RC_CORRUPT);
    assert_int_equal(row.place, PLACE_HOLD);
    close(fd);
    index_close(index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_follow, setup, teardown),      cmocka_unit_test_setup_teardown(test_follow_is_rebuild, setup, teardown),
        cmocka_unit_test_setup_teardown(test_listener, setup, teardown),    cmocka_unit_test_setup_teardown(test_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred, setup, teardown),    cmocka_unit_test_setup_teardown(test_jobs_of_criteria, setup, teardown),
        cmocka_unit_test_setup_teardown(test_history, setup, teardown),     cmocka_unit_test_setup_teardown(test_walks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),        cmocka_unit_test_setup_teardown(test_growth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unclean, setup, teardown),     cmocka_unit_test_setup_teardown(test_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_homes, setup, teardown),   cmocka_unit_test_setup_teardown(test_damaged_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_row, setup, teardown), cmocka_unit_test_setup_teardown(test_damaged_journal, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
