#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prometheus' own promtool finds nothing wrong with /metrics, with jobs of every kind and names that want escaping.
. "$(dirname "$0")/../lib.sh"

httpd_says() {
    grep -qF -- "$1" "$DIR/httpd.log"
}

metrics() {
    curl -s -H "Authorization: Bearer $KEY" "$URL/metrics"
}

counted() {
    [ "$(metrics | grep -c '^batchspool_jobs{')" -ge 3 ]
}

api_start --records 1000
source_metered properties
source_free items
printf 'correct horse battery staple\n' | bs user add ada --role admin --password-file - >/dev/null 2>&1
KEY=$(bs user key add ada --json --scope metrics | jq -r .key)
daemon_start
"$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0 >"$DIR/httpd.log" 2>&1 &
BACKGROUND+=("$!")
wait_for 5 httpd_says 'batchspool-httpd runs' || { echo "Bail out! batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"; exit 1; }
URL=$(grep -o 'http://127[0-9.:]*' "$DIR/httpd.log" | tail -n 1)
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
is 'text/plain; version=0.0.4; charset=utf-8' "$(curl -s -o /dev/null -w '%{content_type}' -H "Authorization: Bearer $KEY" "$URL/metrics")" 'the type of the text'
metrics >"$DIR/metrics"
ok 'promtool finds nothing wrong' promtool check metrics <"$DIR/metrics"
is '' "$(cat "$DIR/out" "$DIR/err")" 'and advises nothing'
finish
