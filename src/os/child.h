// SPDX-License-Identifier: Apache-2.0
#ifndef OS_CHILD_H
#define OS_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "os/loop.h"

/* Child processes, watched by pidfd on the loop. */
struct child;

struct child_limits {
    uint64_t address_space_bytes; /* 0: as the parent */
    uint32_t cpu_s;               /* 0: as the parent */
    uint64_t file_bytes;          /* of one file that it writes; 0: as the parent */
    uint32_t files;               /* open at a time; 0: as the parent */
    bool confined;                /* no core file, no new privileges (PR_SET_NO_NEW_PRIVS); what it leaves behind is ended, see below */
    bool no_network;              /* confined, and socket(2) and io_uring_setup(2) answer EACCES (seccomp) */
};

/* With the end of a confined child all processes that come of it are gone before ended() is called, or child_cancel returns, in whatever group or session they
 * are; of child_run those of its group. For that this process becomes the reaper of its descendants (PR_SET_CHILD_SUBREAPER), and a child of the loop has a
 * session of its own. Only the parent's sudden end leaves processes that come of a child's children.
 * As process 1 of a container, the parent of everybody's orphans, this program ends only those whose HOME is that of the child's own environment. */

/* What stands in the place of the usual descriptors, directory and environment; descriptors are borrowed until the child runs. */
struct child_place {
    int input_fd;                   /* standard input; -1: /dev/null */
    int output_fd;                  /* standard output; -1: a pipe into a buffer */
    int error_fd;                   /* standard error; -1: that of the parent */
    int more_fd;                    /* descriptor 3; -1: closed */
    int dir_fd;                     /* working directory; -1: that of the parent */
    int wall_fd;                    /* of wall_new, behind which it is; -1: none */
    const char *const *environment; /* "NAME=value", NULL at the end; NULL: that of the parent */
};

/* wait_status as of waitpid(2); the loop thread. The child is freed after it: no child_* call from here. output is what the child wrote to standard output (at
 * most its max; the rest is dropped), borrowed. */
typedef void child_ended(void *context, int wait_status, const struct buf *output);

/* posix_spawn-like: argv[0] is an absolute path; standard input is /dev/null, standard output a pipe into a buffer of at most output_max bytes, standard
 * error inherited; all other descriptors closed; signal mask empty, dispositions default; in a process group of its own;
 * dies with the thread that started it (PR_SET_PDEATHSIG SIGKILL). Returns when the program runs. limits may be NULL. RC_PERM: it cannot be run (missing,
 * not executable, not an absolute path). */
enum rc child_start(struct loop *loop, const char *const *argv, const struct child_limits *limits, size_t output_max, child_ended *ended, void *context,
                    struct child **child, struct err *err);
/* The same in another place; place may be NULL. */
enum rc child_start_in(struct loop *loop, const char *const *argv, const struct child_limits *limits, const struct child_place *place, size_t output_max,
                       child_ended *ended, void *context, struct child **child, struct err *err);
/* Reaches the whole process group, as child_cancel does. */
void child_signal(struct child *child, int signo);
pid_t child_pid(const struct child *child);
/* Kill and reap without a callback. After ended() the child is freed by itself. */
void child_cancel(struct child *child);

/* The same without a loop: run, wait, collect; blocks. Appends to output up to its max, the rest is dropped. */
enum rc child_run_in(const char *const *argv, const struct child_limits *limits, const struct child_place *place, struct buf *output, int *wait_status,
                     struct err *err); /* output_fd of place must be -1 */
enum rc child_run(const char *const *argv, const struct child_limits *limits, struct buf *output, int *wait_status, struct err *err);

/* End the processes of this user that an earlier run of the program left behind when it was killed: those whose environment has a line, "NAME=value", that
 * begins with this. Blocks until they are gone, for a few seconds at most. How many there were. */
unsigned child_end_left(const char *line);

#endif
