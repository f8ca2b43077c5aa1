#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole job as a shell loop: curl, jq and sqlite3 for each page, each page durable before the next.
#   peer-loop.sh URL RECORDS LIMIT DATABASE
set -eu -o pipefail
url=$1 records=$2 limit=$3 db=$4
sqlite3 "$db" 'PRAGMA journal_mode = WAL; CREATE TABLE records (id TEXT PRIMARY KEY, body TEXT NOT NULL);' >"$db.out"
for ((offset = 0; offset < records; offset += limit)); do
    curl -sf -o "$db.page" "$url?offset=$offset&limit=$limit"
    jq -c '.items[]' "$db.page" >"$db.lines"
    sqlite3 -bail "$db" <<END
PRAGMA synchronous = FULL;
CREATE TEMP TABLE lines (body TEXT);
.mode ascii
.separator "\001" "\n"
.import "$db.lines" lines
INSERT INTO records SELECT json_extract(body, '\$.RadarID'), body FROM lines WHERE true ON CONFLICT (id) DO UPDATE SET body = excluded.body;
END
done
