#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Caps that jobs share: never passed by a record, whatever the order, a crash, or an answer that was lost.
. "$(dirname "$0")/../lib.sh"
api_start --records 60000
source_metered properties '.metering.daily_cost_cap = "200" | .metering.max_in_flight = 2'
source_metered left '.metering.daily_cost_cap = "60"'
source_metered again '.metering.daily_cost_cap = "60" | .metering.on_charge_unknown = "retry"'
source_metered dollars
source_metered euro '.metering.currency = "EUR" | .metering.max_in_flight = 2'
source_metered euro2 '.metering.currency = "EUR" | .metering.daily_cost_cap = "500"'
config '.daily_cost_caps = {"EUR": "50"}'

offset() { printf '.criteria += [{name: "Offset", value: [%d]}]' "$1"; }
charged() { stat_of .charged_records; }
paid_least() { [ "$(stat_of .paid_requests)" -ge "$1" ]; }
resting() { local at; for at in "${JOBS[@]}"; do in_place deferred "$at" || in_place hold "$at" || in_place processed "$at" || return 1; done; }
# in_journals FILTER: the sum over all `captured` and `charge_unknown` lines of the journals of JOBS, in cents
in_journals() {
    local at
    for at in "${JOBS[@]}"; do cat "$SPOOL/journal/$at.ndjson"; done |
        jq -s '[.[] | select((.event == "captured" and .paid) or .event == "charge_unknown") | .cost | tonumber * 100 | round] | add // 0'
}

# --- eight jobs, one cap of 200.00: 4,000 of the 8,000 records
faults '{"kind": "delay", "ms": 15, "on": "paid", "count": -1}, {"kind": "drop_after", "on": "paid", "start": 300, "count": 3}, {"kind": "drop_mid", "on": "paid", "start": 500, "count": 2}'
daemon_start
JOBS=()
n=0
for priority in low urgent normal high low normal urgent high; do
    n=$((n + 1))
    drop "shared$n" 1000 ".batch_size = 100 | .priority = \"$priority\" | $(offset $((n * 1000)))"
    JOBS+=("$ID")
done
kills=0
for least in 6 14 22; do
    wait_for "$WAIT_S" paid_least "$least" || break
    daemon_kill
    kills=$((kills + 1))
    [ "$(charged)" -le 4000 ] || result 1 'the cap holds at a kill'
    daemon_start
done
is 3 "$kills" 'the daemon is killed three times while eight jobs buy'
WAIT_S=60
ok 'all come to rest' wait_for "$WAIT_S" resting
WAIT_S=10
records=$(charged)
result $((records > 4000)) 'not a record more than the cap allows was charged' "charged: $records"
result $((records < 3400)) 'and most of what it allows was bought' "charged: $records"
spent=$(in_journals)
result $((spent > 20000)) 'the journals know of no more than the cap, lost answers at their highest price' "cents: $spent"
result $((records * 5 > spent)) 'and of no less than what was charged' "charged: $records records, journals: $spent cents"
ok 'one of them waits for the next day' grep -ql '"reason":"daily_cost_cap"' "$SPOOL"/journal/*.ndjson

# Decided: what was in doubt counts as spent, so nothing more is bought today.
for at in "${JOBS[@]}"; do
    in_place hold "$at" && bs release --accept-charge "$at" 2>/dev/null
done
for at in "${JOBS[@]}"; do
    in_place deferred "$at" && mv "$SPOOL/jobs/deferred/$at.json" "$SPOOL/jobs/pending/"
done
ok 'released and moved to pending/ they come to rest again' wait_for 30 resting
result $(($(charged) > 4000)) 'and the cap holds' "charged: $(charged)"

# --- a request that a kill left without an answer counts, though its job lies in hold/
api_reset
faults '{"kind": "stall", "on": "paid", "count": -1}'
drop stalls 400 "{source: \"left\", criteria} | $(offset 20000)"
wait_for "$WAIT_S" paid_least 1
wait_event requested 1
daemon_kill
mv "$SPOOL/jobs/processing/$ID.json" "$SPOOL/jobs/hold/"
stalled=$ID
faults
daemon_start
drop fits 1200 "{source: \"left\", criteria} | $(offset 21000)"
at deferred 'the cap of 60 leaves room for two pages beside a request that nothing was heard of'
is '[3,1200]' "$(stat_of '[.paid_requests,.charged_records]')" 'exactly the cap is charged'
like 'source left: 60\.00 of the day.s 60\.00 USD' "$(event 'select(.event == "deferred") | .error')" 'and told'
is hold "$(place "$stalled")" 'the other job was not touched'
is 0 "$(count_of charge_unknown "$stalled")" 'its journal says no more than requested'
mv "$SPOOL/jobs/hold/$stalled.json" "$SPOOL/jobs/pending/"
wait_event charge_unknown 1 "$stalled"
at hold 'released, it is in doubt' "$stalled"
is 3 "$(stat_of .paid_requests)" 'nothing is asked'
# of an idempotent source it is asked again, and counts once
api_reset
faults '{"kind": "stall", "on": "paid"}'
drop idem 1200 "{source: \"again\", criteria} | $(offset 24000)"
wait_for "$WAIT_S" paid_least 1
wait_event requested 1
daemon_kill
daemon_start
at processed 'an idempotent source: the cap of 60 is enough for 60 although a request was lost'
is 'retrying lost' "$(events | grep retrying)" 'the lost request is closed in the journal'

# --- all sources of a currency
api_reset
faults '{"kind": "delay", "ms": 15, "on": "paid", "count": -1}'
JOBS=()
for n in 1 2 3 4; do
    drop "euro$n" 600 "{source: \"euro$((n % 2 + 1))\", criteria, batch_size: 100} | .source |= sub(\"euro1\"; \"euro\") | $(offset $((30000 + n * 1000)))"
    JOBS+=("$ID")
done
ok 'four jobs of two sources share daily_cost_caps' wait_for 30 resting
is 1000 "$(charged)" 'exactly 50.00 EUR are bought'
like 'all sources of EUR: 50\.00 of the day.s 50\.00 EUR' "$(cat "$SPOOL"/jobs/deferred/*euro*.why)" 'the note says which cap'
ok 'no job is left behind' test -z "$(find "$SPOOL/jobs/processing" "$SPOOL/jobs/pending" -name '*.json')"
drop dollars 100 "{source: \"dollars\", criteria} | $(offset 40000)"
at processed 'what is paid in dollars is bought on'

# --- guards of a job: nothing is bought that a preview already forbids
api_reset
drop guard 12345 '.max_records = 10000'
at hold '12,345 records against max_records 10,000'
is '[0,0,1]' "$(stat_of '[.paid_requests,.charged_records,.previews]')" 'zero paid requests'
like '12345.*10000' "$(why)" 'both numbers are told'

daemon_stop
ok 'the index can be built again' bs reindex
daemon_start
verified 'verify finds no difference'
finish
