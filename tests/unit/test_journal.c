// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#define FILE_A ID_A ".ndjson"

static struct journal *open_journal(struct bench *b) {
    struct journal *journal;
    assert_int_equal(journal_open(b->spool, ID_A, true, &journal, &b->err), RC_OK);
    return journal;
}

static void put(struct bench *b, struct journal *journal, const char *event) {
    assert_int_equal(journal_lock(journal, &b->err), RC_OK);
    assert_int_equal(journal_add(journal, event, "daemon", NULL, &b->err), RC_OK);
    assert_int_equal(journal_commit(journal, true, &b->err), RC_OK);
    journal_unlock(journal);
}

/* Read all; the number of lines, and the result that ended it. */
static uint64_t count_lines(struct bench *b, enum rc *end) {
    struct journal_reader *reader;
    struct journal_line line;
    uint64_t count = 0;
    assert_int_equal(journal_reader_open(b->spool, ID_A, 0, 0, NULL, &reader, &b->err), RC_OK);
    while ((*end = journal_reader_next(reader, &line, &b->err)) == RC_OK)
        assert_int_equal(line.seq, ++count);
    journal_reader_close(reader);
    return count;
}

static off_t file_size(struct bench *b) {
    struct stat st;
    assert_int_equal(fstatat(b->spool->journal_fd, FILE_A, &st, 0), 0);
    return st.st_size;
}

