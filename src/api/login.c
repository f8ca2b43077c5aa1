// SPDX-License-Identifier: Apache-2.0
#include "api/login.h"

#include "api/account.h"

#include <sodium.h>

void login_wipe(struct login *in) {
    sodium_memzero(in, sizeof *in);
}

static enum rc add_access(const struct secret *secret, int64_t now_s, struct login *in, struct err *err) {
    gate_csrf(secret, in->session.family, in->csrf);
    in->access_expires_s = now_s + ACCESS_LIFE_S;
    return access_issue(secret, &in->user, in->session.family, now_s, in->access, err);
}

static enum rc begin(const struct spool *spool, const struct secret *secret, int64_t now_s, struct login *in, struct err *err) {
    enum rc rc = sessions_begin(spool, &in->user, now_s, &in->session, in->refresh, err);
    return rc ? rc : add_access(secret, now_s, in, err);
}

enum rc login_begin(const struct spool *spool, const struct secret *secret, const char *name, const char *password, int64_t now_s, struct login *in,
                    struct err *err) {
    *in = (struct login){.access_expires_s = 0};
    enum rc rc = users_verify(spool, name, password, &in->user, err);
    return rc ? rc : begin(spool, secret, now_s, in, err);
}

enum rc login_refresh(const struct spool *spool, const struct secret *secret, const char *refresh, int64_t now_s, struct login *in, bool *reused,
                      struct err *err) {
    *in = (struct login){.access_expires_s = 0};
    enum rc rc = sessions_rotate(spool, secret, refresh, now_s, &in->session, &in->user, in->refresh, reused, err);
    return rc ? rc : add_access(secret, now_s, in, err);
}

enum rc login_change_password(const struct spool *spool, const struct secret *secret, const char *name, const char *old, const char *password, int64_t now_s,
                              struct login *in, struct err *err) {
    *in = (struct login){.access_expires_s = 0};
    enum rc rc = users_password_check(name, password, err);
    if (rc)
        return rc;
    rc = users_verify(spool, name, old, &in->user, err);
    if (rc == RC_PERM)
        return err_set(err, RC_AGAIN, "the old password is wrong");
    rc = rc ? rc : account_set_password(spool, name, password, err);
    rc = rc ? rc : users_get(spool, name, &in->user, err); /* its new epoch */
    return rc ? rc : begin(spool, secret, now_s, in, err);
}
