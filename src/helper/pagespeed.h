// SPDX-License-Identifier: Apache-2.0
#ifndef HELPER_PAGESPEED_H
#define HELPER_PAGESPEED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * What one test of a page says, as one record: of an answer of the PageSpeed Insights API v5, or of Lighthouse's own JSON. No I/O. The text is only looked at:
 * what is kept beside it does not grow with it.
 */

#define PAGESPEED_INPUT_MOST ((size_t)96 << 20)
#define PAGESPEED_RECORD_MOST ((size_t)256 << 10)

/* text: {"answer": the answer, "item": {"url": text or {"url", "labels"}, "strategy"}, "engine", "run", "attempts", "labels", "cached_at"}; all but answer and
 * item may be missing. Appends {"results":[RECORD]} to out. What the answer lacks is null in the record, never 0; audits that are not known are no error.
 * RC_PERM: the input is bad, or the answer says that this page cannot be tested. RC_TEMP: the answer says that another try may do it; or out of memory. */
enum rc pagespeed_record(const char *text, size_t length, struct buf *out, struct err *err);

/* --- its parts ------------------------------------------------------------------------------------------------------ */

/* Lighthouse's runtimeError of a result that it could not make: RC_OK when there is none, else RC_PERM or RC_TEMP with its code and text. lighthouse is the
 * object that has "audits". */
enum rc pagespeed_error(struct slice lighthouse, struct err *err);
/* What an error code and text of Lighthouse mean: RC_PERM when the same test will fail again, RC_TEMP when it may not. */
enum rc pagespeed_error_class(const char *code, const char *text);

/* Append ,"savings":[...]: the five audits that promise most. audits is an object. */
enum rc pagespeed_savings(struct slice audits, struct buf *out);
/* Append ,"field":F,"origin":F,"cwv_pass":P of an answer of the service. Each slice may be empty. */
enum rc pagespeed_field(struct slice page, struct slice origin, struct buf *out);

/* A member of an object, by a Pointer; an empty slice when it is not there. */
struct slice pagespeed_at(struct slice document, const char *pointer);
/* Append a text as it stands but for its length, or null when value is none or empty. What is beyond most bytes is cut. */
enum rc pagespeed_put_text(struct slice value, size_t most, struct buf *out);
/* Append a number that is not negative as it stands, else null. */
enum rc pagespeed_put_number(struct slice value, struct buf *out);
/* The value of a number that is not negative. */
bool pagespeed_number(struct slice value, double *out);

#endif
