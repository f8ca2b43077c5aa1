#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Money: guards before anything is bought, caps, and charges that nobody knows of.
. "$(dirname "$0")/../lib.sh"
api_start --records 30000
source_metered properties
source_metered daily '.metering.daily_cost_cap = "45"'
source_metered doubles '.coverage_tolerance = 1'
source_metered again '.metering.on_charge_unknown = "retry"'
source_metered blind 'del(.metering.preview)'
daemon_start

# offset N: a part of the data that no other search here has
offset() { printf '.criteria += [{name: "Offset", value: [%d]}]' "$1"; }
paid() { stat_of .paid_requests; }

# --- guards
drop guard 12345 '.max_records = 10000'
at hold '12,345 records against max_records 10,000: held'
is '0 1' "$(paid) $(stat_of .previews)" 'after a free preview; nothing is bought'
like '12,?345.*10,?000' "$(why)" 'the note has both numbers'
is 'held max_records' "$(events | tail -n 1)" 'reason max_records'
like '12,?345' "$(bs why "$ID")" 'why says so too'
mv "$SPOOL/jobs/hold/$ID.json" "$SPOOL/jobs/pending/"
wait_event held 2
at hold 'moved to pending/ as it is, the guard holds it again'
is 0 "$(paid)" 'and nothing is bought'
drop cost 1000 '.max_cost = "49.99"'
at hold 'a price above max_cost: held'
like '50(\.00)?.*49\.99' "$(why)" 'the note has both prices'
is 0 "$(paid)" 'nothing is bought'
api_reset
drop exact 1000 '.max_cost = "50.00" | .criteria += [{name: "Offset", value: [77]}]'
at processed 'a price of exactly max_cost: bought to its last page'
is '[400,400,200]' "$(jq -sc '[.[] | select(.event == "requested") | .limit]' "$SPOOL/journal/$ID.ndjson")" 'which asks for what is left'
is '50 3' "$(show '.cost | tonumber') $(paid)" 'at that price'
api_reset
drop number 1000 '.max_cost = 49.99'
at hold 'max_cost as a number'
drop blind 1000 '{source: "blind", criteria, max_records: 100}'
at hold 'a source without a preview: the first page tells the total'
is '1 100' "$(paid) $(stat_of .charged_records)" 'which asks for no more than max_records'
api_reset

# --- take
drop take 1000 '.take = 950 | .max_records = 950 | .max_cost = "47.50"'
at processed 'take: the first 950 of 1,000'
is '[950,3,0]' "$(stat_of '[.charged_records,.paid_requests,.twice]')" 'exactly 950 are bought'
is '[400,400,150]' "$(jq -s -c '[.[] | select(.event == "captured") | .records]' "$SPOOL/journal/$ID.ndjson")" 'the last page is trimmed'
is 950 "$(event 'select(.event == "completed") | .unique')" 'and that is complete coverage'
is 47.5 "$(show '.cost | tonumber')" 'for 47.50'
drop size 1000 ".batch_size = 250 | $(offset 1000)"
at processed 'batch_size'
is '[250,250,250,250]' "$(jq -s -c '[.[] | select(.event == "captured") | .records]' "$SPOOL/journal/$ID.ndjson")" 'pages of 250'
exits 65 'more than the source allows is refused' bs submit --set batch_size=501 "$SPOOL/jobs/processed/$ID.json"
exits 0 'preview' bs preview "$SPOOL/jobs/processed/$ID.json" --json
is '[1000,1000,50]' "$(jq -c '[.total,.planned,(.cost|tonumber)]' <<<"$OUT")" 'tells total, planned and cost'
is 1950 "$(stat_of .charged_records)" 'and buys nothing'

# --- the total grows while it runs
api_reset
faults '{"kind": "change_total", "delta": 5000, "on": "paid"}'
drop grows 1000 ".max_records = 1000 | $(offset 3000)"
at hold 'a search that grew beyond its guard stops'
is 'held max_records' "$(events | tail -n 1)" 'reason max_records'
is 1 "$(paid)" 'after the page that told it'

# --- CHARGE_UNKNOWN
api_reset
faults '{"kind": "drop_after", "on": "paid", "start": 400}'
drop lost 1200 "$(offset 5000)"
at hold 'an answer was lost: held'
is 'held charge_unknown' "$(events | tail -n 1)" 'reason charge_unknown'
is '[3,1200]' "$(stat_of '[.paid_requests,.charged_records]')" 'the other pages were bought, that one was not asked for again'
is '[2,20,40]' "$(jq -s -c '[.[] | select(.event == "charge_unknown")][0] | [.batch,(.cost|tonumber),40]' "$SPOOL/journal/$ID.ndjson")" 'the journal has batch and highest price'
is '[40,1]' "$(show '[(.cost|tonumber), (.open_batches | length)]')" 'the job counts what it knows'
exits 75 'a bare release is not enough' bs release "$ID"
is hold "$(place)" 'it stays in hold/'
n=$(count_of held)
mv "$SPOOL/jobs/hold/$ID.json" "$SPOOL/jobs/pending/"
wait_event held $((n + 1))
at hold 'neither is mv'
is 3 "$(paid)" 'nothing was asked'
exits 65 'a batch that is not in doubt cannot be decided' bs release --accept-charge --batch 1 "$ID"
exits 0 'release --accept-charge' bs release --accept-charge "$ID"
at processed 'buys the page once more and completes'
is '[4,1600,400]' "$(stat_of '[.paid_requests,.charged_records,.twice]')" 'that page alone'
is 80 "$(show '.cost | tonumber')" 'the old cost counts as spent'
is released "$(events | grep -x 'released')" 'the decision is in the journal'
is '["accept_charge","command line"]' "$(event 'select(.event == "released") | [.decision,.by] | tojson')" 'with its writer'

