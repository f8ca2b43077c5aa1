// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/dec.h"
#include "base/err.h"
#include "base/str.h"
#include "base/zone.h"
#include "source/forms.h"
#include "source/template.h"

/* A source definition (DESIGN 5), checked and made ready to use. No I/O here: texts come in, requests and verdicts go out. Immutable after source_parse. */

#define SOURCE_MAX_STEPS 8
#define SOURCE_MAX_WAYS 6
#define SOURCE_MAX_LISTS 4
#define SOURCE_MAX_PARTS 100000u /* of a step that is done for each element of an array */
#define SOURCE_MAX_TERMS 4
#define SOURCE_MAX_KEYS 8
#define SOURCE_MAX_CHILDREN 16
#define SOURCE_MAX_FILTERS 32
#define SOURCE_MAX_CONTAINS 32
#define SOURCE_MAX_RATES 8
#define SOURCE_MAX_WINDOWS 4
#define SOURCE_MAX_MEMBERS 64
#define SOURCE_MAX_VALUES 64
#define SOURCE_MAX_HIDDEN 16
#define SOURCE_MAX_SUGGEST 16
#define SOURCE_MAX_SETTINGS 64

struct source_helper {    /* a program, without a shell (os/child.h) */
    const cJSON *command; /* array of templates, not empty; the first is a program's name (looked for among the helpers, then in PATH) or absolute path */
    const cJSON *input;   /* template of what it reads, or NULL */
    unsigned timeout_s, cpu_s, files;
    uint64_t memory_bytes, file_bytes;
    bool network;
    bool ready; /* with --ready it says whether it has what it needs */
};

struct source_http {
    char *method, *url;          /* url is a template */
    cJSON *params, *headers;     /* objects of templates, or NULL */
    cJSON *json;                 /* body template, or NULL */
    bool unused;                 /* a way for which a setting is not set: its URL need not be one */
    bool document;               /* the body is the unit's document */
    unsigned timeout_s;          /* of a way of a step; 0: the source's */
    uint64_t max_response_bytes; /* the same */
    struct dec cost_per_record;  /* of a way of a step: in place of the metering's, where has_cost */
    bool has_cost;
    bool checked; /* a good answer is shown to this program, whose exit code is the verdict */
    struct source_helper check;
};

struct source_way { /* one way to do a step */
    bool helper;
    struct source_http http;   /* unless helper */
    struct source_helper exec; /* if helper */
    const cJSON *when;         /* object: Pointer into the job -> the value it must have; or NULL */
    const cJSON *when_set;     /* names of settings that must be set; or NULL. What such a way cannot do is no trouble of the source: the next one is taken */
    const char *unset;         /* one of them that is not, so that the way is never taken; NULL: all are */
};

struct source_step {
    char name[65];                           /* "" when there is only one and it has none */
    struct source_way ways[SOURCE_MAX_WAYS]; /* its own, then its fallback */
    unsigned way_count;
    const char *for_each; /* the template of an array, of whose elements each is a part of the step; or NULL */
};

struct source_list { /* foreach */
    char name[65];   /* of ${item.NAME} */
    char *in;        /* Pointer to an array of the job */
};

struct source_suggest { /* how suggestions for a field are asked for (source/suggest.h); all but http borrows from the definition */
    char name[65];
    struct source_http http;
    const cJSON *data_selector, *value, *label; /* Pointers, lists of them, or of value an object of criteria and those; label may be NULL */
    int64_t cache_ttl_ms;
};

/* Who asks, and by which way. Texts borrow from the definition; those of auth and proxy are templates of secrets alone, for a job must not say who asks. */

enum source_auth_type { AUTH_NONE, AUTH_BEARER, AUTH_BASIC, AUTH_API_KEY, AUTH_OAUTH2 };
struct source_auth {
    enum source_auth_type type;
    const char *token;               /* bearer */
    const char *username, *password; /* basic */
    const char *name, *api_key;      /* of a header or query parameter */
    bool in_query;
    /* OAuth 2.0 client credentials (RFC 6749 section 4.4) */
    const char *access_token_url; /* as it is; https, or what allow_http and loopback allow */
    const char *client_id, *client_secret;
    const cJSON *access_token_request_data; /* object of templates, or NULL */
    bool client_in_body;
    unsigned default_token_expiration_s;
};

struct source_tls { /* paths, absolute or relative to the credentials directory, or NULL */
    const char *ca_file, *cert_file, *key_file;
};

struct source_proxy {
    const char *url;                 /* as it is: http, https or socks5h; NULL: the environment's */
    const char *username, *password; /* or NULL */
};

struct source_child {
    char name[65];
    char *data_selector, *primary_key; /* Pointers; the selector is relative to the record, the key to the child */
};

