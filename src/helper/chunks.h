// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_CHUNKS_H
#define HELPER_CHUNKS_H

#include "base/buf.h"
#include "helper/pages.h"

/*
 * The text of a document cut into parts that a model can take, with the page marks that let it cite. Pure.
 *
 * Cuts are made where they hurt least: before a page, a clause, a paragraph, a line, a word, and never within a UTF-8 character; the text before a cut
 * is repeated behind it, so that what lies across it is whole in one of the two. Marks look like "[[page 3 of 32 | 9f2c1a7b3d44]]"; the letters are a part of
 * the text's own SHA-256, so that no document can hold a mark of itself.
 */

#define CHUNKS_NONCE_SIZE 13
#define CHUNKS_BYTES_PER_TOKEN 3 /* on the safe side for European languages */

struct chunks_options {
    size_t tokens;  /* of one part, marks included; at least CHUNKS_TOKENS_LEAST */
    size_t overlap; /* tokens; less than half of tokens */
};
#define CHUNKS_TOKENS_LEAST 200u

struct chunk {
    unsigned first_page, last_page;
    size_t tokens; /* estimate */
    struct buf text;
};

void chunks_nonce(const struct pages *pages, char out[CHUNKS_NONCE_SIZE]);
/* *chunks: *count parts, at least one, for chunks_free. RC_TEMP: out of memory. */
enum rc chunks_cut(const struct pages *pages, const struct chunks_options *options, struct chunk **chunks, size_t *count, struct err *err);
void chunks_free(struct chunk *chunks, size_t count);

#endif
