#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# not_before, and the time of a file in deferred/: far away in both directions, and with the daemon down.
. "$(dirname "$0")/../lib.sh"
api_start
source_free items
jobs=$SPOOL/jobs
later() { drop "$1" 0 "{source: \"items\", count: 3, not_before: $2}"; }
untils() { jq -r 'select(.event == "deferred") | .until' "$SPOOL/journal/$ID.ndjson" | sed 's/\.0*Z/Z/'; }
n=0
daemon_start

for when in 1970-01-01T00:00:00Z 1999-12-31T23:59:59+14:00 2026-01-01T00:00:00Z; do
    later "past$((n += 1))" "\"$when\""
    at processed "not_before $when: runs at once"
    is 0 "$(count_of deferred)" 'without being deferred'
done
later last '"9999-12-31T23:59:59Z"'
at deferred 'not_before 9999-12-31: waits'
is 9999-12-31T23:59:59Z "$(untils)" 'until then, be the last year of the file system earlier or not'
later soon '(now + 2 | todate)'
at processed 'not_before in two seconds: runs'
not_before=$(event 'select(.event == "accepted") | .not_before | fromdate')
is 1 "$(event "select(.event == \"claimed\") | if (.ts[0:19] + \"Z\" | fromdate) >= $not_before then 1 else 0 end")" 'and not before'

for when in 1901-12-14T00:00:00Z @-1 @0 1999-01-01T00:00:00Z; do
    later "touched$((n += 1))" '"2099-01-01T00:00:00Z"'
    at deferred 'deferred'
    touch -d "$when" "$jobs/deferred/$ID.json"
    at processed "touch -d $when: due"
done
later far '"2098-01-01T00:00:00Z"'
at deferred 'deferred'
touch -d 2400-01-01T00:00:00Z "$jobs/deferred/$ID.json"
ok 'touch -d 2400: journalled' wait_event deferred 2
is 2400-01-01T00:00:00Z "$(untils | tail -n 1)" 'as it is'
touch -d @300000000000 "$jobs/deferred/$ID.json"
ok 'touch -d in the year 11476, or the last that the file system has: journalled' wait_event deferred 3
far=$ID
# A rescan later (the next drop is found by it: written straight into pending/, where leases are refused too).
later rescanned '(now + 3 | todate)'
at processed 'another one is seen by rescans meanwhile'
is 3 "$(count_of deferred "$far")" 'it is told once'
in_place deferred "$far"
result $? 'and it waits'

# --- the daemon is down
later down_due '(now + 2 | todate)' && due=$ID
later down_past '"2099-01-01T00:00:00Z"' && past=$ID && at deferred 'deferred'
later down_later '"2026-01-01T00:00:00Z"' && at processed 'runs' # nothing but time passes
later down_future '(now + 100 | todate)' && future=$ID && at deferred 'deferred'
later down_edit '"2099-01-01T00:00:00Z"' && edit=$ID && at deferred 'deferred'
daemon_kill
touch -d 1950-01-01 "$jobs/deferred/$past.json"
touch -d 2400-01-01T00:00:00Z "$jobs/deferred/$future.json"
touch -d '+1 second' "$jobs/deferred/$edit.json"
passes() { [ "$(date +%s)" -gt "$(date -r "$jobs/deferred/$edit.json" +%s)" ] && [ "$(date +%s)" -gt $((not_before_due)) ]; }
not_before_due=$(event 'select(.event == "accepted") | .not_before | fromdate' "$due")
wait_for 8 passes
daemon_start
at processed 'what came due while the daemon was down runs at its start' "$due"
at processed 'what was touched into the past meanwhile does too' "$past"
at processed 'and what was touched to a time that has passed' "$edit"
ID=$future
ok 'what was touched into the future' wait_event deferred 2
is '2400-01-01T00:00:00Z deferred' "$(untils | tail -n 1) $(place)" 'waits until then'
verified 'nothing contradicts'
finish
