#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Moves by hand while the daemon runs: every row of the table, and what is put back.
. "$(dirname "$0")/../lib.sh"
api_start
source_metered properties
source_free items
source_free blocked '.api_budget = {policies: [{type: "moving_window", rates: [{limit: 1, interval: "PT1H"}]}]}'
daemon_start
jobs=$SPOOL/jobs

# A source whose budget is spent keeps its jobs in pending/.
drop spent 0 '{source: "blocked", count: 1}'
at processed 'one job spends the budget of its source'

# waiting NAME: a job that waits in pending/
waiting() { drop "$1" 0 '{source: "blocked", count: 2}'; }
# later NAME: a job that lies in deferred/
later() {
    drop "$1" 0 '{source: "items", count: 3, not_before: "2099-01-01T00:00:00Z"}'
    at deferred "$1: deferred"
}
# running NAME: a job whose free request hangs
running() {
    faults '{"kind": "stall", "on": "free", "count": -1}'
    local before
    before=$(stat_of .requests)
    drop "$1" 0 '{source: "items", count: 4}'
    wait_for 5 asked "$before"
    at processing "$1: running"
    faults
}
asked() { [ "$(stat_of .requests)" -gt "$1" ]; }
# move FROM TO [ID]
move() { mv "$jobs/$1/${3:-$ID}.json" "$jobs/$2/"; }
# by_hand EVENT NAME: the last such event was written for a mv, with the file's owner
by_hand() {
    wait_event "$1"
    is "[\"mv\",$(id -u)]" "$(event "select(.event == \"$1\") | [.by,.uid] | tojson")" "$2"
}

# --- pending <-> hold, cancelled
waiting one
at pending 'a job whose source has no budget waits in pending/'
move pending hold
by_hand held 'pending -> hold: journalled, by mv, with the owner'
at hold 'and it stays there'
is '"HELD"' "$(show .status)" 'show says so'
ok 'a note lies beside it' wait_for 5 there "$jobs/hold/$ID.why"
move hold pending
by_hand requeued 'hold -> pending: journalled'
at pending 'and it waits again'
ok 'the note has gone' wait_for 5 gone "$jobs/hold/$ID.why"
move pending cancelled
by_hand cancelled 'pending -> cancelled: journalled'
move cancelled pending
wait_event requeued 2
at pending 'cancelled -> pending: it waits again'
move pending hold
wait_event held 2
move hold cancelled
ok 'hold -> cancelled: journalled' wait_event cancelled 2
move cancelled hold
ok 'cancelled -> hold: journalled' wait_event held 3

# --- deferred
later two
move deferred hold
by_hand held 'deferred -> hold'
move hold pending
at processed 'hold -> pending: overrides not_before'
later three
move deferred cancelled
by_hand cancelled 'deferred -> cancelled'
later four
move deferred pending
at processed 'deferred -> pending: overrides not_before'
later five
is "$(date -d 2099-01-01T00:00:00Z +%s)" "$(stat -c %Y "$jobs/deferred/$ID.json")" 'the mtime of a deferred job is its time'
touch -d 2098-01-01T00:00:00Z "$jobs/deferred/$ID.json"
ok 'touch: a new time is journalled' wait_event deferred 2
is 2098-01-01T00:00:00Z "$(event 'select(.event == "deferred") | .until' | sed 's/\.0*Z/Z/')" 'with the time of the file'
is mv "$(event 'select(.event == "deferred") | .by')" 'by mv'
touch -d '-1 second' "$jobs/deferred/$ID.json"
at processed 'touch into the past starts it'
later six
touch -d '+2 seconds' "$jobs/deferred/$ID.json"
at processed 'touch into the near future starts it then'

# --- processing
running seven
move processing pending
by_hand requeued 'processing -> pending: stopped'
at processed 'and it goes on from the queue'
is '[1,4]' "$(show '[(.files | length), .processed_records]')" 'with the same page once'
running eight
move processing hold
by_hand held 'processing -> hold'
is '' "$(find "$SPOOL/payloads" -name "*${ID:17:12}*")" 'its free request was given up at once'
move hold pending
at processed 'and it can go on'
running nine
move processing cancelled
by_hand cancelled 'processing -> cancelled'
requests=$(stat_of .requests)
drop other 0 '{source: "items", count: 5}'
at processed 'its place is free for another job'
is cancelled "$(place "$(ids nine)")" 'it stays cancelled'
is $((requests + 1)) "$(stat_of .requests)" 'and sends nothing more'

# --- processing, with a paid answer on its way
faults '{"kind": "delay", "ms": 600, "on": "paid", "start": 400}'
drop paid 1200 '.criteria += [{name: "Offset", value: [6000]}]'
wait_for 10 stat_is '[.paid_requests,.paid_in_flight]' '[2,1]'
move processing cancelled
by_hand cancelled 'processing -> cancelled while a paid answer is on its way'
ok 'the answer is awaited and kept' wait_event captured 2
faults
is '2 cancelled' "$(stat_of .paid_requests) $(place)" 'nothing more is bought'
move cancelled pending
at processed 'and it can go on'
is '[3,1200,0]' "$(stat_of '[.paid_requests,.charged_records,.twice]')" 'with the missing page'
is 0 "$(count_of charge_unknown)" 'nothing is in doubt'
api_reset

