#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is dropped into jobs/pending/, in every way: taken in once, set aside with a reason, or left alone; never lost.
. "$(dirname "$0")/../lib.sh"
api_start --max-limit 500
source_metered properties
source_free items
daemon_start
pending=$SPOOL/jobs/pending

# free NAME COUNT: a job file that costs nothing
free() {
    printf '{"source": "items", "count": %d}\n' "$2" >"$DIR/$1"
}

# --- ways that are right
free moved.json 1
mv "$DIR/moved.json" "$SPOOL/jobs/tmp/moved.json" && mv "$SPOOL/jobs/tmp/moved.json" "$pending/"
taken moved
at processed 'moved in from tmp/'
free copied.json 2
cp "$DIR/copied.json" "$pending/"
taken copied
at processed 'copied straight in'
{
    printf '{"source": "items",\n'
    sleep 1.5 # longer than a rescan takes to come
    printf '"count": 3}\n'
} >"$pending/slow.json" &
BACKGROUND+=($!)
wait_for 5 there "$pending/slow.json"
taken slow
at processed 'a slow writer is waited for'
is '' "$(find "$SPOOL/jobs/failed" -mindepth 1)" 'none of these was refused'
is '["copied",2]' "$(show '[.name,.processed_records]' "$(ids copied)")" 'a job is named as its file was'
printf '{"source": "items", "count": 4}' >"$DIR/rel.json"
exits 0 'submit' bs submit "$DIR/rel.json"
ID=$OUT
at processed 'and its job runs under the id that it printed'

# --- two drops of one name
free same.json 5
cp "$DIR/same.json" "$pending/same.json"
taken same
free same.json 6
cp "$DIR/same.json" "$pending/same.json"
two() { [ "$(ids "$1" | wc -l)" = 2 ]; }
ok 'the same name again, after the first was accepted: two jobs' wait_for 5 two same
for ID in $(ids same); do at processed 'each is run'; done
is '5 6' "$(for id in $(ids same); do show .processed_records "$id"; done | sort | tr '\n' ' ' | sed 's/ $//')" 'with its own text'
daemon_stop
free again.json 7
cp "$DIR/again.json" "$SPOOL/jobs/tmp/again.json" && mv "$SPOOL/jobs/tmp/again.json" "$pending/"
free again.json 8
cp "$DIR/again.json" "$SPOOL/jobs/tmp/again.json" && mv "$SPOOL/jobs/tmp/again.json" "$pending/"
daemon_start
taken again
at processed 'twice before any acceptance: the second replaces the first'
is '1 8' "$(ids again | wc -l) $(show .processed_records)" 'as mv does'
free 20260101T000000Z-0123456789ab-own.json 9
cp "$DIR/20260101T000000Z-0123456789ab-own.json" "$pending/"
at processed 'a file named by an id is accepted under that id' 20260101T000000Z-0123456789ab-own
long=$(printf 'A%.0s' {1..60})
free "$long.json" 10
cp "$DIR/$long.json" "$pending/$long.json"
taken "$long"
at processed 'a long name'
is "$(printf 'a%.0s' {1..40})" "${ID:30}" 'gives a slug of 40'
free 'Ö é.json' 11
cp "$DIR/Ö é.json" "$pending/"
taken 'Ö é'
is '-----' "${ID:30}" 'other bytes become dashes, byte by byte'
at processed 'and that job runs'

# --- many at once
for n in $(seq 300); do printf '{"source": "items", "count": 1, "name": "%d"}' "$n" >"$SPOOL/jobs/tmp/many-$n.json"; done
(cd "$SPOOL/jobs/tmp" && for n in $(seq 300); do mv "many-$n.json" ../pending/; done)
many_done() { [ "$(find "$SPOOL/jobs/processed" -name '*-many-*.json' | wc -l)" = 300 ]; }
ok '300 drops at once are all run' wait_for 15 many_done
is 300 "$(find "$SPOOL/journal" -name '*-many-*.ndjson' | wc -l)" 'each as one job'

