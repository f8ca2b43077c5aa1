// SPDX-License-Identifier: Apache-2.0
#include "cmd/config.h"

#include "os_scratch.h"

#include <limits.h>
#include <sys/stat.h>

static char first_dir[PATH_MAX];

/* A variable of the environment that would be read; "" when none is left. */
static void next_variable(char *name, size_t size) {
    name[0] = '\0';
    for (char **e = environ; *e && !*name; e++)
        if (strncmp(*e, "BATCHSPOOL_", 11) == 0 || strncmp(*e, "CREDENTIALS_DIRECTORY=", 22) == 0)
            snprintf(name, size, "%.*s", (int)strcspn(*e, "="), *e);
}

static int setup(void **state) {
    const struct scratch *s;
    char name[200];
    if (scratch_setup(state) != 0)
        return -1;
    s = *state;
    for (next_variable(name, sizeof name); *name; next_variable(name, sizeof name))
        unsetenv(name);
    return chdir(s->path);
}

static int teardown(void **state) {
    return chdir(first_dir) != 0 || scratch_teardown(state) != 0 ? -1 : 0;
}

static enum rc load_text(const struct scratch *s, const char *text, struct config *config, struct err *err) {
    scratch_write(s, "c.json", text);
    err->text[0] = '\0';
    return config_load("c.json", NULL, config, err);
}

static void refuses(const struct scratch *s, const char *text, const char *part) {
    struct config config;
    struct err err;
    assert_int_equal(load_text(s, text, &config, &err), RC_FATAL);
    if (!strstr(err.text, part) || !strstr(err.text, "c.json"))
        fail_msg("\"%s\" lacks \"%s\" or the file's name", err.text, part);
}

static void test_defaults(void **state) {
    (void)state;
    struct config config;
    struct err err = {0};
    if (access("/etc/batchspool/batchspool.json", F_OK) == 0)
        skip();
    assert_int_equal(config_load(NULL, NULL, &config, &err), RC_OK);
    assert_string_equal(config.file, "");
    assert_string_equal(config.spool, "/var/spool/batchspool");
    assert_string_equal(config.sources, "/etc/batchspool/sources");
    assert_string_equal(config.credentials, "");
    assert_string_equal(config.record_store, "lmdb");
    assert_true(config.node[0] != '\0');
    assert_int_equal(config.rescan_interval_s, 10);
    assert_int_equal(config.priority_ageing_s, 60);
    assert_int_equal(config.log_level, LOG_LEVEL_INFO);
    assert_false(config.log_json);
}

static void test_checkout(void **state) {
    const struct scratch *s = *state;
    struct config config;
    struct err err = {0};
    char wanted[400];
    assert_int_equal(mkdir("etc", 0700), 0);
    scratch_write(s, "etc/batchspool.json", "{}");
    assert_int_equal(config_load(NULL, NULL, &config, &err), RC_OK);
    snprintf(wanted, sizeof wanted, "%s/spool", s->path);
    assert_string_equal(config.spool, wanted);
    snprintf(wanted, sizeof wanted, "%s/etc/sources", s->path);
    assert_string_equal(config.sources, wanted);
}

static void test_every_key(void **state) {
    const struct scratch *s = *state;
    struct config config;
    struct err err;
    char wanted[400];
    assert_int_equal(
        load_text(s,
                  "// a comment\n{\"spool\": \"/a\", \"sources\": \"src\", \"credentials\": \"/c\", /* and one */ \"ca_file\": \"ca.pem\", \"record_store\": "
                  "\"lmdb\",\n"
                  "\"node\": \"n1\", \"rescan_interval_s\": 1, \"max_concurrent_jobs\": 2, \"max_active\": 3, \"sync_threads\": 4, \"loaders\": 5,\n"
                  "\"log_level\": \"debug\", \"log_format\": \"json\", \"job_retention_days\": 6, \"payload_retention_months\": 7, \"archive\": false, "
                  "\"sitemap_private_hosts\": true,\n"
                  "\"daily_cost_caps\": {\"USD\": \"1000.50\", \"EUR\": 20}, \"priority_ageing_s\": 0,\n"
                  "\"stuck_after_s\": 8, \"stuck_waiting_s\": 9}",
                  &config, &err),
        RC_OK);
    assert_string_equal(config.spool, "/a");
    snprintf(wanted, sizeof wanted, "%s/src", s->path);
    assert_string_equal(config.sources, wanted);
    assert_string_equal(config.credentials, "/c");
    snprintf(wanted, sizeof wanted, "%s/ca.pem", s->path);
    assert_string_equal(config.ca_file, wanted);
    assert_string_equal(config.node, "n1");
    assert_true(config.sitemap_private_hosts);
    assert_int_equal(config.rescan_interval_s, 1);
    assert_int_equal(config.max_concurrent_jobs, 2);
    assert_int_equal(config.max_active, 3);
    assert_int_equal(config.sync_threads, 4);
    assert_int_equal(config.loaders, 5);
    assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
    assert_true(config.log_json);
    assert_int_equal(config.job_retention_days, 6);
    assert_int_equal(config.payload_retention_months, 7);
    assert_false(config.archive);
    assert_int_equal(config.daily_cost_cap_count, 2);
    assert_string_equal(config.daily_cost_caps[0].currency, "USD");
    assert_true(config.daily_cost_caps[0].cap.nano == 1000500000000);
    assert_true(config.daily_cost_caps[1].cap.nano == 20000000000);
    assert_int_equal(config.priority_ageing_s, 0);
    assert_int_equal(config.stuck_after_s, 8);
    assert_int_equal(config.stuck_waiting_s, 9);
}

