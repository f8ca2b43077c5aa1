// SPDX-License-Identifier: Apache-2.0
#include "source/cassette.h"

#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"

#define LONG_INPUT 400u /* bytes of a member of a program's input */
#define MOST_DOCUMENTS 10000u
#define MOST_WORDS 1024u

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

static cJSON *request_json(const struct request *request, const char *document) {
    struct buf url = BUF_INIT(CASSETTE_REQUEST_BYTES);
    cJSON *json = cJSON_CreateObject(), *headers = cJSON_AddArrayToObject(json, "headers");
    bool good = headers != NULL && add_url(request->url, &url) == RC_OK && cJSON_AddStringToObject(json, "method", request->method) != NULL &&
                cJSON_AddStringToObject(json, "url", buf_text(&url)) != NULL;

    for (char *const *header = request->headers; good && header != NULL && *header != NULL; header++) {
        good = cJSON_AddItemToArray(headers, cJSON_CreateString(*header));
    }
    good = good && (request->body == NULL || cJSON_AddStringToObject(json, "body", request->body) != NULL);
    good = good && (document == NULL || cJSON_AddStringToObject(json, "document", document) != NULL);
    buf_release(&url);
    if (!good) {
        cJSON_Delete(json);
    }
    return good ? json : NULL;
}

static enum rc put_canonical(cJSON *json, struct buf *out) {
    char *text = json != NULL ? cJSON_PrintUnformatted(json) : NULL;
    enum rc rc = text != NULL ? json_canonical(slice_of(text), out) : RC_TEMP;

    cJSON_free(text);
    cJSON_Delete(json);
    return rc;
}

enum rc cassette_request(const struct request *request, const char *document, struct buf *out) {
    return put_canonical(request_json(request, document), out);
}

