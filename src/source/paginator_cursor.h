// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PAGINATOR_CURSOR_H
#define SOURCE_PAGINATOR_CURSOR_H

#include "source/paginator.h"

/* The answer names a cursor, with which the next page is asked for: `cursor` in its body (the token is the cursor's JSON text as it came; null, false, "" and 0
 * end), `header_cursor` in a header (the token is its text). */
extern const struct paginator_row paginator_cursor, paginator_header_cursor;

#endif
