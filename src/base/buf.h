// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/rc.h"

/* A growing byte buffer with a maximum. The bytes are always followed by a NUL that length does not count. */
struct buf {
    char *data; /* NULL while empty and never grown; owned */
    size_t length, capacity, max;
};

#define BUF_INIT(max_bytes)                                                                                                                                    \
    { .data = NULL, .length = 0, .capacity = 0, .max = (max_bytes) }

void buf_init(struct buf *b, size_t max_bytes);
void buf_release(struct buf *b);           /* frees; the buffer may be used again */
void buf_reset(struct buf *b);             /* length 0, memory kept */
char *buf_take(struct buf *b);             /* gives the NUL-terminated bytes to the caller (free()); never NULL unless out of memory */
const char *buf_text(const struct buf *b); /* NUL-terminated, "" when empty; borrowed until the next change */

/* Each returns RC_OK, RC_PERM when max would be passed (nothing appended), RC_TEMP when out of memory. */
enum rc buf_add(struct buf *b, const void *bytes, size_t length);
enum rc buf_add_text(struct buf *b, const char *text);
enum rc buf_add_char(struct buf *b, char c);
enum rc buf_reserve(struct buf *b, size_t more); /* room for `more` bytes after length */
enum rc buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum rc buf_vprintf(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

#endif
