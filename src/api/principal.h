// SPDX-License-Identifier: Apache-2.0
#ifndef API_PRINCIPAL_H
#define API_PRINCIPAL_H

#include <stdbool.h>

/* Who asks. */

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };

struct principal {
    char name[65]; /* "" nobody */
    enum role role;
};

#endif
