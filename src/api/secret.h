// SPDX-License-Identifier: Apache-2.0
#ifndef API_SECRET_H
#define API_SECRET_H

#include <stddef.h>

#include "spool/layout.h"

/*
 * web/secret: the key of access tokens, CSRF tokens and the successors of refresh tokens; 64 hexadecimal digits, mode 0600, of the web program's user. Who
 * replaces it ends all sessions (the program reads it at its start). A value that does not change: from every thread.
 */

#define SECRET_BYTES 32
#define SECRET_MAC_SIZE 44 /* base64url of 32 bytes, without padding, and NUL */

struct secret {
    unsigned char key[SECRET_BYTES];
};

/* Read it; made, durably, from getrandom(2) when there is none. RC_PERM: others can read it, or it is not ours: the text says how to mend that.
 * Waits for the disk: at start or on a lane. */
enum rc secret_load(const struct spool *spool, struct secret *secret, struct err *err);
void secret_wipe(struct secret *secret);

/* HMAC-SHA256 of "<label>:<text>", as base64url. Labels keep the uses apart, also from what access tokens sign, which begins with "eyJ". */
void secret_mac(const struct secret *secret, const char *label, const char *text, char out[SECRET_MAC_SIZE]);

/* 16 random bytes in hexadecimal digits: families and ids; 32 random bytes as base64url. */
#define SECRET_ID_SIZE 33
void secret_random_id(char out[SECRET_ID_SIZE]);
void secret_random(char out[SECRET_MAC_SIZE]);

/* SHA-256 in hexadecimal digits: what is stored of a token or key. By libsodium, which cannot fail. */
#define SECRET_SUM_SIZE 65
void secret_sum(const char *text, size_t length, char out[SECRET_SUM_SIZE]);

/* In a time that does not tell where they differ (it tells their lengths). */
bool secret_same(const char *a, const char *b);

#endif
