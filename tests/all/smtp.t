#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Mail to servers that others wrote: Debian's aiosmtpd and npm's smtp-server. TLS with a private CA, AUTH, refusals (535, 4xx, 5xx), no TLS where it is wanted, and a server that is away for the whole
# run. What they took is read again by Python's email package.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"
HERE=$ROOT/tests/all/smtp
PYTHON=/usr/bin/python3
"$PYTHON" -c 'import aiosmtpd' 2>"$DIR/err" || bail 'python3-aiosmtpd is missing (make deps-check-all)'
npm_install "$HERE"
mkdir "$DIR/mail"
api_start
source_free items
cp -r "$ROOT/etc/notices" "$DIR/etc/"
umask 077
printf 'right-password' >"$DIR/credentials/mail"
printf 'wrong-password' >"$DIR/credentials/wrong"
umask 007
SERVER_PID=''

# a private CA, and a certificate of it for localhost
ca() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/$1-ca.key" -out "$DIR/$1-ca.pem" -days 2 -subj "/CN=$1 CA" &&
        openssl req -newkey rsa:2048 -nodes -keyout "$DIR/$1.key" -out "$DIR/$1.csr" -subj '/CN=localhost' &&
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$DIR/$1.ext" &&
        openssl x509 -req -in "$DIR/$1.csr" -CA "$DIR/$1-ca.pem" -CAkey "$DIR/$1-ca.key" -CAcreateserial -days 2 -extfile "$DIR/$1.ext" -out "$DIR/$1.pem"
}
ca good >"$DIR/openssl.log" 2>&1 && ca other >>"$DIR/openssl.log" 2>&1 || bail "openssl: $(tail -n 3 "$DIR/openssl.log")"
PORT=$(free_port)

# server KIND JQ: aio or npm, with options laid over the usual ones
server() {
    local options
    options=$(jq -nc --arg dir "$DIR/mail" --argjson port "$PORT" "{port: \$port, dir: \$dir, tls: \"starttls\", key: \"$DIR/good.key\", cert: \"$DIR/good.pem\", user: \"batch\", pass: \"right-password\"} | $2")
    if [ "$1" = aio ]; then
        "$PYTHON" "$HERE/aio.py" "$options" >"$DIR/server.log" 2>&1 </dev/null &
    else
        (cd "$DIR/server" && HOME=$DIR exec node "$HERE/server.mjs" "$options") >"$DIR/server.log" 2>&1 </dev/null &
    fi
    SERVER_PID=$!
    BACKGROUND+=("$SERVER_PID")
    wait_for 20 grep -q listening "$DIR/server.log" || bail "$1 does not start: $(cat "$DIR/server.log")"
}

