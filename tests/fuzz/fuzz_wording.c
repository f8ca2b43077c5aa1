// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "helper/wording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two texts with a NUL between them: what is compared is the same to itself, and the same from both sides. */

static void require(int good) {
    if (!good)
        abort();
}

static enum wording turned(enum wording wording) {
    return wording == WORDING_LEFT_HAS_MORE ? WORDING_RIGHT_HAS_MORE : wording == WORDING_RIGHT_HAS_MORE ? WORDING_LEFT_HAS_MORE : wording;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = calloc(size + 2, 1);
    require(text != NULL);
    if (size)
        memcpy(text, data, size);
    const char *other = text + strlen(text) + 1;
    require(wording_compare(text, text) == WORDING_SAME && wording_names(other, other) == WORDING_SAME);
    require(wording_compare(text, other) == turned(wording_compare(other, text)));
    require(wording_names(text, other) == turned(wording_names(other, text)));
    require(wording_currency(text, other) == wording_currency(other, text));
    const double share = wording_share(text, other);
    require(share >= 0 && share <= 1);
    (void)wording_quantity(1, text, 2, other);
    free(text);
    return 0;
}
