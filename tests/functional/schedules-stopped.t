#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One due time, and the daemon killed, or refused by the disk, at every point of its run: one job comes of it, once.
. "$(dirname "$0")/../lib.sh"
api_start
source_free items
S=$SPOOL/schedules

# due NAME once|skip: a schedule that came due today while nobody was there, and one that will in a second
due() {
    if [ "$2" = once ]; then
        jq -n '{every: "P1D", missed: "once", job: {source: "items", count: 1}}' >"$S/$1.json"
        jq -n --arg name "$1" '{schedule: $name, times: "every P1D", after: (now - now % 86400 - 1 | todate)}' >"$S/$1.state"
    else
        jq -n '{every: "P1D", start: (now + 1 | todate), job: {source: "items", count: 1}}' >"$S/$1.json"
    fi
}

start() {
    : >"$DIR/passed"
    "$@" "$PROGRAMS/batchspoold" --foreground >>"$DIR/daemon.log" 2>&1 &
    DAEMON_PID=$!
    disown "$DAEMON_PID"
}

kill_it() {
    kill -9 "$DAEMON_PID" 2>/dev/null
    wait_for 10 gone "/proc/$DAEMON_PID"
    DAEMON_PID=''
}

run_done() { [ "$(jq -r '.job_id // empty' "$S/$1.state" 2>/dev/null)" = "$(ids "$1")" ] && [ -n "$(ids "$1")" ] && settled_in processed "$(ids "$1")"; }
left_out() { [ "$(jq -r '.missed // 0' "$S/$1.state" 2>/dev/null)" = 1 ]; }
over() { ended "$DAEMON_PID" || run_done "$1" || left_out "$1"; }
# The files of all places, also of jobs/tmp: what a kill leaves there goes with the next try.
files() { find "$SPOOL/jobs" -name "*-$1.json" | wc -l; }

# one ACTION N MISSED
one() {
    local name="$1-$3-$2" problem=''
    : >"$DIR/daemon.log"
    due "$name" "$3"
    start env BATCHSPOOL_FAULT="$2:$1" BATCHSPOOL_FAULT_LOG="$DIR/passed"
    wait_for 10 over "$name" || problem='nothing came of it'
    grep -q "^$2 " "$DIR/passed" && STRUCK=$((STRUCK + 1))
    kill_it
    local begun
    begun=$(files "$name")
    start env
    if [ "$3" = skip ] && [ "$begun" = 0 ]; then # it was not even begun: that is a daemon that was down at that time, or was not told yet
        { wait_for 10 over "$name" && [ "$(files "$name")" -le 1 ]; } || problem="neither run nor left out"
        left_out "$name" && { daemon_says "schedule $name: 1 time due" || problem='left out and not told'; }
    else
        wait_for 10 run_done "$name" || problem="not run: $(cat "$S/$name.state"; ids "$name")"
        [ "$(files "$name")" = 1 ] || problem="$(files "$name") files"
        [ "$(count_of accepted "$(ids "$name")")" = 1 ] && [ "$(count_of completed "$(ids "$name")")" = 1 ] || problem="taken in more than once"
    fi
    kill_it
    rm -f "$S/$name".*
    [ -z "$problem" ] || WRONG+="$1 at $2 ($3): $problem"$'\n'
    RUNS=$((RUNS + 1))
}

due count once
: >"$DIR/daemon.log"
start env BATCHSPOOL_FAULT_LOG="$DIR/passed"
wait_for 10 run_done count
result $? 'one run'
kill_it
last=$(sed -n '/count\.state/=' "$DIR/passed" | tail -n 1)
last=$(($(sed -n "${last}p" "$DIR/passed" | cut -d' ' -f1) + 2))
rm -f "$S"/count.*
like '^[1-9][0-9]$' "$last" 'up to its state it passes some points'
RUNS=0 STRUCK=0 WRONG=''
for n in $(seq 1 "$last"); do one kill "$n" once; done
for n in $(seq 2 3 $((last + 4))); do one kill "$n" skip; done
for n in $(seq 1 4 "$last"); do one eio "$n" once; done
for n in $(seq 3 4 "$last"); do one enospc "$n" once; done
is '' "$WRONG" "one job for one due time, whatever happened ($RUNS runs, $STRUCK faults that struck)"
is 1 "$((STRUCK * 10 > RUNS * 8))" 'nearly all faults struck'
verified 'and nothing contradicts'
finish
