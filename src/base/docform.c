// SPDX-License-Identifier: Apache-2.0
#include "base/docform.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PDF_HEADER_WITHIN 1024u /* as readers do it */
#define PDF_END_WITHIN 4096u
#define PDF_TRAILER_MOST ((size_t)1024 * 1024)
#define TIFF_STRIPS_MOST 200000u

static const struct row {
    const char *name, *media_type;
} ROWS[] = {{"none", "application/octet-stream"}, {"pdf", "application/pdf"}, {"tiff", "image/tiff"}, {"jpeg", "image/jpeg"}, {"png", "image/png"}};

const char *docform_name(enum docform_type type) {
    return ROWS[type].name;
}

const char *docform_media_type(enum docform_type type) {
    return ROWS[type].media_type;
}

enum docform_type docform_from_name(const char *name) {
    for (unsigned type = DOCFORM_PDF; type < sizeof ROWS / sizeof *ROWS; type++)
        if (strcmp(name, ROWS[type].name) == 0)
            return (enum docform_type)type;
    return DOCFORM_NONE;
}

static bool starts(struct slice bytes, const void *with, size_t length) {
    return bytes.length >= length && memcmp(bytes.data, with, length) == 0;
}

static struct slice from(struct slice bytes, size_t at) {
    if (at > bytes.length)
        at = bytes.length;
    return (struct slice){.data = bytes.data + at, .length = bytes.length - at};
}

static const char *find(struct slice in, const char *what) {
    return in.length ? memmem(in.data, in.length, what, strlen(what)) : NULL;
}

/* --- PDF ---------------------------------------------------------------------------------------------------------------- */

static bool is_delimiter(char c) {
    return strchr(" \t\r\n\f/<>[]()%", c) != NULL; /* NUL is white space to PDF, and found here too */
}

/* The last place where a word stands. */
static const char *find_last(struct slice in, const char *what) {
    size_t length = strlen(what);
    for (size_t at = in.length; at >= length; at--)
        if (memcmp(in.data + at - length, what, length) == 0)
            return in.data + at - length;
    return NULL;
}

/* The dictionary that the trailer or the stream of references has, more or less: from the place that startxref names to the next stream or startxref. */
static struct slice pdf_trailer(struct slice bytes, const char *startxref) {
    struct slice rest = {.data = startxref + 9, .length = bytes.length - (size_t)(startxref + 9 - bytes.data)};
    size_t at = 0, digits = 0;
    uint64_t offset = 0;
    while (at < rest.length && strchr(" \t\r\n", rest.data[at]) && rest.data[at])
        at++;
    for (; at < rest.length && rest.data[at] >= '0' && rest.data[at] <= '9' && digits < 15; at++, digits++)
        offset = offset * 10 + (uint64_t)(rest.data[at] - '0');
    struct slice part = from(bytes, digits && offset < bytes.length ? (size_t)offset : bytes.length);
    if (starts(part, "xref", 4)) {
        const char *trailer = find(part, "trailer");
        part = trailer ? from(bytes, (size_t)(trailer - bytes.data)) : from(bytes, bytes.length);
    }
    const char *stream = find(part, "stream"), *end = find(part, "startxref");
    const char *first = stream && (!end || stream < end) ? stream : end;
    if (first)
        part.length = (size_t)(first - part.data);
    if (part.length > PDF_TRAILER_MOST)
        part.length = PDF_TRAILER_MOST;
    return part;
}

static bool has_name(struct slice in, const char *name) {
    size_t length = strlen(name);
    for (const char *at = find(in, name); at; at = find(in, name)) {
        in = from(in, (size_t)(at - in.data) + length);
        if (!in.length || is_delimiter(*in.data))
            return true;
    }
    return false;
}

static enum rc look_pdf(struct slice bytes, struct err *err) {
    struct slice tail = from(bytes, bytes.length > PDF_END_WITHIN ? bytes.length - PDF_END_WITHIN : 0);
    const char *startxref = find_last(tail, "startxref");
    if (!find(tail, "%%EOF"))
        return err_set(err, RC_PERM, "is a PDF that ends too early (it was cut off on its way): send it again from its source");
    /* Without that word readers look for a trailer themselves. */
    if (has_name(startxref ? pdf_trailer(bytes, startxref) : tail, "/Encrypt"))
        return err_set(err, RC_PERM,
                       "is an encrypted PDF: remove its password (`qpdf --decrypt --password=... in.pdf out.pdf`, or print it to a new PDF) and send that");
    return RC_OK;
}

/* --- TIFF --------------------------------------------------------------------------------------------------------------- */

struct tiff {
    struct slice bytes;
    bool big_endian, big; /* big: BigTIFF, with places of 8 bytes */
    uint64_t left;        /* entries and strips that are still looked at: each takes two bytes or more of the file, but where directories share them */
};

