// SPDX-License-Identifier: Apache-2.0
#include "source/auth.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/limits.h"

#define MOST_TEXT_BYTES 16384u
#define MOST_BODY_BYTES 65536u
#define MOST_WORDS_BYTES 4096u
#define LONGEST_LIFE_S 31536000

static enum rc no_memory(struct err *err) {
    return err_set(err, RC_TEMP, "out of memory");
}

static void wipe(struct buf *text) {
    if (text->data != NULL) {
        explicit_bzero(text->data, text->capacity);
    }
    buf_release(text);
}

static enum rc told(enum rc rc, const char *what, struct err *err) {
    return rc == RC_OK ? RC_OK : rc == RC_TEMP ? no_memory(err) : err_set(err, rc, "%s is too long", what);
}

/* --- texts --------------------------------------------------------------------------------------------------------- */

/* What a template of secrets becomes. Room is made at once: a buffer that grows leaves its bytes behind. */
static enum rc fill(const char *what, const char *text, const struct template_scope *scope, struct buf *out, struct err *err) {
    enum rc rc = buf_reserve(out, MOST_TEXT_BYTES);

    rc = rc == RC_OK ? template_text(text, scope, out, err) : no_memory(err);
    for (size_t i = 0; rc == RC_OK && i < out->length; i++) {
        if ((unsigned char)out->data[i] < ' ' || out->data[i] == 0x7f) {
            rc = err_set(err, RC_PERM, "the %s has a line break or another control character in it", what);
        }
    }
    return rc;
}

static enum rc fill_some(const char *what, const char *text, const struct template_scope *scope, struct buf *out, struct err *err) {
    enum rc rc = fill(what, text, scope, out, err);

    return rc == RC_OK && out->length == 0 ? err_set(err, RC_PERM, "the %s is empty", what) : rc;
}

/* "Basic " and the base64 of first:second, appended. */
static enum rc add_basic(const struct buf *first, const struct buf *second, struct buf *out, struct err *err) {
    struct buf pair = BUF_INIT(3 * MOST_BODY_BYTES);
    enum rc rc = buf_reserve(&pair, first->length + second->length + 1);

    rc = rc == RC_OK ? buf_add(&pair, buf_text(first), first->length) : rc;
    rc = rc == RC_OK ? buf_add_char(&pair, ':') : rc;
    rc = rc == RC_OK ? buf_add(&pair, buf_text(second), second->length) : rc;
    rc = rc == RC_OK ? buf_add_text(out, "Basic ") : rc;
    rc = rc == RC_OK ? buf_reserve(out, (pair.length + 2) / 3 * 4) : rc;
    if (rc == RC_OK) {
        out->length += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->length, (const unsigned char *)pair.data, (int)pair.length);
    }
    wipe(&pair);
    return told(rc, "the name with its password", err);
}

/* --- applying ------------------------------------------------------------------------------------------------------ */

/* Headers know no case. */
static enum rc put(cJSON *object, const char *name, bool header, const char *value, struct err *err) {
    const cJSON *there = header ? cJSON_GetObjectItem(object, name) : cJSON_GetObjectItemCaseSensitive(object, name);

    if (there != NULL) {
        return err_set(err, RC_PERM, "the %s %s is given by auth and by the request itself", header ? "header" : "parameter", name);
    }
    return cJSON_AddStringToObject(object, name, value) != NULL ? RC_OK : no_memory(err);
}

static enum rc put_bearer(cJSON *headers, const char *token, struct err *err) {
    struct buf value = BUF_INIT(MOST_BODY_BYTES);
    enum rc rc = buf_reserve(&value, strlen(token) + 8);

    rc = rc == RC_OK ? buf_printf(&value, "Bearer %s", token) : rc;
    rc = told(rc, "the token", err);
    rc = rc == RC_OK ? put(headers, "Authorization", true, buf_text(&value), err) : rc;
    wipe(&value);
    return rc;
}

static enum rc apply_basic(const struct source_auth *auth, const struct template_scope *scope, cJSON *headers, struct err *err) {
    struct buf name = BUF_INIT(MOST_TEXT_BYTES), password = BUF_INIT(MOST_TEXT_BYTES), value = BUF_INIT(4 * MOST_TEXT_BYTES);
    enum rc rc = fill_some("user name", auth->username, scope, &name, err);

