#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The crash runs with a source that lists ids for free: the list is a durable step more, and pages are asked for by their ids.
. "$(dirname "$0")/../crash/crash.sh"
api_start --records 10000 --preview ids
source_metered properties '.timeout_s = 3 | .max_response_bytes = 1048576 | .metering.free_fields = ["RadarID"]'

last=$(points)
counted 60 "$last" 'a delta purchase'
every_point "$last" kill eio enospc short
crash_finish
