// SPDX-License-Identifier: Apache-2.0
#include "api/admit.h"
#include "api/api.h"
#include "api/bucket.h"
#include "api/events.h"
#include "api/follow.h"
#include "api/gate.h"
#include "api/health.h"
#include "api/metrics.h"
#include "api/notice_watch.h"
#include "api/outlook.h"
#include "api/payloads.h"
#include "api/recent.h"
#include "api/suggestions.h"
#include "api/route.h"
#include "api/server.h"
#include "api/trend.h"
#include "api/tidy.h"
#include "api/who.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "cmd/config.h"
#include "os/fsio.h"
#include "os/listen.h"
#include "os/lockfile.h"
#include "spool/document.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_USAGE 64
#define EXIT_OSERR 71
#define EXIT_HELD 75
#define EXIT_CONFIG 78
#define LOCK "web/.running" /* one web program a spool: it writes web/index */

static const char usage[] = "usage: batchspool-httpd [--spool DIR] [--config FILE] [--listen ADDRESS] [--web-root DIR] [--routes]\n"
                            "\n"
                            "REST API, live events and dashboard of a spool. Stays in the foreground; SIGTERM ends it in good order.\n"
                            "--routes prints the table of the API and ends.\n";

static int fail(int code, const struct err *err) {
    fprintf(stderr, "batchspool-httpd: %s\n", err->text);
    return code;
}

static void got_signal(void *context, int signo) {
    (void)signo;
    loop_stop(context);
}

static void raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

#define PEM_MOST (256u * 1024u)

static enum rc read_pem(const char *path, struct buf *pem, struct err *err) {
    enum rc rc = *path ? fsio_read_file(AT_FDCWD, path, pem, err) : RC_OK;
    return rc ? err_prefix(err, RC_FATAL, "%s", path) : RC_OK;
}

static enum rc start_server(struct api *api, const struct config_httpd *config, int fd, struct err *err) {
    struct buf certificate = BUF_INIT(PEM_MOST), key = BUF_INIT(PEM_MOST);
    enum rc rc = read_pem(config->tls_certificate, &certificate, err);
    if (!rc)
        rc = read_pem(config->tls_key, &key, err);
    if (rc)
        close(fd);
    else
        rc = server_start(api, fd, certificate.data, key.data, &api->server, err);
    if (key.data)
        explicit_bzero(key.data, key.length);
    buf_release(&certificate);
    buf_release(&key);
    return rc;
}

static enum rc start(struct api *api, const struct config_httpd *config, char at[LISTEN_TEXT_SIZE], struct err *err) {
    const struct config_listen *listen = &config->listen;
    const struct listen_at where = {.is_unix = listen->is_unix, .address = listen->address, .port = listen->port};
    int fd;
    enum rc rc = worker_new(api->loop, ADMIT_LANES, &api->worker, err);
    api->board = board_new();
    api->events = events_new(api);
    api->runs = payload_runs_new();
    api->trend = trend_new();
    api->recent = recent_new();
    api->suggestions = suggestions_new();
    api->outlook = outlook_new(api);
    api->metrics = metrics_new();
    api->health = health_new();
    if (!rc &&
        (!api->board || !api->events || !api->trend || !api->recent || !api->suggestions || !api->outlook || !api->metrics || !api->health || !api->runs))
        rc = err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = follow_start(api, &api->follow, err);
    if (!rc)
        rc = listen_open(&where, &fd, at, err);
    if (rc)
        return rc;
    api->tidy = tidy_new(api);
    api->notices = notice_watch_new(api);
    return start_server(api, config, fd, err);
}

static void stop(struct api *api) {
    server_stop(api->server);
    tidy_stop(api->tidy);
    outlook_stop(api->outlook);
    worker_free(api->worker);
    server_free(api->server);
    follow_stop(api->follow);
    events_free(api->events);
    board_free(api->board);
    payload_runs_free(api->runs);
    buckets_free(api->buckets);
    who_free(api->who);
    sources_free(api->sources);
    trend_free(api->trend);
    recent_free(api->recent);
    suggestions_free(api->suggestions);
    outlook_free(api->outlook);
    metrics_free(api->metrics);
    health_free(api->health);
    notice_watch_free(api->notices);
}

static enum rc guard(struct api *api, const struct config_httpd *config, struct gate *gate, struct err *err) {
    const char *hosts[CONFIG_HOSTS_MAX];
    for (unsigned i = 0; i < config->allowed_host_count; i++)
        hosts[i] = config->allowed_hosts[i];
    const struct gate_options options = {.listen_host = config->listen.is_unix ? NULL : config->listen.address,
                                         .allowed_hosts = hosts,
                                         .allowed_count = config->allowed_host_count,
                                         .proxy_origin = config->proxy,
                                         .tls = *config->tls_certificate != '\0'};
    const struct bucket_rate rates[BUCKET_CLASSES] = {[BUCKET_GENERAL] = {config->requests_per_minute / 60.0, config->requests_per_minute / 3.0 + 1},
                                                      [BUCKET_UPLOAD] = {config->uploads_per_minute / 60.0, config->uploads_per_minute / 3.0 + 1},
                                                      [BUCKET_LOGIN] = {config->logins_per_minute / 60.0, config->logins_per_minute}};
    enum rc rc = gate_init(gate, &options, err);
    if (!rc)
        rc = who_new(api->spool, &api->who, err);
    api->gate = gate;
    api->buckets = buckets_new(rates);
    return rc || api->buckets ? rc : err_set(err, RC_TEMP, "out of memory");
}

