// SPDX-License-Identifier: Apache-2.0
#include "source/source_parts.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "source/split.h"

/* Steps of a source: what is sent where (DESIGN 5). */

/* --- URL ----------------------------------------------------------------------------------------------------------- */

static bool is_loopback(const char *host) {
    struct in_addr four;
    struct in6_addr six;

    if (strcasecmp(host, "localhost") == 0) {
        return true;
    }
    if (inet_pton(AF_INET, host, &four) == 1) {
        return ntohl(four.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

/* "host", "host:port" or "[IPv6]:port": host without brackets. False when it is none. */
static bool split_authority(const char *authority, size_t length, char *host, size_t size) {
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    bool six = length > 0 && authority[0] == '[';
    const char *from = authority + six, *end = authority + length, *stop;
    char port[8];
    uint64_t number;

    stop = memchr(from, six ? ']' : ':', (size_t)(end - from));
    if (stop == NULL && six) {
        return false;
    }
    stop = stop != NULL ? stop : end;
    if (!str_format(host, size, "%.*s", (int)(stop - from), from) || host[0] == '\0') {
        return false;
    }
    if (!six && strspn(host, name) != strlen(host)) {
        return false;
    }
    if (six && inet_pton(AF_INET6, host, &(struct in6_addr){0}) != 1) {
        return false;
    }
    stop += six;
    return stop == end || (*stop == ':' && str_format(port, sizeof(port), "%.*s", (int)(end - stop - 1), stop + 1) && str_to_u64(port, 1, 65535, &number));
}

/* What stands in a URL as it is; templates are left out. */
static bool url_characters(const char *url) {
    for (; *url != '\0'; url++) {
        if (strncmp(url, "$${", 3) == 0) {
            return false;
        }
        if (strncmp(url, "${", 2) == 0) {
            url = strchr(url, '}');
        } else if (*url <= ' ' || *url >= 0x7f || strchr("\"<>\\^`{|}#", *url) != NULL) {
            return false;
        }
    }
    return true;
}

static void check_url(struct check *check, const char *url, bool allow_http) {
    struct err err = {0};
    char host[256];
    bool secure = str_starts(url, "https://");
    const char *authority;

    if (template_check(url, &err) != RC_OK) {
        (void)check_fail(check, "url", "%s", err.text);
    } else if (!secure && !str_starts(url, "http://")) {
        (void)check_fail(check, "url", "must begin with https://");
    } else if (!url_characters(url)) {
        (void)check_fail(check, "url", "has a blank, a fragment or a character that must be percent-encoded");
    } else {
        authority = url + (secure ? 8 : 7);
        if (!split_authority(authority, strcspn(authority, "/?"), host, sizeof(host))) {
            (void)check_fail(check, "url", "the host must be written out: a name or address, and :port when it is not the usual one");
        } else if (!secure && !allow_http && !is_loopback(host)) {
            (void)check_fail(check, "url", "must begin with https:// (http:// is for this host itself, or with \"allow_http\": true)");
        }
    }
}

/* --- params, headers, body ----------------------------------------------------------------------------------------- */

static void check_params(struct check *check, const cJSON *params) {
    const cJSON *param, *value;
    size_t mark;

    if (params == NULL || check->rc != RC_OK) {
        return;
    }
    if (!cJSON_IsObject(params)) {
        (void)check_fail(check, "params", "must be an object of names and values");
        return;
    }
    mark = check_enter(check, "params", 0);
    cJSON_ArrayForEach(param, params) {
        if (cJSON_IsObject(param)) {
            (void)check_fail(check, param->string, "must be text, a number, true, false or a list of them");
        }
        cJSON_ArrayForEach(value, param) {
            if (cJSON_IsObject(value) || cJSON_IsArray(value)) {
                (void)check_fail(check, param->string, "a list may have text, numbers, true and false in it");
            }
        }
    }
    check_leave(check, mark);
}

static void check_one_header(struct check *check, const cJSON *headers, const cJSON *header) {
    const cJSON *other;

    check_header_name(check, header->string, header->string, true);
    if (!cJSON_IsString(header) && !cJSON_IsNumber(header)) {
        (void)check_fail(check, header->string, "must be text or a number");
    } else if (cJSON_IsString(header) && strpbrk(header->valuestring, "\r\n") != NULL) {
        (void)check_fail(check, header->string, "has a line break");
    }
    cJSON_ArrayForEach(other, headers) {
        if (other != header && strcasecmp(other->string, header->string) == 0) {
            (void)check_fail(check, header->string, "is given twice");
        }
    }
}

void source_check_overlay(struct check *check, const cJSON *object) {
    static const char *const parts[] = {"params", "headers", "json"};
    const cJSON *headers = cJSON_GetObjectItemCaseSensitive(object, "headers"), *header;
    struct err err = {0};

    check_params(check, cJSON_GetObjectItemCaseSensitive(object, "params"));
    if (headers != NULL && !cJSON_IsObject(headers)) {
        (void)check_fail(check, "headers", "must be an object of names and values");
    } else if (headers != NULL && check->rc == RC_OK) {
        size_t mark = check_enter(check, "headers", 0);

        cJSON_ArrayForEach(header, headers) {
            check_one_header(check, headers, header);
        }
        check_leave(check, mark);
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && check->rc == RC_OK; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, parts[i]);

        if (value != NULL && template_check_value(value, &err) != RC_OK) {
            (void)check_fail(check, parts[i], "%s", err.text);
        }
    }
}

/* --- steps --------------------------------------------------------------------------------------------------------- */

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", NULL};

void source_read_http(struct check *check, const cJSON *http, const char *const *more, bool allow_http, struct source_http *out) {
    static const char *const names[] = {"method", "url", "params", "headers", "json", NULL};
    const cJSON *url;
    unsigned method = 0;

    if (!check_object(check, http, names, more)) {
        return;
    }
    check_choice(check, http, "method", methods, &method);
    url = check_string(check, http, "url", 8192);
    if (url == NULL) {
        (void)check_fail(check, NULL, "needs a url");
        return;
    }
    check_url(check, url->valuestring, allow_http);
    source_check_overlay(check, http);
    out->params = cJSON_GetObjectItemCaseSensitive(http, "params");
    out->headers = cJSON_GetObjectItemCaseSensitive(http, "headers");
    out->json = cJSON_GetObjectItemCaseSensitive(http, "json");
    if (out->json != NULL && method == 0) {
        (void)check_fail(check, "json", "a GET has no body: the method must be POST, PUT or PATCH");
    }
    out->method = source_copy(check, methods[method]);
    out->url = source_copy(check, url->valuestring);
}

static void read_step(struct check *check, const cJSON *step, unsigned index, unsigned count, struct source *source) {
    static const char *const names[] = {"name", "http", NULL};
    struct source_step *out = &source->steps[index];
    const cJSON *http;
    size_t mark;

    if (!check_object(check, step, names, NULL)) {
        return;
    }
    check_name(check, step, "name", out->name);
    if (out->name[0] == '\0' && count > 1) {
        (void)check_fail(check, NULL, "needs a name, as there are several steps");
    }
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(source->steps[i].name, out->name) == 0) {
            (void)check_fail(check, "name", "an earlier step has the same name");
        }
    }
    http = cJSON_GetObjectItemCaseSensitive(step, "http");
    if (http == NULL) {
        (void)check_fail(check, NULL, "needs http");
        return;
    }
    mark = check_enter(check, "http", 0);
    source_read_http(check, http, NULL, source->allow_http, &out->http);
    check_leave(check, mark);
}

