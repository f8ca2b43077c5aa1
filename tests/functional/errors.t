#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Refused requests of a paid source: not charged, so never in doubt.
. "$(dirname "$0")/../lib.sh"
api_start --records 60000
source_metered properties '.timeout_s = 1'
source_free items '.timeout_s = 1'
source_metered steady '.error_handler.max_retries = 0'
source_metered properties2 # for what comes after the pause of the first
daemon_start
NEXT=0

# buy NAME FAULT [COUNT]: a paid search of its own that meets a fault; counts begin at 0
buy() {
    NEXT=$((NEXT + 1200))
    api_reset
    faults "$2"
    drop "$1" "${3:-1200}" ".criteria += [{name: \"Offset\", value: [$NEXT]}]"
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

# --- refused credentials: they pause the source
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
like 'properties2 is paused until 20[^ ]*Z: unauthorized' "$(bs why "$two")" '401: why tells until when the next job waits, and for what'
printf '%s' "$TOKEN" >"$DIR/credentials/api_token"
kill -HUP "$DAEMON_PID"
at processed '401: with new credentials and SIGHUP the second job runs' "$two"
mv "$SPOOL/jobs/deferred/$(ids one-401).json" "$SPOOL/jobs/pending/" 2>/dev/null
at processed '401: and the first' "$(ids one-401)"
verified 'verify finds no difference'
finish
