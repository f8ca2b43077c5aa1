// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PAGINATOR_H
#define SOURCE_PAGINATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fields.h"
#include "base/limits.h"
#include "source/check.h"
#include "source/source.h"

/* How a search is cut into pages: one file and one row of paginator_rows[] a type (dlt's names). Pure state: it is told what was asked and what came,
 * also when the journal is replayed. */

struct page {
    uint32_t batch;                /* unit number, from 1 */
    uint64_t offset, limit;        /* offset: of the first record, or the page number; limit 0: the type sends none */
    char token[LIMIT_TOKEN_BYTES]; /* of types that have one: the cursor as JSON text, the header's cursor, or the page's URL; "" for the first page */
};

enum page_more { MORE_UNKNOWN, MORE_YES, MORE_NO };

struct page_facts {                /* of a captured page; all of it is in its journal line */
    uint64_t records;              /* elements at data_selector */
    uint64_t total;                /* as the paginator counts; UINT64_MAX: not named */
    uint64_t count;                /* records of the search (or of its part), by count_path or the same total; UINT64_MAX: not named */
    enum page_more more;           /* by has_more_path */
    bool given_up;                 /* nothing is known of its answer: a person closed it */
    char token[LIMIT_TOKEN_BYTES]; /* next cursor or URL, "": none */
    char fault[160];               /* why what the answer says of the next page cannot be used; "" nothing */
};

struct page_answer { /* that paginator_read looks at; borrowed */
    struct slice document;
    const struct json_outline *outline; /* of the document, or NULL */
    const struct fields *fields;        /* those that source->wanted names */
    const char *url;                    /* that the page was asked from, without its query's secrets: base of relative links */
};

struct paginator_start {
    uint64_t take;         /* UINT64_MAX: all */
    uint64_t total;        /* from a preview; UINT64_MAX: not known */
    uint64_t page_size;    /* the job's batch_size, already within max_limit; 0: the source has no limit */
    const char *first_url; /* that of the first page, without secrets, where a link may lead back to; or NULL */
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
    bool trims;                 /* can ask for fewer than a full page, once the definition says where the limit goes */
    bool links;                 /* a page's token is its URL */
    bool by_position;           /* the next page begins where this one should have ended: a server that ignores the limit would send records again */
    bool total_is_records;      /* the source's total is a count of records: fit for coverage */
    bool total_by_default;      /* total_path is "/total" when neither it nor total_header is given */
    const char *limit_param;    /* where the limit goes when the definition does not say; NULL: nowhere */
    const char *const *options; /* members allowed in the definition beside the common ones; NULL at the end */
    void (*check)(struct check *check, struct source *source); /* the definition, once: nothing can be wrong later. The common options are checked already */
    enum rc (*create)(const struct source *source, const struct paginator_start *start, struct paginator **paginator);
    void (*destroy)(struct paginator *paginator);
    enum rc (*next)(struct paginator *paginator, struct page *page);
    void (*restore)(struct paginator *paginator, const struct page *page);
    void (*doubt)(struct paginator *paginator, const struct page *page); /* or NULL */
    void (*answer)(struct paginator *paginator, const struct page *page, const struct page_facts *facts);
    bool (*ended)(const struct paginator *paginator);
    const char *(*fault)(const struct paginator *paginator);       /* or NULL: it has none */
    bool (*probe)(struct paginator *paginator, struct page *page); /* or NULL, like the next */
    void (*probed)(struct paginator *paginator, const struct page *page, uint64_t total);
    enum rc (*place)(const struct source *source, const struct page *page, struct placement *placement);
    void (*read)(const struct source *source, const struct page_answer *answer, struct page_facts *facts); /* token and fault; or NULL */
};
const struct paginator_row *paginator_row(const char *type); /* NULL: no such type */
extern const struct paginator_row *const paginator_rows[];   /* NULL at the end */

/* Members that every type may have: type, limit, max_limit, limit_param | limit_body_path | limit_header, total_path | total_header, has_more_path,
 * stop_after_empty_page. Checks them, and that no body path is given with a GET. */
extern const char *const paginator_common[];
void paginator_check(struct check *check, struct source *source);
/* With this definition `take` can be exact; the total counts records. */
bool paginator_trims(const struct source *source);
bool paginator_total_is_records(const struct source *source);
/* Of a paid search no more is asked for than it is said to have (total; UINT64_MAX: not known): the last page is priced, and can be charged, by what is left.
 * records: how many came so far. */
void paginator_trim(const struct source *source, uint64_t total, uint64_t records, struct page *page);

