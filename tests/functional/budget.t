#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A moving window holds: over jobs, over a kill, over a restart. The API refuses what is too much, so a 429 is a failure too.
. "$(dirname "$0")/../lib.sh"
api_start --rate 6/2
source_metered properties '.api_budget = {policies: [{type: "moving_window", rates: [{limit: 6, interval: "PT2S"}]}]}'
source_free items '.api_budget = {policies: [{type: "moving_window", rates: [{limit: 6, interval: "PT2S"}]}]} | .concurrency_level = {default_concurrency: 4, max_concurrency: 8}'

# within: no seven requests within two seconds
within() { stat_of '[.arrivals_ms | . as $a | range(6; length) | $a[.] - $a[. - 6] | select(. < 2000)] | length == 0'; }

daemon_start
for name in a b c; do drop $name 0 "{source: \"items\", count: 1600}"; done
wait_for 10 stat_is '.requests >= 5' true
daemon_kill
daemon_start
for name in a b c; do at processed "job $name completes" "$(ids $name)"; done
is true "$(stat_of '.requests >= 12')" 'three jobs of four pages'
is true "$(within)" 'never more than six requests in two seconds, over jobs and a kill -9'
is null "$(stat_of '.statuses["429"]')" 'the API never had to refuse'
is true "$(stat_of '.arrivals_ms | .[-1] - .[0] < 9000')" 'and the budget was used'

drop d 0 '{source: "items", count: 1600}'
wait_event claimed
daemon_stop
is 0 "$STATUS" 'SIGTERM'
daemon_start
at processed 'a job that a restart interrupted completes'
is true "$(within)" 'within the window'
is null "$(stat_of '.statuses["429"]')" 'the API never had to refuse'

# Previews count as well. Another source, another budget: one that allows nothing for a while does not stop it.
drop paid 1600 '.max_records = 1600'
drop free 0 '{source: "items", count: 800}'
at processed 'two sources side by side' "$(ids paid)"
at processed 'both complete'
is 0 "$(stat_of .twice)" 'no page was bought twice'
verified 'verify finds no difference'
finish
