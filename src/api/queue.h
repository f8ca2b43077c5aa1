// SPDX-License-Identifier: Apache-2.0
#ifndef API_QUEUE_H
#define API_QUEUE_H

#include "api/outlook.h"
#include "api/request.h"

/* GET /api/queue/status: the daemon, what waits and runs, by source too, what pauses it, and what is left of limits. */
void queue_status(struct request *r);

/* Payloads by shelf. What lies in ready/ and processing/ is counted there, the rest follows from the journals. */
struct queue_files {
    uint64_t pending, ready, processing, processed, failed;
};
struct queue_files queue_files(const struct board *board, const struct outlook_view *view);

#endif
