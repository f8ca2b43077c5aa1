#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One governor for all jobs of a source: a day's budget by its time zone, spent once and over restarts and a lost index; concurrency that adapts; a host that is dead.
. "$(dirname "$0")/../lib.sh"
api_start
# A zone in which the day does not end while this runs.
zone=America/Los_Angeles
[[ $(date -u +%H) =~ ^0[5-8]$ ]] && zone=Asia/Tokyo
midnight=$(date -u -d "@$(TZ=$zone date -d 'tomorrow 00:00' +%s)" +%FT%TZ)
day() { printf '.api_budget = {policies: [{type: "fixed_window", period: "P1D", call_limit: %d, timezone: "%s"}]}' "$1" "$zone"; }
limits() { bs sources list --json | jq -c ".[] | select(.name == \"$1\") | .limits | $2"; }
limits_are() { [ "$(limits "$1" "$2")" = "$3" ]; }
reload() { kill -HUP "$DAEMON_PID"; }

# --- a day's budget
source_free items "$(day 5)"
daemon_start
for name in a b; do drop $name 0 '{source: "items", count: 4000}'; done
for name in a b; do at deferred "a spent day: job $name is deferred" "$(ids $name)"; done
for name in a b; do
    is "deferred api_budget $midnight" "$(event 'select(.event == "deferred") | "\(.event) \(.reason) \(.until)"' "$(ids $name)")" "$name: until midnight in $zone"
    is "$midnight" "$(date -u -d "@$(stat -c %Y "$SPOOL/jobs/deferred/$(ids $name).json")" +%FT%TZ)" "$name: and so says its mtime"
