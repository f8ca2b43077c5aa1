#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command line: exit codes, --json, --help, ids, and what verify finds.
. "$(dirname "$0")/../lib.sh"
api_start
source_metered properties
source_free items
bs --help >"$DIR/help" 2>&1
commands=$(grep -oE '^ +[a-z]+' "$DIR/help" | tr -d ' ' | sort -u)
for command in init submit preview list show why watch process retry cancel hold release priority verify reindex export stats sources check audit money reconcile pause resume reload schedules stuck requeue top user notices results review; do
    is "$command" "$(grep -x "$command" <<<"$commands")" "--help names $command"
    exits 0 "$command --help" bs "$command" --help
    like "usage: batchspool $command" "$OUT" "$command --help tells how it is used"
    is '' "$(grep -E '^  --' <<<"$OUT" | grep -vE '^.{24} [^ ]|^  --[^ ]+ [^ ]+$')" "its options stand in two columns"
done
exits 64 'no command' bs
exits 64 'an unknown command' bs sumbit
exits 64 'an unknown option' bs list --nonsense
exits 64 'a missing argument' bs show
exits 66 'an unknown id' bs show 20200101T000000Z-000000000000-none
for verb in why requeue retry cancel hold release process; do exits 66 "$verb of an unknown id" bs $verb nosuchjob; done
exits 66 'submit of a file that is not there' bs submit "$DIR/none.json"
echo '{"spol": "x"}' >"$DIR/wrong.json"
exits 78 'an unknown key in the configuration' bs list --config "$DIR/wrong.json"
like 'spol.*spool' "$ERR" 'the nearest one is named'
exits 78 'a value out of range' env BATCHSPOOL_LOADERS=0 "$PROGRAMS/batchspool" list
like 'LOADERS' "$ERR" 'its variable is named'
mkdir -m 750 "$DIR/empty"
like '^(66|78|73)$' "$(bs list --spool "$DIR/empty" >"$DIR/out" 2>"$DIR/err"; echo $?)" 'a directory that is no spool'
like 'init' "$(cat "$DIR/err")" 'says how to make one'

# --- without a daemon
job "$DIR/one.json" 10
exits 69 'submit --wait without a daemon' bs submit --wait "$DIR/one.json"
waited=$OUT
exits 69 'preview without a daemon' bs preview "$DIR/one.json"
exits 0 'submit' bs submit "$DIR/one.json" --set 'criteria=[{"name":"Count","value":[11]}]' --set name=second
second=$OUT
is pending "$(place "$second")" 'drops the job under the id that it prints'
is '"second"' "$(jq .name "$SPOOL/jobs/pending/$second.json")" '--set sets a member'
exits 0 'submit - reads standard input' bash -c "printf '{\"source\": \"items\", \"count\": 3}' | '$PROGRAMS/batchspool' submit -"
like '-items$' "$OUT" 'and names the job by its source'
piped=$OUT
printf '{"source": "properties", "criterai": []}' >"$DIR/bad.json"
exits 65 'submit of a wrong file' bs submit "$DIR/one.json" "$DIR/bad.json"
like 'bad.json.*criterai.*criteria' "$ERR" 'names file, member and the nearest one'
is '' "$OUT" 'no file is dropped when one is wrong'
printf '{"source": "properties",\n "criteria": [}' >"$DIR/bad.json"
exits 65 'submit of broken JSON' bs submit "$DIR/bad.json"
like 'line 2 column 15' "$ERR" 'names line and column'
exits 65 'submit of an unknown source' bs submit --set source=propertes "$DIR/one.json"
like 'properties' "$ERR" 'names the nearest'
is 3 "$(bs list --json | jq -s length)" 'list has what was dropped'
exits 0 'hold without a daemon' bs hold "$second"
is hold "$(place "$second")" 'moves it'
exits 0 'release' bs release "$second"
is pending "$(place "$second")" 'moves it back'
exits 0 'cancel' bs cancel "$piped"
is cancelled "$(place "$piped")" 'moves it'
exits 0 'retry' bs retry "$piped"
exits 0 'check' bs check --json
exits 0 'sources' bs sources --json
is true "$(jq -s 'tostring | contains("properties") and contains("items")' <<<"$OUT")" 'lists both'
source_free tls '.tls = {ca_file: "ca.pem", cert_file: "'"$DIR"'/client.pem", key_file: "client.key"}'
mkdir "$DIR/credentials/ca.pem"
(umask 077 && touch "$DIR/credentials/client.key")
exits 78 'check: files of tls that cannot be used' bs check
like 'problem +tls.ca_file of source tls: [^ ]*/credentials/ca.pem: is no file' "$OUT" 'tells a directory'
like "problem +tls.cert_file of source tls: $DIR/client.pem: No such file" "$OUT" 'and what is missing, by its absolute path'
like 'ok +tls.key_file of source tls: [^ ]*/credentials/client.key: is there' "$OUT" 'a relative one lies below the credentials'
like '2 problems' "$ERR" 'no more is wrong'
rmdir "$DIR/credentials/ca.pem"
touch "$DIR/credentials/ca.pem" "$DIR/client.pem"
chmod 604 "$DIR/credentials/client.key"
exits 0 'check: a key that others can read is no problem' bs check --json
is '[true,true]' "$(jq -c '.checks[] | select(.what | startswith("tls.key_file")) | [.ok, .warning]' <<<"$OUT")" 'but a warning'
like 'warning +tls.key_file of source tls: .*: others can read it: chmod 600' "$(bs sources check tls)" 'with the mend'
rm "$DIR/etc/sources/tls.json"

