// SPDX-License-Identifier: Apache-2.0
#include "source/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_fixture.h"

/* --- definitions ----------------------------------------------------------------------------------------------------- */

#define OAUTH "{\"auth\":{\"type\":\"oauth2_client_credentials\",\"access_token_url\":\"https://id.example/token\",\"client_id\":\"${secret:id}\","
#define OAUTH_REST "\"client_secret\":\"${secret:s}\"}}"
#define STEP(rest) "\"steps\":[{\"http\":{\"url\":\"https://h/\"," rest "}}]"

static void test_errors_name_member_and_mend(void **state) {
    static const struct {
        const char *patch, *says;
    } cases[] = {
        {"{\"auth\":\"x\"}", "/auth: must be an object"},
        {"{\"auth\":{}}", "/auth: needs a type"},
        {"{\"auth\":{\"type\":\"digest\"}}", "/auth/type: "},
        {"{\"auth\":{\"type\":\"bearer\"}}", "/auth: needs token"},
        {"{\"auth\":{\"type\":\"bearer\",\"token\":\"\"}}", "/auth/token: must not be empty"},
        {"{\"auth\":{\"type\":\"bearer\",\"token\":1}}", "/auth/token: must be text"},
        {"{\"auth\":{\"type\":\"bearer\",\"tokn\":\"a\"}}", "/auth/tokn: unknown member \"tokn\"; did you mean \"token\"?"},
        {"{\"auth\":{\"type\":\"bearer\",\"token\":\"${job.name}\"}}", "/auth/token: only ${secret:NAME}"},
        {"{\"auth\":{\"type\":\"bearer\",\"token\":\"${secret:a\"}}", "no closing"},
        {"{\"auth\":{\"type\":\"bearer\",\"token\":\"a\\nb\"}}", "/auth/token: has a line break"},
        {"{\"auth\":{\"type\":\"basic\",\"username\":\"a\"}}", "/auth: needs password"},
        {"{\"auth\":{\"type\":\"http_basic\",\"password\":\"a\"}}", "/auth: needs username"},
        {"{\"auth\":{\"type\":\"basic\",\"username\":\"a:b\",\"password\":\"\"}}", "/auth/username: must not have a colon"},
        {"{\"auth\":{\"type\":\"api_key\",\"api_key\":\"a\"}}", "/auth: needs name"},
        {"{\"auth\":{\"type\":\"api_key\",\"name\":\"X-K\"}}", "/auth: needs api_key"},
        {"{\"auth\":{\"type\":\"api_key\",\"name\":\"X K\",\"api_key\":\"a\"}}", "/auth/name: is no name of a header"},
        {"{\"auth\":{\"type\":\"api_key\",\"name\":\"host\",\"api_key\":\"a\"}}", "/auth/name: is set by the transport"},
        {"{\"auth\":{\"type\":\"api_key\",\"name\":\"k\",\"api_key\":\"a\",\"location\":\"cookie\"}}", "/auth/location: "},
        {"{\"auth\":{\"type\":\"bearer\",\"token\":\"a\"}," STEP("\"headers\":{\"authorization\":\"b\"}") "}", "/auth/type: gives the header Authorization"},
        {"{\"auth\":{\"type\":\"api_key\",\"name\":\"x-k\",\"api_key\":\"a\"}," STEP("\"headers\":{\"X-K\":\"b\"}") "}", "/auth/name: gives the header x-k"},
        {"{\"auth\":{\"type\":\"api_key\",\"name\":\"k\",\"api_key\":\"a\",\"location\":\"query\"}," STEP("\"params\":{\"k\":\"b\"}") "}",
         "/auth/name: gives the parameter k, which params give too: take one of them away"},
        {"{\"auth\":{\"type\":\"bearer\",\"token\":\"a\"},\"metering\":{\"purchase\":{\"headers\":{\"Authorization\":\"b\"}},\"cost_per_record\":1,"
         "\"currency\":\"USD\"}}",
         "/auth/type: gives the header Authorization"},
        {"{\"auth\":{\"type\":\"oauth2_client_credentials\",\"client_id\":\"a\",\"client_secret\":\"b\"}}", "/auth: needs access_token_url"},
        {"{\"auth\":{\"type\":\"oauth2_client_credentials\",\"access_token_url\":\"http://id.example/t\",\"client_id\":\"a\",\"client_secret\":\"b\"}}",
         "/auth/access_token_url: http://id.example/t: only https"},
        {"{\"auth\":{\"type\":\"oauth2_client_credentials\",\"access_token_url\":\"id.example/t\",\"client_id\":\"a\",\"client_secret\":\"b\"}}",
         "/auth/access_token_url: must begin with https://"},
        {"{\"auth\":{\"type\":\"oauth2_client_credentials\",\"access_token_url\":\"https://u@id.example/t\",\"client_id\":\"a\",\"client_secret\":\"b\"}}",
         "/auth/access_token_url: "},
        {"{\"auth\":{\"type\":\"oauth2_client_credentials\",\"access_token_url\":\"https://${secret:h}/t\",\"client_id\":\"a\",\"client_secret\":\"b\"}}",
         "/auth/access_token_url: must be written out"},
        {OAUTH "\"access_token_request_data\":[]," OAUTH_REST, "/auth/access_token_request_data: must be an object"},
        {OAUTH "\"access_token_request_data\":{\"scope\":1}," OAUTH_REST, "/auth/access_token_request_data/scope: must be text"},
        {OAUTH "\"access_token_request_data\":{\"grant_type\":\"x\"}," OAUTH_REST, "/auth/access_token_request_data/grant_type: is sent by itself"},
        {OAUTH "\"client_auth\":\"header\"," OAUTH_REST, "/auth/client_auth: "},
        {OAUTH "\"default_token_expiration\":0," OAUTH_REST, "/auth/default_token_expiration: "},
        {"{\"tls\":[]}", "/tls: must be an object"},
        {"{\"tls\":{\"key_file\":\"k\"}}", "/tls/key_file: is of no use without cert_file"},
        {"{\"tls\":{\"ca_file\":\"\"}}", "/tls/ca_file: must be the path"},
        {"{\"tls\":{\"ca_file\":\"${secret:ca}\"}}", "/tls/ca_file: is the path of a file, not a template"},
        {"{\"proxy\":{}}", "/proxy: needs a url"},
        {"{\"proxy\":{\"url\":\"proxy:3128\"}}", "/proxy/url: must begin with http://, https:// or socks5h://"},
        {"{\"proxy\":{\"url\":\"socks5://proxy:3128\"}}", "/proxy/url: must begin with"},
        {"{\"proxy\":{\"url\":\"http://u:p@proxy:3128\"}}", "/proxy/url: must not have a user in it"},
        {"{\"proxy\":{\"url\":\"http://proxy:3128/\"}}", "/proxy/url: must end with the host"},
        {"{\"proxy\":{\"url\":\"http://${secret:p}\"}}", "/proxy/url: must be written out"},
        {"{\"proxy\":{\"url\":\"http://p\",\"password\":\"x\"}}", "/proxy/password: is of no use without username"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = definition(cases[i].patch);
        struct source *source;
        struct err err = {0};

        if (source_parse("items.json", text, strlen(text), &source, &err) != RC_PERM || strstr(err.text, cases[i].says) == NULL) {
            fail_msg("%s\n  wanted: %s\n  got:    %s", cases[i].patch, cases[i].says, err.text);
        }
        assert_null(source);
        free(text);
    }
}

static void gather(void *context, const char *name, bool optional) {
    (void)optional;
    char *names = context;

    (void)strcat(strcat(names, name), " ");
}

static void test_secrets_are_found(void **state) {
    struct source *s =
        source_of("{\"auth\":{\"type\":\"oauth2_client_credentials\",\"access_token_url\":\"https://id.example/token\",\"client_id\":\"${secret:id}\","
                  "\"access_token_request_data\":{\"scope\":\"${secret:scope}\"},\"client_secret\":\"${secret:s}\"},"
                  "\"proxy\":{\"url\":\"http://p:1\",\"username\":\"${secret:pu}\",\"password\":\"${secret:pp}\"},"
                  "\"tls\":{\"ca_file\":\"ca.pem\",\"cert_file\":\"/c.pem\",\"key_file\":\"k.pem\"}}");
    char names[200] = "";

    (void)state;
    source_secrets(s, gather, names);
    assert_string_equal(names, "scope id s pu pp ");
    assert_string_equal(s->tls.ca_file, "ca.pem");
    assert_string_equal(s->tls.cert_file, "/c.pem");
    assert_string_equal(s->tls.key_file, "k.pem");
    assert_string_equal(s->proxy.url, "http://p:1");
    assert_int_equal(s->auth.default_token_expiration_s, 3600);
    assert_false(s->auth.client_in_body);
    source_free(s);
}

/* --- applying -------------------------------------------------------------------------------------------------------- */

/* A secret's text is what SECRETS says of its name: "name=text;...". */
static const char *secret(void *context, const char *name) {
    static char text[200];
    const char *at = context;
    size_t length = strlen(name);

    while (at != NULL && *at != '\0') {
        const char *end = strchr(at, ';');

        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            (void)snprintf(text, sizeof(text), "%.*s", (int)(end - at - (long)length - 1), at + length + 1);
            return text;
        }
        at = end + 1;
    }
    return NULL;
}

