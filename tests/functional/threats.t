#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A secret is seen nowhere but by its provider; hostile names and texts stay text.
. "$(dirname "$0")/../lib.sh"
TOKEN=canary-7f3a9c51e2
printf '%s' "$TOKEN" >"$DIR/credentials/api_token"
api_start
source_metered properties
source_metered leaky '.steps[0].http.headers["X-Bad"] = "${secret:absent}"'
source_free echo '.steps[0].http.params.key = "${secret:api_token}"'
config '.log_level = "debug"'
daemon_start

drop ok 800
at processed 'a job that uses a secret'
cmdline=$(cat "/proc/$DAEMON_PID/cmdline" "/proc/$DAEMON_PID/environ" | tr '\0' ' ')
drop fails 0 '{source: "echo", count: 5}'
at processed 'a secret in the query'
faults '{"kind": "drop_before", "on": "free", "count": -1}'
drop broken 0 '{source: "echo", count: 6}'
at failed 'a transport error of a request with a secret in its URL'
faults '{"kind": "drop_after", "on": "paid"}'
drop lost 801
at hold 'a lost paid answer'
printf 'wrong%s' "$TOKEN" >"$DIR/credentials/api_token"
kill -HUP "$DAEMON_PID"
drop denied 802
at deferred 'a refused secret'
printf '%s\r\nX-Injected: 1' "$TOKEN" >"$DIR/credentials/api_token"
drop absent 10 '{source: "leaky", criteria}'
at hold 'a secret that is not there holds the job'
like 'absent' "$(why)" 'its name is told'
source_metered broken '.steps[0].http.headers.Authorization = "Bearer ${secret:api_token}"'
drop injected 803 '{source: "broken", criteria}'
at hold 'a secret with a line break is refused'
is '' "$(grep -rlaF "$TOKEN" "$SPOOL")" 'the secret is in no file of the spool: jobs, journals, index, payloads, notes'
is '' "$(grep -aF "$TOKEN" "$DIR/daemon.log")" 'nor in the log'
is '' "$(grep -aF "$TOKEN" <<<"$cmdline")" "nor in the daemon's arguments and environment"
is '' "$(bs show "$(ids denied)" | grep -F "$TOKEN"; bs why "$(ids broken)" | grep -F "$TOKEN")" 'nor in what the command line shows'
daemon_stop
is 0 "$STATUS" 'the daemon ends in good order'
is '' "$(grep -rlaF "$TOKEN" "$SPOOL")" 'nor is it left behind at the end'

# --- names and texts
printf '%s' "$TOKEN" >"$DIR/credentials/api_token"
source_free items
daemon_start
name=$(printf 'a\033[31m\nb\342\200\256')
printf '{"source": "items", "count": 7, "name": "x\\u202ey"}' >"$SPOOL/jobs/tmp/x" && mv "$SPOOL/jobs/tmp/x" "$SPOOL/jobs/pending/$name.json"
taken "$name"
at processed 'a name with control characters'
is 0 "$(LC_ALL=C grep -c "$(printf '\033')" "$DIR/daemon.log")" 'reaches no log'
is 0 "$(bs list | LC_ALL=C grep -c "$(printf '\033')"; true)" 'nor a terminal by list'
is 0 "$(bs show "$ID" | LC_ALL=C grep -c "$(printf '\033')"; true)" 'nor by show'
like '^a--31m-b---$' "${ID:30}" 'its slug is plain'
for text in '"../../etc"' '"a/b"' '".hidden"' '"a b"' '""' "\"$(printf 'x%.0s' {1..65})\"" '7'; do
    printf '{"source": "items", "count": 8, "campaign_id": %s}' "$text" >"$DIR/campaign.json"
    exits 65 "campaign_id ${text:0:12} is refused" bs submit "$DIR/campaign.json"
done
for text in '"../items"' '"items.json"' '""' 'null'; do
    printf '{"source": %s}' "$text" >"$DIR/source.json"
    exits 65 "source $text is refused" bs submit "$DIR/source.json"
done
exits 66 'an id cannot be a path' bs show '../../etc/passwd'
verified 'verify finds no difference'
finish
