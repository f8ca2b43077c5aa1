#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tests of web pages by the shipped definition, against a stand-in of the service: 200 URLs of which 20 are dead, errors that pass and errors that stay, quotas, keys.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pagespeed.sh"
. "$(dirname "$0")/../sink.sh"
# shellcheck disable=SC2034
WAIT_S=60
rows() { bs export --job "$ID" | jq -c "$1"; }
failed() { jq -c "select(.event == \"failed\" and .batch) | $1" "$SPOOL/journal/$ID.ndjson"; }
units() { jq -nc "{source: \"pagespeed\", process: \"auto\", urls: [$1]} | ${2:-.}" >"$SPOOL/jobs/tmp/$3.json" && mv "$SPOOL/jobs/tmp/$3.json" "$SPOOL/jobs/pending/$3.json" && taken "$3"; }
(umask 077 && printf psi-key >"$DIR/credentials/pagespeed_key")
psi_start
like 'https://pagespeedonline.googleapis.com/pagespeedonline/v5/runPagespeed' "$(cat "$ROOT/etc/sources/pagespeed.json")" 'the shipped definition has the address of the service'
psi_source
sink_start
notices_config '.recipients = {completed: ["mailto:manager@example.com"]}'
exits 0 'check finds nothing to complain about' bs check
daemon_start

# --- 200 URLs, 20 of them dead
{
    echo 'url,client'
    for i in $(seq 180); do echo "https://www$i.example/page/$i,client $((i % 7))"; done
    for i in $(seq 10); do echo "https://dead-dns$i.example,dead"; done
    for i in $(seq 5); do echo "https://dead-404.example/$i,dead"; done
    for i in $(seq 4); do echo "https://dead-refused$i.example,dead"; done
    echo 'https://runtime-error.example,dead'
} >"$DIR/pages.csv"
ID=$(bs submit --urls "$DIR/pages.csv" --set process=auto --set concurrency=20)
at processed '200 URLs of which 20 are dead: the job is processed'
is '["COMPLETED",200,180,180,20]' "$(show '[.status,.total_records,.processed_records,.success_count,.error_count]')" 'COMPLETED with 180 and 20 counted'
is 180 "$(rows .url | sort -u | wc -l)" '180 records'
is 0 "$(rows 'select(.scores.performance == null or .scores.accessibility == null or .scores.best_practices == null or .scores.seo == null or .lab.lcp_ms == null or .status != "ok")' | wc -l)" 'each with four scores and its lab figures'
is "[\"$ID\"]" "$(rows .run | sort -u | jq -cs .)" 'of this run'
is '[1]' "$(rows .attempts | sort -u | jq -cs .)" 'of one request each'
is 7 "$(rows .labels.client | sort -u | wc -l)" 'with their labels'
is '"service" "12.8.2" "mobile"' "$(rows '"\(.engine|tojson) \(.lighthouse_version|tojson) \(.strategy|tojson)"' | sort -u | jq -r .)" 'engine, version and strategy'
result $(($(rows 'select(.field == null)' | wc -l) < 20 || $(rows 'select(.field.scope == "page")' | wc -l) < 20 || $(rows 'select(.field.scope == "origin_fallback")' | wc -l) < 20)) 'field data of the page, of its origin, and none'
is 0 "$(rows 'select((.field == null) != (.cwv_pass == null))' | wc -l)" 'Core Web Vitals are assessed where there is field data'
is 20 "$(failed .batch | wc -l)" 'each dead URL is told in the journal'
is '10 DNS_FAILURE,4 ERR_CONNECTION_REFUSED,5 Status code: 404,1 not HTML' "$(failed .error | sed -nE 's/.*(DNS_FAILURE|ERR_CONNECTION_REFUSED|Status code: 404|not HTML).*/\1/p' | sort | uniq -c | sed 's/^ *//' | paste -sd,)" 'with what Lighthouse said'
is '["https://dead-dns1.example mobile"]' "$(failed 'select(.batch == 181) | .item' | jq -cs .)" 'and which it is'
is '["https://dead-404.example/1 mobile","failed"]' "$(show '.open_batches[] | select(.batch_number == 191) | [.item, .state]')" 'so do those who look at the job'
is '["https://www7.example/page/7 mobile"]' "$(show '[.files[] | select(.batch_number == 7) | .item]')" 'of each payload, too'
is 'took 200 requests, 180 records' "$(bs show "$ID" | sed -nE 's/^took +([^,]*, [^,]*), .*/took \1/p')" 'what it took are requests, not results'
like "^It is complete\..20 of its 200 units failed for good; \`batchspool submit --failed $ID\` makes a new job of them..unit 0181 \(https://dead-dns1.example mobile\): .*DNS_FAILURE" "$(bs why "$ID" | tail -n +2 | tr '\n' .)" 'why says so, by name'
like 'unit 0191 [(]https://dead-404.example/1 mobile[)]: .*Status code: 404' "$(bs why "$ID")" 'to the end of what the service said'
exits 65 'a complete job goes on no more' bs retry "$ID"
like "submit --failed $ID. makes a new job of its 20 units" "$ERR" 'but there is a way'
is 200 "$(asked .url | wc -l)" 'no page was tested twice, not even the dead ones'
is 'ACCESSIBILITY BEST_PRACTICES PERFORMANCE SEO' "$(asked .categories | tr ' ' '\n' | sort -u | paste -sd' ')" 'of all four categories'
result $(($(curl -s "$API_URL/_stats" | jq .max_in_flight) > 20)) 'at most 20 at a time'
result $(($(find "$SPOOL/payloads/raw" -name '*.run_*' -size +40k | wc -l) > 0)) 'the answers come without screenshots'
is 0 "$(grep -rl psi-key "$SPOOL" "$DIR/daemon.log" | wc -l)" 'the key is nowhere in the spool, nor in the log'
verified 'verify finds no difference'

