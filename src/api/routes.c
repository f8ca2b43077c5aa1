// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"

#include "api/events.h"
#include "api/jobs.h"
#include "base/limits.h"

#define JOBS "/api/batch-jobs"
#define JOB JOBS "/{id}"

/* clang-format off: a table */
const struct route routes[] = {
    {.method = "GET", .path = JOBS, .operation = "listJobs", .role = ROLE_VIEWER, .scope = "read", .handle = jobs_list},
    {.method = "GET", .path = JOB, .operation = "getJob", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = "read", .handle = jobs_show},
    {.method = "GET", .path = JOB "/files", .operation = "jobFiles", .role = ROLE_VIEWER, .flags = ROUTE_JOB, .scope = "read", .handle = jobs_files},
    {.method = "GET", .path = JOB "/files/{batch}/raw", .operation = "jobFileRaw", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = "read", .handle = jobs_raw, .prepare = jobs_raw_prepare},
    {.method = "GET", .path = JOB "/log", .operation = "jobLog", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = "read", .handle = jobs_log},
    {.method = "GET", .path = "/api/events", .operation = "events", .role = ROLE_VIEWER, .scope = "read", .handle = events_handle},
    {.method = NULL},
};
/* clang-format on */
