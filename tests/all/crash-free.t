#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The crash runs with a free source whose pages wait for a person: all are in flight together, their bodies get their files when they are written, past the page cache, and their markers are made
# while other pages are recorded. Pages of 72 KB: smaller ones go through the cache.
. "$(dirname "$0")/../crash/crash.sh"
api_start --records 10000
source_free items '.paginator.limit = 60'

job_dropped() {
    printf '{"source": "items", "count": %u, "process": "manual"}\n' $((60 * PAGES)) >"$SPOOL/jobs/tmp/crash.json"
    mv "$SPOOL/jobs/tmp/crash.json" "$SPOOL/jobs/pending/crash.json"
}

# Every page once, and a marker to each.
sound() {
    [ -z "$WRONG" ] || return 1
    [ "$(jq -s '[.[] | select(.event == "captured") | .batch] | sort == [range(1; 1 + '$PAGES')]' "$SPOOL/journal/$ID.ndjson")" = true ] || { WRONG='captured lines'; return 1; }
    [ "$(cat "$SPOOL"/payloads/pending/* | jq -s '[.[].items[].RadarID] | unique | length')" = $((60 * PAGES)) ] || { WRONG="markers: $(ls "$SPOOL/payloads/pending")"; return 1; }
    verified_at_rest
}

last=$(points)
counted 30 "$last" 'a free job'
every_point "$last" kill eio enospc short
crash_finish