static uint64_t number(const struct tiff *t, uint64_t at, unsigned size) {
    uint64_t value = 0;
    if (at > t->bytes.length || t->bytes.length - at < size)
        return 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | (unsigned char)t->bytes.data[at + (t->big_endian ? i : size - 1 - i)];
    return value;
}

static unsigned type_size(uint64_t type) {
    return type == 3 ? 2 : type == 4 ? 4 : type == 16 ? 8 : type == 1 ? 1 : 0;
}

/* One entry of a directory: how many numbers of which size, and where they are. */
struct entry {
    uint64_t count, at;
    unsigned size; /* 0: it is none of numbers, or not there */
};

static struct entry entry_read(const struct tiff *t, uint64_t at) {
    struct entry e = {.count = number(t, at + 4, t->big ? 8 : 4), .size = type_size(number(t, at + 2, 2))};
    unsigned room = t->big ? 8 : 4;
    uint64_t value = at + 4 + room;
    e.at = e.size && e.count <= room / e.size ? value : number(t, value, room);
    return e;
}

static uint64_t entry_value(const struct tiff *t, const struct entry *e, uint64_t i) {
    return e->size ? number(t, e->at + i * e->size, e->size) : 0;
}

static bool look_at(struct tiff *t, uint64_t count) {
    const bool few = count <= t->left;
    t->left -= few ? count : t->left;
    return few;
}

/* The image data of one page lies within the file, and is not too large. */
static enum rc check_page(struct tiff *t, uint64_t at, uint64_t entries, struct err *err) {
    static const struct entry none = {0};
    struct entry width = none, height = none, offsets = none, counts = none;
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t where = at + i * (t->big ? 20 : 12), tag = number(t, where, 2);
        struct entry *to = tag == 256 ? &width : tag == 257 ? &height : tag == 273 || tag == 324 ? &offsets : tag == 279 || tag == 325 ? &counts : NULL;
        if (to)
            *to = entry_read(t, where);
    }
    uint64_t across = entry_value(t, &width, 0), down = entry_value(t, &height, 0);
    if (!across || !down || across > UINT32_MAX || down > UINT32_MAX || !offsets.size)
        return err_set(err, RC_PERM, "is a TIFF without an image in it, or damaged: export it again");
    if (across * down > DOCFORM_PIXELS_MOST)
        return err_set(err, RC_PERM, "has a page of %llu x %llu pixels: scan it at 300 dpi", (unsigned long long)across, (unsigned long long)down);
    const uint64_t strips = offsets.count < TIFF_STRIPS_MOST ? offsets.count : TIFF_STRIPS_MOST;
    if (!look_at(t, entries) || !look_at(t, strips))
        return err_set(err, RC_PERM, "is a TIFF whose directories lie one in another, or go round in a circle: export it again");
    for (uint64_t i = 0; i < strips; i++) {
        uint64_t begin = entry_value(t, &offsets, i), length = entry_value(t, &counts, i);
        if (!begin || begin >= t->bytes.length || length > t->bytes.length - begin)
            return err_set(err, RC_PERM, "is a TIFF that ends too early (it was cut off on its way): send it again from its source");
    }
    return RC_OK;
}

static enum rc look_tiff(struct slice bytes, struct docform *out, struct err *err) {
    struct tiff t = {.bytes = bytes, .big_endian = bytes.data[0] == 'M', .left = bytes.length};
    t.big = number(&t, 2, 2) == 43;
    uint64_t at = t.big ? number(&t, 8, 8) : number(&t, 4, 4), most = bytes.length / 12;
    unsigned count_size = t.big ? 8 : 2;
    for (out->pages = 0; at; out->pages++) {
        if (out->pages == DOCFORM_PAGES_MOST)
            return err_set(err, RC_PERM, "has more than %u pages, or goes round in a circle: split it", DOCFORM_PAGES_MOST);
        uint64_t entries = number(&t, at, count_size);
        if (at >= bytes.length || !entries || entries > most || entries * (t.big ? 20 : 12) > bytes.length - at)
            return err_set(err, RC_PERM, "is a TIFF that ends too early (it was cut off on its way): send it again from its source");
        enum rc rc = check_page(&t, at + count_size, entries, err);
        if (rc)
            return rc;
        at = number(&t, at + count_size + entries * (t.big ? 20 : 12), t.big ? 8 : 4);
    }
    return out->pages ? RC_OK : err_set(err, RC_PERM, "is a TIFF without a page: export it again");
}

/* --- JPEG, PNG ---------------------------------------------------------------------------------------------------------- */

