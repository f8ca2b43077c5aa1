#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# batchspool results: reports of a job as files of results/, made by the daemon.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../httpd.sh"
. "$(dirname "$0")/../reports.sh"
# files ID: the names of its results
files() { find "$SPOOL/results/$1" -maxdepth 1 -type f -printf '%f\n' | grep -v sha256$ | sort | paste -sd' '; }
# pdf FILE: its text
pdf() { pdftotext -layout "$1" - 2>"$DIR/pdf.err"; }
# sheet FILE NUMBER: the XML of a sheet
sheet() { unzip -p "$1" "xl/worksheets/sheet$2.xml"; }
# sheets FILE: the names of its sheets
sheets() { unzip -p "$1" xl/workbook.xml | grep -o '<sheet name="[^"]*"' | cut -d'"' -f2 | paste -sd,; }
daemon_start

# --- records of any kind
source_pages any '"/id"' .
jq -n '{results: [range(3000) | {id: ("K\(.)"), ZipFive: 1234, price: (if . % 7 == 0 then null else . * 1.5 end), note: (if . == 0 then "=1+1" elif . == 1 then "<b>&\"quoted\"</b> \u0001 caf\u00e9" elif . == 2 then "x" * 40000 else "plain" end),
    big: "BIG", owner: {name: "Ann \(.)", tags: ["a", "b"]}}]}' | sed 's/"BIG"/12345678901234567890/' >"$DIR/pages/any.json"
