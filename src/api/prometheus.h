// SPDX-License-Identifier: Apache-2.0
#ifndef API_PROMETHEUS_H
#define API_PROMETHEUS_H

#include "base/buf.h"

/* The text format of Prometheus, 0.0.4, with names that begin with batchspool_. What does not fit into out is left out. Pure. */

/* HELP and TYPE of a metric, before its samples. help without backslashes and line feeds. */
void prometheus_head(struct buf *out, const char *name, const char *type, const char *help);
/* name{label="value",label="value"} number. labels: names and values by turns, ends with NULL; or NULL. */
void prometheus_sample(struct buf *out, const char *name, const char *const labels[], double number);
/* Both, of a metric without labels. */
void prometheus_one(struct buf *out, const char *name, const char *type, const char *help, double number);
/* The value of a label with its quotes. */
enum rc prometheus_label(struct buf *out, const char *value);

#endif
