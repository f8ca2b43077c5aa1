#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `submit --sitemap`: the URLs of a site by the address of its sitemap: indices, compressed, robots.txt, redirects; what is wrong is told by file and line, and
# nothing is submitted; nothing is asked of private networks, however an address leads there.
. "$(dirname "$0")/../lib.sh"
api_start
SITE=$DIR/site
mkdir -p "$SITE"
"$ROOT/tests/site.pl" "$SITE" "$DIR/site.port" 2>"$DIR/site.log" &
BACKGROUND+=("$!")
wait_for 5 test -s "$DIR/site.port" || { echo "Bail out! tests/site.pl does not start: $(cat "$DIR/site.log")"; exit 1; }
AT=http://127.0.0.1:$(cat "$DIR/site.port")
source_free pages '.steps[0].http.params = {count: "1"} | .job_members = {urls: {type: "urls", required: true, minimum: 1, maximum: 50000, private_hosts: true}}'
source_free public '.steps[0].http.params = {count: "1"} | .job_members = {urls: {type: "urls", required: true, minimum: 1, maximum: 50000}}'
dropped() { cat "$SPOOL/jobs/pending/"*.json 2>/dev/null | jq -c "$1"; rm -f "$SPOOL/jobs/pending/"*.json; }
asked() { sort "$SITE/.log" 2>/dev/null | tr '\n' ' '; rm -f "$SITE/.log"; }
nothing() { is 0 "$(find "$SPOOL/jobs/pending" -name '*.json' | wc -l)" 'nothing is submitted'; }
clean() { find "$SITE" -mindepth 1 -delete; }
# page FILE LOC...: a sitemap
page() {
    mkdir -p "$(dirname "$SITE/$1")"
    { echo '<?xml version="1.0" encoding="UTF-8"?>'; echo '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'; printf '<url><loc>%s</loc></url>\n' "${@:2}"; echo '</urlset>'; } >"$SITE/$1"
}
index() {
    mkdir -p "$(dirname "$SITE/$1")"
    { echo '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'; printf '<sitemap><loc>%s</loc></sitemap>\n' "${@:2}"; echo '</sitemapindex>'; } >"$SITE/$1"
}
sitemap() { bs submit --source pages --private-hosts --sitemap "$@"; }

# --- what is read
page sitemap.xml "$AT/" "$AT/a?x=1&amp;y=2" "$AT/a?x=1&amp;y=2"
exits 0 'a sitemap' sitemap "$AT/sitemap.xml"
like '^[0-9TZ]+-[0-9a-f]+-127-0-0-1-[0-9]+-sitemap-xml$' "$OUT" 'the id is printed, with the host'
like '2 URLs; 1 that were there twice are left out' "$ERR" 'doubles are told'
is "{\"source\":\"pages\",\"urls\":[\"$AT\",\"$AT/a?x=1&y=2\"]}" "$(dropped .)" 'the job has its URLs'
is '/sitemap.xml ' "$(asked)" 'one request'

clean
index maps/index.xml "$AT/maps/news.xml.gz" "$AT/maps/more.xml" "$AT/maps/news.xml.gz"
page maps/news.xml "$AT/n1" "$AT/n2"
gzip "$SITE/maps/news.xml"
index maps/more.xml "$AT/maps/products.xml?page=1" "$AT/maps/index.xml"
page maps/products.xml "$AT/p1" "$AT/n2"
sed -i 's,</loc>,</loc><lastmod>2026-11-28T10:00:00+01:00</lastmod><image:image xmlns:image="x"><image:loc>http://elsewhere.example/i</image:loc></image:image>,' "$SITE/maps/products.xml"
exits 0 'an index of sitemaps, compressed ones and other indices' sitemap "$AT/maps/index.xml" --labels
is "[[\"$AT/n1\",{\"sitemap\":\"news\"}],[\"$AT/n2\",{\"sitemap\":\"news\"}],[\"$AT/p1\",{\"sitemap\":\"products\",\"lastmod\":\"2026-11-28T10:00:00+01:00\"}]]" "$(dropped '[.urls[] | [.url, .labels]]')" 'each URL once, with labels'
is '/maps/index.xml /maps/more.xml /maps/news.xml.gz /maps/products.xml ' "$(asked)" 'each file once'

clean
printf 'User-agent: *\nDisallow: /\nsitemap : PLACE/deep/one.xml # the first\r\nSitemap: /relative.xml\nSITEMAP:PLACE/two.txt' | sed "s,PLACE,$AT,g" >"$SITE/robots.txt"
page deep/one.xml "$AT/1"
printf '%s\n' "$AT/2" "$AT/3" >"$SITE/two.txt"
exits 0 'a bare host' sitemap "$AT"
is "[\"$AT/1\",\"$AT/2\",\"$AT/3\"]" "$(dropped .urls)" 'what its robots.txt names is read, a text too'
is '/deep/one.xml /robots.txt /two.txt ' "$(asked)" 'and nothing else'
clean
page sitemap.xml "$AT/x"
exits 0 'a host without robots.txt' sitemap "$AT/"
is "[\"$AT/x\"]" "$(dropped .urls)" 'has /sitemap.xml'

