// SPDX-License-Identifier: Apache-2.0
/*
 * barewriter: what the disk gives. Writes the pages of a directory, held in memory, to another one, each durably: write, fsync, close, rename, fsync of the
 * directory.
 *
 *   barewriter THREADS PAGES-DIRECTORY TARGET-DIRECTORY
 *
 * Prints the seconds from the first write to the last fsync.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define PAGES_MAX 100000u
#define THREADS_MAX 64u

struct page {
    char *body;
    size_t length;
};

struct work {
    struct page *pages;
    size_t count;
    int target;
    atomic_size_t next;
};

static void must(bool ok, const char *what) {
    if (ok)
        return;
    fprintf(stderr, "barewriter: %s: %s\n", what, strerror(errno));
    exit(EX_OSERR);
}

static void pages_read(struct work *work, const char *path) {
    DIR *directory = opendir(path);
    must(directory, path);
    work->pages = calloc(PAGES_MAX, sizeof *work->pages);
    must(work->pages, "memory");
    for (struct dirent *entry; (entry = readdir(directory)) && work->count < PAGES_MAX;) {
        if (entry->d_name[0] == '.')
            continue;
        struct page *page = &work->pages[work->count++];
        int fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
        struct stat status;
        must(fd >= 0 && fstat(fd, &status) == 0, entry->d_name);
        page->length = (size_t)status.st_size;
        page->body = malloc(page->length + 1);
        must(page->body && read(fd, page->body, page->length) == status.st_size, entry->d_name);
        close(fd);
    }
    closedir(directory);
}

static void page_write(const struct work *work, size_t number) {
    const struct page *page = &work->pages[number];
    char temporary[32], name[32];
    snprintf(temporary, sizeof temporary, "tmp.%zu", number);
    snprintf(name, sizeof name, "%zu.json", number);
    int fd = openat(work->target, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd >= 0, "open");
    for (size_t written = 0; written < page->length;) {
        ssize_t n = write(fd, page->body + written, page->length - written);
        must(n > 0, "write");
        written += (size_t)n;
    }
    must(fsync(fd) == 0 && close(fd) == 0, "fsync");
    must(renameat(work->target, temporary, work->target, name) == 0 && fsync(work->target) == 0, "rename");
}

static void *write_pages(void *cls) {
    struct work *work = cls;
    for (size_t number; (number = atomic_fetch_add(&work->next, 1)) < work->count;)
        page_write(work, number);
    return NULL;
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    unsigned long threads = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
    if (threads < 1 || threads > THREADS_MAX) {
        fputs("usage: barewriter THREADS PAGES-DIRECTORY TARGET-DIRECTORY\n", stderr);
        return EX_USAGE;
    }
    static struct work work;
    pthread_t thread[THREADS_MAX];
    pages_read(&work, argv[2]);
    work.target = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(work.target >= 0, argv[3]);
    double start = now_s();
    for (size_t i = 0; i < threads; i++)
        must(pthread_create(&thread[i], NULL, write_pages, &work) == 0, "thread");
    for (size_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    printf("%.6f\n", now_s() - start);
    return EX_OK;
}
