#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# /api/v1/batch-processing: a job of URLs is started, looked at while it runs, cancelled, and its results read, one row for each URL, dead ones too.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pagespeed.sh"
. "$(dirname "$0")/../httpd.sh"
# shellcheck disable=SC2034
WAIT_S=60
BASE=/api/v1/batch-processing
json=(-H 'Content-Type: application/json')
(umask 077 && printf psi-key >"$DIR/credentials/pagespeed_key")
psi_start
psi_source
config '.httpd = {requests_per_minute: 1000000, logins_per_minute: 100000}'
user ada admin read submit control process admin
user ops operator read submit control
user viola viewer read
daemon_start
httpd_start

# call CODE NAME PATH [CURL-OPTION...]: as ops; the answer is in $DIR/answer, its header fields in $DIR/fields
call() {
    local code
    code=$(as "${AS:-ops}" "$3" -o "$DIR/answer" -D "$DIR/fields" -w '%{http_code}' "${@:4}")
    is "$1" "$code" "$2" || head -c 600 "$DIR/answer" | sed 's/^/#   /'
}
post() { call "$1" "$2" "$BASE/$3" "${json[@]}" -d "$4" "${@:5}"; }
got() { jq -c "$1" "$DIR/answer"; }
status_is() { [ "$(as ops "$BASE/progress/$1" | jq -r .status)" = "$2" ]; }
ended_as() { wait_for "$WAIT_S" status_is "$1" "$2"; }

# --- start
post 201 'a job is started' start '{"urls": ["Example.com/", {"url": "dead-404.example/x", "labels": {"client": "A"}}, "https://example.com", "dead-dns.example", "example.org/page/"], "strategy": "mobile", "batch_size": 4, "timeout": 90, "priority": "high", "name": "Shops"}'
RUN=$(got .processing_run_id | jq -r .)
is "[\"$RUN\",\"pagespeed\",\"high\",\"Shops\"]" "$(got '[.job_id,.source,.priority,.name]')" 'with its run id'
like "Location: $BASE/progress/$RUN" "$(tr -d '\r' <"$DIR/fields")" 'and where it is looked at'
ended_as "$RUN" COMPLETED
is '[["mobile"],4,90]' "$(as ops "/api/batch-jobs/$RUN" | jq -c '.job | [.strategies, .concurrency, .timeout_s]')" 'other names of its members are those of the source'

post 422 'wrong URLs' start '{"urls": ["example.com", "nonsense", 7, {"url": "ftp://example.com"}, {"labels": {}}]}'
is '["/urls/1","/urls/2","/urls/3/url","/urls/4/url"]' "$(got '[.errors[].pointer]')" 'each is told by its index'
is '["has no host name","must be a text","is neither http nor https","must be a text"]' "$(got '[.errors[].detail]')" 'and what is wrong with it'
for wrong in '"batch_size": 21' '"batch_size": 0' '"concurrency": 21' '"timeout": 59' '"timeout": 1801' '"strategy": "tablet"' '"strategies": []' '"priority": "soon"' '"strategy": "mobile", "strategies": ["desktop"]' '"surprise": 1'; do
    post 422 "refused: $wrong" start "{\"urls\": [\"example.com\"], $wrong}"
done
post 422 'no URLs' start '{"urls": []}'
post 422 'private addresses' start '{"urls": ["http://127.0.0.1/", "example.com", {"url": "http://localhost:3000"}, "10.1.2.3"]}'
is '["/urls/0","/urls/2/url","/urls/3"]' "$(got '[.errors[].pointer]')" 'each is told'
is '["is a host of this machine or of a private network"]' "$(got '[.errors[].detail] | unique')" 'and what is wrong with it'
post 201 'a key' start '{"urls": ["one.example"]}' -H 'Idempotency-Key: k1'
FIRST=$(got .job_id)
post 201 'the same key again' start '{"urls": ["one.example"]}' -H 'Idempotency-Key: k1'
is "$FIRST" "$(got .job_id)" 'is the same job'
AS=viola post 403 'a viewer starts nothing' start '{"urls": ["example.com"]}'

# --- a file of URLs
upload() { call "$1" "$2" "/api/uploads/urls$3" -H 'Content-Type: text/plain' --data-binary "$4"; }
LIST=$'url,client,\nexample.com,A,\n169.254.169.254,B,\nintranet.local,C,\n,D,\nmailto:x@example.org,E,\nexample.org,"F\nG",\nexample.net,H,I\n'
upload 201 'a file' '' "$LIST"
is '[["https://example.com","https://example.net"],[[3,"169.254.169.254"],[4,"intranet.local"],[6,"mailto:x@example.org"],[7,"client"]],["is a host of this machine or of a private network","is neither http nor https","is a label with a line break in it"]]' "$(got '[.urls,[.rejected[] | [.line,.text]],(.rejected | [.[1,2,3].detail])]')" 'what admission refuses is told by line'
is '[[5,"D","stands in a row without a URL, which is left out"],[9,"I","stands in a column without a name, and is left out"]]' "$(got '[.notes[] | [.line,.text,.detail]]')" 'what is left out, too'
psi_source '.job_members.urls.private_hosts = true' inside
upload 201 'for another source' '?source=inside' "$LIST"
is '["https://example.com","https://169.254.169.254","https://intranet.local","https://example.net"]' "$(got .urls)" 'its own rule holds'
rm "$DIR/etc/sources/inside.json"

