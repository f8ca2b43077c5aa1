// SPDX-License-Identifier: Apache-2.0
#include "helper/ocr.h"

#include "base/str.h"
#include "helper/tool.h"
#include "helper/pages.h"
#include "helper/pdf.h"
#include "os/fsio.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PACKAGE "tesseract-ocr"
#define CPU_S 180 /* for one page */
#define ADDRESS_SPACE_BYTES (UINT64_C(3) * 1024 * 1024 * 1024)
#define IMAGE "page"
#define IMAGE_FILE IMAGE ".pgm"
#define OUTPUT "ocr"
#define INK_LEAST 0.002 /* of a page's pixels: with less it is blank */

bool ocr_languages_valid(const char *languages) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    for (;; languages++) {
        size_t length = strspn(languages, allowed);
        if (length < 3 || length > 32 || *languages == '_')
            return false;
        languages += length;
        if (*languages != '+')
            return *languages == '\0';
    }
}

/* One thread: helpers run beside each other, one a processor, and threads that wait for a processor spin; that counts as CPU time, of which a page has so much.
 */
static enum rc run(const char *const *argv, struct buf *out, int *status, struct err *err) {
    const struct tool_run program = {.name = "tesseract", .package = PACKAGE, .argv = argv, .cpu_s = CPU_S, .address_space_bytes = ADDRESS_SPACE_BYTES};
    if (setenv("OMP_THREAD_LIMIT", "1", 1) != 0)
        return err_sys(err, "OMP_THREAD_LIMIT");
    return tool_run(&program, out, status, err);
}

static bool has_line(const char *listing, const char *line, size_t length) {
    for (const char *at = listing; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strcspn(at, "\r\n") == length && strncmp(at, line, length) == 0)
            return true;
    }
    return false;
}

enum rc ocr_ready(const struct ocr *ocr, struct err *err) {
    struct buf out = BUF_INIT((size_t)64 * 1024);
    int status = 0;
    enum rc rc = run((const char *[]){NULL, "--list-langs", NULL}, &out, &status, err);
    for (const char *at = ocr->languages; !rc && *at;) {
        size_t length = strcspn(at, "+");
        if (!has_line(buf_text(&out), at, length))
            rc =
                err_set(err, RC_GONE, "OCR does not know the language %.*s: install it (`apt-get install " PACKAGE "-%.*s`)", (int)length, at, (int)length, at);
        at += length + (at[length] == '+');
    }
    buf_release(&out);
    return rc;
}

cJSON *ocr_page_json(unsigned page, const char *text, const char *by, double confidence, bool illegible, const char *damaged) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "page", page);
    cJSON_AddStringToObject(json, "text", text);
    cJSON_AddStringToObject(json, "by", by);
    if (confidence < 0)
        cJSON_AddNullToObject(json, "confidence");
    else
        cJSON_AddNumberToObject(json, "confidence", (double)(int64_t)(confidence * 10 + 0.5) / 10);
    cJSON_AddBoolToObject(json, "illegible", illegible);
    if (damaged)
        cJSON_AddStringToObject(json, "damaged", damaged);
    else
        cJSON_AddNullToObject(json, "damaged");
    return json;
}

/* --- what tesseract wrote ----------------------------------------------------------------------------------------------- */

