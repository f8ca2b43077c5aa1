#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The dashboard in Debian's Chromium, against batchspool-httpd, its daemon and the metered API. SHOTS=DIR keeps pictures of its pages.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"
HERE=$ROOT/tests/web
PASSWORD='correct horse battery staple'
HTTPD_PID='' HTTPD_URL=''

httpd_start() {
    : >"$DIR/httpd.log"
    "$PROGRAMS/batchspool-httpd" --listen "127.0.0.1:${HTTPD_URL##*:}" >"$DIR/httpd.log" 2>&1 &
    HTTPD_PID=$!
    BACKGROUND+=("$HTTPD_PID")
    HTTPD_URL=http://127.0.0.1:$(port_in "$DIR/httpd.log" 'batchspool-httpd runs: .*http://127\.0\.0\.1:([0-9]+)') || bail "batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"
}

# part SCRIPT SETTING...: its lines as results
part() {
    results_of env -C "$DIR/server" node "$HERE/$1" "base=$HTTPD_URL" "password=$PASSWORD" "shots=${SHOTS-}" "${@:2}"
}

debian_program chromium chromium
export CHROMIUM=$PROGRAM
npm_install "$HERE"
for file in "$HERE"/*.test.mjs; do
    (cd "$DIR/server" && node --test --test-reporter=spec "$file") >"$DIR/out" 2>&1
    result $? "$(basename "$file"): $(sed -n 's/^ℹ pass //p' "$DIR/out") pass" "$(grep -A 30 'failing tests' "$DIR/out")"
done
api_start --records 1000
source_metered properties
config '.httpd = {requests_per_minute: 100000, logins_per_minute: 10000}'
for user in ada:admin ops:operator rival:operator viola:viewer; do
    printf '%s\n' "$PASSWORD" | bs user add "${user%:*}" --role "${user#*:}" --password-file - >"$DIR/out" 2>&1 || bail "user add: $(cat "$DIR/out")"
done
daemon_start
HTTPD_URL=:0
httpd_start
drop captured 1000 '{source: "properties", name: "Absentee owners, Reno", criteria: [{name: "State", value: ["CA"]}]}'
at processed 'a job that is captured'
captured=$ID
drop held 1000 '{source: "properties", name: "Too dear", criteria: [{name: "State", value: ["NV"]}], max_cost: "20.00"}'
at hold 'a job that is held'
held=$ID
drop hostile 1000 '{source: "properties", name: "<script>alert(1)</script>\u202Egpj", campaign_id: "hostile", criteria: [{name: "State", value: ["TX"]}]}'
at processed 'a job with a hostile name'
hostile=$ID
faults '{"kind": "drop_mid", "on": "paid", "start": 400}'
drop doubt 1000 '{source: "properties", name: "Lost answer", criteria: [{name: "State", value: ["UT"]}], max_cost: "100"}'
at hold 'a job whose answer was lost'
doubt=$ID
faults
for state in AZ NM; do
    drop "dear-$state" 1000 '{source: "properties", name: "Dear", criteria: [{name: "State", value: ["'$state'"]}], max_cost: "1.00"}'
    at hold 'one more that is held'
done
part dashboard.mjs "captured=$captured" "held=$held" "hostile=$hostile" "doubt=$doubt" "spool=$SPOOL" "httpd=$PROGRAMS/batchspool-httpd" "pid=$HTTPD_PID" "daemon=$DAEMON_PID" "api=$API_URL"
verified 'verify finds no difference'
finish
