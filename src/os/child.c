// SPDX-License-Identifier: Apache-2.0
#include "os/child.h"

#include "base/heap.h"
#include "os/wall.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES 16384
/* What a dead child left in its pipe; more than this comes from a process that it left behind. */
#define LAST_READS 64
#define MORE_FD 3
#define REPORT_FD 4
#define EXIT_NOT_RUN 127
#define LEFT_WAIT_MS 3000
/* A process that makes new ones faster than they can be ended is left to the end of the next child. */
#define STRAYS_MOST 10000

/* A running program and the parent's ends of it. */
struct process {
    pid_t pid;
    int pid_fd;
    int output_fd; /* -1 after its end */
};

struct child {
    struct loop *loop;
    struct process process;
    struct loop_fd exit_watch, output_watch;
    struct buf output;
    bool confined;
    struct child *next; /* of those that are confined */
    char *home;         /* "HOME=..." of its own environment; NULL: it has none */
    child_ended *ended;
    void *context;
};

/* Which run; the loop thread's. Of the whole process, as its children are. */
static struct child *confined_children;

/* All that the child needs between fork and exec, made before: in a process with threads it may only make system calls there. */
struct plan {
    char *const *argv, *const *environment;
    struct limit {
        __rlimit_resource_t resource;
        struct rlimit value;
    } limits[6];
    size_t limit_count;
    bool confined, no_network, session;
    pid_t parent;
    int input_fd, output_fd, error_fd, more_fd, dir_fd, wall_fd, report_fd; /* error, more, dir, wall: -1 as it is, none, as it is, none */
};

static void close_if(int fd) {
    if (fd >= 0)
        close(fd);
}

/* A limit within the one in force, so that setting it needs no privilege. */
static struct rlimit limit_of(__rlimit_resource_t resource, uint64_t soft, uint64_t hard) {
    struct rlimit now, want = {.rlim_cur = soft, .rlim_max = hard};

    if (getrlimit(resource, &now) == 0 && now.rlim_max < want.rlim_max)
        want.rlim_max = now.rlim_max;
    if (want.rlim_cur > want.rlim_max)
        want.rlim_cur = want.rlim_max;
    return want;
}

static void add_limit(struct plan *plan, __rlimit_resource_t resource, uint64_t soft, uint64_t hard) {
    if (soft != 0)
        plan->limits[plan->limit_count++] = (struct limit){.resource = resource, .value = limit_of(resource, soft, hard)};
}

static void plan_limits(struct plan *plan, const struct child_limits *limits) {
    if (limits == NULL)
        return;
    add_limit(plan, RLIMIT_AS, limits->address_space_bytes, limits->address_space_bytes);
    add_limit(plan, RLIMIT_CPU, limits->cpu_s, (uint64_t)limits->cpu_s + 1); /* SIGXCPU, and a second later SIGKILL for the one that ignores it */
    add_limit(plan, RLIMIT_FSIZE, limits->file_bytes, limits->file_bytes);
    add_limit(plan, RLIMIT_NOFILE, limits->files, limits->files);
    plan->confined = limits->confined || limits->no_network;
    plan->no_network = limits->no_network;
    if (plan->confined)
        plan->limits[plan->limit_count++] = (struct limit){.resource = RLIMIT_CORE};
}

/* What a helper that reads other people's documents may not do: speak to anybody. Another architecture's calls end it. */
static const struct sock_filter without_network[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
#if defined(__x86_64__)
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
#elif defined(__aarch64__)
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_AARCH64, 1, 0),
#else
/* cppcheck-suppress preprocessorErrorDirective */
#error "which architecture is this? see linux/audit.h"
#endif
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), /* x32 */
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
};

