// SPDX-License-Identifier: Apache-2.0
#include "source/source_parts.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "net/fetch_url.h"

/* Access to a source: who asks (auth), and by which way (tls, proxy). */

#define MOST_TEXT_BYTES 8192u
#define MOST_PATH_BYTES 1024u

/* --- texts --------------------------------------------------------------------------------------------------------- */

static enum rc only_secrets(void *context, const struct template_reference *reference) {
    (void)context;
    return reference->kind == TEMPLATE_SECRET ? RC_OK : RC_PERM;
}

static bool has_control(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static void check_text(struct check *check, const char *name, const char *text) {
    struct err err = {0};

    if (has_control(text)) {
        (void)check_fail(check, name, "has a line break or another control character");
    } else if (template_check(text, &err) != RC_OK) {
        (void)check_fail(check, name, "%s", err.text);
    } else if (template_each(text, only_secrets, NULL) != RC_OK) {
        (void)check_fail(check, name, "only ${secret:NAME} can stand here: a job does not say who asks");
    }
}

/* A template of secrets alone. */
static void read_text(struct check *check, const cJSON *object, const char *name, const char **out) {
    const cJSON *text = check_string(check, object, name, MOST_TEXT_BYTES);

    if (text != NULL) {
        check_text(check, name, text->valuestring);
        *out = text->valuestring;
    }
}

static void need_text(struct check *check, const cJSON *object, const char *name, const char **out) {
    read_text(check, object, name, out);
    if (*out == NULL) {
        (void)check_fail(check, NULL, "needs %s", name);
    } else if ((*out)[0] == '\0') {
        (void)check_fail(check, name, "must not be empty");
    }
}

/* --- auth: what a request must not have already ---------------------------------------------------------------------- */

static bool says(const cJSON *part, const char *name, bool any_case) {
    const cJSON *member;

    cJSON_ArrayForEach(member, part) {
        if ((any_case ? strcasecmp(member->string, name) : strcmp(member->string, name)) == 0) {
            return true;
        }
    }
    return false;
}

/* The header or parameter that `member` of auth stands for. */
static void check_not_given(struct check *check, const struct source *source, const char *member, const char *name, bool header) {
    const char *part = header ? "headers" : "params";
    bool given = says(cJSON_GetObjectItemCaseSensitive(source->preview, part), name, header) ||
                 says(cJSON_GetObjectItemCaseSensitive(source->purchase, part), name, header);

    for (unsigned i = 0; i < source->step_count; i++) {
        const struct source_http *http = &source->steps[i].ways[0].http;

        given = given || says(header ? http->headers : http->params, name, header);
    }
    if (given) {
        (void)check_fail(check, member, "gives the %s %s, which %s give too: take one of them away", header ? "header" : "parameter", name, part);
    }
}

/* --- auth, type by type ---------------------------------------------------------------------------------------------- */

static void check_key_name(struct check *check, const struct source *source) {
    const char *name = source->auth.name;

    if (strstr(name, "${") != NULL) {
        (void)check_fail(check, "name", "is the name of a header or parameter, not a template");
    } else if (!source->auth.in_query) {
        check_header_name(check, "name", name, true);
        if (strcasecmp(name, "Content-Type") == 0) {
            (void)check_fail(check, "name", "says what a body is, and is no key");
        }
    }
    check_not_given(check, source, "name", name, !source->auth.in_query);
}

static void read_api_key(struct check *check, const cJSON *object, struct source *source) {
    static const char *const names[] = {"type", "name", "api_key", "location", NULL};
    static const char *const locations[] = {"header", "query", NULL};
    unsigned location = 0;

    if (!check_object(check, object, names, NULL)) {
        return;
    }
    need_text(check, object, "name", &source->auth.name);
    need_text(check, object, "api_key", &source->auth.api_key);
    check_choice(check, object, "location", locations, &location);
    source->auth.in_query = location == 1;
    if (check->rc == RC_OK) {
        check_key_name(check, source);
    }
}

static void read_basic(struct check *check, const cJSON *object, struct source *source) {
    static const char *const names[] = {"type", "username", "password", NULL};

    if (!check_object(check, object, names, NULL)) {
        return;
    }
    need_text(check, object, "username", &source->auth.username);
    read_text(check, object, "password", &source->auth.password);
    if (source->auth.password == NULL) {
        (void)check_fail(check, NULL, "needs password (it may be empty)");
    }
    /* A colon of ${secret:NAME} is none of the name. */
    if (check->rc == RC_OK && strstr(source->auth.username, "${") == NULL && strchr(source->auth.username, ':') != NULL) {
        (void)check_fail(check, "username", "must not have a colon (RFC 7617)");
    }
}

static void read_bearer(struct check *check, const cJSON *object, struct source *source) {
    static const char *const names[] = {"type", "token", NULL};

    if (check_object(check, object, names, NULL)) {
        need_text(check, object, "token", &source->auth.token);
    }
}

static void check_token_url(struct check *check, const char *url, bool allow_http) {
    struct fetch_url parsed;
    struct err err = {0};

    if (strchr(url, '$') != NULL || strchr(url, '#') != NULL || strchr(url, ' ') != NULL) {
        (void)check_fail(check, "access_token_url", "must be written out, without a template, fragment or blank");
    } else if (!str_starts(url, "https://") && !str_starts(url, "http://")) {
        (void)check_fail(check, "access_token_url", "must begin with https://");
    } else if (fetch_url_init(&parsed, url, allow_http, &err) != RC_OK) {
        (void)check_fail(check, "access_token_url", "%s", err.text);
    } else {
        fetch_url_release(&parsed);
    }
}

static void check_token_data(struct check *check, const cJSON *data) {
    static const char *const ours[] = {"grant_type", "client_id", "client_secret"};
    const cJSON *item;
    size_t mark;

    if (data == NULL || check->rc != RC_OK) {
        return;
    }
    if (!cJSON_IsObject(data)) {
        (void)check_fail(check, "access_token_request_data", "must be an object of names and texts");
        return;
    }
    mark = check_enter(check, "access_token_request_data", 0);
    cJSON_ArrayForEach(item, data) {
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
            if (strcmp(item->string, ours[i]) == 0) {
                (void)check_fail(check, item->string, "is sent by itself and must not be given");
            }
        }
        if (!cJSON_IsString(item)) {
            (void)check_fail(check, item->string, "must be text");
        } else {
            check_text(check, item->string, item->valuestring);
        }
    }
    check_leave(check, mark);
}

