// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_LEAST 64u

void buf_init(struct buf *b, size_t max_bytes) {
    *b = (struct buf)BUF_INIT(max_bytes);
}

void buf_release(struct buf *b) {
    free(b->data);
    b->data = NULL;
    b->length = b->capacity = 0;
}

void buf_reset(struct buf *b) {
    b->length = 0;
    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}

char *buf_take(struct buf *b) {
    char *bytes = b->data != NULL ? b->data : calloc(1, 1);

    b->data = NULL;
    b->length = b->capacity = 0;
    return bytes;
}

const char *buf_text(const struct buf *b) {
    return b->data != NULL ? b->data : "";
}

enum rc buf_reserve(struct buf *b, size_t more) {
    size_t need, capacity;
    char *data;

    if (more > b->max - b->length || b->length + more == SIZE_MAX) {
        return RC_PERM;
    }
    need = b->length + more + 1; /* with the NUL */
    if (need <= b->capacity) {
        return RC_OK;
    }
    capacity = b->capacity < SIZE_MAX / 2 ? b->capacity * 2 : need;
    if (capacity < BUF_LEAST) {
        capacity = BUF_LEAST;
    }
    if (capacity > b->max) {
        capacity = b->max < SIZE_MAX ? b->max + 1 : SIZE_MAX;
    }
    if (capacity < need) {
        capacity = need;
    }
    data = realloc(b->data, capacity);
    if (data == NULL) {
        return RC_TEMP;
    }
    data[b->length] = '\0';
    b->data = data;
    b->capacity = capacity;
    return RC_OK;
}

enum rc buf_add(struct buf *b, const void *bytes, size_t length) {
    enum rc rc = buf_reserve(b, length);

    if (rc != RC_OK) {
        return rc;
    }
    if (length > 0) {
        memcpy(b->data + b->length, bytes, length);
        b->length += length;
        b->data[b->length] = '\0';
    }
    return RC_OK;
}

enum rc buf_add_text(struct buf *b, const char *text) {
    return buf_add(b, text, strlen(text));
}

enum rc buf_add_char(struct buf *b, char c) {
    return buf_add(b, &c, 1);
}

enum rc buf_printf(struct buf *b, const char *format, ...) {
    va_list args;
    enum rc rc;

    va_start(args, format);
    rc = buf_vprintf(b, format, args);
    va_end(args);
    return rc;
}

enum rc buf_vprintf(struct buf *b, const char *format, va_list args) {
    va_list again;
    enum rc rc;
    int length;

    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0) {
        return RC_PERM;
    }
    rc = buf_reserve(b, (size_t)length);
    if (rc != RC_OK) {
        return rc;
    }
    (void)vsnprintf(b->data + b->length, (size_t)length + 1, format, args);
    b->length += (size_t)length;
    return RC_OK;
}
