#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A source that lets nobody page beyond maximum_offset: the search is split by a declared range, and nothing that lies beyond is lost.
. "$(dirname "$0")/../lib.sh"

paged_start --records 1000
SPLIT='.paginator.maximum_offset = 200 | .paginator.split = {minimum: 0, maximum: 999, params: {price_min: "${range.from}", price_max: "${range.to}"}}'
paged_set '{"max_offset": 199, "prices": 1000}'
source_paged offset-plain '.paginator.maximum_offset = 200'
source_paged offset-parts "$SPLIT"
daemon_start

drop plain 0 '{source: "offset-plain"}'
at failed 'without a split the rest is out of reach'
is '["coverage",1000,200]' "$(event 'select(.event == "failed" and (.batch | not)) | [.reason, .expected, .unique] | tojson')" 'and the job says so'

drop parts 0 '{source: "offset-parts"}'
at processed 'split, it completes'
is '[1000,1000,0,0]' "$(event 'select(.event == "completed") | [.total, .unique, .duplicates, .missing] | tojson')" 'with every record, none twice'
is '["COMPLETED",1000,1000]' "$(show '[.status, .total_records, .processed_records]')" 'its total is that of the search'
is 0 "$(asked offset-parts 'select(.status == 400) | .url' | wc -l)" 'no request goes beyond the depth limit'
probes=$(asked offset-parts 'select(.url | test("limit=1(&|$)")) | .url' | wc -l)
is "$(jq -r 'select(.event == "previewed" and .part) | .part' "$SPOOL/journal/$ID.ndjson" | sort -u | wc -l)" $((probes - 1)) "each part was asked about once ($probes questions)"
is "$(count_of captured)" "$(asked offset-parts 'select(.url | test("limit=1(&|$)") | not) | .url' | sort -u | wc -l)" 'and each page once'
exits 0 'process' bs process --json "$ID"
is '[1000,1000]' "$(jq -c '[.records, .inserted]' <<<"$OUT")" 'all are loaded'

# A search that fits is not split.
source_paged offset-small "$SPLIT | .steps[0].http.params.count = 150"
drop small 0 '{source: "offset-small"}'
at processed 'a search that can be reached'
is 0 "$(asked offset-small '.url' | grep -c price_min)" 'is not split'

# take: the first parts alone
drop taken 0 '{source: "offset-parts", take: 320}'
at processed 'take of more than can be reached'
is 320 "$(show .processed_records)" 'is exact'
drop taken-few 0 '{source: "offset-parts", take: 60}'
at processed 'take of what can be reached'
is 60 "$(show .processed_records)" 'needs no split'

# --- a kill in the middle: what was asked is not asked again --------------------------------------------------------------
api_reset
paged_set '{"max_offset": 199, "prices": 1000, "delay_ms": 20}'
drop killed 0 '{source: "offset-parts"}'
wait_event previewed 3
daemon_kill
daemon_start
wait_event captured 5
daemon_kill
daemon_start
at processed 'killed while asking and while paging, it completes'
is '[1000,0,0]' "$(event 'select(.event == "completed") | [.unique, .duplicates, .missing] | tojson')" 'with every record'
is "$(jq -r 'select(.event == "previewed" and .part) | .part' "$SPOOL/journal/$ID.ndjson" | wc -l)" \
    "$(jq -r 'select(.event == "previewed" and .part) | .part' "$SPOOL/journal/$ID.ndjson" | sort -u | wc -l)" 'no part was asked about twice'

# --- what cannot be split --------------------------------------------------------------------------------------------------
paged_set '{"max_offset": 199, "prices": 2}'
source_paged offset-lumps "$SPLIT | .paginator.split.maximum = 1"
drop lumps 0 '{source: "offset-lumps"}'
at hold 'too many records of one value'
is depth_limit "$(event 'select(.event == "held") | .reason')" 'are told'
like '500 records are in the range \[0,0\], and only the first 200' "$(why)" 'before a page is asked for'
is 0 "$(count_of requested)" 'not one'
paged_set '{"max_offset": 199, "prices": 1000}'
source_paged offset-outside "$SPLIT | .paginator.split.maximum = 500"
drop outside 0 '{source: "offset-outside"}'
at hold 'records outside the declared range'
like 'find [0-9]+ records and the search has 1000' "$(why)" 'are told before a page is asked for'
bs release --accept-coverage "$ID" || result 1 'release'
at processed 'accepted, the job completes with what the range has'

# --- in the body, and a metered source ---------------------------------------------------------------------------------------
source_paged offset-body '.paginator.maximum_offset = 200 | .steps[0].http.method = "POST" | .steps[0].http.json = {Criteria: "${job.criteria}"}
    | .paginator.split = {minimum: 0, maximum: 999, append: {"/Criteria": {name: "Price", value: [["${range.from}", "${range.to}"]]}}}'
drop body 0 '{source: "offset-body", criteria: [{name: "Price", value: [[0, 999]]}]}'
at processed 'the range as one more criterion of a POST'
is 1000 "$(show .processed_records)" "beside those of the job"

# --- definitions -------------------------------------------------------------------------------------------------------------
for wrong in '{minimum: 0, maximum: 9}' '{minimum: 9, maximum: 9, params: {a: "${range.from}"}}' '{minimum: 0, maximum: "2020-01-01", params: {a: "1"}}' \
    '{minimum: 0.5, maximum: 9, params: {a: "1"}}' '{minimum: 0, maximum: 9, params: {a: "${range.middle}"}}' '{minimum: 0, maximum: 9, append: {"Criteria": 1}}'; do
    source_paged offset-wrong ".paginator.maximum_offset = 10 | .paginator.split = $wrong"
    exits 78 "refused: $wrong" bs check
done
source_paged offset-wrong '.paginator.split = {minimum: 0, maximum: 9, params: {a: "1"}}'
exits 78 'refused without maximum_offset' bs check
source_paged offset-wrong '.steps[0].http.params.a = "${range.from}"'
exits 78 'refused outside of split' bs check
rm "$DIR/etc/sources/offset-wrong.json"
verified 'verify finds no difference'
daemon_stop
finish
