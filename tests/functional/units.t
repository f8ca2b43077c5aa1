#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Units that are no pages, and steps: the cross product of lists, programs as steps, fallback, parts, units that fail for good, kills in the middle.
. "$(dirname "$0")/../lib.sh"

HELPERS=$DIR/helpers
mkdir -p "$HELPERS"
export BATCHSPOOL_HELPERS=$HELPERS

# helper NAME: a program of standard input
helper() {
    cat >"$HELPERS/$1"
    chmod +x "$HELPERS/$1"
}

# source_units NAME [JQ]: each of `numbers` x `kinds` is asked for, and a program makes a record of it
source_units() {
    jq -n --arg name "$1" --arg url "$API_URL/offset" '
        {name: $name, foreach: [{name: "number", in: "/numbers"}, {name: "kind", in: "/kinds"}],
         job_members: {numbers: {type: "array", required: true}, kinds: {type: "array", default: ["a"]}, engine: {type: "string", default: "service"}, timeout_s: {type: "integer", minimum: 1}},
         steps: [{name: "fetch", http: {method: "GET", url: $url, params: {limit: 1, offset: "${item.number}", tag: $name, kind: "${item.kind}"}}},
                 {name: "record", exec: {command: ["make-record", "${item.kind}"], stdin: {run: "${job_id}", item: "${item}", id: "${steps.fetch/data/0/id}"}, timeout_s: 20}}],
         data_selector: "/results", primary_key: ["/number", "/kind"],
         error_handler: {max_retries: 2, backoff_strategies: [{type: "exponential", factor: 0.05, jitter_range_in_seconds: 0.01, max_s: 1}]},
         concurrency_level: {default_concurrency: 2, max_concurrency: 8}, timeout_s: 10, max_response_bytes: 8388608}' |
        jq "${2:-.}" >"$DIR/etc/sources/$1.json"
}

# drop_units NAME JQ
drop_units() {
    jq -n "{source: \"units\"} | $2" >"$SPOOL/jobs/tmp/$1.json"
    mv "$SPOOL/jobs/tmp/$1.json" "$SPOOL/jobs/pending/$1.json"
    taken "$1"
}

member() {
    bs show "$ID" --json | jq -c "$1"
}

# told EVENT FILTER: of each such line of the journal; times EVENT [CONDITION]: how many there are
told() {
    jq -c "select(.event == \"$1\") | $2" "$SPOOL/journal/$ID.ndjson"
}

times() {
    told "$1" "select(${2:-true})" | wc -l
}

raw_files() {
    find "$SPOOL/payloads/raw" -name "*_batch*" -printf '%f\n' | sed 's/_[0-9]*T.*//; s/.*_batch/batch/' | sort
}

helper make-record <<'END'
#!/bin/bash
[ "$PWD" = "$HOME" ] || exit 70
exec jq -c --arg kind "$1" '{results: [{number: .item.number, kind: $kind, id, run}]}'
END

paged_start --records 100
source_units units
config '.stuck_after_s = 1'
daemon_start

# --- the main case ---

drop_units whole '.numbers = [0, 1, 2] | .kinds = ["a", "b"] | .process = "auto"'
at processed 'a job of 3 x 2 units completes'
is '["COMPLETED",6,6,6,0]' "$(member '[.status, .total_records, .processed_records, .success_count, .error_count]')" 'each of them is a record that is loaded'
is '0 a r000001,0 b r000001,1 a r000002,1 b r000002,2 a r000003,2 b r000003' \
    "$(bs export --source units | jq -r '"\(.number) \(.kind) \(.id)"' | sort | paste -sd,)" 'the first list is the outermost, and steps see the item and earlier answers'
is 'batch0001,batch0001.fetch,batch0002,batch0002.fetch,batch0003,batch0003.fetch,batch0004,batch0004.fetch,batch0005,batch0005.fetch,batch0006,batch0006.fetch' \
    "$(raw_files | paste -sd,)" 'the answer of every step is kept under its name'
