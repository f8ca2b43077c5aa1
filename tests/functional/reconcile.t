#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `reconcile`: invoices of the metered API, honest and not, in the forms that invoices come in, against the journals.
. "$(dirname "$0")/../lib.sh"
api_start --records 60000
source_metered properties
source_metered other
daemon_start

offset() { printf '.criteria += [{name: "Offset", value: [%d]}]' "$1"; }
invoice() { curl -s "$API_URL/_invoice" >"$DIR/invoice.csv"; }
# statuses: of the last --json output, how many of each
statuses() { jq -c '[.results[] | .status] | group_by(.) | map({(.[0]): length}) | add // {}' <<<"$OUT"; }
reconcile() { bs reconcile --json "$@"; }

# --- all agrees
drop plain 2000 "$(offset 0)"
at processed 'a job of five pages'
invoice
exits 0 'an invoice that agrees' reconcile "$DIR/invoice.csv"
is '{"OK":5}' "$(statuses)" 'every line is ok'
is '["request id"]' "$(jq -c '[.results[].matched_by] | unique' <<<"$OUT")" 'by the request id'
is '[{"currency":"USD","invoice_lines":5,"invoice":"100.00","journal_charges":5,"journals":"100.00","undecided":0,"in_doubt":"0.00","difference":"0.00"}]' "$(jq -c .totals <<<"$OUT")" 'with totals of both sides'
is '[1,2,3,4,5]' "$(jq -c '[.results[].charge.batch]' <<<"$OUT")" 'in the order of the invoice'
exits 0 'for people' bs reconcile "$DIR/invoice.csv"
like "line 2 +OK +20\.00 USD +req-[0-9]+ +$ID batch 1" "$OUT" 'a line each'
exits 0 'from standard input' sh -c '"$0" reconcile - <"$1"' "$PROGRAMS/batchspool" "$DIR/invoice.csv"

# --- charges nobody knew of: one was charged, one was not
faults '{"kind": "drop_after", "on": "paid", "start": 400}, {"kind": "status", "status": 503, "on": "paid", "start": 800}'
drop lost 1600 "$(offset 4000)"
at hold 'two answers are in doubt'
lost=$ID
invoice
exits 65 'an invoice with one of them' reconcile "$DIR/invoice.csv"
is '{"NOT CHARGED":1,"OK":8}' "$(statuses)" 'the other is not on it'
is "[[\"charged\",2,\"time, amount and records\",\"batchspool release --accept-charge --batch 2 $lost\"],[\"not charged\",3,null,\"batchspool release --accept-charge --batch 3 $lost\"]]" \
    "$(jq -c '[.results[] | select(.verdict) | [.verdict, .charge.batch, .matched_by, .command]]' <<<"$OUT")" 'verdict, rule and command of each'
bs reconcile "$DIR/invoice.csv" >"$DIR/text" 2>/dev/null
like "NOT CHARGED.*$lost batch 3" "$(cat "$DIR/text")" 'for people too'
for command in "$(jq -r '.results[] | select(.verdict == "charged") | .command' <<<"$OUT")" "$(jq -r '.results[] | select(.verdict == "not charged") | .command' <<<"$OUT")"; do
    # shellcheck disable=SC2086
    exits 0 'the command that was suggested' "$PROGRAMS/"$command
done
at processed 'both are bought' "$lost"
invoice
exits 65 'afterwards' reconcile "$DIR/invoice.csv"
is '{"MISSING FROM INVOICE":1,"OK":10}' "$(statuses)" 'what was decided and never charged counts in the journals alone'
is '["20.00","decided"]' "$(jq -c '.results[] | select(.status == "MISSING FROM INVOICE") | [.charge.amount, .charge.state]' <<<"$OUT")" 'and is told as that'
is '"-20.00"' "$(jq -c '.totals[0].difference' <<<"$OUT")" 'that is the whole difference'

# --- a dishonest one
api_reset
before=$(date -u +%FT%T.%6NZ)
faults '{"kind": "status", "status": 404, "on": "paid", "start": 0}'
drop refused 400 "$(offset 8000)"
at failed 'a request that was refused, by its answer not charged'
refused=$(event 'select(.event == "failed" and .batch) | .request_id')
drop honest 2000 "$(offset 10000)"
at processed 'and a job of five pages'
invoice
cp "$DIR/invoice.csv" "$DIR/full.csv"
ids=$(sed -n 's/^\(req-[0-9]*\),.*/\1/p' "$DIR/full.csv" | tr '\n' ' ')
# shellcheck disable=SC2086
set -- $ids
sed -i "s/^\($1,.*\),20\.00,/\1,25.00,/; s/^\($2,[^,]*\),400,/\1,399,/; /^$3,/d" "$DIR/invoice.csv"
{
    sed -n "s/^$4,/$4,/p" "$DIR/full.csv"
    printf 'req-99999999,%s,400,20.00,USD\r\n' "$(date -u +%FT%TZ)"
    printf '%s,%s,400,20.00,USD\r\n' "$refused" "$(date -u +%FT%TZ)"
    printf 'req-77777777,%s,400,twenty,USD\r\n' "$(date -u +%FT%TZ)"
    printf '"req-66666666,%s\r\n' unterminated
} >>"$DIR/invoice.csv"
exits 65 'an invoice that does not agree' reconcile --since "$before" "$DIR/invoice.csv"
is '{"AMOUNT DIFFERS":2,"BAD LINE":2,"MISSING FROM INVOICE":1,"NOT IN JOURNALS":2,"OK":2,"RECORDS DIFFER":1}' "$(statuses)" 'each line has its word'
is '["25.00","20.00"]' "$(jq -c '.results[] | select(.line == 2) | [.amount, .charge.amount]' <<<"$OUT")" 'another amount: both are told'
is 3 "$(jq -c '.results[] | select(.status == "MISSING FROM INVOICE") | .charge.batch' <<<"$OUT")" 'the page that it lacks'
like 'stands in line 4 already' "$(jq -r '.results[] | select(.line == 6) | .note' <<<"$OUT")" 'a request that is charged twice'
like 'not charged' "$(jq -r ".results[] | select(.request_id == \"$refused\") | .note" <<<"$OUT")" 'and one that was refused'
like 'line 9, column "Amount": "twenty" is no amount' "$ERR" 'a bad line names line and column'
like 'line 10: the file ends inside of quotes' "$ERR" 'so does one that is no CSV'
is 2 "$(reconcile --since "$before" --differences "$DIR/invoice.csv" 2>/dev/null | jq '[.results[] | select(.status == "RECORDS DIFFER" or .status == "OK")] | length + 1')" '--differences leaves out what agrees'

