// SPDX-License-Identifier: Apache-2.0
#include "cmd/config_httpd.h"

#include "base/str.h"
#include "source/check.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

static const char *const names[] = {"listen",
                                    "user",
                                    "tls_certificate",
                                    "tls_key",
                                    "proxy",
                                    "allowed_hosts",
                                    "web_root",
                                    "upload_max_bytes",
                                    "requests_per_minute",
                                    "uploads_per_minute",
                                    "logins_per_minute",
                                    NULL};

void config_httpd_init(struct config_httpd *httpd) {
    memset(httpd, 0, sizeof *httpd);
    config_listen_parse("127.0.0.1:8080", &httpd->listen);
    httpd->upload_max_bytes = UINT64_C(64) << 20;
    httpd->requests_per_minute = 600;
    httpd->uploads_per_minute = 30;
    httpd->logins_per_minute = 10;
}

/* --- addresses ------------------------------------------------------------------------------------------------------- */

static bool is_address(struct config_listen *listen) {
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, listen->address, &four) == 1) {
        listen->loopback = ntohl(four.s_addr) >> 24 == 127;
        return true;
    }
    listen->loopback = inet_pton(AF_INET6, listen->address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    return inet_pton(AF_INET6, listen->address, &six) == 1;
}

bool config_listen_parse(const char *text, struct config_listen *listen) {
    const char *colon = strrchr(text, ':');
    const bool six = *text == '[';
    uint64_t port;
    memset(listen, 0, sizeof *listen);
    if (str_starts(text, "unix:")) {
        const char *path = text + strlen("unix:");
        listen->is_unix = listen->loopback = true;
        return *path == '/' && strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path) && str_copy(listen->address, sizeof listen->address, path);
    }
    if (!colon || !str_to_u64(colon + 1, 0, UINT16_MAX, &port) || (six && (colon == text || colon[-1] != ']')))
        return false;
    listen->port = (uint16_t)port;
    const char *end = six ? colon - 1 : colon;
    text += six;
    if (!str_format(listen->address, sizeof listen->address, "%.*s", (int)(end - text), text))
        return false;
    if (strcasecmp(listen->address, "localhost") == 0)
        str_copy(listen->address, sizeof listen->address, "127.0.0.1");
    return is_address(listen) && six == (strchr(listen->address, ':') != NULL);
}

/* A name or an address as in the field Host, without its port. */
static bool is_host(const char *text) {
    return *text && strlen(text) < 256 && strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_[]:") == strlen(text);
}

static bool is_origin(const char *text) {
    return str_starts(text, "https://") && is_host(text + strlen("https://"));
}

/* --- members ------------------------------------------------------------------------------------------------------- */

static const char *text_of(struct check *check, const cJSON *object, const char *name, size_t size) {
    const cJSON *item = check_string(check, object, name, size - 1);
    return item ? item->valuestring : NULL;
}

static void read_path(struct check *check, const cJSON *object, const char *name, const char *dir, char *out, size_t size) {
    const char *text = text_of(check, object, name, size);
    if (!text)
        return;
    bool fits = *text == '/' || !*text ? str_copy(out, size, text) : str_format(out, size, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, text);
    if (!fits)
        check_fail(check, name, "must be a shorter path");
}

