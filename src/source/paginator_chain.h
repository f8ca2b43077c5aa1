// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PAGINATOR_CHAIN_H
#define SOURCE_PAGINATOR_CHAIN_H

#include "source/paginator.h"

/* What the types have in common in which the answer of a page names the next one: one page is out at a time, and its token is what the answer before it
 * named. The chain ends where no next page is named, has_more is false, an empty page came that is to end it, or the total or `take` is reached; it breaks
 * where a next page is named that was asked for before, or cannot be used, or where a person gave a page up. */

enum rc paginator_chain_create(const struct source *source, const struct paginator_start *start, struct paginator **paginator);
void paginator_chain_destroy(struct paginator *paginator);
enum rc paginator_chain_next(struct paginator *paginator, struct page *page);
void paginator_chain_restore(struct paginator *paginator, const struct page *page);
void paginator_chain_answer(struct paginator *paginator, const struct page *page, const struct page_facts *facts);
bool paginator_chain_ended(const struct paginator *paginator);
const char *paginator_chain_fault(const struct paginator *paginator);

/* The members of such a row that are the same for all. */
#define PAGINATOR_CHAIN                                                                                                                                        \
    .total_is_records = true, .create = paginator_chain_create, .destroy = paginator_chain_destroy, .next = paginator_chain_next,                              \
    .restore = paginator_chain_restore, .answer = paginator_chain_answer, .ended = paginator_chain_ended, .fault = paginator_chain_fault

/* The shortest chain: one page, whose answer names no other. */
extern const struct paginator_row paginator_single_page;

#endif
