#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sources of units without paying: captured jobs (tests of web pages, leases, small programs) recorded and gone through again without server and daemon; `sources test`.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pagespeed.sh"
TEXTS=$ROOT/tests/documents
export BATCHSPOOL_LEASE=$ROOT/etc/lease
# shellcheck disable=SC2034
WAIT_S=30

units() { jq -nc "{source: \"$1\", process: \"auto\"} | $3" >"$SPOOL/jobs/tmp/$2.json" && mv "$SPOOL/jobs/tmp/$2.json" "$SPOOL/jobs/pending/$2.json" && taken "$2"; }
# same JQ NAME: what jq makes of the last output is true
same() {
    local good=1
    jq -e "$1" <<<"$OUT" >/dev/null 2>&1 && good=0
    result $good "$2" "$OUT"
}
replay() { bs sources replay "$@" --json; }

# --- tests of web pages

(umask 077 && printf psi-key >"$DIR/credentials/pagespeed_key")
psi_start
psi_source
daemon_start
rules '{"url": "once", "kind": "wrong", "count": 2}'
units pagespeed pages '.urls = ["https://a.example/", "https://dead-dns1.example/", "https://once.example/"] | .strategies = ["mobile", "desktop"]'
at processed 'three pages, of which one is dead'
pages=$ID
exits 0 'record' bs sources record "$pages" --output "$DIR/pages" --json
same '.units == 6 and .answers == 10' 'tells units and answers'
is 0 "$(grep -c psi-key "$DIR/pages")" 'the key is not in it'
is 6 "$(grep -cF 'key=${secret:pagespeed_key}' "$DIR/pages")" 'but its name, in each request'
jq -j 'select(.batch == 1 and .step == "run") | .body' "$DIR/pages" >"$DIR/body"
is 1 "$(find "$SPOOL/payloads/raw" -name '*_batch0001.run_*' -exec cmp -s {} "$DIR/body" \; -print | wc -l)" 'an answer is in it byte for byte'
is '["failed","status_500"]' "$(jq -c 'select(.batch == 3) | [.end, .reason]' "$DIR/pages")" 'so is an error'
api_stop
daemon_stop
exits 0 'replay, without server and daemon' replay pagespeed "$DIR/pages"
same '.ok and .units == 6 and .done == 4 and .failed == 2 and .records == 4 and .unique == 4' 'gives what the job gave'
same '.programs_run == 4 and .programs_recorded == 0' 'the program that makes records is run'
same '[.list[] | select(.state == "failed")] | length == 2 and .[0].action == "FAIL" and (.[0].error | test("DNS_FAILURE"))' 'what failed is told, and what a filter makes of it'
exits 0 'replay that keeps the records' replay pagespeed "$DIR/pages" --output "$DIR/records"
is "$(bs export --job "$pages" | jq -cS . | sort)" "$(jq -cS . "$DIR/records" | sort)" 'they are those that were loaded'
exits 0 'replay without running programs' replay pagespeed "$DIR/pages" --programs none
same '.ok and .programs_run == 0 and .programs_recorded == 4 and .records == 4' 'gives the same'
TMPDIR="$DIR/where nobody made a directory for files that are put aside" exits 0 'replay that has no room for programs' replay pagespeed "$DIR/pages"
same '.programs_run == 0 and (.not_run["batchspool-pagespeed"] | test("directory for programs: No such file"))' 'says so'
exits 64 'other programs' bs sources replay pagespeed "$DIR/pages" --programs some

