#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A sample of the crash runs: each kind of fault at some of its points. tests/all/crash.t walks over all of them.
. "$(dirname "$0")/crash.sh"
crash_world
last=$(points)
counted 30 "$last" 'a run'
i=0
sample() { # FIRST STEPS ACTION
    local n
    for n in $(seq "$1" $((last / $2 + 1)) "$last"); do
        i=$((i + 1))
        if mine $i; then one_point "$n" "$3"; fi
    done
}
sample 2 10 kill
sample 5 5 eio
sample 7 5 enospc

# A crash between a move and its note leaves a job without: the next start writes it.
if mine 1; then
    world note
    job_dropped '.max_cost = "0.01"'
    restart
    wait_for 10 rests || WRONG="it is not held: $(place)"
    stop
    rm -f "$SPOOL/jobs/hold/$ID.why"
    restart
    wait_for 5 grep -qs max_cost "$SPOOL/jobs/hold/$ID.why" || WRONG='nothing says why it is held'
    told 'a missing note is made again'
fi
crash_finish
