// SPDX-License-Identifier: Apache-2.0
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* What this process uses. False: /proc does not say. */
struct process_use {
    double cpu_s; /* user and system */
    uint64_t resident_bytes, open_fds;
};
bool process_use(struct process_use *use);

#endif
