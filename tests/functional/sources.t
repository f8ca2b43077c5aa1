#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `batchspool sources`: drafts of unknown APIs, what a source tells for free, cassettes, saved answers; and docs/SOURCES-HOWTO.md, run as it stands there.
. "$(dirname "$0")/../lib.sh"

# paged_start NAME OPTION...: a server that pages in every style; sets URL. NAME: of its files.
paged_start() {
    local name=$1
    shift
    "$PROGRAMS/tools/pagedapi" --port-file "$DIR/$name.port" "$@" >"$DIR/$name.log" 2>&1 &
    BACKGROUND+=($!)
    wait_for 5 test -s "$DIR/$name.port" || { echo "Bail out! pagedapi does not start: $(cat "$DIR/$name.log")"; exit 1; }
    URL=http://127.0.0.1:$(cat "$DIR/$name.port")
}

# set_api JSON: settings of the server at URL
set_api() {
    curl -sf -o /dev/null -d "$1" "$URL/_set" || result 1 "settings are understood: $1"
}

requests_of() {
    curl -s "$URL/_log" | grep -c '"url"'
}

# same JSON JQ NAME: what jq makes of JSON is true
same() {
    local good=1
    jq -e "$2" <<<"$1" >/dev/null 2>&1 && good=0
    result $good "$3" "$1"
}

definition() {
    sed 's|^ *//.*||' "$DIR/etc/sources/$1.json" | jq -c "$2"
}

# --- new
paged_start paged
while read -r style type more; do
    curl -sf -o /dev/null -X POST "$URL/_reset"
    exits 0 "a draft of $style" bs sources new "$URL/$style" --name "$style"
    is "\"$type\"" "$(definition "$style" .paginator.type)" "pages by $type"
    is "$more" "$(definition "$style" '[.paginator | .limit_param, .offset_param // .page_param // .cursor_param // .next_url_path, .offset // .base_page]' | tr -d ' ')" 'and how'
    is '["/id","/total"]' "$(definition "$style" '[.primary_key, .paginator.total_path]' | sed 's|/@odata.count|/total|')" 'key and total'
    ok 'checks' bs sources check "$style"
    is 0 "$((30 < $(requests_of)))" 'in at most 30 requests'
done <<'END'
offset offset ["limit","offset",0]
page_number page_number ["limit","page",0]
cursor cursor ["limit","cursor",null]
header_link header_link ["limit",null,null]
json_link json_link ["limit","/next",null]
odata json_link ["$top","/@odata.nextLink",null]
END
exits 0 'a definition' bs sources offset
is '"offset"' "$(jq -c .name <<<"$OUT")" 'is shown'
exits 64 'one at a time' bs sources offset cursor
exits 66 'one that is not there' bs sources nosuch
export header
for header in Host 'X Limit'; do
    definition offset '.name = "headed" | .paginator.limit_header = $ENV.header | del(.paginator.limit_param)' >"$DIR/etc/sources/headed.json"
    exits 78 "$header for the limit" bs sources check headed
    like '/paginator/limit_header: is (set by the transport|no name of a header)' "$OUT" 'is not taken'
done
rm "$DIR/etc/sources/headed.json"
exits 73 'an existing file is not overwritten' bs sources new "$URL/offset" --name offset
like 'is there already' "$ERR" 'and that is said'
set_api '{"base": 1, "cap": 60, "total": "header", "auth": "api_key header X-Api-Key TOPSECRET"}'
exits 65 'without its credential' bs sources new "$URL/page_number" --name keyed
like '401.*--header' "$ERR" 'the mend is told'
is 1 "$(find "$DIR/etc/sources" -name 'keyed*' | wc -l | tr 0 1)" 'no file is made'
exits 0 'a draft to standard output' bs sources new "$URL/page_number?count=900" --name keyed --output - --header 'X-Api-Key: TOPSECRET' --header 'X-Tenant: a'
is '' "$(grep -r TOPSECRET "$DIR/out" "$DIR/err")" 'the credential is nowhere'
like 'credentials/keyed_token' "$ERR" 'the file that shall hold it is named'
printf '%s\n' "$OUT" >"$DIR/etc/sources/keyed.json"
is '[1,60,"X-Total-Count",{"X-Api-Key":"${secret:keyed_token}","X-Tenant":"a"}]' \
    "$(definition keyed '[.paginator.base_page, .paginator.max_limit // .paginator.limit, .paginator.total_header, .steps[0].http.headers]')" 'pages from 1, their size, the total in a header'
(umask 077 && printf TOPSECRET >"$DIR/credentials/keyed_token")
set_api '{"auth": "none", "base": 0, "cap": 500, "total": "body", "rate": {"style": "none", "limit": 2, "window_ms": 1000, "retry_after": "seconds"}}'
exits 0 'a pause that is asked for is kept' bs sources new "$URL/offset" --name patient
like 'asks for a pause' "$ERR" 'and told'
is '"offset"' "$(definition patient .paginator.type)" 'the draft is the same'
set_api '{"rate": {"style": "none", "limit": 0}}'
exits 64 'a URL with a user name' bs sources new 'https://u:p@x.example/'
exits 64 'a file that is named otherwise' bs sources new "$URL/offset" --name one --output "$DIR/two.json"
exits 65 'another host without TLS' bs sources new http://x.example/ --name plain

