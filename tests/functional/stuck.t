#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What does not get on: stuck, why, requeue.
. "$(dirname "$0")/../lib.sh"
api_start --records 2000
source_metered properties
source_free items
free_job() { jq -n --argjson count "$2" "{source: \"items\", count: \$count} | ${3:-.}" >"$DIR/$1.json"; ID=$(bs submit "$DIR/$1.json"); }
# kinds: what stuck lists, a line each: kind and job or source
kinds() { bs stuck --json | jq -r '[.kind, .job_id // .source // .file] | join(" ")' | sort; }
exits 0 'nothing is stuck in an empty spool' bs stuck
is '' "$OUT" 'and nothing is printed'

# --- no daemon runs (by its lock), one is silent (by what it did)
daemon_start
faults '{"kind": "delay", "ms": 60000, "count": -1, "on": "free"}'
source_free slow '.timeout_s = 120'
free_job running 1000 '.source = "slow"'
wait_event requested
exits 0 'a job that has just asked is not stuck' bs stuck
free_job queued 10
kill -STOP "$DAEMON_PID"
export BATCHSPOOL_STUCK_AFTER_S=1 BATCHSPOOL_STUCK_WAITING_S=3600
job "$SPOOL/jobs/pending/late.json" 5
running=$(ids running)
wait_for 10 bash -c "[ \$('$PROGRAMS/batchspool' stuck --json | jq -r .kind | grep -cE '^(silent|not_taken_in)\$') -ge 2 ]"
like "silent +jobs/processing/$running.json: nothing was asked or answered for [0-9]+s; 0 records are captured"$'\n'" +go on: +see the daemon's log; .batchspool requeue $running. puts it back" \
    "$(bs stuck)" 'a running job of a daemon that holds its lock but does nothing'
like "not_taken_in +jobs/pending/late.json: it has not been taken in for" "$(bs stuck)" 'a drop that is not taken in'
like "Nothing was heard of it for [0-9]+s: .*batchspool requeue $running" "$(bs why "$running")" 'why says so'
exits 1 'the exit code says that something is stuck' bs stuck --json
ok '--json is an object a line' jq -e -s 'all(.[]; type == "object" and (.age_s >= 1) and (.since | startswith("20")) and (.go_on | length > 0))' "$DIR/out"
unset BATCHSPOOL_STUCK_AFTER_S
exits 0 'with a longer threshold nothing is' bs stuck
daemon_kill
exits 1 'a daemon that is gone' bs stuck
like "no_daemon +jobs/processing/$running.json: it runs, but no daemon does" "$OUT" 'is known by its lock, at once'
exits 0 'requeue --stuck' bs requeue --stuck
like "(^|"$'\n'")$running: jobs/processing -> jobs/pending" "$OUT" 'says what it did'
is pending "$(place "$running")" 'the job is back in the queue'
is '["requeued","requeue","command line"]' "$(event 'select(.event == "requeued") | [.event, .reason, .by] | tojson' "$running")" 'and its journal says why'
exits 64 'requeue of nothing' bs requeue
exits 66 'requeue of an unknown id' bs requeue nosuchjob
exits 65 'requeue of a job that waits already' bs requeue "$running"
faults

# --- pending for too long though its source is open
export BATCHSPOOL_STUCK_WAITING_S=1
wait_for 5 bash -c "'$PROGRAMS/batchspool' stuck | grep -q 'waiting .*$running'"
like "waiting +jobs/pending/$running.json: it has waited for [0-9]+s at priority normal, and no daemon runs" "$(bs stuck)" 'a job waits and no daemon runs'
export BATCHSPOOL_STUCK_WAITING_S=3600

# --- a person must decide
daemon_start
at processed 'what was put back completes' "$running"
submit dear 1000 '.max_cost = "1.00"'
dear=$ID
at hold 'a job is held by its guard'
submit rests 3 '.not_before = "2099-01-01T00:00:00Z"'
rests=$ID
at deferred 'a job for later'
bs hold "$rests"
like "^held +jobs/hold/$dear.json: a person must decide: max_cost: the search costs 50.00 USD.*"$'\n'" +go on: +raise the limit" "$(bs stuck)" 'a guard waits for a person'
is "held $dear" "$(kinds)" 'what a person put there is not stuck'
faults '{"kind": "drop_after", "on": "paid"}'
submit doubt 7
at hold 'a charge is in doubt'
like "held +jobs/hold/$ID.json: .*charge_unknown.*"$'\n'" +go on: +ask the provider.*accept-charge" "$(bs stuck)" 'and listed with what to do'
exits 75 'requeue does not decide about money' bs requeue "$ID"
bs release --give-up "$ID"
bs cancel "$dear" "$rests"
at failed 'given up' "$ID"
exits 0 'all decided: nothing is stuck' bs stuck

# --- a failed job, and all of them
faults '{"kind": "status", "status": 400, "on": "paid", "count": 2}'
submit one 11
one=$ID
at failed 'a job fails'
submit two 12
at failed 'a second'
exits 0 'requeue ID' bs requeue "$one"
is "$one: jobs/failed -> jobs/pending" "$OUT" 'is told'
at processed 'it completes' "$one"
printf '{"source": "nosuch"}' >"$SPOOL/jobs/tmp/x.json" && mv "$SPOOL/jobs/tmp/x.json" "$SPOOL/jobs/pending/wrong.json"
taken wrong
wrong=$ID
wait_for 5 in_place failed "$wrong"
exits 0 'requeue --all-failed' bs requeue --all-failed --json
is 2 "$(jq -s 'map(select(.done and .from == "jobs/failed")) | length' <<<"$OUT")" 'takes those that were accepted'
like "$wrong: stays: it was never accepted .*mend the file" "$ERR" 'and says which file is to be mended'
is failed "$(place "$wrong")" 'which stays'
at processed 'the second completes' "$(ids two)"