static void append_raw(struct bench *b, const void *bytes, size_t length) {
    int fd = openat(b->spool->journal_fd, FILE_A, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
}

static void a_spare_file_is_used_once(void **state) {
    struct bench *b = *state;
    struct journal *journal;
    struct stat st;
    int spare = -1;
    enum rc end;
    journal_spare(b->spool, &spare);
    if (spare < 0)
        skip(); /* no files without a name here */
    int kept = spare;
    journal_spare(b->spool, &spare);
    assert_int_equal(spare, kept);
    assert_int_equal(journal_open_spare(b->spool, ID_A, &spare, &journal, &b->err), RC_OK);
    assert_int_equal(spare, -1);
    put(b, journal, "accepted");
    journal_close(journal);
    assert_int_equal(fstatat(b->spool->journal_fd, FILE_A, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    /* A journal that is there keeps its lines, and the spare file is kept for another. */
    journal_spare(b->spool, &spare);
    assert_int_equal(journal_open_spare(b->spool, ID_A, &spare, &journal, &b->err), RC_OK);
    assert_true(spare >= 0);
    put(b, journal, "claimed");
    journal_close(journal);
    assert_int_equal(count_lines(b, &end), 2);
    assert_int_equal(end, RC_GONE);
    close(spare);
}

static void lines_are_chained(void **state) {
    struct bench *b = *state;
    struct journal_reader *reader;
    struct journal_line first, second;
    char hash[DIGEST_HEX_SIZE], sum[DIGEST_HEX_SIZE];
    bench_event(b, ID_A, "accepted", "daemon", "{\"name\":\"a \\u00e9\"}");
    bench_event(b, ID_A, "claimed", NULL, NULL);
    assert_int_equal(journal_reader_open(b->spool, ID_A, 0, 0, NULL, &reader, &b->err), RC_OK);
    assert_int_equal(journal_reader_next(reader, &first, &b->err), RC_OK);
    assert_string_equal(first.event, "accepted");
    assert_true(first.ts_us > 0);
    assert_string_equal(cJSON_GetObjectItem(first.json, "node")->valuestring, "node-1");
    assert_string_equal(cJSON_GetObjectItem(first.json, "by")->valuestring, "daemon");
    assert_int_equal(cJSON_GetObjectItem(first.json, "uid")->valueint, geteuid());
    digest_of_hex(first.text, first.length, sum);
    assert_string_equal(first.hash, sum);
    strcpy(hash, first.hash);
    uint64_t end = first.end;
    assert_int_equal(journal_reader_next(reader, &second, &b->err), RC_OK);
    assert_int_equal(second.offset, end);
    assert_string_equal(cJSON_GetObjectItem(second.json, "prev")->valuestring, hash);
    assert_null(cJSON_GetObjectItem(second.json, "by"));
    assert_int_equal(journal_reader_next(reader, &second, &b->err), RC_GONE);
    /* A follower goes on where it stopped. */
    bench_event(b, ID_A, "held", "mv", "{\"uid\":7}");
    assert_int_equal(journal_reader_next(reader, &second, &b->err), RC_OK);
    assert_int_equal(second.seq, 3);
    assert_int_equal(cJSON_GetObjectItem(second.json, "uid")->valueint, 7);
    journal_reader_close(reader);
    assert_int_equal(journal_reader_open(b->spool, ID_A, end, 1, hash, &reader, &b->err), RC_OK);
    assert_int_equal(journal_reader_next(reader, &second, &b->err), RC_OK);
    assert_int_equal(second.seq, 2);
    journal_reader_close(reader);
}

static void two_writers_take_turns(void **state) {
    struct bench *b = *state;
    enum rc end;
    struct journal *one = open_journal(b), *two = open_journal(b);
    for (int i = 0; i < 10; i++) {
        put(b, one, "claimed");
        put(b, two, "held");
        put(b, two, "claimed");
    }
    journal_close(one);
    journal_close(two);
    assert_int_equal(count_lines(b, &end), 30);
    assert_int_equal(end, RC_GONE);
}

static void a_torn_line_is_cut(void **state) {
    struct bench *b = *state;
    enum rc end;
    struct journal *journal = open_journal(b);
    put(b, journal, "accepted");
    append_raw(b, "{\"v\":1,\"seq\":2", 14);
    assert_int_equal(count_lines(b, &end), 1);
    assert_int_equal(end, RC_GONE);
    put(b, journal, "claimed");
    off_t size = file_size(b);
    append_raw(b, "\0\0\0\0\0\n", 6); /* blocks that a power loss left empty */
    assert_int_equal(count_lines(b, &end), 2);
    assert_int_equal(end, RC_GONE);
    assert_int_equal(journal_lock(journal, &b->err), RC_OK);
    assert_int_equal(journal_size(journal), size);
    assert_int_equal(file_size(b), size);
    journal_close(journal);
    journal = open_journal(b);
    put(b, journal, "held");
    journal_close(journal);
    assert_int_equal(count_lines(b, &end), 3);
}

static void a_last_line_that_is_no_event_stops_writers(void **state) {
    struct bench *b = *state;
    struct journal *journal = open_journal(b);
    put(b, journal, "accepted");
    append_raw(b, "hello\n", 6);
    assert_int_equal(journal_lock(journal, &b->err), RC_CORRUPT);
    assert_int_equal(journal_lock(journal, &b->err), RC_CORRUPT); /* and the lock was given back */
    journal_close(journal);
}

static void an_edited_line_breaks_the_chain(void **state) {
    struct bench *b = *state;
    enum rc end;
    bench_event(b, ID_A, "accepted", NULL, "{\"cost\":\"1.00\"}");
    bench_event(b, ID_A, "claimed", NULL, NULL);
    bench_event(b, ID_A, "held", NULL, NULL);
    int fd = openat(b->spool->journal_fd, FILE_A, O_RDWR);
    char text[4096];
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    assert_true(length > 0);
    text[length] = '\0';
    char *cost = strstr(text, "1.00");
    assert_non_null(cost);
    assert_int_equal(pwrite(fd, "9", 1, cost - text), 1);
    close(fd);
    assert_int_equal(count_lines(b, &end), 1);
    assert_int_equal(end, RC_CORRUPT);
    assert_non_null(strstr(b->err.text, "line 2"));
    /* Reading goes on after the damage, and only the one line is told. */
    struct journal_reader *reader;
    struct journal_line line;
    assert_int_equal(journal_reader_open(b->spool, ID_A, 0, 0, NULL, &reader, &b->err), RC_OK);
    assert_int_equal(journal_reader_next(reader, &line, &b->err), RC_OK);
    assert_int_equal(journal_reader_next(reader, &line, &b->err), RC_CORRUPT);
    assert_int_equal(journal_reader_next(reader, &line, &b->err), RC_OK);
    assert_int_equal(line.seq, 3);
    journal_reader_close(reader);
}

static void bytes_that_are_no_text_do_not_get_in(void **state) {
    struct bench *b = *state;
    enum rc end;
    cJSON *members = cJSON_CreateObject();
    cJSON_AddStringToObject(members, "name", "\xff\xfe.json");
    assert_int_equal(journal_put(b->spool, ID_A, "rejected", "daemon", members, &b->err), RC_OK);
    cJSON_Delete(members);
    assert_int_equal(count_lines(b, &end), 1);
    assert_int_equal(end, RC_GONE);
}

static void long_lines_and_long_journals(void **state) {
    struct bench *b = *state;
    enum rc end;
    size_t size = 900000;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    cJSON *members = cJSON_CreateObject();
    cJSON_AddStringToObject(members, "text", text);
    struct journal *journal = open_journal(b);
    assert_int_equal(journal_lock(journal, &b->err), RC_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(journal_add(journal, "accepted", NULL, members, &b->err), RC_OK);
    assert_int_equal(journal_commit(journal, false, &b->err), RC_OK);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(journal_add(journal, "requested", NULL, NULL, &b->err), RC_OK);
    assert_int_equal(journal_commit(journal, true, &b->err), RC_OK);
    assert_int_equal(journal_add(journal, "accepted", NULL, members, &b->err), RC_OK);
    assert_int_equal(journal_commit(journal, true, &b->err), RC_OK);
    journal_close(journal);
    journal = open_journal(b); /* finds the long last line from the back */
    put(b, journal, "claimed");
    journal_close(journal);
    assert_int_equal(count_lines(b, &end), 5005);
    struct journal_reader *reader;
    struct journal_line line;
    int found = 0;
    assert_int_equal(journal_reader_open(b->spool, ID_A, 0, 0, NULL, &reader, &b->err), RC_OK);
    while (journal_reader_find(reader, "accepted", &line, &b->err) == RC_OK)
        found++;
    journal_reader_close(reader);
    assert_int_equal(found, 4);
    cJSON_Delete(members);
    free(text);
}

static void missing_and_foreign(void **state) {
    struct bench *b = *state;
    struct journal *journal;
    struct journal_reader *reader;
    assert_int_equal(journal_open(b->spool, ID_A, false, &journal, &b->err), RC_GONE);
    assert_null(journal);
    assert_int_equal(journal_open(b->spool, "../x", true, &journal, &b->err), RC_PERM);
    assert_int_equal(journal_reader_open(b->spool, ID_A, 0, 0, NULL, &reader, &b->err), RC_GONE);
    assert_int_equal(symlinkat("/etc/passwd", b->spool->journal_fd, FILE_A), 0);
    assert_int_not_equal(journal_open(b->spool, ID_A, true, &journal, &b->err), RC_OK);
}

static void a_removed_journal_is_not_written_to(void **state) {
    struct bench *b = *state;
    enum rc end;
    struct journal *journal = open_journal(b);
    put(b, journal, "accepted");
    assert_int_equal(unlinkat(b->spool->journal_fd, FILE_A, 0), 0);
    put(b, journal, "accepted");
    journal_close(journal);
    assert_int_equal(count_lines(b, &end), 1);
}

static void unwritten_lines_are_dropped(void **state) {
    struct bench *b = *state;
    enum rc end;
    struct journal *journal = open_journal(b);
    put(b, journal, "accepted");
    assert_int_equal(journal_lock(journal, &b->err), RC_OK);
    assert_int_equal(journal_add(journal, "held", NULL, NULL, &b->err), RC_OK);
    journal_unlock(journal);
    put(b, journal, "claimed");
    journal_close(journal);
    assert_int_equal(count_lines(b, &end), 2);
    assert_int_equal(end, RC_GONE);
}

/* In a process with a fault: the failing commit says so, and the next one goes through on a fresh descriptor. */
static int commit_twice(struct bench *b) {
    struct journal *journal;
    if (journal_open(b->spool, ID_A, true, &journal, &b->err) != RC_OK || journal_lock(journal, &b->err) != RC_OK)
        return 10;
    journal_add(journal, "held", NULL, NULL, &b->err);
    journal_add(journal, "claimed", NULL, NULL, &b->err);
    enum rc first = journal_commit(journal, true, &b->err);
    journal_unlock(journal);
    if (journal_lock(journal, &b->err) != RC_OK || journal_size(journal) != (uint64_t)file_size(b))
        return 11;
    journal_add(journal, "cancelled", NULL, NULL, &b->err);
    if (journal_commit(journal, true, &b->err) != RC_OK)
        return 12;
    journal_close(journal);
    return (int)first;
}

static void a_failed_write_or_sync_counts_for_nothing(void **state) {
    struct bench *b = *state;
    static const struct {
        const char *plan;
        enum rc first;
        uint64_t lines;
    } CASES[] = {{"1:enospc:write", RC_NOSPACE, 2}, {"1:eio:fsync", RC_TEMP, 3}, {"1:short:write", RC_OK, 6}};
    enum rc end;
    int code;
    bench_event(b, ID_A, "accepted", NULL, NULL);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_false(bench_faulty(b, CASES[i].plan, commit_twice, &code));
        assert_int_equal(code, CASES[i].first);
        assert_int_equal(count_lines(b, &end), CASES[i].lines);
        assert_int_equal(end, RC_GONE);
    }
}

static void journals_share_a_sync(void **state) {
    struct bench *b = *state;
    struct journal *journals[3] = {NULL};
    enum rc rcs[3] = {RC_OK, RC_OK, RC_OK};
    static const char *const IDS[] = {ID_A, ID_B};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(journal_open(b->spool, IDS[i], true, &journals[i], &b->err), RC_OK);
        assert_int_equal(journal_lock(journals[i], &b->err), RC_OK);
        assert_int_equal(journal_add(journals[i], "accepted", NULL, NULL, &b->err), RC_OK);
        assert_int_equal(journal_write(journals[i], &b->err), RC_OK);
    }
    journal_sync_all(journals, rcs, 3, &b->err);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rcs[i], RC_OK);
        journal_close(journals[i]);
        assert_int_equal(bench_row(b, IDS[i]).journal_seq, 1);
    }
}

