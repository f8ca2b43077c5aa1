#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# npm express-pouchdb: on Express 4 an honest server with offset and limit; on Express 5 one that does not heed `limit` and sends everything that follows the offset.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"
HERE=$ROOT/tests/all/pouchdb

# --- the servers -------------------------------------------------------------------------------------------------------
npm_install "$HERE"
cp "$HERE/server.js" "$DIR/server/"
# Identifiers with all that must be escaped somewhere on the way, and one that is longer than a key of the record store.
documents=3003
jq -cn '{docs: ([range(3000) | {_id: ("\(. * 7919 % 3000)/\("é\"\\\u0001\u2028+%&?# ♥"[. % 12:]) \(.)"), n: ., text: ("♥ line\n" * (. % 9)), big: (. * 1e12)}]
    + [{_id: ("long" * 200), n: 3000}, {_id: "constructor", n: 3001}, {_id: "*/", n: 3002}])}' >"$DIR/documents.json"

# server_start express|express5: sets url; what it is asked is in $DIR/EXPRESS.log
server_start() {
    (cd "$DIR/server" && exec node server.js "$1") >"$DIR/$1.log" 2>"$DIR/$1.err" </dev/null &
    BACKGROUND+=($!)
    url=http://127.0.0.1:$(port_in "$DIR/$1.log" '^port ([0-9]+)$') || bail "express-pouchdb does not start: $(tail -n 3 "$DIR/$1.err")"
    curl -sf -o "$DIR/out" -X PUT "$url/my-docs" || bail 'a database cannot be made'
    curl -sf -o "$DIR/out" -H 'Content-Type: application/json' -d "@$DIR/documents.json" "$url/my-docs/_bulk_docs" || bail "the documents are refused"
    is "$documents" "$(curl -s "$url/my-docs/_all_docs" | jq '.rows | length')" "$1: $documents documents are stored"
}
# asked EXPRESS: the pages that were asked for since the last `fresh`
asked() {
    tail -n "+$((seen + 1))" "$DIR/$1.log" | grep '^GET /my-docs/_all_docs?'
}
fresh() {
    seen=$(wc -l <"$DIR/$1.log")
}
# same_pages SIZE: each raw file has the bytes that the server sends to curl
same_pages() {
    local skip=0 file
    while read -r file; do
        curl -s "$url/my-docs/_all_docs?include_docs=true&skip=$skip&limit=$1" | cmp - "$file" || return 1
        skip=$((skip + $1))
    done < <(raw_files)
    [ "$skip" -gt 0 ]
}
jq -cS '.docs[]' "$DIR/documents.json" | LC_ALL=C sort >"$DIR/pushed"
# exported_same: the documents inside what is exported are those that were pushed
exported_same() {
    bs export --job "$ID" | jq -cS '.doc | del(._rev)' | LC_ALL=C sort | cmp - "$DIR/pushed"
}

# --- Express 4 ---------------------------------------------------------------------------------------------------------
server_start express
shipped pouchdb http://127.0.0.1:5984 "$url"
exits 0 'check finds nothing to complain about' bs check
daemon_start
fresh express
pages=$(((documents + 399) / 400))
drop honest 0 '{source: "pouchdb", database: "my-docs", batch_size: 400}'
at processed 'Express 4: all are captured'
is "[$documents,$documents,0,0]" "$(event 'select(.event == "completed") | [.total,.unique,.duplicates,.missing] | tojson')" 'total, unique, duplicates, missing'
is "[\"COMPLETED\",$documents]" "$(show '[.status,.processed_records]')" 'the job is COMPLETED'
is "$pages $pages $pages" "$(count_of captured) $(asked express | wc -l) $(asked express | sort -u | wc -l)" "$pages pages, each asked for once"
ok "the journal's chain holds" chain_ok
ok "every raw file has the server's bytes" same_pages 400
exits 0 'process' bs process --json
is "[$pages,$documents,$documents,0,0,0]" "$(jq -c '[.files,.records,.inserted,.updated,.unchanged,.errors]' <<<"$OUT")" 'loads each once'
ok 'exported they are the documents that were stored' exported_same
# The server writes no blanks: a line of the export is a piece of a raw file as it stands.
# shellcheck disable=SC2046
sed -E 's/^\{"total_rows":[0-9]+,"offset":[0-9]+,"rows":\[//; s/\]\}$/,/' $(raw_files) | tr -d '\n' | sed 's/,$//' >"$DIR/a"
bs export --job "$ID" | paste -sd, | tr -d '\n' >"$DIR/b"
ok 'to the byte' cmp "$DIR/a" "$DIR/b"
exits 0 'process again' bs process --json
is '[0,0]' "$(jq -c '[.files,.records]' <<<"$OUT")" 'has nothing to do'
fresh express
drop nothing 0 '{source: "pouchdb", database: "no such/database"}'
at failed 'a database that is not there'
is 'GET /no%20such%2Fdatabase/_all_docs' "$(tail -n "+$((seen + 1))" "$DIR/express.log" | cut -d'?' -f1)" 'is asked for by its name'
like 'no_db_file' "$(why)" "and fails with the server's words"
# It counts a document whose name sorts after U+FFFF, and lists it never.
curl -sf -o "$DIR/out" -X PUT "$url/odd"
curl -sf -o "$DIR/out" -H 'Content-Type: application/json' -d '{"docs": [{"_id": "a"}, {"_id": "b"}, {"_id": "😀"}]}' "$url/odd/_bulk_docs"
drop odd 0 '{source: "pouchdb", database: "odd"}'
at failed 'a total with a document that the server does not list: failed'
is '["coverage",3,2,0,1]' "$(event 'select(.event == "failed") | [.reason,.expected,.unique,.duplicates,.missing] | tojson')" 'told in numbers'

# --- Express 5 ---------------------------------------------------------------------------------------------------------
server_start express5
is 3000 "$(curl -s "$url/my-docs/_all_docs?skip=3&limit=1" | jq '.rows | length')" 'Express 5: the server does not heed limit'
shipped pouchdb http://127.0.0.1:5984 "$url" 'del(.paginator.total_path)' no-total
shipped pouchdb http://127.0.0.1:5984 "$url" . total
fresh express5
drop endless 0 '{source: "no-total", database: "my-docs", batch_size: 400}'
at hold 'without a total: held'
is limit_ignored "$(event 'select(.event == "held") | .reason')" 'without a total: reason limit_ignored'
is 1 "$(asked express5 | wc -l)" 'without a total: found out before a second request'
like 'limit' "$(why)" 'without a total: the note says so'
fresh express5
drop whole 0 '{source: "total", database: "my-docs", batch_size: 400, process: "auto"}'
at processed 'with total_path: complete'
is "[$documents,$documents,0,0]" "$(event 'select(.event == "completed") | [.total,.unique,.duplicates,.missing] | tojson')" 'with total_path: total, unique, duplicates, missing'
is '1 1 1' "$(count_of captured) $(count_of loaded) $(asked express5 | wc -l)" 'with total_path: from one request'
ok "with total_path: its raw file has the server's bytes" same_pages 400
ok 'with total_path: exported they are the documents that were stored' exported_same

verified 'verify finds no difference'
daemon_stop
is 0 "$STATUS" 'the daemon ends in good order'
verified 'nor after it'
finish
