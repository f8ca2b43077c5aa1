#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# "engine": "local": npm's Lighthouse with Debian's Chromium on pages served here, through the helper alone and by a job of the shipped definition. Node, npm and a registry (or npm's cache)
# are needed for `npm ci`.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/all/servers.sh"
# shellcheck disable=SC2034
WAIT_S=240
HELPER=$PROGRAMS/batchspool-lighthouse
export PUPPETEER_SKIP_DOWNLOAD=1
npm_install "$ROOT/tests/all/lighthouse"
LIGHTHOUSE=$DIR/server/node_modules/.bin/lighthouse
node "$ROOT/tests/all/lighthouse/pages.js" >"$DIR/pages.log" 2>&1 </dev/null &
BACKGROUND+=($!)
URL=http://127.0.0.1:$(port_in "$DIR/pages.log" '^([0-9]+)$')
mkdir "$DIR/work"
export TMPDIR=$DIR/work

# chromes: processes of Chromium that use a profile below our directory
chromes() { pgrep -fc -- "--user-data-dir=$DIR" || true; }
none_left() { [ "$(chromes)" = 0 ]; }
look() { jq -c "$1" "$DIR/out"; }

# --- the helper alone
for strategy in mobile desktop; do
    exits 0 "a page, $strategy" "$HELPER" --lighthouse "$LIGHTHOUSE" --strategy $strategy --timeout 180 "$URL/"
    is '["12.8.2",null,true,true,true,true]' "$(look '[.lighthouseVersion, .runtimeError, (.categories | .performance, .accessibility, ."best-practices", .seo | .score > 0.5)]')" 'has four scores'
    is "[\"$strategy\",\"$URL/\"]" "$(look '[.configSettings.formFactor, .finalDisplayedUrl]')" 'of what was asked for'
    [ "$strategy" = mobile ] || continue
    jq -c '{answer: ., item: {url: "'"$URL"'", strategy: "mobile"}, engine: "local", run: "r"}' "$DIR/out" >"$DIR/input"
    is '["mobile","local",true,null,null]' "$("$PROGRAMS/batchspool-pagespeed" <"$DIR/input" | jq -c '.results[0] | [.strategy, .engine, .lab.lcp_ms > 0, .field, .cwv_pass]')" 'and is a record without field data'
done
exits 65 'a page that is not there' "$HELPER" --lighthouse "$LIGHTHOUSE" --timeout 180 "$URL/none"
like '^Lighthouse: ERRORED_DOCUMENT_REQUEST: .*\(Status code: 404\)$' "$ERR" 'is told by code and status'
is '' "$OUT" 'and prints nothing'
exits 65 'a host where nobody listens' "$HELPER" --lighthouse "$LIGHTHOUSE" --timeout 180 http://127.0.0.1:1/
exits 75 'a time limit' "$HELPER" --lighthouse "$LIGHTHOUSE" --timeout 1 "$URL/heavy"
like 'took longer than 1 s' "$ERR" 'is told'
ok 'no Chromium is left' wait_for 20 none_left
is 0 "$(find "$DIR/work" -mindepth 1 | wc -l)" 'nor any file'
exits 69 'no Lighthouse' env PATH=/usr/bin:/bin BATCHSPOOL_HELPERS="$DIR" "$HELPER" "$URL/"
like 'npm install -g lighthouse' "$ERR" 'is told with what to install'
exits 69 'no Chromium' env PATH="$DIR" "$HELPER" --lighthouse "$LIGHTHOUSE" "$URL/"
like 'apt-get install chromium' "$ERR" 'is told, too'
printf '#!/bin/sh\necho "error while loading shared libraries" >&2\nexit 127\n' >"$DIR/broken"
chmod +x "$DIR/broken"
exits 69 'a Chromium that does not start' "$HELPER" --lighthouse "$LIGHTHOUSE" --chrome "$DIR/broken" "$URL/"
like 'does not start: error while loading shared libraries' "$ERR" 'is told by what it says'
exits 64 'an option in the place of the URL' "$HELPER" --lighthouse "$LIGHTHOUSE" -- --view
exits 64 'another scheme' "$HELPER" --lighthouse "$LIGHTHOUSE" file:///etc/passwd

# Who kills the helper kills Lighthouse and Chromium.
"$HELPER" --lighthouse "$LIGHTHOUSE" "$URL/heavy" >"$DIR/out" 2>"$DIR/err" </dev/null &
helper=$!
BACKGROUND+=("$helper")
lighthouse_runs() { pgrep -P "$helper" -f -- --only-categories >/dev/null; }
ok 'Lighthouse is at work' wait_for 60 lighthouse_runs
kill -9 "$helper"
wait "$helper" 2>/dev/null
ok 'killed in the middle it leaves no Chromium' wait_for 20 none_left

# --- a job
unset TMPDIR
sed '/^ *\/\//d' "$ROOT/etc/sources/pagespeed.json" | jq --arg program "$LIGHTHOUSE" 'del(.auth) | .job_members.urls.private_hosts = true | .steps[0].fallback[0].exec.command |= [.[0], "--lighthouse", $program] + .[1:]
    | .error_handler.backoff_strategies[1] |= (.factor = 0.05 | .max_s = 1)' >"$DIR/etc/sources/pagespeed.json"
exits 0 'check needs no key for it' bs check
daemon_start
printf 'url,client\n%s/,A\n%s/heavy,B\n%s/none,C\n' "$URL" "$URL" "$URL" >"$DIR/pages.csv"
ID=$(bs submit --urls "$DIR/pages.csv" --set engine=local --set process=auto --set concurrency=2)
at processed 'a job of three pages, one of which is not there'
is '["COMPLETED",3,2,1]' "$(show '[.status,.total_records,.processed_records,.error_count]')" 'is COMPLETED with two and one'
is '[["","A","local"],["/heavy","B","local"]]' "$(bs export --job "$ID" | jq -c --arg url "$URL" '[(.url | ltrimstr($url)), .labels.client, .engine]' | sort | jq -cs .)" 'two records'
is '["unused-javascript"]' "$(bs export --job "$ID" | jq -c 'select(.labels.client == "B") | .savings | map(.id) | map(select(. == "unused-javascript"))')" 'what the heavy page would gain'
is '["run","helper_data"]' "$(event 'select(.event == "failed" and .batch == 3) | [.step, .reason] | tojson')" 'the dead page is final at once'
like 'Status code: 404' "$(event 'select(.event == "failed" and .batch == 3) | .error')" 'and told'
is 1 "$(jq -c 'select(.event == "requested" and .batch == 3)' "$SPOOL/journal/$ID.ndjson" | wc -l)" 'it was tested once'
ok 'no Chromium is left' wait_for 20 none_left
verified 'verify finds no difference'
finish
