#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The web program reads sitemaps: as a list, and for a job of URLs. Never of private networks, unless the configuration says so; what takes long stands in nobody's way, and ends with the program.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pagespeed.sh"
. "$(dirname "$0")/../httpd.sh"
SITE=$DIR/site
mkdir -p "$SITE"
"$ROOT/tests/site.pl" "$SITE" "$DIR/site.port" 2>"$DIR/site.log" &
BACKGROUND+=("$!")
wait_for 5 test -s "$DIR/site.port" || { echo "Bail out! tests/site.pl does not start: $(cat "$DIR/site.log")"; exit 1; }
AT=http://127.0.0.1:$(cat "$DIR/site.port")
json=(-H 'Content-Type: application/json')
(umask 077 && printf psi-key >"$DIR/credentials/pagespeed_key")
psi_start
psi_source
config '.httpd = {requests_per_minute: 1000000, logins_per_minute: 100000}'
user ops operator read submit control
user viola viewer read
daemon_start
httpd_start

# call CODE NAME PATH BODY [CURL-OPTION...]
call() {
    local code
    code=$(as "${AS:-ops}" "$3" "${json[@]}" -o "$DIR/answer" -D "$DIR/fields" -w '%{http_code}' -d "$4" "${@:5}")
    is "$1" "$code" "$2" || head -c 600 "$DIR/answer" | sed 's/^/#   /'
}
got() { jq -c "$1" "$DIR/answer"; }
list() { call "$1" "$2" /api/uploads/sitemap "$3" "${@:4}"; }
start() { call "$1" "$2" /api/v1/batch-processing/start "$3" "${@:4}"; }
page() { { echo '<urlset>'; printf '<url><loc>%s</loc><lastmod>2026-11-28</lastmod></url>\n' "${@:2}"; echo '</urlset>'; } >"$SITE/$1"; }

# --- private networks
page sitemap.xml https://one.example/ https://two.example/a https://one.example
for at in "$AT/sitemap.xml" "http://localhost:${AT##*:}/sitemap.xml" http://169.254.169.254/ 'http://[::1]/' http://printer.local/; do
    list 422 "refused: $at" "{\"url\": \"$at\"}"
    like 'this machine or of a private network' "$(got '.errors[0].detail')" 'and told'
    start 422 'for a job, too' "{\"sitemap\": \"$at\"}"
done
is '' "$(cat "$SITE/.log" 2>/dev/null)" 'nothing was asked'
httpd_stop
config '.sitemap_private_hosts = true'
httpd_start

# --- a list
list 200 'a sitemap' "{\"url\": \"$AT/sitemap.xml\", \"any_host\": true}"
is '[["https://one.example","https://two.example/a"],2,1,0,1,false]' "$(got '[.urls,.total,.duplicates,.other_hosts,.sitemaps,.more]')" 'its URLs'
list 200 'with labels' "{\"url\": \"$AT/sitemap.xml\", \"any_host\": true, \"labels\": true}"
is '{"url":"https://one.example","labels":{"sitemap":"sitemap","lastmod":"2026-11-28"}}' "$(got '.urls[0]')" 'each has its own'
list 422 'of other hosts' "{\"url\": \"$AT/sitemap.xml\"}"
is '["/any_host","all of its 2 URLs are of other hosts"]' "$(got '.errors[0] | [.pointer,.detail]')" 'the member that takes them is told'
start 422 'for a job' "{\"sitemap\": \"$AT/sitemap.xml\"}"
is '"/sitemap/any_host"' "$(got '.errors[0].pointer')" 'too'
is '[["mobile"],["mobile","desktop"],180,null]' "$(as ops /api/sources/pagespeed | jq -c '.job_members | [.strategies.default,.strategies.values,.timeout_s.default,.urls.private_hosts]')" 'defaults and choices are those of the source'
page mixed.xml "$AT/1" https://one.example/
list 200 'some' "{\"url\": \"$AT/mixed.xml\"}"
is "[[\"$AT/1\"],1]" "$(got '[.urls,.other_hosts]')" 'are counted'
page wrong.xml "$AT/1" ftp://x.example nonsense
list 422 'wrong entries' "{\"url\": \"$AT/wrong.xml\"}"
is "[\"$AT/wrong.xml: line 3: ftp://x.example is neither http nor https\",\"$AT/wrong.xml: line 4: nonsense has no host name\"]" "$(got '[.errors[].detail]')" 'are told by file and line'
list 422 'nothing there' "{\"url\": \"$AT/none.xml\"}"
like 'none.xml: the server answers 404' "$(got '.errors[0].detail')" 'is told'
printf '500 Oops' >"$SITE/broken.xml.head"
list 502 'a site that is broken' "{\"url\": \"$AT/broken.xml\"}"
like 'broken.xml: the server answers 500' "$(got .detail)" 'is told'
list 422 'no address' '{"any_host": true}'
list 422 'another member' '{"url": "example.com", "depth": 2}'
list 422 'a flag that is none' "{\"url\": \"$AT/\", \"any_host\": 1}"
is '"/any_host"' "$(got '.errors[0].pointer')" 'is told'
AS=viola list 403 'a viewer' "{\"url\": \"$AT/\"}"
{ echo '<urlset>'; seq -f '<url><loc>https://e.example/a/page/of/usual/length/%.0f</loc></url>' 40000; echo '</urlset>'; } >"$SITE/large.xml"
list 200 'more than fit into a job' "{\"url\": \"$AT/large.xml\", \"any_host\": true}"
is '[10000,true,true]' "$(got '[(.urls | length),.more,(.total > 10000)]')" 'the first are told'

