// SPDX-License-Identifier: Apache-2.0
/* What the stand-ins of outside APIs have in common: they listen on the loopback address, say where, and serve until SIGTERM or SIGINT. */
#ifndef TOOLS_STANDIN_H
#define TOOLS_STANDIN_H

#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* A stand-in that cannot go on says why, and ends. */
static inline void must(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "%s: %s failed: %s\n", program_invocation_short_name, what, strerror(errno));
        abort();
    }
}

static inline struct sockaddr_in standin_address(uint16_t port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Before the first thread: SIGTERM and SIGINT are for standin_wait, a client that has gone is no signal. */
static inline sigset_t standin_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signals;
}

/* The file is there whole or not at all; NULL: none is wanted. */
static inline bool standin_announce(const char *scheme, const char *port_file, uint16_t port) {
    char temporary[PATH_MAX];
    if (port_file) {
        FILE *file = str_format(temporary, sizeof temporary, "%s.tmp", port_file) ? fopen(temporary, "we") : NULL;
        if (!file)
            return false;
        bool written = fprintf(file, "%u\n", port) > 0;
        if (fclose(file) != 0 || !written || rename(temporary, port_file) != 0)
            return false;
    }
    return printf("listening on %s://127.0.0.1:%u\n", scheme, port) > 0 && fflush(stdout) == 0;
}

/* Says where `daemon` (NULL: it could not start) listens, and waits for a signal. The exit status; the caller stops the daemon. */
static inline int standin_wait(struct MHD_Daemon *daemon, const sigset_t *signals, const char *scheme, const char *port_file) {
    const union MHD_DaemonInfo *info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    int caught;
    if (!info || !standin_announce(scheme, port_file, info->port)) {
        fprintf(stderr, "%s: cannot listen: %s\n", program_invocation_short_name, strerror(errno));
        return EX_UNAVAILABLE;
    }
    sigwait(signals, &caught);
    return EX_OK;
}

#endif
