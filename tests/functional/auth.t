#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Access to a source: bearer token, basic, keys, OAuth 2.0 client credentials with tokens that expire, are revoked, refused and not to be had; client certificates, a
# private CA, a proxy. And no secret or token anywhere on the disk or among the processes.
. "$(dirname "$0")/../lib.sh"
CANARY=c4n4ry
secret() { (umask 077 && printf '%s' "$2" >"$DIR/credentials/$1"); }
secret bearer "$CANARY-bearer"
secret password "$CANARY-pässword"
secret key "$CANARY/key+1"
secret client_secret "$CANARY-client"
secret proxy_password "$CANARY-proxy"
paged_start --records 100

# source_auth NAME AUTH [JQ]: offset pages of 25
source_auth() {
    source_paged "$1" ".paginator = {type: \"offset\", limit: 25, max_limit: 500, limit_param: \"limit\", offset_param: \"offset\", total_path: \"/total\"} | .auth = $2 | ${3:-.}"
    define_source "$1" "$API_URL/offset"
}

# source_oauth NAME [JQ]
source_oauth() {
    source_auth "$1" "{type: \"oauth2_client_credentials\", access_token_url: \"$API_URL/oauth/token\", client_id: \"me\", client_secret: \"\${secret:client_secret}\"}" "${2:-.}"
}

# drop_job SOURCE
drop_job() {
    DROPS=$((${DROPS:-0} + 1))
    drop "$1-$DROPS" 0 "{source: \"$1\", name: \"job $DROPS\"}"
}

OAUTH="oauth2 me $CANARY-client"
tokens_are() { is "$1" "$(stat_of .token_requests)" "$2"; }

# --- what is sent with each request -------------------------------------------------------------------------------------

daemon_start
source_auth bearer '{type: "bearer", token: "${secret:bearer}"}'
paged_set "{\"auth\":\"bearer $CANARY-bearer\"}"
drop_job bearer
at processed 'a bearer token'
source_auth basic '{type: "basic", username: "jörg", password: "${secret:password}"}'
paged_set "{\"auth\":\"basic jörg:$CANARY-pässword\"}"
drop_job basic
at processed 'name and password, both in UTF-8'
source_auth header '{type: "api_key", name: "X-API-Key", api_key: "${secret:key}"}'
paged_set "{\"auth\":\"api_key header X-API-Key $CANARY/key+1\"}"
drop_job header
at processed 'a key in a header'
source_auth query '{type: "api_key", name: "key", api_key: "${secret:key}", location: "query"}'
paged_set "{\"auth\":\"api_key query key $CANARY/key+1\"}"
drop_job query
at processed 'a key in the query'
source_paged header_link-key '.auth = {type: "api_key", name: "key", api_key: "${secret:key}", location: "query"}'
drop_job header_link-key
at processed 'a key in the query beside links in headers that repeat it'

# --- one token for all jobs -----------------------------------------------------------------------------------------------

paged_set "{\"auth\":\"$OAUTH\"}"
source_oauth oauth
IDS=()
for i in 1 2 3 4; do
    drop_job oauth
    IDS+=("$ID")
done
for id in "${IDS[@]}"; do
    at processed 'a job with an access token' "$id"
done
tokens_are 1 'four jobs at a time ask for one token'
is null "$(stat_of '.statuses["401"]')" 'no request went without it'
kill -HUP "$DAEMON_PID"
wait_for 5 daemon_says 'reading sources again'
drop_job oauth
at processed 'a job after SIGHUP'
tokens_are 2 'SIGHUP drops the token'

source_oauth body '.auth.client_auth = "body" | .auth.access_token_request_data = {scope: "read write"}'
drop_job body
at processed 'client_id and client_secret in the body'
tokens_are 3 'another source has a token of its own'

# --- tokens that end -----------------------------------------------------------------------------------------------------

source_oauth expiring '.error_handler.max_retries = 0 | .paginator.limit = 2 | .concurrency_level = {default_concurrency: 1, max_concurrency: 1}'
paged_set "{\"auth\":\"$OAUTH\",\"oauth_expires\":3,\"delay_ms\":80}"
drop_job expiring
at processed 'a job that lasts longer than its token'
is 'true null' "$(stat_of '.token_requests >= 2') $(stat_of '.statuses["401"]')" 'the token is renewed before it ends'

source_oauth revoked '.error_handler.max_retries = 0 | .paginator.limit = 5 | .metering = {preview: {params: {buy: "0"}}, purchase: {params: {buy: "1"}}, count_path: "/total",
    cost_per_record: "0.01", currency: "USD", max_in_flight: 3}'
paged_set "{\"auth\":\"$OAUTH\",\"delay_ms\":100}"
drop_job revoked
wait_event captured 2
curl -s -X POST "$API_URL/oauth/_revoke" >/dev/null
at processed 'a paid job whose token is revoked'
is '2 true' "$(stat_of .token_requests) $(stat_of '.statuses["401"] >= 1 and .statuses["401"] <= 3')" 'those in flight are refused, and one new token is fetched for them'
is '100 1' "$(event 'select(.event == "completed") | .unique') $(show '.cost | tonumber')" 'each record was bought once'
is true "$(jq -rs '[.[] | select(.event == "retrying") | .reason] | unique == ["token"]' "$SPOOL/journal/$ID.ndjson")" 'no retry was used up: max_retries is 0'