static struct template_scope scope_of(const char *secrets) {
    union {
        const char *in;
        void *out;
    } context = {.in = secrets};

    return (struct template_scope){.secret = secret, .secret_context = context.out};
}

/* The whole request of a source, as its headers and URL in one text. */
static void request_is(const char *patch, const char *secrets, const char *token, const char *url, const char *header) {
    struct source *s = source_of(patch);
    struct template_scope scope = scope_of(secrets);
    struct request r;
    struct err err = {0};

    scope.job = cJSON_CreateObject();
    scope.access_token = token;
    if (request_make(s, 0, 0, REQUEST_FREE, NULL, &scope, &r, &err) != RC_OK) {
        fail_msg("%s: %s", patch, err.text);
    }
    assert_string_equal(r.url, url);
    if (header == NULL) {
        assert_null(r.headers[0]);
    } else {
        assert_string_equal(r.headers[0], header);
        assert_null(r.headers[1]);
    }
    request_release(&r);
    cJSON_Delete((cJSON *)(uintptr_t)scope.job);
    source_free(s);
}

#define URL "https://api.example.com/items"

static void test_headers(void **state) {
    (void)state;
    request_is("{\"auth\":{\"type\":\"bearer\",\"token\":\"${secret:t}\"}}", "t=abc.def;", NULL, URL, "Authorization: Bearer abc.def");
    /* RFC 7617 section 2, and section 2.1: "test" with the pound sign, in UTF-8. */
    request_is("{\"auth\":{\"type\":\"basic\",\"username\":\"Aladdin\",\"password\":\"${secret:p}\"}}", "p=open sesame;", NULL, URL,
               "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    request_is("{\"auth\":{\"type\":\"http_basic\",\"username\":\"test\",\"password\":\"${secret:p}\"}}", "p=123\xc2\xa3;", NULL, URL,
               "Authorization: Basic dGVzdDoxMjPCow==");
    request_is("{\"auth\":{\"type\":\"basic\",\"username\":\"J\xc3\xb6rg\",\"password\":\"\"}}", "", NULL, URL, "Authorization: Basic SsO2cmc6");
    request_is("{\"auth\":{\"type\":\"basic\",\"username\":\"${secret:u}\",\"password\":\"a:b\"}}", "u=k;", NULL, URL, "Authorization: Basic azphOmI=");
    request_is("{\"auth\":{\"type\":\"api_key\",\"name\":\"X-API-Key\",\"api_key\":\"${secret:k}\"}}", "k=s3cret;", NULL, URL, "X-API-Key: s3cret");
    request_is("{\"auth\":{\"type\":\"api_key\",\"name\":\"key\",\"api_key\":\"${secret:k}\",\"location\":\"query\"}}", "k=a&b=c d/\xc3\xb6;", NULL,
               URL "?key=a%26b%3Dc%20d%2F%C3%B6", NULL);
    request_is(OAUTH OAUTH_REST, "", "tok-1", URL, "Authorization: Bearer tok-1");
    request_is(OAUTH OAUTH_REST, "", NULL, URL, NULL);
    request_is("{}", "", "tok-1", URL, NULL);
}

static void test_a_key_in_the_query_is_hidden(void **state) {
    struct source *s = source_of("{\"auth\":{\"type\":\"api_key\",\"name\":\"key\",\"api_key\":\"${secret:k}\",\"location\":\"query\"}}");

    (void)state;
    assert_int_equal(s->hidden_count, 1);
    assert_string_equal(s->hidden_params[0], "key");
    source_free(s);
    s = source_of("{\"auth\":{\"type\":\"api_key\",\"name\":\"key\",\"api_key\":\"${secret:k}\"}}");
    assert_int_equal(s->hidden_count, 0);
    source_free(s);
}

static void test_what_is_kept_does_not_show_it(void **state) {
    static const struct {
        const char *text, *kept;
    } cases[] = {
        {"<https://h/items?a=1&key=s%26x&b=2>; rel=\"next\"", "<https://h/items?a=1&key=&b=2>; rel=\"next\""},
        {"<https://h/?KEY=s>; rel=next, </x?key=s#f>; rel=last", "<https://h/?KEY=>; rel=next, </x?key=#f>; rel=last"},
        {"GET /items?key=s,t;u failed", "GET /items?key= failed"},
        {"/items?token=t&key=s", "/items?token=&key="},
        {"/items?monkey=a&keys=b&key", "/items?monkey=a&keys=b&key"},
        {"key=a", "key=a"},
        {"", ""},
    };
    struct source *s = source_of("{\"auth\":{\"type\":\"api_key\",\"name\":\"key\",\"api_key\":\"${secret:k}\",\"location\":\"query\"}," STEP(
        "\"params\":{\"token\":\"${secret:t}\"}") "}");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200];

        (void)snprintf(text, sizeof(text), "%s", cases[i].text);
        auth_hide(s, text);
        assert_string_equal(text, cases[i].kept);
    }
    source_free(s);
}

