#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Units that cost money: each paid request is charged once, whatever step it is of; guards and doubt work by units.
. "$(dirname "$0")/../lib.sh"
export BATCHSPOOL_HELPERS=$DIR/helpers
mkdir -p "$DIR/helpers"
printf '#!/bin/sh\nexec cat\n' >"$DIR/helpers/make-record"
chmod +x "$DIR/helpers/make-record"

# source_units NAME [JQ]: unit N buys the Nth record of a search, and a program makes a record of it
source_units() {
    source_metered "$1" '.foreach = [{name: "number", in: "/numbers"}] | del(.paginator, .children, .metering.preview, .metering.purchase, .metering.count_path)
        | .job_members = {numbers: {type: "array", required: true}}
        | .steps = [(.steps[0] | .name = "buy" | .http.params = {Fields: "Overview", Purchase: "1", Limit: "1", Start: "${item.number}"}),
                    {name: "record", exec: {command: ["make-record"], stdin: {results: [{RadarID: "${steps.buy/results/0/RadarID}", number: "${item.number}"}]}}}]
        | .metering.max_in_flight = 2 | .concurrency_level.default_concurrency = 4 | '"${2:-.}"
}

# drop_units NAME JQ
drop_units() {
    drop "$1" 50 ".source = \"units\" | $2"
}

api_start --records 10000
source_units units
daemon_start

drop_units bought '.numbers = [range(10)] | .process = "auto"'
at processed 'a job of ten paid units completes'
is '["0.50",10,10,0]' "$(show '[.cost, .processed_records, .success_count, .error_count]')" 'its cost is what ten records cost'
is '[10,0]' "$(stat_of '[.charged_records, .twice]')" 'and each was charged once'
is 10 "$(bs export --source units | jq -r .RadarID | sort -u | wc -l)" 'ten different records'
is '{"true":10,"false":10}' "$(jq -sc '[.[] | select(.event == "requested") | .paid] | group_by(.) | map({(.[0] | tostring): length}) | add' "$SPOOL/journal/$ID.ndjson" | jq -c '{true, false}')" 'the request is paid, the program is not'
verified 'nothing differs'

drop_units capped '.numbers = [range(10; 20)] | .max_cost = "0.30"'
at hold 'a job whose units would cost more than max_cost is held'
is '"max_cost"' "$(show .reason)" 'for that'
is 10 "$(stat_of .charged_records)" 'before anything is bought'

source_units units '.metering.cost_terms = [{path: "/resultCount", price: "0.02"}, {path: "/totalResultCount", price: "0.001"}] | del(.metering.cost_path, .metering.cost_per_record)'
bs reload >/dev/null 2>&1
drop_units terms '.numbers = [20, 21]'
at processed 'a job whose cost is a sum of counts completes'
is '"0.14"' "$(show .cost)" '2 x (1 x 0.02 + 50 x 0.001)'

# --- doubt ---

source_units units
bs reload >/dev/null 2>&1
faults '{"kind": "drop_mid", "on": "paid", "start": 31}'
drop_units doubt '.numbers = [30, 31, 32] | .process = "auto"'
at hold 'a paid unit whose answer is lost holds the job'
is '"charge_unknown"' "$(show .reason)" 'for that'
is 2 "$(jq -c 'select(.event == "captured" and (.inner | not))' "$SPOOL/journal/$ID.ndjson" | wc -l)" 'the others went on, and are captured'
bs release --accept-charge "$ID" >"$DIR/out" 2>&1
at processed 'accepted, it is bought once more'
is '[3,0]' "$(show '[.success_count, .error_count]')" 'and all are loaded'
verified 'nothing differs after the doubt'

# --- an answer that is bought, and checked by a program ---

source_units units '.steps[0].http.check = {command: ["check-answer"], stdin: {answer: "${answer}"}} | .metering.on_charge_unknown = "retry" | .error_handler.max_retries = 2'
bs reload >/dev/null 2>&1
before=$(stat_of .charged_records)
drop_units unchecked '.numbers = [33] | .process = "auto"'
at failed 'a job whose answers nobody could check fails'
is '0 "helper_unavailable"' "$(($(stat_of .charged_records) - before)) $(jq -c 'select(.event == "failed" and .batch) | .reason' "$SPOOL/journal/$ID.ndjson")" 'and buys nothing'
like 'check-answer, which is to check the answer, is not installed' "$(show .error_details)" 'as it says'

# It goes away while the answer is on its way: what was bought counts all the same.
printf '#!/bin/sh\ncat >/dev/null\n' >"$DIR/helpers/check-answer"
chmod +x "$DIR/helpers/check-answer"
faults '{"kind": "delay", "ms": 600, "on": "paid"}'
drop_units vanished '.numbers = [34] | .process = "auto"'
wait_event requested
rm "$DIR/helpers/check-answer"
at failed 'a job whose checker vanishes fails'
is '1 "0.05"' "$(($(stat_of .charged_records) - before)) $(show .cost)" 'and tells what was paid'
faults
verified 'nothing differs after that'
source_units units
bs reload >/dev/null 2>&1

# --- killed while a paid unit is on its way, and between its steps ---

printf '#!/bin/sh\nwhile [ ! -e "$BATCHSPOOL_HELPERS/go" ]; do sleep 0.05; done\nexec cat\n' >"$DIR/helpers/make-record"
drop_units killed '.numbers = [40, 41] | .process = "auto"'
both_bought() { [ "$(jq -c 'select(.event == "captured" and .inner)' "$SPOOL/journal/$ID.ndjson" | wc -l)" = 2 ]; }
wait_for 10 both_bought
charged=$(stat_of .charged_records)
daemon_kill
: >"$DIR/helpers/go"
daemon_start
at processed 'a job that was killed between its steps completes'
is "$charged" "$(stat_of .charged_records)" 'and nothing is bought again'
verified 'nothing differs after the kill'
finish