results=$SPOOL/results/$ID
wait_for 60 test -s "$results/results.json"
result $? 'its report is made by itself'
is 'records.csv report.html report.pdf report.xlsx' "$(jq -r '[.files[].file | split("/")[-1]] | sort | join(" ")' "$results/results.json")" 'as pages, workbook and rows'
is '200 20' "$(($(wc -l <"$results/records.csv") - 1)) $(grep -c ',failed,' "$results/records.csv")" 'a row for each unit, for the dead ones too'
# column NAME: of each row of the report
column() { perl -MText::ParseWords -ne 'BEGIN { $name = shift } chomp; s/\r$//; @f = parse_line(",", 0, s/\x27/\\\x27/gr); if ($. == 1) { $at{$f[$_] =~ s/^\x{ef}\x{bb}\x{bf}//r} = $_ for 0 .. $#f } else { print $f[$at{$name}], "\n" }' "$1" "$results/records.csv"; }
is '200 1' "$(column Attempts | sort | uniq -c | sed 's/^ *//')" 'with how many requests it took'
is 0 "$(grep -c 'NOT COMPLETE' "$results/report.html")" 'of a job that is complete'
like 'DNS_FAILURE' "$(pdftotext -layout "$results/report.pdf" -)" 'which are explained in the summary'

wait_for 60 mails_are 1
mail=$(mail_of manager@example.com | perl -0777 -MMIME::QuotedPrint -ne 'print decode_qp($_)' | tr -d '\r')
like 'Subject: .*: completed, 180 records, 20 of 200 failed' "$mail" 'the mail has it in its subject'
like "180 records were captured; 20 of its 200 units failed for good; .batchspool why $ID. names them" "$mail" 'and says who knows more'
notices_config 'del(.recipients)'
bs reload >/dev/null
sink_stop

