// SPDX-License-Identifier: Apache-2.0
#include "source/template.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"

#define MOST_DEPTH (2 * LIMIT_JSON_DEPTH + 8) /* of a value: a source's own, with a job's inside */

struct reference {
    struct template_reference to;
    size_t length; /* of "${...}" */
};

static const struct form {
    const char *prefix;
    enum template_kind kind;
    bool named;   /* a name follows */
    bool pointed; /* a Pointer may */
} forms[] = {{"job.", TEMPLATE_JOB, true, false},      {"steps.", TEMPLATE_STEP, true, true},        {"item.", TEMPLATE_ITEM, true, true},
             {"item", TEMPLATE_ITEM, false, false},    {"part_number", TEMPLATE_UNIT, false, false}, {"part", TEMPLATE_PART, false, true},
             {"job_id", TEMPLATE_UNIT, false, false},  {"attempt", TEMPLATE_UNIT, false, false},     {"attempts.", TEMPLATE_ATTEMPTS, true, false},
             {"answer", TEMPLATE_UNIT, false, false},  {"cached_at", TEMPLATE_UNIT, false, false},   {"range.", TEMPLATE_RANGE, true, false},
             {"secret:", TEMPLATE_SECRET, true, false}};

/* --- reading ------------------------------------------------------------------------------------------------------- */

static enum rc no_memory(struct err *err) {
    return err_set(err, RC_TEMP, "out of memory");
}

/* The form that the text between "${" and close has; NULL: none. */
static const struct form *form_of(const char *text, const char *close) {
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const char *end = text + strlen(forms[i].prefix);

        if (str_starts(text, forms[i].prefix) && (forms[i].named || end == close || (forms[i].pointed && *end == '/'))) {
            return &forms[i];
        }
    }
    return NULL;
}

/* text begins with "${". */
static enum rc read_reference(const char *text, struct reference *ref, struct err *err) {
    const char *close = strchr(text, '}'), *name, *name_end;
    const struct form *form;
    int shown;

    if (close == NULL) {
        return err_set(err, RC_PERM, "\"%.40s\" has no closing \"}\" (a literal ${ is written $${)", text);
    }
    form = form_of(text + 2, close);
    ref->length = (size_t)(close - text) + 1;
    shown = (int)(ref->length < 80 ? ref->length : 80);
    if (form == NULL) {
        return err_set(
            err, RC_PERM,
            "\"%.*s\" is none of ${job.x}, ${settings.NAME}, ${steps.NAME/pointer}, ${item.NAME}, ${part}, ${job_id}, ${secret:NAME} (a literal ${ is "
            "written $${)",
            shown, text);
    }
    ref->to.kind = form->kind;
    name = text + 2 + (form->named ? strlen(form->prefix) : 0);
    name_end = form->pointed ? memchr(name, '/', (size_t)(close - name)) : NULL;
    if (name_end == NULL) {
        name_end = close;
    }
    ref->to.optional = form->kind == TEMPLATE_SECRET && name_end > name && name_end[-1] == '?';
    if (!str_format(ref->to.name, sizeof(ref->to.name), "%.*s", (int)(name_end - name) - ref->to.optional, name) || !str_is_name(ref->to.name)) {
        return err_set(err, RC_PERM, "\"%.*s\": the name must be 1 to 64 of A-Z a-z 0-9 _ -", shown, text);
    }
    if (!str_format(ref->to.pointer, sizeof(ref->to.pointer), "%.*s", (int)(close - name_end), name_end) || !json_pointer_valid(ref->to.pointer)) {
        return err_set(err, RC_PERM, "\"%.80s\": what follows the name must be a JSON Pointer", text);
    }
    if (!form->named && form->kind != TEMPLATE_UNIT) {
        ref->to.name[0] = '\0';
    }
    return RC_OK;
}

