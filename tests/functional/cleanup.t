#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Retention: payloads of past months into archive/, finished jobs out of the directories, and what must be right afterwards.
. "$(dirname "$0")/../lib.sh"
api_start --records 10000
source_metered properties
source_free items
config '.job_retention_days = 90'
raw=$SPOOL/payloads/raw archive=$SPOOL/archive
month() { date -u -d "$(date -u +%Y-%m-15) -${1:-0} months" +%Y-%m; }
OLD=$(month 4) KEPT=$(month 1)

# old NAME MONTHS-AGO COUNT [JQ]: a job dropped under an id of that month, as if it had come then; sets ID. What ends it says today, but for its age, which `aged` gives it.
old() {
    local hex
    hex=$(printf '%s' "$1" | sha256sum | cut -c1-12)
    ID=$(month "$2" | tr -d -)15T120000Z-$hex-$1
    job "$SPOOL/jobs/tmp/$ID.json" "$3" "${4:-.}"
    mv "$SPOOL/jobs/tmp/$ID.json" "$SPOOL/jobs/pending/$ID.json"
}
cleanup() { bs cleanup --json "$@"; }
raws() { find "$raw" -name '*.json' | wc -l; }

daemon_start
old past 4 900 '.process = "auto" | .campaign_id = "first"'
at processed 'a job of four months ago is loaded'
done=$ID
old unloaded 4 800 '.campaign_id = "second"'
at processed 'another one was never loaded'
unloaded=$ID
old kept 1 810 '.process = "auto"'
at processed 'one of last month is loaded'
kept=$ID
old cancelled 4 850 '.process = "auto"'
at processed 'one more'
cancelled=$ID
faults '{"kind": "status", "status": 400, "on": "paid", "start": 400}'
old failed 4 820 '.process = "auto"'
at failed 'one fails, with a page that is loaded'
failed=$ID
faults
wait_event loaded || bs process "$ID" >/dev/null
refused=$(month 4 | tr -d -)16T120000Z-0123456789ab-refused
printf '{"source": "properties", "criterai": []}' >"$SPOOL/jobs/pending/$refused.json"
at failed 'a drop is refused' "$refused"
drop fresh 30 '.process = "auto"'
at processed 'one of today'
fresh=$ID
daemon_stop
exits 0 'before, nothing is different' bs verify

# --- dry run
before=$(find "$SPOOL" -type f ! -path '*/index/*' ! -name .lock | sort | sha256sum)
exits 0 'a dry run' cleanup --dry-run
is 'true' "$(jq .dry_run <<<"$OUT")" 'says that it is one'
is "[\"$OLD\"]" "$(jq -c '[.months[].month]' <<<"$OUT")" 'tells the month that would go'
files=$(jq '.months[0].files' <<<"$OUT") bytes=$(jq '.months[0].bytes' <<<"$OUT")
is "$files" "$(find "$raw/$OLD" -name 'first*.json' -o -name 'cancelled*.json' | wc -l)" 'its payloads'
is "$bytes" "$(find "$raw/$OLD" \( -name 'first*.json' -o -name 'cancelled*.json' \) -printf '%s\n' | paste -sd+ | bc)" 'and bytes'
is '{"COMPLETED":0,"FAILED":0,"CANCELLED":0}' "$(jq -c .jobs <<<"$OUT")" 'no job is old enough'
is '{"not_loaded":1,"not_old_enough":1}' "$(jq -Sc .kept <<<"$OUT")" 'one stays because it is not loaded, one because it may go on'
is "$before" "$(find "$SPOOL" -type f ! -path '*/index/*' ! -name .lock | sort | sha256sum)" 'and changes nothing'

