#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The figures of the web program are those of what happened: queue, analytics, metrics, health, errors by cause and acts on them; before and after a restart.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../httpd.sh"

# get PATH FILTER: as the admin
get() {
    as ada "$1" | jq -c "$2"
}

get_is() {
    [ "$(get "$1" "$2")" = "$3" ]
}

# eventually PATH FILTER WANTED NAME
eventually() {
    wait_for "$WAIT_S" get_is "$1" "$2" "$3"
    is "$3" "$(get "$1" "$2")" "$4"
}

sample() {
    as ada /metrics | grep "^$1 " | sed 's/.* //'
}

# act NAME KEY ACT COUNT: as whom; the status is in CODE, the answer in OUT
act() {
    CODE=$(as "$1" /api/errors/act -o "$DIR/out" -w '%{http_code}' -H 'Content-Type: application/json' -d "{\"key\":\"$2\",\"act\":\"$3\",\"count\":$4}")
    OUT=$(cat "$DIR/out")
}

api_start --records 5000
source_metered properties '.metering.daily_cost_cap = "500"'
source_free items
jq '.name = "broken" | .steps[0].http.url |= sub("/v1/items"; "/no-such-path")' "$DIR/etc/sources/items.json" >"$DIR/etc/sources/broken.json"
config '.daily_cost_caps = {USD: "1000"} | .httpd = {requests_per_minute: 1000000}'
user ada admin read control process metrics
user ops operator read control
user viola viewer read
httpd_start

# --- health without a daemon, and with one ---------------------------------------------------------------------------------

is '503 {"status":"down"}' "$(curl -s -w '%{http_code} ' -o "$DIR/out" "$URL/api/health"; cat "$DIR/out")" 'no daemon: down, and no more than that is said to everybody'
daemon_start
is '{"status":"ok"}' "$(wait_for 5 get_is /api/health .status '"ok"'; curl -s "$URL/api/health")" 'a daemon runs: ok'
is 'true true' "$(as viola /api/health | jq -r '"\(.daemon.running) \(.disk.free_bytes > 0)"')" 'health: details for who is signed in'

# --- what happened ----------------------------------------------------------------------------------------------------------

drop auto 1000 '.process = "auto" | .created_by = "ops"'
at processed 'a job of 1000 records is captured and loaded'
AUTO=$ID
drop manual 800
at processed 'one of 800 is captured'
MANUAL=$ID
drop guard-1 3000 '.max_records = 10 | .created_by = "ops"'
at hold 'one is held by its guard'
GUARD=$ID
drop guard-2 2000 '.max_records = 20'
at hold 'another one, for the same reason with other numbers'
drop wrong 1 'del(.criteria) | .source = "broken"'
at failed 'one fails'
BROKEN=$ID

eventually /api/queue/status '.counts | [.COMPLETED, .HELD, .FAILED]' '[2,2,1]' 'queue: counts by status'
is '[2,true]' "$(get /api/queue/status '[.queue.hold.normal.depth, .queue.hold.normal.oldest_s < 60]')" 'queue: depth and age by priority'
is '{"hold":2,"paused":null}' "$(get /api/queue/status '.sources[] | select(.source == "properties") | {hold, paused}')" 'queue: by source'
is '{"pending":2,"ready":0,"processing":0,"processed":3,"failed":0}' "$(get /api/queue/status .files)" 'queue: payloads by shelf'
eventually /api/queue/status '.sources[] | select(.source == "properties") | .limits.daily_cost | [.spent, .left]' '["90.00","410.00"]' 'queue: what is left of the daily cap'
is 0 "$(get /api/queue/status .slots.used)" 'queue: slots'

