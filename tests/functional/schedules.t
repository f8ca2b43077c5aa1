#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Recurring jobs: files in schedules/, dropped when due, once for each due time.
. "$(dirname "$0")/../lib.sh"
api_start
source_metered properties
source_free items
S=$SPOOL/schedules

# schedule NAME JQ: written aside and renamed, as an editor does
schedule() {
    jq -n "{every: \"PT1S\", job: {source: \"items\", count: 1}} | $2" >"$S/.$1" && mv "$S/.$1" "$S/$1.json"
}

# jobs NAME: ids of its jobs that were accepted
jobs() { ids "$(printf '%s' "$1" | tr _ -)"; }
has_jobs() { [ "$(jobs "$1" | wc -l)" -ge "$2" ]; }
# dues NAME: their due times
dues() { jobs "$1" | cut -c1-16; }
state() { jq -c "$2" "$S/$1.state" 2>/dev/null; }
state_is() { [ "$(state "$1" "$2")" = "$3" ]; }
says() { daemon_says "$1"; }
utc_now() { date -u +%Y%m%dT%H%M%SZ; }
past() { [[ $(utc_now) > $1 ]]; }
later() { date -u -d "@$(($(date -u +%s) + $1))" +%Y%m%dT%H%M%SZ; }

is 2770 "$(stat -c %a "$S")" 'init makes schedules/'

# --- without a daemon
jq -n '{cron: "30 2 * * *", timezone: "Europe/Berlin", job: {source: "items", count: 3}}' >"$DIR/nightly.json"
exits 0 'schedules add' bs schedules add "$DIR/nightly.json"
is nightly "$OUT" 'prints its name'
is 660 "$(stat -c %a "$S/nightly.json")" 'and puts it there'
exits 73 'schedules add of one that is there' bs schedules add "$DIR/nightly.json"
exits 0 'schedules add - --name' bash -c "'$PROGRAMS/batchspool' schedules add - --name hourly <'$DIR/nightly.json'"
exits 0 'schedules next' bs schedules next --json --count 3 nightly
is '3 nightly Europe/Berlin' "$(jq -rs '"\(length) \(.[0].schedule) \(.[2].timezone)"' <<<"$OUT")" 'has as many as are asked for'
like 'T02:30:00\+0[12]:00$' "$(jq -rs '.[0].local' <<<"$OUT")" 'in the time of the zone'
is 0 "$(jq -rs '[.[] | (.due | fromdate)] | if .[0] < .[1] and .[1] < .[2] and .[0] > now then 0 else 1 end' <<<"$OUT")" 'and in UTC, in order, to come'
exits 0 'schedules list' bs schedules list --json
is '["hourly","nightly"]' "$(jq -cs '[.[].schedule]' <<<"$OUT")" 'has an object for each'
is '{"state":"on","last":null,"job_id":null}' "$(jq -c 'select(.schedule == "nightly") | {state, last, job_id}' <<<"$OUT")" 'that says that there was no run yet'
exits 0 'schedules disable' bs schedules disable hourly
is hourly.json.off "$(cd "$S" && echo hourly*)" 'is mv to .off'
is off "$(bs schedules --json hourly | jq -r .state)" 'list says so'
exits 0 'schedules enable' bs schedules enable hourly
is hourly.json "$(cd "$S" && echo hourly*)" 'is mv back'
jq '.enabled = false' "$DIR/nightly.json" >"$S/hourly.json"
is off "$(bs schedules --json hourly | jq -r .state)" 'enabled: false'
exits 0 'schedules enable of that' bs schedules enable hourly
is true "$(jq .enabled "$S/hourly.json")" 'sets it'
exits 66 'an unknown name' bs schedules disable nightli
like 'did you mean "nightly"' "$ERR" 'has the nearest one named'
exits 66 'an unknown name' bs schedules list nightli
exits 64 'no name' bs schedules enable
exits 64 'a wrong count' bs schedules next --count 0
printf '{"cron": "0 6 * *",\n "job": {"source": "items"}}' >"$DIR/wrong.json"
exits 65 'schedules add of a wrong one' bs schedules add "$DIR/wrong.json"
like 'wrong.json: line 1 column 10: /cron: has 4 fields' "$ERR" 'names file, line, column and what is wrong'
exits 0 'schedules run' bs schedules run nightly
ran=$OUT
is pending "$(place "$ran")" 'drops the job at once'
like '^[0-9TZ]+-[0-9a-f]{12}-nightly$' "$ran" 'under a name of its own'
exits 0 'schedules check' bs schedules check
exits 0 'schedules remove' bs schedules remove hourly
is '' "$(find "$S" -name '*hourly*')" 'leaves nothing of it'

