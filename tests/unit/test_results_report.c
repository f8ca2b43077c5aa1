// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/errand.h"
#include "engine/review.h"

#include "load_fixture.h"

/* Reports from the spool as a job left it: units that failed, runs before, reviews. */

#define ASKER "20261109T000000Z-0000000000ff-results"
#define SUM_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUM_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEAD                                                                                                                                                   \
    "{\"name\":\"leads\",\"steps\":[{\"http\":{\"method\":\"GET\",\"url\":\"https://api.example.com/x\"}}],\"paginator\":{\"type\":\"single_page\"},"          \
    "\"job_members\":{\"urls\":{\"type\":\"array\"},\"strategies\":{\"type\":\"array\"},\"documents\":{\"type\":\"array\"}},\"data_selector\":\"/results\","
#define SPEED HEAD "\"primary_key\":[\"/url\",\"/strategy\",\"/run\"],\"report\":\"pagespeed\"}"
#define LEASE HEAD "\"primary_key\":[\"/document/sha256\",\"/run\"],\"report\":\"lease\"}"

/* A job whose text names what it is of. by: who made it, or NULL. */
static void accept_by(struct fixture *f, const char *job_id, const char *by, const char *text) {
    char sum[DIGEST_HEX_SIZE];
    cJSON *members = cJSON_CreateObject();
    struct err err = {0};
    digest_of_hex(text, strlen(text), sum);
    cJSON_AddStringToObject(members, "text", text);
    cJSON_AddStringToObject(members, "sha256", sum);
    cJSON_AddStringToObject(members, "source", "leads");
    cJSON_AddStringToObject(members, "campaign_id", "c");
    cJSON_AddStringToObject(members, "mode", "run");
    if (by)
        cJSON_AddStringToObject(members, "created_by", by);
    if (journal_put(f->spool, job_id, "accepted", "daemon", members, &err) != RC_OK)
        fail_msg("%s", err.text);
    cJSON_Delete(members);
    put_event(f, job_id, "claimed", "{}");
}

static void accept_text(struct fixture *f, const char *job_id, const char *text) {
    accept_by(f, job_id, NULL, text);
}

static cJSON *make(struct fixture *f, const char *job_id, unsigned formats, enum rc expected) {
    struct errand errand = {.kind = ERRAND_RESULTS, .set = true, .formats = formats};
    struct err err = {0};
    cJSON *answer = NULL;
    str_copy(errand.job, sizeof errand.job, job_id);
    const enum rc rc = results_make(f->spool, f->sources, ASKER, &errand, results_report_write, &answer, &err);
    if (rc != expected)
        fail_msg("%s: %s", rc_name(rc), err.text);
    return answer;
}

static char *file_of(struct fixture *f, const char *job_id, const char *name) {
    struct buf text = BUF_INIT(16 * 1024 * 1024);
    char path[200];
    snprintf(path, sizeof path, "%s/%s", job_id, name);
    assert_int_equal(fsio_read_file(f->spool->results_fd, path, &text, NULL), RC_OK);
    return buf_take(&text);
}

static void assert_file(struct fixture *f, const char *job_id, const char *name, const char *part, bool there) {
    char *text = file_of(f, job_id, name);
    if ((strstr(text, part) != NULL) != there)
        fail_msg("%s: %s \"%s\": %.4000s", name, there ? "no" : "has", part, text);
    free(text);
}

