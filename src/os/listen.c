// SPDX-License-Identifier: Apache-2.0
#include "os/listen.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 512

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    };
    socklen_t length;
};

static enum rc address_of(const struct listen_at *where, struct address *a, struct err *err) {
    memset(a, 0, sizeof *a);
    if (where->is_unix) {
        a->local.sun_family = AF_UNIX;
        a->length = sizeof a->local;
        return str_copy(a->local.sun_path, sizeof a->local.sun_path, where->address)
                   ? RC_OK
                   : err_set(err, RC_PERM, "unix:%s: a socket's path may have at most %zu bytes", where->address, sizeof a->local.sun_path - 1);
    }
    if (inet_pton(AF_INET, where->address, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons(where->port);
        a->length = sizeof a->v4;
    } else if (inet_pton(AF_INET6, where->address, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons(where->port);
        a->length = sizeof a->v6;
    } else
        return err_set(err, RC_PERM, "%s: no IPv4 or IPv6 address", where->address);
    return RC_OK;
}

/* Left by a program that has ended: nobody answers there. */
static void remove_stale(const struct address *a) {
    struct stat st;
    if (lstat(a->local.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, &a->any, a->length) != 0 && errno == ECONNREFUSED)
        unlink(a->local.sun_path);
    if (fd >= 0)
        close(fd);
}

static void say_where(int fd, const struct listen_at *where, char at[LISTEN_TEXT_SIZE]) {
    struct address a = {.length = sizeof(struct sockaddr_in6)};
    char host[64] = "";
    str_format(at, LISTEN_TEXT_SIZE, "unix:%s", where->address);
    if (where->is_unix || getsockname(fd, &a.any, &a.length) != 0)
        return;
    if (a.any.sa_family == AF_INET && inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof host))
        str_format(at, LISTEN_TEXT_SIZE, "%s:%u", host, ntohs(a.v4.sin_port));
    else if (inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof host))
        str_format(at, LISTEN_TEXT_SIZE, "[%s]:%u", host, ntohs(a.v6.sin6_port));
}

enum rc listen_open(const struct listen_at *where, int *fd, char at[LISTEN_TEXT_SIZE], struct err *err) {
    struct address a;
    const int yes = 1;
    *fd = -1;
    enum rc rc = address_of(where, &a, err);
    if (rc)
        return rc;
    if (where->is_unix)
        remove_stale(&a);
    int s = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return err_sys(err, "%s", where->address);
    if (!where->is_unix)
        (void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(s, &a.any, a.length) != 0 || (where->is_unix && chmod(a.local.sun_path, 0660) != 0) || listen(s, BACKLOG) != 0) {
        rc = where->is_unix ? err_sys(err, "%s", where->address) : err_sys(err, "%s, port %u", where->address, where->port);
        close(s);
        return rc;
    }
    say_where(s, where, at);
    *fd = s;
    return RC_OK;
}
