// SPDX-License-Identifier: Apache-2.0
#include "source/source_parts.h"

#include <string.h>

#include "base/limits.h"

/*
 * Constants of a definition: `settings`, which a configuration lays its own over, stand for ${settings.NAME} wherever a text is a value. They are put into the
 * text of the definition before anything else of it is read, so that all checks see what is there in the end, and nothing of them is left for a job to reach.
 */

#define REFERENCE "${settings."
#define MOST_VALUE_BYTES 4096u

/* --- values -------------------------------------------------------------------------------------------------------- */

static enum rc only_secrets(void *context, const struct template_reference *reference) {
    (void)context;
    return reference->kind == TEMPLATE_SECRET ? RC_OK : RC_PERM;
}

/* What is wrong with a value; NULL: nothing. */
static const char *wrong_value(const cJSON *value, struct err *err) {
    const char *text = cJSON_GetStringValue(value);

    if (cJSON_IsObject(value) || cJSON_IsArray(value)) {
        return "must be text, a number, true, false or null";
    }
    if (text == NULL) {
        return NULL;
    }
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at < ' ' || *at == 0x7f) {
            return "has a line break or another control character";
        }
    }
    if (strlen(text) > MOST_VALUE_BYTES) {
        return "is too long";
    }
    if (strstr(text, REFERENCE) != NULL) {
        return "names another setting: settings are constants";
    }
    if (template_check(text, err) != RC_OK) {
        return err->text;
    }
    if (template_each(text, only_secrets, NULL) != RC_OK) {
        return "may have ${secret:NAME} in it, nothing else: it is the same for all jobs";
    }
    return *text != '\0' && text[strlen(text) - 1] == '$' ? "must not end with $" : NULL; /* with a { behind it, it would begin a template */
}

enum rc source_settings_check(struct check *check, const cJSON *settings) {
    const cJSON *value;

    if (!cJSON_IsObject(settings) || cJSON_GetArraySize(settings) > SOURCE_MAX_SETTINGS) {
        return check_fail(check, NULL, "must be an object of at most %u names and values", SOURCE_MAX_SETTINGS);
    }
    cJSON_ArrayForEach(value, settings) {
        struct err err = {0};
        const char *wrong = str_is_name(value->string) ? wrong_value(value, &err) : "the name must be 1 to 64 of A-Z a-z 0-9 _ -";

        if (wrong != NULL) {
            (void)check_fail(check, value->string, "%s", wrong);
        }
    }
    return check->rc;
}

static const char *type_of(const cJSON *value) {
    return cJSON_IsString(value) ? "text" : cJSON_IsNumber(value) ? "a number" : cJSON_IsBool(value) ? "true or false" : "null";
}

static const char *nearest_of(const cJSON *settings, const char *name) {
    const char *names[SOURCE_MAX_SETTINGS];
    size_t count = 0;
    const cJSON *own;

    cJSON_ArrayForEach(own, settings) {
        names[count++] = own->string;
    }
    return str_nearest(name, names, count);
}

/* Lay the configuration's values over the definition's own: they have the same types, or are null. */
static void lay_over(struct check *check, const char *name, const cJSON *over, cJSON *settings) {
    const cJSON *value;

    cJSON_ArrayForEach(value, over) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(settings, value->string);

        if (own == NULL) {
            const char *nearest = nearest_of(settings, value->string);

            (void)check_fail(check, "settings", "source_settings of the configuration gives %s the setting \"%s\", which the definition does not have%s%s%s",
                             name, value->string, nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
            return;
        }
        if (!cJSON_IsNull(own) && !cJSON_IsNull(value) && strcmp(type_of(own), type_of(value)) != 0) {
            (void)check_fail(check, "settings", "source_settings of the configuration: %s of %s must be %s, or null", value->string, name, type_of(own));
            return;
        }
        cJSON *copy = cJSON_Duplicate(value, true);
        if (copy == NULL || !cJSON_ReplaceItemInObjectCaseSensitive(settings, value->string, copy)) {
            (void)check_no_memory(check);
            return;
        }
    }
}

/* --- texts --------------------------------------------------------------------------------------------------------- */

struct filling {
    struct check *check;
    const cJSON *settings;
    struct buf out;
};

