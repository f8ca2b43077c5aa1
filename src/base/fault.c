// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/str.h"

enum action { ACTION_NONE, ACTION_KILL, ACTION_EIO, ACTION_ENOSPC, ACTION_SHORT, ACTION_STOP };

static const struct {
    const char *name;
    enum action action;
} actions[] = {{"kill", ACTION_KILL}, {"eio", ACTION_EIO}, {"enospc", ACTION_ENOSPC}, {"short", ACTION_SHORT}, {"stop", ACTION_STOP}};

/* Process-wide by nature: points are counted over all threads. Written by fault_init before threads start, the counters aside. */
static struct {
    bool active, every_later;
    enum action action;
    uint64_t at;
    char name[64]; /* "" means any */
    int log_fd;
} plan = {.log_fd = -1};

static atomic_uint_fast64_t passed, passed_named;

static bool parse_action(const char *text) {
    size_t length = strcspn(text, ":");
    size_t count = sizeof(actions) / sizeof(actions[0]);

    for (size_t i = 0; i < count; i++) {
        if (slice_equals((struct slice){.data = text, .length = length}, actions[i].name)) {
            plan.action = actions[i].action;
        }
    }
    if (plan.action == ACTION_NONE) {
        return false;
    }
    return text[length] == '\0' || (text[length + 1] != '\0' && str_copy(plan.name, sizeof(plan.name), text + length + 1));
}

static bool parse(const char *text) {
    const char *colon = strchr(text, ':');
    char number[24];

    if (colon == NULL || colon == text) {
        return false;
    }
    plan.every_later = colon[-1] == '+';
    return str_format(number, sizeof(number), "%.*s", (int)(colon - text - (plan.every_later ? 1 : 0)), text) && str_to_u64(number, 1, UINT64_MAX, &plan.at) &&
           parse_action(colon + 1);
}

void fault_init(void) {
    const char *text = getenv("BATCHSPOOL_FAULT"), *log = getenv("BATCHSPOOL_FAULT_LOG");

    if (text != NULL && text[0] != '\0') {
        if (!parse(text)) {
            (void)fprintf(stderr, "BATCHSPOOL_FAULT: not \"N:ACTION[:NAME]\" with kill, eio, enospc, short or stop as ACTION: %s\n", text);
            exit(EX_CONFIG);
        }
        plan.active = true;
    }
    if (log != NULL && log[0] != '\0') {
        plan.log_fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0660);
        if (plan.log_fd < 0) {
            (void)fprintf(stderr, "BATCHSPOOL_FAULT_LOG: %s: %s\n", log, strerror(errno));
            exit(EX_CONFIG);
        }
        plan.active = true;
    }
}

static void log_point(uint64_t number, const char *name, const char *detail) {
    int saved = errno;
    char raw[512], line[520];
    size_t length;

    (void)snprintf(raw, sizeof(raw), "%llu %s %s", (unsigned long long)number, name, detail != NULL ? detail : "");
    length = str_printable(line, sizeof(line) - 1, raw, strlen(raw));
    line[length++] = '\n';
    (void)!write(plan.log_fd, line, length);
    errno = saved;
}

static bool is_due(uint64_t number, const char *name) {
    if (plan.name[0] != '\0') {
        if (strcmp(plan.name, name) != 0) {
            return false;
        }
        number = atomic_fetch_add(&passed_named, 1) + 1;
    }
    return plan.every_later ? number >= plan.at : number == plan.at;
}

int fault_point(const char *name, const char *detail) {
    uint64_t number;

    if (!plan.active) {
        return 0;
    }
    number = atomic_fetch_add(&passed, 1) + 1;
    if (plan.log_fd >= 0) {
        log_point(number, name, detail);
    }
    if (plan.action == ACTION_NONE || !is_due(number, name)) {
        return 0;
    }
    switch (plan.action) {
    case ACTION_NONE:
        break;
    case ACTION_KILL:
        (void)kill(getpid(), SIGKILL);
        break;
    case ACTION_STOP:
        (void)kill(getpid(), SIGSTOP);
        break;
    case ACTION_EIO:
        return EIO;
    case ACTION_ENOSPC:
        return ENOSPC;
    case ACTION_SHORT:
        return strstr(name, "write") != NULL ? -1 : 0;
    }
    return 0;
}
