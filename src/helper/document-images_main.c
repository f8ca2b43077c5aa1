// SPDX-License-Identifier: Apache-2.0
#include "helper/tool.h"
#include "helper/images.h"
#include "helper/pages.h"

#include "base/str.h"

#include <getopt.h>

#define PROGRAM "batchspool-document-images"

static const char USAGE[] = "usage: " PROGRAM " [--first 1] [--last N] [--dpi 150] [--side 2000] [--bytes 41943040] 3<DOCUMENT\n";

static const struct range {
    const char *name;
    uint64_t least, most;
} RANGES[] = {{"first", 1, PAGES_MOST}, {"last", 1, PAGES_MOST}, {"dpi", 36, 600}, {"side", 256, 6000}, {"bytes", 65536, UINT64_C(1) << 30}};

enum { FIRST, LAST, DPI, SIDE, BYTES, COUNT };

static enum rc options_read(int argc, char **argv, uint64_t values[COUNT], struct err *err) {
    static const struct option longs[] = {{"first", required_argument, NULL, FIRST}, {"last", required_argument, NULL, LAST},
                                          {"dpi", required_argument, NULL, DPI},     {"side", required_argument, NULL, SIDE},
                                          {"bytes", required_argument, NULL, BYTES}, {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        if (c < FIRST || c >= COUNT || !str_to_u64(optarg, RANGES[c].least, RANGES[c].most, &values[c]))
            return err_set(err, RC_FATAL, "%.200s", USAGE);
    return optind == argc ? RC_OK : err_set(err, RC_FATAL, "%.200s", USAGE);
}

static enum rc input_read(const cJSON *input, uint64_t values[COUNT], struct err *err) {
    for (int i = 0; i < COUNT; i++) {
        double value = tool_number(input, RANGES[i].name, (double)values[i]);
        if (!(value >= (i == LAST ? 0 : (double)RANGES[i].least) && value <= (double)RANGES[i].most))
            return err_set(err, RC_PERM, "%s must be from %llu to %llu", RANGES[i].name, (unsigned long long)RANGES[i].least,
                           (unsigned long long)RANGES[i].most);
        values[i] = (uint64_t)value;
    }
    return RC_OK;
}

int main(int argc, char **argv) {
    uint64_t values[COUNT] = {[FIRST] = 1, [DPI] = 150, [SIDE] = 2000, [BYTES] = 40u * 1024 * 1024};
    struct err err = {0};
    cJSON *input = NULL;
    enum rc rc = options_read(argc, argv, values, &err);
    if (!rc)
        rc = tool_read_input(&input, &err);
    if (!rc)
        rc = input_read(input, values, &err);
    if (!rc) {
        const struct images_options options = {.first = (unsigned)values[FIRST],
                                               .last = (unsigned)values[LAST],
                                               .dpi = (unsigned)values[DPI],
                                               .side_most = (unsigned)values[SIDE],
                                               .total_bytes_most = values[BYTES]};
        rc = images_write(&options, &err);
    }
    cJSON_Delete(input);
    return tool_end(PROGRAM, rc, &err);
}
