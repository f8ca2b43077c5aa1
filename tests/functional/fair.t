#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who comes next: jobs of one source in turns, sources in turns, and no priority starves.
. "$(dirname "$0")/../lib.sh"
paged_start --records 5000 --set '{"delay_ms": 20}'
# tagged NAME [JQ]: a source whose requests say which job they are of; one request at a time
tagged() {
    source_paged "$1" '.steps[0].http.params = {tag: "${job.tag}", count: "${job.count}"} | .job_members = {tag: {type: "string"}, count: {type: "integer", default: 1}}
        | .concurrency_level = {default_concurrency: 1, max_concurrency: 1} | '"${2:-.}"
}
tagged offset-slow
tagged offset-b
tagged offset-c
WAIT_S=20
daemon_start

# put TAG PAGES [JQ]: a job of so many pages; sets ID
put() { drop "$1" 0 "{source: \"offset-slow\", tag: \"$1\", count: ($2 * 25)} | ${3:-.}"; }
tags() { curl -s "$API_URL/_log" | sed -n 's/.*[?&]tag=\([a-z0-9-]*\).*/\1/p'; }
sent() { tags | grep -cx "$1"; }
sent_least() { [ "$(sent "$1")" -ge "$2" ]; }

# --- jobs of one source in turns
exits 0 'the queue is paused' bs pause --reason 'setting up'
put aa 12; one=$ID
put bb 12; two=$ID
put cc 12; three=$ID
is 'pending pending pending' "$(place "$one") $(place "$two") $(place "$three")" 'three jobs wait'
exits 0 'resumed' bs resume
for id in "$one" "$two" "$three"; do at processed 'each completes' "$id"; done
is '12 12 12' "$(sent aa) $(sent bb) $(sent cc)" 'each asked for its pages once'
is '5 aa,5 bb,5 cc' "$(tags | sed -n 10,24p | sort | uniq -c | sed 's/^ *//' | paste -sd,)" 'at the server they came in turns'
is 0 "$(tags | sed -n 10,24p | uniq -d | wc -l)" 'none twice in a row'

# --- sources in turns, where slots are scarce
config '.max_concurrent_jobs = 1'
exits 0 'reload' bs reload
ok 'fewer slots without a restart' wait_for 5 daemon_says 'configuration: max_concurrent_jobs has changed'
bs pause >/dev/null
for n in 1 2 3 4 5 6; do drop "flood$n" 0 '{source: "offset-b", tag: "flood"}'; done
for n in 1 2 3; do drop "other$n" 0 '{source: "offset-c", tag: "other"}'; done
last=$ID
bs resume >/dev/null
at processed 'the last job of the second source completes' "$last"
wait_for 10 sent_least flood 6
is 'flood other flood other flood other flood flood flood' "$(jq -r 'select(.event == "claimed") | .ts + " " + input_filename' "$SPOOL"/journal/*-{flood,other}?.ndjson | sort | sed 's/.*-\([a-z]*\)[0-9]\.ndjson/\1/' | paste -sd' ')" 'a flood of one source does not keep another out'

# --- urgent comes at once, also where the source is busy
config '.max_concurrent_jobs = 2'
bs reload
put long 80 '.priority = "low"'; long=$ID
wait_for 10 sent_least long 3
n=$(tags | wc -l)
put rush 1 '.priority = "urgent"'
at processed 'an urgent job completes'
is 1 "$(tags | tail -n +$((n + 1)) | head -n 12 | grep -cx rush)" 'among the next requests of its busy source'
at processed 'the long one, too' "$long"
is long "$(tags | tail -n 1)" 'which ran on behind it'

# --- of running jobs: a low one gets a small share beside a high one
put tall 160 '.priority = "high"'; tall=$ID
wait_for 10 sent_least tall 3
put tiny 2 '.priority = "low"'; tiny=$ID
at processed 'a low job completes' "$tiny"
is true "$([ "$(tags | grep -x 'tall\|tiny' | grep -nx tiny | head -n 1 | cut -d: -f1)" -gt 12 ] && echo true)" 'which goes first'
at processed 'the high one, too' "$tall"
is tall "$(tags | tail -n 1)" 'which ran on behind the low one'

# --- a constant stream of high ones, one slot
config '.max_concurrent_jobs = 1 | .priority_ageing_s = 0'
bs reload
wait_for 5 daemon_says 'configuration: priority_ageing_s has changed'
stream() {
    local n=0
    while :; do
        while [ "$(find "$SPOOL/jobs/pending" -name '*.json' | wc -l)" -gt 4 ]; do sleep 0.02; done
        n=$((n + 1))
        echo '{"source": "offset-slow", "tag": "high", "priority": "high"}' >"$SPOOL/jobs/tmp/s$n.json"
        mv "$SPOOL/jobs/tmp/s$n.json" "$SPOOL/jobs/pending/s$n.json"
    done
}
stream &
stream=$!
BACKGROUND+=("$stream")
wait_for 10 sent_least high 5
put low 3 '.priority = "low"'
low=$ID
n=$(sent high)
ok 'without ageing high ones run on' wait_for 20 sent_least high $((n + 40))
is '0 pending' "$(sent low) $(place "$low")" 'and a low one waits'
config '.priority_ageing_s = 1'
bs reload
at processed 'with ageing it completes under the same stream' "$low"
n=$(sent high)
ok 'which goes on' wait_for 10 sent_least high $((n + 3))
put rush2 1 '.priority = "urgent"'
at processed 'an urgent one, too'
kill "$stream" && wait "$stream" 2>/dev/null
quiet() { [ -z "$(find "$SPOOL/jobs/pending" "$SPOOL/jobs/processing" -name '*.json')" ]; }
ok 'the queue runs empty' wait_for 20 quiet
verified 'verify finds no difference'
finish
