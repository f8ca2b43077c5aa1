#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The second phase: nothing is loaded before a person says so, then everything exactly once and byte for byte.
. "$(dirname "$0")/../lib.sh"
api_start --records 12000
source_metered properties
source_free items
daemon_start

# records_of FILE...: each record's text as the server sent it, a line each
records_of() {
    perl -0777 -ne '
        my $object; $object = qr/\{(?:[^{}"]++|"(?:[^"\\]++|\\.)*+"|(??{$object}))*+\}/;
        s/^\{"results":\[//;
        while (/\G,?($object)/gc) { print "$1\n" }' "$@"
}

drop ten 10000 '.campaign_id = "A"'
at processed '10,000 records are captured'
first=$ID
for n in $(seq 0 400 9600); do records_of "$DIR/bytes/$n.json"; done >"$DIR/sent"
is 10000 "$(wc -l <"$DIR/sent")" 'the server sent 10,000 records'
exits 66 'the store has nothing before process' bs export --source properties
is '' "$OUT" 'and export writes nothing'
is '[0,0]' "$(show '[.success_count,.error_count]')" 'the job says so too'
exits 0 'process --dry-run' bs process --dry-run --json
is '[25,10000]' "$(jq -c '[.files,.records]' <<<"$OUT")" 'counts what it would load'
exits 66 'and loads nothing' bs export --source properties
is 25 "$(find "$SPOOL/payloads/pending" -type l | wc -l)" 'the markers wait'

exits 0 'process' bs process
like $'files +25\nrecords +10000\ninserted +10000\nupdated +0\nunchanged +0\nerrors +0\ntime +[0-9.]+ s' "$OUT" 'tells files, records, inserted, updated, unchanged, errors, time'
exits 0 'process again' bs process --json
is '[0,0,0]' "$(jq -c '[.files,.records,.inserted]' <<<"$OUT")" 'has nothing to do'
exits 0 'and a third time' bs process --json
is '[0,0,0]' "$(jq -c '[.files,.records,.inserted]' <<<"$OUT")" 'has nothing to do either'
is 25 "$(find "$SPOOL/payloads/processed" -type l | wc -l)" 'the markers lie in processed/'
is 0 "$(find "$SPOOL/payloads/pending" "$SPOOL/payloads/processing" "$SPOOL/payloads/ready" -type l | wc -l)" 'and nowhere else'
is 25 "$(count_of loaded)" 'the journal has each file once'
is '[25,10000,10000,0]' "$(jq -s -c '[.[] | select(.event == "loaded")] | [length, (map(.properties_count) | add), (map(.success_count) | add), (map(.error_count) | add)]' "$SPOOL/journal/$ID.ndjson")" 'with its counts'
is '["processed",10000,0]' "$(show '[.place,.success_count,.error_count]')" 'the job counts them and stays where it is'
is 25 "$(show '[.files[] | select(.status == "COMPLETED" and .properties_count == .success_count + .error_count)] | length')" 'files: properties = successes + errors'

# --- export
bs export --job "$first" >"$DIR/exported"
ok "a job's export: each record's own text, in the order it was captured" cmp "$DIR/sent" "$DIR/exported"
bs export --source properties | LC_ALL=C sort >"$DIR/exported"
LC_ALL=C sort "$DIR/sent" >"$DIR/sorted"
ok "a source's export has the same 10,000 lines" cmp "$DIR/sorted" "$DIR/exported"
is "$(jq -c '.Persons | length' "$DIR/sent" | awk '{n += $1} END {print n}')" "$(bs export --source properties --children property_owners | wc -l)" 'every owner of every property'
is "$(jq -r '.Persons[].PersonKey' "$DIR/sent" | LC_ALL=C sort | sha256sum)" "$(bs export --source properties --children property_owners | jq -r .PersonKey | LC_ALL=C sort | sha256sum)" 'each once'
bs export --campaign A --format csv >"$DIR/csv"
is 10001 "$(wc -l <"$DIR/csv")" 'CSV: a head and a row a record'
like 'RadarID' "$(head -n 1 "$DIR/csv")" 'CSV: named columns'
is 10000 "$(tail -n +2 "$DIR/csv" | grep -c '9007199254[0-9]*')" 'CSV: integers beyond 2^53 are whole'
is "$(grep -c '"ZipFive":"02134"' "$DIR/sent")" "$(tail -n +2 "$DIR/csv" | grep -cE '(^|,)"?02134"?(,|$)')" 'CSV: ZIPs keep their zeros'

# --- a second search that overlaps the first
drop two 400 '.campaign_id = "B" | .criteria += [{name: "Offset", value: [9800]}]'
at processed 'another search'
bs process --json "$ID" >"$DIR/report"
is '[1,400,200,0]' "$(jq -c '[.files,.records,.inserted,.errors]' "$DIR/report")" 'only what is new is inserted'
is 200 "$(bs export --campaign B --not-in A | wc -l)" '--not-in leaves out what another campaign has'
is 400 "$(bs export --job "$ID" | wc -l)" "a job's export has all that it captured"
is 10000 "$(bs export --job "$first" | wc -l)" 'the first job keeps its records'
is 10200 "$(bs export --source properties | wc -l)" 'the source has each once'
is "[\"$ID\",\"properties\"]" "$(bs export --job "$ID" --with-origin | head -n 1 | jq -c '[.. | strings] | [(.[] | select(. == "properties")), (.[] | select(startswith("20") and endswith("-two")))] | unique')" '--with-origin names source and job'

# --- by hand
drop hand 10 '.criteria += [{name: "Offset", value: [11000]}]'
at processed 'a small one'
mv "$SPOOL/payloads/pending/${ID}_batch0001.json" "$SPOOL/payloads/ready/"
ok 'a marker moved to ready/ is loaded by the daemon' wait_event loaded
ok 'and comes to lie in processed/' wait_for 5 test -L "$SPOOL/payloads/processed/${ID}_batch0001.json"
is 10 "$(bs export --job "$ID" | wc -l)" 'with its records'

# --- again from raw
exits 0 'process --reload' bs process --reload --json
is '[27,10410,0,0]' "$(jq -c '[.files,.records,.inserted,.errors]' <<<"$OUT")" 'reads every file again and inserts nothing'
is 10210 "$(bs export --source properties | wc -l)" 'changes nothing'

# --- bad records
jq '.primary_key = "/Persons/1/PersonKey" | .coverage_tolerance = 1000' "$DIR/etc/sources/items.json" >"$DIR/etc/sources/odd.json"
define_source odd "$API_URL/v1/items"
drop odd 0 '{source: "odd", count: 400}'
at processed 'records without their key, within the tolerance'
bad=$(curl -s "$API_URL/v1/items?count=400&limit=400" | jq '[.items[] | select(.Persons | length < 2)] | length')
exits 0 'process: bad records do not sink their file' bs process --json "$ID"
is "[1,400,$((400 - bad)),$bad]" "$(jq -c '[.files,.records,.inserted,.errors]' <<<"$OUT")" 'they are counted'
is "[$((400 - bad)),$bad]" "$(show '[.success_count,.error_count]')" 'in the job too'
jq '.primary_key = "/RadarID"' "$DIR/etc/sources/odd.json" >"$DIR/x" && mv "$DIR/x" "$DIR/etc/sources/odd.json"
exits 0 'process --replay after the definition is mended' bs process --replay --json
is "[$bad,0]" "$(jq -c '[.inserted,.errors]' <<<"$OUT")" 'loads what was kept'
is 400 "$(bs export --source odd | wc -l)" 'then all are there'

# --- a file that was changed
drop changed 10 '.criteria += [{name: "Offset", value: [11500]}]'
at processed 'one more'
file=$(readlink -f "$SPOOL/payloads/pending/${ID}_batch0001.json")
cp -p "$file" "$DIR/kept"
chmod u+w "$file" && printf X | dd of="$file" bs=1 seek=40 conv=notrunc status=none
exits 65 'a payload whose bytes changed is not loaded' bs process "$ID"
like 'SHA-256' "$ERR" 'and it says why'
ok 'its marker lies in failed/' test -L "$SPOOL/payloads/failed/${ID}_batch0001.json"
is 'rejected damaged' "$(events | tail -n 1)" 'the journal has it'
cp -p "$DIR/kept" "$file"
mv "$SPOOL/payloads/failed/${ID}_batch0001.json" "$SPOOL/payloads/pending/"
exits 0 'put right and moved back it is loaded' bs process "$ID"
verified 'verify finds no difference'
finish
