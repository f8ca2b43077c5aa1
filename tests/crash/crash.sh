# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The crash runs: one small job (3 pages of 20 records, loaded automatically) meets a fault; afterwards, whatever it was, nothing may be lost, loaded twice, or asked for twice without a
# release. docs/CRASH.md says why each point is safe. A run mostly waits for the disk, so CRASH_LANES of them go side by side, each lane with an API and spools of its own.
CRASH_LANES=${CRASH_LANES:-$((2 * $(nproc)))}
export CRASH_LANES

# join: one TAP stream, and the sum of the lanes' "# tally" lines
join() {
    perl -ne '
        BEGIN { $| = 1; ($n, $bad, $ended, $runs, $struck, $doubt) = (0) x 6 }
        if (/^(not )?ok \d+/) { $n++; $bad++ if $1; s/ok \d+/ok $n/; print }
        elsif (/^1\.\.\d+$/) { $ended++ }
        elsif (/^# tally (\d+) (\d+) (\d+)/) { $runs += $1; $struck += $2; $doubt += $3 }
        else { print }
        END {
            print "1..$n\n# $runs runs, $struck faults that struck, $doubt pages in doubt, $bad failures\n";
            print "# a lane did not come to its end\n" if $ended != $ENV{CRASH_LANES};
            $? = $bad || $ended != $ENV{CRASH_LANES} ? 1 : 0;
        }'
}

# A script that reads this file runs itself once more for each lane; only the lanes come past here.
if [ -z "${CRASH_LANE-}" ]; then
    exec 3> >(join)
    joined=$!
    for ((lane = 0; lane < CRASH_LANES; lane++)); do
        CRASH_LANE=$lane setpriv --pdeathsig TERM "$0" >&3 2>&1 &
    done
    exec 3>&-
    wait "$joined"
    exit
fi
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
PAGES=3 PAGE=20 RECORDS=60
RUNS=0 STRUCK=0 DOUBT=0 WRONG=''

# mine N: this lane does the Nth run
mine() { [ $(($1 % CRASH_LANES)) = "$CRASH_LANE" ]; }

# world NAME: a fresh spool in $DIR/NAME
world() {
    SPOOL=$DIR/$1
    export BATCHSPOOL_SPOOL=$SPOOL
    ID='' WRONG=''
    bs init >/dev/null 2>&1
    api_reset
}

# job_dropped [JQ]: the job of this run
job_dropped() {
    job "$SPOOL/jobs/tmp/crash.json" $RECORDS ".batch_size = $PAGE | .process = \"auto\" | ${1:-.}"
    mv "$SPOOL/jobs/tmp/crash.json" "$SPOOL/jobs/pending/crash.json"
}

# --- the daemon under a fault ------------------------------------------------------------------------------------------

# faulty SPEC: it may end at any moment, even before it says that it runs. Disowned: the shell tells nothing of its end.
faulty() {
    : >"$DIR/daemon.log"
    : >"$DIR/passed"
    BATCHSPOOL_FAULT=$1 BATCHSPOOL_FAULT_LOG=$DIR/passed "$PROGRAMS/batchspoold" --foreground >>"$DIR/daemon.log" 2>&1 &
    DAEMON_PID=$!
    disown "$DAEMON_PID"
}

# crash: SIGKILL, if it still runs. Its loaders die with it. A zombie may have threads that the disk still holds, and they hold its lock: it must be gone.
crash() {
    kill -9 "$DAEMON_PID" 2>/dev/null
    wait_for 20 gone "/proc/$DAEMON_PID"
    DAEMON_PID=''
    wait_for 5 no_loader || WRONG='a loader outlived its daemon'
}

no_loader() { ! pgrep -f -- "--load-worker --spool $SPOOL " >/dev/null; }

# Faults of the disk end nothing: the daemon must still be able to stop.
stop_faulty() {
    kill "$DAEMON_PID" 2>/dev/null
    wait_for 10 ended "$DAEMON_PID" || WRONG='it does not stop'
    crash
}

passed() { grep -q "^${1%+} " "$DIR/passed"; }

# restart: without a fault
restart() {
    : >"$DIR/daemon.log"
    "$PROGRAMS/batchspoold" --foreground >>"$DIR/daemon.log" 2>&1 &
    DAEMON_PID=$!
    wait_for 10 daemon_says 'batchspoold runs' || { WRONG="it does not start: $(tail -n 3 "$DIR/daemon.log")"; return 1; }
}

# stop: in good order
stop() {
    daemon_stop
    [ "$STATUS" = 0 ] || { WRONG="it stops with $STATUS: $(tail -n 3 "$DIR/daemon.log")"; return 1; }
}

only_job() {
    local found=("$SPOOL"/journal/*.ndjson)
    [ -e "${found[0]}" ] && ID=${found[0]##*/} && ID=${ID%.ndjson}
}

# Completed, or held for a person's decision.
rests() {
    only_job && { settled_in processed "$ID" || settled_in hold "$ID" || settled_in failed "$ID"; }
}

ended_or_rests() {
    ended "$DAEMON_PID" || rests
}

# --- what must hold ------------------------------------------------------------------------------------------------------

# settle: goes on to the end as an operator would: releases what is in doubt. False when the job does not complete.
settle() {
    local reason tries=0
    while [ $((tries += 1)) -le 15 ]; do
        wait_for 20 rests || { WRONG="the job does not come to rest: $(place) $(tail -n 3 "$DIR/daemon.log")"; return 1; }
        in_place processed "$ID" && return 0
        reason=$(event 'select(.event == "held" or .event == "failed" or .event == "rejected") | .reason')
        [ "$(place) $reason" = 'hold charge_unknown' ] || { WRONG="it lies in $(place): $(tail -n 2 "$SPOOL/journal/$ID.ndjson")"; return 1; }
        wait_for 5 there "$SPOOL/jobs/hold/$ID.why" || { WRONG='no .why tells of it'; return 1; }
        bs release --accept-charge "$ID" >"$DIR/out" 2>&1
        wait_for 10 released || { WRONG="release has no effect: $(cat "$DIR/out")"; return 1; }
    done
    WRONG='it is held again and again'
    return 1
}

released() { ! in_place hold "$ID"; }

journal_unknown() {
    jq -s '[.[] | select(.event == "charge_unknown")] | length' "$SPOOL/journal/$ID.ndjson"
}

# Every paid request of the journal, in order: a page is asked for again only when it was not charged, or released.
asked_wrongly() {
    jq -rs '
        reduce .[] as $e ({pages: {}, wrong: []};
            ($e.batch // 0 | tostring) as $b
            | (.pages[$b] // "free") as $is
            | if $e.event == "requested" and $e.paid then (if $is != "free" then .wrong += ["page \($b) is asked for again, it was \($is)"] else . end) | .pages[$b] = "asked for"
              elif $e.event == "answered" then .pages[$b] = "answered"
              elif $e.event == "captured" then (if $is == "captured" then .wrong += ["page \($b) is captured twice"] else . end) | .pages[$b] = "captured"
              elif $e.event == "charge_unknown" then .pages[$b] = "in doubt"
              elif $e.event == "retrying" and $e.batch then .pages[$b] = "free"
              elif $e.event == "released" and $e.decision == "accept_charge" then .pages |= with_entries(if .value == "in doubt" and ($b == "0" or .key == $b) then .value = "free" else . end)
              else . end)
        | .wrong[], (.pages | to_entries[] | select(.value != "captured") | "page \(.key) stays \(.value)")' "$SPOOL/journal/$ID.ndjson"
}

# loaded: every record of the job once, and nothing else
loaded() {
    local records
    records=$(bs export --format ndjson --job "$ID" 2>"$DIR/err" | jq -r .RadarID | sort -u | wc -l)
    [ "$records" = $RECORDS ] || { WRONG="$records records in the store: $(cat "$DIR/err")"; return 1; }
    [ "$(bs export --format ndjson --source properties | wc -l)" = $RECORDS ] || { WRONG='the store holds other records too'; return 1; }
    [ "$(show '[.total_records, .processed_records, .success_count, .error_count]')" = "[$RECORDS,$RECORDS,$RECORDS,0]" ] || { WRONG="it shows $(show .)"; return 1; }
}

# verified_at_rest: the daemon stops in good order and leaves nothing that contradicts anything else
verified_at_rest() {
    chain_ok 2>"$DIR/err" || { WRONG="journal: $(cat "$DIR/err")"; return 1; }
    stop || return 1
    bs verify >"$DIR/out" 2>&1 || { WRONG="verify: $(cat "$DIR/out")"; return 1; }
    [ -z "$(ls -A "$SPOOL/payloads/tmp")" ] || { WRONG="left in payloads/tmp: $(ls -A "$SPOOL/payloads/tmp")"; return 1; }
}

# sound: the sum of all that must hold at the end; WRONG says what does not
sound() {
    local twice unknown charged wrong
    twice=$(stat_of .twice) unknown=$(journal_unknown) charged=$(stat_of .charged_records)
    DOUBT=$((DOUBT + unknown))
    [ -z "$WRONG" ] || return 1
    [ "$twice" -le $((unknown * PAGE)) ] || { WRONG="$twice ids charged twice, $unknown pages in doubt"; return 1; }
    [ "$(stat_of .charged_ids)" = $RECORDS ] || { WRONG="$(stat_of .charged_ids) ids charged"; return 1; }
    wrong=$(asked_wrongly)
    [ -z "$wrong" ] || { WRONG=$wrong; return 1; }
    [ "$(jq -s '[.[] | select(.event == "captured") | .batch] | sort == [range(1; 1 + '$PAGES')]' "$SPOOL/journal/$ID.ndjson")" = true ] || { WRONG='captured lines'; return 1; }
    [ "$(show "(.cost | tonumber * 20 + 0.001 | floor) | . >= $charged and . <= $charged + $unknown * $PAGE")" = true ] || { WRONG="cost $(show .cost) for $charged charged records"; return 1; }
    loaded && verified_at_rest
}

# told NAME: a result from WRONG, and the spool goes when it is good
told() {
    RUNS=$((RUNS + 1))
    if [ -z "$WRONG" ]; then
        result 0 "$1"
        rm -rf "$SPOOL"
    else
        result 1 "$1" "$WRONG"
    fi
    [ -z "$DAEMON_PID" ] || daemon_kill 2>/dev/null
}

# --- kinds of runs -------------------------------------------------------------------------------------------------------

# points: how many fault points a run without a fault passes; the daemon's own (a loader counts its own)
points() {
    world count
    job_dropped
    faulty 1000000:kill
    wait_for 20 rests
    crash
    sort -n "$DIR/passed" | tail -n 1 | cut -d' ' -f1
}

# counted LEAST POINTS WHAT: that they are plausible; one lane tells it
counted() {
    [ "$CRASH_LANE" != 0 ] || result $(($2 < $1)) "$3 passes its fault points ($2)"
}

# one_point N ACTION: a run with this fault, then without
one_point() {
    world "$2$1"
    job_dropped
    faulty "$1:$2"
    # Each loader counts its points anew, so a fault that meets every one of them leaves the job waiting for its loads: that is no rest, but right.
    wait_for 25 ended_or_rests || daemon_says 'loader: exit code 74' || WRONG="neither ended nor at rest: $(place) $(tail -n 3 "$DIR/daemon.log")"
    if [ "$2" = kill ] || ended "$DAEMON_PID"; then crash; else stop_faulty; fi
    ! passed "$1" || STRUCK=$((STRUCK + 1))
    restart && settle && sound
    told "$1:$2"
}

# every_point POINTS ACTION...: this lane's share of the runs
every_point() {
    local n action
    for action in "${@:2}"; do
        for n in $(seq 1 "$1"); do
            if mine "$n"; then one_point "$n" "$action"; fi
        done
    done
}

crash_finish() {
    echo "# tally $RUNS $STRUCK $DOUBT"
    finish
}

crash_world() {
    api_start --records 10000
    source_metered properties '.timeout_s = 3 | .max_response_bytes = 1048576'
}
