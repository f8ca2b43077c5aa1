// SPDX-License-Identifier: Apache-2.0
#include "api/principal.h"

#include "base/str.h"

#include <string.h>

static const char *const ROLES[] = {"none", "viewer", "operator", "admin"};
static const char *const SCOPES[SCOPE_COUNT] = {"person", "read", "submit", "control", "process", "admin", "metrics", "cron"};

const char *role_name(enum role role) {
    return role <= ROLE_ADMIN ? ROLES[role] : ROLES[ROLE_NONE];
}

bool role_from_name(const char *name, enum role *role) {
    *role = ROLE_NONE;
    for (enum role r = ROLE_VIEWER; r <= ROLE_ADMIN; r++)
        if (strcmp(name, ROLES[r]) == 0)
            *role = r;
    return *role != ROLE_NONE;
}

const char *scope_name(enum scope scope) {
    return scope < SCOPE_COUNT ? SCOPES[scope] : SCOPES[SCOPE_PERSON];
}

bool scope_from_name(const char *name, enum scope *scope) {
    *scope = SCOPE_PERSON;
    for (enum scope s = SCOPE_READ; s < SCOPE_COUNT; s++)
        if (strcmp(name, SCOPES[s]) == 0)
            *scope = s;
    return *scope != SCOPE_PERSON;
}

bool principal_may(const struct principal *who, enum role least, enum scope scope) {
    if (least == ROLE_NONE)
        return true;
    switch (who->kind) {
    case PRINCIPAL_NOBODY:
        return false;
    case PRINCIPAL_USER:
        return who->role >= least;
    case PRINCIPAL_KEY:
    case PRINCIPAL_ENV:
        return who->role >= least && scope != SCOPE_PERSON && (who->scopes & SCOPE_BIT(scope)) != 0;
    }
    return false;
}

bool principal_sees(const struct principal *who, const char *created_by) {
    return who->kind != PRINCIPAL_NOBODY && who->role != ROLE_NONE && (!who->own_only || strcmp(who->name, created_by) == 0);
}

bool principal_changes(const struct principal *who, const char *created_by) {
    return who->role >= ROLE_OPERATOR && principal_sees(who, created_by);
}

void principal_text(const struct principal *who, char *out, size_t size) {
    switch (who->kind) {
    case PRINCIPAL_NOBODY:
        str_copy(out, size, "nobody");
        return;
    case PRINCIPAL_USER:
        str_copy(out, size, who->name);
        return;
    case PRINCIPAL_KEY:
        str_format(out, size, "%s" PRINCIPAL_BY_KEY "%s", who->name, who->key_id);
        return;
    case PRINCIPAL_ENV:
        str_format(out, size, "the environment's %s", who->name);
        return;
    }
}
