#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cache_ttl of a source: a job that completed a moment ago answers the same one, without a request. And pages that have the bytes of another.
. "$(dirname "$0")/../lib.sh"
api_start
source_free items '.cache_ttl = "PT1H"'
source_free brief '.cache_ttl = "PT2S"'
source_free plain
source_metered properties '.cache_ttl = "P1D"'
source_free again '.steps[0].http.params = {count: "${job.count}", limit: 100, offset: 0} | .paginator |= (del(.total_path) + {limit: 100, limit_param: "l", offset_param: "o"})'
daemon_start

requests() {
    stat_of .requests
}

# --- one that completed answers the next
drop first 0 '{source: "items", count: 1000}'
first=$ID
at processed 'a search of a source with cache_ttl'
before=$(requests)
drop second 0 '{"count": 1e3, "name": "other", "campaign_id": "c2", "source": "items"}'
at processed 'the same search'
is "completed cached" "$(events | tail -n 1)" 'is complete at once, reason cached'
is 'accepted cached completed cached' "$(events | tr '\n' ' ' | sed 's/ $//')" 'without being claimed'
is "$first" "$(event 'select(.event == "completed") | .reuses')" 'names the job that answers it'
is "$before" "$(requests)" 'and nothing was asked'
is "[\"COMPLETED\",\"cached\",\"$first\"]" "$(show '[.status, .reason, .reuses]')" 'show says so'
like "cached.*payloads are those of job $first" "$(bs why "$ID" | tr '\n' ' ')" 'why says so'
like 'COMPLETED +cached ' "$(bs list | grep "$ID")" 'list says so'
exits 0 'the payloads are loaded' bs process --json
is 1000 "$(bs export --job "$ID" | wc -l)" 'an export of it has the rows'
is "$(bs export --job "$first" | sha256sum)" "$(bs export --job "$ID" | sha256sum)" 'of the job that answers it'
drop third 0 '{source: "items", count: 1000}'
is "$first" "$(wait_event completed; event 'select(.event == "completed") | .reuses')" 'one more names the same job, not the one that has no payloads'

# --- what goes round it
drop fresh 0 '{source: "items", count: 1000, cache: false}'
at processed 'cache false'
is 'completed' "$(events | tail -n 1)" 'is asked for'
is 3 "$(count_of captured)" 'with all its pages'
drop ran 0 '{source: "items", count: 1000, on_duplicate: "run"}'
at processed 'on_duplicate run'
is 3 "$(count_of captured)" 'is asked for too'
drop other 0 '{source: "items", count: 999}'
at processed 'another search'
is 3 "$(count_of captured)" 'is asked for'
drop taken 0 '{source: "items", count: 1000, take: 10}'
at processed 'one with a take'
is 1 "$(count_of captured)" 'is asked for'
drop auto 0 '{source: "items", count: 999, process: "auto"}'
at processed 'an automatic job'
is '3 3' "$(count_of captured) $(count_of loaded)" 'is not answered by one whose pages are not loaded'
drop auto2 0 '{source: "items", count: 999, process: "auto"}'
at processed 'the next'
is 'completed cached' "$(events | tail -n 1)" 'is, once they are'
drop later 0 '{source: "items", count: 1000, not_before: "2099-01-01T00:00:00Z"}'
at deferred 'a job for a later time waits for it'
drop plain1 0 '{source: "plain", count: 10}'
at processed 'a source without cache_ttl'
drop plain2 0 '{source: "plain", count: 10}'
at processed 'runs the same search again'
is 1 "$(count_of captured)" 'and asks'

# --- its time is over
drop brief1 0 '{source: "brief", count: 10}'
at processed 'a ttl of two seconds'
over() { [ "$(jq -rn --arg at "$(event 'select(.event == "completed") | .ts')" 'now - ($at[:19] + "Z" | fromdate) > 3.1')" = true ]; }
wait_for 10 over
drop brief2 0 '{source: "brief", count: 10}'
at processed 'is over after three'
is 1 "$(count_of captured)" 'and the search is asked for'

