#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The web program against a real daemon and a metered API: how it starts and ends, who may what, and every act a client can do, with the states that follow. What docs/openapi.yaml
# says of each answer is tests/all/contract.t.
. "$(dirname "$0")/../lib.sh"
PASSWORD='correct horse battery staple'
URL='' HTTPD_PID='' CODE='' KEY_ops=''
LOCAL=()

httpd_says() {
    grep -qF -- "$1" "$DIR/httpd.log"
}

# httpd_start OPTION...
httpd_start() {
    : >"$DIR/httpd.log"
    "$PROGRAMS/batchspool-httpd" "$@" >>"$DIR/httpd.log" 2>&1 &
    HTTPD_PID=$!
    BACKGROUND+=("$HTTPD_PID")
    wait_for "$WAIT_S" httpd_says 'batchspool-httpd runs' || { echo "Bail out! batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"; exit 1; }
    URL=$(grep -oE 'https?://127[0-9.:]*' "$DIR/httpd.log" | tail -n 1)
}

# httpd_stop NAME
httpd_stop() {
    kill "$HTTPD_PID"
    wait_for "$WAIT_S" ended "$HTTPD_PID" || kill -9 "$HTTPD_PID"
    wait "$HTTPD_PID" 2>/dev/null
    is '0 0' "$? $(httpd_says 'has ended in good order'; echo $?)" "$1"
}

# call WHO METHOD PATH [CURL-OPTION...]: CODE, OUT, header fields in $DIR/head. WHO: whose key; "": nobody's.
call() {
    local key=KEY_$1 how=()
    [ -n "$1" ] && how=(-H "Authorization: Bearer ${!key}")
    : >"$DIR/body"
    CODE=$(curl -s -m 30 -X "$2" ${how[@]+"${how[@]}"} ${LOCAL[@]+"${LOCAL[@]}"} -D "$DIR/head" -o "$DIR/body" -w '%{http_code}' "${@:4}" "$URL$3")
    OUT=$(tr -d '\0' <"$DIR/body")
}

# send WHO METHOD PATH JSON [CURL-OPTION...]
send() {
    call "$1" "$2" "$3" -H 'Content-Type: application/json' -d "$4" "${@:5}"
}

# answers WANTED NAME FILTER: status and what jq makes of the body of the call before
answers() {
    is "$1" "$CODE $(jq -rc "${3:-.detail}" <<<"$OUT" 2>&1)" "$2"
}

field() {
    sed -n "s/^$1: //Ip" "$DIR/head" | tr -d '\r'
}

# get WHO PATH FILTER
get() {
    local key=KEY_$1
    curl -s -m 30 -H "Authorization: Bearer ${!key}" "$URL$2" | jq -rc "$3"
}

get_is() {
    [ "$(get "$1" "$2" "$3")" = "$4" ]
}

# eventually WHO PATH FILTER WANTED NAME
eventually() {
    wait_for "$WAIT_S" get_is "$1" "$2" "$3" "$4"
    is "$4" "$(get "$1" "$2" "$3")" "$5"
}

# create WHO JSON [CURL-OPTION...]: a job of the source items unless it says which; sets ID
create() {
    send "$1" POST /api/batch-jobs "$(jq -c '{source: "items", count: 10} * .' <<<"$2")" "${@:3}"
    ID=$(jq -r .job_id <<<"$OUT")
}

is_status() {
    get_is ada "/api/batch-jobs/$1" .status "$2"
}

# comes_to STATUS NAME [ID]
comes_to() {
    wait_for "$WAIT_S" is_status "${3:-$ID}" "$1"
    is "$1" "$(get ada "/api/batch-jobs/${3:-$ID}" .status)" "$2"
}

# --- how it starts ------------------------------------------------------------------------------------------------------------

certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
        -keyout "$DIR/$1.key" -out "$DIR/$1.crt" >/dev/null 2>&1
}

config '.httpd = {requests_per_minute: 1000000, uploads_per_minute: 100000, logins_per_minute: 10000, upload_max_bytes: 300000}'
exits 78 'a public address without TLS or proxy is refused' "$PROGRAMS/batchspool-httpd" --listen 0.0.0.0:0
like 'other hosts reach it.*tls_certificate' "$ERR" 'and it is told what is wanted'
exits 78 'one of IPv6, too' "$PROGRAMS/batchspool-httpd" --listen '[::]:0'
config '.httpd.listen = "0.0.0.0:0"'
exits 78 'and one of the configuration' "$PROGRAMS/batchspool-httpd"
like 'httpd.*tls_certificate and tls_key' "$ERR" 'which names its key'
config 'del(.httpd.listen)'
exits 64 'an address that is none' "$PROGRAMS/batchspool-httpd" --listen localhost
exits 64 'an argument too many' "$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0 more
exits 78 'a spool that is not there' "$PROGRAMS/batchspool-httpd" --spool "$DIR/nowhere" --listen 127.0.0.1:0
mkdir -p "$DIR/half/jobs/pending"
exits 78 'a spool that is not finished' "$PROGRAMS/batchspool-httpd" --spool "$DIR/half" --listen 127.0.0.1:0
like 'batchspool init' "$ERR" 'it is told how to finish it'
is jobs/pending "$(cd "$DIR/half" && find . -mindepth 2 -printf '%P\n')" 'nothing was put into it'
rm -rf "$DIR/half"

