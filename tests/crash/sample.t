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
crash_finish
