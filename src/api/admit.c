// SPDX-License-Identifier: Apache-2.0
#include "api/admit.h"

#include "api/follow.h"
#include "api/route.h"

#include <stdlib.h>
#include <string.h>

bool admit_host(struct request *r) {
    (void)r;
    return true;
}

bool admit_sees(const struct principal *who, const char *owner) {
    return who->role == ROLE_ADMIN || who->role == ROLE_VIEWER || (who->role == ROLE_OPERATOR && strcmp(who->name, owner) == 0);
}

const char *admit_owner(const struct principal *who) {
    return who->role == ROLE_OPERATOR ? who->name : NULL;
}

bool admit_holds(struct api *api, const struct principal *who) {
    (void)api;
    return who->role != ROLE_NONE;
}

static bool find_job(struct request *r) {
    struct err err = {0};
    r->job = malloc(sizeof *r->job);
    if (!r->job) {
        reply_later(r, 1, "out of memory");
        return false;
    }
    enum rc rc = jobid_valid(r->vars[0]) ? follow_row(r->api->follow, r->vars[0], r->job, &err) : RC_GONE;
    if ((rc == RC_OK || rc == RC_CORRUPT) && admit_sees(&r->who, r->job->created_by))
        return true;
    if (rc == RC_OK || rc == RC_GONE || rc == RC_CORRUPT)
        reply_problem(r, 404, "there is no job %.80s", r->vars[0]);
    else
        reply_rc(r, rc, &err);
    return false;
}

bool admit_request(struct request *r) {
    r->who = (struct principal){.name = "dev", .role = ROLE_ADMIN};
    return !(r->route->flags & ROUTE_JOB) || find_job(r);
}

uint32_t admit_lane(const struct request *r) {
    uint32_t hash = 2166136261u;
    if (r->route->flags & ROUTE_SOURCES)
        return 0;
    if (!(r->route->flags & ROUTE_JOB))
        return WORKER_ANY;
    for (const char *at = r->vars[0]; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return hash;
}

void admit_seal(struct request *r) {
    reply_header(r, "X-Content-Type-Options", "nosniff");
}
