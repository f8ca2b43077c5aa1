#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `submit --urls`: a job made of a list of URLs, in the forms that people have; what is wrong is told by line; the daemon takes the job, and cleans what comes another way.
. "$(dirname "$0")/../lib.sh"
api_start
source_free pages '.steps[0].http.params = {count: "1"} | .job_members = {urls: {type: "urls", required: true, minimum: 1, maximum: 50000}, strategies: {type: "array", default: ["mobile"], values: ["mobile", "desktop"]}}'
source_free inside '.steps[0].http.params = {count: "1"} | .job_members = {list: {type: "urls", required: true, private_hosts: true}}'
source_free other '.steps[0].http.params = {count: "1"} | .job_members = {}'
# The job that was dropped last, and goes.
dropped() { cat "$SPOOL/jobs/pending/"*.json 2>/dev/null | jq -c "$1"; rm -f "$SPOOL/jobs/pending/"*.json; }

printf 'Example.com/\r\nhttps://example.org/a//\n# a remark\n\nexample.com\nb\xc3\xbccher.example\n' >"$DIR/list.txt"
exits 0 'a list, one a line' bs submit --urls "$DIR/list.txt" --source pages
like '^[0-9TZ]+-[0-9a-f]+-list-txt$' "$OUT" 'the id is printed, with the name of the list'
is "batchspool submit: $DIR/list.txt: 3 URLs; 1 that were there twice are left out" "$ERR" 'what was there twice is told'
is '{"source":"pages","urls":["https://example.com","https://example.org/a","https://xn--bcher-kva.example"]}' "$(dropped .)" 'the job has them clean'

printf '\xef\xbb\xbfclient;url;team\r\n"A; B";example.com;x\r\nC;example.org;\r\n' >"$DIR/list.csv"
exits 0 'CSV with labels' bs submit --urls "$DIR/list.csv" --source pages --set 'strategies=["mobile","desktop"]' --set name=Shops
is '["Shops",["mobile","desktop"],[{"url":"https://example.com","labels":{"client":"A; B","team":"x"}},{"url":"https://example.org","labels":{"client":"C"}}]]' "$(dropped '[.name,.strategies,.urls]')" 'each URL has its own'
printf 'Page,url\nHome,shop.example.org/home\n' >"$DIR/named.csv"
exits 0 'a column page beside url' bs submit --urls "$DIR/named.csv" --source pages
is '[{"url":"https://shop.example.org/home","labels":{"Page":"Home"}}]' "$(dropped .urls)" 'is a label'

printf 'client,url,\nA,example.com,\nB,,\nC,example.org,spare\n' >"$DIR/spare.csv"
exits 0 'what is used for nothing' bs submit --urls "$DIR/spare.csv" --source pages
is '[["https://example.com",{"client":"A"}],["https://example.org",{"client":"C"}]]' "$(dropped '[.urls[] | [.url,.labels]]')" 'is left out'
like 'line 3: B stands in a row without a URL' "$ERR" 'a row without a URL is told'
like 'line 4: spare stands in a column without a name' "$ERR" 'and a column without a name'
seq -f 'host%.0f.example,x' 30 >"$DIR/fields.txt"
exits 0 'lines of several fields' bs submit --urls "$DIR/fields.txt" --source pages
is 1 "$(grep -c 'line 1: x is left out, as all behind the first field' <<<"$ERR")" 'are told once'
is 30 "$(dropped '.urls | length')" 'and taken'
printf 'url,client\n%s' "$(seq -f ',row%.0f' 30)" >"$DIR/rows.csv"
exits 65 'rows without URLs alone' bs submit --urls "$DIR/rows.csv" --source pages
is 20 "$(grep -c 'stands in a row without a URL' <<<"$ERR")" 'the first twenty are told'
like 'something is left out of 30 lines, of which the first 20 are shown' "$ERR" 'and how many there are'

cat >"$DIR/sitemap.xml" <<'END'
<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
  <url><loc>https://example.com/</loc><lastmod>2026-01-01</lastmod></url>
  <url><loc>https://example.com/?a=1&amp;b=2</loc></url>
</urlset>
END
gzip -k "$DIR/sitemap.xml"
for file in sitemap.xml sitemap.xml.gz; do
    exits 0 "$file" bash -c "'$PROGRAMS/batchspool' submit --urls - --source pages <'$DIR/$file'"
    is '["https://example.com","https://example.com/?a=1&b=2"]' "$(dropped .urls)" 'the URLs of it'