# --- with one
schedule tick '.job = {source: "properties", criteria: [{name: "Count", value: [1]}], created_by: "somebody", max_cost: "1.50"} | .name = "Each second"'
chown nobody "$S/tick.json" 2>/dev/null
owner=$(stat -c %U "$S/tick.json")
daemon_start
at processed 'the job of `run` runs' "$ran"
wait_for 8 has_jobs tick 3
result $? 'a job each second'
first=$(jobs tick | head -n 1)
at processed 'it runs, and another one of the same criteria is no duplicate' "$(jobs tick | sed -n 2p)"
is run "$(event 'select(.event == "accepted") | .text | fromjson.on_duplicate' "$first")" 'its on_duplicate is run'
is '"1.50"' "$(event 'select(.event == "accepted") | .text | fromjson | .max_cost | tojson' "$first")" 'the job is as the schedule has it'
[ "$owner" = "$(id -un)" ] && owner=somebody # what our own user's file says is believed
is "$owner" "$(event 'select(.event == "accepted") | .created_by' "$first")" 'created_by is the owner of the file'
state_ok() { state_is tick '[.job_id, .after] | tostring' "$(jobs tick | tail -n 1 | jq -Rc '[., (.[0:16] | strptime("%Y%m%dT%H%M%SZ") | todate)] | tostring')"; }
wait_for 5 state_ok
result $? 'the state beside it says which was the last' "$(cat "$S/tick.state"; jobs tick)"
is 660 "$(stat -c %a "$S/tick.state")" 'for the group to read'
like '^\[true,true,"PT1S"\]$' "$(bs schedules --json tick | jq -c '[(.last | type == "string"), (.status | type == "string"), .every]')" 'schedules list has it'

# --- files that are not right
printf '{"every": "PT1S",\n "job": {"source": "items",\n  "cuont": 1}}' >"$S/wrong.json"
wait_for 5 there "$S/wrong.why"
like 'schedules/wrong.json: line 3 column 12: /cuont: unknown member "cuont"; did you mean "count"' "$(cat "$S/wrong.why")" 'a .why tells line, column and the mend'
printf '{"every": "PT1S", "job": {"source": "itmes"}}' >"$S/nosource.json"
wait_for 5 there "$S/nosource.why"
like 'line 1 column 37: /source: there is no source "itmes".*did you mean "items"' "$(cat "$S/nosource.why")" 'so does that of an unknown source'
schedule 'a b' .
wait_for 5 there "$S/a b.why"
like 'rename it' "$(cat "$S/a b.why")" 'a name that none may have'
rm "$S/a b.json"
wait_for 5 gone "$S/a b.why"
result $? 'the note goes with its file'
seen=$(jobs tick | wc -l)
wait_for 8 has_jobs tick $((seen + 3))
result $? 'the others go on'
is 1 "$(grep -c 'schedule wrong: .*cuont' "$DIR/daemon.log")" 'each is told once'
is wrong "$(bs schedules --json wrong | jq -r .state)" 'list says that it is wrong'
exits 65 'schedules check' bs schedules check
sed -i 's/cuont/count/' "$S/wrong.json"
wait_for 8 has_jobs wrong 1
result $? 'mended, it runs'
is gone "$([ -e "$S/wrong.why" ] || echo gone)" 'and its note is gone'
source_free itmes
wait_for 8 has_jobs nosource 1
result $? 'so does one whose source comes'
rm "$S/wrong.json" "$S/nosource.json"

# --- switched off and on, edited
mv "$S/tick.json" "$S/tick.json.off"
wait_for 5 state_is tick .after null
result $? 'mv to .off stops it'
off=$(jobs tick | wc -l)
schedule other .
wait_for 8 has_jobs other 3
is "$off" "$(jobs tick | wc -l)" 'nothing is dropped meanwhile'
mv "$S/tick.json.off" "$S/tick.json"
wait_for 8 has_jobs tick $((off + 2))
result $? 'mv back starts it'
is '' "$(dues tick | sort | uniq -d)" 'no due time has two jobs'
is 0 "$(grep -c 'schedule tick.*missed' "$DIR/daemon.log")" 'what was not wanted was not missed'
rm "$S/tick.json"
schedule other '.every = "PT1000H"'
wait_for 5 state_is other .times '"every PT1000H"'
result $? 'an edit counts at once'
schedule other '.every = "PT1S" | .until = "2020-01-01T00:00:00Z"'
wait_for 5 state_is other .times '"every PT1S"'
is ended "$(bs schedules --json other | jq -r .state)" 'until is over'
exits 0 'schedules remove, with a daemon' bs schedules remove other
wait_for 5 gone "$S/other.state"
is '' "$(find "$S" -name '*other*')" 'leaves nothing of it'

