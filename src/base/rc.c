// SPDX-License-Identifier: Apache-2.0
#include "base/rc.h"

#include <errno.h>

const char *rc_name(enum rc rc) {
    switch (rc) {
    case RC_OK:
        return "ok";
    case RC_AGAIN:
        return "again";
    case RC_GONE:
        return "gone";
    case RC_TEMP:
        return "temp";
    case RC_PERM:
        return "perm";
    case RC_CORRUPT:
        return "corrupt";
    case RC_NOSPACE:
        return "nospace";
    case RC_CANCELLED:
        return "cancelled";
    case RC_FATAL:
        return "fatal";
    }
    return "unknown";
}

enum rc rc_from_errno(int errnum) {
    switch (errnum) {
    case 0:
        return RC_OK;
    case ENOENT:
    case ESTALE:
        return RC_GONE;
    case EAGAIN: /* the same number as EWOULDBLOCK */
    case EINTR:
        return RC_AGAIN;
    case ENOSPC:
    case EDQUOT:
        return RC_NOSPACE;
    case EACCES:
    case EPERM:
    case EEXIST:
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case ENOTDIR:
    case EISDIR:
    case EXDEV:
    case EROFS:
        return RC_PERM;
    default:
        return RC_TEMP;
    }
}
