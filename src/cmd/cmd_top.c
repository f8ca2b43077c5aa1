// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_top.h"

#include "base/clock.h"
#include "base/log.h"
#include "os/watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define LOOK_EVERY_MS 1000
#define LOOK_SOON_MS 100 /* after something moved */
#define LOOK_SHARE 10    /* at most a tenth of the time is spent with looking */

struct screen {
    struct top top;
    struct loop *loop;
    struct watch *watch;
    struct loop_fd input;
    struct loop_timer timer;
    struct cmd_screen shown, next;
    bool drawn, colours;
    int64_t looked_ms, cost_ms;
    int code;
};

/* --- drawing and looking --------------------------------------------------------------------------------------------- */

static void draw(struct screen *s) {
    int columns, rows;
    cmd_term_size(&columns, &rows);
    cmd_top_draw(&s->top, columns, rows, true, &s->next);
    if (!cmd_screen_show(&s->next, s->drawn ? &s->shown : NULL, s->colours))
        loop_stop(s->loop); /* nobody is there any more */
    s->shown = s->next;
    s->drawn = true;
}

static void look_due(struct loop_timer *timer);

static void look(struct screen *s) {
    struct err err = {0};
    const int64_t began_ms = clock_mono_ms();
    if (cmd_top_look(&s->top, &err))
        str_format(s->top.message, sizeof s->top.message, "%.590s", err.text);
    s->looked_ms = clock_mono_ms();
    s->cost_ms = s->looked_ms - began_ms;
    draw(s);
    const int64_t wait_ms = s->cost_ms * LOOK_SHARE > LOOK_EVERY_MS ? s->cost_ms * LOOK_SHARE : LOOK_EVERY_MS;
    loop_timer_start(s->loop, &s->timer, s->looked_ms + wait_ms, look_due);
}

static void look_due(struct loop_timer *timer) {
    look(HEAP_ENTRY(timer, struct screen, timer));
}

static void moved(void *context, int tag, uint32_t mask, const char *name) {
    struct screen *s = context;
    (void)tag;
    (void)mask;
    (void)name;
    const int64_t pause_ms = s->cost_ms * LOOK_SHARE > LOOK_SOON_MS ? s->cost_ms * LOOK_SHARE : LOOK_SOON_MS;
    if (s->timer.at_mono_ms > s->looked_ms + pause_ms)
        loop_timer_start(s->loop, &s->timer, s->looked_ms + pause_ms, look_due);
}

/* --- keys ------------------------------------------------------------------------------------------------------------ */

static const struct top_job *selected(const struct top *top) {
    return top->count ? &top->list[top->row] : NULL;
}

/* A subcommand as from a shell; what it says is shown below. */
static void act(struct screen *s, int (*run)(struct cmd *cmd, int argc, char **argv), const char *verb, const char *level) {
    struct top *top = &s->top;
    char name[16], dashes[] = "--", job[TOP_NAME], last[16];
    str_copy(name, sizeof name, verb);
    str_copy(job, sizeof job, top->selected);
    str_copy(last, sizeof last, level ? level : "");
    char *argv[] = {name, dashes, job, level ? last : NULL, NULL};
    struct buf said = BUF_INIT(sizeof top->message - 1);
    top->cmd->said = &said;
    const int code = run(top->cmd, level ? 4 : 3, argv);
    top->cmd->said = NULL;
    if (said.length)
        str_copy(top->message, sizeof top->message, buf_text(&said));
    else
        str_format(top->message, sizeof top->message, "%s%s%s %.200s: %s", verb, level ? " " : "", last, job, code ? "it failed" : "done");
    buf_release(&said);
    look(s);
}

static void change_priority(struct screen *s, int by) {
    const struct top_job *job = selected(&s->top);
    const int level = job ? (int)job->priority + by : -1;
    if (level >= PRIORITY_LOW && level <= PRIORITY_URGENT)
        act(s, cmd_priority, "priority", priority_name((enum priority)level));
}

