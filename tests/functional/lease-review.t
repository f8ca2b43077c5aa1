#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The review of an analysis of leases to its end, of fields and of rows, by the command line and by the web program: what is refused, what stays visible, when reports are no
# draft any more.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../httpd.sh"
reports=$ROOT/tests/reports
mkdir "$DIR/pages"
perl "$reports/serve.pl" "$DIR/pages" "$DIR/pages.port" &
BACKGROUND+=($!)
wait_for 5 test -s "$DIR/pages.port" || { echo 'Bail out! the server of pages does not start'; exit 1; }
jq -n --arg url "http://127.0.0.1:$(cat "$DIR/pages.port")" '{name: "lease", steps: [{http: {method: "GET", url: ($url + "/${job.page}.json")}}], paginator: {type: "single_page"},
    data_selector: "/results", primary_key: ["/document/sha256", "/run"], job_members: {page: {type: "string"}}, report: "lease", results: ["csv"]}' >"$DIR/etc/sources/lease.json"
jq 'del(.report, .results) | .name = "plain"' "$DIR/etc/sources/lease.json" >"$DIR/etc/sources/plain.json"

# run_lease ID SOURCE: a job of the records in tests/reports/lease.jq is loaded
run_lease() {
    jq -n --arg run "$1" -f "$reports/lease.jq" >"$DIR/pages/$2.json"
    jq -n --arg source "$2" --arg page "$2" '{source: $source, page: $page, process: "auto", on_duplicate: "run"}' >"$SPOOL/jobs/tmp/$1.json"
    mv "$SPOOL/jobs/tmp/$1.json" "$SPOOL/jobs/pending/$1.json"
    ID=$1
    at processed "job $1 is loaded"
}
high=$(printf 'aa%.0s' {1..32}) deed=$(printf 'bb%.0s' {1..32}) unit=$(printf 'cc%.0s' {1..32})
lease=20261128T100000Z-000000000001-lease
review=$SPOOL/results/$lease/review.json
rv() { bs review $lease "$@"; }
# row DOCUMENT LIST JQ: the id of the row that it chooses
row() { rv --rows | awk -v d="${1:0:12}" -v l="$2/" '$1 == d && index($2, l) == 1 && $3 ~ /^(holds|superseded|removed)$/' | while read -r _ name _ json; do jq -e "$3" <<<"$json" >/dev/null && echo "$name"; done | head -n 1; }
in_review() { jq -rc --arg d "$high" "$1" "$review"; }
# made FORMAT: the file of the report that is made now
made() {
    bs results $lease --format "$1" --output "$DIR/made" >"$DIR/made.out" 2>&1 || cat "$DIR/made.out" >&2
    case $1 in csv | ndjson) echo "$DIR/made/records.$1" ;; ics) echo "$DIR/made/dates.ics" ;; *) echo "$DIR/made/report.$1" ;; esac
}
# csv NAME: the line of a field or cell whose name begins so, without line end
csv() { grep -aF "$1" "$(made csv)" | tr -d '\r'; }
# unfolded: the calendar with its lines whole
unfolded() { sed -z 's/\r\n //g' "$(made ics)" | tr -d '\r'; }
daemon_start
run_lease $lease lease
plain=20261128T100000Z-000000000002-plain
run_lease $plain plain

