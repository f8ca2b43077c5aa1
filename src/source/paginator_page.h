// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PAGINATOR_PAGE_H
#define SOURCE_PAGINATOR_PAGE_H

#include "source/paginator.h"

/* Pages by their number: base_page, base_page + 1 ... of a size that is the server's, or the limit where the definition says how it is sent. page.offset is the
 * number. The total counts pages, or records ("total_unit": "records"). */
extern const struct paginator_row paginator_page_number;

#endif
