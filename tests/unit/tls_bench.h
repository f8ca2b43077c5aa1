// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_TLS_BENCH_H
#define TESTS_TLS_BENCH_H

#include "fetch_bench.h"
#include "play_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

/*
 * Certificates, and TLS servers: `openssl s_server`. With -www it is a small HTTP/1.0 server of its own, with -HTTP one for the files of the certificates'
 * directory; with -quiet it copies plain bytes between each connection and its standard input and output.
 */

extern char **environ;

static char tls_folder[256], ca_file[300], key_file[300], cert_file[300], client_key_file[300], client_cert_file[300], other_ca_file[300];

static inline pid_t tls_spawn(const char *const *argv, int in_fd, int out_fd) {
    pid_t pid = -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in_fd, 0);
    posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    union {
        const char *const *in;
        char *const *out;
    } arguments = {.in = argv};
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, arguments.out, environ);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(failed, 0);
    return pid;
}

static inline void tls_openssl(const char *const *argv) {
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), status = 0;
    pid_t pid = tls_spawn(argv, null_fd, null_fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(null_fd);
}

#define MAKE_KEY "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"

static inline void tls_name(char *out, const char *name) {
    (void)snprintf(out, 300, "%s/%s", tls_folder, name);
}

static inline void tls_make_ca(const char *name, const char *key, const char *file) {
    const char *const ca[] = {"openssl", "req", "-x509", MAKE_KEY, "-subj", name, "-keyout", key, "-out", file, NULL};
    tls_openssl(ca);
}

static inline void tls_make_cert(const char *ca_key, const char *subject, const char *names, const char *key, const char *file) {
    const char *const cert[] = {"openssl", "req",   "-x509", MAKE_KEY,  "-CA", ca_file,   "-CAkey",
                                ca_key,    "-subj", subject, "-addext", names, "-addext", "basicConstraints=critical,CA:FALSE",
                                "-keyout", key,     "-out",  file,      NULL};
    tls_openssl(cert);
}

/* A private CA that signs a certificate for 127.0.0.1 and one for a client; another CA that signs nothing. For a group's setup. */
static inline int tls_make_certificates(void **state) {
    char ca_key[300], other_key[300];
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(tls_folder, sizeof(tls_folder), "%s/batchspool-test-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(tls_folder));
    tls_name(ca_file, "ca.pem");
    tls_name(ca_key, "ca.key");
    tls_name(key_file, "server.key");
    tls_name(cert_file, "server.pem");
    tls_name(client_key_file, "client.key");
    tls_name(client_cert_file, "client.pem");
    tls_name(other_ca_file, "other.pem");
    tls_name(other_key, "other.key");
    tls_make_ca("/CN=test CA", ca_key, ca_file);
    tls_make_ca("/CN=other CA", other_key, other_ca_file);
    tls_make_cert(ca_key, "/CN=127.0.0.1", "subjectAltName=IP:127.0.0.1", key_file, cert_file);
    tls_make_cert(ca_key, "/CN=the client", "extendedKeyUsage=clientAuth", client_key_file, client_cert_file);
    return 0;
}

static inline int tls_remove_certificates(void **state) {
    static const char *const names[] = {"ca.pem",     "ca.key",    "server.key", "server.pem", "client.key",
                                        "client.pem", "other.pem", "other.key",  "redirect",   "both.pem"};
    char path[300];
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        tls_name(path, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(tls_folder);
    return 0;
}

/* ---- openssl s_server ---- */

struct tls_server {
    pid_t pid;
    uint16_t port;
    int in_fd, out_fd; /* of the server's standard input and output */
};

/* Wait until it listens: a connection without TLS, which it drops. */
static inline void tls_wait_for_port(uint16_t port) {
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int64_t end_ms = clock_mono_ms() + BENCH_GIVE_UP_MS;
    bool listens = false;
    while (!listens && clock_mono_ms() < end_ms) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        listens = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
        close(fd);
        if (!listens) {
            (void)poll(NULL, 0, 2);
        }
    }
    assert_true(listens);
}

static inline void tls_start(struct tls_server *server, const char *const *options) {
    /* By way of timeout(1), so that a test that fails or crashes leaves no server behind. */
    const char *argv[28] = {"env", "-C", tls_folder, "timeout", "-k", "1", "60", "openssl", "s_server", "-key", key_file, "-cert", cert_file, "-accept"};
    size_t count = 14;
    char accept[32];
    int in_pipe[2], out_pipe[2];
    close(play_listen(&server->port));
    (void)snprintf(accept, sizeof(accept), "127.0.0.1:%u", server->port);
    argv[count++] = accept;
    while (*options != NULL) {
        argv[count++] = *options++;
    }
    assert_int_equal(pipe2(in_pipe, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out_pipe, O_CLOEXEC), 0);
    server->pid = tls_spawn(argv, in_pipe[0], out_pipe[1]);
    close(in_pipe[0]);
    close(out_pipe[1]);
    server->in_fd = in_pipe[1];
    server->out_fd = out_pipe[0];
    tls_wait_for_port(server->port);
}

static inline void tls_stop(struct tls_server *server) {
    kill(server->pid, SIGTERM); /* timeout(1) passes it on */
    (void)waitpid(server->pid, NULL, 0);
}

static inline void tls_close(struct tls_server *server) {
    close(server->in_fd);
    close(server->out_fd);
}

#endif
