#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The crash runs with a job that one recipient is told of by mail: at whatever point the daemon is killed or the disk refuses, the mail comes, and once. Only a kill that meets the very rename
# by which a notice that was taken leaves processing/ has it sent a second time, under the same Message-ID.
. "$(dirname "$0")/../crash/crash.sh"
. "$ROOT/tests/sink.sh"
sink_start
notices_config .
api_start --records 10000
source_free items
TWICE=0

job_dropped() {
    sink_clear
    printf '{"source": "items", "count": 10, "notify": ["mailto:ops@example.com"]}\n' >"$SPOOL/jobs/tmp/crash.json"
    mv "$SPOOL/jobs/tmp/crash.json" "$SPOOL/jobs/pending/crash.json"
}

told_of() { [ "$(jq -r 'select(.event == "notified" and .result == "sent") | .notice' "$SPOOL/journal/$ID.ndjson" 2>/dev/null | wc -l)" -ge 1 ]; }

rests() {
    only_job && settled_in processed "$ID" && told_of && notices_are processing 0
}

settle() {
    wait_for 30 rests && return
    WRONG="the job, or its notice, does not come to rest: $(place) $(find "$SPOOL/notices" -name '*.json') $(tail -n 3 "$DIR/daemon.log")"
    return 1
}

sound() {
    local mails ids
    [ -z "$WRONG" ] || return 1
    mails=$(mails "X-Batchspool-Job: $ID")
    ids=$(grep -rh '^Message-ID' "$SINK/mail" | sort -u | wc -l)
    [ "$ids" = 1 ] || { WRONG="$ids different mails"; return 1; }
    if [ "$mails" = 2 ] && [[ $KILLED_AT =~ rename.*-completed ]]; then TWICE=$((TWICE + 1)); else
        [ "$mails" = 1 ] || { WRONG="$mails mails; killed at: $KILLED_AT"; return 1; }
    fi
    [ "$(count_of notified)" = 1 ] || { WRONG="$(count_of notified) notified lines"; return 1; }
    notices_are processed 1 || { WRONG="$(find "$SPOOL/notices" -name '*.json')"; return 1; }
    for state in tmp pending processing deferred failed; do
        [ -z "$(ls -A "$SPOOL/notices/$state")" ] || { WRONG="left in notices/$state: $(ls -A "$SPOOL/notices/$state")"; return 1; }
    done
    verified_at_rest
}

# What a run killed itself at, kept before the daemon starts again.
crash() {
    KILLED_AT=$(tail -n 1 "$DIR/passed")
    kill -9 "$DAEMON_PID" 2>/dev/null
    wait_for 20 gone "/proc/$DAEMON_PID"
    DAEMON_PID=''
}

last=$(points)
counted 25 "$last" 'a job with a notice'
every_point "$last" kill eio enospc short
[ "$TWICE" -le 1 ] || result 1 'at one point at most it is sent twice' "$TWICE times"
crash_finish
