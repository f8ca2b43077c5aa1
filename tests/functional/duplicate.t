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

# What waits, and what ended in other ways.
drop waiting 404 '.not_before = "2099-01-01T00:00:00Z"'
at deferred 'one that waits for its time'
drop second2 404
at failed 'makes the same one a duplicate'
faults '{"kind": "drop_after", "on": "paid", "count": 1}'
drop doubtful 405
at hold 'one that may have been charged'
drop second3 405
at failed 'makes the same one a duplicate'
faults ''
drop empty 0
at processed 'a search that gives nothing'
drop empty2 0
at processed 'has captured nothing: the same one is no duplicate'

# The criteria count as they are meant, not as they are written.
source_metered worded '.job_members = {"depth": {"type": "integer", "default": 3}, "state": {"type": "string"}} | .steps[0].http.params.Depth = "${job.depth}"'
kill -HUP "$DAEMON_PID"
wait_for 5 daemon_says 'reading sources again'
drop worded1 30 '.source = "worded"'
at processed 'a source with members of its own'
n=0
for text in '{"depth": 3, "criteria": [{"value": [30], "name": "Count"}], "source": "worded"}' \
    '{"source":"worded","criteria":[{"name":"Count","value":[3.0e1]}],"depth":3.0}' \
    '{"source":"worded","cr\u0069teria":[{"n\u0061me":"C\u006funt","value":[30]}],"batch_size":100,"process":"auto","max_records":5000,"max_cost":"100","notify":[]}'; do
    n=$((n + 1))
    printf '%s' "$text" >"$SPOOL/jobs/tmp/form$n.json"
    mv "$SPOOL/jobs/tmp/form$n.json" "$SPOOL/jobs/pending/"
    taken "form$n"
    is 'rejected duplicate' "$(events)" "the same: $text"
done
drop worded2 30 '.source = "worded" | .depth = 4'
at processed 'another value of a member is another search'
drop worded3 30 '.source = "worded" | .state = "CA"'
at processed 'so is one more member'

# take: a job that would fetch more than the other captured is no duplicate.
drop sample 600 '.take = 50'
sample=$ID
at processed 'a sample'
drop smaller 600 '.take = 20'
at failed 'a smaller one has it all already'
drop more 600 '.take = 100'
at processed 'a larger sample is no duplicate of it'
drop all 600
at processed 'nor is the full job'
is 600 "$(event 'select(.event == "completed") | .unique')" 'which has all'
for take in 50 100 599 600 601; do
    drop "again$take" 600 ".take = $take"
    at failed "take $take is a duplicate of the full one"
done
drop beyond 40 '.take = 500'
at processed 'a take that is more than there is'
drop whole 40
at failed 'took all there was: the full job is a duplicate'
drop reused50 600 '.take = 50 | .on_duplicate = "reuse"'
at processed 'reuse'
is "$sample" "$(event 'select(.event == "completed") | .reuses')" 'points at one that took as many'

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
