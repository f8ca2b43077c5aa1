// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"

#include "api/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t segment(const char *path) {
    return strcspn(path, "/");
}

static void drop_vars(char *vars[REQUEST_VARS]) {
    for (size_t i = 0; i < REQUEST_VARS; i++) {
        free(vars[i]);
        vars[i] = NULL;
    }
}

/* Segment by segment; "{...}" takes any that is not empty. */
static bool matches(const char *pattern, const char *path, char *vars[REQUEST_VARS]) {
    size_t count = 0;
    while (*pattern && *path) {
        size_t want = segment(pattern), have = segment(path);
        if (*pattern == '{') {
            if (!have || count == REQUEST_VARS || !(vars[count++] = decode_percent(path, have)))
                return false;
        } else if (want != have || memcmp(pattern, path, want) != 0)
            return false;
        pattern += want;
        path += have;
        if (*pattern != *path)
            return false;
        if (*pattern) {
            pattern++;
            path++;
        }
    }
    return !*pattern && !*path;
}

const struct route *route_find(const char *method, const char *path, char *vars[REQUEST_VARS], char allowed[64]) {
    size_t used = 0;
    *allowed = '\0';
    for (const struct route *route = routes; route->method; route++) {
        drop_vars(vars);
        if (!matches(route->path, path, vars))
            continue;
        if (strcmp(route->method, method) == 0)
            return route;
        int more = snprintf(allowed + used, 64 - used, "%s%s", used ? ", " : "", route->method);
        used += more > 0 && (size_t)more < 64 - used ? (size_t)more : 0;
    }
    drop_vars(vars);
    return NULL;
}

void route_print(void) {
    static const char *const roles[] = {"none", "viewer", "operator", "admin"};
    static const struct {
        unsigned flag;
        const char *name;
    } flags[] = {{ROUTE_PUBLIC, "public"},  {ROUTE_JOB, "job"},         {ROUTE_LANE, "lane"},   {ROUTE_JSON, "json"},
                 {ROUTE_JSON_OPT, "json?"}, {ROUTE_UPLOAD, "upload"},   {ROUTE_LOGIN, "login"}, {ROUTE_SESSION, "session"},
                 {ROUTE_USERS, "users"},    {ROUTE_SOURCES, "sources"}, {ROUTE_HEAVY, "heavy"}, {ROUTE_FETCH, "fetch"}};
    for (const struct route *route = routes; route->method; route++) {
        printf("%s %s %s %s ", route->method, route->path, route->operation, route->flags & ROUTE_PUBLIC ? "public" : roles[route->role]);
        const char *comma = "";
        for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
            if (route->flags & flags[i].flag) {
                printf("%s%s", comma, flags[i].name);
                comma = ",";
            }
        puts(*comma ? "" : "-");
    }
}
