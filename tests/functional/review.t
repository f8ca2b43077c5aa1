#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Races and holes that were found by reading: each case here failed once. The rescan is slow, so that nothing is put right by it.
. "$(dirname "$0")/../lib.sh"
api_start --records 30000
source_metered properties
source_metered blind 'del(.metering.preview)'
source_metered priceless 'del(.metering.preview) | del(.metering.cost_per_record) | .metering.daily_cost_cap = "10"'
source_metered endless 'del(.metering.preview) | del(.metering.count_path) | del(.paginator.total_path)'
source_free items
source_free nototal 'del(.paginator.total_path)'
config '.rescan_interval_s = 600'
daemon_start
jobs=$SPOOL/jobs

paid() { stat_of .paid_requests; }
# offset N: a part of the data that no other search here has
offset() { printf '.criteria += [{name: "Offset", value: [%d]}]' "$1"; }
# lying PLACE SLUG: how many jobs whose names begin so
lying() { find "$jobs/$1" -name "*-$2*.json" | wc -l; }
all_lie() { [ "$(lying "$1" "$2")" = "$3" ]; }
# many SLUG JQ: 30 jobs
many() {
    local i
    for i in $(seq 30); do
        jq -n --argjson i "$i" "$2" >"$jobs/tmp/$1$i.json" && mv "$jobs/tmp/$1$i.json" "$jobs/pending/"
    done
}

