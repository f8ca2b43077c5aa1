// SPDX-License-Identifier: Apache-2.0
#include "engine/attempt_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/helper_child.h"
#include "engine/ready.h"
#include "os/fsio.h"
#include "os/wall.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A step that a program does (DESIGN 5 exec): a child process with limits, the answer its standard output. What it is to do comes on standard input as one JSON
 * document; of a source of documents descriptor 3 is the document. Its directory stays from one attempt to the next, until the unit is done. */

struct helper {
    char **argv;
    char *environment[HELPER_ENVIRONMENT_COUNT + 1];
    const struct source_helper *exec;
    int input_fd, output_fd, error_fd, document_fd, dir_fd, wall_fd; /* output: of a check, that nobody reads */
    struct child *child;
    bool timed_out;
};

/* --- lane ---------------------------------------------------------------------------------------------------------- */

/* A file that goes with its descriptor. */
static enum rc scratch(struct attempt *a, int *fd) {
    return fsio_create_unnamed(a->engine->spool->payloads_tmp_fd, 0600, fd, &a->err);
}

/* The template of a check whose program reads the answer itself. */
static bool is_answer(const cJSON *input) {
    return cJSON_IsString(input) && strcmp(input->valuestring, "${answer}") == 0;
}

static enum rc make_input(struct attempt *a, const struct source_helper *exec, const struct template_scope *scope) {
    struct buf text = BUF_INIT((size_t)a->run->source->max_response_bytes * 8);
    if (is_answer(exec->input)) /* as it came, however long it is */
        return fsio_open_read(a->engine->spool->payloads_tmp_fd, a->tmp, &a->helper->input_fd, NULL, &a->err);
    enum rc rc = program_input(exec, scope, &text, &a->err);
    rc = rc ? rc : scratch(a, &a->helper->input_fd);
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
    const char *helpers_dir = a->engine->options.helpers_dir, *command = exec->command->child->valuestring;
    char work[PAYLOAD_PATH_SIZE], name[PAYLOAD_STEP_SIZE], path[2 * PAYLOAD_PATH_SIZE], whole[sizeof spool->root + 2 * PAYLOAD_PATH_SIZE + 16], program[4096];
    unit_work_path(a->run->id, a->page.batch, work);
    payload_step_name(step->name[0] ? step->name : "step", a->part, name);
    str_format(path, sizeof path, "%s/%s%s", work, name, suffix);
    a->helper->exec = exec;
    str_format(whole, sizeof whole, "%s/payloads/tmp/%s", spool->root, path);
    if (!ready_program(helpers_dir, command, program, sizeof program))
        return err_set(&a->err, RC_GONE, "the program %s is not installed", command);
    enum rc rc = program_arguments(exec, program, &scope, &a->helper->argv, &a->err);
    if (!rc)
        rc = helper_child_environment(whole, helpers_dir, a->helper->environment, &a->err);
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

/* It reads what other people wrote, in programs that have been fooled before: of the spool it has its directory and its descriptors, and no credentials. */
static enum rc raise_wall(struct attempt *a) {
    struct helper *h = a->helper;
    const char *hidden[] = {a->engine->spool->root, a->engine->options.credentials_dir};
    const int shown[] = {h->dir_fd, h->input_fd, a->checking ? h->output_fd : a->body_fd, h->error_fd, h->document_fd};
    if (!a->run->source->confine)
        return RC_OK;
    const enum rc rc = wall_new(hidden, sizeof hidden / sizeof hidden[0], shown, sizeof shown / sizeof shown[0], &h->wall_fd, &a->err);
    return rc == RC_GONE ? RC_OK : rc; /* an old kernel: said when the daemon began */
}

static enum rc know_answer(struct attempt *a) {
    const char *data;
    size_t length;
    enum rc rc = fsio_map(a->body_fd, &data, &length, &a->err);
    if (rc)
        return rc;
    if (!a->known)
        a->known = cJSON_CreateObject();
    rc = step_known_answer(a->known, (struct slice){data, length}, &a->err);
    fsio_unmap(data, length);
    return rc;
}

enum rc helper_prepare_check(struct attempt *a) {
    const struct source_helper *exec = &a->run->source->steps[a->step].ways[a->way].http.check;
    enum rc rc = is_answer(exec->input) ? RC_OK : know_answer(a);
    if (!rc)
        rc = scratch(a, &a->helper->output_fd);
    rc = rc ? rc : prepare(a, exec, ".check");
    return rc ? rc : raise_wall(a);
}

enum rc helper_prepare(struct attempt *a) {
    enum rc rc = prepare(a, &a->run->source->steps[a->step].ways[a->way].exec, "");
    if (!rc && a->body_fd < 0)
        rc = attempt_lane_body(a, &a->body_fd, &a->err);
    return rc ? rc : raise_wall(a);
}

/* --- loop ---------------------------------------------------------------------------------------------------------- */

/* What was judged before goes: of an answer that was paid for its cost counts all the same. */
static void spend(struct attempt *a) {
    a->spent = a->checking && a->kind == REQUEST_PAID;
    if (a->spent)
        a->cost = attempt_cost(a->run->source, a->step, a->way, &a->verdict);
}

void helper_unfit(struct attempt *a) {
    const bool missing = a->rc == RC_GONE;
    spend(a);
    program_failed(&a->run->source->steps[a->step].ways[a->way].http.check, missing || a->rc == RC_PERM ? ACTION_FAIL : ACTION_RETRY,
                   missing ? "helper_unavailable" : "helper", a->err.text, &a->verdict);
    str_copy(a->reason, sizeof a->reason, a->verdict.reason);
    a->rc = RC_OK;
    helper_over(a);
}

static void ended(void *context, int status, const struct buf *output) {
    struct attempt *a = context;
    struct helper *h = a->helper;
    char words[320];
    struct stat st;
    (void)output;
    h->child = NULL;
    loop_timer_cancel(a->engine->loop, &a->timer);
    if (!a->checking) {
        a->answered_us = clock_wall_us();
        a->sent = a->complete = true;
        a->bytes = fstat(a->body_fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    }
    helper_child_words(h->error_fd, words, sizeof words);
    const struct program_end end = {.wait_status = status, .timed_out = h->timed_out, .bytes = a->checking ? 0 : a->bytes, .words = words};
    struct verdict verdict;
    if (!program_judge(a->run->source, h->exec, &end, &verdict, &a->final)) {
        spend(a);
        a->verdict = verdict;
        str_copy(a->reason, sizeof a->reason, verdict.reason);
    } else if (!a->checking)
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
    const struct child_limits limits = helper_child_limits(exec);
    const struct child_place place = {.input_fd = h->input_fd,
                                      .output_fd = a->checking ? h->output_fd : a->body_fd,
                                      .error_fd = h->error_fd,
                                      .more_fd = h->document_fd,
                                      .dir_fd = h->dir_fd,
                                      .wall_fd = h->wall_fd,
                                      .environment = (const char *const *)h->environment};
    if (!a->checking)
        a->asked_us = clock_wall_us();
    enum rc rc = child_start_in(a->engine->loop, (const char *const *)h->argv, &limits, &place, 0, ended, a, &h->child, &a->err);
    if (rc) {
        spend(a);
        program_failed(exec, rc == RC_PERM ? ACTION_FAIL : ACTION_RETRY, rc == RC_PERM ? "helper_unavailable" : "helper", a->err.text, &a->verdict);
        str_copy(a->reason, sizeof a->reason, a->verdict.reason);
        helper_over(a);
        return;
    }
    log_debug("job %s unit %u: %s", a->run->id, a->page.batch, h->argv[0]);
    loop_timer_start(a->engine->loop, &a->timer,
                     clock_mono_ms() + (int64_t)(a->checking ? exec->timeout_s : step_timeout_s(a->run->criteria->json, exec->timeout_s)) * 1000, times_up);
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
    a->helper->input_fd = a->helper->output_fd = a->helper->error_fd = a->helper->document_fd = a->helper->dir_fd = a->helper->wall_fd = -1;
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
    program_arguments_free(h->argv);
    helper_child_environment_free(h->environment);
    close_if(h->input_fd);
    close_if(h->output_fd);
    close_if(h->error_fd);
    close_if(h->document_fd);
    close_if(h->dir_fd);
    close_if(h->wall_fd);
    free(h);
    a->helper = NULL;
}
