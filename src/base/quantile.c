// SPDX-License-Identifier: Apache-2.0
#include "base/quantile.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void swap(int64_t *a, int64_t *b) {
    const int64_t value = *a;
    *a = *b;
    *b = value;
}

/* Divide by the median of three (Hoare): all up to the answer are at most what follows. */
static size_t divide(int64_t *values, size_t low, size_t high) {
    const size_t middle = low + (high - low) / 2;
    if (values[middle] < values[low])
        swap(&values[middle], &values[low]);
    if (values[high] < values[low])
        swap(&values[high], &values[low]);
    if (values[high] < values[middle])
        swap(&values[high], &values[middle]);
    const int64_t pivot = values[middle];
    size_t i = low, j = high;
    for (;;) {
        while (values[i] < pivot)
            i++;
        while (values[j] > pivot)
            j--;
        if (i >= j)
            return j;
        swap(&values[i++], &values[j--]);
    }
}

int64_t quantile_of(int64_t *values, size_t count, double share) {
    const double place = share * (double)count;
    size_t rank = place <= 1 ? 0 : (size_t)place - ((double)(size_t)place >= place), low = 0, high = count - 1;
    if (rank >= count)
        rank = count - 1;
    /* An order that makes each division a bad one is sorted instead. */
    for (int turns = 0; low < high; turns++) {
        if (turns == 64) {
            qsort(&values[low], high - low + 1, sizeof *values, by_value);
            break;
        }
        const size_t at = divide(values, low, high);
        if (rank <= at)
            high = at;
        else
            low = at + 1;
    }
    return values[rank];
}