# --- edited without end: no due time is lost, none comes twice
until=$(later 5) n=0
schedule edited .
wait_for 8 has_jobs edited 1
until past "$until"; do
    schedule edited ".job.count = $((1 + (n += 1) % 5))"
    schedule edited ".start = \"2026-01-0$((1 + n % 9))T00:00:00Z\"" # another time table that is due each second
done
wait_for 8 has_jobs edited 4
mv "$S/edited.json" "$S/edited.json.off"
wait_for 5 state_is edited .after null
result $? "edited $n times"
seconds() { dues edited | while read -r t; do date -u -d "${t:0:4}-${t:4:2}-${t:6:2} ${t:9:2}:${t:11:2}:${t:13:2}" +%s; done; }
is '' "$(seconds | awk 'NR > 1 && $1 != last + 1 { print last " is followed by " $1 } { last = $1 }')" 'each second has its job'

# --- the daemon is down
schedule skip .
schedule days '.every = "P1D"'
schedule once '.every = "P1D" | .missed = "once"'
wait_for 8 has_jobs skip 1 && wait_for 8 there "$S/days.state" && wait_for 8 there "$S/once.state"
daemon_kill
until=$(later 3) last=$(dues skip | tail -n 1)
for name in days once; do # as if nobody had been there for five days
    jq '.after = (now - 5 * 86400 | todate)' "$S/$name.state" >"$DIR/state" && cat "$DIR/state" >"$S/$name.state"
done
wait_for 8 past "$until"
daemon_start
wait_for 8 has_jobs skip $(($(jobs skip | wc -l) + 2))
is 0 "$(dues skip | awk -v a="$last" -v b="$until" '$1 > a && $1 < b' | wc -l)" 'skip: what was missed is left out'
like 'schedule skip: [0-9]+ times? due from .* missed and left out' "$(cat "$DIR/daemon.log")" 'and told'
like '^[1-9]' "$(bs schedules --json skip | jq .missed)" 'and kept'
wait_for 5 state_is days .missed 5
result $? 'five days left out' "$(cat "$S/days.state")"
is '' "$(jobs days)" 'without a run'
wait_for 5 has_jobs once 1
is "$(date -u +%Y%m%d)T000000Z" "$(dues once)" 'once: one run for all, that of the last time'
like 'schedule once: the run of .* stands for 5 that were due and missed' "$(cat "$DIR/daemon.log")" 'which is told too'
at processed 'it runs' "$(jobs once)"
rm "$S/skip.json" "$S/once.json" "$S/days.json"

# --- a clock that was put back: what is remembered lies ahead
schedule ahead .
wait_for 8 test -s "$S/ahead.state"
daemon_kill
jq '.after = "2099-01-01T00:00:00Z"' "$S/ahead.state" >"$DIR/state" && cat "$DIR/state" >"$S/ahead.state"
daemon_start
wait_for 8 has_jobs ahead $(($(jobs ahead | wc -l) + 1))
result $? 'a state from the future does not stop a schedule'
like 'schedule ahead: .*the clock was put back' "$(cat "$DIR/daemon.log")" 'and is told'
rm "$S/ahead.json"

# --- refusals of the disk
schedule full .
wait_for 8 has_jobs full 1
chmod 2550 "$S"
if [ "$(id -u)" != 0 ]; then
    wait_for 8 says 'schedule full: schedules/'
    result $? 'a state that cannot be written is told'
fi
chmod 2770 "$S"
wait_for 8 has_jobs full $(($(jobs full | wc -l) + 2))
result $? 'and the schedule goes on'
rm "$S/full.json"
wait_for 5 state_is full .after null

kill -HUP "$DAEMON_PID"
daemon_stop
is 0 "$STATUS" 'the daemon ends in good order'
printf 'garbage' >"$S/full.state"
exits 65 'verify finds a state that is none' bs verify
like 'schedule-state schedules/full.state' "$OUT" 'and names it'
rm "$S/full.state"
verified 'nothing else contradicts'
finish
