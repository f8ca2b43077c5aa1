// SPDX-License-Identifier: Apache-2.0
/*
 * embed: the dashboard's files as C, for src/api/web.c: bytes, their gzip form and SHA-256.
 *
 *   embed DIRECTORY FILE... >web_files.c      (names below DIRECTORY)
 */
#include "base/buf.h"
#include "base/digest.h"
#include "base/str.h"
#include "os/fsio.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <zlib.h>

#define FILE_MOST (4u * 1024u * 1024u)

static void must(int ok, const char *what) {
    if (ok)
        return;
    fprintf(stderr, "embed: %s\n", what);
    exit(EX_DATAERR);
}

static void print_bytes(const char *kind, size_t number, const unsigned char *bytes, size_t length) {
    printf("static const unsigned char %s%zu[] = {", kind, number);
    for (size_t i = 0; i < length; i++)
        printf(i % 32 ? "%u," : "\n%u,", bytes[i]);
    puts("0};");
}

static size_t pack(const struct buf *in, unsigned char **out) {
    z_stream stream = {.next_in = (unsigned char *)in->data, .avail_in = (uInt)in->length};
    must(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK, "deflateInit2");
    uLong room = deflateBound(&stream, (uLong)in->length);
    *out = malloc(room);
    must(*out != NULL, "memory");
    stream.next_out = *out;
    stream.avail_out = (uInt)room;
    must(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflate");
    size_t length = stream.total_out;
    deflateEnd(&stream);
    return length;
}

int main(int argc, char **argv) {
    must(argc > 2, "usage: embed DIRECTORY FILE...");
    struct {
        char sum[DIGEST_HEX_SIZE];
        size_t length, packed;
    } *files = calloc((size_t)argc, sizeof *files);
    must(files != NULL, "memory");
    puts("#include \"api/web.h\"");
    for (int i = 2; i < argc; i++) {
        char path[4096];
        struct buf bytes = BUF_INIT(FILE_MOST);
        struct err err = {0};
        unsigned char *packed;
        must(str_format(path, sizeof path, "%s/%s", argv[1], argv[i]), "the path is too long");
        must(fsio_read_file(AT_FDCWD, path, &bytes, &err) == RC_OK, err.text);
        digest_of_hex(buf_text(&bytes), bytes.length, files[i].sum);
        files[i].length = bytes.length;
        files[i].packed = pack(&bytes, &packed);
        print_bytes("file", (size_t)i, (const unsigned char *)buf_text(&bytes), bytes.length);
        print_bytes("gzip", (size_t)i, packed, files[i].packed);
        free(packed);
        buf_release(&bytes);
    }
    puts("const struct web_file web_files[] = {");
    for (int i = 2; i < argc; i++)
        printf("    {\"/%s\", \"%s\", file%d, %zu, gzip%d, %zu},\n", argv[i], files[i].sum, i, files[i].length, i, files[i].packed);
    puts("    {0}};");
    free(files);
    return EX_OK;
}
