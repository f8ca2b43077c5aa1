// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CONFIG_NOTICES_H
#define CMD_CONFIG_NOTICES_H

#include "base/err.h"
#include "notify/settings.h"

/* The key `notices` of the configuration: whom is told what, and by which way. */

/* Read the object that is the member `member` of the text's root (NULL: the root itself) over the defaults; as config_httpd_read. RC_FATAL. */
enum rc config_notices_read(struct notify_settings *notices, const char *file, const char *text, size_t length, const char *member, const char *dir,
                            struct err *err);
/* What the environment says by the names that people know: FROM_EMAIL, and RESEND_API_KEY, with which mail goes by Resend where no SMTP is configured.
 * templates is taken where none are configured and it is a directory. RC_FATAL. */
enum rc config_notices_environment(struct notify_settings *notices, const char *templates, struct err *err);

#endif
