// SPDX-License-Identifier: Apache-2.0
#include "source/program.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/limits.h"

#define EXIT_DATA 65        /* EX_DATAERR: no other way would help */
#define EXIT_UNAVAILABLE 69 /* EX_UNAVAILABLE: another way may */
#define MOST_ARGUMENT_BYTES (128u * 1024u)

enum rc program_arguments(const struct source_helper *exec, const char *program, const struct template_scope *scope, char ***argv, struct err *err) {
    const cJSON *argument;
    size_t count = 0;

    *argv = calloc((size_t)cJSON_GetArraySize(exec->command) + 1, sizeof(**argv));
    if (*argv == NULL) {
        return err_set(err, RC_TEMP, "out of memory");
    }
    cJSON_ArrayForEach(argument, exec->command) {
        struct buf text = BUF_INIT(MOST_ARGUMENT_BYTES);
        enum rc rc = count > 0 ? template_text(argument->valuestring, scope, &text, err) : buf_add_text(&text, program);

        (*argv)[count] = rc == RC_OK ? buf_take(&text) : NULL;
        buf_release(&text);
        if ((*argv)[count++] == NULL) {
            return rc != RC_OK ? rc : err_set(err, RC_TEMP, "out of memory");
        }
    }
    return RC_OK;
}

void program_arguments_free(char **argv) {
    for (char **argument = argv; argument != NULL && *argument != NULL; argument++) {
        free(*argument);
    }
    free(argv);
}

enum rc program_input(const struct source_helper *exec, const struct template_scope *scope, struct buf *out, struct err *err) {
    cJSON *value = NULL;
    enum rc rc = exec->input != NULL ? template_json(exec->input, scope, &value, err) : RC_OK;

    if (rc == RC_OK && value != NULL) {
        rc = template_print(value, out);
        rc = rc == RC_OK ? rc : err_set(err, rc, "what the program is to read is longer than %zu bytes", out->max);
    }
    cJSON_Delete(value);
    return rc;
}

/* Many programs begin what they say with their name. */
static bool says_who(const char *text, const char *program) {
    return str_starts(text, program) && text[strlen(program)] == ':';
}

void program_failed(const struct source_helper *exec, enum source_action action, const char *reason, const char *text, struct verdict *verdict) {
    const char *program = exec->command->child->valuestring;

    memset(verdict, 0, sizeof(*verdict));
    verdict->facts.total = verdict->facts.count = UINT64_MAX;
    verdict->charge = CHARGE_NONE;
    verdict->action = action;
    (void)str_copy(verdict->reason, sizeof(verdict->reason), reason);
    (void)str_format(verdict->error, sizeof(verdict->error), "%s%s%.300s", says_who(text, program) ? "" : program, says_who(text, program) ? "" : ": ", text);
}

bool program_judge(const struct source *source, const struct source_helper *exec, const struct program_end *end, struct verdict *verdict, bool *final) {
    const int code = WIFEXITED(end->wait_status) ? WEXITSTATUS(end->wait_status) : -1, signal = WIFSIGNALED(end->wait_status) ? WTERMSIG(end->wait_status) : 0;
    const char *words = end->words[0] != '\0' ? end->words : NULL;
    char text[120];

    *final = false;
    if (end->timed_out) {
        program_failed(exec, ACTION_RETRY, "timeout", "was ended: it took longer than its timeout_s", verdict);
    } else if (signal != 0) {
        (void)str_format(text, sizeof(text), "was ended by signal %d (%s); is a limit too low?", signal, strsignal(signal));
        program_failed(exec, ACTION_RETRY, "helper_killed", text, verdict);
    } else if (code == EXIT_DATA) {
        *final = true;
        program_failed(exec, ACTION_FAIL, "helper_data", words != NULL ? words : "cannot use its input (exit code 65)", verdict);
    } else if (code == EXIT_UNAVAILABLE) {
        program_failed(exec, ACTION_FAIL, "helper_unavailable", words != NULL ? words : "cannot do it (exit code 69)", verdict);
    } else if (code != 0) {
        (void)str_format(text, sizeof(text), "exit code %d", code);
        program_failed(exec, ACTION_RETRY, "helper", words != NULL ? words : text, verdict);
    } else if (end->bytes > source->max_response_bytes) {
        program_failed(exec, ACTION_FAIL, "too_large", "its answer is longer than max_response_bytes", verdict);
    } else {
        return true;
    }
    return false;
}