/* The mean of the words' confidence, weighed by their letters; -1 without words. Columns: level page block par line word left top width height conf text. */
static double confidence_of(char *table) {
    double sum = 0, letters = 0;
    char *save = NULL;
    for (char *line = strtok_r(table, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *column = line;
        for (int i = 0; column && i < 10; i++) {
            column = strchr(column, '\t');
            column += column != NULL;
        }
        const char *text = column ? strchr(column, '\t') : NULL;
        double confidence = column ? strtod(column, NULL) : -1;
        size_t count = text && line[0] == '5' ? pages_letters(text + 1) : 0;
        if (confidence < 0 || !count)
            continue;
        sum += confidence * (double)count;
        letters += (double)count;
    }
    return letters > 0 ? sum / letters : -1;
}

static void trim(struct buf *text) {
    while (text->length && strchr(" \t\r\n\f", text->data[text->length - 1]))
        text->data[--text->length] = '\0';
}

static enum rc read_output(struct buf *text, double *confidence, struct err *err) {
    struct buf table = BUF_INIT((size_t)16 * 1024 * 1024);
    enum rc rc = fsio_read_file(AT_FDCWD, OUTPUT ".txt", text, err);
    if (!rc)
        rc = fsio_read_file(AT_FDCWD, OUTPUT ".tsv", &table, err);
    *confidence = !rc && table.length ? confidence_of(table.data) : -1;
    buf_release(&table);
    trim(text);
    return rc;
}

/* Whether a drawn page has anything on it; true when that cannot be told. */
static bool has_ink(void) {
    const char *bytes;
    size_t length, dark = 0;
    int fd;
    if (fsio_open_read(AT_FDCWD, IMAGE_FILE, &fd, NULL, NULL))
        return true;
    enum rc rc = fsio_map(fd, &bytes, &length, NULL);
    close(fd);
    if (rc)
        return true;
    for (size_t i = 0; i < length; i++)
        dark += (unsigned char)bytes[i] < 128;
    fsio_unmap(bytes, length);
    return (double)dark > INK_LEAST * (double)length;
}

/* --- one page ----------------------------------------------------------------------------------------------------------- */

static void remove_files(void) {
    static const char *const names[] = {IMAGE_FILE, OUTPUT ".txt", OUTPUT ".tsv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)fsio_unlink(AT_FDCWD, names[i], NULL);
}

/* A page whose program dies is tried once more; then it is the page. */
static enum rc died(unsigned page, int status, const char **damaged, struct err *err) {
    char name[40];
    struct stat st;
    str_format(name, sizeof name, "page-%05u.tried", page);
    if (WTERMSIG(status) == SIGXCPU) {
        *damaged = "OCR took too long";
        return RC_OK;
    }
    if (fsio_stat(AT_FDCWD, name, &st, NULL) == RC_OK) {
        *damaged = "OCR breaks down on it";
        return RC_OK;
    }
    enum rc rc = tool_write_file(name, "", 0, err);
    return rc ? rc : err_set(err, RC_TEMP, "page %u: tesseract ended by signal %d (out of memory?)", page, WTERMSIG(status));
}

static enum rc recognise(const struct ocr *ocr, unsigned page, const char **damaged, struct err *err) {
    char document[64], number[48], dpi[16];
    struct buf out = BUF_INIT(4096);
    int status = 0;
    bool drawn = ocr->type == DOCFORM_PDF;
    tool_document_path(document);
    str_format(number, sizeof number, "tessedit_page_number=%u", page - 1);
    str_format(dpi, sizeof dpi, "%u", ocr->dpi);
    /* psm 1 turns pages that lie on their side or head. */
    const char *argv[] = {NULL,
                          drawn ? IMAGE_FILE : document,
                          OUTPUT,
                          "-l",
                          ocr->languages,
                          "--psm",
                          "1",
                          "-c",
                          "debug_file=/dev/null",
                          drawn ? "--dpi" : "-c",
                          drawn ? dpi : number,
                          "txt",
                          "tsv",
                          NULL};
    enum rc rc = run(argv, &out, &status, err);
    buf_release(&out);
    if (rc)
        return rc;
    if (WIFSIGNALED(status))
        return died(page, status, damaged, err);
    if (WEXITSTATUS(status) != 0)
        *damaged = "OCR cannot read it";
    return RC_OK;
}

enum rc ocr_page(const struct ocr *ocr, unsigned page, cJSON **out, struct err *err) {
    const struct pdf_draw draw = {.form = "-gray", .prefix = IMAGE, .dpi = ocr->dpi, .side_most = PDF_SIDE_MOST};
    struct buf text = BUF_INIT(PAGES_TEXT_MOST);
    const char *damaged = NULL;
    double confidence = -1;
    *out = NULL;
    remove_files();
    enum rc rc = ocr->type == DOCFORM_PDF ? pdf_draw_page(page, &draw, err) : RC_OK;
    if (rc == RC_PERM) {
        damaged = "it cannot be drawn";
        rc = RC_OK;
    }
    if (!rc && !damaged)
        rc = recognise(ocr, page, &damaged, err);
    if (!rc && !damaged && read_output(&text, &confidence, err))
        damaged = "OCR wrote nothing";
    if (!rc) {
        bool ink = damaged || confidence >= 0 || ocr->type != DOCFORM_PDF || has_ink();
        bool legible = confidence >= OCR_CONFIDENCE_LEAST || !ink;
        *out = ocr_page_json(page, buf_text(&text), "ocr", confidence, !legible, damaged);
        rc = *out ? RC_OK : err_set(err, RC_TEMP, "out of memory");
    }
    remove_files();
    buf_release(&text);
    return rc;
}
