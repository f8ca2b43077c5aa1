// SPDX-License-Identifier: Apache-2.0
#include "helper/tool.h"
#include "helper/text.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define PROGRAM "batchspool-document-text"

static const char USAGE[] = "usage: " PROGRAM " [--by pdf|ocr] [--languages eng+deu] [--dpi 300] 3<DOCUMENT, or --ready, or --check 3<DOCUMENT <ANSWER\n";

static enum rc options_read(int argc, char **argv, struct text_options *options, bool *ready, bool *check, struct err *err) {
    static const struct option longs[] = {{"by", required_argument, NULL, 'b'},  {"languages", required_argument, NULL, 'l'},
                                          {"dpi", required_argument, NULL, 'd'}, {"ready", no_argument, NULL, 'r'},
                                          {"check", no_argument, NULL, 'c'},     {NULL, 0, NULL, 0}};
    uint64_t dpi = options->dpi;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 'b' && (strcmp(optarg, "pdf") == 0 || strcmp(optarg, "ocr") == 0))
            options->pdf_alone = *optarg == 'p';
        else if (c == 'l')
            options->languages = optarg;
        else if (c == 'r')
            *ready = true;
        else if (c == 'c')
            *check = true;
        else if (c != 'd' || !str_to_u64(optarg, 50, 1200, &dpi))
            return err_set(err, RC_FATAL, "%.200s", USAGE);
    }
    options->dpi = (unsigned)dpi;
    return optind == argc ? RC_OK : err_set(err, RC_FATAL, "%.200s", USAGE);
}

/* What the job says, over what the definition says. */
static enum rc input_read(const cJSON *input, struct text_options *options, struct err *err) {
    double dpi = tool_number(input, "dpi", options->dpi);
    options->languages = tool_text(input, "languages", options->languages);
    if (!(dpi >= 50 && dpi <= 1200))
        return err_set(err, RC_PERM, "dpi must be from 50 to 1200");
    options->dpi = (unsigned)dpi;
    if (!ocr_languages_valid(options->languages))
        return err_set(err, RC_PERM, "languages must be codes as tesseract has them, with + between (eng+deu)");
    return RC_OK;
}

int main(int argc, char **argv) {
    struct text_options options = {.languages = "eng", .dpi = 300};
    struct err err = {0};
    cJSON *input = NULL;
    bool ready = false, check = false;
    setenv("OMP_THREAD_LIMIT", "1", 0); /* more threads cost tesseract more than they bring */
    enum rc rc = options_read(argc, argv, &options, &ready, &check, &err);
    if (!rc && check)
        return tool_end(PROGRAM, text_check(&err), &err);
    if (!rc && !ready)
        rc = tool_read_input(&input, &err);
    if (!rc)
        rc = input_read(input, &options, &err);
    if (!rc)
        rc = ready ? text_ready(&options, &err) : text_write(&options, &err);
    cJSON_Delete(input);
    return tool_end(PROGRAM, rc, &err);
}
