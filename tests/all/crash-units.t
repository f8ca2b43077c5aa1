#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The crash runs with units that are no pages: each is asked for, a program cuts it into parts, a program does each part, another one makes the record. Nothing that was captured may be done
# again, and what programs leave behind must go.
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
crash_finish
