#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The metered API that the other tests run against: its paging, its charges, every fault it can play.
set -u
cd "$(dirname "$0")/.." || exit 1
API=${BUILD:-build}/tools/meteredapi
DIR=$(mktemp -d "${TMPDIR:-/tmp}/meteredapi.XXXXXX")
PIDS=()
COUNT=0
STATUS=0

# shellcheck disable=SC2317 # run by the trap
cleanup() {
    for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    rm -rf "$DIR"
}
trap cleanup EXIT

# is WANTED GOT NAME
is() {
    COUNT=$((COUNT + 1))
    if [ "$1" = "$2" ]; then
        echo "ok $COUNT - $3"
    else
        echo "not ok $COUNT - $3"
        printf '# wanted: %s\n# got:    %s\n' "$1" "${2:0:300}"
        STATUS=1
    fi
}

# start OPTION...: a server of its own; sets URL and PID
start() {
    local file="$DIR/port.${#PIDS[@]}"
    "$API" --port-file "$file" "$@" >"$DIR/out" 2>"$DIR/err" &
    PID=$!
    PIDS+=("$PID")
    for _ in $(seq 500); do
        [ -s "$file" ] && break
        sleep 0.01
    done
    URL=http://127.0.0.1:$(cat "$file")
}

# search PURCHASE START LIMIT [CRITERIA [CURL OPTION...]]
search() {
    local query="Purchase=$1&Start=$2&Limit=$3&Fields=Overview" criteria=${4:-}
    shift $(($# < 4 ? $# : 4))
    curl -s -m 5 -H 'Authorization: Bearer secret' -H 'Content-Type: application/json' "$@" \
        -d "{\"Criteria\":[$criteria]}" "$URL/v1/properties?$query"
}

faults() {
    curl -s -o /dev/null -w '%{http_code}' -d "{\"faults\":[$1]}" "$URL/_faults"
}

reset() {
    curl -s -o /dev/null -X POST "$URL/_reset"
}

stat() {
    curl -s "$URL/_stats" | jq -c "$1"
}

# ids of an answer as FIRST-LAST/COUNT
span() {
    jq -r '[.results[].RadarID] | "\(.[0])-\(.[-1])/\(length)"'
}

count() {
    printf '{"name":"Count","value":[%d]}' "$1"
}

# once KIND OPTIONS...: reset, set one fault, buy 4 records; leaves body, head, and curl's result in EXIT
once() {
    reset
    rm -f "$DIR/body"
    faults "{\"kind\":\"$1\"${2:+,$2}}" >"$DIR/set"
    search 1 0 4 '' -D "$DIR/head" -o "$DIR/body" "${@:3}"
    EXIT=$?
}

header() {
    tr -d '\r' <"$DIR/head" | sed -n "s/^$1: //Ip"
}

code() {
    sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$DIR/head"
}

# --- base 0: paging, charges, books
start --token secret --preview ids --gzip --bytes-log "$DIR/bytes" --state "$DIR/state" --max-limit 500
is "listening on $URL" "$(cat "$DIR/out")" 'says where it listens'
is P00000000-P00000018/25 "$(search 0 0 '' | span)" 'page of 25 by default'
is 0 "$(stat .charged_records)" 'a preview charges nothing'
is '[25,10000,"500.00","number"]' "$(search 0 0 '' | jq -c '[.resultCount,.totalResultCount,.totalCost,(.quantityFreeRemaining|type)]')" 'preview: count, cost as text, free quantity'
is '["RadarID"]' "$(search 0 0 2 | jq -c '.results[1]|keys')" 'id-only preview'
is P00000000-P000001F3/500 "$(search 1 0 900 | span)" 'Limit is capped to the page maximum'
is '[500,500,1,0]' "$(stat '[.charged_records,.charged_ids,.max_charge,.twice]')" 'every record charged once'
is '"25.00"' "$(search 1 500 500 | jq -c .totalCost)" 'totalCost is text'
is '["25.00",false]' "$(search 1 500 500 | jq -c '[.totalCost,has("quantityFreeRemaining")]')" 'a purchase has no free quantity'
is '[1500,1000,2,500]' "$(stat '[.charged_records,.charged_ids,.max_charge,.twice]')" 'what was bought twice is seen'
is 'P000001F3 1 P000001F4 2' "$(curl -s "$URL/_charges" | sed -n '500,501p' | tr '\n' ' ' | sed 's/ $//')" 'charges by record'
is 1500 "$(wc -l <"$DIR/state")" 'charges are kept in the state file'
search 1 500 500 >"$DIR/page"
is 0 "$(cmp "$DIR/page" "$DIR/bytes/500.json" && echo 0)" 'exact bytes of a purchase are logged'
is P00000000-P00000006/7 "$(search 1 0 100 "$(count 7)" | span)" 'Count sets the total'
is '[0,7]' "$(search 1 7 100 "$(count 7)" | jq -c '[.resultCount,.totalResultCount]')" 'past the end: no rows'
is P00000064-P00000068/5 "$(search 1 0 5 '{"name":"Offset","value":[100]}' | span)" 'Offset overlaps searches'
is 20000 "$(search 0 0 1 "$(count 20000)" | jq .totalResultCount)" 'a total beyond the records'
is 1 "$(search 1 0 5 | jq '[.results[]|tojson|length]|min > 1000' | grep -c true)" 'records have their size'
is 9007199254740993 "$(search 1 0 1 | grep -o '"PropertyKey":[0-9]*' | cut -d: -f2)" 'integers beyond 2^53'
is 'true' "$(search 1 0 9 | jq '[.results[].Persons|length]|(max==2 and min>=1)')" 'one or two owners'
is "$(search 1 3 5 | md5sum)" "$(search 1 3 5 | md5sum)" 'the same page has the same bytes'
is 1 "$(search 1 0 5 '' -i | tr -d '\r' | grep -ci '^x-radar-request-id: .')" 'request id header'
is gzip "$(search 1 0 100 '' -H 'Accept-Encoding: gzip' -D "$DIR/head" -o "$DIR/coded"; header content-encoding)" 'gzip on request'
is "$(search 1 0 100 | md5sum)" "$(gzip -dc <"$DIR/coded" | md5sum)" 'the same bytes under gzip'

# --- what it refuses
is '["401",true]' "$(curl -s -w '\n"%{http_code}"' -d '{"Criteria":[]}' "$URL/v1/properties?Purchase=0" | jq -cs '[.[1],(.[0]|has("error"))]')" '401 as JSON'
refuses() {
    is "[400,\"$1\"]" "$(curl -s -w '\n%{http_code}' -H 'Authorization: Bearer secret' -d "$3" "$URL/v1/properties?$2" | jq -cs '[.[1],.[0].error]')" "400: $1"
}
refuses 'Missing required param Purchase' 'Start=0' '{"Criteria":[]}'
refuses 'Invalid param Purchase' 'Purchase=2' '{"Criteria":[]}'
refuses 'Invalid param Limit' 'Purchase=1&Limit=0' '{"Criteria":[]}'
refuses 'Invalid param Start' 'Purchase=1&Start=-1' '{"Criteria":[]}'
refuses 'Unexpected payload field' 'Purchase=1' '{"Criteria":[],"Limit":5}'
refuses 'Missing required param Criteria' 'Purchase=1' '{}'
refuses 'Unexpected Criterion' 'Purchase=1' '{"Criteria":[{"name":"State","value":"CA"}]}'
refuses 'Invalid JSON payload' 'Purchase=1' '{"Criteria":[]} x'
is '404 405' "$(curl -s -o /dev/null -w '%{http_code} ' "$URL/v1/none")$(curl -s -o /dev/null -w '%{http_code}' "$URL/v1/properties")" '404 and 405'
is 400 "$(faults '{"kind":"nonsense"}')" 'an unknown fault is refused'
is 400 "$(faults '{"kind":"status","statsu":500}')" 'an unknown option is refused'

# --- unmetered lists
is '[3,12]' "$(curl -s "$URL/v1/items?offset=5&limit=3&count=12" | jq -c '[(.items|length),.total]')" 'items: offset paging with a total'
is '["array",2,"P0000000A"]' "$(curl -s "$URL/v1/list?offset=10&limit=5&count=12" | jq -c '[type,length,.[0].RadarID]')" 'list: a bare array'
is 12 "$(curl -s -o /dev/null -D "$DIR/head" "$URL/v1/list?count=12"; header x-total-count)" 'X-Total-Count'

# --- statistics
reset
is '[0,0,[]]' "$(stat '[.requests,.charged_records,.arrivals_ms]')" 'reset clears all'
is 0 "$(wc -c <"$DIR/state")" 'reset clears the state file'
curl -s -o /dev/null -o /dev/null -o /dev/null "$URL/v1/list" "$URL/v1/list" "$URL/v1/list?limit=x"
is '[3,1,{"200":2,"400":1},3]' "$(stat '[.requests,.connections,.statuses,(.arrivals_ms|length)]')" 'connections are kept alive; statuses, arrivals'
faults '{"kind":"delay","ms":300,"count":3}' >/dev/null
for _ in 1 2 3; do search 1 0 1 '' -o /dev/null & JOBS+=($!); done
wait "${JOBS[@]}"
is '[0,true,0,true,true]' "$(stat '[.in_flight,.max_in_flight>=2,.paid_in_flight,.max_paid_in_flight>=2,.same_in_flight>=1]')" 'requests in flight, of the same page, too'

# --- every fault
once status '"status":503'
is '503 [0]' "$(code) $(stat '[.charged_records]')" 'status: 503, not charged'
is '200 1' "$(search 1 0 4 '' -o /dev/null -w '%{http_code}') $(stat .faults_fired)" 'once only by default'
once status '"status":500,"charge":true,"body":"{\"message\":\"x\"}"'
is '500 {"message":"x"} 4' "$(code) $(cat "$DIR/body") $(stat .charged_records)" 'status: 500 after charging, own body'
once status '"status":429,"retry_after":"7"'
is '429 7' "$(code) $(header retry-after)" '429 with seconds'
once status '"status":429,"retry_after":"date:+5"'
is 'true' "$(jq -n --argjson d "$(($(date -d "$(header retry-after)" +%s) - $(date +%s)))" '$d>=3 and $d<=5')" '429 with an HTTP date'
once drop_before
is '52 0' "$EXIT $(stat .charged_records)" 'drop_before: nothing charged'
once drop_after
is '52 4 1' "$EXIT $(stat .charged_records) $(stat .dropped)" 'drop_after: charged, no answer'
once drop_mid
is '18 4' "$EXIT $(stat .charged_records)" 'drop_mid: a partial answer'
is true "$(jq -n "$(wc -c <"$DIR/body") == ($(header content-length)/2|floor)")" 'drop_mid: half of what was announced'
once truncate
is '0 false' "$EXIT $(jq -e . "$DIR/body" >/dev/null 2>&1 && echo true || echo false)" 'truncate: complete HTTP, half of the JSON'
once invalid_json
is '0 false }' "$EXIT $(jq -e . "$DIR/body" >/dev/null 2>&1 && echo true || echo false) $(sed 's/)$/}/' "$DIR/body" | jq -r '"}"')" 'invalid_json: wrong in its last byte'
once error_body
is '200 Search failed 0' "$(code) $(jq -r .error "$DIR/body") $(stat .charged_records)" 'error_body'
once html
is '200 text/html' "$(code) $(header content-type)" 'html'
once stall '' -m 0.4
is '28 200 4 0' "$EXIT $(code) $(stat .charged_records) $(cat "$DIR/body" 2>/dev/null | wc -c)" 'stall: headers, then nothing'
once slow '"ms_per_kb":60'
search 1 0 4 >"$DIR/fast"
is '0 0' "$EXIT $(cmp "$DIR/fast" "$DIR/body" && echo 0)" 'slow: the same bytes'
is true "$(faults '{"kind":"slow","ms_per_kb":60}' >/dev/null; search 1 0 4 '' -o /dev/null -w '%{time_total}' | jq '. > 0.25')" 'slow: takes its time'
once huge '' --max-filesize 100000000 -m 0.4
is '28 true' "$EXIT $(jq -n "$(wc -c <"$DIR/body") > 1000000")" 'huge: no end'
is '{"results":[{"RadarID":"P00000000"},{"RadarID":"P00000000"},' "$(head -c 60 "$DIR/body")" 'huge: looks good at first'
is true "$(head -c 5000000 "$DIR/body" | sed 's/},[^}]*$/}]}/' | jq '.results|length > 1000')" 'huge: stays JSON'
once gzip_bomb '"mb":64'
is 'true 67108876' "$(jq -n "$(wc -c <"$DIR/body") < 100000") $(gzip -dc <"$DIR/body" | wc -c)" 'gzip_bomb: small outside, huge inside'
once wrong_type
is '"object"' "$(jq -c '.results|type' "$DIR/body")" 'wrong_type: results'
once wrong_type '"member":"totalResultCount"'
is '"about 10000"' "$(jq -c .totalResultCount "$DIR/body")" 'wrong_type: total'
once wrong_type '"member":"content_type"'
is 'text/plain 4' "$(header content-type) $(jq .resultCount "$DIR/body")" 'wrong_type: content type'
once delay '"ms":300' -w '%{time_total}' >"$DIR/time"
is '0 true' "$EXIT $(jq '. >= 0.3' "$DIR/time")" 'delay'
once short_page '"n":3'
is 'P00000000-P00000002/3 3' "$(span <"$DIR/body") $(stat .charged_records)" 'short_page'
once duplicate
is '["P00000000","P00000001","P00000002","P00000003","P00000000"]' "$(jq -c '[.results[].RadarID]' "$DIR/body")" 'duplicate: one more row'
is '[5,1]' "$(stat '[.charged_records,.twice]')" 'duplicate: charged as returned'
once duplicate '"replace":true'
is '["P00000000","P00000001","P00000002","P00000000"]' "$(jq -c '[.results[].RadarID]' "$DIR/body")" 'duplicate: in place of the last'
once change_total '"delta":-3'
is '9997 9997' "$(jq .totalResultCount "$DIR/body") $(search 0 0 1 | jq .totalResultCount)" 'change_total: from then on'
once shift '"n":2'
is 'PFFFFFFFE-P00000001/4 P00000002' "$(span <"$DIR/body") $(search 1 4 1 | jq -r '.results[0].RadarID')" 'shift: new records first, from then on'
once shift '"n":-2'
is 'P00000002-P00000005/4' "$(span <"$DIR/body")" 'shift: records gone'

# --- which requests a fault meets
reset
faults '{"kind":"status","on":"paid","at":2,"count":2},{"kind":"status","status":418,"on":"preview","count":-1},{"kind":"status","status":409,"start":8}' >/dev/null
codes() {
    for args in "$@"; do
        # shellcheck disable=SC2086
        search $args '' -o /dev/null -w '%{http_code} '
    done
}
is '200 418 503 418 503 200 409 ' "$(codes '1 0 1' '0 0 1' '1 0 1' '0 0 1' '1 0 1' '1 0 1' '1 8 1')" 'on, at, count, start'
is 200 "$(curl -s -o /dev/null -w '%{http_code}' "$URL/v1/items")" 'not met: free'
faults '{"kind":"status","on":"free"}' >/dev/null
is 503 "$(curl -s -o /dev/null -w '%{http_code}' "$URL/v1/items")" 'met: free'

# --- its end and its next start
reset
search 1 0 3 >/dev/null
faults '{"kind":"stall"}' >/dev/null
search 1 3 3 >/dev/null &
CLIENT=$!
for _ in $(seq 200); do
    [ "$(stat .faults_fired)" = 1 ] && break
    sleep 0.01
done
kill "$PID"
wait "$PID"
is 0 $? 'stops at once, a stalled answer or not'
wait "$CLIENT"
printf 'P000000' >>"$DIR/state"
start --token secret --state "$DIR/state"
is '[6,6]' "$(stat '[.charged_records,.charged_ids]')" 'charges outlive the server'
is '[]' "$(search 0 0 5 | jq -c .results)" 'empty preview by default'

# --- base 1, a small page, a balance
start --start-base 1 --max-limit 10 --balance 25 --price 0.125
is 'P00000000-P00000009/10' "$(search 1 1 50 | span)" 'base 1: the first page starts at 1'
is 'P00000000-P00000000/1' "$(search 1 0 1 | span)" 'base 1: 0 is like 1'
is 'P0000000A-P00000013/10 "1.25"' "$(search 1 11 10 >"$DIR/body"; span <"$DIR/body") $(jq .totalCost "$DIR/body")" 'base 1: the second page, another price'
is 4 "$(search 0 1 10 | jq .quantityFreeRemaining)" 'what the balance leaves'
is '402 21' "$(search 1 21 10 '' -o "$DIR/body" -w '%{http_code}') $(stat .charged_records)" '402 beyond the balance, nothing charged'
is 'true 200' "$(jq 'has("error")' "$DIR/body") $(search 1 21 4 '' -o /dev/null -w '%{http_code}')" '402 as JSON; what is left can be bought'

# --- a rate limit, no previews
start --rate 3/2 --preview none
is '400 200 200 429 ' "$(codes '0 0 1' '1 0 1' '1 1 1' '1 2 1')" 'the fourth request in the window is refused'
search 1 0 1 '' -D "$DIR/head" -o /dev/null
is true "$(jq -n "$(header retry-after) | . >= 1 and . <= 2")" 'Retry-After in seconds'
sleep "$(header retry-after)"
is '200 2' "$(search 1 0 1 '' -o /dev/null -w '%{http_code}') $(stat '.statuses["429"]')" 'then there is room again'

"$API" --nonsense 2>/dev/null
is 64 $? 'usage error'
echo "1..$COUNT"
exit $STATUS
