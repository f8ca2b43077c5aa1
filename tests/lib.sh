# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For the functional tests: each file gets a spool, a configuration, sources, credentials, a daemon and a metered API of its own, below one directory that goes at the end. Nothing waits a
# fixed time: wait_* poll until what they wait for is there, or until a deadline.
#
#   . "$(dirname "$0")/../lib.sh"      BUILD=build-x prove ...   other programs
#   api_start --records 10000          BATCHSPOOL_TEST_DIR=DIR   where the directories are made (else /tmp)
#   source_metered properties          BATCHSPOOL_TEST_KEEP=1    do not remove them
#   daemon_start
#   drop big 10000
#   at processed 'a search of 10,000 records completes'
#   finish
set -u
umask 007
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROGRAMS=$ROOT/${BUILD:-build}
[ "${PROGRAMS#"$ROOT//"}" = "$PROGRAMS" ] || PROGRAMS=$BUILD
for variable in ${!BATCHSPOOL_*}; do
    case $variable in BATCHSPOOL_TEST_*) ;; *) unset "$variable" ;; esac
done
unset CREDENTIALS_DIRECTORY
# The address sanitizer maps terabytes, which no helper may: those are as they are shipped.
case $PROGRAMS in *-san) [ -x "${PROGRAMS%-san}/batchspool-document-text" ] && export BATCHSPOOL_HELPERS=${PROGRAMS%-san} ;; esac
DIR=$(mktemp -d "${BATCHSPOOL_TEST_DIR:-/tmp}/batchspool.XXXXXX") || exit 1
SPOOL=$DIR/spool
TOKEN=secret-token
export BATCHSPOOL_CONFIG=$DIR/etc/batchspool.json
WAIT_S=10
TESTS=0
FAILED=0
API_PID='' DAEMON_PID='' API_URL='' ID=''
BACKGROUND=()

# room KIB: what `ulimit -v` may be told; the address sanitizer maps terabytes
room() { case $PROGRAMS in *-san) echo unlimited ;; *) echo "$1" ;; esac; }

# --- results ---------------------------------------------------------------------------------------------------------

# result STATUS NAME [DIAGNOSIS]
result() {
    TESTS=$((TESTS + 1))
    if [ "$1" = 0 ]; then
        printf 'ok %d - %s\n' "$TESTS" "$2"
        return 0
    fi
    printf 'not ok %d - %s\n' "$TESTS" "$2"
    [ -n "${3-}" ] && printf '%s\n' "$3" | cut -c1-400 | head -n 30 | sed 's/^/#   /'
    FAILED=$((FAILED + 1))
    return 1
}

# is WANTED GOT NAME
is() {
    local good=1
    [ "$1" = "$2" ] && good=0
    result $good "$3" "$(printf 'wanted: %s\ngot:    %s' "$1" "$2")"
}

# like REGULAR-EXPRESSION GOT NAME
like() {
    local good=1
    [[ $2 =~ $1 ]] && good=0
    result $good "$3" "$(printf 'wanted, like: %s\ngot:          %s' "$1" "$2")"
}

# ok NAME COMMAND...: the command succeeds
ok() {
    local name=$1
    shift
    "$@" >"$DIR/out" 2>"$DIR/err"
    result $? "$name" "$(cat "$DIR/out" "$DIR/err")"
}

# exits CODE NAME COMMAND...: the command ends with that code; what it wrote is in $OUT and $ERR
exits() {
    local wanted=$1 name=$2 code good=1
    shift 2
    "$@" >"$DIR/out" 2>"$DIR/err" </dev/null
    code=$?
    OUT=$(cat "$DIR/out")
    ERR=$(cat "$DIR/err")
    [ "$code" = "$wanted" ] && good=0
    result $good "$name" "$(printf 'wanted exit code %s, got %s\n%s\n%s' "$wanted" "$code" "$OUT" "$ERR")"
}

finish() {
    printf '1..%d\n' "$TESTS"
    if [ "$FAILED" -gt 0 ] && [ -s "$DIR/daemon.log" ]; then
        echo "# the end of the daemon's log:"
        tail -n 25 "$DIR/daemon.log" | cut -c1-300 | sed 's/^/#   /'
    fi
    exit $((FAILED > 0))
}

