#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Moves by hand while no daemon runs: found, and journalled, at the next start.
. "$(dirname "$0")/../lib.sh"
api_start
source_metered properties
source_free items
source_free blocked '.api_budget = {policies: [{type: "moving_window", rates: [{limit: 1, interval: "PT1H"}]}]}'
daemon_start
jobs=$SPOOL/jobs
drop spent 0 '{source: "blocked", count: 1}'
at processed 'one job spends the budget of its source'

declare -A J # job ids by name
# waiting NAME, later NAME, complete NAME, refused NAME: makes a job that waits, is deferred, complete, failed
waiting() { drop "$1" 0 '{source: "blocked", count: 2}' && J[$1]=$ID && wait_for 5 in_place pending "$ID"; }
later() { drop "$1" 0 '{source: "items", count: 3, not_before: "2099-01-01T00:00:00Z"}' && J[$1]=$ID && at deferred "$1: deferred"; }
complete() { drop "$1" 0 "{source: \"items\", count: 4, name: \"$1\"}" && J[$1]=$ID && at processed "$1: processed"; }
refused() { faults '{"kind": "status", "status": 400, "on": "free"}' && drop "$1" 0 '{source: "items", count: 5}' && J[$1]=$ID && at failed "$1: failed"; }
move() { mv "$jobs/$2/$1.json" "$jobs/$3/"; }

for name in wait_hold wait_cancel wait_processed wait_failed wait_gone wait_double wait_edit wait_processing; do waiting $name; done
for name in later_pending later_cancel later_touch later_hold; do later $name; done
for name in done_pending done_hold done_deferred; do complete $name; done
for name in failed_pending failed_hold; do refused $name; done
faults '{"kind": "stall", "on": "free", "count": -1}'
drop running 0 '{source: "items", count: 6}'
run_cancel=$ID
at processing 'one runs'
drop running2 0 '{source: "items", count: 7}'
run_pending=$ID
at processing 'another runs'
daemon_stop
is 0 "$STATUS" 'the daemon stops in good order, free requests or not'
faults
is 'processing processing' "$(place "$run_cancel") $(place "$run_pending")" 'running jobs stay where they are'

move "${J[wait_hold]}" pending hold
move "${J[wait_cancel]}" pending cancelled
move "${J[wait_processed]}" pending processed
move "${J[wait_failed]}" pending failed
move "${J[wait_processing]}" pending processing
rm "$jobs/pending/${J[wait_gone]}.json"
cp "$jobs/pending/${J[wait_double]}.json" "$jobs/hold/"
jq '.count = 3' "$jobs/pending/${J[wait_edit]}.json" >"$jobs/tmp/x" && mv "$jobs/tmp/x" "$jobs/pending/${J[wait_edit]}.json"
move "${J[later_pending]}" deferred pending
move "${J[later_cancel]}" deferred cancelled
move "${J[later_hold]}" deferred hold
touch -d '-1 minute' "$jobs/deferred/${J[later_touch]}.json"
move "${J[done_pending]}" processed pending
move "${J[done_hold]}" processed hold
move "${J[done_deferred]}" processed deferred
move "${J[failed_pending]}" failed pending
move "${J[failed_hold]}" failed hold
move "$run_cancel" processing cancelled
move "$run_pending" processing pending
printf '{"source": "items", "count": 9}' >"$jobs/pending/20260101T000000Z-00000000000a-named.json"
printf '{"source": "items", "count": 10}' >"$jobs/hold/20260101T000000Z-00000000000b-rests.json"
printf '{"source": "items", "count": 11}' >"$jobs/processed/20260101T000000Z-00000000000c-stray.json"
daemon_start

# found ID EVENT PLACE NAME: the event was written for a mv, and the file lies there
found() {
    wait_event "$2" 1 "$1"
    at "$3" "$4" "$1"
    is mv "$(event "select(.event == \"$2\") | .by" "$1")" "$4: by mv"
}
found "${J[wait_hold]}" held hold 'pending -> hold'
found "${J[wait_cancel]}" cancelled cancelled 'pending -> cancelled'
found "${J[later_cancel]}" cancelled cancelled 'deferred -> cancelled'
found "${J[later_hold]}" held hold 'deferred -> hold'
found "${J[failed_hold]}" held hold 'failed -> hold'
found "$run_cancel" cancelled cancelled 'processing -> cancelled'
for name in processed failed processing; do
    id=${J[wait_$name]}
    ok "pending -> $name: put back" wait_event requeued 1 "$id"
    is '["put_back","pending","mv"]' "$(event 'select(.event == "requeued") | [.reason,.to,.by] | tojson' "$id")" "pending -> $name: journalled"
    like '^(pending|deferred)$' "$(place "$id")" "pending -> $name: it waits for its budget"
done
found "${J[done_pending]}" requeued processed 'processed -> pending: put back'
found "${J[done_hold]}" requeued processed 'processed -> hold: put back'
found "${J[done_deferred]}" requeued processed 'processed -> deferred: put back'
at processed 'deferred -> pending: runs now' "${J[later_pending]}"
at processed 'touch in deferred/: runs now' "${J[later_touch]}"
at processed 'failed -> pending: goes on' "${J[failed_pending]}"
at processed 'processing -> pending: goes on' "$run_pending"
at hold 'vanished: made again in hold/' "${J[wait_gone]}"
is missing "$(event 'select(.event == "held") | .reason' "${J[wait_gone]}")" 'reason missing'
ok 'a double is set aside' wait_for 5 there "$jobs/failed/${J[wait_double]}.dup-1.json"
like '^(pending|deferred)$' "$(place "${J[wait_double]}")" 'the place that the journal names holds'
ok 'edited while it waited: accepted afresh' wait_event accepted 2 "${J[wait_edit]}"
at processed 'a file that is named by an id is accepted under it' 20260101T000000Z-00000000000a-named
is hold "$(place 20260101T000000Z-00000000000b-rests)" 'a file that was never accepted rests in hold/'
is '' "$(ids rests)" 'and has no journal'
wait_for 5 has_journal stray
at failed 'a file that was never accepted goes from processed/ to failed/' "$(ids stray)"

# Moved away after a kill between the line of a page and its marker: the job may never go on, its payload is there for whoever loads.
daemon_stop
job "$jobs/pending/marked.json" 0 '{source: "items", count: 13}'
BATCHSPOOL_FAULT=1:kill:symlink "$PROGRAMS/batchspoold" --foreground >>"$DIR/daemon.log" 2>&1
ID=$(ids marked)
is 'captured processing' "$(events | tail -n 1) $(place)" 'killed before the marker of its page'
is '' "$(find "$SPOOL/payloads" -name "${ID}_batch*")" 'which is missing'
move "$ID" processing cancelled
daemon_start
found "$ID" cancelled cancelled 'processing -> cancelled'
is "pending/${ID}_batch0001.json" "$(cd "$SPOOL/payloads" && find ./*/ -name "${ID}_batch*" | sed 's/^..//')" 'its marker is made'
printf 'x' >"$jobs/tmp/leftover"
drop last 0 '{source: "items", count: 12}'
at processed 'and everything goes on'
verified 'verify finds no difference'
finish
