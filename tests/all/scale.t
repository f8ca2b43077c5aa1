#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Cost and memory stay level: over 2,500 pages of one job, and beside 100,000 files that wait, or are worked off. BATCHSPOOL_TEST_PAGES and BATCHSPOOL_TEST_WAITING make it shorter.
. "$(dirname "$0")/../lib.sh"
pages=${BATCHSPOOL_TEST_PAGES:-2500}
waiting=${BATCHSPOOL_TEST_WAITING:-100000}
most_kb=$((64 * 1024))
WAIT_S=900

# tell TEXT: a figure
tell() { printf '# %s\n' "$1"; }

# holds NAME EXPRESSION: of figures
holds() { is 1 "$(awk "BEGIN { print ($2) ? 1 : \"$2\" }")" "$1"; }

measure() { perl "$ROOT/tests/all/scale.pl" "$@"; }

# sampled FILE: from now on the highest RssAnon of the daemon, in kB
sampled() {
    measure rss "$DAEMON_PID" "$1" &
    BACKGROUND+=($!)
}

seconds_since() { awk "BEGIN { printf \"%.1f\", $(date +%s.%N) - $1 }"; }

# --- pages: one job of a million records, killed in the middle
"$PROGRAMS/tools/meteredapi" --token "$TOKEN" --records 2000000 --record-bytes 300 --port-file "$DIR/port" >"$DIR/api.log" 2>&1 &
API_PID=$!
wait_for 5 test -s "$DIR/port" || { echo 'Bail out! meteredapi does not start'; exit 1; }
API_URL=http://127.0.0.1:$(cat "$DIR/port")
source_metered properties '.metering.on_charge_unknown = "retry"'
daemon_start
sampled "$DIR/rss.few"
drop few 40000 '.criteria += [{name: "Offset", value: [1500000]}]'
at processed 'a job of 100 pages completes'
daemon_stop
daemon_start
sampled "$DIR/rss.many"
start=$(date +%s.%N)
drop many $((pages * 400)) '.max_records = 1000000'
many=$ID
wait_event captured $((pages / 2))
daemon_kill
daemon_start
sampled "$DIR/rss.resumed"
at processed "a job of $((pages * 400)) records in $pages pages, killed in the middle, completes"
tell "$pages pages: $(seconds_since "$start") s"
is "[$((pages * 400)),$((pages * 400)),0,0]" "$(event 'select(.event == "completed") | [.total,.unique,.duplicates,.missing] | tojson' "$many")" 'with every record'
is "$pages" "$(count_of captured "$many")" 'each page captured once'
read -r few_kb <"$DIR/rss.few"
read -r many_kb <"$DIR/rss.many"
read -r resumed_kb <"$DIR/rss.resumed"
tell "RssAnon at most: $few_kb kB with 100 pages, $many_kb kB with $pages until the kill, $resumed_kb kB resumed"
holds 'RssAnon below 64 MiB' "$many_kb < $most_kb && $resumed_kb < $most_kb"
holds 'and no higher than with 100 pages (10 %, and a page of the allocator)' "$many_kb < $few_kb * 1.1 + 512"
holds 'nor after resuming' "$resumed_kb < $few_kb * 1.1 + 2048"
# What grows with the pages shows each time, a busy machine does not.
for try in 1 2 3; do
    read -r first last ratio <<<"$(measure tenths "$SPOOL/journal/$many.ndjson")"
    tell "a page: $first ms in the first tenth, $last ms in the last (median)"
    [ $try = 3 ] || awk "BEGIN { exit !($ratio <= 1.3) }" && break
    drop "try$try" $((pages * 400)) ".max_records = 1000000 | .criteria += [{name: \"Offset\", value: [${try}00000]}]"
    many=$ID
    at processed 'another job as large completes'
done
holds 'the last pages cost what the first did (at most 1.3 times)' "$ratio <= 1.3"

# --- 10,000 records, captured and loaded
start=$(date +%s.%N)
drop loaded 10000 '.process = "auto" | .criteria += [{name: "Offset", value: [1600000]}]'
at processed '10,000 records are captured and loaded'
took=$(seconds_since "$start")
tell "10,000 records in 25 pages captured and loaded: $took s"
holds 'in less than 30 s' "$took < 30"
daemon_stop
kill "$API_PID" && wait "$API_PID" 2>/dev/null
rm -rf "$SPOOL"
bs init >"$DIR/out" 2>&1

# --- files: 100,000 wait for their source's limit, 10 do in a spool beside it
config '.rescan_interval_s = 10'
api_start --records 1000
source_free items
source_free limited '.api_budget = {policies: [{type: "moving_window", rates: [{limit: 1, interval: "PT6H"}]}]}'
daemon_start
sampled "$DIR/rss.waiting"
bs init --spool "$DIR/small" >"$DIR/out" 2>&1
"$PROGRAMS/batchspoold" --foreground --spool "$DIR/small" >"$DIR/small.log" 2>&1 &
BACKGROUND+=($!)
journals() { find "$SPOOL/journal" -name '*.ndjson' | wc -l; }
has_journals() { [ "$(journals)" -ge "$1" ]; }
measure files "$SPOOL/files" 11
mv "$SPOOL/files"/*.json "$DIR/small/jobs/pending/"
measure files "$SPOOL/files" "$waiting"
start=$(date +%s.%N)
read -r moved longest <<<"$(measure flood 20 "$SPOOL" "$SPOOL/files")"
tell "$waiting files moved to pending/ in $moved s; 20 urgent ones among them claimed after $longest s at most"
holds 'an urgent file in the middle of a flood is claimed within 10 s' "${longest:-99} < 10"
ok "$waiting files are accepted" wait_for "$WAIT_S" has_journals $((waiting + 20))
tell "$waiting files accepted in $(seconds_since "$start") s"
read -r small_p50 small_p99 large_p50 large_p99 <<<"$(measure drops 200 "$DIR/small" "$SPOOL")"
tell "drop to claimed: p50 $small_p50 ms, p99 $small_p99 ms beside 10 waiting files; p50 $large_p50 ms, p99 $large_p99 ms beside $waiting"
holds 'a drop is claimed as fast beside them as beside 10 (p50)' "${large_p50:-9999} < ${small_p50:-0} * 1.5 + 2"
holds 'and the slowest are not slower (p99)' "${large_p99:-9999} < ${small_p99:-0} * 2.5 + 20"
holds 'within 50 ms (p99)' "${large_p99:-9999} < 50"
read -r normal_p50 normal_p99 <<<"$(PRIORITY=normal measure drops 200 "$SPOOL")"
tell "of the priority that they have: p50 $normal_p50 ms, p99 $normal_p99 ms"
holds 'a drop of the same priority, and of another source, too' "${normal_p99:-9999} < 50"
# looks NAME COMMAND...: an answer within 5 s
looks() {
    local start
    start=$(date +%s.%N)
    bs "${@:2}" >"$DIR/out" 2>"$DIR/err"
    tell "$1: $(seconds_since "$start") s, $(wc -l <"$DIR/out") lines"
    holds "$1 answers within 5 s" "$(seconds_since "$start") < 5"
}
looks list list
looks stats stats
daemon_stop
start=$(date +%s.%N)
daemon_start
tell "the daemon starts beside them in $(seconds_since "$start") s"
holds 'within 5 s' "$(seconds_since "$start") < 5"
sampled "$DIR/rss.again"
read -r again_p50 again_p99 <<<"$(measure drops 200 "$SPOOL")"
tell "after that: p50 $again_p50 ms, p99 $again_p99 ms"
holds 'and claims within 50 ms (p99)' "${again_p99:-9999} < 50"
# Now they may go, one after the other; who comes meanwhile waits for the next slot.
source_free limited
kill -HUP "$DAEMON_PID"
ok 'the queue moves' wait_for 30 compgen -G "$SPOOL/jobs/processed/*flood*"
read -r open_p50 open_p99 <<<"$(measure drops 200 "$SPOOL")"
tell "beside a queue of $waiting that moves: p50 $open_p50 ms, p99 $open_p99 ms"
holds 'an urgent drop is claimed within 50 ms of it (p99)' "${open_p99:-9999} < 50"
read -r waiting_kb <"$DIR/rss.waiting"
read -r again_kb <"$DIR/rss.again"
tell "RssAnon at most: $waiting_kb kB, $again_kb kB after the start beside them"
holds 'RssAnon below 64 MiB' "$waiting_kb < $most_kb && $again_kb < $most_kb"
finish
