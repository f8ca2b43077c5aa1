// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_KEYSET_H
#define ENGINE_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The set of primary keys that a job captured (DESIGN 6 Honest coverage), as sums of 128 bits: small sets in memory, large ones in an unlinked,
 * preallocated file that is mapped, so that anonymous memory stays bounded (1 MiB) whatever the job's size. Derived: made again from the raw payloads. */

#define KEYSET_KEY_BYTES 16 /* as source/keys.h gives them */

struct keyset;

/* dir_fd: where the file is made when it is needed (payloads/tmp); borrowed. NULL when out of memory. */
struct keyset *keyset_new(int dir_fd);
void keyset_free(struct keyset *set);
/* RC_OK; *fresh false when it was there before. RC_NOSPACE, RC_TEMP: the set could not grow and is unchanged. */
enum rc keyset_add(struct keyset *set, const unsigned char key[KEYSET_KEY_BYTES], bool *fresh, struct err *err);
bool keyset_has(const struct keyset *set, const unsigned char key[KEYSET_KEY_BYTES]);
uint64_t keyset_count(const struct keyset *set);

#endif
