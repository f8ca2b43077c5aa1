// SPDX-License-Identifier: Apache-2.0
#include "helper/lighthouse.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "helper/tool.h"
#include "helper/pagespeed.h"
#include "os/fsio.h"
#include "os/tree.h"

/*
 * Chrome is started here, and Lighthouse told its port: what Lighthouse starts itself goes into a session of its own and outlives whoever kills this program.
 * Here both are in our process group, and die with us.
 */

#define START_MS 30000
#define LOOK_MS 25
#define END_MS 3000
#define MOST_ARGUMENTS 24
#define MOST_REPORT_BYTES ((size_t)64 << 20)
#define LAST_BYTES ((size_t)64 << 10)

struct run {
    const struct lighthouse_options *options;
    char dir[LIGHTHOUSE_PATH_SIZE]; /* of this run */
    int dir_fd;
    char temporary[64]; /* the same by a path that is short enough for the sockets that Chrome makes there */
    int64_t until_ms;
    char port[16];
};

/* --- where the programs are ------------------------------------------------------------------------------------------ */

static bool is_program(const char *path) {
    return *path == '/' && access(path, X_OK) == 0;
}

static bool in_path(const char *name, char out[LIGHTHOUSE_PATH_SIZE]) {
    return tool_find(name, name, out, NULL) == RC_OK;
}

static bool of_environment(const char *variable, char out[LIGHTHOUSE_PATH_SIZE]) {
    const char *path = getenv(variable);

    return path != NULL && str_copy(out, LIGHTHOUSE_PATH_SIZE, path) && is_program(out);
}

static bool beside(const char *dir, char out[LIGHTHOUSE_PATH_SIZE]) {
    return str_format(out, LIGHTHOUSE_PATH_SIZE, "%s/node_modules/.bin/lighthouse", dir) && is_program(out);
}

bool lighthouse_find(char out[LIGHTHOUSE_PATH_SIZE]) {
    const char *helpers = getenv("BATCHSPOOL_HELPERS");
    char self[LIGHTHOUSE_PATH_SIZE];
    ssize_t length;

    if (of_environment("LIGHTHOUSE", out) || in_path("lighthouse", out) || (helpers != NULL && beside(helpers, out))) {
        return true;
    }
    length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[length > 0 ? length : 0] = '\0';
    *(strrchr(self, '/') != NULL ? strrchr(self, '/') : self) = '\0';
    return beside(self, out);
}

bool lighthouse_find_chrome(char out[LIGHTHOUSE_PATH_SIZE]) {
    static const char *const names[] = {"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"};

    if (of_environment("CHROME_PATH", out)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (in_path(names[i], out)) {
            return true;
        }
    }
    return false;
}

/* --- children -------------------------------------------------------------------------------------------------------- */

/* In the child: what it says goes to a file, what it leaves into the run's directory, and it dies with its parent. */
static void become(char *const *argv, const struct run *run, const char *log, pid_t parent) {
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || setenv("TMPDIR", run->temporary, 1) != 0 || setenv("HOME", run->dir, 1) != 0 || getppid() != parent) {
        _exit(127);
    }
    execv(argv[0], argv);
    _exit(127);
}

static enum rc start(char *const *argv, const struct run *run, const char *log, pid_t *pid, struct err *err) {
    pid_t self = getpid();

    *pid = fork();
    if (*pid == 0) {
        become(argv, run, log, self);
    }
    return *pid > 0 ? RC_OK : err_sys(err, "fork");
}

static void pause_ms(int64_t ms) {
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&wait, NULL);
}

static bool has_ended(pid_t pid, int *status) {
    return waitpid(pid, status, WNOHANG) == pid;
}

/* Chrome ends its own children, when it may. */
static void end(pid_t pid) {
    int64_t until_ms = clock_mono_ms() + END_MS;
    int status;

    if (pid <= 0) {
        return;
    }
    kill(pid, SIGTERM);
    while (!has_ended(pid, &status)) {
        if (clock_mono_ms() > until_ms) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
            return;
        }
        pause_ms(LOOK_MS);
    }
}

