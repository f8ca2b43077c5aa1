// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_DETECT_PARTS_H
#define SOURCE_DETECT_PARTS_H

#include "base/digest.h"
#include "base/json.h"
#include "base/limits.h"
#include "source/detect.h"

/* What the files of detect share. Internal to src/source. */

#define DETECT_POINTER (LIMIT_POINTER_BYTES + 1)
#define DETECT_MOST_RECORDS 1000u /* that are looked at */
#define DETECT_MOST_PARAMS 64u
#define DETECT_MOST_SECRETS 16u

/* What one document says (detect_look.c). Texts are "" when there is none. */
struct detect_look {
    char records[DETECT_POINTER]; /* where they are; has_records tells whether */
    bool has_records, bare;       /* bare: no objects */
    uint64_t count;
    char key[DETECT_POINTER];
    bool sure_key; /* its name says that it is one */
    char total[DETECT_POINTER];
    bool weak_total; /* its name may mean the records of the page */
    uint64_t total_value;
    char next_url[DETECT_POINTER], cursor[DETECT_POINTER], has_more[DETECT_POINTER];
    struct buf token; /* the cursor's text; released by the caller */
};

/* RC_PERM: no JSON (err). RC_TEMP. not_total: a Pointer that is known to be no total, or "". */
enum rc detect_look_at(struct slice document, const char *not_total, struct detect_look *look, struct err *err);
/* What tells a record from others: its key when there is one, else its text. */
void detect_sum(const struct detect_look *look, struct slice record, unsigned char sum[DIGEST_BYTES]);
/* Lower-case letters and digits of text alone. */
void detect_plain(const char *text, char out[64]);

enum detect_kind { DETECT_SINGLE, DETECT_HEADER_LINK, DETECT_JSON_LINK, DETECT_CURSOR, DETECT_OFFSET, DETECT_PAGE };

struct detect_param {
    char *name, *value; /* decoded, owned */
};

struct detect {
    struct detect_setup setup;
    char *base; /* the URL without query and fragment */
    struct detect_param params[DETECT_MOST_PARAMS];
    unsigned param_count;
    struct detect_look look;             /* of the first answer */
    unsigned char (*sums)[DIGEST_BYTES]; /* of its records */
    size_t sum_count;
    const char *total_header; /* or NULL */
    uint64_t total_header_value;
    bool link_header;
    /* what was found */
    enum detect_kind kind;
    const char *limit_param, *place_param; /* NULL: none; place: offset, page or cursor */
    uint64_t base_number;                  /* of the first record or page */
    uint64_t limit, max_limit;             /* 0: not known */
    bool refused_cursor;                   /* a cursor is there, and no parameter takes it */
    bool total_checked;                    /* a smaller page named the same total */
    /* the plan (detect.c) */
    unsigned stage, requests;
    size_t at, partner;
    uint64_t at_one; /* where the page at 1 begins in the first answer */
    bool sized, failed;
};

/* A parameter or header whose value must not be written down. */
bool detect_is_secret(const char *name, bool header);

#endif
