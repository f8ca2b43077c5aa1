#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a person stops and changes while the daemon runs: sources, the queue, rates, priorities, the configuration.
. "$(dirname "$0")/../lib.sh"
api_start
source_metered properties
source_free items
source_free others
jobs=$SPOOL/jobs
paused=$SPOOL/paused
exits 69 'without a daemon a source is not paused' bs sources pause items
like 'no daemon' "$ERR" 'and says why'
exits 69 'nor is one told to read again' bs reload
exits 0 'the queue is' bs pause --reason 'before the start'
is '["before the start"]' "$(jq -c '[.reason]' "$paused/queue")" 'in a file that says why'
is "$(id -un)" "$(jq -r .by "$paused/queue")" 'and who'
daemon_start

# puts NAME COUNT [JQ]: a job of the source items, not waited for; sets ID
puts() { drop "$1" 0 "{source: \"items\", count: $2} | ${3:-.}"; }
requests() { stat_of .requests; }
reason() { bs list --json | jq -r "select(.job_id == \"${1:-$ID}\") | .reason"; }
pauses() { bs stats --json | jq -c "[.paused[] | .file]"; }

# --- the whole queue
ok 'a start says that the queue is paused' daemon_says 'the queue is paused'
puts one 1
is 'pending paused' "$(place) $(reason)" 'a job waits, reason paused'
like 'The queue is paused by .* before the start' "$(bs why "$ID")" 'why says so'
is '["queue"]' "$(pauses)" 'stats too'
is 0 "$(requests)" 'nothing was asked for'
exits 0 'resume' bs resume
at processed 'it goes on'
exits 0 'resume of what is not paused' bs resume
exits 64 'a time that is over is refused' bs pause --until 2001-01-01T00:00:00Z
exits 64 'a time that is none is refused' bs pause --until tomorrow
exits 0 'a pause until' bs pause --until "$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)"
puts two 2
is pending "$(place)" 'a job waits'
at processed 'until then'
ok 'and the file goes' gone "$paused/queue"

# --- a source
exits 0 'sources pause' bs sources pause items --reason 'invoice under dispute' --json
is '["items","pause",true,"invoice under dispute"]' "$(jq -c '[.source,.action,.paused,.reason]' <<<"$OUT")" 'it is answered'
job_id=$(jq -r .job_id <<<"$OUT")
is "$job_id" "$(jq -r .job "$paused/source.items")" 'the file names the job'
is 'accepted claimed completed source' "$(events "$job_id" | paste -sd' ')" 'whose journal says what was done'
is "[\"source\",\"$(id -un)\"]" "$(jq -c 'select(.event == "accepted") | [.mode,.created_by]' "$SPOOL/journal/$job_id.ndjson")" 'and by whom'
before=$(requests)
puts three 3; three=$ID
drop elsewhere 0 '{source: "others", count: 3}'
at processed 'another source goes on'
is 'pending paused' "$(place "$three") $(reason "$three")" 'a job of the paused one waits'
is $((before + 1)) "$(requests)" 'and asks for nothing'
like 'source items is paused .*invoice under dispute' "$(bs why "$three")" 'why says so'
like 'items .*paused by .*invoice under dispute' "$(bs sources list)" 'sources list too'
like 'source items: paused by .* invoice under dispute' "$(bs stats)" 'and stats'
daemon_stop
daemon_start
ok 'the pause outlives a restart' daemon_says 'source items is paused'
is 'pending paused' "$(place "$three") $(reason "$three")" 'its job waits still'
exits 0 'sources resume' bs sources resume items --json
is false "$(jq -c .paused <<<"$OUT")" 'it is answered'
at processed 'the job goes on' "$three"
exits 66 'a source that is none' bs sources pause item
like 'did you mean "items"' "$ERR" 'with the nearest name'