# --- payloads
bs export --job "$done" >"$DIR/export"
total=$(raws)
cp -r "$raw/$OLD" "$DIR/raw"
exits 0 'cleanup' cleanup
is "$files" "$(jq .files <<<"$OUT")" 'as many files'
part=$archive/$OLD.tar.zst
ok 'an archive' test -s "$part"
is "$(jq -r '.months[0].archives[0].sha256' <<<"$OUT")" "$(sha256sum <"$part" | cut -d' ' -f1)" 'whose sum is told'
ok 'and lies beside it' sh -c "cd '$archive' && sha256sum -c --quiet $OLD.tar.zst.sha256"
mkdir "$DIR/out.d"
ok 'tar reads it' tar --zstd -xf "$part" -C "$DIR/out.d"
ok 'with the sums of its list' sh -c "cd '$DIR/out.d' && sha256sum -c --quiet '$archive/$OLD.SHA256SUMS'"
is "$files" "$(find "$DIR/out.d" -name '*.json' | wc -l)" 'all of them'
ok 'byte for byte' diff <(cd "$DIR/out.d/$OLD" && sha256sum -- *) <(cd "$DIR/raw" && sha256sum -- cancelled* first*)
is $((total - files)) "$(raws)" 'they have gone from payloads/raw'
is '' "$(find "$SPOOL/payloads/processed" -name "$done*")" 'and their markers'
is "$(find "$raw/$OLD" -name '*.json' | wc -l)" "$(wc -l <"$raw/$OLD/SHA256SUMS")" 'SHA256SUMS has what is left'
ok 'and agrees' sh -c "cd '$raw/$OLD' && sha256sum -c --quiet SHA256SUMS"
is "3 archive/$OLD.tar.zst" "$(jq -r 'select(.event == "archived") | .archive' "$SPOOL/journal/$done.ndjson" | sort | uniq -c | sed 's/^ *//')" 'the journal says where they are'
is 'processed processed processed' "$(place "$done") $(place "$unloaded") $(place "$kept")" 'the jobs stay'
is 3 "$(find "$raw/$KEPT" -name '*.json' | wc -l)" 'last month stays'
exits 0 'verify finds no difference' bs verify
like "$files payloads are archived" "$ERR" 'and counts them'
exits 0 'once more' cleanup
is '0 []' "$(jq -c '.files, .months' <<<"$OUT" | paste -sd' ')" 'nothing is left to do'
is 1 "$(find "$archive" -name '*.tar.zst' | wc -l)" 'one archive'

# --- what must be right afterwards
bs export --job "$done" >"$DIR/again"
ok 'its export is the same' cmp "$DIR/export" "$DIR/again"
like '0001 +archived .* in archive/' "$(bs show "$done" | grep ' 0001 ')" 'show says where a payload is'
is "\"archive/$OLD.tar.zst\"" "$(bs show --json "$done" | jq '.files[0].archive')" 'and --json'
exits 0 'reload' bs process --reload --json "$done" "$kept" "$cancelled"
is "$files" "$(jq .files_archived <<<"$OUT")" 'says what is archived'
exits 0 'reload of one job' bs process --reload "$done"
like '3 files are archived' "$ERR" 'for people'
exits 0 'reindex' bs reindex
exits 0 'makes an index that verify agrees with' bs verify
ok 'SHA256SUMS too' sh -c "cd '$raw/$OLD' && sha256sum -c --quiet SHA256SUMS"
daemon_start
is "\"archive/$OLD.tar.zst\"" "$(bs show --json "$done" | jq '.files[0].archive')" 'a daemon sees the same'
drop again 900
at failed 'a duplicate is one still'
drop reuse 900 '.on_duplicate = "reuse" | .campaign_id = "third"'
at processed 'its payloads are reused'
bs export --job "$ID" >"$DIR/again"
ok 'with the same records' cmp "$DIR/export" "$DIR/again"
is '' "$(find "$SPOOL/payloads/pending" "$SPOOL/payloads/ready" -name "$done*")" 'no marker comes back'

# --- back
daemon_stop
exits 0 'restore' bs cleanup --restore "$OLD"
is "$total" "$(raws)" 'brings them back'
ok 'as they were' diff -r "$raw/$OLD" "$DIR/raw" -x SHA256SUMS
exits 0 'verify agrees' bs verify
exits 0 'they can be loaded again' bs process --reload --json "$done"
is 0 "$(jq .files_archived <<<"$OUT")" 'all of them'
exits 66 'of a month that has none' bs cleanup --restore 2001-01
exits 65 'of what is no month' bs cleanup --restore yesterday
exits 0 'the next cleanup' cleanup
is "$files 1" "$(jq .files <<<"$OUT") $(find "$archive" -name '*.tar.zst' | wc -l)" 'takes them away, into the archive that has them'
exits 0 'verify agrees' bs verify

# --- a second archive of the month
bs process >/dev/null
exits 0 'once the rest is loaded' cleanup
is '{"not_old_enough":1}' "$(jq -c .kept <<<"$OUT")" 'a failed job keeps its payloads while it may go on'
ok 'it goes into an archive of its own' test -s "$archive/$OLD.2.tar.zst"
exits 0 'verify agrees' bs verify

