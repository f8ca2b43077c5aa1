#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 200 runs of a 25-page job with one SIGKILL of the daemon each and 20 runs with ten kills each (KILLS_RUNS and KILLS_MANY change the numbers; KILLS_SEED repeats a sequence). Half of the
# kills come at a fault point drawn from all that a run passes, the others after a random time up to KILLS_MS milliseconds (default: what half of a run takes here).
# shellcheck disable=SC2034
export KILLS_SEED=${KILLS_SEED:-$$}
[ -n "${CRASH_LANE-}" ] || echo "# KILLS_SEED=$KILLS_SEED"
. "$(dirname "$0")/../crash/crash.sh"
PAGES=25 RECORDS=500
crash_world
started=${EPOCHREALTIME/./}
last=$(points)
ms=${KILLS_MS:-$(((${EPOCHREALTIME/./} - started) / 2000))}
counted 100 "$last" 'a run of 25 pages'
RANDOM=$((KILLS_SEED + CRASH_LANE))

# one_kill point|time SHARE: SHARE kills of this run are spread over what is left of it
one_kill() {
    if [ "$1" = point ]; then
        faulty "$((RANDOM % (last / $2) + 1)):kill"
        wait_for 30 ended_or_rests
    else
        faulty 1000000:kill
        sleep "$(printf '%d.%03d' $((n = RANDOM % (ms / $2 + 20), n / 1000)) $((n % 1000)))"
    fi
    rests || STRUCK=$((STRUCK + 1))
    crash
}

# killed_run KILLS NAME
killed_run() {
    local i n kind=point
    [ $((RANDOM % 2)) = 0 ] || kind='time'
    world "r$2"
    job_dropped
    for ((i = 0; i < $1; i++)); do
        one_kill $kind "$1"
        ! in_place hold "${ID:-none}" || bs release --accept-charge "$ID" >/dev/null 2>&1
    done
    restart && settle && sound
    told "run $2, $1 kills by $kind"
}
for ((run = 1; run <= ${KILLS_RUNS:-200}; run++)); do
    if mine $run; then killed_run 1 "one$run"; fi
done
for ((run = 1; run <= ${KILLS_MANY:-20}; run++)); do
    if mine $run; then killed_run 10 "ten$run"; fi
done
crash_finish
