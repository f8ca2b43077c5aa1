// SPDX-License-Identifier: Apache-2.0
#ifndef API_SERVER_H
#define API_SERVER_H

#include "api/api.h"

/*
 * HTTP by libmicrohttpd on our loop: its epoll descriptor is watched, and it runs when that is ready or its own time has come. Deadlines are absolute and ours:
 * a request's head must be there SERVER_HEAD_MS after the connection began (or the answer before it was sent), its body SERVER_BODY_MS later; an upload must
 * bring SERVER_UPLOAD_BYTES in each such span. What is late is closed.
 */
#define SERVER_HEAD_MS 10000
#define SERVER_BODY_MS 10000
#define SERVER_UPLOAD_BYTES 16384u
#define SERVER_CONNECTIONS 2000u
#define SERVER_CONNECTIONS_OF_ONE 1200u /* address; behind a proxy all come from one */
#define SERVER_HEAD_BYTES 32768u        /* of a request's line and header fields; more is 431 */

struct request;
struct server;

/* listen_fd is taken (also on failure). certificate and key: PEM texts, or NULL without TLS. */
enum rc server_start(struct api *api, int listen_fd, const char *certificate, const char *key, struct server **server, struct err *err);
/* No new connections; requests on their way end first, but not longer than some seconds. Live streams are closed. Then worker_free, for what lanes still have,
 * then server_free. Both take NULL. */
void server_stop(struct server *server);
void server_free(struct server *server);
/* What waits (request.h: waiting) is to be answered now. */
bool server_stopping(const struct server *server);

/* A request whose `finish` set waiting has its reply now. Not within finish. */
void server_answer(struct request *r);

/* Live events (events.c): let a connection that has nothing to send sleep, and wake it. */
struct MHD_Connection;
void server_sleep(struct server *server, struct MHD_Connection *connection);
void server_wake(struct server *server, struct MHD_Connection *connection);

#endif
