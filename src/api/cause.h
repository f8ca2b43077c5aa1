// SPDX-License-Identifier: Apache-2.0
#ifndef API_CAUSE_H
#define API_CAUSE_H

#include <stddef.h>

/* What errors have in common: the text of one without what only it has. Pure. */

#define CAUSE_SIZE 201

/* Numbers become N, several in a list one; times TIME; ids of jobs and UUIDs, and words of hexadecimal digits from 8 on, ID; the query of a URL goes; digits in
 * a word from four on are N; blanks and control characters are single blanks. Cut between characters. The same twice as once. */
void cause_of(const char *error, char out[CAUSE_SIZE]);

#endif