static void test_httpd(void **state) {
    const struct scratch *s = *state;
    struct config config;
    struct err err;
    char wanted[400];
    assert_int_equal(load_text(s, "{}", &config, &err), RC_OK);
    assert_string_equal(config.httpd.listen.address, "127.0.0.1");
    assert_int_equal(config.httpd.listen.port, 8080);
    assert_true(config.httpd.listen.loopback);
    assert_int_equal(config.httpd.upload_max_bytes, 67108864);
    assert_int_equal(load_text(s,
                               "{\"httpd\": {\"listen\": \"[::]:443\", \"user\": \"0\", \"tls_certificate\": \"tls/c.pem\", \"tls_key\": \"/k.pem\", // ours\n"
                               "\"proxy\": \"https://batch.example.com\", \"allowed_hosts\": [\"Batch.Example.com\", \"10.0.0.1\"], \"web_root\": \"\",\n"
                               "\"upload_max_bytes\": 5000000000, \"requests_per_minute\": 1, \"uploads_per_minute\": 2, \"logins_per_minute\": 3}}",
                               &config, &err),
                     RC_OK);
    assert_string_equal(config.httpd.listen.address, "::");
    assert_int_equal(config.httpd.listen.port, 443);
    assert_false(config.httpd.listen.loopback);
    snprintf(wanted, sizeof wanted, "%s/tls/c.pem", s->path);
    assert_string_equal(config.httpd.tls_certificate, wanted);
    assert_string_equal(config.httpd.tls_key, "/k.pem");
    assert_string_equal(config.httpd.proxy, "https://batch.example.com");
    assert_int_equal(config.httpd.allowed_host_count, 2);
    assert_string_equal(config.httpd.allowed_hosts[0], "batch.example.com");
    assert_string_equal(config.httpd.web_root, "");
    assert_int_equal(config.httpd.upload_max_bytes, 5000000000);
    assert_int_equal(config.httpd.logins_per_minute, 3);
    uid_t uid = 7;
    assert_int_equal(config_httpd_uid(&config.httpd, &uid, &err), RC_OK);
    assert_int_equal(uid, 0);
    setenv("BATCHSPOOL_HTTPD", "{\"listen\": \"unix:/run/w.sock\", \"user\": \"nobody-of-that-name\"}", 1);
    assert_int_equal(load_text(s, "{}", &config, &err), RC_OK);
    assert_true(config.httpd.listen.is_unix);
    assert_string_equal(config.httpd.listen.address, "/run/w.sock");
    assert_int_equal(config_httpd_uid(&config.httpd, &uid, &err), RC_FATAL);
    assert_non_null(strstr(err.text, "nobody-of-that-name"));
    setenv("BATCHSPOOL_HTTPD", "{\"listen\": 1}", 1);
    assert_int_equal(load_text(s, "{}", &config, &err), RC_FATAL);
    assert_non_null(strstr(err.text, "environment: BATCHSPOOL_HTTPD: line 1 column 12: /listen: must be text"));
}

