// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "notify/fill.h"
#include "notify/mail_header.h"
#include "spool/notice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file of a notice, and behind a NUL a template for it: what is read is written again as the same, and nothing of it ends a header. */

static void require(bool holds) {
    if (!holds)
        abort();
}

static void check_again(const struct notice *notice) {
    struct buf text = BUF_INIT(8 * NOTICE_FILE_BYTES);
    struct notice again;
    struct err err = {0};
    require(notice_target_valid(notice->to) && strpbrk(notice->to, "\r\n <>") == NULL);
    require(strstr(notice->awaits, "..") == NULL || strstr(notice->awaits, "/.") == NULL);
    require(notice_format(notice, &text) == RC_OK);
    require(notice_parse(notice->id, buf_text(&text), text.length, &again, &err) == RC_OK);
    require(again.kind == notice->kind && again.seq == notice->seq && strcmp(again.to, notice->to) == 0 && cJSON_Compare(again.values, notice->values, true));
    notice_release(&again);
    buf_release(&text);
}

static void check_letter(const struct notice *notice, const char *template) {
    struct buf line = BUF_INIT(65536), html = BUF_INIT(65536), header = BUF_INIT(262144);
    struct err err = {0};
    if (strpbrk(template, "\r\n") == NULL && fill(template, notice->values, FILL_LINE, &line, &err) == RC_OK &&
        mail_header_text(&header, "Subject", buf_text(&line)) == RC_OK)
        for (const char *at = buf_text(&header); *at; at++) {
            require((*at >= ' ' && *at <= '~') || (*at == '\r' && at[1] == '\n' && at[2] == ' ') || (*at == '\n' && at[1] == ' '));
        }
    (void)fill(template, notice->values, FILL_HTML, &html, &err);
    if (strcmp(template, "{{a}}") == 0)
        require(strpbrk(buf_text(&html), "<>\"'") == NULL);
    buf_release(&line);
    buf_release(&html);
    buf_release(&header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1); /* its own size, so that one byte too far is seen */
    struct notice notice;
    struct err err = {0};
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    const size_t length = strlen(text);
    if (notice_parse("20261128T100000Z-0123456789ab-completed", text, length, &notice, &err) == RC_OK) {
        check_again(&notice);
        check_letter(&notice, length < size ? text + length + 1 : "{{a}}");
    } else
        require(err.text[0] != '\0');
    notice_release(&notice);
    free(text);
    return 0;
}
