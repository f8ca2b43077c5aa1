#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job on a metered API on loopback: drop a criteria file, watch, load, look around. Ends what it started.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/build
dir=$(mktemp -d "${TMPDIR:-/tmp}/batchspool-demo.XXXXXX")
api='' free_api='' daemon='' httpd=''
finish() {
    for p in $httpd $free_api; do { kill "$p" && wait "$p"; } 2>/dev/null || true; done
    [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon"; } 2>/dev/null || true
    [ -z "$api" ] || { kill "$api" && wait "$api"; } 2>/dev/null || true
    [ -n "${KEEP:-}" ] || rm -rf "$dir"
}
trap finish EXIT
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

mkdir -p "$dir/etc/sources" "$dir/credentials"
spool=$dir/spool
echo demo-token >"$dir/credentials/propertyradar_token"
chmod 600 "$dir/credentials/propertyradar_token"
"$bin/tools/meteredapi" --port 0 --port-file "$dir/port" --token demo-token --records 10000 >"$dir/api.log" 2>&1 &
api=$!
"$bin/tools/meteredapi" --port 0 --port-file "$dir/free_port" --records 100000 --price 0.002 >"$dir/free_api.log" 2>&1 &
free_api=$!
for _ in $(seq 100); do [ -s "$dir/port" ] && [ -s "$dir/free_port" ] && break; sleep 0.05; done
port=$(cat "$dir/port")
# The shipped definition, pointed at the API on loopback; its own budget of 60 requests a minute is enough for the demo.
sed "s|https://api.propertyradar.com|http://127.0.0.1:$port|" etc/sources/propertyradar.json >"$dir/etc/sources/propertyradar.json"
# The source `demo` is for trying: no token, invented prices.
sed "s|http://127.0.0.1:8089|http://127.0.0.1:$(cat "$dir/free_port")|" etc/sources/demo.json >"$dir/etc/sources/demo.json"
cp etc/sources/*.builder.json "$dir/etc/sources/"
echo '{}' >"$dir/etc/batchspool.json"
export BATCHSPOOL_SPOOL=$spool BATCHSPOOL_CONFIG=$dir/etc/batchspool.json
PATH=$bin:$PATH

say "A metered API runs on http://127.0.0.1:$port (0.05 USD a record, never refunded); now a spool and its daemon"
run batchspool init
batchspoold --credentials "$dir/credentials" --foreground 2>"$dir/daemon.log" &
daemon=$!

say "Drop a criteria file: write it beside, then mv it into jobs/pending/"
cat >"$spool/jobs/tmp/absentee-reno.json" <<'JSON'
{
  "source": "propertyradar",
  "name": "Absentee owners, Reno",
  "campaign_id": "CA-2026-11",
  "criteria": [ {"name": "State", "value": ["CA"]}, {"name": "isSameMailingOrExempt", "value": [0]} ],
  "max_records": 10000,
  "max_cost": "500.00",
  "batch_size": 400
}
JSON
run mv "$spool/jobs/tmp/absentee-reno.json" "$spool/jobs/pending/"
id=''
for _ in $(seq 200); do
    id=$(batchspool list --json | jq -r 'select(.job_id != null) | .job_id' | head -n 1)
    [ -n "$id" ] && break
    sleep 0.05
done

say "Watch it"
run batchspool watch "$id"

say "Captured, paid once, not yet loaded: a person says when"
run batchspool list
run ls "$spool/jobs/processed"
echo "\$ ls $spool/payloads/raw/*/ | head -3"
ls "$spool"/payloads/raw/*/ | head -3
run batchspool process

say "The records, as the provider wrote them"
batchspool export --format csv --job "$id" >"$dir/records.csv"
echo "\$ batchspool export --format ndjson --job $id | head -n 2 | cut -c 1-150"
batchspool export --format ndjson --job "$id" >"$dir/records.ndjson"
head -n 2 "$dir/records.ndjson" | cut -c 1-150
echo "records exported: $(wc -l <"$dir/records.ndjson")"
run batchspool stats
run batchspool verify
say "What the API says it charged"
curl -s "http://127.0.0.1:$port/_stats" | jq -c '{paid_requests, charged_records, charged_ids, twice}'

say "Look around"
echo "batchspool show $id     its money, pages and timeline"
echo "batchspool why $id      why a job waits and how to go on"
echo "ls spool/jobs/*         where a file lies is its state; mv changes it"
echo "(KEEP=1 make demo keeps $dir)"

say "The dashboard"
password=$(head -c 12 /dev/urandom | base64 | tr '+/' '-_')
echo "$password" | batchspool user add demo --role admin --password-file - >/dev/null
: >"$dir/httpd.log" # there before it is read
batchspool-httpd --listen 127.0.0.1:0 2>>"$dir/httpd.log" &
httpd=$!
address=''
for _ in $(seq 200); do
    address=$(sed -n 's/.*batchspool-httpd runs: .*, \(http:[^ ]*\)$/\1/p' "$dir/httpd.log")
    [ -n "$address" ] && break
    sleep 0.05
done
curl -sf -o /dev/null "$address/" || { echo "the dashboard does not answer"; cat "$dir/httpd.log"; exit 1; }
echo "$address    user demo, password $password"
if [ -t 0 ] && [ -t 1 ]; then
    printf 'It runs, with the API and the daemon, until you press Enter. '
    read -r _ || true
else
    echo "(it ends with the demo; on a terminal it goes on until Enter is pressed)"
fi
[ "$(wc -l <"$dir/records.ndjson")" = 10000 ] || { echo "the demo did not export 10,000 records"; exit 1; }
