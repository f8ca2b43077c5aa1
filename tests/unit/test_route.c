// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"

#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define JSON (ROUTE_JSON | ROUTE_JSON_OPT)

static void release(char *vars[REQUEST_VARS]) {
    for (size_t i = 0; i < REQUEST_VARS; i++) {
        free(vars[i]);
        vars[i] = NULL;
    }
}

/* The pattern with `value` in place of each "{...}". */
static void fill(const char *pattern, const char *value, char out[300]) {
    size_t used = 0;
    while (*pattern) {
        const bool var = *pattern == '{';
        const size_t length = var ? strcspn(pattern, "}") + 1 : 1;
        const char *part = var ? value : pattern;
        const size_t size = var ? strlen(value) : 1;
        memcpy(out + used, part, size);
        used += size;
        pattern += length;
    }
    out[used] = '\0';
}

static size_t vars_of(const char *pattern) {
    size_t count = 0;
    for (; *pattern; pattern++)
        count += *pattern == '{';
    return count;
}

static const struct route *find(const char *method, const char *path, char *vars[REQUEST_VARS]) {
    char allowed[64];
    return route_find(method, path, vars, allowed);
}

static void every_row_finds_itself(void **state) {
    char *vars[REQUEST_VARS] = {NULL};
    char path[300];
    (void)state;
    for (const struct route *route = routes; route->method; route++) {
        assert_true(vars_of(route->path) <= REQUEST_VARS);
        fill(route->path, "a%2Fb%20%C3%A4", path);
        if (find(route->method, path, vars) != route)
            fail_msg("%s %s", route->method, route->path);
        for (size_t i = 0; i < REQUEST_VARS; i++) {
            if (i < vars_of(route->path))
                assert_string_equal(vars[i], "a/b \xc3\xa4");
            else
                assert_null(vars[i]);
        }
        release(vars);
        for (const struct route *other = routes; other != route; other++)
            assert_string_not_equal(route->operation, other->operation);
    }
}

static void paths_that_are_none(void **state) {
    static const char *const paths[] = {"",
                                        "/",
                                        "/api",
                                        "/api/",
                                        "/api/batch-jobs/",
                                        "/api/batch-jobs//",
                                        "//api/batch-jobs",
                                        "/api/batch-jobs/x/",
                                        "/api/batch-jobs/x/nothing",
                                        "/api/batch-jobs//files",
                                        "/api/batch-jobs/%",
                                        "/api/batch-jobs/%4",
                                        "/api/batch-jobs/%zz",
                                        "/api/batch-jobs/a%00b",
                                        "/api/batch-jobs/%ff",
                                        "/api%2Fbatch-jobs",
                                        "/API/batch-jobs",
                                        "/api/batch-jobs/x%2Ffiles/files/1",
                                        "/metrics/",
                                        "/api/batch-job"};
    char *vars[REQUEST_VARS] = {NULL};
    char allowed[64];
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (route_find("GET", paths[i], vars, allowed) || *allowed || vars[0] || vars[1])
            fail_msg("%s: %s", paths[i], allowed);
}

static void methods_of_a_path(void **state) {
    char *vars[REQUEST_VARS] = {NULL};
    char path[300], allowed[64], wanted[200];
    (void)state;
    for (const struct route *route = routes; route->method; route++) {
        fill(route->path, "x", path);
        *wanted = '\0';
        for (const struct route *other = routes; other->method; other++)
            if (strcmp(other->path, route->path) == 0) {
                strcat(wanted, *wanted ? ", " : "");
                strcat(wanted, other->method);
            }
        assert_null(route_find("BREW", path, vars, allowed));
        assert_string_equal(allowed, wanted);
    }
    assert_null(route_find("get", "/api/batch-jobs", vars, allowed));
    assert_string_equal(allowed, "GET, POST");
}

/* What admit, server and lanes take for granted. */
static void rows_are_whole(void **state) {
    static const char *const public[] = {"login", "refresh", "health", "batchHealth"};
    static const char *const of_viewers[] = {"logout", "changePassword", "createKey", "deleteKey"}; /* one's own account */
    (void)state;
    for (const struct route *route = routes; route->method; route++) {
        const unsigned flags = route->flags;
        bool open = false, own = false;
        for (size_t i = 0; i < sizeof public / sizeof *public; i++)
            open = open || strcmp(route->operation, public[i]) == 0;
        for (size_t i = 0; i < sizeof of_viewers / sizeof *of_viewers; i++)
            own = own || strcmp(route->operation, of_viewers[i]) == 0;
        const bool safe = strcmp(route->method, "GET") == 0;
        const bool right[] = {
            route->handle != NULL,
            open == !!(flags & ROUTE_PUBLIC),
            open == (route->role == ROLE_NONE),
            safe || open || own || route->role >= ROLE_OPERATOR,
            safe == !route->body_max, /* a method that changes takes a body, be it only {} */
            !(flags & JSON) || (route->body_max && (flags & JSON) != JSON && !(flags & ROUTE_UPLOAD)),
            !(flags & ROUTE_UPLOAD) == !route->upload && (!route->upload || (flags & ROUTE_LANE)),
            !(flags & (ROUTE_USERS | ROUTE_SOURCES)) || (flags & ROUTE_LANE),
            (flags & (ROUTE_USERS | ROUTE_SOURCES)) != (ROUTE_USERS | ROUTE_SOURCES),
            !(flags & ROUTE_JOB) || strstr(route->path, "{id}"),
            !(route->prepare || route->finish) || (flags & ROUTE_LANE) || route->handle,
            route->env_scope == SCOPE_PERSON || route->env_scope == SCOPE_PROCESS || route->env_scope == SCOPE_CRON,
            strcmp(route->path, "/metrics") == 0 || str_starts(route->path, "/api/"),
        };
        for (size_t i = 0; i < sizeof right / sizeof *right; i++)
            if (!right[i])
                fail_msg("%s: %zu", route->operation, i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_finds_itself),
        cmocka_unit_test(paths_that_are_none),
        cmocka_unit_test(methods_of_a_path),
        cmocka_unit_test(rows_are_whole),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
