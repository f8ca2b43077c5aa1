#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stop at every step, fail at every step: each fault point of a whole run, of loading by hand, and of a submission, with SIGKILL, EIO and ENOSPC.
. "$(dirname "$0")/../crash/crash.sh"
crash_world
last=$(points)
counted 30 "$last" 'a run'
every_point "$last" kill eio enospc

# A disk that is full from some point on, and stays so until the next start: what was paid for is neither lost nor asked for again unasked.
one_full() {
    world "full$1"
    job_dropped
    faulty "$1+:enospc"
    wait_for 2 ended_or_rests
    ! passed "$1" || STRUCK=$((STRUCK + 1))
    if ended "$DAEMON_PID" || [ $(($1 % 2)) = 0 ]; then crash; else stop_faulty; fi
    restart && settle && sound
    told "$1+:enospc"
}
for n in $(seq 4 3 "$last"); do
    if mine $((n / 3)); then one_full "$n"; fi
done
if mine 1; then one_point 1+ short; fi

# under_fault SPEC COMMAND...
under_fault() {
    local spec=$1
    shift
    : >"$DIR/passed"
    (BATCHSPOOL_FAULT=$spec BATCHSPOOL_FAULT_LOG=$DIR/passed exec "$PROGRAMS/batchspool" "$@") >"$DIR/out" 2>&1
} 2>/dev/null

passes() { cut -d' ' -f1 "$DIR/passed" | sort -n | tail -n 1; }

# --- loading by hand: the same three captured payloads each time ---------------------------------------------------------
world captured
job_dropped '.process = "manual"'
restart && settle && stop
CAPTURED=$SPOOL CAPTURED_ID=$ID

copied() {
    SPOOL=$DIR/$1 ID=$CAPTURED_ID WRONG=''
    export BATCHSPOOL_SPOOL=$SPOOL
    cp -a "$CAPTURED" "$SPOOL"
}

one_load() { # N ACTION
    copied "load$2$1"
    under_fault "$1:$2" process
    ! passed "$1" || STRUCK=$((STRUCK + 1))
    wait_for 5 no_loader
    bs process >"$DIR/out" 2>&1 || WRONG="process: $(cat "$DIR/out")"
    [ -z "$WRONG" ] && restart && loaded && verified_at_rest
    told "loading, $1:$2"
}

copied loadcount
under_fault 1000000:kill process
last=$(passes)
counted 8 "$last" 'loading'
rm -rf "$SPOOL"
for action in kill eio enospc; do
    for n in $(seq 1 "$last"); do
        if mine "$n"; then one_load "$n" "$action"; fi
    done
done

# --- a submission: what was acknowledged runs; what was not is there whole, or not at all ----------------------------------
one_submission() { # N ACTION
    local acknowledged=1 waiting
    world "submit$2$1"
    job "$DIR/submit.json" $RECORDS ".batch_size = $PAGE | .process = \"auto\""
    under_fault "$1:$2" submit "$DIR/submit.json" || acknowledged=0
    ! passed "$1" || STRUCK=$((STRUCK + 1))
    waiting=$(find "$SPOOL/jobs/pending" -name '*.json' | wc -l)
    [ "$waiting" -ge $acknowledged ] || WRONG='acknowledged, and not there'
    [ "$waiting" = 1 ] || bs submit "$DIR/submit.json" >"$DIR/out" 2>&1 || WRONG="submit: $(cat "$DIR/out")"
    rm -f "$SPOOL"/jobs/tmp/*
    [ -z "$WRONG" ] && restart && settle && sound
    told "a submission, $1:$2"
}

world submitcount
job "$DIR/submit.json" $RECORDS
under_fault 1000000:kill submit "$DIR/submit.json"
last=$(passes)
counted 4 "$last" 'a submission'
for action in kill eio enospc; do
    for n in $(seq 1 "$last"); do
        if mine "$n"; then one_submission "$n" "$action"; fi
    done
done
crash_finish
