// SPDX-License-Identifier: Apache-2.0
#include "api/api.h"
#include "api/events.h"
#include "api/follow.h"
#include "api/idempotency.h"
#include "api/payloads.h"
#include "api/route.h"
#include "api/server.h"
#include "api/uploads.h"
#include "base/clock.h"
#include "base/log.h"
#include "cmd/config.h"
#include "os/listen.h"
#include "os/lockfile.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_USAGE 64
#define EXIT_OSERR 71
#define EXIT_HELD 75
#define EXIT_CONFIG 78
#define LOCK "web/.lock" /* one web program a spool: it writes web/index */
#define LANES 4

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

static enum rc start(struct api *api, const struct config_listen *listen, char at[LISTEN_TEXT_SIZE], struct err *err) {
    const struct listen_at where = {.is_unix = listen->is_unix, .address = listen->address, .port = listen->port};
    int fd;
    enum rc rc = worker_new(api->loop, LANES, &api->worker, err);
    api->board = board_new();
    api->events = events_new(api);
    api->runs = payload_runs_new();
    if (!rc && (!api->board || !api->events || !api->runs))
        rc = err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = follow_start(api, &api->follow, err);
    if (!rc)
        rc = listen_open(&where, &fd, at, err);
    return rc ? rc : server_start(api, fd, NULL, NULL, &api->server, err);
}

static void stop(struct api *api) {
    server_stop(api->server);
    worker_free(api->worker);
    follow_stop(api->follow);
    events_free(api->events);
    board_free(api->board);
    payload_runs_free(api->runs);
    sources_free(api->sources);
}

static int serve(const struct config *config, const struct api_options *options) {
    struct err err = {0};
    struct spool *spool;
    char at[LISTEN_TEXT_SIZE];
    int lock;
    struct api api = {.options = options, .started_us = clock_wall_us()};
    if (spool_open(config->spool, config->node, &spool, &err))
        return fail(EXIT_CONFIG, &err);
    api.spool = spool;
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
    uploads_sweep(spool);
    idempotency_prune(spool);
    rc = loop_signal_start(api.loop, SIGTERM, got_signal, api.loop, &err);
    if (!rc)
        rc = loop_signal_start(api.loop, SIGINT, got_signal, api.loop, &err);
    if (!rc)
        rc = start(&api, &config->httpd.listen, at, &err);
    int code = rc ? fail(EXIT_OSERR, &err) : 0;
    if (!rc) {
        log_info("batchspool-httpd runs: spool %s, http://%s", config->spool, at);
        code = loop_run(api.loop, &err) ? fail(EXIT_OSERR, &err) : 0;
    }
    stop(&api);
    loop_free(api.loop);
    spool_close(spool);
    close(lock);
    if (!code)
        log_info("batchspool-httpd has ended in good order");
    return code;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"spool", required_argument, NULL, 's'},  {"config", required_argument, NULL, 'c'}, {"listen", required_argument, NULL, 'l'},
                                            {"web-root", required_argument, NULL, 'w'}, {"routes", no_argument, NULL, 'r'},       {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *spool = NULL, *config_file = NULL, *where = NULL;
    struct api_options api_options = {.web_root = ""};
    static struct config config;
    struct err err = {0};
    int option;
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
    api_options.upload_max_bytes = config.httpd.upload_max_bytes;
    api_options.stuck_after_s = config.stuck_after_s;
    api_options.stuck_waiting_s = config.stuck_waiting_s;
    api_options.tls = *config.httpd.tls_certificate != '\0';
    api_options.origin = config.httpd.proxy;
    if (!*api_options.web_root)
        api_options.web_root = config.httpd.web_root;
    return serve(&config, &api_options);
}