# --- the disk for a scheduled list
jq -n '{cron: "@daily", timezone: "UTC", enabled: false, job: {source: "pagespeed", urls: ["a.example", "b.example", "A.example"], strategies: ["mobile", "desktop"]}}' >"$SPOOL/schedules/daily.json"
exits 0 'schedules disk' bs schedules disk daily --json
is "[\"$ID\",4,62,true,true]" "$(jq -c '[.job_id, .pages, .runs, .page_bytes > 1000, .bytes == .page_bytes * .pages * .runs]' <<<"$OUT")" 'two URLs, two strategies, 62 days; answers as in the job before'
sum=$(jq -s 'map(select(.event == "captured").bytes) | add' "$SPOOL/journal/$ID.ndjson")
is "$((sum / 180))" "$(jq .page_bytes <<<"$OUT")" 'with all that was kept of each'
like '^daily +[0-9.]+ MB for 62 runs that are kept at a time: 4 answers of [0-9.]+ kB each' "$(bs schedules disk)" 'for people'
jq '.job.source = "other"' "$SPOOL/schedules/daily.json" >"$SPOOL/schedules/other.json"
psi_source . other
like 'no job of other has completed yet' "$(bs schedules disk other)" 'nothing is known before the first'
rm "$SPOOL/schedules"/*.json

# --- a page that was tested a moment ago
PSI_CACHE=1 psi_source . cached
bs reload >/dev/null
curl -s -X POST "$API_URL/_reset" >/dev/null
units '"c1.example","c2.example"' '.source = "cached" | .on_duplicate = "run"' fresh
at processed 'two pages'
is '[null,null]' "$(rows .cached_at | jq -cs .)" 'are tested'
first=$ID
units '"c2.example",{"url":"c3.example","labels":{"client":"new"}}' '.source = "cached"' again
at processed 'one of them and another one'
is 3 "$(asked .url | wc -l)" 'make one more test'
is 'c2.example true false 0,c3.example false true 1' "$(rows '[(.url | split("/")[2]), .cached_at != null, .labels.client == "new", .attempts] | join(" ")' | jq -r . | sort | paste -sd,)" 'the row says which one is from before, and took no request'
is '[true,false]' "$(jq -c 'select(.event == "requested" and .cached) | [(.cached | test("fresh_batch0002.run_")), .paid]' "$SPOOL/journal/$ID.ndjson")" 'so does the journal'
is "$(rows 'select(.cached_at != null) | .cached_at')" "$(jq -c 'select(.event == "captured" and .batch == 2 and (.inner | not)) | .captured_at | sub("\\.[0-9]+Z"; "Z")' "$SPOOL/journal/$first.ndjson" | head -n 1)" 'with the time of that test'
units '"c2.example"' '.source = "cached" | .cache = false' anew
at processed 'who wants it anew'
is 4 "$(asked .url | wc -l)" 'gets it anew'
mkdir "$DIR/aside"
mv "$SPOOL/payloads/raw"/*/anew_batch0001.run_* "$DIR/aside"
units '"c2.example"' '.source = "cached" | .on_duplicate = "run"' lost
at processed 'when the earlier answer is gone'
is 5 "$(asked .url | wc -l)" 'it is asked for again'
mv "$DIR"/aside/* "$SPOOL"/payloads/raw/*/
rules '{"url": "c2.example", "kind": "error", "code": "DNS_FAILURE", "status": 400, "count": 1}'
units '"c2.example","c3.example"' '.source = "cached" | .cache = false' dead
at processed 'a page that is dead now'
like 'COMPLETED .* 1 failed$' "$(bs list | grep "$ID")" 'list says how many failed'
like 'COMPLETED +1/2  1 failed ' "$(timeout 10 "$PROGRAMS/batchspool" watch "$ID")" 'so does watch'
rules
before=$(asked .url | wc -l)
units '"c2.example","c3.example"' '.source = "cached"' revived
at processed 'is asked for'
is $((before + 1)) "$(asked .url | wc -l)" 'whatever it was before it was dead'
is 'c2.example false,c3.example true' "$(rows '[(.url | split("/")[2]), .cached_at != null] | join(" ")' | jq -r . | sort | paste -sd,)" 'the other one is from the cache'
rm -rf "$DIR/etc/sources/cached.json"