static void test_units(void **state) {
    struct fixture f;
    (void)state;
    start(&f);
    define_source(&f, SPEED);
    accept_text(&f, JOB_A,
                "{\"source\":\"leads\",\"urls\":[\"https://a.example\",{\"url\":\"https://b.example\",\"labels\":{\"client\":\"B & Co\"}}],"
                "\"strategies\":[\"mobile\",\"desktop\"]}");
    capture(&f, JOB_A, "c", 1, 10,
            "{\"results\":[{\"url\":\"https://a.example\",\"strategy\":\"mobile\",\"run\":\"" JOB_A
            "\",\"status\":\"ok\",\"scores\":{\"performance\":40,\"seo\":null},\"labels\":{\"client\":\"A\"},\"lab\":{\"lcp_ms\":1234.56},\"cwv_pass\":null}]}",
            NULL);
    put_event(&f, JOB_A, "failed", "{\"batch\":2,\"reason\":\"http\",\"error\":\"it came back\"}");
    capture(&f, JOB_A, "c", 2, 10,
            "{\"results\":[{\"url\":\"https://a.example\",\"strategy\":\"desktop\",\"run\":\"" JOB_A "\",\"status\":\"ok\",\"scores\":{\"performance\":0}}]}",
            NULL);
    put_event(&f, JOB_A, "failed", "{\"batch\":3,\"reason\":\"exec\",\"error\":\"an older word\"}");
    put_event(&f, JOB_A, "failed", "{\"batch\":3,\"reason\":\"exec\",\"error\":\"Lighthouse: DNS_FAILURE: no such host\"}");
    put_event(&f, JOB_A, "failed", "{\"batch\":4,\"reason\":\"exec\",\"error\":\"Lighthouse: DNS_FAILURE: no such host\"}");
    (void)load(&f, (struct load_options){0});
    put_event(&f, JOB_A, "completed", "{}");
    cJSON_Delete(make(&f, JOB_A, FORM_BIT(FORM_CSV) | FORM_BIT(FORM_HTML), RC_OK));
    assert_file(&f, JOB_A, "records.csv", "\r\nhttps://a.example,,mobile,A," JOB_A ",ok,,,40,,,,,,1234.56,", true);
    assert_file(&f, JOB_A, "records.csv", "\r\nhttps://a.example,,desktop,," JOB_A ",ok,,,0,", true); /* 0 is a score */
    assert_file(&f, JOB_A, "records.csv", "\r\nhttps://b.example,,mobile,B & Co," JOB_A ",failed,DNS_FAILURE,Lighthouse: DNS_FAILURE: no such host,,,,", true);
    assert_file(&f, JOB_A, "records.csv", "\r\nhttps://b.example,,desktop,B & Co," JOB_A ",failed,DNS_FAILURE,", true);
    assert_file(&f, JOB_A, "records.csv", "it came back", false);
    assert_file(&f, JOB_A, "report.html", "<th scope=\"row\">DNS_FAILURE</th><td class=\"n\">1</td><td class=\"n\">2</td>", true);
    assert_file(&f, JOB_A, "report.html", "no field data", true);
    /* Every unit failed: there is a report, and no record. */
    accept_text(&f, JOB_B, "{\"source\":\"leads\",\"urls\":[\"https://dead.example\"],\"strategies\":[\"mobile\"]}");
    put_event(&f, JOB_B, "failed", "{\"batch\":1,\"reason\":\"http\",\"error\":\"timeout\"}");
    cJSON_Delete(make(&f, JOB_B, FORM_BIT(FORM_CSV) | FORM_BIT(FORM_PDF), RC_OK));
    assert_file(&f, JOB_B, "records.csv", "\r\nhttps://dead.example,,mobile," JOB_B ",failed,http,timeout,", true);
    /* Nothing was loaded at all. */
    accept_text(&f, JOB_C, "{\"source\":\"leads\"}");
    assert_null(make(&f, JOB_C, FORM_BIT(FORM_HTML), RC_GONE));
    stop(&f);
}

#define RUN(job, score, cwv)                                                                                                                                   \
    "{\"results\":[\n{\"url\":\"https://a.example\",\n \"strategy\":\"mobile\",\"run\":\"" job "\",\"scores\":{\"performance\":" #score "},\"cwv_pass\":" cwv  \
    "}]}"

/* The run before is the newest of those before, loaded in whatever order, however its record is written. */
static void test_before(void **state) {
    static const char *const jobs[] = {JOB_A, JOB_B, JOB_C, JOB_D};
    struct fixture f;
    (void)state;
    start(&f);
    define_source(&f, SPEED);
    for (size_t i = 0; i < 4; i++)
        accept_text(&f, jobs[i], "{\"source\":\"leads\"}");
    capture(&f, JOB_D, "c", 1, 14, RUN(JOB_D, 10, "true"), NULL);
    capture(&f, JOB_B, "c", 1, 12, RUN(JOB_B, 90, "true"), NULL);
    capture(&f, JOB_A, "c", 1, 11, RUN(JOB_A, 20, "false"), NULL);
    capture(&f, JOB_C, "c", 1, 13, RUN(JOB_C, 79, "false"), NULL);
    (void)load(&f, (struct load_options){0});
    cJSON_Delete(make(&f, JOB_C, FORM_BIT(FORM_HTML), RC_OK));
    assert_file(&f, JOB_C, "report.html", "<td>Performance</td><td class=\"n\">90</td><td class=\"n middling\">79</td><td class=\"n bad\">-11</td>", true);
    assert_file(&f, JOB_C, "report.html", "<td>Core Web Vitals</td><td>pass</td><td class=\"bad\">fail</td>", true);
    cJSON_Delete(make(&f, JOB_A, FORM_BIT(FORM_HTML), RC_OK));
    assert_file(&f, JOB_A, "report.html", "This is the first run of these URLs", true);
    stop(&f);
}

