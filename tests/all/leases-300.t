#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A scanned document of 300 pages through the daemon, which is killed at random while it is read: it goes on at the page where it was, and its memory does not grow with the document.
. "$(dirname "$0")/../lib.sh"
PAGES=${LEASE_PAGES:-300} KILLS=5
export BATCHSPOOL_LEASE=$ROOT/etc/lease
MAKE=$ROOT/tests/documents/make.pl
. "$ROOT/tests/chat.sh"
printf %s "$TOKEN" >"$DIR/credentials/openai_api_key"
sed '/^ *\/\//d' "$ROOT/etc/sources/lease.json" |
    jq --arg url "http://127.0.0.1:$(cat "$DIR/chat-port")/v1/chat/completions" '.settings.endpoint = $url | .steps[0].fallback[1].exec.command += ["--dpi", "100"]' >"$DIR/etc/sources/lease.json"

# Three different pages, again and again, each with an image of its own.
(cd "$DIR" && "$MAKE" pdf text.pdf "$ROOT/tests/documents/commercial.txt" && pdftoppm -r 100 -gray -jpeg text.pdf scan && cp scan-1.jpg first.jpg) || exit 1
scans=()
for ((i = 0; i < PAGES; i++)); do scans+=("scan-$((i % 3 + 1)).jpg"); done
(cd "$DIR" && "$MAKE" pdf scanned.pdf "${scans[@]}") || exit 1

# tesseract, counted
mkdir "$DIR/bin"
printf '#!/bin/sh\ncase "$*" in *list-langs*) ;; *) echo "$1" >>%s/runs ;; esac\nexec %s "$@"\n' "$DIR" "$(command -v tesseract)" >"$DIR/bin/tesseract"
chmod +x "$DIR/bin/tesseract"
: >"$DIR/runs"
PATH=$DIR/bin:$PATH
runs() { wc -l <"$DIR/runs"; }
most=0
# rss: the highest RssAnon of the daemon so far, in KiB
rss() {
    local now
    now=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$DAEMON_PID/status" 2>/dev/null)
    [ "${now:-0}" -le "$most" ] || most=$now
}
at_run() { rss; [ "$(runs)" -ge "$1" ] || [ "$(place)" = processed ]; }

daemon_start
ID=$(bs submit --source lease --document "$DIR/scanned.pdf" 2>"$DIR/err") || result 1 'a long document is taken' "$(cat "$DIR/err")"
for ((k = 1; k <= KILLS; k++)); do
    wait_for 300 at_run $((k * PAGES / (KILLS + 1) + RANDOM % 7))
    daemon_kill
    daemon_start
done
done_now() { rss; [ "$(place)" = processed ] || [ "$(place)" = failed ] || [ "$(place)" = hold ]; }
wait_for 1200 done_now
at processed "a scanned document of $PAGES pages is analysed, though the daemon was killed $KILLS times"
is "[$PAGES,\"ocr\"]" "$(bs export --job "$ID" | jq -c '[.document.pages, .document.text_by]')" 'all its pages were read'
[ "$(runs)" -le $((PAGES + 2 * KILLS)) ]
result $? 'at most the pages that were being read at a kill were read again' "$(runs) runs of OCR for $PAGES pages"
[ "$most" -lt 65536 ]
result $? "the daemon's own memory stays below 64 MiB" "$most KiB"
echo "# RssAnon of the daemon at most $most KiB, $(runs) runs of OCR"
verified 'nothing differs'
finish
