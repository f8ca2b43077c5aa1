# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For tests of leases: the stand-in of a model and of an OCR service (tools/chatapi.c) at $CHAT, with $TOKEN as its key; CHAT_PID. Needs tests/lib.sh.
# shellcheck disable=SC2034
"$PROGRAMS/tools/chatapi" --port-file "$DIR/chat-port" --token "$TOKEN" >"$DIR/chat.log" 2>&1 &
CHAT_PID=$!
BACKGROUND+=("$CHAT_PID")
wait_for 5 test -s "$DIR/chat-port" || {
    echo 'Bail out! chatapi does not start'
    exit 1
}
CHAT=http://127.0.0.1:$(cat "$DIR/chat-port")

# set_chat JSON: begins anew, with these settings
set_chat() {
    curl -sf -o /dev/null -X POST "$CHAT/_reset"
    is '{"ok":true}' "$(curl -s -d "$1" "$CHAT/_set")" "chatapi takes ${1:0:60}"
}
