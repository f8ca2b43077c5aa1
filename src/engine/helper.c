// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/ready.h"
#include "os/child.h"
#include "os/fsio.h"
#include "source/template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A step that a program does (DESIGN 5 exec): a child process with limits, the answer its standard output. What it is to do comes on standard input as one JSON
 * document; of a source of documents descriptor 3 is the document. Its directory stays from one attempt to the next, until the unit is done. */

#define EXIT_DATA 65        /* EX_DATAERR: no other way would help */
#define EXIT_UNAVAILABLE 69 /* EX_UNAVAILABLE: another way may */
#define ERROR_TAIL 2048
#define MOST_ARGUMENT_BYTES (128u * 1024u)

enum { ENVIRONMENT_COUNT = 6 };

struct helper {
    char **argv;
    char *environment[ENVIRONMENT_COUNT + 1];
    const struct source_helper *exec;
    int input_fd, output_fd, error_fd, document_fd, dir_fd; /* output: of a check, that nobody reads */
    struct child *child;
    bool timed_out;
};

/* --- lane ---------------------------------------------------------------------------------------------------------- */

static const char *search_path(void) {
    const char *path = getenv("PATH");
    return path && *path ? path : "/usr/local/bin:/usr/bin:/bin";
}

static enum rc make_arguments(struct attempt *a, const struct source_helper *exec, const struct template_scope *scope) {
    struct helper *h = a->helper;
    const cJSON *argument;
    char program[4096];
    size_t count = 0;
    const char *name = exec->command->child->valuestring;
    if (!ready_program(a->engine->options.helpers_dir, name, program, sizeof program))
        return err_set(&a->err, RC_GONE, "the program %s is not installed", name);
    h->argv = calloc((size_t)cJSON_GetArraySize(exec->command) + 1, sizeof *h->argv);
    if (!h->argv)
        return err_set(&a->err, RC_TEMP, "out of memory");
    cJSON_ArrayForEach(argument, exec->command) {
        struct buf text = BUF_INIT(MOST_ARGUMENT_BYTES);
        enum rc rc = count ? template_text(argument->valuestring, scope, &text, &a->err) : buf_add_text(&text, program);
        h->argv[count] = rc ? NULL : buf_take(&text);
        buf_release(&text);
        if (!h->argv[count++])
            return rc ? rc : err_set(&a->err, RC_TEMP, "out of memory");
    }
    return RC_OK;
}

static enum rc make_environment(struct attempt *a, const char *work) {
    struct helper *h = a->helper;
    const struct {
        const char *name, *value, *more;
    } all[ENVIRONMENT_COUNT] = {{"PATH", search_path(), ""},
                                {"LANG", "C.UTF-8", ""},
                                {"LC_ALL", "C.UTF-8", ""},
                                {"HOME", a->engine->spool->root, work},
                                {"TMPDIR", a->engine->spool->root, work},
                                {"BATCHSPOOL_HELPERS", a->engine->options.helpers_dir, ""}};
    for (size_t i = 0; i < ENVIRONMENT_COUNT; i++) {
        struct buf text = BUF_INIT(MOST_ARGUMENT_BYTES);
        h->environment[i] = buf_printf(&text, "%s=%s%s", all[i].name, all[i].value, all[i].more) ? NULL : buf_take(&text);
        buf_release(&text);
        if (!h->environment[i])
            return err_set(&a->err, RC_TEMP, "out of memory");
    }
    return RC_OK;
}

/* A file that goes with its descriptor. */
static enum rc scratch(struct attempt *a, int *fd) {
    return fsio_create_unnamed(a->engine->spool->payloads_tmp_fd, 0600, fd, &a->err);
}

static enum rc make_input(struct attempt *a, const struct source_helper *exec, const struct template_scope *scope) {
    struct buf text = BUF_INIT((size_t)a->run->source->max_response_bytes * 8);
    cJSON *value = NULL;
    enum rc rc = exec->input ? template_json(exec->input, scope, &value, &a->err) : RC_OK;
    if (rc)
        return rc;
    rc = scratch(a, &a->helper->input_fd);
    if (!rc && value && (rc = template_print(value, &text)))
        rc = err_set(&a->err, rc, "what the program is to read is longer than %zu bytes", text.max);
    cJSON_Delete(value);
    if (!rc)
        rc = fsio_write(a->helper->input_fd, buf_text(&text), text.length, &a->err);
    buf_release(&text);
    if (!rc && lseek(a->helper->input_fd, 0, SEEK_SET) != 0)
        rc = err_sys(&a->err, "the input of a program");
    return rc;
}

