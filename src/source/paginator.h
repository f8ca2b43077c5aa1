// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PAGINATOR_H
#define SOURCE_PAGINATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "source/check.h"
#include "source/source.h"

/* How a search is cut into pages: one file and one row of paginator_rows[] a type (dlt's names). Pure state: it is told what was asked and what came,
 * also when the journal is replayed. */

struct page {
    uint32_t batch;         /* unit number, from 1 */
    uint64_t offset, limit; /* what is sent as offset and limit; limit 0: the type has none */
    char token[2048];       /* cursor or next URL of types that have one; "" */
};

struct page_facts {   /* of a captured page; all of it is in its journal line */
    uint64_t records; /* elements at data_selector */
    uint64_t total;   /* UINT64_MAX: not named */
    char token[2048]; /* what else the type must know of the answer: next cursor or URL; "more" or "end" by has_more_path; "" none */
};

struct paginator_start {
    uint64_t take;      /* UINT64_MAX: all */
    uint64_t total;     /* from a preview; UINT64_MAX: not known */
    uint64_t page_size; /* the job's batch_size, already within max_limit */
};

struct placement {           /* the request that a page is put into */
    char *url;               /* owned, malloc; types whose pages have a URL of their own replace it */
    cJSON *params, *headers; /* objects */
    cJSON *json;             /* body, or NULL; may be replaced */
};

struct paginator_row;
struct paginator { /* the plan of one job's run: the first member of each type's own state */
    const struct paginator_row *row;
};

struct paginator_row {
    const char *type;
    bool trims;                                               /* can ask for fewer than a full page: `take` is allowed on metered sources */
    bool total_is_records;                                    /* the source's total is a count of records: fit for coverage (page_number: no) */
    const char *const *options;                               /* members allowed in the definition beside `type`, `limit`, `max_limit`; NULL at the end */
    void (*check)(struct check *check, const cJSON *options); /* the definition, once: nothing can be wrong later */
    enum rc (*create)(const struct source *source, const struct paginator_start *start, struct paginator **paginator);
    void (*destroy)(struct paginator *paginator);
    enum rc (*next)(struct paginator *paginator, struct page *page);
    void (*restore)(struct paginator *paginator, const struct page *page);
    void (*doubt)(struct paginator *paginator, const struct page *page); /* or NULL */
    void (*answer)(struct paginator *paginator, const struct page *page, const struct page_facts *facts);
    bool (*ended)(const struct paginator *paginator);
    enum rc (*place)(const struct source *source, const struct page *page, struct placement *placement);
    void (*read)(const struct source *source, struct slice document, struct page_facts *facts); /* total and token from a body that json_check accepted */
};
const struct paginator_row *paginator_row(const char *type); /* NULL: no such type */
extern const struct paginator_row *const paginator_rows[];   /* NULL at the end */

/* RC_TEMP: out of memory; RC_PERM: the start does not fit the type (err). */
enum rc paginator_new(const struct source *source, const struct paginator_start *start, struct paginator **paginator, struct err *err);
void paginator_free(struct paginator *paginator);

/* The next page to ask for, with its batch number. RC_AGAIN: only after an answer of a page that is out (one page is asked alone until the server's own
 * page size and the total are known; the answers of the last pages may call for more). RC_GONE: all pages were handed out and answered. RC_PERM: there
 * would be more than LIMIT_BATCHES. RC_TEMP: out of memory. A page shorter than asked although the total says there is more: later pages follow the
 * records that really came (a server with a smaller page maximum), and a gap left behind by pages already out is asked for by a page of its own, numbered
 * after the others. */
enum rc paginator_next(struct paginator *paginator, struct page *page);
/* This page was handed out in an earlier run (journal `requested`); in any order, before answers. */
void paginator_restore(struct paginator *paginator, const struct page *page);
/* What came for a page that was handed out or restored; each page once, in any order: the total that counts is that of the page with the highest batch
 * number. A total of 0 beside records is none. */
void paginator_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts);
/* This page is out, and nobody knows when its answer will be told (CHARGE_UNKNOWN): it is not waited for. The others go on as if it gave what it asked for. */
void paginator_doubt(struct paginator *paginator, const struct page *page);
/* True when every page was handed out and answered and the paginator's own rule says that nothing follows (total reached; without a total: an empty page or
 * has_more false). A given-up page is told as an answer with the records that were asked for. */
bool paginator_ended(const struct paginator *paginator);
/* Put offset, limit, cursor where the definition wants them: *_param into params, *_body_path into json. */
enum rc paginator_place(const struct source *source, const struct page *page, struct placement *placement, struct err *err);
/* Total and token of an answer's body; facts->records is given. total of a header (UINT64_MAX: none) counts when the body names none. */
void paginator_read(const struct source *source, struct slice document, uint64_t header_total, struct page_facts *facts);

#endif