bool template_reference_text(const struct template_reference *reference, char *out, size_t size) {
    const char *prefix = reference->kind == TEMPLATE_STEP       ? "steps."
                         : reference->kind == TEMPLATE_PART     ? "part"
                         : reference->kind == TEMPLATE_ATTEMPTS ? "attempts."
                                                                : "";

    return str_format(out, size, "%s%s%s", prefix, reference->name, reference->pointer);
}

/* The next piece of *at: either literal text of *length bytes (RC_OK and !*is_reference) or a reference. At the end *length is 0. */
static enum rc next_piece(const char **at, const char **literal, size_t *length, bool *is_reference, struct reference *ref, struct err *err) {
    const char *text = *at;

    *is_reference = false;
    *literal = text;
    if (strncmp(text, "$${", 3) == 0) {
        *literal = text + 1;
        *length = 2;
        *at = text + 3;
        return RC_OK;
    }
    if (strncmp(text, "${", 2) == 0) {
        enum rc rc = read_reference(text, ref, err);

        *is_reference = true;
        *length = ref->length;
        *at = text + ref->length;
        return rc;
    }
    *length = strcspn(text, "$");
    if (text[*length] == '$' && *length == 0) {
        *length = 1;
    }
    *at = text + *length;
    return RC_OK;
}

enum rc template_check(const char *text, struct err *err) {
    struct reference ref = {0};
    const char *literal;
    size_t length;
    bool is_reference;

    while (*text != '\0') {
        enum rc rc = next_piece(&text, &literal, &length, &is_reference, &ref, err);

        if (rc != RC_OK) {
            return rc;
        }
    }
    return RC_OK;
}

enum rc template_each(const char *text, template_seen *fn, void *context) {
    struct reference ref = {0};
    const char *literal;
    size_t length;
    bool is_reference;
    enum rc rc = RC_OK;

    while (*text != '\0' && rc == RC_OK) {
        rc = next_piece(&text, &literal, &length, &is_reference, &ref, NULL);
        if (rc == RC_OK && is_reference) {
            rc = fn(context, &ref.to);
        }
    }
    return rc;
}

/* --- looking up ---------------------------------------------------------------------------------------------------- */

static const cJSON *step_into(const cJSON *value, const char *token) {
    uint64_t index;

    if (cJSON_IsObject(value)) {
        return cJSON_GetObjectItemCaseSensitive(value, token);
    }
    if (cJSON_IsArray(value) && (token[0] != '0' || token[1] == '\0') && token[0] != '-' && str_to_u64(token, 0, 1000000, &index)) {
        return cJSON_GetArrayItem(value, (int)index);
    }
    return NULL;
}

const cJSON *template_at(const cJSON *value, const char *pointer) {
    char token[LIMIT_POINTER_BYTES + 1];

    while (*pointer == '/' && value != NULL) {
        size_t length = 0;

        for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
            token[length++] = *pointer != '~' ? *pointer : *++pointer == '0' ? '~' : '/';
        }
        token[length] = '\0';
        value = step_into(value, token);
    }
    return value;
}

/* Exactly one of *value (borrowed) and *secret (borrowed) is set on RC_OK. */
static enum rc look_up(const struct reference *ref, const struct template_scope *scope, const cJSON **value, const char **secret, struct err *err) {
    const struct template_reference *to = &ref->to;
    char text[TEMPLATE_REFERENCE_SIZE];