is 6 "$(times requested '.helper == "make-record" and .paid == false')" 'the journal names the program'
is 6 "$(times captured '.inner and .step == "fetch"')" '... and has each inner step'
is 0 "$(find "$SPOOL/payloads/tmp" -mindepth 1 | wc -l)" 'nothing of the programs is left behind'
verified 'nothing differs'
is "$ID" "$(bs export --source units | jq -r .run | sort -u)" 'a step knows its job'
bs reindex >"$DIR/out" 2>&1 # a daemon runs
is 75 $? 'reindex leaves a running daemon alone'

# --- units that fail for good ---

drop_units dead '.numbers = [3, "x", 4] | .name = "dead"'
at processed 'a job with a dead unit completes'
is '["COMPLETED",3,2,1]' "$(member '[.status, .total_records, .processed_records, .error_count]')" 'the dead one is counted'
is '[2,"fetch","status_400"]' "$(told failed '[.batch, .step, .reason]')" 'the journal says which step of it failed, and why'
verified 'nothing differs after that'

drop_units hopeless '.numbers = ["x", "y"]'
at failed 'a job of which no unit succeeds fails'
is '"coverage"' "$(member .reason)" 'its reason is coverage'
like 'none of 2 units succeeded.*status_400' "$(why)" 'and its last error is told'
curl -s -o /dev/null -d '{"records":100}' "$API_URL/_set"
bs retry "$ID" >"$DIR/out" 2>&1
wait_for "$WAIT_S" has_events requeued 1 && at failed 'retried it is tried again'
is 4 "$(times requested '.step == "fetch"')" 'each unit was asked for once more'

# --- programs: their exit codes and limits ---

helper make-record <<'END'
#!/bin/bash
input=$(cat)
number=$(jq -r .item.number <<<"$input")
case $number in
20) echo 'the input is of no use' >&2; exit 65 ;;
21) echo 'not this way' >&2; exit 69 ;;
22) [ -e tried ] || { : >tried; echo 'later' >&2; exit 75; } ;;
23) echo 'no JSON' ; exit 0 ;;
24) kill -SEGV $$ ;;
25) exec sleep 100 ;;
26) (: <>"/dev/tcp/127.0.0.1/$(cat "$BATCHSPOOL_HELPERS/port")") 2>here || { tail -n 1 here >&2; exit 65; } ;;
27) dd if=/dev/zero of=big bs=1M count=8 2>/dev/null || exit 65 ;;
esac
jq -c '{results: [{number: .item.number, kind: .item.kind}]}' <<<"$input"
END
source_units units '.steps[1].exec.file_bytes = 1048576 | .steps[1].exec.timeout_s = 2'
bs reload >/dev/null 2>&1

drop_units codes '.numbers = [20, 21, 22, 23, 24, 27] | .kinds = ["c"]'
WAIT_S=20 at processed 'a job whose programs fail in every way completes'
is '[3,1,5]' "$(member '[.processed_records + 2, .processed_records, .error_count]')" 'one unit came through: the one that was tried again'
is '["make-record: the input is of no use","helper_data"]' "$(told failed 'select(.batch == 1) | [.error, .reason]')" 'exit code 65 is final'
is 1 "$(times requested '.batch == 1 and .step == "record"')" '... and not tried again'
is '["make-record: not this way","helper_unavailable"]' "$(told failed 'select(.batch == 2) | [.error, .reason]')" 'exit code 69 leads to no other way'
is 2 "$(times requested '.batch == 3 and .step == "record"')" 'exit code 75 is tried again, in the same directory'
is '"invalid_json"' "$(told failed 'select(.batch == 4) | .reason')" 'what is no JSON is no answer'
is 3 "$(times requested '.batch == 4 and .step == "record"')" '... after max_retries'
like 'signal 11' "$(told failed 'select(.batch == 5) | .error')" 'a signal is told'
is '"helper_data"' "$(told failed 'select(.batch == 6) | .reason')" 'a file stays below file_bytes'
verified 'nothing differs after failing programs'

