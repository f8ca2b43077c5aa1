#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The index is derived: gone, damaged or old, it comes back the same.
. "$(dirname "$0")/../lib.sh"
api_start
source_metered properties '.metering.daily_cost_cap = "100"'
source_free items
daemon_start
drop "done" 1000 '.process = "auto"'
at processed 'a completed job'
drop held 1001 '.max_records = 1000'
at hold 'a held one'
drop later 0 '{source: "items", count: 10, not_before: "2099-01-01T00:00:00Z"}'
at deferred 'a deferred one'
drop refused 0 '{source: "items", count: "x"}'
at failed 'one that was refused'
drop dropped 0 '{source: "items", count: 11}'
at processed 'a free one'
exits 0 'and one cancelled' bs cancel "$(ids later)"
daemon_stop

shown() { bs list --json | jq -S -s -c 'sort_by(.job_id)[]'; bs show --json "$(ids 'done')" | jq -S -c 'del(.events)'; }
stats() { bs stats --json | jq -S -c 'del(.. | .throughput?, .rates?, .generated_at?, .time?, .uptime_s?, .oldest_s?)'; }
before=$(shown)
counted=$(stats)
exits 0 'reindex' bs reindex
is "$before" "$(shown)" 'list and show are the same'
is "$counted" "$(stats)" 'so are the statistics'
verified 'verify finds no difference'
rm -rf "$SPOOL/index"
exits 0 'init makes the directory again' bs init
exits 0 'without an index, list reads the journals' bs list
is "$before" "$(shown)" 'and tells the same'
exits 0 'reindex builds it from nothing' bs reindex
is "$before" "$(shown)" 'the same again'
is 2750 "$(stat -c %a "$SPOOL/index")" 'its directory is 2750'
verified 'verify finds no difference'

for file in "$SPOOL"/index/data.mdb "$SPOOL"/index/*.mdb; do [ -f "$file" ] && head -c 65536 /dev/urandom >"$file"; done
daemon_start
is "$before" "$(shown)" 'a damaged index is built again at start'
drop dup 1000
at failed 'and the daemon knows what was bought before'
is 'rejected duplicate' "$(events)" 'by its criteria'
drop more 1800 '.criteria += [{name: "Offset", value: [4000]}] | .on_duplicate = "run"'
at deferred 'and by its cost of the day: a cap of 100 allows no further 90'
is 'deferred daily_cost_cap' "$(events | tail -n 1)" 'reason daily_cost_cap'
verified 'verify finds no difference'
daemon_stop

# An index that missed some lines is brought level.
cp -a "$SPOOL/index" "$DIR/index"
daemon_start
drop missed 0 '{source: "items", count: 12}'
at processed 'a job that an old copy of the index does not know'
daemon_stop
rm -rf "$SPOOL/index" && cp -a "$DIR/index" "$SPOOL/index"
daemon_start
is '"COMPLETED"' "$(show .status "$(ids missed)")" 'is in it after the next start'
daemon_stop
verified 'verify finds no difference'

# So is SHA256SUMS.
sums=$(echo "$SPOOL"/payloads/raw/*/SHA256SUMS)
sort "$sums" >"$DIR/sums"
echo torn >"$sums"
exits 65 'verify sees a damaged SHA256SUMS' bs verify
exits 0 'reindex makes it again' bs reindex
is "$(cat "$DIR/sums")" "$(sort "$sums")" 'as it was'
ok 'sha256sum -c accepts it' bash -c "cd '${sums%/*}' && sha256sum --quiet -c SHA256SUMS"
verified 'verify finds no difference'
finish