static void test_httpd_refusals(void **state) {
    const struct scratch *s = *state;
    static const char *const bad[] = {"8080",          "127.0.0.1",
                                      "127.0.0.1:",    "127.0.0.1:65536",
                                      "::1:80",        "[127.0.0.1]:80",
                                      "[::1]80",       "host.example:80",
                                      "unix:relative", "unix:",
                                      "[::1:80",       "localhost:-1",
                                      ":80",           ""};
    refuses(s, "{\"httpd\": {\"listen\": \"0.0.0.0:80\"}}", "line 1 column 22: /httpd/listen: 0.0.0.0 can be reached from other hosts");
    refuses(s, "{\"httpd\": {\"listen\": \"[2001:db8::1]:80\"}}", "tls_certificate and tls_key");
    refuses(s, "{\"httpd\": {\"tls_key\": \"k\"}}", "/httpd/tls_key: tls_certificate and tls_key belong together");
    refuses(s, "{\"httpd\": {\"proxy\": \"http://a\"}}", "/httpd/proxy");
    refuses(s, "{\"httpd\": {\"proxy\": \"https://a/b\"}}", "/httpd/proxy");
    refuses(s, "{\"httpd\": {\"allowed_hosts\": [\"a b\"]}}", "/httpd/allowed_hosts/0");
    refuses(s, "{\"httpd\": {\"lissten\": \"x\"}}", "did you mean \"listen\"");
    refuses(s, "{\"httpd\": []}", "/httpd: must be an object");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "{\"httpd\": {\"listen\": \"%s\"}}", bad[i]);
        refuses(s, text, "/httpd/listen: must be");
    }
    struct config config;
    struct err err;
    assert_int_equal(load_text(s, "{\"httpd\": {\"listen\": \"0.0.0.0:80\", \"proxy\": \"https://a:8443\"}}", &config, &err), RC_OK);
    assert_int_equal(load_text(s, "{\"httpd\": {\"listen\": \"localhost:0\"}}", &config, &err), RC_OK);
    assert_string_equal(config.httpd.listen.address, "127.0.0.1");
}

static void test_shipped_file(void **state) {
    (void)state;
    struct config config;
    struct err err = {0};
    char file[PATH_MAX + 40];
    snprintf(file, sizeof file, "%s/etc/batchspool.json", first_dir);
    if (access(file, F_OK) != 0)
        skip();
    assert_int_equal(config_load(file, NULL, &config, &err), RC_OK);
    assert_int_equal(config.max_active, 1000);
}

static void test_precedence(void **state) {
    const struct scratch *s = *state;
    struct config config;
    struct err err = {0};
    char wanted[400];
    scratch_write(s, "c.json", "{\"spool\": \"/file\", \"loaders\": 2, \"log_format\": \"json\"}");
    setenv("BATCHSPOOL_CONFIG", "c.json", 1);
    setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1);
    assert_int_equal(config_load(NULL, NULL, &config, &err), RC_OK);
    assert_string_equal(config.spool, "/file");
    assert_string_equal(config.credentials, "/run/credentials/x");
    setenv("BATCHSPOOL_SPOOL", "from-env", 1);
    setenv("BATCHSPOOL_LOADERS", "3", 1);
    setenv("BATCHSPOOL_LOG_FORMAT", "text", 1);
    assert_int_equal(config_load(NULL, NULL, &config, &err), RC_OK);
    snprintf(wanted, sizeof wanted, "%s/from-env", s->path);
    assert_string_equal(config.spool, wanted);
    assert_int_equal(config.loaders, 3);
    assert_false(config.log_json);
    assert_int_equal(config_load(NULL, "/option", &config, &err), RC_OK);
    assert_string_equal(config.spool, "/option");
    setenv("BATCHSPOOL_DAILY_COST_CAPS", "{\"USD\": \"5\"}", 1);
    assert_int_equal(config_load(NULL, NULL, &config, &err), RC_OK);
    assert_int_equal(config.daily_cost_cap_count, 1);
    setenv("BATCHSPOOL_LOADERS", "none", 1);
    assert_int_equal(config_load(NULL, NULL, &config, &err), RC_FATAL);
    assert_non_null(strstr(err.text, "BATCHSPOOL_LOADERS"));
}