# --- waiting ---------------------------------------------------------------------------------------------------------

# wait_for SECONDS COMMAND...: until the command succeeds; false when it never did
wait_for() {
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@" 2>/dev/null; do
        [ $SECONDS -ge $end ] && return 1
        sleep 0.03
    done
}

there() { [ -e "$1" ]; }
gone() { [ ! -e "$1" ]; }
# Whether a process has ended; one that was not waited for is a zombie.
ended() {
    local state
    state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
    [ "${state%% *}" = Z ]
}

# --- the metered API ---------------------------------------------------------------------------------------------------

# api_start OPTION...: sets API_URL. Charges outlive it.
api_start() {
    rm -f "$DIR/port"
    "$PROGRAMS/tools/meteredapi" --token "$TOKEN" --bytes-log "$DIR/bytes" --state "$DIR/charges" --port-file "$DIR/port" "$@" >"$DIR/api.log" 2>&1 &
    API_PID=$!
    wait_for 5 test -s "$DIR/port" || { echo "Bail out! meteredapi does not start: $(cat "$DIR/api.log")"; exit 1; }
    API_URL=http://127.0.0.1:$(cat "$DIR/port")
}

api_stop() {
    kill "$API_PID" && wait "$API_PID" 2>/dev/null
    API_PID=''
}

# faults FAULT,...: as in tools/meteredapi.c; none: an honest server
faults() {
    curl -sf -o /dev/null -d "{\"faults\":[${1-}]}" "$API_URL/_faults" || result 1 "faults are understood: $1"
}

# stat FILTER: of the API's statistics
stat_of() {
    curl -s "$API_URL/_stats" | jq -c "$1"
}

stat_is() {
    [ "$(stat_of "$1")" = "$2" ]
}

api_reset() {
    curl -sf -o /dev/null -X POST "$API_URL/_reset"
}

# --- sources and jobs ---------------------------------------------------------------------------------------------------

# source_metered NAME [JQ]: a definition as for PropertyRadar, changed by a jq filter
source_metered() {
    jq "${2:-.}" >"$DIR/etc/sources/$1.json" <<'END'
{"name": "properties",
 "steps": [{"name": "search", "http": {"method": "POST", "url": "", "params": {"Fields": "Overview"},
   "headers": {"Authorization": "Bearer ${secret:api_token}"}, "json": {"Criteria": "${job.criteria}"}}}],
 "paginator": {"type": "offset", "limit": 400, "max_limit": 500, "offset": 0, "limit_param": "Limit", "offset_param": "Start", "total_path": "/totalResultCount"},
 "data_selector": "/results", "primary_key": "/RadarID",
 "children": {"property_owners": {"data_selector": "/Persons", "primary_key": "/PersonKey"}},
 "metering": {"preview": {"params": {"Purchase": "0"}}, "purchase": {"params": {"Purchase": "1"}}, "count_path": "/totalResultCount", "cost_path": "/totalCost",
   "cost_per_record": "0.05", "currency": "USD", "max_in_flight": 1, "on_charge_unknown": "hold"},
 "error_handler": {"max_retries": 3,
   "response_filters": [{"http_codes": [402], "action": "HOLD"}, {"http_codes": [429], "action": "RATE_LIMITED"}, {"has": "/error", "action": "FAIL", "error_message_path": "/error"}],
   "backoff_strategies": [{"type": "wait_time_from_header", "header": "Retry-After"}, {"type": "exponential", "factor": 0.05, "jitter_range_in_seconds": 0.01, "max_s": 1}]},
 "concurrency_level": {"default_concurrency": 2, "max_concurrency": 8},
 "coverage_tolerance": 0, "timeout_s": 5, "max_response_bytes": 8388608}
END
    define_source "$1" "$API_URL/v1/properties"
}

