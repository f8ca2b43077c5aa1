// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_URL_MEMBER_H
#define SOURCE_URL_MEMBER_H

#include "source/source_parts.h"

/* A job's member of type "urls": a list of which each element is a URL or {"url": text, "labels": {name: text, number or true/false}}. */

/* Check the list, and put in its place what it means: each element {"url": clean, "labels": {...}}, without those that are there before (net/url_list.h says
 * what clean is). The first wrong URL is told with its Pointer, with how many more there are, and some of them. list is of type array, and belongs to the job.
 */
void url_member_read(struct check *check, const struct source_member *member, cJSON *list);

#endif
