// SPDX-License-Identifier: Apache-2.0
#include "api/secret.h"

#include "base/str.h"
#include "os/fsio.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "secret"
#define TEXT_BYTES (2 * SECRET_BYTES)

/* What is there: the secret alone, with or without a line feed. */
static enum rc read_secret(const struct spool *spool, struct secret *secret, struct err *err) {
    char text[TEXT_BYTES + 1] = "";
    struct buf file = BUF_INIT(256);
    struct stat st;
    int fd;
    enum rc rc = fsio_open_read(spool->web_fd, NAME, &fd, &st, err);
    if (rc)
        return rc == RC_GONE ? rc : err_prefix(err, rc, "web");
    rc = fsio_read_all(fd, &file, err);
    close(fd);
    if (!rc && (st.st_mode & 0077))
        rc = err_set(err, RC_PERM, "%s/web/" NAME " can be read by others (mode %04o): make it new, `rm %s/web/" NAME "`; all sign in again", spool->root,
                     (unsigned)(st.st_mode & 07777), spool->root);
    else if (!rc && st.st_uid != geteuid() && geteuid() != 0)
        rc = err_set(err, RC_PERM, "%s/web/" NAME " is another user's (uid %u)", spool->root, (unsigned)st.st_uid);
    while (!rc && file.length && strchr("\r\n", file.data[file.length - 1]))
        file.length--;
    if (!rc && file.length == TEXT_BYTES)
        memcpy(text, file.data, TEXT_BYTES);
    if (!rc && !str_unhex(text, secret->key, SECRET_BYTES))
        rc = err_set(err, RC_CORRUPT, "%s/web/" NAME " is not %d hexadecimal digits: remove it, and a new one is made; all sign in again", spool->root,
                     TEXT_BYTES);
    if (file.data)
        sodium_memzero(file.data, file.capacity);
    sodium_memzero(text, sizeof text);
    buf_release(&file);
    return rc;
}

/* Published without replacing: of two programs that start together both use the one that came first. */
static enum rc make_secret(const struct spool *spool, struct err *err) {
    char tmp[64], text[TEXT_BYTES + 2];
    unsigned char key[SECRET_BYTES];
    int fd;
    str_format(tmp, sizeof tmp, "." NAME ".%ld", (long)getpid());
    enum rc rc = fsio_unlink(spool->web_fd, tmp, NULL);
    rc = fsio_create(spool->web_fd, tmp, 0600, &fd, err);
    if (rc)
        return err_prefix(err, rc, "web");
    randombytes_buf(key, sizeof key);
    str_hex(key, sizeof key, text);
    text[TEXT_BYTES] = '\n';
    rc = fsio_write(fd, text, TEXT_BYTES + 1, err);
    if (!rc)
        rc = fsio_sync(fd, err);
    close(fd);
    sodium_memzero(key, sizeof key);
    sodium_memzero(text, sizeof text);
    if (!rc)
        rc = fsio_rename_new(spool->web_fd, tmp, spool->web_fd, NAME, err);
    if (!rc)
        return fsio_sync_dir(spool->web_fd, ".", err);
    const bool other = rc == RC_PERM && errno == EEXIST;
    fsio_unlink(spool->web_fd, tmp, NULL);
    return other ? RC_OK : err_prefix(err, rc, "web");
}

enum rc secret_load(const struct spool *spool, struct secret *secret, struct err *err) {
    if (sodium_init() < 0)
        return err_set(err, RC_FATAL, "libsodium does not start");
    enum rc rc = read_secret(spool, secret, err);
    if (rc != RC_GONE)
        return rc;
    rc = make_secret(spool, err);
    return rc ? rc : read_secret(spool, secret, err);
}

void secret_wipe(struct secret *secret) {
    sodium_memzero(secret, sizeof *secret);
}

static void to_text(const unsigned char bytes[32], char out[SECRET_MAC_SIZE]) {
    sodium_bin2base64(out, SECRET_MAC_SIZE, bytes, 32, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void secret_mac(const struct secret *secret, const char *label, const char *text, char out[SECRET_MAC_SIZE]) {
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_init(&state, secret->key, sizeof secret->key);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)label, strlen(label));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)":", 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, strlen(text));
    crypto_auth_hmacsha256_final(&state, mac);
    to_text(mac, out);
    sodium_memzero(mac, sizeof mac);
    sodium_memzero(&state, sizeof state);
}

void secret_random_id(char out[SECRET_ID_SIZE]) {
    unsigned char bytes[16];
    randombytes_buf(bytes, sizeof bytes);
    str_hex(bytes, sizeof bytes, out);
}

void secret_random(char out[SECRET_MAC_SIZE]) {
    unsigned char bytes[32];
    randombytes_buf(bytes, sizeof bytes);
    to_text(bytes, out);
    sodium_memzero(bytes, sizeof bytes);
}

void secret_sum(const char *text, size_t length, char out[SECRET_SUM_SIZE]) {
    unsigned char sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(sum, (const unsigned char *)text, length);
    str_hex(sum, sizeof sum, out);
}

bool secret_same(const char *a, const char *b) {
    const size_t length = strlen(a);
    return length == strlen(b) && sodium_memcmp(a, b, length) == 0;
}
