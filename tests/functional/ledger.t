#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `money` and `audit`: what the journals say, against the account that the metered API keeps itself, and against a journal that somebody edited.
. "$(dirname "$0")/../lib.sh"
api_start --records 60000
source_metered properties '.metering.daily_cost_cap = "1000" | .metering.reserve = "100"'
source_metered euro '.metering.currency = "EUR" | .metering.cost_per_record = "0.035" | del(.metering.cost_path)'
source_free items
config '.daily_cost_caps = {"EUR": "500"}'
daemon_start

offset() { printf '.criteria += [{name: "Offset", value: [%d]}]' "$1"; }
paid_least() { [ "$(stat_of .paid_requests)" -ge "$1" ]; }
# money FILTER OPTION...: of `money --json`
money() {
    local filter=$1
    shift
    bs money --json "$@" | jq -c "$filter"
}
# account: what the API charged, in cents
account() { stat_of '.charged_records * 5'; }
cents() { money '[.totals[] | select(.currency == "USD") | (.spent, .in_doubt, .in_flight) | tonumber * 100 | round] | add // 0' "$@"; }

# --- an honest job, trimmed; one of another currency; one for nothing
drop plain 1000 ".take = 950 | .campaign_id = \"CA-1\" | $(offset 0)"
at processed 'a job of 950 records'
is '["950","47.50","0.00","0.00","0.05"]' "$(money '.rows[] | select(.source == "properties") | [(.records | tostring), .spent, .in_doubt, .in_flight, .cost_per_record]')" 'records, spent, and what a record cost'
is "$(account)" "$(cents)" 'as the API charged'
is '["1000.00","100.00","47.50","852.50"]' "$(money '.rows[] | select(.source == "properties") | [.daily_cost_cap, .reserve, .used_today, .left_today]')" 'what the cap of today leaves'
before=$(stat_of .charged_records)
drop euros 400 "{source: \"euro\", criteria} | .campaign_id = \"EU-1\" | $(offset 2000)"
at processed 'a job in euros'
euros=$(($(stat_of .charged_records) - before))
is '["EUR","14.00"],["USD","47.50"]' "$(money '[.totals[] | [.currency, .spent]] | tojson' | jq -r . | sed 's/^\[//; s/\]$//')" 'currencies are never added up'
is '{"currency":"EUR","daily_cost_cap":"500.00","reserve":"0.00","used_today":"14.00","left_today":"486.00"}' "$(money '.daily_cost_caps[0]')" 'the daemon'"'"'s own cap'
drop free 500 '{source: "items", count: 500}'
at processed 'a job for nothing'
is 0 "$(money '[.rows[] | select(.source == "items")] | length')" 'which is no row'

