// SPDX-License-Identifier: Apache-2.0
#include "report/report_pdf_font.h"

#include "base/str.h"

#include <fribidi/fribidi.h>
#include <hpdf_doc.h>
#include <hpdf_fontdef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHARACTERS 0x10000u /* the library's UTF-8 ends with the basic plane */
#define UNKNOWN 0xFFFDu
#define RUN_BYTES 512u
#define LINE_MOST 1024u /* characters of a line that are put in order together */
#define DIR "/usr/share/fonts/truetype/"

static const char *const files[PDF_FACES][PDF_FONT_LEVELS] = {
    {DIR "liberation/LiberationSans-Regular.ttf", DIR "dejavu/DejaVuSans.ttf", DIR "droid/DroidSansFallbackFull.ttf"},
    {DIR "liberation/LiberationSans-Bold.ttf", DIR "dejavu/DejaVuSans-Bold.ttf", DIR "droid/DroidSansFallbackFull.ttf"}};

/* What a copied or searched text is: the library says it in a form that belongs to another kind of map, which readers refuse. Character codes are Unicode. */
static void say_unicode(HPDF_Font font) {
    static const char head[] = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
                               "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
                               "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n";
    static const char tail[] = "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n";
    HPDF_Dict map = HPDF_Dict_GetItem(font, "ToUnicode", HPDF_OCLASS_DICT);
    char range[48];
    if (!map || !map->stream)
        return;
    HPDF_MemStream_FreeData(map->stream);
    HPDF_Stream_WriteStr(map->stream, head);
    for (unsigned high = 0; high < 256; high++) { /* a range stays within its first byte, and a block has at most 100 of them */
        if (high % 64 == 0)
            HPDF_Stream_WriteStr(map->stream, "64 beginbfrange\n");
        str_format(range, sizeof range, "<%02X00> <%02XFF> <%02X00>\n", high, high, high);
        HPDF_Stream_WriteStr(map->stream, range);
        if (high % 64 == 63)
            HPDF_Stream_WriteStr(map->stream, "endbfrange\n");
    }
    HPDF_Stream_WriteStr(map->stream, tail);
}

static bool load(struct pdf_fonts *fonts, enum pdf_face face, unsigned level) {
    const char *file = files[face][level], *name = NULL;
    if (access(file, R_OK) != 0)
        return false;
    if (face == PDF_BOLD && strcmp(file, files[PDF_REGULAR][level]) == 0) { /* one file has one name */
        fonts->fonts[PDF_BOLD][level] = fonts->fonts[PDF_REGULAR][level];
        fonts->definitions[PDF_BOLD][level] = fonts->definitions[PDF_REGULAR][level];
        return fonts->fonts[PDF_BOLD][level] != NULL;
    }
    name = HPDF_LoadTTFontFromFile(fonts->doc, file, HPDF_TRUE);
    HPDF_Font font = name ? HPDF_GetFont(fonts->doc, name, "UTF-8") : NULL;
    HPDF_ResetError(fonts->doc); /* a damaged file is one that is not there */
    if (font)
        say_unicode(font);
    fonts->fonts[face][level] = font;
    fonts->definitions[face][level] = font ? HPDF_Doc_FindFontDef(fonts->doc, name) : NULL;
    return font != NULL;
}

enum rc report_pdf_fonts_open(HPDF_Doc doc, struct pdf_fonts *fonts, struct err *err) {
    bool some = false;
    memset(fonts, 0, sizeof *fonts);
    fonts->doc = doc;
    HPDF_UseUTFEncodings(doc);
    for (unsigned face = 0; face < PDF_FACES; face++) {
        bool found = false;
        for (unsigned level = 0; level < PDF_FONT_LEVELS; level++)
            found = load(fonts, (enum pdf_face)face, level) || found;
        some = face == 0 ? found : some && found;
        fonts->known[face] = calloc(CHARACTERS, 1);
        fonts->widths[face] = calloc(CHARACTERS, sizeof(unsigned short));
        if (!fonts->known[face] || !fonts->widths[face])
            return err_set(err, RC_TEMP, "out of memory");
    }
    return some ? RC_OK : err_set(err, RC_GONE, "PDF: no font is installed; install the package fonts-liberation or fonts-dejavu-core");
}

void report_pdf_fonts_release(struct pdf_fonts *fonts) {
    for (unsigned face = 0; face < PDF_FACES; face++) {
        free(fonts->known[face]);
        free(fonts->widths[face]);
    }
}

