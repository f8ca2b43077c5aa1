// SPDX-License-Identifier: Apache-2.0
#include "engine/helper_child.h"

#include "base/clock.h"
#include "engine/ready.h"
#include "os/fsio.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ERROR_TAIL 2048
#define MOST_VARIABLE_BYTES (128u * 1024u)

struct child_limits helper_child_limits(const struct source_helper *exec) {
    return (struct child_limits){.address_space_bytes = exec->memory_bytes,
                                 .cpu_s = exec->cpu_s,
                                 .file_bytes = exec->file_bytes,
                                 .files = exec->files,
                                 .confined = true,
                                 .no_network = !exec->network};
}

static const char *search_path(void) {
    const char *path = getenv("PATH");
    return path && *path ? path : "/usr/local/bin:/usr/bin:/bin";
}

enum rc helper_child_environment(const char *dir, const char *helpers_dir, char *environment[HELPER_ENVIRONMENT_COUNT + 1], struct err *err) {
    const struct {
        const char *name, *value;
    } all[HELPER_ENVIRONMENT_COUNT] = {{"PATH", search_path()}, {"LANG", "C.UTF-8"}, {"LC_ALL", "C.UTF-8"},
                                       {"HOME", dir},           {"TMPDIR", dir},     {"BATCHSPOOL_HELPERS", helpers_dir}};
    for (size_t i = 0; i < HELPER_ENVIRONMENT_COUNT; i++) {
        struct buf text = BUF_INIT(MOST_VARIABLE_BYTES);
        environment[i] = buf_printf(&text, "%s=%s", all[i].name, all[i].value) ? NULL : buf_take(&text);
        buf_release(&text);
        if (!environment[i])
            return err_set(err, RC_TEMP, "out of memory");
    }
    return RC_OK;
}

void helper_child_environment_free(char *environment[HELPER_ENVIRONMENT_COUNT + 1]) {
    for (size_t i = 0; i < HELPER_ENVIRONMENT_COUNT; i++)
        free(environment[i]);
}

void helper_child_words(int error_fd, char *out, size_t size) {
    char tail[ERROR_TAIL];
    off_t length = lseek(error_fd, 0, SEEK_END), from = length > (off_t)sizeof tail ? length - (off_t)sizeof tail : 0;
    ssize_t got = length > 0 ? pread(error_fd, tail, sizeof tail, from) : 0;
    size_t end = got > 0 ? (size_t)got : 0;
    while (end && (tail[end - 1] == '\n' || tail[end - 1] == ' ' || tail[end - 1] == '\r'))
        end--;
    size_t begin = end;
    while (begin && tail[begin - 1] != '\n')
        begin--;
    str_printable(out, size, tail + begin, end - begin);
}

/* --- run and wait -------------------------------------------------------------------------------------------------- */

struct waited {
    struct loop_timer timer;
    struct child *child;
    struct buf *answer;
    int status;
    bool ended, timed_out;
    enum rc rc; /* of keeping its answer */
};

static void ended(void *context, int wait_status, const struct buf *output) {
    struct waited *w = context;
    w->child = NULL;
    w->ended = true;
    w->status = wait_status;
    w->rc = buf_add(w->answer, buf_text(output), output->length);
}

static void times_up(struct loop_timer *timer) {
    struct waited *w = HEAP_ENTRY(timer, struct waited, timer);
    w->timed_out = true;
    child_signal(w->child, SIGKILL);
}

static enum rc wait_for(const char *const *argv, const struct child_limits *limits, const struct child_place *place, unsigned timeout_s, struct waited *w,
                        struct err *err) {
    struct loop *loop;
    enum rc rc = loop_new(&loop, err);
    if (rc)
        return rc;
    rc = child_start_in(loop, argv, limits, place, w->answer->max, ended, w, &w->child, err);
    if (!rc)
        rc = loop_timer_start(loop, &w->timer, clock_mono_ms() + (int64_t)timeout_s * 1000, times_up);
    while (!rc && !w->ended)
        rc = loop_turn(loop, -1, err);
    if (w->child)
        child_cancel(w->child);
    loop_timer_cancel(loop, &w->timer);
    loop_free(loop);
    return rc ? rc : w->rc ? err_set(err, w->rc, "out of memory") : RC_OK;
}

