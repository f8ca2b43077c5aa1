#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# npm json-server behind Debian's nginx, which wants a token and lets through 20 requests a second, no more: by the server's links and by page numbers, each page comes once whatever is refused.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"

# --- the servers -------------------------------------------------------------------------------------------------------
npm_install "$ROOT/tests/all/json-server"
records=2030
jq -n --argjson n $records '{packages: [range($n) | {id: "p\(.)", size: (. * 7919 % 100003), text: ("line\n\"\(.)\" ü ♥ " * (. % 5)), tags: [range(. % 4) | tostring]}]}' >"$DIR/db.json"
json_server_start() {
    inner=$(free_port)
    (cd "$DIR/server" && HOME=$DIR exec node node_modules/json-server/lib/cli/bin.js --host 127.0.0.1 --port "$inner" --read-only "$DIR/db.json") >"$DIR/server.log" 2>&1 </dev/null &
    BACKGROUND+=($!)
    wait_for 30 curl -sf -o "$DIR/out" "http://127.0.0.1:$inner/packages?_limit=1"
}
json_server_start || json_server_start || bail "json-server does not start: $(tail -n 3 "$DIR/server.log")"
# The links that json-server sends are made of Host.
# shellcheck disable=SC2016
nginx_limit "127.0.0.1:$inner" '$server_port' 20r/s '$status $request_uri' /ready 'map $http_authorization $known { "Bearer '"$TOKEN"'" 1; }' \
    'if ($known = "") { return 401; } proxy_set_header Host $http_host;'
url=http://127.0.0.1:$port/packages
is 401 "$(curl -s -o /dev/null -w '%{http_code}' "$url?_limit=1")" 'nginx wants a token'
like "^200 .*<$url\?_page=2&_limit=50>; rel=\"next\"" "$(curl -s -o /dev/null -w '%{http_code} %header{link}' -H "Authorization: Bearer $TOKEN" "$url?_page=1&_limit=50")" 'the links are absolute and lead to nginx'

# answers STATUS: of the list, since the last `fresh`
answers() {
    tail -n "+$((seen + 1))" "$DIR/nginx.log" | grep -c "^$1 /packages"
}
fresh() {
    seen=$(wc -l <"$DIR/nginx.log")
}
# same_pages: each raw file is the page that json-server gives when it is asked directly
same_pages() {
    local page=0 file
    while read -r file; do
        page=$((page + 1))
        curl -s "http://127.0.0.1:$inner/packages?_page=$page&_limit=50" | cmp - "$file" || return 1
    done < <(raw_files)
    [ "$page" -gt 0 ]
}
jq -cS '.packages[]' "$DIR/db.json" >"$DIR/source.sorted"
# whole NAME: the job has every record, each once, from pages that came once each, though some were refused
whole() {
    local pages=$(((records + 49) / 50))
    at processed "$1: all are captured"
    is "[$records,$records,0,0]" "$(event 'select(.event == "completed") | [.total,.unique,.duplicates,.missing] | tojson')" "$1: total, unique, duplicates, missing"
    is "$pages $pages" "$(count_of captured) $(answers 200)" "$1: $pages pages captured, as many given"
    is '' "$(tail -n "+$((seen + 1))" "$DIR/nginx.log" | grep '^200' | sort | uniq -d)" "$1: none of them twice"
    result $(($(answers 429) < 1)) "$1: others were refused with 429 ($(answers 429))"
    is "$(answers 429)" "$(count_of retrying)" "$1: each of those is in the journal"
    ok "$1: every raw file has the server's bytes" same_pages
    ok "$1: the journal's chain holds" chain_ok
    bs export --job "$ID" | jq -cS . >"$DIR/exported"
    ok "$1: loaded and exported they are the records of the server, in its order" cmp "$DIR/source.sorted" "$DIR/exported"
}

# --- by links ----------------------------------------------------------------------------------------------------------
printf '%s' "$TOKEN" >"$DIR/credentials/json_server_token"
shipped json-server-pages http://127.0.0.1:8080 "http://127.0.0.1:$port"
shipped json-server-pages http://127.0.0.1:8080 "http://127.0.0.1:$port" '.paginator = {type: "page_number", base_page: 1, limit: 100, page_param: "_page", limit_param: "_limit",
    total_header: "X-Total-Count", total_unit: "records"} | del(.steps[0].http.params)' numbers
shipped json-server-pages http://127.0.0.1:8080 "http://127.0.0.1:$port" . refused
exits 0 'check finds nothing to complain about' bs check
daemon_start
fresh
drop links 0 '{source: "json-server-pages", batch_size: 50, process: "auto"}'
whole 'by links'
exits 0 'process' bs process --json
is '[0,0]' "$(jq -c '[.files,.records]' <<<"$OUT")" 'has nothing to do'

# --- by page numbers ---------------------------------------------------------------------------------------------------
fresh
drop numbers 0 '{source: "numbers", batch_size: 50, process: "auto"}'
whole 'by numbers'

# --- a wrong token -----------------------------------------------------------------------------------------------------
printf wrong >"$DIR/credentials/json_server_token"
kill -HUP "$DAEMON_PID"
fresh
drop first 0 '{source: "refused", batch_size: 50}'
first=$ID
at deferred 'a wrong token: deferred'
is 'deferred unauthorized' "$(events | tail -n 1)" 'a wrong token: reason unauthorized'
drop second 0 '{source: "refused", batch_size: 50, take: 100}'
is pending "$(place)" 'a wrong token: the next job of the source waits in its queue'
like 'unauthorized' "$(bs why "$ID")" 'a wrong token: why says for what'
printf '%s' "$TOKEN" >"$DIR/credentials/json_server_token"
kill -HUP "$DAEMON_PID"
at processed 'the right token and SIGHUP: it goes on'
is 100 "$(event 'select(.event == "completed") | .unique')" 'and takes the first 100'
[ ! -e "$SPOOL/jobs/deferred/$first.json" ] || mv "$SPOOL/jobs/deferred/$first.json" "$SPOOL/jobs/pending/" 2>/dev/null
at processed 'so does the first' "$first"
is "$records" "$(event 'select(.event == "completed") | .unique' "$first")" 'with all of them'
is '1 0' "$(answers 401) $(find "$SPOOL/jobs/failed" -type f | wc -l)" 'one request had the wrong token, and no job failed'

verified 'verify finds no difference'
daemon_stop
is 0 "$STATUS" 'the daemon ends in good order'
verified 'nor after it'
finish
