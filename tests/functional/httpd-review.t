#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a review of the web program found: its end while requests are on their way, who is heard and told what, keys and ranges that go wrong in silence.
. "$(dirname "$0")/../lib.sh"
URL='' HTTPD_PID=''

httpd_says() {
    grep -qF -- "$1" "$DIR/httpd.log"
}

httpd_start() {
    : >"$DIR/httpd.log"
    "$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0 >>"$DIR/httpd.log" 2>&1 &
    HTTPD_PID=$!
    BACKGROUND+=("$HTTPD_PID")
    wait_for 5 httpd_says 'batchspool-httpd runs' || { echo "Bail out! batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"; exit 1; }
    URL=$(grep -o 'http://127[0-9.:]*' "$DIR/httpd.log" | tail -n 1)
}

httpd_stop() {
    kill "$HTTPD_PID"
    wait "$HTTPD_PID" 2>/dev/null
    is 0 $? "${1-batchspool-httpd ends in good order}"
}

# user NAME ROLE SCOPE...: with a key in KEY_NAME
user() {
    local name=$1 role=$2 scopes=()
    shift 2
    printf 'correct horse battery staple\n' | bs user add "$name" --role "$role" --password-file - >"$DIR/out" 2>&1 || { echo "Bail out! user add: $(cat "$DIR/out")"; exit 1; }
    for scope in "$@"; do scopes+=(--scope "$scope"); done
    printf -v "KEY_$name" %s "$(bs user key add "$name" --json "${scopes[@]}" | jq -r .key)"
}

# as NAME PATH [CURL-OPTION...]
as() {
    local key=KEY_$1
    curl -s -H "Authorization: Bearer ${!key}" "${@:3}" "$URL$2"
}

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

daemon_stop
httpd_stop
finish
