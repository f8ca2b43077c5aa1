#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Unit and functional tests once more, with the address and undefined behaviour sanitizers.
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build}-san
count=0 failed=0
one() {
    local name=$1 out
    shift
    count=$((count + 1))
    if out=$("$@" 2>&1); then echo "ok $count - $name"; else
        failed=$((failed + 1))
        printf '%s\n' "$out" | grep -v '^ok ' | tail -n 40 | sed 's/^/# /'
        echo "not ok $count - $name"
    fi
}
one 'unit tests' make -s -j2 SAN=address,undefined BUILD="$BUILD" all unit
for t in tests/functional/*.t; do one "$t" "$t"; done
echo "1..$count"
exit $((failed > 0))
