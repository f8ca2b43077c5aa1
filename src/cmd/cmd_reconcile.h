// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_RECONCILE_H
#define CMD_CMD_RECONCILE_H

#include <cjson/cJSON.h>

#include "engine/reconcile.h"

/* What `batchspool reconcile` tells of one line of an invoice, one charge of the journals, or both. */

/* Whether a person has to decide what became of the charge. */
bool cmd_reconcile_undecided(const struct reconcile_result *result);
/* To standard output. */
void cmd_reconcile_line(const struct reconcile_result *result);
/* The caller's. */
cJSON *cmd_reconcile_object(const struct reconcile_result *result);
void cmd_reconcile_amount(cJSON *json, const char *name, struct dec amount);

#endif