# --- what failed, once more
curl -s -X POST "$API_URL/_reset" >/dev/null
PSI_CACHE=1 psi_source . again
rules '{"url": "down", "kind": "error", "code": "DNS_FAILURE", "status": 400, "count": 2}'
printf '%s\n' url,client https://up.example,A https://down1.example,B https://down2.example,C >"$DIR/again.csv"
exits 0 'a job that fails in part is complete' bs submit --source again --urls "$DIR/again.csv" --set process=auto --set name=Shops --set concurrency=1 --set take=9 --set 'strategies=["mobile","desktop"]' --wait
ID=$OUT
like "$ID: complete; 2 of its 6 units failed: .batchspool why $ID. names them" "$ERR" 'and whoever waits for it is told'
is '[3,4]' "$(failed .batch | sort | jq -cs .)" 'both strategies of one URL'
first=$ID
exits 0 'what failed as a new job' bs submit --failed "$first" --wait
ID=$OUT
is '["Shops",["mobile","desktop"],[{"url":"https://down1.example","labels":{"client":"B"}}],1,"auto",false]' "$(jq -c 'select(.event == "accepted") | .text' "$SPOOL/journal/$ID.ndjson" | jq -r . | jq -c '[.name, .strategies, .urls, .concurrency, .process, has("take")]')" 'is of these URLs, as the first one was, with their labels'
is '["COMPLETED",2,0]' "$(show '[.status,.processed_records,.error_count]')" 'and succeeds'
is '' "$ERR" 'without a word'
like '^[0-9TZ]+-[0-9a-f]{12}-again-csv$' "$ID" 'its id has the name of the first one'
exits 65 'once more' bs submit --failed "$ID"
like "$ID: no unit of it failed" "$ERR" 'there is nothing left'
rules '{"url": "odd", "strategy": "mobile", "kind": "error", "code": "DNS_FAILURE", "status": 400}, {"url": "even", "strategy": "desktop", "kind": "error", "code": "DNS_FAILURE", "status": 400}'
printf '%s\n' odd.example even.example good.example >"$DIR/odd"
exits 0 'URLs of which one strategy failed' bs submit --source again --urls "$DIR/odd" --set process=auto --set 'strategies=["mobile","desktop"]' --wait
ID=$OUT
before=$(asked .url | wc -l)
exits 0 'are done again' bs submit --failed "$ID" --wait
is $((before + 2)) "$(asked .url | wc -l)" 'by one request each: what was good comes from the cache'
ID=$OUT
like '^took +2 requests, 4 records, .*; 2 answers from the cache$' "$(bs show "$ID" | grep ^took)" 'which show says'
is '["COMPLETED",4]' "$(show '[.status,.processed_records]')" 'and all have their record'
bs pause >/dev/null
ID=$(bs submit --source again --urls "$DIR/again.csv")
wait_for 5 has_journal "${ID#*-*-}"
exits 65 'what failed of a job that waits' bs submit --failed "$ID"
like 'is not complete yet' "$ERR" 'is not known yet'
bs cancel "$ID" >/dev/null
exits 65 'of one that was cancelled' bs submit --failed "$ID"
like 'batchspool retry' "$ERR" 'goes another way'
exits 64 'a job and a list' bs submit --failed "$ID" --urls "$DIR/again.csv"
exits 66 'an unknown one' bs submit --failed nobody
bs resume >/dev/null
rm -f "$DIR/etc/sources/again.json"
rules

# --- errors that pass
curl -s -X POST "$API_URL/_reset" >/dev/null
rules '{"url": "once", "kind": "wrong", "count": 2}, {"url": "fcp", "kind": "error", "code": "NO_FCP", "status": 400}, {"url": "slowhost", "kind": "error", "code": "FAILED_DOCUMENT_REQUEST", "details": "Details: net::ERR_TIMED_OUT", "status": 400},
    {"url": "upset", "kind": "error", "code": "ERRORED_DOCUMENT_REQUEST", "details": "Status code: 503"}, {"url": "crash", "kind": "runtime", "code": "TARGET_CRASHED", "message": "The page crashed."},
    {"url": "cut", "kind": "truncate"}, {"url": "gone", "kind": "drop"}'