# --- a look that is older than the claim
when=$(date -u -d '+3 seconds' +%FT%TZ)
many due "{source: \"items\", count: \$i, not_before: \"$when\"}"
ok 'jobs that are due together are all run' wait_for 10 all_lie processed due 30
many guarded '{source: "items", count: ($i + 100), max_records: 5}'
wait_for 10 all_lie hold guarded 30
for file in "$jobs"/hold/*-guarded*.json; do
    jq '.max_records = 1000' "$file" >"$DIR/x" && cp "$DIR/x" "$file" && mv "$file" "$jobs/pending/"
done
ok 'so are those that a hand brings back together' wait_for 10 all_lie processed guarded 30

# --- moved by hand as soon as it is claimed
for i in 1 2 3 4 5 6; do
    job "$jobs/tmp/early$i.json" 4000 "$(offset $((i * 4000)))"
    mv "$jobs/tmp/early$i.json" "$jobs/pending/"
    # shellcheck disable=SC2016
    perl -e 'my ($jobs, $slug) = @ARGV; my $end = time + 5;
        while (time < $end) {
            opendir my $dir, "$jobs/processing";
            /-$slug\.json$/ and rename "$jobs/processing/$_", "$jobs/hold/$_" and exit 0 for readdir $dir;
        }
        exit 1' "$jobs" "early$i" || result 1 "early$i is claimed"
    taken "early$i"
    ok "early$i: the move is journalled at once" wait_for 3 has_events held 1 "$ID"
done
result $(($(paid) > 6)) 'and stops the search' "$(paid) pages were paid for"

# --- guards hold as well when a hand brings a job back
api_reset
faults '{"kind": "duplicate", "on": "paid", "n": 3, "replace": true, "count": -1}'
drop doubled 4000
at hold 'records that came twice hold the job'
mv "$jobs/hold/$ID.json" "$jobs/pending/"
wait_event held 2
at hold 'moved to pending/ as it is, it is held again'
is 1 "$(paid)" 'before another page is bought'
faults
api_reset
drop blind 1000 "{source: \"blind\", criteria, max_records: 100} | $(offset 300)"
at hold 'without a preview the first page tells the total'
mv "$jobs/hold/$ID.json" "$jobs/pending/"
wait_event held 2
at hold 'moved to pending/ as it is, the guard holds it again'
is 1 "$(paid)" 'before another page is bought'

# --- no total, no price
api_reset
drop endless 2000 "{source: \"endless\", criteria, max_records: 1000} | $(offset 600)"
at hold 'a source that names no total: held'
is 'held max_records' "$(events | tail -n 1)" 'reason max_records'
is '[1000,3]' "$(stat_of '[.charged_records,.paid_requests]')" 'max_records were bought, and no more'
mv "$jobs/hold/$ID.json" "$jobs/pending/"
wait_event held 2
at hold 'moved to pending/ as it is, it is held again'
jq '.max_records = 3000' "$jobs/hold/$ID.json" >"$DIR/x" && cp "$DIR/x" "$jobs/hold/$ID.json"
mv "$jobs/hold/$ID.json" "$jobs/pending/"
at processed 'with the guard raised it goes on'
is '[2000,0]' "$(stat_of '[.charged_records,.twice]')" 'to its end, nothing bought twice'
drop unending 0 '{source: "nototal", count: 3000, max_records: 100}'
at hold 'a free one likewise'
drop enough 0 '{source: "nototal", count: 99, max_records: 100}'
at processed 'but not below max_records'
api_reset
drop priceless 400 "{source: \"priceless\", criteria} | $(offset 900)"
at hold 'a cap, and nobody knows a price: held'
is 'held price_unknown 0' "$(events | tail -n 1) $(paid)" 'before anything is bought'

# --- edited into the search of another job
drop once 401
at processed 'a search'
before=$(paid)
drop edited 402 '.not_before = "2099-01-01T00:00:00Z"'
at deferred 'another, for later'
jq '.criteria[0].value = [401] | del(.not_before)' "$jobs/deferred/$ID.json" >"$DIR/x" && cp "$DIR/x" "$jobs/deferred/$ID.json"
mv "$jobs/deferred/$ID.json" "$jobs/pending/"
at failed 'edited to be the same, it is rejected'
is "failed duplicate $before" "$(events | tail -n 1) $(paid)" 'as a duplicate, and nothing is bought'
verified 'verify finds no difference'

# --- refused credentials
printf wrong >"$DIR/credentials/api_token"
drop refused 5 "$(offset 1500)"
at deferred 'refused credentials: deferred'
printf '%s' "$TOKEN" >"$DIR/credentials/api_token"
kill -HUP "$DAEMON_PID"
at processed 'SIGHUP tries it with new ones, as its note says'

# --- killed between the acceptance and the completion of a job that reuses
before=$(paid)
daemon_stop
BATCHSPOOL_FAULT=2:kill:rename daemon_start
drop reused 401 '.on_duplicate = "reuse"'
wait_for 5 ended "$DAEMON_PID"
daemon_kill 2>/dev/null
is pending "$(place)" 'a job that reuses: killed before it is complete'
daemon_start
at processed 'the next start completes it'
is "completed reuse $before" "$(events | tail -n 1) $(paid)" 'and buys nothing'

# --- an answer that was journalled and is gone
daemon_stop
BATCHSPOOL_FAULT=1:kill:link daemon_start
drop vanished 3 "$(offset 1200)"
wait_for 5 ended "$DAEMON_PID"
daemon_kill 2>/dev/null
rm -f "$SPOOL"/payloads/tmp/*.body
daemon_start
at hold 'an answered page whose body is gone: held'
is 'charge_unknown damaged' "$(events | grep '^charge_unknown')" 'it is in doubt'
before=$(paid)
exits 0 'release --accept-charge' bs release --accept-charge "$ID"
at processed 'buys it once more'
is "1 $((before + 1))" "$(count_of charge_unknown) $(paid)" 'once'
verified 'verify finds no difference'

# --- a damaged journal
ticks() { awk '{print $14 + $15}' "/proc/$DAEMON_PID/stat"; }
# quiet NAME: for two seconds the daemon has next to nothing to do
quiet() {
    local before
    before=$(ticks)
    sleep 2 # a time to measure, not to wait for something
    result $(($(ticks) - before > 40)) "$1" "$(($(ticks) - before)) ticks; $(tail -n 3 "$DIR/daemon.log")"
}
drop broken 0 '{source: "items", count: 7, not_before: "2099-01-01T00:00:00Z"}'
at deferred 'a job for later'
broken=$ID
sed -i 's/"name":"broken"/"name":"Broken"/' "$SPOOL/journal/$ID.ndjson"
touch -d '-1 hour' "$jobs/deferred/$ID.json"
ok 'its journal is damaged: it is held' wait_for 10 in_place hold "$broken"
drop sound 0 '{source: "items", count: 8, not_before: "2099-01-01T00:00:00Z"}'
touch -d '-1 hour' "$jobs/deferred/$ID.json"
at processed 'and keeps no other from being run'
quiet 'nor the daemon busy'
daemon_stop
rm -f "$SPOOL"/index/*
daemon_start
quiet 'nor after the index was built again'
is hold "$(place "$broken")" 'it stays in hold/'
finish
