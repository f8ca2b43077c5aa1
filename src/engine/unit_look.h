// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_UNIT_LOOK_H
#define ENGINE_UNIT_LOOK_H

#include "base/strset.h"
#include "engine/sources.h"
#include "source/criteria.h"
#include "source/units.h"
#include "spool/job.h"
#include "spool/layout.h"

/* What became of each unit of a job (DESIGN 5), from its text and its journal. */

enum unit_state { UNIT_QUEUED, UNIT_RUNNING, UNIT_DONE, UNIT_FAILED, UNIT_CANCELLED, UNIT_STATES };
const char *unit_state_name(enum unit_state state);
bool unit_state_parse(const char *name, enum unit_state *state);

struct unit_look {
    enum unit_state state;
    uint32_t attempts;                        /* of its first step, as the journal has them; an earlier unit's answer takes none */
    const char *first;                        /* that step; borrowed, or NULL */
    const char *step, *reason, *error, *file; /* borrowed, or NULL: the step that was begun last, what went wrong last, the payload below payloads/raw/ */
    int64_t updated_us;                       /* 0: nothing happened yet */
};

struct units_look {
    const struct source *source; /* borrowed from sources */
    struct criteria *criteria;   /* owned; and the rest */
    struct units *units;
    struct unit_look *list; /* list[n - 1] is unit n */
    uint64_t counts[UNIT_STATES];
    struct strset texts;
};

/* text: the job's, as it was accepted or waits. row: where it is. The definition must be a source of lists; sources is used by the thread that owns it.
 * RC_PERM: the text does not fit its source as it is now, or the source has no such units. RC_TEMP: out of memory. units_look_release in any case. */
enum rc units_look(const struct spool *spool, struct sources *sources, const struct job_row *row, const char *text, size_t length, struct units_look *look,
                   struct err *err);
void units_look_release(struct units_look *look);
/*
 * The text of a new job that does again what failed of one that is complete: the job as it was, of its lists the elements that a failed unit has, and of
 * documents those of the same group. Of several lists that makes units that did not fail, too; where the source has a unit_cache their answers are taken from
 * there. row: the job. RC_PERM: it is not complete, no unit of it failed, or its text does not fit its source any more; err says what to do. RC_GONE: its text
 * is nowhere. RC_TEMP. *text is the caller's.
 */
enum rc unit_look_again(const struct spool *spool, struct sources *sources, const struct job_row *row, char **text, struct err *err);
/* The code of what went wrong, in the words of who said it ("DNS_FAILURE"), else its reason ("status_500"). */
void unit_look_class(const struct unit_look *unit, char out[64]);

#endif
