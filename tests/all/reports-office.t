#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Reports opened by other programs: workbooks by LibreOffice Calc and openpyxl, cell by cell against the records; calendars by icalendar; pages by qpdf and poppler;
# the HTML in Chromium at the width of a desktop and of a phone. SHOTS=DIR keeps pictures of pages and HTML, for people.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/../reports.sh"
needs=()
have() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] || needs+=("$1"); }
for package in libreoffice-calc python3-openpyxl python3-icalendar qpdf poppler-utils chromium; do have "$package"; done
if [ ${#needs[@]} -gt 0 ]; then
    { apt-get install -y -qq --no-install-recommends "${needs[@]}" || { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${needs[@]}"; }; } >"$DIR/apt.log" 2>&1 ||
        bail "apt-get install ${needs[*]}: $(tail -n 3 "$DIR/apt.log")"
fi
export HOME=$DIR
npm_install "$ROOT/tests/web"
# calc NAME: the sheets of $DIR/NAME/report.xlsx as CSV in $DIR/NAME.csv, texts quoted, formulas as such
calc() {
    ok "LibreOffice opens the workbook: $1" timeout 300 soffice "-env:UserInstallation=file://$DIR/office" --headless --convert-to 'csv:Text - txt - csv (StarCalc):44,34,76,1,,1033,true,false,true,false,false,-1' --outdir "$DIR/$1.csv" "$DIR/$1/report.xlsx"
}
daemon_start

source_pages any '"/id"' .
jq -n --argjson rows 70000 -f "$REPORTS/office.jq" >"$DIR/pages/any.json"
any=20261101T090000Z-00000000000a-any
run_page $any any any '.name = "Records of every kind"'
exits 0 'a table of 70,000 records' bs results $any --output "$DIR/any"
calc any
results_of /usr/bin/python3 "$REPORTS/office.py" any "$DIR/any" "$DIR/any.csv"
is 70001 "$(/usr/bin/python3 -c 'import openpyxl,sys; print(sum(1 for _ in openpyxl.load_workbook(sys.argv[1], read_only=True)["Records"].iter_rows()))' "$DIR/any/report.xlsx")" 'more rows than old spreadsheets had are in one sheet'

# More than a sheet takes, in two payloads.
jq -n --arg url "$PAGES" '{name: "huge", steps: [{http: {method: "GET", url: ($url + "/${item.half}.json")}}], foreach: [{name: "half", in: "/halves"}], data_selector: "/results",
    primary_key: "/id", job_members: {halves: {type: "array"}, page: {type: "string"}}, max_response_bytes: 67108864}' >"$DIR/etc/sources/huge.json"
jq -nc '{results: [range(500000) | {id: .}]}' >"$DIR/pages/low.json"
jq -nc '{results: [range(500000; 1048600) | {id: .}]}' >"$DIR/pages/high.json"
huge=20261102T090000Z-00000000000b-huge
run_page $huge huge none '.halves = ["low", "high"]'
exits 0 'a table of 1,048,600 records' bs results $huge --format xlsx --output "$DIR/huge"
calc huge
is '1048576 26' "$(wc -l <"$DIR/huge.csv/report-Records.csv") $(wc -l <"$DIR/huge.csv/report-Records 2.csv")" 'goes on in another sheet, each with its head'
is 1048600 "$(cat "$DIR"/huge.csv/report-Records*.csv | grep -v id | sort -u | wc -l)" 'with each record'

first=20261121T090000Z-000000000001-speed second=20261128T090000Z-000000000002-speed
source_pages speed '["/url", "/strategy", "/run"]' '.report = "pagespeed"'
jq -n --argjson urls 40 --arg run $first --argjson worse 0 -f "$REPORTS/pagespeed.jq" >"$DIR/pages/one.json"
jq -n --argjson urls 40 --arg run $second --argjson worse 1 -f "$REPORTS/pagespeed.jq" >"$DIR/pages/two.json"
run_page $first speed one
run_page $second speed two '.name = "Client sites, weekly"'
exits 0 'page speed' bs results $second --output "$DIR/speed"
calc speed
results_of /usr/bin/python3 "$REPORTS/office.py" speed "$DIR/speed" "$DIR/speed.csv"

lease=20261128T100000Z-000000000003-lease
source_pages lease '["/document/sha256", "/run"]' '.report = "lease"'
jq -n --arg run $lease -f "$REPORTS/lease.jq" >"$DIR/pages/lease.json"
run_page $lease lease lease '.name = "Oxford portfolio"'
exits 0 'leases' bs results $lease --output "$DIR/lease"
exits 0 'leases as a page' bs results $lease --format html --format pdf --output "$DIR/lease"
calc lease
results_of /usr/bin/python3 "$REPORTS/office.py" lease "$DIR/lease" "$DIR/lease.csv"
is '"12 High Street","superseded",2024-03-25,2029-03-24,"58,000.00"' "$(grep -o '^.*58,000.00"' "$DIR/lease.csv/report-Rent.csv")" 'what is superseded is written like the rest'

# --- the calendar
/usr/bin/python3 - "$DIR/lease/dates.ics" >"$DIR/events" 2>"$DIR/err" <<'END'
import sys, icalendar
calendar = icalendar.Calendar.from_ical(open(sys.argv[1], 'rb').read())
for event in calendar.walk('VEVENT'):
    print(event['DTSTART'].dt.isoformat(), str(event['SUMMARY']), str(event['UID']) != '', sep='|')
END
is '' "$(cat "$DIR/err")" 'icalendar reads the calendar'
is '2026-12-25 2027-03-24 2030-12-31 2034-03-24' "$(cut -d'|' -f1 "$DIR/events" | sort | tail -n 4 | paste -sd' ')" 'its days are those of the documents'
is "$(grep -c BEGIN:VEVENT "$DIR/lease/dates.ics")" "$(grep -c 'True$' "$DIR/events")" 'each event'

# --- pages
for one in speed lease; do
    ok "qpdf: $one" qpdf --check "$DIR/$one/report.pdf"
    is '' "$(pdffonts "$DIR/$one/report.pdf" | awk 'NR > 2 && ($(NF - 4) != "yes" || $(NF - 2) != "yes")')" 'all fonts are within, with their characters'
    pages=$(pdfinfo "$DIR/$one/report.pdf" | sed -n 's/^Pages: *//p')
    ok "poppler draws them: $one" pdftoppm -r 60 -png "$DIR/$one/report.pdf" "$DIR/$one/page"
    is "$pages" "$(find "$DIR/$one" -name 'page-*.png' -size +1k | wc -l)" 'each of them'
    is "$pages" "$(pdftotext -layout "$DIR/$one/report.pdf" - | grep -c "Page [0-9]* of $pages")" 'has its number'
    # A heading stands with what it is of: the last line of no page, but for the foot, is one.
    is '' "$(for ((i = 1; i <= pages; i++)); do pdftotext -layout -f $i -l $i "$DIR/$one/report.pdf" - | grep -v '^ *$' | tail -n 2 | head -n 1 | grep -E '^(Changes|Opportunities|Errors|Scores|Rent|Dates|Options|Clauses|Checks|Fields|Documents|How to)( |$)'; done)" 'no heading is alone at the end of one'
    [ -z "${SHOTS-}" ] || for file in "$DIR/$one"/page-*.png; do cp "$file" "$SHOTS/$one-$(basename "$file")"; done
done

# --- HTML
results_of env -C "$DIR/server" CHROMIUM="$(command -v chromium)" node "$ROOT/tests/web/report.mjs" "shots=${SHOTS-}" "speed=$DIR/speed/report.html" "lease=$DIR/lease/report.html"
finish
