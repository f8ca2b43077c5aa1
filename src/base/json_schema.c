// SPDX-License-Identifier: Apache-2.0
#include "base/json_schema.h"

#include "base/date.h"
#include "base/json.h"
#include "base/limits.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MOST (LIMIT_PAYLOAD_DEPTH + 1)
#define REFS_MOST 16
#define PATH_SIZE 256
#define PATTERN_MOST 200
#define TEXT_MOST ((size_t)64 * 1024 * 1024)
#define PATTERN_TEXT_MOST ((size_t)4096) /* a text that a pattern is held against; longer ones never match */

static const char *const TYPES[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
#define TYPE_COUNT (sizeof TYPES / sizeof *TYPES)

/* What stands on the way from the root to a place, for texts. */
struct path {
    char text[PATH_SIZE];
    size_t length;
};

static void path_add(struct path *p, struct slice name, bool is_name, size_t index) {
    char room[PATH_SIZE];
    if (is_name)
        str_format(room, sizeof room, "/%.*s", (int)(name.length < 100 ? name.length : 100), name.data);
    else
        str_format(room, sizeof room, "/%zu", index);
    size_t length = strlen(room);
    if (p->length + length >= PATH_SIZE)
        return;
    memcpy(p->text + p->length, room, length + 1);
    p->length += length;
}

static void path_cut(struct path *p, size_t length) {
    p->length = length;
    p->text[length] = '\0';
}

static const char *path_text(const struct path *p) {
    return p->length ? p->text : "the root";
}

static bool decode(struct slice value, struct buf *out) {
    buf_reset(out);
    return json_decode_string(value, out) == RC_OK;
}

static bool text_is(struct slice value, const char *text) {
    struct buf b = BUF_INIT(PATTERN_TEXT_MOST);
    bool is = json_type(value) == JSON_STRING && decode(value, &b) && b.length == strlen(text) && memcmp(buf_text(&b), text, b.length) == 0;
    buf_release(&b);
    return is;
}

/* A member by its undecoded name, which in schemas has no escapes. */
static bool member(struct slice object, const char *name, struct slice *value) {
    struct json_iter iter;
    struct slice at;
    if (json_type(object) != JSON_OBJECT || !json_iter_init(&iter, object))
        return false;
    while (json_iter_next(&iter, &at, value))
        if (slice_equals(at, name))
            return true;
    return false;
}

/* A member by a name as another document wrote it. */
static bool member_named(struct slice object, struct slice name, struct slice *value) {
    struct json_iter iter;
    struct slice at;
    struct buf a = BUF_INIT(PATTERN_TEXT_MOST), b = BUF_INIT(PATTERN_TEXT_MOST);
    bool found = false;
    struct slice quoted = {.data = name.data - 1, .length = name.length + 2}; /* a name stands between quotes */
    if (json_type(object) == JSON_OBJECT && json_iter_init(&iter, object) && decode(quoted, &a))
        while (!found && json_iter_next(&iter, &at, value))
            found = decode((struct slice){.data = at.data - 1, .length = at.length + 2}, &b) && a.length == b.length &&
                    memcmp(buf_text(&a), buf_text(&b), a.length) == 0;
    buf_release(&a);
    buf_release(&b);
    return found;
}

static double number_of(struct slice value) {
    char room[400];
    if (value.length >= sizeof room)
        return NAN;
    memcpy(room, value.data, value.length);
    room[value.length] = '\0';
    return strtod(room, NULL);
}

static bool is_integer(struct slice value) {
    double d = number_of(value);
    return isfinite(d) && d == floor(d);
}

/* --- patterns ----------------------------------------------------------------------------------------------------------- */

/* Both kinds of regular expression read these alike. */
static bool pattern_simple(const char *text) {
    bool in_class = false;
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < ' ' || (unsigned char)*at > '~' || *at == '\\')
            return false;
        if (in_class && *at == '[')
            return false;
        if (*at == '[') {
            in_class = true;
            at += at[1] == '^';
            if (at[1] == ']')
                return false;
        } else if (*at == ']')
            in_class = false;
        else if (!in_class && *at == '(' && at[1] == '?')
            return false;
    }
    return !in_class && strlen(text) <= PATTERN_MOST;
}