static void go_on(struct screen *s) {
    const struct top_job *job = selected(&s->top);
    if (job && job->place == PLACE_HOLD)
        act(s, cmd_release, "release", NULL);
    else if (job)
        act(s, cmd_retry, "retry", NULL);
}

static void move_to(struct screen *s, size_t row) {
    struct top *top = &s->top;
    if (!top->count)
        return;
    top->row = row < top->count ? row : top->count - 1;
    str_copy(top->selected, sizeof top->selected, top->list[top->row].name);
}

enum key { KEY_UP = 256, KEY_DOWN, KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_HOME, KEY_END, KEY_OTHER };

/* The key that the bytes begin with, and how many of them it takes. */
static int key_of(const char *bytes, size_t length, size_t *used) {
    static const struct {
        const char *bytes;
        int key; /* enum key */
    } keys[] = {{"\033[A", KEY_UP},         {"\033OA", KEY_UP},   {"\033[B", KEY_DOWN},  {"\033OB", KEY_DOWN}, {"\033[5~", KEY_PAGE_UP},
                {"\033[6~", KEY_PAGE_DOWN}, {"\033[H", KEY_HOME}, {"\033[1~", KEY_HOME}, {"\033[F", KEY_END},  {"\033[4~", KEY_END}};
    *used = 1;
    if (bytes[0] != '\033')
        return (unsigned char)bytes[0];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const size_t size = strlen(keys[i].bytes);
        if (length >= size && memcmp(bytes, keys[i].bytes, size) == 0) {
            *used = size;
            return keys[i].key;
        }
    }
    if (length > 1 && bytes[1] == '[') /* one that means nothing here: to its final byte */
        for (*used = 2; *used < length && (bytes[*used] < 0x40 || bytes[*used] > 0x7e); ++*used)
            ;
    *used = *used<length && * used> 1 ? *used + 1 : *used;
    return *used > 1 ? KEY_OTHER : '\033';
}

static void answer(struct screen *s, int key) {
    s->top.asks = false;
    if (key == 'y' || key == 'Y')
        act(s, cmd_cancel, "cancel", NULL);
}

static void press(struct screen *s, int key) {
    struct top *top = &s->top;
    top->message[0] = '\0';
    if (top->asks) {
        answer(s, key);
        return;
    }
    switch (key) {
    case KEY_UP:
    case 'k':
        move_to(s, top->row ? top->row - 1 : 0);
        return;
    case KEY_DOWN:
    case 'j':
        move_to(s, top->row + 1);
        return;
    case KEY_PAGE_UP:
        move_to(s, top->row > top->page ? top->row - top->page : 0);
        return;
    case KEY_PAGE_DOWN:
        move_to(s, top->row + top->page);
        return;
    case KEY_HOME:
        move_to(s, 0);
        return;
    case KEY_END:
        move_to(s, top->count);
        return;
    case 'h':
        if (selected(top))
            act(s, cmd_hold, "hold", NULL);
        return;
    case 'r':
        go_on(s);
        return;
    case 'c':
        top->asks = selected(top) != NULL;
        return;
    case '+':
        change_priority(s, 1);
        return;
    case '-':
        change_priority(s, -1);
        return;
    case 'q':
        loop_stop(s->loop);
        return;
    case '\f': /* ^L */
        s->drawn = false;
        return;
    default:
        return;
    }
}

static void typed(struct loop_fd *watch, uint32_t events) {
    struct screen *s = HEAP_ENTRY(watch, struct screen, input);
    char bytes[256];
    const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got <= 0 || (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))) {
        loop_stop(s->loop);
        return;
    }
    for (size_t at = 0, used; at < (size_t)got; at += used)
        press(s, key_of(bytes + at, (size_t)got - at, &used));
    draw(s);
}

/* --- signals --------------------------------------------------------------------------------------------------------- */

static void resized(void *context, int signo) {
    struct screen *s = context;
    (void)signo;
    s->drawn = false;
    draw(s);
}

