# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For tests of reports, behind lib.sh: sources whose records are written by the test, served as pages on loopback.
REPORTS=$ROOT/tests/reports
mkdir "$DIR/pages"
perl "$REPORTS/serve.pl" "$DIR/pages" "$DIR/pages.port" &
BACKGROUND+=($!)
wait_for 5 test -s "$DIR/pages.port" || { echo 'Bail out! the server of pages does not start'; exit 1; }
PAGES=http://127.0.0.1:$(cat "$DIR/pages.port")

# source_pages NAME KEY JQ: a source of one page, NAME.json of its campaign
source_pages() {
    jq -n --arg name "$1" --argjson key "$2" --arg url "$PAGES" '{name: $name, steps: [{http: {method: "GET", url: ($url + "/${job.page}.json")}}],
        paginator: {type: "single_page"}, data_selector: "/results", primary_key: $key, job_members: {page: {type: "string"}, urls: {type: "array"}, strategies: {type: "array"}},
        max_response_bytes: 67108864}' | jq "$3" >"$DIR/etc/sources/$1.json"
}
# run_page ID SOURCE PAGE [JQ]: the job of that id is loaded
run_page() {
    jq -n --arg source "$2" --arg page "$3" "{source: \$source, page: \$page, process: \"auto\", on_duplicate: \"run\"} | ${4:-.}" >"$SPOOL/jobs/tmp/$1.json"
    mv "$SPOOL/jobs/tmp/$1.json" "$SPOOL/jobs/pending/$1.json"
    ID=$1
    at processed "job $1 is loaded"
}
