#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A limiter that is not ours: Debian's nginx with limit_req, 5 requests a second and not one before its time. Twenty jobs share a source whose definition says 5/s, then one that says nothing.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"
PAGES=15
JOBS=20
WAIT_S=180
config '.max_concurrent_jobs = 32'
paged_start --records $((25 * PAGES))
# shellcheck disable=SC2016
nginx_limit "${API_URL#http://}" '$arg_tag' 5r/s '$msec $status $request_uri' /offset
API_URL=http://127.0.0.1:$port

# seen NAME: of a source's answers: how many, how many of them 429, those in thousandths, and the others in thousandths of what 5/s allow in that time
seen() {
    awk -v tag="tag=$1(&|$)" '$3 ~ tag { n++; last = $1; if (n == 1) first = $1; if ($2 == 429) refused++; if ($2 == 200) good++ }
        END { printf "%d %d %d %d\n", n, refused, 1000 * refused / n, 1000 * (good - 1) / (5 * (last - first)) }' "$DIR/nginx.log"
}
# twenty NAME [COMMAND]: drops the jobs, waits for them all, tells what nginx saw
twenty() {
    local i answers refused share rate ids=()
    for ((i = 1; i <= JOBS; i++)); do
        drop "$1-$i" 0 "{source: \"$1\"}"
        ids+=("$ID")
    done
    [ -z "${2-}" ] || "$2"
    for ID in "${ids[@]}"; do wait_for $WAIT_S settled_in processed "$ID" || at processed "$1: a job completes"; done
    read -r answers refused share rate <<<"$(seen "$1")"
    echo "# $1: $answers answers, $refused of them 429; $((rate / 10)).$((rate % 10)) % of the allowed throughput"
    REFUSED=$share RATE=$rate GOOD=$((answers - refused))
}

five='.api_budget = {policies: [{type: "moving_window", rates: [{limit: 5, interval: "PT1S"}]}]}'
source_paged offset-says "$five"
source_paged offset-killed "$five"
source_paged offset-silent
daemon_start
twenty offset-says
is $((JOBS * PAGES)) "$GOOD" "5/s declared: each page of $JOBS jobs came once"
result $((RATE < 900)) "at least 90 % of the allowed throughput ($RATE in 1,000)"
result $((REFUSED >= 10)) "under 1 % of the answers are 429 ($REFUSED in 1,000)"

# --- kill -9 in the middle
has_raw() { [ "$(find "$SPOOL/payloads/raw" -name 'offset-killed*' | wc -l)" -ge 40 ]; }
kill_it() {
    wait_for 60 has_raw
    daemon_kill
    daemon_start
}
twenty offset-killed kill_it
result $((REFUSED >= 10)) "kill -9 in the middle: under 1 % of the answers are 429 ($REFUSED in 1,000)"

# --- a definition that says nothing of the limit
twenty offset-silent
is $((JOBS * PAGES)) "$GOOD" "not a word on the limit: each page of $JOBS jobs came once"
result $((REFUSED >= 50)) "it is learned: a few of 100 answers are 429 ($REFUSED in 1,000)"
result $((RATE < 600)) "and most of it is used ($RATE in 1,000)"
is 0 "$(find "$SPOOL/jobs/failed" -type f | wc -l)" 'no job failed'
verified 'verify finds no difference'
finish
