// SPDX-License-Identifier: Apache-2.0
#include "api/cause.h"

#include "base/clock.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

#define HEX_LEAST 8u
#define DIGITS_LEAST 4u

struct writer {
    char *out;
    size_t used;
    bool full;
};

static void put(struct writer *w, const char *text, size_t length) {
    if (w->full || w->used + length >= CAUSE_SIZE) {
        w->full = true;
        return;
    }
    memcpy(w->out + w->used, text, length);
    w->used += length;
}

static bool digit(char c) {
    return c >= '0' && c <= '9';
}

static bool in_word(char c) {
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* How long the part is that has the form: 9 a digit, h one of hexadecimal, everything else itself. 0: it has another. */
static size_t form(const char *text, const char *form_text) {
    size_t i = 0;
    for (; form_text[i]; i++) {
        const char c = text[i], f = form_text[i];
        const bool fits = f == '9' ? digit(c) : f == 'h' ? c && isxdigit((unsigned char)c) : c == f;
        if (!fits)
            return 0;
    }
    return i;
}

static size_t time_length(const char *text) {
    char copy[CLOCK_RFC3339_SIZE + 8];
    int64_t us;
    if (!form(text, "9999-99-99T99:99:99"))
        return 0;
    size_t length = strspn(text, "0123456789T:.+-Z");
    while (length && (text[length - 1] == '.' || text[length - 1] == ':' || text[length - 1] == '-'))
        length--;
    if (length >= sizeof copy)
        return 0;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return clock_parse_rfc3339(copy, &us) ? length : 0;
}

/* Of a job, with its slug and what a payload's name has behind it, or a UUID. */
static size_t id_length(const char *text) {
    size_t length = form(text, "99999999T999999Z-hhhhhhhhhhhh-");
    if (length)
        return length + strspn(text + length, "abcdefghijklmnopqrstuvwxyz0123456789-_");
    length = form(text, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh");
    return length && !in_word(text[length]) ? length : 0;
}

static size_t number_length(const char *text) {
    size_t length = strspn(text, "0123456789");
    if (!length || in_word(text[length]))
        return 0;
    while ((text[length] == '.' || text[length] == ',') && digit(text[length + 1]))
        length += 1 + strspn(text + length + 1, "0123456789");
    return length;
}

/* A list of them counts as one. */
static size_t numbers_length(const char *text) {
    size_t length = number_length(text), next;
    while (length && strncmp(text + length, ", ", 2) == 0 && (next = number_length(text + length + 2)) != 0)
        length += 2 + next;
    return length;
}

static bool is_hex(const char *word, size_t length) {
    bool digits = false;
    for (size_t i = 0; i < length; i++) {
        if (!isxdigit((unsigned char)word[i]))
            return false;
        digits = digits || digit(word[i]);
    }
    return length >= HEX_LEAST && digits;
}

static void put_word(struct writer *w, const char *word, size_t length) {
    if (is_hex(word, length)) {
        put(w, "ID", 2);
        return;
    }
    for (size_t i = 0; i < length;) {
        size_t run = 0;
        while (i + run < length && digit(word[i + run]))
            run++;
        if (run >= DIGITS_LEAST)
            put(w, "N", 1);
        else
            put(w, word + i, run ? run : 1);
        i += run ? run : 1;
    }
}

/* What begins a word. Returns how much of the text it was. */
static size_t take_word(struct writer *w, const char *text) {
    size_t length;
    if ((length = time_length(text)) != 0)
        put(w, "TIME", 4);
    else if ((length = id_length(text)) != 0)
        put(w, "ID", 2);
    else if ((length = numbers_length(text)) != 0)
        put(w, "N", 1);
    else {
        while (in_word(text[length]))
            length++;
        put_word(w, text, length);
    }
    return length;
}

void cause_of(const char *error, char out[CAUSE_SIZE]) {
    struct writer w = {.out = out};
    bool in_url = false, blank = true;
    while (*error && !w.full) {
        const unsigned char c = (unsigned char)*error;
        const bool is_blank = c <= ' ' || c == 0x7f;
        size_t length = 1;
        if (is_blank) {
            if (!blank)
                put(&w, " ", 1);
            in_url = false;
        } else if (in_word(*error))
            length = take_word(&w, error);
        else if (in_url && *error == '?')
            length = strcspn(error, " \t\r\n\"'<>");
        else {
            in_url = in_url || strncmp(error, "://", 3) == 0;
            length = str_utf8_length(error, strnlen(error, 4));
            put(&w, length ? error : "?", length ? length : 1);
            length = length ? length : 1;
        }
        blank = is_blank;
        error += length;
    }
    while (w.used && out[w.used - 1] == ' ')
        w.used--;
    out[w.used] = '\0';
}
