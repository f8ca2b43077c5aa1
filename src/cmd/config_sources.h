// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CONFIG_SOURCES_H
#define CMD_CONFIG_SOURCES_H

#include <stddef.h>

#include "base/err.h"

/* The key `source_settings` of the configuration: what holds in place of the settings of definitions. */

#define CONFIG_SOURCE_SETTINGS_BYTES ((size_t)16384)

/* Read the object that is the member `member` of the text's root (NULL: the root itself): {"<source>": {"<setting>": text, number, true, false or null}}. out
 * is the same as JSON without white space, zero to its end; whether a source has such settings is seen when it is read. RC_FATAL with err. */
enum rc config_sources_read(char out[CONFIG_SOURCE_SETTINGS_BYTES], const char *file, const char *text, size_t length, const char *member, struct err *err);

#endif
