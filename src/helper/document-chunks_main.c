// SPDX-License-Identifier: Apache-2.0
#include "helper/chunks.h"
#include "helper/tool.h"
#include "helper/lease.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define PROGRAM "batchspool-document-chunks"
#define CHUNKS_MOST 500u

static const char USAGE[] = "usage: " PROGRAM " [--schema NAME] [--lease DIRECTORY] [--tokens 24000] [--overlap 400]\n";

struct options {
    const char *schema, *lease;
    struct chunks_options cut;
};

static enum rc options_read(int argc, char **argv, struct options *options, struct err *err) {
    static const struct option longs[] = {{"schema", required_argument, NULL, 's'},
                                          {"lease", required_argument, NULL, 'l'},
                                          {"tokens", required_argument, NULL, 't'},
                                          {"overlap", required_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    uint64_t tokens = options->cut.tokens, overlap = options->cut.overlap;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 's')
            options->schema = optarg;
        else if (c == 'l')
            options->lease = optarg;
        else if (!(c == 't' && str_to_u64(optarg, CHUNKS_TOKENS_LEAST, 1000000, &tokens)) && !(c == 'o' && str_to_u64(optarg, 0, 100000, &overlap)))
            return err_set(err, RC_FATAL, "%.200s", USAGE);
    }
    options->cut = (struct chunks_options){.tokens = (size_t)tokens, .overlap = (size_t)overlap};
    return optind == argc ? RC_OK : err_set(err, RC_FATAL, "%.200s", USAGE);
}

static enum rc input_read(const cJSON *input, struct options *options, struct err *err) {
    double tokens = tool_number(input, "tokens", (double)options->cut.tokens), overlap = tool_number(input, "overlap", (double)options->cut.overlap);
    options->schema = tool_text(input, "schema", options->schema);
    if (!(tokens >= CHUNKS_TOKENS_LEAST && tokens <= 1000000) || !(overlap >= 0 && overlap < tokens / 2))
        return err_set(err, RC_PERM, "tokens must be from %u to 1000000, overlap less than half of it", CHUNKS_TOKENS_LEAST);
    options->cut = (struct chunks_options){.tokens = (size_t)tokens, .overlap = (size_t)overlap};
    return options->schema ? RC_OK : err_set(err, RC_PERM, "schema is missing: name one of the directory lease, such as \"commercial\"");
}

/* The schema as endpoints take it in strict mode: without what only we read. */
static cJSON *strict_schema(const struct lease *lease) {
    static const char *const ours[] = {"$schema", "$id", "$comment", "title"};
    cJSON *schema = cJSON_Duplicate(lease->json, true);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        cJSON_DeleteItemFromObject(schema, ours[i]);
    return schema;
}

static cJSON *response_format(const struct lease *lease) {
    cJSON *format = cJSON_CreateObject();
    cJSON_AddStringToObject(format, "type", "json_schema");
    cJSON *inner = cJSON_AddObjectToObject(format, "json_schema");
    cJSON_AddStringToObject(inner, "name", lease->name);
    cJSON_AddBoolToObject(inner, "strict", true);
    cJSON_AddItemToObject(inner, "schema", strict_schema(lease));
    return format;
}

/* The prompt with what is known of this document put in. */
static enum rc prompt_fill(const struct lease *lease, const struct pages *pages, const char *nonce, struct buf *out, struct err *err) {
    char mark[64], count[16];
    const struct { const char *name, *value; } words[] = {{"${mark}", mark}, {"${pages}", count}};
    str_format(mark, sizeof mark, "[[page N of %u | %s]]", pages->page_count, nonce);
    str_format(count, sizeof count, "%u", pages->page_count);
    enum rc rc = RC_OK;
    for (const char *at = buf_text(&lease->prompt); *at && !rc;) {
        size_t i = 0;
        while (i < sizeof words / sizeof *words && !str_starts(at, words[i].name))
            i++;
        bool known = i < sizeof words / sizeof *words;
        rc = known ? buf_add_text(out, words[i].value) : buf_add_char(out, *at);
        at += known ? strlen(words[i].name) : 1;
    }
    return rc ? err_set(err, rc, "the prompt is too long") : RC_OK;
}