static uint32_t big16(const char *at) {
    return (uint32_t)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

static uint32_t big32(const char *at) {
    return big16(at) << 16 | big16(at + 2);
}

static enum rc check_pixels(uint64_t across, uint64_t down, struct err *err) {
    if (!across || !down)
        return err_set(err, RC_PERM, "is an image without pixels: export it again");
    if (across * down > DOCFORM_PIXELS_MOST)
        return err_set(err, RC_PERM, "has %llu x %llu pixels: scan it at 300 dpi", (unsigned long long)across, (unsigned long long)down);
    return RC_OK;
}

static enum rc look_jpeg(struct slice bytes, struct err *err) {
    size_t at = 2;
    bool sized = false;
    while (bytes.length - at >= 4 && bytes.data[at] == '\xff') {
        unsigned marker = (unsigned char)bytes.data[at + 1];
        uint32_t length = big16(bytes.data + at + 2);
        if (marker == 0xff) { /* fill */
            at++;
            continue;
        }
        if (length < 2 || length > bytes.length - at - 2)
            break;
        bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (frame && length >= 7) {
            enum rc rc = check_pixels(big16(bytes.data + at + 7), big16(bytes.data + at + 5), err);
            if (rc)
                return rc;
            sized = true;
        }
        at += 2 + length;
        if (marker == 0xda) /* what follows is the image: it has an end */
            return sized && find_last(from(bytes, at), "\xff\xd9")
                       ? RC_OK
                       : err_set(err, RC_PERM, "is a JPEG that ends too early (it was cut off on its way): send it again from its source");
    }
    return err_set(err, RC_PERM, "is a JPEG that ends too early, or is damaged: send it again from its source");
}

static enum rc look_png(struct slice bytes, struct err *err) {
    size_t at = 8;
    if (bytes.length < 33 || memcmp(bytes.data + 12, "IHDR", 4) != 0)
        return err_set(err, RC_PERM, "is a PNG that ends too early, or is damaged: send it again from its source");
    enum rc rc = check_pixels(big32(bytes.data + 16), big32(bytes.data + 20), err);
    if (rc)
        return rc;
    while (bytes.length - at >= 12) {
        uint32_t length = big32(bytes.data + at);
        if (length > bytes.length - at - 12)
            break;
        if (memcmp(bytes.data + at + 4, "IEND", 4) == 0)
            return RC_OK;
        at += 12 + (size_t)length;
    }
    return err_set(err, RC_PERM, "is a PNG that ends too early (it was cut off on its way): send it again from its source");
}

/* --- all of them -------------------------------------------------------------------------------------------------------- */

static enum docform_type type_of(struct slice bytes) {
    if (starts(bytes, "\x89PNG\r\n\x1a\n", 8))
        return DOCFORM_PNG;
    if (starts(bytes, "\xff\xd8\xff", 3))
        return DOCFORM_JPEG;
    if (starts(bytes, "II*\0", 4) || starts(bytes, "MM\0*", 4) || starts(bytes, "II+\0", 4) || starts(bytes, "MM\0+", 4))
        return DOCFORM_TIFF;
    struct slice head = {.data = bytes.data, .length = bytes.length < PDF_HEADER_WITHIN ? bytes.length : PDF_HEADER_WITHIN};
    bool archive = starts(bytes, "PK", 2);
    return !archive && find(head, "%PDF-") ? DOCFORM_PDF : DOCFORM_NONE;
}

static enum rc refuse_other(struct slice bytes, struct err *err) {
    if (starts(bytes, "PK\x03\x04", 4))
        return err_set(err, RC_PERM, "is a ZIP or an Office file (DOCX); save it as PDF and send that");
    if (starts(bytes, "\xd0\xcf\x11\xe0", 4))
        return err_set(err, RC_PERM, "is an old Office file (DOC); save it as PDF and send that");
    if (starts(bytes, "{\\rtf", 5))
        return err_set(err, RC_PERM, "is an RTF file; save it as PDF and send that");
    return err_set(err, RC_PERM, "is neither PDF, TIFF, JPEG nor PNG");
}

enum rc docform_look(struct slice bytes, struct docform *out, struct err *err) {
    *out = (struct docform){.type = DOCFORM_NONE};
    if (!bytes.length)
        return err_set(err, RC_PERM, "is empty: send it again from its source");
    out->type = type_of(bytes);
    out->pages = out->type == DOCFORM_PDF || out->type == DOCFORM_NONE ? 0 : 1;
    switch (out->type) {
    case DOCFORM_PDF:
        return look_pdf(bytes, err);
    case DOCFORM_TIFF:
        return look_tiff(bytes, out, err);
    case DOCFORM_JPEG:
        return look_jpeg(bytes, err);
    case DOCFORM_PNG:
        return look_png(bytes, err);
    case DOCFORM_NONE:
        break;
    }
    return refuse_other(bytes, err);
}
