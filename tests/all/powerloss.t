#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Power loss: the spool lies on a loop-mounted ext4 image; the daemon ends at point N; the image is copied as it is (that is what had reached the disk), the copy is mounted, and the job must end well on it.
. "$(dirname "$0")/../crash/crash.sh"
[ "$(id -u)" = 0 ] && command -v mkfs.ext4 >/dev/null || { echo '1..0 # SKIP needs root and mkfs.ext4'; exit 0; }
crash_world
step=${POWERLOSS_STEP:-1}
mkdir -p "$DIR/disk" "$DIR/copy"
truncate -s 64M "$DIR/base.img"
mkfs.ext4 -q -F "$DIR/base.img"
unmount() {
    umount "$DIR/disk" 2>/dev/null
    umount "$DIR/copy" 2>/dev/null
    clear_away
}
trap unmount EXIT
last=$(points)
rm -rf "$SPOOL"
one_loss() {
    WRONG=''
    cp --sparse=always "$DIR/base.img" "$DIR/run.img"
    mount -o loop "$DIR/run.img" "$DIR/disk"
    world disk/spool
    job_dropped
    sync -f "$SPOOL/jobs/pending"
    faulty "$1:kill"
    wait_for 20 ended_or_rests
    ended "$DAEMON_PID" || kill -9 "$DAEMON_PID"
    wait "$DAEMON_PID" 2>/dev/null
    DAEMON_PID=''
    cp --sparse=always "$DIR/run.img" "$DIR/copy.img"
    wait_for 10 umount "$DIR/disk"
    mount -o loop "$DIR/copy.img" "$DIR/copy" || { result 1 "power loss at $1" 'the copy does not mount'; return; }
    SPOOL=$DIR/copy/spool
    export BATCHSPOOL_SPOOL=$SPOOL
    daemon_start
    if settle && sound; then result 0 "power loss at $1"; else result 1 "power loss at $1" "$WRONG"; fi
    [ -z "$DAEMON_PID" ] || daemon_kill
    wait_for 10 umount "$DIR/copy"
}
for n in $(seq 1 "$step" "$last"); do one_loss "$n"; done
finish
