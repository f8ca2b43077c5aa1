#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real records from a server that is not ours: what this machine's package lists have, served by npm json-server, fetched with the definition that is shipped for it.
# Node and npm are needed, and a registry (or npm's cache) for `npm ci`.
. "$(dirname "$0")/../lib.sh"
HERE=$ROOT/tests/all/json-server
# shellcheck disable=SC2034
WAIT_S=120
# The server asks nobody for newer versions of itself.
export NO_UPDATE_NOTIFIER=1
bail() {
    echo "Bail out! $1"
    exit 1
}

# --- the server --------------------------------------------------------------------------------------------------------
mkdir "$DIR/server"
cp "$HERE/package.json" "$HERE/package-lock.json" "$DIR/server/"
(cd "$DIR/server" && npm ci --omit=dev --ignore-scripts --prefer-offline --no-audit --no-fund --no-update-notifier) >"$DIR/npm.log" 2>&1 || bail "npm ci: $(tail -n 3 "$DIR/npm.log")"
[ -n "$(apt-cache dumpavail 2>/dev/null | head -c 1)" ] || apt-get update >"$DIR/apt.log" 2>&1
apt-cache dumpavail | node "$HERE/dumpavail.js" >"$DIR/db.json" || bail 'the package lists cannot be read'
records=$(jq '.packages | length' "$DIR/db.json")
result $((records < 10000)) "the package lists have tens of thousands of records ($records)" || bail 'apt-get update is needed'

server_start() {
    port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
    (cd "$DIR/server" && HOME=$DIR exec node node_modules/json-server/lib/cli/bin.js --host 127.0.0.1 --port "$port" --read-only "$DIR/db.json") >"$DIR/server.log" 2>&1 </dev/null &
    BACKGROUND+=($!)
    url=http://127.0.0.1:$port/packages
    wait_for 30 curl -sf -o "$DIR/out" "$url?_limit=1"
}
# Another program may take the free port first.
server_start || server_start || bail "json-server does not start: $(tail -n 3 "$DIR/server.log")"
is "$records" "$(curl -s -o /dev/null -D - "$url?_limit=1" | tr -d '\r' | sed -n 's/^X-Total-Count: //p')" 'json-server serves them all'

# requests: how many answers with records the server has given
requests() {
    grep -c 'GET /packages?' "$DIR/server.log"
}

# --- the capture -------------------------------------------------------------------------------------------------------
definition=$ROOT/etc/sources/json-server.json
is 1 "$(grep -c 'http://127.0.0.1:3000/packages' "$definition")" 'the shipped definition has its address once'
sed "s|http://127.0.0.1:3000/packages|$url|" "$definition" >"$DIR/etc/sources/json-server.json"
exits 0 'check finds nothing to complain about' bs check
daemon_start
before=$(requests)
pages=$(((records + 999) / 1000))
drop packages 0 '{source: "json-server", campaign_id: "debian", batch_size: 1000}'
at processed 'all are captured'
is "[$records,$records,0,0]" "$(event 'select(.event == "completed") | [.total,.unique,.duplicates,.missing] | tojson')" 'total, unique, duplicates, missing'
is "[\"COMPLETED\",$records]" "$(show '[.status,.processed_records]')" 'the job is COMPLETED'
is $pages "$(count_of captured)" "in pages of 1,000 ($pages)"
is $pages $(($(requests) - before)) 'each asked for once'
is 0 "$(count_of retrying)" 'none of them twice'
ok "the journal's chain holds" chain_ok

# A page of this server is the same text whenever it is asked for.
same=0
while IFS=$'\t' read -r file offset; do
    curl -s "$url?_start=$offset&_limit=1000" >"$DIR/page" && cmp -s "$DIR/page" "$SPOOL/payloads/raw/$file" && same=$((same + 1))
    cat "$DIR/page" >>"$DIR/served"
done < <(jq -r 'select(.event == "captured") | [.batch, .file, .offset] | @tsv' "$SPOOL/journal/$ID.ndjson" | sort -n | cut -f2-)
is $pages $same "every raw file has the server's bytes"

# --- the records -------------------------------------------------------------------------------------------------------
exits 0 'process' bs process --json
is "[$pages,$records,$records,0,0,0]" "$(jq -c '[.files,.records,.inserted,.updated,.unchanged,.errors]' <<<"$OUT")" 'loads each once'
exits 0 'process again' bs process --json
is '[0,0]' "$(jq -c '[.files,.records]' <<<"$OUT")" 'has nothing to do'
bs export --job "$ID" >"$DIR/exported"
is "$records" "$(wc -l <"$DIR/exported")" 'the export has a line a record'
# The server writes two blanks a level: a record begins and ends with a line of its own, and no string goes over lines.
perl -ne 'if (/^  \{$/ .. /^  \},?$/) { if (/^  \},?$/) { print "}\n" } else { chomp; s/^ +//; print } }' "$DIR/served" >"$DIR/lines"
ok "it is each record's text as the server sent it, line breaks folded, in the order of the server" cmp "$DIR/lines" "$DIR/exported"
jq -cS '.packages[]' "$DIR/db.json" >"$DIR/source.sorted"
jq -cS . "$DIR/exported" >"$DIR/exported.sorted"
ok 'each is, by value, the record of the package lists' cmp "$DIR/source.sorted" "$DIR/exported.sorted"
bs export --source json-server | LC_ALL=C sort | sha256sum >"$DIR/a"
LC_ALL=C sort "$DIR/lines" | sha256sum >"$DIR/b"
ok "the source's export has the same lines" cmp "$DIR/a" "$DIR/b"
jq -c 'reduce .packages[] as $record ({}; . + $record) | keys' "$DIR/db.json" >"$DIR/columns.json"
bs export --job "$ID" --format csv --columns "$DIR/columns.json" >"$DIR/csv"
is "$records" "$(node "$HERE/csv.js" "$DIR/db.json" <"$DIR/csv")" 'as CSV: every cell of every record'
bs export --job "$ID" --format csv >"$DIR/csv"
is "$records" "$(node "$HERE/csv.js" "$DIR/db.json" <"$DIR/csv")" 'the same without --columns'

# --- a part of it, at once ---------------------------------------------------------------------------------------------
drop first 0 '{source: "json-server", campaign_id: "first", take: 2500, batch_size: 300, process: "auto"}'
at processed 'the first 2,500 in pages of 300, loaded by the daemon'
is '[9,9]' "[$(count_of captured),$(count_of loaded)]" 'nine pages'
bs export --job "$ID" >"$DIR/exported"
head -n 2500 "$DIR/lines" >"$DIR/head"
ok 'are the first that the server has' cmp "$DIR/head" "$DIR/exported"
is "$records" "$(bs export --source json-server | wc -l)" 'and none is there twice'

verified 'verify finds no difference'
daemon_stop
is 0 "$STATUS" 'the daemon ends in good order'
verified 'nor after it'
finish
