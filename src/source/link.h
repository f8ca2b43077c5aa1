// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_LINK_H
#define SOURCE_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"
#include "base/str.h"

/* Links from a page to the next: the Link header field (RFC 8288), and where a link leads (RFC 3986). No I/O. */

/* The target, between < and >, of the first link in the field (several values joined with ",") that has the relation, in any case; *target borrows from field.
 * Links with an anchor are about something else; of several rel parameters the first counts. What is malformed is skipped. */
bool link_find(const char *field, const char *relation, struct slice *target);

enum { LINK_FAULT_SIZE = 160 };

/* The absolute URL that target means in a document that came from base, without fragment, in out (size bytes). Only ASCII, percent-encoded. RC_PERM, with the
 * reason for people in fault and an empty out: it is no URL, has a user name in it, does not fit, or leads to another scheme, host or port than base's;
 * http for https on the usual ports of the same host is taken as https. RC_TEMP: out of memory. */
enum rc link_resolve(const char *base, struct slice target, char *out, size_t size, char fault[LINK_FAULT_SIZE]);

/* Both are URLs with the same scheme, host and port. */
bool link_same_origin(const char *a, const char *b);

/* Take the query parameters whose decoded names (in any case) `drop` wants away out of the URL, in place; the others stay as they are. */
void link_drop_params(char *url, bool (*drop)(const void *context, const char *name), const void *context);

#endif
