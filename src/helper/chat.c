// SPDX-License-Identifier: Apache-2.0
#include "helper/chat.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "helper/tool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MOST 64u /* places in a text where JSON may begin */

static uint64_t count_of(const cJSON *usage, const char *name) {
    double value = tool_number(usage, name, 0);
    return value > 0 && value < 9e15 ? (uint64_t)value : 0;
}

/* Some servers answer with a list of parts. */
static const char *join_parts(cJSON *message, const cJSON *parts) {
    struct buf text = BUF_INIT(TOOL_INPUT_MOST);
    const cJSON *part;
    for (part = parts->child; part; part = part->next)
        (void)buf_add_text(&text, tool_text(part, "text", ""));
    cJSON *joined = cJSON_AddStringToObject(message, "batchspool_content", buf_text(&text));
    buf_release(&text);
    return cJSON_GetStringValue(joined);
}

static enum rc check_finish(const cJSON *choice, const cJSON *message, struct err *err) {
    const char *finish = tool_text(choice, "finish_reason", "stop"), *refusal = tool_text(message, "refusal", NULL);
    char shown[160];
    if (refusal && *refusal) {
        str_printable(shown, sizeof shown, refusal, strlen(refusal));
        return err_set(err, RC_PERM, "the model refused: %s", shown);
    }
    if (strcmp(finish, "length") == 0)
        return err_set(err, RC_PERM,
                       "the model's answer was cut off at its limit of tokens (finish_reason length): raise max_completion_tokens, or make the chunks smaller");
    if (strcmp(finish, "content_filter") == 0)
        return err_set(
            err, RC_PERM,
            "the endpoint's content filter held the answer back (finish_reason content_filter): see what stands in the document, or take another model");
    if (strcmp(finish, "tool_calls") == 0 || strcmp(finish, "function_call") == 0)
        return err_set(err, RC_PERM, "the model asked for a tool instead of answering (finish_reason %s): take another model", finish);
    return RC_OK;
}

enum rc chat_read(cJSON *answer, struct chat *out, struct err *err) {
    const cJSON *usage = cJSON_GetObjectItemCaseSensitive(answer, "usage");
    const cJSON *choice = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(answer, "choices"), 0);
    cJSON *message = cJSON_GetObjectItemCaseSensitive(choice, "message"), *content = cJSON_GetObjectItemCaseSensitive(message, "content");
    *out = (struct chat){.content = "", .model = tool_text(answer, "model", NULL)};
    out->tokens = (struct chat_tokens){.prompt = count_of(usage, "prompt_tokens"), .completion = count_of(usage, "completion_tokens")};
    out->tokens.total = count_of(usage, "total_tokens");
    if (!out->tokens.total)
        out->tokens.total = out->tokens.prompt + out->tokens.completion;
    if (!cJSON_IsObject(message))
        return err_set(err, RC_PERM, "the answer is no chat completion (choices[0].message is missing): is the endpoint's address right?");
    enum rc rc = check_finish(choice, message, err);
    if (rc)
        return rc;
    const char *text = cJSON_IsArray(content) ? join_parts(message, content) : cJSON_GetStringValue(content);
    if (!text || !*text)
        return err_set(err, RC_TEMP, "the model answered nothing");
    out->content = text;
    return RC_OK;
}

/* The end of the value that begins here, by brackets; NULL when it does not end. What is between is checked by those who parse it. */
static const char *value_end(const char *at) {
    unsigned depth = 0;
    bool in_text = false;
    for (; *at; at++) {
        if (in_text) {
            if (*at == '\\' && at[1])
                at++;
            else if (*at == '"')
                in_text = false;
        } else if (*at == '"')
            in_text = true;
        else if (*at == '{' || *at == '[')
            depth++;
        else if ((*at == '}' || *at == ']') && --depth == 0)
            return at + 1;
    }
    return NULL;
}

enum rc chat_extract(const char *content, cJSON **json, struct err *err) {
    struct err first = {0}, other = {0};
    *json = NULL;
    /* What models of the thinking kind think is not their answer. */
    for (const char *end = strstr(content, "</think>"); end; end = strstr(content, "</think>"))
        content = end + strlen("</think>");
    if (tool_parse(content, strlen(content), "the model's answer", json, &first) == RC_OK)
        return RC_OK;
    const char *at = strpbrk(content, "{["), *end;
    /* One that does not end was cut off: what is whole inside of it is a part of the answer, not the answer. */
    for (unsigned tries = 0; at && tries < TRIES_MOST && (end = value_end(at)); tries++) {
        if (tool_parse(at, (size_t)(end - at), "the model's answer", json, tries ? &other : &first) == RC_OK)
            return RC_OK;
        at = strpbrk(end, "{[");
    }
    return err_set(err, RC_TEMP, "%s", first.text);
}
