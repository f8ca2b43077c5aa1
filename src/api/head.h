// SPDX-License-Identifier: Apache-2.0
#ifndef API_HEAD_H
#define API_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/* What the head of a request says, before any of its body is read. */
struct request;
struct MHD_Connection;

/* Fills method, client, query and header fields of a request that has a path; all decoded, all owned by the request. False, with a reply (400): too many fields
 * or too long ones, no UTF-8, or what may be smuggling (RFC 9112 6.3). */
bool head_take(struct request *r, struct MHD_Connection *connection, const char *method);
/* Of a request that has its route: whether a body of this length and type may come. False, with a reply (400, 413, 415). */
bool head_allows_body(struct request *r);
/* Bytes that the body may have: the route's, or the configuration's when that is less and it is an upload. */
size_t head_body_max(const struct request *r);

#endif