for user in ada:admin ops:operator rival:operator viola:viewer; do
    printf '%s\n' "$PASSWORD" | bs user add "${user%:*}" --role "${user#*:}" --password-file - >"$DIR/out" 2>&1 || { echo "Bail out! user add: $(cat "$DIR/out")"; exit 1; }
    scopes=(--scope read --scope metrics)
    [ "${user#*:}" = viewer ] || scopes+=(--scope submit --scope control --scope process)
    [ "${user#*:}" = admin ] && scopes+=(--scope admin)
    printf -v "KEY_${user%:*}" %s "$(bs user key add "${user%:*}" --json "${scopes[@]}" | jq -r .key)"
done

certificate one
certificate two
config ".httpd.tls_certificate = \"$DIR/one.crt\" | .httpd.tls_key = \"$DIR/two.key\""
exits 71 'a key that does not belong to its certificate' "$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0
config ".httpd.tls_key = \"$DIR/none.key\""
exits 71 'a key that is not there' "$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0
like 'none\.key' "$ERR" 'it is named'
config ".httpd.tls_key = \"$DIR/one.key\""
httpd_start --listen 127.0.0.1:0
LOCAL=(--cacert "$DIR/one.crt")
like '^https://' "$URL" 'TLS: it says so'
send '' POST /api/auth/login "{\"username\":\"ops\",\"password\":\"$PASSWORD\"}"
is 200 "$CODE" 'TLS: signing in'
is 2 "$(field Set-Cookie | grep -c 'HttpOnly; SameSite=Strict.*Secure\|Secure.*HttpOnly; SameSite=Strict')" 'TLS: both cookies are Secure, HttpOnly and SameSite=Strict'
LOCAL=(--cacert "$DIR/two.crt")
call ops GET /api/auth/me
is 000 "$CODE" 'TLS: not for who trusts another certificate'
LOCAL=()
is 000 "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "http://${URL#https://}/api/health")" 'TLS: no plain text beside it'
httpd_stop 'TLS: it ends in good order'
config 'del(.httpd.tls_certificate, .httpd.tls_key)'

httpd_start --listen "unix:$DIR/web.sock"
URL=http://localhost LOCAL=(--unix-socket "$DIR/web.sock")
call ops GET /api/auth/me
answers '200 ops' 'unix socket: it answers' .name
is 660 "$(stat -c %a "$DIR/web.sock")" 'unix socket: for its group alone'
exits 75 'a second one on the same spool is refused' "$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0
kill -9 "$HTTPD_PID"
wait "$HTTPD_PID" 2>/dev/null
httpd_start --listen "unix:$DIR/web.sock"
URL=http://localhost
call ops GET /api/auth/me
answers '200 ops' 'unix socket: one that a kill left is replaced' .name
httpd_stop 'unix socket: it ends in good order'
LOCAL=()

api_start --records 5000
source_metered properties
source_free items
daemon_start
httpd_start --listen 127.0.0.1:0

# --- who may what --------------------------------------------------------------------------------------------------------------

call '' GET /api/batch-jobs
answers '401 401' 'nobody: 401' .status
is application/problem+json "$(field Content-Type)" 'as a problem'
like '^Bearer' "$(field WWW-Authenticate)" 'which says how'
send '' POST /api/auth/login '{"username":"ops","password":"wrong wrong wrong"}'
wrong="$CODE $(jq -c 'del(.instance)' <<<"$OUT")"
send '' POST /api/auth/login '{"username":"nobody-of-that-name","password":"wrong wrong wrong"}'
is "$wrong" "$CODE $(jq -c 'del(.instance)' <<<"$OUT")" 'a wrong password and an unknown name: the same answer'
send '' POST /api/auth/login "{\"username\":\"ops\",\"password\":\"$PASSWORD\"}" -c "$DIR/jar"
answers '200 Bearer operator' 'signing in' '"\(.token_type) \(.user.role)"'
KEY_session=$(jq -r .access_token <<<"$OUT") REFRESH=$(jq -r .refresh_token <<<"$OUT") CSRF=$(jq -r .csrf_token <<<"$OUT")
send '' POST /api/batch-jobs '{}' -b "$DIR/jar"
is 403 "$CODE" 'a cookie without its CSRF token changes nothing'
send '' POST /api/batch-jobs '{"source":"items"}' -b "$DIR/jar" -H "X-CSRF-Token: $CSRF" -H 'Origin: http://evil.example'
is 403 "$CODE" 'nor from another site'
send '' POST /api/preview '{"source":"items","cuont":1}' -b "$DIR/jar" -H "X-CSRF-Token: $CSRF" -H "Origin: $URL"
is 422 "$CODE" 'from its own page it is heard'
send '' POST /api/auth/refresh "{\"refresh_token\":\"$REFRESH\"}"
is 200 "$CODE" 'a session goes on by its refresh token'
call ops GET /api/auth/me -H 'Host: evil.example'
is 421 "$CODE" 'another name of the host is refused'

