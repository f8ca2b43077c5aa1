#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a server tells of its own limit is heeded before it has to refuse: each family of headers, with one request in flight and with four.
. "$(dirname "$0")/../lib.sh"
FAMILIES=(ratelimit epoch delta structured single openai)
declare -A URL JOB
WAIT_S=20
config '.max_concurrent_jobs = 32'

# limited NAME IN-FLIGHT RATE: a server of its own that takes 3 requests a second, and a source for it
limited() {
    paged_start --records 225 --set "{\"delay_ms\": 20, \"rate\": {\"limit\": 3, \"window_ms\": 1000, $3}}"
    BACKGROUND+=("$API_PID")
    URL[$1]=$API_URL
    source_paged "offset-$1" ".concurrency_level = {default_concurrency: $2, max_concurrency: $2}"
}

begin() {
    drop "run-$1" 0 "{source: \"offset-$1\"}"
    JOB[$1]=$ID
}

# took NAME WHAT: the job completes, nine pages of 25
took() {
    API_URL=${URL[$1]}
    at processed "$1: $2" "${JOB[$1]}"
    is '225 9' "$(event 'select(.event == "completed") | .unique' "${JOB[$1]}") $(asked "offset-$1" 'select(.count > 0) | .first' | sort -u | wc -l)" "$1: all records, nine pages"
}

no_more_than() {
    is true "$(stat_of ".over <= $1")" "$2 ($(stat_of .over) were, of $(stat_of .requests))"
}

for f in "${FAMILIES[@]}"; do
    limited "$f-1" 1 "\"style\": \"$f\""
    limited "$f-4" 4 "\"style\": \"$f\""
done
for w in seconds date; do limited "$w" 1 "\"retry_after\": \"$w\""; done
limited 'silent' 1 '"style": "none"'
daemon_start
for name in "${!URL[@]}"; do begin "$name"; done

for f in "${FAMILIES[@]}"; do
    took "$f-1" 'one request at a time'
    is '0 9' "$(stat_of .over) $(stat_of .requests)" "$f-1: none was beyond the limit, none was asked for twice"
    is 0 "$(count_of retrying "${JOB[$f-1]}")" "$f-1: nothing had to be tried again"
    took "$f-4" 'four requests at a time'
    no_more_than 3 "$f-4: at most three were beyond the limit"
done
# Nine pages are three windows; a server that says nothing before it refuses is asked once too often in each.
for w in seconds date; do
    took "$w" "Retry-After in $w alone"
    no_more_than 3 "$w: a refusal is heeded"
done
took silent 'not a word: back-off alone'
is 0 "$(jq -s '[.[] | select(.event == "failed")] | length' "$SPOOL/journal/${JOB[silent]}.ndjson")" 'silent: being refused uses up no retries'
is true "$(stat_of '.over > 0')" 'the servers do enforce their limits'

# --- a limit outlives the daemon
daemon_stop
paged_start --records 225 --set '{"rate": {"style": "delta", "limit": 3, "window_ms": 4000}}'
source_paged offset-restart '.concurrency_level = {default_concurrency: 1, max_concurrency: 1}'
daemon_start
URL[restart]=$API_URL
begin restart
wait_event captured 3
daemon_stop
daemon_start
took restart 'a daemon that was started again'
is '0 9' "$(stat_of .over) $(stat_of .requests)" 'restart: it still knows how long to wait'
verified 'verify finds no difference'
finish
