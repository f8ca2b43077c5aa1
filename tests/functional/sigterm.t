#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SIGTERM awaits a paid answer and keeps it; a second one does not.
. "$(dirname "$0")/../lib.sh"
api_start
source_metered properties
source_free items
daemon_start

faults '{"kind": "delay", "ms": 1200, "on": "paid", "start": 400}'
drop kept 1200
wait_for 10 stat_is .paid_in_flight 1
wait_for 10 stat_is .paid_requests 2
kill "$DAEMON_PID"
ok 'SIGTERM: the daemon ends' wait_for 5 ended "$DAEMON_PID"
daemon_stop
is 0 "$STATUS" 'in good order'
is 2 "$(count_of captured)" 'the paid answer in flight was awaited and captured'
is processing "$(place)" 'the job stays in processing/'
is '2 0' "$(stat_of .paid_requests) $(stat_of .paid_in_flight)" 'nothing new was begun'
ok 'the captured page is whole' cmp "$(readlink -f "$SPOOL/payloads/pending/${ID}_batch0002.json")" "$DIR/bytes/400.json"
verified 'verify finds no difference'
faults
daemon_start
at processed 'the next start goes on'
is '[3,1200,0]' "$(stat_of '[.paid_requests,.charged_records,.twice]')" 'with the missing page'
is 0 "$(count_of charge_unknown)" 'nothing is in doubt'

faults '{"kind": "delay", "ms": 4000, "on": "paid", "start": 400}'
drop given 1200 '.criteria += [{name: "Offset", value: [2000]}]'
wait_for 10 stat_is .paid_requests 5
kill "$DAEMON_PID"
wait_for 5 daemon_says stopping
kill "$DAEMON_PID"
ok 'a second SIGTERM ends it at once' wait_for 2 ended "$DAEMON_PID"
daemon_stop
daemon_start
at hold 'the page is CHARGE_UNKNOWN at the next start'
is 'held charge_unknown' "$(events | tail -n 1)" 'reason charge_unknown'
is '[2,"lost"]' "$(event 'select(.event == "charge_unknown") | [.batch,.reason] | tojson')" 'that page alone'
is 6 "$(stat_of .paid_requests)" 'the other page was bought, that one not again'
faults
exits 0 'release --accept-charge' bs release --accept-charge "$ID"
at processed 'completes it'

faults '{"kind": "stall", "on": "free", "count": -1}'
drop free 0 '{source: "items", count: 10}'
at processing 'a free request hangs'
wait_for 5 stat_is .in_flight 1
kill "$DAEMON_PID"
ok 'SIGTERM gives it up at once' wait_for 2 ended "$DAEMON_PID"
daemon_stop
is 0 "$STATUS" 'in good order'
faults
daemon_start
at processed 'and it is fetched at the next start'
verified 'verify finds no difference'
finish
