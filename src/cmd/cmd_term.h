// SPDX-License-Identifier: Apache-2.0
#ifndef CMD_CMD_TERM_H
#define CMD_CMD_TERM_H

#include <stdbool.h>
#include <stddef.h>

/* The terminal of a program that draws on the whole of it: keys come at once and unseen, the screen that was there comes back at the end. Plain ECMA-48. */

/* Standard input and output are a terminal that can do it (TERM is not "dumb"). */
bool cmd_term_can(void);
/* Colours are wanted (NO_COLOR is not set). */
bool cmd_term_colours(void);
/* Take the screen; again after the program was stopped. The end of the program, however it comes about but by SIGKILL, must go through cmd_term_end (exit()
 * does by itself). False: the terminal refuses. */
bool cmd_term_begin(void);
void cmd_term_end(void); /* nothing when it was not taken */
/* Columns and rows; 80 x 24 when nobody knows. */
void cmd_term_size(int *columns, int *rows);

/* A screen that is drawn line by line: only lines that changed are sent, all of them in one write. */
#define CMD_TERM_ROWS 200
#define CMD_TERM_COLUMNS 300
struct cmd_screen {
    struct cmd_line {
        char text[CMD_TERM_COLUMNS * 4 + 1]; /* no control characters */
        const char *style;                   /* parameters of SGR, "1;7"; or NULL */
        bool full;                           /* it reaches the last column */
    } lines[CMD_TERM_ROWS];
    int count;
};
/* The next line of the screen, printf-like, control characters escaped, cut to columns. Lines that do not fit any more are dropped. */
void cmd_screen_add(struct cmd_screen *screen, int columns, const char *style, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Show it where `shown` is shown (NULL: nothing is); false when standard output fails. */
bool cmd_screen_show(const struct cmd_screen *screen, const struct cmd_screen *shown, bool colours);
/* Print it once, without any of that. */
void cmd_screen_print(const struct cmd_screen *screen);

#endif