    rc = rc == RC_OK ? fill("password", auth->password, scope, &password, err) : rc;
    if (rc == RC_OK && strchr(buf_text(&name), ':') != NULL) {
        rc = err_set(err, RC_PERM, "the user name has a colon in it, which basic authentication cannot say (RFC 7617)");
    }
    rc = rc == RC_OK ? add_basic(&name, &password, &value, err) : rc;
    rc = rc == RC_OK ? put(headers, "Authorization", true, buf_text(&value), err) : rc;
    wipe(&name);
    wipe(&password);
    wipe(&value);
    return rc;
}

static enum rc apply_text(const struct source_auth *auth, const struct template_scope *scope, cJSON *params, cJSON *headers, struct err *err) {
    struct buf text = BUF_INIT(MOST_TEXT_BYTES);
    bool bearer = auth->type == AUTH_BEARER;
    enum rc rc = fill_some(bearer ? "bearer token" : "API key", bearer ? auth->token : auth->api_key, scope, &text, err);

    if (rc == RC_OK && bearer) {
        rc = put_bearer(headers, buf_text(&text), err);
    } else if (rc == RC_OK) {
        rc = put(auth->in_query ? params : headers, auth->name, !auth->in_query, buf_text(&text), err);
    }
    wipe(&text);
    return rc;
}

enum rc auth_apply(const struct source *source, const struct template_scope *scope, cJSON *params, cJSON *headers, struct err *err) {
    switch (source->auth.type) {
    case AUTH_NONE:
        return RC_OK;
    case AUTH_BASIC:
        return apply_basic(&source->auth, scope, headers, err);
    case AUTH_BEARER:
    case AUTH_API_KEY:
        return apply_text(&source->auth, scope, params, headers, err);
    case AUTH_OAUTH2:
        return scope->access_token != NULL ? put_bearer(headers, scope->access_token, err) : RC_OK;
    }
    return RC_OK;
}

void auth_hide(const struct source *source, char *text) {
    for (unsigned i = 0; i < source->hidden_count; i++) {
        const char *name = source->hidden_params[i];
        size_t length = strlen(name);

        for (char *at = text; (at = strcasestr(at, name)) != NULL; at++) {
            if (at > text && strchr("?&;", at[-1]) != NULL && at[length] == '=') {
                char *value = at + length + 1, *end = value + strcspn(value, "&#<>\" \t");

                memmove(value, end, strlen(end) + 1);
            }
        }
    }
}

/* --- asking for a token ---------------------------------------------------------------------------------------------- */

/* The client's id and secret, and both form-urlencoded: RFC 6749 section 2.3.1 wants them so before base64. */
struct client {
    struct buf id, secret, id_form, secret_form;
};

static enum rc client_init(struct client *client, const struct source_auth *auth, const struct template_scope *scope, struct err *err) {
    enum rc rc;

    *client = (struct client){BUF_INIT(MOST_TEXT_BYTES), BUF_INIT(MOST_TEXT_BYTES), BUF_INIT(3 * MOST_TEXT_BYTES), BUF_INIT(3 * MOST_TEXT_BYTES)};
    rc = fill_some("client_id", auth->client_id, scope, &client->id, err);
    rc = rc == RC_OK ? fill_some("client_secret", auth->client_secret, scope, &client->secret, err) : rc;
    if (rc != RC_OK) {
        return rc;
    }
    rc = buf_reserve(&client->secret_form, 3 * client->secret.length);
    rc = rc == RC_OK ? template_percent(buf_text(&client->id), client->id.length, &client->id_form) : rc;
    rc = rc == RC_OK ? template_percent(buf_text(&client->secret), client->secret.length, &client->secret_form) : rc;
    return told(rc, "the client_secret", err);
}

static void client_wipe(struct client *client) {
    wipe(&client->id);
    wipe(&client->secret);
    wipe(&client->id_form);
    wipe(&client->secret_form);
}

/* Form-urlencoded: %20 for a blank and + say the same to who decodes it. */
static enum rc add_field(struct buf *body, const char *name, const char *value) {
    enum rc rc = buf_add_char(body, '&');

    rc = rc == RC_OK ? template_percent(name, strlen(name), body) : rc;
    rc = rc == RC_OK ? buf_add_char(body, '=') : rc;
    return rc == RC_OK ? template_percent(value, strlen(value), body) : rc;
}