# --- what is left alone
free odd 12
cp "$DIR/odd" "$pending/.hidden.json"
cp "$DIR/odd" "$pending/notes.txt"
ln -s "$DIR/odd" "$pending/link.json"
ln -s /etc/passwd "$pending/passwd.json"
mkfifo "$pending/fifo.json"
cp "$DIR/odd" "$DIR/hard.json" && ln "$DIR/hard.json" "$pending/hard.json"
mkdir "$pending/directory.json"
free last.json 13
cp "$DIR/last.json" "$pending/"
taken last
at processed 'a job beside links, FIFOs and directories runs'
reported() {
    local name
    for name in directory fifo hard link passwd; do [ "$(grep -c "jobs/pending/$name\.json" "$DIR/daemon.log")" = 1 ] || return 1; done
}
ok 'each of what is no job file is reported' wait_for 5 reported
is '.hidden.json directory.json fifo.json hard.json link.json notes.txt passwd.json' "$(find "$pending" -mindepth 1 -printf '%f\n' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')" 'dot names, links, FIFOs, directories and double links stay where they are'
is '' "$(find "$SPOOL/journal" -name '*.ndjson' | grep -E -- '-(hidden|notes|link|passwd|fifo|hard|directory)')" 'and are no jobs'
mkdir "$pending/another.json"
ok 'one more, at the next rescan' wait_for 5 daemon_says 'jobs/pending/another.json'
ok 'the others not again' reported
rm -rf "$pending"/{.hidden.json,notes.txt,link.json,passwd.json,fifo.json,directory.json,another.json}
rm "$DIR/hard.json"
touch -c "$pending/hard.json"
mv "$pending/hard.json" "$pending/single.json"
taken single
at processed 'a file with one name again is taken'

# --- what is set aside: refused NAME TEXT REASON LIKE...
refused() {
    local name=$1 reason=$3 what=$4 sum why
    printf '%b' "$2" >"$DIR/$name.json"
    sum=$(sha256sum <"$DIR/$name.json")
    cp "$DIR/$name.json" "$SPOOL/jobs/tmp/$name.json" && mv "$SPOOL/jobs/tmp/$name.json" "$pending/"
    taken "$name" || return
    at failed "$name: set aside"
    is "$sum" "$(sha256sum <"$SPOOL/jobs/failed/$ID.json")" "$name: not a byte of it is lost"
    is "rejected $reason" "$(events)" "$name: journalled as $reason"
    why=$(why 2>&1)
    shift 4
    for what in "$what" "$@"; do like "$what" "$why" "$name: its note says $what"; done
}
refused broken '{"source": "items",\n "count": }' invalid 'broken.json' 'line 2' 'column 11' 'since' 'go on|how'
refused comma '{"source": "items",}' invalid 'line 1'
refused tail '{"source": "items"} x' invalid 'line 1'
refused empty '' invalid 'empty.json'
refused array '[]' invalid 'object'
refused bom '\xef\xbb\xbf{"source": "items"}' invalid '[Bb]yte order mark|BOM|line 1'
refused utf8 '{"source": "items", "name": "\xff"}' invalid 'UTF-8'
refused overlong '{"source": "items", "name": "\xc0\xaf"}' invalid 'UTF-8'
refused nul '{"source": "items", "name": "a\\u0000"}' invalid 'line 1'
refused control '{"source": "items", "name": "a\x01"}' invalid 'control'
refused surrogate '{"source": "items", "name": "\\ud800"}' invalid 'surrogate'
refused double '{"source": "items", "count": 1, "count": 2}' invalid 'count' 'twice|duplicate|again'
refused huge '{"source": "items", "count": 1e999}' invalid 'line 1'
refused zero '{"source": "items", "count": 01}' invalid 'line 1'
refused member '{"source": "items", "priorty": "high"}' invalid 'priorty' 'priority'
refused level '{"source": "items", "priority": "fast"}' invalid 'priority' 'urgent'
refused campaign '{"source": "items", "campaign_id": "../up"}' invalid 'campaign_id'
refused negative '{"source": "items", "take": -1}' invalid 'take'
refused mine '{"source": "items", "count": 100001}' invalid 'count' '100000'
refused unknown '{"source": "itmes"}' source 'itmes' 'items'
refused sourceless '{"count": 1}' invalid 'source'
deep=$(printf '[%.0s' {1..40})
refused deep "{\"source\": \"properties\", \"criteria\": $deep}" invalid 'deep|depth|nest'
head -c 1048577 /dev/zero | tr '\0' ' ' >"$DIR/big.json"
cp "$DIR/big.json" "$SPOOL/jobs/tmp/big.json" && mv "$SPOOL/jobs/tmp/big.json" "$pending/"
taken big
at failed 'more than 1 MiB: set aside'
is 'rejected invalid' "$(events)" 'more than 1 MiB: journalled'
is 1048577 "$(stat -c %s "$SPOOL/jobs/failed/$ID.json")" 'more than 1 MiB: kept'

