#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a job will take, from the source's own history: in previews, on acceptance, beside what it then took.
. "$(dirname "$0")/../lib.sh"
api_start --records 20000
source_metered properties '.metering.max_in_flight = 2'
source_free items '.concurrency_level.max_concurrency = 2'
source_free limited '.api_budget = {policies: [{type: "moving_window", rates: [{limit: 10, interval: "PT1S"}]}]}'
source_metered capped '.metering.daily_cost_cap = "50" | .metering.reserve = "10"'
daemon_start
WAIT_S=30

# preview_of FILE: sets PREVIEW
preview_of() {
    PREVIEW=$(bs preview --json "$1" 2>"$DIR/err") || result 1 'a preview' "$(cat "$DIR/err")"
}
preview() {
    jq -c "$1" <<<"$PREVIEW"
}
# near WANTED GOT NAME: within 25 %
near() {
    local good
    good=$(jq -n "if $2 >= $1 * 0.75 and $2 <= $1 * 1.25 then 0 else 1 end")
    result "$good" "$3" "wanted about $1, got $2"
}
# took [ID]: seconds from acceptance to completion
took() {
    show '[.created_at, .completed_at] | map((.[:19] + "Z" | fromdate) + (.[19:26] | tonumber)) | .[1] - .[0]' "$@"
}

# --- nothing is known
job "$DIR/a.json" 4000
preview_of "$DIR/a.json"
is '[4000,10,"200.00","USD",null,null,"preview"]' "$(preview '[.records, .requests, .cost, .currency, .seconds, .basis, .records_from]')" 'without a history: requests and cost, no time'
jq -n '{source: "limited", count: 12000}' >"$DIR/l.json"
preview_of "$DIR/l.json"
is '[30,2,"limits of the definition"]' "$(preview '[.requests, .seconds, .basis]')" 'with limits in the definition: these'

# --- a steady slow source
faults '{"kind": "delay", "ms": 150, "on": "paid", "n": 1, "count": -1}, {"kind": "delay", "ms": 150, "on": "free", "n": 1, "count": -1}, {"kind": "delay", "ms": 150, "on": "preview", "n": 1, "count": -1}'
drop first 4000
at processed 'a first job'
is null "$(show .estimate.seconds)" 'has an estimate of no time'
is '[10,4000,"200.00","USD","job '"$(bs list --mode preview --json | jq -r 'select(.source == "properties") | .job_id')"'"]' \
    "$(event 'select(.event == "accepted") | .estimate | tojson' | jq -c '[.requests, .records, .cost, .currency, .records_from]')" 'requests, records and cost by its preview'
echo "# first took $(took)"
job "$DIR/b.json" 8000
preview_of "$DIR/b.json"
like '^"history of 10 pages"$' "$(preview .basis)" 'then there is a history'
estimate=$(preview .seconds)
drop second 8000
at processed 'a second job'
echo "# second took $(took)"
near "$(took)" "$estimate" 'took what its preview said, within 25 %'
near "$(took)" "$(show .estimate.seconds)" 'and what was said when it was accepted'
is '[20,8000,"400.00"]' "$(show '[.estimate.requests, .estimate.records, .estimate.cost]')" 'with its requests and its cost'
like 'estimate   20 requests, 8000 records, 400.00 USD, [0-9.]+ s \(history of 10 pages\).took       20 requests, 8000 records, 400.00 USD, [0-9.]+ s' \
    "$(bs show "$ID" | sed -n '/^estimate/p;/^took/p' | tr '\n' '.')" 'show has both, one below the other'

# --- a free source, several requests at once
drop free 0 '{source: "items", count: 4000}'
at processed 'a job of a free source'
jq -n '{source: "items", count: 10000}' >"$DIR/f.json"
preview_of "$DIR/f.json"
is '[10000,25,false]' "$(preview '[.records, .requests, has("cost")]')" 'a preview of another: no cost'
estimate=$(preview .seconds)
drop free2 0 '{source: "items", count: 10000}'
at processed 'that one'
echo "# took $(took)"
near "$(took)" "$estimate" 'took what its preview said, within 25 %'

# --- limits of the definition, daily caps
drop limited 0 '{source: "limited", count: 800}'
at processed 'of a source with a limit'
preview_of "$DIR/l.json"
near 2.4 "$(preview .seconds)" 'what it achieved, when it is slower than its limit'
faults ''
drop cap1 400 '.source = "capped"'
at processed 'a source with a daily cap'
job "$DIR/c.json" 2400 '.source = "capped"'
preview_of "$DIR/c.json"
is '["120.00",4]' "$(preview '[.cost, .days]')" 'of 40 a day 20 are spent, 120 are wanted: four days'
left=$(($(date -u +%s) / 86400 * 86400 + 3 * 86400 - $(date -u +%s)))
near "$left" "$(preview .seconds)" 'and the time until the fourth begins'
ok 'said for people too' bs preview "$DIR/c.json"
like 'time +[0-9]+ (days|h [0-9]+ min) \(history of' "$(cat "$DIR/out")" 'in days'

# --- what is queued before it
daemon_stop
config '.max_concurrent_jobs = 1'
daemon_start
faults '{"kind": "delay", "ms": 150, "on": "free", "n": 1, "count": -1}'
for i in 1 2 3; do
    drop "queue$i" 0 "{source: \"items\", count: 4000, take: $((4000 + i))}"
