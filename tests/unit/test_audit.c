// SPDX-License-Identifier: Apache-2.0
#include "spool_scratch.h"

#include "engine/audit.h"

/* "event job-hex, ..." of all that is told. */
static void told(struct bench *b, const struct audit_options *options, char out[600]) {
    struct audit *audit;
    struct slice event;
    enum rc rc;
    out[0] = '\0';
    assert_int_equal(audit_read(b->spool, options, audit_json, NULL, NULL, &audit, &b->err), RC_OK);
    while ((rc = audit_next(audit, &event, &b->err)) == RC_OK) {
        cJSON *json = cJSON_ParseWithLength(event.data, event.length);
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(json, "event")), *id = cJSON_GetStringValue(cJSON_GetObjectItem(json, "job_id"));
        snprintf(out + strlen(out), 600 - strlen(out), "%s%s %s", *out ? ", " : "", name, strcmp(id, ID_A) == 0 ? "a" : "b");
        cJSON_Delete(json);
    }
    assert_int_equal(rc, RC_GONE);
    audit_free(audit);
}

static void setup_jobs(struct bench *b) {
    bench_job(b, ID_A);
    bench_job(b, ID_B);
    bench_event(b, ID_A, "claimed", "daemon", NULL);
    bench_event(b, ID_B, "held", "ada", "{\"reason\":\"asked\"}");
    bench_event(b, ID_A, "cancelled", "command line", NULL);
}

static void in_order_of_time_and_back(void **state) {
    struct bench *b = *state;
    struct audit_options options = {.all = true};
    char text[600];
    setup_jobs(b);
    period_init(&options.period);
    told(b, &options, text);
    assert_string_equal(text, "accepted a, accepted b, claimed a, held b, cancelled a");
    options.newest_first = true;
    told(b, &options, text);
    assert_string_equal(text, "cancelled a, held b, claimed a, accepted b, accepted a");
    options.all = false; /* what the daemon does by itself is left out */
    told(b, &options, text);
    assert_string_equal(text, "cancelled a, held b, accepted b, accepted a");
}

static void what_is_wanted(void **state) {
    struct bench *b = *state;
    static const char *const events[] = {"held", "claimed"};
    struct audit_options options = {.by = "ada"};
    struct audit *audit;
    char text[600];
    setup_jobs(b);
    period_init(&options.period);
    told(b, &options, text);
    assert_string_equal(text, "held b");
    options = (struct audit_options){.events = events, .event_count = 2, .period = options.period};
    told(b, &options, text);
    assert_string_equal(text, "claimed a, held b");
    options = (struct audit_options){.job = ID_B, .period = options.period};
    told(b, &options, text);
    assert_string_equal(text, "accepted b, held b");
    options.source = "other";
    told(b, &options, text);
    assert_string_equal(text, "");
    options.job = "20261123T170509Z-4f9c2a01b7d9-none";
    assert_int_equal(audit_read(b->spool, &options, audit_json, NULL, NULL, &audit, &b->err), RC_GONE);
}

static void count_damage(void *context, const struct err *err) {
    assert_non_null(strstr(err->text, ID_A));
    ++*(unsigned *)context;
}

static void an_edited_line_is_told(void **state) {
    struct bench *b = *state;
    struct audit_options options = {.all = true};
    struct audit *audit;
    unsigned heard = 0;
    setup_jobs(b);
    period_init(&options.period);
    int fd = openat(b->spool->journal_fd, ID_A ".ndjson", O_RDWR | O_CLOEXEC);
    char line[2000];
    const ssize_t got = pread(fd, line, sizeof line, 0);
    assert_true(got > 0);
    char *at = memmem(line, (size_t)got, "claimed", 7);
    assert_non_null(at);
    assert_int_equal(pwrite(fd, "cleaned", 7, at - line), 7);
    close(fd);
    assert_int_equal(audit_read(b->spool, &options, audit_json, count_damage, &heard, &audit, &b->err), RC_OK);
    assert_true(heard > 0);
    assert_int_equal(audit_damages(audit), heard);
    audit_free(audit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_TEST(in_order_of_time_and_back),
        BENCH_TEST(what_is_wanted),
        BENCH_TEST(an_edited_line_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