# --- a changed definition is told
psi_source '.steps[0].http.params.category = ["PERFORMANCE"]' && mv "$DIR/etc/sources/pagespeed.json" "$DIR/edited.json"
exits 65 'a request that is another one' replay pagespeed "$DIR/pages" --source-file "$DIR/edited.json"
same '.different == 6 and .unknown == 6 and .records == 0' 'is told'
same '.differences[0] | test("^unit 1 step run is not recorded; the nearest is unit 1 step run: url: .*category=PERFORMANCE&locale.*, recorded: .*ACCESSIBILITY")' 'with what differs'
same '.differences | length == 1 and (.[0] | test(" .and 5 more like it.$"))' 'once for all units'
psi_source '(.error_handler.response_filters[] | select(.error_message_contains | index("DNS_FAILURE")?)).action = "IGNORE"' && mv "$DIR/etc/sources/pagespeed.json" "$DIR/edited.json"
exits 65 'a filter that decides otherwise' replay pagespeed "$DIR/pages" --source-file "$DIR/edited.json"
same '.different == 2 and (.list[2] | .state == "failed" and .action == "IGNORE" and .reason == "ignored")' 'is told'
psi_source '.steps[1].exec.stdin.labels = {client: "new"}' && mv "$DIR/etc/sources/pagespeed.json" "$DIR/edited.json"
exits 65 'a mapping that makes something else' replay pagespeed "$DIR/pages" --source-file "$DIR/edited.json"
same '.done == 4 and .different == 4 and (.differences | length == 1) and (.differences[0] | test("step record answers something else at \"/results/0/labels"))' 'is told with the place'
psi_source '.data_selector = "/nothing"' && mv "$DIR/etc/sources/pagespeed.json" "$DIR/edited.json"
exits 65 'records that are not found' replay pagespeed "$DIR/pages" --source-file "$DIR/edited.json"
same '.failed == 6 and (.differences[0] | test("does not pass: no_records"))' 'are told'
psi_source

# --- damaged
sed '3s/"batch":1/"batch":"x"/' "$DIR/pages" >"$DIR/damaged"
exits 65 'a damaged cassette' replay pagespeed "$DIR/damaged"
like 'damaged: page 2: is no page' "$ERR" 'is refused, with the place'
head -c 3000 "$DIR/pages" >"$DIR/cut"
exits 65 'one that was cut off' replay pagespeed "$DIR/cut"
sed '2d' "$DIR/pages" >"$DIR/gap"
exits 65 'one without an answer' replay pagespeed "$DIR/gap"
same '.unknown == 1 and .done == 3 and (.differences[0] | test("unit 1 step run is not recorded"))' 'lacks it'
jq -c 'select(.batch != 6)' "$DIR/pages" >"$DIR/part"
exits 0 'a job that did not come to its last unit' replay pagespeed "$DIR/part"
same '.ok and .not_recorded == 1 and .done + .failed == 5' 'is gone through as far as it came'
sed '1s/"cassette":2/"cassette":1/' "$DIR/pages" >"$DIR/damaged"
exits 65 'a cassette of pages' replay pagespeed "$DIR/damaged"

# --- leases: parts, fallback, check, documents

. "$ROOT/tests/chat.sh"
lease_source() {
    sed '/^ *\/\//d' "$ROOT/etc/sources/lease.json" | jq --arg url "$CHAT/v1/chat/completions" '.settings.endpoint = $url
        | .error_handler.backoff_strategies[1] |= (.factor = 0.05 | .jitter_range_in_seconds = 0.01 | .max_s = 1) | .api_budget.policies[0].rates[0].limit = 1000' |
        jq "${1:-.}" >"$DIR/etc/sources/lease.json"
}
lease_source
printf %s "$TOKEN" >"$DIR/credentials/openai_api_key"
cat "$TEXTS"/{longlease,commercial,amendment}.txt >"$DIR/long.txt"
"$TEXTS/make.pl" pdf "$DIR/long.pdf" "$DIR/long.txt"
is '{"ok":true}' "$(curl -s -d '{"formats": ["text"], "faults": [{"kind": "invalid_json", "on": "chat", "at": 3, "count": 1}]}' "$CHAT/_set")" 'a model that knows no form, and errs once'
daemon_start
ID=$(bs submit --source lease --document "$DIR/long.pdf" --set schema=uk-residential-long-lease --set chunk_tokens=1500)
at processed 'a lease in parts, by a fallback, with an answer that its check refused'
lease=$ID
parts=$(jq -c 'select(.event == "captured" and .step == "analyse")' "$SPOOL/journal/$ID.ndjson" | wc -l)
result $((parts < 2)) 'there are several parts' "$parts"
exits 0 'record' bs sources record "$lease" --output "$DIR/lease" --json
same '.units == 1' 'tells'
is '["analyse",1,null,"other_way","status_400"],["analyse",1,1,"other_way","status_400"],["analyse",1,2,null,null]' \
    "$(jq -c 'select(.step == "analyse" and .part == 1) | [.step, .part, .way, .end, .reason]' "$DIR/lease" | paste -sd,)" 'each way that was gone is there'
