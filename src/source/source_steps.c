// SPDX-License-Identifier: Apache-2.0
#include "source/source_parts.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

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
    if (!cJSON_IsString(header) && !cJSON_IsNumber(header) && !cJSON_IsNull(header)) {
        (void)check_fail(check, header->string, "must be text or a number, or null: then it is not sent");
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
    if (!out->unused) {
        check_url(check, url->valuestring, allow_http);
    }
    source_check_overlay(check, http);
    out->params = cJSON_GetObjectItemCaseSensitive(http, "params");
    out->headers = cJSON_GetObjectItemCaseSensitive(http, "headers");
    out->json = cJSON_GetObjectItemCaseSensitive(http, "json");
    if (out->json != NULL && method == 0) {
        (void)check_fail(check, "json", "a GET has no body: the method must be POST, PUT or PATCH");
    }
    check_flag(check, http, "document", &out->document);
    if (out->document && (method == 0 || out->json != NULL)) {
        (void)check_fail(check, "document", "is the body: the method must be POST, PUT or PATCH, and json must go");
    }
    out->method = source_copy(check, methods[method]);
    out->url = source_copy(check, url->valuestring);
}

#define HELPER_TIMEOUT_S 600
#define HELPER_CPU_S 600
#define HELPER_MEMORY_BYTES (UINT64_C(2) << 30)
#define HELPER_FILE_BYTES (UINT64_C(1) << 30)
#define HELPER_FILES 256
#define MOST_ARGUMENTS 64

static void read_command(struct check *check, const cJSON *exec, struct source_helper *out) {
    const cJSON *argument;
    struct err err = {0};
    unsigned index = 0;

    out->command = check_array(check, exec, "command", 1, MOST_ARGUMENTS);
    if (out->command == NULL) {
        (void)check_lacks(check, "command", "needs a command: the program and its arguments");
        return;
    }
    size_t mark = check_enter(check, "command", 0);
    cJSON_ArrayForEach(argument, out->command) {
        const char *text = cJSON_GetStringValue(argument);
        size_t inner = check_enter(check, NULL, index);

        if (text == NULL) {
            (void)check_fail(check, NULL, "must be text");
        } else if (template_check(text, &err) != RC_OK) {
            (void)check_fail(check, NULL, "%s", err.text);
        } else if (index == 0 && (*text == '\0' || strstr(text, "${") != NULL || (*text != '/' && strchr(text, '/') != NULL))) {
            (void)check_fail(check, NULL, "must be the name of a program or its absolute path, and no template");
        }
        check_leave(check, inner);
        index++;
    }
    check_leave(check, mark);
}

static void read_helper(struct check *check, const cJSON *exec, struct source_helper *out) {
    static const char *const names[] = {"command", "stdin", "timeout_s", "cpu_s", "memory_bytes", "files", "file_bytes", "network", "ready", NULL};
    struct err err = {0};

    *out = (struct source_helper){
        .timeout_s = HELPER_TIMEOUT_S, .cpu_s = HELPER_CPU_S, .files = HELPER_FILES, .memory_bytes = HELPER_MEMORY_BYTES, .file_bytes = HELPER_FILE_BYTES};
    if (!check_object(check, exec, names, NULL)) {
        return;
    }
    read_command(check, exec, out);
    out->input = cJSON_GetObjectItemCaseSensitive(exec, "stdin");
    if (out->input != NULL && template_check_value(out->input, &err) != RC_OK) {
        (void)check_fail(check, "stdin", "%s", err.text);
    }
    check_unsigned(check, exec, "timeout_s", 1, 86400, &out->timeout_s);
    check_unsigned(check, exec, "cpu_s", 1, 86400, &out->cpu_s);
    check_unsigned(check, exec, "files", 16, 65536, &out->files);
    check_u64(check, exec, "memory_bytes", UINT64_C(1) << 20, UINT64_C(1) << 40, &out->memory_bytes);
    check_u64(check, exec, "file_bytes", UINT64_C(1) << 10, UINT64_C(1) << 40, &out->file_bytes);
    check_flag(check, exec, "network", &out->network);
    check_flag(check, exec, "ready", &out->ready);
}