run_page 20261101T090000Z-00000000000a-any any any '.name = "Records <of> any & every kind"'
any=$ID
exits 0 'results of any records' bs results "$any"
is 4 "$(wc -l <"$DIR/out")" 'a table has four files'
is "$(cd "$SPOOL/results/$any" && sha256sum records.ndjson records.csv report.xlsx report.html | awk '{print $1}')" "$(sed 's/.*sha256 //' "$DIR/out")" 'the sums that are printed are right'
is "$(cd "$SPOOL/results/$any" && stat -c '%n %s' records.ndjson records.csv report.xlsx report.html)" "$(sed -E 's|.*/([a-z.]+)  ([0-9]+) bytes.*|\1 \2|' "$DIR/out")" 'and names and bytes'
ok 'SHA256SUMS agrees' sh -c "cd '$SPOOL/results/$any' && sha256sum -c --quiet SHA256SUMS"
is 4 "$(wc -l <"$SPOOL/results/$any/SHA256SUMS")" 'and has each'
is "$(bs export --job "$any" | sha256sum)" "$(sha256sum <"$SPOOL/results/$any/records.ndjson")" 'NDJSON is what export prints'
is "$(bs export --job "$any" --format csv | sha256sum)" "$(sha256sum <"$SPOOL/results/$any/records.csv")" 'and so is CSV'
before=$(cd "$SPOOL/results/$any" && stat -c '%n %i %Y %s' ./* | sort)
exits 0 'once more' bs results "$any"
is "$before" "$(cd "$SPOOL/results/$any" && stat -c '%n %i %Y %s' ./* | sort)" 'changes nothing'
is '' "$(find "$SPOOL/results" -name '.*' -type f -o -name 'tmp.*')" 'nothing half-done lies about'
xlsx=$SPOOL/results/$any/report.xlsx
ok 'the workbook is a whole archive' unzip -tq "$xlsx"
is About,Records,Columns "$(sheets "$xlsx")" 'of three sheets'
sheet "$xlsx" 2 >"$DIR/sheet.xml"
ok 'a sheet is well-formed' xmllint --noout "$DIR/sheet.xml"
is 3001 "$(grep -o '<row ' "$DIR/sheet.xml" | wc -l)" 'with a row a record'
like '<c r="D2" s="[0-9]+" t="inlineStr"><is><t[^>]*>=1\+1</t>' "$(cat "$DIR/sheet.xml")" 'a text like a formula is text'
is 0 "$(grep -c '<f>' "$DIR/sheet.xml")" 'there is no formula'
like '<c r="B2" s="[0-9]+" t="inlineStr"><is><t>1234</t>' "$(cat "$DIR/sheet.xml")" 'a ZIP code is text'
like '<c r="C3"( s="[0-9]+")?><v>1.5</v>' "$(cat "$DIR/sheet.xml")" 'a number is one'
is '' "$(grep -o '<c r="C2"[^/]*><' "$DIR/sheet.xml")" 'what is missing is empty, not 0'
like 't="inlineStr"><is><t>12345678901234567890</t>' "$(cat "$DIR/sheet.xml")" 'digits that a spreadsheet would lose are text'
is 32767 "$(xmllint --xpath 'string-length(//*[local-name()="c"][@r="D4"])' "$DIR/sheet.xml")" 'a long text is cut to what a cell takes'
like $'x\u2026$' "$(xmllint --xpath 'string(//*[local-name()="c"][@r="D4"])' "$DIR/sheet.xml" | tail -c 8)" 'with a mark'
like '<pane [^>]*ySplit="1"' "$(cat "$DIR/sheet.xml")" 'the head stays in sight'
like '<autoFilter ref="A1:[A-Z]+3001"' "$(cat "$DIR/sheet.xml")" 'with a filter'
like '<col [^>]*width="[0-9.]+"' "$(cat "$DIR/sheet.xml")" 'and widths'
html=$SPOOL/results/$any/report.html
ok 'the page is well-formed' xmllint --noout --nonet "$html"
is '0 0 0' "$(grep -ciE '<script|javascript:' "$html") $(grep -c '<b>' "$html") $(grep -cE '(src|href)=' "$html")" 'without scripts, markup of records, or anything from elsewhere'
is 1 "$(grep -c '&lt;b&gt;&amp;&quot;quoted&quot;&lt;/b&gt;' "$html")" 'texts are escaped'
like 'Records &lt;of&gt; any &amp; every kind' "$(grep '<h1>' "$html")" 'so is the title'
is "2000 1" "$(grep -c '<tr><th scope="row">K[0-9]' "$html") $(grep -c '1000 more rows are not shown' "$html")" 'it has the first rows, and says so'
exits 0 'pages' bs results "$any" --format pdf --output "$DIR/copy"
is 'SHA256SUMS report.pdf' "$(ls "$DIR/copy" | paste -sd' ')" 'a copy where it is wanted'
ok 'with its sum' sh -c "cd '$DIR/copy' && sha256sum -c --quiet SHA256SUMS"
is "Records <of> any & every kind|yes|A4" "$(pdfinfo "$DIR/copy/report.pdf" | sed -n 's/^Title: *//p')|$(pdffonts "$DIR/copy/report.pdf" | awk 'NR > 2 {print $(NF - 4)}' | sort -u)|$(pdfinfo "$DIR/copy/report.pdf" | grep -o A4)" 'titled, with its fonts'
pages=$(pdfinfo "$DIR/copy/report.pdf" | sed -n 's/^Pages: *//p')
is "$(seq -f "Page %g of $pages" 1 "$pages" | paste -sd' ')" "$(pdf "$DIR/copy/report.pdf" | grep -o 'Page [0-9]* of [0-9]*' | paste -sd' ')" 'every page has its number'
is "$((pages - 1))" "$(pdf "$DIR/copy/report.pdf" | grep -c 'price .*ZipFive\|ZipFive .*price')" 'and the head of the table'
is '' "$(cat "$DIR/pdf.err")" 'readers have nothing to complain about'
like $'caf\u00e9' "$(pdf "$DIR/copy/report.pdf")" 'its text can be copied'
exits 1 'no calendar of a table' bs results "$any" --format ics
like 'leases alone' "$ERR" 'as it says'
exits 64 'a form that there is not' bs results "$any" --format docx
exits 66 'a job that there is not' bs results nosuchjob
exits 0 'as JSON' bs results "$any" --format csv --json
is "table results/$any/records.csv" "$(jq -r '.report + " " + .files[0].file' "$DIR/out")" 'the same'

# --- page speed
first=20261121T090000Z-000000000001-speed second=20261128T090000Z-000000000002-speed
source_pages speed '["/url", "/strategy", "/run"]' '.report = "pagespeed"'
jq -n --argjson urls 40 --arg run $first --argjson worse 0 -f "$REPORTS/pagespeed.jq" >"$DIR/pages/one.json"
jq -n --argjson urls 40 --arg run $second --argjson worse 1 -f "$REPORTS/pagespeed.jq" >"$DIR/pages/two.json"
run_page $first speed one
run_page $second speed two '.name = "Client sites, weekly"'
ritas=20261128T090000Z-000000000003-speed
run_page $ritas speed two '.created_by = "rita"'
exits 0 'results of page speed' bs results $second --output "$DIR/speed"
is 'SHA256SUMS records.csv records.ndjson report.html report.pdf report.xlsx' "$(ls "$DIR/speed" | paste -sd' ')" 'with pages'
is 'About,Scores,Labels,Newly failing,Works again,Vitals changed,Score drops,Opportunities,Errors,Failed,All rows' "$(sheets "$DIR/speed/report.xlsx")" 'a workbook of its parts'
is 81 "$(wc -l <"$DIR/speed/records.csv")" 'a row for each URL and strategy'
# What the report must say, worked out of the records by other means.
jq -s '(.[0].results | map({key: "\(.url) \(.strategy)", value: .}) | from_entries) as $old | .[1].results
    | {known: map(select(.cwv_pass != null)) | length, pass: map(select(.cwv_pass)) | length,
       drops: map(. as $r | $old["\($r.url) \($r.strategy)"] as $o | $r.scores | to_entries[] | select(.value != null and $o.scores[.key] != null and $o.scores[.key] - .value >= 10)) | length,
       worse: map(select(.cwv_pass == false and $old["\(.url) \(.strategy)"].cwv_pass)) | length,
       bands: (map(.scores.performance) | [map(select(. < 50)), map(select(. >= 50 and . < 90)), map(select(. >= 90))] | map(length)),
       javascript: map(select(.savings[] | .id == "unused-javascript") | .url) | unique | length}' "$DIR/pages/one.json" "$DIR/pages/two.json" >"$DIR/want.json"
want() { jq -r "$1" "$DIR/want.json"; }
text=$(pdf "$DIR/speed/report.pdf")
like "$(want .pass) of $(want .known) with field data" "$text" 'how many pass'
like "$(want .bands[0]) poor, $(want .bands[1]) middling, $(want .bands[2]) good" "$text" 'bands'
like "no longer pass for $(want .worse) and" "$text" 'what changed'
like "; $(want .drops) scores fell by 10 or more" "$(tr -s ' \n' ' ' <<<"$text")" 'what fell'
is "$(want .drops)" "$(($(sheet "$DIR/speed/report.xlsx" 7 | grep -o '<row ' | wc -l) - 1))" 'each in its sheet'
is "$(want .javascript)" "$(sheet "$DIR/speed/report.xlsx" 8 | xmllint --xpath 'string(//*[local-name()="c"][@r="C2"])' -)" 'opportunities by number of URLs'
is '' "$(sed 1d "$DIR/speed/records.csv" | head -n 1 | awk -F, '$11 == 0')" 'what was not measured is not 0'
is 'client,template' "$(grep -o '<caption>Worst by label: [a-z]*' "$DIR/speed/report.html" | sed 's/.*: //' | paste -sd,)" 'a table for each label'
is 'client client client client template template template template template template template template' "$(sheet "$DIR/speed/report.xlsx" 3 | xmllint --xpath '//*[local-name()="row"][position()>1]/*[local-name()="c"][1]/*/*/text()' - | paste -sd' ')" 'and a sheet of both, one after the other'
exits 0 'against a baseline' bs results $second --baseline $first --format pdf --output "$DIR/base"
like 'Against the baseline \(80 of 80' "$(pdf "$DIR/base/report.pdf" | tr -s ' \n' ' ')" 'is told, too'
exits 0 'the first run' bs results $first --format html --output "$DIR/firstrun"
like 'This is the first run of these URLs; the next one is compared with it' "$(cat "$DIR/firstrun/report.html")" 'has none before it'
is 0 "$(grep -c 'Changes<\|changed since' "$DIR/firstrun/report.html")" 'and no changes'
exits 0 'the run of another person' bs results $ritas --format html --output "$DIR/ritas"
like 'This is the first run of these URLs' "$(cat "$DIR/ritas/report.html")" 'is not compared with those of others'

# --- answers from the cache: cached_test RUN PAGE TESTED SCORE [CACHED-AT]
cached_test() {
    jq -n --arg run "$1" --arg tested "$3" --argjson score "$4" --arg cached "${5-}" '{results: [{url: "https://again.example/", strategy: "mobile", run: $run, status: "ok", labels: {},
        fetched_at: $tested, cached_at: (if $cached == "" then null else $cached end), scores: {performance: $score}, cwv_pass: null}]}' >"$DIR/pages/$2.json"
    run_page "$1" speed "$2" '.created_by = "cleo"'
    exits 0 'its report' bs results "$1" --format html --output "$DIR/$2"
    html=$(cat "$DIR/$2/report.html")
}
cached_test 20261128T092001Z-0000000000c1-c c1 2026-11-28T09:20:01.500Z 90
exits 0 'as pages' bs results "$ID" --format pdf --output "$DIR/small"
is 2 "$(pdfinfo "$DIR/small/report.pdf" | sed -n 's/^Pages: *//p')" 'a small run has a page of summary, and its rows'
like 'How to read this' "$(pdftotext -l 1 "$DIR/small/report.pdf" -)" 'how to read it included'
cached_test 20261128T092101Z-0000000000c2-c c2 2026-11-28T09:20:01.500Z 90 2026-11-28T09:20:09Z
like '1 of 1 results came from the cache: their pages had been tested shortly before, 2026-11-28 09:20 UTC' "$html" 'says how many answers are from before, and of when'
like 'nothing to compare with yet: no earlier run has other answers' "$html" 'which are not compared with themselves'
cached_test 20261128T092201Z-0000000000c3-c c3 2026-11-28T09:22:01.500Z 70
like '1 of 1 rows can be compared.*; 1 scores fell by 10 or more' "$html" 'a new answer is compared with the last one'
cached_test 20261128T092301Z-0000000000c4-c c4 2026-11-28T09:22:01.500Z 70 2026-11-28T09:22:09Z
like '1 of 1 rows can be compared.*; 1 scores fell by 10 or more' "$html" 'the same from the cache, too: with the run before that'
is 0 "$(grep -c 'came from the cache' "$DIR/c3/report.html")" 'where none came from the cache, nothing is said'

