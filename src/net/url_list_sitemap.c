// SPDX-License-Identifier: Apache-2.0
#include "net/url_list_internal.h"

#include "base/str.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

/* Sitemaps (sitemaps.org/protocol.html), read by expat: <urlset><url><loc>, <sitemapindex><sitemap><loc>. What else stands there is passed over: <loc> of an
 * image or a video lies one deeper. A document type is refused, and with it every entity. */

#define ENTRY_DEPTH 2u
#define PIECE (64 * 1024)
/* Of what has no end yet expat begins anew with each piece. */
#define TOKEN_MOST (256u * 1024)
#define IS_PAGE "is a web page (HTML), no sitemap"

static const char *local_name(const char *name) {
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

static void stop(struct url_list *list, enum rc rc, const char *text) {
    if (!list->rc)
        list->rc = err_set(&list->err, rc, "line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(list->xml), text);
    XML_StopParser(list->xml, XML_FALSE);
}

static void on_start(void *context, const char *name, const char **attributes) {
    struct url_list *list = context;
    const char *local = local_name(name);
    (void)attributes;
    list->depth++;
    if (list->depth == 1 && strcasecmp(local, "html") == 0)
        stop(list, RC_PERM, IS_PAGE);
    else if (list->depth == 1 && strcmp(local, "urlset") != 0 && strcmp(local, "sitemapindex") != 0)
        stop(list, RC_PERM, "is XML, but no sitemap: it begins with neither <urlset> nor <sitemapindex>");
    if (list->depth == ENTRY_DEPTH) {
        list->nested = strcmp(local, "sitemap") == 0;
        list->in_entry = list->nested || strcmp(local, "url") == 0;
        list->loc_cut = false;
        list->loc_line = 0;
        buf_reset(&list->loc);
        buf_reset(&list->lastmod);
    }
    if (list->depth != ENTRY_DEPTH + 1 || !list->in_entry)
        return;
    if (strcmp(local, "loc") == 0 && !list->loc_line) {
        list->into = &list->loc;
        list->loc_line = (size_t)XML_GetCurrentLineNumber(list->xml);
    } else if (strcmp(local, "lastmod") == 0 && !list->lastmod.length)
        list->into = &list->lastmod;
}

static void on_text(void *context, const char *text, int length) {
    struct url_list *list = context;
    if (!list->into || list->depth != ENTRY_DEPTH + 1)
        return;
    const enum rc rc = buf_add(list->into, text, (size_t)length);
    list->loc_cut = list->loc_cut || (rc == RC_PERM && list->into == &list->loc);
    if (rc == RC_TEMP)
        stop(list, rc, "out of memory");
}

static struct slice trimmed(const struct buf *text) {
    const char *at = buf_text(text) + strspn(buf_text(text), " \t\r\n");
    size_t length = strlen(at);
    while (length && strchr(" \t\r\n", at[length - 1]))
        length--;
    return (struct slice){.data = at, .length = length};
}

/* A date, with a time or without: what else stands there is nobody's label. */
static bool is_date(struct slice text) {
    for (size_t i = 0; i < text.length; i++)
        if (!strchr("0123456789-:.+TZ", text.data[i]))
            return false;
    return text.length >= 4;
}

static enum rc tell_url(struct url_list *list, const char *url) {
    static const char *const names[] = {"lastmod"};
    const struct slice value = trimmed(&list->lastmod);
    const struct url_list_labels labels = {.names = names, .values = &value, .count = 1};
    return url_list_one(list, list->loc_line, url, list->told.lastmod && is_date(value) ? &labels : NULL);
}

static void take_loc(struct url_list *list) {
    const struct slice loc = trimmed(&list->loc);
    char url[URL_LIST_URL_MOST + 1], clean[URL_LIST_URL_MOST];
    struct err why = {0};
    memcpy(url, loc.data, loc.length);
    url[loc.length] = '\0';
    if (list->loc_cut)
        url_list_wrong(list, list->loc_line, url, URL_LIST_TOO_LONG);
    else if (!list->nested) {
        if (tell_url(list, url))
            stop(list, RC_TEMP, "out of memory");
    } else if (!list->told.sitemap)
        url_list_wrong(list, list->loc_line, url, "is another sitemap, of which this is the index");
    else if (url_list_clean(url, clean, &why))
        url_list_wrong(list, list->loc_line, url, why.text);
    else
        list->told.sitemap(list->told.context, list->loc_line, clean);
}

static void on_end(void *context, const char *name) {
    struct url_list *list = context;
    (void)name;
    if (list->depth == ENTRY_DEPTH + 1)
        list->into = NULL;
    if (list->depth == ENTRY_DEPTH && list->in_entry && list->loc_line) { /* only now is its date known */
        char text[80];
        list->entries++;
        take_loc(list);
        str_format(text, sizeof text, "has more than %zu entries", list->told.entries_most);
        if (list->entries > list->told.entries_most)
            stop(list, RC_PERM, text);
    }
    list->depth--;
}

static void on_doctype(void *context, const char *name, const char *system, const char *public, int internal) {
    (void)system, (void)public, (void)internal;
    stop(context, RC_PERM, strcasecmp(name, "html") == 0 ? IS_PAGE : "a sitemap has no document type");
}

enum rc url_list_sitemap_begin(struct url_list *list) {
    list->xml = XML_ParserCreate(NULL);
    if (!list->xml)
        return RC_TEMP;
    XML_SetUserData(list->xml, list);
    XML_SetElementHandler(list->xml, on_start, on_end);
    XML_SetCharacterDataHandler(list->xml, on_text);
    XML_SetStartDoctypeDeclHandler(list->xml, on_doctype);
    return RC_OK;
}

enum rc url_list_sitemap_take(struct url_list *list, const char *bytes, size_t length, bool last, struct err *err) {
    do {
        const int piece = length > PIECE ? PIECE : (int)length;
        const bool ends = last && (size_t)piece == length;
        const enum XML_Status status = XML_Parse(list->xml, bytes, piece, ends);
        if (list->rc)
            return err_set(err, list->rc, "%s", list->err.text);
        if (status != XML_STATUS_OK)
            return err_set(err, RC_PERM, "line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(list->xml), XML_ErrorString(XML_GetErrorCode(list->xml)));
        bytes += piece;
        length -= (size_t)piece;
        list->xml_bytes += (size_t)piece;
        const XML_Index done = XML_GetCurrentByteIndex(list->xml);
        if (list->xml_bytes - (done > 0 ? (size_t)done : 0) > TOKEN_MOST)
            return err_set(err, RC_PERM, "line %lu: has a tag or a remark of more than %u KiB", (unsigned long)XML_GetCurrentLineNumber(list->xml),
                           TOKEN_MOST >> 10);
    } while (length);
    return RC_OK;
}