enum source_action { ACTION_SUCCESS, ACTION_FAIL, ACTION_RETRY, ACTION_IGNORE, ACTION_RATE_LIMITED, ACTION_HOLD };
const char *source_action_name(enum source_action action);

struct source_filter {
    int http_codes[16];
    unsigned code_count;
    char *has;                           /* Pointer that must exist in the body, or NULL */
    const cJSON *error_message_contains; /* a text, or a list of texts of which one must be in the body; borrowed; or NULL */
    char *error_message_path;            /* Pointer to the text to show, or NULL */
    enum source_action action;
    unsigned max_retries; /* RETRY: of these alone, which use up none of the source's; 0: they do */
    bool until_window;    /* RATE_LIMITED: until the longest of the source's fixed windows begins anew */
    bool throttle;        /* RETRY: it counts against the unit's group (struct source_throttle) */
};

struct source_throttle { /* error_handler.throttle: units of one group wait together */
    const char *group;   /* template of the unit; borrowed; NULL: there are no groups */
    bool origin;         /* of the URL that it gives, scheme, host and port are the group */
    unsigned max_tries;  /* in a row, then the group's units fail */
    int64_t max_time_ms; /* since the first of them; 0: no limit */
};

enum source_backoff_type { BACKOFF_WAIT_TIME_FROM_HEADER, BACKOFF_CONSTANT, BACKOFF_EXPONENTIAL };
struct source_backoff {
    enum source_backoff_type type;
    char *header; /* WAIT_TIME_FROM_HEADER */
    double factor_s, jitter_s, max_s, constant_s;
};

struct source_rate {
    uint64_t limit;
    int64_t interval_ms;
};

struct source_window { /* fixed_window: from local midnight on; shorter ones one after the other from there */
    uint64_t limit;
    int64_t period_ms; /* whole days when it is a day or more */
    char zone[ZONE_NAME_SIZE];
};

struct source_member { /* job_members: one that the source declares */
    char name[65];
    char type[16];       /* string, integer, number, boolean, array, object, urls */
    cJSON *initial;      /* `default`, or NULL */
    const cJSON *values; /* texts: the string, or each element of the array, is one of them; borrowed, or NULL */
    double minimum, maximum;
    bool has_minimum, has_maximum; /* of numbers; of lengths of strings and arrays */
    bool required;
    bool private_hosts; /* of urls: those of this machine and of private networks, too */
};