done
is 5 "$(stat_of .requests)" 'five requests were made'
like "api_budget: source items: all of its 5 requests are made .*$zone" "$(why "$(ids a)")" 'its note says why'
drop c 0 '{source: "items", count: 400}'
at deferred 'one that comes later is deferred before it is claimed'
is "0 deferred api_budget $midnight" "$(count_of claimed) $(event '"\(.event) \(.reason) \(.until)"')" 'for the same reason'
is "[5,5,0,\"$zone\",\"$midnight\"]" "$(limits items '[.budgets[0] | .limit, .used, .left, .timezone, .resets_at]')" 'sources list says what is used, and until when'
like "5 of 5 requests in 86400 s used \(until $midnight\)" "$(bs sources list)" 'for people too'
mv "$SPOOL/jobs/deferred/$ID.json" "$SPOOL/jobs/pending/"
wait_event deferred 2
at deferred 'a move by hand overrides no budget'
daemon_kill
daemon_start
daemon_stop
rm "$SPOOL"/index/*.mdb
daemon_start
drop d 0 '{source: "items", count: 400}'
at deferred 'a kill, a restart and a lost index make no new day'
is '5 1 1' "$(stat_of .requests) $(count_of deferred "$(ids a)") $(count_of deferred "$(ids b)")" 'nothing was asked, and nobody was moved to and fro'
reload
wait_for 5 daemon_says 'reading sources again'
source_free items "$(day 100)"
reload
for name in a b c d; do at processed "a larger budget and SIGHUP: job $name goes on and completes" "$(ids $name)"; done
is "22 [22,78]" "$(stat_of .requests) $(limits items '[.budgets[0] | .used, .left]')" 'each page was asked for once'
verified 'verify finds no difference'

# --- a moving window, when the index is lost
source_free items '.api_budget = {policies: [{type: "moving_window", rates: [{limit: 4, interval: "PT6S"}]}]}'
reload
curl -s -X POST "$API_URL/_reset" >"$DIR/out"
wait_for 10 limits_are items '.budgets[0].used' 0
drop moving 0 '{source: "items", count: 2400}'
wait_event captured 3
daemon_kill
rm "$SPOOL"/index/*.mdb
daemon_start
at processed 'a job over a kill and a lost index completes'
is 'true true' "$(stat_of '(.arrivals_ms | . as $a | [range(4; length) | $a[.] - $a[. - 4] | select(. < 6000)] | length == 0), .requests >= 6' | tr '\n' ' ' | sed 's/ $//')" 'never more than four requests in six seconds'

# --- a day's money
source_metered properties ".metering.daily_cost_cap = \"25\" | .metering.timezone = \"$zone\""
reload
drop money 800 '.max_records = 800'
at deferred 'a spent daily_cost_cap: deferred'
is "daily_cost_cap $midnight 1" "$(event 'select(.event == "deferred") | "\(.reason) \(.until)"') $(count_of captured)" 'until midnight of its own time zone, with one page bought'
is "[\"25.00\",\"20.00\",\"5.00\"]" "$(limits properties '[.daily_cost | .cap, .spent, .left]')" 'sources list says what is left'
reload
wait_for 5 daemon_says 'reading sources again'
source_metered properties ".metering.daily_cost_cap = \"50\" | .metering.timezone = \"$zone\""
reload
at processed 'a higher cap and SIGHUP: it goes on'
is '1 2' "$(count_of deferred) $(count_of captured)" 'it was deferred once, and each page was bought once'

# --- concurrency
curl -s -X POST "$API_URL/_reset" >"$DIR/out"
source_free wide '.concurrency_level = {default_concurrency: 1, max_concurrency: 4} | .paginator.limit = 20'
source_free narrow '.concurrency_level = {default_concurrency: 1, max_concurrency: 4} | .paginator.limit = 20 | .job_members.concurrency = {type: "integer", minimum: 1}'
reload
is '[1,4]' "$(limits wide '[.concurrency, .max_concurrency]')" 'it begins at default_concurrency'
faults '{"kind": "delay", "ms": 20, "count": -1, "on": "free"}'
drop wide 0 '{source: "wide", count: 1000}'
at processed 'a job whose source gets on well'
is '4 4' "$(limits wide .concurrency) $(stat_of .max_in_flight)" 'has as many in flight as max_concurrency lets it'
faults '{"kind": "status", "status": 503, "on": "free", "count": 4}'
drop failing 0 '{source: "wide", count: 20}'
at failed 'a page that fails again and again'
drop after 0 '{source: "wide", count: 20}'
at processed 'is no dead host'
is 0 "$(grep -c 'cannot be reached' "$DIR/daemon.log")" 'and no breaker opens for it'
result $(($(limits wide .concurrency) >= 4)) 'but fewer are in flight'
daemon_stop
before=$(limits wide .concurrency)
daemon_start
is "$before" "$(limits wide .concurrency)" 'a restart changes nothing of that'
curl -s -X POST "$API_URL/_reset" >"$DIR/out"
faults '{"kind": "delay", "ms": 20, "count": -1, "on": "free"}'
drop own 0 '{source: "narrow", count: 1000, concurrency: 2}'
at processed 'a job with a concurrency of its own'
is 2 "$(stat_of .max_in_flight)" 'has no more in flight'
faults

# --- Retry-After
for given in -1 'date:-864000000' 0; do
    faults "{\"kind\": \"status\", \"status\": 503, \"on\": \"free\", \"retry_after\": \"$given\"}"
    drop "wait$given" 0 '{source: "wide", count: 20}'
    at processed "503, Retry-After: $given: one second is waited"
    is true "$(jq -sc 'map(select(.event == "retrying" or .event == "requested")) | [.[] | .ts[17:26] | tonumber] | .[2] - .[0] | if . < 0 then . + 60 else . end | . >= 1 and . < 5' "$SPOOL/journal/$ID.ndjson")" 'no less, no more'
done
faults '{"kind": "status", "status": 503, "on": "free", "retry_after": "1000000000000"}'
source_free patient
drop patient 0 '{source: "patient", count: 20}'
at deferred '503, Retry-After: 10^12: deferred'
is 'retry_after true' "$(event 'select(.event == "deferred") | "\(.reason) \((.until | fromdate) - (.ts | sub("\\.[0-9]+"; "") | fromdate) | . > 3590 and . <= 3601)"')" 'for an hour'
faults

# --- a dead host
dead='.circuit_breaker = {failures: 3, reset: "PT1S"} | .error_handler.max_retries = 1'
port=${API_URL##*:}
source_free dead "$dead"
source_metered paid "$dead"
reload
api_stop
for name in x y z; do drop $name 0 '{source: "dead", count: 400}'; done
drop bought 400 '.source = "paid" | .max_records = 400'
for name in x y z; do wait_event deferred 1 "$(ids $name)"; done
wait_event deferred 1
for name in x y z bought; do is dead_host "$(event 'select(.event == "deferred") | .reason' "$(ids $name)")" "$name: deferred, the host is dead"; done
like "host cannot be reached: connect: .*one request at a time" "$(cat "$SPOOL"/jobs/deferred/*-x.why 2>/dev/null || event 'select(.event == "deferred") | .error' "$(ids x)")" 'the note says what was seen'
like '"(open|trying)"' "$(limits dead .circuit_breaker)" 'sources list says so'
probed() { [ "$(cat "$SPOOL"/journal/*-{x,y,z}.ndjson | jq -r 'select(.event == "retrying") | .reason' | grep -c .)" -ge 5 ]; }
wait_for 20 probed
daemon_stop
daemon_start
is '0 0' "$(find "$SPOOL/jobs/failed" -name '*-[xyz].json' | wc -l) $(count_of charge_unknown "$(ids bought)")" 'no job failed after more tries than max_retries, and nothing is in doubt'
log=$(grep -c 'source dead: its host cannot be reached' "$DIR/daemon.log")
result $((log > 1)) 'one line in the log says so'
api_start --port "$port"
WAIT_S=30
for name in x y z bought; do at processed "the host is back: $name completes" "$(ids $name)"; done
is 1 "$(grep -c 'source dead: its host answers again' "$DIR/daemon.log")" 'one line says that it answers again'
is '"closed"' "$(limits dead .circuit_breaker)" 'and the breaker is closed'
is 1 "$(count_of captured "$(ids bought)")" 'the paid page was bought once'

# One page that is never answered is not the host's end.
source_free silent '.circuit_breaker = {failures: 2, reset: "PT30S"} | .timeout_s = 1 | .error_handler.max_retries = 3'
reload
faults '{"kind": "stall", "on": "free", "start": 400, "count": -1}'
drop stalled 0 '{source: "silent", count: 800}'
at failed 'one page is never answered: the job fails'
is '"closed"' "$(limits silent .circuit_breaker)" 'and the breaker stays closed'
faults
verified 'verify finds no difference'
daemon_stop
is 0 "$STATUS" 'the daemon ends in good order'
finish
