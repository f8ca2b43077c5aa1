// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_LIGHTHOUSE_H
#define HELPER_LIGHTHOUSE_H

#include <stdbool.h>

#include "base/err.h"

/* Lighthouse and Chrome on this machine. */

struct lighthouse_options {
    const char *url, *strategy, *locale; /* strategy: "mobile" or "desktop" */
    const char *program, *chrome;        /* what to run; NULL: looked for */
    unsigned timeout_s;
};

#define LIGHTHOUSE_PATH_SIZE 4096 /* TOOL_PATH_SIZE */

/* Lighthouse: of the environment (LIGHTHOUSE), in PATH, or in node_modules beside the helpers (BATCHSPOOL_HELPERS) or this program. Chrome: of the environment
 * (CHROME_PATH), or in PATH. False: not there. */
bool lighthouse_find(char out[LIGHTHOUSE_PATH_SIZE]);
bool lighthouse_find_chrome(char out[LIGHTHOUSE_PATH_SIZE]);

/* Test one page with programs that are there, in a directory of its own below dir, and write Lighthouse's JSON to standard output. Chrome and Lighthouse are
 * children that die with this process. RC_PERM: the page cannot be tested. RC_TEMP: not this time. RC_GONE: Chrome does not start here. */
enum rc lighthouse_run(const struct lighthouse_options *options, const char *dir, struct err *err);

#endif
