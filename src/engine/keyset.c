// SPDX-License-Identifier: Apache-2.0
#include "engine/keyset.h"

#include "os/fsio.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Open addressing, at most half full. An all-zero slot is empty; the all-zero key is counted beside. */
struct table {
    unsigned char (*slots)[KEYSET_KEY_BYTES];
    size_t capacity; /* a power of two */
    bool mapped;
};

struct keyset {
    int dir_fd;
    struct table table;
    uint64_t count;
    bool zero;
};

#define FIRST_CAPACITY 1024u
#define MOST_IN_MEMORY (1024u * 1024u / KEYSET_KEY_BYTES)

static const unsigned char empty[KEYSET_KEY_BYTES];

static enum rc map_table(int dir_fd, struct table *table, struct err *err) {
    size_t bytes = table->capacity * KEYSET_KEY_BYTES;
    int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        char name[64];
        snprintf(name, sizeof name, ".keys-%d-%p", (int)getpid(), (void *)table);
        fd = openat(dir_fd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0)
            fsio_unlink(dir_fd, name, NULL);
    }
    if (fd < 0)
        return err_sys(err, "a file for the set of keys in payloads/tmp");
    /* Room is taken now: a full disk would otherwise end the program at a write to the mapping. */
    int failed = posix_fallocate(fd, 0, (off_t)bytes);
    void *at = failed ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED) {
        enum rc rc = failed ? rc_from_errno(failed) : RC_TEMP;
        return err_set(err, rc, "no room for the set of keys (%zu bytes in payloads/tmp)", bytes);
    }
    table->slots = at;
    table->mapped = true;
    return RC_OK;
}

static enum rc table_make(int dir_fd, size_t capacity, struct table *table, struct err *err) {
    table->capacity = capacity;
    table->mapped = false;
    if (capacity > MOST_IN_MEMORY)
        return map_table(dir_fd, table, err);
    table->slots = calloc(capacity, KEYSET_KEY_BYTES);
    return table->slots ? RC_OK : err_set(err, RC_TEMP, "out of memory");
}

static void table_release(struct table *table) {
    if (table->mapped)
        munmap(table->slots, table->capacity * KEYSET_KEY_BYTES);
    else
        free(table->slots);
}

static unsigned char *table_slot(const struct table *table, const unsigned char *key) {
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    for (size_t at = hash & (table->capacity - 1);; at = (at + 1) & (table->capacity - 1)) {
        unsigned char *slot = table->slots[at];
        if (memcmp(slot, key, KEYSET_KEY_BYTES) == 0 || memcmp(slot, empty, KEYSET_KEY_BYTES) == 0)
            return slot;
    }
}

static enum rc keyset_grow(struct keyset *set, struct err *err) {
    struct table bigger;
    enum rc rc = table_make(set->dir_fd, set->table.capacity * 2, &bigger, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < set->table.capacity; i++)
        if (memcmp(set->table.slots[i], empty, KEYSET_KEY_BYTES) != 0)
            memcpy(table_slot(&bigger, set->table.slots[i]), set->table.slots[i], KEYSET_KEY_BYTES);
    table_release(&set->table);
    set->table = bigger;
    return RC_OK;
}

struct keyset *keyset_new(int dir_fd) {
    struct keyset *set = calloc(1, sizeof *set);
    if (!set)
        return NULL;
    set->dir_fd = dir_fd;
    if (table_make(dir_fd, FIRST_CAPACITY, &set->table, NULL)) {
        free(set);
        return NULL;
    }
    return set;
}

void keyset_free(struct keyset *set) {
    if (!set)
        return;
    table_release(&set->table);
    free(set);
}

enum rc keyset_add(struct keyset *set, const unsigned char key[KEYSET_KEY_BYTES], bool *fresh, struct err *err) {
    if (memcmp(key, empty, KEYSET_KEY_BYTES) == 0) {
        *fresh = !set->zero;
        set->count += *fresh;
        set->zero = true;
        return RC_OK;
    }
    unsigned char *slot = table_slot(&set->table, key);
    *fresh = memcmp(slot, empty, KEYSET_KEY_BYTES) == 0;
    if (!*fresh)
        return RC_OK;
    if (set->count + 1 > set->table.capacity / 2) {
        enum rc rc = keyset_grow(set, err);
        if (rc)
            return rc;
        slot = table_slot(&set->table, key);
    }
    memcpy(slot, key, KEYSET_KEY_BYTES);
    set->count++;
    return RC_OK;
}

bool keyset_has(const struct keyset *set, const unsigned char key[KEYSET_KEY_BYTES]) {
    if (memcmp(key, empty, KEYSET_KEY_BYTES) == 0)
        return set->zero;
    return memcmp(table_slot(&set->table, key), empty, KEYSET_KEY_BYTES) != 0;
}

uint64_t keyset_count(const struct keyset *set) {
    return set->count;
}