# --- list
exits 0 'list' bs sources list --json
same "$OUT" 'map(select(.name == "keyed"))[0] | .ok and .secrets == {"keyed_token": "there"}' 'secrets that are there'
echo '{"version": 1}' >"$DIR/etc/sources/keyed.builder.json"
same "$(bs sources list --json)" 'map(.name) | index("keyed.builder") == null' 'what the dashboard builds criteria from is no definition'
echo '{"name": "broken"' >"$DIR/etc/sources/broken.json"
rm "$DIR/credentials/keyed_token"
exits 0 'list with a broken definition' bs sources
like 'keyed .*keyed_token: missing' "$OUT" 'secrets that are missing'
like 'broken .*does not check' "$OUT" 'and what does not check'
like 'broken.json: line 2' "$ERR" 'with the place'
same "$(bs sources --json --credentials "$DIR/nowhere")" 'map(select(.name == "keyed"))[0].secrets.keyed_token == "unknown"' 'where nothing can be seen, nothing is said'
rm "$DIR/etc/sources/broken.json"

# --- test
exits 69 'test without a daemon' bs sources test offset
exits 66 'test of an unknown source' bs sources test nosuch
exits 64 'test without a name' bs sources test
api_start --records 1000
source_metered properties
source_metered blind 'del(.metering.preview)'
definition page_number '.name = "greedy" | .paginator.max_limit = 400' >"$DIR/etc/sources/greedy.json"
job "$DIR/ten.json" 10
exits 65 'a job of another source' bs sources test offset "$DIR/ten.json"
exits 0 'a draft: what it would ask for' bs sources test offset --source-file "$DIR/etc/sources/offset.json" --json
like '/offset\?' "$(jq -r .request.url <<<"$OUT")" 'is told'
daemon_start
set_api '{"cap": 250}'
exits 0 'test' bs sources test offset --json
same "$OUT" '.reachable and .authorised and .total == 1000 and .total_at == "/total" and .first_page.keys == 100' 'what came'
same "$OUT" '.start_base == 0 and .page_maximum.maximum == 250 and .requests <= 12' 'where it begins, and the most of a page'
exits 0 'probe is test' bs sources probe offset
exits 65 'a definition that is wrong' bs sources test greedy --json
same "$OUT" '.page_maximum.maximum == 250 and (.warnings | tostring | contains("max_limit"))' 'is told'
set_api '{"base": 1}'
exits 65 'a wrong first page' bs sources test page_number --json
same "$OUT" '.start_base == 1 and (.warnings | tostring | contains("base_page"))' 'is told'
exits 65 'a metered source without previews' bs sources test blind "$DIR/ten.json" --set source=blind
before=$(stat_of .)
exits 65 'is not asked' bs sources test blind --set 'criteria=[{"name":"Count","value":[10]}]' --json
same "$OUT" '.requests == 0 and (.warnings | tostring | contains("not asked"))' 'and says so'
is "$before" "$(stat_of .)" 'not once'
bs sources test properties "$DIR/ten.json" --json >"$DIR/out" 2>&1
same "$(cat "$DIR/out")" '.total == 10 and .metered' 'a metered source is asked for previews'
is 0 "$(stat_of '.charged // .charges // 0')" 'nothing is bought'

# --- cassettes and saved answers
set_api '{"base": 0, "cap": 500, "prices": 100}'
jq -n '{source: "offset", take: 250}' >"$DIR/first.json"
ID=$(bs submit --wait "$DIR/first.json")
first=$ID
exits 0 'record' bs sources record "$ID" --output "$DIR/c1"
is 3 "$(grep -c '"batch"' "$DIR/c1")" 'a line a page'
is 0 "$(jq -r '.body // empty' "$DIR/c1" | jq -s 'map(.data | length) | add - 250')" 'bodies are as they came'
exits 0 'replay' bs sources replay offset "$DIR/c1" --json
same "$OUT" '.ok and .pages == 3 and .records == 250 and .unique == 250 and .covered' 'gives what the job gave'
for style in page_number cursor header_link json_link odata; do
    echo "{\"source\": \"$style\"}" >"$DIR/job.json"
    ID=$(bs submit --wait "$DIR/job.json")
    bs sources record "$ID" --output "$DIR/$style.cassette" >"$DIR/out" 2>&1
    exits 0 "a cassette of $style" bs sources replay "$style" "$DIR/$style.cassette" --json
    same "$OUT" '.ok and .pages == 10 and .unique == 1000' 'gives what the job gave'
