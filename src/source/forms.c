// SPDX-License-Identifier: Apache-2.0
#include "source/forms.h"

#include <string.h>

static const struct {
    const char *name, *file, *type;
} forms[FORM_COUNT] = {
    [FORM_NDJSON] = {"ndjson", "records.ndjson", "application/x-ndjson"},
    [FORM_CSV] = {"csv", "records.csv", "text/csv; charset=utf-8"},
    [FORM_XLSX] = {"xlsx", "report.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    [FORM_HTML] = {"html", "report.html", "text/html; charset=utf-8"},
    [FORM_PDF] = {"pdf", "report.pdf", "application/pdf"},
    [FORM_ICS] = {"ics", "dates.ics", "text/calendar; charset=utf-8"},
};
static const char *const reports[] = {"table", "pagespeed", "lease", NULL};

const char *forms_name(enum form form) {
    return forms[form].name;
}

const char *forms_file(enum form form) {
    return forms[form].file;
}

const char *forms_type(enum form form) {
    return forms[form].type;
}

bool forms_parse(const char *name, enum form *form) {
    for (unsigned i = 0; i < FORM_COUNT; i++) {
        if (strcmp(forms[i].name, name) != 0)
            continue;
        *form = (enum form)i;
        return true;
    }
    return false;
}

const char *forms_report_name(enum forms_report report) {
    return reports[report];
}

unsigned forms_standard(enum forms_report report) {
    const unsigned table = FORM_BIT(FORM_NDJSON) | FORM_BIT(FORM_CSV) | FORM_BIT(FORM_XLSX) | FORM_BIT(FORM_HTML);
    return report == FORMS_LEASE ? table | FORM_BIT(FORM_PDF) | FORM_BIT(FORM_ICS) : report == FORMS_PAGESPEED ? table | FORM_BIT(FORM_PDF) : table;
}

void forms_read(struct check *check, const cJSON *object, const char *member, unsigned *bits) {
    const cJSON *list = check_array(check, object, member, 1, FORM_COUNT), *item;
    unsigned found = 0;
    enum form form;
    if (!list)
        return;
    cJSON_ArrayForEach(item, list) {
        if (!cJSON_IsString(item) || !forms_parse(item->valuestring, &form)) {
            (void)check_fail(check, member, "has something else than \"ndjson\", \"csv\", \"xlsx\", \"html\", \"pdf\" and \"ics\"");
            return;
        }
        if (found & FORM_BIT(form)) {
            (void)check_fail(check, member, "names \"%s\" twice", forms_name(form));
            return;
        }
        found |= FORM_BIT(form);
    }
    *bits = found;
}

void forms_read_report(struct check *check, const cJSON *object, enum forms_report *report) {
    unsigned choice = *report;
    check_choice(check, object, "report", reports, &choice);
    *report = (enum forms_report)choice;
}
