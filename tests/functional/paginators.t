#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each paginator against a server that pages so: every page asked for once, every record captured and loaded once, also when the daemon is killed between an
# answer and its capture; and servers that loop, lead astray, ignore what they are asked, or end too early.
. "$(dirname "$0")/../lib.sh"
paged_start
CHAINS=(cursor header_cursor header_link json_link odata)
ALL=(page_number offset "${CHAINS[@]}")
declare -A JOB
RUNS=0

# go auto|manual SOURCE...: a job for each, side by side, that is loaded or not
go() {
    local process=$1 source
    shift
    RUNS=$((RUNS + 1))
    for source; do
        drop "run$RUNS-$source" 0 "{source: \"$source\", process: \"$process\"}"
        JOB[$source]=$ID
    done
}

# pages COUNT: what the server should have been asked for
pages() {
    jq -nc --argjson count "$1" 'range(0; $count; 25) | [. + 1, ([25, $count - .] | min)]'
}

numbers_of_raw() {
    find "$SPOOL/payloads/raw" -name "*_batch*_${1:0:29}.json" -exec cat {} + | jq -r '(.data // .value)[].n'
}

# captured SOURCE WHAT [COUNT]: its job completes, with all records once
captured() {
    local id=${JOB[$1]} count=${3:-90}
    at processed "$1: $2" "$id" || return
    is "[$count,0,0] $(seq "$count" | sha256sum)" "$(event 'select(.event == "completed") | [.unique,.duplicates,.missing // 0] | tojson' "$id") $(numbers_of_raw "$id" | sort -n | sha256sum)" \
        "$1: all records, each once"
}

# whole SOURCE WHAT [COUNT [EMPTY]]: captured, no page asked for twice, no more than EMPTY empty ones, loaded
whole() {
    local id=${JOB[$1]} count=${3:-90}
    captured "$1" "$2" "$count" || return
    is "$(pages "$count")" "$(asked "$1" 'select(.count > 0) | [.first, .count]' | sort -t[ -k2n)" "$1: each page was asked for once"
    is "true" "$(asked "$1" 'select(.count == 0)' | jq -s "length <= ${4:-0}")" "$1: and nothing else"
    is "$(seq "$count" | sha256sum)" "$(bs export --job "$id" | jq -r .n | sort -n | sha256sum)" "$1: loaded, each record once"
}

# short WHAT SOURCE COUNTS: failed, reason coverage, [expected, unique, duplicates, missing]
short() {
    local id=${JOB[$2]}
    at failed "$2: $1" "$id" || return
    is "coverage $3" "$(event 'select(.event == "failed") | "\(.reason) \([.expected,.unique,.duplicates,.missing] | tojson)"' "$id")" "$2: reason coverage, with the counts"
}

# astray WHAT SOURCE REQUESTS WORDS: failed, reason coverage, for these words, after so many requests
astray() {
    local id=${JOB[$2]}
    at failed "$2: $1" "$id" || return
    is coverage "$(event 'select(.event == "failed") | .reason' "$id")" "$2: reason coverage"
    like "$4" "$(why "$id")" "$2: the words say why"
    is "$3" "$(asked "$2" .status | wc -l)" "$2: requests"
}

