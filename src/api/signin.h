// SPDX-License-Identifier: Apache-2.0
#ifndef API_SIGNIN_H
#define API_SIGNIN_H

#include "api/request.h"

/* /api/auth and /api/users: signing in, keys, users. What takes a password runs on the lane of users. */

bool signin_login_prepare(struct request *r);
void signin_login(struct request *r); /* lane */
void signin_login_done(struct request *r);
void signin_refresh(struct request *r); /* lane */
void signin_logout(struct request *r);  /* lane */
bool signin_password_prepare(struct request *r);
void signin_password(struct request *r); /* lane */
void signin_password_done(struct request *r);
void signin_me(struct request *r);

void signin_keys(struct request *r);
void signin_key_add(struct request *r);    /* lane */
void signin_key_remove(struct request *r); /* lane */

void signin_users(struct request *r);
void signin_user_add(struct request *r);    /* lane */
void signin_user_change(struct request *r); /* lane */
void signin_user_remove(struct request *r); /* lane */

/* A line in web/audit.ndjson of an act that leaves no other trace. On a lane. outcome NULL: "ok" below status 400, else the reply's detail is not told but its
 * status. */
void signin_audit(const struct request *r, const char *act, const char *target, const char *outcome);

#endif