# --- charges nobody knows of: given up, accepted, undecided; refusals; a crash
faults '{"kind": "drop_after", "on": "paid", "start": 400}, {"kind": "drop_mid", "on": "paid", "start": 800}, {"kind": "status", "status": 429, "on": "paid", "start": 1200}'
drop lost 2000 ".campaign_id = \"CA-2\" | $(offset 4000)"
at hold 'two answers were lost'
lost=$ID
account_usd() { echo $(($(account) - euros * 5)); }
is "$(account_usd)" "$(cents)" 'spent and in doubt are what was charged'
is '["40.00"]' "$(money '[.rows[] | select(.campaign_id == "CA-2") | .in_doubt]' --by campaign)" 'of which two pages are in doubt'
exits 0 'one is given up' bs release --give-up --batch 3 "$lost"
is '["80.00","20.00"]' "$(money '.rows[] | select(.job_id | endswith("-lost")) | [.spent, .in_doubt]' --by job)" 'it counts as spent'
exits 0 'the other is bought once more' bs release --accept-charge --batch 2 "$lost"
at failed 'the job ends' "$lost"
is "$(account_usd)" "$(cents)" 'spent is what was charged, both times'
is '"0.00"' "$(money '.totals[] | select(.currency == "USD") | .in_doubt')" 'nothing is in doubt'
faults '{"kind": "status", "status": 404, "on": "paid"}'
drop refused 400 ".campaign_id = \"CA-3\" | $(offset 8000)"
at failed 'a refusal'
is "$(account_usd)" "$(cents)" 'costs nothing'
is 0 "$(money '[.rows[] | select(.campaign_id == "CA-3")] | length' --by campaign)" 'and is no row'
faults '{"kind": "stall", "on": "paid"}'
n=$(stat_of .paid_requests)
drop crash 800 ".campaign_id = \"CA-4\" | $(offset 10000)"
wait_for "$WAIT_S" paid_least $((n + 1))
wait_event requested 1
is '["0.00","20.00"]' "$(money '.rows[] | select(.campaign_id == "CA-4") | [.in_doubt, .in_flight]' --by campaign)" 'a request on its way is in flight'
is "$(account_usd)" "$(cents)" 'and counts'
daemon_kill
is "$(account_usd)" "$(cents)" 'so it does after a crash'
faults
daemon_start
at hold 'the next start puts it in doubt'
is '["20.00","0.00"]' "$(money '.rows[] | select(.campaign_id == "CA-4") | [.in_doubt, .in_flight]' --by campaign)" 'and so does money'
is "$(account_usd)" "$(cents)" 'as the API charged'
exits 0 'released' bs release --accept-charge "$ID"
at processed 'it completes'
is "$(account_usd)" "$(cents)" 'after crash, doubt and decision the account is the same to the cent'

# --- rows and spans
is "$(money '.totals')" "$(money '.totals' --by day)" 'by day the totals are the same'
is "$(money '.totals')" "$(money '.totals' --by job)" 'by job too'
is "[\"$(date -u +%F)\"]" "$(money '[.rows[] | select(.currency == "EUR") | .day]' --by day)" 'a day is one of UTC'
is '[]' "$(money '.totals' --until 2020-01-01)" 'before there was anything'
is "$(money '.totals')" "$(money '.totals' --since "$(date -u +%F)" --until "$(date -u +%F)")" 'a day begins and ends'
is '["14.00"]' "$(money '[.totals[].spent]' --source euro)" 'one source'
is '["47.50"]' "$(money '[.totals[].spent]' --campaign CA-1)" 'one campaign'
exits 64 'a span that is none' bs money --since yesterday
exits 64 'a grouping that is none' bs money --by week
exits 0 'for people' bs money
like 'properties .*USD .*852\.50|properties .*USD' "$OUT" 'a row a source'
like 'UTC' "$OUT" 'and which days'