# --- other forms of the same invoice
form() {
    local name=$1 options=$2
    # shellcheck disable=SC2086
    exits 0 "$name" reconcile --since "$before" $options "$DIR/form.csv"
    is '{"OK":5}' "$(statuses)" "$name: every line is found"
}
awk -F, 'NR == 1 {print "Rechnung 4711"; print "\"Transaktion\";\"Datum\";\"Menge\";\"Betrag\""; next} {sub(/\r/, ""); gsub(/\./, ",", $4); print "\"" $1 "\";\"" $2 "\";\"" $3 "\";\"" $4 " €\""}' "$DIR/full.csv" | sed 's/ €//; 1s/^/\xef\xbb\xbf/' >"$DIR/form.csv"
form 'semicolons, commas, a mark, other names' '--columns request_id=Transaktion,time=Datum,records=Menge,amount=Betrag'
awk -F, 'NR == 1 {print "Description,Date,Qty,Unit Price,Total (USD)"; next} {sub(/\r/, ""); print "\"Search, page\"," substr($2, 1, 10) "," $3 ",$0.05,$" $4}' "$DIR/full.csv" >"$DIR/form.csv"
echo 'Total,,,,"$100.00"' >>"$DIR/form.csv"
form 'days, no ids, a total below' ''
is '["time, amount and records"]' "$(jq -c '[.results[].matched_by] | unique' <<<"$OUT")" 'by time, amount and records'
awk -F, 'NR == 1 {print "when|what it cost"; next} {print $2 "|" $4}' "$DIR/full.csv" >"$DIR/form.csv"
form 'two columns alone' '--columns time=when,amount=what_it_cost'
awk -F, 'NR == 1 {print; next} {sub(/^req/, "txn", $1); print $1 "," $2 "," $3 "," $4 "," $5}' "$DIR/full.csv" >"$DIR/form.csv"
form 'ids of another kind' ''
TZ=America/New_York awk -F, 'NR == 1 {print "Date,Qty,Amount"; next} {gsub(/[-TZ:]/, " ", $2); t = mktime($2, 1); print "\"" strftime("%m/%d/%Y %I:%M:%S %p", t) "\"," $3 "," $4}' "$DIR/full.csv" >"$DIR/form.csv" 2>/dev/null
[ "$(wc -l <"$DIR/form.csv")" -gt 1 ] && form 'local time of New York' '--time-zone America/New_York --dates mdy'

# --- what cannot be decided is asked for
printf 'a,b\n1,2\n' >"$DIR/form.csv"
exits 65 'no column of amounts' reconcile "$DIR/form.csv"
like '"a", "b".*--columns' "$ERR" 'the columns are told, and how to name them'
exits 64 'a column that does not exist in the option' reconcile --dates ydm "$DIR/form.csv"
exits 66 'a file that does not exist' reconcile "$DIR/none.csv"
drop second 400 "{source: \"other\", criteria} | $(offset 20000)"
at processed 'a second source'
exits 64 'two sources were paid' reconcile "$DIR/full.csv"
like 'other, properties|properties, other' "$ERR" 'both are named'
exits 0 'one is chosen' reconcile --source properties --since "$before" "$DIR/full.csv"
invoice
exits 0 'or both' reconcile --source properties --source other --since "$before" "$DIR/invoice.csv"
is '{"OK":6}' "$(statuses)" 'as one account'

# --- a large one
rm -rf "${SPOOL:?}"/jobs/*/*-second.json
perl -e 'print "Request ID,Date/Time,Records,Amount,Currency\n"; printf "big-%08d,2020-01-01T00:00:00Z,1,0.05,USD\n", $_ for 1 .. 200000' >"$DIR/big.csv"
tail -n +2 "$DIR/full.csv" >>"$DIR/big.csv"
exits 65 '200,000 lines in bounded memory' bash -c "ulimit -v $(room 300000); '$PROGRAMS/batchspool' reconcile --source properties --since $before --json '$DIR/big.csv'"
is '[5,200000]' "$(jq -c '[.counts.ok, .counts.not_in_journals]' "$DIR/out")" 'all are told'
finish
