#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The settings of the shipped source `lease`: the endpoint's address in one place, a local one without a key, an OCR service that goes first where there is one, and OCR on this machine when it
# cannot do it.
. "$(dirname "$0")/../lib.sh"
MAKE=$ROOT/tests/documents/make.pl
TEXTS=$ROOT/tests/documents
export BATCHSPOOL_LEASE=$ROOT/etc/lease
WAIT_S=120

. "$ROOT/tests/chat.sh"
# asked PATH [JQ]: the requests that came for it
asked() { curl -s "$CHAT/_log" | jq -c "[.[] | select(.path == \"$1\")] | ${2:-length}"; }
# settings JQ: of lease, over what the shipped file says
settings() {
    config ".source_settings.lease |= $1"
    [ -z "$DAEMON_PID" ] || bs reload >/dev/null 2>&1
}
lease() {
    ID=$(bs submit --source lease --set on_duplicate=run "$@" 2>"$DIR/err") || result 1 "submit $*" "$(cat "$DIR/err")"
}
field() { bs export --job "$ID" --format ndjson | jq -c "$1"; }
# fell: why the other way was taken in step text, as the journal has it
fell() { jq -c 'select(.event == "retrying" and .step == "text" and .alternative == 2) | [.reason, .error]' "$SPOOL/journal/$ID.ndjson"; }

# As it is shipped, but for how long it waits between tries
sed '/^ *\/\//d' "$ROOT/etc/sources/lease.json" |
    jq '.error_handler.backoff_strategies = [{type: "exponential", factor: 0.05, jitter_range_in_seconds: 0.01, max_s: 1}] | .api_budget.policies[0].rates[0].limit = 1000' >"$DIR/etc/sources/lease.json"
for text in commercial amendment; do "$MAKE" pdf "$DIR/$text.pdf" "$TEXTS/$text.txt"; done
# Two short pages, that OCR on this machine need not be long at
{ sed -n '1,10p' "$TEXTS/commercial.txt" && printf '\f' && sed -n '30,36p' "$TEXTS/commercial.txt"; } >"$DIR/brief.txt"
"$MAKE" pdf "$DIR/brief.pdf" "$DIR/brief.txt"
(cd "$DIR" && pdftoppm -r 150 -gray -jpeg brief.pdf scan && "$MAKE" pdf scanned.pdf scan-1.jpg scan-2.jpg)
PAGES=$(for page in 1 2; do pdftotext -f "$page" -l "$page" -layout "$DIR/brief.pdf" - | jq -Rsc --argjson page "$page" '{page: $page, text: .}'; done | jq -sc .)

# --- what the configuration may say ---

is ok "$(bs sources check lease >"$DIR/out" 2>&1; grep -q '^ok *source lease' "$DIR/out" && echo ok)" 'the shipped definition checks' "$(cat "$DIR/out")"
settings '{endpont: "https://x.example/"}'
like 'lease the setting "endpont", which the definition does not have; did you mean "endpoint"' "$(bs sources check lease 2>&1)" 'a setting that is none is told, with the nearest'
settings '{endpoint: 7}'
like 'endpoint of lease must be text' "$(bs sources check lease 2>&1)" 'and one of another type'
settings '{endpoint: "http://elsewhere.example/v1"}'
like 'must begin with https' "$(bs sources check lease 2>&1)" 'an address is checked like one of the definition'
# shellcheck disable=SC2016
settings '{endpoint: "${job.model}"}'
like 'secret:NAME' "$(bs sources check lease 2>&1)" 'nothing of a job can be in a setting'
settings '{endpoint: ["https://x.example/"]}'
exits 78 'a list is none' bs sources check lease
like 'source_settings/lease/endpoint' "$ERR" 'and the place is told'
config '.source_settings = {leese: {endpoint: "https://x.example/"}}'
like 'no source leese' "$(bs check 2>&1)" 'settings of a source that is not there are told by check'
settings "{endpoint: \"$CHAT/v1/chat/completions\"}"
config '.source_settings = {lease: .source_settings.lease}'
is "$CHAT/v1/chat/completions" "$(BATCHSPOOL_SOURCE_SETTINGS='{"lease":{"endpoint":"https://other.example/v1"}}' bs sources check lease >/dev/null 2>&1; jq -r .source_settings.lease.endpoint "$BATCHSPOOL_CONFIG")" \
    'the environment can say them too'
for member in settings endpoint ocr_url authorization; do
    jq -nc --arg member "$member" '{source: "lease", documents: [{sha256: ("0" * 64), name: "x.pdf"}], ($member): "https://elsewhere.example/"}' >"$DIR/job.json"
    exits 65 "a job cannot say $member" bs submit "$DIR/job.json"
    like "$member" "$ERR" 'and is told so'
