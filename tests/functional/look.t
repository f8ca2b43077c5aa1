#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Looking: rate and ETA, what a running job waits for, figures of the queue.
. "$(dirname "$0")/../lib.sh"
WAIT_S=30
paged_start
source_paged offset '.concurrency_level = {default_concurrency: 2, max_concurrency: 2}'
paged_job() { jq -n --arg source "${2:-offset}" '{source: $source} | '"${3:-.}" >"$DIR/$1.json"; ID=$(bs submit "$DIR/$1.json"); }
seconds() { date -d "$1" +%s.%N; }

# --- a steady slow source: 60 pages of 25, two at a time, 150 ms each
paged_set '{"records": 1500, "delay_ms": 150}'
config '.max_concurrent_jobs = 1'
daemon_start
paged_job steady
wait_event captured 12
bs show --json "$ID" >"$DIR/early"
now=$(date +%s.%N)
like '^[0-9]+\.[0-9]+ "20..-' "$(jq -r '"\(.rate_per_s) \"\(.eta)"' "$DIR/early")" 'after 20 % of the pages show --json tells rate and ETA'
is true "$(bs list --json | jq '.rate_per_s > 0 and .eta_s >= 0 and .eta != null')" 'list --json too'
like ' [0-9.]+/s +[0-9]+s$' "$(bs list)" 'list'
like $'\n''rate +[0-9.]+ records/s'$'\n''eta +20' "$(bs show "$ID")" 'show'
like 'captured of 1500, [0-9.]+ records/s, done in [0-9]+s' "$(bs why "$ID")" 'why'
like '[0-9.]+/s  [0-9]+s left' "$(timeout 2 "$PROGRAMS/batchspool" watch "$ID" | head -n 1)" 'watch'
steady=$ID
paged_job second
wait_event accepted
like "It waits for its turn at priority normal: 1 jobs of source offset run, 0 come before it.*All 1 slots \(max_concurrent_jobs\) are used" "$(bs why "$ID" | tr '\n' ' ')" 'why of a job for which there is no slot'
bs cancel "$ID"
ID=$steady
at processed 'it completes'
end=$(seconds "$(event 'select(.event == "completed") | .ts')")
start=$(seconds "$(event 'select(.event == "requested" and .batch == 1) | .ts')")
captured=$(jq .processed_records "$DIR/early")
off() { awk -v now="$now" -v end="$end" -v eta="$(seconds "$(jq -r .eta "$DIR/early")")" 'BEGIN { off = (eta - end) / (end - now); if (off < 0) off = -off; printf "%.1f\n", off * 100 }'; }
echo "# $captured of 1500 records: the ETA was off by $(off) % of what was left"
is 1 "$(awk -v off="$(off)" 'BEGIN { print (off <= 20) }')" "the ETA was within 20 % of the time that was left (off by $(off) %)"
is 1 "$(awk -v rate="$(show .rate_per_s)" -v real="$(awk -v a="$start" -v b="$end" 'BEGIN { print 1500 / (b - a) }')" 'BEGIN { print (rate > 0.8 * real && rate < 1.2 * real) }')" \
    'the rate of a completed job is that of its run'
is '[null,null]' "$(show '[.eta, .waiting_until]')" 'and it has no ETA'

# --- a job that waits in processing/
paged_set '{"records": 100, "fail_at": 2, "fail_count": 100, "fail_status": 503}'
source_paged offset-slow '.error_handler = {max_retries: 50, backoff_strategies: [{type: "constant", backoff_time_in_seconds: 30}]} | .concurrency_level.default_concurrency = 1'
paged_job waits offset-slow
wait_event retrying
wait_for 5 bash -c "'$PROGRAMS/batchspool' list --json --status PROCESSING | jq -e '.waiting_for == \"status_503\"' >/dev/null"
is '"status_503"' "$(show .waiting_for)" 'a job that waits for less than a minute says for what'
left=$(($(date -d "$(show .waiting_until | tr -d '"')" +%s) - $(date +%s)))
is 1 "$((left > 20 && left <= 31))" "and until when ($left s)"
like ' PROCESSING +status_503 ' "$(bs list --status PROCESSING)" 'list shows it as its reason'
like "It waits until 20[^ ]* \(status_503\) and then goes on by itself" "$(bs why "$ID")" 'why tells it'
like "waits for +status_503" "$(bs show "$ID")" 'show too'
is true "$(show '.eta >= .waiting_until')" 'and it is done later than that'
daemon_kill
is '[null,null]' "$(show '[.eta, .eta_s]')" 'without a daemon nobody knows when'
daemon_start
bs cancel "$ID"
at cancelled 'and it can be cancelled meanwhile'

# --- own limits used up for a while
paged_set '{"records": 200}'
source_paged offset-limited '.api_budget = {policies: [{type: "moving_window", rates: [{limit: 2, interval: "PT40S"}]}]}'
kill -HUP "$DAEMON_PID"
paged_job limited offset-limited
wait_event captured 2
wait_for 5 bash -c "'$PROGRAMS/batchspool' why $ID | grep -q api_budget"
like 'It waits until 20[^ ]* \(api_budget\)' "$(bs why "$ID")" 'a job that waits for its own limit says so'
is true "$(show '.eta_s >= 115')" 'and is not done before that lets it: six pages at two in 40 s'
paged_job behind offset-limited
wait_event accepted
like "The source offset-limited is paused until .*: api_budget" "$(bs why "$ID")" 'and one that is pending behind it'
like '1 jobs of source offset-limited run, 0 come before it' "$(bs why "$ID")" 'with its place in the queue'
paged_job low offset-limited '.priority = "low"'
wait_event accepted
like "paused until" "$(bs sources list)" 'sources list has the pause'

# --- figures of the queue
bs stats --json >"$DIR/stats"
is '[1,1,2,1]' "$(jq -c '.queue | [.pending.low.depth, .pending.normal.depth, .pending.depth, .processing.normal.depth]' "$DIR/stats")" 'stats --json: depth by place and priority'
is true "$(jq '.queue.pending.normal.oldest_s >= 0 and .queue.deferred.low.oldest_s == null' "$DIR/stats")" 'and the oldest'
is '[1,1,2]' "$(jq -c '.sources[] | select(.source == "offset-limited") | .queue | [.pending.low.depth, .pending.normal.depth, .pending.depth]' "$DIR/stats")" 'of each source'
like $'\n''queue pending    low             1  oldest [0-9]+s' "$(bs stats)" 'stats'
verified 'verify finds no difference'
daemon_stop
rm -f "$SPOOL/index/"*
exits 0 'the row is the same from the journals' bs list --json
is '["low","normal"]' "$(jq -s -c 'map(select(.status == "PENDING") | .priority) | sort' <<<"$OUT")" 'priorities without an index'
finish
