// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_CHECK_H
#define SOURCE_CHECK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/dec.h"
#include "base/err.h"
#include "base/json.h"

/*
 * Reading the members of a file that a person wrote. The first thing that is wrong is kept, with file, line, column and Pointer; every later call
 * then does nothing, so that a run of reads is checked once at its end. A member that is absent leaves *out as it was. One thread.
 */
/* What is wrong, in its parts: for who shows it beside the member that it is about. */
struct check_fault {
    char pointer[600]; /* JSON Pointer of the member, of one that is missing too; "": the whole text */
    char detail[400];  /* without file and place */
};

struct check {
    const char *file; /* named in errors; borrowed */
    char *text;       /* the JSON without its comments; owned */
    size_t length;
    cJSON *root;    /* the same text, read; owned until check_take_root */
    char path[512]; /* Pointer to the object that is being read */
    enum rc rc;     /* RC_OK so far, RC_PERM, or RC_TEMP when out of memory */
    struct err *err;
    struct check_fault *fault; /* NULL: not wanted; set after check_open */
};

/* json_check, then read. Call check_release in any case. */
enum rc check_open(struct check *check, const char *file, const char *text, size_t length, const struct json_rules *rules, struct err *err);
void check_release(struct check *check);
/* Go on with another text (taken), which is JSON that the same rules accept; nothing of the former root may be in use. */
void check_replace(struct check *check, struct buf *text);
cJSON *check_take_root(struct check *check);

/* Go into a member or element (name NULL: element index) and back. */
size_t check_enter(struct check *check, const char *name, unsigned index);
void check_leave(struct check *check, size_t mark);

/* What is wrong with a member of the current object (NULL: with the object itself). Returns check->rc. */
enum rc check_fail(struct check *check, const char *member, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same for the current object, which lacks the member. */
enum rc check_lacks(struct check *check, const char *member, const char *format, ...) __attribute__((format(printf, 3, 4)));
enum rc check_no_memory(struct check *check);

/* It is an object and has no other members than names (NULL at the end) and more (may be NULL); the nearest known one is told. */
bool check_object(struct check *check, const cJSON *object, const char *const *names, const char *const *more);
/* A member that must be of a type. NULL when it is absent or wrong. */
const cJSON *check_array(struct check *check, const cJSON *object, const char *name, unsigned least, unsigned most);
const cJSON *check_string(struct check *check, const cJSON *object, const char *name, size_t most_bytes);

void check_name(struct check *check, const cJSON *object, const char *name, char out[65]); /* str_is_name */
/* name, which stands in `member` or is its name, is that of a header (RFC 9110); of one that is sent: not one that the transport sets itself. */
void check_header_name(struct check *check, const char *member, const char *name, bool sent);
/* The same of a member's text, which is borrowed. NULL when it is absent or no text. */
const char *check_header(struct check *check, const cJSON *object, const char *member, bool sent);
void check_pointer(struct check *check, const cJSON *object, const char *name, char **out); /* *out is owned by the caller */
void check_u64(struct check *check, const cJSON *object, const char *name, uint64_t least, uint64_t most, uint64_t *out);
void check_unsigned(struct check *check, const cJSON *object, const char *name, unsigned least, unsigned most, unsigned *out);
void check_real(struct check *check, const cJSON *object, const char *name, double least, double most, double *out);
void check_flag(struct check *check, const cJSON *object, const char *name, bool *out);
/* Text or a number, exact, not negative. */
void check_money(struct check *check, const cJSON *object, const char *name, struct dec *out, bool *has);
void check_duration(struct check *check, const cJSON *object, const char *name, int64_t least_ms, int64_t *out_ms);
/* One of choices (NULL at the end); its index. */
void check_choice(struct check *check, const cJSON *object, const char *name, const char *const *choices, unsigned *out);

/* The text of the value that pointer names. False when there is none. */
bool check_slice(const struct check *check, const char *pointer, struct slice *value);

#endif
