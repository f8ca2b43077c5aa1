#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A sample of the crash runs: each kind of fault at some of its points. tests/all/crash.t walks over all of them.
. "$(dirname "$0")/crash.sh"
crash_world
last=$(points)
result $((last < 30)) "a run passes its fault points ($last)"
for n in $(seq 2 $((last / 10 + 1)) "$last"); do one_point "$n:kill" "kill$n"; done
for n in $(seq 5 $((last / 4 + 1)) "$last"); do one_point "$n:eio" "eio$n"; done
for n in $(seq 7 $((last / 4 + 1)) "$last"); do one_point "$n:enospc" "full$n"; done
finish
