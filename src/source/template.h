// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_TEMPLATE_H
#define SOURCE_TEMPLATE_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"

/* Templates (DESIGN 5): "${job.x}", "${steps.NAME/pointer}", "${item.NAME}", "${secret:NAME}", "$${" for "${". */

struct template_scope {
    const cJSON *job;   /* object of the job's members */
    const cJSON *item;  /* object of the unit's members (foreach), or NULL */
    const cJSON *steps; /* object: step name -> its answer, or NULL */
    /* The secret's text, or NULL when there is none; borrowed for the call. */
    const char *(*secret)(void *context, const char *name);
    void *secret_context;
};

/* Well-formed, and names only what exists in the language. RC_PERM with err. */
enum rc template_check(const char *text, struct err *err);
/* Text result: an inserted JSON string gives its characters, other values their JSON. RC_PERM (err names what is missing; never shows a secret). */
enum rc template_text(const char *text, const struct template_scope *scope, struct buf *out, struct err *err);
/* A JSON value with every string in it filled in; a string that is only one ${...} becomes the value itself. Caller frees. */
enum rc template_json(const cJSON *value, const struct template_scope *scope, cJSON **out, struct err *err);

#endif
