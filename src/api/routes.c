// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"

#include "api/accounts.h"
#include "api/analytics.h"
#include "api/control.h"
#include "api/definitions.h"
#include "api/downloads.h"
#include "api/errors.h"
#include "api/events.h"
#include "api/families.h"
#include "api/health.h"
#include "api/listing.h"
#include "api/metrics.h"
#include "api/notice_watch.h"
#include "api/payloads.h"
#include "api/queue.h"
#include "api/reviews.h"
#include "api/searches.h"
#include "api/signin.h"
#include "api/sitemaps.h"
#include "api/submission.h"
#include "api/suggestions.h"
#include "api/timetable.h"
#include "api/uploads.h"
#include "api/url_jobs.h"
#include "base/limits.h"

#define JOBS "/api/batch-jobs"
#define JOB JOBS "/{id}"
#define ACT (ROUTE_JOB | ROUTE_LANE | ROUTE_JSON_OPT)
#define ACT_BYTES 4096u
#define FILES (ROUTE_LANE | ROUTE_SOURCES) /* small files, one change after another */
#define USERS (ROUTE_LANE | ROUTE_USERS)
#define UPLOAD (ROUTE_LANE | ROUTE_UPLOAD)
#define UPLOAD_MOST (1024u * 1024u * 1024u) /* or upload_max_bytes of the configuration */

