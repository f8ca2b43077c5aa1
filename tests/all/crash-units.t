#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The crash runs with units that are no pages: each is asked for, a program cuts it into parts, a program does each part, another one makes the record. Nothing that was captured may be done
# again, and what programs leave behind must go. Then units whose answer an earlier job brought (unit_cache): they are copied, and never asked for again.
. "$(dirname "$0")/../crash/crash.sh"
api_start --records 10000
UNITS=3
mkdir -p "$DIR/helpers"
export BATCHSPOOL_HELPERS=$DIR/helpers
printf '#!/bin/sh\n: >here\necho '"'"'{"parts": [1, 2]}'"'"'\n' >"$DIR/helpers/cut"
printf '#!/bin/sh\necho "{\\"double\\": $(($1 * 2))}"\n' >"$DIR/helpers/double"
printf '#!/bin/sh\nexec cat\n' >"$DIR/helpers/make-record"
chmod +x "$DIR/helpers/"*
source_free items '{name: "items", foreach: [{name: "number", in: "/numbers"}], job_members: {numbers: {type: "array", required: true}},
    steps: [(.steps[0] | .name = "fetch" | .http.params = {count: 100, limit: 1, offset: "${item.number}"}),
            {name: "cut", exec: {command: ["cut"]}},
            {name: "double", for_each: "${steps.cut/parts}", exec: {command: ["double", "${part}"]}},
            {name: "record", exec: {command: ["make-record"], stdin: {results: [{number: "${item.number}", id: "${steps.fetch/items/0/RadarID}", parts: "${steps.double}"}]}}}],
    data_selector: "/results", primary_key: "/number", error_handler, concurrency_level, timeout_s, max_response_bytes}'

job_dropped() {
    printf '{"source": "items", "numbers": [0, 1, 2], "process": "auto"}\n' >"$SPOOL/jobs/tmp/crash.json"
    mv "$SPOOL/jobs/tmp/crash.json" "$SPOOL/jobs/pending/crash.json"
}

# Every step once, the record of every unit, and nothing left of the programs.
sound() {
    [ -z "$WRONG" ] || return 1
    [ "$(jq -s '[.[] | select(.event == "captured") | [.batch, .step, .part]] | length == 15 and (unique | length) == 15' "$SPOOL/journal/$ID.ndjson")" = true ] || { WRONG='captured lines'; return 1; }
    [ "$(jq -s '[foreach .[] as $l ({}; (([$l.batch, $l.step, $l.part] | tostring) as $k | if $l.event == "captured" then .done[$k] = true else . end | .again = ($l.event == "requested" and .done[$k])); select(.again))] | length' "$SPOOL/journal/$ID.ndjson")" = 0 ] ||
        { WRONG='a step was done again after it was captured'; return 1; }
    [ "$(bs export --source items | jq -sc 'sort_by(.number) | map([.number, (.id | length > 0), .parts[0].double, .parts[1].double])')" = '[[0,true,2,4],[1,true,2,4],[2,true,2,4]]' ] || { WRONG='records'; return 1; }
    [ -z "$(find "$SPOOL/payloads/tmp" -mindepth 1)" ] || { WRONG="left behind: $(ls "$SPOOL/payloads/tmp")"; return 1; }
    verified_at_rest
}

last=$(points)
counted 60 "$last" 'a job of units'
every_point "$last" kill eio enospc short

# --- answers of an earlier job: a spool with one to begin with, in $DIR/whole
source_free items '{name: "items", foreach: [{name: "number", in: "/numbers"}], job_members: {numbers: {type: "array", required: true}},
    steps: [(.steps[0] | .name = "fetch" | .http.params = {count: 100, limit: 1, offset: "${item.number}"}),
            {name: "record", exec: {command: ["make-record"], stdin: {results: [{number: "${item.number}", id: "${steps.fetch/items/0/RadarID}", run: "${job_id}", cached: "${cached_at}"}]}}}],
    unit_cache: {key: ["${item.number}"], ttl: "P1D"}, data_selector: "/results", primary_key: ["/number", "/run"], error_handler, concurrency_level, timeout_s, max_response_bytes}'
# shellcheck disable=SC2218 # those of crash.sh, and the one above; others take their places below
world whole
# shellcheck disable=SC2218
job_dropped
restart && wait_for 20 rests && in_place processed "$ID" && wait_event loaded 3 && stop || { echo 'Bail out! the job to begin with'; exit 1; }
world() {
    SPOOL=$DIR/$1
    export BATCHSPOOL_SPOOL=$SPOOL
    ID='' WRONG=''
    cp -a "$DIR/whole" "$SPOOL"
    api_reset
}
only_job() {
    ID=$(ids again | head -n 1)
    [ -n "$ID" ]
}
job_dropped() {
    printf '{"source": "items", "numbers": [2, 1, 5], "process": "auto"}\n' >"$SPOOL/jobs/tmp/again.json"
    mv "$SPOOL/jobs/tmp/again.json" "$SPOOL/jobs/pending/again.json"
}
# Two units have the answers of before, with the same bytes and its time; the third was asked for. Only the disk's refusal to copy may have an answer asked for again.
sound() {
    [ -z "$WRONG" ] || return 1
    [ "$(jq -s '[.[] | select(.event == "captured") | [.batch, .step]] | length == 6 and (unique | length) == 6' "$SPOOL/journal/$ID.ndjson")" = true ] || { WRONG='captured lines'; return 1; }
    [ "$(bs export --job "$ID" | jq -sc 'sort_by(.number) | map([.number, (.id | length > 0)])')" = '[[1,true],[2,true],[5,true]]' ] || { WRONG='records'; return 1; }
    [ "$(bs export --job "$ID" | jq -r 'select(.number == 5 and .cached) | .number')" = '' ] || { WRONG='what nobody asked before is said to be of before'; return 1; }
    if [ "$ACTION" = kill ]; then
        [ "$(jq -r 'select(.event == "requested" and .step == "fetch" and .batch < 3 and (.cached | not)) | .batch' "$SPOOL/journal/$ID.ndjson")" = '' ] || { WRONG='an answer that is there was asked for again'; return 1; }
        [ "$(bs export --job "$ID" | jq -r 'select(.number < 5 and .cached == null) | .number')" = '' ] || { WRONG='the record does not say of when the answer is'; return 1; }
    fi
    [ -z "$(find "$SPOOL/payloads/tmp" -mindepth 1)" ] || { WRONG="left behind: $(ls "$SPOOL/payloads/tmp")"; return 1; }
    verified_at_rest
}
last=$(points)
counted 25 "$last" 'a job with answers of before'
for ACTION in kill eio enospc short; do
    every_point "$last" "$ACTION"
done
crash_finish
