#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A lease through the dashboard in Debian's Chromium, with the shipped source and a stand-in for the model.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/all/servers.sh"
HERE=$ROOT/tests/web
PASSWORD='correct horse battery staple'
export BATCHSPOOL_LEASE=$ROOT/etc/lease
debian_program chromium chromium
export CHROMIUM=$PROGRAM
(npm_install "$HERE") >"$DIR/out" 2>&1
[ -d "$DIR/server/node_modules" ] || bail "npm ci: $(cat "$DIR/out")"
. "$ROOT/tests/chat.sh"
printf %s "$TOKEN" >"$DIR/credentials/openai_api_key"
sed '/^ *\/\//d' "$ROOT/etc/sources/lease.json" | jq --arg url "http://127.0.0.1:$(cat "$DIR/chat-port")/v1/chat/completions" '.settings.endpoint = $url' >"$DIR/etc/sources/lease.json"
"$ROOT/tests/documents/make.pl" pdf "$DIR/Harbour House.pdf" "$ROOT/tests/documents/commercial.txt"
printf '%s\n' "$PASSWORD" | bs user add ops --role operator --password-file - >"$DIR/out" 2>&1 || bail "user add: $(cat "$DIR/out")"
daemon_start
"$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0 >"$DIR/httpd.log" 2>&1 &
BACKGROUND+=($!)
url=http://127.0.0.1:$(port_in "$DIR/httpd.log" 'batchspool-httpd runs: .*http://127\.0\.0\.1:([0-9]+)') || bail "batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"
results_of env -C "$DIR/server" timeout 180 node "$HERE/documents.mjs" "base=$url" "password=$PASSWORD" "document=$DIR/Harbour House.pdf" "shots=${SHOTS-}"
verified 'verify finds no difference'
finish
