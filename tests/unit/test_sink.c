// SPDX-License-Identifier: Apache-2.0
#include "sink/sink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_dump.h"

#define JOB_A "20261101T000000Z-000000000001-a"
#define JOB_B "20261101T000000Z-000000000002-b"
#define JOB_C "20261101T000000Z-000000000003-c"
#define DEFINITION "d1"

static const char *store; /* the row under test */

struct fixture {
    char root[256];
    struct spool spool;
    struct sink *sink;
};

static void open_sink(struct fixture *f, bool write) {
    struct err err = {0};

    if (sink_open(store, &f->spool, write, &f->sink, &err) != RC_OK)
        fail_msg("%s", err.text);
}

static void close_sink(struct fixture *f) {
    sink_close(f->sink);
    f->sink = NULL;
}

/* Empty the store: a new spool under the same fixture. */
static void start(struct fixture *f) {
    char path[300];
    const char *base = getenv("TMPDIR");

    (void)snprintf(f->root, sizeof(f->root), "%s/sink-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(f->root));
    (void)snprintf(path, sizeof(path), "%s/records", f->root);
    assert_int_equal(mkdir(path, 0770), 0);
    memset(&f->spool, 0, sizeof(f->spool));
    (void)snprintf(f->spool.root, sizeof(f->spool.root), "%s", f->root);
    f->spool.root_fd = -1;
    open_sink(f, true);
}

static void stop(struct fixture *f) {
    char path[300];

    close_sink(f);
    (void)snprintf(path, sizeof(path), "%s/records/data.mdb", f->root);
    unlink(path);
    (void)snprintf(path, sizeof(path), "%s/records/lock.mdb", f->root);
    unlink(path);
    (void)snprintf(path, sizeof(path), "%s/records", f->root);
    rmdir(path);
    rmdir(f->root);
}

/* Children of a test's record: each letter after '|' is a child, its key is the letter. */
static enum rc letters(const void *definition, struct slice record, sink_child_seen *seen, void *context) {
    const char *bar = memchr(record.data, '|', record.length);
    enum rc rc = RC_OK;

    (void)definition;
    for (const char *at = bar; at != NULL && ++at < record.data + record.length && rc == RC_OK;)
        rc = seen(context, "letters", (struct slice){.data = at, .length = 1}, record);
    return rc;
}

static struct sink_record record(uint32_t index, const char *key, const char *text) {
    return (struct sink_record){.key = slice_of(key), .text = slice_of(text), .index = index};
}

static struct sink_file file(const char *job_id, uint32_t batch, int64_t captured_us, const struct sink_record *records, size_t count) {
    return (struct sink_file){.source = "src",
                              .campaign = job_id[30] == 'c' ? "other" : "camp",
                              .job_id = job_id,
                              .batch = batch,
                              .path = "2026-11/x.json",
                              .sha256 = "abcd",
                              .definition = DEFINITION,
                              .captured_us = captured_us,
                              .records = records,
                              .record_count = count,
                              .children = letters};
}

static void load(struct fixture *f, struct sink_file *files, size_t count) {
    struct err err = {0};

    if (sink_load(f->sink, files, count, &err) != RC_OK)
        fail_msg("%s", err.text);
}

static void dump(struct fixture *f, char out[DIGEST_HEX_SIZE]) {
    close_sink(f);
    store_dump(f->root, out);
    open_sink(f, true);
}

static size_t rows(struct fixture *f, const char *table) {
    size_t count;

    close_sink(f);
    count = store_count(f->root, table);
    open_sink(f, true);
    return count;
}

/* A walk's texts, joined by blanks. */
static bool join(void *context, const struct sink_seen *seen) {
    char *out = context;

    assert_string_equal(seen->source, "src");
    (void)snprintf(out + strlen(out), 512 - strlen(out), "%.*s ", (int)seen->text.length, seen->text.data);
    return true;
}

static void assert_walk(struct fixture *f, const char *const *jobs, size_t count, const char *expected) {
    struct sink_pick pick = {.jobs = jobs, .job_count = count};
    char out[512] = "";

    assert_int_equal(sink_walk(f->sink, &pick, join, out, NULL), RC_OK);
    assert_string_equal(out, expected);
}

static void test_counts(void **state) {
    struct fixture f;
    struct sink_record first[] = {record(0, "k1", "one"), record(1, "k2", "two"), record(2, "k1", "one again"), record(3, "k1", "one again")};
    struct sink_record second[] = {record(0, "k2", "two"), record(1, "k1", "uno"), record(2, "k3", "three")};
    struct sink_file a = file(JOB_A, 1, 100, first, 4), b = file(JOB_B, 1, 200, second, 3);
    struct sink_file_row row;

    (void)state;
    start(&f);
    load(&f, &a, 1);
    assert_false(a.known);
    assert_int_equal(a.inserted, 2);
    assert_int_equal(a.updated, 1);
    assert_int_equal(a.unchanged, 1);
    assert_int_equal(rows(&f, "members"), 2);
    load(&f, &b, 1);
    assert_int_equal(b.inserted, 1);
    assert_int_equal(b.updated, 1);
    assert_int_equal(b.unchanged, 1);
    assert_walk(&f, NULL, 0, "uno two three ");
    assert_walk(&f, (const char *const[]){JOB_A}, 1, "one again two ");
    assert_walk(&f, (const char *const[]){JOB_A, JOB_B}, 2, "uno two two uno three ");
    assert_int_equal(sink_file(f.sink, JOB_A, 1, &row, NULL), RC_OK);
    assert_int_equal(row.properties_count, 4);
    assert_int_equal(row.success_count, 4);
    assert_int_equal(row.captured_us, 100);
    assert_string_equal(row.campaign, "camp");
    assert_int_equal(sink_file(f.sink, JOB_A, 2, &row, NULL), RC_GONE);
    stop(&f);
}

/* One record: as it is now, or as a job captured it. */
static void test_find(void **state) {
    struct fixture f;
    struct sink_record first[] = {record(0, "k1", "one"), record(1, "k2", "two")}, second[] = {record(0, "k1", "uno")}, third[] = {record(0, "k1", "un")};
    struct sink_file files[] = {file(JOB_A, 1, 100, first, 2), file(JOB_B, 1, 200, second, 1), file(JOB_C, 1, 300, third, 1)};
    static const struct {
        const char *key, *job, *text;
    } cases[] = {{"k1", NULL, "un "},  {"k1", JOB_A, "one "}, {"k1", JOB_B, "uno "}, {"k1", JOB_C, "un "},
                 {"k2", NULL, "two "}, {"k2", JOB_B, NULL},   {"k", NULL, NULL}};

    (void)state;
    start(&f);
    load(&f, files, 3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[512] = "";
        enum rc rc = sink_find(f.sink, "src", slice_of(cases[i].key), cases[i].job, join, out, NULL);
        assert_int_equal(rc, cases[i].text != NULL ? RC_OK : RC_GONE);
        assert_string_equal(out, cases[i].text != NULL ? cases[i].text : "");
    }
    stop(&f);
}

static void test_older_after_newer(void **state) {
    struct fixture f;
    struct sink_record new_one[] = {record(0, "k", "new|xy")}, old_one[] = {record(0, "k", "old|abc")};
    struct sink_file a = file(JOB_A, 1, 200, new_one, 1), b = file(JOB_B, 1, 100, old_one, 1);

    (void)state;
    start(&f);
    load(&f, &a, 1);
    load(&f, &b, 1);
    assert_int_equal(b.unchanged, 1);
    assert_walk(&f, NULL, 0, "new|xy ");
    assert_walk(&f, (const char *const[]){JOB_B}, 1, "old|abc ");
    assert_int_equal(rows(&f, "children"), 2);
    assert_int_equal(rows(&f, "versions"), 1);
    stop(&f);
}

/* The store is a function of the set of files: every order, one by one and all at once. */
static void test_any_order(void **state) {
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct sink_record r0[] = {record(0, "k1", "a1|pq"), record(1, "k2", "a2"), record(2, "k3", "a3|z"), record(3, "k1", "a1 later|r")};
    struct sink_record r1[] = {record(0, "k2", "b2|m"), record(1, "k1", "a1 later|r")};
    struct sink_record r2[] = {record(0, "k3", "c3"), record(1, "k1", "c1|pr"), record(2, "k4", "c4")};
    struct sink_bad bad[] = {{.text = slice_of("[1]"), .index = 2, .pointer = "/results/2", .reason = "not an object"}};
    char expected[DIGEST_HEX_SIZE] = "", got[DIGEST_HEX_SIZE];
    struct fixture f;

    (void)state;
    for (int i = 0; i < 12; i++) {
        struct sink_file all[] = {file(JOB_A, 1, 100, r0, 4), file(JOB_A, 2, 300, r1, 2), file(JOB_B, 1, 100, r2, 3)}, files[3];
        all[1].bad = bad;
        all[1].bad_count = 1;
        for (int k = 0; k < 3; k++)
            files[k] = all[orders[i % 6][k]];
        start(&f);
        if (i < 6)
            load(&f, files, 3);
        else
            for (int k = 0; k < 3; k++)
                load(&f, &files[k], 1);
        dump(&f, got);
        if (i == 0)
            memcpy(expected, got, sizeof(expected));
        assert_string_equal(got, expected);
        assert_walk(&f, NULL, 0, "a1 later|r b2|m c3 c4 ");
        load(&f, files, 3);
        assert_true(files[0].known && files[1].known && files[2].known);
        assert_int_equal(files[0].inserted + files[0].updated, 0);
        assert_int_equal(files[0].unchanged, files[0].success_count);
        dump(&f, got);
        assert_string_equal(got, expected);
        stop(&f);
    }
}

static void test_changed_definition(void **state) {
    struct sink_record r0[] = {record(0, "k1", "a1|pq"), record(1, "k2", "a2|s")}, r1[] = {record(0, "k1", "b1|r")};
    struct sink_record by_other_key[] = {record(0, "K1", "a1|pq")};
    struct sink_bad bad[] = {{.text = slice_of("a2|s"), .index = 1, .pointer = "/1", .reason = "no key"}};
    char expected[DIGEST_HEX_SIZE], got[DIGEST_HEX_SIZE];
    struct fixture f;

    (void)state;
    for (int newest = 0; newest < 2; newest++) {
        struct sink_file a = file(JOB_A, 1, newest ? 300 : 100, r0, 2), b = file(JOB_B, 1, 200, r1, 1);
        struct sink_file mended = file(JOB_A, 1, newest ? 300 : 100, by_other_key, 1);
        mended.definition = "d2";
        mended.bad = bad;
        mended.bad_count = 1;
        start(&f);
        load(&f, &b, 1);
        load(&f, &mended, 1);
        dump(&f, expected);
        stop(&f);
        start(&f);
        load(&f, &a, 1);
        load(&f, &b, 1);
        load(&f, &mended, 1);
        assert_false(mended.known);
        assert_int_equal(mended.inserted, 1);
        assert_int_equal(mended.error_count, 1);
        dump(&f, got);
        assert_string_equal(got, expected);
        assert_walk(&f, NULL, 0, "a1|pq b1|r ");
        stop(&f);
    }
}

static bool count_error(void *context, const struct sink_error *error) {
    size_t *count = context;

    ++*count;
    assert_string_equal(error->job_id, JOB_A);
    assert_string_equal(error->pointer, "/results/1");
    assert_string_equal(error->reason, "primary key /id is \"null\"\n");
    assert_true(error->index == 1 && error->text.length == 9 && memcmp(error->text.data, "{\"x\":\n1 }", 9) == 0);
    return true;
}

static void test_replay(void **state) {
    struct sink_record good[] = {record(0, "k1", "a1"), record(2, "k2", "a2")}, replayed[] = {record(1, "k2", "{\"x\":\n1 }")};
    struct sink_bad bad[] = {{.text = slice_of("{\"x\":\n1 }"), .index = 1, .pointer = "/results/1", .reason = "primary key /id is \"null\"\n"}};
    struct sink_file a = file(JOB_A, 1, 100, good, 2), again = file(JOB_A, 1, 100, replayed, 1);
    struct sink_file_row row;
    struct fixture f;
    size_t count = 0;

    (void)state;
    a.bad = bad;
    a.bad_count = 1;
    again.again = true;
    start(&f);
    load(&f, &a, 1);
    assert_int_equal(sink_errors(f.sink, NULL, 0, count_error, &count, NULL), RC_OK);
    assert_int_equal(sink_errors(f.sink, JOB_A, 1, count_error, &count, NULL), RC_OK);
    assert_int_equal(sink_errors(f.sink, JOB_A, 2, count_error, &count, NULL), RC_OK);
    assert_int_equal(sink_errors(f.sink, JOB_B, 0, count_error, &count, NULL), RC_OK);
    assert_int_equal(count, 2);
    load(&f, &again, 1);
    assert_int_equal(again.success_count, 3);
    assert_int_equal(again.error_count, 0);
    assert_int_equal(again.inserted + again.updated + again.unchanged, 1);
    assert_int_equal(sink_file(f.sink, JOB_A, 1, &row, NULL), RC_OK);
    assert_int_equal(row.properties_count, 3);
    assert_int_equal(row.success_count, 3);
    /* The same key stood later in the file: its text stays, the place is now the first one. */
    assert_walk(&f, (const char *const[]){JOB_A}, 1, "a1 a2 ");
    assert_int_equal(rows(&f, "members"), 2);
    assert_int_equal(rows(&f, "errors"), 0);
    load(&f, &again, 1);
    assert_int_equal(again.success_count, 3);
    assert_int_equal(again.inserted + again.updated + again.unchanged, 0);
    stop(&f);
}

static void test_keys_of_all_kinds(void **state) {
    static char long_a[4000], long_b[4000], edge[301];
    struct sink_record records[9];
    struct sink_file a;
    struct fixture f;
    const size_t count = sizeof(records) / sizeof(records[0]);

    (void)state;
    memset(long_a, 'x', sizeof(long_a) - 1);
    memset(long_b, 'x', sizeof(long_b) - 1);
    long_b[sizeof(long_b) - 2] = 'y';
    memset(edge, 1, sizeof(edge) - 1);
    for (size_t i = 0; i < count; i++)
        records[i] = record((uint32_t)i, "", "t|abc");
    records[0].key = slice_of(long_a);
    records[1].key = slice_of(long_b);
    records[2].key = (struct slice){.data = "a\0b", .length = 3};
    records[3].key = (struct slice){.data = "a\1b", .length = 3};
    records[4].key = (struct slice){.data = "a\1\1b", .length = 4};
    records[5].key = (struct slice){.data = "a", .length = 1};
    records[6].key = (struct slice){.data = "a\0", .length = 2};
    records[7].key = slice_of(edge);
    records[8].key = (struct slice){.data = edge, .length = 299};
    a = file(JOB_A, 1, 100, records, count);
    start(&f);
    load(&f, &a, 1);
    assert_int_equal(a.inserted, count);
    assert_int_equal(rows(&f, "records"), count);
    assert_int_equal(rows(&f, "children"), 3 * count);
    stop(&f);
}

/* "a" is a prefix of "ab": neither versions nor children of one may be taken for the other's. */
static void test_prefixes(void **state) {
    struct sink_record r0[] = {record(0, "a", "1|x"), record(1, "ab", "2|y")}, r1[] = {record(0, "a", "3|z"), record(1, "ab", "4")};
    struct sink_file a = file(JOB_A, 1, 100, r0, 2), b = file(JOB_B, 1, 200, r1, 2);
    struct fixture f;

    (void)state;
    start(&f);
    load(&f, &a, 1);
    load(&f, &b, 1);
    assert_int_equal(rows(&f, "children"), 1);
    assert_walk(&f, (const char *const[]){JOB_A}, 1, "1|x 2|y ");
    assert_walk(&f, (const char *const[]){JOB_B}, 1, "3|z 4 ");
    stop(&f);
}

static bool join_job(void *context, const char *job_id) {
    char *out = context;

    (void)snprintf(out + strlen(out), 256 - strlen(out), "%s ", job_id);
    return true;
}

static void test_campaigns_and_compare(void **state) {
    struct sink_record r[] = {record(0, "k", "text")}, other[] = {record(0, "k", "other")};
    struct sink_file files[] = {file(JOB_B, 1, 100, r, 1), file(JOB_A, 1, 100, r, 1), file(JOB_C, 1, 100, r, 1)};
    struct sink_file newer = file(JOB_C, 2, 200, other, 1), older = file(JOB_C, 2, 50, other, 1);
    enum sink_change change;
    struct fixture f;
    char out[256] = "";

    (void)state;
    start(&f);
    assert_int_equal(sink_compare(f.sink, &newer, other, &change, NULL), RC_OK);
    assert_int_equal(change, SINK_INSERTED);
    load(&f, files, 3);
    assert_int_equal(sink_jobs(f.sink, "camp", join_job, out, NULL), RC_OK);
    assert_string_equal(out, JOB_A " " JOB_B " ");
    assert_int_equal(sink_jobs(f.sink, "cam", join_job, out, NULL), RC_OK);
    assert_string_equal(out, JOB_A " " JOB_B " ");
    assert_int_equal(sink_compare(f.sink, &newer, other, &change, NULL), RC_OK);
    assert_int_equal(change, SINK_UPDATED);
    assert_int_equal(sink_compare(f.sink, &older, other, &change, NULL), RC_OK);
    assert_int_equal(change, SINK_UNCHANGED);
    assert_int_equal(sink_compare(f.sink, &newer, r, &change, NULL), RC_OK);
    assert_int_equal(change, SINK_UNCHANGED);
    stop(&f);
}

static void test_open(void **state) {
    struct fixture f;
    struct sink *none;
    struct err err = {0};

    (void)state;
    start(&f);
    assert_int_equal(sink_open("nosuch", &f.spool, true, &none, &err), RC_PERM);
    assert_non_null(strstr(err.text, "nosuch"));
    close_sink(&f);
    open_sink(&f, false);
    assert_walk(&f, NULL, 0, "");
    stop(&f);
    assert_int_equal(sink_open(store, &f.spool, false, &none, &err), RC_GONE);
}

struct changes {
    char text[512];
    size_t most; /* 0: all */
};

static bool join_change(void *context, const struct sink_seen *seen) {
    struct changes *changes = context;

    (void)join(changes->text, seen);
    return changes->most == 0 || --changes->most > 0;
}

static void assert_changes(struct fixture *f, struct sink_position *at, size_t most, const char *expected) {
    const struct sink_pick pick = {.source = NULL};
    struct changes changes = {.most = most};
    struct err err = {0};

    if (sink_changes(f->sink, at, &pick, join_change, &changes, &err) != RC_OK)
        fail_msg("%s", err.text);
    assert_string_equal(changes.text, expected);
}

static void test_changes(void **state) {
    struct fixture f;
    struct sink_record first[] = {record(0, "k1", "one"), record(1, "k2", "two"), record(2, "k3", "three")};
    struct sink_record second[] = {record(0, "k2", "zwei"), record(1, "k4", "vier")}, late[] = {record(0, "k4", "quatre"), record(1, "k5", "cinq")};
    struct sink_file a = file(JOB_A, 1, 100, first, 3), b = file(JOB_B, 1, 300, second, 2), c = file(JOB_C, 1, 200, late, 2);
    struct sink_position at = {.load = 0}, middle, end;
    const char *const jobs[] = {JOB_B};
    const struct sink_pick of_b = {.jobs = jobs, .job_count = 1};
    struct changes changes = {.most = 0};

    (void)state;
    start(&f);
    assert_changes(&f, &at, 0, "");
    load(&f, &a, 1);
    assert_changes(&f, &at, 2, "one two ");
    middle = at;
    load(&f, &b, 1);
    assert_changes(&f, &at, 0, "three zwei vier ");
    end = at;
    assert_changes(&f, &at, 0, "");
    assert_memory_equal(&at, &end, sizeof(at));
    assert_changes(&f, &middle, 1, "three ");
    load(&f, &c, 1); /* captured before b, loaded behind it */
    assert_changes(&f, &at, 0, "cinq ");
    load(&f, &a, 1); /* known */
    assert_changes(&f, &at, 0, "");
    a.definition = "d2";
    load(&f, &a, 1);
    assert_changes(&f, &at, 0, "one three ");
    at = (struct sink_position){.load = 0};
    assert_changes(&f, &at, 0, "zwei vier cinq one three ");
    at = (struct sink_position){.load = 0};
    assert_int_equal(sink_changes(f.sink, &at, &of_b, join_change, &changes, NULL), RC_OK);
    assert_string_equal(changes.text, "zwei vier ");
    at.store[0] = at.store[0] == '0' ? '1' : '0';
    assert_int_equal(sink_changes(f.sink, &at, &of_b, join_change, &changes, NULL), RC_PERM);
    stop(&f);
}

/* A store that knew no order of loads gets that of capture, by whoever opens it first. */
static void test_form_before(void **state) {
    struct fixture f;
    struct sink_record first[] = {record(0, "k1", "one")}, second[] = {record(0, "k2", "two")};
    struct sink_file a = file(JOB_A, 1, 200, first, 1), b = file(JOB_B, 1, 100, second, 1);
    struct sink_position at = {.load = 0};

    (void)state;
    start(&f);
    load(&f, &a, 1);
    load(&f, &b, 1);
    close_sink(&f);
    store_form_before(f.root);
    open_sink(&f, false);
    assert_walk(&f, NULL, 0, "one two ");
    assert_changes(&f, &at, 0, "two one ");
    close_sink(&f);
    open_sink(&f, true);
    a.definition = "d2";
    load(&f, &a, 1);
    assert_changes(&f, &at, 0, "one ");
    stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_older_after_newer),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_changed_definition),
        cmocka_unit_test(test_keys_of_all_kinds),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_campaigns_and_compare),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_form_before),
    };
    int failed = 0;

    /* One suite for every record store. */
    for (size_t i = 0; sink_rows[i] != NULL; i++) {
        store = sink_rows[i]->name;
        failed += cmocka_run_group_tests_name(store, tests, NULL, NULL);
    }
    return failed;
}