/* The value that the reference at `at` names, whose end is *end. */
static const cJSON *value_at(struct filling *f, const char *at, const char *end, const char **after) {
    char name[LIMIT_NAME_BYTES + 1];
    const char *from = at + strlen(REFERENCE), *close = memchr(from, '}', (size_t)(end - from));
    const cJSON *value = NULL;
    unsigned line = 1, column = 1;

    if (close != NULL && str_format(name, sizeof(name), "%.*s", (int)(close - from), from)) {
        *after = close + 1;
        value = cJSON_GetObjectItemCaseSensitive(f->settings, name);
    }
    if (value != NULL) {
        return value;
    }
    for (const char *c = f->check->text; c < at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    f->check->rc = err_set(f->check->err, RC_PERM, "%s: line %u column %u: \"%.*s\": the definition has no such setting in settings", f->check->file, line,
                           column, (int)(close != NULL && close - at < 80 ? close + 1 - at : 20), at);
    return NULL;
}

/* As JSON, or inside a text: its characters, with what JSON escapes. null is no characters. */
static enum rc put_value(struct filling *f, const cJSON *value, bool whole) {
    struct buf text = BUF_INIT((size_t)8 * MOST_VALUE_BYTES);
    enum rc rc = template_print(value, &text);

    if (rc == RC_OK && !whole && cJSON_IsString(value)) {
        rc = buf_add(&f->out, buf_text(&text) + 1, text.length - 2);
    } else if (rc == RC_OK && (whole || !cJSON_IsNull(value))) {
        rc = buf_add_text(&f->out, buf_text(&text));
    }
    buf_release(&text);
    return rc;
}

/* A text between its quotation marks, [from, end). */
static enum rc fill_text(struct filling *f, const char *from, const char *end) {
    const char *after = from;
    enum rc rc = RC_OK;

    if (end - from >= (ptrdiff_t)strlen(REFERENCE) && str_starts(from, REFERENCE) && memchr(from, '}', (size_t)(end - from)) == end - 1) {
        const cJSON *value = value_at(f, from, end, &after);

        return value == NULL ? f->check->rc : put_value(f, value, true);
    }
    rc = buf_add_char(&f->out, '"');
    for (const char *at = from; at < end && rc == RC_OK; at = after) {
        const cJSON *value;

        if (end - at >= 3 && str_starts(at, "$${")) {
            after = at + 3;
            rc = buf_add(&f->out, at, 3);
        } else if (end - at >= (ptrdiff_t)strlen(REFERENCE) && str_starts(at, REFERENCE)) {
            value = value_at(f, at, end, &after);
            rc = value == NULL ? f->check->rc : put_value(f, value, false);
        } else {
            after = at + 1;
            rc = buf_add_char(&f->out, *at);
        }
    }
    return rc == RC_OK ? buf_add_char(&f->out, '"') : rc;
}

/* Behind the closing quotation mark of the text whose opening one is at `at`. The text was checked. */
static const char *text_end(const char *at) {
    for (at++; *at != '"'; at++) {
        at += *at == '\\';
    }
    return at + 1;
}

static bool is_name(const char *after) {
    return after[strspn(after, " \t\r\n")] == ':';
}

/* The definition's text with all values put in; its own settings stay as they are. */
static enum rc fill_all(struct filling *f) {
    const char *text = f->check->text, *end = text + f->check->length;
    struct slice own = {.data = end, .length = 0};
    enum rc rc = RC_OK;

    (void)check_slice(f->check, "/settings", &own);
    for (const char *at = text; at < end && rc == RC_OK;) {
        const char *next = at + 1;

        if (at == own.data) {
            next = at + own.length;
            rc = buf_add(&f->out, at, own.length);
        } else if (*at == '"') {
            next = text_end(at);
            rc = is_name(next) ? buf_add(&f->out, at, (size_t)(next - at)) : fill_text(f, at + 1, next - 1);
        } else {
            rc = buf_add_char(&f->out, *at);
        }
        at = next;
    }
    return rc;
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

void source_settings(struct check *check, const cJSON *over, struct source *source) {
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(check->root, "settings"), *name = cJSON_GetObjectItemCaseSensitive(check->root, "name");
    struct filling f = {.check = check, .out = BUF_INIT((size_t)2 * LIMIT_JOB_FILE_BYTES)};
    enum rc rc;

    if (check->rc != RC_OK || !cJSON_IsObject(check->root) || (own == NULL && over == NULL && strstr(check->text, REFERENCE) == NULL)) {
        return;
    }
    size_t mark = check_enter(check, "settings", 0);
    (void)(own != NULL ? source_settings_check(check, own) : RC_OK);
    check_leave(check, mark);
    source->settings = own != NULL ? cJSON_Duplicate(own, true) : cJSON_CreateObject();
    if (source->settings == NULL) {
        (void)check_no_memory(check);
    }
    if (check->rc != RC_OK) {
        return;
    }
    lay_over(check, cJSON_IsString(name) ? name->valuestring : "it", over, source->settings);
    if (check->rc != RC_OK) {
        return;
    }
    f.settings = source->settings;
    rc = fill_all(&f);
    if (rc == RC_OK) {
        check_replace(check, &f.out);
    } else if (check->rc == RC_OK) {
        (void)(rc == RC_TEMP ? check_no_memory(check) : check_fail(check, "settings", "make the definition longer than %zu bytes", f.out.max));
    }
    buf_release(&f.out);
}

bool source_is_set(const cJSON *settings, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(settings, name);

    return value != NULL && !cJSON_IsNull(value) && !cJSON_IsFalse(value) && !(cJSON_IsString(value) && value->valuestring[0] == '\0');
}
