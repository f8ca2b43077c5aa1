#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A scanned PDF of 300 pages: memory that does not grow with them, kills at random moments, each page read once but those at which it was killed.
. "$(dirname "$0")/../lib.sh"
PAGES=${DOCUMENT_PAGES:-300}
KILLS=${DOCUMENT_KILLS:-5}
MEMORY_KB=32768 # of the helper itself
cd "$DIR" || exit 1

# Each page says its number; 60 dots an inch and large letters make OCR quick, not the document small.
for ((i = 1; i <= PAGES; i++)); do printf '\n\n\n\n%s\f' "Page number $i of the lease"; done >pages.txt
"$ROOT/tests/documents/make.pl" pdf text.pdf pages.txt
pdftoppm -r 100 -gray -jpeg text.pdf scan
"$ROOT/tests/documents/make.pl" pdf scanned.pdf scan-*.jpg
rm -f scan-*.jpg
mkdir bin work
REAL=$(command -v tesseract)
printf '#!/bin/sh\ncase "$*" in *list-langs*) ;; *) echo >>%s/runs ;; esac\nexec %s "$@"\n' "$DIR" "$REAL" >bin/tesseract
chmod +x bin/tesseract
export PATH=$DIR/bin:$PATH
: >runs

most=0
pages_done() { find work -name 'page-*.json' | wc -l; }
# The highest memory of the helper so far, by the kernel's own mark.
watch_memory() {
    local now
    now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status" 2>/dev/null)
    [ "${now:-0}" -le "$most" ] || most=$now
}
past() { watch_memory $PID; [ "$(pages_done)" -ge "$1" ] || ended $PID; }
begin() {
    (cd work && exec "$PROGRAMS/batchspool-document-text" --by ocr --dpi 100 3<"$DIR/scanned.pdf" </dev/null >"$DIR/out.json" 2>"$DIR/stderr") &
    PID=$!
}
for ((kill = 1; kill <= KILLS; kill++)); do
    begin
    wait_for 600 past $((PAGES * kill / (KILLS + 1) + RANDOM % 3))
    kill -9 $PID
    wait $PID 2>/dev/null
done
begin
wait_for 1800 past $((PAGES + 1))
wait $PID
is "0 $PAGES" "$? $(jq '.pages | length' out.json)" "$PAGES pages, killed $KILLS times"
runs=$(wc -l <runs)
is true "$([ "$runs" -ge "$PAGES" ] && [ "$runs" -le $((PAGES + KILLS)) ] && echo true)" "OCR ran $runs times"
right=$(jq '[.pages[] | . as $page | select(.text | test("number " + ($page.page | tostring) + " of"))] | length' out.json)
is true "$([ "$right" -ge $((PAGES * 95 / 100)) ] && echo true)" "$right of $PAGES pages were read with their number"
is true "$([ "$most" -gt 0 ] && [ "$most" -lt $MEMORY_KB ] && echo true)" "the helper took $most KiB"
echo "# $PAGES pages: $runs runs of OCR, $right right, VmHWM $most KiB"
finish
