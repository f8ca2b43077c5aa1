// SPDX-License-Identifier: Apache-2.0
#include "helper/images.h"

#include "base/docform.h"
#include "base/str.h"
#include "helper/tool.h"
#include "helper/pages.h"
#include "helper/pdf.h"
#include "os/fsio.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGE "image"
#define TIFF_AS_PDF "image.pdf"
#define PIECE_BYTES ((size_t)12288) /* a multiple of 3, so that the pieces of base64 join */
#define CPU_S 120
#define ADDRESS_SPACE_BYTES (UINT64_C(2) * 1024 * 1024 * 1024)

struct work {
    const struct images_options *options;
    struct docform form;
    unsigned pages, written;
    uint64_t bytes;
    cJSON *left_out;
};

/* A TIFF becomes a PDF, of which pages can be drawn; descriptor 3 is that PDF from then on. */
static enum rc tiff_to_pdf(struct err *err) {
    char document[64];
    const char *argv[] = {NULL, "-o", TIFF_AS_PDF, document, NULL};
    const struct tool_run run = {.name = "tiff2pdf", .package = "libtiff-tools", .argv = argv, .cpu_s = CPU_S, .address_space_bytes = ADDRESS_SPACE_BYTES};
    struct buf out = BUF_INIT(4096);
    int status = 0, fd;
    tool_document_path(document);
    enum rc rc = tool_run(&run, &out, &status, err);
    buf_release(&out);
    if (!rc && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        rc = err_set(err, RC_PERM, "the TIFF cannot be read: export it again");
    if (!rc)
        rc = fsio_open_read(AT_FDCWD, TIFF_AS_PDF, &fd, NULL, err);
    if (rc)
        return rc;
    bool moved = dup2(fd, TOOL_DOCUMENT_FD) >= 0;
    if (fd != TOOL_DOCUMENT_FD)
        close(fd);
    (void)fsio_unlink(AT_FDCWD, TIFF_AS_PDF, NULL);
    return moved ? RC_OK : err_sys(err, TIFF_AS_PDF);
}

static enum rc put_base64(const char *bytes, size_t length, struct err *err) {
    char text[4 * PIECE_BYTES / 3 + 1];
    for (size_t at = 0; at < length; at += PIECE_BYTES) {
        size_t piece = length - at < PIECE_BYTES ? length - at : PIECE_BYTES;
        EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes + at, (int)piece);
        enum rc rc = tool_put(text, err);
        if (rc)
            return rc;
    }
    return RC_OK;
}

/* --- one page ----------------------------------------------------------------------------------------------------------- */

static enum rc leave_out(struct work *w, unsigned page, const char *why) {
    cJSON *one = cJSON_CreateObject();
    cJSON_AddNumberToObject(one, "page", page);
    cJSON_AddStringToObject(one, "why", why);
    cJSON_AddItemToArray(w->left_out, one);
    return RC_OK;
}

static enum rc put_image(struct work *w, unsigned page, int fd, const char *media_type, struct err *err) {
    const char *bytes;
    size_t length;
    char head[160];
    enum rc rc = fsio_map(fd, &bytes, &length, err);
    if (rc)
        return rc;
    if (!length || length > IMAGES_BYTES_MOST)
        rc = leave_out(w, page, length ? "the image is too large" : "the image is empty");
    else if (w->bytes + length > w->options->total_bytes_most)
        rc = leave_out(w, page, "too many images for one answer");
    else {
        str_format(head, sizeof head, "%s{\"page\":%u,\"media_type\":\"%s\",\"bytes\":%zu,\"url\":\"data:%s;base64,", w->written ? "," : "", page, media_type,
                   length, media_type);
        rc = tool_put(head, err);
        if (!rc)
            rc = put_base64(bytes, length, err);
        if (!rc)
            rc = tool_put("\"}", err);
        w->written++;
        w->bytes += length;
    }
    fsio_unmap(bytes, length);
    return rc;
}

static enum rc put_drawn(struct work *w, unsigned page, struct err *err) {
    const struct pdf_draw draw = {.form = "-jpeg", .prefix = IMAGE, .dpi = w->options->dpi, .side_most = w->options->side_most};
    int fd;
    enum rc rc = pdf_draw_page(page, &draw, err);
    if (rc == RC_PERM)
        return leave_out(w, page, "the page cannot be drawn");
    if (!rc)
        rc = fsio_open_read(AT_FDCWD, IMAGE ".jpg", &fd, NULL, err);
    if (rc)
        return rc == RC_GONE ? leave_out(w, page, "the page cannot be drawn") : rc;
    rc = put_image(w, page, fd, "image/jpeg", err);
    close(fd);
    (void)fsio_unlink(AT_FDCWD, IMAGE ".jpg", NULL);
    return rc;
}

static enum rc put_all(struct work *w, struct err *err) {
    bool drawn = w->form.type == DOCFORM_PDF || w->form.type == DOCFORM_TIFF;
    unsigned last = w->options->last && w->options->last < w->pages ? w->options->last : w->pages;
    enum rc rc = tool_put("{\"images\":[", err);
    for (unsigned page = w->options->first; page <= last && !rc; page++)
        rc = drawn ? put_drawn(w, page, err) : put_image(w, page, TOOL_DOCUMENT_FD, docform_media_type(w->form.type), err);
    if (!rc && !w->written)
        return err_set(err, RC_PERM, "none of the pages %u to %u could be made an image", w->options->first, last);
    char end[64];
    str_format(end, sizeof end, "],\"page_count\":%u,\"left_out\":", w->pages);
    if (!rc)
        rc = tool_put(end, err);
    if (!rc)
        rc = tool_put_json(w->left_out, err);
    if (!rc)
        rc = tool_put("}\n", err);
    return rc ? rc : tool_flush(err);
}

enum rc images_write(const struct images_options *options, struct err *err) {
    struct work w = {.options = options, .left_out = cJSON_CreateArray()};
    enum rc rc = tool_document_look(&w.form, err);
    w.pages = w.form.pages;
    if (!rc && w.form.type == DOCFORM_TIFF)
        rc = tiff_to_pdf(err);
    if (!rc && w.form.type == DOCFORM_PDF)
        rc = pdf_page_count(&w.pages, err);
    if (!rc && options->first > w.pages)
        rc = err_set(err, RC_PERM, "there is no page %u: the document has %u", options->first, w.pages);
    if (!rc)
        rc = put_all(&w, err);
    cJSON_Delete(w.left_out);
    return rc;
}