    *value = NULL;
    *secret = NULL;
    switch (to->kind) {
    case TEMPLATE_JOB:
        *value = cJSON_GetObjectItemCaseSensitive(scope->job, to->name);
        return *value != NULL ? RC_OK : err_set(err, RC_PERM, "the source needs the member \"%s\", which the job does not have", to->name);
    case TEMPLATE_ITEM:
        *value = to->name[0] != '\0' ? template_at(cJSON_GetObjectItemCaseSensitive(scope->item, to->name), to->pointer) : scope->item;
        return *value != NULL ? RC_OK : err_set(err, RC_PERM, "there is no item.%s%s", to->name, to->pointer);
    case TEMPLATE_RANGE:
        *value = cJSON_GetObjectItemCaseSensitive(scope->range, to->name);
        return *value != NULL ? RC_OK : err_set(err, RC_PERM, "there is no range.%s", to->name);
    case TEMPLATE_STEP:
    case TEMPLATE_PART:
    case TEMPLATE_UNIT:
    case TEMPLATE_ATTEMPTS:
        (void)template_reference_text(to, text, sizeof(text));
        *value = cJSON_GetObjectItemCaseSensitive(scope->known, text);
        return *value != NULL              ? RC_OK
               : to->kind == TEMPLATE_STEP ? err_set(err, RC_PERM, "the output of step %s has nothing at \"%s\"", to->name, to->pointer)
                                           : err_set(err, RC_PERM, "there is no %s", text);
    case TEMPLATE_SECRET:
        *secret = scope->secret != NULL ? scope->secret(scope->secret_context, to->name) : NULL;
        return *secret != NULL ? RC_OK : err_set(err, RC_PERM, "the secret %s is missing", to->name);
    }
    return err_set(err, RC_FATAL, "no such kind of template");
}

/* --- filling in ---------------------------------------------------------------------------------------------------- */

enum rc template_percent(const char *text, size_t length, struct buf *out) {
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    enum rc rc = RC_OK;

    for (size_t i = 0; i < length && rc == RC_OK; i++) {
        if (text[i] != '\0' && strchr(unreserved, text[i]) != NULL) {
            rc = buf_add_char(out, text[i]);
        } else {
            rc = buf_printf(out, "%%%02X", (unsigned)(unsigned char)text[i]);
        }
    }
    return rc;
}

static enum rc insert(const cJSON *value, const char *secret, bool percent, struct buf *out) {
    struct buf json = BUF_INIT(out->max);
    const char *text = secret != NULL ? secret : cJSON_GetStringValue(value);
    enum rc rc = RC_OK;

    if (text == NULL) {
        rc = value != NULL ? template_print(value, &json) : RC_PERM;
        text = buf_text(&json);
    }
    if (rc == RC_OK) {
        rc = percent ? template_percent(text, strlen(text), out) : buf_add_text(out, text);
    }
    buf_release(&json);
    return rc;
}

static enum rc fill(const char *text, const struct template_scope *scope, bool percent, struct buf *out, struct err *err) {
    struct reference ref = {0};
    const char *literal, *secret;
    const cJSON *value;
    size_t length;
    bool is_reference;
    enum rc rc = RC_OK;

    while (*text != '\0') {
        rc = next_piece(&text, &literal, &length, &is_reference, &ref, err);
        if (rc == RC_OK && is_reference) {
            rc = look_up(&ref, scope, &value, &secret, err);
        }
        if (rc != RC_OK) {
            return rc;
        }
        rc = is_reference ? insert(value, secret, percent, out) : buf_add(out, literal, length);
        if (rc != RC_OK) {
            return rc == RC_TEMP ? no_memory(err) : err_set(err, rc, "the filled-in text is longer than %zu bytes", out->max);
        }
    }
    return RC_OK;
}

enum rc template_text(const char *text, const struct template_scope *scope, struct buf *out, struct err *err) {
    return fill(text, scope, false, out, err);
}

enum rc template_url(const char *text, const struct template_scope *scope, struct buf *out, struct err *err) {
    return fill(text, scope, true, out, err);
}

/* What a string of a template becomes. */
static enum rc fill_value(const char *text, const struct template_scope *scope, cJSON **out, struct err *err) {
    struct buf filled = BUF_INIT((size_t)LIMIT_JOB_FILE_BYTES);
    struct reference ref = {0};
    const cJSON *value;
    const char *secret;
    enum rc rc = RC_OK;

