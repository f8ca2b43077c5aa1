// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_REPORT_LEASE_H
#define REPORT_REPORT_LEASE_H

#include "report/report_records.h"

/*
 * Analyses of leases (docs/REPORTS.md has the layout of their records): a page of summary with the next dates; what needs review; each lease with its
 * documents, fields, rent, dates, options, clauses and checks, each with document, page and quote; method, and that it is no legal advice.
 *
 * Documents of one group are one lease. Of a field the newest document that has it holds; what older ones say stays visible, marked as superseded. A rent row,
 * a date, an option or a clause is superseded by one of a newer document with the same beginning, words, kind or topic. Corrections of a reviewer, of fields
 * and of rows, lie over the analysis, which stays visible beside them; until all that needs review is decided every page says that it is a draft
 * (lease_model.h).
 */

struct report_lease {
    struct report_records records;
    const cJSON *review;                   /* as review_read gives it, or NULL: none yet */
    const struct report_lost {             /* a document that could not be analysed */
        const char *name, *error, *sha256; /* sha256 NULL: not known */
    } * lost;
    size_t lost_count;
};

enum rc report_lease_write(const struct report_lease *input, const struct report_job *job, const struct report_form *form, int fd, struct err *err);

#endif
