#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian's docker-registry: names of repositories, bare values in pages that are linked by a relative Link. What is pushed through its own API is what comes out, each name once.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/servers.sh"

# --- the server --------------------------------------------------------------------------------------------------------
debian_program docker-registry docker-registry
cat >"$DIR/registry.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $DIR/registry}}
http: {addr: "127.0.0.1:0", secret: "of no use to others"}
catalog: {maxentries: 200}
END
"$PROGRAM" serve "$DIR/registry.yml" >"$DIR/server.log" 2>&1 </dev/null &
BACKGROUND+=($!)
port=$(port_in "$DIR/server.log" 'listening on 127\.0\.0\.1:([0-9]+)') || bail "docker-registry does not start: $(tail -n 3 "$DIR/server.log")"
url=http://127.0.0.1:$port/v2

# Every repository has one image, all the same: a blob is pushed to the first and mounted into the others. In names '/' sorts before the other signs.
printf '{}' >"$DIR/blob"
digest=sha256:$(sha256sum "$DIR/blob" | cut -d' ' -f1)
manifest=application/vnd.docker.distribution.manifest.v2+json
jq -n --arg type "$manifest" --arg digest "$digest" '{schemaVersion: 2, mediaType: $type, config: {mediaType: "application/vnd.docker.container.image.v1+json", size: 2, digest: $digest},
    layers: [{mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip", size: 2, digest: $digest}]}' >"$DIR/manifest"
{
    printf '%s\n' base a/b a/b-c a-b a-b/c a.b a_b a__b ab 0 0-0 0/0 0-0/0.0_0
    printf 'team-%s\n' {01..19}/app-{01..23} 20/app 20/app/worker
    printf 'z%.0s' {1..200} && echo
} >"$DIR/names"
names=$(wc -l <"$DIR/names")
begun=$SECONDS
upload=$(curl -s -o /dev/null -w '%header{location}' -X POST "$url/base/blobs/uploads/")
is 201 "$(curl -s -o /dev/null -w '%{http_code}' -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$DIR/blob" "$upload&digest=$digest")" 'a blob is pushed'
sed "1d; s|.*|url = \"$url/&/blobs/uploads/?mount=$digest\&from=base\"|" "$DIR/names" | curl -s -X POST -o "$DIR/out" -w '%{http_code}\n' -K - >"$DIR/codes"
sed "s|.*|url = \"$url/&/manifests/latest\"\nupload-file = \"$DIR/manifest\"|" "$DIR/names" | curl -s -H "Content-Type: $manifest" -o "$DIR/out" -w '%{http_code}\n' -K - >>"$DIR/codes"
is "$((2 * names - 1)) 201" "$(sort "$DIR/codes" | uniq -c | sed 's/^ *//')" "an image is pushed to $names repositories ($((SECONDS - begun)) s)"

# walk LIMIT: the pages as curl gets them by the server's links, in $DIR/pages/
walk() {
    local next="/v2/_catalog?n=$1" page=0
    rm -rf "$DIR/pages" && mkdir "$DIR/pages"
    while [ -n "$next" ]; do
        page=$((page + 1))
        next=$(curl -s -o "$DIR/pages/$(printf %04d $page)" -w '%header{link}' "http://127.0.0.1:$port$next" | sed -nE 's/^<([^>]*)>; rel="next"$/\1/p')
    done
}
# raw_same: every raw file is the page that curl got
raw_same() {
    paste -d'\n' <(raw_files) <(find "$DIR/pages" -type f | sort) | xargs -n 2 cmp
}
# asked: the catalog's requests so far
asked() {
    grep -oE '"GET /v2/_catalog[^ ]*' "$DIR/server.log"
}

# --- the capture -------------------------------------------------------------------------------------------------------
shipped docker-registry http://127.0.0.1:5000 "http://127.0.0.1:$port"
exits 0 'check finds nothing to complain about' bs check
daemon_start
before=$(asked | wc -l)
pages=$(((names + 49) / 50))
drop repositories 0 '{source: "docker-registry", batch_size: 50}'
at processed 'all are captured'
is "[$names,0]" "$(event 'select(.event == "completed") | [.unique,.duplicates] | tojson')" 'unique, duplicates'
is "[\"COMPLETED\",$names]" "$(show '[.status,.processed_records]')" 'the job is COMPLETED'
is $pages "$(count_of captured)" "in pages of 50 ($pages)"
is $pages "$(($(asked | wc -l) - before))" 'the server was asked once a page'
is '' "$(asked | tail -n $pages | sort | uniq -d)" 'and for no page twice'
ok "the journal's chain holds" chain_ok
walk 50
ok "every raw file has the server's bytes" raw_same

# --- the records -------------------------------------------------------------------------------------------------------
exits 0 'process' bs process --json
is "[$pages,$names,$names,0,0,0]" "$(jq -c '[.files,.records,.inserted,.updated,.unchanged,.errors]' <<<"$OUT")" 'loads each once'
exits 0 'process again' bs process --json
is '[0,0]' "$(jq -c '[.files,.records]' <<<"$OUT")" 'has nothing to do'
bs export --job "$ID" >"$DIR/exported"
cat "$DIR"/pages/* | jq -c '.repositories[]' >"$DIR/served"
ok "the export is the names in the server's order" cmp "$DIR/served" "$DIR/exported"
jq -r . "$DIR/exported" | LC_ALL=C sort >"$DIR/a"
LC_ALL=C sort "$DIR/names" >"$DIR/b"
ok 'they are what was pushed, each once' cmp "$DIR/b" "$DIR/a"

# --- other sizes of page -----------------------------------------------------------------------------------------------
# A last page that is full has no link.
size=$((names / 3))
is 0 $((names % 3)) "$names names are three full pages of $size"
drop full 0 "{source: \"docker-registry\", batch_size: $size, process: \"auto\"}"
at processed 'three full pages, loaded by the daemon'
is '3 3' "$(count_of captured) $(count_of loaded)" 'nothing is asked for after the third'
drop some 0 '{source: "docker-registry", take: 100, batch_size: 50}'
at processed 'the first 100'
is 2 "$(count_of requested)" 'from two requests'
bs process >"$DIR/out"
bs export --job "$ID" | cmp -s - <(head -n 100 "$DIR/served")
result $? 'are the first that the server has' "$(bs export --job "$ID" | wc -l) exported"
is "$names" "$(bs export --source docker-registry | wc -l)" 'and none is there twice'
drop many 0 '{source: "docker-registry", batch_size: 201}'
at failed 'more a page than the server gives'
like 'invalid number of results requested' "$(why)" "fails with the server's words"

verified 'verify finds no difference'
daemon_stop
is 0 "$STATUS" 'the daemon ends in good order'
verified 'nor after it'
finish
