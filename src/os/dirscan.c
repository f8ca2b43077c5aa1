// SPDX-License-Identifier: Apache-2.0
#include "os/dirscan.h"

#include "os/fsio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dirscan {
    DIR *dir;
};

enum rc dirscan_open(int dir_fd, const char *path, struct dirscan **scan, struct err *err) {
    int fd;
    enum rc rc = fsio_open_dir(dir_fd, path, &fd, err);

    *scan = NULL;
    if (rc != RC_OK)
        return rc;
    *scan = malloc(sizeof(**scan));
    if (*scan != NULL && ((*scan)->dir = fdopendir(fd)) != NULL)
        return RC_OK;
    free(*scan);
    *scan = NULL;
    close(fd);
    return err_set(err, RC_TEMP, "%s: out of memory", path);
}

/* The type of a name on a file system whose entries do not tell; false when it went away meanwhile. */
static bool resolve_type(struct dirscan *scan, const char *name, unsigned char *type) {
    struct stat st;

    if (fstatat(dirfd(scan->dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno != ENOENT;
    *type = (unsigned char)IFTODT(st.st_mode);
    return true;
}

enum rc dirscan_next(struct dirscan *scan, const char **name, unsigned char *type, struct err *err) {
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(scan->dir);
        if (entry == NULL)
            return errno == 0 ? RC_GONE : err_sys(err, "read a directory");
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        *name = entry->d_name;
        *type = entry->d_type;
        if (*type != DT_UNKNOWN || resolve_type(scan, *name, type))
            return RC_OK;
    }
}

int dirscan_fd(const struct dirscan *scan) {
    return dirfd(scan->dir);
}

void dirscan_close(struct dirscan *scan) {
    if (scan == NULL)
        return;
    closedir(scan->dir);
    free(scan);
}