POSTS='.steps[0].http.method = "POST" | .steps[0].http.json = {"Criteria": [], "paging": {}} | del(.paginator.limit_param, .paginator.offset_param)'
for s in "${ALL[@]}" single; do source_paged "$s"; done
source_paged page_number-one '.paginator.base_page = 1'
source_paged page_number-pages 'del(.paginator.total_unit)'
source_paged offset-header 'del(.paginator.total_path) | .paginator.total_header = "X-Total-Count"'
for s in "${ALL[@]}"; do source_paged "$s-none" 'del(.paginator.total_path)'; done
for s in page_number offset cursor; do source_paged "$s-more" 'del(.paginator.total_path) | .paginator.has_more_path = "/has_more"'; done
# The three places: in the JSON body of a POST, in headers; as query parameters is how all the others go.
source_paged page_number-body "$POSTS"' | .paginator += {limit_body_path: "/paging/limit", page_body_path: "/paging/page"}'
source_paged offset-body "$POSTS"' | .paginator += {limit_body_path: "/limit", offset_body_path: "/offset"}'
source_paged cursor-body "$POSTS"' | .paginator += {limit_body_path: "/paging/limit", cursor_body_path: "/paging/cursor"}'
source_paged header_cursor-body "$POSTS"' | .paginator += {limit_body_path: "/paging/limit", cursor_body_path: "/cursor"}'
source_paged header_link-body "$POSTS"' | .paginator += {limit_body_path: "/paging/limit"}'
source_paged json_link-body "$POSTS"' | .paginator += {limit_body_path: "/paging/limit"}'
HEADERS='del(.paginator.limit_param, .paginator.offset_param) | .paginator.limit_header = "X-Limit"'
source_paged page_number-header "$HEADERS"' | .paginator.page_header = "X-Page"'
source_paged offset-header_place "$HEADERS"' | .paginator.offset_header = "X-Offset"'
source_paged cursor-header "$HEADERS"' | .paginator.cursor_header = "X-Cursor"'
source_paged header_cursor-header "$HEADERS"' | .paginator.cursor_header = "X-Cursor"'
# A key in the query, which a server may echo in its links; a token in a header.
for s in header_link json_link; do
    source_paged "$s-key" '.steps[0].http.params.key = "${secret:api_token}"'
    source_paged "$s-token" '.steps[0].http.headers.Authorization = "Bearer ${secret:api_token}"'
done
ok 'all sources are good' bs check
daemon_start

# --- as it should be
paged_set '{"records": 90}'
go auto "${ALL[@]}" single
for s in "${ALL[@]}"; do whole "$s" '90 records in 4 pages'; done
for s in "${CHAINS[@]}"; do is "$(pages 90)" "$(asked "$s" '[.first, .count]')" "$s: in their order"; done
captured single '90 records in one answer'
is '[1,90]' "$(asked single '[.first, .count]')" 'single: one request'
for s in "${ALL[@]}"; do
    is "$(seq 1 25 90 | tr '\n' ' ')" "$(find "$SPOOL/payloads/raw" -name "*_batch*_${JOB[$s]:0:29}.json" | sort | xargs jq -r '(.data // .value)[0].n' | tr '\n' ' ')" "$s: batches in the order of the pages"
done

paged_set '{"records": 100, "base": 1}'
go auto page_number-one
whole page_number-one 'pages that are counted from 1' 100
paged_set '{"records": 90, "total": "pages"}'
go auto page_number-pages
whole page_number-pages 'a total that counts pages'
paged_set '{"records": 90, "total": "header"}'
go auto offset-header
whole offset-header 'a total in a header'
paged_set '{"records": 90, "total": "changing"}'
go manual "${CHAINS[@]}"
for s in "${CHAINS[@]}"; do captured "$s" 'a total that is too high, but on the last page'; done
paged_set '{"records": 0}'
go manual "${ALL[@]}" single
for s in "${ALL[@]}" single; do
    captured "$s" 'a search that finds nothing' 0
    is 200 "$(asked "$s" .status)" "$s: is asked once"
done

# --- without a total
paged_set '{"records": 100, "total": "none"}'
go auto "${ALL[@]/%/-none}"
for s in page_number offset; do whole "$s-none" 'no total: an empty page is the end' 100 2; done
for s in "${CHAINS[@]}"; do whole "$s-none" 'no total: no next is the end' 100; done
paged_set '{"records": 90, "total": "zero"}'
go manual "${ALL[@]}"
for s in "${ALL[@]}"; do captured "$s" 'a total of 0 beside records is none'; done
paged_set '{"records": 100, "total": "none", "has_more": true}'
go auto page_number-more offset-more cursor-more
for s in page_number offset cursor; do whole "$s-more" 'has_more says where the end is' 100 1; done

