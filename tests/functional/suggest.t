#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the criteria builder is offered while a person types: asked of the source by the daemon, free, and kept; and that nothing breaks when it cannot be had.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../httpd.sh"

# suggest FIELD TEXT [SOURCE] [KEY]: "status available values" of the answer, which is in $DIR/answer
suggest() {
    local code
    code=$(curl -s -G -o "$DIR/answer" -w '%{http_code}' -H "Authorization: Bearer ${4-$KEY}" --data-urlencode "field=$1" --data-urlencode "q=$2" "$URL/api/sources/${3-properties}/suggest")
    printf '%s %s' "$code" "$(jq -r 'if has("available") then [(.available | tostring), (.suggestions[] | .value | if type == "string" then . else map("\(.name)=\(.value)") | join(",") end)] | join(" ") else "" end' "$DIR/answer")"
}

key() {
    bs user key add "$1" --json "${@:2}" | jq -r .key
}

api_start --records 1000
S='{County: {method: "POST", url: "\($url)/v1/suggestions/County", params: {SuggestionInput: "${job.q}", Limit: 20}, headers: {Authorization: "Bearer ${secret:api_token}"},
    data_selector: "/results", value: "/FIPS", label: "/County"},
  Brief: {method: "POST", url: "\($url)/v1/suggestions/City", params: {SuggestionInput: "${job.q}"}, headers: {Authorization: "Bearer ${secret:api_token}"},
    data_selector: "/results", value: "/City", cache_ttl: "PT0S"},
  SiteAddress: {method: "POST", url: "\($url)/v1/suggestions/SiteAddress", params: {SuggestionInput: "${job.q}"}, headers: {Authorization: "Bearer ${secret:api_token}"},
    data_selector: "/results", value: {Address: "/Address", City: "/City"}, label: "/Address"},
  Refused: {method: "POST", url: "\($url)/v1/suggestions/County", params: {SuggestionInput: "${job.q}"}, data_selector: "/results", value: "/FIPS"}}'