static void check_when(struct check *check, const cJSON *when) {
    const cJSON *member;

    if (when == NULL || check->rc != RC_OK) {
        return;
    }
    if (!cJSON_IsObject(when) || when->child == NULL) {
        (void)check_fail(check, "when", "must be an object of JSON Pointers into the job and the values that they must have");
        return;
    }
    cJSON_ArrayForEach(member, when) {
        if (!json_pointer_valid(member->string) || member->string[0] == '\0') {
            (void)check_fail(check, "when", "\"%.64s\" is no JSON Pointer such as \"/engine\"", member->string);
        }
        if (cJSON_IsObject(member) || cJSON_IsArray(member)) {
            (void)check_fail(check, "when", "the value of \"%.64s\" must be text, a number, true, false or null", member->string);
        }
    }
}

/* What only a way of a step may have. */
static const char *const way_members[] = {"document", "check", "timeout_s", "max_response_bytes", "cost_per_record", NULL};

static void read_http_way(struct check *check, const cJSON *http, const struct source *source, struct source_way *way) {
    const cJSON *program = cJSON_GetObjectItemCaseSensitive(http, "check");

    source_read_http(check, http, way_members, source->allow_http, &way->http);
    check_unsigned(check, http, "timeout_s", 1, 86400, &way->http.timeout_s);
    check_u64(check, http, "max_response_bytes", 1024, 1u << 30, &way->http.max_response_bytes);
    check_money(check, http, "cost_per_record", &way->http.cost_per_record, &way->http.has_cost);
    if (program != NULL) {
        size_t inner = check_enter(check, "check", 0);

        way->http.checked = true;
        read_helper(check, program, &way->http.check);
        check_leave(check, inner);
    }
    if (way->http.document && !source->documents) {
        (void)check_fail(check, "document", "the units of the source are no documents");
    }
}

/* The settings without which the way is not taken. */
static void read_when_set(struct check *check, const cJSON *object, const struct source *source, struct source_way *way) {
    const cJSON *name;

    way->when_set = check_array(check, object, "when_set", 1, SOURCE_MAX_SETTINGS);
    cJSON_ArrayForEach(name, way->when_set) {
        if (!cJSON_IsString(name) || cJSON_GetObjectItemCaseSensitive(source->settings, name->valuestring) == NULL) {
            (void)check_fail(check, "when_set", "must be a list of names of settings");
            return;
        }
        if (way->unset == NULL && !source_is_set(source->settings, name->valuestring)) {
            way->unset = name->valuestring;
        }
    }
    way->http.unused = way->unset != NULL;
}

/* http or exec, and when, of a step or of one of its alternatives; more: other members that it may have. */
static void read_way(struct check *check, const cJSON *object, const char *const *more, struct source *source, struct source_way *way) {
    static const char *const names[] = {"http", "exec", "when", "when_set", NULL};
    const cJSON *http, *exec;
    size_t mark;

    if (!check_object(check, object, names, more)) {
        return;
    }
    http = cJSON_GetObjectItemCaseSensitive(object, "http");
    exec = cJSON_GetObjectItemCaseSensitive(object, "exec");
    if ((http == NULL) == (exec == NULL)) {
        (void)check_fail(check, NULL, http == NULL ? "needs http, or exec" : "has http and exec: one of them must go, or into fallback");
        return;
    }
    way->helper = exec != NULL;
    read_when_set(check, object, source, way);
    mark = check_enter(check, way->helper ? "exec" : "http", 0);
    if (way->helper) {
        read_helper(check, exec, &way->exec);
    } else {
        read_http_way(check, http, source, way);
    }
    check_leave(check, mark);
    way->when = cJSON_GetObjectItemCaseSensitive(object, "when");
    check_when(check, way->when);
}

static void read_fallback(struct check *check, const cJSON *step, struct source *source, struct source_step *out) {
    const cJSON *list = check_array(check, step, "fallback", 1, SOURCE_MAX_WAYS - 1), *way;
    size_t mark = check_enter(check, "fallback", 0);

    cJSON_ArrayForEach(way, list) {
        size_t inner = check_enter(check, NULL, out->way_count - 1);

        read_way(check, way, NULL, source, &out->ways[out->way_count++]);
        check_leave(check, inner);
    }
    check_leave(check, mark);
}