/* All but where the answer goes. suffix: of the directory of a check. */
static enum rc prepare(struct attempt *a, const struct source_helper *exec, const char *suffix) {
    const struct source_step *step = &a->run->source->steps[a->step];
    const struct template_scope scope = {.job = a->run->criteria->json, .item = a->item, .known = a->known};
    const struct spool *spool = a->engine->spool;
    char work[PAYLOAD_PATH_SIZE], name[PAYLOAD_STEP_SIZE], path[2 * PAYLOAD_PATH_SIZE], below[2 * PAYLOAD_PATH_SIZE + 16];
    unit_work_path(a->run->id, a->page.batch, work);
    payload_step_name(step->name[0] ? step->name : "step", a->part, name);
    str_format(path, sizeof path, "%s/%s%s", work, name, suffix);
    a->helper->exec = exec;
    str_format(below, sizeof below, "/payloads/tmp/%s", path);
    enum rc rc = make_arguments(a, exec, &scope);
    if (!rc)
        rc = make_environment(a, below);
    if (!rc)
        rc = make_input(a, exec, &scope);
    if (!rc && a->run->source->documents)
        rc = unit_open_document(a, &a->helper->document_fd);
    if (!rc)
        rc = scratch(a, &a->helper->error_fd);
    if (!rc)
        rc = fsio_make_dirs(spool->payloads_tmp_fd, path, 0700, &a->err);
    if (!rc)
        rc = fsio_open_dir(spool->payloads_tmp_fd, path, &a->helper->dir_fd, &a->err);
    return rc;
}

enum rc helper_prepare_check(struct attempt *a) {
    const char *data;
    size_t length;
    enum rc rc = fsio_map(a->body_fd, &data, &length, &a->err);
    if (rc)
        return rc;
    rc = unit_know_answer(a, (struct slice){data, length});
    fsio_unmap(data, length);
    if (!rc)
        rc = scratch(a, &a->helper->output_fd);
    return rc ? rc : prepare(a, &a->run->source->steps[a->step].ways[a->way].http.check, ".check");
}

enum rc helper_prepare(struct attempt *a) {
    enum rc rc = prepare(a, &a->run->source->steps[a->step].ways[a->way].exec, "");
    if (!rc && a->body_fd < 0)
        rc = attempt_lane_body(a, &a->body_fd, &a->err);
    return rc;
}

/* --- loop ---------------------------------------------------------------------------------------------------------- */

/* The last line that it wrote to standard error, fit for people's eyes. */
static void read_error(const struct helper *h, char *out, size_t size) {
    char tail[ERROR_TAIL];
    off_t length = lseek(h->error_fd, 0, SEEK_END), from = length > (off_t)sizeof tail ? length - (off_t)sizeof tail : 0;
    ssize_t got = length > 0 ? pread(h->error_fd, tail, sizeof tail, from) : 0;
    size_t end = got > 0 ? (size_t)got : 0;
    while (end && (tail[end - 1] == '\n' || tail[end - 1] == ' ' || tail[end - 1] == '\r'))
        end--;
    size_t begin = end;
    while (begin && tail[begin - 1] != '\n')
        begin--;
    str_printable(out, size, tail + begin, end - begin);
}

static void told(struct attempt *a, enum source_action action, const char *reason) {
    a->verdict.charge = CHARGE_NONE;
    a->verdict.action = action;
    str_copy(a->verdict.reason, sizeof a->verdict.reason, reason);
    str_copy(a->reason, sizeof a->reason, reason);
}

/* What was judged before: of an answer that was paid for its cost counts all the same. */
static void forget_verdict(struct attempt *a) {
    a->spent = a->checking && a->kind == REQUEST_PAID;
    if (a->spent)
        a->cost = attempt_cost(a->run->source, &a->verdict);
    memset(&a->verdict, 0, sizeof a->verdict);
    a->verdict.facts.total = a->verdict.facts.count = JOB_UNKNOWN;
}

static void tell(struct attempt *a, const char *text) {
    const struct source_helper *exec = a->helper->exec;
    str_format(a->verdict.error, sizeof a->verdict.error, "%s: %.300s", exec->command->child->valuestring, text);
}

void helper_unfit(struct attempt *a) {
    const bool missing = a->rc == RC_GONE;
    forget_verdict(a);
    told(a, missing || a->rc == RC_PERM ? ACTION_FAIL : ACTION_RETRY, missing ? "helper_unavailable" : "helper");
    str_format(a->verdict.error, sizeof a->verdict.error, "%.390s", a->err.text);
    a->rc = RC_OK;
    helper_over(a);
}

