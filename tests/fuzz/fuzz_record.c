// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "helper/tool.h"
#include "helper/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Contents of a model's answers with NULs between them, against a schema like those that are shipped: a record that says what the schema allows, or a reason.
 * The same input gives the same record. */

#define EVIDENCE "\"page\":{\"type\":[\"integer\",\"null\"]},\"quote\":{\"type\":[\"string\",\"null\"]}"
#define FIELD(type)                                                                                                                                            \
    "{\"type\":\"object\",\"properties\":{\"value\":{\"type\":[\"" type "\",\"null\"]},\"unit\":{\"type\":[\"string\",\"null\"]},\"status\":{\"type\":"        \
    "\"string\"}," EVIDENCE "},\"required\":[\"value\",\"unit\",\"status\",\"page\",\"quote\"],\"additionalProperties\":false}"
#define TEXT(name) "\"" name "\":{\"type\":[\"string\",\"null\"]}"
#define LIST(name, properties, required)                                                                                                                       \
    "\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{" properties "," EVIDENCE "},\"required\":[" required                     \
    ",\"page\",\"quote\"],\"additionalProperties\":false}}"

static const char SCHEMA[] = "{\"type\":\"object\",\"properties\":{\"document\":{\"type\":\"object\",\"properties\":{" TEXT("type") "," TEXT("date") "," TEXT(
    "supersedes") ",\"missing_schedules\":{\"type\":"
                  "\"array\",\"items\":{\"type\":\"string\"}}},\"required\":[\"missing_schedules\"]},\"fields\":{\"type\":\"object\",\"properties\":{\"t\":{\"$"
                  "ref\":\"#/$defs/text\"},"
                  "\"term\":{\"$ref\":\"#/$defs/number\"},\"commencement_date\":{\"$ref\":\"#/$defs/date\"},\"expiry_date\":{\"$ref\":\"#/$defs/"
                  "date\"}},\"required\":[\"t\",\"term\","
                  "\"commencement_date\",\"expiry_date\"],\"additionalProperties\":false}," LIST("rent", TEXT("from") "," TEXT("to") ",\"amount\":{\"type\":[\"number\",\"null\"]}", "\"from\",\"to\",\"amount\"") "," LIST(
                      "options", TEXT("kind") "," TEXT("window_from") "," TEXT("window_to"),
                      "\"kind\",\"window_from\",\"window_to\"") "," LIST("dates", TEXT("date") "," TEXT("what"),
                                                                         "\"date\",\"what\"") "," LIST("clauses", TEXT("topic") "," TEXT("text"),
                                                                                                       "\"topic\","
                                                                                                       "\"text\"") "},"
                                                                                                                   "\"re"
                                                                                                                   "quir"
                                                                                                                   "ed\""
                                                                                                                   ":["
                                                                                                                   "\"do"
                                                                                                                   "cume"
                                                                                                                   "nt\""
                                                                                                                   ",\"f"
                                                                                                                   "ield"
                                                                                                                   "s\","
                                                                                                                   "\"re"
                                                                                                                   "nt\""
                                                                                                                   ",\"o"
                                                                                                                   "ptio"
                                                                                                                   "ns\""
                                                                                                                   ",\"d"
                                                                                                                   "ates"
                                                                                                                   "\","
                                                                                                                   "\"cl"
                                                                                                                   "ause"
                                                                                                                   "s\"]"
                                                                                                                   ",\"a"
                                                                                                                   "ddit"
                                                                                                                   "iona"
                                                                                                                   "lPro"
                                                                                                                   "pert"
                                                                                                                   "ies"
                                                                                                                   "\":"
                                                                                                                   "fals"
                                                                                                                   "e,"
                                                                                                                   "\"$"
                                                                                                                   "defs"
                                                                                                                   "\":{"
                                                                                                                   "\"te"
                                                                                                                   "xt\""
                                                                                                                   ":" FIELD("string") ",\"number\":" FIELD(
                                                                                                                       "number") ",\"date\":" FIELD("string") "}}";

static struct page PAGES[] = {{.number = 1, .text = "The tenant is ACME. The Term begins 03/04/2019."}, {.number = 2, .text = "paid by ACME on 25/12/2020"}};
static const struct pages pages = {.list = PAGES, .count = 2, .page_count = 2, .text_by = "pdf"};

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static cJSON *answers_of(const char *text, size_t size) {
    cJSON *answers = cJSON_CreateArray();
    const char *end = text + size;
    for (int i = 0; text < end && i < 4; i++) {
        size_t length = strnlen(text, (size_t)(end - text));
        char *content = strndup(text, length);
        cJSON *answer = cJSON_Parse("{\"choices\":[{\"message\":{},\"finish_reason\":\"stop\"}]}");
        cJSON_AddStringToObject(cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "choices"), 0), "message"), "content", content);
        cJSON_AddItemToArray(answers, answer);
        free(content);
        text += length + 1;
    }
    return answers;
}

static char *make(struct lease *lease, const char *text, size_t size, enum rc *rc) {
    struct record_input input = {.run = "r", .name = "d.pdf", .sha256 = "ab", .lease = lease, .pages = &pages, .answers = answers_of(text, size)};
    struct err err = {0};
    cJSON *record = NULL;
    *rc = record_make(&input, &record, &err);
    require((*rc == RC_OK) == (record != NULL) && (*rc == RC_OK || err.text[0] != '\0'));
    char *printed = record != NULL ? cJSON_PrintUnformatted(record) : NULL;
    require(record == NULL || (printed != NULL && json_check(printed, strlen(printed), &json_rules_payload, &err) == RC_OK));
    cJSON_Delete(record);
    cJSON_Delete(input.answers);
    return printed;
}

/* The same bytes as a captured answer, and as the text of a step before. */
static void read_raw(const struct lease *lease, const char *text, size_t size) {
    struct pages read;
    struct err err = {0};
    cJSON *json, *checked = NULL;
    if (tool_parse(text, size, "input", &json, &err) != RC_OK)
        return;
    enum rc rc = record_check(lease, json, &checked, &err);
    require((rc == RC_OK) == (checked != NULL) && (rc == RC_OK || err.text[0] != '\0'));
    cJSON_Delete(checked);
    rc = pages_read_input(json, &read, &err);
    require(rc == RC_OK ? read.count > 0 && read.page_count >= read.list[read.count - 1].number : err.text[0] != '\0');
    pages_release(&read);
    cJSON_Delete(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct lease lease = {.name = "tiny", .schema_version = "1", .prompt_version = "1", .schema = BUF_INIT(100000), .json = cJSON_Parse(SCHEMA)};
    enum rc first, second;
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    require(lease.json != NULL && buf_add_text(&lease.schema, SCHEMA) == RC_OK);
    read_raw(&lease, text, size);
    char *a = make(&lease, text, size, &first), *b = make(&lease, text, size, &second);
    require(first == second && (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0));
    free(a);
    free(b);
    free(text);
    lease_release(&lease);
    return 0;
}