# --- progress and results
call 200 'progress' "$BASE/progress/$RUN"
is "[\"$RUN\",4,4,{\"queued\":0,\"running\":0,\"done\":2,\"failed\":2,\"cancelled\":0},2,2]" "$(got '[.processing_run_id,.total_urls,.total_tests,.url_counts,.success_count,.error_count]')" 'four URLs, one was there twice'
is '[[1,"https://example.com","mobile","done"],[2,"https://dead-404.example/x","mobile","failed"],[3,"https://dead-dns.example","mobile","failed"],[4,"https://example.org/page","mobile","done"]]' "$(got '[.urls[] | [.batch_number,.url,.strategy,.status]]')" 'each with its status'
is '["run",1,"ERRORED_DOCUMENT_REQUEST",{"client":"A"}]' "$(got '.urls[1] | [.current_step,.attempts,.error_class,.labels]')" 'a dead one with the step that failed'
like 'Status code: 404' "$(got '.urls[1].error')" 'and why'
call 200 'a page of it' "$BASE/progress/$RUN?limit=1&url_status=failed"
is '[["https://dead-404.example/x"],"2"]' "$(got '[[.urls[].url],.next_cursor]')" 'of those that failed'
call 200 'the next' "$BASE/progress/$RUN?limit=1&url_status=failed&cursor=2"
is '[["https://dead-dns.example"],null]' "$(got '[[.urls[].url],.next_cursor]')" 'is the last'
call 200 'its payloads' "/api/batch-jobs/$RUN/files"
is '[["https://example.com mobile","https://example.org/page mobile"],[["https://dead-404.example/x mobile","failed"],["https://dead-dns.example mobile","failed"]]]' "$(got '[[.files[].item],[.open_batches[] | [.item,.state]]]')" 'each is named, those that failed too'
AS=viola call 403 'a viewer tries nothing again' "/api/batch-jobs/$RUN/retry-failed" -X POST
call 201 'what failed, once more' "/api/batch-jobs/$RUN/retry-failed" -X POST -H 'Idempotency-Key: again'
AGAIN=$(got .job_id | jq -r .)
like "Location: /api/batch-jobs/$AGAIN" "$(tr -d '\r' <"$DIR/fields")" 'is a new job'
call 201 'with the same key' "/api/batch-jobs/$RUN/retry-failed" -X POST -H 'Idempotency-Key: again'
is "\"$AGAIN\"" "$(got .job_id)" 'it is the same one'
ended_as "$AGAIN" FAILED
is '["ops","Shops","high",[{"url":"https://dead-404.example/x","labels":{"client":"A"}},{"url":"https://dead-dns.example","labels":{}}]]' "$(as ops "/api/batch-jobs/$AGAIN" | jq -c '[.created_by,.name,.priority,.job.urls]')" 'of the URLs that failed'
call 409 'a job that failed' "/api/batch-jobs/$AGAIN/retry-failed" -X POST
like 'batchspool retry' "$(got .detail)" 'is retried itself'
call 400 'an unknown status' "$BASE/progress/$RUN?url_status=dead"
call 200 'results' "$BASE/results/$RUN"
is '[4,4,["ok","failed","failed","ok"]]' "$(got '[.total_urls,(.results | length),[.results[].status]]')" 'a row for each URL'
is 'true' "$(got '.results[0] | .scores.performance > 0 and .lab.lcp_ms > 0 and .run == "'"$RUN"'"')" 'with its record'
is '["DNS_FAILURE",null,null,null]' "$(got '.results[2] | [.error_class,.scores,.lab,.cwv_pass]')" 'or why there is none'
is 1 "$(got '[.results[] | keys] | unique | length')" 'all of one form'
is '' "$(comm -3 <(bs export --job "$RUN" | head -n 1 | jq -r keys[] | sort) <(got '.results[0] | del(.batch_number)' | jq -r keys[] | sort))" "which is the record's"
call 404 'another job' "$BASE/progress/20261128T100000Z-0123456789ab-none"

# --- while it runs, and cancelled
rules '{"url": "slow", "kind": "slow", "ms": 60000, "count": -1}, {"url": "again", "kind": "wrong", "count": -1}'
post 201 'one that is slow' start '{"urls": ["quick.example", "slow1.example", "slow2.example", "slow3.example", "again.example"], "concurrency": 3}'
SLOW=$(got .job_id | jq -r .)
runs() { [ "$(as ops "$BASE/progress/$SLOW" | jq -c '[.urls[].status]')" = '["done","running","running","running","queued"]' ]; }
ok 'each URL has its own status' wait_for 20 runs
is '["run","run","run"]' "$(as ops "$BASE/progress/$SLOW" | jq -c '[.urls[] | select(.status == "running") | .current_step]')" 'and its step'
post 200 'cancelled' "cancel/$SLOW" '{}'
ok 'it ends' ended_as "$SLOW" CANCELLED
is '["done","cancelled","cancelled","cancelled","cancelled"]' "$(as ops "$BASE/progress/$SLOW" | jq -c '[.urls[].status]')" 'what was not done is cancelled'
is '{"scores":true}' "$(as ops "$BASE/results/$SLOW?limit=1" | jq -c '.results[0] | {scores: (.scores != null)}')" 'what was done has its results'

# --- the rest of the family
as ada /api/batch-jobs "${json[@]}" -o /dev/null -d '{"source": "nothing"}'
call 200 'the list' "$BASE/jobs?limit=2"
is '["pagespeed","pagespeed"]' "$(got '[.jobs[].source]')" 'has jobs of URL analysis'
like 'rel="next"' "$(cat "$DIR/fields")" 'and the way to the next page'
call 200 'the queue' "$BASE/queue/status"
is '["depth","high","low","normal","oldest_s","urgent"]' "$(got '.queue.pending | keys')" 'by priority'
call 200 'health' "$BASE/health"
AS=ada call 202 'cleaning up' "$BASE/cleanup?dry_run=true" -X DELETE
call 403 'is for admins' "$BASE/cleanup?dry_run=true" -X DELETE
verified 'verify finds no difference'
finish
