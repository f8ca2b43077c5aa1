#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# STORM_MOVES (100000) random moves, legal and illegal, by a script against the running daemon, which is killed, stopped and flooded with events meanwhile: nothing is lost, nothing runs twice,
# each illegal move is put right and told of. STORM_SEED repeats a sequence (as far as the daemon's own pace allows).
. "$(dirname "$0")/../lib.sh"
moves=${STORM_MOVES:-100000}
seed=${STORM_SEED:-$$}
echo "# STORM_SEED=$seed STORM_MOVES=$moves"
api_start --records 4000000 --record-bytes 300
source_metered properties '.paginator.limit = 20 | .concurrency_level.max_concurrency = 4'
source_free items '.paginator.limit = 100'
source_free blocked '.api_budget = {policies: [{type: "moving_window", rates: [{limit: 1, interval: "PT6H"}]}]}'
faults '{"kind": "delay", "ms": 12, "on": "any", "count": -1}'
export SPOOL DIR PROGRAMS API_URL
perl "$ROOT/tests/all/storm.pl" "$moves" "$seed" >"$DIR/result" 2>"$DIR/storm.err"
is 0 $? 'the storm ends'
grep '^# ' "$DIR/result"
cat "$DIR/storm.err"
for kind in daemon drop chain not-settled unexplained place unfinished lost twice payload captured loaded in-flight charge name log verify; do
    is '' "$(grep "^$kind: " "$DIR/result")" "nothing wrong: $kind"
done
finish
