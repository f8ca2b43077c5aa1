// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PAGINATOR_OFFSET_H
#define SOURCE_PAGINATOR_OFFSET_H

#include "source/paginator.h"

/*
 * `offset`: pages by offset and limit. Options, as in dlt: limit (needed), offset (the first one, 0), limit_param ("limit"), offset_param ("offset"),
 * limit_body_path, offset_body_path (Pointers into the body, instead of a param), total_path, total_header (no default here: a total is believed only
 * where the definition says that it is one), maximum_offset, stop_after_empty_page (true), has_more_path; and max_limit, the most that a job may ask for.
 */
extern const struct paginator_row paginator_offset;

#endif
