#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A long lease in many parts, whose terms are said again at its end in other words: one record, in which only what differs is a conflict.
. "$(dirname "$0")/../lib.sh"
TEXTS=$ROOT/tests/documents
export BATCHSPOOL_LEASE=$ROOT/etc/lease
WAIT_S=120

. "$ROOT/tests/chat.sh"
printf %s "$TOKEN" >"$DIR/credentials/openai_api_key"
sed '/^ *\/\//d' "$ROOT/etc/sources/lease.json" | jq '.api_budget.policies[0].rates[0].limit = 10000' >"$DIR/etc/sources/lease.json"
config ".source_settings.lease.endpoint = \"$CHAT/v1/chat/completions\""
"$TEXTS/long.pl" "$TEXTS/commercial.txt" 40 >"$DIR/long.txt"
"$TEXTS/make.pl" pdf "$DIR/long.pdf" "$DIR/long.txt"
"$TEXTS/make.pl" pdf "$DIR/short.pdf" "$TEXTS/commercial.txt"
field() { bs export --job "$ID" --format ndjson | jq -c "$1"; }

daemon_start
ID=$(bs submit --source lease --document "$DIR/short.pdf" 2>"$DIR/err") || echo "# $(cat "$DIR/err")"
at processed 'the short one'
short=$(field '[(.rent | length), (.options | length), (.clauses | length)]')
ID=$(bs submit --source lease --document "$DIR/long.pdf" --set chunk_tokens=1500 2>"$DIR/err") || echo "# $(cat "$DIR/err")"
at processed 'the long one'
parts=$(jq -c 'select(.event == "captured" and .step == "analyse")' "$SPOOL/journal/$ID.ndjson" | wc -l)
ok "is read in many parts ($parts)" test "$parts" -ge 30
is '["deposit"]' "$(field '[.fields | to_entries[] | select(.value.status == "conflict") | .key]')" 'of all that is said twice only another sum is a conflict'
is '[12000,15000]' "$(field '[.fields.deposit.candidates[].value]')" 'and both are kept'
is '[1,44]' "$(field '[.fields.deposit.candidates[].page]' | jq -c 'map(if . < 10 then 1 else . end)')" 'with their pages'
is true "$(field '.fields.landlord | .status == "found" and .quote_verified and (.value | test("HARBOUR ESTATES"))')" 'Ltd and Limited are one landlord'
is 10 "$(field .fields.term.value)" 'ten and 10 are one term'
is found "$(field '.fields.interest.status' | tr -d '"')" 'four per cent is 4 percent'
is found "$(field '.fields.premises.status' | tr -d '"')" 'St is Street'
is "$short" "$(field '[(.rent | length), (.options | length), (.clauses | length)]')" 'rows of rent, options and clauses are those of the short one: none is there twice'
is '[48000,52500,57750]' "$(field '[.rent[].amount]')" 'in order'
verified 'nothing differs'
finish
