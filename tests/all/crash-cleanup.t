#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is done in a process of its own, stopped or refused by the disk at every durable step, then done once more: retention (payloads of a past month, jobs that are old enough, documents that no
# job names), and an export. CLEANUP_STEP=N does every Nth point.
. "$(dirname "$0")/../crash/crash.sh"
step=${CLEANUP_STEP:-1}
crash_world
config '.job_retention_days = 0'
OLD=$(date -u -d "$(date -u +%Y-%m-15) -4 months" +%Y-%m)

# --- a spool to begin with, in $DIR/whole: two jobs that go, one that is not loaded, one that failed
old() {
    ID=${OLD/-/}15T120000Z-$(printf '%s' "$1" | sha256sum | cut -c1-12)-$1
    job "$SPOOL/jobs/tmp/$ID.json" "$2" ".batch_size = $PAGE | .on_duplicate = \"run\" | ${3:-.}"
    mv "$SPOOL/jobs/tmp/$ID.json" "$SPOOL/jobs/pending/$ID.json"
}
world whole
restart || exit 1
old one $RECORDS '.process = "auto"'
wait_for 20 settled_in processed "$ID" || exit 1
one=$ID
old two 30 '.process = "auto"'
wait_for 20 settled_in processed "$ID" || exit 1
two=$ID
old unloaded 25
wait_for 20 settled_in processed "$ID" || exit 1
unloaded=$ID
faults '{"kind": "status", "status": 400, "on": "paid", "start": 20}'
old failed 35 '.process = "auto"'
wait_for 20 settled_in failed "$ID" || exit 1
wait_event loaded || exit 1
failed=$ID
faults
jq -n --arg job "$one" '{mode: "results", results: {job: $job, format: "csv"}}' >"$SPOOL/jobs/pending/report.json"
taken report
wait_for 20 settled_in processed "$ID" || exit 1
report=$ID
# Documents: two that no job names, in two months, one that a waiting job names, and one that is new.
jq -n '{name: "papers", documents: true, steps: [{name: "read", exec: {command: ["cat"]}}], data_selector: "/results"}' >"$DIR/etc/sources/papers.json"
bs reload >/dev/null 2>&1
"$ROOT/tests/documents/make.pl" pdf "$DIR/kept.pdf" "$ROOT/tests/documents/amendment.txt"
waiting=$(bs submit --source papers --document "$DIR/kept.pdf" --set not_before=2099-01-01T00:00:00Z) || exit 1
wait_for 20 settled_in deferred "$waiting" || exit 1
orphan() { mkdir -p "$SPOOL/documents/raw/$1" && printf '%s' "$2" >"$SPOOL/documents/raw/$1/$(printf '%s' "$2" | sha256sum | cut -c1-64)${3-}"; }
orphan 2020-01 nobody
orphan 2020-02 nobodys .zst
find "$SPOOL/documents/raw" -type f -exec touch -d '400 days ago' {} +
orphan 2020-02 young
kept=$(cd "$SPOOL/documents/raw" && find . -type f ! -mtime +300 -o -type f -name "$(sha256sum <"$DIR/kept.pdf" | cut -c1-64)*" | sort)
stop || exit 1
bs verify >/dev/null 2>&1 || exit 1
bs export --job "$one" >"$DIR/export"
bs export --job "$one" --format csv >"$DIR/csv"
(cd "$SPOOL/payloads/raw" && sha256sum "$OLD"/*.json) | grep -v _batch0001_unloaded | sort -k 2 >"$DIR/raw"
sums_of() { grep -E " $OLD/($1)_" "$DIR/raw"; }

# fresh NAME: a copy of it
fresh() {
    SPOOL=$DIR/$1 WRONG=''
    export BATCHSPOOL_SPOOL=$SPOOL
    cp -a "$DIR/whole" "$SPOOL"
    rm -rf "${SPOOL:?}/index/"*
}
# faulty_run SPEC COMMAND...: under the fault
faulty_run() {
    local spec=$1
    shift
    : >"$DIR/passed"
    BATCHSPOOL_FAULT=$spec BATCHSPOOL_FAULT_LOG=$DIR/passed bash -c '"$@"; exit $?' sh "$@" >"$DIR/out" 2>"$DIR/err" </dev/null
    ! passed "${spec%%:*}" || STRUCK=$((STRUCK + 1))
}
wrong() { WRONG=${WRONG:-$1}; return 1; }

# --- retention
members() { for list in "$SPOOL/archive"/*.SHA256SUMS; do [ ! -e "$list" ] || cat "$list"; done | sort -k 2; }
cleaned() {
    bs cleanup >"$DIR/out" 2>&1 || wrong "the next cleanup: $(cat "$DIR/out")" || return
    [ "$(members)" = "$(sums_of 'one|two|failed')" ] || wrong "archived: $(members)" || return
    (cd "$SPOOL/archive" && sha256sum -c --quiet ./*.sha256 >/dev/null 2>&1) || wrong 'the sum of an archive' || return
    [ "$(for part in "$SPOOL/archive"/*.zst; do tar --zstd -tf "$part"; done | sort)" = "$(sums_of 'one|two|failed' | cut -c67-)" ] || wrong 'the members of an archive' || return
    [ "$(cd "$SPOOL/payloads/raw" && sha256sum "$OLD"/*.json)" = "$(sums_of unloaded)" ] || wrong "left in raw: $(ls "$SPOOL/payloads/raw/$OLD")" || return
    [ "$(cd "$SPOOL/documents/raw" && find . -type f | sort)" = "$kept" ] || wrong "documents: $(find "$SPOOL/documents/raw" -type f)" || return
    [ "$(find "$SPOOL/jobs" -name '*.json' -printf '%f\n' | sort)" = "$(printf '%s\n' "$unloaded.json" "$waiting.json" | sort)" ] || wrong "left in jobs: $(find "$SPOOL/jobs" -name '*.json')" || return
    [ -z "$(find "$SPOOL/archive" "$SPOOL/payloads/raw" -name '.*' -type f)" ] || wrong 'something half-done is left' || return
    for ID in "$one" "$two" "$unloaded" "$failed" "$report"; do chain_ok 2>"$DIR/err" || wrong "journal: $(cat "$DIR/err")" || return; done
    [ "$(cat "$SPOOL/journal"/*.ndjson | jq -r 'select(.event == "archived") | .file // "job"' | sort | uniq -c | sed 's/^ *//')" = \
        "$( (sums_of 'one|two|failed' | cut -c67- | sed 's/^/1 /'; echo '4 job') | sort -k 2 | sed 's/^ *//')" ] || wrong 'the events' || return
    bs verify >"$DIR/out" 2>&1 || wrong "verify: $(cat "$DIR/out")" || return
    bs reindex >"$DIR/out" 2>&1 && bs verify >"$DIR/out" 2>&1 || wrong "verify after reindex: $(cat "$DIR/out")" || return
    bs export --job "$one" | cmp -s - "$DIR/export" || wrong 'the export is another one'
}
fresh counted
faulty_run 1000000:kill "$PROGRAMS/batchspool" cleanup
last=$(sort -n "$DIR/passed" | tail -n 1 | cut -d' ' -f1)
counted 40 "${last:-0}" 'a cleanup'
cleaned
told 'without a fault it is whole'
for action in kill eio enospc short; do
    for n in $(seq 1 "$step" "$last"); do
        mine "$n" || continue
        fresh "$action$n"
        faulty_run "$n:$action" "$PROGRAMS/batchspool" cleanup
        bs verify >"$DIR/out" 2>&1 || wrong "verify in between: $(cat "$DIR/out")"
        [ -z "$(cd "$SPOOL/documents/raw" && find . -type f | sort | comm -13 - <(echo "$kept"))" ] || wrong 'a document that a job names is gone'
        [ -n "$WRONG" ] || cleaned
        told "cleanup $n:$action"
    done
