// SPDX-License-Identifier: Apache-2.0
#include "engine/export.h"

#include "report/csv.h"

#include "load_fixture.h"

#define PAGE_A                                                                                                                                                 \
    "{\"results\":[\n {\"RadarID\":\"P2\",\r\n   \"AVM\": 9007199254740993,\"Address\":{\"City\":\"Reno, \\\"NV\\\"\",\"Zip\":\"01234\"},\"Tags\":[1, 2]},"    \
    "{\"RadarID\":\"P1\",\"AVM\":-5,\"Note\":\"=1+1\",\"Persons\":[{\"PersonKey\":1,\"Name\":\"Ann\",\"RadarID\":\"x\"},{\"PersonKey\":2,\"Name\":\"@Bob\"}]}" \
    ","                                                                                                                                                        \
    "{\"RadarID\":\"P2\",\"AVM\":1.10}]}"
#define PAGE_B "{\"results\":[{\"RadarID\":\"P1\",\"AVM\":6,\"Note\":null,\"Persons\":[{\"PersonKey\":3,\"Name\":\"Cy\"}]},{\"RadarID\":\"P3\",\"AVM\":1e3}]}"

static void load_all(struct fixture *f) {
    start(f);
    accept_job(f, JOB_A, "one");
    accept_job(f, JOB_B, "two");
    capture(f, JOB_A, "one", 1, 10, PAGE_A, "0.15");
    capture(f, JOB_B, "two", 1, 11, PAGE_B, NULL);
    (void)load(f, (struct load_options){0});
}

static enum rc run(struct fixture *f, const struct export_options *options, char **text, struct err *err) {
    size_t length;
    uint64_t rows;
    FILE *out = open_memstream(text, &length);
    enum rc rc;

    assert_non_null(out);
    rc = export_run(f->spool, f->sources, options, out, &rows, err);
    assert_int_equal(fclose(out), 0);
    return rc;
}

static void assert_export(struct fixture *f, struct export_options options, const char *expected) {
    struct err err = {0};
    char *text;

    if (run(f, &options, &text, &err) != RC_OK)
        fail_msg("%s", err.text);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_refused(struct fixture *f, struct export_options options, enum rc expected, const char *words) {
    struct err err = {0};
    char *text;

    assert_int_equal(run(f, &options, &text, &err), expected);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" has no \"%s\"", err.text, words);
    free(text);
}

static void test_ndjson(void **state) {
    struct fixture f;

    (void)state;
    load_all(&f);
    assert_export(&f, (struct export_options){0},
                  "{\"RadarID\":\"P1\",\"AVM\":6,\"Note\":null,\"Persons\":[{\"PersonKey\":3,\"Name\":\"Cy\"}]}\n"
                  "{\"RadarID\":\"P2\",\"AVM\":1.10}\n"
                  "{\"RadarID\":\"P3\",\"AVM\":1e3}\n");
    /* As the job captured it, in its order, whatever was bought later. */
    assert_export(&f, (struct export_options){.job = JOB_A},
                  "{\"RadarID\":\"P2\",\"AVM\":1.10}\n"
                  "{\"RadarID\":\"P1\",\"AVM\":-5,\"Note\":\"=1+1\",\"Persons\":[{\"PersonKey\":1,\"Name\":\"Ann\",\"RadarID\":\"x\"},{\"PersonKey\":2,"
                  "\"Name\":\"@Bob\"}]}\n");
    assert_export(&f, (struct export_options){.campaign = "two", .not_in = "one"}, "{\"RadarID\":\"P3\",\"AVM\":1e3}\n");
    assert_export(&f, (struct export_options){.source = "leads", .not_in = "two"}, "{\"RadarID\":\"P2\",\"AVM\":1.10}\n");
    assert_export(&f, (struct export_options){.campaign = "one", .source = "leads", .job = JOB_A, .not_in = "two", .with_origin = true},
                  "{\"origin\":{\"source\":\"leads\",\"job\":\"" JOB_A
                  "\",\"batch\":1,\"captured_at\":\"2026-11-10T00:00:00.000001Z\",\"cost\":\"0.05\"},\"record\":{\"RadarID\":\"P2\",\"AVM\":1.10}}\n");
    stop(&f);
}