static int serve(const struct config *config, const struct api_options *options) {
    struct err err = {0};
    struct spool *spool;
    char at[LISTEN_TEXT_SIZE];
    struct gate gate;
    int lock;
    struct api api = {.options = options, .started_us = clock_wall_us()};
    if (spool_open(config->spool, config->node, &spool, &err))
        return fail(EXIT_CONFIG, &err);
    api.spool = spool;
    api.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum rc rc = lockfile_hold(spool->root_fd, LOCK, &lock, &err);
    if (rc) {
        spool_close(spool);
        return fail(rc == RC_AGAIN ? EXIT_HELD : EXIT_OSERR, &err);
    }
    rc = loop_new(&api.loop, &err);
    if (rc) {
        close(lock);
        spool_close(spool);
        return fail(EXIT_OSERR, &err);
    }
    if ((rc = guard(&api, &config->httpd, &gate, &err)) != RC_OK) {
        loop_free(api.loop);
        close(lock);
        spool_close(spool);
        return fail(EXIT_CONFIG, &err);
    }
    document_sweep(spool);
    rc = loop_signal_start(api.loop, SIGTERM, got_signal, api.loop, &err);
    if (!rc)
        rc = loop_signal_start(api.loop, SIGINT, got_signal, api.loop, &err);
    if (!rc)
        rc = start(&api, &config->httpd, at, &err);
    int code = rc ? fail(EXIT_OSERR, &err) : 0;
    if (!rc) {
        log_info("batchspool-httpd runs: spool %s, %s%s", config->spool, config->httpd.listen.is_unix ? "" : options->tls ? "https://" : "http://", at);
        code = loop_run(api.loop, &err) ? fail(EXIT_OSERR, &err) : 0;
    }
    stop(&api);
    loop_free(api.loop);
    close(api.stop_fd);
    spool_close(spool);
    close(lock);
    if (!code)
        log_info("batchspool-httpd has ended in good order");
    return code;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"spool", required_argument, NULL, 's'},
                                            {"config", required_argument, NULL, 'c'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {"web-root", required_argument, NULL, 'w'},
                                            {"routes", no_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *spool = NULL, *config_file = NULL, *where = NULL;
    struct api_options api_options = {.web_root = ""};
    static struct config config;
    struct err err = {0};
    int option;
    fault_init();
    umask(007);
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 's':
            spool = optarg;
            break;
        case 'c':
            config_file = optarg;
            break;
        case 'l':
            where = optarg;
            break;
        case 'w':
            api_options.web_root = optarg;
            break;
        case 'r':
            route_print();
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "batchspool-httpd: unexpected argument \"%s\"\n%s", argv[optind], usage);
        return EXIT_USAGE;
    }
    if (config_load(config_file, spool, &config, &err))
        return fail(EXIT_CONFIG, &err);
    log_init(config.log_level, config.log_json);
    raise_descriptors();
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0);
    if (where && !config_listen_parse(where, &config.httpd.listen)) {
        fprintf(stderr, "batchspool-httpd: --listen %s: must be ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH\n", where);
        return EXIT_USAGE;
    }
    if (where && !config.httpd.listen.loopback && !*config.httpd.tls_certificate && !*config.httpd.proxy) {
        fprintf(stderr, "batchspool-httpd: --listen %s: other hosts reach it, so it wants tls_certificate and tls_key, or proxy, in the key httpd\n", where);
        return EXIT_CONFIG;
    }
    api_options.sources_dir = config.sources;
    api_options.ca_file = config.ca_file;
    api_options.sitemap_private_hosts = config.sitemap_private_hosts;
    api_options.source_settings = config.source_settings;
    api_options.upload_max_bytes = config.httpd.upload_max_bytes;
    api_options.max_concurrent_jobs = config.max_concurrent_jobs;
    api_options.caps = config.daily_cost_caps;
    api_options.cap_count = config.daily_cost_cap_count;
    api_options.notices = &config.notices;
    api_options.stuck_after_s = config.stuck_after_s;
    api_options.stuck_waiting_s = config.stuck_waiting_s;
    api_options.tls = *config.httpd.tls_certificate != '\0';
    api_options.origin = config.httpd.proxy;
    if (!*api_options.web_root)
        api_options.web_root = config.httpd.web_root;
    return serve(&config, &api_options);
}
