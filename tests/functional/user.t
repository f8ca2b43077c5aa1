#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Users and keys by the command line: where passwords come from, who may not go, what is kept of secrets.
. "$(dirname "$0")/../lib.sh"
command -v tmux >/dev/null || { echo 'Bail out! tmux is missing: make deps-check'; exit 1; }
term() { tmux -f /dev/null -S "$DIR/tmux" "$@"; }
screen() { term capture-pane -p -t user 2>/dev/null; }
shows() { screen | grep -qF -- "$1"; }
# seen TEXT NAME: the terminal comes to show it
seen() { wait_for "$WAIT_S" shows "$1" && result 0 "$2" || result 1 "$2" "$(printf 'wanted: %s\n' "$1"; screen)"; }

PASSWORD='correct horse battery'
printf '%s\n' "$PASSWORD" >"$DIR/password"
exits 0 'list without users' bs user list
like 'user add NAME --role admin' "$ERR" 'says how to make the first'
exits 64 'a user wants a role' bs user add root --password-file "$DIR/password"
exits 64 'one of the three' bs user add root --role king --password-file "$DIR/password"
exits 0 'the first admin, the password from a file' bs user add root --role admin --password-file "$DIR/password"
exits 0 'another user, the password from standard input' bash -c "printf '%s' '$PASSWORD' | '$PROGRAMS/batchspool' user add ops --role operator --password-file -"
exits 65 'a name twice' bs user add ops --role viewer --password-file "$DIR/password"
exits 65 'a name that is a path' bs user add ../ops --role viewer --password-file "$DIR/password"
printf 'short\n' >"$DIR/short"
exits 65 'a password that is too short' bs user add ann --role viewer --password-file "$DIR/short"
like '12 characters' "$ERR" 'says so'
printf '%s\n%s\n' "$PASSWORD" x >"$DIR/lines"
exits 65 'a file of two lines' bs user add ann --role viewer --password-file "$DIR/lines"
exits 66 'a file that is not there' bs user add ann --role viewer --password-file "$DIR/none"
is 'ops operator false,root admin false' "$(bs user list --json | jq -r '[.[] | "\(.name) \(.role) \(.disabled)"] | join(",")')" 'list --json'
exits 64 'the password is never an argument' bs user add ann --role viewer "$PASSWORD"
exits 64 'without a terminal' setsid -w "$PROGRAMS/batchspool" user add ann --role viewer
like 'password-file' "$ERR" 'says what to do'
is 660 "$(stat -c %a "$SPOOL/web/users.json")" 'users.json is for the group'
is 2770 "$(stat -c %a "$SPOOL/web")" 'and so is web/'

# --- who may not go
exits 65 'the last admin is not disabled' bs user disable root
exits 65 'nor demoted' bs user role root viewer
exits 65 'nor removed' bs user remove root
like 'last enabled admin' "$ERR" 'and it says why'
exits 0 'another role' bs user role ops admin
exits 0 'then he may go' bs user disable root
exits 65 'and the other not' bs user disable ops
exits 0 'and come back' bs user enable root
exits 66 'an unknown user' bs user disable nobody
exits 0 'another password' bs user passwd ops --password-file "$DIR/password"

# --- keys
exits 65 'a key wants a scope' bs user key add ops
exits 65 'that there is' bs user key add ops --scope raed
like 'did you mean "read"' "$ERR" 'the nearest one is named'
exits 66 'an unknown owner' bs user key add nobody --scope read
exits 65 'a role above the owner' bash -c "'$PROGRAMS/batchspool' user add low --role viewer --password-file '$DIR/password' && '$PROGRAMS/batchspool' user key add low --scope read --role operator"
exits 0 'a key' bs user key add ops --scope read,submit --scope cron --name 'nightly run' --role operator --days 7
key=$OUT
like '^bsk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$' "$key" 'is all that is printed'
id=${key:4:16}
is "$id nightly run operator read,submit,cron null" "$(bs user key list --json | jq -r '.[] | "\(.key_id) \(.name) \(.role) \(.scopes | join(",")) \(.last_used_at)"')" 'key list'
is '' "$(bs user key list root)" 'of another user'
is '' "$(grep -rlF -e "$key" -e "${key:21}" -e "$PASSWORD" "$SPOOL")" 'neither key nor password lies in the spool'
exits 0 'key remove' bs user key remove "$id"
exits 66 'twice' bs user key remove "$id"
exits 0 'a key that goes with its owner' bs user key add low --scope read
exits 0 'remove' bs user remove low
is '[]' "$(bs user key list --json)" 'took it'
is 'user.add,user.add,user.role,user.disable,user.enable,user.passwd,user.add,key.add,key.remove,key.add,user.remove' \
    "$(jq -rs 'map(.act) | join(",")' "$SPOOL/web/audit.ndjson")" 'each act is in the audit'

# --- at a terminal
term new-session -d -s user -x 100 -y 24 "env HOME=$DIR TERM=screen PS1='# ' sh" || { echo 'Bail out! tmux does not start'; exit 1; }
type_line() { term send-keys -t user -l -- "$1" && term send-keys -t user Enter; }
type_line "'$PROGRAMS/batchspool' user add tess --role viewer; echo code=\$?"
seen 'Password of tess' 'it asks'
type_line "$PASSWORD"
seen 'Once more' 'and again'
type_line "$PASSWORD"
seen 'code=0' 'and takes it'
is '' "$(screen | grep -F "$PASSWORD")" 'nothing of it is shown'
is true "$(bs user list --json | jq 'any(.name == "tess")')" 'the user is there'
type_line 'clear; echo sec"ond"'
seen second 'a clear screen'
type_line "'$PROGRAMS/batchspool' user passwd tess; echo code=\$?"
seen 'Password of tess' 'it asks'
type_line "$PASSWORD"
seen 'Once more' 'and again'
type_line "another $PASSWORD"
seen 'code=65' 'two that differ are refused'
type_line 'clear; echo th"ird"'
seen third 'a clear screen'
type_line "'$PROGRAMS/batchspool' user passwd tess; echo code=\$?"
seen 'Password of tess' 'it asks'
term send-keys -t user C-c
seen 'code=75' 'an interrupt ends it'
type_line 'clear; echo echo-is-"back"'
seen 'echo-is-back' 'and the echo is back'
term kill-server
finish
