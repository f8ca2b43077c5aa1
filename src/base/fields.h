// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_FIELDS_H
#define BASE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

/* The header fields of an answer that somebody wants (RFC 9110 section 5): names in lower case, each once, in the order of their coming. */

#define FIELDS_MAX 32u

struct field {
    char *name, *value; /* owned by the list */
};
struct fields { /* {0} is an empty list */
    struct field list[FIELDS_MAX];
    unsigned count;
};

/* Add the bytes of a value; to a name that is there already they are appended behind ", ", as RFC 9110 5.3 has it. What is no visible ASCII, blank or UTF-8
 * byte becomes '?'. False: out of memory, or FIELDS_MAX names. */
bool fields_add(struct fields *fields, const char *name, const char *value, size_t length);
/* The value, or NULL; names know no case. */
const char *fields_get(const struct fields *fields, const char *name);
void fields_release(struct fields *fields);

#endif