done
job "$DIR/bought.json" 900
ID=$(bs submit --wait "$DIR/bought.json")
exits 0 'a cassette of what was bought' bs sources record "$ID" --output "$DIR/bought"
is '' "$(grep -F "$TOKEN" "$DIR/bought")" 'has no secret'
is 3 "$(grep -cF 'Bearer ${secret:api_token}' "$DIR/bought")" 'but their names'
before=$(stat_of .)
exits 0 'replay' bs sources replay properties "$DIR/bought" --json
same "$OUT" '.ok and .pages == 3 and .unique == 900 and .expected == 900' 'gives what was bought'
is "$before" "$(stat_of .)" 'and asks nobody'
exits 0 'try' bs sources try properties "$SPOOL/payloads/raw/$(event 'select(.event == "captured") | .file')"
like 'property owners' "$OUT" 'tells children'
sed 's|"primary_key": "/id"|"primary_key": "/price"|' "$DIR/etc/sources/offset.json" >"$DIR/edited.json"
exits 65 'replay of an edited definition' bs sources replay offset "$DIR/c1" --source-file "$DIR/edited.json" --json
same "$OUT" '.covered == false and .duplicates > 0' 'counts keys'
sed 's|"limit": 100|"limit": 50|' "$DIR/etc/sources/offset.json" >"$DIR/edited.json"
exits 65 'other pages' bs sources replay offset "$DIR/c1" --source-file "$DIR/edited.json"
like 'page 1 is not recorded; the nearest is page [0-9]: url: .*limit=50' "$OUT" 'are told with the nearest'
like 'not asked for any more' "$OUT" 'and what is left over'
exits 65 'a broken cassette' bs sources replay offset "$DIR/job.json"
exits 73 'a cassette is not overwritten' bs sources record "$first" --output "$DIR/c1"
exits 0 'try' bs sources try offset "$SPOOL"/payloads/raw/*/first_*.json --json
same "$OUT" 'length == 3 and (map(.records) | add) == 250 and .[0].first_record.key == ["\"r000001\""] and .[0].total == 1000' 'tells what is in each'
echo '{"data": [{"id": 1}, {"n": 1}, {"id": 1}]}' >"$DIR/odd.json"
echo '{"data": [' >"$DIR/cut.json"
exits 65 'try of odd answers' bs sources try offset "$DIR/odd.json" "$DIR/cut.json" --json
same "$OUT" '.[0].without_key_at == ["/data/1"] and .[0].duplicates == 1 and (.[1].error | contains("no JSON"))' 'says where'
exits 66 'try of no file' bs sources try offset "$DIR/nosuch"
exits 66 'replay of no cassette' bs sources replay offset "$DIR/nosuch"
exits 66 'record of no job' bs sources record nosuch
daemon_stop

# --- the HOWTO
mkdir -p "$DIR/checkout/build/tools"
ln -s "$PROGRAMS/batchspool" "$PROGRAMS/batchspoold" "$DIR/checkout/build/"
ln -s "$PROGRAMS/tools/pagedapi" "$DIR/checkout/build/tools/"
paged_start free
port=${URL##*:}
kill "${BACKGROUND[-1]}"
wait "${BACKGROUND[-1]}" 2>/dev/null
unset 'BACKGROUND[-1]'
awk '/^```sh$/ {on = 1; next} /^```$/ {on = 0} on' "$ROOT/docs/SOURCES-HOWTO.md" | sed "s/8090/$port/g" >"$DIR/commands"
cat >"$DIR/howto.sh" <<'END'
unset BATCHSPOOL_CONFIG
trap 'trap - TERM; jobs -p | xargs -r kill; wait' EXIT
trap exit TERM
while IFS= read -r line <&3; do
    eval "$line" 3<&- >out 2>&1
    printf '%s\t%s\n' $? "$line"
    [ -s out ] && sed 's/^/# /' out
    case $line in
    */pagedapi*) for _ in {1..100}; do grep -qs listening api.log && break; sleep 0.05; done ;; # a person is slower than a server
    batchspoold*) for _ in {1..100}; do grep -qs 'batchspoold runs' daemon.log && break; sleep 0.05; done ;;
    esac
done 3<"$1"
END
(cd "$DIR/checkout" && timeout 60 bash "$DIR/howto.sh" "$DIR/commands" >"$DIR/howto.out" 2>&1)
report=$(cat "$DIR/howto.out")
while IFS=$'\t' read -r code line; do
    [[ $code == '#'* ]] || is 0 "$code" "\$ $line" || printf '%s\n' "$report" | sed 's/^/#   /'
done <<<"$report"
is "$(wc -l <"$DIR/commands")" "$(grep -vc '^#' <<<"$report")" 'every command of the HOWTO was run'
while IFS= read -r line; do
    is "$line" "$(grep -xF -- "# $line" <<<"$report" | head -n 1 | cut -c3-)" 'prints what the HOWTO says'
done < <(grep '^    ' "$ROOT/docs/SOURCES-HOWTO.md" | cut -c5-)
result $((20 > $(wc -l <"$DIR/commands"))) 'the HOWTO was found'
finish