# --- where limit and position go
paged_set '{"records": 90}'
places=(page_number-body offset-body cursor-body header_cursor-body header_link-body json_link-body page_number-header offset-header_place cursor-header header_cursor-header)
go auto "${places[@]}"
for s in "${places[@]}"; do
    whole "$s" 'limit and position in other places'
    is '' "$(asked "$s" 'select(.url | test("[?&](limit|page|offset)=")) | .url')" "$s: not in the query"
done
is '{"Criteria":[],"paging":{"limit":25,"page":0}}' "$(asked page_number-body .body | head -n 1)" 'numbers in the body'
is '["25","2"]' "$(asked page_number-header '[.headers["x-limit"], .headers["x-page"]] | tojson' | sed -n 's/.*"2".*/&/p')" 'page_number: in headers'
is '' "$(asked header_link-body 'select(.method != "POST" or (.body | fromjson.paging.limit) != 25) | .url')" 'header_link: each page is a POST with the body'

# --- cursors and links of all kinds: the server takes back only what it gave
for kind in '"number"' '"object"' '"odd"' '"huge", "cursor_bytes": 4000'; do
    paged_set "{\"records\": 60, \"cursor\": $kind}"
    go manual cursor cursor-body header_cursor header_cursor-header header_link json_link
    for s in cursor-body header_cursor header_cursor-header header_link json_link; do captured "$s" "cursors: $kind" 60; done
    if [ "$kind" = '"object"' ]; then
        astray 'an object as a query parameter' cursor 1 'cursor_body_path'
    else
        captured cursor "cursors: $kind" 60
    fi
done
paged_set '{"records": 60, "cursor": "huge"}'
go manual cursor header_cursor json_link
for s in cursor header_cursor json_link; do astray 'a cursor of 20,000 bytes' "$s" 1 'long|bytes|large'; done
for kind in relative path many odd; do
    paged_set "{\"records\": 60, \"link\": \"$kind\"}"
    go manual header_link json_link odata
    for s in header_link json_link odata; do captured "$s" "links: $kind" 60; done
done

# --- pages that are not as they should be
paged_set '{"records": 90, "empty_at": 2}'
go auto "${CHAINS[@]}"
for s in "${CHAINS[@]}"; do whole "$s" 'an empty page, more follow' 90 1; done
paged_set '{"records": 90, "short_at": 2}'
go manual offset "${CHAINS[@]}"
for s in offset "${CHAINS[@]}"; do captured "$s" 'a short page in the middle'; done
paged_set '{"records": 90, "duplicate_at": 2}'
go manual "${ALL[@]}"
for s in "${ALL[@]}"; do short 'a record twice, in place of another' "$s" '[90,89,1,1]'; done
paged_set '{"records": 90, "early_end_at": 3}'
go manual "${ALL[@]}"
for s in "${ALL[@]}"; do short 'the records end too early' "$s" '[90,50,0,40]'; done
paged_set '{"records": 90, "ignore_limit": true, "ignore_offset": true, "cap": 60, "total": "none"}'
go manual page_number-none offset-none
for s in page_number-none offset-none; do
    at hold "$s: a server that ignores limit and position" "${JOB[$s]}"
    is limit_ignored "$(event 'select(.event == "held") | .reason' "${JOB[$s]}")" "$s: reason limit_ignored"
    is 60 "$(asked "$s" .count)" "$s: after one request"
done

# --- loops, and links that lead away
paged_set '{"records": 90, "loop_at": 3}'
go manual "${CHAINS[@]}"
for s in "${CHAINS[@]}"; do astray 'the third page leads back to the second' "$s" 3 'before|again|loop|twice'; done
paged_set '{"records": 90, "loop_at": 2}'
go manual "${CHAINS[@]}"
for s in "${CHAINS[@]}"; do astray 'the second page leads to itself' "$s" 2 'before|again|loop|twice'; done
paged_set "{\"records\": 90, \"link\": \"foreign\", \"auth\": \"bearer $TOKEN\"}"
go manual header_link-token json_link-token
for s in header_link-token json_link-token; do astray 'a link to another host is not followed' "$s" 1 'host|localhost|origin'; done