static void ended(void *context, int status, const struct buf *output) {
    struct attempt *a = context;
    struct helper *h = a->helper;
    char text[320];
    struct stat st;
    (void)output;
    h->child = NULL;
    loop_timer_cancel(a->engine->loop, &a->timer);
    if (!a->checking) {
        a->answered_us = clock_wall_us();
        a->sent = a->complete = true;
        a->bytes = fstat(a->body_fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    }
    read_error(h, text, sizeof text);
    const char *words = *text ? text : NULL;
    if (a->checking && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        helper_over(a);
        return;
    }
    forget_verdict(a);
    if (h->timed_out) {
        told(a, ACTION_RETRY, "timeout");
        tell(a, "was ended: it took longer than its timeout_s");
    } else if (WIFSIGNALED(status)) {
        told(a, ACTION_RETRY, "helper_killed");
        str_format(text, sizeof text, "was ended by signal %d (%s); is a limit too low?", WTERMSIG(status), strsignal(WTERMSIG(status)));
        tell(a, text);
    } else if (WEXITSTATUS(status) == EXIT_DATA) {
        a->final = true;
        told(a, ACTION_FAIL, "helper_data");
        tell(a, words ? words : "cannot use its input (exit code 65)");
    } else if (WEXITSTATUS(status) == EXIT_UNAVAILABLE) {
        told(a, ACTION_FAIL, "helper_unavailable");
        tell(a, words ? words : "cannot do it (exit code 69)");
    } else if (WEXITSTATUS(status)) {
        told(a, ACTION_RETRY, "helper");
        char code[64];
        str_format(code, sizeof code, "exit code %d", WEXITSTATUS(status));
        tell(a, words ? words : code);
    } else if (a->bytes > a->run->source->max_response_bytes) {
        told(a, ACTION_FAIL, "too_large");
        tell(a, "its answer is longer than max_response_bytes");
    } else
        a->status = 200; /* judged like an answer that came */
    helper_over(a);
}

static void times_up(struct loop_timer *timer) {
    struct attempt *a = HEAP_ENTRY(timer, struct attempt, timer);
    a->helper->timed_out = true;
    child_signal(a->helper->child, SIGKILL);
}

void helper_start(struct attempt *a) {
    struct helper *h = a->helper;
    const struct source_helper *exec = h->exec;
    const struct child_limits limits = {.address_space_bytes = exec->memory_bytes,
                                        .cpu_s = exec->cpu_s,
                                        .file_bytes = exec->file_bytes,
                                        .files = exec->files,
                                        .confined = true,
                                        .no_network = !exec->network};
    const struct child_place place = {.input_fd = h->input_fd,
                                      .output_fd = a->checking ? h->output_fd : a->body_fd,
                                      .error_fd = h->error_fd,
                                      .more_fd = h->document_fd,
                                      .dir_fd = h->dir_fd,
                                      .environment = (const char *const *)h->environment};
    if (!a->checking)
        a->asked_us = clock_wall_us();
    enum rc rc = child_start_in(a->engine->loop, (const char *const *)h->argv, &limits, &place, 0, ended, a, &h->child, &a->err);
    if (rc) {
        forget_verdict(a);
        told(a, rc == RC_PERM ? ACTION_FAIL : ACTION_RETRY, rc == RC_PERM ? "helper_unavailable" : "helper");
        tell(a, a->err.text);
        helper_over(a);
        return;
    }
    log_debug("job %s unit %u: %s", a->run->id, a->page.batch, h->argv[0]);
    loop_timer_start(a->engine->loop, &a->timer, clock_mono_ms() + (int64_t)(a->checking ? exec->timeout_s : attempt_timeout_s(a, exec->timeout_s)) * 1000,
                     times_up);
}

void helper_cancel(struct attempt *a) {
    if (!a->helper || !a->helper->child)
        return;
    loop_timer_cancel(a->engine->loop, &a->timer);
    child_cancel(a->helper->child);
    a->helper->child = NULL;
}

void helper_new(struct attempt *a) {
    a->helper = engine_alloc(sizeof *a->helper);
    a->helper->input_fd = a->helper->output_fd = a->helper->error_fd = a->helper->document_fd = a->helper->dir_fd = -1;
    a->engine->helpers++;
}

bool helper_runs(const struct attempt *a) {
    return a->helper && a->helper->child;
}

static void close_if(int fd) {
    if (fd >= 0)
        close(fd);
}

void helper_free(struct attempt *a) {
    struct helper *h = a->helper;
    if (!h)
        return;
    a->engine->helpers--;
    for (char **argument = h->argv; argument && *argument; argument++)
        free(*argument);
    free(h->argv);
    for (size_t i = 0; i < ENVIRONMENT_COUNT; i++)
        free(h->environment[i]);
    close_if(h->input_fd);
    close_if(h->output_fd);
    close_if(h->error_fd);
    close_if(h->document_fd);
    close_if(h->dir_fd);
    free(h);
    a->helper = NULL;
}
