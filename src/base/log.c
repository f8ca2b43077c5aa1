// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define LINE_BYTES 4096u /* with the line break; not above PIPE_BUF, so that a write to a pipe is whole */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static _Atomic enum log_level level_least = LOG_LEVEL_INFO;
static atomic_bool as_json;

void log_init(enum log_level least, bool json) {
    level_least = least;
    as_json = json;
}

bool log_level_parse(const char *name, enum log_level *level) {
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Append printable text as the inside of a JSON string: only the quote and the backslash are left to escape. */
static size_t add_json(char *line, size_t at, size_t size, const char *text) {
    for (; *text != '\0'; text++) {
        bool escape = *text == '"' || *text == '\\';

        if (at + (escape ? 2 : 1) > size) {
            break;
        }
        if (escape) {
            line[at++] = '\\';
        }
        line[at++] = *text;
    }
    while (at > 0 && *text != '\0' && ((unsigned char)*text & 0xC0u) == 0x80u) { /* cut before the character, not inside it */
        at--;
        text--;
    }
    return at;
}

static void write_line(enum log_level level, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void write_line(enum log_level level, const char *format, va_list args) {
    char raw[LINE_BYTES], text[LINE_BYTES], line[LINE_BYTES], time[CLOCK_RFC3339_SIZE];
    int saved = errno;
    size_t at;

    (void)vsnprintf(raw, sizeof(raw), format, args);
    clock_format_rfc3339(clock_wall_us(), as_json ? 6 : 0, time);
    if (as_json) {
        (void)str_printable(text, sizeof(text), raw, strlen(raw));
        at = (size_t)snprintf(line, sizeof(line), "{\"ts\":\"%s\",\"level\":\"%s\",\"text\":\"", time, level_names[level]);
        at = add_json(line, at, sizeof(line) - 3, text);
        memcpy(line + at, "\"}", 2);
        at += 2;
    } else {
        at = (size_t)snprintf(line, sizeof(line), "%s %s ", time, level_names[level]);
        at += str_printable(line + at, sizeof(line) - at, raw, strlen(raw));
    }
    line[at++] = '\n';
    (void)!write(STDERR_FILENO, line, at); /* a log that cannot be written has nowhere to complain */
    errno = saved;
}

#define LOG_AT(level)                                                                                                                                          \
    do {                                                                                                                                                       \
        va_list args;                                                                                                                                          \
                                                                                                                                                               \
        if ((level) >= level_least) {                                                                                                                          \
            va_start(args, format);                                                                                                                            \
            write_line((level), format, args);                                                                                                                 \
            va_end(args);                                                                                                                                      \
        }                                                                                                                                                      \
    } while (0)

void log_debug(const char *format, ...) {
    LOG_AT(LOG_LEVEL_DEBUG);
}

void log_info(const char *format, ...) {
    LOG_AT(LOG_LEVEL_INFO);
}

void log_warn(const char *format, ...) {
    LOG_AT(LOG_LEVEL_WARN);
}

void log_error(const char *format, ...) {
    LOG_AT(LOG_LEVEL_ERROR);
}
