// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_SOURCES_H
#define ENGINE_SOURCES_H

#include "base/buf.h"
#include "source/source.h"

/* The source definitions of a directory (`sources/` beside the configuration), read when first asked for. Secrets too. One thread. */

struct sources;

/* dir need not exist yet; every look-up then says so. settings: the configuration's source_settings, JSON that config checked: an object of sources' names and
 * what is laid over their settings; NULL or "": none. */
enum rc sources_new(const char *dir, const char *settings, struct sources **sources, struct err *err);
void sources_free(struct sources *sources);
/* Borrowed until sources_free. RC_GONE: no such file (err names the nearest that exists); RC_PERM: it does not check (err names file, place, mend). A
 * definition is read once; sources_reload reads again. */
enum rc sources_get(struct sources *sources, const char *name, const struct source **source, struct err *err);
/* Read every definition that was read before again, with these settings (as sources_new; what is no JSON leaves the former ones); a broken one keeps the old
 * and is told by fn. Old definitions stay valid until sources_free, for the jobs that run with them. */
void sources_reload(struct sources *sources, const char *settings, void (*fn)(void *context, const char *name, const struct err *err), void *context);
/* Names of sources in the settings that have no definition; fn returns false to stop. */
void sources_unknown_settings(const struct sources *sources, bool (*fn)(void *context, const char *name), void *context);
/* The settings for a source, borrowed, or NULL. */
const cJSON *sources_settings(const struct sources *sources, const char *name);
/* Names of all *.json there, sorted; fn returns false to stop. */
enum rc sources_list(struct sources *sources, bool (*fn)(void *context, const char *name), void *context, struct err *err);

/* A secret: file NAME in the credentials directory (may be NULL), else BATCHSPOOL_SECRET_<NAME> in the environment, also in capitals, else of resend_api_key
 * and openai_api_key the variables that people know; one trailing line break is cut. RC_GONE: none. out is wiped by the caller. */
enum rc sources_secret(const char *credentials_dir, const char *name, struct buf *out, struct err *err);

#endif