/* A record's exact text, folded: two pages of one job, the key of the second one's in both. */
static void test_exact_text(void **state) {
    struct fixture f;

    (void)state;
    start(&f);
    accept_job(&f, JOB_A, "one");
    capture(&f, JOB_A, "one", 1, 10, "{\"results\":[\n {\"RadarID\":\"P2\",\r\n   \"AVM\": 9007199254740993, \"t\":\"a\\nb\", \"t\":\"\\u0041\"}]}", NULL);
    capture(&f, JOB_A, "one", 2, 11, "{\"results\":[{\"RadarID\":\"P9\"},{\"RadarID\":\"P2\",\"AVM\":0.10000000000000000000001}]}", NULL);
    (void)load(&f, (struct load_options){0});
    assert_export(&f, (struct export_options){.job = JOB_A}, "{\"RadarID\":\"P2\",\"AVM\":0.10000000000000000000001}\n{\"RadarID\":\"P9\"}\n");
    assert_export(&f, (struct export_options){.job = JOB_A, .csv = true}, "RadarID,AVM\r\nP2,0.10000000000000000000001\r\nP9,\r\n");
    stop(&f);
    start(&f);
    accept_job(&f, JOB_A, "one");
    capture(&f, JOB_A, "one", 1, 10, "{\"results\":[\n {\"RadarID\":\"P2\",\r\n   \"AVM\": 9007199254740993, \"t\":\"a\\nb\", \"t\":\"\\u0041\"}]}", NULL);
    (void)load(&f, (struct load_options){0});
    assert_export(&f, (struct export_options){0}, "{\"RadarID\":\"P2\",\"AVM\": 9007199254740993, \"t\":\"a\\nb\", \"t\":\"\\u0041\"}\n");
    assert_export(&f, (struct export_options){.csv = true}, "RadarID,AVM,t\r\nP2,9007199254740993,A\r\n");
    stop(&f);
}

static void test_csv(void **state) {
    static const char columns[] =
        "[\"RadarID\",{\"name\":\"ZIP\",\"path\":\"/Address/Zip\",\"as\":\"text\"},\"Address.City\",{\"name\":\"Owner1\",\"path\":\"/Persons/0/Name\"},"
        "{\"name\":\"AVM\",\"as\":\"text\"},\"Tags\"]";
    struct fixture f;

    (void)state;
    start(&f);
    accept_job(&f, JOB_A, "one");
    capture(&f, JOB_A, "one", 1, 10,
            "{\"results\":[{\"RadarID\":\"P2\",\"AVM\":9007199254740993,\"Address\":{\"City\":\"Reno, \\\"NV\\\"\",\"Zip\":\"01234\"},\"Tags\":[1, 2]},"
            "{\"RadarID\":\"P1\",\"AVM\":-5,\"Note\":\"=1+1\",\"Persons\":[{\"PersonKey\":1,\"Name\":\"@Ann\"}]}]}",
            "0.10");
    (void)load(&f, (struct load_options){0});
    assert_export(&f, (struct export_options){.csv = true, .job = JOB_A},
                  "RadarID,AVM,Address.City,Address.Zip,Tags,Note,Persons\r\n"
                  "P2,9007199254740993,\"Reno, \"\"NV\"\"\",01234,\"[1, 2]\",,\r\n"
                  "P1,-5,,,,'=1+1,\"[{\"\"PersonKey\"\":1,\"\"Name\"\":\"\"@Ann\"\"}]\"\r\n");
    assert_export(&f, (struct export_options){.csv = true, .job = JOB_A, .columns_text = columns, .columns_length = sizeof(columns) - 1, .with_origin = true},
                  "source,job,batch,captured_at,cost,RadarID,ZIP,Address.City,Owner1,AVM,Tags\r\n"
                  "leads," JOB_A ",1,2026-11-10T00:00:00.000001Z,0.05,P2,01234,\"Reno, \"\"NV\"\"\",,9007199254740993,\"[1, 2]\"\r\n"
                  "leads," JOB_A ",1,2026-11-10T00:00:00.000001Z,0.05,P1,,,'@Ann,'-5,\r\n");
    assert_refused(&f, (struct export_options){.columns_text = columns, .columns_length = sizeof(columns) - 1}, RC_PERM, "csv");
    assert_refused(&f, (struct export_options){.csv = true, .columns_text = "[{\"nome\":1}]", .columns_length = 12}, RC_PERM, "nome");
    assert_refused(&f, (struct export_options){.csv = true, .columns_text = "[\"/a~\"]", .columns_length = 7}, RC_PERM, "/0");
    assert_refused(&f, (struct export_options){.csv = true, .columns_text = "{}", .columns_length = 2}, RC_PERM, "array");
    stop(&f);
}

static void test_children(void **state) {
    static const char columns[] = "[\"Name\"]";
    struct fixture f;

    (void)state;
    load_all(&f);
    assert_export(&f, (struct export_options){.csv = true, .job = JOB_A, .children = "owners"},
                  "RadarID,PersonKey,Name,owners.RadarID\r\n"
                  "P1,1,Ann,x\r\n"
                  "P1,2,'@Bob,\r\n");
    assert_export(&f,
                  (struct export_options){.csv = true, .source = "leads", .children = "owners", .columns_text = columns, .columns_length = sizeof(columns) - 1},
                  "RadarID,Name\r\nP1,Cy\r\n");
    assert_export(&f, (struct export_options){.job = JOB_B, .children = "owners"}, "{\"PersonKey\":3,\"Name\":\"Cy\"}\n");
    assert_refused(&f, (struct export_options){.children = "dogs"}, RC_PERM, "dogs");
    stop(&f);
}

