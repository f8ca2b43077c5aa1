// SPDX-License-Identifier: Apache-2.0
#include "api/access.h"

#include "spool_scratch.h"

#include <jwt.h>
#include <sodium.h>

#define NOW INT64_C(1795000000)
#define FAMILY "0123456789abcdef0123456789abcdef"

static const struct user USER = {.name = "ops", .role = ROLE_OPERATOR, .epoch = "e1"};

struct signer {
    struct secret secret;
};

static int setup(void **state) {
    static struct signer s;
    assert_true(sodium_init() >= 0);
    randombytes_buf(&s.secret, sizeof s.secret);
    *state = &s;
    return 0;
}

static void encode(const char *text, char *out, size_t size) {
    sodium_bin2base64(out, size, (const unsigned char *)text, strlen(text), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* Any header and claims, signed as HS256 signs. */
static void forge(const struct secret *secret, const char *header, const char *claims, char out[4096]) {
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char head[512], body[2048], sign[SECRET_MAC_SIZE];
    encode(header, head, sizeof head);
    encode(claims, body, sizeof body);
    snprintf(out, 4096, "%s.%s", head, body);
    crypto_auth_hmacsha256_state st;
    crypto_auth_hmacsha256_init(&st, secret->key, sizeof secret->key);
    crypto_auth_hmacsha256_update(&st, (unsigned char *)out, strlen(out));
    crypto_auth_hmacsha256_final(&st, mac);
    sodium_bin2base64(sign, sizeof sign, mac, sizeof mac, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(out + strlen(out), 4096 - strlen(out), ".%s", sign);
}

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS(rest) "{\"iss\":\"batchspool-httpd\",\"sub\":\"ops\",\"role\":\"operator\",\"jti\":\"x\",\"fam\":\"" FAMILY "\",\"epoch\":\"e1\"" rest "}"
#define TIMES ",\"iat\":1794999990,\"exp\":1795000800"
#define AUD ",\"aud\":\"batchspool\""

static void test_round(void **state) {
    const struct signer *s = *state;
    char token[ACCESS_SIZE], again[ACCESS_SIZE];
    struct access a;
    struct err err = {0};
    assert_int_equal(access_issue(&s->secret, &USER, FAMILY, NOW, token, &err), RC_OK);
    assert_int_equal(access_read(&s->secret, token, NOW, &a, &err), RC_OK);
    assert_string_equal(a.sub, "ops");
    assert_string_equal(a.family, FAMILY);
    assert_string_equal(a.epoch, "e1");
    assert_int_equal(a.role, ROLE_OPERATOR);
    assert_int_equal(a.issued_s, NOW);
    assert_int_equal(a.expires_s, NOW + 900);
    assert_int_equal(access_issue(&s->secret, &USER, FAMILY, NOW, again, &err), RC_OK);
    assert_string_not_equal(token, again); /* jti */
}

/* What we write is a JWT to others. */
static void test_library_agrees(void **state) {
    const struct signer *s = *state;
    char token[ACCESS_SIZE];
    struct err err = {0};
    jwt_t *jwt = NULL;
    assert_int_equal(access_issue(&s->secret, &USER, FAMILY, NOW, token, &err), RC_OK);
    assert_int_equal(jwt_decode(&jwt, token, s->secret.key, sizeof s->secret.key), 0);
    assert_int_equal(jwt_get_alg(jwt), JWT_ALG_HS256);
    assert_string_equal(jwt_get_grant(jwt, "aud"), "batchspool");
    assert_int_equal(jwt_get_grant_int(jwt, "exp"), NOW + 900);
    jwt_free(jwt);
}

static void test_times(void **state) {
    const struct signer *s = *state;
    char token[ACCESS_SIZE];
    struct access a;
    struct err err = {0};
    assert_int_equal(access_issue(&s->secret, &USER, FAMILY, NOW, token, &err), RC_OK);
    assert_int_equal(access_read(&s->secret, token, NOW + 899, &a, &err), RC_OK);
    assert_int_equal(access_read(&s->secret, token, NOW + 900, &a, &err), RC_AGAIN);
    assert_int_equal(access_read(&s->secret, token, NOW + 9000000, &a, &err), RC_AGAIN);
    assert_int_equal(access_read(&s->secret, token, NOW - 60, &a, &err), RC_OK);
    assert_int_equal(access_read(&s->secret, token, NOW - 61, &a, &err), RC_PERM);
}

/* Another algorithm than the one, whoever signed: with our own key, with none, or as text of a public key. */
static void test_algorithms(void **state) {
    static const char *const headers[] = {
        "{\"alg\":\"none\",\"typ\":\"JWT\"}",
        "{\"alg\":\"None\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS512\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS384\",\"typ\":\"JWT\"}",
        "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"hs256\",\"typ\":\"JWT\"}",
        "{\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\"}",
        "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"../../etc/passwd\"}",
        "{\"alg\":\"none\",\"alg\":\"HS256\",\"typ\":\"JWT\"}",
        "{ \"alg\":\"HS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"crit\":[\"exp\"]}",
        "[]",
        "",
    };
    const struct signer *s = *state;
    char token[4096];
    struct access a;
    struct err err = {0};
    forge(&s->secret, HEADER, CLAIMS(AUD TIMES), token);
    assert_int_equal(access_read(&s->secret, token, NOW, &a, &err), RC_OK);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        forge(&s->secret, headers[i], CLAIMS(AUD TIMES), token);
        if (access_read(&s->secret, token, NOW, &a, &err) != RC_PERM)
            fail_msg("%s is taken", headers[i]);
        *(strrchr(token, '.') + 1) = '\0'; /* without its signature */
        assert_int_equal(access_read(&s->secret, token, NOW, &a, &err), RC_PERM);
    }
    for (jwt_alg_t alg = JWT_ALG_NONE; alg < JWT_ALG_RS256; alg++) {
        jwt_t *jwt;
        char *text;
        assert_int_equal(jwt_new(&jwt), 0);
        assert_int_equal(jwt_add_grants_json(jwt, CLAIMS(AUD TIMES)), 0);
        assert_int_equal(jwt_set_alg(jwt, alg, alg == JWT_ALG_NONE ? NULL : s->secret.key, alg == JWT_ALG_NONE ? 0 : 32), 0);
        text = jwt_encode_str(jwt);
        assert_non_null(text);
        assert_int_equal(access_read(&s->secret, text, NOW, &a, &err), alg == JWT_ALG_HS256 ? RC_OK : RC_PERM);
        free(text);
        jwt_free(jwt);
    }
}

static void test_claims(void **state) {
    static const struct {
        const char *claims;
        enum rc rc;
    } cases[] = {
        {CLAIMS(AUD TIMES), RC_OK},
        {CLAIMS(TIMES), RC_PERM},
        {CLAIMS(",\"aud\":\"other\"" TIMES), RC_PERM},
        {CLAIMS(",\"aud\":[\"batchspool\"]" TIMES), RC_PERM},
        {CLAIMS(AUD ",\"iat\":1794999990"), RC_PERM},
        {CLAIMS(AUD ",\"exp\":1795000800"), RC_PERM},
        {CLAIMS(AUD ",\"iat\":1794999990,\"exp\":\"1795000800\""), RC_PERM},
        {CLAIMS(AUD ",\"iat\":1794999990,\"exp\":null"), RC_PERM},
        {CLAIMS(AUD ",\"iat\":1794999990,\"exp\":-1"), RC_PERM},
        {CLAIMS(AUD ",\"iat\":1794999990,\"exp\":1e300"), RC_PERM},
        {CLAIMS(AUD ",\"iat\":1794999990,\"exp\":1795999990"), RC_PERM}, /* longer than we give */
        {CLAIMS(AUD ",\"iat\":1795000061,\"exp\":1795000800"), RC_PERM},
        {CLAIMS(AUD ",\"nbf\":1795000061" TIMES), RC_PERM},
        {CLAIMS(AUD ",\"nbf\":\"x\"" TIMES), RC_PERM},
        {CLAIMS(AUD ",\"nbf\":1795000000" TIMES), RC_OK},
        {CLAIMS(AUD ",\"iat\":1794990000,\"exp\":1794990900"), RC_AGAIN},
        {"{\"iss\":\"x\",\"sub\":\"ops\",\"role\":\"operator\",\"jti\":\"x\",\"fam\":\"f\",\"epoch\":\"e\"" AUD TIMES "}", RC_PERM},
        {"{\"iss\":\"batchspool-httpd\",\"role\":\"operator\",\"jti\":\"x\",\"fam\":\"f\",\"epoch\":\"e\"" AUD TIMES "}", RC_PERM},
        {"{\"iss\":\"batchspool-httpd\",\"sub\":\"ops\",\"role\":\"king\",\"jti\":\"x\",\"fam\":\"f\",\"epoch\":\"e\"" AUD TIMES "}", RC_PERM},
        {"{\"iss\":\"batchspool-httpd\",\"sub\":\"ops\",\"role\":\"admin\",\"jti\":\"x\",\"epoch\":\"e\"" AUD TIMES "}", RC_PERM},
        {"{\"iss\":\"batchspool-httpd\",\"sub\":\"ops\",\"role\":\"admin\",\"jti\":\"x\",\"fam\":\"\",\"epoch\":\"e\"" AUD TIMES "}", RC_PERM},
        {"{}", RC_PERM},
        {"[]", RC_PERM},
        {"not json", RC_PERM},
        {"", RC_PERM},
    };
    const struct signer *s = *state;
    char token[4096];
    struct access a;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        forge(&s->secret, HEADER, cases[i].claims, token);
        const enum rc rc = access_read(&s->secret, token, NOW, &a, &err);
        if (rc != cases[i].rc)
            fail_msg("%s: %s (%s)", cases[i].claims, rc_name(rc), err.text);
    }
}

/* No changed character, no missing, added or doubled part is taken. */
static void test_tampering(void **state) {
    const struct signer *s = *state;
    char token[ACCESS_SIZE], changed[2 * ACCESS_SIZE];
    struct secret other = s->secret;
    struct access a;
    struct err err = {0};
    assert_int_equal(access_issue(&s->secret, &USER, FAMILY, NOW, token, &err), RC_OK);
    const size_t length = strlen(token);
    for (size_t i = 0; i < length; i++) {
        memcpy(changed, token, length + 1);
        for (unsigned bit = 0; bit < 7; bit++) {
            changed[i] = (char)(token[i] ^ (1 << bit));
            if (access_read(&s->secret, changed, NOW, &a, &err) != RC_PERM)
                fail_msg("%s is taken", changed);
        }
        memcpy(changed, token, length + 1);
        changed[i] = '\0'; /* cut */
        assert_int_equal(access_read(&s->secret, changed, NOW, &a, &err), RC_PERM);
    }
    static const char *const tails[] = {"=", "A", ".", ".x", " ", "\n"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        snprintf(changed, sizeof changed, "%s%s", token, tails[i]);
        assert_int_equal(access_read(&s->secret, changed, NOW, &a, &err), RC_PERM);
    }
    memset(changed, 'A', sizeof changed - 1);
    changed[sizeof changed - 1] = '\0';
    memcpy(changed, token, strcspn(token, ".") + 1);
    assert_int_equal(access_read(&s->secret, changed, NOW, &a, &err), RC_PERM);
    other.key[31] ^= 1;
    assert_int_equal(access_read(&other, token, NOW, &a, &err), RC_PERM);
    assert_null(strstr(err.text, token));
}

static void test_secret(void **state) {
    struct bench *b = *state;
    struct secret one, two;
    struct stat st;
    char mac[SECRET_MAC_SIZE], other[SECRET_MAC_SIZE];
    assert_int_equal(secret_load(b->spool, &one, &b->err), RC_OK);
    assert_int_equal(fstatat(b->spool->web_fd, "secret", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(secret_load(b->spool, &two, &b->err), RC_OK);
    assert_memory_equal(&one, &two, sizeof one);
    assert_int_equal(fchmodat(b->spool->web_fd, "secret", 0640, 0), 0);
    assert_int_equal(secret_load(b->spool, &two, &b->err), RC_PERM);
    assert_int_equal(fchmodat(b->spool->web_fd, "secret", 0600, 0), 0);
    bench_put(b->spool->web_fd, "secret", "short\n");
    assert_int_equal(secret_load(b->spool, &two, &b->err), RC_CORRUPT);
    assert_int_equal(unlinkat(b->spool->web_fd, "secret", 0), 0);
    assert_int_equal(symlinkat("/etc/hostname", b->spool->web_fd, "secret"), 0);
    assert_int_equal(secret_load(b->spool, &two, &b->err), RC_PERM);
    secret_mac(&one, "csrf", "x", mac);
    secret_mac(&one, "refresh", "x", other);
    assert_int_equal(strlen(mac), SECRET_MAC_SIZE - 1);
    assert_string_not_equal(mac, other);
    assert_true(secret_same(mac, mac));
    assert_false(secret_same(mac, other));
    assert_false(secret_same(mac, ""));
}

static int load_secret(struct bench *b) {
    struct secret secret;
    struct err err = {0};
    return secret_load(b->spool, &secret, &err) ? 1 : 0;
}

static void test_secret_faults(void **state) {
    struct bench *b = *state;
    struct secret secret;
    unsigned n = 0;
    bool any = true;
    while (any) {
        char plan[32];
        int code;
        snprintf(plan, sizeof plan, "%u:kill", ++n);
        any = bench_faulty(b, plan, load_secret, &code);
        assert_int_equal(secret_load(b->spool, &secret, &b->err), RC_OK);
        assert_int_equal(unlinkat(b->spool->web_fd, "secret", 0), 0);
    }
    assert_true(n > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_round, setup),
        cmocka_unit_test_setup(test_library_agrees, setup),
        cmocka_unit_test_setup(test_times, setup),
        cmocka_unit_test_setup(test_algorithms, setup),
        cmocka_unit_test_setup(test_claims, setup),
        cmocka_unit_test_setup(test_tampering, setup),
        BENCH_TEST(test_secret),
        BENCH_TEST(test_secret_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
