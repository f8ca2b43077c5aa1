# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For tests of notices, behind lib.sh: tests/sink.pl below $SINK, and a configuration that leads there. sink_start again takes the same ports.

SINK=$DIR/sink SINK_PID=''
mkdir -p "$SINK"

sink_start() {
    rm -f "$SINK/up"
    "$ROOT/tests/sink.pl" "$SINK" 2>"$SINK/log" &
    SINK_PID=$!
    BACKGROUND+=("$SINK_PID")
    wait_for 5 test -e "$SINK/up" || { echo "Bail out! tests/sink.pl does not start: $(cat "$SINK/log")"; exit 1; }
    SMTP=$(cat "$SINK/smtp-port")
    HTTP=$(cat "$SINK/http-port")
}

sink_stop() {
    kill "$SINK_PID" && wait "$SINK_PID" 2>/dev/null
    SINK_PID=''
}

smtp_says() { printf '%s\n' "$@" >"$SINK/smtp-mode"; }
http_says() { printf '%s\n' "$@" >"$SINK/http-mode"; }

# mails [WORD]: how many messages that have it were taken
mails() { find "$SINK/mail" -type f -exec grep -lF -- "${1-envelope}" {} + 2>/dev/null | wc -l; }
mails_are() { [ "$(mails "${2-envelope}")" = "$1" ]; }
posts() { find "$SINK/http" -type f -exec grep -lF -- "${1-HTTP}" {} + 2>/dev/null | wc -l; }
posts_are() { [ "$(posts "${2-HTTP}")" -ge "$1" ]; }
sink_clear() { rm -f "$SINK"/mail/* "$SINK"/http/*; }

# mail_of WORD: the newest message that has it
mail_of() { find "$SINK/mail" -type f -exec grep -lF -- "$1" {} + | sort | tail -n 1 | xargs -r cat; }

# notices STATE: how many lie there
notices() { find "$SPOOL/notices/$1" -name '*.json' | wc -l; }
notices_are() { [ "$(notices "$1")" = "$2" ]; }

# notices_config JQ: the object `notices`, with mail to the sink
notices_config() {
    config ".notices = ({smtp: {url: \"smtp://127.0.0.1:$SMTP\", tls: \"none\"}, from: \"Batch jobs <batch@example.com>\", retry: \"PT1S\",
        allow: [\"example.com\"], webhook: {secret: \"hook\"}} | ${1-.})"
}
