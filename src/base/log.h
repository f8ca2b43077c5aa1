// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Choose what is logged to standard error, and how: text ("2026-11-23T17:05:01Z warn text") or one JSON object a line.
 * Control characters, ANSI and bidi overrides are escaped and lines are cut at 4 KiB. May be called again, then for what comes after it. */
void log_init(enum log_level least, bool json);

/* "debug", "info", "warn", "error" to a level; false when it is none of them. */
bool log_level_parse(const char *name, enum log_level *level);

/* One line, written with one write(); safe from every thread. */
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
