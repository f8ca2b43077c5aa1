// SPDX-License-Identifier: Apache-2.0
#include "api/account.h"

#include "api/apikey.h"

#include <errno.h>
#include <sodium.h>

void account_wipe(struct account_signed_in *in) {
    sodium_memzero(in, sizeof *in);
}

static enum rc add_access(const struct secret *secret, int64_t now_s, struct account_signed_in *in, struct err *err) {
    gate_csrf(secret, in->session.family, in->csrf);
    in->access_expires_s = now_s + ACCESS_LIFE_S;
    return access_issue(secret, &in->user, in->session.family, now_s, in->access, err);
}

static enum rc begin(const struct spool *spool, const struct secret *secret, int64_t now_s, struct account_signed_in *in, struct err *err) {
    enum rc rc = sessions_begin(spool, &in->user, now_s, &in->session, in->refresh, err);
    return rc ? rc : add_access(secret, now_s, in, err);
}

enum rc account_login(const struct spool *spool, const struct secret *secret, const char *name, const char *password, int64_t now_s,
                      struct account_signed_in *in, struct err *err) {
    *in = (struct account_signed_in){.access_expires_s = 0};
    enum rc rc = users_verify(spool, name, password, &in->user, err);
    return rc ? rc : begin(spool, secret, now_s, in, err);
}

enum rc account_refresh(const struct spool *spool, const struct secret *secret, const char *refresh, int64_t now_s, struct account_signed_in *in, bool *reused,
                        struct err *err) {
    *in = (struct account_signed_in){.access_expires_s = 0};
    enum rc rc = sessions_rotate(spool, secret, refresh, now_s, &in->session, &in->user, in->refresh, reused, err);
    return rc ? rc : add_access(secret, now_s, in, err);
}

enum rc account_change_password(const struct spool *spool, const struct secret *secret, const char *name, const char *old, const char *password, int64_t now_s,
                                struct account_signed_in *in, struct err *err) {
    *in = (struct account_signed_in){.access_expires_s = 0};
    enum rc rc = users_password_check(name, password, err);
    if (rc) {
        errno = EINVAL;
        return rc;
    }
    rc = users_verify(spool, name, old, &in->user, err);
    errno = rc == RC_PERM ? EACCES : errno;
    rc = rc ? rc : account_set_password(spool, name, password, err);
    rc = rc ? rc : users_get(spool, name, &in->user, err); /* its new epoch */
    return rc ? rc : begin(spool, secret, now_s, in, err);
}

enum rc account_set_password(const struct spool *spool, const char *name, const char *password, struct err *err) {
    enum rc rc = users_set_password(spool, name, password, err);
    return rc ? rc : sessions_end_all(spool, name, NULL, err);
}

enum rc account_set_disabled(const struct spool *spool, const char *name, bool disabled, struct err *err) {
    enum rc rc = users_set_disabled(spool, name, disabled, err);
    return rc ? rc : sessions_end_all(spool, name, NULL, err);
}

enum rc account_remove(const struct spool *spool, const char *name, struct err *err) {
    enum rc rc = users_remove(spool, name, err);
    rc = rc ? rc : sessions_end_all(spool, name, NULL, err);
    return rc ? rc : apikey_remove_all(spool, name, err);
}