# --- payloads
submit payload 20
at processed 'a job whose payload waits'
raw=$(readlink -f "$SPOOL/payloads/pending/${ID}_batch0001.json")
cp -p "$raw" "$DIR/kept"
chmod u+w "$raw" && printf '\001' | dd of="$raw" bs=1 seek=50 conv=notrunc status=none
exits 65 'a payload that cannot be loaded' bs process "$ID"
exits 1 'is stuck' bs stuck
like "file_failed +payloads/failed/${ID}_batch0001.json: it could not be loaded: .*SHA-256" "$OUT" 'with the reason'
like "payload 0001 \(payloads/raw/.*could not be loaded: .*SHA-256.*batchspool requeue --files $ID" "$(bs why "${ID}_batch0001.json" | tr '\n' ' ')" 'why knows it by the name of the payload'
exits 65 'requeue of a job that is complete' bs requeue "$ID"
cat "$DIR/kept" >"$raw" && chmod 440 "$raw"
exits 0 'requeue --files, the file mended' bs requeue --files "$ID"
is "${ID}_batch0001.json: payloads/failed -> payloads/pending" "$OUT" 'is told'
is '["failed","pending","command line"]' "$(event 'select(.event == "reshelved") | [.from, .to, .by] | tojson')" 'and journalled'
is '[0,"PENDING"]' "$(show '[.failed_batches, .files[0].status]')" 'the row does not count it as failed'
exits 66 'once more: there is none' bs requeue --files "$ID"
exits 0 'it is loaded' bs process "$ID"
is '[20,1,"COMPLETED"]' "$(show '[.success_count, .loaded_batches, .files[0].status]')" 'and counted'
exits 0 'nothing is stuck' bs stuck

# --- an automatic job ends for payloads that cannot be loaded; requeue takes both back
cp "$DIR/etc/sources/items.json" "$DIR/items"
jq '.data_selector = "/nothing"' "$DIR/items" >"$DIR/etc/sources/items.json"
free_job automatic 700 '.process = "auto"'
at failed 'an automatic job whose payloads cannot be loaded'
is '"load"' "$(show .reason)" 'fails for that'
is "$(printf 'file_failed %s\nfile_failed %s' "$ID" "$ID")" "$(kinds)" 'its payloads are listed'
like "requeue $ID" "$(bs why "$ID")" 'why says how to go on'
cp "$DIR/items" "$DIR/etc/sources/items.json"
exits 0 'requeue of the job' bs requeue "$ID"
is 3 "$(wc -l <<<"$OUT")" 'puts its payloads back, too'
at processed 'and it completes'
is 700 "$(show .success_count)" 'with all its records'
daemon_stop
mv "$SPOOL/payloads/processed/${ID}_batch0001.json" "$SPOOL/payloads/processing/"
mv "$SPOOL/payloads/processed/${ID}_batch0002.json" "$SPOOL/payloads/ready/"
exits 0 'a claim is not abandoned at once' bs stuck
export BATCHSPOOL_STUCK_AFTER_S=1
wait_for 10 bash -c "[ \$('$PROGRAMS/batchspool' stuck --json | wc -l) -ge 2 ]"
is "$(printf 'file_abandoned %s\nfile_waiting %s' "$ID" "$ID")" "$(kinds)" 'a claim that no loader has, and one that nobody loads'
exec 9<"$(readlink -f "$SPOOL/payloads/processing/${ID}_batch0001.json")"
flock 9
is "file_waiting $ID" "$(kinds)" 'while a loader has it, it is not'
exec 9<&-
exits 0 'requeue --stuck takes the claim back' bs requeue --stuck
is "${ID}_batch0001.json: payloads/processing -> payloads/ready" "$OUT" 'to where automatic jobs have theirs'
exits 0 'process loads both' bs process "$ID"
exits 0 'nothing is stuck any more' bs stuck
verified 'verify finds no difference'

# --- a source that refused the credentials says so once
printf wrong >"$DIR/credentials/api_token"
daemon_start
for name in a b c; do submit "refused-$name" 30 '.on_duplicate = "run"'; done
at deferred 'a job of a source that refuses' "$(ids refused-a)"
exits 1 'stuck' bs stuck
is 1 "$(grep -c 'source properties' <<<"$OUT")" 'one line for the source'
like "^source_paused +source properties: nothing is sent before 20[^ ]*: it refused the credentials \(401 or 403\)"$'\n'" +go on: +renew its credentials \(secret [a-z_]+\), then .batchspool reload.; its jobs go on by themselves" "$OUT" 'with the mend'
is "source_paused properties" "$(kinds)" 'and none for each of its jobs'
like 'properties .*paused until 20[^ ]*: unauthorized' "$(bs sources list)" 'sources list has it'
is '"unauthorized"' "$(bs sources list --json | jq -c '.[] | select(.name == "properties") | .paused_reason')" 'also as JSON'
waits=$(for name in a b c; do [ "$(place "$(ids refused-$name)")" = pending ] && ids refused-$name; done | head -n 1)
[ -n "$waits" ] && like "The source properties is paused until .*: unauthorized. It refused the credentials" "$(bs why "$waits")" 'why of a job that is pending'
printf '%s' "$TOKEN" >"$DIR/credentials/api_token"
kill -HUP "$DAEMON_PID"
for name in a b c; do at processed 'with the right ones it goes on' "$(ids refused-$name)"; done
exits 0 'and nothing is stuck' bs stuck
finish