#define ONE(job, url)                                                                                                                                          \
    "{\"results\":[{\"url\":\"https://" url ".example\",\"strategy\":\"mobile\",\"run\":\"" job                                                                \
    "\",\"fetched_at\":\"2026-11-02T01:02:03.4Z\",\"status\":\"ok\"}]}"
#define RITAS "20261101T120000Z-0000000000ee-leads" /* after JOB_A */
#define LIST "{\"source\":\"leads\",\"urls\":[\"https://a.example\",\"https://b.example\",\"https://c.example\"],\"strategies\":[\"mobile\"]}"

static void fail_unit(struct fixture *f, const char *job_id, unsigned unit) {
    char text[160];
    snprintf(text, sizeof text, "{\"batch\":%u,\"reason\":\"status_500\",\"error\":\"Lighthouse: DNS_FAILURE: no such host\"}", unit);
    put_event(f, job_id, "failed", text);
}

/* What was ok in the run before and fails now is told, and the other way round; what failed in the run before is not new, though it was ok once. */
static void test_newly(void **state) {
    static const char *const jobs[] = {JOB_A, JOB_B, JOB_C, JOB_D};
    struct fixture f;
    (void)state;
    start(&f);
    define_source(&f, SPEED);
    for (size_t i = 0; i < 4; i++)
        accept_text(&f, jobs[i], LIST);
    accept_by(&f, RITAS, "rita", LIST);
    fail_unit(&f, RITAS, 1); /* which says nothing to others, nor theirs to her */
    capture(&f, JOB_A, "c", 1, 11, ONE(JOB_A, "a"), NULL);
    capture(&f, JOB_A, "c", 2, 11, ONE(JOB_A, "b"), NULL);
    fail_unit(&f, JOB_A, 3);
    fail_unit(&f, JOB_B, 1);
    fail_unit(&f, JOB_B, 2);
    capture(&f, JOB_B, "c", 3, 12, ONE(JOB_B, "c"), NULL);
    fail_unit(&f, JOB_C, 1);
    capture(&f, JOB_C, "c", 2, 13, ONE(JOB_C, "b"), NULL);
    fail_unit(&f, JOB_C, 3);
    for (unsigned unit = 1; unit <= 3; unit++)
        fail_unit(&f, JOB_D, unit);
    (void)load(&f, (struct load_options){0});
    cJSON_Delete(make(&f, JOB_A, FORM_BIT(FORM_HTML), RC_OK));
    assert_file(&f, JOB_A, "report.html", "newly fail", false);
    assert_file(&f, JOB_A, "report.html", "This is the first run of these URLs", true);
    cJSON_Delete(make(&f, RITAS, FORM_BIT(FORM_HTML), RC_OK));
    assert_file(&f, RITAS, "report.html", "This is the first run of these URLs", true);
    cJSON_Delete(make(&f, JOB_B, FORM_BIT(FORM_HTML), RC_OK));
    assert_file(&f, JOB_B, "report.html", "2 rows (2 pages) newly fail: they were ok in the run before.", true);
    assert_file(&f, JOB_B, "report.html", "1 row (1 page) works again: it failed in the run before.", true);
    assert_file(&f, JOB_B, "report.html", "This is the first run of these URLs", false);
    cJSON_Delete(make(&f, JOB_C, FORM_BIT(FORM_HTML), RC_OK));
    assert_file(&f, JOB_C, "report.html", "1 row (1 page) newly fails: it was ok in the run before.", true);
    assert_file(&f, JOB_C, "report.html",
                "<th scope=\"row\">https://c.example</th><td>mobile</td><td class=\"bad\">DNS_FAILURE</td><td>Lighthouse: DNS_FAILURE: no such host</td>"
                "<td>2026-11-02 01:02 UTC</td>",
                true);
    /* On pages what failed comes first, in sight; where rows are sorted by who reads them they are by URL. */
    char *html = file_of(&f, JOB_C, "report.html"), *rows = strstr(html, "All rows, what failed and the slowest first");
    assert_non_null(rows);
    assert_true(strstr(rows, "https://c.example") < strstr(rows, "https://b.example"));
    assert_non_null(strstr(rows, "<td class=\"bad clip\" title=\"Lighthouse: DNS_FAILURE: no such host\">"));
    free(html);
    cJSON_Delete(make(&f, JOB_C, FORM_BIT(FORM_CSV), RC_OK));
    char *csv = file_of(&f, JOB_C, "records.csv");
    assert_true(strstr(csv, "https://b.example") < strstr(csv, "https://c.example"));
    free(csv);
    static const char *const dead[][2] = {{"a", ""}, {"b", "newly"}, {"c", ""}};
    cJSON_Delete(make(&f, JOB_D, FORM_BIT(FORM_HTML), RC_OK)); /* no record of this run at all */
    assert_file(&f, JOB_D, "report.html", "1 row (1 page) newly fails: it was ok in the run before.", true);
    assert_file(&f, JOB_D, "report.html", "<th scope=\"row\">https://b.example</th><td>mobile</td><td class=\"bad\">DNS_FAILURE</td>", true);
    for (size_t i = 0; i < sizeof dead / sizeof *dead; i++) { /* each is listed */
        char row[300];
        snprintf(row, sizeof row,
                 "<tr><th scope=\"row\">https://%s.example</th><td>mobile</td><td class=\"bad\">DNS_FAILURE</td>"
                 "<td>Lighthouse: DNS_FAILURE: no such host</td><td>%s</td></tr>",
                 dead[i][0], dead[i][1]);
        assert_file(&f, JOB_D, "report.html", row, true);
    }
    stop(&f);
}

