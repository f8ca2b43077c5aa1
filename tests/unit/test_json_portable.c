// SPDX-License-Identifier: Apache-2.0
/* The same without SSE2. */
#define JSON_PORTABLE 1
#include "base/json.c"

#include "test_json.c"
