// SPDX-License-Identifier: Apache-2.0
#include "source/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "source/incremental.h"
#include "source/split.h"
#include "source/auth.h"

#define MOST_URL_BYTES 65536u
#define MOST_HEADER_BYTES 65536u
#define MOST_BODY_BYTES (8 * (size_t)LIMIT_JOB_FILE_BYTES)

static enum rc no_memory(struct err *err) {
    return err_set(err, RC_TEMP, "out of memory");
}

/* --- laying over --------------------------------------------------------------------------------------------------- */

/* Take out the members that are null (NULL scope), or name an optional secret that is not there. */
static void leave_out(cJSON *object, const struct template_scope *scope) {
    for (cJSON *member = object->child, *next; member != NULL; member = next) {
        next = member->next;
        if (scope != NULL ? template_lacks(member, scope) : cJSON_IsNull(member)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
        }
    }
}

/* Fill in params or headers, or an empty object. What is null then is not sent. */
static enum rc fill_object(const cJSON *part, const struct template_scope *scope, cJSON **out, struct err *err) {
    cJSON *sent = part != NULL ? cJSON_Duplicate(part, true) : cJSON_CreateObject();
    enum rc rc;

    *out = NULL;
    if (sent == NULL) {
        return no_memory(err);
    }
    leave_out(sent, scope);
    rc = template_json(sent, scope, out, err);
    cJSON_Delete(sent);
    if (rc == RC_OK) {
        leave_out(*out, NULL);
    }
    return rc;
}

/* Put the members of over (taken) into object; names of headers know no case. */
static enum rc lay_over(cJSON *object, cJSON *over, bool any_case, struct err *err) {
    enum rc rc = RC_OK;

    while (over->child != NULL && rc == RC_OK) {
        cJSON *member = cJSON_DetachItemViaPointer(over, over->child);

        if (any_case) {
            cJSON_DeleteItemFromObject(object, member->string);
        } else {
            cJSON_DeleteItemFromObjectCaseSensitive(object, member->string);
        }
        char *name = strdup(member->string);
        if (name == NULL || !cJSON_AddItemToObject(object, name, member)) {
            cJSON_Delete(member);
            rc = no_memory(err);
        }
        free(name);
    }
    cJSON_Delete(over);
    return rc;
}

/* A part of the overlay over the same part of the step. */
static enum rc lay_part(cJSON **part, const cJSON *overlay, const char *name, const struct template_scope *scope, struct err *err) {
    const cJSON *over = cJSON_GetObjectItemCaseSensitive(overlay, name);
    cJSON *filled;
    enum rc rc;

    if (over == NULL) {
        return RC_OK;
    }
    rc = template_json(over, scope, &filled, err);
    if (rc != RC_OK) {
        return rc;
    }
    if (cJSON_IsObject(*part) && cJSON_IsObject(filled)) {
        return lay_over(*part, filled, strcmp(name, "headers") == 0, err);
    }
    cJSON_Delete(*part);
    *part = filled;
    return RC_OK;
}

static enum rc lay_parts(struct placement *parts, const cJSON *overlay, const struct template_scope *scope, struct err *err) {
    enum rc rc = lay_part(&parts->params, overlay, "params", scope, err);

    rc = rc == RC_OK ? lay_part(&parts->headers, overlay, "headers", scope, err) : rc;
    return rc == RC_OK ? lay_part(&parts->json, overlay, "json", scope, err) : rc;
}

/* The free fields in place of those that a purchase would have. */
static enum rc free_fields(const struct source *source, struct placement *parts, struct err *err) {
    if (source->fields_param == NULL) {
        return RC_OK;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(parts->params, source->fields_param);
    return cJSON_AddStringToObject(parts->params, source->fields_param, source->free_fields) != NULL ? RC_OK : no_memory(err);
}

/* What the kind of the request lays over the first step. */
static enum rc lay_kind(const struct source *source, enum request_kind kind, const struct template_scope *scope, struct placement *parts, struct err *err) {
    enum rc rc = RC_OK;