# --- units that failed for good have rows of their own
units=20261128T093000Z-0000000000aa-units
jq -n --arg url "$PAGES" '{name: "units", steps: [{name: "run", http: {method: "GET", url: ($url + "/${item.url/url}.json")}}], report: "pagespeed", results: ["csv", "html"],
    foreach: [{name: "url", in: "/urls"}, {name: "strategy", in: "/strategies"}], data_selector: "/results", primary_key: ["/url", "/strategy", "/run"],
    job_members: {urls: {type: "array"}, strategies: {type: "array"}}, error_handler: {max_retries: 0}}' >"$DIR/etc/sources/units.json"
jq -n --arg run $units '{results: [{url: "alive", strategy: "mobile", run: $run, status: "ok", scores: {performance: 51}}]}' >"$DIR/pages/alive.json"
jq -n '{source: "units", process: "auto", urls: [{url: "dead", labels: {client: "Nobody"}}, {url: "alive"}], strategies: ["mobile"]}' >"$SPOOL/jobs/tmp/$units.json"
mv "$SPOOL/jobs/tmp/$units.json" "$SPOOL/jobs/pending/$units.json"
ID=$units
at processed 'a job of two units, of which one fails'
ok 'it has its files' wait_for "$WAIT_S" test -s "$SPOOL/results/$units/results.json"
like "^dead,,mobile,Nobody,$units,failed,status_404," "$(grep ^dead "$SPOOL/results/$units/records.csv" | tr -d '\r')" 'a row for the one that failed'
like 'alive,,mobile,,.*,ok,,,51,' "$(grep ^alive "$SPOOL/results/$units/records.csv")" 'and one for the other'
like '404' "$(grep ^dead "$SPOOL/results/$units/records.csv")" 'with the error'
like '>1</span> <span class="note">see errors by cause' "$(cat "$SPOOL/results/$units/report.html")" 'it is counted'