static bool pattern_compile(struct slice value, regex_t *regex) {
    struct buf text = BUF_INIT(PATTERN_TEXT_MOST);
    bool good = json_type(value) == JSON_STRING && decode(value, &text) && strlen(buf_text(&text)) == text.length && pattern_simple(buf_text(&text)) &&
                regcomp(regex, buf_text(&text), REG_EXTENDED | REG_NOSUB) == 0;
    buf_release(&text);
    return good;
}

/* --- the schema itself -------------------------------------------------------------------------------------------------- */

enum keyword_kind {
    KEYWORD_IGNORED,
    KEYWORD_TYPE,
    KEYWORD_ENUM,
    KEYWORD_ANY,
    KEYWORD_SCHEMAS,
    KEYWORD_SCHEMA,
    KEYWORD_NAMES,
    KEYWORD_BOOLEAN,
    KEYWORD_COUNT,
    KEYWORD_NUMBER,
    KEYWORD_PATTERN,
    KEYWORD_FORMAT,
    KEYWORD_REF
};

static const struct keyword {
    const char *name;
    enum keyword_kind kind;
} KEYWORDS[] = {
    {"$schema", KEYWORD_IGNORED},
    {"$id", KEYWORD_IGNORED},
    {"$comment", KEYWORD_IGNORED},
    {"title", KEYWORD_IGNORED},
    {"description", KEYWORD_IGNORED},
    {"default", KEYWORD_IGNORED},
    {"type", KEYWORD_TYPE},
    {"enum", KEYWORD_ENUM},
    {"const", KEYWORD_ANY},
    {"properties", KEYWORD_SCHEMAS},
    {"$defs", KEYWORD_SCHEMAS},
    {"items", KEYWORD_SCHEMA},
    {"required", KEYWORD_NAMES},
    {"additionalProperties", KEYWORD_BOOLEAN},
    {"minItems", KEYWORD_COUNT},
    {"maxItems", KEYWORD_COUNT},
    {"minLength", KEYWORD_COUNT},
    {"maxLength", KEYWORD_COUNT},
    {"minimum", KEYWORD_NUMBER},
    {"maximum", KEYWORD_NUMBER},
    {"exclusiveMinimum", KEYWORD_NUMBER},
    {"exclusiveMaximum", KEYWORD_NUMBER},
    {"pattern", KEYWORD_PATTERN},
    {"format", KEYWORD_FORMAT},
    {"$ref", KEYWORD_REF},
};

static const struct keyword *keyword_find(struct slice name) {
    for (size_t i = 0; i < sizeof KEYWORDS / sizeof *KEYWORDS; i++)
        if (slice_equals(name, KEYWORDS[i].name))
            return &KEYWORDS[i];
    return NULL;
}

static bool is_type_name(struct slice value) {
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (text_is(value, TYPES[i]))
            return true;
    return false;
}

static bool all_elements(struct slice array, bool (*is)(struct slice value)) {
    struct json_iter iter;
    struct slice name, value;
    if (json_type(array) != JSON_ARRAY || !json_iter_init(&iter, array))
        return false;
    while (json_iter_next(&iter, &name, &value))
        if (!is(value))
            return false;
    return true;
}

static bool is_text(struct slice value) {
    return json_type(value) == JSON_STRING;
}

/* "#/$defs/NAME" within root; chains of such are followed. */
static bool resolve(struct slice root, struct slice schema, struct slice *out) {
    static const char prefix[] = "#/$defs/";
    struct slice ref, defs;
    *out = schema;
    for (int i = 0; i < REFS_MOST; i++) {
        if (!member(*out, "$ref", &ref))
            return true;
        if (ref.length < sizeof prefix + 1 || memcmp(ref.data + 1, prefix, sizeof prefix - 1) != 0 || !member(root, "$defs", &defs))
            return false;
        struct slice name = {.data = ref.data + sizeof prefix, .length = ref.length - sizeof prefix - 1};
        char text[80];
        if (!str_format(text, sizeof text, "%.*s", (int)(name.length < 80 ? name.length : 80), name.data) || !member(defs, text, out))
            return false;
    }
    return false;
}