/* One character of clean UTF-8, of those that the library can write. */
static unsigned take(const char *text, size_t left, size_t *length) {
    const unsigned char *at = (const unsigned char *)text;
    *length = str_utf8_length(text, left);
    switch (*length) {
    case 1:
        return at[0] == '\t' ? ' ' : at[0];
    case 2:
        return (at[0] & 0x1Fu) << 6 | (at[1] & 0x3Fu);
    case 3:
        return (at[0] & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
    default:
        *length = *length ? *length : 1;
        return UNKNOWN;
    }
}

/* The level that has it; UNKNOWN's for none. */
static unsigned level_of(struct pdf_fonts *fonts, enum pdf_face face, unsigned c) {
    if (fonts->known[face][c])
        return fonts->known[face][c] - 1u;
    unsigned level = 0, first = PDF_FONT_LEVELS;
    for (; level < PDF_FONT_LEVELS; level++) {
        if (!fonts->fonts[face][level])
            continue;
        first = first == PDF_FONT_LEVELS ? level : first;
        if (HPDF_TTFontDef_GetGlyphid(fonts->definitions[face][level], (HPDF_UINT16)c))
            break;
    }
    if (level == PDF_FONT_LEVELS)
        level = c == UNKNOWN ? first : PDF_FONT_LEVELS;
    fonts->known[face][c] = (unsigned char)(level + 1);
    if (level < PDF_FONT_LEVELS)
        fonts->widths[face][c] = (unsigned short)HPDF_Font_GetUnicodeWidth(fonts->fonts[face][level], (HPDF_UNICODE)c);
    return level;
}

/* What is written in the place of c, and with which level. */
static unsigned resolve(struct pdf_fonts *fonts, enum pdf_face face, unsigned c, unsigned *level) {
    *level = level_of(fonts, face, c);
    if (*level < PDF_FONT_LEVELS)
        return c;
    *level = level_of(fonts, face, UNKNOWN);
    return UNKNOWN;
}

static float width_of(struct pdf_fonts *fonts, enum pdf_face face, float size, unsigned c) {
    unsigned level;
    c = resolve(fonts, face, c, &level);
    return (float)fonts->widths[face][c] * size / 1000.0F;
}

float report_pdf_text_width(struct pdf_fonts *fonts, enum pdf_face face, float size, const char *text, size_t length) {
    float width = 0;
    for (size_t at = 0, bytes; at < length; at += bytes) {
        const unsigned c = take(text + at, length - at, &bytes);
        width += width_of(fonts, face, size, c);
    }
    return width;
}

/* After these a line may end; long words and addresses are full of them. */
static bool breaks_after(unsigned c) {
    return c == ' ' || c == '-' || c == '/' || c == '_' || c == '?' || c == '&' || c == ',' || c == ';' || (c >= 0x2E80 && c < 0xFB00);
}

size_t report_pdf_text_fit(struct pdf_fonts *fonts, enum pdf_face face, float size, const char *text, size_t length, float width, size_t *next) {
    float used = 0;
    size_t good = 0, bytes;
    for (size_t at = 0; at < length; at += bytes) {
        if (text[at] == '\n') {
            *next = at + 1;
            return at;
        }
        const unsigned c = take(text + at, length - at, &bytes);
        used += width_of(fonts, face, size, c);
        if (used > width && c != ' ' && at > 0) {
            *next = good ? good : at;
            size_t end = *next;
            while (end > 0 && text[end - 1] == ' ')
                end--;
            return end;
        }
        if (breaks_after(c))
            good = at + bytes;
    }
    *next = length;
    return length;
}

struct run {
    HPDF_Page page;
    enum pdf_face face;
    unsigned level;
    float size;
    size_t length;
    char text[RUN_BYTES + 4];
};

static void show_run(struct pdf_fonts *fonts, struct run *run) {
    if (!run->length)
        return;
    run->text[run->length] = '\0';
    HPDF_Page_SetFontAndSize(run->page, fonts->fonts[run->face][run->level], run->size);
    HPDF_Page_ShowText(run->page, run->text);
    run->length = 0;
}

/* Hebrew, Arabic and their neighbours, and the forms that letters take in Arabic. */
static bool is_from_right(unsigned c) {
    return (c >= 0x590 && c < 0x900) || (c >= 0xFB1D && c < 0xFE00) || (c >= 0xFE70 && c < 0xFEFF);
}

/* In the order in which it is drawn, from the left, with the forms that Arabic letters have beside each other; *count may become less. */
static void turn(unsigned *line, size_t *count) {
    FriBidiChar logical[LINE_MOST], visual[LINE_MOST];
    FriBidiParType direction = FRIBIDI_PAR_ON;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        logical[i] = line[i];
    if (!fribidi_log2vis(logical, (FriBidiStrIndex)*count, &direction, visual, NULL, NULL, NULL))
        return; /* out of memory: in the wrong order */
    for (size_t i = 0; i < *count; i++)
        if (visual[i] != FRIBIDI_CHAR_FILL) /* went into the letter before it */
            line[kept++] = visual[i];
    *count = kept;
}

/* Of the basic plane. */
static size_t put_utf8(unsigned c, char *out) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    out[0] = (char)(0xE0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3F));
    out[2] = (char)(0x80 | (c & 0x3F));
    return 3;
}

static void show_character(struct pdf_fonts *fonts, struct run *run, unsigned c) {
    unsigned level;
    const unsigned shown = resolve(fonts, run->face, c, &level);
    fonts->missing += shown != c;
    if ((level != run->level && run->length) || run->length + 4 > RUN_BYTES)
        show_run(fonts, run);
    run->level = level;
    run->length += put_utf8(shown, run->text + run->length);
}

void report_pdf_text_show(struct pdf_fonts *fonts, HPDF_Page page, enum pdf_face face, float size, float x, float y, const char *text, size_t length) {
    struct run run = {.page = page, .face = face, .size = size};
    unsigned line[LINE_MOST];
    HPDF_Page_BeginText(page);
    HPDF_Page_MoveTextPos(page, x, y);
    for (size_t at = 0, bytes; at < length;) {
        bool from_right = false;
        size_t count = 0;
        for (; at < length && count < LINE_MOST; at += bytes) {
            line[count] = take(text + at, length - at, &bytes);
            fonts->missing += bytes == 4; /* beyond the basic plane */
            from_right = from_right || is_from_right(line[count]);
            count++;
        }
        if (from_right)
            turn(line, &count);
        for (size_t i = 0; i < count; i++)
            show_character(fonts, &run, line[i]);
    }
    show_run(fonts, &run);
    HPDF_Page_EndText(page);
}
