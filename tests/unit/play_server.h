// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_PLAY_SERVER_H
#define TESTS_PLAY_SERVER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* An HTTP server on 127.0.0.1 that answers each path as a table of plays says: byte by byte what the play writes. A thread a connection. */

#define PLAY_CONNECTIONS_MAX 64
#define PLAY_HEAD_SIZE 16384

struct play_server;
struct play_conn {
    struct play_server *server;
    int fd;
    unsigned served;           /* requests on this connection, this one too */
    char head[PLAY_HEAD_SIZE]; /* request line and headers */
    char path[256], query[256], body[1024];
    pthread_t thread;
};

/* Answer one request; false closes the connection. */
typedef bool play_answer(struct play_conn *conn);
struct play {
    const char *path;
    play_answer *answer;
};

struct play_server {
    const struct play *plays; /* ends with a NULL path */
    int listen_fd;
    uint16_t port, other_port; /* other_port: for redirects to another server */
    pthread_t thread;
    struct play_conn *conns[PLAY_CONNECTIONS_MAX];
    unsigned conn_count;
    pthread_mutex_t mutex;
    unsigned request_count; /* guarded by mutex, like the next two */
    char last_head[PLAY_HEAD_SIZE];
    char last_body[1024];
};

static inline bool play_send(struct play_conn *conn, const void *bytes, size_t length) {
    for (const char *at = bytes; length > 0;) {
        ssize_t put = send(conn->fd, at, length, MSG_NOSIGNAL);
        if (put <= 0) {
            return false;
        }
        at += put;
        length -= (size_t)put;
    }
    return true;
}

__attribute__((format(printf, 2, 3))) static inline bool play_text(struct play_conn *conn, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return length >= 0 && (size_t)length < sizeof(text) && play_send(conn, text, (size_t)length);
}

/* Until the client hangs up. */
static inline void play_wait_for_close(struct play_conn *conn) {
    char bytes[256];
    while (recv(conn->fd, bytes, sizeof(bytes), 0) > 0) {
    }
}

/* The close that follows sends a reset. */
static inline void play_reset_on_close(struct play_conn *conn) {
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static inline bool play_read_request(struct play_conn *conn) {
    size_t length = 0;
    while (length < 4 || memcmp(conn->head + length - 4, "\r\n\r\n", 4) != 0) {
        if (length + 1 >= sizeof(conn->head) || recv(conn->fd, conn->head + length, 1, 0) != 1) {
            return false;
        }
        length++;
    }
    conn->head[length] = '\0';
    conn->query[0] = '\0';
    if (sscanf(conn->head, "%*15s %255[^? ]?%255[^ ]", conn->path, conn->query) < 1) {
        return false;
    }
    const char *field = strcasestr(conn->head, "\r\nContent-Length:");
    size_t body_length = field == NULL ? 0 : strtoul(field + 17, NULL, 10), got = 0;
    while (got < body_length && body_length < sizeof(conn->body)) {
        ssize_t more = recv(conn->fd, conn->body + got, body_length - got, 0);
        if (more <= 0) {
            return false;
        }
        got += (size_t)more;
    }
    conn->body[got] = '\0';
    return true;
}

static inline void *play_conn_main(void *context) {
    struct play_conn *conn = context;
    bool keep = true;
    while (keep && play_read_request(conn)) {
        conn->served++;
        pthread_mutex_lock(&conn->server->mutex);
        conn->server->request_count++;
        memcpy(conn->server->last_head, conn->head, sizeof(conn->head));
        memcpy(conn->server->last_body, conn->body, sizeof(conn->body));
        pthread_mutex_unlock(&conn->server->mutex);
        const struct play *play = conn->server->plays;
        while (play->path != NULL && strcmp(play->path, conn->path) != 0) {
            play++;
        }
        keep = play->path != NULL ? play->answer(conn) : play_text(conn, "HTTP/1.1 404 No play\r\nContent-Length: 0\r\n\r\n");
    }
    close(conn->fd);
    conn->fd = -1;
    return NULL;
}

static inline void *play_accept_main(void *context) {
    struct play_server *server = context;
    while (server->conn_count < PLAY_CONNECTIONS_MAX) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            break;
        }
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct play_conn *conn = calloc(1, sizeof(*conn));
        if (conn == NULL) {
            abort();
        }
        conn->server = server;
        conn->fd = fd;
        pthread_mutex_lock(&server->mutex); /* counted before it is answered */
        server->conns[server->conn_count++] = conn;
        pthread_mutex_unlock(&server->mutex);
        if (pthread_create(&conn->thread, NULL, play_conn_main, conn) != 0) {
            abort();
        }
    }
    return NULL;
}

/* A listening socket on a free port of 127.0.0.1. */
static inline int play_listen(uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static inline struct play_server *play_start(const struct play *plays, uint16_t other_port) {
    struct play_server *server = calloc(1, sizeof(*server));
    assert_non_null(server);
    server->plays = plays;
    server->other_port = other_port;
    server->listen_fd = play_listen(&server->port);
    pthread_mutex_init(&server->mutex, NULL);
    assert_int_equal(pthread_create(&server->thread, NULL, play_accept_main, server), 0);
    return server;
}

/* The clients must have closed their connections. */
static inline void play_stop(struct play_server *server) {
    shutdown(server->listen_fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listen_fd);
    for (unsigned i = 0; i < server->conn_count; i++) {
        pthread_join(server->conns[i]->thread, NULL);
        free(server->conns[i]);
    }
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

static inline unsigned play_request_count(struct play_server *server) {
    pthread_mutex_lock(&server->mutex);
    unsigned count = server->request_count;
    pthread_mutex_unlock(&server->mutex);
    return count;
}

static inline unsigned play_connection_count(struct play_server *server) {
    pthread_mutex_lock(&server->mutex);
    unsigned count = server->conn_count;
    pthread_mutex_unlock(&server->mutex);
    return count;
}

/* Whether the last request's head has this text, in any case. */
static inline bool play_last_head_has(struct play_server *server, const char *text) {
    pthread_mutex_lock(&server->mutex);
    bool has = strcasestr(server->last_head, text) != NULL;
    pthread_mutex_unlock(&server->mutex);
    return has;
}

#endif
