#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Documents through the daemon with the shipped source `lease`: text, OCR and a model with eyes, answers that are checked, money by tokens, refusals, kills in the middle of OCR.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../sink.sh"
MAKE=$ROOT/tests/documents/make.pl
TEXTS=$ROOT/tests/documents
export BATCHSPOOL_LEASE=$ROOT/etc/lease
WAIT_S=60

. "$ROOT/tests/chat.sh"
chats() { curl -s "$CHAT/_log" | jq -s "map(select(.url // .path | test(\"chat\"))) | length"; }

# source_lease [JQ]: as it is shipped, at the stand-in
source_lease() {
    config ".source_settings.lease.endpoint = \"$CHAT/v1/chat/completions\""
    sed '/^ *\/\//d' "$ROOT/etc/sources/lease.json" |
        jq '.error_handler.backoff_strategies = [{type: "wait_time_from_header", header: "Retry-After"}, {type: "exponential", factor: 0.05, jitter_range_in_seconds: 0.01, max_s: 1}]
            | .api_budget.policies[0].rates[0].limit = 1000' |
        jq "${1:-.}" >"$DIR/etc/sources/lease.json"
    [ -z "$DAEMON_PID" ] || bs reload >/dev/null 2>&1
}

# lease FILE... [OPTION...]: submits documents as one job; sets ID
lease() {
    ID=$(bs submit --source lease "${@/#/}" 2>"$DIR/err") || result 1 "submit $*" "$(cat "$DIR/err")"
}
field() { bs export --job "$ID" --format ndjson | jq -c "$1"; }

printf %s "$TOKEN" >"$DIR/credentials/openai_api_key"
for text in commercial longlease amendment; do "$MAKE" pdf "$DIR/$text.pdf" "$TEXTS/$text.txt"; done
(cd "$DIR" && pdftoppm -r 150 -gray -jpeg commercial.pdf scan && "$MAKE" pdf scanned.pdf scan-1.jpg scan-2.jpg scan-3.jpg)
source_lease
sink_start
cp -r "$ROOT/etc/notices" "$DIR/etc/notices"
notices_config '.recipients = {completed: ["mailto:manager@example.com"]} | .link = "https://batch.example.com/"'
daemon_start

# --- a PDF with text ---

lease --document "$DIR/commercial.pdf" --group 'Dock House <4>'
at processed 'a lease with text is analysed'
is '["COMPLETED",1,1,0]' "$(show '[.status, .total_records, .success_count, .error_count]')" 'and loaded, by default'
is '["text","chunks","analyse","record"]' "$(jq -c 'select(.event == "captured") | .step' "$SPOOL/journal/$ID.ndjson" | jq -sc .)" 'each step is captured, and none that is not needed'
is '["commercial.pdf","pdf",3]' "$(field '[.document.name, .document.text_by, .document.pages]')" 'the record names its document'
is true "$(field '.fields.tenant | .status == "found" and .quote_verified and (.value | test("NORTHWIND"))')" 'the tenant, with a quote that is in the text'
is true "$(field '[.rent[].amount] | length > 0')" 'and the rent'
is true "$(show '(.cost | tonumber) > 0')" 'its cost is that of its tokens'
is "$(field '.tokens | (.prompt * 0.00000015 + .completion * 0.0000006) * 1e8 | round')" "$(show '(.cost | tonumber) * 1e8 | round')" 'exactly'
verified 'nothing differs'

wait_for 20 mails_are 1
result $? 'the manager has a mail'
ok 'which left after the reports were there' test "$SPOOL/results/$ID/results.json" -ot "$(ls "$SINK"/mail/* | head -n 1)"
mail=$(mail_of manager@example.com | perl -0777 -MMIME::QuotedPrint -ne 'print decode_qp($_)' | tr -d "\r")
like 'Subject: .batchspool. Dock House <4>: completed' "$mail" 'which names the group'
like 'Group: +Dock House <4>' "$mail" 'as such'
like "Reports: +results/$ID/ \(report.xlsx, report.html, report.pdf, dates.ics\).*https://batch.example.com/documents\?id=$ID" "$(tr '\n' ' ' <<<"$mail")" 'says where the reports are'
like "The review is open: reports are drafts until it is done .*review $ID.*https://batch.example.com/jobs/$ID/review" "$(tr '\n' ' ' <<<"$mail")" 'and that they are drafts'
like '<td>Dock House &lt;4&gt;</td>' "$mail" 'escaped in HTML'
like "<a href=\"https://batch.example.com/jobs/$ID/review\"" "$mail" 'with a link to the review'
results=$SPOOL/results/$ID
ok 'its reports are made by themselves' wait_for "$WAIT_S" test -s "$results/results.json"
is 'dates.ics report.html report.pdf report.xlsx' "$(jq -r '[.files[].file | split("/")[-1]] | sort | join(" ")' "$results/results.json")" 'all that the source names'
text=$(pdftotext -layout "$results/report.pdf" - | tr -s ' ')
like 'Tenant NORTHWIND' "$text" 'with the tenant'
like 'DRAFT' "$text" 'as a draft'

