// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_BYTES 32
#define DIGEST_HEX_SIZE 65

/* SHA-256 (FIPS 180-4) by OpenSSL EVP. */
struct digest; /* opaque */

struct digest *digest_new(void); /* NULL when out of memory */
void digest_free(struct digest *d);
void digest_add(struct digest *d, const void *bytes, size_t length);
/* Ends the sum; only digest_free may follow. "" when the library failed (out of memory). */
void digest_hex(struct digest *d, char out[DIGEST_HEX_SIZE]);
/* The sum of one block of bytes; all zero, which is nobody's sum, when the library failed (out of memory). */
void digest_of(const void *bytes, size_t length, unsigned char out[DIGEST_BYTES]);
void digest_of_hex(const void *bytes, size_t length, char out[DIGEST_HEX_SIZE]);

#endif
