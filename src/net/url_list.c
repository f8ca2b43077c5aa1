// SPDX-License-Identifier: Apache-2.0
#include "net/url_list_internal.h"

#include "net/public_host.h"

#include <ctype.h>
#include <curl/curl.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NOT_HTTP "is neither http nor https"
#define SHOWN_MOST 200u
#define TAKEN_MOST ((size_t)1 << 20)
#define PIECE ((size_t)64 * 1024) /* decompressed at a time; and the most of a line that is kept */

/* --- one URL ------------------------------------------------------------------------------------------------------------ */

static bool set(CURLU *url, CURLUPart part, const char *text, unsigned flags) {
    return curl_url_set(url, part, text, flags) == CURLUE_OK;
}

/* "example" is no public name, and what a person who forgot the rest writes. */
static bool host_is_name(const char *host) {
    return (strchr(host, '.') && *host != '.' && !strstr(host, "..")) || *host == '[' || strcasecmp(host, "localhost") == 0;
}

/* "/a//" is "/a", "/" is nothing. */
static bool trim_path(CURLU *url) {
    char *path = NULL;
    if (curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK)
        return true;
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        path[--length] = '\0';
    bool done = set(url, CURLUPART_PATH, length ? path : NULL, 0);
    curl_free(path);
    return done;
}

/* Letters, digits, hyphens and low lines of ASCII, in labels as they may be: most names, of which RFC 5891 has nothing to say but that case does not count. */
static bool is_plain(const char *host, char out[254]) {
    size_t length = 0, label = 0;
    for (; host[length]; length++) {
        const unsigned char c = (unsigned char)host[length];
        const bool hyphens = c == '-' && length && host[length - 1] == '-';
        if (length == 253 || hyphens || !(isalnum(c) || c == '-' || c == '_' || c == '.') || c >= 0x80)
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63 || (c == '-' && (label == 1 || !host[length + 1] || host[length + 1] == '.')))
            return false;
        out[length] = (char)tolower(c);
    }
    out[length] = '\0';
    return length > 0;
}