# --- leases
lease=20261128T100000Z-000000000003-lease
source_pages lease '["/document/sha256", "/run"]' '.report = "lease" | .results = ["xlsx", "pdf", "ics"]'
jq -n --arg run $lease -f "$REPORTS/lease.jq" >"$DIR/pages/lease.json"
run_page $lease lease lease '.name = "Oxford portfolio" | .created_by = "ann"'
ok 'a source has results made by itself' wait_for "$WAIT_S" test -s "$SPOOL/results/$lease/results.json"
is 'SHA256SUMS dates.ics report.pdf report.xlsx results.json' "$(files $lease)" 'those that it names'
is 'lease report.xlsx report.pdf dates.ics' "$(jq -r '[.report, (.files[].file | split("/")[-1])] | join(" ")' "$SPOOL/results/$lease/results.json")" 'and says so when all are there'
made=$(bs list --mode results --json | jq -r 'select(.job_id | startswith("20261128T100000Z-")) | .job_id')
is "$(jq -nr '"ann"')" "$(bs show "$made" --json | jq -r .created_by)" 'by a job of the same person'
exits 0 'results of leases' bs results $lease --output "$DIR/lease"
is 'SHA256SUMS dates.ics records.csv records.ndjson report.html report.pdf report.xlsx' "$(ls "$DIR/lease" | paste -sd' ')" 'with pages and a calendar'
is 'About,Leases,Rent,Dates,Options,Clauses,Review,Fields,Checks,Documents' "$(sheets "$DIR/lease/report.xlsx")" 'a workbook of its parts'
text=$(pdf "$DIR/lease/report.pdf")
like 'DRAFT' "$text" 'it is a draft'
like 'not legal advice' "$text" 'and no advice'
like $'Bront\u00eb Books Limited +found +deed-of-variation.pdf' "$text" 'the amendment holds'
like $'Bront\u00eb & S\u00f6hne Buchhandel GmbH +superseded +high-street' "$text" 'what it replaced stays'
like 'the documents contradict +4000 GBP or 4500 GBP' "$text" 'a conflict needs review'
like 'the quote is not in the text' "$text" 'so does a quote that is not verified'
like 'no rent for 2022-03-25 to 2024-03-24' "$text" 'a check that failed'
is '2026-12-25' "$(grep -A3 'Next date' <<<"$text" | grep -o '20[0-9-]*' | head -n 1)" 'the next date'
ok 'the page is well-formed' xmllint --noout --nonet "$DIR/lease/report.html"
is 0 "$(grep -ciE '<script|href=' "$DIR/lease/report.html")" 'and holds no markup of documents'
ics=$DIR/lease/dates.ics
is '0 0' "$(grep -vc $'\r$' "$ics") $(LC_ALL=C awk 'length($0) > 76' "$ics" | wc -l)" 'lines of a calendar end and are folded as they must'
is "$(grep -c BEGIN:VEVENT "$ics")" "$(grep '^UID:' "$ics" | sort -u | wc -l)" 'each event has a name of its own'
like 'DTSTART;VALUE=DATE:20340324' "$(cat "$ics")" 'the end of the term, as amended'
is 0 "$(grep -c 'DATE:20290324' "$ics")" 'not the one before'

