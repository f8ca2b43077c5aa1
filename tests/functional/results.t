#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Jobs of mode results: exports that the daemon makes in a process of its own, and what changed since an export.
. "$(dirname "$0")/../lib.sh"
api_start --records 10000
source_metered properties
daemon_start
results=$SPOOL/results

# ask NAME RESULTS [JQ]: a job of mode results; sets ID
ask() {
    jq -n --argjson results "$2" "{mode: \"results\", results: \$results} | ${3:-.}" >"$SPOOL/jobs/tmp/$1.json"
    mv "$SPOOL/jobs/tmp/$1.json" "$SPOOL/jobs/pending/$1.json"
    taken "$1"
}
# sums DIR NAME: the file has the sum that lies beside it
sums() { (cd "$results/$1" && sha256sum -c --quiet "$2.sha256"); }
completed() { event "select(.event == \"completed\") | $1"; }

drop one 900 '.process = "auto" | .campaign_id = "first"'
at processed 'a job of 900 records is loaded'
one=$ID

# --- one job
ask plain "{\"job\": \"$one\"}"
at processed 'its results are made'
is 'accepted claimed completed results' "$(events | paste -sd' ')" 'the journal says so'
is "[\"results/$one/records.ndjson\",900,$(stat -c %s "$results/$one/records.ndjson"),\"$(sha256sum <"$results/$one/records.ndjson" | cut -d' ' -f1)\"]" \
    "$(completed '[.file,.records,.bytes,.sha256] | tojson')" 'with file, records, bytes and sum'
is "$(completed '[.file,.sha256,.bytes,.records] | tojson')" "$(jq -c '[.file,.sha256,.bytes,.records]' "$results/$ID/preview.json")" 'and so does its answer'
ok 'sha256sum -c agrees' sums "$one" records.ndjson
bs export --job "$one" >"$DIR/want"
ok 'it is what export prints' cmp "$DIR/want" "$results/$one/records.ndjson"
is '660 660' "$(stat -c %a "$results/$one/records.ndjson" "$results/$one/records.ndjson.sha256" | paste -sd' ')" 'the group can read it'
is '' "$(find "$results" -name '.*' -type f)" 'nothing half-done lies about'
is '' "$(bs list --json | jq -r 'select(.mode == "results")')" 'list is without it'
is "$ID" "$(bs list --mode results --json | jq -r .job_id)" 'but for --mode'

columns='["RadarID", {"name": "Town", "path": "/City"}]'
ask sheet "{\"job\": \"$one\", \"format\": \"csv\", \"columns\": $columns, \"with_origin\": true, \"name\": \"town.csv\"}"
at processed 'as CSV, with columns and origin'
echo "$columns" >"$DIR/columns"
bs export --job "$one" --format csv --columns "$DIR/columns" --with-origin >"$DIR/want"
ok 'the same as export makes' cmp "$DIR/want" "$results/$one/town.csv"
ok 'sha256sum -c agrees' sums "$one" town.csv
ask owners "{\"job\": \"$one\", \"format\": \"csv\", \"children\": \"property_owners\"}"
at processed 'children'
bs export --job "$one" --format csv --children property_owners >"$DIR/want"
ok 'the same as export makes' cmp "$DIR/want" "$results/$one/property_owners.csv"

# --- a campaign, a source
drop two 1200 '.process = "auto" | .campaign_id = "second" | .on_duplicate = "run"'
at processed 'another job is loaded'
two=$ID
ask camp '{"campaign": "second", "not_in": "first"}'
at processed 'what a campaign has and another has not'
is "$(bs export --campaign second --not-in first | sha256sum)" "$(sha256sum <"$results/$ID/records.ndjson")" 'lies in a directory of its own'
ask whole '{"format": "csv"}' '.source = "properties"'
at processed 'a source'
is "$(bs export --source properties --format csv | sha256sum)" "$(sha256sum <"$results/$ID/records.csv")" 'has all its records'
is properties "$(show .source | tr -d '"')" 'the list shows the source'
rm "$DIR/etc/sources/properties.json"
ask orphan '{}' '.source = "properties"'
at processed 'a source whose definition has gone'
source_metered properties