units '"once.example","fcp.example","slowhost.example","upset.example","crash.example","cut.example","gone.example"' . passing
at processed 'errors of the moment'
is '["COMPLETED",7,0]' "$(show '[.status,.processed_records,.error_count]')" 'are tried again'
is '3 2 2 2 2 2 2' "$(for url in once fcp slowhost upset crash cut gone; do asked "select(.url | contains(\"$url\")) | .url" | wc -l; done | paste -sd' ')" 'as often as it takes'
is '2 2 2 2 2 3' "$(rows 'select(.url | contains("gone") | not) | .attempts' | sort | paste -sd' ')" 'which is in the record of each'

# --- errors that stay
rules '{"url": "always", "kind": "wrong", "count": -1}'
units '"always.example","fine.example"' '.strategies = ["mobile", "desktop"]' staying
at processed 'one that does not pass'
is '["COMPLETED",4,2,2]' "$(show '[.status,.total_records,.processed_records,.error_count]')" 'fails its units, not the job'
is '[[1,"run","throttled"],[2,"run","throttled"]]' "$(failed '[.batch, .step, .reason]' | sort | jq -cs .)" 'when its origin was tried as often as may be'
like 'Something went wrong' "$(failed .error)" 'with the words of the service'
tries=$(asked 'select(.url | contains("always")) | .url' | wc -l)
result $((tries < 8 || tries > 9)) 'eight times in a row, and once more what had left together with the first' "$tries requests"
rules '{"url": "mixed", "kind": "wrong", "count": 7}, {"url": "mixed", "kind": "error", "code": "NO_FCP", "at": 8, "count": 5}'
units '"mixed.example"' . mixed
at processed 'seven of these and five others'
is '["COMPLETED",1,0]' "$(show '[.status,.processed_records,.error_count]')" 'are counted apart'

# --- nothing but dead pages
units '"dead-dns1.example","dead-dns2.example"' . nothing
at failed 'a job of which every unit failed'
exits 0 'has results all the same' bs results "$ID" --format csv --format ndjson --format html
is 2 "$(($(wc -l <"$SPOOL/results/$ID/records.csv") - 1))" 'a row for each'
like 'DNS_FAILURE' "$(cat "$SPOOL/results/$ID/report.html")" 'with what went wrong'

# --- dead pages are no trouble of the service
width() { bs sources list --json | jq '.[] | select(.name == "pagespeed") | .limits.concurrency'; }
rules
before=$(width)
units "$(seq -f '"https://dead-dns%.0f.example"' -s, 40),\"alive.example\"" '.concurrency = 20' dead
at processed '40 dead pages and one that is not'
is '["COMPLETED",1,40]' "$(show '[.status,.processed_records,.error_count]')" 'are counted'
result $(($(width) < before)) 'and as many go out at a time as before, though each was a 500'
before=$(width)
rules '{"url": "", "kind": "wrong", "count": 60}'
units "$(seq -f '"https://burst%.0f.example"' -s, 60)" '.concurrency = 20' burst
narrower() { [ "$(width)" -lt "$before" ]; }
wait_for 20 narrower
result $? 'a burst of 500s of many origins makes fewer go out at a time'
at processed 'until they are over'

# --- quotas
rules '{"url": "", "kind": "minute", "count": 2}'
units '"a.example","b.example","c.example"' . minute
at processed 'a used up minute is waited for'
is '["COMPLETED",3,0]' "$(show '[.status,.processed_records,.error_count]')" 'and uses up no retry'
rules '{"url": "", "kind": "day", "at": 2, "count": -1}'
units '"a.example","b.example","c.example"' . day
at deferred 'a used up day defers the job'
is 'api_budget' "$(event 'select(.event == "deferred") | .reason')" 'until midnight at the service'
is "$(date -u -d "@$(TZ=America/Los_Angeles date -d 'tomorrow 00:00' +%s)" +%FT%TZ)" "$(event 'select(.event == "deferred") | .until')" 'which is in California'
is 0 "$(failed .batch | wc -l)" 'no unit has failed'
one_loaded() { [ "$(show .processed_records)" = 1 ]; }
wait_for 20 one_loaded
exits 0 'a report of what is there' bs results "$ID" --format html --format pdf --output "$DIR/part"
like 'NOT COMPLETE: the job is deferred' "$(cat "$DIR/part/report.html")" 'says that the rest is missing'
like 'NOT COMPLETE: the job is deferred' "$(pdftotext -layout "$DIR/part/report.pdf" - | tr -s ' \n' ' ')" 'on paper, too'
daemon_stop

# --- without a key
api_stop
psi_start
printf wrong >"$DIR/credentials/pagespeed_key"
psi_source . wrongly
psi_source 'del(.auth)' keyless
daemon_start
units '"a.example"' '.source = "wrongly"' wrongkey
at hold 'a key that is not valid holds the job'
like 'API key not valid' "$(why)" 'its note has the reason'
units '"a.example"' '.source = "keyless"' nokey
at hold 'so does none at all'
like 'Queries per day.*583797351490' "$(why)" 'and is not taken for a used up day'
verified 'verify finds no difference'
finish
