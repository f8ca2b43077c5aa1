// SPDX-License-Identifier: Apache-2.0
#include "spool/document.h"

#include "base/str.h"
#include "os/dirscan.h"
#include "os/fsio.h"
#include "spool_scratch.h"

#include <dirent.h>

#include <fcntl.h>

#define PNG "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\0\0\0\0crc0\0\0\0\0IENDcrc0"

static char pdf[60000]; /* compresses well */

static enum rc store(const struct spool *spool, const char *bytes, size_t length, struct document *document, struct err *err) {
    struct document_upload *u;
    enum rc rc = document_begin(spool, &u, err);
    for (size_t at = 0; !rc && at < length; at += 7000)
        rc = document_add(u, bytes + at, length - at < 7000 ? length - at : 7000, err);
    if (!rc)
        rc = document_keep(u, document, err);
    document_drop(u);
    return rc;
}

static unsigned files_in(const struct bench *b, const char *dir) {
    struct dirscan *scan;
    const char *name;
    unsigned char type;
    unsigned count = 0;
    struct err err;
    assert_int_equal(dirscan_open(b->spool->root_fd, dir, &scan, &err), RC_OK);
    while (dirscan_next(scan, &name, &type, &err) == RC_OK) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", dir, name);
        count += type == DT_DIR ? files_in(b, path) : 1;
    }
    dirscan_close(scan);
    return count;
}

/* The one stored file, below the root. */
static void stored_path(const struct bench *b, const char *sha256, bool compressed, char path[300]) {
    char time[20];
    clock_format_basic(clock_wall_us(), time);
    snprintf(path, 300, "documents/raw/%.4s-%.2s/%s%s", time, time + 4, sha256, compressed ? ".zst" : "");
    assert_true(bench_has(b->spool->root_fd, path));
}

static void same_bytes(const struct bench *b, const char *sha256, const char *bytes, size_t length) {
    struct err err = {0};
    struct buf read = BUF_INIT(1 << 20);
    uint64_t size;
    int fd;
    assert_int_equal(document_open(b->spool, sha256, &fd, &size, &err), RC_OK);
    assert_int_equal(size, length);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    assert_int_equal(fsio_read_all(fd, &read, &err), RC_OK);
    assert_int_equal(read.length, length);
    assert_memory_equal(read.data, bytes, length);
    buf_release(&read);
    close(fd);
}

static void test_store(void **state) {
    struct bench *b = *state;
    struct document document, again;
    char path[300];
    struct stat st;
    assert_int_equal(store(b->spool, pdf, sizeof pdf, &document, &b->err), RC_OK);
    assert_true(document.compressed && !document.known);
    assert_int_equal(document.bytes, sizeof pdf);
    stored_path(b, document.sha256, true, path);
    assert_int_equal(fstatat(b->spool->root_fd, path, &st, 0), 0);
    assert_true(st.st_size < 6000);
    same_bytes(b, document.sha256, pdf, sizeof pdf);
    assert_int_equal(store(b->spool, pdf, sizeof pdf, &again, &b->err), RC_OK);
    assert_true(again.known);
    assert_string_equal(again.sha256, document.sha256);
    /* What is compressed already, or small, stays as it is. */
    assert_int_equal(store(b->spool, PNG, sizeof PNG - 1, &document, &b->err), RC_OK);
    assert_false(document.compressed);
    stored_path(b, document.sha256, false, path);
    same_bytes(b, document.sha256, PNG, sizeof PNG - 1);
    assert_int_equal(files_in(b, "documents/tmp"), 0);
    assert_int_equal(files_in(b, "documents/raw"), 2);
}

static void test_incompressible(void **state) {
    struct bench *b = *state;
    static char random[20000];
    struct document document;
    uint64_t seed = 42;
    for (size_t i = 0; i < sizeof random; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        random[i] = (char)(seed >> 56);
    }
    assert_int_equal(store(b->spool, random, sizeof random, &document, &b->err), RC_OK);
    assert_false(document.compressed);
    same_bytes(b, document.sha256, random, sizeof random);
    assert_int_equal(files_in(b, "documents/tmp"), 0);
}

static void test_another_month(void **state) {
    struct bench *b = *state;
    struct document document;
    char path[300];
    assert_int_equal(store(b->spool, PNG, sizeof PNG - 1, &document, &b->err), RC_OK);
    stored_path(b, document.sha256, false, path);
    assert_int_equal(mkdirat(b->spool->root_fd, "documents/raw/2020-01", 0770), 0);
    char to[300];
    snprintf(to, sizeof to, "documents/raw/2020-01/%s", document.sha256);
    assert_int_equal(renameat(b->spool->root_fd, path, b->spool->root_fd, to), 0);
    assert_int_equal(store(b->spool, PNG, sizeof PNG - 1, &document, &b->err), RC_OK);
    assert_true(document.known);
    same_bytes(b, document.sha256, PNG, sizeof PNG - 1);
    assert_int_equal(files_in(b, "documents/raw"), 1);
}