lease --document "$DIR/commercial.pdf" --group 'Dock House <4>'
at processed 'the same document again'
is true "$(show '.reuses != null')" 'is answered by the job before'
ok 'and has reports of its own' wait_for "$WAIT_S" test -s "$SPOOL/results/$ID/results.json"
wait_for 20 mails_are 2
like "Subject: .batchspool. Dock House <4>: completed, by an earlier job.*its records, and reports, are those of job ${results##*/}; nothing was asked for" \
    "$(mail_of "$ID" | perl -0777 -MMIME::QuotedPrint -ne 'print decode_qp($_)' | tr '\r\n' ' ')" 'its mail says whose records they are'
sink_stop
notices_config 'del(.recipients)'

# --- scanned, and what the endpoint can do ---

set_chat '{"formats": ["json_object", "text"]}'
lease --document "$DIR/scanned.pdf"
WAIT_S=60 at processed 'a scanned lease is analysed'
is '"ocr"' "$(field .document.text_by)" 'by OCR'
is '["text","analyse"]' "$(jq -c 'select(.event == "retrying" and .alternative) | .step' "$SPOOL/journal/$ID.ndjson" | jq -sc .)" 'the PDF had no text, the endpoint no json_schema'
set_chat '{"formats": ["text"]}'
lease --document "$DIR/longlease.pdf" --set schema=uk-residential-long-lease
at processed 'an endpoint that knows no form at all'
is '["uk-residential-long-lease","found"]' "$(field '[.schema, .fields.ground_rent.status // .fields.tenant.status]')" 'answers, too, by the other schema'

exits 65 'a schema that there is not' bs submit --source lease --document "$DIR/longlease.pdf" --set schema=residential
like 'schema: must be one of "commercial", "uk-residential-long-lease"' "$ERR" 'is refused at once, with those that there are'

# --- answers that are of no use ---

set_chat '{"faults": [{"kind": "invalid_json", "on": "chat", "at": 1, "count": 2}]}'
lease --document "$DIR/amendment.pdf"
at processed 'an answer that is no JSON is asked for again'
is '["helper","helper"]' "$(jq -c 'select(.event == "retrying") | .reason' "$SPOOL/journal/$ID.ndjson" | jq -sc .)" 'twice'
is true "$(jq -s '([.[] | select(.cost and (.event == "retrying" or .event == "captured")) | .cost | tonumber] | add * 1e9 | round)' "$SPOOL/journal/$ID.ndjson" | jq --argjson shown "$(show '(.cost | tonumber) * 1e9 | round')" '. == $shown')" 'and each is paid for'
verified 'nothing differs after that'

set_chat '{"faults": [{"kind": "length", "on": "chat", "at": 1, "count": -1}]}'
lease --document "$DIR/amendment.pdf" --set on_duplicate=run
at failed 'an answer that was cut off is no success'
like 'finish_reason length' "$(why)" 'it is told what to do'
set_chat '{}'
bs retry "$ID" >/dev/null
at processed 'retried later, it goes on'
is 1 "$(jq -c 'select(.event == "captured" and .step == "text")' "$SPOOL/journal/$ID.ndjson" | wc -l)" 'without reading the document again'

set_chat '{"faults": [{"kind": "insufficient_quota", "on": "chat", "at": 1, "count": 1}]}'
lease --document "$DIR/amendment.pdf" --set on_duplicate=run
at hold 'an account without money holds the job'
bs release "$ID" >/dev/null
at processed 'released, it goes on'

set_chat '{"faults": [{"kind": "rate_limit", "on": "chat", "at": 1, "count": 1, "retry_after": "1"}, {"kind": "error", "on": "chat", "at": 2, "count": 1}]}'
lease --document "$DIR/amendment.pdf" --set on_duplicate=run
at processed 'a busy endpoint is waited for'

# --- several documents of one lease, one of which is damaged later ---

set_chat '{}'
lease --document "$DIR/commercial.pdf" --document "$DIR/amendment.pdf" --group 'Harbour House' --set on_duplicate=run
at processed 'two documents in one job'
is '["Harbour House","amendment.pdf"]
["Harbour House","commercial.pdf"]' "$(field '[.group, .document.name]' | sort)" 'are two records of one group'
is '"Harbour House"' "$(show .name)" 'after which the job is called'

# --- no text, no OCR: the model's eyes ---

set_chat "$(jq -nc --rawfile one <(head -c 3000 "$TEXTS/amendment.txt") '{vision: [$one, $one, $one]}')"
source_lease 'del(.steps[0].fallback[1])'
lease --document "$DIR/scanned.pdf" --set on_duplicate=run
at processed 'without OCR a model reads the page images'
is '["vision",3]' "$(field '[.document.text_by, .document.pages]')" 'page by page'
is 3 "$(jq -c 'select(.event == "captured" and .step == "vision")' "$SPOOL/journal/$ID.ndjson" | wc -l)" 'each of which is kept'
source_lease

# --- what is missing is told at once ---

