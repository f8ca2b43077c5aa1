// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A Link header field: what is found in it lies in it, and what it leads to has the origin that it must have. */

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static bool is_key(const void *context, const char *name) {
    return strcmp(context, name) == 0;
}

static void follow(struct slice target) {
    char url[512], fault[LINK_FAULT_SIZE] = "", again[512];
    enum rc rc = link_resolve("https://h.example/v1/items?a=1", target, url, sizeof(url), fault);

    require(rc == RC_OK || (url[0] == '\0' && (rc == RC_TEMP || fault[0] != '\0')));
    if (rc != RC_OK) {
        return;
    }
    require(strncmp(url, "https://", 8) == 0 && link_same_origin(url, "https://h.example/"));
    for (const char *at = url; *at != '\0'; at++) {
        require(*at > ' ' && *at < 0x7f);
    }
    link_drop_params(url, is_key, "key");
    require(link_same_origin(url, "https://h.example/"));
    (void)str_copy(again, sizeof(again), url);
    link_drop_params(again, is_key, "key");
    require(strcmp(again, url) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *field = malloc(size + 1);
    struct slice target = {.data = NULL, .length = 0};

    if (field == NULL) {
        return 0;
    }
    memcpy(field, data, size);
    field[size] = '\0';
    if (link_find(field, "next", &target)) {
        require(target.data > field && target.data + target.length < field + strlen(field) && target.data[-1] == '<' && target.data[target.length] == '>');
        follow(target);
    }
    follow(slice_of(field));
    free(field);
    return 0;
}
