// SPDX-License-Identifier: Apache-2.0
#include "os/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool resident(uint64_t *bytes) {
    char text[200];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return false;
    text[length] = '\0';
    const char *second = strchr(text, ' ');
    *bytes = second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    return second != NULL;
}

static bool descriptors(uint64_t *count) {
    DIR *dir = opendir("/proc/self/fd");
    *count = 0;
    if (!dir)
        return false;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        *count += entry->d_name[0] != '.';
    closedir(dir);
    *count -= *count > 0; /* that of the directory itself */
    return true;
}

bool process_use(struct process_use *use) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return false;
    use->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    return resident(&use->resident_bytes) && descriptors(&use->open_fds);
}
