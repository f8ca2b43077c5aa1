// SPDX-License-Identifier: Apache-2.0
#include "base/dec.h"

#include "base/number.h"

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

#define PLACES 9
#define NANO INT64_C(1000000000)
#define INTEGER_DIGITS 18

static wide most(void) {
    return (wide)NANO * NANO * NANO - 1; /* 18 + 9 nines */
}

static struct dec clamp(wide nano) {
    wide limit = most();

    return (struct dec){.nano = nano > limit ? limit : nano < -limit ? -limit : nano};
}

bool dec_parse(struct slice text, struct dec *out) {
    struct number n;
    wide nano = 0;
    int64_t power; /* of ten, at which the digit at hand counts */

    if (!number_parse(text, &n)) {
        return false;
    }
    power = n.power;
    if (n.count > 0 && (power >= INTEGER_DIGITS || power - (int64_t)(n.count - 1) < -PLACES)) {
        return false;
    }
    for (size_t i = 0; i < n.count; i++) {
        nano = nano * 10 + number_digit(&n, i);
        power--;
    }
    for (power++; n.count > 0 && power > -PLACES; power--) {
        nano *= 10;
    }
    out->nano = n.negative ? -nano : nano;
    return true;
}

void dec_format(struct dec value, char out[DEC_TEXT_SIZE]) {
    char digits[DEC_TEXT_SIZE] = "";
    size_t count = 0, places = PLACES, at = 0;
    wide rest = clamp(value.nano).nano;

    if (rest < 0) {
        out[at++] = '-';
        rest = -rest;
    }
    while (rest > 0 || count <= PLACES) { /* least digit first, at least one before the point */
        digits[count++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    while (places > 2 && digits[PLACES - places] == '0') {
        places--;
    }
    for (size_t i = count; i > PLACES; i--) {
        out[at++] = digits[i - 1];
    }
    out[at++] = '.';
    for (size_t i = PLACES; i > PLACES - places; i--) {
        out[at++] = digits[i - 1];
    }
    out[at] = '\0';
}

struct dec dec_zero(void) {
    return (struct dec){.nano = 0};
}

struct dec dec_add(struct dec a, struct dec b) {
    return clamp(clamp(a.nano).nano + clamp(b.nano).nano);
}

struct dec dec_sub(struct dec a, struct dec b) {
    return clamp(clamp(a.nano).nano - clamp(b.nano).nano);
}

static wide times(wide a, uint64_t count) {
    wide product;

    if (__builtin_mul_overflow(a, (wide)count, &product)) {
        return a < 0 ? -most() : most();
    }
    return clamp(product).nano;
}

struct dec dec_times(struct dec a, uint64_t count) {
    return (struct dec){.nano = times(a.nano, count)};
}

struct dec dec_share(struct dec a, uint64_t count, uint64_t of) {
    wide value = clamp(a.nano).nano;
    uwide size = (uwide)(value < 0 ? -value : value);
    /* size = whole * of + rest, so that no product passes 128 bits: rest and count are both below 2^64. */
    wide whole = times((wide)(size / of), count);
    uwide part = size % of * count;
    wide sum = whole + (wide)(part / of) + (part % of != 0 ? 1 : 0);

    return clamp(value < 0 ? -sum : sum);
}

int dec_compare(struct dec a, struct dec b) {
    return (a.nano > b.nano) - (a.nano < b.nano);
}