    switch (kind) {
    case REQUEST_FREE:
        return RC_OK;
    case REQUEST_PREVIEW:
        return lay_parts(parts, source->preview, scope, err);
    case REQUEST_LIST:
        rc = lay_parts(parts, source->preview, scope, err);
        rc = rc == RC_OK ? free_fields(source, parts, err) : rc;
        return rc == RC_OK ? lay_parts(parts, source->list, scope, err) : rc;
    case REQUEST_PAID:
        rc = lay_parts(parts, source->purchase, scope, err);
        return rc == RC_OK && scope->item != NULL ? lay_parts(parts, source->by_id, scope, err) : rc;
    }
    return rc;
}

static enum rc fill_parts(const struct source_http *http, const struct template_scope *scope, struct placement *parts, struct err *err) {
    struct buf url = BUF_INIT(MOST_URL_BYTES);
    enum rc rc = template_url(http->url, scope, &url, err);

    if (rc == RC_OK) {
        parts->url = buf_take(&url);
        rc = parts->url != NULL ? RC_OK : no_memory(err);
    }
    buf_release(&url);
    rc = rc == RC_OK ? fill_object(http->params, scope, &parts->params, err) : rc;
    rc = rc == RC_OK ? fill_object(http->headers, scope, &parts->headers, err) : rc;
    return rc == RC_OK && http->json != NULL ? template_json(http->json, scope, &parts->json, err) : rc;
}

/* --- a part of a search -------------------------------------------------------------------------------------------- */

/* Add a value to the end of the array at pointer, which is made when it is missing. */
static enum rc append(cJSON **json, const cJSON *member, const struct template_scope *scope, struct err *err) {
    char pointer[LIMIT_POINTER_BYTES + 3];
    cJSON *value;
    enum rc rc = template_json(member, scope, &value, err);

    if (rc != RC_OK) {
        return rc;
    }
    (void)str_format(pointer, sizeof(pointer), "%s/-", member->string);
    rc = paginator_put_value(json, pointer, value);
    return rc == RC_OK ? RC_OK : rc == RC_TEMP ? no_memory(err) : err_set(err, rc, "split: the body has no array at \"%s\"", member->string);
}

static enum rc place_part(const struct source *source, const struct page *page, const struct template_scope *scope, struct placement *parts, struct err *err) {
    struct template_scope inner = *scope;
    struct split_part part;
    const cJSON *member, *overlay = paginator_option(source, "split");
    cJSON *range;
    enum rc rc;

    if (source->split == NULL || !split_is_token(page->token)) {
        return RC_OK;
    }
    if (!split_parse(source->split, page->token, &part)) {
        return err_set(err, RC_PERM, "the page belongs to a part of the search that the source does not have");
    }
    range = split_range(source->split, part);
    if (range == NULL) {
        return no_memory(err);
    }
    inner.range = range;
    rc = lay_parts(parts, overlay, &inner, err);
    cJSON_ArrayForEach(member, source->split->append) {
        rc = rc == RC_OK ? append(&parts->json, member, &inner, err) : rc;
    }
    cJSON_Delete(range);
    return rc;
}

/* --- URL ----------------------------------------------------------------------------------------------------------- */

/* What a job put into the path must not lead elsewhere. */
static bool has_dot_segment(const char *url) {
    const char *path = strstr(url, "://");

    for (path = path != NULL ? path + 3 : url; *path != '\0' && *path != '?'; path++) {
        size_t length = *path == '/' ? strcspn(path + 1, "/?") : 0;

        if ((length == 1 && path[1] == '.') || (length == 2 && path[1] == '.' && path[2] == '.')) {
            return true;
        }
    }
    return false;
}

static enum rc add_param(const char *name, const cJSON *value, char *before, struct buf *url) {
    struct buf text = BUF_INIT(MOST_URL_BYTES);
    const char *plain = cJSON_GetStringValue(value);
    enum rc rc = plain == NULL ? template_print(value, &text) : RC_OK;

    if (plain == NULL) {
        plain = buf_text(&text);
    }
    rc = rc == RC_OK ? buf_add_char(url, *before) : rc;
    rc = rc == RC_OK ? template_percent(name, strlen(name), url) : rc;
    rc = rc == RC_OK ? buf_add_char(url, '=') : rc;
    rc = rc == RC_OK ? template_percent(plain, strlen(plain), url) : rc;
    *before = '&';
    buf_release(&text);
    return rc;
}

/* A list is the name once for each element; null is left out. */
static enum rc add_params(const cJSON *params, struct buf *url, struct err *err) {
    char before = strchr(buf_text(url), '?') != NULL ? '&' : '?';
    const cJSON *param, *value;

