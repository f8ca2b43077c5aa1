// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_DOCUMENTS_H
#define CMD_CMD_DOCUMENTS_H

#include "cmd/cmd.h"

/* Store documents in the spool (spool/document.h) and write the job of a source that works on them. group NULL: none, each is a matter of its own. All are
 * looked at before the job is made; what was stored of them when one is refused stays, and does no harm. Returns 0, or the exit code after a message. */
int cmd_documents(struct cmd *cmd, const struct cmd_list *files, const char *source, const char *group, struct buf *job);

#endif
