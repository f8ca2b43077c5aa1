// SPDX-License-Identifier: Apache-2.0
#include "source/cassette.h"

#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"

#define MOST_SHOWN 300

/* --- base64 (RFC 4648) ---------------------------------------------------------------------------------------------- */

static enum rc add_base64(struct slice bytes, struct buf *out) {
    enum rc rc = bytes.length <= INT_MAX / 2 ? buf_reserve(out, (bytes.length + 2) / 3 * 4) : RC_PERM;

    if (rc == RC_OK) {
        out->length += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->length, (const unsigned char *)bytes.data, (int)bytes.length);
    }
    return rc;
}

/* EVP_DecodeBlock passes over blanks, takes a = anywhere, and counts it as a byte. */
static bool take_base64(struct slice text, struct buf *out) {
    size_t pads = 0, whole = text.length / 4 * 3;

    while (pads < 2 && pads < text.length && text.data[text.length - 1 - pads] == '=') {
        pads++;
    }
    if (text.length % 4 != 0 || text.length > INT_MAX || memchr(text.data, '=', text.length - pads) != NULL || buf_reserve(out, whole) != RC_OK ||
        EVP_DecodeBlock((unsigned char *)out->data + out->length, (const unsigned char *)text.data, (int)text.length) != (int)whole) {
        return false;
    }
    out->length += whole - pads;
    out->data[out->length] = '\0';
    return true;
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

const char *cassette_secret(void *context, const char *name) {
    struct cassette_mask *mask = context;

    return str_format(mask->text, sizeof(mask->text), "${secret:%s}", name) ? mask->text : NULL;
}

/* A URL with the secrets' templates as they are written in a definition. */
static enum rc add_url(const char *url, struct buf *out) {
    static const char begin[] = "%24%7Bsecret%3A";
    enum rc rc = RC_OK;

    while (rc == RC_OK && *url != '\0') {
        const char *end = str_starts(url, begin) ? strstr(url, "%7D") : NULL;

        if (end != NULL) {
            rc = buf_printf(out, "${secret:%.*s}", (int)(end - url - (ptrdiff_t)strlen(begin)), url + strlen(begin));
            url = end + 3;
        } else {
            rc = buf_add_char(out, *url++);
        }
    }
    return rc;
}

static cJSON *request_json(const struct request *request) {
    struct buf url = BUF_INIT(CASSETTE_REQUEST_BYTES);
    cJSON *json = cJSON_CreateObject(), *headers = cJSON_AddArrayToObject(json, "headers");
    bool good = headers != NULL && add_url(request->url, &url) == RC_OK && cJSON_AddStringToObject(json, "method", request->method) != NULL &&
                cJSON_AddStringToObject(json, "url", buf_text(&url)) != NULL;

    for (char *const *header = request->headers; good && header != NULL && *header != NULL; header++) {
        good = cJSON_AddItemToArray(headers, cJSON_CreateString(*header));
    }
    good = good && (request->body == NULL || cJSON_AddStringToObject(json, "body", request->body) != NULL);
    buf_release(&url);
    if (!good) {
        cJSON_Delete(json);
    }
    return good ? json : NULL;
}

enum rc cassette_request(const struct request *request, struct buf *out) {
    cJSON *json = request_json(request);
    char *text = json != NULL ? cJSON_PrintUnformatted(json) : NULL;
    enum rc rc = text != NULL ? json_canonical(slice_of(text), out) : RC_TEMP;

    cJSON_free(text);
    cJSON_Delete(json);
    return rc;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

static enum rc add_json(const cJSON *json, struct buf *out) {
    return json != NULL ? template_print(json, out) : buf_add_text(out, "{}");
}

enum rc cassette_write_head(struct buf *out, const char *source, uint64_t total, const cJSON *parts, const cJSON *job) {
    enum rc rc = buf_printf(out, "{\"cassette\":1,\"source\":\"%s\",", source);

    rc = rc == RC_OK && total != UINT64_MAX ? buf_printf(out, "\"total\":%" PRIu64 ",", total) : rc;
    if (rc == RC_OK && cJSON_GetArraySize(parts) > 0) {
        rc = buf_add_text(out, "\"parts\":");
        rc = rc == RC_OK ? template_print(parts, out) : rc;
        rc = rc == RC_OK ? buf_add_char(out, ',') : rc;
    }
    rc = rc == RC_OK ? buf_add_text(out, "\"job\":") : rc;
    rc = rc == RC_OK ? add_json(job, out) : rc;
    return rc == RC_OK ? buf_add_text(out, "}\n") : rc;
}

enum rc cassette_write_page(struct buf *out, uint32_t batch, bool paid, const char *request, int status, const cJSON *headers, struct slice body) {
    const bool text = str_is_utf8(body.data, body.length);
    enum rc rc = buf_printf(out, "{\"batch\":%" PRIu32 ",\"paid\":%s,\"request\":", batch, paid ? "true" : "false");

    rc = rc == RC_OK ? buf_add_text(out, request) : rc;
    rc = rc == RC_OK ? buf_printf(out, ",\"status\":%d,\"headers\":", status) : rc;
    rc = rc == RC_OK ? add_json(headers, out) : rc;
    rc = rc == RC_OK ? buf_add_text(out, text ? ",\"body\":" : ",\"base64\":\"") : rc;
    if (rc == RC_OK) {
        rc = text ? json_quote(body, out) : add_base64(body, out);
    }
    return rc == RC_OK ? buf_add_text(out, text ? "}\n" : "\"}\n") : rc;
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* An object, or a list. */
static cJSON *object_at(struct slice line, const char *pointer, bool list) {
    struct slice value;

    if (!json_find(line, pointer, &value) || json_type(value) != (list ? JSON_ARRAY : JSON_OBJECT)) {
        return NULL;
    }
    return cJSON_ParseWithLength(value.data, value.length);
}

static bool number_at(struct slice line, const char *pointer, uint64_t most, uint64_t *out) {
    struct slice value;

    return json_find(line, pointer, &value) && json_to_u64(value, false, out) && *out <= most;
}

static enum rc read_head(struct slice line, struct cassette *c, struct err *err) {
    struct buf name = BUF_INIT(sizeof(c->source) - 1);
    struct slice value;
    uint64_t version;
    bool named;

    if (!number_at(line, "/cassette", 1, &version) || version != 1) {
        return err_set(err, RC_PERM, "is no cassette of version 1");
    }
    named = json_find(line, "/source", &value) && json_decode_string(value, &name) == RC_OK && str_is_name(buf_text(&name)) &&
            str_copy(c->source, sizeof(c->source), buf_text(&name));
    buf_release(&name);
    c->job = object_at(line, "/job", false);
    c->parts = object_at(line, "/parts", true);
    c->total = UINT64_MAX;
    (void)number_at(line, "/total", UINT64_MAX - 1, &c->total);
    return named && c->job != NULL ? RC_OK : err_set(err, RC_PERM, "has no source or no job");
}

static enum rc read_body(struct slice line, struct cassette_page *page, struct err *err) {
    struct buf body = BUF_INIT(CASSETTE_MOST_BYTES);
    struct slice value;
    bool good = false;

    if (json_find(line, "/body", &value)) {
        good = json_decode_string(value, &body) == RC_OK;
    } else if (json_find(line, "/base64", &value) && json_type(value) == JSON_STRING) {
        good = take_base64((struct slice){.data = value.data + 1, .length = value.length - 2}, &body);
    }
    page->body_length = body.length;
    page->body = good ? buf_take(&body) : NULL;
    buf_release(&body);
    return page->body != NULL ? RC_OK : err_set(err, RC_PERM, "has no body that can be read");
}

static enum rc read_fields(struct slice line, struct cassette_page *page, struct err *err) {
    cJSON *headers = object_at(line, "/headers", false);
    const cJSON *header;
    bool good = true;

    cJSON_ArrayForEach(header, headers) {
        good = good && cJSON_IsString(header) && fields_add(&page->fields, header->string, header->valuestring, strlen(header->valuestring));
    }
    cJSON_Delete(headers);
    return good ? RC_OK : err_set(err, RC_PERM, "has headers that are no texts, or too many");
}

static enum rc read_page(struct slice line, struct cassette_page *page, struct err *err) {
    struct buf request = BUF_INIT(CASSETTE_REQUEST_BYTES);
    struct slice value;
    uint64_t number, status;
    enum rc rc = RC_OK;

    if (!number_at(line, "/batch", LIMIT_BATCHES, &number) || !number_at(line, "/status", 599, &status) || !json_find(line, "/request", &value) ||
        json_type(value) != JSON_OBJECT) {
        return err_set(err, RC_PERM, "is no page: it needs batch, request, status, body");
    }
    page->batch = (uint32_t)number;
    page->status = (int)status;
    page->paid = json_find(line, "/paid", &line) && json_type(line) == JSON_TRUE;
    rc = json_canonical(value, &request);
    page->request = rc == RC_OK ? buf_take(&request) : NULL;
    buf_release(&request);
    return page->request != NULL ? RC_OK : err_set(err, RC_TEMP, "out of memory, or its request is too long");
}

static enum rc read_line(struct slice line, struct cassette *c, size_t number, struct err *err) {
    struct cassette_page *page;
    enum rc rc = json_check(line.data, line.length, &json_rules_payload, err);

    if (rc != RC_OK || number == 1) {
        return rc == RC_OK ? read_head(line, c, err) : rc;
    }
    if (c->page_count == LIMIT_BATCHES) {
        return err_set(err, RC_PERM, "is one page too many");
    }
    page = realloc(c->pages, (c->page_count + 1) * sizeof(*c->pages));
    if (page == NULL) {
        return err_set(err, RC_TEMP, "out of memory");
    }
    c->pages = page;
    page += c->page_count++;
    *page = (struct cassette_page){.batch = 0};
    rc = read_page(line, page, err);
    rc = rc == RC_OK ? read_fields(line, page, err) : rc;
    return rc == RC_OK ? read_body(line, page, err) : rc;
}

enum rc cassette_read(const char *text, size_t length, struct cassette **cassette, struct err *err) {
    struct cassette *c = calloc(1, sizeof(*c));
    const char *end = text + length;
    enum rc rc = c != NULL ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    size_t number = 0;

    *cassette = NULL;
    while (rc == RC_OK && text < end) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        struct slice line = {.data = text, .length = (size_t)((feed != NULL ? feed : end) - text)};

        if (line.length > 0) {
            rc = read_line(line, c, ++number, err);
        }
        if (rc != RC_OK) {
            (void)err_prefix(err, rc, "page %zu", number - 1);
        }
        text = feed != NULL ? feed + 1 : end;
    }
    if (rc == RC_OK && number == 0) {
        rc = err_set(err, RC_PERM, "is empty");
    }
    if (rc != RC_OK) {
        cassette_free(c);
        return rc;
    }
    *cassette = c;
    return RC_OK;
}

void cassette_free(struct cassette *cassette) {
    if (cassette == NULL) {
        return;
    }
    for (size_t i = 0; i < cassette->page_count; i++) {
        free(cassette->pages[i].request);
        free(cassette->pages[i].body);
        fields_release(&cassette->pages[i].fields);
    }
    free(cassette->pages);
    cJSON_Delete(cassette->job);
    cJSON_Delete(cassette->parts);
    free(cassette);
}

/* --- looking up ---------------------------------------------------------------------------------------------------- */

struct cassette_page *cassette_find(struct cassette *cassette, const char *request) {
    struct cassette_page *found = NULL;

    for (size_t i = 0; i < cassette->page_count && (found == NULL || found->used); i++) {
        if (strcmp(cassette->pages[i].request, request) == 0) {
            found = &cassette->pages[i];
        }
    }
    return found;
}

static const char *const parts[] = {"/method", "/url", "/headers", "/body"};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

static struct slice part_of(const char *request, size_t part) {
    struct slice value;

    return json_find(slice_of(request), parts[part], &value) ? value : slice_of("");
}

static size_t common(struct slice a, struct slice b) {
    size_t length = 0;

    while (length < a.length && length < b.length && a.data[length] == b.data[length]) {
        length++;
    }
    return length;
}

static bool is_same(struct slice a, struct slice b) {
    return a.length == b.length && common(a, b) == a.length;
}

/* Equal parts first, then how far the others are alike. */
static uint64_t likeness(const char *a, const char *b) {
    uint64_t alike = 0, length = 0;

    for (size_t i = 0; i < PART_COUNT; i++) {
        struct slice one = part_of(a, i), other = part_of(b, i);

        alike += is_same(one, other);
        length += common(one, other);
    }
    return alike << 40 | length;
}

/* From a little before the first byte that differs. */
static void show(struct slice text, size_t from, char out[MOST_SHOWN]) {
    size_t start = from > 60 ? from - 60 : 0;
    char *to = out;

    while (start > 0 && start < text.length && ((unsigned char)text.data[start] & 0xc0) == 0x80) {
        start--;
    }
    if (start > 0) {
        memcpy(out, "...", 3);
        to += 3;
    }
    (void)str_printable(to, MOST_SHOWN - 3, start < text.length ? text.data + start : "", start < text.length ? text.length - start : 0);
    if (text.length == 0) {
        (void)str_copy(out, MOST_SHOWN, "none");
    }
}

const struct cassette_page *cassette_nearest(const struct cassette *cassette, const char *request, char *differs, size_t size) {
    const struct cassette_page *nearest = NULL;
    struct buf text = BUF_INIT(4 * (2 * MOST_SHOWN + 40));
    uint64_t best = 0;

    for (size_t i = 0; i < cassette->page_count; i++) {
        uint64_t like = likeness(request, cassette->pages[i].request) + 1;

        if (like > best) {
            best = like;
            nearest = &cassette->pages[i];
        }
    }
    for (size_t i = 0; nearest != NULL && i < PART_COUNT; i++) {
        struct slice one = part_of(request, i), other = part_of(nearest->request, i);
        char here[MOST_SHOWN], there[MOST_SHOWN];

        if (!is_same(one, other)) {
            show(one, common(one, other), here);
            show(other, common(one, other), there);
            (void)buf_printf(&text, "%s%s: %s, recorded: %s", text.length > 0 ? "; " : "", parts[i] + 1, here, there);
        }
    }
    (void)str_printable(differs, size, buf_text(&text), text.length);
    buf_release(&text);
    return nearest;
}
