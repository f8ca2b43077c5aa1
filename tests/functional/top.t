#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# top on a terminal of 80 columns and 24 rows (tmux is the terminal), and without one.
. "$(dirname "$0")/../lib.sh"
command -v tmux >/dev/null || { echo 'Bail out! tmux is missing: make deps-check'; exit 1; }
export LC_ALL=C.UTF-8
term() { tmux -f /dev/null -S "$DIR/tmux" "$@"; }
screen() { term capture-pane -p -t top; }
shows() { [[ $(screen) =~ $1 ]]; }
# seen REGULAR-EXPRESSION NAME: the terminal comes to show it
seen() { wait_for "$WAIT_S" shows "$1" && result 0 "$2" || result 1 "$2" "$(printf 'wanted, like: %s\n' "$1"; screen)"; }
keys() { term send-keys -t top "$@"; }
# the shell in the terminal, which runs top
pane() { term list-panes -t top -F '#{pane_pid}'; }
top_pid() { pgrep -P "$(pane)" -x batchspool; }
top_start() { keys "clear; $1 $PROGRAMS/batchspool top; echo ended=\$?" Enter; seen 'JOB +STATE +RECORDS' "${2-top starts}"; }
api_start
source_metered properties
source_free slow
source_free items '.concurrency_level = {default_concurrency: 1, max_concurrency: 1}'
job "$DIR/paid.json" 100
daemon_start

# --- no terminal: once
exits 0 'without a terminal it prints once' bs top
like "batchspool top +.*daemon runs +..:..:..Z"$'\n'"today 0.00 USD" "$OUT" 'what there is'
is 0 "$(grep -c $'\033' "$DIR/out")" 'and plainly'
exits 0 '--json' bs top --json
is '[true,0,[]]' "$(jq -c '[.daemon_runs, .queue.pending.depth, .jobs]' <<<"$OUT")" 'is one document'
exits 64 'no arguments' bs top something

term new-session -d -s top -x 80 -y 24 "env -u NO_COLOR HOME=$DIR TERM=screen-256color sh" || { echo 'Bail out! tmux does not start'; exit 1; }
top_start '' 'an empty spool'
seen 'no job runs, waits or has failed' 'says so'

# --- jobs come by themselves
exits 0 'a paid job' bs submit --wait "$DIR/paid.json"
seen 'today 5.00 USD  done 1 ' 'money of today'
faults '{"kind": "delay", "ms": 400, "count": -1, "on": "free"}'
slow_job() { jq -n --arg name "$1" "{source: \"slow\", count: 100000, name: \$name} | ${2:-.}" >"$DIR/$1.json"; ID=$(bs submit "$DIR/$1.json"); }
source_free slow '.concurrency_level = {default_concurrency: 1, max_concurrency: 1}'
kill -HUP "$DAEMON_PID"
slow_job running '.priority = "high"'
running=$ID
seen "> ${running:17:12}-running? +runs +\[[#.]{8}\] +[0-9]+/100k +[0-9.]+ +[0-9]+[smh]" 'a running job with bar, records, rate and ETA'
slow_job other '.max_records = 5 | .source = "items"'
held=$ID
seen 'held max_records' 'a job that is held, with the reason'
seen $'\n''hold +0 +0 +1 +0 +1 +[0-9]+s' 'is counted'
slow_job waits '.source = "items" | .not_before = "2099-01-01T00:00:00Z"'
waits=$ID
seen 'in [0-9]+d not_before' 'one that is deferred, and for how long'
is processing "$(place "$running")" 'the first one still runs'
printf 'no job' >"$SPOOL/jobs/hold/"$'x\033[31m\033]0;t\007.json'
seen 'x\\x1b\[31m\\x1b\]0;t' 'names of files are escaped'
rm -f "$SPOOL/jobs/hold/x"*
is 0 "$(screen | awk 'length($0) > 80' | wc -l)" 'no line is longer than the terminal'
is 24 "$(screen | sed -n '$=')" 'nor are there more'
[ "$(term capture-pane -e -p -t top | grep -c $'\033')" -gt 0 ]
result $? 'it has colours'

# --- keys
chosen() { keys Home; for _ in $(seq 30); do shows "> ${1:17:12}" && return; keys Down; sleep 0.05; done; }
chosen "$held"
seen "$held +items normal +max_records: the search" 'the selected job is told below, with its error'
chosen "$waits"
keys h
at hold 'h holds' "$waits"
seen "hold $waits: done" 'and says so'
keys r
at processing 'r releases' "$waits"
keys c y
at cancelled 'c y cancels' "$waits"
chosen "$running"
keys +
seen "priority urgent $running: done" 'the priority of a running job can be raised'
keys c
seen "cancel ${running:17:12}-running\? y/n" 'c asks'
keys n
seen 'q quit' 'n: no'
is processing "$(place "$running")" 'nothing is cancelled'
chosen "$held"
keys +
seen "priority high $held: done" '+ raises the priority'
is '"high"' "$(jq .priority "$SPOOL/jobs/hold/$held.json")" 'in the file'

# --- another size, stopped and gone on with, ended: the terminal is as it was
term resize-window -t top -x 60 -y 15
seen 'JOB +STATE +RECORDS +LEFT'$'\n' 'a narrow terminal has fewer columns'
is 0 "$(screen | awk 'length($0) > 60' | wc -l)" 'no line is longer'
term resize-window -t top -x 80 -y 24
seen 'PER S +LEFT +COST' 'and a wide one has them again'
modes() { stty -a -F "$(term list-panes -t top -F '#{pane_tty}')" | grep -oE -- '-?(icanon|echo)\b' | tr '\n' ' '; }
is '-icanon -echo ' "$(modes)" 'keys come at once'
keys C-z
seen 'Stopped' '^Z stops it'
is 'icanon echo ' "$(modes)" 'and gives the terminal back'
keys fg Enter
seen 'JOB +STATE' 'fg goes on'
is '-icanon -echo ' "$(modes)" 'and takes it again'
# shellcheck disable=SC2046
kill -TERM $(top_pid)
seen 'Stopped' 'SIGTERM ends it, with the screen that was there'
is 'icanon echo ' "$(modes)" 'and its modes'
top_start '' 'again'
keys C-c
seen 'ended=0' '^C ends it'
is 'icanon echo ' "$(modes)" 'with its modes'
top_start 'NO_COLOR=1' 'with NO_COLOR'
is 0 "$(term capture-pane -e -p -t top | grep -c $'\033')" 'there are no colours'
keys q
seen 'ended=0' 'q ends it'
top_start ''
daemon_stop
seen 'NO DAEMON RUNS' 'no daemon'
keys q
seen 'ended=0' 'ends as well'
term kill-server
finish