#define MANY 24

static int sync_many(struct bench *b) {
    struct journal *journals[MANY];
    enum rc rcs[MANY] = {RC_OK};
    int failed = 0, wrong = 0;
    char id[JOBID_SIZE], name[JOBID_SIZE + 8];
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "20261123T170501Z-4f9c2a01b7%02d-many", i);
        if (journal_open(b->spool, id, true, &journals[i], &b->err) != RC_OK || journal_lock(journals[i], &b->err) != RC_OK)
            return 100;
        journal_add(journals[i], "accepted", NULL, NULL, &b->err);
        rcs[i] = journal_write(journals[i], &b->err);
    }
    journal_sync_all(journals, rcs, MANY, &b->err);
    for (int i = 0; i < MANY; i++) {
        struct stat st;
        journal_close(journals[i]);
        snprintf(name, sizeof name, "20261123T170501Z-4f9c2a01b7%02d-many.ndjson", i);
        failed += rcs[i] != RC_OK;
        wrong += fstatat(b->spool->journal_fd, name, &st, 0) != 0 || (st.st_size > 0) != (rcs[i] == RC_OK);
    }
    return wrong ? 101 : failed;
}

/* One syncfs for all, where the file system has one that counts: then all fail together, and no line of theirs stays. */
static void many_journals_share_a_sync(void **state) {
    struct bench *b = *state;
    int code;
    assert_false(bench_faulty(b, "1:eio:fsync", sync_many, &code));
    assert_in_range(code, 1, MANY);
    assert_int_equal(sync_many(b), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(lines_are_chained),
        BENCH_TEST(a_spare_file_is_used_once),
        BENCH_TEST(two_writers_take_turns),
        BENCH_TEST(a_torn_line_is_cut),
        BENCH_TEST(a_last_line_that_is_no_event_stops_writers),
        BENCH_TEST(an_edited_line_breaks_the_chain),
        BENCH_TEST(bytes_that_are_no_text_do_not_get_in),
        BENCH_TEST(long_lines_and_long_journals),
        BENCH_TEST(missing_and_foreign),
        BENCH_TEST(a_removed_journal_is_not_written_to),
        BENCH_TEST(unwritten_lines_are_dropped),
        BENCH_TEST(a_failed_write_or_sync_counts_for_nothing),
        BENCH_TEST(journals_share_a_sync),
        BENCH_TEST(many_journals_share_a_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