printf %s "${API_URL##*:}" >"$HELPERS/port"
source_units units '.steps[1].exec.timeout_s = 1 | .error_handler.max_retries = 0'
bs reload >/dev/null 2>&1
drop_units slow '.numbers = [25, 26, 1] | .kinds = ["d"]'
WAIT_S=20 at processed 'a job with a program that hangs completes'
is '"timeout"' "$(told failed 'select(.batch == 1) | .reason')" 'it was ended'
is 0 "$(pgrep -c -f 'sleep 100$')" '... with what it had started'
like 'Permission denied' "$(told failed 'select(.batch == 2) | .error')" 'a program has no network'
source_units units '.steps[1].exec.network = true'
bs reload >/dev/null 2>&1
drop_units network '.numbers = [26] | .kinds = ["n"]'
at processed '... unless the definition says so'

# What it reads may be made to take it over: then it reaches its own directory, and nothing else that is ours.
helper make-record <<'END'
#!/bin/bash
input=$(cat /dev/stdin)
spool=$(cat "$BATCHSPOOL_HELPERS/spool")
try() { eval "$2" >/dev/null 2>&1 && printf '%s ' "$1"; }
can=$(
    try credentials "cat '${spool%/*}'/credentials/*"
    try list "ls '$spool'"
    try journal "cat '$spool'/journal/*"
    try append "for file in '$spool'/journal/*; do : >>\$file; done"
    try raw "cat '$spool'/payloads/raw/*/*"
    try publish "echo x >'$spool/payloads/raw/taken'"
    try drop "echo x >'$spool/jobs/tmp/taken'"
    try tmp "echo x >'$spool/payloads/tmp/taken'"
    try index "cat '$spool'/index/*"
    try daemon "kill -0 $(cat "$BATCHSPOOL_HELPERS/daemon")"
    try trace "readlink /proc/$(cat "$BATCHSPOOL_HELPERS/daemon")/exe"
    echo -n ': '
    try own "echo x >file && mkdir sub && mv file sub/file && cat '$TMPDIR/sub/file'"
    try helpers "cat '$BATCHSPOOL_HELPERS/spool'"
    try system "ls /usr/bin && cat /etc/passwd"
)
jq -c --arg can "$can" '{results: [{number: .item.number, kind: .item.kind, can: $can}]}' <<<"$input" >/dev/stdout
END
printf %s "$SPOOL" >"$HELPERS/spool"
printf %s "$DAEMON_PID" >"$HELPERS/daemon"
mkdir -p "$DIR/credentials"
(umask 077 && echo hush >"$DIR/credentials/key")
source_units units '.confine = true'
bs reload >/dev/null 2>&1
drop_units nosy '.numbers = [1] | .kinds = ["n"]'
at processed 'a program that was taken over by its input'
rm "$DIR/credentials/key"
if daemon_says 'no Landlock'; then
    echo '# this kernel has no Landlock'
else
    is '": own helpers system "' "$(jq -c '.results[].can' "$SPOOL/$(show .files[0].file_path | jq -r .)")" 'reaches its directory, and neither spool nor credentials, nor the daemon'
fi
verified 'nothing differs after it'
source_units units
bs reload >/dev/null 2>&1
drop_units trusted '.numbers = [1] | .kinds = ["t"]'
at processed 'the same program, of a definition that does not say so'
like '"credentials list journal append raw publish drop tmp index daemon trace : own ' "$(jq -c '.results[].can' "$SPOOL/$(show .files[0].file_path | jq -r .)")" 'reaches what its user does'

case $PROGRAMS in *-san) ;; *) # the sanitizers cannot be traced
    daemon_stop
    : >"$DIR/daemon.log"
    strace -D -f -o /dev/null -e trace=landlock_create_ruleset -e inject=landlock_create_ruleset:error=ENOSYS "$PROGRAMS/batchspoold" --foreground >>"$DIR/daemon.log" 2>&1 &
    DAEMON_PID=$!
    wait_for 10 daemon_says 'this kernel has no Landlock'
    result $? 'where the kernel has no Landlock the daemon says so when it begins'
    source_units units '.confine = true'
    bs reload >/dev/null 2>&1
    drop_units old '.numbers = [1] | .kinds = ["o"]'
    at processed 'and does the work all the same'
    daemon_stop
    source_units units
    daemon_start
    ;;
