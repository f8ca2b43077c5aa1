// SPDX-License-Identifier: Apache-2.0
#include "notify/notifier.h"

#include "notify_server.h"

#include "base/clock.h"

/* The conformance suite of the ways out: every row against a server that takes, refuses, puts off, hangs up, says nothing, or is not there. */

#define ID "20261128T100000Z-0123456789ab-completed"
#define SECRET "s3cret-of-the-way"

static struct notify_settings settings;
static const char *long_subject; /* in place of the one that injects */
static atomic_int cancel;
static bool no_secret;

static enum rc secret_of(void *context, const char *name, struct buf *out, struct err *err) {
    (void)context;
    if (no_secret)
        return err_set(err, RC_GONE, "there is no secret \"%s\"", name);
    return buf_add_text(out, SECRET);
}

/* Settings by which this row leads to the port. */
static void lead_to(const struct notifier_row *row, uint16_t port) {
    notify_settings_init(&settings);
    str_copy(settings.from, sizeof settings.from, "J\xc3\xb6rg <from@example.com>");
    str_copy(settings.webhook_secret, sizeof settings.webhook_secret, "hook");
    if (strcmp(row->name, "smtp") == 0) {
        str_format(settings.smtp_url, sizeof settings.smtp_url, "smtp://127.0.0.1:%u", port);
        settings.smtp_tls = NOTIFY_TLS_NONE;
        str_copy(settings.smtp_username, sizeof settings.smtp_username, "user");
        str_copy(settings.smtp_password, sizeof settings.smtp_password, "password");
    } else
        str_format(settings.resend_url, sizeof settings.resend_url, "http://127.0.0.1:%u", port);
}

static void make_notice(const struct notifier_row *row, uint16_t port, struct notice *notice) {
    memset(notice, 0, sizeof *notice);
    str_copy(notice->id, sizeof notice->id, ID);
    notice->kind = NOTICE_COMPLETED;
    notice->created_us = clock_wall_us();
    notice->seq = 9;
    str_copy(notice->job_id, sizeof notice->job_id, "20261128T100000Z-aaaaaaaaaaaa-x");
    if (row->mail)
        str_copy(notice->to, sizeof notice->to, "mailto:to@example.com");
    else
        str_format(notice->to, sizeof notice->to, "http://127.0.0.1:%u/hook", port);
    notice->values = cJSON_CreateObject();
    cJSON_AddStringToObject(notice->values, "subject", long_subject ? long_subject : "done\r\nBcc: victim@example.com\r\n\r\nbody");
    cJSON_AddStringToObject(notice->values, "text", "one line\n.\nQUIT\r\n.\r\nMAIL FROM:<x>\xc3\xbc");
}

static struct notify_outcome send_one(const struct notifier_row *row, uint16_t port) {
    struct notice notice;
    struct notify_link *link = NULL;
    struct notify_outcome outcome;
    lead_to(row, port);
    make_notice(row, port, &notice);
    assert_ptr_equal(notifier_for(&settings, notice.to), row);
    const struct notify_order order = {.notice = &notice, .settings = &settings, .ca_file = "", .secret = secret_of, .cancel = &cancel};
    notifier_send(row, &order, &link, &outcome);
    notify_link_free(link);
    notice_release(&notice);
    assert_null(strstr(outcome.text, SECRET));
    return outcome;
}

static void each_row(void (*test)(const struct notifier_row *row, struct notify_server *server)) {
    for (size_t i = 0; notifier_rows[i]; i++) {
        struct notify_server *server = malloc(sizeof *server);
        assert_non_null(server);
        ns_start(server, strcmp(notifier_rows[i]->name, "smtp") == 0);
        atomic_store(&cancel, 0);
        no_secret = false;
        test(notifier_rows[i], server);
        ns_stop(server);
        free(server);
    }
}

