#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A mock of an OpenAPI document by npm @stoplight/prism-cli: it checks each request against the document, and answers with the document's examples, errors among them.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"
HERE=$ROOT/tests/all/prism

# --- the server --------------------------------------------------------------------------------------------------------
npm_install "$HERE"
(cd "$DIR/server" && exec node node_modules/@stoplight/prism-cli/dist/index.js mock --host 127.0.0.1 --port 0 "$HERE/openapi.json") >"$DIR/server.log" 2>&1 </dev/null &
BACKGROUND+=($!)
port=$(port_in "$DIR/server.log" 'listening on http://127\.0\.0\.1:([0-9]+)') || bail "prism does not start: $(tail -n 3 "$DIR/server.log")"
url=http://127.0.0.1:$port
# requests [PATH]
requests() {
    grep -c "get ${1:-/pets} .*Request received" "$DIR/server.log"
}

# --- pages -------------------------------------------------------------------------------------------------------------
shipped pets http://127.0.0.1:4010 "$url"
shipped pets http://127.0.0.1:4010/pets "$url/strict/pets" . strict
shipped pets http://127.0.0.1:4010 "$url" . later
exits 0 'check finds nothing to complain about' bs check
daemon_start
before=$(requests)
drop pages 0 '{source: "pets"}'
at processed 'three pages by the links of the answers'
is '[5,5,0,0]' "$(event 'select(.event == "completed") | [.total,.unique,.duplicates,.missing] | tojson')" 'total, unique, duplicates, missing'
is '["COMPLETED",5]' "$(show '[.status,.processed_records]')" 'the job is COMPLETED'
is '3 3' "$(count_of captured) $(($(requests) - before))" 'each page asked for once'
ok "the journal's chain holds" chain_ok
next="/pets?status=available&limit=2"
for file in $(raw_files); do
    curl -s "$url$next" >"$DIR/page"
    ok "$(basename "$file" | grep -o 'batch[0-9]*') has the server's bytes" cmp "$DIR/page" "$file"
    next=$(jq -r .next "$DIR/page")
    cat "$DIR/page" >>"$DIR/served"
done
is null "$next" 'the last is where the links end'
exits 0 'process' bs process --json
is '[3,5,5,0,0,0]' "$(jq -c '[.files,.records,.inserted,.updated,.unchanged,.errors]' <<<"$OUT")" 'loads each once'
is "$(jq -c '.pets[]' "$DIR/served")" "$(bs export --job "$ID")" 'exported they are the pets of the document'
is "$(jq -c '.pets[].vaccinations[]' "$DIR/served")" "$(bs export --job "$ID" --children vaccinations)" 'with their vaccinations'
is "$(jq -c '[.paths["/pets"].get.responses["200"].content["application/json"].examples[].value.pets[]]' "$HERE/openapi.json")" "$(bs export --job "$ID" | jq -cs .)" 'nothing more, nothing less'

# --- errors ------------------------------------------------------------------------------------------------------------
before=$(requests)
drop filter 0 '{source: "pets", status: "immortal"}'
at failed '422 with the words of the document: failed'
is 'failed status_422' "$(events | grep '^failed' | tail -n 1)" '422: its reason'
like 'Pets are available, pending or sold\.' "$(why)" "422: the provider's words"
is '1 0' "$(($(requests) - before)) $(count_of retrying)" '422: asked once'
body=$(event 'select(.event == "failed" and .batch == 1) | .body')
is 'Bad filter' "$(jq -r .title "$SPOOL/payloads/failed/$body")" '422: the problem is kept'
drop forced 0 '{source: "pets", prefer: "code=422"}'
at failed '422 that was asked for: failed'
like 'Pets are available, pending or sold\.' "$(why)" "422 that was asked for: the provider's words"
drop strict 0 '{source: "strict", status: "immortal"}'
at failed "422 with the mock's own words: failed"
like 'status must be equal to one of the allowed values: available, pending, sold' "$(why)" '422: the first of its list of complaints'
is 1 "$(requests /strict/pets)" "422 with the mock's own words: asked once"
is '["FAILED","status_422"]' "$(show '[.status,.reason]')" '422: the job is FAILED'

before=$(requests)
drop slow 0 '{source: "later", prefer: "code=429"}'
slow=$ID
at deferred '429 for an hour: deferred'
is 'deferred rate_limited' "$(events | tail -n 1)" '429: its reason'
is true "$(event 'select(.event == "deferred") | ((.until | sub("\\.[0-9]+"; "") | fromdate) - now) | . > 3500 and . <= 3601')" '429: until the hour of Retry-After is over'
like 'rate_limited' "$(why)" '429: the note says why'
drop same 0 '{source: "later"}'
same=$ID
drop others 0 '{source: "pets", on_duplicate: "run"}'
at processed '429: other sources go on'
is 'deferred pending' "$(place "$slow") $(place "$same")" '429: it has not failed, and the next job of its source waits'
is '1 3' "$(count_of requested "$slow") $(($(requests) - before - 1))" '429: asked once'

verified 'verify finds no difference'
daemon_stop
is 0 "$STATUS" 'the daemon ends in good order'
verified 'nor after it'
finish