# --- secrets stay where they belong
paged_set "{\"records\": 90, \"auth\": \"api_key query key $TOKEN\"}"
go auto header_link-key json_link-key
for s in header_link-key json_link-key; do
    whole "$s" 'a key in the query, echoed in the links'
    is '200 200 200 200' "$(asked "$s" .status | tr '\n' ' ' | sed 's/ $//')" "$s: it is sent with each request"
done
paged_set "{\"records\": 90, \"auth\": \"bearer $TOKEN\"}"
go auto header_link-token json_link-token
for s in header_link-token json_link-token; do whole "$s" 'a token in a header'; done
ok 'the canary is one: a payload that echoes it has it' grep -rq -- "$TOKEN" "$SPOOL/payloads/raw"
is '' "$(grep -rlF -- "$TOKEN" "$SPOOL/jobs" "$SPOOL/journal" "$SPOOL/index" "$SPOOL/results" "$SPOOL/records" "$DIR/daemon.log")" 'no secret in jobs, journals, index, records, or the log'

# --- kill -9 between answered and captured: when the raw file has its name, and before
# doomed SPEC: a daemon that will be killed, perhaps before it says that it runs; disowned: the shell tells nothing of its end
doomed() {
    BATCHSPOOL_FAULT=$1 "$PROGRAMS/batchspoold" --foreground >>"$DIR/daemon.log" 2>&1 &
    DAEMON_PID=$!
    disown "$DAEMON_PID"
}

# killed NAME
killed() {
    wait_for "$WAIT_S" gone "/proc/$DAEMON_PID"
    result $? "$1" "$(tail -n 5 "$DIR/daemon.log")"
    DAEMON_PID=''
}

# asked_again ID: pages that have a request after an answer
asked_again() {
    jq -rs 'map(select(.batch)) | group_by(.batch)[] | select(map(.event) | (index("answered") // 1e9) < (rindex("requested") // 0)) | .[0].batch' "$SPOOL/journal/$1.ndjson"
}

daemon_stop
for s in "${ALL[@]}"; do source_paged "$s" '.concurrency_level = {default_concurrency: 1, max_concurrency: 1}'; done
for s in "${ALL[@]}"; do
    paged_set '{"records": 90}'
    doomed 2:kill:unlink
    go auto "$s"
    killed "$s: killed when the second page had its raw name"
    # What is adopted passes one of the two links of this run.
    doomed 2:kill:link
    killed "$s: killed before the third had"
    daemon_start
    captured "$s" 'killed twice'
    is '' "$(asked_again "${JOB[$s]}")" "$s: no answered page was asked for again"
    is true "$(jq -s '[.[] | select(.event == "adopted")] | length >= 2' "$SPOOL/journal/${JOB[$s]}.ndjson")" "$s: two pages, or more, were adopted"
    is "$(pages 90)" "$(asked "$s" 'select(.count > 0) | [.first, .count]' | sort -ut[ -k2n)" "$s: every page"
    # Where each page needs the one before, no other is on its way at the kill.
    case $s in
    page_number | offset) ;;
    *) is '4 4' "$(count_of requested "${JOB[$s]}") $(asked "$s" .status | wc -l)" "$s: no page at all was asked for twice" ;;
    esac
    is "$(seq 4)" "$(jq -r 'select(.event == "captured") | .batch' "$SPOOL/journal/${JOB[$s]}.ndjson" | sort)" "$s: captured once"
    is "$(seq 90 | sha256sum)" "$(bs export --job "${JOB[$s]}" | jq -r .n | sort -n | sha256sum)" "$s: loaded, each record once"
    daemon_stop
done

# --- `take` trims, also where a page cannot be asked for in part
daemon_start
for s in page_number json_link; do
    drop "take-$s" 0 "{source: \"$s\", process: \"auto\", take: 30}"
    at processed "$s: the first 30"
    is "$(seq 30 | sha256sum)" "$(bs export --job "$ID" | jq -r .n | sha256sum)" "$s: its results are these, in their order"
done
daemon_stop
verified 'verify finds no difference'
finish
