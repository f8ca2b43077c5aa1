// SPDX-License-Identifier: Apache-2.0
#include "helper/tool.h"
#include "helper/pagespeed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* batchspool-pagespeed: its man page says what it reads, prints and ends with. */

static enum rc write_output(const struct buf *text, struct err *err) {
    return fwrite(text->data, 1, text->length, stdout) == text->length && fflush(stdout) == 0 ? RC_OK
                                                                                              : err_set(err, RC_TEMP, "standard output: %s", strerror(errno));
}

int main(int argc, char **argv) {
    struct buf input = BUF_INIT(PAGESPEED_INPUT_MOST), record = BUF_INIT(PAGESPEED_RECORD_MOST);
    struct err err = {.text = ""};
    enum rc rc;

    (void)argv;
    if (argc != 1) {
        fputs("batchspool-pagespeed: takes no arguments: {\"answer\", \"item\", ...} on standard input\n", stderr);
        return EX_USAGE;
    }
    rc = tool_read_stdin(&input, &err);
    rc = rc == RC_OK ? pagespeed_record(buf_text(&input), input.length, &record, &err) : rc;
    rc = rc == RC_OK ? write_output(&record, &err) : rc;
    buf_release(&input);
    buf_release(&record);
    if (rc != RC_OK) {
        fprintf(stderr, "%s\n", err.text);
    }
    return tool_exit_code(rc);
}
