// SPDX-License-Identifier: Apache-2.0
#include "net/url_list_internal.h"

#include <limits.h>
#include <string.h>

/* Sitemaps (sitemaps.org/protocol.html), read by expat: <urlset><url><loc>, <sitemapindex><sitemap><loc>. What else stands there is passed over: <loc> of an
 * image or a video lies one deeper. A document type is refused, and with it every entity. */

#define ENTRY_DEPTH 2u

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
    if (list->depth == 1 && strcmp(local, "urlset") != 0 && strcmp(local, "sitemapindex") != 0)
        stop(list, RC_PERM, "is XML, but no sitemap: it begins with neither <urlset> nor <sitemapindex>");
    if (list->depth == ENTRY_DEPTH) {
        list->nested = strcmp(local, "sitemap") == 0;
        list->in_entry = list->nested || strcmp(local, "url") == 0;
    }
    if (list->depth != ENTRY_DEPTH + 1 || !list->in_entry || strcmp(local, "loc") != 0)
        return;
    list->in_loc = true;
    list->loc_cut = false;
    list->loc_line = (size_t)XML_GetCurrentLineNumber(list->xml);
    buf_reset(&list->loc);
}

static void on_text(void *context, const char *text, int length) {
    struct url_list *list = context;
    if (!list->in_loc || list->depth != ENTRY_DEPTH + 1)
        return;
    const enum rc rc = buf_add(&list->loc, text, (size_t)length);
    list->loc_cut = list->loc_cut || rc == RC_PERM;
    if (rc == RC_TEMP)
        stop(list, rc, "out of memory");
}

static void take_loc(struct url_list *list) {
    const char *text = buf_text(&list->loc);
    char url[URL_LIST_URL_MOST + 1], clean[URL_LIST_URL_MOST];
    struct err why = {0};
    size_t length;
    text += strspn(text, " \t\r\n");
    for (length = strlen(text); length && strchr(" \t\r\n", text[length - 1]); length--)
        ;
    memcpy(url, text, length);
    url[length] = '\0';
    if (list->loc_cut)
        url_list_wrong(list, list->loc_line, url, URL_LIST_TOO_LONG);
    else if (!list->nested) {
        if (url_list_one(list, list->loc_line, url, NULL))
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
    if (list->in_loc && list->depth == ENTRY_DEPTH + 1) {
        list->in_loc = false;
        take_loc(list);
    }
    list->depth--;
}

static void on_doctype(void *context, const char *name, const char *system, const char *public, int internal) {
    (void)name, (void)system, (void)public, (void)internal;
    stop(context, RC_PERM, "a sitemap has no document type");
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
        const int piece = length > 1u << 20 ? 1 << 20 : (int)length;
        const bool ends = last && (size_t)piece == length;
        const enum XML_Status status = XML_Parse(list->xml, bytes, piece, ends);
        if (list->rc)
            return err_set(err, list->rc, "%s", list->err.text);
        if (status != XML_STATUS_OK)
            return err_set(err, RC_PERM, "line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(list->xml), XML_ErrorString(XML_GetErrorCode(list->xml)));
        if (XML_GetCurrentLineNumber(list->xml) > 4ul * URL_LIST_LINES_MOST || list->counts.urls > URL_LIST_LINES_MOST)
            return err_set(err, RC_PERM, "has more than %u URLs", URL_LIST_LINES_MOST);
        bytes += piece;
        length -= (size_t)piece;
    } while (length);
    return RC_OK;
}
