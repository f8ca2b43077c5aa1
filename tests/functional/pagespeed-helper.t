#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The helper that makes a record of one PageSpeed answer, as the daemon runs it: one document in, one out, exit codes, the error text's line, bounded memory.
. "$(dirname "$0")/../lib.sh"
HELPER=$PROGRAMS/batchspool-pagespeed

# asked CODE NAME <INPUT: the helper with standard input
asked() {
    local code
    "$HELPER" >"$DIR/out" 2>"$DIR/err"
    code=$?
    OUT=$(cat "$DIR/out")
    ERR=$(cat "$DIR/err")
    is "$1" "$code" "$2" || printf '%s\n' "$ERR" | sed 's/^/#   /'
}
record() { jq -c ".results[0] | $1" <<<"$OUT"; }

# An answer as the service gives it, with two screenshots of several MB.
node -e '
const shot = {type: "screenshot", data: "data:image/jpeg;base64," + "A".repeat(2500000)};
const metric = (percentile, category) => ({percentile, category, distributions: [{min: 0, max: 1, proportion: 0.8}, {min: 1, max: 2, proportion: 0.15}, {min: 2, proportion: 0.05}]});
const audit = (numericValue) => ({score: 0.5, numericValue});
process.stdout.write(JSON.stringify({kind: "pagespeedonline#result", id: "https://example.com/", analysisUTCTimestamp: "2026-11-28T10:00:00.000Z",
  loadingExperience: {id: "https://example.com/", overall_category: "AVERAGE", initial_url: "https://example.com/", metrics: {LARGEST_CONTENTFUL_PAINT_MS: metric(1800, "FAST"),
    INTERACTION_TO_NEXT_PAINT: metric(150, "FAST"), CUMULATIVE_LAYOUT_SHIFT_SCORE: metric(12, "AVERAGE")}},
  originLoadingExperience: {metrics: {}},
  lighthouseResult: {lighthouseVersion: "12.8.2", fetchTime: "2026-11-28T09:59:58.123Z", finalDisplayedUrl: "https://example.com/home", runWarnings: ["The page was redirected."],
    categories: {performance: {score: 0.93}, accessibility: {score: 1}, "best-practices": {score: 0.96}, seo: {score: null}},
    audits: {"final-screenshot": {details: shot}, "first-contentful-paint": audit(1234.5), "largest-contentful-paint": audit(2001.25), "cumulative-layout-shift": audit(0.02),
      "unused-javascript": {title: "Reduce unused JavaScript", details: {type: "opportunity", overallSavingsMs: 450, overallSavingsBytes: 120034}}},
    fullPageScreenshot: {screenshot: shot}}}));' >"$DIR/answer.json"
jq -c --arg run 20261128T100000Z-0123456789ab-shop '{answer: ., item: {url: {url: "https://example.com", labels: {client: "A"}}, strategy: "mobile"}, engine: "service", run: $run, attempts: 2}' "$DIR/answer.json" >"$DIR/input.json"
asked 0 'an answer with screenshots' <"$DIR/input.json"
is '' "$ERR" 'nothing on standard error'
is 1 "$(wc -l <"$DIR/out")" 'one line'
is '["https://example.com","https://example.com/home","mobile","20261128T100000Z-0123456789ab-shop","service",2,{"client":"A"}]' "$(record '[.url,.final_url,.strategy,.run,.engine,.attempts,.labels]')" 'of whom'
is '{"performance":93,"accessibility":100,"best_practices":96,"seo":null}' "$(record .scores)" 'scores of 100, null when there is none'
is '[1234.5,2001.25,0.02,null]' "$(record '.lab | [.fcp_ms,.lcp_ms,.cls,.tbt_ms]')" 'lab figures'
is '[{"id":"unused-javascript","title":"Reduce unused JavaScript","ms":450,"bytes":120034}]' "$(record .savings)" 'savings'
is '["page",1800,150,0.12,null,false]' "$(record '[.field.scope,.field.lcp_ms.p75,.field.inp_ms.p75,.field.cls.p75,.origin,.cwv_pass]')" 'field data, of the page alone'
is '["The page was redirected."]' "$(record .warnings)" 'warnings'
node -e 'const s = require("fs").readFileSync(process.argv[1], "utf8"); process.stdout.write(s.replace(/A{1000}/, "A".repeat(60000000)))' "$DIR/input.json" >"$DIR/large.json"
size=$(stat -c %s "$DIR/large.json")
# The buffer that grows is there twice for a moment.
(ulimit -v "$(room $((size / 1024 * 5 / 2 + 65536)))" && exec "$HELPER") <"$DIR/large.json" >"$DIR/out" 2>"$DIR/err"
is 0 $? "an answer of $((size / 1000000)) MB, in little more memory"
head -c 100000000 /dev/zero | tr '\0' ' ' >"$DIR/blank.json"
cat "$DIR/input.json" "$DIR/blank.json" >"$DIR/long.json"
asked 65 'one that is beyond all measure is refused' <"$DIR/long.json"
like 'has more than' "$ERR" 'with the reason'

local_json() { jq -c '{answer: .lighthouseResult, item: {url: "https://example.com", strategy: "desktop"}, engine: "local", labels: {team: 7}}' "$DIR/answer.json"; }
asked 0 "Lighthouse's own JSON" < <(local_json)
is '["desktop",93,{"team":7},null,null,null]' "$(record '[.strategy,.scores.performance,.labels,.field,.cwv_pass,.run]')" 'has no field data'

error_in() { jq -nc --arg code "$1" --arg message "$2" '{answer: {lighthouseResult: {runtimeError: {code: $code, message: $message}, audits: {}}}, item: {url: "https://example.com"}}'; }
asked 65 'an error in a good answer: no such host' < <(error_in DNS_FAILURE 'DNS servers could not resolve the provided domain.')
is 'Lighthouse: DNS_FAILURE: DNS servers could not resolve the provided domain.' "$ERR" 'is told in a line'
is '' "$OUT" 'and nothing is printed'
asked 75 'one that may pass' < <(error_in NO_FCP 'The page did not paint any content.')
asked 75 'one that is not known' < <(error_in SOMETHING_NEW $'two\nlines')
is 1 "$(wc -l <"$DIR/err")" 'a line break in it makes no second line'
asked 65 'no JSON' <<<'{"answer": '
asked 65 'an answer of something else' <<<'{"answer": {"error": {"code": 400}}, "item": {"url": "https://example.com"}}'
asked 65 'nothing at all' </dev/null
exits 64 'arguments are refused' "$HELPER" --help
"$HELPER" <"$DIR/input.json" >/dev/full 2>"$DIR/err"
is 75 $? 'a full disk is another try'
finish
