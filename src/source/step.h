// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_STEP_H
#define SOURCE_STEP_H

#include <cjson/cJSON.h>

#include "source/source.h"

/* How a unit goes through the steps of its source, and what a step is told of it (DESIGN 5). Pure: answers of earlier steps come from the caller. The daemon,
 * and replays of cassettes, go by this. */

struct step_place {
    unsigned step, way;
    uint32_t part; /* of a step that has parts, from 1; else 0 */
};

/* At this step, or the next one that the job has a way for; the last step is not passed over. */
void step_enter(const struct source *source, const cJSON *job, unsigned step, struct step_place *place);
/* After the place: its next part, which what did the last one does too, or the next step. over: it has no such part. Not for the last step. */
void step_next(const struct source *source, const cJSON *job, bool over, struct step_place *place);
/* Another way to do the step. False: none is left. */
bool step_other_way(const struct source *source, const cJSON *job, struct step_place *place);
/* Its number; -1: there is none. */
int step_number(const struct source *source, const char *name);

/* How long a step of the job may take: as its source says, unless the job says so in a member that the source declares. */
unsigned step_timeout_s(const cJSON *job, unsigned otherwise);

struct step_view {
    const struct source *source;
    const cJSON *job;
    const char *job_id;
    unsigned attempt;
    const uint16_t *tries; /* of each step so far (${attempts.NAME}); NULL: one each */
    int64_t cached_us;     /* the time of the unit's first answer, when it is an earlier unit's; else 0 */
    struct step_place at;
    /* The answer of an earlier step, which json_check accepted. RC_GONE: it has none (it was passed over, or has no such part). */
    enum rc (*open)(void *context, unsigned step, uint32_t part, struct slice *answer, struct err *err);
    void (*close)(void *context, struct slice answer);
    void *context;
};

/* template_scope.known with what is known without earlier answers; the caller frees it in any case. RC_PERM: no way of the step is for the job. RC_TEMP. */
enum rc step_known_new(const struct step_view *view, cJSON **known, struct err *err);
/* And what the templates of the way name of earlier steps and the part. *over: the step has no such part. RC_PERM: an answer does not have it; else as open. */
enum rc step_known_fill(const struct step_view *view, cJSON *known, bool *over, struct err *err);
/* ${answer}: of the check of an answer that json_check accepted. */
enum rc step_known_answer(cJSON *known, struct slice answer, struct err *err);

#endif