# source_free NAME [JQ]: the same records for nothing; a job says how many as `count`
source_free() {
    jq "${2:-.}" >"$DIR/etc/sources/$1.json" <<'END'
{"name": "items",
 "steps": [{"http": {"method": "GET", "url": "", "params": {"count": "${job.count}"}}}],
 "paginator": {"type": "offset", "limit": 400, "max_limit": 500, "limit_param": "limit", "offset_param": "offset", "total_path": "/total"},
 "data_selector": "/items", "primary_key": "/RadarID",
 "job_members": {"count": {"type": "integer", "default": 1000, "minimum": 0, "maximum": 100000}},
 "error_handler": {"max_retries": 3, "backoff_strategies": [{"type": "wait_time_from_header", "header": "Retry-After"}, {"type": "exponential", "factor": 0.05, "jitter_range_in_seconds": 0.01, "max_s": 1}]},
 "concurrency_level": {"default_concurrency": 2, "max_concurrency": 8},
 "timeout_s": 5, "max_response_bytes": 8388608}
END
    define_source "$1" "$API_URL/v1/items"
}

define_source() {
    jq --arg name "$1" --arg url "$2" '.name = $name | .steps[0].http.url = $url' "$DIR/etc/sources/$1.json" >"$DIR/source" && mv "$DIR/source" "$DIR/etc/sources/$1.json"
}

# job FILE COUNT [JQ]: writes a job for COUNT records of the source `properties`, changed by a jq filter
job() {
    jq -n "{source: \"properties\", criteria: [{name: \"Count\", value: [$2]}]} | ${3:-.}" >"$1"
}

# drop NAME COUNT [JQ]: a job dropped as maildirs want it; sets ID once it is taken in, be it accepted or rejected
drop() {
    job "$SPOOL/jobs/tmp/$1.json" "$2" "${3:-.}"
    mv "$SPOOL/jobs/tmp/$1.json" "$SPOOL/jobs/pending/$1.json"
    taken "$1"
}

# taken NAME: waits until what was dropped under this name has its id; sets ID
taken() {
    local slug
    slug=$(printf '%s' "$1" | LC_ALL=C tr '[:upper:]' '[:lower:]' | LC_ALL=C tr -c 'a-z0-9' '-' | cut -c1-40)
    ID=''
    wait_for "$WAIT_S" has_journal "$slug" || { result 1 "$1 is taken in" "$(ls -R "$SPOOL/jobs")"; return 1; }
    ID=$(ids "$slug" | tail -n 1)
}

# ids SLUG: of all jobs with that slug
ids() {
    find "$SPOOL/journal" -name "????????T??????Z-????????????-$1.ndjson" -printf '%f\n' | sed 's/\.ndjson$//' | sort
}

has_journal() {
    [ -n "$(ids "$1")" ]
}

# submit NAME COUNT [JQ]: through the command line; sets ID
submit() {
    job "$DIR/$1.json" "$2" "${3:-.}"
    ID=$("$PROGRAMS/batchspool" submit "$DIR/$1.json")
}

bs() {
    "$PROGRAMS/batchspool" "$@"
}

# place [ID]: the directories that have it
place() {
    local at
    for at in "$SPOOL"/jobs/*/"${1:-$ID}.json"; do
        [ -e "$at" ] && at=${at%/*} && printf '%s ' "${at##*/}"
    done | sed 's/ $//'
}

in_place() {
    [ -e "$SPOOL/jobs/$1/$2.json" ]
}

