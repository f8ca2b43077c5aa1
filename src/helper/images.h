// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_IMAGES_H
#define HELPER_IMAGES_H

#include <stdint.h>

#include "base/err.h"

/* The pages of the document on descriptor 3 as images that a model with eyes can take, written to standard output:
 *   {"images": [{"page": 1, "media_type": "image/jpeg", "bytes": 123456, "url": "data:image/jpeg;base64,..."}], "page_count": 3, "left_out": [{"page": 2,
 * "why":
 * "..."}]} */

#define IMAGES_BYTES_MOST (8u * 1024 * 1024) /* of one image; endpoints take little more */

struct images_options {
    unsigned first, last;      /* pages; last 0: to the end */
    unsigned dpi, side_most;   /* of drawn pages: pixels of the longer side */
    uint64_t total_bytes_most; /* of all images: pages beyond it are left out */
};

/* RC_PERM: the document cannot be read, or no page of it could be made an image. RC_GONE: a program is missing. */
enum rc images_write(const struct images_options *options, struct err *err);

#endif
