// SPDX-License-Identifier: Apache-2.0
#ifndef API_FILTER_H
#define API_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "spool/job.h"

/*
 * Which jobs are meant: of the list, of its one box (`status:failed source:propertyradar older:2h words`), and of bulk acts.
 *
 * Words with a colon: status, source, campaign, owner, priority, mode, reason (several by commas: any of them), id (its beginning), older and newer (2h, 30m,
 * 3d, or P1D: since it was created), is (loaded, unloaded, error, auto, manual). Everything else must be found in id, name, campaign or source, in any case;
 * quotes keep blanks together. All must hold.
 */

#define FILTER_TEXT_MAX 500u
#define FILTER_LIST_MAX 8u
#define FILTER_WORDS_MAX 8u

struct filter_list { /* any of them; none: all */
    char items[FILTER_LIST_MAX][65];
    unsigned count;
};

struct filter {
    unsigned places;     /* bits of enum place; 0: all */
    unsigned priorities; /* bits of enum priority; 0: all */
    struct filter_list sources, campaigns, owners, reasons, modes /* none: run */;
    char id[JOBID_SIZE];
    char words[FILTER_WORDS_MAX][129]; /* lower case */
    unsigned word_count;
    uint64_t pairs[2];                                                                /* of all words: filter_pairs */
    int64_t created_after_us, created_before_us, updated_after_us, updated_before_us; /* 0: any */
    bool loaded, unloaded, error, automatic, manual;
};

/* What is looked at, borrowed texts: what most filters are content with, kept small by those who have 100,000 of them ... */
struct filter_glance {
    int64_t created_us, updated_us;
    const char *source, *campaign, *owner, *reason;
    const char *name;  /* with `text` behind its end */
    uint64_t pairs[2]; /* of text: filter_pairs */
    uint8_t place, priority;
    bool runs /* mode run */, automatic, unloaded, loaded, error;
};
/* ... and the rest. */
struct filter_job {
    const struct filter_glance *glance;
    const char *id, *mode;
    const char *text; /* id, name, campaign and source in lower case, blanks between them: what words are looked for in */
};

/* Adds to pairs which pairs of bytes a text has, as some of 128 bits. What lacks a bit of a word's has not the word in it: most texts need not be looked at. */
void filter_pairs(const char *text, uint64_t pairs[2]);
/* One word: RC_PERM with a text that says what there is. */
enum rc filter_add(struct filter *filter, const char *key, const char *value, int64_t now_us, struct err *err);
/* The one box, into a zeroed filter. RC_PERM: err names the word. */
enum rc filter_parse(struct filter *filter, const char *text, int64_t now_us, struct err *err);
/* False is final; true is, too, when the filter asks for no more than a glance. */
bool filter_may_have(const struct filter *filter, const struct filter_glance *glance);
bool filter_is_plain(const struct filter *filter);
bool filter_has(const struct filter *filter, const struct filter_job *job);

#endif