/* In the child: system calls only, as everything down to become(). */
static bool confine(const struct plan *plan) {
    const struct sock_fprog filter = {.len = sizeof(without_network) / sizeof(without_network[0]), .filter = (struct sock_filter *)(uintptr_t)without_network};

    for (size_t i = 0; i < plan->limit_count; i++)
        if (setrlimit(plan->limits[i].resource, &plan->limits[i].value) != 0)
            return false;
    if (plan->confined && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0))
        return false;
    return !plan->no_network || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

static int out_of_the_way(int fd) {
    return fcntl(fd, F_DUPFD_CLOEXEC, REPORT_FD + 1);
}

/* Put the descriptors where they belong; first out of the way of each other, for a parent that has closed 0, 1 or 2. */
static bool place_descriptors(const struct plan *plan) {
    int input_fd = out_of_the_way(plan->input_fd), output_fd = out_of_the_way(plan->output_fd), report_fd = out_of_the_way(plan->report_fd);
    int error_fd = plan->error_fd >= 0 ? out_of_the_way(plan->error_fd) : -1, more_fd = plan->more_fd >= 0 ? out_of_the_way(plan->more_fd) : -1;

    if (input_fd < 0 || output_fd < 0 || report_fd < 0 || (plan->error_fd >= 0 && error_fd < 0) || (plan->more_fd >= 0 && more_fd < 0))
        return false;
    if (plan->dir_fd >= 0 && fchdir(plan->dir_fd) != 0)
        return false;
    if (dup2(input_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 || (error_fd >= 0 && dup2(error_fd, STDERR_FILENO) < 0))
        return false;
    if (more_fd >= 0 ? dup2(more_fd, MORE_FD) < 0 : close_range(MORE_FD, MORE_FD, 0) != 0)
        return false;
    return dup3(report_fd, REPORT_FD, O_CLOEXEC) >= 0 && close_range(REPORT_FD + 1, ~0U, 0) == 0;
}

/* What the parent ignores or blocks must not reach a program that expects the defaults. */
static void default_signals(void) {
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        if (signo != SIGKILL && signo != SIGSTOP)
            signal(signo, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: system calls only. */
static _Noreturn void become(const struct plan *plan) {
    int report = plan->report_fd, errnum;

    /* A parent that died before prctl sends nothing: look afterwards. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() != plan->parent)
        _exit(EXIT_NOT_RUN);
    default_signals();
    if ((plan->session ? setsid() > 0 : setpgid(0, 0) == 0) && (plan->wall_fd < 0 || wall_enter(plan->wall_fd)) && place_descriptors(plan)) {
        report = REPORT_FD;
        if (confine(plan))
            execve(plan->argv[0], plan->argv, plan->environment);
    }
    errnum = errno;
    (void)!write(report, &errnum, sizeof(errnum));
    _exit(EXIT_NOT_RUN);
}

static int reap(pid_t pid) {
    int status;
    pid_t got;

    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    return got == pid ? status : W_EXITCODE(EXIT_NOT_RUN, 0);
}

/* Wait until the program runs: the report pipe closes by exec, or brings the errno. */
static int read_report(int fd) {
    int errnum = 0;
    ssize_t got;

    do
        got = read(fd, &errnum, sizeof(errnum));
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(errnum) ? errnum : 0;
}

/* Fork, with all signals blocked until the child has its own handlers. */
static pid_t fork_plan(const struct plan *plan) {
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        become(plan);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* A missing program stays missing: PERM, where a missing file is GONE. */
static enum rc fail_start(struct err *err, const char *program, int errnum) {
    errno = errnum;
    enum rc rc = err_sys(err, "run %s", program);
    return rc == RC_GONE ? RC_PERM : rc == RC_AGAIN ? RC_TEMP : rc;
}

static const struct child_place usual_place = {-1, -1, -1, -1, -1, -1, NULL};

/* Its output comes into process->output_fd; where the place says where it goes, that is -1. session: one of its own, when it is confined. */
static enum rc launch(const char *const *argv, const struct child_limits *limits, const struct child_place *place, bool session, struct process *process,
                      struct err *err) {
    const struct child_place *at = place != NULL ? place : &usual_place;
    struct plan plan = {.argv = (char *const *)(uintptr_t)argv,
                        .environment = at->environment != NULL ? (char *const *)(uintptr_t)at->environment : environ,
                        .parent = getpid(),
                        .error_fd = at->error_fd,
                        .more_fd = at->more_fd,
                        .dir_fd = at->dir_fd,
                        .wall_fd = at->wall_fd};
    int output[2] = {-1, -1}, report[2] = {-1, -1}, null_fd = -1, errnum = 0;

    *process = (struct process){.pid = -1, .pid_fd = -1, .output_fd = -1};
    if (argv[0] == NULL || argv[0][0] != '/')
        return err_set(err, RC_PERM, "run %s: not an absolute path", argv[0] == NULL ? "nothing" : argv[0]);
    plan_limits(&plan, limits);
    plan.session = plan.confined && session;
    if (plan.confined)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* what it leaves behind becomes our child */
    if (at->input_fd < 0 && (null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        errnum = errno;
    if (errnum == 0 && at->output_fd < 0 && (pipe2(output, O_CLOEXEC) < 0 || fcntl(output[0], F_SETFL, O_NONBLOCK) < 0))
        errnum = errno;
    if (errnum == 0 && pipe2(report, O_CLOEXEC) < 0)
        errnum = errno;
    plan.input_fd = at->input_fd >= 0 ? at->input_fd : null_fd;
    plan.output_fd = at->output_fd >= 0 ? at->output_fd : output[1];
    plan.report_fd = report[1];
    if (errnum == 0) {
        process->pid = fork_plan(&plan);
        if (process->pid < 0)
            errnum = errno;
    }
    close_if(null_fd);
    close_if(output[1]);
    close_if(report[1]);
    if (errnum == 0)
        errnum = read_report(report[0]);
    if (errnum == 0) {
        process->pid_fd = pidfd_open(process->pid, 0);
        if (process->pid_fd < 0) {
            errnum = errno;
            kill(-process->pid, SIGKILL);
        }
    }
    close_if(report[0]);
    process->output_fd = output[0];
    if (errnum == 0)
        return RC_OK;
    if (process->pid > 0)
        reap(process->pid);
    close_if(output[0]);
    return fail_start(err, argv[0], errnum);
}

/* One read of what the child writes: 0 at the end of it, -1 when there is nothing now. */
static int read_output(int fd, struct buf *output) {
    char bytes[READ_BYTES];
    size_t room = output->max - output->length;
    ssize_t length;

    do
        length = read(fd, bytes, sizeof(bytes));
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return errno == EAGAIN ? -1 : 0;
    if (length > 0) /* out of memory cuts the text as its maximum does */
        (void)buf_add(output, bytes, (size_t)length < room ? (size_t)length : room);
    return length > 0;
}

static void read_rest(int fd, struct buf *output) {
    for (int left = LAST_READS; left > 0 && read_output(fd, output) > 0; left--)
        ;
}

/* Whether a line of its environment, as it was when the program began, begins so. Of another user's nobody tells us. */
static bool environment_has(long pid, const char *line) {
    const size_t length = strlen(line);
    char path[64], *text = NULL;
    size_t room = 0;
    ssize_t got = -1;
    bool has = false;

    snprintf(path, sizeof(path), "/proc/%ld/environ", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && !has && (got = getdelim(&text, &room, '\0', file)) > 0)
        has = (size_t)got >= length && memcmp(text, line, length) == 0;
    if (file != NULL)
        fclose(file);
    free(text);
    return has;
}

/* --- what confined children leave behind ---------------------------------------------------------------------------------- */

/* While a confined child runs, what its descendants leave behind becomes its child; with its end all of that becomes ours. So of our children those are strays
 * that are in another session than we, and were not started here. Process 1 of a container is also the parent of what others left there: that is no stray. */
static bool is_stray(pid_t pid, const struct child *ended) {
    const struct child *child = confined_children;
    const pid_t session = getsid(pid);

    while (child != NULL && child->process.pid != pid)
        child = child->next;
    if (child != NULL || session < 0 || session == getsid(0))
        return false;
    return getpid() != 1 || (ended->home != NULL && environment_has(pid, ended->home));
}

/* Those among the children of one thread: ended, and gone. */
static unsigned end_strays_of(const char *thread, const struct child *ended) {
    char path[64];
    unsigned count = 0;
    long pid;

    snprintf(path, sizeof(path), "/proc/self/task/%.20s/children", thread);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fscanf(file, "%ld", &pid) == 1)
        if (is_stray((pid_t)pid, ended) && kill((pid_t)pid, SIGKILL) == 0) {
            reap((pid_t)pid);
            count++;
        }
    fclose(file);
    return count;
}

/* A process may hold what the child wrote to, in a session where a signal to the child's group does not reach it. With each that ends, its own children come.
 */
static void end_strays(const struct child *ended) {
    unsigned all = 0, count = 1;

    while (count > 0 && all < STRAYS_MOST) {
        DIR *threads = opendir("/proc/self/task");

        count = 0;
        for (const struct dirent *entry; threads != NULL && (entry = readdir(threads)) != NULL;)
            if (entry->d_name[0] != '.')
                count += end_strays_of(entry->d_name, ended);
        if (threads != NULL)
            closedir(threads);
        all += count;
    }
}

/* Its own end, and that of all it left behind. */
static int reap_all(struct child *child) {
    if (child->confined) /* not reaped yet: the number is still its group's */
        child_signal(child, SIGKILL);
    const int status = reap(child->process.pid);
    if (child->confined) {
        for (struct child **at = &confined_children; *at != NULL; at = &(*at)->next) {
            if (*at == child) {
                *at = child->next;
                break;
            }
        }
        end_strays(child);
    }
    return status;
}

/* --- a child of the loop --------------------------------------------------------------------------------------------------- */

static void child_free(struct child *child) {
    buf_release(&child->output);
    free(child->home);
    free(child);
}

/* A copy of its line HOME; NULL also when there is none. */
static char *home_of(const struct child_place *place) {
    const char *const *line = place != NULL ? place->environment : NULL;

    while (line != NULL && *line != NULL && strncmp(*line, "HOME=", 5) != 0)
        line++;
    return line != NULL && *line != NULL ? strdup(*line) : NULL;
}

static void stop_reading(struct child *child) {
    if (child->process.output_fd < 0)
        return;
    loop_fd_cancel(child->loop, &child->output_watch);
    close(child->process.output_fd);
    child->process.output_fd = -1;
}

static void output_ready(struct loop_fd *watch, uint32_t events) {
    struct child *child = HEAP_ENTRY(watch, struct child, output_watch);

    (void)events;
    if (read_output(watch->fd, &child->output) == 0)
        stop_reading(child);
}

static void exit_ready(struct loop_fd *watch, uint32_t events) {
    struct child *child = HEAP_ENTRY(watch, struct child, exit_watch);
    int status;

    (void)events;
    if (child->process.output_fd >= 0)
        read_rest(child->process.output_fd, &child->output);
    stop_reading(child);
    loop_fd_cancel(child->loop, &child->exit_watch);
    close(child->process.pid_fd);
    status = reap_all(child);
    child->ended(child->context, status, &child->output);
    child_free(child);
}

enum rc child_start(struct loop *loop, const char *const *argv, const struct child_limits *limits, size_t output_max, child_ended *ended, void *context,
                    struct child **child, struct err *err) {
    return child_start_in(loop, argv, limits, NULL, output_max, ended, context, child, err);
}

enum rc child_start_in(struct loop *loop, const char *const *argv, const struct child_limits *limits, const struct child_place *place, size_t output_max,
                       child_ended *ended, void *context, struct child **child, struct err *err) {
    struct child *c = malloc(sizeof(*c));
    enum rc rc;

    *child = NULL;
    if (c == NULL)
        return err_set(err, RC_TEMP, "run %s: out of memory", argv[0]);
    *c = (struct child){.loop = loop, .output = BUF_INIT(output_max), .ended = ended, .context = context};
    c->confined = limits != NULL && (limits->confined || limits->no_network);
    rc = launch(argv, limits, place, true, &c->process, err);
    if (rc != RC_OK) {
        free(c);
        return rc;
    }
    if (c->confined) {
        c->home = home_of(place);
        c->next = confined_children;
        confined_children = c;
    }
    if (c->process.output_fd >= 0)
        rc = loop_fd_start(loop, &c->output_watch, c->process.output_fd, EPOLLIN, output_ready, err);
    if (rc == RC_OK)
        rc = loop_fd_start(loop, &c->exit_watch, c->process.pid_fd, EPOLLIN, exit_ready, err);
    if (rc != RC_OK) {
        child_cancel(c);
        return rc;
    }
    *child = c;
    return RC_OK;
}

void child_signal(struct child *child, int signo) {
    /* Not reaped before ended(): the number is still this child's. */
    kill(-child->process.pid, signo);
}

pid_t child_pid(const struct child *child) {
    return child->process.pid;
}

void child_cancel(struct child *child) {
    if (child == NULL)
        return;
    child_signal(child, SIGKILL);
    stop_reading(child);
    loop_fd_cancel(child->loop, &child->exit_watch);
    close(child->process.pid_fd);
    (void)reap_all(child);
    child_free(child);
}

enum rc child_run(const char *const *argv, const struct child_limits *limits, struct buf *output, int *wait_status, struct err *err) {
    return child_run_in(argv, limits, NULL, output, wait_status, err);
}

enum rc child_run_in(const char *const *argv, const struct child_limits *limits, const struct child_place *place, struct buf *output, int *wait_status,
                     struct err *err) {
    struct process process;
    enum rc rc = launch(argv, limits, place, false, &process, err);

    if (rc != RC_OK)
        return rc;
    struct pollfd fds[2] = {{.fd = process.pid_fd, .events = POLLIN}, {.fd = process.output_fd, .events = POLLIN}};
    while (fds[0].revents == 0) {
        if (poll(fds, 2, -1) > 0 && fds[0].revents == 0 && read_output(process.output_fd, output) == 0)
            fds[1].fd = -1; /* its end: poll passes over it */
    }
    read_rest(process.output_fd, output);
    const bool confined = limits != NULL && (limits->confined || limits->no_network);
    if (confined)
        kill(-process.pid, SIGKILL);
    *wait_status = reap(process.pid);
    while (confined && waitpid(-process.pid, NULL, 0) > 0) /* what was in its group is our child now */
        ;
    close(process.pid_fd);
    close(process.output_fd);
    return RC_OK;
}

/* --- what an earlier run left ------------------------------------------------------------------------------------------------ */

/* By its descriptor, so that it is no other process that has got its number meanwhile. */
static bool end_left(const char *name, const char *line) {
    const long pid = strtol(name, NULL, 10);
    const int fd = pidfd_open((pid_t)pid, 0);
    const bool left = fd >= 0 && environment_has(pid, line) && pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0;
    struct pollfd ended = {.fd = fd, .events = POLLIN};

    if (left)
        (void)poll(&ended, 1, LEFT_WAIT_MS);
    close_if(fd);
    return left;
}

unsigned child_end_left(const char *line) {
    DIR *processes = opendir("/proc");
    unsigned count = 0;

    for (const struct dirent *entry; processes != NULL && (entry = readdir(processes)) != NULL;)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && strtol(entry->d_name, NULL, 10) != getpid())
            count += end_left(entry->d_name, line);
    if (processes != NULL)
        closedir(processes);
    return count;
}