static void read_hosts(struct check *check, const cJSON *object, struct config_httpd *httpd) {
    const cJSON *list = check_array(check, object, "allowed_hosts", 0, CONFIG_HOSTS_MAX), *item;
    const size_t mark = check_enter(check, "allowed_hosts", 0);
    cJSON_ArrayForEach(item, list) {
        char *out = httpd->allowed_hosts[httpd->allowed_host_count];
        const size_t inner = check_enter(check, NULL, httpd->allowed_host_count++);
        const char *text = cJSON_GetStringValue(item);
        if (text && is_host(text))
            str_copy(out, sizeof httpd->allowed_hosts[0], text);
        else
            check_fail(check, NULL, "must be the name of a host, such as \"batch.example.com\"");
        for (char *c = out; *c; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        check_leave(check, inner);
    }
    check_leave(check, mark);
}

static void read_amounts(struct check *check, const cJSON *object, struct config_httpd *httpd) {
    check_u64(check, object, "upload_max_bytes", 1, UINT64_C(1) << 40, &httpd->upload_max_bytes);
    check_unsigned(check, object, "requests_per_minute", 1, 1000000, &httpd->requests_per_minute);
    check_unsigned(check, object, "uploads_per_minute", 1, 1000000, &httpd->uploads_per_minute);
    check_unsigned(check, object, "logins_per_minute", 1, 1000000, &httpd->logins_per_minute);
}

/* Passwords and tokens never cross a network in the clear. */
static void check_whole(struct check *check, const struct config_httpd *httpd) {
    const bool tls = *httpd->tls_certificate && *httpd->tls_key;
    if (!*httpd->tls_certificate != !*httpd->tls_key)
        check_fail(check, *httpd->tls_key ? "tls_key" : "tls_certificate", "tls_certificate and tls_key belong together");
    if (!httpd->listen.loopback && !tls && !*httpd->proxy)
        check_fail(check, "listen",
                   "%s can be reached from other hosts, and what they send could be read on the way: give tls_certificate and tls_key; or listen on 127.0.0.1 "
                   "or a unix: socket; or name in proxy the https origin that ends TLS in front",
                   httpd->listen.address);
}

static void read_all(struct check *check, const cJSON *object, const char *dir, struct config_httpd *httpd) {
    if (!check_object(check, object, names, NULL))
        return;
    const char *listen = text_of(check, object, "listen", sizeof httpd->listen.address);
    if (listen && !config_listen_parse(listen, &httpd->listen))
        check_fail(check, "listen", "must be an address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", or \"unix:/run/batchspool/web.sock\"");
    const char *user = text_of(check, object, "user", sizeof httpd->user);
    str_copy(httpd->user, sizeof httpd->user, user ? user : "");
    read_path(check, object, "tls_certificate", dir, httpd->tls_certificate, sizeof httpd->tls_certificate);
    read_path(check, object, "tls_key", dir, httpd->tls_key, sizeof httpd->tls_key);
    read_path(check, object, "web_root", dir, httpd->web_root, sizeof httpd->web_root);
    const char *proxy = text_of(check, object, "proxy", sizeof httpd->proxy);
    if (proxy && *proxy && !is_origin(proxy))
        check_fail(check, "proxy", "must be an origin such as \"https://batch.example.com\", without a path");
    str_copy(httpd->proxy, sizeof httpd->proxy, proxy ? proxy : "");
    read_hosts(check, object, httpd);
    read_amounts(check, object, httpd);
    check_whole(check, httpd);
}

enum rc config_httpd_read(struct config_httpd *httpd, const char *file, const char *text, size_t length, const char *member, const char *dir, struct err *err) {
    struct check check;
    enum rc rc = check_open(&check, file, text, length, &json_rules_config_commented, err);
    config_httpd_init(httpd);
    if (!rc) {
        if (member)
            check_enter(&check, member, 0);
        read_all(&check, member ? cJSON_GetObjectItemCaseSensitive(check.root, member) : check.root, dir, httpd);
        rc = check.rc;
    }
    check_release(&check);
    return rc ? RC_FATAL : RC_OK;
}

enum rc config_httpd_uid(const struct config_httpd *httpd, uid_t *uid, struct err *err) {
    struct passwd entry, *found = NULL;
    char room[4096];
    uint64_t number;
    *uid = (uid_t)-1;
    if (!*httpd->user)
        return RC_OK;
    if (str_to_u64(httpd->user, 0, UINT32_MAX - 1, &number)) {
        *uid = (uid_t)number;
        return RC_OK;
    }
    if (getpwnam_r(httpd->user, &entry, room, sizeof room, &found) != 0 || !found)
        return err_set(err, RC_FATAL, "httpd: user: there is no user \"%s\": make it, or name the one that batchspool-httpd runs as", httpd->user);
    *uid = found->pw_uid;
    return RC_OK;
}
