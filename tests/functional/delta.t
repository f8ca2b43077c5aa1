#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Delta purchase: the search is listed for free, what is owned is left out, the rest is bought by its ids; results follow the job's members.
. "$(dirname "$0")/../lib.sh"
api_start --records 30000 --preview ids
source_metered properties '.metering.free_fields = ["RadarID"] | .metering.max_in_flight = 2'
source_metered again '.metering.free_fields = ["RadarID"] | .metering.max_in_flight = 2 | .metering.on_charge_unknown = "retry"'
source_metered templated '.metering.free_fields = ["RadarID"] | .metering.by_id = {json: {Criteria: [{name: "RadarID", value: "${item.ids}"}]}}'
daemon_start

offset() { printf '.criteria += [{name: "Offset", value: [%d]}]' "$1"; }
paid() { stat_of .paid_requests; }
keys() { jq -r .RadarID; }
export_job() { bs export --job "$1"; }

# --- A buys all, B what A does not have
drop a 10000
at processed 'job A: nothing is owned, all of it is bought'
A=$ID
is '[10000,10000,0]' "$(stat_of '[.charged_records,.charged_ids,.twice]')" 'each record once'
is '[10000,0,10000]' "$(event 'select(.event == "listed") | [.total,.owned,.to_buy] | tojson')" 'the list is journalled before'
ok 'process' bs process
export_job "$A" >"$DIR/a.before"
is 10000 "$(wc -l <"$DIR/a.before")" 'A has its rows'

job "$DIR/before.json" 10000 "$(offset 3000)"
exits 0 'preview' bs preview "$DIR/before.json" --json
is '[10000,7000,3000,"150.00","350.00"]' "$(jq -c '[.total,.owned,.to_buy,.cost,.saving]' <<<"$OUT")" 'shows the saving'
exits 0 'preview as text' bs preview "$DIR/before.json"
like 'owned +7000' "$OUT" 'too'
is 10000 "$(stat_of .charged_records)" 'and buys nothing'

drop b 10000 "$(offset 3000)"
at processed 'job B, which overlaps A by 7,000, completes'
B=$ID
is '[13000,13000,0]' "$(stat_of '[.charged_records,.charged_ids,.twice]')" 'it pays for exactly 3,000'
is '[10000,10000,7000,"150.00"]' "$(show '[.total_records,.processed_records,.owned_records,.cost]')" 'and has 10,000'
ok 'process' bs process
is 10000 "$(show .success_count)" 'all of them are loaded'
export_job "$B" >"$DIR/b.rows"
is 10000 "$(wc -l <"$DIR/b.rows")" 'the export of B has all its rows, bought or owned'
is "$(seq 3000 12999 | xargs printf 'P%08X\n' | sha256sum)" "$(keys <"$DIR/b.rows" | sha256sum)" 'in the order of the search'
is 10000 "$(bs export --job "$B" --format csv | tail -n +2 | wc -l)" 'as CSV too'
export_job "$A" >"$DIR/a.after"
ok 'those of A stay as they were' cmp "$DIR/a.before" "$DIR/a.after"
ok 'verify' bs verify

# --- nothing to buy
drop c 5000 "$(offset 1000)"
at processed 'a search of which all is owned completes'
is '[13000,5000,"0.00"]' "[$(stat_of .charged_records),$(show '[.processed_records,.cost]' | sed 's/^\[//')" 'and costs nothing'
is 5000 "$(export_job "$ID" | wc -l)" 'its export has all rows'
is 5000 "$(bs export --campaign c | wc -l)" 'that of its campaign too'
is 8000 "$(bs export --source properties --not-in c | wc -l)" 'and --not-in knows its members'

# --- guards count what is to be bought
drop d 10000 "$(offset 6000) | .max_cost = \"150.00\""
at processed 'max_cost is compared with the price of what is not owned'
is 16000 "$(stat_of .charged_records)" '3,000 for 150.00'
bs process >/dev/null
drop e 10000 "$(offset 10000) | .max_cost = \"150.00\""
at hold 'more than that is held'
like '200.00 USD for 4000 records' "$(show .error_details)" 'with its price'

# --- a window of freshness
drop f 1000 "$(offset 500) | .refresh_older_than = \"PT0S\""
at processed 'refresh_older_than PT0S buys all of it again'
is 17000 "$(stat_of .charged_records)" '1,000 once more'
drop g 1000 "$(offset 501) | .refresh_older_than = \"P1D\" | .take = 10"
at processed 'with take'
is '[17000,10]' "[$(stat_of .charged_records),$(export_job "$ID" | wc -l)]" 'the first ones alone, which are owned'

# --- another shape of the request
drop h 500 '{source: "templated", criteria}'
at processed 'by_id says how ids are asked for'
is 17500 "$(stat_of .charged_records)" 'records of another source are not owned by this one'

# --- crashes and losses in the middle
api_reset
faults '{"kind": "drop_after", "on": "paid", "at": 2}'
drop lost 2000 "$(offset 20000)"
at hold 'a lost answer to ids is in doubt'
is '[5,1]' "[$(paid),$(show .unknown_batches)]" 'the other pages came'
exits 0 'release --accept-charge' bs release --accept-charge "$ID"
at processed 'and its ids are bought once more'
is '[2400,2000,400]' "$(stat_of '[.charged_records,.charged_ids,.twice]')" 'these alone'
ok 'process' bs process
is 2000 "$(export_job "$ID" | wc -l)" 'all rows'

api_reset
faults '{"kind": "short_page", "n": 100, "on": "paid", "count": -1}'
drop short 800 "$(offset 24000)"
at processed 'a server with a smaller page is asked for the rest'
is '[800,800,0]' "$(stat_of '[.charged_records,.charged_ids,.twice]')" 'each id once'

api_reset
faults '{"kind": "delay", "ms": 400, "on": "paid", "count": -1}'
drop killed 4000 "{source: \"again\", criteria} | $(offset 25000)"
wait_for 10 stat_is '.paid_requests' 4
daemon_kill
daemon_start
at processed 'after a kill in the middle it goes on with the same list'
is 4000 "$(show .unique_records)" 'all of them'
is 1 "$(count_of listed)" 'which is not made again'
bs process >/dev/null
is 4000 "$(export_job "$ID" | keys | sort -u | wc -l)" 'each is there'

# --- previews that list nothing
api_stop
api_start --records 30000 --preview empty
source_metered properties '.metering.free_fields = ["RadarID"]'
kill -HUP "$DAEMON_PID"
wait_for 5 daemon_says 'reading sources again'
charged=$(stat_of .charged_records)
job "$DIR/n.json" 100 "$(offset 2000)"
exits 0 'preview of a source whose previews list none' bs preview "$DIR/n.json" --json
like 'no saving is possible' "$OUT" 'says that no saving is possible'
drop none 100 "$(offset 2000)"
at hold 'and the job is held'
is '"no_ids"' "$(show .reason)" 'reason no_ids'
is "$charged" "$(stat_of .charged_records)" 'nothing is bought'
exits 65 'release --accept-coverage decides something else' bs release --accept-coverage "$ID"
exits 0 'release --buy-all' bs release --buy-all "$ID"
at processed 'buys all of it'
is $((charged + 100)) "$(stat_of .charged_records)" 'owned or not'
drop wrong 10 '.refresh_older_than = "soon"'
at failed 'refresh_older_than is checked'
ok 'verify' bs verify
finish
