// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/rc.h"

/* One error text: names the file, the place and the mend (DESIGN 10). Embedded by the caller; err_init or {0} before use. */
struct err {
    char text[600]; /* NUL-terminated UTF-8, control characters escaped, cut with "..." when too long */
};

/* Set the text. Returns rc, so that `return err_set(err, RC_PERM, "...")` reads well. err may be NULL (text dropped). */
enum rc err_set(struct err *err, enum rc rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Set the text to `format: strerror(errno)`. Returns rc_from_errno(errno); errno is kept. */
enum rc err_sys(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Put `format: ` before the text that is there. Returns rc. */
enum rc err_prefix(struct err *err, enum rc rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
