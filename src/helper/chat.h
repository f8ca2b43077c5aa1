// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_CHAT_H
#define HELPER_CHAT_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/err.h"

/* Answers of OpenAI-compatible chat completions, as they were captured. */

struct chat_tokens {
    uint64_t prompt, completion, total;
};

struct chat {
    const char *content; /* of the first choice; borrowed from the answer, into which it may be put */
    const char *model;   /* or NULL */
    struct chat_tokens tokens;
};

/* What a completion says, when it is whole. RC_PERM: it was cut off at the limit of tokens (finish_reason length), refused, filtered, asks for a tool, or is no
 * completion; err says which, and the mend. RC_TEMP: it has no text, which another try may have. tokens are set in any case. */
enum rc chat_read(cJSON *answer, struct chat *out, struct err *err);

/* The JSON value in a content: all of it, or in a fence, or the first one between words. The caller frees *json. RC_TEMP: there is none, which another try may
 * mend. */
enum rc chat_extract(const char *content, cJSON **json, struct err *err);

#endif
