// SPDX-License-Identifier: Apache-2.0
#ifndef API_ACCOUNT_H
#define API_ACCOUNT_H

#include "api/users.h"

/* users_set_password, users_set_disabled and users_remove with what goes with them: the files of sessions, and on removal keys. What a crash between leaves is
 * worth nothing (see epoch of users.h, owner_since of apikey.h). On a lane, or in a program. */

enum rc account_set_password(const struct spool *spool, const char *name, const char *password, struct err *err);
enum rc account_set_disabled(const struct spool *spool, const char *name, bool disabled, struct err *err);
enum rc account_remove(const struct spool *spool, const char *name, struct err *err);

#endif
