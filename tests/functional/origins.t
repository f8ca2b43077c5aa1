#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Units that wait together (error_handler.throttle): an origin whose pages fail for a time, or for good, beside one that is well; kills in the middle.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pagespeed.sh"
# shellcheck disable=SC2034
WAIT_S=60
(umask 077 && printf psi-key >"$DIR/credentials/pagespeed_key")
psi_start

# pages HOST COUNT: URLs of one origin, quoted, with commas
pages() { seq -f "\"https://$1/page/%.0f\"" -s, "$2"; }
# drop_pages NAME URLS [JQ]: sets ID
drop_pages() {
    jq -nc "{source: \"pagespeed\", process: \"auto\", on_duplicate: \"run\", urls: [$2]} | ${3:-.}" >"$SPOOL/jobs/tmp/$1.json"
    mv "$SPOOL/jobs/tmp/$1.json" "$SPOOL/jobs/pending/$1.json"
    taken "$1"
}
told() { jq -c "select(.event == \"$1\") | $2" "$SPOOL/journal/$ID.ndjson"; }
requests() { asked "select(.url | contains(\"$1\")) | .url" | wc -l; }
anew() { curl -s -X POST "$API_URL/_reset" >/dev/null; rules "$@"; }
# No retries at all: what an origin does must not use up any.
waits='.error_handler.max_retries = 0 | del(.error_handler.response_filters[].max_retries) | .error_handler.backoff_strategies[1] |= (.factor = 0.1 | .jitter_range_in_seconds = 0.02 | .max_s = 0.8)'
psi_source "$waits"
exits 0 'check finds nothing to complain about' bs check
config '.max_concurrent_jobs = 1'
daemon_start

# --- for a time
anew '{"url": "sick.example", "kind": "wrong", "count": 6}'
drop_pages recovers "$(pages sick.example 6)"
at processed 'an origin whose pages fail for a time'
is '["COMPLETED",6,0]' "$(show '[.status,.processed_records,.error_count]')" 'has all of them tested, though there is no retry'
is 12 "$(requests sick.example)" 'with one request more for each that failed'
is '["origin https://sick.example"]' "$(told retrying .group | sort -u | jq -cs .)" 'the journal names it'
is '["throttled"]' "$(told retrying .reason | sort -u | jq -cs .)" 'and says why'
is "$(told requested 'select(.step == "run") | [.batch, .attempt]' | sort -u | wc -l)" "$(told requested 'select(.step == "run") | .batch' | wc -l)" 'no number of an attempt is there twice'
is 1 "$(told captured 'select(.group) | .group' | wc -l)" 'one answer ends it'
is true "$(jq -s 'map(select(.throttled)) | [.[] | select(.throttled > 1) | (.until | sub("\\.[0-9]+"; "") | fromdate)] | length >= 1 and . == sort' "$SPOOL/journal/$ID.ndjson")" 'each wait ends later than the one before'
verified 'verify finds no difference'

# --- for good, beside one that is well
anew '{"url": "sick.example", "kind": "wrong", "count": -1}'
drop_pages forever "$(pages sick.example 5),$(pages well.example 5)"
at processed 'an origin that does not recover'
is '["COMPLETED",10,5,5]' "$(show '[.status,.total_records,.processed_records,.error_count]')" 'has its pages fail, a row each; the job ends'
is '["throttled"]' "$(told 'failed' 'select(.batch) | .reason' | sort -u | jq -cs .)" 'for that reason'
like 'origin https://sick.example: 8 tries in a row failed, the last: .*Something went wrong' "$(told failed 'select(.batch) | .error' | head -n 1)" 'told in words'
tried=$(requests sick.example)
result $((tried < 8 || tried > 12)) 'after eight tries, beside those that were on their way with the first' "$tried requests"
is '5 5' "$(told failed 'select(.batch) | .batch' | sort -u | wc -l) $(requests well.example)" 'each once, and the others were asked for once'
wait_for 60 test -s "$SPOOL/results/$ID/results.json"
is '5 5' "$(grep -c ',failed,' "$SPOOL/results/$ID/records.csv") $(grep -c ',ok,' "$SPOOL/results/$ID/records.csv")" 'the report has a row for each'
column() { perl -MText::ParseWords -ne 'BEGIN { $name = shift } chomp; s/\r$//; @f = parse_line(",", 0, s/\x27/\\\x27/gr); if ($. == 1) { $at{$f[$_] =~ s/^\x{ef}\x{bb}\x{bf}//r} = $_ for 0 .. $#f } else { print $f[$at{$name}], "\n" }' "$1" "$SPOOL/results/$ID/records.csv"; }
is "$((tried + 5))" "$(column Attempts | jq -s add)" 'with the requests that it took, none where none was made'
verified 'verify finds no difference after that'

# --- a page that never works, while the others of its origin do
anew '{"url": "/page/3", "kind": "wrong", "count": -1}'
psi_source "$waits | .error_handler.max_retries = 2"
bs reload >/dev/null
drop_pages onepage "$(pages mixed.example 8)"
at processed 'a page that never works'
is '["COMPLETED",8,7,1]' "$(show '[.status,.total_records,.processed_records,.error_count]')" 'fails alone'
result $(($(requests /page/3) > 11)) 'after a few tries' "$(requests /page/3) requests"