#define DOCUMENT(sum, name, date, fields)                                                                                                                      \
    "{\"results\":[{\"run\":\"" JOB_A "\",\"group\":\"G\",\"document\":{\"sha256\":\"" sum "\",\"name\":\"" name "\",\"date\":" date                           \
    ",\"type\":\"lease\"},\"fields\":" fields ",\"rent\":[],\"checks\":[]}]}"
#define TENANT(value, status)                                                                                                                                  \
    "{\"tenant\":{\"value\":" value ",\"unit\":null,\"status\":\"" status "\",\"document\":null,\"page\":1,\"quote\":\"q\",\"quote_verified\":true}}"

static void test_lease(void **state) {
    struct fixture f;
    struct review_ask ask = {.by = "ann", .reviewer = "ann"};
    struct review_records records;
    struct err err = {0};
    (void)state;
    start(&f);
    define_source(&f, LEASE);
    accept_text(&f, JOB_A,
                "{\"source\":\"leads\",\"documents\":[{\"sha256\":\"" SUM_A "\",\"name\":\"a.pdf\"},{\"sha256\":\"" SUM_B
                "\",\"name\":\"b.pdf\"},{\"name\":\"lost <1>.pdf\"}]}");
    capture(&f, JOB_A, "c", 1, 10, DOCUMENT(SUM_A, "a.pdf", "null", TENANT("\"Old & Co\"", "found")), NULL);
    capture(&f, JOB_A, "c", 2, 10, DOCUMENT(SUM_B, "b.pdf", "\"2020-01-01\"", TENANT("null", "not_found")), NULL);
    put_event(&f, JOB_A, "failed", "{\"batch\":3,\"reason\":\"exec\",\"error\":\"the file is encrypted\"}");
    (void)load(&f, (struct load_options){0});
    cJSON_Delete(make(&f, JOB_A, FORM_BIT(FORM_HTML) | FORM_BIT(FORM_CSV), RC_OK));
    /* A newer document that says nothing of a field does not take it away. */
    assert_file(&f, JOB_A, "records.csv", "\r\nG,tenant,Tenant,Old & Co,,found,,,a.pdf,1,q,yes,,,,\r\n", true);
    assert_file(&f, JOB_A, "report.html", "lost &lt;1&gt;.pdf", true);
    assert_file(&f, JOB_A, "report.html", "the file is encrypted", true);
    assert_file(&f, JOB_A, "report.html", "<p class=\"draft\">", true);
    cJSON *change =
        cJSON_Parse("{\"reviewed\":true,\"fields\":{\"" SUM_B "\":{\"tenant\":{\"decision\":\"corrected\",\"value\":\"=New\",\"note\":\"letter\"}}}}");
    ask.change = change;
    assert_int_equal(review_records_read(f.spool, f.sources, JOB_A, &records, &err), RC_OK);
    assert_int_equal(records.input.records.count, 2);
    assert_int_equal(review_check(&ask, &err), RC_OK);
    assert_int_equal(review_change(f.spool, JOB_A, &records, &ask, NULL, &err), RC_OK);
    review_records_release(&records);
    cJSON_Delete(change);
    cJSON_Delete(make(&f, JOB_A, FORM_BIT(FORM_HTML) | FORM_BIT(FORM_CSV), RC_OK));
    assert_file(&f, JOB_A, "records.csv", "\r\nG,tenant,Tenant,'=New,,not_found,,\"page 1: \"\"q\"\"\",b.pdf,,,,corrected,ann,", true);
    assert_file(&f, JOB_A, "records.csv", "\r\nG,tenant,Tenant,Old & Co,,superseded,,,a.pdf,", true);
    assert_file(&f, JOB_A, "report.html", "<p class=\"draft\">", false);
    assert_file(&f, JOB_A, "review.json", "\"reviewer\":\t\"ann\"", true);
    stop(&f);
}

