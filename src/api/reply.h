// SPDX-License-Identifier: Apache-2.0
#ifndef API_REPLY_H
#define API_REPLY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* What a handler answers. Every handler sets one; one that sets none answers 500. */

#define REPLY_HEADERS_MAX 24
#define REPLY_VALUE_MOST 2400u /* bytes of one */
#define REPLY_BODY_MAX (64u * 1024u * 1024u)

struct request;

struct reply_header {
    char name[40];
    char *value; /* owned */
};

struct reply {
    unsigned status;  /* 0: none yet */
    const char *type; /* Content-Type; a literal */
    struct buf body;
    int fd; /* >= 0: the body is this file from offset on; owned */
    uint64_t offset, length;
    const void *fixed; /* the body in place of `body`: lives as long as the program */
    size_t fixed_length;
    bool stream; /* the connection becomes one of live events (api/events.h) */
    struct reply_header headers[REPLY_HEADERS_MAX];
    size_t header_count;
};

void reply_init(struct reply *reply);
void reply_release(struct reply *reply);

/* json is taken, NULL is an answer of 500 (out of memory). */
void reply_json(struct request *r, unsigned status, cJSON *json);
/* The same with a weak ETag of the text: 304 when If-None-Match has it. */
void reply_json_cached(struct request *r, cJSON *json);
/* Bytes that live as long as the program, or body's own (reply.body, filled by the caller). */
void reply_body(struct request *r, unsigned status, const char *type);
/* A file; fd is taken. name: what a browser saves it as, or NULL. sha256 (or NULL) is its strong ETag. */
void reply_file(struct request *r, const char *type, const char *name, const char *sha256, int fd, uint64_t length);
/* What was to be told is what the client has: 304, with the header fields that there are. */
void reply_not_modified(struct request *r);
void reply_empty(struct request *r, unsigned status);
/* False when there is no room, or the value has CR, LF or NUL (then the field is left out). */
bool reply_header(struct request *r, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* RFC 9457. detail says what is wrong and how to go on. Each call replaces what was there. */
void reply_problem(struct request *r, unsigned status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same, 422, with the JSON Pointer of the member of the body that is wrong. */
void reply_invalid(struct request *r, const char *pointer, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same, 409: it is right, but does not go with what is there. */
void reply_conflict(struct request *r, const char *pointer, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* 400, with the name of the query parameter that is wrong. */
void reply_parameter(struct request *r, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* One more member that is wrong, of the problem that was set. */
void reply_invalid_add(struct request *r, const char *pointer, const char *detail);
/* The problem of a result: GONE 404, PERM 409 (conflict: an illegal move), AGAIN 503 + Retry-After, NOSPACE 507, TEMP 503, CORRUPT 500 ... with err's text. */
void reply_rc(struct request *r, enum rc rc, const struct err *err);
/* 503 with Retry-After. */
void reply_later(struct request *r, unsigned after_s, const char *detail);
const char *reply_status_title(unsigned status);

#endif
