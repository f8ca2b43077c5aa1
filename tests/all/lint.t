#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Form and static checkers have nothing to complain about.
cd "$(dirname "$0")/../.." || exit 1
echo 1..1
if out=$(tests/lint 2>&1); then echo 'ok 1 - lint'; else
    printf '%s\n' "$out" | sed 's/^/# /'
    echo 'not ok 1 - lint'
    exit 1
fi