/* Its age counts from the last time that somebody sent it. */
static void test_sent_again(void **state) {
    struct bench *b = *state;
    struct document document;
    struct stat st;
    char path[300];
    assert_int_equal(store(b->spool, pdf, sizeof pdf, &document, &b->err), RC_OK);
    stored_path(b, document.sha256, true, path);
    assert_int_equal(fsio_set_mtime(b->spool->root_fd, path, clock_wall_us() - INT64_C(400) * 86400 * 1000000, &b->err), RC_OK);
    assert_int_equal(store(b->spool, pdf, sizeof pdf, &document, &b->err), RC_OK);
    assert_true(document.known);
    assert_int_equal(fstatat(b->spool->root_fd, path, &st, 0), 0);
    assert_true(clock_file_us(st.st_mtim) > clock_wall_us() - INT64_C(60) * 1000000);
}

static void flip(const struct bench *b, const char *path) {
    int fd = openat(b->spool->root_fd, path, O_RDWR | O_CLOEXEC);
    char c;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &c, 1, 20), 1);
    c = (char)(c ^ 1);
    assert_int_equal(pwrite(fd, &c, 1, 20), 1);
    close(fd);
}

static void test_damage(void **state) {
    struct bench *b = *state;
    struct document document;
    char path[300];
    uint64_t size;
    int fd;
    for (int compressed = 0; compressed < 2; compressed++) {
        const char *bytes = compressed ? pdf : PNG;
        size_t length = compressed ? sizeof pdf : sizeof PNG - 1;
        assert_int_equal(store(b->spool, bytes, length, &document, &b->err), RC_OK);
        stored_path(b, document.sha256, compressed, path);
        flip(b, path);
        assert_int_equal(document_open(b->spool, document.sha256, &fd, &size, &b->err), RC_CORRUPT);
        assert_int_equal(fd, -1);
        assert_non_null(strstr(b->err.text, "is damaged: send the document again"));
        /* The same one sent again takes its place. */
        assert_int_equal(store(b->spool, bytes, length, &document, &b->err), RC_OK);
        assert_false(document.known);
        same_bytes(b, document.sha256, bytes, length);
        fd = openat(b->spool->root_fd, path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(ftruncate(fd, 30), 0);
        close(fd);
        assert_int_equal(document_open(b->spool, document.sha256, &fd, NULL, &b->err), RC_CORRUPT);
    }
    assert_int_equal(document_open(b->spool, SUM_A, &fd, NULL, &b->err), RC_GONE);
    assert_int_equal(document_open(b->spool, "../../../etc/passwd", &fd, &size, &b->err), RC_PERM);
    assert_int_equal(files_in(b, "documents/tmp"), 0);
}

static void test_refused(void **state) {
    struct bench *b = *state;
    struct document document;
    struct docform form;
    char path[400];
    static const struct {
        const char *bytes, *problem;
    } cases[] = {{"", "is empty"}, {"PK\x03\x04", "DOCX"}, {"%PDF-1.4\n", "ends too early"}, {"%PDF-1.4\ntrailer << /Encrypt 1 0 R >> %%EOF", "encrypted"}};
    snprintf(path, sizeof path, "%s/x.pdf", b->scratch->path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench_put(AT_FDCWD, path, cases[i].bytes);
        assert_int_equal(document_put_file(b->spool, path, &document, &form, &b->err), RC_PERM);
        assert_non_null(strstr(b->err.text, cases[i].problem));
        assert_non_null(strstr(b->err.text, "x.pdf: is "));
    }
    bench_put(AT_FDCWD, path, "%PDF-1.4\ntrailer << >>\n%%EOF");
    assert_int_equal(document_put_file(b->spool, path, &document, &form, &b->err), RC_OK);
    assert_int_equal(form.type, DOCFORM_PDF);
    assert_int_equal(document_put_file(b->spool, "/nowhere/x.pdf", &document, &form, &b->err), RC_GONE);
    assert_int_equal(document_put_file(b->spool, b->scratch->path, &document, &form, &b->err), RC_PERM);
    assert_int_equal(files_in(b, "documents/tmp"), 0);
    assert_int_equal(files_in(b, "documents/raw"), 1);
}

static void test_sweep(void **state) {
    struct bench *b = *state;
    struct document_upload *u;
    bench_put(b->spool->root_fd, "documents/tmp/0123.upload", "half");
    bench_put(b->spool->root_fd, "documents/tmp/other", "not ours");
    assert_int_equal(document_begin(b->spool, &u, &b->err), RC_OK);
    document_sweep(b->spool);
    assert_false(bench_has(b->spool->root_fd, "documents/tmp/0123.upload"));
    assert_true(bench_has(b->spool->root_fd, "documents/tmp/other"));
    assert_int_equal(files_in(b, "documents/tmp"), 2); /* what is coming in stays */
    document_drop(u);
    assert_int_equal(files_in(b, "documents/tmp"), 1);
}

static int store_one(struct bench *b) {
    struct document document;
    return store(b->spool, pdf, sizeof pdf, &document, &b->err) == RC_OK ? 0 : 1;
}

/* Killed, or refused by the disk, at every step: then nothing is told, what lies there is whole or is not found, and the next time goes well. */
static void test_every_step(void **state) {
    struct bench *b = *state;
    static const char *const actions[] = {"kill", "eio", "enospc"};
    char sha256[DIGEST_HEX_SIZE], plan[40];
    digest_of_hex(pdf, sizeof pdf, sha256);
    for (size_t action = 0; action < 3; action++) {
        unsigned steps = 0;
        for (unsigned n = 1; n < 100; n++, steps++) {
            int code, fd;
            uint64_t size;
            char path[300] = "";
            snprintf(plan, sizeof plan, "%u:%s", n, actions[action]);
            bool killed = bench_faulty(b, plan, store_one, &code);
            enum rc rc = document_open(b->spool, sha256, &fd, &size, &b->err);
            if (rc == RC_OK)
                close(fd);
            assert_true(rc == RC_OK || rc == RC_GONE);
            assert_true(killed || code == 1 || rc == RC_OK); /* told as stored: it is */
            document_sweep(b->spool);
            assert_int_equal(files_in(b, "documents/tmp"), 0);
            if (!killed && code == 0)
                break; /* no such step any more, or one that may fail */
            assert_int_equal(store_one(b), 0);
            same_bytes(b, sha256, pdf, sizeof pdf);
            stored_path(b, sha256, true, path);
            assert_int_equal(unlinkat(b->spool->root_fd, path, 0), 0);
        }
        assert_true(steps > 6);
        char path[300];
        stored_path(b, sha256, true, path);
        assert_int_equal(unlinkat(b->spool->root_fd, path, 0), 0);
    }
}

static void test_list(void **state) {
    struct bench *b = *state;
    static const char good[] = "{\"sha256\":\"" SUM_A "\",\"name\":\"lease.pdf\",\"bytes\":3,\"type\":\"pdf\",\"group\":null}";
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"[]", "documents must be a list of 1 to 2 documents"},
        {"{}", "documents must be a list of 1 to 2 documents"},
        {"[1]", "documents/0 must be an object"},
        {"[{\"sha256\":\"abc\"}]", "documents/0/sha256 must be"},
        {"[{\"sha256\":\"" SUM_A "\",\"name\":\"\"}]", "documents/0/name must be"},
        {"[{\"sha256\":\"" SUM_A "\",\"name\":\"a\",\"bytes\":0,\"type\":\"pdf\"}]", "documents/0/bytes must be"},
        {"[{\"sha256\":\"" SUM_A "\",\"name\":\"a\",\"bytes\":1,\"type\":\"docx\"}]", "documents/0/type must be"},
        {"[{\"sha256\":\"" SUM_A "\",\"name\":\"a\",\"bytes\":1,\"type\":\"png\",\"group\":3}]", "documents/0/group must be"},
        {"[{\"sha256\":\"" SUM_A "\",\"name\":\"a\",\"bytes\":1,\"type\":\"png\",\"path\":\"/etc\"}]", "documents/0 has a member that is not foreseen"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *list = cJSON_Parse(cases[i].text);
        assert_int_equal(document_check_list(list, 2, &b->err), RC_PERM);
        if (!str_starts(b->err.text, cases[i].problem))
            fail_msg("%s says %s", cases[i].text, b->err.text);
        cJSON_Delete(list);
    }
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, cJSON_Parse(good));
    assert_int_equal(document_check_list(list, 2, &b->err), RC_OK);
    cJSON_AddItemToArray(list, cJSON_Parse(good));
    assert_int_equal(document_check_list(list, 2, &b->err), RC_PERM);
    assert_string_equal(b->err.text, "documents/1 is the same document as one before it");
    cJSON_Delete(list);
    struct document document = {.sha256 = SUM_A, .bytes = 3};
    cJSON *json = document_json(&document, DOCFORM_PDF, "lease.pdf", NULL);
    char *text = cJSON_PrintUnformatted(json);
    assert_string_equal(text, good);
    cJSON_free(text);
    cJSON_Delete(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {BENCH_TEST(test_store),      BENCH_TEST(test_incompressible), BENCH_TEST(test_another_month),
                                       BENCH_TEST(test_sent_again), BENCH_TEST(test_damage),         BENCH_TEST(test_refused),
                                       BENCH_TEST(test_sweep),      BENCH_TEST(test_every_step),     BENCH_TEST(test_list)};
    for (size_t i = 0; i < sizeof pdf; i++)
        pdf[i] = "%PDF-1.4 the tenant pays the rent "[i % 34];
    memcpy(pdf + sizeof pdf - 6, "%%EOF\n", 6);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
