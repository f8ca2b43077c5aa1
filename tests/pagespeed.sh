# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The stand-in of PageSpeed Insights in a test, and the shipped definition for it. After lib.sh; api_stop ends it.

# psi_start OPTION...: sets API_URL; its key is psi-key
psi_start() {
    rm -f "$DIR/port"
    "$PROGRAMS/tools/pagespeedapi" --port-file "$DIR/port" --key psi-key "$@" >"$DIR/api.log" 2>&1 &
    API_PID=$!
    wait_for 5 test -s "$DIR/port" || { echo "Bail out! pagespeedapi does not start: $(cat "$DIR/api.log")"; exit 1; }
    API_URL=http://127.0.0.1:$(cat "$DIR/port")
}
# rules RULE,...: as in tools/pagespeedapi.c; none: what the URLs say themselves
rules() {
    local answer
    answer=$(curl -s -d "{\"rules\":[${1-}]}" "$API_URL/_rules")
    [ "$answer" = '{"ok":true}' ] || result 1 "rules are understood: $1" "$answer"
}
# asked FILTER: of the requests that came, an object each
asked() { curl -s "$API_URL/_log" | jq -rc "$1"; }
# psi_source [JQ [AS]]: the definition, with the stand-in's address and short waits; PSI_CACHE=1: and its cache
psi_source() {
    sed '/^ *\/\//d' "$ROOT/etc/sources/pagespeed.json" | jq --arg url "$API_URL" '.steps[0].http.url |= sub("https://pagespeedonline.googleapis.com"; $url)
        | if env.PSI_CACHE then . else del(.unit_cache) end
        | (.error_handler.response_filters[].max_retries | values) |= 8
        | .error_handler.throttle.max_tries = 8
        | .error_handler.backoff_strategies[1] |= (.factor = 0.05 | .jitter_range_in_seconds = 0.01 | .max_s = 1)' | jq --arg name "${2:-pagespeed}" "(${1:-.}) | .name = \$name" >"$DIR/etc/sources/${2:-pagespeed}.json"
}
