// SPDX-License-Identifier: Apache-2.0
#include "base/fields.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct field *find(struct fields *fields, const char *name) {
    for (unsigned i = 0; i < fields->count; i++) {
        if (strcasecmp(fields->list[i].name, name) == 0) {
            return &fields->list[i];
        }
    }
    return NULL;
}

/* A new text of what there was, a comma and the value; NULL when out of memory. */
static char *joined(const char *before, const char *value, size_t length) {
    size_t start = before != NULL ? strlen(before) + 2 : 0;
    char *text = malloc(start + length + 1);

    if (text == NULL) {
        return NULL;
    }
    if (before != NULL) {
        memcpy(text, before, start - 2);
        memcpy(text + start - 2, ", ", 2);
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];

        text[start + i] = (c < ' ' && c != '\t') || c == 0x7f ? '?' : (char)c;
    }
    text[start + length] = '\0';
    return text;
}

bool fields_add(struct fields *fields, const char *name, const char *value, size_t length) {
    struct field *field = find(fields, name);
    char *text = NULL;

    if (field == NULL && fields->count == FIELDS_MAX) {
        return false;
    }
    text = joined(field != NULL ? field->value : NULL, value, length);
    if (text == NULL) {
        return false;
    }
    if (field == NULL) {
        char *copy = strdup(name);

        if (copy == NULL) {
            free(text);
            return false;
        }
        for (char *c = copy; *c != '\0'; c++) {
            *c = (char)tolower((unsigned char)*c);
        }
        field = &fields->list[fields->count++];
        *field = (struct field){.name = copy};
    }
    free(field->value);
    field->value = text;
    return true;
}

const char *fields_get(const struct fields *fields, const char *name) {
    for (unsigned i = 0; i < fields->count; i++) {
        if (strcasecmp(fields->list[i].name, name) == 0) {
            return fields->list[i].value;
        }
    }
    return NULL;
}

void fields_release(struct fields *fields) {
    for (unsigned i = 0; i < fields->count; i++) {
        free(fields->list[i].name);
        free(fields->list[i].value);
    }
    *fields = (struct fields){.count = 0};
}
