// SPDX-License-Identifier: Apache-2.0
#ifndef NOTIFY_SIGN_H
#define NOTIFY_SIGN_H

#include <stdbool.h>
#include <stddef.h>

/* The signature of a webhook as Standard Webhooks has it: "v1," and the base64 of HMAC-SHA256 over "<id>.<seconds>.<body>". */

#define SIGN_SIZE 64

/* secret: any bytes, or "whsec_" and base64, which is decoded. False: it cannot be decoded, or out of memory. */
bool sign_webhook(const char *secret, size_t secret_length, const char *id, long long seconds, const char *body, size_t body_length, char out[SIGN_SIZE]);

#endif
