// SPDX-License-Identifier: Apache-2.0
#ifndef API_TIDY_H
#define API_TIDY_H

#include "api/api.h"

/* What of web/ is past its time goes, at start and every TIDY_EVERY_MS, on a lane: sessions, keys of idempotency. */
#define TIDY_EVERY_MS 3600000

struct tidy;

struct tidy *tidy_new(struct api *api); /* NULL: out of memory; then nothing goes until the next start */
void tidy_stop(struct tidy *tidy);      /* before the lanes end; NULL: nothing */

#endif