source_metered properties '.'
jq --arg url "$API_URL" ".suggest = $S" "$DIR/etc/sources/properties.json" >"$DIR/definition" && mv "$DIR/definition" "$DIR/etc/sources/properties.json"
source_free items
source_free lacking ".suggest = {Any: {url: \"$API_URL/v1/list\", headers: {Authorization: \"\${secret:absent}\"}, data_selector: \"\", value: \"/RadarID\"}}"
config '.httpd = {requests_per_minute: 1000000, logins_per_minute: 100000}'
for who in 'ops operator' 'viola viewer'; do
    # shellcheck disable=SC2086
    printf 'correct horse battery staple\n' | bs user add ${who% *} --role ${who#* } --password-file - >"$DIR/out" 2>&1 || { echo "Bail out! user add: $(cat "$DIR/out")"; exit 1; }
done
KEY=$(key ops --scope read --scope submit)
READER=$(key ops --scope read)
VIEWER=$(key viola --scope read)
ok 'the definition is good' bs sources check properties
httpd_start

# --- who asks for what ------------------------------------------------------------------------------------------------------

is '200 false' "$(suggest County washoe)" 'no daemon: none, at once'
daemon_start
is '200 true 32031' "$(suggest County washoe)" 'a county, by its name'
is 'Washoe, NV' "$(jq -r '.suggestions[0].label' "$DIR/answer")" 'with a label for people'
is '200 true 32031' "$(suggest County WASHOE)" 'again, with other letters'
is 1 "$(stat_of .suggestions)" 'and it was asked for once'
is '200 true 32003 39023 53011' "$(suggest County clark)" 'several'
is '200 true' "$(suggest County 'no such & county ?')" 'none that is so called'
is 3 "$(stat_of .suggestions)" 'each was asked for'
is '200 true Address=123 Main St,City=Reno' "$(suggest SiteAddress 123)" 'an address, in its parts'
is '200 true Reno Renton' "$(suggest Brief ren)" 'a field that is not to be kept'
is '200 true Reno Renton' "$(suggest Brief ren)" 'again'
is 6 "$(stat_of .suggestions)" 'and it was asked for twice'
is '200 false' "$(suggest State n)" 'a field that the source does not know'
is '200 false' "$(suggest County n items)" 'a source that has none'
is 6 "$(stat_of .suggestions)" 'neither was asked for'
is '404 ' "$(suggest County n nosuch)" 'a source that is not there'
is '400 ' "$(suggest 'Cou nty' n)" 'a field that is no name'
is '400 ' "$(suggest County '')" 'no text'
is '400 ' "$(suggest County "$(printf '%0201d' 0)")" 'a text that is too long'
is '403 ' "$(suggest County n properties "$VIEWER")" 'a viewer may not'
is '403 ' "$(suggest County n properties "$READER")" 'nor a key that only reads'

# --- the daemon's part ------------------------------------------------------------------------------------------------------

printf '{"mode":"probe","source":"properties","suggest":{"field":"County","q":"wasco"}}' >"$SPOOL/jobs/tmp/hand.json"
mv "$SPOOL/jobs/tmp/hand.json" "$SPOOL/jobs/pending/hand.json"
taken hand
at processed 'a job that was dropped by hand'
is '[{"value":"41065","label":"Wasco, OR"}]' "$(jq -c .suggestions "$SPOOL/results/$ID/preview.json")" 'its answer'
printf '{"mode":"probe","source":"items","suggest":{"field":"County","q":"wasco"}}' >"$SPOOL/jobs/tmp/other.json"
mv "$SPOOL/jobs/tmp/other.json" "$SPOOL/jobs/pending/other.json"
taken other
at failed 'of a source that has none it is refused'

# --- answers that cannot be used -----------------------------------------------------------------------------------------------

# hostile NAME FAULT TEXT: nothing is offered, and nothing kept
hostile() {
    local before=$SECONDS
    faults "$2"
    is '200 false' "$(suggest County "$3")" "$1: none"
    [ $((SECONDS - before)) -le 7 ]
    result $? "$1: told in time"
    faults
    like '^200 true' "$(suggest County "$3")" "$1: and the next time all is well"
}

on() { printf '{"on":"free","count":-1,%s}' "$1"; }
hostile 'no JSON' "$(on '"kind":"invalid_json"')" 'los'
hostile 'a page for people' "$(on '"kind":"html"')" 'los '
hostile 'wrong types' "$(on '"kind":"error_body","body":"{\"results\":[1,null,[],{\"FIPS\":{}},{\"FIPS\":true}]}"')" 'los a'
hostile 'no list' "$(on '"kind":"error_body","body":"{\"results\":{\"FIPS\":\"1\"}}"')" 'los an'
hostile 'an endless answer' "$(on '"kind":"huge"')" 'los ang'
hostile 'a bomb' "$(on '"kind":"gzip_bomb","mb":64')" 'los ange'
hostile 'half an answer' "$(on '"kind":"drop_mid"')" 'los angel'
hostile 'no answer' "$(on '"kind":"drop_before"')" 'los angele'
hostile 'an answer that does not come' "$(on '"kind":"stall"')" 'los angeles'
hostile 'a server that is broken' "$(on '"kind":"status","status":500')" 'los angeles,'
hostile 'elsewhere' "$(on '"kind":"status","status":302')" 'los angeles, c'
faults "$(on "\"kind\":\"error_body\",\"body\":\"{\\\"results\\\":[{\\\"FIPS\\\":\\\"your $TOKEN\\\"}]}\"")"
is '200 true your ***' "$(suggest County echo)" 'a source that says our token again: it is not told'
faults
is '200 false' "$(suggest Refused washoe)" 'credentials that are refused: none'
like '^200 true' "$(suggest County multno)" 'and the source goes on'
is '200 false' "$(suggest Any x lacking)" 'a secret that is not there: none'
is '' "$(ls "$SPOOL/jobs/hold")" 'and nothing is left for a person to decide'

kill -STOP "$DAEMON_PID"
is '200 false' "$(suggest County oregon)" 'a daemon that does not answer: none'
kill -CONT "$DAEMON_PID"

drop after 500
at processed 'a job of the source runs as ever'
is 500 "$(stat_of .charged_records)" 'and only it was charged'
is 0 "$(grep -rlF "$TOKEN" "$SPOOL" | wc -l)" 'the token is nowhere in the spool'
finish
