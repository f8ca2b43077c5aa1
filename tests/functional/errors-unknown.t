#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Answers that never came, came in part, or are no page: of a paid source nobody knows whether they were charged; of a free one they are asked for again.
. "$(dirname "$0")/../lib.sh"
api_start --records 60000
source_metered properties '.timeout_s = 1'
source_free items '.timeout_s = 1'
source_free single '.concurrency_level = {default_concurrency: 1, max_concurrency: 1}'
daemon_start
NEXT=0

# buy NAME FAULT: a paid search of its own that meets a fault; counts begin at 0
buy() {
    NEXT=$((NEXT + 1200))
    api_reset
    faults "$2"
    drop "$1" 1200 ".criteria += [{name: \"Offset\", value: [$NEXT]}]"
}
# fetch NAME FAULT: the same for nothing
fetch() {
    api_reset
    faults "$2"
    drop "$1" 0 '{source: "items", count: 1200}'
}

# --- nobody knows
for fault in '"status", "status": 503' '"drop_mid"' '"truncate"' '"invalid_json"' '"html"' '"error_body"' '"stall"' '"huge"' '"gzip_bomb", "mb": 64' '"wrong_type", "member": "results"'; do
    name=$(tr -dc 'a-z0-9_' <<<"${fault%%,*}" | tr _ -)
    buy "$name" "{\"kind\": $fault, \"on\": \"paid\", \"start\": 400}"
    at hold "paid, $name: held"
    is 'held charge_unknown 1 3' "$(events | tail -n 1) $(count_of charge_unknown) $(stat_of .paid_requests)" "paid, $name: charge unknown, asked for once, the other pages came"
    [ "$name" != error-body ] || like 'Search failed' "$(event 'select(.event == "charge_unknown") | .error')" "paid, $name: the provider's words"
    case $name in
    invalid-json | html | truncate | drop-mid)
        body=$(event 'select(.event == "charge_unknown") | .body // "none"')
        ok "paid, $name: what came is kept" test -s "$SPOOL/payloads/failed/$body"
        ;;
    esac
done
is '' "$(find "$SPOOL/payloads/tmp" -type f)" 'nothing is left in payloads/tmp'
is true "$([ "$(find "$SPOOL/payloads/failed" -size +9M | wc -l)" = 0 ] && echo true)" 'of endless answers no more than max_response_bytes was kept'

# --- free
for fault in '"status", "status": 503' '"drop_before"' '"drop_after"' '"drop_mid"' '"truncate"' '"invalid_json"' '"html"' '"stall"' '"huge"' '"gzip_bomb", "mb": 64'; do
    name=$(tr -dc 'a-z0-9_' <<<"${fault%%,*}" | tr _ -)
    fetch "free-$name" "{\"kind\": $fault, \"on\": \"free\", \"start\": 400, \"count\": 2}"
    at processed "free, $name: tried again until it came"
    # A connection that is closed before any answer libcurl tries again by itself, where it costs nothing.
    case $name in drop-before | drop-after) tried=$(count_of retrying) ;; *) tried=2 ;; esac
    is "$tried 5" "$(count_of retrying) $(stat_of .requests)" "free, $name: that page alone"
done
fetch exhausted '{"kind": "status", "status": 500, "on": "free", "start": 400, "count": -1}'
at failed 'free: after max_retries it fails'
is '4 failed status_500' "$(jq -r 'select(.event == "requested" and .batch == 2) | .event' "$SPOOL/journal/$ID.ndjson" | wc -l) $(events | tail -n 1)" 'free: with four requests in all'
faults
requests=$(stat_of .requests)
exits 0 'free: retry' bs retry "$ID"
at processed 'free: goes on'
is true "$([ $(($(stat_of .requests) - requests)) -le 2 ] && echo true)" 'free: with the missing pages alone'
fetch refused '{"kind": "status", "status": 404, "on": "free", "start": 400}'
at failed 'free, 404: fails without a retry'
is 0 "$(count_of retrying)" 'free, 404: at once'
fetch short '{"kind": "short_page", "n": 100, "on": "free", "start": 400}'
at processed 'a page that is shorter than asked: the rest is asked for'
is '[1200,1200]' "$(event 'select(.event == "completed") | [.total,.unique] | tojson')" 'and coverage is whole'
api_reset
faults '{"kind": "change_total", "delta": 100, "on": "free", "start": 400}'
drop grown 0 '{source: "single", count: 1200}'
at processed 'a total that grows: what is more is asked for'
is 1300 "$(event 'select(.event == "completed") | .unique')" 'all of it'
fetch doubled '{"kind": "duplicate", "n": 1, "replace": true, "on": "free", "start": 400}'
at failed 'a record that came twice in place of another: coverage'
is '["coverage",1200,1199,1,1]' "$(event 'select(.event == "failed") | [.reason,.expected,.unique,.duplicates,.missing] | tojson')" 'told in numbers'
verified 'verify finds no difference'
finish
