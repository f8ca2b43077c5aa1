// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_LEASE_H
#define HELPER_LEASE_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/err.h"

/*
 * What to look for in a lease: the files <schema>.schema.json and <schema>.prompt of the directory `lease` (batchspool-documents(7)). The schema's $id is
 * "urn:batchspool:lease:<schema>:<version>"; the prompt's first line is "# version N", "${pages}" in it the number of pages, "${mark}" the form of the page
 * marks.
 */

#define LEASE_VERSION_SIZE 16

struct lease {
    char name[65];
    char schema_version[LEASE_VERSION_SIZE], prompt_version[LEASE_VERSION_SIZE];
    struct buf schema; /* JSON text, checked (json_schema_check) */
    cJSON *json;       /* the same */
    struct buf prompt; /* without its first line */
};

/* directory NULL: BATCHSPOOL_LEASE, or etc/lease beside the directory of the program, or /etc/batchspool/lease. RC_PERM: there is no such schema, or a file of
 * it is wrong; err names the file. lease_release in any case. */
enum rc lease_open(const char *directory, const char *name, struct lease *lease, struct err *err);
void lease_release(struct lease *lease);

/* The value is as the schema says. RC_TEMP: it is not, which another answer of the model may mend. */
enum rc lease_check(const struct lease *lease, const cJSON *value, struct err *err);

/* "dmy", "mdy" or, for NULL and "", none. RC_PERM: it is another word. */
enum rc lease_date_order(const char *text, enum date_order *order, struct err *err);

#endif
