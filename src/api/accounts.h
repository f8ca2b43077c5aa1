// SPDX-License-Identifier: Apache-2.0
#ifndef API_ACCOUNTS_H
#define API_ACCOUNTS_H

#include "api/request.h"

/* What was spent and who did what, from the journals: GET /api/money and /api/audit. On a lane; both read every journal. */

void accounts_money(struct request *r);
void accounts_audit(struct request *r);

#endif
