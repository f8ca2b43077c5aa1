#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each fuzz target for a little while (FUZZ_S seconds).
cd "$(dirname "$0")/../.." || exit 1
echo 1..1
if out=$(make -s fuzz FUZZ_S="${FUZZ_S:-20}" BUILD="${BUILD:-build}" 2>&1); then echo 'ok 1 - fuzz targets'; else
    printf '%s\n' "$out" | sed 's/^/# /'
    echo 'not ok 1 - fuzz targets'
    exit 1
fi