/* Files that go with their descriptors. */
static enum rc open_files(const char *dir, const struct buf *input, struct child_place *place, struct err *err) {
    enum rc rc = fsio_open_dir(AT_FDCWD, dir, &place->dir_fd, err);
    rc = rc ? rc : fsio_create_unnamed(place->dir_fd, 0600, &place->input_fd, err);
    rc = rc ? rc : fsio_create_unnamed(place->dir_fd, 0600, &place->error_fd, err);
    rc = rc ? rc : fsio_write(place->input_fd, buf_text(input), input->length, err);
    return rc ? rc : lseek(place->input_fd, 0, SEEK_SET) == 0 ? RC_OK : err_sys(err, "the input of a program");
}

static void close_files(const struct child_place *place) {
    const int all[] = {place->input_fd, place->error_fd, place->dir_fd};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] >= 0)
            close(all[i]);
}

bool helper_child_run(const struct source *source, const struct source_helper *exec, const struct template_scope *scope, const struct helper_place *place,
                      struct buf *answer, struct verdict *verdict, bool *final, enum rc *rc, struct err *err) {
    char program[4096], words[320] = "", **argv = NULL, *environment[HELPER_ENVIRONMENT_COUNT + 1] = {NULL};
    struct buf input = BUF_INIT((size_t)source->max_response_bytes * 8);
    struct child_place files = {.input_fd = -1, .output_fd = -1, .error_fd = -1, .more_fd = place->document_fd, .dir_fd = -1, .wall_fd = -1};
    const struct child_limits limits = helper_child_limits(exec);
    struct waited w = {.answer = answer};
    bool good = false;
    *final = false;
    *rc = ready_program(place->helpers_dir, exec->command->child->valuestring, program, sizeof program)
              ? RC_OK
              : err_set(err, RC_GONE, "the program %s is not installed", exec->command->child->valuestring);
    if (!*rc)
        *rc = program_arguments(exec, program, scope, &argv, err);
    if (!*rc)
        *rc = program_input(exec, scope, &input, err);
    if (!*rc)
        *rc = helper_child_environment(place->dir, place->helpers_dir, environment, err);
    if (!*rc)
        *rc = open_files(place->dir, &input, &files, err);
    files.environment = (const char *const *)environment;
    if (!*rc)
        *rc = wait_for((const char *const *)argv, &limits, &files, place->timeout_s, &w, err);
    if (!*rc) {
        helper_child_words(files.error_fd, words, sizeof words);
        const struct program_end end = {.wait_status = w.status, .timed_out = w.timed_out, .bytes = answer->length, .words = words};
        good = program_judge(source, exec, &end, verdict, final);
    }
    close_files(&files);
    helper_child_environment_free(environment);
    program_arguments_free(argv);
    buf_release(&input);
    return good;
}

#define START_S 5
#define EXIT_NOT_RUN 126 /* of a shell, env and the loader: what it is to run cannot be run, or (127) was not found */
#define EXIT_NOT_FOUND 127

bool helper_child_starts(const char *program, const char *helpers_dir, char *words, size_t size) {
    char *environment[HELPER_ENVIRONMENT_COUNT + 1] = {NULL};
    const char *argv[] = {program, "--help", NULL};
    const struct child_limits limits = {.cpu_s = START_S, .confined = true, .no_network = true};
    struct buf answer = BUF_INIT(1024);
    struct waited w = {.answer = &answer};
    struct err err = {0};
    FILE *errors = tmpfile();
    struct child_place place = {.input_fd = -1, .output_fd = -1, .error_fd = errors ? fileno(errors) : -1, .more_fd = -1, .dir_fd = -1, .wall_fd = -1};
    enum rc rc = helper_child_environment("/", helpers_dir, environment, &err); /* none of ours: it may have secrets */
    place.environment = (const char *const *)environment;
    rc = rc ? rc : wait_for(argv, &limits, &place, START_S, &w, &err);
    helper_child_environment_free(environment);
    const int code = WIFEXITED(w.status) ? WEXITSTATUS(w.status) : 0;
    const bool starts = !rc && (w.timed_out || (code != EXIT_NOT_RUN && code != EXIT_NOT_FOUND && (!WIFSIGNALED(w.status) || WTERMSIG(w.status) == SIGXCPU)));
    *words = '\0';
    if (!starts && rc)
        str_copy(words, size, err.text);
    else if (!starts && errors)
        helper_child_words(fileno(errors), words, size);
    if (!starts && !*words)
        str_copy(words, size, "it ends at once");
    if (errors)
        fclose(errors);
    buf_release(&answer);
    return starts;
}
