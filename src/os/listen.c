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

static enum rc unix_address(const char *path, struct address *a, struct err *err) {
    a->local.sun_family = AF_UNIX;
    a->length = sizeof a->local;
    if (*path != '/' || !str_copy(a->local.sun_path, sizeof a->local.sun_path, path))
        return err_set(err, RC_FATAL, "unix:%s: must be an absolute path of at most %zu bytes", path, sizeof a->local.sun_path - 1);
    return RC_OK;
}

static enum rc parse(const char *where, struct address *a, struct err *err) {
    char host[64];
    uint64_t port;
    const char *colon = strrchr(where, ':');
    memset(a, 0, sizeof *a);
    if (str_starts(where, "unix:"))
        return unix_address(where + 5, a, err);
    if (!colon || (size_t)(colon - where) >= sizeof host || !str_to_u64(colon + 1, 0, 65535, &port))
        return err_set(err, RC_FATAL, "\"%s\": must be ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH", where);
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    if (strcmp(host, "localhost") == 0)
        str_copy(host, sizeof host, "127.0.0.1");
    if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons((uint16_t)port);
        a->length = sizeof a->v4;
        return RC_OK;
    }
    const size_t length = strlen(host);
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, &a->v6.sin6_addr) == 1) {
            a->v6.sin6_family = AF_INET6;
            a->v6.sin6_port = htons((uint16_t)port);
            a->length = sizeof a->v6;
            return RC_OK;
        }
    }
    return err_set(err, RC_FATAL, "\"%s\": its address is neither IPv4 nor [IPv6]", where);
}

enum rc listen_check(const char *where, bool *loopback, struct err *err) {
    struct address a;
    enum rc rc = parse(where, &a, err);
    *loopback = !rc && (a.any.sa_family == AF_UNIX || (a.any.sa_family == AF_INET && ntohl(a.v4.sin_addr.s_addr) >> 24 == 127) ||
                        (a.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr)));
    return rc;
}

/* Left by a program that has ended: nobody answers there. */
static void remove_stale(const struct address *a) {
    struct stat st;
    if (lstat(a->local.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, &a->any, a->length) != 0 && errno == ECONNREFUSED)
        unlink(a->local.sun_path);
    if (fd >= 0)
        close(fd);
}

static void say_where(int fd, const char *where, char at[128]) {
    struct address a;
    char host[64] = "";
    str_copy(at, 128, where);
    a.length = sizeof(struct sockaddr_in6);
    if (str_starts(where, "unix:") || getsockname(fd, &a.any, &a.length) != 0)
        return;
    if (a.any.sa_family == AF_INET && inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof host))
        str_format(at, 128, "%s:%u", host, ntohs(a.v4.sin_port));
    else if (inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof host))
        str_format(at, 128, "[%s]:%u", host, ntohs(a.v6.sin6_port));
}

enum rc listen_open(const char *where, int *fd, char at[128], struct err *err) {
    struct address a;
    const int yes = 1;
    *fd = -1;
    enum rc rc = parse(where, &a, err);
    if (rc)
        return rc;
    if (a.any.sa_family == AF_UNIX)
        remove_stale(&a);
    int s = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return err_sys(err, "%s", where);
    if (a.any.sa_family != AF_UNIX)
        (void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(s, &a.any, a.length) != 0 || (a.any.sa_family == AF_UNIX && chmod(a.local.sun_path, 0660) != 0) || listen(s, BACKLOG) != 0) {
        rc = err_sys(err, "%s", where);
        close(s);
        return rc;
    }
    say_where(s, where, at);
    *fd = s;
    return RC_OK;
}