# --- with one
daemon_start
for ID in "$waited" "$second" "$piped"; do at processed 'what waited for the daemon runs'; done
exits 0 'submit --wait: processed' bs submit --wait --set 'criteria=[{"name":"Count","value":[20]}]' "$DIR/one.json"
exits 75 'submit --wait: held' bs submit --wait --set max_records=1 --set 'criteria=[{"name":"Count","value":[21]}]' "$DIR/one.json"
held=$(head -n 1 <<<"$OUT")
faults '{"kind": "status", "status": 400, "on": "paid"}'
exits 1 'submit --wait: failed' bs submit --wait --set 'criteria=[{"name":"Count","value":[22]}]' "$DIR/one.json"
failed=$(head -n 1 <<<"$OUT")
exits 0 'preview' bs preview "$DIR/one.json"
like 'total +10' "$OUT" 'tells the total'
like 'cost +0?\.50?' "$OUT" 'and the cost'
jq '.not_before = "2099-01-01T00:00:00Z"' "$DIR/one.json" >"$DIR/later.json"
exits 0 'preview of a job for later does not wait for it' timeout 10 "$PROGRAMS/batchspool" preview "$DIR/later.json"
is 0 "$(bs list --json | jq -c 'select(.mode? == "preview")' | wc -l)" 'list does not show previews'
is 2 "$(bs list --mode preview --json | jq -s length)" 'but for --mode preview'
for command in "list" "show $waited" "why $held" "stats" "process" "verify" "money" "audit" "top"; do
    # shellcheck disable=SC2086
    exits 0 "$command --json" bs $command --json
    ok "$command --json is JSON" jq -e -s 'all(.[]; type == "object")' "$DIR/out"
done
is '[4,1,1]' "$(bs list --json | jq -s -c '[(map(select(.status == "COMPLETED")) | length), (map(select(.status == "HELD")) | length), (map(select(.status == "FAILED")) | length)]')" 'list: statuses'
is "$held" "$(bs list --status HELD --json | jq -r .job_id)" 'list --status'
exits 64 'list --status of no status' bs list --status DONE
like 'max_records' "$(bs why "$held")" 'why tells the reason'
like 'release' "$(bs why "$held")" 'and how to go on'
exits 65 'an illegal move: release of a completed job' bs release "$waited"
exits 65 'an illegal move: cancel of a completed job' bs cancel "$waited"
exits 65 'an illegal move: retry of a completed job' bs retry "$waited"
is processed "$(place "$waited")" 'it stays'
exits 0 'retry of a failed job' bs retry "${failed:17:12}"
at processed 'by a unique part of its id' "$failed"
exits 64 'a part of several ids' bs show "${waited:0:4}"
like "$waited" "$ERR" 'lists them'
exits 75 'reindex while a daemon runs' bs reindex
exits 66 'export of an unknown campaign' bs export --campaign nothing
exits 64 'export of an unknown format' bs export --format xml
verified 'verify finds no difference'
daemon_stop