static void test_review(void **state) {
    static const char *const wrong[][2] = {
        {"{\"x\":1}", "/x"},
        {"{\"reviewed\":1}", "/reviewed"},
        {"{\"fields\":[]}", "/fields"},
        {"{\"fields\":{\"ab\":{}}}", "/fields/ab"},
        {"{\"fields\":{\"" SUM_A "\":{\"a/b\":null}}}", "/fields/" SUM_A "/a~1b"},
        {"{\"fields\":{\"" SUM_A "\":{\"a\":{\"decision\":\"corrected\",\"value\":{}}}}}", "/fields/" SUM_A "/a/value"},
        {"{\"fields\":{\"" SUM_A "\":{\"a\":{\"decision\":\"corrected\",\"value\":[[1]]}}}}", "/fields/" SUM_A "/a/value"},
        {"{\"fields\":{\"" SUM_A "\":{\"a\":{\"decision\":\"confirmed\",\"value\":1}}}}", "/fields/" SUM_A "/a/value"},
        {"{\"fields\":{\"" SUM_A "\":{\"a\":{\"decision\":\"confirmed\",\"by\":\"x\"}}}}", "/fields/" SUM_A "/a/by"},
        {"{\"fields\":{\"" SUM_A "\":{\"a\":{\"decision\":\"confirmed\",\"over\":-1}}}}", "/fields/" SUM_A "/a/over"},
        {"{\"rows\":{\"" SUM_A "\":{\"x\":{}}}}", "/rows/" SUM_A "/x"},
        {"{\"rows\":{\"" SUM_A "\":{\"rent\":{\"r1\":{}}}}}", "/rows/" SUM_A "/rent/r1"},
        {"{\"rows\":{\"" SUM_A "\":{\"rent\":{\"r1\":{\"decision\":\"gone\"}}}}}", "/rows/" SUM_A "/rent/r1/decision"},
        {"{\"rows\":{\"" SUM_A "\":{\"rent\":{\"a1\":{\"decision\":\"added\"}}}}}", "/rows/" SUM_A "/rent/a1/values"},
        {"{\"rows\":{\"" SUM_A "\":{\"rent\":{\"r1\":{\"cells\":{\"to\":{\"decision\":\"corrected\"}}}}}}}", "/rows/" SUM_A "/rent/r1/cells/to/value"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cJSON *change = cJSON_Parse(wrong[i][0]);
        struct review_ask ask = {.change = change};
        struct err err = {0};
        assert_non_null(change);
        assert_int_equal(review_check(&ask, &err), RC_PERM);
        assert_string_equal(ask.pointer, wrong[i][1]);
        assert_true(err.text[0]);
        cJSON_Delete(change);
    }
}

/* A file that cannot be written leaves the one before. */
static void test_failure(void **state) {
    struct fixture f;
    struct errand errand = {.kind = ERRAND_RESULTS, .set = true, .formats = FORM_BIT(FORM_NDJSON) | FORM_BIT(FORM_ICS)};
    struct err err = {0};
    cJSON *answer = NULL;
    (void)state;
    start(&f);
    accept_job(&f, JOB_A, "c");
    capture(&f, JOB_A, "c", 1, 10, "{\"results\":[{\"RadarID\":\"P1\"}]}", NULL);
    (void)load(&f, (struct load_options){0});
    str_copy(errand.job, sizeof errand.job, JOB_A);
    assert_int_equal(results_make(f.spool, f.sources, ASKER, &errand, results_report_write, &answer, &err), RC_PERM);
    assert_null(answer);
    assert_non_null(strstr(err.text, "leases alone"));
    assert_file(&f, JOB_A, "records.ndjson", "{\"RadarID\":\"P1\"}\n", true);
    errand.formats = FORM_BIT(FORM_XLSX); /* the daemon's own program has no such thing */
    assert_int_equal(results_make(f.spool, f.sources, ASKER, &errand, NULL, &answer, &err), RC_PERM);
    assert_non_null(strstr(err.text, "batchspool-report"));
    stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_units), cmocka_unit_test(test_before), cmocka_unit_test(test_newly),
                                       cmocka_unit_test(test_lease), cmocka_unit_test(test_review), cmocka_unit_test(test_failure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
