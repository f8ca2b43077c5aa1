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

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *decode_base64url(const char *text, size_t *length) {
    size_t size = strlen(text);
    unsigned char *out = malloc(size * 3 / 4 + 1);
    unsigned bits = 0, count = 0;
    *length = 0;
    if (!out)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        const char *at = strchr(DIGITS, text[i]);
        if (!at || size % 4 == 1) {
            free(out);
            return NULL;
        }
        bits = bits << 6 | (unsigned)(at - DIGITS);
        if ((count += 6) >= 8) {
            count -= 8;
            out[(*length)++] = (unsigned char)(bits >> count);
        }
    }
    out[*length] = '\0';
    return (char *)out;
}

enum rc decode_to_base64url(struct buf *out, const void *bytes, size_t length) {
    const unsigned char *in = bytes;
    unsigned bits = 0, count = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < length; i++) {
        bits = bits << 8 | in[i];
        for (count += 8; !rc && count >= 6; count -= 6)
            rc = buf_add_char(out, DIGITS[bits >> (count - 6) & 63]);
    }
    return rc || !count ? rc : buf_add_char(out, DIGITS[bits << (6 - count) & 63]);
}
