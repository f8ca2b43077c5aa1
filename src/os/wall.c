// SPDX-License-Identifier: Apache-2.0
#include "os/wall.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/dirscan.h"
#include "os/fsio.h"

#define MOST_HIDDEN 8u

/* What newer headers have (linux/landlock.h of 6.12): kernels that know less are told less. */
struct ruleset {
    uint64_t fs, net, scoped;
};
#define ACCESS_TRUNCATE (UINT64_C(1) << 14)
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)
#define ABI_REFER 2
#define ABI_TRUNCATE 3
#define ABI_NET 4
#define ABI_IOCTL_DEV 5
#define ABI_SCOPED 6

#define ACCESS_OF_FILES (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | ACCESS_TRUNCATE | ACCESS_IOCTL_DEV)

struct wall {
    int fd;
    uint64_t access; /* that this kernel knows of */
    char hidden[MOST_HIDDEN][PATH_MAX];
    size_t hidden_count;
};

static int abi_version(void) {
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

bool wall_possible(void) {
    return abi_version() >= 1;
}

static int make_ruleset(struct wall *wall) {
    const int abi = abi_version();
    struct ruleset set = {.scoped = SCOPE_SIGNAL};

    if (abi < 1)
        return -1;
    set.fs = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1; /* of the first version all */
    set.fs |= abi >= ABI_REFER ? LANDLOCK_ACCESS_FS_REFER : 0;
    set.fs |= abi >= ABI_TRUNCATE ? ACCESS_TRUNCATE : 0;
    set.fs |= abi >= ABI_IOCTL_DEV ? ACCESS_IOCTL_DEV : 0;
    wall->access = set.fs;
    return (int)syscall(SYS_landlock_create_ruleset, &set, abi >= ABI_SCOPED ? sizeof(set) : abi >= ABI_NET ? 2 * sizeof(uint64_t) : sizeof(uint64_t), 0);
}

/* An anonymous one, such as a pipe, needs no rule. */
static void show(const struct wall *wall, int fd) {
    struct landlock_path_beneath_attr rule = {.parent_fd = fd};
    struct stat st;

    if (fstat(fd, &st) != 0)
        return;
    rule.allowed_access = S_ISDIR(st.st_mode) ? wall->access : wall->access & ACCESS_OF_FILES;
    (void)syscall(SYS_landlock_add_rule, wall->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

enum on_the_way { ELSEWHERE, ON_THE_WAY, HIDDEN };

/* path is "" for the root. */
static enum on_the_way look(const struct wall *wall, const char *path, size_t length) {
    enum on_the_way found = ELSEWHERE;

    for (size_t i = 0; i < wall->hidden_count; i++) {
        const char *hidden = wall->hidden[i];
        if (strncmp(hidden, path, length) != 0)
            continue;
        if (hidden[length] == '\0')
            return HIDDEN;
        if (hidden[length] == '/')
            found = ON_THE_WAY;
    }
    return found;
}

/* Everything in a directory on the way, but what is hidden. A link leads to something that is shown, or is not, by where it is itself. */
static enum rc show_around(const struct wall *wall, char path[PATH_MAX], size_t length, struct err *err) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    enum rc rc = dirscan_open(AT_FDCWD, length > 0 ? path : "/", &scan, err);

    if (rc == RC_PERM || rc == RC_GONE)
        return RC_OK; /* what may not be listed is not shown */
    if (rc)
        return rc;
    while (!rc && (rc = dirscan_next(scan, &name, &type, err)) == RC_OK) {
        const size_t longer = length + 1 + strlen(name);
        if (type == DT_LNK || longer >= PATH_MAX)
            continue;
        path[length] = '/';
        memcpy(path + length + 1, name, longer - length);
        const enum on_the_way found = look(wall, path, longer);
        const int fd = found == ELSEWHERE ? openat(dirscan_fd(scan), name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (fd >= 0) {
            show(wall, fd);
            close(fd);
        } else if (found == ON_THE_WAY)
            rc = show_around(wall, path, longer, err);
        path[length] = '\0';
    }
    dirscan_close(scan);
    return rc == RC_GONE ? RC_OK : rc;
}

enum rc wall_new(const char *const *hidden, size_t hidden_count, const int *shown, size_t shown_count, int *wall_fd, struct err *err) {
    struct wall *wall = calloc(1, sizeof(*wall));
    char *path = malloc(PATH_MAX);
    enum rc rc = wall != NULL && path != NULL && hidden_count <= MOST_HIDDEN ? RC_OK : err_set(err, RC_TEMP, "out of memory");

    *wall_fd = -1;
    for (size_t i = 0; rc == RC_OK && i < hidden_count; i++)
        wall->hidden_count += hidden[i] != NULL && realpath(hidden[i], wall->hidden[wall->hidden_count]) != NULL;
    if (rc == RC_OK && (wall->fd = make_ruleset(wall)) < 0)
        rc = errno == ENOSYS || errno == EOPNOTSUPP ? err_set(err, RC_GONE, "this kernel has no Landlock") : err_sys(err, "Landlock");
    if (rc == RC_OK) {
        path[0] = '\0';
        rc = show_around(wall, path, 0, err);
        for (size_t i = 0; i < shown_count; i++)
            if (shown[i] >= 0)
                show(wall, shown[i]);
        if (rc == RC_OK)
            *wall_fd = wall->fd;
        else
            close(wall->fd);
    }
    free(path);
    free(wall);
    return rc;
}

bool wall_enter(int wall_fd) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, wall_fd, 0) == 0;
}
