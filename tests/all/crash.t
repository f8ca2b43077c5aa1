#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stop at every step, fail at every step: each fault point of a whole run, killed, with EIO, with ENOSPC.
. "$(dirname "$0")/../crash/crash.sh"
crash_world
last=$(points)
result $((last < 30)) "a run passes its fault points ($last)"
for action in kill eio enospc; do
    for n in $(seq 1 "$last"); do one_point "$n:$action" "$action$n"; done
done
finish