    *out = NULL;
    if (strncmp(text, "${", 2) == 0) {
        rc = read_reference(text, &ref, err);
        if (rc == RC_OK && text[ref.length] == '\0') {
            rc = look_up(&ref, scope, &value, &secret, err);
            if (rc != RC_OK) {
                return rc;
            }
            *out = secret != NULL ? cJSON_CreateString(secret) : cJSON_Duplicate(value, true);
            return *out != NULL ? RC_OK : no_memory(err);
        }
    }
    if (rc == RC_OK) {
        rc = template_text(text, scope, &filled, err);
    }
    if (rc == RC_OK) {
        *out = cJSON_CreateString(buf_text(&filled));
        rc = *out != NULL ? RC_OK : no_memory(err);
    }
    buf_release(&filled);
    return rc;
}

/* Put made in the place of item below parent; made takes item's name, or loses that of the job's member which it is a copy of. False when out of memory
 * (made is freed). */
static bool put_in_place(cJSON *parent, cJSON *item, cJSON *made) {
    free(made->string);
    made->string = NULL;
    if (item->string != NULL) {
        made->string = strdup(item->string);
        if (made->string == NULL) {
            cJSON_Delete(made);
            return false;
        }
    }
    return cJSON_ReplaceItemViaPointer(parent, item, made);
}

/* Where a walk in document order stands: containers from the outermost to the one that it is in. */
struct walk {
    cJSON *parents[MOST_DEPTH];
    unsigned depth;
};

/* Begin with a list that holds the value alone. */
static cJSON *walk_begin(struct walk *walk, cJSON *list) {
    walk->parents[0] = list;
    walk->depth = 1;
    return list->child;
}

/* What comes after item; NULL at the end, or (*rc then says so) too deep inside. */
static cJSON *walk_on(struct walk *walk, cJSON *item, enum rc *rc) {
    if (item->child != NULL) {
        if (walk->depth == MOST_DEPTH) {
            *rc = RC_PERM;
            return NULL;
        }
        walk->parents[walk->depth++] = item;
        return item->child;
    }
    while (item->next == NULL && walk->depth > 1) {
        item = walk->parents[--walk->depth];
    }
    return item->next;
}

static cJSON *list_of(const cJSON *value) {
    cJSON *list = cJSON_CreateArray(), *copy = cJSON_Duplicate(value, true);

    if (list == NULL || copy == NULL || !cJSON_AddItemToArray(list, copy)) {
        cJSON_Delete(list);
        cJSON_Delete(copy);
        return NULL;
    }
    return list;
}

enum rc template_json(const cJSON *value, const struct template_scope *scope, cJSON **out, struct err *err) {
    struct walk walk;
    cJSON *list = list_of(value), *made;
    enum rc rc = RC_OK;

    *out = NULL;
    if (list == NULL) {
        return no_memory(err);
    }
    for (cJSON *item = walk_begin(&walk, list); item != NULL && rc == RC_OK;) {
        cJSON *filled = cJSON_IsString(item) ? item : NULL;

        if (filled != NULL) {
            rc = fill_value(filled->valuestring, scope, &made, err);
        }
        /* On first: what was put in place is not walked into. */
        cJSON *parent = walk.parents[walk.depth - 1];
        item = rc == RC_OK ? walk_on(&walk, item, &rc) : NULL;
        if (rc == RC_PERM && filled == NULL) {
            rc = err_set(err, RC_PERM, "nested more than %u deep", MOST_DEPTH);
        }
        if (rc == RC_OK && filled != NULL && !put_in_place(parent, filled, made)) {
            rc = no_memory(err);
        }
    }
    if (rc == RC_OK) {
        *out = cJSON_DetachItemFromArray(list, 0);
    }
    cJSON_Delete(list);
    return rc;
}

/* Calls one of the two for every string. */
static enum rc each_string(const cJSON *value, struct err *err, template_seen *fn, void *context) {
    struct walk walk = {.depth = 0};
    cJSON *list = list_of(value);
    enum rc rc = RC_OK;

