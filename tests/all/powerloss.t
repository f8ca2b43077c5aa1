#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Power loss: the spool lies on a loop-mounted ext4 image; the daemon ends at point N; the image is copied as it is (that is what had reached the disk), the copy is mounted, and the job must
# end well on it, under another boot id. The file system writes nothing by itself meanwhile (commit=600) and repairs no missing fsync (noauto_da_alloc). POWERLOSS_STEP=2 tries every other point.
# shellcheck disable=SC2034
if [ "$(id -u)" != 0 ] || ! command -v mkfs.ext4 >/dev/null || ! losetup -f >/dev/null 2>&1 || ! unshare -m --propagation private true 2>/dev/null; then
    echo '1..0 # SKIP needs root, mkfs.ext4, loop devices and mount namespaces'
    exit 0
fi
# Each lane has mounts of its own, so that no other lane's daemon holds them.
if [ -n "${CRASH_LANE-}" ] && [ -z "${POWERLOSS_LANE-}" ]; then
    POWERLOSS_LANE=1 exec unshare -m --propagation private "$0"
fi
CRASH_LANES=${CRASH_LANES:-3} # loop devices are few
. "$(dirname "$0")/../crash/crash.sh"
step=${POWERLOSS_STEP:-1}
OPTIONS=loop,noatime,commit=600,noauto_da_alloc
mkdir -p "$DIR/disk" "$DIR/copy"
unmount() {
    local status=$?
    [ -z "$DAEMON_PID" ] || crash
    umount -l "$DIR/disk" 2>/dev/null
    umount -l "$DIR/copy" 2>/dev/null
    (exit $status)
    clear_away
}
trap unmount EXIT
truncate -s 64M "$DIR/base.img"
mkfs.ext4 -q -F "$DIR/base.img"
mount -o $OPTIONS "$DIR/base.img" "$DIR/disk"
BATCHSPOOL_SPOOL=$DIR/disk/spool bs init >"$DIR/out" 2>&1
umount "$DIR/disk"
crash_world
tr 0-9 1-90 </proc/sys/kernel/random/boot_id >"$DIR/boot_id"

# The next start of the machine.
restart() {
    : >"$DIR/daemon.log"
    mount --bind "$DIR/boot_id" /proc/sys/kernel/random/boot_id
    "$PROGRAMS/batchspoold" --foreground >>"$DIR/daemon.log" 2>&1 &
    DAEMON_PID=$!
    wait_for 10 daemon_says 'batchspoold runs' || { WRONG="it does not start: $(tail -n 3 "$DIR/daemon.log")"; return 1; }
}

on() {
    SPOOL=$DIR/$1/spool
    export BATCHSPOOL_SPOOL=$SPOOL
}

one_loss() {
    ID='' WRONG=''
    api_reset
    rm -f "$DIR/run.img" "$DIR/copy.img" # a loop device that is still going away must not lend its cache
    cp --sparse=always "$DIR/base.img" "$DIR/run.img"
    mount -o $OPTIONS "$DIR/run.img" "$DIR/disk" || { result 1 "power loss at $1" 'no mount'; return; }
    on disk
    job_dropped
    sync -f "$SPOOL/jobs/pending"
    faulty "$1:kill"
    wait_for 25 ended_or_rests || WRONG="neither ended nor at rest: $(place) $(tail -n 3 "$DIR/daemon.log")"
    ! passed "$1" || STRUCK=$((STRUCK + 1))
    crash
    cp --sparse=always "$DIR/run.img" "$DIR/copy.img"
    wait_for 10 umount "$DIR/disk"
    mount -o $OPTIONS "$DIR/copy.img" "$DIR/copy" || { result 1 "power loss at $1" 'the copy does not mount'; return; }
    on copy
    restart && settle && sound
    umount /proc/sys/kernel/random/boot_id
    told "power loss at $1"
    wait_for 10 umount "$DIR/copy"
}

last=$(points)
counted 30 "$last" 'a run'
i=0
for n in $(seq 1 "$step" "$last"); do
    i=$((i + 1))
    if mine $i; then one_loss "$n"; fi
done
crash_finish
