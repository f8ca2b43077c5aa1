// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_UNIT_PROBE_H
#define ENGINE_UNIT_PROBE_H

#include "engine/sources.h"

/* What can be learnt of a source of units for nothing (`sources test`): what its steps lack on this machine, whether its programs start, and whether the hosts
 * of its requests can be reached. A host is only knocked at: a connection with TLS, verified, and no request, for any request may be charged. */

/* As batchspool-sources(1) describes it; the caller frees. ca_file: "" none. Blocks, for some seconds a host; any thread. NULL: out of memory. */
cJSON *unit_probe(const struct source *source, const char *credentials_dir, const char *helpers_dir, const char *ca_file);

#endif
