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
    int64_t created_after_us, created_before_us, updated_after_us, updated_before_us; /* 0: any */
    bool loaded, unloaded, error, automatic, manual;
};

/* What is looked at: borrowed texts. */
struct filter_job {
    const char *id, *source, *campaign, *owner, *reason, *mode;
    const char *text; /* id, name, campaign and source in lower case, blanks between them: what words are looked for in */
    enum place place;
    enum priority priority;
    bool automatic, unloaded, loaded, error;
    int64_t created_us, updated_us;
};

/* One word: RC_PERM with a text that says what there is. */
enum rc filter_add(struct filter *filter, const char *key, const char *value, int64_t now_us, struct err *err);
/* The one box, into a zeroed filter. RC_PERM: err names the word. */
enum rc filter_parse(struct filter *filter, const char *text, int64_t now_us, struct err *err);
/* Without the parts that need texts: false is final. */
bool filter_may_have(const struct filter *filter, enum place place, enum priority priority, bool runs, int64_t created_us, int64_t updated_us);
/* It asks for no more than that. */
bool filter_is_plain(const struct filter *filter);
bool filter_has(const struct filter *filter, const struct filter_job *job);

#endif
