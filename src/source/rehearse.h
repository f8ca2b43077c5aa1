// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_REHEARSE_H
#define SOURCE_REHEARSE_H

#include "source/cassette.h"
#include "source/program.h"
#include "source/step.h"
#include "source/units.h"

/* Units gone through by a definition on a cassette (`sources replay`): steps, ways, parts, requests, filters, checks and records as in the daemon, but no
 * network and no waiting: what was tried again and again is tried once. Pure but for rehearse.run. */

/* A step's request, or its program's command and input, in the cassette's form: what is compared. known: of step_known_fill; page: of pages; NULL for units.
 * RC_PERM: a template's value is missing. */
enum rc rehearse_request(const struct step_view *view, const cJSON *item, const cJSON *known, const struct page *page, struct buf *out, struct err *err);

enum rehearse_ran { REHEARSE_NOT_RUN, REHEARSE_DID, REHEARSE_FAILED };

struct rehearse_program {
    const struct source_helper *exec;
    const struct template_scope *scope;
    const char *document;   /* its sum; NULL: it sees none */
    struct buf *answer;     /* to be filled */
    struct verdict *failed; /* of REHEARSE_FAILED */
    bool final;             /* of REHEARSE_FAILED: no other way would help */
    bool blind;             /* the document that it should have seen is not here */
};

struct rehearse {
    const struct source *source;
    const cJSON *job;
    struct cassette *cassette;
    const struct units *units; /* NULL: they are pages */
    /* NOT_RUN: it is answered from the cassette. NULL: none is run. */
    enum rehearse_ran (*run)(void *context, struct rehearse_program *program);
    void (*differ)(void *context, const char *kind, const char *text); /* each difference, for people; those of one kind differ in the unit alone */
    void *context;
    uint64_t ran, taken; /* programs that ran; answers of programs that came from the cassette */
};

enum rehearsed_state { REHEARSED_DONE, REHEARSED_FAILED, REHEARSED_IN_DOUBT, REHEARSED_UNKNOWN }; /* UNKNOWN: something was not recorded */
const char *rehearsed_state_name(enum rehearsed_state state);

struct rehearsed {
    enum rehearsed_state state;
    /* unless it is done: */
    const char *step; /* borrowed from the source */
    char reason[48], error[400];
    enum source_action action;
    /* when it is: */
    struct slice records; /* borrowed */
    struct page_facts facts;
    cJSON *steps;                     /* [{"step","part","way","from":"cassette"|"program"}]: that captured an answer */
    struct rehearsed_answer *answers; /* of its steps, in order */
    size_t count, capacity;
    size_t first[SOURCE_MAX_STEPS + 1]; /* of a step's answers */
};

/* One unit, or one page of a source of several steps: page->batch is its number. rehearsed_release in any case. RC_TEMP: out of memory. */
enum rc rehearse_unit(struct rehearse *rehearse, const struct page *page, struct rehearsed *unit, struct err *err);
/* "unit 3 step analyse part 2, fallback 1" */
void rehearse_line_name(const struct rehearse *rehearse, const struct cassette_page *line, char *out, size_t size);
void rehearsed_release(struct rehearsed *unit);

#endif