# --- the same by hand
touch "$paused/source.items"
ok 'touch pauses' wait_for 5 daemon_says "a file of $(id -un))"
puts four 4
is 'pending paused' "$(place) $(reason)" 'a job waits'
mv "$paused/source.items" "$paused/source.others"
at processed 'mv pauses another source in its place'
drop five 0 '{source: "others", count: 5}'; five=$ID
is 'pending paused' "$(place) $(reason)" 'whose jobs wait'
echo 'maintenance, ask Ann' >"$paused/source.others"
like 'maintenance, ask Ann' "$(bs why "$five")" 'a line in the file is the reason'
echo '{"until": "soon"}' >"$paused/source.others"
ok 'a file that does not check is told' wait_for 5 daemon_says 'paused/source.others: until must be a time'
is pending "$(place "$five")" 'and pauses all the same'
exits 65 'verify finds it' bs verify
like '^pause-wrong paused/source.others until' "$OUT" 'and names it'
rm "$paused/source.others"
at processed 'rm resumes' "$five"
touch "$paused/surce.others" "$paused/source.othrs"
ok 'a name that means nothing is told' wait_for 5 daemon_says 'paused/surce.others: its name is neither'
ok 'and one of a source that is none' wait_for 5 daemon_says 'did you mean "others"'
exits 65 'verify finds a name that is none' bs verify
like '^pause-foreign paused/surce.others' "$OUT" 'and names it'
rm "$paused/surce.others" "$paused/source.othrs"

# --- under way
faults '{"kind": "delay", "ms": 700, "on": "paid", "start": 400}'
drop paid 2000; paid=$ID
wait_for 10 stat_is '[.paid_requests,.paid_in_flight]' '[2,1]'
exits 0 'a source is paused with a paid answer on its way' bs sources pause properties
ok 'the answer is kept' wait_event captured 2 "$paid"
faults
puts six 6
at processed 'other sources go on'
is '2 processing paused' "$(stat_of .paid_requests) $(place "$paid") $(reason "$paid")" 'nothing more is bought, the job waits where it is'
like 'source properties is paused' "$(bs why "$paid")" 'why says so'
daemon_kill
daemon_start
puts seven 7
at processed 'after a crash others go on'
is '2 processing' "$(stat_of .paid_requests) $(place "$paid")" 'and it does not'
exits 0 'hold works on it' bs hold "$paid"
at hold 'and moves it' "$paid"
exits 0 'release, too' bs release "$paid"
exits 0 'resumed' bs sources resume properties
at processed 'it completes' "$paid"
is '[5,2000,0]' "$(stat_of '[.paid_requests,.charged_records,.twice]')" 'each page bought once'

# --- another rate
api_reset
exits 0 'sources rate' bs sources rate items 2/PT1S --concurrency 1 --json
is '[[{"limit":2,"interval_ms":1000}],1]' "$(jq -c '[.rates,.max_concurrency]' <<<"$OUT")" 'it is answered'
puts eight 2400
at processed 'six pages at two a second'
is true "$(stat_of '[.arrivals_ms | (.[5] - .[0]) > 1900, (.[2] - .[0]) > 950] | all')" 'no more were sent in a second'
like 'items .*limits: 2/PT1S, at most 1 at a time' "$(bs sources list)" 'sources list says so'
daemon_stop
daemon_start
ok 'it outlives a restart' daemon_says 'source items: limits of paused/rate.items'
api_reset
puts nine 1600
at processed 'four pages'
is true "$(stat_of '.arrivals_ms | (.[2] - .[0]) > 950')" 'at the same rate'
printf '{"rates": [\n  {"limit": 0, "interval": "PT1S"}]}' >"$paused/rate.items"
ok 'a broken file keeps the limits, and says where' wait_for 5 daemon_says 'paused/rate.items: line 2 column 13: /rates/0/limit'
api_reset
puts ten 1200
at processed 'three pages'
is true "$(stat_of '.arrivals_ms | (.[2] - .[0]) > 950')" 'at the rate of before'
exits 0 'back to the definition' bs sources rate items --default
ok 'the file is gone' gone "$paused/rate.items"
api_reset
puts eleven 4000
at processed 'ten pages'
is true "$(stat_of '.arrivals_ms | (.[9] - .[0]) < 4000')" 'without that limit'
exits 64 'a rate that is none' bs sources rate items 30
exits 64 'nothing to change' bs sources rate items
drop wrong 0 '{source: "items", mode: "source", action: "pause", untli: "2099-01-01T00:00:00Z"}'
at failed 'a job of mode source that does not check'
like 'did you mean "until"' "$(why)" 'says where'
drop wrong2 0 '{source: "items", mode: "source", action: "resume", rates: [{limit: 1, interval: "PT1M"}]}'
at failed 'nor one with members of another action'
drop byfile 0 '{source: "items", mode: "source", action: "pause", reason: "a dropped file"}'
at processed 'a dropped file of mode source pauses'
is '"a dropped file"' "$(jq -c .reason "$SPOOL/results/$ID/preview.json")" 'and is answered'
drop byfile2 0 '{source: "items", mode: "source", action: "resume"}'
at processed 'another resumes'
is '' "$(ls "$paused")" 'nothing is paused any more'

