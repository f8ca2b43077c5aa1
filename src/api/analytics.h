// SPDX-License-Identifier: Apache-2.0
#ifndef API_ANALYTICS_H
#define API_ANALYTICS_H

#include "api/request.h"

/* GET /api/analytics?window=24h&source=&owner=: figures over a window (api/trend.h says how exact): of the jobs of mode run; to an operator of the own ones. */
void analytics(struct request *r);

#endif