/* clang-format off */
const struct route routes[] = {
    {.method = "POST", .path = "/api/auth/login", .operation = "login", .flags = ROUTE_PUBLIC | ROUTE_LOGIN | ROUTE_SESSION | USERS | ROUTE_JSON, .handle = signin_login, .prepare = signin_login_prepare, .finish = signin_login_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = "/api/auth/refresh", .operation = "refresh", .flags = ROUTE_PUBLIC | ROUTE_SESSION | USERS | ROUTE_JSON_OPT, .handle = signin_refresh, .body_max = ACT_BYTES},
    {.method = "POST", .path = "/api/auth/logout", .operation = "logout", .role = ROLE_VIEWER, .flags = USERS | ROUTE_JSON_OPT, .handle = signin_logout, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/auth/me", .operation = "me", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = signin_me},
    {.method = "POST", .path = "/api/auth/password", .operation = "changePassword", .role = ROLE_VIEWER, .flags = USERS | ROUTE_JSON, .handle = signin_password, .prepare = signin_password_prepare, .finish = signin_password_done, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/auth/keys", .operation = "listKeys", .role = ROLE_VIEWER, .handle = signin_keys},
    {.method = "POST", .path = "/api/auth/keys", .operation = "createKey", .role = ROLE_VIEWER, .flags = USERS | ROUTE_JSON, .handle = signin_key_add, .body_max = ACT_BYTES},
    {.method = "DELETE", .path = "/api/auth/keys/{key_id}", .operation = "deleteKey", .role = ROLE_VIEWER, .flags = USERS, .handle = signin_key_remove, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/users", .operation = "listUsers", .role = ROLE_ADMIN, .handle = signin_users},
    {.method = "POST", .path = "/api/users", .operation = "createUser", .role = ROLE_ADMIN, .flags = USERS | ROUTE_JSON, .handle = signin_user_add, .body_max = ACT_BYTES},
    {.method = "PATCH", .path = "/api/users/{name}", .operation = "updateUser", .role = ROLE_ADMIN, .flags = USERS | ROUTE_JSON, .handle = signin_user_change, .body_max = ACT_BYTES},
    {.method = "DELETE", .path = "/api/users/{name}", .operation = "deleteUser", .role = ROLE_ADMIN, .flags = USERS, .handle = signin_user_remove, .body_max = ACT_BYTES},
    {.method = "GET", .path = JOBS, .operation = "listJobs", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = listing_jobs},
    {.method = "GET", .path = JOB, .operation = "getJob", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = listing_show},
    {.method = "GET", .path = JOB "/files", .operation = "jobFiles", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = listing_files, .prepare = listing_files_prepare},
    {.method = "GET", .path = JOB "/files/{batch}/raw", .operation = "jobFileRaw", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = listing_raw, .prepare = listing_raw_prepare},
    {.method = "GET", .path = JOB "/log", .operation = "jobLog", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = listing_log},
    {.method = "POST", .path = JOBS, .operation = "createJob", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE | ROUTE_SOURCES, .scope = SCOPE_SUBMIT, .handle = submission_create, .finish = submission_created, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "POST", .path = "/api/preview", .operation = "previewJob", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE | ROUTE_SOURCES, .scope = SCOPE_SUBMIT, .handle = submission_preview, .finish = submission_previewed, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "POST", .path = JOB "/cancel", .operation = "cancelJob", .role = ROLE_OPERATOR, .flags = ACT, .scope = SCOPE_CONTROL, .handle = control_cancel, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/retry", .operation = "retryJob", .role = ROLE_OPERATOR, .flags = ACT, .scope = SCOPE_CONTROL, .handle = control_retry, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/retry-failed", .operation = "retryFailed", .role = ROLE_OPERATOR, .flags = ACT | ROUTE_SOURCES, .scope = SCOPE_SUBMIT, .handle = submission_again, .finish = submission_created, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/hold", .operation = "holdJob", .role = ROLE_OPERATOR, .flags = ACT, .scope = SCOPE_CONTROL, .handle = control_hold, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/release", .operation = "releaseJob", .role = ROLE_OPERATOR, .flags = ACT, .scope = SCOPE_CONTROL, .handle = control_release, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/process", .operation = "processJob", .role = ROLE_OPERATOR, .flags = ACT, .scope = SCOPE_PROCESS, .handle = control_process, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "POST", .path = JOB "/priority", .operation = "priorityJob", .role = ROLE_OPERATOR, .flags = ROUTE_JOB | ROUTE_LANE | ROUTE_JSON, .scope = SCOPE_CONTROL, .handle = control_priority, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/bulk", .operation = "bulkCount", .role = ROLE_OPERATOR, .scope = SCOPE_READ, .handle = control_bulk_count},
    {.method = "POST", .path = "/api/bulk", .operation = "bulk", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE | ROUTE_HEAVY, .scope = SCOPE_CONTROL, .handle = control_bulk, .prepare = control_bulk_prepare, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/files", .operation = "listFiles", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = payloads_list},
    {.method = "POST", .path = "/api/files/process", .operation = "processFiles", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE | ROUTE_HEAVY, .scope = SCOPE_PROCESS, .handle = payloads_load, .prepare = payloads_load_prepare, .finish = payloads_load_done, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "GET", .path = "/api/files/process/{run_id}", .operation = "processRun", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = payloads_run},
    {.method = "POST", .path = "/api/documents", .operation = "uploadDocument", .role = ROLE_OPERATOR, .flags = UPLOAD, .scope = SCOPE_SUBMIT, .handle = uploads_document, .upload = uploads_piece, .body_max = UPLOAD_MOST},
    {.method = "POST", .path = "/api/uploads/criteria", .operation = "uploadCriteria", .role = ROLE_OPERATOR, .flags = UPLOAD | ROUTE_SOURCES, .scope = SCOPE_SUBMIT, .handle = uploads_criteria, .upload = uploads_piece, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "POST", .path = "/api/uploads/urls", .operation = "uploadUrls", .role = ROLE_OPERATOR, .flags = UPLOAD | ROUTE_SOURCES, .scope = SCOPE_SUBMIT, .handle = uploads_urls, .upload = uploads_piece, .body_max = 4u * 1024 * 1024},
    {.method = "POST", .path = "/api/uploads/sitemap", .operation = "readSitemap", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE | ROUTE_FETCH, .scope = SCOPE_SUBMIT, .handle = sitemaps_list, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/searches", .operation = "listSearches", .role = ROLE_VIEWER, .flags = FILES, .scope = SCOPE_READ, .handle = searches_list},
    {.method = "POST", .path = "/api/searches", .operation = "createSearch", .role = ROLE_OPERATOR, .flags = FILES | ROUTE_JSON, .scope = SCOPE_SUBMIT, .handle = searches_create, .body_max = SEARCHES_BYTES},
    {.method = "GET", .path = "/api/searches/{name}", .operation = "getSearch", .role = ROLE_VIEWER, .flags = FILES, .scope = SCOPE_READ, .handle = searches_get},
    {.method = "PUT", .path = "/api/searches/{name}", .operation = "putSearch", .role = ROLE_OPERATOR, .flags = FILES | ROUTE_JSON, .scope = SCOPE_SUBMIT, .handle = searches_put, .body_max = SEARCHES_BYTES},
    {.method = "DELETE", .path = "/api/searches/{name}", .operation = "deleteSearch", .role = ROLE_OPERATOR, .flags = FILES, .scope = SCOPE_SUBMIT, .handle = searches_delete, .body_max = ACT_BYTES},
    {.method = "GET", .path = JOB "/results", .operation = "jobResults", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = downloads_list},
    {.method = "POST", .path = JOB "/results", .operation = "makeResults", .role = ROLE_OPERATOR, .flags = ROUTE_JOB | ROUTE_LANE | ROUTE_JSON, .scope = SCOPE_READ, .handle = downloads_make, .prepare = downloads_make_prepare, .body_max = ACT_BYTES},
    {.method = "GET", .path = JOB "/review", .operation = "jobReview", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = reviews_get},
    {.method = "PUT", .path = JOB "/review", .operation = "changeReview", .role = ROLE_OPERATOR, .flags = ROUTE_JOB | ROUTE_LANE | ROUTE_JSON, .scope = SCOPE_CONTROL, .handle = reviews_put, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "GET", .path = JOB "/review/documents", .operation = "reviewDocuments", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = reviews_documents},
    {.method = "GET", .path = JOB "/review/documents/{sha256}", .operation = "reviewDocument", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = reviews_document},
    {.method = "GET", .path = JOB "/documents/{sha256}", .operation = "jobDocument", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE | ROUTE_SHOWN, .scope = SCOPE_READ, .handle = reviews_original},
    {.method = "GET", .path = JOB "/results/download", .operation = "jobDownload", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = downloads_fetch},
    {.method = "GET", .path = "/api/records", .operation = "records", .role = ROLE_VIEWER, .flags = ROUTE_LANE, .scope = SCOPE_READ, .handle = downloads_records, .finish = downloads_records_done},
    {.method = "GET", .path = "/api/sources", .operation = "listSources", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = definitions_list},
    {.method = "GET", .path = "/api/sources/{name}", .operation = "getSource", .role = ROLE_VIEWER, .flags = ROUTE_LANE, .scope = SCOPE_READ, .handle = definitions_get, .prepare = definitions_get_prepare},
    {.method = "GET", .path = "/api/sources/{name}/suggest", .operation = "suggest", .role = ROLE_OPERATOR, .flags = ROUTE_LANE | ROUTE_SOURCES, .scope = SCOPE_SUBMIT, .handle = suggestions_ask, .prepare = suggestions_prepare, .finish = suggestions_wait},
    {.method = "POST", .path = "/api/sources/{name}/pause", .operation = "pauseSource", .role = ROLE_OPERATOR, .flags = FILES | ROUTE_JSON_OPT, .scope = SCOPE_CONTROL, .handle = definitions_pause, .body_max = ACT_BYTES},
    {.method = "POST", .path = "/api/sources/{name}/resume", .operation = "resumeSource", .role = ROLE_OPERATOR, .flags = FILES | ROUTE_JSON_OPT, .scope = SCOPE_CONTROL, .handle = definitions_resume, .body_max = ACT_BYTES},
    {.method = "POST", .path = "/api/sources/{name}/rate", .operation = "rateSource", .role = ROLE_OPERATOR, .flags = FILES | ROUTE_JSON, .scope = SCOPE_CONTROL, .handle = definitions_rate, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/schedules", .operation = "listSchedules", .role = ROLE_VIEWER, .flags = FILES, .scope = SCOPE_READ, .handle = timetable_list},
    {.method = "POST", .path = "/api/schedules", .operation = "createSchedule", .role = ROLE_OPERATOR, .flags = FILES | ROUTE_JSON, .scope = SCOPE_SUBMIT, .handle = timetable_create, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "GET", .path = "/api/schedules/{name}", .operation = "getSchedule", .role = ROLE_VIEWER, .flags = FILES, .scope = SCOPE_READ, .handle = timetable_get},
    {.method = "PUT", .path = "/api/schedules/{name}", .operation = "putSchedule", .role = ROLE_OPERATOR, .flags = FILES | ROUTE_JSON, .scope = SCOPE_SUBMIT, .handle = timetable_put, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "DELETE", .path = "/api/schedules/{name}", .operation = "deleteSchedule", .role = ROLE_OPERATOR, .flags = FILES, .scope = SCOPE_SUBMIT, .handle = timetable_delete, .body_max = ACT_BYTES},
    {.method = "POST", .path = "/api/schedules/{name}/pause", .operation = "pauseSchedule", .role = ROLE_OPERATOR, .flags = FILES, .scope = SCOPE_CONTROL, .handle = timetable_pause, .body_max = ACT_BYTES},
    {.method = "POST", .path = "/api/schedules/{name}/resume", .operation = "resumeSchedule", .role = ROLE_OPERATOR, .flags = FILES, .scope = SCOPE_CONTROL, .handle = timetable_resume, .body_max = ACT_BYTES},
    {.method = "POST", .path = "/api/schedules/{name}/run", .operation = "runSchedule", .role = ROLE_OPERATOR, .flags = FILES, .scope = SCOPE_SUBMIT, .handle = timetable_run, .finish = submission_created, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/money", .operation = "money", .role = ROLE_VIEWER, .flags = ROUTE_LANE | ROUTE_HEAVY, .scope = SCOPE_READ, .handle = accounts_money},
    {.method = "GET", .path = "/api/audit", .operation = "audit", .role = ROLE_ADMIN, .flags = ROUTE_LANE | ROUTE_HEAVY, .scope = SCOPE_ADMIN, .handle = accounts_audit},
    {.method = "GET", .path = "/api/events", .operation = "events", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = events_handle},
    {.method = "GET", .path = "/api/queue/status", .operation = "queueStatus", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = queue_status},
    {.method = "GET", .path = "/api/analytics", .operation = "analytics", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = analytics},
    {.method = "GET", .path = "/api/health", .operation = "health", .flags = ROUTE_PUBLIC | ROUTE_LANE, .scope = SCOPE_READ, .handle = health_find, .prepare = health_prepare, .finish = health_finish},
    {.method = "GET", .path = "/metrics", .operation = "metrics", .role = ROLE_VIEWER, .scope = SCOPE_METRICS, .handle = metrics_handle},
    {.method = "DELETE", .path = "/api/cleanup", .operation = "cleanup", .role = ROLE_ADMIN, .flags = ROUTE_LANE, .scope = SCOPE_ADMIN, .handle = families_cleanup, .body_max = ACT_BYTES},
    {.method = "POST", .path = "/api/v1/batch-processing/start", .operation = "batchStart", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE | ROUTE_SOURCES | ROUTE_FETCH, .scope = SCOPE_SUBMIT, .handle = url_jobs_start, .finish = url_jobs_started, .body_max = LIMIT_JOB_FILE_BYTES},
    {.method = "GET", .path = "/api/v1/batch-processing/progress/{id}", .operation = "batchProgress", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE | ROUTE_SOURCES, .scope = SCOPE_READ, .handle = url_jobs_progress},
    {.method = "GET", .path = "/api/v1/batch-processing/jobs", .operation = "batchJobs", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = url_jobs_list},
    {.method = "POST", .path = "/api/v1/batch-processing/cancel/{id}", .operation = "batchCancel", .role = ROLE_OPERATOR, .flags = ACT, .scope = SCOPE_CONTROL, .handle = control_cancel, .finish = control_done, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/v1/batch-processing/results/{id}", .operation = "batchResults", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE | ROUTE_SOURCES, .scope = SCOPE_READ, .handle = url_jobs_results},
    {.method = "GET", .path = "/api/v1/batch-processing/queue/status", .operation = "batchQueueStatus", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = queue_status},
    {.method = "DELETE", .path = "/api/v1/batch-processing/cleanup", .operation = "batchCleanup", .role = ROLE_ADMIN, .flags = ROUTE_LANE, .scope = SCOPE_ADMIN, .handle = families_cleanup, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/v1/batch-processing/health", .operation = "batchHealth", .flags = ROUTE_PUBLIC | ROUTE_LANE, .scope = SCOPE_READ, .handle = health_find, .prepare = health_prepare, .finish = health_finish},
    {.method = "POST", .path = "/api/lease-processing/upload", .operation = "leaseUpload", .role = ROLE_OPERATOR, .flags = UPLOAD | ROUTE_SOURCES, .scope = SCOPE_SUBMIT, .handle = families_upload, .finish = submission_created, .upload = uploads_piece, .body_max = UPLOAD_MOST},
    {.method = "GET", .path = "/api/lease-processing/processor", .operation = "leaseProcessorStatus", .role = ROLE_VIEWER, .scope = SCOPE_PROCESS, .handle = queue_status, .env_scope = SCOPE_PROCESS},
    {.method = "POST", .path = "/api/lease-processing/processor", .operation = "leaseProcessor", .role = ROLE_OPERATOR, .flags = ROUTE_LANE, .scope = SCOPE_PROCESS, .handle = families_processor, .prepare = families_processor_prepare, .env_scope = SCOPE_PROCESS, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/lease-processing/status/{id}", .operation = "leaseStatus", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = listing_show},
    {.method = "GET", .path = "/api/lease-processing/results/{id}", .operation = "leaseResults", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = downloads_list},
    {.method = "GET", .path = "/api/lease-processing/results/{id}/download", .operation = "leaseDownload", .role = ROLE_VIEWER, .flags = ROUTE_JOB | ROUTE_LANE, .scope = SCOPE_READ, .handle = downloads_fetch},
    {.method = "GET", .path = "/api/cron/process-lease-jobs", .operation = "cronStatus", .role = ROLE_VIEWER, .scope = SCOPE_CRON, .handle = queue_status, .env_scope = SCOPE_CRON},
    {.method = "POST", .path = "/api/cron/process-lease-jobs", .operation = "cronLeaseJobs", .role = ROLE_OPERATOR, .flags = ROUTE_LANE, .scope = SCOPE_CRON, .handle = families_processor, .prepare = families_processor_prepare, .env_scope = SCOPE_CRON, .body_max = ACT_BYTES},
    {.method = "POST", .path = "/api/test-email", .operation = "testEmail", .role = ROLE_ADMIN, .flags = ROUTE_JSON | ROUTE_LANE, .scope = SCOPE_ADMIN, .handle = notice_test, .finish = notice_tested, .body_max = ACT_BYTES},
    {.method = "GET", .path = "/api/errors", .operation = "errors", .role = ROLE_VIEWER, .scope = SCOPE_READ, .handle = errors_list},
    {.method = "POST", .path = "/api/errors/act", .operation = "errorsAct", .role = ROLE_OPERATOR, .flags = ROUTE_JSON | ROUTE_LANE | ROUTE_HEAVY, .scope = SCOPE_CONTROL, .handle = errors_act, .prepare = errors_act_prepare, .body_max = ACT_BYTES},
    {.method = NULL},
};
/* clang-format on */