static void test_what_cannot_be_sent(void **state) {
    static const struct {
        const char *auth, *secrets, *says;
    } cases[] = {
        {"{\"type\":\"bearer\",\"token\":\"${secret:t}\"}", "", "the secret t is missing"},
        {"{\"type\":\"bearer\",\"token\":\"${secret:t}\"}", "t=;", "the bearer token is empty"},
        {"{\"type\":\"bearer\",\"token\":\"${secret:t}\"}", "t=CANARY\r\nX: y;", "the bearer token has a line break"},
        {"{\"type\":\"api_key\",\"name\":\"k\",\"location\":\"query\",\"api_key\":\"${secret:t}\"}", "t=CANARY\n;", "the API key has a line break"},
        {"{\"type\":\"basic\",\"username\":\"${secret:t}\",\"password\":\"\"}", "t=CANARY:1;", "the user name has a colon"},
        {"{\"type\":\"basic\",\"username\":\"u\",\"password\":\"${secret:t}\"}", "t=CANARY\x7f;", "the password has a line break"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char patch[300];
        struct err err = {0};
        struct request r;

        (void)snprintf(patch, sizeof(patch), "{\"auth\":%s}", cases[i].auth);
        struct source *s = source_of(patch);
        const struct template_scope scope = scope_of(cases[i].secrets);
        assert_int_equal(request_make(s, 0, 0, REQUEST_FREE, NULL, &scope, &r, &err), RC_PERM);
        if (strstr(err.text, cases[i].says) == NULL || strstr(err.text, "CANARY") != NULL) {
            fail_msg("wanted: %s\n  got: %s", cases[i].says, err.text);
        }
        source_free(s);
    }
}

/* --- tokens ---------------------------------------------------------------------------------------------------------- */

static void token_request_is(const char *patch, const char *secrets, const char *header, const char *body) {
    struct source *s = source_of(patch);
    const struct template_scope scope = scope_of(secrets);
    struct request r;
    struct err err = {0};

    if (auth_token_request(s, &scope, &r, &err) != RC_OK) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(r.method, "POST");
    assert_string_equal(r.url, "https://id.example/token");
    assert_string_equal(r.headers[0], "Content-Type: application/x-www-form-urlencoded");
    assert_string_equal(r.headers[1], "Accept: application/json");
    if (header == NULL) {
        assert_null(r.headers[2]);
    } else {
        assert_string_equal(r.headers[2], header);
        assert_null(r.headers[3]);
    }
    assert_string_equal(r.body, body);
    assert_int_equal(r.body_length, strlen(body));
    auth_wipe(&r);
    assert_null(r.body);
    source_free(s);
}

static void test_token_request(void **state) {
    (void)state;
    /* RFC 6749 section 2.3.1 */
    token_request_is(OAUTH OAUTH_REST, "id=s6BhdRkqt3;s=7Fjfp0ZBr1KtDRbnfVdmIw;", "Authorization: Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",
                     "grant_type=client_credentials");
    /* Reserved characters: base64 of "a%3Ab%2Bc:%25%20%C3%B6%26" */
    token_request_is(OAUTH OAUTH_REST, "id=a:b+c;s=% \xc3\xb6&;", "Authorization: Basic YSUzQWIlMkJjOiUyNSUyMCVDMyVCNiUyNg==", "grant_type=client_credentials");
    token_request_is(OAUTH "\"client_auth\":\"body\",\"access_token_request_data\":{\"scope\":\"read write\",\"x&y\":\"${secret:id}\"}," OAUTH_REST,
                     "id=a:b;s=c=d&e;", NULL, "grant_type=client_credentials&client_id=a%3Ab&client_secret=c%3Dd%26e&scope=read%20write&x%26y=a%3Ab");
}

static enum auth_grant answer(int status, const char *body, struct auth_token *token, struct err *err) {
    struct source *s = source_of(OAUTH "\"default_token_expiration\":77," OAUTH_REST);
    const struct template_scope scope = scope_of("id=CANARY-ID;s=CANARY/S;");

    *err = (struct err){0};
    enum auth_grant grant = auth_read_token(s, &scope, status, slice_of(body), token, err);
    source_free(s);
    return grant;
}

static void test_granted(void **state) {
    static const struct {
        const char *expires;
        int64_t life_s;
    } cases[] = {{"", 77},
                 {",\"expires_in\":3600", 3600},
                 {",\"expires_in\":\"120\"", 120},
                 {",\"expires_in\":59.9", 59},
                 {",\"expires_in\":0", 1},
                 {",\"expires_in\":-5", 1},
                 {",\"expires_in\":1e300", 31536000},
                 {",\"expires_in\":\"99999999999999999999\"", 31536000}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[200];
        struct auth_token token;
        struct err err;

        (void)snprintf(body, sizeof(body), "{\"access_token\":\"2Y\\u006ftn~\",\"token_type\":\"bEARER\"%s}\n", cases[i].expires);
        if (answer(200, body, &token, &err) != AUTH_GRANTED) {
            fail_msg("%s: %s", body, err.text);
        }
        assert_string_equal(buf_text(&token.text), "2Yotn~");
        assert_int_equal(token.life_s, cases[i].life_s);
        buf_release(&token.text);
    }
}

static void test_no_token(void **state) {
    static const struct {
        int status;
        const char *body, *says;
        enum auth_grant grant;
    } cases[] = {
        {200, "", "it is no JSON", AUTH_REFUSED},
        {200, "<html>", "it is no JSON", AUTH_REFUSED},
        {200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"token_type\":\"mac\"}", "it is no JSON", AUTH_REFUSED},
        {200, "[]", "it has no access_token", AUTH_REFUSED},
        {200, "{\"access_token\":\"\",\"token_type\":\"Bearer\"}", "it has no access_token", AUTH_REFUSED},
        {200, "{\"access_token\":1,\"token_type\":\"Bearer\"}", "it has no access_token", AUTH_REFUSED},
        {200, "{\"access_token\":\"a b\",\"token_type\":\"Bearer\"}", "other characters", AUTH_REFUSED},
        {200, "{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"Bearer\"}", "other characters", AUTH_REFUSED},
        {200, "{\"access_token\":\"\xc3\xb6\",\"token_type\":\"Bearer\"}", "other characters", AUTH_REFUSED},
        {200, "{\"access_token\":\"a\"}", "its token_type is not Bearer", AUTH_REFUSED},
        {200, "{\"access_token\":\"a\",\"token_type\":\"mac\"}", "its token_type is not Bearer", AUTH_REFUSED},
        {200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":null}", "its expires_in is no number", AUTH_REFUSED},
        {200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":\"1h\"}", "its expires_in is no number", AUTH_REFUSED},
        {302, "", "https://id.example/token answered 302", AUTH_REFUSED},
        {400, "{\"error\":\"invalid_scope\"}", "answered 400: invalid_scope", AUTH_REFUSED},
        {401, "{\"error\":\"invalid_client\",\"error_description\":\"no\\u001b such\"}", "answered 401: invalid_client (no\\x1b such)", AUTH_REFUSED},
        {401, "{\"error\":\"invalid_client\",\"error_description\":\"not CANARY/S\"}", "invalid_client (words that hold a secret)", AUTH_REFUSED},
        {401, "{\"error\":\"invalid_client\",\"error_description\":\"not CANARY%2FS\"}", "invalid_client (words that hold a secret)", AUTH_REFUSED},
        {401, "{\"error\":\"not Q0FOQVJZLUlEOkNBTkFSWSUyRlM=\"}", "answered 401: words that hold a secret", AUTH_REFUSED},
        {408, "", "answered 408", AUTH_LATER},
        {429, "{\"error\":\"slow_down\"}", "answered 429: slow_down", AUTH_LATER},
        {503, "<html>", "answered 503", AUTH_LATER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct auth_token token;
        struct err err;

        if (answer(cases[i].status, cases[i].body, &token, &err) != cases[i].grant || strstr(err.text, cases[i].says) == NULL) {
            fail_msg("%d %s: %s", cases[i].status, cases[i].body, err.text);
        }
        assert_null(strstr(err.text, "CANARY"));
        assert_null(strstr(err.text, "Q0FOQV"));
        assert_null(token.text.data);
    }
}

static void test_a_huge_answer(void **state) {
    static char body[AUTH_ANSWER_BYTES + 100];
    struct auth_token token;
    struct err err;

    (void)state;
    memset(body, ' ', sizeof(body) - 1);
    memcpy(body, "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}", 42);
    assert_int_equal(answer(200, body, &token, &err), AUTH_REFUSED);
    body[AUTH_ANSWER_BYTES] = '\0';
    assert_int_equal(answer(200, body, &token, &err), AUTH_GRANTED);
    buf_release(&token.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_name_member_and_mend),
        cmocka_unit_test(test_secrets_are_found),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_a_key_in_the_query_is_hidden),
        cmocka_unit_test(test_what_is_kept_does_not_show_it),
        cmocka_unit_test(test_what_cannot_be_sent),
        cmocka_unit_test(test_token_request),
        cmocka_unit_test(test_granted),
        cmocka_unit_test(test_no_token),
        cmocka_unit_test(test_a_huge_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