# --- refusals
refused() {
    ask "$1" "$2" "${4:-.}"
    wait_event rejected
    like "$3" "$(event .error)" "$1: refused"
}
refused unknown '{"jobs": "x"}' 'did you mean "job"'
refused part '{"job": "one"}' 'whole id'
refused format '{"format": "docx"}' 'ndjson'
refused workbook '{"format": "xlsx"}' 'of one job'
refused both-forms '{"format": "csv", "standard": true}' 'does not go with'
refused path '{"name": "../x.ndjson"}' 'character'
refused dot '{"name": ".x.ndjson"}' 'ends in .ndjson'
refused suffix '{"name": "x.csv"}' 'ends in .ndjson'
refused members '{"name": "members.ndjson"}' 'list of a job'
refused columns '{"columns": ["a"]}' 'csv'
refused limit '{"limit": 3}' 'since'
refused both "{\"job\": \"$one\", \"since\": \"0\"}" 'does not go with a job'
refused none null 'needs results'
refused other '{}' 'did you mean "priority"' '.priorty = "low"'
ask gone '{"job": "20260101T000000Z-000000000000-gone"}'
at failed 'a job that there is not'
like 'there is no job' "$(why)" 'why says so'
ask empty '{"campaign": "third"}'
at failed 'a campaign of which nothing was loaded'
is 'unavailable' "$(event 'select(.event == "failed") | .reason')" 'the reason is told'
is '' "$(find "$results" -name '.*' -type f)" 'nothing half-done lies about'

# --- one at a time, beside everything else
bs submit - <<<"{\"mode\": \"results\", \"source\": \"properties\", \"results\": {}}" >"$DIR/id" 2>"$DIR/err"
like -properties$ "$(cat "$DIR/id")" 'submit takes one, named by its source'
bs submit - <<<'{"mode": "results", "results": {"campaign": "first"}}' >"$DIR/id" 2>"$DIR/err"
like -results$ "$(cat "$DIR/id")" 'or by its mode'
ID=$(cat "$DIR/id")
at processed 'it is made'
bs pause >/dev/null
ask paused "{\"job\": \"$one\"}"
at processed 'a paused queue does not keep it: nothing is asked for'
bs resume >/dev/null

# --- what changed
cursor() { sed -n 's/.*next cursor //p' "$DIR/err"; }
exits 0 'an export since ever' bs export --since 0
is 1200 "$(wc -l <"$DIR/out")" 'has each record once'
c1=$(cursor)
exits 0 'nothing has changed since' bs export --since "$c1"
is "0 $c1" "$(wc -l <"$DIR/out") $(cursor)" 'is no error, and the same cursor'
drop three 1210 '.process = "auto" | .campaign_id = "third" | .on_duplicate = "run"'
at processed 'a job loads them again, and ten more'
exits 0 'an export since' bs export --since "$c1"
is 1210 "$(wc -l <"$DIR/out")" 'has what it brought or touched'
c2=$(cursor)
exits 0 'piece by piece' bs export --since "$c1" --limit 700
is 700 "$(wc -l <"$DIR/out")" 'so many'
cp "$DIR/out" "$DIR/pieces"
exits 0 'and the rest' bs export --since "$(cursor)" --limit 700
cat "$DIR/out" >>"$DIR/pieces"
is "510 $c2" "$(wc -l <"$DIR/out") $(cursor)" 'with the same cursor at the end'
is "1210 $(bs export --since "$c1" 2>/dev/null | sha256sum)" "$(jq -r .RadarID "$DIR/pieces" | sort -u | wc -l) $(sha256sum <"$DIR/pieces")" 'together the same'
exits 0 'of another campaign' bs export --since 0 --campaign first
is 0 "$(wc -l <"$DIR/out")" 'nothing: others captured them later'
exits 64 'not with a job' bs export --since 0 --job "$one"
exits 65 'a cursor that is none' bs export --since yesterday
exits 65 'one of another store' bs export --since "0123456789abcdef${c2:16}"
like 'begin anew' "$ERR" 'says what to do'
ask since "{\"since\": \"$c1\", \"format\": \"csv\"}"
at processed 'the same as a job'
is "$c2 1210" "$(completed '"\(.cursor) \(.records)"')" 'which tells the cursor'
bs process --reload >/dev/null
exits 0 'reloading what is there' bs export --since "$c2"
is 0 "$(wc -l <"$DIR/out")" 'changes nothing'