done
last=$ID
wait_for 5 grep -q completed "$SPOOL/journal/$(ids queue1).ndjson"
# Of one second the order of ids is chance.
later_than() { [[ $(date -u +%Y%m%dT%H%M%SZ) > ${1%%-*} ]]; }
wait_for 3 later_than "$last"
drop queue4 0 '{source: "items", count: 4000}'
queued=$(event 'select(.event == "accepted") | .estimate.queue_seconds')
like '^[1-9]' "$queued" 'a job behind others says how long it waits for them'
seconds=$(event 'select(.event == "accepted") | .estimate.seconds')
at processed 'it comes to its turn'
in_place processed "$last"
result $? 'after them'
near "$(took)" "$seconds" 'when it said'

# --- submit on a terminal
exits 0 'submit, not on a terminal' bs submit "$DIR/f.json"
is '' "$ERR" 'prints the id alone'
script -qec "\"$PROGRAMS/batchspool\" submit \"$DIR/f.json\" >\"$DIR/ids\"" /dev/null </dev/null >"$DIR/terminal"
like ': about 25 requests, 10000 records, [0-9.]+ s \(history of [0-9]+ pages\)' "$(cat "$DIR/terminal")" 'on a terminal the estimate on standard error'
is 1 "$(wc -l <"$DIR/ids")" 'and the id on standard output'

# --- a rebuilt index knows the same
before=$(bs list --json | jq -cS 'select(.status == "COMPLETED") | [.job_id, .estimate, .same_batches]' | sort)
daemon_stop
ok 'reindex' bs reindex
is "$before" "$(bs list --json | jq -cS 'select(.status == "COMPLETED") | [.job_id, .estimate, .same_batches]' | sort)" 'has the same estimates'
daemon_start
preview_of "$DIR/f.json"
like '^"history of [0-9]+ pages"$' "$(preview .basis)" 'and the history'
verified 'verify finds no difference'

# --- units: as many as there are, by the time of one, some of them answered already, within a day's quota
paged_start --records 100
jq -n --arg url "$API_URL/offset" '{name: "units", foreach: [{name: "number", in: "/numbers"}], job_members: {numbers: {type: "array", required: true}, concurrency: {type: "integer", minimum: 1, maximum: 20}},
    steps: [{name: "fetch", http: {method: "GET", url: $url, params: {limit: 1, offset: "${item.number}"}}}, {name: "record", exec: {command: ["sh", "-c", "sleep 0.2; exec cat"], stdin: {results: [{number: "${item.number}", run: "${job_id}"}]}}}],
    data_selector: "/results", primary_key: ["/number", "/run"], concurrency_level: {default_concurrency: 4, max_concurrency: 4},
    unit_cache: {key: ["${item.number}"], ttl: "PT1H"}}' >"$DIR/etc/sources/units.json"
jq '.name = "quota" | .api_budget = {policies: [{type: "fixed_window", period: "P1D", call_limit: 25, timezone: "UTC"}]} | del(.unit_cache)' "$DIR/etc/sources/units.json" >"$DIR/etc/sources/quota.json"
bs reload >/dev/null
jq -n '{source: "units", numbers: [range(40)], concurrency: 2}' >"$DIR/u.json"
preview_of "$DIR/u.json"
is '[40,40,null,"units"]' "$(preview '[.records, .requests, .seconds, .records_from]')" 'units are counted; their time is not known yet'
drop units1 0 '{source: "units", numbers: [range(12)], concurrency: 2}'
at processed 'a first job of units'
is '[true,true]' "$(event 'select(.event == "captured" and (.inner | not)) | [.unit_ms >= 200, .unit_ms > .took_ms] | tojson')" 'the journal has the time of a unit, all steps together'
preview_of "$DIR/u.json"
is '[28,40]' "$(preview '[.requests, .records]')" 'the next one takes a part from it'
like '^"history of 12 units"$' "$(preview .basis)" 'and its time from what a unit took'
estimate=$(preview .seconds)
ok "for those that are left, two at a time ($estimate s)" jq -ne "$estimate >= 28 / 2 * 0.2 and $estimate < 28 / 2 * 1.5"
jq '.cache = false' "$DIR/u.json" >"$DIR/anew.json"
preview_of "$DIR/anew.json"
is 40 "$(preview .requests)" 'unless it wants all of them anew'
jq -n '{source: "quota", numbers: [range(60)]}' >"$DIR/q.json"
preview_of "$DIR/q.json"
is '[60,3]' "$(preview '[.requests, .days]')" 'a quota of 25 a day: 60 take three days'
left=$(($(date -u +%s) / 86400 * 86400 + 2 * 86400 - $(date -u +%s)))
near "$left" "$(preview .seconds)" 'until the third of them begins, at least'
drop quota1 0 '{source: "quota", numbers: [range(60)]}'
days_left() { [ "$(show '.eta_s // 0 | floor')" -gt 86400 ]; }
wait_for 10 days_left
result $? 'while it runs its ETA knows of the quota, too'
at deferred 'when the first day is used up it waits'
is 25 "$(jq -r 'select(.event == "requested" and .step == "fetch") | .batch' "$SPOOL/journal/$ID.ndjson" | wc -l)" 'after so many requests, which programs are not'

verified 'verify finds no difference after units'
finish
