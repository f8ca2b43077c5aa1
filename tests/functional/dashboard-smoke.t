#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The dashboard's main job in Debian's Chromium; tests/all/dashboard*.t is the rest. Left out, and told, where the npm registry cannot be reached.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/all/servers.sh"
HERE=$ROOT/tests/web
PASSWORD='correct horse battery staple'

debian_program chromium chromium
export CHROMIUM=$PROGRAM
if ! (npm_install "$HERE") >"$DIR/out" 2>&1 && ! timeout 20 npm ping >/dev/null 2>&1; then
    echo "ok - # SKIP the npm registry cannot be reached: $(tail -n 1 "$DIR/out")"
    echo 1..1
    exit 0
fi
[ -d "$DIR/server/node_modules" ] || bail "npm ci: $(cat "$DIR/out")"
api_start --records 1000 --price 0.002
# shellcheck disable=SC2016
shipped demo http://127.0.0.1:8089 "$API_URL" '.steps[0].http.headers.Authorization = "Bearer ${secret:api_token}"'
cp "$ROOT"/etc/sources/demo.builder.json "$DIR/etc/sources/"
printf '%s\n' "$PASSWORD" | bs user add ops --role operator --password-file - >"$DIR/out" 2>&1 || bail "user add: $(cat "$DIR/out")"
daemon_start
"$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0 >"$DIR/httpd.log" 2>&1 &
BACKGROUND+=($!)
url=http://127.0.0.1:$(port_in "$DIR/httpd.log" 'batchspool-httpd runs: .*http://127\.0\.0\.1:([0-9]+)') || bail "batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"
results_of env -C "$DIR/server" timeout 120 node "$HERE/smoke.mjs" "base=$url" "password=$PASSWORD"
verified 'verify finds no difference'
finish