# --- what it is about
exits 0 'the review of a job' rv
like 'open +[1-9]' "$OUT" 'tells how much is open'
like "${high:0:12} illegible_pages needs review" "$OUT" 'what is wrong with a document'
like "${high:0:12} service_charge_cap needs review: the documents contradict" "$OUT" 'fields in conflict'
like "${high:0:12} check_rent_gaps needs review: no rent for" "$OUT" 'and checks that failed'
is 2 "$(grep -cE 'needs review: not found( in any of the 2 documents)?$' <<<"$OUT")" 'what was not found in any document of a lease is open once'
like "${high:0:12} guarantor needs review: not found in any of the 2 documents" "$OUT" 'of the lease itself, not of the amendment'
is '["guarantor",null,"12 High Street"]' "$(rv --json | jq -c '.needs[] | select(.field == "guarantor") | [.field, .name, .lease]')" 'and it stands in no document'
like '^12 High Street,guarantor,Guarantor,,,not_found,,,,,,,,,,$' "$(csv ,guarantor,)" 'CSV: it is of no document'
text=$(sed 's/<[^>]*>/ /g' "$(made html)" | tr -s ' \n' ' ')
like 'Guarantor not found in any of the 2 documents' "$text" 'HTML: nor here'
is 'not found' "$(grep -n 'needs review' <<<"$OUT" | tail -n 1 | sed 's/.*: //')" 'what was not found comes last'
open=$(sed -n 's/^open *//p' <<<"$OUT")
is "$open" "$(grep -c 'needs review' <<<"$OUT")" 'as many as are listed'
exits 65 'a job of another kind' bs review $plain
like 'no analyses of documents' "$ERR" 'has none'

