#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Incremental sources: a job begins where the last one of its name ended; the bookmark is a file for people, and moves only when the job is COMPLETED.
. "$(dirname "$0")/../lib.sh"

paged_start --records 100
paged_set '{"since_param": "since"}'
source_paged offset-tickets '.incremental = {cursor_path: "/updated_at", start_param: "since", initial_value: "2026-01-01T00:00:11Z"} | .primary_key = ["/id", "/updated_at"]'
daemon_start
BOOKMARK=$SPOOL/bookmarks/offset-tickets/nightly.json
value() { jq -r .last_value "$BOOKMARK"; }
# run NAME [JQ]: a job named "nightly" to its end
run() {
    drop "$1" 0 "{source: \"offset-tickets\", name: \"nightly\"} | ${2:-.}"
    at processed "$1 completes"
}

run first
is 90 "$(show .processed_records)" 'the first begins at initial_value'
is '"2026-01-01T00:00:11Z"' "$(event 'select(.event == "requested") | .start')" 'and its journal says where'
is 2026-01-01T00:01:40Z "$(value)" 'the bookmark is the greatest value that came'
is "[\"offset-tickets\",\"nightly\",\"$ID\"]" "$(jq -c '[.source,.name,.job_id]' "$BOOKMARK")" 'and the file tells whose it is'
run again
is 1 "$(show .processed_records)" 'the next asks from there on: the last record once more'
is 1 "$(asked offset-tickets '.url' | grep -c 'since=2026-01-01T00%3A01%3A40Z')" 'in one request'
curl -sf -o /dev/null -d '{"since_param": "since", "touch": 10}' "$API_URL/_set"
run changed
is 11 "$(show .processed_records)" 'changed records come'
changed=$(value)
like '^2026-' "$changed" "the bookmark moves on ($changed)"
ok 'and not back' test "$changed" \> 2026-01-01T00:01:40Z

# --- by hand -----------------------------------------------------------------------------------------------------------
jq '.last_value = "2026-01-01T00:01:31Z"' "$BOOKMARK" >"$DIR/b" && cp "$DIR/b" "$BOOKMARK"
run edited
is 20 "$(show .processed_records)" 'a person sets it back'
is "$changed" "$(value)" 'and the job brings it forward again'
echo '{"last_value": 5' >"$BOOKMARK"
drop broken 0 '{source: "offset-tickets", name: "nightly"}'
at hold 'a broken bookmark holds the job'
like 'bookmarks/offset-tickets/nightly.json: line 2 column' "$(why)" 'and the note names file, place and mend'
rm "$BOOKMARK"
bs release "$ID"
at processed 'without the file it begins anew'
is 100 "$(show '.processed_records')" 'at initial_value'
drop other 0 '{source: "offset-tickets", name: "Other name"}'
at processed 'another name'
is 100 "$(show .processed_records)" 'has a bookmark of its own'
ok 'in a file of its own' compgen -G "$SPOOL/bookmarks/offset-tickets/other-name-????????.json"

rm "$BOOKMARK"
run taken '.take = 30'
is 30 "$(show .processed_records)" 'a job that takes a part'
ok 'moves no bookmark: what it left would never come' gone "$BOOKMARK"

# --- only when COMPLETED -----------------------------------------------------------------------------------------------
rm -f "$BOOKMARK"
paged_set '{"since_param": "since", "fail_at": 2, "fail_count": 50, "fail_status": 400}'
drop fails 0 '{source: "offset-tickets", name: "nightly"}'
at failed 'a job that fails half-way'
is 25 "$(show .processed_records)" 'has captured a page'
ok 'and moves no bookmark' gone "$BOOKMARK"
paged_set '{"since_param": "since"}'
bs retry "$ID"
at processed 'tried again'
is 2026-01-01T00:01:40Z "$(value)" 'it moves it'

# --- a kill at each step of the completion -------------------------------------------------------------------------------
daemon_stop
for n in 1 2 3 4 5 6; do
    rm -f "$BOOKMARK"
    daemon_start
    drop "kill-$n" 0 '{source: "offset-tickets", name: "nightly"}'
    wait_event captured 4
    wait_event completed
    daemon_kill
    daemon_start
    at processed "killed around its completion ($n)"
    is 2026-01-01T00:01:40Z "$(value)" 'the bookmark is there'
    daemon_stop
done

# --- lookback, and numbers ----------------------------------------------------------------------------------------------
source_paged offset-late '.incremental = {cursor_path: "/updated_at", start_param: "since", lookback: "PT10S"}'
daemon_start
drop late 0 '{source: "offset-late", name: "nightly"}'
at processed 'a source with lookback and without initial_value'
is 100 "$(show .processed_records)" 'begins with all'
drop late-again 0 '{source: "offset-late", name: "nightly"}'
at processed 'and goes on'
is 11 "$(show .processed_records)" 'ten seconds before the last value'
paged_set '{}'
source_paged offset-numbers '.incremental = {cursor_path: "/n", start_param: "least", initial_value: 7, lookback: 3}'
drop numbers 0 '{source: "offset-numbers"}'
at processed 'values that are numbers'
is 1 "$(asked offset-numbers '.url' | grep -c 'least=7&.*offset=0\|offset=0.*least=7')" 'initial_value is sent'
is 100 "$(jq .last_value "$SPOOL/bookmarks/offset-numbers/numbers.json")" 'without a name the slug is the name'
drop numbers 0 '{source: "offset-numbers"}'
at processed 'again'
is 1 "$(asked offset-numbers '.url' | grep -c 'least=97&.*offset=0\|offset=0.*least=97')" 'the last value less lookback'

# --- definitions ---------------------------------------------------------------------------------------------------------
for wrong in '{start_param: "s"}' '{cursor_path: "/a"}' '{cursor_path: "/a", start_param: "s", start_header: "S"}' '{cursor_path: "/a", start_body_path: "/s"}' \
    '{cursor_path: "/a", start_param: "s", initial_value: true}' '{cursor_path: "/a", start_param: "s", lookback: "soon"}' '{cursor_path: "/a", start_param: "s", since: 1}'; do
    source_paged offset-wrong ".incremental = $wrong"
    exits 78 "refused: $wrong" bs check
    like '/incremental' "$OUT$ERR" 'with the place'
done
rm "$DIR/etc/sources/offset-wrong.json"
verified 'verify finds no difference'
daemon_stop
finish
