// SPDX-License-Identifier: Apache-2.0
#ifndef NET_FETCH_HEAD_H
#define NET_FETCH_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fields.h"

/* The headers of one answer, line by line, and the few values that are wanted of them: part of net/fetch. {0} before the first line; fields are released by
 * the caller. */
struct fetch_head {
    int status;             /* of the final answer; 0 before it */
    size_t bytes;           /* of all lines, interim answers (1xx) and trailers too */
    bool in_head;           /* between a status line and its empty line */
    bool interim;           /* the last status line was a 1xx */
    bool ended;             /* the final answer's headers are all there; what comes now are trailers */
    struct fields fields;   /* those that are wanted, whole */
    char content_type[128]; /* "" when absent, cut when longer, like the next */
    char request_id[128];
    char retry_after[64];
    char location[4096]; /* "" when absent or longer */
};

/* One line as libcurl hands it out, with its line end. wanted: names, NULL at the end, or NULL. False when the answer has more than LIMIT_HEADER_BYTES of
 * headers, or out of memory. */
bool fetch_head_line(struct fetch_head *head, const char *const *wanted, const char *line, size_t length);

#endif