mv "$DIR/credentials/openai_api_key" "$DIR/key"
bs reload >/dev/null
told_ready() { jq -e '.lease.missing | length == 1' "$SPOOL/index/ready.json" >/dev/null 2>&1; }
wait_for 10 told_ready
result $? 'the daemon finds that the key is missing' "$(cat "$SPOOL/index/ready.json" 2>&1)"
like '^steps vision; analyse; analyse, fallback 1; analyse, fallback 2: secret "openai_api_key" is neither' "$(jq -r '.lease.missing[0]' "$SPOOL/index/ready.json")" 'once, with what uses it'
out=$(bs check --credentials "$DIR/credentials" 2>&1)
is 1 "$(grep -c openai_api_key <<<"$out")" 'check tells it once, too'
like 'problem +secret openai_api_key of source lease: secret .*; it is for steps vision; analyse; analyse, fallback 1; analyse, fallback 2' "$out" 'with what it is for'
is 1 "$(bs sources check lease 2>&1 | grep -c openai_api_key)" 'and so does sources check'
jq -nc --arg sha "$(sha256sum <"$DIR/commercial.pdf" | cut -d' ' -f1)" '{source: "lease", not_before: "2099-01-01T00:00:00Z", on_duplicate: "run", documents: [{sha256: $sha, name: "c.pdf", bytes: 1, type: "pdf"}]}' >"$DIR/later.json"
ID=$(bs submit "$DIR/later.json" 2>"$DIR/err")
like 'lacks something: steps vision; analyse' "$(cat "$DIR/err")" 'and submit'
has_missing() { jq -se '.[0].missing | length == 1' "$SPOOL/journal/$ID.ndjson" >/dev/null; }
wait_for 10 has_missing
result $? 'the journal says what was missing when the job was accepted'
bs cancel "$ID" >/dev/null
mv "$DIR/key" "$DIR/credentials/openai_api_key"
bs reload >/dev/null

# --- refused at once ---

: >"$DIR/empty.pdf"
qpdf --encrypt secret owner 256 -- "$DIR/commercial.pdf" "$DIR/encrypted.pdf"
printf 'PK\003\004word/document.xml' >"$DIR/lease.docx"
for file in empty.pdf encrypted.pdf lease.docx; do
    exits 65 "$file is refused at once" bs submit --source lease --document "$DIR/$file"
    like 'empty|encrypt|DOCX' "$ERR" 'with the mend'
done
exits 64 'a document needs a source' bs submit --document "$DIR/commercial.pdf"
jq -nc '{source: "lease", documents: [{sha256: ("0" * 64), name: "gone.pdf"}]}' >"$SPOOL/jobs/tmp/gone.json"
mv "$SPOOL/jobs/tmp/gone.json" "$SPOOL/jobs/pending/gone.json"
taken gone
at failed 'a job of a document that is not there fails'
like 'documents|stored' "$(why)" 'and says so'

# --- killed in the middle of OCR ---

mkdir -p "$DIR/bin"
REAL=$(command -v tesseract)
printf '#!/bin/sh\ncase "$*" in *list-langs*) ;; *) echo "$1" >>%s/runs; [ "$(wc -l <%s/runs)" != 3 ] || while [ ! -e %s/go ]; do sleep 0.05; done ;; esac\nexec %s "$@"\n' "$DIR" "$DIR" "$DIR" "$REAL" >"$DIR/bin/tesseract"
chmod +x "$DIR/bin/tesseract"
: >"$DIR/runs"
daemon_stop
PATH=$DIR/bin:$PATH daemon_start
lease --document "$DIR/scanned.pdf" --set on_duplicate=run
third() { [ "$(wc -l <"$DIR/runs")" = 3 ]; }
wait_for 120 third
result $? 'OCR is at the third page'
daemon_kill
: >"$DIR/go"
PATH=$DIR/bin:$PATH daemon_start
at processed 'killed there, the job goes on'
is 4 "$(wc -l <"$DIR/runs")" 'with that page: two were read before'
is 0 "$(find "$SPOOL/payloads/tmp" -mindepth 1 | wc -l)" 'and nothing is left behind'
verified 'nothing differs at the end'

# --- documents that nobody needs any more

daemon_stop
mkdir -p "$SPOOL/documents/raw/2020-01"
orphan=$SPOOL/documents/raw/2020-01/$(printf '1%.0s' {1..64})
printf orphan >"$orphan"
printf young >"$SPOOL/documents/raw/2020-01/$(printf '2%.0s' {1..64})"
find "$SPOOL/documents/raw" -type f ! -name '2222*' -exec touch -d '400 days ago' {} +
before=$(find "$SPOOL/documents/raw" -type f | wc -l)
is '{"files":1,"bytes":6}' "$(bs cleanup --dry-run --json | jq -c .documents)" 'a dry run finds the document that no job names'
ok 'and leaves it' test -e "$orphan"
is '{"files":1,"bytes":6}' "$(bs cleanup --json | jq -c .documents)" 'cleanup removes it'
is "$((before - 1)) gone" "$(find "$SPOOL/documents/raw" -type f | wc -l) $([ -e "$orphan" ] || echo gone)" 'and none that a job names, or that is new'
finish
