// SPDX-License-Identifier: Apache-2.0
#include "engine/verify.h"

#include "os_scratch.h"

#include "os/fsio.h"
#include "spool/payload.h"

#include <sys/stat.h>

#define JOB "20261123T170501Z-4f9c2a01b7d3-leads"
#define OTHER "20261123T170502Z-000000000001-other"
#define RAW "2026-11/C_batch0001_20261123T170501Z-4f9c2a01b7d3.json"
#define MARKER JOB "_batch0001.json"

struct place_of_work {
    struct scratch *scratch;
    struct spool *spool;
    char told[8192]; /* "KIND PATH\n"... */
    struct verify_counts counts;
};

static void put_event(const struct spool *spool, const char *id, const char *event, const char *json) {
    cJSON *members = cJSON_Parse(json);
    struct err err = {0};
    assert_non_null(members);
    if (journal_put(spool, id, event, "daemon", members, &err) != RC_OK)
        fail_msg("%s", err.text);
    cJSON_Delete(members);
}

static void write_at(int dir_fd, const char *name, const char *text) {
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void accept_job(const struct spool *spool, const char *id) {
    char name[JOBID_SIZE + 8];
    put_event(spool, id, "accepted",
              "{\"text\":\"{}\",\"sha256\":\"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"source\":\"leads\",\"campaign_id\":\"C\","
              "\"priority\":\"normal\"}");
    put_event(spool, id, "claimed", "{}");
    snprintf(name, sizeof name, "%s.json", id);
    write_at(spool->place_fd[PLACE_PROCESSING], name, "{}");
}

/* One job that runs, with one captured page. */
static int setup(void **state) {
    struct place_of_work *w = calloc(1, sizeof *w);
    void *scratch;
    char root[300], sum[DIGEST_HEX_SIZE], json[600];
    struct err err = {0};
    assert_non_null(w);
    assert_int_equal(scratch_setup(&scratch), 0);
    w->scratch = scratch;
    snprintf(root, sizeof root, "%s/spool", w->scratch->path);
    if (spool_init(root, &err) != RC_OK || spool_open(root, "test", &w->spool, &err) != RC_OK)
        fail_msg("%s", err.text);
    accept_job(w->spool, JOB);
    assert_int_equal(mkdirat(w->spool->raw_fd, "2026-11", 02750), 0);
    write_at(w->spool->raw_fd, RAW, "{\"results\":[1,2]}");
    digest_of_hex("{\"results\":[1,2]}", 17, sum);
    snprintf(json, sizeof json,
             "{\"batch\":1,\"attempt\":1,\"paid\":true,\"file\":\"" RAW "\",\"sha256\":\"%s\",\"bytes\":17,\"records\":2,\"total\":4,\"cost\":\"0.10\"}", sum);
    put_event(w->spool, JOB, "captured", json);
    assert_int_equal(payload_mark(w->spool, JOB, 1, RAW, SHELF_PENDING, &err), RC_OK);
    assert_int_equal(payload_sums_add(w->spool, RAW, sum, &err), RC_OK);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct place_of_work *w = *state;
    void *scratch = w->scratch;
    spool_close(w->spool);
    scratch_teardown(&scratch);
    free(w);
    return 0;
}

static void on_found(void *context, const char *kind, const char *path, const char *detail) {
    struct place_of_work *w = context;
    size_t used = strlen(w->told);
    assert_true(detail[0] != '\0');
    snprintf(w->told + used, sizeof w->told - used, "%s %s\n", kind, path);
}

static void check(struct place_of_work *w, struct index *index, bool quick, const char *wanted) {
    const struct verify_options options = {.quick = quick, .pause_ms = 1};
    struct err err = {0};
    w->told[0] = '\0';
    if (verify_run(w->spool, index, &options, on_found, w, &w->counts, &err) != RC_OK)
        fail_msg("%s", err.text);
    assert_string_equal(w->told, wanted);
    size_t lines = 0;
    for (const char *c = wanted; *c; c++)
        lines += *c == '\n';
    assert_int_equal(w->counts.differences, lines);
}

static void test_nothing(void **state) {
    struct place_of_work *w = *state;
    check(w, NULL, false, "");
    assert_int_equal(w->counts.jobs, 1);
    assert_int_equal(w->counts.payloads, 1);
    assert_int_equal(w->counts.markers, 1);
    assert_int_equal(w->counts.bytes, 17);
}

static void test_flipped_bit(void **state) {
    struct place_of_work *w = *state;
    write_at(w->spool->raw_fd, RAW, "{\"results\":[1,3]}");
    check(w, NULL, true, "");
    check(w, NULL, false, "payload-changed payloads/raw/" RAW "\n");
    write_at(w->spool->raw_fd, RAW, "{\"results\":[]}");
    check(w, NULL, true, "payload-changed payloads/raw/" RAW "\n");
}

static void test_missing_payload(void **state) {
    struct place_of_work *w = *state;
    assert_int_equal(unlinkat(w->spool->raw_fd, RAW, 0), 0);
    check(w, NULL, true, "payload-missing payloads/raw/" RAW "\nmarker-dangling payloads/pending/" MARKER "\n");
}

static void test_unknown_payload(void **state) {
    struct place_of_work *w = *state;
    write_at(w->spool->raw_fd, "2026-11/C_batch0002_20261123T170501Z-4f9c2a01b7d3.json", "{}");
    check(w, NULL, false, "payload-unknown payloads/raw/2026-11/C_batch0002_20261123T170501Z-4f9c2a01b7d3.json\n");
    /* Answered and published, not captured yet: work in progress. */
    put_event(w->spool, JOB, "answered", "{\"batch\":2,\"attempt\":1,\"paid\":true,\"status\":200,\"sha256\":\"00\",\"bytes\":2}");
    check(w, NULL, false, "");
}

static void test_sums(void **state) {
    struct place_of_work *w = *state;
    write_at(w->spool->raw_fd, "2026-11/SHA256SUMS",
             "0000000000000000000000000000000000000000000000000000000000000000  C_batch0001_20261123T170501Z-4f9c2a01b7d3.json\n");
    check(w, NULL, false, "sums-changed payloads/raw/2026-11/SHA256SUMS\n");
}

static void test_markers(void **state) {
    struct place_of_work *w = *state;
    assert_int_equal(unlinkat(w->spool->shelf_fd[SHELF_PENDING], MARKER, 0), 0);
    check(w, NULL, false, "marker-missing payloads/pending/" MARKER "\n");
    assert_int_equal(symlinkat("../raw/" RAW, w->spool->shelf_fd[SHELF_READY], MARKER), 0);
    check(w, NULL, false, "");
    assert_int_equal(symlinkat("../raw/" RAW, w->spool->shelf_fd[SHELF_PROCESSED], MARKER), 0);
    check(w, NULL, false, "marker-double payloads/processed/" MARKER "\n");
    assert_int_equal(unlinkat(w->spool->shelf_fd[SHELF_PROCESSED], MARKER, 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", w->spool->shelf_fd[SHELF_READY], OTHER "_batch0001.json"), 0);
    check(w, NULL, false, "marker-foreign payloads/ready/" OTHER "_batch0001.json\n");
    assert_int_equal(unlinkat(w->spool->shelf_fd[SHELF_READY], OTHER "_batch0001.json", 0), 0);
    assert_int_equal(symlinkat("../raw/" RAW, w->spool->shelf_fd[SHELF_READY], OTHER "_batch0001.json"), 0);
    check(w, NULL, false, "marker-foreign payloads/ready/" OTHER "_batch0001.json\n");
    assert_int_equal(unlinkat(w->spool->shelf_fd[SHELF_READY], OTHER "_batch0001.json", 0), 0);
    write_at(w->spool->shelf_fd[SHELF_READY], "readme", "x");
    check(w, NULL, false, "marker-foreign payloads/ready/readme\n");
    assert_int_equal(unlinkat(w->spool->shelf_fd[SHELF_READY], "readme", 0), 0);
    /* Put there by a hand before it was loaded. */
    assert_int_equal(renameat(w->spool->shelf_fd[SHELF_READY], MARKER, w->spool->shelf_fd[SHELF_PROCESSED], MARKER), 0);
    check(w, NULL, false, "marker-place payloads/processed/" MARKER "\n");
    assert_int_equal(renameat(w->spool->shelf_fd[SHELF_PROCESSED], MARKER, w->spool->shelf_fd[SHELF_READY], MARKER), 0);
    /* The body of an answer that was not good is no marker. */
    write_at(w->spool->shelf_fd[SHELF_FAILED], JOB "_batch0002.1.body", "x");
    check(w, NULL, false, "");
}

static void test_places(void **state) {
    struct place_of_work *w = *state;
    int from = w->spool->place_fd[PLACE_PROCESSING], hold = w->spool->place_fd[PLACE_HOLD];
    write_at(hold, JOB ".json", "{}");
    check(w, NULL, false, "job-double jobs/processing/" JOB ".json\n");
    assert_int_equal(unlinkat(from, JOB ".json", 0), 0);
    check(w, NULL, false, "job-place jobs/hold/" JOB ".json\n");
    assert_int_equal(unlinkat(hold, JOB ".json", 0), 0);
    check(w, NULL, false, "job-missing jobs/processing/" JOB ".json\n");
    write_at(from, JOB ".json", "{}");
    /* Never accepted files rest in pending/, hold/ and cancelled/ alone; copies that were set aside lie in failed/. */
    write_at(hold, OTHER ".json", "{}");
    write_at(w->spool->place_fd[PLACE_FAILED], JOB ".dup-1.json", "{}");
    write_at(w->spool->place_fd[PLACE_FAILED], JOB ".why", "x");
    check(w, NULL, false, "");
    write_at(w->spool->place_fd[PLACE_PROCESSED], OTHER ".json", "{}");
    check(w, NULL, false, "job-foreign jobs/processed/" OTHER ".json\n");
}

static void test_pauses(void **state) {
    struct place_of_work *w = *state;
    write_at(w->spool->paused_fd, "queue", "");
    write_at(w->spool->paused_fd, "source.leads", "ask Ann");
    write_at(w->spool->paused_fd, "rate.leads", "{\"concurrency\": 1}");
    check(w, NULL, false, "");
    write_at(w->spool->paused_fd, "source.leads", "{\"until\": 1}");
    check(w, NULL, false, "pause-wrong paused/source.leads\n");
    write_at(w->spool->paused_fd, "source.leads", "");
    write_at(w->spool->paused_fd, "rate.leads", "");
    check(w, NULL, false, "pause-wrong paused/rate.leads\n");
    assert_int_equal(unlinkat(w->spool->paused_fd, "rate.leads", 0), 0);
    write_at(w->spool->paused_fd, "pets", "");
    check(w, NULL, false, "pause-foreign paused/pets\n");
}

/* Replace the first such text in the journal by another of the same length. */
static void edit_journal(const struct spool *spool, const char *old, const char *new) {
    struct buf text = BUF_INIT(1 << 20);
    assert_int_equal(fsio_read_file(spool->journal_fd, JOB ".ndjson", &text, NULL), RC_OK);
    char *at = strstr(text.data, old);
    assert_non_null(at);
    assert_int_equal(strlen(old), strlen(new));
    memcpy(at, new, strlen(new));
    write_at(spool->journal_fd, JOB ".ndjson", text.data);
    buf_release(&text);
}

static void test_edited_journal(void **state) {
    struct place_of_work *w = *state;
    edit_journal(w->spool, "\"campaign_id\":\"C\"", "\"campaign_id\":\"D\"");
    check(w, NULL, false, "journal-damaged journal/" JOB ".ndjson\n");
    edit_journal(w->spool, "\"campaign_id\":\"D\"", "\"campaign_id\":\"C\"");
    check(w, NULL, false, "");
    edit_journal(w->spool, "\"claimed\"", "\"claimed ");
    check(w, NULL, false, "journal-damaged journal/" JOB ".ndjson\n");
}

static void test_torn_journal(void **state) {
    struct place_of_work *w = *state;
    int fd = openat(w->spool->journal_fd, JOB ".ndjson", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"v\":1,", 7), 7);
    close(fd);
    check(w, NULL, false, "");
}

static void test_index(void **state) {
    struct place_of_work *w = *state;
    struct index *index;
    struct job_row row;
    struct err err = {0};
    if (index_open(w->spool, INDEX_OF_DAEMON, true, &index, &err) != RC_OK || index_follow(index, w->spool, JOB, &row, &err) != RC_OK)
        fail_msg("%s", err.text);
    check(w, index, false, "");
    assert_int_equal(w->counts.index_rows, 1);
    /* An index that lags is not wrong. */
    put_event(w->spool, JOB, "requested", "{\"batch\":2,\"attempt\":1,\"paid\":true,\"max_cost\":\"0.10\"}");
    check(w, index, false, "");
    assert_int_equal(index_follow(index, w->spool, JOB, &row, &err), RC_OK);
    /* Only the index can tell that the last line was edited. */
    edit_journal(w->spool, "\"max_cost\":\"0.10\"", "\"max_cost\":\"0.20\"");
    check(w, NULL, false, "");
    check(w, index, false, "journal-changed journal/" JOB ".ndjson\n");
    /* What retention leaves behind when it forgets the index. */
    assert_int_equal(unlinkat(w->spool->journal_fd, JOB ".ndjson", 0), 0);
    assert_int_equal(unlinkat(w->spool->place_fd[PLACE_PROCESSING], JOB ".json", 0), 0);
    assert_int_equal(unlinkat(w->spool->shelf_fd[SHELF_PENDING], MARKER, 0), 0);
    assert_int_equal(unlinkat(w->spool->raw_fd, RAW, 0), 0);
    assert_int_equal(unlinkat(w->spool->raw_fd, "2026-11/SHA256SUMS", 0), 0);
    check(w, index, true, "index-stray index/" JOB "\n");
    index_close(index);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_nothing), CASE(test_flipped_bit),    CASE(test_missing_payload), CASE(test_unknown_payload), CASE(test_sums),   CASE(test_markers),
        CASE(test_places),  CASE(test_edited_journal), CASE(test_torn_journal),    CASE(test_index),           CASE(test_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
