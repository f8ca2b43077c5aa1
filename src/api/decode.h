// SPDX-License-Identifier: Apache-2.0
#ifndef API_DECODE_H
#define API_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Percent-encoding (RFC 3986) of what clients send; a boundary: nothing that it gives has a NUL or is no UTF-8. */

/* Decoded and NUL-terminated; the caller frees. NULL: a broken escape, %00, no UTF-8, or out of memory. */
char *decode_percent(const char *text, size_t length);
/* Everything but unreserved characters escaped. */
enum rc decode_escape(struct buf *out, const char *text);

#endif
