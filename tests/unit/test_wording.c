// SPDX-License-Identifier: Apache-2.0
#include "helper/wording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GBP "\xc2\xa3"

static const struct {
    const char *a, *b;
    enum wording wanted;
} TEXTS[] = {
    /* the same */
    {"Ten (10) years", "10 years", WORDING_SAME},
    {"ten years", "10 yrs", WORDING_SAME},
    {GBP "20,000 per annum", "GBP 20000.00 a year", WORDING_SAME},
    {GBP "20,000 (twenty thousand pounds) per annum", "twenty thousand pounds sterling p.a.", WORDING_SAME},
    {"4 per cent", "4%", WORDING_SAME},
    {"four percent above the base rate", "4% above base rate", WORDING_SAME},
    {"from 25th day of March 2019", "from 25 March 2019", WORDING_SAME},
    {"March 25, 2019", "2019-03-25", WORDING_SAME},
    {"25/03/2019", "25 March 2019", WORDING_SAME},
    {"3/4/2019", "4 March 2019", WORDING_SAME}, /* it may be read so */
    {"the Lessee\xe2\x80\x99s covenants", "Tenant's covenants", WORDING_SAME},
    {"non\xe2\x80\x91structural", "non-structural", WORDING_SAME},
    {"one hundred and twenty-five years", "125 years", WORDING_SAME},
    {"2,450 square feet", "2450 sq ft", WORDING_SAME},
    {"AV 123456", "AV123456", WORDING_SAME},
    /* one has more */
    {"six months' notice", "not less than six (6) months\xe2\x80\x99 notice in writing", WORDING_RIGHT_HAS_MORE},
    {"England and Wales", "the law of England and Wales", WORDING_RIGHT_HAS_MORE},
    {"quarterly in advance on the usual quarter days", "the usual quarter days", WORDING_LEFT_HAS_MORE},
    {"1 Quay Street", "1 Quay St, Bristol BS1 4DJ", WORDING_RIGHT_HAS_MORE},
    /* other words */
    {"not to assign without the landlord's consent", "assignment of the whole permitted with the landlord's prior written consent to assign", WORDING_RELATED},
    {"Landlord may enter on 48 hours' notice", "The landlord is entitled to enter the premises after giving 48 hours' prior written notice", WORDING_RELATED},
    {"consent, not to be unreasonably withheld, is needed for subletting", "subletting needs consent that may be withheld with good reason", WORDING_RELATED},
    {"Tenant keeps the premises in good and substantial repair (clause 6.1)", "repair: premises in good and substantial condition, see clause 6.4",
     WORDING_RELATED},
    {"4 percent above the base rate of Barclays Bank", "4% over Barclays' base lending rate from time to time", WORDING_RELATED},
    /* something else */
    {"10 years", "12 years", WORDING_DIFFERENT},
    {"5 years", "25 years", WORDING_DIFFERENT},
    {"3 months", "3 years", WORDING_DIFFERENT},
    {GBP "20,000", "$20,000", WORDING_DIFFERENT},
    {"25 March 2019", "24 March 2019", WORDING_DIFFERENT},
    {"pets are permitted", "no pets are permitted", WORDING_DIFFERENT},
    {"subletting is prohibited", "subletting is allowed", WORDING_DIFFERENT},
    {"England", "Scotland", WORDING_DIFFERENT},
    {"Landlord insures the building", "Tenant insures the building", WORDING_DIFFERENT},
    {"10 High Street, Bristol", "12 High Street, Bristol", WORDING_DIFFERENT},
    {"coffee shop within Class E", "dental surgery", WORDING_DIFFERENT},
    {"Landlord may enter on 48 hours' notice", "Landlord may enter on 24 hours' notice", WORDING_DIFFERENT},
    {"", "x", WORDING_DIFFERENT},
};

static void test_texts(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        const enum wording turned = TEXTS[i].wanted == WORDING_LEFT_HAS_MORE    ? WORDING_RIGHT_HAS_MORE
                                    : TEXTS[i].wanted == WORDING_RIGHT_HAS_MORE ? WORDING_LEFT_HAS_MORE
                                                                                : TEXTS[i].wanted;
        const enum wording one = wording_compare(TEXTS[i].a, TEXTS[i].b), other = wording_compare(TEXTS[i].b, TEXTS[i].a);
        if (one != TEXTS[i].wanted || other != turned)
            fail_msg("\"%s\", \"%s\": %d and %d, not %d", TEXTS[i].a, TEXTS[i].b, (int)one, (int)other, (int)TEXTS[i].wanted);
    }
}

static const struct {
    const char *a, *b;
    enum wording wanted;
} NAMES[] = {
    {"HARBOUR ESTATES LIMITED", "Harbour Estates Ltd.", WORDING_SAME},
    {"Harbour Estates Ltd", "Harbour Estates", WORDING_LEFT_HAS_MORE},
    {"Bright and Sons LLP", "Bright & Sons LLP", WORDING_SAME},
    {"Harbour Estates Limited", "HARBOUR ESTATES LIMITED (company number 04412345)", WORDING_RIGHT_HAS_MORE},
    {"the Trustees of the Smith Settlement", "Trustees of the Smith Settlement", WORDING_SAME},
    {"NGL 12345", "NGL12345", WORDING_SAME},
    {"Harbour Estates Limited", "Harbour Estates LLP", WORDING_DIFFERENT},
    {"NORTHWIND COFFEE LIMITED", "NORTHWIND HOLDINGS PLC", WORDING_DIFFERENT},
    {"Northwind Limited", "Northwind Coffee Limited", WORDING_DIFFERENT},
    {"John Smith", "Jane Smith", WORDING_DIFFERENT},
    {"NGL12345", "NGL12346", WORDING_DIFFERENT},
};

static void test_names(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const enum wording wording = wording_names(NAMES[i].a, NAMES[i].b);
        if (wording != NAMES[i].wanted)
            fail_msg("\"%s\", \"%s\": %d, not %d", NAMES[i].a, NAMES[i].b, (int)wording, (int)NAMES[i].wanted);
    }
}

static void test_quantities(void **state) {
    (void)state;
    assert_true(wording_quantity(10, "years", 10, NULL));
    assert_true(wording_quantity(10, "years", 120, "months"));
    assert_true(wording_quantity(2, "weeks", 14, "days"));
    assert_true(wording_quantity(12.5, "%", 12.5, "per cent"));
    assert_true(wording_quantity(2450, "sq. ft.", 227.6, "square metres"));
    assert_false(wording_quantity(2450, "sq. ft.", 240, "square metres"));
    assert_false(wording_quantity(10, "years", 10, "months"));
    assert_false(wording_quantity(100, "GBP", 100, "USD"));
    assert_true(wording_quantity(100, GBP, 100, "pounds sterling"));
    assert_true(wording_currency("GBP", GBP));
    assert_true(wording_currency("US$", "USD"));
    assert_false(wording_currency("GBP", "EUR"));
}

/* Of any length, and of anything. */
static void test_odd(void **state) {
    (void)state;
    char *one = malloc(200001), *other = malloc(200001);
    for (size_t i = 0; i < 200000; i++) {
        one[i] = "ab 1,\xc2\xa3$./"[i % 10];
        other[i] = (char)(1 + i % 255);
    }
    one[200000] = other[200000] = '\0';
    (void)wording_compare(one, other);
    (void)wording_names(one, other);
    assert_int_equal(wording_compare(one, one), WORDING_SAME);
    free(one);
    free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_names), cmocka_unit_test(test_quantities),
                                       cmocka_unit_test(test_odd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