call viola GET /api/batch-jobs
answers '200 0' 'a viewer may look' .total
create viola '{}'
is 403 "$CODE" 'and submits nothing'
call ops GET /api/users
is 403 "$CODE" 'users are for admins'
send '' POST /api/auth/login "{\"username\":\"ada\",\"password\":\"$PASSWORD\"}"
KEY_admin=$(jq -r .access_token <<<"$OUT")
call admin GET /api/users
answers '200 ["ada","ops","rival","viola"]' 'who sees them' '[.users[].name] | sort'

send session POST /api/auth/keys '{"name":"reader","scopes":["read"]}'
KEY_reader=$(jq -r .key <<<"$OUT") reader=$(jq -r .key_id <<<"$OUT")
answers '201 ["read"]' 'a key with one scope' .scopes
call reader GET /api/batch-jobs
is 200 "$CODE" 'it reads'
create reader '{}'
is 403 "$CODE" 'and submits nothing'
send reader POST /api/auth/keys '{"name":"more"}'
is 403 "$CODE" 'nor makes other keys'
send session POST /api/auth/keys '{"name":"above","role":"admin"}'
is 422 "$CODE" 'no key is more than its owner'
call rival DELETE "/api/auth/keys/$reader"
is 403 "$CODE" 'keys do not remove keys'
call session DELETE "/api/auth/keys/$reader"
is 204 "$CODE" 'its owner does'
call reader GET /api/batch-jobs
is 401 "$CODE" 'then it is good for nothing'

# --- submitting -------------------------------------------------------------------------------------------------------------------

create ops '{"name":"First","campaign_id":"C-1","count":1000,"process":"auto"}'
FIRST=$ID
is "201 /api/batch-jobs/$FIRST" "$CODE $(field Location)" 'a job is made: 201, Location'
is ops "$(jq -r .created_by <<<"$OUT")" 'it belongs to who submitted it'
comes_to COMPLETED 'it runs to its end'
eventually ops "/api/batch-jobs/$FIRST" '[.total_records, .success_count, .job.count, .accepted]' '[1000,1000,1000,true]' 'it is loaded; job and counts are told'
create ops '{"cuont":10}'
answers '422 /cuont' 'a wrong member: its pointer' '.errors[0].pointer'
like count "$(jq -r '.errors[0].detail' <<<"$OUT")" 'and the nearest name'
create ops '{"source":"itmes"}'
answers '422 /source' 'a source that is none' '.errors[0].pointer'
send ops POST /api/batch-jobs '{"source":"items","source":"items"}'
is 400 "$CODE" 'a member twice is no JSON of ours'
create ops '{"created_by":"ada"}'
answers '422 /created_by' 'nobody submits as somebody else' '.errors[0].pointer'
is 1 "$(get ada /api/batch-jobs .total)" 'what was refused left nothing behind'
create ops '{"name":"Twin"}' -H 'Idempotency-Key: once'
twin=$ID
create ops '{"name":"Twin"}' -H 'Idempotency-Key: once'
is "201 $twin" "$CODE $ID" 'the same key: the same job'
create ops '{"name":"Other"}' -H 'Idempotency-Key: once'
is 422 "$CODE" 'the same key with another body'
create rival '{"name":"Other"}' -H 'Idempotency-Key: once'
is 201 "$CODE" 'the same key of somebody else is another one'
RIVAL=$ID
comes_to COMPLETED 'which runs' "$RIVAL"
comes_to COMPLETED 'and the first one ran once' "$twin"
is 3 "$(get ada /api/batch-jobs .total)" 'three jobs in all'

send ops POST /api/preview '{"source":"properties","criteria":[{"name":"Count","value":[1200]}],"max_cost":"1.00"}'
answers '200 [1200,"60.00","max_cost"]' 'preview: how many, what it costs, which guard stops it' '[.estimate.records // .records, .estimate.cost // .cost, .guards[0].reason]'
is 0 "$(stat_of '.charged // .charges // 0')" 'preview: nothing was bought'

# --- ownership ----------------------------------------------------------------------------------------------------------------------

for path in '' /files /files/1/raw /log /results '/results/download?format=csv'; do
    call rival GET "/api/batch-jobs/$FIRST$path"
    codes+=" $CODE"
done
for act in cancel retry hold release process; do
    call rival POST "/api/batch-jobs/$FIRST/$act"
    codes+=" $CODE"
done
is "$(printf ' 404%.0s' {1..11})" "$codes" "another operator's job is not there, whatever is asked"
call rival GET "/api/batch-jobs?cursor=$FIRST"
is 400 "$CODE" 'nor is it as a cursor'
is '[1,3,3]' "[$(get rival /api/batch-jobs .total),$(get viola /api/batch-jobs .total),$(get ada /api/batch-jobs .total)]" 'an operator lists the own ones, others all'

# --- lists ----------------------------------------------------------------------------------------------------------------------------

for i in 1 2 3 4; do create ops "{\"name\":\"List $i\",\"campaign_id\":\"C-list\",\"priority\":\"low\",\"count\":$i}"; done
comes_to COMPLETED 'more jobs'
eventually ada '/api/batch-jobs?status=COMPLETED' .total 7 'filter: by status'
is '4 4 4 1 1 6 0' "$(for query in campaign=C-list priority=low 'filter=campaign:C-list%20list' 'q=list%202' "owner=rival" 'filter=source:items%20owner:ops' older=1h; do
    get ada "/api/batch-jobs?$query" .total; done | paste -sd' ')" 'filters'
