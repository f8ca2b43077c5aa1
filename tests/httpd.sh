# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The web program in a test: its start and end, its users, and what they ask. After lib.sh.
URL='' HTTPD_PID=''

httpd_says() {
    grep -qF -- "$1" "$DIR/httpd.log"
}

httpd_start() {
    : >"$DIR/httpd.log"
    "$PROGRAMS/batchspool-httpd" --listen 127.0.0.1:0 >>"$DIR/httpd.log" 2>&1 &
    HTTPD_PID=$!
    BACKGROUND+=("$HTTPD_PID")
    wait_for 5 httpd_says 'batchspool-httpd runs' || { echo "Bail out! batchspool-httpd does not start: $(tail -n 3 "$DIR/httpd.log")"; exit 1; }
    URL=$(grep -o 'http://127[0-9.:]*' "$DIR/httpd.log" | tail -n 1)
}

# httpd_stop [NAME]
httpd_stop() {
    kill "$HTTPD_PID"
    wait "$HTTPD_PID" 2>/dev/null
    is 0 $? "${1-batchspool-httpd ends in good order}"
}

# user NAME ROLE SCOPE...: with a key in KEY_NAME
user() {
    local name=$1 role=$2 scopes=()
    shift 2
    printf 'correct horse battery staple\n' | bs user add "$name" --role "$role" --password-file - >"$DIR/out" 2>&1 || { echo "Bail out! user add: $(cat "$DIR/out")"; exit 1; }
    for scope in "$@"; do scopes+=(--scope "$scope"); done
    printf -v "KEY_$name" %s "$(bs user key add "$name" --json "${scopes[@]}" | jq -r .key)"
}

# as NAME PATH [CURL-OPTION...]
as() {
    local key=KEY_$1
    curl -s -H "Authorization: Bearer ${!key}" "${@:3}" "$URL$2"
}