/* In lower case and ASCII (RFC 5891), which leaves some characters out. libcurl does that too, but by the locale of the program. */
static bool set_host(CURLU *url, const char *host) {
    char *ascii = NULL, address[64], plain[254];
    if (*host != '[' && is_plain(host, plain))
        return host_is_name(plain) && (strcmp(host, plain) == 0 || set(url, CURLUPART_HOST, plain, 0));
    if (*host == '[') {
        bool fits = str_copy(address, sizeof address, host);
        for (char *at = address; fits && *at; at++)
            *at = (char)tolower((unsigned char)*at);
        return fits && set(url, CURLUPART_HOST, address, 0);
    }
    bool done = idn2_to_ascii_8z(host, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK && host_is_name(ascii) && set(url, CURLUPART_HOST, ascii, 0);
    idn2_free(ascii);
    return done;
}

static const char *refused(CURLU *url, const char *text) {
    char *part = NULL;
    const char *why = NULL;
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return "has a blank or a control character";
    const CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    if (code != CURLUE_OK)
        return code == CURLUE_BAD_PORT_NUMBER ? "has a port that is none: those are 1 to 65535" : "is no URL";
    if (curl_url_get(url, CURLUPART_SCHEME, &part, 0) != CURLUE_OK || (strcasecmp(part, "http") != 0 && strcasecmp(part, "https") != 0))
        why = NOT_HTTP;
    curl_free(part);
    part = NULL;
    if (!why && curl_url_get(url, CURLUPART_USER, &part, 0) == CURLUE_OK)
        why = "has a user name or a password in it";
    curl_free(part);
    part = NULL;
    if (!why && (curl_url_get(url, CURLUPART_HOST, &part, 0) != CURLUE_OK || !host_is_name(part)))
        why = "has no host name";
    if (!why && !set_host(url, part))
        why = "has a host name that is none";
    if (!why && (!set(url, CURLUPART_FRAGMENT, NULL, 0) || !trim_path(url)))
        why = "is no URL";
    curl_free(part);
    return why;
}

/* "example.com", "example.com:8080/x": no scheme before the first slash, question mark or port. */
static bool is_bare(const char *text) {
    const char *scheme = strstr(text, "://");
    return !scheme || strcspn(text, "/?#") < (size_t)(scheme - text);
}

/* "mailto:a@example.com", "tel:+49": letters, and no port after the colon. */
static bool is_other_scheme(const char *text) {
    const size_t letters = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return letters && text[letters] == ':' && !isdigit((unsigned char)text[letters + 1]);
}

enum rc url_list_clean(const char *text, char out[URL_LIST_URL_MOST], struct err *err) {
    char whole[URL_LIST_URL_MOST], *clean = NULL;
    *out = '\0';
    if (!str_format(whole, sizeof whole, "%s%s", is_bare(text) ? "https://" : "", text) || !str_is_utf8(text, strlen(text)))
        return err_set(err, RC_PERM, strlen(text) + 9 > sizeof whole ? URL_LIST_TOO_LONG : "is no UTF-8");
    if (is_bare(text) && is_other_scheme(text))
        return err_set(err, RC_PERM, NOT_HTTP);
    CURLU *url = curl_url();
    if (!url)
        return err_set(err, RC_TEMP, "out of memory");
    const char *why = refused(url, whole);
    if (!why && curl_url_get(url, CURLUPART_URL, &clean, CURLU_NO_DEFAULT_PORT) != CURLUE_OK)
        why = "is no URL";
    if (!why) {
        size_t length = strlen(clean);
        char *path = strstr(clean, "://");
        if (path && length && clean[length - 1] == '/' && !strchr(clean, '?'))
            clean[length - 1] = '\0';
        if (!str_copy(out, URL_LIST_URL_MOST, clean))
            why = URL_LIST_TOO_LONG;
    }
    curl_free(clean);
    curl_url_cleanup(url);
    return why ? err_set(err, RC_PERM, "%s", why) : RC_OK;
}

bool url_list_is_private(const char *text) {
    char *host = NULL;
    CURLU *url = curl_url();
    bool private = true; /* what cannot be read is not let through */
    if (url && set(url, CURLUPART_URL, text, 0) && curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
    private = !public_host_name(host);
    curl_free(host);
    curl_url_cleanup(url);
    return private;
}

/* --- one of a list ------------------------------------------------------------------------------------------------------- */

void url_list_wrong(struct url_list *list, size_t line, const char *text, const char *why) {
    char shown[SHOWN_MOST];
    list->counts.wrong++;
    str_printable(shown, sizeof shown, text, strlen(text));
    list->told.wrong(list->told.context, line, shown, why);
}

void url_list_note(struct url_list *list, size_t line, struct slice text, const char *why) {
    char shown[SHOWN_MOST];
    if (!list->told.note)
        return;
    str_printable(shown, sizeof shown, text.data, text.length);
    list->told.note(list->told.context, line, shown, why);
}

enum rc url_list_one(struct url_list *list, size_t line, const char *text, const struct url_list_labels *labels) {
    char clean[URL_LIST_URL_MOST];
    struct err why = {0};
    bool fresh = false;
    enum rc rc = url_list_clean(text, clean, &why);
    if (!rc && list->told.public_only && url_list_is_private(clean))
        rc = err_set(&why, RC_PERM, URL_LIST_PRIVATE);
    if (rc == RC_PERM) {
        url_list_wrong(list, line, text, why.text);
        return RC_OK;
    }
    if (!rc && !strset_keep(&list->seen, clean, &fresh))
        rc = RC_TEMP;
    if (rc)
        return rc;
    if (fresh) {
        list->counts.urls++;
        list->told.url(list->told.context, line, clean, labels);
    } else
        list->counts.duplicates++;
    return RC_OK;
}

/* --- lines --------------------------------------------------------------------------------------------------------------- */

/* The first field of a line, without quotes and blanks, and what stands behind it. False: it is longer than a URL may be, and out has its beginning. */
static bool first_field(const char *line, size_t length, char out[URL_LIST_URL_MOST], struct slice *rest) {
    size_t used = 0, i;
    while (length && isspace((unsigned char)*line)) {
        line++;
        length--;
    }
    const bool quoted = length && *line == '"';
    for (i = quoted; i < length; i++) {
        if (quoted ? line[i] == '"' : line[i] == ',' || line[i] == ';' || line[i] == '\t')
            break;
        if (used + 1 == URL_LIST_URL_MOST) {
            if (isspace((unsigned char)line[i]))
                continue;
            out[used] = '\0';
            return false;
        }
        out[used++] = line[i] ? line[i] : ' ';
    }
    while (used && isspace((unsigned char)out[used - 1]))
        used--;
    out[used] = '\0';
    while (i < length && strchr("\",;\t\r ", line[i]))
        i++;
    *rest = (struct slice){line + i, length - i};
    return true;
}

/* A line of which something is left out: each when that is all of it, else the first. */
static void tell_rest(struct url_list *list, struct slice rest, bool all) {
    if (!rest.length || (list->rest_told && !all))
        return;
    list->rest_told = list->rest_told || !all;
    url_list_note(list, list->line, rest,
                  all ? "stands behind an empty first field, where the URL should be: the line is left out"
                      : "is left out, as all behind the first field of a line, unless the first line has the columns' names, of which one is url");
}

static enum rc take_line(struct url_list *list, const char *text, size_t length, struct err *err) {
    char field[URL_LIST_URL_MOST];
    struct slice rest;
    if (++list->line > URL_LIST_LINES_MOST)
        return err_set(err, RC_PERM, "has more than %u lines", URL_LIST_LINES_MOST);
    if (!first_field(text, length, field, &rest)) {
        url_list_wrong(list, list->line, field, URL_LIST_TOO_LONG);
        return RC_OK;
    }
    if (*field != '#')
        tell_rest(list, rest, !*field);
    enum rc rc = *field && *field != '#' ? url_list_one(list, list->line, field, NULL) : RC_OK;
    return rc ? err_set(err, rc, "out of memory") : RC_OK;
}

/* What of a line is beyond PIECE is dropped: its first field ends, or is too long, before that. */
static enum rc keep_part(struct url_list *list, const char *bytes, size_t length, struct err *err) {
    const size_t room = PIECE - list->first.length;
    if (length > room || list->cut) {
        length = list->cut ? 0 : room;
        list->cut = true;
    }
    return buf_add(&list->first, bytes, length) ? err_set(err, RC_TEMP, "out of memory") : RC_OK;
}

static enum rc take_lines(struct url_list *list, const char *bytes, size_t length, struct err *err) {
    enum rc rc = RC_OK;
    for (const char *end = bytes + length; bytes < end && !rc;) {
        const char *feed = memchr(bytes, '\n', (size_t)(end - bytes));
        if (!feed)
            return keep_part(list, bytes, (size_t)(end - bytes), err);
        if (list->first.length || list->cut) {
            rc = keep_part(list, bytes, (size_t)(feed - bytes), err);
            rc = rc ? rc : take_line(list, buf_text(&list->first), list->first.length, err);
            buf_reset(&list->first);
            list->cut = false;
        } else
            rc = take_line(list, bytes, (size_t)(feed - bytes), err);
        bytes = feed + 1;
    }
    return rc;
}

/* --- the form ------------------------------------------------------------------------------------------------------------ */

static enum rc take_form(struct url_list *list, const char *bytes, size_t length, struct err *err) {
    switch (list->form) {
    case FORM_UNKNOWN:
        break;
    case FORM_LINES:
        return take_lines(list, bytes, length, err);
    case FORM_CSV:
        return url_list_csv_take(list, bytes, length, err);
    case FORM_SITEMAP:
        return url_list_sitemap_take(list, bytes, length, false, err);
    }
    return RC_OK;
}

/* By the first line, of which at least one byte is there. */
static enum rc find_form(struct url_list *list, struct err *err) {
    struct buf head = list->first;
    const char *text = buf_text(&head);
    size_t skip = head.length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    size_t blank = skip + strspn(text + skip, " \t\r\n");
    bool csv = false;
    enum rc rc = RC_OK;
    buf_init(&list->first, PIECE);
    /* UTF-16 is nothing that a list of lines or CSV may have, but XML. */
    const bool wide = head.length >= 4 && (memcmp(text, "\xff\xfe<", 4) == 0 || memcmp(text, "\xfe\xff\0<", 4) == 0);
    if (wide)
        skip = blank = 0;
    if (wide || text[blank] == '<') {
        list->form = FORM_SITEMAP;
        skip = blank;
        rc = url_list_sitemap_begin(list);
    } else {
        rc = url_list_csv_begin(list, text + skip, head.length - skip, &csv);
        list->form = csv ? FORM_CSV : FORM_LINES;
    }
    rc = rc ? err_set(err, rc, "out of memory") : take_form(list, text + skip, head.length - skip, err);
    buf_release(&head);
    return rc;
}

/* Enough to know it: a line that is not empty (a sitemap may begin with some that are), or as much as is kept of one. *used is at least 1. */
static enum rc look_at(struct url_list *list, const char *bytes, size_t length, size_t *used, struct err *err) {
    const char *feed = memchr(bytes, '\n', length);
    const size_t room = PIECE - list->first.length;
    *used = feed ? (size_t)(feed - bytes) + 1 : length;
    *used = *used < room ? *used : room;
    if (buf_add(&list->first, bytes, *used))
        return err_set(err, RC_TEMP, "out of memory");
    const char *text = buf_text(&list->first);
    const bool blank = text[strspn(text, "\xef\xbb\xbf \t\r\n")] == '\0';
    return list->first.length == PIECE || (feed && !blank) ? find_form(list, err) : RC_OK;
}

static enum rc take_text(struct url_list *list, const char *bytes, size_t length, struct err *err) {
    enum rc rc = RC_OK;
    list->bytes += length;
    if (list->bytes > list->told.bytes_most)
        return err_set(err, RC_PERM, "has more than %zu MiB%s", list->told.bytes_most >> 20, list->gzip ? " (decompressed)" : "");
    while (length && !rc && list->form == FORM_UNKNOWN) {
        size_t used = length;
        rc = look_at(list, bytes, length, &used, err);
        bytes += used;
        length -= used;
    }
    return rc || !length ? rc : take_form(list, bytes, length, err);
}

static enum rc take_gzip(struct url_list *list, const char *bytes, size_t length, struct err *err) {
    char out[16384];
    enum rc rc = RC_OK;
    list->z.next_in = (Bytef *)(uintptr_t)bytes;
    list->z.avail_in = (uInt)length;
    while (!rc) {
        list->z.next_out = (Bytef *)out;
        list->z.avail_out = sizeof out;
        if (list->ended && (!list->z.avail_in || inflateReset(&list->z) != Z_OK))
            break;
        int code = inflate(&list->z, Z_NO_FLUSH);
        list->ended = code == Z_STREAM_END;
        if (code == Z_BUF_ERROR)
            break; /* all is used */
        if (code != Z_OK && code != Z_STREAM_END)
            return err_set(err, RC_PERM, "is damaged (gzip)");
        rc = take_text(list, out, sizeof out - list->z.avail_out, err);
        if (code == Z_OK && !list->z.avail_in && list->z.avail_out)
            break;
    }
    return rc;
}

/* --- the list ------------------------------------------------------------------------------------------------------------ */

static void init_file(struct url_list *list) {
    buf_init(&list->first, PIECE);
    buf_init(&list->loc, URL_LIST_URL_MOST);
    buf_init(&list->lastmod, LASTMOD_MOST);
    csv_reader_init(&list->csv, ',');
}

enum rc url_list_new(const struct url_list_told *told, struct url_list **list, struct err *err) {
    *list = calloc(1, sizeof **list);
    if (!*list)
        return err_set(err, RC_TEMP, "out of memory");
    (*list)->told = *told;
    if (!told->bytes_most)
        (*list)->told.bytes_most = URL_LIST_BYTES_MOST;
    if (!told->entries_most)
        (*list)->told.entries_most = URL_LIST_LINES_MOST;
    init_file(*list);
    return RC_OK;
}

enum rc url_list_take(struct url_list *list, const char *bytes, size_t length, struct err *err) {
    if (!length)
        return RC_OK;
    if (!list->begun) {
        list->begun = true;
        list->gzip = *bytes == '\x1f';
        if (list->gzip && inflateInit2(&list->z, 15 + 16) != Z_OK) {
            list->gzip = false;
            return err_set(err, RC_TEMP, "out of memory");
        }
    }
    enum rc rc = RC_OK;
    while (length && !rc) {
        const size_t piece = length < TAKEN_MOST ? length : TAKEN_MOST;
        rc = list->gzip ? take_gzip(list, bytes, piece, err) : take_text(list, bytes, piece, err);
        bytes += piece;
        length -= piece;
    }
    return rc;
}

enum rc url_list_end(struct url_list *list, struct url_list_counts *counts, struct err *err) {
    enum rc rc = RC_OK;
    if (list->gzip && !list->ended)
        return err_set(err, RC_PERM, "is cut (gzip)");
    if (list->form == FORM_UNKNOWN && list->first.length)
        rc = find_form(list, err);
    if (!rc && list->form == FORM_LINES && (list->first.length || list->cut))
        rc = take_line(list, buf_text(&list->first), list->first.length, err);
    else if (!rc && list->form == FORM_CSV)
        rc = url_list_csv_end(list, err);
    else if (!rc && list->form == FORM_SITEMAP)
        rc = url_list_sitemap_take(list, "", 0, true, err);
    if (!rc && counts)
        *counts = list->counts;
    return rc;
}

/* What belongs to the file that is read. */
static void release_file(struct url_list *list) {
    if (list->gzip)
        inflateEnd(&list->z);
    if (list->xml)
        XML_ParserFree(list->xml);
    for (size_t i = 0; i < list->names_count; i++)
        free(list->names[i]);
    csv_reader_release(&list->csv);
    buf_release(&list->first);
    buf_release(&list->loc);
    buf_release(&list->lastmod);
}

void url_list_next(struct url_list *list) {
    release_file(list);
    *list = (struct url_list){.told = list->told, .counts = list->counts, .seen = list->seen};
    init_file(list);
}

void url_list_free(struct url_list *list) {
    if (!list)
        return;
    release_file(list);
    strset_release(&list->seen);
    free(list);
}

enum rc url_list_read(const char *text, size_t length, const struct url_list_told *told, struct url_list_counts *counts, struct err *err) {
    struct url_list *list;
    enum rc rc = url_list_new(told, &list, err);
    *counts = (struct url_list_counts){0, 0, 0};
    rc = rc ? rc : url_list_take(list, text, length, err);
    rc = rc ? rc : url_list_end(list, counts, err);
    url_list_free(list);
    return rc;
}