done
printf '<sitemapindex><sitemap><loc>https://example.com/a.xml</loc></sitemap></sitemapindex>' >"$DIR/index.xml"
exits 65 'an index of sitemaps' bs submit --urls "$DIR/index.xml" --source pages
like 'line 1: https://example.com/a.xml is another sitemap' "$ERR" 'is told'

{ for i in $(seq 25); do printf 'nonsense%d\nhttps://ok%d.example\n' "$i" "$i"; done; } >"$DIR/bad.txt"
exits 65 'wrong lines' bs submit --urls "$DIR/bad.txt" --source pages
is 20 "$(grep -c ': line [0-9]*: nonsense[0-9]* has no host name$' <<<"$ERR")" 'the first twenty are told, each with its number'
like 'line 39: nonsense20 has no host name' "$ERR" 'in order'
like '25 lines are wrong, of which the first 20 are shown; nothing was submitted' "$ERR" 'and how many there are'
is 0 "$(find "$SPOOL/jobs/pending" -name '*.json' | wc -l)" 'nothing is dropped'
printf 'http://127.0.0.1:8080/\n' >"$DIR/inside.txt"
exits 65 'an address of this machine' bs submit --urls "$DIR/inside.txt" --source pages
like 'line 1: http://127.0.0.1:8080/ is a host of this machine or of a private network' "$ERR" 'is refused'
exits 0 'unless the source allows it' bs submit --urls "$DIR/inside.txt" --source inside
is '["http://127.0.0.1:8080"]' "$(dropped .list)" 'the member has the name that the source gives it'
: >"$DIR/empty.txt"
exits 65 'an empty list' bs submit --urls "$DIR/empty.txt" --source pages
exits 66 'a list that is not there' bs submit --urls "$DIR/none.txt" --source pages
exits 65 'a source that takes none' bs submit --urls "$DIR/list.txt" --source other
like 'takes no list of URLs' "$ERR" 'is told'
exits 65 'a source that there is not' bs submit --urls "$DIR/list.txt" --source pags
exits 65 'what the source does not take' bs submit --urls "$DIR/list.txt" --source pages --set 'strategies=["tablet"]'
like 'batchspool submit: --set strategies=."tablet".: /strategies: must be a list of "mobile", "desktop"' "$ERR" 'is told by the argument that says it'
exits 65 'a member that the source does not have' bs submit --urls "$DIR/list.txt" --source pages --set strategy=mobile
like 'batchspool submit: --set strategy=mobile: /strategy: unknown member' "$ERR" 'as well'
exits 64 'a list and a job' bs submit --urls "$DIR/list.txt" "$DIR/list.txt"
exits 64 'a source without a list' bs submit --source pages "$DIR/list.txt"

# What fits into a job, and what does not.
seq -f 'https://www.example.com/a/page/of/usual/length/%.0f' 18000 >"$DIR/many.txt"
exits 0 "18,000 URLs of 52 bytes are a job" bs submit --urls "$DIR/many.txt" --source pages --set name=many
is 18000 "$(dropped '.urls | length')" 'all of them'
seq -f 'https://www.example.com/a/page/of/usual/length/%.0f' 40000 >"$DIR/more.txt"
exits 65 '40,000 are not' bs submit --urls "$DIR/more.txt" --source pages
like 'has 40000 URLs; 1[0-9]{4} of them fit into a job' "$ERR" 'and it is told how many'

# The daemon has the same eyes for a job that comes another way.
daemon_start
jq -n '{source: "pages", urls: ["Example.com/", {url: "example.org", labels: {client: "A"}}]}' >"$SPOOL/jobs/tmp/hand.json"
mv "$SPOOL/jobs/tmp/hand.json" "$SPOOL/jobs/pending/"
taken hand
at processed 'a job that a person wrote is taken'
ID=$(bs submit --urls "$DIR/many.txt" --source pages)
at processed 'so is one of 18,000 URLs'
is 18000 "$(event 'select(.event == "accepted") | .text | fromjson | .urls | length')" 'of which the journal has each'
jq -n '{source: "pages", urls: ["example.com", "ftp://example.com", "mailto:x@example.com", "10.0.0.1", "http://localhost:3000", "example.com:99999", "nonsense"]}' >"$SPOOL/jobs/tmp/wrong.json"
mv "$SPOOL/jobs/tmp/wrong.json" "$SPOOL/jobs/pending/"
taken wrong
at failed 'one with a wrong URL is not'
like '/urls/1: "ftp://example.com" is neither http nor https; 5 more are wrong: "mailto:x@example.com", "10.0.0.1", "http://localhost:3000" \.\.\.' "$(why)" 'its note says which, and how many'
finish
