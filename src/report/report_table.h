// SPDX-License-Identifier: Apache-2.0
#ifndef REPORT_REPORT_TABLE_H
#define REPORT_REPORT_TABLE_H

#include "report/report_records.h"

/*
 * Records of any kind as a table: a row a record, a column for each member of any of them, members of objects inside objects as "a.b", as CSV has them
 * (report/csv.h). Numbers in columns whose name says ZIP, postal code, parcel number, FIPS, phone or id are text. Pages have the columns that are filled most
 * and the first rows, and a table that says what is in which column.
 */

enum rc report_table_write(const struct report_records *records, const struct report_job *job, const struct report_form *form, int fd, struct err *err);

#endif
