// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "cmd/config.h"
#include "engine/engine.h"
#include "engine/errand.h"
#include "engine/load.h"
#include "engine/ready.h"
#include "os/lockfile.h"
#include "os/wall.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Exit codes of sysexits.h that DESIGN 8 names. */
#define EXIT_USAGE 64
#define EXIT_OSERR 71
#define EXIT_IO 74
#define EXIT_HELD 75
#define EXIT_CONFIG 78

static const char usage[] = "usage: batchspoold [--spool DIR] [--config FILE] [--credentials DIR] [--foreground]\n"
                            "\n"
                            "Watches the spool, buys and keeps the pages of its jobs, and starts loaders. Stays in the foreground;\n"
                            "SIGTERM ends it in good order, SIGHUP makes it read configuration and sources again.\n";

struct program {
    struct engine *engine;
    struct config *config;
    const char *config_file, *spool; /* --config, --spool, or NULL */
    const char *credentials, *path;
    char directory[4096]; /* of helpers, by default */
    uid_t web_uid;
    bool asked;
};

static unsigned processors(void) {
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 && count <= 256 ? (unsigned)count : 1;
}

static struct engine_options options_of(const struct program *p) {
    const struct config *config = p->config;
    return (struct engine_options){.sources_dir = config->sources,
                                   .source_settings = config->source_settings,
                                   .credentials_dir = p->credentials,
                                   .ca_file = config->ca_file,
                                   .program = p->path,
                                   .rescan_interval_s = config->rescan_interval_s,
                                   .helpers_dir = *config->helpers ? config->helpers : p->directory,
                                   .max_helpers = config->max_helpers ? config->max_helpers : processors(),
                                   .max_concurrent_jobs = config->max_concurrent_jobs,
                                   .max_active = config->max_active,
                                   .sync_threads = config->sync_threads,
                                   .cost_caps = config->daily_cost_caps,
                                   .cost_cap_count = config->daily_cost_cap_count,
                                   .priority_ageing_s = config->priority_ageing_s,
                                   .web_uid = p->web_uid,
                                   .retention = config_retention(config),
                                   .notices = &config->notices,
                                   .stuck_after_s = config->stuck_after_s,
                                   .stuck_waiting_s = config->stuck_waiting_s};
}

static void key_changed(void *context, const char *key, bool live) {
    (void)context;
    if (live)
        log_info("configuration: %s has changed", key);
    else
        log_warn("configuration: %s has changed, which holds after a restart", key);
}

static void reload(struct program *p) {
    struct config *fresh = malloc(sizeof *fresh);
    struct err err = {0};
    if (!fresh || config_load(p->config_file, p->spool, fresh, &err))
        log_error("configuration: %s; what was read before stays", fresh ? err.text : "out of memory");
    else {
        config_adopt(p->config, fresh, key_changed, NULL);
        log_init(p->config->log_level, p->config->log_json);
    }
    free(fresh);
    const struct engine_options options = options_of(p);
    engine_reload(p->engine, &options);
}

static void got_signal(void *context, int signo) {
    struct program *p = context;
    if (signo == SIGHUP)
        reload(p);
    else if (p->asked)
        engine_abort(p->engine);
    else {
        p->asked = true;
        engine_stop(p->engine);
    }
}

static int fail(int code, const struct err *err) {
    fprintf(stderr, "batchspoold: %s\n", err->text);
    return code;
}

static enum rc start_signals(struct loop *loop, struct program *program, struct err *err) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < sizeof signals / sizeof *signals; i++)
        rc = loop_signal_start(loop, signals[i], got_signal, program, err);
    return rc;
}

static void raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int serve_locked(struct program *program, const struct spool *spool) {
    struct err err = {0};
    struct loop *loop;
    if (loop_new(&loop, &err))
        return fail(EXIT_OSERR, &err);
    enum rc rc = start_signals(loop, program, &err);
    const struct engine_options options = options_of(program);
    if (!rc)
        rc = engine_start(loop, spool, &options, &program->engine, &err);
    int code = rc ? fail(EXIT_IO, &err) : 0;
    if (!rc) {
        log_info("batchspoold runs: spool %s, sources %s", program->config->spool, program->config->sources);
        if (!wall_possible())
            log_warn("this kernel has no Landlock: nothing keeps helper programs, which read other people's documents, from the rest of the spool and from "
                     "credentials");
        code = loop_run(loop, &err) ? fail(EXIT_OSERR, &err) : 0;
        engine_free(program->engine);
    }
    loop_free(loop);
    return code;
}

static int serve(struct program *program) {
    struct err err = {0};
    struct spool *spool;
    int lock, code;
    enum rc rc = spool_open(program->config->spool, program->config->node, &spool, &err);
    if (rc)
        return fail(EXIT_CONFIG, &err);
    rc = lockfile_hold(spool->root_fd, SPOOL_LOCK, &lock, &err);
    if (rc) {
        spool_close(spool);
        return fail(rc == RC_AGAIN ? EXIT_HELD : EXIT_IO, &err);
    }
    code = serve_locked(program, spool);
    spool_close(spool);
    close(lock);
    if (code)
        return code;
    log_info("batchspoold has ended in good order");
    return 0;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"spool", required_argument, NULL, 's'}, {"config", required_argument, NULL, 'c'}, {"credentials", required_argument, NULL, 'k'},
        {"foreground", no_argument, NULL, 'f'},  {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    const char *spool = NULL, *config_file = NULL, *credentials = NULL;
    struct config config;
    struct err err = {0};
    char program_path[4096];
    int option;
    umask(007);
    fault_init();
    if (argc > 1 && strcmp(argv[1], "--load-worker") == 0)
        return load_worker_main(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "--errand-worker") == 0)
        return errand_worker_main(argc - 2, argv + 2, NULL);
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 's')
            spool = optarg;
        else if (option == 'c')
            config_file = optarg;
        else if (option == 'k')
            credentials = optarg;
        else if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        } else if (option != 'f') {
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "batchspoold: unexpected argument \"%s\"\n%s", argv[optind], usage);
        return EXIT_USAGE;
    }
    if (config_load(config_file, spool, &config, &err))
        return fail(EXIT_CONFIG, &err);
    ssize_t length = readlink("/proc/self/exe", program_path, sizeof program_path - 1);
    if (length < 0) {
        err_sys(&err, "/proc/self/exe");
        return fail(EXIT_OSERR, &err);
    }
    program_path[length] = '\0';
    log_init(config.log_level, config.log_json);
    raise_descriptors();
    prctl(PR_SET_DUMPABLE, 0); /* no secret in a core file */
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
        err_set(&err, RC_FATAL, "libcurl can not be initialised");
        return fail(EXIT_OSERR, &err);
    }
    struct program program = {
        .config = &config, .config_file = config_file, .spool = spool, .credentials = credentials ? credentials : config.credentials, .path = program_path};
    ready_helpers_dir(program_path, program.directory, sizeof program.directory);
    if (config_httpd_uid(&config.httpd, &program.web_uid, &err))
        return fail(EXIT_CONFIG, &err);
    return serve(&program);
}
