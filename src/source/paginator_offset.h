// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PAGINATOR_OFFSET_H
#define SOURCE_PAGINATOR_OFFSET_H

#include "source/paginator.h"

/*
 * `offset`: pages by offset and limit. Options, as in dlt: limit (needed), offset (the first one, 0), limit_param ("limit"), offset_param ("offset"),
 * offset_body_path, offset_header, total_path ("/total"), maximum_offset, stop_after_empty_page (true), has_more_path; and split (source/split.h).
 */
extern const struct paginator_row paginator_offset;

/* For paginator_split: a plan without parts, and the number of the last page of all plans. */
enum rc paginator_offset_create(const struct source *source, const struct paginator_start *start, struct paginator **paginator);
void paginator_offset_number(struct paginator *paginator, uint32_t last_batch);

#endif
