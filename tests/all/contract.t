#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The REST API is what docs/openapi.yaml says: every operation with right requests, every documented answer seen once and judged by its schema, the authorisation matrix,
# and connections that are slow on purpose. CONTRACT=part runs one part alone (authz, slow, routes).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pagespeed.sh"
. "$(dirname "$0")/servers.sh"
HERE=$ROOT/tests/all/contract
PASSWORD='correct horse battery staple'
HTTPD_PID='' HTTPD_URL=''

# httpd_start JQ [VARIABLE=VALUE]...: with that in the key `httpd`, and in its environment
httpd_start() {
    config ".httpd = {requests_per_minute: 1000000, uploads_per_minute: 100000, logins_per_minute: 10000} * ($1)"
    : >"$DIR/httpd.log"
    env "${@:2}" "$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0 >"$DIR/httpd.log" 2>&1 &
    HTTPD_PID=$!
    BACKGROUND+=("$HTTPD_PID")
    HTTPD_URL=$(port_in "$DIR/httpd.log" 'batchspool-httpd runs: .*http://127\.0\.0\.1:([0-9]+)') || bail "batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"
    HTTPD_URL=http://127.0.0.1:$HTTPD_URL
}

httpd_stop() {
    kill "$HTTPD_PID"
    wait "$HTTPD_PID" 2>/dev/null
    is 0 $? 'batchspool-httpd ends in good order'
}

# part SCRIPT ARGUMENT...: its lines as results
part() {
    results_of env -C "$DIR/server" node "$HERE/$1" "${@:2}"
}

# complains NAME PART OPENAPI ROUTES: that part finds just one thing wrong with them
complains() {
    local out
    out=$(cd "$DIR/server" && node "$HERE/contract.mjs" "$2" "openapi=$3" "routes=$4" "state=$DIR/seen.json" "password=$PASSWORD" "base=$HTTPD_URL" 2>&1)
    is '3 1' "$? $(grep -c '^not ok' <<<"$out")" "$1"
}

# token USER: an access token
token() {
    jq -cn --arg user "$1" --arg password "$PASSWORD" '{username: $user, password: $password}' |
        curl -s -H 'Content-Type: application/json' -d @- "$HTTPD_URL/api/auth/login" | jq -r .access_token
}

contract() {
    part contract.mjs "$1" "${SETTINGS[@]}" "base=$HTTPD_URL" "${@:2}"
}

npm_install "$HERE"
api_start --records 5000
source_metered properties
source_free items
jq '.name = "broken" | .steps[0].http.url |= sub("/v1/properties"; "/no-such-path")' "$DIR/etc/sources/properties.json" >"$DIR/etc/sources/broken.json"
# URL analysis: the shipped definition, with the stand-in of its service; API_URL stays that of the metered API.
metered=$API_PID address=$API_URL
(umask 077 && printf psi-key >"$DIR/credentials/pagespeed_key")
psi_start
BACKGROUND+=("$API_PID")
psi_source
API_PID=$metered API_URL=$address
# What the paths of document analysis clients submit to: a program makes a record of each document.
# shellcheck disable=SC2016 # jq's
jq -n --arg program '{results: [{run: .run, group: null, schema: "commercial", document: (.document + {pages: 3, type: "lease", date: null}), fields: {deposit: {value: 12000, unit: "GBP",
    status: "found", page: 2, quote: "12,000", quote_verified: true}, tenant: {value: "A", unit: null, status: "found", page: null, quote: null, quote_verified: null}},
    rent: [{from: "2020-01-01", to: null, amount: 5, page: 1, quote: "five", quote_verified: true}], options: [], dates: [], clauses: [],
    checks: [{id: "rent_gaps", result: "ok", text: "none"}]}]}' '{name: "lease", documents: true, steps: [{name: "record", exec: {command: ["jq", "-c", $program],
    stdin: {document: "${item.document}", run: "${job_id}"}}}], data_selector: "/results", primary_key: ["/document/sha256", "/run"], report: "lease", job_defaults: {process: "auto"}}' >"$DIR/etc/sources/lease.json"
