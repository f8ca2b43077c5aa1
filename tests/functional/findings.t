#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Small promises that were broken once: secrets that a source repeats, sources that give the same for ever, waits that keep places, orders of a burst.
. "$(dirname "$0")/../lib.sh"

# --- what a source says may repeat a secret ---------------------------------------------------------------------------------
api_start
source_metered properties
daemon_start
faults "{\"kind\": \"status\", \"status\": 400, \"on\": \"any\", \"count\": -1, \"body\": \"{\\\"error\\\": \\\"bad header Bearer $TOKEN, sorry\\\"}\"}"
drop echoed 10
at failed 'a refusal that repeats the token'
like 'bad header Bearer \*\*\*, sorry' "$(why)" 'is told without it'
is '' "$(grep -rlF "$TOKEN" "$SPOOL/journal" "$SPOOL/jobs" "$SPOOL/index" "$DIR/daemon.log")" 'and stands nowhere'
faults '{"kind": "status", "status": 429, "on": "any", "count": 5}'
drop refused 10 '.on_duplicate = "run"'
at processed 'five refusals without Retry-After'
ok 'each is waited for longer, up to the most' jq -se '[.[] | select(.event == "retrying") | (.until[17:19] + .until[19:23] | rtrimstr("Z") | tonumber) as $u | (.ts[17:26] | tonumber) as $t | ($u - $t) | if . < 0 then . + 60 else . end]
    | .[4] > 2 * .[0]' "$SPOOL/journal/$ID.ndjson"
daemon_stop
api_stop

# --- a source that gives the same page for ever --------------------------------------------------------------------------------
paged_start --records 100
paged_set '{"ignore_offset": true, "total": "none"}'
source_paged offset-same '.paginator |= del(.total_path) + {total_path: null}'
daemon_start
drop same 0 '{source: "offset-same"}'
at failed 'a source that gives the same page for every offset'
is '[2,"coverage"]' "[$(count_of captured),$(event 'select(.event == "failed" and (.batch | not)) | .reason | tojson')]" 'is found out by the second'
like 'only records that came before' "$(why)" 'and told'

# --- a limit that is ignored is told of after a stop, too -------------------------------------------------------------------------
paged_set '{"ignore_limit": true, "cap": 40, "delay_ms": 700, "total": "none"}'
source_paged offset-paid '.paginator.limit = 10 | .paginator.total_path = null
    | .metering = {purchase: {params: {buy: "1"}}, cost_per_record: "0.01", currency: "USD", max_in_flight: 1}'
drop paid 0 '{source: "offset-paid"}'
wait_event requested
daemon_stop
is 1 "$(count_of captured)" 'the paid answer is awaited'
daemon_start
at hold 'the job is held'
is '[1,"limit_ignored"]' "[$(count_of requested),$(event 'select(.event == "held") | .reason | tojson')]" 'before a second page is bought'

# --- a job that waits ---------------------------------------------------------------------------------------------------------
config '.max_concurrent_jobs = 1'
daemon_stop
daemon_start
paged_set '{"fail_at": 1, "fail_count": 3, "fail_status": 503}'
source_paged offset-down '.error_handler.backoff_strategies = [{type: "constant", backoff_time_in_seconds: 30}]'
source_paged offset-well
drop down 0 '{source: "offset-down"}'
wait_event retrying
drop well 0 '{source: "offset-well"}'
api_reset
at processed 'a job that waits to try again keeps no place'
bs cancel "$(ids down | tail -n 1)" >"$DIR/out"

# --- a burst ------------------------------------------------------------------------------------------------------------------
for n in 1 2 3; do
    api_reset
    for priority in low urgent; do
        printf '{"source": "offset-well", "priority": "%s"}' "$priority" >"$SPOOL/jobs/tmp/burst$n-$priority.json"
    done
    perl -e 'rename "$ARGV[0]/tmp/burst$ARGV[1]-$_.json", "$ARGV[0]/pending/burst$ARGV[1]-$_.json" or die for "low", "urgent"' "$SPOOL/jobs" "$n"
    taken "burst$n-urgent"
    urgent=$ID
    at processed 'an urgent job' "$urgent"
    taken "burst$n-low"
    at processed 'and a low one that came in the same breath before it' "$ID"
    ok 'are claimed in the order of their priorities' test "$(event 'select(.event == "claimed") | .ts' "$urgent")" \< "$(event 'select(.event == "claimed") | .ts' "$ID")"
done
verified 'verify finds no difference'
daemon_stop
finish
