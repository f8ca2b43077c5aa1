// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_TEMPLATE_H
#define SOURCE_TEMPLATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

/* Templates (DESIGN 5): "${job.x}", "${steps.NAME/pointer}", "${item}", "${item.NAME/pointer}", "${part/pointer}", "${part_number}", "${job_id}", "${attempt}",
 * "${attempts.NAME}", "${answer}", "${cached_at}", "${range.from}", "${range.to}", "${secret:NAME}", "${secret:NAME?}" (what may be missing), "$${" for "${".
 * What was inserted is never looked at again: a job's text that holds "${secret:x}" stays that text. "${settings.NAME}" is none of these: it is put in when a
 * definition is read (source.h). */

struct template_scope {
    const cJSON *job;   /* object of the job's members */
    const cJSON *item;  /* object of the unit's members (foreach), or NULL */
    const cJSON *range; /* {"from":..,"to":..} of a part of a split search (source/split.h), or NULL */
    const cJSON *known; /* object: what the engine knows of the unit, by the reference as it is written: "steps.NAME/pointer", "part/pointer", "part_number",
                           "job_id", "attempt", "attempts.NAME", "answer"; or NULL */
    /* The secret's text, or NULL when there is none; borrowed for the call. */
    const char *(*secret)(void *context, const char *name);
    void *secret_context;
    const char *start_value;  /* of an incremental job, as JSON text; "" or NULL: none */
    const char *access_token; /* of a source that asks for one (auth.h); NULL: none yet */
};

/* Well-formed, and names only what exists in the language. RC_PERM with err. */
enum rc template_check(const char *text, struct err *err);
/* Text result: an inserted JSON string gives its characters, other values their JSON. RC_PERM (err names what is missing; never shows a secret). */
enum rc template_text(const char *text, const struct template_scope *scope, struct buf *out, struct err *err);
/* The same for a URL: in what is inserted every byte but the unreserved ones of RFC 3986 is percent-encoded. */
enum rc template_url(const char *text, const struct template_scope *scope, struct buf *out, struct err *err);
/* True when the value names an optional secret that is not there: whoever is to send it leaves it out. */
bool template_lacks(const cJSON *value, const struct template_scope *scope);
/* A JSON value with every string in it filled in; a string that is only one ${...} becomes the value itself. Caller frees. */
enum rc template_json(const cJSON *value, const struct template_scope *scope, cJSON **out, struct err *err);

enum template_kind { TEMPLATE_JOB, TEMPLATE_STEP, TEMPLATE_ITEM, TEMPLATE_PART, TEMPLATE_UNIT, TEMPLATE_RANGE, TEMPLATE_SECRET, TEMPLATE_ATTEMPTS };
struct template_reference {
    enum template_kind kind;               /* UNIT: part_number, job_id, attempt, answer */
    bool optional;                         /* SECRET: it may be missing */
    char name[LIMIT_NAME_BYTES + 1];       /* of the job's member, step (of ATTEMPTS, too), item's member ("": the item) or secret */
    char pointer[LIMIT_POINTER_BYTES + 1]; /* into a step's answer, an item's member or the part; "" the whole */
};
/* As it is written, without "${" and "}": the name of a member of template_scope.known. */
bool template_reference_text(const struct template_reference *reference, char *out, size_t size);
#define TEMPLATE_REFERENCE_SIZE (LIMIT_NAME_BYTES + LIMIT_POINTER_BYTES + 16)
/* What a checked text refers to, in order. fn returns RC_OK to go on. */
typedef enum rc template_seen(void *context, const struct template_reference *reference);
enum rc template_each(const char *text, template_seen *fn, void *context);

/* template_check and template_each for every string in a value. */
enum rc template_check_value(const cJSON *value, struct err *err);
enum rc template_each_value(const cJSON *value, template_seen *fn, void *context);

/* RFC 6901 over a read value; pointer is well-formed. NULL: nothing there. Borrowed. */
const cJSON *template_at(const cJSON *value, const char *pointer);
/* Append the percent-encoded form of text (RFC 3986: all but unreserved). */
enum rc template_percent(const char *text, size_t length, struct buf *out);
/* Append the value as JSON without white space. Unlike cJSON_Print it keeps every integer up to 2^53 and every double. A raw item (cJSON_Raw) is put in as it
 * stands. */
enum rc template_print(const cJSON *value, struct buf *out);

#endif
