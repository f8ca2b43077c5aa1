// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_ESTIMATE_H
#define CMD_CMD_ESTIMATE_H

#include "cmd/cmd.h"
#include "engine/estimate.h"

/* Estimates for people. */

#define CMD_ESTIMATE_TEXT 400

/* "4.2 s", "65 s", "12 min", "3 h 5 min", "4 days". */
const char *cmd_duration(char out[32], double seconds);
/* "20 requests, 8000 records, 400.00 USD, 65 s (history of 60 pages)": what of it is known; "" nothing. */
const char *cmd_guess(char out[CMD_ESTIMATE_TEXT], const struct job_guess *guess, const char *currency);
/* What a job that is not dropped yet will take, or which job answers it; "" when nothing is known. */
void cmd_estimate(struct cmd *cmd, const struct source *source, const struct criteria *criteria, char out[CMD_ESTIMATE_TEXT]);

#endif
