// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_INVOICE_VALUE_H
#define ENGINE_INVOICE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dec.h"

/* Cells of invoices as people and their programs write them. Each answers NULL, or why it cannot be read; what could mean two things is refused. */

/* Money: signs and codes of currencies, thousands separators (comma, point, blank, apostrophe), a minus before or behind, or brackets. decimal: '.' or ',' when
 * it is known, else 0; comma_usual: in files that are separated by semicolons a lone comma is a decimal one. currency gets a code that stands with it ("" none;
 * of the signs those that mean one currency alone). */
const char *invoice_value_money(struct slice text, char decimal, bool comma_usual, struct dec *out, char currency[9]);
/* A whole number, with thousands separators perhaps. */
const char *invoice_value_count(struct slice text, uint64_t *out);

enum invoice_dates { INVOICE_DATES_SURE, INVOICE_DATES_MDY, INVOICE_DATES_DMY }; /* what 04/05/2026 means: an error, April 5, May 4 */
/* A time, or a day (*day). ISO 8601 and RFC 3339, 2026/11/23, 23.11.2026, 11/23/2026, with 17:05, 17:05:01, 5:05 PM, a zone; seconds or milliseconds since
 * 1970. What names no zone is local time of `zone`. *us is the beginning of the day, then. */
const char *invoice_value_time(struct slice text, enum invoice_dates dates, const char *zone, int64_t *us, int64_t *until_us, bool *day);

#endif
