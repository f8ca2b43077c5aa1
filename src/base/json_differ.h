// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_JSON_DIFFER_H
#define BASE_JSON_DIFFER_H

#include "base/json.h"
#include "base/limits.h"

#define JSON_DIFFER_POINTER (LIMIT_POINTER_BYTES + 1)

/* Where two documents differ first, blanks and the form of numbers and texts apart: a JSON Pointer (names as they are written), and the values there. Both were
 * accepted by json_check. Where one has members that the other has not, or in another order, it is their object. False: they do not differ. RC_TEMP in *rc: out
 * of memory. */
bool json_differ(struct slice *a, struct slice *b, char pointer[JSON_DIFFER_POINTER], enum rc *rc);

#endif
