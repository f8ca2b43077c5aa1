// SPDX-License-Identifier: Apache-2.0
#ifndef API_SUGGESTIONS_H
#define API_SUGGESTIONS_H

#include "api/request.h"

/* GET /api/sources/{name}/suggest: the daemon asks the source, by a job of mode probe, and what came is kept here for as long as the source says. Whatever goes
 * wrong, the answer is that there are none now, and the builder's field is a plain one. */

#define SUGGESTIONS_KEPT 1000u

struct suggestions;

struct suggestions *suggestions_new(void); /* NULL: out of memory */
void suggestions_free(struct suggestions *suggestions);

bool suggestions_prepare(struct request *r);
void suggestions_ask(struct request *r); /* lane of the sources */
void suggestions_wait(struct request *r);

#endif