esac
rm -f "$SPOOL"/{payloads/raw,payloads/tmp,jobs/tmp}/taken

# --- other ways, parts, `when` ---

helper split-parts <<'END'
#!/bin/bash
exec jq -c '{parts: [range(.item.number)] | map({n: .})}'
END
helper one-part <<'END'
#!/bin/bash
exec jq -c '{double: (.part.n * 2), number}'
END
helper unable <<'END'
#!/bin/bash
echo "$0 is not able" >&2
exit 69
END
helper sum-up <<'END'
#!/bin/bash
exec jq -c '{results: [{number: .item.number, kind: .item.kind, sum: (.parts | map(.double) | add), first: .first}]}'
END
source_units units '.steps = [
    {name: "split", when: {"/engine": "service"}, exec: {command: ["unable"]}, fallback: [{exec: {command: ["not-installed"]}}, {exec: {command: ["split-parts"], stdin: {item: "${item}"}}}]},
    {name: "each", for_each: "${steps.split/parts}", exec: {command: ["one-part"], stdin: {part: "${part}", number: "${part_number}", n: "${part/n}"}}},
    {name: "sum", exec: {command: ["sum-up"], stdin: {item: "${item}", parts: "${steps.each}"}}}]'
bs reload >/dev/null 2>&1
drop_units parts '.numbers = [0, 1, 3] | .kinds = ["e"] | .process = "auto"'
at processed 'a job whose step has parts completes'
is '0 null,1 0,3 6' "$(bs export --source units | jq -r 'select(.kind == "e") | "\(.number) \(.sum)"' | sort | paste -sd,)" 'later steps see all parts, also none'
is '[1,1],[1,2],[2,1],[2,2],[3,1],[3,2]' "$(told retrying '[.batch, .alternative]' | sort -s -t, -k1,1 | paste -sd,)" 'ways that do not work are passed over, in order'
is 4 "$(times captured '.step == "each"')" 'each part is captured by itself'
is 'each.0001,each.0002,each.0003' "$(raw_files | sed -n 's/^batch0003\.\(each.*\)/\1/p' | paste -sd,)" '... under its number'
verified 'nothing differs with parts'

source_units units '.steps[1].when = {"/engine": "local"}'
bs reload >/dev/null 2>&1
drop_units nobody '.numbers = [1] | .kinds = ["h"]'
at failed 'a job that no way of the last step is for fails'
like 'no way of step record is for this job' "$(why)" 'and is told so'

# --- what a program leaves behind ---

helper leaves-behind <<'END'
#!/bin/bash
go=$1
# In a session of its own, and out of the sight of its parent; its standard output is still that of the answer.
setsid bash -c 'echo $$ >"$1.pid"; for ((i = 0; i < 3000; i++)); do [ -e "$1" ] && break; sleep 0.01; done; echo "{}"' - "$go" &
until [ -s "$go.pid" ]; do sleep 0.01; done
echo '{"results": [{"number": 0, "kind": "left"}]}'
END
source_units left ".steps[1].exec = {command: [\"leaves-behind\", \"$DIR/go\"], timeout_s: 20}"
bs reload >/dev/null 2>&1
drop_units left '.source = "left" | .numbers = [0] | .process = "auto"'
at processed 'a program that leaves a process behind has done its work'
ok 'that process is ended, in whatever session it is' ended "$(cat "$DIR/go.pid")"
touch "$DIR/go"
verified 'so that it cannot write into the answer that was kept'

# --- asked whether it is ready ---