static void test_refusals(void **state) {
    const struct scratch *s = *state;
    struct config config;
    struct err err = {0};
    refuses(s, "{\"spol\": \"/x\"}", "\"spool\"");
    refuses(s, "{\"completely_else\": 1}", "batchspool.json(5)");
    refuses(s, "{\"spool\": 3}", "spool: must be text");
    refuses(s, "{\"spool\": \"\"}", "spool: must name a directory");
    refuses(s, "{\"loaders\": \"3\"}", "from 1 to 64");
    refuses(s, "{\"loaders\": 0}", "from 1 to 64");
    refuses(s, "{\"loaders\": 1.5}", "from 1 to 64");
    refuses(s, "{\"log_level\": \"loud\"}", "log_level");
    refuses(s, "{\"record_store\": \"sqlite\"}", "lmdb");
    refuses(s, "{\"node\": \"a b\"}", "node");
    refuses(s, "{\"loaders\": 1,\n \"loaders\": 2}", "line 2");
    refuses(s, "{\"loaders\": 1,}", "line 1");
    refuses(s, "{\"daily_cost_caps\": {\"usd\": \"1\"}}", "daily_cost_caps: must be an object");
    refuses(s, "{\"daily_cost_caps\": {\"USD\": \"-1\"}}", "daily_cost_caps");
    refuses(s, "{\"daily_cost_caps\": {\"USD\": \"1,000\"}}", "daily_cost_caps");
    refuses(s, "{\"daily_cost_caps\": \"1\"}", "daily_cost_caps");
    refuses(s, "[]", "object");
    refuses(s, "{\"loaders\": 1,\n // a comment\n  \"log_level\": \"loud\"}", "c.json: line 3 column 16: log_level");
    refuses(s, "{\n\"spol\": \"/x\"}", "c.json: line 2 column 9: unknown key");
    assert_int_equal(config_load("missing.json", NULL, &config, &err), RC_FATAL);
    assert_non_null(strstr(err.text, "missing.json"));
}

static void told(void *context, const char *key, bool live) {
    char *text = context;
    snprintf(text + strlen(text), 200 - strlen(text), "%s%s ", key, live ? "" : "!");
}

static void test_adopt(void **state) {
    const struct scratch *s = *state;
    static struct config now, fresh;
    struct err err;
    char text[200] = "";
    assert_int_equal(load_text(s, "{\"spool\": \"/a\", \"max_active\": 3}", &now, &err), RC_OK);
    assert_int_equal(load_text(s, "{\"spool\": \"/a\", \"max_active\": 3}", &fresh, &err), RC_OK);
    config_adopt(&now, &fresh, told, text);
    assert_string_equal(text, "");
    assert_int_equal(load_text(s,
                               "{\"spool\": \"/b\", \"max_active\": 4, \"log_level\": \"warn\", \"log_format\": \"json\", \"sync_threads\": 9, "
                               "\"priority_ageing_s\": 5, \"rescan_interval_s\": 7, \"max_concurrent_jobs\": 2}",
                               &fresh, &err),
                     RC_OK);
    config_adopt(&now, &fresh, told, text);
    assert_string_equal(text, "spool! rescan_interval_s max_concurrent_jobs max_active sync_threads! log_level log_format priority_ageing_s ");
    assert_string_equal(now.spool, "/a");
    assert_int_equal(now.sync_threads, 4);
    assert_int_equal(now.max_active, 4);
    assert_int_equal(now.max_concurrent_jobs, 2);
    assert_int_equal(now.log_level, LOG_LEVEL_WARN);
    assert_true(now.log_json);
}