static void fates(const struct notifier_row *row, struct notify_server *server) {
    static const struct {
        enum fate fate;
        enum notify_result result;
        unsigned taken;
    } cases[] = {{FATE_TAKEN, NOTIFY_SENT, 1},
                 {FATE_NO_ENTRY, NOTIFY_WAY, 0},
                 {FATE_NEVER, NOTIFY_NEVER, 0},
                 {FATE_LATER, NOTIFY_LATER, 0},
                 {FATE_TAKEN, NOTIFY_SENT, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        server->fate = cases[i].fate;
        server->taken = 0;
        const struct notify_outcome outcome = send_one(row, server->port);
        if (outcome.result != cases[i].result)
            fail_msg("%s, case %zu: result %d (%s)", row->name, i, outcome.result, outcome.text);
        assert_true(*outcome.text != '\0');
        if (server->mail) /* one that is refused sends no message */
            assert_int_equal(server->taken, cases[i].taken);
        if (!server->mail && cases[i].fate == FATE_LATER)
            assert_int_equal(outcome.retry_after_s, 7);
    }
}

/* Whatever breaks, it never counts as sent, nor as refused. */
static void breaks(const struct notifier_row *row, struct notify_server *server) {
    static const enum fate fates_of[] = {FATE_HANG_UP, FATE_OLD, FATE_CLOSED, FATE_GIBBERISH};
    for (size_t i = 0; i < sizeof fates_of / sizeof *fates_of; i++) {
        server->fate = fates_of[i];
        if (fates_of[i] == FATE_GIBBERISH && server->mail)
            continue; /* waits for a greeting until its deadline */
        const struct notify_outcome outcome = send_one(row, server->port);
        if (outcome.result != NOTIFY_LATER && outcome.result != NOTIFY_WAY)
            fail_msg("%s, fate %d: result %d (%s)", row->name, (int)fates_of[i], outcome.result, outcome.text);
    }
}

static void nobody_there(const struct notifier_row *row, struct notify_server *server) {
    const uint16_t port = server->port;
    ns_stop(server);
    assert_int_equal(send_one(row, port).result, NOTIFY_WAY);
    ns_start(server, server->mail);
}

static void lacks_secret(const struct notifier_row *row, struct notify_server *server) {
    no_secret = true;
    const struct notify_outcome outcome = send_one(row, server->port);
    assert_int_equal(outcome.result, NOTIFY_WAY);
    assert_non_null(strstr(outcome.text, "no secret"));
}

/* Nothing of a value, nor of an address, ends a header or a message. */
static void injects(const struct notifier_row *row, struct notify_server *server) {
    server->fate = FATE_TAKEN;
    server->taken = 0;
    assert_int_equal(send_one(row, server->port).result, NOTIFY_SENT);
    assert_int_equal(server->taken, 1);
    assert_null(strstr(server->seen, "\nBcc:"));
    assert_non_null(strstr(server->seen, ID));
    if (server->mail) {
        assert_non_null(strstr(server->seen, "RCPT TO:<to@example.com>\r\n"));
        assert_non_null(strstr(server->seen, "\r\nMessage-ID: <" ID "@example.com>\r\n"));
        assert_null(strstr(server->seen, "victim@example.com>"));
    }
}

/* However much a template puts into its subject: a line of a mail has at most 998 bytes, and it is sent. */
static void long_subjects(const struct notifier_row *row, struct notify_server *server) {
    static const char *const pieces[] = {"x", "x ", "\xc3\xbc", "a\xe2\x80\xa8\xf0\x9f\x8f\xa0"};
    server->fate = FATE_TAKEN;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct buf subject = BUF_INIT(200000);
        for (unsigned n = 0; n < 20000; n++)
            assert_int_equal(buf_add_text(&subject, pieces[i]), RC_OK);
        long_subject = buf_text(&subject);
        const struct notify_outcome outcome = send_one(row, server->port);
        long_subject = NULL;
        buf_release(&subject);
        if (outcome.result != NOTIFY_SENT)
            fail_msg("%s, %zu: result %d (%s)", row->name, i, outcome.result, outcome.text);
        for (const char *line = server->seen; server->mail && *line; line += strcspn(line, "\n") + 1)
            assert_true(strcspn(line, "\n") <= 999);
    }
}

static void *cancel_soon(void *context) {
    struct notify_server *server = context;
    for (unsigned i = 0; server->taken == 0 && i < 10000; i++)
        usleep(1000);
    atomic_store(&cancel, 2);
    return NULL;
}

/* The other end has it and thinks: it may have been taken, which is not said to be sent. */
static void cancels(const struct notifier_row *row, struct notify_server *server) {
    pthread_t thread;
    server->fate = FATE_SILENT;
    server->taken = 0;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, server), 0);
    const struct notify_outcome outcome = send_one(row, server->port);
    pthread_join(thread, NULL);
    assert_int_equal(outcome.result, NOTIFY_LATER);
    atomic_store(&cancel, 1); /* before anything was handed over */
    server->fate = FATE_TAKEN;
    server->taken = 0;
    const struct notify_outcome before = send_one(row, server->port);
    assert_true(before.result == NOTIFY_CANCELLED || before.result == NOTIFY_SENT); /* as fast as that */
    assert_int_equal(server->taken, before.result == NOTIFY_SENT);
}

static void test_fates(void **state) {
    (void)state;
    each_row(fates);
}
static void test_breaks(void **state) {
    (void)state;
    each_row(breaks);
}
static void test_nobody_there(void **state) {
    (void)state;
    each_row(nobody_there);
}
static void test_secret(void **state) {
    (void)state;
    each_row(lacks_secret);
}
static void test_injection(void **state) {
    (void)state;
    each_row(injects);
}
static void test_long_subjects(void **state) {
    (void)state;
    each_row(long_subjects);
}
static void test_cancel(void **state) {
    (void)state;
    each_row(cancels);
}

static void test_choice(void **state) {
    (void)state;
    notify_settings_init(&settings);
    assert_null(notifier_for(&settings, "mailto:a@example.com"));
    assert_string_equal(notifier_for(&settings, "https://example.com/")->name, "webhook");
    str_copy(settings.from, sizeof settings.from, "a@example.com");
    str_copy(settings.resend_url, sizeof settings.resend_url, "https://api.resend.com");
    assert_string_equal(notifier_for(&settings, "mailto:a@example.com")->name, "resend");
    str_copy(settings.smtp_url, sizeof settings.smtp_url, "smtp://mail.example.com");
    assert_string_equal(notifier_for(&settings, "mailto:a@example.com")->name, "smtp");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fates),  cmocka_unit_test(test_breaks),    cmocka_unit_test(test_nobody_there),
                                       cmocka_unit_test(test_secret), cmocka_unit_test(test_injection), cmocka_unit_test(test_long_subjects),
                                       cmocka_unit_test(test_cancel), cmocka_unit_test(test_choice)};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