/* What Chrome's children still write while they end is removed, too. */
static void clear_away(const char *dir) {
    int64_t until_ms = clock_mono_ms() + END_MS;

    while ((tree_remove(dir, NULL) != RC_OK || access(dir, F_OK) == 0) && clock_mono_ms() < until_ms) {
        pause_ms(LOOK_MS);
    }
}

/* The last line of what a child said that is no blank. */
static void last_line(const struct run *run, const char *log, char *out, size_t size) {
    struct buf text = BUF_INIT(LAST_BYTES * 16);
    const char *at;
    size_t length;

    *out = '\0';
    if (fsio_read_file(run->dir_fd, log, &text, NULL) == RC_OK) {
        at = buf_text(&text);
        for (length = text.length; length > 0 && strchr(" \t\r\n", at[length - 1]) != NULL;) {
            length--;
        }
        for (at += length; at > text.data && at[-1] != '\n'; length = (size_t)(buf_text(&text) + text.length - at)) {
            at--;
        }
        length = strcspn(at, "\r\n");
        (void)str_printable(out, size, at, length);
    }
    buf_release(&text);
}

/* --- Chrome ---------------------------------------------------------------------------------------------------------- */

static bool read_port(struct run *run) {
    struct buf text = BUF_INIT(4096);
    bool known = fsio_read_file(run->dir_fd, "profile/DevToolsActivePort", &text, NULL) == RC_OK && memchr(buf_text(&text), '\n', text.length) != NULL &&
                 str_format(run->port, sizeof(run->port), "%.*s", (int)strcspn(buf_text(&text), "\n"), buf_text(&text)) && run->port[0] != '\0';

    buf_release(&text);
    return known;
}

static enum rc start_chrome(struct run *run, pid_t *pid, struct err *err) {
    char profile[LIGHTHOUSE_PATH_SIZE + 64], log[LIGHTHOUSE_PATH_SIZE + 64], said[300];
    char *argv[MOST_ARGUMENTS];
    int64_t until_ms = clock_mono_ms() + START_MS;
    size_t count = 0;
    int status;
    enum rc rc;
    const char *const fixed[] = {run->options->chrome,
                                 "--headless=new",
                                 "--remote-debugging-port=0",
                                 profile,
                                 "--no-first-run",
                                 "--no-default-browser-check",
                                 "--disable-gpu",
                                 "--disable-dev-shm-usage", /* /dev/shm is small in containers */
                                 "--disable-extensions",
                                 "--disable-sync",
                                 "--disable-component-update",
                                 "--disable-background-networking",
                                 "--disable-default-apps",
                                 "--mute-audio",
                                 "--password-store=basic",
                                 "--use-mock-keychain"};

    (void)str_format(profile, sizeof(profile), "--user-data-dir=%s/profile", run->dir);
    (void)str_format(log, sizeof(log), "%s/chrome.log", run->dir);
    for (; count < sizeof(fixed) / sizeof(fixed[0]); count++) {
        argv[count] = (char *)(uintptr_t)fixed[count];
    }
    if (geteuid() == 0) {
        argv[count++] = (char *)(uintptr_t) "--no-sandbox"; /* Chrome refuses to run as root with it */
    }
    argv[count++] = (char *)(uintptr_t) "about:blank";
    argv[count] = NULL;
    rc = start(argv, run, log, pid, err);
    while (rc == RC_OK && !read_port(run)) {
        if (has_ended(*pid, &status)) {
            *pid = -1;
            last_line(run, "chrome.log", said, sizeof(said));
            return err_set(err, RC_GONE, "%s does not start: %s", run->options->chrome, said[0] != '\0' ? said : "it says nothing");
        }
        if (clock_mono_ms() > until_ms) {
            return err_set(err, RC_TEMP, "%s did not start within %d s", run->options->chrome, START_MS / 1000);
        }
        pause_ms(LOOK_MS);
    }
    return rc;
}

/* --- Lighthouse ------------------------------------------------------------------------------------------------------ */

static enum rc wait_for(struct run *run, pid_t *pid, int *status, struct err *err) {
    while (!has_ended(*pid, status)) {
        if (clock_mono_ms() > run->until_ms) {
            return err_set(err, RC_TEMP, "Lighthouse was ended: it took longer than %u s", run->options->timeout_s);
        }
        pause_ms(LOOK_MS);
    }
    *pid = -1;
    return RC_OK;
}

