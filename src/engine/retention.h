// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_RETENTION_H
#define ENGINE_RETENTION_H

#include <stdbool.h>

struct retention_limits {
    unsigned job_days;       /* finished jobs are kept so many days; 0: for good */
    unsigned payload_months; /* payloads are kept of this month and so many before; 0: see batchspool.json(5) */
    bool archive;            /* what goes is packed into archive/ first */
};

#endif