# --- jobs
for id in "$done" "$failed" "$refused" "$unloaded"; do aged "$id" 100; done
bs reindex 2>/dev/null
exits 0 'a dry run of jobs' cleanup --dry-run
is '[2,2]' "$(jq -c '[.jobs.COMPLETED,.jobs.FAILED]' <<<"$OUT")" 'counts those that are old enough'
exits 0 'cleanup' bs cleanup
is '  ' "$(place "$done") $(place "$refused") $(place "$failed")" 'they go from their directories'
ok 'the failed one with its payload' test -s "$archive/$OLD.3.tar.zst"
is '' "$(find "$SPOOL/jobs" -name "$refused*" -o -name "$failed.why")" 'with what lies beside them'
ok 'their journals stay' chain_ok "$done"
is 'archived' "$(event .event "$done")" 'and say so'
is '{"source": "properties", "criterai": []}' "$(event .text "$refused")" 'the text of a refused drop is kept there'
exits 0 'verify agrees' bs verify
is '' "$(bs list --json | jq -r "select(.job_id == \"$done\") | .job_id")" 'list is without them'
is "$done" "$(bs list --archived --json | jq -r "select(.job_id == \"$done\") | .job_id")" 'but for --archived'
like 'COMPLETED \(archived\)' "$(bs show "$done")" 'show finds them'
is 45 "$(bs money --by job --json | jq -r "[.. | objects | select(.job_id? == \"$done\" or .name? == \"$done\") | .spent? // .cost?][0] | tonumber" 2>/dev/null)" 'their money is counted'
bs export --job "$done" >"$DIR/again"
ok 'their export is the same' cmp "$DIR/export" "$DIR/again"
exits 65 'retry' bs retry "$failed"
like 'archived' "$ERR" 'says why not'
exits 0 'reindex' bs reindex
exits 0 'agrees with verify' bs verify
daemon_start
drop later 900 '.duplicate_window = "P365D"'
at failed 'a duplicate of an archived job is one still'

# --- the daemon
echo '{"every": "P30D", "job": {"mode": "cleanup"}}' >"$DIR/nightly.json"
exits 0 'a schedule may clean up' bs schedules add "$DIR/nightly.json"
exits 0 'now' bs schedules run nightly
ID=$OUT
at processed 'without a source'
old late 5 300 '.process = "auto" | .on_duplicate = "run"'
at processed 'a job of five months ago'
exits 0 'cleanup asks a daemon that runs' cleanup
is 1 "$(jq '.months | length' <<<"$OUT")" 'which does it'
job_id=$(jq -r .job_id <<<"$OUT")
is 'accepted claimed completed cleanup' "$(events "$job_id" | paste -sd' ')" 'as a job of mode cleanup'
is daemon "$(jq -r 'select(.event == "archived") | .by' "$SPOOL/journal/$ID.ndjson")" 'by itself'
ok 'the month has gone' gone "$raw/$(month 5)"
ok 'its index knows' wait_for 5 sh -c "[ \"\$('$PROGRAMS/batchspool' show --json $ID | jq .archived_batches)\" = 1 ]"
jq -n '{mode: "cleanup", dry_run: true}' >"$SPOOL/jobs/tmp/dry.json" && mv "$SPOOL/jobs/tmp/dry.json" "$SPOOL/jobs/pending/"
taken dry
at processed 'a dry run as a job'
is true "$(jq .dry_run "$SPOOL/results/$ID/preview.json")" 'is answered'
config '.payload_retention_months = 0 | .job_retention_days = 0 | .archive = false'
kill -HUP "$DAEMON_PID"
wait_for 5 daemon_says 'archive has changed'
exits 0 'with other limits, and without an archive' cleanup
is '' "$(find "$SPOOL/jobs/processed" -name '*.json' | grep -v -- -cleanup)" 'every finished job goes'
is 'null' "$(jq -s '[.[] | select(.event == "archived" and .batch)][0].archive' "$SPOOL/journal/$kept.ndjson")" 'payloads of last month are in no archive'
ok 'this month stays' test -d "$raw/$(month)"
verified 'verify agrees'

# --- damage
daemon_stop
config '.payload_retention_months = 1 | .job_retention_days = 90 | .archive = true'
daemon_start
old bad 4 310 '.process = "auto" | .on_duplicate = "run"'
at processed 'a job whose payload is damaged'
daemon_stop
chmod u+w "$raw/$OLD"/bad* && echo x >>"$(find "$raw/$OLD" -name 'bad*' | head -n 1)"
exits 0 'cleanup' cleanup
is '1 0' "$(jq -c '.kept.damaged, .files' <<<"$OUT" | paste -sd' ')" 'leaves it'
truncate -s -1 "$part"
exits 65 'verify finds a damaged archive' bs verify
like "archive-changed archive/$OLD.tar.zst" "$OUT" 'and names it'
finish