static void add_systems(const struct lease *lease, struct buf *prompt, cJSON *answer) {
    cJSON *schema = strict_schema(lease);
    char *text = cJSON_PrintUnformatted(schema);
    cJSON_AddStringToObject(answer, "system", buf_text(prompt));
    (void)buf_add_text(prompt,
                       "\nAnswer with one JSON object and nothing else: no words before it, no fence around it. It must be as this JSON Schema says:\n");
    (void)buf_add_text(prompt, text ? text : "");
    cJSON_AddStringToObject(answer, "system_json", buf_text(prompt));
    free(text);
    cJSON_Delete(schema);
}

static void add_chunks(const struct chunk *chunks, size_t count, cJSON *answer) {
    cJSON *list = cJSON_AddArrayToObject(answer, "chunks");
    for (size_t i = 0; i < count; i++) {
        cJSON *one = cJSON_CreateObject(), *pages = cJSON_AddArrayToObject(one, "pages");
        cJSON_AddNumberToObject(one, "number", (double)i + 1);
        cJSON_AddItemToArray(pages, cJSON_CreateNumber(chunks[i].first_page));
        cJSON_AddItemToArray(pages, cJSON_CreateNumber(chunks[i].last_page));
        cJSON_AddNumberToObject(one, "tokens", (double)chunks[i].tokens);
        cJSON_AddStringToObject(one, "text", buf_text(&chunks[i].text));
        cJSON_AddItemToArray(list, one);
    }
}

static enum rc write_answer(const struct lease *lease, const struct pages *pages, const struct options *options, struct err *err) {
    char nonce[CHUNKS_NONCE_SIZE];
    struct chunk *chunks;
    size_t count;
    struct buf prompt = BUF_INIT((size_t)4 * 1024 * 1024);
    enum rc rc = chunks_cut(pages, &options->cut, &chunks, &count, err);
    if (rc)
        return rc;
    cJSON *answer = cJSON_CreateObject(), *plain = cJSON_CreateObject();
    chunks_nonce(pages, nonce);
    rc = count <= CHUNKS_MOST ? prompt_fill(lease, pages, nonce, &prompt, err)
                              : err_set(err, RC_PERM, "the document's text gives %zu parts, more than %u: raise tokens", count, CHUNKS_MOST);
    if (!rc) {
        add_chunks(chunks, count, answer);
        cJSON_AddStringToObject(answer, "schema", lease->name);
        cJSON_AddStringToObject(answer, "schema_version", lease->schema_version);
        cJSON_AddStringToObject(answer, "prompt_version", lease->prompt_version);
        add_systems(lease, &prompt, answer);
        cJSON_AddItemToObject(answer, "response_format", response_format(lease));
        cJSON_AddStringToObject(plain, "type", "json_object");
        cJSON_AddItemToObject(answer, "response_format_json", plain);
        plain = NULL;
        rc = tool_put_json(answer, err);
    }
    cJSON_Delete(plain);
    cJSON_Delete(answer);
    buf_release(&prompt);
    chunks_free(chunks, count);
    return rc ? rc : tool_flush(err);
}

static enum rc work(cJSON *input, struct options *options, struct err *err) {
    struct pages pages = {.list = NULL};
    struct lease lease;
    enum rc rc = input_read(input, options, err);
    if (rc)
        return rc;
    rc = lease_open(options->lease, options->schema, &lease, err);
    if (!rc)
        rc = pages_read_input(input, &pages, err);
    size_t letters = 0;
    for (size_t i = 0; i < pages.count; i++)
        letters += pages_letters(pages.list[i].text);
    if (!rc && !letters)
        rc = err_set(err, RC_PERM, "no text was found on any of %u pages: scan the document again, at 300 dpi", pages.page_count);
    if (!rc)
        rc = write_answer(&lease, &pages, options, err);
    pages_release(&pages);
    lease_release(&lease);
    return rc;
}

int main(int argc, char **argv) {
    struct options options = {.cut = {.tokens = 24000, .overlap = 400}};
    struct err err = {0};
    cJSON *input = NULL;
    enum rc rc = options_read(argc, argv, &options, &err);
    if (!rc)
        rc = tool_read_input(&input, &err);
    if (!rc)
        rc = work(input, &options, &err);
    cJSON_Delete(input);
    return tool_end(PROGRAM, rc, &err);
}