clean
printf '301 Moved\nLocation: /b.xml\n' >"$SITE/a.xml.head"
printf '302 Found\nLocation: http://localhost:PORT/c.xml\n' >"$SITE/b.xml.head"
page c.xml 'http://localhost:PORT/y' "$AT/z" "http://www.localhost.example/q"
exits 0 'redirects' sitemap "$AT/a.xml"
is "[\"http://localhost:${AT##*:}/y\",\"$AT/z\"]" "$(dropped .urls)" 'are followed; the host they lead to is the site, too'
like "c.xml: line 5: http://www.localhost.example/q is of another host, and left out" "$ERR" 'others are told by file and line'
like '1 URLs of other hosts are left out; --any-host takes them, too' "$ERR" 'and counted'
exits 0 'with --any-host' sitemap "$AT/a.xml" --any-host
is 3 "$(dropped '.urls | length')" 'they are taken'
printf '301 Moved\nLocation: /loop.xml?PORT\n' >"$SITE/loop.xml.head"
exits 65 'a loop' sitemap "$AT/loop.xml"
like 'more than 5 redirects' "$ERR" 'ends'
printf '301 Moved\nLocation: ftp://127.0.0.1/x\n' >"$SITE/ftp.xml.head"
exits 65 'a redirect to another protocol' sitemap "$AT/ftp.xml"
like 'redirects to what is no URL' "$ERR" 'is not followed'
printf '\xff\xfe' >"$SITE/wide.xml"
printf '<?xml version="1.0" encoding="UTF-16"?>\n<urlset><url><loc>%s/w</loc></url></urlset>' "$AT" | iconv -t UTF-16LE >>"$SITE/wide.xml"
exits 0 'UTF-16' sitemap "$AT/wide.xml"
is "[\"$AT/w\"]" "$(dropped .urls)" 'is read'

