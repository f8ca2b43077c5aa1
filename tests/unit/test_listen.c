// SPDX-License-Identifier: Apache-2.0
#include "os_scratch.h"

#include "base/str.h"
#include "os/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void path_of(const struct scratch *s, const char *name, char out[300]) {
    assert_true(str_format(out, 300, "%s/%s", s->path, name));
}

static int connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy(address.sun_path, sizeof address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void addresses(void **state) {
    struct err err = {0};
    char at[LISTEN_TEXT_SIZE];
    int fd, other;
    (void)state;
    const struct listen_at any = {.address = "127.0.0.1"};
    assert_int_equal(listen_open(&any, &fd, at, &err), RC_OK);
    assert_true(str_starts(at, "127.0.0.1:"));
    const int port = atoi(at + 10);
    assert_in_range(port, 1024, 65535);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&to, sizeof to), 0);
    close(client);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    const struct listen_at taken = {.address = "127.0.0.1", .port = (uint16_t)port};
    assert_int_not_equal(listen_open(&taken, &other, at, &err), RC_OK);
    assert_int_equal(other, -1);
    assert_true(strstr(err.text, "127.0.0.1, port ") != NULL);
    close(fd);
    const struct listen_at wrong = {.address = "batch.example.com", .port = 1};
    assert_int_equal(listen_open(&wrong, &fd, at, &err), RC_PERM);
    assert_true(strstr(err.text, "no IPv4 or IPv6 address") != NULL);
}

static void six(void **state) {
    struct err err = {0};
    char at[LISTEN_TEXT_SIZE];
    int fd;
    (void)state;
    if (access("/proc/net/if_inet6", R_OK) != 0)
        skip();
    const struct listen_at where = {.address = "::1"};
    assert_int_equal(listen_open(&where, &fd, at, &err), RC_OK);
    assert_true(str_starts(at, "[::1]:"));
    close(fd);
}

static void unix_sockets(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};
    char path[300], at[LISTEN_TEXT_SIZE], wanted[LISTEN_TEXT_SIZE];
    struct stat st;
    int fd, other;
    path_of(s, "web.sock", path);
    const struct listen_at where = {.is_unix = true, .address = path};
    assert_int_equal(listen_open(&where, &fd, at, &err), RC_OK);
    assert_true(str_format(wanted, sizeof wanted, "unix:%s", path));
    assert_string_equal(at, wanted);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    int client = connect_unix(path);
    assert_true(client >= 0);
    close(client);

    /* Somebody answers there: it is left alone. */
    assert_int_not_equal(listen_open(&where, &other, at, &err), RC_OK);
    assert_true(strstr(err.text, path) != NULL);
    assert_null(strstr(err.text, "port"));
    client = connect_unix(path);
    assert_true(client >= 0);
    close(client);

    /* Nobody does: it is replaced. */
    close(fd);
    assert_int_equal(connect_unix(path), -1);
    assert_int_equal(listen_open(&where, &fd, at, &err), RC_OK);
    client = connect_unix(path);
    assert_true(client >= 0);
    close(client);
    close(fd);
}

/* One that has as many connections waiting as it takes answers, too, and nobody waits for it. */
static void a_busy_one(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};
    char path[300], at[LISTEN_TEXT_SIZE];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, clients[4];
    path_of(s, "busy.sock", path);
    str_copy(address.sun_path, sizeof address.sun_path, path);
    int busy = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(busy, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(busy, 0), 0);
    for (size_t i = 0; i < 4; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(clients[i], (const struct sockaddr *)&address, sizeof address);
    }
    const struct listen_at where = {.is_unix = true, .address = path};
    alarm(10);
    assert_int_not_equal(listen_open(&where, &fd, at, &err), RC_OK);
    alarm(0);
    assert_int_equal(access(path, F_OK), 0);
    for (size_t i = 0; i < 4; i++)
        close(clients[i]);
    close(busy);
}

static void what_is_no_socket_stays(void **state) {
    const struct scratch *s = *state;
    struct err err = {0};
    char path[300], target[300], longer[300], at[LISTEN_TEXT_SIZE];
    struct stat st;
    int fd;
    scratch_write(s, "file", "precious");
    path_of(s, "file", path);
    const struct listen_at file = {.is_unix = true, .address = path};
    assert_int_not_equal(listen_open(&file, &fd, at, &err), RC_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 8);
    path_of(s, "link", target);
    assert_int_equal(symlink(path, target), 0);
    const struct listen_at link = {.is_unix = true, .address = target};
    assert_int_not_equal(listen_open(&link, &fd, at, &err), RC_OK);
    assert_int_equal(lstat(target, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    memset(longer, 'x', 200);
    longer[0] = '/';
    longer[200] = '\0';
    const struct listen_at far = {.is_unix = true, .address = longer};
    assert_int_equal(listen_open(&far, &fd, at, &err), RC_PERM);
    assert_true(strstr(err.text, "at most 107 bytes") != NULL);
    path_of(s, "none/web.sock", path);
    const struct listen_at nowhere = {.is_unix = true, .address = path};
    assert_int_not_equal(listen_open(&nowhere, &fd, at, &err), RC_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(six),
        cmocka_unit_test_setup_teardown(unix_sockets, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_busy_one, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_socket_stays, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
