#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The review of an analysis in Debian's Chromium, with records that have all that a reviewer meets, and the documents that they are of.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/all/servers.sh"
HERE=$ROOT/tests/web
PASSWORD='correct horse battery staple'
debian_program chromium chromium
export CHROMIUM=$PROGRAM
(npm_install "$HERE") >"$DIR/out" 2>&1
[ -d "$DIR/server/node_modules" ] || bail "npm ci: $(cat "$DIR/out")"
jq -n --arg run X -f "$ROOT/tests/reports/lease.jq" >"$DIR/records.json"
# The record of the document that has its name; a document of another name cannot be analysed.
mkdir "$DIR/helpers"
cat >"$DIR/helpers/make-record" <<SCRIPT
#!/bin/sh
exec jq -c --slurpfile known '$DIR/records.json' '.document.name as \$name | .document.sha256 as \$sum | .run as \$run
    | {results: [\$known[0].results[] | select(.document.name == \$name) | .run = \$run | .document.sha256 = \$sum]} | if .results == [] then error("nothing can be read in it") else . end'
SCRIPT
chmod +x "$DIR/helpers/make-record"
export BATCHSPOOL_HELPERS=$DIR/helpers
jq -n '{name: "lease", documents: true, steps: [{name: "record", exec: {command: ["make-record"], stdin: {document: "${item.document}", run: "${job_id}"}}}],
    data_selector: "/results", primary_key: ["/document/sha256", "/run"], report: "lease", results: ["csv"], error_handler: {max_retries: 0}, job_defaults: {process: "auto"}}' >"$DIR/etc/sources/lease.json"
for pair in high-street-lease:commercial deed-of-variation:amendment unreadable:longlease; do
    "$ROOT/tests/documents/make.pl" pdf "$DIR/${pair%:*}.pdf" "$ROOT/tests/documents/${pair#*:}.txt"
done
for who in ned:operator viola:viewer ada:admin; do
    printf '%s\n' "$PASSWORD" | bs user add "${who%:*}" --role "${who#*:}" --password-file - >"$DIR/out" 2>&1 || bail "user add: $(cat "$DIR/out")"
done
daemon_start
"$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0 >"$DIR/httpd.log" 2>&1 &
BACKGROUND+=($!)
url=http://127.0.0.1:$(port_in "$DIR/httpd.log" 'batchspool-httpd runs: .*http://127\.0\.0\.1:([0-9]+)') || bail "batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"
ID=$(bs submit --source lease --document "$DIR/high-street-lease.pdf" --document "$DIR/deed-of-variation.pdf" --document "$DIR/unreadable.pdf" 2>"$DIR/err") || result 1 'three documents are taken' "$(cat "$DIR/err")"
at processed 'a job of three documents'
lease=$ID
ID=$(bs submit --source lease --document "$DIR/high-street-lease.pdf" 2>"$DIR/err") || result 1 'one document is taken' "$(cat "$DIR/err")"
at processed 'a job of one document'
results_of env -C "$DIR/server" timeout 240 node "$HERE/review.mjs" "base=$url" "password=$PASSWORD" "job=$lease" "single=$ID" "shots=${SHOTS-}"
verified 'verify finds no difference'
finish
