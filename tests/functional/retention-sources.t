#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Retention that a source says for itself: over the configuration, below the environment; what a dry run tells; documents go with the last job that names them.
. "$(dirname "$0")/../lib.sh"
unset JOB_RETENTION_DAYS
MAKE=$ROOT/tests/documents/make.pl

# source_count NAME JQ: counts the bytes of its documents
source_count() {
    jq -n --arg name "$1" '{name: $name, documents: true, data_selector: "/results", settings: {days: 30},
        steps: [{exec: {command: ["sh", "-c", "printf \"{\\\"results\\\":[{\\\"bytes\\\":%s}]}\" \"$(wc -c <&3)\""]}}]} | '"$2" >"$DIR/etc/sources/$1.json"
}
# shellcheck disable=SC2016
source_count short '.job_retention_days = "${settings.days}"'
source_count plain .
config '.job_retention_days = 90'
for text in commercial amendment longlease; do "$MAKE" pdf "$DIR/$text.pdf" "$ROOT/tests/documents/$text.txt"; done
sum() { sha256sum <"$1" | cut -d' ' -f1; }
stored() { find "$SPOOL/documents/raw" -name "$(sum "$1")*" | wc -l; }
sources() { bs cleanup --dry-run --json | jq -c '[.sources[] | [.source, .jobs, .days, .by]]'; }

# done_job SOURCE DAYS DOCUMENT...: processed, so many days ago; sets ID. The name of a journal is the time of its job.
done_job() {
    local source=$1 days=$2 stamp
    shift 2
    stamp=$(date -u -d "$days days ago" +%Y%m%dT%H%M%SZ)
    ID=$stamp-$(printf '%s' "$source$days$*" | sha256sum | cut -c1-12)-$source
    jq -n --arg source "$source" '{source: $source, documents: [$ARGS.positional[] | split(" ") | {sha256: .[0], name: .[1], bytes: (.[2] | tonumber), type: "pdf"}], process: "auto", on_duplicate: "run"}' \
        --args "$(for file; do echo "$(sum "$DIR/$file") $file $(stat -c %s "$DIR/$file")"; done)" >"$SPOOL/jobs/tmp/$ID.json"
    mv "$SPOOL/jobs/tmp/$ID.json" "$SPOOL/jobs/pending/$ID.json"
    at processed "a job of $source, $days days ago"
}

daemon_start
# The documents come with jobs of today, which are cancelled and go.
bs submit --source plain --document "$DIR/commercial.pdf" --document "$DIR/amendment.pdf" --document "$DIR/longlease.pdf" --set not_before=2099-01-01T00:00:00Z >"$DIR/first" 2>&1
bs cancel "$(cat "$DIR/first")" >/dev/null
done_job short 40 commercial.pdf
one=$ID
done_job short 20 amendment.pdf
two=$ID
done_job plain 40 longlease.pdf
three=$ID
done_job plain 120 amendment.pdf
four=$ID
first=$(cat "$DIR/first")
daemon_stop
aged "$one" 40; aged "$two" 20; aged "$three" 40; aged "$four" 120; aged "$first" 130
mv "$SPOOL/journal/$first.ndjson" "$SPOOL/journal/$(date -u -d '130 days ago' +%Y%m%dT%H%M%SZ)-${first#*-}.ndjson" && mv "$SPOOL/jobs/cancelled/$first.json" "$SPOOL/jobs/cancelled/$(date -u -d '130 days ago' +%Y%m%dT%H%M%SZ)-${first#*-}.json"
find "$SPOOL/documents/raw" -type f -exec touch -d '40 days ago' {} +
bs reindex >/dev/null 2>&1

is '[["short",1,30,"source"],["plain",2,90,"configuration"]]' "$(sources | jq -c 'sort_by(.[2])')" 'of each source its own days, and who says them'
like '1 of source short: older than 30 days \(job_retention_days of the source\)' "$(bs cleanup --dry-run)" 'for people, too'
is 1 "$(bs cleanup --dry-run --json | jq .documents.files)" 'the document of the job that would go is counted'
config '.source_settings.short.days = 10'
is '["short",2,10,"source"]' "$(sources | jq -c '.[] | select(.[0] == "short")')" 'source_settings may say it'
config 'del(.source_settings)'
is '[["plain",2,100,"environment"]]' "$(JOB_RETENTION_DAYS=100 sources)" 'JOB_RETENTION_DAYS holds over both'
is '["environment"]' "$(BATCHSPOOL_JOB_RETENTION_DAYS=5 bs cleanup --dry-run --json | jq -c '[.sources[].by] | unique')" 'by the other name, too'
is 4 "$(BATCHSPOOL_JOB_RETENTION_DAYS=5 bs cleanup --dry-run --json | jq '[.jobs[]] | add - 1')" 'and takes all that are older'

daemon_start
exits 0 'the daemon cleans up' bs cleanup --json
is '[["plain",2],["short",1]]' "$(jq -c '[.sources[] | [.source, .jobs]] | sort' <<<"$OUT")" 'by the same days'
is '0 1 1' "$(stored "$DIR/commercial.pdf") $(stored "$DIR/amendment.pdf") $(stored "$DIR/longlease.pdf")" 'the document goes with the last job that names it; others stay'
is '1 0' "$(find "$SPOOL/jobs/processed" -name "$two.json" | wc -l) $(find "$SPOOL/jobs/processed" -name "$one.json" | wc -l)" 'as their jobs do'
verified 'nothing differs'
JOB_RETENTION_DAYS=15 bs cleanup --dry-run --json | jq -e '.sources | length == 2' >/dev/null
result $? 'the rest would go by the environment alone'
daemon_stop
JOB_RETENTION_DAYS=15 daemon_start
exits 0 'a daemon with that environment' bs cleanup --json
is '["environment"]' "$(jq -c '[.sources[].by] | unique' <<<"$OUT")" 'goes by it'
is '0 0 0' "$(stored "$DIR/commercial.pdf") $(stored "$DIR/amendment.pdf") $(stored "$DIR/longlease.pdf")" 'and no document is left'
verified 'nothing differs at the end'
finish
