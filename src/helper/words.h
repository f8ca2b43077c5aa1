// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_WORDS_H
#define HELPER_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/date.h"

/*
 * A text as words in the one form in which two texts are compared: without case, punctuation, articles and plurals; numbers, dates and currencies in one form
 * however they were written ("ten (10)", "25th March 2019", "GBP 20,000 (twenty thousand pounds)"), and one word for what deeds say in several. English. Pure.
 */

#define WORDS_MOST 2048u /* of one text; what comes behind is not compared */
#define WORD_SIZE 40

enum word_kind { WORD_PLAIN, WORD_NUMBER, WORD_DATE };

struct word {
    enum word_kind kind;
    char text[WORD_SIZE]; /* WORD_PLAIN */
    double number;        /* WORD_NUMBER */
    struct date date;     /* WORD_DATE */
    bool two;             /* of which the month may be the day */
    bool reference;       /* a number of a clause or a law: no value */
};

struct words {
    struct word *list;
    size_t count, capacity;
};

struct words *words_new(const char *text); /* NULL: out of memory */
void words_free(struct words *w);          /* NULL is none */
/* Room for so many; false, and the list is as it was: out of memory, or more than WORDS_MOST. */
bool words_reserve(struct words *w, size_t capacity);
void words_cut(struct words *w, size_t at, size_t count);          /* they are there */
bool words_is(const struct words *w, size_t at, const char *text); /* a plain word, and this one; past the end: false */
bool words_is_currency(const struct words *w, size_t at);          /* likewise one for a currency */
bool words_listed(const char *const *list, const char *text);      /* list: NULL at the end */

#endif