# in_place, and its journal says so too: of most moves the event follows the rename
settled_in() {
    in_place "$1" "$2" && [ "$(jq -r '
        {accepted: "pending", requeued: (.to // "pending"), claimed: "processing", completed: "processed", deferred: "deferred", held: "hold", cancelled: "cancelled",
         failed: (if .batch then null else "failed" end), rejected: (if .batch then null else "failed" end)}[.event] // empty' "$SPOOL/journal/$2.ndjson" | tail -n 1)" = "$1" ]
}

# at PLACE NAME [ID]: the job comes to lie in that directory
at() {
    local id=${3:-$ID}
    if wait_for "$WAIT_S" settled_in "$1" "$id"; then
        result 0 "$2"
        return
    fi
    result 1 "$2" "$(printf 'wanted in %s, lies in: %s\n' "$1" "$(place "$id")"; cat "$SPOOL"/jobs/*/"$id.why" 2>/dev/null; events "$id" | tail -n 8)"
}

# events [ID]: the events of a job, a line each: name and reason
events() {
    jq -r '[.event, .reason // empty] | join(" ")' "$SPOOL/journal/${1:-$ID}.ndjson"
}

# event FILTER [ID]: what jq makes of the last line that the filter's select finds, e.g. 'select(.event == "held") | .reason'
event() {
    jq -r "$1" "$SPOOL/journal/${2:-$ID}.ndjson" | tail -n 1
}

# count_of EVENT [ID]
count_of() {
    jq -r .event "$SPOOL/journal/${2:-$ID}.ndjson" | grep -cx "$1"
}

has_events() {
    [ "$(count_of "$1" "$3")" -ge "$2" ]
}

# wait_event EVENT [COUNT [ID]]
wait_event() {
    wait_for "$WAIT_S" has_events "$1" "${2:-1}" "${3:-$ID}"
}

# why [ID]: the note that lies beside the job
why() {
    wait_for 5 compgen -G "$SPOOL/jobs/*/${1:-$ID}.why" >/dev/null
    cat "$SPOOL"/jobs/*/"${1:-$ID}.why"
}

# show FILTER [ID]: of the job as --json shows it
show() {
    bs show --json "${2:-$ID}" | jq -c "$1"
}

# No two lines of the journal can be exchanged, left out or edited without breaking this.
chain_ok() {
    perl -MDigest::SHA=sha256_hex -e '
        my ($prev, $seq) = ("0" x 64, 0);
        while (my $line = <>) {
            $seq++;
            die "line $seq has no end\n" unless chomp $line;
            $line =~ /^\{"v":1,"seq":$seq,"prev":"$prev","ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","event":"[a-z_]+","node":"/ or die "line $seq: $line\n";
            $prev = sha256_hex($line);
        }
        die "empty\n" unless $seq;' "$SPOOL/journal/${1:-$ID}.ndjson"
}

# verified NAME: nothing in the spool contradicts anything else
verified() {
    exits 0 "$1" bs verify
}

# aged ID DAYS: its journal says everything so many days earlier. For a daemon that does not run.
aged() {
    perl -MDigest::SHA=sha256_hex -MPOSIX=strftime -MTime::Local -e '
        my ($file, $days) = @ARGV; open my $in, "<", $file or die; my @lines = <$in>; my $prev = "0" x 64; my $out = "";
        for (@lines) { chomp;
            s/"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?Z"/my $t = timegm($6, $5, $4, $3, $2 - 1, $1) - $days * 86400; "\"" . strftime("%Y-%m-%dT%H:%M:%S", gmtime $t) . ($7 \/\/ "") . "Z\""/ge;
            s/"prev":"[0-9a-f]{64}"/"prev":"$prev"/; $prev = sha256_hex($_); $out .= "$_\n" }
        open my $to, ">", $file or die; print $to $out' "$SPOOL/journal/$1.ndjson" "$2"
}

# --- the daemon ---------------------------------------------------------------------------------------------------------

daemon_says() {
    grep -qF -- "$1" "$DIR/daemon.log"
}

# daemon_start OPTION...
daemon_start() {
    : >"$DIR/daemon.log"
    "$PROGRAMS/batchspoold" --foreground "$@" >>"$DIR/daemon.log" 2>&1 &
    DAEMON_PID=$!
    wait_for 5 daemon_says 'batchspoold runs' || { echo "Bail out! batchspoold does not start: $(tail -n 5 "$DIR/daemon.log")"; exit 1; }
}

# daemon_stop: SIGTERM; the exit code is in STATUS
daemon_stop() {
    kill "$DAEMON_PID" 2>/dev/null
    wait_for "$WAIT_S" ended "$DAEMON_PID" || kill -9 "$DAEMON_PID"
    wait "$DAEMON_PID" 2>/dev/null
    # shellcheck disable=SC2034
    STATUS=$?
    DAEMON_PID=''
}

# daemon_kill: SIGKILL, as a crash
daemon_kill() {
    kill -9 "$DAEMON_PID"
    wait "$DAEMON_PID" 2>/dev/null
    DAEMON_PID=''
}

# config JQ: changes the configuration
config() {
    jq "$1" "$BATCHSPOOL_CONFIG" >"$DIR/config" && mv "$DIR/config" "$BATCHSPOOL_CONFIG"
}

# --- setting up and clearing away ---------------------------------------------------------------------------------------

clear_away() {
    local status=$? pid
    trap - EXIT
    for pid in $DAEMON_PID $API_PID ${BACKGROUND[@]+"${BACKGROUND[@]}"}; do
        kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    mountpoint -q "$SPOOL/payloads" && umount "$SPOOL/payloads"
    if [ -n "${BATCHSPOOL_TEST_KEEP-}" ]; then
        echo "# kept: $DIR"
    else
        # A loader that a killed daemon left behind may still be at work.
        rm -rf "$DIR" 2>/dev/null || wait_for 5 rm -rf "$DIR"
    fi
    exit $status
}
trap clear_away EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p "$DIR/etc/sources" "$DIR/bytes"
mkdir -m 700 "$DIR/credentials"
(umask 077 && printf '%s' "$TOKEN" >"$DIR/credentials/api_token")
jq -n --arg spool "$SPOOL" '{spool: $spool, credentials: "../credentials", rescan_interval_s: 1}' >"$BATCHSPOOL_CONFIG"
bs init >"$DIR/out" 2>&1 || { echo "Bail out! batchspool init: $(cat "$DIR/out")"; exit 1; }

# --- the API that pages in every style -----------------------------------------------------------------------------------

# paged_start OPTION...: in place of the metered API; stat_of, api_reset and api_stop speak to it. It forgets all when it ends.
paged_start() {
    rm -f "$DIR/port"
    "$PROGRAMS/tools/pagedapi" --port-file "$DIR/port" "$@" >"$DIR/api.log" 2>&1 &
    API_PID=$!
    wait_for 5 test -s "$DIR/port" || { echo "Bail out! pagedapi does not start: $(cat "$DIR/api.log")"; exit 1; }
    API_URL=$(sed -n 's/^listening on //p' "$DIR/api.log")
}

# paged_set JSON: from the settings of its start on
paged_set() {
    local answer
    api_reset
    answer=$(curl -s -d "$1" "$API_URL/_set")
    [ "$answer" = '{"ok":true}' ] || result 1 "pagedapi takes $1" "$answer"
}

# asked NAME FILTER: of the requests of a source that came, an object each
asked() {
    curl -s "$API_URL/_log" | jq -rc "select(.url | test(\"[?&]tag=$1(&|\$)\")) | $2"
}

# source_paged NAME [JQ]: pages of 25 in the style that NAME begins with, up to a "-": page_number, offset, cursor, header_cursor, header_link, json_link, odata, single
source_paged() {
    local style=${1%%-*}
    jq -n --arg name "$1" --arg style "$style" '
        {name: $name, steps: [{http: {method: "GET", url: "", params: {tag: $name}}}], data_selector: "/data", primary_key: "/id",
         paginator: ({type: $style, limit: 25, max_limit: 500, limit_param: "limit", total_path: "/total"} + {
            page_number: {total_unit: "records"}, offset: {offset_param: "offset"}, cursor: {cursor_path: "/cursors/next"}, header_cursor: {cursor_key: "X-Next-Cursor"},
            header_link: {}, json_link: {next_url_path: "/next"}, odata: {type: "json_link", limit_param: "$top", total_path: "/@odata.count", next_url_path: "/@odata.nextLink"}}[$style]),
         error_handler: {max_retries: 3,
            backoff_strategies: [{type: "wait_time_from_header", header: "Retry-After"}, {type: "exponential", factor: 0.05, jitter_range_in_seconds: 0.01, max_s: 1}]},
         concurrency_level: {default_concurrency: 2, max_concurrency: 8}, timeout_s: 10, max_response_bytes: 8388608}
        | if $style == "odata" then .data_selector = "/value" elif $style == "single" then .paginator = {type: "single_page"} else . end' |
        jq "${2:-.}" >"$DIR/etc/sources/$1.json"
    define_source "$1" "$API_URL/$style"
}
