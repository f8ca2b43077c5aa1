// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_READY_H
#define ENGINE_READY_H

#include "engine/sources.h"
#include "spool/layout.h"

/* Whether this machine has what the steps of a source need: programs, what those need themselves (`"ready": true` of an exec: it is run with --ready), and
 * secrets. */

/* A list of texts, one for each thing that is missing, with the ways of steps that cannot be taken without it ("steps vision; analyse, fallback 1: ...");
 * empty: nothing is. *able: every step has a way left. Blocks: runs programs. The source may be used from any thread. NULL: out of memory. */
cJSON *ready_missing(const struct source *source, const char *credentials_dir, const char *helpers_dir, bool *able);
/* The same without secrets. */
cJSON *ready_missing_programs(const struct source *source, const char *helpers_dir, bool *able);
/* The ways of steps, of those that can be taken, that send a secret: "steps vision; analyse, fallback 1"; "" none. */
#define READY_USES_SIZE 600
const char *ready_uses(const struct source *source, const char *secret, char out[READY_USES_SIZE]);
/* Its ways that are taken when settings are set (when_set): a list of {"step", "alternative" (of a fallback), "settings": [names], "configured"}; the caller
 * frees. NULL: out of memory. */
cJSON *ready_optional(const struct source *source);
/* Such a way refused its credentials (401, 403), as was told in the journal at that time: a sentence for people. */
#define READY_REFUSED_SIZE 500
const char *ready_refused_text(const struct source *source, const struct source_step *step, unsigned way, int status, int64_t at_us,
                               char out[READY_REFUSED_SIZE]);
/* One of them for people. */
#define READY_WAY_SIZE 400
const char *ready_optional_text(const cJSON *way, char out[READY_WAY_SIZE]);
/* The full path of a program: among the helpers, then in PATH. */
bool ready_program(const char *helpers_dir, const char *name, char *out, size_t size);

/* Where helpers are by default: ../libexec/batchspool of the directory of our own program (absolute path), when there is one, else that directory. */
void ready_helpers_dir(const char *program, char *out, size_t size);

/* index/ready.json, for who has neither secrets nor helpers: {"<source>": {"able": false, "missing": ["..."], "optional": [...]}}, of sources that miss
 * something or have optional ways; `refused` of a way is why it is not of use, since its last request. Not durable: it is made again at each start. */
enum rc ready_write(const struct spool *spool, const cJSON *all, struct err *err);
/* NULL: there is none. The caller frees. */
cJSON *ready_read(const struct spool *spool);
/* Its list for one source, borrowed; NULL: nothing is missing. all may be NULL. */
const cJSON *ready_of(const cJSON *all, const char *source);

#endif