# --- failed
faults '{"kind": "status", "status": 400, "on": "free"}'
drop ten 0 '{source: "items", count: 6}'
at failed 'a job that the source refuses fails'
move failed hold
by_hand held 'failed -> hold'
move hold pending
at processed 'hold -> pending: only the missing page is fetched'
faults '{"kind": "status", "status": 400, "on": "free"}'
drop eleven 0 '{source: "items", count: 7}'
at failed 'another'
move failed cancelled
by_hand cancelled 'failed -> cancelled'
move cancelled pending
at processed 'cancelled -> pending'

# --- what is put back
drop twelve 0 '{source: "items", count: 8}'
at processed 'a job is complete'
for to in pending hold cancelled failed deferred processing; do
    n=$(count_of requeued)
    move processed $to
    wait_event requeued $((n + 1))
    at processed "processed -> $to: put back"
    is '["put_back","processed","mv"]' "$(event 'select(.event == "requeued") | [.reason,.to,.by] | tojson')" "processed -> $to: journalled"
done
waiting thirteen
for to in processing processed failed deferred; do
    n=$(count_of requeued)
    move pending $to
    wait_event requeued $((n + 1))
    at pending "pending -> $to: put back"
done
is 0 "$(grep -c '"requested"' "$SPOOL/journal/$ID.ndjson")" 'without a request'
move pending hold
wait_event held
for to in processing processed failed deferred; do
    n=$(count_of requeued)
    move hold $to
    wait_event requeued $((n + 1))
    at hold "hold -> $to: put back"
done
move hold cancelled
wait_event cancelled
move cancelled processed
wait_event requeued 9
at cancelled 'cancelled -> processed: put back'

# --- vanished, and twice there
waiting fourteen
rm "$jobs/pending/$ID.json"
at hold 'a file that vanished is made again in hold/'
is missing "$(event 'select(.event == "held") | .reason')" 'reason missing'
is "$(event 'select(.event == "accepted") | .sha256')" "$(sha256sum <"$jobs/hold/$ID.json" | cut -d' ' -f1)" 'with the accepted text'
ok 'and a note' wait_for 5 there "$jobs/hold/$ID.why"
running fifteen
rm "$jobs/processing/$ID.json"
at hold 'one that ran, too'
drop sixteen 0 '{source: "items", count: 9}'
at processed 'a job is complete'
cp "$jobs/processed/$ID.json" "$jobs/hold/$ID.json"
ok 'a second file of its id is set aside' wait_for 5 there "$jobs/failed/$ID.dup-1.json"
is processed "$(place)" 'the place that the journal names holds'
waiting seventeen
cp "$jobs/pending/$ID.json" "$jobs/cancelled/$ID.json"
ok 'another double is set aside' wait_for 5 there "$jobs/failed/$ID.dup-1.json"
is pending "$(place)" 'again the journal decides'

# --- an edited file that waits
waiting eighteen
sum=$(event 'select(.event == "accepted") | .sha256')
jq '.count = 3' "$jobs/pending/$ID.json" >"$jobs/tmp/x" && mv "$jobs/tmp/x" "$jobs/pending/$ID.json"
ok 'an edited job is accepted afresh' wait_event accepted 2
is false "$([ "$sum" = "$(event 'select(.event == "accepted") | .sha256')" ] && echo true || echo false)" 'with its new text'
is pending "$(place)" 'and goes on waiting'
printf '{"source": "blocked", "count": }' >"$jobs/pending/$ID.json"
at failed 'edited into nonsense it goes to failed/'
like 'line 1' "$(why)" 'with a note'
drop nineteen 800 '.max_records = 100 | .name = "a"'
at hold 'a guard holds a search'
jq '.max_records = 1000' "$jobs/hold/$ID.json" >"$jobs/tmp/x" && mv "$jobs/tmp/x" "$jobs/hold/$ID.json"
move hold pending
at processed 'with the guard raised in the file it runs'
is 800 "$(stat_of .charged_records)" 'and buys what it may'
faults '{"kind": "status", "status": 402, "on": "paid", "at": 2}'
drop twenty 800 '.criteria += [{name: "Offset", value: [2000]}]'
at hold 'held after its first page'
jq '.criteria[0].value = [801]' "$jobs/hold/$ID.json" >"$jobs/tmp/x" && mv "$jobs/tmp/x" "$jobs/hold/$ID.json"
n=$(count_of held)
move hold pending
wait_event held $((n + 1))
at hold 'other criteria after the first request: held'
is 'held edited' "$(events | tail -n 1)" 'reason edited'
like 'criteria' "$(why)" 'its note names the member'
is 1200 "$(stat_of .charged_records)" 'and nothing was bought for it'
jq '.criteria[0].value = [800] | .priority = "high"' "$jobs/hold/$ID.json" >"$jobs/tmp/x" && mv "$jobs/tmp/x" "$jobs/hold/$ID.json"
move hold pending
at processed 'another priority is allowed'
is '[1600,0]' "$(stat_of '[.charged_records,.twice]')" 'only the missing page was bought'
verified 'verify finds no difference'
finish
