// SPDX-License-Identifier: Apache-2.0
#ifndef NOTIFY_LETTER_H
#define NOTIFY_LETTER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "spool/notice.h"

/* What a person gets to read of a notice: made from `<kind>.txt`, whose first line is "Subject: ...", an empty line behind it, and `<kind>.html` of the
 * directory of templates; else from `default.txt` and `default.html`; else from what is built in, which has no HTML. */

struct letter {
    struct buf subject, text, html; /* html: empty when there is none; line breaks are LF */
};

/* RC_PERM: a template is not right (err names file, line and what); RC_TEMP: it cannot be read now. letter_release in any case. */
enum rc letter_make(const char *templates, const struct notice *notice, struct letter *letter, struct err *err);
void letter_release(struct letter *letter);

#endif
