// SPDX-License-Identifier: Apache-2.0
#ifndef SOURCE_PAGINATOR_LINK_H
#define SOURCE_PAGINATOR_LINK_H

#include "source/paginator.h"

/* The answer names the URL of the next page: `header_link` in the header field Link (RFC 8288), `json_link` in its body (also OData's @odata.nextLink). The
 * token is that URL, absolute and without the parameters that hold secrets; they, and those of the metering, are put in anew for each request. A link that
 * leads elsewhere than to the source's own scheme, host and port is not followed. */
/* What is the same in every URL of a page, however it is asked for: without the parameters that hold secrets and those of the metering. In place. */
void paginator_link_bare(const struct source *source, char *url);
extern const struct paginator_row paginator_header_link, paginator_json_link;

#endif
