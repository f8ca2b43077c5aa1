// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_DOCFORM_H
#define BASE_DOCFORM_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* What kind of document some bytes are, told by the bytes and by nothing else, and whether it can be worked on. Pure; the bytes may be hostile. */

enum docform_type { DOCFORM_NONE, DOCFORM_PDF, DOCFORM_TIFF, DOCFORM_JPEG, DOCFORM_PNG };

#define DOCFORM_PAGES_MOST 10000u
#define DOCFORM_PIXELS_MOST (UINT64_C(150) * 1000 * 1000) /* of one image: more is a bomb, or a plan that nobody wants read */

struct docform {
    enum docform_type type;
    uint32_t pages; /* of an image file; 0 for PDF, whose pages are counted by those who can read it */
};

const char *docform_name(enum docform_type type);       /* "pdf", "tiff", "jpeg", "png"; "none" */
enum docform_type docform_from_name(const char *name);  /* DOCFORM_NONE when it is none */
const char *docform_media_type(enum docform_type type); /* "application/pdf", "image/tiff" ... */

/* RC_OK: PDF, TIFF, JPEG or PNG, complete as far as can be seen from outside. RC_PERM: err says what it is or lacks, and the mend, in words that follow "the
 * file ..." ("is encrypted; remove ..."); *out has the type when it was known. Refused are empty files, other kinds (ZIP, Office), encrypted PDFs,
 * files that end too early, images without or with too many pixels. */
enum rc docform_look(struct slice bytes, struct docform *out, struct err *err);

#endif