static void continued(void *context, int signo) {
    struct screen *s = context;
    (void)signo;
    if (!cmd_term_begin())
        loop_stop(s->loop);
    s->drawn = false;
    look(s);
}

/* The shell gets its terminal as it was; it is taken again before anything is drawn. */
static void suspended(void *context, int signo) {
    cmd_term_end();
    raise(SIGSTOP);
    continued(context, signo);
}

static void ended(void *context, int signo) {
    struct screen *s = context;
    s->code = signo == SIGINT ? EXIT_DONE : 128 + signo;
    loop_stop(s->loop);
}

static enum rc start_signals(struct screen *s, struct err *err) {
    static const struct {
        int signo;
        loop_signal_got *got;
    } signals[] = {{SIGINT, ended}, {SIGTERM, ended}, {SIGHUP, ended}, {SIGQUIT, ended}, {SIGWINCH, resized}, {SIGTSTP, suspended}, {SIGCONT, continued}};
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < sizeof signals / sizeof *signals; i++)
        rc = loop_signal_start(s->loop, signals[i].signo, signals[i].got, s, err);
    return rc;
}

/* Hints alone: without them the timer carries on. */
static void start_watch(struct screen *s) {
    struct err ignored = {0};
    char path[4200];
    if (watch_new(s->loop, moved, s, &s->watch, &ignored))
        return;
    for (enum place place = PLACE_PENDING; place < PLACE_COUNT; place++)
        if (str_format(path, sizeof path, "%s/jobs/%s", s->top.cmd->spool->root, place_name(place)))
            watch_add(s->watch, path, IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR, (int)place, &ignored);
}

static int run(struct screen *s) {
    struct err err = {0};
    log_init(LOG_LEVEL_ERROR, false); /* nothing else is to write on the screen */
    enum rc rc = loop_new(&s->loop, &err);
    if (rc)
        return cmd_fail_rc(s->top.cmd, rc, &err);
    rc = start_signals(s, &err);
    if (!rc)
        rc = loop_fd_start(s->loop, &s->input, STDIN_FILENO, EPOLLIN, typed, &err);
    if (!rc && !cmd_term_begin())
        rc = err_sys(&err, "terminal");
    if (!rc) {
        start_watch(s);
        look(s);
        rc = loop_run(s->loop, &err);
    }
    cmd_term_end();
    loop_timer_cancel(s->loop, &s->timer);
    loop_fd_cancel(s->loop, &s->input);
    if (s->watch)
        watch_free(s->watch);
    loop_free(s->loop);
    return rc ? cmd_fail_rc(s->top.cmd, rc, &err) : s->code;
}

static int print_once(struct screen *s) {
    struct err err = {0};
    enum rc rc = cmd_top_look(&s->top, &err);
    if (rc)
        return cmd_fail_rc(s->top.cmd, rc, &err);
    if (s->top.cmd->json)
        return cmd_print_json(s->top.cmd, cmd_top_json(&s->top));
    int columns, rows;
    cmd_term_size(&columns, &rows);
    cmd_top_draw(&s->top, columns, 0, false, &s->next);
    cmd_screen_print(&s->next);
    return EXIT_DONE;
}

int cmd_top(struct cmd *cmd, int argc, char **argv) {
    int code;
    if (!cmd_parse(cmd, &argc, &argv, NULL, &code))
        return code;
    if (argc)
        return cmd_usage(cmd);
    if ((code = cmd_open(cmd)) != EXIT_DONE || (code = cmd_sources(cmd)) != EXIT_DONE)
        return code;
    struct screen *s = calloc(1, sizeof *s);
    if (!s)
        return cmd_fail(cmd, EXIT_IO, "out of memory");
    s->top.cmd = cmd;
    s->colours = cmd_term_colours();
    code = !cmd->json && cmd_term_can() ? run(s) : print_once(s);
    cmd_top_release(&s->top);
    free(s);
    return code;
}