like 'response_format' "$(jq -r 'select(.step == "analyse" and .part == 1 and .way == null) | .body' "$DIR/lease")" 'with the words of the refusal'
is 0 "$(grep -c "$TOKEN" "$DIR/lease")" 'the key is not in it'
is 0 "$(jq -c 'select(.document and .base64)' "$DIR/lease" | wc -l)" 'nor the document'
is "$(sha256sum <"$DIR/long.pdf" | cut -d' ' -f1)" "$(jq -r 'select(.step == "text") | .request.document' "$DIR/lease")" 'which is named by its sum'
exits 0 'record with documents' bs sources record "$lease" --output "$DIR/whole" --documents
daemon_stop
kill "$CHAT_PID"
wait "$CHAT_PID" 2>/dev/null
exits 0 'replay, without the model' replay lease "$DIR/lease"
same ".ok and .done == 1 and .records == 1 and .programs_run == 3 + $parts" 'runs text, chunks, the checks and the record'
same "[.list[0].steps[] | select(.step == \"analyse\" and .way == 2)] | length == $parts" 'by the way that answered'
mv "$SPOOL/documents/raw" "$DIR/documents"
exits 0 'without the document' replay lease "$DIR/lease"
same ".ok and .done == 1 and .programs_recorded == 1 and (.not_run[\"batchspool-document-text\"] | test(\"document\"))" 'the program that reads it is answered from the cassette'
exits 0 'with the document in the cassette' replay lease "$DIR/whole"
same ".ok and .programs_recorded == 0" 'it is run'
mv "$DIR/documents" "$SPOOL/documents/raw"
lease_source '(.steps[3].fallback[1].http.check.command) = ["false"]'
exits 65 'a check that refuses' replay lease "$DIR/lease"
same '.failed == 1 and (.differences[0] | test("step analyse part 1, fallback 2 does not pass: helper: "))' 'is told'
lease_source '.steps[3].fallback |= [.[1]]'
exits 65 'a fallback less' replay lease "$DIR/lease"
same '.done == 1 and (.differences | map(select(test("^unit 1 step analyse part [0-9]+, fallback 1 is not asked for any more$"))) | length > 0)' 'is told'

# --- programs that fail, ask for other ways, use the network; pages with steps