# --- review
high=$(printf 'aa%.0s' {1..32}) deed=$(printf 'bb%.0s' {1..32}) review=$SPOOL/results/$lease/review.json
exits 64 'a review of one of several documents' bs review $lease --confirm tenant
like 'say which by --document' "$ERR" 'wants to know which'
exits 0 'a correction' bs review $lease --document "$high" --set 'service_charge_cap=4500' --unit GBP --note 'schedule 4 holds'
exits 0 'a confirmation' bs review $lease --document "$high" --confirm permitted_use
is "corrected 4500 GBP confirmed false" "$(jq -r --arg d "$high" '.fields[$d] as $f | [$f.service_charge_cap.decision, $f.service_charge_cap.value, $f.service_charge_cap.unit, $f.permitted_use.decision, .reviewed] | join(" ")' "$review")" 'lie in review.json'
is "$(id -un) 660" "$(jq -r --arg d "$high" '.fields[$d].permitted_use.reviewer' "$review") $(stat -c %a "$review")" 'with who it was'
is 2 "$(jq -c 'select(.event == "reviewed" and .by == "command line")' "$SPOOL/journal/$lease.ndjson" | wc -l)" 'and in the journal'
exits 0 'reports of it' bs results $lease --format pdf --format xlsx --output "$DIR/reviewed"
text=$(pdf "$DIR/reviewed/report.pdf" | tr -s ' ')
like 'Service charge cap 4500 GBP' "$text" 'show the correction'
like "corrected by $(id -un)" "$text" 'and by whom'
is 0 "$(grep -c 'contradict\|not in the text of' <<<"$text")" 'what was looked at needs no review'
like DRAFT "$text" 'it is a draft still'
exits 65 'the end of a review while something is open' bs review $lease --done
like 'to be reviewed still' "$ERR" 'is refused'
exits 0 'the rest confirmed, and the end of the review' bs review $lease --confirm-rest --done
exits 0 'reports of it' bs results $lease --format pdf --format ics --output "$DIR/done"
is '0 0' "$(pdf "$DIR/done/report.pdf" | grep -ci draft) $(grep -ci draft "$DIR/done/dates.ics")" 'are no draft'
rm "$review"
exits 0 'a review.json that went' bs review $lease --document "$deed" --withdraw tenant
is 'true 0' "$(jq -r '"\(.reviewed) \(.open)"' "$review")" 'is made again from the journal'
exits 65 'a name that is none' bs review $lease --document "$high" --set 'a b=1'
exits 65 'a value that is none' bs review $lease --document "$high" --set 'tenant={}'
exits 0 'shown' bs review $lease
like 'service_charge_cap corrected by .* 4500' "$OUT" 'for people'

