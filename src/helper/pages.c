// SPDX-License-Identifier: Apache-2.0
#include "helper/pages.h"

#include "base/str.h"
#include "helper/chat.h"
#include "helper/tool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

size_t pages_letters(const char *text) {
    size_t count = 0;
    for (; *text; text++)
        count += isalnum((unsigned char)*text) || ((unsigned char)*text & 0xc0) == 0xc0;
    return count;
}

/* U+FFFD, the private use area U+E000..U+F8FF, control characters. */
static bool is_junk(const unsigned char *at, size_t length) {
    if (length == 1)
        return at[0] < ' ' && !isspace(at[0]);
    return length == 3 && ((at[0] == 0xef && at[1] == 0xbf && at[2] == 0xbd) || at[0] == 0xee || (at[0] == 0xef && at[1] < 0xa4));
}

bool pages_garbage(const char *text) {
    size_t all = 0, junk = 0, left = strlen(text);
    while (left) {
        size_t length = str_utf8_length(text, left);
        junk += length == 0 || is_junk((const unsigned char *)text, length);
        length += length == 0;
        all += !(length == 1 && isspace((unsigned char)*text));
        text += length;
        left -= length;
    }
    return junk * 5 > all;
}

void pages_release(struct pages *pages) {
    free(pages->list);
    *pages = (struct pages){.list = NULL};
}

static enum rc add(struct pages *p, const struct page *page, struct err *err) {
    if (page->number < 1 || page->number > PAGES_MOST || p->count == PAGES_MOST)
        return err_set(err, RC_PERM, "the text has a page number that cannot be, or more than %u pages", PAGES_MOST);
    if (!p->list)
        p->list = calloc(PAGES_MOST, sizeof *p->list);
    if (!p->list)
        return err_set(err, RC_TEMP, "out of memory");
    p->list[p->count++] = *page;
    return RC_OK;
}

static enum rc add_object(struct pages *p, const cJSON *item, unsigned otherwise, struct err *err) {
    double number = tool_number(item, "page", tool_number(item, "page_number", otherwise));
    const char *text = tool_text(item, "text", tool_text(item, "content", NULL));
    const cJSON *damaged = cJSON_GetObjectItemCaseSensitive(item, "damaged");
    if (!(number >= 1 && number <= PAGES_MOST))
        number = 0;
    struct page page = {.number = (unsigned)number, .text = text ? text : "", .illegible = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "illegible"))};
    page.damaged = cJSON_IsString(damaged) || cJSON_IsTrue(damaged);
    if (!text && !page.damaged)
        return err_set(err, RC_PERM, "page %u of the text has no \"text\"", page.number);
    return add(p, &page, err);
}

/* Pages in one text, a form feed between them. */
static enum rc add_text(struct pages *p, cJSON *json, struct err *err) {
    char *text = cJSON_GetObjectItemCaseSensitive(json, "text")->valuestring;
    enum rc rc = RC_OK;
    for (unsigned number = 1; text && !rc; number++) {
        char *next = strchr(text, '\f');
        if (next)
            *next++ = '\0';
        if (*text || next || number == 1)
            rc = add(p, &(struct page){.number = number, .text = text}, err);
        text = next;
    }
    return rc;
}

/* The content of a chat completion: the text of a page, or an object that has it. */
static enum rc add_completion(struct pages *p, cJSON *completion, unsigned otherwise, struct err *err) {
    struct chat chat;
    cJSON *content = NULL;
    enum rc rc = chat_read(completion, &chat, err);
    if (rc)
        return err_prefix(err, rc, "page %u", otherwise);
    if (chat_extract(chat.content, &content, NULL) == RC_OK && cJSON_IsObject(content) && cJSON_IsString(cJSON_GetObjectItemCaseSensitive(content, "text"))) {
        cJSON_AddItemToObject(completion, "batchspool_page", content);
        return add_object(p, content, otherwise, err);
    }
    cJSON_Delete(content);
    return add(p, &(struct page){.number = otherwise, .text = chat.content}, err);
}

