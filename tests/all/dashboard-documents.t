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
sed '/^ *\/\//d' "$ROOT/etc/sources/lease.json" | jq --arg chat "$CHAT" '.settings.endpoint = $chat + "/v1/chat/completions" | .settings.ocr_url = $chat + "/ocr"' >"$DIR/etc/sources/lease.json"
"$ROOT/tests/documents/make.pl" pdf "$DIR/Harbour House.pdf" "$ROOT/tests/documents/commercial.txt"
printf '%s\n' "$PASSWORD" | bs user add ops --role operator --password-file - >"$DIR/out" 2>&1 || bail "user add: $(cat "$DIR/out")"
"$ROOT/tests/documents/make.pl" pdf "$DIR/variation.pdf" "$ROOT/tests/documents/amendment.txt"
"$ROOT/tests/documents/make.pl" pdf "$DIR/lease.pdf" "$ROOT/tests/documents/longlease.txt"
(cd "$DIR" && pdftoppm -r 150 -gray -jpeg variation.pdf scan && "$ROOT/tests/documents/make.pl" pdf scanned.pdf scan-*.jpg)
daemon_start
set_chat '{"faults": [{"kind": "unauthorized", "on": "ocr", "at": 1, "count": -1}]}'
"$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0 >"$DIR/httpd.log" 2>&1 &
BACKGROUND+=($!)
url=http://127.0.0.1:$(port_in "$DIR/httpd.log" 'batchspool-httpd runs: .*http://127\.0\.0\.1:([0-9]+)') || bail "batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"
ID=$(bs submit --source lease --set created_by=ops --document "$DIR/lease.pdf" --document "$DIR/scanned.pdf" --group 'Dock House' 2>"$DIR/err") || result 1 'a group is taken' "$(cat "$DIR/err")"
WAIT_S=60 at processed 'a lease and a scanned deed of one group'
results_of env -C "$DIR/server" timeout 180 node "$HERE/documents.mjs" "base=$url" "password=$PASSWORD" "document=$DIR/Harbour House.pdf" "others=$DIR/lease.pdf,$DIR/variation.pdf" "group=$ID" "shots=${SHOTS-}"
verified 'verify finds no difference'
finish