static enum rc add_data(const cJSON *data, const struct template_scope *scope, struct buf *body, struct err *err) {
    const cJSON *item;

    cJSON_ArrayForEach(item, data) {
        struct buf value = BUF_INIT(MOST_TEXT_BYTES);
        enum rc rc = fill(item->string, item->valuestring, scope, &value, err);

        rc = rc == RC_OK ? told(add_field(body, item->string, buf_text(&value)), "access_token_request_data", err) : rc;
        wipe(&value);
        if (rc != RC_OK) {
            return rc;
        }
    }
    return RC_OK;
}

static enum rc make_body(const struct source_auth *auth, const struct client *client, const struct template_scope *scope, struct request *request,
                         struct err *err) {
    struct buf body = BUF_INIT(MOST_BODY_BYTES);
    enum rc rc = buf_reserve(&body, MOST_BODY_BYTES);

    rc = rc == RC_OK ? buf_add_text(&body, "grant_type=client_credentials") : rc;
    rc = rc == RC_OK && auth->client_in_body ? add_field(&body, "client_id", buf_text(&client->id)) : rc;
    rc = rc == RC_OK && auth->client_in_body ? add_field(&body, "client_secret", buf_text(&client->secret)) : rc;
    rc = told(rc, "the request for an access token", err);
    rc = rc == RC_OK ? add_data(auth->access_token_request_data, scope, &body, err) : rc;
    if (rc == RC_OK) {
        request->body_length = body.length;
        request->body = buf_take(&body);
    }
    wipe(&body);
    return rc == RC_OK && request->body == NULL ? no_memory(err) : rc;
}

static enum rc make_headers(const struct source_auth *auth, const struct client *client, struct request *request, struct err *err) {
    struct buf line = BUF_INIT(4 * MOST_BODY_BYTES);
    enum rc rc = RC_OK;

    request->headers = calloc(4, sizeof(*request->headers));
    if (request->headers == NULL) {
        return no_memory(err);
    }
    request->headers[0] = strdup("Content-Type: application/x-www-form-urlencoded");
    request->headers[1] = request->headers[0] != NULL ? strdup("Accept: application/json") : NULL;
    if (request->headers[1] == NULL) {
        return no_memory(err);
    }
    if (!auth->client_in_body) {
        rc = told(buf_add_text(&line, "Authorization: "), "the header", err);
        rc = rc == RC_OK ? add_basic(&client->id_form, &client->secret_form, &line, err) : rc;
        request->headers[2] = rc == RC_OK ? buf_take(&line) : NULL;
        rc = rc == RC_OK && request->headers[2] == NULL ? no_memory(err) : rc;
    }
    wipe(&line);
    return rc;
}

enum rc auth_token_request(const struct source *source, const struct template_scope *scope, struct request *request, struct err *err) {
    struct client client;
    enum rc rc = client_init(&client, &source->auth, scope, err);

    *request = (struct request){.method = "POST"};
    if (rc == RC_OK) {
        request->url = strdup(source->auth.access_token_url);
        rc = request->url != NULL ? RC_OK : no_memory(err);
    }
    rc = rc == RC_OK ? make_headers(&source->auth, &client, request, err) : rc;
    rc = rc == RC_OK ? make_body(&source->auth, &client, scope, request, err) : rc;
    client_wipe(&client);
    if (rc != RC_OK) {
        auth_wipe(request);
    }
    return rc;
}

void auth_wipe(struct request *request) {
    for (char **header = request->headers; header != NULL && *header != NULL; header++) {
        explicit_bzero(*header, strlen(*header));
    }
    if (request->url != NULL) {
        explicit_bzero(request->url, strlen(request->url));
    }
    if (request->body != NULL) {
        explicit_bzero(request->body, request->body_length);
    }
    request_release(request);
}

/* --- the answer ------------------------------------------------------------------------------------------------------ */

static bool decode(struct slice body, const char *pointer, struct buf *out) {
    struct slice value;

    return json_find(body, pointer, &value) && json_type(value) == JSON_STRING && json_decode_string(value, out) == RC_OK &&
           strlen(buf_text(out)) == out->length;
}