HELPERS=$DIR/helpers
mkdir -p "$HELPERS"
export BATCHSPOOL_HELPERS=$HELPERS
cat >"$HELPERS/make-record" <<'END'
#!/bin/bash
input=$(cat)
case $(jq -r .item.number <<<"$input") in
2) echo 'of no use' >&2; exit 65 ;;
3) echo 'not this way' >&2; exit 69 ;;
esac
jq -c '{results: [{number: .item.number, by: "first"}]}' <<<"$input"
END
cat >"$HELPERS/other-record" <<'END'
#!/bin/bash
jq -c '{results: [{number: .item.number, by: "second"}]}'
END
chmod +x "$HELPERS"/*
jq -n '{name: "small", foreach: [{name: "number", in: "/numbers"}], job_members: {numbers: {type: "array", required: true}},
    steps: [{name: "record", exec: {command: ["make-record"], stdin: {item: "${item}"}, timeout_s: 20},
             fallback: [{exec: {command: ["other-record"], stdin: {item: "${item}"}, network: true}}]}],
    data_selector: "/results", primary_key: "/number"}' >"$DIR/etc/sources/small.json"
paged_start --records 60
jq -n --arg url "$API_URL/offset" '{name: "stepped", steps: [{name: "list", exec: {command: ["hello"]}}, {name: "page", http: {method: "GET", url: $url, params: {word: "${steps.list/word}"}}}],
    paginator: {type: "offset", limit: 25, limit_param: "limit", offset_param: "offset", total_path: "/total"}, data_selector: "/data", primary_key: "/id"}' >"$DIR/etc/sources/stepped.json"
printf '#!/bin/sh\necho %s\n' "'{\"word\": \"w\"}'" >"$HELPERS/hello" && chmod +x "$HELPERS/hello"
daemon_start
units small programs '.numbers = [1, 2, 3]'
at processed 'programs that fail in both ways'
exits 0 'record' bs sources record "$ID" --output "$DIR/small" --json
same '.units == 3 and .answers == 4' 'tells'
exits 0 'replay' replay small "$DIR/small"
same '.ok and .done == 2 and .failed == 1 and (.not_run["other-record"] | test("network"))' 'a program that uses the network is answered from the cassette'
exits 0 'replay with all programs' replay small "$DIR/small" --programs all
same '.ok and .programs_run == 4 and (has("not_run") | not)' 'runs it, too'
sed -i 's/exit 65/exit 69/' "$HELPERS/make-record"
exits 65 'a program that fails otherwise' replay small "$DIR/small" --programs all
same '(.differences[0] | test("unit 2 step record fails with helper_unavailable; recorded: helper_data")) and .done == 3' 'is told, and the other way is gone'
units stepped paged '.'
at processed 'pages with two steps'
exits 0 'record' bs sources record "$ID" --output "$DIR/stepped" --json
same '.pages == 3 and .answers == 6' 'tells'
api_stop
exits 0 'replay' replay stepped "$DIR/stepped"
same '.ok and .done == 3 and .records == 60 and .total == 60' 'gives what the job gave'
exits 65 'with one step' bs sources replay pagespeed "$DIR/stepped"

# --- what a source of units tells for nothing

test_source() { bs sources test "$@" --json; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout "$DIR/server.key" -out "$DIR/credentials/ca.pem" 2>/dev/null
paged_start --records 60 --cert "$DIR/credentials/ca.pem" --key "$DIR/server.key"
like '^https:' "$API_URL" 'a server with TLS'
make_known() {
    jq -n --arg url "$API_URL/offset" '{name: "known", foreach: [{name: "number", in: "/numbers"}], job_members: {numbers: {type: "array", required: true}}, tls: {ca_file: "ca.pem"},
        auth: {type: "bearer", token: "${secret:known_token}"}, metering: {cost_per_record: "1", currency: "USD"},
        steps: [{name: "fetch", http: {method: "GET", url: $url, params: {offset: "${item.number}"}}}, {name: "record", exec: {command: ["make-record"], stdin: "${steps.fetch}"}}],
        data_selector: "/results"}' | jq "${1:-.}" >"$DIR/etc/sources/known.json"
    bs reload >/dev/null 2>&1
}
make_known
exits 65 'without its secret' test_source known
same '.secrets.known_token == "missing" and (.warnings | any(test("known_token")))' 'is told'
printf known-secret >"$DIR/credentials/known_token"
exits 0 'with all that it needs' test_source known
same '.able and .requests == 0 and .warnings == [] and .secrets == {"known_token": "there"} and .programs["make-record"].starts' 'secrets and programs are told'
same '[.endpoints[] | .reachable and .tls] == [true]' 'and that the host can be reached, by TLS'
is 0 "$(curl -sk "$API_URL/_log" | grep -c '"url"')" 'which was not asked for anything'
exits 0 'with a job' test_source known --set 'numbers=[7]'
same '.request.url | endswith("/offset?offset=7")' 'the first request is told'
is '' "$(grep -r known-secret "$DIR/out" "$SPOOL/results")" 'its secret is not'
exits 65 'with a job that does not check' test_source known --set 'numbers=[]'
cp "$DIR/etc/sources/known.json" "$DIR/draft.json"
exits 0 'a draft' test_source known --source-file "$DIR/draft.json"
same '[.endpoints[].reachable] == [true]' 'is looked at without the daemon'
make_known 'del(.tls)'
exits 65 'a certificate that nobody vouches for' test_source known
same '.endpoints[] | .reachable == false and (.error | test("certificate"))' 'is told'
api_stop
make_known '.steps[1].exec.command = ["broken"]'
printf '#!/no/such/interpreter\n' >"$HELPERS/broken" && chmod +x "$HELPERS/broken"
exits 65 'a server that is away, and a program that does not start' test_source known
same '(.warnings | length == 2) and ([.endpoints[].reachable] == [false]) and .programs.broken == {installed: true, path: .programs.broken.path, starts: false}' 'are told'
rm "$HELPERS/broken"
exits 65 'a program that is not there' test_source known
same '(.able | not) and .programs.broken.installed == false and (.missing | any(test("broken is not installed")))' 'is told'
finish