/* NULL when the value of a keyword is well-formed. */
static const char *keyword_wrong(struct slice root, const struct keyword *k, struct slice schema, struct slice value) {
    uint64_t count;
    regex_t regex;
    struct slice target;
    switch (k->kind) {
    case KEYWORD_IGNORED:
    case KEYWORD_ANY:
        return NULL;
    case KEYWORD_TYPE:
        return is_type_name(value) || (json_count(value) > 0 && all_elements(value, is_type_name)) ? NULL : "must be a type, or a list of types";
    case KEYWORD_ENUM:
        return json_type(value) == JSON_ARRAY && json_count(value) > 0 ? NULL : "must be a list of values";
    case KEYWORD_SCHEMAS:
    case KEYWORD_SCHEMA:
        return json_type(value) == JSON_OBJECT ? NULL : "must be an object";
    case KEYWORD_NAMES:
        return all_elements(value, is_text) ? NULL : "must be a list of names";
    case KEYWORD_BOOLEAN:
        return json_type(value) == JSON_TRUE || json_type(value) == JSON_FALSE ? NULL : "must be true or false";
    case KEYWORD_COUNT:
        return json_to_u64(value, false, &count) ? NULL : "must be a number of things";
    case KEYWORD_NUMBER:
        return json_type(value) == JSON_NUMBER && isfinite(number_of(value)) ? NULL : "must be a number";
    case KEYWORD_PATTERN:
        if (!pattern_compile(value, &regex))
            return "is no pattern of the simple kind";
        regfree(&regex);
        return NULL;
    case KEYWORD_FORMAT:
        return text_is(value, "date") ? NULL : "may be \"date\" alone";
    case KEYWORD_REF:
        return resolve(root, schema, &target) ? NULL : "leads nowhere: it must be \"#/$defs/NAME\"";
    }
    return NULL;
}

/* One container on the way down. */
struct level {
    struct json_iter iter;
    struct slice schema; /* that of the container's value; of a schema's check: unused */
    bool of_schemas;     /* its members are schemas, each under a name of its own */
    size_t index, path_length;
};

struct walk {
    struct level levels[DEPTH_MOST];
    size_t depth;
    struct path path;
};

static enum rc push(struct walk *w, struct slice container, struct slice schema, bool of_schemas, struct err *err) {
    if (w->depth == DEPTH_MOST)
        return err_set(err, RC_PERM, "%s: nested too deep", path_text(&w->path));
    struct level *level = &w->levels[w->depth++];
    *level = (struct level){.schema = schema, .of_schemas = of_schemas, .path_length = w->path.length};
    json_iter_init(&level->iter, container);
    return RC_OK;
}

/* A member of a schema, or of an object of schemas. */
static enum rc check_member(struct walk *w, struct slice root, struct slice within, bool of_schemas, struct slice name, struct slice value, struct err *err) {
    static const struct slice none = {.data = "", .length = 0};
    if (of_schemas)
        return json_type(value) == JSON_OBJECT ? push(w, value, value, false, err) : err_set(err, RC_PERM, "%s: must be a schema", path_text(&w->path));
    const struct keyword *k = keyword_find(name);
    if (!k)
        return err_set(err, RC_PERM, "%s: is a keyword that is not checked here", path_text(&w->path));
    const char *wrong = keyword_wrong(root, k, within, value);
    if (wrong)
        return err_set(err, RC_PERM, "%s: %s", path_text(&w->path), wrong);
    if (k->kind == KEYWORD_SCHEMAS)
        return push(w, value, none, true, err);
    return k->kind == KEYWORD_SCHEMA ? push(w, value, value, false, err) : RC_OK;
}

enum rc json_schema_check(struct slice schema, struct err *err) {
    struct walk *w = calloc(1, sizeof *w);
    struct slice name, value;
    if (!w)
        return err_set(err, RC_TEMP, "out of memory");
    enum rc rc = json_type(schema) == JSON_OBJECT ? push(w, schema, schema, false, err) : err_set(err, RC_PERM, "a schema is an object");
    while (!rc && w->depth) {
        struct level *level = &w->levels[w->depth - 1];
        path_cut(&w->path, level->path_length);
        if (!json_iter_next(&level->iter, &name, &value)) {
            w->depth--;
            continue;
        }
        path_add(&w->path, name, true, 0);
        rc = check_member(w, schema, level->schema, level->of_schemas, name, value, err);
    }
    free(w);
    return rc;
}