# --- the other origin is not held up, and waiting takes no place
psi_source "$waits | .error_handler.backoff_strategies[1] |= (.factor = 20 | .max_s = 20)"
bs reload >/dev/null
anew '{"url": "sick.example", "kind": "wrong", "count": -1}, {"url": "well.example", "kind": "slow", "count": -1, "ms": 40}'
# of the answers of the pages of the origin that is well, in seconds
spans() { told captured 'select(.inner and .step == "run") | .ts | (.[:19] + "Z" | fromdate) + (.[19:26] | tonumber)' | jq -s 'max - min'; }
drop_pages alone "$(pages well.example 60)" '.concurrency = 4'
at processed 'the pages of one origin alone'
alone=$(spans)
drop_pages beside "$(pages sick.example 60),$(pages well.example 60)" '.concurrency = 4'
well_done() { [ "$(told captured 'select(.inner and .step == "run") | .batch' | wc -l)" = 60 ]; }
wait_for 20 well_done
result $? 'all pages of the origin that is well are tested while the other one waits'
result $(($(requests sick.example) > 4)) 'for which nothing is asked' "$(requests sick.example) requests"
is 0 "$(told captured 'select(.batch <= 60) | .batch' | wc -l)" 'nor got'
[ "$(curl -s "$API_URL/_stats" | jq .max_in_flight)" -ge 3 ]
result $? 'with as many at a time as the job may have'
beside=$(spans)
echo "# alone $alone s, beside one that waits $beside s"
is 1 "$(told retrying '.throttled // empty' | sort -rn | head -n 1)" 'before the other one was tried for the second time'
like 'Waits for origin https://sick.example until 20[0-9T:Z-]+: 1 tries in a row failed, the last: .*Something went wrong[.]$' "$(bs why "$ID" | grep '^Waits for origin')" 'why tells what waits'
is '"throttled"' "$(show .waiting_for)" 'and show, that nothing else is to be done'
beside=$ID
anew '{"url": "sick.example", "kind": "wrong", "count": -1}'
drop_pages after "$(pages well.example 3)"
at processed 'another job runs meanwhile'
drop_pages sharing "$(pages sick.example 2),$(pages well.example 1)"
shares() { [ -n "$(told captured 'select(.inner | not) | .batch')" ]; }
wait_for 10 shares
result $? 'so does one that needs that origin, too'
is 0 "$(requests sick.example)" 'which waits with the first'
bs hold "$ID" >/dev/null
at hold 'a person looks at it'
bs release "$ID" >/dev/null
tried() { [ "$(requests sick.example)" -ge 1 ]; }
wait_for 10 tried
result $? 'who has it go on has the origin tried at once, though another job made it wait'
bs cancel "$ID" "$beside" >/dev/null
at cancelled 'both can be cancelled'
at cancelled 'at once' "$beside"
daemon_stop

# --- killed in the middle
psi_source "$waits | .error_handler.throttle.max_tries = 100"
anew '{"url": "sick.example", "kind": "wrong", "count": -1}'
daemon_start
drop_pages killed "$(pages sick.example 20),$(pages well.example 2)"
row_of() { [ "$(told retrying '.throttled // empty' | tail -n 1)" -ge "$1" ]; }
wait_for 30 row_of 5
result $? 'five tries in a row'
daemon_kill
before=$(told retrying '.throttled // empty' | tail -n 1)
lines=$(wc -l <"$SPOOL/journal/$ID.ndjson")
daemon_start
goes_on() { [ "$(tail -n +$((lines + 1)) "$SPOOL/journal/$ID.ndjson" | jq '.throttled // empty' | wc -l)" -ge 2 ]; }
wait_for 30 goes_on
result $? 'after a kill they go on'
is "$((before + 1))" "$(tail -n +$((lines + 1)) "$SPOOL/journal/$ID.ndjson" | jq '.throttled // empty' | head -n 1)" 'where they were'
rules
at processed 'until the origin is well'
is '["COMPLETED",22,0]' "$(show '[.status,.processed_records,.error_count]')" 'and all is tested'
is "$(told requested 'select(.step == "run") | [.batch, .attempt]' | sort -u | wc -l)" "$(told requested 'select(.step == "run") | .batch' | wc -l)" 'no number of an attempt is there twice'
is "$(told requested 'select(.step == "run") | .batch' | sort -n | uniq -c | awk '{print $2, $1}' | sort | paste -sd,)" "$(for i in $(seq 22); do jq -r --arg i "$i" '"\($i) \(.results[0].attempts)"' "$SPOOL"/payloads/raw/*/killed_batch00"$(printf %02d "$i")"_2*.json; done | sort | paste -sd,)" 'each record has the requests from before and after the kill'
verified 'verify finds no difference after the kill'

# --- for long
psi_source "$waits | .error_handler.backoff_strategies[1] |= (.factor = 100 | .max_s = 100)"
bs reload >/dev/null
anew '{"url": "sick.example", "kind": "wrong", "count": 1}'
drop_pages long "$(pages sick.example 1)"
at deferred 'a job that has nothing else to do for long is deferred'
is throttled "$(event 'select(.event == "deferred") | .reason')" 'with the reason'
like 'waits for origin https://sick.example: 1 tries in a row failed' "$(event 'select(.event == "deferred") | .error')" 'in words'
bs retry "$ID" >/dev/null
at processed 'a person who has it go on has the origin tried at once'
is '["COMPLETED",1,0]' "$(show '[.status,.processed_records,.error_count]')" 'which is well'
verified 'verify finds no difference at the end'

# --- definitions
broken() { psi_source "$1" broken; bs check 2>&1; }
like 'throttle/group: must name something of \$\{item\}' "$(broken '.error_handler.throttle.group = "${job.engine}"')" 'a group is of a unit'
like 'throttle.*needs group' "$(broken 'del(.error_handler.throttle.group)')" 'and must be there'
like 'unknown|did you mean' "$(broken '.error_handler.throttle.max_trys = 3')" 'members have their names'
finish