static void test_notices(void **state) {
    const struct scratch *s = *state;
    struct config config;
    struct err err;
    char wanted[400];
    assert_int_equal(load_text(s, "{}", &config, &err), RC_OK);
    assert_string_equal(config.notices.smtp_url, "");
    assert_string_equal(config.notices.templates, "");
    assert_int_equal(config.notices.rate_per_hour, 60);
    assert_int_equal(
        load_text(s,
                  "{\"notices\": {\"from\": \"Batch <b@example.com>\", \"smtp\": {\"url\": \"smtp://mail.example.com:587\", \"username\": \"u\", "
                  "\"password\": \"p\"}, \"recipients\": {\"held\": [\"mailto:a@example.com\"], \"*\": [\"mailto:b@example.com\", \"mailto:a@example.com\"]}, "
                  "\"allow\": [\"example.com\"], \"templates\": \"t\", \"digest\": \"PT5M\", \"thresholds\": {\"queue_depth\": 9, \"budget_percent\": 80}, "
                  "\"heartbeat\": {\"url_secret\": \"beat\", \"interval\": \"PT30S\"}}}",
                  &config, &err),
        RC_OK);
    assert_int_equal(config.notices.smtp_tls, NOTIFY_TLS_REQUIRED);
    assert_int_equal(config.notices.recipients[NOTICE_HELD].count, 2);
    assert_int_equal(config.notices.recipients[NOTICE_STUCK].count, 2);
    assert_int_equal(config.notices.recipients[NOTICE_TEST].count, 0);
    assert_string_equal(notify_settings_next(&config.notices, &config.notices.recipients[NOTICE_HELD], NULL), "mailto:a@example.com");
    assert_true(notify_allowed(&config.notices, "mailto:x@example.com"));
    snprintf(wanted, sizeof wanted, "%s/t", s->path);
    assert_string_equal(config.notices.templates, wanted);
    assert_int_equal(config.notices.digest_s, 300);
    assert_int_equal(config.notices.heartbeat_interval_s, 30);
    setenv("RESEND_API_KEY", "re_x", 1);
    setenv("FROM_EMAIL", "f@example.com", 1);
    setenv("MAX_CONCURRENT_JOBS", "3", 1);
    setenv("JOB_RETENTION_DAYS", "30", 1);
    assert_int_equal(load_text(s, "{}", &config, &err), RC_OK);
    assert_string_equal(config.notices.resend_url, "https://api.resend.com");
    assert_string_equal(config.notices.from, "f@example.com");
    assert_int_equal(config.max_concurrent_jobs, 3);
    assert_int_equal(config.job_retention_days, 30);
    setenv("BATCHSPOOL_MAX_CONCURRENT_JOBS", "4", 1);
    assert_int_equal(load_text(s, "{}", &config, &err), RC_OK);
    assert_int_equal(config.max_concurrent_jobs, 4);
    unsetenv("RESEND_API_KEY");
    unsetenv("FROM_EMAIL");
    unsetenv("MAX_CONCURRENT_JOBS");
    unsetenv("JOB_RETENTION_DAYS");
}

static void test_notices_refusals(void **state) {
    static const char *const wrong[][2] = {
        {"{\"smtp\": {\"url\": \"smtp://mail.example.com\"}}", "from"},
        {"{\"from\": \"a@example.com\", \"smtp\": {\"url\": \"http://mail.example.com\"}}", "/notices/smtp/url"},
        {"{\"from\": \"a@example.com\", \"smtp\": {\"url\": \"smtp://user@mail.example.com\"}}", "/notices/smtp/url"},
        {"{\"from\": \"a@example.com\", \"smtp\": {\"url\": \"smtp://mail.example.com\", \"username\": \"u\"}}", "belong together"},
        {"{\"from\": \"a@example.com\", \"smtp\": {\"url\": \"smtp://mail.example.com\", \"tls\": \"none\"}}", "on this host alone"},
        {"{\"from\": \"a@example.com\", \"smtp\": {\"url\": \"smtp://mail.example.com\", \"username\": \"u\", \"password\": \"p\", \"tls\": "
         "\"opportunistic\"}}",
         "required"},
        {"{\"from\": \"a@example.com\\r\\nBcc: x@example.com\"}", "/notices/from"},
        {"{\"recipients\": {\"completed\": [\"ops@example.com\"]}}", "mailto:"},
        {"{\"recipients\": {\"complete\": []}}", "completed"},
        {"{\"recipients\": {\"test\": []}}", "test"},
        {"{\"allow\": [\"http://example.com/\"]}", "/notices/allow/0"},
        {"{\"heartbeat\": {\"interval\": \"PT1M\"}}", "url_secret"},
        {"{\"heartbeat\": {\"url\": \"ftp://x\"}}", "https://"},
        {"{\"digest\": \"P30D\"}", "/notices/digest"},
        {"{\"thresholds\": {\"budget_percent\": 101}}", "budget_percent"},
        {"{\"smpt\": {}}", "smtp"},
    };
    const struct scratch *s = *state;
    char text[1000];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct config config;
        struct err err;
        snprintf(text, sizeof text, "{\"notices\": %s}", wrong[i][0]);
        assert_int_equal(load_text(s, text, &config, &err), RC_FATAL);
        if (!strstr(err.text, wrong[i][1]))
            fail_msg("\"%s\" lacks \"%s\"", err.text, wrong[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_checkout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shipped_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_precedence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adopt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_httpd, setup, teardown),
        cmocka_unit_test_setup_teardown(test_httpd_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notices, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notices_refusals, setup, teardown),
    };
    if (!getcwd(first_dir, sizeof first_dir))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