/* What is long would be in the cassette twice: it is mostly an earlier answer. */
static cJSON *input_json(struct slice value) {
    char sha256[DIGEST_HEX_SIZE];
    cJSON *json;

    if (value.length <= LONG_INPUT) {
        return cJSON_ParseWithLength(value.data, value.length);
    }
    digest_of_hex(value.data, value.length, sha256);
    json = cJSON_CreateObject();
    if (cJSON_AddNumberToObject(json, "bytes", (double)value.length) == NULL || cJSON_AddStringToObject(json, "sha256", sha256) == NULL) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

static bool add_inputs(cJSON *json, struct slice input) {
    struct buf name = BUF_INIT(LIMIT_JOB_FILE_BYTES);
    cJSON *members = cJSON_AddObjectToObject(json, "stdin");
    struct json_iter iter;
    struct slice key, value;
    bool good = members != NULL && json_iter_init(&iter, input);

    while (good && json_iter_next(&iter, &key, &value)) {
        cJSON *member = input_json(value);

        buf_reset(&name);
        good = member != NULL && json_decode_string((struct slice){.data = key.data - 1, .length = key.length + 2}, &name) == RC_OK &&
               cJSON_AddItemToObject(members, buf_text(&name), member);
    }
    buf_release(&name);
    return good;
}

enum rc cassette_program(char *const *command, struct slice input, const char *document, struct buf *out) {
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "command");
    bool good = list != NULL && (document == NULL || cJSON_AddStringToObject(json, "document", document) != NULL);

    for (; good && *command != NULL; command++) {
        good = cJSON_AddItemToArray(list, cJSON_CreateString(*command));
    }
    if (good && json_type(input) == JSON_OBJECT) {
        good = add_inputs(json, input);
    } else if (good && input.length > 0) {
        good = cJSON_AddItemToObject(json, "stdin", input_json(input));
    }
    if (!good) {
        cJSON_Delete(json);
        return RC_TEMP;
    }
    return put_canonical(json, out);
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

static enum rc add_json(const cJSON *json, struct buf *out) {
    return json != NULL ? template_print(json, out) : buf_add_text(out, "{}");
}

enum rc cassette_write_head(struct buf *out, const char *source, const char *job_id, uint64_t total, const cJSON *parts, const cJSON *job) {
    enum rc rc = buf_printf(out, "{\"cassette\":%d,\"source\":\"%s\",", job_id != NULL ? 2 : 1, source);

    rc = rc == RC_OK && job_id != NULL ? buf_printf(out, "\"job_id\":\"%s\",", job_id) : rc;
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

static const char *const end_names[] = {"captured", "failed", "other_way", "in_doubt"}; /* as enum cassette_end */

static enum rc add_text(const char *name, const char *text, struct buf *out) {
    enum rc rc = text != NULL ? buf_printf(out, "\"%s\":", name) : RC_OK;

    rc = rc == RC_OK && text != NULL ? json_quote(slice_of(text), out) : rc;
    return rc == RC_OK && text != NULL ? buf_add_char(out, ',') : rc;
}

static enum rc add_number(const char *name, uint64_t number, uint64_t usual, struct buf *out) {
    return number != usual ? buf_printf(out, "\"%s\":%" PRIu64 ",", name, number) : RC_OK;
}

/* What lines of version 1 do not have. */
static enum rc add_step(const struct cassette_page *line, struct buf *out) {
    char at[CLOCK_RFC3339_SIZE] = "";
    enum rc rc;

    if (line->cached_us != 0) {
        clock_format_rfc3339(line->cached_us, 6, at);
    }
    rc = add_text("step", line->step, out);
    rc = rc == RC_OK ? add_number("part", line->part, 0, out) : rc;
    rc = rc == RC_OK ? add_number("way", line->way, 0, out) : rc;
    rc = rc == RC_OK ? add_number("attempt", line->attempt, 1, out) : rc;
    rc = rc == RC_OK ? add_text("end", line->end != CASSETTE_CAPTURED ? end_names[line->end] : NULL, out) : rc;
    rc = rc == RC_OK ? add_text("reason", line->reason, out) : rc;
    rc = rc == RC_OK ? add_text("error", line->error, out) : rc;
    return rc == RC_OK ? add_text("cached_at", at[0] != '\0' ? at : NULL, out) : rc;
}

static enum rc add_body(struct slice body, struct buf *out) {
    const bool text = str_is_utf8(body.data, body.length);
    enum rc rc = buf_add_text(out, text ? ",\"body\":" : ",\"base64\":\"");

    if (rc == RC_OK) {
        rc = text ? json_quote(body, out) : add_base64(body, out);
    }
    return rc == RC_OK && !text ? buf_add_char(out, '"') : rc;
}

enum rc cassette_write_page(struct buf *out, const struct cassette_page *line, const cJSON *headers) {
    enum rc rc = buf_printf(out, "{\"batch\":%" PRIu32 ",", line->batch);

    rc = rc == RC_OK && line->attempt > 0 ? add_step(line, out) : rc;
    rc = rc == RC_OK ? buf_printf(out, "\"paid\":%s,\"request\":", line->paid ? "true" : "false") : rc;
    rc = rc == RC_OK ? buf_add_text(out, line->request != NULL ? line->request : "{}") : rc;
    rc = rc == RC_OK ? buf_printf(out, ",\"status\":%d,\"headers\":", line->status) : rc;
    rc = rc == RC_OK ? add_json(headers, out) : rc;
    rc = rc == RC_OK && line->body != NULL ? add_body((struct slice){.data = line->body, .length = line->body_length}, out) : rc;
    return rc == RC_OK ? buf_add_text(out, "}\n") : rc;
}

enum rc cassette_write_document(struct buf *out, const char *sha256, struct slice bytes) {
    enum rc rc = buf_printf(out, "{\"document\":\"%s\",\"base64\":\"", sha256);

    rc = rc == RC_OK ? add_base64(bytes, out) : rc;
    return rc == RC_OK ? buf_add_text(out, "\"}\n") : rc;
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

/* A text of at most size - 1 bytes; false: none, or a longer one. */
static bool text_at(struct slice line, const char *pointer, char *out, size_t size) {
    struct buf text = BUF_INIT(size - 1);
    struct slice value;
    bool found = json_find(line, pointer, &value) && json_decode_string(value, &text) == RC_OK && memchr(buf_text(&text), '\0', text.length) == NULL &&
                 str_copy(out, size, buf_text(&text));

    buf_release(&text);
    return found;
}

static enum rc read_head(struct slice line, struct cassette *c, struct err *err) {
    uint64_t version;
    bool named;

    if (!number_at(line, "/cassette", 2, &version) || version == 0) {
        return err_set(err, RC_PERM, "is no cassette of version 1 or 2");
    }
    c->steps = version == 2;
    named = text_at(line, "/source", c->source, sizeof(c->source)) && str_is_name(c->source) &&
            (!c->steps || (text_at(line, "/job_id", c->job_id, sizeof(c->job_id)) && str_is_name(c->job_id)));
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

    if (page->attempt > 0 && page->end != CASSETTE_CAPTURED && !json_find(line, "/body", &value) && !json_find(line, "/base64", &value)) {
        return RC_OK;
    }
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

static char *words_at(struct slice line, const char *pointer) {
    char text[MOST_WORDS];

    return text_at(line, pointer, text, sizeof(text)) ? strdup(text) : NULL;
}

/* A number that is left out where it is the usual one. */
static bool usual_at(struct slice line, const char *pointer, uint64_t usual, uint64_t most, uint64_t *out) {
    struct slice value;

    *out = usual;
    return !json_find(line, pointer, &value) || number_at(line, pointer, most, out);
}

static enum rc read_step(struct slice line, struct cassette_page *page, struct err *err) {
    uint64_t part, way, attempt;
    char text[64] = "";
    unsigned end = CASSETTE_CAPTURED;

    if (!text_at(line, "/step", page->step, sizeof(page->step)) || !usual_at(line, "/part", 0, SOURCE_MAX_PARTS, &part) ||
        !usual_at(line, "/way", 0, SOURCE_MAX_WAYS - 1, &way) || !usual_at(line, "/attempt", 1, LIMIT_BATCHES, &attempt) || attempt == 0) {
        return err_set(err, RC_PERM, "is no step: it needs step, and part, way and attempt must be numbers");
    }
    if (text_at(line, "/end", text, sizeof(text))) {
        while (end < CASSETTE_ENDS && strcmp(text, end_names[end]) != 0) {
            end++;
        }
    }
    if (end == CASSETTE_ENDS || (text_at(line, "/cached_at", text, sizeof(text)) && !clock_parse_rfc3339(text, &page->cached_us))) {
        return err_set(err, RC_PERM, "has an end or a cached_at that is none");
    }
    page->part = (uint32_t)part;
    page->way = (unsigned)way;
    page->attempt = (unsigned)attempt;
    page->end = (enum cassette_end)end;
    page->reason = words_at(line, "/reason");
    page->error = words_at(line, "/error");
    return RC_OK;
}

static enum rc read_document(struct slice line, struct cassette *c, struct err *err) {
    struct buf bytes = BUF_INIT(CASSETTE_MOST_BYTES);
    char found[DIGEST_HEX_SIZE];
    struct slice value;
    struct cassette_document *all, one = {.bytes = NULL};

    if (c->document_count == MOST_DOCUMENTS || !text_at(line, "/document", one.sha256, sizeof(one.sha256)) || !json_find(line, "/base64", &value) ||
        json_type(value) != JSON_STRING || !take_base64((struct slice){.data = value.data + 1, .length = value.length - 2}, &bytes)) {
        buf_release(&bytes);
        return err_set(err, RC_PERM, "is no document that can be read, or one too many");
    }
    digest_of_hex(buf_text(&bytes), bytes.length, found);
    one.length = bytes.length;
    one.bytes = buf_take(&bytes);
    buf_release(&bytes);
    all = one.bytes != NULL ? realloc(c->documents, (c->document_count + 1) * sizeof(*all)) : NULL;
    if (all == NULL || strcmp(found, one.sha256) != 0) {
        c->documents = all != NULL ? all : c->documents;
        free(one.bytes);
        return all == NULL ? err_set(err, RC_TEMP, "out of memory") : err_set(err, RC_PERM, "has a document that is not what its sum says");
    }
    c->documents = all;
    c->documents[c->document_count++] = one;
    return RC_OK;
}

static enum rc read_line(struct slice line, struct cassette *c, size_t number, struct err *err) {
    struct cassette_page *page;
    struct slice value;
    enum rc rc = json_check(line.data, line.length, &json_rules_payload, err);

    if (rc != RC_OK || number == 1) {
        return rc == RC_OK ? read_head(line, c, err) : rc;
    }
    if (c->steps && json_find(line, "/document", &value)) {
        return read_document(line, c, err);
    }
    if (c->page_count == (c->steps ? CASSETTE_MOST_LINES : LIMIT_BATCHES)) {
        return err_set(err, RC_PERM, "is one page too many");
    }
    if ((c->page_count & (c->page_count - 1)) == 0) { /* room for twice as many */
        page = realloc(c->pages, (c->page_count > 0 ? 2 * c->page_count : 1) * sizeof(*c->pages));
        if (page == NULL) {
            return err_set(err, RC_TEMP, "out of memory");
        }
        c->pages = page;
    }
    page = &c->pages[c->page_count++];
    *page = (struct cassette_page){.batch = 0};
    rc = c->steps ? read_step(line, page, err) : RC_OK;
    rc = rc == RC_OK ? read_page(line, page, err) : rc;
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
        free(cassette->pages[i].reason);
        free(cassette->pages[i].error);
        fields_release(&cassette->pages[i].fields);
    }
    for (size_t i = 0; i < cassette->document_count; i++) {
        free(cassette->documents[i].bytes);
    }
    free(cassette->documents);
    free(cassette->pages);
    cJSON_Delete(cassette->job);
    cJSON_Delete(cassette->parts);
    free(cassette);
}