call ada GET '/api/batch-jobs?filter=sattus:failed'
is 400 "$CODE" 'a key of a filter that is none'
like status "$(jq -r .detail <<<"$OUT")" 'with the nearest'
call ada GET '/api/batch-jobs?limit=501'
is 400 "$CODE" 'a limit above the limit'
long=owner:$(printf '%%22%060d%%22,' {1..7})ops
call ada GET "/api/batch-jobs?limit=1&filter=$long&created_after=2020-01-01T00:00:00Z&updated_after=2020-01-01T00:00:00Z"
like "^</api/batch-jobs[?].*owner%3A.*&cursor=$(jq -r .next_cursor <<<"$OUT")>; rel=\"next\"$" "$(field Link)" 'a long filter has its Link, too'
for sort in -created_at priority name; do
    whole=$(get ada "/api/batch-jobs?sort=$sort&limit=500" '.jobs[].job_id' | paste -sd' ')
    path="/api/batch-jobs?limit=2&sort=$sort" seen=''
    for ((i = 0; i < 9 && ${#path}; i++)); do
        call ada GET "$path"
        seen+=" $(jq -r '.jobs[].job_id' <<<"$OUT" | paste -sd' ')"
        path=$(field Link | sed -n 's/^<\(.*\)>; rel="next"$/\1/p')
    done
    is "$whole 4" "${seen# } $i" "sort=$sort: page by page by Link it is the whole list"
done
call ops GET "/api/batch-jobs/$FIRST"
tag=$(field ETag)
call ops GET "/api/batch-jobs/$FIRST" -H "If-None-Match: $tag"
is '304 0' "$CODE $(stat -c %s "$DIR/body")" 'what somebody has already: 304'
call ops GET "/api/batch-jobs/$FIRST" -H 'If-None-Match: W/"0"'
is 200 "$CODE" 'with another tag: 200'

# --- acts -------------------------------------------------------------------------------------------------------------------------------

send ops POST /api/sources/items/pause '{"reason":"a test"}'
is 202 "$CODE" 'sources: a pause is asked for'
eventually viola /api/sources/items '.paused != null' true 'sources: it is seen'
eventually viola /api/queue/status '[.sources[] | select(.source == "items") | .paused != null]' '[true]' 'sources: in the queue, too'
create ops '{"name":"Waits","count":50}'
WAITS=$ID
send ops POST "/api/batch-jobs/$WAITS/priority" '{"priority":"high"}'
answers '200 high' 'priority' .priority
call ops POST "/api/batch-jobs/$WAITS/hold"
answers '200 HELD' 'hold' .status
call ops POST "/api/batch-jobs/$WAITS/hold"
is 409 "$CODE" 'hold again: 409'
call ops POST "/api/batch-jobs/$WAITS/release"
answers '200 PENDING' 'release' .status
call ops POST "/api/batch-jobs/$WAITS/cancel"
answers '200 CANCELLED' 'cancel' .status
call ops POST "/api/batch-jobs/$WAITS/cancel"
is 409 "$CODE" 'cancel again: 409'
call ops POST "/api/batch-jobs/$WAITS/retry"
answers '200 PENDING' 'retry' .status
call ops POST "/api/batch-jobs/$FIRST/cancel"
is 409 "$CODE" 'what is over is not cancelled'
send ops POST "/api/batch-jobs/$WAITS/priority" '{"priority":"hihg"}'
answers '422 /priority' 'a priority that is none' '.errors[0].pointer'
is 'ops' "$(event 'select(.event == "cancelled") | .user // .by' "$WAITS")" 'the journal says who did it'

for i in 1 2 3; do create ops "{\"name\":\"Many $i\",\"campaign_id\":\"C-many\",\"count\":$((60 + i))}"; done
eventually ops '/api/bulk?filter=campaign:C-many' .count 3 'bulk: how many there are'
send ops POST /api/bulk '{"act":"cancel","filter":"campaign:C-many","count":2}'
is 409 "$CODE" 'bulk: another number than was shown'
is 0 "$(get ops '/api/batch-jobs?campaign=C-many&status=CANCELLED' .total)" 'bulk: and nothing was done'
is 0 "$(get rival '/api/bulk?filter=campaign:C-many' .count)" "bulk: none of another's"
send ops POST /api/bulk '{"act":"cancel","filter":"campaign:C-many","count":3}'
answers '200 [3,3,[]]' 'bulk: all three' '[.matched, .done, .failed]'
eventually ops '/api/batch-jobs?campaign=C-many&status=CANCELLED' .total 3 'bulk: they are cancelled'

# --- live events ---------------------------------------------------------------------------------------------------------------------------

# listen NAME WHO [CURL-OPTION...]: events to $DIR/NAME; its process in LISTENER
listen() {
    local key=KEY_$2
    : >"$DIR/$1"
    curl -sN -H "Authorization: Bearer ${!key}" "${@:3}" "$URL/api/events" >"$DIR/$1" &
    LISTENER=$!
    BACKGROUND+=("$LISTENER")
    wait_for "$WAIT_S" test -s "$DIR/$1" || result 1 "$1 is heard"
}

# heard FILE JOB: the states of a job in its events, each once
heard() {
    sed -n 's/^data: //p' "$DIR/$1" | jq -r "select(.job_id == \"$2\") | .status // empty" 2>/dev/null | uniq | paste -sd' '
}

has_heard() {
    [[ $(heard "$1" "$2") =~ $3 ]]
}

listen live ops
live=$LISTENER
listen other rival
other=$LISTENER
faults '{"kind":"delay","ms":1000,"on":"free"}'
call ops POST /api/sources/items/resume
is 202 "$CODE" 'sources: the way back'
wait_for "$WAIT_S" has_heard live "$WAITS" COMPLETED
like '^PROCESSING COMPLETED$' "$(heard live "$WAITS")" 'events: a job is seen running and completed'
eventually viola /api/sources/items .paused null 'sources: it goes on'
create rival '{"name":"Of rival"}'
wait_for "$WAIT_S" has_heard other "$ID" COMPLETED
is "1 0" "$(grep -c . <<<"$(heard other "$ID")") $(grep -c "$WAITS" "$DIR/other")" 'events: an operator hears of the own jobs alone'
is 0 "$(grep -c "$ID" "$DIR/live")" 'events: neither does the other'
kill "$live"
wait "$live" 2>/dev/null
last=$(sed -n 's/^id: //p' "$DIR/live" | tail -n 1)
create ops '{"name":"Missed","count":20}'
comes_to COMPLETED 'while nobody listens a job runs'
listen again ops -H "Last-Event-ID: $last"
again=$LISTENER
wait_for "$WAIT_S" has_heard again "$ID" COMPLETED
like '(PENDING )?(PROCESSING )?COMPLETED' "$(heard again "$ID")" 'events: who comes back with Last-Event-ID hears what was missed'
is 0 "$(grep -c resync "$DIR/again")" 'events: and need not ask again'
listen lost ops -H 'Last-Event-ID: 1-1'
wait_for "$WAIT_S" grep -q 'event: resync' "$DIR/lost"
is 1 "$(grep -c 'event: resync' "$DIR/lost")" 'events: with an id of another time: resync'

# --- payloads, journal, results ----------------------------------------------------------------------------------------------------------------

send ops POST /api/batch-jobs '{"source":"properties","criteria":[{"name":"Count","value":[1000]}],"campaign_id":"C-money"}'
PAID=$(jq -r .job_id <<<"$OUT")
comes_to COMPLETED 'a metered job' "$PAID"
eventually ops "/api/batch-jobs/$PAID/files" '[.total, (.files | length), ([.files[] | .file_status // .status] | unique)]' '[3,3,["PENDING"]]' 'files: what was captured waits'
call ops GET "/api/batch-jobs/$PAID/files/1/raw?length=1000000"
payload=$SPOOL/$(get ops "/api/batch-jobs/$PAID/files" '.files[0].file_path')
is "$(sha256sum <"$payload")" "$(sha256sum <"$DIR/body")" 'raw: byte for byte'
is "$(get ops "/api/batch-jobs/$PAID/files" '.files[0].sha256')" "$(sha256sum <"$DIR/body" | cut -c1-64)" 'raw: with the sum that is told'
call ops GET "/api/batch-jobs/$PAID/files/1/raw?offset=10&length=20"
is "$(tail -c +11 "$payload" | head -c 20)" "$OUT" 'raw: a part'
call ops GET "/api/batch-jobs/$PAID/files/1/raw?length=2000000"
is 400 "$CODE" 'raw: not too much at once'
call ops GET "/api/batch-jobs/$PAID/files/4/raw"
is 404 "$CODE" 'raw: a batch that is not there'
path="/api/batch-jobs/$PAID/log?limit=3" seen=''
for ((i = 0; i < 40 && ${#path}; i++)); do
    call ops GET "$path"
    seen+=" $(jq -r '.events[].seq' <<<"$OUT" | paste -sd' ')"
    path=$(field Link | sed -n 's/^<\(.*\)>; rel="next"$/\1/p')
done
is "$(jq -r .seq "$SPOOL/journal/$PAID.ndjson" | paste -sd' ')" "${seen# }" 'log: page by page it is the journal'
call ops GET "/api/batch-jobs/$PAID/results/download?format=csv"
is 404 "$CODE" 'results: there are none yet'
send ops POST "/api/batch-jobs/$PAID/results" '{"format":"csv"}'
is 409 "$CODE" 'results: of what is not loaded'
file=$(get ops "/api/batch-jobs/$PAID/files" '.files[0].file_id')
send ops POST /api/files/process "{\"files\":[\"$file\"]}"
answers '202 1' 'process now: one file' .files_count
run=$(jq -r .run_id <<<"$OUT")
eventually ops "/api/files/process/$run" '[.status, .files.COMPLETED, .success_count]' '["COMPLETED",1,400]' 'process now: it is loaded'
call rival GET "/api/files/process/$run"
is 404 "$CODE" "process now: another's run is not there"
call ops POST "/api/batch-jobs/$PAID/process"
answers '200 2' 'process now: the others' .moved
eventually ops "/api/batch-jobs/$PAID" '[.loaded_batches, .success_count]' '[3,1000]' 'process now: the job is loaded'
eventually ops "/api/files?shelf=processed&job=$PAID" .total 3 'files: by shelf'
for format in csv ndjson; do
    send ops POST "/api/batch-jobs/$PAID/results" "{\"format\":\"$format\"}"
    is 202 "$CODE" "results: $format are asked for"
    eventually ops "/api/batch-jobs/$PAID/results" "[.results[] | select(.name == \"records.$format\") | .sha256 != null]" '[true]' 'results: they are made'
    call ops GET "/api/batch-jobs/$PAID/results/download?format=$format"
    is "200 $(get ops "/api/batch-jobs/$PAID/results" ".results[] | select(.name == \"records.$format\") | .sha256")" "$CODE $(sha256sum <"$DIR/body" | cut -c1-64)" 'results: what comes has the sum that was told'
done
is 1000 "$(wc -l <"$DIR/body")" 'results: every record'
like 'attachment.*records.ndjson' "$(field Content-Disposition)" 'results: as a file'
cp "$DIR/body" "$DIR/whole"
tag=$(field ETag)
call ops GET "/api/batch-jobs/$PAID/results/download?format=ndjson" -H 'Range: bytes=100-199'
is "206 bytes 100-199/$(stat -c %s "$DIR/whole")" "$CODE $(field Content-Range)" 'results: a range'
is "$(tail -c +101 "$DIR/whole" | head -c 100 | sha256sum)" "$(sha256sum <"$DIR/body")" 'results: which is of the whole'
call ops GET "/api/batch-jobs/$PAID/results/download?format=ndjson" -H 'Range: bytes=-50'
is "$(tail -c 50 "$DIR/whole" | sha256sum)" "$(sha256sum <"$DIR/body")" 'results: the last so many'
call ops GET "/api/batch-jobs/$PAID/results/download?format=ndjson" -H 'Range: bytes=100-199' -H "If-Range: $tag"
is 206 "$CODE" 'results: a range of what somebody has the beginning of'
call ops GET "/api/batch-jobs/$PAID/results/download?format=ndjson" -H 'Range: bytes=100-199' -H "If-Range: \"$(sha256sum </dev/null | cut -c1-64)\""
is "200 $(stat -c %s "$DIR/whole")" "$CODE $(stat -c %s "$DIR/body")" 'results: all of it, when it is another file by now'
call ops GET "/api/batch-jobs/$PAID/results/download?format=ndjson" -H 'Range: bytes=99999999-'
is 416 "$CODE" 'results: a range behind the end'
call ops GET "/api/batch-jobs/$PAID/results/download?format=ndjson" -H "If-None-Match: $tag"
is 304 "$CODE" 'results: what somebody has already'
call ops GET "/api/batch-jobs/$PAID/results/download?name=..%2F..%2Fetc%2Fbatchspool.json"
is 400 "$CODE" 'results: no way out of the directory'
call viola GET '/api/records?source=properties&limit=500'
cursor=$(field X-Next-Cursor)
is '200 500' "$CODE $(wc -l <"$DIR/body")" 'records: the first page'
call viola GET "/api/records?source=properties&limit=500&since=$cursor"
is '200 500' "$CODE $(wc -l <"$DIR/body")" 'records: since the cursor, the others'
cursor=$(field X-Next-Cursor)
call viola GET "/api/records?source=properties&limit=500&since=$cursor"
is '200 0' "$CODE $(wc -l <"$DIR/body")" 'records: then nothing changed'

# --- searches, schedules ---------------------------------------------------------------------------------------------------------------------------

send ops POST /api/searches '{"name":"Reno & Sparks","source":"properties","job":{"source":"properties","criteria":[{"name":"State","value":["NV"]}]}}'
is '201 /api/searches/Reno%20%26%20Sparks' "$CODE $(field Location)" 'searches: one is kept'
call ops GET "$(field Location)"
answers '200 ["NV"]' 'searches: at its Location' '.job.criteria[0].value'
tag=$(field ETag)
call rival GET '/api/searches/Reno%20%26%20Sparks'
is 404 "$CODE" "searches: another's is not there"
send ops PUT '/api/searches/Reno%20%26%20Sparks' '{"name":"Reno","source":"properties","shared":true,"job":{"source":"properties"}}' -H "If-Match: $tag"
answers '200 [true,"Reno"]' 'searches: changed, renamed, shared' '[.shared, .name]'
send ops PUT /api/searches/Reno '{"name":"Reno","source":"properties","job":{"source":"properties"}}' -H "If-Match: $tag"
is 412 "$CODE" 'searches: not over what was changed meanwhile'
is '["Reno"]' "$(get rival /api/searches '[.searches[].name]')" 'searches: others see what is shared'
call rival DELETE /api/searches/Reno
is 403 "$CODE" 'searches: and do not remove it'
call ops DELETE /api/searches/Reno
is '204 0' "$CODE $(get ops /api/searches '.searches | length')" 'searches: removed'

send ops POST /api/schedules '{"schedule":"nightly","cron":"0 6 * * 1-5","timezone":"America/New_York","job":{"source":"items","count":5}}'
is '201 /api/schedules/nightly' "$CODE $(field Location)" 'schedules: one is made'
is ops "$(jq -r .job.created_by "$SPOOL/schedules/nightly.json")" 'schedules: its jobs are of who made it'
send ops POST /api/schedules '{"schedule":"crooked","cron":"61 * * * *","job":{"source":"items"}}'
answers '422 /cron' 'schedules: a time that is none' '.errors[0].pointer'
call rival GET /api/schedules/nightly
is 404 "$CODE" "schedules: another's is not there"
call ops POST /api/schedules/nightly/pause
answers '200 off' 'schedules: off' .state
call ops POST /api/schedules/nightly/resume
answers '200 on' 'schedules: on' .state
call ops POST /api/schedules/nightly/run
ID=$(jq -r .job_id <<<"$OUT")
is "201 /api/batch-jobs/$ID" "$CODE $(field Location)" 'schedules: run now'
comes_to COMPLETED 'schedules: and it runs'
call ops DELETE /api/schedules/nightly
is "204 1" "$CODE $([ -e "$SPOOL/schedules/nightly.json" ]; echo $?)" 'schedules: removed'

# --- uploads --------------------------------------------------------------------------------------------------------------------------------------------

left() { find "$SPOOL/documents/tmp" -name '*.upload' | wc -l; }
some_left() { [ "$(left)" -gt 0 ]; }
none_left() { [ "$(left)" = 0 ]; }
{ printf '%%PDF-1.4\n' && head -c 20000 /dev/urandom && printf '\n%%%%EOF\n'; } >"$DIR/lease.pdf"
sum=$(sha256sum <"$DIR/lease.pdf" | cut -c1-64)
call ops POST '/api/documents?name=lease.pdf' -H 'Content-Type: application/pdf' --data-binary @"$DIR/lease.pdf"
answers "201 [\"$sum\",\"lease.pdf\"]" 'uploads: a PDF' '[.document_id, .name]'
is "$sum" "$(sha256sum <"$(find "$SPOOL/documents/raw" -name "$sum")" | cut -c1-64)" 'uploads: it lies under its sum'
call ops POST '/api/documents?name=again.pdf' --data-binary @"$DIR/lease.pdf"
answers "200 $sum" 'uploads: the same again' .document_id
call ops POST /api/documents --data-binary $'PK\x03\x04[Content_Types].xml'
is 415 "$CODE" 'uploads: DOCX is refused'
like PDF "$(jq -r .detail <<<"$OUT")" 'uploads: with what to do'
call ops POST /api/documents -H 'Content-Length: 0'
is 422 "$CODE" 'uploads: an empty one'
call ops POST /api/documents --data-binary $'%PDF-1.4\nhalf of'
answers '422 true' 'uploads: one that ends too early' '.detail | contains("ends too early")'
call ops POST /api/documents --data-binary $'%PDF-1.4\ntrailer << /Root 1 0 R /Encrypt 2 0 R >>\n%%EOF\n'
answers '422 true' 'uploads: an encrypted one, with what to do' '.detail | contains("qpdf --decrypt")'
{ cat "$DIR/lease.pdf" && head -c 400000 /dev/zero; } >"$DIR/large.pdf"
call ops POST /api/documents --data-binary @"$DIR/large.pdf"
is 413 "$CODE" 'uploads: too large'
codes=''
for i in {1..10}; do
    call ops POST /api/documents --data-binary @"$DIR/large.pdf"
    codes+=" $CODE"
    call '' POST /api/documents --data-binary @"$DIR/large.pdf"
    codes+=" $CODE"
done
is "$(printf ' 413 401%.0s' {1..10})" "$codes" 'uploads: who is refused while sending sees why, each time'
call ops POST /api/documents --data-binary @"$DIR/large.pdf" -H 'Expect: 100-continue'
is '413 0' "$CODE $(sed -n '/100 Continue/p' "$DIR/head" | wc -l)" 'uploads: who asks first need not send'
call ops POST /api/documents -T "$DIR/large.pdf" -H 'Transfer-Encoding: chunked'
is 413 "$CODE" 'uploads: too large without saying so'
exec {socket}<>"/dev/tcp/127.0.0.1/${URL##*:}"
{ printf 'POST /api/documents HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Length: 250000\r\n\r\n' "$KEY_ops" && head -c 20000 "$DIR/lease.pdf"; } >&"$socket"
wait_for "$WAIT_S" some_left
is 1 "$(left)" 'uploads: half of one is there'
exec {socket}>&-
wait_for "$WAIT_S" none_left
is '0 1' "$(left) $(find "$SPOOL/documents/raw" -type f | wc -l)" 'uploads: broken off, it leaves nothing'
jq -n '{name: "papers", documents: true, steps: [{name: "read", exec: {command: ["cat"]}}], data_selector: "/results"}' >"$DIR/etc/sources/papers.json"
send ops POST /api/batch-jobs "$(jq -nc --arg sum "$sum" '{source: "papers", not_before: "2099-01-01T00:00:00Z", documents: [{sha256: $sum, name: "lease.pdf", bytes: 20000, type: "pdf", group: "Harbour House"}]}')"
ID=$(jq -r .job_id <<<"$OUT")
eventually ops "/api/batch-jobs/$ID" .name 'Harbour House' 'uploads: a job of documents of one group is called like it'
send ops POST "/api/batch-jobs/$ID/cancel" '{}'
comes_to CANCELLED 'uploads: it is not run'
call ops POST '/api/uploads/urls?name=urls.txt' -H 'Content-Type: text/plain' --data-binary $'example.com\nhttps://example.org/\nEXAMPLE.com/\nnot a url\n'
answers '201 [2,1,4]' 'uploads: URLs, cleaned, with the line of what is wrong' '[.total, .duplicates, .rejected[0].line]'
call ops POST /api/uploads/urls -H 'Content-Type: text/csv' --data-binary $'url,team\nexample.com/,Shop\nexample.org,\n'
answers '201 [["https://example.com","https://example.org"],{"https://example.com":{"team":"Shop"}}]' 'uploads: CSV, with its labels' '[.urls, .labels]'
seq -f '%.0f.example' 1 19000 >"$DIR/many"
call ops POST /api/uploads/urls -H 'Content-Type: text/plain' --data-binary @"$DIR/many"
answers '201 [19000,10000]' 'uploads: of many the first are told' '[.total, (.urls | length)]'
call ops POST /api/uploads/criteria -H 'Content-Type: application/json' --data-binary '{"source":"items","count":7}'
answers '201 7' 'uploads: a job file' .job.count
call ops POST /api/uploads/criteria -H 'Content-Type: application/json' --data-binary '{"source":"items","count":"7"}'
answers '422 /count' 'uploads: a wrong one' '.errors[0].pointer'

# --- money and audit ------------------------------------------------------------------------------------------------------------------------------------------

for by in source campaign owner; do
    is "$(bs money --json --by $by | jq -cS 'del(.. | .at? // empty)')" "$(get ada "/api/money?by=$by" . | jq -cS 'del(.. | .at? // empty)')" "money by $by: as the command line says it"
done
is 50.00 "$(get ops '/api/money?by=campaign' '.rows[] | select(.campaign_id == "C-money") | .spent')" 'money: what the metered job cost'
settled_audit=$(bs audit --json --event accepted --event cancelled --event released | jq -cS .)
get ada '/api/audit?event=accepted,cancelled,released&limit=500' '.events | reverse[]' >"$DIR/audit"
is "$settled_audit" "$(jq -cS . "$DIR/audit")" 'audit: as the command line says it'
whole=$(get ada '/api/audit?limit=500' '.events[] | [.ts, .event, .by] | join(" ")')
path='/api/audit?limit=40' seen=''
for ((i = 0; i < 40 && ${#path}; i++)); do
    call ada GET "$path"
    seen+=$(jq -r '.events[] | [.ts, .event, .by] | join(" ")' <<<"$OUT")$'\n'
    path=$(field Link | sed -n 's/^<\(.*\)>; rel="next"$/\1/p')
done
is "$(sha256sum <<<"$whole")" "$(sha256sum <<<"${seen%$'\n'}")" 'audit: page by page by Link it is the whole'
is "$(sort -r <<<"$whole" | cut -d' ' -f1 | sha256sum)" "$(cut -d' ' -f1 <<<"$whole" | sha256sum)" 'audit: newest first, acts of jobs and others in one'
like 'login ops' "$whole" 'audit: who signed in'
is '["failed (401)","ok"]' "$(get ada '/api/audit?event=login&limit=500' '[.events[].outcome] | unique')" 'audit: and who could not'
is true "$(get ada '/api/audit?by=ops&limit=500' '[.events[].event] | contains(["login", "cancelled", "source.pause"])')" 'audit: of one person, with whatever key'
is 0 "$(get ada '/api/audit?by=op&limit=500' '.total')" 'audit: and of no other'
is '["source.pause"]' "$(get ada '/api/audit?event=source.pause' '[.events[] | select(.target == "items") | .event]')" 'audit: pauses'
is 0 "$(grep -cF -e "$PASSWORD" -e "$KEY_ops" -e "$REFRESH" "$SPOOL/web/audit.ndjson")" 'audit: no secret is in it'
call ops GET /api/audit
is 403 "$CODE" 'audit: for admins'

# --- how it ends --------------------------------------------------------------------------------------------------------------------------------------------------

listen bye ops
bye=$LISTENER
kill -0 "$other" "$again" "$bye" 2>/dev/null
is 0 $? 'listeners are connected'
httpd_stop 'SIGTERM: it ends in good order'
wait "$bye"
is 0 $? 'SIGTERM: and the streams end as they should'
httpd_start --listen 127.0.0.1:0
is "$(bs list --json 2>/dev/null | jq -s 'flatten | length')" "$(get ada '/api/batch-jobs?limit=500' .total)" 'after a restart: every job is there'
httpd_stop 'it ends in good order'
daemon_stop
is 0 "$STATUS" 'so does the daemon'
verified 'verify finds no difference'
finish
