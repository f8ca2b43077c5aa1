#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# process: auto: captured, loaded, then processed.
. "$(dirname "$0")/../lib.sh"
api_start
source_metered properties
source_free items
daemon_start

drop auto 2000 '.process = "auto"'
at processed 'an auto job completes'
is 5 "$(jq -r .event "$SPOOL/journal/$ID.ndjson" | sed '/completed/q' | grep -cx loaded)" 'after its five files were loaded'
is 2000 "$(bs export --job "$ID" | wc -l)" 'all its records are in the store'
is 5 "$(find "$SPOOL/payloads/processed" -type l | wc -l)" 'its markers are in processed/'
is '' "$(find "$SPOOL"/payloads/{pending,ready,processing,failed} -mindepth 1)" 'none elsewhere'
is '["COMPLETED",2000,0]' "$(show '[.status,.success_count,.error_count]')" 'show'
exits 0 'process has nothing left' bs process --json
is 0 "$(jq .files <<<"$OUT")" 'no file'

drop twice 2000 '.process = "auto" | .on_duplicate = "run"'
at processed 'the same search again'
is 2000 "$(bs export --source properties | wc -l)" 'stores each record once'

drop nothing 0 '.process = "auto"'
at processed 'an auto job without records completes'

# The daemon keeps the definition it has read until SIGHUP; its loaders read today's.
drop warm 0 '{source: "items", count: 10}'
at processed 'a free source'
jq '.data_selector = "/elsewhere"' "$DIR/etc/sources/items.json" >"$DIR/x" && mv "$DIR/x" "$DIR/etc/sources/items.json"
drop broken 0 '{source: "items", count: 800, process: "auto"}'
at failed 'an auto job whose files cannot be loaded fails'
is load "$(event 'select(.event == "failed") | .reason')" 'reason load'
like 'payloads/failed' "$(why)" 'its note says where to look'
is 2 "$(find "$SPOOL/payloads/failed" -type l | wc -l)" 'its markers are in failed/'
jq '.data_selector = "/items"' "$DIR/etc/sources/items.json" >"$DIR/x" && mv "$DIR/x" "$DIR/etc/sources/items.json"
mv "$SPOOL"/payloads/failed/*.json "$SPOOL/payloads/ready/"
ok 'mended, its files are loaded from ready/' wait_event loaded 2
requests=$(stat_of .requests)
mv "$SPOOL/jobs/failed/$ID.json" "$SPOOL/jobs/pending/"
at processed 'and the job moved to pending/ completes'
is "$requests" "$(stat_of .requests)" 'without any request'
is 800 "$(bs export --job "$ID" | wc -l)" 'with all its records'
drop manual 0 '{source: "items", count: 900}'
at processed 'a manual job'
verified 'verify finds no difference'
daemon_stop
is 0 "$STATUS" 'the daemon ends in good order'
exits 0 'process works without a daemon' bs process --json
is '[4,910]' "$(jq -c '[.files,.records]' <<<"$OUT")" 'on what waits'
verified 'verify finds no difference then either'
finish
