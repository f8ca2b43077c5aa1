// SPDX-License-Identifier: Apache-2.0
#include "helper/lighthouse.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/str.h"
#include "helper/tool.h"

/* batchspool-lighthouse: its man page says what it does and ends with. */

static bool is_locale(const char *text) {
    return strlen(text) >= 2 && strlen(text) <= 20 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(text);
}

static bool take_option(struct lighthouse_options *options, int option) {
    uint64_t seconds;

    switch (option) {
    case 's':
        options->strategy = optarg;
        return strcmp(optarg, "mobile") == 0 || strcmp(optarg, "desktop") == 0;
    case 'l':
        options->locale = optarg;
        return is_locale(optarg);
    case 'p':
        options->program = optarg;
        return *optarg == '/';
    case 'c':
        options->chrome = optarg;
        return *optarg == '/';
    case 't':
        if (!str_to_u64(optarg, 1, 86400, &seconds)) {
            return false;
        }
        options->timeout_s = (unsigned)seconds;
        return true;
    default:
        return false;
    }
}

static bool read_options(int argc, char **argv, struct lighthouse_options *options) {
    static const struct option names[] = {{"strategy", 1, NULL, 's'}, {"locale", 1, NULL, 'l'},  {"lighthouse", 1, NULL, 'p'},
                                          {"chrome", 1, NULL, 'c'},   {"timeout", 1, NULL, 't'}, {NULL, 0, NULL, 0}};
    int option;

    *options = (struct lighthouse_options){.strategy = "mobile", .locale = "en", .timeout_s = 1800};
    while ((option = getopt_long(argc, argv, "+", names, NULL)) != -1) {
        if (!take_option(options, option)) {
            return false;
        }
    }
    options->url = argv[optind];
    /* What begins otherwise could be an option of Lighthouse's. */
    return optind + 1 == argc && (str_starts(options->url, "http://") || str_starts(options->url, "https://"));
}

int main(int argc, char **argv) {
    char program[LIGHTHOUSE_PATH_SIZE], chrome[LIGHTHOUSE_PATH_SIZE];
    const char *dir = getenv("TMPDIR");
    struct lighthouse_options options;
    struct err err = {.text = ""};
    enum rc rc;

    if (!read_options(argc, argv, &options)) {
        fputs("usage: batchspool-lighthouse [--strategy mobile|desktop] [--locale en] [--timeout SECONDS] [--lighthouse PATH] [--chrome PATH] [--] URL\n",
              stderr);
        return EX_USAGE;
    }
    if (options.program == NULL && !lighthouse_find(program)) {
        fputs("Lighthouse is not installed: npm install -g lighthouse (with Node.js 20: lighthouse@12), or set --lighthouse in the source\n", stderr);
        return EX_UNAVAILABLE;
    }
    if (options.chrome == NULL && !lighthouse_find_chrome(chrome)) {
        fputs("Chromium is not installed: apt-get install chromium, or set --chrome in the source\n", stderr);
        return EX_UNAVAILABLE;
    }
    options.program = options.program != NULL ? options.program : program;
    options.chrome = options.chrome != NULL ? options.chrome : chrome;
    rc = lighthouse_run(&options, dir != NULL && *dir == '/' ? dir : "/tmp", &err);
    if (rc != RC_OK) {
        fprintf(stderr, "%s\n", err.text);
    }
    return tool_exit_code(rc);
}