# --- priorities of jobs that wait, rest and run
bs pause >/dev/null
puts p1 21; p1=$ID
exits 0 'of one that waits' bs priority "$p1" high
ok 'accepted afresh' wait_event accepted 2 "$p1"
puts p2 22 '.not_before = "2099-01-01T00:00:00Z"'; p2=$ID
at deferred 'one is deferred'
exits 0 'its priority' bs priority "$p2" urgent
is '["urgent","2099-01-01"]' "$(jq -c '[.priority, .not_before[:10]]' "$jobs/deferred/$p2.json")" 'is in its file'
is 2099 "$(date -u -r "$jobs/deferred/$p2.json" +%Y)" 'whose time is as it was'
puts p3 23; p3=$ID
mv "$jobs/pending/$p3.json" "$jobs/hold/"
at hold 'one is held' "$p3"
jq '.priority = "low"' "$jobs/hold/$p3.json" >"$jobs/tmp/x" && mv "$jobs/tmp/x" "$jobs/hold/$p3.json"
bs release "$p3"
ok 'its file was edited' wait_event accepted 2 "$p3"
is '"high" "urgent" "low"' "$(show .priority "$p1") $(show .priority "$p2") $(show .priority "$p3")" 'all three have what they were given'
faults '{"kind": "stall", "on": "free", "count": -1}'
bs cancel "$p1" "$p2" "$p3"
bs resume >/dev/null
before=$(requests)
puts p4 24; p4=$ID
more() { [ "$(requests)" -gt "$1" ]; }
wait_for 5 more "$before"
exits 0 'of one that runs' bs priority "$p4" urgent
is '["urgent","command line"]' "$(event 'select(.event == "reprioritised") | [.priority,.by] | tojson' "$p4")" 'in its journal'
is 'processing "urgent"' "$(place "$p4") $(show .priority "$p4")" 'it runs on'
jq '.priority = "low"' "$jobs/processing/$p4.json" >"$jobs/tmp/x" && mv "$jobs/tmp/x" "$jobs/processing/$p4.json"
ok 'its file is edited while it runs' wait_event reprioritised 2 "$p4"
is '["low","mv"]' "$(event 'select(.event == "reprioritised") | [.priority,.by] | tojson' "$p4")" 'which is journalled'
daemon_kill
faults
daemon_start
at processed 'after a crash it goes on' "$p4"
is '"low"' "$(show .priority "$p4")" 'with that priority'

# --- the configuration
printf '{"spool": "%s",\n "max_concurrent_jobs": 0}' "$SPOOL" >"$BATCHSPOOL_CONFIG.broken"
cp "$BATCHSPOOL_CONFIG" "$DIR/good.json"
mv "$BATCHSPOOL_CONFIG.broken" "$BATCHSPOOL_CONFIG"
kill -HUP "$DAEMON_PID"
ok 'a broken configuration is told, with its place' wait_for 5 daemon_says 'batchspool.json: line 2 column 25: max_concurrent_jobs: must be a whole number from 1 to 1000; what was read before stays'
exits 78 'reload refuses to send it' bs reload --config "$BATCHSPOOL_CONFIG"
cp "$DIR/good.json" "$BATCHSPOOL_CONFIG"
puts last1 31
at processed 'the daemon goes on'
config '.log_level = "warn" | .sync_threads = 2 | .rescan_interval_s = 2'
exits 0 'reload' bs reload
ok 'what cannot change is said' wait_for 5 daemon_says 'configuration: sync_threads has changed, which holds after a restart'
puts last2 32
at processed 'another job'
is false "$(daemon_says "job $ID" && echo true || echo false)" 'the log level holds at once'
config '.log_level = "info" | .log_format = "json"'
bs reload
puts last3 33
at processed 'one more'
ok 'the log format, too' wait_for 5 daemon_says "\"level\":\"info\",\"text\":\"job $ID: accepted"
cp "$DIR/etc/sources/items.json" "$DIR/items.json"
printf '{"name": "items",\n "steps": 1}' >"$DIR/etc/sources/items.json"
bs reload
ok 'a broken definition keeps the one of before' wait_for 5 daemon_says 'items.json: line 2 column 11: /steps'
puts last4 34
at processed 'with which jobs go on'
cp "$DIR/items.json" "$DIR/etc/sources/items.json"
bs reload
verified 'verify finds no difference'
finish