static void read_oauth2(struct check *check, const cJSON *object, struct source *source) {
    static const char *const names[] = {"type",        "access_token_url",         "client_id", "client_secret", "access_token_request_data",
                                        "client_auth", "default_token_expiration", NULL};
    static const char *const ways[] = {"basic", "body", NULL};
    struct source_auth *auth = &source->auth;
    const cJSON *url;
    unsigned way = 0;

    if (!check_object(check, object, names, NULL)) {
        return;
    }
    url = check_string(check, object, "access_token_url", MOST_TEXT_BYTES);
    if (url == NULL) {
        (void)check_fail(check, NULL, "needs access_token_url");
        return;
    }
    auth->access_token_url = url->valuestring;
    check_token_url(check, url->valuestring, source->allow_http);
    need_text(check, object, "client_id", &auth->client_id);
    need_text(check, object, "client_secret", &auth->client_secret);
    auth->access_token_request_data = cJSON_GetObjectItemCaseSensitive(object, "access_token_request_data");
    check_token_data(check, auth->access_token_request_data);
    check_choice(check, object, "client_auth", ways, &way);
    auth->client_in_body = way == 1;
    auth->default_token_expiration_s = 3600;
    check_unsigned(check, object, "default_token_expiration", 1, 31536000, &auth->default_token_expiration_s);
}

static void read_auth(struct check *check, const cJSON *object, struct source *source) {
    static const char *const types[] = {"bearer", "basic", "http_basic", "api_key", "oauth2_client_credentials", NULL};
    static const struct {
        enum source_auth_type type;
        void (*read)(struct check *check, const cJSON *object, struct source *source);
    } rows[] = {{AUTH_BEARER, read_bearer}, {AUTH_BASIC, read_basic}, {AUTH_BASIC, read_basic}, {AUTH_API_KEY, read_api_key}, {AUTH_OAUTH2, read_oauth2}};
    unsigned type = 0;

    if (!cJSON_IsObject(object)) {
        (void)check_fail(check, NULL, "must be an object");
    } else if (check_string(check, object, "type", MOST_TEXT_BYTES) == NULL) {
        (void)check_fail(check, NULL, "needs a type");
    }
    check_choice(check, object, "type", types, &type);
    if (check->rc != RC_OK) {
        return;
    }
    source->auth.type = rows[type].type;
    rows[type].read(check, object, source);
    if (check->rc == RC_OK && source->auth.type != AUTH_API_KEY) {
        check_not_given(check, source, "type", "Authorization", true);
    }
}

/* --- tls and proxy --------------------------------------------------------------------------------------------------- */