for user in ada:admin ops:operator rival:operator viola:viewer; do
    printf '%s\n' "$PASSWORD" | bs user add "${user%:*}" --role "${user#*:}" --password-file - >"$DIR/out" 2>&1 || bail "user add: $(cat "$DIR/out")"
done
# A way out for notices that leads nowhere: what comes of a test is told at once.
config '.notices = {smtp: {url: "smtp://127.0.0.1:9", tls: "none"}, from: "batch@example.com"}'
# A site with a sitemap, which lies on this machine as all does here.
config '.sitemap_private_hosts = true'
mkdir "$DIR/site"
printf '<urlset><url><loc>https://example.com/</loc></url><url><loc>https://example.com/a</loc><lastmod>2026-11-28</lastmod></url></urlset>' >"$DIR/site/sitemap.xml"
printf '500 Oops' >"$DIR/site/broken.xml.head"
"$ROOT/tests/site.pl" "$DIR/site" "$DIR/site.port" &
BACKGROUND+=($!)
wait_for 5 test -s "$DIR/site.port" || bail 'tests/site.pl does not start'
daemon_start
httpd_start '{}'
"$PROGRAMS/batchspool-httpd" --routes >"$DIR/routes" || bail 'batchspool-httpd --routes'
SETTINGS=("openapi=$ROOT/docs/openapi.yaml" "routes=$DIR/routes" "state=$DIR/seen.json" "spool=$SPOOL" "password=$PASSWORD" "site=http://127.0.0.1:$(cat "$DIR/site.port")")

case ${CONTRACT-} in '' | routes)
    contract routes
    sed '/ money /d' "$DIR/routes" >"$DIR/fewer"
    complains 'an operation that the server lacks is noticed' routes "$ROOT/docs/openapi.yaml" "$DIR/fewer"
    { cat "$DIR/routes" && echo 'GET /api/secrets secrets viewer -'; } >"$DIR/more"
    complains 'a route that the description lacks is noticed' routes "$ROOT/docs/openapi.yaml" "$DIR/more"
    sed 's/ money viewer / money public /' "$DIR/routes" >"$DIR/other"
    complains 'a route that lets others in is noticed' routes "$ROOT/docs/openapi.yaml" "$DIR/other"
    ;;
esac
case ${CONTRACT-} in '' | all) contract all ;; esac
case ${CONTRACT-} in '' | authz) part authz.mjs "${SETTINGS[@]}" "base=$HTTPD_URL" ;; esac
case ${CONTRACT-} in '' | slow)
    part slow.mjs "$HTTPD_URL" 200 "$(token viola)"
    ;;
esac
if [ -z "${CONTRACT-}" ]; then
    token=$(token ada)
    httpd_stop
    # The first write is that of its lock.
    httpd_start '{}' BATCHSPOOL_FAULT=2+:enospc:write
    contract full "token=$token"
    httpd_stop
    httpd_start '{requests_per_minute: 300, uploads_per_minute: 5, logins_per_minute: 10}' CRON_SECRET=cron-secret-of-the-test BACKGROUND_PROCESSOR_API_KEY=processor-key-of-the-test
    contract limits cron=cron-secret-of-the-test processor=processor-key-of-the-test
    httpd_stop
    httpd_start '{}'
    kill -STOP "$DAEMON_PID"
    contract stopped
    kill -CONT "$DAEMON_PID"
    daemon_stop
    contract daemonless
    httpd_stop
    contract covered
    sed "0,/operationId: money/s//&\n      x-a: b/;/operationId: money/,/responses:/s/responses:/&\n        '418':\n          description: never/" "$ROOT/docs/openapi.yaml" >"$DIR/teapot.yaml"
    complains 'a documented answer that was never seen is noticed' covered "$DIR/teapot.yaml" "$DIR/routes"
    verified 'verify finds no difference'
fi
finish
