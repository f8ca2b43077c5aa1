// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

/* Local time of named zones, from the system's own time zone data (tzdata). Uses the process's TZ, under a lock of its own, so from any thread; nothing
 * else in the process may look at local time. */

#define ZONE_NAME_SIZE 64

/* "UTC", or a name of the IANA data base that this machine has ("America/New_York"). Nothing else is: no POSIX rules, no paths. */
bool zone_known(const char *name);
/* Seconds east of UTC at this instant (seconds since the epoch). name is known. */
int64_t zone_offset_s(const char *name, int64_t utc_s);
/* The instants at which the zone's clock reads local_s (seconds since the epoch of a clock face that is read as if it were UTC), in order: none in the gap when
 * the clock is put forward, two when it is put back. */
unsigned zone_instants(const char *name, int64_t local_s, int64_t out[2]);
/* The first instant at which the zone's clock reads local_s; of one that is in a gap, that at which the clock is put forward over it. */
int64_t zone_first_s(const char *name, int64_t local_s);
/* The first instant of the local day that lies `days` after that of utc_s (0: its own). */
int64_t zone_day_start_s(const char *name, int64_t utc_s, int days);

#endif
