// SPDX-License-Identifier: Apache-2.0
#include "helper/pdf.h"

#include "base/str.h"
#include "helper/tool.h"
#include "helper/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define CPU_S 60
#define ADDRESS_SPACE_BYTES (UINT64_C(2) * 1024 * 1024 * 1024)
#define LISTING_MOST ((size_t)4 * 1024 * 1024)
#define COVERED_LEAST 0.6

static enum rc run(const char *name, const char *const *argv, struct buf *out, bool *good, struct err *err) {
    const struct tool_run program = {.name = name, .package = PDF_PACKAGE, .argv = argv, .cpu_s = CPU_S, .address_space_bytes = ADDRESS_SPACE_BYTES};
    int status = 0;
    enum rc rc = tool_run(&program, out, &status, err);
    *good = !rc && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return rc;
}

/* What stands behind a label at the beginning of a line. */
static const char *value_of(const char *listing, const char *label) {
    size_t length = strlen(label);
    for (const char *line = listing; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, label, length) == 0)
            return line + length + strspn(line + length, " ");
    }
    return NULL;
}

enum rc pdf_page_count(unsigned *pages, struct err *err) {
    char document[64];
    struct buf out = BUF_INIT(LISTING_MOST);
    bool good;
    tool_document_path(document);
    enum rc rc = run("pdfinfo", (const char *[]){NULL, document, NULL}, &out, &good, err);
    const char *count = value_of(buf_text(&out), "Pages:");
    *pages = count ? (unsigned)strtoul(count, NULL, 10) : 0;
    buf_release(&out);
    if (rc)
        return rc;
    if (!good || !*pages)
        return err_set(err, RC_PERM, "the PDF cannot be read: it is damaged or encrypted; open it, print it to a new PDF, and send that");
    return *pages <= PAGES_MOST ? RC_OK : err_set(err, RC_PERM, "the PDF has %u pages, more than %u: split it", *pages, PAGES_MOST);
}

enum rc pdf_page_text(unsigned page, struct buf *out, struct err *err) {
    char document[64], number[16];
    bool good;
    tool_document_path(document);
    str_format(number, sizeof number, "%u", page);
    buf_reset(out);
    enum rc rc =
        run("pdftotext", (const char *[]){NULL, "-q", "-layout", "-enc", "UTF-8", "-eol", "unix", "-nopgbrk", "-f", number, "-l", number, document, "-", NULL},
            out, &good, err);
    return rc || good ? rc : err_set(err, RC_PERM, "its text cannot be read");
}

/* Page size in points. */
static bool page_size(const char *number, const char *document, double *width, double *height) {
    struct buf out = BUF_INIT(LISTING_MOST);
    bool good;
    enum rc rc = run("pdfinfo", (const char *[]){NULL, "-f", number, "-l", number, document, NULL}, &out, &good, NULL);
    char label[32];
    str_format(label, sizeof label, "Page %4s size:", number);
    const char *at = rc ? NULL : value_of(buf_text(&out), label);
    char *end = NULL;
    *width = at ? strtod(at, &end) : 0;
    *height = end && str_starts(end, " x ") ? strtod(end + 3, NULL) : 0;
    buf_release(&out);
    return *width > 0 && *height > 0;
}

/* The area of an image as `pdfimages -list` tells it, in square inches: pixels by pixels an inch. */
static double image_area(char *line) {
    char *save = NULL, *word = strtok_r(line, " ", &save);
    double width = 0, height = 0, across = 0, down = 0;
    for (unsigned column = 0; word; column++, word = strtok_r(NULL, " ", &save)) {
        if (column == 2 && strcmp(word, "image") != 0)
            return 0;
        double *to = column == 3 ? &width : column == 4 ? &height : column == 12 ? &across : column == 13 ? &down : NULL;
        if (to)
            *to = strtod(word, NULL);
    }
    return across > 0 && down > 0 ? width / across * (height / down) : 0;
}

bool pdf_page_is_scan(unsigned page) {
    char document[64], number[16], *save = NULL;
    double width, height, area = 0;
    struct buf out = BUF_INIT(LISTING_MOST);
    bool good;
    tool_document_path(document);
    str_format(number, sizeof number, "%u", page);
    enum rc rc = run("pdfimages", (const char *[]){NULL, "-list", "-f", number, "-l", number, document, NULL}, &out, &good, NULL);
    if (!rc && good && out.length)
        for (char *line = strtok_r(out.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
            area += image_area(line);
    buf_release(&out);
    return area > 0 && page_size(number, document, &width, &height) && area >= COVERED_LEAST * (width / 72) * (height / 72);
}

enum rc pdf_draw_page(unsigned page, const struct pdf_draw *draw, struct err *err) {
    char document[64], number[16], size[16];
    double width, height;
    struct buf out = BUF_INIT(LISTING_MOST);
    bool good;
    tool_document_path(document);
    str_format(number, sizeof number, "%u", page);
    bool large = page_size(number, document, &width, &height) && (width > height ? width : height) / 72 * draw->dpi > draw->side_most;
    str_format(size, sizeof size, "%u", large ? draw->side_most : draw->dpi);
    enum rc rc =
        run("pdftoppm",
            (const char *[]){NULL, "-q", draw->form, large ? "-scale-to" : "-r", size, "-f", number, "-l", number, "-singlefile", document, draw->prefix, NULL},
            &out, &good, err);
    buf_release(&out);
    return rc || good ? rc : err_set(err, RC_PERM, "it cannot be drawn");
}
