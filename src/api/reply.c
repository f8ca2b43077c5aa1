// SPDX-License-Identifier: Apache-2.0
#include "api/reply.h"

#include "api/request.h"
#include "base/digest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_S 2u

void reply_init(struct reply *reply) {
    memset(reply, 0, sizeof *reply);
    reply->fd = -1;
    buf_init(&reply->body, REPLY_BODY_MAX);
}

static void drop_headers(struct reply *reply) {
    while (reply->header_count)
        free(reply->headers[--reply->header_count].value);
}

void reply_release(struct reply *reply) {
    drop_headers(reply);
    if (reply->fd >= 0)
        close(reply->fd);
    buf_release(&reply->body);
    reply->fd = -1;
}

static struct reply *fresh(struct request *r, unsigned status, const char *type) {
    struct reply *reply = &r->reply;
    if (reply->fd >= 0)
        close(reply->fd);
    buf_reset(&reply->body);
    reply->fd = -1;
    reply->fixed = NULL;
    reply->stream = false;
    drop_headers(reply);
    reply->status = status;
    reply->type = type;
    return reply;
}

bool reply_header(struct request *r, const char *name, const char *format, ...) {
    struct reply *reply = &r->reply;
    struct reply_header *header = &reply->headers[reply->header_count];
    char value[REPLY_VALUE_MOST + 1];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(value, sizeof value, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof value || strpbrk(value, "\r\n") || reply->header_count == REPLY_HEADERS_MAX ||
        !str_copy(header->name, sizeof header->name, name) || !(header->value = strdup(value)))
        return false;
    reply->header_count++;
    return true;
}

static void put_json(struct request *r, unsigned status, const char *type, cJSON *json) {
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    struct reply *reply = fresh(r, text ? status : 500, type);
    if (!text || buf_add_text(&reply->body, text) || buf_add_char(&reply->body, '\n')) {
        reply->status = 500;
        buf_reset(&reply->body);
        (void)buf_add_text(&reply->body, "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500,\"detail\":\"out of memory\"}\n");
        reply->type = "application/problem+json";
    }
    cJSON_free(text);
}

void reply_json(struct request *r, unsigned status, cJSON *json) {
    put_json(r, status, "application/json", json);
}

void reply_json_cached(struct request *r, cJSON *json) {
    char sum[DIGEST_HEX_SIZE], tag[40];
    put_json(r, 200, "application/json", json);
    if (r->reply.status != 200)
        return;
    digest_of_hex(r->reply.body.data, r->reply.body.length, sum);
    snprintf(tag, sizeof tag, "W/\"%.24s\"", sum);
    reply_header(r, "ETag", "%s", tag);
    const char *known = request_header(r, "If-None-Match");
    if (known && (strcmp(known, "*") == 0 || strstr(known, tag + 2)))
        reply_not_modified(r);
}

void reply_body(struct request *r, unsigned status, const char *type) {
    r->reply.status = status;
    r->reply.type = type;
}

/* What a header field can carry between quotes, and a file system takes. */
static void safe_name(const char *name, char out[200]) {
    size_t used = 0;
    for (; *name && used < 199; name++)
        out[used++] = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || (*name >= '0' && *name <= '9') || strchr("._-", *name) ? *name : '_';
    out[used] = '\0';
}

void reply_file(struct request *r, const char *type, const char *name, const char *sha256, int fd, uint64_t length) {
    char safe[200];
    struct reply *reply = fresh(r, 200, type);
    reply->fd = fd;
    reply->offset = 0;
    reply->length = length;
    if (name) {
        safe_name(name, safe);
        reply_header(r, "Content-Disposition", "attachment; filename=\"%s\"", safe);
    }
    if (!sha256)
        return;
    reply_header(r, "ETag", "\"%s\"", sha256);
    const char *known = request_header(r, "If-None-Match");
    if (known && (strcmp(known, "*") == 0 || strstr(known, sha256)))
        reply_not_modified(r);
}

/* The body stays, of which only the length is told (RFC 9110, 8.6). */
void reply_not_modified(struct request *r) {
    r->reply.status = 304;
    r->reply.type = NULL;
}

void reply_empty(struct request *r, unsigned status) {
    fresh(r, status, NULL);
}

static const struct {
    unsigned status;
    const char *title;
} TITLES[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
};

const char *reply_status_title(unsigned status) {
    for (size_t i = 0; i < sizeof TITLES / sizeof TITLES[0]; i++)
        if (TITLES[i].status == status)
            return TITLES[i].title;
    return "Error";
}

