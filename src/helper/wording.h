// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_WORDING_H
#define HELPER_WORDING_H

#include <stdbool.h>

/*
 * Whether two ways to say something differ in what they say, or in their words alone. Texts are compared word by word, without case, punctuation, articles and
 * plurals, with numbers ("ten (10)", "20,000.00"), dates, currencies, measures and what deeds write in several ways (Ltd and Limited, lessee and tenant, per
 * cent and %) in one form. English. Pure.
 */

enum wording {
    WORDING_DIFFERENT,      /* another number, date, sum, yes or no, or something else altogether */
    WORDING_RELATED,        /* other words; nothing in them contradicts */
    WORDING_SAME,           /* the same in the form that is compared */
    WORDING_LEFT_HAS_MORE,  /* it has all of the other in it */
    WORDING_RIGHT_HAS_MORE, /* the same the other way round */
};

enum wording wording_compare(const char *a, const char *b);
/* Of persons and companies: nothing is related only. A legal form may be missing in one, but not be another one. */
enum wording wording_names(const char *a, const char *b);
/* The same amount, of units as people write them; NULL: not said, which fits all. Years are months, weeks days; areas may differ by what rounding does. */
bool wording_quantity(double a, const char *unit_a, double b, const char *unit_b);
/* "GBP", "£", "pounds sterling". */
bool wording_currency(const char *a, const char *b);
/* How much of what the one says is in the other: the share of the words of a text, without those that mean little, from 0 to 1 (it has none). */
double wording_share(const char *text, const char *in);

#endif
