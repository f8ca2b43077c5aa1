// SPDX-License-Identifier: Apache-2.0
#include "os_scratch.h"

#include "api/request.h"
#include "base/str.h"

#include <stdlib.h>

#define SUM "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static int setup(void **state) {
    struct request *r = calloc(1, sizeof *r);
    assert_non_null(r);
    reply_init(&r->reply);
    r->path = strdup("/api/batch-jobs");
    *state = r;
    return 0;
}

static int teardown(void **state) {
    struct request *r = *state;
    reply_release(&r->reply);
    free(r->path);
    free(r);
    return 0;
}

static void asks(struct request *r, const char *name, const char *value) {
    static char names[1][40], values[1][200];
    str_copy(names[0], sizeof names[0], name);
    str_copy(values[0], sizeof values[0], value);
    r->headers[0] = (struct request_field){.name = names[0], .value = values[0]};
    r->header_count = 1;
}

static const char *field(const struct request *r, const char *name) {
    for (size_t i = 0; i < r->reply.header_count; i++)
        if (strcmp(r->reply.headers[i].name, name) == 0)
            return r->reply.headers[i].value;
    return NULL;
}

static cJSON *body(struct request *r) {
    cJSON *json = cJSON_ParseWithLength(buf_text(&r->reply.body), r->reply.body.length);
    assert_non_null(json);
    return json;
}

static const char *text(const cJSON *json, const char *name) {
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return value ? value : "";
}

static void problems(void **state) {
    struct request *r = *state;
    reply_header(r, "ETag", "\"old\"");
    reply_problem(r, 409, "job %s is over", "x");
    assert_int_equal(r->reply.status, 409);
    assert_string_equal(r->reply.type, "application/problem+json");
    assert_null(field(r, "ETag"));
    cJSON *json = body(r);
    assert_string_equal(text(json, "type"), "about:blank");
    assert_string_equal(text(json, "title"), "Conflict");
    assert_string_equal(text(json, "detail"), "job x is over");
    assert_string_equal(text(json, "instance"), "/api/batch-jobs");
    assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, "status")), 409);
    cJSON_Delete(json);

    reply_invalid(r, "/criteria/0/name", "must be a name");
    reply_invalid_add(r, "/source", "must be a source");
    json = body(r);
    const cJSON *errors = cJSON_GetObjectItemCaseSensitive(json, "errors");
    assert_int_equal(r->reply.status, 422);
    assert_int_equal(cJSON_GetArraySize(errors), 2);
    assert_string_equal(text(cJSON_GetArrayItem(errors, 0), "pointer"), "/criteria/0/name");
    assert_string_equal(text(cJSON_GetArrayItem(errors, 1), "pointer"), "/source");
    assert_string_equal(text(cJSON_GetArrayItem(errors, 1), "detail"), "must be a source");
    cJSON_Delete(json);
    reply_problem(r, 404, "gone");
    reply_invalid_add(r, "/x", "is the first");
    json = body(r);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "errors")), 1);
    cJSON_Delete(json);
}

/* Whatever a client wrote comes back as printable UTF-8, whole characters, and not too much of it. */
static void what_clients_wrote(void **state) {
    struct request *r = *state;
    char many[3000];
    static const char *const texts[] = {"\"</script>\r\nX: y", "\x1b[31m",
                                        "\xe2\x80\xae"
                                        "cod.exe",
                                        "\xff\xfe", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        reply_problem(r, 400, "there is no %s", texts[i]);
        cJSON *json = body(r);
        const char *detail = text(json, "detail");
        assert_true(str_is_utf8(detail, strlen(detail)) && str_starts(detail, "there is no "));
        assert_null(strpbrk(detail, "\r\n\x1b"));
        assert_null(strstr(detail, "\xe2\x80\xae"));
        cJSON_Delete(json);
    }
    for (size_t i = 0; i < sizeof many - 1; i++)
        many[i] = "\xe2\x82\xac"[i % 3];
    many[sizeof many - 1] = '\0';
    for (size_t offset = 0; offset < 3; offset++) {
        reply_problem(r, 400, "%.*s%s", (int)offset, "xx", many);
        cJSON *json = body(r);
        assert_true(str_is_utf8(text(json, "detail"), strlen(text(json, "detail"))));
        assert_in_range(strlen(text(json, "detail")), 900, 1200);
        cJSON_Delete(json);
    }
    free(r->path);
    r->path = strdup("/api/\xff");
    reply_problem(r, 404, "gone");
    cJSON *json = body(r);
    assert_false(cJSON_HasObjectItem(json, "instance"));
    cJSON_Delete(json);
}

