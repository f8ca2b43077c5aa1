// SPDX-License-Identifier: Apache-2.0
#ifndef NOTIFY_MAIL_HEADER_H
#define NOTIFY_MAIL_HEADER_H

#include <stdint.h>

#include "base/buf.h"

/* Header fields of a mail (RFC 5322), encoded (RFC 2047) and folded, without the line break at their end. Whatever the text is, the result has no other line
 * breaks than those of folding, and no byte beyond ASCII. RC_PERM: out is full; RC_TEMP. */

/* "Subject: ..." of UTF-8 text; what is no UTF-8 becomes "?". */
enum rc mail_header_text(struct buf *out, const char *name, const char *text);
/* "From: Name <address>"; name may be empty. */
enum rc mail_header_mailbox(struct buf *out, const char *field, const char *name, const char *address);
/* "Date: Sat, 28 Nov 2026 10:00:00 +0000". */
enum rc mail_header_date(struct buf *out, int64_t wall_us);
/* "Message-ID: <id@domain>", the domain that of the address. */
enum rc mail_header_id(struct buf *out, const char *field, const char *id, const char *address);

#endif
