// SPDX-License-Identifier: Apache-2.0
#include "net/robots.h"

#include "net/url_list.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* robots.txt: what is told is clean, in order of the lines, and read from memory that ends where the text does. */

static void require(bool holds) {
    if (!holds)
        abort();
}

static void on_sitemap(void *context, size_t line, const char *url) {
    size_t *last = context;
    char again[URL_LIST_URL_MOST];
    require(line > *last);
    *last = line;
    require(url_list_clean(url, again, NULL) == RC_OK && strcmp(url, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t last = 0;
    char *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    robots_read(copy, size, on_sitemap, &last);
    free(copy);
    return 0;
}
