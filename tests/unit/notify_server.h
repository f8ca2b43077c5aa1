// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_NOTIFY_SERVER_H
#define TESTS_NOTIFY_SERVER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A mail server or a web server on 127.0.0.1 that does to each notice what the test says: one connection at a time. */

enum fate {
    FATE_TAKEN,
    FATE_LATER,    /* 451, 503 */
    FATE_NEVER,    /* 550, 422 */
    FATE_NO_ENTRY, /* 535, 401 */
    FATE_HANG_UP,  /* it has all of it, and says nothing */
    FATE_OLD,      /* the same, of one that knows no EHLO */
    FATE_SILENT,   /* it says nothing, and does not hang up: until the client does */
    FATE_CLOSED,   /* it hangs up at once */
    FATE_GIBBERISH
};

struct notify_server {
    bool mail;
    int listen_fd;
    uint16_t port;
    pthread_t thread;
    enum fate fate;
    char seen[256 * 1024]; /* what the client sent last */
    size_t seen_length;
    unsigned taken; /* whole notices that came */
};

static inline void ns_say(int fd, const char *text) {
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* A byte at a time until `end` came; false: the client hung up. */
static inline bool ns_until(struct notify_server *s, int fd, const char *end) {
    const size_t length = strlen(end);
    const size_t from = s->seen_length;
    while (s->seen_length + 1 < sizeof s->seen) {
        if (recv(fd, s->seen + s->seen_length, 1, 0) != 1)
            return false;
        s->seen[++s->seen_length] = '\0';
        if (s->seen_length - from >= length && memcmp(s->seen + s->seen_length - length, end, length) == 0)
            return true;
    }
    return false;
}

static inline void ns_wait_for_close(int fd) {
    char byte;
    while (recv(fd, &byte, 1, 0) > 0)
        ;
}

static inline void ns_smtp(struct notify_server *s, int fd) {
    ns_say(fd, "220 here\r\n");
    for (;;) {
        const size_t at = s->seen_length;
        if (!ns_until(s, fd, "\r\n"))
            return;
        const char *line = s->seen + at;
        if (strncmp(line, "EHLO", 4) == 0 && s->fate == FATE_OLD)
            ns_say(fd, "502 5.5.1 what is that\r\n");
        else if (strncmp(line, "EHLO", 4) == 0)
            ns_say(fd, "250-here\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n");
        else if (strncmp(line, "AUTH", 4) == 0) {
            ns_say(fd, "334 \r\n");
            if (!ns_until(s, fd, "\r\n"))
                return;
            ns_say(fd, s->fate == FATE_NO_ENTRY ? "535 5.7.8 no entry\r\n" : "235 come in\r\n");
        } else if (strncmp(line, "RCPT", 4) == 0)
            ns_say(fd, s->fate == FATE_NEVER ? "550 5.1.1 nobody\r\n" : s->fate == FATE_LATER ? "451 4.3.0 later\r\n" : "250 ok\r\n");
        else if (strncmp(line, "DATA", 4) == 0) {
            ns_say(fd, "354 go ahead\r\n");
            if (!ns_until(s, fd, "\r\n.\r\n"))
                return;
            s->taken++;
            if (s->fate == FATE_HANG_UP || s->fate == FATE_OLD)
                return;
            if (s->fate == FATE_SILENT) {
                ns_wait_for_close(fd);
                return;
            }
            ns_say(fd, "250 2.0.0 taken\r\n");
        } else if (strncmp(line, "QUIT", 4) == 0) {
            ns_say(fd, "221 bye\r\n");
            return;
        } else
            ns_say(fd, "250 ok\r\n");
    }
}

static inline void ns_http(struct notify_server *s, int fd) {
    if (!ns_until(s, fd, "\r\n\r\n"))
        return;
    const char *length = strstr(s->seen, "Content-Length: ");
    const size_t body = length ? strtoul(length + 16, NULL, 10) : 0, end = s->seen_length + body;
    while (s->seen_length < end && s->seen_length + 1 < sizeof s->seen && recv(fd, s->seen + s->seen_length, 1, 0) == 1)
        s->seen[++s->seen_length] = '\0';
    s->taken++;
    if (s->fate == FATE_HANG_UP || s->fate == FATE_OLD)
        return;
    if (s->fate == FATE_SILENT)
        ns_wait_for_close(fd);
    else
        ns_say(fd, s->fate == FATE_NEVER      ? "HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n"
                   : s->fate == FATE_LATER    ? "HTTP/1.1 503 Later\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
                   : s->fate == FATE_NO_ENTRY ? "HTTP/1.1 401 No entry\r\nContent-Length: 0\r\n\r\n"
                                              : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static inline void *ns_main(void *context) {
    struct notify_server *s = context;
    int fd;
    while ((fd = accept(s->listen_fd, NULL, NULL)) >= 0) {
        s->seen_length = 0;
        s->seen[0] = '\0';
        if (s->fate == FATE_GIBBERISH) {
            ns_say(fd, "\x01\x02 what is this\r\n\r\n");
            ns_wait_for_close(fd);
        } else if (s->fate != FATE_CLOSED) {
            if (s->mail)
                ns_smtp(s, fd);
            else
                ns_http(s, fd);
        }
        close(fd);
    }
    return NULL;
}

static inline void ns_start(struct notify_server *s, bool mail) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    memset(s, 0, sizeof *s);
    s->mail = mail;
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->listen_fd >= 0);
    assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(listen(s->listen_fd, 8), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, ns_main, s), 0);
}

static inline void ns_stop(struct notify_server *s) {
    shutdown(s->listen_fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listen_fd);
}

#endif
