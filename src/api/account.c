// SPDX-License-Identifier: Apache-2.0
#include "api/account.h"

#include "api/apikey.h"
#include "api/sessions.h"

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