server_end() {
    kill "$SERVER_PID"
    wait "$SERVER_PID" 2>/dev/null
    rm -f "$DIR"/mail/*
}

# told JQ: the configuration, and a daemon that has it
told() {
    [ -z "$DAEMON_PID" ] || daemon_stop
    config ".ca_file = \"$DIR/good-ca.pem\" | .notices = ({smtp: {url: \"smtp://localhost:$PORT\", username: \"batch\", password: \"mail\"}, from: \"Batch jöbs <batch@example.com>\", retry: \"PT1S\"} | $1)"
    rm -f "$SPOOL"/notices/*/*.json "$SPOOL"/notices/*/*.why
    daemon_start
}

mails() { find "$DIR/mail" -type f | wc -l; }
mails_are() { [ "$(mails)" = "$1" ]; }
drop_free() {
    jq -n "{source: \"items\", count: 5, name: \"Größe «$1»\", notify: [\"mailto:ops@example.com\"]}" >"$SPOOL/jobs/tmp/$1.json"
    mv "$SPOOL/jobs/tmp/$1.json" "$SPOOL/jobs/pending/$1.json"
    taken "$1"
}

for kind in aio npm; do
    server $kind .
    told .
    exits 0 "$kind: STARTTLS, a private CA, AUTH" bs notices test mailto:ops@example.com
    is 1 "$(mails)" "$kind: it has the mail"
    like 'tls=([Tt]rue) user=batch' "$(cat "$DIR"/mail/*)" "$kind: over TLS, as the user"
    rm -f "$DIR"/mail/*
    drop_free "$kind"
    wait_for 10 mails_are 1
    is '["Größe «'"$kind"'»: completed, 5 records","Batch jöbs",["text/plain","text/html"],true,true,"auto-generated","no defects"]' "$("$PYTHON" - "$DIR"/mail/* <<'PY'
import email, email.policy, json, sys
raw = open(sys.argv[1], "rb").read().split(b"\n", 1)[1]
assert max(len(line) for line in raw.replace(b"\r\n", b"\n").split(b"\n")) <= 998
message = email.message_from_bytes(raw, policy=email.policy.default)
parts = [part for part in message.walk() if not part.is_multipart()]
defects = [d for part in message.walk() for d in part.defects] + [d for header in message.values() for d in header.defects]
print(json.dumps([message["Subject"].replace("[batchspool] ", ""), message["From"].addresses[0].display_name, [part.get_content_type() for part in parts],
                  "Größe" in parts[0].get_content(), "Größe" in parts[1].get_content(), message["Auto-Submitted"], str(defects or "no defects")], ensure_ascii=False, separators=(",", ":")))
PY
)" "$kind: it is a mail as Python reads it"
    rm -f "$DIR"/mail/*

    told '.smtp.password = "wrong"'
    exits 1 "$kind: 535" bs notices test mailto:ops@example.com
    like '535' "$ERR" "$kind: is told"
    drop_free "$kind-wrong"
    at processed "$kind: the job completes"
    wait_for 10 compgen -G "$SPOOL/notices/deferred/*.json" >/dev/null
    result $? "$kind: a wrong password fails no notice"
    is '' "$(grep -rl 'wrong-password\|right-password' "$SPOOL" "$DIR/daemon.log")" "$kind: no password in spool or log"
    printf 'right-password' >"$DIR/credentials/wrong"
    wait_for 40 mails_are 1
    result $? "$kind: with the right one, without a restart, it goes"
    printf 'wrong-password' >"$DIR/credentials/wrong"

    told .
    daemon_stop
    config ".ca_file = \"$DIR/other-ca.pem\""
    daemon_start
    exits 1 "$kind: a certificate of another CA" bs notices test mailto:ops@example.com
    like 'certificate|SSL' "$ERR" "$kind: is told"
    server_end

    server $kind '.tls = "none"'
    told .
    exits 1 "$kind: no STARTTLS where TLS is wanted" bs notices test mailto:ops@example.com
    like 'STARTTLS|SSL' "$ERR" "$kind: is told"
    is 0 "$(mails)" "$kind: and nothing is sent in the clear"
    told '.smtp.tls = "opportunistic"'
    exits 0 "$kind: opportunistic, on loopback" bs notices test mailto:ops@example.com
    server_end

    refusal='"550 5.1.1 nobody here"' later='"451 4.3.0 later"'
    [ $kind = npm ] && refusal='[550, "5.1.1 nobody here"]' later='[451, "4.3.0 later"]'
    server $kind ".rcpt = $refusal"
    told .
    drop_free "$kind-550"
    wait_for 10 compgen -G "$SPOOL/notices/failed/*.why" >/dev/null
    like '550 5.1.1 nobody here' "$(cat "$SPOOL"/notices/failed/*.why)" "$kind: 550 is for good"
    at processed "$kind: the job is complete all the same"
    server_end
    server $kind ".data = $later"
    drop_free "$kind-451"
    wait_for 10 daemon_says '451 4.3.0 later'
    result $? "$kind: 451 is for now"
    server_end
    server $kind .
    wait_for 40 mails_are 1
    result $? "$kind: it comes when the server takes it"
    server_end
done

# --- away for the whole run
told '.rate_per_hour = 1000'
for i in $(seq 20); do drop_free "away$i"; done
for i in $(seq 20); do at processed "job $i" "$(ids "away$i")"; done
server aio .
wait_for 60 mails_are 20
result $? 'each of 20 mails comes after it returns' "$(mails)"
is 20 "$(grep -h '^Message-ID' "$DIR"/mail/* | sort -u | wc -l)" 'each once'
daemon_stop
daemon_start
drop_free last
wait_for 10 mails_are 21
is 21 "$(mails)" 'and nothing comes again'
server_end
verified 'nothing in the spool contradicts anything else'
finish
