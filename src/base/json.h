// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * A strict RFC 8259 scanner over bytes that are never changed (DESIGN 7 "Bytes stay bytes"). No recursion, bounded depth, no
 * allocation on the payload path; values are slices into the caller's bytes. cJSON reads only what json_check accepted.
 */

struct json_rules {
    uint32_t max_depth;   /* containers inside each other; at most 1024 */
    uint32_t max_members; /* members of one object; 0: no limit */
    bool unique_names;    /* duplicate names in one object are an error (compared after decoding) */
    bool safe_numbers;    /* integers written as such beyond +-(2^53-1), and numbers that overflow or underflow a double are an error (1e999), also -0 */
    bool no_nul;          /* \u0000 in a string or name is an error */
    bool comments;        /* // and / * * / comments are white space */
};

extern const struct json_rules json_rules_payload; /* depth LIMIT_PAYLOAD_DEPTH, duplicate names and any number allowed */
extern const struct json_rules json_rules_config;  /* the guard of criteria, sources, configuration: all checks, no comments */
extern const struct json_rules json_rules_config_commented;

/* Check the whole text: one value, white space around it, nothing else; no BOM; strings valid UTF-8 without raw control characters, lone
 * surrogate escapes refused. RC_OK, else RC_PERM with err "line L column C: what is wrong" (columns count bytes from 1). */
enum rc json_check(const char *text, size_t length, const struct json_rules *rules, struct err *err);

/* Blank out comments (same length, line breaks kept) so that cJSON can read text which json_rules_config_commented accepted. */
void json_strip_comments(char *text, size_t length);

enum json_type { JSON_NONE, JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Every function below takes text that json_check accepted (or a slice of it), comments stripped; on other text the result is undefined but in
 * bounds. A value that json_find or json_iter_next gave has no blanks around it; a whole document may, except where a value is asked for
 * (json_decode_string, json_to_u64). */

/* The type of a value; JSON_NONE for an empty slice. */
enum json_type json_type(struct slice value);

/* The value that a JSON Pointer (RFC 6901; "" is the whole) names. False when there is none. Names are compared after decoding
 * escapes; of duplicate names the last counts, as in most readers. */
bool json_find(struct slice document, const char *pointer, struct slice *value);
/* "/name" with its escapes after the Pointer that is there, in size bytes with its NUL. False, and nothing added, when it does not fit. */
bool json_pointer_add(char *pointer, size_t size, const char *name);

/* True when pointer is a well-formed JSON Pointer ("" or "/..." with ~0 ~1 escapes only), at most LIMIT_POINTER_BYTES. */
bool json_pointer_valid(const char *pointer);

/* The members of a document's root, kept by the walk that checks it. Slices borrow from the text. */
#define JSON_OUTLINE_MOST 32u
struct json_member {
    struct slice name, value; /* the name between its quotes (undecoded) */
};
struct json_outline {
    struct slice root; /* the value without what is around it; empty when the text was not accepted */
    bool complete;     /* the root is an object and all its members are here; else they are looked for in the text */
    uint32_t count;
    struct json_member members[JSON_OUTLINE_MOST];
};

/* As json_check, and fills *outline. */
enum rc json_outline(const char *text, size_t length, const struct json_rules *rules, struct json_outline *outline, struct err *err);

/* What a caller wants to see of the elements of one array while the text is checked, so that it need not walk them again. All of it is to be believed only
 * when the check ends well. */
struct json_tap {
    const char *array;  /* Pointer: "" the root, or "/name", a member of the root; of longer ones nothing is told */
    const char *member; /* Pointer "/name": a member of each element; or NULL */
    void (*begin)(void *context,
                  const char *open); /* at its bracket. Such an array begins: of duplicate names the last counts, so what was told before is void */
    /* Its next element; value: its member, data NULL when it is not there or must be looked for by json_find. Both borrow from the text. */
    void (*element)(void *context, struct slice element, struct slice value);
    void *context;
};

/* As json_outline, and tells tap of the elements. Whether it was told: begin was called. */
enum rc json_outline_tap(const char *text, size_t length, const struct json_rules *rules, struct json_outline *outline, const struct json_tap *tap,
                         struct err *err);

/* As json_find on that document, without a walk through what stands before the member of the root. The text must be as it was (json_strip_comments
 * may have been at it). */
bool json_outline_find(const struct json_outline *outline, const char *pointer, struct slice *value);

/* Walk an array or object, in document order. */
struct json_iter {
    const char *at, *end;
    bool object;
};
bool json_iter_init(struct json_iter *iter, struct slice container); /* false when it is neither array nor object */
/* Next element. For objects *name is the name's slice between its quotes (undecoded), for arrays empty. False at the end. */
bool json_iter_next(struct json_iter *iter, struct slice *name, struct slice *value);

/* Number of elements of an array or members of an object. */
size_t json_count(struct slice container);

/* A string value (with its quotes) decoded to UTF-8 and appended to out; \u0000 becomes a NUL byte. RC_PERM when it is no string or out is full. */
enum rc json_decode_string(struct slice value, struct buf *out);

/* A number (or, when text_too, a string that holds one) that is an integer >= 0 written without loss (12, 12.0, 1.2e1). False otherwise. */
bool json_to_u64(struct slice value, bool text_too, uint64_t *out);

/* Append the value with line breaks between tokens folded: CR, LF outside strings dropped together with the blanks around them that follow a line
 * break. All other bytes as they are (DESIGN 8 `export`). */
enum rc json_fold_lines(struct slice value, struct buf *out);

/* Canonical form for comparing criteria: members sorted by decoded name bytes, no white space, strings re-escaped minimally, numbers as exact
 * decimals in the form of ECMAScript (1.0, 1e0 and 1 are the same, -0 is 0); of duplicate names the last. RC_PERM when out is full (numbers want 32
 * bytes to spare) or text is nested more than 1024 deep. On failure out may hold a part. */
enum rc json_canonical(struct slice value, struct buf *out);

/* Append a JSON string with quotes and escapes for these UTF-8 bytes. */
enum rc json_quote(struct slice text, struct buf *out);

#endif
