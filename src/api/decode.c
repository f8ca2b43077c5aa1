// SPDX-License-Identifier: Apache-2.0
#include "api/decode.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

char *decode_percent(const char *text, size_t length) {
    char *out = malloc(length + 1);
    size_t used = 0;
    if (!out)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        char hex[3] = "";
        if (c == '%') {
            memcpy(hex, text + i + 1, length - i > 2 ? 2 : 0);
            if (!str_unhex(hex, &c, 1))
                goto bad;
            i += 2;
        }
        if (c == '\0')
            goto bad;
        out[used++] = c;
    }
    if (!str_is_utf8(out, used))
        goto bad;
    out[used] = '\0';
    return out;

bad:
    free(out);
    return NULL;
}

enum rc decode_escape(struct buf *out, const char *text) {
    enum rc rc = RC_OK;
    for (; !rc && *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c);
        rc = plain ? buf_add_char(out, *text) : buf_printf(out, "%%%02X", c);
    }
    return rc;
}
