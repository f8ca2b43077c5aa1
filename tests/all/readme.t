#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The README's tour, run as it stands there: every command succeeds and prints what the README says. Ids, times and rates differ from run to run; of `watch`, which prints as things happen, the last
# line is compared.
. "$(dirname "$0")/../lib.sh"
mkdir -p "$DIR/checkout/build/tools" "$DIR/steps"
ln -s "$PROGRAMS/batchspool" "$PROGRAMS/batchspoold" "$DIR/checkout/build/"
ln -s "$PROGRAMS/tools/meteredapi" "$DIR/checkout/build/tools/"
ln -s "$ROOT/etc" "$DIR/checkout/etc"
api_start
port=${API_URL##*:}
api_stop

# Each command goes to steps/NN.sh, what it shall print to steps/NN.want.
steps() {
    local line n=0 blank='' on='' file=''
    while IFS= read -r line; do
        case $line in
        'A tour') on=1 ;;
        'Looking after it' | 'Where things lie') on='' ;;
        '    $ '*)
            [ -n "$on" ] || continue
            n=$((n + 1)) blank=''
            file=$DIR/steps/$(printf %02d $n)
            printf '%s\n' "${line#'    $ '}" | sed "s/8089/$port/g" >"$file.sh"
            ;;
        '    '*)
            [ -z "$on" ] || printf '%s%s\n' "$blank" "${line#'    '}" >>"$file.want"
            blank=''
            ;;
        '') blank=$'\n' ;;
        esac
    done <"$ROOT/README"
}

same_form() {
    sed -E 's/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}/ID/g; s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/TIME/g; s/[0-9.]+\/s/RATE/g; s/^(time +)[0-9.]+ s/\1SECONDS/; s/ +[0-9]+s$/ AGE/'
}

steps
cat >"$DIR/tour.sh" <<'END'
unset BATCHSPOOL_CONFIG
trap 'trap - TERM; jobs -p | xargs -r kill; wait' EXIT
trap exit TERM
for step in "$1"/*.sh; do
    . "$step" >"${step%.sh}.out" 2>&1
    echo $? >"${step%.sh}.code"
    for _ in {1..100}; do # a person is slower than the daemon
        compgen -G 'spool/jobs/p*ing/*.json' >/dev/null || break
        sleep 0.05
    done
done
END
(cd "$DIR/checkout" && timeout 60 bash "$DIR/tour.sh" "$DIR/steps")
for step in "$DIR"/steps/*.sh; do
    command=$(cat "$step")
    lines=1000
    [[ $command != *'batchspool watch'* ]] || lines=1
    is 0 "$(cat "${step%.sh}.code" 2>&1)" "\$ $command"
    [ -e "${step%.sh}.want" ] || continue
    is "$(same_form <"${step%.sh}.want" | tail -n $lines)" "$(same_form <"${step%.sh}.out" | tail -n $lines)" 'prints what the README says'
done
result $((TESTS < 20)) 'the tour was found'
finish
