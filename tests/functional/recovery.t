#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at random moments: after the next start everything comes to its end, loaded once, and no record is charged twice but by a person's decision.
. "$(dirname "$0")/../lib.sh"
api_start --records 20000
source_metered properties
source_free items
daemon_start

# settled ID...: none of these is on its way any more
settled() {
    local id
    for id; do
        case $(place "$id") in processed | hold) ;; *) return 1 ;; esac
    done
}
KILLS=${BATCHSPOOL_TEST_KILLS:-6}
SEED=${BATCHSPOOL_TEST_SEED:-$$}
RANDOM=$SEED
paid=()
free=()
for n in $(seq "$KILLS"); do
    # Answers that take their time, so that a kill meets every stage.
    faults '{"kind": "delay", "ms": 15, "on": "any", "count": -1}'
    drop "paid-$n" 2000 ".process = \"auto\" | .criteria += [{name: \"Offset\", value: [$((n * 2000))]}]"
    paid+=("$ID")
    drop "free-$n" 0 "{source: \"items\", count: 2000, process: \"auto\", name: \"$n\"}"
    free+=("$ID")
    sleep "0.$(printf %03d $((RANDOM % 350)))"
    daemon_kill
    daemon_start
done
faults
ok "after $KILLS kills (BATCHSPOOL_TEST_SEED=$SEED) all jobs come to rest" wait_for 15 settled "${paid[@]}" "${free[@]}"
is '' "$(for id in "${free[@]}"; do place "$id"; echo; done | grep -vx processed)" 'free ones complete'
unknown=0
for id in "${paid[@]}"; do
    u=$(count_of charge_unknown "$id")
    unknown=$((unknown + u))
    [ "$u" = 0 ] || is hold "$(place "$id")" 'a job with a lost answer is held'
done
is true "$([ "$unknown" -le "$KILLS" ] && echo true)" 'at most one answer was lost a kill'
is 0 "$(stat_of .twice)" 'no record was charged twice'
requested=$(jq -s '[.[] | select(.event == "requested" and .paid)] | length' "$SPOOL"/journal/*paid-*.ndjson)
is true "$([ "$(stat_of .paid_requests)" -le "$requested" ] && echo true)" 'no purchase without its line in a journal'
for id in "${paid[@]}"; do
    [ "$(place "$id")" = processed ] || bs release --accept-charge "$id" >"$DIR/out" 2>&1 || result 1 'release --accept-charge' "$(cat "$DIR/out")"
done
for id in "${paid[@]}"; do at processed 'a paid job completes' "$id"; done
is $((KILLS * 2000)) "$(bs export --source properties | jq -r .RadarID | sort -u | wc -l)" 'every record is in the store'
is $((KILLS * 2000)) "$(bs export --source properties | wc -l)" 'once'
is true "$([ "$(stat_of .twice)" -le $((unknown * 400)) ] && echo true)" 'only pages that a person released were charged twice'
is 0 "$(jq -r 'select(.event == "captured") | input_filename + " \(.batch)"' "$SPOOL"/journal/*.ndjson | sort | uniq -d | wc -l)" 'no page was captured twice'
is 0 "$(jq -r 'select(.event == "loaded") | input_filename + " \(.batch)"' "$SPOOL"/journal/*.ndjson | sort | uniq -d | wc -l)" 'no payload was loaded twice'
is '' "$(find "$SPOOL/payloads/tmp" "$SPOOL/jobs/tmp" -type f)" 'no temporary file is left'
broken=0
for id in "${paid[@]}" "${free[@]}"; do chain_ok "$id" 2>>"$DIR/chains" || broken=$((broken + 1)); done
is 0 $broken 'the chain of every journal holds'
verified 'verify finds no difference'
daemon_stop
is 0 "$STATUS" 'the daemon ends in good order'
finish