static void test_nothing_there(void **state) {
    struct fixture f;

    (void)state;
    start(&f);
    assert_refused(&f, (struct export_options){0}, RC_GONE, "nothing was loaded");
    stop(&f);
    load_all(&f);
    assert_refused(&f, (struct export_options){.job = JOB_C}, RC_GONE, JOB_C);
    assert_refused(&f, (struct export_options){.campaign = "three"}, RC_GONE, "three");
    assert_refused(&f, (struct export_options){.source = "leads", .not_in = "three"}, RC_GONE, "three");
    assert_refused(&f, (struct export_options){.source = "lead"}, RC_GONE, "lead");
    assert_refused(&f, (struct export_options){.campaign = "two", .job = JOB_A}, RC_GONE, "none of");
    stop(&f);
}

/* A job that was answered by another's payloads exports those. */
static void test_reuse(void **state) {
    struct fixture f;

    (void)state;
    load_all(&f);
    accept_job(&f, JOB_C, "one");
    put_event(&f, JOB_C, "completed", "{\"total\":2,\"unique\":2,\"reuses\":\"" JOB_B "\"}");
    assert_export(&f, (struct export_options){.job = JOB_C, .not_in = "one"}, "{\"RadarID\":\"P3\",\"AVM\":1e3}\n");
    stop(&f);
}

static void test_full_disk(void **state) {
    struct fixture f;
    struct err err = {0};
    struct export_options options = {0};
    uint64_t rows;
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    load_all(&f);
    assert_int_equal(export_run(f.spool, f.sources, &options, full, &rows, &err), RC_TEMP);
    assert_non_null(strstr(err.text, "writing"));
    (void)fclose(full);
    stop(&f);
}

static void assert_cell(const char *text, size_t length, const char *expected) {
    struct buf row = BUF_INIT(1000);

    assert_int_equal(csv_cell_text(&row, (struct slice){.data = text, .length = length}), RC_OK);
    assert_string_equal(buf_text(&row), expected);
    buf_release(&row);
}

static void test_cells(void **state) {
    struct buf row = BUF_INIT(1000);

    (void)state;
    assert_cell("", 0, ",");
    assert_cell("plain", 5, "plain,");
    assert_cell("a\"b", 3, "\"a\"\"b\",");
    assert_cell("a\r\nb", 4, "\"a\r\nb\",");
    assert_cell("=A1,\"x\"", 7, "\"'=A1,\"\"x\"\"\",");
    assert_cell("+1", 2, "'+1,");
    assert_cell("-1", 2, "'-1,");
    assert_cell("@x", 2, "'@x,");
    assert_cell("\tx", 2, "'\tx,");
    assert_cell("\rx", 2, "\"'\rx\",");
    assert_cell("a\0b", 3,
                "a\xef\xbf\xbd"
                "b,");
    assert_int_equal(csv_cell_text(&row, slice_of("")), RC_OK);
    assert_int_equal(csv_row_end(&row), RC_OK);
    assert_string_equal(buf_text(&row), "\"\"\r\n");
    buf_release(&row);
}

static void test_learning(void **state) {
    struct csv csv;
    struct err err = {0};

    (void)state;
    csv_init(&csv);
    assert_int_equal(csv_columns_learn(&csv, slice_of("{\"a\":{\"b\":1,\"c\":{\"d\":[]}},\"a.b\":2,\"x/y~\":3,\"e\":{},\"=q\":4}"), &err), RC_OK);
    assert_int_equal(csv_columns_learn(&csv, slice_of("{\"a\":null,\"z\":1}"), &err), RC_OK);
    assert_int_equal(csv.count, 7);
    assert_string_equal(csv.columns[0].name, "a.b");
    assert_string_equal(csv.columns[1].name, "a.c.d");
    assert_string_equal(csv.columns[2].name, "/a.b");
    assert_string_equal(csv.columns[3].name, "x/y~");
    assert_string_equal(csv.columns[3].pointer, "/x~1y~0");
    assert_string_equal(csv.columns[5].name, "a");
    csv_release(&csv);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),      cmocka_unit_test(test_learning),      cmocka_unit_test(test_ndjson),
        cmocka_unit_test(test_exact_text), cmocka_unit_test(test_csv),           cmocka_unit_test(test_children),
        cmocka_unit_test(test_reuse),      cmocka_unit_test(test_nothing_there), cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
