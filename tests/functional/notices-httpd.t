#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Notices and the web program: a test of the way out, live events, health and figures, and who may name whom.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../httpd.sh"
. "$(dirname "$0")/../sink.sh"
sink_start
api_start
source_free items
notices_config '.recipients = {completed: ["mailto:ops@example.com"]}'
daemon_start
httpd_start
user ada admin admin read submit metrics
user ops operator submit read
code() { as "$1" "$2" -o "$DIR/body" -w '%{http_code}' "${@:3}"; }
post() { code "$1" "$2" -X POST -H 'Content-Type: application/json' -d "$3"; }

# --- the way out
is 202 "$(post ada /api/test-email '{"email": "try@example.com"}')" 'test-email'
is processed "$(jq -r .state "$DIR/body")" 'was sent when it answers'
is 1 "$(mails try@example.com)" 'and taken'
is 403 "$(post ops /api/test-email '{"email": "try@example.com"}')" 'an operator may not'
is 422 "$(post ada /api/test-email '{"email": "try@example.com\r\nBcc: x@example.com"}')" 'no address'
smtp_says 'RCPT 550 5.1.1 nobody here'
is 202 "$(post ada /api/test-email '{"email": "gone@example.com"}')" 'test-email to nobody'
is failed "$(jq -r .state "$DIR/body")" 'says that it failed'
like '550 5.1.1 nobody here' "$(jq -r .error "$DIR/body")" 'and why'
smtp_says ''

# --- health and figures
is 1 "$(as ada /api/health | jq .notices.failed)" 'health counts those that failed'
like '550' "$(as ada /api/health | jq -r .notices.last_error)" 'an admin hears why'
is null "$(as ops /api/health | jq .notices.last_error)" 'an operator does not'
like 'batchspool_notices\{state="failed"\} 1' "$(as ada /metrics)" 'metrics'

# --- live events
as ada /api/events -N >"$DIR/events" 2>/dev/null &
BACKGROUND+=($!)
wait_for 5 test -s "$DIR/events"
notice_came() { grep -A1 '^event: notice' "$DIR/events" | grep -qF -- "$1"; }
is 201 "$(post ops /api/batch-jobs '{"source": "items", "count": 7, "name": "Live"}')" 'a job'
wait_for 10 notice_came '"kind":"completed"'
result $? 'its notice is a live event' "$(cat "$DIR/events")"
smtp_says 'RCPT 550 5.1.1 nobody here'
is 201 "$(post ops /api/batch-jobs '{"source": "items", "count": 8}')" 'another job'
wait_for 10 notice_came '"kind":"notice_failed"'
result $? 'so is one that was not sent'
smtp_says ''

# --- who may name whom
is 201 "$(post ops /api/batch-jobs '{"source": "items", "count": 9, "notify": ["mailto:me@example.com"]}')" 'an operator names whom the configuration allows'
wait_for 10 mails_are 1 me@example.com
result $? 'who is told'
is 422 "$(post ops /api/batch-jobs '{"source": "items", "count": 9, "notify": ["mailto:me@elsewhere.example"]}')" 'nobody else'
is /notify/0 "$(jq -r '.errors[0].pointer // .pointer' "$DIR/body")" 'the member is named'
is 201 "$(post ada /api/batch-jobs '{"source": "items", "count": 9, "notify": ["mailto:me@elsewhere.example"]}')" 'an admin may'
wait_for 10 mails_are 1 me@elsewhere.example
result $? 'and it is sent'

is 422 "$(post ops /api/schedules '{"schedule": "nightly", "every": "P1D", "job": {"source": "items", "count": 1, "notify": ["mailto:me@elsewhere.example"]}}')" 'nor by a schedule'
like 'elsewhere.example' "$(cat "$DIR/body")" 'which is said'
is 201 "$(post ops /api/schedules '{"schedule": "nightly", "every": "P1D", "job": {"source": "items", "count": 1, "notify": ["mailto:me@example.com"]}}')" 'but within the list'
if [ "$(id -u)" = 0 ]; then
    jq -n '{every: "P1D", job: {source: "items", count: 1, notify: ["mailto:me@elsewhere.example"]}}' >"$SPOOL/schedules/.foreign"
    chown nobody "$SPOOL/schedules/.foreign"
    mv "$SPOOL/schedules/.foreign" "$SPOOL/schedules/foreign.json"
    wait_for 10 there "$SPOOL/schedules/foreign.why"
    like 'elsewhere.example' "$(cat "$SPOOL/schedules/foreign.why")" 'a schedule of another user is held against the list, too'
    rm "$SPOOL/schedules/foreign.json"
fi

# --- without
daemon_stop
is 503 "$(post ada /api/test-email '{"email": "try@example.com"}')" 'no daemon: 503'
is 503 "$(code ada /api/health)" 'so says health'
httpd_stop
config 'del(.notices)'
daemon_start
httpd_start
is 503 "$(post ada /api/test-email '{"email": "try@example.com"}')" 'no way out: 503'
finish
