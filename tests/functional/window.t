#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A source that says that its day is used up ("until": "window"): its jobs wait for the next one, though we counted little; a refusal for the minute waits a moment.
. "$(dirname "$0")/../lib.sh"
api_start
zone=America/Los_Angeles
[[ $(date -u +%H) =~ ^0[5-8]$ ]] && zone=Asia/Tokyo
midnight=$(date -u -d "@$(TZ=$zone date -d 'tomorrow 00:00' +%s)" +%FT%TZ)
source_free items '.api_budget = {policies: [{type: "moving_window", rates: [{limit: 600, interval: "PT1M"}]}, {type: "fixed_window", period: "P1D", call_limit: 25000, timezone: "'$zone'"}]}
    | .error_handler.response_filters = [{http_codes: [429], error_message_contains: ["Queries per day", "daily"], action: "RATE_LIMITED", until: "window"}, {http_codes: [429], action: "RATE_LIMITED"}]'
quota() { jq -nc --arg per "$1" '{error: {code: 429, message: "Quota exceeded for quota metric '\''Queries'\'' and limit '\''Queries per \($per)'\'' of service", status: "RESOURCE_EXHAUSTED"}} | tojson'; }
daemon_start

faults "{\"kind\": \"status\", \"status\": 429, \"on\": \"any\", \"at\": 2, \"count\": 1, \"body\": $(quota minute)}"
drop minute 0 '{source: "items", count: 2000}'
at processed 'a minute that is used up is waited for'
is '[1,0]' "[$(count_of retrying),$(count_of deferred)]" 'one page once more, and the job stays where it is'

faults "{\"kind\": \"status\", \"status\": 429, \"on\": \"any\", \"at\": 2, \"count\": 1, \"body\": $(quota day)}"
drop day 0 '{source: "items", count: 4000}'
at deferred 'a day that is used up defers the job'
is "deferred api_budget $midnight" "$(event 'select(.event == "deferred") | "\(.event) \(.reason) \(.until)"')" "until midnight in $zone"
is '[25000,0]' "$(bs sources list --json | jq -c '.[] | select(.name == "items") | .limits.budgets[] | select(.timezone == "'$zone'") | [.used, .left]')" 'sources list says that nothing is left'
before=$(stat_of .requests)
drop later 0 '{source: "items", count: 400}'
at deferred 'another job is deferred before it asks'
is "$before" "$(stat_of .requests)" 'so nothing more is asked'
daemon_kill
daemon_start
daemon_stop
is "$before" "$(stat_of .requests)" 'nor after a kill'
verified 'verify finds no difference'
finish
