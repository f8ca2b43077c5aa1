// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Longer than any text that is kept, so that what vsnprintf cuts off is never seen; the arguments may lie in err->text itself. */
#define RAW_SIZE 1024

_Static_assert(RAW_SIZE > sizeof(((struct err *)0)->text), "a cut text must be noticed by str_printable");

static void keep(struct err *err, const char *raw) {
    (void)str_printable(err->text, sizeof(err->text), raw, strlen(raw));
}

enum rc err_set(struct err *err, enum rc rc, const char *format, ...) {
    char raw[RAW_SIZE];
    va_list args;

    if (err == NULL) {
        return rc;
    }
    va_start(args, format);
    (void)vsnprintf(raw, sizeof(raw), format, args);
    va_end(args);
    keep(err, raw);
    return rc;
}

enum rc err_sys(struct err *err, const char *format, ...) {
    int errnum = errno;

    if (err != NULL) {
        char raw[RAW_SIZE], whole[RAW_SIZE], reason[128];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(raw, sizeof(raw), format, args);
        va_end(args);
        /* A path as long as PATH_MAX must not push the reason out. */
        (void)snprintf(whole, sizeof(whole), "%.460s: %s", raw, strerror_r(errnum, reason, sizeof(reason)));
        keep(err, whole);
    }
    errno = errnum;
    return rc_from_errno(errnum);
}

enum rc err_prefix(struct err *err, enum rc rc, const char *format, ...) {
    char raw[RAW_SIZE], whole[2 * RAW_SIZE];
    va_list args;

    if (err == NULL) {
        return rc;
    }
    va_start(args, format);
    (void)vsnprintf(raw, sizeof(raw), format, args);
    va_end(args);
    (void)snprintf(whole, sizeof(whole), "%s%s%s", raw, err->text[0] != '\0' ? ": " : "", err->text);
    keep(err, whole);
    return rc;
}
