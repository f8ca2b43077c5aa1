// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_ANSWER_H
#define SOURCE_ANSWER_H

#include "source/keys.h"
#include "source/request.h"

/* What an answer means (DESIGN 5 Charges): first whether it was charged, then what to do. Pure. */

enum charge { CHARGE_NONE, CHARGE_SPENT, CHARGE_IN_DOUBT };

struct answer {
    bool sent;                   /* false: the request never left (name look-up, connect, TLS) */
    bool complete;               /* the whole answer came, undamaged */
    int status;                  /* 0 when none came */
    struct slice body;           /* what came, decoded; may be cut */
    const char *transport_error; /* text, or NULL */
    int64_t retry_after_s;       /* from Retry-After in either form, clamped to [1, LIMIT_RETRY_AFTER_S]; 0: none */
    const struct fields *fields; /* header fields that source->wanted names, or NULL */
    struct keys *keys;           /* to be filled with those of a good page's records; or NULL */
    const char *url;             /* that it was asked from, secrets left out: base of relative links; or NULL */
    bool inner;                  /* of a step before the last: any JSON will do, no records are looked for */
};

struct verdict {
    enum charge charge;
    enum source_action action; /* of not charged answers, and SUCCESS; for CHARGE_IN_DOUBT: FAIL, or RETRY when the source is idempotent */
    char reason[48];           /* "status_503", "timeout", "invalid_json", "no_records", "rate_limited", "unauthorized", "error_body" ... */
    char error[400];           /* the provider's words (error_message_path, or `error`/`message`), control characters escaped */
    bool pause_source;         /* 401, 403 */
    unsigned max_retries;      /* RETRY: those of the filter, which count apart; 0: the source's */
    bool until_window;         /* RATE_LIMITED: until the longest fixed window begins anew */
    bool throttle;             /* RETRY: it counts against the unit's group */
    /* of a good page */
    struct slice records; /* the array at data_selector */
    struct page_facts facts;
    struct dec cost;
    bool has_cost; /* at cost_path */
};

/* Judge. A paid 200 passes when it is complete, JSON to its end (json_check with json_rules_payload), no filter with `has` matches, and data_selector is an
 * array. Statuses default as in Airbyte (408, 5xx RETRY; 429 RATE_LIMITED; 402 HOLD; 401, 403 pause; other 4xx FAIL; 3xx FAIL), response_filters first in their
 * order for answers that were not charged; but 401 and 403 pause the source (action HOLD) unless the filter that matches names the status. For a free source
 * 5xx, broken and damaged answers are RETRY. A paid 200 whose body matches a filter such as {"has":
 * "/error"} is a body that fails a check: in doubt, with the provider's message (unless the first such filter says SUCCESS). A paid answer is not charged when
 * it was not sent or has a status 4xx. IGNORE leaves facts.records 0: the page counts as an empty one. */
void answer_judge(const struct source *source, enum request_kind kind, const struct answer *answer, struct verdict *verdict);

/* Count and cost of a preview's 200. total: count_path, else what the paginator reads (total_path, total_header) where that counts records, else
 * UINT64_MAX. */
void answer_preview(const struct source *source, const struct answer *answer, uint64_t *total, struct dec *cost, bool *has_cost);

/* The primary key of one record as bytes that identify it: for each pointer the type's letter and the decoded string or the number's canonical text, joined so
 * that no two different keys look alike. False: missing, null, or an array/object. out is reset first. */
bool answer_record_key(const struct source *source, struct slice record, struct buf *out);
/* The same for a value that is a record's only key. */
bool answer_key(struct slice value, struct buf *out);
/* The same for a child of a record. */
bool answer_child_key(const struct source_child *child, struct slice value, struct buf *out);

#endif