struct source {
    char name[65];
    struct source_step steps[SOURCE_MAX_STEPS];
    unsigned step_count;
    /* Units that are no pages: the cross product of lists, or documents (then one list, of /documents). */
    struct source_list lists[SOURCE_MAX_LISTS];
    unsigned list_count;         /* 0: the units are pages */
    bool documents;              /* descriptor 3 of a helper is the document */
    bool confine;                /* its helpers reach nothing else of the spool than their directory, nor credentials */
    bool automatic;              /* what a job of it has by default: process */
    int on_duplicate;            /* enum on_duplicate; -1: as money says */
    const cJSON *unit_cache_key; /* array of templates: units for which it is the same share the answer of their first step; or NULL */
    int64_t unit_cache_ttl_ms;   /* for so long */
    unsigned job_retention_days; /* finished jobs of it are kept for so many days, where has_job_retention */
    bool has_job_retention;
    unsigned max_concurrent_jobs; /* of it; 0: as many as the daemon runs */
    struct source_suggest suggests[SOURCE_MAX_SUGGEST];
    unsigned suggest_count;
    struct source_auth auth;
    struct source_tls tls;
    struct source_proxy proxy;
    /* paginator */
    char paginator_type[24];
    cJSON *paginator;                             /* its whole object, for the paginator's row */
    uint64_t limit, max_limit;                    /* page size by default (0: none), and the most (0: none) */
    char *total_path;                             /* Pointer, or NULL */
    char *has_more_path;                          /* Pointer, or NULL */
    const char *wanted[4];                        /* header fields of answers that paging reads; NULL at the end */
    const char *hidden_params[SOURCE_MAX_HIDDEN]; /* query parameters of the last step whose values hold secrets: never kept of a link */
    unsigned hidden_count;
    char *data_selector; /* Pointer to the array of records; "" the whole */
    char *primary_key[SOURCE_MAX_KEYS];
    unsigned key_count; /* Pointers; 0: records have no key (counted); one "" for bare values */
    struct source_child children[SOURCE_MAX_CHILDREN];
    unsigned child_count;
    struct split *split;      /* how a search that is too long is divided (source/split.h), or NULL; owned */
    const cJSON *incremental; /* the object, or NULL */
    char *cursor_path;        /* its Pointer in a record */
    /* metering; metered false: answers are free */
    bool metered;
    cJSON *preview, *purchase;    /* {"params":..,"headers":..,"json":..} laid over the step, or NULL */
    char *count_path, *cost_path; /* Pointers, or NULL */
    struct source_term {          /* cost_terms: what an answer costs is their sum */
        char *path;               /* Pointer to a count */
        struct dec price;
    } terms[SOURCE_MAX_TERMS];
    unsigned term_count;
    struct dec cost_per_record; /* where units are no pages: of one paid request */
    bool has_cost_per_record;
    struct dec daily_cost_cap;
    bool has_daily_cost_cap;
    struct dec reserve;
    char zone[ZONE_NAME_SIZE]; /* whose days daily_cost_cap counts by */
    char currency[9];
    unsigned max_in_flight; /* paid requests of one job at a time */
    bool retry_unknown;     /* on_charge_unknown: retry */
    /* Delta purchase: what previews list for free (metering.free_fields), and how some of it is bought by its ids. */
    bool lists_ids;
    cJSON *list, *by_id;           /* laid over the step: over preview when ids are listed; over purchase, with ${item.ids}. Or NULL */
    const char *fields_param;      /* the step's parameter that says which fields come; while listing it says the free ones. NULL: none */
    char *free_fields;             /* with commas */
    int64_t refresh_older_than_ms; /* records in the store that are older are not taken for owned, unless the job says otherwise */
    /* budget, concurrency, errors */
    struct source_rate rates[SOURCE_MAX_RATES];
    unsigned rate_count;
    struct source_window windows[SOURCE_MAX_WINDOWS];
    unsigned window_count;
    unsigned breaker_failures;                   /* connections that fail in a row before the host counts as dead; 0: never */
    int64_t breaker_reset_ms;                    /* before the first try */
    const char *remaining_header, *reset_header; /* of the source's own words on its limit, when it has names of its own; or NULL */
    unsigned default_concurrency, max_concurrency;
    unsigned max_retries;
    struct source_filter filters[SOURCE_MAX_FILTERS];
    unsigned filter_count;
    struct source_backoff backoffs[8];
    unsigned backoff_count;
    struct source_throttle throttle;
    uint64_t coverage_tolerance;
    unsigned timeout_s;
    uint64_t max_response_bytes;
    bool allow_http;
    enum forms_report report; /* what its results are told as */
    unsigned results;         /* FORM_BIT: made by the daemon when a job is loaded; 0: none */
    int64_t cache_ttl_ms;     /* a job that completed so long ago answers the same one; 0: none does */
    struct source_member members[SOURCE_MAX_MEMBERS];
    unsigned member_count;
    cJSON *settings;   /* constants of the definition as they hold, or NULL; owned */
    cJSON *definition; /* the whole file, settings put in, owned */
};

/* Check and take in one definition. file is named in errors ("sources/x.json: line 3 column 5: ...", "sources/x.json: /paginator/limit: ..."). Runs json_check
 * first; unknown members are errors with the nearest known name; the file's name without .json must be the source's name; https unless allow_http or a loopback
 * host; Pointers, templates, durations and limits are checked here so that nothing can be wrong later. RC_PERM with err. */
enum rc source_parse(const char *file, const char *text, size_t length, struct source **source, struct err *err);
/* The same with a configuration's settings for it (object of names and values, checked by source_settings_check, or NULL), which hold over its own: only names
 * that the definition has, with values of the same type, or null. */
enum rc source_parse_with(const char *file, const char *text, size_t length, const cJSON *settings, struct source **source, struct err *err);
void source_free(struct source *source);

/* The member of type urls, or NULL. */
const struct source_member *source_urls(const struct source *source);

struct check;
/* The object of settings that stands at the current place of a check. */
enum rc source_settings_check(struct check *check, const cJSON *settings);
/* It is neither "", null nor false. */
bool source_is_set(const cJSON *settings, const char *name);
/* The ways of a step that the job and the settings allow: the first one from `from` on; way_count: none. */
unsigned source_first_way(const struct source_step *step, unsigned from, const cJSON *job);
/* Calls fn for every template reference of one way of a step, and of its for_each. */
enum rc source_each_way_reference(const struct source_step *step, unsigned way, template_seen *fn, void *context);
/* Names of the secrets that templates of this source use, of ways that can be taken: calls fn for each once; optional: it may be missing. */
void source_secrets(const struct source *source, void (*fn)(void *context, const char *name, bool optional), void *context);
/* "secret a", or "secrets a, b": by which a request of this way of a step says who asks, or, step NULL, any of the source, but those that may be missing. "":
 * by none. */
#define SOURCE_NAMES_SIZE 200
const char *source_secret_names(const struct source *source, const struct source_step *step, unsigned way, char out[SOURCE_NAMES_SIZE]);
/* True when a template of this source uses the job's member. */
bool source_uses(const struct source *source, const char *job_member);

#endif