/* --- a value ------------------------------------------------------------------------------------------------------------ */

static bool is_of_type(struct slice value, struct slice type) {
    switch (json_type(value)) {
    case JSON_NULL:
        return text_is(type, "null");
    case JSON_TRUE:
    case JSON_FALSE:
        return text_is(type, "boolean");
    case JSON_NUMBER:
        return text_is(type, "number") || (text_is(type, "integer") && is_integer(value));
    case JSON_STRING:
        return text_is(type, "string");
    case JSON_ARRAY:
        return text_is(type, "array");
    case JSON_OBJECT:
        return text_is(type, "object");
    case JSON_NONE:
        break;
    }
    return false;
}

static bool is_allowed_type(struct slice value, struct slice types) {
    struct json_iter iter;
    struct slice name, type;
    if (json_type(types) != JSON_ARRAY)
        return is_of_type(value, types);
    json_iter_init(&iter, types);
    while (json_iter_next(&iter, &name, &type))
        if (is_of_type(value, type))
            return true;
    return false;
}

static bool same(struct slice a, struct slice b) {
    struct buf left = BUF_INIT(TEXT_MOST), right = BUF_INIT(TEXT_MOST);
    bool is = json_type(a) == json_type(b) && json_canonical(a, &left) == RC_OK && json_canonical(b, &right) == RC_OK && left.length == right.length &&
              memcmp(buf_text(&left), buf_text(&right), left.length) == 0;
    buf_release(&left);
    buf_release(&right);
    return is;
}

static bool is_one_of(struct slice value, struct slice list) {
    struct json_iter iter;
    struct slice name, one;
    json_iter_init(&iter, list);
    while (json_iter_next(&iter, &name, &one))
        if (same(value, one))
            return true;
    return false;
}

static size_t characters(const struct buf *text) {
    size_t count = 0;
    for (size_t i = 0; i < text->length; i++)
        count += ((unsigned char)text->data[i] & 0xc0) != 0x80;
    return count;
}

static bool matches(const struct buf *text, struct slice pattern) {
    regex_t regex;
    if (text->length > PATTERN_TEXT_MOST || strlen(buf_text(text)) != text->length || !pattern_compile(pattern, &regex))
        return false;
    bool match = regexec(&regex, buf_text(text), 0, NULL, 0) == 0;
    regfree(&regex);
    return match;
}

static const char *text_wrong(struct slice schema, struct slice value) {
    struct slice rule;
    uint64_t count;
    struct date date;
    const char *wrong = NULL;
    struct buf text = BUF_INIT(TEXT_MOST);
    if (!decode(value, &text))
        wrong = "cannot be read";
    else if (member(schema, "minLength", &rule) && json_to_u64(rule, false, &count) && characters(&text) < count)
        wrong = "is too short";
    else if (member(schema, "maxLength", &rule) && json_to_u64(rule, false, &count) && characters(&text) > count)
        wrong = "is too long";
    else if (member(schema, "pattern", &rule) && !matches(&text, rule))
        wrong = "is not of the form wanted";
    else if (member(schema, "format", &rule) && !(strlen(buf_text(&text)) == text.length && date_parse(buf_text(&text), &date)))
        wrong = "is no date (YYYY-MM-DD)";
    buf_release(&text);
    return wrong;
}

static const char *number_wrong(struct slice schema, struct slice value) {
    struct slice rule;
    double d = number_of(value);
    if (!isfinite(d))
        return "is too large";
    if (member(schema, "minimum", &rule) && d < number_of(rule))
        return "is too small";
    if (member(schema, "maximum", &rule) && d > number_of(rule))
        return "is too large";
    if (member(schema, "exclusiveMinimum", &rule) && d <= number_of(rule))
        return "is too small";
    return member(schema, "exclusiveMaximum", &rule) && d >= number_of(rule) ? "is too large" : NULL;
}

