// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PAGINATOR_SPLIT_H
#define SOURCE_PAGINATOR_SPLIT_H

#include "source/paginator.h"

/* `offset` with `split` (source/split.h): a plan of several searches by offset, one a part, each within maximum_offset. A part with more records is halved, and
 * the source asked (paginator_probe) how many each half has, before any page is. */
enum rc paginator_split_create(const struct source *source, const struct paginator_start *start, struct paginator **paginator);

#endif
