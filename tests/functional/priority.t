#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Urgent first; equal priorities in the order of their ids.
. "$(dirname "$0")/../lib.sh"
api_start
source_free items '.concurrency_level = {default_concurrency: 1, max_concurrency: 1}'
config '.max_concurrent_jobs = 1'
daemon_start

# While one job keeps the only place, eight come; their ids as if they had been submitted one after the other.
faults '{"kind": "stall", "on": "free"}'
drop first 0 '{source: "items", count: 9}'
first=$ID
at processing 'one runs'
waiting=()
for priority in low normal high urgent low normal high urgent; do
    n=$((${#waiting[@]} + 1))
    waiting+=("2026010${n}T000000Z-00000000000$n-$priority")
    printf '{"source": "items", "count": 10, "priority": "%s"}' "$priority" >"$SPOOL/jobs/pending/${waiting[-1]}.json"
done
for id in "${waiting[@]}"; do at pending "job ${id:7:1}, ${id:30}, waits" "$id"; done
faults
exits 0 'the first is cancelled' bs cancel "$first"
for id in "${waiting[@]}"; do at processed "job ${id:7:1} completes" "$id"; done
order=$(jq -r 'select(.event == "claimed") | .ts + " " + input_filename' "$SPOOL"/journal/2026010*.ndjson | sort | sed 's/.*-\([a-z]*\)\.ndjson/\1/' | tr '\n' ' ')
is 'urgent urgent high high normal normal low low ' "$order" 'higher priorities are claimed first'
ids_in_order=$(jq -r 'select(.event == "claimed") | .ts + " " + input_filename' "$SPOOL"/journal/2026010*.ndjson | sort | sed 's|.*/2026010\([0-9]\)T.*|\1|' | tr -d '\n')
is 48372615 "$ids_in_order" 'equal ones in the order of their ids'

# While one runs, what comes later and is more urgent goes first; priority changes a waiting job.
faults '{"kind": "stall", "on": "free"}'
drop running 0 '{source: "items", count: 11}'
running=$ID
at processing 'one runs'
drop early 0 '{source: "items", count: 12}'
early=$ID
drop late 0 '{source: "items", count: 13}'
late=$ID
drop rush 0 '{source: "items", count: 14, priority: "high"}'
rush=$ID
exits 0 'priority' bs priority "$late" urgent
wait_event reprioritised 1 "$late"
is '["urgent"]' "$(show '[.priority]' "$late")" 'show says so'
is urgent "$(jq -r .priority "$SPOOL/jobs/pending/$late.json")" 'the waiting file is rewritten'
exits 64 'an unknown priority is refused' bs priority "$late" soon
faults
exits 0 'cancel' bs cancel "$running"
for id in "$early" "$late" "$rush"; do at processed 'the others run' "$id"; done
is "$late $rush $early " "$(jq -r 'select(.event == "claimed") | .ts + " " + input_filename' "$SPOOL/journal/"{"$early","$late","$rush"}.ndjson | sort | sed 's|.*/\(.*\)\.ndjson|\1|' | tr '\n' ' ')" 'the urgent one first, then the high one'
exits 65 'the priority of a completed job has no meaning' bs priority "$late" low
verified 'verify finds no difference'
finish
