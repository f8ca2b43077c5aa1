#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole job with one start of each program: curl fetches all pages, jq cuts them into records, sqlite3 upserts them in one transaction.
#   peer-once.sh URL RECORDS LIMIT DATABASE
set -eu -o pipefail
url=$1 records=$2 limit=$3 db=$4
curl -sf "$url?offset=[0-$((records - 1)):$limit]&limit=$limit" -o "$db.page.#1"
jq -c '.items[]' "$db".page.* >"$db.lines"
sqlite3 -bail "$db" <<END >"$db.out"
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE records (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TEMP TABLE lines (body TEXT);
.mode ascii
.separator "\001" "\n"
.import "$db.lines" lines
INSERT INTO records SELECT json_extract(body, '\$.RadarID'), body FROM lines WHERE true ON CONFLICT (id) DO UPDATE SET body = excluded.body;
END
