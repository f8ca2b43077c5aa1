#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The description of the REST API is what it should be: npm @redocly/cli finds nothing in it, and each operation says what every one must say.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"
HERE=$ROOT/tests/all/openapi

npm_install "$HERE"
cd "$DIR/server" || bail "no $DIR/server"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
ok 'redocly finds nothing' node node_modules/@redocly/cli/bin/cli.js lint --config "$HERE/redocly.yaml" --max-problems 1000 "$ROOT/docs/openapi.yaml"
ok 'each operation has its role, limits, errors and examples; nothing is there for nobody' node "$HERE/references.mjs" "$ROOT/docs/openapi.yaml"
# The checks themselves notice something.
sed '0,/x-role: viewer/s///' "$ROOT/docs/openapi.yaml" >"$DIR/broken.yaml"
exits 1 'an operation without a role is noticed' node "$HERE/references.mjs" "$DIR/broken.yaml"
sed '0,/title: Bad Request, status: 400/s//title: 7, status: 400/' "$ROOT/docs/openapi.yaml" >"$DIR/broken.yaml"
exits 1 'an example that does not fit its schema is noticed' node node_modules/@redocly/cli/bin/cli.js lint --config "$HERE/redocly.yaml" "$DIR/broken.yaml"
finish