# --- a job
start 201 'a job of a sitemap' "{\"sitemap\": {\"url\": \"$AT/sitemap.xml\", \"any_host\": true, \"labels\": true}, \"strategy\": \"mobile\", \"name\": \"Site\"}"
is '["Site",{"duplicates":1,"other_hosts":0,"sitemaps":1}]' "$(got '[.name,.sitemap]')" 'what was left out is told'
ID=$(got .job_id | jq -r .)
at processed 'it is done'
is '[["https://one.example","2026-11-28"],["https://two.example/a","2026-11-28"]]' "$(event 'select(.event == "accepted") | .text | fromjson | [.urls[] | [.url, .labels.lastmod]] | tojson')" 'with the URLs of the sitemap'
start 422 'more than fit' "{\"sitemap\": {\"url\": \"$AT/large.xml\", \"any_host\": true}}"
like 'more than [0-9]+ URLs, which is more than fit into a job' "$(got '.errors[0].detail')" 'is told'
start 422 'both' "{\"sitemap\": \"$AT/sitemap.xml\", \"urls\": [\"a.example\"]}"
start 422 'neither' '{"strategy": "mobile"}'
start 422 'no text' '{"sitemap": 7}'
start 422 'URLs that the source does not take' "{\"sitemap\": \"$AT/mixed.xml\"}"
start 201 'a key' "{\"sitemap\": {\"url\": \"$AT/sitemap.xml\", \"any_host\": true}}" -H 'Idempotency-Key: s1'
FIRST=$(got .job_id)
start 201 'again' "{\"sitemap\": {\"url\": \"$AT/sitemap.xml\", \"any_host\": true}}" -H 'Idempotency-Key: s1'
is "$FIRST" "$(got .job_id)" 'is the same job'

# --- a site that says nothing
touch "$SITE/slow.xml.slow"
for i in {1..10}; do
    as ops /api/uploads/sitemap "${json[@]}" -o /dev/null -w '%{http_code}\n' -d "{\"url\": \"$AT/slow.xml\"}" >"$DIR/slow.$i" &
    slow[i]=$!
done
busy() { grep -lq 503 "$DIR"/slow.*; }
ok 'of many at a time some are told to come later' wait_for 20 busy
call 201 'meanwhile jobs are made as ever' /api/v1/batch-processing/start '{"urls": ["three.example"]}'
begin=$SECONDS
httpd_stop 'the program ends in good order'
ok 'without waiting for the site' test $((SECONDS - begin)) -lt 8
rm -f "$SITE/slow.xml.slow"
wait "${slow[@]}"
verified 'verify finds no difference'
finish