    cJSON_ArrayForEach(param, params) {
        enum rc rc = RC_OK;

        if (cJSON_IsObject(param)) {
            return err_set(err, RC_PERM, "the parameter %s must be text, a number, true, false or a list of them", param->string);
        }
        if (cJSON_IsArray(param)) {
            cJSON_ArrayForEach(value, param) {
                if (cJSON_IsObject(value) || cJSON_IsArray(value)) {
                    return err_set(err, RC_PERM, "the parameter %s has a list with something else than text, numbers, true and false in it", param->string);
                }
                rc = rc == RC_OK && !cJSON_IsNull(value) ? add_param(param->string, value, &before, url) : rc;
            }
        } else if (!cJSON_IsNull(param)) {
            rc = add_param(param->string, param, &before, url);
        }
        if (rc != RC_OK) {
            return rc == RC_TEMP ? no_memory(err) : err_set(err, rc, "the URL is longer than %u bytes", MOST_URL_BYTES);
        }
    }
    return RC_OK;
}

static enum rc make_url(const struct placement *parts, struct request *request, struct err *err) {
    struct buf url = BUF_INIT(MOST_URL_BYTES);
    enum rc rc = buf_add_text(&url, parts->url);

    if (rc != RC_OK) {
        rc = rc == RC_TEMP ? no_memory(err) : err_set(err, rc, "the URL is longer than %u bytes", MOST_URL_BYTES);
    } else if (has_dot_segment(parts->url)) {
        rc = err_set(err, RC_PERM, "the URL would have \".\" or \"..\" in its path");
    }
    rc = rc == RC_OK ? add_params(parts->params, &url, err) : rc;
    if (rc == RC_OK) {
        request->url = buf_take(&url);
        rc = request->url != NULL ? RC_OK : no_memory(err);
    }
    buf_release(&url);
    return rc;
}

/* --- headers and body ---------------------------------------------------------------------------------------------- */

/* The value is never shown: it may be a secret. */
static enum rc header_line(const cJSON *header, char **out, struct err *err) {
    struct buf line = BUF_INIT(MOST_HEADER_BYTES);
    const char *value = cJSON_GetStringValue(header);
    enum rc rc = buf_printf(&line, "%s: ", header->string);

    if (rc == RC_OK) {
        rc = value != NULL ? buf_add_text(&line, value) : cJSON_IsNumber(header) || cJSON_IsBool(header) ? template_print(header, &line) : RC_CORRUPT;
    }
    if (rc != RC_OK) {
        rc = rc == RC_TEMP      ? no_memory(err)
             : rc == RC_CORRUPT ? err_set(err, RC_PERM, "the header %s must be text or a number", header->string)
                                : err_set(err, rc, "the header %s is longer than %u bytes", header->string, MOST_HEADER_BYTES);
    }
    for (const char *at = buf_text(&line); rc == RC_OK && *at != '\0'; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f) {
            rc = err_set(err, RC_PERM, "the value of the header %s has a line break or another control character in it", header->string);
        }
    }
    if (rc == RC_OK) {
        *out = buf_take(&line);
        rc = *out != NULL ? RC_OK : no_memory(err);
    }
    buf_release(&line);
    return rc;
}

static enum rc make_headers(const struct placement *parts, struct request *request, struct err *err) {
    size_t count = 0, room = (size_t)cJSON_GetArraySize(parts->headers) + 2;
    bool has_type = false;
    const cJSON *header;
    enum rc rc = RC_OK;

    request->headers = calloc(room, sizeof(*request->headers));
    if (request->headers == NULL) {
        return no_memory(err);
    }
    cJSON_ArrayForEach(header, parts->headers) {
        has_type = has_type || strcasecmp(header->string, "Content-Type") == 0;
        rc = rc == RC_OK ? header_line(header, &request->headers[count++], err) : rc;
    }
    if (rc == RC_OK && parts->json != NULL && !has_type) {
        request->headers[count] = strdup("Content-Type: application/json");
        rc = request->headers[count] != NULL ? RC_OK : no_memory(err);
    }
    return rc;
}

static enum rc make_body(const struct placement *parts, struct request *request, struct err *err) {
    struct buf body = BUF_INIT(MOST_BODY_BYTES);
    enum rc rc;