api_reset
faults '{"kind": "drop_mid", "on": "paid", "start": 0}, {"kind": "drop_after", "on": "paid", "start": 800}'
drop lost2 1200 "$(offset 7000)"
at hold 'two answers were lost'
is 2 "$(count_of charge_unknown)" 'both are in the journal'
body=$(event 'select(.event == "charge_unknown" and .batch == 1) | .body')
is "${ID}_batch0001.1.body" "$body" 'what came is named'
ok 'and kept' test -s "$SPOOL/payloads/failed/$body"
exits 0 'release --give-up --batch 3' bs release --give-up --batch 3 "$ID"
is hold "$(place)" 'one is still in doubt: it stays'
exits 0 'release --accept-charge --batch 1' bs release --accept-charge --batch 1 "$ID"
at failed 'decided, it goes on, and ends in failed/'
ok 'what came first was kept as it came' cmp -n "$(stat -c %s "$SPOOL/payloads/failed/$body")" "$SPOOL/payloads/failed/$body" "$DIR/bytes/0.json"
is '["coverage",1200,800,400]' "$(event 'select(.event == "failed") | [.reason,.expected,.unique,.missing] | tojson')" 'reason coverage, with what is missing'
is 4 "$(paid)" 'the page that was given up is never asked for'
exits 0 'release --accept-coverage' bs release --accept-coverage "$ID"
at processed 'completes it'
is 80 "$(show '.cost | tonumber')" 'both lost answers count as spent'
is 4 "$(paid)" 'still'

api_reset
faults '{"kind": "drop_after", "on": "paid", "start": 0}'
drop twice 400 "{source: \"again\", criteria} | $(offset 9000)"
at processed 'on_charge_unknown: retry asks again by itself'
is '[2,800]' "$(stat_of '[.paid_requests,.charged_records]')" 'for a source that says it is idempotent'

# --- never charged: never in doubt
api_reset
faults '{"kind": "status", "status": 404, "on": "paid"}'
drop gone 400 "$(offset 10000)"
at failed 'a 404 was not charged'
is 0 "$(count_of charge_unknown)" 'and is not in doubt'

# --- duplicates
api_reset
faults '{"kind": "duplicate", "n": 1, "replace": true, "on": "paid", "start": 0}'
drop dups 1200 "$(offset 12000)"
at hold 'records that were paid twice hold the job'
is 'held duplicates' "$(events | tail -n 1)" 'reason duplicates'
is 1 "$(paid)" 'at once'
exits 0 'release --accept-duplicates' bs release --accept-duplicates "$ID"
at failed 'goes on'
is 3 "$(paid)" 'with the missing pages'
is '["coverage",1200,1199,1,1]' "$(event 'select(.event == "failed") | [.reason,.expected,.unique,.duplicates,.missing] | tojson')" 'and ends without the record that did not come'
exits 0 'release --accept-coverage' bs release --accept-coverage "$ID"
at processed 'completes it'
is 3 "$(paid)" 'without another purchase'
faults '{"kind": "duplicate", "n": 1, "replace": true, "on": "paid", "start": 0}'
drop within 1200 "{source: \"doubles\", criteria} | $(offset 14000)"
at processed 'within the tolerance it goes on'
is '[1199,1,1]' "$(event 'select(.event == "completed") | [.unique,.duplicates,.missing] | tojson')" 'and says so'

# --- caps
api_reset
drop cap 2000 "{source: \"daily\", criteria} | $(offset 16000)"
at deferred 'the cap of the day defers a job'
is 'deferred daily_cost_cap' "$(events | tail -n 1)" 'reason daily_cost_cap'
is 2 "$(paid)" 'two pages for 40 were bought, a third would have passed 45'
is "$(date -u -d tomorrow +%Y-%m-%dT00:00:00)" "$(event 'select(.event == "deferred") | .until' | cut -c1-19)" 'until the next day'
n=$(count_of deferred)
mv "$SPOOL/jobs/deferred/$ID.json" "$SPOOL/jobs/pending/"
wait_event deferred $((n + 1))
at deferred 'mv does not override a cap'
is 2 "$(paid)" 'nothing is bought'
daemon_stop
daemon_start
drop cap2 100 "{source: \"daily\", criteria, take: 100} | $(offset 18000)"
at processed 'after a restart: what fits is bought'
drop cap3 400 "{source: \"daily\", criteria} | $(offset 19000)"
at deferred 'what does not fit waits'
is 3 "$(paid)" 'and was not asked for'

verified 'verify finds no difference'

# --- the disk
if [ "$(id -u)" = 0 ] && daemon_stop && mount -t tmpfs -o size=16m,mode=2770 batchspool "$SPOOL/payloads" 2>/dev/null && bs init >"$DIR/out" 2>&1; then
    daemon_start
    head -c 9000000 /dev/zero >"$SPOOL/payloads/ballast"
    drop room 100 "$(offset 20000)"
    at deferred 'no room for the largest answer: deferred'
    is 'deferred disk_room' "$(events | tail -n 1)" 'reason disk_room'
    is 3 "$(paid)" 'nothing is asked'
    rm "$SPOOL/payloads/ballast"
    mv "$SPOOL/jobs/deferred/$ID.json" "$SPOOL/jobs/pending/"
    at processed 'with room it runs'
    daemon_stop
else
    result 0 'no room for the largest answer # SKIP a file system cannot be mounted here'
fi
finish