helper is-ready <<'END'
#!/bin/bash
[ "$1" = --ready ] && { env >"$BATCHSPOOL_HELPERS/ready.env"; exit 0; }
exec jq -c '{results: [{number: .item.number, kind: "ready", home: env.HOME}]}'
END
source_units ready '.steps[1].exec = {command: ["is-ready"], stdin: {item: "${item}"}, ready: true}'
daemon_stop
rm -f "$HELPERS/ready.env"
BATCHSPOOL_SECRET_canary=canary-5c1e HOME=$DIR daemon_start
wait_for 5 test -s "$HELPERS/ready.env"
is 'BATCHSPOOL_HELPERS LANG LC_ALL PATH' "$(sed 's/=.*//' "$HELPERS/ready.env" | grep -vxE 'PWD|SHLVL|_' | sort | paste -sd' ')" 'a program that is asked whether it is ready gets no more of the environment than one at work'
rm "$DIR/etc/sources/ready.json"
bs reload >/dev/null 2>&1

# --- more parts than there may be ---

helper many <<'END'
#!/bin/bash
printf '{"list": [0'
printf ',0%.0s' {1..100000}
printf ']}'
END
source_units many '.steps = [{name: "list", exec: {command: ["many"]}}, {name: "part", for_each: "${steps.list/list}", exec: {command: ["make-record", "m"], stdin: {item: "${item}", id: "${part}", run: "${job_id}"}}},
    {name: "record", exec: {command: ["make-record", "m"], stdin: {item: "${item}", id: 0, run: "${job_id}"}}}]'
bs reload >/dev/null 2>&1
drop_units many '.source = "many" | .numbers = [0]'
at failed 'a unit whose answer has too many parts fails'
is '["step","for_each: there are 100001 parts, at most 100000 may be"]' "$(told failed 'select(.batch == 1) | [.reason, .error]')" 'as it says'
is 0 "$(times requested '.step == "part"')" '... before the first of them is begun'

# --- killed in the middle ---

helper one-part <<'END'
#!/bin/bash
input=$(cat)
if [ "$(jq .part.n <<<"$input")" = 2 ] && [ ! -e "$BATCHSPOOL_HELPERS/go" ]; then
    : >here
    (cd / && exec setsid bash -c 'echo $$ >"$HOME/left"; for ((i = 0; i < 300; i++)); do sleep 1; done') &
    while [ ! -e "$BATCHSPOOL_HELPERS/go" ]; do sleep 0.05; done
fi
[ -e here ] && resumed=true
jq -c "{double: (.part.n * 2), resumed: ${resumed:-false}}" <<<"$input"
END
rm -f "$HELPERS/go"
source_units units '.steps = [
    {name: "split", exec: {command: ["split-parts"], stdin: {item: "${item}"}}},
    {name: "each", for_each: "${steps.split/parts}", exec: {command: ["one-part"], stdin: {part: "${part}"}}},
    {name: "sum", exec: {command: ["sum-up"], stdin: {item: "${item}", parts: "${steps.each}", first: "${steps.each/2/resumed}"}}}]'