done

# --- an export
worker_is() { WORKER=("$PROGRAMS/batchspoold" --errand-worker --spool "$SPOOL" --sources "$DIR/etc/sources" --job "$report" --job-days 90 --payload-months 1 --archive 1); }
exported() {
    "${WORKER[@]}" >"$DIR/out" 2>&1 || wrong "the next one: $(cat "$DIR/out")" || return
    cmp -s "$SPOOL/results/$one/records.csv" "$DIR/csv" || wrong 'the file is another one' || return
    (cd "$SPOOL/results/$one" && sha256sum -c --quiet records.csv.sha256) >/dev/null 2>&1 || wrong 'its sum' || return
    [ "$(jq -r .sha256 "$SPOOL/results/$report/preview.json")" = "$(sha256sum <"$DIR/csv" | cut -d' ' -f1)" ] || wrong 'the answer' || return
    [ -z "$(find "$SPOOL/results" -name '.*' -type f)" ] || wrong "something half-done is left: $(find "$SPOOL/results" -name '.*' -type f)"
}
# What lies there: nothing, or another export with its sum.
earlier() {
    rm -r "$SPOOL/results"/*
    [ "$1" = old ] || return
    mkdir "$SPOOL/results/$one"
    (cd "$SPOOL/results/$one" && echo another >records.csv && sha256sum records.csv | tee SHA256SUMS >records.csv.sha256)
}
for before in none old; do
    fresh "report$before"
    earlier $before
    worker_is
    faulty_run 1000000:kill "${WORKER[@]}"
    last=$(sort -n "$DIR/passed" | tail -n 1 | cut -d' ' -f1)
    counted 15 "${last:-0}" "an export ($before before it)"
    rm -rf "$SPOOL"
    for action in kill eio enospc short; do
        for n in $(seq 1 "$step" "$last"); do
            mine "$n" || continue
            fresh "export$before$action$n"
            earlier $before
            worker_is
            faulty_run "$n:$action" "${WORKER[@]}"
            # Under its name it is whole, whatever happened, and no sum is that of something else.
            [ ! -e "$SPOOL/results/$one/records.csv" ] || cmp -s "$SPOOL/results/$one/records.csv" "$DIR/csv" || { [ $before = old ] && [ "$(cat "$SPOOL/results/$one/records.csv")" = another ]; } || wrong 'half a file has its name'
            [ ! -e "$SPOOL/results/$one/records.csv.sha256" ] || (cd "$SPOOL/results/$one" && sha256sum -c --quiet records.csv.sha256) >/dev/null 2>&1 || wrong 'its sum is that of another'
            [ -n "$WRONG" ] || exported
            told "export ($before before it) $n:$action"
        done
    done
done
crash_finish