static const char *array_wrong(struct slice schema, struct slice value) {
    struct slice rule;
    uint64_t count;
    if (member(schema, "minItems", &rule) && json_to_u64(rule, false, &count) && json_count(value) < count)
        return "has too few elements";
    return member(schema, "maxItems", &rule) && json_to_u64(rule, false, &count) && json_count(value) > count ? "has too many elements" : NULL;
}

static enum rc object_check(struct slice schema, struct slice value, const struct path *path, struct err *err) {
    struct slice rule, name, one, found;
    struct json_iter iter;
    if (!member(schema, "required", &rule))
        return RC_OK;
    json_iter_init(&iter, rule);
    while (json_iter_next(&iter, &name, &one)) {
        struct slice inside = {.data = one.data + 1, .length = one.length - 2};
        if (!member_named(value, inside, &found))
            return err_set(err, RC_PERM, "%s: lacks \"%.*s\"", path_text(path), (int)(inside.length < 80 ? inside.length : 80), inside.data);
    }
    return RC_OK;
}

/* All of a value but what is in it. */
static enum rc check_value(struct slice schema, struct slice value, const struct path *path, struct err *err) {
    struct slice rule;
    const char *wrong = NULL;
    enum json_type type = json_type(value);
    if (member(schema, "type", &rule) && !is_allowed_type(value, rule))
        return err_set(err, RC_PERM, "%s: is of another type than %.*s", path_text(path), (int)(rule.length < 80 ? rule.length : 80), rule.data);
    if (member(schema, "enum", &rule) && !is_one_of(value, rule))
        wrong = "is none of the values that are allowed";
    else if (member(schema, "const", &rule) && !same(value, rule))
        wrong = "is not the value that is wanted";
    else if (type == JSON_STRING)
        wrong = text_wrong(schema, value);
    else if (type == JSON_NUMBER)
        wrong = number_wrong(schema, value);
    else if (type == JSON_ARRAY)
        wrong = array_wrong(schema, value);
    if (wrong)
        return err_set(err, RC_PERM, "%s: %s", path_text(path), wrong);
    return type == JSON_OBJECT ? object_check(schema, value, path, err) : RC_OK;
}

/* Check a value, and go into it when it is a container with rules for what is in it. */
static enum rc enter(struct walk *w, struct slice root, struct slice unresolved, struct slice value, struct err *err) {
    struct slice schema;
    if (!resolve(root, unresolved, &schema))
        return err_set(err, RC_PERM, "%s: its schema has a $ref that leads nowhere", path_text(&w->path));
    enum rc rc = check_value(schema, value, &w->path, err);
    enum json_type type = json_type(value);
    return !rc && (type == JSON_OBJECT || type == JSON_ARRAY) ? push(w, value, schema, false, err) : rc;
}

/* The next thing in a container: its schema, if there is one. */
static enum rc check_inside(struct walk *w, struct slice root, struct level *level, struct slice name, struct slice value, struct err *err) {
    struct slice rule, properties;
    if (!level->iter.object)
        return member(level->schema, "items", &rule) ? enter(w, root, rule, value, err) : RC_OK;
    if (member(level->schema, "properties", &properties) && member_named(properties, name, &rule))
        return enter(w, root, rule, value, err);
    if (member(level->schema, "additionalProperties", &rule) && json_type(rule) == JSON_FALSE)
        return err_set(err, RC_PERM, "%s: is not foreseen", path_text(&w->path));
    return RC_OK;
}

enum rc json_schema_validate(struct slice schema, struct slice value, struct err *err) {
    struct walk *w = calloc(1, sizeof *w);
    struct slice name, one;
    if (!w)
        return err_set(err, RC_TEMP, "out of memory");
    enum rc rc = enter(w, schema, schema, value, err);
    while (!rc && w->depth) {
        struct level *level = &w->levels[w->depth - 1];
        path_cut(&w->path, level->path_length);
        if (!json_iter_next(&level->iter, &name, &one)) {
            w->depth--;
            continue;
        }
        path_add(&w->path, name, level->iter.object, level->index++);
        rc = check_inside(w, schema, level, name, one, err);
    }
    free(w);
    return rc;
}