static int compare(const void *a, const void *b) {
    const struct page *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* In order, each once. */
static enum rc settle(struct pages *p, const char *by, struct err *err) {
    if (!p->count)
        return err_set(err, RC_PERM, "the text has no pages");
    qsort(p->list, p->count, sizeof *p->list, compare);
    if (!p->list[0].number)
        return err_set(err, RC_PERM, "the text has a page without a number");
    for (size_t i = 1; i < p->count; i++)
        if (p->list[i].number == p->list[i - 1].number)
            return err_set(err, RC_PERM, "the text has page %u twice", p->list[i].number);
    p->page_count = p->list[p->count - 1].number;
    p->text_by = by;
    return RC_OK;
}

/* As they come, with the numbers that they say or, without, in order. */
static enum rc read_any(cJSON *json, struct pages *p, struct err *err) {
    cJSON *list = cJSON_IsArray(json) ? json : cJSON_GetObjectItemCaseSensitive(json, "pages"), *item;
    enum rc rc = RC_OK;
    unsigned otherwise = 1;
    *p = (struct pages){.list = NULL};
    if (cJSON_IsArray(list)) {
        cJSON_ArrayForEach(item, list) {
            if (!rc)
                rc = cJSON_HasObjectItem(item, "choices") ? add_completion(p, item, otherwise, err) : add_object(p, item, otherwise, err);
            otherwise++;
        }
    } else if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "text")))
        rc = add_text(p, json, err);
    return rc;
}

static void raise_count(struct pages *p, double told) {
    if (told > p->page_count && told <= PAGES_MOST)
        p->page_count = (unsigned)told;
}

enum rc pages_read(cJSON *json, struct pages *p, struct err *err) {
    enum rc rc = read_any(json, p, err);
    if (!rc)
        rc = settle(p, tool_text(json, "text_by", cJSON_IsArray(json) ? "vision" : "service"), err);
    raise_count(p, tool_number(json, "page_count", 0));
    return rc;
}

/* --- what a model has read ---------------------------------------------------------------------------------------------- */

static unsigned page_number(const cJSON *item) {
    double number = tool_number(item, "page", 0);
    return number >= 1 && number <= PAGES_MOST ? (unsigned)number : 0;
}

/* The pages have the numbers of the images, in whose order they are; what a model says of numbers is no matter then. */
static enum rc number_by_images(struct pages *p, const cJSON *shown, struct err *err) {
    const cJSON *image = cJSON_GetObjectItemCaseSensitive(shown, "images"), *out;
    enum rc rc = RC_OK;
    if (cJSON_GetArraySize(image) != (int)p->count)
        return RC_OK;
    image = image->child;
    for (size_t i = 0; image; i++, image = image->next)
        p->list[i].number = page_number(image);
    cJSON_ArrayForEach(out, cJSON_GetObjectItemCaseSensitive(shown, "left_out")) {
        if (!rc)
            rc = add(p, &(struct page){.number = page_number(out), .text = "", .damaged = true}, err);
    }
    return rc;
}

enum rc pages_read_input(cJSON *input, struct pages *p, struct err *err) {
    cJSON *vision = cJSON_GetObjectItemCaseSensitive(input, "vision"), *text = cJSON_GetObjectItemCaseSensitive(input, "text");
    if (!cJSON_IsArray(vision) || !vision->child)
        return pages_read(text, p, err);
    enum rc rc = read_any(vision, p, err);
    if (!rc)
        rc = number_by_images(p, text, err);
    if (!rc)
        rc = settle(p, "vision", err);
    raise_count(p, tool_number(text, "page_count", 0));
    for (size_t i = 0; i < p->count; i++)
        p->list[i].illegible |= strstr(p->list[i].text, "[illegible]") != NULL;
    return rc;
}