    if (list == NULL) {
        return no_memory(err);
    }
    for (cJSON *item = walk_begin(&walk, list); item != NULL && rc == RC_OK;) {
        if (cJSON_IsString(item)) {
            rc = fn != NULL ? template_each(item->valuestring, fn, context) : template_check(item->valuestring, err);
        }
        item = rc == RC_OK ? walk_on(&walk, item, &rc) : NULL;
    }
    cJSON_Delete(list);
    return rc;
}

enum rc template_check_value(const cJSON *value, struct err *err) {
    return each_string(value, err, NULL, NULL);
}

enum rc template_each_value(const cJSON *value, template_seen *fn, void *context) {
    return each_string(value, NULL, fn, context);
}

static enum rc absent_secret(void *context, const struct template_reference *reference) {
    const struct template_scope *scope = context;
    const bool there = !reference->optional || (scope->secret != NULL && scope->secret(scope->secret_context, reference->name) != NULL);

    return there ? RC_OK : RC_GONE;
}

bool template_lacks(const cJSON *value, const struct template_scope *scope) {
    struct template_scope known = *scope;

    return template_each_value(value, absent_secret, &known) == RC_GONE;
}

/* --- printing ------------------------------------------------------------------------------------------------------ */

static enum rc print_number(double d, struct buf *out) {
    char text[40];

    if (d >= -9007199254740992.0 && d <= 9007199254740992.0 && (double)(int64_t)d >= d && (double)(int64_t)d <= d) {
        return buf_printf(out, "%" PRId64, (int64_t)d);
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, d);
        double back = strtod(text, NULL);

        if (back >= d && back <= d) {
            break;
        }
    }
    return buf_add_text(out, text);
}

static enum rc print_one(const cJSON *item, struct buf *out) {
    enum rc rc = RC_OK;

    if (item->string != NULL) {
        rc = json_quote(slice_of(item->string), out);
        rc = rc == RC_OK ? buf_add_char(out, ':') : rc;
    }
    if (rc != RC_OK) {
        return rc;
    }
    if (cJSON_IsString(item)) {
        return json_quote(slice_of(item->valuestring), out);
    }
    if (cJSON_IsRaw(item)) {
        return buf_add_text(out, item->valuestring);
    }
    if (cJSON_IsNumber(item)) {
        return print_number(item->valuedouble, out);
    }
    if (cJSON_IsArray(item) || cJSON_IsObject(item)) {
        return buf_add_char(out, cJSON_IsArray(item) ? '[' : '{');
    }
    return buf_add_text(out, cJSON_IsTrue(item) ? "true" : cJSON_IsFalse(item) ? "false" : "null");
}

enum rc template_print(const cJSON *value, struct buf *out) {
    const cJSON *parents[MOST_DEPTH], *item = value;
    unsigned depth = 0;
    enum rc rc = RC_OK;

    /* The value's own name is no part of it. */
    const cJSON top = {.child = value->child, .type = value->type, .valuestring = value->valuestring, .valuedouble = value->valuedouble};
    item = &top;
    while (rc == RC_OK) {
        rc = print_one(item, out);
        if (rc == RC_OK && (cJSON_IsArray(item) || cJSON_IsObject(item))) {
            if (item->child != NULL) {
                if (depth == MOST_DEPTH) {
                    return RC_PERM;
                }
                parents[depth++] = item;
                item = item->child;
                continue;
            }
            rc = buf_add_char(out, cJSON_IsArray(item) ? ']' : '}');
        }
        while (rc == RC_OK && depth > 0 && item->next == NULL) {
            item = parents[--depth];
            rc = buf_add_char(out, cJSON_IsArray(item) ? ']' : '}');
        }
        if (depth == 0) {
            break;
        }
        item = item->next;
        rc = rc == RC_OK ? buf_add_char(out, ',') : rc;
    }
    return rc;
}
