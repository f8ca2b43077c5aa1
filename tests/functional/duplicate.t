#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# on_duplicate: reject, run, reuse.
. "$(dirname "$0")/../lib.sh"
api_start
source_metered properties
source_metered other
source_free items
daemon_start

drop first 400
first=$ID
at processed 'a search'
bought=$(stat_of .charged_records)
is 400 "$bought" 'is bought'
drop second 400
at failed 'the same search on a metered source: rejected'
is 'rejected duplicate' "$(events)" 'reason duplicate'
like "$first" "$(why)" 'the note names the other job'
mv "$SPOOL/jobs/failed/$ID.json" "$SPOOL/jobs/pending/"
wait_event rejected 2
at failed 'moved to pending/ as it is, it is rejected again'
second=$ID
drop spaced 400 '{"criteria": [{value: [400], name: "Count"}], source: "properties", name: "another name", priority: "high", campaign_id: "other"}'
at failed 'other order, name, priority, campaign: still the same search'
printf '{ "source" : "properties" , "criteria" : [ { "name" : "Count" , "value" : [ 4e2 ] } ] }' >"$SPOOL/jobs/tmp/exponent.json"
mv "$SPOOL/jobs/tmp/exponent.json" "$SPOOL/jobs/pending/"
taken exponent
at failed '4e2 and 400 are the same number'
is 400 "$(stat_of .charged_records)" 'nothing was bought for any of them'

jq '.on_duplicate = "run" | .take = 1' "$SPOOL/jobs/failed/$second.json" >"$DIR/x" && cp "$DIR/x" "$SPOOL/jobs/failed/$second.json"
mv "$SPOOL/jobs/failed/$second.json" "$SPOOL/jobs/pending/"
at processed 'with on_duplicate run in the file it runs' "$second"
is 401 "$(stat_of .charged_records)" 'as asked'

drop elsewhere 400 '{source: "other", criteria}'
at processed 'the same criteria of another source are another search'
drop ran 400 '.on_duplicate = "run"'
at processed 'on_duplicate run: bought again'
is 1201 "$(stat_of .charged_records)" 'as asked'
drop reused 400 '.on_duplicate = "reuse"'
at processed 'on_duplicate reuse: complete at once'
is 1201 "$(stat_of .charged_records)" 'nothing is bought'
like "^($first|$(ids ran))$" "$(event 'select(.event == "completed") | .reuses')" 'it points at a job that took as many'
exits 0 'the payloads are loaded' bs process --json
is 400 "$(bs export --job "$ID" | wc -l)" 'and are its records too'
drop windowed 400 '.duplicate_window = "PT0S"'
at processed 'a window that is over'

# A job that was cancelled, failed or captured nothing does not count.
faults '{"kind": "status", "status": 400, "on": "paid"}'
drop failing 401
at failed 'a search that failed'
drop anew 401
at processed 'does not stop the same one'
drop held 500 '.max_records = 1'
at hold 'one that captured nothing'
drop anew2 500
at processed 'does not stop it either'
drop later 402 '.not_before = "2099-01-01T00:00:00Z"'
at deferred 'one that waits'
exits 0 'and is cancelled' bs cancel "$ID"
at cancelled 'lies in cancelled/'
drop anew3 402
at processed 'does not stop it either'

# Two of a kind dropped together.
job "$SPOOL/jobs/tmp/x.json" 403
cp "$SPOOL/jobs/tmp/x.json" "$SPOOL/jobs/tmp/y.json"
for name in x y; do mv "$SPOOL/jobs/tmp/$name.json" "$SPOOL/jobs/pending/$name.json"; done
taken x
x=$ID
taken y
finished() { [ "$(place "$x") $(place "$ID")" = "processed failed" ] || [ "$(place "$x") $(place "$ID")" = "failed processed" ]; }
ok 'of two that come together one is run and one rejected' wait_for 10 finished
drop free1 0 '{source: "items", count: 10}'
at processed 'a free source'
drop free2 0 '{source: "items", count: 10}'
at processed 'runs a duplicate by default'
verified 'verify finds no difference'
finish
