// SPDX-License-Identifier: Apache-2.0
#include "api/decode.h"
#include "api/route.h"
#include "api/web.h"
#include "base/str.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Paths of requests: what is decoded is UTF-8 without a NUL and comes back when it is escaped; a row that is found is one of the table and has all its
 * segments. */

const struct web_file web_files[] = {{.path = NULL}};

static void require(bool holds) {
    if (!holds)
        abort();
}

static void decode(const char *bytes, size_t size) {
    struct buf escaped = BUF_INIT(3 * 65536 + 16);
    char *text = decode_percent(bytes, size);
    if (!text)
        return;
    require(strlen(text) <= size && str_is_utf8(text, strlen(text)));
    require(decode_escape(&escaped, text) == RC_OK);
    char *again = decode_percent(buf_text(&escaped), escaped.length);
    require(again && strcmp(text, again) == 0);
    free(again);
    free(text);
    buf_release(&escaped);
}

static size_t segments(const char *path) {
    size_t count = 0;
    for (; *path; path++)
        count += *path == '/';
    return count;
}

static void find(const char *path) {
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "BREW"};
    bool some = false;
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
        char *vars[REQUEST_VARS] = {NULL}, allowed[64];
        size_t wanted = 0, have = 0;
        const struct route *route = route_find(methods[m], path, vars, allowed);
        some = some || route;
        for (size_t i = 0; i < REQUEST_VARS; i++)
            have += vars[i] != NULL;
        if (route) {
            require(strcmp(route->method, methods[m]) == 0 && segments(route->path) == segments(path));
            for (const char *at = route->path; *at; at++)
                wanted += *at == '{';
        }
        require(have == wanted && memchr(allowed, '\0', sizeof allowed));
        if (!route && m + 1 == sizeof methods / sizeof *methods)
            require((*allowed != '\0') == some);
        for (size_t i = 0; i < REQUEST_VARS; i++) {
            require(!vars[i] || (*vars[i] && str_is_utf8(vars[i], strlen(vars[i]))));
            free(vars[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size + !size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    decode(copy, size);
    free(copy);
    char *path = malloc(size + 1);
    if (!path)
        return 0;
    memcpy(path, data, size);
    path[size] = '\0';
    find(path);
    free(path);
    return 0;
}