A='/api/analytics?window=1h'
is '{"captured":1800,"loaded":1000,"errors":0}' "$(get "$A" .records)" 'analytics: records captured and loaded'
is '[1800,1000,2,1]' "$(get "$A" '.series | [(map(.captured) | add), (map(.loaded) | add), (map(.completed) | add), (map(.failed) | add)]')" 'analytics: the series adds up'
is '[3,1800,5]' "$(get "$A" '[.finished, .throughput.records_per_hour, .throughput.batches_per_hour]')" 'analytics: throughput'
is '0.667 0.333' "$(as ada "$A" | jq -r '.success_rate, .error_rate' | xargs printf '%.3f %.3f')" 'analytics: success and errors'
is '["90.00","0.00"]' "$(get "$A" '.cost.totals[] | select(.currency == "USD") | [.spent, .in_doubt]')" 'analytics: money spent'
is '["90.00","410.00"]' "$(get "$A" '.cost.caps[] | [.used_today, .left_today]')" 'analytics: the cap of the source'
is '["90.00","910.00"]' "$(get "$A" '.cost.daily_cost_caps[] | [.used_today, .left_today]')" 'analytics: the cap of all'
is '[2,1000,"50.00"]' "$(get "$A" '.users[] | select(.name == "ops") | [.jobs, .records, .cost.USD]')" 'analytics: a user'\''s activity'
is '["accepted","claimed","completed"]' "$(get "$A" "[.history[] | select(.job_id == \"$AUTO\") | .event] | sort")" 'analytics: history'
is true "$(get "$A" '[.history[].ts] | . == (sort | reverse)')" 'analytics: the newest first'
took=$(jq -rs 'map(select(.event == "requested" or .event == "completed")) | [.[0], .[-1]] | map(.ts[14:26] | split(":") | (.[0] | tonumber) * 60 + (.[1] | rtrimstr("Z") | tonumber)) | (.[1] - .[0]) * 1000 | floor' "$SPOOL/journal/$MANUAL.ndjson")
is true "$(get "$A" "[.processing_time_ms.p50, .processing_time_ms.p90] | any((. - $took) | fabs <= 1)")" 'analytics: processing times are those of the journals'
is 1000 "$(as ops "$A" | jq .records.captured)" 'analytics: an operator sees the own figures only'
is '["ops"]' "$(as ops "$A&owner=ada" | jq -c '[.users[].name]')" 'analytics: whatever is asked for'
is '["400 window","400 window"]' "$(for w in 32d 24; do as ada "/api/analytics?window=$w" | jq '"\(.status) \(.detail[:6])"'; done | jq -cs .)" 'analytics: a window that is none'

is 1800 "$(sample 'batchspool_records_captured_total{source="properties"}')" 'metrics: records captured'
is 90 "$(sample 'batchspool_cost_spent_total{source="properties",currency="USD"}')" 'metrics: money spent'
is 2 "$(sample 'batchspool_jobs{status="HELD",source="properties",priority="normal"}')" 'metrics: jobs'
is 1 "$(sample batchspool_daemon_up)" 'metrics: the daemon'
is 0 "$(as ada /metrics | grep -c "$AUTO")" 'metrics: no job is named'
is true "$(jq -n "$(sample 'batchspool_http_requests_total{operation="analytics",code="2xx"}') >= 10")" 'metrics: requests are counted'
is 403 "$(as viola /metrics -o /dev/null -w '%{http_code}')" 'metrics: a key without that scope'

# --- after a restart: from the read index --------------------------------------------------------------------------------------

httpd_stop
httpd_start
eventually "$A" '[.records.captured, .records.loaded, .cost.totals[0].spent, .finished]' '[1800,1000,"90.00",3]' 'after a restart: the same figures'
is '["completed"]' "$(get "$A" "[.history[] | select(.job_id == \"$AUTO\") | .event]")" 'after a restart: the last of each job'
drop more 400
at processed 'one more'
eventually "$A" '[.records.captured, .cost.totals[0].spent]' '[2200,"110.00"]' 'what comes then is added'

# --- errors by cause --------------------------------------------------------------------------------------------------------------

eventually /api/errors '[.groups[] | [.status, .reason, .jobs]] | sort' '[["FAILED","status_404",1],["HELD","max_records",2]]' 'errors: one group a cause'
is '"the search gives N records, max_records is N"' "$(get /api/errors '.groups[] | select(.reason == "max_records") | .cause')" 'errors: what they have in common'
key=$(as ada /api/errors | jq -r '.groups[] | select(.reason == "max_records") | .key')
is '[["max_records",1]]' "$(as ops /api/errors | jq -c '[.groups[] | [.reason, .jobs]]')" 'errors: an operator sees the own ones'
act ada "$key" release 3
is "409 the group has 2 now, not 3; look again" "$CODE $(jq -r .detail <<<"$OUT")" 'errors: another number than was shown'
act ada "$key" retry 2
is 409 "$CODE" 'errors: nothing that they take'
act ada 0000000000000000 retry 2
is 404 "$CODE" 'errors: no such group'
act viola "$key" cancel 2
is 403 "$CODE" 'errors: a viewer changes nothing'
act ops "$key" cancel 1
is '200 {"matched":1,"done":1,"failed":[]}' "$CODE $OUT" 'errors: an operator acts on the own ones'
at cancelled 'which is done' "$GUARD"
eventually /api/errors '[.groups[] | [.reason, .jobs]] | sort' '[["max_records",1],["status_404",1]]' 'errors: the rest is left'
key=$(as ada /api/errors | jq -r '.groups[] | select(.reason == "status_404") | .key')
act ada "$key" retry 1
is 200 "$CODE" 'errors: retry'
wait_event claimed 2 "$BROKEN"
is ada "$(event 'select(.event == "requeued") | .by' "$BROKEN")" 'errors: the journal says who'

# --- payloads that cannot be loaded, pauses ------------------------------------------------------------------------------------------

marker=$(find "$SPOOL/payloads/pending" -name "${MANUAL}_batch0001.json")
raw=$(readlink -f "$marker")
cp "$raw" "$DIR/raw" && chmod 640 "$raw" && printf 'x' >>"$raw"
bs process "$MANUAL" >/dev/null 2>&1
eventually /api/errors '[.groups[] | select(.files > 0) | [.files, .acts]]' '[[1,["process"]]]' 'errors: a payload that could not be loaded'
is "\"${MANUAL}_batch0001\"" "$(get /api/errors '.groups[] | select(.files > 0) | .example.file_id')" 'errors: which one, for example'
is 1 "$(get /api/queue/status .files.failed)" 'queue: it is counted'
cat "$DIR/raw" >"$raw" && chmod 440 "$raw"
key=$(as ada /api/errors | jq -r '.groups[] | select(.files > 0) | .key')
act ada "$key" process 1
is '200 {"matched":1,"done":1,"failed":[]}' "$CODE $OUT" 'errors: it is put back'
eventually "$A" .records.loaded 1800 'and loaded by the daemon'
eventually /api/errors '[.groups[] | select(.files > 0)]' '[]' 'errors: and its group is gone'

bs sources pause items >/dev/null
eventually /api/health '[.status, .paused]' '["degraded",["items"]]' 'health: a source that a person has paused'
eventually /api/queue/status '.sources[] | select(.source == "items") | .paused | startswith("by ")' true 'queue: and says who'
daemon_stop
eventually /api/health '[.status, .daemon.running]' '["down",false]' 'health: the daemon has ended'
httpd_stop
finish
