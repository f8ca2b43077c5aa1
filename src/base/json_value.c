// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <string.h>

#include "base/json_internal.h"
#include "base/limits.h"
#include "base/number.h"

static struct slice slice_between(const char *from, const char *to) {
    return (struct slice){.data = from, .length = (size_t)(to - from)};
}

/* \uXXXX from behind its u; what is missing counts as U+FFFD. */
static uint32_t take_unit(const char **at, const char *end) {
    uint32_t unit = 0;

    if (end - *at < 4) {
        *at = end;
        return 0xFFFD;
    }
    for (int i = 0; i < 4; i++) {
        int digit = json_hex_value((*at)[i]);

        unit = unit * 16 + (digit > 0 ? (uint32_t)digit : 0);
    }
    *at += 4;
    return unit;
}

static uint32_t take_code_point(const char **at, const char *end) {
    uint32_t unit = take_unit(at, end), low;

    if (unit < 0xD800 || unit > 0xDFFF) {
        return unit;
    }
    if (unit > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u') {
        return 0xFFFD;
    }
    *at += 2;
    low = take_unit(at, end);
    return low >= 0xDC00 && low <= 0xDFFF ? 0x10000 + ((unit - 0xD800) << 10 | (low - 0xDC00)) : 0xFFFD;
}

static size_t put_utf8(uint32_t c, char out[4]) {
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    out[0] = (char)(lead[size] | c);
    return size;
}

size_t json_take_escape(const char **at, const char *end, char out[4]) {
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    const char *found;
    char c;

    if (*at == end) {
        return 0;
    }
    c = *(*at)++;
    if (c == 'u') {
        return put_utf8(take_code_point(at, end), out);
    }
    found = c != '\0' ? strchr(letters, c) : NULL;
    out[0] = found != NULL ? meanings[found - letters] : c;
    return 1;
}

void json_bytes_init(struct json_bytes *bytes, struct slice inside) {
    bytes->at = inside.data;
    bytes->end = inside.length > 0 ? inside.data + inside.length : inside.data;
    bytes->decoded_count = bytes->decoded_next = 0;
}

int json_bytes_next(struct json_bytes *bytes) {
    if (bytes->decoded_next == bytes->decoded_count) {
        if (bytes->at == bytes->end) {
            return -1;
        }
        if (*bytes->at != '\\') {
            return (unsigned char)*bytes->at++;
        }
        bytes->at++;
        bytes->decoded_next = 0;
        bytes->decoded_count = json_take_escape(&bytes->at, bytes->end, bytes->decoded);
        if (bytes->decoded_count == 0) {
            return -1;
        }
    }
    return (unsigned char)bytes->decoded[bytes->decoded_next++];
}

static bool has_escape(struct slice inside) {
    return inside.length > 0 && memchr(inside.data, '\\', inside.length) != NULL;
}

int json_compare_names(struct slice a, struct slice b) {
    struct json_bytes left, right;
    int x, y;

    if (!has_escape(a) && !has_escape(b)) {
        size_t least = a.length < b.length ? a.length : b.length;
        int difference = least > 0 ? memcmp(a.data, b.data, least) : 0;

        return difference != 0 ? difference : (a.length > b.length) - (a.length < b.length);
    }
    json_bytes_init(&left, a);
    json_bytes_init(&right, b);
    do {
        x = json_bytes_next(&left);
        y = json_bytes_next(&right);
    } while (x == y && x >= 0);
    return x - y;
}

/* Both are decoded on the way. */
static bool name_decodes_to(struct slice name, struct slice token) {
    struct json_bytes bytes;

    json_bytes_init(&bytes, name);
    for (size_t i = 0; i < token.length; i++) {
        int c = (unsigned char)token.data[i];

        if (c == '~' && i + 1 < token.length) {
            c = token.data[++i] == '0' ? '~' : '/';
        }
        if (json_bytes_next(&bytes) != c) {
            return false;
        }
    }
    return json_bytes_next(&bytes) < 0;
}

bool json_name_is(struct slice name, const struct json_token *token) {
    struct slice text = token->text;

    /* Escapes make a name longer than what it means. */
    if (token->plain && name.length <= text.length) {
        return name.length == text.length && memcmp(name.data, text.data, text.length) == 0;
    }
    return name_decodes_to(name, text);
}

enum json_type json_type(struct slice value) {
    const char *at, *end;

    if (value.length == 0) {
        return JSON_NONE;
    }
    end = value.data + value.length;
    at = json_skip_blank(value.data, end);
    if (at == end) {
        return JSON_NONE;
    }
    switch (*at) {
    case 'n':
        return JSON_NULL;
    case 'f':
        return JSON_FALSE;
    case 't':
        return JSON_TRUE;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    default:
        return JSON_NUMBER;
    }
}

enum rc json_decode_string(struct slice value, struct buf *out) {
    size_t length = out->length;
    const char *at, *end;
    enum rc rc = RC_OK;

    if (value.length < 2 || value.data[0] != '"' || value.data[value.length - 1] != '"') {
        return RC_PERM;
    }
    at = value.data + 1;
    end = value.data + value.length - 1;
    while (at < end && rc == RC_OK) {
        const char *stop = memchr(at, '\\', (size_t)(end - at));
        char decoded[4];

        rc = buf_add(out, at, (size_t)((stop != NULL ? stop : end) - at));
        at = stop != NULL ? stop + 1 : end;
        if (rc == RC_OK && stop != NULL) {
            size_t count = json_take_escape(&at, end, decoded);

            rc = buf_add(out, decoded, count);
        }
    }
    if (rc != RC_OK && out->data != NULL) {
        out->length = length;
        out->data[length] = '\0';
    }
    return rc;
}

bool json_to_u64(struct slice value, bool text_too, uint64_t *out) {
    struct number n;

    if (text_too && value.length > 2 && value.data[0] == '"' && value.data[value.length - 1] == '"') {
        value = slice_between(value.data + 1, value.data + value.length - 1);
    }
    return number_parse(value, &n) && number_to_u64(&n, out);
}

bool json_pointer_add(char *pointer, size_t size, const char *name) {
    size_t at = strlen(pointer), start = at;

    if (at + 2 > size) {
        return false;
    }
    pointer[at++] = '/';
    for (; *name != '\0'; name++) {
        if (at + 3 > size) {
            pointer[start] = '\0';
            return false;
        }
        if (*name == '~' || *name == '/') {
            pointer[at++] = '~';
            pointer[at++] = *name == '~' ? '0' : '1';
        } else {
            pointer[at++] = *name;
        }
    }
    pointer[at] = '\0';
    return true;
}