source_oauth refused
paged_set "{\"auth\":\"$OAUTH\",\"oauth_expires\":0}"
drop_job refused
at deferred 'a fresh token that is refused too pauses the source'
is unauthorized "$(event 'select(.event == "deferred") | .reason')" 'with the reason unauthorized'
is '2 2' "$(stat_of .token_requests) $(stat_of '.statuses["401"]')" 'after one more try'
paged_set "{\"auth\":\"$OAUTH\"}"
kill -HUP "$DAEMON_PID"
at processed 'SIGHUP makes it go on'

# --- a token endpoint that does not give one --------------------------------------------------------------------------------

source_oauth refusing
paged_set "{\"auth\":\"$OAUTH\",\"oauth_refuse\":true}"
IDS=()
for i in 1 2 3; do
    drop_job refusing
    IDS+=("$ID")
    [ "$i" -gt 1 ] || at deferred 'a token that is refused defers the job'
done
tokens_are 1 'it is asked for once'
is 'pending pending' "$(place "${IDS[1]}") $(place "${IDS[2]}")" 'the next jobs wait'
is unauthorized "$(event 'select(.event == "deferred") | .reason' "${IDS[0]}")" 'with the reason unauthorized'
like '/oauth/token answered 401: invalid_client' "$(why "${IDS[0]}")" 'and the endpoint and its words'
paged_set "{\"auth\":\"$OAUTH\"}"
kill -HUP "$DAEMON_PID"
for id in "${IDS[@]}"; do
    at processed 'SIGHUP makes it go on' "$id"
done

source_oauth failing
paged_set "{\"auth\":\"$OAUTH\",\"oauth_fail\":1}"
IDS=()
for i in 1 2 3; do
    drop_job failing
    IDS+=("$ID")
done
for id in "${IDS[@]}"; do
    at processed 'a failing token endpoint is waited for' "$id"
done
tokens_are 2 'and asked once more, for all jobs'
is 0 "$(cat "$SPOOL"/journal/*-failing-*.ndjson | jq -r .event | grep -cx 'retrying\|deferred')" 'meanwhile they wait'
source_auth missing '{type: "bearer", token: "${secret:no_such_secret}"}'
exits 78 'check finds a secret that is missing' bs check --credentials "$DIR/credentials"
like 'no_such_secret' "$OUT" 'and names it'
rm "$DIR/etc/sources/missing.json"

# --- a proxy ----------------------------------------------------------------------------------------------------------------

"$PROGRAMS/tools/pagedapi" --proxy --proxy-auth "me:$CANARY-proxy" --port-file "$DIR/proxy-port" >"$DIR/proxy.log" 2>&1 &
BACKGROUND+=($!)
wait_for 5 test -s "$DIR/proxy-port"
PROXY=http://127.0.0.1:$(cat "$DIR/proxy-port")
source_oauth proxied ".proxy = {url: \"$PROXY\", username: \"me\", password: \"\${secret:proxy_password}\"}"
paged_set "{\"auth\":\"$OAUTH\"}"
drop_job proxied
at processed 'through a proxy that wants a password'
is '4 1' "$(curl -s "$PROXY/_log" | jq -r .url | grep -c /offset) $(curl -s "$PROXY/_log" | jq -r .url | grep -c /oauth/token)" 'pages and token alike, though the source is on loopback'

# --- certificates -------------------------------------------------------------------------------------------------------------

api_stop
certificate() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "$@" 2>/dev/null; }
signed() { certificate -CA "$DIR/credentials/ca.pem" -CAkey "$DIR/ca.key" -addext basicConstraints=critical,CA:FALSE "$@"; }
certificate -subj '/CN=test CA' -keyout "$DIR/ca.key" -out "$DIR/credentials/ca.pem"
signed -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout "$DIR/server.key" -out "$DIR/server.pem"
signed -subj /CN=client -addext extendedKeyUsage=clientAuth -keyout "$DIR/credentials/client.key" -out "$DIR/client.pem"
paged_start --records 100 --auth "$OAUTH" --cert "$DIR/server.pem" --key "$DIR/server.key" --client-ca "$DIR/credentials/ca.pem"
source_oauth certified ".tls = {ca_file: \"ca.pem\", cert_file: \"$DIR/client.pem\", key_file: \"client.key\"}"
drop_job certified
at processed 'a private CA and a client certificate, by files of the credentials directory and by a path'
source_oauth unknown '.tls = {ca_file: "ca.pem"}'
drop_job unknown
at deferred 'without the certificate the source refuses'
is unauthorized "$(event 'select(.event == "deferred") | .reason')" 'reason unauthorized'
source_oauth fileless '.tls = {ca_file: "no-such.pem"}'
drop_job fileless
at deferred 'a file that is not there defers the job'
like 'credentials/no-such.pem' "$(why)" 'and is named'

# --- nothing is told ------------------------------------------------------------------------------------------------------------

told() { grep -raE "$CANARY|token-[0-9]+-[0-9a-f]{6,}" "$SPOOL" "$DIR/daemon.log" "$DIR/etc"; }
is '' "$(told)" 'no secret and no access token in spool, index and log'
is '' "$(tr '\0' '\n' <"/proc/$DAEMON_PID/cmdline" | grep "$CANARY")" 'nor in the process list'
daemon_stop
is '' "$(told)" 'nor when the daemon has ended'
verified 'the spool is consistent'
finish