static void results(void **state) {
    struct request *r = *state;
    static const struct {
        enum rc rc;
        unsigned status;
    } cases[] = {{RC_GONE, 404}, {RC_PERM, 409}, {RC_CANCELLED, 409}, {RC_NOSPACE, 507}, {RC_AGAIN, 503}, {RC_TEMP, 503}, {RC_CORRUPT, 500}, {RC_FATAL, 500}};
    struct err err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err_set(&err, cases[i].rc, "this is why");
        reply_rc(r, cases[i].rc, &err);
        assert_int_equal(r->reply.status, cases[i].status);
        assert_int_equal(field(r, "Retry-After") != NULL, cases[i].status == 503);
        cJSON *json = body(r);
        assert_string_equal(text(json, "detail"), "this is why");
        assert_string_not_equal(text(json, "title"), "Error");
        cJSON_Delete(json);
        reply_rc(r, cases[i].rc, NULL);
        assert_int_equal(r->reply.status, cases[i].status);
    }
    reply_empty(r, 204);
    reply_rc(r, RC_OK, NULL);
    assert_int_equal(r->reply.status, 204);
    reply_json(r, 200, NULL);
    assert_int_equal(r->reply.status, 500);
    assert_string_equal(r->reply.type, "application/problem+json");
    cJSON_Delete(body(r));
}

static void answer(struct request *r, const char *name) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", name);
    reply_json_cached(r, json);
}

static void known_already(void **state) {
    struct request *r = *state;
    char tag[64], list[200];
    answer(r, "one");
    assert_int_equal(r->reply.status, 200);
    str_copy(tag, sizeof tag, field(r, "ETag"));
    assert_true(str_starts(tag, "W/\""));
    static const char *const forms[] = {"%s", "\"x\", %s", "%s, \"x\"", "*"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *at = strstr(forms[i], "%s");
        str_format(list, sizeof list, "%.*s%s%s", at ? (int)(at - forms[i]) : 1, forms[i], at ? tag : "", at ? at + 2 : "");
        asks(r, "If-None-Match", list);
        answer(r, "one");
        if (r->reply.status != 304)
            fail_msg("%s", list);
        assert_string_equal(field(r, "ETag"), tag);
    }
    asks(r, "If-None-Match", tag + 2); /* compared weakly */
    answer(r, "one");
    assert_int_equal(r->reply.status, 304);
    answer(r, "two");
    assert_int_equal(r->reply.status, 200);
    assert_string_not_equal(field(r, "ETag"), tag);
}

static void files(void **state) {
    struct request *r = *state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    reply_file(r, "text/csv", "re\"port\r\n/..;.csv", SUM, fd, 5);
    assert_int_equal(r->reply.status, 200);
    assert_int_equal(r->reply.fd, fd);
    assert_string_equal(field(r, "Content-Disposition"), "attachment; filename=\"re_port___.._.csv\"");
    assert_string_equal(field(r, "ETag"), "\"" SUM "\"");
    reply_problem(r, 500, "no"); /* which closes it */
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    asks(r, "If-None-Match", "\"" SUM "\"");
    reply_file(r, "text/csv", NULL, SUM, fd, 5);
    assert_int_equal(r->reply.status, 304);
    reply_empty(r, 204);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void header_fields(void **state) {
    struct request *r = *state;
    char large[REPLY_VALUE_MOST + 10];
    assert_true(reply_header(r, "Location", "/api/%s", "x"));
    assert_false(reply_header(r, "Location", "/api/%s", "x\r\nSet-Cookie: a=b"));
    assert_false(reply_header(r, "Location", "/api/%s", "x\ny"));
    assert_false(reply_header(r, "Location", "/api/%s", "x\r"));
    assert_int_equal(r->reply.header_count, 1);
    assert_string_equal(field(r, "Location"), "/api/x");
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    assert_false(reply_header(r, "Link", "%s", large));
    large[REPLY_VALUE_MOST] = '\0';
    assert_true(reply_header(r, "Link", "%s", large));
    while (r->reply.header_count < REPLY_HEADERS_MAX)
        assert_true(reply_header(r, "X", "y"));
    assert_false(reply_header(r, "X", "y"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(problems, setup, teardown), cmocka_unit_test_setup_teardown(what_clients_wrote, setup, teardown),
        cmocka_unit_test_setup_teardown(results, setup, teardown),  cmocka_unit_test_setup_teardown(known_already, setup, teardown),
        cmocka_unit_test_setup_teardown(files, setup, teardown),    cmocka_unit_test_setup_teardown(header_fields, setup, teardown),
    };
    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