/* RC_TEMP: out of memory; RC_PERM: the start does not fit the type (err). */
enum rc paginator_new(const struct source *source, const struct paginator_start *start, struct paginator **paginator, struct err *err);
void paginator_free(struct paginator *paginator);

/* What must be asked before the first page: the total of a part of the search (page->token names it; batch 0). False: nothing (more). Its answer is told to
 * paginator_probed, with UINT64_MAX for none, also when the journal is replayed, in the order of asking. */
bool paginator_probe(struct paginator *paginator, struct page *page);
void paginator_probed(struct paginator *paginator, const struct page *page, uint64_t total);
/* The next page to ask for, with its batch number. RC_AGAIN: only after an answer of a page that is out (one page is asked alone until the server's own
 * page size and the total are known; the answers of the last pages may call for more). RC_GONE: all pages were handed out and answered, or
 * paginator_fault tells why no more can be. RC_PERM: there would be more than LIMIT_BATCHES. RC_TEMP: out of memory. A page shorter than asked although
 * the total says there is more: later pages follow the records that really came (a server with a smaller page maximum), and a gap left behind by pages
 * already out is asked for by a page of its own, numbered after the others. */
enum rc paginator_next(struct paginator *paginator, struct page *page);
/* This page was handed out in an earlier run (journal `requested`); in any order, before answers. */
void paginator_restore(struct paginator *paginator, const struct page *page);
/* What came for a page that was handed out or restored; each page once, in any order: the total that counts is that of the page with the highest batch
 * number. A total of 0 beside records is none. */
void paginator_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts);
/* This page is out, and nobody knows when its answer will be told (CHARGE_UNKNOWN): it is not waited for. The others go on as if it gave what it asked for;
 * types in which the answer names the next page cannot. */
void paginator_doubt(struct paginator *paginator, const struct page *page);
/* True when every page was handed out and answered and the paginator's own rule says that nothing follows (total reached; without a total: an empty page,
 * has_more false, no next cursor or link). A given-up page is told as an answer with the records that were asked for. */
bool paginator_ended(const struct paginator *paginator);
/* Why no more pages can be asked for although the search has not ended: a cursor that came before, a link that cannot be followed, the cursor of a page that
 * was given up. NULL: there is no such reason. Borrowed. */
const char *paginator_fault(const struct paginator *paginator);
/* Put limit, and offset, page number or cursor, where the definition wants them. */
enum rc paginator_place(const struct source *source, const struct page *page, struct placement *placement, struct err *err);
/* Total, has_more, token and fault of a good answer, whose body json_check accepted; facts->records is given. */
void paginator_read(const struct source *source, const struct page_answer *answer, struct page_facts *facts);

/* --- for the rows ------------------------------------------------------------------------------------------------- */

const cJSON *paginator_option(const struct source *source, const char *name); /* NULL: not given, or null */
uint64_t paginator_number(const struct source *source, const char *name, uint64_t otherwise);
/* The value at a Pointer of the answer. */
bool paginator_find(const struct page_answer *answer, const char *pointer, struct slice *value);
/* stop_after_empty_page, by the type's default. */
bool paginator_stops_when_empty(const struct source *source, bool otherwise);
/* Check the three ways to place a value: <name>_param, <name>_body_path, <name>_header; at most one of them. */
void paginator_check_place(struct check *check, const struct source *source, const char *name);
/* Have answers keep the header field that the option names (it is checked), or else `otherwise`; either may be NULL. */
void paginator_want(struct check *check, struct source *source, const char *option, const char *otherwise);
/* The definition, or the type, says where the limit goes; otherwise pages have limit 0. */
bool paginator_sends_limit(const struct source *source);
/* Put a value (JSON text: a string with its quotes, or a number, object, array as it came) at <name>_body_path as it is, or into <name>_header or
 * <name>_param (param when none is given; NULL: nowhere) as text. RC_PERM: there is no such place in the body. */
enum rc paginator_put(const struct source *source, const char *name, const char *param, struct slice json, struct placement *placement);
/* Set the value (taken) at a Pointer (not "") of a body; "-" is the end of an array. RC_PERM: it leads through something that is neither object nor array. */
enum rc paginator_put_value(cJSON **json, const char *pointer, cJSON *value);
/* paginator_check_place and paginator_put with the options of another part of the definition. */
void paginator_check_place_in(struct check *check, const struct source *source, const cJSON *options, const char *name);
enum rc paginator_put_in(const cJSON *options, const char *name, const char *param, struct slice json, struct placement *placement);
enum rc paginator_put_number(const struct source *source, const char *name, const char *param, uint64_t value, struct placement *placement);

#endif
