// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PAGINATOR_IDS_H
#define SOURCE_PAGINATOR_IDS_H

#include "source/paginator.h"

/*
 * The plan of a delta purchase: a list of `count` ids is cut into slices of `size`, and each slice is asked for by a search for its ids. A page's offset is the
 * place in the list where its slice begins, its limit how many of the slice's ids are still wanted. A slice of which fewer came is asked for again (the rest of
 * it) until nothing more of it comes. No row of paginator_rows[]: no definition names it. RC_TEMP: out of memory.
 */
enum rc paginator_ids_new(uint64_t count, uint64_t size, struct paginator **paginator);

#endif
