#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A search of 10,000 records in 25 pages: every byte kept under its name, every step in the journal.
. "$(dirname "$0")/../lib.sh"
api_start --records 10000 --gzip
source_metered properties
daemon_start

drop 'CA Absentee (1)' 10000 '.campaign_id = "CA-2026-11" | .max_records = 10000 | .max_cost = "500.00"'
at processed '10,000 records are captured'
like '^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}-ca-absentee--1-$' "$ID" 'the id: time, twelve digits, slug'
stamp=${ID:0:29}
month=${ID:0:4}-${ID:4:2}
raw=$SPOOL/payloads/raw/$month
is '[10000,10000,0,25,1]' "$(stat_of '[.charged_records,.charged_ids,.twice,.paid_requests,.previews]')" 'one preview, 25 purchases, each record charged once'
is 1 "$(stat_of .max_paid_in_flight)" 'one paid request at a time, as the source says'

wanted=$(for n in $(seq -f %04g 1 25); do echo "CA-2026-11_batch${n}_$stamp.json"; done)
is "$wanted" "$(find "$raw" -name '*.json' -printf '%f\n' | sort)" 'raw files: campaign, batch, time and digits of the job, in its month'
same=0
for n in $(seq 25); do
    cmp -s "$DIR/bytes/$(((n - 1) * 400)).json" "$raw/CA-2026-11_batch$(printf %04d "$n")_$stamp.json" && same=$((same + 1))
done
is 25 $same 'each holds exactly the bytes that the server sent'
is 440 "$(find "$raw" -name '*.json' -printf '%m\n' | sort -u)" 'raw files cannot be written'
ok 'sha256sum -c accepts SHA256SUMS' bash -c 'cd "$1" && sha256sum -c --strict --quiet SHA256SUMS' - "$raw"
is "$wanted" "$(sed 's/^[0-9a-f]*  //' "$raw/SHA256SUMS" | sort)" 'SHA256SUMS names every file once'
is "$(find "$raw" -name '*.json' -printf "../raw/$month/%f\n" | sort)" "$(find "$SPOOL/payloads/pending" -type l -printf '%l\n' | sort)" 'a relative marker for each, waiting for a person'
is "$(for n in $(seq -f %04g 1 25); do echo "${ID}_batch$n.json"; done)" "$(find "$SPOOL/payloads/pending" -type l -printf '%f\n' | sort)" 'markers: job id and batch'
is '' "$(find "$SPOOL/payloads/tmp" "$SPOOL/payloads/failed" "$SPOOL/payloads/ready" "$SPOOL/jobs/tmp" -mindepth 1)" 'nothing is left behind'

# --- the journal
ok 'its chain holds' chain_ok
is 'accepted claimed previewed' "$(events | head -n 3 | sort | tr '\n' ' ' | sed 's/ $//')" 'it begins with accepted, claimed, previewed'
is completed "$(events | tail -n 1)" 'it ends with completed'
is 'requested answered captured' "$(jq -r 'select(.batch == 13) | .event' "$SPOOL/journal/$ID.ndjson" | tr '\n' ' ' | sed 's/ $//')" 'a page: requested, answered, captured'
is '[10000,10000,0,0]' "$(event 'select(.event == "completed") | [.total,.unique,.duplicates,.missing] | tojson')" 'honest coverage'
is '{"total":10000,"planned":10000,"cost":500,"currency":"USD"}' "$(event 'select(.event == "previewed") | {total,planned,cost:(.cost|tonumber),currency} | tojson')" 'the preview told total and cost'
is "$(sha256sum <"$raw/CA-2026-11_batch0025_$stamp.json" | cut -d' ' -f1)" "$(event 'select(.event == "captured" and .batch == 25) | .sha256')" 'the sum of a page'
is '[4800,400,"20",10000]' "$(event 'select(.event == "captured" and .batch == 13) | [.offset,.records,(.cost|tonumber|tostring),.total] | tojson')" 'offset, records, cost and total of a page'
is "$(sha256sum <"$SPOOL/jobs/processed/$ID.json" | cut -d' ' -f1)" "$(event 'select(.event == "accepted") | .sha256')" 'the sum of the job text'
is "$(cat "$SPOOL/jobs/processed/$ID.json")" "$(jq -j 'select(.event == "accepted") | .text' "$SPOOL/journal/$ID.ndjson")" 'the whole job text is in the journal'

# --- as the command line tells it
is '["COMPLETED","processed","properties","CA-2026-11",10000,10000,500,0]' "$(show '[.status,.place,.source,.campaign_id,.total_records,.processed_records,(.cost|tonumber),.success_count]')" 'show'
is 25 "$(show '[.files[] | select(.status == "PENDING" and .shelf == "pending")] | length')" 'show: 25 files, pending'
is "[\"$ID\",\"COMPLETED\"]" "$(bs list --json | jq -c '[.job_id,.status]')" 'list'

# --- nothing is open to the world
is '' "$(find "$SPOOL" ! -type l -perm /007)" 'no file or directory for others'
is 2770 "$(stat -c %a "$SPOOL"/jobs/* "$SPOOL/journal" "$SPOOL"/payloads/{pending,ready,processing,processed,failed} "$SPOOL/results" | sort -u)" 'directories of states, journals and markers: 2770'
is 2750 "$(stat -c %a "$SPOOL/payloads/tmp" "$SPOOL/payloads/raw" "$SPOOL/index" | sort -u)" 'payloads/tmp, payloads/raw, index: 2750'
is 660 "$(stat -c %a "$SPOOL/journal/$ID.ndjson")" 'journals: 0660'
is '640 660' "$(stat -c %a "$SPOOL"/index/* | sort -u | tr '\n' ' ' | sed 's/ $//')" 'index files 0640, their lock 0660'

# --- names
drop lower 1 '.criteria += [{name: "Offset", value: [20]}]'
at processed 'a job of one record'
is "lower_batch0001_${ID:0:29}.json" "$(basename "$(readlink "$SPOOL/payloads/pending/${ID}_batch0001.json")")" 'campaign_id defaults to the slug'
drop none 0
at processed 'a search that finds nothing completes'
is '[0,0]' "$(event 'select(.event == "completed") | [.total,.unique] | tojson')" 'with nothing'
is 10001 "$(stat_of .charged_records)" 'and nothing is charged for it'
verified 'verify finds no difference'
finish
