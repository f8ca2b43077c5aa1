#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `batchspool verify` and documents/: sums, of compressed ones too, sizes, what is missing, what does not belong there; in bounded memory.
. "$(dirname "$0")/../lib.sh"
MAKE=$ROOT/tests/documents/make.pl

# A source that only counts the bytes of its documents
jq -n '{name: "count", documents: true, data_selector: "/results", steps: [{exec: {command: ["sh", "-c", "printf \"{\\\"results\\\":[{\\\"bytes\\\":%s}]}\" \"$(wc -c <&3)\""]}}]}' >"$DIR/etc/sources/count.json"
"$MAKE" pdf "$DIR/plain.pdf" "$ROOT/tests/documents/amendment.txt"
{ cat "$DIR/plain.pdf"; yes '% comment' | head -c 200000; printf '\n%%%%EOF\n'; } >"$DIR/long.pdf"
# differs NAME WANTED: verify ends with 65 and these lines, KIND PATH
differs() {
    exits 65 "$1" bs verify
    is "$2" "$(cut -d' ' -f1,2 <<<"$OUT" | sort)" '  as told'
}

daemon_start
ID=$(bs submit --source count --document "$DIR/plain.pdf" --document "$DIR/long.pdf" --set process=auto 2>"$DIR/err") || echo "# $(cat "$DIR/err")"
at processed 'a job of two documents'
verified 'nothing differs'
is 2 "$(bs verify --json | jq .documents)" 'both are counted'
plain=$(find "$SPOOL/documents/raw" -type f ! -name '*.zst') packed=$(find "$SPOOL/documents/raw" -type f -name '*.zst')
[ -n "$packed" ] && [ -n "$plain" ]
result $? 'one is compressed, one is not' "$(find "$SPOOL/documents" -type f)"
month=$(dirname "${packed#"$SPOOL/"}")
short() { echo "${1#"$SPOOL/"}"; }

# --- damage ---
chmod u+w "$plain" "$packed"
cp "$packed" "$DIR/packed" && cp "$plain" "$DIR/plain"
printf x | dd of="$plain" bs=1 seek=100 conv=notrunc status=none
differs 'a changed byte' "document-changed $(short "$plain")"
exits 0 'which a quick look does not see' bs verify --quick
cp "$DIR/plain" "$plain"
printf xxxx | dd of="$packed" bs=1 seek=$(($(stat -c %s "$packed") - 12)) conv=notrunc status=none
differs 'a changed byte of a compressed one' "document-changed $(short "$packed")"
head -c 200 "$DIR/packed" >"$packed"
differs 'one that was cut off' "document-changed $(short "$packed")"
head -c 1000 /dev/urandom >"$packed"
differs 'one that is not compressed at all' "document-changed $(short "$packed")"
zstd -q -f "$DIR/plain.pdf" -o "$packed"
differs 'another document in its place' "document-changed $(short "$packed")"
cp "$DIR/packed" "$packed"

# --- missing, double ---
mv "$packed" "$DIR/away"
sum=$(basename "$packed" .zst)
differs 'one that is missing' "document-missing documents/raw/*/$sum"
like "job $ID names it" "$OUT" 'with the job'
exits 65 'which a quick look sees' bs verify --quick
mkdir "$SPOOL/documents/raw/2020-01"
cp "$DIR/away" "$SPOOL/documents/raw/2020-01/$sum.zst"
verified 'in another month it is there'
mv "$DIR/away" "$packed"
is document-double "$(bs verify 2>/dev/null | cut -d' ' -f1)" 'in two it is double'
rm -r "$SPOOL/documents/raw/2020-01"

# --- what does not belong there ---
touch "$SPOOL/documents/notes.txt" "$SPOOL/documents/tmp/x" "$SPOOL/documents/raw/y" "$SPOOL/$month/lease.pdf" "$SPOOL/$month/${sum:0:60}.zst"
mkdir "$SPOOL/documents/raw/may" "$SPOOL/$month/$(printf '3%.0s' {1..64})"
ln -s /etc/passwd "$SPOOL/$month/$(printf '4%.0s' {1..64})"
mkfifo "$SPOOL/$month/$(printf '5%.0s' {1..64})"
differs 'files that are none' "$(for path in notes.txt tmp/x raw/y raw/may; do echo "document-foreign documents/$path"; done | cat - <(for name in lease.pdf "${sum:0:60}.zst" "$(printf '3%.0s' {1..64})" "$(printf '4%.0s' {1..64})" "$(printf '5%.0s' {1..64})"; do echo "document-foreign $month/$name"; done) | sort)"
rm -r "$SPOOL/documents/notes.txt" "$SPOOL/documents/tmp/x" "$SPOOL/documents/raw/y" "$SPOOL/documents/raw/may" "$SPOOL/$month/lease.pdf" "$SPOOL/$month/${sum:0:60}.zst" "$SPOOL/$month"/333* "$SPOOL/$month"/444* "$SPOOL/$month"/555*
orphan=$(printf orphan | sha256sum | cut -d' ' -f1)
printf orphan >"$SPOOL/$month/$orphan"
verified 'a document that no job names is none: cleanup is for it'
rm "$SPOOL/$month/$orphan"

# --- a job that says another size ---
jq -nc --arg sha "$(basename "$plain")" '{source: "count", documents: [{sha256: $sha, name: "p.pdf", bytes: 17, type: "pdf"}], on_duplicate: "run"}' >"$DIR/job.json"
ID=$(bs submit "$DIR/job.json" 2>"$DIR/err") || echo "# $(cat "$DIR/err")"
at processed 'a job that says another size'
differs '  is told' "document-size $(short "$plain")"
like "has $(stat -c %s "$plain") bytes; job $ID says 17" "$OUT" '  with both'
daemon_stop

# --- memory ---
{ cat "$DIR/plain.pdf"; head -c 60000000 /dev/zero; head -c 20000000 /dev/urandom | base64 -w 70; } >"$DIR/huge.pdf"
huge=$(sha256sum "$DIR/huge.pdf" | cut -d' ' -f1)
zstd -q -1 "$DIR/huge.pdf" -o "$SPOOL/$month/$huge.zst"
(ulimit -v "$(room 300000)" && exec "$PROGRAMS/batchspool" verify >"$DIR/out" 2>&1)
is '65 1' "$? $(grep -c '^document' "$DIR/out")" 'a document of 87 MB is read piece by piece'
finish
