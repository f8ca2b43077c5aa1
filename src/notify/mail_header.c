// SPDX-License-Identifier: Apache-2.0
#include "notify/mail_header.h"

#include "base/str.h"

#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#define LINE_MOST 76u
#define WORD_BYTES 45u       /* of UTF-8 in one encoded word: 60 characters of base64 and 12 around them */
#define FIRST_WORD_BYTES 36u /* beside the field's name */

/* Text that can stand as it is: printable ASCII that nobody could take for an encoded word. */
static bool is_plain(const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            return false;
    return strstr(text, "=?") == NULL;
}

/* At blanks, lines that are too long are folded; a word that has no room on any line stays whole. */
static enum rc add_folded(struct buf *out, size_t column, const char *text) {
    enum rc rc = RC_OK;
    while (*text != '\0' && rc == RC_OK) {
        const size_t blanks = strspn(text, " "), word = strcspn(text + blanks, " ");
        if (blanks > 0 && word > 0 && column + blanks + word > LINE_MOST) {
            rc = buf_add_text(out, "\r\n");
            column = 0;
        }
        if (rc == RC_OK && word > 0) /* blanks at the end are left off */
            rc = buf_add(out, text, blanks + word);
        column += blanks + word;
        text += blanks + word;
    }
    return rc;
}

/* As many whole characters as go into one encoded word; control characters and what is no UTF-8 as "?". */
static size_t take_word(const char **text, char word[WORD_BYTES], size_t most) {
    size_t length = 0;
    while (**text != '\0') {
        const size_t one = str_utf8_length(*text, strlen(*text)), wanted = one == 0 ? 1 : one;
        if (length + wanted > most)
            break;
        if (one == 0 || (one == 1 && ((unsigned char)**text < ' ' || **text == 0x7f)))
            word[length] = '?';
        else
            memcpy(word + length, *text, one);
        length += wanted;
        *text += wanted;
    }
    return length;
}

static enum rc add_encoded(struct buf *out, const char *text) {
    enum rc rc = RC_OK;
    for (bool first = true; *text != '\0' && rc == RC_OK; first = false) {
        char word[WORD_BYTES] = "";
        unsigned char coded[WORD_BYTES / 3 * 4 + 1];
        const size_t length = take_word(&text, word, first ? FIRST_WORD_BYTES : WORD_BYTES);
        EVP_EncodeBlock(coded, (const unsigned char *)word, (int)length);
        rc = buf_printf(out, "%s=?UTF-8?B?%s?=", first ? "" : "\r\n ", (const char *)coded);
    }
    return rc;
}

enum rc mail_header_text(struct buf *out, const char *name, const char *text) {
    enum rc rc = buf_printf(out, "%s: ", name);
    if (rc != RC_OK)
        return rc;
    return is_plain(text) ? add_folded(out, strlen(name) + 2, text) : add_encoded(out, text);
}

/* A quoted string, or encoded words. */
static enum rc add_phrase(struct buf *out, const char *name) {
    if (!is_plain(name))
        return add_encoded(out, name);
    enum rc rc = buf_add_char(out, '"');
    for (; *name != '\0' && rc == RC_OK; name++) {
        if (*name == '"' || *name == '\\')
            rc = buf_add_char(out, '\\');
        if (rc == RC_OK)
            rc = buf_add_char(out, *name);
    }
    return rc == RC_OK ? buf_add_char(out, '"') : rc;
}

enum rc mail_header_mailbox(struct buf *out, const char *field, const char *name, const char *address) {
    enum rc rc = buf_printf(out, "%s: ", field);
    if (*name == '\0')
        return rc == RC_OK ? buf_add_text(out, address) : rc;
    if (rc == RC_OK)
        rc = add_phrase(out, name);
    return rc == RC_OK ? buf_printf(out, "\r\n <%s>", address) : rc;
}

enum rc mail_header_date(struct buf *out, int64_t wall_us) {
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL)
        return RC_PERM;
    return buf_printf(out, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d +0000", days + (size_t)tm.tm_wday * 3, tm.tm_mday, months + (size_t)tm.tm_mon * 3,
                      tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

enum rc mail_header_id(struct buf *out, const char *field, const char *id, const char *address) {
    const char *at = strchr(address, '@');
    return buf_printf(out, "%s: <%s@%s>", field, id, at == NULL ? "localhost" : at + 1);
}
