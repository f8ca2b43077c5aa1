#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every way in which an answer can go wrong, of a paid and of a free source.
. "$(dirname "$0")/../lib.sh"
api_start --records 60000
source_metered properties '.timeout_s = 1'
source_free items '.timeout_s = 1'
source_metered steady '.error_handler.max_retries = 0'
daemon_start
NEXT=0

# buy NAME FAULT [COUNT]: a paid search of its own that meets a fault; counts begin at 0
buy() {
    NEXT=$((NEXT + 1200))
    api_reset
    faults "$2"
    drop "$1" "${3:-1200}" ".criteria += [{name: \"Offset\", value: [$NEXT]}]"
}
# fetch NAME FAULT: the same for nothing
fetch() {
    api_reset
    faults "$2"
    drop "$1" 0 '{source: "items", count: 1200}'
}
paid() { stat_of '[.paid_requests,.charged_records,.twice]'; }

# --- not charged
buy pay-402 '{"kind": "status", "status": 402, "on": "paid", "start": 400, "body": "{\"error\":\"Insufficient balance\"}"}'
at hold '402: held'
like 'Insufficient balance' "$(why)" "402: the provider's words are kept"
is 0 "$(count_of charge_unknown)" '402: nothing is in doubt'
spent=$(paid)
exits 0 '402: release' bs release "$ID"
at processed '402: goes on once there is money'
is '[4,1200,0]' "$(paid)" "402: asks for the missing pages alone (before: $spent)"

buy pay-400 '{"kind": "status", "status": 400, "on": "paid", "start": 400, "body": "{\"error\":\"Unexpected Criterion\"}"}'
at failed '4xx: failed'
is 'failed status_400' "$(events | grep '^failed' | tail -n 1)" '4xx: its reason'
like 'Unexpected Criterion' "$(why)" "4xx: the provider's words"
body=$(event 'select(.event == "failed" and .batch == 2) | .body')
is '{"error":"Unexpected Criterion"}' "$(cat "$SPOOL/payloads/failed/$body")" '4xx: the answer is kept'
exits 0 '4xx: retry' bs retry "$ID"
at processed '4xx: goes on'
is 0 "$(stat_of .twice)" '4xx: with the missing pages alone'

buy pay-429 '{"kind": "status", "status": 429, "on": "paid", "start": 400, "count": 2, "retry_after": "1"}'
sent=$ID
drop second 400 ".criteria += [{name: \"Offset\", value: [50000]}]"
at processed '429 with seconds: goes on by itself' "$sent"
is '2 0' "$(count_of retrying "$sent") $(count_of charge_unknown "$sent")" '429: twice, never in doubt'
at processed '429: other jobs of the source go on after it'
is true "$(stat_of '[.arrivals_ms | [.[1:], .[:-1]] | transpose[] | .[0] - .[1] | select(. >= 950)] | length >= 2')" '429: the whole source is silent for that second, twice'
is 0 "$(stat_of .twice)" '429: no page twice'

buy pay-date '{"kind": "status", "status": 429, "on": "paid", "start": 0, "retry_after": "date:+2"}' 400
at processed '429 with a date: goes on by itself'
is true "$(stat_of '[.arrivals_ms | [.[1:], .[:-1]] | transpose[] | .[0] - .[1]] | max >= 900')" '429 with a date: after it'
NEXT=$((NEXT + 1200))
api_reset
faults '{"kind": "status", "status": 429, "on": "paid", "count": 2, "retry_after": "1"}'
drop patient 400 "{source: \"steady\", criteria} | .criteria += [{name: \"Offset\", value: [$NEXT]}]"
at processed '429 uses up no retry (max_retries 0)'

buy pay-never '{"kind": "status", "status": 429, "on": "paid", "retry_after": "3600"}' 400
at deferred '429 for an hour: deferred'
like '^deferred (rate_limited|retry_after)$' "$(events | tail -n 1)" '429 for an hour: its reason'
mv "$SPOOL/jobs/deferred/$ID.json" "$SPOOL/jobs/pending/"
wait_event requeued
is 1 "$(stat_of .paid_requests)" '429 for an hour: moved to pending/ it is not asked for'
daemon_stop
daemon_start
wait_event requeued
is 1 "$(stat_of .paid_requests)" '429 for an hour: nor after a restart'
source_metered properties2 '.timeout_s = 1'

# From here on another name for the same source, whose pause is not over.
buy2() {
    NEXT=$((NEXT + 1200))
    api_reset
    faults "$2"
    drop "$1" "${3:-1200}" "{source: \"properties2\", criteria} | .criteria += [{name: \"Offset\", value: [$NEXT]}]"
}

# --- refused credentials
printf wrong >"$DIR/credentials/api_token"
api_reset
drop one-401 400 '{source: "properties2", criteria} | .criteria += [{name: "Offset", value: [52000]}]'
at deferred '401: deferred'
is 'deferred unauthorized' "$(events | tail -n 1)" '401: reason unauthorized'
drop two-401 400 '{source: "properties2", criteria} | .criteria += [{name: "Offset", value: [53000]}]'
two=$ID
drop free-401 0 '{source: "items", count: 10}'
at processed '401: other sources go on'
is 1 "$(stat_of '.statuses["401"]')" '401: the source is paused, later jobs ask nothing'
is '' "$(find "$SPOOL/jobs/failed" -name '*401*')" '401: no job fails'
printf '%s' "$TOKEN" >"$DIR/credentials/api_token"
kill -HUP "$DAEMON_PID"
at processed '401: with new credentials and SIGHUP the second job runs' "$two"
mv "$SPOOL/jobs/deferred/$(ids one-401).json" "$SPOOL/jobs/pending/" 2>/dev/null
at processed '401: and the first' "$(ids one-401)"

# --- nobody knows
for fault in '"status", "status": 503' '"drop_mid"' '"truncate"' '"invalid_json"' '"html"' '"error_body"' '"stall"' '"huge"' '"gzip_bomb", "mb": 64' '"wrong_type", "member": "results"'; do
    name=$(tr -dc 'a-z0-9_' <<<"${fault%%,*}" | tr _ -)
    buy2 "$name" "{\"kind\": $fault, \"on\": \"paid\", \"start\": 400}"
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
fetch grown '{"kind": "change_total", "delta": 100, "on": "free", "start": 400}'
at processed 'a total that grows: what is more is asked for'
is 1300 "$(event 'select(.event == "completed") | .unique')" 'all of it'
fetch doubled '{"kind": "duplicate", "n": 1, "replace": true, "on": "free", "start": 400}'
at failed 'a record that came twice in place of another: coverage'
is '["coverage",1200,1199,1,1]' "$(event 'select(.event == "failed") | [.reason,.expected,.unique,.duplicates,.missing] | tojson')" 'told in numbers'
verified 'verify finds no difference'
finish