done

# --- a key, or none ---

daemon_start
export OPENAI_API_KEY=unused
like 'secret openai_api_key of source lease: is there' "$(bs check --credentials "$DIR/credentials" 2>&1)" 'the key may stand in OPENAI_API_KEY'
unset OPENAI_API_KEY
lease --document "$DIR/amendment.pdf"
at hold 'without the key nothing can be asked'
like 'openai_api_key' "$(why)" 'and what is missing is told'
set_chat '{"open": true}'
settings "{endpoint: \"$CHAT/v1/chat/completions\", authorization: null}"
lease --document "$DIR/amendment.pdf"
at processed 'a local endpoint without a key is a matter of settings, from a reload on'
is '[false]' "$(asked /v1/chat/completions 'map(.authorized) | unique')" 'it is sent no Authorization'
is 0 "$(asked /ocr)" 'no OCR service is asked where none is configured'
like 'step text, fallback 1: not configured \(settings: ocr_url\)' "$(bs check 2>&1)" 'which check tells'
is '[{"step":"text","alternative":1,"settings":["ocr_url"],"configured":false}]' "$(jq -c .lease.optional "$SPOOL/index/ready.json")" 'and the daemon tells health'
lease --document "$DIR/scanned.pdf"
at processed 'nor for a scan'
is '["ocr",0]' "$(field '[.document.text_by]' | jq -c ". + [$(asked /ocr)]")" 'which OCR on this machine reads'

# --- an endpoint that is not there, and one that refuses the key ---

settings '{endpoint: "http://127.0.0.1:9/v1/chat/completions", authorization: null}'
lease --document "$DIR/amendment.pdf"
at deferred 'an endpoint that is not there is waited for'
like 'dead_host.*go on: .*wrong, correct it .source_settings.*batchspool reload.*SIGHUP: jobs that wait are tried at once with the new one, a job that runs keeps the old' "$(why | tr '\n' ' ')" \
    'and what to do about a wrong address is told'
waiting=$ID
lease --document "$DIR/amendment.pdf"
like 'paused until .*: dead_host. Its host cannot be reached. When its address is wrong, correct it .source_settings' "$(bs why "$ID")" 'of jobs that wait for their turn, too'
settings "{endpoint: \"$CHAT/v1/chat/completions\", authorization: null}"
at processed 'corrected, it holds from the reload on'
ID=$waiting
at processed 'also for the job that had failed to reach it, at once'
printf %s sk-not-the-key >"$DIR/credentials/openai_api_key"
set_chat '{}'
settings "{endpoint: \"$CHAT/v1/chat/completions\"}"
lease --document "$DIR/amendment.pdf"
at deferred 'a wrong key of the endpoint'
like 'unauthorized: the source refused its credentials .secret openai_api_key.' "$(why)" 'is told with the name of the secret'
waiting=$ID
lease --document "$DIR/amendment.pdf"
like 'refused the credentials: renew secret openai_api_key, then `batchspool reload`' "$(bs why "$ID")" 'of jobs that wait for their turn, too'
like 'renew its credentials .secret openai_api_key.' "$(bs stuck 2>&1)" 'and of the source'
is 0 "$(cat "$SPOOL/journal/$ID.ndjson" "$SPOOL/journal/$waiting.ndjson" "$SPOOL/jobs/deferred/$waiting.why" "$DIR/daemon.log" | grep -c sk-not)" 'never with its value'
printf %s "$TOKEN" >"$DIR/credentials/openai_api_key"
bs reload >/dev/null 2>&1
at processed 'with the right one it goes on'
ID=$waiting
at processed 'as does the one that was refused'
rm "$DIR/credentials/openai_api_key"
set_chat '{"open": true}'

# --- an OCR service ---

