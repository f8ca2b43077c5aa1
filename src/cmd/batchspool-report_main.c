// SPDX-License-Identifier: Apache-2.0
#include "engine/errand.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* The process of the daemon that makes reports: its libraries, fonts and memory are its own. */
int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--errand-worker") == 0)
        return errand_worker_main(argc - 2, argv + 2, results_report_write);
    (void)fputs("batchspool-report: started by batchspoold itself; see `batchspool results`\n", stderr);
    return EX_USAGE;
}
