#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prometheus' own promtool finds nothing wrong with /metrics, with jobs of every kind and names that want escaping.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../httpd.sh"

metrics() {
    as ada /metrics
}

counted() {
    [ "$(metrics | grep -c '^batchspool_jobs{')" -ge 3 ]
}

api_start --records 1000
source_metered properties
source_free items
user ada admin metrics
daemon_start
httpd_start
drop one 400
at processed 'a job completes'
drop two 900 '.max_records = 10'
at hold 'one is held'
drop three 100 '.source = "items" | del(.criteria) | .count = 50'
at processed 'a free one completes'
drop four 1 '.source = "it\"s\\none"'
at failed 'one names a source that is none'
curl -s -o /dev/null "$URL/no-such-path"
wait_for 10 counted
is 'text/plain; version=0.0.4; charset=utf-8' "$(as ada /metrics -o /dev/null -w '%{content_type}')" 'the type of the text'
metrics >"$DIR/metrics"
ok 'promtool finds nothing wrong' promtool check metrics <"$DIR/metrics"
is '' "$(cat "$DIR/out" "$DIR/err")" 'and advises nothing'
finish
