// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_term.h"

#include "base/buf.h"
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Another screen, no cursor, long lines are cut; and back. */
#define TAKE "\033[?1049h\033[?25l\033[?7l\033[2J"
#define GIVE_BACK "\033[0m\033[?7h\033[?25h\033[?1049l"

/* The terminal is the process's: what it was like before. */
static struct termios before;
static bool taken, registered;

bool cmd_term_can(void) {
    const char *kind = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

bool cmd_term_colours(void) {
    const char *no = getenv("NO_COLOR");
    return !no || !*no;
}

static bool put(const char *bytes, size_t length) {
    while (length) {
        ssize_t sent = write(STDOUT_FILENO, bytes, length);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

void cmd_term_end(void) {
    if (!taken)
        return;
    taken = false;
    put(GIVE_BACK, strlen(GIVE_BACK));
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

bool cmd_term_begin(void) {
    if (!taken && tcgetattr(STDIN_FILENO, &before))
        return false;
    struct termios raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* ^C and ^Z stay signals */
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (!registered)
        registered = atexit(cmd_term_end) == 0;
    if (!registered || tcsetattr(STDIN_FILENO, TCSADRAIN, &raw))
        return false;
    const bool again = taken; /* another program may have changed its ways, but not the screen */
    taken = true;
    return again || put(TAKE, strlen(TAKE));
}

void cmd_term_size(int *columns, int *rows) {
    struct winsize window = {.ws_col = 0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0)
        window = (struct winsize){.ws_col = 80, .ws_row = 24};
    *columns = window.ws_col < CMD_TERM_COLUMNS ? window.ws_col : CMD_TERM_COLUMNS;
    *rows = window.ws_row < CMD_TERM_ROWS ? window.ws_row : CMD_TERM_ROWS;
}

/* Cut behind the first `columns` characters; true when there are as many. */
static bool cut(char *text, int columns) {
    int seen = 0;
    for (; *text; text++)
        if (((unsigned char)*text & 0xc0) != 0x80 && seen++ == columns) {
            *text = '\0';
            return true;
        }
    return seen == columns;
}

void cmd_screen_add(struct cmd_screen *screen, int columns, const char *style, const char *format, ...) {
    char text[sizeof screen->lines[0].text];
    va_list args;
    if (screen->count == CMD_TERM_ROWS)
        return;
    struct cmd_line *line = &screen->lines[screen->count++];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    str_printable(line->text, sizeof line->text, text, strlen(text));
    line->full = cut(line->text, columns);
    line->style = style;
}

static bool same(const struct cmd_line *a, const struct cmd_line *b) {
    return a->style == b->style && strcmp(a->text, b->text) == 0;
}

bool cmd_screen_show(const struct cmd_screen *screen, const struct cmd_screen *shown, bool colours) {
    struct buf out = BUF_INIT(sizeof *screen * 2);
    for (int i = 0; i < screen->count; i++) {
        const struct cmd_line *line = &screen->lines[i];
        if (shown && i < shown->count && same(line, &shown->lines[i]))
            continue;
        const bool styled = colours && line->style;
        buf_printf(&out, "\033[%d;1H%s%s%s%s%s%s", i + 1, styled ? "\033[" : "", styled ? line->style : "", styled ? "m" : "", line->text,
                   styled ? "\033[0m" : "", line->full ? "" : "\033[K"); /* it would take the last character, too */
    }
    if (!shown || shown->count > screen->count)
        buf_printf(&out, "\033[%d;1H\033[J", screen->count + 1);
    const bool good = put(buf_text(&out), out.length);
    buf_release(&out);
    return good;
}

void cmd_screen_print(const struct cmd_screen *screen) {
    for (int i = 0; i < screen->count; i++)
        puts(screen->lines[i].text);
}