# --- whatever the index says
wanted=$(money '[.rows,.totals]')
daemon_stop
rm -rf "${SPOOL:?}/index"/*
is "$wanted" "$(money '[.rows,.totals]')" 'without an index the figures are the same'
ok 'the index is made again' bs reindex
daemon_start

# --- audit
drop person 400 "$(offset 12000) | .max_records = 10"
at hold 'a guard holds a job'
person=$ID
exits 0 'a person changes the priority' bs priority "$person" high
n=$(count_of cancelled "$person")
mv "$SPOOL/jobs/hold/$person.json" "$SPOOL/jobs/cancelled/"
wait_event cancelled 1 "$person"
exits 0 'audit' bs audit --job "$person"
me=$(id -un)
like "accepted .*daemon, file of $me\\($(id -u)\\)" "$OUT" 'who dropped it, as far as can be known'
like 'held .*daemon .*reason=max_records' "$OUT" 'what the guard decided'
like "reprioritised .*command line $me\\($(id -u)\\).*priority=high" "$OUT" 'who changed the priority'
like "cancelled .*mv, file of $me" "$OUT" 'of mv the owner of the file'
is 4 "$(wc -l <<<"$OUT")" 'and no more'
exits 0 'decisions about charges' bs audit --job "$lost" --event released --json
is '["give_up","20.00","spent","command line"]' "$(jq -sc '.[0] | [.decision, .money, .money_is, .by]' <<<"$OUT")" 'with the money, and who'
exits 0 'a payload is loaded by hand' bs process "$lost"
is '["command line"]' "$(bs audit --job "$lost" --event loaded --json | jq -sc 'map(.by) | unique')" 'which is told'
is 0 "$(bs audit --json --by mv --source euro | wc -l)" 'filters: nothing of this source was moved'
is "\"$person\"" "$(bs audit --json --by mv | jq -c .job_id)" 'by mv: that one'
is "$(bs audit --json --by "$me" | wc -l)" "$(bs audit --json --by "$(id -u)" | wc -l)" 'by name or by number'
is 0 "$(bs audit --until 2020-01-01 | wc -l)" 'nothing before there was anything'
all=$(cat "$SPOOL"/journal/*.ndjson | wc -l)
is "$all" "$(bs audit --all | wc -l)" '--all: a line for each line of all journals'
ok 'in order of time' sh -c 'bs() { "$0" "$@"; }; "$0" audit --all | cut -c1-24 | sort -c' "$PROGRAMS/batchspool"
drop "$(printf 'esc\033[31m')" 400 "$(offset 14000) | .campaign_id = \"x y\""
at failed 'a drop with a bad member and an escape in its name'
result $(($(bs audit --job "$ID" | LC_ALL=C grep -c $'[\001-\011\013-\037]') > 0)) 'control characters are escaped'

# --- many journals, more than can be open at once
daemon_stop
perl -MDigest::SHA=sha256_hex -e '
    my ($dir, $count) = @ARGV;
    for my $n (1 .. $count) {
        my $id = sprintf "20250101T%02d%02d%02dZ-%012x-many", $n / 3600 % 24, $n / 60 % 60, $n % 60, $n;
        my $ts = sprintf "2025-01-%02dT10:%02d:%02d.%06dZ", $n % 28 + 1, $n / 60 % 60, $n % 60, $n;
        my $line = qq({"v":1,"seq":1,"prev":") . "0" x 64 . qq(","ts":"$ts","event":"rejected","node":"n","by":"daemon","uid":4711,"reason":"invalid","name":"many"});
        open my $f, ">", "$dir/$id.ndjson" or die; print $f "$line\n"; close $f;
    }' "$SPOOL/journal" 20000
exits 0 'audit of 20,000 journals with 64 open files' bash -c "ulimit -n 64; '$PROGRAMS/batchspool' audit --until 2025-12-31 --json"
is 20000 "$(wc -l <"$DIR/out")" 'tells of each'
ok 'in order of time' sh -c 'jq -r .ts "$0" | sort -c' "$DIR/out"
like 'file of uid 4711 ' "$(bs audit --until 2025-12-31 | head -n 1)" 'a user that nobody knows is a number'
rm -f "$SPOOL"/journal/2025*-many.ndjson

# --- an edited journal
journal=$SPOOL/journal/$lost.ndjson
cp -p "$journal" "$DIR/keep"
sed -i 's/"event":"released"\(.*\)"uid":[0-9]*/"event":"released"\1"uid":77777/' "$journal"
exits 65 'a decision was put into another'"'"'s name' bs audit --job "$lost"
like 'line [0-9]+: prev is not the SHA-256 of the line before: line [0-9]+ was changed' "$ERR" 'the line is told'
like 'DAMAGED' "$OUT" 'in its place'
exits 65 'money says so too' bs money
cp -p "$DIR/keep" "$journal"
sed -i '$ s/"node":"[^"]*"/"node":"elsewhere"/' "$journal"
exits 65 'the last line was changed: nothing follows that could prove it' bs audit --job "$lost"
like 'index has (seen|read)' "$ERR" 'but the index has seen it'
cp -p "$DIR/keep" "$journal"
exits 0 'put back, audit finds nothing' bs audit --job "$lost"
daemon_start
verified 'verify finds no difference'
finish