# --- rows have ids of their own
exits 0 'the rows' rv --rows
is 12 "$(grep -cE "^[0-9a-f]{12} (rent|dates|options|clauses)/r[0-9a-f]{12} (holds|superseded) \{" <<<"$OUT")" 'are listed with their ids'
is 0 "$(grep -E ' (rent|dates|options|clauses)/' <<<"$OUT" | awk '{print $1, $2}' | sort | uniq -d | wc -l)" 'which differ'
first=$(row "$high" rent '.from == "2019-03-25"') gap=$(row "$high" rent '.from == "2024-03-25"') newer=$(row "$deed" rent true) break=$(row "$high" options true)
is superseded "$(rv --rows | awk -v n="$gap" '$2 == n {print $3}')" 'a row that a newer document replaced is told so'

# --- what is refused, and leaves no trace
before=$(wc -c <"$SPOOL/journal/$lease.ndjson")
while IFS='|' read -r pointer what; do
    read -ra words <<<"$what"
    exits 65 "refused: $what" rv --document "$high" "${words[@]}"
    like "$pointer" "$ERR" 'with the Pointer'
done <<EOT
/fields/$high/no_such: |--confirm no_such
/rows/$high/rent/r000000000000: |--confirm rent/r000000000000
/rows/$high/rents: |--confirm rents/x
/rows/$high/$first/cells/rate: |--set $first/rate=1
/rows/$high/$first/cells/amount/value: amount must be a decimal|--set $first/amount=50,000
/rows/$high/$first/cells/amount/value: amount must be a decimal|--set $first/amount=1e3x
/rows/$high/$first/cells/from/value: .*day of the calendar|--set $first/from=2019-02-30
/rows/$high/$first/cells/from/value: |--set $first/from=25/03/2019
/rows/$high/$first/cells/currency/value: .*text|--set $first/currency=5
/fields/$high/commencement/value: .*day of the calendar|--set commencement=tomorrow
/fields/$high/deposit/value: .*decimal|--set deposit=plenty
/fields/$high/illegible_pages: .*confirmed, not corrected|--set illegible_pages=1
/rows/$high/rent/a[0-9a-f]+/values/colour: |--add rent={"colour":1}
/rows/$high/rent/a[0-9a-f]+/values: .*something|--add rent={"page":1}
/rows/$high/dates/a[0-9a-f]+/values/page: .*pages|--add dates={"what":"x","page":99}
/rows/$high/rent/a[0-9a-f]+/values: .*ends .2028-01-01. before it begins|--add rent={"from":"2029-03-25","to":"2028-01-01"}
/rows/$high/$first/cells/to/value: .*ends .2018-12-31. before it begins .2019-03-25.|--set $first/to=2018-12-31
/rows/$high/$first/cells/from/value: .*ends .2022-03-24. before it begins .2030-01-01.|--set $first/from=2030-01-01
/rows/$high/$first/cells/from/value: .*ends .2029-01-01. before it begins .2030-01-01.|--set $first/from=2030-01-01 --set $first/to=2029-01-01
/rows/$high/$break/cells/window_from/value: .*before it begins .2099-01-01.|--set $break/window_from=2099-01-01
EOT
exits 65 'a good word with a wrong one' rv --document "$high" --confirm tenant --confirm no_such
exits 64 'several documents, and none is named' rv --confirm tenant
like "${high:0:12} high-street-lease.pdf" "$ERR" 'they are told'
exits 65 'a document that the job has not' rv --document "$(printf 'dd%.0s' {1..32})" --confirm tenant
is "$before" "$(wc -c <"$SPOOL/journal/$lease.ndjson")" 'nothing of all that is journalled'

# --- rows corrected, removed, added
exits 0 'a cell is corrected, of a document by its first digits' rv --document "${high:0:10}" --set "$first/amount=51000.50" --note 'schedule 1'
exits 0 'and the break that the tenant has' rv --document "$high" --set "$break/window_from=2027-01-05" --confirm "$break"
exits 0 'a row that is in no document is removed' rv --document "$deed" --remove "$(row "$deed" dates true)"
exits 0 'one that the analysis lacks is added' rv --document "$high" --add 'rent={"from":"2022-03-25","to":"2024-03-24","amount":"54000.00","currency":"GBP","frequency":"quarterly","page":5,"quote":"£54,000"}'
added=$(row "$high" rent '.from == "2022-03-25"')
like '^rent/a[0-9a-f]{12}$' "$added" 'and has an id'
is '51000.5 corrected' "$(jq -r --arg d "$high" --arg r "${first#rent/}" '.rows[$d].rent[$r].cells.amount | "\(.value) \(.decision)"' "$review")" 'the word lies in review.json'
is "$first" "$(row "$high" rent '.amount == 51000.5')" 'the corrected row has the id that it had'
is "rent ${first#rent/} amount $(id -un) schedule 1" "$(jq -r 'select(.event == "reviewed" and .value == 51000.5) | "\(.list) \(.row) \(.cell) \(.reviewer) \(.note)"' "$SPOOL/journal/$lease.ndjson")" 'and in the journal'
like "^12 High Street,$first/amount,Rent: Amount,51000.5,GBP,found,50000,\"page 5: \"\"£50,000 per annum\"\"\",high-street-lease.pdf,,,,corrected,$(id -un),.*,schedule 1$" "$(csv "$first/amount")" 'CSV: corrected, with what the analysis has and where, who and why'
like "$first/from,Rent: From,2019-03-25,,found,,,high-street-lease.pdf,5,\"£50,000 per annum\",yes,," "$(csv "$first/from")" 'CSV: the other cells keep their quote'
like ",$added/amount,Rent: Amount,54000,GBP,found,,.*,added,$(id -un)," "$(csv "$added/amount")" 'CSV: the added row'
like ',Dates: Date,2034-03-24,,removed,,,.*,removed,' "$(grep -a ',removed,' "$(made csv)")" 'CSV: the removed one, as such'
text=$(sed 's/<[^>]*>/ /g' "$(made html)" | tr -s ' \n' ' ')
like "51000.5 GBP quarterly plus VAT high-street-lease.pdf corrected by $(id -un): schedule 1 2019-03-25 .the analysis. 2022-03-24 50000 GBP quarterly plus VAT high-street-lease.pdf 5 £50,000 per annum yes" "$text" 'HTML: corrected, by whom, and below it what it was, with its quote'
like "added by $(id -un)" "$text" 'HTML: added'
like "(removed).*removed by $(id -un)" "$text" 'HTML: removed'
like 'Rent gaps ok 3 rows of rent follow each other without a gap' "$text" 'the check of gaps is made with the added row'
like 'before the review: no rent for 2022-03-25' "$text" 'and tells what it said before'
like 'DTSTART;VALUE=DATE:20270105' "$(unfolded)" 'ICS: the corrected day'
is 0 "$(unfolded | grep -c '20261225')" 'ICS: and not the one before'
like "Review: corrected by $(id -un)\\\\; the analysis has Window from 2026-12-25" "$(unfolded)" 'ICS: with the reviewer and what it was'
xlsx=$(made xlsx)
unzip -p "$xlsx" xl/worksheets/sheet3.xml >"$DIR/rent.xml"
like '51000.5' "$(cat "$DIR/rent.xml")" 'XLSX: the corrected amount'
like 'Amount 50000' "$(unzip -p "$xlsx" xl/worksheets/sheet3.xml xl/sharedStrings.xml 2>/dev/null)" 'XLSX: what the analysis has'
pdf=$(pdftotext -raw "$(made pdf)" - | tr -s ' \n' ' ')
like "51000.5 .*corrected by $(id -un): schedule 1 .*.the analysis. 2022-03-24 50000 GBP" "$pdf" 'PDF: corrected, by whom, and what it was'

exits 0 'a field is corrected' rv --document "$high" --set 'deposit=15000' --note 'counterpart'
like '^12 High Street,deposit,Deposit,15000,GBP,found,12500,"page 9: ""the sum of .*""",high-street-lease.pdf,,,,corrected,' "$(csv ,deposit,Deposit,15000)" 'CSV: a field, too, has no quote that proves another value'
text=$(sed 's/<[^>]*>/ /g' "$(made html)" | tr -s ' \n' ' ')
like "Deposit 15000 GBP found high-street-lease.pdf corrected by $(id -un): counterpart the analysis has 12500 GBP corrected high-street-lease.pdf 9 the sum of" "$text" 'HTML: the same'
like 'Law England and Wales found high-street-lease.pdf 30 governed by the law of England and Wales yes also the law of England also high-street-lease.pdf 31 the courts of England' "$text" 'HTML: where else a field was found stands below it'
like '^12 High Street,law,,the law of England,,also,,,high-street-lease.pdf,31,"the courts of England, whose law applies",yes,' "$(csv 'law,,the law of England')" 'CSV: and so in lines'
is 1 "$(unzip -p "$(made xlsx)" xl/sharedStrings.xml xl/worksheets/sheet8.xml 2>/dev/null | grep -c 'the courts of England, whose law applies')" 'XLSX: and in the sheet of fields'
exits 0 'as it was' rv --document "$high" --withdraw deposit

# --- taken back
exits 0 'a correction is taken back' rv --document "$high" --withdraw "$first/amount"
is "null $first" "$(jq -rc --arg d "$high" --arg r "${first#rent/}" '.rows[$d].rent[$r]' "$review") $(row "$high" rent '.amount == 50000')" 'the analysis holds again'
exits 0 'and an added row' rv --document "$high" --withdraw "$added"
is '' "$(row "$high" rent '.from == "2022-03-25"')" 'is gone'
like 'no rent for 2022-03-25' "$(rv | grep check_rent_gaps)" 'the gap is there again'
exits 65 'it cannot be confirmed any more' rv --document "$high" --confirm "$added"

# --- the end
exits 65 'done, while something is open' rv --done
like 'to be reviewed still, the first is' "$ERR" 'names it'
like 'class="draft".* It is a draft' "$(tr '\n' ' ' <"$(made html)")" 'reports are drafts'
is "$(in_review .open)" "$(rv --json | jq '.needs | length')" 'the number that is open is that of the list'
open=$(rv --json | jq -c --arg d "$high" '[.needs[] | select(.document == $d)]')
exits 0 'what is open is confirmed, document after document' rv --document "$high" --confirm-rest
is "$(jq length <<<"$open")" "$(grep -c "^confirmed  ${high:0:12} " <<<"$OUT")" 'and each is listed'
like "confirmed  ${high:0:12} permitted_use = .Class E.*, page 14 .the quote is not in the text" "$OUT" 'with what it says, where, and why it was open'
like "service_charge_cap = .4000,4500. .the documents contradict" "$OUT" 'of what contradicts itself all that it says'
like "${high:0:12} guarantor .not found in any of the 2 documents." "$OUT" 'of what no document has, that'
is false "$(in_review .reviewed)" 'another document is open'
exits 0 'the others' rv --confirm-rest
is 'true 0 null' "$(in_review '"\(.reviewed) \(.open) \(.declared)"')" 'when nothing is open it is reviewed'
is 0 "$(grep -c 'class="draft"\|a draft' "$(made html)")" 'reports are no drafts'
is 0 "$(unfolded | grep -ci draft)" 'nor is the calendar'
exits 0 'a correction that breaks a check' rv --document "$high" --set "$first/to=2021-03-24"
is 'false 1' "$(in_review '"\(.reviewed) \(.open)"')" 'opens that check, confirmed as it was'
like 'check_rent_gaps needs review: no rent is stated between 2021-03-24 and 2024-03-25' "$OUT" 'as it is now'
exits 0 'which is confirmed' rv --document "$high" --confirm check_rent_gaps
is true "$(in_review .reviewed)" 'and all is reviewed again'
exits 0 'opened again' rv --reopen
is 'false reopened' "$(in_review '"\(.reviewed) \(.declared)"')" 'it is a draft, though nothing is open'
exits 0 'done' rv --done
is 'true done' "$(in_review '"\(.reviewed) \(.declared)"')" 'and it is none'

# --- by the web program, several people
user ada admin read submit control
user bob admin read submit control
user viola viewer read
user rita operator read submit control
httpd_start
json=(-H 'Content-Type: application/json')
code() { as "$1" "$2" -D "$DIR/head" -o "$DIR/body" -w '%{http_code}' "${@:3}"; }
put() { code "$1" "/api/batch-jobs/$lease/review" -X PUT "${json[@]}" -d "$2" "${@:3}"; }
tag() { sed -n 's/^ETag: //Ip' "$DIR/head" | tr -d '\r'; }
body() { jq -rc "$1" "$DIR/body"; }
field() { printf '{"fields":{"%s":{"%s":%s}}}' "$1" "$2" "$3"; }
cells() { printf '{"rows":{"%s":{"rent":{"%s":%s}}}}' "$high" "${first#rent/}" "$1"; }
is '200 3' "$(code viola "/api/batch-jobs/$lease/review/documents") $(body '.documents | length')" 'the documents'
is "$high high-street-lease.pdf 12 High Street 32" "$(body '.documents[] | select(.sha256 == "'"$high"'") | "\(.sha256) \(.name) \(.lease) \(.pages)"')" 'with their leases and pages'
is '200 true' "$(code viola "/api/batch-jobs/$lease/review/documents/$high") $(body .reviewed)" 'one document'
is 'number Rent 12500 9 true' "$(body '.fields.deposit | "\(.type) \(.group) \(.value) \(.page) \(.quote_verified)"')" 'its fields, with type, group, page and quote'
is 'corrected 2022-03-24 2021-03-24 date' "$(body '.rows.rent as $l | $l.rows[] | select(.row == "'"${first#rent/}"'") | "\(.review.cells.to.decision) \(.review.cells.to.was) \(.to) \($l.cells[1].type)"')" 'its rows, with what was said and what the analysis has'
like 'withdrawn' "$(body '[.history[].decision] | join(" ")')" 'and who said what'
is 404 "$(code viola "/api/batch-jobs/$lease/review/documents/$(printf 'dd%.0s' {1..32})")" 'none of the job'
is 409 "$(code ada "/api/batch-jobs/$plain/review")" 'a job of another kind'
is '403 404' "$(put viola "$(field "$high" tenant null)") $(put rita "$(field "$high" tenant null)")" 'not by a viewer, nor of another'
is 200 "$(put ada "$(field "$high" landlord '{"decision":"corrected","value":"High Street Estates plc"}')")" 'ada corrects a field'
seq=$(body ".fields[\"$high\"].landlord.seq")
is "409 /fields/$high/landlord" "$(put bob "$(field "$high" landlord '{"decision":"confirmed"}')") $(body '.errors[0].pointer')" 'bob does not overwrite it without seeing it'
like 'ada said \\"corrected\\"' "$(cat "$DIR/body")" 'and is told who said what'
is 409 "$(put bob "$(field "$high" landlord 'null')")" 'nor take it back'
is 409 "$(put bob "$(field "$high" landlord '{"decision":"confirmed","over":0}')")" 'nor when he saw that nothing was said'
is 200 "$(put bob "$(field "$high" landlord "{\"decision\":\"confirmed\",\"over\":$seq}")")" 'when he has seen it he does'
is 409 "$(put ada "$(field "$high" landlord "{\"decision\":\"confirmed\",\"note\":\"x\",\"over\":$seq}")")" 'ada, who has not seen his, does not'
is '200 200' "$(put ada "$(field "$unit" tenant '{"decision":"confirmed"}')") $(put bob "$(field "$unit" landlord '{"decision":"confirmed"}')")" 'words on other fields do not disturb each other'
code ada "/api/batch-jobs/$lease/review" >/dev/null
old=$(tag)
like '^"[0-9]+"$' "$old" 'a review has an ETag'
is 200 "$(put ada "$(field "$unit" expiry '{"decision":"confirmed"}')" -H "If-Match: $old")" 'a change of what was seen'
is 412 "$(put bob "$(field "$unit" expiry '{"decision":"confirmed"}')" -H "If-Match: $old")" 'and one of what is old'
is 412 "$(put bob "$(field "$unit" expiry '{"decision":"confirmed"}')" -H 'If-Match: x')" 'or is no ETag of a review'
is "409 /rows/$high/rent/${first#rent/}/cells/to" "$(put bob "$(cells '{"cells":{"to":{"decision":"corrected","value":"2020-03-24"}}}')") $(body '.errors[0].pointer')" 'cells as fields'
is "409 /rows/$high/rent/${first#rent/}" "$(put bob "$(cells '{"decision":"removed"}')") $(body '.errors[0].pointer')" 'and rows'
is "422 /rows/$high/rent/${first#rent/}/cells/from/value" "$(put ada "$(cells '{"cells":{"from":{"decision":"corrected","value":"soon"}}}')") $(body '.errors[0].pointer')" 'a day that is none'
is "409 /reviewed" "$(put ada "$(printf '{"reviewed":true,"fields":{"%s":{"service_charge_cap":null}}}' "$high")" -H "If-Match: $(code ada "/api/batch-jobs/$lease/review" >/dev/null; tag)") $(body '.errors[0].pointer')" 'done with what the same change opens'
is true "$(jq .reviewed "$review")" 'is refused as a whole'

# --- two at once: every word stays
ids=$(for i in {1..8}; do echo "a$i"; done)
for i in $ids; do
    as "$([ $((${i#a} % 2)) = 0 ] && echo ada || echo bob)" "/api/batch-jobs/$lease/review" -X PUT "${json[@]}" -o /dev/null \
        -d "$(printf '{"rows":{"%s":{"dates":{"%s":{"decision":"added","values":{"date":"2030-01-0%s","what":"day %s"}}}}}}' "$unit" "$i" "${i#a}" "$i")" &
    SENT+=($!)
done
wait "${SENT[@]}"
is "8 $(jq -r --arg d "$unit" '[.rows[$d].dates | to_entries[] | select(.value.decision == "added") | .key] | sort | join(" ")' "$review")" "$(bs review $lease --rows | grep -c 'dates/a[1-8] holds') a1 a2 a3 a4 a5 a6 a7 a8" 'rows that two people add at once all stay'
is 0 "$(jq -r 'select(.event == "reviewed") | .seq' "$SPOOL/journal/$lease.ndjson" | sort | uniq -d | wc -l)" 'each word with a number of its own'
rm "$review"
is 200 "$(put ada "$(field "$unit" tenant '{"decision":"confirmed"}')")" 'a review.json that went'
is 8 "$(jq --arg d "$unit" '.rows[$d].dates | length' "$review")" 'is made again from the journal'
verified 'verify finds no difference'
daemon_stop
httpd_stop
finish