# --- what is wrong
clean
wrong() { # NAME CODE PATTERN PATH
    exits "$2" "$1" sitemap "$AT/$4"
    like "$3" "$ERR" 'is told'
    nothing
}
printf '<!DOCTYPE html>\n<html><body>x</body></html>' >"$SITE/page.xml"
wrong 'a web page' 65 "$AT/page.xml: line 1: is a web page" page.xml
printf '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>' >"$SITE/laughs.xml"
wrong 'entities' 65 'laughs.xml: line 1: a sitemap has no document type' laughs.xml
printf '<rss version="2.0"><channel/></rss>' >"$SITE/feed.xml"
wrong 'a feed' 65 'is XML, but no sitemap' feed.xml
printf '<urlset>\n<url><loc>%s/a</loc></url>\n<url><loc>' "$AT" >"$SITE/cut.xml"
wrong 'a sitemap that is cut' 65 'cut.xml: line 3: ' cut.xml
printf '<?xml version="1.0" encoding="windows-1252"?>\n<urlset><url><loc>%s/\xe4</loc></url></urlset>' "$AT" >"$SITE/cp.xml"
wrong 'an encoding that is not known' 65 'cp.xml: line 1: unknown encoding' cp.xml
printf '<urlset><url><loc>%s/\xc3\x28</loc></url></urlset>' "$AT" >"$SITE/utf8.xml"
wrong 'bytes that are no UTF-8' 65 'utf8.xml: line 1: not well-formed' utf8.xml
page wrong.xml "$AT/good" 'ftp://127.0.0.1/x' 'nonsense'
wrong 'wrong entries' 65 'wrong.xml: line 4: ftp://127.0.0.1/x is neither http nor https' wrong.xml
like '2 lines are wrong; nothing was submitted' "$ERR" 'how many'
page empty.xml
: >"$SITE/none.xml"
sed -i '/<url>/d' "$SITE/empty.xml"
wrong 'an empty sitemap' 65 'there is no URL in it' empty.xml
wrong 'an empty file' 65 'there is no URL in it' none.xml
wrong 'nothing there' 66 "$AT/missing.xml: the server answers 404" missing.xml
index broken.xml "$AT/good.xml" "$AT/missing.xml"
page good.xml "$AT/1"
wrong 'an index of which one is missing' 66 "$AT/missing.xml: the server answers 404" broken.xml
index foreign.xml 'http://elsewhere.example/s.xml'
wrong 'an index that names a sitemap of another host' 65 'foreign.xml: line 2: http://elsewhere.example/s.xml is a sitemap of another host' foreign.xml
for i in 1 2 3 4; do index "deep$i.xml" "$AT/deep$((i + 1)).xml"; done
index deep0.xml "$AT/deep1.xml"
wrong 'indices too deep' 65 'deep3.xml: line 2: .*/deep4.xml lies more than 3 indices deep' deep0.xml
printf 'down' >"$SITE/busy.xml"
printf '503 Busy\nRetry-After: 1' >"$SITE/busy.xml.head"
rm -f "$SITE/.log"
wrong 'a server that is busy' 75 'busy.xml: the server answers 503' busy.xml
is '/busy.xml /busy.xml /busy.xml ' "$(asked)" 'is asked three times'
printf '<urlset><url><loc>%s/a</loc></url></urlset>' "$AT" | gzip | head -c 40 >"$SITE/cut.xml.gz"
wrong 'gzip that is cut' 65 'cut.xml.gz: is cut' cut.xml.gz
{ printf '<urlset>'; head -c 60000000 /dev/zero | tr '\0' ' '; printf -- '</urlset>'; } | gzip -1 >"$SITE/bomb.xml.gz"
wrong 'what grows beyond 50 MiB' 65 'bomb.xml.gz: has more than 50 MiB .decompressed' bomb.xml.gz
{ printf '<urlset><!--'; head -c 20000000 /dev/zero | tr '\0' ' '; printf -- '--></urlset>'; } | gzip -1 >"$SITE/remark.xml.gz"
wrong 'a remark without end' 65 'remark.xml.gz: line 1: has a tag or a remark of more than 256 KiB' remark.xml.gz
{ echo '<urlset>'; seq -f "<url><loc>$AT/%.0f</loc></url>" 50001; echo '</urlset>'; } >"$SITE/many.xml"
exits 65 'more than 50,000 entries' sitemap "$AT/many.xml"
{ echo '<urlset>'; seq -f "<url><loc>$AT/a/page/of/usual/length/%.0f</loc></url>" 30000; echo '</urlset>'; } >"$SITE/large.xml"
index large-index.xml "$AT/large.xml" "$AT/large.xml?2" "$AT/large.xml?3"
rm -f "$SITE/.log"
wrong 'more than fit into a job' 65 'has more than [0-9]{5} URLs; [0-9]{5} of them fit into a job' large-index.xml
is '/large-index.xml /large.xml ' "$(asked)" 'what is left is not read'
exits 65 'what is no address' bs submit --source pages --sitemap 'not an address'
exits 66 'a host that there is not' bs submit --source pages --sitemap no-such-host.invalid
like 'no-such-host.invalid/robots.txt: .*resolve' "$ERR" 'is told'
exits 75 'a bare host where nobody listens' sitemap 127.0.0.1:1
like 'https://127.0.0.1:1/robots.txt: .*; https:// was assumed: if the site has http alone, name http://127.0.0.1:1; nothing was submitted' "$ERR" 'is told which scheme was assumed, and the other'
exits 75 'with its scheme' sitemap http://127.0.0.1:1
is 0 "$(grep -c assumed <<<"$ERR")" 'nothing was assumed'
# One that takes connections and says nothing, and counts them.
perl -MIO::Socket::INET -e '$| = 1; my $s = IO::Socket::INET->new(Listen => 9, LocalAddr => "127.0.0.1") or die; open(my $p, ">", $ARGV[0]); print $p $s->sockport; close $p;
    while (my $c = $s->accept) { push @c, $c; open(my $n, ">", $ARGV[1]); print $n scalar @c; close $n }' "$DIR/mute.port" "$DIR/mute.count" &
BACKGROUND+=("$!")
wait_for 5 test -s "$DIR/mute.port"
MUTE=127.0.0.1:$(cat "$DIR/mute.port")
exits 75 'a host that does not answer' sitemap "$MUTE"
like "https://$MUTE/robots.txt: .*timeout.*name http://$MUTE" "$ERR" 'is told'
is 1 "$(cat "$DIR/mute.count")" 'it is asked once, and waited for as long as one connection may take'
script -qec "\"$PROGRAMS/batchspool\" submit --source pages --private-hosts --sitemap \"$AT/empty.xml\"" /dev/null </dev/null >"$DIR/terminal"
like "reading $AT/empty.xml" "$(cat "$DIR/terminal")" 'who waits at a terminal is told for what'
exits 65 'who does not' sitemap "$AT/empty.xml"
is 0 "$(grep -c reading <<<"$ERR")" 'is not'
exits 64 'a list at an address' bs submit --source pages --urls "$AT/sitemap.xml"
like "sitemap $AT/sitemap.xml reads what lies there" "$ERR" 'is told the option'
exits 64 'both' bs submit --sitemap "$AT" --urls x
exits 64 'an option of it without it' bs submit --labels --urls x

