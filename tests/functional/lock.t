#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One daemon a spool; a spool that is open to the world is refused.
. "$(dirname "$0")/../lib.sh"
api_start
source_free items
daemon_start
exits 75 'a second daemon is refused' "$PROGRAMS/batchspoold" --foreground
like 'lock|runs|already' "$ERR" 'and says why'
drop one 0 '{source: "items", count: 10}'
at processed 'the first is not disturbed'
daemon_kill
daemon_start
drop two 0 '{source: "items", count: 11}'
at processed 'a killed daemon leaves no lock behind'
daemon_stop
is 0 "$STATUS" 'SIGTERM'
exits 0 'init mends a spool that is there' bs init
chmod o+rx "$SPOOL"
exits 78 'a spool that is open to the world is refused at start' "$PROGRAMS/batchspoold" --foreground
like 'init|chmod' "$ERR" 'and says how to mend it'
exits 0 'init mends it' bs init
daemon_start
rm -rf "$SPOOL/jobs/deferred"
daemon_stop
exits 78 'a directory that is missing is told at start' "$PROGRAMS/batchspoold" --foreground
like 'deferred' "$ERR" 'by name'
exits 0 'init makes it' bs init
verified 'verify finds no difference'
finish