bs reload >/dev/null 2>&1
drop_units killed '.numbers = [4] | .kinds = ["f"] | .process = "auto"'
waits_in_part_3() {
    [ -n "$(find "$SPOOL/payloads/tmp" -path '*each.0003/here')" ]
}
wait_for 10 waits_in_part_3
result $? 'a program of the third part is at work'
silent_for_2_s() { jq -se '(now - (.[-1].ts | sub("\\.[0-9]+"; "") | fromdate)) > 2' "$SPOOL/journal/$ID.ndjson" >"$DIR/out"; }
wait_for 10 silent_for_2_s
is 0 "$(bs stuck --json | jq -s '[.[] | .. | objects | select(.job_id? == "'"$ID"'")] | length')" 'which is not taken for stuck'
before=$(times captured .inner)
left_one() { compgen -G "$SPOOL/payloads/tmp/*/each.0003/left" >/dev/null && LEFT=$(cat "$SPOOL"/payloads/tmp/*/each.0003/left) && [ -n "$LEFT" ]; }
wait_for 10 left_one
daemon_kill
no_helper() { ! pgrep -f "$HELPERS/one-part" >/dev/null; }
wait_for 5 no_helper
result $? 'it dies with the daemon'
: >"$HELPERS/go"
daemon_start
at processed 'after a kill the job goes on'
ok 'and what the program had started is at work no more' ended "$LEFT"
is '["f",12,true]' "$(bs export --source units | jq -c 'select(.kind == "f") | [.kind, .sum, .first]')" 'with the part that it was at, in its directory'
is "[3,5]" "[$before,$(times captured .inner)]" 'and nothing that was captured is done again'
is 0 "$(find "$SPOOL/payloads/tmp" -mindepth 1 | wc -l)" 'nothing is left behind after that'
verified 'nothing differs after the kill'

# --- killed, and its step has another name afterwards ---

rm -f "$HELPERS/go"
drop_units renamed '.numbers = [4] | .kinds = ["h"] | .process = "auto"'
wait_for 10 waits_in_part_3
result $? 'a program of the third part is at work once more'
daemon_kill
wait_for 5 no_helper
: >"$HELPERS/go"
cp "$DIR/etc/sources/units.json" "$DIR/units.json"
jq '.steps[1].name = "every" | .steps[2].exec.stdin |= (.parts = "${steps.every}" | .first = "${steps.every/2/resumed}")' "$DIR/units.json" >"$DIR/etc/sources/units.json"
daemon_start
at hold 'a job whose step is gone from the definition is held'
like 'source units has no step each any more, of which unit 1 has an answer' "$(cat "$SPOOL/jobs/hold/$ID.why")" 'told by name'
cp "$DIR/units.json" "$DIR/etc/sources/units.json"
bs reload >/dev/null
bs release "$ID" >/dev/null
at processed 'with its name back it goes on'
is '[12,5]' "$(bs export --source units | jq -c 'select(.kind == "h") | [.sum]' | jq -c ". + [$(times captured .inner)]")" 'where it was'

# --- stopped in good order, and cancelled, while a program is at work ---

rm -f "$HELPERS/go"
at_work() { [ -n "$(find "$SPOOL/payloads/tmp" -path '*each.0003/here')" ] && pgrep -f "$HELPERS/one-part" >/dev/null; }
drop_units stopped '.numbers = [4] | .kinds = ["g"] | .process = "auto"'
wait_for 10 at_work
result $? 'a program is at work again'
daemon_stop
wait_for 5 no_helper
result $? 'SIGTERM ends it'
is '"stopped"' "$(told retrying .reason | tail -n 1)" 'its attempt is told as stopped'
daemon_start
wait_for 10 at_work
result $? 'the next start starts it anew'
bs cancel "$ID" >/dev/null
at cancelled 'a job with a program at work is cancelled'
wait_for 5 no_helper
result $? 'with its program'
: >"$HELPERS/go"
bs retry "$ID" >/dev/null
at processed 'taken back, it goes on'
is '[12,5]' "$(bs export --source units | jq -c 'select(.kind == "g") | [.sum]' | jq -c ". + [$(times captured .inner)]")" 'where it was'
is 0 "$(find "$SPOOL/payloads/tmp" -mindepth 1 | wc -l)" 'and leaves nothing behind'
verified 'nothing differs after that, too'

# --- what is refused ---

drop_units empty '.numbers = []'
at failed 'a job with an empty list is not accepted'
like 'numbers: must be a list with at least one element' "$(why)" 'it is told which'
source_units broken '.steps[0].exec = {command: ["x"]}'
like 'has http and exec' "$(bs check 2>&1)" 'a step is one or the other'
source_units broken '.steps[1].exec.stdin.secret = "${secret:key}"'
like 'secrets go into requests' "$(bs check 2>&1)" 'no secret goes to a program'
source_units broken '.steps[0].for_each = "${steps.record/x}"'
like 'no earlier step has this name' "$(bs check 2>&1)" 'a step sees only those before it'
source_units broken '.steps[1].for_each = "${steps.fetch/data}"'
like 'the last step' "$(bs check 2>&1)" 'the last step has no parts'
finish