# --- one that was mended
refused mended '{"source": "items", "count": "1"}' invalid 'count'
printf '{"source": "items", "count": 14}' >"$SPOOL/jobs/failed/$ID.json"
mv "$SPOOL/jobs/failed/$ID.json" "$pending/"
at processed 'mended and moved to pending/ it runs under the same id'
is 14 "$(show .processed_records)" 'with its new text'
is '' "$(find "$SPOOL/jobs" -name "$ID.why")" 'and its note has gone'
printf '{"source": "items", "count": 15} x' >"$DIR/copied.json"
cp "$DIR/copied.json" "$SPOOL/jobs/hold/resting.json"
mv "$SPOOL/jobs/hold/resting.json" "$SPOOL/jobs/cancelled/"
cp "$DIR/last.json" "$SPOOL/jobs/processed/stray.json"
taken stray
at failed 'a file put where only the daemon puts files goes to failed/'
is '' "$(ids resting)" 'one that was never accepted rests in cancelled/'
rm "$SPOOL/jobs/cancelled/resting.json"
is 0 "$(stat_of .paid_requests)" 'nothing was bought'
verified 'verify finds no difference'

# --- a file that the daemon may not read (it runs as another user)
if [ "$(id -u)" = 0 ]; then
    daemon_stop
    chown -R nobody:nogroup "$SPOOL" "$DIR/credentials" "$DIR/etc"
    chmod 755 "$DIR"
    touch "$DIR/daemon.log" && chown nobody "$DIR/daemon.log"
    jq '.httpd = {user: "root"}' "$BATCHSPOOL_CONFIG" >"$DIR/config.json" && cat "$DIR/config.json" >"$BATCHSPOOL_CONFIG"
    start_as_nobody() {
        setpriv --reuid=nobody --regid=nogroup --clear-groups "$PROGRAMS/batchspoold" --foreground >"$DIR/daemon.log" 2>&1 &
        DAEMON_PID=$!
        wait_for 5 daemon_says 'batchspoold runs'
    }
    if start_as_nobody; then
        free closed.json 1
        install -o root -g root -m 600 "$DIR/closed.json" "$SPOOL/jobs/tmp/closed.json" && mv "$SPOOL/jobs/tmp/closed.json" "$pending/"
        taken closed
        at failed 'a file that cannot be read goes to failed/'
        is 'rejected unreadable' "$(events)" 'reason unreadable'
        like 'chmod|readable|permission|mode' "$(why)" 'its note says how to mend it'
        made=()
        for owner in root daemon; do # the user of httpd, and one that is none of ours
            job "$DIR/by-$owner.json" 1 '.created_by = "ada" | .on_duplicate = "run"'
            install -o "$owner" -g nogroup -m 640 "$DIR/by-$owner.json" "$SPOOL/jobs/tmp/by-$owner.json" && mv "$SPOOL/jobs/tmp/by-$owner.json" "$pending/"
            taken "by-$owner"
            made+=("$(event 'select(.event == "accepted") | .created_by')")
        done
        is 'ada daemon' "${made[*]}" 'created_by is believed of the web program, of others it is the owner'
    else
        result 1 'the daemon starts as another user' "$(cat "$DIR/daemon.log")"
    fi
fi
finish
