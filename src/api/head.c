// SPDX-License-Identifier: Apache-2.0
#include "api/head.h"

#include "api/api.h"
#include "api/decode.h"
#include "api/route.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static void client_address(struct MHD_Connection *mhd, char out[64]) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    str_copy(out, 64, "unix");
    if (address && address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, out, 64);
    else if (address && address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, out, 64);
}

/* Behind a proxy of ours the last address of X-Forwarded-For is the one that it saw; what stands before it anybody may have written. */
static void forwarded_address(struct request *r) {
    const char *field = NULL;
    for (size_t i = 0; *r->api->options->origin && i < r->header_count; i++)
        if (r->headers[i].name && strcasecmp(r->headers[i].name, "X-Forwarded-For") == 0)
            field = r->headers[i].value; /* of several the last */
    const char *comma = field ? strrchr(field, ',') : NULL, *last = comma ? comma + 1 : field;
    unsigned char ignored[16];
    char text[64];
    if (!last || !str_copy(text, sizeof text, last + strspn(last, " ")))
        return;
    if (inet_pton(AF_INET, text, ignored) == 1 || inet_pton(AF_INET6, text, ignored) == 1)
        str_copy(r->client, sizeof r->client, text);
}

struct taking {
    struct request_field *list;
    size_t *count;
    bool decode, bad;
};

static enum MHD_Result take_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_length, const char *value, size_t value_length) {
    struct taking *t = cls;
    (void)kind;
    if (*t->count == REQUEST_FIELDS_MAX || value_length > REQUEST_VALUE_MAX || name_length > 128 || !name) {
        t->bad = true;
        return MHD_NO;
    }
    struct request_field *field = &t->list[*t->count];
    field->name = t->decode ? decode_percent(name, name_length) : strndup(name, name_length);
    field->value = t->decode ? decode_percent(value ? value : "", value_length) : strndup(value ? value : "", value_length);
    ++*t->count;
    t->bad = t->bad || !field->name || !field->value || (!t->decode && (strlen(field->value) != value_length || !str_is_utf8(field->value, value_length)));
    return t->bad ? MHD_NO : MHD_YES;
}

bool head_take(struct request *r, struct MHD_Connection *mhd, const char *method) {
    struct taking query = {r->query, &r->query_count, true, false}, headers = {r->headers, &r->header_count, false, false};
    client_address(mhd, r->client);
    MHD_get_connection_values_n(mhd, MHD_GET_ARGUMENT_KIND, take_field, &query);
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, take_field, &headers);
    forwarded_address(r);
    if (!r->path || !str_copy(r->method, sizeof r->method, method) || query.bad || headers.bad) {
        reply_problem(r, 400, "the request's line or a header field is malformed or too long (most %u bytes each, %u of them)", REQUEST_VALUE_MAX,
                      REQUEST_FIELDS_MAX);
        return false;
    }
    /* RFC 9112 6.3: who sends both may be smuggling. */
    size_t hosts = 0, lengths = 0;
    for (size_t i = 0; i < r->header_count; i++) {
        hosts += strcasecmp(r->headers[i].name, "Host") == 0;
        lengths += strcasecmp(r->headers[i].name, "Content-Length") == 0;
    }
    if ((lengths && request_header(r, "Transfer-Encoding")) || lengths > 1 || hosts > 1) {
        reply_problem(r, 400, "Content-Length beside Transfer-Encoding, or several of one of them or of Host");
        return false;
    }
    return true;
}

size_t head_body_max(const struct request *r) {
    const size_t most = (size_t)r->api->options->upload_max_bytes;
    return r->route->upload && most < r->route->body_max ? most : r->route->body_max;
}

static bool length_fits(struct request *r) {
    const char *text = request_header(r, "Content-Length");
    uint64_t length = 0;
    if (!text)
        return true;
    if (!str_to_u64(text, 0, UINT64_MAX / 2, &length)) {
        reply_problem(r, 400, "Content-Length is no number");
        return false;
    }
    if (length <= head_body_max(r))
        return true;
    reply_problem(r, 413, "the body may have at most %zu bytes", head_body_max(r));
    return false;
}

static bool type_fits(struct request *r) {
    const char *type = request_header(r, "Content-Type");
    bool some = request_header(r, "Content-Length") ? strcmp(request_header(r, "Content-Length"), "0") != 0 : request_header(r, "Transfer-Encoding") != NULL;
    if (!(r->route->flags & (ROUTE_JSON | ROUTE_JSON_OPT)) || (!some && (r->route->flags & ROUTE_JSON_OPT)))
        return true;
    if (!type || (strncasecmp(type, "application/json", 16) != 0 && strncasecmp(type, "application/merge-patch+json", 28) != 0)) {
        reply_problem(r, 415, "the body must be application/json");
        return false;
    }
    return true;
}

bool head_allows_body(struct request *r) {
    return length_fits(r) && type_fits(r);
}
