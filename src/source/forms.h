// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_FORMS_H
#define SOURCE_FORMS_H

#include "source/check.h"

/* The forms that results come in: what definitions, jobs of mode results, the command line and the web program call them. */

enum form { FORM_NDJSON, FORM_CSV, FORM_XLSX, FORM_HTML, FORM_PDF, FORM_ICS, FORM_COUNT };
#define FORM_BIT(form) (1u << (unsigned)(form))

enum forms_report { FORMS_TABLE, FORMS_PAGESPEED, FORMS_LEASE };

const char *forms_name(enum form form); /* "ndjson" ... */
const char *forms_file(enum form form); /* its file in results/<job id>/ */
const char *forms_type(enum form form); /* its media type */
bool forms_parse(const char *name, enum form *form);
const char *forms_report_name(enum forms_report report);
unsigned forms_standard(enum forms_report report); /* bits: the set that is made when nobody says which */

/* `member` of object, an array of names, none twice: bits. It is absent: *bits stays. */
void forms_read(struct check *check, const cJSON *object, const char *member, unsigned *bits);
/* `report` of object. */
void forms_read_report(struct check *check, const cJSON *object, enum forms_report *report);

#endif
