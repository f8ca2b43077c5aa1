// SPDX-License-Identifier: Apache-2.0
#include "helper/text.h"

#include "base/json.h"
#include "helper/tool.h"
#include "helper/pages.h"
#include "helper/pdf.h"
#include "os/fsio.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_FILE_MOST ((size_t)8 * 1024 * 1024)
#define LETTERS_LEAST 25u   /* with fewer a page counts as without text */
#define LETTERS_ENOUGH 500u /* with fewer it is asked whether they were stamped on a scan */
#define SPACES_MOST 3u      /* in a row: columns are still seen, tokens are not wasted */

struct work {
    const struct text_options *options;
    struct ocr ocr;
    unsigned pages, with_text, by_ocr;
    unsigned char *known; /* a page's file is there */
};

static void page_file(unsigned page, char name[40]) {
    str_format(name, 40, "page-%05u.json", page);
}

/* The stored page, when there is one that was made with these options. The caller frees. */
static cJSON *load_page(const struct work *w, unsigned page) {
    char name[40];
    cJSON *json = NULL;
    page_file(page, name);
    if (tool_read_json_file(name, PAGE_FILE_MOST, &json, NULL))
        return NULL;
    bool ocr = strcmp(tool_text(json, "by", ""), "ocr") == 0;
    bool fits = tool_number(json, "page", 0) == page &&
                (!ocr || (tool_number(json, "dpi", 0) == w->ocr.dpi && strcmp(tool_text(json, "languages", ""), w->ocr.languages) == 0));
    if (!fits) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

static enum rc store_page(const struct work *w, unsigned page, cJSON *json, struct err *err) {
    char name[40];
    page_file(page, name);
    if (strcmp(tool_text(json, "by", ""), "ocr") == 0) {
        cJSON_AddNumberToObject(json, "dpi", w->ocr.dpi);
        cJSON_AddStringToObject(json, "languages", w->ocr.languages);
    }
    char *text = cJSON_PrintUnformatted(json);
    enum rc rc = text ? tool_write_file(name, text, strlen(text), err) : err_set(err, RC_TEMP, "out of memory");
    free(text);
    return rc;
}

/* Runs of blanks shortened; bytes that are no UTF-8 and control characters out. */
static void tidy(struct buf *text) {
    size_t to = 0, spaces = 0;
    for (size_t at = 0; at < text->length;) {
        size_t length = str_utf8_length(text->data + at, text->length - at);
        unsigned char c = (unsigned char)text->data[at];
        spaces = c == ' ' ? spaces + 1 : 0;
        bool drop = length == 0 || (c < ' ' && c != '\n' && c != '\t') || spaces > SPACES_MOST;
        for (size_t i = 0; !drop && i < length; i++)
            text->data[to++] = text->data[at + i];
        at += length ? length : 1;
    }
    while (to && strchr(" \t\n", text->data[to - 1]))
        to--;
    text->length = to;
    if (text->data)
        text->data[to] = '\0';
}

/* Whether a page's own text is what can be read on it. */
static bool is_text(unsigned page, const struct buf *text) {
    size_t letters = pages_letters(buf_text(text));
    if (letters < LETTERS_LEAST || pages_garbage(buf_text(text)))
        return false;
    return letters >= LETTERS_ENOUGH || !pdf_page_is_scan(page);
}

/* The pages of a PDF that have text; the others are left to OCR. */
static enum rc read_pdf_texts(struct work *w, struct err *err) {
    struct buf text = BUF_INIT(PAGES_TEXT_MOST);
    enum rc rc = RC_OK;
    for (unsigned page = 1; page <= w->pages && !rc; page++) {
        cJSON *json = load_page(w, page);
        bool stored = json != NULL;
        if (!json) {
            rc = pdf_page_text(page, &text, err);
            tidy(&text);
            if (!rc && is_text(page, &text))
                json = ocr_page_json(page, buf_text(&text), "pdf", -1, false, NULL);
            if (rc == RC_PERM) /* OCR may still see it */
                rc = RC_OK;
        }
        if (json && !stored)
            rc = store_page(w, page, json, err);
        w->known[page] = json != NULL;
        w->with_text += json && strcmp(tool_text(json, "by", ""), "pdf") == 0;
        cJSON_Delete(json);
    }
    buf_release(&text);
    return rc;
}

static enum rc read_by_ocr(struct work *w, struct err *err) {
    bool ready = false;
    enum rc rc = RC_OK;
    for (unsigned page = 1; page <= w->pages && !rc; page++) {
        cJSON *json = w->known[page] ? NULL : load_page(w, page);
        if (w->known[page] || json) {
            cJSON_Delete(json);
            continue;
        }
        if (!ready)
            rc = ocr_ready(&w->ocr, err);
        ready = !rc;
        if (!rc)
            rc = ocr_page(&w->ocr, page, &json, err);
        if (!rc)
            rc = store_page(w, page, json, err);
        cJSON_Delete(json);
    }
    return rc;
}

static enum rc put_pages(struct work *w, struct err *err) {
    enum rc rc = tool_put("{\"pages\":[", err);
    for (unsigned page = 1; page <= w->pages && !rc; page++) {
        cJSON *json = load_page(w, page);
        if (!json)
            return err_set(err, RC_TEMP, "page %u: its file in the working directory is gone", page);
        w->by_ocr += strcmp(tool_text(json, "by", ""), "ocr") == 0;
        cJSON_DeleteItemFromObject(json, "dpi");
        cJSON_DeleteItemFromObject(json, "languages");
        if (page > 1)
            rc = tool_put(",", err);
        if (!rc)
            rc = tool_put_json(json, err);
        cJSON_Delete(json);
    }
    char end[80];
    str_format(end, sizeof end, "],\"page_count\":%u,\"text_by\":\"%s\"}\n", w->pages, 2 * w->by_ocr > w->pages ? "ocr" : "pdf");
    if (!rc)
        rc = tool_put(end, err);
    return rc ? rc : tool_flush(err);
}

static enum rc read_all(struct work *w, struct err *err) {
    enum rc rc = RC_OK;
    if (w->ocr.type == DOCFORM_PDF)
        rc = read_pdf_texts(w, err);
    else if (w->options->pdf_alone)
        return err_set(err, RC_GONE, "the document is an image (%s), not a PDF with text: it needs OCR", docform_name(w->ocr.type));
    if (!rc && w->options->pdf_alone && 2 * w->with_text < w->pages)
        return err_set(err, RC_GONE, "of %u pages %u have text: the document needs OCR", w->pages, w->with_text);
    return rc ? rc : read_by_ocr(w, err);
}

enum rc text_write(const struct text_options *options, struct err *err) {
    struct docform form;
    struct work w = {.options = options, .ocr = {.languages = options->languages, .dpi = options->dpi}};
    enum rc rc = tool_document_look(&form, err);
    w.ocr.type = form.type;
    w.pages = form.pages;
    if (!rc && form.type == DOCFORM_PDF)
        rc = pdf_page_count(&w.pages, err);
    if (rc)
        return rc;
    w.known = calloc((size_t)w.pages + 1, 1);
    rc = w.known ? read_all(&w, err) : err_set(err, RC_TEMP, "out of memory");
    if (!rc)
        rc = put_pages(&w, err);
    free(w.known);
    return rc;
}

/* How many pages the document has; 0: nobody knows. */
static unsigned count_pages(void) {
    struct docform form;
    unsigned pages = 0;
    if (tool_document_look(&form, NULL))
        return 0;
    return form.type == DOCFORM_PDF ? (pdf_page_count(&pages, NULL) ? 0 : pages) : form.pages;
}

static enum rc check_pages(const struct pages *pages, struct err *err) {
    const unsigned wanted = count_pages();
    size_t letters = 0;
    for (size_t i = 0; i < pages->count; i++) {
        if (strlen(pages->list[i].text) > PAGES_TEXT_MOST)
            return err_set(err, RC_GONE, "page %u is longer than %zu bytes", pages->list[i].number, PAGES_TEXT_MOST);
        letters += pages_letters(pages->list[i].text);
    }
    if (wanted && (pages->count != wanted || pages->page_count != wanted))
        return err_set(err, RC_GONE, "it has %zu pages, up to page %u; the document has %u", pages->count, pages->page_count, wanted);
    return letters ? RC_OK : err_set(err, RC_GONE, "there is no text on any page");
}

enum rc text_check(struct err *err) {
    cJSON *answer = NULL;
    struct pages pages = {.list = NULL};
    enum rc rc = tool_read_input(&answer, err);
    if (!rc)
        rc = pages_read(answer, &pages, err);
    if (!rc)
        rc = check_pages(&pages, err);
    pages_release(&pages);
    cJSON_Delete(answer);
    if (rc == RC_PERM || rc == RC_CORRUPT || rc == RC_GONE)
        return err_prefix(err, RC_GONE, "the answer of the OCR service is of no use");
    return rc ? rc : tool_put("{\"ok\":true}\n", err) ? RC_TEMP : tool_flush(err);
}

enum rc text_ready(const struct text_options *options, struct err *err) {
    static const char *const names[] = {"pdfinfo", "pdftotext", "pdfimages", "pdftoppm"};
    const struct ocr ocr = {.languages = options->languages};
    char path[TOOL_PATH_SIZE];
    enum rc rc = RC_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && !rc; i++)
        rc = tool_find(names[i], PDF_PACKAGE, path, err);
    return rc || options->pdf_alone ? rc : ocr_ready(&ocr, err);
}