    if (parts->json == NULL) {
        return RC_OK;
    }
    rc = template_print(parts->json, &body);
    if (rc == RC_OK) {
        request->body_length = body.length;
        request->body = buf_take(&body);
        rc = request->body != NULL ? RC_OK : RC_TEMP;
    }
    buf_release(&body);
    return rc == RC_OK ? RC_OK : rc == RC_TEMP ? no_memory(err) : err_set(err, rc, "the body is longer than %zu bytes or nested too deep", MOST_BODY_BYTES);
}

/* The parts (taken), which were filled with result rc, into a request. */
static enum rc make(const struct source *source, const struct source_http *http, const struct template_scope *scope, enum rc rc, struct placement *parts,
                    struct request *request, struct err *err) {
    *request = (struct request){.url = NULL};
    rc = rc == RC_OK ? auth_apply(source, scope, parts->params, parts->headers, err) : rc;
    if (rc == RC_OK && !str_copy(request->method, sizeof(request->method), http->method)) {
        rc = err_set(err, RC_PERM, "the method is too long");
    }
    rc = rc == RC_OK ? make_url(parts, request, err) : rc;
    rc = rc == RC_OK ? make_headers(parts, request, err) : rc;
    rc = rc == RC_OK ? make_body(parts, request, err) : rc;
    free(parts->url);
    cJSON_Delete(parts->params);
    cJSON_Delete(parts->headers);
    cJSON_Delete(parts->json);
    if (rc != RC_OK) {
        request_release(request);
    }
    return rc;
}

enum rc request_make(const struct source *source, unsigned step, unsigned way, enum request_kind kind, const struct page *page,
                     const struct template_scope *scope, struct request *request, struct err *err) {
    const struct source_http *http = &source->steps[step].ways[way].http;
    const bool last = step + 1 == source->step_count;
    struct placement parts = {0};
    enum rc rc = fill_parts(http, scope, &parts, err);

    rc = rc == RC_OK && step == 0 ? lay_kind(source, kind, scope, &parts, err) : rc;
    if (rc == RC_OK && last && incremental_place(source, scope->start_value, &parts) != RC_OK) {
        rc = err_set(err, RC_PERM, "incremental: the value to begin at has no place in the request");
    }
    if (rc == RC_OK && last && page != NULL) {
        rc = place_part(source, page, scope, &parts, err);
    }
    if (rc == RC_OK && last && page != NULL) {
        rc = paginator_place(source, page, &parts, err);
    }
    return make(source, http, scope, rc, &parts, request, err);
}

enum rc request_suggest(const struct source *source, const struct source_suggest *field, const struct template_scope *scope, struct request *request,
                        struct err *err) {
    struct placement parts = {0};
    enum rc rc = fill_parts(&field->http, scope, &parts, err);

    return make(source, &field->http, scope, rc, &parts, request, err);
}

/* A page with a URL of its own has it as its token. */
static bool is_url(const char *token) {
    return str_starts(token, "https://") || str_starts(token, "http://");
}

static const char *no_secret(void *context, const char *name) {
    (void)context;
    (void)name;
    return "-";
}

enum rc request_base(const struct source *source, const struct page *page, const cJSON *job, char **url, struct err *err) {
    const struct template_scope scope = {.job = job, .secret = no_secret};
    struct buf text = BUF_INIT(MOST_URL_BYTES);
    enum rc rc =
        is_url(page->token) ? buf_add_text(&text, page->token) : template_url(source->steps[source->step_count - 1].ways[0].http.url, &scope, &text, err);

    *url = NULL;
    if (rc == RC_OK) {
        *url = buf_take(&text);
        rc = *url != NULL ? RC_OK : no_memory(err);
    }
    buf_release(&text);
    return rc;
}

enum rc request_first_url(const struct source *source, const struct page *page, const cJSON *job, const char *start_value, char **url, struct err *err) {
    const struct template_scope scope = {.job = job, .secret = no_secret, .start_value = start_value};
    struct request request;
    enum rc rc = request_make(source, source->step_count - 1, 0, REQUEST_FREE, page, &scope, &request, err);

    *url = NULL;
    if (rc == RC_OK) {
        *url = request.url;
        request.url = NULL;
        request_release(&request);
    }
    return rc;
}

void request_release(struct request *request) {
    for (char **header = request->headers; header != NULL && *header != NULL; header++) {
        free(*header);
    }
    free(request->headers);
    free(request->url);
    free(request->body);
    *request = (struct request){.url = NULL};
}