static enum rc run_lighthouse(struct run *run, pid_t *pid, int *status, struct err *err) {
    char port[64], path[LIGHTHOUSE_PATH_SIZE + 64], locale[64], log[LIGHTHOUSE_PATH_SIZE + 64];
    const char *const arguments[] = {run->options->program,
                                     run->options->url,
                                     "--quiet",
                                     "--output=json",
                                     path,
                                     "--only-categories=performance,accessibility,best-practices,seo",
                                     port,
                                     locale,
                                     "--disable-full-page-screenshot",
                                     "--no-enable-error-reporting",
                                     strcmp(run->options->strategy, "desktop") == 0 ? "--preset=desktop" : "--form-factor=mobile",
                                     NULL};
    char *argv[sizeof(arguments) / sizeof(arguments[0])];
    enum rc rc;

    (void)str_format(path, sizeof(path), "--output-path=%s/report.json", run->dir);
    (void)str_format(port, sizeof(port), "--port=%s", run->port);
    (void)str_format(locale, sizeof(locale), "--locale=%s", run->options->locale);
    (void)str_format(log, sizeof(log), "%s/lighthouse.log", run->dir);
    for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
        argv[i] = (char *)(uintptr_t)arguments[i];
    }
    rc = start(argv, run, log, pid, err);
    return rc == RC_OK ? wait_for(run, pid, status, err) : rc;
}

/* What Lighthouse says when it makes no report: "Runtime error encountered: ... (CODE)". */
static enum rc no_report(const struct run *run, int status, struct err *err) {
    char said[300];

    last_line(run, "lighthouse.log", said, sizeof(said));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && said[0] == '\0') {
        return err_set(err, RC_GONE, "%s cannot be run; is Node.js installed?", run->options->program);
    }
    return err_set(err, RC_TEMP, "Lighthouse made no report: %s", said[0] != '\0' ? said : "it says nothing");
}

static enum rc put_report(const struct run *run, int status, struct err *err) {
    struct buf text = BUF_INIT(MOST_REPORT_BYTES);
    struct err why = {.text = ""};
    enum rc rc = fsio_read_file(run->dir_fd, "report.json", &text, &why);

    if (rc == RC_GONE) {
        rc = no_report(run, status, err);
    } else if (rc != RC_OK) {
        rc = err_set(err, RC_TEMP, "%s", why.text);
    } else if (json_check(buf_text(&text), text.length, &json_rules_payload, &why) != RC_OK) {
        rc = err_set(err, RC_TEMP, "Lighthouse's report is no JSON: %s", why.text);
    } else {
        rc = pagespeed_error((struct slice){.data = buf_text(&text), .length = text.length}, err);
    }
    if (rc == RC_OK && (fwrite(buf_text(&text), 1, text.length, stdout) != text.length || fflush(stdout) != 0)) {
        rc = err_sys(err, "standard output");
    }
    buf_release(&text);
    return rc;
}

enum rc lighthouse_run(const struct lighthouse_options *options, const char *dir, struct err *err) {
    struct run run = {.options = options, .dir_fd = -1, .until_ms = clock_mono_ms() + (int64_t)options->timeout_s * 1000};
    pid_t chrome = -1, lighthouse = -1;
    int status = 0;
    enum rc rc;

    if (!str_format(run.dir, sizeof(run.dir), "%s/lighthouse-XXXXXX", dir) || mkdtemp(run.dir) == NULL) {
        return err_sys(err, "%s", dir);
    }
    rc = fsio_open_dir(AT_FDCWD, run.dir, &run.dir_fd, err);
    (void)str_format(run.temporary, sizeof(run.temporary), "/proc/%d/fd/%d", (int)getpid(), run.dir_fd);
    rc = rc == RC_OK ? start_chrome(&run, &chrome, err) : rc;
    rc = rc == RC_OK ? run_lighthouse(&run, &lighthouse, &status, err) : rc;
    end(lighthouse);
    end(chrome);
    rc = rc == RC_OK ? put_report(&run, status, err) : rc;
    if (run.dir_fd >= 0) {
        close(run.dir_fd);
    }
    clear_away(run.dir);
    return rc;
}