# --- stopped in the middle
daemon_stop
jq -n '{mode: "results", results: {}, source: "properties"}' >"$SPOOL/jobs/pending/stopped.json"
BATCHSPOOL_FAULT=3:kill:write daemon_start
wait_for 5 ended "$DAEMON_PID"
daemon_stop
daemon_start
taken stopped
at processed 'a daemon that was killed goes on with it'
is "$(bs export --source properties | sha256sum)" "$(sha256sum <"$results/$ID/records.ndjson")" 'and it is whole'

# --- cancelled, killed, stopped: its process stands still before the file has its name
stands_still() { grep -qs '^State:.T' "/proc/${1:-none}/status"; }
worker() { WORKER=$(pgrep -P "$DAEMON_PID" -f -- --errand-worker) && stands_still "$WORKER"; }
# frozen NAME: a job whose process stands still; sets ID and WORKER
frozen() {
    ask "$1" '{"format": "csv"}' '.source = "properties"'
    wait_for "$WAIT_S" worker
}
daemon_stop
BATCHSPOOL_FAULT=1:stop:results daemon_start
ok 'a job is being made' frozen cancel
cancelled=$ID worker=$WORKER
ask behind "{\"job\": \"$one\", \"name\": \"behind.csv\", \"format\": \"csv\"}" '.priority = "urgent"'
behind=$ID
drop aside 3 '.process = "auto"'
at processed 'a search goes by it'
is 'processing pending' "$(place "$cancelled") $(place "$behind")" 'the next of its kind waits'
exits 0 'cancel' bs cancel "$cancelled"
at cancelled 'takes it away' "$cancelled"
ok 'its process has gone' wait_for 5 ended "$worker"
ok 'and leaves nothing half-done' gone "$results/$cancelled/.$cancelled.tmp"
ok 'the next one is being made' wait_for 5 worker
is processing "$(place "$behind")" 'and claimed'
worker=$WORKER
daemon_kill
ok 'a process dies with its daemon' wait_for 5 ended "$worker"
BATCHSPOOL_FAULT=1:stop:results daemon_start
ok 'the next daemon begins it again' wait_for 5 worker
daemon_stop
is 0 "$STATUS" 'a daemon that is stopped does not wait for it'
is processing "$(place "$behind")" 'the job stays'
BATCHSPOOL_FAULT=1:stop:results daemon_start
wait_for 5 worker
worker=$WORKER
kill -9 "$worker"
ok 'one whose process is killed' wait_for 5 daemon_says 'ended by signal 9'
ok 'is begun again' wait_for 5 worker
daemon_stop
daemon_start
at processed 'it is made in the end' "$behind"
is "$(bs export --job "$one" --format csv | sha256sum)" "$(sha256sum <"$results/$one/behind.csv")" 'whole'
is '' "$(find "$results" -name '.*' -type f)" 'with nothing half-done beside it'
daemon_stop
BATCHSPOOL_FAULT=1+:kill:results daemon_start
ask crash '{}' '.source = "properties"'
at failed 'one whose process is killed three times is given up'
is crashed "$(event 'select(.event == "failed") | .reason')" 'with the reason'
daemon_stop
BATCHSPOOL_FAULT=1:enospc:results daemon_start
ask full '{}' '.source = "properties"'
at failed 'a full disk'
is disk "$(event 'select(.event == "failed") | .reason')" 'is told'
daemon_stop
daemon_start
exits 0 'retry' bs retry "$ID"
at processed 'makes it'
verified 'verify finds nothing'
finish
