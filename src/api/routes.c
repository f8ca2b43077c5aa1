// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"

#include "api/control.h"
#include "api/events.h"
#include "api/jobs.h"
#include "api/payloads.h"
#include "api/searches.h"
#include "api/submission.h"
#include "api/uploads.h"
#include "base/limits.h"

#define JOBS "/api/batch-jobs"
#define JOB JOBS "/{id}"
#define ACT (ROUTE_JOB | ROUTE_LANE | ROUTE_JSON_OPT)
#define ACT_BYTES 4096u
#define FILES (ROUTE_LANE | ROUTE_SOURCES) /* small files, one change after another */
#define UPLOAD (ROUTE_LANE | ROUTE_UPLOAD)
#define UPLOAD_MOST (1024u * 1024u * 1024u) /* or upload_max_bytes of the configuration */

/* clang-format off: a table */
const struct route routes[] = {
    {.method = "GET", .path = JOBS, .operation = "listJobs", .role = ROLE_VIEWER, .scope = "read", .handle = jobs_list},
    {.method = "GET", .path = JOB, .operation = "getJob", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = "read", .handle = jobs_show},
    {.method = "GET", .path = JOB "/files", .operation = "jobFiles", .role = ROLE_VIEWER, .flags = ROUTE_JOB, .scope = "read", .handle = jobs_files},
    {.method = "GET", .path = JOB "/files/{batch}/raw", .operation = "jobFileRaw", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = "read", .handle = jobs_raw, .prepare = jobs_raw_prepare},
    {.method = "GET", .path = JOB "/log", .operation = "jobLog", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = "read", .handle = jobs_log},
    {.method = "POST", .path = JOBS, .operation = "createJob", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE | ROUTE_SOURCES, .scope = "submit", .handle = submission_create, .finish = submission_created, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "POST", .path = "/api/preview", .operation = "previewJob", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE | ROUTE_SOURCES, .scope = "submit", .handle = submission_preview, .finish = submission_previewed, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "POST", .path = JOB "/cancel", .operation = "cancelJob", .role = ROLE_OPERATOR, .flags = ACT, .scope = "control", .handle = control_cancel, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/retry", .operation = "retryJob", .role = ROLE_OPERATOR, .flags = ACT, .scope = "control", .handle = control_retry, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/hold", .operation = "holdJob", .role = ROLE_OPERATOR, .flags = ACT, .scope = "control", .handle = control_hold, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/release", .operation = "releaseJob", .role = ROLE_OPERATOR, .flags = ACT, .scope = "control", .handle = control_release, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/process", .operation = "processJob", .role = ROLE_OPERATOR, .flags = ACT, .scope = "process", .handle = control_process, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/priority", .operation = "priorityJob", .role = ROLE_OPERATOR, .flags = ROUTE_JOB | ROUTE_LANE | ROUTE_JSON, .scope = "control", .handle = control_priority, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/bulk", .operation = "bulkCount", .role = ROLE_OPERATOR, .scope = "read", .handle = control_bulk_count},
    {.method = "POST", .path = "/api/bulk", .operation = "bulk", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE, .scope = "control", .handle = control_bulk, .prepare = control_bulk_prepare, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/files", .operation = "listFiles", .role = ROLE_VIEWER, .scope = "read", .handle = payloads_list},
    {.method = "POST", .path = "/api/files/process", .operation = "processFiles", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE, .scope = "process", .handle = payloads_load, .prepare = payloads_load_prepare, .finish = payloads_load_done, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "GET", .path = "/api/files/process/{run_id}", .operation = "processRun", .role = ROLE_VIEWER, .scope = "read", .handle = payloads_run},
    {.method = "POST", .path = "/api/documents", .operation = "uploadDocument", .role = ROLE_OPERATOR, .flags = UPLOAD, .scope = "submit", .handle = uploads_document, .upload = uploads_piece, .body_max = UPLOAD_MOST},
    {.method = "POST", .path = "/api/uploads/criteria", .operation = "uploadCriteria", .role = ROLE_OPERATOR, .flags = UPLOAD | ROUTE_SOURCES, .scope = "submit", .handle = uploads_criteria, .upload = uploads_piece, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "POST", .path = "/api/uploads/urls", .operation = "uploadUrls", .role = ROLE_OPERATOR, .flags = UPLOAD, .scope = "submit", .handle = uploads_urls, .upload = uploads_piece, .body_max = 4u * 1024 * 1024},
    {.method = "GET", .path = "/api/searches", .operation = "listSearches", .role = ROLE_VIEWER, .flags = FILES, .scope = "read", .handle = searches_list},
    {.method = "POST", .path = "/api/searches", .operation = "createSearch", .role = ROLE_OPERATOR, .flags = FILES | ROUTE_JSON, .scope = "submit", .handle = searches_create, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "GET", .path = "/api/searches/{name}", .operation = "getSearch", .role = ROLE_VIEWER, .flags = FILES, .scope = "read", .handle = searches_get},
    {.method = "PUT", .path = "/api/searches/{name}", .operation = "putSearch", .role = ROLE_OPERATOR, .flags = FILES | ROUTE_JSON, .scope = "submit", .handle = searches_put, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "DELETE", .path = "/api/searches/{name}", .operation = "deleteSearch", .role = ROLE_OPERATOR, .flags = FILES, .scope = "submit", .handle = searches_delete, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/events", .operation = "events", .role = ROLE_VIEWER, .scope = "read", .handle = events_handle},
    {.method = NULL},
};
/* clang-format on */
