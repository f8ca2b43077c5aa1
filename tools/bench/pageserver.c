// SPDX-License-Identifier: Apache-2.0
/*
 * pageserver: prepared pages from memory on the loopback address, as fast as one thread can send them, so that a benchmark measures its client.
 *
 *   pageserver DIRECTORY PORT-FILE
 *
 * DIRECTORY has a file <offset>.json for each page. GET /...?offset=N (other parameters are ignored) answers with the bytes of N.json, or 404.
 * The port is chosen by the kernel and written to PORT-FILE; SIGTERM ends it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <unistd.h>

#define REQUEST_MAX 8192u
#define PAGES_MAX 100000u
#define FDS_MAX 1024
#define EVENTS 64

struct page {
    unsigned long offset;
    char *body;
    size_t length;
};

struct connection {
    char request[REQUEST_MAX];
    size_t request_length;
    char head[256];
    size_t head_length, sent; /* sent counts head and body */
    const struct page *page;  /* NULL: a request is being read, or the answer has no body */
    bool answering;
};

struct server {
    struct page *pages; /* by ascending offset */
    size_t pages_count;
    int epoll_fd, listen_fd;
    struct connection *connections[FDS_MAX]; /* by descriptor */
};

static void must(bool ok, const char *what) {
    if (ok)
        return;
    fprintf(stderr, "pageserver: %s: %s\n", what, strerror(errno));
    exit(EX_OSERR);
}

/* ---- pages ---- */

static int page_order(const void *left, const void *right) {
    const struct page *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static void page_read(struct page *page, int directory, const char *name) {
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    must(fd >= 0 && fstat(fd, &status) == 0, name);
    page->length = (size_t)status.st_size;
    page->body = malloc(page->length + 1);
    must(page->body, "memory");
    for (size_t have = 0; have < page->length;) {
        ssize_t n = read(fd, page->body + have, page->length - have);
        must(n > 0, name);
        have += (size_t)n;
    }
    close(fd);
}

static void pages_read(struct server *server, const char *path) {
    DIR *directory = opendir(path);
    must(directory, path);
    server->pages = calloc(PAGES_MAX, sizeof *server->pages);
    must(server->pages, "memory");
    for (struct dirent *entry; (entry = readdir(directory)) && server->pages_count < PAGES_MAX;) {
        char *end;
        unsigned long offset = strtoul(entry->d_name, &end, 10);
        if (end == entry->d_name || strcmp(end, ".json") != 0)
            continue;
        struct page *page = &server->pages[server->pages_count++];
        page->offset = offset;
        page_read(page, dirfd(directory), entry->d_name);
    }
    closedir(directory);
    qsort(server->pages, server->pages_count, sizeof *server->pages, page_order);
}

/* ---- connections ---- */

static void connection_close(struct server *server, int fd) {
    close(fd);
    free(server->connections[fd]);
    server->connections[fd] = NULL;
}

/* Take the first request of what was read; false when it is not there to its end. */
static bool request_take(const struct server *server, struct connection *connection) {
    char *end = memmem(connection->request, connection->request_length, "\r\n\r\n", 4);
    if (!end)
        return false;
    *end = '\0';
    const char *offset = strstr(connection->request, "offset=");
    struct page key = {.offset = offset ? strtoul(offset + strlen("offset="), NULL, 10) : 0};
    connection->page = bsearch(&key, server->pages, server->pages_count, sizeof key, page_order);
    int length = snprintf(connection->head, sizeof connection->head, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                          connection->page ? "200 OK" : "404 Not Found", connection->page ? connection->page->length : 0);
    connection->head_length = (size_t)length;
    connection->sent = 0;
    connection->answering = true;
    size_t taken = (size_t)(end - connection->request) + 4;
    connection->request_length -= taken;
    memmove(connection->request, connection->request + taken, connection->request_length);
    return true;
}

/* Send what the socket takes; false when the client has gone. */
static bool answer_send(struct connection *connection, int fd) {
    size_t body = connection->page ? connection->page->length : 0;
    while (connection->sent < connection->head_length + body) {
        size_t head_sent = connection->sent < connection->head_length ? connection->sent : connection->head_length, body_sent = connection->sent - head_sent;
        struct iovec parts[2] = {{connection->head + head_sent, connection->head_length - head_sent},
                                 {connection->page ? connection->page->body + body_sent : NULL, body - body_sent}};
        ssize_t n = writev(fd, parts, 2);
        if (n < 0)
            return errno == EAGAIN;
        connection->sent += (size_t)n;
    }
    connection->answering = false;
    return true;
}

/* Read and answer until the socket has to be waited for; false when the connection is to be closed. */
static bool connection_serve(const struct server *server, int fd) {
    struct connection *connection = server->connections[fd];
    for (;;) {
        if (connection->answering && (!answer_send(connection, fd) || connection->answering))
            return connection->answering && errno == EAGAIN;
        if (request_take(server, connection))
            continue;
        size_t room = sizeof connection->request - connection->request_length;
        ssize_t n = room > 0 ? read(fd, connection->request + connection->request_length, room) : 0;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        connection->request_length += (size_t)n;
    }
}

static void connections_accept(struct server *server) {
    int fd, yes = 1;
    while ((fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
        must(fd < FDS_MAX && (server->connections[fd] = calloc(1, sizeof(struct connection))), "too many connections");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        must(epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    }
}

/* ---- start ---- */

static void listen_on_loopback(struct server *server, const char *port_file) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    must(server->listen_fd >= 0 && server->epoll_fd >= 0, "socket");
    must(bind(server->listen_fd, (struct sockaddr *)&address, length) == 0 && listen(server->listen_fd, 128) == 0, "listen");
    must(getsockname(server->listen_fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server->listen_fd};
    must(epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->listen_fd, &event) == 0, "epoll_ctl");
    FILE *file = fopen(port_file, "we");
    must(file && fprintf(file, "%u\n", ntohs(address.sin_port)) > 0 && fclose(file) == 0, port_file);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fputs("usage: pageserver DIRECTORY PORT-FILE\n", stderr);
        return EX_USAGE;
    }
    static struct server server;
    signal(SIGPIPE, SIG_IGN);
    pages_read(&server, argv[1]);
    listen_on_loopback(&server, argv[2]);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(server.epoll_fd, events, EVENTS, -1);
        must(count >= 0 || errno == EINTR, "epoll_wait");
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == server.listen_fd)
                connections_accept(&server);
            else if (!connection_serve(&server, fd))
                connection_close(&server, fd);
        }
    }
}
