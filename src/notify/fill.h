// SPDX-License-Identifier: Apache-2.0
#ifndef NOTIFY_FILL_H
#define NOTIFY_FILL_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Templates of notices: text with `{{name}}` for a value, and `{{#name}}...{{/name}}` for what stands there only when the value is not empty (a line that has
 * nothing but such a mark goes with it). Sections lie in each other up to 8 deep. A name that there is none of is empty. A brace that is none of these is
 * itself.
 */

enum fill_form {
    FILL_LINE, /* one line: line breaks become blanks */
    FILL_TEXT,
    FILL_HTML /* values are escaped: & < > " ' */
};

/* values: an object of texts. Control characters and overrides of direction in values are shown as escapes; their line breaks stay, but in FILL_LINE. RC_PERM:
 * the template is not right (err says line and what), or out is full; RC_TEMP: out of memory. */
enum rc fill(const char *template, const cJSON *values, enum fill_form form, struct buf *out, struct err *err);

#endif