# --- by the web program
user ada admin read submit control
user ops operator read submit control
user rita operator read submit control
user viola viewer read
httpd_start
# code WHO PATH [CURL-OPTION...]: the answer's body is in $DIR/body, its head in $DIR/head
code() { as "$1" "$2" -D "$DIR/head" -o "$DIR/body" -w '%{http_code}' "${@:3}"; }
field() { sed -n "s/^$1: //Ip" "$DIR/head" | tr -d '\r'; }
json=(-H 'Content-Type: application/json')
sum() { sha256sum <"$SPOOL/results/$lease/$1" | cut -c1-64; }
for row in xlsx:report.xlsx:openxmlformats pdf:report.pdf:application/pdf html:report.html:text/html csv:records.csv:text/csv ndjson:records.ndjson:x-ndjson ics:dates.ics:text/calendar; do
    IFS=: read -r format name type <<<"$row"
    is "200 $(sum "$name")" "$(code ada "/api/batch-jobs/$lease/results/download?format=$format") $(sha256sum <"$DIR/body" | cut -c1-64)" "$format: the file"
    like "$type" "$(field Content-Type)" "$format: its type"
    is "attachment; filename=\"lease-$name\"" "$(field Content-Disposition)" "$format: to be kept, named by its job"
    is "\"$(sum "$name")\" sha-256=:$(openssl dgst -sha256 -binary "$SPOOL/results/$lease/$name" | base64):" "$(field ETag) $(field Repr-Digest)" "$format: with its sum"