static void read_path(struct check *check, const cJSON *object, const char *name, const char **out) {
    const cJSON *path = check_string(check, object, name, MOST_PATH_BYTES);

    if (path == NULL) {
        return;
    }
    if (path->valuestring[0] == '\0' || has_control(path->valuestring)) {
        (void)check_fail(check, name, "must be the path of a file");
    } else if (strstr(path->valuestring, "${") != NULL) {
        (void)check_fail(check, name, "is the path of a file, not a template: a name alone is a file in the credentials directory");
    }
    *out = path->valuestring;
}

static void read_tls(struct check *check, const cJSON *object, struct source_tls *tls) {
    static const char *const names[] = {"ca_file", "cert_file", "key_file", NULL};

    if (!check_object(check, object, names, NULL)) {
        return;
    }
    read_path(check, object, "ca_file", &tls->ca_file);
    read_path(check, object, "cert_file", &tls->cert_file);
    read_path(check, object, "key_file", &tls->key_file);
    if (tls->key_file != NULL && tls->cert_file == NULL) {
        (void)check_fail(check, "key_file", "is of no use without cert_file, the certificate that the key belongs to");
    }
}

static void check_proxy_url(struct check *check, const char *url) {
    static const char *const schemes[] = {"http://", "https://", "socks5h://"};
    static const char host[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-[]:";
    const char *at = NULL;

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && at == NULL; i++) {
        at = str_starts(url, schemes[i]) ? url + strlen(schemes[i]) : NULL;
    }
    if (at == NULL) {
        (void)check_fail(check, "url", "must begin with http://, https:// or socks5h:// (which leaves the look-up of names to the proxy)");
    } else if (strchr(at, '@') != NULL) {
        (void)check_fail(check, "url", "must not have a user in it: that is what username and password are for");
    } else if (at[strspn(at, host)] == '/' && at[strspn(at, host) + 1] == '\0') {
        (void)check_fail(check, "url", "must end with the host or its port, without a /");
    } else if (at[0] == '\0' || strspn(at, host) != strlen(at)) {
        (void)check_fail(check, "url", "must be written out as http://host:port");
    }
}

static void read_proxy(struct check *check, const cJSON *object, struct source_proxy *proxy) {
    static const char *const names[] = {"url", "username", "password", NULL};
    const cJSON *url;

    if (!check_object(check, object, names, NULL)) {
        return;
    }
    url = check_string(check, object, "url", MOST_TEXT_BYTES);
    if (url == NULL) {
        (void)check_fail(check, NULL, "needs a url");
        return;
    }
    check_proxy_url(check, url->valuestring);
    proxy->url = url->valuestring;
    read_text(check, object, "username", &proxy->username);
    read_text(check, object, "password", &proxy->password);
    if (proxy->password != NULL && proxy->username == NULL) {
        (void)check_fail(check, "password", "is of no use without username");
    }
}

/* --- all of it ------------------------------------------------------------------------------------------------------- */

void source_access(struct check *check, const cJSON *definition, struct source *source) {
    const cJSON *auth = cJSON_GetObjectItemCaseSensitive(definition, "auth"), *tls = cJSON_GetObjectItemCaseSensitive(definition, "tls"),
                *proxy = cJSON_GetObjectItemCaseSensitive(definition, "proxy");
    size_t mark;

    if (auth != NULL) {
        mark = check_enter(check, "auth", 0);
        read_auth(check, auth, source);
        check_leave(check, mark);
    }
    if (tls != NULL) {
        mark = check_enter(check, "tls", 0);
        read_tls(check, tls, &source->tls);
        check_leave(check, mark);
    }
    if (proxy != NULL) {
        mark = check_enter(check, "proxy", 0);
        read_proxy(check, proxy, &source->proxy);
        check_leave(check, mark);
    }
}

void source_hide_key(struct check *check, struct source *source) {
    if (source->auth.type != AUTH_API_KEY || !source->auth.in_query) {
        return;
    }
    if (source->hidden_count == SOURCE_MAX_HIDDEN) {
        (void)check_fail(check, "auth", "more than %u parameters hold secrets", SOURCE_MAX_HIDDEN);
        return;
    }
    source->hidden_params[source->hidden_count++] = source->auth.name;
}

enum rc source_each_access_reference(const struct source *source, template_seen *fn, void *context) {
    const struct source_auth *auth = &source->auth;
    const char *const texts[] = {auth->token,     auth->username,      auth->password,         auth->api_key,
                                 auth->client_id, auth->client_secret, source->proxy.username, source->proxy.password};
    enum rc rc = auth->access_token_request_data != NULL ? template_each_value(auth->access_token_request_data, fn, context) : RC_OK;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && rc == RC_OK; i++) {
        rc = texts[i] != NULL ? template_each(texts[i], fn, context) : RC_OK;
    }
    return rc;
}