/* One reference to an earlier step's array, or to a list of the item. */
static void read_for_each(struct check *check, const cJSON *step, bool last, struct source_step *out) {
    const cJSON *text = check_string(check, step, "for_each", LIMIT_POINTER_BYTES + LIMIT_NAME_BYTES + 16);
    struct err err = {0};

    if (text == NULL) {
        return;
    }
    if (template_check(text->valuestring, &err) != RC_OK) {
        (void)check_fail(check, "for_each", "%s", err.text);
    } else if (!str_starts(text->valuestring, "${steps.") || strchr(text->valuestring, '}')[1] != '\0') {
        (void)check_fail(check, "for_each", "must be one reference to an array of an earlier step's answer: \"${steps.NAME/pointer}\"");
    } else if (last) {
        (void)check_fail(check, "for_each", "the last step makes the records of the unit, and is done once");
    }
    out->for_each = text->valuestring;
}

static void read_step(struct check *check, const cJSON *step, unsigned index, unsigned count, struct source *source) {
    static const char *const names[] = {"name", "fallback", "for_each", NULL};
    struct source_step *out = &source->steps[index];

    check_name(check, step, "name", out->name);
    read_way(check, step, names, source, &out->ways[out->way_count++]);
    if (check->rc == RC_OK && out->name[0] == '\0' && count > 1) {
        (void)check_fail(check, NULL, "needs a name, as there are several steps");
    }
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(source->steps[i].name, out->name) == 0) {
            (void)check_fail(check, "name", "an earlier step has the same name");
        }
    }
    read_fallback(check, step, source, out);
    read_for_each(check, step, index + 1 == count, out);
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

/* --- units --------------------------------------------------------------------------------------------------------- */

static void read_list(struct check *check, const cJSON *list, struct source *source) {
    static const char *const names[] = {"name", "in", NULL};
    struct source_list *out = &source->lists[source->list_count++];

    if (!check_object(check, list, names, NULL)) {
        return;
    }
    check_name(check, list, "name", out->name);
    check_pointer(check, list, "in", &out->in);
    if (check->rc == RC_OK && (out->name[0] == '\0' || out->in == NULL || out->in[0] == '\0')) {
        (void)check_fail(check, NULL, "needs a name, and in, the JSON Pointer to a list of the job such as \"/urls\"");
    }
    for (unsigned i = 0; i + 1 < source->list_count; i++) {
        if (strcmp(source->lists[i].name, out->name) == 0) {
            (void)check_fail(check, "name", "an earlier list has the same name");
        }
    }
}

void source_units(struct check *check, const cJSON *definition, struct source *source) {
    const cJSON *lists = check_array(check, definition, "foreach", 1, SOURCE_MAX_LISTS), *list;
    const bool paged = cJSON_GetObjectItemCaseSensitive(definition, "paginator") != NULL;
    size_t outer, inner;

    check_flag(check, definition, "documents", &source->documents);
    if (check->rc == RC_OK && (lists != NULL) + source->documents + paged > 1) {
        (void)check_fail(check, NULL, "has more than one of paginator, foreach and documents: its units are pages, or the elements of lists, or documents");
        return;
    }
    outer = check_enter(check, "foreach", 0);
    cJSON_ArrayForEach(list, lists) {
        inner = check_enter(check, NULL, source->list_count);
        read_list(check, list, source);
        check_leave(check, inner);
    }
    check_leave(check, outer);
    if (source->documents) {
        (void)str_copy(source->lists[0].name, sizeof(source->lists[0].name), "document");
        source->lists[0].in = source_copy(check, "/documents");
        source->list_count = 1;
    }
}

void source_unit_cache(struct check *check, const cJSON *definition, struct source *source) {
    static const char *const names[] = {"key", "ttl", NULL};
    const cJSON *cache = cJSON_GetObjectItemCaseSensitive(definition, "unit_cache");
    struct err err = {0};
    size_t mark;

    if (cache == NULL || check->rc != RC_OK) {
        return;
    }
    mark = check_enter(check, "unit_cache", 0);
    if (check_object(check, cache, names, NULL)) {
        source->unit_cache_key = check_array(check, cache, "key", 1, 16);
        check_duration(check, cache, "ttl", 1, &source->unit_cache_ttl_ms);
    }
    if (check->rc == RC_OK && (source->unit_cache_key == NULL || source->unit_cache_ttl_ms == 0)) {
        (void)check_fail(check, NULL, "needs key, a list of templates, and ttl, how long an answer holds");
    }
    if (check->rc == RC_OK && template_check_value(source->unit_cache_key, &err) != RC_OK) {
        (void)check_fail(check, "key", "%s", err.text);
    }
    if (source->list_count == 0 || source->step_count < 2) {
        (void)check_fail(check, NULL, "keeps the answer of the first of several steps, of units that are no pages");
    }
    check_leave(check, mark);
}
