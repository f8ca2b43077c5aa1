// SPDX-License-Identifier: Apache-2.0
#include "report/report_lease_internal.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Checks of arithmetic and dates, with what a reviewer said of them. */

struct checks {
    struct lease_model *m;
    struct report_line line;
    bool whole;
    size_t failed;
};

static bool put_check(struct checks *c, const struct lease_bundle *lease, const struct lease_document *d, struct slice check) {
    const bool failed = lease_model_check_is(check, "failed");
    char *id = report_get_text(check, "/id");
    char title[128], name[128];
    if (!id)
        return false;
    report_line_begin(&c->line);
    if (c->whole)
        report_line_text(&c->line, lease->name);
    report_line_text(&c->line, report_lease_title(id, title));
    report_line_cell(&c->line, REPORT_TEXT, failed ? REPORT_BAD : lease_model_check_is(check, "ok") ? REPORT_GOOD : REPORT_QUIET);
    report_line_add(&c->line, failed ? "failed" : lease_model_check_is(check, "ok") ? "ok" : "not possible");
    report_line_value(&c->line, report_get(check, "/text"));
    if (report_get(check, "/was").length) {
        report_line_add(&c->line, "; before the review: ");
        report_line_add_value(&c->line, report_get(check, "/was"));
    }
    report_line_text(&c->line, d->name);
    str_format(name, sizeof name, "check_%s", id);
    const struct lease_field said = lease_model_field_of(c->m, d, name);
    report_lease_put_review(&c->line, &said, false);
    free(id);
    return report_line_tell(&c->line, c->m->report);
}

static bool each_check(struct checks *c, const struct lease_bundle *only, bool count) {
    for (size_t i = 0; i < c->m->lease_count; i++) {
        const struct lease_bundle *lease = &c->m->leases[i];
        for (size_t k = 0; k < lease->count && (!only || only == lease); k++) {
            const struct slice checks = report_get(lease->documents[k].record, "/checks");
            struct json_iter iter;
            struct slice name, check;
            if (json_type(checks) != JSON_ARRAY || !json_iter_init(&iter, checks))
                continue;
            while (json_iter_next(&iter, &name, &check)) {
                c->failed += lease_model_check_is(check, "failed");
                if (!count && !put_check(c, lease, &lease->documents[k], check))
                    return false;
            }
        }
    }
    return true;
}

size_t report_lease_failed_checks(const struct lease_model *m) {
    struct lease_model copy = *m;
    struct checks c = {.m = &copy};
    (void)each_check(&c, NULL, true);
    return c.failed;
}

bool report_lease_tell_checks(struct lease_model *m, const struct lease_bundle *lease) {
    static const struct report_column columns[] = {{.title = "Lease", .width = 18},    {.title = "Check", .width = 20, .head = true},
                                                   {.title = "Result", .width = 12},   {.title = "What was found", .width = 50},
                                                   {.title = "Document", .width = 18}, {.title = "Review", .width = 16}};
    const size_t skip = lease ? 1 : 0;
    const struct report_table table = {.title = "Checks",
                                       .formats = lease ? REPORT_HTML | REPORT_PDF : REPORT_XLSX,
                                       .column_count = 6 - skip,
                                       .wide = lease != NULL,
                                       .columns = columns + skip};
    struct checks c = {.m = m, .whole = !lease};
    bool good = report_line_init(&c.line, 6 - skip);
    report_table_begin(m->report, &table);
    good = good && each_check(&c, lease, false);
    report_table_end(m->report);
    report_line_release(&c.line);
    return good;
}