settings "{endpoint: \"$CHAT/v1/chat/completions\", authorization: null, ocr_url: \"$CHAT/ocr\", ocr_timeout_s: 2, ocr_document_price: \"0.5\"}"
configured() { jq -e '.lease.optional[0].configured' "$SPOOL/index/ready.json" >/dev/null; }
wait_for 10 configured
result $? 'configured, the daemon says so'
set_chat "{\"open\": true, \"ocr\": $PAGES}"
lease --document "$DIR/scanned.pdf"
at processed 'a scan with a service'
is '["service",2]' "$(field '[.document.text_by, .document.pages]')" 'is read by it'
is '[false,true]' "$(asked /ocr '[.[0].authorized, (.[0].bytes > 5000)]')" 'which was sent the document, and no key, as there is none'
is 0.5 "$(jq -s '[.[] | select(.event == "captured" and .step == "text") | .cost | tonumber] | add' "$SPOOL/journal/$ID.ndjson")" 'its price is counted'
lease --document "$DIR/commercial.pdf"
at processed 'a PDF with text'
is '["pdf",1]' "$(field '[.document.text_by]' | jq -c ". + [$(asked /ocr)]")" 'is not sent to it'
printf %s "$TOKEN" >"$DIR/credentials/ocr_key"
settings '. + {ocr_page_price: "0.01"}'
set_chat "$(jq -nc --argjson pages "$PAGES" '{open: true, ocr: {pages: $pages, page_count: 2, usage: {pages: 2}}}')"
lease --document "$DIR/scanned.pdf"
at processed 'with a key of its own, and a price for each page'
is '[true]' "$(asked /ocr 'map(.authorized)')" 'the key is sent'
is '[false]' "$(asked /v1/chat/completions 'map(.authorized) | unique')" 'to it alone'
is 0.02 "$(jq -s '[.[] | select(.event == "captured" and .step == "text") | .cost | tonumber] | add' "$SPOOL/journal/$ID.ndjson")" 'and its pages are counted'
rm "$DIR/credentials/ocr_key"
verified 'nothing differs'

# falls NAME FAULT-OR-SETTING REASON REGEX ASKED: to OCR on this machine
falls() {
    set_chat "$2"
    lease --document "$DIR/scanned.pdf"
    at processed "$1"
    is '"ocr"' "$(field .document.text_by)" '  it is read on this machine'
    like "$3" "$(fell)" '  the journal says why'
    is "$4" "$(asked /ocr)" '  the service was asked so many times'
}
falls 'errors of the service' '{"open": true, "faults": [{"kind": "error", "on": "ocr", "at": 1, "count": -1}]}' 'status_500.*error while processing' 4
falls 'a refused key' '{"open": true, "faults": [{"kind": "unauthorized", "on": "ocr", "at": 1, "count": -1}]}' 'unauthorized.*Incorrect API key' 1
told="The service of ocr_url .step text. refused the key .401. at 20[^ ]*Z; the next way of the step is taken instead; mend secret ocr_key"
like "It is complete.*$told" "$(bs why "$ID" | tr '\n' ' ')" '  why tells it, with the secret that is to be mended'
refused() { jq -e '.lease.optional[0].refused' "$SPOOL/index/ready.json" >/dev/null; }
wait_for 10 refused
like "$told" "$(jq -r '.lease.optional[0].refused' "$SPOOL/index/ready.json")" '  the daemon tells health'
like "warning +steps of source lease: $told" "$(bs check 2>&1)" '  and check warns'
set_chat "{\"open\": true, \"ocr\": $PAGES}"
lease --document "$DIR/scanned.pdf"
at processed 'the next scan, whose key is taken'
accepted() { ! refused; }
ok '  ends the warning' wait_for 10 accepted
is 0 "$(bs why "$ID" | grep -c refused)" '  which is not of this job'
falls 'a page of words in place of JSON' '{"open": true, "faults": [{"kind": "html", "on": "ocr", "at": 1, "count": -1}]}' 'invalid_json' 4
falls 'an answer without pages' '{"open": true, "ocr": {"result": "fine"}}' 'helper_unavailable.*answer of the OCR service is of no use: the text has no pages' 1
falls 'a page that is missing' "$(jq -nc --argjson pages "$PAGES" '{open: true, ocr: $pages[0:1]}')" 'it has 1 pages, up to page 1; the document has 2' 1
falls 'a page twice' "$(jq -nc --argjson pages "$PAGES" '{open: true, ocr: ($pages[0:1] + $pages[0:1])}')" 'page 1 twice' 1
falls 'blank pages' '{"open": true, "ocr": [{"page": 1, "text": ""}, {"page": 2, "text": " "}]}' 'no text on any page' 1
falls 'no answer in time' '{"open": true, "faults": [{"kind": "slow", "on": "ocr", "at": 1, "count": -1, "ms": 2500}]}' 'timeout' 4
falls 'an account without money' '{"open": true, "faults": [{"kind": "insufficient_quota", "on": "ocr", "at": 1, "count": -1}]}' 'status_429.*quota' 1
falls 'a service that asks for an hour' '{"open": true, "faults": [{"kind": "overloaded", "on": "ocr", "at": 1, "count": -1, "retry_after": "3600"}]}' 'status_503' 1
settings '. + {ocr_url: "http://127.0.0.1:9/ocr"}'
falls 'a service that is not there' '{"open": true}' 'connect' 0
verified 'nothing differs at the end'
finish
