# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The crash runs: one small job (3 pages of 20 records, loaded automatically) meets a fault; afterwards, whatever it was, nothing may be lost, loaded twice, or charged twice without a release.
# docs/CRASH.md says why each point is safe.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
PAGES=3 PAGE=20 RECORDS=60 RELEASES=0

# world NAME: a fresh spool in $DIR/NAME
world() {
    SPOOL=$DIR/$1
    export BATCHSPOOL_SPOOL=$SPOOL
    RELEASES=0
    bs init >/dev/null
    api_reset
}

# job_dropped: the job of this run; sets nothing but the file
job_dropped() {
    job "$SPOOL/jobs/tmp/crash.json" $RECORDS ".batch_size = $PAGE | .process = \"auto\""
    mv "$SPOOL/jobs/tmp/crash.json" "$SPOOL/jobs/pending/crash.json"
}

# faulty SPEC: a daemon with a fault; it may end at any moment, even before it says that it runs
faulty() {
    : >"$DIR/daemon.log"
    BATCHSPOOL_FAULT=$1 BATCHSPOOL_FAULT_LOG=${FAULT_LOG-} "$PROGRAMS/batchspoold" --foreground --credentials "$DIR/credentials" >>"$DIR/daemon.log" 2>&1 &
    DAEMON_PID=$!
}

only_job() {
    local found=("$SPOOL"/journal/*.ndjson)
    [ -e "${found[0]}" ] && ID=${found[0]##*/} && ID=${ID%.ndjson}
}

# Completed, or held for a person's decision.
rests() {
    only_job && { in_place processed "$ID" || in_place hold "$ID" || in_place failed "$ID"; }
}

ended_or_rests() {
    ended "$DAEMON_PID" || rests
}

# settle: goes on to the end as an operator would: releases what is in doubt. False when the job does not complete.
settle() {
    local reason tries=0
    while [ $tries -lt 12 ]; do
        tries=$((tries + 1))
        wait_for 15 rests || { WRONG="the job does not come to rest: $(place) $(tail -n 3 "$DIR/daemon.log")"; return 1; }
        in_place processed "$ID" && return 0
        reason=$(sed -n 's/^what: *//p' "$SPOOL"/jobs/*/"$ID.why" 2>/dev/null)
        in_place hold "$ID" && [[ $reason == charge_unknown* ]] || { WRONG="it lies in $(place): $reason"; return 1; }
        RELEASES=$((RELEASES + $(journal_unknown)))
        bs release --accept-charge "$ID" >/dev/null 2>&1
        wait_for 10 released || { WRONG='release has no effect'; return 1; }
    done
    WRONG='it is held again and again'
    return 1
}

released() { ! in_place hold "$ID"; }

journal_unknown() {
    jq -s '[.[] | select(.event == "charge_unknown") | .batch] | length' "$SPOOL/journal/$ID.ndjson"
}

# sound: the sum of all that must hold at the end; WRONG says what does not
sound() {
    local twice unknown records
    twice=$(stat_of .twice)
    unknown=$(journal_unknown)
    [ "$twice" -le $((unknown * PAGE)) ] || { WRONG="$twice ids charged twice, $unknown pages in doubt"; return 1; }
    [ "$(stat_of .charged_ids)" = $RECORDS ] || { WRONG="$(stat_of .charged_ids) ids charged"; return 1; }
    records=$(bs export --format ndjson --job "$ID" 2>"$DIR/err" | jq -r .RadarID | sort -u | wc -l)
    [ "$records" = $RECORDS ] || { WRONG="$records records in the store: $(cat "$DIR/err")"; return 1; }
    [ "$(bs export --format ndjson --source properties | wc -l)" = $RECORDS ] || { WRONG='the store holds other records too'; return 1; }
    [ "$(jq -s '[.[] | select(.event == "captured") | .batch] | sort' -c "$SPOOL/journal/$ID.ndjson")" = '[1,2,3]' ] || { WRONG='captured lines'; return 1; }
    chain_ok 2>"$DIR/err" || { WRONG="journal: $(cat "$DIR/err")"; return 1; }
    daemon_stop
    bs verify >"$DIR/out" 2>&1 || { WRONG="verify: $(cat "$DIR/out")"; return 1; }
}

# points: how many fault points a run without a fault passes; the daemon's own (a loader counts its own)
points() {
    world count
    job_dropped
    FAULT_LOG=$DIR/points faulty 1000000:kill
    wait_for 20 rests
    daemon_kill
    sort -n "$DIR/points" | tail -n 1 | cut -d' ' -f1
}

# one_point SPEC NAME: a run with this fault, then without; a result
one_point() {
    WRONG=''
    world "w$2"
    job_dropped
    faulty "$1"
    wait_for 20 ended_or_rests
    if ! ended "$DAEMON_PID"; then
        case $1 in *kill*) daemon_kill ;; *) daemon_stop ;; esac
    else
        wait "$DAEMON_PID" 2>/dev/null
        DAEMON_PID=''
    fi
    daemon_start
    if settle && sound; then
        result 0 "$1"
        rm -rf "$SPOOL"
    else
        result 1 "$1" "$WRONG"
    fi
    [ -z "$DAEMON_PID" ] || daemon_kill
}

crash_world() {
    api_start --records 10000
    source_metered properties '.timeout_s = 3 | .max_response_bytes = 1048576'
}
