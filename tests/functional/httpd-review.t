#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a review of the web program found: its end while requests are on their way, who is heard and told what, keys and ranges that go wrong in silence.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../httpd.sh"

# status NAME PATH [CURL-OPTION...]: the code alone; the answer is in $DIR/out
status() {
    as "$1" "$2" -o "$DIR/out" -w '%{http_code}' "${@:3}"
}

json=(-H 'Content-Type: application/json')
api_start --records 5000
source_metered properties
source_free items
config '.httpd = {requests_per_minute: 1000000, logins_per_minute: 100000}'
user ada admin read submit control process metrics admin
user ops operator read submit control metrics
user viola viewer read metrics
daemon_start
httpd_start

# --- the end of the program while requests are on their way ----------------------------------------------------------------

kill -STOP "$DAEMON_PID"
as ada /api/preview "${json[@]}" -o "$DIR/preview" -w '%{http_code}' -d '{"source":"items","count":3}' >"$DIR/preview.code" &
PREVIEW=$!
sleep 0.5
httpd_stop 'it ends in good order while a preview waits for the daemon'
wait "$PREVIEW"
is 202 "$(cat "$DIR/preview.code")" 'the preview that waited is told which job it is'
kill -CONT "$DAEMON_PID"

httpd_start
TOKEN=$(curl -s "$URL/api/auth/login" "${json[@]}" -d '{"username":"ada","password":"correct horse battery staple"}' | jq -r .access_token)
flock "$SPOOL/web/.lock" sleep 8 &
sleep 0.5
curl -s -o /dev/null -X DELETE -H "Authorization: Bearer $TOKEN" "$URL/api/auth/keys/0123456789abcdef" &
sleep 0.5
httpd_stop 'it ends in good order while a lane still works after the time for ending'
httpd_start

# --- who is heard, and told what -------------------------------------------------------------------------------------------

submit() { as "$1" /api/batch-jobs "${json[@]}" -d "$2" "${@:3}" | jq -r .job_id; }
OPS=$(submit ops '{"source":"items","count":3,"name":"mine"}')
ADA=$(submit ada '{"source":"items","count":3,"name":"hers"}')
ada_is() { [ "$(as ada "/api/batch-jobs/$1" | jq -r .status)" = "$2" ]; }
wait_for "$WAIT_S" ada_is "$OPS" COMPLETED
wait_for "$WAIT_S" ada_is "$ADA" COMPLETED
is 'false true' "$(as ops /api/health | jq -c '.index | has("newest_job")') $(as viola /api/health | jq -c '.index | has("newest_job")')" "health: an operator is not told another's newest job"
completed() { as "$1" /metrics | grep '^batchspool_jobs{status="COMPLETED",source="items"' | sed 's/.* //'; }
is '1 2' "$(completed ops) $(completed viola)" "metrics: an operator's are of the own jobs"

printf -v KEY_gone %s "${KEY_viola-}"
as gone /api/events -N >"$DIR/stream" &
LISTENER=$!
heard() { [ -s "$DIR/stream" ]; }
wait_for 5 heard
result $? 'a key may listen to live events'
bs user key remove "$(bs user key list --json | jq -rs '[.[] | if type == "array" then .[] else . end | .keys? // . | if type == "array" then .[] else . end | select(.owner == "viola")][0].key_id')" >/dev/null 2>&1
is 401 "$(status gone /api/batch-jobs)" 'the key was removed'
wait_for 20 ended "$LISTENER"
result $? 'live events end within a heartbeat when the key is removed'

# --- keys and ranges -------------------------------------------------------------------------------------------------------

body='{"source":"items","count":2,"name":"once"}'
PREVIEW=$(as ada /api/preview "${json[@]}" -H 'Idempotency-Key: one-key' -d "$body" | jq -r .job_id)
CODE=$(status ada /api/batch-jobs "${json[@]}" -H 'Idempotency-Key: one-key' -d "$body")
is 422 "$CODE" "a preview's key stands for no job that runs"
is 201 "$(status ada /api/batch-jobs "${json[@]}" -H 'Idempotency-Key: another-key' -d "$body")" 'a key of its own does'
FIRST=$(jq -r .job_id "$DIR/out")
is "201 $FIRST" "$(status ada /api/batch-jobs "${json[@]}" -H 'Idempotency-Key: another-key' -d "$body") $(jq -r .job_id "$DIR/out")" 'and gives the same job again'

mkdir -p "$SPOOL/results/$ADA"
printf 'a,b\n1,2\n' >"$SPOOL/results/$ADA/records.csv"
sha256sum "$SPOOL/results/$ADA/records.csv" | cut -c1-64 >"$SPOOL/results/$ADA/records.csv.sha256"
TAG=$(cat "$SPOOL/results/$ADA/records.csv.sha256")
FILE="/api/batch-jobs/$ADA/results/download?format=csv"
is 206 "$(status ada "$FILE" -H 'Range: bytes=4-' -H "If-Range: \"$TAG\"")" 'a range of the file that is there'
is '200 a,b' "$(status ada "$FILE" -H 'Range: bytes=4-' -H 'If-Range: "of-an-older-one"') $(head -n 1 "$DIR/out")" 'the whole when the part was of an older file'

LIST="/api/batch-jobs?limit=2"
TAG=$(as ada "$LIST" -D - -o "$DIR/out" | tr -d '\r' | sed -n 's/^ETag: //p')
is '304 304' "$(as ada "$LIST" -H "If-None-Match: $TAG" -D "$DIR/head" -o /dev/null -w '%{http_code} ' "$URL$LIST" -o /dev/null | xargs)" 'not modified, twice on one connection'
is "$(wc -c <"$DIR/out")" "$(tr -d '\r' <"$DIR/head" | sed -n 's/^Content-Length: //p' | head -n 1)" 'and the length that it tells is that of what was not sent'

search() { jq -cn --arg name "$1" --argjson length "$2" '{name: $name, source: "items", job: {source: "items", name: ("x" * $length)}}'; }
is '201 413' "$(status ops /api/searches "${json[@]}" -d "$(search small 100)") $(search large 140000 | status ops /api/searches "${json[@]}" -d @-)" 'a search has bounds'
for i in {2..200}; do search "s$i" 10 | as ops /api/searches "${json[@]}" -o /dev/null -d @-; done
is '409 200' "$(status ops /api/searches "${json[@]}" -d "$(search "one too many" 10)") $(as ops /api/searches | jq '.searches | length')" 'and so has their number'

# --- behind a proxy --------------------------------------------------------------------------------------------------------

httpd_stop
config '.httpd.proxy = "https://batch.example"'
httpd_start
curl -s -o /dev/null -H 'Host: batch.example' -H 'X-Forwarded-For: 192.0.2.1' -H 'X-Forwarded-For: 192.0.2.2, 192.0.2.3' "${json[@]}" -d '{"username":"nobody","password":"wrong"}' "$URL/api/auth/login"
is '"192.0.2.3"' "$(tail -n 1 "$SPOOL/web/audit.ndjson" | jq -c .client)" 'of several X-Forwarded-For the last is the one that the proxy wrote'

daemon_stop
httpd_stop
finish
