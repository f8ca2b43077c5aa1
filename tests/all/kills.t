#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 200 runs of a 25-page job with one SIGKILL of the daemon each, at random moments, and 20 runs with ten kills each (KILLS_RUNS and KILLS_MANY change the numbers).
. "$(dirname "$0")/../crash/crash.sh"
PAGES=25 RECORDS=500
crash_world
RANDOM=${KILLS_SEED:-$$}
echo "# KILLS_SEED=${KILLS_SEED:-$$}"
captured_list=$(seq -s, 1 $PAGES)
sound_of_many() {
    local twice unknown
    twice=$(stat_of .twice) unknown=$(journal_unknown)
    [ "$twice" -le $((unknown * PAGE)) ] || { WRONG="$twice ids charged twice, $unknown pages in doubt"; return 1; }
    [ "$(stat_of .charged_ids)" = $RECORDS ] || { WRONG="$(stat_of .charged_ids) ids charged"; return 1; }
    [ "$(bs export --format ndjson --job "$ID" | jq -r .RadarID | sort -u | wc -l)" = $RECORDS ] || { WRONG='records are missing in the store'; return 1; }
    [ "$(jq -s '[.[] | select(.event == "captured") | .batch] | sort' -c "$SPOOL/journal/$ID.ndjson")" = "[$captured_list]" ] || { WRONG='captured lines'; return 1; }
    chain_ok 2>"$DIR/err" || { WRONG="journal: $(cat "$DIR/err")"; return 1; }
    daemon_stop
    bs verify >"$DIR/out" 2>&1 || { WRONG="verify: $(cat "$DIR/out")"; return 1; }
}
# killed_run KILLS NAME
killed_run() {
    local i
    WRONG=''
    world "r$2"
    job_dropped
    for i in $(seq "$1"); do
        faulty "$((RANDOM % (900 / $1) + 1)):kill"
        wait_for 30 ended_or_rests
        if in_place hold "${ID:-none}"; then
            bs release --accept-charge "$ID" >/dev/null 2>&1
            wait_for 30 ended_or_rests
        fi
        ended "$DAEMON_PID" || kill -9 "$DAEMON_PID"
        wait "$DAEMON_PID" 2>/dev/null
        DAEMON_PID=''
    done
    daemon_start
    if settle && sound_of_many; then result 0 "run $2, $1 kills, $(journal_unknown) in doubt"; else result 1 "run $2, $1 kills" "$WRONG"; fi
    [ -z "$DAEMON_PID" ] || daemon_kill
    [ -n "$WRONG" ] || rm -rf "$SPOOL"
}
for n in $(seq "${KILLS_RUNS:-200}"); do killed_run 1 "one$n"; done
for n in $(seq "${KILLS_MANY:-20}"); do killed_run 10 "ten$n"; done
finish
