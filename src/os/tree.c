// SPDX-License-Identifier: Apache-2.0
#include "os/tree.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

enum rc tree_remove(const char *path, struct err *err) {
    char *const paths[] = {(char *)(uintptr_t)path, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
    enum rc rc = RC_OK;

    if (tree == NULL)
        return err_sys(err, "remove %s", path);
    for (FTSENT *entry; (entry = fts_read(tree)) != NULL;) {
        const bool directory = entry->fts_info == FTS_DP || entry->fts_info == FTS_DNR;

        if (entry->fts_info == FTS_D || (entry->fts_info == FTS_NS && entry->fts_errno == ENOENT))
            continue;
        if ((directory ? rmdir : unlink)(entry->fts_accpath) != 0 && errno != ENOENT)
            rc = err_sys(err, "remove %s", entry->fts_path);
    }
    fts_close(tree);
    return rc;
}