/* A server that tells what it was sent must not make it known here. */
static bool holds_secret(const struct source_auth *auth, const struct template_scope *scope, const char *words) {
    struct buf basic = BUF_INIT(4 * MOST_BODY_BYTES);
    struct client client;
    bool holds = true; /* when it cannot be told */

    if (client_init(&client, auth, scope, NULL) == RC_OK && add_basic(&client.id_form, &client.secret_form, &basic, NULL) == RC_OK) {
        holds = strstr(words, buf_text(&client.secret)) != NULL || strstr(words, buf_text(&client.secret_form)) != NULL ||
                strstr(words, buf_text(&basic) + strlen("Basic ")) != NULL;
    }
    wipe(&basic);
    client_wipe(&client);
    return holds;
}

/* `error` or `error_description` for people's eyes; "" when there is none to show. */
static void words_of(const struct source_auth *auth, const struct template_scope *scope, struct slice body, const char *pointer, char *out, size_t size) {
    struct buf words = BUF_INIT(MOST_WORDS_BYTES);

    out[0] = '\0';
    if (decode(body, pointer, &words) && words.length > 0) {
        (void)str_printable(out, size, buf_text(&words), words.length);
        if (holds_secret(auth, scope, buf_text(&words))) {
            (void)str_copy(out, size, "words that hold a secret");
        }
    }
    wipe(&words);
}

/* NULL: all is well. The text is wiped by the caller. */
static const char *read_grant(const struct source_auth *auth, struct slice body, struct auth_token *token) {
    struct buf type = BUF_INIT(64), digits = BUF_INIT(32);
    struct slice life;
    const char *wrong = NULL;

    token->life_s = auth->default_token_expiration_s;
    if (buf_reserve(&token->text, body.length) != RC_OK || !decode(body, "/access_token", &token->text) || token->text.length == 0) {
        return "it has no access_token";
    }
    for (size_t i = 0; i < token->text.length; i++) {
        if (token->text.data[i] <= ' ' || token->text.data[i] >= 0x7f) {
            return "its access_token has other characters than visible ASCII";
        }
    }
    if (!decode(body, "/token_type", &type) || strcasecmp(buf_text(&type), "Bearer") != 0) {
        wrong = "its token_type is not Bearer";
    } else if (json_find(body, "/expires_in", &life)) {
        bool text = json_type(life) == JSON_STRING;
        double seconds;

        if (text ? !decode(body, "/expires_in", &digits) || digits.length == 0 || strspn(digits.data, "0123456789") != digits.length
                 : json_type(life) != JSON_NUMBER || buf_add(&digits, life.data, life.length) != RC_OK) {
            wrong = "its expires_in is no number";
        } else {
            seconds = strtod(buf_text(&digits), NULL);
            token->life_s = seconds < 1 ? 1 : seconds > LONGEST_LIFE_S ? LONGEST_LIFE_S : (int64_t)seconds;
        }
    }
    buf_release(&type);
    buf_release(&digits);
    return wrong;
}

enum auth_grant auth_read_token(const struct source *source, const struct template_scope *scope, int status, struct slice body, struct auth_token *token,
                                struct err *err) {
    static const struct json_rules rules = {.max_depth = LIMIT_JSON_DEPTH, .unique_names = true, .no_nul = true};
    const struct source_auth *auth = &source->auth;
    bool json = body.length > 0 && body.length <= AUTH_ANSWER_BYTES && json_check(body.data, body.length, &rules, NULL) == RC_OK;
    char error[80] = "", description[240] = "";
    const char *wrong;

    *token = (struct auth_token){.text = BUF_INIT(AUTH_ANSWER_BYTES)};
    if (status >= 200 && status < 300) {
        wrong = json ? read_grant(auth, body, token) : "it is no JSON";
        if (wrong == NULL) {
            return AUTH_GRANTED;
        }
        wipe(&token->text);
        (void)err_set(err, RC_PERM, "%s answered %d, but %s", auth->access_token_url, status, wrong);
        return AUTH_REFUSED;
    }
    if (json) {
        words_of(auth, scope, body, "/error", error, sizeof(error));
        words_of(auth, scope, body, "/error_description", description, sizeof(description));
    }
    (void)err_set(err, RC_PERM, "%s answered %d%s%s%s%s%s", auth->access_token_url, status, error[0] != '\0' ? ": " : "", error,
                  description[0] != '\0' ? " (" : "", description, description[0] != '\0' ? ")" : "");
    return status == 408 || status == 429 || status >= 500 ? AUTH_LATER : AUTH_REFUSED;
}
