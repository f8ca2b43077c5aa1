// SPDX-License-Identifier: Apache-2.0
#include "notify/letter.h"

#include "notify/fill.h"
#include "os/fsio.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TEMPLATE_BYTES 65536u
#define SUBJECT_BYTES 400u
#define SUBJECT_SHOWN 900u /* of what a template makes of it: a line of a mail has at most 998 bytes (RFC 5322 2.1.1) */
#define BODY_BYTES (512u * 1024u)

static const char BUILT_IN[] = "Subject: [batchspool] {{subject}}\n"
                               "\n"
                               "{{text}}\n"
                               "{{#job_id}}\n"
                               "\n"
                               "Job: {{job_id}}\n"
                               "{{/job_id}}\n"
                               "{{#link}}\n"
                               "{{link}}\n"
                               "{{/link}}\n";

static enum rc read_template(const char *templates, const char *name, const char *ending, struct buf *out, struct err *err) {
    char file[80];
    int dir;
    if (*templates == '\0')
        return RC_GONE;
    enum rc rc = fsio_open_dir(AT_FDCWD, templates, &dir, err);
    if (rc != RC_OK)
        return rc;
    str_format(file, sizeof file, "%s.%s", name, ending);
    rc = fsio_read_file(dir, file, out, err);
    close(dir);
    return rc;
}

/* That of the kind, or the one for all. *file is what errors name. */
static enum rc find_template(const char *templates, const struct notice *notice, const char *ending, struct buf *out, char file[120], struct err *err) {
    const char *const names[] = {notice_kind_name(notice->kind), "default"};
    enum rc rc = RC_GONE;
    for (size_t i = 0; i < sizeof names / sizeof *names && rc == RC_GONE; i++) {
        str_format(file, 120, "template %s.%s", names[i], ending);
        rc = read_template(templates, names[i], ending, out, err);
    }
    if (rc == RC_OK && strlen(buf_text(out)) != out->length)
        return err_set(err, RC_PERM, "%s: has a byte 0", file);
    return rc;
}

/* At the end of a character. */
static enum rc cut(struct buf *subject) {
    size_t length = SUBJECT_SHOWN;
    if (subject->length <= length)
        return RC_OK;
    while (length > 0 && (subject->data[length] & 0xc0) == 0x80)
        length--;
    subject->length = length;
    return buf_add_text(subject, "...");
}

static enum rc fill_subject(const char *template, const struct notice *notice, struct letter *letter, const char **body, struct err *err) {
    char line[SUBJECT_BYTES];
    const size_t length = strcspn(template, "\r\n");
    if (strncmp(template, "Subject:", 8) != 0 || length >= sizeof line)
        return err_set(err, RC_PERM, "line 1: must be \"Subject: ...\"");
    *body = template + length;
    *body += **body == '\r';
    *body += **body == '\n';
    *body += strspn(*body, "\r\n");
    str_format(line, sizeof line, "%.*s", (int)(length - 8), template + 8);
    enum rc rc = fill(line + strspn(line, " \t"), notice->values, FILL_LINE, &letter->subject, err);
    return rc == RC_OK ? cut(&letter->subject) : rc;
}

enum rc letter_make(const char *templates, const struct notice *notice, struct letter *letter, struct err *err) {
    struct buf template = BUF_INIT(TEMPLATE_BYTES);
    char file[120] = "";
    const char *body = "";
    buf_init(&letter->subject, BODY_BYTES);
    buf_init(&letter->text, BODY_BYTES);
    buf_init(&letter->html, 2 * BODY_BYTES);
    enum rc rc = find_template(templates, notice, "txt", &template, file, err);
    if (rc == RC_GONE) {
        str_copy(file, sizeof file, "the template that is built in");
        rc = buf_add_text(&template, BUILT_IN);
    }
    if (rc == RC_OK && (rc = fill_subject(buf_text(&template), notice, letter, &body, err)) == RC_OK)
        rc = fill(body, notice->values, FILL_TEXT, &letter->text, err);
    if (rc != RC_OK)
        err_prefix(err, rc, "%s", file);
    buf_reset(&template);
    if (rc == RC_OK) {
        enum rc html = find_template(templates, notice, "html", &template, file, err);
        rc = html == RC_GONE ? RC_OK : html == RC_OK ? fill(buf_text(&template), notice->values, FILL_HTML, &letter->html, err) : html;
        if (rc != RC_OK)
            err_prefix(err, rc, "%s", file);
    }
    buf_release(&template);
    return rc;
}

void letter_release(struct letter *letter) {
    buf_release(&letter->subject);
    buf_release(&letter->text);
    buf_release(&letter->html);
}