# --- what verify finds: finds KIND PATH NAME
finds() {
    exits 65 "$3" bs verify
    like "(^|"$'\n'")$1 [^ ]*$2" "$OUT" "$3: $1 is told with its path"
}
raw=$(readlink -f "$SPOOL/payloads/"*"/${waited}_batch0001.json")
name=${raw##*/}
keep() { cp -p "$raw" "$DIR/kept"; }
bring_back() { cp -p "$DIR/kept" "$raw"; }
keep
chmod u+w "$raw" && printf '\001' | dd of="$raw" bs=1 seek=100 conv=notrunc status=none
finds payload-changed "$name" 'a flipped bit in a payload'
bring_back
rm "$raw"
finds payload-missing "$name" 'a missing payload'
bring_back
verified 'put back, verify finds nothing'
marker=$(ls "$SPOOL"/payloads/*/"${waited}_batch0001.json")
link=$(readlink "$marker")
ln -sfn "../raw/2020-01/none.json" "$marker"
finds 'marker-(dangling|foreign)' "${waited}_batch0001.json" 'a marker that leads nowhere'
ln -sfn /etc/passwd "$marker"
finds marker-foreign "${waited}_batch0001.json" 'a marker that leads out of the spool'
ln -sfn "$link" "$marker"
ln -s "$link" "$SPOOL/payloads/pending/20200101T000000Z-000000000000-x_batch0001.json"
finds marker-foreign 20200101T000000Z-000000000000-x_batch0001.json 'a marker of a job that is not there'
rm "$SPOOL/payloads/pending/20200101T000000Z-000000000000-x_batch0001.json"
mv "$marker" "$DIR/marker"
finds marker-missing "${waited}_batch0001.json" 'a missing marker'
mv "$DIR/marker" "$marker"
cp -p "$raw" "${raw%.json}x.json"
finds payload-unknown "${name%.json}x.json" 'a raw file that no journal names'
rm "${raw%.json}x.json"
cp "$SPOOL/jobs/processed/$waited.json" "$SPOOL/jobs/hold/"
finds job-double "$waited" 'a job in two directories'
rm "$SPOOL/jobs/hold/$waited.json"
mv "$SPOOL/jobs/processed/$waited.json" "$DIR/file"
finds job-missing "$waited" 'a job in none'
mv "$DIR/file" "$SPOOL/jobs/processed/$waited.json"
journal=$SPOOL/journal/$waited.ndjson
cp -p "$journal" "$DIR/journal"
sed -i '3s/"node":"/"node":"x/' "$journal"
finds journal-damaged "$waited" 'an edited line in a journal'
cp -p "$DIR/journal" "$journal"
sed -i '$s/"node":"/"node":"x/' "$journal"
finds 'journal-changed|index-changed' "$waited" 'an edited last line, which only the index can tell'
cp -p "$DIR/journal" "$journal"
sums=${raw%/*}/SHA256SUMS
cp -p "$sums" "$DIR/sums"
sed -i "s/^[0-9a-f]\{4\}\(.*$name\)$/0000\1/" "$sums"
finds sums-changed SHA256SUMS 'a wrong line in SHA256SUMS'
cp -p "$DIR/sums" "$sums"
mv "$journal" "$DIR/journal"
exits 65 'a job without its journal' bs verify
mv "$DIR/journal" "$journal"
perl -MDigest::SHA=sha256_hex -e '
    open my $f, "+<", $ARGV[0]; my ($last, $n); while (<$f>) { chomp; $last = $_; $n++ }
    printf $f "{\"v\":1,\"seq\":%d,\"prev\":\"%s\",\"ts\":\"2026-01-01T00:00:00.000000Z\",\"event\":\"held\",\"node\":\"x\",\"reason\":\"asked\"}\n", $n + 1, sha256_hex($last)' "$journal"
finds 'index-changed|job-place' "$waited" 'a row that disagrees with the journal'
head -n -1 "$journal" >"$DIR/journal" && cat "$DIR/journal" >"$journal"
verified 'all put back, verify finds nothing'
finish
