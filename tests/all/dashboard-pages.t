#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# New job, with the builder files that are shipped, and the pages of figures and administration, in Debian's Chromium, against batchspool-httpd, its daemon and the
# metered API. SHOTS=DIR keeps pictures of them.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/../pagespeed.sh"
HERE=$ROOT/tests/web
PASSWORD='correct horse battery staple'

debian_program chromium chromium
export CHROMIUM=$PROGRAM
npm_install "$HERE"
api_start --records 10000 --price 0.002
# shellcheck disable=SC2016
authorized='.steps[0].http.headers.Authorization = "Bearer ${secret:api_token}"'
shipped demo http://127.0.0.1:8089 "$API_URL" "$authorized"
shipped propertyradar https://api.propertyradar.com "$API_URL" "$authorized"
cp "$ROOT"/etc/sources/*.builder.json "$DIR/etc/sources/"
BACKGROUND+=("$API_PID")
(umask 077 && printf psi-key >"$DIR/credentials/pagespeed_key")
psi_start
psi_source
config '.httpd = {requests_per_minute: 100000, logins_per_minute: 10000} | .sitemap_private_hosts = true'
mkdir "$DIR/site"
{ echo '<urlset>'; seq -f '<url><loc>https://shop.example/page/%.0f</loc></url>' 12; echo '</urlset>'; } >"$DIR/site/sitemap.xml"
"$ROOT/tests/site.pl" "$DIR/site" "$DIR/site.port" &
BACKGROUND+=($!)
wait_for 5 test -s "$DIR/site.port" || bail 'tests/site.pl does not start'
for user in ada:admin ops:operator viola:viewer; do
    printf '%s\n' "$PASSWORD" | bs user add "${user%:*}" --role "${user#*:}" --password-file - >"$DIR/out" 2>&1 || bail "user add: $(cat "$DIR/out")"
done
daemon_start
drop seed 300 '{source: "demo", name: "Seed", process: "auto", criteria: [{name: "Count", value: [300]}]}'
at processed 'a job has run'
"$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0 >"$DIR/httpd.log" 2>&1 &
BACKGROUND+=($!)
url=http://127.0.0.1:$(port_in "$DIR/httpd.log" 'batchspool-httpd runs: .*http://127\.0\.0\.1:([0-9]+)') || bail "batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"
results_of env -C "$DIR/server" node "$HERE/pages.mjs" "base=$url" "password=$PASSWORD" "shots=${SHOTS-}" "site=http://127.0.0.1:$(cat "$DIR/site.port")" admin=ada operator=ops viewer=viola
verified 'verify finds no difference'
finish
