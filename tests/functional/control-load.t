#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hold, release, cancel, retry, priority, pauses and moves by hand at random on jobs that buy, all at once: in the end each is complete, and nothing was bought twice.
. "$(dirname "$0")/../lib.sh"
JOBS=40
RANDOM=${SEED:-$$}
echo "# seed ${SEED:-$$}"
WAIT_S=60
api_start --records 100000
source_metered properties '.metering.max_in_flight = 2 | .concurrency_level = {default_concurrency: 2, max_concurrency: 3}'
daemon_start
faults '{"kind": "delay", "ms": 30, "on": "any", "count": -1}'
ids=()
for n in $(seq "$JOBS"); do
    job "$DIR/j$n.json" 800 ".criteria += [{name: \"Offset\", value: [$((n * 1000))]}]"
    ids+=("$(bs submit "$DIR/j$n.json")")
done
is "$JOBS" "$(printf '%s\n' "${ids[@]}" | sort -u | wc -l)" 'the jobs are submitted'

# A command may come too late, or to a place where it means nothing: then it says so, and that is all.
codes=''
do_one() {
    local id=$1 place
    case $((RANDOM % 12)) in
    0 | 1) bs hold "$id" ;;
    2 | 3) bs release "$id" ;;
    4) bs cancel "$id" ;;
    5) bs retry "$id" ;;
    6) bs priority "$id" low ;;
    7) bs priority "$id" urgent ;;
    8) bs pause --reason load ;;
    9) bs resume ;;
    10) touch "$SPOOL/paused/source.properties" ;;
    11)
        rm -f "$SPOOL/paused/source.properties"
        place=$(place "$id")
        mv "$SPOOL/jobs/${place%% *}/$id.json" "$SPOOL/jobs/hold/"
        ;;
    esac >>"$DIR/said" 2>&1
}
for _ in $(seq 250); do
    do_one "${ids[RANDOM % JOBS]}"
    codes+=" $?"
done
is '' "$(tr ' ' '\n' <<<"$codes" | grep -vxE '|0|1|65|66' | sort -u | paste -sd' ')" 'each command does it, or says why not'
is running "$(ended "$DAEMON_PID" && echo ended || echo running)" 'the daemon runs'

# All that is left goes on.
bs resume >/dev/null
rm -f "$SPOOL/paused/source.properties"
all_in() { [ "$(find "$SPOOL/jobs/processed" -name '*.json' | wc -l)" -eq "$JOBS" ]; }
push_on() {
    local id
    for id in "${ids[@]}"; do
        case $(place "$id") in hold) bs release "$id" ;; cancelled) bs retry "$id" ;; esac
    done >>"$DIR/said" 2>&1
    all_in
}
ok 'all are completed' wait_for 60 push_on
is "[$((JOBS * 800)),0,$((JOBS * 2))]" "$(stat_of '[.charged_records,.twice,.paid_requests]')" 'every page was bought, and none twice'
is 0 "$(cat "$SPOOL"/journal/*.ndjson | jq -r .event | grep -cx charge_unknown)" 'nothing is in doubt'
broken=0
for id in "${ids[@]}"; do chain_ok "$id" || broken=$((broken + 1)); done
is 0 "$broken" 'every journal is whole'
verified 'verify finds no difference'
finish
