// SPDX-License-Identifier: Apache-2.0
#include "helper/pagespeed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* batchspool-pagespeed: batchspool-helpers(7) says what it reads, prints and ends with. */

#define PIECE ((size_t)256 << 10)

static enum rc read_input(struct buf *text, struct err *err) {
    for (;;) {
        enum rc rc = buf_reserve(text, PIECE);
        ssize_t got;

        if (rc != RC_OK) {
            return rc == RC_PERM ? err_set(err, rc, "standard input is longer than %zu bytes", text->max - PIECE) : err_set(err, rc, "out of memory");
        }
        got = read(STDIN_FILENO, text->data + text->length, PIECE);
        if (got == 0) {
            return RC_OK;
        }
        if (got < 0 && errno != EINTR) {
            return err_set(err, RC_TEMP, "standard input: %s", strerror(errno));
        }
        text->length += got > 0 ? (size_t)got : 0;
    }
}

static enum rc write_output(const struct buf *text, struct err *err) {
    return fwrite(text->data, 1, text->length, stdout) == text->length && fflush(stdout) == 0 ? RC_OK
                                                                                              : err_set(err, RC_TEMP, "standard output: %s", strerror(errno));
}

int main(int argc, char **argv) {
    struct buf input = BUF_INIT(PAGESPEED_INPUT_MOST + PIECE), record = BUF_INIT(PAGESPEED_RECORD_MOST);
    struct err err = {.text = ""};
    enum rc rc;

    (void)argv;
    if (argc != 1) {
        fputs("batchspool-pagespeed: takes no arguments: {\"answer\", \"item\", ...} on standard input\n", stderr);
        return EX_USAGE;
    }
    rc = read_input(&input, &err);
    rc = rc == RC_OK ? pagespeed_record(buf_text(&input), input.length, &record, &err) : rc;
    rc = rc == RC_OK ? write_output(&record, &err) : rc;
    buf_release(&input);
    buf_release(&record);
    if (rc == RC_OK) {
        return EX_OK;
    }
    fprintf(stderr, "%s\n", err.text);
    return rc == RC_PERM ? EX_DATAERR : EX_TEMPFAIL;
}