# --- private networks
page sitemap.xml "$AT/x"
rm -f "$SITE/.log"
for at in "$AT/sitemap.xml" "http://localhost:${AT##*:}/sitemap.xml" "http://2130706433:${AT##*:}/sitemap.xml" "http://[::ffff:127.0.0.1]:${AT##*:}/" http://169.254.169.254/latest http://10.0.0.1/ http://metadata.google.internal/; do
    exits 65 "an address of this machine or a private network: $at" bs submit --source pages --sitemap "$at"
    like 'this machine or of a private network' "$ERR" 'is refused'
done
exits 65 'with the flag, of a source that is for public pages' bs submit --source public --private-hosts --sitemap "$AT/sitemap.xml"
like 'which the source does not allow' "$ERR" 'its URLs are refused all the same'
nothing

# A network of its own, in which 192.0.3.1 is a public address of this machine, and names lead where they should not.
cat >"$DIR/within" <<END
ip link set lo up && ip addr add 192.0.3.1/32 dev lo || exit 9
printf '192.0.3.1 site.example.com www.site.example.com\n127.0.0.1 inside.example.com\n10.1.2.3 ten.example.com\n' >"$DIR/hosts"
mount --bind "$DIR/hosts" /etc/hosts || exit 9
"$ROOT/tests/site.pl" "$SITE" "$DIR/public.port" 192.0.3.1 & public=\$!
"$ROOT/tests/site.pl" "$DIR/inside" "$DIR/inside.port" & inside=\$!
until [ -s "$DIR/public.port" ] && [ -s "$DIR/inside.port" ]; do sleep 0.05; done
in=\$(cat "$DIR/inside.port") out=\$(cat "$DIR/public.port")
printf '302 Found\nLocation: http://127.0.0.1:%s/sitemap.xml' "\$in" >"$SITE/jump.xml.head"
printf '302 Found\nLocation: http://inside.example.com:%s/sitemap.xml' "\$in" >"$SITE/name.xml.head"
printf '<sitemapindex><sitemap><loc>http://www.site.example.com:%s/jump.xml</loc></sitemap></sitemapindex>' "\$out" >"$SITE/nested.xml"
printf 'Sitemap: http://inside.example.com:%s/sitemap.xml\n' "\$in" >"$SITE/robots.txt"
printf '<urlset><url><loc>http://www.site.example.com/x</loc></url><url><loc>http://169.254.169.254/</loc></url></urlset>' >"$SITE/mixed.xml"
printf '<urlset><url><loc>https://site.example.com/x</loc></url></urlset>' >"$SITE/fine.xml"
for at in "site.example.com:\$out/fine.xml" "site.example.com:\$out/jump.xml" "site.example.com:\$out/name.xml" "site.example.com:\$out/nested.xml" "site.example.com:\$out" "inside.example.com:\$in/sitemap.xml" "ten.example.com/sitemap.xml" "site.example.com:\$out/mixed.xml"; do
    http_proxy=http://127.0.0.1:\$in "$PROGRAMS/batchspool" submit --source public --sitemap "http://\$at" >"$DIR/within.out" 2>"$DIR/within.err"
    echo "\$? \$(sed 's/^batchspool submit: //; s/:[0-9][0-9]*//g' "$DIR/within.err" | tail -n 1)"
done
kill \$public \$inside
wait
END
mkdir -p "$DIR/inside"
printf '<urlset><url><loc>http://site.example.com/secret</loc></url></urlset>' >"$DIR/inside/sitemap.xml"
if unshare -mn true 2>/dev/null; then
    unshare -mn bash "$DIR/within" >"$DIR/within.said" 2>&1
    leads='leads to an address of this machine or of a private network; nothing was submitted'
    {
        echo '0 '
        echo "65 http://127.0.0.1/sitemap.xml: $leads"
        echo "65 http://inside.example.com/sitemap.xml: $leads"
        echo "65 http://127.0.0.1/sitemap.xml: $leads"
        echo "65 http://inside.example.com/sitemap.xml: $leads"
        echo "65 http://inside.example.com/sitemap.xml: $leads"
        echo "65 http://ten.example.com/sitemap.xml: $leads"
        echo '65 http://site.example.com/mixed.xml: 1 line is wrong; nothing was submitted'
    } >"$DIR/within.wanted"
    is "$(cat "$DIR/within.wanted")" "$(cat "$DIR/within.said")" 'redirects, names, nested sitemaps, robots.txt and a proxy: the address that is connected to decides'
    is '["https://site.example.com/x"]' "$(dropped .urls)" 'what is public is read'
    is '' "$(cat "$DIR/inside/.log" 2>/dev/null)" 'the server inside was never asked'
else
    ok 'a network of its own # SKIP not allowed here' true
fi
finish