static cJSON *problem(struct request *r, unsigned status, const char *detail) {
    char shown[1200];
    cJSON *json = cJSON_CreateObject();
    str_printable(shown, sizeof shown, detail, strlen(detail));
    cJSON_AddStringToObject(json, "type", "about:blank");
    cJSON_AddStringToObject(json, "title", reply_status_title(status));
    cJSON_AddNumberToObject(json, "status", status);
    cJSON_AddStringToObject(json, "detail", shown);
    if (r->path && str_is_utf8(r->path, strlen(r->path)))
        cJSON_AddStringToObject(json, "instance", r->path);
    return json;
}

__attribute__((format(printf, 2, 0))) static void format_detail(char out[1000], const char *format, va_list args) {
    int length = vsnprintf(out, 1000, format, args);
    /* Cut between characters. */
    if (length >= 1000)
        while (*out && !str_is_utf8(out, strlen(out)))
            out[strlen(out) - 1] = '\0';
}

void reply_problem(struct request *r, unsigned status, const char *format, ...) {
    char detail[1000];
    va_list args;
    va_start(args, format);
    format_detail(detail, format, args);
    va_end(args);
    put_json(r, status, "application/problem+json", problem(r, status, detail));
}

static cJSON *member_error(const char *pointer, const char *detail) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "pointer", pointer);
    cJSON_AddStringToObject(json, "detail", detail);
    return json;
}

static void put_member_problem(struct request *r, unsigned status, const char *pointer, const char *detail) {
    char shown[1200];
    str_printable(shown, sizeof shown, detail, strlen(detail));
    cJSON *json = problem(r, status, detail);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "errors"), member_error(pointer, shown));
    put_json(r, status, "application/problem+json", json);
}

void reply_invalid(struct request *r, const char *pointer, const char *format, ...) {
    char detail[1000];
    va_list args;
    va_start(args, format);
    format_detail(detail, format, args);
    va_end(args);
    put_member_problem(r, 422, pointer, detail);
}

void reply_conflict(struct request *r, const char *pointer, const char *format, ...) {
    char detail[1000];
    va_list args;
    va_start(args, format);
    format_detail(detail, format, args);
    va_end(args);
    put_member_problem(r, 409, pointer, detail);
}

void reply_parameter(struct request *r, const char *name, const char *format, ...) {
    char detail[1000], shown[1200];
    va_list args;
    va_start(args, format);
    format_detail(detail, format, args);
    va_end(args);
    str_printable(shown, sizeof shown, detail, strlen(detail));
    cJSON *json = problem(r, 400, detail), *error = cJSON_CreateObject();
    cJSON_AddStringToObject(error, "parameter", name);
    cJSON_AddStringToObject(error, "detail", shown);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "errors"), error);
    put_json(r, 400, "application/problem+json", json);
}

void reply_invalid_add(struct request *r, const char *pointer, const char *detail) {
    char shown[1200];
    cJSON *json = r->reply.status == 422 ? cJSON_ParseWithLength(buf_text(&r->reply.body), r->reply.body.length) : NULL;
    cJSON *errors = cJSON_GetObjectItemCaseSensitive(json, "errors");
    if (!errors) {
        cJSON_Delete(json);
        reply_invalid(r, pointer, "%s", detail);
        return;
    }
    str_printable(shown, sizeof shown, detail, strlen(detail));
    cJSON_AddItemToArray(errors, member_error(pointer, shown));
    put_json(r, 422, "application/problem+json", json);
}

void reply_later(struct request *r, unsigned after_s, const char *detail) {
    reply_problem(r, 503, "%s", detail);
    reply_header(r, "Retry-After", "%u", after_s);
}

void reply_rc(struct request *r, enum rc rc, const struct err *err) {
    const char *text = err && err->text[0] ? err->text : rc_name(rc);
    switch (rc) {
    case RC_OK:
        return;
    case RC_GONE:
        reply_problem(r, 404, "%s", text);
        return;
    case RC_PERM:
    case RC_CANCELLED:
        reply_problem(r, 409, "%s", text);
        return;
    case RC_NOSPACE:
        reply_problem(r, 507, "%s", text);
        return;
    case RC_AGAIN:
    case RC_TEMP:
        reply_later(r, RETRY_S, text);
        return;
    case RC_CORRUPT:
    case RC_FATAL:
        reply_problem(r, 500, "%s", text);
        return;
    }
}
