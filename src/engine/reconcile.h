// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_RECONCILE_H
#define ENGINE_RECONCILE_H

#include "engine/ledger.h"

/*
 * An invoice against the journals, in bounded memory: both are put in order of what may tell that a line and a charge are the same, and joined. By the request
 * id, where both have one; what is left by the amount and the records (the amount alone, when the invoice tells no records), and then by the records alone (the
 * amounts differ), the times no further apart than window_us. Two request ids that differ are never the same charge, unless not one of the invoice's is known
 * to the journals: then it has other ids than the answers had.
 */

enum reconcile_status {
    RECONCILE_OK,
    RECONCILE_AMOUNT,      /* another amount, or currency */
    RECONCILE_RECORDS,     /* the same amount for another number of records */
    RECONCILE_NOT_OURS,    /* on the invoice, not in the journals */
    RECONCILE_MISSING,     /* in the journals, not on the invoice */
    RECONCILE_NOT_CHARGED, /* the same of an undecided charge */
    RECONCILE_BAD          /* a line that cannot be read */
};
enum reconcile_rule { RECONCILE_BY_ID, RECONCILE_BY_AMOUNT_RECORDS, RECONCILE_BY_AMOUNT, RECONCILE_BY_RECORDS };

struct reconcile_result {
    enum reconcile_status status;
    enum reconcile_rule rule; /* when both are there */
    bool has_line, has_charge;
    struct invoice_line line;
    struct ledger_charge charge;
    uint64_t twice_of; /* RECONCILE_NOT_OURS: the line that has this request id already; 0 */
    char error[300];   /* RECONCILE_BAD */
};

struct reconcile_options {
    int64_t window_us;
    bool has_period; /* else it is the invoice's, in whole UTC days */
    int64_t since_us, until_us;
};

struct reconcile;                                                         /* opaque */
struct reconcile *reconcile_new(const struct reconcile_options *options); /* NULL: out of memory */
void reconcile_free(struct reconcile *reconcile);
enum rc reconcile_add_charge(struct reconcile *reconcile, const struct ledger_charge *charge, struct err *err);
enum rc reconcile_add_line(struct reconcile *reconcile, const struct invoice_line *line, struct err *err);
enum rc reconcile_add_bad(struct reconcile *reconcile, uint64_t line, const char *error, struct err *err);
/* After all were added: the results, those of lines in the invoice's order, then those of charges that it lacks by time. RC_GONE: no more. */
enum rc reconcile_match(struct reconcile *reconcile, struct err *err);
enum rc reconcile_next(struct reconcile *reconcile, struct reconcile_result *result, struct err *err);

#endif