void source_steps(struct check *check, const cJSON *definition, struct source *source) {
    const cJSON *steps = check_array(check, definition, "steps", 1, SOURCE_MAX_STEPS), *step;
    unsigned count = (unsigned)cJSON_GetArraySize(steps);
    size_t outer, inner;

    if (steps == NULL) {
        (void)check_fail(check, NULL, "needs steps");
        return;
    }
    outer = check_enter(check, "steps", 0);
    cJSON_ArrayForEach(step, steps) {
        inner = check_enter(check, NULL, source->step_count);
        read_step(check, step, source->step_count++, count, source);
        check_leave(check, inner);
    }
    check_leave(check, outer);
}

/* --- references ---------------------------------------------------------------------------------------------------- */

struct references {
    struct check *check;
    const struct source *source;
    const char *member; /* in which the template stands */
    unsigned step;      /* steps before it can be named */
    bool range;         /* it belongs to a part of a split search */
    bool ids;           /* it asks for records by their ids */
    bool suggest;       /* it asks for suggestions: of a job there is nothing but ${job.q} */
};

static bool in_list(const char *const *list, const char *name) {
    for (; *list != NULL; list++) {
        if (strcmp(*list, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum rc job_reference(const struct references *refs, const char *name) {
    const char *names[SOURCE_MAX_MEMBERS + 32], *nearest;
    size_t count = 0;

    if (refs->suggest) {
        return strcmp(name, "q") == 0 ? RC_OK : check_fail(refs->check, refs->member, "${job.%s}: of suggestions there is only ${job.q}", name);
    }
    if (in_list(source_common_members, name)) {
        return RC_OK;
    }
    for (const char *const *common = source_common_members; *common != NULL; common++) {
        names[count++] = *common;
    }
    for (unsigned i = 0; i < refs->source->member_count; i++) {
        if (strcmp(refs->source->members[i].name, name) == 0) {
            return RC_OK;
        }
        names[count++] = refs->source->members[i].name;
    }
    nearest = str_nearest(name, names, count);
    return check_fail(refs->check, refs->member, "${job.%s}: a job has no such member and job_members does not declare it%s%s%s", name,
                      nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

static enum rc reference_seen(void *context, enum template_kind kind, const char *name) {
    const struct references *refs = context;

    switch (kind) {
    case TEMPLATE_JOB:
        return job_reference(refs, name);
    case TEMPLATE_SECRET:
        return RC_OK;
    case TEMPLATE_ITEM:
        return refs->ids && strcmp(name, "ids") == 0 ? RC_OK : check_fail(refs->check, refs->member, "${item.%s}: the source has pages, no items", name);
    case TEMPLATE_RANGE:
        return refs->range && (strcmp(name, "from") == 0 || strcmp(name, "to") == 0)
                   ? RC_OK
                   : check_fail(refs->check, refs->member, "${range.%s}: only ${range.from} and ${range.to}, in the paginator's split", name);
    case TEMPLATE_STEP:
        for (unsigned i = 0; i < refs->step; i++) {
            if (strcmp(refs->source->steps[i].name, name) == 0) {
                return RC_OK;
            }
        }
        return check_fail(refs->check, refs->member, "${steps.%s}: no earlier step has this name", name);
    }
    return RC_OK;
}

static void references_in(struct references *refs, const char *member, const cJSON *value) {
    refs->member = member;
    if (value != NULL && refs->check->rc == RC_OK && template_each_value(value, reference_seen, refs) == RC_TEMP) {
        (void)check_no_memory(refs->check);
    }
}

static enum rc hidden_seen(void *context, enum template_kind kind, const char *name) {
    bool *hidden = context;

    (void)name;
    *hidden = *hidden || kind == TEMPLATE_SECRET;
    return RC_OK;
}

static void find_hidden(struct check *check, struct source *source, const cJSON *params) {
    const cJSON *param;

    cJSON_ArrayForEach(param, params) {
        bool hidden = false;

        if (template_each_value(param, hidden_seen, &hidden) != RC_OK || !hidden) {
            continue;
        }
        if (source->hidden_count == SOURCE_MAX_HIDDEN) {
            (void)check_fail(check, "params", "more than %u of them hold secrets", SOURCE_MAX_HIDDEN);
            return;
        }
        source->hidden_params[source->hidden_count++] = param->string;
    }
}

void source_find_hidden(struct check *check, struct source *source) {
    find_hidden(check, source, source->steps[source->step_count - 1].http.params);
    find_hidden(check, source, cJSON_GetObjectItemCaseSensitive(source->preview, "params"));
    find_hidden(check, source, cJSON_GetObjectItemCaseSensitive(source->purchase, "params"));
    find_hidden(check, source, cJSON_GetObjectItemCaseSensitive(source->list, "params"));
    find_hidden(check, source, cJSON_GetObjectItemCaseSensitive(source->by_id, "params"));
}

static void http_references(struct references *refs, const struct source_http *http) {
    refs->member = "url";
    (void)template_each(http->url, reference_seen, refs);
    references_in(refs, "params", http->params);
    references_in(refs, "headers", http->headers);
    references_in(refs, "json", http->json);
}

static void suggest_references(struct references *refs) {
    size_t mark = check_enter(refs->check, "suggest", 0), inner;

    refs->suggest = true;
    for (unsigned i = 0; i < refs->source->suggest_count; i++) {
        inner = check_enter(refs->check, refs->source->suggests[i].name, 0);
        http_references(refs, &refs->source->suggests[i].http);
        check_leave(refs->check, inner);
    }
    refs->suggest = false;
    check_leave(refs->check, mark);
}

void source_check_references(struct check *check, const struct source *source) {
    struct references refs = {.check = check, .source = source};
    const char *const overlays[] = {"preview", "purchase"};
    size_t mark = check_enter(check, "steps", 0), inner;

    for (unsigned i = 0; i < source->step_count; i++) {
        const struct source_http *http = &source->steps[i].http;
        size_t step = check_enter(check, NULL, i);

        inner = check_enter(check, "http", 0);
        refs.step = i;
        http_references(&refs, http);
        check_leave(check, inner);
        check_leave(check, step);
    }
    check_leave(check, mark);
    mark = check_enter(check, "metering", 0);
    refs.step = 0; /* they are laid over the first step */
    references_in(&refs, overlays[0], source->preview);
    references_in(&refs, overlays[1], source->purchase);
    references_in(&refs, "list", source->list);
    refs.ids = true;
    references_in(&refs, "by_id", source->by_id);
    refs.ids = false;
    check_leave(check, mark);
    suggest_references(&refs);
    if (source->split != NULL) {
        mark = check_enter(check, "paginator", 0);
        refs.range = true;
        references_in(&refs, "split", source->split->params);
        references_in(&refs, "split", source->split->headers);
        references_in(&refs, "split", source->split->json);
        references_in(&refs, "split", source->split->append);
        check_leave(check, mark);
    }
}
