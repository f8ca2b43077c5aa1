// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CONFIG_HTTPD_H
#define CMD_CONFIG_HTTPD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* The key `httpd` of the configuration: what the web program listens on and allows. */

#define CONFIG_HOSTS_MAX 16

struct config_listen {
    bool is_unix;      /* address is the path of a socket */
    char address[256]; /* else an IPv4 or IPv6 address without brackets */
    uint16_t port;     /* 0: a free one is taken */
    bool loopback;     /* nobody else's host can reach it */
};

struct config_httpd {
    struct config_listen listen;                    /* "127.0.0.1:8080" */
    char user[65];                                  /* "": the daemon's */
    char tls_certificate[4096], tls_key[4096];      /* both or none; absolute */
    char proxy[300];                                /* "https://batch.example.com"; "" none */
    char allowed_hosts[CONFIG_HOSTS_MAX][256];      /* names that a request may be for, beside the address and the proxy's; lower case */
    unsigned allowed_host_count;                    /* 0: none more */
    char web_root[4096];                            /* "": the dashboard that is built in; absolute */
    uint64_t upload_max_bytes;                      /* 64 MiB */
    unsigned requests_per_minute;                   /* 600 */
    unsigned uploads_per_minute, logins_per_minute; /* 30, 10 */
};

void config_httpd_init(struct config_httpd *httpd);
/* Read the object that is the member `member` of the text's root (NULL: the root itself) over the defaults. Comments are allowed; paths begin at dir. file is
 * what errors name, with line and column. RC_FATAL. */
enum rc config_httpd_read(struct config_httpd *httpd, const char *file, const char *text, size_t length, const char *member, const char *dir, struct err *err);

/* "ADDRESS:PORT", "[IPV6]:PORT", "localhost:PORT", "unix:/PATH". */
bool config_listen_parse(const char *text, struct config_listen *listen);

/* The user that the web program runs as, whose word about who made a job is believed. (uid_t)-1: none is named. RC_FATAL: there is no such user. */
enum rc config_httpd_uid(const struct config_httpd *httpd, uid_t *uid, struct err *err);

#endif
