// SPDX-License-Identifier: Apache-2.0
#include "api/web.h"

#include "api/api.h"
#include "api/decode.h"
#include "base/str.h"
#include "os/fsio.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void handle(struct request *r);

const struct route web_route = {.method = "GET", .path = "/", .operation = "web", .role = ROLE_NONE, .flags = ROUTE_PUBLIC, .handle = handle};

bool web_serves(const char *path) {
    return *path == '/' && !str_starts(path, "/api/") && strcmp(path, "/api") != 0 && strcmp(path, "/metrics") != 0;
}

static const char *type_of(const char *path) {
    static const struct {
        const char *ending, *type;
    } TYPES[] = {{".html", "text/html; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".mjs", "text/javascript; charset=utf-8"},
                 {".json", "application/json"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".ico", "image/x-icon"},
                 {".woff2", "font/woff2"},
                 {".webmanifest", "application/manifest+json"}};
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++)
        if (str_ends(path, TYPES[i].ending))
            return TYPES[i].type;
    return "text/plain; charset=utf-8";
}

/* A file has a dot in its last segment; everything else is an address within the page. */
static const char *file_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return strchr(slash, '.') ? path : "/index.html";
}

static void serve_built_in(struct request *r, const char *path) {
    const struct web_file *file = web_files;
    while (file->path && strcmp(file->path, path) != 0)
        file++;
    if (!file->path) {
        reply_problem(r, 404, "there is no %s", path);
        return;
    }
    const char *encodings = request_header(r, "Accept-Encoding"), *known = request_header(r, "If-None-Match");
    const bool gzip = encodings && strstr(encodings, "gzip") && file->gzip_length < file->length;
    reply_header(r, "ETag", "\"%.32s%s\"", file->sha256, gzip ? "-gz" : "");
    reply_header(r, "Vary", "Accept-Encoding");
    reply_header(r, "Cache-Control", "no-cache");
    char tag[40];
    str_format(tag, sizeof tag, "%.32s%s\"", file->sha256, gzip ? "-gz" : "");
    r->reply.fixed = gzip ? file->gzip : file->bytes;
    r->reply.fixed_length = gzip ? file->gzip_length : file->length;
    reply_body(r, 200, type_of(path));
    if (gzip)
        reply_header(r, "Content-Encoding", "gzip");
    if (known && strstr(known, tag))
        reply_not_modified(r);
}

/* For who works on the dashboard: what lies there now, never from a cache. */
static void serve_root(struct request *r, const char *path) {
    struct stat st;
    struct err err = {0};
    int dir, fd;
    enum rc rc = fsio_open_dir(AT_FDCWD, r->api->options->web_root, &dir, &err);
    if (!rc) {
        rc = fsio_open_read(dir, path + 1, &fd, &st, &err);
        close(dir);
    }
    if (rc) {
        reply_problem(r, 404, "there is no %s", path);
        return;
    }
    reply_file(r, type_of(path), NULL, NULL, fd, (uint64_t)st.st_size);
    reply_header(r, "Cache-Control", "no-store");
}

static void handle(struct request *r) {
    char *path = decode_percent(r->path, strlen(r->path));
    if (!path)
        reply_problem(r, 400, "the path is malformed");
    else if (*r->api->options->web_root)
        serve_root(r, file_of(path));
    else
        serve_built_in(r, file_of(path));
    free(path);
}
