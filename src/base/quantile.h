// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_QUANTILE_H
#define BASE_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

/* The value that this share (0 to 1) of the values does not exceed (nearest rank: the median of two is the smaller one). count > 0. The values are put into
 * another order; in linear time, whatever they are. */
int64_t quantile_of(int64_t *values, size_t count, double share);

#endif
