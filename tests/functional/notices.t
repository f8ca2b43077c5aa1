#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Notices: made once from the journal, sent by mail and webhook, tried again, gathered, limited; who may be written to; what people do with them by hand.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../sink.sh"
sink_start
api_start
source_free items
source_metered properties
umask 077
printf 'hook-secret' >"$DIR/credentials/hook"
printf 're_secret_key' >"$DIR/credentials/resend_api_key"
umask 007
cp -r "$ROOT/etc/notices" "$DIR/etc/notices"
free() { # NAME COUNT [JQ]
    jq -n "{source: \"items\", count: $2} | ${3:-.}" >"$SPOOL/jobs/tmp/$1.json"
    mv "$SPOOL/jobs/tmp/$1.json" "$SPOOL/jobs/pending/$1.json"
    taken "$1"
}

# --- the mail server is down for the whole run
notices_config '.recipients = {completed: ["mailto:all@example.com"]}'
sink_stop
daemon_start
for i in 1 2 3 4 5; do
    free "down$i" 400 '.notify = ["mailto:ops@example.com"] | .name = "Search ü '"$i"'"'
    at processed "job $i completes while the mail server is down"
done
wait_for 10 compgen -G "$SPOOL/notices/deferred/*.json" >/dev/null
result $? 'a notice waits in deferred/'
late=$(stat -c '%.Y %.Z' "$SPOOL"/notices/deferred/*.json | awk '$1 > $2' | wc -l)
is "$(notices deferred)" "$late" 'its mtime is when it is tried again'
wait_for 5 compgen -G "$SPOOL/notices/deferred/*.why" >/dev/null
like 'connect' "$(cat "$SPOOL"/notices/deferred/*.why)" 'and its note says why'
is 10 "$(($(notices pending) + $(notices deferred) + $(notices processing)))" 'each job has a notice for each recipient'
daemon_kill
daemon_start
sink_start
wait_for 40 mails_are 10
result $? 'all are delivered after it returns' "$(mails)"
wait_for 10 notices_are processed 10
for i in 1 2 3 4 5; do
    is 1 "$(cat "$SINK"/mail/* | grep -c "^X-Batchspool-Job: $(ids "down$i")" | awk '{print $1 / 2}')" "job $i: one mail for each of two recipients"
    is 2 "$(count_of notified "$(ids "down$i")")" "job $i: its journal has both"
done
daemon_stop
daemon_start
is 10 "$(mails)" 'a restart sends nothing again'
is '"sent"' "$(event 'select(.event == "notified") | .result | tojson' "$(ids down1)")" 'notified: sent'
is completed "$(event 'select(.event == "notified") | .about' "$(ids down1)")" 'notified: of what'
chain_ok "$(ids down1)" && result 0 'the journal is whole'

# --- form of a mail
mail=$(mail_of "$(ids down1)")
like 'envelope: <batch@example.com> -> <(ops|all)@example.com>' "$mail" 'envelope'
like $'\nFrom: "Batch jobs"' "$mail" 'From'
like 'Subject: =\?UTF-8\?B\?' "$mail" 'a subject that is no ASCII is encoded'
like 'Message-ID: <[0-9TZ]+-[0-9a-f]{12}-completed@example.com>' "$mail" 'Message-ID is made of the notice'
like 'Auto-Submitted: auto-generated' "$mail" 'Auto-Submitted'
like 'multipart/alternative' "$mail" 'text and HTML'
like 'text/html; charset=utf-8' "$mail" 'HTML'
is "$(tr -d '\r' <<<"$mail" | sed -n 's/^Message-ID: //p')" "$(grep -h '^Message-ID' "$SINK"/mail/* | tr -d '\r' | sed 's/^Message-ID: //' | sort | uniq -c | awk '$1 == 1 {print $2}' | grep -F "$(tr -d '\r' <<<"$mail" | sed -n 's/^Message-ID: //p')")" 'no two mails have the same Message-ID'

# --- refusals
sink_clear
notices_config .
daemon_stop
daemon_start
is 0 "$(mails)" 'whom the configuration names no more is written to no more'
smtp_says 'RCPT 550 5.1.1 nobody here'
free gone 10 '.notify = ["mailto:gone@example.com"]'
at processed 'a job whose recipient is refused completes'
wait_for 10 compgen -G "$SPOOL/notices/failed/*.json" >/dev/null
result $? '550: the notice goes to failed/'
wait_for 5 compgen -G "$SPOOL/notices/failed/*.why" >/dev/null
like '550 5.1.1 nobody here' "$(cat "$SPOOL"/notices/failed/*.why)" 'with what the server said'
wait_event notified 1
is failed "$(event 'select(.event == "notified") | .result')" 'and in the journal'
is processed "$(place)" 'the job is where it was'
smtp_says ''
mv "$SPOOL"/notices/failed/*.json "$SPOOL/notices/pending/"
wait_for 10 mails_are 1 gone@example.com
result $? 'mv to pending/ sends it again'
rm -f "$SPOOL"/notices/failed/*.why
smtp_says 'END 451 4.3.0 later'
sink_clear
free later 10 '.notify = ["mailto:later@example.com"]'
wait_for 10 daemon_says '451 4.3.0 later'
result $? '451: it is tried again later'
is 0 "$(notices failed)" 'and not given up'
smtp_says ''
wait_for 15 mails_are 1 later@example.com
result $? 'and delivered once'
smtp_says 'END 451 4.3.0 later'
free touched 10 '.notify = ["mailto:touched@example.com"]'
wait_for 10 compgen -G "$SPOOL/notices/deferred/*.json" >/dev/null
smtp_says ''
mv "$SPOOL"/notices/deferred/*.json "$SPOOL/notices/pending/" 2>/dev/null
wait_for 15 mails_are 1 touched@example.com
result $? 'mv out of deferred/ tries it now'
smtp_says 'CONNECT 421 4.3.2 closed'
free closed 10 '.notify = ["mailto:closed@example.com"]'
wait_for 10 daemon_says 'notices: smtp does not work'
result $? '421: the way is closed, the log says so once'
smtp_says ''
wait_for 20 mails_are 1 closed@example.com
result $? 'it opens again by itself'
wait_for 5 daemon_says 'notices: smtp works again'
result $? 'and the log says so'

# --- a server that has taken it, and a daemon that is killed before it hears so
sink_clear
smtp_says "END wait $DIR/say-it"
free window 10 '.notify = ["mailto:window@example.com"]'
wait_for 10 mails_are 1 window@example.com
is 1 "$(notices processing)" 'what is on its way lies in processing/'
daemon_kill
smtp_says ''
touch "$DIR/say-it"
daemon_start
wait_for 10 mails_are 2 window@example.com
result $? 'killed before the verdict: it is sent once more'
is 1 "$(grep -h '^Message-ID' "$SINK"/mail/* | sort -u | wc -l)" 'under the same Message-ID'
wait_for 5 notices_are processing 0

# --- webhooks
sink_clear
notices_config ".recipients = {completed: [\"http://127.0.0.1:$HTTP/hook/secret-path\"], held: [\"mailto:boss@example.com\"], failed: [\"mailto:boss@example.com\"], file_failed: [\"mailto:boss@example.com\"]} | .link = \"https://batch.example.com/\""
daemon_stop
daemon_start
http_says '500 Oops'
free hook 10
wait_for 10 posts_are 2
result $? '500: it is sent again'
http_says ''
wait_event notified 1
is sent "$(event 'select(.event == "notified") | .result')" 'until it is taken'
post=$(find "$SINK/http" -type f | sort | tail -n 1)
is 1 "$(grep -h '^webhook-id' "$SINK"/http/* | sort -u | wc -l)" 'always under one id'
hook_id=$(sed -n 's/^webhook-id: //p' "$post" | tr -d '\r')
stamp=$(sed -n 's/^webhook-timestamp: //p' "$post" | tr -d '\r')
body=$(sed '1,/^\r*$/d' "$post")
is "v1,$(printf '%s.%s.%s' "$hook_id" "$stamp" "$body" | openssl dgst -sha256 -hmac hook-secret -binary | base64)" "$(sed -n 's/^webhook-signature: //p' "$post" | tr -d '\r')" 'signed over id, time and body'
is "$(event 'select(.event == "completed") | .seq')" "$(jq .sequence <<<"$body")" 'sequence is that of the event'
is "$ID" "$(jq -r .job_id <<<"$body")" 'and it names the job'
is "https://batch.example.com/jobs/$ID" "$(jq -r .data.link <<<"$body")" 'with a link to it'
is "http://127.0.0.1:$HTTP" "$(event 'select(.event == "notified") | .to')" 'the journal keeps the secret path of a webhook to itself'
like "sent to http://127.0.0.1:$HTTP by webhook" "$(cat "$DIR/daemon.log")" 'so does the log'
before=$(posts)
exits 0 'notices retry of one that was sent' bs notices retry "$hook_id"
wait_for 10 posts_are $((before + 1))
is "$hook_id" "$(sed -n 's/^webhook-id: //p' "$(find "$SINK/http" -type f | sort | tail -n 1)" | tr -d '\r')" 'replays it under the same id'

# --- other events
drop held 10000 '.max_records = 100'
at hold 'a job that would buy too much is held'
wait_for 10 mails_are 1 "$ID"
mail=$(mail_of "$ID" | sed ':a;N;$!ba;s/=\r*\n//g')
like 'max_records' "$mail" 'a hold is told, with its reason'
like 'How to go on' "$mail" 'and how to go on'
bs cancel "$ID" >/dev/null
free wrong 10 '.nonsense = 1'
at failed 'a drop that is wrong is refused'
wait_for 10 mails_are 1 "$ID"
like 'nonsense' "$(mail_of "$ID")" 'that is told, with the error'
like 'Nothing was captured[.]' "$(mail_of "$ID" | sed ':a;N;$!ba;s/=\r*\n//g')" 'and that it never began'
free byhand 10 '.not_before = "2099-01-01T00:00:00Z"'
bs hold "$ID" >/dev/null
at hold 'what a person holds'

# --- who may be written to
sink_clear
if [ "$(id -u)" = 0 ]; then
    jq -n '{source: "items", count: 5, notify: ["mailto:x@evil.example"]}' >"$SPOOL/jobs/tmp/foreign.json"
    chown nobody "$SPOOL/jobs/tmp/foreign.json"
    mv "$SPOOL/jobs/tmp/foreign.json" "$SPOOL/jobs/pending/foreign.json"
    taken foreign
    at failed 'a file of another user that names a recipient outside of the allow-list is refused'
    like 'x@evil.example.*notices.allow' "$(why)" 'with the mend'
    jq -n '{source: "items", count: 5, notify: ["mailto:x@example.com"]}' >"$SPOOL/jobs/tmp/within.json"
    chown nobody "$SPOOL/jobs/tmp/within.json"
    mv "$SPOOL/jobs/tmp/within.json" "$SPOOL/jobs/pending/within.json"
    taken within
    at processed 'one within it is taken'
    wait_for 10 mails_are 1 x@example.com
    forged=20260101T000000Z-0123456789ab-completed
    printf '{"v":1,"event":"completed","to":"mailto:x@example.com","created_at":"%s","values":{"subject":"forged"}}' "$(date -u +%FT%TZ)" >"$SPOOL/notices/tmp/$forged.json"
    chown nobody "$SPOOL/notices/tmp/$forged.json"
    mv "$SPOOL/notices/tmp/$forged.json" "$SPOOL/notices/pending/"
    wait_for 10 there "$SPOOL/notices/failed/$forged.json"
    result $? 'a notice that another user makes up is not sent'
    wait_for 5 there "$SPOOL/notices/failed/$forged.why" # it follows the file
    like 'not made by the daemon' "$(cat "$SPOOL/notices/failed/$forged.why")" 'and says why'
    rm "$SPOOL"/notices/failed/*
fi
printf '{"v":1,"event":"completed","to":"mailto:a@b.example\\r\\nBcc: c@d.example","created_at":"2026-11-28T00:00:00Z"}' >"$SPOOL/notices/pending/20260101T000000Z-0123456789ac-completed.json"
wait_for 10 there "$SPOOL/notices/failed/20260101T000000Z-0123456789ac-completed.why"
result $? 'a recipient with a line break is refused' "$(find "$SPOOL/notices")"
rm -f "$SPOOL"/notices/failed/*
mkdir "$SPOOL/results/awaited"
waiting=$(date -u +%Y%m%dT%H%M%SZ)-0123456789ad-completed
printf '{"v":1,"event":"completed","to":"mailto:awaits@example.com","created_at":"%s","awaits":"results/awaited/results.json","values":{"subject":"with a report"}}' "$(date -u +%FT%TZ)" >"$SPOOL/notices/tmp/$waiting.json"
mv "$SPOOL/notices/tmp/$waiting.json" "$SPOOL/notices/pending/"
wait_for 10 there "$SPOOL/notices/deferred/$waiting.why"
like 'waits for results/awaited/results.json' "$(cat "$SPOOL/notices/deferred/$waiting.why")" 'a notice waits for the report that it is about'
is 0 "$(mails awaits@example.com)" 'and does not go before it'
touch "$SPOOL/results/awaited/results.json"
wait_for 15 mails_are 1 awaits@example.com
result $? 'when it is there, it goes'
jq -n '{source: "items", count: 1}' >"$DIR/one.json"
exits 65 'so is it in a job' bs submit --set 'notify=["mailto:a@b.example\r\nBcc: c@d.example"]' "$DIR/one.json"

# --- the command line
exits 0 'check' bs check
like 'secret hook of notices: is there' "$OUT" 'looks for the secrets of notices'
exits 0 'notices' bs notices
like 'processed +[0-9TZ]+-' "$OUT" 'lists them'
exits 0 'notices --json' bs notices --json --state processed
is true "$(jq -s 'length > 0 and all(.state == "processed" and (.to | length > 0))' <<<"$OUT")" 'an object each'
one=$(jq -rs '.[0].notice_id' <<<"$OUT")
exits 0 'notices show' bs notices show "$one"
like 'subject' "$OUT" 'tells what is in it'
exits 64 'notices nonsense' bs notices nonsense
exits 66 'notices show of none' bs notices show 20200101T000000Z-000000000000
exits 0 'notices test' bs notices test mailto:try@example.com
like 'was sent' "$OUT" 'says that it was taken'
is 1 "$(mails try@example.com)" 'and it was'
is 0 "$(grep -c 'notices.allow' <<<"$ERR")" 'without a warning, as anybody may write there'
exits 0 'notices test of a recipient outside of the allow-list' bs notices test mailto:try@elsewhere.example
is 1 "$(mails try@elsewhere.example)" 'is sent, as the operator at the shell is an admin'
like 'warning: mailto:try@elsewhere.example is not in notices.allow .*jobs that name it in notify are refused, unless an admin' "$ERR" 'and told that jobs are refused it'
exits 0 'notices test of a webhook' bs notices test "http://127.0.0.1:$HTTP/try"
is 1 "$(posts 'POST /try')" 'is a POST'
smtp_says 'AUTH 535 5.7.8 no' 'MAIL 535 5.7.8 no'
exits 1 'notices test that is refused' bs notices test try2@example.com
like '535 5.7.8 no' "$ERR" 'says what the server said'
smtp_says ''
exits 65 'notices test of nobody' bs notices test 'mailto:no body@example.com'

# --- a template of one's own, and a broken one
sink_clear
printf 'Subject: {{name}} is done\n\n<{{name}}> {{#nothing}}never{{/nothing}}{{records}} records\n' >"$DIR/etc/notices/completed.txt"
free templated 7 '.notify = ["mailto:t@example.com"] | .name = "A <b>"'
wait_for 10 mails_are 1 t@example.com
like $'Subject: A <b> is done\r' "$(mail_of t@example.com)" 'a template is read when it is used'
like 'A &lt;b&gt;' "$(mail_of t@example.com)" 'values are escaped in HTML'
printf 'Subject: {{name}}\n\n{{#x}}\n' >"$DIR/etc/notices/completed.txt"
free broken 7 '.notify = ["mailto:t2@example.com"]'
wait_for 10 compgen -G "$SPOOL/notices/failed/*-completed.why" >/dev/null
like 'template completed.txt: line' "$(cat "$SPOOL"/notices/failed/*-completed.why)" 'a broken template is named'
is processed "$(place)" 'and the job is complete all the same'
cp "$ROOT/etc/notices/completed.txt" "$DIR/etc/notices/"
exits 0 'notices retry' bs notices retry "$(basename "$(ls "$SPOOL"/notices/failed/*-completed.json)" .json)"
wait_for 10 mails_are 1 t2@example.com
result $? 'after the mend it is sent'

# --- gathered, and limited
sink_clear
notices_config '.digest = "PT3S" | .recipients = {completed: ["mailto:many@example.com"]}'
daemon_stop
daemon_start
for i in 1 2 3; do free "many$i" 5; done
wait_for 15 mails_are 1
result $? 'what comes within the digest interval is one mail'
wait_for 5 notices_are pending 0
is 3 "$(grep -c 'completed, 5 records' <(mail_of many@example.com | tr -d '\r' | sed ':a;N;$!ba;s/=\n//g' | sed '/text\/html/,$d'))" 'with a line for each'
is digest "$(event 'select(.event == "notified") | .result' "$(ids many1)")" 'the journal says so'
sink_clear
notices_config '.rate_per_hour = 2 | .recipients = {completed: ["mailto:rate@example.com"]}'
daemon_stop
daemon_start
for i in 1 2 3 4 5; do free "rate$i" 5; at processed "job $i"; wait_for 5 mails_are "$((i < 2 ? i : 2))"; done
wait_for 10 notices_are pending 3
result $? 'beyond the rate they wait'
is 2 "$(mails)" 'two an hour went'
daemon_kill
daemon_start
free rate6 5
at processed 'another job'
wait_for 10 notices_are pending 4
is 2 "$(mails)" 'a restart does not forget the rate'
rm "$SPOOL"/notices/pending/*

# --- Resend
sink_clear
notices_config "del(.smtp) | .resend = {url: \"http://127.0.0.1:$HTTP\"} | .rate_per_hour = 100"
daemon_stop
daemon_start
http_says '429 Slow down' 'Retry-After: 1'
free resend 5 '.notify = ["mailto:via@example.com"]'
wait_for 10 posts_are 2 'POST /emails'
result $? 'Resend: 429 is heard'
http_says ''
wait_event notified 1
is sent "$(event 'select(.event == "notified") | .result')" 'and it is sent'
is 1 "$(grep -h '^Idempotency-Key' "$SINK"/http/* | sort -u | wc -l)" 'always with one idempotency key'
is 1 "$(grep -h '^Authorization: Bearer re_secret_key' "$SINK"/http/* | sort -u | wc -l)" 'and the API key'
is '' "$(grep -rl 're_secret_key\|hook-secret' "$SPOOL" "$DIR/daemon.log")" 'no secret is in spool or log'
http_says '422 Unprocessable'
free refused 5 '.notify = ["mailto:via2@example.com"]'
wait_for 10 compgen -G "$SPOOL/notices/failed/*.json" >/dev/null
result $? '422 is for good'
rm -f "$SPOOL"/notices/failed/*
http_says ''

# --- what no journal tells
sink_clear
notices_config "del(.smtp) | .resend = {url: \"http://127.0.0.1:$HTTP\"} | .heartbeat = {url: \"http://127.0.0.1:$HTTP/alive\", interval: \"PT1S\"} |
    .thresholds = {queue_depth: 3, budget_percent: 50, stuck_interval: \"PT1S\"} | .recipients = {queue: [\"http://127.0.0.1:$HTTP/q\"], budget: [\"http://127.0.0.1:$HTTP/b\"], stuck: [\"http://127.0.0.1:$HTTP/s\"]}"
config '.daily_cost_caps = {USD: "1"} | .stuck_after_s = 1'
daemon_stop
daemon_start
wait_for 10 posts_are 2 'GET /alive'
result $? 'the heartbeat is sent again and again'
drop spend 10
at processed 'ten records for 0.50 of 1.00'
wait_for 20 posts_are 1 'POST /b'
result $? 'half of the budget is spent: told'
touch "$SPOOL/paused/queue"
for i in 1 2 3 4; do free "queued$i" 5; done
wait_for 20 posts_are 1 'POST /q'
result $? 'the queue is long: told'
ln "$DIR/etc/batchspool.json" "$SPOOL/jobs/pending/linked.json" 2>/dev/null || ln -s /nowhere "$SPOOL/jobs/pending/linked.json"
wait_for 20 posts_are 1 'POST /s'
result $? 'a drop that is not taken in: told'
rm -f "$SPOOL/jobs/pending/linked.json" "$SPOOL/paused/queue"
wait_for 20 posts_are 1 'POST /q'
is 1 "$(posts 'POST /b')" 'the budget is told once a day'
is 1 "$(posts 'POST /s')" 'what is stuck is told once'
daemon_kill
beats=$(posts 'GET /alive')
exits 69 'notices test without a daemon' bs notices test mailto:x@example.com
is "$beats" "$(posts 'GET /alive')" 'a dead daemon sends no heartbeat'

# --- the environment
config 'del(.notices)'
exits 78 'notices test where nothing is configured' bs notices test mailto:x@example.com
like 'notices.smtp or notices.resend' "$ERR" 'says what is missing'
exits 69 'RESEND_API_KEY and FROM_EMAIL are enough' env RESEND_API_KEY=re_x FROM_EMAIL=a@example.com "$PROGRAMS/batchspool" notices test mailto:x@example.com
exits 78 'RESEND_API_KEY without FROM_EMAIL' env RESEND_API_KEY=re_x "$PROGRAMS/batchspool" list
exits 78 'FROM_EMAIL that is none' env FROM_EMAIL=$'a@example.com\nBcc: b@example.com' "$PROGRAMS/batchspool" list
exits 78 'MAX_CONCURRENT_JOBS that is no number' env MAX_CONCURRENT_JOBS=many "$PROGRAMS/batchspool" list
exits 78 'JOB_RETENTION_DAYS that is no number' env JOB_RETENTION_DAYS=-1 "$PROGRAMS/batchspool" list
daemon_start
free nowhere 5 '.notify = ["mailto:x@example.com"]'
at processed 'without a way out the job completes'
wait_for 10 compgen -G "$SPOOL/notices/failed/*.why" >/dev/null
like 'notices.smtp or notices.resend' "$(cat "$SPOOL"/notices/failed/*.why)" 'and the notice says what is missing'
verified 'nothing in the spool contradicts anything else'
finish
