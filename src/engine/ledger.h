// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_LEDGER_H
#define ENGINE_LEDGER_H

#include "engine/invoice.h"
#include "spool/job.h"

/* The paid requests of a journal, one by one: what a provider may put on its invoice. */

enum ledger_state {
    LEDGER_CAPTURED,
    LEDGER_DECIDED,   /* CHARGE_UNKNOWN, released: it counts as spent */
    LEDGER_UNDECIDED, /* CHARGE_UNKNOWN */
    LEDGER_OPEN,      /* asked for, and nothing was heard of it */
    LEDGER_REFUSED    /* by its answer it was not charged */
};

struct ledger_charge { /* one paid request */
    char job_id[JOBID_SIZE];
    uint32_t batch, attempt;
    enum ledger_state state;
    int64_t time_us;
    struct dec amount; /* highest price of what is not known */
    char currency[9];
    bool has_records;
    uint64_t records; /* asked for, of what is not known */
    char request_id[INVOICE_ID_SIZE];
};

/* Tell fn of each paid request of a journal, with the row as it is at its outcome. on_damage may be NULL; without it a damaged line is RC_CORRUPT. */
typedef enum rc ledger_seen(void *context, const struct job_row *row, const struct ledger_charge *charge, struct err *err);
enum rc ledger_read(const struct spool *spool, const char *job_id, ledger_seen *fn, void (*on_damage)(void *context, const struct err *err), void *context,
                    struct err *err);

#endif
