// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

/*
 * Numbered fault points. Every durable action of src/os (open for writing, write, fsync, rename, link, unlink, mkdir, utimensat) and every
 * request that leaves passes one; points are counted from 1 in the order in which the process reaches them, over all threads.
 *
 * BATCHSPOOL_FAULT="N:ACTION[:NAME]"   at point N (with NAME: the Nth point of that name) do ACTION: `kill` (SIGKILL to itself before the action),
 *                                      `eio`, `enospc` (the action is not done and fails with that errno), `short` (a write writes half;
 *                                      points without "write" in their name go on), `stop` (SIGSTOP to itself, then go on).
 *                                      "N+:ACTION" does it at N and at every later one.
 * BATCHSPOOL_FAULT_LOG=FILE            append "N NAME DETAIL\n" for each point (for counting them).
 * Without these variables a point costs one branch.
 */

/* Read the environment. Call once at program start, before threads. Bad text: exits with 78 after a message. */
void fault_init(void);

/* Pass a point. Returns 0 to go on, else the errno with which the action must fail; -1 for a short write. */
int fault_point(const char *name, const char *detail);

#endif