# --- a metered source: neither rejected nor bought
drop paid1 400
at processed 'a paid search'
drop paid2 400
at processed 'the same within cache_ttl'
is 'completed cached 400' "$(events | tail -n 1) $(stat_of .charged_records)" 'is answered, not rejected; nothing is bought'

# --- it waited while the same was captured
daemon_stop
config '.max_concurrent_jobs = 1'
daemon_start
faults '{"kind": "delay", "ms": 200, "on": "free", "n": 1, "count": -1}'
drop one 0 '{source: "items", count: 2000}'
one=$ID
drop two 0 '{source: "items", count: 2000}'
at processed 'of two that wait together'
is "completed cached $one 0" "$(events | tail -n 1) $(event 'select(.event == "completed") | .reuses') $(count_of requested)" 'the second is answered by the first when its turn comes'
faults ''

# --- it failed, or was cancelled: it answers nothing
faults '{"kind": "status", "status": 400, "on": "free", "count": -1}'
drop bad 0 '{source: "items", count: 77}'
at failed 'a search that failed'
faults ''
drop good 0 '{source: "items", count: 77}'
at processed 'answers nothing'
is 1 "$(count_of captured)" 'the same is asked for'

# --- killed between the acceptance and the completion
daemon_stop
before=$(requests)
BATCHSPOOL_FAULT=2:kill:rename daemon_start
drop killed 0 '{source: "items", count: 1000}'
wait_for 5 ended "$DAEMON_PID"
daemon_kill 2>/dev/null
is pending "$(place)" 'killed before it is complete'
daemon_start
at processed 'the next start completes it'
is "completed cached $before" "$(events | tail -n 1) $(requests)" 'as cached, and asks nothing'

# --- the same bytes
drop same 0 '{source: "plain", count: 10, name: "third"}'
at processed 'a search that gives what one gave before'
like '^2026-|^20[0-9][0-9]-' "$(event 'select(.event == "captured") | .same_as')" 'its captured names the payload with the same bytes'
ok 'which is there' test -f "$SPOOL/payloads/raw/$(event 'select(.event == "captured") | .same_as')"
is "[1,\"payloads/raw/$(event 'select(.event == "captured") | .same_as')\"]" "$(show '[.same_batches, .files[0].same_as]')" 'show tells'
like 'same as payloads/raw/' "$(bs show "$ID")" 'in text too'
drop none1 0 '{source: "plain", count: 0}'
at processed 'an empty answer'
drop none2 0 '{source: "plain", count: 0}'
at processed 'and another'
is null "$(event 'select(.event == "captured") | .same_as')" 'are no news'
drop ignores 0 '{source: "again", count: 1000, max_records: 1000}'
at failed 'a source that gives the same page whatever it is asked for'
is '10 9' "$(count_of captured) $(jq -r 'select(.event == "captured") | .same_as // empty' "$SPOOL/journal/$ID.ndjson" | wc -l)" 'each page but the first names another'
is 1 "$(grep -c 'does the source ignore where a page begins?' "$DIR/daemon.log")" 'the log warns, once'
like 'Warning: 9 of its 10 pages have the same bytes' "$(bs why "$ID")" 'why warns'
like '  9 same$' "$(bs list | grep "$ID")" 'list counts it'
is "$(bs list --json | jq -s 'map(.same_batches) | add')" "$(bs stats --json | jq .same_batches)" 'stats counts all'
like 'batches have the bytes of an earlier payload' "$(bs stats)" 'in text too'
exits 0 'verify finds no difference' bs verify --json
ok 'but tells of payloads with the same bytes' jq -e '.same_payloads > 3' <<<"$OUT"
exits 0 'in text too' bs verify
like 'payloads have the same bytes as another one, which is no difference' "$ERR" 'as what they are'
counts=$(bs list --json | jq -cS '[.job_id, .same_batches]' | sort)
daemon_stop
ok 'reindex' bs reindex
is "$counts" "$(bs list --json | jq -cS '[.job_id, .same_batches]' | sort)" 'counts the same'
finish
