// SPDX-License-Identifier: Apache-2.0
#ifndef SPOOL_NOTICE_TARGET_H
#define SPOOL_NOTICE_TARGET_H

#include <stdbool.h>

/* Where a notice goes: "mailto:NAME@DOMAIN", or the URL of a webhook. Nothing that passes has a control character, a blank, or anything else that could
 * become part of a header or of a command. */

#define NOTICE_TARGET_SIZE 1025
#define NOTICE_TARGET_RULE "\"mailto:NAME@DOMAIN\" or a URL that begins with https://"

/* NAME@DOMAIN in ASCII: a dot-atom of at most 64 characters and a domain of at most 255 (RFC 5321; another alphabet's domain in its ASCII form). */
bool notice_address_valid(const char *address);
/* https://, or http:// of a loopback host; a host without user name or password, no fragment. */
bool notice_url_valid(const char *url);
bool notice_target_valid(const char *target);
/* The address of a "mailto:" target, borrowed from it; NULL: it is a URL. */
const char *notice_target_address(const char *target);
/* For logs and messages: the address, or the URL up to its path, which may hold a secret. */
void notice_target_shown(const char *target, char out[NOTICE_TARGET_SIZE]);

#endif
