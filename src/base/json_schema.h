// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_JSON_SCHEMA_H
#define BASE_JSON_SCHEMA_H

#include "base/err.h"
#include "base/str.h"

/*
 * JSON Schema (draft 2020-12), the part of it that strict answers of models need. Keywords: type (a name or a list of names), enum, const, properties,
 * required, additionalProperties (true or false), items (a schema), minItems, maxItems, minLength, maxLength (characters), minimum, maximum, exclusiveMinimum,
 * exclusiveMaximum, pattern (literals, classes, groups, ., |, anchors and repeats: what ECMA-262 and POSIX read alike; no backslash), format ("date" alone,
 * which is checked), $ref to "#/$defs/NAME", $defs at the root; $schema, $id, $comment, title, description and default are read over. Anything else is an
 * error, so that no rule of a schema is silently left out. Schemas are the operator's files, values are anybody's.
 *
 * Both texts must have been accepted by json_check with unique names and at most LIMIT_PAYLOAD_DEPTH levels (json_rules_config does). No recursion.
 */

/* Every keyword is known and well-formed, and every $ref leads somewhere. RC_PERM: err has Pointer and reason. */
enum rc json_schema_check(struct slice schema, struct err *err);

/* value is as schema, which json_schema_check accepted, says. RC_PERM: err has the Pointer to the first place that is not ("" is the root), and why. RC_TEMP:
 * out of memory. */
enum rc json_schema_validate(struct slice schema, struct slice value, struct err *err);

#endif