done
is 304 "$(code ada "/api/batch-jobs/$lease/results/download?format=pdf" -H "If-None-Match: $(field ETag | sed "s/[0-9a-f]*\"$/$(sum report.pdf)\"/")")" 'nothing is sent twice'
is "200 $(sum report.pdf)" "$(code ada "/api/lease-processing/results/$lease/download?format=pdf") $(sha256sum <"$DIR/body" | cut -c1-64)" 'the same for clients of document analysis'
is 200 "$(code ada "/api/v1/batch-processing/results/$second")" 'and the list for those of URL analysis'
is '[]' "$(jq -c .results "$DIR/body")" 'whose rows are units, which this job has none of'
is 400 "$(code ada "/api/batch-jobs/$lease/results/download?format=docx")" 'a form that there is not'
is 404 "$(code rita "/api/batch-jobs/$lease/results/download?format=pdf")" "another's"
is 202 "$(code ada "/api/batch-jobs/$any/results" "${json[@]}" -d '{"format": "pdf"}')" 'pages are asked for'
made_pdf() { as ada "/api/batch-jobs/$any/results" | jq -e '.results[] | select(.name == "report.pdf" and .sha256 != null)' >/dev/null; }
ok 'they are made' wait_for "$WAIT_S" made_pdf
is 202 "$(code ada "/api/batch-jobs/$second/results" "${json[@]}" -d "{\"baseline\": \"$first\"}")" 'the standard set, with a baseline'
is 422 "$(code ada "/api/batch-jobs/$second/results" "${json[@]}" -d '{"baseline": "x"}')" 'a baseline that is none'
is "202 422 422" "$(code rita "/api/batch-jobs/$ritas/results" "${json[@]}" -d "{\"baseline\": \"$ritas\"}") $(code rita "/api/batch-jobs/$ritas/results" "${json[@]}" -d "{\"baseline\": \"${second%-*}-nobody\"}") $(code rita "/api/batch-jobs/$ritas/results" "${json[@]}" -d "{\"baseline\": \"$first\"}")" "an operator's baseline is no job of another's"
is "/baseline there is no job $first" "$(jq -r '.errors[0] | "\(.pointer) \(.detail)"' "$DIR/body")" 'which is not there'
is 422 "$(code ada "/api/batch-jobs/$second/results" "${json[@]}" -d '{"format": "xlsx", "children": "x"}')" 'children are for exports'
is '200 true' "$(code viola "/api/batch-jobs/$lease/review") $(jq .reviewed "$DIR/body")" 'the review is seen'
put() { code "$1" "/api/batch-jobs/$lease/review" -X PUT "${json[@]}" -d "$2"; }
is '200 Acme' "$(put ada "{\"reviewed\": false, \"fields\": {\"$deed\": {\"tenant\": {\"decision\": \"corrected\", \"value\": \"Acme\"}}}}") $(jq -r --arg d "$deed" '.fields[$d].tenant.value' "$DIR/body")" 'and changed'
is "ada Acme false" "$(jq -r --arg d "$deed" '.fields[$d].tenant | "\(.reviewer) \(.value)"' "$review") $(jq .reviewed "$review")" 'in the file'
is '422 /fields/'"$deed/tenant/decision" "$(put ada "{\"fields\": {\"$deed\": {\"tenant\": {\"decision\": \"maybe\"}}}}") $(jq -r '.errors[0].pointer' "$DIR/body")" 'a decision that is none'
is '422 422 422' "$(put ada '{"fields": {"../x": {}}}') $(put ada '{"fields": 1}') $(put ada '{"done": true}')" 'what is no change'
is '403 404' "$(put viola '{"reviewed": true}') $(put rita '{"reviewed": true}')" 'not by a viewer, nor of another'
httpd_stop

# --- stopped while the results of a completed job are begun: none goes without
daemon_stop
fresh=20261128T110000Z-0000000000b0-lease
jq -n --arg run $fresh -f "$REPORTS/lease.jq" >"$DIR/pages/fresh.json"
drop_fresh() {
    jq -n '{source: "lease", page: "fresh", process: "auto", on_duplicate: "run"}' >"$SPOOL/jobs/tmp/$1.json"
    mv "$SPOOL/jobs/tmp/$1.json" "$SPOOL/jobs/pending/$1.json"
}
ready() { [ -s "$SPOOL/results/$1/results.json" ] && [ "$(place "$1")" = processed ]; }
BATCHSPOOL_FAULT_LOG=$DIR/points daemon_start
drop_fresh $fresh
ok 'a job with results of its own' wait_for "$WAIT_S" ready $fresh
daemon_stop
# The points of the daemon from the drop of the job of mode results to the end of this one's own move.
mapfile -t points < <(awk '/-results.json/ && !first {first = NR} {line[NR] = $1} END {for (i = first - 2; i < first + 12 && i <= NR; i++) print line[i]}' "$DIR/points")
result "$((${#points[@]} < 8))" 'the points at which it may be stopped are known' "${points[*]}"
lost=0
for n in "${!points[@]}"; do
    id=$(printf '20261128T1101%02dZ-0000000000b0-lease' "$n")
    BATCHSPOOL_FAULT=${points[n]}:kill daemon_start
    drop_fresh "$id"
    wait_for 5 ended "$DAEMON_PID" || true
    daemon_stop 2>/dev/null
    daemon_start
    wait_for "$WAIT_S" ready "$id" || { lost=$((lost + 1)); echo "# no results of $id, point ${points[n]}: $(place "$id")"; }
    daemon_stop
done
is 0 "$lost" "stopped at each of ${#points[@]} points it has them in the end"
is '' "$(find "$SPOOL/results" -name '.*' -type f -o -name 'tmp.*')" 'nothing half-done lies about'
daemon_start

# --- no daemon
daemon_stop
exits 69 'without a daemon' bs results $lease
like 'start batchspoold' "$ERR" 'it says what to do'
verified 'verify finds nothing'
[ -n "${SHOW-}" ] && cp -r "$DIR/speed" "$DIR/lease" "$SHOW"
finish
