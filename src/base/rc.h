// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_RC_H
#define BASE_RC_H

/* What a caller does about a result. The text that a person reads is made once, in a struct err, where the error is seen. */
enum rc {
    RC_OK = 0,
    RC_AGAIN,     /* not now: wait for the event or time that the function names, then call again */
    RC_GONE,      /* the thing is no longer (or not yet) there: look again where it may have gone */
    RC_TEMP,      /* failed this time (EIO, ENOMEM, EMFILE, network): undo, keep the state, try later */
    RC_PERM,      /* will fail again with the same input: set it aside and say why */
    RC_CORRUPT,   /* bytes are not what was written: quarantine, never use */
    RC_NOSPACE,   /* disk, inodes or quota full: keep the state, try again when there is room */
    RC_CANCELLED, /* the caller's own cancel took effect */
    RC_FATAL      /* the program cannot go on (bad configuration, broken invariant) */
};

/* The name of a result, for logs ("ok", "again" ...). Never NULL. */
const char *rc_name(enum rc rc);

/* The result that an errno stands for: ENOENT/ESTALE GONE, EAGAIN/EINTR/EWOULDBLOCK AGAIN,
 * ENOSPC/EDQUOT NOSPACE, EACCES/EPERM/EEXIST/EINVAL/ENAMETOOLONG/ELOOP/ENOTDIR/EISDIR/EXDEV/EROFS PERM, all else TEMP; 0 is OK. */
enum rc rc_from_errno(int errnum);

#endif
